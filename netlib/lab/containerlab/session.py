"""The notebook's side of the `containerlab` engine: start a lab, ask its nodes, end it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import secrets
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import netlib
from netlib.lab.agent.channel import Message, pair, receive, send
from netlib.lab.agent.container import HOSTS, IMAGE, PROTOCOL, RESOLVER
from netlib.lab.containerlab import remains, tools
from netlib.lab.description import describe, mac_address
from netlib.lab.errors import EngineMissing, LabError
from netlib.lab.features import says_missing
from netlib.lab.session import Connection, check_owner
from netlib.lab.topology import Topology

START_TIMEOUT = 400.0  # seconds: more than the caretaker gives containerlab
END_TIMEOUT = 90.0
AGENT_TIMEOUT = 20.0
AGENT = "run/netlib/agent.sock"
_PACKAGE_PARENT = str(Path(netlib.__file__).resolve().parent.parent)
_BOOT = "import sys; sys.path.append(sys.argv.pop(1)); from netlib.lab.containerlab.caretaker import main; main()"
_SYS_OPENAT2, _RESOLVE_IN_ROOT = 437, 0x10  # the same number on every architecture


def check() -> str:
    """What there is, in a line; EngineMissing where the engine cannot run here."""
    _, version = tools.check_machine()
    tools.check_images(["netcourse:latest"])
    return f"containerlab {version}"


def start(topology: Topology) -> ContainerlabSession:
    """Deploy a lab. EngineMissing where this machine can't, LabError when the lab does not start."""
    binary, version = tools.check_machine()
    tools.check_images(spec.image for spec in topology.nodes.values())
    return ContainerlabSession(topology, binary, version)


class ContainerlabSession:
    """One running lab."""

    engine, live = "containerlab", True

    def __init__(self, topology: Topology, binary: str, version: str):
        self.topology = topology
        self.owner = os.getpid()
        self.missing: dict[str, list[str]] = {}
        self.badge = f"live: containerlab {version}, Linux {platform.release()}"
        self._nodes: dict[str, Connection] = {}
        self._closed = False
        path = _file(topology)
        remains.sweep(binary)
        self.name = f"{topology.name}-{secrets.token_hex(3)}"  # as containerlab has it: several may run side by side
        self._control, theirs = pair()
        try:
            self._caretaker = self._start_caretaker(binary, path, theirs)
        finally:
            theirs.close()
        try:
            self._control.settimeout(START_TIMEOUT)
            pids = self._wait()
            for spec in describe(topology)["nodes"]:
                self._nodes[spec["name"]] = self._connect(spec, pids[spec["name"]])
        except BaseException:
            self.close()
            raise

    def _start_caretaker(self, binary: str, path: Path, control: socket.socket) -> subprocess.Popen[bytes]:
        folder, lock = remains.make_folder(self.name)
        description, notebook = os.memfd_create("lab"), os.pidfd_open(os.getpid())
        lab = {
            "binary": binary,
            "name": self.name,
            "folder": str(folder),
            "path": str(path),
            "nodes": describe(self.topology)["nodes"],
            "macs": {
                node: {at: mac_address(self.topology, node, at).hex() for at in self.topology.interfaces(node)}
                for node in self.topology.nodes
            },
        }
        try:
            os.write(description, json.dumps(lab).encode())
            os.lseek(description, 0, os.SEEK_SET)
            return subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BOOT, _PACKAGE_PARENT, str(control.fileno()), str(notebook)],
                stdin=description,
                stdout=subprocess.DEVNULL,
                stderr=None if "NETLIB_LAB_DEBUG" in os.environ else subprocess.DEVNULL,
                pass_fds=[control.fileno(), notebook, lock],
                start_new_session=True,
                cwd="/",
            )
        finally:
            for fd in (description, notebook, lock):
                os.close(fd)

    def _wait(self) -> dict[str, int]:
        """The process of each node, when the lab is up."""
        try:
            message, _ = receive(self._control)
        except TimeoutError:
            raise LabError(f"lab {self.topology.name} is not up after {START_TIMEOUT:.0f} s; it was ended") from None
        except OSError:
            message = None
        if message is None:
            raise LabError(f"lab {self.topology.name}: its caretaker has died while starting; see Lab.doctor()")
        if message["event"] == "failed":
            raise self._failure(message)
        self.missing = message["missing"]
        return dict(message["pids"])

    def _failure(self, message: Message) -> LabError:
        text, node = message["message"], message.get("node")
        hint = "; this kernel lacks what the line asks for: see Lab.doctor()" if says_missing(text) else ""
        for name, spec in self.topology.nodes.items():
            if name != node:
                continue
            for command in spec.commands:
                if " ".join(command.argv) == message.get("command"):
                    return self.topology.error(command.line, f"node {node}: {text}{hint}")
            return self.topology.error(message.get("line", spec.line), f"node {node}: {text}{hint}")
        return LabError(f"lab {self.topology.name}: containerlab did not deploy it: {text}")

    def _connect(self, spec: dict[str, Any], pid: int) -> Connection:
        """Meet the agent of a node."""
        channel = _open(pid, spec["name"], time.monotonic() + AGENT_TIMEOUT)
        notebook = os.pidfd_open(os.getpid())
        try:
            channel.settimeout(AGENT_TIMEOUT)
            hello, fds = receive(channel)
            for fd in fds:
                os.close(fd)
            if hello is None or hello.get("protocol") != PROTOCOL or hello.get("image", 0) < IMAGE:
                raise EngineMissing(f"the image of node {spec['name']} is older than this netlib; do: make labs")
            send(channel, {"node": spec}, [notebook])
        except OSError as error:
            channel.close()
            raise LabError(f"lab {self.topology.name}: node {spec['name']} has no agent: {error}") from None
        finally:
            os.close(notebook)
        connection = Connection(self.topology.name, spec["name"], channel)
        bound = {target for _, target in spec["binds"]}
        for path, text in (("/etc/hosts", HOSTS.format(name=spec["name"])), ("/etc/resolv.conf", RESOLVER)):
            if path not in bound:  # docker's own, with this machine's resolver
                _write(connection, path, text)
        return connection

    def request(self, node: str, op: str, fds: Sequence[int] = (), **arguments: Any) -> tuple[Message, list[int]]:
        check_owner(self, self.topology.name)
        return self._nodes[node].request(op, fds, **arguments)

    @property
    def running(self) -> bool:
        return not self._closed and os.getpid() == self.owner and self._caretaker.poll() is None

    def close(self) -> None:
        """End the lab, and wait until it is gone. Closing twice, or in a fork of the notebook, does nothing."""
        if self._closed or os.getpid() != self.owner:
            return
        self._closed = True
        for node in self._nodes.values():
            node.close()
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._caretaker.wait(END_TIMEOUT)
        self._control.close()


