"""Runs of TCP for the pictures: over a bottleneck, seen on both of its links and recorded at both ends; over a NAT."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from netlib.apps.ping import ping
from netlib.host import STREAM
from netlib.view import Recording, record, watch_nat
from netlib.worlds.links import Capture
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import readable, sleep, writable


@dataclass
class Run:
    sim: Simulation
    near: Capture  # between the client and the router
    far: Capture  # between the router and the server: the bottleneck
    everywhere: Capture  # on both
    client: Recording
    server: Recording
    socket: Any


@cache
def transfer(size: int = 30_000, *, drop: tuple[int, ...] = (), queue: float = 20_000, sack: bool = True) -> Run:
    """The client sends `size` bytes over 5 Mbit/s; frames with the numbers in `drop` are lost at the bottleneck."""
    sim = Simulation(seed=1)
    a, r, b = sim.host("a"), sim.router("r"), sim.host("b")
    near = sim.link((a, "10.0.1.2/24"), (r, "10.0.1.1/24"), rate=100e6)
    far = sim.link((r, "10.0.2.1/24"), (b, "10.0.2.2/24"), rate=5e6, delay=0.01, queue=queue, drop=set(drop))
    a.add_route("0.0.0.0/0", via="10.0.1.1")
    b.add_route("0.0.0.0/0", via="10.0.2.1")
    captures, found = [sim.capture(near), sim.capture(far), sim.capture()], dict[str, Any]()

    async def serve() -> None:
        listener = b.socket(STREAM)
        listener.bind("0.0.0.0", 80)
        listener.listen(1)
        await readable(listener)
        socket = listener.accept()
        assert socket is not None
        found["server"] = record(socket)
        while await readable(socket) and socket.recv(1 << 20) != b"":
            pass
        socket.close()

    async def send() -> None:
        socket = found["socket"] = a.socket(STREAM)
        socket.set_option("sack", sack)
        socket.bind("0.0.0.0", 5000)
        socket.connect("10.0.2.2", 80)
        found["client"] = record(socket, bottleneck=far)
        left = bytes(size)
        while left:
            await writable(socket)
            left = left[socket.send(left) :]
        socket.shutdown()
        await readable(socket, 60)
        socket.recv(1)
        socket.close()

    sim.run(serve(), send())
    sim.run(until=sim.now + 1)
    return Run(sim, *captures, found["client"], found["server"], found["socket"])


@cache
def nat_run() -> tuple[Capture, Capture, list[tuple[float, list[dict[str, Any]]]], Any]:
    """Two hosts behind a NAT connect from the same port, send a little, and one of them asks for an echo.

    Both sides of the NAT, its table over time, and the NAT.
    """
    sim = Simulation.topology("""
        a 10.0.0.2/24 -- s
        b 10.0.0.3/24 -- s
        s -- 10.0.0.1/24 r
        r 203.0.113.1/24 -- 203.0.113.9/24 c    delay=10ms
    """)
    nat = sim["r"].add_nat(sim["r"].interfaces[1])
    inside, outside = sim.capture(sim.between("s", "r")), sim.capture(sim.between("r", "c"))
    history: list[tuple[float, list[dict[str, Any]]]] = []
    server = sim["c"].socket(STREAM)
    server.bind("0.0.0.0", 80)
    server.listen(2)

    async def say(name: str) -> None:
        socket = sim[name].socket(STREAM)
        socket.bind("0.0.0.0", 5000)
        socket.connect("203.0.113.9", 80)
        await writable(socket)
        socket.send(name.encode())
        await sleep(0.1)
        socket.abort()

    sim.spawn(watch_nat(nat, history, until=1.0))
    sim.run(say("a"), say("b"))
    sim.run(ping(sim["a"], "203.0.113.9", count=1))
    return inside, outside, history, nat
