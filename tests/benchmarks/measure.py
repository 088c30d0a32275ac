"""How the benchmarks measure: in turns, and the best round counts.

The machine is busy with other things as well.  What they take can only make a round slower, so each
contestant's fastest round is the nearest to what its code costs.  The contestants take turns, in rounds
of a few milliseconds, so that a busy second hits all of them.
"""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True)
class Result:
    """One line of the table.  The target is a limit: at least (">=") or below ("<"); None: only for information."""

    what: str
    value: float
    unit: str  # "x" for a ratio
    target: float | None = None
    better: str = ">="

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        met = self.value >= self.target if self.better == ">=" else self.value < self.target
        return "ok" if met else "below target" if self.better == ">=" else "above target"


def seconds_per_call(
    contestants: Mapping[str, Callable[[], object]], rounds: int = 60, round_time: float = 0.004
) -> dict[str, float]:
    """The time of one call of each contestant, in seconds: its fastest round of `rounds` rounds in turns."""
    calls = {}
    for name, contestant in contestants.items():
        contestant()  # caches, lazy imports
        started = perf_counter()
        contestant()
        calls[name] = max(1, int(round_time / max(perf_counter() - started, 1e-7)))
    best = dict.fromkeys(contestants, float("inf"))
    collecting = gc.isenabled()
    gc.disable()  # a collection would fall on whoever is at work just then
    try:
        for _ in range(rounds):
            for name, contestant in contestants.items():
                repeat = range(calls[name])
                started = perf_counter()
                for _ in repeat:
                    contestant()
                best[name] = min(best[name], (perf_counter() - started) / calls[name])
            gc.collect()
    finally:
        if collecting:
            gc.enable()
    return best


@dataclass(frozen=True)
class Missing:
    """A line of the table for what could not be measured here: what is missing, and the fix."""

    what: str
    fix: str
