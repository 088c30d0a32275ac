"""Records as the examiner makes them, with the points that a test says, and a course whose gradebook is prepared."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from instructor import classroom

from netlib.instructor.digest import digest
from netlib.instructor.gradebook import Gradebook
from netlib.instructor.outputs import verdict_outputs
from netlib.instructor.record import Record, Task, Verdict

NAME = "05-ip-packet"
POINTS = {"check-5-1": 2.0, "check-5-2": 3.0, "check-5-3": 4.0, "check-5-4": 3.0, "check-5-5": 4.0, "check-5-6": 4.0}
TWENTY = sum(POINTS.values())


@cache
def released() -> dict[str, Any]:
    text = (classroom.ROOT / "course" / NAME / f"{NAME}.ipynb").read_text("utf-8")
    notebook: dict[str, Any] = json.loads(text)
    return notebook


def course(root: Path) -> Path:
    """A course folder with chapter 5, whose gradebook is prepared (copied, for that takes a second)."""
    template = root.parent / "template"
    if not template.exists():
        template.mkdir()
        classroom.course(template)
        Gradebook(template, NAME).prepare()
    shutil.copytree(template, root)
    return root


def record(student: str, points: dict[str, float] | float = 1.0, **more: Any) -> Record:
    """A record with these points by cell, or this part of all points in each exercise."""
    if not isinstance(points, dict):
        points = {name: of * points for name, of in POINTS.items()}
    verdicts = [verdict(name, points.get(name, 0.0)) for name in POINTS]
    notebook = copy.deepcopy(released())
    for cell in notebook["cells"]:
        for one in verdicts:
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == one.grade_id:
                cell["outputs"] = verdict_outputs(one)
    return Record(NAME, student, more.pop("digest", f"digest of {student}"), verdicts, notebook=notebook, **more)


def verdict(grade_id: str, points: float) -> Verdict:
    of, number = POINTS[grade_id], grade_id.removeprefix("check-").replace("-", ".")
    status = "passed" if points == of else "partial" if points else "failed"
    said = f"{number} is worth {points:g}"
    return Verdict(number, "answer", grade_id, points, of, status, said, text=said, html=f"<p>{said}</p>")


def hand_in(root: Path, student: str, content: str = "{}", when: str = "2026-11-02 10:00:00 UTC") -> Path:
    """A submission whose bytes nothing but `examine_all` below will read."""
    path = root / "submitted" / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    (path.parent / "timestamp.txt").write_text(when)
    return path


def examine_all(tasks: Iterable[Task]) -> Iterator[Record]:
    """Stands in for the workers: what is handed in says which part of all points it gets."""
    for task in tasks:
        try:
            part = float(task.submission or b"")
        except ValueError:
            part = 0.0
        yield record(task.student, part, digest=digest(task), unsafe=task.unsafe)
