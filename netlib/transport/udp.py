"""UDP (RFC 768; the rules for hosts: RFC 1122 section 4.1): a datagram goes from one port to another.

    receive         is the datagram well-formed, and whose is it
    receive_error   an ICMP error quotes a datagram of ours: who has to be told, and by which errno name
    datagram        the bytes of a datagram that goes out

A machine without timers.  `delivered` holds what is for which endpoint, `failed` which endpoint has met which
error, `unreachable` the packets for ports that nobody has bound.  Who gets a datagram is decided by a table, a
part that may be yours (`Parts.udp_table`); netlib's own is kernel/table.py.  What it leaves to others: ports and
queues (kernel), the packet around the datagram (internet), ICMP port unreachable (host).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from netlib.internet.input import reason
from netlib.internet.parts import returned
from netlib.wire import icmpv6
from netlib.wire.address import Address
from netlib.wire.errors import WireError
from netlib.wire.icmp import DESTINATION_UNREACHABLE, PARAMETER_PROBLEM
from netlib.wire.udp import Below, UDPDatagram

# What an ICMP destination unreachable of each code means to a connected socket, and whether it is told: Linux's
# icmp_err_convert (net/ipv4/icmp.c).  The others are soft errors: "the network may recover" (RFC 1122 4.2.3.9).
UNREACHABLE: dict[int, tuple[str, bool]] = {
    0: ("ENETUNREACH", False), 1: ("EHOSTUNREACH", False), 2: ("ENOPROTOOPT", True), 3: ("ECONNREFUSED", True),
    4: ("EMSGSIZE", False), 5: ("EOPNOTSUPP", False), 6: ("ENETUNREACH", True), 7: ("EHOSTDOWN", True),
    8: ("ENONET", True), 9: ("ENETUNREACH", True), 10: ("EHOSTUNREACH", True), 11: ("ENETUNREACH", False),
    12: ("EHOSTUNREACH", False), 13: ("EHOSTUNREACH", True), 14: ("EHOSTUNREACH", True), 15: ("EHOSTUNREACH", True),
}  # fmt: skip

# ... and an ICMPv6 one: its tab_unreach (net/ipv6/icmp.c)
UNREACHABLE6: dict[int, tuple[str, bool]] = {
    0: ("ENETUNREACH", False), 1: ("EACCES", True), 2: ("EHOSTUNREACH", False), 3: ("EHOSTUNREACH", False),
    4: ("ECONNREFUSED", True), 5: ("EACCES", True), 6: ("EACCES", True),
}  # fmt: skip

# ... and "time exceeded" and "parameter problem" for TCP, by type, of ICMP and of ICMPv6: "soft errors" (RFC 9293
# section 3.9.2.2)
SOFT: dict[int, str] = {11: "EHOSTUNREACH", 12: "EPROTO"}
SOFT6: dict[int, str] = {3: "EHOSTUNREACH", 4: "EPROTO"}


@dataclass(frozen=True, eq=False, slots=True)
class Endpoint:
    """One end of conversations: a bound socket as the table sees it.  Two are never equal, each is its own.

    `address` is all zeroes for a socket that takes datagrams to any of the host's addresses.  `peer` is None
    for a socket that takes them from anybody; a connected one takes them from its peer and its port only.
    """

    address: Address
    port: int
    peer: Address | None = None
    peer_port: int = 0
    reuse_port: bool = False  # SO_REUSEPORT: shares address and port with others that say so too

    @property
    def is_wildcard(self) -> bool:
        return not any(self.address)

    @property
    def is_connected(self) -> bool:
        return self.peer is not None

    def takes(self, source: bytes, source_port: int, destination: bytes, destination_port: int) -> bool:
        """Whether a datagram between these may be given to this endpoint at all."""
        if self.port != destination_port or len(self.address) != len(destination):  # of one IP version
            return False
        if not self.is_wildcard and self.address != destination:
            return False
        return self.peer is None or (self.peer, self.peer_port) == (source, source_port)

    def __str__(self) -> str:
        local = f"{'*' if self.is_wildcard else str(self.address)}:{self.port}"
        return f"{local} - {self.peer!s}:{self.peer_port}" if self.is_connected else local


class UDPTablePart(Protocol):
    """Decides which endpoint a datagram is for."""

    def add(self, endpoint: Endpoint) -> None:
        """A socket was bound, or connected: from now on it takes datagrams."""

    def remove(self, endpoint: Endpoint) -> None:
        """This endpoint, added before, takes no more of them."""

    def lookup(self, source: bytes, source_port: int, destination: bytes, destination_port: int) -> Endpoint | None:
        """The endpoint that gets a datagram with these addresses and ports, or None."""


class Packet(Below, Protocol):
    """What UDP asks of the packet that brings a datagram: IPv4Packet and IPv6Packet have it."""

    source: Any
    destination: Any
    payload: bytes


class Delivery(NamedTuple):
    """A datagram's data for an endpoint, and where it came from."""

    endpoint: Endpoint
    data: bytes
    source: bytes
    source_port: int


