"""What the second round of attack found: each attack alone, and the places that were mended."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hostile.desk import ATTACKS, ROOT, Desk, make
from hostile.round2 import OF_A_NOTEBOOK, WASTES_TIME

from netlib.grading import exercise, sandbox
from netlib.grading.check import CHECK_SEED, examine
from netlib.grading.exercise import Scenario
from netlib.instructor import bubblewrap, examiner
from netlib.instructor.archive import Member
from netlib.instructor.collect import collect
from netlib.instructor.layouts import owners
from netlib.instructor.program import asked
from netlib.instructor.record import Record, Task
from netlib.instructor.repair import repair
from netlib.instructor.roster import Roster
from netlib.instructor.store import Store
from netlib.instructor.submission import read
from netlib.instructor.table import scores_csv

CHAPTER = "05-ip-packet"
needs_a_sandbox = pytest.mark.skipif(bool(bubblewrap.available()), reason=bubblewrap.available())


def one_exercise(number: str, name: str, data: bytes, monkeypatch: pytest.MonkeyPatch) -> Record:
    """The record of a submission that is asked for one exercise only."""
    monkeypatch.setattr(examiner, "asked", lambda notebook: [one for one in asked(notebook) if one.number == number])
    released = (ROOT / "course" / name / f"{name}.ipynb").read_bytes()
    return examiner.examine(Task(name, "me", data, released, seed=55))


@needs_a_sandbox
@pytest.mark.parametrize("what", OF_A_NOTEBOOK)
def test_what_every_notebook_has_ends_no_cell(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(what, CHAPTER, {})
    desk.answer("5.1", f"{OF_A_NOTEBOOK[what]}\n{desk.solved['exercise-5-1']}")
    (verdict,) = one_exercise("5.1", CHAPTER, desk.data(), monkeypatch).verdicts
    assert verdict.points == verdict.of, verdict.message


@needs_a_sandbox
def test_slow_experiments_cost_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three honest cells that compute for long used up the time of all: the answers below them were not there."""
    desk = Desk("patient", CHAPTER, {})
    desk.solve()
    for _ in range(3):
        desk.add(WASTES_TIME + "used_up(5)", before="exercise-5-1")
    (verdict,) = one_exercise("5.1", CHAPTER, desk.data(), monkeypatch).verdicts
    assert verdict.points == verdict.of, verdict.message


@needs_a_sandbox
def test_a_slow_answer_is_slow_whatever_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    short = dataclasses.replace(exercise("5.1"), budget=2.0)
    monkeypatch.setattr(examiner, "find_exercise", lambda number: short)
    data = make(ATTACKS["lies_about_its_time"], {})
    (verdict,) = one_exercise("5.1", CHAPTER, data, monkeypatch).verdicts
    assert verdict.points == 0
    assert "too slow" in verdict.message


def test_who_is_believed_about_cpu_time() -> None:
    assert sandbox.believed(1.0, 1.3) == 1.0
    assert sandbox.believed(0.0, 0.04) == 0.0
    assert sandbox.believed(0.0, 0.5) == 0.5
    assert sandbox.believed(0.3, None) == 0.3
    assert sandbox.believed("0", 0.5) == sandbox.believed(math.nan, None) == math.inf


