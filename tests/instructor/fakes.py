"""An examiner and a gradebook that stand in for the real ones.

A submission's lines say what happens to the worker that examines it:

    3               a record with so many points         die        the worker kills itself
    raise           an error in the checker              hang       it never comes back
    memory          takes all memory                     sandbox    this machine can't make a sandbox
    wait 0.5        takes so many seconds                once PATH  dies the first time
    until PATH      takes until there is such a file
    group           4 points if a terminal's Ctrl-C doesn't reach the worker
    append PATH     writes the student's name there      kill       kills the process that has started the worker
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from netlib.instructor.bubblewrap import NoSandbox
from netlib.instructor.record import Record, Task, Verdict

RELEASED: dict[str, Any] = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["A checksum."]},
        {
            "cell_type": "code",
            "metadata": {"nbgrader": {"grade": True, "solution": False, "grade_id": "check-5-1", "points": 4}},
            "source": ['check("5.1", internet_checksum)'],
            "outputs": [],
            "execution_count": None,
        },
        {
            "cell_type": "code",
            "metadata": {"nbgrader": {"grade": True, "solution": False, "grade_id": "check-5-2", "points": 2}},
            "source": ['check("5.2", build_header)'],
            "outputs": [],
            "execution_count": None,
        },
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def task(student: str, submission: bytes | None = b"1") -> Task:
    return Task("05-demo", student, submission, json.dumps(RELEASED).encode(), seed=7)


def examine(task: Task) -> Record:
    points = 0.0
    for line in (task.submission or b"0").decode().splitlines():
        what, _, about = line.partition(" ")
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif what == "kill":
            parent = parent_process()
            assert parent is not None and parent.pid is not None
            os.kill(parent.pid, signal.SIGKILL)
            time.sleep(60)
        elif what == "raise":
            raise ValueError("the checker has a bug")
        elif what == "hang":
            time.sleep(3600)
        elif what == "memory":
            bytearray(2**40)
        elif what == "sandbox":
            raise NoSandbox("no sandbox here; allow user namespaces")
        elif what == "wait":
            time.sleep(float(about))
        elif what == "until":
            while not Path(about).exists():
                time.sleep(0.02)
        elif what == "once":
            if not Path(about).exists():
                Path(about).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        elif what == "group":
            points = 4.0 * (os.getpgrp() == os.getpid())
        elif what == "append":
            append(Path(about), task.student)
        else:
            points = float(what)
    verdicts = [
        Verdict("5.1", "internet_checksum", "check-5-1", points, 4.0, "passed" if points == 4 else "failed", "said"),
        Verdict("5.2", "build_header", "check-5-2", 0.0, 2.0, "waiting", "waiting for exercise 5.2 build_header"),
    ]
    look = [task.trouble] if task.trouble else []
    return Record(task.assignment, task.student, "", verdicts, look=look, notebook=RELEASED)


def append(path: Path, line: str) -> None:
    """Add a line to a file that several processes write."""
    with open(path, "a") as file:
        file.write(f"{line}\n")


class FakeGradebook:
    """Keeps what it is told in one folder: `held/<student>` has the digest, `log` who was recorded, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "held").mkdir(parents=True, exist_ok=True)

    def prepare(self) -> None:
        append(self.folder / "prepared", "once")

    def recorded(self, student: str) -> str | None:
        held = self.folder / "held" / student
        return held.read_text() if held.exists() else None

    def record(self, records: Iterable[Record]) -> dict[str, str]:
        refused = {}
        for record in records:
            assert record.notebook, "autograde needs the notebook"
            if record.student == "refused":
                refused[record.student] = "its row is locked"
                continue
            append(self.folder / "log", record.student)
            (self.folder / "held" / record.student).write_text(record.digest)
        return refused

    def feedback(self, students: Iterable[str]) -> dict[str, str]:
        for student in students:
            append(self.folder / "feedback", student)
        return {}

    def totals(self) -> dict[str, dict[str, object]]:
        return {path.name: {"manual": 1.5} for path in (self.folder / "held").iterdir()}

    def said(self, name: str) -> list[str]:
        path = self.folder / name
        return sorted(path.read_text().splitlines()) if path.exists() else []
