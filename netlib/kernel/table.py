"""Demultiplexing: which of a host's sockets gets a datagram, as Linux decides it (net/ipv4/udp.c, compute_score).

    connected to the sender            before   bound to the address it was sent to
    bound to the address it was sent   before   bound to any address
    the newest                         before   older ones, where that still leaves several

Sockets that share a port by SO_REUSEPORT get a share of the senders each: which one is a hash of both addresses
and ports, so that a sender always meets the same socket (lwn.net/Articles/542629).
"""

from collections.abc import Callable
from hashlib import blake2b

from netlib.transport.udp import Endpoint

__all__ = ["Endpoint", "UDPTable", "score"]

Key = tuple[bytes, int, bytes | None, int]


def score(endpoint: Endpoint, source: bytes, source_port: int, destination: bytes, destination_port: int) -> int | None:
    """How well an endpoint suits a datagram, more is better; None: not at all.

    The rule that `UDPTable` follows, one endpoint at a time.
    """
    if not endpoint.takes(source, source_port, destination, destination_port):
        return None
    return 2 * endpoint.is_connected + (not endpoint.is_wildcard)


class UDPTable:
    """Endpoints by what they are bound and connected to: a lookup is three questions, however many there are.

    `secret()` gives the key of the hash, so that nobody outside can choose senders that all meet one socket.
    """

    def __init__(self, secret: Callable[[], bytes] | None = None) -> None:
        self.groups: dict[Key, list[Endpoint]] = {}
        self.secret = secret or bytes
        self.key: bytes | None = None

    def add(self, endpoint: Endpoint) -> None:
        self.groups.setdefault(self.place(endpoint), []).append(endpoint)

    def remove(self, endpoint: Endpoint) -> None:
        key = self.place(endpoint)
        self.groups[key].remove(endpoint)
        if not self.groups[key]:
            del self.groups[key]

    def lookup(self, source: bytes, source_port: int, destination: bytes, destination_port: int) -> Endpoint | None:
        """The best of the endpoints, or None."""
        wildcard = bytes(len(destination))
        for key in (
            (destination, destination_port, source, source_port),
            (wildcard, destination_port, source, source_port),
            (destination, destination_port, None, 0),
            (wildcard, destination_port, None, 0),
        ):
            if group := self.groups.get(key):
                newest = group[-1]
                if len(group) == 1 or not newest.reuse_port or newest.is_connected:
                    return newest
                return group[self.hash(source, source_port, destination, destination_port) * len(group) >> 32]
        return None

    def hash(self, source: bytes, source_port: int, destination: bytes, destination_port: int) -> int:
        """32 bits that depend on all of these, and on a secret."""
        if self.key is None:
            self.key = self.secret()
        ports = source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big")
        return int.from_bytes(blake2b(source + destination + ports, digest_size=4, key=self.key).digest(), "big")

    @staticmethod
    def place(endpoint: Endpoint) -> Key:
        return endpoint.address, endpoint.port, endpoint.peer, endpoint.peer_port
