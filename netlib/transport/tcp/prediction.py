"""Header prediction: the segment that was to be expected next is taken in without all the questions.

While data flows nearly every segment is one of two: an acknowledgment of what is in flight, or the text that follows
what has come.  Each is in order and within the window, and has no flag and no option that says more.  Then most steps
of RFC 9293 section 3.10.7.4 do nothing, and what is left of them stands here, in their order.  Van Jacobson did this
in BSD's kernel ("4BSD Header Prediction", 1990), Linux does it as its "fast path".

A shortcut decides nothing: where anything is not as expected, nothing is done here, and `in_other_states` goes the long
way.  After either way all is the same, which tests/transport/tcp/test_prediction.py compares.
"""

from netlib.transport.tcp.options import ALIGNED_TIMESTAMPS, TIMESTAMPS_START, Options
from netlib.transport.tcp.reassembler import Reassembler
from netlib.transport.tcp.reception import Reception
from netlib.transport.tcp.sequence import HALF, SEQUENCE_SPACE, before, unwrap
from netlib.transport.tcp.states import ESTABLISHED, FIN_WAIT_1
from netlib.wire.tcp import TCPSegment

OPEN_BOTH_WAYS = (ESTABLISHED, FIN_WAIT_1)  # in the latter the user has called CLOSE, and what is queued goes out
NO_SACK = Options()  # all that an acknowledgment is asked for, when nothing was sent again
NO_ECE = TCPSegment(ack=True)  # ... and all that a segment is


def predicted(connection: Reception, segment: TCPSegment, now: float, ce: bool) -> bool:
    """Act on the segment, if it is as expected; whether it was, and all is done."""
    # steps 2, 4, 5, 6, 8 and ECN: no flag but ACK, while PSH says nothing new
    if (
        not segment.ack or segment.syn or segment.fin or segment.rst or segment.urg
        or segment.ece or segment.cwr or ce
    ):  # fmt: skip
        return False
    stamp = None
    if segment.options:
        if len(segment.options) != 12:
            return False
        start, stamp, _ = ALIGNED_TIMESTAMPS.unpack(segment.options)
        if start != TIMESTAMPS_START:
            return False
    return expected(
        connection, segment.sequence, segment.acknowledgment, segment.window, stamp, segment.payload, now
    )  # fmt: skip


def expected(
    connection: Reception, sequence: int, acknowledgment: int, window: int, stamp: int | None, text: bytes, now: float
) -> bool:
    """`predicted`, of a segment whose only flag is ACK, maybe beside PSH, and whose packet no router has marked.

    The numbers are the header's, the window as it stands there; `stamp` is the value of the timestamps option, None
    where there are no options.  For a `Connection`, and none made from it; `segs_in` counts who has called it.
    """
    snd, rcv = connection.snd, connection.rcv
    # a FIN that came too early may wait for this
    if connection.state not in OPEN_BOTH_WAYS or connection.fin_at is not None:
        return False
    # the very next one: acceptable by table 6, also where the window is closed and there is no text
    if sequence != rcv.nxt % SEQUENCE_SPACE or len(text) > rcv.said - rcv.nxt:
        return False
    # SND.UNA =< SEG.ACK =< SND.NXT, and something new in it
    acked = (acknowledgment - snd.una) % SEQUENCE_SPACE
    if acked > snd.max - snd.una or not (acked or text):
        return False
    # an acknowledgment of our FIN changes the state
    if connection.closing and snd.max > connection.end:
        return False
    # whoever has parts for these, or has sent again what is being acknowledged, has them asked
    if connection.unwrap is not unwrap or connection.before is not before or connection.retransmissions:
        return False
    # timestamps where there have to be some, and not from the past (RFC 7323 section 5.3, R1)
    if (stamp is not None) is not connection.timestamps:
        return False
    if stamp is not None and 0 < (connection.recent - stamp) % SEQUENCE_SPACE < HALF:
        return False

    connection.heard_at, connection.keepalives, connection.probes = now, 0, 0
    if stamp is not None and rcv.nxt <= rcv.acked:  # R3
        connection.recent, connection.recent_at = stamp, now
    seq, ack = rcv.nxt, snd.una + acked
    if acked:
        connection.acknowledged(ack, NO_ECE, NO_SACK, now)
    connection.take_window(window << snd.shift, seq, ack)
    if text:
        take_text(connection, seq, text, now)
    if connection.sending or connection.closing or "persist" in connection.timers:  # else `transmit` has nothing to do
        connection.transmit(now)
    return True


def take_text(connection: Reception, seq: int, text: bytes, now: float) -> None:
    """`Reception.text_arrives`, of text that is next and fits in."""
    rcv, reassembler = connection.rcv, connection.reassembler
    if type(reassembler) is not Reassembler or reassembler.starts or connection.abandoned:
        return connection.text_arrives(seq, text, now)  # something is missing, or the part is yours
    reassembler.insert(seq, text)  # gives it back as it is: nothing waits behind it
    connection.received += text
    rcv.nxt += len(text)
    connection.counts["bytes_received"] += len(text)
    connection.note("readable", "text arrives", now)
    connection.answer_text(len(text), True, False, now)
