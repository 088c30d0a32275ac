"""Windows against the formulas of their RFCs, to within one segment."""

from functools import cache
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.transport.tcp.congestion.control import UNLIMITED, CongestionControl, initial_window
from netlib.transport.tcp.congestion.cubic import Cubic
from netlib.transport.tcp.congestion.reno import Reno
from netlib.transport.tcp.congestion.tahoe import Tahoe

from .path import MSS, Path

ALL = [Tahoe, Reno, Cubic]


@pytest.mark.parametrize("mss, window", [(536, 5360), (1460, 14600), (1461, 14600), (8960, 17920), (1220, 12200)])
def test_the_initial_window_of_rfc_6928(mss: int, window: int) -> None:
    assert initial_window(mss) == window == Reno(mss).cwnd


# ---- Reno: RFC 5681 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("rtt", [0.01, 0.1])
def test_slow_start_doubles_each_round_trip(kind: type[Reno], rtt: float) -> None:
    path = Path(kind(MSS), rtt)
    for trip, (_, window) in enumerate(path.run(5 * rtt)):
        assert window == 10 + trip + 1  # one for each acknowledgment
    assert path.control.cwnd >= 10 * 2**4 * MSS


def test_slow_start_with_delayed_acknowledgments_and_the_growth_of_rfc_3465() -> None:
    one, two = Reno(MSS), Reno(MSS, growth=2)
    for reno in (one, two):
        reno.on_ack(2 * MSS, 10 * MSS, 0.0, None)
        reno.on_ack(100, 12 * MSS, 0.0, None)
    assert (one.cwnd, two.cwnd) == (11 * MSS + 100, 12 * MSS + 100)  # "min (N, SMSS)"


def test_one_acknowledgment_of_many_segments_does_not_lift_the_window_over_the_threshold() -> None:
    linux = Reno(MSS, growth=UNLIMITED)
    linux.ssthresh = 16 * MSS
    linux.on_ack(4 * MSS, 10 * MSS, 0.0, None)
    assert linux.cwnd == 14 * MSS
    linux.on_ack(14 * MSS, 14 * MSS, 0.1, None)
    assert linux.cwnd == 16 * MSS


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("rtt", [0.005, 0.1])
def test_congestion_avoidance_adds_one_segment_each_round_trip(rtt: float, every: int) -> None:
    path = Path(Reno(MSS), rtt, every)
    path.run(4 * rtt)
    path.lose()
    base = path.control.cwnd / MSS
    seen = path.run(60 * rtt)
    start = seen[0][0]
    for now, window in seen:
        assert abs(window - reno((now - start) / rtt, base, prior=0)) <= 1.0
    assert path.control.cwnd / MSS - base == pytest.approx(60, abs=3)


def test_a_loss_halves_and_each_duplicate_inflates_until_recovery_ends() -> None:
    """The example of RFC 5681 section 3.2: 20 segments under way, the first is lost."""
    reno = Reno(MSS)
    reno.cwnd = 20 * MSS
    reno.on_loss(20 * MSS, 1.0)
    for _ in range(3):
        reno.on_duplicate_ack()
    assert (reno.ssthresh, reno.cwnd) == (10 * MSS, 13 * MSS)  # steps 2 and 3
    for _ in range(16):
        reno.on_duplicate_ack()
    assert reno.cwnd == 29 * MSS  # step 4
    reno.on_ack(10 * MSS, 29 * MSS, 1.1, None)  # a partial acknowledgment, RFC 6582
    assert reno.cwnd == 20 * MSS
    reno.on_ack(100, 20 * MSS, 1.1, None)  # of less than a segment: nothing is added back
    assert reno.cwnd == 20 * MSS - 100
    reno.on_recovered(1.2)
    assert (reno.cwnd, reno.ssthresh, reno.recovering) == (10 * MSS, 10 * MSS, False)
    reno.on_duplicate_ack()
    assert reno.cwnd == 10 * MSS


