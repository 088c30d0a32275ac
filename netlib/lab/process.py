"""A command in a node: `Done` when it has ended, `Process` while it runs.

Its standard streams are pipes of this process, so its output arrives as it is written; its exit status arrives on a
pipe too. Everything that waits here has a deadline, and everything that reads a limit.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import signal as signals
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from netlib.lab.errors import LabError, LabTimeout, NotLive

if TYPE_CHECKING:
    from netlib.lab.node import Node

KILL_TIMEOUT = 20.0  # seconds until a killed command must be gone
OUTPUT_LIMIT = 16 << 20  # bytes that `run` keeps of what a command prints
STATUS_LIMIT = 4096  # bytes: an exit status in digits; or from a recording, that cannot repeat it, `!` and the reason
Command = str | Sequence[str]
Output = dict[TextIO, bytearray]


def last_words(said: str) -> str:
    """The line that tells most of what a program said: the last, or the one that a row of carets below belongs to."""
    lines = said.strip().splitlines()
    for number, line in enumerate(lines[2:], 2):
        if line.strip() and not line.strip(" \t^~-"):
            return lines[number - 2]  # nft: the error, the words that it is about, the carets
    return lines[-1] if lines else ""


@dataclass(frozen=True)
class Done:
    """A command that has ended. A negative `returncode` is the signal that ended it, as in `subprocess`."""

    argv: list[str]
    returncode: int
    stdout: str
    stderr: str
    node: str = ""
    mark: str = ""  # what says that it was not run now, but recorded

    def __bool__(self) -> bool:
        """Did it succeed?"""
        return self.returncode == 0

    def check(self) -> Done:
        """This result, if the command succeeded; LabError with its last words if not."""
        if self.returncode:
            said = last_words(self.stderr or self.stdout)
            reason = f": {said}" if said else ""
            raise LabError(f"{self.node}: {shlex.join(self.argv)} failed with status {self.returncode}{reason}")
        return self

    def __str__(self) -> str:
        head = f"{self.node}$ {shlex.join(self.argv)}{in_brackets(self.mark)}"
        lines = [head, (self.stdout + self.stderr).rstrip("\n")]
        if self.returncode:
            lines.append(f"[exit status {self.returncode}]")
        return "\n".join(line for line in lines if line)

    __repr__ = __str__


class Process:
    """A running command. `stdout` and `stderr` are text files; None for a stream that you gave away."""

    def __init__(self, node: Node, argv: list[str], pid: int, status: int, streams: list[TextIO | None]):
        self.node, self.argv = node, argv
        self.pid = pid  # in the node
        self.stdin, self.stdout, self.stderr = streams
        self.returncode: int | None = None
        self._status = status
        self._close_status = weakref.finalize(self, os.close, status)

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        with contextlib.suppress(LabTimeout):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status. LabTimeout when the command still runs after `timeout` seconds."""
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._status, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise LabTimeout(f"{self.node.name}: {shlex.join(self.argv)} still runs after {timeout} s")
            self._collect()
        assert self.returncode is not None
        return self.returncode

    def _collect(self) -> None:
        text = os.read(self._status, STATUS_LIMIT)
        self._close_status()
        self.returncode = -signals.SIGKILL  # no word: the node went down, and all with it
        if text.startswith(b"!"):
            raise NotLive(text[1:].decode(errors="replace"))
        if text:
            self.returncode = int(text)

    def fileno(self) -> int:
        """For select and poll: a descriptor that is readable when the command has ended, until `wait` is called."""
        return self._status

    def kill(self, signal: int = signals.SIGKILL) -> None:
        """Send a signal to the command and what it has started."""
        if self.poll() is None:
            with contextlib.suppress(LabError):
                self.node._request("kill", pid=self.pid, signal=int(signal))

    def terminate(self) -> None:
        self.kill(signals.SIGTERM)

    def communicate(self, timeout: float | None = None, input: str = "") -> tuple[str, str]:
        """Feed `input`, read all that the command prints, wait for its end: (stdout, stderr).

        LabTimeout after `timeout` seconds, LabError beyond 16 MiB of output; the command is then killed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            output = self._exchange(input.encode(), deadline, timeout)
        except BaseException:
            self.kill()
            raise
        finally:
            for stream in (self.stdin, self.stdout, self.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()
        first, second = (
            output[stream].decode(errors="replace") if stream else "" for stream in (self.stdout, self.stderr)
        )
        return first, second

    def _exchange(self, data: bytes, deadline: float | None, timeout: float | None) -> Output:
        output: Output = {stream: bytearray() for stream in (self.stdout, self.stderr) if stream}
        with selectors.DefaultSelector() as selector:
            for stream in output:
                os.set_blocking(stream.fileno(), False)
                selector.register(stream.fileno(), selectors.EVENT_READ, stream)
            if self.stdin and data:
                os.set_blocking(self.stdin.fileno(), False)
                selector.register(self.stdin.fileno(), selectors.EVENT_WRITE, self.stdin)
            elif self.stdin:
                self.stdin.close()
            if self.returncode is None:
                selector.register(self._status, selectors.EVENT_READ, None)
            while self.returncode is None:
                wait = None if deadline is None else max(0.0, deadline - time.monotonic())
                events = selector.select(wait)
                if not events:
                    raise LabTimeout(
                        f"{self.node.name}: {shlex.join(self.argv)} was killed: it still ran after {timeout} s "
                        "(give it more with timeout=...)"
                    )
                for key, _ in events:
                    if key.data is None:
                        selector.unregister(key.fd)
                        self._collect()
                    elif key.data is self.stdin:
                        data = self._feed(selector, data)
                    elif not self._read(key.data, output):
                        selector.unregister(key.fd)
            # What it wrote is in the pipes now. A daemon that it left behind may hold them open: do not wait for that.
            for stream in output:
                while self._read(stream, output):
                    pass
        return output

    def _feed(self, selector: selectors.BaseSelector, data: bytes) -> bytes:
        assert self.stdin
        try:
            data = data[os.write(self.stdin.fileno(), data[:65536]) :]
        except OSError:  # it does not want to read on
            data = b""
        if not data:
            selector.unregister(self.stdin.fileno())
            self.stdin.close()
        return data

    def _read(self, stream: TextIO, output: Output) -> bool:
        """Take what is there; False at the end, and when there is nothing."""
        try:
            data = os.read(stream.fileno(), 65536)
        except BlockingIOError:
            return False
        output[stream] += data
        if len(output[stream]) > OUTPUT_LIMIT:
            raise LabError(
                f"{self.node.name}: {shlex.join(self.argv)} was killed: it printed more than "
                f"{OUTPUT_LIMIT >> 20} MiB (send it to a file, or read it with popen)"
            )
        return bool(data)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait(KILL_TIMEOUT)
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()

    def __repr__(self) -> str:
        status = self.poll()
        state = "running" if status is None else f"ended with status {status}"
        return f"{self.node.name}$ {shlex.join(self.argv)} [{state}]{in_brackets(self.node.lab.mark)}"


def in_brackets(mark: str) -> str:
    """A lab's mark, as it stands at the end of a line; nothing for a live lab."""
    return f"  [{mark}]" if mark else ""


