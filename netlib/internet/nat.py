"""A NAT that translates addresses and ports (NAPT): many hosts inside, one address outside.

RFC 3022 says what it does, RFC 4787 (UDP), 5382 (TCP) and 5508 (ICMP) how it does it without getting in the way.

    outbound   a packet that leaves: its source becomes our address, with a port that is its alone
    inbound    a packet that comes to our address: whose is it inside, and may it come in?
    hairpin    a packet from inside to our address: out and in again
    forward    by hand: a port of ours that leads to a host inside

A machine: packets as bytes and the time in.  Each comes back translated, or as it was where the NAT has no part in it,
or as None: then it goes nowhere, or not yet (a fragment waits for the others).  `dropped` counts why, and `refused`
holds what somebody is to be told of.  The router's own packets go through it too, so that its ports and those of the
hosts inside don't meet.  What it leaves to others: what crosses at all (input), the bytes (nat_flow), finding and
bounds (nat_table), timers and TCP's states (nat_timers).
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple, Protocol

from netlib.internet.fragments import Reassembler
from netlib.internet.nat_flow import Endpoint, Flow, quoted, read, requote, rewrite, source_routed, word
from netlib.internet.nat_table import DEFAULTS, Choices, Mapping, Session, Table
from netlib.internet.nat_timers import CLOSE, ESTABLISHED, REPLIED, SYN_RECV, SYN_SENT, TIME_WAIT, tcp_state
from netlib.wire.address import IPv4Address
from netlib.wire.errors import WireError
from netlib.wire.icmp import ADMINISTRATIVELY_PROHIBITED, PORT_UNREACHABLE
from netlib.wire.ipv4 import ICMP, PROTOCOL_NAMES, TCP, UDP

HOLD = 6.0  # seconds that nobody is told about a SYN that nobody has asked for (RFC 5382 REQ-4)
HELD = 256  # such SYNs that are kept; about others nobody is told at all
REFUSED = 64  # packets that somebody is to be told of


class NATPart(Protocol):
    """Translates between inside and outside; made with our addresses outside and a `random.Random`."""

    addresses: list[IPv4Address]  # the outside ones
    refused: "list[Refused]"  # packets to report, which the router takes from here

    def outbound(self, packet: bytes, now: float) -> bytes | None:
        """What becomes of a packet that leaves for the outside; None: nothing, or not yet."""

    def inbound(self, packet: bytes, now: float) -> bytes | None:
        """What becomes of a packet from outside to one of `addresses`; the same packet if it is the router's own."""

    def hairpin(self, packet: bytes, now: float) -> bytes | None:
        """What becomes of a packet from inside to one of `addresses`; likewise."""

    def tick(self, now: float) -> None:
        """Forget what is to be forgotten."""

    def deadline(self) -> float | None:
        """When `tick` is next needed (seconds), or None."""


class Refused(NamedTuple):
    """A packet whose sender is to be told "destination unreachable" with this code."""

    packet: bytes
    code: int


