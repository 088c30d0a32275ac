"""The options of a TCP segment (RFC 9293 section 3.2): what they say, and their bytes.

    MSS, window scale, SACK permitted, Fast Open cookie    on a SYN only
    timestamps, SACK blocks                                on any segment

Reading never fails: "A TCP implementation MUST be able to receive a TCP Option in any segment" and "MUST ignore
without error any TCP Option it does not implement" (MUST-5, MUST-6); "MUST be prepared to handle an illegal option
length (e.g., zero)" (MUST-7), here by ignoring what follows it.  Numbers are those of the wire, 32 bits wide.
Options are aligned with NOPs in the order that Linux writes them (tcp_options_write).
"""

from dataclasses import dataclass, field
from struct import Struct
from typing import Self

from netlib.wire.options import END, LIMIT, NOP
from netlib.wire.tcp import MAXIMUM_SEGMENT_SIZE, SACK, SACK_PERMITTED, TIMESTAMPS, WINDOW_SCALE, TCPSegment

FAST_OPEN = 34  # RFC 7413 section 4.1.1
COOKIE_SIZES = range(4, 17, 2)  # bytes: "4 to 16 bytes", and an even number

# "The maximum scale exponent is limited to 14 ... If a Window Scale option is received with a shift.cnt value larger
# than 14, the TCP SHOULD log the error but MUST use 14" (RFC 7323 section 2.3)
LARGEST_SHIFT = 14

ALIGNED_TIMESTAMPS = Struct("!LLL")  # RFC 7323 appendix A: NOP NOP kind length, value, echo
TIMESTAMPS_START = NOP << 24 | NOP << 16 | TIMESTAMPS << 8 | 10


@dataclass(slots=True)
class Options:
    """What the options of one segment say; None, False or empty where one is absent."""

    mss: int | None = None  # bytes of payload
    window_scale: int | None = None  # bits to shift, 0 to 14
    sack_permitted: bool = False
    timestamps: tuple[int, int] | None = None  # value, echo
    sack: list[tuple[int, int]] = field(default_factory=list)  # (first byte, the byte after the last)
    fast_open: bytes | None = None  # a cookie; empty asks for one

    @classmethod
    def of(cls, segment: TCPSegment) -> Self:
        """The options of a segment; those that make no sense count as absent."""
        data, found = segment.options, cls()
        if len(data) == 12:  # what nearly every segment carries
            start, value, echo = ALIGNED_TIMESTAMPS.unpack(data)
            if start == TIMESTAMPS_START:
                found.timestamps = value, echo
                return found
        at, size = 0, len(data)
        while at < size and (kind := data[at]) != END:
            if kind == NOP:
                at += 1
                continue
            length = data[at + 1] if at + 1 < size else 0
            if length < 2 or at + length > size:
                break
            found.take(kind, data[at + 2 : at + length], segment.syn)
            at += length
        return found

    def take(self, kind: int, value: bytes, syn: bool) -> None:
        """Note one option.  Those that belong on a SYN "SHOULD only be sent" there and are ignored elsewhere."""
        size = len(value)
        if kind == TIMESTAMPS and size == 8:
            self.timestamps = int.from_bytes(value[:4], "big"), int.from_bytes(value[4:], "big")
        elif kind == SACK and size and size % 8 == 0:
            words = [int.from_bytes(value[at : at + 4], "big") for at in range(0, size, 4)]
            self.sack = list(zip(words[::2], words[1::2], strict=True))
        elif not syn:
            return
        elif kind == MAXIMUM_SEGMENT_SIZE and size == 2:
            self.mss = int.from_bytes(value, "big")
        elif kind == WINDOW_SCALE and size == 1:
            self.window_scale = min(value[0], LARGEST_SHIFT)
        elif kind == SACK_PERMITTED and size == 0:
            self.sack_permitted = True
        elif kind == FAST_OPEN and (size == 0 or size in COOKIE_SIZES):
            self.fast_open = value

    def build(self) -> bytes:
        """The bytes, a multiple of 4 and never more than 40: of the SACK blocks as many as fit, the first ones."""
        if self.timestamps and not (self.sack or self.sack_permitted or self.mss is not None
                                    or self.window_scale is not None or self.fast_open is not None):  # fmt: skip
            return timestamps_option(*self.timestamps)
        data = b""
        if self.mss is not None:
            data += bytes((MAXIMUM_SEGMENT_SIZE, 4)) + self.mss.to_bytes(2, "big")
        if self.timestamps:
            data += bytes((SACK_PERMITTED, 2)) if self.sack_permitted else bytes((NOP, NOP))
            data += bytes((TIMESTAMPS, 10)) + b"".join(number.to_bytes(4, "big") for number in self.timestamps)
        elif self.sack_permitted:
            data += bytes((NOP, NOP, SACK_PERMITTED, 2))
        if self.window_scale is not None:
            data += bytes((NOP, WINDOW_SCALE, 3, self.window_scale))
        if self.fast_open is not None and len(data) + 2 + len(self.fast_open) <= LIMIT:
            data += bytes((FAST_OPEN, 2 + len(self.fast_open))) + self.fast_open
            data += bytes((NOP,)) * (-len(data) % 4)
        # "A SACK option that specifies n blocks will have a length of 8*n+2 bytes" (RFC 2018 section 3)
        if blocks := self.sack[: max(0, LIMIT - len(data) - 4) // 8]:
            data += bytes((NOP, NOP, SACK, 2 + 8 * len(blocks)))
            data += b"".join(start.to_bytes(4, "big") + end.to_bytes(4, "big") for start, end in blocks)
        return data


def timestamps_option(value: int, echo: int) -> bytes:
    """All the options that nearly every segment has."""
    return ALIGNED_TIMESTAMPS.pack(TIMESTAMPS_START, value, echo)
