"""What of a student's notebook an exercise's answer needs: a few pieces of plain Python, in order.

Running the whole notebook for each exercise would be slow, and most of it is the chapter's own demonstrations.  So a
program holds, of the cells above the exercise's check:

- whole: the student's solution cells, and each cell that the student added or changed;
- of the chapter's own cells: imports, functions, classes, plain constants, what `mine` gives, and each statement
  that binds or changes a name that the above uses, directly or through other such statements.

That leaves in the namespace what running the notebook from top to bottom would, as far as the answer can tell.
Checks are never part of it.  Nothing of the student's is executed here, only read.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netlib.instructor.statements import Statement, names_in, statements
from netlib.instructor.syntax import plain_python


@dataclass(frozen=True, slots=True)
class Program:
    """What is run for one exercise, as plain data.

    `cells` are labels ("cell 12", unique) with Python sources, to be run in order in one namespace; an exception
    ends its cell only.  `answer` is the expression, of the release, that gives what is graded.
    """

    number: str
    answer: str
    cells: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a released check cell asks: check(number, answer), after what else stands in the cell."""

    grade_id: str
    number: str
    answer: str
    points: float
    before: str


def asked(released: Mapping[str, Any]) -> list[Asked]:
    """The exercises of a released notebook, in order.  ValueError for a graded cell without one check(...)."""
    return [read_check(cell) for cell in released["cells"] if is_check(cell)]


def program(repaired: Mapping[str, Any], released: Mapping[str, Any], grade_id: str) -> Program:
    """What to run for the exercise whose check has this grade_id.

    Both are notebooks as JSON data, `repaired` as `repair` makes it.  KeyError when the release has no such check.
    """
    question = next((each for each in asked(released) if each.grade_id == grade_id), None)
    if question is None:
        raise KeyError(f"the released notebook has no graded cell {grade_id}")
    above = list(cells_above(repaired, released, grade_id))
    needed = needed_names(above, question)
    cells = [piece for cell in above for piece in cell.pieces(needed)]
    if question.before:
        cells.append(("check", question.before))
    return Program(question.number, question.answer, cells)


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell above the check.  `own`: the student's, to be run whole; else the chapter's."""

    label: str
    source: str
    own: bool

    def pieces(self, needed: Needed) -> Iterator[tuple[str, str]]:
        """What to run of it.  Imports of the chapter's stand alone: one that fails takes no other along."""
        if self.own:
            yield self.label, self.source
            return
        chosen = [each for each in statements(self.source) if needed.wants(each)]
        for at, each in enumerate([each for each in chosen if each.imports], 1):
            yield f"{self.label}, import {at}", only(self.source, [each])
        rest = [each for each in chosen if not each.imports]
        if rest:
            yield self.label, only(self.source, rest)


class Needed:
    """Names that a program uses, and so which of the chapter's statements belong to it."""

    def __init__(self, chapter: Sequence[Statement]) -> None:
        self.names: set[str] = set()
        self.everything = False
        # x.append(1) changes x, but random.seed(1) is no reason to run it: not for what is imported or defined
        self.fixed = {name for each in chapter if each.defines for name in each.binds} | set(dir(builtins))
        self.called = {name: each.changes for each in chapter if each.defines for name in each.binds}

    def wants(self, statement: Statement) -> bool:
        return self.everything or statement.cheap or bool(self.effects(statement) & self.names)

    def effects(self, statement: Statement) -> set[str]:
        """Names that a statement binds or may change, also through a function of the chapter's that it calls."""
        if statement.defines:
            return set(statement.binds)
        changed = set(statement.touches) - self.fixed
        for name in statement.uses_now:
            changed |= self.called.get(name, frozenset())
        return set(statement.binds) | statement.changes | changed


DYNAMIC = {"globals", "eval", "exec", "vars"}  # with these, any name may be used


def needed_names(above: Sequence[Cell], question: Asked) -> Needed:
    """The least set of names that is closed under "what uses one of them uses these, too"."""
    chapter = [each for cell in above if not cell.own for each in statements(cell.source)]
    needed = Needed(chapter)
    own = [names_in(cell.source) for cell in above if cell.own]
    needed.names = set().union(*own, names_in(question.answer), names_in(question.before))
    needed.everything = any(names & DYNAMIC for names in own)
    waiting = chapter
    while True:
        taken = [each for each in waiting if needed.wants(each)]
        before = len(needed.names)
        for each in taken:
            # a function that nobody uses is there, but what its body uses need not be
            deep = not each.cheap or needed.everything or each.binds & needed.names
            needed.names |= each.uses_now | (each.uses_later if deep else frozenset())
        if len(needed.names) == before:
            return needed


def cells_above(repaired: Mapping[str, Any], released: Mapping[str, Any], grade_id: str) -> Iterator[Cell]:
    """The code cells above a check, without other checks."""
    ours = {cell.get("id"): cell for cell in released["cells"]}
    for position, cell in enumerate(repaired["cells"], 1):
        if grade_id_of(cell) == grade_id:
            return
        original = ours.get(cell.get("id"))
        if cell["cell_type"] != "code" or is_check(cell):
            continue
        source = text_of(cell)
        own = original is None or is_solution(original) or not same_code(source, text_of(original))
        yield Cell(f"cell {position}", plain_python(source), own)


def same_code(one: str, other: str) -> bool:
    """Whether two sources say the same to Python."""
    if one.strip() == other.strip():
        return True
    try:
        return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def only(source: str, chosen: Sequence[Statement]) -> str:
    """The source with all other lines left empty, so that line numbers stay."""
    keep = {line for each in chosen for line in range(each.first, each.last + 1)}
    lines = source.split("\n")
    return "\n".join(line if at in keep else "" for at, line in enumerate(lines, 1)).rstrip()


def read_check(cell: Mapping[str, Any]) -> Asked:
    source = text_of(cell)
    grade_id = grade_id_of(cell) or ""
    body = ast.parse(source).body
    for at, statement in enumerate(body):
        match statement:
            case ast.Expr(ast.Call(ast.Name("check"), [ast.Constant(str(number)), answer, *_])):
                points = float(cell["metadata"]["nbgrader"]["points"])
                before = "\n".join(map(ast.unparse, body[:at]))
                return Asked(grade_id, number, ast.unparse(answer), points, before)
    raise ValueError(f'the graded cell {grade_id} has no line check("<number>", <answer>); write it into the source')


def grade_id_of(cell: Mapping[str, Any]) -> str | None:
    """nbgrader's name of a cell, if it has one."""
    notes = cell.get("metadata", {}).get("nbgrader", {})
    grade_id = notes.get("grade_id")
    return grade_id if isinstance(grade_id, str) else None


def is_solution(cell: Mapping[str, Any]) -> bool:
    """Whether nbgrader has the student write this cell."""
    return bool(cell.get("metadata", {}).get("nbgrader", {}).get("solution"))


def is_check(cell: Mapping[str, Any]) -> bool:
    """Whether it is graded by running it: a code cell with points that isn't the student's to write."""
    notes = cell.get("metadata", {}).get("nbgrader", {})
    return bool(cell["cell_type"] == "code" and notes.get("grade") and not notes.get("solution"))


def text_of(cell: Mapping[str, Any]) -> str:
    """A cell's source: files have it as lines, or as one text."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)
