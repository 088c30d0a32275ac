"""The neighbour table of one interface: ARP (RFC 826), with the manners of RFC 1122 section 2.3.2.

A packet whose next hop's MAC address is not known waits here while a request is broadcast.  The answer
sets it free; three requests without one, a second apart, and it comes back as undeliverable.

Bounded, because anybody on the link can write ARP packets, and anybody at all can send packets to addresses
that nobody has: LIMIT entries, PENDING packets for each, WAITING in all.  Who is not asked is not believed: a
reply without a question, or a stranger's request when the table is full, makes no entry.
What is left to others: which next hop a packet has (routes), and what to say of one that failed (host).
"""

from dataclasses import dataclass, field

from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket

PROBES = 3  # requests before giving up, as Linux does
PROBE_INTERVAL = 1.0  # seconds; "the recommended maximum rate is 1 per second per destination" (RFC 1122)
LIFETIME = 60.0  # seconds that an answer is believed (RFC 1122 section 2.3.2.1 asks for a timeout)
LIMIT = 1024  # entries
PENDING = 64  # packets kept for one unresolved address, the newest ones: the fragments of one of 64 KB fit in
WAITING = 1024  # packets kept in all; beyond that, only the newest for each address


@dataclass(slots=True)
class Neighbour:
    """What is known of one address on the link."""

    mac: MACAddress | None = None  # None: asked, not answered yet
    expires: float = 0.0  # when the answer is too old, or the next request is due
    probes: int = 0  # requests sent
    pending: list[bytes] = field(default_factory=list)


class Neighbours:
    """A machine: packets in with the time, frames' addresses and ARP packets out.

    `outbox` holds (destination MAC, ARP packet) to send, `resolved` holds (MAC, packet) that may go now,
    and `failed` the packets whose next hop did not answer.  The owner empties all three.
    """

    def __init__(self, address: IPv4Address, mac: MACAddress) -> None:
        self.address, self.mac = address, mac
        self.table: dict[IPv4Address, Neighbour] = {}
        self.outbox: list[tuple[MACAddress, ARPPacket]] = []
        self.resolved: list[tuple[MACAddress, bytes]] = []
        self.failed: list[bytes] = []
        self.waiting = 0  # packets pending, in all entries
        self.overflowed = 0  # packets that had to go because too many were pending

    def send(self, packet: bytes, next_hop: IPv4Address, now: float) -> None:
        """Move `packet` to `resolved`, now or when `next_hop` has answered, or to `failed` if it never does."""
        entry = self.table.get(next_hop)
        if entry and entry.mac and now < entry.expires:
            self.resolved.append((entry.mac, packet))
            return
        if entry is None or entry.mac:
            entry = self.insert(next_hop, Neighbour())
            self.probe(next_hop, entry, now)
        entry.pending.append(packet)
        self.waiting += 1
        # "the link layer SHOULD save (rather than discard) at least one (the latest) packet" (RFC 1122, 2.3.2.2)
        while len(entry.pending) > (PENDING if self.waiting <= WAITING else 1):
            del entry.pending[0]
            self.waiting -= 1
            self.overflowed += 1

    def receive(self, packet: ARPPacket, now: float) -> None:
        """Learn from an ARP packet, and answer it if it asks for us: the steps of RFC 826, "Packet Reception"."""
        sender = packet.sender_ip
        if packet.sender_mac.is_group:  # nobody's own address; an answer to it would go to everybody
            return
        asks_us = packet.target_ip == self.address and packet.operation == REQUEST
        # "Merge": update an address that is known.  The RFC adds one from any packet meant for us; here only from a
        # request, to which there will be an answer to send.
        entry = self.table.get(sender)
        if entry is None and asks_us and sender != IPv4Address.ANY and len(self.table) < LIMIT:
            entry = self.insert(sender, Neighbour())
        if entry:
            entry.mac, entry.expires, entry.probes = packet.sender_mac, now + LIFETIME, 0
            self.resolved += [(packet.sender_mac, waiting) for waiting in self.take(entry)]
        if asks_us:
            reply = ARPPacket(
                operation=REPLY,
                sender_mac=self.mac,
                sender_ip=self.address,
                target_mac=packet.sender_mac,
                target_ip=sender,
            )
            self.outbox.append((packet.sender_mac, reply))

    def tick(self, now: float) -> None:
        """Ask again where no answer has come, give up where that was the last time, forget what is too old."""
        for address, entry in list(self.table.items()):
            if entry.expires > now:
                continue
            if entry.mac is None and entry.probes < PROBES:
                self.probe(address, entry, now)
            else:
                self.failed += self.take(entry)
                del self.table[address]

    def deadline(self) -> float | None:
        """When `tick` is next needed, or None."""
        return min((entry.expires for entry in self.table.values()), default=None)

    def probe(self, address: IPv4Address, entry: Neighbour, now: float) -> None:
        entry.probes += 1
        entry.expires = now + PROBE_INTERVAL
        request = ARPPacket(operation=REQUEST, sender_mac=self.mac, sender_ip=self.address, target_ip=address)
        self.outbox.append((MACAddress.BROADCAST, request))

    def insert(self, address: IPv4Address, entry: Neighbour) -> Neighbour:
        """Add an entry; where the table is full, the one that would expire first makes room."""
        if address not in self.table and len(self.table) >= LIMIT:
            oldest = min(self.table, key=lambda known: self.table[known].expires)
            self.failed += self.take(self.table.pop(oldest))
        self.table[address] = entry
        return entry

    def take(self, entry: Neighbour) -> list[bytes]:
        """Take out what was pending for an entry."""
        pending, entry.pending = entry.pending, []
        self.waiting -= len(pending)
        return pending
