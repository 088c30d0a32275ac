"""Exercise 7.2: its reference, which is netlib's own table, and the mistakes that are recognised.

Each mistake is that table with one rule broken.
"""

from netlib.grading import Mistake
from netlib.link.neighbours import (
    DELAY,
    FAILED,
    INCOMPLETE,
    PENDING,
    PROBE,
    REACHABLE,
    STALE,
    Neighbour,
    Neighbours,
    Timers,
)
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REQUEST, ARPPacket


class NetlibTable(Neighbours):
    """netlib's table, which believes whoever speaks last: without Linux's LOCK_TIME."""

    def __init__(self, address: IPv4Address, mac: MACAddress) -> None:
        super().__init__(address, mac, Timers(lock=-1.0))


class AsksForEachPacket(NetlibTable):
    def keep(self, entry: Neighbour, packet: bytes) -> None:
        if entry.pending:
            address = next(known for known, each in self.table.items() if each is entry)
            request = ARPPacket(sender_mac=self.mac, sender_ip=self.address, target_ip=address)
            self.outbox.append((MACAddress.BROADCAST, request))
        super().keep(entry, packet)


class KeepsTheLast(NetlibTable):
    def keep(self, entry: Neighbour, packet: bytes) -> None:
        self.take(entry)
        super().keep(entry, packet)


class KeepsTheFirst(NetlibTable):
    def keep(self, entry: Neighbour, packet: bytes) -> None:
        if not entry.pending:
            super().keep(entry, packet)


class KeepsAll(NetlibTable):
    def keep(self, entry: Neighbour, packet: bytes) -> None:
        entry.pending.append(packet)


class KeepsTheOldest(NetlibTable):
    """When 64 wait, what comes later is dropped."""

    def keep(self, entry: Neighbour, packet: bytes) -> None:
        if len(entry.pending) < PENDING:
            super().keep(entry, packet)


class CountsOn(NetlibTable):
    """The questions of an entry are counted once, for its whole life."""

    def __init__(self, address: IPv4Address, mac: MACAddress) -> None:
        super().__init__(address, mac)
        self.asked: dict[IPv4Address, int] = {}

    def ask(self, address: IPv4Address, entry: Neighbour, now: float) -> None:
        super().ask(address, entry, now)
        self.asked[address] = self.asked.get(address, 0) + 1
        entry.probes = max(entry.probes, self.asked[address])


class LosesTheFirst(NetlibTable):
    """The packet that made it ask is never sent."""

    def keep(self, entry: Neighbour, packet: bytes) -> None:
        return


class NeverGivesUp(NetlibTable):
    def __init__(self, address: IPv4Address, mac: MACAddress) -> None:
        super().__init__(address, mac)
        self.timers = Timers(lock=-1.0, broadcasts=1000)


class AsksOnce(NetlibTable):
    def __init__(self, address: IPv4Address, mac: MACAddress) -> None:
        super().__init__(address, mac)
        self.timers = Timers(lock=-1.0, broadcasts=1, retransmit=3.0)


class AsksTwice(NetlibTable):
    def __init__(self, address: IPv4Address, mac: MACAddress) -> None:
        super().__init__(address, mac)
        self.timers = Timers(lock=-1.0, broadcasts=2, unicasts=2)


class GivesUpAtTheLastQuestion(NetlibTable):
    """FAILED with the third question, not a second after it."""

    def ask(self, address: IPv4Address, entry: Neighbour, now: float) -> None:
        super().ask(address, entry, now)
        if entry.probes == 3:
            self.enter(address, entry, FAILED, now, "")


class FailedForGood(NetlibTable):
    def send(self, packet: bytes, next_hop: IPv4Address, now: float) -> None:
        entry = self.table.get(next_hop)
        if entry is not None and entry.state == FAILED:
            self.failed.append(packet)
        else:
            super().send(packet, next_hop, now)


class BelievesAnybody(NetlibTable):
    """An answer makes an entry, asked for or not."""

    def receive(self, packet: ARPPacket, now: float) -> None:
        if packet.operation == 2 and packet.sender_ip not in self.table and packet.sender_ip != self.address:
            self.insert(packet.sender_ip, now)
        super().receive(packet, now)


class LearnsFromAll(NetlibTable):
    """Every question that is heard makes an entry."""

    def receive(self, packet: ARPPacket, now: float) -> None:
        if packet.operation == 1 and packet.sender_ip not in (*self.table, self.address, IPv4Address.ANY):
            self.insert(packet.sender_ip, now)
        super().receive(packet, now)


