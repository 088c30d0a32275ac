"""Addresses: strict text, and bytes in all other respects."""

import copy
import ipaddress
import pickle
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netlib
from netlib.wire.address import Address, IPv4Address, IPv4Interface, IPv4Network, Known, MACAddress
from netlib.wire.errors import FieldOverflow, Malformed

from .packets import ipv4_addresses, mac_addresses, many

GOOD_IPV4 = {
    "0.0.0.0": bytes(4),
    "10.0.0.1": b"\x0a\0\0\1",
    "255.255.255.255": b"\xff" * 4,
    "1.20.0.9": b"\1\x14\0\x09",
}
ARABIC_ONE = "\N{ARABIC-INDIC DIGIT ONE}"  # str.isdigit() and int() take it
BAD_IPV4 = [
    "", "10.0.0", "10.0.0.0.1", "10.0.0.256", "10.0.0.-1", "10.0.0.+1", "010.0.0.1", "10.0.0.01", "10.0.0.00",
    "10.0.0.", ".10.0.0", " 10.0.0.1", "10.0.0.1 ", "10.0.0.1\n", "10.0.0.0x1", "10.0.0.1/24", "1e1.0.0.1",
    f"{ARABIC_ONE}.0.0.1", "10.0.0.²", "a.b.c.d", "167772161", "10,0,0,1", "10.0.0.1_0", "10.0.0.9999999", "::1",
    "10.0.0.1\0",
]  # fmt: skip
BAD_MAC = [
    "", "02:00:00:00:00", "02:00:00:00:00:01:02", "2:0:0:0:0:1", "02-00-00-00-00-01", "020000000001",
    "0g:00:00:00:00:01", "+2:00:00:00:00:01", " 2:00:00:00:00:01", "-2:00:00:00:00:01", f"0{ARABIC_ONE}:00:00:00:00:01",
    "02:00:00:00:00:01 ", "0x:00:00:00:00:01", "0_:00:00:00:00:01", "02:00:00:00:00:1_",
]  # fmt: skip


@pytest.mark.parametrize(("text", "raw"), GOOD_IPV4.items())
def test_text_is_read(text: str, raw: bytes) -> None:
    assert IPv4Address(text) == raw and str(IPv4Address(raw)) == text


@pytest.mark.parametrize("text", BAD_IPV4)
def test_what_is_no_ipv4_address_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="is not an IPv4 address: "):
        IPv4Address(text)


@pytest.mark.parametrize("text", BAD_MAC)
def test_what_is_no_mac_address_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="is not a MAC address: six bytes in hex, as 02:00:00:00:00:01"):
        MACAddress(text)


def test_the_message_says_what_to_write() -> None:
    with pytest.raises(Malformed, match=r"'010.0.0.1' is not an IPv4 address: write 10 instead of '010'"):
        IPv4Address("010.0.0.1")
    with pytest.raises(Malformed, match=r"'256' is not a number from 0 to 255"):
        IPv4Address("10.0.0.256")
    with pytest.raises(Malformed) as caught:
        IPv4Address("1" * 100_000)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("kind", [IPv4Address, MACAddress])
def test_other_things_are_refused(kind: type[Address]) -> None:
    for value in (0, 4, 6, 10**12, -1, None, 1.5, [1, 2, 3, 4], (1, 2, 3, 4, 5, 6), object(), True):
        with pytest.raises(Malformed, match=f"{kind.__name__}: .* is neither text nor {kind.SIZE} bytes"):
            kind(value)  # type: ignore[arg-type]
    for size in (0, 3, 5, 7, 16):
        with pytest.raises(Malformed, match=f"{kind.__name__}: {size} bytes instead of {kind.SIZE}"):
            kind(bytes(size))
    assert kind(bytearray(kind.SIZE)) == kind(memoryview(bytes(kind.SIZE))) == kind.ANY


