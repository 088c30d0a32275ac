"""A class in which most are hostile: each gets what it has earned, and nothing else happens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import hostile.attacks  # noqa: F401 - registers them
import pytest
from hostile.classroom import HONEST, Graded, grade, hand_in
from hostile.desk import ATTACKS
from hostile.inputs import inputs_of
from hostile.pages import TERMINAL, dangers, strings, texts
from hostile.world import MARK, opened

from netlib.instructor import bubblewrap

CHAPTER = "05-ip-packet"
HOSTILE = [name for name, attack in ATTACKS.items() if attack.chapter == CHAPTER]
pytestmark = pytest.mark.skipif(bool(bubblewrap.available()), reason=bubblewrap.available())


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graded]:
    folder = tmp_path_factory.mktemp("hostile")
    with opened(folder / "world") as world:
        hand_in(world, folder / "downloads")
        yield grade(world, folder / "downloads")


def test_the_class_is_graded_to_its_end(graded: Graded) -> None:
    assert graded.returned == 0, graded.said[-3000:]
    assert {*HONEST, *HOSTILE, "other_one"} == {*graded.records}, graded.said[-3000:]
    assert "Traceback" not in graded.said  # of nobody: also not of those that start the workers
    assert graded.world.victim.poll() is None


@pytest.mark.parametrize("student", HONEST)
def test_an_honest_submission_has_its_exact_score(graded: Graded, student: str) -> None:
    assert graded.points(student) == HONEST[student][1], verdicts(graded, student)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_submission_has_what_it_has_earned(graded: Graded, name: str) -> None:
    assert graded.points(name) == ATTACKS[name].earned, verdicts(graded, name)


def test_records_gradebook_and_table_agree(graded: Graded) -> None:
    points = {name: graded.points(name) for name in graded.records}
    assert graded.in_gradebook == points
    column = next(name for name in graded.in_table[0] if name.lower() in ("score", "points", "total"))
    student = next(iter(graded.in_table[0]))
    assert {row[student]: float(row[column]) for row in graded.in_table} == points


def test_every_exercise_of_every_submission_has_its_points_from_the_release(graded: Graded) -> None:
    for record in graded.records.values():
        assert [(verdict["number"], verdict["of"]) for verdict in record["verdicts"]] == [
            ("5.1", 2), ("5.2", 3), ("5.3", 4), ("5.4", 3), ("5.5", 4), ("5.6", 4)
        ], record["student"]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_was_told(graded: Graded, name: str) -> None:
    assert graded.world.told(name) == []
    if ATTACKS[name].kind != "reads":
        return  # the others may say what they like
    record = json.dumps(graded.records[name]["verdicts"]) + json.dumps(graded.records[name]["look"])
    assert MARK + name not in record
    for page in graded.pages(name):
        assert MARK + name not in page.read_text("utf-8")


def test_no_secret_is_in_anything_that_grading_made(graded: Graded) -> None:
    course = graded.world.course
    for path, text in texts(course / "grading", course / "feedback", course / "autograded"):
        if "other_one" not in str(path):  # whose own submission has it
            assert graded.world.canary not in text, path
    assert graded.world.canary not in graded.said


def test_nobody_was_called(graded: Graded) -> None:
    assert graded.world.heard() == []


def test_nothing_was_changed(graded: Graded) -> None:
    assert graded.changed == []
    assert [path for path in graded.added if ".ipython" in path or ".bashrc" in path] == []
    for path, text in texts(graded.world.home):
        assert "changed by" not in text, path
    planted = [path for path in graded.world.course.rglob("*") if path.name.startswith("planted") or path.is_symlink()]
    assert planted == []


def test_submissions_are_as_they_were_handed_in(graded: Graded) -> None:
    downloads = graded.world.folder.parent / "downloads"
    for handed_in in downloads.glob("*/*.ipynb"):
        collected = graded.world.course / "submitted" / handed_in.parent.name / CHAPTER / f"{CHAPTER}.ipynb"
        assert collected.read_bytes() == handed_in.read_bytes(), handed_in.parent.name


def test_nothing_outlives_grading(graded: Graded) -> None:
    assert graded.left == {}
    assert [path.name for path in graded.world.drop.iterdir()] == []


def test_disk_and_memory_are_bounded(graded: Graded) -> None:
    made = [
        path
        for top in ("grading", "feedback", "autograded")
        for path in (graded.world.course / top).rglob("*")
        if path.is_file() and path.stat().st_size > 20_000_000
    ]
    assert made == []
    for place in (Path("/tmp"), Path("/dev/shm"), Path("/var/tmp"), graded.world.course):
        assert not (place / f"hog-{graded.world.token}").exists()
    assert graded.peak < 4 << 30


@pytest.mark.parametrize("name", [name for name in HOSTILE if ATTACKS[name].kind in ("shows", "gains", "spends")])
def test_pages_do_nothing_that_a_student_wants(graded: Graded, name: str) -> None:
    pages = graded.pages(name)
    assert pages
    for page in pages:
        text = page.read_text("utf-8")
        if graded.world.places["EVIL"] in text:
            assert dangers(text, graded.world.places["EVIL"]) == []
        assert "\x1b" not in text and "\x00" not in text


def test_pages_show_no_hidden_test(graded: Graded) -> None:
    for student in graded.records:
        for page in graded.pages(student):
            assert "### BEGIN HIDDEN" not in page.read_text("utf-8"), student


def test_terminals_and_tables_get_plain_text(graded: Graded) -> None:
    for text in (graded.said.replace("\r", ""), graded.report, (graded.folder / "scores.csv").read_text("utf-8")):
        assert not TERMINAL.search(text.lstrip("\ufeff")), TERMINAL.search(text)
    for record in graded.records.values():
        for verdict in record["verdicts"]:
            assert not TERMINAL.search(verdict["message"] + verdict["look"])
            assert len(verdict["message"]) < 2000 and len(verdict["html"]) < 200_000
        for line in strings([record["look"], record["notes"]]):
            assert not TERMINAL.search(line) and "\n" not in line and len(line) < 1000
    for row in graded.in_table:
        assert not any(cell.startswith(("=", "+", "@", "\t")) for cell in row.values() if cell)


@pytest.mark.parametrize(
    "name", [name for name in HOSTILE if ATTACKS[name].kind == "breaks" and not ATTACKS[name].earned]
)
def test_what_cannot_be_read_has_its_line_in_the_report(graded: Graded, name: str) -> None:
    assert name in graded.report


def test_inputs_that_decide_the_grade_come_back_in_no_text(graded: Graded) -> None:
    """A hoarder's texts may hold inputs of the student's own check, never those of the instructor's seed."""
    from netlib.grading.check import CHECK_SEED, PUBLIC_SEEDS

    seed = int((graded.world.course / "grading" / "seed").read_text())
    name = "tells_the_inputs_it_is_graded_with"
    told: set[str] = set()
    for _, text in texts(graded.folder / "records", graded.world.course / "feedback" / name):
        for hoard in re.findall(r"HOARD((?:\s+[0-9a-f]+)+)", text):
            told |= set(hoard.split())
    assert told  # the public ones
    for number in ("5.1", "5.4"):
        public = {data.hex() for (data,) in inputs_of(number, *range(CHECK_SEED, CHECK_SEED + 1 + PUBLIC_SEEDS))}
        secret = {data.hex() for (data,) in inputs_of(number, seed)} - public
        assert secret
        assert not {word for word in secret if len(word) > 4} & told


def verdicts(graded: Graded, name: str) -> list[str]:
    return [f"{verdict['points']:g} {verdict['message'][:200]}" for verdict in graded.records[name]["verdicts"]]
