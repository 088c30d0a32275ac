"""What crosses from the child arrives as it was, and as nothing that could do harm."""

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.grading.plain import Opaque, Record, TooLarge, decode, encode, plain
from netlib.wire.address import IPv4Address
from netlib.wire.ipv4 import IPv4Packet

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
KEYS = st.integers() | st.text() | st.binary()
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(KEYS, inner)
        | st.sets(KEYS)
        | st.frozensets(KEYS)
    ),
    max_leaves=10,
)


@given(VALUES)
def test_plain_values_arrive_as_they_were(value):
    arrived = decode(json.loads(json.dumps(encode(value))))
    assert arrived == value
    assert type(arrived) is type(value)


def test_nan_arrives():
    assert math.isnan(plain(float("nan")))


def test_netlibs_own_classes_arrive_as_themselves():
    packet = IPv4Packet(source=IPv4Address("10.0.0.1"), payload=b"abc")
    arrived = plain([packet])[0]
    assert arrived == packet
    assert type(arrived) is IPv4Packet
    assert type(arrived.source) is IPv4Address


def test_other_dataclasses_arrive_as_records():
    @dataclasses.dataclass
    class Fragment:
        offset: int
        data: bytes

    arrived = plain(Fragment(8, b"x"))
    assert isinstance(arrived, Record)
    assert (arrived.offset, arrived.data) == (8, b"x")
    assert arrived == plain(Fragment(8, b"x")) != plain(Fragment(9, b"x"))
    assert repr(arrived) == "Fragment(offset=8, data=b'x')"


def test_a_subclass_of_netlibs_class_is_not_taken_for_it():
    @dataclasses.dataclass
    class Mine(IPv4Packet):
        def __eq__(self, other):
            return True

    assert isinstance(plain(Mine()), Record)


def test_anything_else_is_opaque_and_equals_nothing():
    class Equal:
        def __eq__(self, other):
            return True

    arrived = plain(Equal())
    assert isinstance(arrived, Opaque)
    assert arrived != 1 and arrived != 1  # and not by its own __eq__
    assert arrived not in [plain(Equal())]
    assert "0x" not in repr(arrived)


def test_subclasses_with_tricks_are_read_by_their_base():
    class Tricky(list):
        def __iter__(self):
            return iter([1, 2, 3])

    class Text(str):
        def encode(self, *args):
            return b"other"

    assert plain(Tricky([9])) == [9]
    assert plain(Text("own")) == "own"


@pytest.mark.parametrize(
    "value",
    [b"x" * 5_000_000, ["y" * 100_000] * 100, list(range(300_000)), 1 << 20_000, [[[]]] * 100_000],
    ids=range(5),
)
def test_what_is_too_large_is_refused(value):
    with pytest.raises(TooLarge):
        encode(value)


@pytest.mark.parametrize("data", [1, "x", [], {}, {"z": 1}, {"b": "zz"}, {"i": "g"}, {"l": [3]}, {"s": "ff"}])
def test_what_is_not_from_encode_is_refused(data):
    with pytest.raises(ValueError):
        decode(data)


@pytest.mark.parametrize("path", ["os:system", "subprocess:Popen", "netlib.grading.sandbox:Sandbox", "netlib:x", ""])
def test_only_netlibs_dataclasses_are_made(path):
    assert isinstance(decode({"r": {"a": {"i": "1"}}, "class": path}), Record)
    assert type(decode({"b": "00", "class": path})) is bytes
