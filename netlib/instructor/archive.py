"""What lies in a folder or a zip file that others filled: listed and copied, never trusted.

`members` lists a source as `Member`s, a folder or a zip file alike, zip files inside it opened one level deep.
Nothing is unpacked: a member's bytes are asked for one by one (`Member.copy`) and go where the caller says, so no name
in an archive ever becomes a path here.

Rules:

- Links are not followed: symbolic links, hard links, and links as zip members. Pipes, devices and sockets stay closed.
- How much is read is bounded by what comes out, not by what an archive says about itself: for each member, each
  listing, each depth.
- What can't be had is a Member whose `trouble` says why in one line; the others are not affected.

Whose a member is, and which of them counts, is `collect`'s matter.
"""

from __future__ import annotations

import io
import os
import re
import stat
import tempfile
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from heapq import nsmallest
from pathlib import Path
from typing import IO, Any

MOST_BYTES = 256 * 1024 * 1024  # of one member
MOST_MEMBERS = 100_000  # of one zip file
MOST_IN_FOLDER = 20_000  # names in one folder
MOST_BELOW = (1_000_000, 100_000, 20_000)  # files below the source, a folder in it, and a folder in that
MOST_DEPTH = 16  # folders in folders
MOST_LISTING = 16 * 1024 * 1024  # bytes of a zip file's directory, which is read at once
CHUNK = 1024 * 1024
# What a computer or Jupyter puts beside a student's files
JUNK = {"__macosx", ".ipynb_checkpoints", "thumbs.db", "desktop.ini", ".ds_store", "__pycache__"}
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the others unpack with as much memory as the archive says
LEADS_OUT = "a path that leads out of the archive"
ENCRYPTED, UTF8 = 0x1, 0x800  # bits of a zip member's flags
BOMB = 20  # times that no zip file shrinks when it is packed once more


