"""The neighbour table of one interface: ARP (RFC 826), with the states and timers of RFC 4861 section 7.3.

RFC 826 says how to ask and to answer, and nothing of how long an answer holds.  The kernel lends ARP what IPv6 has
for that, so the names here are those that `ip neigh` prints:

    (none), FAILED --a packet for it: broadcast--> INCOMPLETE --answered--> REACHABLE --30 s--> STALE
    STALE --a packet for it, which goes at once--> DELAY --5 s--> PROBE: asked by unicast --answered--> REACHABLE
    INCOMPLETE, PROBE --three questions, a second apart, and no answer--> FAILED

A packet for an address without a MAC address waits; the answer sets it free, FAILED brings it back as undeliverable.

Bounded, because anybody on the link can write ARP packets, and anybody at all can send packets to addresses
that nobody has: LIMIT entries, PENDING packets for each, WAITING in all.  Who is not asked makes no entry: not by a
reply without a question, nor by a stranger's request when the table is full.  But an entry that is there believes
whoever speaks for it, as RFC 826 has it: nothing in ARP says what is true.
What is left to others: which next hop a packet has (routes), what to say of one that failed (host), whether our own
address is ours alone (conflict), and who tells lies (suspicion).
"""

from collections import deque
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import NamedTuple, Protocol

from netlib.link.conflict import DEFEND_ONCE, Claim, Conflict
from netlib.wire.address import IPv4Address, IPv4Interface, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket

INCOMPLETE = "INCOMPLETE"  # asked; no answer yet
REACHABLE = "REACHABLE"  # answered, not long ago
STALE = "STALE"  # known, and nobody has looked for a while; used as it is, and the first use starts a check
DELAY = "DELAY"  # being used; a little time for the traffic itself to show that the neighbour is there
PROBE = "PROBE"  # it did not: asking the neighbour itself
FAILED = "FAILED"  # no answer
PERMANENT = "PERMANENT"  # fixed by hand, as `ip neigh replace ... nud permanent` does

# RFC 4861 section 10; Linux has the same for ARP (arp_tbl in net/ipv4/arp.c, /proc/sys/net/ipv4/neigh)
REACHABLE_TIME = 30.0  # seconds; Linux draws from 15 to 45, as that RFC's section 6.3.2 has it: see Timers
DELAY_FIRST_PROBE_TIME = 5.0  # seconds
RETRANS_TIMER = 1.0  # seconds; "the recommended maximum rate is 1 per second per destination" (RFC 1122 2.3.2.1)
MAX_MULTICAST_SOLICIT = 3  # questions to everyone
MAX_UNICAST_SOLICIT = 3  # questions to the neighbour itself
# Linux alone
LOCK_TIME = 1.0  # seconds in which an entry that has just changed takes no other MAC address from a mere reply
KEEP = 128  # entries that are kept however old they are (gc_thresh1)
UNUSED = 60.0  # seconds after which an entry that nobody uses may go, where there are more (gc_stale_time)
COLLECT_INTERVAL = 5.0  # seconds between two searches for those
LIMIT = 1024  # entries (gc_thresh3)

PENDING = 64  # packets kept for one unresolved address, the newest ones: the fragments of one of 64 KB fit in
WAITING = 1024  # packets kept in all; beyond that, only the newest for each address
CHANGES = 1000  # changes of state that are remembered

# Which entries have to go first where the table is full: what was never known, and never answered
WORTH = {FAILED: 0, INCOMPLETE: 1, STALE: 2, PROBE: 3, DELAY: 4, REACHABLE: 5, PERMANENT: 6}


