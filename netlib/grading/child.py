"""The child's side of the sandbox: a loop that takes cases from a pipe and answers with JSON.

It runs in a fork of the notebook's kernel, so before the first case it lets go of what belongs to the parent: the
kernel's sockets, its stdout, its signal handlers, its objects' finalisers.  Printed output is kept up to a bound;
memory and CPU are limited; a timer that finds the student's line ends an endless loop.  It leaves by `os._exit`,
always.
"""

import builtins
import contextlib
import gc
import json
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

from netlib.grading.guard import Guard
from netlib.grading.outcome import PRINTED_SHOWN, own_line, raised_part
from netlib.grading.plain import TooLarge, encode
from netlib.grading.signals import NotImplementedYet, NotWhileGraded

PRINTED_LIMIT = 4_000_000  # characters after which the function is stopped
MEMORY = 768 << 20  # bytes that a function may use beyond what the notebook had
CPU = 60  # seconds: only for a child whose parent has gone


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
    """The other side of the pipe.  `run` never returns."""

    def __init__(self, target: Callable[[Any], Any], guard: Guard, requests: int, replies: int) -> None:
        self.target = target
        self.guard = guard
        self.requests = requests
        self.replies = replies
        self.printed = Printed(self.flooded)
        self.busy_from = 0.0  # CPU seconds

    def run(self, settled: bool = False) -> None:
        """Answer cases until there are no more.  `settled`: limits, files and signals are as they should be."""
        if settled:
            self.listen_for_timers()
        else:
            self.settle_in()
        while header := self.read(64):
            length, limit = json.loads(header)
            case = self.read(length)
            self.busy_from = time.process_time() + limit / 2
            signal.setitimer(signal.ITIMER_REAL, limit)
            answer = attempt(self.target, case, self.guard, self.printed)
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.reply(answer)
        os._exit(0)

    def settle_in(self) -> None:
        import resource

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
        self.listen_for_timers()
        memory = memory_in_use() + MEMORY
        for what, limit in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, CPU), (resource.RLIMIT_AS, memory)):
            with contextlib.suppress(OSError, ValueError):
                _, hard = resource.getrlimit(what)
                resource.setrlimit(what, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
        self.guard.forget_caches()

    def listen_for_timers(self) -> None:
        signal.signal(signal.SIGALRM, self.too_long)

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
        self.guard.stop()
        frames: list[tuple[str, int]] = []
        while frame is not None:
            frames.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        line, source = own_line(frames)
        where = {"line": line, "source": source, "busy": time.process_time() >= self.busy_from}
        self.leave({"kind": "hung", **where, **printed_part(self.printed)})

    def flooded(self) -> None:
        self.guard.stop()
        self.leave({"kind": "flood", **printed_part(self.printed)})

    def leave(self, answer: dict[str, Any]) -> None:
        try:
            self.reply(answer | {"called": self.guard.called})
        finally:
            os._exit(0)


def attempt(target: Callable[[Any], Any], case: bytes, guard: Guard, printed: Printed) -> dict[str, Any]:
    """Call the student's code on one case; the answer as JSON data."""
    printed.clear()
    guard.called.clear()
    random.seed(0)  # the same counterexample at each run, also for a function that throws dice
    try:
        value = target(pickle.loads(case))
        answer: dict[str, Any] = {"kind": "returned", "value": encode(value)}
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
