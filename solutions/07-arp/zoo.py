"""Wrong answers to the exercises of chapter 7, each a mistake that somebody makes, and right ones of other shapes.

Every answer in WRONG has to be killed by a counterexample, every one in RIGHT has to pass: `netlib zoo 07`.
"""

import struct
from dataclasses import dataclass, field
from types import MappingProxyType

from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import ARPPacket
from netlib.wire.ethernet import EthernetFrame

QUESTION = bytes.fromhex("0001080006040001")
NOBODY = IPv4Address("0.0.0.0")
EVERYONE = MACAddress("ff:ff:ff:ff:ff:ff")

# ---- 7.1 arp_reply --------------------------------------------------------------------------------------------


def right_struct(packet, address, mac):
    if len(packet) < 28:
        return None
    kind, protocol, hlen, plen, operation, sha, spa, _tha, tpa = struct.unpack_from("!HHBBH6s4s6s4s", packet)
    if (kind, protocol, hlen, plen, operation) != (1, 0x0800, 6, 4, 1) or tpa != address:
        return None
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 2, mac, address, sha, spa)


def right_by_classes(packet, address, mac):
    try:
        asked = ARPPacket.parse(packet)
    except ValueError:
        return None
    if asked.operation != 1 or asked.target_ip != address:
        return None
    return ARPPacket(
        operation=2,
        sender_mac=MACAddress(mac),
        sender_ip=IPv4Address(address),
        target_mac=asked.sender_mac,
        target_ip=asked.sender_ip,
    ).build()


def right_padded(packet, address, mac):
    """A reply as it will be in its frame, with Ethernet's padding."""
    answer = right_struct(packet, address, mac)
    return answer and answer.ljust(46, b"\0")


def reply_to_all(packet, address, mac):
    return right_struct(packet, packet[24:28], mac)


def reply_to_replies(packet, address, mac):
    return right_struct(packet[:7] + b"\1" + packet[8:], address, mac) if packet[7:8] in (b"\1", b"\2") else None


def reply_unread_types(packet, address, mac):
    return right_struct(QUESTION + packet[8:], address, mac) if packet[6:8] == b"\0\1" else None


def reply_low_byte_only(packet, address, mac):
    """The operation is looked for in one byte."""
    return (
        right_struct(QUESTION + packet[8:], address, mac) if packet[:6] + packet[7:8] == QUESTION[:6] + b"\1" else None
    )


def reply_exact_length(packet, address, mac):
    return right_struct(packet, address, mac) if len(packet) == 28 else None


def reply_short(packet, address, mac):
    """A byte more or less."""
    if packet[:8] != QUESTION or packet[24:28] != address[: len(packet[24:28])]:
        return None
    return QUESTION[:7] + b"\2" + mac + address + packet[8:18]


def reply_swapped(packet, address, mac):
    return right_struct(packet, address, mac) and packet[:7] + b"\2" + packet[18:28] + packet[8:18]


def reply_operation_one(packet, address, mac):
    answer = right_struct(packet, address, mac)
    return answer and packet[:8] + answer[8:]


def reply_for_everyone(packet, address, mac):
    answer = right_struct(packet, address, mac)
    return answer and answer[:18] + b"\xff" * 6 + answer[24:]


def reply_not_to_probes(packet, address, mac):
    return None if packet[14:18] == bytes(4) else right_struct(packet, address, mac)


def reply_with_padding(packet, address, mac):
    answer = right_struct(packet, address, mac)
    return answer and answer + packet[28:] + b"\1" * (len(packet) > 28)


# ---- 7.2 ArpTable ---------------------------------------------------------------------------------------------


@dataclass
class Entry:
    state: str = ""
    mac: MACAddress | None = None
    due: float | None = None
    left: int = 0  # questions that may still be sent
    waiting: list = field(default_factory=list)


