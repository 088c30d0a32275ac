"""IPv4 addresses and networks: as 32 bits, and on the line of all numbers from 0 to 2**32 - 1.

    address_bits("10.4.0.10/24")                            the address, its mask, its network, bit by bit
    zoom(["0.0.0.0/0", "10.0.0.0/8", "10.4.0.0/24"])        each network as a slice of the one above it
    number_line({"given": [...], "aggregated": [...]})      networks where they lie, a row for each group

A network is a stretch of the line: that is why two of them are apart, or one is inside the other.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from netlib.view.html import (
    CARD,
    FAINT,
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
from netlib.wire.address import ALL_ONES, IPv4Address, IPv4Interface, IPv4Network

SHADE = "#dbe7fb"  # what belongs to the network; ink on it has 14:1
WIDTH = 640.0  # of the whole line
SIZE = 11


def with_title(title: str, body: str) -> str:
    heading = f'<div style="font-weight:bold;color:{INK}">{escape(title)}</div>' if title else ""
    return f'<div style="{CARD}">{heading}{body}</div>'


def address(number: int) -> str:
    return str(IPv4Address.from_int(number))


def amount(network: IPv4Network) -> str:
    return f"{network.size:,} address{'es' * (network.size != 1)}".replace(",", " ")


# ---- 32 bits -----------------------------------------------------------------------------------------------------


def address_bits(text: str, caption: str = "") -> "AddressBits":
    """An address with its prefix length, as 32 bits. Raises `Malformed` for what is none."""
    return AddressBits(IPv4Interface(text), caption)


class AddressBits(View):
    """What `address_bits` returns."""

    def __init__(self, interface: IPv4Interface, caption: str) -> None:
        self.interface, self.caption = interface, caption or f"{interface} in bits"
        network = interface.network
        self.prefix = network.prefix
        self.lines = [
            ("address", int(interface.address)),
            ("mask", network.mask),
            ("network: address and mask", network.bits),
            ("last address: all host bits 1", network.bits | ~network.mask & ALL_ONES),
        ]

    @property
    def in_words(self) -> str:
        return f"Bits of the network: {self.prefix}; of the host: {32 - self.prefix}. {amount(self.interface.network)}"

    def bits(self, number: int) -> str:
        """Four bytes in binary, with a bar where the network's part ends."""
        text = f"{number:032b}"
        spaced = [text[i] + (" " if i % 8 == 7 and i != 31 and i + 1 != self.prefix else "") for i in range(32)]
        return "".join([*spaced[: self.prefix], "|", *spaced[self.prefix :]])

    def rows(self) -> list[tuple[str, str, str]]:
        return [(name, address(number), self.bits(number)) for name, number in self.lines]

    def __str__(self) -> str:
        return "\n".join([visible(self.caption), text_table(self.rows()), self.in_words])

    def svg(self) -> str:
        """The picture as an SVG document."""
        left, top, bit, row = 190.0, 34, 15.0, 30
        svg = SVG(left + 32 * bit + 24 + 130, top + row * len(self.lines) + 6)

        def at(i: int) -> float:
            return left + bit * i + 6 * (min(i, 31) // 8)

        for part, first, last in (("network", 0, self.prefix), ("host", self.prefix, 32)):
            words = f"{part}, {last - first} bit{'s' * (last - first != 1)}"
            if last > first:
                x, end = at(first), at(last - 1) + bit
                svg.line(x + 1, 24, end - 1, 24, colour=INK)
                if text_width(words, SIZE) > end - x:
                    svg.text(x + 4 if first else end - 4, 17, words, size=SIZE, anchor="start" if first else "end")
                else:
                    svg.text((x + end) / 2, 17, words, size=SIZE, anchor="middle")
        for number, (name, value) in enumerate(self.lines):
            y = top + row * number
            svg.text(left - 10, y + 16, name, size=SIZE, anchor="end")
            for i, digit in enumerate(f"{value:032b}"):
                svg.box(at(i), y, bit, 22, fill=SHADE if i < self.prefix else PAPER, colour=FAINT)
                svg.text(at(i) + bit / 2, y + 16, digit, size=12, anchor="middle", mono=True)
            svg.text(at(31) + bit + 8, y + 16, address(value), size=12, mono=True)
        if 0 < self.prefix < 32:
            x = at(self.prefix) - (3 if self.prefix % 8 == 0 else 0)
            svg.line(x, 10, x, top + row * len(self.lines) - 6, colour=INK, width=2)
        return str(svg)

    def _repr_html_(self) -> str:
        rows = [[escape(name), escape(value), f"<code>{escape(bits)}</code>"] for name, value, bits in self.rows()]
        folded = details("The same as a table", html_table(self.caption, ("What", "Address", "Bits"), rows))
        words = f'<div style="color:{INK}">{escape(self.in_words)}</div>'
        alt = f"{self.caption}: {self.in_words}. The table below says the same."
        return with_title(self.caption, image(self.svg(), alt, 830) + words + folded)


# ---- networks on the line ----------------------------------------------------------------------------------------


class Line(View):
    """Networks on the line, with the same as a table."""

    columns: Sequence[str]
    caption: str

    def rows(self) -> list[tuple[str, ...]]:
        raise NotImplementedError

    def draw(self) -> SVG:
        raise NotImplementedError

    def svg(self) -> str:
        """The picture as an SVG document."""
        return str(self.draw())

    def __str__(self) -> str:
        return "\n".join([*([visible(self.caption)] if self.caption else []), text_table(self.rows(), self.columns)])

    def _repr_html_(self) -> str:
        rows = [[escape(cell) for cell in row] for row in self.rows()]
        title = self.caption or "Networks on the line of all addresses"
        svg = self.draw()
        alt = f"{title}: {len(rows)} rows. The table below says the same."
        folded = details("The same as a table", html_table(title, self.columns, rows))
        return with_title(self.caption, image(str(svg), alt, svg.width) + folded)


def mark_points(svg: SVG, points: list[tuple[float, str]], top: float, y: float) -> None:
    """For each (x, words) a line from `top` down to words beside its end, which begin below `y`.

    The rightmost comes first, so that no line crosses a text.  The picture grows where words need room on the right.
    """
    for number, (x, words) in enumerate(sorted(points, reverse=True)):
        end = y + 16 * number
        svg.line(x, top, x, end + 2, colour=LINE)
        svg.text(x + 5, end + 2, words, size=SIZE)
        svg.width = max(svg.width, round(x + 5 + text_width(words, SIZE)) + 8)


Points = Mapping[str, str]  # what an address is -> the address


def zoom(networks: Sequence[str], points: Points | None = None, caption: str = "") -> "Zoom":
    """Networks from wide to narrow, each a slice of the one before; `points`: addresses to mark in the last.

    Raises ValueError where one is not inside the one before.
    """
    return Zoom([IPv4Network(text) for text in networks], dict(points or {}), caption)


class Zoom(Line):
    """What `zoom` returns."""

    columns = ("network", "from", "to", "addresses", "of the one above")

    def __init__(self, networks: list[IPv4Network], points: dict[str, str], caption: str) -> None:
        self.networks, self.points, self.caption = networks, points, caption
        for outer, inner in pairwise(networks):
            if not outer.covers(inner):
                raise ValueError(f"zoom: {inner} is not inside {outer}")
        for name, text in points.items():
            if IPv4Address(text) not in networks[-1]:
                raise ValueError(f"zoom: {name} ({text}) is not in {networks[-1]}")

    def rows(self) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = []
        outer = None
        for network in self.networks:
            share = f"1 of {1 << network.prefix - outer.prefix:,}".replace(",", " ") if outer else "everything there is"
            if outer is None and network.prefix:
                share = ""
            found.append((str(network), str(network.first), str(network.last), amount(network), share))
            outer = network
        found += [(name, text, "", "", "") for name, text in self.points.items()]
        return found

    def draw(self) -> SVG:
        left, top, bar, row = 14.0, 12, 26.0, 74
        svg = SVG(WIDTH + 2 * left, top + row * len(self.networks) - 18 + max(0, 16 * len(self.points) - 8))
        for number, network in enumerate(self.networks):
            y = top + row * number
            svg.box(left, y, WIDTH, bar, fill=SHADE)
            if network != self.networks[-1] or not self.points:
                svg.text(left, y + bar + 13, network.first, size=SIZE, halo=True)
                svg.text(left + WIDTH, y + bar + 13, network.last, size=SIZE, anchor="end", halo=True)
            words = f"{network}: {amount(network)}"
            if number + 1 < len(self.networks):
                inner = self.networks[number + 1]
                x = left + WIDTH * (inner.bits - network.bits) / network.size
                width = max(WIDTH * inner.size / network.size, 2)
                svg.box(x, y, width, bar, fill=MARK)
                for start, end in ((x, left), (x + width, left + WIDTH)):
                    svg.line(start, y + bar, end, y + row, colour=LINE, dash="3 3")
                beside = x + width / 2 < left + WIDTH / 2
                svg.text(left + WIDTH * (0.72 if beside else 0.28), y + 17, words, size=12, anchor="middle", bold=True)
            else:
                svg.text(left + WIDTH / 2, y + 17, words, size=12, anchor="middle", bold=True)
        self.mark(svg, left, top + row * (len(self.networks) - 1) + bar)
        return svg

    def mark(self, svg: SVG, left: float, y: float) -> None:
        """The points, below the last bar."""
        network = self.networks[-1]
        where = {
            name: (int(IPv4Address(text)) - network.bits + 0.5) / network.size for name, text in self.points.items()
        }
        points = [(left + WIDTH * where[name], f"{name} {text}") for name, text in self.points.items()]
        mark_points(svg, points, y - 6, y + 16)


def number_line(groups: Mapping[str, Sequence[str]], within: str | None = None, points: Points | None = None,
                caption: str = "") -> "NumberLine":  # fmt: skip
    """Networks on a stretch of the line, a row for each group; `points`: addresses to mark on all rows.

    `within` is the network that is drawn; if not given, the smallest with all the others and the points in it.
    """
    known = {name: [IPv4Network(text) for text in texts] for name, texts in groups.items()}
    marks = {name: IPv4Address(text) for name, text in (points or {}).items()}
    everything = [*(n for texts in known.values() for n in texts),
                  *(IPv4Network.around(mark, 32) for mark in marks.values())]  # fmt: skip
    whole = IPv4Network(within) if within else around_all(everything)
    return NumberLine(known, marks, whole, caption)


def around_all(networks: Sequence[IPv4Network]) -> IPv4Network:
    whole = networks[0] if networks else IPv4Network("0.0.0.0/0")
    while not all(whole.covers(network) for network in networks):
        whole = whole.parent
    return whole


class NumberLine(Line):
    """What `number_line` returns."""

    columns = ("row", "network", "from", "to", "addresses")

    def __init__(self, groups: dict[str, list[IPv4Network]], points: dict[str, IPv4Address], whole: IPv4Network,
                 caption: str) -> None:  # fmt: skip
        self.groups, self.points, self.whole, self.caption = groups, points, whole, caption

    def rows(self) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = []
        for name, networks in self.groups.items():
            found += [(name, str(n), str(n.first), str(n.last), amount(n)) for n in networks]
            if not networks:
                found.append((name, "none", "", "", ""))
        return found + [(name, "", str(point), "", "") for name, point in self.points.items()]

    def lanes(self, networks: Sequence[IPv4Network]) -> list[list[IPv4Network]]:
        """The networks in lanes, so that none lies on another one."""
        lanes: list[list[IPv4Network]] = []
        for network in sorted(networks):
            for lane in lanes:
                if not lane[-1].covers(network):
                    lane.append(network)
                    break
            else:
                lanes.append([network])
        return lanes or [[]]

    def at(self, number: int) -> float:
        """Where a number is, in pixels; what is outside, at the edge."""
        return WIDTH * min(max(number - self.whole.bits, 0), self.whole.size) / self.whole.size

    def draw(self) -> SVG:
        left = 24 + max([text_width(name, 12) for name in self.groups] or [0.0])
        top, lane_height = 26.0, 28.0
        lanes = [(name, self.lanes(networks)) for name, networks in self.groups.items()]
        height = sum(lane_height * len(group) + 8 for _, group in lanes)
        svg = SVG(left + WIDTH + 16, top + height + 20 + 16 * len(self.points))
        svg.text(left, 14, self.whole.first, size=SIZE)
        svg.text(left + WIDTH, 14, self.whole.last, size=SIZE, anchor="end")
        for step in range(9):
            x = left + WIDTH * step / 8
            svg.line(x, top - 6, x, top + height, colour=FAINT, dash="2 3")
        y = top
        for name, group in lanes:
            svg.text(left - 10, y + 17, name, size=12, anchor="end")
            for lane in group:
                for network in lane:
                    x, end = left + self.at(network.bits), left + self.at(network.bits + network.size)
                    svg.box(x, y + 2, max(end - x, 1.5), lane_height - 6, fill=SHADE)
                    for words in (str(network), f"/{network.prefix}"):
                        if text_width(words, SIZE) < end - x - 4:
                            svg.text((x + end) / 2, y + 17, words, size=SIZE, anchor="middle")
                            break
                y += lane_height
            svg.line(left, y + 3, left + WIDTH, y + 3, colour=LINE)
            y += 8
        points = [(left + self.at(int(point)), f"{name} {point}") for name, point in self.points.items()]
        mark_points(svg, points, top - 6, y + 10)
        return svg
