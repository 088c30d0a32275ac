"""Header prediction is a shortcut: after it all is as the long way through RFC 9293 section 3.10.7.4 leaves it."""

from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.transport.tcp import connection as module
from netlib.transport.tcp.acknowledgment import DelayedAcknowledgment
from netlib.transport.tcp.block import Block
from netlib.transport.tcp.congestion.cubic import Cubic
from netlib.transport.tcp.congestion.tahoe import Tahoe
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.output import Chance, Output
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.prediction import predicted
from netlib.transport.tcp.reassembler import Reassembler
from netlib.transport.tcp.recovery import loss_recovery, newreno, reno
from netlib.transport.tcp.rtt import RTT
from netlib.transport.tcp.sequence import unwrap
from netlib.transport.tcp.states import OPEN_TO_SEND, State
from netlib.transport.tcp.steady import transmit
from netlib.transport.tcp.variables import Events, Settings
from netlib.wire.tcp import TCPSegment

from .pair import A, B, Pair

OPTIONS: list[dict[str, Any]] = [
    {}, {"timestamps": False}, {"sack": False}, {"ecn": True}, {"window_scaling": False}, {"receive_buffer": 3000},
    {"quick_acks": 0, "receive_buffer": 20_000}, {"delayed_ack": 0.0}, {"keepalive": True}, {"mtu_probing": True},
    {"limited_transmit": False}, {"nodelay": True}, {"cork": True}, {"receive_buffer": 500}, {"send_buffer": 4000},
]  # fmt: skip


class MyReassembler(Reassembler):
    pass


class MyPolicy(Output):
    def decide(self, chance: Chance) -> tuple[int, str]:
        return min(1000, *super().decide(chance)[:1]), "a thousand at most"


PARTS = [
    TCPParts(), TCPParts(congestion=Cubic), TCPParts(congestion=Tahoe), TCPParts(recovery=newreno),
    TCPParts(recovery=reno), TCPParts(reassembler=MyReassembler), TCPParts(output=MyPolicy),
    TCPParts(acknowledgment=lambda settings: DelayedAcknowledgment(settings)), TCPParts(rtt=lambda: RTT(more=0.2)),
    TCPParts(unwrap=lambda wire, near: unwrap(wire, near)),
]  # fmt: skip


def known(thing: Any) -> Any:
    """All that an object knows, in a form that can be compared."""
    if isinstance(thing, (int, float, str, bytes, type(None), State)):
        return thing
    if isinstance(thing, bytearray):
        return bytes(thing)
    if isinstance(thing, dict):
        return [(repr(name), known(value)) for name, value in thing.items()]
    if isinstance(thing, (set, frozenset)):  # in no order: a copy may have another
        return sorted(map(repr, thing))
    if isinstance(thing, (list, tuple)) or type(thing).__name__ == "Events":
        return [known(each) for each in thing]
    names = [*getattr(thing, "__dict__", ()), *(n for c in type(thing).__mro__ for n in getattr(c, "__slots__", ()))]
    if type(thing).__module__.startswith("netlib.") and names:
        return [(name, known(getattr(thing, name, None))) for name in sorted(names)]
    return repr(type(thing))


def twin(connection: Connection) -> Connection:
    events = Events()
    events.extend(connection.events)
    return deepcopy(connection, {id(connection.events): events})


def same(connection: Connection, other: Connection) -> None:
    differ = [mine[0] for mine, its in zip(known(connection), known(other), strict=True) if mine != its]
    assert not differ, f"the long way leaves others: {differ}"


