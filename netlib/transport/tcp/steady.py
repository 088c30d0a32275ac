"""The short way out: what a connection sends while data flows and nothing is missing.

    transmit       full segments, as many as may go; of the rest the output policy says what
    acknowledge    text that was next

Then each segment differs from the one before in its number and its text, and has nothing to tell but the numbers, the
window and the timestamps; so what is alike in those that go out together is worked out once.  As with prediction.py a
shortcut decides nothing: where anything is otherwise, or is no part of netlib's own, the long way is gone, and after
either all is the same (test_prediction.py compares).
"""

from netlib.transport.tcp.acknowledgment import DelayedAcknowledgment
from netlib.transport.tcp.options import ALIGNED_TIMESTAMPS, TIMESTAMPS_START
from netlib.transport.tcp.output import FULL, NOTHING, Chance, Output
from netlib.transport.tcp.recovery import SACK
from netlib.transport.tcp.sequence import SEQUENCE_SPACE
from netlib.transport.tcp.states import MAY_TRANSMIT
from netlib.transport.tcp.transmission import Transmission
from netlib.transport.tcp.variables import Events
from netlib.wire.tcp import TCPSegment


def transmit(connection: Transmission, now: float) -> None:
    """`Transmission.transmit`."""
    snd, recovery = connection.snd, connection.recovery
    una, nxt, mss = snd.una, snd.nxt, snd.mss
    if (
        connection.state not in MAY_TRANSMIT
        or not una < nxt == snd.max  # nothing is in flight, or some of it is sent again
        or type(recovery) is not SACK or not recovery.undisturbed(una, nxt)
        or type(connection.policy) is not Output
        or connection.settings.mtu_probing or not connection.settings.fast_path or type(connection.events) is not Events
        or has_more_to_say(connection)
        or type(connection.acknowledging) is not DelayedAcknowledgment  # which need not be told of each
    ):  # fmt: skip
        return connection.transmit(now)
    # what is queued, what the peer allows, and what congestion control does: `pipe` is SND.NXT - SND.UNA here
    end, window, allowed = una + len(connection.sending), una + snd.wnd, una + connection.congestion.cwnd
    count = (min(end, window, allowed) - nxt) // mss
    if connection.closing and nxt + count * mss == end:  # our FIN may go with the last
        count -= 1
    if count > 0:
        send_full(connection, nxt, count, now)
        nxt = snd.nxt
    small = connection.small > una
    chance = Chance(end - nxt, window - nxt, allowed - nxt, nxt - una, mss, snd.largest, small, connection.closing)
    length, because = connection.policy.decide(chance)
    if length > 0 or (because == NOTHING and connection.closing):
        return connection.transmit(now)
    connection.set_timers(now, because)


def send_full(connection: Transmission, seq: int, count: int, now: float) -> None:
    """`Transmission.send_text`, of so many full segments from SND.NXT on, for the first time."""
    snd, sending, mss = connection.snd, connection.sending, connection.snd.mss
    start, last = seq - snd.una, len(sending) - mss
    if connection.timed is None:
        connection.timed = seq + mss, now
    source, destination = connection.local[1], connection.remote[1]
    acknowledgment, window, options = alike(connection, now)
    put, event = connection.outbox.append, ("sent", FULL, now)
    for offset in range(start, start + count * mss, mss):
        text = bytes(sending[offset : offset + mss])
        put(TCPSegment(
            source, destination, (snd.una + offset) % SEQUENCE_SPACE, acknowledgment, 5, 0,
            False, False, False, True, offset == last, False, False, False, window, 0, 0, options, text,
        ))  # fmt: skip
        connection.events.append(event)
    snd.nxt = snd.max = seq + count * mss
    connection.recovery.on_sent(seq, snd.max, now)
    connection.sent_at = now
    connection.counts["segs_out"] += count


def acknowledge(connection: Transmission, because: str, now: float) -> None:
    """`Block.acknowledge`, where the reassembler, netlib's own, has nothing to report by SACK."""
    snd = connection.snd
    if has_more_to_say(connection):
        return connection.acknowledge(because, now)
    sequence = snd.max if snd.max <= snd.una + snd.wnd else connection.acceptable_seq
    acknowledgment, window, options = alike(connection, now)
    connection.outbox.append(TCPSegment(
        connection.local[1], connection.remote[1], sequence % SEQUENCE_SPACE, acknowledgment, 5, 0,
        False, False, False, True, False, False, False, False, window, 0, 0, options, b"",
    ))  # fmt: skip
    connection.events.append(("sent", because, now))
    connection.counts["segs_out"] += 1


def has_more_to_say(connection: Transmission) -> bool:
    """Whether a segment is more than plain: ECE or CWR, URG, or others wait in `outbox` that are not to be marked."""
    ecn, snd = connection.ecn, connection.snd
    return (ecn.on and (ecn.echo or ecn.reduced)) or snd.up > snd.una or bool(connection.unmarked)


def alike(connection: Transmission, now: float) -> tuple[int, int, bytes]:
    """Acknowledgment, window and options of all segments that leave now; afterwards what has come is acknowledged."""
    rcv, options = connection.rcv, b""
    if connection.timestamps:
        options = ALIGNED_TIMESTAMPS.pack(TIMESTAMPS_START, int(now * 1000) % SEQUENCE_SPACE, connection.recent)
    rcv.acked = rcv.nxt
    connection.acknowledging.sent()
    if "delayed_ack" in connection.timers:
        del connection.timers["delayed_ack"]
    return rcv.nxt % SEQUENCE_SPACE, connection.window_field(False), options
