"""A TCP connection of your own, in a hundred lines, in the place of netlib's.

    python examples/connection.py

It opens and closes in order, sends again what is lost, and keeps to whatever window there is.  The other parts do the
thinking: it asks them, so that each of them may be yours as well.  What it leaves out: options but MSS and SACK, which
it takes the peer to have; TIME-WAIT, RFC 5961's challenges, urgent data, delayed acknowledgments, keep-alive, two ends
that open at once.
"""

from page import page_through

from netlib.transport.tcp.options import Options
from netlib.transport.tcp.output import Chance
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.states import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    SYN_RECEIVED,
    SYN_SENT,
)
from netlib.transport.tcp.variables import Settings
from netlib.wire.tcp import TCPSegment

ROOM = 65535  # bytes that we take in at a time: no window scale
ON_ACK = {SYN_RECEIVED: ESTABLISHED, FIN_WAIT_1: FIN_WAIT_2, CLOSING: CLOSED, LAST_ACK: CLOSED}  # of SYN, FIN
ON_FIN = {ESTABLISHED: CLOSE_WAIT, FIN_WAIT_1: CLOSING, FIN_WAIT_2: CLOSED}


class MyConnection:
    """What netlib asks of a connection: `ConnectionPart` in netlib/transport/tcp/own_connection.py."""

    def __init__(self, iss: int, mss: int, parts: TCPParts, settings: Settings) -> None:
        self.state, self.error, self.mss, self.parts = CLOSED, None, mss, parts
        self.outbox, self.sending, self.received = list[TCPSegment](), bytearray(), bytearray()
        self.iss = self.una = self.nxt = self.max = iss  # first sent, not acknowledged, to be sent next, never sent yet
        # where `sending` begins, and our FIN is; the peer's window, the next byte from it
        self.first, self.fin, self.wnd, self.rcv = iss + 1, -1, 0, 0
        self.due = self.timed = None  # when tick is needed; a byte whose round trip is measured, and when it was sent
        self.unwrap, self.rtt, self.output = parts.make("unwrap"), parts.make("rtt"), parts.make("output", settings)
        self.congestion, self.recovery = parts.make("congestion", mss), parts.make("recovery", True, mss, iss + 1)

    # ---- the user

    def open(self, now: float) -> None:
        self.state = SYN_SENT
        self.put(self.iss, self.iss + 1, now)

    def send(self, data: bytes, now: float) -> None:
        self.sending += data
        self.transmit(now)

    def close(self, now: float) -> None:
        self.fin = self.first + len(self.sending)
        self.state = LAST_ACK if self.state is CLOSE_WAIT else FIN_WAIT_1
        self.transmit(now)

    # ---- a segment

    def segment_arrives(self, segment: TCPSegment, now: float) -> None:
        if segment.syn and (self.state is LISTEN or (self.state is SYN_SENT and segment.ack)):
            return self.synchronize(segment, now)
        seq, ack = self.unwrap(segment.sequence, self.rcv), self.unwrap(segment.acknowledgment, self.una)
        if segment.rst and (seq == self.rcv or self.state is SYN_SENT):
            self.state, self.error, self.due = CLOSED, "ECONNRESET", None
        if segment.rst or not segment.ack or self.state is SYN_SENT or ack > self.max:
            return
        self.acknowledged(ack, segment, now)
        if self.state in ON_FIN and seq < self.rcv + ROOM:
            ready = self.reassembler.insert(seq, segment.payload)
            self.received, self.rcv = self.received + ready, self.rcv + len(ready)
            if segment.fin and seq + len(segment.payload) == self.rcv:
                self.rcv, self.state = self.rcv + 1, ON_FIN[self.state]
        if segment.payload or segment.fin or segment.syn:
            self.put(self.nxt, self.nxt, now)  # acknowledged at once, whatever it was
        self.transmit(now)

    def synchronize(self, segment: TCPSegment, now: float) -> None:
        """The peer's SYN: learn where it begins and what it takes, and answer."""
        self.mss = self.congestion.mss = self.recovery.mss = min(self.mss, Options.of(segment).mss or 536)
        self.rcv, self.wnd = segment.sequence + 1, segment.window
        self.reassembler = self.parts.make("reassembler", self.rcv, ROOM)
        if self.state is SYN_SENT:
            self.una, self.due, self.state = self.iss + 1, None, ESTABLISHED
            return self.put(self.nxt, self.nxt, now)
        self.state = SYN_RECEIVED
        self.put(self.iss, self.iss + 1, now)

    def acknowledged(self, ack: int, segment: TCPSegment, now: float) -> None:
        """Ask the parts what this means for the round-trip time, for the window, and for what is lost."""
        flight, self.wnd = self.nxt - self.una, segment.window
        if ack > self.una:
            del self.sending[: max(0, ack - self.first)]
            self.una, self.first, self.nxt, self.due = ack, ack, max(self.nxt, ack), None
            if self.timed and ack >= self.timed[0]:
                self.rtt.sample(now - self.timed[1], now)
                self.timed = None
            if self.state is SYN_RECEIVED or ack > self.fin >= 0:
                self.state = ON_ACK[self.state]
        blocks = [(self.unwrap(start, ack), self.unwrap(end, ack)) for start, end in Options.of(segment).sack]
        verdict = self.recovery.on_ack(ack, blocks, flight, now)
        verdict.tell(self.congestion, flight, now, self.rtt.smoothed)
        if verdict.resend:
            self.put(*verdict.resend, now)

    # ---- what goes out

    def transmit(self, now: float) -> None:
        """Send what the peer, the window and the output policy allow, then our FIN; set the timer."""
        while self.state not in (SYN_RECEIVED, CLOSED):
            queued, window = self.first + len(self.sending) - self.nxt, self.una + self.wnd - self.nxt
            free, flight = self.congestion.cwnd - self.recovery.pipe(), self.nxt - self.una
            lost = self.recovery.next_segment(queued > 0) if self.recovery.recovering and free >= self.mss else None
            if lost is None:
                length, _ = self.output.decide(Chance(queued, window, free, flight, self.mss, ROOM, last=self.fin >= 0))
                lost = self.nxt, self.nxt + min(length, queued, window)
            if lost[0] >= lost[1]:
                break
            self.put(*lost, now)
        if self.nxt == self.fin:
            self.put(self.fin, self.fin + 1, now)
        waits = self.state is not CLOSED and (self.nxt > self.una or self.sending)
        self.due = (self.due or now + self.rtt.rto) if waits else None

    def put(self, start: int, end: int, now: float) -> None:
        """Send from `start` up to `end`, a segment at most; our SYN and FIN are the bytes before and after the data."""
        at, end, ack = start - self.first, min(end, start + self.mss), self.state is not SYN_SENT
        syn, fin = start == self.iss, start <= self.fin < end
        if end > start:
            self.timed = (self.timed or (end, now)) if end > self.max else None  # Karn: not of what is sent again
            self.due = self.due or now + self.rtt.rto
            self.recovery.on_sent(start, end, now)
        self.nxt, self.max = max(self.nxt, end), max(self.max, end)
        sack = [(a % 2**32, b % 2**32) for a, b in (self.reassembler.blocks() if start == end else [])]
        options = Options(mss=self.mss, sack_permitted=True) if syn else Options(sack=sack)
        self.outbox.append(TCPSegment(
            sequence=start % 2**32, acknowledgment=self.rcv % 2**32, ack=ack, syn=syn, fin=fin,
            window=max(0, ROOM - len(self.received)), options=options.build(),
            payload=b"" if syn else bytes(self.sending[at : at + end - start])))  # fmt: skip

    # ---- time

    def deadline(self) -> float | None:
        return self.due

    def tick(self, now: float) -> None:
        self.due = self.timed = None
        self.rtt.back_off()
        if self.una == self.iss or not self.wnd:  # our SYN once more, or a question: is the window still closed?
            self.put(self.una, self.una + 1, now)
        else:
            self.congestion.on_timeout(self.nxt - self.una, now)
            self.recovery.on_timeout(now)
            self.nxt = self.una  # go back, and send it all once more
            self.transmit(now)


if __name__ == "__main__":
    mine = TCPParts(connection=MyConnection)
    print("a server with my connection:", page_through(mine))
    print("a client with my connection:", page_through(None, mine))
    print("both:                       ", page_through(mine, mine))
    print("netlib's own:               ", page_through())