class UDP:
    """The UDP layer of one host."""

    def __init__(self, table: UDPTablePart, dropped: Counter[str]) -> None:
        self.table, self.dropped = table, dropped
        self.endpoints: dict[Endpoint, None] = {}  # in the order in which they were added
        self.delivered: list[Delivery] = []
        self.failed: list[tuple[Endpoint, str]] = []  # endpoint, errno name
        self.unreachable: list[Any] = []  # packets

    def add(self, endpoint: Endpoint) -> None:
        self.table.add(endpoint)
        self.endpoints[endpoint] = None

    def remove(self, endpoint: Endpoint) -> None:
        self.table.remove(endpoint)
        del self.endpoints[endpoint]

    def receive(self, packet: Packet, to_many: bool = False) -> None:
        """Take in the datagram of a packet; `to_many` if it was sent to a broadcast or multicast address."""
        try:
            # "a UDP datagram [with] an invalid checksum ... MUST be silently discarded" (RFC 1122 4.1.3.4);
            # RFC 8200 section 8.1 says the same of one without a checksum over IPv6
            datagram = UDPDatagram.parse(packet.payload, packet)
        except WireError as error:
            self.dropped[f"UDP {reason(error)}"] += 1
            return
        ends = packet.source, datagram.source_port, packet.destination, datagram.destination_port
        if to_many:  # every socket gets a copy that would take it
            owners = [endpoint for endpoint in self.endpoints if endpoint.takes(*ends)]
        else:
            owners = [owner] if (owner := self.lookup(*ends)) else []
        for owner in owners:
            self.delivered.append(Delivery(owner, datagram.payload, packet.source, datagram.source_port))
        if not owners and not to_many:
            # "If a datagram arrives addressed to a UDP port for which there is no pending LISTEN call, UDP SHOULD
            # send an ICMP Port Unreachable message" (RFC 1122 section 4.1.3.1)
            self.unreachable.append(packet)

    def receive_error(self, type: int, code: int, original: Packet) -> None:
        """An ICMP error about `original`, which we are said to have sent: tell the socket, if there is one.

        "UDP MUST pass to the application layer all ICMP error messages that it receives from the IP layer"
        (RFC 1122 section 4.1.3.3).  As Linux does it: hard errors only, and to connected sockets only; another one
        could not tell which of its datagrams is meant.
        """
        error = UNREACHABLE.get(code) if type == DESTINATION_UNREACHABLE else None
        name, hard = ("EPROTO", True) if type == PARAMETER_PROBLEM else error or ("", False)
        if hard:
            self.fail(original, name)

    def receive_error6(self, type: int, code: int, original: Packet) -> None:
        """The same for ICMPv6."""
        error = UNREACHABLE6.get(code) if type == icmpv6.DESTINATION_UNREACHABLE else None
        name, hard = ("EPROTO", True) if type == icmpv6.PARAMETER_PROBLEM else error or ("", False)
        if hard:
            self.fail(original, name)

    def fail(self, original: Packet, name: str) -> None:
        """Tell the socket that sent `original`, if it is connected, of the error with this errno name."""
        try:
            ours = UDPDatagram.parse(original.payload, problems=[])  # cut short, so no checksum
        except WireError:
            self.dropped["UDP ICMP error malformed"] += 1
            return
        # it went from us to the peer: the socket is the one that would get the answer
        ends = original.destination, ours.destination_port, original.source, ours.source_port
        owner = self.lookup(*ends)
        if owner and owner.is_connected:
            self.failed.append((owner, name))

    def lookup(self, source: bytes, source_port: int, destination: bytes, destination_port: int) -> Endpoint | None:
        found = self.table.lookup(source, source_port, destination, destination_port)
        endpoint: Endpoint | None = returned("udp_table.lookup", found, Endpoint, type(None))
        if endpoint is not None and endpoint not in self.endpoints:
            raise LookupError(f"the part udp_table.lookup returned {endpoint}, which is not in the table")
        return endpoint


def datagram(packet: Packet, source_port: int, destination_port: int, data: bytes, checksummed: bool = True) -> bytes:
    """The bytes of a datagram in `packet`, whose addresses the checksum covers too."""
    return UDPDatagram(source_port, destination_port, checksummed=checksummed, payload=data).build(packet)
