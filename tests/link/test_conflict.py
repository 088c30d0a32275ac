"""RFC 5227: an address is asked for before it is used, announced, and defended; and what ends that."""

from itertools import pairwise
from random import Random

import pytest

from netlib.link.conflict import (
    ANNOUNCE_INTERVAL,
    ANNOUNCE_WAIT,
    ANNOUNCING,
    DEFEND_ALWAYS,
    DEFEND_INTERVAL,
    DEFEND_ONCE,
    DEFENDING,
    GIVE_UP,
    LOST,
    MAX_CONFLICTS,
    PROBE_MAX,
    PROBE_MIN,
    PROBE_NUM,
    PROBE_WAIT,
    PROBING,
    RATE_LIMIT_INTERVAL,
    Claim,
)
from netlib.link.neighbours import Neighbours
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket

US, PEER, OTHER = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")
OUR_MAC, PEER_MAC = MACAddress("02:00:00:00:00:01"), MACAddress("02:00:00:00:00:02")
ANY = IPv4Address.ANY


def arp(operation: int, sender: IPv4Address, target: IPv4Address, mac: MACAddress = PEER_MAC) -> ARPPacket:
    return ARPPacket(operation=operation, sender_ip=sender, sender_mac=mac, target_ip=target)


def run(claim: Claim, until: float) -> list[tuple[float, ARPPacket]]:
    """Let time pass; what the claim sends meanwhile."""
    sent = []
    while (due := claim.deadline()) is not None and due <= until:
        claim.tick(due)
        sent += [(due, packet) for packet in claim.outbox]
        claim.outbox.clear()
    return sent


def probing(defence: str = DEFEND_ONCE, seed: int = 1) -> Claim:
    claim = Claim(US, OUR_MAC, Random(seed), defence)
    claim.start(0.0)
    return claim


def defending(defence: str = DEFEND_ONCE) -> Claim:
    claim = probing(defence)
    run(claim, 100.0)
    assert claim.state == DEFENDING
    return claim


@pytest.mark.parametrize("seed", range(20))
def test_three_probes_and_two_announcements_at_their_times(seed: int) -> None:
    claim = probing(seed=seed)
    assert (claim.state, claim.usable) == (PROBING, False)
    sent = run(claim, 1000.0)
    times, packets = [time for time, _ in sent], [packet for _, packet in sent]
    probe = ARPPacket(operation=REQUEST, sender_mac=OUR_MAC, sender_ip=ANY, target_ip=US)
    announcement = ARPPacket(operation=REQUEST, sender_mac=OUR_MAC, sender_ip=US, target_ip=US)
    assert packets == [probe] * PROBE_NUM + [announcement] * 2
    assert 0 <= times[0] <= PROBE_WAIT
    assert all(PROBE_MIN <= later - earlier <= PROBE_MAX for earlier, later in pairwise(times[:3]))
    assert (times[3] - times[2], times[4] - times[3]) == pytest.approx((ANNOUNCE_WAIT, ANNOUNCE_INTERVAL))
    assert (claim.state, claim.usable, claim.deadline()) == (DEFENDING, True, None)


def test_the_times_differ_from_machine_to_machine() -> None:
    assert len({probing(seed=seed).deadline() for seed in range(20)}) == 20


def test_it_may_be_used_from_the_first_announcement_on() -> None:
    claim = probing()
    while claim.state == PROBING:
        assert not claim.usable
        claim.tick(claim.deadline() or 0.0)
    assert (claim.state, claim.usable, claim.outbox[-1].sender_ip) == (ANNOUNCING, True, US)


CONFLICTS = {
    "its request": arp(REQUEST, US, OTHER),
    "its reply": arp(REPLY, US, PEER),
    "its announcement": arp(REQUEST, US, US),
}
HARMLESS = {
    "another's probe for another": arp(REQUEST, ANY, OTHER),
    "a question for it": arp(REQUEST, PEER, US),
    "a reply from nobody": arp(REPLY, ANY, US),
    "our own probe, come back": arp(REQUEST, ANY, US, OUR_MAC),
    "our own announcement, come back": arp(REQUEST, US, US, OUR_MAC),
}


@pytest.mark.parametrize("when", [0.0, 2.0, 4.5])
@pytest.mark.parametrize("name", [*CONFLICTS, "a probe for it"])
def test_who_has_it_or_wants_it_while_we_probe_has_it(name: str, when: float) -> None:
    claim = probing()
    run(claim, when)
    assert claim.state == PROBING
    claim.receive({**CONFLICTS, "a probe for it": arp(REQUEST, ANY, US)}[name], when)
    assert (claim.state, claim.by, claim.conflicts, claim.usable) == (LOST, PEER_MAC, 1, False)
    assert (claim.deadline(), run(claim, 1000.0)) == (None, [])


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_no_conflict(name: str) -> None:
    for claim in (probing(), defending(GIVE_UP)):
        before = claim.state
        claim.receive(HARMLESS[name], 200.0)
        assert (claim.state, claim.conflicts) == (before, 0)


def test_a_probe_for_an_address_in_use_is_no_conflict() -> None:
    """Who probes is told by our ordinary answer (section 2.1.1)."""
    claim = defending(GIVE_UP)
    claim.receive(arp(REQUEST, ANY, US), 200.0)
    assert (claim.state, claim.outbox) == (DEFENDING, [])


