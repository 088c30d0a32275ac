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

from netlib.wire.checksum import internet_checksum
from netlib.wire.ipv4 import TCP

HEADER = Struct("=BBHHHH")  # flags, gso_type, hdr_len, gso_size, csum_start, csum_offset, in the machine's byte order
NEEDS_CSUM = 1  # VIRTIO_NET_HDR_F_: the checksum field has the pseudo header's sum only
GSO_TCPV4, GSO_TCPV6 = 1, 4  # VIRTIO_NET_HDR_: to be cut into segments with `gso_size` bytes of text
PLAIN = bytes(HEADER.size)  # as it is, and whole
LONGEST = 65_535  # bytes of a packet, as far as its length field can tell
PSH, ACK = 0x08, 0x10  # of TCP's flags
# of both headers: length, flags and fragment offset (IPv4), protocol or next header; data offset, flags
IPV4_TCP = Struct(">2xH2x2sxB22xBB6x")
IPV6_TCP = Struct(">4xHB45xBB6x")
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


def text_in(packet: bytes, link: int) -> tuple[int, int] | None:
    """Where the TCP header and the text begin in a packet with `link` bytes before it; None if it stays by itself.

    To be joined it has to be TCP in IPv4 without options, with DF, so that its identification says nothing (RFC 6864
    section 4.1), or in IPv6 without extension headers; with text, and no flag but ACK.
    """
    size = len(packet) - link
    if size < IPV4_TCP.size:
        return None
    if packet[link] == 0x45:
        start = link + 20
        length, kind, protocol, words, flags = IPV4_TCP.unpack_from(packet, link)
        if kind != DONT_FRAGMENT or length != size or int.from_bytes(packet[link:start], "big") % 0xFFFF:
            return None  # the last of these: its checksum is wrong
    elif packet[link] >> 4 == 6 and size >= IPV6_TCP.size:
        start = link + 40
        length, protocol, words, flags = IPV6_TCP.unpack_from(packet, link)
        if length != size - 40:
            return None
    else:
        return None
    text = start + (words >> 4) * 4
    return (start, text) if protocol == TCP and flags == ACK and start + 20 <= text < len(packet) else None


class Joiner:
    """Joins packets as Linux's GRO does, in the order in which they come; `write` gets them with their headers.

    Two segments become one if nothing is lost by it: cut again, by a kernel that sends it on, they are what they were.
    So they are of one connection, the second begins where the first ends, and nothing else in their headers differs;
    only the last may be shorter than the others, and say PSH.  The checksum follows from those that the segments have,
    and not from their text: if one of them was wrong, it is wrong, and the receiver finds that out.

    All headers of a packet are read as one number, as wire/checksum.py reads a message: one that continues differs from
    the first in the bits outside `same` only, and sums of numbers are right modulo 65535.
    """

    def __init__(self, write: Callable[[bytes], object], link: int = 0) -> None:
        """`link`: bytes of the header before each IP packet."""
        self.write, self.link = write, link
        self.packets: list[bytes] = []  # to be joined
        self.start = self.text = 0  # where their TCP headers begin, and their texts
        self.headers = 0  # of the first
        self.same = 0  # the bits of it that the others have too
        self.next = 0  # the sequence number of what comes next
        self.size = 0  # bytes of text in each
        self.length = 0  # bytes of the packet that they make
        self.sum = 0  # of the TCP headers and the segments' lengths

    def add(self, packet: bytes) -> None:
        """Take a packet; what was taken before is written, if this is not joined to it."""
        if self.packets:
            size = len(packet) - self.text
            headers = int.from_bytes(packet[: self.text], "big")
            if not (headers ^ self.headers) & self.same and self.continues(headers, size):
                self.take(packet, headers, size)
                if size < self.size or headers & PSH << 8 * (self.text - self.start - 14):  # it is the last
                    self.flush()
                return
            self.flush()
        found = text_in(packet, self.link)
        if found is None or (len(packet) - found[1]) % 2:  # behind that the words would be others in the sum
            self.write(PLAIN + packet)
            return
        self.start, self.text = found
        self.headers, self.size = int.from_bytes(packet[: self.text], "big"), len(packet) - self.text
        self.same = bits_alike(self.link, *found)
        self.next = self.headers >> 8 * (self.text - self.start - 8) & 0xFFFFFFFF
        self.length, self.sum = self.text - self.link, 0
        self.take(packet, self.headers, self.size)

    def continues(self, headers: int, size: int) -> bool:
        """Whether a segment with such headers, and `size` bytes of text, goes on where the last one ended."""
        inside = self.text - self.start  # bytes of the TCP header
        if headers >> 8 * (inside - 8) & 0xFFFFFFFF != self.next or not 0 < size <= self.size:
            return False
        if self.start - self.link == 40:
            whole = headers >> 8 * (inside + 34) & 0xFFFF == inside + size
        else:
            internet = headers >> 8 * inside & (1 << 160) - 1
            whole = internet >> 128 & 0xFFFF == 20 + inside + size and not internet % 0xFFFF  # its checksum is right
        return whole and self.length + size <= LONGEST

    def take(self, packet: bytes, headers: int, size: int) -> None:
        inside = self.text - self.start
        self.packets.append(packet)
        self.length += size
        self.next = self.next + size & 0xFFFFFFFF
        self.sum += (headers & (1 << 8 * inside) - 1) + inside + size

    def flush(self) -> None:
        """Write what was taken."""
        packets, self.packets = self.packets, []
        if len(packets) > 1:
            self.write(self.joined(packets))
        elif packets:
            self.write(PLAIN + packets[0])

    def joined(self, packets: list[bytes]) -> bytes:
        """The header and the packet that these make."""
        link, start, text = self.link, self.start, self.text
        six = start - link == 40
        length = self.length - (start - link)  # bytes of the TCP segment
        head = bytearray(packets[0][:text])
        head[start + 13] = packets[-1][start + 13]
        head[start + 16 : start + 18] = b"\0\0"
        # each text has the sum that makes its segment's 0, and so has the whole
        ends = int.from_bytes(head[start - (32 if six else 8) : start], "big") + TCP
        total = self.sum + (len(packets) - 1) * ends
        checksum = (total - length - int.from_bytes(head[start:], "big")) % 0xFFFF
        head[start + 16 : start + 18] = checksum.to_bytes(2, "big")
        if six:
            head[link + 4 : link + 6] = length.to_bytes(2, "big")
        else:
            head[link + 2 : link + 4] = self.length.to_bytes(2, "big")
            head[link + 10 : link + 12] = b"\0\0"
            head[link + 10 : link + 12] = internet_checksum(bytes(head[link:start])).to_bytes(2, "big")
        above = HEADER.pack(0, GSO_TCPV6 if six else GSO_TCPV4, text, self.size, 0, 0)
        return b"".join((above, head, *(packet[text:] for packet in packets)))


def bits_alike(link: int, start: int, text: int) -> int:
    """The bits of all headers that are the same in each segment that continues another."""
    same = bytearray(b"\xff" * text)
    if start - link == 40:
        same[link + 4 : link + 6] = b"\0\0"  # payload length
    else:
        same[link + 2 : link + 6] = bytes(4)  # total length, identification
        same[link + 10 : link + 12] = b"\0\0"  # header checksum
    same[start + 4 : start + 8] = bytes(4)  # sequence number
    same[start + 13] = 0xFF & ~PSH
    same[start + 16 : start + 18] = b"\0\0"  # checksum
    return int.from_bytes(same, "big")
