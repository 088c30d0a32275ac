"""Packets for the tests of the NAT, and a router with one.

Inside, its eth0 is 10.0.0.1/24, and hosts there are INSIDE and SECOND; outside, its eth1 is 203.0.113.1/24, which is
OURS, and far behind it are REMOTE and OTHER.
"""

from collections.abc import Callable
from functools import partial
from random import Random

from netlib.host import Host, Parts
from netlib.internet.nat import NAT
from netlib.internet.nat_table import DEFAULTS, Choices
from netlib.wire.address import IPv4Address
from netlib.wire.icmp import (
    ECHO_REPLY,
    ECHO_REQUEST,
    TIMESTAMP,
    TIMESTAMP_REPLY,
    ICMPDestinationUnreachable,
    ICMPEcho,
    ICMPError,
    ICMPMessage,
    ICMPTimestamp,
)
from netlib.wire.ipv4 import ICMP, TCP, UDP, IPv4Packet
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

GATE, OURS, OURS2 = (IPv4Address(a) for a in ("10.0.0.1", "203.0.113.1", "203.0.113.2"))
INSIDE, SECOND = IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")
REMOTE, OTHER, NEXT = (IPv4Address(a) for a in ("198.51.100.7", "198.51.100.8", "203.0.113.254"))

End = tuple[IPv4Address, int]
Make = Callable[..., bytes]  # `udp` or `tcp`, below


def packet(protocol: int, source: IPv4Address, destination: IPv4Address, **fields: object) -> IPv4Packet:
    made = IPv4Packet(protocol=protocol, source=source, destination=destination, identification=7)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def udp(source: End, destination: End, data: bytes = b"hello", checksummed: bool = True, **fields: object) -> bytes:
    made = packet(UDP, source[0], destination[0], **fields)
    made.payload = UDPDatagram(source[1], destination[1], checksummed=checksummed, payload=data).build(made)
    return made.build()


def tcp(source: End, destination: End, flags: str = "ack", data: bytes = b"", **fields: object) -> bytes:
    made = packet(TCP, source[0], destination[0], **fields)
    segment = TCPSegment(source[1], destination[1], sequence=1000, payload=data)
    for name in flags.split():
        setattr(segment, name, True)
    made.payload = segment.build(made)
    return made.build()


def echo(source: IPv4Address, destination: IPv4Address, identifier: int, reply: bool = False) -> bytes:
    return icmp(source, destination, ICMPEcho(ECHO_REPLY if reply else ECHO_REQUEST, 0, 0, identifier, 1, b"ping!"))


def timestamp(source: IPv4Address, destination: IPv4Address, identifier: int, reply: bool = False) -> bytes:
    return icmp(source, destination, ICMPTimestamp(TIMESTAMP_REPLY if reply else TIMESTAMP, 0, 0, identifier, 1, 1000))


def icmp(source: IPv4Address, destination: IPv4Address, message: ICMPMessage, **fields: object) -> bytes:
    made = packet(ICMP, source, destination, **fields)
    made.payload = message.build()
    return made.build()


def error(source: IPv4Address, about: bytes, size: int = 28, code: int = 3) -> bytes:
    """An ICMP error to the sender of a packet that quotes this many bytes of it."""
    return icmp(source, IPv4Address(about[12:16]), ICMPDestinationUnreachable(code=code, payload=about[:size]))


def ends(data: bytes | None) -> tuple[str, str]:
    """Between which ends a packet goes, all its checksums verified."""
    assert data is not None
    packet = IPv4Packet.parse(data)
    if packet.protocol == ICMP:
        message = ICMPMessage.parse(packet.payload)
        assert isinstance(message, ICMPEcho | ICMPTimestamp)
        return f"{packet.source}", f"{packet.destination}:{message.identifier}"
    kind = UDPDatagram if packet.protocol == UDP else TCPSegment
    inner = kind.parse(packet.payload, packet)
    return f"{packet.source}:{inner.source_port}", f"{packet.destination}:{inner.destination_port}"


def quote_in(data: bytes | None) -> tuple[str, str, IPv4Packet]:
    """The addresses of an ICMP error, and the packet that it quotes; the checksums of both headers verified."""
    assert data is not None
    outer = IPv4Packet.parse(data)
    message = ICMPMessage.parse(outer.payload)
    assert isinstance(message, ICMPError)
    problems: list[Exception] = []
    inner = IPv4Packet.parse(message.payload, problems)  # type: ignore[arg-type]
    assert not any("checksum" in str(problem) for problem in problems), problems
    return str(outer.source), str(outer.destination), inner


def nat(seed: int = 1, addresses: tuple[IPv4Address, ...] = (OURS,), **choices: object) -> NAT:
    return NAT(addresses, Random(seed), Choices(**choices))  # type: ignore[arg-type]


class Router:
    """`inside` and `outside` give it a packet there, and return what it puts out: (interface, packet)."""

    def __init__(self, choices: Choices = DEFAULTS) -> None:
        self.host = Host("r", Random(1), Parts(nat=partial(NAT, choices=choices)), forwarding=True)
        self.eth0, self.eth1 = self.host.attach("10.0.0.1/24"), self.host.attach("203.0.113.1/24", mtu=600)
        self.host.add_route("0.0.0.0/0", via=NEXT)
        made = self.host.add_nat(self.eth1)
        assert isinstance(made, NAT)
        self.nat = made
        self.now = 0.0

    def inside(self, data: bytes) -> list[tuple[str, bytes]]:
        self.host.receive(self.eth0, data, self.now)
        return self.out()

    def outside(self, data: bytes) -> list[tuple[str, bytes]]:
        self.host.receive(self.eth1, data, self.now)
        return self.out()

    def tick(self, now: float) -> list[tuple[str, bytes]]:
        self.now = now
        self.host.tick(now)
        return self.out()

    def out(self) -> list[tuple[str, bytes]]:
        sent, self.host.outbox = self.host.outbox, []
        return [(interface.name, data) for interface, data in sent]
