"""`Lab`: a network to work in, from a notebook.

    with Lab("06-icmp") as lab:                 # or: lab = Lab("06-icmp").up() ... lab.down()
        with lab.capture("r1:eth1") as capture:
            lab["h1"].run("ping -c 1 10.0.4.2")
        capture.packets

A lab that is forgotten ends with its last reference, with the interpreter, or with the process, however that ends.
"""

from __future__ import annotations

import os
import socket
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from netlib.lab import engines
from netlib.lab.capture import Capture
from netlib.lab.document import suggest
from netlib.lab.errors import LabError
from netlib.lab.exec_lines import addresses
from netlib.lab.node import Node
from netlib.lab.topology import Topology, read_topology

if TYPE_CHECKING:
    from netlib.lab.captures import Captures
    from netlib.lab.doctor import Doctor
    from netlib.lab.drawing import LabDrawing
    from netlib.lab.kept import KeptSession
    from netlib.lab.session import Session
    from netlib.worlds.live import Live

FILE_NAME = "topology.clab.yml"


class Lab:
    """A lab by name (`labs/<name>/topology.clab.yml`, here or in a folder above, or with netlib) or by path.

    `engine` is one of `netlib.lab.engines.ENGINES`; without it, the first that works on this machine.
    Raises LabError, one line, when there is no such lab or engine, or its topology is wrong. `up` starts it.
    `join=True` gives the one that `netlib lab up` has started, up already; `down` then leaves it, and it goes on.
    """

    def __init__(self, lab: str | os.PathLike[str] | Topology, *, engine: str | None = None, join: bool = False):
        self._wanted = engines.asked_for(engine)
        joined = _join(lab) if join and not isinstance(lab, Topology) else None
        self._joins = joined.name if joined else ""
        if joined:
            self.topology: Topology = joined.topology()
        else:
            engines.prepare(self._wanted)
            self.topology = lab if isinstance(lab, Topology) else read_topology(find_topology(lab))
        self._session: Session | None = None
        self._end: weakref.finalize[[], Lab] | None = None
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._attachments: weakref.WeakSet[Live] = weakref.WeakSet()
        self._captures: weakref.WeakSet[Capture] = weakref.WeakSet()
        if joined:
            self.adopt(joined)

    @classmethod
    def join(cls, lab: str | os.PathLike[str]) -> Lab:
        """The lab of that name, number or path that `netlib lab up` has started: `Lab(lab, join=True)`."""
        return cls(lab, join=True)

    @property
    def name(self) -> str:
        return self.topology.name

    @property
    def running(self) -> bool:
        return self._session is not None and self._session.running

    def up(self) -> Lab:
        """Start the lab, unless it runs. LabError, one line, when it cannot."""
        if not self.running:
            self.down()
            self.adopt(_join(self._joins) if self._joins else engines.start(self.topology, self._wanted))
        return self

    def adopt(self, session: Session) -> None:
        """Take this running lab as one's own: it ends with this object."""
        self._session = session
        self._end = weakref.finalize(self, session.close)

    def down(self) -> None:
        """End the lab and all that runs in it, and wait until it is gone. Captures keep what they have seen.

        A lab that was joined goes on: `netlib lab down` ends it.
        """
        if self._session is not None and self._session.owner != os.getpid():
            return  # a fork of the notebook: what it has are copies, and the lab is not its own
        for attachment in list(self._attachments):
            attachment.stop()
        for capture in list(self._captures):
            capture.stop()
        self._attachments.clear()
        self._captures.clear()
        for made in list(self._sockets):
            made.close()
        self._sockets.clear()
        if self._end is not None:
            self._end()
        self._session = self._end = None

    close = down

    def __enter__(self) -> Lab:
        return self.up()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.down()

    def __getitem__(self, name: str) -> Node:
        """A node by name; LabError that names the nodes for a name that is none."""
        if name not in self.topology.nodes:
            raise UnknownNode(f"lab {self.name} has no node {name!r}; {suggest(str(name), self.topology.nodes)}")
        return Node(self, name)

    def __iter__(self) -> Iterator[Node]:
        return (Node(self, name) for name in self.topology.nodes)

    def __contains__(self, name: object) -> bool:
        return name in self.topology.nodes

    def __len__(self) -> int:
        return len(self.topology.nodes)

    @property
    def engine(self) -> str | None:
        """The engine that runs it, or will; None for "whichever works", until it is up."""
        return self._session.engine if self._session else self._wanted

    @property
    def badge(self) -> str:
        """What you look at, in a line: the engine and the kernel, or the recording and its date."""
        return self._session.badge if self._session else "down"

    @property
    def live(self) -> bool:
        """Does it run, here and now? False for one that is down, and for a recording."""
        return self.running and self._session is not None and self._session.live

    @property
    def mark(self) -> str:
        """What its outputs carry when they are not live, such as "RECORDED on 23 November 2026"; else empty."""
        return "" if self._session is None or self._session.live else self._session.badge.partition(",")[0]

    @property
    def missing(self) -> Mapping[str, list[str]]:
        """What the running lab's nodes could not have on this machine; empty where all is well."""
        return self._session.missing if self._session else {}

    @property
    def nodes(self) -> list[str]:
        return list(self.topology.nodes)

    def capture(self, where: str, path: str | os.PathLike[str] | None = None) -> Capture:
        """Capture an interface, written `node:interface`, from now on until `stop` or the end of a `with` block.

        `path` keeps the pcap file there; without it, it goes when the capture does.
        """
        name, colon, interface = where.partition(":")
        if not colon:
            raise LabError(f'{where!r}: say which interface, as in lab.capture("{name}:eth1")')
        node = self[name]
        node.check_interface(interface)
        capture = Capture(node, interface, path)
        self._captures.add(capture)
        return capture

    def captures(self, *points: str) -> Captures:
        """Capture several interfaces at once: `lab.captures("h1:eth1", "r1:eth1")`; a mapping of point to `Capture`."""
        from netlib.lab.captures import Captures

        return Captures(self, points)

    def drawing(self, *captures: Capture | Captures) -> LabDrawing:
        """The lab as a drawing; the links that `captures` watched show what passed them."""
        from netlib.lab.drawing import draw

        return draw(self, captures)

    def _repr_html_(self) -> str:
        return self.drawing()._repr_html_()

    def request(
        self, node: str, op: str, fds: Sequence[int] = (), **arguments: Any
    ) -> tuple[dict[str, Any], list[int]]:
        """Ask a node's agent (`Session.request`); what `Node` and `Capture` are made of."""
        if self._session is None:
            raise LabError(f"lab {self.name} is down; start it with lab.up(), or use `with Lab(...) as lab:`")
        return self._session.request(node, op, fds, **arguments)

    @staticmethod
    def doctor() -> Doctor:
        """Try what labs need on this machine: what works, what does not, and the fix."""
        from netlib.lab.doctor import examine

        return examine()

    def __repr__(self) -> str:
        lines = [f"lab {self.name} ({f'{self.engine}, up' if self.running else 'down'}), {len(self)} nodes"]
        if self.mark:
            lines.append(f"  {self.badge}")
        for link in self.topology.links:
            ends = []
            for end in (link.a, link.b):
                commands = self.topology.nodes[end.node].commands
                mine = [line.address for line in addresses(commands) if line.device == end.interface]
                ends.append(f"{end} {' '.join(mine)}".strip())
            lines.append(f"  {ends[0]:<24} -- {ends[1]}")
        return "\n".join(lines)


