"""What nbgrader's gradebook holds after records were taken into it, and what stays when they are taken anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from instructor import books
from nbgrader import api
from sqlalchemy import create_engine, inspect, text

from netlib.instructor import execute
from netlib.instructor.gradebook import Gradebook, GradebookError
from netlib.instructor.ledger import INDEXED, LedgerError
from netlib.instructor.record import Record

NAME = books.NAME


@pytest.fixture
def root(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return books.course(tmp_path_factory.getbasetemp() / f"{tmp_path.name}-course")


def points(book: Gradebook) -> dict[str, float]:
    return {score.student: score.total for score in book.scores()}


def autograded(root: Path, student: str) -> nbformat.NotebookNode:
    return nbformat.read(root / "autograded" / student / NAME / f"{NAME}.ipynb", as_version=4)


def test_nbgrader_reads_exactly_the_points_of_the_record(root: Path) -> None:
    book = Gradebook(root, NAME)
    given = {
        "check-5-1": 2.0,
        "check-5-2": 1.25,
        "check-5-3": 0.0,
        "check-5-4": 0.1,
        "check-5-5": 4.0,
        "check-5-6": 2.67,
    }
    assert book.record([books.record("ada", given), books.record("bob", 0.0), books.record("cid", 1.0)]) == {}
    assert {score.student: score.points for score in book.scores()}["ada"] == given
    assert points(book) == {"ada": pytest.approx(10.02), "bob": 0.0, "cid": books.TWENTY}
    with api.Gradebook(book.url) as nbgraders:
        held = {student.id: student.score for student in nbgraders.students}
        assert held == {"ada": pytest.approx(10.02), "bob": 0.0, "cid": books.TWENTY}
        assert nbgraders.find_submission(NAME, "ada").needs_manual_grade is False


def test_the_autograded_notebook_has_the_released_cells_and_no_hidden_test(root: Path) -> None:
    Gradebook(root, NAME).record([books.record("ada")])
    cells = [(cell.cell_type, cell.source) for cell in autograded(root, "ada").cells]
    assert cells == [(cell["cell_type"], "".join(cell["source"])) for cell in books.released()["cells"]]
    assert "HIDDEN" not in (root / "autograded" / "ada" / NAME / f"{NAME}.ipynb").read_text()
    assert "HIDDEN" in (root / "solutions" / NAME / f"{NAME}.ipynb").read_text()


def test_a_record_whose_cells_are_not_the_releases_is_refused_and_the_others_go_on(root: Path) -> None:
    missing, twice, more = books.record("missing"), books.record("twice"), books.record("more")
    graded = next(cell for cell in missing.notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade"))
    missing.notebook["cells"].remove(graded)
    twice.notebook["cells"].append(graded | {"id": "twice"})
    more.verdicts[0].points = 3.0
    book = Gradebook(root, NAME)
    why = book.record([missing, twice, more, books.record("ada")])
    assert set(why) == {"missing", "twice", "more"}
    assert "no cell for the verdict on check-5-1" in why["missing"] and "no verdict on check-5-1" in why["twice"]
    assert all("\n" not in line for line in why.values())
    assert points(book) == {"ada": books.TWENTY}
    assert [path.name for path in (root / "autograded").glob(f"*/{NAME}")] == [NAME]


def test_points_that_the_gradebook_would_hold_otherwise_are_refused(root: Path) -> None:
    """Another number of points for the exercise, since the assignment was prepared."""
    book = Gradebook(root, NAME)
    changed = books.record("ada")
    changed.verdicts[0].of = 7.0
    assert "check-5-1 would not get its 2 points of 7" in book.record([changed])["ada"]
    assert points(book) == {}


def test_what_is_recorded_is_known_until_something_changes(root: Path) -> None:
    book = Gradebook(root, NAME)
    assert book.recorded("ada") is None
    books.hand_in(root, "ada", when="2026-11-02 10:00:00 UTC")
    book.record([books.record("ada", digest="one")])
    assert book.recorded("ada") is None, "there is no page yet"
    book.feedback(["ada"])
    assert book.recorded("ada") == "one"
    assert book.recorded("bob") is None

    books.hand_in(root, "ada", when="2026-11-03 10:00:00 UTC")
    assert book.recorded("ada") is None, "handed in at another time"
    books.hand_in(root, "ada", when="2026-11-02 12:00:00+02:00")
    assert book.recorded("ada") == "one", "the same time, written otherwise"

    with api.Gradebook(book.url) as nbgraders:
        nbgraders.update_or_create_assignment(NAME, duedate="2026-11-01 10:00:00 UTC")
    assert book.recorded("ada") is None, "late now"
    book.record([books.record("ada", digest="two")])
    assert book.recorded("ada") is None, "its page was of the grades before"
    book.feedback(["ada"])
    assert book.recorded("ada") == "two"
    shutil.rmtree(root / "autograded" / "ada")
    assert book.recorded("ada") is None, "nothing to show"


def test_points_and_comments_given_by_hand_survive_a_new_grading(root: Path) -> None:
    book = Gradebook(root, NAME)
    book.record([books.record("ada", 0.5)])
    with api.Gradebook(book.url) as nbgraders:
        nbgraders.find_grade("check-5-1", NAME, NAME, "ada").manual_score = 1.75
        nbgraders.find_grade("check-5-2", NAME, NAME, "ada").extra_credit = 0.5
        nbgraders.find_comment("exercise-5-1", NAME, NAME, "ada").manual_comment = "Well told."
        nbgraders.db.commit()
    book.record([books.record("ada", 0.0)])
    [ada] = book.scores()
    assert ada.points["check-5-1"] == 1.75 and ada.points["check-5-2"] == 0.5 and ada.points["check-5-3"] == 0.0
    with api.Gradebook(book.url) as nbgraders:
        grade = nbgraders.find_grade("check-5-1", NAME, NAME, "ada")
        assert (grade.auto_score, grade.manual_score, grade.needs_manual_grade) == (0.0, 1.75, True)
        assert nbgraders.find_comment("exercise-5-1", NAME, NAME, "ada").comment == "Well told."


def test_an_untouched_answer_gets_nbgraders_comment(root: Path) -> None:
    book = Gradebook(root, NAME)
    answered = books.record("ada")
    for cell in answered.notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "exercise-5-1":
            cell["source"] = ["answer = 1"]
    book.record([answered])
    with api.Gradebook(book.url) as nbgraders:
        assert nbgraders.find_comment("exercise-5-1", NAME, NAME, "ada").comment is None
        assert nbgraders.find_comment("exercise-5-2", NAME, NAME, "ada").comment == "No response."


def test_late_days_count_as_nbgraders_plugin_says(root: Path) -> None:
    """nbgrader's own plugin takes all points off when told so, and leaves it to a plugin of the course to take less."""
    (root / "late.py").write_text(
        "from nbgrader.plugins import LateSubmissionPlugin\n"
        "class PerDay(LateSubmissionPlugin):\n"
        "    def late_submission_penalty(self, student_id, score, total_seconds_late):\n"
        "        return 1.5 * (total_seconds_late // 86400 + 1)\n"
    )
    with (root / "nbgrader_config.py").open("a") as config:
        config.write(
            "\nsys.path.insert(0, str(Path(__file__).parent))\nc.AssignLatePenalties.plugin_class = 'late.PerDay'\n"
        )
    book = Gradebook(root, NAME)
    with api.Gradebook(book.url) as nbgraders:
        nbgraders.update_or_create_assignment(NAME, duedate="2026-11-01 10:00:00 UTC")
    books.hand_in(root, "intime", when="2026-11-01 09:59:59 UTC")
    books.hand_in(root, "late", when="2026-11-02 12:00:00 UTC")
    books.hand_in(root, "zero", when="2026-11-09 12:00:00 UTC")
    book.record([books.record("intime"), books.record("late"), books.record("zero", 0.0)])
    assert points(book) == {"intime": 20.0, "late": 17.0, "zero": 0.0}
    with api.Gradebook(book.url) as nbgraders:
        submission = nbgraders.find_submission(NAME, "late")
        assert submission.timestamp == datetime(2026, 11, 2, 12)
        submission.extension = timedelta(days=2)
        nbgraders.db.commit()
    book.record([books.record("late")])
    assert points(book)["late"] == 20.0


