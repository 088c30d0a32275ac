"""Segments into packets.

    packets.of(connection, segment)    the packet for the Internet layer

`TCPSegment.build` and `IPv4Packet.build` make any packet there can be, and look at each field of it.  The packets of a
connection differ from each other in a few numbers only: a `SegmentPacket` puts these between the ones that
stay, both headers at once, and works the two checksums out from them, as of what stays the sum is known.  The bytes are
the same.

The sums are right modulo 65535, as in wire/checksum.py: 65536 leaves the remainder 1, so a number of 32 bits counts as
the sum of its two 16-bit words, and how large a sum has grown does not matter before the last step.
"""

from struct import Struct
from typing import Any

from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.states import SYNCHRONIZED
from netlib.transport.tcp.variables import Settings
from netlib.wire.checksum import internet_checksum
from netlib.wire.ipv4 import TCP, IPv4Packet
from netlib.wire.tcp import TCPSegment

ECT0, CE = 2, 3  # RFC 3168 section 5: the sender can do ECN; a router has met congestion
# RFC 791 section 3.1, then RFC 9293 section 3.1, up to the options; as one what is between them: addresses and ports
HEADERS = Struct(">HHHHHH 12s IIHHHH")
SIZE = 40  # bytes of both
VERSION_AND_WORDS = 0x45 << 8  # IPv4, with a header of 5 words
DONT_FRAGMENT = 1 << 14


class Packets:
    """Makes the packets of one host's connections.  `forget` a connection that has ended."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.alike: dict[Connection, SegmentPacket] = {}  # the last packet of each that both ends know

    def of(self, connection: Connection, segment: TCPSegment) -> Any:
        """The packet of a segment, to be sent before the next one is asked for."""
        destination, settings, alike = connection.remote[0], connection.settings, self.alike.get(connection)
        ecn = ECT0 if connection.ecn.on and connection.may_be_marked(segment) else 0
        # a connection of yours may write what it likes into a segment: that is looked at, field by field
        known = alike or (connection.state in SYNCHRONIZED and type(connection) is Connection and len(destination) == 4)
        if known and settings.fast_path:
            if alike is None or not alike.serves(settings):
                alike = self.alike[connection] = SegmentPacket(connection)
            alike.carry(segment, ecn)
            return alike
        packet = self.network.packet(connection.local[0], destination, TCP, settings.ttl)
        packet.dscp, packet.ecn = settings.dscp, ecn
        if len(destination) == 4:
            packet.dont_fragment = settings.path_mtu_discovery  # RFC 1191
        packet.payload = segment.build(packet)
        return packet

    def forget(self, connection: Connection) -> None:
        self.alike.pop(connection, None)


class SegmentPacket(IPv4Packet):
    """A packet for the Internet layer that carries segments of one connection, one after the other: `carry`."""

    __slots__ = ("ends", "first", "flags", "lives", "segment", "sum_above", "sum_below", "way")

    def __init__(self, connection: Connection) -> None:
        (source, source_port), (destination, destination_port) = connection.local, connection.remote
        settings = connection.settings
        super().__init__(source=source, destination=destination, protocol=TCP, ttl=settings.ttl, dscp=settings.dscp)
        self.dont_fragment = settings.path_mtu_discovery  # RFC 1191
        self.first = VERSION_AND_WORDS | settings.dscp << 2  # the word with DSCP, still without ECN
        self.flags = DONT_FRAGMENT if settings.path_mtu_discovery else 0
        self.lives = settings.ttl << 8 | TCP
        addresses, ports = source + destination, source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big")
        self.ends = addresses + ports
        both = int.from_bytes(addresses, "big") % 0xFFFF
        self.sum_below = self.first + self.flags + self.lives + both
        # of the ports and of the pseudo header, but for the length: that is the packet's without its header
        self.sum_above = both + TCP + source_port + destination_port - 20
        self.segment = TCPSegment()  # what it carries
        self.way: Any = None  # for the short way out (way_out.py)

    def serves(self, settings: Settings) -> bool:
        """Whether this may make the next packet, and nothing of what stays has been set anew."""
        return (
            settings.fast_path
            and self.ttl == settings.ttl
            and self.dscp == settings.dscp
            and self.dont_fragment == settings.path_mtu_discovery
        )

    def carry(self, segment: TCPSegment, ecn: int) -> None:
        """Be the packet of this segment; its identification is for the Internet layer to choose."""
        self.segment, self.payload, self.ecn, self.identification = segment, segment.payload, ecn, 0

    def build(self, below: object = None) -> bytes:
        """The bytes of the packet, and of the segment in it."""
        return self.frame(b"", self.segment, self.ecn, self.identification)

    def frame(self, link: bytes, segment: TCPSegment, ecn: int, identification: int) -> bytes:
        """The bytes of a packet like this one, with this segment in it, behind the header of a link."""
        options, text = segment.options, segment.payload
        size = SIZE + len(options) + len(text)  # bytes of the packet: all options of a connection are whole words
        sequence, acknowledgment, window = segment.sequence, segment.acknowledgment, segment.window
        control = (5 + len(options) // 4 << 12) + (segment.ack << 4 | segment.psh << 3)
        if segment.fin or segment.syn or segment.rst or segment.urg or segment.ece or segment.cwr:  # few have any
            control += (
                segment.cwr << 7 | segment.ece << 6 | segment.urg << 5
                | segment.rst << 2 | segment.syn << 1 | segment.fin
            )  # fmt: skip
        total = self.sum_above + size + sequence + acknowledgment + control + window + segment.urgent_pointer
        total += int.from_bytes(options, "big")
        head = HEADERS.pack(
            self.first | ecn, size, identification, self.flags, self.lives,
            -(self.sum_below + ecn + size + identification) % 0xFFFF, self.ends,
            sequence, acknowledgment, control, window,
            ((internet_checksum(text) if text else 0) - total) % 0xFFFF, segment.urgent_pointer,
        )  # fmt: skip
        return link + head + options + text