class UnknownNode(LabError, KeyError):
    """A name that no node of the lab has."""

    __str__ = LabError.__str__  # KeyError's would quote the sentence


def find_topology(lab: str | os.PathLike[str]) -> Path:
    """The topology file of a lab: of a name, or its number, looked for upwards from here and then beside netlib; or at
    a path."""
    text = os.fspath(lab)
    if isinstance(lab, os.PathLike) or "/" in text or text in (".", "..") or text.endswith((".yml", ".yaml")):
        path = Path(text).expanduser()
        path = path / FILE_NAME if path.is_dir() else path
        if path.is_file():
            return path
        raise LabError(f"there is no topology file {path}")
    places = list(shelves())
    for shelf in places:
        path = shelf / text / FILE_NAME
        if text and path.is_file():
            return path
        if text.isascii() and text.isdigit():  # a chapter's number alone: 6, 06
            for path in sorted(shelf.glob(f"{int(text):02}-*/{FILE_NAME}")):
                return path
    known = sorted({path.parent.name for shelf in places for path in shelf.glob(f"*/{FILE_NAME}")})
    if not known:
        raise LabError(f"no lab {text!r}: there is no folder labs/ here or above; start in the course's folder")
    raise LabError(f"no lab {text!r}; {suggest(text, known)}")


def _join(lab: str | os.PathLike[str]) -> KeptSession:
    from netlib.lab import kept  # needs Linux

    return kept.KeptSession(kept.find(lab).name)


def shelves() -> Iterator[Path]:
    """The folders that labs may stand in, nearest first."""
    try:
        here = Path.cwd()
    except OSError:  # a folder that has been removed
        here = Path("/")
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        shelf = folder / "labs"
        if shelf.is_dir():
            yield shelf
