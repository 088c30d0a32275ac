"""A whole packet: frame, IP, transport, one inside the other.

    packet = decode(frame)                    never raises, whatever the bytes
    packet.layers                             [EthernetFrame(...), IPv4Packet(...), ICMPEcho(...)]
    packet[IPv4Packet].ttl                    a layer by its class
    packet.problems                           what is wrong with it, such as BadChecksum(...)
    packet.build()                            the same bytes again, if nothing was wrong or changed

A fragment is not read beyond its IP header: its payload is a piece of something.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

from netlib.wire.arp import ARPPacket
from netlib.wire.errors import WireError
from netlib.wire.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, EthernetFrame
from netlib.wire.header import Header
from netlib.wire.icmp import ICMPMessage
from netlib.wire.icmpv6 import ICMPv6Message
from netlib.wire.ipv4 import ICMP, TCP, UDP, IPv4Packet
from netlib.wire.ipv6 import ICMPV6, IPv6Packet
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

Link = Literal["ethernet", "ip"]
Layer = EthernetFrame | ARPPacket | IPv4Packet | IPv6Packet | ICMPMessage | ICMPv6Message | UDPDatagram | TCPSegment
L = TypeVar("L", bound=Header)


class Packet:
    """The layers of one packet, outermost first, and what is wrong with it."""

    __slots__ = ("data", "layers", "link", "problems", "trailers")

    def __init__(self, data: bytes, link: Link) -> None:
        self.data = data  # as received
        self.link = link  # what `data` starts with
        self.layers: list[Layer] = []
        self.problems: list[WireError] = []
        # Number of a layer -> bytes of its payload behind the layer inside it: padding, or trailing bytes.
        self.trailers: dict[int, bytes] | None = None

    def __getitem__(self, kind: type[L]) -> L:
        """The outermost layer of this class; `KeyError` where there is none."""
        for layer in self.layers:
            if isinstance(layer, kind):
                return layer
        raise KeyError(f"no {kind.__name__} in this packet: {self}")

    def __contains__(self, kind: type) -> bool:
        return any(isinstance(layer, kind) for layer in self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    @property
    def payload(self) -> bytes:
        """What no layer has claimed: the application's data, or all of it where nothing could be read."""
        return self.layers[-1].payload if self.layers else self.data

    @property
    def offsets(self) -> list[int]:
        """Where each layer starts in `data`, in bytes."""
        found, offset = [], 0
        for layer in self.layers:
            found.append(offset)
            offset += layer.header_length
        return found

    def build(self) -> bytes:
        """The bytes of this packet, from its layers.

        Lengths and checksums are worked out anew, and each layer's payload becomes the bytes of the layer
        inside.  So a packet in which nothing was wrong gives `data` again, and a changed one is right.
        """
        return nest(self.layers, self.trailers or {}) if self.layers else self.data

    def summary(self) -> str:
        """One line: from, to, and what it says."""
        lines = [str(layer) for layer in self.layers]
        if len(lines) > 1 and self.link == "ethernet":
            lines = lines[1:]
        if len(lines) == 2:  # "a > b ICMP" and "ICMP echo request"
            lines[0] = lines[0].rpartition(" ")[0]
        return " ".join(lines) if lines else f"{len(self.data)} bytes that nothing here can read"

    def __str__(self) -> str:
        return self.summary() + "".join(f" [{problem}]" for problem in self.problems)

    def __repr__(self) -> str:
        return f"<Packet {self}>"


