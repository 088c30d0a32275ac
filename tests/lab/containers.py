"""What tests of the docker engine share: is there an engine, a small topology, and what a lab leaves in Docker."""

from __future__ import annotations

import functools
import subprocess
import uuid
from pathlib import Path

import pytest
from lab.processes import Footprint

from netlib.lab import Lab
from netlib.lab.docker import program
from netlib.lab.errors import EngineMissing
from netlib.lab.topology import Topology, parse_topology

PAIR = """\
name: {name}
topology:
  kinds:
    linux:
      image: netcourse:latest
      network-mode: none
      cap-add: [NET_ADMIN]
  nodes:
    a:
      kind: linux
      {a}
      exec:
        - ip addr add 10.0.0.1/24 dev eth1
    b:
      kind: linux
      {b}
      exec:
        - ip addr add 10.0.0.2/24 dev eth1
  links:
    - endpoints: ["a:eth1", "b:eth1"]
      mtu: 1400
"""


def pair(name: str = "pair", a: str = "env: {}", b: str = "env: {}", folder: Path = Path()) -> Topology:
    """Two nodes and a link; `a` and `b` are keys of the nodes."""
    return parse_topology(PAIR.format(name=name, a=a, b=b), "pair.clab.yml", folder)


def unique() -> str:
    """A lab's name that nobody else has at this time."""
    return f"t{uuid.uuid4().hex[:8]}"


@functools.cache
def why_not() -> str:
    """Why this machine cannot have the engine; empty where it works."""
    try:
        Lab(pair(unique()), engine="docker").up().down()
    except EngineMissing as reason:
        return str(reason)
    return ""


def need_docker() -> None:
    """Skip the test, with the reason, where there is no engine."""
    if why_not():
        pytest.skip(why_not())


def docker(*arguments: str) -> str:
    """What the engine's own program says; AssertionError when it fails."""
    done = subprocess.run([program.find(), *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def containers(lab: str) -> list[str]:
    """The containers, running or not, of the labs of this name."""
    return docker("ps", "--all", "--quiet", "--filter", f"label=netlib.lab={lab}").split()


def inspect(container: str, field: str) -> str:
    return docker("inspect", "--format", f"{{{{{field}}}}}", container)


def footprints(lab: str) -> list[Footprint]:
    """The namespaces of each container of a lab, and who is in them."""
    return [Footprint(int(inspect(each, ".State.Pid"))) for each in containers(lab)]
