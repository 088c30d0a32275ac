"""Which labs there are: the folders of `labs/`, and what their topology files say of themselves."""

from __future__ import annotations

import datetime
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from netlib.lab.errors import LabError, printable
from netlib.lab.lab import FILE_NAME, shelves
from netlib.lab.topology import read_topology

RECORDING = "recording.zip"
SIZE_LIMIT = 1 << 20  # bytes of a recording, and of what it says about itself


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
            if path.is_file():  # and no link to /dev/zero
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
        lines.append(printable(line[1:].removeprefix(" ").rstrip().expandtabs()))
    while lines and not lines[-1]:
        lines.pop()
    return lines


def recording_date(path: Path) -> str:
    """The day of a recording, as YYYY-MM-DD; empty where there is none that could be read."""
    if not path.is_file() or path.stat().st_size > SIZE_LIMIT:
        return ""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("about.json") as file:
            return datetime.date.fromisoformat(json.loads(file.read(SIZE_LIMIT))["date"]).isoformat()
    except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return ""
