"""Fragmentation in IPv6 (RFC 8200 section 4.5): by the sender alone, in an extension header.

A router never cuts a packet.  It reports one that is too big, with the MTU of the link that it does not fit
through, and the sender cuts the next one, or sends less.  Only the destination puts the pieces together, as
strictly as netlib.internet.fragments does for IPv4: here the RFC demands that pieces which overlap cost the packet.
"""

from dataclasses import dataclass, field, replace

from netlib.internet.fragments import BYTES, PACKETS
from netlib.wire.ipv6 import FRAGMENT, IPv6Packet

TIMEOUT = 60.0  # seconds "of the reception of the first-arriving fragment"

Key = tuple[bytes, bytes, int]


def fragment6(packet: IPv6Packet, mtu: int, identification: int) -> list[bytes]:
    """Cut a packet without extension headers into packets of at most `mtu` bytes; one that fits comes back alone."""
    if packet.header_length + len(packet.payload) <= mtu:
        return [packet.build()]
    room = (mtu - 48) // 8 * 8
    pieces = []
    for start in range(0, len(packet.payload), room):
        more = start + room < len(packet.payload)
        head = bytes((packet.next_header, 0)) + (start | more).to_bytes(2, "big") + identification.to_bytes(4, "big")
        piece = packet.payload[start : start + room]
        pieces.append(replace(packet, next_header=FRAGMENT, extensions=head, payload=piece).build())
    return pieces


@dataclass(slots=True)
class Incomplete:
    """The pieces of one packet, so far."""

    expires: float
    pieces: dict[int, bytes] = field(default_factory=dict)  # offset in bytes -> piece
    received: int = 0  # bytes in all pieces
    first: bytes | None = None  # the packet with offset 0, as it came
    length: int | None = None  # of the whole payload, known from the last piece
    bad: bool = False  # pieces overlapped: what else arrives of this packet is dropped too


class Reassembler6:
    """A machine: fragments in with the time, whole packets out."""

    def __init__(self) -> None:
        self.incomplete: dict[Key, Incomplete] = {}
        self.held = 0  # bytes in all pieces
        self.overflowed = 0  # packets that had to go because too many were incomplete

    def add(self, packet: IPv6Packet, data: bytes, now: float) -> IPv6Packet | str | None:
        """Take in a fragment, whose bytes are `data`; the whole packet if it is complete now, or what is wrong."""
        piece = packet.fragment
        assert piece is not None
        if not piece.more and not piece.offset:  # "atomic": whole already, and none of the others' business (RFC 6946)
            return without(packet, packet.payload)
        key = packet.source, packet.destination, piece.identification
        whole = self.incomplete.get(key)
        if whole is None:
            whole = self.incomplete[key] = Incomplete(now + TIMEOUT)
        start, end = piece.offset, piece.offset + len(packet.payload)
        if whole.bad or whole.pieces.get(start) == packet.payload:
            return None
        if self.is_impossible(whole, start, end, piece.more):
            self.held -= whole.received
            self.incomplete[key] = Incomplete(whole.expires, bad=True)
            return "impossible fragment"
        whole.pieces[start] = packet.payload
        whole.received += end - start
        self.held += end - start
        if start == 0:
            whole.first = data
        if not piece.more:
            whole.length = end
        if whole.received == whole.length and whole.first is not None:  # no overlaps, so nothing is missing
            self.forget(key)
            payload = b"".join(whole.pieces[start] for start in sorted(whole.pieces))
            return without(IPv6Packet.parse(whole.first), payload)
        while self.held > BYTES or len(self.incomplete) > PACKETS:
            self.forget(next(iter(self.incomplete)))
            self.overflowed += 1
        return None

    def is_impossible(self, whole: Incomplete, start: int, end: int, more: bool) -> bool:
        """Whether this piece can't belong to one packet with the others."""
        if start == end or end > 0xFFFF or (more and (end - start) % 8):
            return True
        if whole.length is not None and (end > whole.length or not more):
            return True
        # "If any of the fragments being reassembled overlap with any other fragments ... reassembly of that packet
        # must be abandoned and all the fragments ... must be discarded"
        if any(start < at + len(piece) and at < end for at, piece in whole.pieces.items()):
            return True
        return not more and any(at > start for at in whole.pieces)

    def expire(self, now: float) -> list[bytes]:
        """Drop the packets that have waited too long; return the first fragment of each that had one."""
        late = [key for key, whole in self.incomplete.items() if whole.expires <= now]
        firsts = [first for key in late if (first := self.incomplete[key].first) is not None]
        for key in late:
            self.forget(key)
        return firsts

    def deadline(self) -> float | None:
        """When `expire` is next needed, or None."""
        if not self.incomplete:
            return None
        return next(iter(self.incomplete.values())).expires

    def forget(self, key: Key) -> None:
        self.held -= self.incomplete.pop(key).received


def without(packet: IPv6Packet, payload: bytes) -> IPv6Packet:
    """The packet without its fragment header, and with this payload."""
    kept, next_headers = [], [packet.next_header]
    for extension in packet.chain:
        if extension.kind == FRAGMENT:
            next_headers[-1] = extension.next_header
        else:
            kept.append(extension.data)
            next_headers.append(extension.next_header)
    extensions = b"".join(bytes((kind,)) + data[1:] for kind, data in zip(next_headers[1:], kept, strict=True))
    return replace(packet, next_header=next_headers[0], extensions=extensions, payload=payload,
                   payload_length=len(extensions) + len(payload))  # fmt: skip
