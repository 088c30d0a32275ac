"""Running a script: a host at the end of a link, of which the script is the other end."""

from math import inf
from random import Random
from typing import Any

from netlib.host import STREAM, Host, Parts
from netlib.kernel.errors import SocketError
from netlib.kernel.streams import StreamSocket
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.states import CLOSED, State
from netlib.transport.tcp.variables import CallError
from netlib.wire.address6 import ip_address
from netlib.wire.errors import WireError
from netlib.wire.icmp import ICMPMessage
from netlib.wire.icmpv6 import ICMPv6Message
from netlib.wire.ipv4 import ICMP, TCP
from netlib.wire.ipv6 import ICMPV6
from netlib.worlds.script.calls import User
from netlib.worlds.script.language import ERRORS, ERRORS6, Event, ScriptError, Segment
from netlib.worlds.script.segments import ECN, build, understand, unwrap

HOST, PEER, HOST6, PEER6 = "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"  # RFC 5737, RFC 3849
PEER_PORT = 40000
NEARLY = 0.0005  # seconds that a time may be off
LONGEST = 3600.0  # seconds that "*" waits
MOST = 100_000  # timers in a row without a segment: then something is wrong


class Run:
    """A script as it is run: a host at the end of a link of which the script is the other end."""

    def __init__(self, name: str, settings: dict[str, int], parts: Parts, seed: int, peer_isn: int) -> None:
        self.name, self.peer_isn, self.random = name, peer_isn, Random(seed)
        self.six = bool(settings.get("ipv6"))
        self.peer = PEER6 if self.six else PEER
        self.host = Host("host", Random(seed), parts)
        self.interface = self.host.attach(f"{HOST6}/64" if self.six else f"{HOST}/24", mtu=settings.get("mtu", 1500))
        self.address: Any = ip_address(HOST6 if self.six else HOST)
        self.port, self.peer_port = 80, PEER_PORT
        self.users: list[User] = []
        self.names: dict[str, Any] = {"host": self.host, "socket": self.socket, "connection": self.make_connection,
                                      "len": len, "abs": abs}  # fmt: skip
        self.seen: dict[Connection, None] = {}  # every connection that there was
        self.first: dict[tuple[Any, ...], int] = {}  # our first number, by our address and port and the peer's
        self.at = 0.0  # when the last event happened, seconds
        self.waiting: list[tuple[float, Segment]] = []  # sent, and the script has not come to it yet
        self.log: list[str] = []  # what happened, a line each
        self.packets: list[tuple[float, bytes]] = []  # all that crossed the link, with its time

    def __str__(self) -> str:
        return "\n".join(self.log)

    # ---- what a script can make ----------------------------------------------------------------------------

    def user(self, under: Any) -> User:
        self.users.append(User(self, under))
        return self.users[-1]

    def socket(self) -> User:
        return self.user(self.host.socket(STREAM))

    def make_connection(self, port: int = 80, peer_port: int = PEER_PORT, **options: Any) -> User:
        """A bare connection between these ports, which knows the RFC's calls."""
        remote = ip_address(self.peer)
        mss = self.host.tcp.network.mss(remote)
        made = Connection((self.address, port), (remote, peer_port), self.random.getrandbits(32), mss=mss,
                          options=options)  # fmt: skip
        self.port, self.peer_port = port, peer_port
        self.seen[made] = None
        return self.user(made)

    def paths(self) -> list[list[State]]:
        """The states that each connection has been in, in order."""
        sockets = {user.connection: user.under for user in self.users if isinstance(user.under, StreamSocket)}
        told = [sockets[c].events if c in sockets else c.events for c in self.seen]
        return [[CLOSED, *(State(e.because.split(":")[0]) for e in events if e.kind == "state")] for events in told]

    # ---- events --------------------------------------------------------------------------------------------

    def do(self, event: Event) -> None:
        """Let one line of the script happen."""
        start = self.at if event.relative else 0.0
        earliest, latest = start + event.earliest, start + event.latest
        if event.kind == ">":
            return self.expect(event, earliest, latest if latest < inf else self.at + LONGEST)
        if latest == inf:
            raise self.failure(event, "'*' is for what netlib sends; say when this happens")
        if earliest < self.at - NEARLY:
            raise self.failure(event, f"this time is over: the event before was at {self.at:.3f}")
        self.advance(earliest)
        self.nothing_more(event)
        self.at = self.host.now = max(earliest, self.at)
        if event.kind == "call":
            self.call(event)
        else:
            data = self.incoming(event)
            self.log.append(f"{self.at:9.3f} {event.text[event.text.index('<') :]}")
            self.packets.append((self.at, data))
            self.host.receive(self.interface, data, self.at)
        self.collect()

    def advance(self, until: float) -> None:
        """Let time pass, up to `until` or until netlib sends something."""
        for _ in range(MOST):
            due = self.host.deadline()
            if due is None or due > until or self.waiting:
                return
            self.host.tick(max(due, self.host.now))
            self.collect()
        raise ScriptError(f"{self.name}: timers run out at {self.host.now:.3f} over and over")

    def expect(self, event: Event, earliest: float, latest: float) -> None:
        said = event.segment
        assert said is not None
        self.advance(latest + NEARLY)
        if not self.waiting:
            raise self.failure(event, f"nothing was sent until {latest:.3f}")
        when, got = self.waiting.pop(0)
        said.ends = self.ends(said, True)
        if differences := said.differences(got):
            raise self.failure(event, "another segment than expected: " + "; ".join(differences), got, when)
        if not earliest - NEARLY <= when <= latest + NEARLY:
            early = "too early" if when < earliest else "too late"
            due = f"{earliest:.3f}" if earliest == latest else f"{earliest:.3f} to {latest:.3f}"
            raise self.failure(event, f"{early}: at {when:.3f}, not {due}", got, when)
        self.at = when

    def nothing_more(self, event: Event | None) -> None:
        if self.waiting:
            when, got = self.waiting[0]
            raise self.failure(event, "a segment that the script does not have", got, when)

    def failure(self, event: Event | None, what: str, got: Segment | None = None, when: float = 0.0) -> ScriptError:
        where = f"line {event.line}" if event else "after the last line"
        text = f"{self.name}, {where}: {what}"
        if event and event.kind == ">":
            text += (
                f"\n  expected {self.at + event.earliest if event.relative else event.earliest:9.3f} > {event.segment}"
            )
        elif event:
            text += f"\n  the line  {event.text}"
        if got:
            text += f"\n  got      {when:9.3f} > {got}"
        if self.log:
            text += "\nbefore that:\n" + "\n".join(self.log[-8:])
        return ScriptError(text)

    def call(self, event: Event) -> None:
        """Do a call; or look whether something is true."""
        names = {"__builtins__": {}, **self.names, "now": self.host.now}
        assert event.code is not None
        shown, raised = "", ""
        try:
            if event.sides:
                left, right = (eval(code, names) for code in event.sides)
                names |= {"left": left, "right": right}
                shown = f": {left!r} and {right!r}"
            value = eval(event.code, names)
        except (SocketError, CallError) as error:
            raised = error.name
        except ScriptError as error:
            raise self.failure(event, str(error)) from None
        except Exception as error:
            raise self.failure(event, f"{type(error).__name__}: {error}") from None
        if raised != event.raises:
            raise self.failure(event, f"raises {raised or 'nothing'}, not {event.raises or 'nothing'}")
        if event.target == "?" and not event.raises and not value:
            raise self.failure(event, f"is not so{shown}")
        if "." in event.target:
            owner, name = event.target.rsplit(".", 1)
            setattr(eval(owner, names), name, value)
        elif event.target not in ("", "?"):
            self.names[event.target] = value
        self.log.append(f"{self.at:9.3f} {event.text.split(maxsplit=1)[1]}")
        for user in self.users:
            self.after(user.under)

    def after(self, connection: Any) -> None:
        """Let a bare connection be one of the host's, as long as it is not closed."""
        if not isinstance(connection, Connection):
            return
        if connection.state is not CLOSED and connection not in self.host.tcp.table.values():
            self.host.tcp.table[(*connection.local, *connection.remote)] = connection
        self.host.tcp.after(connection, self.host.now)
        self.host.settle(self.host.now)

    def collect(self) -> None:
        """Take what the host has sent, and get to know its connections."""
        for connection in self.host.tcp.table.values():
            self.seen[connection] = None
        for user in self.users:
            if user.connection is not None:
                self.seen[user.connection] = None
        sent, self.host.outbox = self.host.outbox, []
        for _, data in sent:
            self.packets.append((self.host.now, data))
            segment = self.understand(data)
            self.log.append(f"{self.host.now:9.3f} > {segment}")
            self.waiting.append((self.host.now, segment))

    # ---- segments of a script, and on the wire ---------------------------------------------------------------

    def ends(self, said: Segment, outgoing: bool) -> tuple[Any, int, Any, int]:
        """Our address and port and the peer's, as a line says them by `from` and `to`."""
        words = ("from", "to") if outgoing else ("to", "from")
        (address, port), (peer, peer_port) = (said.around.get(word, ("", 0)) for word in words)
        return (ip_address(address) if address else self.address, port or self.port,
                ip_address(peer or self.peer), peer_port or self.peer_port)  # fmt: skip

    def own_first(self, *ends: Any) -> int:
        """Our first number of the last connection between these ends."""
        return self.first.get(ends, 0)

    def incoming(self, event: Event) -> bytes:
        """The packet that a line lets come from the network."""
        said = event.segment
        assert said is not None
        try:
            packet = self.error_packet(event, said) if event.kind == "icmp" else self.packet(said)
            data: bytes = packet.build()
            return data
        except (ScriptError, WireError, ValueError, OverflowError) as error:
            raise self.failure(event, str(error)) from None

    def packet(self, said: Segment) -> Any:
        """The packet from the peer that a line says."""
        address, port, peer, peer_port = self.ends(said, False)
        packet = self.host.tcp.network.packet(peer, address, TCP, said.around.get("ttl", 64))
        packet.ecn, packet.dscp = ECN[said.around.get("ecn", "none")], said.around.get("dscp", 0)
        segment = build(said, (peer_port, port), self.peer_isn, self.own_first(address, port, peer, peer_port))
        packet.payload = segment.build(packet)
        if "bad checksum" in said.around:
            changed = packet.payload[16] ^ 0x55
            packet.payload = packet.payload[:16] + bytes([changed]) + packet.payload[17:]
        if options := said.around.get("ip options"):
            packet.options = bytes.fromhex(options)
        return packet

    def error_packet(self, event: Event, said: Segment) -> Any:
        """An ICMP error of a router, here the peer, about a segment of ours."""
        errors = ERRORS6 if self.six else ERRORS
        if event.icmp not in errors:
            raise ScriptError(f"there is no {event.icmp!r} in {'ICMPv6' if self.six else 'ICMP'}")
        address, port, peer, peer_port = self.ends(said, True)
        network = self.host.tcp.network
        about = network.packet(address, peer, TCP, 64)
        firsts = self.own_first(address, port, peer, peer_port), self.peer_isn
        about.payload = build(said, (port, peer_port), *firsts).build(about)
        kind, code = errors[event.icmp]
        message: Any = (ICMPv6Message if self.six else ICMPMessage).of_type[kind](code=code)
        if event.mtu:
            setattr(message, "mtu" if self.six else "next_hop_mtu", event.mtu)
        message.payload = about.build()[: 1232 if self.six else 28]
        packet = network.packet(ip_address(self.peer), address, ICMPV6 if self.six else ICMP, 64)
        packet.payload = message.build(packet)
        return packet

    def understand(self, data: bytes) -> Segment:
        """A packet that netlib has sent, as a script says it."""
        packet, segment = unwrap(data)
        key = packet.source, segment.source_port, packet.destination, segment.destination_port
        if segment.syn:
            self.first[key] = segment.sequence
        return understand(packet, segment, self.first.get(key, 0), self.peer_isn)
