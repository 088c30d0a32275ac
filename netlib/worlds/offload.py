"""Offloads: what the Linux kernel and a network card save each other, on a TUN or TAP device.

    complete   a packet of the kernel's, whose checksum it has left to the card; it may be as long as 64 KB
    Joiner     packets of ours: segments that follow each other in one connection become one packet

A kernel's TCP does not cut what it sends into segments if there is a card that does (TSO, "TCP segmentation offload"),
and joins what arrives before it looks at it (GRO, "generic receive offload"): most of the work is for each packet, and
not for each byte.  A virtual card does neither, where both sides can take the large packet as it is.  Before each
packet on the device stands a `struct virtio_net_hdr` (linux/virtio_net.h), which says how it would be cut.
"""

from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from netlib.transport.tcp.sequence import SEQUENCE_SPACE
from netlib.wire.checksum import internet_checksum
from netlib.wire.ipv4 import TCP

HEADER = Struct("=BBHHHH")  # flags, gso_type, hdr_len, gso_size, csum_start, csum_offset, in the machine's byte order
NEEDS_CSUM = 1  # VIRTIO_NET_HDR_F_: the checksum field has the pseudo header's sum only
GSO_TCPV4, GSO_TCPV6 = 1, 4  # VIRTIO_NET_HDR_: to be cut into segments with `gso_size` bytes of text
PLAIN = bytes(HEADER.size)  # as it is, and whole
LONGEST = 65_535  # bytes of a packet, as far as its length field can tell
PSH, ACK = 0x08, 0x10  # of TCP's flags
# both headers: the first word or two, the length; TTL and what else there is before the addresses; addresses and ports;
# sequence number; acknowledgment and data offset, flags, window, urgent pointer
IPV4_TCP = Struct(">2sH2x4s2x12sL5sB2s2x2s")
IPV6_TCP = Struct(">4sH2s36sL5sB2s2x2s")
DONT_FRAGMENT = b"\x40\0"  # IPv4's flags and fragment offset: DF, and no fragment


def complete(data: bytes) -> bytes:
    """The packet behind a header, with its checksum."""
    flags, _, _, _, start, offset = HEADER.unpack_from(data)
    packet = data[HEADER.size :]
    field = start + offset
    if not flags & NEEDS_CSUM or field + 2 > len(packet):
        return packet
    checksum = internet_checksum(packet[start:]) or 0xFFFF  # the same number, and UDP's 0 says that there is none
    return packet[:field] + checksum.to_bytes(2, "big") + packet[field + 2 :]


class Segment(NamedTuple):
    """A packet with a TCP segment that may be joined to others."""

    packet: bytes
    start: int  # where the TCP header begins in the packet, and where its text does
    text: int
    sequence: int
    like: tuple[bytes, ...]  # all of the headers that has to be the same in the next one

    @property
    def sum(self) -> int:
        """Of all that its checksum is about but the addresses and the text.  Right modulo 65535, as all sums here."""
        return len(self.packet) - self.start + int.from_bytes(self.packet[self.start : self.text], "big")


def segment_in(packet: bytes, link: int) -> Segment | None:
    """The segment in a packet that begins after `link` bytes; None if it says anything that only one packet can say.

    That is TCP in IPv4 without options, with DF, so that its identification says nothing (RFC 6864 section 4.1), or in
    IPv6 without extension headers; with text, and no flag but ACK and PSH.
    """
    size = len(packet) - link
    if size < IPV4_TCP.size:
        return None
    if packet[link] == 0x45:
        start = link + 20
        above, length, kind, ends, sequence, known, flags, window, urgent = IPV4_TCP.unpack_from(packet, link)
        if kind[:2] != DONT_FRAGMENT or kind[3] != TCP or length != size:
            return None
        if int.from_bytes(packet[link:start], "big") % 0xFFFF:  # its checksum is wrong
            return None
    elif packet[link] >> 4 == 6 and size >= IPV6_TCP.size:
        start = link + 40
        above, length, kind, ends, sequence, known, flags, window, urgent = IPV6_TCP.unpack_from(packet, link)
        if kind[0] != TCP or length != size - 40:
            return None
    else:
        return None
    text = start + (known[4] >> 4) * 4
    if flags & ~PSH != ACK or not start + 20 <= text < len(packet):
        return None
    like = (packet[:link], above, kind, ends, known, window, urgent, packet[start + 20 : text])
    return Segment(packet, start, text, sequence, like)


