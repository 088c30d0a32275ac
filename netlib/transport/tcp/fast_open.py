"""TCP Fast Open (RFC 7413): data on the SYN, for who has shown before that it gets packets at its address.

    client                                        server
    SYN, asks for a cookie                  ->
                                            <-    SYN,ACK with a cookie: a MAC of the client's address
    ... the next connection:
    SYN with the cookie, and with data      ->    the cookie is right: the data goes to the application at once
                                            <-    SYN,ACK that acknowledges the data, perhaps with an answer

A SYN may be sent twice, and its data then delivered twice: only for requests that may be repeated (section 2.1).
The option itself is in options.py; here are the server's cookies and the client's memory.  What it leaves to others:
the data and its acknowledgment (connection), the bound on connections not yet confirmed (kernel/listener.py).
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b

COOKIE = 8  # bytes, as Linux's; 4 to 16 are allowed (section 4.1.1)
CACHED = 1024  # servers that a client remembers; the one that it has not met for longest is forgotten
BLACKHOLE = 3600.0  # seconds without Fast Open after data on a SYN has vanished; each further time twice as long ...
LONGEST_BLACKHOLE = 64 * BLACKHOLE  # ... up to this, as Linux does


class Verdict(Enum):
    """What a server makes of a Fast Open option."""

    ABSENT = "no Fast Open option"
    ASKED = "asks for a cookie"
    VALID = "the cookie is right"
    OLD = "the cookie is right by the key before this one"
    INVALID = "the cookie is wrong"

    @property
    def opens(self) -> bool:
        """Whether the data on the SYN may go to the application."""
        return self in (Verdict.VALID, Verdict.OLD)


class FastOpenServer:
    """Gives out cookies and knows them again, without remembering any (section 4.1.2).

    `secret` has 16 to 64 random bytes; a cookie made with the one before it is still accepted after `rotate`.
    """

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.before: bytes | None = None

    def rotate(self, secret: bytes) -> None:
        """Make cookies with another key from now on; those made before the last rotation end."""
        self.before, self.secret = self.secret, secret

    def cookie(self, client: bytes, server: bytes) -> bytes:
        """The cookie for a client's address, at this address of ours."""
        return mac(client, server, self.secret)

    def judge(self, client: bytes, server: bytes, option: bytes | None) -> Verdict:
        """What the option of a SYN from `client` is worth; None stands for a SYN without it."""
        if option is None:
            return Verdict.ABSENT
        if not option:
            return Verdict.ASKED
        if option == self.cookie(client, server):
            return Verdict.VALID
        if self.before is not None and option == mac(client, server, self.before):
            return Verdict.OLD
        return Verdict.INVALID

    def answer(self, client: bytes, server: bytes, verdict: Verdict) -> bytes | None:
        """The cookie to put on the SYN,ACK: for who asks, and for who has none that will last; None: no option."""
        return None if verdict in (Verdict.ABSENT, Verdict.VALID) else self.cookie(client, server)


def mac(client: bytes, server: bytes, secret: bytes) -> bytes:
    return blake2b(client + server, digest_size=COOKIE, key=secret).digest()


@dataclass(slots=True)
class Known:
    """What a client remembers of one server."""

    cookie: bytes = b""  # none yet
    mss: int = 0  # bytes that the server takes, so that data on the SYN is not too long (section 4.1.3); 0: unknown
    failures: int = 0  # times in a row that data on a SYN has vanished
    closed_until: float = 0.0  # seconds: until then no Fast Open


class FastOpenClient:
    """The cookies of servers, by their address (section 4.1.3): bounded, whatever servers say."""

    def __init__(self, limit: int = CACHED) -> None:
        self.limit = limit
        self.servers: OrderedDict[bytes, Known] = OrderedDict()

    def option(self, server: bytes, now: float) -> bytes | None:
        """The option for a SYN: a cookie, with which data may go; b"" asks for one; None: none, an ordinary SYN."""
        known = self.servers.get(server)
        if known is None:
            return b""
        self.servers.move_to_end(server)
        return None if now < known.closed_until else known.cookie

    def mss(self, server: bytes) -> int:
        """The MSS that the server has last announced, in bytes; 0 if it is unknown."""
        return self.servers[server].mss if server in self.servers else 0

    def learn(self, server: bytes, cookie: bytes | None, mss: int) -> None:
        """A SYN,ACK from `server` has brought this cookie, or none, and the MSS."""
        if cookie:
            self.at(server).cookie = cookie
        if server in self.servers:
            self.servers[server].mss = mss

    def accepted(self, server: bytes) -> None:
        """Data on a SYN was acknowledged: the way is free."""
        if server in self.servers:
            self.servers[server].failures = 0

    def vanished(self, server: bytes, now: float) -> None:
        """A SYN with the option got no answer and an ordinary one did: something on the way drops it (section 4.1.3.1).

        Leave it for an hour, next time for two, ...
        """
        known = self.at(server)
        known.closed_until = now + min(LONGEST_BLACKHOLE, BLACKHOLE * 2 ** min(known.failures, 10))
        known.failures += 1

    def forget(self, server: bytes) -> None:
        """The server did not take the cookie: ask for another next time."""
        if server in self.servers:
            self.servers[server].cookie = b""

    def at(self, server: bytes) -> Known:
        """The entry for a server, made if there is none."""
        known = self.servers.setdefault(server, Known())
        self.servers.move_to_end(server)
        if len(self.servers) > self.limit:
            self.servers.popitem(last=False)
        return known