def decode(frame: bytes, link: Link = "ethernet") -> Packet:
    """Read `frame`, which starts with an Ethernet header or, with link="ip", with an IP header.

    Never raises on any bytes: what is wrong is in `packet.problems`, and reading stops where it can't go on.
    """
    if type(frame) is not bytes:
        frame = bytes(frame)
    packet = Packet(frame, link)
    layers, problems = packet.layers, packet.problems
    try:
        data = frame
        if link == "ethernet":
            outer = EthernetFrame.parse(frame)
            layers.append(outer)
            data = outer.payload
            if outer.ethertype == ETHERTYPE_ARP:
                layers.append(ARPPacket.parse(data))
                if len(data) > ARPPacket.SIZE:
                    packet.trailers = {0: data[ARPPacket.SIZE :]}
                return packet
            if outer.ethertype == ETHERTYPE_IPV6:
                read_ipv6(packet, data)
                return packet
            if outer.ethertype != ETHERTYPE_IPV4:
                return packet
        elif link != "ip":
            raise ValueError(f"link is {link!r}: 'ethernet' and 'ip' are known")
        elif data and data[0] >> 4 == 6:
            read_ipv6(packet, data)
            return packet
        ip = IPv4Packet.parse(data, problems)
        layers.append(ip)
        there = len(data)
        if there > ip.total_length:
            packet.trailers = {len(layers) - 2: data[ip.total_length :]}
        if ip.more_fragments or ip.fragment_offset:
            return packet
        whole = there >= ip.total_length  # otherwise a checksum, over what is not there, says nothing
        if ip.protocol == TCP:
            layers.append(TCPSegment.parse(ip.payload, ip if whole else None, problems))
        elif ip.protocol == UDP:
            datagram = UDPDatagram.parse(ip.payload, ip, problems)
            layers.append(datagram)
            if len(ip.payload) > datagram.length:
                packet.trailers = {**(packet.trailers or {}), len(layers) - 2: ip.payload[datagram.length :]}
        elif ip.protocol == ICMP:
            layers.append(ICMPMessage.parse(ip.payload, problems if whole else []))
    except WireError as problem:
        problems.append(problem)
    return packet


def read_ipv6(packet: Packet, data: bytes) -> None:
    """Add the layers of an IPv6 packet, up to what can't be read: that raises `WireError`."""
    layers, problems = packet.layers, packet.problems
    ip = IPv6Packet.parse(data, problems)
    layers.append(ip)
    end = 40 + ip.payload_length
    there = len(data)
    if there > end:
        packet.trailers = {len(layers) - 2: data[end:]}
    protocol = ip.protocol
    if ip.is_fragment:
        return
    # a checksum over what is not there, or with an address that is not the last, says nothing
    below = None if there < end or ip.is_routed else ip
    if protocol == TCP:
        layers.append(TCPSegment.parse(ip.payload, below, problems))
    elif protocol == UDP:
        datagram = UDPDatagram.parse(ip.payload, below, problems)
        layers.append(datagram)
        if len(ip.payload) > datagram.length:
            packet.trailers = {**(packet.trailers or {}), len(layers) - 2: ip.payload[datagram.length :]}
    elif protocol == ICMPV6:
        layers.append(ICMPv6Message.parse(ip.payload, below, problems))


def stack(*layers: Layer) -> bytes:
    """The bytes of these layers, one inside the other, with their lengths and checksums filled in.

    The last one's payload is kept.  `stack(IPv4Packet(protocol=ICMP, ...), ICMPEcho(payload=b"hello"))`
    """
    return nest(layers, {})


CHECKSUMMED = (ICMPv6Message, UDPDatagram, TCPSegment)  # with a pseudo header


def nest(layers: Sequence[Layer], trailers: Mapping[int, bytes]) -> bytes:
    """Build each layer around the one inside it, the innermost first; each payload is set on the way."""
    data = layers[-1].payload
    number = len(layers)
    for layer in reversed(layers):
        number -= 1
        below: Any = layers[number - 1] if number else None
        layer.payload = data
        # behind a routing header, a checksum is over an address that stands elsewhere: it stays as it was read
        routed = isinstance(below, IPv6Packet) and below.is_routed
        kept = layer.checksum if routed and isinstance(layer, CHECKSUMMED) else None
        data = layer.build(below)
        if kept is not None and isinstance(layer, CHECKSUMMED):
            layer.checksum = kept
            data = layer.build_header() + data[layer.SIZE :]
        if trailers:
            data += trailers.get(number - 1, b"")
    return data
