"""Any segment in any state is dropped, answered or acted on: never an exception, bounded memory, linear time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netlib
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.options import Options
from netlib.transport.tcp.states import State, strays
from netlib.transport.tcp.variables import CallError
from netlib.wire.tcp import TCPSegment

from .pair import A, B, connected, pair
from .test_reassembler import lines_run

NETLIB = str(Path(netlib.__file__).parent)


def in_state(state: State) -> Connection:
    """A connection that has come into this state the usual way."""
    S = State
    if state is S.CLOSED:
        return Connection(A, B, 1000)
    link = pair() if state in (S.LISTEN, S.SYN_SENT, S.SYN_RECEIVED) else connected()
    a, b = link.a, link.b
    match state:
        case S.LISTEN:
            return b
        case S.SYN_SENT:
            a.open(0.0)
        case S.SYN_RECEIVED:
            a.open(0.0)
            link.run(until=0.06)
            a = b
        case S.FIN_WAIT_1:
            a.send(b"some data", link.now)
            a.close(link.now)
        case S.FIN_WAIT_2:
            a.close(link.now)
            link.run(until=link.now + 0.5)
        case S.CLOSE_WAIT | S.LAST_ACK:
            b.close(link.now)
            link.run(until=link.now + 0.5)
            if state is S.LAST_ACK:
                a.close(link.now)
        case S.CLOSING:
            a.close(link.now)
            b.close(link.now)
            link.run(until=link.now + 0.07)
        case S.TIME_WAIT:
            a.close(link.now)
            b.close(link.now)
            link.run(until=link.now + 0.5)
    assert a.state is state, a.state
    return a


# In these the peer has to answer, so a timer runs
WAITING = {State.SYN_SENT, State.SYN_RECEIVED, State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK, State.TIME_WAIT}

offsets = st.integers(-3, 3) | st.integers(-70_000, 70_000) | st.integers(-(2**31), 2**31)
blocks = st.lists(st.tuples(offsets, offsets), max_size=4)


@st.composite
def segments(draw: st.DrawFn, near: Connection) -> TCPSegment:
    """A segment that may fit: its numbers are often those that the connection waits for."""
    flags = {name: draw(st.booleans()) for name in ("ack", "syn", "fin", "rst", "urg", "psh", "ece", "cwr")}
    if draw(st.booleans()):
        flags |= {"ack": True, "syn": False, "rst": False}
    una = near.snd.una
    options = Options(
        timestamps=draw(st.none() | st.tuples(st.integers(0, 5000), st.integers(0, 5000))),
        sack=[((una + x) % 2**32, (una + y) % 2**32) for x, y in draw(blocks)],
        mss=draw(st.none() | st.integers(0, 65535)),
        window_scale=draw(st.none() | st.integers(0, 14)),
        sack_permitted=draw(st.booleans()),
    ).build()
    if draw(st.integers(0, 9)) == 0:
        options = draw(st.binary(max_size=40))
    return TCPSegment(
        80, 40000, (near.rcv.nxt + draw(offsets)) % 2**32, (near.snd.max + draw(offsets)) % 2**32,
        window=draw(st.integers(0, 65535)), urgent_pointer=draw(st.integers(0, 65535)), options=options,
        payload=draw(st.binary(max_size=50) | st.just(bytes(3000))), **flags,
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.data())
@pytest.mark.parametrize("state", list(State), ids=str)
def test_no_segment_raises_and_no_state_is_left_without_an_arrow(state: State, data: st.DataObject) -> None:
    a = in_state(state)
    now = 3.0
    path = [a.state]
    for _ in range(data.draw(st.integers(1, 6))):
        a.events.clear()
        match data.draw(st.sampled_from(["segment", "segment", "segment", "tick", "send", "receive", "close"])):
            case "segment":
                a.segment_arrives(data.draw(segments(a)), now, data.draw(st.booleans()))
            case "tick":
                now = max(now, a.deadline() or now)
                a.tick(now)
            case "send":
                try:
                    a.send(b"x" * data.draw(st.integers(0, 5000)), now)
                except CallError:
                    assert a.state is State.CLOSED or a.closing or not a.writable
            case "receive":
                a.receive(data.draw(st.integers(0, 5000)), now)
            case "close":
                a.close(now)
        now += 0.01
        path += [State(event.because.split(":")[0]) for event in a.events if event.kind == "state"]
        assert len(a.received) <= a.settings.receive_buffer + 32
        assert a.snd.una <= a.snd.nxt <= a.snd.max
        if a.state in WAITING or (a.sending and a.state in (State.ESTABLISHED, State.CLOSE_WAIT)):
            assert a.deadline() is not None, "it may hang"
        for segment in a.outbox:
            TCPSegment.parse(segment.build())
    assert not strays(path), path
    assert path[-1] is a.state


# ---- floods ---------------------------------------------------------------------------------------------------


def flood(count: int, make: Any) -> Connection:
    """What is left of a connection after so many segments."""
    b = connected().b
    for number in range(count):
        b.segment_arrives(make(b, number), 2.0)
        b.outbox.clear()
        b.events.clear()
    return b


def data_at(offset: int, size: int, b: Connection, **more: object) -> TCPSegment:
    stamps = Options(timestamps=(2000, 0)).build()
    return TCPSegment(40000, 80, (b.rcv.irs + 1 + offset) % 2**32, b.snd.una, ack=True, window=99,
                      options=stamps, payload=bytes(size), **more)  # fmt: skip


FLOODS = {
    "bytes beyond a gap": lambda b, n: data_at(10 + 2 * n, 1, b),
    "the same bytes": lambda b, n: data_at(10, 1000, b),
    "overlapping bytes": lambda b, n: data_at(1 + n * 7 % 5000, 1000, b),
    "tiny segments": lambda b, n: data_at(n, 1, b),
    "resets beside the point": lambda b, n: data_at(5, 0, b, rst=True),
    "SYNs": lambda b, n: data_at(3, 0, b, syn=True),
    "acknowledgments of what was never sent": lambda b, n: data_at(0, 0, b, urg=True),
    "SACK blocks of what was never sent": lambda b, n: TCPSegment(
        40000, 80, b.rcv.nxt, b.snd.una, ack=True, window=99,
        options=Options(timestamps=(2000, 0), sack=[(b.snd.una + 9 * n, b.snd.una + 9 * n + 3)] * 3).build()),
}  # fmt: skip


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_costs_linear_time_and_bounded_memory(name: str) -> None:
    few, many = (lines_run(NETLIB, lambda count: flood(count, FLOODS[name]) and None, count) for count in (150, 1500))
    assert many < 12 * few
    b = flood(3000, FLOODS[name])
    held = getattr(b.reassembler, "held", 0)
    assert len(b.received) + held <= b.settings.receive_buffer
    assert len(b.unmarked) < 100


def sender(count: int) -> Connection:
    """A connection with `count` segments of one byte under way, each to be acknowledged by itself."""
    link = connected(nodelay=True, send_buffer=1 << 20)
    link.a.congestion.cwnd, link.a.snd.wnd = 1 << 24, 1 << 24
    for _ in range(count):
        link.a.send(b"x", 2.0)
    link.a.outbox.clear()
    return link.a


def from_b(a: Connection, acked: int, sack: list[tuple[int, int]] | None = None) -> TCPSegment:
    wire = [((a.snd.iss + 1 + first) % 2**32, (a.snd.iss + 1 + last) % 2**32) for first, last in sack or []]
    return TCPSegment(80, 40000, a.rcv.nxt % 2**32, (a.snd.iss + 1 + acked) % 2**32, ack=True, window=65535,
                      options=Options(timestamps=(2000, 0), sack=wire).build())  # fmt: skip


ANSWERS = {
    "each byte acknowledged": lambda a, n, count: from_b(a, n + 1),
    "every second byte SACKed": lambda a, n, count: from_b(a, 0, [(2 * n % count, 2 * n % count + 1)]),
    "from the end": lambda a, n, count: from_b(a, 0, [(count - 2 * n % count - 1, count - 2 * n % count)]),
    "the same block": lambda a, n, count: from_b(a, 0, [(10, 20)] * 3),
    "nothing new": lambda a, n, count: from_b(a, 0),
    "SACKed, then acknowledged": lambda a, n, count: (
        from_b(a, 0, [(4 * n + 1, 4 * n + 2)]) if 4 * n + 2 < count else from_b(a, 2 * n)),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_any_acknowledgments_cost_linear_time(name: str) -> None:
    def answer(count: int) -> None:
        a = sender(count)
        for number in range(count):
            a.segment_arrives(ANSWERS[name](a, number, count), 2.5)
            a.outbox.clear()
            a.events.clear()

    few, many = (lines_run(NETLIB, answer, count) for count in (100, 1000))
    assert many < 13 * few


def test_challenge_acknowledgments_are_few() -> None:
    link = connected()
    for number in range(100):
        link.b.segment_arrives(data_at(5 + number, 0, link.b, rst=True), 2.0)
    assert len(link.b.outbox) == 10
    link.b.segment_arrives(data_at(5, 0, link.b, rst=True), 7.5)
    assert len(link.b.outbox) == 11
