"""Rules of RFC 9293, 5961 and 7323 one by one: closed windows, old segments, attacks, silence."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.options import Options
from netlib.transport.tcp.output import MINSHALL, SILLY
from netlib.transport.tcp.states import State
from netlib.wire.tcp import TCPSegment

from .pair import A, B, Pair, connected, transfer

S = State


def to_b(link: Pair, offset: int = 0, **fields: object) -> TCPSegment:
    """A segment for b, so many bytes after what it expects."""
    b = link.b
    stamps = Options(timestamps=(b.recent, 0)).build() if b.timestamps else b""
    default = {"ack": True, "window": 500, "options": stamps, "acknowledgment": b.snd.una % 2**32}
    return TCPSegment(40000, 80, (b.rcv.nxt + offset) % 2**32, **{**default, **fields})  # type: ignore[arg-type]


def answer(link: Pair, segment: TCPSegment, now: float = 2.0) -> list[TCPSegment]:
    """What b says to it."""
    link.flush()
    link.b.segment_arrives(segment, now)
    out, link.b.outbox = link.b.outbox, []
    return out


# ---- closed and silly windows -----------------------------------------------------------------------------------


def test_a_closed_window_is_probed_less_and_less_often_until_it_opens() -> None:
    link = connected(b_receive_buffer=5000)
    link.a.send(bytes(20_000), link.now)
    link.run(until=300.0)
    assert len(link.b.received) == 5000 and link.a.state is S.ESTABLISHED
    probes = [t for t, who, s in link.sent if who == "a" and len(s.payload) == 1]
    gaps = [b - a for a, b in pairwise(probes)]
    assert len(probes) > 8 and gaps[0] < 0.7 and max(gaps) <= 60.1
    assert gaps == sorted(gaps) and gaps[1] == pytest.approx(2 * gaps[0])
    got = b""
    for _ in range(100):
        got += link.b.receive(9999, link.now)
        link.run(until=link.now + 1)
    assert got == bytes(20_000)


def test_while_the_window_is_closed_urg_ack_and_rst_count_and_text_does_not() -> None:
    link = connected(b_receive_buffer=1000)
    link.a.send(bytes(5000), link.now)
    link.run(until=5.0)
    b = link.b
    b.send(b"unacknowledged", 5.0)
    assert b.rcv.wnd == 0 and b.flight == 14
    ack = b.snd.max % 2**32
    reply = answer(link, to_b(link, payload=b"!", fin=True, urg=True, urgent_pointer=5, acknowledgment=ack), 5.0)
    assert [(each.ack, each.window) for each in reply] == [(True, 0)]
    assert b.flight == 0 and b.rcv.up == b.rcv.nxt + 5
    assert b.state is S.ESTABLISHED and len(b.received) == 1000
    answer(link, to_b(link, payload=b"!", rst=True), 5.0)
    assert (b.state, b.error) == (S.CLOSED, "ECONNRESET")


def test_a_syn_of_a_peer_that_has_begun_anew_is_answered_though_it_has_no_timestamp() -> None:
    link = connected()
    assert link.b.timestamps
    for offset in (0, 5000, -5000):
        [challenge] = answer(link, to_b(link, offset, syn=True, ack=False, options=b""), 5.0 + offset)
        assert challenge.ack and not challenge.rst and link.b.state is S.ESTABLISHED


def test_an_old_acknowledgment_says_nothing_of_the_window() -> None:
    link = connected()
    transfer(link, bytes(5000), close=False)
    link.b.send(bytes(100), link.now)
    link.run()
    b, before = link.b, link.b.snd.wnd
    answer(link, to_b(link, payload=b"new", acknowledgment=(b.snd.una - 50) % 2**32, window=7), link.now)
    assert b.snd.wnd == before
    answer(link, to_b(link, payload=b"new", window=7), link.now)
    assert b.snd.wnd == 7 << b.snd.shift


def test_a_window_may_stay_closed_for_ever_while_the_peer_answers() -> None:
    link = connected(b_receive_buffer=1000, a_retries=3)
    link.a.send(bytes(5000), link.now)
    link.run(until=3600.0)
    assert link.a.state is S.ESTABLISHED  # MUST-37


def test_but_not_when_it_does_not() -> None:
    link = connected(b_receive_buffer=1000, a_retries=3)
    link.a.send(bytes(5000), link.now)
    link.run(until=5.0)
    link.fate = lambda link, segment: []
    link.run()
    assert link.a.error == "ETIMEDOUT"


def test_a_window_update_that_is_lost_does_not_hang() -> None:
    link = connected(b_receive_buffer=3000)
    link.a.send(bytes(9000), link.now)
    link.run(until=2.0)
    link.b.receive(9999, link.now)
    link.flush()
    link.queue.clear()
    link.run(until=30.0)
    assert len(link.b.received) == 3000


def test_a_fin_waits_for_a_window_too_and_probes() -> None:
    link = connected(b_receive_buffer=1000)
    link.a.send(bytes(1000), link.now)
    link.a.close(link.now)
    link.run(until=5.0)
    assert not link.b.fin_received
    link.b.receive(1000, link.now)
    link.run(until=70.0)
    assert link.b.fin_received and link.a.state is S.FIN_WAIT_2


def test_a_slow_reader_is_not_offered_little_at_a_time() -> None:
    link = connected(b_receive_buffer=8000)
    link.a.send(bytes(40_000), link.now)
    for _ in range(400):
        link.run(until=link.now + 0.1)
        link.b.receive(100, link.now)
    windows = [s.window for s in link.segments("b") if not s.syn]
    opened = [now for before, now in pairwise(windows) if before == 0 and now > 0]
    assert len(opened) > 10 and min(opened) >= 1448


def test_the_sender_waits_for_a_segment_of_window() -> None:
    link = connected(b_window_scaling=False)
    link.a.snd.wnd = 400
    link.a.send(bytes(5000), link.now)
    assert not link.a.outbox and link.because("a", "held") == [SILLY]
    link.run(until=link.now + 0.3)  # the override timer
    assert next(len(s.payload) for s in link.segments("a") if s.payload) == 400


def test_the_right_edge_never_moves_back() -> None:
    link = connected(b_receive_buffer=70_000)
    link.a.send(Random(1).randbytes(60_003), link.now)
    link.run(until=5.0)
    edges = [s.acknowledgment + (s.window << (0 if s.syn else link.b.rcv.shift)) for s in link.segments("b")]
    assert all(later >= earlier - 1 for earlier, later in pairwise(edges[1:]))


# ---- Nagle --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, [1, 3]),
        ({"nagle": "classic"}, [1, 3]),
        ({"nodelay": True}, [1, 1, 1, 1]),
        ({"cork": True}, [4]),
    ],
)
def test_four_keystrokes(options: dict[str, object], sizes: list[int]) -> None:
    link = connected(**options)
    for _ in range(4):
        link.a.send(b"x", link.now)
    link.run(until=link.now + 1)
    assert [len(s.payload) for s in link.segments("a") if s.payload] == sizes


@pytest.mark.parametrize(("nagle", "at_once"), [("minshall", [1448, 552]), ("classic", [1448])])
def test_minshall_lets_the_last_small_segment_go(nagle: str, at_once: list[int]) -> None:
    link = connected(nagle=nagle)
    link.a.send(bytes(2000), link.now)
    assert [len(s.payload) for s in link.a.outbox] == at_once


def test_why_it_was_held_is_told_once() -> None:
    link = connected()
    for _ in range(9):
        link.a.send(b"x", link.now)
    assert link.because("a", "held") == [MINSHALL]
    link.a.set_option("nodelay", True, link.now)
    assert len(link.a.outbox[-1].payload) == 8


# ---- RFC 5961 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "outcome"), [(0, "reset"), (1, "challenge"), (5000, "challenge"), (-1, "nothing"), (2**30, "nothing")]
)
def test_only_the_exact_reset_counts(offset: int, outcome: str) -> None:
    link = connected()
    out = answer(link, to_b(link, offset, rst=True))
    assert (link.b.state is S.CLOSED) == (outcome == "reset")
    assert [s.ack and not s.rst for s in out] == ([True] if outcome == "challenge" else [])


@pytest.mark.parametrize("offset", [-5, 0, 77])
def test_a_syn_is_answered_by_a_challenge(offset: int) -> None:
    link = connected()
    [ack] = answer(link, to_b(link, offset, syn=True))
    assert link.b.state is S.ESTABLISHED
    assert (ack.ack, ack.syn, ack.rst, ack.acknowledgment) == (True, False, False, 1001)


@pytest.mark.parametrize(("offset", "taken"), [(0, True), (1, False), (-60_000, True), (-(2**21), False)])
def test_data_with_a_wild_acknowledgment_is_not_taken(offset: int, taken: bool) -> None:
    link = connected()
    segment = to_b(link, payload=b"attack", acknowledgment=(link.b.snd.una + offset) % 2**32)
    answer(link, segment)
    assert bool(link.b.received) == taken


def test_a_segment_without_ack_is_dropped() -> None:
    link = connected()
    assert answer(link, to_b(link, ack=False, payload=b"x")) == [] and not link.b.received


# ---- the window ---------------------------------------------------------------------------------------------------


def test_what_is_outside_of_the_window_is_answered_and_not_taken() -> None:
    link = connected(b_receive_buffer=2000)
    for offset, size in ((-10, 10), (2000, 5), (9999, 1), (-5, 0)):
        [ack] = answer(link, to_b(link, offset, payload=bytes(size)))
        assert (ack.acknowledgment, len(link.b.received)) == (1001, 0)


def test_what_sticks_out_of_the_window_is_cut() -> None:
    link = connected(b_receive_buffer=2000)
    answer(link, to_b(link, -3, payload=bytes(10)))
    assert len(link.b.received) == 7
    answer(link, to_b(link, payload=bytes(5000), fin=True))
    assert len(link.b.received) == 2000 and not link.b.fin_received


def test_a_fin_before_the_data_counts_when_the_data_has_come() -> None:
    link = connected()
    answer(link, to_b(link, 3, payload=b"def", fin=True))
    assert link.b.state is S.ESTABLISHED
    answer(link, to_b(link, payload=b"abc"))
    assert link.b.state is S.CLOSE_WAIT and link.b.receive(9, 2.0) == b"abcdef" and link.b.ended


def test_an_old_segment_does_not_change_the_window() -> None:
    link = connected()
    answer(link, to_b(link, payload=b"x", window=700))
    assert link.b.snd.wnd == 700 << 5
    answer(link, to_b(link, -2, payload=b"xyz", window=3))
    assert link.b.snd.wnd == 700 << 5


# ---- timestamps ---------------------------------------------------------------------------------------------------


def test_a_segment_from_the_past_is_answered_and_not_taken() -> None:
    link = connected()
    link.a.send(b"old", link.now)
    link.run(until=2.0)
    stale = Options(timestamps=((link.b.recent - 1) % 2**32, 0)).build()
    [ack] = answer(link, to_b(link, payload=b"x", options=stale))
    assert ack.acknowledgment == 1004 and link.b.received == b"old"
    answer(link, to_b(link, payload=b"x", options=stale), now=link.now + 25 * 86400)
    assert link.b.received == b"oldx"  # after 24 days it may have wrapped


def test_what_comes_before_its_turn_does_not_set_the_timestamp_that_is_echoed() -> None:
    """RFC 7323 section 4.3: SEG.SEQ <= Last.ACK.sent; else what is late only would be dropped as old."""
    link = connected()
    recent = link.b.recent
    early, late = (Options(timestamps=(recent + ahead, 0)).build() for ahead in (500, 100))
    [ack] = answer(link, to_b(link, 1, payload=b"y", options=early))
    assert Options.of(ack).timestamps is not None and Options.of(ack).timestamps[1] == recent  # type: ignore[index]
    answer(link, to_b(link, payload=b"x", options=late))
    assert link.b.received == b"xy" and link.b.recent == recent + 100


def test_a_segment_without_a_timestamp_is_dropped_unless_it_is_a_reset() -> None:
    link = connected()
    assert answer(link, to_b(link, payload=b"x", options=b"")) == [] and not link.b.received
    answer(link, to_b(link, rst=True, options=b""))
    assert link.b.state is S.CLOSED


# ---- keep-alive, the path -----------------------------------------------------------------------------------------


def test_keep_alive_keeps_a_peer_that_answers_and_ends_with_one_that_does_not() -> None:
    link = connected(a_keepalive=True, a_keepalive_idle=100.0, a_keepalive_interval=10.0, a_keepalive_count=3)
    link.run(until=1000.0)
    probes = [s for t, who, s in link.sent if who == "a" and t > 50]
    assert 8 <= len(probes) <= 11 and all((s.sequence, s.payload) == (1000, b"") for s in probes)
    assert link.a.state is S.ESTABLISHED
    link.fate = lambda link, segment: []
    link.run()
    assert (link.a.error, link.now < 1200) == ("ETIMEDOUT", True)


def test_it_is_off_unless_asked_for() -> None:
    link = connected()
    link.run(until=1e6)
    assert len(link.sent) == 3 and link.a.deadline() is None


def test_a_smaller_path_mtu_sends_again_in_smaller_segments() -> None:
    link = connected()
    link.fate = lambda link, segment: [] if len(segment.payload) > 1000 else [0.05]
    data = Random(1).randbytes(20_000)
    link.a.send(data, link.now)
    link.flush()
    cwnd = link.a.congestion.cwnd
    link.a.path_mtu(1040, link.now)
    assert link.a.congestion.cwnd == cwnd
    assert transfer(link, b"")[0] == data
    assert max(len(s.payload) for s in link.segments("a")[-10:]) == 988


@pytest.mark.parametrize(("size", "mtu", "mss"), [(4, 0, 500), (4, 1000, 948), (16, 0, 1208), (16, 1400, 1328)])
def test_a_path_mtu_is_believed_down_to_a_limit(size: int, mtu: int, mss: int) -> None:
    a = Connection((bytes(size), 1), (bytes(size), 2), 1)
    a.timestamps = True
    a.path_mtu(mtu, 0.0)
    a.peer_mss = 9000
    a.agree_on_mss()
    assert a.snd.mss == mss


def test_an_icmp_error_ends_only_what_is_not_established() -> None:
    link = connected()
    link.a.network_error("EHOSTUNREACH", True, link.now)
    assert link.a.state is S.ESTABLISHED
    a = Connection(A, B, 1)
    a.open(0.0)
    a.network_error("ENETUNREACH", False, 0.1)
    assert a.state is S.SYN_SENT
    a.network_error("ECONNREFUSED", True, 0.1)
    assert (a.state, a.error) == (S.CLOSED, "ECONNREFUSED")


def test_after_a_pause_the_window_restarts() -> None:
    link = connected()
    transfer(link, bytes(400_000), close=False)
    grown = link.a.congestion.cwnd
    link.run(until=link.now + 30)
    link.a.send(bytes(100_000), link.now)
    assert link.a.congestion.cwnd < grown and len(link.a.outbox) == 10


# ---- Fast Open ----------------------------------------------------------------------------------------------------

COOKIE = b"12345678"


def fast(taken: bool, data: bytes = b"GET /") -> Pair:
    """A client that has a cookie, and a server that finds it right, or does not."""
    link = Pair(Connection(A, B, 1000), Connection(B, A, 5000))
    link.a.open(0.0, data, COOKIE, 1460)
    [syn] = link.a.outbox
    assert Options.of(syn).fast_open == COOKIE and syn.payload == data[:1420]
    link.flush()
    link.queue.clear()
    link.b.accept_syn(syn, 0.05, fast_open=taken, cookie=None if taken else b"87654321")
    return link


def test_data_on_a_syn_is_answered_before_the_handshake_is_over() -> None:
    link = fast(True)
    assert link.b.receive(9, 0.05) == b"GET /"
    link.b.send(b"200 OK", 0.05)
    link.run(until=0.11)
    assert link.a.receive(9, link.now) == b"200 OK"  # one round trip after the start
    assert link.segments("b")[0].acknowledgment == 1006
    assert transfer(link, b"more", b"and more") == (b"more", b"and more")


def test_data_on_a_syn_that_is_not_taken_goes_again_at_once() -> None:
    link = fast(False)
    assert link.segments("a")[0].syn and not link.b.received
    link.run(until=0.2)
    assert link.b.receive(9, 0.2) == b"GET /" and link.a.learnt_cookie == b"87654321"
    # the acknowledgment of the SYN,ACK comes before that data, for a server that made its number a SYN cookie
    first = link.segments("a")[0]
    assert [segment.sequence for segment in link.segments("a")[1:3]] == [first.sequence + 1] * 2


def test_what_does_not_fit_on_the_syn_follows() -> None:
    data = Random(1).randbytes(10_000)
    assert transfer(fast(True, data), b"")[0] == data


def test_a_syn_with_data_that_is_lost_is_sent_again_without() -> None:
    link = Pair(Connection(A, B, 1000), Connection(B, A, 5000), fate=lambda link, s: [] if link.now < 0.5 else [0.05])
    link.b.listen(0.0)
    link.a.open(0.0, b"GET /", COOKIE)
    link.run(until=3.0)
    first, second = (s for s in link.segments("a") if s.syn)
    assert first.payload and not second.payload and Options.of(second).fast_open is None
    assert link.b.receive(9, 3.0) == b"GET /"
