"""What a part of yours says is looked at before it is believed.

A connection trusts netlib's own parts.  One of yours gets a guard before it, which passes on all that it is asked and
looks at all that it answers: a window below zero, bytes that never came or were never sent, a value of the wrong
type raise at once, in one line that names the part, and not ten segments later somewhere else.

    checked("rtt", MyRTT())          a guard, that has all that MyRTT has
    checked("rtt", RTT())            netlib's own, as it is: nothing is looked at, nothing costs time
"""

from collections.abc import Callable
from math import inf
from typing import Any, ClassVar

from netlib.internet.parts import returned
from netlib.transport.tcp.output import NOTHING, Chance
from netlib.transport.tcp.recovery import Verdict
from netlib.transport.tcp.scoreboard import Range
from netlib.transport.tcp.sequence import SEQUENCE_SPACE


class Guard:
    """Stands before the part of this name: what has no check here goes through as it is, both ways."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    own: ClassVar[tuple[str, ...]] = ()  # what the guard itself remembers

    def __init__(self, part: Any) -> None:
        missing = [each for each in self.needs if not hasattr(part, each)]
        if missing:
            raise TypeError(f"the part {self.name} ({type(part).__name__}) has no {', '.join(missing)}")
        object.__setattr__(self, "part", part)

    def __getattr__(self, name: str) -> Any:
        if name == "part":  # not made yet, as when it is copied
            raise AttributeError(name)
        return getattr(self.part, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.own:
            object.__setattr__(self, name, value)
        else:
            setattr(self.part, name, value)

    def __repr__(self) -> str:
        return repr(self.part)

    def holds(self, name: str, *kinds: type, least: float = -inf) -> Any:
        """What the part holds under this name, if it is of one of these kinds, and not below `least`."""
        value: Any = getattr(self.part, name)
        fits = isinstance(value, kinds)
        expected = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
        told = f"the part {self.name} holds {name} = {value!r:.60} ({type(value).__name__}): it has to be"
        if not fits:
            raise TypeError(f"{told} {expected}")
        if value is not None and not least <= value < inf:
            raise ValueError(f"{told} a number, and {least:g} at least" if least > -inf else f"{told} a number")
        return value


def is_range(value: Any, first: int, last: int) -> bool:
    """Whether this is a pair of numbers, the second larger, between these two."""
    pair = isinstance(value, tuple) and len(value) == 2 and all(isinstance(number, int) for number in value)
    return pair and first <= value[0] < value[1] <= last


class CheckedReassembler(Guard):
    name, needs, own = "reassembler", ("next", "insert", "blocks"), ("highest",)
    highest: int  # the byte after the last that ever came

    def __init__(self, part: Any) -> None:
        super().__init__(part)
        self.highest = self.holds("next", int)

    def insert(self, start: int, data: bytes) -> bytes:
        if not data:
            return b""
        self.highest = max(self.highest, start + len(data))
        before = self.part.next
        ready: bytes = returned("reassembler.insert", self.part.insert(start, data), bytes)
        after = self.holds("next", int)
        if after != before + len(ready):
            raise ValueError(f"the part reassembler.insert returned {len(ready)} bytes and moved next by "
                             f"{after - before}: next is the first byte that is missing still")  # fmt: skip
        if after > self.highest:
            raise ValueError(f"the part reassembler.insert returned bytes up to {after}, and none has come from "
                             f"{self.highest} on")  # fmt: skip
        return ready

    def blocks(self) -> list[Range]:
        held = list(returned("reassembler.blocks", self.part.blocks(), list, tuple))[:4]  # four have room in a header
        for block in held:
            if not is_range(block, self.part.next, self.highest):
                raise ValueError(f"the part reassembler.blocks returned {block!r:.60}: what came and waits lies "
                                 f"between {self.part.next} and {self.highest}")  # fmt: skip
        return held


class CheckedRTT(Guard):
    name, needs = "rtt", ("smoothed", "variation", "rto", "sample", "back_off")

    @property
    def rto(self) -> float:
        rto: float = self.holds("rto", float, int, least=0.0)
        if not rto:
            raise ValueError("the part rtt holds rto = 0: without waiting all would be sent again at once")
        return rto

    @property
    def smoothed(self) -> float | None:
        smoothed: float | None = self.holds("smoothed", float, int, type(None), least=0.0)
        return smoothed

    @property
    def variation(self) -> float:
        variation: float = self.holds("variation", float, int, least=0.0)
        return variation


class CheckedCongestion(Guard):
    """What the part leaves out of `CongestionControl` beyond `CongestionPart` is done here, as its docstring says."""

    name, needs = "congestion", ("mss", "cwnd", "ssthresh", "on_ack", "on_loss", "on_timeout")

    @property
    def cwnd(self) -> int:
        cwnd: int = self.holds("cwnd", int, least=0)
        return cwnd

    @property
    def ssthresh(self) -> int:
        ssthresh: int = self.holds("ssthresh", int, least=0)
        return ssthresh

    def on_duplicate_ack(self) -> None:
        getattr(self.part, "on_duplicate_ack", lambda: None)()

    def on_recovered(self, now: float) -> None:
        getattr(self.part, "on_recovered", lambda now: None)(now)

    def on_idle(self, now: float) -> None:
        getattr(self.part, "on_idle", lambda now: None)(now)

    def on_ecn(self, flight: int, now: float) -> None:
        if hasattr(self.part, "on_ecn"):
            self.part.on_ecn(flight, now)
        else:
            self.part.on_loss(flight, now)
            self.on_recovered(now)


class CheckedRecovery(Guard):
    name = "recovery"
    needs = ("mss", "recovering", "on_sent", "on_ack", "on_timeout", "pipe", "next_segment", "hole")
    own = ("una", "max")
    una: int  # what was sent and is not acknowledged lies between these, as far as the part was told
    max: int

    def __init__(self, part: Any, start: int) -> None:
        super().__init__(part)
        self.una = self.max = start

    def on_sent(self, start: int, end: int, now: float) -> None:
        self.max = max(self.max, end)
        self.part.on_sent(start, end, now)

    def on_ack(self, ack: int, blocks: list[Range], flight: int, now: float) -> Verdict:
        self.una, self.max = max(self.una, ack), max(self.max, ack)
        verdict: Verdict = returned("recovery.on_ack", self.part.on_ack(ack, blocks, flight, now), Verdict)
        self.sent("on_ack", verdict.resend)
        return verdict

    def pipe(self) -> int:
        pipe: int = returned("recovery.pipe", self.part.pipe(), int)
        if pipe < 0:
            raise ValueError(f"the part recovery.pipe returned {pipe}: there can't be less than nothing in the network")
        return pipe

    def next_segment(self, new: bool) -> Range | None:
        return self.sent("next_segment", self.part.next_segment(new))

    def hole(self, start: int, end: int) -> Range | None:
        hole: Range | None = self.part.hole(start, end)
        if hole is not None and not is_range(hole, start, end):
            raise ValueError(f"the part recovery.hole returned {hole!r:.60}: it was asked for one in {start} to {end}")
        return hole

    def sent(self, method: str, named: Range | None) -> Range | None:
        """What the part wants to have sent again, if it was sent and is not acknowledged."""
        if named is not None and not is_range(named, self.una, self.max):
            raise ValueError(f"the part recovery.{method} named {named!r:.60} to be sent again: what was sent and is "
                             f"not acknowledged lies between {self.una} and {self.max}")  # fmt: skip
        return named


class CheckedOutput(Guard):
    name, needs = "output", ("decide",)

    def decide(self, chance: Chance) -> tuple[int, str]:
        if chance.queued <= 0:
            return 0, NOTHING
        answer = self.part.decide(chance)
        pair = isinstance(answer, tuple) and len(answer) == 2
        if not pair or not isinstance(answer[0], int) or not isinstance(answer[1], str):
            raise TypeError(f"the part output.decide returned {answer!r:.60}: it has to return a number of bytes, "
                            "and why, as a tuple")  # fmt: skip
        if answer[0] < 0:
            raise ValueError(f"the part output.decide returned {answer[0]} bytes: 0 means nothing now")
        return answer[0], answer[1]


class CheckedAcknowledgment(Guard):
    name, needs = "acknowledgment", ("at_once", "sent")

    def at_once(self, length: int, in_order: bool, fills_gap: bool) -> str | None:
        why: str | None = returned(
            "acknowledgment.at_once", self.part.at_once(length, in_order, fills_gap), str, type(None)
        )
        return why


def checked_unwrap(unwrap: Callable[[int, int], int]) -> Callable[[int, int], int]:
    def look(wire: int, near: int) -> int:
        number: int = returned("unwrap", unwrap(wire, near), int)
        if (number - wire) % SEQUENCE_SPACE:
            raise ValueError(f"the part unwrap returned {number} for {wire} near {near}: modulo 2^32 that is "
                             f"{number % SEQUENCE_SPACE}")  # fmt: skip
        return number

    return look


def checked_before(before: Callable[[int, int], bool]) -> Callable[[int, int], bool]:
    def look(a: int, b: int) -> bool:
        is_before: bool = returned("before", before(a, b), bool)
        return is_before

    return look


CHECKS: dict[str, Callable[..., Any]] = {
    "unwrap": checked_unwrap, "before": checked_before, "reassembler": CheckedReassembler, "rtt": CheckedRTT,
    "congestion": CheckedCongestion, "recovery": CheckedRecovery, "output": CheckedOutput,
    "acknowledgment": CheckedAcknowledgment,
}  # fmt: skip


def checked(name: str, part: Any, *arguments: Any) -> Any:
    """The part, guarded unless it is netlib's own.  TypeError where it lacks a method, or something it has to hold."""
    if str(getattr(part, "__module__", "")).startswith("netlib."):
        return part
    return CHECKS[name](part, *arguments)
