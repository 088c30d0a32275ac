"""Capture files: the pcap format that tcpdump, Wireshark and scapy read and write.

A header of 24 bytes says in which byte order the file is, whether its times count micro- or
nanoseconds, and what the packets start with.  Then each packet stands behind 16 bytes with its time
and its length.  (The format: draft-ietf-opsawg-pcap.)
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from netlib.wire.errors import FieldOverflow, Malformed, Truncated
from netlib.wire.packet import Link, Packet, decode

MICROSECONDS, NANOSECONDS = 0xA1B2C3D4, 0xA1B23C4D
PCAPNG = 0x0A0D0D0A
LINK_TYPES: dict[int, Link] = {1: "ethernet", 101: "ip", 228: "ip", 12: "ip"}
FILE_TYPES: dict[Link, int] = {"ethernet": 1, "ip": 101}
LARGEST = 1 << 18  # bytes of one packet; what claims more is a damaged file


def read_pcap(path: str | Path) -> Iterator[tuple[float, Packet]]:
    """Each packet of a capture file with its time, in seconds since 1970.

    Raises `Malformed` for what is no pcap file, and `Truncated` where it ends in the middle of a packet;
    the packets before that are yielded first.
    """
    with open(path, "rb") as file:
        head = file.read(24)
        order, parts_per_second = byte_order(head, path)
        if len(head) < 24:
            raise Truncated(f"{path} (offset 0): a pcap file starts with 24 bytes, only {len(head)} are there")
        (number,) = struct.unpack(order + "I", head[20:24])
        link = LINK_TYPES.get(number & 0xFFFF)
        if link is None:
            raise Malformed(f"{path} (offset 20): link type {number} is not read here, only Ethernet (1) and IP (101)")
        record = struct.Struct(order + "IIII")
        offset = 24
        while head := file.read(record.size):
            if len(head) < record.size:
                raise Truncated(f"{path} (offset {offset}): ends in the middle of a packet's header")
            seconds, parts, length, _ = record.unpack(head)
            if length > LARGEST:
                raise Malformed(f"{path} (offset {offset + 8}): a packet of {length} bytes")
            data = file.read(length)
            if len(data) < length:
                raise Truncated(f"{path} (offset {offset}): says {length} bytes, only {len(data)} are there")
            offset += record.size + length
            yield seconds + parts / parts_per_second, decode(data, link)


def byte_order(head: bytes, path: str | Path) -> tuple[str, int]:
    """The byte order of a file, for `struct`, and how many parts a second has."""
    for order in "<>":
        magic = struct.unpack(order + "I", head[:4])[0] if len(head) >= 4 else 0
        if magic == MICROSECONDS:
            return order, 1_000_000
        if magic == NANOSECONDS:
            return order, 1_000_000_000
        if magic == PCAPNG:
            raise Malformed(f"{path} is a pcapng file: convert it with `editcap -F pcap {path} out.pcap`")
    raise Malformed(f"{path} (offset 0): {head[:4].hex(' ') or 'nothing'} is not the start of a pcap file")


def write_pcap(path: str | Path, packets: Iterable[tuple[float, bytes | Packet]], link: Link = "ethernet") -> None:
    """Write packets with their times (seconds) to a capture file with nanosecond times.

    Raises `FieldOverflow` for a time or a packet that the format has no room for, and `Malformed` for a
    `Packet` that does not start as `link` says.
    """
    if link not in FILE_TYPES:
        raise Malformed(f"link is {link!r}: 'ethernet' and 'ip' are known")
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", NANOSECONDS, 2, 4, 0, 0, LARGEST, FILE_TYPES[link]))
        for count, (time, packet) in enumerate(packets):
            if not 0 <= time < 1 << 32:
                raise FieldOverflow(f"{path}, packet {count}: time {time} does not fit: seconds since 1970, in 32 bits")
            if isinstance(packet, Packet) and packet.link != link:
                raise Malformed(f"{path}, packet {count}: starts with {packet.link}, and the file is for {link}: "
                                f"write_pcap(..., link={packet.link!r})")  # fmt: skip
            data = packet.data if isinstance(packet, Packet) else packet
            if len(data) > LARGEST:
                raise FieldOverflow(f"{path}, packet {count}: {len(data)} bytes, a packet has {LARGEST} at most")
            seconds = int(time)  # apart from its fraction, because a float holds both only to a quarter microsecond
            more, nanoseconds = divmod(round((time - seconds) * 1_000_000_000), 1_000_000_000)
            file.write(struct.pack("<IIII", seconds + more, nanoseconds, len(data), len(data)) + data)
