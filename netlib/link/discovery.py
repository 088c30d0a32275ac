"""The neighbours of one interface by Neighbour Discovery: what ARP is to IPv4, done with ICMPv6 (RFC 4861 section 7).

A packet whose next hop's MAC address is not known waits here, while a solicitation goes to the next hop's
solicited-node multicast address, which hardly anybody but the next hop listens to.  Where ARP asks everybody again
and again, this goes on without a question as long as packets are known to arrive:

    INCOMPLETE  asked by multicast, nothing known yet          -> REACHABLE, or given up after MULTICAST questions
    REACHABLE   it has answered lately                         -> STALE after REACHABLE_TIME
    STALE       it was there once; good enough to send to      -> DELAY with the next packet
    DELAY       a packet has gone; was it heard?               -> PROBE after DELAY_FIRST
    PROBE       asked by unicast                               -> REACHABLE, or given up after UNICAST questions

A machine.  Bounded as the ARP table is, and for the same reasons: LIMIT entries, PENDING packets for each.
What is left to others: which next hop a packet has and whose packets are let in (internet/ipv6.py), and
finding out whether an own address is taken already (RFC 4862 section 5.4): questions about ours are answered.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from netlib.wire.address import MACAddress
from netlib.wire.address6 import IPv6Address
from netlib.wire.errors import WireError
from netlib.wire.icmpv6 import (
    SOURCE_LINK_LAYER,
    TARGET_LINK_LAYER,
    NeighbourAdvertisement,
    NeighbourSolicitation,
    build_option,
)
from netlib.wire.ipv6 import ICMPV6, IPv6Packet

INCOMPLETE, REACHABLE, STALE, DELAY, PROBE = "INCOMPLETE", "REACHABLE", "STALE", "DELAY", "PROBE"

# RFC 4861 section 10; times in seconds
REACHABLE_TIME = 30.0
RETRANSMIT = 1.0  # between questions
DELAY_FIRST = 5.0
MULTICAST = UNICAST = 3  # questions

LIMIT = 1024  # entries
PENDING = 64  # packets kept for one unresolved address, the newest ones
WAITING = 1024  # packets kept in all; beyond that, only the newest for each address
HOPS = 255  # the hop limit of all Neighbour Discovery: one that a router has passed on has fewer


class DiscoveryPart(Protocol):
    """Finds the MAC address for a next hop; made with our own MAC address, and whether we are a router.

    The owner empties the two lists: `outbox` holds (MAC, packet) to send, whole IPv6 packets: questions, answers, and
    what may go now; `failed` the packets whose next hop did not answer.  It keeps `addresses`, this interface's own, up
    to date.
    """

    addresses: list[IPv6Address]
    outbox: list[tuple[MACAddress, bytes]]
    failed: list[bytes]

    def send(self, packet: bytes, next_hop: IPv6Address, now: float) -> None:
        """Move `packet` to `outbox`, now or when `next_hop` has answered, or to `failed` if it never does."""

    def receive(self, packet: IPv6Packet, now: float) -> str | None:
        """Take in a solicitation or an advertisement; the reason why it counts for nothing, or None."""

    def tick(self, now: float) -> None:
        """Do what is due."""

    def deadline(self) -> float | None:
        """When `tick` is next needed (seconds), or None."""


@dataclass(slots=True)
class Neighbour6:
    """What is known of one address on the link."""

    state: str = INCOMPLETE
    mac: MACAddress | None = None
    router: bool = False
    expires: float | None = None  # when this state is over, or the next question is due; STALE lasts
    probes: int = 0  # questions asked
    pending: list[bytes] = field(default_factory=list)
    used: float = 0.0  # when a packet last went there


class Discovery:
    """A machine: packets in with the time, packets with their MAC addresses out, as DiscoveryPart says."""

    def __init__(self, mac: MACAddress, router: bool = False) -> None:
        self.mac, self.router = mac, router
        self.addresses: list[IPv6Address] = []
        self.table: dict[IPv6Address, Neighbour6] = {}
        self.outbox: list[tuple[MACAddress, bytes]] = []
        self.failed: list[bytes] = []
        self.waiting = 0  # packets pending, in all entries
        self.overflowed = 0  # packets that had to go because too many were pending
        self.soonest, self.uncertain = inf, False  # no timer ends before `soonest`; uncertain: perhaps none at it

    def send(self, packet: bytes, next_hop: IPv6Address, now: float) -> None:
        """Move `packet` to `outbox`, now or when `next_hop` has answered, or to `failed` if it never does."""
        if next_hop.is_multicast:
            self.outbox.append((next_hop.multicast_mac, packet))
            return
        entry = self.table.get(next_hop)
        if entry is None:
            entry = self.insert(next_hop, now)
            # "should be the same as the source address of the packet prompting the solicitation" (section 7.2.2)
            self.solicit(next_hop, entry, now, IPv6Address(packet[8:24]))
        entry.used = now
        if entry.mac is not None:
            # "The first time a node sends a packet to a neighbor whose entry is STALE, the sender changes the state
            # to DELAY and sets a timer to expire in DELAY_FIRST_PROBE_TIME seconds" (section 7.3.3)
            if entry.state == STALE or (entry.state == REACHABLE and now >= (entry.expires or now)):
                self.enter(entry, DELAY, now + DELAY_FIRST)
            self.outbox.append((entry.mac, packet))
            return
        # "the sender MUST retain a small queue of packets waiting for address resolution to complete ... the new
        # arrival SHOULD replace the oldest entry" (section 7.2.2)
        entry.pending.append(packet)
        self.waiting += 1
        while len(entry.pending) > (PENDING if self.waiting <= WAITING else 1):
            del entry.pending[0]
            self.waiting -= 1
            self.overflowed += 1

    def doubt(self, next_hop: IPv6Address, now: float) -> None:
        """Somebody above gets no answer by way of this neighbour, so it is asked soon whether it is there."""
        entry = self.table.get(next_hop)
        if entry is not None and entry.state in (REACHABLE, STALE):
            self.enter(entry, DELAY, now)

    def rows(self) -> list[dict[str, str]]:
        """The table as `ip -6 neigh` shows it: address, mac ("" where it is not known), state."""
        return [
            {"address": str(address), "mac": str(entry.mac or ""), "state": entry.state}
            for address, entry in self.table.items()
        ]

    # ---- what comes in ---------------------------------------------------------------------------------------

    def receive(self, packet: IPv6Packet, now: float) -> str | None:
        """Take in a solicitation or an advertisement; the reason why it counts for nothing, or None."""
        try:
            message = NeighbourSolicitation.parse(packet.payload, packet)
            if isinstance(message, NeighbourSolicitation):
                return self.solicited(packet, message, now)
            if isinstance(message, NeighbourAdvertisement):
                return self.advertised(packet, message, now)
        except WireError:
            pass
        return "malformed"

    def solicited(self, packet: IPv6Packet, message: NeighbourSolicitation, now: float) -> str | None:
        """Somebody asks: the checks of section 7.1.1, and the answer of section 7.2.4."""
        source = message.link_layer(SOURCE_LINK_LAYER)
        if reason := self.invalid(packet, message, source):
            return reason
        unspecified = packet.source == IPv6Address.ANY
        # "If the IP source address is the unspecified address, the IP destination address is a solicited-node
        # multicast address" and "there is no source link-layer address option"
        if unspecified and (source is not None or packet.destination != message.target.solicited_node):
            return "invalid"
        if message.target not in self.addresses:
            return None  # somebody else's
        if source is not None:
            self.learn(packet.source, source, now)
        # "If the source of the solicitation is the unspecified address, the node MUST set the Solicited flag to
        # zero and MUST multicast the advertisement to the all-nodes address": someone checks whether it is taken.
        destination = IPv6Address.ALL_NODES if unspecified else packet.source
        answer = NeighbourAdvertisement(
            router=self.router, solicited=not unspecified, override=True, target=message.target,
            payload=build_option(TARGET_LINK_LAYER, self.mac),
        )  # fmt: skip
        self.send(self.packed(message.target, destination, answer), destination, now)
        return None

    def advertised(self, packet: IPv6Packet, message: NeighbourAdvertisement, now: float) -> str | None:
        """Somebody answers: the checks of section 7.1.2, and the table of section 7.2.5."""
        target = message.link_layer(TARGET_LINK_LAYER)
        # "If the IP Destination Address is a multicast address the Solicited flag is zero"
        if (reason := self.invalid(packet, message, target)) or (packet.destination.is_multicast and message.solicited):
            return reason or "invalid"
        entry = self.table.get(message.target)
        if entry is None:  # "There is no need to create an entry if none exists": who was not asked is not believed
            return None
        if entry.mac is None:
            # "if no Target Link-Layer Address option is included, the receiving node SHOULD silently discard"
            if target is None:
                return "invalid"
            entry.mac = target
            if message.solicited:
                self.enter(entry, REACHABLE, now + REACHABLE_TIME)
            else:
                self.enter(entry, STALE, None)
            self.release(entry, target, now)
        elif target is not None and target != entry.mac and not message.override:
            # "If the Override flag is clear and the supplied link-layer address differs": not taken, but doubted
            if entry.state == REACHABLE:
                self.enter(entry, STALE, None)
            return None
        else:
            changed = target is not None and target != entry.mac
            entry.mac = target or entry.mac
            if message.solicited:
                self.enter(entry, REACHABLE, now + REACHABLE_TIME)
            elif changed:
                self.enter(entry, STALE, None)
        entry.router, entry.probes = message.router, 0
        return None

    def invalid(self, packet: IPv6Packet, message: NeighbourSolicitation | NeighbourAdvertisement,
                mac: MACAddress | None) -> str | None:  # fmt: skip
        """Why a message is not to be believed, or None: what both checks have in common."""
        # "The IP Hop Limit field has a value of 255, i.e., the packet could not possibly have been forwarded"
        if packet.hop_limit != HOPS:
            return "from beyond the link"
        if message.code != 0 or message.target.is_multicast or (mac is not None and mac.is_group):
            return "invalid"
        return None

    def learn(self, address: IPv6Address, mac: MACAddress, now: float) -> None:
        """Who asks tells its MAC address: to be used, and STALE until it is known that packets arrive (7.2.3)."""
        entry = self.table.get(address)
        if entry is None:
            if len(self.table) >= LIMIT:
                return
            entry = self.insert(address, now)
        if entry.mac != mac:
            entry.mac, entry.probes = mac, 0
            self.enter(entry, STALE, None)
            self.release(entry, mac, now)

    # ---- time ------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Ask again where no answer has come, give up where that was the last time, doubt what is too old."""
        for address, entry in list(self.table.items()) if self.soonest <= now else ():
            if entry.expires is None or entry.expires > now:
                continue
            if entry.state == REACHABLE:
                self.enter(entry, STALE, None)
            elif entry.state == DELAY:
                entry.state, entry.probes = PROBE, 0
                self.solicit(address, entry, now)
            elif entry.probes < (MULTICAST if entry.state == INCOMPLETE else UNICAST):
                self.solicit(address, entry, now)
            else:
                self.failed += self.take(entry)
                del self.table[address]
                self.uncertain = True

    def deadline(self) -> float | None:
        """When `tick` is next needed, or None."""
        if self.uncertain:
            timers = (entry.expires for entry in self.table.values() if entry.expires is not None)
            self.soonest, self.uncertain = min(timers, default=inf), False
        return self.soonest if self.soonest < inf else None

    def enter(self, entry: Neighbour6, state: str, expires: float | None) -> None:
        """Let an entry be in this state until the time `expires`, or until something happens."""
        entry.state = state
        self.arm(entry, expires)

    def arm(self, entry: Neighbour6, expires: float | None) -> None:
        """Set an entry's timer; `soonest` stays at or before all of them."""
        if entry.expires is not None and entry.expires <= self.soonest:
            self.uncertain = True
        entry.expires = expires
        if expires is not None and expires < self.soonest:
            self.soonest = expires

    # ---- what goes out ---------------------------------------------------------------------------------------

    def solicit(self, address: IPv6Address, entry: Neighbour6, now: float, source: IPv6Address | None = None) -> None:
        """Ask for an address: by multicast where nothing is known, of the neighbour itself where it is to confirm."""
        entry.probes += 1
        self.arm(entry, now + RETRANSMIT)
        if source not in self.addresses:  # a packet that is forwarded; when asking again, too
            source = self.own(address)
        question = NeighbourSolicitation(target=address, payload=build_option(SOURCE_LINK_LAYER, self.mac))
        if entry.state == PROBE and entry.mac is not None:
            self.outbox.append((entry.mac, self.packed(source, address, question)))
        else:
            group = address.solicited_node
            self.outbox.append((group.multicast_mac, self.packed(source, group, question)))

    def own(self, for_address: IPv6Address) -> IPv6Address:
        """One of our addresses, of the same scope as this one if there is one."""
        same = [address for address in self.addresses if address.scope == for_address.scope]
        return (same or self.addresses)[0]

    def packed(
        self, source: IPv6Address, destination: IPv6Address, message: NeighbourSolicitation | NeighbourAdvertisement
    ) -> bytes:
        packet = IPv6Packet(next_header=ICMPV6, hop_limit=HOPS, source=source, destination=destination)
        packet.payload = message.build(packet)
        return packet.build()

    def insert(self, address: IPv6Address, now: float) -> Neighbour6:
        """Add an entry; where the table is full, the one that has been of no use for longest makes room."""
        if len(self.table) >= LIMIT:
            oldest = min(self.table, key=lambda known: self.table[known].used)
            self.failed += self.take(self.table.pop(oldest))
            self.uncertain = True
        entry = self.table[address] = Neighbour6(used=now)
        return entry

    def release(self, entry: Neighbour6, mac: MACAddress, now: float) -> None:
        """Let go what was pending; where nobody has confirmed, that is a packet sent to a STALE neighbour."""
        waiting = self.take(entry)
        if waiting and entry.state == STALE:
            self.enter(entry, DELAY, now + DELAY_FIRST)
        self.outbox += [(mac, packet) for packet in waiting]

    def take(self, entry: Neighbour6) -> list[bytes]:
        """Take out what was pending for an entry."""
        pending, entry.pending = entry.pending, []
        self.waiting -= len(pending)
        return pending
