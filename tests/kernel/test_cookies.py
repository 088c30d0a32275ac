"""SYN cookies: what was put in comes out, in time and for these two ends only."""

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from netlib.kernel.cookies import MSS_TABLE, SYNCookies, stamp, stamped

HERE, THERE = (b"\x0a\0\0\x01", 80), (b"\x0a\0\0\x02", 49_152)
COOKIES = SYNCookies(bytes(range(16)))
numbers = st.integers(0, 2**32 - 1)


@given(numbers, st.integers(0, 65_535), st.floats(0, 1e9), st.floats(0, 60))
def test_the_mss_comes_back_rounded_down_to_the_table(irs: int, mss: int, now: float, later: float) -> None:
    cookie = COOKIES.make(HERE, THERE, irs, mss, now)
    assert 0 <= cookie < 2**32
    expected = max([known for known in MSS_TABLE if known <= mss], default=MSS_TABLE[0])
    assert COOKIES.check(HERE, THERE, irs, cookie, now + later) == expected


def test_a_cookie_is_good_for_the_minute_it_was_made_in_and_the_next() -> None:
    cookie = COOKIES.make(HERE, THERE, 7, 1460, 125.0)
    good = [at for at in range(0, 600, 5) if COOKIES.check(HERE, THERE, 7, cookie, float(at)) is not None]
    assert good == list(range(120, 240, 5))


def test_it_is_good_again_in_no_later_turn_of_the_counter() -> None:
    """The counter has 8 bits, so the age is right again after 256 minutes: the hash of the minute is not."""
    cookie = COOKIES.make(HERE, THERE, 7, 1460, 0.0)
    assert not any(COOKIES.check(HERE, THERE, 7, cookie, 60.0 * 256 * turn) for turn in range(1, 200))


def test_it_is_for_these_ends_and_this_sequence_number() -> None:
    cookie = COOKIES.make(HERE, THERE, 7, 1460, 0.0)
    assert COOKIES.check(HERE, THERE, 7, cookie, 0.0) == 1460
    for local, remote, irs in [
        (HERE, THERE, 8), (HERE, THERE, 6), ((b"\x0a\0\0\x03", 80), THERE, 7), ((HERE[0], 81), THERE, 7),
        (HERE, (b"\x0a\0\0\x03", 49_152), 7), (HERE, (THERE[0], 49_153), 7), (THERE, HERE, 7),
    ]:  # fmt: skip
        assert COOKIES.check(local, remote, irs, cookie, 0.0) is None
    assert SYNCookies(bytes(16)).check(HERE, THERE, 7, cookie, 0.0) is None


def test_guessing_is_hopeless() -> None:
    random = Random(1)
    guessed = sum(COOKIES.check(HERE, THERE, 7, random.getrandbits(32), 0.0) is not None for _ in range(20_000))
    assert guessed == 0


def test_two_cookies_tell_nothing_of_a_third() -> None:
    """Whatever the two of one minute have in common, their neighbour's is elsewhere."""
    made = [COOKIES.make(HERE, (THERE[0], port), 7, 1460, 0.0) for port in range(1000)]
    steps = {(b - a) % 2**32 for a, b in pairwise(made)}
    assert len(steps) == 999


@given(numbers, st.none() | st.integers(0, 14), st.booleans(), st.booleans())
def test_a_timestamp_carries_the_other_options_and_is_never_early(
    clock: int, scale: int | None, sack: bool, ecn: bool
) -> None:
    value = stamp(clock, scale, sack, ecn)
    assert stamped(value) == (scale, sack, ecn)
    assert 0 <= (clock - value) % 2**32 < 64
