"""`nstat -asz`: the kernel's SNMP counters of a node, absolute, also those that are 0.

A line is a counter's name, its value, and a rate that is 0.0 with -a. The names are those of RFC 4022, 4113 and 4293,
and Linux' own, which begin with TcpExt and IpExt.
"""

from __future__ import annotations

from netlib.lab.errors import LabError
from netlib.lab.samples.rows import Row, Unreadable


def parse(text: str) -> list[Row]:
    """One row, a column for each counter. Unreadable for a line that is no counter."""
    row: Row = {}
    for line in text.splitlines():
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) != 3 or not words[0].isalnum() or not words[1].lstrip("-").isdigit():
            raise Unreadable("nstat", line)
        row[words[0]] = int(words[1])
    return [row]


def check(words: tuple[str, ...], row: Row) -> None:
    """LabError for a counter that was asked for, and that this kernel has not (nstat says nothing of it)."""
    for word in words:
        if word.isalnum() and word not in row:
            raise LabError(f"this kernel counts no {word!r}; `nstat -asz` in a node lists what it counts")
