"""The table of a NAT: which inside end has which outside end, and with whom it speaks (RFC 4787 section 4).

    Mapping    10.0.0.2:5000 is 203.0.113.1:5000 outside
    Session    ... and speaks with 198.51.100.7:53: what `conntrack -L` has a line for; its timer keeps the mapping
    Table      finds both from either side, hands out ports, and sets bounds
    Choices    what NATs do differently, in the words of RFC 4787

Bounded, for the inside may open as many sessions as it likes, and strangers outside may use a mapping that lets them
in: `sessions` in all and `per_host` for one inside address, beyond which a new one is refused (a NAT "MUST NOT delete
existing mappings in order to 'make room' for the new one", RFC 6888 REQ-11); and a part of them for those that were
opened from outside, where the one that was silent for longest makes room.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from netlib.internet.nat_flow import Endpoint
from netlib.internet.nat_timers import LINUX_TIMERS, RFC_TIMERS, SYN_SENT, UNREPLIED, Queues, Timers
from netlib.wire.address import IPv4Address
from netlib.wire.ipv4 import ICMP, PROTOCOL_NAMES, TCP

# On whom of the outside it depends which mapping an inside end has, and who may use it (RFC 4787 sections 4.1 and 5)
ENDPOINT_INDEPENDENT = "endpoint-independent"  # on nobody
ADDRESS_DEPENDENT = "address-dependent"  # on the other side's address
ADDRESS_AND_PORT_DEPENDENT = "address and port-dependent"  # on its port too
BEHAVIOURS = (ENDPOINT_INDEPENDENT, ADDRESS_DEPENDENT, ADDRESS_AND_PORT_DEPENDENT)


@dataclass(frozen=True, slots=True)
class Choices:
    """What NATs do differently.  The defaults are what RFC 4787, 5382 and 5508 require or recommend."""

    mapping: str = ENDPOINT_INDEPENDENT  # "A NAT MUST have an 'Endpoint-Independent Mapping' behavior" (REQ-1)
    filtering: str = ADDRESS_DEPENDENT  # REQ-8; endpoint-independent "if application transparency is most important"
    preserve_port: bool = True  # the outside end has the inside end's port, where that is free
    preserve_parity: bool = True  # "RECOMMENDED" (REQ-4): RTP has even ports, RTCP the odd ones above them
    # "A NAT MUST NOT have a 'Port assignment' behavior of 'Port overloading'" (REQ-3): one outside end for several
    # inside ends, told apart by whom they speak with.  Linux does, and only an address and port-dependent mapping can.
    # As there, an inside end keeps its outside port with everybody, as long as that is told apart from the others'.
    overload: bool = False
    hairpin: bool = True  # "A NAT MUST support 'Hairpinning'" (REQ-9)
    inbound_refresh: bool = True  # packets from outside keep a session too: "MAY" (REQ-6)
    low_ports: range = range(512, 1024)  # for inside ends with ports below 1024 (REQ-3 a))
    ports: range = range(1024, 65536)  # for all others
    sessions: int = 32768
    per_host: int = 8192  # sessions of one inside address (RFC 6888 REQ-4)
    timers: Timers = RFC_TIMERS

    def __post_init__(self) -> None:
        if self.mapping not in BEHAVIOURS or self.filtering not in BEHAVIOURS:
            raise ValueError(f"mapping {self.mapping!r}, filtering {self.filtering!r}: each is one of {BEHAVIOURS}")
        if self.overload and self.mapping != ADDRESS_AND_PORT_DEPENDENT:
            raise ValueError(f"overload needs mapping={ADDRESS_AND_PORT_DEPENDENT!r}")


DEFAULTS = Choices()
LIKE_LINUX = Choices(mapping=ADDRESS_AND_PORT_DEPENDENT, filtering=ADDRESS_AND_PORT_DEPENDENT, overload=True,
                     preserve_parity=False, timers=LINUX_TIMERS)  # fmt: skip


def part(remote: Endpoint, behaviour: str) -> Endpoint | None:
    """As much of the other side's end as matters to a behaviour."""
    if behaviour == ENDPOINT_INDEPENDENT:
        return None
    return remote if behaviour == ADDRESS_AND_PORT_DEPENDENT else Endpoint(remote.address, 0)


@dataclass(eq=False, slots=True)
class Mapping:
    """An inside end and the outside end that it has."""

    protocol: int
    internal: Endpoint
    external: Endpoint
    inside_key: tuple[int, Endpoint, Endpoint | None]
    outside_key: tuple[int, Endpoint, Endpoint | None]
    static: bool = False  # made by hand: for everybody, and for ever
    sessions: "dict[Endpoint, Session]" = field(default_factory=dict)  # with whom -> the session
    addresses: Counter[IPv4Address] = field(default_factory=Counter)  # with whom -> sessions with that address


