"""Bytes that arrive in any order, twice or in part, come out once and in order.

    next ->|          gap          |  held  |  gap  |  held  |
           1000                    4000     5000    6000     7000         ranges 4000-5000, 6000-7000

What is beyond a gap is kept in one buffer that starts at `next`; which parts of it are filled is a list of ranges, in
order of their numbers and, for SACK, in the order in which they last grew.  Each byte is copied in once and out once,
and each new segment merges ranges or adds one: linear time however segments overlap, and the memory is the window
that was promised.  Where two copies of a byte differ, the later one counts (RFC 9293 does not say).
"""

from bisect import bisect_left
from itertools import islice
from typing import Protocol

RANGES = 4096  # a segment that would make one more is not kept; its sender, who sees no SACK of it, sends it again


class ReassemblerPart(Protocol):
    """Puts the bytes of a connection in order; numbers as in sequence.py."""

    next: int  # the first byte that is still missing

    def insert(self, start: int, data: bytes) -> bytes:
        """Take in the bytes from `start` on; return those that are now in order."""

    def blocks(self) -> list[tuple[int, int]]:
        """What is held beyond the gap: (first byte, one past the last); of many the first four are told the peer."""


class Reassembler:
    """The bytes from `next` on, `limit` of them at most."""

    __slots__ = ("buffer", "duplicate", "ends", "held", "limit", "next", "starts")

    def __init__(self, next: int, limit: int) -> None:
        self.next, self.limit = next, limit
        self.held = 0  # how many bytes are held beyond the gap
        self.duplicate: tuple[int, int] | None = None  # what the last segment brought that was here already
        self.buffer = bytearray()  # buffer[0] is byte `next`; as long as the last range needs
        self.starts: list[int] = []  # of the ranges, sorted
        self.ends: dict[int, int] = {}  # start -> end of each range, the one that grew last is the last

    def insert(self, start: int, data: bytes) -> bytes:
        """Keep the bytes from `start` on; return those from `next` on that are now in order, and move `next`.

        Cut off is what is before `next` and what is beyond `next + limit`.
        """
        self.duplicate = (start, min(self.next, start + len(data))) if start < self.next and data else None
        end = min(start + len(data), self.next + self.limit)
        if end <= max(start, self.next):
            return b""
        if start < self.next or end < start + len(data):
            first = max(start, self.next)
            data, start = data[first - start : end - start], first
        if start == self.next and not self.starts:  # most of the time: nothing is missing
            self.next = end
            return bytes(data)
        if not self.add(start, end):
            return b""
        self.write(start, data)
        return self.take() if start == self.next else b""

    def add(self, start: int, end: int) -> bool:
        """Make the range part of those that are there; false if that would be one too many."""
        # those from `low` up to `high` touch or overlap the new one
        low = bisect_left(self.starts, start)
        if low and self.ends[self.starts[low - 1]] >= start:
            low -= 1
        high = low
        while high < len(self.starts) and self.starts[high] <= end:
            high += 1
        if low == high and len(self.starts) >= RANGES and start != self.next:
            return False
        for known in self.starts[low:high]:
            until = self.ends.pop(known)
            self.held -= until - known
            overlap = max(start, known), min(end, until)
            if overlap[0] < overlap[1]:
                self.duplicate = self.duplicate or overlap
        if low < high:
            start, end = min(start, self.starts[low]), max(end, until)
        self.starts[low:high] = [start]
        self.ends[start] = end
        self.held += end - start
        return True

    def write(self, start: int, data: bytes) -> None:
        """Put the bytes where they belong."""
        offset = start - self.next
        if offset > len(self.buffer):
            self.buffer += bytes(offset - len(self.buffer))
        self.buffer[offset : offset + len(data)] = data

    def take(self) -> bytes:
        """Take out the first range, which begins at `next`."""
        start = self.starts.pop(0)
        end = self.ends.pop(start)
        self.held -= end - start
        self.next = end
        data = bytes(self.buffer[: end - start])
        del self.buffer[: end - start]
        return data

    def blocks(self, most: int = 4) -> list[tuple[int, int]]:
        """The ranges that are held, `most` at most, as (first byte, one past the last), the one that grew last first.

        "The first SACK block [...] MUST specify the contiguous block of data containing the segment which triggered
        this ACK", then "the most recently reported SACK blocks" (RFC 2018 section 4).
        """
        return list(islice(reversed(self.ends.items()), most)) if self.starts else []

    def report(self, most: int = 4) -> list[tuple[int, int]]:
        """The SACK blocks for the acknowledgment of the last segment: what was received twice, once, then `blocks`.

        "each duplicate contiguous sequence of data received is reported in at most one D-SACK block" (RFC 2883
        section 4).  A segment that never got as far as `insert` can be set as `duplicate` by who has dropped it.
        """
        twice, self.duplicate = self.duplicate, None
        if twice is None and not self.starts:
            return []
        return ([twice, *self.blocks(most)] if twice else self.blocks(most))[:most]