class Table:
    """Right.  The wrong ones below are this one with one rule broken."""

    stay = MappingProxyType({"REACHABLE": 30.0, "DELAY": 5.0})
    room = 64
    questions = 3
    gap = 1.0

    def __init__(self, address, mac):
        self.address, self.mac = address, mac
        self.outbox, self.resolved, self.failed = [], [], []
        self.known = {}

    def send(self, packet, next_hop, now):
        entry = self.known.setdefault(next_hop, Entry())
        if entry.state in ("", "FAILED"):
            self.become(next_hop, "INCOMPLETE", now)
        if entry.mac is None:
            self.wait(next_hop, packet, now)
            return
        self.used(next_hop, now)
        self.resolved.append((entry.mac, packet))

    def wait(self, address, packet, now):
        entry = self.known[address]
        entry.waiting.append(packet)
        del entry.waiting[: -self.room]

    def used(self, address, now):
        if self.known[address].state == "STALE":
            self.become(address, "DELAY", now)

    def receive(self, packet, now):
        if packet.sender_ip == self.address:
            return
        asks = packet.operation == 1 and packet.target_ip == self.address
        if asks:
            self.answer(packet)
        if self.adds(packet, asks):
            self.known.setdefault(packet.sender_ip, Entry())
        if packet.sender_ip in self.known:
            self.learn(packet, packet.operation == 2 and packet.target_ip == self.address, now)

    def answer(self, packet):
        reply = ARPPacket(
            operation=2,
            sender_mac=self.mac,
            sender_ip=self.address,
            target_mac=packet.sender_mac,
            target_ip=packet.sender_ip,
        )
        self.outbox.append((packet.sender_mac, reply))

    def adds(self, packet, asks):
        return asks and packet.sender_ip != NOBODY

    def learn(self, packet, answers, now):
        address, entry = packet.sender_ip, self.known[packet.sender_ip]
        if not answers and packet.sender_mac == entry.mac:
            return
        entry.mac = packet.sender_mac
        self.become(address, "REACHABLE" if answers else "STALE", now)
        self.release(address, now)

    def release(self, address, now):
        waiting, self.known[address].waiting = self.known[address].waiting, []
        for each in waiting:
            self.send(each, address, now)

    def become(self, address, state, now):
        entry = self.known[address]
        entry.state, entry.due = state, None
        if state in self.stay:
            entry.due = now + self.stay[state]
        if state in ("INCOMPLETE", "PROBE"):
            entry.left = self.questions
            self.ask(address, now)
        if state == "FAILED":
            entry.mac = None
            self.failed, entry.waiting = self.failed + entry.waiting, []

    def ask(self, address, now):
        entry = self.known[address]
        entry.left -= 1
        entry.due = now + self.gap
        self.outbox.append((entry.mac or EVERYONE, self.question(address)))

    def question(self, address):
        return ARPPacket(sender_mac=self.mac, sender_ip=self.address, target_ip=address)

    def tick(self, now):
        for address, entry in list(self.known.items()):
            if entry.due is not None and entry.due <= now:
                self.expired(address, entry, now)

    def expired(self, address, entry, now):
        after = {"REACHABLE": "STALE", "DELAY": "PROBE"}.get(entry.state)
        if after:
            self.become(address, after, now)
        elif entry.left:
            self.ask(address, now)
        else:
            self.become(address, "FAILED", now)

    def deadline(self):
        return min((entry.due for entry in self.known.values() if entry.due is not None), default=None)

    def rows(self):
        return [
            {"address": str(address), "mac": str(entry.mac or ""), "state": entry.state}
            for address, entry in self.known.items()
        ]


