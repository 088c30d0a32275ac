"""A NAT of your own in forty lines, in the place of netlib's: two hosts behind one address fetch from one server.

    python examples/nat.py

It does TCP and UDP, gives ports one after the other, forgets nothing, lets everybody in, and knows no ICMP error:
netlib/internet/nat.py says what else there is to do.
"""

from random import Random
from typing import Any

from netlib.host import STREAM, Host, Parts
from netlib.wire.address import IPv4Address
from netlib.wire.ipv4 import TCP, IPv4Packet
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import readable, writable


class MyNAT:
    """What netlib asks of a NAT: `NATPart` in netlib/internet/nat.py."""

    def __init__(self, addresses: list[IPv4Address], random: Random) -> None:
        self.addresses, self.refused = addresses, list[Any]()
        self.outside: dict[tuple[int, IPv4Address, int], int] = {}  # protocol, address and port inside -> port outside
        self.inside: dict[tuple[int, int], tuple[IPv4Address, int]] = {}  # protocol, port outside -> who that is

    def outbound(self, packet: bytes, now: float) -> bytes | None:
        whole, inner = self.parse(packet)
        key = whole.protocol, whole.source, inner.source_port
        if key not in self.outside:
            self.outside[key] = port = 40000 + len(self.outside)
            self.inside[whole.protocol, port] = key[1:]
        whole.source, inner.source_port = self.addresses[0], self.outside[key]
        return self.build(whole, inner)

    def inbound(self, packet: bytes, now: float) -> bytes | None:
        whole, inner = self.parse(packet)
        owner = self.inside.get((whole.protocol, inner.destination_port))
        if owner is None:
            return packet  # for the router itself
        whole.destination, inner.destination_port = owner
        return self.build(whole, inner)

    hairpin = inbound

    def parse(self, packet: bytes) -> tuple[IPv4Packet, Any]:
        whole = IPv4Packet.parse(packet)
        return whole, (TCPSegment if whole.protocol == TCP else UDPDatagram).parse(whole.payload)

    def build(self, whole: IPv4Packet, inner: Any) -> bytes:
        whole.payload = inner.build(whole)  # the checksum covers the addresses too: it is worked out anew
        return whole.build()

    def tick(self, now: float) -> None:
        pass

    def deadline(self) -> float | None:
        return None


def network(parts: Parts | None = None) -> Simulation:
    """Hosts a and b behind the router; the server knows nothing of their addresses."""
    sim = Simulation(seed=1)
    a, b, server, switch, router = *map(sim.host, ("a", "b", "server")), sim.switch("s"), sim.router("r", parts)
    sim.link((a, "10.0.0.2/24"), switch)
    sim.link((b, "10.0.0.3/24"), switch)
    sim.link((router, "10.0.0.1/24"), switch)
    sim.link((router, "203.0.113.1/24"), (server, "203.0.113.9/24"), delay=0.01, rate=10e6)
    for host in (a, b):
        host.add_route("0.0.0.0/0", via="10.0.0.1")
    router.add_nat(router.interfaces[1])
    return sim


async def serve(server: Host, clients: int, size: int) -> list[str]:
    """Send `size` bytes to each client; who they seemed to be."""
    listener, seen = server.socket(STREAM), list[str]()
    listener.bind("0.0.0.0", 80)
    listener.listen(clients)
    while len(seen) < clients:
        await readable(listener)
        socket = listener.accept()
        assert socket is not None and socket.peer is not None
        seen.append(str(socket.peer[0]))
        left = bytes(size)
        while left:
            await writable(socket)
            left = left[socket.send(left) :]
        socket.close()
    return seen


async def fetch(host: Host) -> int:
    """How many bytes come from the server."""
    socket, received = host.socket(STREAM), 0
    socket.bind("0.0.0.0", 5000)
    socket.connect("203.0.113.9", 80)
    while await readable(socket, 10):
        data = socket.recv(65536)
        if data == b"":
            return received
        received += len(data or b"")
    raise TimeoutError(f"{host.name}: {received} bytes, and then nothing")


def try_it(parts: Parts | None = None, size: int = 100_000) -> tuple[list[int], list[str]]:
    """How much a and b receive, and who they seemed to be to the server."""
    sim, received, seen = network(parts), list[int](), list[str]()

    async def keep(host: Host) -> None:
        received.append(await fetch(host))

    async def watch() -> None:
        seen.extend(await serve(sim["server"], 2, size))

    sim.run(keep(sim["a"]), keep(sim["b"]), watch())
    return received, seen


if __name__ == "__main__":
    print("with my NAT:     ", try_it(Parts(nat=MyNAT)))
    print("with netlib's:   ", try_it())
