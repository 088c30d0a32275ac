"""The states of one end of a connection, from what it sent and received: RFC 9293's figure, read backwards.

A packet on the wire shows most arrows; CLOSE shows when the FIN goes out, a FIN that arrived when it is acknowledged,
and what happens without a packet (a passive OPEN, the end of TIME-WAIT) not at all.
"""

from typing import Any

from netlib.transport.tcp.states import State

S = State


class Inference:
    """Give it the segments in order with `see`; `changes` has (time, state, because)."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.state = S.CLOSED
        self.changes: list[tuple[float, str, str]] = []
        self.fin: int | None = None  # the number after our FIN
        self.peer_fin: int | None = None

    def enter(self, state: State, because: str, time: float) -> None:
        self.state = state
        self.changes.append((time, str(state), because))

    def see(self, s: Any) -> None:
        """Take in a segment, sent or received by this end."""
        if s.side == self.side:
            self.sent(s)
        elif s.arrival is not None:
            self.received(s, s.arrival)

    def sent(self, s: Any) -> None:
        tcp, time = s.segment, s.time
        if tcp.rst:
            return self.ended("send RST", time)
        if self.state is S.CLOSED and not self.changes:
            if tcp.syn and not tcp.ack:
                self.enter(S.SYN_SENT, "send SYN", time)
            elif tcp.syn:
                self.enter(S.SYN_RECEIVED, "send SYN,ACK", time)
            else:
                self.enter(S.ESTABLISHED, "the capture begins", time)
        elif self.state is S.LISTEN and tcp.syn and not tcp.ack:  # it did not listen: both SYNs were under way
            self.changes.clear()
            self.enter(S.SYN_SENT, "send SYN", time)
            self.enter(S.SYN_RECEIVED, "receive SYN: simultaneous open", time)
        elif self.state is S.LISTEN and tcp.syn:
            self.enter(S.SYN_RECEIVED, "receive SYN, send SYN,ACK", time)
        if tcp.ack and self.peer_fin is not None and s.ack >= self.peer_fin:
            self.fin_arrives(time)
        if tcp.fin and self.fin is None:
            self.fin = s.end
            if self.state is S.CLOSE_WAIT:
                self.enter(S.LAST_ACK, "CLOSE, send FIN", time)
            elif self.state in (S.ESTABLISHED, S.SYN_RECEIVED):
                self.enter(S.FIN_WAIT_1, "CLOSE, send FIN", time)

    def fin_arrives(self, time: float) -> None:
        """We have acknowledged the peer's FIN, so it was received."""
        self.peer_fin = None
        after = {S.ESTABLISHED: S.CLOSE_WAIT, S.FIN_WAIT_1: S.CLOSING, S.FIN_WAIT_2: S.TIME_WAIT}.get(self.state)
        if after:
            self.enter(after, "receive FIN, send ACK", time)

    def received(self, s: Any, time: float) -> None:
        tcp = s.segment
        if tcp.rst:
            return self.ended("receive RST", time)
        if self.state is S.CLOSED and not self.changes and tcp.syn and not tcp.ack:
            self.enter(S.LISTEN, "passive OPEN, some time before", time)
        elif self.state is S.SYN_SENT and tcp.syn:
            if tcp.ack:
                self.enter(S.ESTABLISHED, "receive SYN,ACK", time)
            else:
                self.enter(S.SYN_RECEIVED, "receive SYN: simultaneous open", time)
        elif self.state is S.SYN_RECEIVED and tcp.ack and s.ack >= 1:
            self.enter(S.ESTABLISHED, "receive ACK of SYN", time)
        elif self.state is S.CLOSED and not self.changes:
            self.enter(S.ESTABLISHED, "the capture begins", time)
        if tcp.fin:
            self.peer_fin = s.end
        if tcp.ack and self.fin is not None and s.ack >= self.fin:
            after = {S.FIN_WAIT_1: S.FIN_WAIT_2, S.CLOSING: S.TIME_WAIT, S.LAST_ACK: S.CLOSED}.get(self.state)
            if after:
                self.enter(after, "receive ACK of FIN", time)

    def ended(self, because: str, time: float) -> None:
        if self.state is not S.CLOSED:
            self.enter(S.CLOSED, because, time)
