"""Both sides of a NAT: the same packets inside and outside, which fields it has changed, and its table between them.

    nat_sides(inside, outside, nat)            two captures (of links, points or files), and the router's NAT
    nat_sides(inside, outside, history)        [(time, nat.table(time)), ...], as `watch_nat` collects it

    sim.spawn(watch_nat(nat, history, until=2.0))      in a run: keeps the table whenever it has changed

A line for each packet, in the order in which the NAT met them.  What differs between its two sides is in brackets, bold
and on a coloured ground; in the middle stands the row of the table that it used and, with a history, that row's state
then.  A packet that was seen on one side alone went no further, or was the router's own.
"""

from bisect import bisect
from dataclasses import dataclass
from typing import Any

from netlib.view.conversation import FLAGS, Sighting, sightings
from netlib.view.html import (
    CAPTION,
    CARD,
    CELL,
    INK,
    LINE,
    MARK,
    ROW,
    TABLE,
    View,
    escape,
    html_table,
    text_table,
    visible,
)
from netlib.wire.icmp import ICMPEcho, ICMPError, ICMPMessage
from netlib.wire.ipv4 import PROTOCOL_NAMES, IPv4Packet
from netlib.wire.packet import Packet, decode
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram
from netlib.worlds.task import now, sleep

MOST = 40  # packets
ROWS = 30  # of the table
ALIKE = 8  # packets before and after one that are tried as its other side
CHANGES = 10_000  # of the table that are kept
Ends = tuple[tuple[str, int], tuple[str, int]]  # source and destination, each an address and a port or identifier
Rows = list[dict[str, Any]]


@dataclass(slots=True)
class Passing:
    """A packet at the NAT: as it was inside and outside, None where it was not seen."""

    time: float  # seconds
    inside: Packet | None
    outside: Packet | None

    @property
    def packet(self) -> Packet:
        found = self.inside or self.outside
        assert found is not None
        return found

    @property
    def outward(self) -> bool | None:
        """Whether it went out: its source is another outside.  None where that can't be told."""
        if self.inside is None or self.outside is None:
            return None
        return ends_of(self.inside)[0] != ends_of(self.outside)[0]


