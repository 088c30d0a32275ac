"""A retransmission timeout of your own: twice the longest of the last round trips.

    python examples/rtt.py

RFC 6298 smooths, and adds four times the variation.  Here is what one might think of first.  It does well, too, as
long as the path does; the trial's queue fills and empties, and the table shows what each makes of the same path.
"""

from collections import deque

from page import Fetched, page_through

from netlib.transport.tcp.parts import TCPParts


class MyRTT:
    """What netlib asks of it: `RTTPart` in netlib/transport/tcp/rtt.py."""

    def __init__(self) -> None:
        self.samples: deque[float] = deque(maxlen=16)
        self.smoothed: float | None = None  # seconds: for `info`, and for the congestion controller
        self.variation = 0.0
        self.rto = 1.0
        self.history: list[tuple[float, float]] = []  # (round trip, timeout after it)

    def sample(self, seconds: float, now: float) -> None:
        self.samples.append(seconds)
        self.smoothed = sum(self.samples) / len(self.samples)
        self.variation = max(self.samples) - min(self.samples)
        self.rto = max(0.2, 2 * max(self.samples))
        self.history.append((seconds, self.rto))

    def back_off(self) -> None:
        self.rto = min(60.0, 2 * self.rto)


class Hasty(MyRTT):
    """Waits no longer than a round trip takes: what is under way is taken for lost."""

    def sample(self, seconds: float, now: float) -> None:
        super().sample(seconds, now)
        self.rto = min(self.samples)


def timeouts(fetched: Fetched) -> int:
    return sum("retransmission timeout" in event.because for event in fetched.server.events)


if __name__ == "__main__":
    for name, parts in (("mine", TCPParts(rtt=MyRTT)), ("netlib's own", None), ("hasty", TCPParts(rtt=Hasty))):
        fetched = page_through(parts, rate=2e6, delay=0.02, queue=60_000, loss=0.01)
        info = fetched.server.info
        print(f"{name + ':':13} {fetched}, {timeouts(fetched)} timeouts; in the end rtt {info.rtt}, rto {info.rto} ms")
