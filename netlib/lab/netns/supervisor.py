"""PID 1 of a lab: makes its nodes and links, then watches for the one thing that ends it.

The nodes are forked into namespaces of their own and furnish themselves at the same time, without knowing yet which
node they will be; then each gets its description, the links are laid between them, and each configures itself, again
all at once. The notebook gets one socket a node, and talks to the nodes directly. What is left to do is to end: when
the notebook closes its socket or dies, this process exits, and the kernel kills all that is below it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import Any, NoReturn

from netlib.lab.agent.channel import Message, pair, receive, send, write_file
from netlib.lab.agent.netlink import Netlink
from netlib.lab.agent.system import CLONE_NEWPID, set_process_name, setns, unshare
from netlib.lab.netns import node as init


class NodeFailed(Exception):
    """A node that could not be made; the message is for the notebook."""


class Blank:
    """A node that has all but what its description will say. `name` and `namespace` (of its network) come with that."""

    def __init__(self) -> None:
        own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self.channel, theirs = pair()
        unshare(CLONE_NEWPID)  # of the next child, not of this process
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            init.run(theirs)
        setns(own, CLONE_NEWPID)
        theirs.close()
        os.close(own)

    def become(self, node: dict[str, Any]) -> None:
        self.name: str = node["name"]
        description = write_file(node)
        send(self.channel, {}, [description])
        os.close(description)

    def answer(self) -> tuple[Message, list[int]]:
        """Its next message. NodeFailed when that is no good one."""
        message, fds = receive(self.channel)
        if message is None:
            raise NodeFailed(
                {"event": "failed", "step": "node", "node": self.name, "errno": 0, "message": "its init has died"}
            )
        if message["event"] == "failed":
            raise NodeFailed({**message, "node": self.name})
        return message, fds


def run(control: socket.socket, notebook: int, description: dict[str, Any], blanks: list[Blank]) -> NoReturn:
    """Make the lab of `description`, from `blanks` as far as they go; report on `control`, and stay until the notebook
    is done or gone."""
    set_process_name("lab-supervisor")
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        _make(control, description, blanks)
        send(control, {"event": "up"})
    except NodeFailed as failure:
        send(control, failure.args[0])
    except OSError as error:
        send(control, {"event": "failed", "step": "lab", "errno": error.errno, "message": str(error.strerror)})
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(notebook, select.POLLIN)  # a pidfd is readable when its process has ended
    signal.signal(signal.SIGCHLD, reap)
    reap()
    poll.poll()
    os._exit(0)


def reap(*_: object) -> None:
    """Take leave of children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _make(control: socket.socket, description: dict[str, Any], blanks: list[Blank]) -> None:
    needed = len(description["nodes"])
    nodes = blanks[:needed] + [Blank() for _ in range(needed - len(blanks))]
    for node, described in zip(nodes, description["nodes"], strict=True):
        node.become(described)
    for unused in blanks[needed:]:
        unused.channel.close()
    namespaces = {node.name: node.answer()[1][0] for node in nodes}
    netlink = Netlink()
    for link in description["links"]:
        ends = [(end["interface"], bytes.fromhex(end["mac"]), namespaces[end["node"]]) for end in link["ends"]]
        netlink.add_veth(ends, link["mtu"])
    netlink.close()
    for node in nodes:
        send(node.channel, {"event": "linked"})
    for node in nodes:
        report, _ = node.answer()
        send(control, {"event": "node", "name": node.name, "missing": report["missing"]}, [node.channel.fileno()])
        node.channel.close()
        os.close(namespaces[node.name])