class NATSides(View):
    """What `nat_sides` returns."""

    def __init__(self, passings: list[Passing], history: list[tuple[float, Rows]], title: str, most: int) -> None:
        self.all, self.passings = len(passings), passings[:most]
        self.title = title or "The two sides of a NAT"
        self.history = history
        self.start = passings[0].time if passings else 0.0
        self.numbers: dict[tuple[str, ...], int] = {}  # a row's name -> its number, in the order of their appearance
        self.last: dict[tuple[str, ...], dict[str, Any]] = {}
        for _, rows in history:
            for row in rows:
                self.numbers.setdefault(name_of(row), len(self.numbers) + 1)
                self.last[name_of(row)] = row

    def row_at(self, passing: Passing) -> str:
        """The row that a packet used, and what it said then: in words."""
        names = [name for name in self.numbers if uses(passing, name)]
        if not names:
            return "" if not self.numbers else "no row"
        number = self.numbers[names[0]]
        if len(self.history) < 2:
            return f"row {number}"
        later = [rows for time, rows in self.history if time >= passing.time] or [self.history[-1][1]]
        states = (str(row.get("state", "")) for rows in later for row in rows if name_of(row) == names[0])
        return f"row {number} {next(states, 'gone')}".strip()

    def lines(self) -> list[tuple[str, list[tuple[str, bool]], str, str, list[tuple[str, bool]], str]]:
        """For each packet: time, inside, arrow, row, outside, what it is.  Words with whether they have changed."""
        found = []
        for p in self.passings:
            here, there = marked(p.inside, p.outside), marked(p.outside, p.inside)
            arrow = {True: "→", False: "←", None: "·"}[p.outward]
            found.append((f"{1000 * (p.time - self.start):.3f} ms", here, arrow, self.row_at(p), there, what(p.packet)))
        return found

    def in_words(self) -> str:
        """Which fields differ, over all packets."""
        names: dict[str, int] = {}
        for p in self.passings:
            for name in changes(p):
                names[name] = names.get(name, 0) + 1
        both = sum(p.outward is not None for p in self.passings)
        if not names:
            return f"{both} packets were seen on both sides."
        return f"Of {both} packets on both sides: " + ", ".join(f"{name} in {n}" for name, n in names.items()) + "."

    def table_rows(self) -> list[tuple[str, ...]]:
        """The table as it was last, with the rows that have gone since."""
        there = {name_of(row) for row in self.history[-1][1]} if self.history else set()
        found: list[tuple[str, ...]] = []
        for name, number in list(self.numbers.items())[:ROWS]:
            row = self.last[name]
            state = str(row.get("state", "")) + ("" if name in there else " (gone)")
            packets = " out, ".join(map(str, row.get("packets", ()))) + " in" if row.get("packets") else ""
            found.append((str(number), name[0], name[1], name[2], name[3], state, packets))
        return found

    COLUMNS = ("row", "protocol", "inside", "outside", "with", "state", "packets")

    @property
    def more(self) -> list[str]:
        left = self.all - len(self.passings)
        more = [f"… and {left} more packets, not shown."] if left else []
        hidden = len(self.numbers) - ROWS
        return more + ([f"… and {hidden} more rows, not shown."] if hidden > 0 else [])

    def __str__(self) -> str:
        def plain(words: list[tuple[str, bool]]) -> str:
            marks = [f" [{w[1:]}]" if c and w[0] == " " else f"[{w}]" if c else w for w, c in joined(words)]
            return "".join(marks) or "not seen"

        lines = [(time, plain(a), f"{arrow} {row} {arrow}", plain(b), said)
                 for time, a, arrow, row, b, said in self.lines()]  # fmt: skip
        columns = ("time", "inside", "the NAT's table", "outside", "what")
        table = text_table(self.table_rows(), self.COLUMNS) if self.numbers else ""
        parts = [visible(self.title), text_table(lines, columns), self.in_words(), *self.more, table]
        return "\n".join(part for part in parts if part)

    def _repr_html_(self) -> str:
        heads = ("Time", "Inside", "The NAT's table", "Outside", "What")
        head = "".join(f'<th scope="col" style="{CELL};border-bottom:2px solid {LINE}">{escape(c)}</th>' for c in heads)
        slim = f"{CELL.replace('2px 8px', '2px 5px')};font-size:12px"
        edges = f"border-left:1px solid {LINE};border-right:1px solid {LINE}"
        middle = f"{slim};white-space:nowrap;text-align:center;{edges}"
        body = []
        for time, inside, arrow, row, outside, said in self.lines():
            cells = (f'<th scope="row" style="{slim};font-weight:normal;white-space:nowrap">{escape(time)}</th>'
                     f'<td style="{slim}">{spanned(inside)}</td><td style="{middle}">{arrow} {escape(row)} {arrow}</td>'
                     f'<td style="{slim}">{spanned(outside)}</td><td style="{slim}">{escape(said)}</td>')  # fmt: skip
            body.append(f'<tr style="{ROW}">{cells}</tr>')
        words = "".join(f'<div style="color:{INK}">{escape(line)}</div>' for line in (self.in_words(), *self.more))
        rows = [[escape(cell) for cell in row] for row in self.table_rows()]
        known = html_table("The NAT's table", [c.capitalize() for c in self.COLUMNS], rows) if rows else ""
        return (
            f'<div style="{CARD}"><table style="{TABLE}"><caption style="{CAPTION}">{escape(self.title)}</caption>'
            f'<thead><tr style="{ROW}">{head}</tr></thead><tbody>{"".join(body)}</tbody></table>{words}{known}</div>'
        )


# ---- packets --------------------------------------------------------------------------------------------------


def ends_of(packet: Packet) -> Ends:
    """Source and destination; a query of ICMP has its identifier as the port of who asks (RFC 5508 section 3)."""
    ip, last = packet[IPv4Packet], packet.layers[-1]
    source, destination = str(ip.source), str(ip.destination)
    if isinstance(last, TCPSegment | UDPDatagram):
        return (source, last.source_port), (destination, last.destination_port)
    if isinstance(last, ICMPEcho):
        asks = last.type != 0
        return (source, last.identifier if asks else 0), (destination, 0 if asks else last.identifier)
    return (source, 0), (destination, 0)


