"""A routing table as a tree of bits, and the way of a lookup through it.

    prefix_tree(routes, "10.8.4.9")

The root is on the left. A line is labelled with the bits that it stands for: where many follow each other without a
branch and without a route, one line has them all. A box is a route, a dot a branch without one. The lookup's way is
thick, the routes that it comes past are numbered, and the last one, which wins, says so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from netlib.internet.routes import Route
from netlib.internet.trie import Node, Trie
from netlib.view.html import (
    CARD,
    INK,
    LINE,
    MARK,
    PAPER,
    SVG,
    View,
    details,
    escape,
    html_table,
    image,
    text_table,
    text_width,
    visible,
)  # fmt: skip
from netlib.wire.address import IPv4Address

COLUMNS = ("route", "bits from the root", "on the way", "verdict")
LEFT, TOP, ROW, HEIGHT = 20.0, 24.0, 46.0, 32.0
MOST_BITS = 10  # of a line that are written out
SMALL = 11


def prefix_tree(routes: Iterable[Route], destination: str | bytes | None = None, caption: str = "") -> "PrefixTree":
    """The trie of these routes, and the way of a lookup of `destination` if there is one."""
    return PrefixTree(list(routes), None if destination is None else IPv4Address(destination), caption)


@dataclass
class Place:
    """A node that is drawn: a route, a branch, or the root."""

    bits: str  # from the root to here
    label: str  # those of the line that leads here
    route: Route | None
    children: "list[Place]" = field(default_factory=list)
    depth: int = 0
    row: float = 0.0


def places(node: Node, bits: str = "", label: str = "", depth: int = 0) -> Place:
    """The node, and what is below it; runs of nodes with nothing to show are one line."""
    while label and node.route is None and sum(child is not None for child in node.children) == 1:
        bit = 0 if node.children[0] else 1
        child = node.children[bit]
        assert child is not None
        node, bits, label = child, f"{bits}{bit}", f"{label}{bit}"
    place = Place(bits, label, node.route, depth=depth)
    for bit, below in enumerate(node.children):
        if below is not None:
            place.children.append(places(below, f"{bits}{bit}", str(bit), depth + 1))
    return place


class PrefixTree(View):
    """What `prefix_tree` returns."""

    def __init__(self, routes: list[Route], destination: IPv4Address | None, caption: str) -> None:
        trie = Trie()
        for route in routes:
            trie.add(route)
        self.root = places(trie.root)
        self.destination = destination
        self.bits = None if destination is None else f"{int(destination):032b}"
        self.caption = caption or (f"Looking up {destination}" if destination else "A routing table as a tree")
        self.passed = [place for place in self.walk(self.root) if place.route and self.on_way(place)]
        self.rows = self.lay_out(self.root, 0.0)

    def walk(self, place: Place) -> Iterator[Place]:
        yield place
        for child in place.children:
            yield from self.walk(child)

    def on_way(self, place: Place) -> bool:
        return self.bits is not None and self.bits.startswith(place.bits)

    def lay_out(self, place: Place, row: float) -> float:
        """Give each place below `place` its row, from `row` on; the next free row."""
        if not place.children:
            place.row = row
            return row + 1
        for child in place.children:
            row = self.lay_out(child, row)
        place.row = (place.children[0].row + place.children[-1].row) / 2
        return row

    # ---- in words ------------------------------------------------------------------------------------------

    def verdict(self, place: Place) -> str:
        if place not in self.passed:
            return ""
        number = self.passed.index(place) + 1
        return f"match {number}, and the longest: it wins" if place is self.passed[-1] else f"match {number}"

    def cells(self) -> list[tuple[str, str, str, str]]:
        found = []
        for place in self.walk(self.root):
            if place.route:
                way = "" if self.bits is None else "yes" if self.on_way(place) else "no"
                bits = " ".join(place.bits[at : at + 8] for at in range(0, len(place.bits), 8)) or "none: the root"
                found.append((written(place.route), bits, way, self.verdict(place)))
        return found

    def summary(self) -> str:
        if self.destination is None:
            return f"{len(self.cells())} routes."
        if not self.passed:
            return f"No route matches {self.destination}."
        return f"{self.destination} comes past {len(self.passed)} of {len(self.cells())} routes. The last one wins."

    def __str__(self) -> str:
        written_bits = "" if self.bits is None else " ".join(self.bits[at : at + 8] for at in range(0, 32, 8))
        asked = [f"{self.destination} is {written_bits}"] if self.destination else []
        return "\n".join([visible(self.caption), *asked, text_table(self.cells(), COLUMNS), self.summary()])

    # ---- as a picture --------------------------------------------------------------------------------------

    def svg(self) -> tuple[str, int]:
        """The picture as an SVG document, and its width."""
        every = list(self.walk(self.root))
        widths = {id(place): self.width(place) for place in every}
        columns: list[float] = [LEFT]
        for depth in range(max(place.depth for place in every)):
            widest = max(widths[id(place)] for place in every if place.depth == depth)
            labels = max(
                text_width(shown(place.label), SMALL, mono=True) for place in every if place.depth == depth + 1
            )
            columns.append(columns[-1] + widest + labels + 34)
        width = max(columns[place.depth] + widths[id(place)] for place in every) + LEFT
        svg = SVG(width, TOP + ROW * self.rows + 6)
        for place in every:
            x, y = columns[place.depth] + widths[id(place)], self.middle(place)
            for child in place.children:
                self.line(svg, x, y, columns[child.depth], self.middle(child), child)
        for place in every:
            self.node(svg, columns[place.depth], widths[id(place)], place)
        return str(svg), round(width)

    def middle(self, place: Place) -> float:
        return TOP + ROW * place.row + HEIGHT / 2

    def width(self, place: Place) -> float:
        if place.route is None:
            return 12.0
        network, way = lines(place.route)
        said = self.short(place)
        return max(text_width(network, 12), text_width(way, SMALL), text_width(said, SMALL)) + 16

    def short(self, place: Place) -> str:
        """What stands above a box that the lookup comes past."""
        if place not in self.passed:
            return ""
        number = self.passed.index(place) + 1
        return f"match {number}: wins" if place is self.passed[-1] else f"match {number}"

    def line(self, svg: SVG, x1: float, y1: float, x2: float, y2: float, child: Place) -> None:
        way = self.on_way(child)
        bend = x1 + 14
        colour, width = (INK, 3.0) if way else (LINE, 1.0)
        svg.line(x1, y1, bend, y2, colour=colour, width=width)
        svg.line(bend, y2, x2, y2, colour=colour, width=width)
        svg.text(
            (bend + x2) / 2, y2 - 4, shown(child.label), size=SMALL, anchor="middle", mono=True, bold=way, halo=True
        )

    def node(self, svg: SVG, x: float, width: float, place: Place) -> None:
        y = self.middle(place)
        if place.route is None:
            svg.box(x + 1, y - 5, 10, 10, fill=INK if self.on_way(place) else PAPER, radius=5)
            return
        network, way = lines(place.route)
        wins = bool(self.passed) and place is self.passed[-1]
        svg.box(x, y - HEIGHT / 2, width, HEIGHT, fill=MARK if wins else PAPER, radius=3)
        if wins:
            svg.box(x + 2, y - HEIGHT / 2 + 2, width - 4, HEIGHT - 4, fill="none", radius=2)
        svg.text(x + width / 2, y - 2, network, anchor="middle", bold=self.on_way(place))
        svg.text(x + width / 2, y + 11, way, size=SMALL, anchor="middle")
        svg.text(
            x + width / 2, y - HEIGHT / 2 - 3, self.short(place), size=SMALL, anchor="middle", bold=wins, halo=True
        )

    def _repr_html_(self) -> str:
        svg, width = self.svg()
        alt = f"{self.caption}. {self.summary()} The table below says the same."
        columns = [name.capitalize() for name in COLUMNS]
        body = html_table(self.caption, columns, [[escape(cell) for cell in row] for row in self.cells()])
        asked = ""
        if self.bits is not None:
            octets = " ".join(self.bits[at : at + 8] for at in range(0, 32, 8))
            asked = f'<div style="color:{INK}">{escape(f"{self.destination} is {octets}. {self.summary()}")}</div>'
        return (
            f'<div style="{CARD}"><div style="font-weight:bold;color:{INK}">{escape(self.caption)}</div>'
            f"{image(svg, alt, width)}{asked}{details('The same as a table', body)}</div>"
        )


def shown(bits: str) -> str:
    """The bits of a line: long ones with their count."""
    return bits if len(bits) <= MOST_BITS else f"{bits[:4]}…{bits[-3:]} ({len(bits)} bits)"


def lines(route: Route) -> tuple[str, str]:
    return str(route.network), f"via {route.via}" if route.via else f"on link, eth{route.interface}"


def written(route: Route) -> str:
    by = f"via {route.via} " if route.via else ""
    return f"{route.network} {by}dev eth{route.interface}"
