"""A host's IPv6: what happens to a packet that comes in, and to one that goes out (RFC 8200, RFC 4443).

    receive   is it well-formed, is it for us, is it whole, who gets it
    forward   if it is not for us and we are a router: one hop less, and nothing else changes
    send      which interface, which of our addresses, which next hop; cut to the path's MTU, here and nowhere else
    report    tell the sender what went wrong (RFC 4443 section 2.4)

It answers echoes and, with netlib.link.discovery, the questions for its addresses.  A machine: packets as
bytes and the time in; `outbox` holds what is to be sent by which interface to which MAC address,
`delivered` what is for the layers above.  Bad input is dropped and counted in `dropped`, never raised.

Left out: getting addresses and routers from advertisements (RFC 4862), telling switches which groups it listens
to (MLD, RFC 3810), and redirects.
"""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from types import NoneType
from typing import NamedTuple

from netlib.internet.fragments6 import Reassembler6, fragment6
from netlib.internet.icmp import RateLimit
from netlib.internet.icmpv6 import MINIMUM, Paths, may_report
from netlib.internet.input import SendError, reason
from netlib.internet.parts import InternetParts, addressed, returned
from netlib.link.discovery import Discovery, DiscoveryPart
from netlib.wire.address import MACAddress
from netlib.wire.address6 import IPv6Address, IPv6Interface, IPv6Network
from netlib.wire.errors import WireError
from netlib.wire.icmpv6 import (
    ADDRESS_UNREACHABLE,
    BEYOND_SCOPE,
    DESTINATION_UNREACHABLE,
    ECHO_REPLY,
    ECHO_REQUEST,
    ERRONEOUS_FIELD,
    HOP_LIMIT_EXCEEDED,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    NO_ROUTE,
    PACKET_TOO_BIG,
    PARAMETER_PROBLEM,
    REASSEMBLY_TIME_EXCEEDED,
    TIME_EXCEEDED,
    UNKNOWN_OPTION,
    ICMPv6Echo,
    ICMPv6Message,
    ICMPv6PacketTooBig,
    ICMPv6Unknown,
)
from netlib.wire.icmpv6 import Discovery as DiscoveryMessage
from netlib.wire.ipv6 import (
    DESTINATION_OPTIONS,
    HOP_BY_HOP,
    ICMPV6,
    LARGEST,
    ROUTING,
    Extension,
    IPv6Packet,
)


@dataclass(slots=True)
class Port6:
    """What IPv6 knows of one interface."""

    mtu: int  # bytes of the largest packet
    discovery: DiscoveryPart | None  # None: the link carries packets and no frames
    addresses: list[IPv6Interface] = field(default_factory=list)

    def listens(self, destination: IPv6Address, router: bool) -> bool:
        """Whether a multicast address is one of this interface's groups (RFC 4291 section 2.8)."""
        if destination == IPv6Address.ALL_NODES or (router and destination == IPv6Address.ALL_ROUTERS):
            return True
        return any(known.address.solicited_node == destination for known in self.addresses)


class Route6(NamedTuple):
    """Packets for `network` leave by the interface `interface`, to the router `via`, or straight where it is None."""

    network: IPv6Network
    via: IPv6Address | None
    interface: int


class Outgoing6(NamedTuple):
    """A packet on its way to the link."""

    port: int  # number of the interface
    mac: MACAddress | None  # None on a link without frames
    packet: bytes


