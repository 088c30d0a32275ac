"""The bug zoo: known wrong answers, which must all fail, and differently written right ones, which must pass.

`solutions/NN-topic/zoo.py` declares WRONG = {"5.2": [functions]} and RIGHT = {"5.2": [functions]}.  A wrong answer
counts as killed only by a counterexample (or an endless loop, a crash, or a call of what it should build), found by
the grading check; being slow or unsolved does not count.  A survivor means that the exercise's check is too weak.
"""

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlib.grading.check import CHECK_SEED, GRADE_SEED, examine
from netlib.grading.registry import exercise
from netlib.grading.report import Report

WRONG_AT_LEAST = 6
RIGHT_AT_LEAST = 2
NO_KILL = ("slow", "no answer")


class ZooError(Exception):
    """A zoo that can't be run: the message names the file and the fix."""


@dataclass
class Verdict:
    """What the check said of one animal.  `ok`: a wrong one failed, or a right one passed."""

    number: str
    name: str
    wrong: bool
    ok: bool
    how: str


def run_zoo(path: str | Path) -> list[Verdict]:
    """Verdicts on every answer of a zoo: `path` is a zoo.py, or the chapter's folder.  Raises ZooError."""
    wrong, right = load_zoo(path)
    verdicts = []
    for number in sorted({*wrong, *right}, key=by_number):
        verdicts += [verdict_on_wrong(number, answer) for answer in wrong.get(number, [])]
        verdicts += [verdict_on_right(number, answer) for answer in right.get(number, [])]
    return verdicts


def verdict_on_wrong(number: str, answer: Callable[..., Any]) -> Verdict:
    for seed in (CHECK_SEED, GRADE_SEED):  # as `grade` does
        report = examine(exercise(number), answer, seed, shrink=False)
        killed = report.status in ("failed", "partial") and report.cause not in NO_KILL
        if killed or not report.ok:
            break
    return Verdict(number, name_of(answer), True, killed, short(report) if killed else f"SURVIVES: {short(report)}")


def verdict_on_right(number: str, answer: Callable[..., Any]) -> Verdict:
    for seed in (CHECK_SEED, GRADE_SEED):
        report = examine(exercise(number), answer, seed, shrink=False)
        if not report.ok:
            break
    return Verdict(
        number, name_of(answer), False, report.ok, short(report) if report.ok else f"REFUSED: {short(report)}"
    )


def too_small(path: str | Path, numbers: Iterable[str]) -> list[str]:
    """What is missing for the exercises of these numbers to have six wrong answers and two right ones."""
    wrong, right = load_zoo(path)
    missing = []
    for number in numbers:
        for what, answers, least in (("wrong", wrong, WRONG_AT_LEAST), ("right", right, RIGHT_AT_LEAST)):
            count = len(answers.get(number, []))
            if count < least:
                missing.append(f"{number}: {count} {what} answers, {least} are needed")
    return missing


def load_zoo(path: str | Path) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """WRONG and RIGHT of a zoo file."""
    file = Path(path)
    file = file / "zoo.py" if file.is_dir() else file
    if not file.is_file():
        raise ZooError(f"{file}: there is no such zoo; write WRONG and RIGHT there")
    name = "zoo_" + "".join(letter if letter.isalnum() else "_" for letter in file.parent.name)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for wanted in ("WRONG", "RIGHT"):
        if not isinstance(getattr(module, wanted, None), dict):
            raise ZooError(f'{file}: it needs {wanted} = {{"5.2": [answers]}}')
    return module.WRONG, module.RIGHT


def kill_table(verdicts: Iterable[Verdict]) -> str:
    """The verdicts as a table of text."""
    rows = [("exercise", "answer", "", "how")]
    for verdict in verdicts:
        sign = ("killed" if verdict.ok else "ALIVE") if verdict.wrong else ("passes" if verdict.ok else "FAILS")
        rows.append((verdict.number, verdict.name, sign, verdict.how))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join([*map(str.ljust, row[:3], widths), row[3]]) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def by_number(number: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in number.split(".")]


def name_of(answer: Any) -> str:
    return str(getattr(answer, "__name__", type(answer).__name__))


def short(report: Report) -> str:
    text = report.message.removeprefix(f"{report.number} {report.name}: ")
    return text if len(text) <= 160 else f"{text[:157]}..."