class Joiner:
    """Joins packets as Linux's GRO does, in the order in which they come; `write` gets them with their headers.

    Two segments become one if nothing is lost by it: cut again, by a kernel that sends it on, they are what they were.
    So they are of one connection, the second begins where the first ends, and nothing else in their headers differs;
    only the last may be shorter than the others, and say PSH.  The checksum follows from those that the segments have,
    and not from their text: if one of them was wrong, it is wrong, and the receiver finds that out.
    """

    def __init__(self, write: Callable[[bytes], object], link: int = 0) -> None:
        """`link`: bytes of the header before each IP packet."""
        self.write, self.link = write, link
        self.segments: list[Segment] = []  # to be joined
        self.length = 0  # bytes of the packet that they make
        self.size = 0  # bytes of text in each

    def add(self, packet: bytes) -> None:
        """Take a packet; what was taken before is written, if this is not joined to it."""
        segment = segment_in(packet, self.link)
        if segment is None:
            self.flush()
            self.write(PLAIN + packet)
            return
        size = len(packet) - segment.text
        if self.segments and not self.continues(segment, size):
            self.flush()
        if not self.segments:
            self.length, self.size = len(packet) - self.link - size, size
        self.segments.append(segment)
        self.length += size
        if packet[segment.start + 13] & PSH:  # it is the last, as is a shorter one, which no segment continues
            self.flush()

    def continues(self, segment: Segment, size: int) -> bool:
        """Whether a segment with `size` bytes of text can be joined to those that are there."""
        first = self.segments[0]
        return (
            segment.like == first.like
            and segment.sequence == (first.sequence + len(self.segments) * self.size) % SEQUENCE_SPACE
            and size <= self.size
            and self.size % 2 == 0  # else the words of the next text would be others in the sum
            and self.length + size <= LONGEST
        )

    def flush(self) -> None:
        """Write what was taken."""
        segments, self.segments = self.segments, []
        if len(segments) > 1:
            self.write(self.joined(segments))
        elif segments:
            self.write(PLAIN + segments[0].packet)

    def joined(self, segments: list[Segment]) -> bytes:
        """The header and the packet that these segments make."""
        first, link = segments[0], self.link
        packet, start, text = first.packet, first.start, first.text
        six = start - link == 40
        length = self.length - (start - link)  # bytes of the TCP segment
        head = bytearray(packet[:text])
        head[start + 13] = segments[-1].packet[start + 13]
        head[start + 16 : start + 18] = b"\0\0"
        # Each segment's text has the sum that makes the segment's 0, and so has the whole
        ends = int.from_bytes(packet[start - (32 if six else 8) : start], "big") + TCP
        total = sum(segment.sum for segment in segments) + (len(segments) - 1) * ends
        checksum = (total - length - int.from_bytes(head[start:], "big")) % 0xFFFF
        head[start + 16 : start + 18] = checksum.to_bytes(2, "big")
        if six:
            head[link + 4 : link + 6] = length.to_bytes(2, "big")
        else:
            head[link + 2 : link + 4] = self.length.to_bytes(2, "big")
            head[link + 10 : link + 12] = b"\0\0"
            head[link + 10 : link + 12] = internet_checksum(bytes(head[link:start])).to_bytes(2, "big")
        above = HEADER.pack(0, GSO_TCPV6 if six else GSO_TCPV4, text, self.size, 0, 0)
        return b"".join((above, head, *(segment.packet[text:] for segment in segments)))
