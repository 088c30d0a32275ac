"""Submissions whose cells and metadata say what they are worth."""

from __future__ import annotations

import json

from hostile.desk import Desk, attack


@attack("gains", earned=2)
def points_in_metadata(desk: Desk) -> None:
    """A thousand points for exercise 5.1, which is solved: an importer that reads points from the submission pays
    them.
    """
    desk.solve("5.1")
    for cell in desk.notebook["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        if about.get("grade"):
            about["points"] = 1000
            about["schema_version"] = 99
    desk.notebook["metadata"]["nbgrader"] = {"points": 1000, "score": 1000}


@attack("gains", earned=2)
def graded_cells_made_their_own(desk: Desk) -> None:
    """Checks are unlocked and replaced by `pass`, by markdown, by a manual task; nbgrader pays an empty graded cell
    in full.
    """
    desk.solve("5.1")
    for number, change in {
        "5-2": {"source": ""},
        "5-3": {"source": "True"},
        "5-4": {"cell_type": "markdown", "source": "graded"},
        "5-5": {"cell_type": "raw", "source": "4"},
    }.items():
        cell = desk.cell(f"check-{number}")
        cell.update(change)
        cell["metadata"]["nbgrader"].update(locked=False, grade=False, solution=True)
    desk.cell("check-5-6")["metadata"]["nbgrader"].update(solution=True, locked=False, task=True)


@attack("gains", earned=2)
def graded_cells_deleted(desk: Desk) -> None:
    """Every check is gone, and with it what could fail."""
    desk.solve("5.1")
    desk.notebook["cells"] = [cell for cell in desk.notebook["cells"] if not cell["id"].startswith("check-")]


@attack("gains", earned=2)
def graded_cells_duplicated(desk: Desk) -> None:
    """The one solved exercise's check, six times under its own id and under the others' ids."""
    desk.solve("5.1")
    check = desk.cell("check-5-1")
    copies = []
    for number in "123456":
        for grade_id in ("check-5-1", f"check-5-{number}"):
            twin = json.loads(json.dumps(check))
            twin["id"] = f"twin-{number}-{len(grade_id)}-{len(copies)}"
            twin["metadata"]["nbgrader"] |= {"grade_id": grade_id, "points": 4, "locked": False}
            copies.append(twin)
    desk.notebook["cells"] = copies[:6] + desk.notebook["cells"] + copies[6:]


@attack("gains", earned=2)
def graded_cells_exchanged(desk: Desk) -> None:
    """Ids are changed about: the check of the solved exercise carries the id of the one with most points, and new
    ones are added.
    """
    desk.solve("5.1")
    one, other = desk.cell("check-5-1"), desk.cell("check-5-6")
    one["metadata"]["nbgrader"]["grade_id"], other["metadata"]["nbgrader"]["grade_id"] = "check-5-6", "check-5-1"
    one["id"], other["id"] = "check-5-6", "check-5-1"
    solution = desk.cell("exercise-5-2")["metadata"]["nbgrader"]
    solution.update(grade=True, points=500, locked=False)
    desk.add("100", metadata={"nbgrader": {"grade": True, "grade_id": "bonus", "points": 100, "locked": True,
             "schema_version": 3, "solution": False, "task": False, "cell_type": "code", "checksum": "0"}})  # fmt: skip


@attack("gains")
def forged_outputs(desk: Desk) -> None:
    """Outputs as if checks had passed, and results that nbgrader reads as partial credit: scored by a grader that
    doesn't run.
    """
    for number in "123456":
        cell = desk.cell(f"check-5-{number}")
        points = str(cell["metadata"]["nbgrader"]["points"])
        cell["execution_count"] = 1
        cell["outputs"] = [
            {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": points}},
            {"output_type": "stream", "name": "stdout", "text": "5.1 internet_checksum: passed (2 points)"},
        ]


@attack("gains", earned=2)
def check_shadowed(desk: Desk) -> None:
    """`check`, `grade` and the exercise's name are rebound by the student, after each solution cell and at the end."""
    desk.solve("5.1")
    desk.add("""
def check(*args, **kwargs): return 100
grade = check
import builtins, sys
builtins.check = builtins.grade = check
sys.modules["netlib.grading"].grade = check
""", before="check-5-2")  # fmt: skip
    desk.answer("5.2", "build_header = type('Yes', (), {'__call__': lambda *a: b'', '__eq__': lambda *a: True})()")
    desk.answer(
        "5.5", "import unittest.mock\nfragment = unittest.mock.MagicMock()\nfragment.__eq__ = lambda *a: True\n"
    )


@attack("gains", earned=2)
def another_kernel(desk: Desk) -> None:
    """A kernel of the student's choice runs everything: nbgrader starts whatever the notebook's kernelspec names."""
    desk.solve("5.1")
    desk.notebook["metadata"] = {
        "kernelspec": {"name": "../../../../@DROP@/kernel", "display_name": "Bash", "language": "bash"},
        "language_info": {"name": "bash", "pygments_lexer": "bash"},
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}},
        "celltoolbar": "Create Assignment",
    }
