"""Which bytes are lost and sent again: RFC 5681, RFC 6582 (NewReno) and, with SACK, RFC 6675.

    without SACK   three duplicate acknowledgments: the first segment that is missing is lost; each partial
                   acknowledgment tells of the next one, so one loss is repaired in each round trip
    with SACK      the peer says what it holds; what is missing below enough of that is lost, and all of it is
                   repaired at once, as the window allows
    the timer      everything in flight counts as lost (RFC 6298); it is sent again from the first byte on

Here is decided which bytes; how many at a time, by the congestion controller.  A verdict on each acknowledgment tells
both what to do: `verdict.tell(congestion, ...)`, then send `verdict.resend`, then, while `congestion.cwnd - pipe()`
has room for a segment, `next_segment(...)`.  A FIN is one more byte after the last.

LossRecovery.on_ack is called for an acknowledgment that moves SND.UNA, for a duplicate one as RFC 5681 section 2
defines it, and for any that has SACK blocks.
"""

from dataclasses import dataclass
from typing import Protocol

from netlib.transport.tcp.congestion.control import CongestionControl
from netlib.transport.tcp.scoreboard import DUP_THRESH, Range, Scoreboard


@dataclass(slots=True)
class Verdict:
    """What an acknowledgment means."""

    acked: int = 0  # bytes: SND.UNA has moved by so many
    lost: bool = False  # something is: recovery begins
    flight: int = 0  # how much was in flight before that, without what limited transmit has sent
    duplicates: int = 0  # so many segments have left the network, we know not which
    recovered: bool = False  # recovery ends
    resend: Range | None = None  # to be sent again at once, whatever the window
    restart_timer: bool = True  # whether it restarts the retransmission timer, if it moves SND.UNA
    because: str = ""

    def tell(self, congestion: CongestionControl, flight: int, now: float, rtt: float | None) -> None:
        """Tell the congestion controller; `flight` bytes were in flight before the acknowledgment."""
        if self.lost:
            congestion.on_loss(self.flight, now)
        for _ in range(self.duplicates):
            congestion.on_duplicate_ack()
        if self.recovered:
            congestion.on_recovered(now)
        elif self.acked:
            congestion.on_ack(self.acked, flight, now, rtt)


class LossRecovery(Protocol):
    """Made with the size of a full segment and the first sequence number."""

    mss: int
    recovering: bool

    def on_sent(self, start: int, end: int, now: float) -> None:
        """The bytes from `start` up to `end` were sent, for the first time or again."""

    def on_ack(self, ack: int, blocks: list[Range], flight: int, now: float) -> Verdict:
        """An acknowledgment of all before `ack`; `blocks` is what SACK says, `flight` what was in flight before it."""

    def on_timeout(self, now: float) -> None:
        """The retransmission timer has run out: it is all sent again, from SND.UNA on."""

    def pipe(self) -> int:
        """How many bytes are taken to be in the network."""

    def next_segment(self, new: bool) -> Range | None:
        """What to send again if the window has room; None to send new data, of which there is some if `new`."""

    def hole(self, start: int, end: int) -> Range | None:
        """The first stretch from `start` up to `end` that the peer does not hold: for after a timeout."""


