"""A TCP connection as its packets tell it: who sent which bytes, what was acknowledged, which states that shows.

    conversation(sim.capture(link))                  what crossed a simulated link, or several
    conversation("page.pcap", port=8080)             a capture file; of its connections the one with this port
    conversation([(time, packet), ...])              packets seen at one point, such as a lab's or scapy's as bytes
    conversation({"h1": [...], "r1": [...]})         ... at several

Sequence numbers are relative as in Wireshark: each side's SYN is 0, its first byte 1.  Packets do not tell everything:
a congestion window is never seen, a window only where the SYNs are in the capture (they have its scale), and what was
lost only in a simulation, which knows.  A capture that begins later counts from the first byte seen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from netlib.transport.tcp.options import Options
from netlib.transport.tcp.scoreboard import Scoreboard
from netlib.transport.tcp.sequence import unwrap
from netlib.view.inferred import Inference
from netlib.view.moments import RANGES, Moment, Track
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.ipv6 import IPv6Packet
from netlib.wire.packet import Packet, decode
from netlib.wire.pcap import read_pcap
from netlib.wire.tcp import TCPSegment

End = tuple[Any, int]  # IP address, port
LOWEST = -(2**40)  # below all relative sequence numbers
FLAGS = ("syn", "fin", "rst", "psh", "ack", "urg", "ece", "cwr")  # in the order in which one says them


class Sighting(NamedTuple):
    """A packet on a link or at a point, when it was sent there, and when it arrived at the link's other end."""

    time: float  # seconds
    place: tuple[str, str]  # from whom to whom; the same name twice for a point
    packet: Packet
    arrival: float | None  # None: it was lost there


@dataclass(slots=True)
class Segment:
    """One sighting of a segment; numbers are relative."""

    time: float  # seconds
    arrival: float | None  # None: lost here
    place: tuple[str, str]
    side: int  # who sent it: 0 for the end that opened the connection, 1 for the other
    packet: Packet
    segment: TCPSegment
    seq: int
    ack: int  # 0 where there is none
    length: int  # bytes of data, also those that the capture has cut off
    window: int | None  # bytes; None where its scale is not known
    sack: list[tuple[int, int]] = field(default_factory=list)  # the first byte, and the one after the last
    remark: str = ""  # "again", or "fills a gap"

    @property
    def end(self) -> int:
        """The number after the last that it takes up: SYN and FIN count as one each."""
        return self.seq + self.length + self.segment.syn + self.segment.fin

    @property
    def flags(self) -> str:
        return " ".join(name.upper() for name in FLAGS if getattr(self.segment, name)) or "no flags"

    @property
    def label(self) -> str:
        """A few words, for an arrow."""
        words = f"{self.flags} seq {self.seq}" + (f" ack {self.ack}" if self.segment.ack else "")
        words += f" len {self.length}" if self.length else ""
        words += f" SACK {self.blocks}" if self.sack else ""
        return f"{self.remark}: {words}" if self.remark else words

    @property
    def blocks(self) -> str:
        return " ".join(f"{start}-{end - 1}" for start, end in self.sack)

    @property
    def words(self) -> str:
        """A line, for a list."""
        ports = f"TCP {self.segment.source_port} > {self.segment.destination_port}"
        window = f" window {self.segment.window}, scale unknown" if self.window is None else f" window {self.window}"
        return f"{ports} {self.label}{window}" + "".join(f" [{problem}]" for problem in self.packet.problems)


