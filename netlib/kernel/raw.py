"""Sockets for whole packets of one protocol, as Linux's raw sockets are: of IPv4, and of IPv6.

Each receives copies of all packets of its protocol that are for this host, whoever else gets them.  The host that
makes a socket says what it needs: its Internet layer; `settle(now)`, which moves on what was sent; and the list of
its sockets, which a socket that closes leaves.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

from netlib.internet.input import Internet
from netlib.internet.ipv6 import Internet6
from netlib.wire.address6 import IPv6Address
from netlib.wire.icmpv6 import ICMPv6Message
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.ipv6 import ICMPV6, IPv6Packet

RAW: Literal["raw"] = "raw"  # kind of socket: whole IP packets of one protocol
RAW6: Literal["raw6"] = "raw6"  # the same for IPv6
INBOX = 256  # packets that a socket keeps for its reader; more are dropped and counted

Packet = TypeVar("Packet", IPv4Packet, IPv6Packet)
Layer = TypeVar("Layer", Internet, Internet6)


class Raw(Generic[Packet, Layer]):
    """What both have: packets in the order in which they came."""

    def __init__(self, internet: Layer, protocol: int, settle: Callable[[float], None], others: list[Any]) -> None:
        self.internet: Layer = internet
        self.protocol, self.settle, self.others = protocol, settle, others
        self.inbox: deque[tuple[float, Packet]] = deque()

    @property
    def readable(self) -> bool:
        return bool(self.inbox)

    def receive(self) -> tuple[float, Packet] | None:
        """The next packet with the time of its arrival, or None."""
        return self.inbox.popleft() if self.inbox else None

    def close(self) -> None:
        """Receive no more."""
        if self in self.others:
            self.others.remove(self)


class RawSocket(Raw[IPv4Packet, Internet]):
    """Sends and receives whole IPv4 packets of one protocol."""

    def send(self, packet: IPv4Packet, now: float) -> None:
        """Send a packet; its protocol, and a source of zero, are filled in.  `SendError` if that can't be done."""
        packet.protocol = self.protocol
        self.internet.send(packet, now)
        self.settle(now)


class RawSocket6(Raw[IPv6Packet, Internet6]):
    """Sends and receives whole IPv6 packets of one protocol."""

    def send(self, packet: IPv6Packet, now: float, interface: int | None = None) -> None:
        """Send a packet; its protocol, a source of :: and the checksum of ICMPv6 are filled in.

        `interface` is the number of the one to send by, for a link-local or multicast destination where the host has
        several.  `SendError` if that can't be done.
        """
        if not packet.extensions:
            packet.next_header = self.protocol
        if packet.source == IPv6Address.ANY:
            packet.source = self.internet.source(packet.destination, interface)
        # "the kernel will calculate and insert the ICMPv6 checksum" (RFC 3542 section 3.1): it covers the source
        if packet.protocol == ICMPV6 and len(packet.payload) >= 8:
            packet.payload = ICMPv6Message.parse(packet.payload, problems=[]).build(packet)
        self.internet.send(packet, now, interface)
        self.settle(now)
