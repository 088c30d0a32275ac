"""The first process of a node: makes the node's namespaces, furnishes them, and becomes the node's agent."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any, NoReturn

from netlib.lab.agent.agent import Agent, SetupFailed, keep_only
from netlib.lab.agent.baseline import write_baseline
from netlib.lab.agent.channel import read_file, receive, send
from netlib.lab.agent.system import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWUTS,
    die_with_parent,
    set_host_name,
    set_process_name,
    unshare,
)
from netlib.lab.netns import filesystem


def run(channel: socket.socket) -> NoReturn:
    """Become the init of a node, which is told on `channel`. Called in a process that has just been forked into its own
    PID namespace. All that does not depend on the node is done before it is told."""
    try:
        die_with_parent()
        unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS)
        set_process_name("init")
        keep_only({0, 1, 2, channel.fileno()})
        staged = filesystem.staged()
        missing = filesystem.furnish() + write_baseline()
        told, fds = receive(channel)
        if told is None:
            os._exit(0)
        node = read_file(fds[0])
        _move_in(node, staged)
        agent = Agent(channel, node)
        agent.write_settings(node)
        namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        send(channel, {"event": "furnished"}, [namespace])
        os.close(namespace)
        if receive(channel)[0] is None:
            os._exit(0)
        agent.configure(node)
        send(channel, {"event": "configured", "missing": missing})
    except SetupFailed as failure:
        send(channel, {"event": "failed", "step": "exec", "line": failure.line, "errno": 0, "message": str(failure)})
        os._exit(1)
    except OSError as error:
        message = str(error.strerror) + (f": {error.filename}" if error.filename else "")
        send(channel, {"event": "failed", "step": "node", "errno": error.errno, "message": message})
        os._exit(1)
    agent.serve()
    os._exit(0)


def _move_in(node: dict[str, Any], staged: list[int]) -> None:
    with contextlib.suppress(OSError):  # some containers forbid it; the name in /etc/hosts is enough
        set_host_name(node["name"])
    hosts = f"127.0.0.1\tlocalhost\n127.0.1.1\t{node['name']}\n"
    filesystem.own({"/etc/hosts": hosts, "/etc/resolv.conf": "# a lab has no way out, and no resolver\n"})
    filesystem.bind([(staged[number], target) for number, target in node["binds"]])
    for fd in staged:
        os.close(fd)
