"""ICMPv6 messages (RFC 4443) and those of Neighbour Discovery (RFC 4861 section 4).

What ICMP is to IPv4 and more: it carries errors and echoes, and it also does ARP's work.  Types below 128 are
errors, which quote the packet they are about.  The checksum covers a pseudo header with the addresses, because
no other checksum guards them (RFC 4443 section 2.3).

    ICMPv6Message.parse(data, below)      the class for the type that the data has
    solicitation.option_list                [(1, the MAC address of who asks)]
"""

from typing import TYPE_CHECKING, Any, ClassVar

from netlib.wire.address import MACAddress
from netlib.wire.address6 import IPv6Address
from netlib.wire.checksum import internet_checksum, same_zero
from netlib.wire.errors import BadChecksum, FieldOverflow, Malformed, Truncated, WireError, wrong
from netlib.wire.header import Header, flag, header, u6, u8, u16, u29, u32
from netlib.wire.ipv6 import IPv6Packet
from netlib.wire.udp import Below

DESTINATION_UNREACHABLE, PACKET_TOO_BIG, TIME_EXCEEDED, PARAMETER_PROBLEM = 1, 2, 3, 4
ECHO_REQUEST, ECHO_REPLY = 128, 129
ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT, REDIRECT = range(133, 138)

# Codes of destination unreachable (RFC 4443 section 3.1), time exceeded (3.3) and parameter problem (3.4)
NO_ROUTE, PROHIBITED, BEYOND_SCOPE, ADDRESS_UNREACHABLE, PORT_UNREACHABLE = range(5)
HOP_LIMIT_EXCEEDED, REASSEMBLY_TIME_EXCEEDED = 0, 1
ERRONEOUS_FIELD, UNKNOWN_NEXT_HEADER, UNKNOWN_OPTION = 0, 1, 2

# Options of Neighbour Discovery (RFC 4861 section 4.6)
SOURCE_LINK_LAYER, TARGET_LINK_LAYER, PREFIX_INFORMATION, REDIRECTED_HEADER, MTU = 1, 2, 3, 4, 5
OPTION_NAMES = {
    SOURCE_LINK_LAYER: "source link-layer address", TARGET_LINK_LAYER: "target link-layer address",
    PREFIX_INFORMATION: "prefix information", REDIRECTED_HEADER: "redirected header", MTU: "MTU", 14: "nonce",
}  # fmt: skip
OPTIONS = 16  # read of one message, a bound for what anybody may send

NAMES = {
    (DESTINATION_UNREACHABLE, NO_ROUTE): "no route to destination",
    (DESTINATION_UNREACHABLE, PROHIBITED): "administratively prohibited",
    (DESTINATION_UNREACHABLE, BEYOND_SCOPE): "beyond scope of source address",
    (DESTINATION_UNREACHABLE, ADDRESS_UNREACHABLE): "address unreachable",
    (DESTINATION_UNREACHABLE, PORT_UNREACHABLE): "port unreachable",
    (TIME_EXCEEDED, HOP_LIMIT_EXCEEDED): "hop limit exceeded",
    (TIME_EXCEEDED, REASSEMBLY_TIME_EXCEEDED): "fragment reassembly time exceeded",
    (PARAMETER_PROBLEM, ERRONEOUS_FIELD): "erroneous header field",
    (PARAMETER_PROBLEM, UNKNOWN_NEXT_HEADER): "unknown next header",
    (PARAMETER_PROBLEM, UNKNOWN_OPTION): "unknown option",
}
TYPE_NAMES = {
    DESTINATION_UNREACHABLE: "destination unreachable", PACKET_TOO_BIG: "packet too big",
    TIME_EXCEEDED: "time exceeded", PARAMETER_PROBLEM: "parameter problem",
    ECHO_REQUEST: "echo request", ECHO_REPLY: "echo reply",
    ROUTER_SOLICITATION: "router solicitation", ROUTER_ADVERTISEMENT: "router advertisement",
    NEIGHBOUR_SOLICITATION: "neighbour solicitation", NEIGHBOUR_ADVERTISEMENT: "neighbour advertisement",
    REDIRECT: "redirect", 130: "multicast listener query", 131: "multicast listener report",
    132: "multicast listener done", 143: "multicast listener report, version 2",
}  # fmt: skip


