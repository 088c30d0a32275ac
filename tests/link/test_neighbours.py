"""ARP: who has which address, asked politely, believed with care, and never without bounds."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.link import neighbours as module
from netlib.link.neighbours import (
    DELAY,
    DELAY_FIRST_PROBE_TIME,
    FAILED,
    INCOMPLETE,
    KEEP,
    LIMIT,
    LOCK_TIME,
    MAX_MULTICAST_SOLICIT,
    MAX_UNICAST_SOLICIT,
    PENDING,
    PERMANENT,
    PROBE,
    REACHABLE,
    REACHABLE_TIME,
    RETRANS_TIMER,
    STALE,
    UNUSED,
    WAITING,
    Neighbour,
    Neighbours,
    Timers,
)
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket

US, PEER, OTHER = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")
OUR_MAC, PEER_MAC, OTHER_MAC = (MACAddress(f"02:00:00:00:00:0{i}") for i in (1, 2, 3))


@pytest.fixture
def table() -> Neighbours:
    return Neighbours(US, OUR_MAC)


def arp(operation: int, sender_ip: IPv4Address, sender_mac: MACAddress, target_ip: IPv4Address = US) -> ARPPacket:
    """As it is mostly sent: a reply is for us, a request names no target MAC address."""
    to = OUR_MAC if operation == REPLY else MACAddress.ANY
    return ARPPacket(
        operation=operation, sender_ip=sender_ip, sender_mac=sender_mac, target_ip=target_ip, target_mac=to
    )


def known(table: Neighbours, state: str, now: float = 0.0) -> Neighbour:
    """Bring PEER, at PEER_MAC, into a state that it has an address in."""
    table.receive(arp(REQUEST, PEER, PEER_MAC), now)
    table.outbox.clear()
    if state == REACHABLE:
        table.receive(arp(REPLY, PEER, PEER_MAC), now)
    elif state in (DELAY, PROBE):
        table.send(b"", PEER, now)
        if state == PROBE:
            table.tick(now + DELAY_FIRST_PROBE_TIME)
    table.outbox.clear()
    table.resolved.clear()
    assert table.table[PEER].state == state
    return table.table[PEER]


def states(table: Neighbours) -> list[str]:
    return [change.after for change in table.changes]


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
    for probe in range(1, MAX_MULTICAST_SOLICIT + 1):
        assert len(table.outbox) == probe
        due = 10.0 + probe * RETRANS_TIMER
        assert table.deadline() == due
        table.tick(due - 0.001)
        assert (len(table.outbox), table.failed) == (probe, [])
        table.tick(due)
    assert [to for to, _ in table.outbox] == [MACAddress.BROADCAST] * 3
    assert table.failed == [b"packet"]
    assert (table.table[PEER].state, table.deadline(), table.waiting) == (FAILED, None, 0)


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
    assert table.deadline() == 1.5 + REACHABLE_TIME


@pytest.mark.parametrize("ticks", [True, False])  # a world that is late changes nothing
@pytest.mark.parametrize("late, state", [(-0.001, REACHABLE), (0.0, DELAY)])
def test_an_answer_is_believed_for_the_reachable_time(table: Neighbours, late: float, state: str, ticks: bool) -> None:
    known(table, REACHABLE)
    if ticks:
        table.tick(REACHABLE_TIME + late)
    table.send(b"later", PEER, REACHABLE_TIME + late)
    assert (table.table[PEER].state, table.resolved) == (state, [(PEER_MAC, b"later")])
    assert table.outbox == []


def test_the_way_of_an_entry_that_is_used_and_no_more_answered(table: Neighbours) -> None:
    table.send(b"one", PEER, 0.0)
    table.receive(arp(REPLY, PEER, PEER_MAC), 0.5)
    table.outbox.clear()
    table.tick(30.5)
    assert (table.table[PEER].state, table.deadline()) == (STALE, None)  # nobody uses it: nobody asks
    table.send(b"two", PEER, 100.0)
    assert (table.table[PEER].state, table.deadline(), table.outbox) == (DELAY, 105.0, [])
    for asked, now in enumerate((105.0, 106.0, 107.0), 1):
        table.tick(now - 0.001)
        assert len(table.outbox) == asked - 1
        table.tick(now)
        assert (table.table[PEER].state, len(table.outbox)) == (PROBE, asked)
        table.send(b"probing", PEER, now)
    assert [to for to, _ in table.outbox] == [PEER_MAC] * MAX_UNICAST_SOLICIT
    assert len(table.resolved) == 5  # what is sent meanwhile goes to the old address
    table.tick(108.0)
    assert (table.table[PEER].state, table.table[PEER].mac, table.failed) == (FAILED, None, [])
    table.send(b"three", PEER, 200.0)
    assert (table.table[PEER].state, table.outbox[-1][0]) == (INCOMPLETE, MACAddress.BROADCAST)
    assert states(table) == [INCOMPLETE, REACHABLE, STALE, DELAY, PROBE, FAILED, INCOMPLETE]


# What an ARP packet does to an entry at PEER_MAC: packet, state before -> (state after, whose MAC address).
# The same table is asked of the kernel in tests/interop/test_neighbours_kernel.py.
SAME, OTHERS = PEER_MAC, OTHER_MAC
GRATUITOUS_REPLY = ARPPacket(
    operation=REPLY, sender_ip=PEER, target_ip=PEER, sender_mac=OTHER_MAC, target_mac=OTHER_MAC
)
PACKETS = {
    "answer": (arp(REPLY, PEER, SAME), {STALE: REACHABLE, DELAY: REACHABLE, PROBE: REACHABLE, REACHABLE: REACHABLE}),
    "question": (arp(REQUEST, PEER, SAME), {STALE: STALE, DELAY: DELAY, PROBE: PROBE, REACHABLE: REACHABLE}),
    "other's answer": (arp(REPLY, PEER, OTHERS), {state: REACHABLE for state in (STALE, DELAY, PROBE, REACHABLE)}),
    "other's question": (arp(REQUEST, PEER, OTHERS), {state: STALE for state in (STALE, DELAY, PROBE, REACHABLE)}),
    "other's announcement": (arp(REQUEST, PEER, OTHERS, PEER), {s: STALE for s in (STALE, DELAY, PROBE, REACHABLE)}),
    "other's gratuitous reply": (GRATUITOUS_REPLY, {s: STALE for s in (STALE, DELAY, PROBE, REACHABLE)}),
    "other asks another": (arp(REQUEST, PEER, OTHERS, OTHER), {s: STALE for s in (STALE, DELAY, PROBE, REACHABLE)}),
}


@pytest.mark.parametrize("before", [STALE, DELAY, PROBE, REACHABLE])
@pytest.mark.parametrize("name", PACKETS)
def test_what_a_packet_does_to_a_known_entry(table: Neighbours, name: str, before: str) -> None:
    packet, after = PACKETS[name]
    entry = known(table, before)
    table.receive(packet, 20.0)
    assert (entry.state, entry.mac) == (after[before], packet.sender_mac)


LOCKED = {"other's answer": True, "other asks another": True, "other's question": False,
          "other's announcement": False, "other's gratuitous reply": False}  # fmt: skip


@pytest.mark.parametrize("late, locked", [(0.0, True), (0.001, False)])
@pytest.mark.parametrize("name", LOCKED)
def test_an_entry_that_has_just_changed_is_left_in_peace(
    table: Neighbours, name: str, late: float, locked: bool
) -> None:
    """Only from replies and others' affairs: a question for us, and an announcement, count at once."""
    entry = known(table, REACHABLE)
    table.receive(PACKETS[name][0], LOCK_TIME + late)
    assert entry.mac == (PEER_MAC if locked and LOCKED[name] else OTHER_MAC)


