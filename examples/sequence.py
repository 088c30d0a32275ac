"""Sequence arithmetic of your own: numbers of 32 bits that go round, as numbers that do not.

    python examples/sequence.py

netlib adds and takes away half of the circle.  Here the distance is read as what it is, a number of 32 bits with a
sign: the hands of a clock that may have gone forward or back.  The trial begins 50,000 bytes before the end of the
circle, where a student's first attempt usually stops.
"""

from struct import pack, unpack
from typing import Any

from page import page_through

from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.parts import TCPParts


def distance(start: int, end: int) -> int:
    """How far it is from `start` to `end` on the circle: forwards above 0, backwards below."""
    (signed,) = unpack("!i", pack("!I", (end - start) % 2**32))
    return int(signed)


def my_unwrap(wire: int, near: int) -> int:
    """The number nearest to `near` that is `wire` in its last 32 bits."""
    return near + distance(near, wire)


def my_before(a: int, b: int) -> bool:
    return distance(a, b) > 0


def naive_unwrap(wire: int, near: int) -> int:
    """What does well until the circle is closed."""
    return wire


class NearTheEnd(Connection):
    """netlib's connection, whose first number is 50,000 below 2^32."""

    def __init__(self, local: Any, remote: Any, iss: int, **others: Any) -> None:
        super().__init__(local, remote, 2**32 - 50_000, **others)


def trial(**functions: Any) -> str:
    """A page from a server that has these, and is near the end of the circle."""
    fetched = page_through(TCPParts(connection=NearTheEnd, **functions), limit=20)
    return f"{fetched}; the server got as far as {fetched.server.connection.snd.una - 2**32:+,} bytes from 2^32"


if __name__ == "__main__":
    print("mine:        ", trial(unwrap=my_unwrap, before=my_before))
    print("netlib's own:", trial())
    print("naive:       ", trial(unwrap=naive_unwrap))
