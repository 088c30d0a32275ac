"""docs/instructors.md: its first class, followed literally in a copy of the course."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from docs import pages
from netlib.instructor import bubblewrap

PAGE = pages.ROOT / "docs" / "instructors.md"
pytestmark = pytest.mark.skipif(bool(bubblewrap.available()), reason=bubblewrap.available())


def test_a_first_class_from_nothing_to_exported_grades(tmp_path: Path) -> None:
    root = tmp_path / "course"
    pages.follow(PAGE, root, pages.course(root))
    with (root / "grades.csv").open(newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {student: float(row["score"]) for student, row in rows.items()} == {
        "Ada-Lovelace": 20.0,
        "Bob-Kahn": 0.0,
        "Cid-Vint": 17 - 1.7 + 1,
    }
    page = (root / "feedback" / "Cid-Vint" / "05-ip-packet" / "05-ip-packet.html").read_text("utf-8")
    assert "One off: a TTL of 1" in page
    assert "BEGIN HIDDEN TESTS" not in page
