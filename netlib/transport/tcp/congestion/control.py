"""What a congestion controller is: it is told what happens, and says how many bytes may be under way.

    slow start             cwnd < ssthresh: one segment more for each that is acknowledged (RFC 5681 section 3.1)
    congestion avoidance   cwnd >= ssthresh: about one segment more in each round trip, or as CUBIC does
    recovery               from `on_loss` to `on_recovered`: the window was cut, and does not grow

How large the window is, is decided here; which bytes are sent again, by the recovery (recovery.py), whose verdict on
each acknowledgment calls these methods in the right order.  All windows are in bytes.
"""

from typing import Protocol

UNLIMITED = 2**30  # bytes: the largest window that a peer can offer, 65535 << 14 (RFC 7323), and a little more


class CongestionPart(Protocol):
    """What one of yours has at least.  Made with the size of a full segment (SMSS, bytes); times in seconds."""

    mss: int
    cwnd: int  # "congestion window": this much may be under way
    ssthresh: int  # "slow start threshold": below it the window grows fast

    def on_ack(self, acked: int, flight: int, now: float, rtt: float | None) -> None:
        """`acked` > 0 bytes that were outstanding are acknowledged.

        `flight` is how many were under way just before; `rtt` the smoothed round-trip time, None if none is known.
        In a recovery it is a partial acknowledgment (RFC 6582): more is missing.
        """

    def on_loss(self, flight: int, now: float) -> None:
        """Some of the `flight` bytes are lost; recovery begins."""

    def on_timeout(self, flight: int, now: float) -> None:
        """The retransmission timer has run out with `flight` bytes outstanding; it ends a recovery too."""


class CongestionControl(CongestionPart, Protocol):
    """What there is to know besides.  Where one of yours leaves it out, `on_ecn` is a loss that is repaired at once,
    and the others do nothing."""

    def on_duplicate_ack(self) -> None:
        """In a recovery without SACK: a segment has left the network, and we do not know which.

        Called three times with `on_loss`, for the three that started it, and once for each one after.
        """

    def on_recovered(self, now: float) -> None:
        """All that was outstanding when the loss was noticed is acknowledged; recovery ends."""

    def on_ecn(self, flight: int, now: float) -> None:
        """The peer echoes a router's congestion mark.  For the caller to say once a window (RFC 3168 section 6.1.2)."""

    def on_idle(self, now: float) -> None:
        """Nothing was sent for a retransmission timeout, and now something will be."""


def initial_window(mss: int) -> int:
    """How many bytes may be sent at first: "min (10*MSS, max (2*MSS, 14600))" (RFC 6928 section 2).

    Where the SYN or its answer was lost, it "MUST be one segment" (RFC 5681 section 3.1): for the connection to set.
    """
    return min(10 * mss, max(2 * mss, 14600))
