"""The likely mistakes of chapter 05, by which `check` guesses at a cause.

Functions that take what the student's take are wrong answers: a student's answer that behaves as one of them has
probably made the same mistake.  Functions of (args, expected, got) recognise one by what came back.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from netlib.internet.fragments import copied
from netlib.wire.checksum import internet_checksum
from netlib.wire.ipv4 import IPv4Packet

Case = tuple[Any, ...]

# ---- 5.1 ---------------------------------------------------------------------------------------------------------


def total(data: bytes, order: Any = "big") -> int:
    padded = data + bytes(len(data) % 2)
    return sum(int.from_bytes(padded[i : i + 2], order) for i in range(0, len(padded), 2))


def folded(number: int) -> int:
    while number >> 16:
        number = (number & 0xFFFF) + (number >> 16)
    return number


def carry_cut(data: bytes) -> int:
    return ~total(data) & 0xFFFF


def carry_once(data: bytes) -> int:
    number = total(data)
    return ~((number & 0xFFFF) + (number >> 16)) & 0xFFFF


def not_complemented(data: bytes) -> int:
    return folded(total(data))


def little_endian(data: bytes) -> int:
    return ~folded(total(data, "little")) & 0xFFFF


def odd_left_out(data: bytes) -> int:
    return ~folded(total(data[: len(data) // 2 * 2])) & 0xFFFF


def odd_in_front(data: bytes) -> int:
    last = b"\0" + data[-1:] if len(data) % 2 else b""
    return ~folded(total(data[: len(data) // 2 * 2] + last)) & 0xFFFF


def bytes_added(data: bytes) -> int:
    return ~folded(sum(data)) & 0xFFFF


def negative(data: bytes) -> int:
    return ~folded(total(data))


# ---- 5.2 ---------------------------------------------------------------------------------------------------------


def total_without_header(args: Case, expected: bytes, got: bytes) -> bool:
    said: int = args[1]
    return int.from_bytes(got[2:4], "big") == said != int.from_bytes(expected[2:4], "big")


def words_fixed(fields: dict[str, Any], payload_length: int) -> bytes:
    known = {name: value for name, value in fields.items() if hasattr(IPv4Packet, name) and name != "header_length"}
    made = IPv4Packet(**known, payload=bytes(payload_length))
    data = b"\x45" + made.build()[1 : made.header_length]
    return data[:10] + internet_checksum(data[:10] + b"\0\0" + data[12:]).to_bytes(2, "big") + data[12:]


def turned_round(args: Case, expected: bytes, got: bytes) -> bool:
    return any(got[at : at + 2] == expected[at : at + 2][::-1] != expected[at : at + 2] for at in (2, 4, 6, 10))


def differs_only(expected: bytes, got: bytes, *where: int) -> bool:
    at = {i for i in range(max(len(expected), len(got))) if expected[i : i + 1] != got[i : i + 1]}
    return bool(at & set(where)) and at <= {*where, 10, 11}


def only_checksum_differs(args: Case, expected: bytes, got: bytes) -> bool:
    return differs_only(expected, got, 10, 11)


def flags_differ(args: Case, expected: bytes, got: bytes) -> bool:
    return differs_only(expected, got, 6, 7)


def dscp_differs(args: Case, expected: bytes, got: bytes) -> bool:
    return differs_only(expected, got, 1)


def length_differs(args: Case, expected: bytes, got: bytes) -> bool:
    return len(expected) != len(got)


# ---- 5.3 ---------------------------------------------------------------------------------------------------------

NAMES = ("header_length", "dscp", "ecn", "total_length", "identification", "dont_fragment", "more_fragments",
         "fragment_offset", "ttl", "protocol", "checksum", "source", "destination", "options", "payload")  # fmt: skip


def parsed(data: bytes, **changed: Callable[[bytes, IPv4Packet], Any]) -> dict[str, Any]:
    """What parse_header gives, with some fields worked out in another way."""
    found = IPv4Packet.parse(data)
    return {name: changed[name](data, found) if name in changed else getattr(found, name) for name in NAMES}


header_in_bytes = partial(parsed, header_length=lambda data, found: found.header_words)
header_of_20 = partial(
    parsed,
    header_length=lambda data, found: 20,
    options=lambda data, found: b"",
    payload=lambda data, found: data[20 : found.total_length],
)
payload_to_the_end = partial(parsed, payload=lambda data, found: data[found.header_length :])
offset_with_flags = partial(parsed, fragment_offset=lambda data, found: int.from_bytes(data[6:8], "big"))


def checksum_not_looked_at(data: bytes) -> dict[str, Any]:
    head = max(20, 4 * (data[0] & 15)) if data else 20
    right = internet_checksum(data[:10] + b"\0\0" + data[12:head])
    found = parsed(data[:10] + right.to_bytes(2, "big") + data[12:])
    return found | {"checksum": int.from_bytes(data[10:12], "big")}


# ---- 5.4 ---------------------------------------------------------------------------------------------------------


def hop(data: bytes, checksum: Callable[[bytes, int], int]) -> bytes:
    """One off the TTL; the new checksum from the packet with its new TTL and the old checksum."""
    less = data[:8] + bytes([data[8] - 1]) + data[9:]
    old = int.from_bytes(data[10:12], "big")
    return less[:10] + (checksum(less, old) & 0xFFFF).to_bytes(2, "big") + less[12:]


def seal(data: bytes, old: int) -> int:
    return internet_checksum(data[:10] + b"\0\0" + data[12 : 4 * (data[0] & 15)])


from_scratch = partial(hop, checksum=seal)
checksum_left = partial(hop, checksum=lambda data, old: old)
update_carry_lost = partial(hop, checksum=lambda data, old: old + 0x0100)
rfc_1141 = partial(hop, checksum=lambda data, old: folded(old + 0x0100))
low_byte = partial(hop, checksum=lambda data, old: folded(old + 1))
wrong_way = partial(hop, checksum=lambda data, old: old - 0x0100)

# ---- 5.5 ---------------------------------------------------------------------------------------------------------


def cut(
    packet: bytes,
    mtu: int,
    *,
    unit: int = 8,
    header: int | None = None,
    more_on_last: bool = False,
    offset: Callable[[int, int], int] = lambda own, start: own + start // 8,
    own_more: bool = True,
    copy_all: bool = False,
) -> list[bytes]:
    """Fragmentation with one thing or another done wrong."""
    if len(packet) <= mtu:
        return [packet]
    whole = IPv4Packet.parse(packet)
    room = (mtu - (whole.header_length if header is None else header)) // unit * unit
    if whole.dont_fragment or room < 8:
        raise ValueError("can't be cut")
    later = whole if copy_all else replace(whole, options=copied(whole.options))
    pieces = []
    for start in range(0, len(whole.payload), room):
        last = start + room >= len(whole.payload)
        pieces.append(
            replace(
                later if start else whole,
                payload=whole.payload[start : start + room],
                fragment_offset=offset(whole.fragment_offset, start) & 0x1FFF,
                more_fragments=not last or more_on_last or (own_more and whole.more_fragments),
            ).build()
        )
    return pieces


more_on_all = partial(cut, more_on_last=True)
offset_in_bytes = partial(cut, offset=lambda own, start: own + start)
not_in_eights = partial(cut, unit=1)
header_forgotten = partial(cut, header=0)
own_offset_forgotten = partial(cut, offset=lambda own, start: start // 8)
own_more_forgotten = partial(cut, own_more=False)
all_options_copied = partial(cut, copy_all=True)


def header_as_it_was(packet: bytes, mtu: int) -> list[bytes]:
    """Total length and checksum are left as they were in the packet."""
    pieces = cut(packet, mtu)
    if len(pieces) == 1:
        return pieces
    return [piece[:2] + packet[2:4] + piece[4:10] + packet[10:12] + piece[12:] for piece in pieces]


# ---- 5.6 ---------------------------------------------------------------------------------------------------------


class Careless:
    """A reassembler that believes everything but repetitions: it puts together what is there when the end is."""

    def __init__(self, packets: int = 64) -> None:
        self.packets = packets
        self.waiting: dict[Any, tuple[float, dict[int, IPv4Packet]]] = {}
        self.raw: dict[Any, bytes] = {}

    def key(self, piece: IPv4Packet) -> Any:
        return piece.source, piece.destination, piece.protocol, piece.identification

    def complete(self, pieces: list[IPv4Packet]) -> bool:
        end = 0
        for piece in pieces:
            if 8 * piece.fragment_offset > end:
                return False
            end = max(end, 8 * piece.fragment_offset + len(piece.payload))
        return bool(pieces) and not pieces[-1].more_fragments

    def add(self, packet: bytes, now: float) -> bytes | None:
        piece = IPv4Packet.parse(packet)
        key = self.key(piece)
        if key not in self.waiting and len(self.waiting) >= self.packets:
            del self.waiting[next(iter(self.waiting))]
        _, pieces = self.waiting.setdefault(key, (now + 60.0, {}))
        there = pieces.get(piece.fragment_offset)
        if there and there.payload == piece.payload:
            return None
        pieces[piece.fragment_offset] = piece
        if piece.fragment_offset == 0:
            self.raw[key] = packet
        ordered = [pieces[at] for at in sorted(pieces)]
        if not self.complete(ordered):
            return None
        del self.waiting[key]
        data = bytearray()
        for part in ordered:
            data[8 * part.fragment_offset :] = part.payload
        return replace(ordered[0], payload=bytes(data), more_fragments=False, fragment_offset=0).build()

    def expire(self, now: float) -> list[bytes]:
        late = [key for key, (until, _) in self.waiting.items() if until <= now]
        firsts = [self.raw[key] for key in late if 0 in self.waiting[key][1]]
        for key in late:
            del self.waiting[key]
        return firsts

    def deadline(self) -> float | None:
        return min((until for until, _ in self.waiting.values()), default=None)


overlaps_taken = Careless


class done_with_the_last(Careless):
    def complete(self, pieces: list[IPv4Packet]) -> bool:
        return not pieces[-1].more_fragments


class identification_only(Careless):
    def key(self, piece: IPv4Packet) -> Any:
        return piece.identification
