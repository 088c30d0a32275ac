"""The simulated world: hosts, links and time, on simpy.

    sim = Simulation(seed=1)
    a, router, b = sim.host("a"), sim.router("r"), sim.host("b")
    sim.link((a, "10.0.1.2/24"), (router, "10.0.1.1/24"), delay=0.005)
    far = sim.link((router, "10.0.2.1/24"), (b, "10.0.2.2/24"), rate=10e6, delay=0.02, loss=0.01)
    a.add_route("0.0.0.0/0", via="10.0.1.1")
    b.add_route("0.0.0.0/0", via="10.0.2.1")
    capture = sim.capture(far)
    print(sim.run(ping(a, "10.0.2.2")))

Simulated time starts at 0 and costs nothing; a run with the same seed gives the same packets at the same
times.  A link is a cable between two interfaces: each direction sends one frame after the other at its rate,
keeps what waits in a queue of bounded size, and may lose frames.
"""

import re
from collections.abc import Coroutine, Generator, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeVar

import simpy

from netlib.host import Host, Interface, Parts
from netlib.wire.address import MACAddress
from netlib.wire.packet import Link as Framing
from netlib.wire.packet import Packet, decode
from netlib.wire.pcap import write_pcap
from netlib.worlds.task import Request, proceed
from netlib.worlds.trouble import in_short

T = TypeVar("T")
End = tuple[Host, str]
DEADLOCK = "the coroutine still waits, and nothing is left that could happen in this simulation"


class Crossing(NamedTuple):
    """One frame on a link: when it was sent, by whom to whom, and when it arrived (None: it was lost)."""

    time: float
    packet: Packet
    sender: str
    receiver: str
    arrival: float | None

    def __str__(self) -> str:
        lost = "" if self.arrival is not None else "  LOST"
        return f"{1000 * self.time:10.3f} ms  {self.sender} -> {self.receiver}  {self.packet}{lost}"


class Capture:
    """The frames that were sent over a link, in order; iterating gives (time, packet)."""

    def __init__(self, framing: Framing) -> None:
        self.framing = framing
        self.crossings: list[Crossing] = []

    @property
    def packets(self) -> list[tuple[float, Packet]]:
        """(time in seconds, packet) for each frame, lost ones included: they were seen where they were sent."""
        return [(crossing.time, crossing.packet) for crossing in self.crossings]

    def __iter__(self) -> Iterator[tuple[float, Packet]]:
        return iter(self.packets)

    def __len__(self) -> int:
        return len(self.crossings)

    def write(self, path: str | Path) -> None:
        """Write the frames to a pcap file, for Wireshark."""
        write_pcap(path, self.packets, self.framing)

    def __repr__(self) -> str:
        return "\n".join(map(str, self.crossings)) or "nothing was sent"


class Direction:
    """One half of a link: what the sender puts in, the receiver gets, later, or never."""

    def __init__(self, link: "Link", sender: "Node", receiver: "Node", interface: Interface, random: Random) -> None:
        self.link, self.sender, self.receiver, self.interface, self.random = link, sender, receiver, interface, random
        self.free = 0.0  # when the last frame in the queue will have been sent
        self.sent = 0  # frames, lost ones included
        self.lost = 0

    def send(self, frame: bytes) -> None:
        link, env = self.link, self.link.env
        start = max(env.now, self.free)
        self.sent += 1
        waiting = (start - env.now) * link.rate / 8 if link.rate else 0.0  # bytes before this frame
        if waiting + len(frame) > link.queue and waiting:
            self.record(frame, None)
        elif self.sent in link.drop or (link.loss and self.random.random() < link.loss):
            self.free = start + (8 * len(frame) / link.rate if link.rate else 0.0)
            self.record(frame, None)
        else:
            self.free = start + (8 * len(frame) / link.rate if link.rate else 0.0)
            arrival = self.free + link.delay
            self.record(frame, arrival)
            event = env.timeout(arrival - env.now, frame)
            event.callbacks.append(self.deliver)

    def deliver(self, event: Any) -> None:
        self.receiver.receive(self.interface, event.value)

    def record(self, frame: bytes, arrival: float | None) -> None:
        if arrival is None:
            self.lost += 1
        for capture in self.link.captures:
            packet = decode(frame, capture.framing)
            names = self.sender.host.name, self.receiver.host.name
            capture.crossings.append(Crossing(self.link.env.now, packet, *names, arrival))


