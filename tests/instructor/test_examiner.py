"""One submission in, one record out: exact points, the same each time, and a line for whatever can't be graded."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from instructor import classroom

from netlib.authoring.chapter import Chapter
from netlib.instructor import examiner
from netlib.instructor.bubblewrap import available
from netlib.instructor.examiner import examine
from netlib.instructor.record import Record, Task

pytestmark = pytest.mark.skipif(bool(available()), reason=available() or "there is a sandbox")
POINTS = [3, 4, 3, 6, 4]


@pytest.fixture(scope="module")
def chapter(tmp_path_factory: pytest.TempPathFactory) -> Chapter:
    return classroom.course(tmp_path_factory.mktemp("class") / "course", "06-icmp")


def task(chapter: Chapter, answers: dict[str, str] | None, **changes: object) -> Task:
    released = (chapter.released / f"{chapter.name}.ipynb").read_bytes()
    submission = None if answers is None else classroom.hand_in(chapter, "ada", answers).read_bytes()
    return dataclasses.replace(Task(chapter.name, "ada", submission, released, 1234), **changes)


def points(record: Record) -> list[float]:
    return [verdict.points for verdict in record.verdicts]


def timeless(record: Record) -> dict[str, object]:
    return json.loads(record.to_json()) | {"seconds": 0}


def test_solved_wrong_and_untouched_answers_get_their_points_and_the_same_record_each_time(chapter: Chapter) -> None:
    answers = classroom.solutions(chapter)
    answers["exercise-6-2"] = answers["exercise-6-2"].replace("is_later_fragment = ", "is_later_fragment = False and ")
    del answers["exercise-6-3"]
    record = examine(task(chapter, answers))
    assert points(record) == [3, 0, 0, 6, 4]
    assert [verdict.status for verdict in record.verdicts] == ["passed", "failed", "waiting", "passed", "passed"]
    assert "fragment" in record.verdicts[1].text and "icmp_error(bytes.fromhex(" in record.verdicts[1].message
    assert timeless(examine(task(chapter, answers))) == timeless(record)


def test_the_points_are_the_releases(chapter: Chapter) -> None:
    one = task(chapter, classroom.solutions(chapter))
    released = json.loads(one.released)
    for cell in released["cells"]:
        if cell["id"] == "check-6-1":
            cell["metadata"]["nbgrader"]["points"] = 30
    record = examine(dataclasses.replace(one, released=json.dumps(released).encode()))
    assert points(record) == [30, *POINTS[1:]] and record.verdicts[0].of == 30


@pytest.mark.parametrize("trouble", ["not collected: a link", ""])
def test_nothing_to_read_is_no_points_and_a_line(chapter: Chapter, trouble: str) -> None:
    record = examine(task(chapter, None, trouble=trouble))
    assert points(record) == [0] * 5
    assert record.look == [trouble or "there is no notebook"]


def test_a_repair_that_may_have_cost_points_is_for_the_instructor_to_see(chapter: Chapter) -> None:
    answers = classroom.solutions(chapter)
    answers["exercise-6-1"] = answers["exercise-6-1"].replace("def echo_reply", "def reply_to_echo")
    record = examine(task(chapter, answers))
    assert points(record)[0] == 0
    assert any("reply_to_echo" in line for line in record.look), record.look


def test_without_a_sandbox_the_record_says_so(chapter: Chapter) -> None:
    record = examine(task(chapter, classroom.solutions(chapter), unsafe=True))
    assert points(record) == POINTS and record.unsafe
    assert any("without a sandbox" in line for line in record.look)


HOLDS_ON = """
import signal
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""


def test_cells_that_never_end_cost_one_long_wait(chapter: Chapter, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = []

    class Noting(examiner.Sandboxed):
        def __init__(self, exercise: object, program: object, unsafe: bool, cells_limit: float) -> None:
            limits.append(cells_limit)
            super().__init__(exercise, program, unsafe, min(cells_limit, 3.0))  # type: ignore[arg-type]

    monkeypatch.setattr(examiner, "Sandboxed", Noting)
    answers = classroom.solutions(chapter)
    answers["exercise-6-1"] += HOLDS_ON
    record = examine(task(chapter, answers))
    assert points(record) == [0] * 5
    assert limits == [examiner.CELLS_LIMIT] + [examiner.STUCK_LIMIT] * 4


def test_points_in_part_are_told_to_nbgrader(tmp_path: Path) -> None:
    chapter = classroom.course(tmp_path / "course", "05-ip-packet")
    answers = classroom.solutions(chapter)
    answers["exercise-5-5"] = classroom.from_zoo(chapter, "5.5", True, 1, "fragment")
    record = examine(task(chapter, answers))
    verdict = record.verdicts[4]
    assert 0 < verdict.points < verdict.of and verdict.status == "partial"
    cell = next(cell for cell in record.notebook["cells"] if cell["id"] == "check-5-5")
    assert cell["outputs"][-1]["data"]["text/plain"] == repr(float(verdict.points))
