"""Samples over time, drawn by matplotlib: a panel for each unit, a line for each field and key.

Lines differ in dashes and marks as well as in colour, and the table beside the picture has first, last, least and most.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from netlib.lab.errors import LabError
from netlib.lab.samples.kinds import UNITS
from netlib.view.html import CARD, INK, View, details, escape, html_table, image, text_table, visible

if TYPE_CHECKING:
    from netlib.lab.samples.sampling import Samples

COLOURS = ("#0b3d91", "#9b1c1c", "#1b6e3a", "#7a4a00", "#5b2a86", "#444444")  # each at least 5:1 on white
DASHES = ("-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2)), (0, (1, 1)))
MARKS = ("o", "s", "^", "D", "v", "x")
MOST_LINES = 12
WIDTH, HEIGHT = 8.0, 2.6  # inches; the height of a panel
DOTS = 90  # in an inch
Points = list[tuple[float, float]]


class Chart(View):
    """What `plot` returns. `.figure()` is matplotlib's, for changes of your own."""

    def __init__(self, title: str, panels: dict[str, dict[str, Points]]):
        self.title, self.panels = title, panels

    @property
    def lines(self) -> dict[str, Points]:
        """The points (seconds, value) of each line."""
        return {name: points for panel in self.panels.values() for name, points in panel.items()}

    def rows(self) -> list[tuple[str, ...]]:
        rows = []
        for unit, panel in self.panels.items():
            for name, points in panel.items():
                values = [value for _, value in points]
                figures = values[0], values[-1], min(values), max(values)
                rows.append((name, unit, *(f"{figure:.6g}" for figure in figures), str(len(values))))
        return rows

    COLUMNS = ("line", "unit", "first", "last", "least", "most", "samples")

    def __str__(self) -> str:
        return f"{visible(self.title)}\n{text_table(self.rows(), self.COLUMNS)}"

    def figure(self) -> Any:
        """The matplotlib figure."""
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise LabError("charts need matplotlib: pip install matplotlib; .rows and .table() do without") from None
        figure = Figure(figsize=(WIDTH, HEIGHT * len(self.panels) + 0.4), dpi=DOTS, layout="constrained")
        panels = figure.subplots(len(self.panels), sharex=True, squeeze=False)[:, 0]
        number = 0
        for axes, (unit, panel) in zip(panels, self.panels.items(), strict=True):
            for name, points in panel.items():
                style = {"color": COLOURS[number % 6], "linestyle": DASHES[number % 6], "marker": MARKS[number % 6]}
                times, values = [time for time, _ in points], [value for _, value in points]
                axes.plot(times, values, drawstyle="steps-post", markersize=3.5, linewidth=1.4, label=name, **style)
                number += 1
            axes.set_ylabel(unit)
            axes.grid(True, color="#dddddd", linewidth=0.6)
            if all(value >= 0 for points in panel.values() for _, value in points):
                axes.set_ylim(bottom=0)
            axes.legend(fontsize=8, loc="best")
        panels[-1].set_xlabel("seconds since the first sample")
        return figure

    def svg(self) -> str:
        """The picture as an SVG document."""
        figure = self.figure()
        import matplotlib

        with matplotlib.rc_context({"svg.hashsalt": "netlib"}):  # the same input, the same bytes
            made = io.StringIO()
            figure.savefig(made, format="svg", metadata={"Date": None})
        return made.getvalue()

    def _repr_html_(self) -> str:
        number = len(self.lines)
        alt = f"Line chart over time: {self.title}, {number} line{'s' * (number != 1)}. The table below says the same."
        table = html_table(self.title, self.COLUMNS, [[escape(cell) for cell in row] for row in self.rows()])
        title = f'<div style="font-weight:bold;color:{INK}">{escape(self.title)}</div>'
        folded = details("The same as a table", table)
        return f'<div style="{CARD}">{title}{image(self.svg(), alt, round(WIDTH * DOTS))}{folded}</div>'


def chart(samples: Samples, fields: Sequence[str], keys: Iterable[str] | None) -> Chart:
    """The chart of `Samples.plot`."""
    wanted = None if keys is None else [keys] if isinstance(keys, str) else list(keys)
    panels: dict[str, dict[str, Points]] = {}
    several = len([key for key in samples.keys if _is_wanted(key, wanted)]) > 1
    if not fields:  # all of the table's that are numbers
        shown = samples.columns()
        fields = [name for name in shown if not any(isinstance(row.get(name), str | bool) for row in samples.rows)]
    for field in fields:
        for key, pairs in samples.series(field).items():
            if not _is_wanted(key, wanted):
                continue
            name = f"{field}, {key}" if several else field
            points = [(time, math.nan if value is None else _number(field, value)) for time, value in pairs]
            points = [point for point in points if not math.isnan(point[1])]
            if points:
                panels.setdefault(UNITS.get(field, "count"), {})[name] = points
    number = sum(map(len, panels.values()))
    if not number:
        raise LabError(f"nothing to draw: {', '.join(fields)} of {', '.join(wanted or ['any'])} is in no sample")
    if number > MOST_LINES:
        raise LabError(f"{number} lines are too many for one chart; say which with keys=, such as {samples.keys[0]!r}")
    title = f"{samples.node.name}: {', '.join(fields)}" + (f" ({samples.mark})" if samples.mark else "")
    return Chart(title, panels)


def _is_wanted(key: str, wanted: list[str] | None) -> bool:
    return wanted is None or any(part in key for part in wanted)


def _number(field: str, value: object) -> float:
    if isinstance(value, str):
        raise LabError(f"{field} is no number (one sample says {value!r}); .table({field!r}) shows it")
    return float(value)  # type: ignore[arg-type]