@many
@given(ipv4_addresses, mac_addresses)
def test_an_address_is_its_bytes(ip: IPv4Address, mac: MACAddress) -> None:
    for address in (ip, mac):
        kind, raw = type(address), bytes(address)
        assert type(raw) is bytes
        assert address == raw and raw == address and hash(address) == hash(raw)
        assert {raw: 1}[address] == 1 and {address: 1}[raw] == 1
        assert kind(str(address)) == address == kind(raw) == kind(address)
        assert eval(repr(address)) == address
        assert b"".join([address, b"x"]) == raw + b"x" == address + b"x"
        assert int(address) == int.from_bytes(raw, "big")
        assert f"{address}" == str(address) == f"{address!s}"
        for same in (copy.copy(address), copy.deepcopy(address), pickle.loads(pickle.dumps(address))):
            assert same == address and type(same) is kind
    assert str(ip) == str(ipaddress.IPv4Address(bytes(ip)))
    assert ip.is_multicast == ipaddress.IPv4Address(bytes(ip)).is_multicast
    assert ip.is_loopback == ipaddress.IPv4Address(bytes(ip)).is_loopback
    assert mac.is_group == bool(mac[0] & 1)


@many
@given(st.lists(st.binary(min_size=4, max_size=4)))
def test_addresses_sort_like_numbers(raws: list[bytes]) -> None:
    assert sorted(map(IPv4Address, raws)) == sorted(raws)
    assert [int(a) for a in sorted(map(IPv4Address, raws))] == sorted(int.from_bytes(raw, "big") for raw in raws)


@many
@given(st.text())
def test_no_text_raises_anything_but_malformed(text: str) -> None:
    for kind in (IPv4Address, MACAddress, IPv4Network, IPv4Interface):
        with suppress(Malformed):
            assert str(kind(text)).lower() == text.lower()


def test_known_addresses_are_made_once_and_bounded() -> None:
    known = Known(IPv4Address)
    assert known[b"\1\2\3\4"] is known[b"\1\2\3\4"]
    assert type(known[b"\1\2\3\4"]) is IPv4Address and known[b"\1\2\3\4"] == IPv4Address("1.2.3.4")
    for number in range(Known.LIMIT * 2):
        known[number.to_bytes(4, "big")]
        if not number % 1000:
            assert len(known) <= Known.LIMIT
    assert len(known) <= Known.LIMIT
    assert IPv4Address.known is not MACAddress.known


def test_the_names_of_special_addresses() -> None:
    assert str(IPv4Address.ANY) == "0.0.0.0" and str(IPv4Address.BROADCAST) == "255.255.255.255"
    assert str(MACAddress.ANY) == "00:00:00:00:00:00" and str(MACAddress.BROADCAST) == "ff:ff:ff:ff:ff:ff"
    assert MACAddress.BROADCAST.is_group and not MACAddress.ANY.is_group
    assert MACAddress("0A:0b:0C:0d:0E:0f") == bytes(range(10, 16))
    assert netlib.IPv4Address is IPv4Address and netlib.MACAddress is MACAddress


@many
@given(ipv4_addresses, st.integers(0, 32), ipv4_addresses)
def test_networks_agree_with_the_standard_library(address: IPv4Address, prefix: int, other: IPv4Address) -> None:
    theirs = ipaddress.ip_interface(f"{address}/{prefix}")
    ours = IPv4Interface(f"{address}/{prefix}")
    assert str(ours) == str(theirs) and ours.address == address
    assert str(ours.network) == str(theirs.network)
    assert str(ours.network.broadcast) == str(theirs.network.broadcast_address)
    assert str(ours.network.netmask) == str(theirs.network.netmask)
    assert (other in ours.network) == (ipaddress.IPv4Address(bytes(other)) in theirs.network)
    assert address in ours.network and ours.network.broadcast in ours.network
    same = IPv4Network(str(theirs.network))
    assert ours.network == same and hash(ours.network) == hash(same)
    assert ours == IPv4Interface(str(theirs)) and hash(ours) == hash(IPv4Interface(str(theirs)))
    if theirs.network.network_address != theirs.ip:
        with pytest.raises(Malformed, match=f"has bits set behind its prefix: the network is {theirs.network}"):
            IPv4Network(f"{address}/{prefix}")


