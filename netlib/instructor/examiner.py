"""Grade one submission: bytes in, a `Record` out.

    read      what was handed in, as plain data (`submission`)
    repair    the released notebook with the student's code in it (`repair`)
    run       for each exercise: what its answer needs (`program`), in a sandbox of its own (`bubblewrap`)
    judge     inputs, expected results, comparison and points, here (`netlib.grading`)

A pure function of its task, so that it can run in any process on any machine.  Whatever a submission is, it gets a
record; what can't be graded gets no points and a line that says why.  Only a machine that can't make a sandbox
raises: NoSandbox.
"""

from __future__ import annotations

import json
import time
from functools import lru_cache
from typing import Any

from netlib.grading.check import examine_graded
from netlib.grading.registry import exercise as find_exercise
from netlib.grading.report import Report
from netlib.instructor.bubblewrap import CELLS_LIMIT, Sandboxed
from netlib.instructor.outputs import clean, verdict_outputs
from netlib.instructor.program import Asked, Program, asked, program
from netlib.instructor.record import Record, Task, Verdict
from netlib.instructor.repair import Repaired, repair
from netlib.instructor.submission import Unreadable, read

STUCK_LIMIT = 5.0  # seconds for the cells, once they have not come to an end: they won't the next time
LOOK = {
    "died": "its process ended itself or was ended",
    "flood": "it printed without end",
    "too large": "it returned a huge value",
    "delegated": "it called what it should build",
}
"""Kinds of failure after which an instructor should look."""
untouched: dict[tuple[bytes, str, bool], Report] = {}
"""The report on an exercise of which nothing has been changed: the same for all students."""


def examine(task: Task) -> Record:
    """The record of a submission.  Raises NoSandbox, and nothing for what was handed in."""
    started = time.monotonic()
    released = json.loads(task.released)
    repaired, look = repaired_notebook(task, released)
    record = Record(task.assignment, task.student, "", [], repaired.notes, look, task.unsafe)
    readable, cells_limit = not look, CELLS_LIMIT
    for question in asked(released):
        report = judge(question, repaired.notebook, released, task, cells_limit)
        if report.cause == "hung" and not report.story:
            cells_limit = STUCK_LIMIT
        verdict = verdict_of(report, question)
        record.verdicts.append(verdict)
        if verdict.look:
            record.look.append(f"{verdict.number} {verdict.name}: {verdict.look}")
    if readable and record.points < sum(verdict.of for verdict in record.verdicts):
        record.look += repaired.serious
    if task.unsafe:
        record.look.append("graded without a sandbox (--unsafe)")
    record.notebook = with_verdicts(repaired.notebook, record.verdicts)
    record.seconds = time.monotonic() - started
    return record


def repaired_notebook(task: Task, released: dict[str, Any]) -> tuple[Repaired, list[str]]:
    """The notebook to grade, and what an instructor should look at."""
    try:
        if task.submission is None:
            raise Unreadable(task.trouble or "there is no notebook")
        return repair(released, read(task.submission)), []
    except Unreadable as why:
        note = f"What was handed in can't be read: {why}"
        return Repaired(repair(released, released).notebook, [note]), [str(why)]


def judge(
    question: Asked, notebook: dict[str, Any], released: dict[str, Any], task: Task, cells_limit: float
) -> Report:
    """The report on one exercise."""
    exercise, code = find_exercise(question.number), program(notebook, released, question.grade_id)
    key = (task.released, question.number, task.unsafe)
    if code != released_program(task.released, question.grade_id):
        return examine_graded(exercise, Sandboxed(exercise, code, task.unsafe, cells_limit), task.seed)
    if key not in untouched:
        untouched[key] = examine_graded(exercise, Sandboxed(exercise, code, task.unsafe), task.seed)
    return untouched[key]


@lru_cache(maxsize=256)
def released_program(released: bytes, grade_id: str) -> Program:
    """The program of an exercise of which nothing has been changed."""
    notebook = json.loads(released)
    return program(notebook, notebook, grade_id)


def verdict_of(report: Report, question: Asked) -> Verdict:
    """A report as a verdict: its points in the release's measure, its text without what a terminal would obey."""
    exercise, of = find_exercise(question.number), question.points
    earned = of * report.points / exercise.points if exercise.points else 0.0
    return Verdict(
        number=exercise.number,
        name=exercise.name,
        grade_id=question.grade_id,
        points=round(earned, 2),
        of=of,
        status=report.status,  # type: ignore[arg-type]
        message=" ".join(clean(report.message).split()),
        text=clean(repr(report)),
        html=clean(report._repr_html_()),
        pcap=getattr(report, "pcap", None),
        look=LOOK.get(report.cause, ""),
    )


def with_verdicts(notebook: dict[str, Any], verdicts: list[Verdict]) -> dict[str, Any]:
    """The notebook with each verdict as the output of its graded cell."""
    outputs = {verdict.grade_id: verdict_outputs(verdict) for verdict in verdicts}
    for cell in notebook["cells"]:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if grade_id in outputs:
            cell["outputs"], cell["execution_count"] = outputs[grade_id], None
    return notebook