class Internet6:
    """IPv6 of one host, or of one router if `forwarding`."""

    def __init__(self, random: Random, parts: InternetParts, forwarding: bool, dropped: Counter[str]) -> None:
        self.parts, self.forwarding = parts, forwarding
        self.ports: dict[int, Port6] = {}  # number of the interface -> what IPv6 knows of it
        self.addresses: dict[IPv6Address, int] = {}  # our own -> the interface
        self.routes: list[Route6] = []  # the longest prefix first
        self.reassembler = Reassembler6()
        self.reports = RateLimit()
        self.random = random
        self.paths = Paths()
        self.outbox: list[Outgoing6] = []
        self.delivered: list[tuple[int, IPv6Packet]] = []
        self.dropped = dropped

    def attach(self, number: int, address: IPv6Interface, mac: MACAddress | None, mtu: int) -> None:
        """Give the interface of this number an address, and a link-local one where it has a MAC address."""
        if mtu < MINIMUM:
            raise ValueError(f"an MTU of {mtu} bytes: IPv6 needs {MINIMUM} at least")
        if address.address.is_multicast or address.address in (IPv6Address.ANY, IPv6Address.LOOPBACK):
            raise ValueError(f"{address.address} can't be the address of an interface")
        port = self.ports.get(number)
        if port is None:
            port = self.ports[number] = Port6(mtu, self.parts.neighbours6(mac, self.forwarding) if mac else None)
            if mac is not None:
                self.own(number, port, IPv6Interface(f"{IPv6Address.link_local(mac)}/64"))
        self.own(number, port, address)

    def own(self, number: int, port: Port6, address: IPv6Interface) -> None:
        if address not in port.addresses:
            port.addresses.append(address)
            self.addresses[address.address] = number
            self.add(Route6(address.network, None, number))
            if port.discovery:
                port.discovery.addresses.append(address.address)

    def add_route(self, network: IPv6Network, via: IPv6Address) -> None:
        """Send packets for `network` to the router `via`, which has to be on one of our links."""
        for number, port in self.ports.items():
            if any(via in known.network for known in port.addresses):
                self.add(Route6(network, via, number))
                return
        raise SendError(f"ENETUNREACH: the next hop {via} is on none of this host's links")

    def add(self, route: Route6) -> None:
        """Add a route; one for the same network is replaced, but for link-local ones: each link has its own."""
        same = [r for r in self.routes if r.network == route.network and not route.network.address.is_link_local]
        self.routes = [known for known in self.routes if known not in same] + [route]
        self.routes.sort(key=lambda known: -known.network.prefix)

    # ---- in ----------------------------------------------------------------------------------------------

    def receive(self, data: bytes, port: int, now: float, link_group: bool = False) -> None:
        """Take in what the link of interface `port` has brought (-1: this host itself)."""
        try:
            packet = IPv6Packet.parse(data)
        except WireError as error:
            self.drop(f"IPv6 {reason(error)}")
            return
        data = data[: 40 + packet.payload_length]
        source, destination = packet.source, packet.destination
        # "Multicast addresses must not be used as source addresses", and "a packet received on an interface with a
        # destination address of loopback MUST be dropped" (RFC 4291 sections 2.7 and 2.5.3)
        outside = port >= 0
        if source.is_multicast or (source.is_loopback and outside):
            self.drop("IPv6 invalid source")
        elif outside and (destination.is_loopback or destination == IPv6Address.ANY):
            self.drop("IPv6 invalid destination")
        elif outside and port not in self.ports:
            self.drop("IPv6 not for us")
        elif link_group and not destination.is_multicast:
            self.drop("IPv6 unicast in a link multicast")
        elif self.is_ours(destination, port):
            self.accept(data, packet, port, now)
        elif self.forwarding and not destination.is_multicast:
            self.forward(data, packet, port, now)
        else:
            self.drop("IPv6 not for us")

    def is_ours(self, destination: IPv6Address, port: int) -> bool:
        """Whether a packet to this address is for this host: an address of its own, or a group it listens to."""
        if port < 0:
            return True
        if destination.is_multicast:
            return self.ports[port].listens(destination, self.forwarding)
        where = self.addresses.get(destination)
        return where == port if destination.is_link_local else where is not None

    def accept(self, data: bytes, packet: IPv6Packet, port: int, now: float) -> None:
        """A packet for us: its extension headers, in the order in which they stand; then what it carries."""
        for extension in packet.chain:
            if extension.kind in (HOP_BY_HOP, DESTINATION_OPTIONS):
                if not self.options_allow(data, packet, extension, now):
                    return
            elif extension.kind == ROUTING and extension.data[3]:
                # "If Segments Left is non-zero, the node must discard the packet and send an ICMP Parameter Problem,
                # Code 0, message ... pointing to the unrecognized Routing Type" (section 4.4); type 0: RFC 5095
                self.drop("IPv6 routing header")
                self.report(data, packet, PARAMETER_PROBLEM, ERRONEOUS_FIELD, now, extension.offset + 2)
                return
        if packet.fragment is not None:
            whole = self.reassembler.add(packet, data, now)
            if isinstance(whole, str):
                self.drop(f"IPv6 {whole}")
            if self.reassembler.overflowed:
                self.dropped["IPv6 too many fragments"] += self.reassembler.overflowed
                self.reassembler.overflowed = 0
            if not isinstance(whole, IPv6Packet):
                return
            # The pieces said nothing wrong, but together they may
            try:
                packet = IPv6Packet.parse(whole.build())
            except WireError as error:
                self.drop(f"IPv6 reassembly {reason(error)}")
                return
            if packet.fragment is not None:  # a fragment in a fragment
                self.drop("IPv6 reassembly malformed")
                return
        if packet.protocol == ICMPV6 and not self.receive_icmp(packet, port, now):
            return
        self.delivered.append((port, packet))

    def options_allow(self, data: bytes, packet: IPv6Packet, extension: Extension, now: float) -> bool:
        """Whether the options in this header let the packet go on.  None of them is known here, so the two highest
        bits of each decide (RFC 8200 section 4.2)."""
        options, at = extension.data, 2
        while at < len(options):
            kind = options[at]
            if kind == 0:  # Pad1
                at += 1
                continue
            size = 2 + options[at + 1] if at + 1 < len(options) else 1000
            if at + size > len(options):
                self.drop("IPv6 malformed")
                return False
            action = kind >> 6  # 00 skip; 01 discard; 10 discard and report; 11 the same, but not to a group
            if action:
                self.drop("IPv6 unknown option")
                if action == 2 or (action == 3 and not packet.destination.is_multicast):
                    self.report(data, packet, PARAMETER_PROBLEM, UNKNOWN_OPTION, now, extension.offset + at)
                return False
            at += size
        return True

    def receive_icmp(self, packet: IPv6Packet, port: int, now: float) -> bool:
        """Do what an ICMPv6 message asks for; whether it was in order."""
        try:
            message = ICMPv6Message.parse(packet.payload, packet)
        except WireError as error:
            self.drop(f"ICMPv6 {reason(error)}")
            return False
        if isinstance(message, DiscoveryMessage):
            there = self.ports.get(port)
            if there and there.discovery and message.type in (NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT):
                if wrong := returned("neighbours6.receive", there.discovery.receive(packet, now), str, NoneType):
                    self.drop(f"ICMPv6 neighbour discovery {wrong}")
                self.flush(port, there, now)
        elif isinstance(message, ICMPv6Echo) and message.type == ECHO_REQUEST:
            answer = IPv6Packet(next_header=ICMPV6, destination=packet.source, dscp=packet.dscp)
            # "the source address of an Echo Reply sent in response to a unicast Echo Request message MUST be the same
            # as the destination address"; one to a group is answered from an address of our own (RFC 4443 section 4.2)
            if not packet.destination.is_multicast:
                answer.source = packet.destination
            reply = ICMPv6Echo(ECHO_REPLY, 0, 0, message.identifier, message.sequence, message.payload)
            self.send_icmp(answer, reply, port, now)
        elif isinstance(message, ICMPv6PacketTooBig):
            self.paths.narrow(message, set(self.addresses), now)
        return True

    def forward(self, data: bytes, packet: IPv6Packet, port: int, now: float) -> None:
        """A packet for somebody else."""
        # "Routers MUST NOT forward any packets with Link-Local source or destination addresses to other links",
        # nor one with the unspecified address (RFC 4291 sections 2.5.6 and 2.5.2)
        if packet.source == IPv6Address.ANY or packet.source.is_loopback or packet.destination.is_link_local:
            self.drop("IPv6 not for us")
            return
        route = self.lookup(packet.destination)
        if route is None:
            self.drop("IPv6 no route")
            self.report(data, packet, DESTINATION_UNREACHABLE, NO_ROUTE, now)
        elif packet.source.is_link_local:
            self.drop("IPv6 beyond scope")
            self.report(data, packet, DESTINATION_UNREACHABLE, BEYOND_SCOPE, now, port=port)
        elif packet.hop_limit <= 1:
            self.drop("IPv6 hop limit exceeded")
            self.report(data, packet, TIME_EXCEEDED, HOP_LIMIT_EXCEEDED, now)
        elif len(data) > (mtu := self.ports[route.interface].mtu):
            self.drop("IPv6 packet too big")  # a router never fragments
            self.report(data, packet, PACKET_TOO_BIG, 0, now, mtu)
        else:  # one byte changes, and there is no checksum to mend
            self.put_out(data[:7] + bytes((packet.hop_limit - 1,)) + data[8:], route.interface,
                         route.via or packet.destination, now)  # fmt: skip

    # ---- out ---------------------------------------------------------------------------------------------

    def lookup(self, destination: IPv6Address) -> Route6 | None:
        """The route with the longest prefix that matches."""
        return next((route for route in self.routes if destination in route.network), None)

    def send(self, packet: IPv6Packet, now: float, port: int | None = None) -> None:
        """Send a packet of our own; a source of :: is filled in.  `SendError` if that can't be done.

        A link-local or multicast address is on every link: `port` says which interface, where there are several.
        """
        destination = packet.destination
        if packet.hop_limit == 0:
            raise SendError(f"EINVAL: a hop limit of 0, so {destination} is out of reach")
        if len(packet.extensions) + len(packet.payload) > LARGEST:
            raise SendError(f"EMSGSIZE: {len(packet.payload)} bytes of payload, a packet has room for {LARGEST}")
        if destination.is_loopback or destination in self.addresses:
            if packet.source == IPv6Address.ANY:
                packet.source = destination
            self.receive(packet.build(), -1, now)
            return
        interface, next_hop = self.way(destination, port)
        if packet.source == IPv6Address.ANY:
            packet.source = self.source_for(destination, interface)
        mtu = self.paths.mtu(destination, now, self.ports[interface].mtu)
        pieces = [packet.build()]
        if len(pieces[0]) > mtu:
            if packet.extensions:
                raise SendError(f"EMSGSIZE: {len(pieces[0])} bytes with extension headers, {mtu} fit")
            pieces = fragment6(packet, mtu, self.random.getrandbits(32))
        for piece in pieces:
            self.put_out(piece, interface, next_hop, now)

    def way(self, destination: IPv6Address, port: int | None = None) -> tuple[int, IPv6Address]:
        """The interface and the next hop for a destination."""
        if destination.scope == 2 or destination.is_multicast:
            numbers = [port] if port in self.ports else list(self.ports)
            if len(numbers) != 1 or numbers[0] is None:
                raise SendError(f"EINVAL: {destination} is on every link of this host: say on which interface")
            return numbers[0], destination
        route = None if destination == IPv6Address.ANY else self.lookup(destination)
        if route is None:
            raise SendError(f"ENETUNREACH: no route to {destination}")
        return route.interface, route.via or destination

    def source_for(self, destination: IPv6Address, interface: int) -> IPv6Address:
        """The address to send from: of the destination's scope, of the interface that it leaves by, with the longest
        prefix in common (RFC 6724 section 5, rules 2, 5 and 8); of several, the newest, as Linux chooses."""

        def rank(candidate: tuple[int, IPv6Interface]) -> tuple[bool, bool, int]:
            number, own = candidate
            common = 128 - (int(own.address) ^ int(destination)).bit_length()
            # "up to the length of S's prefix (i.e., the portion of the address not including the interface ID)"
            return own.address.scope != destination.scope, number != interface, -min(common, own.network.prefix)

        candidates = [(number, own) for number, port in self.ports.items() for own in reversed(port.addresses)
                      if number == interface or not own.address.is_link_local]  # fmt: skip
        return min(candidates, key=rank)[1].address

    def source(self, destination: IPv6Address, port: int | None = None) -> IPv6Address:
        """The address that a packet to `destination` would have as its source; `SendError` if there is no way."""
        if destination.is_loopback or destination in self.addresses:
            return destination
        return self.source_for(destination, self.way(destination, port)[0])

    def put_out(self, data: bytes, interface: int, next_hop: IPv6Address, now: float) -> None:
        """Give a packet to the link: straight away, or when the next hop's MAC address is known."""
        port = self.ports[interface]
        if port.discovery is None:
            self.outbox.append(Outgoing6(interface, None, data))
        else:
            port.discovery.send(data, next_hop, now)
            self.flush(interface, port, now)

    def flush(self, number: int, port: Port6, now: float) -> None:
        """Put out what Neighbour Discovery lets go, and report what it could not deliver."""
        discovery = port.discovery
        if discovery is None:
            return
        ready, discovery.outbox = discovery.outbox, []
        for mac, data in addressed("neighbours6.outbox", ready):
            self.outbox.append(Outgoing6(number, mac, returned("neighbours6.outbox", data, bytes)))
        if isinstance(discovery, Discovery) and discovery.overflowed:
            self.dropped["ND too many waiting"] += discovery.overflowed
            discovery.overflowed = 0
        failed, discovery.failed = discovery.failed, []
        for data in failed:
            self.drop("ND no answer")
            packet = IPv6Packet.parse(returned("neighbours6.failed", data, bytes))
            self.report(data, packet, DESTINATION_UNREACHABLE, ADDRESS_UNREACHABLE, now, port=number)

    def report(self, data: bytes, packet: IPv6Packet, type: int, code: int, now: float, rest: int = 0,
               port: int | None = None) -> None:  # fmt: skip
        """Send an ICMPv6 error about a packet to its sender, where one may be sent."""
        if not may_report(packet, type, code):
            return
        if not self.reports.allows(now):
            self.drop("ICMPv6 rate limit")
            return
        answer = IPv6Packet(next_header=ICMPV6, destination=packet.source)
        if packet.destination in self.addresses:  # "the source address of the reply MUST be that same address"
            answer.source = packet.destination
        # "As much of invoking packet as possible without the ICMPv6 packet exceeding the minimum IPv6 MTU"
        message = ICMPv6Unknown(type, code, 0, rest, data[: MINIMUM - 48])
        self.send_icmp(answer, message, port, now)

    def send_icmp(self, packet: IPv6Packet, message: ICMPv6Message, port: int | None, now: float) -> None:
        """Send a message of our own accord; if it can't be sent, that is counted."""
        try:
            if packet.source == IPv6Address.ANY:  # the checksum needs to know it
                packet.source = self.source(packet.destination, port)
            packet.payload = message.build(packet)
            self.send(packet, now, port)
        except SendError:
            self.drop("ICMPv6 without a route")

    # ---- time --------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Ask neighbours again, and give up on packets whose fragments are late (RFC 8200 section 4.5)."""
        for number, port in self.ports.items():
            if port.discovery:
                port.discovery.tick(now)
                self.flush(number, port, now)
        waiting = len(self.reassembler.incomplete)
        for first in self.reassembler.expire(now):
            self.report(first, IPv6Packet.parse(first), TIME_EXCEEDED, REASSEMBLY_TIME_EXCEEDED, now)
        if waiting > len(self.reassembler.incomplete):
            self.dropped["IPv6 reassembly timeout"] += waiting - len(self.reassembler.incomplete)

    def deadline(self) -> float | None:
        """When `tick` is next needed, or None."""
        soonest = self.reassembler.deadline() if self.reassembler.incomplete else None
        for port in self.ports.values():
            if port.discovery:
                due = port.discovery.deadline()
                if due is not None and (soonest is None or due < soonest):
                    soonest = due
        return soonest

    def rows(self, number: int) -> list[dict[str, str]]:
        """The neighbours on one interface, as `ip -6 neigh` shows them: address, mac, state; of a table of yours, if it
        has `rows`, as netlib's has."""
        port = self.ports.get(number)
        known: list[dict[str, str]] = getattr(port.discovery, "rows", list)() if port else []
        return known

    def drop(self, reason: str) -> None:
        self.dropped[reason] += 1
