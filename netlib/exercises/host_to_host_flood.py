"""Exercise 3.4: which port of a switch is being flooded with forged addresses, seen by one who can't be flooded.

Times are multiples of 1/4 s, which floats hold exactly, so that "just within the window" is what it says.
"""

from typing import Any

from hypothesis import strategies as st

from netlib.grading import Mistake, StatefulExercise
from netlib.wire.address import MACAddress

Step = tuple[Any, ...]


class FloodGuard:
    """More than `limit` senders by one port within `window` seconds?  It remembers limit + 1 of them for each port:
    of the senders heard last, so many are enough to tell."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit, self.window = limit, window
        self.heard: dict[int, dict[bytes, float]] = {}  # port -> sender -> when last, the latest at the end

    def saw(self, port: int, source: bytes, now: float) -> bool:
        senders = self.heard.setdefault(port, {})
        senders.pop(source, None)
        senders[source] = now
        if len(senders) > self.limit + 1:
            del senders[next(iter(senders))]
        return self.count(port, now) > self.limit

    def count(self, port: int, now: float) -> int:
        return sum(now - when < self.window for when in self.heard[port].values())

    def remembered(self) -> int:
        return sum(map(len, self.heard.values()))


def number(address: bytes) -> str:
    """The made-up senders by number: 02:00:00:00:00:07 is 7."""
    return str(address[-1])


def judge(steps: Any, results: Any) -> str | None:
    method, *args = steps[-1]
    got = results[-1]
    if method == "new":
        return None
    limit, window = steps[0][1:]
    seen = [step for step in steps if step[0] == "saw"]
    if method == "remembered":
        most = (limit + 1) * len({port for _, port, *_ in seen})
        if type(got) is not int:
            return f"remembered() has to return a number; it returned {got!r:.60}."
        if not 0 <= got <= most:
            return f"It remembers {got} senders. With a limit of {limit}, {limit + 1} for each port are enough: {most}."
        return None if got or not seen else "It remembers nobody, so remembered() does not count what it keeps."
    guard = FloodGuard(limit, window)
    for _, *each in seen:
        expected = guard.saw(*each)
    if not isinstance(got, int):
        return f"saw(...) has to return True or False; it returned {got!r:.60}."
    if got == expected:
        return None
    port, _, now = args
    last = {source: when for _, at, source, when in seen if at == port}
    within = sorted(number(source) for source, when in last.items() if now - when < window)
    return (f"By port {port}, within the last {window:g} s, came frames of {len(within)} "
            f"sender{'s' * (len(within) != 1)} (those ending in {', '.join(within)}). The limit is {limit}, so this is "
            f"{expected}.")  # fmt: skip


# ---- known mistakes -------------------------------------------------------------------------------------------


class Variant(FloodGuard):
    """Without a bound, which changes no answer, so that a mistake is a few lines."""

    def __init__(self, limit: int, window: float) -> None:
        super().__init__(limit, window)
        self.all: list[tuple[int, bytes, float]] = []

    def saw(self, port: int, source: bytes, now: float) -> bool:
        self.all.append((port, source, now))
        return self.too_many(self.inside(port, now))

    def inside(self, port: int, now: float) -> list[bytes]:
        return [source for at, source, when in self.all if at == port and now - when < self.window]

    def too_many(self, sources: list[bytes]) -> bool:
        return len(set(sources)) > self.limit

    def remembered(self) -> int:
        return min(1, len(self.all))


class CountsFrames(Variant):
    def too_many(self, sources: list[bytes]) -> bool:
        return len(sources) > self.limit


class AllPorts(Variant):
    def inside(self, port: int, now: float) -> list[bytes]:
        return [source for _, source, when in self.all if now - when < self.window]


class NoWindow(Variant):
    def inside(self, port: int, now: float) -> list[bytes]:
        return [source for at, source, _ in self.all if at == port]


class WindowTooLong(Variant):
    def inside(self, port: int, now: float) -> list[bytes]:
        return [source for at, source, when in self.all if at == port and now - when <= self.window]


class FromTheLimit(Variant):
    def too_many(self, sources: list[bytes]) -> bool:
        return len(set(sources)) >= self.limit


class FirstHeard(Variant):
    def inside(self, port: int, now: float) -> list[bytes]:
        first: dict[bytes, float] = {}
        for at, source, when in self.all:
            if at == port and not when - first.get(source, float("-inf")) < self.window:
                first[source] = when
        return [source for source, when in first.items() if now - when < self.window]


class Grudge(Variant):
    """Once True, True for ever."""

    def too_many(self, sources: list[bytes]) -> bool:
        self.angry = getattr(self, "angry", False) or super().too_many(sources)
        return self.angry


class FixedWindows(Variant):
    def inside(self, port: int, now: float) -> list[bytes]:
        start = now // self.window * self.window
        return [source for at, source, when in self.all if at == port and when >= start]


class Unbounded(Variant):
    def remembered(self) -> int:
        return len({(port, source) for port, source, _ in self.all})


class Bounded(FloodGuard):
    """With a bound, but one who should be kept is not."""

    def saw(self, port: int, source: bytes, now: float) -> bool:
        senders = self.heard.setdefault(port, {})
        for old in [old for old, when in senders.items() if now - when >= self.window]:
            del senders[old]
        self.note(senders, source, now)
        return len(senders) > self.limit

    def note(self, senders: dict[bytes, float], source: bytes, now: float) -> None:
        raise NotImplementedError


class DropsWhoCameFirst(Bounded):
    """Who is heard again keeps its old place in the queue."""

    def note(self, senders: dict[bytes, float], source: bytes, now: float) -> None:
        senders[source] = now
        if len(senders) > self.limit + 1:
            del senders[next(iter(senders))]


class DropsNewcomers(Bounded):
    def note(self, senders: dict[bytes, float], source: bytes, now: float) -> None:
        if source in senders or len(senders) <= self.limit:
            senders[source] = now


class KeepsTooFew(Bounded):
    def note(self, senders: dict[bytes, float], source: bytes, now: float) -> None:
        senders.pop(source, None)
        senders[source] = now
        if len(senders) > self.limit:
            del senders[next(iter(senders))]


# ---- cases ----------------------------------------------------------------------------------------------------


def sender(n: int) -> bytes:
    return bytes(MACAddress(b"\x02\0\0\0\0" + bytes((n,))))


sighting = st.tuples(
    st.sampled_from([0, 0, 0, 1]), st.sampled_from([1, 2, 3, 4, 1, 2, 3, 4, 5, 6]),
    st.sampled_from([0.0, 0.25, 0.25, 0.5, 0.5, 1.0, 1.75, 2.0]),
)  # fmt: skip
sightings = st.one_of(st.lists(sighting, min_size=1, max_size=12), st.lists(sighting, min_size=8, max_size=16))


def story(limit: int, window: float, events: list[tuple[int, int, float]]) -> list[Step]:
    steps: list[Step] = [("new", limit, window)]
    now = 0.0
    for port, n, wait in events:
        now += wait
        steps.append(("saw", port, sender(n), now))
    return [*steps, ("remembered",)]


def at(*sightings: tuple[int, float], port: int = 0) -> list[Step]:
    return [("saw", port, sender(n), now) for n, now in sightings]


ONE, TWO = ("new", 1, 2.0), ("new", 2, 2.0)
FLOOD_GUARD = StatefulExercise(
    number="3.4",
    name="FloodGuard",
    points=4,
    summary="Which port brings more senders than a cable can have.",
    signature="FloodGuard(limit: int, window: float)",
    rfc="IEEE 802.1Q clause 8.8, on a table of bounded size",
    reference=FloodGuard,
    judge=judge,
    inputs=st.builds(story, st.integers(1, 3), st.sampled_from([1.0, 2.0, 2.0]), sightings),
    pinned={
        "as many as the limit": [TWO, *at((1, 0.0), (2, 0.25))],
        "one more": [TWO, *at((1, 0.0), (2, 0.25), (3, 0.5))],
        "one sender, many frames": [TWO, *at((1, 0.0), (1, 0.25), (1, 0.5), (1, 0.75))],
        "the first has left the window": [TWO, *at((1, 0.0), (2, 0.25), (3, 2.0))],
        "a moment before it does": [TWO, *at((1, 0.0), (2, 0.25), (3, 1.75))],
        "a sender heard again is new": [TWO, *at((1, 0.0), (2, 0.25), (1, 1.5), (3, 2.0))],
        "across two windows of a clock": [TWO, *at((1, 1.5), (2, 1.75), (3, 2.25))],
        "each port for itself": [TWO, *at((1, 0.0), (2, 0.0)), *at((3, 0.0), (4, 0.0), port=1)],
        "when it is over": [TWO, *at((1, 0.0), (2, 0.0), (3, 0.0), (3, 1.75), (3, 2.0))],
        "two ports, and what is remembered": [
            TWO, *at((1, 0.0), (2, 0.0)), *at((3, 0.0), port=1), ("remembered",)],
        "who is heard again is among the last": [ONE, *at((1, 0.0), (2, 0.25), (1, 1.5), (3, 1.75), (3, 2.5))],
        "who comes when it is full is among the last": [ONE, *at((1, 0.0), (2, 0.25), (3, 0.5), (4, 2.25))],
        "a flood": [TWO, *at(*((n, n / 4) for n in range(1, 61))), ("remembered",)],
        "nobody so far": [TWO, ("remembered",)],
    },
    mistakes=[
        Mistake("It looks as if frames are counted, and not different senders.", CountsFrames),
        Mistake("It looks as if all ports are counted together: each has its own count.", AllPorts),
        Mistake("It looks as if the window is missing: a sender counts only while its last frame is less than "
                "`window` seconds old.", NoWindow),
        Mistake("It looks as if a frame counts still when exactly `window` seconds are over: by then it does not.",
                WindowTooLong),
        Mistake("It looks as if as many as `limit` are too many: it is True for more than that.", FromTheLimit),
        Mistake("It looks as if a sender's first frame counts: it is the last one that says how old it is.",
                FirstHeard),
        Mistake("It looks as if a port is never forgiven: it is judged anew at each frame.", Grudge),
        Mistake("It looks as if the count starts anew at each full window: the window ends now, and slides.",
                FixedWindows),
        Mistake("It looks as if all senders are remembered: then whoever floods the switch floods the guard, too.",
                Unbounded),
        Mistake("It looks as if at most `limit` senders are kept for a port: then there are never more to be counted.",
                KeepsTooFew),
        Mistake("It looks as if who came first is dropped, though heard again since: keep those who were heard last.",
                DropsWhoCameFirst),
        Mistake("It looks as if newcomers are not kept when there is no room: it is those heard last that are enough.",
                DropsNewcomers),
    ],
    examples=150,
)  # fmt: skip
