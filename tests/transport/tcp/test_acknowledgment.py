"""Which segments are acknowledged at once, decided and on a link."""

import pytest

from netlib.transport.tcp.acknowledgment import FILLED, NO_DELAY, OUT_OF_ORDER, QUICK, SECOND, DelayedAcknowledgment
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.options import Options
from netlib.transport.tcp.variables import Settings

from .pair import Pair, connected


def decided(*segments: tuple[int, bool, bool], **settings: object) -> list[str | None]:
    part = DelayedAcknowledgment(Settings(**{"quick_acks": 0, **settings}))  # type: ignore[arg-type]
    found = []
    for segment in segments:
        found.append(part.at_once(*segment))
        if found[-1]:
            part.sent()
    return found


FULL, SMALL = (1000, True, False), (10, True, False)


def test_every_second_full_segment() -> None:
    assert decided(FULL, FULL, FULL, FULL) == [None, SECOND, None, SECOND]


def test_small_ones_count_by_their_bytes() -> None:
    assert decided(FULL, *[SMALL] * 3, FULL, SMALL) == [None, None, None, None, SECOND, None]


def test_one_that_was_joined_from_several_counts_as_several() -> None:
    """Linux does the same (tcp_measure_rcv_mss): what a device has joined is no full segment, but many."""
    part = DelayedAcknowledgment(Settings(quick_acks=0))
    part.announced = 1000
    assert part.at_once(600, True, False) is None
    part.sent()
    assert part.at_once(64_000, True, False) == SECOND
    part.sent()
    assert [part.at_once(1000, True, False), part.at_once(1000, True, False)] == [None, SECOND]


def test_a_connection_tells_what_it_announces() -> None:
    link = connected(quick_acks=0)
    assert link.b.acknowledging.announced == link.b.rcv.mss  # type: ignore[attr-defined]


def test_out_of_order_and_what_fills_the_gap() -> None:
    assert decided((1000, False, True), (1000, True, True)) == [OUT_OF_ORDER, FILLED]


def test_the_first_ones_are_quick() -> None:
    assert decided(FULL, FULL, FULL, FULL, quick_acks=2) == [QUICK, QUICK, None, SECOND]


def test_no_delay_at_all() -> None:
    assert decided(SMALL, delayed_ack=0) == [NO_DELAY]


# ---- on a link ------------------------------------------------------------------------------------------------


def acks_after(link: Pair) -> list[float]:
    """How long after 1.0, in seconds, b acknowledged."""
    return [round(t - 1.0, 3) for t, who, s in link.sent if who == "b" and t >= 1.0]


@pytest.mark.parametrize(("quick", "wait"), [(0, 0.04), (16, 0.0)])
def test_a_single_segment_waits_40_ms(quick: int, wait: float) -> None:
    link = connected(quick_acks=quick)
    link.a.send(b"x", 1.0)
    link.run(until=2.0)
    assert acks_after(link) == [pytest.approx(0.05 + wait)]


def test_data_the_other_way_carries_the_acknowledgment() -> None:
    link = connected(quick_acks=0)
    link.a.send(b"question", 1.0)
    link.run(until=1.06)
    link.b.send(b"answer", link.now)
    link.run(until=2.0)
    [answer] = [s for t, who, s in link.sent if who == "b" and t > 1.0]
    assert answer.payload == b"answer" and answer.acknowledgment == 1009


def test_a_gap_is_told_of_at_once_with_sack_and_a_duplicate_with_dsack() -> None:
    link = connected(quick_acks=0)
    b: Connection = link.b
    link.a.send(bytes(4 * 1448), 1.0)
    one, two, three, four = link.a.outbox
    sacks = []
    for segment in (one, three, four, four, two, one):
        b.segment_arrives(segment, 1.0)
        sacks.append([(s.acknowledgment - 1001) // 1448 for s in b.outbox] + [
            tuple((n - 1001) // 1448 for n in block) for s in b.outbox for block in Options.of(s).sack
        ])  # fmt: skip
        b.outbox.clear()
    assert sacks == [
        [],  # delayed
        [1, (2, 3)],
        [1, (2, 4)],
        [1, (3, 4), (2, 4)],  # received twice
        [4],
        [4, (0, 1)],  # received twice, and acknowledged long ago
    ]
