"""Demultiplexing: the table's three questions against the rule asked of every endpoint, and SO_REUSEPORT."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from netlib.kernel.table import UDPTable, score
from netlib.transport.udp import Endpoint
from netlib.wire.address import IPv4Address
from netlib.wire.address6 import IPv6Address

ANY, HERE, THERE = IPv4Address("0.0.0.0"), IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
LOCAL = [ANY, HERE, IPv4Address("127.0.0.1"), IPv6Address("::"), IPv6Address("::1")]
REMOTE = [THERE, IPv4Address("10.0.0.3"), IPv6Address("::1")]

endpoints = st.builds(
    lambda address, port, connected, *peer: Endpoint(address, port, *(peer if connected else ())),
    st.sampled_from(LOCAL), st.integers(1, 3), st.booleans(), st.sampled_from(REMOTE), st.integers(1, 3),
)  # fmt: skip
datagrams = st.tuples(st.sampled_from(REMOTE), st.integers(1, 3), st.sampled_from(LOCAL[1:]), st.integers(1, 3))


@given(st.lists(endpoints, max_size=12), st.lists(st.integers(0, 11)), st.lists(datagrams, min_size=1, max_size=8))
def test_a_lookup_finds_the_best_and_of_these_the_newest(
    added: list[Endpoint], removed: list[int], sent: list[tuple[IPv4Address, int, IPv4Address, int]]
) -> None:
    table = UDPTable()
    for endpoint in added:
        table.add(endpoint)
    for endpoint in {added[index] for index in removed if index < len(added)}:
        table.remove(endpoint)
        added.remove(endpoint)
    for source, source_port, destination, port in sent:
        if len(source) != len(destination):
            continue
        scored = [(score(e, source, source_port, destination, port), at, e) for at, e in enumerate(added)]
        suited = [(points, at, e) for points, at, e in scored if points is not None]
        best = max(suited)[2] if suited else None
        assert table.lookup(source, source_port, destination, port) is best


def test_the_order_of_preference() -> None:
    args = THERE, 9, HERE, 7
    wildcard, bound = Endpoint(ANY, 7), Endpoint(HERE, 7)
    connected, other = Endpoint(HERE, 7, THERE, 9), Endpoint(HERE, 7, THERE, 10)
    assert [score(e, *args) for e in (wildcard, bound, connected, other)] == [0, 1, 3, None]
    table = UDPTable()
    for endpoint in (connected, bound, wildcard, other):
        table.add(endpoint)
    for expected in (connected, bound, wildcard):
        assert table.lookup(*args) is expected
        table.remove(expected)
    assert table.lookup(*args) is None
    table.remove(other)
    assert table.groups == {}


def test_reuse_port_spreads_senders_and_keeps_to_them() -> None:
    table = UDPTable(lambda: b"a secret")
    workers = [Endpoint(ANY, 7, reuse_port=True) for _ in range(4)]
    for worker in workers:
        table.add(worker)
    first = [table.lookup(THERE, port, HERE, 7) for port in range(1024, 5024)]
    assert first == [table.lookup(THERE, port, HERE, 7) for port in range(1024, 5024)]
    shares = Counter(first)
    assert set(shares) == set(workers) and all(900 < share < 1100 for share in shares.values())
    hosts = [IPv4Address(f"10.0.1.{number}") for number in range(200)]  # the same port everywhere
    assert {table.lookup(host, 9, HERE, 7) for host in hosts} == set(workers)
    table.remove(workers[3])
    assert set(table.lookup(THERE, port, HERE, 7) for port in range(200)) == set(workers[:3])
    other = UDPTable(lambda: b"another")
    for worker in workers:
        other.add(worker)
    assert [other.lookup(THERE, port, HERE, 7) for port in range(1024, 1124)] != first[:100]


def test_a_lookup_costs_the_same_with_many_sockets() -> None:
    """No scan: the kernel has chains of a hash table here, and netlib three dictionary look-ups."""
    table = UDPTable()
    for port in range(1, 20_001):
        table.add(Endpoint(HERE, 7, THERE, port))
    assert len(table.groups) == 20_000
    found = table.lookup(THERE, 777, HERE, 7)
    assert found is not None and found.peer_port == 777
    assert table.lookup(THERE, 20_001, HERE, 7) is None
