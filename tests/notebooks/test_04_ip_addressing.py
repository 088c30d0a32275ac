"""Chapter 04: its live part with a lab, a recording and nothing; and its answers against the rest of netlib."""

from ipaddress import collapse_addresses, ip_network
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notebooks.live import NO_LAB, REPLAY, live_output, skip_without_lab

from netlib.exercises import ip_addressing_reference as reference
from netlib.exercises.ip_addressing import EXERCISES, answered, asked, destinations
from netlib.exercises.ip_addressing_next_hop import next_hop_cases
from netlib.internet.addressing import REGISTRY, special
from netlib.internet.routes import Route, Routes, next_hop
from netlib.wire.address import IPv4Address, IPv4Interface, IPv4Network

CHAPTER = "04-ip-addressing"
AGREED = "You and the kernel agree on 500 of 500, and on 8 of 8 chosen."
VERDICTS = [
    "eth2       10.4.8.10/22     10.4.8.0/22   10.4.8.1 to 10.4.11.254       yes",
    "to 10.4.0.20: h1's frame is addressed to h2",
    "to 172.17.3.9: h1's frame is addressed to r1",
    "eth1            the gateway             329           329",
    *("10.4.0.255: broadcast", "10.4.8.255: a host", "10.4.11.255: broadcast", "10.4.8.255 answers a ping"),
    "10.4.16.1/31: a host, and answers 10.4.16.0",
    "ping 010.4.0.20                  8.4.0.20",
    "ip addr add 1.2.3/24             1.2.3.0/24",
    "ip addr add 1.2.3.4/255.0.255.0  refused",
    "a gateway that is no neighbour: Error: Nexthop has invalid gateway.",
    "with docker0: From 172.17.0.1 Destination Host Unreachable; packets for the wiki on eth1: 0",
    "with a route for 172.17.3.0/24: answered",
    "no gateway: h2 answered; the wiki: Network is unreachable",
    "/28: h2 gets h1's pings with TTL 63; From 10.4.0.1 Redirect Host(New nexthop: 10.4.0.20)",
    "/5: 3 questions for the MAC address of 8.8.8.8; From 10.4.0.10 Destination Host Unreachable",
    "The lab is down. Nothing is left of it.",
]
YOURS = ["10.4.0.20: 2 of 2 answered, TTL 64", "172.17.3.9: 2 of 2 answered, TTL 63"]


@pytest.fixture
def lab_runs() -> None:
    skip_without_lab(CHAPTER)


@pytest.mark.usefixtures("lab_runs")
def test_a_kernel_says_what_the_text_says() -> None:
    said = live_output(CHAPTER)
    assert [verdict for verdict in [*VERDICTS, *YOURS] if verdict not in said] == []
    assert said.count(AGREED) == 3
    assert "Not live here" not in said and "first difference" not in said
    assert said.count("✗ does not hold") == 9 and "✓ holds" not in said


def test_without_a_lab_every_live_cell_says_so_and_tells_what_was_seen() -> None:
    said = live_output(CHAPTER, NO_LAB)
    assert "The lab can't run here: namespaces are not allowed here. Lab.doctor() says more." in said
    assert said.count("Not live here. Recorded on 23 November 2026 with Linux 6.18:") == 8
    assert "A kernel, recorded" in said and "The lab is down" not in said
    assert said.count("✗ does not hold") == 9 and "✓ holds" not in said
    told_otherwise = [VERDICTS[0], VERDICTS[3], *VERDICTS[9:12], VERDICTS[-1]]  # rows of tables, and the lab's end
    assert [verdict for verdict in [*VERDICTS, *YOURS] if verdict not in said] == told_otherwise


def test_a_recording_shows_all_but_packets_of_ones_own() -> None:
    said = live_output(CHAPTER, REPLAY)
    assert "RECORDED on " in said and ": nothing runs here" in said
    assert [verdict for verdict in VERDICTS if verdict not in said] == []
    assert said.count(AGREED) == 3
    assert said.count("Not live here. Recorded on 23 November 2026 with Linux 6.18:") == 1
    assert "A kernel, recorded" in said


# ---- netlib's answers --------------------------------------------------------------------------------------------


def test_some_of_the_first_exercises_are_half_of_the_points() -> None:
    points = [exercise.points for exercise in EXERCISES]
    assert sum(points[:3]) * 2 == sum(points)


