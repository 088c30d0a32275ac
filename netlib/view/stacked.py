"""Bars of several parts: where the time goes.

    stacked([("near", {"client": 5, "network": 1, "server": 20}), ("far", {...})], "ms", "One page")

The parts have the same order and the same pattern in each bar, and a key below says which is which.
"""

from collections.abc import Iterable, Mapping, Sequence

from netlib.view.html import (
    FAINT,
    INK,
    PAPER,
    SVG,
    View,
    escape,
    framed,
    html_table,
    shorten,
    text_table,
    text_width,
    visible,
)

ROOM = 420.0  # pixels for the longest bar
SIGNS = "=#.+ox"  # one for each part, in text
LOOKS = (FAINT, INK, PAPER)  # fills; the third is hatched


class Stacked(View):
    """What `stacked` returns."""

    def __init__(self, rows: Sequence[tuple[str, dict[str, float]]], unit: str, caption: str) -> None:
        self.rows, self.unit, self.caption = rows, unit, caption
        self.parts = list(dict.fromkeys(part for _, values in rows for part in values))
        if len(self.parts) > len(SIGNS):
            raise ValueError(f"stacked: {len(self.parts)} parts, {len(SIGNS)} at most")
        self.most = max([self.total(values) for _, values in rows], default=0.0) or 1.0
        self.left = round(min(240.0, max([text_width(name, 12) for name, _ in rows], default=0) + 20))

    @staticmethod
    def total(values: Mapping[str, float]) -> float:
        return sum(max(0.0, value) for value in values.values())

    def value(self, value: float) -> str:
        return f"{value:.6g} {self.unit}".rstrip()

    def cells(self, name: str, values: Mapping[str, float]) -> list[str]:
        return [name, *(self.value(values.get(part, 0.0)) for part in self.parts), self.value(self.total(values))]

    def __str__(self) -> str:
        rows = []
        for name, values in self.rows:
            bar = ""
            for sign, part in zip(SIGNS, self.parts, strict=False):
                bar += sign * round(40 * max(0.0, values.get(part, 0.0)) / self.most)
            rows.append([name, bar, *self.cells(name, values)[1:]])
        columns = ["", "", *(f"{part} {sign}" for sign, part in zip(SIGNS, self.parts, strict=False)), "together"]
        return "\n".join(([visible(self.caption)] if self.caption else []) + [text_table(rows, columns)])

    def svg(self) -> str:
        """The picture as an SVG document."""
        svg = SVG(self.left + ROOM + 120, 26 * len(self.rows) + 44)
        svg.add(
            '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse">'
            f'<rect width="6" height="6" fill="{PAPER}"/><path d="M0 6L6 0" stroke="{INK}" stroke-width="1"/>'
            "</pattern></defs>"
        )
        for i, (name, values) in enumerate(self.rows):
            y, x = 8 + 26 * i, float(self.left)
            svg.text(x - 8, y + 14, shorten(name, self.left - 12), anchor="end")
            for number, part in enumerate(self.parts):
                length = ROOM * max(0.0, values.get(part, 0.0)) / self.most
                if length:
                    self.box(svg, x, y, length, number)
                x += length
            svg.text(x + 8, y + 14, self.value(self.total(values)))
        x, y = float(self.left), 8 + 26 * len(self.rows) + 8
        for number, part in enumerate(self.parts):
            self.box(svg, x, y, 24, number)
            svg.text(x + 30, y + 14, part)
            x += 30 + text_width(part, 12) + 24
        return str(svg)

    def box(self, svg: SVG, x: float, y: float, length: float, number: int) -> None:
        fill = LOOKS[number % 3] if number % 3 != 2 else "url(#hatch)"
        svg.box(x, y, max(1.0, length), 18, fill=fill, colour=INK)

    def _repr_html_(self) -> str:
        alt = (
            f"Bars of {', '.join(self.parts)}: {self.caption or 'values'}, {len(self.rows)} bars. "
            "The table below says the same."
        )
        rows = [[escape(cell) for cell in self.cells(name, values)] for name, values in self.rows]
        table = html_table(self.caption, ("Bar", *self.parts, "together"), rows)
        return framed(self.caption, self.svg(), alt, round(self.left + ROOM + 120), table)


def stacked(rows: Iterable[tuple[object, Mapping[str, float]]], unit: str = "", caption: str = "") -> Stacked:
    """A bar for each (name, {part: value}): how much of the whole each part is."""
    return Stacked([(str(name), {str(k): float(v) for k, v in values.items()}) for name, values in rows], unit, caption)
