"""The ids of a lab: root of a lab that root starts is nobody on this machine."""

from __future__ import annotations

import os


def map_ids(pid: int) -> int:
    """Give the user namespace of `pid` ids that own nothing here; how many. 0 where it has to do with its own id: for
    who is not root. OSError or ValueError where root has none to give."""
    if os.geteuid() != 0:
        return 0
    start, count = spare_ids()
    if count:
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{pid}/{name}", "w", encoding="utf-8") as file:
                file.write(f"0 {start} {count}")
    return count


def spare_ids() -> tuple[int, int]:
    """A range of ids of this user namespace that own no files: (first, how many). ValueError when there is none.

    (0, 0) for a root that is an ordinary user outside and has no other ids: it needs none.
    """
    with open("/proc/self/uid_map", encoding="utf-8") as file:
        blocks = [tuple(map(int, line.split())) for line in file]
    if all(count == 1 and outside != 0 for _, outside, count in blocks):
        return 0, 0
    first, count = max(((inside, count) for inside, _, count in blocks), key=lambda block: block[1])
    if count > 1 << 31:
        return 1 << 30, 1 << 16  # beyond what distributions give to users and containers
    size = min(1 << 16, count // 2)
    if size < 2:
        raise ValueError("no ids to spare")
    return first + count - size, size
