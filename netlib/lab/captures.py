"""Captures at several points at once, and what can be seen in them together.

with lab.captures("h1:eth1", "r1:eth2", "h2:eth1") as captures:
    lab["h1"].run("ping -c 1 10.0.4.2")
captures.sequence(title="One ping")     who sent it, who passed it on, and when: all clocks are one kernel's
captures["r1:eth2"].packets             each is a Capture
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netlib.lab.capture import Capture
from netlib.lab.document import suggest
from netlib.lab.errors import LabError
from netlib.lab.exec_lines import addresses

if TYPE_CHECKING:
    from netlib.lab.lab import Lab
    from netlib.lab.topology import Topology
    from netlib.view import SequenceDiagram
    from netlib.wire.packet import Packet


class Captures(Mapping[str, Capture]):
    """Several captures of a lab, by their points: running until `stop`, or the end of the `with` block."""

    def __init__(self, lab: Lab, points: Sequence[str]):
        if not points:
            raise LabError('say where to capture, as in lab.captures("h1:eth1", "r1:eth1")')
        twice = [point for point, number in Counter(points).items() if number > 1]
        if twice:
            raise LabError(f"{twice[0]} is named twice; each point is captured once")
        self.points: dict[str, Capture] = {}
        with contextlib.ExitStack() as failure:
            for point in points:
                self.points[point] = failure.enter_context(lab.capture(point))
            failure.pop_all()

    @property
    def running(self) -> bool:
        return any(capture.running for capture in self.points.values())

    @property
    def packets(self) -> list[tuple[float, Packet]]:
        """(time in seconds since 1970, packet) of all points in order; a packet is there once for each point that it
        passed."""
        return sorted((pair for capture in self.points.values() for pair in capture.packets), key=lambda pair: pair[0])

    @property
    def lost(self) -> int:
        """Frames that the captures could not keep."""
        return sum(capture.lost for capture in self.points.values())

    def stop(self) -> Captures:
        """End all of them. A second stop does nothing."""
        with contextlib.ExitStack() as stack:  # each, also when one does not answer
            for capture in self.points.values():
                stack.callback(capture.stop)
        return self

    def sequence(self, **options: Any) -> SequenceDiagram:
        """A sequence diagram across the points, on one time axis: what passed several is one arrow from point to point.

        The options are those of `SequenceDiagram.from_captures`: title, label, scale, most ... The topology says which
        address is whose.
        """
        return sequence(list(self.points.values()), **options)

    def __getitem__(self, point: str) -> Capture:
        if point not in self.points:
            raise UnknownPoint(f"{point!r} is not captured; {suggest(str(point), self.points)}")
        return self.points[point]

    def __iter__(self) -> Iterator[str]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def __enter__(self) -> Captures:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, self.points.values()))


class UnknownPoint(LabError, KeyError):
    """A point that is not captured."""

    __str__ = Exception.__str__  # KeyError's would quote the sentence


def sequence(captures: Sequence[Capture], **options: Any) -> SequenceDiagram:
    """The sequence diagram of captures of one lab; see `Captures.sequence`."""
    from netlib.view import SequenceDiagram

    seen = {capture.where: capture.packets for capture in captures}
    if "hosts" not in options:
        one_node = len({capture.node.name for capture in captures}) == 1
        known = homes(captures[0].node.lab.topology, None if one_node else set(seen))
        if one_node:  # then every host that is known would get a column
            present = _present(seen)
            known = {address: name for address, name in known.items() if address in present}
        options["hosts"] = known
    diagram = SequenceDiagram.from_captures(seen, **options)
    if len(diagram.participants) > 1:
        _not_watched(diagram, captures[0].node.lab.topology, set(seen))
    return diagram


def _not_watched(diagram: SequenceDiagram, topology: Topology, points: Collection[str]) -> None:
    """Only an interface that was watched can tell that a packet did not come: a note instead of a lost arrow."""
    for message in [m for m in diagram.messages if m.lost]:
        arrival = _arrival(topology, message.source, message.destination)
        if arrival and arrival not in points:
            diagram.messages.remove(message)
            diagram.note(message.source, message.sent, f"{message.label} (nobody watches {arrival})")


def _arrival(topology: Topology, source: str, destination: str) -> str | None:
    """The interface of `destination` where the shortest way from `source` comes in, such as "r3:eth1"."""
    ways: dict[str, list[tuple[str, str]]] = {}  # node -> (neighbour, its interface)
    for link in topology.links:
        for here, there in ((link.a, link.b), (link.b, link.a)):
            ways.setdefault(here.node, []).append((there.node, f"{there.node}:{there.interface}"))
    reached, waiting = {source}, [source]
    for node in waiting:  # nearest first
        for neighbour, point in ways.get(node, []):
            if neighbour == destination:
                return point
            if neighbour not in reached:
                reached.add(neighbour)
                waiting.append(neighbour)
    return None


def homes(topology: Topology, points: Collection[str] | None = None) -> dict[str, str]:
    """address -> node, as the topology's `ip addr add` lines say; without those that several nodes share.

    Where only some `points` are watched, an address of an interface that is not one of them lives at that interface: a
    packet to it cannot be seen to arrive, and is not lost for that.
    """
    found: dict[str, set[str]] = {}
    for name, node in topology.nodes.items():
        linked = topology.interfaces(name)
        for line in addresses(node.commands):
            point = f"{name}:{line.device}"
            unseen = points is not None and line.device in linked and point not in points
            found.setdefault(line.address.partition("/")[0], set()).add(point if unseen else name)
    return {address: names.pop() for address, names in found.items() if len(names) == 1}


def _present(seen: Mapping[str, list[tuple[float, Packet]]]) -> set[str]:
    from netlib.view.matching import ends

    return {end for packets in seen.values() for _, packet in packets for end in ends(packet)}