def test_what_lies_beside_a_submission_is_not_opened(root: Path) -> None:
    secret = root / "secret"
    secret.write_text("2026-11-01 10:00:00 UTC")
    path = books.hand_in(root, "ada")
    (path.parent / "timestamp.txt").unlink()
    (path.parent / "timestamp.txt").symlink_to(secret)
    (path.parent / "submission_secret.txt").symlink_to(secret)
    (path.parent / "gradebook.db").symlink_to(root / "gradebook.db")
    (path.parent / "note.txt").write_text("mine")
    book = Gradebook(root, NAME)
    assert book.record([books.record("ada")]) == {} and book.feedback(["ada"]) == {}
    for step in ("autograded", "feedback"):
        suffix = "ipynb" if step == "autograded" else "html"
        assert [path.name for path in (root / step / "ada" / NAME).iterdir()] == [f"{NAME}.{suffix}"]
    assert book.scores()[0].timestamp is None


@pytest.mark.parametrize(
    "said", ["", "tomorrow", "\x00" * 50, "9" * 79, "2026-11-01 10:00:00 " + "/etc/localtime", "1" * 10**7]
)
def test_a_time_that_is_none_is_left_out(root: Path, said: str) -> None:
    books.hand_in(root, "ada", when=said)
    book = Gradebook(root, NAME)
    assert book.record([books.record("ada")]) == {}
    assert len(book.scores()) == 1


