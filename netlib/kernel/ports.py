"""Who owns which port: what may be bound beside what, and a free port for who does not mind which.

The rules are Linux's (inet_rcv_saddr_equal, udp_lib_get_port): an address and port belong to one socket, the
wildcard address overlaps every address, and only SO_REUSEPORT on all of them lets several share.
"""

from collections.abc import Callable
from random import Random

from netlib.kernel.errors import SocketError
from netlib.transport.udp import Endpoint

EPHEMERAL = range(32_768, 61_000)  # Linux's ip_local_port_range; IANA's own starts at 49152 (RFC 6335 section 6)


class Ports:
    """The ports of one transport protocol on one host."""

    def __init__(self) -> None:
        self.taken: dict[int, list[Endpoint]] = {}

    def add(self, endpoint: Endpoint) -> None:
        self.taken.setdefault(endpoint.port, []).append(endpoint)

    def remove(self, endpoint: Endpoint) -> None:
        owners = self.taken[endpoint.port]
        owners.remove(endpoint)
        if not owners:
            del self.taken[endpoint.port]

    def owners(self, port: int) -> tuple[Endpoint, ...]:
        """Who has this port, at whatever address."""
        return tuple(self.taken.get(port, ()))

    def is_free(self, address: bytes, port: int, reuse_port: bool) -> bool:
        """Whether a socket may be bound to this address and port."""
        return not any(
            overlap(owner.address, address) and not (owner.reuse_port and reuse_port)
            for owner in self.taken.get(port, ())
        )

    def choose(self, address: bytes, random: Random) -> int:
        """A free port, the first one from a random start on, so that it is hard to guess (RFC 6056 section 3.3.1)."""
        start = random.randrange(len(EPHEMERAL))
        for step in range(len(EPHEMERAL)):
            port = EPHEMERAL[(start + step) % len(EPHEMERAL)]
            if self.is_free(address, port, reuse_port=False):
                return port
        raise SocketError("EADDRINUSE", f"all {len(EPHEMERAL)} ports from {EPHEMERAL[0]} to {EPHEMERAL[-1]} are taken")

    def choose_for(self, address: bytes, random: Random, connected: Callable[[int], bool]) -> int:
        """A port for a connection from `address`, not `connected` yet: others may have it to other peers."""
        start = random.randrange(len(EPHEMERAL))
        for step in range(len(EPHEMERAL)):
            port = EPHEMERAL[(start + step) % len(EPHEMERAL)]
            bound = any(not owner.is_connected and overlap(owner.address, address) for owner in self.owners(port))
            if not bound and not connected(port):
                return port
        raise SocketError("EADDRNOTAVAIL", f"all {len(EPHEMERAL)} ports are taken towards this peer")


def overlap(one: bytes, other: bytes) -> bool:
    """Whether a datagram could be for both of these bound addresses."""
    return len(one) == len(other) and (one == other or not any(one) or not any(other))
