"""A recording: what the commands and captures of a lab gave, in a zip file beside its topology.

    about.json      which lab, of which topology (a digest), when, on which kernel and engine, with which programs
    commands.json   each command in order: node, argv, stdin, status, output, how long it took
    captures.json   each capture in order: node, interface, and how far it was at each look
    asked.json      each other request that has an answer of plain data, such as a wan's settings and counters
    data/<digest>   outputs, inputs and pcap files; what is equal is there once

The file is written with fixed dates and in a fixed order, so that it differs only where the lab did. Reading is strict:
whatever is not as written here is one LabError. Nothing in it is executed or unpacked to a folder.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from netlib.lab.errors import LabError
from netlib.lab.topology import Topology

FILE_NAME = "recording.zip"
FORMAT = 1
AIM = 100_000  # bytes that a recording should not exceed: it is part of the course's files
LIMIT = 1_000_000  # bytes that it may not exceed
UNPACKED_LIMIT = 64 << 20  # bytes of all that is in it
_TABLES = ("about.json", "commands.json", "captures.json", "asked.json")
_DATA = re.compile(r"data/[0-9a-f]{16}")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip file can say


@dataclass(frozen=True, slots=True)
class About:
    """Where a recording comes from."""

    lab: str
    topology: str  # `digest` of the topology file
    date: str  # such as "2026-11-23"
    kernel: str  # such as "Linux 6.18"
    engine: str
    netlib: str  # its version
    versions: Mapping[str, str]  # program -> the line in which it tells its version

    @property
    def day(self) -> str:
        """Its date in words: 23 November 2026."""
        date = datetime.date.fromisoformat(self.date)
        return f"{date.day} {_MONTHS[date.month - 1]} {date.year}"


@dataclass(frozen=True, slots=True)
class RecordedCommand:
    """A command, with all that it read and wrote."""

    node: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    stdin: bytes | None  # None: it was given none
    stdin_whole: bool  # False: it ended before it had read all its input
    stdout: bytes
    stderr: bytes
    status: int | None  # None: it ran until the lab went down
    killed: bool  # the notebook ended it; so it lives on until it is killed again
    pid: int
    errno: int | None  # of a command that could not be started
    seconds: float


@dataclass(frozen=True, slots=True)
class RecordedCapture:
    """A capture's pcap file. Each look at it found `bytes` of it written, with `frames` in them and `lost` besides.

    It ran while the commands from number `first` to before `last` were started: that tells it from other captures of
    the same interface.
    """

    node: str
    interface: str
    pcap: bytes
    looks: tuple[tuple[int, int, int], ...]  # bytes, frames, lost
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """A request that is answered with plain data."""

    node: str
    op: str
    arguments: Mapping[str, Any]
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recording:
    about: About
    commands: tuple[RecordedCommand, ...]
    captures: tuple[RecordedCapture, ...]
    asked: tuple[RecordedAnswer, ...]


_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_BLOBS = {"stdin", "stdout", "stderr", "pcap"}
_Row = TypeVar("_Row", RecordedCommand, RecordedCapture, RecordedAnswer)


def digest(topology: Topology) -> str:
    """What tells one state of a topology's file from another, whichever line ends it has; empty without a file."""
    try:
        text = (topology.folder / Path(topology.path).name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return hashlib.sha256(text.encode()).hexdigest()


def write_recording(recording: Recording, path: Path) -> int:
    """Write the file, whole or not at all; its size in bytes. LabError when it would be too large."""
    data = pack(recording)
    if len(data) > LIMIT:
        largest = max(_sizes(recording), default=(0, "nothing"))
        raise LabError(
            f"{path.name} of lab {recording.about.lab} would have {len(data) / 1e6:.1f} MB, and "
            f"{LIMIT / 1e6:.0f} MB is the most; let the tour print or capture less (most is {largest[1]})"
        )
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".recording-", delete=False) as file:
            file.write(data)
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
    except OSError as error:
        raise LabError(f"{path} cannot be written: {error.strerror}") from None
    return len(data)


def _sizes(recording: Recording) -> list[tuple[int, str]]:
    """How large each part is, packed as it will be."""
    sizes = [(len(zlib.compress(c.pcap)), f"the capture of {c.node}:{c.interface}") for c in recording.captures]
    for each in recording.commands:
        sizes.append((len(zlib.compress(each.stdout + each.stderr)), f"{each.node}: {' '.join(each.argv)[:60]}"))
    return sizes


def pack(recording: Recording) -> bytes:
    """The recording as a file's bytes."""
    data: dict[str, bytes] = {}
    about = {field.name: getattr(recording.about, field.name) for field in fields(About)}
    tables: dict[str, Any] = {
        "about.json": {"format": FORMAT, **about},
        "commands.json": [_row(each, data) for each in recording.commands],
        "captures.json": [_row(each, data) for each in recording.captures],
        "asked.json": [_row(each, data) for each in recording.asked],
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in _TABLES:
            _add(archive, name, _json(tables[name]))
        for name in sorted(data):
            _add(archive, name, data[name])
    return buffer.getvalue()


def _row(record: RecordedCommand | RecordedCapture | RecordedAnswer, data: dict[str, bytes]) -> dict[str, Any]:
    row = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name in _BLOBS and value is not None:
            name = "data/" + hashlib.sha256(value).hexdigest()[:16]
            data[name] = value
            value = name
        row[field.name] = value
    return row


def _json(value: Any) -> bytes:
    """JSON, a line for each row: git shows what has changed."""
    if isinstance(value, list):
        return ("[\n" + ",\n".join(json.dumps(each, sort_keys=True) for each in value) + "\n]\n").encode()
    return (json.dumps(value, sort_keys=True, indent=1) + "\n").encode()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system = 3  # Unix, wherever it is written
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)


