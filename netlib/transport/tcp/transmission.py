"""What a connection sends: new data, what is lost again, probes of a closed window; and what it learns from an ACK.

    transmit          send what the peer, congestion control and the output policy allow
    resend_next       send again what counts as lost, which goes first
    acknowledged      SND.UNA moves: forget what is acknowledged, measure the round trip, restart the timer
    on_no_progress    an acknowledgment that moves nothing may still tell of a loss
    take_window       SND.WND, from a segment that is not old: SND.WL1, SND.WL2
    timers            retransmission (RFC 6298 section 5), persist (RFC 9293 section 3.8.6.1), keep-alive (3.8.4)

How large the congestion window is: congestion/.  Which bytes are lost: recovery.py.  Whether a small segment waits:
output.py.
"""

from netlib.transport.tcp.block import Block
from netlib.transport.tcp.options import Options
from netlib.transport.tcp.output import NOTHING, REPAIR_WAITS, Chance
from netlib.transport.tcp.recovery import Verdict
from netlib.transport.tcp.scoreboard import DUP_THRESH
from netlib.transport.tcp.sequence import SEQUENCE_SPACE
from netlib.transport.tcp.states import (
    CLOSE_WAIT,
    ESTABLISHED,
    FIN_WAIT_1,
    LAST_ACK,
    MAY_TRANSMIT,
    SYN_RECEIVED,
    SYN_SENT,
    TIME_WAIT,
)
from netlib.transport.tcp.variables import DEFAULT_MSS, LEAST_MTU6
from netlib.wire.tcp import TCPSegment

R1 = 3  # retransmissions: "at least 3" (SHLD-10); then IP is to look for another way (MUST-20)
OVERRIDE = 0.2  # seconds that little data waits when nothing is in flight: "0.1 - 1.0 seconds" (section 3.8.6.2.1)
PROBE_FIRST = "a probe of the path's MTU goes first, when there is room"
LONGEST_PROBE = 60.0  # seconds between two probes of a closed window


