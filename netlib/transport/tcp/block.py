"""The transmission control block (RFC 9293 section 3.3.1): what a connection knows, and how a segment leaves it.

    enter           the only way from one state to another
    send_segment    the only way out for a segment of the connection; a RST has its own, `reset_for` and `send_reset`
    fail            the end with an error

What is to be sent and when is decided in transmission.py, what an event means in connection.py.
"""

from typing import Any

from netlib.transport.tcp.acknowledgment import AcknowledgmentPart, DelayedAcknowledgment
from netlib.transport.tcp.congestion.control import CongestionControl
from netlib.transport.tcp.ecn import ECN
from netlib.transport.tcp.options import Options, timestamps_option
from netlib.transport.tcp.output import OutputPart, offered_edge
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.path_mtu import Search
from netlib.transport.tcp.reassembler import ReassemblerPart
from netlib.transport.tcp.recovery import LossRecovery
from netlib.transport.tcp.rtt import RTTPart
from netlib.transport.tcp.sequence import SEQUENCE_SPACE
from netlib.transport.tcp.states import CLOSED, State
from netlib.transport.tcp.timers import Timers
from netlib.transport.tcp.variables import DEFAULT_MSS, DEFAULT_MSS6, SMALLEST_MSS, Events, Receive, Send, Settings
from netlib.wire.tcp import TCPSegment

Address = tuple[Any, int]  # IP address, port

# RFC 5961 section 7: "in any 5 second window, no more than 10 challenge ACKs should be sent"
CHALLENGES, CHALLENGE_INTERVAL = 10, 5.0
COUNTS = "segs_in", "segs_out", "bytes_acked", "bytes_received", "bytes_retrans", "retrans"  # by ss's names