def test_the_first_timeout_halves_the_threshold_and_those_after_it_hold_it() -> None:
    reno = Reno(MSS)
    reno.cwnd = 20 * MSS
    reno.on_timeout(20 * MSS, 0.0)
    assert (reno.ssthresh, reno.cwnd) == (10 * MSS, MSS)
    reno.on_timeout(1 * MSS, 1.0)
    assert (reno.ssthresh, reno.cwnd) == (10 * MSS, MSS)
    reno.on_ack(MSS, MSS, 2.0, None)
    reno.on_timeout(8 * MSS, 3.0)
    assert (reno.ssthresh, reno.cwnd) == (4 * MSS, MSS)


def test_after_a_timeout_slow_start_up_to_half_then_one_a_round_trip() -> None:
    path = Path(Reno(MSS), 0.1)
    path.run(0.35)
    half = path.flight // 2 / MSS
    path.control.on_timeout(path.flight, path.now)
    path.drain()
    start = path.now
    seen = path.run(2.0)
    for trip in range(1, 20):  # each round trip's acknowledgments come together
        window = [window for now, window in seen if now < start + (trip + 0.5) * 0.1][-1]
        assert abs(window - min(2**trip, half + max(0, trip - ceil(log2(half))))) <= 1.0


@pytest.mark.parametrize("kind", ALL)
def test_two_segments_are_the_least_threshold(kind: type[Reno]) -> None:
    for event in ("on_loss", "on_timeout", "on_ecn"):
        control = kind(MSS)
        getattr(control, event)(MSS, 0.0)
        assert control.ssthresh == 2 * MSS


def test_a_congestion_mark_is_as_a_loss_but_not_within_one() -> None:
    reno = Reno(MSS)
    reno.on_ecn(10 * MSS, 0.0)
    assert (reno.ssthresh, reno.cwnd, reno.recovering) == (5 * MSS, 5 * MSS, False)
    reno.on_loss(10 * MSS, 0.0)
    before = reno.cwnd
    reno.on_ecn(4 * MSS, 0.0)
    assert reno.cwnd == before


@pytest.mark.parametrize("kind", ALL)
def test_a_pause_brings_back_the_initial_window_and_no_more(kind: type[Reno]) -> None:
    control = kind(MSS)
    control.cwnd = 50 * MSS
    control.on_idle(9.0)
    assert (control.cwnd, control.ssthresh) == (10 * MSS, UNLIMITED)
    control.cwnd = 3 * MSS
    control.on_idle(19.0)
    assert control.cwnd == 3 * MSS


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("threshold", [UNLIMITED, 10 * MSS])
def test_a_window_that_is_not_used_does_not_grow(kind: type[Reno], threshold: int) -> None:
    control = kind(MSS)
    control.ssthresh = threshold
    for i in range(200):
        control.on_ack(MSS, 3 * MSS, i * 0.1, 0.1)
    assert control.cwnd == 10 * MSS


def test_tahoe_starts_from_one_segment_and_needs_no_recovery() -> None:
    tahoe = Tahoe(MSS)
    tahoe.cwnd = 20 * MSS
    tahoe.on_loss(20 * MSS, 0.0)
    for _ in range(5):
        tahoe.on_duplicate_ack()
    assert (tahoe.cwnd, tahoe.ssthresh) == (MSS, 10 * MSS)
    for _ in range(9):
        tahoe.on_ack(MSS, tahoe.cwnd, 0.1, None)
    tahoe.on_recovered(0.2)
    assert tahoe.cwnd == 10 * MSS
    tahoe.on_ecn(10 * MSS, 0.3)
    assert (tahoe.cwnd, tahoe.ssthresh) == (MSS, 5 * MSS)


# ---- CUBIC: RFC 9438 -------------------------------------------------------------------------------------------


ALPHA = 3 * 0.3 / 1.7


