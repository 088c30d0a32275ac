"""What a lab leaves on this machine: its processes and namespaces, as /proc shows them."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

KINDS = ("net", "mnt", "pid", "uts", "ipc", "user")


def namespaces(pid: int | str) -> dict[str, str]:
    """The namespaces of a process, such as {"net": "net:[4026531840]"}; fewer if it is not ours to look at."""
    found = {}
    for kind in KINDS:
        try:
            found[kind] = os.readlink(f"/proc/{pid}/ns/{kind}")
        except OSError:
            continue
    return found


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children(pid: int) -> list[int]:
    """The process's descendants, itself left out."""
    parents: dict[int, list[int]] = {}
    for each in pids():
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(each)
    collected: list[int] = []
    queue = [pid]
    while queue:
        below = parents.get(queue.pop(), [])
        collected += below
        queue += below
    return collected


def names_below() -> Counter[str]:
    """The names of this process's descendants, each with how many. The one lab that is made ahead for the next start is
    left out: it has a launcher and blank nodes, and no supervisor yet."""
    below = children(os.getpid())
    launchers = [pid for pid in below if _name(pid) == "lab-launcher" and "lab-supervisor" not in subtree(pid).values()]
    ahead = subtree(launchers[0]) if launchers else {}  # its own launcher comes before those that it forked
    return Counter(_name(pid) for pid in below if pid not in ahead and not is_zombie(pid))


def subtree(pid: int) -> dict[int, str]:
    """The process and its descendants, with their names."""
    return {each: _name(each) for each in [pid, *children(pid)]}


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def is_zombie(pid: int) -> bool:
    """Dead, and only an entry until its parent asks: a launcher that was killed, while its notebook has not looked."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def started(pid: int) -> float:
    """When the process was started, in seconds since the machine's own start; infinity if it is gone."""
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return float("inf")
    return ticks / os.sysconf("SC_CLK_TCK")


class Footprint:
    """The namespaces that the processes below `pid` (and `pid` itself) made for themselves, and who is in them.

    What counts are the processes that were there then: the kernel gives the number of a namespace that is gone to the
    next one, which may be that of another lab.
    """

    def __init__(self, pid: int):
        self.taken = time.clock_gettime(time.CLOCK_BOOTTIME)
        own = set(namespaces("self").values())
        self.namespaces = {each for child in [pid, *children(pid)] for each in namespaces(child).values()} - own
        self.members = [
            (each, started(each)) for each in pids() if self.namespaces & set(namespaces(each).values())
        ]  # fmt: skip

    def inhabitants(self) -> list[int]:
        return [pid for pid, since in self.members if started(pid) == since and not is_zombie(pid)]

    def _pids(self) -> list[int]:
        return [pid for pid in pids() if started(pid) <= self.taken]

    def holders(self) -> list[str]:
        """Descriptors, of any process, that keep one of the namespaces."""
        found = []
        for pid in self._pids():
            try:
                links = [f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")]
            except OSError:
                continue
            for link in links:
                try:
                    if os.readlink(link) in self.namespaces:
                        found.append(link)
                except OSError:
                    continue
        return found

    def mounts(self) -> list[str]:
        """Namespaces of these that are mounted somewhere in ours."""
        text = Path("/proc/self/mountinfo").read_text()
        return [each for each in self.namespaces if each in text]

    def left(self) -> list[object]:
        return [*self.inhabitants(), *self.holders(), *self.mounts()]


def eventually(condition: Callable[[], object], timeout: float = 60.0) -> bool:
    """Does it become true before the deadline?"""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
