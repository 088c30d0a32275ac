"""Sequence numbers: what wraps on the wire does not wrap inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.transport.tcp.sequence import SEQUENCE_SPACE, before, unwrap


@given(st.integers(0, 2**50), st.integers(-(2**31), 2**31 - 1))
def test_what_was_cut_to_32_bits_is_found_again_within_half_the_space(near: int, distance: int) -> None:
    assert unwrap((near + distance) % SEQUENCE_SPACE, near) == near + distance


@pytest.mark.parametrize(
    "wire, near, absolute",
    [(0, 0, 0), (5, 2**32 - 5, 2**32 + 5), (2**32 - 5, 2**32 + 5, 2**32 - 5), (2**32 - 1, 0, -1), (2**31, 0, -(2**31))],
)
def test_examples(wire: int, near: int, absolute: int) -> None:
    assert unwrap(wire, near) == absolute


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_before_agrees_with_unwrapped_numbers(a: int, b: int) -> None:
    assert before(a, b) == (unwrap(b, a) > a)


def test_before_on_the_circle() -> None:
    assert before(2**32 - 1, 0) and not before(0, 2**32 - 1)
    assert not before(7, 7)
    assert not before(0, 2**31) and not before(2**31, 0)  # neither: exactly opposite
