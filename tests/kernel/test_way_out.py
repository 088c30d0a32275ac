"""The short way out is a shortcut: with it and without it the same leaves by each link, and all is left the same."""

from heapq import heappop, heappush
from math import inf
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.host import STREAM, Host, Interface, Parts
from netlib.internet.routes import Routes
from netlib.internet.trie import Trie
from netlib.kernel.errors import SocketError
from netlib.link.neighbours import Neighbours
from netlib.wire.address import IPv4Address, IPv4Network, MACAddress
from netlib.wire.checksum import internet_checksum_by_words
from netlib.wire.icmp import ICMPEcho
from netlib.wire.ipv4 import ICMP, IPv4Packet

OPTIONS: list[dict[str, Any]] = [
    {}, {"timestamps": False}, {"ecn": True}, {"dscp": 46, "ttl": 9}, {"path_mtu_discovery": False}, {"sack": False},
]  # fmt: skip
B_ADDRESSES = "10.0.0.2", "10.0.1.2", "10.0.9.2"


def mac(host: int, interface: int, new: bool = False) -> MACAddress:
    return MACAddress(bytes((2, 0, 0, new, host, interface)))


def ping(to: IPv4Address) -> IPv4Packet:
    return IPv4Packet(protocol=ICMP, destination=to, payload=ICMPEcho(payload=bytes(20)).build())