def flow_of(packet: Packet) -> tuple[str, Ends]:
    """Protocol and ends of a packet's conversation: of an ICMP error, those of the packet that it quotes."""
    ip, last = packet[IPv4Packet], packet.layers[-1]
    if isinstance(last, ICMPError):
        quote = quoted(last)
        if quote is not None:
            return flow_of(quote)
    return PROTOCOL_NAMES.get(ip.protocol, str(ip.protocol)), ends_of(packet)


def quoted(error: ICMPError) -> Packet | None:
    """The packet that an ICMP error quotes, with ports, though it is cut short."""
    found = decode(error.payload + bytes(20), "ip")
    return found if IPv4Packet in found and not isinstance(found.layers[-1], ICMPError) else None


def key_of(packet: Packet) -> tuple[object, ...]:
    """What a NAT leaves alone."""
    ip, last = packet[IPv4Packet], packet.layers[-1]
    same: tuple[object, ...]
    if isinstance(last, TCPSegment):
        same = last.sequence, last.acknowledgment, last.syn, last.fin, last.rst, last.window, last.payload
    elif isinstance(last, UDPDatagram):
        same = (last.payload,)
    elif isinstance(last, ICMPEcho):
        same = last.type, last.sequence, last.payload
    elif isinstance(last, ICMPMessage):
        same = last.type, last.code
    else:
        same = (ip.payload,)
    return ip.protocol, ip.identification, *same


def pair(inside: Any, outside: Any) -> list[Passing]:
    """The packets of both captures, each with its other side: of several alike, those that are nearest in time."""
    here, there = alike(inside), alike(outside)
    made: list[Passing] = []
    for key in dict.fromkeys([*here, *there]):
        mine, theirs = here.get(key, []), there.get(key, [])
        times = [seen.time for seen in theirs]
        near = []
        for i, a in enumerate(mine):
            middle = bisect(times, a.time)
            for j in range(max(0, middle - ALIKE), min(len(theirs), middle + ALIKE)):
                if same_conversation(a.packet, theirs[j].packet):
                    near.append((abs(times[j] - a.time), i, j))
        left, other = dict(enumerate(mine)), dict(enumerate(theirs))
        for _, i, j in sorted(near):
            if i in left and j in other:
                a, b = left.pop(i), other.pop(j)
                made.append(Passing(min(a.time, b.time), a.packet, b.packet))
        made += [Passing(a.time, a.packet, None) for a in left.values()]
        made += [Passing(b.time, None, b.packet) for b in other.values()]
    return sorted(made, key=lambda passing: passing.time)


def alike(capture: Any) -> dict[tuple[object, ...], list[Sighting]]:
    """The IPv4 packets of a capture in order, those together that are the same in what a NAT leaves alone."""
    found: dict[tuple[object, ...], list[Sighting]] = {}
    for seen in sightings(capture):
        if IPv4Packet in seen.packet:
            found.setdefault(key_of(seen.packet), []).append(seen)
    return found


def same_conversation(inside: Packet, outside: Packet) -> bool:
    """Whether one end is the same on both sides, and a NAT has changed the other one at most."""
    here, there = ends_of(inside), ends_of(outside)
    return here[0] == there[0] or here[1] == there[1]


def tokens(packet: Packet) -> list[str]:
    """The fields of a packet that a NAT or a router may change, in the order in which they are read."""
    (source, port), (destination, to_port) = ends_of(packet)
    here, there = (f":{number}" if number else "" for number in (port, to_port))
    return [source, here, " > ", destination, there, f" TTL {packet[IPv4Packet].ttl}"]


def marked(packet: Packet | None, other: Packet | None) -> list[tuple[str, bool]]:
    """The fields of a packet, each with whether it is another one on the other side."""
    if packet is None:
        return []
    mine = tokens(packet)
    theirs = tokens(other) if other is not None else mine
    return [(word, word != their) for word, their in zip(mine, theirs, strict=True)]


