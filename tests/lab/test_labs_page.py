"""docs/labs.md: it names every lab, command, engine and setting that there is, and its examples work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lab.command_line import ROOT, netlib

from netlib.lab import engines
from netlib.lab.commands import app
from netlib.lab.samples.kinds import KINDS
from netlib.lab.shelf import describe
from netlib.lab.wan.settings import Settings

PAGE = (ROOT / "docs" / "labs.md").read_text("utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def code(cell: str) -> set[str]:
    """The words of the code in a table's cell."""
    return {word for text in re.findall(r"`([^`]+)`", cell) for word in text.split()}


def first_cells(title: str) -> list[str]:
    rows = re.findall(r"^\| (.+?) \|", section(title), re.M)
    return rows[1:]  # without the head


def test_the_page_lists_every_lab() -> None:
    labs = [describe(path) for path in sorted(ROOT.glob("labs/*/topology.clab.yml"))]
    rows = [f"| [{lab.name}](../labs/{lab.name}/README.md) | {lab.shows} |" for lab in labs]
    there = re.findall(r"^\| \[.*$", section("The labs"), re.M)
    assert there == rows, "the rows should be:\n" + "\n".join(rows)


def test_the_page_names_every_command_with_its_options() -> None:
    names = [each.name or each.callback.__name__ for each in app.registered_commands if each.callback]
    told = [word.split()[2] for cell in first_cells("In a terminal") for word in re.findall(r"`([^`]+)`", cell)]
    assert sorted(told) == sorted({*names, "doctor"})
    for option in ("--engine", "--as", "--count", "-w", "-o", "--all", "--lab"):
        assert f"{option} " in section("In a terminal") or f"`{option}`" in section("In a terminal")


def test_the_page_names_every_engine_setting_and_sample() -> None:
    assert [cell.strip("`") for cell in first_cells("Engines")] == list(engines.ENGINES)
    told = {word for cell in first_cells("Wan nodes") for word in code(cell)}
    assert told == set(Settings._fields)
    assert set(KINDS) <= code(section("Seeing"))


def test_the_pages_example_is_a_lab(labs_work: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its topology and its tour, written down as they stand there."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / "labs" / "pair"
    (folder / "files").mkdir(parents=True)
    [topology] = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
    (folder / "topology.clab.yml").write_text(topology)
    (folder / "files" / "hosts").write_text("10.0.0.1 a\n")
    [tour] = [text for text in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S) if "@claim" in text]
    (folder / "tour.py").write_text(tour)
    said = netlib("lab", "tour", "pair", cwd=tmp_path)
    assert said.endswith("yes  a and b reach each other\n     b answered\n\n1 of 1 hold\n")
    assert describe(folder / "topology.clab.yml").shows == "Two hosts on a cable: what `netlib lab list` says of it."
