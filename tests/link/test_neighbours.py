"""ARP: who has which address, asked politely, believed with care, and never without bounds."""

import pytest

from netlib.link import neighbours as module
from netlib.link.neighbours import LIFETIME, LIMIT, PENDING, PROBE_INTERVAL, PROBES, WAITING, Neighbours
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket

US, PEER, OTHER = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")
OUR_MAC, PEER_MAC, OTHER_MAC = (MACAddress(f"02:00:00:00:00:0{i}") for i in (1, 2, 3))


@pytest.fixture
def table() -> Neighbours:
    return Neighbours(US, OUR_MAC)


def arp(operation: int, sender_ip: IPv4Address, sender_mac: MACAddress, target_ip: IPv4Address = US) -> ARPPacket:
    return ARPPacket(operation=operation, sender_ip=sender_ip, sender_mac=sender_mac, target_ip=target_ip)


def address(number: int) -> IPv4Address:
    return IPv4Address((0x0A010000 + number).to_bytes(4, "big"))


def test_a_packet_waits_for_the_answer_and_goes(table: Neighbours) -> None:
    table.send(b"one", PEER, 0.0)
    table.send(b"two", PEER, 0.1)
    [(to, request)] = table.outbox
    assert to == MACAddress.BROADCAST
    assert (request.operation, request.sender_ip, request.sender_mac, request.target_ip, request.target_mac) == (
        REQUEST, US, OUR_MAC, PEER, MACAddress.ANY)  # fmt: skip
    assert table.resolved == []
    table.receive(arp(REPLY, PEER, PEER_MAC), 0.2)
    assert table.resolved == [(PEER_MAC, b"one"), (PEER_MAC, b"two")]
    assert table.waiting == 0
    table.send(b"three", PEER, 0.3)
    assert table.resolved[2:] == [(PEER_MAC, b"three")]
    assert len(table.outbox) == 1


def test_three_requests_a_second_apart_then_it_fails(table: Neighbours) -> None:
    table.send(b"packet", PEER, 10.0)
    for probe in range(1, PROBES + 1):
        assert len(table.outbox) == probe == 1 + (probe - 1)
        due = 10.0 + probe * PROBE_INTERVAL
        assert table.deadline() == due
        table.tick(due - 0.001)
        assert (len(table.outbox), table.failed) == (probe, [])
        table.tick(due)
    assert len(table.outbox) == PROBES == 3
    assert table.failed == [b"packet"]
    assert (table.table, table.deadline(), table.waiting) == ({}, None, 0)


def test_sending_more_packets_asks_no_more_often(table: Neighbours) -> None:
    for i in range(50):
        table.send(b"%d" % i, PEER, i * 0.01)
    assert len(table.outbox) == 1


def test_an_answer_after_the_second_request_counts(table: Neighbours) -> None:
    table.send(b"packet", PEER, 0.0)
    table.tick(1.0)
    table.receive(arp(REPLY, PEER, PEER_MAC), 1.5)
    assert table.resolved == [(PEER_MAC, b"packet")]
    table.tick(2.0)
    assert len(table.outbox) == 2
    assert table.deadline() == 1.5 + LIFETIME


@pytest.mark.parametrize("late, asked", [(-0.001, 1), (0.0, 2)])
def test_an_answer_is_believed_for_its_lifetime(table: Neighbours, late: float, asked: int) -> None:
    table.send(b"", PEER, 0.0)
    table.receive(arp(REPLY, PEER, PEER_MAC), 0.0)
    table.resolved.clear()
    table.send(b"later", PEER, LIFETIME + late)
    assert len(table.outbox) == asked
    assert len(table.resolved) == 2 - asked


@pytest.mark.parametrize("late, known", [(-0.001, True), (0.0, False)])
def test_tick_forgets_what_is_too_old(table: Neighbours, late: float, known: bool) -> None:
    table.receive(arp(REQUEST, PEER, PEER_MAC), 0.0)
    table.tick(LIFETIME + late)
    assert (PEER in table.table) is known
    assert table.failed == []


def test_a_request_for_us_is_answered_and_learnt_from(table: Neighbours) -> None:
    table.receive(arp(REQUEST, PEER, PEER_MAC), 0.0)
    [(to, reply)] = table.outbox
    assert to == PEER_MAC
    assert (reply.operation, reply.sender_ip, reply.sender_mac, reply.target_ip, reply.target_mac) == (
        REPLY, US, OUR_MAC, PEER, PEER_MAC)  # fmt: skip
    table.send(b"back", PEER, 0.1)
    assert table.resolved == [(PEER_MAC, b"back")]