class TableOfLists:
    """Right, too: no classes, timers apart from the entries, packets as bytes."""

    def __init__(self, address, mac):
        self.me = bytes(mac) + bytes(address)
        self.outbox, self.resolved, self.failed = [], [], []
        self.state, self.mac, self.timer, self.asked, self.queue = {}, {}, {}, {}, {}

    def send(self, packet, next_hop, now):
        ip = bytes(next_hop)
        if ip in self.mac:
            if self.state[ip] == "STALE":
                self.state[ip], self.timer[ip] = "DELAY", now + 5
            self.resolved.append((self.mac[ip], packet))
        else:
            queue = self.queue.setdefault(ip, [])
            if self.state.get(ip) != "INCOMPLETE":
                self.state[ip], self.asked[ip] = "INCOMPLETE", 0
                self.ask(ip, now)
            queue.append(packet)
            if len(queue) > 64:
                queue.pop(0)

    def ask(self, ip, now):
        self.asked[ip] += 1
        self.timer[ip] = now + 1
        self.outbox.append((self.mac.get(ip, b"\xff" * 6), QUESTION + self.me + bytes(6) + ip))

    def receive(self, packet, now):
        ip, mac, ours = bytes(packet.sender_ip), bytes(packet.sender_mac), self.me[6:]
        if ip == ours:
            return
        to_us = packet.target_ip == ours
        if packet.operation == 1 and to_us:
            self.outbox.append((mac, QUESTION[:7] + b"\2" + self.me + mac + ip))
            if ip != bytes(4) and ip not in self.state:
                self.state[ip] = ""
        if ip in self.state:
            if packet.operation == 2 and to_us:
                self.state[ip], self.timer[ip] = "REACHABLE", now + 30
            elif self.mac.get(ip) != mac:
                self.state[ip] = "STALE"
                self.timer.pop(ip, None)
            self.mac[ip] = mac
            for each in self.queue.pop(ip, []):
                self.send(each, ip, now)

    def tick(self, now):
        for ip, due in list(self.timer.items()):
            if due > now:
                continue
            del self.timer[ip]
            if self.state[ip] == "REACHABLE":
                self.state[ip] = "STALE"
            elif self.state[ip] == "DELAY":
                self.state[ip], self.asked[ip] = "PROBE", 0
                self.ask(ip, now)
            elif self.asked[ip] < 3:
                self.ask(ip, now)
            else:
                self.state[ip] = "FAILED"
                self.mac.pop(ip, None)
                self.failed.extend(self.queue.pop(ip, []))

    def deadline(self):
        return min(self.timer.values()) if self.timer else None

    def rows(self):
        return [
            {
                "address": ".".join(map(str, ip)),
                "mac": self.mac[ip].hex(":") if ip in self.mac else "",
                "state": state,
            }
            for ip, state in self.state.items()
        ]


class AsksAgain(Table):
    def wait(self, address, packet, now):
        if self.known[address].waiting:
            self.outbox.append((EVERYONE, self.question(address)))
        super().wait(address, packet, now)


class OnePlace(Table):
    room = 1


class RoomForAll(Table):
    room = 10**6


class DropsTheNewest(Table):
    def wait(self, address, packet, now):
        if len(self.known[address].waiting) < self.room:
            super().wait(address, packet, now)


class LastInFirstOut(Table):
    def release(self, address, now):
        self.known[address].waiting.reverse()
        super().release(address, now)


class ForgetsWhatWaits(Table):
    def release(self, address, now):
        self.known[address].waiting.clear()


class TwoQuestions(Table):
    questions = 2


class ImpatientAtTheEnd(Table):
    """FAILED as soon as the third question is out."""

    def ask(self, address, now):
        super().ask(address, now)
        if not self.known[address].left:
            self.become(address, "FAILED", now)


class NeverFails(Table):
    def expired(self, address, entry, now):
        entry.left = entry.left or 1
        super().expired(address, entry, now)


class DropsInSilence(Table):
    """What waited for one that does not answer is lost, and nobody told."""

    def become(self, address, state, now):
        if state == "FAILED":
            self.known[address].waiting = []
        super().become(address, state, now)


class FailsForGood(Table):
    def send(self, packet, next_hop, now):
        if next_hop in self.known and self.known[next_hop].state == "FAILED":
            self.failed.append(packet)
        else:
            super().send(packet, next_hop, now)


class BelievesStrangers(Table):
    def adds(self, packet, asks):
        return super().adds(packet, asks) or packet.operation == 2


class HearsAndLearns(Table):
    def adds(self, packet, asks):
        return packet.operation == 1 and packet.sender_ip != NOBODY


class LearnsNothing(Table):
    def adds(self, packet, asks):
        return False


class KnowsNobody(Table):
    def adds(self, packet, asks):
        return asks


class AnswersForAll(Table):
    def receive(self, packet, now):
        super().receive(packet, now)
        if packet.operation == 1 and packet.target_ip != self.address and packet.sender_ip != self.address:
            self.answer(packet)


