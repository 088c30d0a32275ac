"""How large a segment the path takes, found out by sending a larger one: RFC 4821, with the names of its section 7.

     search_low                                    search_high
         |  gets through  |  the next probe: between  |  was lost, or the interface takes no more

A probe is a segment of new data like any other, only larger.  If it is acknowledged, all are as large from then on.  If
it alone is lost, the path takes less: that is no sign of congestion, and its bytes go again in smaller segments.

Pure decisions: no sending, no timer.  The probe, and what its fate means for the windows, is transmission.py's; that
nothing larger gets through after a while of silence ("black hole") too; what routers say (RFC 1191), reception.py's.
`search_low` is the connection's `path_mss`.  All sizes are bytes of TCP payload, without options.
"""

from math import inf

ANY = 65535  # search_high where nothing is known against it: then the interface and the peer set it
NEAR = 8  # bytes: "when the probe size range is small enough that further probing is no longer worth its cost" (7.3)
# Seconds until larger ones are tried again: after a router's word "MUST NOT be done less than 5 minutes [...] We
# recommend setting these timers at twice their minimum values" (RFC 1191 section 3); Linux's tcp_probe_interval
INTERVAL = 600.0


class Search:
    """What one connection has tried."""

    __slots__ = ("again_at", "middle", "probe", "search_high", "size")

    def __init__(self) -> None:
        self.search_high = ANY
        self.middle = False  # try between the two, for `search_high` itself was tried, or might as well have been
        self.again_at = inf  # when `search_high` is forgotten (seconds)
        self.probe: tuple[int, int] | None = None  # the sequence numbers of the one under way: first byte, one past
        self.size = 0  # of the last one that `next` has named

    def next(self, search_low: int, most: int, now: float) -> int | None:
        """How large the next probe is, `most` being all that interface and peer take; None: no probe now."""
        # "When the timer expires, search_high should be reset to its initial value (described above) so that probing
        # can resume" (section 7.3)
        if now >= self.again_at:
            self.search_high, self.middle, self.again_at = ANY, False, inf
        high = min(self.search_high, most)
        if self.probe or high <= search_low or (self.middle and high - search_low < NEAR):
            return None
        # "A simple strategy might be to do a binary search halving the probe size range with each probe"
        self.size = (search_low + high) // 2 if self.middle else high
        return self.size

    def limit(self, size: int, now: float, middle: bool) -> None:
        """No more than `size` gets through, for a while."""
        if size < self.search_high:
            self.search_high, self.middle, self.again_at = size, middle, now + INTERVAL

    def begin_anew(self, now: float) -> None:
        """A black hole: somewhere between half of what was sent and the most lies what gets through."""
        self.search_high, self.middle, self.again_at, self.probe = ANY, True, now + INTERVAL, None

    def fail(self, now: float) -> None:
        """The probe is lost: "set search_high to the probe size minus one" (section 7.6.2)."""
        self.limit(self.size - 1, now, middle=True)
        self.probe = None
