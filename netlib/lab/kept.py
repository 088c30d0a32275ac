"""Labs that `netlib lab up` has started, seen from other processes: which there are, and a session with one.

A keeper (keeper.py) owns such a lab and listens on a unix socket, `<name>.sock`, in a folder that only its user may
look into. A client's message says which node it is for, and the rest is a session's request, descriptors and all:

    {"id": 1, "node": "h1", "op": "exec", "arguments": {"argv": ["true"], "env": {}}}

Without a node it is for the keeper itself: "about", or "end". Both sides ask the kernel who the other one is. A keeper
that was killed leaves its socket behind, and nobody answers there: the next look removes it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import re
import select
import socket
import stat
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlib.lab import errors
from netlib.lab.agent.channel import Message, receive, send
from netlib.lab.errors import LabError
from netlib.lab.session import REQUEST_TIMEOUT, check_owner
from netlib.lab.topology import Topology, parse_topology

START_TIMEOUT = 120.0  # seconds that a client waits for a lab that is just starting
ANSWER_TIMEOUT = REQUEST_TIMEOUT + 5.0  # seconds: the keeper itself waits for the node
LOOK_TIMEOUT = 10.0  # seconds for a keeper to say who it is
END_TIMEOUT = 60.0  # seconds for a lab to end
SUFFIX = ".sock"
_CREDENTIALS = struct.Struct("=3i")  # process, user, group


@dataclass(frozen=True)
class Kept:
    """A lab with a keeper. While it starts, `badge` is empty; where nobody answers, `pid` is 0."""

    name: str
    pid: int = 0  # the keeper's process
    since: float = 0.0  # seconds since 1970
    engine: str = ""
    badge: str = ""
    live: bool = True
    path: str = ""  # of its topology, absolute
    shown: str = ""  # the same as its user gave it
    missing: Mapping[str, list[str]] | None = None

    @property
    def state(self) -> str:
        """What `netlib lab list` says of it."""
        if not self.pid:
            return "does not answer"
        return f"up since {clock(self.since)}, {self.engine}" if self.badge else "is starting"


def clock(when: float) -> str:
    """A time of today as 14:02, another with its date."""
    then = time.localtime(when)
    return time.strftime("%H:%M" if then[:3] == time.localtime()[:3] else "%Y-%m-%d %H:%M", then)


def runtime_folder() -> Path:
    """Where this user's keepers listen: in XDG_RUNTIME_DIR, or else in the folder for temporary files."""
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    with contextlib.suppress(OSError):
        if os.path.isabs(given) and os.stat(given).st_uid == os.geteuid():  # sudo may leave that of another user
            return Path(given, "netlib")
    return Path(tempfile.gettempdir(), f"netlib-{os.geteuid()}")


@contextlib.contextmanager
def _folder(make: bool = False) -> Iterator[int]:
    """The folder, open, locked, and surely private. Sockets are reached through the descriptor, so that nothing can
    come in between, and a long path is no matter. FileNotFoundError when it isn't there and shall not be made."""
    if not sys.platform.startswith("linux"):
        raise LabError("labs on the command line need Linux; use a notebook, `with Lab(...) as lab:`, or docs/labs.md")
    path = runtime_folder()
    fix = "set XDG_RUNTIME_DIR to a folder of your own"
    if make:
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            pass
        except OSError as error:
            raise LabError(f"{path} cannot be made: {error.strerror}; {fix}") from None
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LabError(f"{path} cannot be used: {error.strerror}; remove it, or {fix}") from None
    try:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid():
            raise LabError(f"{path} belongs to user {status.st_uid}; {fix}")
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise LabError(f"{path} is open to other users; do: chmod 700 {path}")
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def _address(folder: int, name: str) -> str:
    return f"/proc/self/fd/{folder}/{name}{SUFFIX}"


