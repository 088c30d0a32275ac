"""The ARP table in a host: a part that may be a student's, the host's own address, and what one sees of it."""

import re
from random import Random
from typing import Any

import pytest
from test_host import OURS, THEIRS, arp, give, on_ethernet, ping, sent

from netlib.apps.ping import ping as ping_with
from netlib.host import STREAM, Host, Parts
from netlib.link.conflict import DEFENDING, LOST
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket
from netlib.worlds.simulation import Simulation


class Plain:
    """The least that does: written from RFC 826 with bytes alone; no ageing, no retries."""

    def __init__(self, address: bytes, mac: bytes) -> None:
        self.address, self.mac = bytes(address), bytes(mac)
        self.known: dict[bytes, bytes] = {}
        self.waiting: dict[bytes, list[bytes]] = {}
        self.outbox: list[Any] = []
        self.resolved: list[Any] = []
        self.failed: list[bytes] = []

    def packet(self, operation: int, target_mac: bytes, target: bytes) -> bytes:
        head = bytes.fromhex("0001 0800 06 04") + operation.to_bytes(2, "big")
        return head + self.mac + self.address + target_mac + target

    def send(self, packet: bytes, next_hop: IPv4Address, now: float) -> None:
        if next_hop in self.known:
            self.resolved.append((self.known[next_hop], packet))
            return
        self.waiting.setdefault(bytes(next_hop), []).append(packet)
        self.outbox.append((b"\xff" * 6, self.packet(1, bytes(6), bytes(next_hop))))

    def receive(self, packet: ARPPacket, now: float) -> None:
        sender, mac = bytes(packet.sender_ip), bytes(packet.sender_mac)
        self.known[sender] = mac
        self.resolved += [(mac, waited) for waited in self.waiting.pop(sender, [])]
        if packet.operation == 1 and packet.target_ip == self.address:
            self.outbox.append((mac, self.packet(2, mac, sender)))

    def tick(self, now: float) -> None: ...

    def deadline(self) -> float | None:
        return None


def test_a_table_written_with_bytes_alone_serves_a_host() -> None:
    sim = Simulation()
    a, b = sim.host("a", Parts(neighbours=Plain)), sim.host("b")
    link = sim.link((a, "10.0.0.1/24"), (b, "10.0.0.2/24"))
    capture = sim.capture(link)
    assert sim.run(ping_with(a, "10.0.0.2", count=2, interval=0.1)).received == 2
    assert [str(packet) for _, packet in capture][:2] == [
        "ARP who has 10.0.0.2? tell 10.0.0.1",
        "ARP 10.0.0.2 is at 02:00:00:00:00:02",
    ]
    assert len(capture) == 6
    assert sim.run(ping_with(b, "10.0.0.1", count=1)).received == 1
    assert (a.neighbours(), len(b.neighbours())) == ([], 1)


def test_what_fails_in_your_table_is_reported_as_unreachable() -> None:
    class Sulks(Plain):
        def send(self, packet: bytes, next_hop: IPv4Address, now: float) -> None:
            self.failed.append(packet)

    sim = Simulation()
    a, b = sim.host("a", Parts(neighbours=Sulks)), sim.host("b")
    sim.link((a, "10.0.0.1/24"), (b, "10.0.0.2/24"))
    assert sim.run(ping_with(a, "10.0.0.2", count=1)).received == 0
    assert a.dropped["ARP no answer"] == 1


@pytest.mark.parametrize(
    "name, handed_out, message",
    [
        ("outbox", [(THEIRS, "who has?")], "the part neighbours.outbox returned 'who has?'"),
        ("outbox", [("02:00:00:00:00:02", ARPPacket())], "the part neighbours.outbox returned '02:00"),
        ("outbox", [ARPPacket()], "the part neighbours.outbox holds ARPPacket("),
        ("resolved", [(THEIRS, None)], "the part neighbours.resolved returned None"),
        ("resolved", [(b"\2\0", b"packet")], "2 bytes"),
        ("resolved", [b"packet"], "the part neighbours.resolved holds b'packet': it has to hold pairs"),
        ("failed", ["packet"], "the part neighbours.failed returned 'packet'"),
    ],
)
def test_a_table_that_hands_out_the_wrong_thing_is_named_and_the_host_goes_on(
    name: str, handed_out: list[Any], message: str
) -> None:
    class Wrong(Plain):
        def tick(self, now: float) -> None:
            setattr(self, name, handed_out)

    host, _ = on_ethernet(parts=Parts(neighbours=Wrong))
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        host.tick(1.0)
    assert give(host, arp(REQUEST)) == ["ARP 10.0.0.1 is at 02:00:00:00:00:01"]
    assert give(host, ping()) == ["10.0.0.1 > 10.0.0.2 ICMP echo reply id 5 seq 6"]