def test_notes_and_an_unsafe_grading_stand_on_top_of_the_notebook_and_formgrader_flags_it(root: Path) -> None:
    book = Gradebook(root, NAME)
    note = "cell [2](javascript:alert) of `ada` was <b>deleted</b>\nand $put$ back"
    book.record(
        [books.record("ada", notes=[note], unsafe=True), books.record("bob", look=["it died"]), books.record("cid")]
    )
    top = autograded(root, "ada").cells[0].source
    assert "without a sandbox" in top and r"cell \[2\]\(javascript\:alert\) of \`ada\`" in top and "<b>" not in top
    assert "without a sandbox" not in autograded(root, "bob").cells[0].source
    assert [(score.flagged, score.unsafe) for score in book.scores()] == [(True, True), (True, False), (False, False)]


def test_grading_that_is_killed_in_between_leaves_whole_grades_or_none(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Gradebook(root, NAME)
    book.record([books.record("ada", 0.5, digest="before")])

    def then_interrupted() -> Iterator[Record]:
        yield books.record("bob", 1.0)
        yield books.record("ada", 1.0, digest="after")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        book.record(then_interrupted())
    assert points(book) == {"ada": 20.0, "bob": 20.0}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(execute, "remember", killed)  # the last step, after nbgrader has written the points
    with pytest.raises(KeyboardInterrupt):
        book.record([books.record("ada", 0.0)])
    assert points(book)["ada"] == 20.0, "the grades before are still whole"
    assert book.recorded("ada") is None, "and nobody takes them for the new ones"


def test_indexes_are_made_once_and_are_what_nbgrader_looks_up_by(root: Path) -> None:
    book = Gradebook(root, NAME)
    book.ledger.set_up()  # again
    inspector = inspect(create_engine(book.url))
    indexed = {(table, *index["column_names"]) for table, _ in INDEXED for index in inspector.get_indexes(table)}
    assert (
        set(INDEXED) <= indexed
        and ("grade", "notebook_id") in indexed
        and ("submitted_notebook", "assignment_id") in indexed
    )
    with book.ledger.engine.connect() as connection:
        plan = connection.execute(text("EXPLAIN QUERY PLAN SELECT * FROM grade WHERE notebook_id = 'x'")).fetchall()
    assert "netlib_grade_notebook_id" in str(plan)


def test_preparing_again_is_only_done_when_the_solved_notebook_has_changed(root: Path) -> None:
    book = Gradebook(root, NAME)
    release = (root / "course" / NAME / f"{NAME}.ipynb").read_bytes()
    before = book.ledger.prepared(NAME)
    book.prepare()
    assert book.ledger.prepared(NAME) == before

    path = root / "solutions" / NAME / f"{NAME}.ipynb"
    solved = json.loads(path.read_text())
    graded = [cell for cell in solved["cells"] if cell["metadata"].get("nbgrader", {}).get("grade")]
    graded[0]["metadata"]["nbgrader"]["points"] = 5
    path.write_text(json.dumps(solved))
    book.prepare()
    assert book.ledger.prepared(NAME) != before
    with api.Gradebook(book.url) as nbgraders:
        assert nbgraders.find_assignment(NAME).max_score == 23
    assert (root / "course" / NAME / f"{NAME}.ipynb").read_bytes() == release

    record = books.record("ada")
    record.verdicts[0].of = record.verdicts[0].points = 5.0
    for cell in record.notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "check-5-1":
            cell["metadata"]["nbgrader"]["points"] = 5
    assert book.record([record]) == {}
    solved["cells"].remove(graded[1])
    path.write_text(json.dumps(solved))
    with pytest.raises(GradebookError, match="nbgrader db assignment remove --force 05-ip-packet"):
        book.prepare()


def test_what_is_missing_is_said_in_one_line(root: Path, tmp_path: Path) -> None:
    with pytest.raises(GradebookError, match=r"no nbgrader_config\.py; go to the course's top folder"):
        Gradebook(tmp_path / "nowhere", NAME)
    with pytest.raises(GradebookError, match=r"07-none\.ipynb: can't be read .*; make notebooks writes it"):
        Gradebook(root, "07-none").prepare()
    for url in (
        "gradebook.db",
        "postgresql://me:secret@127.0.0.1:1/none",
        "sqlite:////nowhere/at/all.db",
        "mysql://x/y",
    ):
        with pytest.raises(LedgerError) as error:
            Gradebook(root, NAME, db=url).prepare()
        assert "\n" not in str(error.value) and "secret" not in str(error.value)


@pytest.mark.parametrize(
    "student", ["<img src=x onerror=alert(1)>", "..", ".hidden", "a/b", "a\nb", "a&quot;", "x" * 129]
)
def test_a_name_that_would_act_in_formgrader_is_refused(root: Path, student: str) -> None:
    book = Gradebook(root, NAME)
    assert "can't be a student's id" in book.record([books.record(student)])[student]
    with api.Gradebook(book.url) as nbgraders:
        assert nbgraders.students == []
    assert book.record([books.record("Zoë O-Brien.2+x@uni")]) == {}
