"""Exercise 7.3: is an address free, and is it still ours?  RFC 5227, with netlib's `Claim` as the reference.

The three random pauses of RFC 5227 are given to the answer, so that a machine without dice can be judged.  It is driven
like the table of 7.2: its `tick` called at its deadlines, its outbox emptied; what came out is lines of text.
"""

import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.arp_table import Driver, arp_of
from netlib.grading import Mistake, StatefulExercise
from netlib.link.conflict import (
    ANNOUNCING,
    DEFEND_ALWAYS,
    DEFEND_INTERVAL,
    DEFENDING,
    GIVE_UP,
    LOST,
    PROBING,
    Claim,
)
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket

Step = tuple[Any, ...]
WANTED, OUR_MAC = IPv4Address("10.7.1.77"), MACAddress("02:00:00:00:00:77")
OTHER, OTHER_IP = MACAddress("02:00:00:00:00:0a"), "10.7.1.2"
WAITS = (0.5, 1.25, 1.5)


class Waits(Random):
    """Dice that fall as they were told: the three pauses, in order."""

    def __new__(cls, waits: tuple[float, ...]) -> "Waits":
        return super().__new__(cls)

    def __init__(self, waits: tuple[float, ...]) -> None:
        super().__init__(0)
        self.waits: Iterator[float] = iter(waits)

    def uniform(self, a: float, b: float) -> float:
        return next(self.waits, b)


class NetlibClaim(Claim):
    """netlib's own, with the pauses given."""

    def __init__(self, address: IPv4Address, mac: MACAddress, waits: tuple[float, float, float]) -> None:
        super().__init__(address, mac, Waits(waits))


class ClaimDriver(Driver):
    """Drives a claim."""

    def start(self, now: float) -> list[str]:
        self.now = now
        self.machine.start(now)
        return self.told(now)

    def packet(self, said: str) -> ARPPacket:
        return packet_of(said)

    def empty(self, now: float) -> None:
        given = self.machine.outbox
        if not isinstance(given, list):
            raise TypeError(f"outbox is {given!r:.60}: it has to be a list of ARP packets")
        if given:
            self.machine.outbox = []
        for each in given:
            if isinstance(each, tuple):
                raise TypeError("outbox holds a pair: here it has to hold ARP packets alone, since all are broadcast")
            self.lines.append(f"{now:g} s: {sentence(each)}")

    def state(self) -> list[str]:
        return [f"state: {self.machine.state}"]


def sentence(arp: Any) -> str:
    """A packet in words: what kind of question it is, and whose."""
    packet = arp_of(arp)
    if packet.operation == REPLY:
        return f"reply: {packet.sender_ip} is at {packet.sender_mac} (for {packet.target_ip} at {packet.target_mac})"
    if packet.operation != REQUEST:
        return str(packet)
    # "The 'target hardware address' field is ignored and SHOULD be set to all zeroes" (RFC 5227 section 2.1.1)
    filled = "" if packet.target_mac == MACAddress.ANY else f", with target_mac {packet.target_mac}"
    if packet.sender_ip == IPv4Address.ANY:
        return f"probe for {packet.target_ip} by {packet.sender_mac}{filled}"
    if packet.sender_ip == packet.target_ip:
        return f"announcement of {packet.sender_ip} by {packet.sender_mac}{filled}"
    return f"question: who has {packet.target_ip}? tell {packet.sender_ip} at {packet.sender_mac}"


def packet_of(said: str) -> ARPPacket:
    """The packet that a sentence describes."""
    addresses = re.findall(r"\d+\.\d+\.\d+\.\d+", said)
    macs = [MACAddress(each) for each in re.findall(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", said)]
    kind = said.partition(" ")[0].rstrip(":")
    match kind:
        case "probe":
            sender, target = IPv4Address.ANY, IPv4Address(addresses[0])
        case "announcement":
            sender = target = IPv4Address(addresses[0])
        case "question":
            target, sender = map(IPv4Address, addresses)
        case "reply":
            sender, target = map(IPv4Address, addresses)
            return ARPPacket(operation=REPLY, sender_ip=sender, sender_mac=macs[0], target_ip=target,
                             target_mac=macs[1])  # fmt: skip
        case _:
            raise ValueError(f"{said!r:.80}: a probe, an announcement, a question or a reply")
    return ARPPacket(sender_ip=sender, sender_mac=macs[0], target_ip=target)


# ---- what happens to it ---------------------------------------------------------------------------------------


def announcement(mac: MACAddress = OTHER, address: Any = WANTED) -> str:
    return f"announcement of {address} by {mac}"


def probe(mac: MACAddress = OTHER, address: Any = WANTED) -> str:
    return f"probe for {address} by {mac}"


def asks(sender: Any, target: Any, mac: MACAddress = OTHER) -> str:
    return f"question: who has {target}? tell {sender} at {mac}"


def answer(sender: Any = WANTED, target: Any = OTHER_IP, mac: MACAddress = OTHER) -> str:
    return f"reply: {sender} is at {mac} (for {target} at {OUR_MAC})"


HEARD = {
    "answer": answer(target="0.0.0.0"), "announcement": announcement(), "its question": asks(WANTED, OTHER_IP),
    "its reply": answer(), "rival": probe(), "own probe": probe(OUR_MAC), "own": announcement(OUR_MAC),
    "asked for": asks(OTHER_IP, WANTED), "another": announcement(address=OTHER_IP),
    "another's probe": probe(address=OTHER_IP), "between others": answer(OTHER_IP, "10.7.1.3"),
}  # fmt: skip
happenings = st.tuples(
    st.sampled_from(["until", *HEARD, "answer", "announcement", "announcement", "its question"]),
    st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0, 5.0, 9.75, 10.0, 20.0]),
)


def story(happened: list[tuple[str, float]], waits: tuple[float, float, float], later: float) -> list[Step]:
    steps: list[Step] = [("new", WANTED, OUR_MAC, waits), ("start", 0.0)]
    now = later
    for event, after in happened:
        now += after
        steps.append(("until", now) if event == "until" else ("receive", HEARD[event], now))
    return steps


stories = st.builds(
    story, st.lists(happenings, min_size=1, max_size=6),
    st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([1.0, 1.5, 2.0]), st.sampled_from([1.0, 1.25, 2.0])),
    st.sampled_from([0.0, 1.0, 4.0, 8.0, 8.0]),
)  # fmt: skip

STARTED: list[Step] = [("new", WANTED, OUR_MAC, WAITS), ("start", 0.0)]
# probes at 0.5, 1.75 and 3.25 s, announcements at 5.25 and 7.25 s
OURS: list[Step] = [*STARTED, ("until", 8.0)]
PINNED: dict[str, list[Step]] = {
    "before the first probe": [*STARTED, ("until", 0.25)],
    "the first probe": [*STARTED, ("until", 0.5)],
    "three probes": [*STARTED, ("until", 5.0)],
    "the first announcement": [*STARTED, ("until", 5.25), ("until", 7.0)],
    "the second announcement": [*OURS, ("until", 60.0)],
    "somebody answers a probe": [*STARTED, ("receive", HEARD["answer"], 0.75), ("until", 60.0)],
    "somebody announces it": [*STARTED, ("receive", announcement(), 2.0)],
    "its owner speaks of something else": [*STARTED, ("receive", HEARD["its question"], 2.0)],
    "somebody else probes for it": [*STARTED, ("receive", probe(), 2.0)],
    "our own probe comes back": [*STARTED, ("receive", probe(OUR_MAC), 0.75), ("until", 5.25)],
    "it is taken even before we ask": [*STARTED, ("receive", announcement(), 0.25), ("until", 60.0)],
    "others speak of other things": [*STARTED, ("receive", HEARD["between others"], 2.0), ("until", 8.0)],
    "somebody probes for another address": [*STARTED, ("receive", HEARD["another's probe"], 2.0)],
    "somebody only asks for it": [*STARTED, ("receive", HEARD["asked for"], 2.0)],
    "a conflict in the last second of waiting": [*STARTED, ("receive", announcement(), 5.0)],
    "a conflict, when it is ours": [*OURS, ("receive", announcement(), 20.0)],
    "a conflict between the two announcements": [*STARTED, ("receive", announcement(), 6.0), ("until", 8.0)],
    "a probe for it, when it is ours": [*OURS, ("receive", probe(), 20.0)],
    "a second conflict, ten seconds later": [*OURS, ("receive", announcement(), 20.0), ("receive", answer(), 30.0)],
    "a second conflict too soon": [*OURS, ("receive", announcement(), 20.0), ("receive", answer(), 29.75)],
    "after it is lost": [*OURS, ("receive", announcement(), 20.0), ("receive", announcement(), 21.0),
                         ("receive", announcement(), 50.0)],
    "three conflicts, each ten seconds after the one before": [
        *OURS, ("receive", answer(), 20.0), ("receive", answer(), 30.0), ("receive", answer(), 40.0)],
}  # fmt: skip


# ---- what can go wrong ----------------------------------------------------------------------------------------


class ProbesWithItsAddress(NetlibClaim):
    def say(self, sender: IPv4Address) -> None:
        super().say(self.address)


class AnnouncesFromNobody(NetlibClaim):
    def say(self, sender: IPv4Address) -> None:
        super().say(IPv4Address.ANY)


class IgnoresRivals(NetlibClaim):
    def receive(self, packet: ARPPacket, now: float) -> None:
        if packet.sender_ip != IPv4Address.ANY:
            super().receive(packet, now)


class HearsItself(NetlibClaim):
    def receive(self, packet: ARPPacket, now: float) -> None:
        ours, self.mac = self.mac, MACAddress.ANY
        super().receive(packet, now)
        self.mac = ours
        for each in self.outbox:
            each.sender_mac = ours


class OnlyReplies(NetlibClaim):
    """Only replies are looked at."""

    def receive(self, packet: ARPPacket, now: float) -> None:
        if packet.operation == REPLY:
            super().receive(packet, now)


class QuestionsAreConflicts(NetlibClaim):
    """Whoever asks for the address is taken for its owner."""

    def receive(self, packet: ARPPacket, now: float) -> None:
        if packet.target_ip == self.address and packet.sender_ip != IPv4Address.ANY and self.state == PROBING:
            self.lose(packet.sender_mac)
        super().receive(packet, now)


class RivalsLater(NetlibClaim):
    """A probe by another counts as a conflict even when the address is ours."""

    def receive(self, packet: ARPPacket, now: float) -> None:
        wanted = packet.sender_ip == IPv4Address.ANY and packet.target_ip == self.address
        if wanted and self.state in (ANNOUNCING, DEFENDING) and packet.sender_mac != self.mac:
            packet = ARPPacket(sender_mac=packet.sender_mac, sender_ip=self.address, target_ip=self.address)
        super().receive(packet, now)


class GivesUp(NetlibClaim):
    def __init__(self, address: IPv4Address, mac: MACAddress, waits: tuple[float, float, float]) -> None:
        super().__init__(address, mac, waits)
        self.defence = GIVE_UP


class DefendsAlways(NetlibClaim):
    def __init__(self, address: IPv4Address, mac: MACAddress, waits: tuple[float, float, float]) -> None:
        super().__init__(address, mac, waits)
        self.defence = DEFEND_ALWAYS


class GivesUpAtTen(NetlibClaim):
    def receive(self, packet: ARPPacket, now: float) -> None:
        if now - self.last_conflict == DEFEND_INTERVAL:
            self.last_conflict += 0.01
        super().receive(packet, now)


class AnnouncesAtOnce(NetlibClaim):
    """No wait behind the last probe."""

    def tick(self, now: float) -> None:
        super().tick(now)
        if self.state == PROBING and self.sent == 3:
            self.due = now
            super().tick(now)


class AnnouncesOnce(NetlibClaim):
    def tick(self, now: float) -> None:
        super().tick(now)
        if self.state == ANNOUNCING:
            self.state, self.due = DEFENDING, float("inf")


class DefendsAlreadyLost(NetlibClaim):
    def receive(self, packet: ARPPacket, now: float) -> None:
        lost = self.state == LOST
        super().receive(packet, now)
        if lost and packet.sender_ip == self.address:
            self.say(self.address)


class DefendsEach(NetlibClaim):
    """Each conflict is answered by an announcement, however soon it comes."""

    def receive(self, packet: ARPPacket, now: float) -> None:
        self.last_conflict = self.last_defence = float("-inf")
        super().receive(packet, now)


class DefencePutsOff(NetlibClaim):
    """A defence counts as an announcement: the next one is 2 s after it."""

    def receive(self, packet: ARPPacket, now: float) -> None:
        before = len(self.outbox)
        super().receive(packet, now)
        if self.state == ANNOUNCING and len(self.outbox) > before:
            self.due = now + 2


def why(case: Any) -> str:
    method, *args = case[-1]
    before = CLAIM.attempt(NetlibClaim, case[:-1])[-1][1] or []
    if "state: LOST" in before:
        return "LOST is for good: nothing more is sent, and no timer runs (rule 5)."
    if method != "receive":
        return "Three probes, 2 s of silence, an announcement, and 2 s later another (rules 1 and 2)."
    packet = packet_of(args[0])
    if packet.sender_mac == OUR_MAC:
        return "What we have said ourselves is no conflict."
    if packet.sender_ip == WANTED:
        return ("Somebody else speaks with this address: while PROBING it is LOST (rule 3); later it is defended once, "
                "and LOST at the next conflict in less than 10 s (rule 4).")  # fmt: skip
    if packet.sender_ip == IPv4Address.ANY and packet.target_ip == WANTED:
        return "Somebody else probes for this address: that is a conflict while PROBING (rule 3), and none later."
    return "Nobody has used this address, or probed for it: no conflict."


def show(value: Any) -> str | None:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    return None


def drive(claim: Callable[..., Any], steps: list[Step], waits: tuple[float, float, float] = WAITS) -> None:
    """Print what a claim says in these steps, and its state after each."""
    driver = ClaimDriver(claim(WANTED, OUR_MAC, waits))
    for method, *args in steps:
        print(f"{method}({', '.join(map(repr, args))})")
        for line in getattr(driver, method)(*args):
            print("   ", line)


def reproduce(case: Any) -> str:
    steps = ", ".join(repr(step) for step in case if step[0] != "new")
    return f"from netlib.exercises.arp import claim_log; claim_log(AddressClaim, [{steps}], waits={case[0][3]!r})"


class Driven(StatefulExercise):
    """Each step by the driver."""

    def attempt(self, student: Callable[..., Any], case: Any) -> list[list[Any]]:
        return super().attempt(lambda *args: ClaimDriver(student(*args)), case)


CLAIM = Driven(
    number="7.3",
    name="AddressClaim",
    points=4,
    summary="Ask whether an address is free, announce it, defend it.",
    signature="AddressClaim(address: IPv4Address, mac: MACAddress, waits: tuple[float, float, float])",
    rfc="RFC 5227 sections 2.1, 2.3 and 2.4",
    reference=NetlibClaim,
    inputs=stories,
    pinned=PINNED,
    mistakes=[
        Mistake("It looks as if a probe names the address as its sender: it has to be 0.0.0.0 (rule 1).",
                ProbesWithItsAddress),
        Mistake("It looks as if an announcement has 0.0.0.0 as its sender: that makes it a probe (rule 2).",
                AnnouncesFromNobody),
        Mistake("It looks as if a probe's or an announcement's target_mac is filled in: it is zeros (rules 1 and 2).",
                when=lambda args, expected, got: any(", with target_mac " in line for line in got)),
        Mistake("It looks as if another's probe is ignored: two that want the same address must both see it (rule 3).",
                IgnoresRivals),
        Mistake("It looks as if its own packets count as a conflict: compare the sender's MAC address.", HearsItself),
        Mistake("It looks as if only replies count: a question or an announcement names its sender as well (rule 3).",
                OnlyReplies),
        Mistake("It looks as if who asks for the address is taken for its owner: look at the sender (rule 3).",
                QuestionsAreConflicts),
        Mistake("It looks as if a probe counts as a conflict when the address is ours: the ARP table answers it "
                "(rule 4).", RivalsLater),
        Mistake("It looks as if the first conflict is enough to lose the address: defend it once (rule 4).", GivesUp),
        Mistake("It looks as if it is defended again and again: not within 10 s of a conflict (rule 4).",
                DefendsAlways),
        Mistake("It looks as if every conflict is answered: less than 10 s after the one before, give up (rule 4).",
                DefendsEach),
        Mistake("It looks as if it is lost after exactly 10 s as well: less than 10 s is too soon (rule 4).",
                GivesUpAtTen),
        Mistake("It looks as if the first announcement does not wait: 2 s behind the last probe (rule 2).",
                AnnouncesAtOnce),
        Mistake("It looks as if there is one announcement: two, 2 s apart (rule 2).", AnnouncesOnce),
        Mistake("It looks as if a lost address is still defended: LOST is for good (rule 5).", DefendsAlreadyLost),
        Mistake("It looks as if a defence puts the second announcement off: that comes 2 s after the first (rule 4).",
                DefencePutsOff),
    ],
    without=("netlib.link.conflict", "netlib.link.neighbours"),
    why=why,
    show=show,
    reproduce=reproduce,
    examples=60,
)  # fmt: skip