class Watch:
    """Stands in the place of `predicted`, and goes the long way beside it with a copy of the connection."""

    def __init__(self) -> None:
        self.taken = self.seen = 0

    def __call__(self, connection: Connection, segment: TCPSegment, now: float, ce: bool) -> bool:
        before, other = known(connection), twin(connection)
        self.seen += 1
        if predicted(connection, segment, now, ce):
            self.taken += 1
            other.in_other_states(deepcopy(segment), now, ce)
            same(connection, other)
            return True
        touched = known(connection) != before
        assert not touched, "not predicted, and yet something was done"
        return False

    def transmit(self, connection: Connection, now: float) -> None:
        """The same in the place of `steady.transmit`, for what the user sends."""
        other = twin(connection)
        transmit(connection, now)
        other.transmit(now)
        same(connection, other)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1 << 32), st.sampled_from(OPTIONS), st.sampled_from(PARTS), st.booleans(),
       st.sampled_from([0.0, 0.1, 0.3]), st.sampled_from([1, 2**32 - 20_000]))  # fmt: skip
def test_after_either_way_all_is_the_same(
    seed: int, options: dict[str, Any], parts: TCPParts, both: bool, trouble: float, iss: int
) -> None:
    """With text one way or both ways, in pieces, lost, twice, out of order, marked, changed, and past 2^32."""
    random, watch = Random(seed), Watch()

    def fate(pair: Pair, segment: TCPSegment) -> list[float]:
        draw = random.random()
        if draw < trouble / 4:
            return []
        if draw < trouble / 2:
            return [0.05, 0.051]
        if draw < trouble * 3 / 4:
            return [0.05 + random.random() / 20]
        if draw < trouble and pair.now > 0.5:  # what nobody would send
            name = random.choice(["sequence", "acknowledgment", "window", "urgent_pointer", "psh", "urg", "fin", "ece",
                                  "cwr", "ack", "options"])  # fmt: skip
            value = getattr(segment, name)
            if name == "options":
                segment.options = b"" if random.random() < 0.5 else bytes([1]) * 12
            elif isinstance(value, bool):
                setattr(segment, name, not value)
            else:
                bits = {"sequence": 32, "acknowledgment": 32}.get(name, 16)
                setattr(segment, name, (value + random.choice([-1, 1, 1000])) % (1 << bits))
        return [0.05]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "predicted", watch)
        patch.setattr(module, "transmit", watch.transmit)
        a, b = (Connection(local, remote, iss, parts=parts, options=options) for local, remote in ((A, B), (B, A)))
        pair = Pair(a, b, fate=fate, marking=lambda end, segment: end.may_be_marked(segment) and random.random() < 0.1)
        b.listen(0.0)
        a.open(0.0)
        for _ in range(100):
            if not pair.step():
                break
            for end in (a, b) if both else (a,):
                if end.state in OPEN_TO_SEND and not end.closing and random.random() < 0.4:
                    text = random.randbytes(random.choice([1, 500, 1448, 3000, 12_000, 43_440]))
                    end.send(text, pair.now, urgent=random.random() < 0.05)
            for end in (a, b):
                if random.random() < 0.3:
                    end.receive(random.choice([10, 1000, 100_000]), pair.now)
                if random.random() < 0.02:
                    end.set_option("receive_buffer", random.choice([400, 40_000]), pair.now)
                if random.random() < 0.01:
                    end.shrink(900)  # with "mtu_probing" larger ones are tried then
            if random.random() < 0.02:
                random.choice([a, b]).close(pair.now, reading=random.random() < 0.5)


def test_of_an_undisturbed_transfer_nearly_all_is_as_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    monkeypatch.setattr(module, "predicted", watch)
    a, b = Connection(A, B, 1), Connection(B, A, 1)
    pair = Pair(a, b)
    b.listen(0.0)
    a.open(0.0)
    for _ in range(80):
        pair.step()
        if a.state is State.ESTABLISHED:
            a.send(bytes(10_000), pair.now)
        b.receive(1 << 20, pair.now)
    assert watch.seen > 50 and watch.taken > 0.9 * watch.seen


