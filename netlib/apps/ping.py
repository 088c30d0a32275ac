"""ping: echo requests, and what comes back: in IPv4 (RFC 792, RFC 1122 section 3.2.2.6) and IPv6 (RFC 4443 section 4).

The two have packets and messages of their own; what is asked, and what counts as an answer, is the same.
"""

from dataclasses import dataclass, field
from typing import Any

from netlib.host import RAW, RAW6, Host, RawSocket, RawSocket6, SendError
from netlib.wire.address import IPv4Address
from netlib.wire.address6 import IPv6Address, ip_address
from netlib.wire.errors import WireError
from netlib.wire.icmp import ICMPEcho, ICMPError, ICMPMessage, ICMPRedirect, ICMPSourceQuench
from netlib.wire.icmpv6 import ICMPv6Echo, ICMPv6Error, ICMPv6Message
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.ipv6 import IPv6Packet
from netlib.worlds.task import now, readable, sleep


@dataclass
class Answer:
    """What came back for one echo request; `rtt` in seconds, `ttl` what was left of it (IPv6's hop limit)."""

    sequence: int
    rtt: float
    source: IPv4Address | IPv6Address
    ttl: int
    message: ICMPMessage | ICMPv6Message

    @property
    def is_reply(self) -> bool:
        return isinstance(self.message, ICMPEcho | ICMPv6Echo)

    def __str__(self) -> str:
        if self.is_reply:
            return f"reply from {self.source}: seq={self.sequence} ttl={self.ttl} time={1000 * self.rtt:.3f} ms"
        nearer = f": {self.message.gateway} is nearer" if isinstance(self.message, ICMPRedirect) else ""
        return f"from {self.source}: seq={self.sequence} {self.message.name}{nearer}"


@dataclass
class PingResult:
    """The outcome of a ping: one entry for each request, None where nothing came back in time."""

    destination: IPv4Address | IPv6Address
    answers: list[Answer | None] = field(default_factory=list)
    unsent: dict[int, str] = field(default_factory=dict)  # sequence -> why this host could not send the request
    redirects: dict[int, Answer] = field(default_factory=dict)  # sequence -> who knew a better router

    @property
    def received(self) -> int:
        """How many echo replies came."""
        return sum(1 for answer in self.answers if answer and answer.is_reply)

    @property
    def rtts(self) -> list[float]:
        """Round-trip times of the replies, in seconds."""
        return [answer.rtt for answer in self.answers if answer and answer.is_reply]

    def __str__(self) -> str:
        lines = []
        for sequence, answer in enumerate(self.answers, 1):
            unsent = self.unsent.get(sequence)
            if sequence in self.redirects:
                lines.append(str(self.redirects[sequence]))
            lines.append(str(answer or f"seq={sequence} " + (f"not sent: {unsent}" if unsent else "no answer")))
        return "\n".join([*lines, f"{len(self.answers)} sent to {self.destination}, {self.received} received"])

    __repr__ = __str__


async def ping(
    host: Host,
    destination: str | IPv4Address | IPv6Address,
    *,
    count: int = 4,
    interval: float = 1.0,
    timeout: float = 1.0,
    size: int = 56,
    ttl: int = 64,
    dont_fragment: bool = False,
    interface: int | None = None,
) -> PingResult:
    """Send `count` echo requests with `size` bytes of data, one each `interval`, and wait `timeout` for the last.

    Times in seconds.  `ttl` is the hop limit in IPv6.  An ICMP error about a request counts as its answer; a redirect
    does not, because the router has sent the request on.  `dont_fragment` is for IPv4 alone: in IPv6 no router does.
    `interface` is for IPv6: the number of the one to send by, for a link-local or multicast destination where the host
    has several.
    """
    to: Any = ip_address(destination)
    socket: RawSocket | RawSocket6 = host.socket(RAW6) if isinstance(to, IPv6Address) else host.socket(RAW)
    result = PingResult(to, [None] * count)
    identifier = host.random.getrandbits(16)
    data = bytes(i & 0xFF for i in range(size))
    sent: list[float] = []
    try:
        for sequence in range(1, count + 1):
            start = await now()
            sent.append(start)
            try:
                if isinstance(socket, RawSocket6):
                    echo6 = ICMPv6Echo(identifier=identifier, sequence=sequence, payload=data).build()
                    socket.send(IPv6Packet(destination=to, hop_limit=ttl, payload=echo6), start, interface)
                else:
                    echo = ICMPEcho(identifier=identifier, sequence=sequence, payload=data).build()
                    packet = IPv4Packet(destination=to, ttl=ttl, dont_fragment=dont_fragment, payload=echo)
                    socket.send(packet, start)
            except SendError as error:
                result.unsent[sequence] = str(error)  # no route, or too long: no answer will come
                continue
            end = start + (interval if sequence < count else timeout)
            while (left := end - await now()) > 0 and not all(result.answers):
                if not await readable(socket, left):
                    break
                received = socket.receive()
                answer = match(received, to, identifier, sent) if received else None
                if answer and isinstance(answer.message, ICMPRedirect):
                    result.redirects[answer.sequence] = answer
                elif answer and result.answers[answer.sequence - 1] is None:
                    result.answers[answer.sequence - 1] = answer
            if sequence < count:
                await sleep(end - await now())
    finally:
        socket.close()
    return result


def match(
    received: tuple[float, IPv4Packet | IPv6Packet],
    destination: IPv4Address | IPv6Address,
    identifier: int,
    sent: list[float],
) -> Answer | None:
    """The answer, or the redirect, that a packet is to one of our requests, or None.

    A reply carries our identifier; an error quotes the request that carried it.
    """
    time, packet = received
    kind = ICMPv6Message if isinstance(packet, IPv6Packet) else ICMPMessage
    try:
        message = kind.parse(packet.payload)
        echo = message
        if is_error := isinstance(message, ICMPError | ICMPv6Error):
            original = message.original
            if original.protocol != packet.protocol or original.destination != destination or original.fragment_offset:
                return None
            echo = kind.parse(original.payload, problems=[])  # quoted: cut short, so no checksum
    except WireError:
        return None
    if isinstance(message, ICMPSourceQuench) or not isinstance(echo, ICMPEcho | ICMPv6Echo):
        return None
    if echo.is_request != is_error or echo.identifier != identifier or not 1 <= echo.sequence <= len(sent):
        return None
    ttl = packet.hop_limit if isinstance(packet, IPv6Packet) else packet.ttl
    return Answer(echo.sequence, time - sent[echo.sequence - 1], packet.source, ttl, message)