@pytest.mark.parametrize("name", CONFLICTS)
def test_give_up(name: str) -> None:
    claim = defending(GIVE_UP)
    claim.receive(CONFLICTS[name], 200.0)
    assert (claim.state, claim.by, claim.outbox) == (LOST, PEER_MAC, [])
    assert str(claim) == "10.0.0.1 LOST to 02:00:00:00:00:02"


@pytest.mark.parametrize("later, lost", [(DEFEND_INTERVAL - 0.001, True), (DEFEND_INTERVAL, False)])
def test_defend_once(later: float, lost: bool) -> None:
    claim = defending(DEFEND_ONCE)
    claim.receive(CONFLICTS["its reply"], 200.0)
    assert [(packet.sender_ip, packet.target_ip) for packet in claim.outbox] == [(US, US)]
    claim.receive(CONFLICTS["its reply"], 200.0 + later)
    assert (claim.state == LOST) is lost
    assert len(claim.outbox) == (0 if lost else 2)


def test_conflicts_that_go_on_count_from_the_last_one() -> None:
    claim = defending(DEFEND_ONCE)
    claim.receive(CONFLICTS["its reply"], 200.0)
    claim.receive(CONFLICTS["its reply"], 211.0)
    claim.receive(CONFLICTS["its reply"], 220.0)
    assert claim.state == LOST


def test_two_that_always_defend_do_not_fill_the_link() -> None:
    """Section 2.4: otherwise they answer each other for ever, as fast as they can."""
    a, b = defending(DEFEND_ALWAYS), defending(DEFEND_ALWAYS)
    b.mac = PEER_MAC
    b.say(US)
    count = 0
    for tenth in range(2000, 3000):
        for one, other in ((a, b), (b, a)):
            said, one.outbox = one.outbox, []
            count += len(said)
            for packet in said:
                other.receive(packet, tenth / 10)
    assert (a.state, b.state) == (DEFENDING, DEFENDING)
    assert count == 3  # the first, and one defence by each


def test_after_many_conflicts_the_next_attempts_are_a_minute_apart() -> None:
    claim = Claim(US, OUR_MAC, Random(1))
    now = 0.0
    for attempt in range(MAX_CONFLICTS):
        claim.start(now, IPv4Address(b"\x0a\0\0" + bytes([attempt + 10])))
        assert claim.due <= now + PROBE_WAIT
        claim.receive(arp(REPLY, claim.address, PEER), now)
        assert claim.state == LOST
        now += 0.1
    for _ in range(2):
        last = claim.last_start
        claim.start(now, OTHER)
        assert last + RATE_LIMIT_INTERVAL <= claim.due <= last + RATE_LIMIT_INTERVAL + PROBE_WAIT
        claim.receive(arp(REPLY, OTHER, PEER), now)


def test_a_wrong_defence_is_told_in_a_line() -> None:
    with pytest.raises(ValueError, match="defence 'fight': it is 'give up', 'defend once' or 'defend always'"):
        Claim(US, OUR_MAC, Random(1), "fight")


# ---- in the neighbour table ------------------------------------------------------------------------------------


def test_a_table_that_probes_neither_sends_nor_answers_until_the_address_is_ours() -> None:
    table = Neighbours(US, OUR_MAC)
    table.probe(0.0, Random(1))
    table.send(b"too early", PEER, 0.0)
    table.receive(arp(REQUEST, PEER, US), 0.0)
    assert (table.failed, table.outbox, table.table) == ([b"too early"], [], {})
    while not (table.claim and table.claim.usable):
        table.tick(table.deadline() or 0.0)
    assert [(to, packet.sender_ip) for to, packet in table.outbox] == [(MACAddress.BROADCAST, ANY)] * 3 + [
        (MACAddress.BROADCAST, US)
    ]
    table.outbox.clear()
    table.receive(arp(REQUEST, PEER, US), 10.0)
    table.send(b"now", PEER, 10.0)
    assert (len(table.outbox), table.resolved) == (1, [(PEER_MAC, b"now")])


def test_a_table_that_lost_its_address_is_silent() -> None:
    table = Neighbours(US, OUR_MAC)
    table.probe(0.0, Random(1))
    table.receive(arp(REPLY, US, PEER), 0.1)
    assert table.claim and table.claim.state == LOST
    assert [str(conflict) for conflict in table.conflicts] == ["    0.100 s  10.0.0.1 is used by 02:00:00:00:00:02 too"]
    table.tick(100.0)
    table.receive(arp(REQUEST, PEER, US), 100.0)
    assert (table.outbox, table.deadline(), table.table) == ([], None, {})


def test_a_table_that_does_not_probe_notes_conflicts_and_does_nothing_as_linux() -> None:
    table = Neighbours(US, OUR_MAC)
    for packet in CONFLICTS.values():
        table.receive(packet, 1.0)
    assert (len(table.conflicts), table.outbox, table.table) == (3, [], {})


def test_a_lost_address_is_no_more_fought_for_nor_counted() -> None:
    claim = defending(GIVE_UP)
    for packet in CONFLICTS.values():
        claim.receive(packet, 200.0)
    assert (claim.state, claim.conflicts, claim.outbox) == (LOST, 1, [])
