"""A whole class: every submission gets its record, whatever ends the command, and nothing is graded twice."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from instructor.fakes import RELEASED, FakeGradebook, examine

from netlib.instructor.bubblewrap import NoSandbox
from netlib.instructor.grade import Graded, GradeError, Listing, Options, alone, grade_class
from netlib.instructor.store import Store, StoreError

TESTS = Path(__file__).parents[1]
NAME = "05-demo"


@pytest.fixture(autouse=True)
def one_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records stay valid here even if somebody edits netlib while the test runs."""
    monkeypatch.setattr("netlib.instructor.digest.engine", lambda: "engine")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    released = tmp_path / "course" / NAME / f"{NAME}.ipynb"
    released.parent.mkdir(parents=True)
    released.write_text(json.dumps(RELEASED))
    return tmp_path


def hand_in(root: Path, student: str, *lines: object) -> None:
    path = root / "submitted" / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(str(each) for each in (f"append {root / 'examined'}", *lines)))


def listing(root: Path) -> Listing:
    folders = sorted((root / "submitted").iterdir())
    return [(folder.name, folder / NAME / f"{NAME}.ipynb", "") for folder in folders]


def grade(root: Path, there: Listing | None = None, students: Sequence[str] = (), force: bool = False) -> Graded:
    graded = Graded(NAME, Store(root, NAME).folder)
    options = Options(workers=2, students=students, force=force, examine=examine)
    grade_class(graded, root, there if there is not None else listing(root), FakeGradebook(root / "book"), options)
    return graded


def examined(root: Path) -> list[str]:
    path = root / "examined"
    return sorted(path.read_text().split()) if path.exists() else []