class ICMPv6Message(Header):
    """What all ICMPv6 messages share.  The classes below say what follows the first four bytes."""

    of_type: ClassVar[dict[int, Any]] = {}  # type -> the class that reads it
    is_error: ClassVar[bool] = False

    if not TYPE_CHECKING:
        __slots__ = ()
    else:  # each class below declares these itself
        code: int
        checksum: int
        payload: bytes

        @property
        def type(self) -> int:
            return 0

    @classmethod
    def parse(
        cls, data: bytes, below: Below | None = None, problems: list[WireError] | None = None
    ) -> "ICMPv6Message":
        """Read a message of any type; its checksum is verified if the packet `below` it is given.

        Raises `Truncated`, `Malformed` (an option of Neighbour Discovery with an impossible length) or
        `BadChecksum`.  With a list `problems`, the latter two are added to it instead of raised.
        """
        if len(data) < 8:
            raise Truncated(f"ICMPv6Message (offset 0): needs 8 bytes, only {len(data)} are there")
        kind = ICMPv6Message.of_type.get(data[0], ICMPv6Unknown)
        message: ICMPv6Message = kind.parse_header(data)
        message.payload = data[kind.SIZE :]
        if below and internet_checksum(data, below.pseudo_header(len(data))):
            wrong(BadChecksum(f"ICMPv6Message.checksum (offset 2): {message.checksum:#06x} does not match"), problems)
        if isinstance(message, Discovery):
            try:
                parse_options(message.payload, kind.SIZE)
            except Malformed as error:
                wrong(error, problems)
        return message

    def build(self, below: Below | None = None) -> bytes:
        """The bytes of this message in the packet `below`; sets `checksum` first."""
        before, self.checksum = self.checksum, 0
        data = self.build_header() + self.payload
        self.checksum = internet_checksum(data, below.pseudo_header(len(data)) if below else b"") or same_zero(before)
        return data[:2] + self.checksum.to_bytes(2, "big") + data[4:]

    @property
    def name(self) -> str:
        """What this message says, such as "hop limit exceeded"."""
        known = NAMES.get((self.type, self.code)) or TYPE_NAMES.get(self.type)
        return known or f"type {self.type} code {self.code}"

    def meaning(self, name: str) -> str:
        if name == "type":
            return "error" if self.is_error else TYPE_NAMES.get(self.type, "")
        return self.name if name == "code" and self.is_error else ""

    def __str__(self) -> str:
        return f"ICMPv6 {self.name}"


class ICMPv6Error(ICMPv6Message):
    """A report about a packet, which it quotes as its payload."""

    __slots__ = ()
    is_error = True

    @property
    def original(self) -> IPv6Packet:
        """The packet that this report is about, as much of it as was quoted; `WireError` where that is no IPv6."""
        return IPv6Packet.parse(self.payload, problems=[])

    def __str__(self) -> str:
        try:
            return f"ICMPv6 {self.name} (about {self.original})"
        except WireError:
            return f"ICMPv6 {self.name}"


class Discovery(ICMPv6Message):
    """A message of Neighbour Discovery: its payload is a list of options (RFC 4861 section 4.6)."""

    __slots__ = ()

    @property
    def option_list(self) -> list[tuple[int, bytes]]:
        """Its options as (type, value); `Malformed` where a length is impossible."""
        return parse_options(self.payload, self.SIZE)

    def link_layer(self, kind: int) -> MACAddress | None:
        """The MAC address in the option of this type, if there is one; `Malformed` where it is not of six bytes."""
        for found, value in self.option_list:
            if found == kind:
                return MACAddress(value)
        return None


@header
class ICMPv6DestinationUnreachable(ICMPv6Error):
    """Type 1: RFC 4443 section 3.1."""

    type: u8 = DESTINATION_UNREACHABLE
    code: u8 = 0
    checksum: u16 = 0
    unused: u32 = 0
    payload: bytes = b""


@header
class ICMPv6PacketTooBig(ICMPv6Error):
    """Type 2: RFC 4443 section 3.2.  Routers don't fragment; they say how much fits."""

    type: u8 = PACKET_TOO_BIG
    code: u8 = 0
    checksum: u16 = 0
    mtu: u32 = 0  # of the next link, in bytes
    payload: bytes = b""

    def meaning(self, name: str) -> str:
        return "bytes that fit through the next link" if name == "mtu" else ICMPv6Message.meaning(self, name)


@header
class ICMPv6TimeExceeded(ICMPv6Error):
    """Type 3: RFC 4443 section 3.3."""

    type: u8 = TIME_EXCEEDED
    code: u8 = 0
    checksum: u16 = 0
    unused: u32 = 0
    payload: bytes = b""


@header
class ICMPv6ParameterProblem(ICMPv6Error):
    """Type 4: RFC 4443 section 3.4."""

    type: u8 = PARAMETER_PROBLEM
    code: u8 = 0
    checksum: u16 = 0
    pointer: u32 = 0  # offset of the byte in the quoted packet where the problem is
    payload: bytes = b""


@header
class ICMPv6Echo(ICMPv6Message):
    """Echo request (128) and echo reply (129): RFC 4443 section 4."""

    type: u8 = ECHO_REQUEST
    code: u8 = 0
    checksum: u16 = 0
    identifier: u16 = 0  # whose question it is: one for each running ping
    sequence: u16 = 0  # which question it is
    payload: bytes = b""

    @property
    def is_request(self) -> bool:
        return self.type == ECHO_REQUEST

    def __str__(self) -> str:
        return f"ICMPv6 {self.name} id {self.identifier} seq {self.sequence}"


