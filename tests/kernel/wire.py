"""A host whose peer is the test: segments in and out by hand; a cable without delay; and a link that loses some."""

from random import Random
from typing import Any

from netlib.host import STREAM, Host, Parts, StreamSocket
from netlib.transport.tcp.options import Options
from netlib.wire.address import IPv4Address
from netlib.wire.ipv4 import TCP, IPv4Packet
from netlib.wire.tcp import TCPSegment
from netlib.worlds.simulation import Simulation

Segments = list[TCPSegment]

HERE, THERE = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")


class Wire:
    """The host 10.0.0.1; the test is everybody else."""

    def __init__(self, parts: Parts | None = None, seed: int = 1) -> None:
        self.host = Host("h", Random(seed), parts)
        self.host.attach("10.0.0.1/24")
        self.now = 1.0

    def listener(self, port: int = 80, backlog: int = 5, **how: Any) -> StreamSocket:
        socket = self.host.socket(STREAM)
        socket.bind("0.0.0.0", port, **how)
        socket.listen(backlog)
        return socket

    def give(self, segment: TCPSegment, source: IPv4Address = THERE, destination: IPv4Address = HERE) -> Segments:
        """The host gets a segment; what it answers."""
        packet = IPv4Packet(protocol=TCP, source=source, destination=destination)
        packet.payload = segment.build(packet)
        return self.receive(packet)

    def receive(self, packet: IPv4Packet) -> Segments:
        self.host.receive(self.host.interfaces[0], packet.build(), self.now)
        return self.sent()

    def sent(self) -> Segments:
        return [TCPSegment.parse(packet.payload, packet) for packet in self.packets() if packet.protocol == TCP]

    def packets(self) -> list[IPv4Packet]:
        packets = [IPv4Packet.parse(data) for _, data in self.host.outbox]
        self.host.outbox.clear()
        return packets

    def wait(self, seconds: float) -> Segments:
        """Let time pass; what the host sends meanwhile."""
        until, sent = self.now + seconds, []
        while (due := self.host.deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.host.tick(self.now)
            sent += self.sent()
        self.now = self.host.now = until
        return sent

    def syn(self, port: int, to: int = 80, source: IPv4Address = THERE, seq: int = 1000, **options: Any) -> Segments:
        segment = TCPSegment(port, to, seq, syn=True, window=65_535, options=Options(mss=1460, **options).build())
        return self.give(segment, source)

    def handshake(self, port: int, to: int = 80, source: IPv4Address = THERE, seq: int = 1000) -> Segments:
        """A whole one, as far as it goes; what the final ACK is answered with, or the SYN if there was no SYN,ACK."""
        answers = self.syn(port, to, source, seq)
        if not answers or not answers[0].syn:
            return answers
        return self.give(ack(port, to, seq + 1, answers[0].sequence + 1), source)


def ack(port: int, to: int, seq: int, number: int, data: bytes = b"", **flags: Any) -> TCPSegment:
    """A segment with an acknowledgment number, and perhaps data."""
    numbers = seq % 2**32, number % 2**32
    return TCPSegment(port, to, *numbers, ack=True, window=65_535, payload=data, **flags)


class Cable:
    """Two hosts, 10.0.0.1 and 10.0.0.2, and what they send each other; time passes when told."""

    def __init__(self, parts: Parts | None = None) -> None:
        self.a, self.b = Host("a", Random(1), parts), Host("b", Random(2), parts)
        self.a.attach("10.0.0.1/24")
        self.b.attach("10.0.0.2/24")
        self.now = 0.0
        self.seen: list[tuple[str, IPv4Packet]] = []

    def exchange(self) -> None:
        """Carry packets until nobody sends any more."""
        while self.a.outbox or self.b.outbox:
            for sender, receiver in ((self.a, self.b), (self.b, self.a)):
                outbox, sender.outbox = sender.outbox, []
                for _, data in outbox:
                    self.seen.append((sender.name, IPv4Packet.parse(data)))
                    receiver.receive(receiver.interfaces[0], data, self.now)

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        self.exchange()
        while dues := [due for host in (self.a, self.b) if (due := host.deadline()) is not None and due <= until]:
            self.now = max(self.now, min(dues))
            for host in (self.a, self.b):
                host.tick(self.now)
            self.exchange()
        self.now = self.a.now = self.b.now = until

    def connect(self, port: int = 80) -> tuple[StreamSocket, StreamSocket]:
        """A connection from a to b: its two sockets."""
        server, client = self.b.socket(STREAM), self.a.socket(STREAM)
        server.bind("0.0.0.0", port, reuse_port=True)
        server.listen()
        client.connect("10.0.0.2", port)
        self.exchange()
        made = server.accept()
        assert made is not None and client.writable
        server.close()
        return client, made


def two(loss: float, seed: int = 1, parts: Parts | None = None) -> tuple[Simulation, Host, Host]:
    """A client at 10.0.0.1, a server at 10.0.0.2, and 20 ms there and back."""
    sim = Simulation(seed=seed)
    client, server = sim.host("client", parts), sim.host("server", parts)
    sim.link((client, "10.0.0.1/24"), (server, "10.0.0.2/24"), rate=20e6, delay=0.01, loss=loss)
    return sim, client, server
