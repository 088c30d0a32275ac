"""A process that is ready to become a lab.

To start Python and load what a lab's processes need takes longer than to make the lab: 50 ms of 80. So a notebook keeps
one such process, in which that is done, and each lab is a fork of it, made ahead of time where it can be (launcher.py).
(A fork of the notebook itself would carry the notebook's memory, threads and open files into the lab.) It is started
when the first lab is described, so that it gets ready while the topology is read, and ends with the notebook, however
that ends.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import weakref
from functools import lru_cache
from pathlib import Path

import netlib
from netlib.lab.agent.channel import pair, receive, send

_PACKAGE_PARENT = str(Path(netlib.__file__).resolve().parent.parent)
_BOOT = "import sys; sys.path.append(sys.argv.pop(1)); from netlib.lab.netns.launcher import serve; serve()"
_END_TIMEOUT = 5.0  # seconds until the process must be gone


class ForkServer:
    """The process, and the way to ask it for a fork. OSError when it cannot be started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = pair()
        notebook = os.pidfd_open(os.getpid())
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BOOT, _PACKAGE_PARENT, str(theirs.fileno()), str(notebook)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if "NETLIB_LAB_DEBUG" in os.environ else subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), notebook],
                env={name: value for name, value in os.environ.items() if name.startswith("LD_")},  # no secrets
                start_new_session=True,
            )
        finally:
            theirs.close()
            os.close(notebook)
        weakref.finalize(self, _end, self._process, self._socket, os.getpid())

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def launch(self, control: int, description: int, binds: bool) -> tuple[int, int]:
        """A launcher that talks on `control` and reads its lab from `description`: (its process id, its pidfd).

        `binds`: whether the lab has files of its own to show to its nodes.
        """
        with self._lock:
            send(self._socket, {"binds": binds}, [control, description])
            answer, fds = receive(self._socket)
        if answer is None or not fds:
            raise ConnectionResetError("the process that starts labs has ended")
        return int(answer["pid"]), fds[0]


def _end(process: subprocess.Popen[bytes], channel: object, owner: int) -> None:
    if os.getpid() == owner:
        channel.close()  # type: ignore[attr-defined]
        with contextlib.suppress(subprocess.TimeoutExpired):  # a fork has the channel, too: it ends when we have ended
            process.wait(_END_TIMEOUT)


@lru_cache(maxsize=1)
def _server(process: int, user: int) -> ForkServer:
    return ForkServer()


def forkserver() -> ForkServer:
    """This process's own: a fork of the notebook, or one that has become another user, gets another."""
    server = _server(os.getpid(), os.geteuid())
    if not server.running:
        _server.cache_clear()
        server = _server(os.getpid(), os.geteuid())
    return server
