"""A path for a window: constant round-trip time, no queue, an acknowledgment for every `every` segments."""

from collections import deque

from netlib.transport.tcp.congestion.control import CongestionControl

MSS = 1460


class Path:
    """Sends as much as the window allows; `run` returns the window, in segments, at each acknowledgment."""

    def __init__(self, control: CongestionControl, rtt: float, every: int = 1) -> None:
        self.control, self.rtt, self.every = control, rtt, every
        self.now, self.flight = 0.0, 0
        self.under_way: deque[tuple[float, int]] = deque()  # when its acknowledgment arrives, bytes

    def send(self) -> None:
        # after a pause in congestion avoidance: spread over a round trip, as an acknowledgment clock does after a while
        spread = self.rtt if not self.flight and self.control.cwnd >= self.control.ssthresh else 0.0
        while self.flight + self.every * MSS <= self.control.cwnd or not self.flight:
            arrival = self.now + self.rtt + spread * self.flight / self.control.cwnd
            self.under_way.append((arrival, self.every * MSS))
            self.flight += self.every * MSS

    def run(self, seconds: float) -> list[tuple[float, float]]:
        seen, until = [], self.now + seconds
        self.send()
        while self.under_way[0][0] <= until:
            self.now, acked = self.under_way.popleft()
            self.control.on_ack(acked, self.flight, self.now, self.rtt)
            self.flight -= acked
            self.send()
            seen.append((self.now, self.control.cwnd / MSS))
        self.now = until
        return seen

    def lose(self) -> None:
        """A loss that is repaired within a round trip, in which the window does not grow."""
        self.control.on_loss(self.flight, self.now)
        self.drain()
        self.control.on_recovered(self.now)

    def drain(self) -> None:
        self.now += self.rtt
        self.under_way.clear()
        self.flight = 0
