"""The scoreboard against a set of single bytes, and IsLost against its definition."""

from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.transport.tcp import scoreboard as module
from netlib.transport.tcp.scoreboard import RANGES, Scoreboard


def is_lost(number: int, sacked: set[int], mss: int) -> bool:
    """RFC 6675 section 4, word by word."""
    above = sorted(n for n in sacked if n > number)
    sequences = sum(1 for n in above if n - 1 not in above)
    return sequences >= 3 or len(above) > 2 * mss


@settings(deadline=None)
@given(st.integers(0, 2**33), st.integers(1, 12), st.data())
def test_whatever_is_sacked_and_acknowledged(first: int, mss: int, data: st.DataObject) -> None:
    board, sacked, una = Scoreboard(mss, first), set[int](), first
    steps = st.tuples(st.booleans(), st.integers(0, 80), st.integers(0, 25))
    for acknowledges, start, length in data.draw(st.lists(steps, max_size=30)):
        start += first
        if acknowledges:
            una = max(una, una + length - 5)
            board.acknowledge(una)
            sacked = {n for n in sacked if n >= una}
        else:
            new = board.add(start, start + length)
            fresh = {n for n in range(start, start + length) if n >= una} - sacked
            assert {n for a, b in new for n in range(a, b)} == fresh and sum(b - a for a, b in new) == len(fresh)
            sacked |= fresh
        assert (board.una, board.sacked) == (una, len(sacked))
        assert all(a < b for a, b in zip(board.starts, board.ends, strict=True))
        assert all(b < a for b, a in zip(board.ends, board.starts[1:], strict=False))  # in order, and merged
        assert board.highest() == max(sacked, default=una - 1) + 1
        missing = [n for n in range(una, first + 140) if n not in sacked]
        assert [board.is_lost(n) for n in missing] == [is_lost(n, sacked, mss) for n in missing]
        limit, from_there = board.lost_before()
        assert from_there == sum(1 for n in sacked if n >= limit)
        assert board.between(una + 3, una + 50) == sum(1 for n in sacked if una + 3 <= n < una + 50)
        for number in (una, una + 7):
            hole = board.hole(number, first + 140)
            expected = next((n for n in missing if n >= number), None)
            assert (hole and hole[0]) == expected
            if hole:
                assert all(n not in sacked for n in range(*hole)) and (hole[1] in sacked or hole[1] == first + 140)
        last = board.last_hole(board.highest())
        assert (last and last[1] - 1) == max((n for n in missing if n < board.highest()), default=None)


def test_three_ranges_or_more_than_two_segments_above() -> None:
    board = Scoreboard(1000, 0)
    board.add(1000, 1500), board.add(3000, 3500)
    assert not board.is_lost(0)
    board.add(5000, 5001)  # a third sequence
    assert board.is_lost(0) and board.is_lost(999) and not board.is_lost(2000)
    board = Scoreboard(1000, 0)
    board.add(1000, 3000)
    assert not board.is_lost(0)
    board.add(3000, 3001)  # more than two segments
    assert board.is_lost(0)


def test_blocks_that_touch_become_one() -> None:
    board = Scoreboard(1000, 0)
    board.add(10, 20), board.add(20, 30), board.add(5, 10)
    assert (board.starts, board.ends) == ([5], [30])


def test_a_range_too_many_is_forgotten() -> None:
    board = Scoreboard(1000, 0)
    for i in range(2 * RANGES):
        board.add(1 + 2 * i, 2 + 2 * i)
    assert len(board.starts) == len(board.ends) == RANGES == board.sacked
    assert board.add(2, 5) == [(2, 3), (4, 5)]  # what joins those there is kept
    board.clear()
    assert (board.sacked, board.highest(), board.hole(0, 9)) == (0, 0, (0, 9))


def test_a_flood_of_blocks_costs_linear_time() -> None:
    from .test_reassembler import lines_run

    def flood(count: int) -> None:
        board = Scoreboard(1000, 0)
        for i in range(count):
            board.add(1 + 2 * i, 2 + 2 * i)
            board.lost_before()
            board.hole(2 * i, 10 * count)
            board.last_hole(10 * count)
        for i in range(count):
            board.add(2 * i, 2 * i + 1)
            board.acknowledge(2 * i)

    few, many = (lines_run(module.__file__, flood, count) for count in (300, 3000))
    assert many <= 12 * few
