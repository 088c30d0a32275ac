"""One machine made of the layers: a host, or a router if `forwarding`.

    frames in  -> Ethernet -> ARP, or the Internet layer -> ICMP, sockets
    frames out <- Ethernet <- neighbours <- the Internet layer <- ICMP, sockets

The Internet layer is there twice, IPv4 and IPv6: an interface has the one of its address, or both.

Bytes and the time in; bytes, and when it next wants to be called, out.  It reads no clock and opens no
device: worlds do that, and drive simulated and live hosts alike.  Bad input is dropped and counted
in `dropped` with its reason, never raised.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal, overload

from netlib.internet.input import Internet, SendError, reason
from netlib.internet.ipv6 import Internet6
from netlib.internet.nat import NATPart
from netlib.internet.parts import InternetParts, addressed, returned
from netlib.internet.routes import Route
from netlib.kernel.connections import Connections
from netlib.kernel.network import BelowSockets
from netlib.kernel.raw import INBOX, RAW, RAW6, RawSocket, RawSocket6
from netlib.kernel.sockets import DATAGRAM, STREAM, DatagramSocket, Sockets
from netlib.kernel.streams import StreamSocket
from netlib.kernel.table import UDPTable
from netlib.link.conflict import DEFEND_ONCE
from netlib.link.neighbours import Neighbours, NeighboursPart
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.udp import UDP as UDPLayer
from netlib.transport.udp import UDPTablePart
from netlib.wire import icmpv6
from netlib.wire.address import IPv4Address, IPv4Interface, IPv4Network, MACAddress
from netlib.wire.address6 import IPv6Address, IPv6Interface, IPv6Network
from netlib.wire.arp import ARPPacket
from netlib.wire.errors import WireError
from netlib.wire.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, EthernetFrame
from netlib.wire.icmp import (
    DESTINATION_UNREACHABLE,
    ECHO_REQUEST,
    HOST_UNREACHABLE,
    PORT_UNREACHABLE,
    PROTOCOL_UNREACHABLE,
    ICMPError,
    ICMPMessage,
    ICMPRedirect,
)
from netlib.wire.ipv4 import ICMP, TCP, UDP, IPv4Packet
from netlib.wire.ipv6 import ICMPV6, NO_NEXT_HEADER, IPv6Packet

__all__ = ["DATAGRAM", "RAW", "RAW6", "STREAM", "DatagramSocket", "Host", "Interface", "Parts", "RawSocket",
           "RawSocket6", "Route", "SendError", "StreamSocket"]  # fmt: skip

AnySocket = RawSocket | RawSocket6 | DatagramSocket | StreamSocket
NETLIB_TCP = TCPParts()
IPV4_INSIDE = ETHERTYPE_IPV4.to_bytes(2, "big")


@dataclass(frozen=True)
class Parts(InternetParts):
    """What you may replace: `Host("me", Random(1), Parts(checksum=my_checksum))`.

    The parts and what each has to do: netlib/internet/parts.py, and here:

    neighbours  which MAC address a next hop has: `NeighboursPart` in netlib/link/neighbours.py
    neighbours6 the same for IPv6: `DiscoveryPart` in netlib/link/discovery.py
    udp_table   which socket a datagram is for: `UDPTablePart` in netlib/transport/udp.py
    tcp         the parts of a TCP connection: netlib/transport/tcp/parts.py
    """

    neighbours: Callable[[IPv4Address, MACAddress], NeighboursPart] = Neighbours
    udp_table: Callable[[], UDPTablePart] = UDPTable
    tcp: TCPParts = NETLIB_TCP


@dataclass(eq=False, slots=True)
class Interface:
    """Where a host meets a link."""

    name: str
    number: int
    address: IPv4Interface | IPv6Interface  # the one that it was attached with
    mac: MACAddress | None  # None: the link carries IP packets and no frames, as TUN does
    mtu: int  # bytes of the largest packet
    neighbours: NeighboursPart | None = None  # for IPv4

    def __str__(self) -> str:
        return f"{self.name} {self.address}"


class Host:
    """A host with its interfaces; a router too, if `forwarding`."""

    def __init__(self, name: str, random: Random, parts: Parts | None = None, *, forwarding: bool = False) -> None:
        self.name, self.random, self.parts = name, random, parts or Parts()
        self.interfaces: list[Interface] = []
        self.internet = Internet(random, self.parts, forwarding)
        self.dropped: Counter[str] = self.internet.dropped
        self.internet6 = Internet6(random, self.parts, forwarding, self.dropped)
        self.outbox: list[tuple[Interface, bytes]] = []
        self.sockets: list[DatagramSocket | StreamSocket] = []
        self.raw: list[RawSocket | RawSocket6] = []
        self.now = 0.0  # the time that this host was told last; worlds tell it before a program goes on
        self.stirred = False  # something was settled: a world that looks at the deadline then sets it back
        self.udp = UDPLayer(self.parts.udp_table(), self.dropped)
        if isinstance(self.udp.table, UDPTable):
            self.udp.table.secret = lambda: random.randbytes(16)
        below = BelowSockets(self.internet, self.internet6, random, self.send_packet, self.interfaces)
        self.datagrams = Sockets(below, self.udp)
        self.tcp = Connections(below, random, self.dropped, self.put_packet)

    def __repr__(self) -> str:
        addresses = ", ".join(str(interface.address) for interface in self.interfaces)
        return f"<{'router' if self.internet.forwarding else 'host'} {self.name} {addresses}>"

    def attach(
        self, address: str | IPv4Interface | IPv6Interface, mac: MACAddress | None = None, mtu: int = 1500
    ) -> Interface:
        """Add an interface with this address, such as "10.0.0.1/24" or "2001:db8::1/64".

        Without a MAC address it carries IP packets and no frames.  `mtu` is in bytes.
        """
        if isinstance(address, str):
            address = IPv6Interface(address) if ":" in address else IPv4Interface(address)
        number = len(self.interfaces)
        interface = Interface(f"eth{number}", number, address, mac, mtu)
        self.add_address(interface, address)
        self.interfaces.append(interface)
        return interface

    def add_address(self, interface: Interface, address: str | IPv4Interface | IPv6Interface) -> None:
        """Give an interface one more address, of either IP version: what `ip addr add` does."""
        if isinstance(address, str):
            address = IPv6Interface(address) if ":" in address else IPv4Interface(address)
        number, table = interface.number, interface.neighbours
        if isinstance(address, IPv6Interface):
            self.internet6.attach(number, address, interface.mac, interface.mtu)
            return
        if table is not None and not hasattr(table, "own"):
            raise TypeError(f"{interface}: the part neighbours has no list `own`, so it can have one address alone")
        self.internet.attach(number, address, interface.mtu)
        if table is None and interface.mac is not None:
            table = interface.neighbours = self.parts.neighbours(address.address, interface.mac)
        if table is not None and hasattr(table, "own"):
            table.own = self.internet.ports[number].addresses

    def add_route(self, network: str | IPv4Network | IPv6Network, via: str | IPv4Address | IPv6Address) -> None:
        """Send packets for `network` to the router `via`; "0.0.0.0/0" and "::/0" are the default routes."""
        if isinstance(network, str):
            network = IPv6Network(network) if ":" in network else IPv4Network(network)
        if isinstance(network, IPv6Network):
            self.internet6.add_route(network, IPv6Address(via))
        else:
            self.internet.add_route(network, IPv4Address(via))

    def add_nat(self, outside: Interface) -> NATPart:
        """Translate what crosses the interface `outside` to and from its addresses: the part `nat`.

        `Parts(nat=partial(NAT, choices=Choices(...)))` makes another one of netlib's.
        """
        return self.internet.add_nat(outside.number, lambda port: any(own.port == port for own in self.tcp.listeners))

    def remove_route(self, network: str | IPv4Network) -> None:
        """Forget the route for exactly this network, if there is one."""
        self.internet.remove_route(IPv4Network(network) if isinstance(network, str) else network)

    @overload
    def socket(self, kind: Literal["stream"] = "stream") -> StreamSocket: ...
    @overload
    def socket(self, kind: Literal["datagram"]) -> DatagramSocket: ...
    @overload
    def socket(self, kind: Literal["raw"], protocol: int = ICMP) -> RawSocket: ...
    @overload
    def socket(self, *, protocol: int) -> RawSocket: ...
    @overload
    def socket(self, kind: Literal["raw6"], protocol: int = ICMPV6) -> RawSocket6: ...
    def socket(self, kind: str | None = None, protocol: int | None = None) -> AnySocket:
        """A socket: `host.socket()` or `host.socket(STREAM)` for TCP, `host.socket(DATAGRAM)` for UDP, for packets
        `host.socket(RAW, protocol=ICMP)`, and for those of IPv6 `host.socket(RAW6, protocol=ICMPV6)`."""
        kind = kind or (STREAM if protocol is None else RAW)
        if kind == RAW:
            self.raw.append(RawSocket(self.internet, ICMP if protocol is None else protocol, self.settle, self.raw))
        elif kind == RAW6:
            self.raw.append(RawSocket6(self.internet6, ICMPV6 if protocol is None else protocol, self.settle, self.raw))
        elif kind == DATAGRAM:
            self.sockets.append(DatagramSocket(self.datagrams, self.sockets))
        elif kind == STREAM:
            self.sockets.append(StreamSocket(self.tcp, self.sockets, self, self.parts.tcp))
        else:
            raise ValueError(f"socket kind {kind!r}: this host has {RAW!r}, {RAW6!r}, {DATAGRAM!r} and {STREAM!r}")
        return (self.raw if kind in (RAW, RAW6) else self.sockets)[-1]

    def send_packet(self, packet: IPv4Packet | IPv6Packet) -> None:
        """Send a packet of a socket, now."""
        self.put_packet(packet)
        self.settle(self.now)

    def put_packet(self, packet: IPv4Packet | IPv6Packet) -> None:
        """Give a packet to the Internet layer; `settle` moves it on."""
        if isinstance(packet, IPv6Packet):
            self.internet6.send(packet, self.now)
        else:
            self.internet.send(packet, self.now)

    # ---- what a world calls --------------------------------------------------------------------------------

    def receive(self, interface: Interface, frame: bytes, now: float) -> None:
        """Take in a frame (or an IP packet, on an interface without a MAC address) at the time `now` (seconds)."""
        self.now = now
        if interface.mac is not None:
            self.receive_frame(interface, frame, now)
        elif frame and frame[0] >> 4 == 6 and interface.number in self.internet6.ports:
            self.internet6.receive(frame, interface.number, now)
        else:
            self.internet.receive(frame, interface.number, now)
        self.settle(now)

    def tick(self, now: float) -> None:
        """Do whatever is due at the time `now` (seconds)."""
        self.now = now
        self.internet.tick(now)
        self.internet6.tick(now)
        self.tcp.tick(now)
        for interface in self.interfaces:
            if interface.neighbours:
                interface.neighbours.tick(now)
        self.settle(now)

    def deadline(self) -> float | None:
        """When `tick` is next needed (seconds), or None."""
        tables: list[Any] = [each.neighbours for each in self.interfaces if each.neighbours is not None]
        soonest = None
        for part in [self.internet, self.internet6, self.tcp, *tables]:
            due = part.deadline()
            if due is not None and (soonest is None or due < soonest):
                soonest = due
        return soonest

    def neighbours(self) -> list[dict[str, str]]:
        """What is known of the neighbours of all interfaces, as `ip neigh` shows it: address, interface, mac, state.

        A neighbour table of yours is among them if it has `rows`, as netlib's has.
        """
        return [
            {"address": row["address"], "interface": interface.name, "mac": row["mac"], "state": row["state"]}
            for interface in self.interfaces
            for row in getattr(interface.neighbours, "rows", list)() + self.internet6.rows(interface.number)
        ]

    def announce(self, interface: Interface, now: float) -> None:
        """Tell everyone on the link our MAC address (gratuitous ARP)."""
        self.own_table(interface).announce(now)
        self.settle(now)

    def probe(self, interface: Interface, now: float, defence: str = DEFEND_ONCE) -> None:
        """Ask whether an interface's address is free before it is used, and defend it from then on (RFC 5227)."""
        self.own_table(interface).probe(now, self.random, defence)
        self.settle(now)

    def own_table(self, interface: Interface) -> Neighbours:
        if not isinstance(interface.neighbours, Neighbours):
            raise TypeError(f"{interface}: no ARP table of netlib's, which could announce or probe")
        return interface.neighbours

    # ---- from layer to layer -------------------------------------------------------------------------------

    def receive_frame(self, interface: Interface, data: bytes, now: float) -> None:
        """Ethernet: is the frame for us, and what is inside it."""
        layer = "Ethernet"
        try:
            if data[:6] == interface.mac and data[12:14] == IPV4_INSIDE:  # as most: there is nothing else to ask
                self.internet.receive(data[14:], interface.number, now)
                return
            frame = EthernetFrame.parse(data)
            to_many = frame.destination != interface.mac
            if to_many and not frame.destination.is_group:
                self.dropped["Ethernet not for us"] += 1
            elif frame.ethertype == ETHERTYPE_IPV4:
                self.internet.receive(frame.payload, interface.number, now, to_many)
            elif frame.ethertype == ETHERTYPE_ARP and interface.neighbours is not None:
                layer = "ARP"
                interface.neighbours.receive(ARPPacket.parse(frame.payload), now)
            elif frame.ethertype == ETHERTYPE_IPV6 and interface.number in self.internet6.ports:
                self.internet6.receive(frame.payload, interface.number, now, to_many)
            else:
                self.dropped["Ethernet unknown ethertype"] += 1
        except WireError as error:
            self.dropped[f"{layer} {reason(error)}"] += 1

    def settle(self, now: float) -> None:
        """Move everything on, up and down, until nothing is left between the layers."""
        self.stirred, internet, internet6 = True, self.internet, self.internet6
        busy = True
        while busy:
            if internet.delivered:
                delivered, internet.delivered = internet.delivered, []
                for port, packet in delivered:
                    self.deliver(port, packet, now)
            if internet.outbox:
                outgoing, internet.outbox = internet.outbox, []
                for number, next_hop, data in outgoing:
                    self.put_out(self.interfaces[number], next_hop, data, now)
            for interface in self.interfaces:
                if interface.neighbours is not None:
                    self.flush(interface, interface.neighbours, now)
            if internet6.delivered or internet6.outbox:
                self.settle6(now)
            # the neighbour tables have nothing left, whatever came of what they could not deliver
            busy = bool(internet.delivered or internet.outbox or internet6.delivered or internet6.outbox)

    def settle6(self, now: float) -> None:
        """The same for IPv6, whose packets know their MAC address already: one turn."""
        delivered, self.internet6.delivered = self.internet6.delivered, []
        for _, packet in delivered:
            self.deliver6(packet, now)
        outgoing, self.internet6.outbox = self.internet6.outbox, []
        for number, to, data in outgoing:
            interface = self.interfaces[number]
            if to is not None and interface.mac is not None:
                data = EthernetFrame(to, interface.mac, ETHERTYPE_IPV6, data).build()
            self.outbox.append((interface, data))

    def deliver(self, port: int, packet: IPv4Packet, now: float) -> None:
        """A whole packet for us: to ICMP, and to the sockets of its protocol."""
        taken = bool(self.raw) and self.copy_out(RawSocket, packet, now)
        if packet.protocol == ICMP:
            self.receive_icmp(port, packet, now)
        elif packet.protocol == UDP:
            for lost in self.deliver_udp(packet, self.internet.is_broadcast(packet.destination)):
                self.report(lost, PORT_UNREACHABLE, now)
        elif packet.protocol == TCP:
            self.tcp.receive(packet, now, self.internet.is_broadcast(packet.destination))
        elif not taken:
            self.report(packet, PROTOCOL_UNREACHABLE, now)  # RFC 1122 section 3.2.2.1

    def copy_out(self, kind: type[Any], packet: IPv4Packet | IPv6Packet, now: float) -> bool:
        """A copy of a packet to each raw socket of its protocol; whether there is one."""
        readers = [s for s in self.raw if isinstance(s, kind) and s.protocol == packet.protocol]
        for socket in readers:
            if len(socket.inbox) < INBOX:
                socket.inbox.append((now, replace(packet)))
            else:
                self.dropped["socket full"] += 1
        return bool(readers)

    def deliver_udp(self, packet: IPv4Packet | IPv6Packet, to_many: bool) -> list[Any]:
        """A datagram to its sockets; the packets that found none."""
        self.udp.receive(packet, to_many)
        self.datagrams.settle()
        unreachable, self.udp.unreachable = self.udp.unreachable, []
        return unreachable

    def deliver6(self, packet: IPv6Packet, now: float) -> None:
        """A whole IPv6 packet for us: to the sockets of its protocol.  ICMPv6 has had its answer already."""
        taken = bool(self.raw) and self.copy_out(RawSocket6, packet, now)
        report = self.internet6.report
        if packet.protocol == ICMPV6:
            message = icmpv6.ICMPv6Message.parse(packet.payload)
            if isinstance(message, icmpv6.ICMPv6Error):
                self.told_of_error(message)
        elif packet.protocol == UDP:
            for lost in self.deliver_udp(packet, packet.destination.is_multicast):
                report(lost.build(), lost, icmpv6.DESTINATION_UNREACHABLE, icmpv6.PORT_UNREACHABLE, now)
        elif packet.protocol == TCP:
            self.tcp.receive(packet, now, packet.destination.is_multicast)
        elif not taken and packet.protocol != NO_NEXT_HEADER:
            # "discard the packet and send an ICMP Parameter Problem message ... with an ICMP Code value of 1" and a
            # pointer to the field that says so (RFC 8200 section 4)
            at = packet.chain[-1].offset if packet.extensions else 6
            report(packet.build(), packet, icmpv6.PARAMETER_PROBLEM, icmpv6.UNKNOWN_NEXT_HEADER, now, at)

    def receive_icmp(self, port: int, packet: IPv4Packet, now: float) -> None:
        """Answer an echo request: "Every host MUST implement an ICMP Echo server" (RFC 1122 section 3.2.2.6)."""
        try:
            message = ICMPMessage.parse(packet.payload)
        except WireError as error:
            self.dropped[f"ICMP {reason(error)}"] += 1
            return
        if isinstance(message, ICMPRedirect):
            self.internet.obey(message, packet.source, port, now)
        elif isinstance(message, ICMPError):
            self.told_of_error(message)
        # "An ICMP Echo Request destined to an IP broadcast or IP multicast address MAY be silently discarded"
        if message.type != ECHO_REQUEST or self.internet.is_broadcast(packet.destination):
            return
        reply = returned("echo_reply", self.parts.echo_reply(packet.payload), bytes, type(None))
        if reply is None:
            return
        # "the IP source address in an ICMP Echo Reply MUST be the same as the specific-destination address"
        answer = IPv4Packet(protocol=ICMP, source=packet.destination, destination=packet.source, dscp=packet.dscp)
        answer.payload = reply
        try:
            self.internet.send(answer, now)
        except SendError:
            self.dropped["ICMP reply without a route"] += 1

    def told_of_error(self, message: ICMPError | icmpv6.ICMPv6Error) -> None:
        """An ICMP error: to the layer whose packet it quotes."""
        try:
            original = message.original
        except WireError as error:
            self.dropped[f"ICMP error quotes {reason(error)}"] += 1
            return
        # "a non-initial fragment" has no ports in it
        if original.protocol == UDP and not original.fragment_offset:
            told = self.udp.receive_error6 if isinstance(original, IPv6Packet) else self.udp.receive_error
            told(message.type, message.code, original)
            self.datagrams.settle()
        elif original.protocol == TCP and not original.fragment_offset:
            self.tcp.receive_error(message, original, self.now)

    def report(self, packet: IPv4Packet, code: int, now: float) -> None:
        self.internet.report(packet.build(), packet, DESTINATION_UNREACHABLE, code, now)

    def put_out(self, interface: Interface, next_hop: IPv4Address, data: bytes, now: float) -> None:
        """Give a packet to the link: straight away, or when the next hop's MAC address is known."""
        if interface.neighbours is None or interface.mac is None:
            self.outbox.append((interface, data))
        elif next_hop in self.internet.broadcasts and self.internet.is_link_broadcast(next_hop, interface.number):
            frame = EthernetFrame(MACAddress.BROADCAST, interface.mac, ETHERTYPE_IPV4, data)
            self.outbox.append((interface, frame.build()))
        else:
            interface.neighbours.send(data, next_hop, now)

    def flush(self, interface: Interface, neighbours: NeighboursPart, now: float) -> None:
        """Frame what the neighbour table lets go, and report what it could not deliver."""
        if isinstance(neighbours, Neighbours) and neighbours.overflowed:
            self.dropped["ARP too many waiting"] += neighbours.overflowed
            neighbours.overflowed = 0
        if not (neighbours.resolved or neighbours.outbox or neighbours.failed):
            return
        resolved, neighbours.resolved = neighbours.resolved, []
        requests, neighbours.outbox = neighbours.outbox, []
        failed, neighbours.failed = neighbours.failed, []
        ours = interface.mac or MACAddress.ANY
        for to, data in resolved if isinstance(neighbours, Neighbours) else addressed("neighbours.resolved", resolved):
            packet = returned("neighbours.resolved", data, bytes)
            self.outbox.append((interface, EthernetFrame.around(packet, to, ours, ETHERTYPE_IPV4)))
        for to, arp in addressed("neighbours.outbox", requests):
            data = arp.build() if isinstance(arp, ARPPacket) else returned("neighbours.outbox", arp, bytes)
            self.outbox.append((interface, EthernetFrame(to, ours, ETHERTYPE_ARP, data).build()))
        for data in failed:
            self.dropped["ARP no answer"] += 1
            about = IPv4Packet.parse(returned("neighbours.failed", data, bytes))
            self.internet.redirects.forget(about.destination)  # if that is how it came to this next hop
            self.internet.report(data, about, DESTINATION_UNREACHABLE, HOST_UNREACHABLE, now)