def read_recording(path: Path) -> Recording:
    """The recording in the file. LabError, one line, for one that is damaged or something else."""
    try:
        return _read(path)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or "it ends too soon"
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
    raise LabError(f"{path} is no recording that can be read: {reason}; record it anew: netlib lab record")


def _read(path: Path) -> Recording:
    if path.stat().st_size > LIMIT:
        raise ValueError(f"it is larger than {LIMIT / 1e6:.0f} MB")
    with zipfile.ZipFile(path) as archive:
        contents: dict[str, bytes] = {}
        left = UNPACKED_LIMIT
        for entry in archive.infolist():
            if entry.filename in contents or not (entry.filename in _TABLES or _DATA.fullmatch(entry.filename)):
                raise ValueError(f"{entry.filename!r} does not belong in it")
            with archive.open(entry) as file:
                content = file.read(left + 1)
            left -= len(content)
            if left < 0:
                raise ValueError(f"more than {UNPACKED_LIMIT >> 20} MiB are in it")
            contents[entry.filename] = content
    for name, content in contents.items():
        if name.startswith("data/") and not hashlib.sha256(content).hexdigest().startswith(name[5:]):
            raise ValueError(f"{name} is not what was recorded")
    missing = [name for name in _TABLES if name not in contents]
    if missing:
        raise ValueError(f"{missing[0]} is not in it")
    tables = {name: json.loads(contents[name]) for name in _TABLES}
    return Recording(
        _about(tables["about.json"]),
        _rows(RecordedCommand, tables["commands.json"], contents),
        _rows(RecordedCapture, tables["captures.json"], contents),
        _rows(RecordedAnswer, tables["asked.json"], contents),
    )


def _about(table: Any) -> About:
    _check_keys("about.json", table, {"format", *(field.name for field in fields(About))})
    if table.pop("format") != FORMAT:
        raise ValueError(f"another netlib has written it (this one reads format {FORMAT})")
    for name, value in table.items():
        _check("about.json", name, value)
        texts = [*value, *value.values()] if isinstance(value, dict) else [value]
        if not all(map(str.isprintable, texts)):
            raise ValueError(f"{name} of about.json has characters that do not print")  # a terminal will show it
    datetime.date.fromisoformat(table["date"])
    return About(**table)


def _rows(kind: type[_Row], table: Any, contents: Mapping[str, bytes]) -> tuple[_Row, ...]:
    if not isinstance(table, list):
        raise ValueError(f"the list of each {kind.__name__} is not a list")
    rows = []
    for row in table:
        _check_keys(kind.__name__, row, {field.name for field in fields(kind)})
        for name, value in row.items():
            _check(kind.__name__, name, value)
            if name in _BLOBS and value is not None:
                if value not in contents or not value.startswith("data/"):
                    raise ValueError(f"{value} is not in it")
                row[name] = contents[value]
        rows.append(kind(**{name: _frozen(value) for name, value in row.items()}))
    return tuple(rows)


def _check_keys(what: str, row: Any, expected: set[str]) -> None:
    if not isinstance(row, dict) or set(row) != expected:
        raise ValueError(f"{what} must have {', '.join(sorted(expected))}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_look(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(_is_number(each) and each >= 0 for each in value)


# What a value must be, by its name; all others are text
_CHECKS: dict[str, Any] = {
    "versions": _is_texts,
    "env": _is_texts,
    "argv": lambda value: isinstance(value, list) and bool(value) and all(map(_is_text, value)),
    "stdin": lambda value: value is None or _is_text(value),
    "stdin_whole": lambda value: isinstance(value, bool),
    "killed": lambda value: isinstance(value, bool),
    "status": lambda value: value is None or _is_number(value),
    "errno": lambda value: value is None or _is_number(value),
    "pid": _is_number,
    "first": _is_number,
    "last": _is_number,
    "seconds": lambda value: isinstance(value, int | float) and value >= 0,
    "looks": lambda value: isinstance(value, list) and all(map(_is_look, value)),
    "arguments": lambda value: isinstance(value, dict),
    "answer": lambda value: isinstance(value, dict),
}


def _check(what: str, name: str, value: Any) -> None:
    if not _CHECKS.get(name, _is_text)(value):
        raise ValueError(f"{name} of {what} cannot be {str(value)[:40]!r}")


def _frozen(value: Any) -> Any:
    """Lists of JSON as tuples, at the outer two levels, where the records have them."""
    if isinstance(value, list):
        return tuple(tuple(each) if isinstance(each, list) else each for each in value)
    return value
