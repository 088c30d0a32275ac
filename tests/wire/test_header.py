"""The declared codec: what fits a field comes back, what does not is refused and touches no neighbour."""

import copy
import pickle
from dataclasses import field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.errors import FieldOverflow, Truncated, WireError
from netlib.wire.header import Header, flag, header, u1, u2, u3, u4, u6, u8, u13, u16, u32
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

from .packets import HEADERS, few, headers, not_values, values_of


@header
class Everything(Header):
    """Each kind of field, in words of each size, flags at the start, in the middle and at the end of a word."""

    a: u4 = 0
    b: flag = False
    c: u2 = 0
    d: flag = False
    e: u8 = 0
    f: flag = False
    g: flag = False
    h: u6 = 0
    i: u13 = 0
    j: u3 = 0
    k: u16 = 0
    mac: MACAddress = MACAddress.ANY
    l: u1 = 0  # noqa: E741
    m: u3 = 0
    n: u4 = 0
    o: u32 = 0
    ip: IPv4Address = IPv4Address.ANY
    payload: bytes = b""
    note: str = "not on the wire"


ALL = [*HEADERS, Everything]
names = [cls.__name__ for cls in ALL]


def bits(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)


@pytest.mark.parametrize("cls", ALL, ids=names)
def test_what_is_built_is_parsed_again(cls: type[Header]) -> None:
    @few
    @given(headers(cls), st.binary(max_size=9), st.binary(max_size=9))
    def round_trip(values: Header, before: bytes, behind: bytes) -> None:
        data = values.build_header()
        assert len(data) == cls.SIZE
        assert cls.parse_header(before + data + behind, len(before)) == values

    round_trip()


@pytest.mark.parametrize("cls", ALL, ids=names)
def test_what_is_parsed_is_built_again(cls: type[Header]) -> None:
    @few
    @given(st.binary(min_size=cls.SIZE, max_size=cls.SIZE))
    def round_trip(data: bytes) -> None:
        assert cls.parse_header(data).build_header() == data

    round_trip()


@pytest.mark.parametrize("cls", ALL, ids=names)
def test_each_field_lies_where_it_is_declared(cls: type[Header]) -> None:
    @few
    @given(st.data(), headers(cls))
    def lies_there(data: st.DataObject, values: Header) -> None:
        field = data.draw(st.sampled_from(cls.fields))
        before = bits(values.build_header())
        value = data.draw(values_of(field))
        setattr(values, field.name, value)
        first, end = field.offset, field.offset + field.width
        as_bits = bits(value) if isinstance(value, bytes) else f"{int(value):0{field.width}b}"
        assert bits(values.build_header()) == before[:first] + as_bits + before[end:]

    lies_there()


@pytest.mark.parametrize("cls", ALL, ids=names)
def test_what_does_not_fit_is_refused_by_the_field_s_name_and_offset(cls: type[Header]) -> None:
    @few
    @given(st.data(), headers(cls))
    def refused(data: st.DataObject, values: Header) -> None:
        field = data.draw(st.sampled_from(cls.fields))
        if field.is_number:
            limit = 1 << field.width
            value = data.draw(st.one_of(not_values, st.integers(max_value=-1), st.integers(min_value=limit),
                                        st.just(limit << 10_000), st.just(limit), st.just(-1)))  # fmt: skip
        else:
            size = field.width // 8
            wrong_size = st.binary().filter(lambda raw: len(raw) != size)
            value = data.draw(st.one_of(not_values, wrong_size, st.just("x" * size), st.integers()))
        setattr(values, field.name, value)
        with pytest.raises(FieldOverflow) as caught:
            values.build_header()
        message = str(caught.value)
        assert message.startswith(f"{cls.__name__}.{field.name} (offset {field.offset // 8}): ")
        assert len(message) < 200
        assert isinstance(caught.value, WireError) and isinstance(caught.value, ValueError)

    refused()