class LearnsNothingFromQuestions(NetlibTable):
    def receive(self, packet: ARPPacket, now: float) -> None:
        if packet.operation == 2 or packet.target_ip != self.address:
            super().receive(packet, now)
        elif packet.sender_ip != self.address:
            self.answer(packet)


class AnswersNobody(NetlibTable):
    def answer(self, request: ARPPacket) -> None:
        return


class AnswersEveryQuestion(NetlibTable):
    def receive(self, packet: ARPPacket, now: float) -> None:
        super().receive(packet, now)
        if packet.operation == REQUEST and packet.target_ip != self.address and packet.sender_ip != self.address:
            self.answer(packet)


class LearnsNobody(NetlibTable):
    """0.0.0.0 gets an entry."""

    def receive(self, packet: ARPPacket, now: float) -> None:
        super().receive(packet, now)
        if packet.sender_ip == IPv4Address.ANY and packet.target_ip == self.address and packet.operation == REQUEST:
            self.learn(packet.sender_ip, self.insert(packet.sender_ip, now), packet.sender_mac, STALE, now, "", True)


class NeverStale(NetlibTable):
    def expire(self, address: IPv4Address, entry: Neighbour, now: float) -> None:
        if entry.state == REACHABLE:
            self.arm(entry, now + 1e9)
        else:
            super().expire(address, entry, now)


class UseKeepsItYoung(NetlibTable):
    """A packet sent counts as if the neighbour had answered."""

    def send(self, packet: bytes, next_hop: IPv4Address, now: float) -> None:
        super().send(packet, next_hop, now)
        entry = self.table[next_hop]
        if entry.state == REACHABLE:
            self.arm(entry, now + self.timers.reachable)


class ForgetsOldOnes(NetlibTable):
    """After 30 s the entry is gone."""

    def expire(self, address: IPv4Address, entry: Neighbour, now: float) -> None:
        if entry.state == REACHABLE:
            self.forget(address)
        else:
            super().expire(address, entry, now)


class StaleIsNotUsed(NetlibTable):
    """A packet for a STALE entry waits until the neighbour has answered."""

    def send(self, packet: bytes, next_hop: IPv4Address, now: float) -> None:
        entry = self.table.get(next_hop)
        if entry is not None and entry.state == STALE:
            entry.mac = None
            self.enter(next_hop, entry, INCOMPLETE, now, "")
        super().send(packet, next_hop, now)


class StaysStale(NetlibTable):
    """A stale entry is used, and never checked."""

    def send(self, packet: bytes, next_hop: IPv4Address, now: float) -> None:
        super().send(packet, next_hop, now)
        entry = self.table[next_hop]
        if entry.state == DELAY:
            self.enter(next_hop, entry, STALE, now, "")


class ChecksAtOnce(NetlibTable):
    """PROBE with the first packet, without DELAY."""

    def send(self, packet: bytes, next_hop: IPv4Address, now: float) -> None:
        super().send(packet, next_hop, now)
        entry = self.table[next_hop]
        if entry.state == DELAY:
            self.enter(next_hop, entry, PROBE, now, "")


class DelayStartsAnew(NetlibTable):
    """Each packet puts the check off by another five seconds."""

    def send(self, packet: bytes, next_hop: IPv4Address, now: float) -> None:
        super().send(packet, next_hop, now)
        entry = self.table[next_hop]
        if entry.state == DELAY:
            self.arm(entry, now + self.timers.delay)


class ChecksByBroadcast(NetlibTable):
    def ask(self, address: IPv4Address, entry: Neighbour, now: float) -> None:
        super().ask(address, entry, now)
        self.outbox[-1] = MACAddress.BROADCAST, self.outbox[-1][1]


class AnnouncedIsReachable(NetlibTable):
    """Whatever is heard from a neighbour counts as its answer."""

    def receive(self, packet: ARPPacket, now: float) -> None:
        known = packet.sender_ip in self.table
        super().receive(packet, now)
        entry = self.table.get(packet.sender_ip)
        if known and entry is not None and entry.mac is not None and packet.sender_ip != self.address:
            self.enter(packet.sender_ip, entry, REACHABLE, now, "")


class IgnoresNews(NetlibTable):
    """What was learned stays, whoever says otherwise."""

    def learn(
        self, address: IPv4Address, entry: Neighbour, mac: MACAddress, state: str, now: float, why: str, believe: bool
    ) -> None:
        super().learn(address, entry, entry.mac or mac, state, now, why, believe)


