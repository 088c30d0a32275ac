"""From layer to layer: what a link has brought goes up, what is to be sent goes down, and errors find their sender.

    receive_frame    Ethernet: for us, and what is inside it
    settle           until nothing is left between the layers: up by `deliver`, down by `put_out` and `flush`
    deliver          a whole packet: to ICMP, UDP, TCP and raw sockets; `deliver6` of IPv6
    receive_icmp     answer an echo; `told_of_error`, to the layer whose packet an error quotes

The half of host.py that no program and no world calls.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from netlib.internet.input import Internet, SendError, reason
from netlib.internet.ipv6 import Internet6
from netlib.internet.parts import addressed, returned
from netlib.kernel.connections import Connections
from netlib.kernel.raw import INBOX, RawSocket, RawSocket6
from netlib.kernel.sockets import Sockets
from netlib.link.neighbours import Neighbours, NeighboursPart
from netlib.transport.udp import UDP as UDPLayer
from netlib.wire import icmpv6
from netlib.wire.address import IPv4Address, IPv4Interface, MACAddress
from netlib.wire.address6 import IPv6Interface
from netlib.wire.arp import ARPPacket
from netlib.wire.errors import WireError
from netlib.wire.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, IPV4_INSIDE, EthernetFrame
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


class Layers:
    """What lies between a host's layers, and moves it on."""

    interfaces: list[Interface]
    internet: Internet
    internet6: Internet6
    udp: UDPLayer
    datagrams: Sockets
    tcp: Connections
    raw: list[RawSocket | RawSocket6]
    parts: Any  # Parts of host.py
    dropped: Counter[str]
    outbox: list[tuple[Interface, bytes]]
    now: float
    stirred: bool

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
        while self.is_unsettled():
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

    def is_unsettled(self) -> bool:
        """Whether anything is left between the layers."""
        internet, internet6 = self.internet, self.internet6
        if internet.delivered or internet.outbox or internet6.delivered or internet6.outbox:
            return True
        for interface in self.interfaces:
            table = interface.neighbours
            if table is not None and (table.resolved or table.outbox or table.failed):
                return True
        return False

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
