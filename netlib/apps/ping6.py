"""ping over IPv6: echo requests, and what comes back (RFC 4443 section 4)."""

from dataclasses import dataclass, field

from netlib.host import RAW6, Host, SendError
from netlib.wire.address6 import IPv6Address
from netlib.wire.errors import WireError
from netlib.wire.icmpv6 import ECHO_REPLY, ECHO_REQUEST, ICMPv6Echo, ICMPv6Error, ICMPv6Message
from netlib.wire.ipv6 import ICMPV6, IPv6Packet
from netlib.worlds.task import now, readable, sleep


@dataclass
class Answer6:
    """What came back for one echo request; `rtt` in seconds."""

    sequence: int
    rtt: float
    source: IPv6Address
    hop_limit: int
    message: ICMPv6Message

    @property
    def is_reply(self) -> bool:
        return self.message.type == ECHO_REPLY

    def __str__(self) -> str:
        if self.is_reply:
            hops, time = self.hop_limit, 1000 * self.rtt
            return f"reply from {self.source}: seq={self.sequence} hop limit={hops} time={time:.3f} ms"
        return f"from {self.source}: seq={self.sequence} {self.message.name}"


@dataclass
class Ping6Result:
    """The outcome of a ping: one entry for each request, None where nothing came back in time."""

    destination: IPv6Address
    answers: list[Answer6 | None] = field(default_factory=list)
    unsent: dict[int, str] = field(default_factory=dict)  # sequence -> why this host could not send the request

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
            lines.append(str(answer or f"seq={sequence} " + (f"not sent: {unsent}" if unsent else "no answer")))
        return "\n".join([*lines, f"{len(self.answers)} sent to {self.destination}, {self.received} received"])

    __repr__ = __str__


async def ping6(
    host: Host,
    destination: str | IPv6Address,
    *,
    count: int = 4,
    interval: float = 1.0,
    timeout: float = 1.0,
    size: int = 56,
    hop_limit: int = 64,
    interface: int | None = None,
) -> Ping6Result:
    """Send `count` echo requests with `size` bytes of data, one each `interval`, and wait `timeout` for the last.

    Times in seconds.  An ICMPv6 error about a request counts as its answer.  `interface` is the number of the one to
    send by, for a link-local or multicast destination where the host has several.
    """
    destination = IPv6Address(destination)
    result = Ping6Result(destination, [None] * count)
    socket = host.socket(RAW6, protocol=ICMPV6)
    identifier = host.random.getrandbits(16)
    sent: list[float] = []
    try:
        for sequence in range(1, count + 1):
            echo = ICMPv6Echo(identifier=identifier, sequence=sequence, payload=bytes(i & 0xFF for i in range(size)))
            packet = IPv6Packet(destination=destination, hop_limit=hop_limit, payload=echo.build())
            start = await now()
            sent.append(start)
            try:
                socket.send(packet, start, interface)
            except SendError as error:
                result.unsent[sequence] = str(error)
                continue
            end = start + (interval if sequence < count else timeout)
            while (left := end - await now()) > 0 and not all(result.answers):
                if not await readable(socket, left):
                    break
                received = socket.receive()
                answer = match(received, destination, identifier, sent) if received else None
                if answer and result.answers[answer.sequence - 1] is None:
                    result.answers[answer.sequence - 1] = answer
            if sequence < count:
                await sleep(end - await now())
    finally:
        socket.close()
    return result


def match(
    received: tuple[float, IPv6Packet], destination: IPv6Address, identifier: int, sent: list[float]
) -> Answer6 | None:
    """The answer that a packet is to one of our requests, or None."""
    time, packet = received
    try:
        message = ICMPv6Message.parse(packet.payload)
        echo = message
        if isinstance(message, ICMPv6Error):
            original = message.original
            if original.protocol != ICMPV6 or original.destination != destination or original.fragment_offset:
                return None
            echo = ICMPv6Message.parse(original.payload)  # quoted, perhaps cut short: its checksum is not asked
            if echo.type != ECHO_REQUEST:
                return None
    except WireError:
        return None
    is_answer = message.type == ECHO_REPLY or message.is_error
    if not is_answer or not isinstance(echo, ICMPv6Echo) or echo.identifier != identifier:
        return None
    if not 1 <= echo.sequence <= len(sent):
        return None
    return Answer6(echo.sequence, time - sent[echo.sequence - 1], packet.source, packet.hop_limit, message)
