"""The routing table as a list and as a trie: the same answers, which are those of the rule itself."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire.packets import ipv4_addresses, many

from netlib.host import Host, Parts
from netlib.internet.routes import Route, Routes, next_hop
from netlib.internet.trie import Node, Trie
from netlib.wire.address import IPv4Address, IPv4Network

from .machines import FAR_SIDE, GATEWAY, PEER, Machine, udp

KINDS: list[Callable[[], Any]] = [Routes, Trie]
both = pytest.mark.parametrize("kind", KINDS)


def route(network: str, interface: int = 0, via: str | None = None) -> Route:
    return Route(IPv4Network(network), IPv4Address(via) if via else None, interface)


def longest(routes: list[Route], destination: IPv4Address) -> Route | None:
    """What RFC 1812 says, and no faster than that."""
    matching = [known for known in routes if destination in known.network]
    return max(matching, key=lambda known: known.network.prefix, default=None)


# Prefixes of a few addresses, so that they lie inside each other; all lengths, the ends more often.
lengths = st.one_of(st.integers(0, 32), st.sampled_from([0, 1, 8, 31, 32]))
roots = st.sampled_from([IPv4Address(a) for a in ("0.0.0.0", "10.0.0.1", "10.0.0.2", "10.128.3.4", "255.255.255.255")])
networks = st.builds(IPv4Network.around, st.one_of(roots, ipv4_addresses), lengths)
routes_of = st.builds(Route, networks, st.none() | ipv4_addresses, st.integers(0, 3))
changes = st.lists(st.one_of(routes_of, routes_of, networks), max_size=40)


@many
@given(changes, st.lists(st.one_of(roots, ipv4_addresses), max_size=10))
def test_list_trie_and_rule_agree_whatever_is_added_and_removed(
    changes: list[Route | IPv4Network], destinations: list[IPv4Address]
) -> None:
    expected: dict[IPv4Network, Route] = {}
    tables = [kind() for kind in KINDS]
    for change in changes:
        for table in tables:
            table.add(change) if isinstance(change, Route) else table.remove(change)
        if isinstance(change, Route):
            expected[change.network] = change
        else:
            expected.pop(change, None)
    known = sorted(expected.values(), key=lambda route: route.network)
    edges = [edge for network in expected for edge in (network.first, network.last)]
    outside = [IPv4Address.from_int(n) for e in edges for n in (int(e) - 1, int(e) + 1) if 0 <= n < 2**32]
    for table in tables:
        assert list(table) == known and len(table) == len(known)
        for destination in [*destinations, *edges, *outside]:
            best = longest(known, destination)
            assert table.lookup(destination) == table.lookup(bytes(destination)) == best
            assert table.matches(destination) == [r for r in known if destination in r.network]
            assert (table.matches(destination) or [None])[-1] == best
            hop = best and (best.interface, best.via or destination)
            assert next_hop(table, destination) == next_hop(table, str(destination)) == hop


@many
@given(changes)
def test_a_trie_has_no_node_that_leads_nowhere(changes: list[Route | IPv4Network]) -> None:
    trie = Trie()
    for change in changes:
        trie.add(change) if isinstance(change, Route) else trie.remove(change)
    waiting: list[Node] = [trie.root]
    count = 0
    while waiting:
        node = waiting.pop()
        count += 1
        children = [child for child in node.children if child]
        assert node.route or children or node is trie.root
        waiting += children
    assert count <= 1 + 32 * len(trie)


def test_a_thousand_random_routes() -> None:
    random = Random(4)
    tables = [kind() for kind in KINDS]
    for i in range(1000):
        network = IPv4Network.around(random.getrandbits(32), random.choice([0, *range(8, 33)]))
        for table in tables:
            table.add(Route(network, None, i))
    listed, trie = tables
    destinations = [random.getrandbits(32) for _ in range(1000)]
    destinations += [known.network.bits | random.getrandbits(32 - known.network.prefix) for known in listed
                     if known.network.prefix < 32]  # fmt: skip
    for destination in map(IPv4Address.from_int, destinations):
        assert listed.lookup(destination) == trie.lookup(destination)


@both
def test_the_longest_prefix_wins_in_whatever_order_they_come(kind: Callable[[], Any]) -> None:
    table = kind()
    networks = ["10.0.0.0/8", "0.0.0.0/0", "10.1.2.3/32", "10.1.0.0/16", "10.1.2.2/31"]
    routes = [route(network, number) for number, network in enumerate(networks)]
    for one in routes:
        table.add(one)
    answers = {"10.1.2.3": 2, "10.1.2.2": 4, "10.1.2.4": 3, "10.2.0.0": 0, "11.0.0.0": 1, "255.255.255.255": 1}
    assert {a: table.lookup(IPv4Address(a)).interface for a in answers} == answers
    table.remove(IPv4Network("0.0.0.0/0"))
    table.remove(IPv4Network("10.1.2.0/24"))  # not there: nothing happens, above or below it
    assert len(table) == 4
    assert table.lookup(IPv4Address("11.0.0.0")) is None and next_hop(table, "11.0.0.0") is None
    assert table.lookup(IPv4Address("10.1.2.3")) == routes[2]


@both
def test_a_route_for_the_same_network_replaces_the_old_one(kind: Callable[[], Any]) -> None:
    table = kind()
    table.add(route("10.0.0.0/8", 1))
    table.add(route("10.0.0.0/8", 2, via="192.0.2.1"))
    assert list(table) == [route("10.0.0.0/8", 2, via="192.0.2.1")]
    assert next_hop(table, "10.9.9.9") == (2, IPv4Address("192.0.2.1"))
    table.remove(IPv4Network("10.0.0.0/8"))
    assert (list(table), len(table)) == ([], 0)


@both
def test_removing_a_route_leaves_those_that_it_is_in(kind: Callable[[], Any]) -> None:
    table = kind()
    nested = [route("10.0.0.0/8", 1), route("10.0.0.0/9", 2), route("10.0.0.0/31", 3), route("10.0.0.0/32", 4)]
    for one in nested:
        table.add(one)
    while nested:
        table.remove(nested.pop().network)
        assert list(table) == nested
        assert table.lookup(IPv4Address("10.0.0.0")) == (nested[-1] if nested else None)


def test_a_trie_looks_at_32_nodes_however_many_routes_there_are() -> None:
    trie = Trie()
    for network in IPv4Network("10.0.0.0/8").subnets(20):
        trie.add(Route(network, None, 0))
    assert len(trie) == 4096
    assert len(list(trie.walk(IPv4Address("10.1.2.3")))) == 21
    assert [bool(node.route) for node in trie.walk(IPv4Address("10.1.2.3"))] == [False] * 20 + [True]
    assert len(list(trie.walk(IPv4Address("11.0.0.0")))) == 8  # the eighth bit leads nowhere


# ---- in a host -------------------------------------------------------------------------------------------------


@both
def test_a_router_forwards_by_either(kind: Callable[[], Any]) -> None:
    machine = Machine(Parts(routes=kind), forwarding=True)
    machine.host.add_route("198.51.100.0/24", via="10.0.9.7")
    machine.give(udp(IPv4Address("198.51.100.3")))
    machine.host.receive(machine.lan, udp(IPv4Address("198.51.100.3")).build(), 0.0)
    [(interface, _)] = machine.host.outbox
    assert interface is machine.far
    assert next_hop(machine.host.internet.routes, "198.51.100.3") == (1, IPv4Address("10.0.9.7"))
    assert next_hop(machine.host.internet.routes, PEER) == (0, PEER)
    assert next_hop(machine.host.internet.routes, FAR_SIDE) == (1, FAR_SIDE)
    assert next_hop(machine.host.internet.routes, "8.8.8.8") == (1, GATEWAY)
    machine.host.remove_route("198.51.100.0/24")
    assert next_hop(machine.host.internet.routes, "198.51.100.3") == (1, GATEWAY)


def test_a_table_that_returns_no_route_is_named() -> None:
    class Wrong(Routes):
        def lookup(self, destination: bytes) -> Any:
            return "10.0.9.9"

    machine = Machine(Parts(routes=Wrong), forwarding=True)
    with pytest.raises(TypeError, match=r"routes\.lookup returned '10\.0\.9\.9' \(str\): it has to return Route"):
        machine.give(udp(IPv4Address("8.8.8.8")))


@pytest.mark.parametrize("prefix", [30, 31])
def test_two_ends_of_a_link_reach_each_other(prefix: int) -> None:
    """RFC 3021: with 31 bits, the address with all host bits set is a host's; with 30, it means all of them."""
    host = Host("h", Random(1))
    host.attach(f"10.0.0.{6 if prefix == 31 else 2}/{prefix}")
    other = IPv4Address("10.0.0.7" if prefix == 31 else "10.0.0.3")
    assert next_hop(host.internet.routes, other) == (0, other)
    assert host.internet.is_broadcast(other) == (prefix == 30)
