"""A NAT table of your own in the place of netlib's: one block of ports for each host inside.

    python examples/nat_table.py

netlib's gives each inside end the port that it has inside, where that is free.  This one gives each host inside 2,000
ports of its own, one after the other, as providers with too few addresses do: from an address and a port it is plain
who that was, with nothing written down (RFC 7422).  What is silent for two minutes is forgotten.  Packets, checksums,
fragments and the packets quoted in ICMP errors stay netlib's care; a NAT that is all your own is in nat.py.
"""

from random import Random

from nat import try_it

from netlib.host import Parts
from netlib.internet.nat_flow import Endpoint
from netlib.wire.address import IPv4Address

BLOCK, FIRST, LIFE = 2000, 2000, 120.0  # ports for each host, the first of all, seconds


class MyTable:
    """What netlib asks of it: `NATTablePart` in netlib/internet/nat_own.py."""

    def __init__(self, addresses: list[IPv4Address], random: Random) -> None:
        self.address = addresses[0]
        self.hosts: list[IPv4Address] = []  # the first has the first block
        self.ports: dict[tuple[int, Endpoint], int] = {}  # protocol and inside end -> port outside
        self.owners: dict[tuple[int, int], Endpoint] = {}  # and back
        self.used: dict[tuple[int, Endpoint], float] = {}  # when it was, the one that is silent for longest first

    def outside(self, protocol: int, inside: Endpoint, remote: Endpoint, now: float) -> Endpoint | None:
        key = protocol, inside
        if key not in self.ports:
            if inside.address not in self.hosts:
                self.hosts.append(inside.address)
            start = FIRST + BLOCK * self.hosts.index(inside.address)
            block = range(start, min(start + BLOCK, 65536))
            free = next((port for port in block if (protocol, port) not in self.owners), None)
            if free is None:
                return None
            self.ports[key], self.owners[protocol, free] = free, inside
        self.used.pop(key, None)
        self.used[key] = now
        return Endpoint(self.address, self.ports[key])

    def inside(self, protocol: int, outside: Endpoint, remote: Endpoint, now: float) -> Endpoint | None:
        return self.owners.get((protocol, outside.port))

    def expire(self, now: float) -> None:
        while self.used and (oldest := next(iter(self.used.items())))[1] + LIFE <= now:
            del self.used[oldest[0]], self.owners[oldest[0][0], self.ports.pop(oldest[0])]

    def deadline(self) -> float | None:
        return next(iter(self.used.values())) + LIFE if self.used else None

    def __str__(self) -> str:
        return ", ".join(f"{inside} is port {port}" for (_, inside), port in self.ports.items())


if __name__ == "__main__":
    made: list[MyTable] = []

    def table(addresses: list[IPv4Address], random: Random) -> MyTable:
        made.append(MyTable(addresses, random))
        return made[-1]

    print("with my table:   ", try_it(Parts(nat_table=table)))
    print("with netlib's:   ", try_it())
    print(made[0])
