"""A NAT among enemies: whatever comes from either side, no exception, a table that agrees with itself, bounded work."""

from itertools import islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transport.tcp.test_reassembler import lines_run

import netlib
from netlib.internet.fragments import PACKETS, fragment
from netlib.internet.nat import HELD, REFUSED
from netlib.internet.nat_table import (
    ADDRESS_AND_PORT_DEPENDENT,
    ENDPOINT_INDEPENDENT,
    LIKE_LINUX,
    Choices,
    Table,
)
from netlib.wire.address import IPv4Address
from netlib.wire.checksum import internet_checksum
from netlib.wire.ipv4 import TCP, UDP, IPv4Packet

from .nat_machines import GATE, INSIDE, OTHER, OURS, REMOTE, SECOND, Router, echo, ends, error, nat, tcp, udp

NETLIB = str(Path(netlib.__file__).parent)
FLAGS = ["syn", "syn ack", "ack", "fin ack", "rst", "rst ack", "syn fin", "", "fin rst syn ack", "psh ack urg"]
ADDRESSES = [INSIDE, SECOND, GATE, OURS, REMOTE, OTHER, IPv4Address("127.0.0.1"), IPv4Address("0.0.0.0"),
             IPv4Address("255.255.255.255"), IPv4Address("224.0.0.1"), IPv4Address("10.0.0.255")]  # fmt: skip


class Enemy:
    """Sends from both sides of a router what may be right, nearly right, or nonsense."""

    def __init__(self, seed: int, choices: Choices) -> None:
        self.random, self.router = Random(seed), Router(choices)
        self.seen: list[bytes] = []  # what has crossed: good to quote

    def end(self, likely: list[IPv4Address]) -> tuple[IPv4Address, int]:
        random = self.random
        address = random.choice(likely if random.random() < 0.9 else ADDRESSES)
        return address, random.choice([0, 53, 80, *range(5000, 5006), 65535])

    def packet(self, outward: bool) -> bytes:
        random = self.random
        near, far = [INSIDE, SECOND], [REMOTE, OTHER, OURS]
        source, to = (self.end(near), self.end(far)) if outward else (self.end(far), self.end([OURS]))
        kind = random.randrange(5)
        ttl = random.choice([64, 64, 64, 1, 0])
        if kind == 0 and self.seen:
            about = random.choice(self.seen)
            return error(random.choice(ADDRESSES[:6]), about, random.choice([20, 24, 28, 40, 200]), random.randrange(6))
        if kind == 1:
            return echo(source[0], to[0], random.randrange(4), reply=random.random() < 0.5)
        data = random.randbytes(random.choice([0, 1, 8, 700]))
        if kind == 2:
            return udp(source, to, data, checksummed=random.random() < 0.8, ttl=ttl)
        return tcp(source, to, random.choice(FLAGS), data, ttl=ttl)

    def spoil(self, data: bytes) -> bytes:
        """Damage it, and make the header's checksum right again, so that it gets further."""
        random, broken = self.random, bytearray(data)
        for _ in range(random.randint(1, 4)):
            broken[random.randrange(len(broken))] = random.getrandbits(8)
        if random.random() < 0.3:
            del broken[random.randrange(len(broken)) :]
        size = 4 * (broken[0] & 15) if broken else 0
        if random.random() < 0.8 and 20 <= size <= len(broken):
            broken[2:4] = len(broken).to_bytes(2, "big")
            broken[10:12] = b"\0\0"
            broken[10:12] = internet_checksum(bytes(broken[:size])).to_bytes(2, "big")
        return bytes(broken)

    def step(self) -> None:
        random, router = self.random, self.router
        outward = random.random() < 0.5
        pieces = [self.packet(outward)]
        if random.random() < 0.15:
            pieces = fragment(pieces[0], random.choice([68, 100, 500]))
            random.shuffle(pieces)
            pieces = pieces[: random.randint(1, len(pieces))] + pieces[:1]
        for piece in pieces:
            piece = self.spoil(piece) if random.random() < 0.2 else piece
            out = router.inside(piece) if outward else router.outside(piece)
            self.seen = [*self.seen[-30:], *(data for _, data in out)]
        if random.random() < 0.1:
            router.tick(router.now + random.choice([0.5, 7, 61, 250]))


