"""`nbgrader autograde`: it runs nothing of a student's, opens no link, and gives no grade when it can't be sure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from instructor import books
from instructor.commands import nbgrader
from nbgrader import converters
from nbgrader.apps import api as formgrader
from nbgrader.apps import autogradeapp

from netlib.instructor import execute
from netlib.instructor.execute import TrustedAutograde
from netlib.instructor.gradebook import Gradebook
from netlib.instructor.store import Store

NAME = books.NAME


class NoSandbox(Exception):
    """As bubblewrap's."""

    __module__ = "netlib.instructor.bubblewrap"


@pytest.fixture
def root(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return books.course(tmp_path_factory.getbasetemp() / f"{tmp_path.name}-course")


@pytest.fixture(autouse=True)
def examiners(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """In place of the workers: what they were given is noted."""
    asked: list[str] = []

    def examine_all(tasks):  # type: ignore[no-untyped-def]
        for task in tasks:
            asked.append(task.student)
            yield from books.examine_all([task])

    monkeypatch.setattr(TrustedAutograde, "examine_all", staticmethod(examine_all))
    yield asked


def totals(root: Path) -> dict[str, float]:
    return {score.student: score.total for score in Gradebook(root, NAME).scores()}


def test_the_commands_and_formgrader_use_ours(root: Path) -> None:
    assert nbgrader("--version", root) == 0
    Gradebook(root, NAME)
    assert autogradeapp.Autograde is TrustedAutograde and formgrader.Autograde is TrustedAutograde


def test_autograde_records_what_the_examiner_says(root: Path, examiners: list[str]) -> None:
    for student, part in {"ada": "1", "bob": "0", "cid": "0.5"}.items():
        books.hand_in(root, student, part)
    assert nbgrader(f"autograde {NAME}", root) == 0
    assert totals(root) == {"ada": 20.0, "bob": 0.0, "cid": 10.0}
    assert examiners == ["ada", "bob", "cid"]
    assert Store(root, NAME).load("cid") is not None


def test_it_examines_only_what_is_new_unless_forced(root: Path, examiners: list[str]) -> None:
    for student in ("ada", "bob"):
        books.hand_in(root, student, "1")
    assert nbgrader(f"autograde {NAME} --student ada", root) == 0
    assert nbgrader(f"autograde {NAME}", root) == 0
    assert examiners == ["ada", "bob"]
    books.hand_in(root, "ada", "0.5")
    assert nbgrader(f"autograde {NAME}", root) == 0
    assert examiners == ["ada", "bob", "ada"] and totals(root) == {"ada": 10.0, "bob": 20.0}
    (root / "gradebook.db").unlink()
    Gradebook(root, NAME).prepare()
    assert nbgrader(f"autograde {NAME}", root) == 0
    assert examiners == ["ada", "bob", "ada"], "the records were there"
    assert totals(root) == {"ada": 10.0, "bob": 20.0}
    assert nbgrader(f"autograde {NAME} --force --CourseDirectory.student_id_exclude=bob", root) == 0
    assert examiners == ["ada", "bob", "ada", "ada"]


@pytest.mark.parametrize(
    "flags",
    [
        "--no-execute",
        "--Execute.enabled=False --ClearOutput.enabled=False",
        "--TrustedExecute.enabled=False --NbGraderPreprocessor.enabled=False",
        "--Execute.kernel_name=python3 --sandbox=no",
        "--Autograde.autograde_preprocessors=nbgrader.preprocessors.Execute",
        "--TrustedAutograde.sanitize_preprocessors=nbgrader.preprocessors.Execute",
    ],
)
def test_no_flag_runs_a_students_code_or_takes_a_students_outputs(root: Path, tmp_path: Path, flags: str) -> None:
    canary = tmp_path / "canary"
    notebook = nbformat.from_dict(books.record("ada", 1.0).notebook)  # with outputs that say all is right
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = f"open({str(canary)!r}, 'w')"
    books.hand_in(root, "ada", nbformat.writes(notebook))
    nbgrader(f"autograde {NAME} {flags}", root)
    assert totals(root) in ({}, {"ada": 0.0})
    assert not canary.exists()


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own use of its database
def test_nbgraders_own_converter_refuses_also_where_the_settings_are_not_read_to_the_end(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"open({str(canary)!r}, 'w')")])
    books.hand_in(root, "ada", nbformat.writes(notebook))
    monkeypatch.setattr(autogradeapp, "Autograde", converters.Autograde)
    monkeypatch.setattr(execute, "take_over", lambda: None)
    assert nbgrader(f"autograde {NAME}", root) == 1
    assert not canary.exists() and not (root / "autograded" / "ada" / NAME).exists()


