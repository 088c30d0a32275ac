"""A connection: opened, closed and reset in every way that RFC 9293 knows, on a link without faults."""

from __future__ import annotations

from random import Random

import pytest

from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.options import Options
from netlib.transport.tcp.states import ARROWS, State, strays
from netlib.transport.tcp.variables import CallError
from netlib.wire.tcp import TCPSegment

from .pair import A, B, Pair, connected, pair, transfer

S = State


def names(path: list[State]) -> str:
    return " ".join(str(state) for state in path)


# ---- opening --------------------------------------------------------------------------------------------------


def test_three_segments_open_a_connection() -> None:
    link = connected()
    shape = [(who, s.syn, s.ack, s.sequence, s.acknowledgment) for _, who, s in link.sent]
    assert shape == [("a", True, False, 1000, 0), ("b", True, True, 5000, 1001), ("a", False, True, 1001, 5001)]
    assert names(link.path["a"]) == "CLOSED SYN-SENT ESTABLISHED"
    assert names(link.path["b"]) == "CLOSED LISTEN SYN-RECEIVED ESTABLISHED"


def test_both_open_at_once() -> None:
    link = pair(listen=False)
    link.a.open(0.0)
    link.b.open(0.0)
    link.run(until=5.0)
    assert names(link.path["a"]) == names(link.path["b"]) == "CLOSED SYN-SENT SYN-RECEIVED ESTABLISHED"
    assert transfer(link, b"x" * 5000, b"y" * 5000) == (b"x" * 5000, b"y" * 5000)


def test_send_in_listen_opens_actively() -> None:
    link = pair()
    link.a.listen(0.0)
    assert link.a.send(b"hello", 0.0) == 5
    link.run(until=1.0)
    assert names(link.path["a"]) == "CLOSED LISTEN SYN-SENT ESTABLISHED"
    assert link.b.receive(10, 1.0) == b"hello"


def test_a_syn_that_is_lost_is_sent_again_and_the_window_is_one_segment() -> None:
    lost = iter([True])
    link = pair(lambda link, segment: [] if next(lost, False) else [0.05])
    link.a.open(0.0)
    link.run(until=3.0)
    assert link.a.state is S.ESTABLISHED and [t for t, who, s in link.sent if s.syn and who == "a"] == [0.0, 1.0]
    assert link.a.congestion.cwnd == link.a.snd.mss


def test_nobody_answers() -> None:
    link = pair(lambda link, segment: [])
    link.a.open(0.0)
    link.run()
    assert (link.a.state, link.a.error) == (S.CLOSED, "ETIMEDOUT")
    assert len(link.segments("a")) == 8  # the SYN and seven more
    assert link.now == 1 + 2 + 4 + 8 + 16 + 32 + 60 + 60  # "at least 3 minutes" (MUST-23)


def test_a_reset_answers_a_syn_to_a_closed_port() -> None:
    link = pair(listen=False)
    link.a.open(0.0)
    link.run()
    assert (link.a.state, link.a.error) == (S.CLOSED, "ECONNREFUSED")
    with pytest.raises(CallError, match="ECONNREFUSED"):
        link.a.send(b"x", link.now)


def test_after_a_reset_in_syn_received_a_passive_open_listens_again() -> None:
    link = pair()
    link.b.segment_arrives(TCPSegment(40000, 80, 1000, syn=True), 0.0)
    link.b.segment_arrives(TCPSegment(40000, 80, 1001, rst=True), 0.1)
    link.flush()
    assert names(link.path["b"]) == "CLOSED LISTEN SYN-RECEIVED LISTEN"
    link.a.open(0.2)
    link.queue.clear()
    link.run(until=2.0)
    assert link.b.state is S.ESTABLISHED


def test_an_old_duplicate_syn_is_told_from_the_new_one() -> None:
    """Figure 9 of RFC 9293: the answer to an old SYN draws a RST, and the listener listens again."""
    link = pair()
    link.a.open(0.0)
    link.flush()
    link.queue.clear()  # the new SYN is still on its way
    link.b.segment_arrives(TCPSegment(40000, 80, 90, syn=True, window=9), 0.1)
    link.run(until=0.5)
    [reset] = [s for s in link.segments("a") if s.rst]
    assert (reset.sequence, reset.ack) == (91, False)
    assert names(link.path["b"]) == "CLOSED LISTEN SYN-RECEIVED LISTEN"
    link.run(until=3.0)
    assert link.a.state is link.b.state is S.ESTABLISHED


def test_what_a_listener_opens_does_not_listen_again() -> None:
    b = Connection(B, A, 5000)
    b.accept_syn(TCPSegment(40000, 80, 1000, syn=True), 0.0)
    assert b.state is S.SYN_RECEIVED
    b.segment_arrives(TCPSegment(40000, 80, 1001, rst=True), 0.1)
    assert (b.state, b.error) == (S.CLOSED, "ECONNREFUSED")