def agrees(table: Table) -> None:
    """Every index of the table says the same."""
    sessions = table.sessions.values()
    assert sorted(map(id, table.inside.values())) == sorted(map(id, table.outside.values()))
    assert {id(m) for m in table.outside.values() if not m.static} == {id(s.mapping) for s in sessions} - {
        id(m) for m in table.outside.values() if m.static
    }
    assert sum(table.per_host.values()) + len(table.guests) == len(table.sessions)
    assert sum(len(queue) for queue in table.queues.queues.values()) == len(table.sessions)
    assert sum(len(mapping.sessions) for mapping in table.outside.values()) == len(table.sessions)
    assert all(count > 0 for counter in (table.used, table.per_host) for count in counter.values())
    assert all(table.outside[m.outside_key] is m and table.inside[m.inside_key] is m for m in table.outside.values())


CHOICES = {
    "as the RFCs recommend": Choices(sessions=40, per_host=25, ports=range(5000, 5010)),
    "like Linux": Choices(**{name: getattr(LIKE_LINUX, name) for name in ("mapping", "filtering", "timers")},
                          overload=True, preserve_parity=False, sessions=40, per_host=25),
    "open to all": Choices(filtering=ENDPOINT_INDEPENDENT, sessions=40, per_host=25),
    "strict": Choices(mapping=ADDRESS_AND_PORT_DEPENDENT, filtering=ADDRESS_AND_PORT_DEPENDENT, hairpin=False,
                      inbound_refresh=False, preserve_port=False, sessions=40, per_host=25),
}  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", CHOICES)
def test_whatever_comes_from_either_side(name: str, seed: int) -> None:
    enemy = Enemy(seed, CHOICES[name])
    router, made = enemy.router, enemy.router.nat
    made.forward(TCP, 80, INSIDE, 80)
    made.forward(UDP, 5005, SECOND, 5000)
    for _ in range(500):
        enemy.step()
        agrees(made.known)
        assert len(made.known.sessions) <= 40 and len(made.held) <= HELD and len(made.refused) <= REFUSED
    router.tick(router.now + 1e6)
    agrees(made.known)
    assert not made.known.sessions and not made.held and not made.reassembler.incomplete
    assert len(made.known.outside) == 2 and made.deadline() is None
    [(_, out)] = router.inside(udp((INSIDE, 5001), (REMOTE, 53)))
    [(_, back)] = router.outside(udp((REMOTE, 53), (OURS, int(ends(out)[0].split(":")[1]))))
    assert ends(back)[1] == "10.0.0.2:5001"


@pytest.mark.parametrize("free", [0, 1])
def test_who_may_not_open_more_makes_little_work_however_full_the_ports_are(free: int) -> None:
    """For a packet beyond a host's bound no port is looked for."""

    def flood(ports: int) -> int:
        n = nat(ports=range(2000, 2000 + ports), preserve_parity=False, preserve_port=False, per_host=ports - free)
        for port in range(ports - free):
            assert n.outbound(udp((INSIDE, 10000 + port), (REMOTE, 53)), 0)

        def more(count: int) -> None:
            for port in range(count):
                assert n.outbound(udp((INSIDE, 40000 + port), (REMOTE, 53)), 0) is None

        return lines_run(NETLIB, more, 30)

    assert flood(3000) < 1.2 * flood(100)


def test_ports_given_by_hand_count_as_taken_where_ports_are_overloaded() -> None:
    choices = {"mapping": ADDRESS_AND_PORT_DEPENDENT, "overload": True, "preserve_parity": False}

    def refuse(ports: int) -> int:
        n = nat(ports=range(2000, 2000 + ports), **choices)
        n.forward(UDP, 2001, SECOND, 9)
        out = [n.outbound(udp((INSIDE, 10000 + port), (REMOTE, 53)), 0) for port in range(ports)]
        assert [each is None for each in out] == [False] * (ports - 1) + [True]
        return lines_run(NETLIB, lambda count: n.outbound(udp((INSIDE, 40000), (REMOTE, 53)), 0) and None, 1)

    assert refuse(1000) < 1.2 * refuse(50)


