"""The agent in a container: process 1 of the course's image, started as `netlib-agent`.

It meets its notebook in one of two ways:

- The docker engine gives the container a socket of the notebook, at NOTEBOOK. The agent connects to it and serves this
  notebook alone; when that is gone, the agent exits, and the container with it.
- Elsewhere (containerlab, `docker run`) it listens at LISTEN and serves each notebook that connects in a process of its
  own, until the container is stopped.

On a new connection (SOCK_SEQPACKET, messages as in channel.py) the agent says {"event": "agent", "protocol", "image"}
with its network namespace as a descriptor; the notebook answers {"node": description} with a pidfd of itself, and then
sends requests: those of `Agent`, and the three that make the node. A node that others have made needs none of these.

What it needs is NET_ADMIN and NET_RAW. Links need no privilege on the machine: the two namespaces are handed over as
descriptors, and one of the two agents, who may administer both, lays the cable between them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from netlib.lab.agent.agent import Agent, SetupFailed
from netlib.lab.agent.baseline import write_baseline
from netlib.lab.agent.channel import Message, receive, send
from netlib.lab.agent.netlink import Netlink
from netlib.lab.agent.system import FAMILIES, allow_sockets, set_dumpable, set_process_name

PROTOCOL = 1  # of the messages above
IMAGE = 1  # the least NETLIB_IMAGE (labs/Dockerfile) that this agent can work in
NOTEBOOK = "/run/netlib/notebook.sock"
LISTEN = "/run/netlib/agent.sock"
HOSTS = "127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n"
RESOLVER = "# a lab has no way out, and no resolver\n"


class ContainerAgent(Agent):
    """The requests that make a node of a container, besides those of every node."""

    def __init__(self, channel: socket.socket, node: dict[str, Any]):
        super().__init__(channel, node)
        self.node = node

    def do_settings(self, request: Message, fds: list[int], give: list[int]) -> Message:
        """Write the baseline and the node's sysctls; fds[0] is a /proc/sys/net that is not read-only, if there is one.

        It is open only as long as this takes. Through it this process reaches the settings of its own network, and
        others not at all: the kernel shows each process those of its own namespace.
        """
        folder = f"/proc/self/fd/{fds[0]}" if fds else "/proc/sys/net"
        try:
            missing = write_baseline(folder)
            self.write_settings(self.node, folder)
            return {"missing": missing}
        except SetupFailed as failure:
            return {"failed": str(failure), "line": failure.line}

    def do_link(self, request: Message, fds: list[int], give: list[int]) -> None:
        """Lay a cable. Each end is an interface and its MAC address, and with it a namespace from `fds`."""
        netlink = Netlink()
        try:
            ends = [(name, bytes.fromhex(mac), fd) for (name, mac), fd in zip(request["ends"], fds, strict=True)]
            netlink.add_veth(ends, request["mtu"])
        finally:
            netlink.close()

    def do_configure(self, request: Message, fds: list[int], give: list[int]) -> Message:
        """Bring the interfaces up and run the exec lines. A line that fails is in the answer."""
        bound = {target for _, target in self.node["binds"]}
        for path, text in (("/etc/hosts", HOSTS.format(name=self.node["name"])), ("/etc/resolv.conf", RESOLVER)):
            if path not in bound:
                with contextlib.suppress(OSError), open(path, "w", encoding="utf-8") as file:
                    file.write(text)
        try:
            self.configure(self.node)
        except SetupFailed as failure:
            return {"failed": str(failure), "line": failure.line}
        return {}


def main() -> NoReturn:
    set_process_name("init")
    set_dumpable(False)  # root in the container shall not become the agent, which holds a pidfd of the notebook
    with contextlib.suppress(OSError):  # without no_new_privs, or a kernel without filters
        allow_sockets(FAMILIES)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # process 1 ignores what it does not handle
        signal.signal(number, lambda *_: os._exit(0))
    try:
        if os.path.exists(NOTEBOOK):
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            channel.connect(NOTEBOOK)
            serve(channel)
            os._exit(0)
        _listen()
    except OSError as error:
        sys.exit(f"netlib-agent: {error}")


def serve(channel: socket.socket) -> None:
    """Answer one notebook until it is gone."""
    namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    image = os.environ.get("NETLIB_IMAGE", "0")
    send(channel, {"event": "agent", "protocol": PROTOCOL, "image": int(image) if image.isdigit() else 0}, [namespace])
    os.close(namespace)
    first, fds = receive(channel)
    if first is None:
        return
    agent = ContainerAgent(channel, first["node"])
    agent.serve(fds[0] if fds else os.pidfd_open(os.getpid()))  # without a pidfd, the channel's end has to do
    for pid in agent.children:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def _listen() -> NoReturn:
    """Serve all who come, and be the init of the container."""
    os.makedirs(os.path.dirname(LISTEN), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(LISTEN)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(LISTEN)
    os.chmod(LISTEN, 0o600)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, _reap)
    while True:
        channel, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            set_process_name("netlib-agent")
            listener.close()
            try:
                serve(channel)
            finally:
                os._exit(0)
        channel.close()


def _reap(*_: object) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    main()
