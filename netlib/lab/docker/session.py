"""The notebook's side of the `docker` engine: start the containers, wire them, ask them, end them."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import secrets
import select
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import netlib.lab
from netlib.lab.agent.channel import Message, receive, send
from netlib.lab.agent.container import IMAGE, NOTEBOOK, PROTOCOL
from netlib.lab.agent.system import open_alone
from netlib.lab.description import describe
from netlib.lab.docker import leftovers, program
from netlib.lab.docker.owner import this_process
from netlib.lab.errors import EngineMissing, LabError
from netlib.lab.session import Connection, check_owner
from netlib.lab.topology import NodeSpec, Topology

START_TIMEOUT = 90.0  # seconds: an exec line alone may take 30
MEETING_TIMEOUT = 20.0  # seconds between a container's start and its agent's first word
MEMORY = "512m"  # for the processes of one node together
PROCESSES = 1024  # the most that one node may have
DROPPED = ("MKNOD", "SETFCAP", "AUDIT_WRITE")  # of a container's usual capabilities, those that no lesson needs
IN_IMAGE = "/opt/netlib/netlib/lab"  # where labs/Dockerfile puts what this checkout mounts its own over
_BATCH = 32  # requests under way at once: descriptors that travel are counted


def start(topology: Topology) -> DockerSession:
    """Start a lab. EngineMissing where there is no Docker, or no image; LabError when the lab does not start."""
    if not sys.platform.startswith("linux"):
        raise EngineMissing(f"labs in containers need Linux, and this is {platform.system()}; see docs/labs.md")
    return DockerSession(topology, program.find())


class DockerSession:
    """One running lab."""

    engine, live = "docker", True

    def __init__(self, topology: Topology, docker: str):
        self.topology = topology
        self.program = docker
        self.owner = os.getpid()
        self.missing: dict[str, list[str]] = {}
        self.badge = f"live: docker, Linux {platform.release()}"
        number = secrets.token_hex(4)  # two labs of one name run side by side
        self.containers = {name: f"netlib-{topology.name}-{number}-{name}" for name in topology.nodes}
        self._runs: dict[str, program.Call] = {}
        self._channels: dict[str, socket.socket] = {}
        self._nodes: dict[str, Connection] = {}
        self._closed = False
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        sweep = leftovers.look(self.program)
        namespaces: dict[str, int] = {}
        try:
            self._meet()
            self._greet(namespaces)
            self._wire(namespaces)
            for name, answer in self._ask([(name, "configure", [], {}) for name in self._channels]):
                self._check(name, answer)
            self._finish_runs()
            for name, channel in self._channels.items():
                self._nodes[name] = Connection(self.topology.name, name, channel)
        finally:
            for fd in namespaces.values():
                os.close(fd)
            leftovers.remove(self.program, sweep)

    def _meet(self) -> None:
        """Start all containers at once; each agent connects to a socket of its own in a folder that then goes."""
        try:
            folder = Path(tempfile.mkdtemp(prefix=f"{leftovers.FOLDER}{this_process()}-"))
        except OSError as error:
            message = f"{error.strerror}: {error.filename or 'no folder for temporary files'}; make room, or set TMPDIR"
            raise LabError(f"lab {self.topology.name} cannot start: {message}") from None
        listeners: dict[str, socket.socket] = {}
        try:
            for number, (name, spec) in enumerate(self.topology.nodes.items()):
                path = folder / str(number)
                listeners[name] = _listen(path)
                self._runs[name] = program.Call(self.program, *self._arguments(spec, path))
            self._accept(listeners)
        except OSError as error:
            reason = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
            raise LabError(f"lab {self.topology.name} cannot start: {reason}") from None
        finally:
            for listener in listeners.values():
                listener.close()
            try:  # Docker's client hangs when the folder goes between a container's making and its start
                if len(self._channels) < len(self.topology.nodes):
                    self._finish_runs()
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _arguments(self, spec: NodeSpec, path: Path) -> list[str]:
        """The arguments of `docker run` for a node, whose agent finds us at the socket `path`."""
        arguments = ["run", "--detach", "--rm", "--pull", "never", "--name", self.containers[spec.name]]
        arguments += ["--hostname", spec.name, "--network", "none", "--log-driver", "none"]
        arguments += ["--cap-add", "NET_ADMIN", *(f"--cap-drop={name}" for name in DROPPED)]
        arguments += ["--security-opt", "no-new-privileges", "--memory", MEMORY, "--pids-limit", str(PROCESSES)]
        if os.path.exists("/sys/fs/selinux/enforce"):  # SELinux lets no container connect to a user's socket
            arguments += ["--security-opt", "label=disable"]
        labels = {leftovers.OWNER: str(this_process()), "netlib.lab": self.topology.name, "netlib.node": spec.name}
        for key, value in labels.items():
            arguments += ["--label", f"{key}={value}"]
        for key, value in spec.sysctls.items():  # the agent writes them too, unless AppArmor does not let it
            arguments += ["--sysctl", f"{key}={value}"]
        arguments += program.mount(path, NOTEBOOK)
        arguments += program.mount(Path(netlib.lab.__file__).resolve().parent, IN_IMAGE)
        for bind in spec.binds:
            arguments += program.mount(bind.source, bind.target)
        return [*arguments, spec.image, "netlib-agent"]

    def _accept(self, listeners: dict[str, socket.socket]) -> None:
        """Wait until every agent has connected, and see to containers that do not start."""
        poll = select.poll()
        names = {listener.fileno(): name for name, listener in listeners.items()}
        running = {run.pidfd: name for name, run in self._runs.items()}
        for fd in (*names, *running):
            poll.register(fd, select.POLLIN)
        deadline = time.monotonic() + START_TIMEOUT
        while len(self._channels) < len(listeners):
            events = poll.poll(1000)
            for fd, _ in events:
                poll.unregister(fd)
                if fd in names:
                    channel, _ = listeners[names[fd]].accept()
                    channel.settimeout(START_TIMEOUT)
                    self._channels[names[fd]] = channel
                else:
                    self._see_run(running.pop(fd))
                    if not running:
                        deadline = min(deadline, time.monotonic() + MEETING_TIMEOUT)
            if not events:
                self._see_silence(running, time.monotonic() > deadline)

    def _see_run(self, name: str) -> None:
        """Raise what is wrong when `docker run` has failed."""
        status, _, errors = self._runs[name].finish(1)
        if not status:
            return
        spec = self.topology.nodes[name]
        unknown = re.search(r"/proc/sys/(net/\S+?):? .*no such file|sysctl \"(net\.\S+)\"", errors)
        if unknown:
            key = unknown[2] or unknown[1].replace("/", ".")
            raise self.topology.error(spec.line, f"node {name}: sysctl {key}: this kernel has no such setting")
        failure = program.explain(self.program, spec.image, errors)
        raise type(failure)(f"lab {self.topology.name}, node {name}: {failure}")

    def _see_silence(self, running: dict[int, str], late: bool) -> None:
        """A container that has been started, and has no word for us: is it still there?"""
        silent = [name for name in self._runs if name not in self._channels and name not in running.values()]
        if not silent:
            if late:
                raise LabError(f"lab {self.topology.name}: {self.program} does not start its containers in time")
            return
        listing = program.Call(self.program, "ps", "--quiet", "--filter", f"name={self.containers[silent[0]]}")
        if late or not listing.finish(MEETING_TIMEOUT)[1].strip():
            image = self.topology.nodes[silent[0]].image
            raise EngineMissing(
                f"lab {self.topology.name}, node {silent[0]}: its container ends at once, or cannot reach this "
                f"process. Either the image {image} is too old (`make labs` builds it), or {program.ELSEWHERE}"
            )

    def _finish_runs(self) -> None:
        deadline = time.monotonic() + MEETING_TIMEOUT
        for run in self._runs.values():
            run.finish(max(0.1, deadline - time.monotonic()))

    def _greet(self, namespaces: dict[str, int]) -> None:
        """Hear each agent's first word, tell it who it is, and have it write its settings."""
        nodes = {node["name"]: node for node in describe(self.topology)["nodes"]}
        notebook = os.pidfd_open(self.owner)
        settings = _network_settings()
        try:
            for name, channel in self._channels.items():
                hello, fds = self._hear(name)
                namespaces.update(zip([name], fds, strict=False))
                _check_versions(self.topology.nodes[name].image, hello)
                send(channel, {"node": nodes[name]}, [notebook])
            for name, answer in self._ask([(name, "settings", [settings], {}) for name in self._channels]):
                self._check(name, answer)
                self.missing[name] = answer["missing"]
        finally:
            os.close(notebook)
            os.close(settings)
        self.missing = {name: things for name, things in self.missing.items() if things}

    def _wire(self, namespaces: dict[str, int]) -> None:
        """The first end's agent lays each link."""
        requests = []
        for link in describe(self.topology)["links"]:
            ends = link["ends"]
            fds = [namespaces[end["node"]] for end in ends]
            arguments = {"ends": [(end["interface"], end["mac"]) for end in ends], "mtu": link["mtu"]}
            requests.append((ends[0]["node"], "link", fds, arguments))
        for name, answer in self._ask(requests):
            self._check(name, answer)

    def _ask(self, requests: list[tuple[str, str, list[int], dict[str, Any]]]) -> list[tuple[str, Message]]:
        """Ask agents that work at the same time; their answers in the order of the requests."""
        answers = []
        for start in range(0, len(requests), _BATCH):
            batch = requests[start : start + _BATCH]
            for name, op, fds, arguments in batch:
                with contextlib.suppress(OSError):  # that it has died, `_hear` finds
                    send(self._channels[name], {"id": 0, "op": op, **arguments}, fds)
            answers += [(name, self._hear(name)[0]) for name, *_ in batch]
        return answers

    def _hear(self, name: str) -> tuple[Message, list[int]]:
        try:
            message, fds = receive(self._channels[name])
        except TimeoutError:
            raise LabError(f"lab {self.topology.name}: node {name} does not answer; try again") from None
        except OSError:
            message, fds = None, []
        if message is None:
            raise LabError(f"lab {self.topology.name}: node {name} did not start: its container has ended")
        return message, fds

    def _check(self, name: str, answer: Message) -> None:
        """Raise the failure that an answer tells of."""
        if "failed" in answer:
            text = answer["failed"]
            raise self.topology.error(answer["line"], f"node {name}: {text}{_hint(self.topology.nodes[name], text)}")
        if "errno" in answer:
            raise LabError(f"lab {self.topology.name}: node {name} did not start: {answer['message']}")

    def request(self, node: str, op: str, fds: Sequence[int] = (), **arguments: Any) -> tuple[Message, list[int]]:
        check_owner(self, self.topology.name)
        return self._nodes[node].request(op, fds, **arguments)

    @property
    def running(self) -> bool:
        """False too when all its containers have died, with the daemon perhaps."""
        if self._closed or os.getpid() != self.owner:
            return False
        poll = select.poll()
        for channel in self._channels.values():
            poll.register(channel, select.POLLRDHUP)
        return len(poll.poll(0)) < len(self._channels)

    def close(self) -> None:
        """End the lab, and wait until it is gone. Closing twice, or in a fork of the notebook, does nothing."""
        if self._closed or os.getpid() != self.owner:
            return
        self._closed = True
        for channel in self._channels.values():
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)  # seen by the agent even when a fork holds a copy: it exits
        self._finish_runs()
        if self._runs:
            leftovers.end(self.program, [self.containers[name] for name in self._runs])
        for channel in self._channels.values():
            channel.close()


