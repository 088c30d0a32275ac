"""Is an address ours alone?  IPv4 Address Conflict Detection (RFC 5227).

    PROBING --three questions, no answer--> ANNOUNCING --told everyone twice--> DEFENDING
    PROBING --somebody has it, or wants it too--> LOST
    ANNOUNCING, DEFENDING --somebody else speaks with our address--> told everyone again, or LOST

A probe asks for the address with no address of its own as the sender, so that no cache on the link learns what may
turn out to be another's.  An announcement says the same with the address as sender and as target: gratuitous ARP.
Linux itself does none of this for addresses that are set by hand (`arping -D`, and DHCP clients, do).
What is left to others: choosing another address after one is lost, and the ARP table.
"""

from math import inf
from random import Random
from typing import NamedTuple

from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REQUEST, ARPPacket

PROBING = "PROBING"
ANNOUNCING = "ANNOUNCING"
DEFENDING = "DEFENDING"
LOST = "LOST"

# RFC 5227 section 1.1; seconds, and numbers of packets
PROBE_WAIT = 1.0  # at most this long before the first probe: machines that start together do not probe together
PROBE_NUM = 3
PROBE_MIN = 1.0  # from one probe to the next, at least
PROBE_MAX = 2.0
ANNOUNCE_WAIT = 2.0  # from the last probe to the first announcement
ANNOUNCE_NUM = 2
ANNOUNCE_INTERVAL = 2.0
MAX_CONFLICTS = 10  # after so many, new attempts are
RATE_LIMIT_INTERVAL = 60.0  # so far apart
DEFEND_INTERVAL = 10.0  # at least so long from one defence to the next

# What to do when somebody else speaks with our address: section 2.4 (a), (b), (c)
GIVE_UP = "give up"
DEFEND_ONCE = "defend once"  # and give up if it happens again within DEFEND_INTERVAL
DEFEND_ALWAYS = "defend always"  # for a router or a server that people rely on


class Conflict(NamedTuple):
    """Somebody else used an address of ours, or wanted it."""

    time: float
    address: IPv4Address
    mac: MACAddress

    def __str__(self) -> str:
        return f"{self.time:9.3f} s  {self.address} is used by {self.mac} too"


class Claim:
    """A machine: one address of one interface, from the first probe to its loss.

    `outbox` holds ARP packets, all of them to be broadcast; the owner empties it.  `conflicts` counts, and stays when
    another address is tried: `start(now, another)`.
    """

    def __init__(self, address: IPv4Address, mac: MACAddress, random: Random, defence: str = DEFEND_ONCE) -> None:
        if defence not in (GIVE_UP, DEFEND_ONCE, DEFEND_ALWAYS):
            raise ValueError(f"defence {defence!r}: it is {GIVE_UP!r}, {DEFEND_ONCE!r} or {DEFEND_ALWAYS!r}")
        self.address, self.mac, self.random, self.defence = address, mac, random, defence
        self.state = ""
        self.outbox: list[ARPPacket] = []
        self.conflicts = 0  # in all, on this interface
        self.by: MACAddress | None = None  # who has the address, when it is LOST
        self.sent = 0  # packets of this state
        self.due = inf
        self.last_conflict = self.last_defence = self.last_start = -inf

    @property
    def usable(self) -> bool:
        """Whether we may use this address: from the first announcement on (section 2.3)."""
        return self.state in (ANNOUNCING, DEFENDING)

    def start(self, now: float, address: IPv4Address | None = None) -> None:
        """Probe for the address, or for another one.  After many conflicts that waits for its turn."""
        self.address = address or self.address
        self.state, self.sent, self.by = PROBING, 0, None
        self.last_conflict = self.last_defence = -inf
        if self.conflicts >= MAX_CONFLICTS:
            now = max(now, self.last_start + RATE_LIMIT_INTERVAL)
        self.last_start = now
        self.due = now + self.random.uniform(0, PROBE_WAIT)

    def receive(self, packet: ARPPacket, now: float) -> None:
        """Look at every ARP packet that comes in, requests and replies alike."""
        if packet.sender_mac == self.mac or self.state in ("", LOST):
            return
        uses = packet.sender_ip == self.address
        wants = packet.sender_ip == IPv4Address.ANY and packet.target_ip == self.address and packet.operation == REQUEST
        if self.state == PROBING:
            # Section 2.1.1: who has it may speak of anything, and who probes for it at the same time counts too
            if uses or wants:
                self.conflicts += 1
                self.lose(packet.sender_mac)
        elif uses:  # section 2.4
            self.conflicts += 1
            recent = now - self.last_conflict < DEFEND_INTERVAL
            self.last_conflict = now
            if self.defence == GIVE_UP or (self.defence == DEFEND_ONCE and recent):
                self.lose(packet.sender_mac)
            elif now - self.last_defence >= DEFEND_INTERVAL:  # two that both defend must not fill the link
                self.last_defence = now
                self.say(self.address)

    def tick(self, now: float) -> None:
        """Send the probe or the announcement that is due."""
        if now < self.due:
            return
        if self.state == PROBING and self.sent < PROBE_NUM:
            self.say(IPv4Address.ANY)
            self.sent += 1
            again = self.random.uniform(PROBE_MIN, PROBE_MAX)
            self.due = now + (again if self.sent < PROBE_NUM else ANNOUNCE_WAIT)
            return
        if self.state == PROBING:
            self.state, self.sent = ANNOUNCING, 0
        self.say(self.address)
        self.sent += 1
        self.due = now + ANNOUNCE_INTERVAL
        if self.sent == ANNOUNCE_NUM:
            self.state, self.due = DEFENDING, inf

    def deadline(self) -> float | None:
        """When `tick` is next needed (seconds), or None."""
        return self.due if self.due < inf else None

    def say(self, sender: IPv4Address) -> None:
        """A probe, from no address, or an announcement, from our own."""
        self.outbox.append(ARPPacket(sender_mac=self.mac, sender_ip=sender, target_ip=self.address))

    def lose(self, to: MACAddress) -> None:
        self.state, self.by, self.due = LOST, to, inf
        self.outbox.clear()

    def __str__(self) -> str:
        return f"{self.address} {self.state}" + (f" to {self.by}" if self.by else "")
