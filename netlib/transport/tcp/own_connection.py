"""A connection of your own in the place of netlib's: `TCPParts(connection=MyConnection)`.

`ConnectionPart` is what you write: four attributes, six methods.  `OwnConnection` stands between it and the host: it
has all that sockets, listeners and pictures ask of a connection, passes on what concerns yours, and takes from it the
state, the bytes and the segments.  It fills in ports, keeps the books (`snd.una`, `snd.max`, counts, events), and
looks at what yours has put out before anybody else does.

A class that is made from netlib's own `Connection` needs none of this and may change any method of it.
"""

from typing import Any, Protocol

from netlib.internet.parts import returned
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.sequence import SEQUENCE_SPACE
from netlib.transport.tcp.states import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    LAST_ACK,
    LISTEN,
    OPEN_TO_SEND,
    SYN_SENT,
    TIME_WAIT,
    State,
)
from netlib.transport.tcp.variables import LEAST_MTU, LEAST_MTU6, CallError
from netlib.wire.tcp import TCPSegment

FIELDS = {"sequence": 32, "acknowledgment": 32, "window": 16}  # bits, of what a connection fills in
FIN_RECEIVED = (CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT)


class ConnectionPart(Protocol):
    """One TCP connection.  Made as `MyConnection(iss, mss, parts, settings)`:

    `iss` is the first sequence number to use, `mss` the largest payload in bytes, `parts` makes the other parts
    (`parts.make("rtt")`, see parts.py), `settings` is what the user has set (variables.py).

    A segment to send is `TCPSegment(sequence=..., ack=True, acknowledgment=..., window=..., payload=...)` in `outbox`:
    ports and checksum are filled in.  Where a listener has made the connection it is in LISTEN, and the first segment
    that arrives is a SYN.
    """

    state: State
    outbox: list[TCPSegment]
    sending: bytearray  # what the user has sent, without what is acknowledged
    received: bytearray  # what has arrived in order; the user's calls take it from here

    def open(self, now: float) -> None:
        """The user wants to connect: send a SYN."""

    def segment_arrives(self, segment: TCPSegment, now: float) -> None:
        """A segment of this connection; its numbers are as on the wire, of 32 bits."""

    def send(self, data: bytes, now: float) -> None:
        """The user sends: keep it in `sending`, and send what may be sent."""

    def close(self, now: float) -> None:
        """The user sends no more: a FIN follows what is in `sending`."""

    def tick(self, now: float) -> None:
        """Do what is due."""

    def deadline(self) -> float | None:
        """When `tick` is next needed (seconds), or None."""


NEEDS = ("state", "outbox", "sending", "received", "open", "segment_arrives", "send", "close", "tick", "deadline")


