"""`netlib grade` as an instructor types it: real submissions, the real sandbox, the real gradebook."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from instructor.classroom import course, hand_in, solutions
from nbgrader.api import Gradebook

from netlib.authoring.chapter import Chapter
from netlib.instructor.bubblewrap import BOOTSTRAP, available

pytestmark = pytest.mark.skipif(bool(available()), reason=f"no sandbox: {available()}")
NAME = "05-ip-packet"
NETLIB = [sys.executable, "-m", "netlib.cli"]


@pytest.fixture
def chapter(tmp_path: Path) -> Chapter:
    (tmp_path / "course-copy").mkdir()
    return course(tmp_path / "course-copy", NAME)


def netlib(chapter: Chapter, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*NETLIB, *words], cwd=chapter.root, capture_output=True, text=True, timeout=3000)


def scores(chapter: Chapter) -> dict[str, dict[str, str]]:
    with open(chapter.root / "grading" / NAME / "scores.csv", newline="", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_a_class_from_a_folder_to_the_gradebook(chapter: Chapter, tmp_path: Path) -> None:
    handed_in = tmp_path / "handed in"
    first = {"exercise-5-1": solutions(chapter)["exercise-5-1"]}
    hand_in(chapter, "ada", first, handed_in)
    hand_in(chapter, "untouched", {}, handed_in)
    broken = hand_in(chapter, "broken", {}, handed_in)
    broken.write_text("this is not JSON \x1b[2J")
    link = hand_in(chapter, "link", {}, handed_in)
    link.unlink()
    link.symlink_to(handed_in / "ada" / NAME / f"{NAME}.ipynb")

    done = netlib(chapter, "grade", "5", str(handed_in), "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{NAME}: 4 graded in ")
    points = {student: (row["points"], row["5.1"], row["of"]) for student, row in scores(chapter).items()}
    assert points == {
        "ada": ("2", "2", "20"),
        "broken": ("0", "0", "20"),
        "link": ("0", "0", "20"),
        "untouched": ("0", "0", "20"),
    }
    look = done.stdout.partition("need a look:\n")[2].splitlines()
    assert [line.split(":")[0].strip() for line in look if line.startswith("  ")] == ["broken", "link"]
    assert "\x1b" not in done.stdout + done.stderr
    for student in points:
        assert (chapter.root / "feedback" / student / NAME / f"{NAME}.html").is_file()
    with Gradebook(f"sqlite:///{chapter.root}/gradebook.db") as book:
        held = {s.student.id: s.score for s in book.assignment_submissions(NAME)}
    assert held == {"ada": 2, "broken": 0, "link": 0, "untouched": 0}

    said = netlib(chapter, "grade", NAME, "--student", "nobody")
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == "netlib: nobody: no such student in submitted/; there are 4 others\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["99-none"], "no chapter '99-none'"),
        (["5", "--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], "give one of them"),
        (["5", "nowhere.zip"], "nowhere.zip"),
        (["5", "--scheduler", "tcp://127.0.0.1:1"], "no scheduler answers"),
        (["5", "--db", "postgresql://127.0.0.1:1/none"], "127.0.0.1"),
    ],
)
def test_what_goes_wrong_is_one_line(chapter: Chapter, words: list[str], said: str) -> None:
    hand_in(chapter, "ada", {})
    done = netlib(chapter, "grade", *words)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("netlib: ") and said in last
    assert "Traceback" not in done.stderr


def test_ctrl_c_while_students_code_runs(chapter: Chapter) -> None:
    """A terminal sends it to every process of the group: none is left, and nobody loses points for it."""
    slow = "import time\ndef internet_checksum(data):\n    time.sleep(1)\n    return 0\n"
    hand_in(chapter, "slow", {"exercise-5-1": slow})
    process = subprocess.Popen(
        [*NETLIB, "grade", "5", "--workers", "1"],
        cwd=chapter.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        below: list[int] = []
        for _ in range(3000):
            if any(in_sandbox(pid) for pid in descendants(process.pid)):
                break
            time.sleep(0.1)
        else:
            pytest.fail("no answer was ever in a sandbox")
        time.sleep(0.5)
        below = descendants(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=300)
    finally:
        process.kill()
    assert (process.returncode, stdout) == (1, "")
    assert "netlib: interrupted: 0 of 1 submissions have their record; the same command goes on from there" in stderr
    assert not list((chapter.root / "grading" / NAME / "records").glob("*.json"))
    for _ in range(1000):
        left = [pid for pid in below if name_of(pid)]
        if not left:
            break
        time.sleep(0.1)
    assert not left


def descendants(pid: int) -> list[int]:
    """All processes below this one."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, new = [], [pid]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def in_sandbox(pid: int) -> bool:
    """Is it the Python in which an answer is called?  Not the one that only tries whether there can be a sandbox."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"bwrap" not in words[0] and BOOTSTRAP.encode() in words


def name_of(pid: int) -> str:
    """A process's name; nothing for one that is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
