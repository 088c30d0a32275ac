"""A class in figures: the table of scores, a picture of each exercise, and what an instructor should look at.

    scores_csv(records)       one line for each student, one column for each exercise
    scores_svg(records)       how many solved each exercise: a picture that says the same in words
    summary(records)          the same as text
    looks(records)            a line for each student that needs a look, and why

Names and messages are a student's to choose: what a terminal, a spreadsheet or a browser would obey becomes visible
text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from netlib.instructor.record import Record, Status
from netlib.view.html import FAINT, INK, LINE, PAPER, SVG, escape, shorten, text_table, visible

WORDS: dict[Status, str] = {"passed": "passed", "partial": "in part", "failed": "failed", "waiting": "not begun"}
SHADES: dict[Status, str] = {"passed": INK, "partial": LINE, "failed": FAINT, "waiting": PAPER}
LEFT, LENGTH, ROW = 260, 300, 30  # pixels: names, the longest bar, and a row's height


@dataclass
class ExerciseScores:
    """How a class did in one exercise: how many ended in each status, and all the points."""

    title: str
    of: float
    points: list[float] = field(default_factory=list)
    statuses: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(WORDS, 0))

    @property
    def mean(self) -> float:
        return sum(self.points) / len(self.points) if self.points else 0.0

    @property
    def words(self) -> str:
        counts = ", ".join(f"{self.statuses[status]} {word}" for status, word in WORDS.items() if self.statuses[status])
        return f"{self.mean:.2g} of {self.of:g} points on average; {counts}"


def by_exercise(records: Iterable[Record]) -> list[ExerciseScores]:
    """The class's scores in each exercise, in the release's order."""
    found: dict[str, ExerciseScores] = {}
    for record in records:
        for verdict in record.verdicts:
            scores = found.setdefault(
                verdict.grade_id, ExerciseScores(f"{verdict.number} {verdict.name}".strip(), verdict.of)
            )
            scores.points.append(verdict.points)
            scores.statuses[verdict.status] += 1
    return list(found.values())


def scores_csv(records: Sequence[Record], totals: Mapping[str, Mapping[str, object]] | None = None) -> str:
    """The table, for a spreadsheet.  `totals`: what the gradebook adds for each student, by column."""
    totals = totals or {}
    exercises = list(dict.fromkeys(verdict.grade_id for record in records for verdict in record.verdicts))
    titles = {verdict.grade_id: verdict.number for record in records for verdict in record.verdicts}
    added = list(dict.fromkeys(column for row in totals.values() for column in row))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["student", "points", "of", *(cell(titles[each]) for each in exercises), *added, "unsafe", "look"])
    for record in records:
        earned = {verdict.grade_id: f"{verdict.points:g}" for verdict in record.verdicts}
        of = sum(verdict.of for verdict in record.verdicts)
        row = [cell(record.student), f"{record.points:g}", f"{of:g}", *(earned.get(each, "") for each in exercises)]
        row += [cell(totals.get(record.student, {}).get(column, "")) for column in added]
        table.writerow([*row, "unsafe" if record.unsafe else "", cell("; ".join(record.look))])
    return text.getvalue()


def cell(value: object) -> str:
    """Text for a spreadsheet, which takes what begins with one of these for a formula."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}"
    text = visible("" if value is None else value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def scores_svg(records: Sequence[Record], caption: str) -> str:
    """The picture, an SVG document with a title and a description: a bar for each exercise, cut by what came of it."""
    exercises = by_exercise(records)
    svg = SVG(LEFT + LENGTH + 420, 70 + ROW * len(exercises))
    svg.text(8, 24, caption, size=14, bold=True)
    x = 8.0
    for status, word in WORDS.items():
        svg.box(x, 36, 14, 14, fill=SHADES[status], colour=INK)
        svg.text(x + 20, 48, word)
        x += 100
    for i, scores in enumerate(exercises):
        y, x = 64.0 + ROW * i, float(LEFT)
        svg.text(LEFT - 10, y + 15, shorten(scores.title, LEFT - 20), anchor="end")
        for status, count in scores.statuses.items():
            width = LENGTH * count / max(1, len(scores.points))
            if count:
                svg.box(x, y, width, 20, fill=SHADES[status], colour=INK)
            x += width
        svg.text(LEFT + LENGTH + 10, y + 15, scores.words, size=11)
    words = "; ".join(f"{scores.title}: {scores.words}" for scores in exercises) or "nothing has been graded"
    named = f'<title id="title">{escape(caption)}</title><desc id="words">{escape(words)}</desc>'
    opening, rest = str(svg).split(">", 1)
    return f'{opening} role="img" aria-labelledby="title words">{named}{rest}\n'


def summary(records: Sequence[Record]) -> str:
    """A line for each exercise."""
    rows = [
        [scores.title, *(str(scores.statuses[status]) for status in WORDS), f"{scores.mean:.2f}", f"{scores.of:g}"]
        for scores in by_exercise(records)
    ]
    return text_table(rows, ["exercise", *WORDS.values(), "mean", "of"]) if rows else ""


def looks(records: Iterable[Record], also: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """`student: why; why`, one line for each student that needs a look.  `also`: more reasons, by student."""
    reasons = {record.student: list(record.look) for record in records}
    for student, why in (also or {}).items():
        reasons[student] = [*why, *reasons.get(student, [])]
    return [line(f"{student}: {'; '.join(dict.fromkeys(why))}") for student, why in sorted(reasons.items()) if why]


def line(text: str, most: int = 300) -> str:
    """`text` as one line of a bounded length that no terminal obeys."""
    text = visible(text)
    return text if len(text) <= most else f"{text[: most - 3]}..."
