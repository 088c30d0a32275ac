"""How long a lab takes to come up and to go, beside Mininet's hosts with the same links and addresses, in turns.

Mininet is taken at its fastest: plain hosts in a chain, without a switch, its import not counted (0.3 s). What a
notebook's fork server makes ahead while the notebook pauses (netlib/lab/netns/launcher.py) is not counted either; what
a start takes without it, right after another lab, stands beside.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from netlib.lab import Lab
from netlib.lab.topology import parse_topology

from .measure import Result

ROUNDS = 9
PAUSE = 0.5  # seconds: the kernel takes namespaces away in the background, and whoever is next would pay for it
PEER = ["/usr/bin/python3", str(Path(__file__).with_name("mininet_hosts.py"))]


def results() -> Iterator[Result]:
    if not Lab.doctor()["namespaces"]:
        return  # `netlib doctor` says why
    yield Result("first lab of a process: two hosts and three routers up", 1000 * seconds("06-icmp")[0], "ms", 500, "<")
    peer = mininet()
    for nodes in (3, 12):
        lab = Lab(parse_topology(chain(nodes), "chain", Path()), engine="netns")
        up, down, again, theirs = [], [], [], []
        for _ in range(ROUNDS):
            sleep(PAUSE)
            for seconds_taken, times in zip(seconds(lab), (up, down), strict=True):
                times.append(seconds_taken)
            again.append(seconds(lab)[0])  # too soon for anything to be ready
            sleep(PAUSE)
            if peer:
                theirs.append(ask(peer, nodes))
        yield Result(f"{nodes} nodes up, median", 1000 * median(up), "ms")
        yield Result(f"{nodes} nodes up, right after another lab, median", 1000 * median(again), "ms")
        yield Result(f"{nodes} nodes down, median", 1000 * median(down), "ms")
        if peer:
            yield Result(f"{nodes} nodes up with Mininet, median", 1000 * median(theirs), "ms")
            yield Result(f"{nodes} nodes up: Mininet's time to netlib's", median(theirs) / median(up), "x", 3)
    if peer:
        peer.communicate("")


def seconds(lab: Lab | str) -> tuple[float, float]:
    """For bringing a lab up, and down."""
    started = perf_counter()
    running = (lab if isinstance(lab, Lab) else Lab(lab, engine="netns")).up()
    there = perf_counter()
    running.down()
    return there - started, perf_counter() - there


def chain(nodes: int) -> str:
    """The topology of nodes in a row, with an address at each end of each link."""
    lines = ["name: chain", "topology:", "  kinds:", "    linux: {image: none, network-mode: none}", "  nodes:"]
    for number in range(1, nodes + 1):
        lines += [f"    n{number}:", "      kind: linux", "      exec:"]
        if number > 1:
            lines.append(f"        - ip addr add 10.0.{number - 1}.2/24 dev eth1")
        if number < nodes:
            lines.append(f"        - ip addr add 10.0.{number}.1/24 dev eth{min(number, 2)}")
    lines.append("  links:")
    lines += [
        f'    - {{endpoints: ["n{number}:eth{min(number, 2)}", "n{number + 1}:eth1"], mtu: 1500}}'
        for number in range(1, nodes)
    ]
    return "\n".join(lines)


def mininet() -> subprocess.Popen[str] | None:
    """A process that makes Mininet's hosts on demand; None where there is no Mininet, or no root."""
    if os.geteuid() != 0:
        return None
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    peer = subprocess.Popen(PEER, stdin=pipe, stdout=pipe, stderr=nowhere, text=True, start_new_session=True)
    assert peer.stdout
    return peer if peer.stdout.readline() == "ready\n" else None


def ask(peer: subprocess.Popen[str], nodes: int) -> float:
    assert peer.stdin and peer.stdout
    peer.stdin.write(f"{nodes}\n")
    peer.stdin.flush()
    return float(peer.stdout.readline())
