"""Examiners that stand in for the real one: what a submission's bytes say is what happens to the worker.

    b"3"            a record with 3 points        b"die"      the worker kills itself
    b"raise"        an error in the checker       b"hang"     it never comes back
    b"memory"       takes all memory              b"sandbox"  this machine can't make a sandbox
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from netlib.instructor.record import Record, Task, Verdict


class NoSandbox(Exception):
    """By its name what bubblewrap raises."""


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
    said = (task.submission or b"0").decode()
    if said == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif said == "raise":
        raise ValueError("the checker has a bug")
    elif said == "hang":
        time.sleep(3600)
    elif said == "memory":
        bytearray(2**40)
    elif said == "sandbox":
        raise NoSandbox("no sandbox here; allow user namespaces")
    elif said.startswith("wait "):
        time.sleep(float(said.removeprefix("wait ")))
        said = "1"
    elif said.startswith("once "):  # dies the first time
        here = Path(said.removeprefix("once "))
        if not here.exists():
            here.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        said = "1"
    points = float(said)
    verdicts = [
        Verdict("5.1", "internet_checksum", "check-5-1", points, 4.0, "passed" if points == 4 else "failed", "said"),
        Verdict("5.2", "build_header", "check-5-2", 0.0, 2.0, "waiting", "waiting for exercise 5.2 build_header"),
    ]
    return Record(task.assignment, task.student, "", verdicts, notebook=RELEASED)
