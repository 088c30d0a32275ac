"""The live world: a host on a device of the Linux kernel, in real time.

    with Live(host, Tun("netlib0", "10.9.0.1/24")) as live:      the kernel is 10.9.0.1
        subprocess.run(["ping", "-c", "1", "10.9.0.2"])          the host answers
        print(live.run(traceroute(host, "10.9.0.1")))

A thread serves the device while the block runs, so that a notebook's next line may talk to the host.  A part of
yours that raises costs the packet it was working on: the error is kept in `live.errors`, told at the end of the
block, and the host goes on.

Three devices: `Tun` brings IP packets to and from the kernel, `Tap` frames, and `PacketDevice` puts a host on a
link beside the kernel that is there already.  The first two are made by this process, and need its network
namespace to be its own to administer; they vanish with it.
"""

import ctypes
import fcntl
import os
import queue
import selectors
import socket
import struct
import subprocess
import threading
import time
import traceback
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from netlib.host import Host, Interface
from netlib.worlds.task import Request

T = TypeVar("T")

TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI = 0x400454CA, 1, 2, 0x1000  # linux/if_tun.h
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC, PACKET_IGNORE_OUTGOING = 263, 1, 1, 23  # linux/if_packet.h
LARGEST = 65_536  # bytes of one frame
BATCH = 64  # frames read before timers are looked at again
ERRORS = 20  # kept; further ones are counted


class Device(Protocol):
    """Where frames come from and go to."""

    def fileno(self) -> int: ...
    def read(self) -> bytes | None: ...  # the next frame, or None where none waits
    def write(self, frame: bytes) -> None: ...
    def close(self) -> None: ...


class Tun:
    """A TUN device: the kernel routes IP packets into it, and takes as arrived what is written.

    `address` is the kernel's end, such as "10.9.0.1/24".  Raises PermissionError without the right to make one.
    """

    kind = IFF_TUN

    def __init__(self, name: str, address: str, mtu: int = 1500) -> None:
        self.name = name
        try:
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH", name.encode(), self.kind | IFF_NO_PI))
        except OSError as error:
            raise PermissionError(f"cannot make the device {name}: {error.strerror}; root can") from None
        for line in (f"addr add {address} dev {name}", f"link set {name} mtu {mtu} up"):
            subprocess.run(["ip", *line.split()], check=True, capture_output=True)

    def fileno(self) -> int:
        return self.fd

    def read(self) -> bytes | None:
        try:
            return os.read(self.fd, LARGEST)
        except BlockingIOError:
            return None

    def write(self, frame: bytes) -> None:
        os.write(self.fd, frame)

    def close(self) -> None:
        os.close(self.fd)


class Tap(Tun):
    """A TAP device: the same with Ethernet frames, as if a cable led from the kernel to the host."""

    kind = IFF_TAP


class PacketDevice:
    """A host on a link that a kernel is on too: an AF_PACKET socket (SOCK_RAW) bound to the interface.

    It sees every frame on the link, and the host picks those for its own MAC address.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        # The socket may belong to another network namespace, where our own names of interfaces mean nothing:
        # the kernel itself says which interface the socket is bound to (struct sockaddr_ll).
        number = bound_interface(sock)
        membership = struct.pack("IHH8s", number, PACKET_MR_PROMISC, 0, b"")
        sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)
        sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        sock.setblocking(False)

    def fileno(self) -> int:
        return self.socket.fileno()

    def read(self) -> bytes | None:
        try:
            return self.socket.recv(LARGEST)
        except BlockingIOError:
            return None

    def write(self, frame: bytes) -> None:
        self.socket.send(frame)

    def close(self) -> None:
        self.socket.close()


def bound_interface(sock: socket.socket) -> int:
    """The number of the interface that an AF_PACKET socket is bound to, in the socket's own namespace."""
    address = ctypes.create_string_buffer(64)
    length = ctypes.c_uint(64)
    if ctypes.CDLL(None, use_errno=True).getsockname(sock.fileno(), address, ctypes.byref(length)):
        raise OSError(ctypes.get_errno(), "getsockname")
    return int(struct.unpack_from("=HHi", address.raw)[2])