class NAT:
    """The NAT of a router.  `print(nat)` shows what `conntrack -L` would."""

    def __init__(self, addresses: Sequence[IPv4Address], random: Random, choices: Choices = DEFAULTS) -> None:
        if not addresses:
            raise ValueError("a NAT needs an address outside")
        self.addresses, self.choices = list(addresses), choices
        self.known = Table(self.addresses, random, choices)
        self.reassembler = Reassembler()
        self.held: OrderedDict[tuple[Endpoint, Endpoint], tuple[float, bytes]] = OrderedDict()  # ours, theirs -> due
        self.refused: list[Refused] = []
        self.dropped: Counter[str] = Counter()
        self.listens: Callable[[int], bool] = lambda port: False  # the router itself, at this TCP port

    def forward(self, protocol: int, port: int, address: str | IPv4Address, to_port: int | None = None) -> None:
        """From now on this port of ours leads to a host inside, for everybody ("port forwarding").

        Raises `ValueError` where either end has a mapping already.
        """
        inside = IPv4Address(address) if isinstance(address, str) else address
        if protocol not in (TCP, UDP) or not 0 < port < 65536 or inside in self.addresses:
            raise ValueError(f"no forward for {PROTOCOL_NAMES.get(protocol, protocol)} port {port} to {inside}")
        internal = Endpoint(inside, port if to_port is None else to_port)
        self.known.fix(protocol, Endpoint(self.addresses[0], port), internal)

    # ---- packets -------------------------------------------------------------------------------------------

    def outbound(self, packet: bytes, now: float) -> bytes | None:
        """The packet as it leaves for the outside, or None."""
        ours = packet[12:16] in self.addresses  # the router's own
        try:
            if (whole := self.whole(packet, now)) is None:
                return None
            quote = quoted(whole)
            # "If a NAT device does not support forwarding packets with the source route option, the NAT device SHOULD
            # NOT forward outbound ICMP messages that contain the source route option in the outer or inner IP header"
            # (RFC 5508 section 7.3): it names routers inside
            if whole[9] == ICMP and not ours and (source_routed(whole) or (quote and source_routed(quote))):
                return self.drop("NAT source route")
            if quote is not None:
                return self.error_outbound(whole, quote, ours)
            flow = read(whole)
        except WireError:
            return packet if ours else self.drop("NAT malformed")
        if flow is None:
            return whole if ours else self.drop("NAT unknown protocol")
        if flow.destination.address[0] >= 224:  # many at once: no session with them
            return whole if ours else self.drop("NAT multicast")
        protocol, internal, remote, kind = flow.protocol, *flow[1:]
        session = self.known.sessions.get((protocol, internal, remote))
        if session is None and kind in ("reply", "rst"):  # nothing begins with these
            return whole if ours else self.drop("NAT no session")
        session = session or self.open(flow)
        if session is None:
            if ours:
                return whole
            # "When a NAT device is unable to establish a NAT Session ... due to resource constraints ..., the NAT
            # device SHOULD send an ICMP destination unreachable message, with a code of 13 ... and drop the original
            # packet" (RFC 5508 REQ-8)
            self.refuse(whole, ADMINISTRATIVELY_PROHIBITED)
            return self.drop("NAT exhausted")
        self.progress(session, kind, True, now)
        external = session.mapping.external
        if kind == "syn":
            # "If during this interval the NAT receives and translates an outbound SYN for the connection the NAT MUST
            # silently drop the original unsolicited inbound SYN packet" (RFC 5382 REQ-4)
            self.held.pop((external, remote), None)
        return rewrite(whole, flow._replace(source=external))

    def inbound(self, packet: bytes, now: float) -> bytes | None:
        """The packet as it goes on to a host inside; unchanged where it is for the router itself; or None."""
        try:
            if (whole := self.whole(packet, now)) is None:
                return None
            if (quote := quoted(whole)) is not None:
                return self.error_inbound(whole, quote)
            flow = read(whole)
        except WireError:
            return self.drop("NAT malformed")
        if flow is None:
            return whole
        protocol, remote, external, kind = flow
        mapping = self.known.of_outside(protocol, external, remote)
        if mapping is None:
            if kind == "syn" and not self.listens(external.port):
                return self.hold(whole, external, remote, now)
            return whole
        # by whichever of its outside ends: inside, it is one conversation
        session = self.known.sessions.get((protocol, mapping.internal, remote))
        if mapping.internal.address in self.addresses and session is None:  # a stranger to a server of the router's
            return whole
        if not self.known.admits(mapping, remote):
            return self.hold(whole, external, remote, now) if kind == "syn" else self.drop("NAT filtered")
        if session is None:
            if kind in ("reply", "rst") or (protocol == TCP and kind != "syn" and not mapping.static):
                return self.drop("NAT no session")
            session = self.known.open(mapping, remote, outward=False)
            if session is None:
                return self.drop("NAT exhausted")
            self.pick_up(session, kind)
        self.progress(session, kind, False, now)
        return rewrite(whole, flow._replace(destination=mapping.internal))

    def hairpin(self, packet: bytes, now: float) -> bytes | None:
        """From inside to an address of ours: translated twice, or unchanged where it is for the router itself.

        "A NAT Hairpinning behavior MUST be 'External source IP address and port'" (RFC 4787 REQ-9): who is spoken to
        sees our address, answers to it, and so the answer finds its way back through us.
        """
        try:
            if (seen := self.look(packet, now)) is None:
                return None
        except WireError:
            return self.drop("NAT malformed")
        whole, quote, flow = seen
        if not self.choices.hairpin or flow is None:
            return whole
        ours, theirs = (flow.destination, flow.source) if quote is None else (flow.source, flow.destination)
        mapping = self.known.of_outside(flow.protocol, ours, theirs)
        if mapping is None or mapping.internal.address in self.addresses:
            return whole
        out = self.outbound(whole, now)
        return None if out is None else self.inbound(out, now)

    # ---- ICMP errors ---------------------------------------------------------------------------------------

    def error_outbound(self, packet: bytes, quote: bytes, ours: bool) -> bytes | None:
        """A host or router inside reports about a packet that came in: it quotes it as it was outside."""
        flow = read(quote, in_quote=True)
        session = flow and self.known.sessions.get((flow.protocol, flow.destination, flow.source))
        if not flow or not session:
            return packet if ours else self.drop("NAT error about no session")
        external = session.mapping.external
        about = rewrite(quote, flow._replace(destination=external))
        return requote(packet, about, external.address, IPv4Address(packet[16:20]))

    def error_inbound(self, packet: bytes, quote: bytes) -> bytes | None:
        """Somebody outside reports about a packet that left: its sender gets a quote of what it has sent.

        The session is none the worse for it, for anybody can write such errors: "Receipt of any sort of ICMP message
        MUST NOT terminate the NAT mapping" (RFC 4787 REQ-12), nor "refresh" it, where it is an echo's (RFC 5508 REQ-6).
        """
        flow = read(quote, in_quote=True)
        mapping = flow and self.known.of_outside(flow.protocol, flow.source, flow.destination)
        if not flow or not mapping:
            return packet
        if flow.destination not in mapping.sessions:
            return self.drop("NAT error about no session")
        about = rewrite(quote, flow._replace(source=mapping.internal))
        return requote(packet, about, IPv4Address(packet[12:16]), mapping.internal.address)

    # ---- sessions ------------------------------------------------------------------------------------------

    def open(self, flow: Flow) -> Session | None:
        """A session for a packet from inside, with a mapping if there is none; None where there is no room."""
        protocol, internal, remote, kind = flow
        known = self.known
        if not known.has_room(internal.address):  # before a port is looked for, which takes long where few are left
            return None
        mapping = known.of_inside(protocol, internal, remote) or known.map(protocol, internal, remote)
        if mapping is None:
            return None
        session = known.open(mapping, remote, outward=True)
        if session is not None:
            self.pick_up(session, kind)
        return session

    def pick_up(self, session: Session, kind: str) -> None:
        """A TCP connection that we meet when it is under way, perhaps because we have forgotten it."""
        if kind == "syn ack":
            session.state = SYN_RECV
        elif kind in ("ack", "fin"):
            session.state = ESTABLISHED

    def progress(self, session: Session, kind: str, from_inside: bool, now: float) -> None:
        """What a packet does to its session: its state, and its timer."""
        by_opener = from_inside == session.outward
        session.replied = session.replied or not by_opener
        session.packets[not from_inside] += 1
        if session.mapping.protocol == TCP:
            before = session.state
            session.state = tcp_state(before, kind, by_opener, session.closer)
            if kind == "fin" and session.closer is None:
                session.closer = by_opener
            elif session.state in (SYN_SENT, ESTABLISHED) and before in (CLOSE, TIME_WAIT):
                session.closer = None
        elif session.replied:
            session.state = REPLIED
        # "The NAT mapping Refresh Direction MUST have a 'NAT Outbound refresh behavior' of 'True'" (RFC 4787 REQ-6)
        if from_inside or self.choices.inbound_refresh or not session.seconds:
            self.known.touch(session, now)

    def hold(self, packet: bytes, external: Endpoint, remote: Endpoint, now: float) -> bytes | None:
        """A SYN that nobody inside has asked for: wait whether somebody does.

        "A NAT MUST NOT respond to an unsolicited inbound SYN packet for at least 6 seconds after the packet is
        received ... Otherwise, the NAT SHOULD send an ICMP Port Unreachable error" (RFC 5382 REQ-4).
        """
        if len(self.held) < HELD:
            self.held.setdefault((external, remote), (now + HOLD, packet))
        return self.drop("NAT unsolicited SYN")

    # ---- fragments and time --------------------------------------------------------------------------------

    def whole(self, packet: bytes, now: float) -> bytes | None:
        """The whole packet; None until its last fragment is there.

        Only the first has ports in it.  "A NAT MUST support receiving in-order and out-of-order fragments" (RFC 4787
        REQ-14), so as Linux does we wait for all of them; the router cuts the packet again where it has to.
        """
        return packet if not word(packet, 6) & 0x3FFF else self.reassembler.add(packet, now)

    def look(self, packet: bytes, now: float) -> tuple[bytes, bytes | None, Flow | None] | None:
        """The whole packet, what it quotes if it is an ICMP error, and whose flow that is, or else its own.

        None until the last fragment is there.  Raises WireError.
        """
        if (whole := self.whole(packet, now)) is None:
            return None
        quote = quoted(whole)
        return whole, quote, read(whole if quote is None else quote, in_quote=quote is not None)

    def tick(self, now: float) -> None:
        """Forget the sessions whose timers have ended and the fragments that are late; report the SYNs held."""
        for session in self.known.queues.expired(now):
            self.known.close(session)
        self.reassembler.expire(now)
        while self.held and (first := next(iter(self.held.items())))[1][0] <= now:
            del self.held[first[0]]
            self.refuse(first[1][1], PORT_UNREACHABLE)

    def deadline(self) -> float | None:
        """When `tick` is next needed (seconds), or None."""
        held = next(iter(self.held.values()))[0] if self.held else None
        due = [self.known.queues.deadline(), self.reassembler.deadline(), held]
        return min((when for when in due if when is not None), default=None)

    def drop(self, reason: str) -> bytes | None:
        """Count why a packet goes nowhere; None, which is what becomes of it."""
        self.dropped[reason] += 1
        return None

    def refuse(self, packet: bytes, code: int) -> None:
        if len(self.refused) < REFUSED:
            self.refused.append(Refused(packet, code))

    # ---- to look at ----------------------------------------------------------------------------------------

    def table(self, now: float | None = None) -> list[dict[str, Any]]:
        """The sessions, in the order in which they were opened; `expires` in seconds, if the time is given."""
        return [
            {
                "protocol": PROTOCOL_NAMES[session.mapping.protocol],
                "inside": str(session.mapping.internal),
                "outside": str(session.mapping.external),
                "remote": str(session.remote),
                "state": session.state,
                "opened from": "inside" if session.outward else "outside",
                "replied": session.replied,
                "packets": tuple(session.packets),
            }
            | ({} if now is None else {"expires": session.used + session.seconds - now})
            for session in self.known.sessions.values()
        ]

    def __str__(self) -> str:
        return "\n".join(map(line, self.known.sessions.values())) or "no sessions"


def line(session: Session) -> str:
    """A session as `conntrack -L` has it: as its first packet was, and as an answer is."""
    mapping: Mapping = session.mapping
    internal, external, remote = mapping.internal, mapping.external, session.remote
    there, back = (internal, remote), (remote, external)
    if not session.outward:
        there, back = back, there
    unreplied = "" if session.replied else "[UNREPLIED] "
    state = f"{session.state} " if mapping.protocol == TCP else ""
    icmp = mapping.protocol == ICMP
    return f"{PROTOCOL_NAMES[mapping.protocol].lower()} {state}{ends(*there, icmp)} {unreplied}{ends(*back, icmp)}"


def ends(source: Endpoint, destination: Endpoint, icmp: bool) -> str:
    addresses = f"src={source.address} dst={destination.address}"
    if icmp:
        return f"{addresses} id={source.port or destination.port}"
    return f"{addresses} sport={source.port} dport={destination.port}"
