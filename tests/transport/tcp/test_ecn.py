"""ECN: agreed on by both, marked by a router, echoed until the sender has said that it has slowed down."""

from __future__ import annotations

import pytest

from netlib.transport.tcp.connection import Connection
from netlib.wire.tcp import TCPSegment

from .pair import A, B, connected, pair, transfer


@pytest.mark.parametrize(("mine", "yours"), [(True, True), (True, False), (False, True), (False, False)])
def test_it_is_on_where_both_want_it(mine: bool, yours: bool) -> None:
    link = connected(a_ecn=mine, b_ecn=yours)
    assert link.a.ecn.on == link.b.ecn.on == (mine and yours)
    syn, answer, ack = (s for _, _, s in link.sent)
    assert (syn.ece, syn.cwr) == (mine, mine)
    assert (answer.ece, answer.cwr) == (mine and yours, False)
    assert not (ack.ece or ack.cwr)


def test_who_reflects_all_flags_does_not_know_it() -> None:
    a = Connection(A, B, 1000, options={"ecn": True})
    a.open(0.0)
    a.segment_arrives(TCPSegment(80, 40000, 5000, 1001, syn=True, ack=True, ece=True, cwr=True, window=99), 0.1)
    assert not a.ecn.on


def test_a_mark_halves_the_window_once_and_nothing_is_sent_again() -> None:
    link = connected(ecn=True)
    marked = []

    def mark(end: Connection, segment: TCPSegment) -> bool:
        if end is link.a and segment.payload and link.now > 1.25 and len(marked) < 3:
            marked.append(segment.sequence)
            return True
        return False

    link.marking = mark
    data = bytes(400_000)
    assert transfer(link, data)[0] == data
    assert len(marked) == 3
    echoes = [s for s in link.segments("b") if s.ece and not s.syn]
    answers = [s for s in link.segments("a") if s.cwr and not s.syn]
    assert echoes and len(answers) == 1 and answers[0].payload
    assert link.because("a", "acknowledged") == ["ECE: a router is congested"]
    assert link.a.counts["retrans"] == 0
    assert not link.b.ecn.echo  # CWR has ended it


def test_a_syn_that_is_lost_is_sent_again_without_it() -> None:
    link = pair(lambda link, segment: [], ecn=True)
    link.a.open(0.0)
    link.run(until=2.0)
    first, second = link.segments("a")
    assert first.ece and not second.ece and not second.cwr


def test_what_is_sent_again_is_not_to_be_marked() -> None:
    link = connected(ecn=True)
    link.a.send(b"x", link.now)
    [first] = link.a.outbox
    assert link.a.may_be_marked(first)
    link.flush()
    link.queue.clear()
    link.a.tick(link.a.deadline() or 0.0)
    [again] = link.a.outbox
    assert again.payload == b"x" and not link.a.may_be_marked(again)
    link.a.outbox.clear()
    link.a.acknowledge("", 9.0)
    assert not link.a.may_be_marked(link.a.outbox[0])  # nor are acknowledgments


@pytest.mark.parametrize("how", ["fast retransmit", "timeout"])
def test_the_peer_is_told_of_any_cut_of_the_window(how: str) -> None:
    """RFC 3168 section 6.1.2: "for any reason"."""
    link = connected(ecn=True)
    lost = iter([True])
    link.fate = lambda link, segment: [] if segment.payload and next(lost, False) else [0.05]
    link.a.send(bytes(1 if how == "timeout" else 40_000), link.now)
    link.run(until=link.now + 5)
    assert link.a.counts["retrans"] >= 1 and not link.a.sending
    link.a.send(b"after it", link.now)
    link.run(until=link.now + 5)
    told = [segment for segment in link.segments("a") if segment.cwr and not segment.syn]
    assert len(told) == 1
    assert told[0].payload == (b"after it" if how == "timeout" else bytes(1448))
    sent = [segment.sequence for segment in link.segments("a")]
    assert sent.count(told[0].sequence) == 1  # on new data, not on what is sent again
