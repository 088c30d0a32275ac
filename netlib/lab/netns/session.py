"""The notebook's side of the `netns` engine: start a lab, ask its nodes, end it.

A fork of the notebook's process holds copies of the sockets, but the lab
belongs to the process that made it: in the copy every request is refused, and ending it does nothing.
"""

from __future__ import annotations

import contextlib
import os
import platform
import select
import signal
import socket
import stat
import sys
from collections.abc import Sequence
from typing import Any

from netlib.lab.agent.channel import Message, pair, receive, send, write_file
from netlib.lab.description import describe
from netlib.lab.errors import EngineMissing, LabError
from netlib.lab.netns import diagnosis
from netlib.lab.netns.forkserver import forkserver
from netlib.lab.netns.ids import map_ids
from netlib.lab.session import Connection, check_owner
from netlib.lab.topology import Topology

START_TIMEOUT = 90.0  # seconds: an exec line alone may take 30
END_TIMEOUT = 5.0  # seconds until a lab that was ended must be gone


def prepare() -> None:
    """Begin what a start will need, and do not wait for it."""
    with contextlib.suppress(OSError):  # `start` will say it
        forkserver()


def start(topology: Topology) -> NetnsSession:
    """Start a lab. EngineMissing where this machine forbids user namespaces, LabError when the lab does not start."""
    if not sys.platform.startswith("linux"):
        raise EngineMissing(f"labs need Linux's namespaces, and this is {platform.system()}; see docs/labs.md")
    return NetnsSession(topology)


class NetnsSession:
    """One running lab."""

    engine, live = "netns", True

    def __init__(self, topology: Topology):
        self.topology = topology
        self.owner = os.getpid()
        self.missing: dict[str, list[str]] = {}  # node -> what it could not have here
        self.badge = f"live: netns, Linux {platform.release()}"
        self._nodes: dict[str, Connection] = {}
        self._closed = False
        _check_binds(topology)
        self._control, theirs = pair()
        try:
            self.pid, self._watch = self._launch(theirs.fileno())
        except OSError as error:
            self._control.close()
            raise LabError(f"lab {topology.name}: {sys.executable} cannot be started: {error.strerror}") from None
        finally:
            theirs.close()
        try:
            self._control.settimeout(START_TIMEOUT)
            self._start()
            self._control.settimeout(None)
        except BaseException:
            self.close()
            raise

    def _launch(self, control: int) -> tuple[int, int]:
        """Start the launcher: its process id and a pidfd of it."""
        description = write_file(describe(self.topology))
        try:
            binds = any(spec.binds for spec in self.topology.nodes.values())
            return forkserver().launch(control, description, binds)
        finally:
            os.close(description)

    def _start(self) -> None:
        while True:
            try:
                message, fds = receive(self._control)
            except TimeoutError:
                late = f"lab {self.topology.name} is not up after {START_TIMEOUT:.0f} s; it was ended"
                raise LabError(late) from None
            except OSError:
                message, fds = None, []
            if message is None:
                raise LabError(f"lab {self.topology.name}: its supervisor has died while starting; see Lab.doctor()")
            match message["event"]:
                case "user namespace":
                    send(self._control, {"ids": self._map_ids()})
                case "node":
                    name = message["name"]
                    self._nodes[name] = Connection(self.topology.name, name, socket.socket(fileno=fds[0]))
                    if message["missing"]:
                        self.missing[message["name"]] = message["missing"]
                case "up":
                    return
                case _:
                    raise self._failure(message)

    def _map_ids(self) -> int:
        """How many ids the lab has. Root gives it a range of ids that own nothing here; others have only their own."""
        try:
            return map_ids(self.pid)
        except (OSError, ValueError):
            raise EngineMissing(
                "as root, labs need ids to give away (CAP_SETUID, CAP_SETGID and a range of them), and there are none "
                "here; run as an ordinary user"
            ) from None

    def _failure(self, message: Message) -> LabError:
        step = message["step"]
        if step == "exec":
            hint = diagnosis.hint_for_command(message["message"])
            return self.topology.error(message["line"], f"node {message['node']}: {message['message']}{hint}")
        if step == "node":
            return LabError(f"lab {self.topology.name}: node {message['node']} did not start: {message['message']}")
        return EngineMissing(diagnosis.explain(step, message["errno"], message["message"]))

    def close(self) -> None:
        """End the lab, and wait until it is gone. Closing twice, or in a fork of the notebook, does nothing."""
        if self._closed or os.getpid() != self.owner:
            return
        self._closed = True
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # seen by the supervisor even when a fork holds a copy
        if not self._ended(END_TIMEOUT):
            signal.pidfd_send_signal(self._watch, signal.SIGKILL)  # its death takes the supervisor with it
            self._ended(END_TIMEOUT)
        os.close(self._watch)
        self._control.close()
        for node in self._nodes.values():
            node.close()

    def request(self, node: str, op: str, fds: Sequence[int] = (), **arguments: Any) -> tuple[Message, list[int]]:
        check_owner(self, self.topology.name)
        return self._nodes[node].request(op, fds, **arguments)

    @property
    def running(self) -> bool:
        return not self._closed and os.getpid() == self.owner and not self._ended(0)

    def _ended(self, timeout: float) -> bool:
        """Has the launcher ended, now or within `timeout` seconds?"""
        poll = select.poll()
        poll.register(self._watch, select.POLLIN)
        return bool(poll.poll(timeout * 1000))


def _check_binds(topology: Topology) -> None:
    """A lab that root starts is nobody outside, so it reads only what everybody may."""
    for spec in topology.nodes.values():
        for bind in spec.binds:
            mode = os.stat(bind.source).st_mode
            needed = 0o005 if stat.S_ISDIR(mode) else 0o004
            if os.geteuid() == 0 and mode & needed != needed:
                message = f"node {spec.name} cannot read {bind.source}; do: chmod -R o+rX {bind.source}"
                raise topology.error(bind.line, message)
