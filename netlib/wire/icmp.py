"""ICMP messages (RFC 792): eight bytes of header, of which the last four depend on the type.

Two kinds of message share the format.  Queries (echo, timestamp) are asked and answered.  Errors
report about a packet that could not be delivered, and quote it: its IP header and at least the first
eight bytes behind that, which hold the ports, or the echo's identifier.  By the quote, the host that
is told finds out which of its conversations the report is about.

    ICMPMessage.parse(data)      the class for the type that the data has

The next-hop MTU in "fragmentation needed" is RFC 1191's; the length of the quote is RFC 4884's.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Self

from netlib.wire.address import IPv4Address
from netlib.wire.checksum import internet_checksum, same_zero
from netlib.wire.errors import BadChecksum, Truncated, WireError, wrong
from netlib.wire.header import Header, header, u8, u16, u32
from netlib.wire.ipv4 import IPv4Packet

ECHO_REPLY, DESTINATION_UNREACHABLE, SOURCE_QUENCH, REDIRECT, ECHO_REQUEST = 0, 3, 4, 5, 8
TIME_EXCEEDED, PARAMETER_PROBLEM, TIMESTAMP, TIMESTAMP_REPLY = 11, 12, 13, 14

# Codes of destination unreachable (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1) ...
NET_UNREACHABLE, HOST_UNREACHABLE, PROTOCOL_UNREACHABLE, PORT_UNREACHABLE, FRAGMENTATION_NEEDED = range(5)
SOURCE_ROUTE_FAILED, ADMINISTRATIVELY_PROHIBITED = 5, 13
# ... and of time exceeded
TTL_EXCEEDED, REASSEMBLY_TIME_EXCEEDED = 0, 1

NAMES = {
    (ECHO_REPLY, 0): "echo reply",
    (ECHO_REQUEST, 0): "echo request",
    (DESTINATION_UNREACHABLE, NET_UNREACHABLE): "network unreachable",
    (DESTINATION_UNREACHABLE, HOST_UNREACHABLE): "host unreachable",
    (DESTINATION_UNREACHABLE, PROTOCOL_UNREACHABLE): "protocol unreachable",
    (DESTINATION_UNREACHABLE, PORT_UNREACHABLE): "port unreachable",
    (DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED): "fragmentation needed",
    (DESTINATION_UNREACHABLE, SOURCE_ROUTE_FAILED): "source route failed",
    (DESTINATION_UNREACHABLE, ADMINISTRATIVELY_PROHIBITED): "administratively prohibited",
    (SOURCE_QUENCH, 0): "source quench",
    (REDIRECT, 0): "redirect for the network",
    (REDIRECT, 1): "redirect for the host",
    (TIME_EXCEEDED, TTL_EXCEEDED): "time to live exceeded",
    (TIME_EXCEEDED, REASSEMBLY_TIME_EXCEEDED): "fragment reassembly time exceeded",
    (PARAMETER_PROBLEM, 0): "parameter problem",
    (TIMESTAMP, 0): "timestamp request",
    (TIMESTAMP_REPLY, 0): "timestamp reply",
}
TYPE_NAMES = {
    DESTINATION_UNREACHABLE: "destination unreachable",
    TIME_EXCEEDED: "time exceeded",
    REDIRECT: "redirect",
    PARAMETER_PROBLEM: "parameter problem",
}


class ICMPMessage(Header):
    """What all ICMP messages share.  The classes below say what the header's last four bytes are."""

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
    def parse(cls, data: bytes, problems: list[WireError] | None = None) -> "ICMPMessage":
        """Read a message of any type.

        Raises `Truncated` or `BadChecksum`.  With a list `problems`, a wrong checksum is added to it
        instead of raised.
        """
        if len(data) < 8:
            raise Truncated(f"ICMPMessage (offset 0): needs 8 bytes, only {len(data)} are there")
        kind = ICMPMessage.of_type.get(data[0], ICMPUnknown)
        message: ICMPMessage = kind.parse_header(data)
        message.payload = data[kind.SIZE :]
        if internet_checksum(data):
            wrong(BadChecksum(f"ICMPMessage.checksum (offset 2): {message.checksum:#06x} does not match"), problems)
        return message

    def build(self, below: object = None) -> bytes:
        """The bytes of this message; sets `checksum` first.  It covers the message and nothing else."""
        before, self.checksum = self.checksum, 0
        data = self.build_header() + self.payload
        self.checksum = internet_checksum(data) or same_zero(before)
        return data[:2] + self.checksum.to_bytes(2, "big") + data[4:]

    @property
    def name(self) -> str:
        """What this message says, such as "time to live exceeded"."""
        known = NAMES.get((self.type, self.code)) or TYPE_NAMES.get(self.type)
        return known or f"type {self.type} code {self.code}"

    def meaning(self, name: str) -> str:
        if name == "type":
            return "error" if self.is_error else "query" if not isinstance(self, ICMPUnknown) else ""
        return self.name if name == "code" else ""

    def __str__(self) -> str:
        return f"ICMP {self.name}"