class Refused(Exception):
    """Something in a folder or an archive that is not read. The message is one line and says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a source.

    `parts` are the names on the way to it, from the source down, as they are: unchecked text.  `inner` are the names
    inside a zip file that is the last of `parts`, if it lies in one.  `when` it was last changed: of the outermost
    file, because what stands inside a student's own zip file is the student's word.  `trouble` says in one line why
    it can't be read.
    """

    parts: tuple[str, ...]
    when: datetime | None
    trouble: str = ""
    inner: tuple[str, ...] = ()
    open: Callable[[], Any] = field(default=io.BytesIO, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The file's own name."""
        return (self.inner or self.parts or ("",))[-1]

    @property
    def shown(self) -> str:
        """Its path for a message: one short line without control characters."""
        return shown("/".join(self.parts + self.inner))

    def copy(self, to: IO[bytes], most: int = MOST_BYTES) -> None:
        """Write its bytes to `to`.  Raises Refused where it can't be read or has more than `most` bytes."""
        if self.trouble:
            raise Refused(self.trouble)
        try:
            with self.open() as source:
                total = 0
                while chunk := source.read(CHUNK):
                    total += len(chunk)
                    if total > most:
                        raise Refused(f"more than {most // 1024 // 1024} MB when unpacked")
                    to.write(chunk)
        except Refused:
            raise
        except Exception as error:  # whatever the reader of a damaged or crafted archive comes upon
            raise Refused(f"damaged: {shown(str(error) or type(error).__name__)}") from None


def shown(text: str, most: int = 100) -> str:
    """`text` as one line that changes nothing around it: controls and direction marks are spelt out; cut after `most`.

    >>> shown("a\\nb\\u202ec")
    'a\\\\nb\\\\u202ec'
    """
    plain = "".join(c.encode("unicode_escape").decode() if is_odd(c) else c for c in text[: most + 1])
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def is_odd(character: str) -> bool:
    return unicodedata.category(character)[0] == "C" or character in "\u2028\u2029"


@contextmanager
def members(source: Path) -> Iterator[Iterator[Member]]:
    """The files of a folder or zip file, while the `with` block lasts; junk such as checkpoints is left out.

    Raises Refused when there is no such source, or it is something else.
    """
    source = source.resolve()  # the source itself is the instructor's word, and may be a link
    if source.is_dir():
        yield walk(source)
    elif source.is_file():
        with source.open("rb") as file, opened_zip(file) as archive:
            yield unzip(archive)
    else:
        what = "neither a folder nor a zip file" if source.exists() else "no such folder or zip file"
        raise Refused(f"{shown(str(source))}: {what}")


def open_regular(name: str | Path, folder: int | None = None) -> IO[bytes]:
    """Open a file for reading, unless it is a link, has another name elsewhere, or isn't a regular file: Refused."""
    try:
        # without waiting: opening a pipe would
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (40, 62):  # ELOOP on Linux, on macOS
            raise Refused("a symbolic link, which is not followed") from None
        raise Refused(f"can't be opened: {error.strerror}") from None
    trouble = why_not(os.fstat(descriptor))
    if trouble:
        os.close(descriptor)
        raise Refused(trouble)
    return os.fdopen(descriptor, "rb")


def why_not(status: os.stat_result) -> str:
    """Why a file with this status is not read, or nothing."""
    if stat.S_ISLNK(status.st_mode):
        return "a symbolic link, which is not followed"
    if stat.S_ISDIR(status.st_mode):
        return "a folder, not a file"
    if not stat.S_ISREG(status.st_mode):
        return "a pipe, device or socket, not a file"
    if status.st_nlink > 1:
        return "a hard link, which may lead elsewhere; put a copy in its place"
    return ""


def walk(top: Path) -> Iterator[Member]:
    """The files below a folder, in order of their names; zip files among them opened.

    A folder with too many files ends its own list and no other's: one student can't use up what is there for all.
    """
    below: Counter[tuple[str, ...]] = Counter()
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        parts = waiting.pop()
        here = tuple(map(printable, parts))
        try:
            with os.scandir(top.joinpath(*parts)) as found:
                entries = nsmallest(MOST_IN_FOLDER + 1, found, key=lambda entry: entry.name)
        except OSError as error:
            yield Member(here or (top.name,), None, f"can't be opened: {error.strerror}")
            continue
        full = len(entries) > MOST_IN_FOLDER
        for entry in entries[:MOST_IN_FOLDER]:
            if is_junk(entry.name):
                continue
            path = (*parts, entry.name)
            kinds = [path[:depth] for depth in range(min(len(path), len(MOST_BELOW)))]
            if any(below[folder] >= most for folder, most in zip(kinds, MOST_BELOW, strict=False)):
                full = True
                break
            below.update(kinds)
            if entry.is_dir(follow_symlinks=False) and len(path) <= MOST_DEPTH:
                waiting.append(path)
            else:
                yield from looked_at(entry, (*here, printable(entry.name)))
        if full:
            yield Member((*here, "…"), None, "more files than are looked at; the others are left out")


def looked_at(entry: os.DirEntry[str], parts: tuple[str, ...]) -> Iterator[Member]:
    """The member that a folder's entry is, or those in it if it is a zip file."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        yield Member(parts, None, f"can't be opened: {error.strerror}")
        return
    trouble = f"more than {MOST_DEPTH} folders deep" if stat.S_ISDIR(status.st_mode) else why_not(status)
    when = datetime.fromtimestamp(max(0, min(status.st_mtime, 2**33)), UTC)
    opened = partial(open_regular, entry.path)
    if not trouble and entry.name.lower().endswith(".zip"):
        yield from nested_zip(parts, when, opened)
    else:
        yield Member(parts, when, trouble, open=opened)


def nested_zip(parts: tuple[str, ...], when: datetime | None, source: Callable[[], Any]) -> Iterator[Member]:
    """What a zip file inside a source holds, as `inner` of the file itself; nothing of it is opened further.

    It is read once to list it, and again for each member that is asked for: a class may hand in a thousand of them.
    """
    outer = Member(parts, when, open=source)

    @contextmanager
    def reopened() -> Iterator[zipfile.ZipFile]:
        with tempfile.TemporaryFile() as copy:
            outer.copy(copy)
            copy.seek(0)
            with opened_zip(copy) as archive:
                yield archive

    @contextmanager
    def unpacked(info: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
        with reopened() as archive, archive.open(info) as stream:
            yield stream

    try:
        with reopened() as archive:
            inside = list(worth_a_look(listed(archive)))
    except Refused as refused:
        yield Member(parts, when, str(refused))
        return
    if not inside:
        yield Member(parts, when, "an empty zip file")
    for info, names, trouble in inside:
        if not trouble and names[-1].lower().endswith(".zip"):
            trouble = "a zip file in a zip file"
        yield Member(parts, when, trouble, names, partial(unpacked, info))


Listed = tuple[zipfile.ZipInfo, tuple[str, ...], str]


def worth_a_look(inside: Iterable[Listed]) -> Iterator[Listed]:
    """The notebooks in a student's zip file, and some of what else is in it, which may be a whole environment."""
    left = {True: 1000, False: 20}
    for item in inside:
        kind = ".ipynb" in "".join(item[1]).lower()
        left[kind] -= 1
        if left[kind] >= 0:
            yield item


class Bounded(io.BufferedIOBase):
    """A file that gives no more than MOST_LISTING bytes at once: zipfile reads an archive's directory in one go."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            here = self.file.tell()
            size = self.file.seek(0, os.SEEK_END) - here
            self.file.seek(here)
        if size > MOST_LISTING:
            raise Refused("a zip file with too long a list of members")
        return self.file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self.file.close()
        super().close()


@contextmanager
def opened_zip(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """The zip file, open; Refused when it isn't one."""
    try:
        archive = zipfile.ZipFile(Bounded(file))
    except Refused:
        raise
    except Exception:  # zipfile raises many kinds of errors for what is crafted to trip it
        raise Refused("not a zip file, or a damaged one") from None
    with archive:
        yield archive


def listed(archive: zipfile.ZipFile) -> Iterator[Listed]:
    """The files in a zip file that aren't junk: entry, names on its path, and why it isn't read or nothing."""
    infos = archive.infolist()
    for info in infos[:MOST_MEMBERS]:
        parts = parts_of(info)
        if parts and not info.is_dir() and not any(is_junk(part) for part in parts):
            yield info, parts, refused(info, parts)
    if len(infos) > MOST_MEMBERS:
        yield infos[MOST_MEMBERS], ("…",), f"more than {MOST_MEMBERS} files; the others are left out"


def unzip(archive: zipfile.ZipFile) -> Iterator[Member]:
    """The files in a zip file; zip files among them opened."""
    for info, parts, trouble in listed(archive):
        when = when_packed(info)
        opened = partial(archive.open, info)
        if trouble or not parts[-1].lower().endswith(".zip"):
            yield Member(parts, when, trouble, open=opened)
        elif info.file_size > BOMB * (info.compress_size + CHUNK):
            yield Member(parts, when, "a zip file that was packed to a fraction of its size, as no honest one can be")
        else:
            yield from nested_zip(parts, when, opened)


def refused(info: zipfile.ZipInfo, parts: tuple[str, ...]) -> str:
    """Why a zip member is not read, or nothing."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "a symbolic link, which is not followed"
    if kind not in (0, stat.S_IFREG):
        return "a pipe, device or socket, not a file"
    if ".." in parts or re.match(r"[/\\]|[A-Za-z]:", info.filename):
        return LEADS_OUT
    if len(parts) > MOST_DEPTH:
        return f"more than {MOST_DEPTH} folders deep"
    if info.flag_bits & ENCRYPTED:
        return "encrypted; hand it in without a password"
    if info.compress_type not in METHODS:
        return "packed in an unusual way; pack it again as an ordinary zip file"
    if info.file_size > MOST_BYTES:
        return f"more than {MOST_BYTES // 1024 // 1024} MB when unpacked"
    return ""


def parts_of(info: zipfile.ZipInfo) -> tuple[str, ...]:
    """The names on a member's path. Without the flag that says UTF-8 many programs write UTF-8 all the same."""
    name = info.filename
    if not info.flag_bits & UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def when_packed(info: zipfile.ZipInfo) -> datetime | None:
    """When a member was last changed: from the field that tells it in UTC if there is one, else in local time."""
    extra = info.extra
    while len(extra) >= 4:
        tag, size = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        data, extra = extra[4 : 4 + size], extra[4 + size :]
        if tag == 0x5455 and len(data) >= 5 and data[0] & 1:  # "UT": flags, then the time of change
            return datetime.fromtimestamp(int.from_bytes(data[1:5], "little"), UTC)
    if info.date_time[0] <= 1980:  # no date was given
        return None
    try:
        return datetime(*info.date_time).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def is_junk(name: str) -> bool:
    return name.lower() in JUNK or name.startswith("._")


def printable(name: str) -> str:
    """A file's name as text that can be written anywhere: bytes that aren't UTF-8 are spelt out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
