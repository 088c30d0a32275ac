"""What a NAT reads in a packet, and what it writes there: the two ends between which the packet goes.

    read(packet)             the flow of a packet: its protocol, its two ends, and what it means for a conversation
    rewrite(packet, flow)    the same packet between the flow's ends, its checksums brought up to date (RFC 1624)
    quoted(packet)           the packet that an ICMP error is about, which has ends of its own
    requote(...)             the same error about the rewritten packet

An end is an address and a port.  An ICMP query has an identifier in place of the port of the one who asks (RFC 5508
section 3), and its other end has port 0.  Checksums are updated, never worked out anew: one that was wrong stays wrong,
and the receiver finds it.  What it leaves to others: which end becomes which (nat), and whole packets out of fragments.
"""

from typing import NamedTuple

from netlib.internet.redirects import SOURCE_ROUTES
from netlib.wire.address import IPv4Address
from netlib.wire.checksum import internet_checksum, update_checksum
from netlib.wire.errors import BadChecksum, Malformed, Truncated
from netlib.wire.icmp import (
    DESTINATION_UNREACHABLE,
    ECHO_REPLY,
    ECHO_REQUEST,
    PARAMETER_PROBLEM,
    TIME_EXCEEDED,
    TIMESTAMP,
    TIMESTAMP_REPLY,
)
from netlib.wire.ipv4 import ICMP, TCP, UDP
from netlib.wire.options import parse_options

REQUESTS, REPLIES = (ECHO_REQUEST, TIMESTAMP), (ECHO_REPLY, TIMESTAMP_REPLY)
# The others stay where they are: a redirect is about one link, and nobody may send a source quench (RFC 6633)
ERRORS = (DESTINATION_UNREACHABLE, TIME_EXCEEDED, PARAMETER_PROBLEM)
CHECKSUM_AT = {TCP: 16, UDP: 6}  # offset in the header
SHORTEST = {TCP: 20, UDP: 8, ICMP: 8}  # bytes of header
FIN, SYN, RST, ACK = 1, 2, 4, 16


class Endpoint(NamedTuple):
    """One end of a flow."""

    address: IPv4Address
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


class Flow(NamedTuple):
    """Between which ends a packet goes, and what it means for their conversation.

    `kind`: "syn", "syn ack", "fin", "rst" or "ack" (anything else) in TCP; "request" or "reply" in ICMP; else "data".
    """

    protocol: int
    source: Endpoint
    destination: Endpoint
    kind: str


def read(packet: bytes, in_quote: bool = False) -> Flow | None:
    """The flow of a whole packet, or None where its protocol has no ports: not TCP, UDP or an ICMP query.

    Raises `Truncated` or `Malformed`.  A packet `in_quote` may be cut short behind the first 8 bytes of its payload:
    "the Internet header plus the first 64 bits of the original datagram's data" (RFC 792).
    """
    start, protocol = 4 * (packet[0] & 15), packet[9]
    if protocol not in SHORTEST:
        return None
    needed = start + (8 if in_quote else SHORTEST[protocol])
    if len(packet) < needed:
        raise Truncated(f"NAT (offset {start}): needs {needed} bytes, only {len(packet)} are there")
    source, destination = IPv4Address(packet[12:16]), IPv4Address(packet[16:20])
    if protocol == ICMP:
        identifier = word(packet, start + 4)
        if packet[start] in REQUESTS:
            return Flow(ICMP, Endpoint(source, identifier), Endpoint(destination, 0), "request")
        if packet[start] in REPLIES:
            return Flow(ICMP, Endpoint(source, 0), Endpoint(destination, identifier), "reply")
        return None
    ports = word(packet, start), word(packet, start + 2)
    if 0 in ports and not (protocol == UDP and ports[1]):  # a datagram may come from no port (RFC 768), nothing more
        raise Malformed(f"NAT (offset {start}): from port {ports[0]} to port {ports[1]}")
    kind = "data" if protocol == UDP or len(packet) < start + 14 else segment_kind(packet[start + 13])
    return Flow(protocol, Endpoint(source, ports[0]), Endpoint(destination, ports[1]), kind)


