"""A loss recovery of your own: what was sent well before something that has arrived is lost.

    python examples/recovery.py

RFC 6675 counts: three segments above a gap, and it is taken for lost.  This one looks at the time, as RACK does (RFC
8985): it remembers when each segment was sent, the last time, and whatever was sent a quarter of a round trip or more
before something that has arrived since is lost, be it the first copy or the third.
"""

from page import page_through

from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.recovery import Verdict

Range = tuple[int, int]


class MyRecovery:
    """What netlib asks of it: `LossRecovery` in netlib/transport/tcp/recovery.py."""

    def __init__(self, sack: bool, mss: int, start: int) -> None:
        self.mss, self.una, self.max, self.recovering, self.until = mss, start, start, False, start
        self.flying: dict[Range, float] = {}  # what is under way, and when it was sent
        self.lost: list[Range] = []
        self.latest = 0.0  # when the latest of all that has arrived was sent
        self.trip = 1.0  # seconds: the shortest time that an answer took

    def on_sent(self, start: int, end: int, now: float) -> None:
        self.flying[start, end] = now
        self.max = max(self.max, end)

    def on_ack(self, ack: int, blocks: list[Range], flight: int, now: float) -> Verdict:
        acked, self.una = max(0, ack - self.una), max(self.una, ack)
        for start, end in list(self.flying):
            if end <= ack or any(first <= start and end <= last for first, last in blocks):
                sent = self.flying.pop((start, end))
                self.latest, self.trip = max(self.latest, sent), min(self.trip, now - sent)
        self.lost = [(start, end) for start, end in self.lost if end > ack]
        late = [piece for piece, sent in self.flying.items() if sent + self.trip / 4 < self.latest]
        for piece in late:
            self.lost.append(piece)
            del self.flying[piece]
        recovered = self.recovering and ack >= self.until
        begins = bool(late) and (recovered or not self.recovering)
        if begins:
            self.until = self.max
        self.recovering = begins or (self.recovering and not recovered)
        because = "sent before what has arrived" if begins else ""
        return Verdict(acked, begins, flight, recovered=recovered and not begins, because=because)

    def on_timeout(self, now: float) -> None:
        self.flying.clear()
        self.lost.clear()
        self.recovering = False

    def pipe(self) -> int:
        return sum(end - start for start, end in self.flying)

    def next_segment(self, new: bool) -> Range | None:
        return self.lost.pop(0) if self.lost else None

    def hole(self, start: int, end: int) -> Range | None:
        """After a timeout: all that is not acknowledged."""
        return (start, end) if start < end else None


if __name__ == "__main__":
    for loss in (0.01, 0.05, 0.1):
        mine = page_through(TCPParts(recovery=MyRecovery), loss=loss)
        print(f"{loss:4.0%} mine:         {mine}\n     netlib's own: {page_through(loss=loss)}")
