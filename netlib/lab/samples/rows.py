"""What the parsers have in common: rows, JSON of iproute2, and the error for what cannot be read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from netlib.lab.errors import LabError

Value = str | int | float | bool
Row = dict[str, Value]


class Unreadable(LabError):
    """A tool printed something of another shape than it is known to print."""

    def __init__(self, tool: str, text: str):
        super().__init__(f"{tool} printed what cannot be read here: {text.strip()[:100]!r}; its version may be another")


def read_json(tool: str, text: str) -> list[dict[str, Any]]:
    """The list of objects that `ip -j` and `bridge -j` print; an empty output is an empty list."""
    try:
        found = json.loads(text) if text.strip() else []
    except ValueError:
        raise Unreadable(tool, text) from None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Unreadable(tool, text)
    return [each for each in found if each]  # iproute2 prints {} for what it has filtered out


def pick(tool: str, entry: Mapping[str, Any], names: Mapping[str, str], ignored: set[str]) -> Row:
    """A row of an object: `names` says which of its keys are which columns; further ones go to "unread"."""
    row: Row = {}
    unread = []
    for key, value in entry.items():
        if isinstance(value, list):
            value = " ".join(map(str, value))
        if key in names and isinstance(value, str | int | float | bool):
            row[names[key]] = value
        elif key not in ignored and value not in ("", None):
            unread.append(f"{key}={value}")
    if unread:
        row["unread"] = " ".join(unread)
    missing = [name for name in names.values() if name in REQUIRED.get(tool, ()) and name not in row]
    if missing:
        raise Unreadable(tool, json.dumps(entry))
    return row


REQUIRED = {"ip neigh": {"address", "interface"}, "ip route get": {"destination"}, "bridge fdb": {"mac", "interface"}}
