"""The child's side of the sandbox: a loop that takes cases from a pipe and answers with JSON.

It runs in a fork of the notebook's kernel, so before the first case it lets go of what belongs to the parent: the
kernel's sockets, its stdout, its signal handlers, its objects' finalisers.  Printed output is kept up to a bound;
memory and CPU are limited.  A case has so many CPU seconds, so that the verdict is the same on a busy machine; a timer
that finds the student's line ends an endless loop.  It leaves by `os._exit`, always.
"""

import builtins
import contextlib
import gc
import json
import math
import os
import pickle
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

with contextlib.suppress(ImportError):  # not on Windows, where nothing is forked
    import resource

from netlib.grading.guard import Guard
from netlib.grading.outcome import PRINTED_SHOWN, own_line, raised_part
from netlib.grading.plain import TooLarge, encode
from netlib.grading.signals import NotImplementedYet, NotWhileGraded

PRINTED_LIMIT = 4_000_000  # characters after which the function is stopped
MEMORY = 768 << 20  # bytes that a function may use beyond what the notebook had
CPU = 60  # seconds: for a child whose parent has gone
WALL = 5.0  # times its limit of CPU seconds that a case may take by the clock, on a busy machine
IDLE_WALL = 2.0  # the same for one that computes hardly anything: it sleeps, or waits for ever
IDLE = 0.05  # share of the time that it computes at most, then
BEGIN, GO_ON, ANSWER = b"<", b">", b"="  # how the messages to a target that has `connect` begin


class Flooded(BaseException):
    """Too much printed, where there is no child to end."""


class Printed:
    """Stands for stdout and stderr: keeps the beginning, counts the rest, and ends what never stops printing."""

    encoding = "utf-8"
    errors = "strict"
    closed = False

    def __init__(self, flooded: Callable[[], None]) -> None:
        self.flooded = flooded
        self.clear()

    def clear(self) -> None:
        self.kept = ""
        self.total = 0

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        length = str.__len__(text)
        if self.total < PRINTED_SHOWN:
            self.kept += str.__getitem__(text, slice(PRINTED_SHOWN - self.total))
        self.total += length
        if self.total > PRINTED_LIMIT:
            self.flooded()
        return length

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return 1

    def __enter__(self) -> "Printed":
        return self

    def __exit__(self, *error: object) -> None: ...


