"""A Neighbour Discovery table of your own in a host: Parts(neighbours6=...)."""

import re
from random import Random
from typing import Any

import pytest

from netlib.apps.ping import ping
from netlib.host import Host, Parts
from netlib.wire.address import MACAddress
from netlib.wire.address6 import IPv6Address
from netlib.wire.ipv6 import IPv6Packet
from netlib.worlds.simulation import Simulation


def checksummed(source: bytes, destination: bytes, message: bytes) -> bytes:
    """An IPv6 packet with an ICMPv6 message in it, RFC 4443 section 2.3."""
    pseudo = source + destination + len(message).to_bytes(4, "big") + b"\0\0\0\x3a"
    checksum = -int.from_bytes(pseudo + message, "big") % 0xFFFF
    message = message[:2] + checksum.to_bytes(2, "big") + message[4:]
    return b"\x60\0\0\0" + len(message).to_bytes(2, "big") + b"\x3a\xff" + source + destination + message


class Plain:
    """The least that does: written from RFC 4861 with bytes alone; no ageing, no retries."""

    def __init__(self, mac: bytes, router: bool) -> None:
        self.mac, self.router = bytes(mac), router
        self.addresses: list[IPv6Address] = []
        self.known: dict[bytes, bytes] = {}
        self.waiting: dict[bytes, list[bytes]] = {}
        self.outbox: list[Any] = []
        self.failed: list[bytes] = []

    def send(self, packet: bytes, next_hop: IPv6Address, now: float) -> None:
        hop = bytes(next_hop)
        if hop[0] == 0xFF:
            self.outbox.append((b"\x33\x33" + hop[12:], packet))
        elif hop in self.known:
            self.outbox.append((self.known[hop], packet))
        else:
            self.waiting.setdefault(hop, []).append(packet)
            group = bytes.fromhex("ff02 0000 0000 0000 0000 0001 ff") + hop[13:]
            question = bytes((135, 0, 0, 0, 0, 0, 0, 0)) + hop + b"\1\1" + self.mac
            source = packet[8:24] if packet[8:24] in self.addresses else bytes(self.addresses[0])  # forwarded
            self.outbox.append((b"\x33\x33" + group[12:], checksummed(source, group, question)))

    def receive(self, packet: IPv6Packet, now: float) -> str | None:
        message = packet.payload
        target = message[8:24]
        if packet.hop_limit != 255:
            return "from beyond the link"
        if message[0] == 136:
            self.known[target] = message[26:32]
            self.outbox += [(message[26:32], waited) for waited in self.waiting.pop(target, [])]
        elif target in self.addresses:
            self.known[bytes(packet.source)] = message[26:32]
            answer = bytes((136, 0, 0, 0, 0xE0 if self.router else 0x60, 0, 0, 0)) + target + b"\2\1" + self.mac
            self.outbox.append((message[26:32], checksummed(target, bytes(packet.source), answer)))
        return None

    def tick(self, now: float) -> None: ...

    def deadline(self) -> float | None:
        return None


def test_a_table_written_with_bytes_alone_serves_a_host_and_a_router() -> None:
    sim = Simulation()
    parts = Parts(neighbours6=Plain)
    a, router, b = sim.host("a", parts), sim.router("r", parts), sim.host("b")
    capture = sim.capture(sim.link((a, "2001:db8:1::2/64"), (router, "2001:db8:1::1/64")))
    sim.link((router, "2001:db8:2::1/64"), (b, "2001:db8:2::2/64"))
    a.add_route("::/0", via="2001:db8:1::1")
    b.add_route("::/0", via="2001:db8:2::1")
    assert sim.run(ping(a, "2001:db8:2::2", count=2, interval=0.1)).received == 2
    assert sim.run(ping(b, "2001:db8:1::2", count=1)).received == 1
    assert all(packet.problems == [] for _, packet in capture) and len(capture) == 8
    assert a.neighbours() == [] and b.neighbours()[-1]["state"] == "REACHABLE"
    [advertised] = [packet.data for _, packet in capture if packet.data[54] == 136]
    assert advertised[58] == 0xE0  # the table has been told that it is a router's


def test_what_fails_in_your_table_is_reported_as_unreachable() -> None:
    class Sulks(Plain):
        def send(self, packet: bytes, next_hop: IPv6Address, now: float) -> None:
            self.failed.append(packet)

    sim = Simulation()
    a, b = sim.host("a", Parts(neighbours6=Sulks)), sim.host("b")
    sim.link((a, "2001:db8::1/64"), (b, "2001:db8::2/64"))
    result = sim.run(ping(a, "2001:db8::2", count=1))
    assert "address unreachable" in str(result) and a.dropped["ND no answer"] == 1


@pytest.mark.parametrize(
    "name, handed_out, message",
    [
        ("outbox", [b"packet"], "the part neighbours6.outbox holds b'packet': it has to hold pairs"),
        ("outbox", [("02:00:00:00:00:02", b"packet")], "the part neighbours6.outbox returned '02:00"),
        ("outbox", [(MACAddress("02:00:00:00:00:02"), None)], "the part neighbours6.outbox returned None"),
        ("failed", ["packet"], "the part neighbours6.failed returned 'packet'"),
    ],
)
def test_a_table_that_hands_out_the_wrong_thing_is_named(name: str, handed_out: list[Any], message: str) -> None:
    class Wrong(Plain):
        def tick(self, now: float) -> None:
            setattr(self, name, handed_out)

    host = Host("h", Random(1), Parts(neighbours6=Wrong))
    host.attach("2001:db8::1/64", MACAddress("02:00:00:00:00:01"))
    with pytest.raises(TypeError, match=re.escape(message)):
        host.tick(1.0)
