"""What chapter 7's exercises stand on: traces, netlib's watcher on them, and the table without Linux's lock."""

from dataclasses import replace

import pytest

from netlib.exercises.arp import link_trace, marks, traces
from netlib.exercises.arp_table_mistakes import NetlibTable
from netlib.exercises.arp_traces import ATTACKS, CHANGES, SECONDS
from netlib.link.neighbours import Timers
from netlib.link.suspicion import CONTRADICTED, FORGED, GROUP, UNASKED, Watcher
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import ARPPacket
from netlib.wire.ethernet import EthernetFrame


def test_the_same_seed_gives_the_same_trace_and_another_another() -> None:
    link_trace.cache_clear()
    first = link_trace(5)
    link_trace.cache_clear()
    assert link_trace(5) == first != link_trace(6)


@pytest.mark.parametrize("attack", sorted(set(ATTACKS)))
@pytest.mark.parametrize("change", sorted(set(CHANGES)))
def test_a_trace_is_in_order_well_formed_and_forged_only_where_somebody_attacks(attack: str, change: str) -> None:
    for seed in range(5):
        trace = link_trace(seed, attack, change)
        times = [heard.time for heard in trace]
        assert times == sorted(times) and times[-1] < SECONDS and len(trace) > 60
        assert not any(heard.forged for heard in trace if heard.time < 30)
        # a race needs somebody who asks for the router while the attacker is awake
        assert any(heard.forged for heard in trace) == bool(attack) or attack == "race"
        for heard in trace:
            frame = EthernetFrame.parse(heard.frame)
            assert ARPPacket.parse(frame.payload) == heard.packet
            assert heard.about


def test_nobody_honest_speaks_in_anothers_name() -> None:
    """Where a machine takes an address over, the old one is silent from then on."""
    for seed in range(30):
        trace = link_trace(seed, "", "takeover")
        heard = [(each.packet.sender_ip, each.packet.sender_mac) for each in trace if each.packet.sender_ip != bytes(4)]
        last: dict[bytes, list[bytes]] = {}
        for address, mac in heard:
            known = last.setdefault(address, [])
            if not known or known[-1] != mac:
                known.append(mac)
        assert all(len(known) == len(set(known)) for known in last.values())


def test_netlibs_watcher_is_good_enough_for_the_exercise_by_three_of_its_reasons() -> None:
    class Guard:
        def __init__(self) -> None:
            self.watcher = Watcher()

        def hear(self, frame: bytes, now: float) -> bool:
            ethernet = EthernetFrame.parse(frame)
            told = self.watcher.hear(ethernet, ARPPacket.parse(ethernet.payload), now)
            return bool({each.reason for each in told} & {FORGED, GROUP, CONTRADICTED, UNASKED})

    for seed in range(1, 6):
        precision, recall = marks(Guard, seed)
        assert precision >= 0.9 and recall >= 0.85
    assert len(list(traces(1))) == 14


def test_the_reference_of_the_table_differs_from_netlibs_only_in_believing_at_once() -> None:
    table = NetlibTable(IPv4Address("10.7.1.1"), MACAddress("02:00:00:00:00:01"))
    assert replace(table.timers, lock=Timers().lock) == Timers()
