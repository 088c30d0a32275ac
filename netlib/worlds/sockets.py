"""The operating system's own sockets as a world: applications run on the kernel's UDP and TCP, in real time.

    system = System()
    system.spawn(serve(system, {"add": add}, port=7000))
    print(system.run(calls(system)))

`System` stands where a `Host` stands in the other worlds: it has sockets with the same calls, errno names and order of
errors.  What is different is below them.  Nothing runs but during `run`, in the thread that calls it; no event loop
is needed, and Jupyter's is left alone.
"""

import errno
import os
import select
import socket
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, TypeVar

from netlib.kernel.errors import SocketError
from netlib.kernel.sockets import DATAGRAM, OPTIONS, STREAM, SocketAddress
from netlib.wire.address import IPv4Address
from netlib.wire.address6 import IPv6Address, ip_address
from netlib.wire.errors import Malformed
from netlib.worlds.task import AnyOf, ReadyToSend, Request, proceed

T = TypeVar("T")
LONGEST = 3600.0  # seconds of one wait in poll
LEVELS = {"IP_TTL": socket.IPPROTO_IP}
NUMBERS = {"SO_NO_CHECK": 11}  # asm-generic/socket.h; Python has no name for it


class System:
    """The operating system as a host.  `seed` fixes what applications draw at random (None: as the system likes)."""

    def __init__(self, seed: int | None = None) -> None:
        self.name = "this system"
        self.random = Random(seed)
        self.start = time.monotonic()
        self.tasks: list[Task] = []
        self.sockets: list[SystemSocket] = []

    def __enter__(self) -> "System":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def now(self) -> float:
        """Seconds since this world was made."""
        return time.monotonic() - self.start

    def socket(self, kind: str = DATAGRAM) -> Any:
        """A socket of the kernel: `system.socket(DATAGRAM)` for UDP, `system.socket(STREAM)` for TCP."""
        if kind not in (DATAGRAM, STREAM):
            raise ValueError(f"socket kind {kind!r}: the operating system has {DATAGRAM!r} and {STREAM!r} here")
        return SystemDatagramSocket(self) if kind == DATAGRAM else SystemStreamSocket(self)

    def close(self) -> None:
        """End the applications that still run, and close all sockets."""
        for task in self.tasks:
            task.coroutine.close()
        self.tasks.clear()
        for opened in list(self.sockets):
            opened.close()

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Start an application that goes on beside the others, such as a server; `run` does not wait for its end.

        It has begun to wait for something when this returns; raises what it has raised by then.
        """
        task = Task(coroutine)
        self.tasks.append(task)
        self.resume(task, None)

    def run(self, *coroutines: Coroutine[Any, Any, T], until: float | None = None) -> Any:
        """Run applications to their end; return the result of the first, or None if it has none when it is `until`.

        `until` is a time in seconds since this world was made.  An error in any application is raised here.
        """
        awaited = [Task(coroutine) for coroutine in coroutines]
        self.tasks += awaited
        try:
            while any(task.running for task in awaited) if awaited else self.tasks:
                if until is not None and self.now >= until:
                    break
                self.turn(until)
        except BaseException:
            for task in awaited:
                if task in self.tasks:
                    self.tasks.remove(task)
                    task.coroutine.close()
            raise
        return awaited[0].result if awaited else None

    def turn(self, until: float | None) -> None:
        """Let every application go on that can, or else wait until one can."""
        went_on = False
        for task in list(self.tasks):
            if (answer := self.answer_for(task)) is not None:
                went_on = True
                self.resume(task, answer[0])
        if not went_on:
            self.wait(until)

    def answer_for(self, task: "Task") -> tuple[Any] | None:
        """The answer to what a task waits for, in a tuple; None: not yet."""
        request = task.request
        if request is None:
            return (None,)
        if request.socket is None and request.timeout is None:
            return (self.now,)
        if request.socket is not None and request.socket.readable:
            return (True,)
        return (False,) if task.expires is not None and task.expires <= self.now else None

    def resume(self, task: "Task", answer: Any) -> None:
        try:
            task.request = proceed(task.coroutine, answer)
            timeout = task.request.timeout
            task.expires = None if timeout is None else self.now + timeout
        except StopIteration as stop:
            task.running, task.result = False, stop.value
            self.tasks.remove(task)
        except BaseException:
            task.running = False
            self.tasks.remove(task)
            raise

    def wait(self, until: float | None) -> None:
        """Wait for the sockets and times that applications wait for."""
        poll = select.poll()
        wanted: dict[int, int] = {}
        for task in self.tasks:
            if task.request and task.request.socket is not None:
                for number, events in descriptors(task.request.socket):
                    wanted[number] = wanted.get(number, 0) | events
        for number, events in wanted.items():
            poll.register(number, events)
        due = [time for time in (until, *(task.expires for task in self.tasks)) if time is not None]
        left = min(due, default=LONGEST + self.now) - self.now
        poll.poll(max(0.0, min(left, LONGEST)) * 1000)


class Task:
    """An application under way."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine = coroutine
        self.request: Request | None = None
        self.expires: float | None = None
        self.running = True
        self.result: Any = None