class NeighboursPart(Protocol):
    """Finds the MAC address for a next hop; made with our own two addresses on the link.

    A table with a list `own` can have more than one IP address: the owner keeps all of them in it, with their networks.

    The owner empties the three lists: `outbox` holds (destination MAC, ARP packet) to send, `resolved` (MAC, packet)
    that may go now, and `failed` the packets whose next hop did not answer.  An ARP packet may be its 28 bytes.
    """

    outbox: list[tuple[MACAddress, ARPPacket]]
    resolved: list[tuple[MACAddress, bytes]]
    failed: list[bytes]

    def send(self, packet: bytes, next_hop: IPv4Address, now: float) -> None:
        """Move `packet` to `resolved`, now or when `next_hop` has answered, or to `failed` if it never does."""

    def receive(self, packet: ARPPacket, now: float) -> None:
        """Learn from an ARP packet, and answer it if it asks for us."""

    def tick(self, now: float) -> None:
        """Do what is due."""

    def deadline(self) -> float | None:
        """When `tick` is next needed (seconds), or None."""


@dataclass(frozen=True, slots=True)
class Timers:
    """How patient a table is: seconds, and numbers of questions.  One that is not to be in step with its
    neighbours draws `reachable` from 0.5 to 1.5 times REACHABLE_TIME (RFC 4861 section 6.3.2)."""

    reachable: float = REACHABLE_TIME
    delay: float = DELAY_FIRST_PROBE_TIME
    retransmit: float = RETRANS_TIMER
    broadcasts: int = MAX_MULTICAST_SOLICIT
    unicasts: int = MAX_UNICAST_SOLICIT
    lock: float = LOCK_TIME


class Change(NamedTuple):
    """An entry's way from one state to another, and why.  "" stands for no entry."""

    time: float
    address: IPv4Address
    before: str
    after: str
    because: str

    def __str__(self) -> str:
        return f"{self.time:9.3f} s  {self.address}  {self.before or '(none)'} -> {self.after}: {self.because}"


@dataclass(slots=True)
class Neighbour:
    """What is known of one address on the link.  Times are in seconds."""

    state: str = ""
    mac: MACAddress | None = None  # None: INCOMPLETE or FAILED
    due: float = inf  # when its timer ends
    updated: float = -inf  # when its state or MAC address last changed
    used: float = -inf  # when it last had a packet, or was confirmed
    probes: int = 0  # questions sent in this state
    pending: list[bytes] = field(default_factory=list)


