"""A network as a drawing: boxes for nodes, lines for links, and what passed each link.

    network(["h1", ("r1", "router"), "h2"], [Line("h1", "r1", "eth1 10.0.1.2/24", "eth1 10.0.1.1/24"), ...])

The first column has one end of the longest path, the next one its neighbours, and so on: chains run from left to right,
a switch has its hosts on its right, one below the other. A line that carried frames is thicker, and says how many, and
how many bytes, each way. The table beside the picture, and `print`, say the same in words.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from netlib.view.graph import Layout, lay_out
from netlib.view.html import (
    INK,
    LINE,
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

BOX_HEIGHT, MARGIN = 42.0, 16.0  # pixels
SMALL = 11  # the size of what stands at lines
FAN = 36.0  # pixels in which a line goes up or down to its row
MOST_LABEL = 230.0  # pixels for a label before it is cut


@dataclass(frozen=True, slots=True)
class Flow:
    """What passed a line: frames and bytes from its first end to its second, and back."""

    forward: tuple[int, int] = (0, 0)
    backward: tuple[int, int] = (0, 0)

    @property
    def frames(self) -> int:
        return self.forward[0] + self.backward[0]


@dataclass(frozen=True, slots=True)
class Line:
    """A link: the nodes at its ends, what stands there, and what passed it (None: nobody looked)."""

    a: str
    b: str
    a_label: str = ""
    b_label: str = ""
    flow: Flow | None = None

    def turned(self) -> "Line":
        flow = self.flow and Flow(self.flow.backward, self.flow.forward)
        return Line(self.b, self.a, self.b_label, self.a_label, flow)


def amount(counts: tuple[int, int]) -> str:
    """(2, 196) as "2 frames, 196 bytes"; large numbers of bytes as kB, MB (1000, 1,000,000)."""
    frames, size = counts
    if size < 10_000:
        said = f"{size} byte{'s' * (size != 1)}"
    elif size < 10_000_000:
        said = f"{size / 1000:.0f} kB"
    else:
        said = f"{size / 1e6:.0f} MB"
    return f"{frames} frame{'s' * (frames != 1)}" + (f", {said}" if frames else "")


class Network(View):
    """What `network` returns."""

    def __init__(self, nodes: Mapping[str, str], lines: Sequence[Line], title: str) -> None:
        self.nodes, self.title = dict(nodes), title
        for line in lines:
            for end in (line.a, line.b):
                if end not in self.nodes:
                    raise ValueError(f"network: a line ends at {end!r}, which is no node")
        self.layout: Layout = lay_out(list(self.nodes), [(line.a, line.b) for line in lines])
        # a line's first end is the one that the layout comes to first: on the left, or above
        self.lines = [line.turned() if self._later(line.a, line.b) else line for line in lines]
        self.watched = any(line.flow for line in lines)

    def _later(self, a: str, b: str) -> bool:
        return self.layout.order.index(a) > self.layout.order.index(b)

    def named(self, node: str) -> str:
        return f"{node} ({self.nodes[node]})" if self.nodes[node] else node

    # In words.

    def __str__(self) -> str:
        rows = []
        drawn: set[int] = set()
        for prefix, node, index in self.layout.text_rows():
            cells = [prefix + self.named(node)]
            if index is not None:
                drawn.add(index)
                cells += self._words(index)
            rows.append(cells)
        rows += [["and a link", *self._words(index)] for index in range(len(self.lines)) if index not in drawn]
        return "\n".join(([visible(self.title)] if self.title else []) + [text_table(rows)])

    def _words(self, index: int) -> list[str]:
        line = self.lines[index]
        words = [_end(line.a, line.a_label), "--", _end(line.b, line.b_label)]
        if line.flow:
            words += [f"> {amount(line.flow.forward)}", f"< {amount(line.flow.backward)}"]
        return words

    @property
    def summary(self) -> str:
        """One sentence: the nodes, and how many of the links carried frames."""
        number, busy = len(self.lines), sum(bool(line.flow and line.flow.frames) for line in self.lines)
        said = f"Network of {', '.join(map(self.named, self.nodes))}, with {number} link{'s' * (number != 1)}"
        return said + (f"; frames were seen on {busy or 'none'} of them" if self.watched else "")

    def table(self) -> str:
        columns = ["Between", "and"] + ["That way", "Back"] * self.watched
        rows = []
        for line in self.lines:
            row = [_end(line.a, line.a_label), _end(line.b, line.b_label)]
            if self.watched:
                flow = line.flow
                row += [amount(flow.forward), amount(flow.backward)] if flow else ["not captured"] * 2
            rows.append([escape(cell) for cell in row])
        alone = [node for node in self.nodes if not any(node in (line.a, line.b) for line in self.lines)]
        rows += [[escape(self.named(node)), "nobody: it has no link"] + [""] * (2 * self.watched) for node in alone]
        return html_table("Links" if self.lines else "Nodes", columns, rows)

    def _repr_html_(self) -> str:
        svg, width = self.draw()
        alt = f"{self.summary}. The table below says the same."
        return framed(self.title, svg, alt, width, self.table())

    # As a picture.

    def svg(self) -> str:
        """The picture as an SVG document."""
        return self.draw()[0]

    def draw(self) -> tuple[str, int]:
        pen = _Pen(self)
        return pen.draw(), pen.svg.width


class _Pen:
    """Draws one network: its measures in pixels, and where everything is."""

    def __init__(self, network: Network) -> None:
        self.network, self.places = network, network.layout.places
        names = [max(text_width(name, 13) * 1.1, text_width(role, SMALL)) for name, role in network.nodes.items()]
        self.box = min(150.0, max([52.0, *(width + 20 for width in names)]))
        labels = [text_width(text, SMALL) for line in network.lines for text in _texts(line)]
        level = [self._from_left(line) for line in network.lines if not self._upright(line)]
        self.leaving, self.arriving = Counter(line.a for line in level), Counter(line.b for line in level)
        fans = any(number > 1 for ends in (self.leaving, self.arriving) for number in ends.values())
        self.gap = max(70.0, min(MOST_LABEL, max(labels, default=0.0)) + (2 * FAN if fans else 24))
        columns = max((column for column, _ in self.places.values()), default=0.0)
        rows = max([row for _, row in self.places.values()] + [*network.layout.lanes.values()], default=0.0)
        upright = [self._aside(line, 1) for line in network.lines if self._upright(line)]
        self.row = BOX_HEIGHT + (76.0 if upright else 44.0 if network.watched else 22.0)
        above = 30.0 if network.watched else 10.0
        right = max(upright) + max(labels, default=0.0) if upright else 0.0
        self.left, self.top = MARGIN, MARGIN + above
        width = 2 * MARGIN + columns * (self.box + self.gap) + max(self.box, self.box / 2 + right + 16)
        self.svg = SVG(width, 2 * (MARGIN + above) + rows * self.row + BOX_HEIGHT)

    def draw(self) -> str:
        seen: dict[frozenset[str], int] = {}
        for line in self.network.lines:
            ends = frozenset((line.a, line.b))
            self._line(line, seen.get(ends, 0))
            seen[ends] = seen.get(ends, 0) + 1
        for node, role in self.network.nodes.items():
            self._node(node, role)
        return str(self.svg)

    def _centre(self, node: str) -> tuple[float, float]:
        column, row = self.places[node]
        x = self.left + column * (self.box + self.gap) + self.box / 2
        return x, self.top + row * self.row + BOX_HEIGHT / 2

    def _upright(self, line: Line) -> bool:
        return self.places[line.a][0] == self.places[line.b][0]

    def _aside(self, line: Line, number: int) -> float:
        """How far to the right of its nodes' middle an upright line runs: round those that stand between its ends."""
        column, rows = self.places[line.a][0], sorted((self.places[line.a][1], self.places[line.b][1]))
        between = any(at == column and rows[0] < row < rows[1] for at, row in self.places.values())
        return self.box / 2 + 12 * (rows[1] - rows[0]) if between else 14.0 * number

    def _from_left(self, line: Line) -> Line:
        return line.turned() if self.places[line.a][0] > self.places[line.b][0] else line

    def _node(self, node: str, role: str) -> None:
        x, y = self._centre(node)
        self.svg.box(x - self.box / 2, y - BOX_HEIGHT / 2, self.box, BOX_HEIGHT, radius=18 if role == "router" else 3)
        if role in ("switch", "wan"):  # a second frame
            self.svg.box(x - self.box / 2 + 3, y - BOX_HEIGHT / 2 + 3, self.box - 6, BOX_HEIGHT - 6, colour=LINE)
        self.svg.text(x, y + (-2 if role else 5), shorten(node, self.box - 12, 13), size=13, anchor="middle", bold=True)
        if role:
            self.svg.text(x, y + 13, shorten(role, self.box - 12, SMALL), size=SMALL, anchor="middle")

    def _line(self, line: Line, number: int) -> None:
        """Draw a line; `number` tells the links between the same two nodes apart."""
        if line.a == line.b:
            return  # the table has it
        line = self._from_left(line)
        width, style = _style(line.flow)
        (ax, ay), (bx, by) = self._centre(line.a), self._centre(line.b)
        if self._upright(line):
            x = ax + self._aside(line, number)
            self._stroke([(ax, ay), (x, ay), (x, by), (ax, by)], style)
            top, bottom = sorted((ay, by))
            self._beside(line if ay < by else line.turned(), x + 8, top + BOX_HEIGHT / 2, bottom - BOX_HEIGHT / 2)
            return
        left, right = ax + self.box / 2, bx - self.box / 2
        y = self.top + self.network.layout.lane(line.a, line.b, number) * self.row + BOX_HEIGHT / 2
        self._stroke([(left, ay), (left + FAN, y), (right - FAN, y), (right, by)], style)
        left += FAN if self.leaving[line.a] > 1 or y != ay else 6
        right -= FAN if self.arriving[line.b] > 1 or y != by else 6
        self._along(line, left, right, y, width / 2)

    def _stroke(self, points: list[tuple[float, float]], style: str) -> None:
        where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.svg.add(f'<polyline points="{where}" fill="none" stroke-linejoin="round" {style}/>')

    def _along(self, line: Line, left: float, right: float, y: float, half: float) -> None:
        """What stands at a level line, `half` of which is above `y`: labels next to it, what passed beyond them."""
        room = right - left
        self.svg.text(left, y - 4 - half, shorten(line.a_label, room, SMALL), size=SMALL, halo=True)
        self.svg.text(right, y + 12 + half, shorten(line.b_label, room, SMALL), size=SMALL, anchor="end", halo=True)
        if line.flow:
            middle = (left + right) / 2
            there, back = f"{amount(line.flow.forward)} →", f"← {amount(line.flow.backward)}"
            self.svg.text(middle, y - 18 - half, there, size=SMALL, anchor="middle", bold=True, halo=True)
            self.svg.text(middle, y + 26 + half, back, size=SMALL, anchor="middle", bold=True, halo=True)

    def _beside(self, line: Line, x: float, top: float, bottom: float) -> None:
        """The same on the right of an upright line."""
        self.svg.text(x, top + 13, line.a_label, size=SMALL, halo=True)
        self.svg.text(x, bottom - 5, line.b_label, size=SMALL, halo=True)
        if line.flow:
            middle = (top + bottom) / 2
            self.svg.text(x, middle - 1, f"↓ {amount(line.flow.forward)}", size=SMALL, bold=True, halo=True)
            self.svg.text(x, middle + 13, f"↑ {amount(line.flow.backward)}", size=SMALL, bold=True, halo=True)


