"""The live world: a host on devices of the Linux kernel, in real time.

    with Live(host, Tun("netlib0", "10.9.0.1/24")) as live:      the kernel is 10.9.0.1
        subprocess.run(["ping", "-c", "1", "10.9.0.2"])          the host answers
        print(live.run(traceroute(host, "10.9.0.1")))

A thread serves the device while the block runs, so that a notebook's next line may talk to the host.  A part of
yours that raises, or does not come back, costs the packet it was working on: the error is kept in `live.errors`,
told at the end of the block, and the host goes on.  `Live(router, {eth0: device, eth1: device})` serves several.

Three devices: `Tun` brings IP packets to and from the kernel, `Tap` frames, and `PacketDevice` puts a host on a
link beside the kernel that is there already.  The first two are made by this process, and need its network
namespace to be its own to administer; they vanish with it.
"""

import ctypes
import errno
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
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar

from netlib.host import Host, Interface
from netlib.worlds.task import Request, proceed

T = TypeVar("T")

TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI = 0x400454CA, 1, 2, 0x1000  # linux/if_tun.h
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC, PACKET_IGNORE_OUTGOING = 263, 1, 1, 23  # linux/if_packet.h
LARGEST = 65_536  # bytes of one frame
BATCH = 64  # frames read before timers are looked at again
ERRORS = 20  # kept; further ones are counted
BUSY, LONGEST = 1.0, 10.0  # seconds of processor, and of time at all, after which a part is broken off
PAUSE = 0.1  # seconds without timers after one has failed, so that it does not fail all the time
GONE = {errno.EBADF, errno.EBADFD, errno.ENODEV, errno.ENXIO}  # errors of a device that does not come back


class Device(Protocol):
    """Where frames come from and go to."""

    def fileno(self) -> int: ...
    def read(self) -> bytes | None: ...  # the next frame, or None where none waits
    def write(self, frame: bytes) -> None: ...
    def close(self) -> None: ...


class Tun:
    """A TUN device: the kernel routes IP packets into it, and takes as arrived what is written.

    `address` is the kernel's end, such as "10.9.0.1/24".  Raises PermissionError without the right to make one, and
    OSError where the kernel does not like its name or address.
    """

    kind = IFF_TUN

    def __init__(self, name: str, address: str, mtu: int = 1500) -> None:
        if not 0 < len(name.encode()) < 16:
            raise ValueError(f"the device's name {name!r}: Linux takes 1 to 15 bytes")
        self.name = name
        self.fd = -1
        try:
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH", name.encode(), self.kind | IFF_NO_PI))
            for line in (f"addr add {address} dev {name}", f"link set {name} mtu {mtu} up"):
                done = subprocess.run(["ip", *line.split()], capture_output=True, text=True)
                if done.returncode:
                    raise OSError(errno.EINVAL, f"ip {line}: {done.stderr.strip()}")
        except OSError as error:
            self.close()
            message = f"cannot make the device {name}: {error.strerror}"
            if error.errno in (errno.EPERM, errno.EACCES):
                raise PermissionError(f"{message}; root can") from None
            raise OSError(error.errno, message) from None

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
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


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
        self.name = getattr(coroutine, "__name__", "the application")
        self.future: Future[Any] = Future()
        self.request: Request | None = None
        self.expires: float | None = None
        self.started = threading.Event()  # has gone on until it waits for something, or ended