def descriptors(waited: Any) -> Iterator[tuple[int, int]]:
    """The file descriptors, and their events, that something waited for consists of."""
    if isinstance(waited, ReadyToSend):
        yield waited.socket.fileno(), select.POLLOUT  # type: ignore[attr-defined]
    elif isinstance(waited, AnyOf) or hasattr(waited, "sockets"):
        for part in waited.sockets:
            yield from descriptors(part)
    elif hasattr(waited, "fileno"):
        if waited.fileno() >= 0:
            yield waited.fileno(), select.POLLIN
    else:
        raise TypeError(f"waits for {waited!r:.80}, which is no socket of the operating system")


@contextmanager
def as_socket_error() -> Iterator[None]:
    """The kernel's errors under the names that netlib's own sockets use."""
    try:
        yield
    except OSError as error:
        if isinstance(error, SocketError):
            raise
        raise SocketError(errno.errorcode.get(error.errno or 0, "EIO"), error.strerror or str(error)) from None


class SystemSocket:
    """What both kinds share: a socket of the kernel, made when the first address says for which IP version."""

    kind: int

    def __init__(self, system: System, made: socket.socket | None = None) -> None:
        self.system = system
        self.made = made
        self.closed = False
        self.pending: str | None = None  # an error seen by `error`, and not raised yet
        self.options: list[tuple[str, int]] = []
        if made:
            made.setblocking(False)
        system.sockets.append(self)

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self.address} - {self.peer}" if self.made else "unbound"
        return f"<{type(self).__name__} {state}>"

    def fileno(self) -> int:
        return self.made.fileno() if self.made else -1

    def own(self, address: Any = None) -> socket.socket:
        """The kernel's socket, made for the IP version of this address if it is not there yet."""
        if self.closed:
            raise SocketError("EBADF")
        if self.made is None:
            family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
            with as_socket_error():
                self.made = socket.socket(family, self.kind)
                self.made.setblocking(False)
                if family == socket.AF_INET6:
                    self.made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                for name, value in self.options:
                    self.apply(name, value)
        return self.made

    def apply(self, name: str, value: int) -> None:
        assert self.made
        number = NUMBERS.get(name) or getattr(socket, name)
        self.made.setsockopt(LEVELS.get(name, socket.SOL_SOCKET), number, value)

    def set_option(self, name: str, value: int) -> None:
        """As a netlib socket's; the kernel's SO_RCVBUF is doubled, see socket(7)."""
        if self.closed:
            raise SocketError("EBADF")
        if name not in OPTIONS:
            raise SocketError("ENOPROTOOPT", f"{name!r}: this socket has {', '.join(OPTIONS)}")
        self.options.append((name, value))
        if self.made:
            with as_socket_error():
                self.apply(name, value)

    def bind(self, address: Any = "0.0.0.0", port: int = 0, *, reuse_port: bool = False) -> None:
        local = number(address, port)
        with as_socket_error():
            made = self.own(local)
            if reuse_port:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            made.bind((str(local), port))

    @property
    def error(self) -> str | None:
        """The errno name that the next call will raise, or None."""
        if self.pending is None and self.made and not self.closed:
            raised = self.made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self.pending = errno.errorcode.get(raised, "EIO") if raised else None
        return self.pending

    def raise_error(self) -> None:
        if name := self.pending:
            self.pending = None
            raise SocketError(name)

    def polled(self, events: int) -> bool:
        if self.made is None or self.closed:
            return False
        poll = select.poll()
        poll.register(self.made, events)
        return bool(poll.poll(0))

    @property
    def readable(self) -> bool:
        return self.pending is not None or self.polled(select.POLLIN)

    @property
    def writable(self) -> bool:
        return self.pending is not None or self.polled(select.POLLOUT)

    @property
    def address(self) -> SocketAddress | None:
        """Its own address and port, None before it has a port: getsockname."""
        if self.made is None or self.closed:
            return None
        local = end(self.made.getsockname())
        return local if local[1] else None

    @property
    def peer(self) -> SocketAddress | None:
        """The address and port it is connected to, or None: getpeername."""
        try:
            return end(self.made.getpeername()) if self.made and not self.closed else None
        except OSError:
            return None

    def close(self) -> None:
        if self.made:
            self.made.close()
        self.closed, self.pending = True, None
        if self in self.system.sockets:
            self.system.sockets.remove(self)


