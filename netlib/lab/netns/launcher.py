"""The outermost process of a lab: makes the user namespaces, seals the file system, starts the supervisor, waits.

It is a fork of the notebook's fork server, with the notebook's ids. It gets a control socket, a pidfd of the notebook
and the lab's description, and ends as the parent of the lab's PID 1, which it takes down with it. Steps and their
reasons stand in `netlib.lab.netns`; each failure is reported as its step and errno, and the notebook makes a sentence
of it.

Once the ids have changed, this process may not be able to read its own Python any more. So everything that the lab's
processes ever need is imported at the top of their modules, and files are opened as UTF-8 (a codec that is built in).
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from netlib.lab.agent.channel import pair, read_file, receive, send
from netlib.lab.agent.system import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    FAMILIES,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    allow_sockets,
    die_with_parent,
    leave_keyring,
    mount,
    set_dumpable,
    set_process_name,
    unshare,
)
from netlib.lab.netns import supervisor
from netlib.lab.netns.filesystem import changes, listeners, seal
from netlib.lab.netns.ids import map_ids

PROCESSES = 2048  # the most that a lab may have, all nodes together
READY_TIMEOUT = 5.0  # seconds
REST = 200  # ms: so long the lab that was just asked for has the processors for itself
NODES_AHEAD = 4  # most labs have no more


def serve() -> NoReturn:
    """Be a notebook's fork server (forkserver.py): a launcher for each message, until the notebook is done or gone."""
    requests, notebook = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    set_process_name("lab-forkserver")
    for interrupt in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(interrupt, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, supervisor.reap)
    gc.disable()  # a lab's processes make no cycles; and a collection would copy the memory that they share
    poll = select.poll()
    poll.register(requests, select.POLLIN)
    poll.register(notebook, select.POLLIN)  # a pidfd is readable when its process has ended
    ahead: Ahead | None = Ahead(requests, notebook)
    while True:
        if not ahead and not poll.poll(REST):
            ahead = Ahead(requests, notebook)
        if notebook in dict(poll.poll()):
            os._exit(0)
        message, fds = receive(requests)
        if message is None:
            os._exit(0)
        if ahead and not message["binds"] and ahead.take(fds):
            child, watch = ahead.child, os.dup(ahead.watch)
        else:
            child, watch = _fork()
            if child == 0:
                _detach(requests, *([ahead.orders] if ahead else []))
                _launch_now(socket.socket(fileno=fds[0]), notebook, read_file(fds[1]))
        send(requests, {"pid": child}, [watch])
        for fd in (watch, *fds):
            os.close(fd)
        if ahead:
            ahead.close()
        ahead = None


class Ahead:
    """A lab made before it is asked for, with a few nodes that have no name yet, so that a start need not wait.

    It can become any lab without `binds`, which have to be in place before the file system is sealed, as long as this
    machine's mounts are the same, its folders have the same entries, and no program listens on a unix socket that was
    not covered then.
    """

    def __init__(self, requests: socket.socket, notebook: int):
        self.surroundings = _surroundings()
        self.orders, theirs = pair()
        self.orders.settimeout(READY_TIMEOUT)
        self.child, self.watch = _fork()
        if self.child == 0:
            _detach(requests, self.orders)
            _launch(theirs, notebook, [], lambda: _wait(theirs, notebook))
        theirs.close()
        self.ready = False
        with contextlib.suppress(OSError, ValueError):  # it will not be ready, and the next start says why
            if self._hear() == "user namespace":
                send(self.orders, {"ids": map_ids(self.child)})
                self.ready = True

    def take(self, fds: list[int]) -> bool:
        """Let it become the lab of these descriptors (control socket, description), if it can."""
        if not self.ready or _surroundings() != self.surroundings:
            return False
        try:
            if self._hear() != "ready" or self._dead():
                return False
            send(self.orders, {}, fds)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """It was taken, or is of no use: without `orders` it ends."""
        self.orders.close()
        os.close(self.watch)

    def _dead(self) -> bool:
        poll = select.poll()
        poll.register(self.watch, select.POLLIN)
        return bool(poll.poll(0))

    def _hear(self) -> object:
        message, _ = receive(self.orders)
        return message and message["event"]


def _surroundings() -> tuple[list[str], list[int], bytes]:
    """What `seal` and `furnish` have looked at: the sockets to cover, the folders to link, and what is mounted."""
    with open("/proc/self/mountinfo", "rb") as mounts:
        return listeners(), changes(), mounts.read()


def _fork() -> tuple[int, int]:
    """As os.fork, with a pidfd of the child for the parent; the child is not reaped before that is open."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    try:
        child = os.fork()
        return child, os.pidfd_open(child) if child else -1
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def _detach(*theirs: socket.socket) -> None:
    """In a fork of the fork server: keep nothing of it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for each in theirs:
        each.close()
    os.setsid()


