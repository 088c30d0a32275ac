"""Collecting: as learning platforms lay submissions out, whose they are, which of them counts, what stays."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbgrader.coursedir import CourseDirectory

from netlib.instructor.archive import Refused
from netlib.instructor.collect import Collected, collect, read, submitted_notebooks
from netlib.instructor.roster import Roster, quoted, student_id, unquoted

NAME = "05-ip-packet"
NOTEBOOK = f"{NAME}.ipynb"
MARCH = datetime(2026, 3, 29, 12, 5, tzinfo=UTC)
Make = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "course"
    for chapter in (NAME, "06-icmp"):
        (root / "course" / chapter).mkdir(parents=True)
    return root


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def make_folder(tmp_path: Path, files: Mapping[str, str | bytes]) -> Path:
    top = tmp_path / "download"
    top.mkdir()
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, (MARCH.timestamp(), MARCH.timestamp()))
    return top


def make_zip(tmp_path: Path, files: Mapping[str, str | bytes]) -> Path:
    path = tmp_path / "download.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, MARCH.timetuple()[:6]), content)
    return path


@pytest.fixture(params=[make_folder, make_zip])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    return lambda files: request.param(tmp_path, files)


def contents(found: Collected) -> dict[str, str]:
    return {student: path.read_text() for student, path in found.students.items()}


LAYOUTS = {
    "Moodle, folders": {
        f"Ada Lovelace_4711_assignsubmission_file_/{NOTEBOOK}": "a",
        f"Bob Ross_4712_assignsubmission_file/{NOTEBOOK}": "b",
        "Bob Ross_4712_assignsubmission_onlinetext/onlinetext.html": "hello",
    },
    "Moodle, files": {
        f"Ada Lovelace_4711_assignsubmission_file_{NOTEBOOK}": "a",
        f"Bob Ross_4712_assignsubmission_file_my {NOTEBOOK}": "b",
    },
    "Moodle, with a folder around": {
        f"NET1-Sheet 5-99/Ada Lovelace_4711_assignsubmission_file_/{NOTEBOOK}": "a",
        f"NET1-Sheet 5-99/Bob Ross_4712_assignsubmission_file_/deep/er/{NOTEBOOK}": "b",
    },
    "Canvas": {
        f"lovelaceada_340934_208490284_{NOTEBOOK}": "a",
        f"rossbob_LATE_334244_394803489_{NAME}-1.ipynb": "b",
    },
    "Blackboard": {
        f"Sheet_5_ada_attempt_2026-03-29-12-05-00_{NOTEBOOK}": "a",
        "Sheet_5_ada_attempt_2026-03-29-12-05-00.txt": "Name: Ada",
        f"Sheet_5_bob_attempt_2026-03-29-12-05-00_{NOTEBOOK}": "b",
    },
    "Brightspace, folders": {
        f"13394-80551 - Ada Lovelace - Mar 29, 2026 1205 PM/{NOTEBOOK}": "a",
        f"13395-80551 - Bob Ross - Mar 29, 2026 1205 PM/{NOTEBOOK}": "b",
        "index.html": "a list",
    },
    "Brightspace, files": {
        f"13394-80551 - Ada Lovelace - Mar 29, 2026 1205 PM - {NOTEBOOK}": "a",
        "13395-80551 - Bob Ross - Mar 29, 2026 1205 PM - a - b.ipynb": "b",
    },
    "ILIAS": {
        f"Sheet 5/Lovelace_Ada_ada_271/{NOTEBOOK}": "a",
        f"Sheet 5/Ross_Bob_b_ross_272/{NOTEBOOK}": "b",
    },
    "nbgrader's exchange": {
        f"ada+{NAME}+2026-03-29 12:05:00.000000 UTC/{NOTEBOOK}": "a",
        f"bob+{NAME}+2026-03-29 12:05:00.000000 UTC+XyZ/{NOTEBOOK}": "b",
    },
    "folders": {f"ada/{NOTEBOOK}": "a", "ada/notes.ipynb": "", f"bob/{NAME} (1).ipynb": "b"},
    "nbgrader's": {f"ada/{NAME}/{NOTEBOOK}": "a", f"bob/{NAME}/{NOTEBOOK}": "b", "bob/06-icmp/06-icmp.ipynb": ""},
    "by assignment": {f"{NAME}/ada/{NOTEBOOK}": "a", f"{NAME}/bob/{NOTEBOOK}": "b", "06-icmp/bob/x.ipynb": ""},
    "files": {"ada.ipynb": "a", f"bob_{NOTEBOOK}": "b"},
    "files in a folder": {"sheet/ada.ipynb": "a", "sheet/bob.ipynb.txt": "b", "list.csv": ""},
}
IDS = {
    "Moodle": ["Ada-Lovelace", "Bob-Ross"],
    "Canvas": ["lovelaceada_340934", "rossbob_334244"],
    "Brightspace": ["Ada-Lovelace", "Bob-Ross"],
    "ILIAS": ["ada", "b_ross"],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, make: Make, root: Path) -> None:
    found = collect(make(LAYOUTS[layout]), root, NAME)
    assert list(contents(found).items()) == list(zip(IDS.get(layout.split(",")[0], ["ada", "bob"]), "ab", strict=True))
    assert found.look == []
    for student, path in found.students.items():
        assert path == root / "submitted" / student / NAME / NOTEBOOK
        stamp = CourseDirectory().get_existing_timestamp(str(path.parent))
        assert stamp == MARCH.replace(tzinfo=None), "as nbgrader reads it"
    assert submitted_notebooks(root, NAME) == [(student, path, "") for student, path in found.students.items()]


@pytest.mark.parametrize(
    ("path", "student"),
    [
        (f"ada/{NOTEBOOK}", "ada"),
        (f"ada/{NAME}/{NOTEBOOK}", "ada"),
        (f"{NAME}/ada/{NOTEBOOK}", "ada"),
        (f"{NAME}/ada.ipynb", "ada"),
        ("ada/final.ipynb", "ada"),
        ("sheet/ada/final.ipynb", "ada"),
        ("Ada Lovelace_4711_assignsubmission_file_/final.ipynb", "Ada-Lovelace"),
        ("ada.ipynb", "ada"),
        ("Sheet 5_ada_attempt_2026-03-29-12-05-00_final.ipynb", "ada"),
    ],
)
def test_a_class_of_one(path: str, student: str, make: Make, root: Path) -> None:
    assert contents(collect(make({path: "a"}), root, NAME)) == {student: "a"}


def test_a_class_of_one_with_several_notebooks(make: Make, root: Path) -> None:
    top = "Ada King_4711_assignsubmission_file_"
    files = {f"{top}/a.ipynb": "a", f"{top}/final {NOTEBOOK}": "right", f"{top}/b.ipynb": "b"}
    found = collect(make(files), root, NAME)
    assert contents(found) == {"Ada-King": "right"}


def test_names_of_people_are_kept(make: Make, root: Path) -> None:
    found = collect(make(LAYOUTS["ILIAS"]), root, NAME)
    assert found.names == {"ada": "Ada Lovelace", "b_ross": "Bob Ross"}
    rows = (root / "grading/names.csv").read_text().splitlines()
    assert rows == ["student,handed in as,name", "ada,ada,Ada Lovelace", "b_ross,b_ross,Bob Ross"]


def test_the_newest_attempt_counts(make: Make, root: Path) -> None:
    attempts = {
        f"13394-80551 - Ada Lovelace - Mar 29, 2026 926 AM/{NOTEBOOK}": "second",
        f"13394-80551 - Ada Lovelace - Mar 28, 2026 1155 PM/{NOTEBOOK}": "first",
        f"13399-80551 - Bob Ross - Mar 28, 2026 1155 PM/{NOTEBOOK}": "bob",
    }
    found = collect(make(attempts), root, NAME)
    assert contents(found) == {"Ada-Lovelace": "second", "Bob-Ross": "bob"}
    assert [line for line in found.notes if line.startswith("Ada-Lovelace: 2 notebooks were handed in")]
    assert "2026-03-29 09:26" in (root / f"submitted/Ada-Lovelace/{NAME}/timestamp.txt").read_text()


def test_the_notebook_with_the_assignments_name_counts_before_a_newer_one(tmp_path: Path, root: Path) -> None:
    files = {f"ada/{NOTEBOOK}": "right", "ada/scratch.ipynb": "newer", "bob/06-icmp.ipynb": "other"}
    top = make_folder(tmp_path, files)
    os.utime(top / "ada/scratch.ipynb")
    found = collect(top, root, NAME)
    assert contents(found) == {"ada": "right", "bob": "other"}
    assert found.look == ["bob: bob/06-icmp.ipynb has another assignment's name, and there is no other notebook"]


def test_collecting_an_older_one_again_replaces_nothing(tmp_path: Path, root: Path) -> None:
    def hand_in(text: str, hour: int) -> Collected:
        when = datetime(2026, 3, 29, hour, tzinfo=UTC).timestamp()
        (tmp_path / "in/ada").mkdir(parents=True, exist_ok=True)
        (tmp_path / "in/ada" / NOTEBOOK).write_text(text)
        os.utime(tmp_path / "in/ada" / NOTEBOOK, (when, when))
        return collect(tmp_path / "in", root, NAME)

    assert contents(hand_in("first", 10)) == {"ada": "first"}
    found = hand_in("older", 9)
    assert contents(found) == {"ada": "first"}
    assert found.notes == ["ada: a newer notebook (of 2026-03-29 10:00 UTC) is here already and stays"]
    stamp = root / f"submitted/ada/{NAME}/timestamp.txt"
    before = stamp.read_text()
    assert hand_in("first", 11).notes == [], "the same again"
    assert stamp.read_text() == before, "and nobody is late for that"
    assert hand_in("second", 12).notes == ["ada: replaces the notebook collected before"]
    assert "12:00" in stamp.read_text()


def test_who_hands_in_no_notebook_gets_a_line_and_a_place(make: Make, root: Path) -> None:
    found = collect(make({f"ada/{NOTEBOOK}": "a", "bob/essay.pdf": "?"}), root, NAME)
    assert contents(found) == {"ada": "a"}
    assert found.look == ["bob: no notebook among what was handed in: essay.pdf"]
    assert submitted_notebooks(root, NAME)[1] == (
        "bob", root / f"submitted/bob/{NAME}/{NOTEBOOK}", "no notebook among what was handed in: essay.pdf"
    )  # fmt: skip


def test_nobodys_notebook_gets_a_line(make: Make, root: Path) -> None:
    found = collect(make({"ada.ipynb": "a", "bob.ipynb": "b", NOTEBOOK: "?"}), root, NAME)
    assert sorted(found.students) == ["ada", "bob"]
    fix = "put it into a folder with the student's name, and collect again"
    assert found.look == [f"{NOTEBOOK}: nothing says whose it is; {fix}"]


def test_namesakes_are_two_students(make: Make, root: Path) -> None:
    files = {f"Ada King_{number}_assignsubmission_file_/{NOTEBOOK}": str(number) for number in (4711, 4712)}
    found = collect(make(files), root, NAME)
    assert contents(found) == {"Ada-King-4711": "4711", "Ada-King-4712": "4712"}
    assert found.look[0].startswith("2 students are called Ada King: ")


def test_a_students_own_names_make_him_nobody_else(tmp_path: Path, root: Path) -> None:
    inner = make_zip(tmp_path, {f"Ada King_1_assignsubmission_file_/{NOTEBOOK}": "forged"}).read_bytes()
    forged = {
        f"Ada King_1_assignsubmission_file_/{NOTEBOOK}": "a",
        f"Eve_2_assignsubmission_file_/Ada King_1_assignsubmission_file_/{NOTEBOOK}": "forged",
        "Mal_3_assignsubmission_file_/work.zip": inner,
    }
    found = collect(make_folder(tmp_path, forged), root, NAME)
    assert contents(found) == {"Ada-King": "a", "Eve": "forged", "Mal": "forged"}


def test_ids_stay_with_their_students(tmp_path: Path, root: Path) -> None:
    def hand_in(*names: str) -> Collected:
        folder = tmp_path / f"in {len(names)} {names[0]}"
        for name in names:
            (folder / name).mkdir(parents=True)
            (folder / name / NOTEBOOK).write_text(name)
        return collect(folder, root, NAME)

    assert contents(hand_in("José", "李明")) == {"Jose": "José", "student": "李明"}
    found = hand_in("Jose", "José", "ada", "Ada", "王芳")
    assert contents(found) == {"Jose": "José", "Jose-2": "Jose", "Ada": "Ada", "ada-2": "ada", "student-2": "王芳"}
    assert [line.split(":")[0] for line in found.look] == ["Jose-2", "ada-2", "student-2"]
    assert found.names == {"Jose": "José", "Jose-2": "Jose", "Ada": "Ada", "ada-2": "ada", "student-2": "王芳"}


@given(st.text(max_size=80))
def test_ids_are_plain_whatever_the_name(name: str) -> None:
    plain = student_id(name)
    assert plain.isascii() and plain == plain.strip() and 1 <= len(plain) <= 70
    assert not set(plain) & set("/\\*?[]{}+,:;<>|\"' \0\n") and plain[0] not in ".-" and ".." not in plain
    assert student_id(plain) == plain
    cell = quoted(name)
    assert unquoted(cell) == name
    assert not cell.startswith(tuple("=+-@\t\r")) and not set(cell) & set("\0\n\r\x1b\u2028\u202e")


@pytest.mark.parametrize("name", ["CON", "nul.ipynb", "../../etc", "..", "a/../b", "x" * 300, "\u202eevil", "😀", " "])
def test_ids_of_odd_names(name: str) -> None:
    assert student_id(name) not in ("", ".", "..", "CON", "nul") and "/" not in student_id(name)


def test_the_roster_reads_what_it_wrote(tmp_path: Path) -> None:
    people = [("=1+1", "=cmd()"), ("a\nb", "a,\"b\"\u202e"), ("'x", "\\n"), ("Zoë", "Zoë")]
    roster = Roster(tmp_path)
    roster.enroll(people)
    roster.save()
    again = Roster(tmp_path)
    assert (again.ids, again.names) == (roster.ids, roster.names)


def test_an_empty_source_gets_a_line(make: Make, root: Path) -> None:
    found = collect(make({}), root, NAME)
    assert found.students == {}
    assert found.look[0].endswith(": empty; nothing was collected")


def test_no_source(tmp_path: Path, root: Path) -> None:
    (tmp_path / "x.txt").write_text("no zip")
    for name, line in {"nowhere": "no such folder or zip file", "x.txt": "not a zip file, or a damaged one"}.items():
        with pytest.raises(Refused, match=line):
            collect(tmp_path / name, root, NAME)


def test_what_stands_in_submitted_is_listed_without_following(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    top = root / "submitted"
    for student in ("ada", "bob", "cid", "eve", "fay", "gil"):
        (top / student / NAME).mkdir(parents=True)
    (top / "ada" / NAME / NOTEBOOK).write_text("{}")
    (top / "bob" / NAME / NOTEBOOK).symlink_to(secret)
    os.link(secret, top / "cid" / NAME / NOTEBOOK)
    os.mkfifo(top / "eve" / NAME / NOTEBOOK)
    (top / "fay" / NAME / NOTEBOOK).mkdir()
    (top / "hal").symlink_to(top / "ada")
    listed = {student: trouble for student, _, trouble in submitted_notebooks(root, NAME)}
    assert listed.pop("ada") == ""
    assert {student: trouble.split(",")[0] for student, trouble in listed.items()} == {
        "bob": "a symbolic link",
        "cid": "a hard link",
        "eve": "a pipe",
        "fay": "a folder",
        "gil": f"no {NOTEBOOK} was handed in",
        "hal": "hal is a link or a file",
    }
    assert read(top / "ada" / NAME / NOTEBOOK) == b"{}"
    for student in ("bob", "cid", "eve", "fay"):
        with pytest.raises(Refused):
            read(top / student / NAME / NOTEBOOK)


def test_a_link_in_submitted_is_not_written_through(tmp_path: Path, root: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / NOTEBOOK).write_text("precious")
    (root / "submitted/ada").mkdir(parents=True)
    (root / "submitted/ada" / NAME).symlink_to(victim)
    (root / "submitted/bob" / NAME).mkdir(parents=True)
    (root / "submitted/bob" / NAME / NOTEBOOK).symlink_to(victim / NOTEBOOK)
    found = collect(make_folder(tmp_path, {f"{student}/{NOTEBOOK}": student for student in ("ada", "bob")}), root, NAME)
    assert contents(found) == {"bob": "bob"}
    assert (victim / NOTEBOOK).read_text() == "precious" and len(list(victim.iterdir())) == 1
    assert found.look[0].endswith("or what it is in is a link or a file; remove it")
