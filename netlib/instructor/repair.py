"""A notebook as handed in becomes the released one with the student's own code in it.

Of the released notebook: its cells, in its order, with its metadata and points, and the text of every locked cell.
Of the student: the text of solution cells and of the chapter's cells that anyone may change, and each cell that they
added, below the cell that it stood below.  What was put right is told in one plain line each.
"""

from __future__ import annotations

import copy
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netlib.instructor import outputs
from netlib.instructor.matching import Exercise, Found, defined, exercises, match, moved, same_text
from netlib.instructor.program import grade_id_of, is_check, is_solution, text_of
from netlib.instructor.statements import statements
from netlib.instructor.submission import language_of, sanitised
from netlib.instructor.syntax import plain_python

ADDED = 300  # cells
LONGEST = 500_000  # characters of a cell
TOTAL = 2_000_000  # characters of all cells that were added
SHOWN = 8_000_000  # bytes of all outputs
CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
CONFLICT = [re.compile(mark, re.MULTILINE) for mark in (r"^<{7} ", r"^={7}$", r"^>{7} ")]
STARTER = "the starter was put back"

Data = dict[str, Any]


@dataclass(slots=True)
class Repaired:
    """The notebook that is graded, as JSON data, and what was put right, for the student to read.

    `serious` are those of the notes that tell of something which may have cost points.
    """

    notebook: Data
    notes: list[str] = field(default_factory=list)
    serious: list[str] = field(default_factory=list)


def in_conflict(source: str) -> bool:
    """Whether git's three marks stand in a source, in their order."""
    at = 0
    for mark in CONFLICT:
        found = mark.search(source, at)
        if found is None:
            return False
        at = found.end()
    return True


def repair(released: Mapping[str, Any], submitted: Mapping[str, Any]) -> Repaired:
    """Put right what was handed in, as `submission.read` gives it.  Never raises for what a student did."""
    return Repair(released, submitted).run()


