"""Header prediction: the segment that was to be expected next is taken in without all the questions.

While data flows nearly every segment is one of two: an acknowledgment of what is in flight, or the text that follows
what has come.  Each is in order and within the window, and has no flag and no option that says more.  Then most steps
of RFC 9293 section 3.10.7.4 do nothing, and what is left of them stands here, in their order.  Van Jacobson did this
in BSD's kernel ("4BSD Header Prediction", 1990), Linux does it as its "fast path".

A shortcut decides nothing: where anything is not as expected, nothing is done here, and `in_other_states` goes the long
way.  After either way all is the same, which test_prediction.py compares.  What such a segment lets
out has a short way too, steady.py.
"""

from netlib.transport.tcp.options import ALIGNED_TIMESTAMPS, TIMESTAMPS_START, Options
from netlib.transport.tcp.reassembler import Reassembler
from netlib.transport.tcp.reception import DELAYED, Reception
from netlib.transport.tcp.recovery import SACK
from netlib.transport.tcp.sequence import HALF, SEQUENCE_SPACE, before, unwrap
from netlib.transport.tcp.states import CLOSE_WAIT, OPEN_TO_RECEIVE
from netlib.transport.tcp.steady import acknowledge, transmit
from netlib.transport.tcp.variables import Events
from netlib.wire.tcp import TCPSegment

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
    seq, una, length = rcv.nxt, snd.una, len(text)
    # whoever hears of each event as it happens is to find all as the long way has it then
    if not connection.settings.fast_path or type(connection.events) is not Events:
        return False
    if connection.state in OPEN_TO_RECEIVE:
        if connection.fin_at is not None:  # the FIN came too early, and may wait for this
            return False
    elif connection.state is not CLOSE_WAIT or length:
        return False
    # the very next one: acceptable by table 6, also where the window is closed and there is no text
    if sequence != seq % SEQUENCE_SPACE or length > rcv.said - seq:
        return False
    # SND.UNA =< SEG.ACK =< SND.NXT, and something new in it
    acked = (acknowledgment - una) % SEQUENCE_SPACE
    if acked > snd.max - una or not (acked or length):
        return False
    # an acknowledgment of our FIN changes the state
    if connection.closing and snd.max > una + len(connection.sending):
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
    if stamp is not None and seq <= rcv.acked:  # R3
        connection.recent, connection.recent_at = stamp, now
    if acked:
        acknowledged(connection, una + acked, now)
    if snd.wl1 < seq or (snd.wl1 == seq and snd.wl2 <= una + acked):  # `take_window`
        snd.wnd, snd.wl1, snd.wl2 = window << snd.shift, seq, una + acked
        if snd.largest < snd.wnd:
            snd.largest = snd.wnd
    if length:
        text_arrives(connection, seq, text, now)
    if connection.sending or connection.closing or "persist" in connection.timers:  # else `transmit` has nothing to do
        transmit(connection, now)
    return True


def acknowledged(connection: Reception, ack: int, now: float) -> None:
    """`Transmission.acknowledged`, of data: nothing was sent again, and by ECN and SACK nothing is said."""
    snd, recovery = connection.snd, connection.recovery
    una, flight, timed = snd.una, snd.nxt - snd.una, connection.timed
    if (
        type(recovery) is not SACK or not recovery.undisturbed(una)
        or connection.search.probe or connection.spared is not None
    ):  # fmt: skip
        return connection.acknowledged(ack, NO_ECE, NO_SACK, now)
    acked = ack - una
    del connection.sending[:acked]
    snd.una = ack
    if snd.nxt < ack:
        snd.nxt = ack
    connection.counts["bytes_acked"] += acked
    if timed is not None and ack >= timed[0]:
        connection.timed = None
        connection.rtt.sample(now - timed[1], now)
    connection.retransmissions = connection.probes = connection.backoff = 0
    connection.probed = False
    recovery.advance(ack)
    connection.congestion.on_ack(acked, flight, now, connection.rtt.smoothed)
    connection.events.append(("writable", "new data is acknowledged", now))
    if snd.nxt == ack:
        connection.timers.stop("retransmit")
    else:
        connection.timers["retransmit"] = now + connection.rtt.rto


def text_arrives(connection: Reception, seq: int, text: bytes, now: float) -> None:
    """`Reception.text_arrives`, of text that is next and fits into the window."""
    rcv, reassembler, length = connection.rcv, connection.reassembler, len(text)
    if (
        type(reassembler) is not Reassembler or reassembler.starts or length > reassembler.limit
        or connection.abandoned
    ):  # fmt: skip
        return connection.text_arrives(seq, text, now)  # something is missing, or the part is yours
    reassembler.next, reassembler.duplicate = seq + length, None  # nothing waits behind it: it is given back as it is
    connection.received += text
    rcv.nxt = seq + length
    connection.counts["bytes_received"] += length
    connection.events.append(("readable", "text arrives", now))
    because = connection.acknowledging.at_once(length, True, False)
    if because:
        acknowledge(connection, because, now)
    elif "delayed_ack" not in connection.timers:
        connection.timers["delayed_ack"] = now + connection.settings.delayed_ack
        connection.events.append(("held", DELAYED, now))
