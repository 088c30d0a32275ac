"""The simulated world: how many packets a second of processor takes through host, router and host."""

from collections.abc import Iterator
from time import process_time

from netlib.host import RAW
from netlib.wire.address import IPv4Address
from netlib.wire.ipv4 import IPv4Packet
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import now, sleep

from .measure import Result

PACKETS, BATCH = 4000, 50


def results() -> Iterator[Result]:
    best = min(seconds() for _ in range(5))
    yield Result("packets through host, router and host, per second of processor", PACKETS / best / 1000, "k/s", 12)


def seconds() -> float:
    """Of processor time, for PACKETS packets of 1020 bytes; checked to have arrived, all of them."""
    sim = Simulation()
    a, router, b = sim.host("a"), sim.router("r"), sim.host("b")
    sim.link((a, "10.0.1.2/24"), (router, "10.0.1.1/24"), rate=1e9)
    sim.link((router, "10.0.2.1/24"), (b, "10.0.2.2/24"), rate=1e9)
    a.add_route("0.0.0.0/0", via="10.0.1.1")
    socket, sink = a.socket(RAW, 200), b.socket(RAW, 200)
    arrived = 0

    async def send() -> None:
        nonlocal arrived
        for _ in range(PACKETS // BATCH):
            for _ in range(BATCH):
                socket.send(IPv4Packet(destination=IPv4Address("10.0.2.2"), payload=bytes(1000)), await now())
            await sleep(0.1)
            while sink.receive():
                arrived += 1

    started = process_time()
    sim.run(send())
    taken = process_time() - started
    assert arrived == PACKETS, f"{arrived} of {PACKETS} packets arrived"
    return taken
