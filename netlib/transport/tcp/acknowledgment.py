"""When to acknowledge what has arrived: at once, or a little later in the hope that data goes the other way.

"A TCP endpoint SHOULD implement a delayed ACK" (SHLD-18, RFC 9293 section 3.8.6.3); these do not wait:

    a second full segment       "an ACK SHOULD be generated for at least every second full-sized segment or 2*RMSS
                                bytes of new data" (SHLD-19)
    out of order, or twice      "SHOULD send an immediate duplicate ACK when an out-of-order segment arrives" (RFC 5681
                                section 3.2)
    a gap (partly) filled       "SHOULD send an immediate ACK when the incoming segment fills in all or part of a gap"
    a FIN                       its sender waits for this only
    the first segments          quick ACKs, as Linux: the sender is in slow start and grows with each acknowledgment
"""

from typing import Protocol

from netlib.transport.tcp.variables import Settings

SECOND = "second full segment"
OUT_OF_ORDER = "out of order"
FILLED = "fills a gap"
QUICK = "quick ACK, the connection is young"
NO_DELAY = "delayed ACKs are off"


class AcknowledgmentPart(Protocol):
    """Decides which segments are acknowledged at once."""

    def at_once(self, length: int, in_order: bool, fills_gap: bool) -> str | None:
        """Why a segment with `length` bytes of data is acknowledged now; None if that may wait."""

    def sent(self) -> None:
        """An acknowledgment has gone out, alone or with data."""


class DelayedAcknowledgment:
    """The rules above."""

    __slots__ = ("announced", "full", "pending", "quick", "settings")

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.announced = 0xFFFF  # bytes: the MSS that we announce
        self.full = 0  # bytes: the largest segment so far, which is how long the peer's full ones are
        self.pending = 0  # bytes that came since we last acknowledged
        self.quick = settings.quick_acks

    def at_once(self, length: int, in_order: bool, fills_gap: bool) -> str | None:
        if length > self.full:  # several that a device has joined count as several
            self.full = min(length, self.announced)
        self.pending += length
        if not in_order:
            return OUT_OF_ORDER
        if fills_gap:
            return FILLED
        if not self.settings.delayed_ack:
            return NO_DELAY
        if self.pending >= 2 * self.full:
            return SECOND
        if self.quick > 0:
            self.quick -= 1
            return QUICK
        return None

    def sent(self) -> None:
        self.pending = 0
