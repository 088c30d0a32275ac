"""A stand-in for the containerlab program, for machines that do not have it: what the engine relies on, and no more.

It does on docker what containerlab's documentation says that `deploy` and `destroy` do with nodes of kind linux without
a management network: names and labels of containers, links with random MAC addresses laid between them from outside,
`exec` lines that run afterwards and may fail without failing the lab, IPv6 switched on, names in /run/netns, an SSH
configuration, a folder of the lab's own. It shows that our side of that is right; whether the program does what its
documentation says, only the program can show: the tests run with it too where it is installed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

NETNS, SSH = Path("/run/netns"), Path("/etc/ssh/ssh_config.d")


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def deploy(path: Path, name: str) -> None:
    text = path.read_text()
    labdir = Path(os.environ["CLAB_LABDIR_BASE"]) / f"clab-{name}"
    labdir.mkdir()
    (labdir / "topology-data.json").write_text("{}")
    backup = Path(os.environ.get("TMPDIR", "/tmp")) / ".clab" / "bak"
    backup.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, backup)
    topology = yaml.safe_load(text)["topology"]
    nodes: dict[str, dict[str, Any]] = {
        node: {**topology.get("defaults", {}), **topology.get("kinds", {}).get("linux", {}), **own}
        for node, own in topology["nodes"].items()
    }
    pids = {node: start(name, node, keys, path, labdir) for node, keys in nodes.items()}
    for number, link in enumerate(topology.get("links", [])):
        ends = [f"clab{os.getpid() % 10000:04}{number:03}{side}" for side in "ab"]
        ip("link", "add", ends[0], "mtu", str(link["mtu"]), "type", "veth", "peer", ends[1], "mtu", str(link["mtu"]))
        for end, where in zip(ends, link["endpoints"], strict=True):
            node, _, interface = where.partition(":")
            ip("link", "set", end, "netns", str(pids[node]))
            inside = f"ip link set {end} name {interface}; ip link set {interface} up"
            subprocess.run(["nsenter", f"--net=/proc/{pids[node]}/ns/net", "sh", "-c", inside], check=True)
    for node, keys in nodes.items():
        for line in keys.get("exec", []):
            words = shlex.split(line.replace("$$", "$"))
            done = subprocess.run(["docker", "exec", f"clab-{name}-{node}", *words], capture_output=True, text=True)
            if done.returncode:
                said = f'stdout="" stderr="{done.stderr.strip()}"'
                command = " ".join(words).replace('"', '\\"')
                print(f'10:11:12 ERRO Failed to execute command command="{command}" node={node} rc=1 {said}')
    if SSH.is_dir():
        (SSH / f"clab-{name}.conf").write_text("# written by the stand-in for containerlab\n")


def start(name: str, node: str, keys: dict[str, Any], path: Path, labdir: Path) -> int:
    """The container of a node; the id of its process."""
    assert keys["network-mode"] == "none" and keys["privileged"] is False
    container = f"clab-{name}-{node}"
    labels = {
        "containerlab": name,
        "clab-node-name": node,
        "clab-node-longname": container,
        "clab-topo-file": str(path),
        "clab-node-lab-dir": str(labdir / node),
    }
    words = [word for label, value in labels.items() for word in ("--label", f"{label}={value}")]
    sysctls = {**keys.get("sysctls", {}), "net.ipv6.conf.all.disable_ipv6": 0}
    words += [word for key, value in sysctls.items() for word in ("--sysctl", f"{key}={value}")]
    words += [word for capability in keys.get("cap-add", []) for word in ("--cap-add", capability)]
    words += [word for key, value in keys.get("env", {}).items() for word in ("--env", f"{key}={value}")]
    words += [word for bind in keys.get("binds", []) for word in ("--volume", f"{path.parent}/{bind}")]
    docker("run", "-d", "-ti", "--network", "none", "--name", container, "--hostname", node, *words, keys["image"])
    pid = int(docker("inspect", "--format", "{{.State.Pid}}", container))
    NETNS.mkdir(exist_ok=True)
    (NETNS / container).symlink_to(f"/proc/{pid}/ns/net")
    return pid


def destroy(name: str) -> None:
    containers = docker("ps", "-aq", "--filter", f"label=containerlab={name}").split()
    for container in containers:
        labels = docker("inspect", "--format", '{{index .Config.Labels "clab-node-longname"}}', container)
        (NETNS / labels).unlink(missing_ok=True)
    if containers:
        docker("rm", "--force", "--volumes", *containers)
    (SSH / f"clab-{name}.conf").unlink(missing_ok=True)
    shutil.rmtree(Path(os.environ["CLAB_LABDIR_BASE"]) / f"clab-{name}", ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["deploy", "destroy", "version"])
    for option in ("--topo", "--name", "--runtime"):
        parser.add_argument(option)
    for option in ("--skip-labdir-acl", "--cleanup", "--short"):
        parser.add_argument(option, action="store_true")
    words = parser.parse_args()
    if words.action == "version":
        print(os.environ.get("STANDIN_VERSION", "0.79.0"))
    elif words.action == "deploy":
        assert words.runtime == "docker" and Path(words.topo).is_absolute()
        deploy(Path(words.topo), words.name)
    elif os.environ.get("STANDIN_DESTROY") != "nothing":
        destroy(words.name)


if __name__ == "__main__":
    sys.exit(main())
