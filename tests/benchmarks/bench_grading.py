"""`netlib grade` beside stock `nbgrader autograde`: the same submissions, the same machine, one after the other.

Stock nbgrader runs each notebook from top to bottom, with the hidden tests in it and without a sandbox.  Its settings
are nbgrader's own, but for the folders, a longer time limit and the two steps that write the release; its steps are
named here because this environment has a file that makes stock nbgrader refuse to run students' code.
"""

import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from netlib.authoring.chapter import Chapter

from ..instructor import classroom
from .measure import Result

CHAPTER = "05-ip-packet"
STUDENTS = 30
STOCK = """
from nbgrader import preprocessors as steps
from netlib.authoring.release import NOT_RELEASED, STEPS
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "course"
c.CourseDirectory.ignore = NOT_RELEASED
c.ClearSolutions.enforce_metadata = True
c.GenerateAssignment.preprocessors = STEPS
c.Execute.timeout = 60
c.Autograde.sanitize_preprocessors = [
    steps.ClearOutput, steps.DeduplicateIds, steps.OverwriteKernelspec, steps.OverwriteCells, steps.CheckCellMetadata]
c.Autograde.autograde_preprocessors = [
    steps.Execute, steps.IgnorePattern, "nbconvert.preprocessors.ClearMetadataPreprocessor", steps.LimitOutput,
    steps.SaveAutoGrades, steps.AssignLatePenalties, steps.CheckCellMetadata]
"""


def results() -> Iterator[Result]:
    with tempfile.TemporaryDirectory(prefix="grading-") as folder:
        ours, stock = (a_class(Path(folder) / which) for which in ("ours", "stock"))
        (stock.root / "nbgrader_config.py").write_text(STOCK.format(root=str(stock.root)))
        run(stock, "nbgrader", "generate_assignment", "--force", CHAPTER)
        workers = os.cpu_count() or 1
        one_by_one = seconds(ours, "netlib", "grade", CHAPTER, "--workers", "1")
        all_together = seconds(ours, "netlib", "grade", CHAPTER, "--workers", str(workers), "--force")
        autograde = seconds(stock, "nbgrader", "autograde", CHAPTER)
        here, there = scores(ours), scores(stock)
        equal = sum(here[student] == points for student, points in there.items())
    yield Result(f"stock nbgrader autograde, {STUDENTS} of {CHAPTER}", autograde / STUDENTS, "s each")
    yield Result(f"netlib grade, 1 worker, with feedback and table: {one_by_one / STUDENTS:.2f} s each",
                 autograde / one_by_one, "x")  # fmt: skip
    yield Result(f"netlib grade, {workers} workers: {all_together / STUDENTS:.2f} s each",
                 autograde / all_together, "x", 10)  # fmt: skip
    yield Result(f"of {STUDENTS} students get the same score from both", equal, "", STUDENTS)


def a_class(root: Path) -> Chapter:
    chapter = classroom.course(root, CHAPTER)
    for student, answers in classroom.mixed_class(chapter, STUDENTS):
        classroom.hand_in(chapter, student, answers)
    return chapter


def seconds(chapter: Chapter, *command: str) -> float:
    started = perf_counter()
    run(chapter, *command)
    return perf_counter() - started


def run(chapter: Chapter, command: str, *words: str) -> None:
    """Run a program of this environment in the course's folder."""
    programs = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    line = [programs / command, *words]
    done = subprocess.run(line, cwd=chapter.root, env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise RuntimeError(f"{command} {' '.join(words)} failed: {done.stderr[-2000:]}")


def scores(chapter: Chapter) -> dict[str, float]:
    """Each student's points in the gradebook, by nbgrader's own export."""
    run(chapter, "nbgrader", "export", "--to", "grades.csv")
    with (chapter.root / "grades.csv").open(newline="") as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
