"""A host's Internet layer: what happens to a packet that comes in, and to one that goes out.

    receive   RFC 1122 section 3.2.1: is it well-formed, is it for us, is it whole, who gets it
    forward   RFC 1812 section 5.2: if it is not for us and we are a router, send it on
    send      RFC 1122 section 3.3.1: which interface, which next hop; cut it to the link's MTU
    report    RFC 1122 section 3.2.2: tell the sender what went wrong
    obey      RFC 1122 section 3.2.2.2: a router tells us of a better first hop

A machine: packets as bytes and the time in; `outbox` holds what is to be sent by which interface to which next
hop, `delivered` what is for the layers above.  Bad input is dropped and counted in `dropped`, never raised.
What it leaves to others: the next hop's MAC address (link), what a packet carries (host).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from types import NoneType
from typing import NamedTuple

from netlib.internet.fragments import Reassembler
from netlib.internet.icmp import RateLimit, may_report
from netlib.internet.nat import NAT, NATPart
from netlib.internet.nat_own import OwnTableNAT
from netlib.internet.parts import InternetParts, ReassemblerPart, RoutesPart, returned
from netlib.internet.redirects import REDIRECT_HOST, Redirects, may_obey, may_redirect
from netlib.internet.routes import Route
from netlib.wire.address import IPv4Address, IPv4Interface, IPv4Network
from netlib.wire.checksum import internet_checksum
from netlib.wire.errors import BadChecksum, FieldOverflow, Malformed, Truncated, WireError
from netlib.wire.icmp import (
    DESTINATION_UNREACHABLE,
    FRAGMENTATION_NEEDED,
    NET_UNREACHABLE,
    REASSEMBLY_TIME_EXCEEDED,
    REDIRECT,
    TIME_EXCEEDED,
    TTL_EXCEEDED,
    ICMPRedirect,
)
from netlib.wire.ipv4 import ICMP, IPv4Packet

LOOPBACK = IPv4Address("127.0.0.1")  # who speaks to any address of 127.0.0.0/8, as on Linux
REASONS = {Truncated: "truncated", Malformed: "malformed", BadChecksum: "bad checksum", FieldOverflow: "too long"}


@dataclass(slots=True)
class Port:
    """What the Internet layer knows of one interface."""

    mtu: int  # bytes of the largest packet
    addresses: list[IPv4Interface] = field(default_factory=list)

    def is_broadcast(self, destination: IPv4Address) -> bool:
        """Whether an address means all hosts of one of this link's networks."""
        return any(own.network.is_broadcast(destination) for own in self.addresses)

    def source(self, route: Route) -> IPv4Address:
        """Which of our addresses a packet by this route is sent from (RFC 1122 section 3.3.4.3), as Linux chooses.

        To a host on a connected network, the first in that network; to a router, the first that has it as a neighbour.
        """
        if route.via is None:
            near = [own for own in self.addresses if own.network == route.network]
        else:
            near = [own for own in self.addresses if route.via in own.network]
        return (near or self.addresses)[0].address


class Outgoing(NamedTuple):
    """A packet on its way to the link."""

    port: int  # number of the interface
    next_hop: IPv4Address
    packet: bytes


class SendError(OSError):
    """A packet of our own can't be sent; the message says why, in the kernel's word for it (ENETUNREACH, ...)."""