def _file(topology: Topology) -> Path:
    """The lab's own file, as containerlab is to read it."""
    path = topology.folder / Path(topology.path).name
    if not path.is_file():
        raise LabError(f"lab {topology.name}: containerlab deploys files, and there is no {path}; write it to a file")
    for spec in topology.nodes.values():
        for bind in spec.binds:
            if not bind.says_read_only:
                message = (
                    f"node {spec.name} could write to {bind.source.name} under containerlab; end the bind with :ro"
                )
                raise topology.error(bind.line, message)
    return path


def _open(pid: int, node: str, deadline: float) -> socket.socket:
    """A connection to the agent's socket in the container of `pid`."""
    while True:
        try:
            root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                place = _open_below(root, AGENT)
            finally:
                os.close(root)
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                channel.connect(f"/proc/self/fd/{place}")
            except OSError:
                channel.close()
                raise
            finally:
                os.close(place)
            return channel
        except OSError:
            if time.monotonic() > deadline or not os.path.exists(f"/proc/{pid}"):
                raise EngineMissing(f"node {node} runs no netlib agent; do: make labs") from None
            time.sleep(0.02)


def _open_below(root: int, path: str) -> int:
    """A descriptor of `path` as a process with the root directory `root` would find it, links included (openat2)."""
    how = struct.pack("=QQQ", os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(ctypes.c_long(_SYS_OPENAT2), ctypes.c_int(root), path.encode(), how, ctypes.c_size_t(len(how)))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(fd)


def _write(connection: Connection, path: str, text: str) -> None:
    """Write a file in the node, by the node's own means: a path of the container means nothing out here."""
    source, null, (read, write) = os.memfd_create("text"), os.open(os.devnull, os.O_RDWR), os.pipe()
    os.write(source, text.encode())
    os.lseek(source, 0, os.SEEK_SET)
    try:
        connection.request("exec", [source, null, null, write], argv=["sh", "-c", f"cat >{path}"], env={})
        os.close(write)
        write = -1
        os.read(read, 16)  # its status; a file that is read-only stays as it is
    finally:
        for fd in (source, null, read, write):
            if fd >= 0:
                os.close(fd)
