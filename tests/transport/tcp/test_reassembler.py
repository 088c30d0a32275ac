"""The reassembler: bytes come out once and in order, whatever came in; SACK blocks; floods."""

import sys
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.transport.tcp import reassembler as module
from netlib.transport.tcp.reassembler import Reassembler

STREAM = Random(1).randbytes(300)


def put(reassembler: Reassembler, start: int, end: int) -> bytes:
    return reassembler.insert(start, STREAM[start:end])


def test_in_order_at_once() -> None:
    r = Reassembler(0, 1000)
    assert put(r, 0, 10) == STREAM[:10] and put(r, 10, 20) == STREAM[10:20]
    assert (r.next, r.held, r.blocks(), r.duplicate) == (20, 0, [], None)


def test_a_gap_holds_back_what_is_after_it_and_no_more() -> None:
    r = Reassembler(0, 1000)
    assert put(r, 10, 20) == b"" and put(r, 30, 40) == b""
    assert (r.next, r.held, r.blocks()) == (0, 20, [(30, 40), (10, 20)])
    assert put(r, 0, 10) == STREAM[:20]
    assert (r.next, r.held, r.blocks()) == (20, 10, [(30, 40)])
    assert put(r, 20, 30) == STREAM[20:40]
    assert (r.next, r.held, r.blocks(), len(r.buffer)) == (40, 0, [], 0)


def test_the_range_that_grew_last_is_the_first_block() -> None:
    r = Reassembler(0, 1000)
    for start in (10, 30, 50, 70, 90):
        put(r, start, start + 5)
    assert r.blocks() == [(90, 95), (70, 75), (50, 55), (30, 35)]
    assert r.blocks(9)[-1] == (10, 15)
    put(r, 35, 40)
    assert r.blocks(3) == [(30, 40), (90, 95), (70, 75)]
    put(r, 15, 30)  # joins two
    assert r.blocks(2) == [(10, 40), (90, 95)]
    put(r, 92, 94)  # nothing new, and yet the one that triggered this acknowledgment
    assert r.blocks(2) == [(90, 95), (10, 40)]


def test_the_first_example_of_rfc_2018_section_4() -> None:
    """Eight segments of 500 bytes from 5000, the first is lost."""
    r = Reassembler(5000, 65535)
    said = []
    for start in range(5500, 9000, 500):
        r.insert(start, bytes(500))
        said.append((r.next, r.blocks()))
    assert said == [(5000, [(5500, end)]) for end in range(6000, 9500, 500)]


def test_the_third_example_of_rfc_2018_section_4() -> None:
    """The second, fourth, sixth and eighth are lost; then the fourth arrives, then the second."""
    r = Reassembler(5000, 65535)
    for start in (5000, 6000, 7000, 8000):
        r.insert(start, bytes(500))
    assert (r.next, r.blocks()) == (5500, [(8000, 8500), (7000, 7500), (6000, 6500)])
    r.insert(6500, bytes(500))
    assert (r.next, r.blocks()) == (5500, [(6000, 7500), (8000, 8500)])
    assert len(r.insert(5500, bytes(500))) == 2000
    assert (r.next, r.blocks()) == (7500, [(8000, 8500)])


def test_what_is_before_and_beyond_the_window_is_cut_off() -> None:
    r = Reassembler(100, 50)
    assert put(r, 90, 95) == b"" and r.next == 100
    assert put(r, 90, 110) == STREAM[100:110]
    assert put(r, 150, 300) == b"" and r.blocks() == [(150, 160)]
    assert put(r, 160, 170) == b"" and put(r, 299, 300) == b"" and r.held == 10
    assert put(r, 0, 300) == STREAM[110:160]
    assert (r.next, r.held) == (160, 0)
    assert r.insert(160, b"") == r.insert(170, b"") == b"" and r.blocks() == []


def test_what_came_twice_is_reported_once_and_first() -> None:
    """RFC 2883: below the acknowledgment (section 4.1.1), and inside a block, which comes second (section 4.2)."""
    r = Reassembler(0, 1000)
    put(r, 0, 20)
    put(r, 5, 15)
    assert (r.report(), r.report()) == ([(5, 15)], [])
    put(r, 10, 30)
    assert r.report() == [(10, 20)]
    put(r, 50, 60), put(r, 70, 80), put(r, 50, 55)
    assert r.report(2) == [(50, 55), (50, 60)]
    assert r.report() == [(50, 60), (70, 80)]
    put(r, 90, 95)
    put(r, 95, 97)  # touches, and brings nothing twice
    assert r.duplicate is None