@pytest.mark.parametrize("operation", [REQUEST, REPLY])
def test_a_packet_for_another_is_neither_answered_nor_learnt_from(table: Neighbours, operation: int) -> None:
    table.receive(arp(operation, PEER, PEER_MAC, target_ip=OTHER), 0.0)
    assert (table.outbox, table.table) == ([], {})


GRATUITOUS = {
    "reply nobody asked for": arp(REPLY, PEER, PEER_MAC),
    "gratuitous request": arp(REQUEST, PEER, PEER_MAC, target_ip=PEER),
    "gratuitous reply": arp(REPLY, PEER, PEER_MAC, target_ip=PEER),
    "unknown operation": arp(9, PEER, PEER_MAC),
}


@pytest.mark.parametrize("name", GRATUITOUS)
def test_unasked_it_makes_no_entry(table: Neighbours, name: str) -> None:
    table.receive(GRATUITOUS[name], 0.0)
    assert (table.table, table.outbox) == ({}, [])


def test_a_gratuitous_packet_updates_an_entry_that_is_there(table: Neighbours) -> None:
    table.receive(arp(REQUEST, PEER, PEER_MAC), 0.0)
    table.receive(arp(REQUEST, PEER, OTHER_MAC, target_ip=PEER), 1.0)
    table.send(b"moved", PEER, 2.0)
    assert table.resolved == [(OTHER_MAC, b"moved")]


def test_a_probe_for_our_address_is_answered_and_makes_no_entry(table: Neighbours) -> None:
    """RFC 5227: somebody wants to know whether the address is free, and has none yet."""
    table.receive(arp(REQUEST, IPv4Address.ANY, PEER_MAC), 0.0)
    assert [to for to, _ in table.outbox] == [PEER_MAC]
    assert table.table == {}


def test_a_sender_with_a_group_address_is_ignored(table: Neighbours) -> None:
    table.send(b"waits", PEER, 0.0)
    table.outbox.clear()
    for mac in (MACAddress.BROADCAST, MACAddress("01:00:5e:00:00:01")):
        table.receive(arp(REPLY, PEER, mac), 0.1)
        table.receive(arp(REQUEST, PEER, mac), 0.1)
    assert (table.resolved, table.outbox) == ([], [])


# ---- floods --------------------------------------------------------------------------------------------------


def test_the_newest_packets_wait_for_one_address(table: Neighbours) -> None:
    for i in range(1000):
        table.send(b"%d" % i, PEER, 0.0)
    assert (table.waiting, table.overflowed) == (PENDING, 1000 - PENDING)
    table.receive(arp(REPLY, PEER, PEER_MAC), 0.1)
    assert [packet for _, packet in table.resolved] == [b"%d" % i for i in range(1000 - PENDING, 1000)]


def test_packets_to_many_silent_addresses_are_bounded_and_each_keeps_its_newest(table: Neighbours) -> None:
    for i in range(200):
        for j in range(PENDING):
            table.send(b"%d %d" % (i, j), address(i), 0.0)
    entries = table.table.values()
    assert sum(len(entry.pending) for entry in entries) == table.waiting <= WAITING + 200
    assert all(entry.pending[-1].endswith(b" %d" % (PENDING - 1)) for entry in entries)
    table.tick(1.0), table.tick(2.0), table.tick(3.0)
    assert (table.waiting, len(table.failed) + table.overflowed) == (0, 200 * PENDING)


def test_a_flood_of_requests_fills_the_table_and_pushes_nobody_out(
    table: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT", 32)
    table.send(b"waits", PEER, 0.0)
    table.receive(arp(REQUEST, OTHER, OTHER_MAC), 0.0)
    for i in range(500):
        table.receive(arp(REQUEST, address(i), MACAddress(b"\2" + i.to_bytes(5, "big"))), 0.1)
    assert len(table.table) == 32
    assert PEER in table.table and OTHER in table.table
    table.receive(arp(REPLY, PEER, PEER_MAC), 0.2)
    assert table.resolved == [(PEER_MAC, b"waits")]


def test_sending_to_many_addresses_makes_room_and_fails_what_had_to_go(
    table: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT", 32)
    table.receive(arp(REQUEST, OTHER, OTHER_MAC), 0.0)
    for i in range(500):
        table.send(b"%d" % i, address(i), 0.001 * i)
        assert len(table.table) <= 32
    assert OTHER in table.table  # it expires last
    assert table.failed == [b"%d" % i for i in range(500 - 31)]
    assert table.waiting == 31


def test_the_real_limit() -> None:
    assert LIMIT <= 4096
