"""Reno (RFC 5681): add a segment each round trip, halve at a loss.

    cwnd    /|    /|       with the recovery of RFC 6582 it is NewReno, with that of RFC 6675 Reno with SACK:
           / |  /  |  /    the window is the same, except that without SACK it is inflated while a loss is repaired
          /  |/    |/      by each duplicate acknowledgment, to let a new segment out for the one that has arrived

Tahoe and CUBIC are written as what they do otherwise.
"""

from netlib.transport.tcp.congestion.control import UNLIMITED, initial_window


class Reno:
    """`growth` is by how many segments one acknowledgment may raise the window in slow start: 1 in RFC 5681, 2 in
    RFC 3465; Linux lets it rise by all that is acknowledged, which with delayed acknowledgments is 2 as a rule."""

    def __init__(self, mss: int, growth: int = 1) -> None:
        self.mss, self.growth = mss, growth
        self.cwnd = initial_window(mss)
        # "The initial value of ssthresh SHOULD be set arbitrarily high" (section 3.1)
        self.ssthresh = UNLIMITED
        self.recovering = False
        self.inflated = False  # by duplicate acknowledgments, in a recovery without SACK
        self.timed_out = False  # since then nothing new was acknowledged
        self.counted = 0  # bytes acknowledged since the window last grew in congestion avoidance

    # ---- growing -------------------------------------------------------------------------------------------

    def on_ack(self, acked: int, flight: int, now: float, rtt: float | None) -> None:
        self.timed_out = False
        if self.recovering:
            self.deflate(acked)
        elif self.is_limiting(acked, flight):
            if self.cwnd < self.ssthresh:
                self.slow_start(acked)
            else:
                self.avoid_congestion(acked, now, rtt)

    def is_limiting(self, acked: int, flight: int) -> bool:
        """Whether the window, and not the application or the peer, decides how much is sent.

        A window that was not used has shown nothing about the path, so it does not grow (RFC 7661, RFC 9438 section
        5.8).  A segment that does not quite fit any more leaves some of it free.
        """
        return flight + acked + self.mss > self.cwnd

    def slow_start(self, acked: int) -> None:
        # "cwnd += min (N, SMSS), where N is the number of previously unacknowledged bytes acknowledged in the
        # incoming ACK" (section 3.1, equation 2); one that lets it rise by more does not lift it over the threshold
        room = max(self.mss, self.ssthresh - self.cwnd)
        self.cwnd = min(self.cwnd + min(acked, self.growth * self.mss, room), UNLIMITED)

    def avoid_congestion(self, acked: int, now: float, rtt: float | None) -> None:
        # "The RECOMMENDED way to increase cwnd during congestion avoidance is to count the number of bytes that have
        # been acknowledged [...] when the number of bytes acknowledged reaches cwnd, then cwnd can be incremented by
        # up to SMSS bytes" (section 3.1)
        self.counted += acked
        if self.counted >= self.cwnd:
            self.counted -= self.cwnd
            self.cwnd = min(self.cwnd + self.mss, UNLIMITED)

    # ---- shrinking -----------------------------------------------------------------------------------------

    def halved(self, flight: int) -> int:
        """ "ssthresh = max (FlightSize / 2, 2*SMSS)" (section 3.1, equation 4)."""
        return max(flight // 2, 2 * self.mss)

    def on_loss(self, flight: int, now: float) -> None:
        """Steps 2 and 3 of section 3.2; the 3*SMSS of step 3 are added by `on_duplicate_ack`."""
        self.ssthresh = self.cwnd = self.halved(flight)
        self.counted, self.recovering, self.inflated = 0, True, False

    def on_duplicate_ack(self) -> None:
        """Step 4: "cwnd MUST be incremented by SMSS"; it reflects "the additional segment that has left"."""
        if self.recovering:
            self.cwnd, self.inflated = min(self.cwnd + self.mss, UNLIMITED), True

    def deflate(self, acked: int) -> None:
        """A partial acknowledgment: "Deflate the congestion window by the amount of new data acknowledged [...] If the
        partial ACK acknowledges at least one SMSS of new data, then add back SMSS bytes" (RFC 6582 section 3.2)."""
        if self.inflated:
            self.cwnd = max(self.mss, self.cwnd - acked + (self.mss if acked >= self.mss else 0))

    def on_recovered(self, now: float) -> None:
        """Step 6: "TCP MUST set cwnd to ssthresh", this is termed "deflating" the window."""
        if self.recovering:
            self.cwnd, self.recovering = self.ssthresh, False

    def on_timeout(self, flight: int, now: float) -> None:
        # "When a TCP sender detects segment loss using the retransmission timer and the given segment has not yet been
        # resent by way of the retransmission timer, the value of ssthresh MUST be set to no more than [...]
        # max (FlightSize / 2, 2*SMSS)"; otherwise it "is held constant" (section 3.1)
        if not self.timed_out:
            self.ssthresh = self.halved(flight)
        # "Furthermore, upon a timeout [...] cwnd MUST be set to no more than the loss window, LW, which equals 1
        # full-sized segment"
        self.cwnd = self.mss
        self.counted, self.recovering, self.timed_out = 0, False, True

    def on_ecn(self, flight: int, now: float) -> None:
        """As at a loss, though there is nothing to repair: "the TCP source halves the congestion window 'cwnd' and
        reduces the slow start threshold 'ssthresh'" (RFC 3168 section 6.1.2)."""
        if not self.recovering:
            self.ssthresh = self.cwnd = self.halved(flight)
            self.counted = 0

    def on_idle(self, now: float) -> None:
        # "a TCP SHOULD set cwnd to no more than RW before beginning transmission if the TCP has not sent data in an
        # interval exceeding the retransmission timeout"; "RW = min(IW,cwnd)" (section 4.1)
        self.cwnd = min(self.cwnd, initial_window(self.mss))
        self.counted = 0

    def __repr__(self) -> str:
        threshold = "-" if self.ssthresh >= UNLIMITED else str(self.ssthresh)
        return f"{type(self).__name__}(cwnd {self.cwnd}, ssthresh {threshold}{', recovering' * self.recovering})"
