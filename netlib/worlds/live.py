"""The live world: a host on devices of the Linux kernel, in real time.

    with Live(host, Tun("netlib0", "10.9.0.1/24")) as live:      the kernel is 10.9.0.1
        subprocess.run(["ping", "-c", "1", "10.9.0.2"])          the host answers
        print(live.run(traceroute(host, "10.9.0.1")))

A thread serves the device while the block runs, so that a notebook's next line may talk to the host.  A part of
yours that raises, or does not come back, costs the packet it was working on: the error is kept in `live.errors`,
told at the end of the block, and the host goes on.  `Live(router, {eth0: device, eth1: device})` serves several.

The devices, `Tun`, `Tap` and `PacketDevice`: netlib/worlds/devices.py.
"""

import ctypes
import errno
import os
import queue
import selectors
import threading
import time
import traceback
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar

from netlib.host import Host, Interface
from netlib.worlds.devices import Device, PacketDevice, Tap, Tun
from netlib.worlds.task import Readable, Request, proceed
from netlib.worlds.waiting import Waiter, Waiters

__all__ = ["BrokenOff", "Device", "Live", "PacketDevice", "Tap", "Task", "Tun"]

T = TypeVar("T")

BATCH = 64  # frames read before timers are looked at again
SPARE = 64  # alarms of waits that are over, before they are cleared out
ERRORS = 20  # kept; further ones are counted
BUSY, LONGEST = 1.0, 10.0  # seconds of processor, and of time at all, after which a part is broken off
PAUSE = 0.1  # seconds without timers after one has failed, so that it does not fail all the time
GONE = {errno.EBADF, errno.EBADFD, errno.ENODEV, errno.ENXIO}  # errors of a device that does not come back


class Task:
    """A coroutine under way, what it waits for, and where its result goes."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine = coroutine
        self.name = getattr(coroutine, "__name__", "the application")
        self.future: Future[Any] = Future()
        self.request: Request | None = None
        self.expires: float | None = None
        self.waiter: Waiter[Task] | None = None
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
        self.joining = [device for device in self.devices.values() if isinstance(device, Tun) and device.offload]
        if self.joining and host.internet.forwarding:
            raise ValueError(f"{host} sends packets on, and offload=True brings some that no link takes: leave it out")
        self.errors: list[BaseException] = []
        self.more_errors = 0  # not kept
        self.tasks: list[Task] = []
        self.waiters: Waiters[Task] = Waiters()  # those of them that wait for a socket
        self.touched = host.tcp.touched = {}
        self.alarms: list[tuple[float, int, Task]] = []  # a heap: when the time of a wait is over
        self.rung = 0
        self.submitted: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self.wake_read, self.wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.stopping = threading.Event()
        self.quiet_until = 0.0  # no timers before
        self.pieces = 0  # of work that were begun in parts
        self.working: int | None = None  # the number of the one under way
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
                if key.data is None:
                    os.read(self.wake_read, 4096)
                elif self.take_in(*key.data):
                    selector.unregister(key.fileobj)
            self.step()

    @contextmanager
    def work(self, breakable: bool = False) -> Iterator[None]:
        """Whatever goes wrong in this block is kept in `errors`; if `breakable`, it may not take for ever."""
        try:
            try:
                if breakable:
                    self.begin()
                yield
            finally:
                self.working = None
        except BaseException as error:  # a part that is not netlib's may raise anything
            self.complain(error)

    def begin(self) -> None:
        """A part begins with something, which may not take for ever."""
        self.working = self.pieces = self.pieces + 1

    def complain(self, error: BaseException) -> None:
        if len(self.errors) < ERRORS:
            self.errors.append(error)
        else:
            self.more_errors += 1

    def watch_over(self) -> None:
        """Break off a part that does not come back."""
        seen, since, used = None, 0.0, 0.0
        while not self.stopping.wait(0.1) and self.thread.is_alive():
            try:
                now, processor = time.monotonic(), time.clock_gettime(self.clock)
            except OSError:  # the thread has ended since, and its clock with it
                return
            if self.working != seen:  # nothing, or not what it was at when last looked at
                seen, since, used = self.working, now, processor
            elif seen is not None and (now - since > LONGEST or processor - used > BUSY):
                interrupt(self.thread)
                self.stopping.wait(0.5)  # should it catch even that, it is tried again

    def patience(self) -> float | None:
        """How long nothing has to be done, in seconds."""
        due = [alarm[0] for alarm in self.alarms[:1]]
        when = min((time for time in (self.next_timer(), *due) if time is not None), default=None)
        return None if when is None else max(0.0, when - time.monotonic())

    def next_timer(self) -> float | None:
        """When the host wants to be called, or None; a little later where its timers have just failed."""
        now = time.monotonic()
        if now < self.quiet_until:
            return self.quiet_until
        try:
            self.begin()
            due = self.host.deadline()
            self.working = None
            return due
        except BaseException as error:
            self.working, self.quiet_until = None, now + PAUSE
            self.complain(error)
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
            try:  # as `work` does, with less to do for each frame
                self.begin()
                self.host.receive(interface, frame, time.monotonic())
            except BaseException as error:
                self.working = None
                self.complain(error)
        self.working = None
        return False

    def step(self) -> None:
        """Do what is due, let the tasks go on, and send what there is to send."""
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
            self.look_at(task)
        while woken := self.woken():
            for task in woken:
                self.look_at(task)
        outbox, self.host.outbox = self.host.outbox, []
        for interface, frame in outbox:
            if device := self.devices.get(interface):
                try:
                    device.write(frame)
                except BaseException as error:
                    self.complain(error)
        for device in self.joining:
            try:
                device.flush()
            except OSError as error:
                self.complain(error)

    def woken(self) -> list[Task]:
        """The tasks whose socket has something for them, or whose time is over."""
        found = dict.fromkeys(self.waiters.ready(self.touched))
        self.touched.clear()
        while self.alarms and self.alarms[0][0] <= time.monotonic():
            when, _, task = heappop(self.alarms)
            if task.expires == when and task in self.tasks:
                if task.waiter:
                    self.waiters.remove(task.waiter)
                found[task] = None
        return list(found)

    def wait_for(self, task: Task, socket: Readable | None) -> None:
        """Look at a task no more until something happens to its socket, or its time is over."""
        task.waiter = None if socket is None else self.waiters.add(socket, task)
        if task.expires is not None:
            if len(self.alarms) > 2 * len(self.tasks) + SPARE:  # most are of waits that ended before
                self.alarms = [alarm for alarm in self.alarms if alarm[0] == alarm[2].expires]
                heapify(self.alarms)
            self.rung += 1
            heappush(self.alarms, (task.expires, self.rung, task))

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
                return self.wait_for(task, request.socket)

    def resume(self, task: Task, answer: Any) -> None:
        task.request = None
        try:
            self.begin()
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
