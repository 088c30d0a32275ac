"""The watcher: honest links are quiet, lies are seen, each with its reason, and memory has bounds."""

from random import Random

import pytest

from netlib.link import suspicion
from netlib.link.suspicion import (
    ALIVE,
    CONTRADICTED,
    FORGED,
    GROUP,
    MOVED,
    PATIENCE,
    UNASKED,
    Watcher,
    score,
)
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket
from netlib.wire.ethernet import ETHERTYPE_ARP, EthernetFrame

R, H, NEW = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"), IPv4Address("10.0.0.9")
R_MAC, H_MAC, M_MAC = (MACAddress(f"02:00:00:00:00:0{i}") for i in (1, 2, 6))
EVERYONE, ANY = MACAddress.BROADCAST, IPv4Address.ANY


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


def hear(
    watcher: Watcher,
    now: float,
    operation: int,
    sender: IPv4Address,
    mac: MACAddress,
    target: IPv4Address,
    to: MACAddress = EVERYONE,
    source: MACAddress | None = None,
) -> list[str]:
    packet = ARPPacket(operation=operation, sender_ip=sender, sender_mac=mac, target_ip=target, target_mac=to)
    return [each.reason for each in watcher.hear(EthernetFrame(to, source or mac, ETHERTYPE_ARP), packet, now)]


def resolve(watcher: Watcher, now: float) -> list[str]:
    """h asks for r, and r answers."""
    asked = hear(watcher, now, REQUEST, H, H_MAC, R)
    return asked + hear(watcher, now + 0.001, REPLY, R, R_MAC, H, H_MAC)


def test_an_honest_link_is_quiet(watcher: Watcher) -> None:
    for now in range(0, 600, 45):
        assert resolve(watcher, now) == []
    assert hear(watcher, 600.0, REQUEST, R, R_MAC, R) == []  # an announcement of what is known
    assert hear(watcher, 601.0, REQUEST, ANY, M_MAC, NEW) == []  # a probe, and nobody has it
    assert hear(watcher, 604.0, REQUEST, NEW, M_MAC, NEW) == []
    assert hear(watcher, 605.0, REQUEST, ANY, H_MAC, NEW) == []  # a probe, and the answer to it
    assert hear(watcher, 605.1, REPLY, NEW, M_MAC, ANY, H_MAC) == []


def test_a_poisoned_answer(watcher: Watcher) -> None:
    resolve(watcher, 0.0)
    assert hear(watcher, 10.0, REPLY, R, M_MAC, H, H_MAC) == [UNASKED, MOVED]
    assert hear(watcher, 11.0, REPLY, R, M_MAC, H, H_MAC) == [UNASKED, MOVED]
    assert resolve(watcher, 12.0) == []  # the truth is no lie
    assert hear(watcher, 12.5, REPLY, R, M_MAC, H, H_MAC) == [UNASKED, CONTRADICTED]


def test_the_first_to_answer_may_repeat_it_and_no_other_may(watcher: Watcher) -> None:
    hear(watcher, 0.0, REQUEST, H, H_MAC, R)
    assert hear(watcher, 0.1, REPLY, R, M_MAC, H, H_MAC) == []  # a liar that was quicker, and nobody knows better yet
    assert hear(watcher, 0.1, REPLY, R, M_MAC, H, H_MAC) == []
    assert hear(watcher, 0.2, REPLY, R, R_MAC, H, H_MAC) == [UNASKED, MOVED]


def test_a_poisoned_question_needs_nobody_to_ask(watcher: Watcher) -> None:
    resolve(watcher, 0.0)
    assert hear(watcher, 10.0, REQUEST, R, M_MAC, H) == [MOVED]


@pytest.mark.parametrize("late, reasons", [(0.0, []), (0.001, [UNASKED])])
def test_an_answer_belongs_to_a_question_for_some_seconds(watcher: Watcher, late: float, reasons: list[str]) -> None:
    hear(watcher, 0.0, REQUEST, H, H_MAC, R)
    assert hear(watcher, PATIENCE + late, REPLY, R, R_MAC, H, H_MAC) == reasons


@pytest.mark.parametrize("late, reasons", [(0.0, [MOVED]), (0.001, [])])
def test_a_machine_that_is_silent_for_long_has_left(watcher: Watcher, late: float, reasons: list[str]) -> None:
    hear(watcher, 0.0, REQUEST, R, R_MAC, R)
    assert hear(watcher, ALIVE + late, REQUEST, R, M_MAC, R) == reasons


def test_a_router_that_is_replaced_is_suspected_but_never_surely(watcher: Watcher) -> None:
    resolve(watcher, 0.0)
    for now in (5.0, 7.0, 30.0):
        packet = ARPPacket(operation=REQUEST, sender_ip=R, sender_mac=M_MAC, target_ip=R)
        [suspected] = watcher.hear(EthernetFrame(EVERYONE, M_MAC, ETHERTYPE_ARP), packet, now)
        assert (suspected.reason, suspected.sure) == (MOVED, False)
    assert hear(watcher, 61.0, REQUEST, R, M_MAC, R) == []
    assert str(suspected) == f"   30.000 s  10.0.0.1 at {M_MAC}: {MOVED}"


def test_a_frame_that_names_another_sender_and_a_group_are_told_and_not_remembered(watcher: Watcher) -> None:
    assert hear(watcher, 0.0, REQUEST, R, R_MAC, R, source=M_MAC) == [FORGED]
    assert hear(watcher, 0.0, REQUEST, R, EVERYONE, R) == [GROUP]
    assert watcher.bindings == {}


def test_the_watcher_forgets_what_it_heard_of_least_recently(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicion, "BINDINGS", 16)
    monkeypatch.setattr(suspicion, "QUESTIONS", 16)
    random = Random(1)
    for i in range(1000):
        hear(watcher, i, REQUEST, IPv4Address(random.randbytes(4)), M_MAC, IPv4Address(random.randbytes(4)))
        if i % 10 == 0:
            resolve(watcher, i)
        assert max(len(watcher.bindings), len(watcher.questions)) <= 16
    assert R in watcher.bindings and H in watcher.bindings


def test_precision_and_recall_on_a_seeded_link_with_an_attacker() -> None:
    """Five honest hosts that resolve their router at random, and one who poisons them: every packet is labelled."""
    random, watcher, now = Random(7), Watcher(), 0.0
    macs = {IPv4Address(f"10.0.0.{i}"): MACAddress(f"02:00:00:00:00:{i:02x}") for i in range(1, 7)}
    hosts = [address for address in macs if address != R]
    suspected: set[int] = set()
    forged: set[int] = set()
    number = 0
    for _ in range(2000):
        now += random.expovariate(1.0)
        host = random.choice(hosts)
        if random.random() < 0.2:
            packets = [(REPLY, R, M_MAC, host, macs[host])]
            forged.add(number)
        else:
            packets = [(REQUEST, host, macs[host], R, EVERYONE), (REPLY, R, macs[R], host, macs[host])]
        for operation, sender, mac, target, to in packets:
            if hear(watcher, now, operation, sender, mac, target, to):
                suspected.add(number)
            number += 1
    assert score(suspected, forged) == (1.0, 1.0)


def test_the_score() -> None:
    assert score({1, 2, 3, 4}, {3, 4, 5}) == (0.5, pytest.approx(2 / 3))
    assert score(set(), set()) == (1.0, 1.0)
    assert score(set(), {1}) == (1.0, 0.0)
