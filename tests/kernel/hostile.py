"""A peer that does whatever it likes: segments that nearly fit, rubbish, errors about segments, at a whole host."""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

from netlib.host import STREAM, Host, StreamSocket
from netlib.kernel import connections
from netlib.kernel.errors import SocketError
from netlib.transport.tcp.options import Options
from netlib.transport.tcp.states import CLOSED, SYN_RECEIVED, SYN_SENT, TIME_WAIT, State
from netlib.wire.address import IPv4Address
from netlib.wire.address6 import IPv6Address
from netlib.wire.icmp import ICMPDestinationUnreachable, ICMPParameterProblem, ICMPTimeExceeded
from netlib.wire.icmpv6 import ICMPv6DestinationUnreachable, ICMPv6PacketTooBig, ICMPv6ParameterProblem
from netlib.wire.ipv4 import ICMP, TCP, IPv4Packet
from netlib.wire.ipv6 import ICMPV6, IPv6Packet
from netlib.wire.tcp import TCPSegment

FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
HERE = {4: IPv4Address("10.0.0.1"), 6: IPv6Address("2001:db8::1")}
THERE = {4: IPv4Address("10.0.0.2"), 6: IPv6Address("2001:db8::2")}
BACKLOG = 3
WAITING = {SYN_SENT, SYN_RECEIVED, State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK, TIME_WAIT}


