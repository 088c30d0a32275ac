"""Every exercise's bug zoo: all wrong answers fail its check, all right ones pass, and there are enough of both."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from netlib.authoring.chapter import Chapter, find_chapters
from netlib.exercises import MODULES
from netlib.grading.check import CHECK_SEED, examine
from netlib.grading.registry import exercise
from netlib.grading.zoo import load_zoo, name_of, run_zoo, too_small

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("chapter", find_chapters(ROOT, file="zoo.py"), ids=lambda chapter: chapter.name)
def test_the_zoo_dies_and_the_right_live(chapter: Chapter) -> None:
    declared = import_module(f"netlib.exercises.{MODULES[str(int(chapter.name[:2]))]}").EXERCISES
    assert too_small(chapter.folder, [exercise.number for exercise in declared]) == []
    verdicts = run_zoo(chapter.folder)
    assert {verdict.number for verdict in verdicts} == {exercise.number for exercise in declared}
    assert [f"{verdict.number} {verdict.name}: {verdict.how}" for verdict in verdicts if not verdict.ok] == []


GUESSED = {
    ("07-arp", "7.3", "FillsTheTarget"): "target_mac is filled in",
    ("09-udp", "9.4", "request_triples"): "each is twice the one before",
    ("09-udp", "9.4", "request_waits_double_at_once"): "the first wait is too long",
    ("09-udp", "9.4", "request_new_id_each_try"): "each try has a new id",
    ("09-udp", "9.4", "request_one_id_for_all"): "each request needs an id of its own",
    ("09-udp", "9.4", "request_ignores_empty"): "an answer without data is none",
    ("09-udp", "9.4", "request_sleeps"): "it sleeps to the end of the wait",
    ("09-udp", "9.4", "request_without_id"): "the data go without an id",
}


@pytest.mark.parametrize(("chapter", "number", "name"), GUESSED)
def test_the_cause_is_guessed(chapter: str, number: str, name: str) -> None:
    wrong, _ = load_zoo(ROOT / "solutions" / chapter)
    [answer] = [each for each in wrong[number] if name_of(each) == name]
    report = examine(exercise(number), answer, CHECK_SEED)
    [guess] = [part.text for part in report.story if part.heading.startswith("A guess")]
    assert GUESSED[chapter, number, name] in guess
