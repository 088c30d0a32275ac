"""PID 1 of a lab: makes its nodes and links, then watches for the one thing that ends it.

The nodes are forked into namespaces of their own and furnish themselves at the same time; then the links are laid
between them; then each configures itself, again all at once. The notebook gets one socket a node, and talks to the
nodes directly. What is left to do is to end: when the notebook closes its socket or dies, this process exits, and the
kernel kills all that is below it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import Any, NoReturn

from netlib.lab.agent.channel import Message, pair, receive, send
from netlib.lab.agent.netlink import Netlink
from netlib.lab.agent.system import CLONE_NEWPID, set_process_name, setns, unshare
from netlib.lab.netns import node as init


class NodeFailed(Exception):
    """A node that could not be made; the message is for the notebook."""


def run(control: socket.socket, notebook: int, description: dict[str, Any]) -> NoReturn:
    """Make the lab of `description`, report on `control`, and stay until the notebook is done or gone."""
    set_process_name("lab-supervisor")
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        _make(control, description)
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


def _make(control: socket.socket, description: dict[str, Any]) -> None:
    own_processes = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    channels: dict[str, socket.socket] = {}
    for node in description["nodes"]:
        ours, theirs = pair()
        unshare(CLONE_NEWPID)  # of the next child, not of this process
        if os.fork() == 0:
            init.run(theirs, node)
        setns(own_processes, CLONE_NEWPID)
        theirs.close()
        channels[node["name"]] = ours
    namespaces = {name: _answer(name, channel)[1][0] for name, channel in channels.items()}
    netlink = Netlink()
    for link in description["links"]:
        ends = [(end["interface"], bytes.fromhex(end["mac"]), namespaces[end["node"]]) for end in link["ends"]]
        netlink.add_veth(ends, link["mtu"])
    netlink.close()
    for channel in channels.values():
        send(channel, {"event": "linked"})
    for name, channel in channels.items():
        report, _ = _answer(name, channel)
        send(control, {"event": "node", "name": name, "missing": report["missing"]}, [channel.fileno()])
        channel.close()
        os.close(namespaces[name])
    os.close(own_processes)


def _answer(name: str, channel: socket.socket) -> tuple[Message, list[int]]:
    message, fds = receive(channel)
    if message is None:
        raise NodeFailed({"event": "failed", "step": "node", "node": name, "errno": 0, "message": "its init has died"})
    if message["event"] == "failed":
        raise NodeFailed({**message, "node": name})
    return message, fds