class Reno:
    """Fast retransmit and fast recovery (RFC 5681 section 3.2): it ends with the first new acknowledgment."""

    def __init__(self, mss: int, start: int) -> None:
        self.mss = mss
        self.una = self.nxt = start  # nxt: after what was sent, since the last timeout
        self.max = start  # after all that was ever sent
        self.duplicate_acks = 0
        self.limited = 0  # bytes that limited transmit has sent
        self.recovering = False
        self.recover = start  # RFC 6582: all that was sent when the last loss was noticed is before this

    def on_sent(self, start: int, end: int, now: float) -> None:
        if end > self.nxt and self.duplicate_acks and not self.recovering:
            self.limited += end - max(start, self.nxt)
        self.nxt = max(self.nxt, end)
        self.max = max(self.max, end)

    def on_ack(self, ack: int, blocks: list[Range], flight: int, now: float) -> Verdict:
        if ack > self.una:
            acked, self.una, self.nxt = ack - self.una, ack, max(self.nxt, ack)
            return self.on_new_ack(acked)
        if ack == self.una < self.max:
            return self.on_duplicate_ack(flight)
        return Verdict()

    def on_duplicate_ack(self, flight: int) -> Verdict:
        self.duplicate_acks += 1
        if self.recovering:
            return Verdict(duplicates=1)
        # "The fast retransmit algorithm uses the arrival of 3 duplicate ACKs [...] as an indication that a segment has
        # been lost" (RFC 5681 section 3.2)
        if self.duplicate_acks != DUP_THRESH or not self.may_begin():
            return Verdict()
        self.recovering, self.recover = True, self.max
        because = f"{DUP_THRESH} duplicate acknowledgments"
        return Verdict(0, True, flight - self.limited, DUP_THRESH, resend=self.first(), because=because)

    def may_begin(self) -> bool:
        return True

    def on_new_ack(self, acked: int) -> Verdict:
        recovered = self.recovering
        self.duplicate_acks = self.limited = 0
        self.recovering = False
        return Verdict(acked, recovered=recovered, because="new data is acknowledged" * recovered)

    def first(self) -> Range:
        """The first segment that is not acknowledged."""
        return self.una, min(self.una + self.mss, self.max)

    def on_timeout(self, now: float) -> None:
        # "After a retransmit timeout, record the highest sequence number transmitted in the variable recover, and exit
        # the fast recovery procedure if applicable" (RFC 6582 section 3.2, step 4)
        self.recover, self.recovering = self.max, False
        self.nxt, self.duplicate_acks, self.limited = self.una, 0, 0

    def pipe(self) -> int:
        # Limited transmit: "On the first and second duplicate ACKs received at a sender, a TCP SHOULD send a segment of
        # previously unsent data" (RFC 5681 section 3.2), while "the amount of outstanding data would remain less than
        # or equal to the congestion window plus 2 segments" (RFC 3042 section 2).  In recovery the controller inflates
        # its window instead.
        left = 0 if self.recovering else min(self.duplicate_acks, DUP_THRESH - 1) * self.mss
        return max(0, self.nxt - self.una - left)

    def next_segment(self, new: bool) -> Range | None:
        return None

    def hole(self, start: int, end: int) -> Range | None:
        return (start, end) if start < end else None


class NewReno(Reno):
    """RFC 6582: recovery goes on until all is acknowledged that was outstanding when it began."""

    partial = 0  # partial acknowledgments in this recovery

    def may_begin(self) -> bool:
        # "the TCP sender first checks the value of recover to see if the Cumulative Acknowledgment field covers more
        # than recover" (section 3.2, step 2): before that, duplicates may be of what was sent again needlessly
        return self.una >= self.recover

    def on_new_ack(self, acked: int) -> Verdict:
        if not self.recovering or self.una >= self.recover:
            self.partial = 0
            return super().on_new_ack(acked)
        # "If this ACK does *not* acknowledge all of the data up to and including recover, then this is a partial ACK.
        # In this case, retransmit the first unacknowledged segment. [...] For the first partial ACK that arrives during
        # fast recovery, also reset the retransmit timer" (section 3.2, step 3)
        self.partial += 1
        return Verdict(acked, resend=self.first(), restart_timer=self.partial == 1, because="partial acknowledgment")

    def on_timeout(self, now: float) -> None:
        self.partial = 0
        super().on_timeout(now)


