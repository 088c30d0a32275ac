"""ICMP redirects: a router tells a host on its link that another router there is nearer to a destination.

    may_redirect    when a router tells (RFC 1812 section 5.2.7.2)
    may_obey        whom a host believes (RFC 1122 section 3.2.2.2)
    Redirects       what it has been told

A host believes its first hop and nobody else, about its own packets and nothing else; and what it has been told it
forgets after a while, or when the new router doesn't answer.  Even so, whoever can forge packets on a link can forge
these: many hosts are set not to listen, and routers never do (RFC 1812 section 5.2.7.2).
What it leaves to others: routes (internet/routes.py), building the message (internet/icmp.py).
"""

from dataclasses import dataclass

from netlib.internet.routes import Route
from netlib.wire.address import IPv4Address, IPv4Interface, IPv4Network
from netlib.wire.icmp import ICMPRedirect
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.options import parse_options

REDIRECT_HOST = 1  # "Routers MUST be able to generate the Redirect for Host message (Code 1)" (RFC 1812 5.2.7.2)
LIFETIME = 300.0  # seconds that a redirect is followed, as Linux does (net.ipv4.route.gc_timeout)
LIMIT = 1024  # destinations: anybody on the link can write redirects
SOURCE_ROUTES = {131, 137}  # loose and strict source route (RFC 791 section 3.1)


def may_redirect(packet: IPv4Packet, came_by: int, route: Route, ours: list[IPv4Interface]) -> bool:
    """Whether a router, which sends a packet on by `route`, tells its sender of that better first hop.

    `came_by` is the number of the interface that the packet came in by, `ours` are our addresses there.
    """
    hop = route.via or packet.destination
    return (
        # "The packet is being forwarded out the same physical interface that it was received from"
        route.interface == came_by
        # "The IP source address in the packet is on the same Logical IP (sub)network as the next-hop IP address"
        and any(packet.source in own.network and hop in own.network for own in ours)
        # "The packet does not contain an IP source route option"
        and not (packet.options and SOURCE_ROUTES.intersection(kind for kind, _ in parse_options(packet.options)))
    )


def may_obey(
    redirect: ICMPRedirect, sender: IPv4Address, current: Route | None, port: int, ours: list[IPv4Interface]
) -> bool:
    """Whether a host believes a redirect from `sender`.

    It came in by the interface `port`, where our addresses are `ours`.  `current` is the host's route for the packet
    that the redirect is about.
    """
    return (
        # "A Redirect message SHOULD be silently discarded if the new gateway address it specifies is not on the same
        # connected (sub-) net through which the Redirect arrived" (RFC 1122 section 3.2.2.2) ...
        any(redirect.gateway in own.network for own in ours)
        and not any(own.network.is_broadcast(redirect.gateway) for own in ours)
        # "... or if the source of the Redirect is not the current first-hop gateway for the specified destination"
        and current is not None
        and (current.via, current.interface) == (sender, port)
    )


@dataclass(slots=True)
class Redirected:
    """A better first hop for one destination."""

    route: Route
    expires: float  # seconds


class Redirects:
    """A host's better first hops, one destination at a time.

    "A Network Redirect message SHOULD be treated identically to a Host Redirect message; i.e., the cache entry for
    the destination host (only) would be updated" (RFC 1122 section 3.3.1.2).
    """

    def __init__(self) -> None:
        self.table: dict[IPv4Address, Redirected] = {}

    def lookup(self, destination: IPv4Address, now: float) -> Route | None:
        """The better route for a destination, if there is one at the time `now` (seconds)."""
        known = self.table.get(destination) if self.table else None
        if known is None:
            return None
        if now < known.expires:
            return known.route
        del self.table[destination]
        return None

    def learn(self, destination: IPv4Address, gateway: IPv4Address, interface: int, now: float) -> None:
        """Send packets for `destination` to `gateway`, which is on the link of that interface, for a while."""
        if destination not in self.table and len(self.table) >= LIMIT:
            del self.table[min(self.table, key=lambda known: self.table[known].expires)]
        route = Route(IPv4Network.around(destination, 32), gateway, interface)
        self.table[destination] = Redirected(route, now + LIFETIME)

    def forget(self, destination: IPv4Address) -> None:
        """Go back to the routing table: the gateway doesn't answer (RFC 1122 section 3.3.1.4)."""
        self.table.pop(destination, None)