@pytest.mark.parametrize("cls", ALL, ids=names)
def test_the_first_value_too_wide_leaks_into_no_neighbour(cls: type[Header]) -> None:
    for each in cls.fields:
        if each.is_number:
            for value in (
                1 << each.width,
                (1 << each.width) + 1,
                2 << each.width,
                -1,
                -(1 << each.width),
                None,
                "1",
                1.5,
            ):
                values = cls()
                setattr(values, each.name, value)
                with pytest.raises(FieldOverflow, match=rf"\.{each.name} \(offset {each.offset // 8}\): "):
                    values.build_header()


@pytest.mark.parametrize("cls", ALL, ids=names)
def test_too_few_bytes_are_truncated_at_every_length(cls: type[Header]) -> None:
    data = bytes(range(cls.SIZE))
    for length in range(cls.SIZE):
        for offset in (0, 3):
            with pytest.raises(Truncated) as caught:
                cls.parse_header(b"abc"[:offset] + data[:length], offset)
            needs = f"{cls.__name__} (offset {offset}): needs {cls.SIZE} bytes, only {length} are there"
            assert str(caught.value) == needs
    with pytest.raises(Truncated, match="only 0 are there"):
        cls.parse_header(data, cls.SIZE + 5)


@pytest.mark.parametrize("cls", ALL, ids=names)
def test_fields_follow_each_other_without_a_gap(cls: type[Header]) -> None:
    offset = 0
    for each in cls.fields:
        assert each.offset == offset
        offset += each.width
    assert offset == 8 * cls.SIZE


@pytest.mark.parametrize("cls", ALL, ids=names)
def test_a_parsed_header_has_every_attribute_of_a_made_one(cls: type[Header]) -> None:
    made, parsed = cls(), cls.parse_header(cls().build_header())
    assert parsed == made and repr(parsed) == repr(made)
    assert copy.deepcopy(parsed) == pickle.loads(pickle.dumps(parsed)) == made
    assert not hasattr(made, "__dict__")
    with pytest.raises(AttributeError):
        made.no_such_field = 1  # type: ignore[attr-defined]


def test_flags_are_bools_and_addresses_addresses() -> None:
    segment = TCPSegment.parse_header(b"\xff" * 20)
    assert segment.cwr is segment.ece is segment.urg is segment.ack is segment.fin is True
    assert TCPSegment.parse_header(bytes(20)).syn is False
    assert type(IPv4Packet.parse_header(bytes(20)).source) is IPv4Address


def test_a_default_that_is_no_literal_is_made_for_each_header() -> None:
    @header
    class WithList(Header):
        a: u8 = 0
        questions: list[int] = field(default_factory=list)
        mark: Any = (1, 2)

    first, second = WithList.parse_header(b"\1"), WithList.parse_header(b"\2")
    assert first.questions == [] and first.questions is not second.questions
    assert first.mark == (1, 2)


def test_a_declaration_that_cannot_work_says_so() -> None:
    with pytest.raises(TypeError, match=r"\['b'\] do not fill a whole word"):

        @header
        class Odd(Header):
            a: u8 = 0
            b: u3 = 0

    with pytest.raises(TypeError, match=r"Bare\.payload needs a default value"):

        @header
        class Bare(Header):
            payload: bytes


def test_the_compiled_source_can_be_read() -> None:
    assert "def parse_header(cls, data, offset=0):" in UDPDatagram.source_code
    assert "def build_header(self):" in UDPDatagram.source_code
    compile(UDPDatagram.source_code, "UDPDatagram", "exec")


def test_the_diagram_is_the_rfc_s() -> None:
    # RFC 791 section 3.1, with the names of this course
    assert IPv4Packet.diagram().splitlines()[:9] == [
        " 0                   1                   2                   3",
        " 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
        "|version|header_|    dscp   |ecn|          total_length         |",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
        "|         identification        |r|d|m|     fragment_offset     |",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
        "|      ttl      |    protocol   |            checksum           |",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
    ]
    for cls in ALL:
        rows = cls.diagram().splitlines()[2:]
        assert {len(row) for row in rows[: cls.SIZE // 4 * 2]} <= {65}
        assert sum(row.startswith("|") for row in rows) == -(-cls.SIZE // 4)
