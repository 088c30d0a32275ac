"""What may be replaced in a host's Internet layer: each part by a function or class of your own.

Every part speaks bytes, whole packets with their headers, so that code written from nothing fits in.
Whatever is not replaced is netlib's own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from netlib.internet.fragments import Reassembler, fragment
from netlib.internet.icmp import echo_reply, error
from netlib.internet.nat import NAT, NATPart
from netlib.internet.nat_own import NATTablePart
from netlib.internet.routes import Route, Routes
from netlib.link.discovery import Discovery, DiscoveryPart
from netlib.wire.address import IPv4Address, IPv4Network, MACAddress
from netlib.wire.checksum import internet_checksum, update_checksum


def returned(part: str, value: Any, *kinds: type) -> Any:
    """What a part has returned, if that is of one of these kinds; `TypeError` with the part's name if not.

    A bytearray will do for bytes: it is what comes of putting a message together in place.
    """
    if isinstance(value, bytearray) and bytes in kinds:
        return bytes(value)
    if isinstance(value, kinds):
        return value
    expected = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
    raise TypeError(f"the part {part} returned {value!r:.60} ({type(value).__name__}): it has to return {expected}")


def addressed(part: str, handed_out: list[Any]) -> Iterator[tuple[MACAddress, Any]]:
    """What a neighbour table has handed out: pairs of a MAC address, or its six bytes, and what is to go there."""
    for each in handed_out:
        if not isinstance(each, tuple) or len(each) != 2:
            raise TypeError(f"the part {part} holds {each!r:.60}: it has to hold pairs (MAC address, packet)")
        to, data = each
        yield to if isinstance(to, MACAddress) else MACAddress(returned(part, to, bytes)), data


class ReassemblerPart(Protocol):
    """Puts fragments together."""

    def add(self, packet: bytes, now: float) -> bytes | None:
        """Take in a fragment; return the whole packet if it is complete now."""

    def expire(self, now: float) -> list[bytes]:
        """Forget what has waited too long; return the first fragments of that."""

    def deadline(self) -> float | None:
        """When `expire` is next needed (seconds), or None."""


class RoutesPart(Protocol):
    """Finds the route for a destination."""

    def add(self, route: Route) -> None:
        """Add a route; one for the same network is replaced."""

    def remove(self, network: IPv4Network) -> None:
        """Forget the route for exactly this network, if there is one."""

    def lookup(self, destination: bytes) -> Route | None:
        """The route with the longest prefix that the destination address matches, or None."""


def decrement_ttl(packet: bytes) -> bytes:
    """The packet with one hop less to live, and its header checksum brought up to date (RFC 1624, RFC 1812 5.3.1)."""
    checksum = int.from_bytes(packet[10:12], "big")
    word = bytes((packet[8] - 1, packet[9]))
    return packet[:8] + word + update_checksum(checksum, packet[8:10], word).to_bytes(2, "big") + packet[12:]


@dataclass(frozen=True)
class InternetParts:
    """The parts of the Internet layer, each with netlib's own as its default."""

    checksum: Callable[[bytes], int] = internet_checksum
    decrement_ttl: Callable[[bytes], bytes] = decrement_ttl
    fragment: Callable[[bytes, int], list[bytes]] = fragment
    reassembler: Callable[[], ReassemblerPart] = Reassembler
    echo_reply: Callable[[bytes], bytes | None] = echo_reply
    icmp_error: Callable[[bytes, int, int, int], bytes | None] = error
    routes: Callable[[], RoutesPart] = Routes
    neighbours6: Callable[[MACAddress, bool], DiscoveryPart] = Discovery
    nat: Callable[[list[IPv4Address], Random], NATPart] = NAT  # where `Host.add_nat` asks for one
    nat_table: Callable[[list[IPv4Address], Random], NATTablePart] | None = None  # of netlib's NAT; None: its own
