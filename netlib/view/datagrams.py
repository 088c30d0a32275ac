"""Messages and sockets: where one message ends and the next begins, and which socket each one goes to.

pieces({"sent": [300, 500], "read over TCP": [800]}, caption="...")     a strip for each row, cut where it is cut
owners([("from you", "bound"), ("from other", None)], {"bound": "10.0.0.2:7000"})   an arrow from each to its socket
"""

from collections.abc import Mapping, Sequence

from netlib.view.html import (
    FAINT,
    INK,
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

SCALE = 480  # pixels for all bytes
LEAST = 26  # for a piece, so that its number fits
ROW = 30
BOX = 262  # pixels, of a datagram's or a socket's words
GAP = 150  # between them


def pieces(rows: Mapping[str, Sequence[int]], *, unit: str = "bytes", caption: str = "") -> "Pieces":
    """Rows of messages, by their sizes: what was sent in how many pieces, and what was read in how many."""
    return Pieces({str(name): list(sizes) for name, sizes in rows.items()}, unit, caption)


class Pieces(View):
    """What `pieces` returns."""

    def __init__(self, rows: dict[str, list[int]], unit: str, caption: str) -> None:
        self.rows, self.unit, self.caption = rows, unit, caption
        self.most = max([sum(sizes) for sizes in rows.values()], default=0) or 1
        self.left = min(220.0, max([text_width(name, 12) for name in rows], default=0)) + 16

    def table(self) -> list[tuple[str, str, str]]:
        """Row, number of pieces, their sizes."""
        return [(name, str(len(sizes)), ", ".join(map(str, sizes)) or "none") for name, sizes in self.rows.items()]

    def __str__(self) -> str:
        lines = []
        for name, sizes in self.rows.items():
            strip = "".join("|" + str(size).center(max(len(str(size)) + 2, round(36 * size / self.most)), "-")
                            for size in sizes)  # fmt: skip
            lines.append((name, f"{len(sizes)} piece{'s' * (len(sizes) != 1)}", strip + "|" if strip else "nothing"))
        return "\n".join(([visible(self.caption)] if self.caption else []) + [text_table(lines)])

    def width_of(self, size: int) -> float:
        return max(LEAST, text_width(str(size), 12) + 8, SCALE * size / self.most)

    def svg(self) -> str:
        """The picture as an SVG document."""
        svg = SVG(self.width, ROW * len(self.rows) + 10)
        for number, (name, sizes) in enumerate(self.rows.items()):
            x, y = self.left, 5 + ROW * number
            svg.text(self.left - 8, y + 18, shorten(name, self.left - 12), anchor="end")
            if not sizes:
                svg.text(x, y + 18, "nothing")
            for size in sizes:
                width = self.width_of(size)
                svg.box(x, y + 3, width - 4, ROW - 8, fill="#eef3fc", colour=INK, radius=4)
                svg.text(x + width / 2 - 2, y + 18, size, anchor="middle")
                x += width
        return str(svg)

    @property
    def width(self) -> int:
        return round(self.left + max([sum(map(self.width_of, sizes)) for sizes in self.rows.values()], default=0) + 10)

    def _repr_html_(self) -> str:
        columns = ("What", "Pieces", f"Sizes in {self.unit}")
        rows = [[escape(cell) for cell in row] for row in self.table()]
        alt = f"{self.caption or 'Messages and their sizes'}: {len(rows)} strips. The table below says the same."
        return framed(self.caption, self.svg(), alt, self.width, html_table(self.caption, columns, rows))


def owners(
    arrivals: Sequence[tuple[str, str | None]], sockets: Mapping[str, str], caption: str = "", nobody: str = "nobody"
) -> "Owners":
    """Datagrams (what is told of each, and the name of the socket that gets it, or None), and the sockets by name."""
    unknown = [owner for _, owner in arrivals if owner is not None and owner not in sockets]
    if unknown:
        raise ValueError(f"owners: a datagram goes to {unknown[0]!r:.60}, which is none of {', '.join(sockets)}")
    return Owners([(str(told), owner) for told, owner in arrivals], dict(sockets), caption, nobody)


class Owners(View):
    """What `owners` returns."""

    def __init__(
        self, arrivals: list[tuple[str, str | None]], sockets: dict[str, str], caption: str, nobody: str
    ) -> None:
        self.arrivals, self.sockets, self.caption, self.nobody = arrivals, sockets, caption, nobody

    def words(self, owner: str | None) -> str:
        return self.nobody if owner is None else f"{owner}: {self.sockets[owner]}"

    def rows(self) -> list[tuple[str, str]]:
        """Datagram, socket."""
        return [(told, self.words(owner)) for told, owner in self.arrivals]

    def __str__(self) -> str:
        body = text_table([(told, "->", words) for told, words in self.rows()])
        return f"{visible(self.caption)}\n{body}" if self.caption else body

    def targets(self) -> list[str | None]:
        missed = any(owner is None for _, owner in self.arrivals)
        return [*self.sockets, *([None] if missed else [])]

    def svg(self) -> str:
        """The picture as an SVG document."""
        targets = self.targets()
        height = ROW * max(len(self.arrivals), len(targets), 1)
        svg = SVG(2 * BOX + GAP + 20, height + 34)

        def middle(number: int, count: int) -> float:
            return 29 + height * (number + 0.5) / count

        svg.text(10, 16, "datagram", size=11)
        svg.text(10 + BOX + GAP, 16, "socket", size=11)
        places = {}
        for number, target in enumerate(targets):
            y = places[target] = middle(number, len(targets))
            dash = "4 3" if target is None else ""
            svg.box(10 + BOX + GAP, y - 11, BOX, 22, fill="#eef3fc" if target else FAINT, dash=dash, radius=4)
            svg.text(18 + BOX + GAP, y + 4, shorten(self.words(target), BOX - 16))
        for number, (told, owner) in enumerate(self.arrivals):
            y = middle(number, len(self.arrivals))
            svg.box(10, y - 11, BOX, 22)
            svg.text(18, y + 4, shorten(told, BOX - 16))
            svg.line(10 + BOX, y, 7 + BOX + GAP, places[owner], arrow=True, dash="4 3" if owner is None else "")
        return str(svg)

    def _repr_html_(self) -> str:
        rows = [[escape(cell) for cell in row] for row in self.rows()]
        alt = f"{self.caption or 'Which socket gets each datagram'}: {len(rows)} arrows. The table below says the same."
        body = html_table(self.caption, ("Datagram", "Socket"), rows)
        return framed(self.caption, self.svg(), alt, 2 * BOX + GAP + 20, body)
