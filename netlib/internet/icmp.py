"""ICMP as hosts and routers do it: answering echoes, and reporting about packets with due restraint.

    echo_reply(request)                     the answer to an echo request (RFC 792, RFC 1122 section 3.2.2.6)
    error(packet, type, code, rest)         a report that quotes `packet`
    may_report(packet)                      the cases in which no report may be sent (RFC 1122 section 3.2.2)
    RateLimit                               how many reports may be sent at all (RFC 1812 section 4.3.2.8)

Without that restraint, one forged packet to a broadcast address would make a thousand hosts report to the
victim, and two hosts could report about each other's reports for ever.
"""

from netlib.wire.address import IPv4Address
from netlib.wire.checksum import internet_checksum
from netlib.wire.icmp import ECHO_REPLY, ECHO_REQUEST, ICMPError, ICMPMessage
from netlib.wire.ipv4 import ICMP, IPv4Packet

# "The ICMP datagram SHOULD contain as much of the original datagram as possible without the length of the
# ICMP datagram exceeding 576 bytes" (RFC 1812 section 4.3.2.3): 20 of IP and 8 of ICMP header leave this.
QUOTE = 576 - 20 - 8


def echo_reply(request: bytes) -> bytes | None:
    """The echo reply to an ICMP message, or None where that is no well-formed echo request.

    "The data received in the echo message must be returned in the echo reply message" (RFC 792): only the
    type changes, and with it the checksum.
    """
    if len(request) < 8 or request[0] != ECHO_REQUEST or request[1] != 0 or internet_checksum(request):
        return None
    reply = bytes((ECHO_REPLY, 0, 0, 0)) + request[4:]
    return reply[:2] + internet_checksum(reply).to_bytes(2, "big") + reply[4:]


def error(packet: bytes, type: int, code: int, rest: int = 0) -> bytes:
    """The ICMP message that reports about `packet`, and quotes it.

    `rest` is the last 32 bits of the ICMP header: the next-hop MTU for (3, 4), a pointer in the highest byte for
    (12, 0), a gateway for type 5, otherwise 0.
    """
    message = bytes((type, code, 0, 0)) + rest.to_bytes(4, "big") + packet[:QUOTE]
    return message[:2] + internet_checksum(message).to_bytes(2, "big") + message[4:]


def may_report(packet: IPv4Packet, inside: bool = False) -> bool:
    """Whether an ICMP error may be sent about this packet (RFC 1122 section 3.2.2, RFC 1812 section 4.3.2.7).

    `inside`: it has never left this host, where a loopback address does define a single host.  One rule is left to the
    caller, who knows the link: none about a packet that came as a link-layer broadcast.
    """
    source = packet.source
    return not (
        # "a datagram destined to an IP broadcast or IP multicast address"
        packet.destination.is_multicast
        or packet.destination == IPv4Address.BROADCAST
        # "a non-initial fragment"
        or packet.fragment_offset > 0
        # "a datagram whose source address does not define a single host"
        or source == IPv4Address.ANY
        or (source.is_loopback and not inside)
        or source[0] >= 224
        # "an ICMP error message"
        or (packet.protocol == ICMP and not is_query(packet.payload))
    )


def is_query(message: bytes) -> bool:
    """Whether an ICMP message is of a type that is known to be no error."""
    kind = ICMPMessage.of_type.get(message[0]) if message else None
    return kind is not None and not issubclass(kind, ICMPError)


class RateLimit:
    """A token bucket: `rate` reports a second in the long run, `burst` at once (RFC 1812 section 4.3.2.8)."""

    def __init__(self, rate: float = 1000.0, burst: int = 50) -> None:
        self.rate, self.burst = rate, burst
        self.tokens, self.filled = float(burst), 0.0

    def allows(self, now: float) -> bool:
        """Whether one more report may be sent at the time `now` (seconds); if so, it is counted."""
        self.tokens = min(self.burst, self.tokens + (now - self.filled) * self.rate)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
