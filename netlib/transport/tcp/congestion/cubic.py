"""CUBIC (RFC 9438): after a loss quickly back to where it was, then carefully, then faster and faster.

    cwnd            |                W_cubic(t) = C*(t-K)^3 + W_max
                    |          .
    W_max  - - -.--------------        the window's growth depends on the time since the last loss, not on how long
              . |  concave  | convex   a round trip takes: far and near connections grow alike.  Where Reno would
             .  |                      have grown further (short round trips), it grows as Reno does: W_est.
                0           K     t

The names are the RFC's; windows are in bytes here, in segments there: hence the factors `mss`.  Left out: HyStart++
(RFC 9406), which leaves slow start before the first loss, and the way back after a loss that was none (section 4.9).
"""

from math import cbrt

from netlib.transport.tcp.congestion.control import UNLIMITED
from netlib.transport.tcp.congestion.reno import Reno

C = 0.4  # segments per second^3 (section 5)
BETA = 0.7  # the window is multiplied by this at a loss: Reno's is 0.5 (section 4.6)
ALPHA = 3 * (1 - BETA) / (1 + BETA)  # so AIMD(ALPHA, BETA) has the average window of Reno's AIMD(1, 0.5) (section 4.3)


class Cubic(Reno):
    """CUBIC with its Reno-friendly region and fast convergence."""

    def __init__(self, mss: int, growth: int = 1) -> None:
        super().__init__(mss, growth)
        self.w_max = 0.0  # the window just before the last loss: where the plateau is, bytes
        self.cwnd_prior = 0  # the window when ssthresh was last set
        self.k = 0.0  # how long it takes back to w_max, seconds
        self.w_est = 0.0  # the window that Reno would have, bytes
        self.t_epoch: float | None = None  # when this stage of congestion avoidance began; None: it has not
        self.last_ack = 0.0  # when the last acknowledgment of the stage arrived
        self.rtt = 0.0  # the last one known

    # ---- growing -------------------------------------------------------------------------------------------

    def on_ack(self, acked: int, flight: int, now: float, rtt: float | None) -> None:
        self.rtt = rtt or self.rtt
        if self.t_epoch is not None and not self.is_limiting(acked, flight):
            # "CUBIC does not increase its congestion window if a flow is application limited" (section 5.8), and t
            # "MUST NOT include periods during which cwnd has not been updated due to application-limited behavior"
            # (section 4.2): it stands still.
            self.t_epoch += now - self.last_ack
        self.last_ack = now
        super().on_ack(acked, flight, now, rtt)

    def avoid_congestion(self, acked: int, now: float, rtt: float | None) -> None:
        if self.t_epoch is None:
            self.begin_epoch(now)
        t = now - (self.t_epoch or 0.0)
        # "W_est = W_est + alpha_cubic * segments_acked / cwnd" (section 4.3, figure 4); "Once W_est has grown to reach
        # [...] cwnd_prior, the sender SHOULD set alpha_cubic to 1"
        alpha = ALPHA if self.w_est < self.cwnd_prior else 1.0
        self.w_est += alpha * acked * self.mss / self.cwnd
        if self.w_cubic(t) < self.w_est:
            # "CUBIC is in the Reno-friendly region and cwnd SHOULD be set to W_est at each reception of a new ACK"
            window = self.w_est
        else:
            # The target is W_cubic(t + RTT), "the congestion window size after the next RTT", but within cwnd and
            # 1.5 * cwnd (section 4.2); "cwnd MUST be incremented by (target - cwnd)/cwnd for each received new ACK"
            # (4.4, 4.5), here for each segment that it acknowledges, so that delayed acknowledgments do not slow it
            # down, as in Linux
            target = min(max(self.w_cubic(t + self.rtt), self.cwnd), 1.5 * self.cwnd)
            window = self.cwnd + (target - self.cwnd) * min(1.0, acked / self.cwnd)
        self.cwnd = min(max(self.cwnd, round(window)), UNLIMITED)

    def begin_epoch(self, now: float) -> None:
        """A stage of congestion avoidance begins, at the present window."""
        self.t_epoch, self.last_ack = now, now
        self.w_est = self.cwnd
        # After a timeout, or a slow start that no loss has ended, "K is set to 0, and W_max is set to the congestion
        # window size at the beginning of the current congestion avoidance stage" (section 4.8)
        self.w_max = max(self.w_max, self.cwnd)
        self.k = cbrt((self.w_max - self.cwnd) / self.mss / C)  # section 4.2, figure 2

    def w_cubic(self, t: float) -> float:
        """The window `t` seconds into the stage, in bytes (section 4.2, figure 1)."""
        return C * (t - self.k) ** 3 * self.mss + self.w_max

    # ---- shrinking -----------------------------------------------------------------------------------------

    def halved(self, flight: int) -> int:
        """ "ssthresh = flight_size * beta_cubic", two segments at least (section 4.6)."""
        return max(int(flight * BETA), 2 * self.mss)

    def remember(self) -> None:
        """Note where the loss was, before the window is cut: W_max, by fast convergence (section 4.7)."""
        window = min(self.cwnd, UNLIMITED)
        # the window did not get as high as last time: others need room, so leave some
        self.w_max = window * (1 + BETA) / 2 if window < self.w_max else window
        self.cwnd_prior, self.t_epoch = window, None

    def on_loss(self, flight: int, now: float) -> None:
        self.remember()
        super().on_loss(flight, now)

    def on_ecn(self, flight: int, now: float) -> None:
        if not self.recovering:
            self.remember()
        super().on_ecn(flight, now)

    def on_timeout(self, flight: int, now: float) -> None:
        if not self.timed_out:
            self.cwnd_prior = self.cwnd
        self.w_max, self.t_epoch = 0.0, None
        super().on_timeout(flight, now)

    def on_idle(self, now: float) -> None:
        self.t_epoch = None
        super().on_idle(now)