class Transmission(Block):
    """A connection's sending half."""

    retransmissions = 0  # in a row, without an acknowledgment of new data
    syn_lost = False  # our SYN had to be sent again
    keepalives = 0  # probes in a row without an answer
    probes = 0  # of a closed window, in a row without any answer
    backoff = 0  # probes in a row while the window is closed, answered or not
    probed = False  # the byte at SND.NXT went out as a probe of a closed window, and counts as not sent
    timed: tuple[int, float] | None = None  # (last byte, when it was sent) of the segment whose round trip is measured
    small = 0  # the byte after the last segment of less than MSS (Minshall's SND.SML)
    spared: int | None = None  # the byte after a probe of the path's MTU that is lost, until its bytes are repaired
    held = ""  # why nothing more was sent the last time

    # ---- sending -------------------------------------------------------------------------------------------

    def transmit(self, now: float) -> None:
        """Send all that may be sent now; afterwards a timer runs if anything is unsent or unacknowledged."""
        snd = self.snd
        early = self.fast_open and self.state is SYN_RECEIVED  # an answer to data on a SYN need not wait (RFC 7413)
        if not early and (self.state not in MAY_TRANSMIT or snd.una == snd.iss):
            return
        if not self.sending and not self.closing and "persist" not in self.timers:
            return  # as with nearly every segment for who only receives
        end = self.end
        idle = snd.nxt == snd.una and end > snd.nxt == snd.max and now - self.sent_at > self.rtt.rto
        if idle and self.settings.slow_start_after_idle:
            # "A TCP SHOULD set cwnd to no more than RW before beginning transmission if the TCP has not sent data in
            # an interval exceeding the retransmission timeout" (RFC 5681 section 4.1)
            self.congestion.on_idle(now)
        because = REPAIR_WAITS
        while self.resend_next(now):
            pass
        if self.settings.mtu_probing and self.probe_path(now):
            return self.set_timers(now, PROBE_FIRST)
        while snd.nxt >= snd.max or self.probed:  # else there is more to send again, and no room for it
            queued, window = end - snd.nxt, snd.una + snd.wnd - snd.nxt
            allowed, flight = self.congestion.cwnd - self.recovery.pipe(), snd.nxt - snd.una
            if not self.settings.limited_transmit and not self.recovery.recovering:
                allowed = min(allowed, self.congestion.cwnd - flight)
            chance = Chance(queued, window, allowed, flight, snd.mss, snd.largest, self.small > snd.una, self.closing)
            length, because = self.policy.decide(chance)
            length = min(length, queued, snd.mss, window)  # a part may be wrong, a window not
            if length <= 0:
                if because == NOTHING and self.wants_fin() and window > 0:
                    self.send_fin(now)
                break
            self.send_text(snd.nxt, length, because, now)
        self.set_timers(now, because)

    def probe_path(self, now: float) -> bool:
        """Send a larger segment than the path is known to take, if one is due; whether all else has to wait for it.

        Only when nothing seems lost, and with so much queued behind it that its loss would show: RFC 4821 section 7.4.
        """
        snd, search, pipe = self.snd, self.search, self.recovery.pipe()
        if snd.nxt < snd.max or self.probed or self.recovery.recovering or pipe != self.flight:
            return False
        size = search.next(min(self.path_mss, self.peer_mss), min(self.rcv.mss, self.peer_mss), now)
        if size is None:
            return False
        size -= 12 if self.timestamps else 0
        window = self.congestion.cwnd
        if min(self.end - snd.nxt, snd.una + snd.wnd - snd.nxt, window) < size + DUP_THRESH * snd.mss:
            return False
        if window - pipe < size:  # "Protocols MAY delay sending non-probes in order to accumulate enough data"
            return True
        search.probe = snd.nxt, snd.nxt + size
        self.send_text(snd.nxt, size, f"a probe: does the path take {search.size} bytes?", now)
        return False

    def probe_is_lost(self, verdict: Verdict, flight: int, now: float) -> None:
        """Take out of a verdict what would be told to congestion control, where a probe of the path alone is lost.

        "When only the probe is lost, it is treated as an indication that the Path MTU is smaller than the probe size.
        In this case alone, the loss SHOULD NOT be interpreted as congestion signal" (RFC 4821 section 7.6.2).
        """
        search = self.search
        if verdict.lost and search.probe:
            if verdict.resend and verdict.resend[0] == search.probe[0]:
                self.spared = search.probe[1]
                self.note("loss", f"the path does not take {search.size} bytes: this is no congestion", now)
                search.fail(now)
            search.probe = None
        if self.spared is not None:
            verdict.lost = verdict.recovered = False
            verdict.duplicates = 0
            if not self.recovery.recovering:
                self.spared = None
            elif self.snd.una >= self.spared:  # something behind it is missing too
                self.spared, verdict.lost, verdict.flight = None, True, flight

    def resend_next(self, now: float) -> bool:
        """Send one segment again if one is due: after a timeout all that the peer does not hold, from SND.NXT on; in a
        recovery what that says."""
        snd = self.snd
        if snd.nxt >= snd.max and not self.recovery.recovering:
            return False
        mss = snd.mss
        room = self.congestion.cwnd - self.recovery.pipe()
        if snd.nxt < snd.max and not self.probed:
            hole = self.recovery.hole(snd.nxt, snd.max)
            snd.nxt = hole[0] if hole else snd.max
            if not hole:
                return True
            length = min(hole[1] - hole[0], mss, snd.una + snd.wnd - snd.nxt)
            if length <= 0 or (room < length and self.flight):
                return False
            self.resend(snd.nxt, snd.nxt + length, "after a timeout all is sent again", now)
            return True
        if not self.recovery.recovering or room < mss:
            return False
        named = self.recovery.next_segment(self.end > snd.nxt and snd.una + snd.wnd > snd.nxt)
        if named is None or not snd.una <= named[0] < named[1] <= snd.max:
            return False
        self.resend(*named, "the recovery says that it is lost", now)
        return True

    def resend(self, start: int, end: int, because: str, now: float) -> None:
        """Send the bytes from `start` up to `end` again, at most a segment; the FIN is the byte after the last."""
        length = min(end, self.end, start + self.snd.mss) - start
        if length > 0:
            self.send_text(start, length, because, now)
        elif self.closing and not self.fin_acknowledged:
            self.send_fin(now)

    def send_text(self, seq: int, length: int, because: str, now: float) -> None:
        """Send `length` bytes from `seq` on, and our FIN where it follows; SND.NXT moves over them."""
        snd, offset = self.snd, seq - self.start
        text = bytes(self.sending[offset : offset + length])
        last = offset + length == len(self.sending)
        fin = last and self.closing and seq + length < snd.una + snd.wnd
        again = seq < snd.max and not self.probed
        self.probed = False
        after = seq + length + fin
        if again:
            self.count_resent(length)
            if self.timed and seq <= self.timed[0]:
                self.timed = None  # Karn: the answer could be to either copy (RFC 6298 section 3)
        elif self.timed is None:
            self.timed = after, now
        if length < snd.mss:
            self.small = after
        self.recovery.on_sent(seq, after, now)
        if snd.nxt < after:
            snd.nxt = after
        if snd.max < after:
            snd.max = after
        self.sent_at = now
        self.send_segment(seq, now, text, because=because, psh=last, fin=fin, again=again)
        if fin:
            self.fin_is_sent(now)

    def wants_fin(self) -> bool:
        return self.closing and not self.fin_acknowledged and self.snd.nxt == self.end

    def send_fin(self, now: float) -> None:
        """Send our FIN alone, for the first time or again."""
        snd, end = self.snd, self.end
        again = snd.max > end and not self.probed
        self.probed = False
        if again:
            self.count_resent(0)
        self.recovery.on_sent(end, end + 1, now)
        snd.nxt = max(snd.nxt, end + 1)
        snd.max = max(snd.max, snd.nxt)
        self.send_segment(end, now, because="CLOSE: nothing follows", fin=True, again=again)
        self.fin_is_sent(now)

    def fin_is_sent(self, now: float) -> None:
        if self.state is ESTABLISHED:
            self.enter(FIN_WAIT_1, "CLOSE, FIN sent", now)
        elif self.state is CLOSE_WAIT:
            self.enter(LAST_ACK, "CLOSE, FIN sent", now)

    def count_resent(self, length: int) -> None:
        self.counts["retrans"] += 1
        self.counts["bytes_retrans"] += length

    def set_timers(self, now: float, because: str) -> None:
        """Retransmission while anything is in flight, persist while something is queued and nothing in flight."""
        if self.snd.nxt > self.snd.una:
            if "persist" in self.timers:
                self.timers.stop("persist")
            if "retransmit" not in self.timers:
                # "Every time a packet containing data is sent (including a retransmission), if the timer is not
                # running, start it running" (RFC 6298 section 5, 5.1)
                self.timers.start("retransmit", now + self.rtt.rto)
        else:
            self.timers.stop("retransmit")
            if self.end > self.snd.nxt or self.wants_fin():
                if "persist" not in self.timers:
                    wait = self.rtt.rto if self.snd.wnd == 0 else OVERRIDE
                    self.timers.start("persist", now + wait)
            else:
                self.timers.stop("persist")
        if because not in (NOTHING, self.held):
            self.note("held", because, now)
        self.held = because

    # ---- an acknowledgment --------------------------------------------------------------------------------

    def acknowledged(self, ack: int, segment: TCPSegment, options: Options, now: float) -> None:
        """SND.UNA < SEG.ACK =< SND.NXT: "Any segments on the retransmission queue that are thereby entirely
        acknowledged are removed" (RFC 9293 section 3.10.7.4)."""
        snd, flight, end = self.snd, self.flight, self.end
        data = max(0, min(ack, end) - self.start)
        del self.sending[:data]
        if self.closing and ack == end + 1:
            self.fin_acknowledged = True
        snd.una = ack
        snd.nxt = max(snd.nxt, ack)
        self.counts["bytes_acked"] += data
        self.measure(ack, options, now)
        self.retransmissions = self.probes = self.backoff = 0
        if self.ecn.reacts(segment, snd.una, snd.max):
            self.congestion.on_ecn(flight, now)
            self.note("acknowledged", "ECE: a router is congested", now)
        self.probed = False
        if self.search.probe and ack >= self.search.probe[1]:
            self.search.probe, self.path_mss = None, self.search.size
            self.agree_on_mss()
            self.note("acknowledged", f"the path takes {self.path_mss} bytes", now)
        cwnd = self.congestion.cwnd
        restart = self.consult(ack, options, flight, now)
        if self.ecn.on and segment.ece:
            # "SHOULD NOT increase the congestion window in response to the receipt of an ECN-Echo ACK packet" (RFC 3168
            # section 6.1.2)
            self.congestion.cwnd = min(self.congestion.cwnd, cwnd)
        if data:
            self.note("writable", "new data is acknowledged", now)
        # "When all outstanding data has been acknowledged, turn off the retransmission timer", "When an ACK is received
        # that acknowledges new data, restart the retransmission timer" (RFC 6298 section 5, 5.2 and 5.3)
        if not self.flight:
            self.timers.stop("retransmit")
        elif restart:
            self.timers.start("retransmit", now + self.rtt.rto)

    def on_no_progress(self, segment: TCPSegment, options: Options, now: float) -> None:
        """SEG.ACK = SND.UNA: it may be a duplicate in the sense of RFC 5681 section 2, or have news by SACK."""
        snd = self.snd
        if snd.nxt == snd.una or self.probed:
            return  # nothing is in flight
        # "(a) the receiver of the ACK has outstanding data, (b) the incoming acknowledgment carries no data, (c) the
        # SYN and FIN bits are both off, (d) the acknowledgment number is equal to the greatest acknowledgment
        # received ... and (e) the advertised window in the incoming acknowledgment equals" the last one
        duplicate = not segment.payload and not segment.fin and segment.window << snd.shift == snd.wnd
        if duplicate or (self.sack and options.sack):
            self.consult(snd.una, options, self.flight, now)

    def consult(self, ack: int, options: Options, flight: int, now: float) -> bool:
        """Ask the recovery what an acknowledgment means, and do it; whether it restarts the retransmission timer."""
        blocks = []
        if self.sack:
            for first, last in options.sack:
                start = self.unwrap(first, ack)
                if 0 < (size := (last - first) % SEQUENCE_SPACE) < SEQUENCE_SPACE // 2:
                    blocks.append((start, start + size))
        verdict = self.recovery.on_ack(ack, blocks, flight, now)
        if self.search.probe or self.spared is not None:
            self.probe_is_lost(verdict, flight, now)
        if verdict.lost:
            self.ecn.window_cut(self.snd.max)
        verdict.tell(self.congestion, flight, now, self.rtt.smoothed)
        if verdict.because:
            self.note("loss" if verdict.lost else "acknowledged", verdict.because, now)
        if verdict.resend and self.snd.una <= verdict.resend[0] < self.snd.max and self.snd.una > self.snd.iss:
            self.resend(*verdict.resend, verdict.because, now)
        return verdict.restart_timer

    def measure(self, ack: int, options: Options, now: float) -> None:
        """Take a round-trip time from an acknowledgment: of the segment that is timed; else, where something was
        resent, from the timestamp that it echoes."""
        if self.timed is not None:
            last, when = self.timed
            if ack >= last:
                self.timed = None
                self.rtt.sample(now - when, now)
        elif self.retransmissions and options.timestamps and options.timestamps[1]:
            # "the timestamp option removes the ambiguity regarding which instance of the data segment triggered the
            # acknowledgment" (RFC 6298 section 3)
            elapsed = (self.clock(now) - options.timestamps[1]) % SEQUENCE_SPACE
            if elapsed < 60_000:
                self.rtt.sample(elapsed / 1000, now)

    def take_window(self, window: int, seq: int, ack: int) -> None:
        """Take the peer's `window` (bytes) from the segment that says so, unless it is an old one.

        "If SND.UNA =< SEG.ACK =< SND.NXT, the send window should be updated.  If (SND.WL1 < SEG.SEQ or (SND.WL1 =
        SEG.SEQ and SND.WL2 =< SEG.ACK)), set SND.WND <- SEG.WND, set SND.WL1 <- SEG.SEQ, and set SND.WL2 <- SEG.ACK."
        """
        snd = self.snd
        if snd.una <= ack and (snd.wl1 < seq or (snd.wl1 == seq and snd.wl2 <= ack)):
            snd.wnd, snd.wl1, snd.wl2 = window, seq, ack
            snd.largest = max(snd.largest, window)

    # ---- its timers ----------------------------------------------------------------------------------------

    def retransmission_timeout(self, now: float) -> None:
        """RFC 6298 section 5, 5.4 to 5.7; at R2, a setting, "close the connection" (RFC 9293 section 3.8.3)."""
        snd = self.snd
        opening = snd.una == snd.iss
        self.retransmissions += 1
        if self.retransmissions > (self.settings.syn_retries if opening else self.settings.retries):
            return self.fail("ETIMEDOUT", f"no answer to {self.retransmissions} segments", now)
        if self.retransmissions == R1:
            self.note("timer", "R1: is there another way to the peer?", now)
        self.note("timer", f"no acknowledgment within {self.rtt.rto:.3f} s: retransmission timeout", now)
        self.rtt.back_off()
        self.timed = None  # Karn
        if opening:
            self.resend_syn(now)
        else:
            self.spared = None
            if self.search.probe:  # a "probe timeout": as lost, but congestion control is told (RFC 4821 section 7.6.3)
                self.search.fail(now)
            least = LEAST_MTU6 - 60 if self.six else DEFAULT_MSS
            if self.settings.mtu_probing and self.retransmissions >= 2 and self.shrink(max(least, self.path_mss // 2)):
                # a router that drops what is too large, and says nothing (RFC 4821 section 7.7; Linux: tcp_mtu_probing)
                self.search.begin_anew(now)
                self.note("timer", f"is it a black hole?  Segments of {snd.mss} bytes from now on", now)
            self.congestion.on_timeout(self.flight, now)
            self.ecn.window_cut(snd.max)
            self.recovery.on_timeout(now)
            snd.nxt = snd.una  # all that is in flight counts as lost
            self.transmit(now)
            if self.flight == 0:  # the peer has closed its window since
                return
        # "Start the retransmission timer, such that it expires after RTO seconds" (5.6)
        self.timers.start("retransmit", now + self.rtt.rto)

    def send_syn(self, because: str, now: float) -> None:
        """Send our SYN, with an ACK if we have had the peer's; with data if we have a Fast Open cookie."""
        snd, text = self.snd, b""
        if self.state is SYN_SENT and self.cookie:
            room = max(0, min(self.path_mss, self.peer_mss) - 40)  # beside all options
            text = bytes(self.sending[:room])
            self.recovery.on_sent(snd.iss + 1, snd.iss + 1 + len(text), now)
        snd.nxt = snd.max = max(snd.max, snd.iss + 1 + len(text))
        self.timed = snd.iss + 1, now
        self.send_segment(snd.iss, now, text, because=because, syn=True)
        self.timers.start("retransmit", now + self.rtt.rto)

    def resend_syn(self, now: float) -> None:
        self.count_resent(0)
        self.syn_lost, self.cookie = True, None  # without data and Fast Open's option, which something may not let pass
        self.send_segment(self.snd.iss, now, because="SYN is not acknowledged", syn=True, again=True)

    def persist_timeout(self, now: float) -> None:
        """Nothing is in flight, and what is queued may not be sent: ask, or send little after all.

        "The transmitting host SHOULD send the first zero-window probe when a zero window has existed for the
        retransmission timeout period ... and SHOULD increase exponentially the interval between successive probes"
        (SHLD-29, SHLD-30).  "As long as the receiving TCP peer continues to send acknowledgments in response to the
        probe segments, the sending TCP peer MUST allow the connection to stay open" (MUST-37).
        """
        snd = self.snd
        queued = self.end - snd.nxt
        if snd.wnd > 0 and queued:
            length = min(queued, snd.wnd, snd.mss, max(snd.mss, self.congestion.cwnd))
            self.send_text(snd.nxt, length, "waited long enough for more", now)
            return self.set_timers(now, self.held)
        self.probes += 1
        if self.probes > self.settings.retries or (self.abandoned and self.backoff > self.settings.retries):
            return self.fail("ETIMEDOUT", f"no answer to {self.probes} probes of a closed window", now)
        self.probe(now)
        self.backoff += 1
        self.timers.start("persist", now + min(LONGEST_PROBE, self.rtt.rto * 2 ** min(self.backoff, 10)))

    def probe(self, now: float) -> None:
        """Send "at least one octet of new data" (section 3.8.6.1) into a closed window; SND.NXT stays where it is."""
        snd = self.snd
        text = bytes(self.sending[snd.nxt - self.start :][:1])
        fin = not text
        again = snd.max > snd.nxt
        if not again:
            snd.max, self.probed = snd.nxt + 1, True
        self.send_segment(snd.nxt, now, text, because="zero-window probe", fin=fin, psh=bool(text), again=again)
        self.unmarked.add(snd.nxt % SEQUENCE_SPACE)
        if fin:
            self.fin_is_sent(now)

    def keepalive_timeout(self, now: float) -> None:
        """Ask whether the peer is still there, several times: "MUST NOT interpret failure to respond to any specific
        probe as a dead connection" (MUST-29)."""
        settings = self.settings
        if not settings.keepalive or self.state is TIME_WAIT:
            return
        idle = self.heard_at + settings.keepalive_idle
        if not self.keepalives and (now < idle or self.flight):
            return self.timers.start("keepalive", idle if now < idle else now + settings.keepalive_interval)
        if self.keepalives >= settings.keepalive_count:
            self.send_reset("keep-alive", now)
            return self.fail("ETIMEDOUT", f"no answer to {self.keepalives} keep-alive probes", now)
        self.keepalives += 1
        # "SEG.SEQ = SND.NXT-1", which is not acceptable, so it is answered (section 3.8.4)
        self.send_segment(self.snd.una - 1, now, because="keep-alive probe")
        self.timers.start("keepalive", now + settings.keepalive_interval)
