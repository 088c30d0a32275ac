"""Who owns a container or a folder: a process, in words that stay true after it has died.

A process number alone may be another process's tomorrow. With the machine's boot and the process's start time it names
one process for ever; with its PID namespace, one can also tell when the number means nothing here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Owner:
    """A process. `start` is in clock ticks since boot, `namespace` the inode of its PID namespace."""

    boot: str
    namespace: int
    pid: int
    start: int

    @property
    def gone(self) -> bool:
        """Is it certainly dead? False where that cannot be told: it may live in another container."""
        if self.boot != _boot():
            return True
        return self.namespace == _namespace() and start_time(self.pid) != self.start

    def __str__(self) -> str:
        return f"{self.boot}.{self.namespace}.{self.pid}.{self.start}"


def this_process() -> Owner:
    pid = os.getpid()
    start = start_time(pid)
    assert start is not None
    return Owner(_boot(), _namespace(), pid, start)


def read_owner(text: str) -> Owner | None:
    """The owner that `str` wrote; None for other text."""
    boot, *numbers = text.split(".")
    if len(numbers) != 3 or not all(number.isascii() and number.isdigit() for number in numbers):
        return None
    return Owner(boot, *map(int, numbers))


def start_time(pid: int) -> int | None:
    """When the process started, in ticks since boot; None when it is dead (a zombie is)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _boot() -> str:
    return _BOOT.read_text(encoding="utf-8").strip()


def _namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino
