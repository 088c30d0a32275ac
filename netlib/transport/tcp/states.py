"""The eleven states of a connection and the arrows between them: figure 5 of RFC 9293 (section 3.3.2), as a table.

Every change of state goes through `Connection.enter(state, because)`; a test proves that each lies on an arrow and
that each arrow is taken.  The figure leaves out what its notes and the text say: those are ABORTED.
"""

from enum import Enum
from itertools import pairwise


class State(Enum):
    """RFC 9293 section 3.3.2, in the order in which a connection may meet them."""

    CLOSED = "CLOSED"
    LISTEN = "LISTEN"
    SYN_SENT = "SYN-SENT"
    SYN_RECEIVED = "SYN-RECEIVED"
    ESTABLISHED = "ESTABLISHED"
    FIN_WAIT_1 = "FIN-WAIT-1"
    FIN_WAIT_2 = "FIN-WAIT-2"
    CLOSE_WAIT = "CLOSE-WAIT"
    CLOSING = "CLOSING"
    LAST_ACK = "LAST-ACK"
    TIME_WAIT = "TIME-WAIT"

    def __str__(self) -> str:
        return self.value

    __hash__ = object.__hash__  # Enum's own works out one of the name each time, and each segment asks for several


CLOSED, LISTEN, SYN_SENT, SYN_RECEIVED, ESTABLISHED = list(State)[:5]
FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT = list(State)[5:]

# The figure.  "Note 2: The figure omits a transition from FIN-WAIT-1 to TIME-WAIT if a FIN is received and the local
# FIN is also acknowledged": the text goes through FIN-WAIT-2 then, and so do we.
ARROWS: dict[tuple[State, State], str] = {
    (CLOSED, LISTEN): "passive OPEN",
    (CLOSED, SYN_SENT): "active OPEN, send SYN",
    (LISTEN, CLOSED): "CLOSE",
    (LISTEN, SYN_SENT): "SEND, send SYN",
    (LISTEN, SYN_RECEIVED): "receive SYN, send SYN,ACK",
    (SYN_SENT, CLOSED): "CLOSE",
    (SYN_SENT, SYN_RECEIVED): "receive SYN, send SYN,ACK",  # simultaneous open
    (SYN_SENT, ESTABLISHED): "receive SYN,ACK, send ACK",
    (SYN_RECEIVED, LISTEN): "receive RST (after a passive OPEN)",
    (SYN_RECEIVED, ESTABLISHED): "receive ACK of SYN",
    (SYN_RECEIVED, FIN_WAIT_1): "CLOSE, send FIN",
    (ESTABLISHED, FIN_WAIT_1): "CLOSE, send FIN",
    (ESTABLISHED, CLOSE_WAIT): "receive FIN, send ACK",
    (FIN_WAIT_1, FIN_WAIT_2): "receive ACK of FIN",
    (FIN_WAIT_1, CLOSING): "receive FIN, send ACK",  # simultaneous close
    (FIN_WAIT_2, TIME_WAIT): "receive FIN, send ACK",
    (CLOSE_WAIT, LAST_ACK): "CLOSE, send FIN",
    (CLOSING, TIME_WAIT): "receive ACK of FIN",
    (LAST_ACK, CLOSED): "receive ACK of FIN",
    (TIME_WAIT, CLOSED): "2 MSL are over",
}

# "Note 3: A RST can be sent from any state with a corresponding transition to TIME-WAIT"; ours goes to CLOSED, as in
# section 3.10.5.  One may arrive in any state, the user may abort, and the peer may be gone.
ABORTED: dict[tuple[State, State], str] = {
    (state, CLOSED): "RST, ABORT or a timeout"
    for state in State
    if state is not CLOSED and (state, CLOSED) not in ARROWS
}

# Both sides have chosen their first sequence number: "a synchronized state" (section 3.5.2)
SYNCHRONIZED = frozenset({ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT})
# The user has not called CLOSE yet, so SEND is allowed
OPEN_TO_SEND = frozenset({ESTABLISHED, CLOSE_WAIT})
OPEN_TO_QUEUE = OPEN_TO_SEND | {LISTEN, SYN_SENT, SYN_RECEIVED}  # or it is queued until it may go
# What was queued, and our FIN, may still have to be sent or sent again
MAY_TRANSMIT = frozenset({ESTABLISHED, CLOSE_WAIT, FIN_WAIT_1, CLOSING, LAST_ACK})
# The peer has not sent its FIN yet, so text may arrive
OPEN_TO_RECEIVE = frozenset({ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2})


def strays(path: list[State]) -> list[tuple[State, State]]:
    """The steps of a path of states for which there is no arrow."""
    return [step for step in pairwise(path) if step not in ARROWS and step not in ABORTED]
