"""Several addresses on one interface, as after several `ip addr add`; which the kernel chooses: tests/interop."""

import re
from random import Random

import pytest

from netlib.apps.ping import ping
from netlib.host import DATAGRAM, RAW, Host, Interface, Parts
from netlib.link.neighbours import REACHABLE, Neighbours
from netlib.wire.address import IPv4Address, IPv4Interface, MACAddress
from netlib.wire.address6 import IPv6Address
from netlib.wire.arp import REPLY, ARPPacket
from netlib.wire.icmp import ICMPEcho, ICMPRedirect
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.packet import decode
from netlib.worlds.simulation import Simulation

MAC, OTHER = MACAddress("02:00:00:00:00:01"), MACAddress("02:00:00:00:00:02")


def host(*addresses: str, mac: MACAddress | None = None, **options: object) -> tuple[Host, Interface]:
    made = Host("h", Random(1), **options)  # type: ignore[arg-type]
    interface = made.attach(addresses[0], mac)
    for address in addresses[1:]:
        made.add_address(interface, address)
    return made, interface


def sent(host: Host, destination: str) -> IPv4Packet:
    """The packet that comes out when a socket sends to this address."""
    host.socket(DATAGRAM).send_to(b"", (destination, 9))
    [(_, data)], host.outbox = host.outbox, []
    return IPv4Packet.parse(data)


def two_networks() -> tuple[Simulation, Host, Host, Host]:
    """A router with two networks on its one interface, and a host in each."""
    sim = Simulation.topology("""
        a 10.0.0.5/24 -- s
        b 10.1.0.5/24 -- s
        router 10.0.0.1/24 -- s
    """)
    a, b, router = sim["a"], sim["b"], sim["router"]
    router.internet.forwarding = True
    router.add_address(router.interfaces[0], "10.1.0.1/24")
    a.add_route("0.0.0.0/0", via="10.0.0.1")
    b.add_route("0.0.0.0/0", via="10.1.0.1")
    return sim, a, b, router


def test_it_answers_for_each_and_from_the_one_that_was_asked() -> None:
    sim = Simulation()
    a, b = sim.host("a"), sim.host("b")
    capture = sim.capture(sim.link((a, "10.0.0.1/24"), (b, "10.0.0.2/24")))
    for address in ("10.0.0.7/24", "10.0.0.8/24", "2001:db8::2/64", "2001:db8::7/64"):
        b.add_address(b.interfaces[0], address)
    a.add_address(a.interfaces[0], "2001:db8::1/64")
    for address in ("10.0.0.2", "10.0.0.7", "10.0.0.8", "2001:db8::2", "2001:db8::7"):
        [answer] = sim.run(ping(a, address, count=1)).answers
        assert answer and answer.is_reply and str(answer.source) == address
    assert {row["address"] for row in a.neighbours()} == {
        "10.0.0.2", "10.0.0.7", "10.0.0.8", "2001:db8::2", "2001:db8::7"}  # fmt: skip
    assert [str(packet) for _, packet in capture if ARPPacket in packet and packet[ARPPacket].operation == REPLY] == [
        f"ARP {address} is at 02:00:00:00:00:02" for address in ("10.0.0.2", "10.0.0.7", "10.0.0.8")
    ]


SOURCES = [  # destination, the source that Linux chooses too
    ("10.0.0.5", "10.0.0.1"), ("10.1.0.5", "10.1.0.1"), ("10.1.7.7", "10.1.0.9"), ("172.16.5.5", "172.16.5.1"),
    ("172.17.0.1", "172.16.0.1"), ("203.0.113.5", "10.1.0.1"), ("203.0.114.5", "10.1.0.9"),
    ("203.0.115.5", "172.16.0.1"), ("203.0.116.5", "10.0.0.1"),
]  # fmt: skip


def test_the_source_is_the_first_address_in_the_network_of_the_next_hop() -> None:
    one, _ = host("10.0.0.1/24", "10.0.0.7/24", "10.1.0.1/24", "10.1.0.9/16", "172.16.0.1/12", "172.16.5.1/24")
    for network, via in (("203.0.113.0/24", "10.1.0.77"), ("203.0.114.0/24", "10.1.9.77"),
                         ("203.0.115.0/24", "172.16.5.77"), ("203.0.116.0/24", "10.0.0.77")):  # fmt: skip
        one.add_route(network, via=via)
    for destination, source in SOURCES:
        assert str(sent(one, destination).source) == source, destination
        one.socket(RAW).send(IPv4Packet(destination=IPv4Address(destination)), 0.0)
        [(_, data)], one.outbox = one.outbox, []
        assert str(IPv4Packet.parse(data).source) == source, destination
    one.socket(RAW).send(IPv4Packet(destination=IPv4Address.BROADCAST), 0.0)
    assert str(IPv4Packet.parse(one.outbox[0][1]).source) == "10.0.0.1"


