"""The routing table: of all prefixes that match a destination, the longest wins (RFC 1812 section 5.2.4.3).

    Routes                         the table as a list, tried in order: what the rule says, word by word
    next_hop(routes, destination)  by which interface, and to which address on that link

The same table as a trie, which has an answer after 32 steps however many routes there are: netlib/internet/trie.py.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from netlib.wire.address import IPv4Address, IPv4Network


class Route(NamedTuple):
    """Packets for `network` leave by the interface `interface`, to the router `via`, or straight to
    their destination where `via` is None."""

    network: IPv4Network
    via: IPv4Address | None
    interface: int  # its number on the host


class Lookup(Protocol):
    """Any routing table."""

    def lookup(self, destination: bytes) -> Route | None: ...


class Routes:
    """Routes in the order in which they are tried: the longest prefix first."""

    def __init__(self) -> None:
        self.table: list[Route] = []
        self.changes = 0  # how often one was added or removed: until then a lookup has the answer that it had

    def add(self, route: Route) -> None:
        """Add a route; one for the same network is replaced."""
        self.remove(route.network)  # which counts as the change
        self.table.append(route)
        self.table.sort(key=lambda known: -known.network.prefix)

    def remove(self, network: IPv4Network) -> None:
        """Forget the route for exactly this network, if there is one."""
        self.changes += 1
        self.table = [known for known in self.table if known.network != network]

    def lookup(self, destination: bytes) -> Route | None:
        """The route for a destination address, or None where no prefix matches."""
        for route in self.table:
            if destination in route.network:
                return route
        return None

    def matches(self, destination: bytes) -> list[Route]:
        """All routes that match, the shortest prefix first: the last one wins."""
        return [route for route in reversed(self.table) if destination in route.network]

    def __iter__(self) -> Iterator[Route]:
        """All routes, in the order of their networks."""
        return iter(sorted(self.table, key=lambda route: route.network))

    def __len__(self) -> int:
        return len(self.table)


def next_hop(routes: Lookup, destination: str | bytes) -> tuple[int, IPv4Address] | None:
    """The number of the interface by which a packet leaves, and the address on that link that it goes to next.

    "If the destination is on a connected network, the datagram is sent directly to the destination host; otherwise,
    it has to be routed to a gateway on a connected network" (RFC 1122 section 3.3.1).  None where no route matches.
    """
    address = IPv4Address(destination)
    route = routes.lookup(address)
    return None if route is None else (route.interface, route.via or address)
