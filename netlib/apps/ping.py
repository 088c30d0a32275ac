"""ping: echo requests, and what comes back (RFC 792, RFC 1122 section 3.2.2.6)."""

from dataclasses import dataclass, field

from netlib.host import RAW, Host, SendError
from netlib.wire.address import IPv4Address
from netlib.wire.errors import WireError
from netlib.wire.icmp import ECHO_REPLY, ECHO_REQUEST, SOURCE_QUENCH, ICMPEcho, ICMPError, ICMPMessage, ICMPRedirect
from netlib.wire.ipv4 import ICMP, IPv4Packet
from netlib.worlds.task import now, readable, sleep


@dataclass
class Answer:
    """What came back for one echo request; `rtt` in seconds."""

    sequence: int
    rtt: float
    source: IPv4Address
    ttl: int
    message: ICMPMessage

    @property
    def is_reply(self) -> bool:
        return self.message.type == ECHO_REPLY

    def __str__(self) -> str:
        if self.is_reply:
            return f"reply from {self.source}: seq={self.sequence} ttl={self.ttl} time={1000 * self.rtt:.3f} ms"
        nearer = f": {self.message.gateway} is nearer" if isinstance(self.message, ICMPRedirect) else ""
        return f"from {self.source}: seq={self.sequence} {self.message.name}{nearer}"


@dataclass
class PingResult:
    """The outcome of a ping: one entry for each request, None where nothing came back in time."""

    destination: IPv4Address
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
    destination: str | IPv4Address,
    *,
    count: int = 4,
    interval: float = 1.0,
    timeout: float = 1.0,
    size: int = 56,
    ttl: int = 64,
    dont_fragment: bool = False,
) -> PingResult:
    """Send `count` echo requests with `size` bytes of data, one each `interval`, and wait `timeout` for the last.

    Times in seconds.  An ICMP error about a request counts as its answer; a redirect does not, because the router
    has sent the request on.
    """
    destination = IPv4Address(destination)
    result = PingResult(destination, [None] * count)
    socket = host.socket(RAW, protocol=ICMP)
    identifier = host.random.getrandbits(16)
    sent: list[float] = []
    try:
        for sequence in range(1, count + 1):
            echo = ICMPEcho(identifier=identifier, sequence=sequence, payload=bytes(i & 0xFF for i in range(size)))
            packet = IPv4Packet(destination=destination, ttl=ttl, dont_fragment=dont_fragment, payload=echo.build())
            start = await now()
            sent.append(start)
            try:
                socket.send(packet, start)
            except SendError as error:
                result.unsent[sequence] = str(error)  # no route, or too long: no answer will come
                continue
            end = start + (interval if sequence < count else timeout)
            while (left := end - await now()) > 0 and not all(result.answers):
                if not await readable(socket, left):
                    break
                received = socket.receive()
                answer = match(received, destination, identifier, sent) if received else None
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
    received: tuple[float, IPv4Packet], destination: IPv4Address, identifier: int, sent: list[float]
) -> Answer | None:
    """The answer, or the redirect, that a packet is to one of our requests, or None.

    A reply carries our identifier; an error quotes the request that carried it.
    """
    time, packet = received
    try:
        message = ICMPMessage.parse(packet.payload)
        echo = message
        if isinstance(message, ICMPError):
            original = message.original
            if original.protocol != ICMP or original.destination != destination or original.fragment_offset:
                return None
            echo = ICMPMessage.parse(original.payload, problems=[])  # quoted: cut short, so no checksum
            if echo.type != ECHO_REQUEST:
                return None
    except WireError:
        return None
    is_answer = message.type == ECHO_REPLY or (message.is_error and message.type != SOURCE_QUENCH)
    if not is_answer or not isinstance(echo, ICMPEcho) or echo.identifier != identifier:
        return None
    if not 1 <= echo.sequence <= len(sent):
        return None
    return Answer(echo.sequence, time - sent[echo.sequence - 1], packet.source, packet.ttl, message)
