"""Who waits for which socket: a change of one socket wakes those who wait for it, and nobody looks at the others.

A socket that has `sources` says by them what has to change before it can become readable: one of these objects, which
its layer names in `touched` then (kernel/connections.py).  One that has none may change at any time, and is looked at
whenever something happens.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar

from netlib.worlds.task import Readable

W = TypeVar("W")
ANYTHING = (None,)  # the sources of a socket that does not tell


@dataclass(eq=False, slots=True)
class Waiter(Generic[W]):
    """Somebody who waits: `wakes` is for the world to know whom."""

    socket: Readable
    wakes: W
    number: int
    sources: tuple[Any, ...]


class Waiters(Generic[W]):
    """All that wait, by what they wait for."""

    def __init__(self) -> None:
        self.by_source: dict[Any, dict[Waiter[W], None]] = {}
        self.count = 0

    def add(self, socket: Readable, wakes: W) -> Waiter[W]:
        """Note that somebody waits for this socket from now on, until `ready` has named it or it is removed."""
        self.count += 1
        waiter = Waiter(socket, wakes, self.count, getattr(socket, "sources", None) or ANYTHING)
        for source in waiter.sources:
            self.by_source.setdefault(source, {})[waiter] = None
        return waiter

    def remove(self, waiter: Waiter[W]) -> None:
        """Forget one; it need not be there any more."""
        for source in waiter.sources:
            there = self.by_source.get(source)
            if there and waiter in there:
                del there[waiter]
                if not there:
                    del self.by_source[source]

    def ready(self, touched: Iterable[Any]) -> list[W]:
        """Take out those who wait no longer, since these have changed, in the order in which they began to wait."""
        sources = self.by_source
        if None not in sources and sources.keys().isdisjoint(touched):  # as for most frames, however many wait
            return []
        found: list[Waiter[W]] = []
        for source in (*touched, None):
            if waiting := sources.get(source):
                found += [waiter for waiter in waiting if waiter.socket.readable]
        if len(found) > 1:  # some wait for several
            found = sorted(set(found), key=attrgetter("number"))
        for waiter in found:
            self.remove(waiter)
        return [waiter.wakes for waiter in found]
