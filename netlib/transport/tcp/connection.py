"""One TCP connection: RFC 9293 section 3.10, event by event, in its order and by its names.

    user calls         3.10.1 - 3.10.6   open listen send receive close abort info
    SEGMENT ARRIVES    3.10.7            segment_arrives, by state
    timeouts           3.10.8            tick

A machine without I/O and without a clock: segments, calls and the time (`now`, seconds) in; `outbox`, `events` and
`deadline()` out, which the owner empties and keeps.  Sequence numbers never wrap in here (variables.py), so
`snd.una < ack <= snd.max` is SND.UNA < SEG.ACK =< SND.NXT; `snd.nxt` goes back at times.  No segment makes it raise.

What it leaves to others: what is sent when, and what an ACK says (transmission.py); what a SYN and text say
(reception.py); a segment just as expected, and what it lets out (prediction.py, steady.py); a segment's shape
(block.py); decisions that may be yours (parts.py); ports, listeners, sockets, segments of no connection, new SYNs in
TIME-WAIT (kernel).  More: __init__.py.
"""

from dataclasses import replace
from typing import Any

from netlib.transport.tcp.congestion.control import UNLIMITED
from netlib.transport.tcp.options import Options
from netlib.transport.tcp.prediction import predicted
from netlib.transport.tcp.reception import Reception
from netlib.transport.tcp.states import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    OPEN_TO_QUEUE,
    OPEN_TO_RECEIVE,
    OPEN_TO_SEND,
    SYN_RECEIVED,
    SYN_SENT,
    SYNCHRONIZED,
    TIME_WAIT,
)
from netlib.transport.tcp.steady import transmit
from netlib.transport.tcp.variables import CallError, Receive, Send
from netlib.wire.tcp import TCPSegment


