"""The IPv4 packet (RFC 791 section 3.1), with the ECN bits of RFC 3168.

The header is 20 bytes and up to 40 of options; its length in 32-bit words is a field, and so is the
length of the whole packet.  The checksum covers the header only, and changes at every hop, because
the TTL does.
"""

from struct import Struct
from struct import error as struct_error
from typing import Self

from netlib.wire.address import IPv4Address
from netlib.wire.checksum import internet_checksum, same_zero
from netlib.wire.errors import BadChecksum, FieldOverflow, Malformed, Truncated, WireError, wrong
from netlib.wire.header import Header, flag, header, overflow, u2, u4, u6, u8, u13, u16
from netlib.wire.options import padded, parse_options

ICMP, TCP, UDP = 1, 6, 17
PROTOCOL_NAMES = {ICMP: "ICMP", TCP: "TCP", UDP: "UDP"}
PSEUDO_HEADER = Struct(">4s4sHH")  # source, destination, zero and protocol, length
ECN_NAMES = {0: "not ECN-capable", 1: "ECT(1)", 2: "ECT(0)", 3: "congestion experienced"}


@header
class IPv4Packet(Header):
    """RFC 791 section 3.1.  `build` works out the two lengths and the checksum."""

    version: u4 = 4
    header_words: u4 = 5  # "IHL": the length of this header in 32-bit words
    dscp: u6 = 0  # RFC 2474
    ecn: u2 = 0  # RFC 3168
    total_length: u16 = 20  # header and payload, in bytes
    identification: u16 = 0  # which fragments belong together (RFC 6864)
    reserved: flag = False
    dont_fragment: flag = False
    more_fragments: flag = False
    fragment_offset: u13 = 0  # in units of 8 bytes
    ttl: u8 = 64  # routers this packet may still pass
    protocol: u8 = 0
    checksum: u16 = 0  # of the header alone
    source: IPv4Address = IPv4Address.ANY
    destination: IPv4Address = IPv4Address.ANY
    options: bytes = b""
    payload: bytes = b""

    @classmethod
    def parse(cls, data: bytes, problems: list[WireError] | None = None) -> Self:
        """Read a packet.  What lies behind its total length (a frame's padding) is left alone.

        Raises `Truncated`, `Malformed` or `BadChecksum`.  With a list `problems`, what leaves the packet
        readable (the checksum, a payload cut short, wrong options) is added to it instead of raised.
        """
        packet = cls.parse_header(data)
        if packet.version != 4:
            raise Malformed(f"IPv4Packet.version (offset 0): {packet.version} is not 4")
        start = packet.header_words * 4
        if start < 20:
            raise Malformed(f"IPv4Packet.header_words (offset 0): {packet.header_words} is less than 5")
        if packet.total_length < start:
            raise Malformed(f"IPv4Packet.total_length (offset 2): {packet.total_length} ends in the header of {start}")
        if start > len(data):
            raise Truncated(f"IPv4Packet.header_words (offset 0): says {start} bytes, only {len(data)} are there")
        if packet.total_length > len(data):
            wrong(Truncated(f"IPv4Packet.total_length (offset 2): says {packet.total_length} bytes, "
                            f"only {len(data)} are there"), problems)  # fmt: skip
        if internet_checksum(data[:start]):
            wrong(BadChecksum(f"IPv4Packet.checksum (offset 10): {packet.checksum:#06x} does not match"), problems)
        if start > 20:
            packet.options = data[20:start]
            try:
                parse_options(packet.options, "IPv4Packet.options")
            except Malformed as error:
                wrong(error, problems)
        packet.payload = data[start : packet.total_length]
        return packet

    def build(self, below: object = None) -> bytes:
        """The bytes of this packet; sets `header_words`, `total_length` and `checksum` first."""
        options = padded(self.options, "IPv4Packet.options") if self.options else b""
        start = 20 + len(options)
        length = start + len(self.payload)
        if length > 0xFFFF:
            raise FieldOverflow(f"IPv4Packet.total_length (offset 2): {length} bytes, a packet has 65535 at most")
        before, self.checksum = self.checksum, 0
        self.header_words, self.total_length = start // 4, length
        data = self.build_header() + options
        self.checksum = internet_checksum(data) or same_zero(before)
        return data[:10] + self.checksum.to_bytes(2, "big") + data[12:] + self.payload

    def pseudo_header(self, length: int) -> bytes:
        """What UDP and TCP of this packet put before their checksum; `length` in bytes is theirs."""
        try:
            return PSEUDO_HEADER.pack(self.source, self.destination, self.protocol, length)
        except struct_error:
            if length > 0xFFFF:
                raise FieldOverflow(f"IPv4Packet.total_length (offset 2): {length} bytes of payload alone") from None
            raise overflow(self) from None

    @property
    def header_length(self) -> int:
        return 4 * self.header_words

    @property
    def is_fragment(self) -> bool:
        return self.more_fragments or self.fragment_offset > 0

    def meaning(self, name: str) -> str:
        match name:
            case "header_words":
                return f"{4 * self.header_words} bytes of header"
            case "total_length":
                return f"{self.total_length - 4 * self.header_words} bytes of payload"
            case "ecn":
                return ECN_NAMES[self.ecn & 3]
            case "fragment_offset" if self.fragment_offset:
                return f"byte {8 * self.fragment_offset} of the original payload"
            case "ttl":
                return "hops left"
            case "protocol":
                return PROTOCOL_NAMES.get(self.protocol, "")
        return ""

    def __str__(self) -> str:
        protocol = PROTOCOL_NAMES.get(self.protocol, f"protocol {self.protocol}")
        if not self.is_fragment:
            return f"{self.source} > {self.destination} {protocol}"
        first = 8 * self.fragment_offset
        more = ", more follow" if self.more_fragments else ", the last"
        return (
            f"{self.source} > {self.destination} {protocol} fragment id {self.identification} "
            f"bytes {first}-{first + len(self.payload) - 1}{more}"
        )

