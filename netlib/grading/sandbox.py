"""Where a student's code runs: a forked child that may do what it likes, while the notebook goes on.

The child is a copy of this process at the moment of the fork, so it has the student's function and everything that
it uses; nothing that it does to its copy reaches the notebook.  It takes one case after another from a pipe and
answers each with JSON (see `plain`).  It has limits on time a call, memory and printed output; a child that ends,
hangs or talks nonsense is replaced by a new one for the next case, and the parent says what happened.

Three clocks: timer signals in the child, which also find the line that is being run, and leave without raising,
so that a bare `except` cannot swallow them; RLIMIT_CPU, for code that never lets Python handle a signal; and the
parent's own limit.  What counts is CPU time, so that a busy machine changes no verdict.

Where there is no `os.fork` (Windows, Pyodide) the code runs in this process: exceptions and printed output are
handled all the same, but an endless loop has to be interrupted by hand.
"""

import contextlib
import json
import math
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from netlib.grading.child import WALL, Child, Flooded, Printed, attempt
from netlib.grading.guard import Guard
from netlib.grading.outcome import UNREADABLE, Outcome, outcome_of
from netlib.grading.plain import read_json

ANSWER_LIMIT = 16_000_000  # bytes of JSON
RECEIVED = 400_000_000  # bytes of all answers together
LIES = 0.05  # CPU seconds of a call, above which a process is not believed that it has used less than half
GRACE = 1.0  # seconds between the child's own timer and the parent's


class Starter(Protocol):
    """Starts processes that have the student's answer and speak as `child.Child` does."""

    def start(self) -> "Started": ...


@dataclass
class Started:
    """A process that carries out cases: it leads its own process group, and is this one's child.

    It takes requests from the descriptor `requests` and writes to `replies`; both ends here are the Sandbox's, which
    closes them and ends the process.  `announces`: before the first request it sends one frame, {"kind": "ready"}, or
    what kept it from that: the frame of an outcome, such as {"kind": "waiting", "message": ...}, {"kind": "raised",
    "raised": raised_part(error)} or {"kind": "no answer", "message": ...}.  `boot_limit`: seconds for that.
    """

    pid: int
    requests: int
    replies: int
    announces: bool = False
    boot_limit: float = 30.0


class Fork:
    """A fork of this process, which therefore has all that `target`, a function of one case, makes use of.

    `here` takes the place of `target` where nothing can be forked.
    """

    def __init__(
        self, target: Callable[[Any], Any], guard: Guard | None = None, here: Callable[[Any], Any] | None = None
    ) -> None:
        self.target = target
        self.guard = guard or Guard()
        self.here = here or target

    def start(self) -> Started:
        from_parent, requests = os.pipe()
        replies, to_parent = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: the child uses none of theirs
            pid = os.fork()
        if pid == 0:
            try:
                os.close(requests)
                os.close(replies)
                Child(self.target, self.guard, from_parent, to_parent).run()
            finally:
                os._exit(70)
        os.close(from_parent)
        os.close(to_parent)
        return Started(pid, requests, replies)

    def call_here(self, case: bytes) -> Outcome:
        """The outcome for a case, without a process of its own."""

        def flooded() -> None:
            raise Flooded

        printed = Printed(flooded)
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            return outcome_of(attempt(self.here, case, self.guard, printed))


def cpu_clock(pid: int) -> Callable[[], float]:
    """What tells the CPU seconds that a process has used, or the one inside it where it is bubblewrap.

    It stands still where there is no telling, and when the process has ended.
    """
    with contextlib.suppress(OSError, ValueError):
        while inner := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            pid = int(inner[0])
    clock = (~pid << 3) | 2  # clock_getcpuclockid(3), which Python doesn't have
    last = 0.0

    def read() -> float:
        nonlocal last
        with contextlib.suppress(OSError, AttributeError, OverflowError):
            last = time.clock_gettime(clock)
        return last

    return read if sys.platform == "linux" else lambda: 0.0


def believed(cpu: Any, measured: float | None) -> float:
    """The CPU seconds of a call, as its process says; as measured from outside if it has used far more."""
    if not isinstance(cpu, float) or not cpu >= 0:
        return math.inf
    return measured if measured is not None and measured > 2 * cpu + LIES else cpu


