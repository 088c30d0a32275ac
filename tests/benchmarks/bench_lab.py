"""How long a lab takes to come up and to go, on the kernel that runs this."""

from collections.abc import Iterator
from statistics import median
from time import perf_counter

from netlib.lab import Lab

from .measure import Result

ROUNDS = 7


def results() -> Iterator[Result]:
    if not Lab.doctor()["namespaces"]:
        return  # `netlib doctor` says why
    up, down = zip(*(seconds() for _ in range(ROUNDS)), strict=True)
    yield Result("lab of two hosts and three routers up, median", 1000 * median(up), "ms", 500, "<")
    yield Result("the same lab down, median", 1000 * median(down), "ms")


def seconds() -> tuple[float, float]:
    """For bringing the lab of chapter 06 up, and down."""
    started = perf_counter()
    lab = Lab("06-icmp").up()
    there = perf_counter()
    lab.down()
    return there - started, perf_counter() - there