@pytest.mark.parametrize("text", ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8/8",
                                  f"10.0.0.0/{ARABIC_ONE}", "10.0.0.0/ 8"])  # fmt: skip
def test_a_prefix_length_is_a_number_from_0_to_32(text: str) -> None:
    for kind in (IPv4Network, IPv4Interface):
        with pytest.raises(Malformed, match=r"needs a prefix length from 0 to 32, as in 10\.0\.0\.0/24"):
            kind(text)


# ---- masks, and what is in a network ---------------------------------------------------------------------------

MASKS = {
    "255.0.255.0": "255.0.255.0 is a mask with a hole: bit 8 is 0 and bit 16 is 1 again",
    "255.255.255.1": "255.255.255.1 is a mask with a hole: bit 24 is 0 and bit 31 is 1 again",
    "0.255.0.0": "0.255.0.0 is a mask with a hole: bit 0 is 0 and bit 8 is 1 again",
    "0.0.0.255": r"0.0.0.255 is no mask but one turned round \(a wildcard\): the mask is 255.255.255.0",
    "127.255.255.255": r"turned round \(a wildcard\): the mask is 128.0.0.0",
    "255.255.255.256": "'256' is not a number from 0 to 255",
    "255.255.0255.0": "'0255' is not a number from 0 to 255",
    "255.255.00.0": "write 0 instead of '00'",
    "24": "is not an IPv4 address",
    "": "is not an IPv4 address",
}


@pytest.mark.parametrize("mask", MASKS)
def test_a_mask_with_a_hole_is_refused_in_one_line(mask: str) -> None:
    for kind in (IPv4Network, IPv4Interface):
        with pytest.raises(Malformed, match=MASKS[mask]) as caught:
            kind.from_mask("10.0.0.0", mask)
        assert "\n" not in str(caught.value)


def test_every_mask_gives_its_prefix() -> None:
    masks = {str(IPv4Address.from_int(2**32 - 2**host_bits)): 32 - host_bits for host_bits in range(33)}
    assert masks["0.0.0.0"] == 0 and masks["255.255.255.255"] == 32 and masks["255.255.240.0"] == 20
    for mask, prefix in masks.items():
        network = IPv4Network.from_mask("0.0.0.0", mask)
        assert (network.prefix, str(network.netmask)) == (prefix, mask)
        assert IPv4Interface.from_mask("10.1.2.3", mask) == IPv4Interface(f"10.1.2.3/{prefix}")
    with pytest.raises(Malformed, match=r"has bits set behind its prefix: the network is 10\.0\.0\.0/24"):
        IPv4Network.from_mask("10.0.0.1", "255.255.255.0")


@many
@given(st.integers(0, 2**32 - 1))
def test_no_number_but_33_is_a_mask(number: int) -> None:
    mask = IPv4Address.from_int(number)
    if "01" in f"{number:032b}":
        with pytest.raises(Malformed, match=r"is a mask with a hole|is no mask but one turned round"):
            IPv4Network.from_mask("0.0.0.0", str(mask))
    else:
        assert IPv4Network.from_mask("0.0.0.0", str(mask)).netmask == mask


BAD_NETWORKS = {
    "1.2.3.4/33": "'1.2.3.4/33' needs a prefix length from 0 to 32",
    "010.1.1.1/8": "write 10 instead of '010'",
    "1.2.3/24": "'1.2.3' is not an IPv4 address: four numbers with dots between them",
    "10.0.0.0/255.0.0.0": "'10.0.0.0/255.0.0.0': write the mask as its prefix length, /8",
    "10.0.0.0/255.0.255.0": "255.0.255.0 is a mask with a hole: bit 8 is 0 and bit 16 is 1 again",
    "10.0.0.0/255.0": "'255.0' is not an IPv4 address: four numbers",
    "1.2.3.4/24\n": "needs a prefix length",
}


