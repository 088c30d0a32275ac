"""A link as somebody hears it who hears all of it: honest machines, and sometimes one that lies.  For exercise 7.4.

    for heard in link_trace(seed=1): print(heard.time, heard.packet, heard.forged, heard.about)

One trace is two minutes of a link with a router, four hosts and an attacker.  The same seed gives the same trace.  Of
each frame it is known whether it was forged; `about` says what it was.
What a machine says is made here, by hand, because a simulation of hosts would need no lies, and takes longer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import NamedTuple

from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket
from netlib.wire.ethernet import ETHERTYPE_ARP, EthernetFrame

SECONDS = 120.0
ATTACKS = ("", "replies", "replies", "announcements", "questions", "race", "ghost")
CHANGES = ("", "newcomer", "takeover", "takeover", "reuse")
EVERYONE, NOBODY = MACAddress.BROADCAST, IPv4Address.ANY
ROUTER = IPv4Address("10.7.1.1")


class Heard(NamedTuple):
    """One frame, when it was heard, whether it was forged, and what it was."""

    time: float
    frame: bytes
    forged: bool
    about: str

    @property
    def packet(self) -> ARPPacket:
        return ARPPacket.parse(EthernetFrame.parse(self.frame).payload)


@dataclass
class Link:
    """Who is on it, and what has been said."""

    random: Random
    attack: str
    change: str
    said: list[Heard] = field(default_factory=list)
    macs: dict[IPv4Address, MACAddress] = field(default_factory=dict)
    poisoned: set[IPv4Address] = field(default_factory=set)  # hosts that believe the attacker

    def __post_init__(self) -> None:
        for number in (1, 2, 3, 4, 5, 66):
            self.macs[IPv4Address(f"10.7.1.{number}")] = self.new_mac()
        self.attacker = self.macs[IPv4Address("10.7.1.66")]
        hosts = [address for address in self.macs if address != ROUTER and address[3] != 66]
        self.victim, self.changing, *_ = self.random.sample(hosts, 3)
        begin = self.random.uniform(30, 50)
        self.attacked = (begin, begin + self.random.uniform(20, 50)) if self.attack else (1e9, 1e9)
        self.changed = self.random.uniform(35, 70)
        self.old = self.macs[self.changing]

    def new_mac(self) -> MACAddress:
        return MACAddress(bytes((2, 0, 0)) + self.random.randbytes(3))

    # ---- saying something ----------------------------------------------------------------------------------

    def say(self, time: float, packet: ARPPacket, to: MACAddress, about: str, *, forged: bool = False,
            source: MACAddress | None = None) -> None:  # fmt: skip
        frame = EthernetFrame(to, source or packet.sender_mac, ETHERTYPE_ARP, packet.build()).build()
        self.said.append(Heard(time, frame, forged, about))
        if not forged and self.random.random() < 0.03:
            self.said.append(Heard(time + 0.001, frame, forged, f"{about}, heard twice"))

    def ask(self, time: float, who: IPv4Address, whom: IPv4Address, to: MACAddress = EVERYONE,
            about: str = "a question") -> None:  # fmt: skip
        self.say(time, ARPPacket(sender_mac=self.macs[who], sender_ip=who, target_ip=whom), to, about)

    def reply(self, time: float, who: IPv4Address, mac: MACAddress, whom: IPv4Address, about: str, *,
              forged: bool = False, source: MACAddress | None = None) -> None:  # fmt: skip
        packet = ARPPacket(operation=REPLY, sender_mac=mac, sender_ip=who, target_mac=self.macs[whom], target_ip=whom)
        self.say(time, packet, self.macs[whom], about, forged=forged, source=source)

    def announce(self, time: float, who: IPv4Address, mac: MACAddress, about: str, *, forged: bool = False,
                 operation: int = REQUEST) -> None:  # fmt: skip
        packet = ARPPacket(operation=operation, sender_mac=mac, sender_ip=who, target_ip=who,
                           target_mac=MACAddress.ANY if operation == REQUEST else EVERYONE)  # fmt: skip
        self.say(time, packet, EVERYONE, about, forged=forged)

    # ---- honest machines -----------------------------------------------------------------------------------

    def there(self, address: IPv4Address, time: float) -> bool:
        """Whether somebody has this address at that time."""
        if address != self.changing:
            return True
        if self.change == "takeover":
            return not self.changed <= time < self.changed + 4
        return not (self.change == "reuse" and self.changed - 30 <= time < self.changed + 45)

    def resolve(self, time: float, who: IPv4Address, whom: IPv4Address) -> None:
        """A question and its answer; by broadcast, or a check of who is believed to be there."""
        check = self.random.random() < 0.4
        if check and who in self.poisoned and whom == ROUTER:
            self.ask(time, who, whom, self.attacker, "a check of a poisoned entry")
            self.reply(time + 0.001, whom, self.attacker, who, "the attacker answers a check", forged=True)
            return
        slow = 1.5 if self.random.random() < 0.04 else 0.0
        answered = time + slow + self.random.uniform(0.0003, 0.003)
        self.ask(time, who, whom, self.macs[whom] if check else EVERYONE, "a check" if check else "a question")
        race = self.attack == "race" and whom == ROUTER and self.attacked[0] <= time < self.attacked[1] and not check
        if race:
            when = answered + self.random.choice([-0.0002, 0.0002, 0.0004])
            self.reply(when, whom, self.attacker, who, "the attacker answers as well", forged=True)
        self.reply(answered, whom, self.macs[whom], who, "a slow answer" if slow else "an answer")

    def nobody(self, time: float, who: IPv4Address) -> None:
        target = IPv4Address(bytes((10, 7, 1, self.random.randrange(100, 200))))
        for late in (0, 1, 2):
            self.ask(time + late, who, target, about="a question for an address that nobody has")

    def live(self) -> None:
        """Ordinary questions and answers, from the first second to the last."""
        time = 0.0
        for number, who in enumerate(self.macs):  # each is heard once in the beginning
            if who != ROUTER:
                self.resolve(0.5 + number, who, ROUTER)
        while (time := time + self.random.expovariate(0.5)) < SECONDS:
            who, other = self.random.sample(sorted(self.macs), 2)
            whom = ROUTER if self.random.random() < 0.6 and who != ROUTER else other
            if not all(self.there(each, when) for each in (who, whom) for when in (time, time + 2)):
                continue
            self.switch(time)
            dice = self.random.random()
            if dice < 0.08:
                self.nobody(time, who)
            elif dice < 0.16:
                kind = self.random.choice([REQUEST, REQUEST, REPLY])
                self.announce(time, who, self.macs[who], "a machine announces itself", operation=kind)
            else:
                self.poisoned = self.believers(time)
                self.resolve(time, who, whom)

    def switch(self, time: float) -> None:
        """From its change on, the address has another machine."""
        if self.change in ("takeover", "reuse") and time >= self.changed and self.macs[self.changing] == self.old:
            self.macs[self.changing] = self.new

    def believers(self, time: float) -> set[IPv4Address]:
        if not self.attacked[0] + 2 <= time < self.attacked[1]:
            return set()
        if self.attack == "announcements":
            return set(self.macs) - {ROUTER, IPv4Address("10.7.1.66")}
        return {self.victim} if self.attack in ("replies", "questions") else set()

    def change_hands(self) -> None:
        """Somebody new, or an address that goes from one machine to another."""
        self.new = self.new_mac()
        if self.change == "takeover":
            began = self.changed + self.random.uniform(0.5, 3)
            kind = self.random.choice([REQUEST, REQUEST, REPLY])
            for late in (0.0, 1.0, 2.0)[: self.random.choice([1, 2, 3])]:
                self.announce(began + late, self.changing, self.new, operation=kind,
                              about="a machine takes over an address; the old one is silent from then on")  # fmt: skip
        elif self.change in ("newcomer", "reuse"):
            address = IPv4Address("10.7.1.9") if self.change == "newcomer" else self.changing
            time = self.changed + (0 if self.change == "newcomer" else 36)
            for late in (0.0, 1.2, 2.7):
                probe = ARPPacket(sender_mac=self.new, target_ip=address)
                self.say(time + late, probe, EVERYONE, "a newcomer asks whether an address is free")
            for late in (4.7, 6.7):
                told = "a newcomer announces itself"
                self.announce(time + late, address, self.new, told + ", with an address long unused"
                              if self.change == "reuse" else told)  # fmt: skip
            if self.change == "newcomer":
                question = ARPPacket(sender_mac=self.new, sender_ip=address, target_ip=ROUTER)
                self.say(time + 7.0, question, EVERYONE, "a question of the newcomer's")

    # ---- the attacker --------------------------------------------------------------------------------------

    def lie(self) -> None:
        time, end = self.attacked
        while time < min(end, SECONDS):
            match self.attack:
                case "replies":
                    told = "an answer that nobody has asked for"
                    self.reply(time, ROUTER, self.attacker, self.victim, told, forged=True)
                    if self.random.random() < 0.7:
                        self.reply(time + 0.001, self.victim, self.attacker, ROUTER, told, forged=True)
                case "announcements":
                    self.announce(time, ROUTER, self.attacker, "the attacker announces the router's address",
                                  forged=True, operation=self.random.choice([REQUEST, REPLY]))  # fmt: skip
                case "questions":
                    question = ARPPacket(sender_mac=self.attacker, sender_ip=ROUTER, target_ip=self.victim)
                    self.say(time, question, self.random.choice([EVERYONE, self.macs[self.victim]]),
                             "a question in the router's name", forged=True)  # fmt: skip
                    packet = ARPPacket(operation=REPLY, sender_mac=self.macs[self.victim], sender_ip=self.victim,
                                       target_mac=self.attacker, target_ip=ROUTER)  # fmt: skip
                    self.say(time + 0.001, packet, self.attacker, "an honest answer to a forged question")
                case "ghost":
                    nowhere = MACAddress(bytes((2, 0xEE)) + self.random.randbytes(4))
                    self.reply(time, ROUTER, nowhere, self.victim, "an answer that leads to no machine",
                               forged=True, source=self.attacker)  # fmt: skip
            time += self.random.uniform(1.0, 3.0)


@lru_cache(maxsize=64)
def link_trace(seed: int, attack: str | None = None, change: str | None = None) -> tuple[Heard, ...]:
    """What is heard on a link in two minutes; `attack` and `change` are drawn unless given."""
    random = Random(f"link {seed}")
    drawn, also = random.choice(ATTACKS), random.choice(CHANGES)
    link = Link(random, drawn if attack is None else attack, also if change is None else change)
    link.change_hands()
    link.live()
    link.lie()
    return tuple(sorted((heard for heard in link.said if heard.time < SECONDS), key=lambda heard: heard.time))


def several(seed: int, count: int = 14) -> Iterator[tuple[Heard, ...]]:
    """Traces that have each attack and each change at least once, and some that are honest."""
    attacks = ["", "", "", "", "", "replies", "replies", "replies", "announcements", "announcements", "questions",
               "race", "race", "ghost"]  # fmt: skip
    for number in range(count):
        yield link_trace(seed * 1000 + number, attacks[number % len(attacks)])
