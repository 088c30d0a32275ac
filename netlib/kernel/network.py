"""What sockets see of the IP layers below them: addresses, routes and packets of the version that an address has.

The calls of a program carry no time.  The host is told the time by its world before a program goes on
(`host.now`), and what a socket sends is sent then.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from netlib.internet.input import Internet, SendError
from netlib.internet.ipv6 import Internet6
from netlib.wire.address6 import IPv6Address, ip_address
from netlib.wire.errors import Malformed
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.ipv6 import IPv6Packet

LOOPBACK_MTU = 65_535  # bytes: Linux's lo has one more, which no IPv4 packet can use


class BelowSockets:
    """The IPv4 and IPv6 layers of a host, as its sockets use them."""

    def __init__(
        self, internet: Internet, internet6: Internet6, random: Random, send: Callable[[Any], None],
        interfaces: list[Any],
    ) -> None:  # fmt: skip
        self.internet, self.internet6, self.random, self.interfaces = internet, internet6, random, interfaces
        self.send_packet = send

    def address(self, value: Any) -> Any:
        """An address object for a text or for raw bytes; `Malformed` for anything else."""
        if value in ("localhost", ""):
            raise Malformed(f"{value!r} is no address: a socket takes numbers, as 127.0.0.1")
        return ip_address(value)

    def is_local(self, address: Any) -> bool:
        """Whether the address is one of this host's own, loopback included."""
        return address.is_loopback or address in self.internet.addresses or address in self.internet6.addresses

    def is_broadcast(self, address: Any) -> bool:
        return not isinstance(address, IPv6Address) and self.internet.is_broadcast(address)

    def source_for(self, destination: Any) -> Any:
        """The address that a packet to `destination` would have as its source (RFC 1122 section 3.3.4.3)."""
        return (self.internet6 if isinstance(destination, IPv6Address) else self.internet).source(destination)

    def reaches(self, address: Any) -> bool:
        """Whether there is a way to this address; to 0.0.0.0 and :: there is none."""
        try:
            return any(address) and self.mss(address) > 0
        except SendError:
            return False

    def doubt(self, address: Any, now: float) -> None:
        """Negative advice: what goes to this address is not answered.  A neighbour table that wants to know (`doubt`)
        looks whether the next hop is there still: dead-gateway diagnosis (RFC 1122 section 3.3.1.4)."""
        next_hop: Any
        table: Any
        try:
            if isinstance(address, IPv6Address):
                number, next_hop = self.internet6.way(address)
                table = self.internet6.ports[number].discovery
            else:
                route = self.internet.way(address)
                next_hop, table = route.via or address, self.interfaces[route.interface].neighbours
        except SendError:
            return
        if hasattr(table, "doubt"):
            table.doubt(next_hop, now)

    def mss(self, destination: Any) -> int:
        """Bytes of the largest TCP payload to `destination`, without options: "the effective MTU minus the fixed IP
        and TCP headers" (RFC 6691 section 2).  `SendError` if there is no route."""
        six = isinstance(destination, IPv6Address)
        headers = 60 if six else 40
        if destination.is_loopback or destination in (self.internet6 if six else self.internet).addresses:
            return LOOPBACK_MTU - headers
        if six:
            interface, _ = self.internet6.way(destination)
            return self.internet6.ports[interface].mtu - headers
        return self.internet.ports[self.internet.way(destination).interface].mtu - headers

    def packet(self, source: Any, destination: Any, protocol: int, ttl: int) -> Any:
        """A packet between these addresses, empty still."""
        if isinstance(destination, IPv6Address):
            return IPv6Packet(source=source, destination=destination, next_header=protocol, hop_limit=ttl)
        return IPv4Packet(source=source, destination=destination, protocol=protocol, ttl=ttl)