def w_cubic(t: float, w_max: float, start: float) -> float:
    """Figures 1 and 2, in segments."""
    k = ((w_max - start) / 0.4) ** (1 / 3)
    return 0.4 * (t - k) ** 3 + w_max


@cache
def reno_windows(start: float, prior: float) -> list[float]:
    """Figure 4, a round trip at a time: in each, what was the window in the one before it is acknowledged."""
    windows = [start, start]
    while len(windows) < 1000:
        alpha = ALPHA if windows[-1] < prior else 1.0
        windows.append(windows[-1] + alpha * windows[-2] / windows[-1])
    return windows[1:]


def reno(trips: float, start: float, prior: float) -> float:
    """W_est after so many round trips; with a prior window of 0 Reno's own."""
    before, after = reno_windows(start, prior)[int(trips) : int(trips) + 2]
    return before + (after - before) * (trips % 1)


def prepared(window: int, rtt: float, every: int = 1) -> Path:
    """A path whose window of so many segments is just in use in congestion avoidance."""
    path = Path(Cubic(MSS), rtt, every)
    path.control.cwnd = path.control.ssthresh = window * MSS
    path.send()
    return path


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("window, rtt", [(100, 0.1), (300, 0.2), (1000, 0.1), (2000, 0.05)])
def test_cubic_follows_its_curve_from_the_loss_through_the_plateau_and_beyond(
    window: int, rtt: float, every: int
) -> None:
    path = prepared(window, rtt, every)
    w_max = path.control.cwnd / MSS
    flight = path.flight / MSS
    path.lose()
    base = path.control.cwnd / MSS
    assert base == pytest.approx(0.7 * flight, abs=0.01)
    k = ((w_max - base) / 0.4) ** (1 / 3)
    seen = path.run(1.6 * k)
    start = seen[0][0]  # the stage begins with the first acknowledgment
    assert start <= path.now - 1.6 * k + 1.01 * rtt
    for now, segments in seen:
        expected = max(w_cubic(now - start, w_max, base), reno((now - start) / rtt, base, w_max))
        assert abs(segments - expected) <= 1.0, (now - start, segments, expected)
    assert seen[-1][1] > w_max  # convex


def test_in_short_round_trips_cubic_grows_as_reno_does() -> None:
    """Figure 4: W_est grows by alpha each round trip, and by one from where the last loss was."""
    rtt = 0.01
    path = prepared(40, rtt)
    path.lose()
    base = path.control.cwnd / MSS
    seen = path.run(3.0)
    start = seen[0][0]
    for now, segments in seen:
        expected = reno((now - start) / rtt, base, 40)
        assert abs(segments - expected) <= 1.0, (now - start, segments, expected)
        assert w_cubic(now - start, 40, base) <= expected
    assert segments > 200  # Reno's, from 28: +0.53 a round trip up to 40, then +1


def test_fast_convergence_leaves_room_where_the_window_did_not_come_back() -> None:
    cubic = Cubic(MSS)
    cubic.cwnd = cubic.ssthresh = 100 * MSS
    cubic.on_loss(100 * MSS, 0.0)
    assert (cubic.w_max, cubic.cwnd) == (100 * MSS, 70 * MSS)
    cubic.on_recovered(0.1)
    cubic.on_loss(70 * MSS, 0.2)
    assert (cubic.w_max, cubic.cwnd) == (pytest.approx(70 * 1.7 / 2 * MSS), 49 * MSS)
    cubic.on_recovered(0.3)
    cubic.cwnd = 80 * MSS
    cubic.on_ecn(80 * MSS, 0.4)
    assert (cubic.w_max, cubic.cwnd) == (80 * MSS, 56 * MSS)


