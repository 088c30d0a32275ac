"""traceroute in the simulated world: the path, with loss, silence and walls on it."""

import pytest
from worlds.networks import chain, detour

from netlib.apps.traceroute import Method, traceroute
from netlib.host import Parts, SendError
from netlib.wire.address import IPv4Address
from netlib.wire.icmp import ICMPTimeExceeded
from netlib.wire.ipv4 import IPv4Packet
from netlib.worlds.simulation import Simulation

PATH = ["10.0.0.2", "10.0.1.2", "10.0.2.2", "10.0.3.2"]
METHODS: list[Method] = ["udp", "icmp"]


@pytest.mark.parametrize("method", METHODS)
def test_it_finds_the_routers_in_order(method: Method) -> None:
    sim, a, _, _, _ = chain(3, delay=0.01)
    result = sim.run(traceroute(a, "10.0.3.2", method=method))
    assert (result.path, result.reached) == ([IPv4Address(hop) for hop in PATH], True)
    kinds = [{(reply.type, reply.code) for reply in hop} for hop in result.hops]
    assert kinds == [{(11, 0)}] * 3 + [{(3, 3) if method == "udp" else (0, 0)}]
    assert [round(hop[-1].rtt, 6) for hop in result.hops] == [0.02, 0.04, 0.06, 0.08]
    lines = str(result).splitlines()
    assert lines[0] == "traceroute to 10.0.3.2" and len(lines) == 5
    assert lines[4].split() == ["4", "10.0.3.2", *(["80.000", "ms"] * 3)] or "10.0.3.2" in lines[4]


@pytest.mark.parametrize("method", METHODS)
def test_loss_costs_single_answers_and_not_the_path(method: Method) -> None:
    sim, a, _, _, _ = chain(3, seed=5, loss=0.05)
    result = sim.run(traceroute(a, "10.0.3.2", probes=4, timeout=0.5, method=method))
    assert any(reply is None for hop in result.hops for reply in hop)
    assert [str(hop) for hop in result.path] == PATH


@pytest.mark.parametrize("method", METHODS)
def test_a_silent_router_is_a_gap(method: Method) -> None:
    sim, a, routers, _, _ = chain(3)
    routers[1].internet.reports.burst = 0  # says nothing, and forwards all the same
    result = sim.run(traceroute(a, "10.0.3.2", method=method))
    assert [str(hop) for hop in result.path] == [PATH[0], "None", *PATH[2:]]
    assert result.hops[1] == [None, None, None]
    assert "*  *  *" in str(result)


def test_silence_at_the_end_ends_at_max_hops() -> None:
    sim, a, _, b, _ = chain(1)
    b.internet.reports.burst = 0
    result = sim.run(traceroute(a, "10.0.1.2", max_hops=5, probes=1, timeout=0.5))
    assert (len(result.hops), result.reached) == (5, False)
    assert result.path[1:] == [None] * 4


def test_a_wall_ends_the_path() -> None:
    sim, a, routers, _, _ = chain(3)
    routers[0].add_route("192.0.2.0/24", via="10.0.1.2")
    a.add_route("192.0.2.0/24", via="10.0.0.2")
    result = sim.run(traceroute(a, "192.0.2.1"))
    assert [str(hop) for hop in result.path] == PATH[:2]
    assert not result.reached
    last = result.hops[-1][0]
    assert last and (last.type, last.code, last.is_final) == (3, 0, True)


def test_an_address_that_nobody_has_is_unreachable_at_its_link() -> None:
    sim, a, _, _, _ = chain(1)
    result = sim.run(traceroute(a, "10.0.1.77", timeout=4, probes=1))
    assert [str(hop) for hop in result.path] == ["10.0.0.2", "10.0.0.2"]
    last = result.hops[-1][0]
    assert last and (last.type, last.code, result.reached) == (3, 1, False)


def test_no_route_is_said_at_once() -> None:
    sim, a, _, _, _ = chain(1)
    with pytest.raises(SendError, match="ENETUNREACH: no route to 192"):
        sim.run(traceroute(a, "192.0.2.1"))
    assert a.sockets == []


@pytest.mark.parametrize("method", METHODS)
def test_reports_about_other_packets_are_not_taken_for_answers(method: Method) -> None:
    """A router that quotes something else: the right packet with one bit changed where it tells probes apart."""

    def confused(packet: bytes, type: int, code: int, rest: int) -> bytes:
        quoted = IPv4Packet.parse(packet)
        at = 3 if method == "udp" else 7
        quoted.payload = quoted.payload[:at] + bytes((quoted.payload[at] ^ 1,)) + quoted.payload[at + 1 :]
        return ICMPTimeExceeded(payload=quoted.build()).build()

    sim = Simulation()
    a, router, b = sim.host("a"), sim.router("r", Parts(icmp_error=confused)), sim.host("b")
    sim.link((a, "10.0.0.1/24"), (router, "10.0.0.2/24"))
    sim.link((router, "10.0.1.1/24"), (b, "10.0.1.2/24"))
    a.add_route("0.0.0.0/0", via="10.0.0.2")
    b.add_route("0.0.0.0/0", via="10.0.1.1")
    result = sim.run(traceroute(a, "10.0.1.2", method=method, timeout=0.5))
    assert [str(hop) for hop in result.path] == ["None", "10.0.1.2"]


def test_answers_that_come_too_late_are_not_given_to_the_next_probe() -> None:
    sim, a, _, _, _ = chain(1, delay=0.4)
    result = sim.run(traceroute(a, "10.0.1.2", max_hops=3, timeout=1.0))
    assert [reply is not None for reply in result.hops[0]] == [False, True, True]  # ARP first
    assert all(0.79 < reply.rtt < 0.81 for reply in result.hops[0][1:])
    assert result.path[1:] == [None, None]  # 1.6 s away, and 1.0 s of patience


@pytest.mark.parametrize("method", METHODS)
def test_a_redirect_is_no_answer(method: Method) -> None:
    sim, host, _, _, _, _ = detour()
    result = sim.run(traceroute(host, "10.0.9.1", method=method, probes=2))
    hops = [[str(reply and reply.address) for reply in hop] for hop in result.hops]
    # what the second router is asked by the detour, it is asked directly the next time: that is a hop less
    assert hops == [["10.0.0.2", "10.0.0.2"], ["10.0.0.3", "10.0.9.1"]] and result.reached
