"""Checks for the exercises: `check` in the student's notebook, `grade` in hidden tests.

    check("5.2", internet_checksum)     a Report that displays itself
    grade("5.2", internet_checksum)     raises CheckFailed unless it is right

`exercise` declares, `search` finds the smallest counterexample, `sandbox` runs the student's code in a child
process, `remote` lets the author's code use it from here, `guard` notices an answer that calls what it should build,
`story` and `report` tell, `zoo` proves a check on known wrong answers.
"""

from netlib.grading.check import check, grade
from netlib.grading.exercise import REJECTED, Exercise, Mistake, Scenario, StatefulExercise, steps
from netlib.grading.registry import exercise, register
from netlib.grading.report import Report
from netlib.grading.signals import CheckFailed, NotImplementedYet

__all__ = [
    "REJECTED",
    "CheckFailed",
    "Exercise",
    "Mistake",
    "NotImplementedYet",
    "Report",
    "Scenario",
    "StatefulExercise",
    "check",
    "exercise",
    "grade",
    "register",
    "steps",
]
