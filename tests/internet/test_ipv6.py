"""IPv6 hosts and routers in the simulation: resolution, loopback, forwarding, path MTU, fragments, errors, UDP."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.apps.ping import ping
from netlib.host import DATAGRAM, RAW6, Host, SendError
from netlib.internet.fragments6 import Reassembler6, fragment6
from netlib.internet.icmpv6 import may_report
from netlib.kernel.errors import SocketError
from netlib.wire.address import MACAddress
from netlib.wire.address6 import IPv6Address
from netlib.wire.errors import Malformed
from netlib.wire.icmpv6 import ICMPv6Echo, ICMPv6Message, ICMPv6PacketTooBig, ICMPv6ParameterProblem
from netlib.wire.ipv6 import FRAGMENT, HOP_BY_HOP, ICMPV6, ROUTING, IPv6Packet
from netlib.wire.packet import decode, stack
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import readable, sleep

MAC = MACAddress("02:00:00:00:00:01")
ME, YOU = IPv6Address("fd00::1"), IPv6Address("fd00::2")


def network(mtu: int = 1500) -> tuple[Simulation, Host, Host, Host]:
    sim = Simulation(1)
    a, router, b = sim.host("a"), sim.router("r"), sim.host("b")
    sim.link((a, "2001:db8:1::2/64"), (router, "2001:db8:1::1/64"))
    sim.link((router, "2001:db8:2::1/64"), (b, "2001:db8:2::2/64"), mtu=mtu)
    a.add_route("::/0", via="2001:db8:1::1")
    b.add_route("::/0", via="2001:db8:2::1")
    return sim, a, router, b


def alone() -> Host:
    """A host on a link without frames, at fd00::1."""
    host = Host("h", Random(1))
    host.attach("fd00::1/64")
    return host


def told(host: Host, data: bytes) -> list[Any]:
    """What a host answers to a packet: the innermost layers."""
    host.receive(host.interfaces[0], data, 0.0)
    out, host.outbox = host.outbox, []
    packets = [decode(frame, "ip") for _, frame in out]
    assert all(packet.problems == [] for packet in packets)
    return [packet.layers[-1] for packet in packets]


def test_two_hosts_and_what_is_said_on_their_link() -> None:
    sim = Simulation(1)
    a, b = sim.host("a"), sim.host("b")
    capture = sim.capture(sim.link((a, "2001:db8::1/64"), (b, "2001:db8::2/64")))
    assert sim.run(ping(a, "2001:db8::2", count=1)).received == 1
    assert [str(packet).partition("ICMPv6 ")[2].split(" id")[0] for _, packet in capture] == [
        "neighbour solicitation: who has 2001:db8::2?",
        "neighbour advertisement: 2001:db8::2 is at 02:00:00:00:00:02",
        "echo request", "echo reply",
    ]  # fmt: skip
    assert a.neighbours()[0]["state"] == "REACHABLE"
    again = Simulation(1)
    c, d = again.host("a"), again.host("b")
    same = again.capture(again.link((c, "2001:db8::1/64"), (d, "2001:db8::2/64")))
    again.run(ping(c, "2001:db8::2", count=1))
    assert repr(same) == repr(capture)


@pytest.mark.parametrize("address", ["::1", "2001:db8:1::2", "2001:db8:2::2", "fe80::ff:fe00:2", "ff02::1"])
def test_ping(address: str) -> None:
    sim, a, _, _ = network()
    assert sim.run(ping(a, address, count=2, size=3000)).received == 2


def test_an_address_that_nobody_has_and_one_without_a_route() -> None:
    sim, a, router, _ = network()
    assert "address unreachable" in str(sim.run(ping(a, "2001:db8:1::77", count=1, timeout=5)))
    assert "from 2001:db8:1::1: seq=1 no route" in str(sim.run(ping(a, "2001:db9::1", count=1)))
    assert "hop limit exceeded" in str(sim.run(ping(a, "2001:db8:2::2", count=1, ttl=1)))
    assert "ENETUNREACH" in str(sim.run(ping(router, "2001:db9::1", count=1)))
    with pytest.raises(SendError, match="on every link"):
        router.socket(RAW6).send(IPv6Packet(destination=IPv6Address("ff02::1")), 0.0)


def test_only_the_sender_fragments_once_a_router_has_told_it_how_much_fits() -> None:
    sim, a, router, _ = network(mtu=1300)
    here, there = sim.capture(sim.links[0]), sim.capture(sim.links[1])
    result = sim.run(ping(a, "2001:db8:2::2", count=2, size=1400))
    assert "packet too big" in str(result.answers[0]) and result.received == 1
    assert router.dropped["IPv6 packet too big"] == 1
    theirs = [packet.data[14:] for _, packet in there if packet[IPv6Packet].is_fragment]
    ours = [packet.data[14:] for _, packet in here if packet[IPv6Packet].is_fragment]
    assert len(ours) == len(theirs) == 4  # two there, two back: nothing was cut on the way
    assert {data[:7] + data[8:] for data in ours} == {data[:7] + data[8:] for data in theirs}  # but for the hop limit
    assert sorted(data[7] for data in ours + theirs) == [63, 63, 63, 63, 64, 64, 64, 64]
    a.internet6.paths.known[YOU] = 1280, 700.0
    assert a.internet6.paths.mtu(YOU, 699.0, 1500) == 1280 and a.internet6.paths.mtu(YOU, 700.0, 1500) == 1500


def test_udp_sockets_of_version_six() -> None:
    sim, a, _, b = network()

    async def conversation() -> tuple[Any, Any, str]:
        server, client, caller = (host.socket(DATAGRAM) for host in (b, a, a))
        server.bind("::", 53)
        client.send_to(b"query", ("2001:db8:2::2", 53))
        await readable(server, 2)
        data, sender = server.receive() or (b"", ("", 0))
        server.send_to(data.upper(), sender)
        await readable(client, 2)
        caller.connect("2001:db8:2::2", 54)
        caller.send(b"x")
        await sleep(1)
        try:
            caller.send(b"y")
        except SocketError as error:
            return sender, client.receive(), str(error)
        return sender, client.receive(), ""

    sender, answer, error = sim.run(conversation())
    assert sender[0] == IPv6Address("2001:db8:1::2")
    assert answer == (b"QUERY", (IPv6Address("2001:db8:2::2"), 53)) and "ECONNREFUSED" in error


def test_one_interface_with_both_versions() -> None:
    sim = Simulation(1)
    a, b = sim.host("a"), sim.host("b")
    sim.link((a, "10.0.0.1/24"), (b, "10.0.0.2/24"))
    for number, host in enumerate((a, b), 1):
        host.add_address(host.interfaces[0], f"2001:db8::{number}/64")
    assert sim.run(ping(a, "10.0.0.2", count=1)).received == 1
    assert sim.run(ping(a, "2001:db8::2", count=1)).received == 1


def test_bad_addresses_and_links_are_told_in_one_line() -> None:
    host = Host("h", Random(1))
    with pytest.raises(Malformed, match="needs a prefix length from 0 to 128"):
        host.attach("2001:db8::1", MAC)
    with pytest.raises(ValueError, match="an MTU of 1279 bytes: IPv6 needs 1280"):
        host.attach("2001:db8::1/64", MAC, mtu=1279)
    for address in ("::1/128", "ff02::1/64", "::/64"):
        with pytest.raises(ValueError, match="can't be the address of an interface"):
            host.attach(address, MAC)
    assert host.interfaces == [] and host.internet6.ports == {}
    with pytest.raises(SendError, match="on none of this host's links"):
        host.add_route("::/0", via="2001:db8::1")


# ---- what comes in


def test_extension_headers_that_this_host_does_not_know() -> None:
    echo = ICMPv6Echo(payload=b"x")

    def with_option(kind: int, destination: IPv6Address = ME) -> bytes:
        extension = bytes((ICMPV6, 0, kind, 0, 1, 2, 0, 0))
        packet = IPv6Packet(next_header=HOP_BY_HOP, extensions=extension, source=YOU, destination=destination)
        return stack(packet, echo)

    assert [layer.type for layer in told(alone(), with_option(0x1E))] == [129]  # 00: skip it
    assert told(alone(), with_option(0x5E)) == []  # 01: discard
    [problem] = told(alone(), with_option(0x9E))  # 10: discard and report
    assert isinstance(problem, ICMPv6ParameterProblem) and (problem.code, problem.pointer) == (2, 42)
    assert told(alone(), with_option(0xDE, IPv6Address.ALL_NODES)) == []  # 11: not to a group
    routing = bytes((ICMPV6, 0, 0, 1, 0, 0, 0, 0))
    routed = IPv6Packet(next_header=ROUTING, extensions=routing, source=YOU, destination=ME)
    [problem] = told(alone(), stack(routed, echo))
    assert isinstance(problem, ICMPv6ParameterProblem) and (problem.code, problem.pointer) == (0, 42)
    [problem] = told(alone(), IPv6Packet(next_header=200, source=YOU, destination=ME).build())
    assert isinstance(problem, ICMPv6ParameterProblem) and (problem.code, problem.pointer) == (1, 6)


def test_what_is_not_let_in_and_not_reported() -> None:
    for fields, why in (
        ({"source": IPv6Address("ff02::1")}, "IPv6 invalid source"),
        ({"source": IPv6Address("::1")}, "IPv6 invalid source"),
        ({"destination": IPv6Address("::1")}, "IPv6 invalid destination"),
        ({"destination": IPv6Address("fd00::9")}, "IPv6 not for us"),
        ({"destination": IPv6Address("ff02::9")}, "IPv6 not for us"),
    ):
        host = alone()
        packet = IPv6Packet(**({"next_header": ICMPV6, "source": YOU, "destination": ME} | fields))
        assert told(host, stack(packet, ICMPv6Echo())) == [] and host.dropped[why] == 1
    # what nobody has sent is not reported, and no error about an error
    unknown = IPv6Packet(next_header=200, source=IPv6Address.ANY, destination=ME)
    assert told(alone(), unknown.build()) == []
    for kind, reports in ((1, False), (137, False), (128, True)):
        about = IPv6Packet(next_header=ICMPV6, source=YOU, destination=ME, payload=bytes((kind,)) + bytes(7))
        assert may_report(about, 1, 0) is reports
    framed = Host("h", Random(1))
    framed.attach("fd00::1/64", MAC)
    packet = IPv6Packet(next_header=200, source=YOU, destination=ME)
    framed.receive(framed.interfaces[0], b"\x33\x33\0\0\0\1" + bytes(6) + b"\x86\xdd" + packet.build(), 0.0)
    assert framed.dropped["IPv6 unicast in a link multicast"] == 1 and framed.outbox == []


def test_a_path_mtu_is_believed_about_our_own_packets_only_and_never_below_1280() -> None:
    for source, mtu, learnt in ((ME, 1400, 1400), (ME, 100, 1280), (YOU, 1400, 1500)):
        quoted = IPv6Packet(next_header=17, source=source, destination=IPv6Address("fd09::9"))
        host = alone()
        told(host, stack(IPv6Packet(next_header=ICMPV6, source=YOU, destination=ME),
                         ICMPv6PacketTooBig(mtu=mtu, payload=quoted.build())))  # fmt: skip
        assert host.internet6.paths.mtu(IPv6Address("fd09::9"), 1.0, 1500) == learnt


@settings(deadline=None)
@given(st.integers(1, 6000), st.integers(1280, 1500), st.randoms(use_true_random=False))
def test_fragments_in_any_order_and_twice_are_the_packet_again(size: int, mtu: int, random: Random) -> None:
    packet = IPv6Packet(next_header=200, source=YOU, destination=ME, payload=random.randbytes(size))
    pieces = fragment6(packet, mtu, 7)
    assert all(len(piece) <= mtu for piece in pieces)
    if len(pieces) == 1:
        return
    random.shuffle(pieces)
    reassembler = Reassembler6()
    results = [reassembler.add(IPv6Packet.parse(piece), piece, 0.0) for piece in [pieces[0], *pieces]]
    assert results[:-1] == [None] * len(pieces) and isinstance(results[-1], IPv6Packet)
    assert results[-1].build() == packet.build() and reassembler.held == 0 and not reassembler.incomplete


def piece(offset: int, more: bool, data: bytes, identification: int = 1) -> bytes:
    head = bytes((200, 0)) + (offset | more).to_bytes(2, "big") + identification.to_bytes(4, "big")
    return IPv6Packet(next_header=FRAGMENT, extensions=head, source=YOU, destination=ME, payload=data).build()


def test_fragments_that_overlap_cost_the_packet_and_floods_are_bounded() -> None:
    host = alone()
    for data in (piece(0, True, bytes(16)), piece(8, True, bytes(16)), piece(16, False, bytes(8))):
        assert told(host, data) == []
    assert host.dropped["IPv6 impossible fragment"] == 1 and host.internet6.delivered == []
    for number in range(1000):
        told(host, piece(0, True, bytes(1200), number))
    assert len(host.internet6.reassembler.incomplete) <= 64 and host.internet6.reassembler.held <= 1 << 20
    host.tick(host.deadline() or 0.0)
    assert host.internet6.reassembler.held == 0
    late = [decode(frame, "ip").layers[-1] for _, frame in host.outbox]
    assert late and all(isinstance(m, ICMPv6Message) and (m.type, m.code) == (3, 1) for m in late)


@settings(deadline=None, max_examples=300)
@given(
    st.binary(max_size=120), st.sampled_from([0, 6, 17, 43, 44, 58, 60, 200]), st.sampled_from(["fd00::1", "ff02::1"])
)
def test_nothing_that_comes_in_raises(data: bytes, kind: int, destination: str) -> None:
    for forwarding in (False, True):
        host = Host("h", Random(1), forwarding=forwarding)
        host.attach("fd00::1/64", MAC)
        packet = IPv6Packet(next_header=kind, source=YOU, destination=IPv6Address(destination), payload=data)
        for content in (packet.build(), data, b"\x60" + data):
            host.receive(host.interfaces[0], MAC + bytes(6) + b"\x86\xdd" + content, 0.0)
        for _ in range(4):
            host.tick(host.deadline() or 0.0)