class SystemDatagramSocket(SystemSocket):
    """A UDP socket of the kernel, with the calls of netlib's `DatagramSocket`."""

    kind = socket.SOCK_DGRAM

    def connect(self, address: Any, port: int) -> None:
        peer = number(address, port)
        if port == 0:
            raise SocketError("EINVAL", "nobody can have bound port 0")
        with as_socket_error():
            self.own(peer).connect((str(peer), port))

    def send(self, data: bytes) -> int:
        with as_socket_error():
            made = self.own()
            self.raise_error()
            return made.send(data)

    def send_to(self, data: bytes, address: SocketAddress) -> int:
        destination, port = number(*address), address[1]
        with as_socket_error():
            made = self.own(destination)
            self.raise_error()
            return made.sendto(data, (str(destination), port))

    def receive(self) -> tuple[bytes, SocketAddress] | None:
        with as_socket_error():
            made = self.own()
            self.raise_error()
            try:
                data, source = made.recvfrom(65_535)
            except BlockingIOError:
                return None
        return data, end(source)


class SystemStreamSocket(SystemSocket):
    """A TCP socket of the kernel: no call waits, and `recv` says None where nothing has come yet."""

    kind = socket.SOCK_STREAM

    def bind(self, address: Any = "0.0.0.0", port: int = 0, *, reuse_port: bool = False) -> None:
        local = number(address, port)
        with as_socket_error():
            # a server that starts again may have its port, though old connections still linger in TIME_WAIT
            self.own(local).setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        super().bind(address, port, reuse_port=reuse_port)

    def listen(self, backlog: int = 128) -> None:
        with as_socket_error():
            self.own().listen(backlog)

    def accept(self) -> "SystemStreamSocket | None":
        """The next connection that has been made, or None."""
        with as_socket_error():
            try:
                return SystemStreamSocket(self.system, self.own().accept()[0])
            except BlockingIOError:
                return None

    def connect(self, address: Any, port: int) -> None:
        """Begin a connection: it is there, or has failed, when the socket is writable."""
        peer = number(address, port)
        with as_socket_error():
            made = self.own(peer)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            failed = made.connect_ex((str(peer), port))
            if failed not in (0, errno.EINPROGRESS):
                raise OSError(failed, os.strerror(failed))

    def send(self, data: bytes) -> int:
        """Send as much as the kernel takes; return how many bytes that was."""
        with as_socket_error():
            made = self.own()
            self.raise_error()
            try:
                return made.send(data)
            except BlockingIOError:
                return 0

    def recv(self, limit: int) -> bytes | None:
        """At most `limit` bytes; None where nothing has come, b"" when the peer has ended its side."""
        with as_socket_error():
            made = self.own()
            self.raise_error()
            try:
                return made.recv(limit)
            except BlockingIOError:
                return None

    def shutdown(self) -> None:
        """Send no more: the peer reads to the end."""
        with as_socket_error():
            self.own().shutdown(socket.SHUT_WR)


def number(address: Any, port: int) -> IPv4Address | IPv6Address:
    """The address object; `SocketError` where address or port are none."""
    if not isinstance(port, int) or not 0 <= port <= 0xFFFF:
        raise SocketError("EINVAL", f"port {port!r:.20}: a port is a number from 0 to 65535")
    try:
        return ip_address(address)
    except Malformed as error:
        raise SocketError("EINVAL", str(error)) from None


def end(name: tuple[Any, ...]) -> SocketAddress:
    """The (address, port) that the kernel has told."""
    return ip_address(name[0].partition("%")[0]), name[1]