def test_a_question_where_we_wait_for_the_answer_is_as_good(table: Neighbours) -> None:
    table.send(b"waits", PEER, 0.0)
    table.receive(arp(REQUEST, PEER, PEER_MAC), 0.5)
    assert table.resolved == [(PEER_MAC, b"waits")]
    assert (states(table), table.deadline()) == ([INCOMPLETE, STALE, DELAY], 5.5)


def test_a_late_answer_revives_an_entry_that_has_failed(table: Neighbours) -> None:
    table.send(b"gone", PEER, 0.0)
    for now in (1.0, 2.0, 3.0):
        table.tick(now)
    table.receive(arp(REPLY, PEER, PEER_MAC), 3.5)
    assert (table.table[PEER].state, table.resolved, table.failed) == (REACHABLE, [], [b"gone"])


def test_progress_above_confirms(table: Neighbours) -> None:
    for state in (STALE, DELAY, PROBE, REACHABLE):
        entry = known(table, state)
        table.confirm(PEER, 20.0)
        assert (entry.state, table.deadline()) == (REACHABLE, 50.0)
        table.forget(PEER)
    table.send(b"", PEER, 0.0)
    table.confirm(PEER, 0.1)  # nobody can have seen that
    assert table.table[PEER].state == INCOMPLETE


