"""How long an answer takes, and how long to wait for one: the retransmission timeout (RFC 6298).

    sample      a round trip was measured: the smoothed time, its variation and the timeout follow
    back_off    the timer has run out: wait twice as long next time

What it leaves to transmission.py: which round trips may be measured, never one of data that was resent unless a
timestamp tells which copy was answered (Karn's algorithm, RFC 6298 section 3), and the timer itself (section 5).
"""

from math import inf
from typing import Protocol

ALPHA, BETA, K = 1 / 8, 1 / 4, 4  # RFC 6298 section 2.3
GRANULARITY = 0.001  # G, in seconds: that of our timestamps


class RTTPart(Protocol):
    """Estimates the round-trip time and says how long to wait; all times in seconds."""

    smoothed: float | None
    variation: float
    rto: float

    def sample(self, seconds: float, now: float) -> None:
        """A round trip has taken so long."""

    def back_off(self) -> None:
        """The timer has run out."""


class RTT:
    """SRTT (`smoothed`, None before the first sample), RTTVAR (`variation`) and RTO of RFC 6298, in seconds.

    The RFC's lower bound is 1 s, "SHOULD", lest an acknowledgment that is delayed be taken for a loss; the default here
    is 0.2 s.  Linux has no lower bound but waits 0.2 s `more` than a round trip takes, at least: RTT(more=0.2).
    """

    __slots__ = ("initial", "latest", "lowest", "maximum", "minimum", "more", "rto", "smoothed", "variation")

    def __init__(self, initial: float = 1.0, minimum: float = 0.2, maximum: float = 60.0, more: float = 0.0) -> None:
        # "Until a round-trip time (RTT) measurement has been made [...] the sender SHOULD set RTO <- 1 second" (2.1)
        self.initial, self.minimum, self.maximum = initial, minimum, maximum
        self.more = max(GRANULARITY, more)
        self.smoothed: float | None = None
        self.variation = 0.0
        self.rto = initial
        self.latest: float | None = None  # the last sample
        self.lowest = inf  # of all samples: the path without its queues

    def sample(self, seconds: float, now: float, expected: int = 1) -> None:
        """Learn that a round trip took so long.  A time below zero, which a false timestamp can say, teaches nothing.

        `expected` is how many samples this round trip will give, for connections with timestamps that measure with
        every acknowledgment: each then counts for less (RFC 7323 section 4.2 and appendix G).
        """
        if seconds < 0:
            return
        self.latest, self.lowest = seconds, min(self.lowest, seconds)
        if self.smoothed is None:
            # "When the first RTT measurement R is made, the host MUST set SRTT <- R, RTTVAR <- R/2" (2.2)
            self.smoothed, self.variation = seconds, seconds / 2
        else:
            # "RTTVAR <- (1 - beta) * RTTVAR + beta * |SRTT - R'|, SRTT <- (1 - alpha) * SRTT + alpha * R'" (2.3),
            # in this order: the variation is that from the SRTT before this sample
            alpha, beta = ALPHA / expected, BETA / expected
            self.variation += beta * (abs(self.smoothed - seconds) - self.variation)
            self.smoothed += alpha * (seconds - self.smoothed)
        # "RTO <- SRTT + max (G, K*RTTVAR)" (2.3), which also ends any back-off (section 5)
        self.rto = self.bounded(self.smoothed + max(self.more, K * self.variation))

    def back_off(self) -> None:
        """Wait twice as long: "The host MUST set RTO <- RTO * 2 ('back off the timer')" (5.5)."""
        self.rto = self.bounded(2 * self.rto)

    def after_resent_syn(self) -> None:
        """Start with 3 s, where the timer ran out on the SYN and no sample has told better since.

        "the RTO MUST be re-initialized to 3 seconds when data transmission begins" (5.7).
        """
        if self.smoothed is None:
            self.rto = self.bounded(3.0)

    def bounded(self, rto: float) -> float:
        return min(self.maximum, max(self.minimum, rto))

    def __repr__(self) -> str:
        known = "no sample yet" if self.smoothed is None else f"{self.smoothed * 1e3:.1f}/{self.variation * 1e3:.1f} ms"
        return f"RTT({known}, rto {self.rto * 1e3:.0f} ms)"