class AnswersToEveryone(Table):
    def answer(self, packet):
        super().answer(packet)
        self.outbox[-1] = EVERYONE, self.outbox[-1][1]


class TalksToItself(Table):
    """Our own address gets an entry."""

    def receive(self, packet, now):
        if packet.sender_ip == self.address:
            self.known[packet.sender_ip] = Entry("STALE", packet.sender_mac)
        super().receive(packet, now)


class AllIsAnAnswer(Table):
    def learn(self, packet, answers, now):
        super().learn(packet, True, now)


class StaleAgain(Table):
    """Whoever speaks is STALE from then on, known or not."""

    def learn(self, packet, answers, now):
        if not answers:
            self.known[packet.sender_ip].mac = None
        super().learn(packet, answers, now)


class BelievesOnce(Table):
    def learn(self, packet, answers, now):
        mac = self.known[packet.sender_ip].mac
        if mac is None or mac == packet.sender_mac:
            super().learn(packet, answers, now)


class TimerRunsOn(Table):
    """STALE by another MAC address, and the timer of before is not stopped."""

    def become(self, address, state, now):
        due = self.known[address].due
        super().become(address, state, now)
        if state == "STALE" and due is not None and due > now:
            self.known[address].due = due


class CountsOn(Table):
    """Three questions in an entry's life, not in each INCOMPLETE and each PROBE."""

    def become(self, address, state, now):
        left = self.known[address].left if self.known[address].state else 3
        self.questions = max(left, 1)
        super().become(address, state, now)


class SaysNone(Table):
    """Its rows have None, or bytes, where text is expected."""

    def rows(self):
        return [
            {"address": str(address), "mac": entry.mac, "state": entry.state} for address, entry in self.known.items()
        ]


class NeverOld(Table):
    stay = MappingProxyType({"DELAY": 5.0})


class OldIsGone(Table):
    def expired(self, address, entry, now):
        if entry.state == "REACHABLE":
            del self.known[address]
        else:
            super().expired(address, entry, now)


class SendingRefreshes(Table):
    def used(self, address, now):
        super().used(address, now)
        if self.known[address].state == "REACHABLE":
            self.known[address].due = now + 30


class HeldBack(Table):
    """A packet for a STALE entry waits for the check."""

    def send(self, packet, next_hop, now):
        if next_hop in self.known and self.known[next_hop].state == "STALE":
            self.become(next_hop, "PROBE", now)
            self.wait(next_hop, packet, now)
        else:
            super().send(packet, next_hop, now)


class NeverChecks(Table):
    def used(self, address, now):
        pass


class NoDelay(Table):
    def used(self, address, now):
        if self.known[address].state == "STALE":
            self.become(address, "PROBE", now)


class EachUseDelays(Table):
    def used(self, address, now):
        if self.known[address].state in ("STALE", "DELAY"):
            self.become(address, "DELAY", now)


class ChecksEverybody(Table):
    def ask(self, address, now):
        super().ask(address, now)
        self.outbox[-1] = EVERYONE, self.outbox[-1][1]


class RemembersTheDead(Table):
    def become(self, address, state, now):
        mac = self.known[address].mac
        super().become(address, state, now)
        self.known[address].mac = self.known[address].mac or mac


class HalfAMinuteLate(Table):
    """Timers count from the first answer."""

    def learn(self, packet, answers, now):
        due = self.known[packet.sender_ip].due
        was = self.known[packet.sender_ip].state
        super().learn(packet, answers, now)
        if was == "REACHABLE" == self.known[packet.sender_ip].state:
            self.known[packet.sender_ip].due = due


# ---- 7.3 AddressClaim -----------------------------------------------------------------------------------------