def _network_settings() -> int:
    """This machine's /proc/sys/net, to lend to the agents. Where we may, it is cut off from what is above it: an image
    is trusted with no more than the settings of its own network."""
    try:
        return open_alone("/proc/sys/net")
    except OSError:  # not root
        return os.open("/proc/sys/net", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _listen(path: Path) -> socket.socket:
    """A socket for one agent, which may have other ids than we. Its path may be longer than sun_path (108 bytes)."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        os.chmod(path, 0o666)
        listener.listen(1)
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(folder)
    return listener


def _check_versions(image: str, hello: Message) -> None:
    if hello.get("protocol") != PROTOCOL or hello.get("image", 0) < IMAGE:
        fix = "`make labs` builds it anew" if image == program.COURSE_IMAGE else f"build it FROM {program.COURSE_IMAGE}"
        raise EngineMissing(f"the image {image} is not of this netlib's version; {fix}")


def _hint(spec: NodeSpec, failure: str) -> str:
    """What to do about the error of an exec line, where it is a known one."""
    if "command not found" in failure:
        return f"; the image {spec.image} does not have it (labs/Dockerfile)"
    if "IPv6 is disabled" in failure:
        return "; for IPv6, give the node `sysctls: {net.ipv6.conf.all.disable_ipv6: 0}`"
    return ""