@dataclass(eq=False, slots=True)
class Session:
    """What goes on between an inside end and one end outside."""

    mapping: Mapping
    remote: Endpoint
    outward: bool  # opened from inside
    state: str
    closer: bool | None = None  # TCP: which side sent the first FIN: the one that opened it?
    replied: bool = False  # the side that did not open it has been heard
    packets: list[int] = field(default_factory=lambda: [0, 0])  # from inside, from outside
    used: float = 0.0  # when a packet last kept it
    seconds: float = 0.0  # how long after that it is forgotten


class Table:
    """Mappings and sessions, found from either side."""

    def __init__(self, addresses: Sequence[IPv4Address], random: Random, choices: Choices) -> None:
        self.addresses, self.random, self.choices = list(addresses), random, choices
        self.inside: dict[tuple[int, Endpoint, Endpoint | None], Mapping] = {}
        self.outside: dict[tuple[int, Endpoint, Endpoint | None], Mapping] = {}
        self.same_end: dict[tuple[int, Endpoint], OrderedDict[Mapping, None]] = {}  # protocol, inside end
        self.sessions: dict[tuple[int, Endpoint, Endpoint], Session] = {}  # protocol, inside end, outside one
        self.guests: OrderedDict[Session, None] = OrderedDict()  # opened from outside, the latest heard last
        self.per_host: Counter[IPv4Address] = Counter()  # inside address -> sessions
        self.used: Counter[tuple[int, IPv4Address, Endpoint | None, range]] = Counter()  # ports that are taken
        self.queues: Queues[Session] = Queues()

    # ---- finding -------------------------------------------------------------------------------------------

    def of_inside(self, protocol: int, internal: Endpoint, remote: Endpoint) -> Mapping | None:
        """The mapping of an inside end that speaks with `remote`: one made by hand, or its own."""
        if fixed := self.inside.get((protocol, internal, None)):
            return fixed
        return self.inside.get((protocol, internal, part(remote, self.choices.mapping)))

    def of_outside(self, protocol: int, external: Endpoint, remote: Endpoint) -> Mapping | None:
        """The mapping with this outside end, as far as `remote` is concerned."""
        if found := self.outside.get((protocol, external, None)):
            return found
        return self.outside.get((protocol, external, remote)) if self.choices.overload else None

    def admits(self, mapping: Mapping, remote: Endpoint) -> bool:
        """Whether a packet from `remote` may come in by this mapping: filtering (RFC 4787 section 5)."""
        if mapping.static or remote in mapping.sessions or self.choices.filtering == ENDPOINT_INDEPENDENT:
            return True
        return self.choices.filtering == ADDRESS_DEPENDENT and mapping.addresses[remote.address] > 0

    # ---- making --------------------------------------------------------------------------------------------

    def fix(self, protocol: int, external: Endpoint, internal: Endpoint) -> Mapping:
        """A mapping by hand; `ValueError` where either end has one already."""
        inside_key, outside_key = (protocol, internal, None), (protocol, external, None)
        taken = {(found, end) for found, end, _ in self.outside}
        if (protocol, external) in taken or inside_key in self.inside:
            raise ValueError(f"{PROTOCOL_NAMES[protocol]} {external} or {internal} has a mapping already")
        return self.enter(Mapping(protocol, internal, external, inside_key, outside_key, static=True))

    def map(self, protocol: int, internal: Endpoint, remote: Endpoint) -> Mapping | None:
        """A new mapping for an inside end that wants to speak with `remote`; None where no port is left."""
        choices = self.choices
        # "It is RECOMMENDED that a NAT have an 'IP address pooling' behavior of 'Paired'" (RFC 4787 REQ-2): all ends
        # with one inside address have the same outside address
        address = self.addresses[int.from_bytes(internal.address, "big") % len(self.addresses)]
        if internal.address in self.addresses:  # the router itself
            address = internal.address
        told_apart = remote if choices.overload else None
        same = self.same_end.get((protocol, internal)) if choices.overload else None
        wanted = next(iter(same)).external.port if same else internal.port
        port = self.free_port(protocol, address, wanted, told_apart)
        if port is None:
            return None
        external = Endpoint(address, port)
        inside_key = (protocol, internal, part(remote, choices.mapping))
        return self.enter(Mapping(protocol, internal, external, inside_key, (protocol, external, told_apart)))

    def enter(self, mapping: Mapping) -> Mapping:
        self.inside[mapping.inside_key] = self.outside[mapping.outside_key] = mapping
        self.same_end.setdefault((mapping.protocol, mapping.internal), OrderedDict())[mapping] = None
        self.count(mapping, 1)
        return mapping

    def count(self, mapping: Mapping, by: int) -> None:
        """Count a mapping's port among those like it that are taken."""
        protocol, external, told_apart = mapping.outside_key
        alike = self.alike(protocol, external.port)
        if external.port in alike:
            pool = protocol, external.address, told_apart, alike
            self.used[pool] += by
            if not self.used[pool]:
                del self.used[pool]

    def alike(self, protocol: int, port: int) -> range:
        """The ports that may stand for this one."""
        choices = self.choices
        if protocol == ICMP:  # identifiers are mere numbers, none better than another
            return range(65536)
        # "If the host's source port was in the range 0-1023, it is RECOMMENDED the NAT's source port be in the same
        # range" (RFC 4787 REQ-3 a))
        ports = choices.low_ports if port < 1024 else choices.ports
        if choices.preserve_parity:
            return range(ports.start + (ports.start + port) % 2, ports.stop, 2)
        return ports

    def free_port(self, protocol: int, address: IPv4Address, wanted: int, told_apart: Endpoint | None) -> int | None:
        """A port that is free at this outside address: the one `wanted`, or else any other at random; None: no more."""

        def is_free(port: int) -> bool:
            end = Endpoint(address, port)
            if (protocol, end, None) in self.outside:
                return False
            return told_apart is None or (protocol, end, told_apart) not in self.outside

        alike = self.alike(protocol, wanted)
        preserved = self.choices.preserve_port and (wanted in alike or 0 < wanted < 1024)
        if preserved and is_free(wanted):
            return wanted
        taken = self.used[protocol, address, told_apart, alike]
        if told_apart is not None:  # those made by hand are nobody else's, whoever the other side is
            taken += self.used[protocol, address, None, alike]
        if taken >= len(alike):
            return None
        for _ in range(16):  # mostly one of the first few is free ...
            if is_free(port := self.random.choice(alike)):
                return port
        start = self.random.randrange(len(alike))  # ... and where few are, one after the other
        around = (alike[(start + i) % len(alike)] for i in range(len(alike)))
        return next((port for port in around if is_free(port)), None)

    def has_room(self, host: IPv4Address) -> bool:
        """Whether a session more may be opened from this inside address."""
        return len(self.sessions) < self.choices.sessions and self.per_host[host] < self.choices.per_host

    def open(self, mapping: Mapping, remote: Endpoint, outward: bool) -> Session | None:
        """A new session; None where there may be no more of them."""
        choices, host = self.choices, mapping.internal.address
        if outward and not self.has_room(host):
            return None
        room = max(1, min(choices.sessions, choices.per_host) // 4)  # for guests
        if not outward and len(self.sessions) >= choices.sessions and len(self.guests) < room:
            return None
        state = SYN_SENT if mapping.protocol == TCP else UNREPLIED
        session = Session(mapping, remote, outward, state)
        self.sessions[mapping.protocol, mapping.internal, remote] = mapping.sessions[remote] = session
        mapping.addresses[remote.address] += 1
        if outward:
            self.per_host[host] += 1
        else:
            self.guests[session] = None
            while len(self.guests) > room:  # now, when the mapping that may be theirs too has this session
                self.close(next(iter(self.guests)))
        return session

    # ---- time ----------------------------------------------------------------------------------------------

    def touch(self, session: Session, now: float) -> None:
        """A packet has kept this session: its timer starts anew."""
        self.queues.touch(session, self.choices.timers.of(session.mapping.protocol, session.state), now)
        if not session.outward:
            self.guests.move_to_end(session)

    def close(self, session: Session) -> None:
        """Forget a session, and its mapping if that was all that kept it."""
        mapping, remote = session.mapping, session.remote
        self.queues.remove(session)
        self.guests.pop(session, None)
        del self.sessions[mapping.protocol, mapping.internal, remote], mapping.sessions[remote]
        for counter, key in ((mapping.addresses, remote.address), (self.per_host, mapping.internal.address)):
            if counter is mapping.addresses or session.outward:
                counter[key] -= 1
                if not counter[key]:
                    del counter[key]
        if not mapping.sessions and not mapping.static:
            self.unmap(mapping)

    def unmap(self, mapping: Mapping) -> None:
        """Forget a mapping that has no sessions (any more)."""
        del self.inside[mapping.inside_key], self.outside[mapping.outside_key]
        same = self.same_end[mapping.protocol, mapping.internal]
        del same[mapping]
        if not same:
            del self.same_end[mapping.protocol, mapping.internal]
        self.count(mapping, -1)
