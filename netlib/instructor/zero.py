"""The record of a submission that could not be examined: no points, and a line for the instructor."""

from __future__ import annotations

import json
from typing import Any

from netlib.instructor.digest import digest
from netlib.instructor.outputs import verdict_outputs
from netlib.instructor.program import read_check
from netlib.instructor.record import Record, Task, Verdict

TOLD = "could not be graded; your instructor has been told"


def zero(task: Task, look: str) -> Record:
    """A record with no points in any exercise.  `look`: why, in one line, for the instructor."""
    released = json.loads(task.released)
    verdicts = []
    for cell in released["cells"]:
        if cell["cell_type"] == "code" and cell["metadata"].get("nbgrader", {}).get("grade"):
            verdicts.append(nothing(cell))
            cell["outputs"], cell["execution_count"] = verdict_outputs(verdicts[-1]), None
    return Record(
        assignment=task.assignment,
        student=task.student,
        digest=digest(task),
        verdicts=verdicts,
        notes=[f"What was handed in {TOLD}."],
        look=[look],
        unsafe=task.unsafe,
        notebook=released,
    )


def nothing(cell: dict[str, Any]) -> Verdict:
    """No points for a graded cell of the release."""
    about = cell["metadata"]["nbgrader"]
    try:
        question = read_check(cell)
        number, name = question.number, question.answer
    except (ValueError, SyntaxError):  # a record there must be, whatever is wrong with the release
        number, name = about["grade_id"], ""
    message = f"{number} {name}: {TOLD}".strip()
    return Verdict(number, name, about["grade_id"], 0.0, float(about["points"]), "failed", message, text=message)
