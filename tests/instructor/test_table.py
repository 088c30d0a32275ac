"""The class's table, picture and lines: right figures, and nothing in them that a spreadsheet or terminal obeys."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

from instructor.fakes import examine, task

from netlib.instructor.record import Record
from netlib.instructor.table import by_exercise, looks, scores_csv, scores_svg, summary

SVG = "{http://www.w3.org/2000/svg}"


def record(student: str, points: int = 4, *look: str) -> Record:
    made = examine(task(student, str(points).encode()))
    made.look = list(look)
    return made


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_line_for_each_student_and_a_column_for_each_exercise() -> None:
    [a, b] = read(scores_csv([record("a", 4), record("b", 1, "it called what it should build")]))
    assert (a["student"], a["points"], a["of"], a["5.1"], a["5.2"], a["look"]) == ("a", "4", "6", "4", "0", "")
    assert (b["points"], b["5.1"], b["look"]) == ("1", "1", "it called what it should build")


def test_the_gradebook_adds_columns() -> None:
    text = scores_csv([record("a"), record("b")], {"a": {"manual": 1.5, "late days": 2}, "b": {"manual": 0}})
    [a, b] = read(text)
    assert (a["manual"], a["late days"], b["manual"], b["late days"]) == ("1.5", "2", "0", "")


def test_a_spreadsheet_finds_no_formula() -> None:
    names = ["=cmd()", "+1", "-1", "@SUM(A1)", "a,b\"c", "x\ny", "\x1b[2J", "\t=1"]
    rows = read(scores_csv([record(name, 4, "=HYPERLINK(1)") for name in names]))
    assert len(rows) == len(names)
    for row in rows:
        assert not row["student"].startswith(("=", "+", "-", "@", "\t"))
        assert row["look"] == "'=HYPERLINK(1)"
    assert rows[4]["student"] == 'a,b"c'
    assert rows[6]["student"] == "\\x1b[2J"


def test_an_unsafe_grade_is_marked() -> None:
    made = record("a")
    made.unsafe = True
    [row] = read(scores_csv([made]))
    assert row["unsafe"] == "unsafe"


def test_how_a_class_did_in_each_exercise() -> None:
    first, second = by_exercise([record("a", 4), record("b", 1), record("c", 4)])
    assert (first.title, first.mean, first.of) == ("5.1 internet_checksum", 3, 4)
    assert first.statuses == {"passed": 2, "partial": 0, "failed": 1, "waiting": 0}
    assert second.statuses["waiting"] == 3


def test_the_picture_is_xml_and_says_the_same_in_words() -> None:
    root = ElementTree.fromstring(scores_svg([record("a", 4), record("b", 1)], "05-demo <&> \x1b"))
    assert root.get("role") == "img"
    ids = {element.get("id"): element.text or "" for element in root if element.get("id")}
    title, words = (ids[name] for name in (root.get("aria-labelledby") or "").split())
    assert title == "05-demo <&> \\x1b"
    assert "5.1 internet_checksum: 2.5 of 4 points on average; 1 passed, 1 failed" in words
    bars = [float(box.get("width", 0)) for box in root.iter(f"{SVG}rect") if float(box.get("y") or 0) == 64]
    assert bars == [150, 150]
    shown = " ".join(element.text or "" for element in root.iter(f"{SVG}text"))
    assert "1 passed, 1 failed" in shown


def test_a_picture_of_nobody() -> None:
    assert "nothing has been graded" in scores_svg([], "05-demo")
    assert summary([]) == ""


def test_the_summary_counts() -> None:
    assert summary([record("a", 4), record("b", 1)]).splitlines()[2].split() == [
        *("5.1", "internet_checksum", "1", "0", "1", "0", "2.50", "4"),
    ]


def test_who_needs_a_look_is_one_line_each() -> None:
    records = [record("b", 4, "first\nline", "second"), record("a"), record("\u202egnp\x1b[31m", 4, "x" * 1000)]
    lines = looks(records, {"a": ["two submissions"], "z": ["an empty zip"]})
    assert lines[:2] == ["a: two submissions", "b: first\\nline; second"]
    assert lines[2] == "z: an empty zip"
    assert lines[3].startswith("\\u202egnp\\x1b[31m: xxx")
    assert len(lines[3]) == 300 and lines[3].isprintable()
