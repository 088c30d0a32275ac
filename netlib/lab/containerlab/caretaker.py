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
from pathlib import Path
from typing import Any, NoReturn

from netlib.lab.agent.channel import send
from netlib.lab.agent.system import set_process_name
from netlib.lab.containerlab.furnish import forget_neighbours, furnish
from netlib.lab.containerlab.remains import environment, find_containers, remove
from netlib.lab.containerlab.tools import failed_lines, last_words

DEPLOY_TIMEOUT = 300.0  # seconds; containerlab has its own for each request
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
    for fd in (control.fileno(), notebook):
        watched.register(fd, select.POLLIN)
    try:
        try:
            deploy(lab, watched)
            report: dict[str, Any] = {"event": "up", **furnish_nodes(lab)}
        except Failed as failure:
            report = {"event": "failed", **failure.args[0]}
        except OSError as error:
            report = {"event": "failed", "message": str(error)}
        if report["event"] == "up":
            send(control, report)
            watched.poll()
    except (Gone, OSError):  # OSError: nobody to report to
        report = {}
    remove(lab["binary"], lab["name"], Path(lab["folder"]))
    if report.get("event") == "failed":
        with contextlib.suppress(OSError):
            send(control, report)
    os._exit(0)


def deploy(lab: dict[str, Any], watched: select.poll) -> None:
    """Let containerlab deploy the file. Gone when the notebook went meanwhile, Failed when it did not work."""
    folder = Path(lab["folder"])
    command = [lab["binary"], "deploy", "--topo", lab["path"], "--name", lab["name"], "--runtime", "docker"]
    with open(folder / LOG, "w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*command, "--skip-labdir-acl"],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    ended = os.pidfd_open(process.pid)
    watched.register(ended, select.POLLIN)
    events = [fd for fd, _ in watched.poll(DEPLOY_TIMEOUT * 1000)]
    watched.unregister(ended)
    os.close(ended)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if events:
            raise Gone
        raise Failed({"message": f"containerlab deploy has not ended after {DEPLOY_TIMEOUT:.0f} s"})
    log = (folder / LOG).read_text(encoding="utf-8", errors="replace")
    if process.returncode:
        raise Failed({"message": last_words(log)})
    for line in failed_lines(log):
        raise Failed({"node": line.node, "command": line.command, "message": line.said})


def furnish_nodes(lab: dict[str, Any]) -> dict[str, Any]:
    """The process of each node's container, and what a node could not have here."""
    ids = find_containers(lab["name"])
    form = '{{index .Config.Labels "clab-node-name"}} {{.State.Pid}}'
    done = subprocess.run(
        ["docker", "inspect", "--format", form, *ids],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    pids = {name: int(pid) for name, pid in (line.split() for line in done.stdout.splitlines())} if ids else {}
    missing: dict[str, list[str]] = {}
    for node in lab["nodes"]:
        name = node["name"]
        if not pids.get(name):
            raise Failed({"message": f"node {name} does not run: its image has to start netlib's agent; do: make labs"})
        refused = furnish(pids[name], node, lab["macs"][name])
        for setting, reason in refused.items():
            if setting in node["sysctls"]:
                raise Failed({"line": node["line"], "node": name, "message": f"sysctl {setting}: {reason}"})
        if refused:
            missing[name] = [f"sysctl {setting} ({reason})" for setting, reason in refused.items()]
    for pid in pids.values():
        forget_neighbours(pid)
    return {"pids": pids, "missing": missing}