class Repair:
    """One notebook's repair: what the released one has, what was handed in, and which cell is which."""

    def __init__(self, released: Mapping[str, Any], submitted: Mapping[str, Any]) -> None:
        self.release = released
        self.released: Sequence[Data] = released["cells"]
        self.language = language_of(submitted.get("metadata"))
        self.submitted: Sequence[Data] = sanitised(dict(submitted))["cells"]
        self.exercises = exercises(self.released)
        self.found: Found = match(self.released, self.submitted, self.exercises)
        self.moved = moved(self.found)
        self.notes: list[str] = []
        self.serious: list[str] = []
        self.ids = {str(cell.get("id")) for cell in self.released}
        self.shown = 0  # bytes of outputs so far

    def run(self) -> Repaired:
        if self.language:
            self.warn(f"The notebook was saved with another kernel ({self.language}); it is graded as Python.")
        cells = [self.cell(at) for at in range(len(self.released))]
        self.note_exercises(cells)
        self.note_others()
        order = []
        added = self.added()
        for at in range(-1, len(cells)):
            order += cells[at : at + 1] if at >= 0 else []
            order += added[at]
        self.note_answers(order)
        notebook = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": copy.deepcopy(dict(self.release["metadata"])),
            "cells": order,
        }
        return Repaired(notebook, self.notes, self.serious)

    def warn(self, note: str) -> None:
        """A note on what may cost points."""
        self.notes.append(note)
        self.serious.append(note)

    def cell(self, at: int) -> Data:
        """A released cell with what the student may write in it."""
        ours = self.released[at]
        made = copy.deepcopy(dict(ours))
        made["source"] = text_of(ours)
        made["metadata"] = copy.deepcopy(dict(ours.get("metadata", {})))
        theirs = [self.submitted[there] for there in self.found.cells.get(at, [])]
        if at in self.found.copied:
            theirs = [self.submitted[self.found.copied[at]]]
        handed_in: list[Data] = []
        if theirs and (is_solution(ours) or not grade_id_of(ours)):
            source = "\n".join(text_of(cell) for cell in theirs)
            if len(source) > LONGEST:
                what = self.label(at) or "One of the chapter's cells"
                self.warn(
                    f"{what} has {len(source)} characters, more than {LONGEST}; the released one is used."
                )
            else:
                made["source"] = source
                handed_in = [output for cell in theirs for output in cell.get("outputs", [])]
            if not grade_id_of(ours):
                made["cell_type"] = theirs[0]["cell_type"]
        return self.finished(made, handed_in)

    def finished(self, cell: Data, handed_in: list[Data]) -> Data:
        """A cell as nbformat has it, with its outputs filtered; code is not counted."""
        cell.pop("attachments", None)
        cell.pop("outputs", None)
        cell.pop("execution_count", None)
        if cell["cell_type"] == "code":
            kept = outputs.keep(handed_in)
            self.shown += len(json.dumps(kept))
            cell |= {"execution_count": None, "outputs": kept if self.shown < SHOWN else []}
        return cell

    def added(self) -> dict[int, list[Data]]:
        """Released cell -> the student's own cells below it; -1 for those at the top."""
        owner = self.found.owner()
        below: dict[int, list[Data]] = defaultdict(list)
        last, count, size, left_out = -1, 0, 0, 0
        for at, cell in enumerate(self.submitted):
            if at in owner:
                last = owner[at]
                if self.holds_more(at, last):
                    below[last - 1].append(self.own(cell))
                continue
            source = text_of(cell)
            count, size = count + 1, size + len(source)
            if count > ADDED or len(source) > LONGEST or size > TOTAL:
                left_out += 1
                continue
            below[self.place_below(last)].append(self.own(cell))
        if left_out:
            self.warn(f"{left_out} added cells were left out: the notebook is too long.")
        return below

    def place_below(self, last: int) -> int:
        """Where a cell goes that stood below this one: below what was missing there, but above a missing check.

        Then a name that both define is the student's, and the check finds it.
        """
        while last + 1 < len(self.released) and last + 1 not in self.found.cells:
            if is_check(self.released[last + 1]):
                break
            last += 1
        return last

    def own(self, cell: Data) -> Data:
        """A cell that the student added.  What it says of itself does not count."""
        name = str(cell.get("id", ""))
        number = len(self.ids)
        while not CELL_ID.match(name) or name in self.ids:
            name = f"added-{number}"
            number += 1
        self.ids.add(name)
        made = {"cell_type": cell["cell_type"], "id": name, "metadata": {}, "source": text_of(cell)}
        return self.finished(made, cell.get("outputs", []))

    def holds_more(self, there: int, at: int) -> bool:
        """Whether a locked cell was changed into one that defines something: the student's own work, which is kept."""
        ours, theirs = self.released[at], self.submitted[there]
        if is_solution(ours) or not grade_id_of(ours) or theirs["cell_type"] != "code":
            return False
        if there in self.found.copied.values() or same_text(ours, theirs) or len(text_of(theirs)) > LONGEST:
            return False
        made = {name for each in statements(plain_python(text_of(theirs))) if not each.imports for name in each.binds}
        return bool(made - defined(text_of(ours)))

    def label(self, at: int) -> str:
        """What the student knows a graded or solution cell by; nothing for other cells."""
        for exercise in self.exercises:
            if at in (exercise.at, exercise.check):
                return f"The {'cell' if at == exercise.at else 'check'} of exercise {exercise.number}"
        name = grade_id_of(self.released[at])
        return f"The cell {name}" if name else ""

    def note_exercises(self, cells: Sequence[Data]) -> None:
        for at, ours in enumerate(self.released):
            if not grade_id_of(ours):
                continue
            label = self.label(at)
            if at in self.found.copied:
                self.notes.append(f"{label} had been merged with another one; its code was found there.")
            elif at not in self.found.cells:
                (self.warn if is_solution(ours) else self.notes.append)(self.note_missing(at))
            elif is_solution(ours):
                self.note_solution(at, cells[at])
            elif not same_text(ours, self.submitted[self.found.cells[at][0]]):
                self.notes.append(f"{label} had been changed; the released one was put back.")

    def note_missing(self, at: int) -> str:
        label = self.label(at)
        numbers = [exercise.number for exercise in self.exercises if exercise.at == at]
        if not is_solution(self.released[at]):
            return f"{label} was missing; it was put back."
        return f"{label} was missing; {STARTER}" + (f", so {numbers[0]} gets no points." if numbers else ".")

    def note_solution(self, at: int, cell: Data) -> None:
        label, there = self.label(at), self.found.cells[at]
        kind = self.submitted[there[0]]["cell_type"]
        number = self.found.copies.get(at, 1)
        if at in self.found.by_definition:
            self.notes.append(f"{label} had lost its name; it was found by what it defines.")
        if kind != self.released[at]["cell_type"]:
            name = {"markdown": "text (Markdown)", "raw": "raw text"}.get(kind, kind)
            self.notes.append(f"{label} had become {name}; it was made {self.released[at]['cell_type']} again.")
        if len(there) > 1:
            self.notes.append(f"{label} had been split; its {len(there)} parts were joined.")
        if number > len(there):
            self.warn(
                f"{label} was there {number} times; all were kept, and the last one above the check counts."
            )
        if at in self.moved:
            self.notes.append(f"{label} had been moved; it was put back to its place.")
        if in_conflict(cell["source"]):
            self.warn(f"{label} holds a merge conflict of git, which is not Python.")

    def note_others(self) -> None:
        """One line on all of the chapter's code cells that were missing."""
        missing = [
            at
            for at, cell in enumerate(self.released)
            if cell["cell_type"] == "code" and not grade_id_of(cell) and at not in self.found.cells
        ]
        if missing:
            what = (
                "1 of the chapter's code cells was"
                if len(missing) == 1
                else f"{len(missing)} of the chapter's code cells were"
            )
            self.notes.append(f"{what} missing; what was missing was put back.")

    def note_answers(self, order: Sequence[Data]) -> None:
        """Say where running from top to bottom does not check what the student seems to have meant."""
        for exercise in self.exercises:
            if any(f"exercise {exercise.number} was missing" in note for note in self.notes):
                continue
            self.note_answer(exercise, order)

    def note_answer(self, exercise: Exercise, order: Sequence[Data]) -> None:
        grade_ids = [grade_id_of(cell) for cell in order]
        own = grade_ids.index(grade_id_of(self.released[exercise.at]))
        check = grade_ids.index(grade_id_of(self.released[exercise.check]))
        starter = text_of(self.released[exercise.at])
        codes = [(at, text_of(cell)) for at, cell in enumerate(order) if cell["cell_type"] == "code"]
        definers = [at for at, source in codes if exercise.name in source and exercise.name in defined(source)]
        above = [at for at in definers if at < check]
        if not above:
            others = sorted(defined(text_of(order[own])) - defined(starter))
            what = f"defines {', '.join(others[:3])}, but no" if others else "defines no"
            below = " above the check" if definers else ""
            self.warn(
                f"The cell of exercise {exercise.number} {what} {exercise.name}{below}, which is what is checked."
            )
        elif text_of(order[above[-1]]).strip() == starter.strip():
            answers = [at for at in definers if text_of(order[at]).strip() != starter.strip()]
            if answers:
                where = "above its starter" if answers[-1] < check else "below its check"
                what = f"Exercise {exercise.number} is answered {where}"
                self.warn(f"{what}: run from top to bottom, the check meets the starter.")
