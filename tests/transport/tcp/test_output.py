"""What may be sent now, and why not: silly windows, Nagle's algorithm in two forms, and what may be offered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.transport.tcp.output import (
    ALL,
    CORK,
    FULL,
    HALF_WINDOW,
    LAST,
    LITTLE_CWND,
    MINSHALL,
    MINSHALL_ALLOWS,
    NAGLE,
    NO_CWND,
    NO_WINDOW,
    NODELAY,
    NOTHING,
    SILLY,
    Chance,
    Output,
    offered_edge,
)
from netlib.transport.tcp.variables import Settings

CASES = [
    # queued window congestion flight small last | settings | length why
    (5000, 9000, 9000, 0, False, False, {}, 1000, FULL),
    (5000, 9000, 9000, 3000, True, False, {}, 1000, FULL),
    (300, 9000, 9000, 0, False, False, {}, 300, ALL),
    (300, 9000, 9000, 1000, False, False, {}, 300, MINSHALL_ALLOWS),
    (300, 9000, 9000, 1000, True, False, {}, 0, MINSHALL),
    (300, 9000, 9000, 1000, False, False, {"nagle": "classic"}, 0, NAGLE),
    (300, 9000, 9000, 1000, True, False, {"nodelay": True}, 300, NODELAY),
    (300, 9000, 9000, 1000, True, True, {}, 300, LAST),
    (300, 9000, 9000, 0, False, False, {"cork": True}, 0, CORK),
    (1000, 9000, 9000, 0, False, False, {"cork": True}, 1000, FULL),
    (0, 9000, 9000, 0, False, False, {}, 0, NOTHING),
    (5000, 0, 9000, 0, False, False, {}, 0, NO_WINDOW),
    (5000, -5, 9000, 0, False, False, {}, 0, NO_WINDOW),
    (5000, 9000, 0, 3000, False, False, {}, 0, NO_CWND),
    (5000, 9000, 400, 3000, False, False, {}, 0, LITTLE_CWND),
    (5000, 400, 9000, 0, False, False, {}, 0, SILLY),
    (5000, 400, 9000, 0, False, False, {"largest": 800}, 400, HALF_WINDOW),
    (5000, 400, 9000, 500, False, False, {"largest": 800}, 0, SILLY),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[-1])
def test_what_is_sent(case: tuple) -> None:  # type: ignore[type-arg]
    queued, window, congestion, flight, small, last, more, length, why = case
    largest = more.get("largest", 9000)
    settings = Settings(**{name: value for name, value in more.items() if name != "largest"})
    chance = Chance(queued, window, congestion, flight, 1000, largest, small, last)
    assert Output(settings).decide(chance) == (length, why)


sizes = st.integers(-10, 5000)


@given(sizes, sizes, sizes, sizes, st.integers(1, 1460), sizes, st.booleans(), st.booleans(), st.booleans())
def test_never_more_than_is_allowed(
    queued: int, window: int, cwnd: int, flight: int, mss: int, largest: int, small: bool, last: bool, nodelay: bool
) -> None:
    chance = Chance(max(0, queued), window, cwnd, max(0, flight), mss, max(0, largest), small, last)
    length, _ = Output(Settings(nodelay=nodelay)).decide(chance)
    assert 0 <= length <= max(0, min(queued, window, cwnd, mss))


@pytest.mark.parametrize(
    ("free", "edge", "offered"),
    [
        (999, 100, 100),  # less than a segment more: the edge stays
        (1000, 100, 1100),
        (10_000, 100, 10_100),
        (0, 100, 100),
    ],
)
def test_the_receiver_offers_a_segment_more_or_nothing(free: int, edge: int, offered: int) -> None:
    assert offered_edge(100, edge, free, 10_000, 1000) == offered


def test_a_small_buffer_is_offered_by_halves() -> None:
    assert offered_edge(0, 0, 99, 200, 1000) == 0
    assert offered_edge(0, 0, 100, 200, 1000) == 100
