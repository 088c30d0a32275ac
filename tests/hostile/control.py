"""Negative controls: each attack in an unprotected process, to see the sign by which it betrays itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hostile.desk import ROOT, Attack, make, read, text
from hostile.world import World, changes, fingerprints

ASSERTS = """
from netlib.grading.registry import exercise as _find
from netlib.wire.checksum import internet_checksum as _checksum
_reference = _checksum if {number!r} == "5.1" else _find({number!r}).reference
for _label, _case in _find({number!r}).cases():
    try:
        _expected = _reference(*_case)
    except ValueError:
        continue
    assert {name}(*_case) == _expected
"""
"""A hidden test as most nbgrader courses have it: asserts, against the reference, in the student's process."""


def plain_job(attack: Attack, world: World) -> dict[str, Any]:
    """The attack for `unprotected.py`, in a world of its own."""
    notebook = json.loads(make(attack, world.places | {"NAME": attack.name}))
    released = read(ROOT / "course" / attack.chapter / f"{attack.chapter}.ipynb")
    solved = read(ROOT / "solutions" / attack.chapter / f"{attack.chapter}.ipynb")
    hidden = {cell["id"]: text(cell) for cell in solved["cells"]}
    points = {
        cell["id"]: cell["metadata"]["nbgrader"]["points"]
        for cell in released["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade")
    }
    known = {cell["id"]: text(cell) for cell in released["cells"]}
    cells = []
    for cell in notebook["cells"]:
        number = str(cell.get("id", "")).removeprefix("check-").replace("-", ".")
        if cell["id"] in points:
            answered = text(desk_cell(notebook, cell["id"])) != known[cell["id"].replace("check", "exercise")]
            if not answered and attack.control != "gained":
                continue
            source = hidden[cell["id"]].replace(f'check("{number}"', f'if 0: check("{number}"')
            if attack.tests == "assert" or attack.control != "gained":
                source = asserts(number)
            cells.append([source, number, points[cell["id"]]])
        elif cell["cell_type"] == "code" and (
            known.get(cell["id"]) != text(cell)
            or cell["id"].startswith("exercise-")
            or cell["id"] in first_cell(released)
        ):
            cells.append([text(cell), "", 0])
    cwd = world.course / "autograded" / attack.name / attack.chapter
    cwd.mkdir(parents=True)
    output = world.folder / "output.txt"
    beat = world.drop / f"{attack.name}.beat"
    return {
        "name": attack.name, "cells": cells, "cwd": str(cwd), "output": str(output), "sign": attack.control,
        "beat": str(beat),
        "enough": attack.earned,
    }  # fmt: skip


def desk_cell(notebook: dict[str, Any], check: str) -> dict[str, Any]:
    """The solution cell that a check is about."""
    wanted = check.replace("check", "exercise")
    return next(cell for cell in notebook["cells"] if cell["id"] == wanted)


def first_cell(released: dict[str, Any]) -> set[str]:
    """The chapter's imports; its experiments are left out: a control is to be quick."""
    return {next(cell["id"] for cell in released["cells"] if cell["cell_type"] == "code")}


def asserts(number: str) -> str:
    from netlib.grading.registry import exercise

    declared = exercise(number)
    if declared.noun == "class":
        return f"assert {declared.name}(64).deadline() is None"
    return ASSERTS.format(number=number, name=declared.name)


def bubble() -> list[str]:
    """A process namespace that ends with the command, and nothing else: what runs in it is unprotected all the same."""
    bwrap = shutil.which("bwrap")
    command = [bwrap, "--dev-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "--die-with-parent"] if bwrap else []
    if command and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
        return command
    return []


class Unprotected:
    """`unprotected.py`, which takes one job after another. A context manager."""

    def __init__(self, environment: dict[str, str], cwd: Path) -> None:
        script = Path(__file__).with_name("unprotected.py")
        self.process = subprocess.Popen(
            [*bubble(), sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
            cwd=cwd,
            text=True,
        )  # fmt: skip

    def __enter__(self) -> Unprotected:
        return self

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the unprotected process has ended"
        said: dict[str, Any] = json.loads(line)
        return said


def connected(told: list[str]) -> bool:
    return any(not mark.startswith("drop") for mark in told)


def signs(attack: Attack, world: World, process: Unprotected) -> tuple[set[str], dict[str, Any]]:
    """What an unprotected run of an attack shows, by the same signs that a graded class is searched for."""
    world.hand_in_for_other()
    world.fake_gradebook()
    job = plain_job(attack, world)
    places = (world.course, world.home, world.secret.parent)
    before = fingerprints(*places)
    said = process.run(job)
    found = {said["ended"]}
    if sum(said.get("scores", {}).values()) > attack.earned:
        found.add("gained")
    said["changed"] = [path for path in changes(before, fingerprints(*places)) if "__pycache__" not in path]
    if said["changed"]:
        found.add("changed")
    end = time.monotonic() + (20 if attack.control == "connected" else 0)
    while not connected(told := world.told(attack.name)) and time.monotonic() < end:
        time.sleep(0.05)  # what was sent, a thread of this process has to hear
    said["told"] = told
    if any(mark.startswith("drop") for mark in said["told"]):
        found.add("told")
    if connected(told):
        found.add("connected")
    if said.get("beats"):
        found.add("outlived")
    if (world.drop / f"{attack.name}.spent").exists() or Path(job["output"]).stat().st_size > 40_000_000:
        found.add("spent")
    return found, said
