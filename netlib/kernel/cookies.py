"""SYN cookies (RFC 4987 section 3.6): answer a SYN and keep nothing.

What a listener would have to remember goes into the sequence number of its SYN,ACK; if the peer is there, it comes
back in the acknowledgment.  A flood of SYNs from invented addresses then fills no queue.  As Linux does it:

     8 bits    minutes, so that a cookie ends after one to two of them
    24 bits    a hash of the ends, the peer's sequence number and the minute; plus a number that means the MSS

all of it plus a hash of the ends, so that it looks like any other sequence number, and plus the peer's own number, so
that it grows from connection to connection between the same ends as that does.

32 bits hold no more: a few MSS values, and none of the other options.  Where the peer has timestamps, ours carries the
others in its lowest bits (`stamp`): it too comes back.  What is lost all the same: a lost final acknowledgment is
never asked for again, for nobody remembers that one is missing.
"""

from bisect import bisect_right
from hashlib import blake2b

from netlib.transport.tcp.isn import End, ends
from netlib.transport.tcp.sequence import SEQUENCE_SPACE

MSS_TABLE = (536, 1300, 1440, 1460)  # bytes: Linux's, from measurements of what peers say
MINUTE = 60.0  # seconds of one step of the counter
AGE = 2  # minutes: a cookie is good in the one it was made in and in the next
LOW = 24  # bits below the counter
MASK = (1 << LOW) - 1

NO_SCALE = 15  # stands for "no window scale": a scale is 14 at most
SACK_BIT, ECN_BIT = 1 << 4, 1 << 5
STAMPED = 6  # bits


class SYNCookies:
    """Makes and checks them.  `secret` has 16 to 64 random bytes that nobody else knows."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def make(self, local: End, remote: End, irs: int, mss: int, now: float) -> int:
        """Our initial sequence number for a SYN with the number `irs` and this MSS option, at `now` (seconds)."""
        minute = int(now / MINUTE)
        # the largest MSS of the table that is not above the peer's
        index = max(0, bisect_right(MSS_TABLE, mss) - 1)
        low = (self.hash(local, remote, (irs, minute)) + index) & MASK
        return (self.hash(local, remote) + irs + (minute << LOW) + low) % SEQUENCE_SPACE

    def check(self, local: End, remote: End, irs: int, cookie: int, now: float) -> int | None:
        """The MSS that `cookie` was made with, or None if it was not, or not lately.

        `irs` is the sequence number of the acknowledgment that brings it less one, `cookie` its acknowledgment number
        less one.  A guess is right once in 2^29.
        """
        minute = int(now / MINUTE)
        rest = (cookie - self.hash(local, remote) - irs) % SEQUENCE_SPACE
        age = (minute - (rest >> LOW)) % 256
        if age >= AGE:
            return None
        index = (rest - self.hash(local, remote, (irs, minute - age))) & MASK
        return MSS_TABLE[index] if index < len(MSS_TABLE) else None

    def hash(self, local: End, remote: End, rest: tuple[int, ...] = ()) -> int:
        """32 bits of the ends, or of the ends and more: two functions, neither of which tells of the other."""
        when = b"".join(number.to_bytes(8, "big", signed=True) for number in rest)
        return int.from_bytes(blake2b(ends(local, remote) + when, digest_size=4, key=self.secret).digest(), "big")


def stamp(clock: int, scale: int | None, sack: bool, ecn: bool) -> int:
    """A timestamp not later than `clock` that carries the peer's window scale, SACK permitted and ECN."""
    bits = (NO_SCALE if scale is None else scale) | sack * SACK_BIT | ecn * ECN_BIT
    value = clock >> STAMPED << STAMPED | bits
    # never ahead of the clock: the connection's own timestamps follow, and may not be older (RFC 7323 section 5.3)
    return (value if value <= clock else value - (1 << STAMPED)) % SEQUENCE_SPACE


def stamped(echo: int) -> tuple[int | None, bool, bool]:
    """The window scale, SACK permitted and ECN that an echoed timestamp carries."""
    scale = echo & 15
    return None if scale == NO_SCALE else min(scale, 14), bool(echo & SACK_BIT), bool(echo & ECN_BIT)