class Task:
    """A coroutine under way, what it waits for, and where its result goes."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine = coroutine
        self.future: Future[Any] = Future()
        self.request: Request | None = None
        self.expires: float | None = None


class Live:
    """Runs one host on one device, in a thread of its own, from `start` to `stop` or in a `with` block."""

    def __init__(self, host: Host, device: Device, interface: Interface | None = None) -> None:
        if interface is None:
            if len(host.interfaces) != 1:
                raise ValueError(f"{host} has {len(host.interfaces)} interfaces: say which one is on the device")
            interface = host.interfaces[0]
        self.host, self.device, self.interface = host, device, interface
        self.errors: list[BaseException] = []
        self.tasks: list[Task] = []
        self.submitted: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self.wake_read, self.wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.stopping = False
        self.thread = threading.Thread(target=self.serve, name=f"netlib host {host.name}", daemon=True)

    def __enter__(self) -> "Live":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
        if self.errors:
            print(self.trouble())

    def start(self) -> None:
        """Begin to serve the device."""
        self.thread.start()

    def stop(self) -> None:
        """Stop serving, close the device and wait for the thread; a part that loops for ever is broken off."""
        if self.stopping:
            return
        self.stopping = True
        os.write(self.wake_write, b"x")
        self.thread.join(1.0)
        if self.thread.is_alive():
            interrupt(self.thread)
            self.thread.join(1.0)
        self.device.close()
        os.close(self.wake_write)
        if not self.thread.is_alive():
            os.close(self.wake_read)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run an application on this host and return its result, or raise what it raised."""
        task = Task(coroutine)
        self.submitted.put(task)
        os.write(self.wake_write, b"x")
        while True:
            try:
                result: T = task.future.result(timeout=0.2)
                return result
            except TimeoutError:
                if task.future.done():
                    raise
                if not self.thread.is_alive():
                    raise RuntimeError(f"host {self.host.name} is not running any more") from None

    def trouble(self) -> str:
        """One line for each thing that went wrong in a part: where in which file, and what."""
        lines = []
        for error in self.errors[:ERRORS]:
            frames = traceback.extract_tb(error.__traceback__)
            where = f"{frames[-1].name}, line {frames[-1].lineno}: " if frames else ""
            lines.append(f"host {self.host.name}: {where}{type(error).__name__}: {error}")
        counted = {line: lines.count(line) for line in lines}
        more = f"\n... and {len(self.errors) - ERRORS} more" if len(self.errors) > ERRORS else ""
        return "\n".join(f"{line} ({n} times)" if n > 1 else line for line, n in counted.items()) + more

    # ---- in the thread -------------------------------------------------------------------------------------

    def serve(self) -> None:
        selector = selectors.DefaultSelector()
        selector.register(self.device, selectors.EVENT_READ)
        selector.register(self.wake_read, selectors.EVENT_READ)
        while not self.stopping:
            try:
                selector.select(self.patience())
                self.step()
            except OSError as error:
                self.errors.append(error)
                if not self.stopping and self.device.fileno() < 0:
                    break
            except BaseException as error:  # a part that is not netlib's may raise anything
                self.errors.append(error)
        selector.close()
        for task in self.tasks:
            task.coroutine.close()

    def patience(self) -> float | None:
        """How long nothing has to be done, in seconds."""
        due = [self.host.deadline(), *(task.expires for task in self.tasks)]
        when = min((time for time in due if time is not None), default=None)
        return None if when is None else max(0.0, when - time.monotonic())

    def step(self) -> None:
        """Take in what has come, do what is due, let the tasks go on, and send what there is to send."""
        with suppress(BlockingIOError):
            os.read(self.wake_read, 4096)
        for _ in range(BATCH):
            frame = self.device.read()
            if frame is None:
                break
            try:
                self.host.receive(self.interface, frame, time.monotonic())
            except Exception as error:
                self.errors.append(error)
        due = self.host.deadline()
        if due is not None and due <= time.monotonic():
            self.host.tick(time.monotonic())
        while not self.submitted.empty():
            task = self.submitted.get()
            self.tasks.append(task)
            self.resume(task, None)
        for task in list(self.tasks):
            self.look_at(task)
        outbox, self.host.outbox = self.host.outbox, []
        for interface, frame in outbox:
            if interface is self.interface:
                self.device.write(frame)

    def look_at(self, task: Task) -> None:
        """Resume a task as long as what it waits for is there."""
        while (request := task.request) is not None:
            expired = task.expires is not None and task.expires <= time.monotonic()
            if request.socket is not None and request.socket.readable:
                self.resume(task, True)
            elif request.socket is None and request.timeout is None:
                self.resume(task, time.monotonic())
            elif expired:
                self.resume(task, False)
            else:
                return

    def resume(self, task: Task, answer: Any) -> None:
        task.request = None
        try:
            task.request = task.coroutine.send(answer)
            timeout = task.request.timeout
            task.expires = None if timeout is None else time.monotonic() + timeout
        except StopIteration as stop:
            self.tasks.remove(task)
            task.future.set_result(stop.value)
        except BaseException as error:
            self.tasks.remove(task)
            task.future.set_exception(error)


class BrokenOff(BaseException):
    """Raised in a part that did not come back; no `except Exception` keeps it."""

    def __str__(self) -> str:
        return "it did not come back, and was broken off: is there an endless loop?"


def interrupt(thread: threading.Thread) -> None:
    """Break off what a thread is doing."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(BrokenOff))
