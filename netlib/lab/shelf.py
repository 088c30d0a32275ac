"""Which labs there are: the folders of `labs/`, and what their topology files say of themselves."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from netlib.lab.errors import LabError
from netlib.lab.lab import FILE_NAME, shelves
from netlib.lab.topology import read_topology

RECORDING = "recording.zip"


@dataclass(frozen=True)
class OnShelf:
    """A lab that could be started. `trouble` says in a line why its topology cannot be read."""

    name: str
    path: Path
    shows: str  # the first comment line
    nodes: tuple[str, ...] = ()
    recorded: str = ""  # a date such as 2026-11-23; empty without a recording
    trouble: str = ""


def all_labs() -> list[OnShelf]:
    """The labs here, in folders above, and with netlib; the nearest of a name. In the order of their names."""
    found: dict[str, Path] = {}
    for shelf in shelves():
        for path in shelf.glob(f"*/{FILE_NAME}"):
            found.setdefault(path.parent.name, path)
    return [describe(found[name]) for name in sorted(found)]


def describe(path: Path) -> OnShelf:
    """What the topology file at `path` says."""
    name = path.parent.name
    try:
        comments = first_comments(path)
        recorded = recording_date(path.with_name(RECORDING))
        topology = read_topology(path)
    except LabError as error:
        return OnShelf(name, path, "", trouble=str(error))
    return OnShelf(name, path, comments[0] if comments else "", tuple(topology.nodes), recorded)


def first_comments(path: Path) -> list[str]:
    """The comment lines that a topology file begins with, without their #: what it shows, then its drawing."""
    lines = []
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise LabError(f"{path}: cannot be read: {error.strerror}") from None
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].removeprefix(" ").rstrip())
    while lines and not lines[-1]:
        lines.pop()
    return lines


def recording_date(path: Path) -> str:
    """The day of a recording, as YYYY-MM-DD; empty where there is none that could be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return str(json.loads(archive.read("about.json"))["date"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return ""