class Hostile:
    """The host 10.0.0.1 and 2001:db8::1 with listeners and a connection in each state, and its enemy."""

    def __init__(self, seed: int, version: int) -> None:
        self.random, self.version = Random(seed), version
        self.host = Host("h", Random(seed))
        self.eth = self.host.attach("10.0.0.1/24")
        self.host.add_address(self.eth, "2001:db8::1/64")
        self.here, self.there = HERE[version], THERE[version]
        self.now = 100.0
        self.tcp = self.host.tcp
        self.tcp.settings.syncookies = self.random.choice([0, 1, 2])
        self.tcp.settings.abort_on_overflow = self.random.random() < 0.3
        self.tcp.settings.fastopen = 3
        self.listeners = []
        for port in (80, 81):
            socket = self.host.socket(STREAM)
            socket.bind(self.here, port)
            socket.set_option("TCP_FASTOPEN", 2 * (port - 80))
            for name in ("ecn", "keepalive", "mtu_probing", "timestamps", "sack"):
                socket.set_option(name, self.random.random() < 0.5)
            socket.set_option("receive_buffer", self.random.choice([100, 3000, 1 << 20]))
            socket.listen(BACKLOG)
            self.listeners.append(socket)
        self.sockets: list[StreamSocket] = []
        self.populate()

    # ---- a connection in each state ------------------------------------------------------------------------

    def populate(self) -> None:
        self.tcp.settings.syncookies, wanted = 1, self.tcp.settings.syncookies
        seen = set()
        for port in range(2000, 2008):
            socket = self.opened(port)
            if port >= 2001:
                self.leave(socket, port)
            seen |= {connection.state for connection in self.tcp.table.values()}
        client = self.host.socket(STREAM)
        client.connect(self.there, 9000)
        self.sockets.append(client)
        self.give(self.segment(self.key(2100, 80), syn=True))
        seen |= {connection.state for connection in self.tcp.table.values()}
        assert len(seen) == 9, seen  # all but CLOSED and LISTEN
        self.tcp.settings.syncookies = wanted

    def key(self, port: int, to: int) -> connections.Key:
        return self.here, to, self.there, port

    def opened(self, port: int) -> StreamSocket:
        self.give(self.segment(self.key(port, 80), syn=True))
        self.give(self.segment(self.key(port, 80), ack=True))
        socket = self.listeners[0].accept()
        assert socket is not None and not any(listener.readable for listener in self.listeners)
        self.sockets.append(socket)
        return socket

    def leave(self, socket: StreamSocket, port: int) -> None:
        """Take a connection to the state that its port stands for."""
        key, late = self.key(port, 80), port - 2000

        def fin() -> None:
            self.give(self.segment(key, ack=True, fin=True))

        if late == 1:  # CLOSE-WAIT
            fin()
        elif late == 2:  # LAST-ACK
            fin()
            socket.shutdown()
        elif late == 3:  # FIN-WAIT-1
            socket.send(b"data")
            socket.shutdown()
        elif late == 4:  # FIN-WAIT-2
            socket.shutdown()
            self.give(self.segment(key, ack=True))
        elif late == 5:  # CLOSING
            socket.shutdown()
            segment = self.segment(key, ack=True, fin=True)
            segment.acknowledgment -= 1
            self.give(segment)
        elif late == 6:  # TIME-WAIT
            socket.shutdown()
            fin()
        self.host.outbox.clear()

    # ---- what the enemy sends ------------------------------------------------------------------------------

    def segment(self, key: connections.Key, off: int = 0, ack_off: int = 0, **fields: Any) -> TCPSegment:
        """A segment to one of the host's connections with the numbers that it expects, or beside them."""
        made = TCPSegment(key[3], key[1], 1000, window=5000, **fields)
        if connection := self.tcp.table.get(key):
            made.sequence = (connection.rcv.nxt + off) % 2**32
            made.acknowledgment = (connection.snd.max + ack_off) % 2**32
        if made.syn:
            made.options = Options(mss=1000, sack_permitted=True, timestamps=(self.clock, 0), window_scale=3).build()
        elif not connection or connection.timestamps:
            made.options = Options(timestamps=(self.clock, 0)).build()
        return made

    @property
    def clock(self) -> int:
        return int(self.now * 1000)

    def build(self, segment: TCPSegment) -> bytes:
        if self.version == 4:
            packet: Any = IPv4Packet(protocol=TCP, source=self.there, destination=self.here)
        else:
            packet = IPv6Packet(next_header=TCP, source=self.there, destination=self.here)
        packet.payload = segment.build(packet)
        return bytes(packet.build())

    def give(self, segment: TCPSegment) -> None:
        self.receive(self.build(segment))

    def receive(self, data: bytes) -> None:
        self.host.receive(self.eth, data, self.now)

    def any_segment(self) -> TCPSegment:
        random = self.random
        keys = [*self.tcp.table, self.key(random.randrange(3000, 3010), random.choice((80, 81))), self.key(1, 7)]
        offsets = [0, 0, 0, 1, -1, random.randint(-3, 3), random.randint(-70_000, 70_000), random.getrandbits(32)]
        made = self.segment(random.choice(keys), random.choice(offsets), random.choice(offsets))
        for name in FLAGS:
            setattr(made, name, random.random() < (0.8 if name == "ack" else 0.15))
        made.window = random.choice([0, 1, 100, 65535])
        made.urgent_pointer = random.getrandbits(16)
        made.payload = bytes(random.choice([0, 0, 1, 10, 1400]))
        if random.random() < 0.3:
            made.options = self.any_options(made)
        return made

    def any_options(self, segment: TCPSegment) -> bytes:
        random = self.random
        if random.random() < 0.3:
            return random.randbytes(random.choice([0, 4, 8, 12, 40]))
        near = [(segment.acknowledgment + random.randint(-5000, 5000)) % 2**32 for _ in range(6)]
        built = Options(
            mss=random.choice([None, 0, 1, 48, 1460, 65535]),
            window_scale=random.choice([None, 0, 14, 255]),
            sack_permitted=random.random() < 0.5,
            timestamps=random.choice([None, (self.clock, 0), (random.getrandbits(32), random.getrandbits(32))]),
            sack=list(zip(near[::2], near[1::2], strict=True)),
            fast_open=random.choice([None, b"", bytes(8), self.tcp.secrets.fast_open.cookie(self.there, self.here)]),
        ).build()
        if random.random() < 0.3:  # a length that is wrong
            at = random.randrange(len(built) or 1)
            built = built[:at] + bytes([random.choice([0, 1, 2, 41, 255])]) + built[at + 1 :]
        return built

    def any_error(self) -> bytes:
        """An ICMP error about a segment that the host has sent, or might have."""
        random = self.random
        about = self.any_segment()
        connection = self.tcp.table.get(self.key(about.source_port, about.destination_port))
        about.source_port, about.destination_port = about.destination_port, about.source_port
        if connection:
            about.sequence = (connection.snd.una + random.choice([0, 0, 1, 500, -1])) % 2**32
        mtu, size = random.choice([0, 1, 68, 576, 1280, 1499, 65535]), random.choice([20, 24, 28, 40, 48, 60, 100])
        if self.version == 4:
            quote = IPv4Packet(protocol=TCP, source=self.here, destination=self.there)
            quote.payload = about.build(quote)
            kinds: list[Any] = [ICMPDestinationUnreachable(code=random.randrange(16), next_hop_mtu=mtu),
                                ICMPTimeExceeded(), ICMPParameterProblem(pointer=random.randrange(60))]  # fmt: skip
            error = random.choice(kinds)
            error.payload = quote.build()[:size]
            packet = IPv4Packet(protocol=ICMP, source=self.there, destination=self.here, payload=error.build())
            return packet.build()
        quote6 = IPv6Packet(next_header=TCP, source=self.here, destination=self.there)
        quote6.payload = about.build(quote6)
        kinds = [ICMPv6DestinationUnreachable(code=random.randrange(8)), ICMPv6PacketTooBig(mtu=mtu),
                 ICMPv6ParameterProblem(code=random.randrange(3), pointer=random.randrange(60))]  # fmt: skip
        error = random.choice(kinds)
        error.payload = quote6.build()[: size + 20]
        packet6 = IPv6Packet(next_header=ICMPV6, source=self.there, destination=self.here)
        packet6.payload = error.build(packet6)
        return packet6.build()

    def any_packet(self) -> bytes:
        random = self.random
        data = self.any_error() if random.random() < 0.2 else self.build(self.any_segment())
        if random.random() < 0.2:  # damaged, or cut short: of IP's header nothing, so that it gets as far as TCP
            header = 20 if self.version == 4 else 40
            broken = bytearray(data)
            for _ in range(random.randint(0, 3)):
                broken[random.randrange(header, len(broken))] = random.getrandbits(8)
            data = bytes(broken)
        if random.random() < 0.05:
            data = data[: random.randrange(len(data))]
        return data

    # ---- what the program does, and time -----------------------------------------------------------------------

    def any_call(self) -> None:
        random = self.random
        for listener in self.listeners:
            if random.random() < 0.5 and (made := listener.accept()):
                self.sockets.append(made)
        if not self.sockets:
            return
        socket = random.choice(self.sockets)
        calls: list[Callable[[], Any]] = [
            lambda: socket.send(bytes(random.choice([1, 1000, 100_000]))),
            lambda: socket.recv(random.choice([1, 100, 1 << 20])),
            lambda: socket.shutdown(random.choice(["read", "write", "both"])),
            lambda: socket.set_option(random.choice(["nodelay", "cork", "keepalive"]), random.random() < 0.5),
            socket.close,
            socket.abort,
            lambda: (str(socket), str(socket.info), socket.readable, socket.writable, socket.error),
        ]
        with suppress(SocketError):
            random.choices(calls, [5, 5, 1, 2, 1, 0.5, 2])[0]()
        if socket.closed:
            self.sockets.remove(socket)

    def wait(self, seconds: float) -> None:
        until, ticks = self.now + seconds, 0
        while (due := self.host.deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.host.tick(self.now)
            self.host.outbox.clear()
            ticks += 1
            assert ticks < 100 + 200 * seconds, "it turns on the spot"
        self.now = self.host.now = until

    def step(self) -> None:
        draw = self.random.random()
        if draw < 0.75:
            self.receive(self.any_packet())
        elif draw < 0.92:
            self.any_call()
        else:
            self.wait(self.random.choice([0.01, 0.05, 1, 1, 30]))
        self.look()

    # ---- what must hold at any time ----------------------------------------------------------------------------

    def look(self) -> None:
        tcp = self.tcp
        for _, data in self.host.outbox:
            packet: Any = IPv4Packet.parse(data) if self.version == 4 else IPv6Packet.parse(data)
            if packet.protocol == TCP:
                TCPSegment.parse(packet.payload, packet)  # raises where its checksum is wrong
        self.host.outbox.clear()
        for key, connection in tcp.table.items():
            snd, settings = connection.snd, connection.settings
            assert key == (*connection.local, *connection.remote) and connection.state is not CLOSED
            assert snd.una <= snd.nxt <= snd.max and connection.snd.mss >= 36
            assert len(connection.sending) <= settings.send_buffer
            held = getattr(connection.reassembler, "held", 0)
            assert len(connection.received) + held <= settings.receive_buffer + (1 << connection.rcv.shift)
            assert len(connection.events) <= 10_000 and not connection.outbox
            if connection.state in WAITING or connection.sending:
                assert connection.deadline() is not None, f"{connection.state}: it may hang"
        for listener in self.listeners:
            assert listener.listening is not None
            queues = listener.listening.queues
            assert len(queues.half_open) <= BACKLOG + 1 and len(queues.ready) <= BACKLOG + 1
            assert len(queues.unconfirmed) <= queues.fast_open_limit
        live = set(tcp.table.values())
        assert set(tcp.opening) | set(tcp.planned) | tcp.waiting | tcp.orphans | set(tcp.asking) <= live
        assert tcp.deadline() == min(tcp.planned.values(), default=None)
        assert len(tcp.due) <= 2 * len(tcp.planned) + connections.SPARE + 20