class Claiming:
    """Right.  The wrong ones below are this one with one rule broken."""

    pause = 2.0
    calm = 10.0

    def __init__(self, address, mac, waits):
        self.address, self.mac, self.waits = address, mac, list(waits)
        self.outbox, self.state = [], ""
        self.plan = []  # (pause before it, what to do), the next one first
        self.due = None
        self.conflict = float("-inf")

    def start(self, now):
        self.state = "PROBING"
        self.plan = [*((wait, self.probe) for wait in self.waits), (self.pause, self.first), (2.0, self.second)]
        self.next(now)

    def next(self, now):
        self.due = now + self.plan[0][0] if self.plan else None

    def tick(self, now):
        if self.due is not None and now >= self.due:
            _, act = self.plan.pop(0)
            act()
            self.next(now)

    def deadline(self):
        return self.due

    def say(self, sender):
        self.outbox.append(ARPPacket(sender_mac=self.mac, sender_ip=sender, target_ip=self.address))

    def probe(self):
        self.say(NOBODY)

    def first(self):
        self.state = "ANNOUNCING"
        self.say(self.address)

    def second(self):
        self.state = "DEFENDING"
        self.say(self.address)

    def lose(self):
        self.state, self.plan, self.due = "LOST", [], None

    def rival(self, packet):
        return packet.operation == 1 and packet.sender_ip == NOBODY and packet.target_ip == self.address

    def foreign(self, packet):
        return packet.sender_mac != self.mac

    def receive(self, packet, now):
        if self.state in ("", "LOST") or not self.foreign(packet):
            return
        uses = packet.sender_ip == self.address
        if self.state == "PROBING":
            if uses or self.rival(packet):
                self.lose()
        elif uses:
            before, self.conflict = self.conflict, now
            self.react(now - before)

    def react(self, since):
        if since < self.calm:
            self.lose()
        else:
            self.say(self.address)


class ClaimByTable:
    """Right, too: the times of all packets are worked out at the start."""

    def __init__(self, address, mac, waits):
        self.state, self.outbox, self.times = "", [], []
        self.address, self.mac, self.waits = IPv4Address(address), MACAddress(mac), waits
        self.conflicts = []

    def start(self, now):
        self.state = "PROBING"
        for wait in (*self.waits, 2.0, 2.0):
            now += wait
            self.times.append(now)

    def deadline(self):
        return self.times[0] if self.times else None

    def tick(self, now):
        while self.times and self.times[0] <= now:
            self.times.pop(0)
            left = len(self.times)
            if left < 2:
                self.state = ("DEFENDING", "ANNOUNCING")[left]
            self.outbox.append(self.packet(left < 2))

    def packet(self, ours):
        sender = self.address if ours else NOBODY
        return ARPPacket(operation=1, sender_mac=self.mac, sender_ip=sender, target_ip=self.address)

    def receive(self, packet, now):
        if self.state == "LOST" or packet.sender_mac == self.mac:
            return
        wanted = (packet.operation, packet.sender_ip, packet.target_ip) == (1, NOBODY, self.address)
        if packet.sender_ip == self.address or (wanted and self.state == "PROBING"):
            lost = self.state == "PROBING" or any(now - when < 10.0 for when in self.conflicts[-1:])
            self.conflicts.append(now)
            if lost:
                self.state, self.times = "LOST", []
            else:
                self.outbox.append(self.packet(True))


class ProbesAsOwner(Claiming):
    def probe(self):
        self.say(self.address)


class AnnouncesAsNobody(Claiming):
    def say(self, sender):
        super().say(NOBODY)


class FillsTheTarget(Claiming):
    """Whom it asks is everyone, so that is what it writes."""

    def say(self, sender):
        super().say(sender)
        self.outbox[-1].target_mac = EVERYONE


class OneProbe(Claiming):
    def start(self, now):
        self.waits = self.waits[:1]
        super().start(now)


class NoPause(Claiming):
    pause = 0.0


class OneAnnouncement(Claiming):
    def first(self):
        self.second()
        self.plan = []


class DeafToRivals(Claiming):
    def rival(self, packet):
        return False


class AfraidOfQuestions(Claiming):
    """Any question for the address is taken for a claim to it."""

    def rival(self, packet):
        return packet.operation == 1 and packet.target_ip == self.address


class AfraidOfAnyProbe(Claiming):
    def rival(self, packet):
        return packet.operation == 1 and packet.sender_ip == NOBODY


class AfraidOfItself(Claiming):
    def foreign(self, packet):
        return True


