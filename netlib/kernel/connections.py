"""The TCP of one host: whose segment this is, who listens, which ports are taken, whose timer is due.

    receive        RFC 9293 section 3.10.7 begins here: find the connection, else the listener, else answer with a RST
    arrives_syn    a SYN for a listener: keep it, answer with a cookie, or drop it
    arrives_ack    an ACK that no connection knows: it may bring a cookie back
    after          put out what a connection has to send, and see what has become of it
    connect        a connection that we open, from a port that is free towards this peer

A machine: packets and the time in; packets out by `put`.  What it leaves to others: a connection's life
(transport/tcp), the two queues of a listener (listener.py), what a program sees (streams.py).
"""

from collections import Counter
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from math import inf
from random import Random
from typing import Any

from netlib.internet.input import SendError, reason
from netlib.kernel.cookies import stamp, stamped
from netlib.kernel.early_demux import EarlyDemux
from netlib.kernel.errors import SocketError
from netlib.kernel.listener import Arrival, Listener, Listening, ListenSettings
from netlib.kernel.ports import Ports, overlap
from netlib.kernel.secrets import Secrets
from netlib.kernel.segments import CE, Packets
from netlib.kernel.table import UDPTable
from netlib.kernel.way_out import WayOut
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.fast_open import FastOpenClient, Verdict
from netlib.transport.tcp.isn import initial_sequence_number
from netlib.transport.tcp.options import Options
from netlib.transport.tcp.own_connection import make_connection
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.sequence import SEQUENCE_SPACE
from netlib.transport.tcp.states import CLOSE_WAIT, CLOSED, ESTABLISHED, SYN_RECEIVED, SYN_SENT, TIME_WAIT, State
from netlib.transport.tcp.transmission import R1
from netlib.transport.udp import SOFT, SOFT6, UNREACHABLE, UNREACHABLE6, Endpoint
from netlib.wire.errors import BadChecksum, WireError
from netlib.wire.icmp import DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED
from netlib.wire.icmpv6 import DESTINATION_UNREACHABLE as UNREACHABLE_IN_6
from netlib.wire.icmpv6 import ICMPv6Error, ICMPv6PacketTooBig
from netlib.wire.tcp import TCPSegment

SPARE = 64  # entries in the heap of timers that may be there for nothing
Key = tuple[bytes, int, bytes, int]  # our address and port, the peer's


