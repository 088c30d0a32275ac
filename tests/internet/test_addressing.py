"""Many networks at once, against the standard library and against counting addresses one by one."""

import ipaddress
import sys
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire.packets import ipv4_addresses, many

from netlib.internet.addressing import MULTICAST, REGISTRY, aggregate, special, summarize
from netlib.wire.address import IPv4Address, IPv4Network
from netlib.wire.errors import Malformed


def nets(*texts: str) -> list[IPv4Network]:
    return [IPv4Network(text) for text in texts]


def texts(networks: list[IPv4Network]) -> list[str]:
    return [str(network) for network in networks]


# In a small corner of the address space random networks meet; in all of it they hardly ever do.
corner = st.builds(
    lambda number, prefix: IPv4Network.around(0x0A000000 | number, prefix), st.integers(0, 63), st.integers(24, 32)
)
anywhere = st.builds(IPv4Network.around, ipv4_addresses, st.integers(0, 32))

AGGREGATES = {
    "nothing": ([], []),
    "one": (["10.0.0.0/8"], ["10.0.0.0/8"]),
    "the same twice": (["10.0.0.0/8", "10.0.0.0/8"], ["10.0.0.0/8"]),
    "two halves": (["10.0.0.128/25", "10.0.0.0/25"], ["10.0.0.0/24"]),
    "two neighbours that are no halves": (["10.0.1.0/24", "10.0.2.0/24"], ["10.0.1.0/24", "10.0.2.0/24"]),
    "four, of which the middle ones are no halves": ([f"10.0.{i}.0/24" for i in range(4)], ["10.0.0.0/22"]),
    "one inside another": (["10.0.0.0/8", "10.3.0.0/16"], ["10.0.0.0/8"]),
    "the inner one first": (["10.0.0.0/16", "10.0.0.0/8"], ["10.0.0.0/8"]),
    "halves that an inner one lies between": (["10.0.0.0/25", "10.0.0.7/32", "10.0.0.128/25"], ["10.0.0.0/24"]),
    "a staircase": (["10.0.0.0/32", "10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/30", "10.0.0.8/29"], ["10.0.0.0/28"]),
    "everything": (["128.0.0.0/1", "0.0.0.0/1"], ["0.0.0.0/0"]),
    "everything and a part": (["0.0.0.0/0", "10.0.0.0/8"], ["0.0.0.0/0"]),
    "the ends": (["0.0.0.0/32", "255.255.255.255/32"], ["0.0.0.0/32", "255.255.255.255/32"]),
}


@pytest.mark.parametrize("name", AGGREGATES)
def test_aggregates(name: str) -> None:
    networks, cover = AGGREGATES[name]
    assert texts(aggregate(nets(*networks))) == cover


@many
@given(st.lists(st.one_of(corner, corner, anywhere), max_size=40))
def test_an_aggregate_is_what_the_standard_library_finds(networks: list[IPv4Network]) -> None:
    theirs = ipaddress.collapse_addresses([ipaddress.IPv4Network(str(network)) for network in networks])
    assert texts(aggregate(networks)) == [str(network) for network in theirs]


@many
@given(st.lists(corner, max_size=30))
def test_an_aggregate_has_the_same_addresses_and_no_two_of_it_can_be_joined(networks: list[IPv4Network]) -> None:
    cover = aggregate(networks)
    numbers = [int(address) for network in cover for address in map(IPv4Address.from_int, span(network))]
    assert numbers == sorted({number for network in networks for number in span(network)})  # each of them once
    for left, right in pairwise(cover):
        assert not left.covers(right) and not right.covers(left)
        assert left.prefix != right.prefix or left.parent != right.parent
    assert aggregate(cover) == cover


def span(network: IPv4Network) -> range:
    return range(int(network.first), int(network.last) + 1)


def test_65536_networks_become_one() -> None:
    assert texts(aggregate(IPv4Network("10.0.0.0/8").subnets(24))) == ["10.0.0.0/8"]


# ---- ranges ----------------------------------------------------------------------------------------------------


@many
@given(ipv4_addresses, ipv4_addresses, st.integers(0, 300))
def test_a_range_is_summarized_as_the_standard_library_does(one: IPv4Address, two: IPv4Address, size: int) -> None:
    near = IPv4Address.from_int(min(int(one) + size, 2**32 - 1))
    for first, last in (sorted([one, two]), (one, near)):
        ends = ipaddress.IPv4Address(bytes(first)), ipaddress.IPv4Address(bytes(last))
        theirs = ipaddress.summarize_address_range(*ends)
        ours = summarize(first, last)
        assert texts(ours) == [str(network) for network in theirs]
        assert (ours[0].first, ours[-1].last, aggregate(ours)) == (first, last, ours)
        assert all(int(left.last) + 1 == int(right.first) for left, right in pairwise(ours))


