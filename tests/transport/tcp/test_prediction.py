"""Header prediction is a shortcut: after it all is as the long way through RFC 9293 section 3.10.7.4 leaves it."""

from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.transport.tcp import connection as module
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.prediction import predicted
from netlib.transport.tcp.states import State
from netlib.transport.tcp.variables import Events
from netlib.wire.tcp import TCPSegment

from .pair import A, B, Pair

OPTIONS: list[dict[str, Any]] = [
    {}, {"timestamps": False}, {"sack": False}, {"ecn": True}, {"window_scaling": False}, {"receive_buffer": 3000},
    {"quick_acks": 0, "receive_buffer": 20_000}, {"delayed_ack": 0.0}, {"keepalive": True}, {"mtu_probing": True},
]  # fmt: skip


def known(thing: Any) -> Any:
    """All that an object knows, in a form that can be compared."""
    if isinstance(thing, (int, float, str, bytes, bytearray, type(None), State)):
        return thing
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


class Watch:
    """Stands in the place of `predicted`, and goes the long way beside it with a copy of the connection."""

    def __init__(self) -> None:
        self.taken = self.seen = 0

    def __call__(self, connection: Connection, segment: TCPSegment, now: float, ce: bool) -> bool:
        events = Events()
        events.extend(connection.events)
        before, other = known(connection), deepcopy(connection, {id(connection.events): events})
        self.seen += 1
        if predicted(connection, segment, now, ce):
            self.taken += 1
            other.in_other_states(deepcopy(segment), now, ce)
            differ = [mine[0] for mine, its in zip(known(connection), known(other), strict=True) if mine != its]
            assert not differ, f"the long way leaves others: {differ}"
            return True
        touched = known(connection) != before
        assert not touched, "not predicted, and yet something was done"
        return False


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1 << 32), st.sampled_from(OPTIONS), st.booleans(), st.sampled_from([0.0, 0.1, 0.3]),
       st.sampled_from([1, 2**32 - 20_000]))  # fmt: skip
def test_after_either_way_all_is_the_same(
    seed: int, options: dict[str, Any], both: bool, trouble: float, iss: int
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
        a, b = (Connection(local, remote, iss, options=options) for local, remote in ((A, B), (B, A)))
        pair = Pair(a, b, fate=fate, marking=lambda end, segment: end.may_be_marked(segment) and random.random() < 0.1)
        b.listen(0.0)
        a.open(0.0)
        for _ in range(100):
            if not pair.step():
                break
            for end in (a, b) if both else (a,):
                if end.state is State.ESTABLISHED and random.random() < 0.4:
                    end.send(random.randbytes(random.choice([1, 500, 3000, 12_000])), pair.now)
            for end in (a, b):
                if random.random() < 0.3:
                    end.receive(random.choice([10, 1000, 100_000]), pair.now)
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