def test_what_is_fixed_by_hand_stays(table: Neighbours) -> None:
    table.send(b"waits", PEER, 0.0)
    table.fix(PEER, PEER_MAC, 0.1)
    assert (table.resolved, table.deadline()) == ([(PEER_MAC, b"waits")], None)
    for packet, _ in PACKETS.values():
        table.receive(packet, 50.0)
    table.tick(1e6)
    table.confirm(PEER, 1e6)
    assert (table.table[PEER].state, table.table[PEER].mac) == (PERMANENT, PEER_MAC)


def test_every_entry_gets_the_timers_that_the_table_was_made_with() -> None:
    table = Neighbours(US, OUR_MAC, Timers(reachable=3.0, delay=0.5, retransmit=0.1, broadcasts=1, unicasts=2))
    table.send(b"", PEER, 0.0)
    table.tick(0.1)
    assert table.table[PEER].state == FAILED
    known(table, REACHABLE, 1.0)
    assert table.deadline() == 4.0
    table.tick(4.0)
    table.send(b"", PEER, 5.0)
    for now in (5.5, 5.6, 5.7):
        table.tick(now)
    assert ([to for to, _ in table.outbox], table.table[PEER].state) == ([PEER_MAC] * 2, FAILED)


def test_the_table_reads_as_ip_neigh_prints_it(table: Neighbours) -> None:
    assert str(table) == "no entries"
    known(table, STALE)
    table.send(b"", OTHER, 0.0)
    assert table.show("eth1").splitlines() == [
        "10.0.0.2 dev eth1 lladdr 02:00:00:00:00:02 STALE",
        "10.0.0.3 dev eth1 INCOMPLETE",
    ]
    assert table.rows()[1] == {"address": "10.0.0.3", "mac": "", "state": INCOMPLETE}
    table.receive(arp(REQUEST, PEER, OTHER_MAC), 9.0)
    assert str(table.changes[-1]) == (
        "    9.000 s  10.0.0.2  STALE -> STALE: its question for us, which moves it from 02:00:00:00:00:02"
    )


def test_an_announcement_is_a_request_for_our_own_address_to_everyone(table: Neighbours) -> None:
    table.announce(0.0)
    [(to, packet)] = table.outbox
    assert to == MACAddress.BROADCAST
    assert packet == ARPPacket(operation=REQUEST, sender_mac=OUR_MAC, sender_ip=US, target_ip=US)


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


@pytest.mark.parametrize("sender", ["10.0.0.1", "127.0.0.1", "224.0.0.1", "255.255.255.255"])
@pytest.mark.parametrize("operation", [REQUEST, REPLY])
def test_an_address_that_no_neighbour_can_have_is_neither_answered_nor_learnt(
    table: Neighbours, sender: str, operation: int
) -> None:
    table.receive(arp(operation, IPv4Address(sender), PEER_MAC), 0.0)
    assert (table.table, table.outbox) == ({}, [])


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
    assert OTHER in table.table  # it has answered once
    assert table.failed == [b"%d" % i for i in range(500 - 31)]
    assert table.waiting == 31


def test_old_entries_that_nobody_uses_go_where_there_are_many(table: Neighbours) -> None:
    known(table, STALE)
    table.send(b"", OTHER, 0.0)
    for now in (1.0, 2.0, 3.0):
        table.tick(now)
    for i in range(KEEP - 3):
        table.receive(arp(REQUEST, address(i), OTHER_MAC), 100.0)
    assert (PEER in table.table, OTHER in table.table, len(table.table)) == (True, True, KEEP - 1)  # kept for ever
    table.send(b"", address(1), 100.0 + UNUSED)
    table.receive(arp(REQUEST, address(1000), OTHER_MAC), 100.0 + UNUSED)
    assert len(table.table) == KEEP
    table.receive(arp(REQUEST, address(1001), OTHER_MAC), 100.1 + UNUSED)
    assert set(table.table) == {address(1), address(1000), address(1001)}


def test_a_full_table_of_old_entries_has_room_for_a_request(table: Neighbours) -> None:
    for i in range(LIMIT + 1):
        table.receive(arp(REQUEST, address(i), OTHER_MAC), 0.0)
    assert (address(LIMIT) in table.table, len(table.table)) == (False, LIMIT)
    table.receive(arp(REQUEST, PEER, PEER_MAC), 1.0 + UNUSED)
    assert list(table.table) == [PEER]


def test_the_real_limit() -> None:
    assert LIMIT <= 4096


# ---- random lives of a table ---------------------------------------------------------------------------------------

