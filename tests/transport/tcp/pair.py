"""Two connections and the link between them, in simulated time: what the tests of TCP stand on."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.states import State
from netlib.wire.tcp import TCPSegment

A, B = ("10.0.0.1", 40000), ("10.0.0.2", 80)
Fate = Callable[["Pair", TCPSegment], list[float]]


@dataclass
class Pair:
    """Connections `a` and `b`; `fate` says of each segment after how many seconds its copies arrive."""

    a: Connection
    b: Connection
    delay: float = 0.05
    fate: Fate | None = None
    now: float = 0.0
    sent: list[tuple[float, str, TCPSegment]] = field(default_factory=list)  # when, by whom
    path: dict[str, list[State]] = field(default_factory=lambda: {"a": [State.CLOSED], "b": [State.CLOSED]})
    events: dict[str, list[Any]] = field(default_factory=lambda: {"a": [], "b": []})
    marking: Callable[[Connection, TCPSegment], bool] | None = None

    def __post_init__(self) -> None:
        self.queue: list[tuple[float, int, str, TCPSegment, bool]] = []
        self.number = count()

    def flush(self) -> None:
        """Put on the link what the connections have to send, and note the states that they have met."""
        for name, end in (("a", self.a), ("b", self.b)):
            for event in end.events:
                if event.kind == "state":
                    self.path[name].append(State(event.because.split(":")[0]))
            self.events[name] += end.events
            end.events.clear()
            out, end.outbox = end.outbox, []
            for segment in out:
                self.sent.append((self.now, name, segment))
                ce = self.marking(end, segment) if self.marking else False
                for delay in self.fate(self, segment) if self.fate else [self.delay]:
                    target = "b" if name == "a" else "a"
                    heapq.heappush(self.queue, (self.now + delay, next(self.number), target, segment, ce))

    def step(self) -> bool:
        """Go to what happens next; false if nothing ever does."""
        self.flush()
        times = [t for t in (self.a.deadline(), self.b.deadline()) if t is not None]
        if self.queue:
            times.append(self.queue[0][0])
        if not times:
            return False
        self.now = max(self.now, min(times))
        while self.queue and self.queue[0][0] <= self.now:
            _, _, target, segment, ce = heapq.heappop(self.queue)
            (self.a if target == "a" else self.b).segment_arrives(segment, self.now, ce)
        for end in (self.a, self.b):
            due = end.deadline()
            if due is not None and due <= self.now:
                end.tick(self.now)
        self.flush()
        return True

    def run(self, until: float = 1e9, done: Callable[[], bool] = lambda: False, most: int = 200_000) -> None:
        """Run until nothing happens any more, or `done`, or the time is over."""
        for _ in range(most):
            if done():
                return
            times = [t for t in (self.a.deadline(), self.b.deadline()) if t is not None] + [
                entry[0] for entry in self.queue[:1]
            ]
            self.flush()
            if not self.queue and (not times or min(times) > until):
                self.now = max(self.now, until) if until < 1e9 else self.now
                return
            if self.queue and min([*times, self.queue[0][0]]) > until:
                self.now = until
                return
            if not self.step():
                return
        raise AssertionError(f"it never ends: {self.a.state}, {self.b.state} at {self.now}")

    def segments(self, who: str) -> list[TCPSegment]:
        return [segment for _, name, segment in self.sent if name == who]

    def because(self, who: str, kind: str) -> list[str]:
        """Why events of a kind happened."""
        self.flush()
        return [event.because for event in self.events[who] if event.kind == kind]


def pair(fate: Fate | None = None, listen: bool = True, parts: TCPParts | None = None, **options: Any) -> Pair:
    """Two closed connections, or with `listen` one that does; options starting with a_ or b_ are for one of them."""
    mine = {k: v for k, v in options.items() if k[:2] not in ("a_", "b_")}
    a = Connection(A, B, 1000, parts=parts, options=mine | {k[2:]: v for k, v in options.items() if k[:2] == "a_"})
    b = Connection(B, A, 5000, parts=parts, options=mine | {k[2:]: v for k, v in options.items() if k[:2] == "b_"})
    made = Pair(a, b, fate=fate)
    if listen:
        b.listen(0.0)
    return made


def connected(fate: Fate | None = None, **options: Any) -> Pair:
    """Two connections that have met."""
    made = pair(fate, **options)
    made.a.open(0.0)
    made.run(until=1.0)
    assert (made.a.state, made.b.state) == (State.ESTABLISHED, State.ESTABLISHED)
    return made


def hostile(seed: int, loss: float, reorder: float, duplicate: float) -> Fate:
    """A link that loses, reorders and duplicates; the same for the same seed."""
    random = Random(seed)

    def fate(pair: Pair, segment: TCPSegment) -> list[float]:
        copies = 2 if random.random() < duplicate else 1
        delays = [pair.delay + (random.random() * 0.2 if random.random() < reorder else 0.0) for _ in range(copies)]
        return [delay for delay in delays if random.random() >= loss]

    return fate


def transfer(link: Pair, up: bytes, down: bytes = b"", close: bool = True) -> tuple[bytes, bytes]:
    """Send `up` from a to b and `down` back, both read at once; what has arrived when all is over."""
    ends = {"a": link.a, "b": link.b}
    left = {"a": up, "b": down}
    got = {"a": bytearray(), "b": bytearray()}

    def work() -> bool:
        for name, end in ends.items():
            got[name] += end.receive(1 << 20, link.now)
            if left[name] and end.writable and end.state is not State.CLOSED:
                taken = end.send(left[name][:65536], link.now)
                left[name] = left[name][taken:]
            if close and not left[name] and end.state in (State.ESTABLISHED, State.CLOSE_WAIT):
                end.close(link.now)
        if not close:
            return len(got["b"]) == len(up) and len(got["a"]) == len(down)
        return all(end.state in (State.CLOSED, State.TIME_WAIT) for end in ends.values())

    link.run(done=work)
    link.flush()
    return bytes(got["b"]), bytes(got["a"])
