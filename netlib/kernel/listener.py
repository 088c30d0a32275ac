"""A listening socket's two queues, with Linux's rules for both (net/ipv4/tcp_input.c, inet_connection_sock.c).

    SYN       ->  SYN queue: half open, our SYN,ACK is out     ->  final ACK  ->  accept queue  ->  accept()
                  holds backlog + 1                                               holds backlog + 1

    SYN queue full      answer with a cookie and keep nothing (`syncookies`), or drop the SYN
    accept queue full   drop SYNs; drop final ACKs too, so the client believes in a connection that there is not yet
                        (`abort_on_overflow`: say so with a RST)

A full queue is one of more than `backlog`, hence the one more.  What is dropped comes again: clients repeat their
SYN, and we our SYN,ACK.  A machine that knows nothing of segments: what it queues is whatever it is given.  Its
counters have nstat's names.  What it leaves to others: who listens where (kernel/connections.py), cookies
(kernel/cookies.py).
"""

from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from netlib.transport.tcp.parts import TCPParts

T = TypeVar("T", bound=Hashable)

SOMAXCONN = 4096  # net.core.somaxconn: no backlog is larger
MAX_SYN_BACKLOG = 2048  # net.ipv4.tcp_max_syn_backlog, with enough memory
COOKIE_TIME = 120.0  # seconds after the SYN queue was last full in which an acknowledgment may bring a cookie


class Arrival(Enum):
    """What becomes of a SYN."""

    KEEP = "into the SYN queue"
    COOKIE = "answered with a cookie, not kept"
    DROP = "dropped"


@dataclass(slots=True)
class ListenSettings:
    """The sysctls of Linux that say how listeners behave, and how many connections may linger: without "tcp_"."""

    syncookies: int = 1  # 0 never, 1 when the SYN queue is full, 2 always
    max_syn_backlog: int = MAX_SYN_BACKLOG
    abort_on_overflow: bool = False
    synack_retries: int = 5
    fastopen: int = 1  # bits: 1 our connects may use Fast Open, 2 our listeners may
    somaxconn: int = SOMAXCONN
    max_tw_buckets: int = 16_384  # connections in TIME-WAIT; one too many ends at once
    max_orphans: int = 4096  # connections whose socket is closed and whose peer takes its time; likewise, with a RST


class Listener(Generic[T]):
    """The queues of one listening socket.

    `counters` may be shared by the listeners of a host: ListenOverflows, ListenDrops, TCPReqQFullDoCookies, ...
    """

    def __init__(
        self, backlog: int, settings: ListenSettings | None = None, counters: Counter[str] | None = None
    ) -> None:
        self.settings = settings or ListenSettings()
        self.counters: Counter[str] = Counter() if counters is None else counters
        self.half_open: dict[T, None] = {}  # in the order in which their SYNs came
        self.ready: deque[T] = deque()
        self.unconfirmed: set[T] = set()  # opened by Fast Open, their final ACK has yet to come
        self.fast_open_limit = 0  # as many of them at most: what TCP_FASTOPEN sets
        self.overflowed_at: float | None = None  # when the SYN queue was last found full, seconds
        self.resize(backlog)

    def resize(self, backlog: int) -> None:
        """Take another backlog, as `listen` called again does; what is queued stays."""
        # Linux takes a backlog below zero for a very large one: it compares without a sign
        self.backlog = self.settings.somaxconn if backlog < 0 else min(backlog, self.settings.somaxconn)

    def __repr__(self) -> str:
        return f"<listener Recv-Q {len(self.ready)} Send-Q {self.backlog}, {len(self.half_open)} half open>"

    @property
    def accept_queue_full(self) -> bool:
        """sk_acceptq_is_full: more than `backlog`, so one more than `backlog` get in."""
        return len(self.ready) > self.backlog

    @property
    def syn_queue_full(self) -> bool:
        """inet_csk_reqsk_queue_is_full, likewise."""
        return len(self.half_open) > self.backlog

    # ---- a SYN ---------------------------------------------------------------------------------------------

    def syn(self, now: float) -> Arrival:
        """A new SYN has come at `now` (seconds): what becomes of it (tcp_conn_request, in its order)."""
        settings, cookie = self.settings, False
        if settings.syncookies == 2 or self.syn_queue_full:
            self.overflowed_at = now
            if not settings.syncookies:
                self.counters["TCPReqQFullDrop"] += 1
                return self.drop()
            self.counters["TCPReqQFullDoCookies"] += 1
            cookie = True
        if self.accept_queue_full:
            self.counters["ListenOverflows"] += 1
            return self.drop()
        if cookie:
            self.counters["SyncookiesSent"] += 1
            return Arrival.COOKIE
        # without cookies, the last quarter is kept for hosts known from before; netlib knows none
        if not settings.syncookies and len(self.half_open) > settings.max_syn_backlog * 3 // 4:
            return self.drop()
        return Arrival.KEEP

    def drop(self) -> Arrival:
        self.counters["ListenDrops"] += 1
        return Arrival.DROP

    def begin(self, connection: T) -> None:
        """Keep it in the SYN queue: its SYN,ACK is out."""
        self.half_open[connection] = None

    def begin_fast(self, connection: T) -> bool:
        """Put a connection whose SYN had a right cookie into the accept queue at once; False: it has to wait.

        Invented addresses have no cookie, but who has one may send many SYNs: RFC 7413 section 5.1 asks for a limit.
        """
        if len(self.unconfirmed) >= self.fast_open_limit:
            self.counters["TCPFastOpenListenOverflow"] += 1
            return False
        if self.accept_queue_full:
            return False
        self.unconfirmed.add(connection)
        self.queue(connection)
        self.counters["TCPFastOpenPassive"] += 1
        return True

    # ---- the final ACK ---------------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Whether a connection whose final ACK has come may be made; counts the overflow if not."""
        if self.accept_queue_full:
            self.counters["ListenOverflows"] += 1
            self.drop()
            return False
        return True

    def takes_cookies(self, now: float) -> bool:
        """Whether an acknowledgment that nobody knows may bring a cookie: there were some lately."""
        if self.settings.syncookies == 2:
            return True
        return bool(self.settings.syncookies) and self.overflowed_at is not None \
            and now - self.overflowed_at <= COOKIE_TIME  # fmt: skip

    def finish(self, connection: T) -> None:
        """The final ACK has come, and there was room: to the accept queue, unless it is there since its SYN."""
        if connection in self.unconfirmed:
            self.unconfirmed.remove(connection)
            return
        self.half_open.pop(connection, None)
        self.queue(connection)

    def queue(self, connection: T) -> None:
        self.ready.append(connection)
        self.counters["PassiveOpens"] += 1

    def forget(self, connection: T) -> None:
        """A connection has ended while it was half open.  One in the accept queue stays there, as in Linux."""
        self.half_open.pop(connection, None)
        self.unconfirmed.discard(connection)

    # ---- the program -----------------------------------------------------------------------------------------

    def accept(self) -> T | None:
        """The connection that has waited longest, or None."""
        return self.ready.popleft() if self.ready else None

    def close(self) -> list[T]:
        """Empty both queues; all that was in them, each of which nobody will ever accept."""
        left = [*self.ready, *self.half_open]
        self.ready.clear()
        self.half_open.clear()
        self.unconfirmed.clear()
        return left


class Listening:
    """A listener, with what the connections that it makes are like: their options, and the parts of TCP."""

    def __init__(self, queues: Listener[Any], options: dict[str, Any], parts: TCPParts) -> None:
        self.queues, self.options, self.parts = queues, options, parts
