"""Sequence numbers: 32 bits on the wire, plain integers inside (RFC 9293 section 3.4).

"all arithmetic dealing with sequence numbers must be performed modulo 2^32."  That is done in one place, at the
door: `unwrap` on the way in, `% SEQUENCE_SPACE` on the way out.  In between numbers never wrap, and
`snd.una < ack <= snd.nxt` means what the RFC means by SND.UNA < SEG.ACK =< SND.NXT.
"""

SEQUENCE_SPACE = 2**32
HALF = SEQUENCE_SPACE // 2


def unwrap(wire: int, near: int) -> int:
    """The integer nearest to `near` that is `wire` modulo 2^32; of two equally near ones, the lower.

    Right as long as what is meant lies less than 2^31 from `near`: windows are at most 2^30 bytes (RFC 7323
    section 2.3).  Below zero if the peer names a number from before our first one; cut to 32 bits it is right again.
    """
    return near + (wire - near + HALF) % SEQUENCE_SPACE - HALF


def before(a: int, b: int) -> bool:
    """Whether the 32-bit number `a` comes before `b` on the circle: less than half of it lies from `a` to `b`."""
    return 0 < (b - a) % SEQUENCE_SPACE < HALF
