"""Neighbour Discovery's states, and whom it believes (RFC 4861 section 7)."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.link.discovery import LIMIT, PENDING, REACHABLE_TIME, WAITING, Discovery
from netlib.wire.address import MACAddress
from netlib.wire.address6 import IPv6Address
from netlib.wire.icmpv6 import ICMPv6Message, NeighbourAdvertisement, NeighbourSolicitation, build_option
from netlib.wire.ipv6 import ICMPV6, IPv6Packet

ME, YOU, ALIEN = MACAddress("02:00:00:00:00:01"), MACAddress("02:00:00:00:00:02"), MACAddress("02:00:00:00:00:66")
A, B = IPv6Address("2001:db8::1"), IPv6Address("2001:db8::2")
DATA = IPv6Packet(source=A, destination=B, payload=b"data").build()


def table() -> Discovery:
    discovery = Discovery(ME)
    discovery.addresses = [A]
    return discovery


def packed(message: ICMPv6Message, source: IPv6Address, destination: IPv6Address, hops: int = 255) -> IPv6Packet:
    packet = IPv6Packet(next_header=ICMPV6, hop_limit=hops, source=source, destination=destination)
    packet.payload = message.build(packet)
    return packet


def answer(mac: MACAddress | None = YOU, target: IPv6Address = B, to: IPv6Address = A, hops: int = 255, *,
           solicited: bool = True, override: bool = True, code: int = 0) -> IPv6Packet:  # fmt: skip
    message = NeighbourAdvertisement(code=code, solicited=solicited, override=override, target=target,
                                     payload=build_option(2, mac) if mac else b"")  # fmt: skip
    return packed(message, target, to, hops)


def question(target: IPv6Address = A, source: IPv6Address = B, mac: MACAddress | None = YOU) -> IPv6Packet:
    message = NeighbourSolicitation(target=target, payload=build_option(1, mac) if mac else b"")
    return packed(message, source, target.solicited_node)


def sent(discovery: Discovery) -> list[tuple[MACAddress, IPv6Packet]]:
    out, discovery.outbox = discovery.outbox, []
    return [(mac, IPv6Packet.parse(data)) for mac, data in out]


def known() -> Discovery:
    """One that has sent a packet to B and had an answer, at the time 0."""
    discovery = table()
    discovery.send(DATA, B, 0.0)
    discovery.receive(answer(), 0.0)
    sent(discovery)
    return discovery


def test_a_packet_waits_for_the_answer_to_a_question_that_only_a_few_hear() -> None:
    discovery = table()
    discovery.send(DATA, B, 0.0)
    [(mac, packet)] = sent(discovery)
    asked = ICMPv6Message.parse(packet.payload, packet)
    assert isinstance(asked, NeighbourSolicitation) and asked.target == B and asked.option_list == [(1, ME)]
    assert str(packet.destination) == "ff02::1:ff00:2" and str(mac) == "33:33:ff:00:00:02"
    assert packet.hop_limit == 255 and packet.source == A
    assert discovery.table[B].state == "INCOMPLETE"
    assert discovery.receive(answer(), 0.1) is None
    assert [(m, p.payload) for m, p in sent(discovery)] == [(YOU, b"data")]
    assert discovery.table[B].state == "REACHABLE" and discovery.waiting == 0


def test_three_questions_a_second_apart_and_then_it_fails() -> None:
    discovery = table()
    discovery.send(DATA, B, 0.0)
    times = []
    while (due := discovery.deadline()) is not None:
        discovery.tick(due)
        times.append((due, len(sent(discovery)) + (due == 1.0)))  # the first question is still there at 1.0
    assert [due for due, _ in times] == [1.0, 2.0, 3.0]
    assert discovery.failed == [DATA] and not discovery.table and discovery.waiting == 0


def test_what_is_known_goes_stale_is_used_is_doubted_and_is_asked_by_unicast() -> None:
    discovery = known()
    discovery.tick(REACHABLE_TIME)
    assert discovery.table[B].state == "STALE" and discovery.deadline() is None
    discovery.send(DATA, B, 100.0)
    assert discovery.table[B].state == "DELAY" and len(sent(discovery)) == 1
    discovery.tick(105.0)
    [(mac, packet)] = sent(discovery)
    assert discovery.table[B].state == "PROBE" and mac == YOU and packet.destination == B
    discovery.send(DATA, B, 105.5)
    assert len(sent(discovery)) == 1  # it may well be there
    discovery.receive(answer(), 105.6)
    assert discovery.table[B].state == "REACHABLE"
    discovery.tick(200.0)
    discovery.send(DATA, B, 200.0)
    for due in (205.0, 206.0, 207.0, 208.0):
        discovery.tick(due)
    assert not discovery.table


def test_a_question_is_answered_to_whom_has_asked_and_it_is_remembered() -> None:
    discovery = table()
    assert discovery.receive(question(), 0.0) is None
    [(mac, packet)] = sent(discovery)
    said = ICMPv6Message.parse(packet.payload, packet)
    assert isinstance(said, NeighbourAdvertisement) and said.solicited and said.override and said.target == A
    assert said.option_list == [(2, ME)] and (mac, packet.destination, packet.hop_limit) == (YOU, B, 255)
    assert discovery.table[B].mac == YOU and discovery.table[B].state in ("STALE", "DELAY")
    discovery.receive(question(IPv6Address("2001:db8::99")), 0.0)
    assert sent(discovery) == []


def test_who_checks_whether_an_address_is_taken_is_told_before_everybody() -> None:
    discovery = table()
    assert discovery.receive(question(source=IPv6Address.ANY, mac=None), 0.0) is None
    [(mac, packet)] = sent(discovery)
    said = ICMPv6Message.parse(packet.payload, packet)
    assert isinstance(said, NeighbourAdvertisement) and not said.solicited
    assert (str(packet.destination), str(mac)) == ("ff02::1", "33:33:00:00:00:01") and not discovery.table
    assert discovery.receive(question(source=IPv6Address.ANY), 0.0) == "invalid"  # nobody yet, and with a MAC address


def test_what_is_not_believed() -> None:
    for message, why in (
        (answer(ALIEN, hops=254), "from beyond the link"),
        (answer(ALIEN, code=1), "invalid"),
        (answer(MACAddress("33:33:00:00:00:01")), "invalid"),
        (answer(ALIEN, to=IPv6Address.ALL_NODES), "invalid"),  # solicited, and to everybody
        (answer(ALIEN, target=IPv6Address("ff02::5")), "invalid"),
    ):
        discovery = known()
        assert discovery.receive(message, 1.0) == why
        assert discovery.table[B].mac == YOU and discovery.table[B].state == "REACHABLE"
    stranger = table()
    stranger.receive(answer(), 0.0)
    assert not stranger.table  # who was not asked
    doubted = known()
    doubted.receive(answer(ALIEN, override=False), 1.0)
    assert doubted.table[B].mac == YOU and doubted.table[B].state == "STALE"
    changed = known()
    changed.receive(answer(ALIEN, solicited=False), 1.0)
    assert changed.table[B].mac == ALIEN and changed.table[B].state == "STALE"
    damaged = answer()
    damaged.payload = damaged.payload[:-1] + b"!"
    assert known().receive(damaged, 1.0) == "malformed"


def test_a_flood_is_bounded() -> None:
    discovery = table()
    for number in range(LIMIT + 100):
        address = IPv6Address(number.to_bytes(16, "big"))
        discovery.receive(question(source=IPv6Address(b"\x20\x02" + bytes(12) + number.to_bytes(2, "big"))), 0.0)
        for _ in range(3):
            discovery.send(DATA, address, 0.0)
        assert len(discovery.table) <= LIMIT and discovery.waiting <= WAITING + LIMIT
    one = table()
    for number in range(PENDING + 5):
        one.send(DATA + bytes((number,)), B, 0.0)
    assert one.overflowed == 5 and len(one.table[B].pending) == PENDING and one.table[B].pending[-1][-1] == PENDING + 4


@given(st.binary(max_size=80), st.sampled_from([135, 136]), st.integers(254, 255))
def test_no_message_raises(data: bytes, kind: int, hops: int) -> None:
    discovery = known()
    packet = IPv6Packet(next_header=ICMPV6, hop_limit=hops, source=B, destination=A)
    payload = bytes((kind, 0, 0, 0)) + data
    if len(payload) >= 24:
        packet.payload = ICMPv6Message.parse(payload, problems=[]).build(packet)
    else:
        packet.payload = payload
    discovery.receive(packet, 1.0)
    discovery.tick(100.0)


@pytest.mark.parametrize("seed", range(20))
def test_the_deadline_is_that_of_the_timer_that_ends_first(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a table of any life, a full one too."""
    monkeypatch.setattr("netlib.link.discovery.LIMIT", 4)
    random, discovery, now, gone = Random(seed), table(), 0.0, 0
    others = [IPv6Address(b"\x20\x02" + bytes(13) + bytes((number,))) for number in range(6)]
    for _ in range(300):
        now += random.choice((0.0, 0.1, 1.0, 3.0))
        while (due := discovery.deadline()) is not None and due <= now:
            discovery.tick(due)
            assert (again := discovery.deadline()) is None or again > due
        other = random.choice(others)
        match random.randrange(5):
            case 0 | 1:
                discovery.send(DATA, other, now)
            case 2:
                discovery.receive(answer(random.choice((YOU, ALIEN)), other, solicited=random.random() < 0.7,
                                         override=random.random() < 0.5), now)  # fmt: skip
            case 3:
                discovery.receive(question(source=other, mac=random.choice((YOU, ALIEN))), now)
            case 4:
                discovery.doubt(other, now)
        timers = [entry.expires for entry in discovery.table.values() if entry.expires is not None]
        assert discovery.deadline() == min(timers, default=None)
        gone += len(discovery.failed)
        discovery.failed.clear()
    assert gone and timers
