"""Every part of a connection replaced at once by the shortest thing that will do, on a link that is not kind."""

from __future__ import annotations

from random import Random

from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.output import Chance
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.recovery import Verdict
from netlib.transport.tcp.variables import Settings

from .pair import A, B, Pair, hostile, transfer


class MyReassembler:
    def __init__(self, next: int, limit: int) -> None:
        self.next, self.pieces = next, {}  # type: ignore[var-annotated]

    def insert(self, start: int, data: bytes) -> bytes:
        self.pieces[start] = max(data, self.pieces.get(start, b""), key=len)
        ready = b""
        for at in sorted(self.pieces):
            if at <= self.next:
                piece = self.pieces.pop(at)[self.next - at :]
                ready, self.next = ready + piece, self.next + len(piece)
        return ready

    def blocks(self) -> list[tuple[int, int]]:
        return [(at, at + len(data)) for at, data in self.pieces.items()]


class MyRTT:
    smoothed: float | None = None
    variation, rto = 0.0, 0.5

    def sample(self, seconds: float, now: float) -> None:
        self.smoothed = seconds

    def back_off(self) -> None:
        self.rto = min(4.0, 2 * self.rto)


class MyWindow:
    """Twenty segments, whatever happens; what is left out does nothing."""

    ssthresh = 2**30

    def __init__(self, mss: int) -> None:
        self.mss, self.cwnd = mss, 20 * mss

    def nothing(self, *arguments: object) -> None: ...

    on_ack = on_loss = on_timeout = nothing


class MyRecovery:
    """None at all: the timer repairs everything."""

    recovering = False

    def __init__(self, sack: bool, mss: int, start: int) -> None:
        self.mss, self.una, self.nxt = mss, start, start

    def on_sent(self, start: int, end: int, now: float) -> None:
        self.nxt = max(self.nxt, end)

    def on_ack(self, ack: int, blocks: list[tuple[int, int]], flight: int, now: float) -> Verdict:
        self.una, self.nxt = max(self.una, ack), max(self.nxt, ack)
        return Verdict()

    def on_timeout(self, now: float) -> None:
        self.nxt = self.una

    def pipe(self) -> int:
        return self.nxt - self.una

    def next_segment(self, new: bool) -> tuple[int, int] | None:
        return None

    def hole(self, start: int, end: int) -> tuple[int, int] | None:
        return (start, end) if start < end else None


class MyOutput:
    """All that there is, and more than is allowed: the connection sees to that."""

    def __init__(self, settings: Settings) -> None: ...

    def decide(self, chance: Chance) -> tuple[int, str]:
        return (chance.queued, "now") if chance.congestion > 0 else (0, "later")


class MyAcknowledgment:
    def __init__(self, settings: Settings) -> None: ...

    def at_once(self, length: int, in_order: bool, fills_gap: bool) -> str | None:
        return "always"

    def sent(self) -> None: ...


def my_unwrap(wire: int, near: int) -> int:
    return min((near - near % 2**32 + wire + turn for turn in (-(2**32), 0, 2**32)), key=lambda n: abs(n - near))


def my_before(a: int, b: int) -> bool:
    return my_unwrap(b, a) > a


MINE = TCPParts(
    unwrap=my_unwrap, before=my_before, reassembler=MyReassembler, rtt=MyRTT, recovery=MyRecovery,
    congestion=MyWindow, output=MyOutput, acknowledgment=MyAcknowledgment,
)  # fmt: skip


def test_all_parts_replaced_at_once() -> None:
    data = Random(1).randbytes(100_000)
    for mine, yours in ((MINE, MINE), (MINE, None), (None, MINE)):
        link = Pair(Connection(A, B, 1, parts=mine), Connection(B, A, 2, parts=yours), fate=hostile(5, 0.05, 0.1, 0.05))
        link.b.listen(0.0)
        link.a.open(0.0)
        assert transfer(link, data, data) == (data, data)
        assert link.a.error is link.b.error is None
