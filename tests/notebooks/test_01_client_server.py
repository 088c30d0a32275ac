"""Chapter 01: its live part, which nbval does not compare, with a lab, its recording, or neither; and half solved."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from notebooks.live import NO_LAB, REPLAY, live_output, skip_without_lab

from netlib.grading.mine import mine

CHAPTER = "01-client-server"
ROOT = Path(__file__).parents[2]
ROUND_TRIPS = "".join(
    f"{design}  {trips} round trips\n"
    for design, trips in (("reconnect", 40), ("chatty   ", 21), ("pipelined", " 2"), ("batched  ", " 2"))
)
VERDICTS = [
    ROUND_TRIPS,
    "Each took as long as its round trips.\nNear, all four together took less than a quarter of that.",
    "chatty     21                21",
    "chatty: handshake, and three calls of 20",
    "1000 bytes in each call: hardly slower than small calls\na thousandth of the bandwidth: hardly slower",
    "The lab is down. Nothing is left of it.",
]
LIVE_ONLY = [
    "chatty     20 of 20 answers of yours were right",
    "pipelined  20 of 20 answers of yours were right",
    "batched    20 of 20 answers of yours were right",
    "without a memory: asked more than once, withdrawn more than once",
    "with yours      : asked more than once, withdrawn once",
    "Ada is told 70 and the bank has 70",
]
NOT_LIVE = "Not live here. Recorded on 23 November 2026 with Linux 6.18:"


def said_live(before: str = "pass") -> str:
    """What the live cells say, without the empty lines between what is printed at different times."""
    return re.sub(r"\n\n+", "\n", live_output(CHAPTER, before))


@pytest.fixture
def lab_runs() -> None:
    skip_without_lab(CHAPTER)


@pytest.mark.usefixtures("lab_runs")
def test_a_kernel_says_what_the_text_says() -> None:
    said = said_live()
    assert [verdict for verdict in VERDICTS + LIVE_ONLY if verdict not in said] == []
    assert NOT_LIVE not in said and "recorded" not in said
    assert said.count("✗ does not hold") == 9 and said.count("not tried here") == 1


def test_without_a_lab_every_live_cell_says_so_and_tells_what_was_seen() -> None:
    said = said_live(NO_LAB)
    assert "The lab can't run here: namespaces are not allowed here. Lab.doctor() says more." in said
    assert said.count(NOT_LIVE) == 5 and ROUND_TRIPS in said
    assert "A kernel, recorded" in said and "answers of yours" not in said and "The lab is down" not in said
    assert said.count("✗ does not hold") == 9


def test_a_recording_shows_what_needs_no_sockets_of_yours() -> None:
    said = said_live(REPLAY)
    assert "RECORDED on " in said and ": nothing runs here" in said
    assert [verdict for verdict in VERDICTS if verdict.partition("  21  ")[0] not in said] == []
    assert said.count(NOT_LIVE) == 2
    assert "A kernel, recorded" in said and "answers of yours" not in said


def test_whoever_has_solved_but_the_fourth_exercise_is_told_which_one_is_missing() -> None:
    """A coroutine waits where it is awaited, not where it is called."""
    folder = ROOT / "solutions" / CHAPTER
    solved = nbformat.read(folder / f"{CHAPTER}.ipynb", as_version=4)
    released = nbformat.read(ROOT / "course" / CHAPTER / f"{CHAPTER}.ipynb", as_version=4)
    waiting = next(cell.source for cell in released.cells if cell.id == "exercise-1-4")
    cells = [cell for cell in solved.cells if not cell.id.startswith("check-")]
    for cell in cells:
        cell.source = waiting if cell.id == "exercise-1-4" else cell.source
    solved.cells = [nbformat.v4.new_code_cell(NO_LAB), *cells]
    NotebookClient(
        solved, timeout=600, iopub_timeout=60, kernel_name="python3", allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    ).execute()  # fmt: skip
    errors = [output for cell in solved.cells for output in cell.get("outputs", []) if output.output_type == "error"]
    assert [(error.ename, error.evalue) for error in errors] == [
        ("NotImplementedYet", "waiting for exercise 1.4 call")
    ] * 2


def test_whoever_has_no_answers_gets_netlibs_in_later_chapters(tmp_path: Path) -> None:
    for number, name in (("1.2", "Frames"), ("1.3", "dispatch"), ("1.4", "call"), ("1.5", "AtMostOnce")):
        assert mine(number, folder=tmp_path).__name__ == name