def test_the_source_for_ipv6_is_the_most_like_it_on_that_interface_and_then_the_newest() -> None:
    one, _ = host("2001:db8::1/64", "2001:db8::5/64", "2001:db8:1::1/64", "fd00::1/48")
    one.attach("2001:db8:9::1/64")
    one.add_route("::/0", via="2001:db8::77")
    for destination, source in (("2001:db8::2", "2001:db8::5"), ("2001:db8:1::9", "2001:db8:1::1"),
                                ("2001:db8:9:5::1", "2001:db8:1::1"), ("2001:db8:9::7", "2001:db8:9::1"),
                                ("fd00:0:0:7::9", "fd00::1")):  # fmt: skip
        assert str(one.internet6.source(IPv6Address(destination))) == source, destination


def test_a_link_local_address_of_another_interface_is_no_source() -> None:
    one, _ = host("2001:db8::1/64")
    one.attach("2001:db8:1::1/64", MAC)
    assert str(one.internet6.source(IPv6Address("fe80::9"), 0)) == "2001:db8::1"
    assert str(one.internet6.source(IPv6Address("fe80::9"), 1)) == "fe80::ff:fe00:1"


def test_a_broadcast_to_any_of_its_networks_is_for_it() -> None:
    one, interface = host("10.0.0.1/24", "10.1.0.1/16")
    for destination, ours in (("10.0.0.255", True), ("10.1.255.255", True), ("10.1.0.255", False)):
        ping = ICMPEcho(identifier=1).build()
        packet = IPv4Packet(source=b"\x0a\0\0\5", destination=IPv4Address(destination), protocol=1, payload=ping)
        one.dropped.clear()
        one.receive(interface, packet.build(), 0.0)
        assert (one.dropped["IPv4 not for us"] == 0) == ours, destination
    framed, interface = host("10.0.0.1/24", "10.1.0.1/16", mac=MAC)
    framed.socket(RAW).send(IPv4Packet(destination=IPv4Address("10.1.255.255")), 0.0)
    [(_, frame)] = framed.outbox
    assert frame[:6] == MACAddress.BROADCAST and frame[12:14] == b"\x08\0"  # itself, not a question


def test_a_router_between_two_networks_on_one_link_asks_by_the_right_address_and_redirects_nobody() -> None:
    sim, a, _, router = two_networks()
    links = [sim.capture(link) for link in sim.links]
    result = sim.run(ping(a, "10.1.0.5", count=2))
    assert result.received == 2 and not result.redirects  # "on the same Logical IP (sub)network as the next-hop"
    asked = {str(packet) for capture in links for _, packet in capture if ARPPacket in packet}
    assert "ARP who has 10.1.0.5? tell 10.1.0.1" in asked and "ARP who has 10.1.0.5? tell 10.0.0.1" not in asked
    nearer = sim.run(ping(router, "10.1.0.5", count=1))
    assert nearer.received == 1


def test_a_router_redirects_within_its_second_network() -> None:
    sim, _, b, router = two_networks()
    router.add_route("203.0.113.0/24", via="10.1.0.77")
    assert list(sim.run(ping(b, "203.0.113.9", count=1)).redirects) == [1]
    assert b.internet.redirects.lookup(IPv4Address("203.0.113.9"), sim.now)


@pytest.mark.parametrize("gateway, believed", [("10.1.0.77", True), ("10.1.0.255", False), ("10.2.0.77", False)])
def test_a_redirect_leads_to_a_neighbour_in_any_of_its_networks(gateway: str, believed: bool) -> None:
    one, interface = host("10.0.0.5/24", "10.1.0.5/24")
    one.add_route("0.0.0.0/0", via="10.1.0.1")
    about = IPv4Packet(source=b"\x0a\1\0\5", destination=b"\xcb\0\x71\x09", protocol=200, payload=bytes(8))
    message = ICMPRedirect(gateway=IPv4Address(gateway), payload=about.build())
    packet = IPv4Packet(source=IPv4Address("10.1.0.1"), destination=IPv4Address("10.1.0.5"), protocol=1)
    packet.payload = message.build()
    one.receive(interface, packet.build(), 0.0)
    assert (one.internet.redirects.table != {}) == believed