class CommandMissing(LabError):
    """A command that the node does not have."""


def split(command: Command) -> list[str]:
    """The words of a command. LabError for one that has none, or open quotes."""
    try:
        argv = shlex.split(command) if isinstance(command, str) else [os.fspath(word) for word in command]
    except ValueError as error:
        raise LabError(f"{command!r}: {str(error).lower()}; check the quotes, or use .sh(...)") from None
    except TypeError as error:
        raise LabError(f"a command is a string or a list of strings: {error}") from None
    if not argv or any("\0" in word for word in argv):
        raise LabError(f"{command!r} is not a command")
    return argv


# Debian's packages of the tools that lessons use, where the names differ
_PACKAGES = {
    "ping": "iputils-ping",
    "arping": "iputils-arping",
    "ip": "iproute2",
    "ss": "iproute2",
    "nc": "netcat-openbsd",
    "dig": "bind9-dnsutils",
    "nft": "nftables",
    "sysctl": "procps",
    "iperf3": "iperf3",
    "traceroute": "traceroute",
    "tcpdump": "tcpdump",
    "curl": "curl",
}


def how_to_install(tool: str) -> str:
    if tool in _PACKAGES:
        return f"; install it (Debian: apt install {_PACKAGES[tool]})"
    return "; is it installed on this machine, in one of /usr/local/bin, /usr/bin, /usr/sbin?"
