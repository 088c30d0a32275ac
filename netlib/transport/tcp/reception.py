"""What a connection receives: the peer's SYN, text in any order, segments from a past that has to be told apart.

    synchronize      learn the first number and the options from a SYN
    is_acceptable    the acceptability test of RFC 9293 section 3.10.7.4
    is_timely        protection against wrapped sequence numbers: PAWS (RFC 7323 section 5)
    text_arrives     put in order, hand over, acknowledge now or later; a RST for data after CLOSE
    reopened_by      whether a SYN in TIME-WAIT begins a new connection
    path_mtu         what routers say by ICMP, and network_error

Putting in order is reassembler.py's, when to acknowledge acknowledgment.py's.
"""

from netlib.transport.tcp.options import Options
from netlib.transport.tcp.sequence import SEQUENCE_SPACE
from netlib.transport.tcp.states import CLOSED, SYN_RECEIVED, SYN_SENT, TIME_WAIT
from netlib.transport.tcp.transmission import Transmission
from netlib.transport.tcp.variables import DEFAULT_MSS, DEFAULT_MSS6, LEAST_MTU, LEAST_MTU6
from netlib.wire.tcp import TCPSegment

DELAYED = "delayed ACK: data may go along, or acknowledge more"
RECENT_LIFE = 24 * 86400.0  # seconds without a newer one: then TS.Recent is valid no more (RFC 7323 section 5.5)


