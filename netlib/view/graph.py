"""Where the nodes of a network stand in its drawing: a column and a row for each.

The columns are distances from one end of the longest path, or from the middle where that would be too many. In a tree
each node stands in the middle of those that hang on it. A link that would close a ring gets a row of its own to run on.
A chain that is too long for a page turns round at its end, as a river does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

LONGEST = 5  # columns that fit a page: longer chains turn round, deeper trees start from their middle


@dataclass
class Layout:
    """`places`: node -> (column, row), from 0; `order`: the nodes as one comes to them from the left."""

    places: dict[str, tuple[float, float]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    below: dict[str, list[tuple[str, int]]] = field(default_factory=dict)  # node -> those behind it, with their links
    roots: list[str] = field(default_factory=list)
    lanes: dict[tuple[str, str, int], float] = field(default_factory=dict)  # the rows of links that close a ring

    def lane(self, a: str, b: str, number: int) -> float:
        """The row on which the link from `a` to `b`, farther right, runs: as a rule that of `b`."""
        return self.lanes.get((a, b, number), self.places[b][1] + 0.3 * number)

    def text_rows(self) -> Iterator[tuple[str, str, int | None]]:
        """(what stands before it, node, its link) for a drawing of the tree in text."""

        def rows(node: str, link: int | None, head: str, rest: str) -> Iterator[tuple[str, str, int | None]]:
            yield head, node, link
            children = self.below[node]
            for number, (child, index) in enumerate(children, 1):
                last = number == len(children)
                yield from rows(child, index, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))

        for root in self.roots:
            yield from rows(root, None, "", "")


def lay_out(nodes: Sequence[str], links: Sequence[tuple[str, str]]) -> Layout:
    """The layout of a network; its parts that are not connected stand one below the other."""
    layout = Layout()
    beside: dict[str, list[tuple[str, int]]] = {node: [] for node in nodes}
    for index, (a, b) in enumerate(links):
        if a != b:
            beside[a].append((b, index))
            beside[b].append((a, index))
    row = 0.0
    for node in nodes:
        if node not in layout.places:
            part = _distances(node, beside)
            row = _place(layout, [each for each in nodes if each in part], beside, row)
    return layout


def _distances(start: str, beside: dict[str, list[tuple[str, int]]]) -> dict[str, int]:
    found = {start: 0}
    queue = [start]
    for node in queue:
        for other, _ in beside[node]:
            if other not in found:
                found[other] = found[node] + 1
                queue.append(other)
    return found


def _place(layout: Layout, part: list[str], beside: dict[str, list[tuple[str, int]]], row: float) -> float:
    """Place one connected part, from `row` on; the next free row."""
    far = [max(_distances(node, beside).values()) for node in part]
    wanted = max(far) if max(far) <= LONGEST or _is_chain(part, beside) else min(far)
    ends = [node for node, distance in zip(part, far, strict=True) if distance == wanted]
    root = min(ends, key=lambda node: len(beside[node]))  # of equals, the one that is named first
    columns = _distances(root, beside)
    tree: set[int] = set()
    queue = [root]
    layout.roots.append(root)
    for node in queue:
        layout.order.append(node)
        layout.below[node] = []
        for other, index in beside[node]:
            if other not in queue:
                queue.append(other)
                tree.add(index)
                layout.below[node].append((other, index))
    if len(part) > LONGEST and _is_chain(part, beside):
        return _wind(layout, queue, row)
    rings: dict[str, list[tuple[str, str, int]]] = {}
    numbers: dict[frozenset[str], int] = {}
    for index, (a, b) in sorted(_links(part, beside).items()):
        pair = frozenset((a, b))
        number = numbers[pair] = numbers.get(pair, -1) + 1
        if index not in tree and columns[a] != columns[b]:
            near, away = sorted((a, b), key=lambda node: columns[node])
            rings.setdefault(near, []).append((near, away, number))

    def descend(node: str, row: float) -> tuple[float, float]:
        """Place `node` and what is behind it, from `row` on: its own row, and the next free one."""
        mine = []
        for child, _ in layout.below[node]:
            place, row = descend(child, row)
            mine.append(place)
        for ring in rings.get(node, []):
            layout.lanes[ring] = row
            mine.append(row)
            row += 1
        place = (mine[0] + mine[-1]) / 2 if mine else row
        layout.places[node] = (columns[node], place)
        return place, row if mine else row + 1

    return descend(root, row)[1]


def _is_chain(part: list[str], beside: dict[str, list[tuple[str, int]]]) -> bool:
    return all(len(beside[node]) <= 2 for node in part) and len(_links(part, beside)) == len(part) - 1


def _links(part: list[str], beside: dict[str, list[tuple[str, int]]]) -> dict[int, tuple[str, str]]:
    return {index: (node, other) for node in part for other, index in beside[node]}


def _wind(layout: Layout, chain: list[str], row: float) -> float:
    """Place a long chain in rows that run to and fro."""
    for number, node in enumerate(chain):
        line, column = divmod(number, LONGEST)
        layout.places[node] = (float(LONGEST - 1 - column if line % 2 else column), row + line)
    return row + (len(chain) - 1) // LONGEST + 1
