"""Whatever the link does, the bytes arrive exactly once and in order, or there is an error; and nothing hangs."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.transport.tcp.congestion.cubic import Cubic
from netlib.transport.tcp.congestion.tahoe import Tahoe
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.states import State

from .pair import A, B, Pair, connected, hostile, pair, transfer

CLOSED, TIME_WAIT = State.CLOSED, State.TIME_WAIT


def over(link: Pair) -> bool:
    return all(end.state in (CLOSED, TIME_WAIT) for end in (link.a, link.b))


settings_of_a_side = st.fixed_dictionaries(
    {},
    optional={
        "nodelay": st.booleans(),
        "nagle": st.sampled_from(["minshall", "classic"]),
        "timestamps": st.booleans(),
        "sack": st.booleans(),
        "window_scaling": st.booleans(),
        "ecn": st.booleans(),
        "receive_buffer": st.sampled_from([1, 50, 700, 3000, 65535, 1 << 20]),
        "send_buffer": st.sampled_from([1, 1000, 1 << 18]),
        "delayed_ack": st.sampled_from([0.0, 0.04, 0.4]),
    },
)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.2),
    reorder=st.floats(0, 0.5),
    duplicate=st.floats(0, 0.3),
    up=st.integers(0, 30_000),
    down=st.integers(0, 30_000),
    mine=settings_of_a_side,
    yours=settings_of_a_side,
    both_open=st.booleans(),
    iss=st.integers(0, 2**32 - 1),
)
def test_every_byte_exactly_once_in_order(
    seed: int, loss: float, reorder: float, duplicate: float, up: int, down: int,
    mine: dict[str, Any], yours: dict[str, Any], both_open: bool, iss: int,
) -> None:  # fmt: skip
    if min(s.get(k, 9999) for s in (mine, yours) for k in ("receive_buffer", "send_buffer")) < 100:
        up, down = up % 200, down % 200
    link = Pair(Connection(A, B, iss, options=mine), Connection(B, A, 77, options=yours),
                fate=hostile(seed, loss, reorder, duplicate))  # fmt: skip
    link.a.open(0.0)
    if both_open:
        link.b.open(0.0)
    else:
        link.b.listen(0.0)
    sent = Random(seed).randbytes(up), Random(seed + 1).randbytes(down)
    got = transfer(link, *sent)
    for end in (link.a, link.b):
        assert end.state in (CLOSED, TIME_WAIT)
        assert end.error in (None, "ETIMEDOUT", "ECONNRESET", "ECONNREFUSED")
    errors = {link.a.error, link.b.error} - {None}
    for arrived, original in zip(got, sent, strict=True):
        assert original.startswith(arrived)
        assert arrived == original or errors, "bytes are missing and nobody says so"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("options", [{}, {"sack": False}, {"timestamps": False, "sack": False}], ids=str)
def test_200_kilobytes_each_way_through_5_percent_loss(seed: int, options: dict[str, Any]) -> None:
    link = pair(hostile(seed, 0.05, 0.05, 0.02), **options)
    link.a.open(0.0)
    data = Random(seed).randbytes(200_000)
    assert transfer(link, data, data) == (data, data)
    assert link.a.error is link.b.error is None
    assert link.now < 120


@pytest.mark.parametrize("congestion", [Tahoe, Cubic])
def test_with_another_congestion_controller(congestion: Any) -> None:
    parts = TCPParts(congestion=congestion)
    link = Pair(Connection(A, B, 1, parts=parts), Connection(B, A, 2, parts=parts), fate=hostile(1, 0.05, 0.05, 0.02))
    link.b.listen(0.0)
    link.a.open(0.0)
    data = Random(3).randbytes(200_000)
    assert transfer(link, data, data) == (data, data)


def test_the_peer_is_gone_an_error_says_so() -> None:
    link = connected()
    link.fate = lambda link, segment: []
    link.a.send(b"is anybody there", link.now)
    link.run()
    assert (link.a.state, link.a.error) == (CLOSED, "ETIMEDOUT")
    assert len([s for s in link.segments("a") if s.payload]) == 16
    assert 100 < link.now < 1200  # R2: "at least 100 seconds"
    assert link.because("a", "timer").count("R1: is there another way to the peer?") == 1


def test_the_timer_doubles_and_karn_takes_no_sample_of_what_was_resent() -> None:
    link = connected(timestamps=False)
    rtt = link.a.rtt.smoothed
    drops = iter([True, True, True])
    link.fate = lambda link, segment: [] if segment.payload and next(drops, False) else [0.05]
    link.a.send(b"x", link.now)
    link.run(until=20.0)
    times = [t for t, who, s in link.sent if s.payload]
    gaps = [b - a for a, b in pairwise(times)]
    assert gaps[1] == pytest.approx(2 * gaps[0]) and gaps[2] == pytest.approx(4 * gaps[0])
    assert link.a.rtt.smoothed == rtt


def test_one_loss_is_repaired_without_the_timer() -> None:
    for options in ({}, {"sack": False}):
        link = connected(**options)
        dropped: list[int] = []

        def fate(link: Pair, segment: Any, dropped: list[int] = dropped) -> list[float]:
            if segment.payload and segment.sequence > 10_000 and not dropped:
                dropped.append(segment.sequence)
                return []
            return [link.delay]

        link.fate = fate
        data = Random(1).randbytes(100_000)
        assert transfer(link, data)[0] == data
        assert dropped and link.a.counts["retrans"] == 1
        assert not [e for e in link.because("a", "timer") if "timeout" in e]
        assert link.because("a", "loss") == ["3 duplicate acknowledgments"]


def test_karn_a_segment_that_fast_retransmit_sent_again_is_not_timed() -> None:
    link = connected(timestamps=False, sack=False)  # with SACK the RFC's rescue retransmission would be a second one
    rtt = link.a.rtt.smoothed
    lost = iter([True])
    link.fate = lambda link, segment: [] if segment.payload and next(lost, False) else [0.05]
    link.a.send(bytes(6 * 1460), link.now)
    link.run(until=link.now + 5)
    assert link.a.counts["retrans"] == 1 and not link.a.sending
    assert link.a.rtt.smoothed == rtt  # a sample of it would say 0.2 s


def test_many_losses_in_one_window_are_repaired_at_once_with_sack() -> None:
    times = {}
    for sack in (True, False):
        link = connected(sack=sack)
        lost: set[int] = set()

        def fate(link: Pair, segment: Any, lost: set[int] = lost) -> list[float]:
            number = segment.sequence
            if segment.payload and 30_000 < number < 60_000 and number not in lost and number // 1448 % 3 == 0:
                lost.add(number)
                return []
            return [link.delay]

        link.fate = fate
        data = Random(1).randbytes(200_000)
        assert transfer(link, data)[0] == data
        assert len(lost) > 4 and (link.a.counts["retrans"] == len(lost) or not sack)
        times[sack] = link.now
    assert times[True] < times[False]
