"""A learning switch: IEEE 802.1Q without VLANs and without a spanning tree (clauses 8.6 to 8.8).

For each frame that comes in, in this order:

    learn      its sender is behind the port it came by; a sender that moves is known at its new port
    filter     it is for somebody behind that same port: they have it already
    forward    it is for somebody known: out of that one port
    flood      it is for a group, or for somebody not known yet: out of every other port

Nobody configures it, and nobody sees it: a frame leaves as it came, byte for byte, and the switch needs no address.

The table is bounded, because anybody can write any source address: where it is full, who is new is not learned, and
what is sent to them is flooded.  A table of size 0, or an ageing time of 0 seconds, makes a hub.
What is left to others: loops.  A frame for everybody would go round in one for ever; the simulation refuses to run it.
"""

from collections import Counter
from typing import NamedTuple, cast

from netlib.wire.address import MACAddress

AGEING = 300.0  # seconds; the default that IEEE 802.1Q recommends, and Linux's (`ip link ... type bridge ageing_time`)
LIMIT = 1024  # addresses
HEADER = 14  # bytes of an Ethernet header
KNOWN = cast("dict[bytes, MACAddress]", MACAddress.known)
LINK_LOCAL = b"\x01\x80\xc2\0\0"  # ... 00 to 0F: for the next device only, never sent on (IEEE 802.1Q, table 8-1)


class Entry(NamedTuple):
    """Where an address was seen, and until when (seconds) that counts."""

    port: int
    expires: float


class Switch:
    """A machine: frames in by a port with the time, frames out by ports.

    `outbox` holds (port, frame) to send; the owner empties it.  `table` has who was heard last at its end.
    `flooded`, `forwarded` and `filtered` count frames that came in, `dropped` those that are none, by reason.
    """

    def __init__(self, name: str, ports: int, ageing: float = AGEING, limit: int = LIMIT) -> None:
        if ports < 1 or not ageing >= 0 or limit < 0:
            raise ValueError(f"switch {name!r}: ports={ports}, ageing={ageing}, limit={limit}: one port at least, "
                             "seconds from 0, addresses from 0")  # fmt: skip
        self.name, self.ports, self.ageing, self.limit = name, ports, ageing, limit
        self.table: dict[MACAddress, Entry] = {}
        self.outbox: list[tuple[int, bytes]] = []
        self.flooded = self.forwarded = self.filtered = 0
        self.dropped: Counter[str] = Counter()

    def receive(self, port: int, frame: bytes, now: float) -> None:
        """Take in a frame that came by `port` (from 0) at the time `now` (seconds)."""
        if not 0 <= port < self.ports:
            raise ValueError(f"switch {self.name!r} has the ports 0 to {self.ports - 1}, not {port}")
        if len(frame) < HEADER:
            self.dropped["Ethernet truncated"] += 1
            return
        destination, source = KNOWN[frame[0:6]], KNOWN[frame[6:12]]
        # A group is nobody's own address, and so is zero: no card sends such a frame.  Linux drops it too.
        if source.is_group or source == MACAddress.ANY:
            self.dropped["Ethernet invalid source"] += 1
            return
        self.learn(source, port, now)
        entry = self.table.get(destination)  # of a group there is none
        if destination[:5] == LINK_LOCAL and destination[5] < 16:
            self.filtered += 1
        elif entry is None or entry.expires <= now:
            self.flooded += 1
            self.outbox += [(other, frame) for other in range(self.ports) if other != port]
        elif entry.port == port:
            self.filtered += 1
        else:
            self.forwarded += 1
            self.outbox.append((entry.port, frame))

    def learn(self, source: MACAddress, port: int, now: float) -> None:
        """Note that `source` is behind `port`: the learning process of IEEE 802.1Q clause 8.7."""
        if self.table.pop(source, None) is None and len(self.table) >= self.limit:
            self.tick(now)  # those that are too old make room; nobody else does
            if len(self.table) >= self.limit:
                return
        self.table[source] = Entry(port, now + self.ageing)

    def known(self, now: float) -> dict[MACAddress, int]:
        """The port that each address is behind, of those heard within the ageing time."""
        return {mac: entry.port for mac, entry in self.table.items() if entry.expires > now}

    def tick(self, now: float) -> None:
        """Forget who has not been heard for the ageing time."""
        while self.table:
            oldest = next(iter(self.table))
            if self.table[oldest].expires > now:
                return
            del self.table[oldest]

    def deadline(self) -> float | None:
        """When `tick` is next needed (seconds), or None."""
        return next(iter(self.table.values())).expires if self.table else None

    def __repr__(self) -> str:
        return f"<switch {self.name}, {self.ports} ports, {len(self.table)} addresses>"

    def __str__(self) -> str:
        """The table, as `bridge fdb show` has it: who is behind which port, and until when."""
        rows = [f"{mac}  port {entry.port}  until {entry.expires:.3f} s" for mac, entry in self.table.items()]
        return "\n".join([f"switch {self.name}: {len(rows)} of at most {self.limit} addresses", *rows])
