"""Which exercise a number stands for.

Chapters declare theirs in `netlib/exercises/`; a number's first part is the chapter, so `check("5.2", ...)` loads
chapter 5 and no other.  Anything else can be added with `register`.
"""

import importlib

from netlib.grading.exercise import Exercise

registered: dict[str, Exercise] = {}


def register(*exercises: Exercise) -> None:
    """Make exercises known by their numbers; a number that is known already is replaced."""
    for item in exercises:
        registered[item.number] = item


def exercise(number: str) -> Exercise:
    """The exercise of that number.  KeyError, with the numbers that there are, when there is none."""
    if number not in registered:
        from netlib.exercises import MODULES

        module = MODULES.get(number.partition(".")[0])
        if module:
            for item in importlib.import_module(f"netlib.exercises.{module}").EXERCISES:
                registered.setdefault(item.number, item)
    if number not in registered:
        chapter = number.partition(".")[0]
        others = sorted(known for known in registered if known.partition(".")[0] == chapter)
        there = f": chapter {chapter} has {', '.join(others)}" if others else ""
        raise UnknownExercise(f"there is no exercise {number!r}{there}")
    return registered[number]


class UnknownExercise(KeyError):
    """A number that no exercise has."""

    def __str__(self) -> str:
        return str(self.args[0])

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