class Conversation:
    """What `conversation` returns: the `segments` of one connection in order, seen at all places."""

    def __init__(self, ends: tuple[End, End], others: int = 0) -> None:
        self.ends = ends  # who opened it, as far as can be seen, and who was called
        self.others = others  # other connections in the capture
        self.segments: list[Segment] = []
        self.base: list[int | None] = [None, None]  # the wire's number that counts as 0, unwrapped
        self.shift: list[int | None] = [None, None]
        self.opened = [False, False]  # a SYN was seen
        self.highest = [0, 0]
        self.seen: dict[tuple[frozenset[str], int], Scoreboard] = {}  # place, side -> bytes seen there
        self.resent: set[tuple[int, int]] = set()  # side, seq that were seen a second time somewhere

    @property
    def name(self) -> str:
        return " and ".join(f"{address}:{port}" for address, port in self.ends)

    @property
    def places(self) -> list[tuple[str, str]]:
        return list(dict.fromkeys(s.place for s in self.segments))

    # ---- reading -------------------------------------------------------------------------------------------

    def add(self, sighting: Sighting) -> None:
        """Take in the next packet of this connection."""
        packet, ip = sighting.packet, internet_of(sighting.packet)
        tcp = packet[TCPSegment]
        side = 0 if (ip.source, tcp.source_port) == self.ends[0] else 1
        options = Options.of(tcp)
        if self.base[side] is None:
            self.base[side] = tcp.sequence - (not tcp.syn)
        if self.base[1 - side] is None and tcp.ack and not tcp.rst:
            self.base[1 - side] = tcp.acknowledgment - 1
        if tcp.syn and not self.opened[side]:
            self.opened[side], self.shift[side] = True, options.window_scale
        made = Segment(
            sighting.time, sighting.arrival, sighting.place, side, packet, tcp,
            seq=self.relative(tcp.sequence, side), ack=self.relative(tcp.acknowledgment, 1 - side) if tcp.ack else 0,
            length=length_of(ip, tcp), window=self.window(tcp, side),
            sack=[(self.relative(a, 1 - side), self.relative(b, 1 - side)) for a, b in options.sack],
        )  # fmt: skip
        if not tcp.rst:
            self.highest[side] = max(self.highest[side], made.end)
        made.remark = self.remark(made)
        self.segments.append(made)

    def relative(self, number: int, side: int) -> int:
        base = self.base[side] or 0
        return unwrap(number, base + self.highest[side]) - base

    def window(self, tcp: TCPSegment, side: int) -> int | None:
        """The window that a segment offers; "The window field in a segment where the SYN bit is set ... MUST NOT be
        scaled" (RFC 7323 section 2.2), and scaling needs both SYNs to offer it."""
        if tcp.syn:
            return tcp.window
        if not all(self.opened):
            return None
        return tcp.window << ((self.shift[side] or 0) if None not in self.shift else 0)

    def remark(self, segment: Segment) -> str:
        """Whether these bytes were seen before at this place, or at least some behind them."""
        if segment.end == segment.seq or segment.segment.rst:
            return ""
        key = frozenset(segment.place), segment.side
        board = self.seen.setdefault(key, Scoreboard(1, LOWEST))
        below = segment.seq < board.highest() != LOWEST
        again = board.add(segment.seq, segment.end) != [(segment.seq, segment.end)]
        if again or (below and (segment.side, segment.seq) in self.resent):
            self.resent.add((segment.side, segment.seq))
            return "again"
        return "fills a gap" if below else ""

    # ---- what it shows ---------------------------------------------------------------------------------------

    def sender(self) -> int:
        """The side that has sent more."""
        return int(self.highest[1] > self.highest[0])

    def at_one_place(self, side: int) -> list[Segment]:
        """The segments as seen nearest to a side: where its own were seen first."""
        first = next((s for s in self.segments if s.side == side), None)
        place = set(first.place if first else ())
        return [s for s in self.segments if set(s.place) == place]

    def track(self, sender: int | None = None) -> Track:
        """Which bytes of one side were sent, acknowledged, SACKed and allowed, over time.

        `sender`: 0 for the side that opened the connection, 1 for the other; unless given, the one that sent more.
        """
        side = self.sender() if sender is None else sender
        board, moments = Scoreboard(1, 0), list[Moment]()
        una = nxt = 0
        edge: int | None = None
        seen = [s for s in self.at_one_place(side) if s.side == side or s.arrival is not None]
        resent = []
        for s in sorted(seen, key=lambda s: s.time if s.side == side else s.arrival or 0.0):
            time = s.time if s.side == side else s.arrival or 0.0
            if s.segment.rst:
                continue
            if s.side == side:
                nxt = max(nxt, s.end)
                if s.remark:
                    resent.append((time, s.remark))
            elif s.segment.ack:
                una = max(una, s.ack)
                nxt = max(nxt, una)
                board.acknowledge(una)
                for start, end in s.sack:
                    board.add(start, min(end, nxt))
                if s.window is not None and s.ack == una:
                    edge = una + s.window
            ranges = tuple(zip(board.starts[:RANGES], board.ends[:RANGES], strict=True))
            moment = Moment(time, una, nxt, edge, ranges)
            if moments and moments[-1].time == time:
                moments.pop()
            moments.append(moment)
        dropped = [s.time for s in self.segments if s.side == side and s.arrival is None]
        address, port = self.ends[side]
        missing = "" if all(self.opened) else "; its SYNs are not in it, so the window is not known either"
        return Track(
            f"{address}:{port} to {':'.join(map(str, self.ends[1 - side]))}", moments, resent=resent, lost=dropped,
            known=f"From a capture: cwnd, ssthresh and the queue are not in packets{missing}.",
        )  # fmt: skip

    def states(self, side: int = 0) -> list[tuple[float, str, str]]:
        """(time, state, because) of one side, as far as the segments show it."""
        inference = Inference(side)
        for s in self.at_one_place(side):
            inference.see(s)
        return inference.changes


