"""Chapter 08: its references decide as netlib's routers do, and the verdicts of its live part are those of the text."""

from itertools import chain
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notebooks.live import NO_LAB, REPLAY, live_output, skip_without_lab

from netlib.apps.ping import ping
from netlib.exercises.routing_frames import PING, R1_FAR, R2, arriving_with, forwarded, frame_of
from netlib.exercises.routing_tables import in_words, longest_match, tables
from netlib.exercises.routing_verdict import PORTS, ROUTE, Action, actions, route
from netlib.exercises.routing_ways import HOMES, ROUTERS, network_of, round_trip, tables_of, trips
from netlib.host import Host, Parts
from netlib.internet.routes import Route, Routes
from netlib.internet.trie import Trie
from netlib.wire.address import IPv4Address, IPv4Network
from netlib.wire.checksum import internet_checksum
from netlib.wire.ipv4 import IPv4Packet
from netlib.worlds.simulation import Simulation

CHAPTER = "08-routing"
some = settings(max_examples=300, deadline=None)


# ---- the references ------------------------------------------------------------------------------------------------


def test_pinned_frames_are_what_they_say() -> None:
    assert PING[10:12].hex() == "4687"  # as the text has it, typed by hand
    for checksum, later in ((0xFEFF, 0x0000), (0xFF80, 0x0081)):
        packet = arriving_with(checksum)
        assert int.from_bytes(packet[10:12], "big") == checksum and internet_checksum(packet[:20]) == 0
        out = forwarded(frame_of(packet), R1_FAR, R2)
        assert int.from_bytes(out[24:26], "big") == later and internet_checksum(out[14:34]) == 0


@some
@given(tables, st.integers(0, 2**32 - 1).map(IPv4Address.from_int))
def test_the_longest_match_is_that_of_both_tables(table: list[Route], destination: IPv4Address) -> None:
    known = [Routes(), Trie()]
    for each in table:
        for one in known:
            one.add(each)
    assert [one.lookup(destination) for one in known] == [longest_match(table, destination)] * 2


def netlib_router(packet: bytes, came_by: int, routes: Routes) -> list[Action]:
    """What netlib's own router does, in the exercise's words."""
    said: list[Action] = []

    def remembered(data: bytes, type: int, code: int, rest: int) -> None:
        said.append(("report", type, code, rest))

    host = Host("r", Random(1), Parts(icmp_error=remembered), forwarding=True)
    for address, network, mtu in PORTS:
        host.attach(f"{address}/{network.prefix}", mtu=mtu)
    internet = host.internet
    internet.routes = routes
    internet.receive(packet, came_by, 0.0)
    said += [("deliver",)] * bool(internet.delivered)
    return said + list(dict.fromkeys(("forward", out.port, out.next_hop) for out in internet.outbox))


@some
@given(ROUTE.inputs)
def test_a_verdict_is_that_of_netlibs_router(args: tuple[bytes, int, list[object], Routes]) -> None:
    packet, came_by, ports, routes = args
    assert actions(route(packet, came_by, ports, routes)) == actions(netlib_router(packet, came_by, routes))


@pytest.mark.parametrize("label", ROUTE.pinned)
def test_so_it_is_in_the_pinned_cases(label: str) -> None:
    packet, came_by, ports, routes = ROUTE.pinned[label]
    assert actions(route(packet, came_by, ports, routes)) == actions(netlib_router(packet, came_by, routes))


def simulated(tables: dict[str, list[Route]], routers: set[str]) -> tuple[Simulation, dict[str, Host]]:
    """The network of exercise 8.5, with these tables."""
    sim = Simulation(seed=1)
    switch = sim.switch("s")
    hosts = {name: sim.host(name, forwarding=name in routers) for name in tables}
    by_network: dict[IPv4Network, list[tuple[str, IPv4Address]]] = {}
    for address, name in HOMES.items():
        by_network.setdefault(IPv4Network.around(address, 24), []).append((name, address))
    for ends in by_network.values():
        plugs = [(hosts[name], f"{address}/24") for name, address in ends]
        if len(plugs) == 2:
            sim.link(*plugs)
        else:
            for plug in plugs:
                sim.link(plug, switch)
    for name, table in tables.items():
        for each in table:
            if each.via is not None:
                hosts[name].add_route(each.network, via=each.via)
    return sim, hosts


