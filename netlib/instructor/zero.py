"""The record of a submission that could not be examined: no points, and a line for the instructor."""

from __future__ import annotations

import ast
import json
from typing import Any

from netlib.instructor.digest import digest
from netlib.instructor.outputs import verdict_outputs
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
    number, name = asked("".join(cell["source"]), about["grade_id"])
    message = f"{number} {name}: {TOLD}".strip()
    return Verdict(number, name, about["grade_id"], 0.0, float(about["points"]), "failed", message, text=message)


def asked(source: str, grade_id: str) -> tuple[str, str]:
    """The exercise's number and name, from the released cell's `check("5.1", internet_checksum)`."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return grade_id, ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check" and node.args:
            number, *answer = node.args
            if isinstance(number, ast.Constant):
                return str(number.value), ast.unparse(answer[0]) if answer else ""
    return grade_id, ""
