"""`mine`: yours where it is there and right, netlib's where not, one line either way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from grading import toys

from netlib.grading.mine import mine

RIGHT = """\
def word_sum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total = sum(words(data))
    while total > LIMIT:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
"""
ABOVE = """\
import struct
LIMIT = 0xFFFF
print("this is not run")
raise RuntimeError("nor is this")
def words(data):
    return struct.unpack(f">{len(data) // 2}H", data)
"""


def chapter(tmp_path: Path, answer: str | None, above: str = ABOVE) -> Path:
    """The folder of a later chapter, with a notebook of chapter 00 beside it."""
    here = tmp_path / "01-later"
    here.mkdir()
    cells = [{"cell_type": "markdown", "source": "# text", "metadata": {}}]
    cells.append({"cell_type": "code", "source": above.splitlines(keepends=True), "metadata": {}})
    if answer is not None:
        nbgrader = {"grade_id": "exercise-0-1"}
        cells.append({"cell_type": "code", "source": answer, "metadata": {"nbgrader": nbgrader}})
    home = tmp_path / "00-toys"
    home.mkdir()
    (home / "00-toys.ipynb").write_text(json.dumps({"cells": cells}))
    return here


def test_yours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = mine("0.1", folder=chapter(tmp_path, RIGHT))
    assert capsys.readouterr().out == "using your word_sum from chapter 00\n"
    assert answer is not toys.CHECKSUM.reference
    assert answer(b"\x01") == 0xFEFF


def test_found_from_the_working_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(chapter(tmp_path, RIGHT))
    mine("0.1")
    assert capsys.readouterr().out == "using your word_sum from chapter 00\n"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ('def word_sum(data):\n    raise NotImplementedYet("0.1 word_sum")', "is not solved yet"),
        ("def word_sum(data):\n    return 0", "yours is not right yet"),
        ("def word_sum(data):\n    while True: pass", "yours is not right yet"),
        ("def word_sum(data:", "your cell is not Python"),
        ("import nothing_of_that_name\ndef word_sum(data): ...", "ModuleNotFoundError"),
        ("def another(data): ...", "defines no word_sum"),
        (None, "has no cell for exercise 0.1"),
    ],
)
def test_netlibs_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: str | None, why: str) -> None:
    above = "from netlib.grading import NotImplementedYet"
    assert mine("0.1", folder=chapter(tmp_path, answer, above)) is toys.CHECKSUM.reference
    said = capsys.readouterr().out
    assert said.startswith("using netlib's word_sum: ") and why in said and said.count("\n") == 1


def test_no_notebook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mine("0.1", folder=tmp_path) is toys.CHECKSUM.reference
    assert "there is no notebook of chapter 00" in capsys.readouterr().out


def test_no_notebook_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = chapter(tmp_path, RIGHT)
    (tmp_path / "00-toys" / "00-toys.ipynb").write_text("not JSON")
    assert mine("0.1", folder=here) is toys.CHECKSUM.reference
    assert "can't be read as a notebook" in capsys.readouterr().out


def test_nothing_to_fall_back_on(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"exercise 0\.4 reply_to: there is no notebook"):
        mine("0.4", folder=tmp_path)
