"""traceroute: find the routers on a path by letting packets die at each of them.

A probe with TTL n is dropped by the n-th router, which says so: time exceeded (11/0).  The destination
answers otherwise: port unreachable (3/3) to UDP probes, an echo reply to ICMP ones.  Each report quotes
the probe, and by the quote one knows which probe it is about.
"""

from dataclasses import dataclass, field
from typing import Literal

from netlib.host import RAW, Host
from netlib.wire.address import IPv4Address
from netlib.wire.errors import WireError
from netlib.wire.icmp import (
    DESTINATION_UNREACHABLE,
    ECHO_REPLY,
    REDIRECT,
    SOURCE_QUENCH,
    ICMPEcho,
    ICMPError,
    ICMPMessage,
)
from netlib.wire.ipv4 import ICMP, UDP, IPv4Packet
from netlib.wire.udp import UDPDatagram
from netlib.worlds.task import now, readable

FIRST_PORT = 33434  # the port of the first UDP probe; each probe has the next one
PASSED = {REDIRECT, SOURCE_QUENCH}  # no answers: the router that says so has sent the probe on, and it has one to come
Method = Literal["udp", "icmp"]


@dataclass(frozen=True)
class Reply:
    """What one probe got back; `rtt` in seconds."""

    address: IPv4Address
    rtt: float
    type: int
    code: int

    @property
    def is_final(self) -> bool:
        """Whether the path ends here: the destination answered, or it can't be reached from here."""
        return self.type in (DESTINATION_UNREACHABLE, ECHO_REPLY)


@dataclass
class TracerouteResult:
    """The path: for each TTL from 1, what each probe got back, None for silence."""

    destination: IPv4Address
    hops: list[list[Reply | None]] = field(default_factory=list)

    @property
    def path(self) -> list[IPv4Address | None]:
        """The address that answered at each hop, None where none did."""
        return [next((reply.address for reply in hop if reply), None) for hop in self.hops]

    @property
    def reached(self) -> bool:
        """Whether the destination itself answered."""
        return any(reply and reply.address == self.destination for reply in (self.hops[-1] if self.hops else []))

    def __str__(self) -> str:
        lines = []
        for ttl, hop in enumerate(self.hops, 1):
            known = sorted({str(reply.address) for reply in hop if reply})
            times = "  ".join(f"{1000 * reply.rtt:.3f} ms" if reply else "*" for reply in hop)
            lines.append(f"{ttl:2}  {' '.join(known) or '*':15}  {times}")
        return "\n".join([f"traceroute to {self.destination}", *lines])

    __repr__ = __str__


async def traceroute(
    host: Host,
    destination: str | IPv4Address,
    *,
    max_hops: int = 30,
    probes: int = 3,
    timeout: float = 1.0,
    method: Method = "udp",
) -> TracerouteResult:
    """Send `probes` packets with each TTL, one at a time, waiting `timeout` seconds for each."""
    destination = IPv4Address(destination)
    result = TracerouteResult(destination)
    replies = host.socket(RAW, protocol=ICMP)
    sender = host.socket(RAW, protocol=UDP) if method == "udp" else replies
    identifier = host.random.getrandbits(16) | 0x8000  # of the echo, or the source port
    number = 0
    try:
        for ttl in range(1, max_hops + 1):
            hop: list[Reply | None] = []
            for _ in range(probes):
                packet = probe(destination, ttl, method, identifier, number)
                start = await now()
                sender.send(packet, start)
                reply = None
                while reply is None and (left := start + timeout - await now()) > 0:
                    if not await readable(replies, left):
                        break
                    received = replies.receive()
                    reply = match(received, destination, method, identifier, number, start) if received else None
                hop.append(reply)
                number += 1
            result.hops.append(hop)
            if any(reply and reply.is_final for reply in hop):
                break
    finally:
        replies.close()
        if sender is not replies:
            sender.close()
    return result


def probe(destination: IPv4Address, ttl: int, method: Method, identifier: int, number: int) -> IPv4Packet:
    """The probe with this number: UDP to a port of its own, or an echo request with a sequence of its own."""
    packet = IPv4Packet(destination=destination, ttl=ttl)
    if method == "udp":
        # left out: the source address, which the checksum covers, is the host's to choose
        packet.payload = UDPDatagram(identifier, FIRST_PORT + number, checksummed=False, payload=bytes(32)).build()
    else:
        packet.payload = ICMPEcho(identifier=identifier, sequence=number, payload=bytes(32)).build()
    return packet


def match(
    received: tuple[float, IPv4Packet],
    destination: IPv4Address,
    method: Method,
    identifier: int,
    number: int,
    start: float,
) -> Reply | None:
    """The reply that a packet is to the probe with this number, or None."""
    time, packet = received
    try:
        message = ICMPMessage.parse(packet.payload)
        if isinstance(message, ICMPError):
            if message.type in PASSED:
                return None
            original = message.original
            ours = original.destination == destination and is_probe(original, method, identifier, number)
        else:
            is_reply = isinstance(message, ICMPEcho) and message.type == ECHO_REPLY and packet.source == destination
            ours = is_reply and method == "icmp" and is_echo(message, identifier, number)
    except WireError:
        return None
    return Reply(packet.source, time - start, message.type, message.code) if ours else None


def is_probe(original: IPv4Packet, method: Method, identifier: int, number: int) -> bool:
    """Whether a quoted packet is our probe with this number: its first eight bytes of payload tell."""
    if method == "udp":
        datagram = UDPDatagram.parse(original.payload, problems=[])
        ports = (datagram.source_port, datagram.destination_port)
        return original.protocol == UDP and ports == (identifier, FIRST_PORT + number)
    return original.protocol == ICMP and is_echo(ICMPMessage.parse(original.payload, problems=[]), identifier, number)


def is_echo(message: ICMPMessage, identifier: int, number: int) -> bool:
    """Whether an echo is the one with this identifier and sequence number."""
    return isinstance(message, ICMPEcho) and (message.identifier, message.sequence) == (identifier, number)
