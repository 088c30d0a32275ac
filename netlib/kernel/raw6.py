"""A socket for whole IPv6 packets of one protocol, as Linux's raw sockets of AF_INET6 are."""

from collections import deque
from collections.abc import Callable
from typing import Any

from netlib.internet.ipv6 import Internet6
from netlib.wire.address6 import IPv6Address
from netlib.wire.icmpv6 import ICMPv6Message
from netlib.wire.ipv6 import ICMPV6, IPv6Packet


class RawSocket6:
    """Sends and receives whole packets of one protocol; receives copies of all of them.

    `settle(now)` is the host's: it moves on what was sent.  `others` are the host's sockets.
    """

    def __init__(self, internet: Internet6, protocol: int, settle: Callable[[float], None], others: list[Any]) -> None:
        self.internet, self.protocol, self.settle, self.others = internet, protocol, settle, others
        self.inbox: deque[tuple[float, IPv6Packet]] = deque()

    @property
    def readable(self) -> bool:
        return bool(self.inbox)

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

    def receive(self) -> tuple[float, IPv6Packet] | None:
        """The next packet with the time of its arrival, or None."""
        return self.inbox.popleft() if self.inbox else None

    def close(self) -> None:
        """Receive no more."""
        if self in self.others:
            self.others.remove(self)
