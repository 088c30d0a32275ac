"""A topology as the agents of its nodes read it: plain data, for JSON."""

from __future__ import annotations

from typing import Any

from netlib.lab.topology import NodeSpec, Topology


def describe(topology: Topology) -> dict[str, Any]:
    """The lab as its processes read it. MAC addresses are given out by node and interface: the same at each run."""
    binds: list[str] = []
    nodes = [_describe_node(topology, spec, binds) for spec in topology.nodes.values()]
    links = [
        {"mtu": link.mtu, "ends": [_describe_end(topology, end.node, end.interface) for end in (link.a, link.b)]}
        for link in topology.links
    ]
    return {"nodes": nodes, "links": links, "binds": binds}


def _describe_node(topology: Topology, spec: NodeSpec, binds: list[str]) -> dict[str, Any]:
    numbered = []
    for bind in spec.binds:
        numbered.append((len(binds), bind.target))
        binds.append(str(bind.source))
    return {
        "name": spec.name,
        "line": spec.line,
        "interfaces": topology.interfaces(spec.name),
        "env": dict(spec.env),
        "sysctls": dict(spec.sysctls),
        "binds": numbered,
        "commands": [{"line": command.line, "argv": command.argv, "batch": command.batch} for command in spec.commands],
    }


def _describe_end(topology: Topology, node: str, interface: str) -> dict[str, str]:
    return {"node": node, "interface": interface, "mac": mac_address(topology, node, interface).hex()}


def mac_address(topology: Topology, node: str, interface: str) -> bytes:
    """02:00:00:00:<node>:<interface>, counted from 1: locally administered, and easy to read in a capture."""
    node_number = list(topology.nodes).index(node) + 1
    interface_number = topology.interfaces(node).index(interface) + 1
    return bytes([2, 0, 0, node_number >> 8, node_number & 0xFF, interface_number & 0xFF])
