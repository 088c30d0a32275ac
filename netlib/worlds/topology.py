"""A network in a few lines of text, and what follows from its shape: loops, and who routes to whom.

    h1 10.0.1.1/24 -- s1                                                # a cable: an end, two dashes, an end
    h2 10.0.1.2/24 -- s1
    s1 -- 10.0.1.254/24 r1 10.0.2.254/24 -- 10.0.2.1/24 h3              # several in a row: addresses stand
                                                                        # on the side where the cable is
    r1 10.0.3.254/24 -- 10.0.3.1/24 h4    delay=20ms rate=10mbit        # for all cables of the line
    host h4                                                             # where the shape does not say it

Who has no address is a switch; who has addresses on two cables or more is a router; the others are hosts.  A line
`host h4`, `router r1` or `switch s1` says it outright.  What a cable does to frames is written as for the `wan` of a
lab (netlib/lab/wan/settings.py): delay, rate, queue, loss, drop; and mtu in bytes.  What stands behind # is not read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from netlib.host import Host
from netlib.wire.address import IPv4Interface

KINDS = ("host", "router", "switch")
OPTIONS = ("delay", "rate", "queue", "loss", "drop")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


class TopologyError(ValueError):
    """A network that can't be, or can't be read. One line that says why."""


class Plug(NamedTuple):
    """One end of a cable."""

    name: str
    address: str | None


class Cable(NamedTuple):
    """Two ends, and what `Simulation.link` is to be told."""

    plugs: tuple[Plug, Plug]
    options: dict[str, Any]


class Plan(NamedTuple):
    """A network as it was written: its nodes in the order of their names' first appearance, and its cables."""

    kinds: dict[str, str]
    cables: list[Cable]

    def degree(self, name: str) -> int:
        """How many cables end at a node."""
        return sum(plug.name == name for cable in self.cables for plug in cable.plugs)


def read(text: str) -> Plan:
    """The network that `text` describes; TopologyError for what can't be read."""
    said: dict[str, str] = {}
    order: dict[str, None] = {}
    cables: list[Cable] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            if words[0] in KINDS and "--" not in words:
                for name in words[1:]:
                    order[checked(name)] = None
                    if said.setdefault(name, words[0]) != words[0]:
                        raise TopologyError(f"{name} is a {said[name]} already")
                continue
            chain = [word for word in words if "=" not in word]
            options = read_options([word for word in words if "=" in word])
            for cable in cables_of(chain):
                cables.append(Cable(cable, options))
                order |= dict.fromkeys(plug.name for plug in cable)
        except ValueError as error:
            raise TopologyError(f"line {number}, {line.strip()[:60]!r}: {error}") from None
    plan = Plan({}, cables)
    for name in order:
        plan.kinds[name] = kind_of(name, cables, said.get(name))
    return plan


def checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise TopologyError(f"{name[:40]!r} is neither a name, as h1, nor an address with its prefix, as 10.0.0.1/24")
    return name


def cables_of(words: list[str]) -> Iterator[tuple[Plug, Plug]]:
    """The cables of a line: between each two of its nodes that have -- between them."""
    nodes: list[list[str]] = [[]]
    for word in words:
        if word == "--":
            nodes.append([])
        else:
            nodes[-1].append(word)
    if len(nodes) == 1:
        raise TopologyError("this is no cable: write h1 10.0.0.1/24 -- s1, or host h1 to say what h1 is")
    ends = [sides(node, first=at == 0, last=at == len(nodes) - 1) for at, node in enumerate(nodes)]
    for (name, _, address), (other, other_address, _) in pairwise(ends):
        yield Plug(name, address), Plug(other, other_address)


def sides(words: list[str], first: bool, last: bool) -> tuple[str, str | None, str | None]:
    """A node of a chain: its name, and its addresses on the cable before it and on the cable behind it."""
    names = [checked(word) for word in words if "/" not in word]
    if len(names) != 1:
        raise TopologyError("between two -- stands one name" + (f", not {' and '.join(names)}" if names else ""))
    at = words.index(names[0])
    before, behind = words[:at], words[at + 1 :]
    if (first or last) and len(before + behind) < 2:  # one cable: the address may stand on either side of the name
        address = (before + behind)[0] if before + behind else None
        return names[0], address, address
    if first or last or len(before) > 1 or len(behind) > 1 or len(before) != len(behind):
        raise TopologyError(f"{names[0]} has one address for each of its cables here: before its name for the cable "
                            "before it, behind its name for the other")  # fmt: skip
    return names[0], before[0] if before else None, behind[0] if behind else None


