"""Whose byte is whose: the layers of a frame as nested bars, on a scale of bytes.

    nesting([("ethernet", 14), ("ip", 20), ("tcp", 20), ("application", 83)], "One POST")

A row for each owner, the outermost first.  Dark is what it owns itself; light is what it carries for those below.
The bytes of a padding lie at the end and belong to nobody inside.
"""

from collections.abc import Iterable, Sequence

from netlib.view.html import (
    FAINT,
    INK,
    LINE,
    SVG,
    View,
    escape,
    framed,
    html_table,
    text_table,
    text_width,
    visible,
)

LEFT, SCALE, RIGHT, ROW, TOP = 104, 520, 170, 28, 30
OWN, CARRIED = "#46618c", "#eef3fc"
PADDING = "padding"


def nesting(parts: Iterable[tuple[str, int]], caption: str = "") -> "Nesting":
    """The picture of a frame whose bytes belong, from the first to the last, to these owners: (name, bytes)."""
    return Nesting([(str(owner), int(size)) for owner, size in parts], caption)


class Nesting(View):
    """What `nesting` returns."""

    def __init__(self, parts: Sequence[tuple[str, int]], caption: str) -> None:
        self.caption = caption
        self.total = sum(size for _, size in parts)
        self.pieces: dict[str, list[tuple[int, int]]] = {}  # owner -> (first byte, byte behind the last)
        at = 0
        for owner, size in parts:
            self.pieces.setdefault(owner, []).append((at, at + size))
            at += size
        self.inner = self.total - sum(stop - start for start, stop in self.pieces.get(PADDING, []))

    def owned(self, owner: str) -> int:
        return sum(stop - start for start, stop in self.pieces[owner])

    def reach(self, owner: str) -> tuple[int, int]:
        """From the first byte of what this owner has in its care to the one behind the last."""
        start = self.pieces[owner][0][0]
        if start == 0:
            return 0, self.total
        return start, self.total if owner == PADDING else self.inner

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Owner, own bytes, share, where they are, what it carries."""
        found = []
        for owner, places in self.pieces.items():
            own, (start, stop) = self.owned(owner), self.reach(owner)
            where = ", ".join(f"{first}-{last - 1}" if last - first > 1 else str(first) for first, last in places)
            share = f"{100 * own / self.total:.1f} %"
            found.append((owner, str(own), share, where, str(stop - start - own)))
        return found

    def bar(self, owner: str, cells: int = 60) -> str:
        """The row as text: # for own bytes, . for those it carries."""
        start, stop = (round(cells * at / (self.total or 1)) for at in self.reach(owner))
        line = [" "] * start + ["."] * (stop - start)
        for first, last in self.pieces[owner]:
            begin = min(round(cells * first / (self.total or 1)), cells - 1)
            for at in range(begin, max(begin + 1, round(cells * last / (self.total or 1)))):
                line[at : at + 1] = "#"
        return "".join(line)

    def __str__(self) -> str:
        rows = [(*row, self.bar(row[0])) for row in self.rows()]
        columns = ("owner", "own bytes", "share", "which", "carries", f"{self.total} bytes; # own, . carried")
        title = [visible(self.caption)] if self.caption else []
        return "\n".join([*title, text_table(rows, columns)])

    def svg(self) -> str:
        """The picture as an SVG document."""
        svg = SVG(LEFT + SCALE + RIGHT, TOP + ROW * len(self.pieces) + 26)
        scale = SCALE / (self.total or 1)
        svg.text(LEFT - 8, 16, "byte", size=11, anchor="end")
        free = -100.0
        bottom = TOP + ROW * len(self.pieces)
        for at in sorted({0, self.total, *(first for places in self.pieces.values() for first, _ in places)}):
            x = LEFT + scale * at
            svg.line(x, TOP - 6, x, bottom, colour=FAINT, dash="2 3")
            if x - free > text_width(str(at), 11) + 4:
                svg.text(x, 16, at, size=11, anchor="middle")
                free = x
        for number, owner in enumerate(self.pieces):
            y, (start, stop) = TOP + ROW * number, self.reach(owner)
            svg.text(LEFT - 8, y + 18, owner, anchor="end", bold=True)
            svg.box(LEFT + scale * start, y + 3, max(1, scale * (stop - start)), ROW - 8, fill=CARRIED, colour=LINE)
            for first, last in self.pieces[owner]:
                svg.box(LEFT + scale * first, y + 3, max(2, scale * (last - first)), ROW - 8, fill=OWN, colour=INK)
            own = self.owned(owner)
            svg.text(
                LEFT + SCALE + 10, y + 18, f"{own} byte{'s' * (own != 1)}, {100 * own / self.total:.1f} %", size=12
            )
        svg.line(LEFT, TOP - 6, LEFT + SCALE, TOP - 6, colour=LINE)
        svg.text(LEFT, bottom + 16, "dark: its own bytes; light: what it carries", size=11)
        return str(svg)

    def _repr_html_(self) -> str:
        said = f"{self.caption or 'A frame'}: {self.total} bytes, which belong to {', '.join(self.pieces)}"
        alt = f"{said}. The table below says the same."
        columns = ("Owner", "Own bytes", "Share", "Which bytes", "Carries")
        body = html_table(self.caption, columns, [[escape(cell) for cell in row] for row in self.rows()])
        return framed(self.caption, self.svg(), alt, LEFT + SCALE + RIGHT, body)