@settings(deadline=None)
@given(st.integers(0, 2**33), st.data())
def test_whatever_arrives_the_bytes_come_out_once_and_in_order(first: int, data: st.DataObject) -> None:
    """Against a dictionary of single bytes."""
    limit = data.draw(st.integers(1, 120))
    r, held, next = Reassembler(first, limit), dict[int, int](), first
    for start, length in data.draw(st.lists(st.tuples(st.integers(-20, 250), st.integers(0, 60)), max_size=60)):
        piece = bytes((start + i) % 251 for i in range(length))
        out = r.insert(first + start, piece)
        for i, byte in enumerate(piece):
            if next <= first + start + i < next + limit:
                held[first + start + i] = byte
        expected = bytearray()
        while next in held:
            expected.append(held.pop(next))
            next += 1
        assert (out, r.next, r.held) == (expected, next, len(held))
        covered = [number for a, b in r.blocks(1000) for number in range(a, b)]
        assert sorted(covered) == sorted(held) and len(r.buffer) <= limit
        assert r.starts == sorted(r.ends) and len(r.buffer) == max(r.ends.values(), default=next) - next
        if length and any(a <= first + start < b for a, b in r.blocks(1000)):
            assert r.blocks(1)[0][0] <= first + start < r.blocks(1)[0][1]


def test_any_order_of_any_cuts_with_copies_gives_the_stream() -> None:
    random = Random(2)
    for _ in range(50):
        segments = [(start, min(300, start + random.randint(1, 40))) for start in range(0, 300, 10)]
        segments = random.sample(segments * 2, 2 * len(segments)) + [(i, i + 10) for i in range(0, 300, 10)]
        r = Reassembler(0, 300)
        assert b"".join(put(r, *segment) for segment in segments) == STREAM


def test_a_range_too_many_is_not_kept_and_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RANGES", 3)
    r = Reassembler(0, 300)
    for start in (10, 20, 30, 40, 50):
        put(r, start, start + 5)
    assert r.blocks() == [(30, 35), (20, 25), (10, 15)]
    put(r, 35, 40)  # makes one longer
    assert put(r, 0, 10) == STREAM[:15]
    put(r, 40, 42), put(r, 60, 65)
    assert r.blocks() == [(60, 65), (30, 42), (20, 25)]
    assert put(r, 15, 18) == STREAM[15:18]  # in order: always


def lines_run(file: str, function: Callable[[int], None], count: int) -> int:
    """How many lines of a file, or of all in a folder, run for `function(count)`: a time that no load disturbs."""
    lines = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace if frame.f_code.co_filename.startswith(file) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(count)
    finally:
        sys.settrace(before)
    return lines


def flood(kind: str, count: int) -> list[tuple[int, bytes]]:
    match kind:
        case "every second byte":
            return [(i, b"x") for i in range(1, 2 * count, 2)]
        case "every second byte, backwards":
            return [(i, b"x") for i in range(2 * count + 1, 1, -2)]
        case "backwards":
            return [(i, b"x") for i in range(count, 0, -1)]
        case "the same again":
            return [(100, bytes(1000))] * count
        case "longer by one each time":
            return [(1, bytes(i)) for i in range(1, count)]
        case _:
            random = Random(3)
            return [(random.randrange(1, 4 * count), bytes(random.randrange(1, 100))) for _ in range(count)]


KINDS = ["every second byte", "every second byte, backwards", "backwards", "the same again",
         "longer by one each time", "at random"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_costs_linear_time_and_bounded_memory(kind: str) -> None:
    def insert(count: int) -> None:
        r = Reassembler(0, 1 << 20)
        for start, data in flood(kind, count):
            r.insert(start, data)
            r.blocks()

    few, many = (lines_run(module.__file__, insert, count) for count in (500, 5000))
    assert many <= 12 * few
    r = Reassembler(0, 2000)
    for start, data in flood(kind, 5000):
        r.insert(start, data)
        assert r.held <= 2000 and len(r.buffer) <= 2000 and len(r.starts) <= 1000