def test_options_are_used_where_both_offer_them() -> None:
    link = connected()
    assert link.a.timestamps and link.a.sack and (link.a.snd.shift, link.a.rcv.shift) == (5, 5)
    assert link.a.snd.mss == 1448
    link = connected(b_timestamps=False, b_sack=False, b_window_scaling=False)
    for end in (link.a, link.b):
        assert not (end.timestamps or end.sack) and (end.snd.shift, end.rcv.shift) == (0, 0) and end.snd.mss == 1460


def test_without_an_mss_option_it_is_536() -> None:
    b = Connection(B, A, 5000)
    b.accept_syn(TCPSegment(40000, 80, 1000, syn=True, window=9999), 0.0)
    assert b.snd.mss == 536


# ---- data -----------------------------------------------------------------------------------------------------


def test_data_goes_both_ways_and_all_of_it() -> None:
    up, down = Random(1).randbytes(1_000_000), Random(2).randbytes(300_000)
    link = connected()
    assert transfer(link, up, down) == (up, down)
    assert not [segment for _, _, segment in link.sent if segment.rst]
    assert link.a.counts["retrans"] == link.b.counts["retrans"] == 0


def test_sequence_numbers_wrap_on_the_wire_only() -> None:
    link = Pair(Connection(A, B, 2**32 - 2000), Connection(B, A, 2**32 - 5))
    link.b.listen(0.0)
    link.a.open(0.0)
    up = Random(3).randbytes(50_000)
    assert transfer(link, up, up) == (up, up)
    assert link.a.snd.una > 2**32


def test_the_send_buffer_is_bounded() -> None:
    link = connected(send_buffer=10_000)
    taken = [link.a.send(bytes(3000), link.now) for _ in range(5)]
    assert taken == [3000, 3000, 3000, 1000, 0] and not link.a.writable
    link.run(until=5.0)
    assert link.a.writable


def test_urgent_data_is_told_of_and_stays_in_order() -> None:
    link = connected()
    link.a.send(b"slow", link.now)
    link.a.send(b"!", link.now, urgent=True)
    link.run(until=3.0)
    assert link.b.receive(10, link.now) == b"slow!" and link.b.rcv.up == 1006
    assert link.because("b", "urgent") == ["the peer has urgent data"]


# ---- closing --------------------------------------------------------------------------------------------------


def test_closed_by_one_side_then_the_other() -> None:
    link = connected()
    link.a.close(link.now)
    link.run(until=2.0)
    assert (link.a.state, link.b.state) == (S.FIN_WAIT_2, S.CLOSE_WAIT)
    assert link.b.ended and link.b.readable
    link.b.close(link.now)
    link.run()
    assert names(link.path["a"][2:]) == "ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED"
    assert names(link.path["b"][3:]) == "ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED"
    assert 60 < link.now < 63  # 2 MSL


def test_half_closed_data_still_comes() -> None:
    link = connected()
    link.a.send(b"question", link.now)
    link.a.close(link.now)
    link.run(until=2.0)
    with pytest.raises(CallError, match="EPIPE"):
        link.a.send(b"more", link.now)
    assert link.b.receive(99, link.now) == b"question"
    link.b.send(b"answer" * 1000, link.now)
    link.run(until=3.0)
    assert link.a.receive(9999, link.now) == b"answer" * 1000 and not link.a.ended
    link.b.close(link.now)
    link.run(until=4.0)
    assert link.a.ended and (link.a.state, link.b.state) == (S.TIME_WAIT, S.CLOSED)


def test_both_close_at_once() -> None:
    link = connected()
    link.a.close(link.now)
    link.b.close(link.now)
    link.run()
    assert names(link.path["a"][2:]) == "ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT CLOSED"
    assert names(link.path["b"][3:]) == "ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT CLOSED"


def test_a_fin_that_acknowledges_ours_goes_through_fin_wait_2_at_once() -> None:
    link = connected()
    link.a.close(link.now)
    link.a.segment_arrives(
        TCPSegment(80, 40000, 5001, 1002, ack=True, fin=True, window=99,
                   options=Options(timestamps=(9999, 0)).build()), link.now
    )  # fmt: skip
    link.flush()
    assert names(link.path["a"][-3:]) == "FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT"


def test_closed_before_it_is_established() -> None:
    link = pair()
    link.a.open(0.0)
    link.run(until=0.06)
    assert link.b.state is S.SYN_RECEIVED
    link.b.close(link.now)
    link.run(until=2.0)
    link.a.close(link.now)
    link.run()
    assert names(link.path["b"]) == "CLOSED LISTEN SYN-RECEIVED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED"
    assert names(link.path["a"]) == "CLOSED SYN-SENT ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED"


def test_closed_before_it_is_established_with_data_queued() -> None:
    link = pair()
    link.a.open(0.0)
    link.run(until=0.06)
    link.b.send(b"hello", link.now)
    link.b.close(link.now)
    link.run(until=2.0)
    assert link.a.receive(9, 2.0) == b"hello" and link.a.ended
    assert names(link.path["b"]) == "CLOSED LISTEN SYN-RECEIVED ESTABLISHED FIN-WAIT-1 FIN-WAIT-2"


