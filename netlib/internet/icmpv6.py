"""What hosts and routers do with ICMPv6's errors: send them with restraint, and learn from them how much fits.

    may_report(packet, type, code)      the cases in which no report may be sent (RFC 4443 section 2.4, rule e)
    Paths                               the MTU of the path to each destination (RFC 8201)
"""

from collections.abc import Container

from netlib.wire.address6 import IPv6Address
from netlib.wire.errors import WireError
from netlib.wire.icmpv6 import PACKET_TOO_BIG, PARAMETER_PROBLEM, REDIRECT, UNKNOWN_OPTION, ICMPv6PacketTooBig
from netlib.wire.ipv6 import ICMPV6, IPv6Packet

MINIMUM = 1280  # bytes: every link takes a packet as long as that (RFC 8200 section 5)
PATHS = 1024  # destinations whose path MTU is remembered
AGEING = 600.0  # seconds that it is believed: 10 minutes (RFC 8201 section 4)


class Paths:
    """The path MTU of each destination for which a packet was too big; bounded, and forgotten after AGEING."""

    def __init__(self) -> None:
        self.known: dict[IPv6Address, tuple[int, float]] = {}  # destination -> bytes, until when

    def mtu(self, destination: IPv6Address, now: float, link: int) -> int:
        """How many bytes fit through to a destination behind a link with the MTU `link`, as far as is known."""
        known = self.known.get(destination)
        if known and known[1] <= now:
            del self.known[destination]
            known = None
        return min(link, known[0]) if known else link

    def narrow(self, message: ICMPv6PacketTooBig, own: Container[IPv6Address], now: float) -> None:
        """Take in what a router says, if it quotes a packet that one of our `own` addresses can have sent."""
        try:
            quoted = message.original
        except WireError:
            return
        # "A node MUST NOT reduce its estimate of the Path MTU below the IPv6 minimum link MTU" (RFC 8201 section 4)
        mtu = max(MINIMUM, message.mtu)
        if quoted.source not in own or mtu >= self.mtu(quoted.destination, now, 0xFFFFFFFF):
            return
        if quoted.destination not in self.known and len(self.known) >= PATHS:
            del self.known[next(iter(self.known))]
        self.known[quoted.destination] = mtu, now + AGEING


def may_report(packet: IPv6Packet, type: int, code: int) -> bool:
    """Whether an ICMPv6 error of this type may be sent about a packet (RFC 4443 section 2.4, rule e)."""
    # "a packet destined to an IPv6 multicast address", but for Packet Too Big and an unknown option
    to_many = packet.destination.is_multicast
    if to_many and type != PACKET_TOO_BIG and (type, code) != (PARAMETER_PROBLEM, UNKNOWN_OPTION):
        return False
    # "a packet whose source address does not uniquely identify a single node"
    if packet.source == IPv6Address.ANY or packet.source.is_multicast:
        return False
    fragment = packet.fragment
    if fragment is not None and fragment.offset:
        return False  # what it is a piece of can't be told
    # "An ICMPv6 error message", "an ICMPv6 redirect message"
    kind = packet.payload[0] if packet.payload else 0
    return packet.protocol != ICMPV6 or not (kind < 128 or kind == REDIRECT)
