"""The simulated world: hosts, switches, links and time, on simpy.

    sim = Simulation(seed=1)
    a, router, b = sim.host("a"), sim.router("r"), sim.host("b")
    sim.link((a, "10.0.1.2/24"), (router, "10.0.1.1/24"), delay=0.005)
    far = sim.link((router, "10.0.2.1/24"), (b, "10.0.2.2/24"), rate=10e6, delay=0.02, loss=0.01)
    a.add_route("0.0.0.0/0", via="10.0.1.1")
    b.add_route("0.0.0.0/0", via="10.0.2.1")
    capture = sim.capture(far)
    print(sim.run(ping(a, "10.0.2.2")))

The same in words (netlib/worlds/topology.py), and its drawing:

    sim = Simulation.topology('''
        a 10.0.1.2/24 -- 10.0.1.1/24 r 10.0.2.1/24 -- 10.0.2.2/24 b    delay=20ms
    ''')
    sim.drawing()

Simulated time starts at 0 and costs nothing; a run with the same seed gives the same packets at the same times.
Switches must not be in a loop: `run` says so, rather than let a broadcast go round for ever.
"""

import re
from collections.abc import Callable, Coroutine, Generator, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

import simpy

from netlib.host import Host, Interface, Parts
from netlib.link.switch import Switch
from netlib.wire.address import MACAddress
from netlib.worlds.links import Capture, Crossing, Direction, Link
from netlib.worlds.stations import HostNode, SwitchNode, SwitchPart
from netlib.worlds.task import Request, proceed
from netlib.worlds.topology import TopologyError, find_loop, read, routes
from netlib.worlds.trouble import in_short
from netlib.worlds.waiting import Waiters

if TYPE_CHECKING:
    from netlib.view.network import Network

__all__ = ["Capture", "Crossing", "Link", "Simulation", "Switch", "SwitchPart", "TopologyError"]

T = TypeVar("T")
End = tuple[Host, str] | SwitchPart  # what a link is plugged into: a host with its address there, or a switch
Making = Callable[[str, int], SwitchPart]  # of a switch: from its name and how many ports it has
DEADLOCK = "the coroutine still waits, and nothing is left that could happen in this simulation"


