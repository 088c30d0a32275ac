"""A connection of somebody's own in the place of netlib's: the example, and ones that are wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from runpy import run_path
from typing import Any

import pytest

from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.own_connection import OwnConnection, make_connection
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.states import CLOSED, ESTABLISHED, LISTEN, TIME_WAIT, strays
from netlib.transport.tcp.variables import CallError
from netlib.wire.tcp import TCPSegment

from .pair import A, B, Pair, hostile, transfer

EXAMPLES = Path(__file__).parents[3] / "examples"
sys.path.insert(0, str(EXAMPLES))
MyConnection: Any = run_path(str(EXAMPLES / "connection.py"))["MyConnection"]


def ends(mine: bool, theirs: bool, mine_is: Any = MyConnection) -> tuple[Connection, Connection]:
    def end(own: bool, here: Any, there: Any, iss: int) -> Connection:
        parts = TCPParts(connection=mine_is) if own else TCPParts()
        return make_connection(here, there, iss, 1460, parts, {})

    a, b = end(mine, A, B, 2**32 - 30_000), end(theirs, B, A, 7)
    if theirs:
        b.part.state = LISTEN  # type: ignore[attr-defined]
        b.follow("passive OPEN", 0.0)  # type: ignore[attr-defined]
    else:
        b.listen(0.0)
    return a, b


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("mine", "theirs"), [(True, False), (False, True), (True, True)])
def test_the_example_brings_all_bytes_both_ways_over_a_link_that_is_not_kind(
    mine: bool, theirs: bool, seed: int
) -> None:
    up, down = Random(seed).randbytes(80_000), Random(seed + 1).randbytes(60_000)
    link = Pair(*ends(mine, theirs), fate=hostile(seed, 0.1, 0.1, 0.05))
    link.a.open(0.0)
    assert transfer(link, up, down) == (up, down)
    assert link.a.error is link.b.error is None
    for name in "ab":
        assert strays(link.path[name]) == [], link.path[name]
    link.run()
    assert link.a.state is link.b.state is CLOSED


def test_its_bookkeeping_is_what_sockets_show() -> None:
    link = Pair(*ends(True, False))
    link.a.open(0.0)
    link.run(until=1.0)
    assert link.a.state is ESTABLISHED and link.a.writable and not link.a.readable
    assert link.a.send(bytes(10_000), link.now) == 10_000
    assert (link.a.info["unacked"], link.a.info["send_q"], link.a.info["notsent"]) == (7, 10_000, 0)
    link.run(until=2.0)
    info = link.a.info
    assert (info["unacked"], info["bytes_acked"], info["retrans"], info["cwnd"]) == (0, 10_000, 0, 10)
    assert {event.kind for event in link.events["a"]} >= {"state", "sent", "writable"}
    link.b.send(b"hello", link.now)
    link.run(until=3.0)
    assert link.a.readable and link.a.receive(3, link.now) == b"hel" and link.a.receive(9, link.now) == b"lo"


def test_abort_tells_the_peer_and_a_reset_is_an_error() -> None:
    link = Pair(*ends(True, True))
    link.a.open(0.0)
    link.run(until=1.0)
    link.a.abort(link.now)
    link.run(until=2.0)
    assert (link.a.state, link.b.state, link.a.error, link.b.error) == (CLOSED, CLOSED, None, "ECONNRESET")
    with pytest.raises(CallError, match="ECONNRESET"):
        link.b.send(b"x", link.now)


def test_data_for_nobody_is_reset_as_with_netlibs_own() -> None:
    link = Pair(*ends(True, False))
    link.a.open(0.0)
    link.run(until=1.0)
    link.a.close(link.now, reading=False)
    link.b.send(b"too late", link.now)
    link.run(until=2.0)
    assert link.a.state is CLOSED and link.b.error == "ECONNRESET"


def test_a_path_with_a_smaller_mtu_and_a_peer_that_is_gone() -> None:
    link = Pair(*ends(True, False))
    link.a.open(0.0)
    link.run(until=1.0)
    link.a.path_mtu(1000, link.now)
    link.a.send(bytes(5000), link.now)
    link.run(until=2.0)
    assert max(len(segment.payload) for segment in link.segments("a")) == 960 and link.b.info["recv_q"] == 5000
    link.a.close(link.now, reading=False)
    link.fate = lambda pair, segment: []
    link.run(until=link.now + 61, done=lambda: link.a.state is CLOSED)
    assert link.a.state is not TIME_WAIT


class Wrong(MyConnection):  # type: ignore[misc]
    """Does what the tests tell it when it is to open."""

    does: Any

    def open(self, now: float) -> None:
        super().open(now)
        self.does()


def put(segment: Any) -> Any:
    return lambda self: self.outbox.append(segment)


def state(name: Any) -> Any:
    return lambda self: setattr(self, "state", name)


WRONG = [
    (put(5), r"connection\.outbox, in its list, returned 5"),
    (put(TCPSegment(sequence=-1)), "connection sends sequence = -1: it has to fit into 32 bits"),
    (put(TCPSegment(sequence=2**32 - 30_000, window=70_000)), "connection sends window = 70000: .* 16 bits"),
    (put(TCPSegment(sequence=5)), "connection sends from 5 on, and was at 4294937297: what lies between was never"),
    (state("ESTABLISHED"), r"connection\.state returned 'ESTABLISHED' \(str\): it has to return State"),
    (lambda self: setattr(self, "received", b""), r"connection\.received returned b'' \(bytes\)"),
    (lambda self: setattr(self, "deadline", lambda: "soon"), r"connection\.deadline returned 'soon'"),
    (lambda self: setattr(self, "deadline", lambda: 0.5), r"connection wants to be called at 0\.5 s"),
]


@pytest.mark.parametrize(("does", "problem"), WRONG, ids=[problem[:40] for _, problem in WRONG])
def test_nonsense_is_named(does: Any, problem: str) -> None:
    link = Pair(*ends(True, False, type("Mine", (Wrong,), {"does": does})))
    with pytest.raises((TypeError, ValueError), match=f"^the part {problem}"):
        link.a.open(0.0)
        link.run(until=1.0)


def test_what_is_missing_is_named_and_one_made_from_netlibs_own_needs_nothing_between() -> None:
    with pytest.raises(TypeError, match=r"^the part connection \(object\) has no state, outbox, sending"):
        ends(True, False, lambda *_: object())

    class Mine(Connection):
        pass

    a, _ = ends(True, False, Mine)
    assert type(a) is Mine
    assert isinstance(ends(True, False)[0], OwnConnection)


@pytest.mark.parametrize("seed", range(5))
def test_no_segment_makes_it_raise(seed: int) -> None:
    random = Random(seed)
    for _ in range(60):
        link = Pair(*ends(True, False))
        link.a.open(0.0)
        link.run(until=random.choice([0.0, 0.06, 1.0]))
        for _ in range(random.randrange(40)):
            link.now += random.random() / 10
            own, near = link.a.snd.max, getattr(link.a.part, "rcv", 0)  # type: ignore[attr-defined]
            flags = {flag: random.random() < 0.2 for flag in ("syn", "fin", "rst", "urg", "psh")}
            segment = TCPSegment(
                sequence=(near + random.choice([0, 0, 0, 1, -1, 100, 2**31, random.randrange(2**32)])) % 2**32,
                acknowledgment=(own - random.choice([0, 0, 1, -1, 500, random.randrange(2**32)])) % 2**32,
                ack=random.random() < 0.9,
                window=random.choice([0, 1, 65_535]),
                options=random.choice([b"", random.randbytes(8)]),
                payload=bytes(random.choice([0, 0, 1, 1460])),
                **flags,
            )
            link.a.segment_arrives(segment, link.now)
            if random.random() < 0.3 and link.a.writable and link.a.state is not CLOSED:
                link.a.send(bytes(random.randrange(1, 5000)), link.now)
            if random.random() < 0.05:
                link.a.close(link.now)
            due = link.a.deadline()
            if due is not None and due <= link.now:
                link.a.tick(link.now)
            assert strays([*link.path["a"]]) == []
