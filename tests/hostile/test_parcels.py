"""Archives and folders with tricks in them: collecting follows none, and the honest student among them is graded."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile.classroom import Graded, grade
from hostile.desk import Desk
from hostile.pages import TERMINAL, dangers, texts
from hostile.parcels import FOLDER_TRICKS, NAMES, NOTEBOOK, ZIP_TRICKS, damaged
from hostile.world import World, opened

from netlib.instructor import bubblewrap
from netlib.instructor.collect import collect

pytestmark = pytest.mark.skipif(bool(bubblewrap.available()), reason=bubblewrap.available())
BORROWED = (
    "linker",
    "borrower",
    "parasite",
    "ouroboros",
    "environ",
    "wholefolder",
    "spiral",
    "piper",
    "plug",
    "device",
)


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graded]:
    """Both kinds at once: the folder is collected first, the zip file by the command."""
    folder = tmp_path_factory.mktemp("parcels")
    with opened(folder / "world") as world:
        yield unpacked_and_graded(world, folder)


def right_answers(world: World) -> bytes:
    desk = Desk("ada", world.chapter, world.places)
    desk.solve()
    return desk.data()


def released(world: World) -> bytes:
    return Desk("nobody", world.chapter, world.places).data()


def unpacked_and_graded(world: World, folder: Path) -> Graded:
    downloads = folder / "downloads"
    (downloads / "ada").mkdir(parents=True)
    (downloads / "ada" / NOTEBOOK).write_bytes(right_answers(world))
    for place in FOLDER_TRICKS:
        place(downloads, released(world), world.places)
    collected = collect(downloads, world.course, world.chapter)
    archive = folder / "download.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made, pytest.warns(UserWarning):
        made.writestr(f"ben/{NOTEBOOK}", right_answers(world))
        for add in ZIP_TRICKS:
            add(made, released(world), world.places)
    result = grade(world, archive)
    result.said += "\n".join([*collected.notes, *collected.look])
    return result


def test_the_honest_among_them_have_their_scores(graded: Graded) -> None:
    assert graded.returned == 0, graded.said[-3000:]
    assert graded.points("ada") == graded.points("ben") == 20


def test_nobody_else_has_a_point(graded: Graded) -> None:
    assert {name: graded.points(name) for name in graded.records if graded.points(name)} == {"ada": 20, "ben": 20}


def test_nothing_was_followed_or_planted(graded: Graded) -> None:
    world = graded.world
    assert graded.changed == []
    for top in (world.course, world.home, world.drop, world.folder):
        assert [path for path in top.rglob("*planted*") if "submitted" not in path.parts] == []
        assert [path for path in top.rglob("*") if path.is_symlink()] == []
    assert list(world.drop.iterdir()) == [] and world.heard() == []
    assert not list(world.folder.parent.glob("planted*"))


def test_no_secret_came_along(graded: Graded) -> None:
    course = graded.world.course
    for path, text in texts(course / "submitted", course / "grading", course / "feedback", course / "autograded"):
        assert graded.world.canary not in text, path
    assert graded.world.canary not in graded.said


def test_only_plain_files_and_folders_were_collected(graded: Graded) -> None:
    look_through(graded.world.course / "submitted")


def test_when_it_was_handed_in_is_not_the_students_word(graded: Graded) -> None:
    """A timestamp.txt of the student's own would make late work early."""
    stamp = graded.world.course / "submitted" / "crowd" / graded.world.chapter / "timestamp.txt"
    assert not stamp.read_text().startswith("1970")


def test_names_become_ids_that_do_nothing(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "names.zip", "w") as made:
        for name in NAMES:
            made.writestr(f"{name}/{NOTEBOOK}", b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    root = tmp_path / "course"
    (root / "course" / "05-ip-packet").mkdir(parents=True)
    found = collect(tmp_path / "names.zip", root, "05-ip-packet")
    assert len(found.students) >= len(NAMES) - 2  # of two spaces and of 300 letters there may be nothing left
    look_through(root / "submitted")
    for line in [*found.notes, *found.look]:
        assert not TERMINAL.search(line) and "\n" not in line and len(line) < 500


def look_through(submitted: Path) -> None:
    for path in submitted.rglob("*"):
        assert path.is_dir() or path.is_file()
        assert path.stat().st_size < 300_000_000
        name = path.name
        assert name.isprintable() and name.isascii() and len(name) < 200 and not name.startswith(("-", ".", " ")), name
        assert path.is_dir() or name in (NOTEBOOK, "timestamp.txt", "not-collected.txt"), name
    same = [path.name.casefold() for path in submitted.iterdir()]
    assert len(same) == len(set(same))


def test_who_handed_in_no_notebook_has_a_line(graded: Graded) -> None:
    for name in BORROWED:
        if name != "spiral":
            assert name in graded.said, name


def test_names_do_nothing_on_a_terminal_in_a_table_or_on_a_page(graded: Graded) -> None:
    for text in (graded.said, graded.report, (graded.folder / "scores.csv").read_text("utf-8-sig")):
        assert not TERMINAL.search(text.replace("\r", "")), TERMINAL.search(text)
    for row in graded.in_table:
        for cell in row.values():
            assert not cell or not cell.startswith(("=", "@", "+", "\t")), row
            assert not cell or not cell.startswith("-") or cell[1:].replace(".", "").isdigit(), row
    for student in graded.records:
        for page in graded.pages(student):
            if "EVIL" in (text := page.read_text("utf-8")):
                assert dangers(text, "EVIL") == []
    picture = (graded.folder / "scores.svg").read_text("utf-8")
    assert "<script" not in picture


def test_nothing_outlives(graded: Graded) -> None:
    assert graded.left == {}


@pytest.mark.parametrize("name", ["cut.zip", "flagged.zip", "lying.zip", "empty.zip", "nothing.zip", "text.zip"])
def test_a_damaged_archive_is_told_in_a_line(name: str, tmp_path: Path) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as made:
        made.writestr(f"ada/{NOTEBOOK}", b"{}")
        made.writestr(f"ben/{NOTEBOOK}", b"{}")
    (tmp_path / name).write_bytes(damaged(whole.getvalue())[name])
    root = tmp_path / "course"
    (root / "course" / "05-ip-packet").mkdir(parents=True)
    try:
        found = collect(tmp_path / name, root, "05-ip-packet")
        said = [*found.notes, *found.look]
    except Exception as error:
        assert type(error).__module__.startswith("netlib."), error  # which the command prints as one line
        said = [str(error)]
    assert said and all("\n" not in line and len(line) < 500 for line in said)


def test_stock_tools_follow_what_collecting_does_not(tmp_path: Path) -> None:
    """The negative control: unzipped and copied as usual, a link brings the secret along."""
    import shutil
    import subprocess

    secret = tmp_path / "secret"
    secret.write_text("canary")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        from hostile.parcels import link_member

        link_member(made, f"linker/{NOTEBOOK}", str(secret))
    unzip = [sys.executable, "-m", "zipfile", "-e", str(tmp_path / "a.zip"), str(tmp_path / "out")]
    tool = shutil.which("unzip")
    subprocess.run([tool, "-q", str(tmp_path / "a.zip"), "-d", str(tmp_path / "out")] if tool else unzip, check=True)
    shutil.copytree(tmp_path / "out", tmp_path / "copied")  # links followed, as nbgrader's collect copies
    copied = (tmp_path / "copied" / "linker" / NOTEBOOK).read_text()
    assert copied == ("canary" if tool else str(secret))