def test_who_asks_is_the_sender_of_the_packet_that_waits() -> None:
    table = Neighbours(IPv4Address("10.0.0.1"), MAC)
    table.own = [IPv4Interface(text) for text in ("10.0.0.1/24", "10.0.0.7/24", "10.1.0.1/24")]
    for number, (source, target, asks) in enumerate([("10.0.0.7", "10.0.0.2", "10.0.0.7"), ("192.0.2.1", "10.1.0.2",
                                                      "10.1.0.1"), ("192.0.2.1", "10.0.0.3", "10.0.0.1")]):  # fmt: skip
        table.send(IPv4Packet(source=IPv4Address(source), destination=IPv4Address(target)).build(),
                   IPv4Address(target), float(number))  # fmt: skip
        assert str(table.outbox[-1][1].sender_ip) == asks
    first = IPv4Address("10.0.0.2")  # which has not answered: the next question is for the packet that came last
    table.send(IPv4Packet(source=IPv4Address("10.0.0.1"), destination=first).build(), first, 0.5)
    table.tick(1.0)
    assert (table.outbox[-1][1].target_ip, str(table.outbox[-1][1].sender_ip)) == (first, "10.0.0.1")
    seven = table.own[1].address
    answer = ARPPacket(operation=REPLY, sender_mac=OTHER, sender_ip=first, target_mac=MAC, target_ip=seven)
    table.receive(answer, 1.5)
    assert table.table[first].state == REACHABLE  # an answer to any of ours is one to us
    liar = ARPPacket(sender_mac=OTHER, sender_ip=table.own[2].address, target_ip=table.own[0].address)
    table.receive(liar, 2.0)
    assert table.own[2].address not in table.table


def test_each_is_announced_and_others_that_use_one_are_noticed() -> None:
    one, interface = host("10.0.0.1/24", "10.1.0.1/24", mac=MAC)
    one.announce(interface, 0.0)
    told, one.outbox = [str(decode(frame)) for _, frame in one.outbox], []
    assert told == [f"ARP who has {address}? tell {address}" for address in ("10.0.0.1", "10.1.0.1")]
    second = IPv4Address("10.1.0.1")
    assert isinstance(interface.neighbours, Neighbours)
    interface.neighbours.receive(ARPPacket(sender_mac=OTHER, sender_ip=second, target_ip=second), 1.0)
    assert [(c.address, c.mac) for c in interface.neighbours.conflicts] == [(second, OTHER)]


def test_an_interface_with_ipv6_first_gets_ipv4() -> None:
    sim = Simulation()
    a, b = sim.host("a"), sim.host("b")
    sim.link((a, "2001:db8::1/64"), (b, "2001:db8::2/64"))
    with pytest.raises(OSError, match="ENETUNREACH"):
        a.socket(RAW).send(IPv4Packet(destination=IPv4Address("10.0.0.2")), 0.0)
    stray = IPv4Packet(source=b"\x0a\0\0\2", destination=b"\x0a\0\0\1").build()
    a.receive(a.interfaces[0], b"\x02\0\0\0\0\1" + bytes(6) + b"\x08\0" + stray, 0.0)
    assert a.dropped["IPv4 not for us"] == 1
    for number, each in enumerate((a, b), 1):
        each.add_address(each.interfaces[0], f"10.0.0.{number}/24")
    assert sim.run(ping(a, "10.0.0.2", count=1)).received == 1
    assert sim.run(ping(a, "2001:db8::2", count=1)).received == 1


def test_the_same_twice_is_once_and_what_is_wrong_changes_nothing() -> None:
    one, interface = host("10.0.0.1/24", "10.0.0.1/24", mac=MAC)
    assert [str(own) for own in one.internet.ports[0].addresses] == ["10.0.0.1/24"]
    one.announce(interface, 0.0)
    assert len(one.outbox) == 1
    for bad in ("10.0.0.300/24", "10.0.0.2", "ff02::1/64", "2001:db8::1"):
        with pytest.raises(ValueError):
            one.add_address(interface, bad)
    assert one.internet.addresses == {IPv4Address("10.0.0.1")} and not one.internet6.ports
    narrow = Host("h", Random(1))
    with pytest.raises(ValueError, match="an MTU of 60 bytes"):
        narrow.attach("10.0.0.1/24", mtu=60)
    assert not narrow.interfaces and not narrow.internet.ports


def test_a_table_of_yours_that_knows_one_address_says_so() -> None:
    class One:
        def __init__(self, address: bytes, mac: bytes) -> None: ...

    class Several(Neighbours):
        pass

    one, interface = host("10.0.0.1/24", mac=MAC, parts=Parts(neighbours=One))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=re.escape("eth0 10.0.0.1/24: the part neighbours has no list `own`")):
        one.add_address(interface, "10.0.0.2/24")
    assert len(one.internet.ports[0].addresses) == 1
    one.add_address(interface, "2001:db8::1/64")  # which is no matter of that table
    _, interface = host("10.0.0.1/24", "10.0.0.2/24", mac=MAC, parts=Parts(neighbours=Several))
    assert isinstance(interface.neighbours, Several) and len(interface.neighbours.own) == 2