class Simulation:
    """A world of its own.  Everything random in it comes from `seed`."""

    def __init__(self, seed: int = 1) -> None:
        self.env: Any = simpy.Environment()
        self.seed = seed
        self.names: dict[str, HostNode | SwitchNode] = {}
        self.nodes: dict[Host, HostNode] = {}
        self.links: list[Link] = []
        self.interfaces = 0
        self.waiters: Waiters[Any] = Waiters()  # coroutines that wait for a socket, by simpy's events
        self.checked = 0  # links that are known to make no loop

    @classmethod
    def topology(
        cls,
        text: str,
        *,
        seed: int = 1,
        parts: Mapping[str, Any] | None = None,
        routing: bool = True,
    ) -> "Simulation":
        """A simulation as `text` says it; netlib/worlds/topology.py tells how to write it.

        `parts` has the `Parts` of hosts and routers, and the class of switches, by name.  With `routing`, hosts have a
        default route to the first router on their link, and routers a route to every network, over the fewest
        routers; without it, only the networks of their own links.
        """
        plan, sim = read(text), cls(seed)
        parts = dict(parts or {})
        for name, kind in plan.kinds.items():
            part = parts.pop(name, None)
            if kind == "switch":
                sim.switch(name, ports=max(1, plan.degree(name)), part=part or Switch)
            else:
                sim.host(name, part, forwarding=kind == "router")
        if parts:
            raise TopologyError(f"parts for {', '.join(parts)}: there is nobody of that name in this topology")
        for cable in plan.cables:
            ends = [sim[plug.name] if plug.address is None else (sim[plug.name], plug.address) for plug in cable.plugs]
            sim.link(*ends, **cable.options)
        if routing:
            for name, network, via in routes(sim.nodes, sim.joined()):
                sim[name].add_route(network, via=via)
        return sim

    def __getitem__(self, name: str) -> Any:
        """The host, router or switch of this name."""
        if name not in self.names:
            raise KeyError(f"nobody in this simulation is called {name!r}: there are {', '.join(self.names) or 'none'}")
        node = self.names[name]
        return node.host if isinstance(node, HostNode) else node.part

    @property
    def now(self) -> float:
        """Simulated seconds since the start."""
        return float(self.env.now)

    # ---- what there is ---------------------------------------------------------------------------------------

    def host(self, name: str, parts: Parts | None = None, *, forwarding: bool = False) -> Host:
        """Add a host with a name of its own, and with these parts."""
        self.claim(name)
        host = Host(name, Random(f"{self.seed} host {name}"), parts, forwarding=forwarding)
        self.names[name] = self.nodes[host] = HostNode(self.env, host, self.waiters)
        return host

    def router(self, name: str, parts: Parts | None = None) -> Host:
        """Add a host that forwards."""
        return self.host(name, parts, forwarding=True)

    def switch(self, name: str, ports: int = 8, part: Making = Switch) -> Any:
        """Add a switch, netlib's or your own: what `part(name, ports)` makes.  Links take its ports in turn, from 0."""
        self.claim(name)
        made = part(name, ports)
        if not callable(getattr(made, "receive", None)) or not isinstance(getattr(made, "outbox", None), list):
            raise TypeError(f"{made!r:.80} is no switch: it needs a method receive(port, frame, now) and a list outbox")
        self.names[name] = SwitchNode(self.env, name, made, ports)
        return made

    def claim(self, name: str) -> None:
        if name in self.names:
            kind = "host" if isinstance(self.names[name], HostNode) else "switch"
            raise ValueError(f"there is a {kind} {name!r} in this simulation already: give this one another name")

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
        """Connect two ends: a host with its address there, (host, "10.0.0.1/24"), or a switch.

        `rate` in bit/s, `delay` in seconds each way, `queue` in bytes, `loss` from 0 to 1, `drop` the numbers
        of the frames to lose in each direction, `mtu` in bytes.
        """
        nodes = [self.end(a), self.end(b)]
        if nodes[0] is nodes[1]:
            kind = "hosts" if isinstance(nodes[0], HostNode) else "ends"
            raise ValueError(f"a link from {nodes[0].name} to itself: a cable needs two {kind}")
        if (rate is not None and rate <= 0) or delay < 0 or queue < 0 or not 0 <= loss <= 1:
            raise ValueError(f"rate={rate}, delay={delay}, queue={queue}, loss={loss}: a rate is in bit/s and above 0, "
                             "a delay in seconds, a queue in bytes, loss from 0 to 1")  # fmt: skip
        for node in nodes:
            if isinstance(node, SwitchNode) and len(node.ways) >= node.ports:
                raise ValueError(f"the {node.ports} ports of {node.name} are taken: make it with "
                                 f"sim.switch({node.name!r}, ports={node.ports + 1})")  # fmt: skip
        link = Link(self.env, rate, delay, queue, loss, frozenset(drop), mtu)
        places = [self.plug(end, mtu) for end in (a, b)]
        for at, to in ((0, 1), (1, 0)):
            node, place = nodes[at], places[at]
            random = Random(f"{self.seed} link {len(self.links)} from {node.name}")
            direction = Direction(link, node, nodes[to], places[to], random)
            if isinstance(node, HostNode):
                assert isinstance(place, Interface)
                node.ways[place] = direction
            else:
                node.ways.append(direction)
            link.directions.append(direction)
        self.links.append(link)
        return link

    def end(self, end: Any) -> HostNode | SwitchNode:
        """Who is at this end of a link; ValueError where that can't be."""
        host, address = end if isinstance(end, tuple) and len(end) == 2 else (end, None)
        for node in self.names.values():
            if isinstance(node, SwitchNode) and node.part is host:
                if address is not None:
                    raise ValueError(f"{node.name} is a switch and has no address: write just the switch")
                return node
            if isinstance(node, HostNode) and node.host is host:
                if address is None:
                    raise ValueError(f'{host} needs an address on a link: write ({node.name}, "10.0.0.1/24")')
                return node
        raise ValueError(f"{host!r:.80} is not of this simulation: make it with sim.host(), router() or switch()")

    def plug(self, end: Any, mtu: int) -> Interface | int:
        """Plug a cable in: a new interface of a host, or the next port of a switch."""
        node = self.end(end)
        if isinstance(node, SwitchNode):
            return len(node.ways)
        return node.host.attach(end[1], self.next_mac(), mtu)

    def next_mac(self) -> MACAddress:
        """Locally administered addresses, one after the other."""
        self.interfaces += 1
        return MACAddress(b"\x02\0\0" + self.interfaces.to_bytes(3, "big"))

    def between(self, a: str, b: str) -> Link:
        """The link between these two, by name; the first one where there are several."""
        for link in self.links:
            if {a, b} == {direction.sender.name for direction in link.directions}:
                return link
        raise KeyError(f"there is no link between {a!r} and {b!r}: there are {', '.join(map(repr, self.links))}")

    def capture(self, *links: Link) -> Capture:
        """Watch these links from now on, all that there are where none is named."""
        capture = Capture("ethernet")
        for link in links or self.links:
            link.captures.append(capture)
        return capture

    def joined(self) -> list[tuple[tuple[HostNode | SwitchNode, Any], tuple[HostNode | SwitchNode, Any]]]:
        """The links as pairs of ends: who, and by which interface or port."""
        pairs: list[Any] = []
        for link in self.links:
            there, back = link.directions
            pairs.append(((there.sender, back.place), (there.receiver, there.place)))
        return pairs

    def drawing(self, title: str = "") -> "Network":
        """The network as a drawing, with what its links have carried so far."""
        from netlib.view.network import Flow, Line, network  # pictures only where they are wanted

        def role(node: HostNode | SwitchNode) -> str:
            return "switch" if isinstance(node, SwitchNode) else "router" if node.host.internet.forwarding else ""

        lines = []
        ran = any(direction.sent for link in self.links for direction in link.directions)
        for link, ends in zip(self.links, self.joined(), strict=True):
            flow = Flow(*((direction.sent, direction.bytes) for direction in link.directions)) if ran else None
            there, back = (f"port {place}" if isinstance(place, int) else str(place) for _, place in ends)
            lines.append(Line(ends[0][0].name, ends[1][0].name, there, back, flow))
        return network([(name, role(node)) for name, node in self.names.items()], lines, title)

    # ---- time ------------------------------------------------------------------------------------------------

    def run(self, *coroutines: Coroutine[Any, Any, T], until: float | None = None) -> Any:
        """Run applications to their end; return the result of the first.

        Without one, run until nothing is left to happen.  `until` is a simulated time (seconds) to stop at.
        Raises TopologyError where switches are in a loop.
        """
        if until is not None and until < self.now:
            raise ValueError(f"until={until:g} s lies in the past: it is {self.now:g} s in this simulation")
        try:
            self.check()
        except TopologyError:
            for coroutine in coroutines:
                coroutine.close()  # it will not run
            raise
        for host, node in self.nodes.items():  # timers that a call since the last run has set
            if (due := host.deadline()) is not None:
                node.plan(due)
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

    def check(self) -> None:
        """TopologyError where switches are in a loop: nothing ends a broadcast in one, as a TTL does with packets."""
        if self.checked == len(self.links):
            return
        pairs = [(a, b) for (a, _), (b, _) in self.joined() if isinstance(a, SwitchNode) and isinstance(b, SwitchNode)]
        loop = find_loop([(a.name, b.name) for a, b in pairs])
        if loop:
            raise TopologyError(f"the switches {' -- '.join(loop)} are in a loop, where a frame for everybody would go "
                                "round for ever: take out one of these links")  # fmt: skip
        self.checked = len(self.links)

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
                now = self.now
                for host in self.nodes:
                    host.now = now  # a socket sends at once, and its calls carry no time
                request = proceed(coroutine, answer)
                self.flush()
                answer = yield from self.serve(request)
        except StopIteration as stop:
            self.flush()
            result: T = stop.value
            return result

    def serve(self, request: Request) -> Generator[Any, Any, Any]:
        socket = request.socket
        if socket is None:
            if request.timeout is None:
                return self.now
            yield self.env.timeout(request.timeout)
            return None
        expired = self.env.timeout(request.timeout) if request.timeout is not None else None
        while not socket.readable:
            if expired is not None and expired.processed:
                return False
            waiter = self.waiters.add(socket, self.env.event())
            yield waiter.wakes if expired is None else expired | waiter.wakes
            self.waiters.remove(waiter)
        return True

    def flush(self) -> None:
        """Take out what applications have sent, and wake who waits for what a host has sent to itself."""
        touched: dict[Any, None] = {}
        for node in self.nodes.values():
            if node.host.outbox:
                node.flush()
            elif node.touched or node.host.stirred:  # a call may have set a timer and sent nothing
                node.host.stirred = False
                node.plan(node.host.deadline())
            if node.touched:
                touched |= node.touched
                node.touched.clear()
        for event in self.waiters.ready(touched):
            event.succeed()