class Neighbours:
    """A machine: packets in with the time, frames' addresses and ARP packets out, as NeighboursPart says.

    `print(table)` shows what `ip neigh` would; `changes` has the latest CHANGES arrows that entries went.
    """

    def __init__(self, address: IPv4Address, mac: MACAddress, timers: Timers = Timers()) -> None:
        self.address, self.mac, self.timers = address, mac, timers
        self.own = [IPv4Interface(f"{address}/32")]  # our addresses on this link, and which networks they are in
        self.table: dict[IPv4Address, Neighbour] = {}
        self.outbox: list[tuple[MACAddress, ARPPacket]] = []
        self.resolved: list[tuple[MACAddress, bytes]] = []
        self.failed: list[bytes] = []
        self.waiting = 0  # packets pending, in all entries
        self.overflowed = 0  # packets that had to go because too many were pending
        self.changes: deque[Change] = deque(maxlen=CHANGES)
        self.conflicts: deque[Conflict] = deque(maxlen=CHANGES)  # others who used our address
        self.claim: Claim | None = None  # our claim to our address, where we probe for it (RFC 5227)
        self.soonest, self.uncertain = inf, False  # no timer ends before `soonest`; uncertain: perhaps none at it
        self.collected = -inf  # when old entries were last looked for

    # ---- packets -------------------------------------------------------------------------------------------

    def send(self, packet: bytes, next_hop: IPv4Address, now: float) -> None:
        """Move `packet` to `resolved`, now or when `next_hop` has answered, or to `failed` if it never does.

        It also fails while our own address is not ours to send from (see `probe`).
        """
        entry = self.table.get(next_hop)
        if entry is not None and entry.due <= now:
            self.expire(next_hop, entry, now)
        if self.claim is not None and not self.claim.usable:
            self.failed.append(packet)
        elif entry is not None and entry.mac is not None:
            entry.used = now
            if entry.state == STALE:
                self.enter(next_hop, entry, DELAY, now, "a packet for it")
            self.resolved.append((entry.mac, packet))
        else:
            entry = entry or self.insert(next_hop, now)
            entry.used = now
            self.keep(entry, packet)
            if entry.state in ("", FAILED):
                self.enter(next_hop, entry, INCOMPLETE, now, "a packet for it")

    def doubt(self, next_hop: IPv4Address, now: float) -> None:
        """Somebody above gets no answer by way of this neighbour, so it is asked at once whether it is there."""
        entry = self.table.get(next_hop)
        if entry is not None and entry.state in (REACHABLE, STALE, DELAY):
            self.enter(next_hop, entry, PROBE, now, "no answer to what goes through it")

    def keep(self, entry: Neighbour, packet: bytes) -> None:
        """Let a packet wait for the answer."""
        entry.pending.append(packet)
        self.waiting += 1
        # "the link layer SHOULD save (rather than discard) at least one (the latest) packet" (RFC 1122, 2.3.2.2)
        while len(entry.pending) > (PENDING if self.waiting <= WAITING else 1):
            del entry.pending[0]
            self.waiting -= 1
            self.overflowed += 1

    def receive(self, packet: ARPPacket, now: float) -> None:
        """Learn from an ARP packet, and answer it if it asks for us: "Packet Reception" of RFC 826, as Linux does it.

        RFC 826 adds an entry from any packet meant for us; here only a request does, to which there will be an answer
        to send.  Packets with which something is wrong, a group's MAC address for one, change nothing.
        """
        sender, mac = packet.sender_ip, packet.sender_mac
        if mac.is_group or packet.operation not in (REQUEST, REPLY):
            return
        if self.is_ours(sender) and mac != self.mac:
            self.conflicts.append(Conflict(now, sender, mac))
        if self.claim is not None:
            self.claim.receive(packet, now)
            self.speak(self.claim)
            if not self.claim.usable:  # then it is not for us to answer for it
                return
        asks_us = packet.operation == REQUEST and self.is_ours(packet.target_ip)
        if sender == IPv4Address.ANY:  # somebody who has no address yet, and probes for it: RFC 5227 section 2.1.1
            if asks_us:
                self.answer(packet)
            return
        # nobody else's on this link; the kernel calls these martians
        if self.is_ours(sender) or sender.is_loopback or sender.is_multicast or sender == IPv4Address.BROADCAST:
            return
        entry = self.table.get(sender)
        if asks_us:
            if entry is None and self.room(now):
                entry = self.insert(sender, now)
            if entry is not None:
                self.learn(sender, entry, mac, STALE, now, "its question for us", True)
            self.answer(packet)
        elif entry is not None:
            # Linux: "Broadcast replies and request packets do not assert neighbour reachability".  It goes by whom the
            # frame is for, we by whom the packet in it is for.
            answers = packet.operation == REPLY and self.is_ours(packet.target_ip)
            announces = packet.target_ip == sender and (packet.operation == REQUEST or packet.target_mac == mac)
            why = "its answer" if answers else "its announcement" if packet.target_ip == sender else "seen to speak"
            # Several that answer, as proxies do: the first one counts, and is left in peace for LOCK_TIME.
            believe = announces or now > entry.updated + self.timers.lock
            self.learn(sender, entry, mac, REACHABLE if answers else STALE, now, why, believe)

    def learn(
        self, address: IPv4Address, entry: Neighbour, mac: MACAddress, state: str, now: float, why: str, believe: bool
    ) -> None:
        """The address is at `mac`.  Where another was known, that counts only if we `believe` it."""
        if entry.state == PERMANENT:
            return
        moved = entry.mac is not None and mac != entry.mac
        if (moved and not believe) or (mac == entry.mac and state == STALE):  # the latter is nothing new
            return
        if moved:
            why += f", which moves it from {entry.mac}"
        entry.mac = mac
        self.enter(address, entry, state, now, why, moved=moved)
        waiting = self.take(entry)
        self.resolved += [(mac, packet) for packet in waiting]
        if waiting and state == STALE:
            self.enter(address, entry, DELAY, now, "the packets that waited for it")

    def confirm(self, address: IPv4Address, now: float) -> None:
        """Note that the neighbour is there: an upper layer has seen its traffic make progress (RFC 4861 section 7.3.1).

        Linux notes it likewise, and shows it only when the entry's timer ends.
        """
        entry = self.table.get(address)
        if entry is not None and entry.mac is not None and entry.state != PERMANENT:
            self.enter(address, entry, REACHABLE, now, "progress above")

    def answer(self, request: ARPPacket) -> None:
        """Tell who asks our MAC address."""
        reply = ARPPacket(
            operation=REPLY,
            sender_mac=self.mac,
            sender_ip=request.target_ip,
            target_mac=request.sender_mac,
            target_ip=request.sender_ip,
        )
        self.outbox.append((request.sender_mac, reply))

    # ---- our own address -----------------------------------------------------------------------------------

    def announce(self, now: float) -> None:
        """Tell everyone on the link our MAC address: gratuitous ARP, as a request (RFC 5227 section 2.3)."""
        for own in self.own:
            announcement = ARPPacket(sender_mac=self.mac, sender_ip=own.address, target_ip=own.address)
            self.outbox.append((MACAddress.BROADCAST, announcement))

    def probe(self, now: float, random: Random, defence: str = DEFEND_ONCE) -> None:
        """Ask whether our address (the first) is free before we use it, then announce and defend it (RFC 5227).

        Until it is, and after it is lost, packets to send fail and nobody is answered: `claim.state` says which.
        """
        if self.claim is None:
            self.claim = Claim(self.address, self.mac, random, defence)
        self.claim.start(now)

    def speak(self, claim: Claim) -> None:
        """Send what a claim has to say, to everyone."""
        said, claim.outbox = claim.outbox, []
        self.outbox += [(MACAddress.BROADCAST, packet) for packet in said]

    # ---- time ----------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Do what is due: ask again, give up, believe no longer."""
        if self.claim is not None:
            self.claim.tick(now)
            self.speak(self.claim)
        if self.soonest <= now:
            for address, entry in list(self.table.items()):
                if entry.due <= now:
                    self.expire(address, entry, now)

    def deadline(self) -> float | None:
        """When `tick` is next needed (seconds), or None."""
        if self.uncertain:
            self.soonest = min((entry.due for entry in self.table.values()), default=inf)
            self.uncertain = False
        due = self.soonest
        if self.claim is not None and (claimed := self.claim.deadline()) is not None:
            due = min(due, claimed)
        return due if due < inf else None

    def expire(self, address: IPv4Address, entry: Neighbour, now: float) -> None:
        """An entry's timer has ended: RFC 4861 section 7.3.3."""
        timers = self.timers
        if entry.state == REACHABLE:
            self.enter(address, entry, STALE, now, f"{timers.reachable:g} s without a confirmation")
        elif entry.state == DELAY:
            self.enter(address, entry, PROBE, now, f"used for {timers.delay:g} s without a confirmation")
        elif entry.probes < (timers.unicasts if entry.state == PROBE else timers.broadcasts):
            self.ask(address, entry, now)
        else:
            self.enter(address, entry, FAILED, now, f"{entry.probes} questions without an answer")

    def enter(
        self, address: IPv4Address, entry: Neighbour, state: str, now: float, because: str, *, moved: bool = False
    ) -> None:
        """The only way into a state: what is true of every entry in it, and its timer."""
        if state != entry.state or moved:
            self.changes.append(Change(now, address, entry.state, state, because))
            entry.updated = now
        entry.state, entry.probes = state, 0
        match state:
            case "REACHABLE":
                entry.used = now
                self.arm(entry, now + self.timers.reachable)
            case "DELAY":
                self.arm(entry, now + self.timers.delay)
            case "INCOMPLETE" | "PROBE":
                self.ask(address, entry, now)
            case "FAILED":
                entry.mac = None
                self.arm(entry, inf)
                self.failed += self.take(entry)
            case _:
                self.arm(entry, inf)

    def arm(self, entry: Neighbour, due: float) -> None:
        """Set an entry's timer; `soonest` stays at or before all of them."""
        if entry.due <= self.soonest:
            self.uncertain = True
        entry.due = due
        self.soonest = min(self.soonest, due)

    def ask(self, address: IPv4Address, entry: Neighbour, now: float) -> None:
        """Ask for an address: everyone, or whoever had it last, who may have gone (RFC 1122 section 2.3.2.1 (2))."""
        entry.probes += 1
        self.arm(entry, now + self.timers.retransmit)
        source = self.who_asks(address, entry)
        request = ARPPacket(operation=REQUEST, sender_mac=self.mac, sender_ip=source, target_ip=address)
        self.outbox.append((entry.mac or MACAddress.BROADCAST, request))

    def who_asks(self, address: IPv4Address, entry: Neighbour) -> IPv4Address:
        """Which of our addresses asks for `address`, as Linux chooses: the one that the waiting packet is from, if that
        is ours; else the first that has `address` in its network."""
        source = entry.pending[-1][12:16] if entry.pending else b""
        if self.is_ours(source):
            return IPv4Address(source)
        return next((own.address for own in self.own if address in own.network), self.own[0].address)

    def is_ours(self, address: bytes) -> bool:
        return any(own.address == address for own in self.own)

    # ---- the table -----------------------------------------------------------------------------------------

    def fix(self, address: IPv4Address, mac: MACAddress, now: float) -> None:
        """Enter an address by hand: no packet changes it, and no time (`ip neigh replace ... nud permanent`)."""
        entry = self.table.get(address) or self.insert(address, now)
        entry.mac = mac
        self.enter(address, entry, PERMANENT, now, "fixed by hand")
        self.resolved += [(mac, packet) for packet in self.take(entry)]

    def forget(self, address: IPv4Address) -> None:
        """Remove an entry (`ip neigh del`); the packets that waited for it fail."""
        if entry := self.table.pop(address, None):
            self.failed += self.take(entry)
            self.uncertain = True

    def insert(self, address: IPv4Address, now: float) -> Neighbour:
        """Add an entry; where the table is full, the least worthy one makes room."""
        if not self.room(now):
            self.forget(min(self.table, key=lambda known: (WORTH[self.table[known].state], self.table[known].used)))
        entry = self.table[address] = Neighbour(used=now)
        return entry

    def room(self, now: float) -> bool:
        """Whether there is room for one more entry, when the old ones have gone, if there are many."""
        if len(self.table) >= KEEP and now >= self.collected + COLLECT_INTERVAL:
            self.collected = now
            for address, entry in list(self.table.items()):
                if entry.state == FAILED or (entry.state == STALE and now > entry.used + UNUSED):
                    self.forget(address)
        return len(self.table) < LIMIT

    def take(self, entry: Neighbour) -> list[bytes]:
        """Take out what was pending for an entry."""
        pending, entry.pending = entry.pending, []
        self.waiting -= len(pending)
        return pending

    def rows(self) -> list[dict[str, str]]:
        """The entries, in the order in which they came: address, mac ("" where it is not known), state."""
        entries = self.table.items()
        return [{"address": str(a), "mac": str(entry.mac or ""), "state": entry.state} for a, entry in entries]

    def show(self, device: str = "eth0") -> str:
        """The lines that `ip neigh` prints."""
        lines = []
        for row in self.rows():
            lladdr = f" lladdr {row['mac']}" if row["mac"] else ""
            lines.append(f"{row['address']} dev {device}{lladdr} {row['state']}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.show() or "no entries"
