"""The cables of the simulation, and what was seen on them.

A link is a cable between two ends.  Each direction sends one frame after the other at the link's rate, keeps what
waits in a queue of bounded size, and may lose frames.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Protocol

from netlib.wire.packet import Link as Framing
from netlib.wire.packet import Packet, decode
from netlib.wire.pcap import write_pcap

HEADER = 14  # bytes of an Ethernet header, which no MTU counts


class Station(Protocol):
    """What a link's end is plugged into: `receive` takes in a frame by one of its places, a port or an interface."""

    name: str

    def receive(self, place: Any, frame: bytes) -> None: ...


class Crossing(NamedTuple):
    """One frame on a link: when it was sent, by whom to whom, and when it arrived (None: it was lost)."""

    time: float
    packet: Packet
    sender: str
    receiver: str
    arrival: float | None

    def __str__(self) -> str:
        lost = "" if self.arrival is not None else "  LOST"
        return f"{1000 * self.time:10.3f} ms  {self.sender} -> {self.receiver}  {self.packet}{lost}"


class Capture:
    """The frames that were sent over a link, or over several, in order; iterating gives (time, packet)."""

    def __init__(self, framing: Framing) -> None:
        self.framing = framing
        self.crossings: list[Crossing] = []

    @property
    def packets(self) -> list[tuple[float, Packet]]:
        """(time in seconds, packet) for each frame, lost ones included: they were seen where they were sent."""
        return [(crossing.time, crossing.packet) for crossing in self.crossings]

    def __iter__(self) -> Iterator[tuple[float, Packet]]:
        return iter(self.packets)

    def __len__(self) -> int:
        return len(self.crossings)

    def write(self, path: str | Path) -> None:
        """Write the frames to a pcap file, for Wireshark."""
        write_pcap(path, self.packets, self.framing)

    def __repr__(self) -> str:
        return "\n".join(map(str, self.crossings)) or "nothing was sent"


class Direction:
    """One half of a link: what the sender puts in, the receiver gets, later, or never."""

    def __init__(self, link: "Link", sender: Station, receiver: Station, place: Any, random: Random) -> None:
        self.link, self.sender, self.receiver, self.place, self.random = link, sender, receiver, place, random
        self.env = link.env
        self.arrived = [self.deliver]  # what each frame calls when it arrives: the same list for all
        self.free = 0.0  # when the last frame in the queue will have been sent
        self.sent = 0  # frames, lost ones included
        self.bytes = 0  # in these frames
        self.lost = 0

    def send(self, frame: bytes) -> None:
        link, now, size, start = self.link, self.env.now, len(frame), self.free
        if start < now:
            start = now
        self.sent += 1
        self.bytes += size
        rate = link.rate
        # what waits before this frame, in bytes; a frame that waits for nobody is sent however small the queue is
        if rate and start > now and (start - now) * rate / 8 + size > link.queue:
            self.record(frame, None)
            return
        if size > link.mtu + HEADER:  # a host never sends one; a switch does, from a cable that takes larger ones
            self.record(frame, None)
            return
        self.free = start + 8 * size / rate if rate else start
        if self.sent in link.drop or (link.loss and self.random.random() < link.loss):
            self.record(frame, None)
            return
        arrival = self.free + link.delay
        if link.captures:
            self.record(frame, arrival)
        self.env.timeout(arrival - now, frame).callbacks = self.arrived

    def deliver(self, event: Any) -> None:
        self.receiver.receive(self.place, event.value)

    def record(self, frame: bytes, arrival: float | None) -> None:
        if arrival is None:
            self.lost += 1
        for capture in self.link.captures:
            packet = decode(frame, capture.framing)
            crossing = Crossing(self.link.env.now, packet, self.sender.name, self.receiver.name, arrival)
            capture.crossings.append(crossing)


class Link:
    """A cable.  `rate` in bit/s (None: any), `delay` in seconds each way, `queue` in bytes that may wait at each end,
    `loss` the share of frames lost, `drop` the numbers of frames (from 1, each direction) to lose, `mtu` in bytes."""

    def __init__(
        self, env: Any, rate: float | None, delay: float, queue: float, loss: float, drop: frozenset[int], mtu: int
    ) -> None:
        self.env, self.rate, self.delay, self.queue, self.loss, self.drop = env, rate, delay, queue, loss, drop
        self.mtu = mtu
        self.directions: list[Direction] = []  # from its first end to its second, and back
        self.captures: list[Capture] = []

    @property
    def lost(self) -> int:
        """Frames lost so far, both ways."""
        return sum(direction.lost for direction in self.directions)

    def __repr__(self) -> str:
        return f"<link {' -- '.join(direction.sender.name for direction in self.directions)}>"
