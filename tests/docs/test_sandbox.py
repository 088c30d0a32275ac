"""docs/sandbox.md: every test and attack that it names is there, and its figures are the code's."""

from __future__ import annotations

import ast
import re

from docs import pages
from netlib.grading import agent, child, sandbox
from netlib.grading.exercise import Exercise
from netlib.instructor import workers

PAGE = (pages.ROOT / "docs" / "sandbox.md").read_text("utf-8")


def functions(short: str) -> set[str]:
    """The tests and attacks that stand behind a short name."""
    tests = pages.ROOT / "tests"
    files = sorted((tests / "hostile").glob("*.py") if short == "hostile" else tests.glob(f"[di]*/test_{short}.py"))
    return {
        node.name
        for file in files
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and (node.name.startswith("test_") or short == "hostile")
    }


def test_every_promise_names_tests_that_are_there() -> None:
    named = re.findall(r"`(\w+): (\w+)`", PAGE)
    assert len(named) > 50
    assert [f"{short}: {name}" for short, name in named if name not in functions(short)] == []
    for row in re.findall(r"^\| (?!promise|short|-)(.*) \|$", PAGE.split("## The tests")[0], re.M):
        assert re.search(r"`\w+: \w+`", row), f"nothing shows this: {row}"


def test_its_figures_are_the_codes() -> None:
    fields = Exercise.__dataclass_fields__
    figures = [
        ("{} GiB a process", agent.ADDRESS_SPACE / 2**30),
        ("Open files: {}.", agent.FILES),
        ("Threads: {} ", agent.THREADS),
        ("{} s of CPU for a cell", agent.CELL_CPU),
        ("{} s for all cells", agent.CELLS_WALL),
        ("({} s and", fields["call_limit"].default),
        ("and {} s, if nothing", fields["budget"].default),
        ("{} MB printed", child.PRINTED_LIMIT / 1e6),
        ("{} MB returned", sandbox.ANSWER_LIMIT / 1e6),
        ("one submission has {} s", workers.DEADLINE),
    ]
    assert [text.format(f"{value:g}") for text, value in figures if text.format(f"{value:g}") not in PAGE] == []