class Connection(Reception):
    """A connection between `local` and `remote`, each an address and a port."""

    # ---- 3.10.1 OPEN -----------------------------------------------------------------------------------------

    def open(self, now: float, data: bytes = b"", cookie: bytes | None = None, mss: int = 0) -> None:
        """Active OPEN: afterwards a SYN is under way.

        With a Fast Open `cookie` it carries `data`, as much as fits (`mss`: what the peer is known to take, in bytes);
        an empty cookie asks for one, which `learnt_cookie` has later (RFC 7413 section 4.2.1).
        """
        if self.state not in (CLOSED, LISTEN):
            raise CallError("EISCONN", "connection already exists")
        self.passive = False
        self.sending += data
        self.cookie, self.peer_mss = cookie, mss or self.peer_mss
        self.enter(SYN_SENT, "active OPEN", now)
        self.send_syn("active OPEN", now)

    def listen(self, now: float) -> None:
        """Passive OPEN: the next SYN opens the connection; a RST after that, and it listens again."""
        if self.state is not CLOSED:
            raise CallError("EISCONN", "connection already exists")
        self.passive = True
        self.enter(LISTEN, "passive OPEN", now)

    def accept_syn(self, segment: TCPSegment, now: float, fast_open: bool = False, cookie: bytes | None = None) -> None:
        """Be the connection that a listener's SYN opens, once: it does not listen again.

        With `fast_open`, since its cookie was right, the data on the SYN is taken; `cookie` is one to give the peer.
        """
        self.listen(now)
        self.passive, self.fast_open, self.cookie = False, fast_open, cookie
        self.segment_arrives(segment, now)

    # ---- 3.10.2 SEND -----------------------------------------------------------------------------------------

    def send(self, data: bytes, now: float, urgent: bool = False) -> int:
        """Queue bytes; returns how many there was room for.  `CallError` where the RFC says "error"."""
        if self.error or self.state is CLOSED:
            raise CallError(self.error or "ENOTCONN", "connection does not exist")
        if self.closing or self.state not in OPEN_TO_QUEUE:
            raise CallError("EPIPE", "connection closing")
        room = max(0, self.settings.send_buffer - len(self.sending))
        self.sending += data[:room]
        if urgent:  # "If the URGENT flag is set, then SND.UP <- SND.NXT and set the urgent pointer"
            self.snd.up = self.end
        if self.state is LISTEN:  # "change the connection from passive to active"
            self.open(now)
        elif type(self) is Connection:
            transmit(self, now)
        else:
            self.transmit(now)
        return min(len(data), room)

    # ---- 3.10.3 RECEIVE --------------------------------------------------------------------------------------

    def receive(self, limit: int, now: float) -> bytes:
        """Take up to `limit` bytes that have arrived in order; b"" where none have, or none will (`ended`)."""
        data = bytes(self.received[:limit])
        del self.received[:limit]
        if data and self.state in OPEN_TO_RECEIVE:
            # the peer is told of the room when it has at least doubled, and grown by a segment
            rcv, buffer = self.rcv, self.settings.receive_buffer
            grown = rcv.nxt + min(self.free(), 0xFFFF << rcv.shift) - rcv.said  # as far as 16 bits can say
            if grown >= min(buffer // 2, rcv.mss) and grown >= rcv.wnd:
                self.acknowledge("window update: the user has made room", now)
        return data

    # ---- 3.10.4 CLOSE ----------------------------------------------------------------------------------------

    def close(self, now: float, *, reading: bool = True) -> None:
        """Send no more, after what is queued.  Half-close: the peer's data still arrives, unless not `reading`."""
        if not reading:
            self.abandoned = True
            self.wait_no_longer(now)
            if self.received and self.state in SYNCHRONIZED:
                # "If such a host issues a CLOSE call while received data is still pending in the TCP connection ... its
                # TCP implementation SHOULD send a RST to show that data was lost" (SHLD-3)
                return self.abort(now)
        if self.closing or self.state is CLOSED:
            return  # "An 'ok' response would be acceptable, too, as long as a second FIN is not emitted"
        if self.state in (LISTEN, SYN_SENT):
            return self.enter(CLOSED, "CLOSE", now)
        self.closing = True
        if self.state is SYN_RECEIVED and not self.sending:
            self.enter(FIN_WAIT_1, "CLOSE", now)
            self.send_fin(now)
        elif self.state is ESTABLISHED:
            # "Queue this until all preceding SENDs have been segmentized, then form a FIN segment and send it.  In any
            # case, enter FIN-WAIT-1 state."
            self.enter(FIN_WAIT_1, "CLOSE", now)
        self.transmit(now)  # with the FIN, `fin_is_sent` takes CLOSE-WAIT to LAST-ACK

    def wait_no_longer(self, now: float) -> None:
        """In FIN-WAIT-2 the peer may take its time, for a user who reads; for nobody the wait ends."""
        if self.abandoned and self.state is FIN_WAIT_2:
            self.timers.start("fin_wait_2", now + self.settings.fin_timeout)

    # ---- 3.10.5 ABORT ----------------------------------------------------------------------------------------

    def abort(self, now: float) -> None:
        """End at once; the peer is told by a RST where it does not know that we are done."""
        if self.state in (SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT):
            self.send_reset("ABORT", now)
        if self.state is not CLOSED:
            self.received.clear()
            self.enter(CLOSED, "ABORT", now)

    # ---- 3.10.6 STATUS ---------------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the user has taken all that the peer will ever send."""
        return not self.received and (self.fin_received or self.state is CLOSED)

    @property
    def readable(self) -> bool:
        return bool(self.received) or self.ended

    @property
    def urgent(self) -> int:
        """Bytes of urgent data that the user has yet to take: "how much urgent data remains to be read" (MUST-33)."""
        return max(0, self.rcv.up - (self.rcv.nxt - len(self.received)))

    @property
    def writable(self) -> bool:
        """Whether SEND takes at least one byte, or fails at once."""
        return (self.state in OPEN_TO_SEND or self.state is CLOSED) and len(self.sending) < self.settings.send_buffer

    @property
    def info(self) -> dict[str, Any]:
        """What `ss -tinm` shows, by its names: milliseconds, cwnd and ssthresh (None before a loss) in segments."""
        snd, rtt, control, counts = self.snd, self.rtt, self.congestion, self.counts
        smoothed = None if rtt.smoothed is None else round(rtt.smoothed * 1000, 3)
        return {
            "state": str(self.state), "ts": self.timestamps, "sack": self.sack, "ecn": self.ecn.on,
            "wscale": (snd.shift, self.rcv.shift), "rto": round(rtt.rto * 1000, 3), "rtt": smoothed,
            "rttvar": round(rtt.variation * 1000, 3), "mss": snd.mss, "cwnd": control.cwnd // snd.mss,
            "ssthresh": None if control.ssthresh >= UNLIMITED else control.ssthresh // snd.mss,
            "unacked": -(-self.flight // snd.mss), "snd_wnd": snd.wnd, "rcv_wnd": self.rcv.wnd,
            "notsent": max(0, self.end - snd.nxt), "backoff": self.retransmissions, **counts,
            "recv_q": len(self.received), "send_q": len(self.sending),
            "bytes_sent": max(0, min(snd.max, self.end) - snd.iss - 1) + counts["bytes_retrans"],
        }  # fmt: skip

    def set_option(self, name: str, value: Any, now: float) -> None:
        """Change a setting of variables.py; what it held back goes out."""
        self.settings.set(name, value)
        if self.settings.keepalive and self.state in SYNCHRONIZED:
            self.timers.start("keepalive", now + self.settings.keepalive_idle)
        self.transmit(now)

    # ---- 3.10.7 SEGMENT ARRIVES --------------------------------------------------------------------------------

    def segment_arrives(self, segment: TCPSegment, now: float, ce: bool = False) -> None:
        """Act on a segment of this connection; `ce` if a router has marked its packet (RFC 3168)."""
        self.counts["segs_in"] += 1
        if self.state is CLOSED:
            self.in_closed(segment, now)
        elif self.state is LISTEN:
            self.in_listen(segment, now)
        elif self.state is SYN_SENT:
            self.in_syn_sent(segment, now)
        elif type(self) is not Connection or not predicted(self, segment, now, ce):
            self.in_other_states(segment, now, ce)

    def in_closed(self, segment: TCPSegment, now: float) -> None:
        """3.10.7.1 CLOSED STATE"""
        # "An incoming segment containing a RST is discarded.  An incoming segment not containing a RST causes a RST to
        # be sent in response."
        if not segment.rst:
            self.reset_for(segment, now)

    def in_listen(self, segment: TCPSegment, now: float) -> None:
        """3.10.7.2 LISTEN STATE"""
        # First, check for a RST: "should be ignored"
        if segment.rst:
            return
        # Second, check for an ACK: "bad if it arrives on a connection still in the LISTEN state"
        if segment.ack:
            return self.reset_for(segment, now)
        # Third, check for a SYN
        if segment.syn:
            self.synchronize(segment, Options.of(segment), now)
            self.enter(SYN_RECEIVED, "receive SYN", now)
            if self.fast_open and segment.payload:  # other text on a SYN is not kept: it comes again
                self.window_field(True)
                self.take_text(self.rcv.nxt, segment.payload, now)
            self.send_syn("answer to SYN", now)
        # Fourth, other data or control: "This should not be reached.  Drop the segment and return."

    def in_syn_sent(self, segment: TCPSegment, now: float) -> None:
        """3.10.7.3 SYN-SENT STATE"""
        snd = self.snd
        ack = self.unwrap(segment.acknowledgment, snd.una)
        # First, check the ACK bit: "SEG.ACK =< ISS or SEG.ACK > SND.NXT, send a reset (unless the RST bit is set ...)"
        if segment.ack and not snd.iss < ack <= snd.max:
            return None if segment.rst else self.reset_for(segment, now)
        # Second, check the RST bit: "If the ACK was acceptable"; not by SEG.SEQ (RFC 5961), while there is no RCV.NXT
        if segment.rst:
            return self.fail("ECONNREFUSED", "receive RST", now) if segment.ack else None
        # Third, check the security: IPv4's option for it is history
        # Fourth, check the SYN bit
        if not segment.syn:
            return  # Fifth, "if neither of the SYN or RST bits is set, then drop the segment and return"
        options = Options.of(segment)
        self.synchronize(segment, options, now)
        if not segment.ack:
            # its text is not kept; its SYN,ACK will not be acceptable, but our ACK of that opens it (appendix A.2)
            self.enter(SYN_RECEIVED, "receive SYN: simultaneous open", now)
            return self.send_syn("answer to SYN", now)
        self.learnt_cookie = options.fast_open
        self.acknowledged(ack, segment, options, now)
        self.establish("receive SYN,ACK", now)
        snd.nxt = snd.una  # data on our SYN that was not taken goes again at once (RFC 7413 section 4.2.2)
        self.send_segment(snd.nxt, now, because="SYN,ACK")  # <SEQ=SND.NXT>, which is before such data
        # "If there are other controls or text in the segment, then continue processing at the sixth step"
        self.sixth_and_on(segment, self.rcv.nxt, False, now)

    def in_other_states(self, segment: TCPSegment, now: float, ce: bool) -> None:
        """3.10.7.4 OTHER STATES"""
        snd, rcv = self.snd, self.rcv
        seq, ack = self.unwrap(segment.sequence, rcv.nxt), self.unwrap(segment.acknowledgment, snd.una)
        options, window = Options.of(segment), segment.window << (0 if segment.syn else snd.shift)
        self.heard_at, self.keepalives = now, 0  # for keep-alive

        # Before all: protection against wrapped sequence numbers (RFC 7323 section 5.3, R1)
        if self.timestamps and not segment.rst and not self.is_timely(segment, seq, options, now):
            return

        if segment.syn and self.state is SYN_RECEIVED and seq == rcv.irs and segment.ack and snd.una < ack <= snd.max:
            # Simultaneous open, line 6 of figure 7.  We have the peer's SYN by now: "trimming off any portions that lie
            # outside the window (including SYN and FIN)"
            segment, seq = replace(segment, syn=False), seq + 1

        # First, check sequence number (table 6).  "further processing is done in SEG.SEQ order" for text and FIN only.
        # "If the RCV.WND is zero, no segments will be acceptable, but special allowance should be made to accept valid
        # ACKs, URGs, and RSTs" (MUST-66)
        closed = rcv.wnd == 0 and seq == rcv.nxt and not segment.syn
        if not closed and not self.is_acceptable(seq, len(segment.payload) + segment.syn + segment.fin):
            return self.unacceptable(segment, seq, now)
        if self.timestamps and not segment.rst:  # R3
            self.record_timestamp(seq, options, now)

        # Second, check the RST bit
        if segment.rst:
            return self.reset_arrives(seq, now)

        # Third, check security: history.  Fourth, check the SYN bit; what reopens from TIME-WAIT is `reopened_by`
        if segment.syn:
            if self.state is SYN_RECEIVED and self.passive:
                return self.listen_again("receive SYN", now)
            # "irrespective of the sequence number, TCP endpoints MUST send a 'challenge ACK'" (from RFC 5961 section 4)
            return self.challenge("SYN in a synchronized state", now)

        # Fifth, check the ACK field
        if not segment.ack:
            return
        if self.state is SYN_RECEIVED:  # before the range below: not synchronized yet, so it is a RST (section 3.5.2)
            if not snd.una < ack <= snd.max:
                return self.reset_for(segment, now)
            self.establish("receive ACK of SYN", now)
        # "The ACK value is considered acceptable only if it is in the range of ((SND.UNA - MAX.SND.WND) <= SEG.ACK <=
        # SND.NXT).  All incoming segments whose ACK value doesn't satisfy the above condition MUST be discarded and an
        # ACK sent back" (RFC 5961 section 5)
        if not snd.una - snd.largest <= ack <= snd.max:
            return self.challenge("ACK of what was never sent, or long ago", now)
        self.probes = 0  # the peer is there
        if snd.una < ack:
            self.acknowledged(ack, segment, options, now)
        elif ack == snd.una:
            self.on_no_progress(segment, options, now)
        self.take_window(window, seq, ack)  # SND.WL1, SND.WL2
        if self.fin_acknowledged:
            if self.state is FIN_WAIT_1:
                self.enter(FIN_WAIT_2, "receive ACK of FIN", now)
                self.wait_no_longer(now)
            elif self.state is CLOSING:  # simultaneous close
                self.time_wait("receive ACK of FIN", now)
            elif self.state is LAST_ACK:
                return self.enter(CLOSED, "receive ACK of FIN", now)
        self.sixth_and_on(segment, seq, ce, now)

    def sixth_and_on(self, segment: TCPSegment, seq: int, ce: bool, now: float) -> None:
        """The sixth, seventh and eighth step; `seq` is the number of the first byte of text."""
        if self.state not in OPEN_TO_RECEIVE:
            # "This should not occur since a FIN has been received from the remote side.  Ignore" it
            return self.transmit(now)

        # Sixth, check the URG bit: "RCV.UP <- max(RCV.UP,SEG.UP), and signal the user"
        if segment.urg:
            up = seq + segment.urgent_pointer
            if up > self.rcv.up and up > self.rcv.nxt:
                self.rcv.up = up
                self.note("urgent", "the peer has urgent data", now)

        # where a FIN is, to which the eighth step comes: the text before it is acknowledged with it, once (MUST-58)
        if segment.fin and self.fin_at is None:
            if seq + len(segment.payload) < self.rcv.said:
                self.fin_at = seq + len(segment.payload)
            elif not segment.payload:
                self.acknowledge("not acceptable: a FIN outside of the window", now)

        # Seventh, process the segment text: all that is in order is for the user at once, so PSH says nothing new
        if segment.payload:
            self.ecn.on_segment(segment, ce)
            self.text_arrives(seq, segment.payload, now)

        # Eighth, check the FIN bit; a FIN out of order waits in `fin_at` for the text before it
        if self.fin_at == self.rcv.nxt and self.state in OPEN_TO_RECEIVE:
            self.fin_arrives(now)
        self.transmit(now)

    def reset_arrives(self, seq: int, now: float) -> None:
        """A RST in the window: RFC 5961 section 3, which RFC 9293 repeats."""
        # "If the RST bit is set and the sequence number does not exactly match the next expected sequence value, yet is
        # within the current receive window, TCP endpoints MUST send an acknowledgment (challenge ACK)"
        if seq != self.rcv.nxt:
            self.challenge("RST in the window, but not at its start", now)
        elif self.state is SYN_RECEIVED and self.passive:
            self.listen_again("receive RST", now)
        elif self.state is SYN_RECEIVED:
            self.fail("ECONNREFUSED", "receive RST", now)
        elif self.state in (CLOSING, LAST_ACK, TIME_WAIT):
            self.enter(CLOSED, "receive RST", now)
        else:
            self.fail("ECONNRESET", "receive RST", now)

    def listen_again(self, because: str, now: float) -> None:
        """Return to LISTEN, as if nothing had come."""
        iss = self.snd.iss
        self.snd = Send(iss, iss, iss, iss)
        self.rcv = Receive(mss=self.rcv.mss, shift=self.settings.shift if self.settings.window_scaling else 0)
        self.reassembler = None
        self.timed, self.retransmissions = None, 0
        self.timers.stop_all()
        self.enter(LISTEN, because, now)

    def establish(self, because: str, now: float) -> None:
        """Our SYN is acknowledged: afterwards data may flow."""
        self.enter(ESTABLISHED, because, now)
        if self.syn_lost:
            # "If the SYN or SYN/ACK is lost, the initial window used by a sender after a correctly transmitted SYN MUST
            # be one segment" (RFC 5681 section 3.1); RFC 6298 section 5.7 has a rule for the timer
            self.congestion.cwnd = self.snd.mss
            getattr(self.rtt, "after_resent_syn", lambda: None)()
        self.retransmissions = 0
        if self.settings.keepalive:
            self.timers.start("keepalive", now + self.settings.keepalive_idle)
        self.note("writable", "connection established", now)
        if self.closing:  # what the user has asked for in SYN-RECEIVED
            self.enter(FIN_WAIT_1, "CLOSE", now)

    def fin_arrives(self, now: float) -> None:
        """ "Advance RCV.NXT over the FIN, and send an acknowledgment for the FIN"."""
        self.rcv.nxt += 1
        self.fin_received = True
        self.note("readable", "the peer sends no more", now)
        if self.state is ESTABLISHED:
            self.enter(CLOSE_WAIT, "receive FIN", now)
        elif self.state is FIN_WAIT_1:  # simultaneous close: were our own acknowledged, we were in FIN-WAIT-2 by now
            self.enter(CLOSING, "receive FIN", now)
        elif self.state is FIN_WAIT_2:
            self.time_wait("receive FIN", now)
        self.acknowledge("FIN", now)

    def time_wait(self, because: str, now: float) -> None:
        """ "Enter the TIME-WAIT state.  Start the time-wait timer, turn off the other timers"."""
        self.timers.stop_all()
        self.timers.start("time_wait", now + 2 * self.settings.msl)
        self.enter(TIME_WAIT, because, now)

    # ---- 3.10.8 TIMEOUTS ---------------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When `tick` is next needed (seconds), or None."""
        return min(self.timers.values()) if self.timers else None

    def tick(self, now: float) -> None:
        """Do what is due.  USER TIMEOUT is no timer: what goes unanswered is counted, until it fails with ETIMEDOUT."""
        for name in self.timers.expired(now):
            if self.state is CLOSED:
                return
            match name:
                case "retransmit":
                    self.retransmission_timeout(now)
                case "persist":
                    self.persist_timeout(now)
                case "delayed_ack":
                    self.acknowledge("delayed ACK: nothing else to send", now)
                case "keepalive":
                    self.keepalive_timeout(now)
                case "fin_wait_2":
                    self.enter(CLOSED, "nobody reads, and no FIN comes", now)
                case "time_wait":
                    # "If the time-wait timeout expires on a connection, delete the TCB, enter the CLOSED state"
                    self.enter(CLOSED, "2 MSL are over", now)