class OnlyHearsReplies(Claiming):
    def receive(self, packet, now):
        if packet.operation == 2 or packet.sender_ip == NOBODY:
            super().receive(packet, now)


class RivalsForEver(Claiming):
    def receive(self, packet, now):
        if self.state in ("ANNOUNCING", "DEFENDING") and self.foreign(packet) and self.rival(packet):
            self.say(self.address)
        super().receive(packet, now)


class DefenceIsTheSecond(Claiming):
    """A defence puts the second announcement off."""

    def receive(self, packet, now):
        said = len(self.outbox)
        super().receive(packet, now)
        if self.state == "ANNOUNCING" and len(self.outbox) > said:
            self.due = now + 2


class Timid(Claiming):
    calm = float("inf")


class Stubborn(Claiming):
    calm = 0.0


class TenIsTooSoon(Claiming):
    def react(self, since):
        super().react(since if since != 10.0 else 9.0)


class CountsFromDefence(Claiming):
    """Ten seconds from the first conflict, not from the last."""

    def receive(self, packet, now):
        before = self.conflict
        super().receive(packet, now)
        if before != float("-inf"):
            self.conflict = before


class DiesHard(Claiming):
    """LOST, and what was planned still happens."""

    def lose(self):
        self.state = "LOST"


class SilentDefence(Claiming):
    def react(self, since):
        if since < self.calm:
            self.lose()


# ---- 7.4 PoisonDetector ---------------------------------------------------------------------------------------


def opened(frame):
    ethernet = EthernetFrame.parse(frame)
    return ethernet, ARPPacket.parse(ethernet.payload)


class Careful:
    """Right: an address belongs to who had it; a successor has to announce itself, and the old one to be silent."""

    alive = 60.0

    def __init__(self):
        self.had = {}  # address -> [MAC address, last heard]
        self.new = {}  # address -> (MAC address, announced at)

    def hear(self, frame, now):
        ethernet, arp = opened(frame)
        if ethernet.source != arp.sender_mac or arp.sender_mac.is_group:
            return True
        if arp.sender_ip == NOBODY:
            return False
        return self.claims(arp, now)

    def claims(self, arp, now):
        had = self.had.get(arp.sender_ip)
        if had is None or had[0] == arp.sender_mac or now - had[1] > self.alive:
            self.had[arp.sender_ip] = [arp.sender_mac, now]
            return False
        if self.new.get(arp.sender_ip, (None,))[0] == arp.sender_mac:
            return had[1] > self.new[arp.sender_ip][1]
        if arp.sender_ip == arp.target_ip:
            self.new[arp.sender_ip] = arp.sender_mac, now
            return False
        return True


class ByReasons:
    """Right, too: what nobody asked for, and what the owner contradicts."""

    def __init__(self):
        self.asked, self.owner, self.heard, self.since, self.rival = {}, {}, {}, {}, {}

    def hear(self, frame, now):
        ethernet, arp = opened(frame)
        ip, mac = arp.sender_ip, arp.sender_mac
        if ethernet.source != mac:
            return True
        if arp.operation == 1 and ip != arp.target_ip:
            self.asked[ip, arp.target_ip] = now
        if ip == NOBODY:
            return False
        if self.owner.setdefault(ip, mac) == mac:
            self.heard[ip] = now
            return False
        if now - self.heard[ip] > 60:
            self.owner[ip], self.heard[ip] = mac, now
            return False
        if self.rival.get(ip) != mac:
            self.rival[ip], self.since[ip] = mac, now
        contradicted = self.heard[ip] > self.since[ip]
        unasked = arp.operation == 2 and arp.target_ip != ip and now - self.asked.get((arp.target_ip, ip), -9) > 5
        quick = arp.operation == 2 and arp.target_ip != ip and now - self.heard[ip] < 20
        return contradicted or unasked or (quick and self.since[ip] == now)


class NamesNothing:
    def hear(self, frame, now):
        return False


class NamesAll:
    def hear(self, frame, now):
        return True


