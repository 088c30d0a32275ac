"""What runs a machine in the simulation: brings it frames, takes what it puts out, and calls it when it asked to be."""

from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from netlib.host import Host, Interface
from netlib.worlds.links import Direction
from netlib.worlds.waiting import Waiters


class SwitchPart(Protocol):
    """A switch of your own: `sim.switch("s1", part=MySwitch)` makes it with MySwitch("s1", ports).

    `outbox` holds (port, frame) to send, and is emptied.  Ports are numbers from 0.  Where it has `tick(now)` and
    `deadline()` too, as netlib's has, it is called when it asks to be.
    """

    outbox: list[tuple[int, bytes]]

    def receive(self, port: int, frame: bytes, now: float) -> None:
        """Take in a frame that came by `port` at the time `now` (seconds)."""


class Node:
    """Runs one machine."""

    def __init__(self, env: Any, name: str) -> None:
        self.env, self.name = env, name
        self.due: float | None = None  # when it is called next

    def plan(self, due: float | None) -> None:
        """Come back at the time `due`, if that is earlier than what is planned."""
        if due is not None and (self.due is None or due < self.due):
            self.due = due
            self.env.timeout(max(0.0, due - self.env.now)).callbacks.append(self.tick)

    def tick(self, event: Any) -> None:
        raise NotImplementedError


class HostNode(Node):
    """Runs a host, or a router."""

    def __init__(self, env: Any, host: Host, waiters: Waiters[Any]) -> None:
        super().__init__(env, host.name)
        self.host = host
        self.ways: dict[Interface, Direction] = {}
        self.waiters = waiters  # those that wait for a socket, by simpy's events
        self.touched: dict[Any, None] = {}
        host.tcp.touched = self.touched

    def receive(self, place: Interface, frame: bytes) -> None:
        self.host.receive(place, frame, self.env.now)
        self.flush()

    def flush(self) -> None:
        """Put out what the host has to send, and come back when it wants to be called."""
        host = self.host
        if host.outbox:
            outbox, host.outbox = host.outbox, []
            for interface, frame in outbox:
                self.ways[interface].send(frame)
        if self.waiters.by_source:  # while all programs sleep, or are done, nobody waits for anything
            for event in self.waiters.ready(self.touched):
                event.succeed()
        self.touched.clear()
        # where nothing was moved from layer to layer, TCP's timers alone can have changed
        due = host.deadline() if host.stirred else host.tcp.deadline()
        host.stirred = False
        if due is not None and (self.due is None or due < self.due):
            self.plan(due)

    def tick(self, event: Any) -> None:
        self.due = None
        self.host.tick(self.env.now)
        self.flush()


class SwitchNode(Node):
    """Runs a switch.  A port without a cable sends nothing."""

    def __init__(self, env: Any, name: str, part: SwitchPart, ports: int) -> None:
        super().__init__(env, name)
        self.part, self.ports = part, ports
        self.ways: list[Direction] = []  # by port
        self.deadline: Callable[[], float | None] = getattr(part, "deadline", lambda: None)

    def receive(self, place: int, frame: bytes) -> None:
        self.part.receive(place, frame, self.env.now)
        self.flush()

    def flush(self) -> None:
        """Put out what the switch has to send, and come back when it wants to be called."""
        outbox, self.part.outbox = self.part.outbox, []
        for item in outbox:
            try:
                port, frame = item
                known = 0 <= port < self.ports and isinstance(frame, bytes)
            except (TypeError, ValueError):
                known = False
            if not known:
                self.refuse(item)
            if port < len(self.ways):
                self.ways[port].send(frame)
        due = self.deadline()
        if due is not None:
            self.plan(due)

    def refuse(self, item: object) -> NoReturn:
        raise TypeError(
            f"the switch {self.name} put {item!r:.60} into its outbox: it has to put (port, frame) there, "
            f"a port from 0 to {self.ports - 1} and bytes"
        )

    def tick(self, event: Any) -> None:
        self.due = None
        self.part.tick(self.env.now)  # type: ignore[attr-defined]
        self.flush()