def segment_kind(flags: int) -> str:
    """What a TCP segment with these flags does to its connection.  RST goes before SYN, and SYN before FIN."""
    if flags & RST:
        return "rst"
    if flags & SYN:
        return "syn ack" if flags & ACK else "syn"
    return "fin" if flags & FIN else "ack"


def rewrite(packet: bytes, flow: Flow) -> bytes:
    """The packet between the ends of `flow`; where it is a quote cut short, as much of it as is there."""
    start, protocol = 4 * (packet[0] & 15), packet[9]
    data = bytearray(packet)
    before, after = packet[12:20], bytes(flow.source.address + flow.destination.address)
    data[12:20] = after
    patch(data, 10, before, after)
    if protocol == ICMP:
        port = flow.source.port if packet[start] in REQUESTS else flow.destination.port
        data[start + 4 : start + 6] = port.to_bytes(2, "big")
        patch(data, start + 2, packet[start + 4 : start + 6], bytes(data[start + 4 : start + 6]))
        return bytes(data)
    data[start : start + 4] = flow.source.port.to_bytes(2, "big") + flow.destination.port.to_bytes(2, "big")
    at = start + CHECKSUM_AT[protocol]
    if at + 2 > len(data):  # the quote ends before it
        return bytes(data)
    # "An all zero transmitted checksum value means that the transmitter generated no checksum" (RFC 768)
    if protocol == UDP and not any(packet[at : at + 2]):
        return bytes(data)
    # the checksum covers the addresses too, in the pseudo header
    patch(data, at, before + packet[start : start + 4], after + bytes(data[start : start + 4]))
    if protocol == UDP and not any(data[at : at + 2]):
        data[at : at + 2] = b"\xff\xff"
    return bytes(data)


def quoted(packet: bytes) -> bytes | None:
    """The packet that an ICMP error of a kind that crosses a NAT is about, as much as is quoted; None if it is no such.

    Raises `WireError` where there is something wrong with the error or the quote.
    """
    start = 4 * (packet[0] & 15)
    if packet[9] != ICMP or len(packet) < start + 8 or packet[start] not in ERRORS:
        return None
    # "If the ICMP checksum fails to validate, the NAT SHOULD silently drop the ICMP Error packet" (RFC 5508 REQ-3)
    if internet_checksum(packet[start:]):
        raise BadChecksum(f"NAT (offset {start + 2}): the checksum of an ICMP error does not match")
    quote = packet[start + 8 :]
    if len(quote) < 20 or quote[0] >> 4 != 4 or not 20 <= 4 * (quote[0] & 15) <= len(quote):
        raise Malformed(f"NAT (offset {start + 8}): the quote in an ICMP error is no IPv4 packet")
    # REQ-3 a): the same where "the IP checksum of the embedded packet fails to validate"
    if internet_checksum(quote[: 4 * (quote[0] & 15)]):
        raise BadChecksum(f"NAT (offset {start + 18}): the checksum of the packet quoted does not match")
    if word(quote, 6) & 0x1FFF:
        raise Malformed(f"NAT (offset {start + 14}): the quote is a later fragment, which has no ports")
    return quote


def source_routed(packet: bytes) -> bool:
    """Whether a packet, or as much of it as is quoted, says by which routers it goes.  Raises `Malformed`."""
    options = packet[20 : 4 * (packet[0] & 15)]
    return any(kind in SOURCE_ROUTES for kind, _ in parse_options(options, "NAT options"))


def requote(packet: bytes, quote: bytes, source: IPv4Address, destination: IPv4Address) -> bytes:
    """The ICMP error with another quote, as long as the one before, between other addresses."""
    start = 4 * (packet[0] & 15)
    data = bytearray(packet)
    data[12:20] = source + destination
    patch(data, 10, packet[12:20], bytes(data[12:20]))
    data[start + 8 :] = quote
    padding = bytes(len(quote) % 2)
    patch(data, start + 2, packet[start + 8 :] + padding, quote + padding)
    return bytes(data)


def patch(data: bytearray, at: int, before: bytes, after: bytes) -> None:
    """Bring the checksum at this offset up to date: bytes that it covers were `before` and are `after` (RFC 1624)."""
    data[at : at + 2] = update_checksum(word(data, at), before, after).to_bytes(2, "big")


def word(data: bytes | bytearray, at: int) -> int:
    return data[at] << 8 | data[at + 1]