def scores(graded: Graded) -> dict[str, dict[str, str]]:
    with open(graded.folder / "scores.csv", newline="", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_a_class_gets_records_grades_feedback_and_tables(root: Path) -> None:
    for i in range(5):
        hand_in(root, f"s{i}", i)
    graded = grade(root)
    book = FakeGradebook(root / "book")
    assert graded.examined == 5
    assert {name: row["5.1"] for name, row in scores(graded).items()} == {f"s{i}": str(i) for i in range(5)}
    assert scores(graded)["s1"]["manual"] == "1.5"
    assert examined(root) == book.said("log") == book.said("feedback") == [f"s{i}" for i in range(5)]
    assert ElementTree.parse(graded.folder / "scores.svg").getroot().get("role") == "img"
    assert (graded.folder / "report.txt").read_text() == f"{graded.report()}\n"
    assert graded.report().startswith(f"{NAME}: 5 graded in ")
    assert graded.report().endswith("Nobody needs a look.")


def test_nothing_is_graded_twice(root: Path) -> None:
    hand_in(root, "a", 4)
    hand_in(root, "b", 2)
    grade(root)
    hand_in(root, "b", 3)  # handed in again
    hand_in(root, "c", 1)
    graded = grade(root)
    assert examined(root) == ["a", "b", "b", "c"]
    assert FakeGradebook(root / "book").said("log") == ["a", "b", "b", "c"]
    assert graded.examined == 2
    assert ", 1 graded before" in graded.report()
    assert scores(graded)["b"]["5.1"] == "3"


def test_what_was_examined_and_not_recorded_is_recorded(root: Path) -> None:
    hand_in(root, "a", 4)
    grade(root)
    (root / "book" / "held" / "a").unlink()
    assert grade(root).examined == 0
    assert FakeGradebook(root / "book").said("log") == ["a", "a"]


def test_a_damaged_record_is_made_again(root: Path) -> None:
    hand_in(root, "a", 4)
    grade(root)
    path = Store(root, NAME).path("a")
    for damage in ("", "{}", "[]", path.read_text()[:-9], '{"verdicts": [1]}', "\0"):
        path.write_text(damage)
        assert grade(root).examined == 1


def test_force_grades_again(root: Path) -> None:
    hand_in(root, "a", 4)
    hand_in(root, "b", 4)
    grade(root)
    graded = grade(root, students=["b"], force=True)
    assert examined(root) == ["a", "b", "b"]
    assert set(scores(graded)) == {"a", "b"}, "the table is the whole class's"


def test_some_students_only(root: Path) -> None:
    for student in "abc":
        hand_in(root, student, 4)
    graded = grade(root, students=["c", "a"])
    assert examined(root) == ["a", "c"]
    assert "1 not yet graded" in graded.report()
    with pytest.raises(GradeError, match=r"^d\\x1b: no such student in submitted/"):
        grade(root, students=["d\x1b"])


def test_what_cannot_be_graded_gets_its_line_and_the_class_goes_on(root: Path) -> None:
    hand_in(root, "good", 4)
    hand_in(root, "killer", "die")
    hand_in(root, "bug", "raise")
    outside = root / "secret"
    outside.write_text("4")
    link = root / "submitted" / "link" / NAME / f"{NAME}.ipynb"
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    pipe = root / "submitted" / "pipe" / NAME / f"{NAME}.ipynb"
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    there = [*listing(root), ("odd", None, "a folder, not a notebook")]
    graded = grade(root, there)
    rows = scores(graded)
    assert {name: row["5.1"] for name, row in rows.items()} == {
        **{"good": "4", "killer": "0", "bug": "0", "link": "0", "pipe": "0", "odd": "0"}
    }
    report = graded.report()
    assert "5 need a look:" in report
    for said in (
        "  bug: the checker failed: ValueError",
        "  killer: the workers that graded it ended 2 times",
        f"  link: {NAME}.ipynb can't be read: Too many levels of symbolic links",
        f"  pipe: {NAME}.ipynb can't be read: not a file",
        "  odd: a folder, not a notebook",
    ):
        assert said in report


def test_a_name_is_safe_for_a_terminal(root: Path) -> None:
    hand_in(root, "a\x1b[31m\u202eb", "raise")
    report = grade(root).report()
    assert "a\\x1b[31m\\u202eb: the checker failed" in report
    assert all(each.isprintable() for each in report.splitlines())


def test_without_a_sandbox_there_is_no_grade(root: Path) -> None:
    hand_in(root, "a", "sandbox")
    with pytest.raises(NoSandbox):
        grade(root)
    assert FakeGradebook(root / "book").said("log") == []


def test_nobody_handed_in(root: Path) -> None:
    graded = grade(root, [])
    assert graded.report() == f"{NAME}: 0 graded in 0 s\n\nNobody needs a look."


def test_an_unknown_assignment_is_told(root: Path) -> None:
    with pytest.raises(StoreError, match=r"^06-none: no such assignment in course/; there are: 05-demo$"):
        _ = Store(root, "06-none").released


def test_the_seed_is_made_once_and_is_for_the_owner_only(root: Path) -> None:
    seed = Store(root, NAME).seed
    assert Store(root, "06-other").seed == seed > 2**64
    assert (root / "grading" / "seed").stat().st_mode & 0o777 == 0o600


SCRIPT = """
import sys
from pathlib import Path
from instructor.test_grade import grade
from netlib.instructor import digest
from netlib.instructor.grade import GradeError

if __name__ == "__main__":
    digest.engine = lambda: "engine"
    try:
        grade(Path(sys.argv[1]))
    except GradeError as error:
        sys.exit(str(error))
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_it_goes_on_where_it_was_ended(root: Path, how: signal.Signals) -> None:
    students = [f"s{i:02}" for i in range(12)]
    for number, student in enumerate(students):
        hand_in(root, student, *(["wait 0.3"] if number < 6 else [f"until {root / 'ended'}"]), 4)
    script = root / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, script, root], env=os.environ | {"PYTHONPATH": str(TESTS)}, stderr=subprocess.PIPE, text=True
    )
    records = Store(root, NAME).records
    for _ in range(6000):
        if len(list(records.glob("s*.json"))) >= 4 or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(how)
    said = process.communicate(timeout=300)[1]
    (root / "ended").touch()
    done = {path.stem: path.read_bytes() for path in records.glob("s*.json")}
    assert 4 <= len(done) < 12
    before = examined(root)
    if how == signal.SIGINT:
        assert f"interrupted: {len(done)} of 12 submissions have their record; the same command goes on" in said
    assert FakeGradebook(root / "book").said("log") == []
    graded = grade(root)
    again = examined(root)
    for student, record in done.items():
        assert Store(root, NAME).path(student).read_bytes() == record
        assert again.count(student) == before.count(student) == 1, "graded once"
    assert graded.examined == 12 - len(done)
    assert FakeGradebook(root / "book").said("log") == students
    assert sorted(scores(graded)) == students


def test_one_at_a_time(root: Path) -> None:
    store = Store(root, NAME)
    with alone(store), pytest.raises(GradeError, match="another netlib grade is at it"), alone(store):
        pass
    with alone(store):
        pass


def test_what_collecting_says_of_a_student_stands_on_the_same_line(root: Path) -> None:
    hand_in(root, "a", "raise")
    graded = grade(root)
    graded.look = ["a: handed in twice", "b: something else", "list.html: is nobody's"]
    assert graded.need_a_look()[:2] == ["b: something else", "list.html: is nobody's"]
    assert graded.need_a_look()[2].startswith("a: handed in twice; the checker failed: ValueError")


def test_what_the_gradebook_refuses_is_told(root: Path) -> None:
    hand_in(root, "a", 4)
    hand_in(root, "refused", 4)
    assert "\n  refused: is not in the gradebook: its row is locked" in grade(root).report()
    assert FakeGradebook(root / "book").said("feedback") == ["a"]