class Link:
    """A cable.  `rate` in bit/s (None: any), `delay` in seconds each way, `queue` in bytes that may wait at
    each end, `loss` the share of frames lost, `drop` the numbers of frames (from 1, each direction) to lose."""

    def __init__(
        self, env: Any, rate: float | None, delay: float, queue: float, loss: float, drop: frozenset[int]
    ) -> None:
        self.env, self.rate, self.delay, self.queue, self.loss, self.drop = env, rate, delay, queue, loss, drop
        self.directions: list[Direction] = []
        self.captures: list[Capture] = []

    @property
    def lost(self) -> int:
        """Frames lost so far, both ways."""
        return sum(direction.lost for direction in self.directions)


class Node:
    """Runs one host in the simulation: brings it frames, takes what it puts out, and calls it when it asked to be."""

    def __init__(self, env: Any, host: Host) -> None:
        self.env, self.host = env, host
        self.ways: dict[Interface, Direction] = {}
        self.due: float | None = None
        self.changed = env.event()  # for coroutines that wait for this host

    def receive(self, interface: Interface, frame: bytes) -> None:
        self.host.receive(interface, frame, self.env.now)
        self.flush()

    def flush(self) -> None:
        """Put out what the host has to send, and come back when it wants to be called."""
        outbox, self.host.outbox = self.host.outbox, []
        for interface, frame in outbox:
            self.ways[interface].send(frame)
        changed, self.changed = self.changed, self.env.event()
        changed.succeed()
        due = self.host.deadline()
        if due is not None and (self.due is None or due < self.due):
            self.due = due
            self.env.timeout(max(0.0, due - self.env.now)).callbacks.append(self.tick)

    def tick(self, event: Any) -> None:
        self.due = None
        self.host.tick(self.env.now)
        self.flush()


