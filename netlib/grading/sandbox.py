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
from typing import Any

from netlib.grading.child import Child, Flooded, Printed, attempt
from netlib.grading.guard import Guard
from netlib.grading.outcome import Outcome, outcome_of

ANSWER_LIMIT = 16_000_000  # bytes of JSON
GRACE = 1.0  # seconds between the child's own timer and the parent's


class Sandbox:
    """Calls `target(case)` in a child process, one case at a time.

    `call_limit` (seconds) may be changed between calls.  Use as a context manager: leaving it ends the child.
    """

    def __init__(self, target: Callable[[Any], Any], guard: Guard | None = None, call_limit: float = 2.0) -> None:
        self.target = target
        self.guard = guard or Guard()
        self.call_limit = call_limit
        self.spent = 0.0  # seconds in calls
        self.pid: int | None = None
        self.requests = self.replies = -1

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def call(self, case: bytes) -> Outcome:
        """The outcome for a pickled case.  Never raises for what the student's code does."""
        started = time.monotonic()
        try:
            return self.call_in_child(case) if hasattr(os, "fork") else self.call_here(case)
        finally:
            self.spent += time.monotonic() - started

    def call_here(self, case: bytes) -> Outcome:
        def flooded() -> None:
            raise Flooded

        printed = Printed(flooded)
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            return outcome_of(attempt(self.target, case, self.guard, printed))

    def call_in_child(self, case: bytes) -> Outcome:
        if self.pid is None:
            self.start()
        deadline = time.monotonic() + self.call_limit + GRACE
        header = json.dumps([len(case), self.call_limit]).encode().ljust(64)
        try:
            self.send(header + case, deadline)
            answer = json.loads(self.receive(int(self.receive(16, deadline)), deadline))
            if answer["kind"] in ("hung", "flood"):
                self.close()
            return outcome_of(answer)
        except TimeoutError:
            self.close()
            return Outcome("hung", message=f"did not return within {self.call_limit:g} s")
        except (EOFError, OSError):
            return Outcome("died", message=self.last_words())
        except (ValueError, KeyError, TypeError, AttributeError):
            self.close()
            return Outcome("died", message="answered with something that the check cannot read")
        except BaseException:  # the student's stop button: leave nothing behind
            self.close()
            raise

    def start(self) -> None:
        from_parent, self.requests = os.pipe()
        self.replies, to_parent = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: the child uses none of theirs
            self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.requests)
                os.close(self.replies)
                Child(self.target, self.guard, from_parent, to_parent).run()
            finally:
                os._exit(70)
        os.close(from_parent)
        os.close(to_parent)
        os.set_blocking(self.requests, False)

    def send(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self.requests, view) :]
            except BlockingIOError:
                self.wait(self.requests, select.POLLOUT, deadline)

    def receive(self, length: int, deadline: float) -> bytes:
        if not 0 <= length <= ANSWER_LIMIT:
            raise ValueError(f"an answer of {length} bytes")
        data = bytearray()
        while len(data) < length:
            self.wait(self.replies, select.POLLIN, deadline)
            more = os.read(self.replies, min(length - len(data), 1 << 20))
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
        status = self.close(patience=0.5)
        if status is None:
            return "closed the checker's own files"
        if os.WIFSIGNALED(status):
            name = signal.Signals(os.WTERMSIG(status)).name
            return f"crashed Python with {name}{' (endless recursion does that)' if name == 'SIGSEGV' else ''}"
        return f"ended the whole process (exit status {os.waitstatus_to_exitcode(status)}), as os._exit does"

    def close(self, patience: float = 0.0) -> int | None:
        """End the child and its process group.  Its status, if it had ended by itself within `patience` seconds."""
        if self.pid is None:
            return None
        pid, self.pid = self.pid, None
        os.close(self.requests)
        os.close(self.replies)
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
