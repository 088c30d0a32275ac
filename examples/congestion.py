"""A congestion controller of your own: one that watches the queue in place of waiting for a loss.

    python examples/congestion.py

Reno fills the queue in front of the bottleneck until it overflows, halves, and begins again.  This one, after an idea
of TCP Vegas (Brakmo and Peterson 1994), compares the round trip with the shortest it has seen: what it takes longer is
the queue.  It keeps two to four segments there, and so loses nothing.
"""

from math import inf

from page import page_through

from netlib.transport.tcp.parts import TCPParts


class MyWindow:
    """What netlib asks of it: `CongestionPart` in netlib/transport/tcp/congestion/control.py."""

    def __init__(self, mss: int) -> None:
        self.mss, self.cwnd, self.ssthresh = mss, 4 * mss, 2**30
        self.shortest = inf  # seconds: the path without a queue
        self.acked = 0  # bytes since the window was last looked at
        self.highest = self.cwnd

    def on_ack(self, acked: int, flight: int, now: float, rtt: float | None) -> None:
        self.acked += acked
        if rtt is None or self.acked < self.cwnd:
            return  # once in a round trip is enough
        self.acked, self.shortest = 0, min(self.shortest, rtt)
        queued = self.cwnd * (1 - self.shortest / rtt) / self.mss  # segments of ours that wait
        if self.cwnd < self.ssthresh and queued < 2:
            self.cwnd += self.cwnd // 2
        else:
            self.ssthresh = min(self.ssthresh, self.cwnd)
            self.cwnd += self.mss * ((queued < 2) - (queued > 4))
        self.highest = max(self.highest, self.cwnd)

    def on_loss(self, flight: int, now: float) -> None:
        self.cwnd = self.ssthresh = max(2 * self.mss, flight * 3 // 4)

    def on_timeout(self, flight: int, now: float) -> None:
        self.ssthresh, self.cwnd = max(2 * self.mss, flight // 2), 2 * self.mss


if __name__ == "__main__":
    # the path holds 50 kB, and the queue before it as much again
    path = {"rate": 10e6, "delay": 0.02, "queue": 50_000, "loss": 0.0, "size": 3_000_000}
    for name, parts in (("mine", TCPParts(congestion=MyWindow)), ("Reno", None)):
        fetched = page_through(parts, **path)
        info = fetched.server.info
        print(f"{name}: {fetched}; at the end cwnd is {info.cwnd} segments, a round trip {info.rtt:.0f} ms")