class Simulation:
    """A world of its own.  Everything random in it comes from `seed`."""

    def __init__(self, seed: int = 1) -> None:
        self.env: Any = simpy.Environment()
        self.seed = seed
        self.nodes: dict[Host, Node] = {}
        self.links: list[Link] = []
        self.interfaces = 0

    @property
    def now(self) -> float:
        """Simulated seconds since the start."""
        return float(self.env.now)

    def host(self, name: str, parts: Parts | None = None, *, forwarding: bool = False) -> Host:
        """Add a host with a name of its own, and with these parts."""
        if any(host.name == name for host in self.nodes):
            raise ValueError(f"there is a host {name!r} in this simulation already: give this one another name")
        host = Host(name, Random(f"{self.seed} host {name}"), parts, forwarding=forwarding)
        self.nodes[host] = Node(self.env, host)
        return host

    def router(self, name: str, parts: Parts | None = None) -> Host:
        """Add a host that forwards."""
        return self.host(name, parts, forwarding=True)

    def link(
        self,
        a: End,
        b: End,
        *,
        rate: float | None = None,
        delay: float = 0.001,
        queue: float = float("inf"),
        loss: float = 0.0,
        drop: frozenset[int] | set[int] = frozenset(),
        mtu: int = 1500,
    ) -> Link:
        """Connect two hosts, each given with the address of its end: (host, "10.0.0.1/24").

        `rate` in bit/s, `delay` in seconds each way, `queue` in bytes, `loss` from 0 to 1, `drop` the numbers
        of the frames to lose in each direction, `mtu` in bytes.
        """
        for host, _ in (a, b):
            if host not in self.nodes:
                raise ValueError(f"{host} is not of this simulation: make it with sim.host() or sim.router()")
        if a[0] is b[0]:
            raise ValueError(f"a link from {a[0].name} to itself: a cable needs two hosts")
        if (rate is not None and rate <= 0) or delay < 0 or queue < 0 or not 0 <= loss <= 1:
            raise ValueError(f"rate={rate}, delay={delay}, queue={queue}, loss={loss}: a rate is in bit/s and above 0, "
                             "a delay in seconds, a queue in bytes, loss from 0 to 1")  # fmt: skip
        link = Link(self.env, rate, delay, queue, loss, frozenset(drop))
        ends = [(self.nodes[host], host.attach(address, self.next_mac(), mtu)) for host, address in (a, b)]
        for (node, interface), (peer, peer_interface) in (ends, ends[::-1]):
            random = Random(f"{self.seed} link {len(self.links)} from {node.host.name}")
            direction = Direction(link, node, peer, peer_interface, random)
            node.ways[interface] = direction
            link.directions.append(direction)
        self.links.append(link)
        return link

    def next_mac(self) -> MACAddress:
        """Locally administered addresses, one after the other."""
        self.interfaces += 1
        return MACAddress(b"\x02\0\0" + self.interfaces.to_bytes(3, "big"))

    def capture(self, link: Link) -> Capture:
        """Watch a link from now on."""
        capture = Capture("ethernet")
        link.captures.append(capture)
        return capture

    def run(self, *coroutines: Coroutine[Any, Any, T], until: float | None = None) -> Any:
        """Run applications to their end; return the result of the first.

        Without one, run until nothing is left to happen.  `until` is a simulated time (seconds) to stop at.
        """
        if until is not None and until < self.now:
            raise ValueError(f"until={until:g} s lies in the past: it is {self.now:g} s in this simulation")
        processes = [self.env.process(self.drive(coroutine)) for coroutine in coroutines]
        if not processes:
            self.flush()
            self.advance(until if until is None else self.env.timeout(until - self.env.now))
            return None
        done = self.env.all_of(processes)
        if until is not None:
            done = done | self.env.timeout(max(0.0, until - self.env.now))
        self.advance(done)
        return processes[0].value if processes[0].triggered else None

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Start an application that goes on beside the others, such as a server; `run` does not wait for its end."""
        self.env.process(self.drive(coroutine))

    def advance(self, until: Any) -> None:
        """Let simulated time pass until the event `until`, or as long as something happens."""
        try:
            self.env.run(until)
        except Exception as error:
            # simpy says so when its schedule is empty and `until` has not happened
            if isinstance(error, RuntimeError) and re.search("No scheduled events left", str(error)):
                raise RuntimeError(DEADLOCK) from None
            raise in_short(error) from None

    def drive(self, coroutine: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """Answer what a coroutine awaits."""
        answer: Any = None
        try:
            while True:
                for host in self.nodes:
                    host.now = self.now
                request = proceed(coroutine, answer)
                self.flush()
                answer = yield from self.serve(request)
        except StopIteration as stop:
            self.flush()
            result: T = stop.value
            return result

    def serve(self, request: Request) -> Generator[Any, Any, Any]:
        if request.socket is None:
            if request.timeout is None:
                return self.now
            yield self.env.timeout(request.timeout)
            return None
        expired = self.env.timeout(request.timeout) if request.timeout is not None else self.env.event()
        while not request.socket.readable:
            if expired.processed:
                return False
            yield self.env.any_of([expired, *(node.changed for node in self.nodes.values())])
        return True

    def flush(self) -> None:
        """Take out what applications have sent, and wake who waits for what a host has sent to itself."""
        for node in self.nodes.values():
            if node.host.outbox or any(socket.readable for socket in node.host.sockets):
                node.flush()