class AnyChange:
    """arpwatch's idea: whoever has another MAC address than before."""

    def __init__(self):
        self.last = {}

    def hear(self, frame, now):
        _, arp = opened(frame)
        if arp.sender_ip == NOBODY:
            return False
        before = self.last.get(arp.sender_ip, arp.sender_mac)
        self.last[arp.sender_ip] = arp.sender_mac
        return before != arp.sender_mac


class FirstForEver:
    def __init__(self):
        self.first = {}

    def hear(self, frame, now):
        _, arp = opened(frame)
        if arp.sender_ip == NOBODY:
            return False
        return self.first.setdefault(arp.sender_ip, arp.sender_mac) != arp.sender_mac


class OnlyUnasked:
    def __init__(self):
        self.asked = {}

    def hear(self, frame, now):
        _, arp = opened(frame)
        if arp.operation == 1:
            self.asked[arp.sender_ip, arp.target_ip] = now
            return False
        return now - self.asked.get((arp.target_ip, arp.sender_ip), -9.0) > 5


class OnlyFrames:
    """Compares the frame's sender with the packet's."""

    def hear(self, frame, now):
        ethernet, arp = opened(frame)
        return ethernet.source != arp.sender_mac


class OneAddressEach:
    """A MAC address that speaks for two IP addresses is a liar: and a router?"""

    def __init__(self):
        self.addresses = {}

    def hear(self, frame, now):
        _, arp = opened(frame)
        self.addresses.setdefault(arp.sender_mac, set()).add(arp.sender_ip)
        return len(self.addresses[arp.sender_mac]) > 1


class NoSuccessors(Careful):
    """Nobody may take an address over."""

    def claims(self, arp, now):
        had = self.had.setdefault(arp.sender_ip, [arp.sender_mac, now])
        return had[0] != arp.sender_mac


class BelievesAnnouncements(Careful):
    """Who announces an address has it."""

    def claims(self, arp, now):
        if arp.sender_ip == arp.target_ip:
            self.had[arp.sender_ip] = [arp.sender_mac, now]
            return False
        return super().claims(arp, now)


class ForgetsQuickly(Careful):
    alive = 2.0


class NoneAtAll:
    def hear(self, frame, now):
        return None


# fmt: off
WRONG = {
    "7.1": [
        reply_to_all, reply_to_replies, reply_unread_types, reply_low_byte_only, reply_exact_length, reply_short,
        reply_swapped, reply_operation_one, reply_for_everyone, reply_not_to_probes, reply_with_padding,
    ],
    "7.2": [
        AsksAgain, OnePlace, RoomForAll, DropsTheNewest, LastInFirstOut, ForgetsWhatWaits, TwoQuestions,
        ImpatientAtTheEnd, NeverFails, DropsInSilence, FailsForGood, BelievesStrangers, HearsAndLearns,
        LearnsNothing, KnowsNobody, AnswersForAll, AnswersToEveryone, TalksToItself, AllIsAnAnswer, StaleAgain,
        BelievesOnce, NeverOld, OldIsGone, SendingRefreshes, HeldBack, NeverChecks, NoDelay, EachUseDelays,
        ChecksEverybody, RemembersTheDead, HalfAMinuteLate, TimerRunsOn, CountsOn, SaysNone,
    ],
    "7.3": [
        ProbesAsOwner, AnnouncesAsNobody, FillsTheTarget, OneProbe, NoPause, OneAnnouncement, DeafToRivals, AfraidOfQuestions,
        AfraidOfAnyProbe, AfraidOfItself, OnlyHearsReplies, RivalsForEver, Timid, Stubborn, TenIsTooSoon,
        CountsFromDefence, DiesHard, SilentDefence, DefenceIsTheSecond,
    ],
    "7.4": [
        NamesNothing, NamesAll, AnyChange, FirstForEver, OnlyUnasked, OnlyFrames, OneAddressEach, NoSuccessors,
        BelievesAnnouncements, ForgetsQuickly, NoneAtAll,
    ],
}
# fmt: on
RIGHT = {
    "7.1": [right_struct, right_by_classes, right_padded],
    "7.2": [Table, TableOfLists],
    "7.3": [Claiming, ClaimByTable],
    "7.4": [Careful, ByReasons],
}