class Child:
    """The other side of the pipe.  `run` never returns.

    `target` carries out a case.  One that has `connect` (see `serve`) is given a way to ask the other side something
    in the middle of a call.
    """

    def __init__(self, target: Callable[[Any], Any], guard: Guard, requests: int, replies: int) -> None:
        self.target = target
        self.guard = guard
        self.requests = requests
        self.replies = replies
        self.printed = Printed(self.flooded)
        self.limit = 0.0  # CPU seconds for this case
        self.since = 0.0  # CPU time when this case began
        self.started = 0.0, 0.0  # CPU time and clock when the timers were started
        self.hard: int | None = None  # the most that RLIMIT_CPU can be
        self.patient = False  # it computes, but this machine has little time for it

    def run(self, settled: bool = False) -> None:
        """Answer cases until there are no more.  `settled`: limits, files and signals are as they should be."""
        if settled:
            self.listen_for_timers()
        else:
            self.settle_in()
        if hasattr(self.target, "connect"):
            self.target.connect(self.ask)
        while header := self.read(64):
            length, self.limit = json.loads(header)
            case = self.read(length)
            begins = case[:1] == BEGIN or not hasattr(self.target, "connect")
            if begins:
                self.since = time.process_time()
            self.reply(self.attempt(case, begins))
        os._exit(0)

    def attempt(self, case: bytes, begins: bool) -> dict[str, Any]:
        self.start_timers()
        answer = attempt(self.target, case, self.guard, self.printed, begins)
        self.stop_timers()
        return answer | {"cpu": self.cpu()}

    def cpu(self) -> float:
        """CPU seconds of this case so far."""
        return round(time.process_time() - self.since, 6)

    def ask(self, question: dict[str, Any]) -> bytes:
        """Ask the other side something; its answer, which is the first message that is one.

        Others are calls that it makes before it can answer.
        """
        self.stop_timers()
        self.reply({"kind": "asks"} | question | printed_part(self.printed) | {"called": self.guard.called})
        self.printed.clear()
        self.guard.called.clear()
        while True:
            length, self.limit = json.loads(self.read(64))
            message = self.read(length)
            if message[:1] == ANSWER:
                self.start_timers()
                return message[1:]
            self.reply(self.attempt(message, False))

    def start_timers(self) -> None:
        """Limit what is left of this case: its CPU time, and by the clock a multiple of it, for what sleeps."""
        self.started = time.process_time(), time.monotonic()
        left = max(0.01, self.limit - self.cpu())
        self.patient = False
        signal.setitimer(signal.ITIMER_PROF, left)
        signal.setitimer(signal.ITIMER_REAL, max(0.01, IDLE_WALL * self.limit))
        if self.hard is not None:  # this one also ends what never comes back to Python
            with contextlib.suppress(OSError, ValueError):
                whole = math.ceil(time.process_time() + left) + 1
                resource.setrlimit(resource.RLIMIT_CPU, (min(whole, self.hard), self.hard))

    def stop_timers(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def settle_in(self) -> None:
        gc.freeze()  # what the notebook made is not ours to finalise
        with contextlib.suppress(OSError):
            os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        for descriptor in open_files() - {0, 1, 2, self.requests, self.replies}:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = self.printed  # type: ignore[misc,assignment]
        quiet_jupyter()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        memory = memory_in_use() + MEMORY
        for what, limit in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, CPU), (resource.RLIMIT_AS, memory)):
            with contextlib.suppress(OSError, ValueError):
                _, hard = resource.getrlimit(what)
                resource.setrlimit(what, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
        self.listen_for_timers()
        self.guard.forget_caches()

    def listen_for_timers(self) -> None:
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, self.too_long)
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        self.hard = CPU if hard == resource.RLIM_INFINITY else hard

    def read(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            more = os.read(self.requests, length - len(data))
            if not more:
                os._exit(0)
            data += more
        return bytes(data)

    def reply(self, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode()
        view = memoryview(f"{len(data):<16}".encode() + data)
        while view:
            view = view[os.write(self.replies, view) :]

    def too_long(self, number: int, frame: FrameType | None) -> None:
        cpu, clock = time.process_time() - self.started[0], time.monotonic() - self.started[1]
        if number == signal.SIGALRM and not self.patient and cpu > IDLE * clock:
            self.patient = True
            signal.setitimer(signal.ITIMER_REAL, (WALL - IDLE_WALL) * self.limit)
            return
        self.guard.stop()
        frames: list[tuple[str, int]] = []
        while frame is not None:
            frames.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        line, source = own_line(frames)
        where = {"line": line, "source": source, "busy": number == signal.SIGPROF, "cpu": self.cpu()}
        self.leave({"kind": "hung", **where, **printed_part(self.printed)})

    def flooded(self) -> None:
        self.guard.stop()
        self.leave({"kind": "flood", **printed_part(self.printed)})

    def leave(self, answer: dict[str, Any]) -> None:
        try:
            self.reply(answer | {"called": self.guard.called})
        finally:
            os._exit(0)


def attempt(
    target: Callable[[Any], Any], case: bytes, guard: Guard, printed: Printed, begins: bool = True
) -> dict[str, Any]:
    """Call the student's code on one case, or as the next thing in one; the answer as JSON data."""
    printed.clear()
    guard.called.clear()
    if begins:
        random.seed(0)  # the same counterexample at each run, also for a function that throws dice
    read, write = getattr(target, "read", pickle.loads), getattr(target, "write", encode)
    try:
        answer: dict[str, Any] = {"kind": "returned", "value": write(target(read(case)))}
    except NotImplementedYet as waiting:
        answer = {"kind": "waiting", "message": str(waiting)[:200]}
    except TooLarge as error:
        answer = {"kind": "too large", "message": f"returned a value that {error}"}
    except Flooded:
        answer = {"kind": "flood"}
    except NotWhileGraded as cut:
        guard.record(cut.name)
        answer = {"kind": "raised", "raised": raised_part(cut)}
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and not hasattr(os, "fork"):
            raise
        answer = {"kind": "raised", "raised": raised_part(error)}
    return answer | printed_part(printed) | {"called": guard.called}


def printed_part(printed: Printed) -> dict[str, Any]:
    return {"printed": printed.kept, "printed_more": printed.total > PRINTED_SHOWN}


def open_files() -> set[int]:
    try:
        return set(map(int, os.listdir("/proc/self/fd")))
    except OSError:
        return set(range(3, 1024))


def memory_in_use() -> int:
    """Address space of this process, in bytes; Linux only, else a guess."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 4 << 30


def quiet_jupyter() -> None:
    """In the child: nothing may speak on the kernel's sockets, which are the parent's."""

    def no_input(prompt: object = "") -> str:
        raise RuntimeError("an exercise's function gets its input from its arguments: input() has nobody to ask here")

    builtins.input = no_input
    if "asyncio" in sys.modules:  # it takes longer to import than all the rest here
        sys.modules["asyncio"]._set_running_loop(None)
    threading.excepthook = lambda arguments: None
    if "IPython" in sys.modules:
        from IPython.core.displaypub import CapturingDisplayPublisher
        from IPython.core.interactiveshell import InteractiveShell

        if InteractiveShell.initialized():
            InteractiveShell.instance().display_pub = CapturingDisplayPublisher()  # type: ignore[no-untyped-call]
