"""The retransmission timeout of RFC 6298, against its formulas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.transport.tcp.rtt import RTT


def test_before_a_sample_and_with_the_first_and_second() -> None:
    rtt = RTT()
    assert (rtt.rto, rtt.smoothed) == (1.0, None)
    rtt.sample(0.1, 0.0)
    assert (rtt.smoothed, rtt.variation, rtt.rto) == (0.1, 0.05, pytest.approx(0.3))
    rtt.sample(0.2, 1.0)
    # the variation first, from the old SRTT: 3/4 * 0.05 + 1/4 * |0.1 - 0.2|
    assert (rtt.variation, rtt.smoothed) == (pytest.approx(0.0625), pytest.approx(0.1125))
    assert rtt.rto == pytest.approx(0.1125 + 4 * 0.0625)
    assert (rtt.latest, rtt.lowest) == (0.2, 0.1)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_any_samples_follow_the_formulas_within_the_bounds(samples: list[float]) -> None:
    rtt, srtt, rttvar = RTT(minimum=1.0), samples[0], samples[0] / 2
    rtt.sample(samples[0], 0.0)
    for r in samples[1:]:
        rtt.sample(r, 0.0)
        rttvar = 3 / 4 * rttvar + 1 / 4 * abs(srtt - r)
        srtt = 7 / 8 * srtt + 1 / 8 * r
    assert rtt.rto == pytest.approx(min(60.0, max(1.0, srtt + max(0.001, 4 * rttvar))))


def test_it_backs_off_to_a_minute_and_a_sample_ends_that() -> None:
    rtt = RTT()
    waits = []
    for _ in range(8):
        waits.append(rtt.rto)
        rtt.back_off()
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    rtt.sample(0.01, 0.0)
    assert rtt.rto == 0.2  # the minimum


def test_by_choice_the_bound_is_on_top_of_a_round_trip() -> None:
    """As Linux's tcp_rto_min: on a steady path an acknowledgment that is delayed is no loss, however long the path."""
    rtt = RTT(more=0.2)
    for _ in range(200):
        rtt.sample(0.18, 0.0)
    assert rtt.rto == pytest.approx(0.38)


def test_a_steady_path_leaves_the_granularity_on_top() -> None:
    rtt = RTT(minimum=0.0)
    for _ in range(200):
        rtt.sample(0.5, 0.0)
    assert rtt.rto == pytest.approx(0.501)


def test_many_samples_in_a_round_trip_remember_as_long_as_one() -> None:
    one, many = RTT(), RTT()
    one.sample(0.1, 0.0), many.sample(0.1, 0.0)
    one.sample(0.3, 0.0)
    for _ in range(50):
        many.sample(0.3, 0.0, expected=50)
    assert one.smoothed is not None and many.smoothed == pytest.approx(one.smoothed, rel=0.02)


def test_after_a_resent_syn_three_seconds_unless_a_sample_has_said_better() -> None:
    rtt = RTT()
    rtt.back_off()
    rtt.after_resent_syn()
    assert rtt.rto == 3.0
    rtt.sample(0.1, 0.0)
    rtt.after_resent_syn()
    assert rtt.rto == pytest.approx(0.3)


def test_a_time_below_zero_teaches_nothing() -> None:
    rtt = RTT()
    rtt.sample(-1.0, 0.0)
    assert (rtt.rto, rtt.smoothed, rtt.latest) == (1.0, None, None)
