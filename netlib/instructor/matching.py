"""Which cell of a submission is which cell of the release.

Editors treat cells in many ways: JupyterLab's split and paste copy nbgrader's name and make new ids, Colab loses
ids, other tools lose metadata or both.  So a cell is known by nbgrader's name for it, else by its id, else by its
text; a solution also by what it defines; and, where a tool has lost all ids, by being much like a cell in its place.
"""

from __future__ import annotations

import bisect
import difflib
import itertools
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netlib.instructor.program import grade_id_of, is_check, is_solution, read_check, text_of
from netlib.instructor.statements import UNREADABLE, names_bound, names_in
from netlib.instructor.syntax import plain_python, stands_alone

Cell = Mapping[str, Any]
PIECES = 8  # copies of a cell that are looked at as parts of one
ALIKE = 0.5
COMPARED = 20_000  # characters
DEFINITIONS = 1_000_000  # characters in which one exercise's answer is looked for: to read them takes long
LIKENESS = 5_000  # pairs of cells that are compared line by line


@dataclass(slots=True)
class Exercise:
    """A released solution cell: where it is, what the student knows it by, and the name that its check asks for."""

    at: int
    check: int
    number: str
    name: str


@dataclass(slots=True)
class Found:
    """Released cell -> submitted cells, by position.  Of several, the first is the cell, the others are parts of it.

    `copied` are submitted cells whose text is taken while they stand for another cell, too: cells were merged.
    """

    cells: dict[int, list[int]] = field(default_factory=dict)
    copied: dict[int, int] = field(default_factory=dict)
    by_definition: set[int] = field(default_factory=set)
    copies: dict[int, int] = field(default_factory=dict)  # how often a cell with nbgrader's name is there, if not once

    def taken(self) -> set[int]:
        return {at for cells in self.cells.values() for at in cells}

    def owner(self) -> dict[int, int]:
        """Submitted cell -> released cell."""
        return {at: ours for ours, cells in self.cells.items() for at in cells}


def exercises(released: Sequence[Cell]) -> list[Exercise]:
    """The released notebook's exercises: each check's solution is the last one above it that defines what it asks."""
    found = []
    for at, cell in enumerate(released):
        if not is_check(cell):
            continue
        try:
            question = read_check(cell)
        except (*UNREADABLE, KeyError, TypeError):
            continue  # graded by something else than a check
        asked = names_in(question.answer)
        for above in range(at - 1, -1, -1):
            names = names_bound(text_of(released[above])) & asked if is_solution(released[above]) else frozenset()
            if names:
                found.append(Exercise(above, at, question.number, min(names)))
                break
    return found


def match(released: Sequence[Cell], submitted: Sequence[Cell], asked: Sequence[Exercise]) -> Found:
    """Find each released cell among the submitted ones, as far as it is there."""
    found = Found()
    by_grade_id(released, submitted, found)
    by_id(released, submitted, found)
    by_text(released, submitted, found)
    for exercise in asked:
        if exercise.at not in found.cells:
            by_definition(exercise, released, submitted, found)
    known = {cell.get("id") for cell in released}
    if not any(cell.get("id") in known for cell in submitted):
        by_likeness(released, submitted, found)
    return found


def by_grade_id(released: Sequence[Cell], submitted: Sequence[Cell], found: Found) -> None:
    places = defaultdict(list)
    for at, cell in enumerate(submitted):
        places[grade_id_of(cell)].append(at)
    for ours, cell in enumerate(released):
        there = places.get(grade_id_of(cell) or "", [])
        if not there:
            continue
        if is_solution(cell):
            found.cells[ours] = parts(submitted, there)
        else:  # of several the one that nobody has changed
            same = [at for at in there if same_text(submitted[at], cell)]
            found.cells[ours] = (same or there)[:1]
        if len(there) > 1:
            found.copies[ours] = len(there)


def parts(submitted: Sequence[Cell], there: Sequence[int]) -> list[int]:
    """The first cell of these, with those below it that it was split from: alone they aren't Python."""
    for count in range(min(len(there), PIECES), 1, -1):
        some = there[:count]
        between = range(some[0], some[-1] + 1)
        if any(submitted[at]["cell_type"] == "code" and at not in some for at in between):
            continue
        texts = [text_of(submitted[at]) for at in some]
        needs_the_last = not stands_alone("\n".join(texts[:-1])) or not stands_alone(texts[-1])
        if needs_the_last and stands_alone("\n".join(texts)):
            return list(some)
    return list(there[:1])