class KnownGoesStale(NetlibTable):
    """An announcement of what is known already makes a REACHABLE entry STALE."""

    def receive(self, packet: ARPPacket, now: float) -> None:
        super().receive(packet, now)
        entry = self.table.get(packet.sender_ip)
        for_us = packet.operation == 2 and packet.target_ip == self.address
        if entry is not None and entry.mac is not None and not for_us and entry.state == REACHABLE:
            self.enter(packet.sender_ip, entry, STALE, now, "")


class KeepsItsMac(NetlibTable):
    """FAILED, and the old MAC address is still shown and used."""

    def enter(
        self, address: IPv4Address, entry: Neighbour, state: str, now: float, because: str, *, moved: bool = False
    ) -> None:
        mac = entry.mac
        super().enter(address, entry, state, now, because, moved=moved)
        entry.mac = entry.mac or mac


MISTAKES = [
    Mistake("It looks as if each packet asks anew: while the entry is INCOMPLETE, packets only wait (rule 2).",
            AsksForEachPacket),
    Mistake("It looks as if only the latest packet waits: up to 64 do, in order (rule 2).", KeepsTheLast),
    Mistake("It looks as if only the first packet waits: up to 64 do, in order (rule 2).", KeepsTheFirst),
    Mistake("It looks as if the packet that made it ask is forgotten: it has to go when the answer is there.",
            LosesTheFirst),
    Mistake("It looks as if any number of packets wait: of more than 64, the oldest go (rule 2).", KeepsAll),
    Mistake("It looks as if the newest packet is dropped when 64 wait: the oldest is (rule 2).", KeepsTheOldest),
    Mistake("It looks as if questions are counted on from the last time: each INCOMPLETE and each PROBE has three "
            "(rules 2 and 6).", CountsOn),
    Mistake("It looks as if it asks twice: three times, a second apart (rule 2).", AsksTwice),
    Mistake("It looks as if it asks for ever: three questions, and a second after the third it is FAILED (rule 2).",
            NeverGivesUp),
    Mistake("It looks as if it asks only once: three times, a second apart (rule 2). Does deadline() say when?",
            AsksOnce),
    Mistake("It looks as if it gives up together with the third question: that one has its second too (rule 2).",
            GivesUpAtTheLastQuestion),
    Mistake("It looks as if FAILED is for ever: the next packet asks anew (rule 2).", FailedForGood),
    Mistake("It looks as if an answer makes an entry that nobody has asked for (rule 3).", BelievesAnybody),
    Mistake("It looks as if all questions make entries: of a stranger, only one for us does (rule 4).", LearnsFromAll),
    Mistake("It looks as if nothing is learned from a question for us: who asks will get an answer next (rule 4).",
            LearnsNothingFromQuestions),
    Mistake("It looks as if nobody gets an answer: a question for our address does (rule 4).", AnswersNobody),
    Mistake("It looks as if every question gets an answer: only one for our address does (rule 4).",
            AnswersEveryQuestion),
    Mistake("It looks as if 0.0.0.0 gets an entry: that is nobody's address (rule 4).", LearnsNobody),
    Mistake("It looks as if REACHABLE lasts for ever: 30 s after the answer the entry is STALE (rule 6).", NeverStale),
    Mistake("It looks as if sending keeps an entry young: only an answer does (rule 6).", UseKeepsItYoung),
    Mistake("It looks as if the entry is deleted after 30 s: it becomes STALE, and can still be used (rule 6).",
            ForgetsOldOnes),
    Mistake("It looks as if a packet for a STALE entry has to wait: it goes at once (rule 1).", StaleIsNotUsed),
    Mistake("It looks as if STALE stays STALE: the first packet starts the check, DELAY (rule 1).", StaysStale),
    Mistake("It looks as if the check starts at once: DELAY lasts 5 s before PROBE (rules 1 and 6).", ChecksAtOnce),
    Mistake("It looks as if each packet starts DELAY anew: 5 s from the first one (rule 1).", DelayStartsAnew),
    Mistake("It looks as if the check goes to everyone: in PROBE the questions go to the MAC address itself (rule 6).",
            ChecksByBroadcast),
    Mistake("It looks as if all that is heard makes an entry REACHABLE: only an answer to us does (rules 3 and 5).",
            AnnouncedIsReachable),
    Mistake("It looks as if another MAC address is ignored: who speaks last is believed (rules 3 to 5).", IgnoresNews),
    Mistake("It looks as if what is known already makes the entry STALE: then nothing changes (rules 4 and 5).",
            KnownGoesStale),
    Mistake("It looks as if a FAILED entry keeps its MAC address: it has none any more (rule 6).", KeepsItsMac),
]  # fmt: skip
