"""Initial sequence numbers: a clock for one pair of ends, nothing in common between two pairs."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from netlib.transport.tcp.isn import initial_sequence_number
from netlib.transport.tcp.sequence import SEQUENCE_SPACE, before

HERE, THERE = (b"\x0a\0\0\x01", 49_152), (b"\x0a\0\0\x02", 80)
SECRET = bytes(range(16))


def isn(local: tuple[bytes, int] = HERE, remote: tuple[bytes, int] = THERE, secret: bytes = SECRET,
        now: float = 0.0) -> int:  # fmt: skip
    return initial_sequence_number(local, remote, secret, now)


@given(st.floats(0, 1e9), st.floats(0.001, 8000))
def test_between_the_same_ends_it_grows_by_one_every_4_microseconds(start: float, later: float) -> None:
    first, second = isn(now=start), isn(now=start + later)
    assert abs((second - first) % SEQUENCE_SPACE - later * 250_000) <= 2 + start * 1e-9
    assert before(first, second)


def test_it_has_32_bits_whatever_the_time() -> None:
    numbers = {isn(now=at * 17_179.869184 + 1) for at in range(10)}  # the clock comes round: 2^32 times 4 µs
    assert len(numbers) == 1 and all(0 <= number < SEQUENCE_SPACE for number in numbers)


def test_each_of_the_four_and_the_secret_matter() -> None:
    others = [
        isn((b"\x0a\0\0\x03", 49_152)), isn((HERE[0], 49_153)), isn(remote=(b"\x0a\0\0\x03", 80)),
        isn(remote=(THERE[0], 81)), isn(THERE, HERE), isn(secret=bytes(16)),
        isn((bytes(16), 49_152), (bytes(16), 80)),
    ]  # fmt: skip
    assert len({isn(), *others}) == 8


def test_neighbouring_ports_tell_nothing_about_each_other() -> None:
    """The differences between 2,000 neighbours are spread over the circle: each quarter has its share."""
    numbers = [isn((HERE[0], port)) for port in range(10_000, 12_001)]
    steps = [(b - a) % SEQUENCE_SPACE for a, b in pairwise(numbers)]
    shares = [sum(step >> 30 == quarter for step in steps) for quarter in range(4)]
    assert len(set(steps)) == 2000 and all(400 < share < 600 for share in shares)
