"""What the peer says it holds beyond a gap: the SACK scoreboard (RFC 2018, RFC 6675 section 4).

    una (HighACK + 1)                          nxt (HighData + 1)
     |  lost  |######|  lost  |###|   |####|     |      #: SACKed
                              |
                              lost_before: enough is SACKed above, so what is missing below it will not come

SACKed bytes are ranges in order, merged where they touch.  Each block of an acknowledgment adds one or merges some, so
the time is linear in the blocks; the ranges are bounded, and a block that would make one too many is forgotten.
"""

from bisect import bisect_left, bisect_right

DUP_THRESH = 3  # DupThresh: "the number of duplicate acknowledgments required to trigger a retransmission"
RANGES = 4096

Range = tuple[int, int]  # the first byte, and one past the last


class Scoreboard:
    """Which bytes from `una` on are SACKed; `mss` is the RFC's SMSS."""

    __slots__ = ("ends", "mss", "sacked", "starts", "una")

    def __init__(self, mss: int, una: int) -> None:
        self.mss, self.una = mss, una
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.sacked = 0  # bytes in all ranges

    # ---- Update () -----------------------------------------------------------------------------------------

    def add(self, start: int, end: int) -> list[Range]:
        """Mark a block as SACKed; those parts of it that were not so before."""
        start = max(start, self.una)
        if start >= end:
            return []
        low, high = bisect_left(self.ends, start), bisect_right(self.starts, end)  # those that touch it: low to high
        if low == high and len(self.starts) >= RANGES:
            return []
        new, at = [], start
        for known_start, known_end in zip(self.starts[low:high], self.ends[low:high], strict=True):
            if at < known_start:
                new.append((at, known_start))
            at = max(at, known_end)
        if at < end:
            new.append((at, end))
        if low < high:
            start, end = min(start, self.starts[low]), max(end, self.ends[high - 1])
        self.starts[low:high], self.ends[low:high] = [start], [end]
        self.sacked += sum(b - a for a, b in new)
        return new

    def acknowledge(self, ack: int) -> None:
        """All before `ack` is acknowledged, and no more of interest."""
        self.sacked -= self.between(self.una, ack)
        gone = bisect_right(self.ends, ack)
        del self.starts[:gone], self.ends[:gone]
        if self.starts and self.starts[0] < ack:
            self.starts[0] = ack
        self.una = ack

    def clear(self) -> None:
        """Forget what was SACKed: after a timeout "the data sender SHOULD turn off all of the SACKed bits, since the
        timeout might indicate that the data receiver has reneged" (RFC 2018 section 8)."""
        self.starts.clear()
        self.ends.clear()
        self.sacked = 0

    # ---- questions -----------------------------------------------------------------------------------------

    def between(self, start: int, end: int) -> int:
        """How many bytes from `start` up to `end` are SACKed."""
        low, high = bisect_right(self.ends, start), bisect_left(self.starts, end)
        ranges = zip(self.starts[low:high], self.ends[low:high], strict=True)
        return sum(min(end, b) - max(start, a) for a, b in ranges)

    def lost_before(self) -> tuple[int, int]:
        """The number below which all that is not SACKed counts as lost, and how many bytes are SACKed from there on.

        IsLost: "returns true when either DupThresh discontiguous SACKed sequences have arrived above 'SeqNum' or more
        than (DupThresh - 1) * SMSS bytes with sequence numbers greater than 'SeqNum' have been SACKed" (section 4).
        """
        if not self.starts:
            return self.una, 0
        above = 0
        for count, i in enumerate(reversed(range(len(self.starts))), 1):
            above += self.ends[i] - self.starts[i]
            if count >= DUP_THRESH or above > (DUP_THRESH - 1) * self.mss:
                return self.starts[i], above
        return self.una, self.sacked

    def is_lost(self, number: int) -> bool:
        """IsLost (SeqNum), for a byte that is not SACKed."""
        return number < self.lost_before()[0]

    def highest(self) -> int:
        """One past "the highest octet covered by any received SACK"; `una` if there is none."""
        return self.ends[-1] if self.ends else self.una

    def hole(self, number: int, end: int) -> Range | None:
        """The first stretch from `number` up to `end` that is not SACKed, or None."""
        i = bisect_right(self.ends, number)
        if i < len(self.starts) and self.starts[i] <= number:
            number, i = self.ends[i], i + 1
        until = min(end, self.starts[i]) if i < len(self.starts) else end
        return (number, until) if number < until else None

    def last_hole(self, end: int) -> Range | None:
        """The last stretch before `end` that is not SACKed, or None."""
        last = len(self.starts) - 1
        if last >= 0 and self.ends[last] >= end:
            end, last = self.starts[last], last - 1
        start = self.ends[last] if last >= 0 else self.una
        return (start, end) if start < end else None

    def __repr__(self) -> str:
        return f"Scoreboard({self.una}: {', '.join(f'{a}-{b}' for a, b in zip(self.starts, self.ends, strict=True))})"