class SACK:
    """RFC 6675; the names are the RFC's, and `una` is its HighACK + 1, `max` its HighData + 1."""

    def __init__(self, mss: int, start: int) -> None:
        self.board = Scoreboard(mss, start)
        self.max = start  # after all that was ever sent
        self.high_rxt = start  # after what was last sent again
        self.resent = 0  # bytes before it that are neither acknowledged nor SACKed
        self.recovery_point = start
        self.rescued = False  # once in each recovery
        self.rescue: int | None = None  # where the segment begins that next_segment has named for that
        self.recovering = False
        self.timed_out = False  # until all is acknowledged that was outstanding then
        self.duplicate_acks = 0
        self.limited = 0  # bytes sent on the first duplicate acknowledgments
        self.d_sacks = 0  # what the peer says it has received twice, in blocks (RFC 2883)

    @property
    def mss(self) -> int:
        return self.board.mss

    @mss.setter
    def mss(self, mss: int) -> None:
        self.board.mss = mss

    @property
    def una(self) -> int:
        return self.board.una

    def on_sent(self, start: int, end: int, now: float) -> None:
        if end > self.max and self.duplicate_acks and not self.recovering:
            self.limited += end - max(start, self.max)
        if start == self.rescue:  # "HighRxt MUST NOT be updated"
            self.rescue = None
        elif (start < self.max or self.timed_out) and end > self.high_rxt:
            self.resent += end - self.high_rxt - self.board.between(self.high_rxt, end)
            self.high_rxt = end
        self.max = max(self.max, end)

    # ---- an acknowledgment ---------------------------------------------------------------------------------

    def on_ack(self, ack: int, blocks: list[Range], flight: int, now: float) -> Verdict:
        """Section 5.  "Upon the receipt of any ACK containing SACK information, the scoreboard MUST be updated"."""
        acked = max(0, ack - self.una)
        news = self.update(ack, blocks)
        if acked and not self.recovering:
            # "If the incoming ACK is a cumulative acknowledgment, the TCP MUST reset DupAcks to zero"
            self.duplicate_acks = self.limited = 0
        if self.una >= self.recovery_point:
            self.timed_out = False
            if self.recovering:
                # (A) "An incoming cumulative ACK for a sequence number greater than RecoveryPoint signals the end of
                # loss recovery"
                self.recovering = False
                self.duplicate_acks = self.limited = 0
                return Verdict(acked, recovered=True, because="all that was outstanding at the loss is acknowledged")
        if self.recovering or self.timed_out or not news:
            return Verdict(acked)
        # "If the incoming ACK is a duplicate acknowledgment per the definition in Section 2 (regardless of its status
        # as a cumulative acknowledgment)": one that SACKs what was not SACKed before
        self.duplicate_acks += 1
        if self.duplicate_acks >= DUP_THRESH:  # (1)
            return self.enter(acked, flight, f"{DUP_THRESH} duplicate acknowledgments")
        if self.board.is_lost(self.una):  # (2)
            return self.enter(acked, flight, "enough is SACKed above the first missing byte")
        return Verdict(acked)  # (3) limited transmit: pipe() has shrunk by what was SACKed

    def enter(self, acked: int, flight: int, because: str) -> Verdict:
        """Step (4): "Invoke fast retransmit and enter loss recovery"."""
        self.recovering, self.recovery_point = True, self.max  # (4.1)
        self.high_rxt, self.resent, self.rescued = self.una, 0, False
        # (4.2) the window is halved, "any segments sent as part of the Limited Transmit mechanism not be counted in
        # FlightSize".  (4.3) "Retransmit the first data segment presumed dropped"
        first = self.board.hole(self.una, min(self.una + self.mss, self.max))
        return Verdict(acked, True, flight - self.limited, resend=first, because=because)

    def update(self, ack: int, blocks: list[Range]) -> bool:
        """Update (): mark what is acknowledged and SACKed; whether something is SACKed that was not."""
        if ack > self.una:
            before = min(ack, self.high_rxt)
            if before > self.una:
                self.resent -= before - self.una - self.board.between(self.una, before)
            self.board.acknowledge(ack)
            self.high_rxt = max(self.high_rxt, ack)
            self.max = max(self.max, ack)
        if blocks and self.is_d_sack(ack, blocks):
            self.d_sacks += 1  # to mark it changes nothing: it is acknowledged, or part of the next
        news = False
        for start, end in blocks:
            if end <= self.max:  # else the peer says that it holds what was never sent
                for a, b in self.board.add(start, end):
                    self.resent -= max(0, min(b, self.high_rxt) - a)
                    news = True
        return news

    def is_d_sack(self, ack: int, blocks: list[Range]) -> bool:
        """Whether the first block reports what was received twice: it is below the acknowledgment, or part of "a
        (possibly larger) block of data in the receiver's data queue", which the second then is (RFC 2883 section 4)."""
        start, end = blocks[0]
        return end <= ack or (len(blocks) > 1 and blocks[1][0] <= start and end <= blocks[1][1])

    def on_timeout(self, now: float) -> None:
        # "RecoveryPoint MUST be set to HighData [...] and the loss recovery algorithm outlined in this document MUST be
        # terminated"; none begins before that is acknowledged (section 5.1)
        self.recovery_point, self.recovering, self.timed_out = self.max, False, True
        self.board.clear()
        self.high_rxt, self.resent, self.duplicate_acks, self.limited = self.una, 0, 0, 0
        self.rescue = None

    # ---- while nothing is missing: the short way of prediction.py and steady.py -------------------------------

    def undisturbed(self, una: int, nxt: int | None = None) -> bool:
        """Whether nothing is known to be missing, SACKed or sent again of what was sent and is not acknowledged.

        With `nxt`, also whether all before it, and nothing else, is in the network: `pipe` is `nxt - una` then.
        """
        board = self.board
        return not (
            self.recovering or self.timed_out or self.duplicate_acks or board.starts
            or board.una != una or self.high_rxt > una or (nxt is not None and self.max != nxt)
        )  # fmt: skip

    def advance(self, ack: int) -> None:
        """`on_ack`, where all was `undisturbed` and there are no blocks: the verdict says what is acknowledged."""
        self.board.una = self.high_rxt = ack
        if self.max < ack:
            self.max = ack

    # ---- what to send --------------------------------------------------------------------------------------

    def pipe(self) -> int:
        """SetPipe (): the bytes that are neither SACKed nor lost, and those that were sent again.

        After a timeout only the latter: all the others count as lost.
        """
        if self.timed_out:
            return self.resent
        lost_before, sacked = self.board.lost_before()
        return self.max - lost_before - sacked + (self.resent if self.recovering else 0)

    def next_segment(self, new: bool) -> Range | None:
        """NextSeg (), in recovery: rules (1), (3) and (4); None for rule (2), new data, or if nothing is to be sent."""
        if not self.recovering:
            return None
        # (1) "a smallest unSACKed sequence number 'S2' that meets the following three criteria for determining loss":
        # "(1.a) S2 is greater than HighRxt. (1.b) S2 is less than the highest octet covered by any received SACK.
        # (1.c) IsLost (S2) returns true."
        hole = self.board.hole(self.high_rxt, self.board.highest())
        if hole is not None and self.board.is_lost(hole[0]):
            return self.segment(hole)
        if new:  # (2)
            return None
        if hole is not None:  # (3) "(1.a) and (1.b) above (specifically excluding step (1.c))"
            return self.segment(hole)
        # (4) "a single 'rescue' retransmission per entry into loss recovery": of one segment "that MUST include the
        # highest outstanding unSACKed sequence number", which no SACK may ever show to be lost
        last = self.board.last_hole(self.max)
        if last is None or self.rescued:
            return None
        self.rescued, self.rescue = True, max(last[0], last[1] - self.mss)
        return self.rescue, last[1]

    def segment(self, hole: Range) -> Range:
        return hole[0], min(hole[1], hole[0] + self.mss)

    def hole(self, start: int, end: int) -> Range | None:
        return self.board.hole(start, end)


def reno(sack_permitted: bool, mss: int, start: int) -> LossRecovery:
    return Reno(mss, start)


def newreno(sack_permitted: bool, mss: int, start: int) -> LossRecovery:
    return NewReno(mss, start)


def loss_recovery(sack_permitted: bool, mss: int, start: int) -> LossRecovery:
    """netlib's own: by SACK where both ends have said that they can, else NewReno."""
    return SACK(mss, start) if sack_permitted else NewReno(mss, start)
