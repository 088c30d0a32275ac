"""How much of what is queued may be sent now, and why not more: the sender's and the receiver's policy.

    Nagle            "If there is unacknowledged data (i.e., SND.NXT > SND.UNA), then the sending TCP endpoint buffers
                     all user data ... until the outstanding data has been acknowledged or until the TCP endpoint can
                     send a full-sized segment" (RFC 9293 section 3.7.4)
    Minshall         the same, where the unacknowledged data was itself a small segment: what Linux does
    silly windows    neither send (`Output`) nor offer (`offered_edge`) little at a time: SWS avoidance (sections
                     3.8.6.2.1 and 3.8.6.2.2)

Pure decisions: no state, no time.  Who asks is transmission.py, which also keeps the timer that overrides a decision
not to send when nothing is in flight.
"""

from dataclasses import dataclass
from typing import Protocol

from netlib.transport.tcp.variables import Settings

FULL = "a full segment"
ALL = "all that is queued, and nothing is in flight"
LAST = "all that is queued: nothing follows"
NODELAY = "all that is queued: no delay is wanted"
MINSHALL_ALLOWS = "all that is queued: no small segment is in flight"
HALF_WINDOW = "half of the largest window there was"

NOTHING = "nothing is queued"
NO_WINDOW = "the peer's window is full"
NO_CWND = "the congestion window is full"
NAGLE = "Nagle: little data, and some is in flight"
MINSHALL = "Nagle (Minshall): little data, and a small segment is in flight"
CORK = "corked: less than a full segment"
SILLY = "silly window avoidance: the peer allows less than a segment"
REPAIR_WAITS = "the rest of what counts as lost is sent again when the window has room"
LITTLE_CWND = "the congestion window allows less than a segment"

FR = 2  # the receiver's: "Fr is a fraction whose recommended value is 1/2"
FS = 2  # the sender's: "Fs is a fraction whose recommended value is 1/2"


@dataclass(slots=True)
class Chance:
    """What is known when a segment might be sent; all in bytes."""

    queued: int = 0  # not sent yet: RFC 9293's D
    window: int = 0  # still allowed by the peer: U, the usable window
    congestion: int = 0  # still allowed by congestion control
    flight: int = 0  # sent and not acknowledged
    mss: int = 0  # Eff.snd.MSS
    largest: int = 0  # the largest window that the peer ever had: Max(SND.WND)
    small_in_flight: bool = False  # of what is not acknowledged, some was in a segment of less than MSS
    last: bool = False  # the user has closed: nothing follows what is queued


class OutputPart(Protocol):
    """Decides how much is sent."""

    def decide(self, chance: Chance) -> tuple[int, str]:
        """How many bytes to send now as one segment, 0 for none; and why."""


class Output:
    """RFC 9293's sender: SWS avoidance with Nagle's algorithm, which can be switched off."""

    __slots__ = ("settings",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def decide(self, chance: Chance) -> tuple[int, str]:
        queued, mss = chance.queued, chance.mss
        allowed = min(chance.window, chance.congestion)
        # "(1) if a maximum-sized segment can be sent, i.e., if: min(D,U) >= Eff.snd.MSS"
        if queued >= mss and allowed >= mss:
            return mss, FULL
        if queued <= 0:  # below, when our FIN is sent
            return 0, NOTHING
        if chance.window <= 0:
            return 0, NO_WINDOW
        if chance.congestion <= 0:
            return 0, NO_CWND
        # "(2) or if the data is pushed and all queued data can be sent now, i.e., if: [SND.NXT = SND.UNA and] PUSHed
        # and D <= U (the bracketed condition is imposed by the Nagle algorithm)".  All that is sent counts as pushed.
        if queued <= allowed:
            return self.small(chance)
        if chance.congestion < min(queued, mss, chance.window) and chance.flight:
            return 0, LITTLE_CWND
        # "(3) or if at least a fraction Fs of the maximum window can be sent, i.e., if: [SND.NXT = SND.UNA and]
        # min(D,U) >= Fs * Max(SND.WND)"
        if FS * allowed >= chance.largest and (not chance.flight or self.settings.nodelay):
            return min(allowed, mss), HALF_WINDOW
        return 0, SILLY

    def small(self, chance: Chance) -> tuple[int, str]:
        """Less than a segment is queued, and there is room for it: Nagle's question."""
        queued, settings = chance.queued, self.settings
        if chance.last:
            return queued, LAST
        if settings.cork:
            return 0, CORK
        if settings.nodelay:
            return queued, NODELAY
        if not chance.flight:
            return queued, ALL
        if settings.nagle == "classic":
            return 0, NAGLE
        return (0, MINSHALL) if chance.small_in_flight else (queued, MINSHALL_ALLOWS)


def offered_edge(nxt: int, edge: int, free: int, buffer: int, mss: int) -> int:
    """The byte up to which the receiver offers room, where it last offered `edge` and has `free` bytes of `buffer`.

    "keep RCV.NXT+RCV.WND fixed until the reduction satisfies: RCV.BUFF - RCV.USER - RCV.WND >= min( Fr * RCV.BUFF,
    Eff.snd.MSS )" (section 3.8.6.2.2), and never less than before: "SHOULD NOT shrink the window" (SHLD-14).
    """
    grown = nxt + free - edge
    return nxt + free if grown >= min(buffer // FR, mss) else edge