def test_a_case_is_over_when_its_time_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many calls it takes, each of them within the grace."""

    def run(student: Any, n: int) -> str:
        for _ in range(1000):
            student(n)
        return "fine"

    def answer(n: int) -> None:
        time.sleep(0.05)

    monkeypatch.setattr(sandbox, "GRACE", 0.1)
    made = Scenario(
        number="0.99", name="f", points=1, run=run, pinned=[(1,)], judge=lambda args, out: None, call_limit=0.1
    )
    started = time.monotonic()
    report = examine(made, answer, CHECK_SEED)
    assert report.cause == "hung"
    assert time.monotonic() - started < 25  # 1000 calls take 50 s, and it is called again for its story


def test_nobody_is_called_what_no_table_can_hold(tmp_path: Path) -> None:
    """A name as long as archives have them stood in names.csv, which could then never be read again."""
    (tmp_path / "course" / CHAPTER).mkdir(parents=True)
    names = ["\x01" * 60_000, "\x01" * 60_000 + "x", "ada"]
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as packed:
        for name in names:
            packed.writestr(f"{name}/{CHAPTER}.ipynb", name)
    first = collect(tmp_path / "class.zip", tmp_path, CHAPTER)
    again = collect(tmp_path / "class.zip", tmp_path, CHAPTER)
    assert len(first.students) == len(names)
    assert first.students == again.students
    assert len(Roster(tmp_path).ids) == len(names)


@pytest.mark.parametrize("called", ["ada_attempt_2001-01-01-00-00-00_w", "9_assignsubmission_file_w", "x+y+2001 UTC+z"])
@pytest.mark.parametrize(
    ("platform", "students"),
    [
        ("{name}_31{number}_20{number}_{file}.ipynb", ["ada_311", "eve_312"]),
        ("{name}_31{number}_assignsubmission_file_{file}.ipynb", ["ada", "eve"]),
        ("Lab 5_{name}_attempt_2026-03-29-12-05-0{number}_{file}.ipynb", ["ada", "eve"]),
        ("13{number}-8 - {name} - Mar 29, 2026 1205 PM - {file}.ipynb", ["ada", "eve"]),
    ],
    ids=["canvas", "moodle", "blackboard", "brightspace"],
)
def test_a_files_name_makes_nobody_somebody_else(platform: str, students: list[str], called: str) -> None:
    """What one platform puts behind a student's name is what another puts before it: Eve's file was Ada's, of 2001."""
    names = [
        platform.format(name=name, number=number, file=file)
        for number, (name, file) in enumerate([("ada", "w"), ("eve", called)], 1)
    ]
    found = owners([Member((name,), None) for name in names], CHAPTER)
    assert [one.identity for one in found if one] == students
    assert all(one.when is None or one.when.year == 2026 for one in found if one)


@pytest.mark.parametrize("student", ["x" * 255, "\U0001d400" * 62, "ada"])
def test_a_folder_with_the_longest_name_has_its_record(student: str, tmp_path: Path) -> None:
    store = Store(tmp_path, CHAPTER)
    store.save(Record(CHAPTER, student, "", []))
    found = store.load(student)
    assert found is not None and found.student == student
    assert store.path("x" * 254) != store.path("x" * 255)


def test_a_folder_with_a_long_name_does_not_shadow_another(tmp_path: Path) -> None:
    store = Store(tmp_path, CHAPTER)
    assert store.path("ada") == store.records / "ada.json"
    long = "x" * 255
    taken = store.path(long).stem  # a student may be called that
    assert store.path(taken).stem == taken and store.load(long) is None


def test_a_kernels_name_is_no_formula() -> None:
    """Where a spreadsheet parts its cells at semicolons, the note on the kernel held a cell of the student's."""
    notebook = {"cells": [], "metadata": {"language_info": {"name": ';=HYPERLINK("http://evil";A1);'}}}
    released = json.loads((ROOT / "course" / CHAPTER / f"{CHAPTER}.ipynb").read_text("utf-8"))
    notes = repair(released, read(json.dumps(notebook).encode())).notes
    assert "HYPERLINK" in notes[0]
    assert not re.search(r"[;,\t\"]\s*[=+@-]", scores_csv([Record(CHAPTER, "ada", "", [], look=notes)]))


def cells(kind: str, count: int, source: str) -> list[dict[str, Any]]:
    return [{"cell_type": kind, "metadata": {}, "source": f"# {n}\n{source}"} for n in range(count)]


@pytest.mark.parametrize(
    "made",
    [
        cells("markdown", 1500, "\n".join(map(str, range(3000)))),
        cells("markdown", 4000, "\n".join(map(str, range(12)))),
        cells("code", 40, "internet_checksum = build_header = 1\n" + "a = b\n" * 30_000),
    ],
    ids=["long", "many", "defining"],
)
def test_to_find_cells_without_ids_takes_bounded_time(made: list[dict[str, Any]]) -> None:
    """Each released cell was compared with each of theirs: 25 MB took 90 s, and 250 MB more than there is."""
    released = json.loads((ROOT / "course" / CHAPTER / f"{CHAPTER}.ipynb").read_text("utf-8"))
    data = json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": made}).encode()
    started = time.process_time()
    repair(released, read(data))
    assert time.process_time() - started < 25


@needs_a_sandbox
def test_a_slow_experiment_costs_no_answer_below_it_in_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk("patient", CHAPTER, {})
    desk.solve()
    cell = desk.cell("exercise-5-1")
    cell["source"] = f"{WASTES_TIME}used_up(5)\n{cell['source']}"
    (verdict,) = one_exercise("5.1", CHAPTER, desk.data(), monkeypatch).verdicts
    assert verdict.points == verdict.of, verdict.message
