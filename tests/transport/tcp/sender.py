"""A bulk sender over a path that loses chosen segments: a congestion controller, a loss recovery and a reassembler.

What the connection does with them, in thirty lines: it stands in for one in the tests of recovery.
"""

from collections.abc import Callable
from heapq import heappop, heappush

from netlib.transport.tcp.congestion.control import CongestionControl
from netlib.transport.tcp.reassembler import Reassembler
from netlib.transport.tcp.recovery import LossRecovery, Verdict
from netlib.transport.tcp.scoreboard import Range

RTT, RTO = 0.1, 1.0


class Sender:
    """Sends `total` bytes; `loses(start, copy)` says which segments, by their first byte and how often they were sent,
    the path loses; `delay(number)` by how much it holds up the segment that is sent as the number-th."""

    def __init__(
        self,
        congestion: CongestionControl,
        recovery: LossRecovery,
        total: int,
        loses: Callable[[int, int], bool],
        delay: Callable[[int], float] = lambda number: 0.0,
        sack: bool = True,
    ) -> None:
        self.congestion, self.recovery, self.total = congestion, recovery, total
        self.loses, self.delay, self.sack = loses, delay, sack
        self.receiver = Reassembler(0, 1 << 30)
        self.una = self.nxt = self.max = 0
        self.now, self.timer = 0.0, RTO
        self.wait = RTO
        self.under_way: list[tuple[float, int, Range]] = []  # arrival, number, range
        self.copies: dict[int, int] = {}  # first byte -> how often it was sent
        self.sent: list[tuple[float, Range, bool]] = []  # when, what, whether again
        self.verdicts: list[Verdict] = []
        self.windows: list[tuple[float, int]] = []
        self.timeouts = 0

    def send(self, start: int, end: int) -> None:
        copy = self.copies[start] = self.copies.get(start, 0) + 1
        self.sent.append((self.now, (start, end), start < self.max))
        if not self.loses(start, copy):
            number = len(self.sent)
            heappush(self.under_way, (self.now + RTT / 2 + self.delay(number) + number * 1e-7, number, (start, end)))
        self.recovery.on_sent(start, end, self.now)
        self.max = max(self.max, end)

    def transmit(self) -> None:
        mss = self.recovery.mss
        while self.congestion.cwnd - self.recovery.pipe() >= mss:
            again = self.recovery.next_segment(self.nxt < self.total)
            if again is None and self.nxt < self.max:  # after a timeout
                again = self.recovery.hole(self.nxt, self.max)
                self.nxt = min(again[1], again[0] + mss) if again else self.max
                again = again and (again[0], self.nxt)
                if again is None:
                    continue
            if again is None:
                if self.nxt >= self.total:
                    break
                again = self.nxt, min(self.total, self.nxt + mss)
                self.nxt = again[1]
            self.send(*again)

    def acknowledgment(self, ack: int, blocks: list[Range]) -> None:
        flight = self.nxt - self.una
        verdict = self.recovery.on_ack(ack, blocks, flight, self.now)
        verdict.tell(self.congestion, flight, self.now, RTT)
        if ack > self.una:
            self.una, self.nxt, self.wait = ack, max(ack, self.nxt), RTO
            if verdict.restart_timer:
                self.timer = self.now + RTO
        if verdict.resend:
            self.send(*verdict.resend)
        self.verdicts.append(verdict)
        self.windows.append((self.now, self.congestion.cwnd))

    def run(self, until: float = 1000.0) -> "Sender":
        acks: list[tuple[float, int, int, list[Range]]] = []
        self.transmit()
        while self.una < self.total and self.now < until:
            events = [e for e in (self.under_way[:1], acks[:1]) if e]
            self.now = min([e[0][0] for e in events] + [self.timer])
            if acks and acks[0][0] == self.now:
                _, _, ack, blocks = heappop(acks)
                self.acknowledgment(ack, blocks)
            elif self.under_way and self.under_way[0][0] == self.now:
                _, number, (start, end) = heappop(self.under_way)
                self.receiver.insert(start, bytes(end - start))
                blocks = self.receiver.report() if self.sack else []
                heappush(acks, (self.now + RTT / 2, number, self.receiver.next, blocks))
            else:
                self.timeouts += 1
                self.congestion.on_timeout(self.nxt - self.una, self.now)
                self.recovery.on_timeout(self.now)
                self.nxt, self.wait = self.una, min(60.0, 2 * self.wait)
                self.timer = self.now + self.wait
            self.transmit()
        return self
