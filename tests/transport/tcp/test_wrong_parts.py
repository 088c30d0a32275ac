"""A part that answers nonsense is named at once, in one line that says what it has to be."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from netlib.transport.tcp.checked import Guard
from netlib.transport.tcp.congestion.reno import Reno
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.output import Output
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.reassembler import Reassembler
from netlib.transport.tcp.recovery import SACK, NewReno, Verdict
from netlib.transport.tcp.rtt import RTT
from netlib.transport.tcp.sequence import unwrap

from .pair import A, B, Pair, hostile, transfer


def but(kind: type, **says: Any) -> Any:
    """Like `kind`, but with these attributes, and methods that return these values."""
    methods = {name: value if callable(value) else lambda self, *_, value=value: value for name, value in says.items()}
    return type("Mine", (kind,), {"__module__": "notebook"} | methods)


def holding(kind: type, **says: Any) -> Any:
    """Like `kind`, but every time it is told something it then holds these."""

    def told(self: Any, *_: Any) -> None:
        for name, value in says.items():
            setattr(self, name, value)

    return but(kind, on_ack=told, sample=told)


class Greedy(Reassembler):
    """Makes up a byte after each segment."""

    def insert(self, start: int, data: bytes) -> bytes:
        self.next += len(data) + 1
        return data + b"!"


class Silent(Reassembler):
    """Has nothing to say about what waits."""

    report = None

    def blocks(self, most: int = 4) -> Any:
        return None


class Invents(SACK):
    """Wants to have sent again what was never sent."""

    def on_ack(self, *arguments: Any) -> Verdict:
        return Verdict(resend=(self.max, self.max + 1460))


def sack_or(kind: type) -> Any:
    return lambda sack, mss, start: kind(mss, start)


WRONG: list[tuple[str, dict[str, Any]]] = [
    (r"unwrap returned None \(NoneType\): it has to return int", {"unwrap": lambda wire, near: None}),
    (r"unwrap returned \d+ for \d+ near \d+: modulo 2\^32 that is", {"unwrap": lambda w, near: unwrap(w, near) + 1}),
    (r"before returned 1 \(int\): it has to return bool", {"before": lambda a, b: 1}),
    (r"reassembler\.insert returned 5 \(int\): it has to return bytes", {"reassembler": but(Reassembler, insert=5)}),
    (r"reassembler\.insert returned 2 bytes and moved next by 0", {"reassembler": but(Reassembler, insert=b"ab")}),
    (r"reassembler\.insert returned bytes up to .*, and none has come", {"reassembler": Greedy}),
    (r"reassembler\.blocks returned \(7, 9\): what came and waits", {"reassembler": but(Reassembler, blocks=[(7, 9)])}),
    (r"reassembler\.blocks returned None", {"reassembler": Silent}),
    (r"rtt holds rto = -1 \(int\): it has to be a number, and 0 at least", {"rtt": holding(RTT, rto=-1)}),
    ("rtt holds rto = 0: without waiting", {"rtt": holding(RTT, rto=0)}),
    ("rtt holds rto = nan", {"rtt": holding(RTT, rto=float("nan"))}),
    (r"rtt holds rto = '1s' \(str\): it has to be float or int", {"rtt": holding(RTT, rto="1s")}),
    (r"rtt \(NoneType\) has no smoothed, variation, rto, sample, back_off", {"rtt": lambda: None}),
    (r"congestion holds cwnd = -1 \(int\)", {"congestion": holding(Reno, cwnd=-1)}),
    (r"congestion holds cwnd = 14600\.5 \(float\): it has to be int", {"congestion": holding(Reno, cwnd=14600.5)}),
    (r"congestion \(object\) has no mss, cwnd", {"congestion": lambda mss: object()}),
    (r"recovery\.on_ack returned None .*: it has to return Verdict", {"recovery": sack_or(but(NewReno, on_ack=None))}),
    (r"recovery\.on_ack named \(\d+, \d+\) to be sent again: what was sent", {"recovery": sack_or(Invents)}),
    (r"recovery\.pipe returned -1", {"recovery": sack_or(but(NewReno, pipe=-1))}),
    (r"recovery\.hole returned \(0, 5\): it was asked", {"recovery": sack_or(but(NewReno, hole=(0, 5)))}),
    (r"recovery\.next_segment named \(5, 4\)", {"recovery": sack_or(but(SACK, next_segment=(5, 4)))}),
    (r"output\.decide returned 1460: it has to return a number", {"output": but(Output, decide=1460)}),
    (r"output\.decide returned -3 bytes: 0 means", {"output": but(Output, decide=(-3, "why not"))}),
    (r"acknowledgment\.at_once returned True \(bool\): it has to return str", {"acknowledgment": lambda _: Always()}),
]


class Always:
    def at_once(self, length: int, in_order: bool, fills_gap: bool) -> Any:
        return True

    def sent(self) -> None: ...


@pytest.mark.parametrize(("problem", "parts"), WRONG, ids=[problem[:40] for problem, _ in WRONG])
def test_nonsense_is_named(problem: str, parts: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^the part {problem}") as raised:
        mine = TCPParts(**parts)
        link = Pair(Connection(A, B, 1, parts=mine), Connection(B, A, 2, parts=mine), fate=hostile(6, 0.2, 0.1, 0.1))
        link.b.listen(0.0)
        link.a.open(0.0)
        transfer(link, Random(1).randbytes(100_000))
        link.a.before(1, 2)
    assert "\n" not in str(raised.value)


def test_an_instance_in_place_of_its_class_is_named_before_there_is_a_connection() -> None:
    with pytest.raises(TypeError, match=r"^the part rtt is RTT\(.*: it has to be a class or a function"):
        TCPParts(rtt=RTT())  # type: ignore[arg-type]


def test_netlibs_own_parts_are_not_looked_at_and_yours_are() -> None:
    ours, mine = TCPParts(), TCPParts(rtt=but(RTT), unwrap=lambda wire, near: unwrap(wire, near))
    assert type(ours.make("rtt")) is RTT and ours.make("unwrap") is unwrap
    made = mine.make("rtt")
    assert isinstance(made, Guard) and repr(made) == repr(RTT())
    made.minimum = 5.0
    made.back_off()
    assert (made.rto, made.part.minimum) == (5.0, 5.0)


def test_what_a_congestion_part_may_leave_out_is_done_for_it() -> None:
    class Short:
        """The three methods that one of yours has at least."""

        ssthresh = 2**30

        def __init__(self, mss: int) -> None:
            self.mss, self.cwnd, self.told = mss, 10 * mss, list[str]()

        def on_ack(self, acked: int, flight: int, now: float, rtt: float | None) -> None:
            self.told.append("ack")

        def on_loss(self, flight: int, now: float) -> None:
            self.told.append(f"loss of {flight}")

        def on_timeout(self, flight: int, now: float) -> None:
            self.told.append("timeout")

    class Long(Short):
        def on_ecn(self, flight: int, now: float) -> None:
            self.told.append("mark")

        def on_recovered(self, now: float) -> None:
            self.told.append("recovered")

    for kind, told in ((Short, ["loss of 5"]), (Long, ["recovered", "mark"])):
        made = TCPParts(congestion=kind).make("congestion", 1000)
        made.on_duplicate_ack()
        made.on_idle(0.0)
        made.on_recovered(0.0)
        made.on_ecn(5, 0.0)
        assert made.told == told
