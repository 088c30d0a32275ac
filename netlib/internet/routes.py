"""The routing table: of all prefixes that match a destination, the longest wins (RFC 1812 section 5.2.4.3)."""

from typing import NamedTuple

from netlib.wire.address import IPv4Address, IPv4Network


class Route(NamedTuple):
    """Packets for `network` leave by the interface `interface`, to the router `via`, or straight to
    their destination where `via` is None."""

    network: IPv4Network
    via: IPv4Address | None
    interface: int  # its number on the host


class Routes:
    """Routes in the order in which they are tried: the longest prefix first."""

    def __init__(self) -> None:
        self.table: list[Route] = []

    def add(self, route: Route) -> None:
        """Add a route; one for the same network is replaced."""
        self.table = [known for known in self.table if known.network != route.network] + [route]
        self.table.sort(key=lambda known: -known.network.prefix)

    def lookup(self, destination: bytes) -> Route | None:
        """The route for a destination address, or None where no prefix matches."""
        for route in self.table:
            if destination in route.network:
                return route
        return None