@header
class RouterSolicitation(Discovery):
    """Type 133, "is there a router?": RFC 4861 section 4.1."""

    type: u8 = ROUTER_SOLICITATION
    code: u8 = 0
    checksum: u16 = 0
    reserved: u32 = 0
    payload: bytes = b""


@header
class RouterAdvertisement(Discovery):
    """Type 134: RFC 4861 section 4.2."""

    type: u8 = ROUTER_ADVERTISEMENT
    code: u8 = 0
    checksum: u16 = 0
    hop_limit: u8 = 0  # for the hosts to use; 0: no advice
    managed: flag = False  # addresses come from DHCPv6
    other: flag = False  # other settings do
    reserved: u6 = 0
    router_lifetime: u16 = 0  # seconds; 0: not a default router
    reachable_time: u32 = 0  # milliseconds
    retransmit_timer: u32 = 0  # milliseconds
    payload: bytes = b""


@header
class NeighbourSolicitation(Discovery):
    """Type 135, "who has this address?": RFC 4861 section 4.3."""

    type: u8 = NEIGHBOUR_SOLICITATION
    code: u8 = 0
    checksum: u16 = 0
    reserved: u32 = 0
    target: IPv6Address = IPv6Address.ANY
    payload: bytes = b""

    def __str__(self) -> str:
        return f"ICMPv6 {self.name}: who has {self.target}?"


@header
class NeighbourAdvertisement(Discovery):
    """Type 136, "I have it": RFC 4861 section 4.4."""

    type: u8 = NEIGHBOUR_ADVERTISEMENT
    code: u8 = 0
    checksum: u16 = 0
    router: flag = False
    solicited: flag = False  # an answer, and so a proof that packets reach it
    override: flag = False  # believe this MAC address rather than one that you know
    reserved: u29 = 0
    target: IPv6Address = IPv6Address.ANY
    payload: bytes = b""

    def __str__(self) -> str:
        try:
            mac = self.link_layer(TARGET_LINK_LAYER)
        except WireError:
            mac = None
        return f"ICMPv6 {self.name}: {self.target} is at {mac}" if mac else f"ICMPv6 {self.name}: {self.target}"


@header
class RedirectV6(Discovery):
    """Type 137, "a better first hop": RFC 4861 section 4.5."""

    type: u8 = REDIRECT
    code: u8 = 0
    checksum: u16 = 0
    reserved: u32 = 0
    target: IPv6Address = IPv6Address.ANY  # the better first hop
    destination: IPv6Address = IPv6Address.ANY
    payload: bytes = b""


@header
class ICMPv6Unknown(ICMPv6Message):
    """Any other type, with the rest of its header unread."""

    type: u8 = 255
    code: u8 = 0
    checksum: u16 = 0
    rest: u32 = 0
    payload: bytes = b""


ICMPv6Message.of_type.update({
    DESTINATION_UNREACHABLE: ICMPv6DestinationUnreachable,
    PACKET_TOO_BIG: ICMPv6PacketTooBig,
    TIME_EXCEEDED: ICMPv6TimeExceeded,
    PARAMETER_PROBLEM: ICMPv6ParameterProblem,
    ECHO_REQUEST: ICMPv6Echo,
    ECHO_REPLY: ICMPv6Echo,
    ROUTER_SOLICITATION: RouterSolicitation,
    ROUTER_ADVERTISEMENT: RouterAdvertisement,
    NEIGHBOUR_SOLICITATION: NeighbourSolicitation,
    NEIGHBOUR_ADVERTISEMENT: NeighbourAdvertisement,
    REDIRECT: RedirectV6,
})  # fmt: skip


def parse_options(data: bytes, start: int) -> list[tuple[int, bytes]]:
    """The options of Neighbour Discovery as (type, value); their lengths are in units of 8 bytes.

    "Nodes MUST silently discard an ND packet that contains an option with length zero" (RFC 4861 section 4.6).
    `start` is where they begin in the message, for the error.
    """
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        size = 8 * data[at + 1] if at + 1 < len(data) else 0
        if not size or at + size > len(data):
            raise Malformed(f"ICMPv6Message.options (offset {start + at}): option {data[at]} of length {size}, "
                            f"{len(data) - at} bytes are left")  # fmt: skip
        if len(found) == OPTIONS:
            raise Malformed(f"ICMPv6Message.options (offset {start + at}): more than {OPTIONS} options")
        found.append((data[at], data[at + 2 : at + size]))
        at += size
    return found


def build_option(kind: int, value: bytes) -> bytes:
    """The bytes of one option, filled up to a multiple of 8."""
    size = (2 + len(value) + 7) // 8
    if not 0 <= kind <= 255 or size > 255:
        raise FieldOverflow(f"option (offset 0): type {kind} with {len(value)} bytes does not fit into 8 and 8 bits")
    return bytes((kind, size)) + value + bytes(8 * size - 2 - len(value))
