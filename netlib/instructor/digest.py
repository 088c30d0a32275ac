"""Names for what a grade depends on: the same digest, the same grade, so nothing is graded twice without need.

    versions()      this netlib and what is under it; differ between two machines that may grade differently
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
def versions() -> dict[str, str]:
    """What grades: the versions of Python and of packages that a grade may depend on, a hash of netlib's sources."""
    found = {"Python": platform.python_version()} | {package: installed(package) for package in UNDER}
    sources = hashlib.sha256()
    for path in sorted(NETLIB.rglob("*.py")):
        name = path.relative_to(NETLIB)
        if name.parts[0] not in NEVER_GRADE:
            sources.update(f"{name.as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found | {"netlib": sources.hexdigest()[:12]}


@cache
def engine() -> str:
    """`versions` in one text."""
    return ", ".join(f"{name} {version}" for name, version in versions().items())


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
