"""Every exercise's bug zoo: all wrong answers fail its check, all right ones pass, and there are enough of both."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from netlib.authoring.chapter import Chapter, find_chapters
from netlib.exercises import MODULES
from netlib.grading.zoo import run_zoo, too_small

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("chapter", find_chapters(ROOT, file="zoo.py"), ids=lambda chapter: chapter.name)
def test_the_zoo_dies_and_the_right_live(chapter: Chapter) -> None:
    declared = import_module(f"netlib.exercises.{MODULES[str(int(chapter.name[:2]))]}").EXERCISES
    assert too_small(chapter.folder, [exercise.number for exercise in declared]) == []
    verdicts = run_zoo(chapter.folder)
    assert {verdict.number for verdict in verdicts} == {exercise.number for exercise in declared}
    assert [f"{verdict.number} {verdict.name}: {verdict.how}" for verdict in verdicts if not verdict.ok] == []
