"""Fragmentation and reassembly: every packet comes through whole, and nothing that attackers send piles up."""

import tracemalloc
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.internet import fragments
from netlib.internet.fragments import BYTES, PACKETS, TIMEOUT, Reassembler, copied, fragment
from netlib.wire.address import IPv4Address
from netlib.wire.ipv4 import UDP, IPv4Packet
from netlib.wire.options import parse_options

A, B = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
RECORD_ROUTE = bytes((7, 7, 4)) + bytes(4)  # not copied
SECURITY = bytes((130, 4, 1, 2))  # copied
few = settings(deadline=None, max_examples=60)

payloads = st.builds(lambda size, seed: Random(seed).randbytes(size), st.integers(0, 9000), st.integers())
option_lists = st.sampled_from([b"", RECORD_ROUTE + b"\1", SECURITY, b"\1" + RECORD_ROUTE + SECURITY])


def packet(payload: bytes, identification: int = 7, options: bytes = b"", **fields: object) -> bytes:
    whole = IPv4Packet(source=A, destination=B, protocol=UDP, identification=identification)
    whole.payload, whole.options = payload, options
    for name, value in fields.items():
        setattr(whole, name, value)
    return whole.build()


def piece(start: int, data: bytes, more: bool = True, identification: int = 7, source: IPv4Address = A) -> bytes:
    """A fragment that carries `data` from byte `start` on."""
    assert start % 8 == 0
    return packet(data, identification, fragment_offset=start // 8, more_fragments=more, source=source)


def put_together(pieces: list[bytes], now: float = 0.0) -> list[bytes]:
    """All packets that a fresh reassembler makes of these pieces."""
    reassembler = Reassembler()
    return [whole for one in pieces if (whole := reassembler.add(one, now)) is not None]


# ---- cutting -------------------------------------------------------------------------------------------------


@few
@given(payloads, st.integers(68, 9100), option_lists)
def test_each_fragment_fits_and_is_a_packet(payload: bytes, mtu: int, options: bytes) -> None:
    whole = packet(payload, options=options)
    pieces = [IPv4Packet.parse(one) for one in fragment(whole, mtu)]
    assert all(one.total_length <= mtu for one in pieces)
    assert b"".join(one.payload for one in pieces) == payload
    assert [one.more_fragments for one in pieces] == [True] * (len(pieces) - 1) + [False]
    at = 0
    for one in pieces:
        assert 8 * one.fragment_offset == at
        at += len(one.payload)
        assert (one.source, one.destination, one.protocol, one.identification) == (A, B, UDP, 7)
    # as few as possible: behind the first one's header, no fragment but the last could have taken 8 bytes more
    assert all(pieces[0].header_length + len(one.payload) + 8 > mtu for one in pieces[:-1])


def test_what_fits_is_left_alone() -> None:
    whole = packet(bytes(1480))
    assert fragment(whole, 1500) == [whole]
    assert len(fragment(whole, 1499)) == 2


def test_options_with_the_copied_flag_are_in_every_fragment_and_others_in_the_first() -> None:
    pieces = [IPv4Packet.parse(one) for one in fragment(packet(bytes(3000), options=RECORD_ROUTE + SECURITY), 576)]
    assert [kind for kind, _ in parse_options(pieces[0].options)] == [7, 130]
    assert len(pieces) > 4
    for later in pieces[1:]:
        assert parse_options(later.options) == [(130, b"\1\2")]


def test_copied_stops_at_the_end_of_the_list() -> None:
    assert copied(b"\1" + SECURITY + b"\0" + SECURITY) == SECURITY
    assert copied(b"") == b""


def test_a_fragment_that_is_cut_again_keeps_its_place_and_its_flag() -> None:
    middle = piece(800, bytes(range(200)) + bytes(8), more=True)
    pieces = [IPv4Packet.parse(one) for one in fragment(middle, 100)]
    assert [8 * one.fragment_offset for one in pieces] == [800, 880, 960]
    assert all(one.more_fragments for one in pieces)


@pytest.mark.parametrize("mtu", [20, 27])
def test_an_mtu_without_room_for_8_bytes_is_refused(mtu: int) -> None:
    with pytest.raises(ValueError, match=f"MTU of {mtu} has no room"):
        fragment(packet(bytes(100)), mtu)


# ---- putting together ----------------------------------------------------------------------------------------


@few
@given(payloads, st.integers(68, 3000), st.integers(68, 3000), option_lists, st.randoms(use_true_random=False))
def test_round_trip_in_any_order_cut_twice_with_repetitions(
    payload: bytes, mtu: int, smaller: int, options: bytes, random: Random
) -> None:
    whole = packet(payload, options=options)
    pieces = [again for one in fragment(whole, mtu) for again in fragment(one, smaller)]
    if len(pieces) == 1:
        assert pieces == [whole]
        return
    repeated = pieces + random.sample(pieces, len(pieces) // 2)
    random.shuffle(pieces)
    assert put_together(pieces) == [whole]
    random.shuffle(repeated)
    assert whole in put_together(repeated)


def test_each_piece_but_the_completing_one_is_kept_until_all_are_there() -> None:
    pieces = fragment(packet(bytes(4000)), 576)
    for missing in range(len(pieces)):
        assert put_together(pieces[:missing] + pieces[missing + 1 :]) == []


def test_packets_are_told_apart_by_all_four_parts_of_the_key() -> None:
    reassembler = Reassembler()
    whole = IPv4Packet(source=A, destination=B, protocol=UDP, identification=7, payload=bytes(16))
    others = [("source", B), ("destination", A), ("protocol", 1), ("identification", 8)]
    first, last = (IPv4Packet.parse(one) for one in fragment(whole.build(), 28))
    assert reassembler.add(first.build(), 0) is None
    for name, value in others:
        stranger = IPv4Packet.parse(last.build())
        setattr(stranger, name, value)
        assert reassembler.add(stranger.build(), 0) is None
    assert reassembler.add(last.build(), 0) == whole.build()


def test_the_header_of_the_packet_is_that_of_the_first_fragment() -> None:
    first, last = piece(0, bytes(8)), piece(8, bytes(3), more=False)
    first = IPv4Packet.parse(first)
    first.ttl, first.options = 33, RECORD_ROUTE
    made = IPv4Packet.parse(put_together([last, first.build()])[0])
    assert (made.ttl, made.options[:7], made.is_fragment, made.total_length) == (33, RECORD_ROUTE, False, 28 + 11)


OVERLAPS = {
    "behind": (8, bytes(16), True),
    "before": (0, b"x" * 16, True),
    "inside": (16, b"y" * 8, True),
    "around": (0, b"z" * 64, True),
    "the same bytes, other length": (8, bytes(8), True),
    "the same place, other bytes": (8, b"!" * 24, True),
}


@pytest.mark.parametrize("name", OVERLAPS)
@pytest.mark.parametrize("evil_first", [False, True])
def test_an_overlap_drops_the_whole_packet_and_what_comes_later(name: str, evil_first: bool) -> None:
    start, data, more = OVERLAPS[name]
    good, evil = piece(8, bytes(24)), piece(start, data, more)
    reassembler = Reassembler()
    for one in [evil, good] if evil_first else [good, evil]:
        assert reassembler.add(one, 0) is None
    assert reassembler.dropped == {"IPv4 impossible fragment": 1}
    assert reassembler.held == 0
    # "any constituent fragments, including those not yet received, MUST be silently discarded" (RFC 5722 section 4)
    for one in (piece(0, bytes(8)), piece(8, bytes(24)), piece(32, bytes(8), more=False)):
        assert reassembler.add(one, TIMEOUT / 2) is None
    # ... and when its time is over, the identification may be used again
    assert reassembler.expire(TIMEOUT) == []
    assert reassembler.add(piece(0, bytes(8)), TIMEOUT) is None
    assert reassembler.add(piece(8, b"good", more=False), TIMEOUT) == packet(bytes(8) + b"good")


IMPOSSIBLE = {
    "empty": [piece(8, b"", more=True)],
    "empty and last": [piece(8, b"", more=False)],
    "no multiple of 8, and not the last": [piece(0, bytes(7))],
    "beyond 65535 bytes": [piece(65528, bytes(8))],
    "two ends": [piece(16, bytes(8), more=False), piece(8, bytes(8), more=False)],
    "the end twice, elsewhere": [piece(8, bytes(8), more=False), piece(24, bytes(8), more=False)],
    "something behind the end": [piece(8, bytes(8), more=False), piece(16, bytes(8))],
    "an end before something": [piece(16, bytes(8)), piece(8, bytes(8), more=False)],
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_pieces_that_cannot_be_of_one_packet_drop_it(name: str) -> None:
    reassembler = Reassembler()
    for one in IMPOSSIBLE[name]:
        assert reassembler.add(one, 0) is None
    assert reassembler.dropped == {"IPv4 impossible fragment": 1}
    assert [entry.bad for entry in reassembler.incomplete.values()] == [True]


def test_the_ping_of_death() -> None:
    """65510 bytes of echo in fragments, of which the last reaches beyond the longest packet there is."""
    pieces = [piece(start, bytes(1480)) for start in range(0, 64 * 1024 - 1480, 1480)]
    pieces.append(piece(len(pieces) * 1480, bytes(1480), more=False))
    assert put_together(pieces) == []


def test_the_longest_packet_comes_through() -> None:
    whole = packet(Random(1).randbytes(65515))
    assert len(whole) == 65535
    assert put_together(fragment(whole, 1500)[::-1]) == [whole]


# ---- time ----------------------------------------------------------------------------------------------------


def test_the_timer_is_that_of_the_first_piece_to_arrive_and_runs_out_at_its_time() -> None:
    reassembler = Reassembler()
    assert reassembler.deadline() is None
    first = piece(0, bytes(8))
    reassembler.add(piece(16, bytes(8)), 5.0)
    reassembler.add(first, 50.0)
    assert reassembler.deadline() == 5.0 + TIMEOUT
    assert reassembler.expire(5.0 + TIMEOUT - 0.001) == []
    assert reassembler.expire(5.0 + TIMEOUT) == [first]
    assert (reassembler.deadline(), reassembler.held, reassembler.incomplete) == (None, 0, {})
    assert reassembler.dropped == {"IPv4 reassembly timeout": 1}


def test_a_piece_just_in_time_completes_the_packet() -> None:
    reassembler = Reassembler()
    reassembler.add(piece(0, bytes(8)), 0.0)
    assert reassembler.expire(TIMEOUT - 0.001) == []
    assert reassembler.add(piece(8, b"end", more=False), TIMEOUT - 0.001) == packet(bytes(8) + b"end")
    assert reassembler.expire(TIMEOUT) == []


def test_without_the_first_fragment_there_is_nothing_to_report() -> None:
    reassembler = Reassembler()
    reassembler.add(piece(8, bytes(8)), 0.0)
    assert reassembler.expire(TIMEOUT) == []
    assert reassembler.dropped == {"IPv4 reassembly timeout": 1}


# ---- floods --------------------------------------------------------------------------------------------------


FLOODS = {
    "first pieces": lambda i: piece(0, bytes(1480), identification=i % 65536),
    "middle pieces": lambda i: piece(1480, bytes(1480), identification=i % 65536),
    "impossible pieces": lambda i: piece(0, bytes(7), identification=i % 65536),
    "empty pieces": lambda i: piece(8, b"", identification=i % 65536),
    "tiny pieces of few packets": lambda i: piece(16 * (i // 40 % 4000), bytes(8), identification=i % 40),
    "forged sources": lambda i: piece(0, bytes(600), source=IPv4Address(i.to_bytes(4, "big"))),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_bounded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragments, "BYTES", 1 << 16)
    reassembler, flood = Reassembler(), FLOODS[name]
    most = 0
    for i in range(6000):
        reassembler.add(flood(i), i * 1e-6)
        most = max(most, reassembler.held)
        assert len(reassembler.incomplete) <= PACKETS
    held = [data for entry in reassembler.incomplete.values() for data in entry.pieces.values()]
    assert sum(map(len, held)) == reassembler.held <= most <= 1 << 16
    # and a packet that comes now is put together all the same
    good = [piece(0, bytes(8), source=B), piece(8, b"good", more=False, source=B)]
    assert [reassembler.add(one, 1.0) is not None for one in good] == [False, True]


def test_the_memory_of_a_flood_is_bounded() -> None:
    reassembler = Reassembler()
    tracemalloc.start()
    try:
        for i in range(3000):  # 4 MB of payload
            reassembler.add(piece(0, bytes(1480), identification=i), 0.0)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reassembler.held <= BYTES
    assert used < 1 << 20  # PACKETS first pieces, twice (as they came, and their payload), and what holds them


def test_the_work_for_a_packet_grows_as_its_number_of_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: each piece is parsed once, and the whole is joined once."""
    counted = 0
    parse = IPv4Packet.parse

    def counting(data: bytes) -> IPv4Packet:
        nonlocal counted
        counted += 1
        return parse(data)

    monkeypatch.setattr(fragments.IPv4Packet, "parse", counting)
    pieces = [piece(8 * i, bytes(8)) for i in range(4000)] + [piece(32000, b"x", more=False)]
    assert len(put_together(pieces[::-1])) == 1
    assert counted == len(pieces) + 1