def test_strangers_get_in_only_where_there_is_room_for_one_more_or_another_stranger_goes() -> None:
    n = nat(sessions=8, per_host=8, filtering=ENDPOINT_INDEPENDENT)
    n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    assert n.inbound(udp((OTHER, 1), (OURS, 5000)), 0)
    for port in range(6):
        assert n.outbound(udp((INSIDE, 6000 + port), (REMOTE, 53)), 0)
    assert len(n.known.sessions) == 8
    assert n.inbound(udp((OTHER, 2), (OURS, 5000)), 0) is None  # one guest of two that may be, and no room
    assert n.dropped["NAT exhausted"] == 1 and len(n.known.sessions) == 8
    assert n.inbound(udp((OTHER, 1), (OURS, 5000)), 0)


def test_an_error_about_a_connection_across_the_hairpin_quotes_as_little_as_it_may() -> None:
    n = nat()
    n.outbound(tcp((INSIDE, 5000), (REMOTE, 80), "syn"), 0)
    n.outbound(tcp((SECOND, 6000), (REMOTE, 80), "syn"), 0)
    n.outbound(tcp((SECOND, 6000), (OURS, 5000), "syn"), 0)  # it lets the other one in
    across = n.hairpin(tcp((INSIDE, 5000), (OURS, 6000), "syn"), 1)
    assert across is not None
    told = n.hairpin(error(SECOND, across, 28), 2)
    assert told is not None and told[28:] == tcp((INSIDE, 5000), (OURS, 6000), "syn")[:28]


def test_packets_are_counted_each_way() -> None:
    n = nat()
    for count in (1, 2, 3):
        n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
        n.inbound(udp((REMOTE, 53), (OURS, 5000)), 0)
        assert n.table()[0]["packets"] == (count, count)
    n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    assert n.table()[0]["packets"] == (4, 3)


@settings(deadline=None)
@given(st.data())
def test_no_packet_makes_it_raise(data: st.DataObject) -> None:
    n = nat()
    n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    good = data.draw(st.sampled_from([
        udp((INSIDE, 5000), (REMOTE, 53)), tcp((REMOTE, 53), (OURS, 5000), "syn"), echo(REMOTE, OURS, 5),
        error(OTHER, udp((OURS, 5000), (REMOTE, 53))), error(INSIDE, udp((REMOTE, 53), (INSIDE, 5000))),
    ]))  # fmt: skip
    payload = bytearray(good[20:])
    for _ in range(data.draw(st.integers(0, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(payload[: data.draw(st.integers(0, len(payload)))])
    packet = IPv4Packet.parse(good)
    packet.payload, packet.protocol = cut, data.draw(st.sampled_from([packet.protocol, 1, 6, 17, 47]))
    if packet.protocol == 1 and len(cut) >= 4 and data.draw(st.booleans()):  # so that it gets past the checksum
        packet.payload = cut[:2] + b"\0\0" + cut[4:]
        packet.payload = cut[:2] + internet_checksum(packet.payload).to_bytes(2, "big") + cut[4:]
    for translate in (n.outbound, n.inbound, n.hairpin):
        out = translate(packet.build(), 1)
        assert out is None or len(out) == 20 + len(cut)


@pytest.mark.shows("RFC 4787 REQ-14a")
def test_fragments_that_never_become_packets_keep_nobody_elses_from_crossing() -> None:
    n = nat()
    flood = iter(range(100_000))

    def unfinished(count: int) -> None:
        for number in islice(flood, count):
            piece = fragment(udp((SECOND, 7), (OTHER, 9), bytes(1500), identification=number % 65536), 1500)[0]
            assert n.outbound(piece, 0) is None

    sent = udp((INSIDE, 5000), (REMOTE, 53), bytes(1500))
    for _ in range(20):
        unfinished(500)
        assert n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0) is not None
        first, last = fragment(sent, 1500)
        assert n.outbound(first, 0) is None
        unfinished(PACKETS - 1)
        assert n.outbound(last, 0) == udp((OURS, 5000), (REMOTE, 53), bytes(1500))
    assert len(n.reassembler.incomplete) <= PACKETS
