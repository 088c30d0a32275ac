"""The Internet checksum: the RFCs' own numbers, and the fast forms beside the loop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netlib
from netlib.wire.checksum import internet_checksum, internet_checksum_by_words, pseudo_header, update_checksum
from netlib.wire.errors import FieldOverflow
from netlib.wire.ipv4 import IPv4Packet

from .packets import ipv4_addresses, many, with_checksum_zero

FORMS = [internet_checksum, internet_checksum_by_words]


@pytest.mark.parametrize("checksum", FORMS)
def test_rfc_1071_section_3(checksum) -> None:
    data = bytes.fromhex("0001 f203 f4f5 f6f7")
    assert checksum(data) == ~0xDDF2 & 0xFFFF  # "sum1 + sum2 ... ddf2"
    assert checksum(data + (0x220D).to_bytes(2, "big")) == 0


@pytest.mark.parametrize("checksum", FORMS)
def test_a_header_from_the_wire(checksum) -> None:
    header = bytes.fromhex("4500 003c 1c46 4000 4006 0000 ac10 0a63 ac10 0a0c")
    assert checksum(header) == 0xB1E6


@pytest.mark.parametrize("checksum", FORMS)
def test_both_zeroes(checksum) -> None:
    for size in (0, 1, 2, 3, 20, 127, 128, 129, 1460):
        assert checksum(bytes(size)) == 0xFFFF  # +0, complemented
    for size in (2, 20, 128, 130, 1460):
        assert checksum(b"\xff" * size) == 0  # -0, complemented
    assert checksum(b"\xff\xff" + bytes(1000)) == checksum(bytes(1000) + b"\xff\xff") == 0
    assert checksum(b"\1") == checksum(b"\1\0") == 0xFEFF  # an odd byte is the upper one of its word


@many
@given(st.one_of(st.binary(max_size=300), st.lists(st.sampled_from([0, 1, 255]), max_size=300).map(bytes)))
def test_the_fast_form_is_the_loop(data: bytes) -> None:
    assert internet_checksum(data) == internet_checksum_by_words(data)


@many
@given(st.one_of(st.binary(max_size=300), st.integers(0, 300).map(bytes)),
       st.one_of(st.integers(0, 20).map(bytes), st.integers(0, 20).map(lambda n: b"\xff" * n), st.binary(max_size=40))
       .filter(lambda head: len(head) % 2 == 0))  # fmt: skip
def test_a_pseudo_header_counts_as_if_it_stood_before(data: bytes, head: bytes) -> None:
    assert internet_checksum(data, head) == internet_checksum_by_words(head + data)


def test_every_length() -> None:
    data = bytes(range(1, 256)) * 3
    for length in range(len(data)):
        assert internet_checksum(data[:length]) == internet_checksum_by_words(data[:length])


@many
@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_message_with_its_checksum_gives_zero(data: bytes, draw: st.DataObject) -> None:
    data += bytes(len(data) % 2)
    at = 2 * draw.draw(st.integers(0, len(data) // 2))
    whole = data[:at] + internet_checksum(data).to_bytes(2, "big") + data[at:]
    assert internet_checksum(whole) == 0
    swapped = internet_checksum(bytes(b for i in range(0, len(data), 2) for b in (data[i + 1], data[i])))
    assert swapped.to_bytes(2, "little") == internet_checksum(data).to_bytes(2, "big")  # RFC 1071 section 1 (B)


def test_the_caller_s_buffer_is_left_alone() -> None:
    buffer = bytearray(b"odd")
    assert internet_checksum(buffer) == internet_checksum(b"odd")
    assert buffer == b"odd"


# The incremental update


def test_rfc_1624_section_4() -> None:
    # "the header checksum ... 0xDD2F ... a 16-bit field m = 0x5555 changes to m' = 0x3285": equation 3 gives 0x0000,
    # where equation 2, of RFC 1141, gives 0xFFFF
    assert update_checksum(0xDD2F, b"\x55\x55", b"\x32\x85") == 0x0000
    assert (0xDD2F + 0x5555 + (~0x3285 & 0xFFFF)) % 0xFFFF == 0  # the same number, so a receiver takes either


@many
@given(st.data(), st.binary(min_size=2, max_size=60))
def test_an_update_is_a_recomputation(draw: st.DataObject, data: bytes) -> None:
    data = b"\x45" + data + bytes(1 - len(data) % 2)  # like any IP packet, not all zero
    at = 2 * draw.draw(st.integers(1, len(data) // 2 - 1))
    size = 2 * draw.draw(st.integers(0, (len(data) - at) // 2))
    new = draw.draw(st.one_of(st.binary(min_size=size, max_size=size), st.just(bytes(size)), st.just(b"\xff" * size)))
    after = data[:at] + new + data[at + size :]
    assert update_checksum(internet_checksum(data), data[at : at + size], new) == internet_checksum(after)


def test_an_update_to_the_sum_zero() -> None:
    header = IPv4Packet(protocol=6).build()
    zero = with_checksum_zero(header, 10, b"", 0, place=4)
    checksum = int.from_bytes(header[10:12], "big")
    assert update_checksum(checksum, header[4:6], zero[4:6]) == 0
    assert update_checksum(0, zero[4:6], header[4:6]) == update_checksum(0xFFFF, zero[4:6], header[4:6]) == checksum


@pytest.mark.parametrize(("old", "new"), [(b"", b"ab"), (b"ab", b""), (b"a", b"b"), (b"abc", b"abd"), (b"ab", b"abcd")])
def test_an_update_needs_the_same_even_length(old: bytes, new: bytes) -> None:
    with pytest.raises(ValueError, match=f"old has {len(old)} bytes and new has {len(new)}: both need the same even"):
        update_checksum(0, old, new)


# The pseudo header


@many
@given(ipv4_addresses, ipv4_addresses, st.integers(0, 255), st.integers(0, 65535))
def test_a_packet_s_pseudo_header_is_the_rfc_s(source, destination, protocol: int, length: int) -> None:
    ours = IPv4Packet(protocol=protocol, source=source, destination=destination).pseudo_header(length)
    assert ours == pseudo_header(source, destination, protocol, length)
    assert ours == source + destination + b"\0" + protocol.to_bytes(1, "big") + length.to_bytes(2, "big")


@pytest.mark.parametrize("values", [
    (b"abc", b"abcd", 6, 20), (b"abcd", b"abcde", 6, 20), (b"abcd", b"abcd", 256, 20),
    (b"abcd", b"abcd", -1, 20), (b"abcd", b"abcd", 6, 65536), (b"abcd", b"abcd", 6, -1),
])  # fmt: skip
def test_a_pseudo_header_of_values_that_do_not_fit_is_refused(values) -> None:
    with pytest.raises(FieldOverflow, match="pseudo header"):
        pseudo_header(*values)
    with pytest.raises(FieldOverflow):
        packet = IPv4Packet(protocol=values[2], source=values[0], destination=values[1])
        packet.pseudo_header(values[3])
        packet.build()


def test_the_package_offers_the_checksum() -> None:
    assert netlib.internet_checksum is internet_checksum