class Talk:
    """Two hosts with two links between them, and what they do in a drawn conversation of some seconds."""

    def __init__(self, seed: int, framed: bool, short: bool, options: dict[str, Any], parts: Parts | None = None,
                 trouble: float = 0.02) -> None:  # fmt: skip
        self.random, self.trouble, self.now, self.number = Random(seed), trouble, 0.0, 0
        self.on_links: list[Any] = []
        self.hosts = [Host("a", Random(1), parts), Host("b", Random(2), parts)]
        self.frames: list[Any] = []
        self.taken = 0
        for n, host in enumerate(self.hosts):
            for link in (0, 1):
                host.attach(f"10.0.{link}.{n + 1}/24", mac(n, link) if framed else None)
            if not short:
                host.tcp.way_out = None
            elif host.tcp.way_out is not None:
                self.count(host.tcp.way_out)
        a, b = self.hosts
        b.add_address(b.interfaces[0], "10.0.9.2/24")
        a.add_route("10.0.9.0/24", via="10.0.0.2")
        b.add_route("10.0.8.0/24", via="10.0.1.1")
        self.options = options
        self.sockets: list[Any] = []
        self.servers = [self.listen(host) for host in self.hosts]

    def count(self, way_out: Any) -> None:
        send = way_out.send

        def counting(*given: Any) -> int:
            gone: int = send(*given)
            self.taken += gone
            return gone

        way_out.send = counting

    def listen(self, host: Host) -> Any:
        server = host.socket(STREAM)
        for name, value in self.options.items():
            server.set_option(name, value)
        server.bind("0.0.0.0", 80)
        server.listen(20)
        return server

    def carry(self) -> None:
        """What the hosts have put out goes on its way: most of it arrives, some twice or late."""
        for n, host in enumerate(self.hosts):
            outbox, host.outbox = host.outbox, []
            for interface, frame in sorted(outbox, key=lambda each: each[0].number):  # on a link they are in order
                self.frames.append((round(self.now, 9), n, interface.number, frame))
                draw, delay = self.random.random(), 0.001 + 0.004 * interface.number
                often = self.trouble
                for late in [] if draw < often else [0.0, 0.002] if draw < 2 * often else [0.006 * (draw < 4 * often)]:
                    self.number += 1
                    heappush(self.on_links, (self.now + delay + late, self.number, 1 - n, interface.number, frame))

    def until(self, end: float) -> None:
        self.carry()
        while True:
            dues = [(due, n) for n, host in enumerate(self.hosts) if (due := host.deadline()) is not None]
            first = min([when for when, *_ in self.on_links[:1]] + [due for due, _ in dues], default=inf)
            if first > end:
                break
            self.now = max(self.now, first)
            if self.on_links and self.on_links[0][0] <= self.now:
                *_, n, number, frame = heappop(self.on_links)
                self.hosts[n].receive(self.hosts[n].interfaces[number], frame, self.now)
            else:
                for due, n in dues:
                    if due <= self.now:
                        self.hosts[n].tick(self.now)
            self.carry()
        self.now = end
        for host in self.hosts:
            host.now = end

    def run(self, steps: int) -> "Talk":
        for _ in range(steps):
            self.use_sockets()
            if self.random.random() < 0.25:
                self.change()
            self.until(self.now + self.random.choice([0.0, 0.002, 0.01, 0.01, 0.05, 0.3, 3.0]))
        return self

    def use_sockets(self) -> None:
        random, a = self.random, self.hosts[0]
        if len(self.sockets) < 8:
            made = a.socket(STREAM)
            for name, value in self.options.items():
                made.set_option(name, value)
            self.sockets.append(made)
            self.attempt(made.connect, random.choice([*B_ADDRESSES, "10.0.0.1", "127.0.0.1"]), 80)
        self.sockets += [made for server in self.servers if (made := server.accept()) is not None]
        for made in list(self.sockets):
            draw = random.random()
            if draw < 0.5:
                self.attempt(made.send, random.randbytes(random.choice([1, 600, 5000, 40_000])))
            if draw < 0.7:
                self.attempt(made.recv, random.choice([10, 1 << 20]))
            if draw > 0.99:
                made.close()
                self.sockets.remove(made)

    def attempt(self, call: Any, *args: Any) -> None:
        try:
            call(*args)
        except (SocketError, OSError) as error:
            self.frames.append(repr(error))

    def change(self) -> None:
        """Something that the way of a packet depends on is no longer what it was."""
        random, n = self.random, self.random.randrange(2)
        host, peer, there = self.hosts[n], self.hosts[1 - n], 2 - n
        interface: Interface = random.choice(host.interfaces)
        link, table = interface.number, interface.neighbours
        to = IPv4Network(f"10.0.{random.choice([0, 1, 9])}.{there}/32")
        match random.choice(["route", "no route", "address", "mtu", "forget", "fix", "moved", "redirect", "nat", "way",
                             "interface", "waits", "claim", "table", "doubt", "option", "late"]):  # fmt: skip
            case "route":
                host.add_route(to, via=f"10.0.{random.choice([0, 1])}.{there}")
            case "no route":
                host.remove_route(to)
            case "address":  # perhaps the very one that is talked to
                host.add_address(interface, random.choice([f"10.0.7.{n + 1}/24", f"10.0.9.{n + 7}/24"]))
                if random.random() < 0.1:
                    host.add_address(interface, f"10.0.{random.choice([0, 1, 9])}.{there}/24")
            case "mtu":
                host.internet.ports[link].mtu = random.choice([600, 1000, 1500])
            case "forget" if table is not None:
                table.forget(IPv4Address(f"10.0.{link}.{there}"))  # type: ignore[attr-defined]
            case "fix" if table is not None:
                table.fix(IPv4Address(f"10.0.{link}.{there}"), mac(1 - n, link), self.now)  # type: ignore[attr-defined]
            case "moved" if table is not None:  # the peer has another card
                card = peer.interfaces[link]
                card.mac = mac(1 - n, link, card.mac == mac(1 - n, link))
                card.neighbours.mac = card.mac  # type: ignore[union-attr]
                peer.announce(card, self.now)
            case "redirect":
                gateway = IPv4Address(f"10.0.{link}.{there}")
                host.internet.redirects.learn(to.address, gateway, link, self.now - random.choice([1.0, 299.5]))
            case "nat" if random.random() < 0.3:
                host.add_nat(interface)
            case "way":
                routes = Routes()
                for route in host.internet.routes:  # type: ignore[attr-defined]
                    routes.add(route)
                host.internet.routes = routes
            case "interface" if table is not None:
                interface.neighbours = Neighbours(table.address, table.mac)  # type: ignore[attr-defined]
                interface.neighbours.own = table.own  # type: ignore[attr-defined]
            case "waits" if host.sockets:  # something is between the layers, and goes first
                host.internet.send(ping(IPv4Address(f"10.0.{link}.{there}")), self.now)
            case "claim" if table is not None and random.random() < 0.3:
                host.probe(interface, self.now)
            case "table" if table is not None:
                table.send(ping(IPv4Address(f"10.0.{link}.{there}")).build(), IPv4Address(f"10.0.{link}.{there}"),
                           self.now)  # fmt: skip
            case "doubt" if table is not None:
                table.doubt(IPv4Address(f"10.0.{link}.{there}"), self.now)  # type: ignore[attr-defined]
            case "option" if self.sockets:
                name, value = random.choice([("ttl", 7), ("dscp", 10), ("path_mtu_discovery", False)])
                self.attempt(random.choice(self.sockets).set_option, name, value)
            case "late":  # a world that could not call its hosts in time: timers have run out, and nobody has looked
                self.now += random.choice([5.0, 30.0])
                for each in self.hosts:
                    each.now = self.now
                self.use_sockets()

    def left(self) -> list[Any]:
        """All that one could see afterwards."""
        seen: list[Any] = []
        for host in self.hosts:
            seen += [host.dropped, host.tcp.nstat(), host.internet.identification, host.deadline(), host.neighbours()]
            for interface in host.interfaces:
                if isinstance(interface.neighbours, Neighbours):
                    table = interface.neighbours
                    seen += [list(table.changes), table.table, table.waiting, list(table.conflicts)]
            for connection in host.tcp.table.values():
                seen += [connection.state, list(connection.events), connection.info, dict(connection.timers)]
        return seen


