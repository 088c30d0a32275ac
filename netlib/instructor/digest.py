"""Names for what a grade depends on: the same digest, the same grade, so nothing is graded twice without need.

    engine()        this netlib and the versions under it; differs between two machines that may grade differently
    digest(task)    everything that the record of a submission depends on
"""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from netlib.instructor.record import Task

NETLIB = Path(__file__).parents[1]
UNDER = ("hypothesis", "simpy", "numpy", "matplotlib")  # make the inputs, or can be seen by a student's code
NEVER_GRADE = ("cli.py", "authoring", "lab")


@cache
def engine() -> str:
    """What grades: netlib's own sources, Python's version and those of the packages that a grade may depend on."""
    what = hashlib.sha256(platform.python_version().encode())
    for package in UNDER:
        what.update(f"\n{package} {installed(package)}".encode())
    for path in sorted(NETLIB.rglob("*.py")):
        name = path.relative_to(NETLIB)
        if name.parts[0] not in NEVER_GRADE:
            what.update(f"\n{name.as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return what.hexdigest()


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def digest(task: Task) -> str:
    """The name of all that a submission's record depends on: the task whole, and the engine.

    It can be shown to anybody: the seed can't be found from it, being too large to be tried out.
    """
    what = hashlib.sha256()
    who = engine(), task.assignment, task.student
    for part in (*who, task.submission, task.released, task.seed, task.unsafe, task.trouble):
        data = part if isinstance(part, bytes) else repr(part).encode("utf-8", "backslashreplace")
        what.update(f"{type(part).__name__} {len(data)}\n".encode())
        what.update(data)
    return what.hexdigest()