RANGES = {
    ("10.0.0.0", "10.0.0.255"): ["10.0.0.0/24"],
    ("10.0.0.1", "10.0.0.6"): ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"],
    ("10.0.0.5", "10.0.0.5"): ["10.0.0.5/32"],
    ("0.0.0.0", "255.255.255.255"): ["0.0.0.0/0"],
    ("0.0.0.0", "0.0.0.0"): ["0.0.0.0/32"],
    ("255.255.255.255", "255.255.255.255"): ["255.255.255.255/32"],
}


@pytest.mark.parametrize("ends", RANGES)
def test_ranges(ends: tuple[str, str]) -> None:
    assert texts(summarize(*ends)) == RANGES[ends]
    assert len(summarize("0.0.0.1", "255.255.255.254")) == 62  # the most there can be


def test_a_range_that_runs_backwards_is_refused() -> None:
    with pytest.raises(Malformed, match=r"^a range from 10\.0\.0\.2 to 10\.0\.0\.1: the first address is the lower"):
        summarize("10.0.0.2", "10.0.0.1")
    with pytest.raises(Malformed, match="write 10 instead of '010'"):
        summarize("010.1.1.1", "10.1.1.2")


# ---- special addresses -----------------------------------------------------------------------------------------

SPECIAL = {
    "10.1.2.3": "Private-Use", "172.16.0.0": "Private-Use", "172.31.255.255": "Private-Use", "172.32.0.0": None,
    "172.15.255.255": None, "192.168.7.7": "Private-Use", "100.64.0.1": "Shared Address Space", "100.128.0.0": None,
    "127.0.0.1": "Loopback", "169.254.169.254": "Link Local", "0.0.0.0": "This host on this network",
    "0.0.0.1": "This network", "255.255.255.255": "Limited Broadcast", "255.255.255.254": "Reserved",
    "240.0.0.0": "Reserved", "224.0.0.1": "Multicast", "239.255.255.255": "Multicast", "223.255.255.255": None,
    "192.0.0.9": "Port Control Protocol Anycast", "192.0.0.7": "IPv4 Service Continuity Prefix",
    "192.0.0.11": "IETF Protocol Assignments", "192.0.2.1": "Documentation (TEST-NET-1)", "192.0.1.1": None,
    "198.19.255.255": "Benchmarking", "203.0.113.9": "Documentation (TEST-NET-3)", "8.8.8.8": None,
    "192.88.99.1": "Deprecated (6to4 Relay Anycast)", "192.88.99.2": "6a44-relay anycast address",
}  # fmt: skip


@pytest.mark.parametrize("address", SPECIAL)
def test_what_addresses_are_for(address: str) -> None:
    found = special(address)
    assert (found and found.name) == SPECIAL[address]


def test_entries_say_what_the_registry_says() -> None:
    private, loopback, ended = special("10.0.0.1"), special("127.0.0.1"), special("192.88.99.1")
    assert private and loopback and ended
    assert private[3:] == (True, True, True, False, False)
    assert loopback[3:] == (False, False, False, False, True)
    assert ended[3:] == (None,) * 5
    assert str(private) == "10.0.0.0/8 Private-Use (RFC 1918)"
    assert len({known.network for known in REGISTRY}) == len(REGISTRY) == 26
    assert MULTICAST not in REGISTRY
    for known in REGISTRY:
        if known.globally_reachable:  # "if the value of 'Destination' is FALSE, [these] must also be false" (RFC 6890)
            assert known.destination and known.forwardable
        if known.destination is False:
            assert not known.forwardable and not known.globally_reachable


# Python 3.11.10 and 3.12.4 brought their tables up to the registry of 2024: before, 192.0.0.0/24 was in pieces.
up_to_date = sys.version_info >= (3, 12, 4) or (3, 11, 10) <= sys.version_info < (3, 12)
differs = nets("192.88.99.0/24", *([] if up_to_date else ["192.0.0.0/24"]))


@many
@given(st.one_of(ipv4_addresses, st.sampled_from([a for known in REGISTRY for a in islice(known.network.hosts, 3)])))
def test_global_reachability_agrees_with_the_standard_library(address: IPv4Address) -> None:
    found = special(address)
    if not any(address in network for network in differs):
        assert ipaddress.IPv4Address(bytes(address)).is_global == (found is None or found.globally_reachable)
