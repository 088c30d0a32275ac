"""Labs: small networks of real kernels, described by containerlab files, driven from a notebook.

    with Lab("06-icmp") as lab:
        print(lab["h1"].run("ping -c 1 10.0.4.2"))

`Lab` finds `labs/06-icmp/topology.clab.yml`, reads it strictly (topology.py) and hands it to an engine. The engine here
is `netns`: Linux namespaces made without root, without Docker and without a daemon (netns/). A node runs commands,
hands out sockets and captures its interfaces (node.py, process.py, capture.py). `Lab.doctor()` says what works here.

Importing this package needs the standard library only: the supervisor process imports it too, and starts in 50 ms.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netlib.lab.capture import Capture
    from netlib.lab.doctor import Doctor
    from netlib.lab.errors import LabError, LabTimeout
    from netlib.lab.lab import Lab
    from netlib.lab.node import Node
    from netlib.lab.process import Done, Process
    from netlib.lab.topology import Topology, read_topology

_HOMES = {
    "Capture": "capture",
    "Doctor": "doctor",
    "Done": "process",
    "Lab": "lab",
    "LabError": "errors",
    "LabTimeout": "errors",
    "Node": "node",
    "Process": "process",
    "Topology": "topology",
    "read_topology": "topology",
}
__all__ = [
    "Capture",
    "Doctor",
    "Done",
    "Lab",
    "LabError",
    "LabTimeout",
    "Node",
    "Process",
    "Topology",
    "read_topology",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"netlib.lab.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'netlib.lab' has no attribute {name!r}")