def by_id(released: Sequence[Cell], submitted: Sequence[Cell], found: Found) -> None:
    taken = found.taken()
    places = {cell.get("id"): at for at, cell in reversed(list(enumerate(submitted))) if at not in taken}
    for ours, cell in enumerate(released):
        at = places.get(cell.get("id"))
        if ours not in found.cells and cell.get("id") and at is not None:
            found.cells[ours] = [at]


def by_text(released: Sequence[Cell], submitted: Sequence[Cell], found: Found) -> None:
    taken = found.taken()
    places = defaultdict(list)
    for at, cell in enumerate(submitted):
        if at not in taken and text_of(cell).strip():
            places[cell["cell_type"], text_of(cell).strip()].append(at)
    for ours, cell in enumerate(released):
        there = places.get((cell["cell_type"], text_of(cell).strip()))
        if ours not in found.cells and there:
            found.cells[ours] = [there.pop(0)]


def by_definition(exercise: Exercise, released: Sequence[Cell], submitted: Sequence[Cell], found: Found) -> None:
    """A solution cell that has lost its name, or stands merged in another cell."""
    owner = found.owner()
    named = [at for at, cell in enumerate(submitted) if cell["cell_type"] == "code" and exercise.name in text_of(cell)]
    sizes = itertools.accumulate(len(text_of(submitted[at])) for at in named)
    there = [
        at
        for at, size in zip(named, sizes, strict=True)
        if size <= DEFINITIONS and exercise.name in defined(text_of(submitted[at]))
    ]
    free = [at for at in there if at not in owner]
    if free:
        found.cells[exercise.at] = free[:1]
        found.by_definition.add(exercise.at)
        return
    changed = [at for at in there if not same_text(submitted[at], released[owner[at]])]
    if changed:
        found.copied[exercise.at] = changed[0]


def by_likeness(released: Sequence[Cell], submitted: Sequence[Cell], found: Found) -> None:
    """Without ids, a changed cell is known by its place between two others and by being much like what was there."""
    ends = [(-1, -1), *ascending(found), (len(released), len(submitted))]
    long, there = ([text_of(cell)[:COMPARED].count("\n") + 1 for cell in cells] for cells in (released, submitted))
    left = LIKENESS  # a notebook may have thousands of cells: each with each takes hours
    for (ours, theirs), (next_ours, next_theirs) in itertools.pairwise(ends):
        at = theirs + 1
        for mine in range(ours + 1, next_ours):
            for candidate in range(at, next_theirs):
                pair = released[mine], submitted[candidate]
                if mine in found.cells or left <= 0 or not comparable(*pair, long[mine], there[candidate]):
                    continue
                left -= 1
                if alike(*pair):
                    found.cells[mine] = [candidate]
                    at = candidate + 1
                    break


def ascending(found: Found) -> list[tuple[int, int]]:
    """(released, submitted) of as many cells as possible that are in the same order in both."""
    ends: list[int] = []  # where the best chain of each length ends, in the submission
    chains: list[list[tuple[int, int]]] = []
    for ours, cells in sorted(found.cells.items()):
        length = bisect.bisect_left(ends, cells[0])
        chain = [*(chains[length - 1] if length else []), (ours, cells[0])]
        ends[length : length + 1] = [cells[0]]
        chains[length : length + 1] = [chain]
    return chains[-1] if chains else []


def comparable(one: Cell, other: Cell, *lines: int) -> bool:
    """Whether two cells of so many lines can be alike, as far as is seen at once."""
    if one["cell_type"] != other["cell_type"] or grade_id_of(one) or grade_id_of(other):
        return False
    return 2 * min(lines) >= ALIKE * sum(lines)


def alike(one: Cell, other: Cell) -> bool:
    left, right = (text_of(cell)[:COMPARED].splitlines() for cell in (one, other))
    compared = difflib.SequenceMatcher(None, left, right)  # by lines: letters would take long
    return compared.ratio() >= ALIKE


def moved(found: Found) -> set[int]:
    """The released cells that stand at another place than the others tell."""
    return set(found.cells) - {ours for ours, _ in ascending(found)}


def defined(source: str) -> frozenset[str]:
    """Names that a cell binds; of one that isn't Python, those that lines with def and class would define."""
    names = names_bound(plain_python(source))
    return names or frozenset(DEFINITION.findall(source[:COMPARED]))


DEFINITION = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)


def same_text(one: Cell, other: Cell) -> bool:
    return one["cell_type"] == other["cell_type"] and text_of(one).strip() == text_of(other).strip()
