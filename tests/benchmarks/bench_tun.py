"""Over TUN at MTU 1500, to and from the kernel's TCP: bytes per second of processor, beside PyTCP on a TAP of its own.

Each transfer has a network namespace and a process to itself, in turns; the processor time is that process's alone,
user and system, from the connection to its end.  The kernel's end checks the bytes.  The best round counts.  What
netlib does with offloads, in packets of 64 KB (netlib/worlds/offload.py), is told apart.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec

from .measure import Missing, Result

ROUNDS = 3
SIZES = {"netlib": 30_000_000, "offload": 60_000_000, "pytcp": 3_000_000}  # bytes: about the same time for all


def results() -> Iterator[Result | Missing]:
    if os.geteuid() or not os.path.exists("/dev/net/tun"):
        yield Missing("transfers over TUN", "it takes root and /dev/net/tun")
        return
    stacks = [stack for stack in SIZES if stack != "pytcp" or find_spec(stack)]
    for way, words in (("send", "sent to the kernel over TUN"), ("take", "taken from the kernel over TUN")):
        best = dict.fromkeys(stacks, 0.0)
        for _ in range(ROUNDS):
            for stack in stacks:
                best[stack] = max(best[stack], transfer(stack, way))
        yield Result(f"{words}, per second of processor", best["netlib"] / 1e6, "MB/s")
        yield Result("  with offloads", best["offload"] / 1e6, "MB/s")
        if best.get("pytcp"):
            yield Result("  by PyTCP, on a TAP", best["pytcp"] / 1e6, "MB/s")
            yield Result("  netlib's to PyTCP's", best["netlib"] / best["pytcp"], "x", 15)
            yield Result("  with offloads, to PyTCP's", best["offload"] / best["pytcp"], "x")
        else:
            yield Missing("  by PyTCP", "its transfers did not end" if "pytcp" in best else "make bench")


def transfer(stack: str, way: str) -> float:
    """Bytes per second of processor, of one transfer; 0 for one of PyTCP's that hangs, as happens on a busy machine."""
    program = [sys.executable, "-O", "-m", "tests.benchmarks.tun_stack", stack, way, str(SIZES[stack])]
    try:
        done = subprocess.run(["unshare", "-n", *program], capture_output=True, text=True, timeout=60, check=True)
    except subprocess.TimeoutExpired:
        if stack != "pytcp":
            raise
        return 0.0
    return float(done.stdout.split()[-1])
