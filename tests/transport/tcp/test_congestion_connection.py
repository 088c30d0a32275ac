"""The window of a whole connection that sends as much as it may, against the formulas of RFC 5681 and RFC 9438.

Where test_congestion.py asks the controllers alone, here two connections meet in simulated time; one segment is lost,
or for a while all are.  The acknowledgments of a round trip come together: between two such bursts the window is what
the formula says of a moment between the one and the next.
"""

from collections import Counter
from math import cbrt, log2
from typing import NamedTuple

import pytest

from netlib.transport.tcp.congestion.cubic import Cubic
from netlib.transport.tcp.congestion.reno import Reno
from netlib.transport.tcp.parts import TCPParts
from netlib.wire.tcp import TCPSegment

from .pair import Pair, pair

TRIP = 0.1  # seconds
SIZE = 1448  # bytes of a segment, beside timestamps


class Burst(NamedTuple):
    """After the acknowledgments of a round trip: windows in segments."""

    at: float  # seconds
    cwnd: float
    ssthresh: float
    recovering: bool


def bursts(congestion: type[Reno], segments: int, one: int = -1, all_from: int = -1) -> list[Burst]:
    """Send so many segments; lost are the first copy of segment `one`, and all from `all_from` on for once."""
    seen: list[Burst] = []
    copies: Counter[int] = Counter()

    def fate(link: Pair, segment: TCPSegment) -> list[float]:
        if segment.payload:
            number = (segment.sequence - 1001) // SIZE
            copies[number] += 1
            if (number == one and copies[one] == 1) or (0 <= all_from <= number and copies[all_from] < 2):
                return []
        return [TRIP / 2]

    parts = TCPParts(congestion=congestion)
    link = pair(fate, parts=parts, a_send_buffer=1 << 30, b_receive_buffer=1 << 28, b_delayed_ack=0.0)
    a = link.a
    a.open(0.0)
    link.run(until=0.3)
    a.send(bytes(segments * SIZE), link.now)
    while (acked := a.counts["bytes_acked"]) < segments * SIZE:
        assert link.step()
        link.b.receive(1 << 30, link.now)
        link.flush()
        if a.counts["bytes_acked"] > acked or a.retransmissions:
            control = a.congestion
            seen.append(Burst(link.now, control.cwnd / SIZE, control.ssthresh / SIZE, a.recovery.recovering))
    return [burst for burst in seen if burst.at < seen[-2].at]  # in the last round trips too little is left to send


def test_slow_start_doubles_in_each_round_trip() -> None:
    seen = bursts(Reno, 1000)
    assert [burst.cwnd for burst in seen[:5]] == [20, 40, 80, 160, 320]
    assert [burst.at for burst in seen[:5]] == pytest.approx([0.4 + trip * TRIP for trip in range(5)])


def test_reno_after_one_loss_has_half_and_adds_a_segment_in_each_round_trip() -> None:
    seen = bursts(Reno, 3000, one=60)
    entered = next(i for i, burst in enumerate(seen) if burst.recovering)
    # segments 0 to 59 are acknowledged: 10 + 60 may be under way when 60 is missed
    assert (seen[entered].cwnd, seen[entered].ssthresh) == (35, 35)
    out, *rest = seen[entered + 1 :]
    assert (out.cwnd, out.recovering) == (35, False) and len(rest) > 30
    for burst in rest:
        assert abs(burst.cwnd - (35 + (burst.at - out.at) / TRIP)) <= 1.0


def test_reno_after_a_timeout_starts_with_one_segment_up_to_half() -> None:
    seen = bursts(Reno, 2000, all_from=60)
    cut = next(i for i, burst in enumerate(seen) if burst.cwnd == 1)
    rest = [burst for burst in seen[cut:] if burst.cwnd > 1]
    assert {burst.ssthresh for burst in seen[cut:]} == {35}
    for burst in rest:
        trips = round((burst.at - rest[0].at) / TRIP) + 1
        assert abs(burst.cwnd - min(2**trips, 35 + max(0, trips - log2(35)))) <= 1.0
    assert len(rest) > 30


def test_cubic_follows_its_curve_from_the_loss_to_the_plateau_and_beyond() -> None:
    seen = bursts(Cubic, 7000, one=60)
    entered = next(i for i, burst in enumerate(seen) if burst.recovering)
    assert seen[entered].ssthresh == pytest.approx(0.7 * 70, abs=0.01)
    rest = [burst for burst in seen[entered + 1 :] if not burst.recovering]
    start, k = rest[1].at, cbrt((70 - 49) / 0.4)  # the stage begins with the first acknowledgment after the recovery

    def w_cubic(t: float) -> float:
        return 0.4 * (t - k) ** 3 + 70  # RFC 9438 section 4.2, figure 1

    def w_est(t: float) -> float:
        alpha = 3 * 0.3 / 1.7  # section 4.3: each round trip adds this, and 1 from where the loss was
        slow = (70 - 49) / alpha
        return 49 + alpha * min(t / TRIP, slow) + max(0.0, t / TRIP - slow)

    for burst in rest[1:]:
        t = burst.at - start
        least, most = max(w_cubic(t), w_est(t)), max(w_cubic(t + TRIP), w_est(t + TRIP))
        assert least - 1.0 <= burst.cwnd <= most + 1.0, (t, least, burst.cwnd, most)
    assert rest[-1].at - start > k + 1 and rest[-1].cwnd > 72
