"""Fragmentation and reassembly (RFC 791 section 3.2; RFC 1122 section 3.3.2 and 3.3.3).

A packet that is longer than a link's MTU is cut into fragments: packets with the same identification,
each saying at which multiple of 8 bytes its piece belongs, all but the last saying that more follow.
Only the destination puts them together again.

Fragments are what attacks are made of, so the reassembler is strict and bounded.  Pieces that overlap
make it drop the whole packet (RFC 5722, RFC 8200 section 4.5: made for IPv6 and advisable here too);
an exact repetition is no overlap.  A packet that is not complete after TIMEOUT is dropped, and if its first
piece was there, the sender is told.  What is dropped is counted with its reason.

Both work on bytes, whole packets with their header, so that a part written from nothing can stand in.
"""

from bisect import bisect, insort
from collections import Counter
from dataclasses import dataclass, field, replace

from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.options import END, NOP

TIMEOUT = 60.0  # seconds; "between 60 seconds and 120 seconds" (RFC 1122 section 3.3.2)
PACKETS = 64  # incomplete packets that are kept
BYTES = 1 << 20  # of payload in all incomplete packets

Key = tuple[bytes, bytes, int, int]


def fragment(packet: bytes, mtu: int) -> list[bytes]:
    """Cut `packet` into packets of at most `mtu` bytes; one that fits comes back alone and unchanged.

    Raises ValueError where the header leaves no room for 8 bytes.  Whether the packet may be cut (DF) is
    for the caller to ask.
    """
    if len(packet) <= mtu:
        return [packet]
    whole = IPv4Packet.parse(packet, problems=[])  # each piece gets a checksum of its own, whatever this one is
    later = whole if not whole.options else replace(whole, options=copied(whole.options))
    room = (mtu - whole.header_length) // 8 * 8
    if room < 8:
        raise ValueError(f"an MTU of {mtu} has no room for 8 bytes behind a header of {whole.header_length}")
    pieces = []
    for start in range(0, len(whole.payload), room):
        pieces.append(
            replace(
                later if start else whole,
                payload=whole.payload[start : start + room],
                fragment_offset=whole.fragment_offset + start // 8,
                # a fragment that is cut again: its last piece is followed by what followed the fragment
                more_fragments=whole.more_fragments or start + room < len(whole.payload),
            ).build()
        )
    return pieces


def copied(options: bytes) -> bytes:
    """The options that go into every fragment, not only the first: the highest bit of their kind is set
    (RFC 791 section 3.1, "copied flag")."""
    kept, at = b"", 0
    while at < len(options) and options[at] != END:
        length = 1 if options[at] == NOP else max(2, options[at + 1]) if at + 1 < len(options) else 1
        if options[at] & 0x80:
            kept += options[at : at + length]
        at += length
    return kept


@dataclass(slots=True)
class Incomplete:
    """The pieces of one packet, so far."""

    expires: float
    pieces: dict[int, bytes] = field(default_factory=dict)  # offset in bytes -> piece
    starts: list[int] = field(default_factory=list)  # those offsets, sorted
    received: int = 0  # bytes in all pieces
    first: bytes | None = None  # the fragment with offset 0, as it came: its header becomes the packet's
    length: int | None = None  # of the whole payload, known from the last piece
    bad: bool = False  # pieces overlapped: what else arrives of this packet is dropped too


class Reassembler:
    """A machine: fragments in with the time, whole packets out."""

    def __init__(self) -> None:
        self.incomplete: dict[Key, Incomplete] = {}
        self.held = 0  # bytes in all pieces
        self.dropped: Counter[str] = Counter()  # reason -> packets

    def add(self, packet: bytes, now: float) -> bytes | None:
        """Take in one fragment; return the whole packet if it was the one that was missing."""
        piece = IPv4Packet.parse(packet)
        key = (piece.source, piece.destination, piece.protocol, piece.identification)
        whole = self.incomplete.get(key)
        if whole is None:
            whole = self.incomplete[key] = Incomplete(now + TIMEOUT)
        start = 8 * piece.fragment_offset
        end = start + len(piece.payload)
        if whole.bad or whole.pieces.get(start) == piece.payload:
            return None
        if self.is_impossible(whole, piece, start, end):
            self.dropped["IPv4 impossible fragment"] += 1
            self.held -= whole.received
            self.incomplete[key] = Incomplete(whole.expires, bad=True)
        else:
            whole.pieces[start] = piece.payload
            insort(whole.starts, start)
            whole.received += len(piece.payload)
            self.held += len(piece.payload)
            if start == 0:
                whole.first = packet
            if not piece.more_fragments:
                whole.length = end
            if whole.received == whole.length:  # no overlaps, so nothing is missing
                self.forget(key)
                header = IPv4Packet.parse(whole.first or packet)
                payload = b"".join(whole.pieces[start] for start in whole.starts)
                return replace(header, payload=payload, more_fragments=False, fragment_offset=0).build()
        while self.held > BYTES or len(self.incomplete) > PACKETS:
            oldest = next(iter(self.incomplete))
            if not self.incomplete[oldest].bad:
                self.dropped["IPv4 too many fragments"] += 1
            self.forget(oldest)
        return None

    def is_impossible(self, whole: Incomplete, piece: IPv4Packet, start: int, end: int) -> bool:
        """Whether this piece can't belong to one packet with the others."""
        if start == end or end + piece.header_length > 0xFFFF:
            return True
        if piece.more_fragments and len(piece.payload) % 8:  # the next one could not start where this one ends
            return True
        if whole.length is not None and (end > whole.length or not piece.more_fragments):
            return True
        position = bisect(whole.starts, start)
        if position:
            before = whole.starts[position - 1]
            if start < before + len(whole.pieces[before]):
                return True
        if position < len(whole.starts):  # there is a piece behind this one
            return end > whole.starts[position] or not piece.more_fragments
        return False

    def expire(self, now: float) -> list[bytes]:
        """Drop the packets that have waited too long; return the first fragment of each that had one.

        Those are reported to their senders: "fragment reassembly time exceeded".  "If fragment zero is not
        available then no time exceeded need be sent at all" (RFC 792).
        """
        late = [key for key, whole in self.incomplete.items() if whole.expires <= now]
        firsts = []
        for key in late:
            whole = self.incomplete[key]
            self.forget(key)
            if whole.first is not None:
                firsts.append(whole.first)
            if not whole.bad:  # then it has been counted
                self.dropped["IPv4 reassembly timeout"] += 1
        return firsts

    def deadline(self) -> float | None:
        """When `expire` is next needed, or None."""
        if not self.incomplete:
            return None
        return next(iter(self.incomplete.values())).expires  # the oldest is the first to go

    def forget(self, key: Key) -> None:
        self.held -= self.incomplete.pop(key).received