def test_a_host_says_what_it_knows_of_its_neighbours() -> None:
    host, _ = on_ethernet()
    host.attach("10.0.1.1/24")  # no Ethernet, no neighbours
    give(host, ping())
    assert host.neighbours() == [{"address": "10.0.0.2", "interface": "eth0", "mac": "", "state": "INCOMPLETE"}]
    give(host, arp(REPLY, to=OURS))
    assert host.neighbours() == [{"address": "10.0.0.2", "interface": "eth0", "mac": str(THEIRS), "state": "REACHABLE"}]


def test_an_announcement_moves_what_others_know() -> None:
    sim = Simulation()
    a, b = sim.host("a"), sim.host("b")
    sim.link((a, "10.0.0.1/24"), (b, "10.0.0.2/24"))
    sim.run(ping_with(a, "10.0.0.2", count=1))
    host, interface = on_ethernet()
    host.announce(interface, 3.0)
    [(_, frame)] = host.outbox
    b.receive(b.interfaces[0], frame, 3.0)
    assert b.neighbours()[0]["mac"] == str(OURS)


def test_two_hosts_that_want_one_address() -> None:
    """One has it; the other asks, is told, and stays silent; the one that has it notices no more than a question."""
    sim = Simulation.topology("""
        first 10.0.0.7/24 -- s1
        second 10.0.0.7/24 -- s1
        third 10.0.0.8/24 -- s1
    """)
    first, second, third = (sim[name] for name in ("first", "second", "third"))
    mine, others = first.interfaces[0].neighbours, second.interfaces[0].neighbours
    second.probe(second.interfaces[0], sim.now)
    sim.run(until=20.0)
    assert (others.claim.state, others.claim.by) == (LOST, first.interfaces[0].mac)
    assert not mine.conflicts
    assert sim.run(ping_with(third, "10.0.0.7", count=1)).received == 1
    assert third.neighbours()[0]["mac"] == str(first.interfaces[0].mac)
    third.probe(third.interfaces[0], sim.now)
    sim.run(until=40.0)
    assert third.interfaces[0].neighbours.claim.state == DEFENDING
    second.announce(second.interfaces[0], sim.now)  # against the rules
    sim.run(until=41.0)
    assert [conflict.mac for conflict in mine.conflicts] == [second.interfaces[0].mac]
    assert third.neighbours()[0]["mac"] == str(second.interfaces[0].mac)


def test_without_a_table_of_netlibs_there_is_nothing_to_announce() -> None:
    host = Host("h", Random(1))
    with pytest.raises(TypeError, match=r"eth0 10.0.0.1/24: no ARP table of netlib's"):
        host.announce(host.attach("10.0.0.1/24"), 0.0)
    assert sent(host) == []


def test_a_mac_address_may_be_six_plain_bytes() -> None:
    host, _ = on_ethernet(parts=Parts(neighbours=Plain))
    assert give(host, arp(REQUEST)) == ["ARP 10.0.0.1 is at 02:00:00:00:00:01"]
    assert isinstance(MACAddress(bytes(6)), MACAddress)


@pytest.mark.parametrize("six", [False, True])
def test_tcp_without_answers_has_the_next_hop_asked_whether_it_is_there(six: bool) -> None:
    sim = Simulation()
    a, b = sim.host("a"), sim.host("b")
    ours, theirs = ("2001:db8::1/64", "2001:db8::2/64") if six else ("10.0.0.1/24", "10.0.0.2/24")
    link = sim.link((a, ours), (b, theirs))
    sim.run(ping_with(a, theirs.split("/")[0], count=1))  # now the neighbour is known, and REACHABLE
    capture = sim.capture(link)
    b.tcp.receive = lambda *args: None  # type: ignore[method-assign]  # it hears nothing more of TCP
    a.socket(STREAM).connect(theirs.split("/")[0], 80)
    start, question = sim.now, f"who has {theirs.split('/')[0]}"
    sim.run(until=start + 6.9)  # the SYN, and again after 1 and 3 seconds
    assert not [packet for _, packet in capture if question in str(packet)]
    sim.run(until=start + 7.5)  # the third time: R1
    assert len([packet for _, packet in capture if question in str(packet)]) == 1
    assert {row["state"] for row in a.neighbours() if row["address"] in theirs} == {"REACHABLE"}