def test_the_special_ranges_are_those_of_the_registry() -> None:
    """What the chapter's table knows, the registry calls alike; the edges of all ranges tried."""
    names = {"private": "Private-Use", "shared": "Shared", "loopback": "Loopback", "link-local": "Link Local",
             "documentation": "Documentation", "benchmarking": "Benchmarking", "multicast": "Multicast",
             "reserved": "Reserved", "broadcast": "Limited Broadcast", "this network": "This"}  # fmt: skip
    networks = [*map(IPv4Network, reference.RANGES), *(entry.network for entry in REGISTRY)]
    numbers = {number + off for n in networks for number in (n.bits, n.bits + n.size) for off in (-1, 0)}
    for number in sorted(n for n in numbers if 0 <= n < 1 << 32):
        address = IPv4Address.from_int(number)
        word, entry = reference.special(str(address)), special(address)
        if word == "global":  # the chapter leaves out what nobody meets
            assert entry is None or str(entry.network).startswith(("192.0.0.", "192.31", "192.52", "192.88", "192.175"))
        else:
            assert entry is not None and entry.name.startswith(names[word]), address


@given(next_hop_cases())
def test_a_hosts_decision_is_that_of_its_routing_table(case: tuple[str, dict[str, str], str | None]) -> None:
    """Where no two networks are the same, which a table has once."""
    destination, interfaces, gateway = case
    known = [IPv4Interface(text) for text in interfaces.values()]
    if len({interface.network for interface in known}) < len(known):
        return
    table = Routes()
    for number, interface in enumerate(known):
        table.add(Route(interface.network, None, number))
    try:
        ours = reference.next_hop(destination, interfaces, gateway)
    except ValueError:
        assert gateway and table.lookup(IPv4Address(gateway)) is None
        return
    if ours and ours[0] == "lo":
        return
    if gateway and not any(interface.network.prefix == 0 for interface in known):
        by = table.lookup(IPv4Address(gateway))
        assert by is not None
        table.add(Route(IPv4Network("0.0.0.0/0"), IPv4Address(gateway), by.interface))
    way = next_hop(table, destination)
    assert ours == (way and (list(interfaces)[way[0]], str(way[1])))


networks = st.builds(
    lambda number, prefix: str(IPv4Network.around(0x0A040000 | number, prefix)),
    st.integers(0, 255),
    st.integers(24, 32),
)


@given(st.lists(networks, max_size=8), st.lists(networks, max_size=4))
def test_aggregate_and_carve_are_pythons_own(given_networks: list[str], holes: list[str]) -> None:
    python = [str(network) for network in collapse_addresses(map(ip_network, given_networks))]
    assert reference.aggregate(given_networks) == python
    left = set(ip_network("10.4.0.0/24")) - {address for hole in holes for address in ip_network(hole)}
    python = [str(network) for network in collapse_addresses(left)]
    assert reference.carve("10.4.0.0/24", holes) == python


def test_five_hundred_destinations_are_many_and_different() -> None:
    near = ["10.4.0.0/24", "10.4.8.0/22", "172.17.0.0/16"]
    some = destinations(near, 500, seed=4)
    assert len(set(some)) == 500 and some == destinations(near, 500, seed=4) != destinations(near, 500, seed=5)
    inside = sum(any(IPv4Address(address) in IPv4Network(text) for text in near) for address in some)
    assert 200 < inside < 300
    assert not any(IPv4Address(address).is_multicast for address in some)


def test_the_kernels_answers_are_read() -> None:
    assert asked(["10.4.0.20", "8.8.8.8"]) == "route get 10.4.0.20\nroute get 8.8.8.8\n"
    said = (
        '[{"dst":"10.4.0.20","dev":"eth1","prefsrc":"10.4.0.10","flags":[],"uid":0,"cache":[]}]\n'
        '[{"dst":"8.8.8.8","gateway":"10.4.0.1","dev":"eth1","prefsrc":"10.4.0.10","flags":[],"uid":0,"cache":[]}]\n'
        '[{"type":"local","dst":"10.4.0.10","dev":"lo","prefsrc":"10.4.0.10","flags":[],"uid":0,"cache":["local"]}]\n'
    )
    assert dict(answered(said)) == {
        "10.4.0.20": ("eth1", "10.4.0.20"),
        "8.8.8.8": ("eth1", "10.4.0.1"),
        "10.4.0.10": ("lo", "10.4.0.10"),
    }


def test_bad_addresses_get_one_line_that_says_what_is_wrong() -> None:
    random = Random(4)
    for text, word in [("010.1.1.1", "write 10 instead of '010'"), ("1.2.3", "four numbers"),
                       ("1.2.3.4/33", "from 0 to 32"), ("10.4.0.10/255.0.255.0", "a mask with a hole"),
                       ("10.4.0.10/0.0.0.255", "turned round"), ("\n" * random.randint(1, 9), "four numbers"),
                       ("9" * 10_000, "four numbers"), ("1.2.3." + "9" * 10_000, "from 0 to 255")]:  # fmt: skip
        with pytest.raises(ValueError, match=word) as caught:
            reference.parse(text)
        said = str(caught.value)
        assert "\n" not in said and len(said) < 220, said