class ICMPError(ICMPMessage):
    """A report about a packet, which it quotes as its payload."""

    __slots__ = ()
    is_error = True

    @property
    def original(self) -> IPv4Packet:
        """The packet that this report is about, as much of it as was quoted; `WireError` where that is no IPv4.

        Its payload is cut short and its checksum may be stale: routers on the way have changed it.
        """
        return IPv4Packet.parse(self.payload, problems=[])

    def __str__(self) -> str:
        try:
            return f"ICMP {self.name} (about {self.original})"
        except WireError:
            return f"ICMP {self.name}"


@header
class ICMPEcho(ICMPMessage):
    """Echo request (8) and echo reply (0): RFC 792, page 14."""

    type: u8 = ECHO_REQUEST
    code: u8 = 0
    checksum: u16 = 0
    identifier: u16 = 0  # whose question it is: one for each running ping
    sequence: u16 = 0  # which question it is
    payload: bytes = b""

    @property
    def is_request(self) -> bool:
        return self.type == ECHO_REQUEST

    def reply(self) -> Self:
        """The answer: "The data received in the echo message must be returned in the echo reply" (RFC 792)."""
        answer = type(self)(ECHO_REPLY, 0, 0, self.identifier, self.sequence)
        answer.payload = self.payload
        return answer

    def __str__(self) -> str:
        return f"ICMP {self.name} id {self.identifier} seq {self.sequence}"


@header
class ICMPDestinationUnreachable(ICMPError):
    """Type 3: RFC 792, page 4; the MTU: RFC 1191 section 4."""

    type: u8 = DESTINATION_UNREACHABLE
    code: u8 = 0
    checksum: u16 = 0
    unused: u8 = 0
    length: u8 = 0  # of the quote in 32-bit words, or 0 (RFC 4884)
    next_hop_mtu: u16 = 0  # in bytes; only with code 4, fragmentation needed
    payload: bytes = b""

    def meaning(self, name: str) -> str:
        if name == "next_hop_mtu" and self.code == FRAGMENTATION_NEEDED:
            return "bytes that fit through the next link"
        return ICMPMessage.meaning(self, name)


@header
class ICMPTimeExceeded(ICMPError):
    """Type 11: RFC 792, page 6."""

    type: u8 = TIME_EXCEEDED
    code: u8 = 0
    checksum: u16 = 0
    unused: u8 = 0
    length: u8 = 0  # of the quote in 32-bit words, or 0 (RFC 4884)
    unused2: u16 = 0
    payload: bytes = b""


@header
class ICMPParameterProblem(ICMPError):
    """Type 12: RFC 792, page 8."""

    type: u8 = PARAMETER_PROBLEM
    code: u8 = 0
    checksum: u16 = 0
    pointer: u8 = 0  # offset of the byte in the quoted header where the problem is
    length: u8 = 0  # of the quote in 32-bit words, or 0 (RFC 4884)
    unused: u16 = 0
    payload: bytes = b""


@header
class ICMPSourceQuench(ICMPError):
    """Type 4: RFC 792, page 10.  RFC 6633 forbids to send it; it is read, and ignored."""

    type: u8 = SOURCE_QUENCH
    code: u8 = 0
    checksum: u16 = 0
    unused: u32 = 0
    payload: bytes = b""


@header
class ICMPRedirect(ICMPError):
    """Type 5: RFC 792, page 12."""

    type: u8 = REDIRECT
    code: u8 = 1
    checksum: u16 = 0
    gateway: IPv4Address = IPv4Address.ANY  # the better first hop
    payload: bytes = b""


@header
class ICMPTimestamp(ICMPMessage):
    """Timestamp request (13) and reply (14): RFC 792, page 16.  Times in milliseconds since midnight UTC."""

    type: u8 = TIMESTAMP
    code: u8 = 0
    checksum: u16 = 0
    identifier: u16 = 0
    sequence: u16 = 0
    originate: u32 = 0
    receive: u32 = 0
    transmit: u32 = 0
    payload: bytes = b""


@header
class ICMPUnknown(ICMPMessage):
    """Any other type, with the rest of its header unread."""

    type: u8 = 255
    code: u8 = 0
    checksum: u16 = 0
    rest: u32 = 0
    payload: bytes = b""


ICMPMessage.of_type.update({
    ECHO_REPLY: ICMPEcho,
    ECHO_REQUEST: ICMPEcho,
    DESTINATION_UNREACHABLE: ICMPDestinationUnreachable,
    SOURCE_QUENCH: ICMPSourceQuench,
    REDIRECT: ICMPRedirect,
    TIME_EXCEEDED: ICMPTimeExceeded,
    PARAMETER_PROBLEM: ICMPParameterProblem,
    TIMESTAMP: ICMPTimestamp,
    TIMESTAMP_REPLY: ICMPTimestamp,
})  # fmt: skip