class Broken(Exception):
    """A process that gives no answer (any more); `outcome` says how."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Sandbox:
    """Calls the student's answer in a process that `starter` starts, one case at a time.

    `call_limit` (CPU seconds) may be changed between calls.  Use as a context manager: leaving it ends the process.
    """

    def __init__(self, starter: Starter, call_limit: float = 2.0) -> None:
        self.starter = starter
        self.process: Started | None = None
        self.clock: Callable[[], float] = float  # CPU seconds of the process
        self.trouble: Outcome | None = None  # why there is nothing to call
        self.begin(call_limit)

    def begin(self, call_limit: float) -> None:
        """Count anew, for another search."""
        self.call_limit = call_limit
        self.spent = 0.0  # CPU seconds in calls
        self.waited = 0.0  # seconds in calls
        self.received = 0  # bytes of answers

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def call(self, case: bytes) -> Outcome:
        """The outcome for a pickled case.  Never raises for what the student's code does."""
        if isinstance(self.starter, Fork) and self.here:
            return self.starter.call_here(case)
        try:
            answer = self.exchange(case)
            with self.nonsense():
                return outcome_of(answer)
        except Broken as broken:
            return broken.outcome

    @property
    def here(self) -> bool:
        """Whether there is no process beside this one."""
        return isinstance(self.starter, Fork) and not hasattr(os, "fork")

    def exchange(self, data: bytes, patience: float | None = None) -> dict[str, Any]:
        """Send one message, and give the frame that comes back, within `patience` seconds (and some grace).

        Raises Broken with the outcome when none comes, and whatever the starter raises.
        """
        if self.trouble:
            raise Broken(self.trouble)
        booting = self.process is None
        if self.process is None:
            self.process = self.starter.start()
            os.set_blocking(self.process.requests, False)
        started, used = time.monotonic(), 0.0
        cpu = measured = None
        try:
            if booting and self.process.announces:
                self.boot(self.process)
            if booting:
                self.clock = cpu_clock(self.process.pid)
            booting = False
            started, used = time.monotonic(), self.clock()
            deadline = started + (WALL * self.call_limit if patience is None else patience) + GRACE
            with self.nonsense():
                self.send(json.dumps([len(data), self.call_limit]).encode().ljust(64) + data, deadline)
                answer = self.answer(deadline)
                cpu, measured = answer.get("cpu"), self.clock() - used
                if answer["kind"] in ("hung", "flood"):
                    self.close()
            return answer
        except Broken as broken:
            self.close()
            if booting:  # what could not even begin will not do better the next time
                broken.outcome.before = True
                self.trouble = broken.outcome
            raise
        except BaseException:  # the student's stop button: leave nothing behind
            self.close()
            raise
        finally:
            waited = time.monotonic() - started
            self.waited += waited
            self.spent += min(believed(cpu, measured), waited)

    def boot(self, process: Started) -> None:
        """Wait for the first frame; raises Broken when the process has no answer to call."""
        with self.nonsense():
            answer = self.answer(time.monotonic() + process.boot_limit)
            outcome = None if answer["kind"] == "ready" else outcome_of(answer)
        if outcome is not None:
            raise Broken(outcome)

    @contextlib.contextmanager
    def nonsense(self) -> Iterator[None]:
        """Silence, death and nonsense of the process, as Broken."""
        try:
            yield
        except TimeoutError:
            raise Broken(self.overdue()) from None
        except (EOFError, OSError):
            raise Broken(self.last_words()) from None
        except Exception:  # what comes from there may be anything; MemoryError and RecursionError are among it
            self.close()
            raise Broken(Outcome("died", message=UNREADABLE)) from None

    def answer(self, deadline: float) -> dict[str, Any]:
        """The next frame: an object.  Raises ValueError for anything else."""
        length = int(self.receive(16, deadline))
        self.received += length
        if self.received > RECEIVED:
            raise ValueError("too much in all")
        return read_json(self.receive(length, deadline))

    def send(self, data: bytes, deadline: float) -> None:
        assert self.process is not None
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self.process.requests, view) :]
            except BlockingIOError:
                self.wait(self.process.requests, select.POLLOUT, deadline)

    def receive(self, length: int, deadline: float) -> bytes:
        if not 0 <= length <= ANSWER_LIMIT:
            raise ValueError(f"an answer of {length} bytes")
        assert self.process is not None
        data = bytearray()
        while len(data) < length:
            self.wait(self.process.replies, select.POLLIN, deadline)
            more = os.read(self.process.replies, min(length - len(data), 1 << 20))
            if not more:
                raise EOFError
            data += more
        return bytes(data)

    def wait(self, descriptor: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError

    def overdue(self) -> Outcome:
        return Outcome("hung", message=f"did not finish within {self.call_limit:g} s")

    def last_words(self) -> Outcome:
        """Why the child has ended.  It has closed its pipe, so it ends now or is ended."""
        announces = self.process is not None and self.process.announces
        status = self.close(patience=2.0)  # on a busy machine it takes a while to end
        if status is None:
            return Outcome("died", message="closed the checker's own files")
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if announces and os.WIFEXITED(status):
            number = max(0, os.WEXITSTATUS(status) - 128)  # of a process inside the one that was started
        if number == signal.SIGXCPU:
            return self.overdue()
        if number in set(signal.Signals):
            name = signal.Signals(number).name
            said = f"crashed Python with {name}{' (endless recursion does that)' if name == 'SIGSEGV' else ''}"
        else:
            said = f"ended the whole process (exit status {os.waitstatus_to_exitcode(status)}), as os._exit does"
        return Outcome("died", message=said)

    def close(self, patience: float = 0.0) -> int | None:
        """End the child and its process group.  Its status, if it had ended by itself within `patience` seconds."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        pid = process.pid
        os.close(process.requests)
        os.close(process.replies)
        end = time.monotonic() + patience
        while True:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended or time.monotonic() >= end:
                break
            time.sleep(0.005)
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)  # it leads its own group: also whatever it has started
        if ended:
            return status
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return None