def both(seed: int, framed: bool, options: dict[str, Any], parts: Parts | None, steps: int) -> Talk:
    """The same conversation twice, the short way closed and open; the latter."""
    long, short = (Talk(seed, framed, short, options, parts).run(steps) for short in (False, True))
    for one, other in zip(long.frames, short.frames, strict=False):
        assert one == other
    assert len(long.frames) == len(short.frames) and long.left() == short.left()
    return short


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1 << 32), st.booleans(), st.sampled_from(OPTIONS), st.booleans())
def test_the_same_leaves_whatever_changes_meanwhile(
    seed: int, framed: bool, options: dict[str, Any], trie: bool
) -> None:
    both(seed, framed, options, Parts(routes=Trie) if trie else None, 40)


@pytest.mark.parametrize("framed", [True, False])
def test_of_an_undisturbed_transfer_nearly_all_goes_this_way(framed: bool) -> None:
    talk = undisturbed(framed)
    assert talk.taken > 0.95 * len(talk.frames) > 200


class MyRoutes(Routes):
    pass


class MyTable(Neighbours):
    pass


@pytest.mark.parametrize("parts", [
    Parts(routes=MyRoutes), Parts(neighbours=MyTable), Parts(checksum=internet_checksum_by_words),
])  # fmt: skip
def test_parts_of_your_own_go_the_long_way(parts: Parts) -> None:
    talk = undisturbed(True, parts)
    assert not talk.taken and len(talk.frames) > 200


def test_a_host_of_your_own_sees_each_packet() -> None:
    class Mine(Host):
        seen = 0

        def put_packet(self, packet: Any) -> None:
            self.seen += 1
            super().put_packet(packet)

    host, frames = Mine("mine", Random(1)), 0
    host.attach("10.0.0.1/24")
    made = host.socket(STREAM)
    made.connect("10.0.0.2", 80)
    peer = Host("peer", Random(2))
    peer.attach("10.0.0.2/24")
    server = peer.socket(STREAM)
    server.bind("0.0.0.0", 80)
    server.listen()
    for step in range(20):
        for sender, receiver in ((host, peer), (peer, host)):
            outbox, sender.outbox = sender.outbox, []
            frames += len(outbox) * (sender is host)
            for _, frame in outbox:
                receiver.receive(receiver.interfaces[0], frame, step / 1000)
        if step > 1:
            made.send(bytes(3000))
    assert host.seen >= frames > 20


def undisturbed(framed: bool, parts: Parts | None = None) -> Talk:
    talk = Talk(1, framed, True, {}, parts, trouble=0.0)
    made = talk.hosts[0].socket(STREAM)
    made.connect("10.0.9.2", 80)
    for _ in range(30):
        talk.until(talk.now + 0.01)
        made.send(bytes(10_000))
    return talk