class Connections:
    """All connections and listeners of one host.

    `put(packet)` gives a packet to the Internet layer, `way_out` may know a shorter way; `counters` has nstat's names.
    """

    def __init__(
        self, network: Any, random: Random, dropped: Counter[str], put: Callable[[Any], None],
        way_out: WayOut | None = None,
    ) -> None:  # fmt: skip
        self.network, self.random, self.dropped, self.put = network, random, dropped, put
        self.counters: Counter[str] = Counter()
        self.settings = ListenSettings()
        self.ports = Ports()
        self.packets = Packets(network)
        self.way_out = way_out
        self.table: dict[Key, Connection] = {}
        self.early = EarlyDemux(self)
        self.opening: dict[Connection, Listening] = {}  # half open, or opened by Fast Open and not confirmed
        self.listeners: dict[Endpoint, Listening] = {}
        # the table that finds UDP's sockets finds listeners too: bound address first, SO_REUSEPORT groups by a hash
        self.listening = UDPTable(lambda: random.randbytes(16))
        self.due: list[tuple[float, int, Connection]] = []  # a heap: when a connection wants to be called, or earlier
        self.planned: dict[Connection, float] = {}  # the earliest of each in the heap
        self.waiting: set[Connection] = set()  # in TIME-WAIT
        self.orphans: set[Connection] = set()  # without a socket, and not at their end yet
        self.entries = 0
        self.drawn: Secrets | None = None
        self.fast_open = FastOpenClient()
        # what may have become readable or writable, for a world that wants to know: it sets this, and empties it
        self.touched: dict[Connection | Listening, None] | None = None
        self.asking: dict[Connection, bytes] = {}  # connections that we open with Fast Open's option, and the cookie

    # ---- in ------------------------------------------------------------------------------------------------

    def receive(self, packet: Any, now: float, to_many: bool = False) -> None:
        """Take in a packet for this host; `to_many` if it was sent to a broadcast or multicast address."""
        if to_many:
            # "A TCP implementation MUST silently discard an incoming SYN segment that is addressed to a broadcast or
            # multicast address" (MUST-57), and any other makes no more sense
            self.dropped["TCP to a broadcast address"] += 1
            return
        self.counters["InSegs"] += 1
        problems: list[WireError] = []
        try:
            segment = TCPSegment.parse(packet.payload, packet, problems)
        except WireError as error:
            self.dropped[f"TCP {reason(error)}"] += 1
            return
        # "the receiver MUST check it", the checksum (MUST-3); options that make no sense are ignored (MUST-7)
        if problems and any(isinstance(problem, BadChecksum) for problem in problems):
            self.dropped["TCP bad checksum"] += 1
            return
        key = packet.destination, segment.destination_port, packet.source, segment.source_port
        connection, least = self.table.get(key), None
        if connection is not None and segment.syn and (least := connection.reopened_by(segment)) is not None:
            if self.listening.lookup(key[2], key[3], key[0], key[1]) is None:
                least = None  # a new SYN in TIME-WAIT (RFC 9293, MAY-2), but nobody listens: it is like any other
            else:
                connection.enter(CLOSED, "a new SYN begins another connection", now)
                self.remove(connection)
                connection = None
        if connection is None:
            self.unknown(key, segment, now, least)
        elif self.has_room(connection, segment, now):
            connection.segment_arrives(segment, now, packet.ecn == CE)
            self.after(connection, now)
            self.early.learn(connection)

    def unknown(self, key: Key, segment: TCPSegment, now: float, least: int | None) -> None:
        """A segment for no connection: for a listener, or for nobody."""
        endpoint = self.listening.lookup(key[2], key[3], key[0], key[1])
        if segment.rst or not self.network.reaches(key[2]):  # from nobody whom we could answer (MUST-63)
            return
        if endpoint is not None:
            listening = self.listeners[endpoint]
            if not segment.ack:  # where it is no SYN, "Drop the segment and return" (section 3.10.7.2, fourth)
                return self.arrives_syn(listening, key, segment, now, least) if segment.syn else None
            if not segment.syn and self.arrives_ack(listening, key, segment, now):
                return
        # "If the state is CLOSED (i.e., TCB does not exist)": a connection that is closed answers as none would
        self.nobody(key, segment, now)

    def nobody(self, key: Key, segment: TCPSegment, now: float) -> None:
        stand_in = Connection(key[:2], key[2:], 0)
        stand_in.segment_arrives(segment, now)
        self.transmit(stand_in)

    def has_room(self, connection: Connection, segment: TCPSegment, now: float) -> bool:
        """Whether a segment may be given to this connection: not, if it would enter an accept queue that is full."""
        listening = self.opening.get(connection)
        if listening is None or connection.state is not SYN_RECEIVED or not segment.ack or segment.rst or segment.syn:
            return True
        queues = listening.queues
        if connection in queues.unconfirmed or segment.acknowledgment != connection.snd.max % SEQUENCE_SPACE:
            return True
        if queues.has_room():
            return True
        if self.settings.abort_on_overflow:
            self.counters["EmbryonicRsts"] += 1
            connection.abort(now)
            self.after(connection, now)
        return False

    def arrives_syn(self, listening: Listening, key: Key, segment: TCPSegment, now: float, least: int | None) -> None:
        """A SYN for a listener.  `least`: what our first number may not be below, after a connection in TIME-WAIT."""
        queues = listening.queues
        arrival = queues.syn(now)
        if arrival is Arrival.COOKIE:
            self.send_cookie(listening, key, segment, now)
        elif arrival is Arrival.KEEP:
            iss = initial_sequence_number(key[:2], key[2:], self.secrets.isn, now)
            if least is not None and not listening.parts.make("before")(least, iss):
                iss = least
            connection = self.make(key, iss, listening)
            verdict, answer = self.judge(queues, key, segment)
            fast = verdict.opens and queues.begin_fast(connection)
            if not fast:
                queues.begin(connection)
                if verdict not in (Verdict.ABSENT, Verdict.ASKED):
                    self.counters["TCPFastOpenPassiveFail"] += 1
            self.opening[connection] = listening
            self.table[key] = connection
            connection.accept_syn(segment, now, fast, answer)
            self.after(connection, now)

    def judge(self, queues: Listener[Connection], key: Key, segment: TCPSegment) -> tuple[Verdict, bytes | None]:
        """What a SYN's Fast Open option is worth, and the option for our answer (RFC 7413 section 4.2.2)."""
        if not self.settings.fastopen & 2 or queues.fast_open_limit <= 0:
            return Verdict.ABSENT, None
        server = self.secrets.fast_open
        verdict = server.judge(key[2], key[0], Options.of(segment).fast_open)
        if verdict is Verdict.ASKED:
            self.counters["TCPFastOpenCookieReqd"] += 1
        return verdict, server.answer(key[2], key[0], verdict)

    def make(self, key: Key, iss: int, listening: Listening) -> Connection:
        """A connection for a listener."""
        mss = self.network.mss(key[2])
        options = {"syn_retries": self.settings.synack_retries, **listening.options}
        return make_connection(key[:2], key[2:], iss, mss, listening.parts, options)

    def send_cookie(self, listening: Listening, key: Key, segment: TCPSegment, now: float) -> None:
        """Answer a SYN and forget it: what would be kept goes into the sequence number, and into the timestamp."""
        offered = Options.of(segment)
        cookie = self.secrets.cookies.make(key[:2], key[2:], segment.sequence, offered.mss or 536, now)
        forgotten = self.make(key, cookie, listening)
        forgotten.accept_syn(segment, now)
        for answer in forgotten.outbox:
            options = Options.of(answer)
            if options.timestamps:
                clock, echo = options.timestamps
                bits = offered.window_scale, offered.sack_permitted, forgotten.ecn.on
                options.timestamps = stamp(clock, *bits), echo
            else:  # nothing would tell us of these when the answer comes
                options.window_scale, options.sack_permitted, answer.ece = None, False, False
            answer.options = options.build()
        self.transmit(forgotten)

    def arrives_ack(self, listening: Listening, key: Key, segment: TCPSegment, now: float) -> bool:
        """An ACK for a listener: if it brings a cookie, a connection; whether that is all that has to be done."""
        queues = listening.queues
        if not queues.takes_cookies(now):
            return False
        irs, cookie = (segment.sequence - 1) % SEQUENCE_SPACE, (segment.acknowledgment - 1) % SEQUENCE_SPACE
        mss = self.secrets.cookies.check(key[:2], key[2:], irs, cookie, now)
        if mss is None:
            self.counters["SyncookiesFailed"] += 1
            return False
        self.counters["SyncookiesRecv"] += 1
        if not queues.has_room():
            return True
        # the SYN that we have not kept, as far as it is known
        stamps = Options.of(segment).timestamps
        options, ecn = Options(mss=mss, timestamps=stamps), False
        if stamps:
            options.window_scale, options.sack_permitted, ecn = stamped(stamps[1])
        syn = TCPSegment(key[3], key[1], irs, syn=True, ece=ecn, cwr=ecn, window=segment.window)
        syn.options = options.build()
        connection = self.make(key, cookie, listening)
        connection.accept_syn(syn, now)
        connection.outbox.clear()
        connection.timed = None  # our SYN,ACK went out long ago: no round trip can be measured
        self.opening[connection] = listening
        self.table[key] = connection
        connection.segment_arrives(segment, now)
        self.after(connection, now)
        return True

    @property
    def secrets(self) -> Secrets:
        """Drawn when the first one is needed."""
        if self.drawn is None:
            self.drawn = Secrets(self.random)
        return self.drawn

    def receive_error(self, message: Any, original: Any, now: float) -> None:
        """An ICMP(v6) error about our segment: the path's MTU, or an errno name, hard or soft (transport/udp.py)."""
        six = isinstance(message, ICMPv6Error)
        if isinstance(message, ICMPv6PacketTooBig):
            self.error(original, "EMSGSIZE", False, now, message.mtu)
        elif not six and (message.type, message.code) == (DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED):
            self.error(original, "EMSGSIZE", False, now, message.next_hop_mtu)
        elif message.type == (UNREACHABLE_IN_6 if six else DESTINATION_UNREACHABLE):
            name, hard = (UNREACHABLE6 if six else UNREACHABLE).get(message.code, ("EPROTO", False))
            self.error(original, name, hard, now)
        elif soft := (SOFT6 if six else SOFT).get(message.type):
            self.error(original, soft, False, now)

    def error(self, original: Any, name: str, hard: bool, now: float, mtu: int | None = None) -> None:
        """Tell the connection that `original` is of, unless somebody has made it up."""
        quoted = original.payload
        if len(quoted) < 8:  # what is always there: ports and sequence number (RFC 792)
            self.dropped["TCP ICMP error malformed"] += 1
            return
        ports = int.from_bytes(quoted[:2], "big"), int.from_bytes(quoted[2:4], "big")
        connection = self.table.get((original.source, ports[0], original.destination, ports[1]))
        if connection is None:
            return
        # "check that the TCP sequence number contained in the payload of the ICMP error message is within the range
        # SND.UNA =< SEG.SEQ < SND.NXT": who does not see the connection can't make one up (RFC 5927 section 4.1).
        # An ACK without data can have SEG.SEQ = SND.UNA = SND.NXT.
        snd = connection.snd
        if (int.from_bytes(quoted[4:8], "big") - snd.una) % SEQUENCE_SPACE >= max(1, snd.max - snd.una):
            self.counters["OutOfWindowIcmps"] += 1
            return
        if mtu is not None:
            connection.path_mtu(mtu, now)
        else:
            connection.network_error(name, hard, now)
        self.after(connection, now)

    # ---- out -----------------------------------------------------------------------------------------------

    def after(self, connection: Connection, now: float) -> None:
        """Afterwards what the connection had to send is out, and all know what has become of it."""
        if connection.outbox:
            self.transmit(connection)
        state, touched = connection.state, self.touched
        if touched is not None:
            touched[connection] = touched[self.opening.get(connection, connection)] = None
        if connection in self.asking and state is not SYN_SENT:
            self.learn(connection, self.asking.pop(connection), now)
        if connection in self.opening and state is not SYN_RECEIVED:
            listening = self.opening.pop(connection)
            if state is CLOSED:
                listening.queues.forget(connection)
            else:
                listening.queues.finish(connection)
        if state is TIME_WAIT and connection not in self.waiting:
            self.waiting.add(connection)
            if len(self.waiting) > self.settings.max_tw_buckets:
                self.counters["TCPTimeWaitOverflow"] += 1
                connection.enter(CLOSED, "too many are in TIME-WAIT", now)
        if connection.state is CLOSED:
            self.remove(connection)
            return
        due = connection.deadline()
        if due is not None and due < self.planned.get(connection, inf):
            self.planned[connection] = due
            self.entries += 1
            heappush(self.due, (due, self.entries, connection))
            if len(self.due) > 2 * len(self.planned) + SPARE:  # most are of connections that ended, or were put forward
                self.due = [(when, number, known) for number, (known, when) in enumerate(self.planned.items())]
                heapify(self.due)

    def learn(self, connection: Connection, cookie: bytes, now: float) -> None:
        """A connect with Fast Open's option is answered, or has failed: remember what that says of the server."""
        server, client = connection.remote[0], self.fast_open
        if connection.state is CLOSED:
            return
        client.learn(server, connection.learnt_cookie, connection.peer_mss)
        if connection.syn_lost:
            client.vanished(server, now)
        if cookie and connection.snd.una > connection.snd.iss + 1:
            self.counters["TCPFastOpenActive"] += 1
            client.accepted(server)
        elif cookie:
            self.counters["TCPFastOpenActiveFail"] += 1
            if not connection.learnt_cookie and not connection.syn_lost:
                client.forget(server)

    def transmit(self, connection: Connection) -> None:
        """Put out the segments of a connection."""
        segments, connection.outbox = connection.outbox, []
        self.counters["OutSegs"] += len(segments)
        alike = self.packets.alike.get(connection)
        if alike is not None and self.way_out is not None:
            gone = self.way_out.send(connection, alike, segments)
            if gone == len(segments):  # as most
                return
            del segments[:gone]
        for segment in segments:
            self.counters["OutRsts"] += segment.rst
            try:
                self.put(self.packets.of(connection, segment))
            except SendError:
                self.dropped["TCP can't be sent"] += 1  # TCP tries again, and gives up in the end

    # ---- time ----------------------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When `tick` is next needed (seconds), or None: in this, a thousand idle connections cost nothing."""
        due = self.due
        while due and self.planned.get(due[0][2]) != due[0][0]:  # it has ended, or was put forward
            heappop(due)
        return due[0][0] if due else None

    def tick(self, now: float) -> None:
        """Call the connections whose time has come.  A timer that was put off since is looked at then again."""
        while (when := self.deadline()) is not None and when <= now:
            connection = heappop(self.due)[2]
            del self.planned[connection]
            if (due := connection.deadline()) is not None and due <= now:
                connection.tick(now)
                if connection.retransmissions == R1:
                    self.network.doubt(connection.remote[0], now)
            self.after(connection, now)

    # ---- the tables ----------------------------------------------------------------------------------------

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        key = *connection.local, *connection.remote
        if self.table.get(key) is connection:
            del self.table[key]
            self.early.forget(connection)
            self.counters.update(RetransSegs=(again := connection.counts["retrans"]), OutSegs=-again)
        self.planned.pop(connection, None)
        self.packets.forget(connection)
        self.asking.pop(connection, None)
        self.waiting.discard(connection)
        self.orphans.discard(connection)
        if listening := self.opening.pop(connection, None):
            listening.queues.forget(connection)

    def orphan(self, connection: Connection, now: float) -> None:
        """Its socket is closed.  A peer that never takes the rest keeps it for long, so there may not be many such."""
        self.orphans.add(connection)
        if len(self.orphans) > self.settings.max_orphans and connection.state not in (CLOSED, TIME_WAIT):
            self.counters["TCPAbortOnMemory"] += 1
            connection.abort(now)

    def listen(self, endpoint: Endpoint, listening: Listening) -> None:
        """Take SYNs to this address and port.  EADDRINUSE where another listens, unless both share by SO_REUSEPORT."""
        for other in self.listeners:
            shared = other.reuse_port and endpoint.reuse_port
            if other.port == endpoint.port and overlap(other.address, endpoint.address) and not shared:
                raise SocketError("EADDRINUSE", f"another socket listens on {other}")
        self.listeners[endpoint] = listening
        self.listening.add(endpoint)

    def unlisten(self, endpoint: Endpoint, now: float) -> None:
        """Listen no more.  Who waits to be accepted is reset; who is half open finds out when it goes on."""
        listening = self.listeners.pop(endpoint)
        self.listening.remove(endpoint)
        for connection in listening.queues.close():
            half_open = connection.state is SYN_RECEIVED and not connection.fast_open
            self.opening.pop(connection, None)
            connection.abort(now)
            if half_open:
                connection.outbox.clear()
            self.after(connection, now)

    def connect(
        self, local: Any, port: int | None, remote: Any, remote_port: int, options: dict[str, Any], parts: TCPParts,
        now: float, data: bytes | None = None,
    ) -> Connection:  # fmt: skip
        """Open a connection, from a free port where `port` is None; EADDRNOTAVAIL where there is none.

        `data` goes on the SYN where we have a Fast Open cookie of this server; else we ask for one, and it goes later.
        """
        if port is None:
            port = self.ports.choose_for(local, self.random, lambda n: (local, n, remote, remote_port) in self.table)
        key = local, port, remote, remote_port
        if before_this := self.table.get(key):
            raise SocketError("EADDRNOTAVAIL", f"there is a connection between these ends: {before_this.state}")
        iss = initial_sequence_number(key[:2], key[2:], self.secrets.isn, now)
        connection = make_connection(key[:2], key[2:], iss, self.network.mss(remote), parts, options)
        self.table[key] = connection
        self.counters["ActiveOpens"] += 1
        cookie = self.fast_open.option(remote, now) if data is not None and self.settings.fastopen & 1 else None
        if cookie is not None:
            self.asking[connection] = cookie
        connection.open(now, data or b"", cookie, self.fast_open.mss(remote))
        self.after(connection, now)
        return connection

    def rows(self) -> list[tuple[State | str, Key]]:
        """All connections and listeners, as `ss -tan` lists them: state, and the four that name it."""
        listening = [("LISTEN", (e.address, e.port, bytes(len(e.address)), 0)) for e in self.listeners]
        return [*listening, *((c.state, key) for key, c in self.table.items())]

    def nstat(self) -> Counter[str]:
        """What `nstat` shows, by its names: `counters`, and what only those know that there still are."""
        alive = self.table.values()
        established = sum(connection.state in (ESTABLISHED, CLOSE_WAIT) for connection in alive)
        again = sum(connection.counts["retrans"] for connection in alive)
        return self.counters + Counter(RetransSegs=again, OutSegs=-again, CurrEstab=established)
