"""Who tells lies?  A watcher that hears a link's ARP packets, and says what does not fit together.

Nothing in ARP proves anything, so this is a matter of memory: who had an address until now, and who asked for it.
Every `Suspicion` has its reason; one of the reasons alone is no proof.  What speaks for a machine that took over
honestly: it announces itself to everyone, and the machine that had the address is heard no more.

    frames with ARP packets, and the time -> suspicions

A machine without timers.  It has to hear all of the link, as a switch does, or the port that it mirrors to; a host
hears what is broadcast, and what is for itself.  Bounded: BINDINGS addresses, QUESTIONS open questions; those that were
heard of least recently go.  So a flood of lies can make it forget, but not go unseen.
"""

from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket
from netlib.wire.ethernet import EthernetFrame

BINDINGS = 4096  # addresses
QUESTIONS = 4096  # questions without an answer yet
PATIENCE = 5.0  # seconds in which an answer belongs to a question: the kernel asks three times, a second apart
ALIVE = 60.0  # seconds after it was last heard for which a machine is taken to have its address still

# The reasons.  FORGED and CONTRADICTED are hardly ever honest; the others happen on a quiet link too.
FORGED = "the packet names another sender than its frame"
CONTRADICTED = "the machine that has the address was heard with it since the claim began"
MOVED = "another machine had the address a moment ago"
UNASKED = "an answer that nobody has asked for, or another has given"
GROUP = "a group's MAC address as one machine's"
SURE = frozenset({FORGED, CONTRADICTED, GROUP})


class Suspicion(NamedTuple):
    """At this time `mac` said of `address` what does not fit, and why."""

    time: float
    address: IPv4Address
    mac: MACAddress
    reason: str

    @property
    def sure(self) -> bool:
        """Whether honest machines hardly ever do this."""
        return self.reason in SURE

    def __str__(self) -> str:
        return f"{self.time:9.3f} s  {self.address} at {self.mac}: {self.reason}"


@dataclass(slots=True)
class Binding:
    """Who has an address, when it was last heard with it, and who claims it besides, since when."""

    mac: MACAddress
    heard: float
    claimant: MACAddress | None = None
    since: float = 0.0


class Watcher:
    """Hears ARP packets, each in its frame, and remembers who has which address."""

    def __init__(self, *, patience: float = PATIENCE, alive: float = ALIVE) -> None:
        self.patience, self.alive = patience, alive
        self.bindings: dict[IPv4Address, Binding] = {}  # in the order in which they were last heard of
        # (who asks, for what): when, and who has answered
        self.questions: dict[tuple[IPv4Address, IPv4Address], tuple[float, MACAddress | None]] = {}

    def hear(self, frame: EthernetFrame, packet: ARPPacket, now: float) -> list[Suspicion]:
        """What is odd about one more packet; an empty list, if nothing is."""
        sender, mac = packet.sender_ip, packet.sender_mac
        reasons = []
        if mac.is_group:
            reasons.append(GROUP)
        if frame.source != mac:
            reasons.append(FORGED)
        if packet.operation == REPLY and packet.target_ip != sender and not self.asked(packet, now):
            reasons.append(UNASKED)
        if packet.operation == REQUEST and sender != packet.target_ip:
            self.remember_question((sender, packet.target_ip), now)
        # A probe has no sender's address (RFC 5227), and who lies in GROUP or FORGED is not to be remembered.
        if sender != IPv4Address.ANY and not SURE & set(reasons):
            reasons += self.compare(sender, mac, now)
        return [Suspicion(now, sender, mac, reason) for reason in reasons]

    def asked(self, reply: ARPPacket, now: float) -> bool:
        """Whether this answers a question that was heard not long ago: the asker's own, or its probe (RFC 5227).

        The first to answer has answered; it may say it again, as a capture at two ports has it, and no other.
        """
        for asker in (reply.target_ip, IPv4Address.ANY):
            question = (asker, reply.sender_ip)
            when, by = self.questions.get(question, (-inf, None))
            if now - when <= self.patience and by in (None, reply.sender_mac):
                self.questions[question] = when, reply.sender_mac
                return True
        return False

    def remember_question(self, question: tuple[IPv4Address, IPv4Address], now: float) -> None:
        self.questions.pop(question, None)
        if len(self.questions) >= QUESTIONS:
            del self.questions[next(iter(self.questions))]
        self.questions[question] = now, None

    def compare(self, address: IPv4Address, mac: MACAddress, now: float) -> list[str]:
        """Hold what a packet claims against what was heard before, and remember it."""
        known = self.bindings.pop(address, None)
        if len(self.bindings) >= BINDINGS:
            del self.bindings[next(iter(self.bindings))]
        self.bindings[address] = known or Binding(mac, now)
        if known is None:
            return []
        if known.mac == mac:
            known.heard = now
            return []
        if now - known.heard > self.alive:  # it is gone, and its successor needs nobody's leave
            known.mac, known.heard, known.claimant = mac, now, None
            return []
        if mac != known.claimant:
            known.claimant, known.since = mac, now
        # A machine that was replaced is silent from then on; one that was robbed speaks again, and knows nothing of it.
        return [CONTRADICTED if known.heard > known.since else MOVED]


class Score(NamedTuple):
    """How good a detector is, on a trace of which one knows what is forged."""

    precision: float  # of what it suspected, this share was forged; 1 where it suspected nothing
    recall: float  # of what was forged, it suspected this share; 1 where nothing was


def score(suspected: set[int], forged: set[int]) -> Score:
    """Precision and recall of the packets' numbers that were suspected."""
    right = len(suspected & forged)
    return Score(right / len(suspected) if suspected else 1.0, right / len(forged) if forged else 1.0)