def _launch_now(control: socket.socket, notebook: int, description: dict[str, Any]) -> NoReturn:
    _launch(control, notebook, description["binds"], lambda: supervisor.run(control, notebook, description, []))


def _wait(orders: socket.socket, notebook: int) -> NoReturn:
    """In the first process of a lab that was made ahead: become the lab that is asked for."""
    send(orders, {"event": "ready"})
    poll = select.poll()
    poll.register(orders, select.POLLIN)
    poll.register(notebook, select.POLLIN)
    blanks: list[supervisor.Blank] = []
    with contextlib.suppress(OSError):  # the lab that is asked for will meet it again, and say so
        while not poll.poll(0) and len(blanks) < NODES_AHEAD:
            blanks.append(supervisor.Blank())
    if notebook in dict(poll.poll()):
        os._exit(0)
    message, fds = receive(orders)
    if message is None:
        os._exit(0)
    orders.close()
    supervisor.run(socket.socket(fileno=fds[0]), notebook, read_file(fds[1]), blanks)


def _launch(control: socket.socket, notebook: int, paths: list[str], supervise: Callable[[], NoReturn]) -> NoReturn:
    """Make the lab's namespaces, `supervise` in the first process there, and end with it. `control` maps the ids and
    hears of failures."""
    set_process_name("lab-launcher")
    step = "user namespace"
    try:
        uid, gid = os.getuid(), os.getgid()
        unshare(CLONE_NEWUSER)
        step = "id map"
        ids = _map_ids(control, uid, gid)
        step = "mount namespace"
        unshare(CLONE_NEWNS)
        step = "mount"
        mount(None, "/", None, MS_REC | MS_PRIVATE)
        binds = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in paths]
        if ids > 1:
            _become_root()
        os.chdir("/")
        os.umask(0o022)
        step = "seal"
        seal(binds)
        for fd in binds:
            os.close(fd)
        step = "limits"
        _limit()
        step = "inner namespaces"
        child = _start_inner(control, notebook, supervise, ids)
    except OSError as error:
        _fail(control, step, error)
    control.close()
    os.close(notebook)
    os.waitpid(child, 0)
    os._exit(0)


def _fail(control: socket.socket, step: str, error: OSError) -> NoReturn:
    with contextlib.suppress(OSError):  # nobody may be there to hear it
        send(control, {"event": "failed", "step": step, "errno": error.errno, "message": error.strerror or str(error)})
    os._exit(1)


def _map_ids(control: socket.socket, uid: int, gid: int) -> int:
    """Map the ids of the outer namespace; how many there are. A root notebook writes the map, for others we do."""
    send(control, {"event": "user namespace"})
    answer, _ = receive(control)
    if answer is None:
        os._exit(0)
    if not answer["ids"]:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {uid} 1")
        _write("/proc/self/gid_map", f"0 {gid} 1")
        return 1
    return int(answer["ids"])


def _become_root() -> None:
    """Root of the namespace, which is nobody outside: until here we had the ids of the machine's root."""
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    set_dumpable()


def _limit() -> None:
    """What no namespace bounds. The kernel counts the processes of the namespaces inside together, whatever ids they
    take there, and root inside cannot raise the limit."""
    leave_keyring()
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    most = min(PROCESSES, *(each for each in (soft, hard) if each != resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    with contextlib.suppress(OSError):  # in a container that has it read-only, this is the container's matter
        _write("/proc/sys/user/max_cgroup_namespaces", "0")  # with one, a user's lab could move about in the user's own


def _start_inner(control: socket.socket, notebook: int, supervise: Callable[[], NoReturn], ids: int) -> int:
    """Fork into the inner namespaces. The child cannot map its own ids, so it waits until we have.

    It covers /proc with that of a process namespace between, so that the nodes cannot look under their own and see the
    processes of this machine.
    """
    ours, theirs = socket.socketpair()
    unshare(CLONE_NEWPID)
    child = os.fork()
    if child == 0:
        ours.close()
        step = "inner namespaces"
        try:
            die_with_parent()
            shown = b"self"  # how /proc calls this process
            with contextlib.suppress(OSError):  # in a container whose own /proc is covered in part
                mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
                shown = b"1"
            unshare(CLONE_NEWUSER)
            theirs.send(shown)
            if theirs.recv(1) != b"!":
                os._exit(1)
            theirs.close()
            set_dumpable(False)
            with contextlib.suppress(OSError):  # a kernel without filters
                allow_sockets(FAMILIES)
            unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC)
            first = os.fork()
            if first == 0:
                step = "supervisor"
                die_with_parent()
                supervise()
        except OSError as error:
            _fail(control, step, error)
        control.close()
        os.close(notebook)
        os.waitpid(first, 0)
        os._exit(0)
    theirs.close()
    answer = ours.recv(8)
    if answer:
        place = child if answer == b"self" else 1
        for name in ("uid_map", "gid_map"):
            _write(f"/proc/{place}/{name}", f"0 0 {ids}")
        ours.send(b"!")
    ours.close()
    return child


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
