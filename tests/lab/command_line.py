"""The `netlib` command as a user runs it: in processes of its own, with pipes or at a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

from lab.processes import Footprint

from netlib.lab import kept

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "netlib.cli"]
PATIENCE = 60.0  # seconds


def netlib(*words: str, status: int = 0, **options: Any) -> str:
    """Run it to its end; what it printed on stdout."""
    done = run(*words, **options)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout


def refused(*words: str, **options: Any) -> str:
    """Run it; the one line with which it failed."""
    done = run(*words, **options)
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == 1, (words, done.returncode, done.stdout, done.stderr)
    assert lines[0].startswith("netlib: ")
    return lines[0].removeprefix("netlib: ")


def run(*words: str, cwd: Path = ROOT, input: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], cwd=cwd, env=environment(), input=input, capture_output=True, text=True, timeout=PATIENCE
    )


def start(*words: str, cwd: Path = ROOT, **options: Any) -> subprocess.Popen[str]:
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([*COMMAND, *words], cwd=cwd, env=environment(), text=True, **streams)


def environment() -> dict[str, str]:
    """The tests' own, where netlib is found from any folder; the engine is the one that needs nothing."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "NETLIB_LAB_ENGINE": "netns", "COLUMNS": "80"}


def keeper(name: str = "06-icmp") -> int:
    """The process of a keeper."""
    return kept.find(name).pid


def footprint(name: str = "06-icmp") -> Footprint:
    """What the lab of that keeper is made of."""
    return Footprint(keeper(name))


class Terminal:
    """A command at a terminal of its own, 24 rows by 80 columns. What it has shown is in `shown`."""

    def __init__(self, *argv: str) -> None:
        self.shown = ""
        self._read_until = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(ROOT)
                os.execve(argv[0], list(argv), {**environment(), "TERM": "dumb"})
            finally:
                os._exit(126)
        self.resize(24, 80)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait_for(self, text: str) -> str:
        """All that is shown until `text` comes, from where the last wait ended."""
        deadline = time.monotonic() + PATIENCE
        while (at := self.shown.find(text, self._read_until)) < 0:
            assert self._more(deadline - time.monotonic()), f"{text!r} did not come: {self.shown!r}"
        begin, self._read_until = self._read_until, at + len(text)
        return self.shown[begin : self._read_until]

    def end(self) -> int:
        """Wait for its end; its exit status."""
        deadline = time.monotonic() + PATIENCE
        while self._more(deadline - time.monotonic()):
            pass
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def _more(self, timeout: float) -> bool:
        assert select.select([self.fd], [], [], max(0.0, timeout))[0], f"nothing more comes: {self.shown!r}"
        try:
            data = os.read(self.fd, 4096)
        except OSError:  # the other end is closed
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)

    def is_raw(self) -> bool:
        return not termios.tcgetattr(self.fd)[3] & termios.ICANON

    def close(self) -> None:
        """As closing the window does."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