class Live:
    """Runs one host on its devices, in a thread of its own, from `start` to `stop` or in a `with` block.

    `devices` is one device, or a device for each interface of the host that is to be on one.
    """

    def __init__(
        self, host: Host, devices: Device | Mapping[Interface, Device], interface: Interface | None = None
    ) -> None:
        if not isinstance(devices, Mapping):
            if interface is None:
                if len(host.interfaces) != 1:
                    raise ValueError(f"{host} has {len(host.interfaces)} interfaces: say which one is on the device")
                interface = host.interfaces[0]
            devices = {interface: devices}
        self.host, self.devices = host, dict(devices)
        self.errors: list[BaseException] = []
        self.more_errors = 0  # not kept
        self.tasks: list[Task] = []
        self.submitted: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self.wake_read, self.wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.stopping = threading.Event()
        self.quiet_until = 0.0  # no timers before
        self.working: tuple[float, float] | None = None  # since when in a part: on the clock, and of processor time
        self.thread = threading.Thread(target=self.serve, name=f"netlib host {host.name}", daemon=True)
        self.watch = threading.Thread(target=self.watch_over, name=f"netlib watch over {host.name}", daemon=True)

    def __enter__(self) -> "Live":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
        if self.errors:
            print(self.trouble())

    def start(self) -> None:
        """Begin to serve the devices."""
        self.thread.start()

    def stop(self) -> None:
        """Stop serving, wait for the thread and close the devices; a part that loops for ever is broken off."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        os.write(self.wake_write, b"x")
        if self.thread.ident:
            self.thread.join(1.0)
            for _ in range(3):
                if self.thread.is_alive():
                    interrupt(self.thread)
                    self.thread.join(1.0)
            if self.watch.ident:
                self.watch.join(1.0)
        for device in self.devices.values():
            device.close()
        os.close(self.wake_write)
        if not self.thread.is_alive():
            os.close(self.wake_read)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run an application on this host and return its result, or raise what it raised."""
        task = Task(coroutine)
        self.submitted.put(task)
        if not self.stopping.is_set():
            os.write(self.wake_write, b"x")
        while not task.future.done():
            if not self.thread.is_alive():
                coroutine.close()
                raise RuntimeError(f"host {self.host.name} is not running: run() works between start() and stop()")
            wait([task.future], timeout=0.2)
        result: T = task.future.result()
        return result

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Start an application that goes on beside the others, such as a server, until it or the host ends.

        It has begun to wait for something when this returns; raises what it has raised by then.
        """
        task = Task(coroutine)
        self.submitted.put(task)
        if self.thread.ident and not self.stopping.is_set():
            os.write(self.wake_write, b"x")
        while self.thread.is_alive() and threading.current_thread() is not self.thread and not task.started.wait(0.2):
            pass
        if task.future.done() and (raised := task.future.exception()):
            raise raised
        task.future.add_done_callback(lambda done: self.complain(error) if (error := done.exception()) else None)

    def trouble(self) -> str:
        """One line for each thing that went wrong in a part: where in which file, and what."""
        lines = []
        for error in self.errors:
            frames = traceback.extract_tb(error.__traceback__)
            where = f"{frames[-1].name}, line {frames[-1].lineno}: " if frames else ""
            lines.append(f"host {self.host.name}: {where}{type(error).__name__}: {error}")
        counted = {line: lines.count(line) for line in lines}
        more = f"\n... and {self.more_errors} more" if self.more_errors else ""
        return "\n".join(f"{line} ({n} times)" if n > 1 else line for line, n in counted.items()) + more

    # ---- in the threads ------------------------------------------------------------------------------------

    def serve(self) -> None:
        self.clock = time.pthread_getcpuclockid(threading.get_ident())
        self.watch.start()
        with selectors.DefaultSelector() as selector:
            selector.register(self.wake_read, selectors.EVENT_READ)
            for interface, device in self.devices.items():
                selector.register(device, selectors.EVENT_READ, (interface, device))
            while not self.stopping.is_set():
                with suppress(BrokenOff):  # one that came too late, when its part was back already
                    self.turn(selector)
        for task in self.tasks:
            task.coroutine.close()

    def turn(self, selector: selectors.BaseSelector) -> None:
        """Wait until something happens, and see to it."""
        with self.work():
            ready = selector.select(self.patience())
            for key, _ in ready:
                if key.data and self.take_in(*key.data):
                    selector.unregister(key.fileobj)
            self.step()

    @contextmanager
    def work(self, breakable: bool = False) -> Iterator[None]:
        """Whatever goes wrong in this block is kept in `errors`; if `breakable`, it may not take for ever."""
        try:
            try:
                if breakable:
                    self.working = time.monotonic(), time.thread_time()
                yield
            finally:
                self.working = None
        except BaseException as error:  # a part that is not netlib's may raise anything
            self.complain(error)

    def complain(self, error: BaseException) -> None:
        if len(self.errors) < ERRORS:
            self.errors.append(error)
        else:
            self.more_errors += 1

    def watch_over(self) -> None:
        """Break off a part that does not come back."""
        while not self.stopping.wait(0.1) and self.thread.is_alive():
            if working := self.working:
                since, used = working
                if time.monotonic() - since > LONGEST or time.clock_gettime(self.clock) - used > BUSY:
                    interrupt(self.thread)
                    self.stopping.wait(0.5)  # should it catch even that, it is tried again

    def patience(self) -> float | None:
        """How long nothing has to be done, in seconds."""
        due = [self.next_timer(), *(task.expires for task in self.tasks)]
        when = min((time for time in due if time is not None), default=None)
        return None if when is None else max(0.0, when - time.monotonic())

    def next_timer(self) -> float | None:
        """When the host wants to be called, or None; a little later where its timers have just failed."""
        now = time.monotonic()
        if now < self.quiet_until:
            return self.quiet_until
        self.quiet_until = now + PAUSE
        with self.work(breakable=True):
            due = self.host.deadline()
            self.quiet_until = 0.0
            return due
        return self.quiet_until

    def take_in(self, interface: Interface, device: Device) -> bool:
        """Hand the frames that wait at a device to the host; True if the device is gone."""
        for _ in range(BATCH):
            try:
                frame = device.read()
            except OSError as error:
                self.complain(error)
                return error.errno in GONE
            if frame is None:
                break
            with self.work(breakable=True):
                self.host.receive(interface, frame, time.monotonic())
        return False

    def step(self) -> None:
        """Do what is due, let the tasks go on, and send what there is to send."""
        with suppress(BlockingIOError):
            os.read(self.wake_read, 4096)
        due = self.next_timer()
        now = time.monotonic()
        if due is not None and self.quiet_until <= due <= now:
            self.quiet_until = now + PAUSE
            with self.work(breakable=True):
                self.host.tick(now)
                self.quiet_until = 0.0
        while not self.submitted.empty():
            task = self.submitted.get()
            self.tasks.append(task)
            self.resume(task, None)
        for task in list(self.tasks):
            self.look_at(task)
        outbox, self.host.outbox = self.host.outbox, []
        for interface, frame in outbox:
            if interface in self.devices:
                with self.work():
                    self.devices[interface].write(frame)

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
            self.working = time.monotonic(), time.thread_time()
            self.host.now = time.monotonic()
            task.request = proceed(task.coroutine, answer)
            self.working = None
            timeout = task.request.timeout
            task.expires = None if timeout is None else time.monotonic() + timeout
        except StopIteration as stop:
            self.tasks.remove(task)
            task.future.set_result(stop.value)
        except BrokenOff as error:
            self.tasks.remove(task)
            task.future.set_exception(TimeoutError(f"{task.name}: {error}"))
        except BaseException as error:
            self.tasks.remove(task)
            task.future.set_exception(error)
        finally:
            self.working = None
            task.started.set()


class BrokenOff(BaseException):
    """Raised in a part that did not come back; no `except Exception` keeps it."""

    def __str__(self) -> str:
        return "it did not come back, and was broken off: is there an endless loop?"


def interrupt(thread: threading.Thread) -> None:
    """Break off what a thread is doing."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(BrokenOff))