@pytest.mark.parametrize("start", ["listen", "open"])
def test_closed_before_anything_came(start: str) -> None:
    a = Connection(A, B, 1)
    getattr(a, start)(0.0)
    a.close(0.0)
    assert a.state is S.CLOSED and a.deadline() is None and a.error is None


def test_the_last_segment_carries_the_fin() -> None:
    link = connected(cork=True)
    link.a.send(b"all of it", link.now)
    link.a.close(link.now)
    [segment] = link.a.outbox
    assert (segment.payload, segment.fin, segment.psh) == (b"all of it", True, True)


def test_a_retransmitted_fin_restarts_time_wait() -> None:
    link = connected(timestamps=False)
    link.a.close(link.now)
    link.b.close(link.now)
    link.run(until=10.0)
    due = link.a.deadline()
    fin = next(segment for segment in link.segments("b") if segment.fin)
    link.a.segment_arrives(fin, 10.0)
    assert due is not None and link.a.deadline() == 70.0 and due < 70.0
    assert link.a.outbox[-1].ack


def test_unread_data_and_close_is_a_reset() -> None:
    link = connected()
    link.b.send(b"nobody will read this", link.now)
    link.run(until=2.0)
    link.a.close(link.now, reading=False)
    link.run()
    assert (link.a.state, link.b.state, link.b.error) == (S.CLOSED, S.CLOSED, "ECONNRESET")


def test_data_for_who_does_not_read_any_more_is_a_reset() -> None:
    link = connected()
    link.a.close(link.now, reading=False)
    link.run(until=2.0)
    link.b.send(b"too late", link.now)
    link.run()
    assert link.b.error == "ECONNRESET"


def test_nobody_waits_for_ever_for_a_peer_that_does_not_close() -> None:
    link = connected()
    link.a.close(link.now)
    link.run(until=1000.0)
    assert link.a.state is S.FIN_WAIT_2  # the user still reads
    link.a.close(link.now, reading=False)
    link.run(until=1059.0)
    assert link.a.state is S.FIN_WAIT_2
    link.run(until=1061.0)
    assert (link.a.state, link.a.error) == (S.CLOSED, None)


def test_nor_for_one_who_never_opens_its_window() -> None:
    link = connected(b_receive_buffer=1000)
    link.a.send(bytes(5000), link.now)
    link.a.close(link.now, reading=False)
    link.run(until=3600.0)
    assert (link.a.state, link.a.error) == (S.CLOSED, "ETIMEDOUT")


def test_abort_tells_the_peer() -> None:
    link = connected()
    link.a.send(b"x" * 100_000, link.now)
    link.a.abort(link.now)
    link.run()
    assert (link.a.state, link.b.state, link.b.error) == (S.CLOSED, S.CLOSED, "ECONNRESET")
    assert not link.a.sending and link.b.ended


def test_a_newer_syn_may_reopen_from_time_wait() -> None:
    link = connected(timestamps=False)
    link.a.close(link.now)
    link.b.close(link.now)
    link.run(until=10.0)
    assert link.a.state is S.TIME_WAIT
    new = TCPSegment(80, 40000, 90_000, syn=True)
    assert link.a.reopened_by(new) == 1002 + 0xFFFF + 2
    assert link.a.reopened_by(TCPSegment(80, 40000, 4000, syn=True)) is None
    link.a.segment_arrives(new, 10.0)  # nobody asked: a challenge ACK
    assert link.a.state is S.TIME_WAIT and link.a.outbox[-1].ack


# ---- all of it ------------------------------------------------------------------------------------------------


def test_every_arrow_of_the_figure_is_taken() -> None:
    """By the tests above, each run once more and watched."""
    seen: set[tuple[State, State]] = set()
    enter = Connection.enter

    def watch(self: Connection, state: State, because: str, now: float) -> None:
        step = (self.state, state)
        assert not strays(list(step)), f"{step}: {because}"
        seen.add(step)
        enter(self, state, because, now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "enter", watch)
        for start in ("listen", "open"):
            test_closed_before_anything_came(start)
        for test in (
            test_three_segments_open_a_connection,
            test_both_open_at_once,
            test_send_in_listen_opens_actively,
            test_after_a_reset_in_syn_received_a_passive_open_listens_again,
            test_closed_by_one_side_then_the_other,
            test_both_close_at_once,
            test_closed_before_it_is_established,
        ):
            test()
    assert seen >= set(ARROWS), f"never taken: {set(ARROWS) - seen}"


def test_user_calls_that_are_errors() -> None:
    a = Connection(A, B, 1)
    with pytest.raises(CallError, match="ENOTCONN"):
        a.send(b"x", 0.0)
    a.open(0.0)
    for call in (a.open, a.listen):
        with pytest.raises(CallError, match="EISCONN"):
            call(0.0)
    with pytest.raises(CallError, match="ENOPROTOOPT"):
        Connection(A, B, 1, options={"no_such": 1})
