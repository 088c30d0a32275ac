"""The number that a connection counts its bytes from: the initial sequence number (RFC 6528).

    ISN = M + F(localip, localport, remoteip, remoteport, secretkey)        section 3

M is a clock, so that a new connection between the same ends starts above what is left of an old one in the network.
F is fixed for two ends and unknown to everybody else, so that who sees the numbers of one connection learns nothing
about another's, and can't put a segment into it blindly.
"""

from hashlib import blake2b

from netlib.transport.tcp.sequence import SEQUENCE_SPACE

TICKS = 250_000  # a second: "M is the 4 microsecond timer"; the numbers come round again after 4.8 hours

End = tuple[bytes, int]  # address and port


def initial_sequence_number(local: End, remote: End, secret: bytes, now: float) -> int:
    """32 bits for a connection that begins at `now` (seconds) between these ends.

    `secret` has 16 to 64 random bytes, which the host draws once: "F() MUST NOT be computable from the outside, or an
    attacker could still guess at sequence numbers from the ISN used for some other connection".
    """
    # F is a pseudorandom function, which "could be implemented as a cryptographic hash of the concatenation of the
    # connection-id and some secret data"
    f = blake2b(ends(local, remote), digest_size=4, key=secret).digest()
    return (int(now * TICKS) + int.from_bytes(f, "big")) % SEQUENCE_SPACE


def ends(local: End, remote: End) -> bytes:
    """The four things that name a connection, as bytes: the same for these two ends only."""
    (address, port), (peer, peer_port) = local, remote
    return b"".join((address, port.to_bytes(2, "big"), peer, peer_port.to_bytes(2, "big")))
