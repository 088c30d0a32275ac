"""What a switch does with frames, one below the other: in by one port, out by others, and what it knows by then.

    Passage("h1 to h2, echo request", came=0, left=[1, 2], known={"h1": 0})
    switching([Passage(...), ...], ["h1", "h2", "h3"], "The first ping")

A column for each port, with who is there, and a line for each frame: a dot where it came in, an arrow to each port by
which it left.  Beside it stands the table that the switch has then; what is new in it is marked with a plus.

`Watched(switch, names)` is a switch, yours or netlib's, that notes what it does.  `passed` finds the passages in
captures of all ports: what was seen first came in there, its copies went out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netlib.view import matching
from netlib.view.html import (
    BAD,
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
)
from netlib.wire.address import MACAddress
from netlib.wire.packet import Packet, decode

TOP, STEP, COLUMN = 44, 28, 74.0  # pixels


@dataclass(frozen=True)
class Passage:
    """One frame: what it is, the port by which it came, those by which it left, and who is known where by then.

    `before`: who was known when it came, if that is not what was known after the frame before.
    """

    label: str
    came: int
    left: Sequence[int]
    known: Mapping[str, int] = field(default_factory=dict)
    before: Mapping[str, int] | None = None


class Switching(View):
    """What `switching` returns."""

    def __init__(self, passages: Iterable[Passage], ports: Sequence[str], title: str,
                 before: Mapping[str, int] | None = None) -> None:  # fmt: skip
        self.passages, self.ports, self.title = list(passages), [str(port) for port in ports], title
        self.before = before or {}  # the table before the first of them
        for passage in self.passages:
            for port in (passage.came, *passage.left):
                if not 0 <= port < len(self.ports):
                    raise ValueError(f"switching: {passage.label!r:.60} has port {port}; there are {len(self.ports)}")

    def named(self, ports: Iterable[int]) -> str:
        return ", ".join(f"{port} ({self.ports[port]})" for port in sorted(ports))

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """(number, what, came in by, left by, table) for each frame."""
        rows = []
        before = self.before
        for number, passage in enumerate(self.passages, 1):
            left = self.named(passage.left) or "none: it ends here"
            new = self.told(passage, before)
            rows.append((str(number), passage.label, self.named([passage.came]), left, new))
            before = passage.known
        return rows

    def told(self, passage: Passage, last: Mapping[str, int]) -> str:
        """The table in words; a plus at what is new, or has moved.  `last` is the table after the frame before."""
        known, before = passage.known, last if passage.before is None else passage.before
        words = [f"{'+' if before.get(name) != port else ''}{name} at {port}" for name, port in known.items()]
        gone = [f"({name} forgotten)" for name in last if name not in known]
        return ", ".join(words + gone) or "empty"

    def __str__(self) -> str:
        columns = ["", "frame", "came in by", "went out of", "table by then (+ new)"]
        body = text_table([(number, *rest) for number, *rest in self.rows()], columns)
        return f"{visible(self.title)}\n{body}" if self.title else body

    def svg(self) -> str:
        """The picture as an SVG document."""
        return str(self.draw())

    def draw(self) -> SVG:
        rows = self.rows()
        column = max([COLUMN, *(1.1 * text_width(name, 12) + 12 for name in self.ports)])
        left = 24 + max([text_width(f"{row[0]}  {row[1]}", 12) for row in rows], default=0) + column / 2
        xs = [left + column * port for port in range(len(self.ports))]
        right = xs[-1] + column / 2
        svg = SVG(right + max([text_width(row[4], 12) for row in rows], default=0) + 24, TOP + STEP * len(rows) + 30)
        bottom = TOP + STEP * len(rows)
        for x, name, port in zip(xs, self.ports, range(len(xs)), strict=True):
            svg.text(x, 16, f"port {port}", size=11, anchor="middle")
            svg.text(x, 31, name, size=12, anchor="middle", bold=True)
            svg.line(x, TOP - 6, x, bottom, colour=LINE, dash="1 3")
        svg.text(right, 31, "table by then (+ new)", size=11)
        for row, passage in zip(rows, self.passages, strict=True):
            y = TOP + STEP * (int(row[0]) - 0.5)
            svg.text(12, y + 4, f"{row[0]}  {row[1]}")
            x = xs[passage.came]
            for way in (-1, 1):  # the arrows to each side, the longest last, so that each head is seen
                for port in sorted((p for p in passage.left if (p - passage.came) * way > 0), reverse=True, key=abs):
                    svg.line(x, y, xs[port] - 5 * way, y, width=2, arrow=True)
            for port in passage.left:
                svg.add(f'<circle cx="{xs[port]:.1f}" cy="{y:.1f}" r="4" fill="{PAPER}" stroke="{INK}"/>')
            svg.add(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{INK}"/>')
            if not passage.left:
                svg.text(x + 12, y + 4, "ends here", size=11, colour=BAD, halo=True)
            if "+" in row[4]:
                svg.box(right - 4, y - 10, text_width(row[4], 12) + 8, 20, fill=MARK, colour=MARK)
            svg.text(right, y + 4, row[4])
        svg.text(12, bottom + 20, "black dot: came in; arrow and circle: went out", size=11)
        return svg

    def _repr_html_(self) -> str:
        flooded = sum(len(p.left) == len(self.ports) - 1 > 1 for p in self.passages)
        alt = (
            f"What a switch with {len(self.ports)} ports did with {len(self.passages)} frames; {flooded or 'none'} "
            "of them went out of every other port. The table below says the same."
        )
        columns = ("Frame", "What", "Came in by", "Went out of", "Table by then (+ new)")
        folded = html_table(self.title, columns, [[escape(cell) for cell in row] for row in self.rows()])
        svg = self.draw()
        return (
            f'<div style="{CARD}"><div style="font-weight:bold;color:{INK}">{escape(self.title)}</div>'
            f"{image(str(svg), alt, svg.width)}{details('The same as a table', folded)}</div>"
        )


def switching(passages: Iterable[Passage], ports: Sequence[str], title: str = "") -> Switching:
    """The picture of these passages; `ports` names who is at each port."""
    return Switching(passages, ports, title)


class Watched:
    """A switch in a simulation that notes what `switch` does with each frame.

        watched = sim.switch("s1", ports=3, part=lambda name, ports: Watched(Switch(name, ports), {mac: "h1", ...}))
        watched.picture("The first ping")

    `names` has a name for each MAC address, in the order of the ports that they are at.  `switch` needs a method
    `known(now)`, as netlib's has, that gives its table: MAC address -> port.
    """

    def __init__(self, switch: Any, names: Mapping[bytes, str]) -> None:
        self.switch, self.names = switch, {MACAddress.BROADCAST: "everybody", **names}
        self.passages: list[Passage] = []

    @property
    def outbox(self) -> list[tuple[int, bytes]]:
        outbox: list[tuple[int, bytes]] = self.switch.outbox
        return outbox

    @outbox.setter
    def outbox(self, outbox: list[tuple[int, bytes]]) -> None:
        self.switch.outbox = outbox

    def name(self, address: bytes) -> str:
        return self.names.get(bytes(address)) or str(MACAddress(address))

    def receive(self, port: int, frame: bytes, now: float) -> None:
        waiting, before = len(self.switch.outbox), self.table(now)
        self.switch.receive(port, frame, now)
        left = [out for out, _ in self.switch.outbox[waiting:]]
        what = matching.describe(decode(frame, "ethernet")).partition(", TTL")[0]
        label = f"{self.name(frame[6:12])} to {self.name(frame[:6])}: {what}"
        self.passages.append(Passage(label, port, left, self.table(now), before))

    def table(self, now: float) -> dict[str, int]:
        return {self.name(mac): port for mac, port in sorted(self.switch.known(now).items())}

    def picture(self, title: str = "", *, since: int = 0) -> Switching:
        """The picture of what it has done, from the frame with this number on."""
        ports = [name for mac, name in self.names.items() if not mac[0] & 1]
        before = self.passages[since - 1].known if since else None
        return Switching(self.passages[since:], ports, title, before)


class Seen(NamedTuple):
    """A frame at a switch: when it came (seconds), by which port, by which ports it left."""

    time: float
    frame: bytes
    came: int
    left: list[int]


def passed(captures: Mapping[int, Iterable[tuple[float, Packet]]]) -> list[Seen]:
    """The frames that passed a switch, from what was captured at each of its ports, in and out.

    A frame is seen first where it comes in.  Seen at the same port again, it is another one.
    """
    sightings = [(time, port, packet.data) for port, packets in captures.items() for time, packet in packets]
    found: list[Seen] = []
    latest: dict[bytes, Seen] = {}
    for time, port, data in sorted(sightings, key=lambda sighting: sighting[0]):
        known = latest.get(data)
        if known is None or port == known.came or port in known.left:
            latest[data] = known = Seen(time, data, port, [])
            found.append(known)
        else:
            known.left.append(port)
            known.left.sort()
    return found
