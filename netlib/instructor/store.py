"""What grading keeps on disk, beside what nbgrader keeps: the seed, and a record for each submission.

    grading/seed                              one number, the instructor's secret; made when it is first needed
    grading/<assignment>/records/<student>.json
    grading/<assignment>/scores.csv ...       written at the end by `grade`

A record is written whole or not at all, so that grading can be ended at any moment and go on later.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from netlib.instructor.record import Record, Task

MOST = 256 * 2**20  # bytes of a notebook
LONGEST = 200  # bytes of a student's name in a file's name


class StoreError(Exception):
    """A file that grading needs is missing or can't be used. One line: which, and the fix."""


@dataclass(frozen=True)
class Store:
    """The files of one assignment in the course whose top folder is `root`."""

    root: Path
    assignment: str

    @property
    def folder(self) -> Path:
        return self.root / "grading" / self.assignment

    @property
    def records(self) -> Path:
        return self.folder / "records"

    @cached_property
    def released(self) -> bytes:
        """The released notebook, the instructor's own copy of it.  Raises StoreError where there is none."""
        path = self.root / "course" / self.assignment / f"{self.assignment}.ipynb"
        try:
            return path.read_bytes()
        except OSError:
            there = ", ".join(sorted(p.parent.name for p in (self.root / "course").glob("*/*.ipynb"))) or "none"
            raise StoreError(f"{self.assignment}: no such assignment in course/; there are: {there}") from None

    @cached_property
    def seed(self) -> int:
        """The number that graded inputs are made from, the same for all assignments and students."""
        path = self.root / "grading" / "seed"
        path.parent.mkdir(exist_ok=True)
        write(path, f"{secrets.randbits(128)}\n".encode(), only_new=True)
        try:
            return int(path.read_text("ascii"))
        except (OSError, ValueError):
            raise StoreError(f"{path}: not a number; remove the file, and a new seed is made") from None

    def task(self, student: str, path: Path | None, trouble: str = "", unsafe: bool = False) -> Task:
        """The task of grading the notebook at `path`.  What can't be read makes a task with `trouble`, not an error."""
        submission = None
        if path is not None and not trouble:
            try:
                submission = read_plain(path)
            except OSError as error:
                trouble = f"{path.name} can't be read: {error.strerror or error}"
        return Task(self.assignment, student, submission, self.released, self.seed, unsafe, trouble)

    def path(self, student: str) -> Path:
        name = os.fsencode(student)
        if len(name) > LONGEST:  # a folder's name may be as long as a name can be, and leave no room for an ending
            student = f"{student[:20]}-{hashlib.sha256(name).hexdigest()}"
        return self.records / f"{student}.json"

    def load(self, student: str, notebook: bool = True) -> Record | None:
        """The student's record, perhaps without its notebook; None where there is none, or one of another version."""
        try:
            record = Record.from_json(self.path(student).read_text("utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not notebook:
            record.notebook = {}
        return record

    def save(self, record: Record) -> None:
        """Write a record, in place of an earlier one."""
        self.records.mkdir(parents=True, exist_ok=True)
        write(self.path(record.student), record.to_json().encode("utf-8", "backslashreplace"))


def read_plain(path: Path) -> bytes:
    """A regular file's bytes.  Follows no link, waits for no pipe; raises OSError for these and for a huge file."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(None, "not a file")
        if about.st_size > MOST:
            raise OSError(None, f"larger than {MOST >> 20} MB")
        return file.read(MOST)


def write(path: Path, data: bytes, only_new: bool = False) -> None:
    """Write a file whole or not at all, for its owner's eyes.  `only_new`: leave one that is there alone."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        if not only_new:
            os.replace(part, path)
        elif not path.exists():
            os.link(part, path)
    except FileExistsError:
        pass  # somebody else's came first
    finally:
        part.unlink(missing_ok=True)
