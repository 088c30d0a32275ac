"""The process that has a lab: it deploys it, furnishes it, waits, and takes it away.

It is not the notebook, so that a lab never outlives its notebook, whatever ends that: exit, a signal, SIGKILL, while
it deploys or long after. It hears of it by the end of its socket, and by a pidfd where a fork of the notebook holds a
copy.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from netlib.lab.agent.channel import send
from netlib.lab.agent.system import set_process_name
from netlib.lab.containerlab.furnish import forget_neighbours, furnish
from netlib.lab.containerlab.remains import environment, find_containers, remove
from netlib.lab.containerlab.tools import failed_lines, last_words

DEPLOY_TIMEOUT = 300.0  # seconds; containerlab has its own for each request
LATE = 0.5  # seconds: when a deployment is killed, docker may still finish what it was asked for
LOG = "deploy.log"


class Gone(Exception):
    """The notebook is done with the lab, or gone."""


class Failed(Exception):
    """The lab could not be made; the argument is the message for the notebook."""


def main() -> NoReturn:
    control, notebook, lab = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), json.load(sys.stdin)
    set_process_name("lab-caretaker")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: control.shutdown(socket.SHUT_RDWR))  # ends the lab as the notebook would
    watched = select.poll()
    inits: list[int] = []
    for fd in (control.fileno(), notebook):
        watched.register(fd, select.POLLIN)
    try:
        try:
            deploy(lab, watched)
            report: dict[str, Any] = {"event": "up", **furnish_nodes(lab, inits)}
        except Failed as failure:
            report = {"event": "failed", **failure.args[0]}
        except OSError as error:
            report = {"event": "failed", "message": str(error)}
        if report["event"] == "up":
            send(control, report)
            watched.poll()
    except (Gone, OSError):  # OSError: nobody to report to
        report = {}
    for init in inits:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(init, signal.SIGKILL)  # and with it, at once, all that runs in the node
    remove(lab["binary"], lab["name"], Path(lab["folder"]))
    if not report:
        time.sleep(LATE)
        remove(lab["binary"], lab["name"], Path(lab["folder"]))
    if report.get("event") == "failed":
        with contextlib.suppress(OSError):
            send(control, report)
    os._exit(0)


def deploy(lab: dict[str, Any], watched: select.poll) -> None:
    """Let containerlab deploy the file. Gone when the notebook went meanwhile, Failed when it did not work.

    Each node gets its settings as soon as docker says that its container has started: exec lines start servers, and
    what they listen with is settled then. (containerlab runs those lines when all containers and links are there.)
    """
    folder = Path(lab["folder"])
    command = [lab["binary"], "deploy", "--topo", lab["path"], "--name", lab["name"], "--runtime", "docker"]
    events = ["docker", "events", "--filter", f"label=containerlab={lab['name']}", "--filter", "event=start"]
    with contextlib.ExitStack() as after:
        output = after.enter_context(open(folder / LOG, "w", encoding="utf-8"))
        started = subprocess.Popen([*events, "--format", "{{.ID}}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        after.callback(_end, started)
        process = subprocess.Popen(
            [*command, "--skip-labdir-acl"],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        after.callback(_end, process)
        ended = os.pidfd_open(process.pid)
        after.callback(os.close, ended)
        assert started.stdout
        news = started.stdout.fileno()
        deadline = time.monotonic() + DEPLOY_TIMEOUT
        own = {ended, news}
        for fd in own:
            watched.register(fd, select.POLLIN)
        while process.poll() is None:
            ready = [fd for fd, _ in watched.poll(max(0.0, deadline - time.monotonic()) * 1000)]
            if not ready:
                raise Failed({"message": f"containerlab deploy has not ended after {DEPLOY_TIMEOUT:.0f} s"})
            if set(ready) - own:
                raise Gone
            if news in ready and not _furnish_started(lab, os.read(news, 1 << 16)):
                watched.unregister(news)  # no more events: the settings come with the rest
                own.remove(news)
        for fd in own:
            watched.unregister(fd)
    log = (folder / LOG).read_text(encoding="utf-8", errors="replace")
    if process.returncode:
        raise Failed({"message": last_words(log)})
    for line in failed_lines(log):
        raise Failed({"node": line.node, "command": line.command, "message": line.said})


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it leads a session only if it was told to
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


def _furnish_started(lab: dict[str, Any], lines: bytes) -> bool:
    """The settings of the nodes whose containers have just started. False at the end of docker's events."""
    nodes = {node["name"]: node for node in lab["nodes"]}
    for name, pid in _processes(lines.decode().split()).items():
        with contextlib.suppress(OSError):  # it has ended already; what matters is told when all are there
            furnish(pid, nodes[name], {})
    return bool(lines)


def _processes(ids: list[str]) -> dict[str, int]:
    """The process of each container, by the name of its node. 0 for one that does not run."""
    form = '{{index .Config.Labels "clab-node-name"}} {{.State.Pid}}'
    if not ids:
        return {}
    done = subprocess.run(
        ["docker", "inspect", "--format", form, *ids],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return {name: int(pid) for name, pid in (line.split() for line in done.stdout.splitlines())}


def furnish_nodes(lab: dict[str, Any], inits: list[int]) -> dict[str, Any]:
    """The process of each node's container, and what a node could not have here. Pidfds of them go into `inits`."""
    pids = _processes(find_containers(lab["name"]))
    missing: dict[str, list[str]] = {}
    for node in lab["nodes"]:
        name = node["name"]
        if not pids.get(name):
            raise Failed({"message": f"node {name} does not run: its image has to start netlib's agent; do: make labs"})
        inits.append(os.pidfd_open(pids[name]))
        refused = furnish(pids[name], node, lab["macs"][name])
        for setting, reason in refused.items():
            if setting in node["sysctls"]:
                raise Failed({"line": node["line"], "node": name, "message": f"sysctl {setting}: {reason}"})
        if refused:
            missing[name] = [f"sysctl {setting} ({reason})" for setting, reason in refused.items()]
    for pid in pids.values():
        forget_neighbours(pid)
    return {"pids": pids, "missing": missing}
