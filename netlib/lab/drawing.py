"""A lab as a drawing: its nodes with what they are, its links with their addresses, and what captures saw on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from netlib.lab.capture import Capture
from netlib.lab.captures import Captures, homes
from netlib.lab.exec_lines import addresses
from netlib.lab.topology import End
from netlib.view.html import BAD, CARD, escape
from netlib.view.network import Flow, Line, Network, network

if TYPE_CHECKING:
    from netlib.lab.lab import Lab
    from netlib.lab.topology import Link, NodeSpec, Topology
    from netlib.wire.packet import Packet


class LabDrawing(Network):
    """The drawing of a lab, headed by its badge: what runs it, or that it is a recording."""

    def __init__(self, drawn: Network, badge: str, recorded: bool) -> None:
        self.__dict__ |= drawn.__dict__
        self.badge, self.recorded = badge, recorded

    def __str__(self) -> str:
        head, _, body = super().__str__().partition("\n")
        return "\n".join(line for line in (f"{head}  ({self.badge})", body) if line)

    def _repr_html_(self) -> str:
        style = f"border:3px solid {BAD};font-weight:bold" if self.recorded else ""
        return f'<div style="{CARD};{style}">{escape(self.badge)}</div>{super()._repr_html_()}'


def draw(lab: Lab, captures: Iterable[Capture | Captures] = ()) -> LabDrawing:
    """The drawing of a lab; links light up that one of `captures` watched."""
    topology = lab.topology
    points: dict[str, list[tuple[float, Packet]]] = {}
    for given in captures:
        for capture in given.points.values() if isinstance(given, Captures) else [given]:
            points.setdefault(capture.where, []).extend(capture.packets)
    nodes = [(name, role(spec)) for name, spec in topology.nodes.items()]
    lines = [
        Line(link.a.node, link.b.node, label(topology, link.a), label(topology, link.b), flow(topology, link, points))
        for link in topology.links
    ]
    recorded = lab.running and not lab.live
    return LabDrawing(network(nodes, lines, f"Lab {lab.name}"), lab.badge, recorded)


def role(node: NodeSpec) -> str:
    """What a node is, as its settings and exec lines show: router, switch, wan; nothing for a host."""
    words = [word for command in node.commands for word in command.argv]
    if "netlib-wan" in words:
        return "wan"
    if any(
        "bridge" in command.argv[command.argv.index("type") :] for command in node.commands if "type" in command.argv
    ):
        return "switch"
    forwards = any(node.sysctls.get(name) == "1" for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"))
    return "router" if forwards else ""


def own_addresses(topology: Topology, end: End) -> list[str]:
    """The addresses that the topology gives to an interface, with their prefix lengths."""
    return [line.address for line in addresses(topology.nodes[end.node].commands) if line.device == end.interface]


def label(topology: Topology, end: End) -> str:
    """What stands at the end of a link: `eth1 10.0.1.2/24`."""
    return " ".join([end.interface, *own_addresses(topology, end)])


def flow(topology: Topology, link: Link, points: dict[str, list[tuple[float, Packet]]]) -> Flow | None:
    """What passed a link, as captures at its ends saw it; None where there was none. Of two, the one that saw more."""
    seen = [points[str(end)] for end in (link.a, link.b) if str(end) in points]
    if not seen:
        return None
    packets = max(seen, key=len)
    ours = senders(topology, link, packets)
    there, back = [0, 0], [0, 0]
    for _, packet in packets:
        way = there if packet.data[6:12] in ours else back
        way[0] += 1
        way[1] += len(packet.data)
    return Flow((there[0], there[1]), (back[0], back[1]))


def senders(topology: Topology, link: Link, packets: list[tuple[float, Packet]]) -> set[bytes]:
    """The MAC addresses whose frames come from the link's first end.

    A capture file does not say which way a frame went; its source address does. A MAC address belongs to an interface
    as netlib gives them out; where another engine has chosen it, to whoever ARP, or else IP, calls the sender. Frames
    of a node on the first end's side come from there, also through switches.
    """
    from netlib.wire.arp import ARPPacket
    from netlib.wire.ipv4 import IPv4Packet

    ends = [End(name, interface) for name in topology.nodes for interface in topology.interfaces(name)]
    macs, owners = {mac(topology, end): end.node for end in ends}, homes(topology)
    near = _reached(topology, link.a.node, link)
    far = _reached(topology, link.b.node, link)
    found: dict[bytes, bool] = {}
    for _, packet in packets:
        source = packet.data[6:12]
        if source in found:
            continue
        node = macs.get(source)
        if node is None and ARPPacket in packet:
            node = owners.get(str(packet[ARPPacket].sender_ip))
        elif node is None and IPv4Packet in packet:
            node = owners.get(str(packet[IPv4Packet].source))
        if node is not None and (node in near) != (node in far):
            found[source] = node in near
        elif node in (link.a.node, link.b.node):  # a ring: what a router or a host sends is its own
            found[source] = node == link.a.node
        elif node is None and (goal := macs.get(packet.data[:6])) and (goal in near) != (goal in far):
            found[source] = goal in far  # an attached host, say: nobody of the topology, but it speaks to somebody
    return {source for source, ours in found.items() if ours}


def _reached(topology: Topology, start: str, without: Link) -> set[str]:
    """The nodes that can be reached from one without using a link."""
    found = {start}
    while True:
        more = {
            there.node
            for link in topology.links
            if link is not without
            for here, there in ((link.a, link.b), (link.b, link.a))
            if here.node in found
        }
        if more <= found:
            return found
        found |= more


def mac(topology: Topology, end: End) -> bytes:
    """The MAC address that netlib's engines give to an interface (containerlab chooses its own)."""
    from netlib.lab.description import mac_address

    return mac_address(topology, end.node, end.interface)
