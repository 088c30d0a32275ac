"""Loss recovery: what is sent again, when, and what the congestion controller is told."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.transport.tcp.congestion.cubic import Cubic
from netlib.transport.tcp.congestion.reno import Reno as RenoWindow
from netlib.transport.tcp.congestion.tahoe import Tahoe
from netlib.transport.tcp.recovery import SACK, NewReno, Reno, Verdict, loss_recovery

from .sender import RTT, Sender

MSS = 1000


def sent(kind: Any, segments: int) -> Any:
    """A recovery with so many segments outstanding."""
    recovery = kind(MSS, 0)
    for i in range(segments):
        recovery.on_sent(i * MSS, (i + 1) * MSS, 0.0)
    return recovery


def ack(recovery: Any, segment: int, *blocks: tuple[int, int]) -> Verdict:
    """An acknowledgment of so many segments, with SACK blocks in segments."""
    verdict: Verdict = recovery.on_ack(segment * MSS, [(a * MSS, b * MSS) for a, b in blocks], 0, 0.0)
    return verdict


# ---- without SACK -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Reno, NewReno])
def test_the_third_duplicate_resends_the_first_segment_and_those_after_it_inflate(kind: Any) -> None:
    recovery = sent(kind, 10)
    assert ack(recovery, 1) == Verdict(acked=MSS)
    assert ack(recovery, 1) == ack(recovery, 1) == Verdict()
    third = recovery.on_ack(MSS, [], 9 * MSS, 0.0)
    assert (third.lost, third.duplicates, third.resend, third.flight) == (True, 3, (MSS, 2 * MSS), 9 * MSS)
    assert ack(recovery, 1) == Verdict(duplicates=1)
    last = ack(recovery, 10)
    assert (last.recovered, last.acked, last.resend) == (True, 9 * MSS, None)
    assert not recovery.recovering


def test_limited_transmit_lets_two_segments_out_that_do_not_count_as_flight() -> None:
    """RFC 3042; RFC 5681 section 3.2, step 2."""
    recovery = sent(NewReno, 4)
    assert recovery.pipe() == 4 * MSS
    for duplicate in (1, 2):
        ack(recovery, 0)
        assert recovery.pipe() == 3 * MSS  # room for one more
        recovery.on_sent((3 + duplicate) * MSS, (4 + duplicate) * MSS, 0.0)
        assert recovery.pipe() == 4 * MSS
    assert recovery.on_ack(0, [], 6 * MSS, 0.0).flight == 4 * MSS
    assert recovery.pipe() == 6 * MSS  # now the controller inflates


def test_newreno_a_partial_acknowledgment_resends_the_next_and_the_first_restarts_the_timer() -> None:
    recovery = sent(NewReno, 10)
    for _ in range(3):
        ack(recovery, 0)
    partial, next = ack(recovery, 3), ack(recovery, 7)
    assert (partial.resend, partial.recovered, partial.restart_timer) == ((3 * MSS, 4 * MSS), False, True)
    assert (next.resend, next.recovered, next.restart_timer, next.acked) == ((7 * MSS, 8 * MSS), False, False, 4 * MSS)
    assert ack(recovery, 10).recovered


def test_reno_ends_at_the_first_new_acknowledgment_and_halves_again_for_the_second_loss() -> None:
    recovery = sent(Reno, 10)
    for _ in range(3):
        ack(recovery, 0)
    assert (ack(recovery, 3).recovered, recovery.recovering) == (True, False)
    assert [ack(recovery, 3).lost for _ in range(3)] == [False, False, True]


def test_newreno_takes_duplicates_after_a_timeout_for_what_they_are() -> None:
    """RFC 6582 section 3.2, steps 2 and 4: they come of what was sent again needlessly."""
    recovery = sent(NewReno, 10)
    recovery.on_timeout(1.0)
    assert recovery.pipe() == 0
    recovery.on_sent(0, MSS, 1.0)
    assert ack(recovery, 5).acked == 5 * MSS
    recovery.on_sent(5 * MSS, 9 * MSS, 1.0)
    for _ in range(5):
        assert not ack(recovery, 5).lost
    assert recovery.pipe() == 2 * MSS  # limited transmit: two segments and no more
    ack(recovery, 10)
    for i in range(10, 15):
        recovery.on_sent(i * MSS, (i + 1) * MSS, 2.0)
    assert [ack(recovery, 10).lost for _ in range(3)] == [False, False, True]


# ---- with SACK ----------------------------------------------------------------------------------------------------


def test_the_first_segment_goes_again_at_once_and_the_others_as_the_window_allows() -> None:
    """Ten segments; 1, 3 and 4 are lost (from 0)."""
    recovery = sent(SACK, 10)
    ack(recovery, 1)
    assert not ack(recovery, 1, (2, 3)).lost and recovery.pipe() == 8 * MSS
    assert not ack(recovery, 1, (5, 6), (2, 3)).lost and recovery.pipe() == 7 * MSS
    third = ack(recovery, 1, (5, 7), (2, 3))
    assert (third.lost, third.resend, third.duplicates) == (True, (MSS, 2 * MSS), 0)
    assert recovery.pipe() == 5 * MSS  # 3, 4 and 7 to 9: 1 is lost, and not sent again yet
    recovery.on_sent(MSS, 2 * MSS, 0.0)
    assert recovery.pipe() == 6 * MSS
    ack(recovery, 1, (5, 8), (2, 3))
    assert recovery.board.lost_before()[0] == 5 * MSS
    assert recovery.pipe() == (2 + 1) * MSS  # 8 and 9, and 1 again
    assert recovery.next_segment(new=True) == (3 * MSS, 4 * MSS)  # rule (1)
    recovery.on_sent(3 * MSS, 4 * MSS, 0.0)
    assert recovery.next_segment(new=True) == (4 * MSS, 5 * MSS)
    recovery.on_sent(4 * MSS, 5 * MSS, 0.0)
    assert recovery.next_segment(new=True) is None  # rule (2)
    assert recovery.next_segment(new=False) == (9 * MSS, 10 * MSS)  # rule (4), once
    recovery.on_sent(9 * MSS, 10 * MSS, 0.0)
    assert recovery.next_segment(new=False) is None
    assert recovery.pipe() == 5 * MSS and recovery.high_rxt == 5 * MSS
    assert not ack(recovery, 8).recovered
    assert ack(recovery, 10).recovered and recovery.pipe() == 0


def test_what_is_missing_below_a_sack_but_not_lost_yet_is_sent_when_there_is_nothing_new() -> None:
    """Rule (3)."""
    recovery = sent(SACK, 10)
    for blocks in ([(1, 2)], [(1, 3)], [(1, 4)]):
        verdict = ack(recovery, 0, *blocks)
    recovery.on_sent(*verdict.resend, 0.0)
    ack(recovery, 0, (5, 6), (1, 4))
    assert not recovery.board.is_lost(4 * MSS)
    assert recovery.next_segment(new=True) is None
    assert recovery.next_segment(new=False) == (4 * MSS, 5 * MSS)


def test_one_acknowledgment_that_sacks_much_is_enough() -> None:
    recovery = sent(SACK, 10)
    verdict = ack(recovery, 0, (1, 4))
    assert verdict.lost and verdict.resend == (0, MSS)


def test_three_duplicates_are_enough_however_little_they_sack() -> None:
    """Section 5, step (1): the segments are so small that IsLost says nothing yet."""
    recovery = sent(SACK, 10)
    verdicts = [recovery.on_ack(0, [(MSS, MSS + 100 * i)], 10 * MSS, 0.0) for i in (1, 2, 3)]
    assert [verdict.lost for verdict in verdicts] == [False, False, True]
    assert not recovery.board.is_lost(0) and verdicts[2].resend == (0, MSS)


def test_blocks_that_tell_nothing_new_are_not_duplicates() -> None:
    recovery = sent(SACK, 10)
    for _ in range(5):
        assert not ack(recovery, 0, (1, 2)).lost
    assert recovery.duplicate_acks == 1


def test_what_limited_transmit_has_sent_does_not_count_as_flight() -> None:
    recovery = sent(SACK, 4)
    ack(recovery, 0, (1, 2))
    recovery.on_sent(4 * MSS, 5 * MSS, 0.0)
    ack(recovery, 0, (1, 3))
    recovery.on_sent(5 * MSS, 6 * MSS, 0.0)
    assert recovery.on_ack(0, [(MSS, 4 * MSS)], 6 * MSS, 0.0).flight == 4 * MSS


def test_after_a_timeout_all_is_sent_again_but_what_is_sacked_anew() -> None:
    recovery = sent(SACK, 10)
    for blocks in ([(1, 2)], [(1, 3)], [(1, 4)]):
        ack(recovery, 0, *blocks)
    recovery.on_timeout(1.0)
    assert (recovery.pipe(), recovery.recovering, recovery.board.sacked) == (0, False, 0)
    recovery.on_sent(0, MSS, 1.0)
    assert recovery.pipe() == MSS and recovery.next_segment(new=True) is None
    ack(recovery, 1, (6, 9), (2, 4))
    assert recovery.pipe() == 0 and not recovery.recovering  # no recovery before all that is acknowledged
    assert recovery.hole(MSS, 10 * MSS) == (MSS, 2 * MSS)
    recovery.on_sent(MSS, 2 * MSS, 1.1)
    assert recovery.hole(2 * MSS, 10 * MSS) == (4 * MSS, 6 * MSS)
    ack(recovery, 10)
    assert not recovery.timed_out
    for i in range(10, 15):
        recovery.on_sent(i * MSS, (i + 1) * MSS, 1.2)
    assert recovery.pipe() == 5 * MSS
    assert ack(recovery, 10, (11, 14)).lost


def test_new_data_after_a_timeout_is_in_the_network_too() -> None:
    recovery = sent(SACK, 2)
    recovery.on_timeout(1.0)
    for i in range(4):  # the first two for the second time
        recovery.on_sent(i * MSS, (i + 1) * MSS, 1.0)
        assert recovery.pipe() == (i + 1) * MSS


def test_duplicates_that_the_peer_reports_are_counted_and_mark_nothing() -> None:
    """RFC 2883 sections 4.1 and 4.2."""
    recovery = sent(SACK, 10)
    ack(recovery, 4)
    ack(recovery, 4, (2, 3))  # below the acknowledgment
    ack(recovery, 4, (6, 7))
    ack(recovery, 4, (6, 7), (5, 8))  # within the second block
    assert (recovery.d_sacks, recovery.board.sacked) == (2, 3 * MSS)


@pytest.mark.parametrize("block", [(5, 11), (100, 200), (7, 5), (5, 5), (-3, -1)])
def test_a_block_of_what_was_never_sent_or_nothing_marks_nothing(block: tuple[int, int]) -> None:
    recovery = sent(SACK, 10)
    assert not ack(recovery, 0, block).lost
    assert recovery.board.sacked == 0 and recovery.pipe() == 10 * MSS


def test_the_kind_is_chosen_by_what_both_ends_can() -> None:
    assert type(loss_recovery(True, MSS, 7)) is SACK and type(loss_recovery(False, MSS, 7)) is NewReno


def set_pipe(recovery: SACK) -> int:
    """SetPipe () word by word, a byte at a time."""
    board, pipe = recovery.board, 0
    sacked = {n for a, b in zip(board.starts, board.ends, strict=True) for n in range(a, b)}
    for n in range(recovery.una, recovery.max):
        if n not in sacked:
            pipe += not recovery.timed_out and not board.is_lost(n)
            pipe += (recovery.recovering or recovery.timed_out) and n < recovery.high_rxt
    return pipe


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_pipe_is_what_the_rfc_counts_whatever_happens(data: st.DataObject) -> None:
    recovery, nxt = SACK(3, 0), 0
    numbers = st.integers(0, 70)
    for _ in range(data.draw(st.integers(1, 40))):
        match data.draw(st.sampled_from(["new", "new", "ack", "ack", "ack", "again", "again", "timeout"])):
            case "new":
                nxt = max(nxt, recovery.una)
                recovery.on_sent(nxt, nxt + 3, 0.0)
                nxt += 3
            case "again":
                if segment := recovery.next_segment(data.draw(st.booleans())):
                    assert recovery.una <= segment[0] < segment[1] <= min(recovery.max, segment[0] + 3)
                    recovery.on_sent(*segment, 0.0)
            case "timeout" if data.draw(st.integers(0, 3)) == 0:
                recovery.on_timeout(0.0)
                nxt = recovery.una
            case _:
                blocks = data.draw(st.lists(st.tuples(numbers, numbers), max_size=4))
                verdict = recovery.on_ack(data.draw(st.integers(0, recovery.max)), blocks, 30, 0.0)
                nxt = max(nxt, recovery.una)
                if verdict.resend:
                    recovery.on_sent(*verdict.resend, 0.0)
        assert recovery.pipe() == set_pipe(recovery)
        known = recovery.high_rxt - recovery.una - recovery.board.between(recovery.una, recovery.high_rxt)
        assert recovery.resent == known >= 0


# ---- over a path --------------------------------------------------------------------------------------------------


def once(*segments: int) -> Any:
    return lambda start, copy: copy == 1 and start // MSS in segments


def trips(sender: Sender) -> float:
    """From the first segment that was sent again to the end of the recovery, in round trips."""
    first = next(when for when, _, again in sender.sent if again)
    return (next(now for (now, _), v in zip(sender.windows, sender.verdicts, strict=True) if v.recovered) - first) / RTT


@pytest.mark.parametrize("window", [RenoWindow, Cubic])
def test_newreno_repairs_a_loss_in_each_round_trip_and_sack_all_in_one(window: Any) -> None:
    losses = (60, 63, 66, 69)
    newreno = Sender(window(MSS), NewReno(MSS, 0), 300 * MSS, once(*losses), sack=False).run()
    sack = Sender(window(MSS), SACK(MSS, 0), 300 * MSS, once(*losses)).run()
    for sender in (newreno, sack):
        assert sender.timeouts == 0
        assert [r[0] // MSS for _, r, again in sender.sent if again] == list(losses)  # and nothing else
        assert sum(v.lost for v in sender.verdicts) == sum(v.recovered for v in sender.verdicts) == 1
    assert trips(newreno) == pytest.approx(4, abs=0.1)
    assert trips(sack) <= 2.1


@pytest.mark.parametrize("kind", [NewReno, SACK])
def test_one_loss_halves_the_window_once_and_the_flow_goes_on(kind: Any) -> None:
    sender = Sender(RenoWindow(MSS), kind(MSS, 0), 400 * MSS, once(60), sack=kind is SACK).run()
    [lost] = [v for v in sender.verdicts if v.lost]
    i = next(i for i, v in enumerate(sender.verdicts) if v.recovered)
    assert sender.windows[i][1] == lost.flight // 2 and sender.timeouts == 0
    during = [when for when, _, again in sender.sent if not again and 0 < when - sender.windows[i][0] + RTT < RTT]
    assert len(during) >= lost.flight // 2 // MSS - 3  # new data while the loss is repaired


def test_with_a_tiny_window_limited_transmit_saves_the_timeout() -> None:
    window = RenoWindow(MSS)
    window.cwnd = window.ssthresh = 3 * MSS
    sender = Sender(window, NewReno(MSS, 0), 20 * MSS, once(3), sack=False).run()
    assert sender.timeouts == 0 and sum(again for _, _, again in sender.sent) == 1


@pytest.mark.parametrize("kind", [Reno, NewReno, SACK])
def test_a_lost_retransmission_waits_for_the_timer_and_all_arrives(kind: Any) -> None:
    loses = lambda start, copy: start == 30 * MSS and copy <= 2  # noqa: E731
    sender = Sender(RenoWindow(MSS), kind(MSS, 0), 200 * MSS, loses, sack=kind is SACK).run()
    assert sender.timeouts == 1 and sender.receiver.next == 200 * MSS
    assert any(cwnd == 2 * MSS for _, cwnd in sender.windows)  # slow start from one


def test_after_a_timeout_sack_sends_nothing_again_that_the_peer_reports_in_time() -> None:
    """Seven in a row are lost, and again when they are resent."""
    gone = range(25, 32)
    loses = lambda start, copy: copy <= 2 and start // MSS in gone  # noqa: E731
    sender = Sender(RenoWindow(MSS), SACK(MSS, 0), 200 * MSS, loses).run()
    plain = Sender(RenoWindow(MSS), NewReno(MSS, 0), 200 * MSS, loses, sack=False).run()
    assert sender.receiver.next == plain.receiver.next == 200 * MSS
    assert len(sender.sent) < len(plain.sent)


def test_reordering_by_less_than_three_segments_is_no_loss() -> None:
    for kind in (NewReno, SACK):
        late = lambda number: 0.05 if number == 12 else 0.0  # noqa: E731
        sender = Sender(RenoWindow(MSS), kind(MSS, 0), 14 * MSS, once(), late, sack=kind is SACK).run()
        assert len(sender.sent) == 14 and sender.timeouts == 0


@pytest.mark.parametrize("window", [Tahoe, RenoWindow, Cubic])
@pytest.mark.parametrize("kind", [Reno, NewReno, SACK])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_whatever_is_lost_and_late_everything_arrives(window: Any, kind: Any, rate: float) -> None:
    for seed in range(4):
        random = Random(seed)
        loses = lambda start, copy: random.random() < rate  # noqa: E731, B023
        delay = lambda number: random.choice((0.0, 0.0, 0.0, 0.02))  # noqa: E731, B023
        sender = Sender(window(MSS), kind(MSS, 0), 300 * MSS, loses, delay, sack=kind is SACK).run(10_000.0)
        assert sender.receiver.next == 300 * MSS and sender.una == 300 * MSS
        assert len(sender.sent) < 300 * 3
        assert sender.recovery.pipe() == 0 or kind is not SACK


def test_a_flood_of_blocks_costs_linear_time() -> None:
    from netlib.transport.tcp import recovery as module

    from .test_reassembler import lines_run

    def flood(count: int) -> None:
        recovery = sent(SACK, count)
        for i in range(count):
            start = i * MSS + 1 + i % 7
            recovery.on_ack(0, [(start, start + 1), (start + 9, start + 10), (5, 6)], count * MSS, 0.0)
            recovery.pipe()
            if segment := recovery.next_segment(False):
                recovery.on_sent(*segment, 0.0)

    few, many = (lines_run(module.__file__, flood, count) for count in (100, 1000))
    assert many <= 12 * few
