"""The options of a segment: read from anything, written as Linux writes them, never over 40 bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.transport.tcp.options import Options
from netlib.wire.tcp import TCPSegment


def of(hexadecimal: str, syn: bool = True) -> Options:
    return Options.of(TCPSegment(syn=syn, options=bytes.fromhex(hexadecimal)))


# What Linux 6 sends: seen with tcpdump
LINUX = [
    ("020405b40402080a0000000100000000 01030307", Options(1460, 7, True, (1, 0))),
    ("020405b4 01010402 01030307", Options(1460, 7, True)),
    ("0101080a0000000200000003", Options(timestamps=(2, 3))),
    ("0101080a0000000200000003 0101050a0000000a00000014", Options(timestamps=(2, 3), sack=[(10, 20)])),
    ("020405b4 2202 0101", Options(1460, fast_open=b"")),
    ("020405b4 220a 0102030405060708 0101", Options(1460, fast_open=bytes(range(1, 9)))),
]


@pytest.mark.parametrize(("data", "options"), LINUX)
def test_read_and_written_as_linux_writes_them(data: str, options: Options) -> None:
    assert of(data) == options
    assert options.build() == bytes.fromhex(data)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("0200", "length 0"),
        ("02", "no length"),
        ("020505b4", "longer than what is there"),
        ("020305", "an MSS of one byte"),
        ("0809000000010000", "timestamps of 7 bytes"),
        ("050a00000001", "SACK cut short"),
        ("0506000000010000", "half a SACK block"),
        ("2205010203", "a cookie of 3 bytes"),
        ("00020405b4", "after the end"),
        ("fd04f989", "an option that nobody knows"),
    ],
)
def test_what_makes_no_sense_counts_as_absent(data: str, what: str) -> None:
    assert of(data) == Options(), what


def test_what_stands_before_a_bad_length_is_kept() -> None:
    assert of("020405b4 0300").mss == 1460


def test_a_shift_over_14_counts_as_14() -> None:
    assert of("030320").window_scale == 14


def test_what_belongs_on_a_syn_is_ignored_elsewhere() -> None:
    assert of("020405b4 0402 030307 2202", syn=False) == Options()


def test_as_many_sack_blocks_as_fit() -> None:
    blocks = [(n, n + 1) for n in range(0, 50, 10)]
    assert len(of(Options(sack=blocks).build().hex()).sack) == 4
    assert of(Options(timestamps=(1, 2), sack=blocks).build().hex()).sack == blocks[:3]
    full = Options(mss=1460, window_scale=7, timestamps=(1, 2), fast_open=bytes(16), sack=blocks)  # 38 bytes, and two
    assert len(full.build()) == 40 and of(full.build().hex()).sack == []


numbers = st.integers(0, 2**32 - 1)
everything = st.builds(
    Options,
    st.none() | st.integers(0, 65535),
    st.none() | st.integers(0, 14),
    st.booleans(),
    st.none() | st.tuples(numbers, numbers),
    st.lists(st.tuples(numbers, numbers), max_size=6),
    st.none() | st.binary(min_size=4, max_size=16).filter(lambda cookie: len(cookie) % 2 == 0) | st.just(b""),
)


@given(everything)
def test_built_and_read_again(options: Options) -> None:
    data = options.build()
    assert len(data) <= 40 and len(data) % 4 == 0
    again = Options.of(TCPSegment(syn=True, options=data))
    assert again.sack == options.sack[: len(again.sack)]
    if again.fast_open is None:
        options.fast_open = None  # there was no room
    again.sack = options.sack
    assert again == options


@given(st.binary(max_size=40), st.booleans())
def test_reading_never_raises(data: bytes, syn: bool) -> None:
    Options.of(TCPSegment(syn=syn, options=data))