def joined(words: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """An address and its port as one word, where both or neither have changed."""
    found: list[tuple[str, bool]] = []
    for word, changed in words:
        if word.startswith(":") and found and found[-1][1] == changed:
            found[-1] = found[-1][0] + word, changed
        elif word:
            found.append((word, changed))
    return found


def changes(passing: Passing) -> list[str]:
    """The names of the fields that differ."""
    if passing.inside is None or passing.outside is None:
        return []
    names = ("source address", "source port", "", "destination address", "destination port", "TTL")
    found = [name for name, (_, changed) in zip(names, marked(passing.inside, passing.outside), strict=True) if changed]
    for name, kind in (("IP", IPv4Packet), ("TCP", TCPSegment), ("UDP", UDPDatagram), ("ICMP", ICMPMessage)):
        if kind in passing.inside and kind in passing.outside:
            here, there = (getattr(packet[kind], "checksum", 0) for packet in (passing.inside, passing.outside))
            found += [f"{name} checksum"] if here != there else []
    return found


def uses(passing: Passing, name: tuple[str, ...]) -> bool:
    """Whether a packet belongs to the row of this name."""
    protocol, inside, outside, remote = name
    for packet, end in ((passing.inside, inside), (passing.outside, outside)):
        if packet is not None:
            found, ends = flow_of(packet)
            if found == protocol and {f"{address}:{port}" for address, port in ends} == {end, remote}:
                return True
    return False


def what(packet: Packet) -> str:
    """A packet in a few words, without its ends."""
    last = packet.layers[-1]
    if isinstance(last, TCPSegment):
        flags = " ".join(name.upper() for name in FLAGS if getattr(last, name)) or "no flags"
        return f"TCP {flags}" + (f", {size_of(last)}" if last.payload else "")
    if isinstance(last, UDPDatagram):
        return f"UDP, {size_of(last)}"
    return last.name if isinstance(last, ICMPMessage) else packet.summary()


def size_of(last: TCPSegment | UDPDatagram) -> str:
    return f"{len(last.payload)} byte{'s' * (len(last.payload) != 1)}"


def spanned(words: list[tuple[str, bool]]) -> str:
    """As HTML; what has changed is in brackets, bold and on a coloured ground."""
    if not words:
        return "not seen"
    look = f"background:{MARK};color:{INK};font-weight:bold;white-space:nowrap"
    pieces = []
    for word, changed in joined(words):
        gap, bare = (" ", word[1:]) if word.startswith(" TTL") else ("", word)
        pieces.append(gap + (f'<span style="{look}">[{escape(bare)}]</span>' if changed else escape(bare)))
    return "".join(pieces)


# ---- the table --------------------------------------------------------------------------------------------------


def name_of(row: dict[str, Any]) -> tuple[str, ...]:
    """What stays the same in a row: protocol, inside, outside, with whom."""
    return str(row["protocol"]), str(row["inside"]), str(row["outside"]), str(row["remote"])


def history_of(nat: Any) -> list[tuple[float, Rows]]:
    """The table over time, of a NAT or of rows only as it is now."""
    if nat is None:
        return []
    if hasattr(nat, "table"):
        return [(float("inf"), nat.table())]
    found = list(nat)
    return found if found and isinstance(found[0], tuple) else [(float("inf"), found)]


async def watch_nat(nat: Any, history: list[tuple[float, Rows]], until: float, every: float = 0.001) -> None:
    """An application that keeps a NAT's table in `history` whenever it has changed; times in seconds."""
    while (time := await now()) < until and len(history) < CHANGES:
        rows = nat.table()
        if not history or rows != history[-1][1]:
            history.append((time, rows))
        await sleep(every)


def nat_sides(inside: Any, outside: Any, nat: Any = None, *, title: str = "", most: int = MOST) -> NATSides:
    """Both sides of a NAT: captures of any kind that `conversation` takes, and its table or that over time.

    A NAT of your own needs a method `table()` with the rows that netlib's has; without one the middle stays empty.
    """
    return NATSides(pair(inside, outside), history_of(nat), title, most)