def listen(name: str) -> tuple[socket.socket, int]:
    """Take the name: a socket that listens under it, and its inode. LabError when a lab of the name runs already."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with _folder(make=True) as folder:
            other = _knock(folder, name)
            if other:
                other.close()
                raise LabError(
                    f"a lab {name} runs already; use it (netlib lab sh NODE), end it (netlib lab down {name}), "
                    f"or start another (netlib lab up {name} --as NAME)"
                )
            listener.bind(_address(folder, name))
            listener.listen(64)
            return listener, os.stat(f"{name}{SUFFIX}", dir_fd=folder).st_ino
    except BaseException:
        listener.close()
        raise


def forget(name: str, inode: int) -> None:
    """Remove a keeper's own socket from the folder; another's of the same name stays."""
    with contextlib.suppress(OSError, LabError), _folder() as folder:
        if os.stat(f"{name}{SUFFIX}", dir_fd=folder).st_ino == inode:
            os.unlink(f"{name}{SUFFIX}", dir_fd=folder)


def _knock(folder: int, name: str) -> socket.socket | None:
    """A channel to the keeper of that name; None when there is none, and what a dead one left behind is removed."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.settimeout(LOOK_TIMEOUT)
    try:
        channel.connect(_address(folder, name))
        if peer(channel)[1] != os.geteuid():
            raise LabError(f"the lab {name} is kept by user {peer(channel)[1]}; remove {runtime_folder()}")
    except ConnectionRefusedError:
        os.unlink(f"{name}{SUFFIX}", dir_fd=folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        channel.close()
        raise LabError(f"the keeper of lab {name} cannot be reached: {error.strerror or 'it is too busy'}") from None
    except BaseException:
        channel.close()
        raise
    else:
        return channel
    channel.close()
    return None


def peer(channel: socket.socket) -> tuple[int, int]:
    """The process and the user at the other end, as the kernel knows them."""
    pid, user, _ = _CREDENTIALS.unpack(channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, user


def running() -> list[Kept]:
    """The labs that have a keeper, by name; those that are just starting too."""
    found: list[tuple[str, socket.socket]] = []
    with contextlib.suppress(FileNotFoundError), _folder() as folder:
        for name in sorted(each.removesuffix(SUFFIX) for each in os.listdir(folder) if each.endswith(SUFFIX)):
            channel = _knock(folder, name)
            if channel:
                found.append((name, channel))
    return [_look(name, channel) for name, channel in found]


def _look(name: str, channel: socket.socket) -> Kept:
    with channel:
        try:
            send(channel, {"id": 0, "node": None, "op": "about", "arguments": {"wait": False}})
            answer, fds = receive(channel)
        except OSError:
            return Kept(name)
        for fd in fds:
            os.close(fd)
        return Kept(**answer["kept"]) if answer else Kept(name)


def find(which: str | os.PathLike[str] | None = None) -> Kept:
    """The running lab that is meant by name, number or path, or the only one. LabError that names those that run."""
    there = running()
    names = [kept.name for kept in there]
    text = "" if which is None else os.fspath(which)
    if not there:
        lab = os.path.basename(text.rstrip("/")) or "06-icmp"
        what = f"lab {lab} does not run" if text else "no lab runs"
        raise LabError(f"{what}; start it: netlib lab up {lab}" if text else f"{what}; start one: netlib lab up {lab}")
    if not text:
        chosen = there
    elif isinstance(which, os.PathLike) or "/" in text or text.endswith((".yml", ".yaml")):
        path = Path(text).expanduser().resolve()
        chosen = [kept for kept in there if path in (Path(kept.path), Path(kept.path).parent)]
    else:
        chosen = [kept for kept in there if kept.name == text]
        if not chosen and text.isascii() and text.isdigit():
            chosen = [kept for kept in there if re.match(f"{int(text):02}-", kept.name)]
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        raise LabError(f"{len(there)} labs run: {', '.join(names)}; say which one")
    raise LabError(f"lab {text} does not run; start it with netlib lab up, or use one that runs: {', '.join(names)}")


def end(name: str) -> None:
    """End a lab and its keeper, and wait until they are gone. LabError when it doesn't run, or does not end."""
    with _connected(name) as channel, contextlib.ExitStack() as stack:
        pid, _ = peer(channel)
        try:
            keeper = os.pidfd_open(pid)
            stack.callback(os.close, keeper)
            send(channel, {"id": 0, "node": None, "op": "end", "arguments": {}})
        except OSError:
            return  # it has just gone
        if not select.select([keeper], [], [], END_TIMEOUT)[0]:
            raise LabError(f"lab {name} has not ended after {END_TIMEOUT:.0f} s; do: kill -9 {pid}")


def _connected(name: str) -> socket.socket:
    channel = None
    with contextlib.suppress(FileNotFoundError), _folder() as folder:
        channel = _knock(folder, name)
    if channel is None:
        raise LabError(f"lab {name} does not run; start it: netlib lab up {name}")
    return channel


class KeptSession:
    """A `Session` with a lab that another process keeps. Closing it leaves the lab alone."""

    def __init__(self, name: str):
        self.name = name
        self.owner = os.getpid()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._channel = _connected(name)
        try:
            self._channel.settimeout(START_TIMEOUT)
            answer, fds = self._ask(None, "about", (), {"wait": True})
            self.kept = Kept(**answer["kept"])
            self._text = os.pread(fds[0], os.fstat(fds[0]).st_size, 0).decode()  # other clients share the position
            os.close(fds[0])
            self._channel.settimeout(ANSWER_TIMEOUT)
        except BaseException:
            self._channel.close()
            raise
        self.engine, self.badge, self.live = self.kept.engine, self.kept.badge, self.kept.live
        self.missing: Mapping[str, list[str]] = self.kept.missing or {}

    def topology(self) -> Topology:
        """What the lab was made from; the file may have been changed since."""
        return parse_topology(self._text, self.kept.shown, Path(self.kept.path).parent)

    @property
    def running(self) -> bool:
        if os.getpid() != self.owner or self._channel.fileno() < 0:
            return False
        poll = select.poll()
        poll.register(self._channel, 0)  # a hang-up is told unasked
        return not poll.poll(0)

    def request(self, node: str, op: str, fds: Sequence[int] = (), **arguments: Any) -> tuple[Message, list[int]]:
        check_owner(self, self.name)
        return self._ask(node, op, fds, arguments)

    def _ask(
        self, node: str | None, op: str, fds: Sequence[int], arguments: Mapping[str, Any]
    ) -> tuple[Message, list[int]]:
        number = next(self._numbers)
        try:
            with self._lock:
                send(self._channel, {"id": number, "node": node, "op": op, "arguments": arguments}, fds)
                while True:
                    answer, given = receive(self._channel)
                    if answer is None or answer["id"] == number:
                        break
                    for fd in given:  # the answer to a request that was interrupted
                        os.close(fd)
        except TimeoutError:
            raise LabError(f"the keeper of lab {self.name} does not answer; do: netlib lab down {self.name}") from None
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                raise LabError(f"node {node}: the command is too long") from None
            answer, given = None, []
        if answer is None:
            raise LabError(f"lab {self.name} has ended; start it again: netlib lab up {self.name}")
        if "errno" in answer:
            raise OSError(answer["errno"], answer["message"])
        if "refused" in answer:
            raise getattr(errors, answer["refused"], LabError)(answer["message"])
        return answer, given

    def close(self) -> None:
        if os.getpid() == self.owner:
            self._channel.close()
