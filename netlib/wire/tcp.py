"""The TCP segment (RFC 9293 section 3.1).

Twenty bytes of header, up to 40 of options, then data.  The checksum covers all of it and a pseudo
header with the addresses.
"""

from typing import Self

from netlib.wire.checksum import internet_checksum, same_zero
from netlib.wire.errors import BadChecksum, Malformed, Truncated, WireError, wrong
from netlib.wire.header import Header, flag, header, u4, u16, u32
from netlib.wire.options import padded, parse_options
from netlib.wire.udp import Below

# Option kinds (RFC 9293 section 3.2, RFC 7323, RFC 2018)
MAXIMUM_SEGMENT_SIZE, WINDOW_SCALE, SACK_PERMITTED, SACK, TIMESTAMPS = 2, 3, 4, 5, 8

ALIGNED_TIMESTAMPS = bytes((1, 1, TIMESTAMPS, 10))  # NOP NOP kind length: RFC 7323 appendix A

FLAGS = ("cwr", "ece", "urg", "ack", "psh", "rst", "syn", "fin")


@header
class TCPSegment(Header):
    """RFC 9293 section 3.1; `header_words` is the RFC's Data Offset."""

    source_port: u16 = 0
    destination_port: u16 = 0
    sequence: u32 = 0
    acknowledgment: u32 = 0
    header_words: u4 = 5  # in 32-bit words
    reserved: u4 = 0
    cwr: flag = False
    ece: flag = False
    urg: flag = False
    ack: flag = False
    psh: flag = False
    rst: flag = False
    syn: flag = False
    fin: flag = False
    window: u16 = 0
    checksum: u16 = 0
    urgent_pointer: u16 = 0
    options: bytes = b""
    payload: bytes = b""

    @classmethod
    def parse(cls, data: bytes, below: Below | None = None, problems: list[WireError] | None = None) -> Self:
        """Read a segment; its checksum is verified if the packet `below` it is given.

        Raises `Truncated`, `Malformed` or `BadChecksum`.  With a list `problems`, a wrong checksum and
        wrong options are added to it instead of raised.
        """
        segment = cls.parse_header(data)
        start = segment.header_words * 4
        if start < 20:
            raise Malformed(f"TCPSegment.header_words (offset 12): {segment.header_words} is less than 5")
        if start > len(data):
            raise Truncated(f"TCPSegment.header_words (offset 12): says {start} bytes, only {len(data)} are there")
        if below and internet_checksum(data, below.pseudo_header(len(data))):
            wrong(BadChecksum(f"TCPSegment.checksum (offset 16): {segment.checksum:#06x} does not match"), problems)
        if start > 20:
            segment.options = options = data[20:start]
            if start != 32 or options[:4] != ALIGNED_TIMESTAMPS:  # most have just these, and nothing can be wrong
                try:
                    parse_options(options, "TCPSegment.options")
                except Malformed as error:
                    wrong(error, problems)
        segment.payload = data[start:]
        return segment

    def build(self, below: Below | None = None) -> bytes:
        """The bytes of this segment in the packet `below`; sets `header_words` and `checksum` first."""
        options = padded(self.options, "TCPSegment.options") if self.options else b""
        self.header_words = 5 + len(options) // 4
        before, self.checksum = self.checksum, 0
        head, text = self.build_header() + options, self.payload
        pseudo_header = below.pseudo_header(len(head) + len(text)) if below else b""
        self.checksum = internet_checksum(text, pseudo_header + head) or same_zero(before)
        return head[:16] + self.checksum.to_bytes(2, "big") + head[18:] + text

    @property
    def header_length(self) -> int:
        return 4 * self.header_words

    def meaning(self, name: str) -> str:
        if name == "header_words":
            return f"{4 * self.header_words} bytes of header"
        return ""

    def __str__(self) -> str:
        flags = " ".join(name.upper() for name in FLAGS if getattr(self, name)) or "no flags"
        return f"TCP {self.source_port} > {self.destination_port} {flags} seq {self.sequence} {len(self.payload)} bytes"
