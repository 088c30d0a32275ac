"""Points for the properties that hold, and none for what only looks like it; the packets of a counterexample."""

import os
import pickle
from pathlib import Path

import pytest
from grading import toys
from grading.test_starter import Announcing
from hypothesis import strategies as st

from netlib.grading import REJECTED, CheckFailed, Exercise, check, exercise, grade, register
from netlib.grading.check import CHECK_SEED, GRADE_SEED, examine, examine_graded
from netlib.grading.corpus import corpus
from netlib.wire.pcap import read_pcap

LENGTH, UPPER, ORDER = "as long as the text", "in capitals", "in order"


def shouted(text):
    if "?" in text:
        raise ValueError("no questions")
    return text.upper()


register(
    Exercise(
        number="0.80",
        name="shouted",
        points=6,
        reference=shouted,
        properties={
            "it is text": lambda args, out: isinstance(out, str),
            LENGTH: lambda args, out: len(out) == len(args[0]),
            UPPER: lambda args, out: out == out.upper(),
            ORDER: lambda args, out: out.lower() == args[0].lower(),
        },
        credit={LENGTH: 1, UPPER: 2, ORDER: 2, REJECTED: 1},
        inputs=st.tuples(st.text("abcD?", max_size=9)),
        pinned=[("ab",), ("?",)],
    )
)


def capital(text):
    return "".join(chr(ord(letter) - 32) if letter in "abc" else letter for letter in text)


def right(text):
    if "?" in text:
        raise ValueError
    return capital(text)


def no_question_refused(text):
    return capital(text)


def backwards(text):
    return right(text)[::-1]


def small(text):
    right(text)
    return text.lower()


def doubled(text):
    return right(text) * 2


def number(text):
    right(text)
    return 7


def always_refuses(text):
    raise ValueError


def trips(text):
    return right(text) if len(text) < 4 else text[99]


def hangs(text):
    while len(text) > 6:
        pass
    return right(text)


EARNED = {
    right: 6,
    no_question_refused: 5,
    backwards: 4,
    small: 4,
    doubled: 3,
    number: 0,  # what each property stands on does not hold
    always_refuses: 0,
    trips: 0,
    hangs: 0,
}


@pytest.mark.parametrize("answer", EARNED, ids=lambda answer: answer.__name__)
def test_points_are_earned_by_what_holds_on_all_inputs(answer):
    exercise("0.80").__dict__["call_limit"] = 0.3
    points = EARNED[answer]
    for report in (check("0.80", answer), examine_graded(exercise("0.80"), Announcing("0.80", answer), GRADE_SEED)):
        assert (report.points, report.earned, report.ok) == (points, points > 0, points == 6)
        assert report.status == {6: "passed", 0: "failed"}.get(points, "partial")
    if points == 6:
        assert grade("0.80", answer) is None
    elif points:
        assert grade("0.80", answer) == points
    else:
        with pytest.raises(CheckFailed):
            grade("0.80", answer)


def test_a_report_says_what_was_earned_and_for_what():
    report = check("0.80", backwards)
    assert report.headline == "◐ 0.80 shouted: not right yet, 4 points of 6"
    assert "This does not hold: in order." in repr(report)
    assert f"What holds already, on all inputs\n    {LENGTH} (1 point)\n    {UPPER} (2 points)" in repr(report)
    assert report.message.startswith("0.80 shouted: not right yet, 4 points of 6. This does not hold")
    assert "dashed" in report._repr_html_()


def test_a_property_that_only_a_secret_input_breaks_earns_nothing_in_grading():
    public = set(corpus(exercise("0.80"), CHECK_SEED))
    secret = [text for text in corpus(exercise("0.80"), 99) if text not in public]
    assert secret
    hidden = {pickle.loads(key)[0] for key in secret} - {"ab"}

    def answer(text):
        shown = backwards(text)
        return shown.lower() if text in hidden else shown

    started = Announcing("0.80", answer)
    assert examine(exercise("0.80"), None, CHECK_SEED, starter=started).points == 4
    report = examine_graded(exercise("0.80"), started, 99)
    assert (report.points, report.holds) == (2, (LENGTH, REJECTED))
    assert "2 points of 6" in report.message and UPPER not in repr(report)


def test_an_answer_that_fails_only_on_secret_inputs_keeps_what_holds_there():
    def answer(text):
        return right(text) if "D" not in text or len(text) < 8 else right(text)[::-1]

    report = examine_graded(exercise("0.80"), Announcing("0.80", answer), GRADE_SEED)
    assert report.points == 4


@pytest.mark.parametrize(
    "credit, said",
    [({LENGTH: 6, "else": 0}, "credit for 'else', which is none of its properties"), ({}, ""), ({LENGTH: 5}, "equal")],
)
def test_credit_has_to_add_up(credit, said):
    made = {"number": "0.81", "name": "f", "points": 6, "properties": {LENGTH: lambda a, o: True}, "pinned": [("",)]}
    if not said:
        Exercise(**made, credit=credit)
        return
    with pytest.raises(ValueError, match=said):
        Exercise(**made, credit=credit)


def test_the_packets_of_a_counterexample_are_saved_beside_the_notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = check("0.4", lambda request: b"\0\0\0")
    assert "Its packets, for Wireshark\n    counterexample-0.4.pcap" in repr(report)
    (saved,) = tmp_path.iterdir()
    assert saved.read_bytes() == report.pcap
    times = [time for time, _ in read_pcap(saved)]
    assert times == [0.0, 0.5, 1.0, 1.5]
    assert toys.ECHO.number == "0.4"


def test_where_nothing_can_be_written_the_report_is_the_same_without(tmp_path, monkeypatch):
    (tmp_path / "counterexample-0.4.pcap").mkdir()
    monkeypatch.chdir(tmp_path)
    report = check("0.4", lambda request: b"\0\0\0")
    assert report.story and "Wireshark" not in repr(report)


def test_grading_writes_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = examine_graded(exercise("0.4"), Announcing("0.4", lambda request: b"\0\0\0"), GRADE_SEED)
    with pytest.raises(CheckFailed):
        grade("0.4", lambda request: b"\0\0\0")
    assert report.pcap and os.listdir(tmp_path) == []


def test_nbgrader_gives_the_points_that_the_hidden_test_hands_it():
    nbclient, utils = pytest.importorskip("nbclient"), pytest.importorskip("nbgrader.utils")
    nbformat = pytest.importorskip("nbformat")
    source = 'from netlib.grading import grade\nget_ipython().displayhook(grade("0.80", {name}))\ncheck("0.80", {name})'
    start = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\nfrom grading.test_credit import *"
    cells = [start, *(source.format(name=answer.__name__) for answer in (right, small, number))]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=600, iopub_timeout=60, kernel_name="python3", allow_errors=True).execute()
    points = []
    for cell in notebook.cells[1:]:
        cell.metadata["nbgrader"] = {"grade": True, "solution": False, "points": 6, "grade_id": "check"}
        points.append(utils.determine_grade(cell))
    assert points == [(6, 6), (4, 6), (0, 6)]
