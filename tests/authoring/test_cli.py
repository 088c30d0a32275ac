"""The `netlib` command: what it does, and that its errors are one line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from authoring import demo

from netlib.authoring.chapter import Chapter
from netlib.cli import main

SMALL = "# %% [markdown]\n# A title\n\n# %%\n1 + 1\n"


@dataclass
class Done:
    status: int
    stdout: str
    stderr: str


@pytest.fixture
def netlib(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run the command in this process, which has loaded what it needs, in a folder."""

    def run(*arguments: str, cwd: Path) -> Done:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["netlib", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run


def netlib_from_a_shell(*arguments: str, cwd: Path) -> Done:
    command = [sys.executable, "-m", "netlib.cli", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def chapter(tmp_path: Path) -> Chapter:
    return demo.course(tmp_path, SMALL)


def test_notebooks_are_written_then_left_alone_then_compared(chapter: Chapter, netlib: Callable[..., Done]) -> None:
    fix = "not what 01-demo.py produces; run make notebooks"
    before = netlib("notebooks", "--check", cwd=chapter.root)
    assert before.status == 1
    assert before.stdout == f"solutions/01-demo/01-demo.ipynb: {fix}\n"

    built = netlib("notebooks", "1", cwd=chapter.folder)
    assert built.status == 0, built.stderr
    assert "01-demo: executing 1 cells" in built.stderr
    written = ["solutions/01-demo/01-demo.ipynb", "course/01-demo/01-demo.ipynb", "course/01-demo/data.txt"]
    assert built.stdout.splitlines() == [f"{path}: written" for path in written]

    again = netlib("notebooks", cwd=chapter.root)
    assert (again.status, again.stdout) == (0, "")
    (chapter.root / "course" / "02-gone").mkdir()
    (chapter.released / "data.txt").write_text("changed by hand\n")
    after = netlib("notebooks", "--check", cwd=chapter.root)
    assert after.status == 1
    assert after.stdout.splitlines() == [
        f"course/01-demo/data.txt: {fix}",
        "course/02-gone: belongs to no chapter of solutions/; remove it",
    ]


def test_errors_are_one_line(chapter: Chapter, netlib: Callable[..., Done]) -> None:
    chapter.source.write_text("# %%\n1 / 0\n")
    for arguments, said in {
        ("notebooks",): "solutions/01-demo/01-demo.py:1: this cell raised ZeroDivisionError: division by zero",
        ("notebooks", "9"): "netlib: no chapter '9' with a 9.py in solutions/; there are: 01-demo",
        ("zoo",): "it needs RIGHT = ",
    }.items():
        done = netlib(*arguments, cwd=chapter.root)
        assert done.status == 1
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "executing" not in line]
        assert len(lines) == 1 and said in lines[0]
    outside = netlib_from_a_shell("notebooks", cwd=Path("/"))
    assert outside.stderr == "netlib: /: not inside the course; go to the folder that holds nbgrader_config.py\n"


def test_zoo_prints_its_table_and_fails_when_a_wrong_answer_lives(chapter: Chapter) -> None:
    zoo = chapter.folder / "zoo.py"
    declare = (
        "from netlib.grading import Exercise, register\n"
        "register(Exercise(number='1.1', name='double', points=1, reference=lambda n: 2 * n, pinned=[(3,)]))\n"
        "RIGHT = {'1.1': [lambda n: n + n]}\n"
    )
    zoo.write_text(declare + "WRONG = {'1.1': [lambda n: n]}\n")
    done = netlib_from_a_shell("zoo", cwd=chapter.root)
    assert done.status == 0, done.stderr
    assert "killed" in done.stdout and "passes" in done.stdout
    zoo.write_text(declare + "WRONG = {'1.1': [lambda n: n * 2]}\n")
    done = netlib_from_a_shell("zoo", cwd=chapter.root)
    assert done.status == 1 and "SURVIVES" in done.stdout