class OwnConnection(Connection):
    """A `ConnectionPart` as sockets see it.  Its `error` is optional: an errno name where it has failed."""

    def __init__(
        self,
        local: Any,
        remote: Any,
        iss: int,
        *,
        mss: int = 1460,
        parts: TCPParts | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(local, remote, iss, mss=mss, options=options)  # with netlib's parts, which nobody uses
        self.parts = parts or TCPParts()
        assert self.parts.connection is not None
        self.unwrap = self.parts.make("unwrap")
        self.part: Any = self.parts.connection(iss, mss, self.parts, self.settings)
        missing = [name for name in NEEDS if not hasattr(self.part, name)]
        if missing:
            raise TypeError(f"the part connection ({type(self.part).__name__}) has no {', '.join(missing)}")
        self.early = b""  # what the user has sent before the handshake was over
        # what `info` shows of these, if yours has them
        self.rtt, self.congestion = (getattr(self.part, name, getattr(self, name)) for name in ("rtt", "congestion"))

    # ---- the user ------------------------------------------------------------------------------------------

    def open(self, now: float, data: bytes = b"", cookie: bytes | None = None, mss: int = 0) -> None:
        self.early = data  # no Fast Open: it goes when the handshake is over
        self.part.open(now)
        self.follow("OPEN", now)

    def accept_syn(self, segment: TCPSegment, now: float, fast_open: bool = False, cookie: bytes | None = None) -> None:
        self.part.state = LISTEN
        self.follow("passive OPEN", now)
        self.segment_arrives(segment, now)

    def send(self, data: bytes, now: float, urgent: bool = False) -> int:
        if self.error or self.state is CLOSED:
            raise CallError(self.error or "ENOTCONN", "connection does not exist")
        if self.closing or self.state not in OPEN_TO_SEND:
            raise CallError("EPIPE", "connection closing")
        data = data[: max(0, self.settings.send_buffer - len(self.sending))]
        self.part.send(data, now)
        self.follow("SEND", now)
        return len(data)

    def receive(self, limit: int, now: float) -> bytes:
        data = bytes(self.received[:limit])
        del self.received[:limit]
        return data

    def close(self, now: float, *, reading: bool = True) -> None:
        if not reading:
            self.abandoned = True
            if self.received:  # as netlib's own: the peer has to know that its data is lost (SHLD-3)
                return self.abort(now)
            self.wait_no_longer(now)
        if self.state in (LISTEN, SYN_SENT):
            self.part.state = CLOSED
            self.follow("CLOSE", now)
        elif not self.closing and self.state is not CLOSED:
            self.closing = True
            self.part.close(now)
            self.follow("CLOSE", now)

    def abort(self, now: float) -> None:
        super().abort(now)
        self.part.state = CLOSED
        self.part.outbox.clear()

    def set_option(self, name: str, value: Any, now: float) -> None:
        self.settings.set(name, value)

    # ---- the network ---------------------------------------------------------------------------------------

    def segment_arrives(self, segment: TCPSegment, now: float, ce: bool = False) -> None:
        snd, self.heard_at = self.snd, now
        self.counts["segs_in"] += 1
        if self.state is CLOSED:
            return self.in_closed(segment, now)
        if segment.ack:
            ack = self.unwrap(segment.acknowledgment, snd.una)
            if snd.una < ack <= snd.max:
                self.counts["bytes_acked"] += ack - snd.una - (snd.una == snd.iss)
                snd.una = ack
        snd.wnd = segment.window
        before = len(self.part.received)
        self.part.segment_arrives(segment, now)
        self.counts["bytes_received"] += max(0, len(self.part.received) - before)
        self.follow("SEGMENT ARRIVES", now)

    def reopened_by(self, segment: TCPSegment) -> int | None:
        return None

    def path_mtu(self, mtu: int, now: float) -> None:
        """Tell the part, if it has an `mss`: what it sends from now on has to be smaller."""
        mtu = max(mtu, LEAST_MTU6 if self.six else LEAST_MTU)
        if hasattr(self.part, "mss"):
            self.part.mss = self.snd.mss = min(self.part.mss, mtu - (60 if self.six else 40))
            self.note("timer", f"path MTU {mtu}", now)

    def fail(self, name: str, because: str, now: float) -> None:
        self.part.state = CLOSED
        super().fail(name, because, now)

    # ---- time ----------------------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        due: float | None = returned("connection.deadline", self.part.deadline(), float, int, type(None))
        ours = self.timers.deadline()
        return due if ours is None else ours if due is None else min(due, ours)

    def tick(self, now: float) -> None:
        if self.timers.expired(now):  # there is only one, fin_wait_2
            self.part.state = CLOSED
            return self.enter(CLOSED, "nobody reads, and no FIN comes", now)
        self.part.tick(now)
        due = self.deadline()
        if due is not None and due <= now:
            raise ValueError(f"the part connection wants to be called at {due:g} s, and at {now:g} s it was: tick has "
                             "to put its deadline off, or to have none")  # fmt: skip
        self.follow("timeout", now)

    # ---- what has become of it -----------------------------------------------------------------------------

    def follow(self, event: str, now: float) -> None:
        """Take over what the part has done at this event."""
        part = self.part
        outbox, part.outbox = returned("connection.outbox", part.outbox, list), []
        for segment in outbox:
            self.put_out(segment, event, now)
        before = len(self.received)
        self.sending = returned("connection.sending", part.sending, bytearray)
        self.received = returned("connection.received", part.received, bytearray)
        if len(self.received) > before:
            self.note("readable", "text arrives", now)
        self.snd.mss = getattr(part, "mss", self.snd.mss)
        state = returned("connection.state", part.state, State)
        if state is not self.state:
            self.error = getattr(part, "error", None)
            self.fin_received = self.fin_received or state in FIN_RECEIVED
            self.enter(state, f"{event}, {self.error}" if self.error else event, now)
            self.wait_no_longer(now)
            if state is ESTABLISHED:
                self.note("writable", "connection established", now)
            if state is ESTABLISHED and self.early:
                early, self.early = self.early, b""
                self.send(early, now)
        if self.abandoned and self.received and state is not CLOSED:
            self.abort(now)

    def put_out(self, segment: TCPSegment, event: str, now: float) -> None:
        """Send a segment of the part, if it is one."""
        returned("connection.outbox, in its list,", segment, TCPSegment)
        for name, bits in FIELDS.items():
            value = getattr(segment, name)
            if not isinstance(value, int) or not 0 <= value < 2**bits:
                raise ValueError(f"the part connection sends {name} = {value!r:.60}: it has to fit into {bits} bits")
        segment.source_port, segment.destination_port = self.local[1], self.remote[1]
        snd, length = self.snd, len(segment.payload)
        seq = self.unwrap(segment.sequence, snd.max)
        if seq > snd.max:
            raise ValueError(f"the part connection sends from {segment.sequence} on, and was at "
                             f"{snd.max % SEQUENCE_SPACE}: what lies between was never sent")  # fmt: skip
        end = seq + length + segment.syn + segment.fin
        again = end > seq and end <= snd.max
        snd.max = snd.nxt = max(snd.max, end)
        self.counts["segs_out"] += 1
        if again:
            self.counts["retrans"] += 1
            self.counts["bytes_retrans"] += length
        self.note("resent" if again else "sent", event, now)
        self.outbox.append(segment)


def make_connection(
    local: Any, remote: Any, iss: int, mss: int, parts: TCPParts, options: dict[str, Any]
) -> Connection:
    """A connection of netlib's, or of yours where the parts say so."""
    kind: Any = parts.connection or Connection
    if not (isinstance(kind, type) and issubclass(kind, Connection)):
        kind = OwnConnection
    made: Connection = kind(local, remote, iss, mss=mss, parts=parts, options=options)
    return made
