"""The relay: frames between two interfaces, each at its time.

The kernel's own time of arrival is what delays count from, so what a busy machine takes until it gets to a frame is
part of the delay and not added to it. Frames wait in memory, first in, first out, up to `MEMORY`; the process sleeps
until the next one is due, to the microsecond. Changes come in over a unix socket, and count from the next frame on.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import socket
import time
from collections import deque
from typing import NoReturn

from netlib.lab.agent.channel import Message, receive, send
from netlib.lab.agent.system import set_process_name, set_timer_slack
from netlib.lab.wan.impairment import Impairment, Leaving
from netlib.lab.wan.quiet import address_of, make_quiet
from netlib.lab.wan.ring import Ring
from netlib.lab.wan.settings import BOTH, Change, Settings, WanError, apply
from netlib.lab.wan.state import Wan, Way, to_message

SOCKET = "/run/netlib/wan.sock"
MEMORY = 64 << 20  # bytes of frames that wait in one direction; beyond, they find the queue full
BATCH = 64  # frames that are read before those that are due are sent
_FRAME_OVERHEAD = 100  # bytes that Python needs beside the frame's own
_CLIENTS = 8


class Direction:
    """Frames from `source` to `target`."""

    def __init__(self, source: Ring, target: Ring):
        self.source, self.target = source, target
        self.impairment = Impairment(Settings(), source.interface)
        self.waiting: deque[Leaving] = deque()
        self.bytes = 0  # of what waits
        self.latest = 0.0  # arrival

    def pull(self, now: float, offset: float) -> bool:
        """Take in what has come; False if there is nothing. `offset` leads from the clock of arrivals to ours."""
        came = False
        for stamp, frame in self.source.receive(BATCH):
            came = True
            arrival = stamp + offset
            # in order and not from the future, even where somebody has just set the machine's clock
            if arrival > now:
                arrival = min(arrival, time.monotonic())
            self.latest = arrival = max(self.latest, arrival)
            if self.bytes + len(frame) > MEMORY:
                self.impairment.counters["frames"] += 1
                self.impairment.counters["overflowed"] += 1
                continue
            self._queue(self.impairment.frame(arrival, frame))
        if self.impairment.held and not came:
            self._queue(self.impairment.tick(now))
        return came

    def _queue(self, leaving: list[Leaving]) -> None:
        self.waiting += leaving
        for _, frame in leaving:
            self.bytes += len(frame) + _FRAME_OVERHEAD

    def push(self) -> None:
        """Send what is due."""
        waiting, counters = self.waiting, self.impairment.counters
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, frame = waiting.popleft()
            self.bytes -= len(frame) + _FRAME_OVERHEAD
            counters["sent" if self.target.send(frame) else "unsent"] += 1

    @property
    def deadline(self) -> float | None:
        """When there is something to do next, if nothing comes in."""
        times = [self.waiting[0][0]] if self.waiting else []
        if self.impairment.deadline is not None:
            times.append(self.impairment.deadline)
        return min(times, default=None)

    @property
    def way(self) -> Way:
        counters = {**self.impairment.counters, "missed": self.source.count_missed(), "waiting": len(self.waiting)}
        return Way(self.source.interface, self.target.interface, self.impairment.settings, counters)


class Relay:
    """Both directions, and the socket for changes. OSError when an interface or the socket cannot be had."""

    def __init__(self, interfaces: tuple[str, str], change: Change, path: str = SOCKET):
        rings = []
        for step in (check_unused, Ring, make_quiet):  # in this order: nothing is changed where it cannot be had
            for interface in interfaces:
                try:
                    made = step(interface)
                except OSError as error:
                    raise WanError(_why_not(interface, error)) from None
                if isinstance(made, Ring):
                    rings.append(made)
        self.directions = [Direction(rings[0], rings[1]), Direction(rings[1], rings[0])]
        self.change(change)
        self.listener = listen(path)
        self.clients: list[socket.socket] = []

    def change(self, change: Change) -> None:
        """All of it, or WanError and nothing of it."""
        ways = {each.source.interface: each for each in self.directions}
        changed = apply({name: way.impairment.settings for name, way in ways.items()}, change)
        for name, way in ways.items():
            way.impairment.change(changed[name], {*change.get(BOTH, ()), *change.get(name, ())})

    def run(self) -> NoReturn:
        """Move frames until the process is ended."""
        set_timer_slack(1)
        gc.disable()  # nothing here makes cycles, and a collection would make frames late
        rings = [direction.source for direction in self.directions]
        while True:
            wait = 0.0 if self.turn() else self.patience()
            sources: list[Ring | socket.socket] = [*rings, self.listener, *self.clients]
            ready, _, _ = select.select(sources, [], [], wait)
            for each in ready:
                if isinstance(each, Ring):
                    if not each.has_frame():
                        each.clear_error()
                elif each is self.listener:
                    self._accept()
                else:
                    self._answer(each)

    def turn(self) -> bool:
        """Take in some of what has come, and send what is due. True if there may be more: a flood has no end, and
        whoever wants to change something gets his turn in it too."""
        now, offset = clocks()
        came = [direction.pull(now, offset) for direction in self.directions]
        for direction in self.directions:
            direction.push()
        return any(came)

    def patience(self) -> float | None:
        """Seconds until the next frame is due; None if none waits."""
        deadlines = [each.deadline for each in self.directions if each.deadline is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            client, _ = self.listener.accept()
            client.setblocking(False)
            self.clients.append(client)
        if len(self.clients) > _CLIENTS:
            self.clients.pop(0).close()

    def _answer(self, client: socket.socket) -> None:
        """One question and its answer; then the client is done."""
        self.clients.remove(client)
        with client, contextlib.suppress(OSError):
            request, fds = receive(client)
            for fd in fds:
                os.close(fd)
            if request is None:
                return
            answer: Message
            try:
                self.change(request["change"])
                answer = to_message(Wan([direction.way for direction in self.directions]))
            except WanError as error:
                answer = {"error": str(error)}
            send(client, answer)


def clocks() -> tuple[float, float]:
    """Now, on the clock that nobody sets, and what has to be added to the kernel's times of arrival to be on it.

    Being interrupted between two looks would make it wrong, so then we look again. It errs towards late, never early.
    """
    for _ in range(5):
        before = time.monotonic()
        real = time.time()
        now = time.monotonic()
        if now - before < 2e-5:
            break
    return now, now - real


def check_unused(interface: str) -> None:
    address = address_of(interface)
    if address:
        raise WanError(
            f"{interface} has the address {address}, and a wan is a cable without any; "
            f"take a node of its own for the wan, or do: ip addr flush dev {interface}"
        )


def listen(path: str) -> socket.socket:
    """A socket at `path`, which only the node's root can use. What a relay that was killed left there goes."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        made.bind(path)
        os.chmod(path, 0o600)
        made.listen(_CLIENTS)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise WanError(f"{path} cannot be made: {error.strerror}") from None
    return made


def ask(change: Change, path: str = SOCKET, timeout: float = 5.0) -> Message:
    """The relay's answer. OSError (ENOENT, ECONNREFUSED) when there is none in this node, WanError if it refuses."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC) as asking:
        asking.settimeout(timeout)
        asking.connect(path)
        send(asking, {"change": change})
        answer, _ = receive(asking)
    if answer is None:
        raise WanError("the wan has ended; take the lab down and up again")
    if "error" in answer:
        raise WanError(answer["error"])
    return answer


def _why_not(interface: str, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return (
            f"{interface}: a wan needs the capabilities NET_ADMIN and NET_RAW; add `cap-add: [NET_ADMIN]` to the node"
        )
    return f"{interface}: {error.strerror}; is it the end of a link?"


def serve(interfaces: tuple[str, str], change: Change, ready: int) -> NoReturn:
    """Be the relay; `ready` is a pipe that is told "forwards", or why not."""
    set_process_name("netlib-wan")
    try:
        relay = Relay(interfaces, change)
    except WanError as error:
        os.write(ready, str(error).encode())
        os._exit(1)
    os.write(ready, b"forwards")
    os.close(ready)
    relay.run()