ADDRESSES = [PEER, OTHER, address(1), address(2)]
MACS = [PEER_MAC, OTHER_MAC, OUR_MAC, MACAddress.BROADCAST]
EVENTS = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(ADDRESSES)),
    st.tuples(st.just("confirm"), st.sampled_from(ADDRESSES)),
    st.tuples(st.just("forget"), st.sampled_from(ADDRESSES)),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 1.0, 2.5, 5.0, 30.0, 100.0])),
    st.tuples(
        st.just("receive"),
        st.builds(
            ARPPacket,
            operation=st.sampled_from([REQUEST, REPLY, 9]),
            sender_ip=st.sampled_from([*ADDRESSES, US, IPv4Address.ANY]),
            sender_mac=st.sampled_from(MACS),
            target_ip=st.sampled_from([*ADDRESSES, US]),
            target_mac=st.sampled_from(MACS),
        ),
    ),
)
ARROWS = {  # RFC 4861 section 7.3, and what a question from a neighbour does in ARP
    "": {INCOMPLETE, STALE},
    INCOMPLETE: {REACHABLE, STALE, FAILED},
    REACHABLE: {STALE, REACHABLE},
    STALE: {DELAY, REACHABLE, STALE},
    DELAY: {PROBE, REACHABLE, STALE},
    PROBE: {REACHABLE, STALE, FAILED},
    FAILED: {INCOMPLETE, REACHABLE, STALE},
}


@settings(deadline=None, max_examples=300)
@given(st.lists(EVENTS, max_size=40))
def test_a_life_of_a_table(events: list[tuple[str, Any]]) -> None:
    """No packet is lost or doubled, nothing waits for ever, deadlines are exact, and only the known arrows are gone."""
    table = Neighbours(US, OUR_MAC)
    now, sent = 0.0, 0
    for kind, value in [*events, ("wait", 100.0)]:
        if kind == "send":
            sent += 1
            table.send(b"%d" % sent, value, now)
        elif kind == "wait":
            until = now + value
            while (due := table.deadline()) is not None and due <= until:
                assert due >= now
                now = due
                table.tick(now)
                assert (again := table.deadline()) is None or again > now
            now = until
        elif kind == "forget":
            table.forget(value)
        else:
            getattr(table, kind)(value, now)
        entries = table.table.values()
        assert table.waiting == sum(len(entry.pending) for entry in entries)
        timers = [entry.due for entry in entries if entry.due < float("inf")]
        assert table.deadline() == min(timers, default=None)
        for entry in entries:
            assert (entry.mac is None) == (entry.state in (INCOMPLETE, FAILED))
            assert (entry.due < float("inf")) == (entry.state in (INCOMPLETE, REACHABLE, DELAY, PROBE))
            assert entry.state == INCOMPLETE or not entry.pending
            assert entry.mac is None or not entry.mac.is_group
        assert US not in table.table and IPv4Address.ANY not in table.table
    assert table.waiting == 0
    assert sorted([*table.failed, *(packet for _, packet in table.resolved)]) == sorted(
        b"%d" % i for i in range(1, sent + 1)
    )
    assert all(change.after in ARROWS[change.before] for change in table.changes)


def test_every_arrow_is_gone_and_no_other() -> None:
    random, now = Random(1), 0.0
    table = Neighbours(US, OUR_MAC)
    taken = set()
    for _ in range(30_000):
        now += random.choice((0.01, 0.3, 0.9, 1.0, 4.0))
        table.tick(now)
        peer = random.choice(ADDRESSES)
        match random.randrange(40):
            case 0:
                target, operation = random.choice((US, peer)), random.choice((REQUEST, REPLY))
                table.receive(arp(operation, peer, random.choice(MACS), target), now)
            case 1:
                table.confirm(peer, now)
            case 2:
                table.send(b"", peer, now)
            case 3 if random.random() < 0.1:
                table.forget(peer)
        taken |= {(change.before, change.after) for change in table.changes}
        table.changes.clear()
    assert taken == {(before, after) for before, all in ARROWS.items() for after in all}


def test_an_operation_that_nobody_knows_changes_no_entry(table: Neighbours) -> None:
    entry = known(table, STALE)
    table.receive(arp(9, PEER, OTHER_MAC), 20.0)
    assert (entry.state, entry.mac) == (STALE, PEER_MAC)


def test_where_all_are_stale_the_one_used_least_recently_makes_room(
    table: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT", 2)
    for now, peer in enumerate((PEER, OTHER)):
        table.receive(arp(REQUEST, peer, PEER_MAC), now)
        table.receive(arp(REPLY, peer, PEER_MAC), now)
    table.send(b"used", PEER, 20.0)
    table.tick(40.0)
    table.send(b"new", address(1), 41.0)
    assert list(table.table) == [PEER, address(1)]