def internet_of(packet: Packet) -> Any:
    return packet[IPv4Packet] if IPv4Packet in packet else packet[IPv6Packet]


def length_of(ip: Any, tcp: TCPSegment) -> int:
    """Bytes of data, by the IP header: the capture may have cut them off."""
    there = len(tcp.payload)
    if isinstance(ip, IPv4Packet):
        return max(there, ip.total_length - ip.header_length - tcp.header_length)
    return there


def sightings(capture: Any) -> list[Sighting]:
    """What a capture of any kind has seen, in order."""
    if isinstance(capture, str | Path):
        capture = list(read_pcap(capture))
    if isinstance(capture, Mapping):
        found = [s for name, part in capture.items() for s in at_point(str(name), part)]
    elif hasattr(capture, "crossings"):
        found = [Sighting(c.time, (c.sender, c.receiver), c.packet, c.arrival) for c in capture.crossings]
    else:
        found = at_point("", capture)
    return sorted(found, key=lambda sighting: sighting.time)


def at_point(name: str, capture: Any) -> list[Sighting]:
    pairs: Iterable[tuple[float, Any]] = getattr(capture, "packets", capture)
    found = []
    for time, packet in pairs:
        whole = packet if isinstance(packet, Packet) else decode(bytes(packet), kind_of(bytes(packet)))
        found.append(Sighting(time, (name, name), whole, time))
    return found


def kind_of(data: bytes) -> Any:
    """Whether bytes begin with an IP header or, as most do, with a frame's."""
    return "ip" if data and data[0] >> 4 in (4, 6) and data[12:14] not in (b"\x08\x00", b"\x86\xdd") else "ethernet"


def conversation(capture: Any, port: int | None = None) -> Conversation:
    """The connection with the most segments in a capture; of those with `port`, if that is given.

    Raises `ValueError` where there is none.
    """
    if isinstance(capture, Conversation):
        return capture
    found: dict[frozenset[End], list[list[Sighting]]] = {}
    first: dict[int, int] = {}  # id of a list of sightings -> the number of its SYN
    for sighting in sightings(capture):
        if TCPSegment not in sighting.packet:
            continue
        ip, tcp = internet_of(sighting.packet), sighting.packet[TCPSegment]
        lives = found.setdefault(frozenset([(ip.source, tcp.source_port), (ip.destination, tcp.destination_port)]), [])
        if not lives:
            lives.append([])
        opens = tcp.syn and not tcp.ack and ip.source == caller(lives[-1], ip.source)
        if opens and first.setdefault(id(lives[-1]), tcp.sequence) != tcp.sequence:
            lives.append([])  # the same two ends again, later
            first[id(lives[-1])] = tcp.sequence
        lives[-1].append(sighting)
    all_of_them = [life for lives in found.values() for life in lives]
    wanted = [life for life in all_of_them if port is None or port in ports(life[0].packet)]
    if not wanted:
        raise ValueError("no TCP connection in this capture" + (f" has the port {port}" if port is not None else ""))
    chosen = max(wanted, key=len)
    ip, tcp = internet_of(chosen[0].packet), chosen[0].packet[TCPSegment]
    here, there = (ip.source, tcp.source_port), (ip.destination, tcp.destination_port)
    made = Conversation((there, here) if tcp.syn and tcp.ack else (here, there), len(all_of_them) - 1)
    for sighting in chosen:
        made.add(sighting)
    return made


def caller(life: list[Sighting], default: Any) -> Any:
    return internet_of(life[0].packet).source if life else default


def ports(packet: Packet) -> tuple[int, int]:
    return packet[TCPSegment].source_port, packet[TCPSegment].destination_port