def test_after_a_timeout_the_curve_starts_at_its_plateau() -> None:
    rtt = 0.1
    path = prepared(100, rtt)
    path.control.on_timeout(path.flight, path.now)
    assert (path.control.cwnd, path.control.ssthresh) == (MSS, 70 * MSS)
    path.drain()
    seen = [(now, window) for now, window in path.run(6.0) if window > 70]
    start, base = seen[0]
    cubic = path.control
    assert isinstance(cubic, Cubic) and cubic.k == 0.0
    for now, segments in seen[1:]:
        # the acknowledgments of a round trip come together, each a step to where the window is to be after the next
        t = now - start
        least, most = (max(w_cubic(at, base, base), reno(at / rtt, base, 100)) for at in (max(0.0, t - rtt), t + rtt))
        assert least - 1.0 <= segments <= most + 1.0


def test_each_loss_begins_a_new_stage_and_a_timeout_forgets_the_plateau() -> None:
    cubic = Cubic(MSS)
    cubic.cwnd = cubic.ssthresh = 100 * MSS
    for now in (1.0, 20.0):
        cubic.on_loss(cubic.cwnd, now)
        cubic.on_recovered(now)
        cubic.on_ack(MSS, cubic.cwnd, now + 0.5, 0.1)
        assert cubic.t_epoch == now + 0.5 and cubic.k > 0.0
    cubic.on_timeout(cubic.cwnd, 30.0)
    cubic.cwnd = cubic.ssthresh
    cubic.on_ack(MSS, cubic.cwnd, 31.0, 0.1)
    assert (cubic.t_epoch, cubic.k) == (31.0, 0.0)


def test_one_round_trip_never_more_than_half_as_much_again() -> None:
    """The upper bound of section 4.2, however long nothing was acknowledged."""
    path = prepared(100, 0.1)
    path.lose()
    path.run(0.3)
    path.now += 60.0
    path.under_way = type(path.under_way)((when + 60.0, size) for when, size in path.under_way)
    before = path.control.cwnd
    path.run(0.1)
    assert before < path.control.cwnd <= 1.5 * before


def test_time_stands_still_while_the_application_is_the_limit() -> None:
    cubic = Cubic(MSS)
    cubic.cwnd = cubic.ssthresh = 100 * MSS
    cubic.on_loss(100 * MSS, 0.0)
    cubic.on_recovered(0.0)
    cubic.on_ack(MSS, cubic.cwnd, 1.0, 0.1)
    for second in range(2, 100):
        cubic.on_ack(MSS, 10 * MSS, float(second), 0.1)
    before = cubic.cwnd
    cubic.on_ack(MSS, cubic.cwnd, 99.1, 0.1)
    assert cubic.cwnd - before < 0.2 * MSS
    cubic.on_idle(200.0)
    assert (cubic.cwnd, cubic.t_epoch) == (10 * MSS, None)


# ---- any life of a window ----------------------------------------------------------------------------------------

EVENTS = st.one_of(
    st.tuples(st.just("ack"), st.integers(1, 200_000)),
    st.tuples(st.sampled_from(["duplicate", "loss", "recovered", "timeout", "ecn", "idle"]), st.just(0)),
)


@pytest.mark.parametrize("kind", ALL)
@given(st.lists(EVENTS, max_size=60), st.integers(1, 9000), st.integers(0, 2**31), st.floats(0, 100))
def test_whatever_happens_the_window_stays_within_its_bounds(
    kind: type[Reno], events: list[tuple[str, int]], mss: int, flight: int, step: float
) -> None:
    control: CongestionControl = kind(mss)
    now = 0.0
    for name, value in events:
        now += step
        match name:
            case "ack":
                control.on_ack(value, flight, now, 0.1 if value % 2 else None)
            case "duplicate":
                control.on_duplicate_ack()
            case "recovered" | "idle":
                getattr(control, f"on_{name}")(now)
            case _:
                getattr(control, f"on_{name}")(flight, now)
        assert isinstance(control.cwnd, int) and isinstance(control.ssthresh, int)
        assert min(mss, 2 * mss) <= control.cwnd <= UNLIMITED * 2 and 2 * mss <= control.ssthresh
