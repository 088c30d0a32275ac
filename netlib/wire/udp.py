"""The UDP datagram (RFC 768): two ports, a length and a checksum, 8 bytes in all.

The checksum covers a pseudo header with the addresses too, so a datagram that reaches the wrong host
is noticed.  Over IPv4 a sender may leave it out, by sending 0; one that comes out as 0 is sent as
0xFFFF, the other zero of one's complement.  Over IPv6 there is no leaving it out: no other checksum would guard
the addresses.
"""

from typing import Protocol, Self

from netlib.wire.checksum import internet_checksum
from netlib.wire.errors import BadChecksum, FieldOverflow, Malformed, Truncated, WireError, wrong
from netlib.wire.header import Header, header, u16


class Below(Protocol):
    """The packet that carries a datagram or segment: all that is asked of it is its version and pseudo header."""

    @property
    def version(self) -> int: ...
    def pseudo_header(self, length: int) -> bytes: ...


@header
class UDPDatagram(Header):
    """RFC 768."""

    source_port: u16 = 0
    destination_port: u16 = 0
    length: u16 = 8  # header and payload, in bytes
    checksum: u16 = 0
    payload: bytes = b""
    checksummed: bool = True  # False: the sender left the checksum out (0 on the wire)

    @classmethod
    def parse(cls, data: bytes, below: Below | None = None, problems: list[WireError] | None = None) -> Self:
        """Read a datagram; its checksum is verified if the packet `below` it is given.

        Raises `Truncated`, `Malformed` or `BadChecksum`.  With a list `problems`, a payload cut short and a
        wrong checksum are added to it instead of raised.
        """
        datagram = cls.parse_header(data)
        length = datagram.length
        if length < 8:
            raise Malformed(f"UDPDatagram.length (offset 4): {length} is less than the header's 8 bytes")
        datagram.payload = data[8:length]
        datagram.checksummed = datagram.checksum != 0
        there = len(data)
        if length > there:
            wrong(Truncated(f"UDPDatagram.length (offset 4): says {length} bytes, only {there} are there"), problems)
        elif below and not datagram.checksummed and below.version == 6:
            # "IPv6 receivers must discard UDP packets containing a zero checksum" (RFC 8200 section 8.1)
            wrong(BadChecksum("UDPDatagram.checksum (offset 6): left out, which IPv6 does not allow"), problems)
        elif below and datagram.checksummed and internet_checksum(data[:length], below.pseudo_header(length)):
            wrong(BadChecksum(f"UDPDatagram.checksum (offset 6): {datagram.checksum:#06x} does not match"), problems)
        return datagram

    def build(self, below: Below | None = None) -> bytes:
        """The bytes of this datagram in the packet `below`; sets `length` and `checksum` first.

        Over IPv6 it has a checksum whatever `checksummed` says.
        """
        self.length = 8 + len(self.payload)
        if self.length > 0xFFFF:
            raise FieldOverflow(f"UDPDatagram.length (offset 4): {self.length} bytes, a datagram has 65535 at most")
        self.checksum = 0
        data = self.build_header() + self.payload
        if not self.checksummed and not (below and below.version == 6):
            return data
        # "If the computed checksum is zero, it is transmitted as all ones" (RFC 768)
        self.checksum = internet_checksum(data, below.pseudo_header(self.length) if below else b"") or 0xFFFF
        return data[:6] + self.checksum.to_bytes(2, "big") + data[8:]

    def meaning(self, name: str) -> str:
        if name == "length":
            return f"{self.length - 8} bytes of payload"
        if name == "checksum" and not self.checksummed:
            return "left out by the sender"
        return ""

    def __str__(self) -> str:
        return f"UDP {self.source_port} > {self.destination_port} {len(self.payload)} bytes"