def pinged(sim: Simulation, hosts: dict[str, Host], source: IPv4Address, destination: IPv4Address, ttl: int) -> object:
    result = sim.run(ping(hosts[HOMES[source]], destination, count=1, ttl=ttl, timeout=8))
    if result.unsent:
        return ("no route", HOMES[source])
    [answer] = result.answers
    if answer is None:
        return ("silence", None)
    message = answer.message
    kind = {0: "reply", 11: "time exceeded"}.get(message.type) or {0: "no route", 1: "host unreachable"}[message.code]
    return (kind, HOMES.get(answer.source))


@settings(max_examples=120, deadline=None)
@given(trips)
def test_ping_sees_what_was_predicted(args: tuple[object, ...]) -> None:
    tables, _, routers, source, destination, ttl = args
    expected = round_trip(*args)
    sim, hosts = simulated(tables, routers)
    assert tables_of(hosts.values())[1] == HOMES
    assert pinged(sim, hosts, source, destination, ttl) == expected["sees"], expected


def test_tables_of_a_simulation_are_those_it_was_made_from() -> None:
    tables = network_of()
    sim, hosts = simulated(tables, ROUTERS)
    read, homes, routers = tables_of(hosts.values())
    assert homes == HOMES and routers == ROUTERS
    assert {name: {in_words(r) for r in table} for name, table in read.items()} == {
        name: {in_words(r) for r in table} for name, table in tables.items()
    }
    everybody = set(chain.from_iterable(round_trip(read, homes, routers, *pair)["there"] for pair in
                                        [(a, b) for a in HOMES for b in HOMES]))  # fmt: skip
    assert everybody == set(tables) and sim.now == 0


def test_packets_of_the_text_are_sound() -> None:
    assert IPv4Packet.parse(PING).total_length == 28


# ---- the live part ---------------------------------------------------------------------------------------------------

VERDICTS = [
    "the switch: no byte changes",
    "r1: your frame is the kernel's, all 98 bytes",
    "r2: your frame is the kernel's, all 98 bytes",
    "203.0.113.200  h2",
    "203.0.113.201  h3",
    "ping -M do -s 1472 203.0.113.6  report 3/4    report 3/4",
    "They agree about 6 of 6.",
    "h2 sees: echo request, echo reply, network unreachable",
    "h1 sees: echo request\n",
    "crossings: 63, with TTL from 63 to 1",
    "It lived for less than a minute and 63 hops.",
    "r2 (10.8.2.2) told h1: time exceeded",
    "They agree.",
    "The answers came back through you: yes with TTL 62: two routers, and one of them is yours",
    "TCP from kernel to kernel, through you: 60000 of 60000 bytes arrived.",
    "dropped by your router: nothing",
    "The lab is down. Nothing is left of it.",
]


@pytest.fixture
def lab_runs() -> None:
    skip_without_lab(CHAPTER)


def kernel_column(said: str) -> list[str]:
    lines = [line for line in said.splitlines() if line.endswith(("✓ holds", "✗ does not hold"))]
    return [line.rsplit("  ", 1)[-1].strip()[0] for line in lines]


HOLDS = ["✗", "✗", "✓", "✗", "✗", "✗"]


@pytest.mark.usefixtures("lab_runs")
def test_a_kernel_says_what_the_text_says() -> None:
    said = live_output(CHAPTER)
    assert [verdict for verdict in VERDICTS if verdict not in said] == []
    assert "Not live here" not in said and kernel_column(said) == HOLDS
    assert "100 times as many routes: your list takes very much longer, your trie hardly longer." in said


def test_without_a_lab_every_live_cell_says_so_and_tells_what_was_seen() -> None:
    said = live_output(CHAPTER, NO_LAB)
    assert "The lab can't run here: namespaces are not allowed here. Lab.doctor() says more." in said
    assert said.count("Not live here. Recorded on 23 November 2026 with Linux 6.18:") == 7
    assert "A kernel, recorded" in said and "The lab is down" not in said and kernel_column(said) == HOLDS


def test_a_recording_shows_all_but_the_packets_of_yours() -> None:
    said = live_output(CHAPTER, REPLAY)
    assert "RECORDED on " in said and ": nothing runs here" in said
    assert [verdict for verdict in VERDICTS[:12] if verdict not in said] == []
    assert said.count("Not live here. Recorded on 23 November 2026 with Linux 6.18:") == 1
    assert "A kernel, recorded" in said and kernel_column(said) == HOLDS