def test_without_netlib_the_settings_end_the_command_in_one_line(root: Path) -> None:
    code = (
        "import sys; sys.modules['pebble'] = None; from nbgrader.apps import NbGraderApp;"
        f"NbGraderApp.launch_instance(['autograde', {NAME!r}])"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert said.returncode == 1
    assert said.stderr.strip().splitlines()[-1].startswith("nbgrader_config.py: ")
    assert "Traceback" not in said.stderr


def test_no_sandbox_is_one_line_and_no_grade(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def examine_all(tasks):  # type: ignore[no-untyped-def]
        raise NoSandbox("no sandbox on this machine: allow user namespaces")
        yield

    monkeypatch.setattr(TrustedAutograde, "examine_all", staticmethod(examine_all))
    books.hand_in(root, "ada", "1")
    assert nbgrader(f"autograde {NAME}", root) == 1
    assert totals(root) == {} and not (root / "autograded").exists()


def test_links_are_not_followed(root: Path, examiners: list[str]) -> None:
    """To another's notebook, to a folder of another's, from a folder; and a pipe, which would wait for ever."""
    ada = books.hand_in(root, "ada", "1")
    for student in ("link", "pipe"):
        books.hand_in(root, student).unlink()
    (root / "submitted" / "link" / NAME / f"{NAME}.ipynb").symlink_to(ada)
    os.mkfifo(root / "submitted" / "pipe" / NAME / f"{NAME}.ipynb")
    (root / "submitted" / "folder").mkdir()
    (root / "submitted" / "folder" / NAME).symlink_to(ada.parent)
    assert nbgrader(f"autograde {NAME}", root) == 0
    assert {student for student, total in totals(root).items() if total} == {"ada"}
    texts = [path.read_text() for path in (root / "grading" / NAME / "records").glob("*.json") if path.stem != "ada"]
    assert all(json.loads(text)["verdicts"][0]["points"] == 0 for text in texts)


def test_collecting_from_the_exchange_follows_no_link(root: Path, tmp_path: Path) -> None:
    exchange = tmp_path / "exchange"
    inbound = exchange / "networking" / "inbound"
    other = books.hand_in(root, "ada", "1")
    for student in ("bob", "cid"):
        folder = inbound / f"{student}+{NAME}+2026-11-02 10:00:00 UTC+0"
        folder.mkdir(parents=True)
        (folder / "timestamp.txt").write_text("2026-11-02 10:00:00 UTC")
        os.mkfifo(folder / "pipe")
        (folder / "gradebook.db").symlink_to(root / "gradebook.db")
        (folder / "deep").symlink_to(root)
    (inbound / f"bob+{NAME}+2026-11-02 10:00:00 UTC+0" / f"{NAME}.ipynb").symlink_to(other)
    (inbound / f"cid+{NAME}+2026-11-02 10:00:00 UTC+0" / f"{NAME}.ipynb").write_text("1")
    (inbound / f"dan+{NAME}+2026-11-02 10:00:00 UTC+0").symlink_to(other.parent)
    with (root / "nbgrader_config.py").open("a") as config:
        config.write(f"\nc.Exchange.root = {str(exchange)!r}\n")
        config.write("c.ExchangeCollect.check_owner = False  # all students are this user here\n")
    assert nbgrader(f"collect {NAME}", root) == 0
    submitted = root / "submitted"
    found = {who: sorted(path.name for path in (submitted / who).glob(f"{NAME}/*")) for who in ("bob", "cid", "dan")}
    assert found == {"bob": ["timestamp.txt"], "cid": [f"{NAME}.ipynb", "timestamp.txt"], "dan": []}


def test_nothing_handed_in_is_an_error(root: Path) -> None:
    assert nbgrader(f"autograde {NAME}", root) == 1
    books.hand_in(root, "ada", "1")
    assert nbgrader(f"autograde {NAME} --student bob", root) == 1
    assert nbgrader("autograde 07-none", root) == 1


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own use of its database
def test_settings_with_a_mistake_in_them_grade_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nbgrader goes on with its own settings then; those that netlib installs beside Jupyter's make it refuse."""
    canary = tmp_path / "canary"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"open({str(canary)!r}, 'w')")])
    books.hand_in(root, "ada", nbformat.writes(notebook))
    (root / "nbgrader_config.py").write_text("c = get_config(\n")
    monkeypatch.setattr(autogradeapp, "Autograde", converters.Autograde)
    assert nbgrader(f"autograde {NAME}", root) == 1
    assert not canary.exists() and not (root / "autograded" / "ada" / NAME).exists()
