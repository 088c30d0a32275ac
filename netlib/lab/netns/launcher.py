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
import json
import os
import resource
import select
import signal
import socket
import sys
from typing import Any, NoReturn

from netlib.lab.agent.channel import pair, receive, send
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
from netlib.lab.netns.filesystem import seal

PROCESSES = (1024, 256)  # the most that a lab may have: so many, and so many more for each node


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
    child, orders = _fork_ahead(requests, notebook)
    while True:
        if notebook in dict(poll.poll()):
            os._exit(0)
        message, fds = receive(requests)
        if message is None:
            os._exit(0)
        try:
            watch = os.pidfd_open(child)
            send(orders, {}, fds)
        except OSError:  # somebody has killed it while it waited
            child, orders = _fork_ahead(requests, notebook)
            watch = os.pidfd_open(child)
            send(orders, {}, fds)
        send(requests, {"pid": child}, [watch])
        for fd in (watch, *fds):
            os.close(fd)
        orders.close()
        child, orders = _fork_ahead(requests, notebook)


def _fork_ahead(requests: socket.socket, notebook: int) -> tuple[int, socket.socket]:
    """A launcher that waits for its lab, and where to tell it: so that a start has not to wait for the fork."""
    ours, theirs = pair()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        requests.close()
        ours.close()
        os.setsid()
        _launch(theirs, notebook)
    theirs.close()
    return child, ours


def _launch(orders: socket.socket, notebook: int) -> NoReturn:
    uid, gid = os.getuid(), os.getgid()
    refused = None
    try:
        unshare(CLONE_NEWUSER)
    except OSError as error:
        refused = error
    message, fds = receive(orders)
    if message is None:
        os._exit(0)
    orders.close()
    control, lab = socket.socket(fileno=fds[0]), fds[1]
    set_process_name("lab-launcher")
    step = "start"
    try:
        with os.fdopen(lab, "rb") as file:
            description: dict[str, Any] = json.load(file)
        step = "user namespace"
        if refused:
            raise refused
        step = "id map"
        ids = _map_ids(control, uid, gid)
        step = "mount namespace"
        unshare(CLONE_NEWNS)
        step = "mount"
        mount(None, "/", None, MS_REC | MS_PRIVATE)
        binds = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in description["binds"]]
        if ids > 1:
            _become_root()
        os.chdir("/")
        os.umask(0o022)
        step = "seal"
        seal(binds)
        for fd in binds:
            os.close(fd)
        step = "limits"
        _limit(len(description["nodes"]))
        step = "inner namespaces"
        child = _start_inner(control, notebook, description, ids)
    except OSError as error:
        _fail(control, step, error)
    control.close()
    os.close(notebook)
    os.waitpid(child, 0)
    os._exit(0)


def _fail(control: socket.socket, step: str, error: OSError) -> NoReturn:
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


def _limit(nodes: int) -> None:
    """What no namespace bounds. The kernel counts the processes of the namespaces inside together, whatever ids they
    take there, and root inside cannot raise the limit."""
    leave_keyring()
    least, more = PROCESSES
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    most = min(least + more * nodes, *(each for each in (soft, hard) if each != resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    with contextlib.suppress(OSError):  # in a container that has it read-only, this is the container's matter
        _write("/proc/sys/user/max_cgroup_namespaces", "0")  # with one, a user's lab could move about in the user's own


def _start_inner(control: socket.socket, notebook: int, description: dict[str, Any], ids: int) -> int:
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
                supervisor.run(control, notebook, description)
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