@pytest.mark.parametrize("text", BAD_NETWORKS)
def test_a_wrong_network_gets_one_line(text: str) -> None:
    for kind in (IPv4Network, IPv4Interface):
        with pytest.raises(Malformed, match=BAD_NETWORKS[text]) as caught:
            kind(text)
        assert "\n" not in str(caught.value)
    for value in (None, 8, b"10.0.0.0/8", ["10.0.0.0/8"]):
        with pytest.raises(Malformed, match="is no text with an address and a prefix length"):
            IPv4Network(value)  # type: ignore[arg-type]


SIZES = {
    "10.0.0.0/24": (256, 254, "10.0.0.1", "10.0.0.254", "10.0.0.255"),
    "10.0.0.4/30": (4, 2, "10.0.0.5", "10.0.0.6", "10.0.0.7"),
    "10.0.0.6/31": (2, 2, "10.0.0.6", "10.0.0.7", "10.0.0.7"),  # RFC 3021
    "10.0.0.7/32": (1, 1, "10.0.0.7", "10.0.0.7", "10.0.0.7"),
}


@pytest.mark.parametrize("text", SIZES)
def test_what_is_in_a_network(text: str) -> None:
    network = IPv4Network(text)
    hosts = list(network.hosts)
    assert (network.size, network.usable, str(hosts[0]), str(hosts[-1]), str(network.last)) == SIZES[text]
    assert len(hosts) == network.usable and network.first == network.address
    assert hosts == [IPv4Address(host.packed) for host in ipaddress.IPv4Network(text).hosts()]


def test_everything_is_a_network_too() -> None:
    everything = IPv4Network("0.0.0.0/0")
    assert (everything.size, everything.usable) == (2**32, 2**32 - 2)
    assert str(next(iter(everything.hosts))) == "0.0.0.1"  # not all of them are made
    assert str(next(iter(everything.subnets(32)))) == "0.0.0.0/32"
    with pytest.raises(Malformed, match="nothing is wider"):
        _ = everything.parent
    with pytest.raises(Malformed, match=r"10\.0\.0\.1/32 is one address: it has no halves"):
        _ = IPv4Network("10.0.0.1/32").halves
    for prefix in (7, 33):
        with pytest.raises(Malformed, match=rf"10\.0\.0\.0/8 has no subnets of /{prefix}: choose from /8 to /32"):
            IPv4Network("10.0.0.0/8").subnets(prefix)
    with pytest.raises(Malformed, match="a prefix length of 33"):
        IPv4Network.around("10.0.0.1", 33)
    for number in (-1, 2**32):
        with pytest.raises(FieldOverflow, match=f"{number} is no IPv4 address"):
            IPv4Address.from_int(number)


@many
@given(ipv4_addresses, st.integers(0, 32), ipv4_addresses, st.integers(0, 32))
def test_networks_among_each_other(one: IPv4Address, prefix: int, two: IPv4Address, other_prefix: int) -> None:
    ours, other = IPv4Network.around(one, prefix), IPv4Network.around(two, other_prefix)
    theirs, their_other = ipaddress.IPv4Network(str(ours)), ipaddress.IPv4Network(str(other))
    assert ours == IPv4Network(str(ours)) and ours.netmask == IPv4Network(str(ours)).netmask
    assert ours.covers(other) == their_other.subnet_of(theirs)
    assert ours.covers(IPv4Network.around(one, 32)) and ours.covers(ours)
    assert (ours < other) == (theirs < their_other)
    assert (ours.size, str(ours.first), str(ours.last)) == (theirs.num_addresses, str(theirs[0]), str(theirs[-1]))
    if prefix:
        assert str(ours.parent) == str(theirs.supernet()) and ours in ours.parent.halves
    if prefix < 32:
        assert [str(half) for half in ours.halves] == [str(half) for half in theirs.subnets()]
        assert list(ours.subnets(prefix)) == [ours] and tuple(ours.subnets(prefix + 1)) == ours.halves