def _end(node: str, label: str) -> str:
    """An end in words: `h1:eth1 10.0.1.2/24`."""
    return f"{node}:{label}" if label else node


def _texts(line: Line) -> list[str]:
    flow = line.flow
    return [line.a_label, line.b_label, *([amount(flow.forward) + " →", amount(flow.backward) + " →"] if flow else [])]


def _style(flow: Flow | None) -> tuple[float, str]:
    """A line's width, and how it is drawn: thin and grey where nobody looked; dashed where nothing passed; the thicker,
    the more frames there were."""
    if flow is None:
        return 1.5, f'stroke="{LINE}" stroke-width="1.5"'
    if not flow.frames:
        return 1.5, f'stroke="{INK}" stroke-width="1.5" stroke-dasharray="5 4"'
    width = min(9.0, 3 + 1.5 * math.log10(flow.frames))
    return width, f'stroke="{INK}" stroke-width="{width:.1f}"'


def network(nodes: Iterable[str | tuple[str, str]], lines: Iterable[Line], title: str = "") -> Network:
    """The drawing of a network: nodes by name, or (name, what it is, such as "router"), and the lines between them.

    Raises ValueError for a line that ends at no node.
    """
    named = dict((node, "") if isinstance(node, str) else node for node in nodes)
    return Network(named, list(lines), title)


__all__ = ["Flow", "Line", "Network", "amount", "network"]