@pytest.mark.parametrize("options", [{}, {"mtu_probing": True}, {"ecn": True}, {"receive_buffer": 20_000}])
@pytest.mark.parametrize("closing", [False, True])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_to_the_last_byte(
    more: int, closing: bool, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty full segments, or one window, a byte less or a byte more: PSH and FIN go with the last, or follow it."""
    watch, lost = Watch(), 0

    def fate(pair: Pair, segment: TCPSegment) -> list[float]:
        nonlocal lost
        if segment.payload and lost == 0 and len(pair.sent) > 30:
            lost = 1
            return []
        return [0.05]

    def marking(end: Connection, segment: TCPSegment) -> bool:
        return end.may_be_marked(segment) and segment.sequence % 7 == 0

    monkeypatch.setattr(module, "predicted", watch)
    monkeypatch.setattr(module, "transmit", watch.transmit)
    a, b = Connection(A, B, 1, options=options), Connection(B, A, 1, options=options)
    pair, got = Pair(a, b, fate=fate, marking=marking), b""
    b.listen(0.0)
    a.open(0.0)
    pair.run(until=1.0)
    for _ in range(2):
        a.send(bytes(options.get("receive_buffer", 60 * a.snd.mss) + more), pair.now)
        if closing:
            a.close(pair.now)
        for step in range(100):
            pair.step()
            if step == 0:
                a.shrink(900)  # with "mtu_probing" larger ones are tried then
            got += b.receive(1 << 20, pair.now)
        if closing:
            break
    assert watch.taken > 10 and not a.sending, watch.taken


@pytest.mark.parametrize("parts", PARTS)
def test_what_that_lets_out_takes_the_short_way_too_by_netlibs_own_parts(
    parts: TCPParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Segments are counted that the long way has sent: of parts that decide here, yours are asked."""
    a, b = Connection(A, B, 1, parts=parts), Connection(B, A, 1, parts=parts)
    pair, long = Pair(a, b), 0
    b.listen(0.0)
    a.open(0.0)

    def send_segment(*arguments: Any, **options: Any) -> None:
        nonlocal long
        long += 1
        Block.send_segment(*arguments, **options)

    monkeypatch.setattr(Connection, "send_segment", send_segment)
    for _ in range(80):
        pair.step()
        if a.state is State.ESTABLISHED:
            a.send(bytes(100_000), pair.now)
        b.receive(1 << 20, pair.now)
    sent = len(pair.sent)
    assert sent > 400
    if parts.recovery is loss_recovery and parts.output is Output and parts.reassembler is Reassembler:
        assert (long < 0.2 * sent) == (parts.unwrap is unwrap), long / sent
    else:
        assert long > 0.3 * sent, long / sent


class MyAcknowledgment(DelayedAcknowledgment):
    told = 0

    def sent(self) -> None:
        self.told += 1
        super().sent()


def test_an_acknowledgment_part_of_yours_is_told_of_each_segment() -> None:
    made: list[MyAcknowledgment] = []

    def make(settings: Settings) -> MyAcknowledgment:
        made.append(MyAcknowledgment(settings))
        return made[-1]

    a, b = Connection(A, B, 1, parts=TCPParts(acknowledgment=make)), Connection(B, A, 1)
    pair = Pair(a, b)
    b.listen(0.0)
    a.open(0.0)
    for _ in range(40):
        pair.step()
        if a.state is State.ESTABLISHED:
            a.send(bytes(10_000), pair.now)
        b.receive(1 << 20, pair.now)
    assert a.counts["segs_out"] > 40 and made[0].told == a.counts["segs_out"] - 1  # the SYN acknowledges nothing


def test_a_connection_of_ones_own_goes_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mine(Connection):
        pass

    watch = Watch()
    monkeypatch.setattr(module, "predicted", watch)
    a, b = Mine(A, B, 1), Mine(B, A, 1)
    pair = Pair(a, b)
    b.listen(0.0)
    a.open(0.0)
    for _ in range(5):
        pair.step()
    assert a.state is State.ESTABLISHED and not watch.seen
