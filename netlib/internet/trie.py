"""The routing table as a trie: a tree in which each bit of an address says whether to go left or right.

    10.0.0.0/8      the node that 8 steps lead to has this route
    10.128.0.0/9    one step further to the right

A lookup walks along the destination's bits and remembers the last route that it has come past: that is the one with
the longest prefix.  It takes 32 steps at most, whether there are ten routes or a million; the list in
netlib/internet/routes.py gives the same answers, and takes longer with every route.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from netlib.internet.routes import Route
from netlib.wire.address import IPv4Network


@dataclass(slots=True, eq=False)
class Node:
    """Where the bits so far have led; the next bit, 0 or 1, says which of the two children comes next."""

    route: Route | None = None  # for the network whose prefix ends here
    children: "list[Node | None]" = field(default_factory=lambda: [None, None])


class Trie:
    """Stands in for `Routes`: `Host("r", Random(1), Parts(routes=Trie))`.

    Every leaf but the root has a route, so there are at most 32 nodes for each route.
    """

    def __init__(self) -> None:
        self.root = Node()
        self.size = 0
        self.changes = 0  # as in `Routes`

    def add(self, route: Route) -> None:
        """Add a route; one for the same network is replaced."""
        self.changes += 1
        node = self.root
        for bit in bits(route.network.bits, route.network.prefix):
            child = node.children[bit] or Node()
            node.children[bit] = child
            node = child
        self.size += node.route is None
        node.route = route

    def remove(self, network: IPv4Network) -> None:
        """Forget the route for exactly this network, if there is one, and the nodes that led nowhere else."""
        self.changes += 1
        node, path = self.root, []
        for bit in bits(network.bits, network.prefix):
            child = node.children[bit]
            if child is None:
                return
            path.append((node, bit))
            node = child
        self.size -= node.route is not None
        node.route = None
        for parent, bit in reversed(path):
            if node.route or any(node.children):
                return
            parent.children[bit] = None
            node = parent

    def lookup(self, destination: bytes) -> Route | None:
        """The route for a destination address, or None where no prefix matches."""
        number = int.from_bytes(destination, "big")
        node, best = self.root, self.root.route
        for shift in range(31, -1, -1):
            child = node.children[number >> shift & 1]
            if child is None:
                break
            node, best = child, child.route or best
        return best

    def matches(self, destination: bytes) -> list[Route]:
        """All routes that match, the shortest prefix first: the last one wins."""
        return [node.route for node in self.walk(destination) if node.route]

    def walk(self, destination: bytes) -> Iterator[Node]:
        """The nodes that a lookup comes past, from the root on."""
        node: Node | None = self.root
        for bit in [*bits(int.from_bytes(destination, "big"), 32), 0]:
            if node is None:
                return
            yield node
            node = node.children[bit]

    def __iter__(self) -> Iterator[Route]:
        """All routes, in the order of their networks."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if node.route:
                yield node.route
            waiting += [child for child in reversed(node.children) if child]

    def __len__(self) -> int:
        return self.size


def bits(number: int, count: int) -> Iterator[int]:
    """The first `count` of a number's 32 bits, from the left."""
    return (number >> shift & 1 for shift in range(31, 31 - count, -1))
