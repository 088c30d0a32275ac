"""A running wan as it says of itself: each direction's settings, and what it has counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from netlib.lab.wan.impairment import new_counters
from netlib.lab.wan.settings import Settings


class Way(NamedTuple):
    """One direction: from the interface where frames come in to the one where they go out."""

    source: str
    target: str
    settings: Settings
    counters: dict[str, int]  # of `impairment.COUNTED`, and "waiting": frames that are under way now

    def __str__(self) -> str:
        counted = {name: number for name, number in self.counters.items() if number or name in ("frames", "sent")}
        numbers = ", ".join(f"{number} {name}" for name, number in counted.items())
        return f"{self.source} -> {self.target}  {self.settings}\n{'':14}{numbers}"


class Wan:
    """`wan["eth1"]` is what comes in at eth1; `wan.counters` are the sums of both directions."""

    def __init__(self, ways: list[Way]):
        self.ways = ways

    @property
    def counters(self) -> dict[str, int]:
        return {name: sum(way.counters[name] for way in self.ways) for name in (*new_counters(), "waiting")}

    @property
    def settings(self) -> dict[str, Settings]:
        return {way.source: way.settings for way in self.ways}

    def __getitem__(self, interface: str) -> Way:
        for way in self.ways:
            if way.source == interface:
                return way
        raise KeyError(f"{interface!r}; this wan has {' and '.join(way.source for way in self.ways)}")

    def __iter__(self) -> Iterator[Way]:
        return iter(self.ways)

    def __repr__(self) -> str:
        return "\n".join(map(str, self.ways))


def to_message(wan: Wan) -> dict[str, Any]:
    """As JSON can carry it."""
    return {
        "ways": [[way.source, way.target] for way in wan],
        "settings": {way.source: way.settings._asdict() for way in wan},
        "counters": {way.source: way.counters for way in wan},
    }


def from_message(message: dict[str, Any]) -> Wan:
    ways = []
    for source, target in message["ways"]:
        given = message["settings"][source].items()
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in given}
        settings = Settings(**values)
        ways.append(Way(source, target, settings, message["counters"][source]))
    return Wan(ways)