class Block:
    """One connection's variables, and its way out."""

    def __init__(
        self,
        local: Address,
        remote: Address,
        iss: int,
        *,
        mss: int = 1460,
        parts: TCPParts | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        """`mss` is the largest payload that the interface takes, in bytes; `options` are `Settings` by name."""
        self.local, self.remote = local, remote
        self.parts = parts or TCPParts()
        self.settings = settings = Settings()
        for name, value in (options or {}).items():
            settings.set(name, value)
        mss = min(mss, settings.mss or mss)
        self.state = CLOSED
        self.error: str | None = None  # errno name
        self.passive = False  # opened by LISTEN
        self.snd = Send(iss, iss, iss, iss)
        self.rcv = Receive(mss=mss, shift=settings.shift if settings.window_scaling else 0)
        self.path_mss = mss  # bytes: what the path takes, as far as we know
        self.search = Search()  # for how much more it takes
        self.six = isinstance(local[0], bytes) and len(local[0]) == 16  # over IPv6
        self.peer_mss = DEFAULT_MSS6 if self.six else DEFAULT_MSS  # bytes: what the peer takes
        self.timers = Timers()
        make = self.parts.make
        self.unwrap, self.before = make("unwrap"), make("before")
        self.rtt: RTTPart = make("rtt")
        self.congestion: CongestionControl = make("congestion", mss)
        self.recovery: LossRecovery = make("recovery", False, mss, iss + 1)
        self.policy: OutputPart = make("output", settings)
        self.acknowledging: AcknowledgmentPart = make("acknowledgment", settings)
        if type(self.acknowledging) is DelayedAcknowledgment:
            self.acknowledging.announced = mss
        self.reassembler: ReassemblerPart | None = None  # from the peer's SYN on
        self.ecn = ECN(settings.ecn)

        self.sending = bytearray()  # from snd.una on, without SYN: sent and not acknowledged, then not sent yet
        self.received = bytearray()  # in order, the user has yet to take it
        self.closing = False  # the user has called CLOSE: a FIN follows what is in `sending`
        self.fin_acknowledged = False
        self.fin_received = False
        self.abandoned = False  # nobody will take what else arrives

        self.cookie: bytes | None = None  # Fast Open's option for our SYN (RFC 7413): a cookie, b"" to ask for one
        self.learnt_cookie: bytes | None = None  # what the peer's SYN,ACK had
        self.fast_open = False  # the peer's cookie was right
        self.timestamps = self.sack = self.scaling = False  # agreed on with the peer
        self.recent = 0  # RFC 7323's TS.Recent, and when it was learnt
        self.recent_at = 0.0
        self.challenges, self.challenged_at = 0, 0.0
        self.unmarked: set[int] = set()  # sequence numbers in `outbox` of what is sent again: no ECT for it
        self.heard_at = self.sent_at = 0.0  # when the last segment came, when data last went
        self.counts = dict.fromkeys(COUNTS, 0)
        self.outbox: list[TCPSegment] = []
        self.events = Events()

    # ---- what follows from the variables -------------------------------------------------------------------

    @property
    def start(self) -> int:
        """The sequence number of the first byte in `sending`."""
        snd = self.snd
        return snd.una if snd.una > snd.iss else snd.iss + 1

    @property
    def end(self) -> int:
        """The one after the last byte that the user has sent; our FIN's, when there is one."""
        return self.start + len(self.sending)

    @property
    def flight(self) -> int:
        """Bytes that are sent and not acknowledged: RFC 5681's FlightSize."""
        return self.snd.nxt - self.snd.una

    @property
    def acceptable_seq(self) -> int:
        """SND.NXT for segments without data; within the peer's window, lest they be unacceptable to it."""
        snd = self.snd
        return max(snd.una, min(snd.max, snd.una + snd.wnd))

    def free(self) -> int:
        """Bytes of room in the receive buffer."""
        free = self.settings.receive_buffer - len(self.received)
        return free if free > 0 else 0

    def agree_on_mss(self) -> None:
        """RFC 9293 section 3.7.1: "Eff.snd.MSS = min(SendMSS+20, MMS_S) - TCPhdrsize - IPoptionsize" (MUST-16)."""
        size = max(SMALLEST_MSS, min(self.peer_mss, self.path_mss)) - (12 if self.timestamps else 0)
        if size != self.snd.mss:
            self.snd.mss = self.congestion.mss = self.recovery.mss = size

    def shrink(self, size: int) -> bool:
        """The path takes segments of `size` bytes at most; whether that is less than we believed."""
        if size >= self.path_mss:
            return False
        self.path_mss = size
        before_this = self.snd.mss
        self.agree_on_mss()
        return self.snd.mss < before_this

    def clock(self, now: float) -> int:
        """The timestamp clock, in milliseconds: "in the range 1 ms to 1 sec per tick" (RFC 7323 section 5.4)."""
        return int(now * 1000) % SEQUENCE_SPACE

    # ---- telling ---------------------------------------------------------------------------------------------

    def note(self, kind: str, because: str, now: float) -> None:
        self.events.append((kind, because, now))

    def enter(self, state: State, because: str, now: float) -> None:
        """Change the state; afterwards an event tells so, and a closed connection has no timers."""
        self.state = state
        self.note("state", f"{state}: {because}", now)
        if state is CLOSED:
            self.timers.stop_all()
            self.sending.clear()

    def fail(self, name: str, because: str, now: float) -> None:
        """End with an error: "All segment queues should be flushed" (RFC 9293 section 3.10.7.4)."""
        self.error = name
        self.received.clear()
        self.reassembler = None
        self.note("error", f"{name}: {because}", now)
        self.enter(CLOSED, because, now)

    # ---- segments that leave ---------------------------------------------------------------------------------

    def acknowledge(self, because: str, now: float) -> None:
        """Send <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>."""
        self.send_segment(self.acceptable_seq, now, because=because)

    def challenge(self, because: str, now: float) -> None:
        """Send a challenge ACK (RFC 5961), unless many were sent a moment ago: then an attacker counts on them."""
        if now >= self.challenged_at + CHALLENGE_INTERVAL:
            self.challenges, self.challenged_at = 0, now
        self.challenges += 1
        if self.challenges <= CHALLENGES:
            self.acknowledge(f"challenge: {because}", now)
        else:
            self.note("held", "no more challenge ACKs for now", now)

    def send_segment(
        self,
        seq: int,
        now: float,
        text: bytes = b"",
        *,
        because: str = "",
        syn: bool = False,
        fin: bool = False,
        psh: bool = False,
        again: bool = False,
    ) -> None:
        """Send one segment from `seq` on; it acknowledges what has arrived, if there is something to acknowledge."""
        snd, rcv = self.snd, self.rcv
        ack = self.reassembler is not None
        ece = cwr = False
        if syn:
            options = self.syn_options(ack, now)
            if ack or not again:
                ece, cwr = self.ecn.setup(ack)
        else:
            options = self.ordinary_options(len(text), now)
            if self.ecn.on:
                ece, cwr = self.ecn.flags(bool(text) and not again)
        if self.unmarked and not self.outbox:
            self.unmarked.clear()
        if again:
            self.unmarked.add(seq % SEQUENCE_SPACE)
        urgent = snd.up > seq and snd.up > snd.una
        self.outbox.append(
            TCPSegment(
                source_port=self.local[1],
                destination_port=self.remote[1],
                sequence=seq % SEQUENCE_SPACE,
                acknowledgment=rcv.nxt % SEQUENCE_SPACE if ack else 0,
                cwr=cwr,
                ece=ece,
                urg=urgent,
                ack=ack,
                psh=psh,
                syn=syn,
                fin=fin,
                window=self.window_field(syn),
                urgent_pointer=min(snd.up - seq, 0xFFFF) if urgent else 0,
                options=options,
                payload=text,
            )
        )
        self.counts["segs_out"] += 1
        self.note("resent" if again else "sent", because, now)
        if ack:
            rcv.acked = rcv.nxt
            self.acknowledging.sent()
            if "delayed_ack" in self.timers:
                self.timers.stop("delayed_ack")

    def window_field(self, syn: bool) -> int:
        """The window to announce: room in the buffer, by the receiver's silly window avoidance."""
        rcv, nxt, free = self.rcv, self.rcv.nxt, self.free()
        if rcv.edge < nxt + free:  # the user has made room
            rcv.edge = offered_edge(nxt, rcv.edge, free, self.settings.receive_buffer, rcv.mss)
        # "The window field in a segment where the SYN bit is set ... MUST NOT be scaled" (RFC 7323 section 2.2).  The
        # shift rounds up, so that less than was offered is never said; "the receiver MUST honor, as in-window, any
        # segment that would have been in window for any <ACK> sent" (section 2.4), hence `said`.
        shift = 0 if syn else rcv.shift
        field = min(0xFFFF, -(nxt - rcv.edge >> shift)) if nxt < rcv.edge else 0
        said = nxt + (field << shift)
        if said > rcv.said:
            rcv.said = said
        return field

    def syn_options(self, answer: bool, now: float) -> bytes:
        """Of a SYN: all that we offer; of a SYN,ACK: what the peer has offered too (RFC 7323, RFC 2018)."""
        settings = self.settings
        scaling = settings.window_scaling if not answer else self.scaling
        return Options(
            mss=self.rcv.mss,
            window_scale=self.rcv.shift if scaling else None,
            sack_permitted=self.sack if answer else settings.sack,
            timestamps=(self.clock(now), self.recent) if (self.timestamps if answer else settings.timestamps) else None,
            fast_open=self.cookie,
        ).build()

    def ordinary_options(self, length: int, now: float) -> bytes:
        """Of any other segment with `length` bytes of data: timestamps, and the SACK blocks that fit beside these."""
        blocks = self.sack_blocks() if self.sack and not length else ()
        if not blocks:
            return timestamps_option(self.clock(now), self.recent) if self.timestamps else b""
        stamps = (self.clock(now), self.recent) if self.timestamps else None
        wire = [(first % SEQUENCE_SPACE, last % SEQUENCE_SPACE) for first, last in blocks]
        return Options(timestamps=stamps, sack=wire).build()

    def sack_blocks(self) -> list[tuple[int, int]]:
        """What to report of data beyond a gap, or received twice (RFC 2883) where the reassembler can tell."""
        report = getattr(self.reassembler, "report", None)
        if report is not None and self.settings.dsack:
            return list(report())
        return self.reassembler.blocks() if self.reassembler else []

    def may_be_marked(self, segment: TCPSegment) -> bool:
        """Whether the packet of a segment in `outbox` is to be sent as ECT(0), which a router may mark CE.

        Not "pure acknowledgement packets", "retransmitted data packets" and "window probe packets" (RFC 3168 sections
        6.1.4 to 6.1.6).
        """
        return self.ecn.on and len(segment.payload) > 0 and segment.sequence not in self.unmarked

    def reset_for(self, segment: TCPSegment, now: float) -> None:
        """Answer a segment with a RST that its sender will accept (RFC 9293 section 3.10.7.1)."""
        reset = TCPSegment(source_port=segment.destination_port, destination_port=segment.source_port, rst=True)
        if segment.ack:
            reset.sequence = segment.acknowledgment  # <SEQ=SEG.ACK><CTL=RST>
        else:
            length = len(segment.payload) + segment.syn + segment.fin
            reset.ack, reset.acknowledgment = True, (segment.sequence + length) % SEQUENCE_SPACE
        self.outbox.append(reset)
        self.note("sent", "RST: no such connection here", now)

    def send_reset(self, because: str, now: float) -> None:
        """Send <SEQ=SND.NXT><CTL=RST>, with an acknowledgment as Linux does."""
        self.outbox.append(
            TCPSegment(
                source_port=self.local[1],
                destination_port=self.remote[1],
                sequence=self.acceptable_seq % SEQUENCE_SPACE,
                acknowledgment=self.rcv.nxt % SEQUENCE_SPACE if self.reassembler else 0,
                ack=self.reassembler is not None,
                rst=True,
            )
        )
        self.note("sent", f"RST: {because}", now)
