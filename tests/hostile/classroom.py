"""A class of honest and hostile students, graded by the `netlib grade` command as an instructor gives it."""

from __future__ import annotations

import csv
import json
import os
import resource
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from hostile.desk import ATTACKS, Desk, make
from hostile.world import World, changes, fingerprints, left_behind, processes

PATIENCE = 3000  # seconds for the whole class: far more than it takes


def solved(desk: Desk) -> None:
    desk.solve()


def unsolved(desk: Desk) -> None: ...


def half(desk: Desk) -> None:
    """Six points by right answers, one nearly right one, and words of one's own between the cells."""
    desk.solve("5.1", "5.3")
    desk.answer("5.4", desk.solved["exercise-5-4"].replace("packet[8] - 1", "packet[8] - 2"))
    desk.add("# Notes\n\nI *tried* <b>hard</b>.", before="exercise-5-2", cell_type="markdown")


def own_ways(desk: Desk) -> None:
    """Helpers in cells of one's own, numpy, printed lines, magics, and a plot: nothing of it is forbidden."""
    desk.solve()
    desk.add(
        "%matplotlib inline\nimport numpy as np, matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.savefig('x.png')\n"
        "!echo hello\ndef words(data):\n    return np.frombuffer(data, dtype='>u2')\n",
        before="exercise-5-1",
    )
    desk.answer("5.1", """
def internet_checksum(data):
    print("checking", len(data))
    total = int(words(bytes(data) + b"\\0" * (len(data) % 2)).sum(dtype=np.uint64))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
""")  # fmt: skip


HONEST = {
    "ada": (solved, 20.0),
    "bob": (unsolved, 0.0),
    "cid": (half, 6.0),
    "dora": (own_ways, 20.0),
    "zoe": (solved, 20.0),
}
"""Who hands in what, and what it is worth: some before the hostile ones in the alphabet, some behind them."""


@dataclass
class Graded:
    """A class that has been graded, and the world as it is afterwards."""

    world: World
    returned: int = 0
    said: str = ""
    peak: int = 0  # bytes of memory of the largest process
    changed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    left: dict[int, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.world.course / "grading" / self.world.chapter

    @cached_property
    def records(self) -> dict[str, dict[str, Any]]:
        return {path.stem: json.loads(path.read_text("utf-8")) for path in (self.folder / "records").glob("*.json")}

    def points(self, student: str) -> float:
        return float(sum(verdict["points"] for verdict in self.records[student]["verdicts"]))

    @cached_property
    def in_gradebook(self) -> dict[str, float]:
        """Points by student as nbgrader adds them up."""
        with sqlite3.connect(f"file:{self.world.course / 'gradebook.db'}?mode=ro", uri=True) as book:
            rows = book.execute(
                "select a.student_id, sum(coalesce(g.manual_score, g.auto_score, 0)) from submitted_assignment a"
                " join submitted_notebook n on n.assignment_id = a.id join grade g on g.notebook_id = n.id"
                " group by a.student_id"
            )
            return {str(student): float(points) for student, points in rows}

    @cached_property
    def in_table(self) -> list[dict[str, str]]:
        with (self.folder / "scores.csv").open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))

    @cached_property
    def report(self) -> str:
        return (self.folder / "report.txt").read_text("utf-8")

    def pages(self, student: str) -> list[Path]:
        return sorted((self.world.course / "feedback" / student).rglob("*.html"))


def hand_in(world: World, downloads: Path) -> None:
    """Everybody's notebook, as a folder that an instructor has downloaded."""
    for name, (make_honest, _) in HONEST.items():
        desk = Desk(name, world.chapter, world.places)
        make_honest(desk)
        put(downloads, name, world.chapter, desk.data())
    for attack in ATTACKS.values():
        if attack.chapter == world.chapter:
            put(downloads, attack.name, world.chapter, make(attack, world.places))
    world.hand_in_for_other()


def put(downloads: Path, student: str, chapter: str, data: bytes) -> None:
    (downloads / student).mkdir(parents=True)
    (downloads / student / f"{chapter}.ipynb").write_bytes(data)


def grade(world: World, source: Path | None, *options: str) -> Graded:
    """Grade by the command, in a session of its own; look at everything before and after."""
    watched = [
        world.course / "course",
        world.course / "solutions",
        world.course / "nbgrader_config.py",
        world.secret.parent,
    ]
    watched += [source] if source else []
    before, old_home, old_processes = fingerprints(*watched), fingerprints(world.home), processes()
    output = world.folder / "said.txt"
    command = [sys.executable, "-c", "from netlib.cli import main; main()", "grade", world.chapter]
    with output.open("w") as file:
        process = subprocess.Popen(
            [*command, *([str(source)] if source else []), "--workers", "2", *options], cwd=world.course,
            env=world.environment(), stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
    graded = Graded(world, process.returncode, output.read_text("utf-8", "replace"))
    graded.peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    graded.left = left_behind(world, old_processes)
    graded.changed = changes(before, fingerprints(*watched))
    graded.added = changes(old_home, fingerprints(world.home))
    return graded
