"""Labs: small networks of real kernels, described by containerlab files, driven from a notebook.

    with Lab("06-icmp") as lab:
        print(lab["h1"].run("ping -c 1 10.0.4.2"))

`Lab` finds `labs/06-icmp/topology.clab.yml`, reads it strictly (topology.py) and hands it to an engine (engines.py):

- `netns`: Linux namespaces made without root, without Docker and without a daemon (netns/)
- `docker`, `containerlab`: real containers of the course's image (docker/, containerlab/)
- `replay`: what was recorded, where nothing can run (replay/)

An engine gives a session (session.py) that answers requests for nodes; live ones have an agent in each node for that
(agent/). On it stand the commands, sockets and captures of a node (node.py, process.py, capture.py, captures.py), what
it looks like from inside (samples/), long and bad paths (wan/), and the drawing (drawing.py). A tour (tour.py) is what
a lab shows, as code. `netlib lab` on the command line (commands.py) keeps labs up between commands (keeper.py).

Importing this package needs the standard library only: a lab's own processes import it too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netlib.lab.capture import Capture
    from netlib.lab.captures import Captures
    from netlib.lab.doctor import Doctor
    from netlib.lab.errors import EngineMissing, LabError, LabTimeout, NotLive
    from netlib.lab.lab import Lab
    from netlib.lab.node import Node
    from netlib.lab.process import Done, Process
    from netlib.lab.topology import Topology, read_topology

_HOMES = {
    "Capture": "capture",
    "Captures": "captures",
    "Doctor": "doctor",
    "Done": "process",
    "EngineMissing": "errors",
    "Lab": "lab",
    "LabError": "errors",
    "LabTimeout": "errors",
    "Node": "node",
    "NotLive": "errors",
    "Process": "process",
    "Topology": "topology",
    "read_topology": "topology",
}
__all__ = [
    "Capture",
    "Captures",
    "Doctor",
    "Done",
    "EngineMissing",
    "Lab",
    "LabError",
    "LabTimeout",
    "Node",
    "NotLive",
    "Process",
    "Topology",
    "read_topology",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"netlib.lab.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'netlib.lab' has no attribute {name!r}")