def read_options(words: list[str]) -> dict[str, Any]:
    """What the words behind a cable say, as `Simulation.link` takes it."""
    sizes = [word.partition("=")[2] for word in words if word.startswith("mtu=")]
    from netlib.lab.wan.settings import BOTH, WanError, read_words  # labs are not everywhere that simulations are

    try:
        change = read_words(word for word in words if not word.startswith("mtu="))
    except WanError as error:
        raise TopologyError(str(error)) from None
    options = {key: value for key, value in change.pop(BOTH, {}).items() if value is not None}
    wrong = [f"{end}:..." for end in change] + [key for key in options if key not in OPTIONS]
    if wrong:
        raise TopologyError(f"{wrong[0]!r} is not for these cables: they know {', '.join(OPTIONS)} and mtu")
    if "drop" in options:
        options["drop"] = frozenset(options["drop"])
    if sizes:
        if len(sizes) > 1 or not re.fullmatch(r"[1-9]\d{1,4}", sizes[0]):
            raise TopologyError(f"mtu={sizes[-1][:20]}: write it once, in bytes, as mtu=1400")
        options["mtu"] = int(sizes[0])
    return options


def kind_of(name: str, cables: Iterable[Cable], said: str | None) -> str:
    """What a node is: as it was said, or as its cables show."""
    addresses = [plug.address for cable in cables for plug in cable.plugs if plug.name == name]
    there = sum(address is not None for address in addresses)
    if said == "switch" and there:
        raise TopologyError(f"{name} is a switch and has no address: write it without {next(filter(None, addresses))}")
    if there < len(addresses) and (there or said in ("host", "router")):
        raise TopologyError(f"{name} has no address on one of its cables: a {said or 'host or router'} needs one there")
    if said:
        return said
    if there:
        return "router" if there > 1 else "host"
    if len(addresses) == 1:
        raise TopologyError(f"{name} has no address and only one cable: is it a host (write {name} 10.0.0.1/24), or a "
                            f"switch (add a line: switch {name})?")  # fmt: skip
    return "switch"


def find_loop(links: Iterable[tuple[str, str]]) -> list[str]:
    """A loop of these links, as the nodes along it, the first one again at the end; [] where there is none."""
    known: dict[str, list[str]] = {}
    for a, b in links:
        back: dict[str, str] = {b: b}  # node -> the one before it on the way from b, over the links so far
        queue = [b]
        for node in queue:
            for other in known.get(node, []):
                if other not in back:
                    back[other] = node
                    queue.append(other)
        if a in back:
            way = [a]
            while way[-1] != b:
                way.append(back[way[-1]])
            return [*way, a]
        known.setdefault(a, []).append(b)
        known.setdefault(b, []).append(a)
    return []


def routes(hosts: Iterable[Host], joined: Iterable[Any]) -> Iterator[tuple[str, str, str]]:
    """(node, network, next hop) for what hosts and routers need to reach every network over the fewest routers.

    `joined` has the links as `Simulation.joined` gives them.  Of ways of the same length, the one over the router that
    was made first.
    """
    wires: dict[Any, Any] = {}  # an end -> one further on, in the end the same for all that one broadcast reaches

    def wire(end: Any) -> Any:
        while wires.get(end, end) != end:
            end = wires[end]
        return end

    at: dict[Host, list[tuple[Any, IPv4Interface]]] = {host: [] for host in hosts}
    ends = []
    for pair in joined:
        keys = [(node.name, place.number) if hasattr(node, "host") else node.name for node, place in pair]
        wires[wire(keys[0])] = wire(keys[1])
        ends += [(node.host, place.address, key) for (node, place), key in zip(pair, keys, strict=True)
                 if hasattr(node, "host")]  # fmt: skip
    there: dict[Any, list[tuple[Host, IPv4Interface]]] = {}  # a wire -> who is on it
    for host, address, key in ends:
        if isinstance(address, IPv4Interface):
            at[host].append((wire(key), address))
            there.setdefault(wire(key), []).append((host, address))
    networks = {address.network: None for _, address, _ in ends if isinstance(address, IPv4Interface)}
    rank = {host: number for number, host in enumerate(at)}
    for host, mine in at.items():
        first = next_hops(host, mine, at, there, rank)
        direct = {address.network for _, address in mine}
        if not host.internet.forwarding:
            near = [via for steps, via in first.values() if steps]
            if near:
                yield host.name, "0.0.0.0/0", near[0]
            continue
        for network in networks:
            ways = [first[where] for where, on in there.items()
                    if where in first and any(address.network == network for _, address in on)]  # fmt: skip
            _, via = min(ways, key=lambda way: way[0], default=(0, ""))
            if via and network not in direct:  # somebody on our own wire may have another mask than we
                yield host.name, str(network), via


def next_hops(
    host: Host,
    mine: list[tuple[Any, IPv4Interface]],
    at: Mapping[Host, list[tuple[Any, IPv4Interface]]],
    there: Mapping[Any, list[tuple[Host, IPv4Interface]]],
    rank: Mapping[Host, int],
) -> dict[Any, tuple[int, str]]:
    """For each wire that `host` can reach: over how many routers, and the address of the first of them ("": none)."""
    first = {where: (0, "") for where, _ in mine}
    nets = {where: address.network for where, address in mine}
    queue = list(first)
    for where in queue:
        steps, via = first[where]
        for router, address in sorted(there[where], key=lambda pair: rank[pair[0]]):
            if router is host or not router.internet.forwarding or (not via and address.address not in nets[where]):
                continue
            for beyond, _ in at[router]:
                if beyond not in first:
                    first[beyond] = (steps + 1, via or str(address.address))
                    queue.append(beyond)
    return first