class Reception(Transmission):
    """A connection's receiving half."""

    fin_at: int | None = None  # where the peer's FIN is, also if it has come before data that is still missing

    def synchronize(self, segment: TCPSegment, options: Options, now: float) -> None:
        """Learn from the peer's SYN: "RCV.NXT is set to SEG.SEQ+1, IRS is set to SEG.SEQ", and what it can do."""
        snd, rcv, settings = self.snd, self.rcv, self.settings
        told = rcv.said - rcv.nxt  # what our own SYN has offered
        rcv.irs = segment.sequence
        rcv.nxt = rcv.acked = rcv.irs + 1
        rcv.edge = rcv.said = rcv.nxt + told
        self.reassembler = self.parts.make("reassembler", rcv.nxt, settings.receive_buffer + (1 << rcv.shift))
        # "both sides MUST send Window Scale options in their <SYN> segments to enable window scaling in either
        # direction" (RFC 7323 section 2.2)
        self.scaling = settings.window_scaling and options.window_scale is not None
        snd.shift = options.window_scale or 0 if self.scaling else 0
        if not self.scaling:
            rcv.shift = 0
        self.sack = settings.sack and options.sack_permitted
        self.timestamps = settings.timestamps and options.timestamps is not None
        if options.timestamps:
            self.recent, self.recent_at = options.timestamps[0], now
        self.ecn.on_syn(segment)
        # "If an MSS Option is not received at connection setup, TCP implementations MUST assume a default" (MUST-15)
        self.peer_mss = options.mss if options.mss is not None else DEFAULT_MSS6 if self.six else DEFAULT_MSS
        self.agree_on_mss()
        self.congestion = self.parts.make("congestion", snd.mss)
        if settings.initial_window:
            self.congestion.cwnd = settings.initial_window * snd.mss
        self.recovery = self.parts.make("recovery", self.sack, snd.mss, snd.iss + 1)
        snd.wnd = snd.largest = segment.window
        snd.wl1, snd.wl2 = rcv.irs, snd.una

    def is_acceptable(self, seq: int, length: int) -> bool:
        """Table 6: "four cases for the acceptability test"."""
        nxt = self.rcv.nxt
        wnd = self.rcv.said - nxt  # RCV.WND, as long as it is above 0
        if length == 0:
            return nxt <= seq < nxt + wnd if wnd > 0 else seq == nxt
        return wnd > 0 and (nxt <= seq < nxt + wnd or nxt <= seq + length - 1 < nxt + wnd)

    def unacceptable(self, segment: TCPSegment, seq: int, now: float) -> None:
        """ "an acknowledgment should be sent in reply (unless the RST bit is set ...)"."""
        if segment.rst:
            return
        if self.state is TIME_WAIT and segment.fin:
            # "a retransmission of the remote FIN.  Acknowledge it, and restart the 2 MSL timeout."
            self.timers.start("time_wait", now + 2 * self.settings.msl)
        self.report_duplicate(seq, len(segment.payload))
        self.acknowledge("not acceptable: outside of the window", now)

    def is_timely(self, segment: TCPSegment, seq: int, options: Options, now: float) -> bool:
        """RFC 7323 section 5.3, R1: whether the segment's timestamp is not from the past."""
        if options.timestamps is None:
            if segment.syn:  # the fourth step answers it: of a peer that has begun anew, say (figure 9)
                return True
            # "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop the segment" (section 3.2)
            self.note("dropped", "no timestamp", now)
            return False
        if self.before(options.timestamps[0], self.recent) and now - self.recent_at < RECENT_LIFE:
            # "SEG.TSval < TS.Recent, TS.Recent is valid (see later discussion), and if the RST bit is not set, then
            # treat the arriving segment as not acceptable": it is acknowledged and dropped
            self.report_duplicate(seq, len(segment.payload))
            self.acknowledge("not acceptable: an old timestamp (PAWS)", now)
            return False
        return True

    def record_timestamp(self, seq: int, options: Options, now: float) -> None:
        """R3, of a segment in the window only: else anybody could set TS.Recent so far ahead that R1 drops the rest.

        "If an arriving segment satisfies SEG.TSval >= TS.Recent and SEG.SEQ <= Last.ACK.sent (see Section 4.3), then
        record its timestamp in TS.Recent."
        """
        if options.timestamps and seq <= self.rcv.acked:
            self.recent, self.recent_at = options.timestamps[0], now

    def text_arrives(self, seq: int, text: bytes, now: float) -> None:
        """Take in what lies in the window; afterwards it is acknowledged, or will be soon."""
        assert self.reassembler is not None
        gap = bool(self.reassembler.blocks())
        ready = self.take_text(seq, text, now)
        if self.state is CLOSED or self.fin_at == self.rcv.nxt:  # a FIN that follows is acknowledged with the text
            return
        self.answer_text(len(text), ready > 0 and seq <= self.rcv.nxt - ready, gap, now)

    def answer_text(self, length: int, in_order: bool, gap: bool, now: float) -> None:
        """Acknowledge text now or later; `gap` if something was missing before it came."""
        because = self.acknowledging.at_once(length, in_order, gap)
        if because:
            self.acknowledge(because, now)
        elif "delayed_ack" not in self.timers:
            self.timers.start("delayed_ack", now + self.settings.delayed_ack)
            self.note("held", DELAYED, now)

    def take_text(self, seq: int, text: bytes, now: float) -> int:
        """Keep what lies in the window; how many bytes are in order by it."""
        rcv = self.rcv
        assert self.reassembler is not None
        end = rcv.said if self.fin_at is None else min(rcv.said, self.fin_at)
        text = text[: max(0, end - seq)]
        if self.abandoned and seq + len(text) > rcv.nxt:
            # "or if new data is received after CLOSE is called, its TCP implementation SHOULD send a RST" (SHLD-3)
            self.send_reset("data for a closed socket", now)
            self.fail("ECONNRESET", "data after CLOSE", now)
            return 0
        ready = self.reassembler.insert(seq, text)
        if ready:
            self.received += ready
            # "it advances RCV.NXT over the data accepted, and adjusts RCV.WND": that follows from `said`
            rcv.nxt += len(ready)
            self.counts["bytes_received"] += len(ready)
            self.note("readable", "text arrives", now)
        return len(ready)

    def report_duplicate(self, seq: int, length: int) -> None:
        """Let the next acknowledgment's SACK tell of data that came twice (RFC 2883), where the reassembler can."""
        if length and hasattr(self.reassembler, "duplicate") and seq + length <= self.rcv.nxt:
            self.reassembler.duplicate = (seq, seq + length)  # type: ignore[union-attr]

    def reopened_by(self, segment: TCPSegment) -> int | None:
        """The least first sequence number for a connection that this SYN may open in place of this one in TIME-WAIT.

        "accept a new SYN ... to reopen the connection directly from TIME-WAIT state (MAY-2), if it: (1) assigns its
        initial sequence number for the new connection to be larger than the largest sequence number it used on the
        previous connection incarnation" (section 3.6.1); the SYN is new by its number, or by its timestamp (RFC 6191).
        None if it is not.  The owner closes this one and gives the SYN to a listener.  Not done, as in Linux: "(2)
        returns to TIME-WAIT state if the SYN turns out to be an old duplicate".
        """
        if self.state is not TIME_WAIT or not segment.syn or segment.rst or segment.ack:
            return None
        stamps = Options.of(segment).timestamps
        newer = stamps is not None and self.timestamps and self.before(self.recent, stamps[0])
        if not newer and not self.before(self.rcv.nxt % SEQUENCE_SPACE, segment.sequence):
            return None
        return (self.snd.max + 0xFFFF + 2) % SEQUENCE_SPACE  # as Linux does

    # ---- 3.9.2.2 ICMP MESSAGES ---------------------------------------------------------------------------------

    def path_mtu(self, mtu: int, now: float) -> None:
        """A router takes packets of `mtu` bytes at most: what was too large is sent again, smaller (RFC 1191)."""
        mtu = max(mtu, LEAST_MTU6 if self.six else LEAST_MTU)
        size = mtu - (60 if self.six else 40)
        self.search.limit(size, now, middle=False)
        if self.shrink(size):
            self.search.probe = None
            self.note("timer", f"path MTU {mtu}", now)
            self.recovery.on_timeout(now)
            self.snd.nxt = self.snd.una
            self.transmit(now)

    def network_error(self, name: str, hard: bool, now: float) -> None:
        """An ICMP error about a segment of ours: "soft error conditions, a TCP implementation MUST NOT abort the
        connection" (MUST-56) for; hard ones end what is not established (RFC 5927), not all (SHLD-26)."""
        if hard and self.state in (SYN_SENT, SYN_RECEIVED):
            self.fail(name, "ICMP error", now)
        else:
            self.note("dropped", f"ICMP error {name}: the network may recover", now)