class Internet:
    """The Internet layer of one host, or of one router if `forwarding`."""

    def __init__(self, random: Random, parts: InternetParts, forwarding: bool) -> None:
        self.parts, self.forwarding = parts, forwarding
        self.ports: dict[int, Port] = {}  # number of the interface -> what IPv4 knows of it
        self.addresses: set[IPv4Address] = set()  # our own
        self.plain: set[IPv4Address] = set()  # those of them that a packet on a link may have as its destination
        self.broadcasts = {IPv4Address.BROADCAST}  # and those of our links
        self.routes: RoutesPart = parts.routes()
        self.redirects = Redirects()  # better first hops for our own packets
        self.reassembler: ReassemblerPart = parts.reassembler()
        self.nat: NATPart | None = None  # for what crosses the interface `outside`
        self.outside = -1
        self.random = random
        self.reports = RateLimit()
        self.identification = random.getrandbits(16)
        self.outbox: list[Outgoing] = []
        self.delivered: list[tuple[int, IPv4Packet]] = []
        self.dropped: Counter[str] = Counter()
        if isinstance(self.reassembler, Reassembler):  # netlib's own tells what it drops; yours need not
            self.reassembler.dropped = self.dropped

    def attach(self, number: int, address: IPv4Interface, mtu: int) -> None:
        """Give the interface of this number an address, its first or one more, and the route to its network."""
        if mtu < 68:  # "Every internet module must be able to forward a datagram of 68 octets" (RFC 791)
            raise ValueError(f"an MTU of {mtu} bytes: IPv4 needs 68 at least")
        port = self.ports.setdefault(number, Port(mtu))
        if address not in port.addresses:
            port.addresses.append(address)
            self.addresses.add(address.address)
            if not is_martian(address.address):
                self.plain.add(address.address)
            if address.network.is_broadcast(address.network.broadcast):
                self.broadcasts.add(address.network.broadcast)
            self.routes.add(Route(address.network, None, number))

    # ---- in ----------------------------------------------------------------------------------------------

    def receive(self, data: bytes, port: int, now: float, link_broadcast: bool = False) -> None:
        """Take in what a link has brought: the steps of RFC 1122 section 3.2.1, in its order."""
        # "A host MUST silently discard": a version that is not 4, a header checksum that is wrong.
        try:
            packet = IPv4Packet.parse(data)
        except WireError as error:
            self.drop(f"IPv4 {reason(error)}")
            return
        if self.parts.checksum is not internet_checksum and self.header_checksum(data[: packet.header_length]):
            self.drop("IPv4 bad checksum")
            return
        # "A host MUST silently discard an incoming datagram containing an IP source address that is
        # invalid by the rules of this section": a broadcast or multicast address is nobody's own.
        first = packet.source[0]
        if first >= 224 or packet.source in self.broadcasts or (first == 127 and port >= 0):
            self.drop("IPv4 invalid source")
            return
        if port in self.ports and packet.destination in self.plain and not (
            link_broadcast or self.nat is not None or packet.more_fragments or packet.fragment_offset
        ):  # as for most there are: none of what is asked from here on can be so
            self.delivered.append((port, packet))
            return
        # "Addresses of this form MUST NOT appear outside a host" (section 3.2.1.3): 127.0.0.0/8, and as a
        # destination 0.0.0.0/8; class E is reserved (RFC 1812 section 5.3.7).
        if port >= 0 and is_martian(packet.destination):
            self.drop("IPv4 invalid destination")
            return
        # "A host SHOULD silently discard a datagram that is received via a link-layer broadcast ... but does not
        # specify an IP multicast or broadcast destination address" (section 3.3.6); RFC 1812 5.3.4 for routers.
        if link_broadcast and not self.is_broadcast(packet.destination):
            self.drop("IPv4 unicast in a link broadcast")
        elif port >= 0 and port not in self.ports:
            self.drop("IPv4 not for us")
        elif self.nat is not None and packet.destination in self.nat.addresses:
            self.receive_by_nat(self.nat, data[: packet.total_length], packet, port, now)
        else:
            self.sort(data[: packet.total_length], packet, port, now)

    def sort(self, data: bytes, packet: IPv4Packet, port: int, now: float) -> None:
        """A packet that may come in: is it for us, or for somebody else?"""
        if self.is_ours(packet.destination, port):
            self.accept(data, packet, port, now)
        elif self.forwarding and not self.is_broadcast(packet.destination):
            self.forward(data, packet, port, now)
        else:
            self.drop("IPv4 not for us")

    def is_ours(self, destination: IPv4Address, port: int) -> bool:
        """Whether a packet to this address is for this host: any of its addresses, or a broadcast on this link."""
        return port < 0 or destination in self.addresses or self.is_link_broadcast(destination, port)

    def is_link_broadcast(self, destination: IPv4Address, port: int) -> bool:
        """Whether an address means all hosts on this link."""
        return destination == IPv4Address.BROADCAST or self.ports[port].is_broadcast(destination)

    def accept(self, data: bytes, packet: IPv4Packet, port: int, now: float) -> None:
        """A packet for us: hand it up, once all of it is there."""
        if packet.is_fragment:
            try:
                whole = returned("reassembler.add", self.reassembler.add(data, now), bytes, NoneType)
                if whole is None:
                    return
                packet = IPv4Packet.parse(whole)
            except WireError as error:
                self.drop(f"IPv4 reassembly {reason(error)}")
                return
        self.delivered.append((port, packet))

    def forward(
        self, data: bytes, packet: IPv4Packet, port: int, now: float, came: tuple[bytes, IPv4Packet] | None = None
    ) -> None:
        """A packet for somebody else: the steps of RFC 1812 section 5.2.1.

        `came`: what it was before our NAT translated it.  Its sender is told of that, and knows nothing of the other.
        """
        about = came or (data, packet)
        # "A router SHOULD NOT forward any packet that has ... a source address on network 0" (5.3.7); and a NAT takes
        # what has an address of ours outside for our own, unless it has put that there itself
        if packet.source[0] == 0 or (self.nat is not None and not came and packet.source in self.nat.addresses):
            self.drop("IPv4 invalid source")
            return
        route = self.route(packet.destination)
        if route is None:
            self.drop("IPv4 no route")
            self.report(*about, DESTINATION_UNREACHABLE, NET_UNREACHABLE, now)
            return
        # "If the TTL is reduced to zero (or less), the packet MUST be discarded", and the sender told (5.3.1)
        if packet.ttl <= 1:
            self.drop("IPv4 TTL exceeded")
            self.report(*about, TIME_EXCEEDED, TTL_EXCEEDED, now)
            return
        mtu = self.ports[route.interface].mtu
        if len(data) > mtu and packet.dont_fragment:
            self.drop("IPv4 fragmentation needed")
            self.report(*about, DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED, now, rest=mtu)
            return
        if may_redirect(packet, port, route, self.ports[port].addresses):  # and send it on all the same
            self.report(data, packet, REDIRECT, REDIRECT_HOST, now, rest=int(route.via or packet.destination))
        sent_on = returned("decrement_ttl", self.parts.decrement_ttl(data), bytes)
        self.transmit(sent_on, route, packet.destination, now)

    # ---- out ---------------------------------------------------------------------------------------------

    def send(self, packet: IPv4Packet, now: float) -> None:
        """Send a packet of our own; a source address of zero is filled in.  `SendError` if that can't be done."""
        if packet.ttl == 0:  # "A host MUST NOT send a datagram with a Time-to-Live (TTL) value of zero"
            raise SendError(f"EINVAL: a TTL of 0, so {packet.destination} is out of reach")
        if 20 + (len(packet.options) + 3) // 4 * 4 + len(packet.payload) > 0xFFFF:
            raise SendError(f"EMSGSIZE: {len(packet.payload)} bytes of payload, a packet of 65535 has no room for them")
        if packet.source == IPv4Address.ANY:
            packet.source = self.source(packet.destination)
        destination = packet.destination
        if destination[0] == 127 or destination in self.addresses:
            self.receive(self.sealed(packet.build()), -1, now)
            return
        better = self.redirects.lookup(destination, now) if self.redirects.table else None
        route = better or self.way(destination)
        port = self.ports[route.interface]
        if packet.identification == 0:
            self.identification = self.identification % 0xFFFF + 1
            packet.identification = self.identification
        data = packet.build()
        if len(data) > port.mtu and packet.dont_fragment:
            raise SendError(f"EMSGSIZE: {len(data)} bytes, the link takes {port.mtu} and DF is set")
        if self.parts.checksum is not internet_checksum:
            data = self.sealed(data)
        self.transmit(data, route, destination, now)

    def route(self, destination: IPv4Address) -> Route | None:
        """The route that the routing table has for a destination."""
        route = self.routes.lookup(destination)
        if route is not None and type(route) is not Route:
            returned("routes.lookup", route, Route)
        return route

    def way(self, destination: IPv4Address) -> Route:
        """The route for a packet of our own; `SendError` if there is none."""
        first = destination[0]
        if first == 255 and destination == IPv4Address.BROADCAST and self.ports:  # it means the link, not a gateway
            number, port = next(iter(self.ports.items()))
            return Route(port.addresses[0].network, None, number)
        route = self.route(destination) if 0 < first < 224 and first != 127 else None  # to one host
        if route is None:
            raise SendError(f"ENETUNREACH: no route to {destination}")
        return route

    def source(self, destination: IPv4Address) -> IPv4Address:
        """The address that a packet to `destination` would have as its source; `SendError` if there is no way."""
        if destination.is_loopback or destination in self.addresses:
            return LOOPBACK if destination.is_loopback else destination
        route = self.way(destination)
        return self.ports[route.interface].source(route)

    def first_hop(self, destination: IPv4Address, now: float) -> Route | None:
        """The route for a packet of our own: what a redirect has told us goes before the routing table."""
        return self.redirects.lookup(destination, now) or self.route(destination)

    def transmit(self, data: bytes, route: Route, destination: IPv4Address, now: float) -> None:
        """Cut a packet to its link's MTU and put it out; through the NAT, if the link is its outside."""
        if self.nat is not None and route.interface == self.outside:
            translated = returned("nat.outbound", self.nat.outbound(data, now), bytes, NoneType)
            self.tell(self.nat, now)
            if translated is None:
                return
            data = translated
        mtu, hop = self.ports[route.interface].mtu, route.via or destination
        if len(data) <= mtu:
            self.outbox.append(Outgoing(route.interface, hop, data))
            return
        cut = returned("fragment", self.parts.fragment(data, mtu), list, tuple)
        pieces = [self.sealed(returned("fragment, in its list,", piece, bytes)) for piece in cut]
        self.outbox += [Outgoing(route.interface, hop, piece) for piece in pieces]

    def sealed(self, data: bytes) -> bytes:
        """The packet with its header checksum worked out by the part for it."""
        if self.parts.checksum is internet_checksum:
            return data
        checksum = self.header_checksum(data[:10] + b"\0\0" + data[12 : 4 * (data[0] & 15)])
        return data[:10] + checksum.to_bytes(2, "big") + data[12:]

    def header_checksum(self, header: bytes) -> int:
        checksum: int = returned("checksum", self.parts.checksum(header), int)
        if not 0 <= checksum <= 0xFFFF:
            raise ValueError(f"the part checksum returned {checksum}, which does not fit into 16 bits")
        return checksum

    # ---- NAT ---------------------------------------------------------------------------------------------

    def add_nat(self, outside: int, listens: Callable[[int], bool]) -> NATPart:
        """From now on what crosses the interface `outside` is translated to and from its addresses there.

        `listens` tells whether a socket of our own does at a TCP port.
        """
        self.outside = outside
        addresses = [own.address for own in self.ports[outside].addresses]
        if self.parts.nat_table is not None:
            self.nat = OwnTableNAT(addresses, self.random, table=self.parts.nat_table)
        else:
            self.nat = self.parts.nat(addresses, self.random)
        if isinstance(self.nat, NAT):
            self.nat.dropped = self.nat.reassembler.dropped = self.dropped
            self.nat.listens = listens
        return self.nat

    def receive_by_nat(self, nat: NATPart, data: bytes, packet: IPv4Packet, port: int, now: float) -> None:
        """A packet to one of our addresses outside: whose is it really?"""
        into = nat.inbound if port in (self.outside, -1) else nat.hairpin
        translated = returned(f"nat.{into.__name__}", into(data, now), bytes, NoneType)
        self.tell(nat, now)
        if translated is None:
            return
        try:
            inner = IPv4Packet.parse(translated)
        except WireError as error:
            self.drop(f"IPv4 from the NAT {reason(error)}")
            return
        if inner.destination == packet.destination:
            self.sort(translated, inner, port, now)
        elif self.forwarding:
            self.forward(translated, inner, self.outside if port < 0 else port, now, came=(data, packet))

    def tell(self, nat: NATPart, now: float) -> None:
        """Report what the NAT has refused."""
        refused, nat.refused = nat.refused, []
        for data, code in refused:
            self.report(data, IPv4Packet.parse(data), DESTINATION_UNREACHABLE, code, now)

    # ---- errors ------------------------------------------------------------------------------------------

    def report(self, data: bytes, packet: IPv4Packet, type: int, code: int, now: float, rest: int = 0) -> None:
        """Send an ICMP error about a packet to its sender, where one may be sent."""
        # a packet from a link with a loopback address as its source has not come this far
        if self.is_broadcast(packet.destination) or not may_report(packet, inside=packet.source.is_loopback):
            return
        if not self.reports.allows(now):
            self.drop("ICMP rate limit")
            return
        message = returned("icmp_error", self.parts.icmp_error(data, type, code, rest), bytes, NoneType)
        if message is None:  # a part may have rules of its own
            return
        # precedence 6, internetwork control (RFC 1812 section 4.3.2.5)
        answer = IPv4Packet(protocol=ICMP, destination=packet.source, payload=message, dscp=48)
        try:
            self.send(answer, now)
        except SendError:
            self.drop("ICMP error without a route")

    def obey(self, message: ICMPRedirect, sender: IPv4Address, port: int, now: float) -> None:
        """Obey a redirect that has come from `sender` by the interface `port`, if it is to be believed."""
        try:
            original = message.original
        except WireError as error:
            self.drop(f"ICMP redirect {reason(error)}")
            return
        current = self.first_hop(original.destination, now)
        if self.forwarding:  # routers have routing protocols for that (RFC 1812 section 5.2.7.2)
            self.drop("ICMP redirect to a router")
        elif port < 0 or not may_obey(message, sender, current, port, self.ports[port].addresses):
            self.drop("ICMP redirect not believed")
        elif original.source not in self.addresses or message.gateway in self.addresses:
            self.drop("ICMP redirect not about us")
        else:
            self.redirects.learn(original.destination, message.gateway, port, now)

    def is_broadcast(self, destination: IPv4Address) -> bool:
        """Whether an address means more than one host, as far as this one can know."""
        return destination.is_multicast or destination in self.broadcasts

    # ---- time --------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Give up on packets whose fragments are late, and tell their senders (RFC 1122 section 3.3.2)."""
        for first in returned("reassembler.expire", self.reassembler.expire(now), list, tuple):
            self.report(first, IPv4Packet.parse(first), TIME_EXCEEDED, REASSEMBLY_TIME_EXCEEDED, now)
        if self.nat is not None:
            self.nat.tick(now)
            self.tell(self.nat, now)

    def deadline(self) -> float | None:
        """When `tick` is next needed, or None."""
        soonest = self.reassembler.deadline()
        if self.nat is None:
            return soonest
        due = self.nat.deadline()
        return due if soonest is None or (due is not None and due < soonest) else soonest

    def drop(self, reason: str) -> None:
        self.dropped[reason] += 1

    def add_route(self, network: IPv4Network, via: IPv4Address) -> None:
        """Send packets for `network` to the router `via`, which has to be on one of our links."""
        for number, port in self.ports.items():
            if any(via in own.network for own in port.addresses):
                self.routes.add(Route(network, via, number))
                return
        raise SendError(f"ENETUNREACH: the next hop {via} is on none of this host's links")

    def remove_route(self, network: IPv4Network) -> None:
        """Forget the route for exactly this network, if there is one."""
        self.routes.remove(network)


def reason(error: WireError) -> str:
    """What is wrong with a packet, in the words that drops are counted under."""
    return REASONS.get(type(error), "malformed")


def is_martian(destination: IPv4Address) -> bool:
    """Whether no packet on a link may have this destination: nobody on any link has such an address."""
    first = destination[0]
    return first == 0 or first == 127 or (first >= 240 and destination != IPv4Address.BROADCAST)
