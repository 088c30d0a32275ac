"""Where a student's code runs: a forked child that may do what it likes, while the notebook goes on.

The child is a copy of this process at the moment of the fork, so it has the student's function and everything that
it uses; nothing that it does to its copy reaches the notebook.  It takes one case after another from a pipe and
answers each with JSON (see `plain`).  It has limits on time a call, memory and printed output; a child that ends,
hangs or talks nonsense is replaced by a new one for the next case, and the parent says what happened.

Three clocks: a timer signal in the child, which also finds the line that is being run, and leaves without raising,
so that a bare `except` cannot swallow it; the parent's own limit, for code that never lets Python handle a signal;
and RLIMIT_CPU, for a child whose parent has gone.  Where there is no `os.fork` (Windows, Pyodide) the code runs in
this process: exceptions and printed output are handled all the same, but an endless loop has to be interrupted by
hand.
"""

import contextlib
import json
import os
import select
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from netlib.grading.child import Child, Flooded, Printed, attempt
from netlib.grading.guard import Guard
from netlib.grading.outcome import UNREADABLE, Outcome, outcome_of
from netlib.grading.plain import read_json

ANSWER_LIMIT = 16_000_000  # bytes of JSON
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
    """A fork of this process, which therefore has all that `target`, a function of one case, makes use of."""

    def __init__(self, target: Callable[[Any], Any], guard: Guard | None = None) -> None:
        self.target = target
        self.guard = guard or Guard()

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
            return outcome_of(attempt(self.target, case, self.guard, printed))


class Sandbox:
    """Calls the student's answer in a process that `starter` starts, one case at a time.

    `call_limit` (seconds) may be changed between calls.  Use as a context manager: leaving it ends the process.
    """

    def __init__(self, starter: Starter, call_limit: float = 2.0) -> None:
        self.starter = starter
        self.call_limit = call_limit
        self.spent = 0.0  # seconds in calls
        self.process: Started | None = None
        self.trouble: Outcome | None = None  # why there is nothing to call

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def call(self, case: bytes) -> Outcome:
        """The outcome for a pickled case.  Never raises for what the student's code does."""
        if self.trouble:
            return self.trouble
        started = time.monotonic()
        try:
            if isinstance(self.starter, Fork) and not hasattr(os, "fork"):
                return self.starter.call_here(case)
            return self.call_process(case)
        finally:
            self.spent += time.monotonic() - started

    def call_process(self, case: bytes) -> Outcome:
        if self.process is None:
            self.process = self.starter.start()
            os.set_blocking(self.process.requests, False)
            booting = self.process.announces
        else:
            booting = False
        try:
            if booting:
                answer = self.answer(time.monotonic() + self.process.boot_limit)
                if answer["kind"] != "ready":
                    trouble = outcome_of(answer)
                    self.close()
                    return self.failed(True, trouble)
            booting = False
            deadline = time.monotonic() + self.call_limit + GRACE
            header = json.dumps([len(case), self.call_limit]).encode().ljust(64)
            self.send(header + case, deadline)
            answer = self.answer(deadline)
            if answer["kind"] in ("hung", "flood"):
                self.close()
            return outcome_of(answer)
        except TimeoutError:
            self.close()
            limit = self.call_limit
            return self.failed(booting, Outcome("hung", message=f"did not return within {limit:g} s"))
        except (EOFError, OSError):
            return self.failed(booting, Outcome("died", message=self.last_words()))
        except Exception:  # what comes from there may be anything; MemoryError and RecursionError are among it
            self.close()
            return self.failed(booting, Outcome("died", message=UNREADABLE))
        except BaseException:  # the student's stop button: leave nothing behind
            self.close()
            raise

    def failed(self, booting: bool, outcome: Outcome) -> Outcome:
        """A process that could not even begin will not do better the next time."""
        if booting:
            outcome.before = True
            self.trouble = outcome
        return outcome

    def answer(self, deadline: float) -> dict[str, Any]:
        """The next frame: an object.  Raises ValueError for anything else."""
        return read_json(self.receive(int(self.receive(16, deadline)), deadline))

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

    def last_words(self) -> str:
        """Why the child has ended.  It has closed its pipe, so it ends now or is ended."""
        announces = self.process is not None and self.process.announces
        status = self.close(patience=0.5)
        if status is None:
            return "closed the checker's own files"
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if announces and os.WIFEXITED(status):
            number = max(0, os.WEXITSTATUS(status) - 128)  # of a process inside the one that was started
        if number in set(signal.Signals):
            name = signal.Signals(number).name
            return f"crashed Python with {name}{' (endless recursion does that)' if name == 'SIGSEGV' else ''}"
        return f"ended the whole process (exit status {os.waitstatus_to_exitcode(status)}), as os._exit does"

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
