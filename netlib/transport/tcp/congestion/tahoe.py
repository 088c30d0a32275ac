"""Tahoe (Jacobson 1988): every loss is answered with slow start from one segment.

What was lost is resent at once, without waiting for the timer ("fast retransmit"); what Reno added two years later is
"fast recovery", to go on with half the window instead of one segment.
"""

from netlib.transport.tcp.congestion.reno import Reno


class Tahoe(Reno):
    """Reno without fast recovery."""

    def on_loss(self, flight: int, now: float) -> None:
        """Slow start again, up to half of what was under way."""
        self.ssthresh, self.cwnd, self.counted = self.halved(flight), self.mss, 0

    def on_ecn(self, flight: int, now: float) -> None:
        self.on_loss(flight, now)
