"""How many frames a second a capture takes without a loss, as an ordinary notebook and a flood of UDP see it.

A thread offers frames at a fixed rate on one end of a link, in bursts of a hundredth of a second, and a capture at the
other end counts them. A machine that is busy may not reach the rate; then the rate that was reached is what is shown.
"""

from collections.abc import Iterator
from time import perf_counter, sleep

from netlib.lab import Lab

from .measure import Result

SECONDS = 3
RATE = 15_000  # frames/s
SIZES = (60, 590, 1514)  # bytes


def results() -> Iterator[Result]:
    if not Lab.doctor()["namespaces"]:
        return  # `netlib doctor` says why
    with Lab("06-icmp") as lab:
        for size in SIZES:
            rate, lost = offer(lab, size)
            yield Result(f"frames of {size} bytes, offered", rate, "/s")
            yield Result(f"frames of {size} bytes, lost by the capture", lost, "frames", 0.5, "<")


def offer(lab: Lab, size: int) -> tuple[float, int]:
    """The rate (frames/s) that was reached, and how many of the frames the capture has not."""
    frame = bytes.fromhex("ffffffffffff02000000010188b5").ljust(size, b".")
    count = 0
    with lab["h1"].packet_socket("eth1") as sender, lab.capture("r1:eth1") as capture:
        started = perf_counter()
        while count < SECONDS * RATE:
            for _ in range(RATE // 100):
                sender.send(frame)
            count += RATE // 100
            sleep(max(0.0, started + count / RATE - perf_counter()))
        took = perf_counter() - started
    kept = sum(packet.data == frame for _, packet in capture.packets)
    return count / took, count - kept
