"""How long a NAT remembers a session, and by which states it knows that a TCP connection is over.

    Timers       seconds without a packet after which a session is forgotten: the RFCs' figures, or Linux's
    tcp_state    the state of a connection after one more segment, in the names that `conntrack -L` prints
    Queues       the sessions in the order in which their timers end

A NAT sees the segments and none of the endpoints, so its states are not TCP's eleven: who has sent SYN, who FIN, and
whether the last FIN has been answered.  It follows no sequence numbers (Linux does): a forged RST shortens the timer,
and the connection's next segment brings it back.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from netlib.wire.ipv4 import ICMP, TCP

SYN_SENT = "SYN_SENT"  # one side has said SYN
SYN_SENT2 = "SYN_SENT2"  # both have, without having heard each other: simultaneous open
SYN_RECV = "SYN_RECV"  # the other one has answered it
ESTABLISHED = "ESTABLISHED"
FIN_WAIT = "FIN_WAIT"  # one side has said FIN
CLOSE_WAIT = "CLOSE_WAIT"  # ... which the other one has acknowledged
LAST_ACK = "LAST_ACK"  # both have said FIN
TIME_WAIT = "TIME_WAIT"  # ... and both were acknowledged
CLOSE = "CLOSE"  # reset
UNREPLIED, REPLIED = "UNREPLIED", "REPLIED"  # UDP and ICMP: whether the other side has been heard

OPENING, OPEN = (SYN_SENT, SYN_SENT2, SYN_RECV), (ESTABLISHED, FIN_WAIT, CLOSE_WAIT)


@dataclass(frozen=True, slots=True)
class Timers:
    """Seconds.  The defaults keep to the RFCs: they are the smallest allowed, or those recommended."""

    # "A NAT UDP mapping timer MUST NOT expire in less than two minutes ... A default value of five minutes or more for
    # the NAT UDP mapping timer is RECOMMENDED" (RFC 4787 REQ-5)
    udp: float = 300.0
    udp_unreplied: float = 300.0
    icmp: float = 60.0  # "An ICMP Query session timer MUST NOT expire in less than 60 seconds" (RFC 5508 REQ-2)
    # "the value of the 'established connection idle-timeout' MUST NOT be less than 2 hours 4 minutes.  The value of the
    # 'transitory connection idle-timeout' MUST NOT be less than 4 minutes" (RFC 5382 REQ-5)
    tcp_open: float = 7440.0
    tcp_opening: float = 240.0
    tcp_half_closed: float = 7440.0  # one side may still send for as long as it likes: this is no transitory state
    tcp_closing: float = 240.0  # the last acknowledgments are on their way, perhaps once more
    tcp_reset: float = 240.0

    def of(self, protocol: int, state: str) -> float:
        """How long a session of this protocol in this state is kept."""
        if protocol == TCP:
            if state == ESTABLISHED:
                return self.tcp_open
            if state in OPENING:
                return self.tcp_opening
            if state == CLOSE:
                return self.tcp_reset
            return self.tcp_half_closed if state in OPEN else self.tcp_closing
        if protocol == ICMP:
            return self.icmp
        return self.udp if state == REPLIED else self.udp_unreplied


RFC_TIMERS = Timers()
# What Linux has (net/netfilter/nf_conntrack_proto_{tcp,udp,icmp}.c), one figure for states that have several there
LINUX_TIMERS = Timers(udp=120.0, udp_unreplied=30.0, icmp=30.0, tcp_open=432_000.0, tcp_opening=120.0,
                      tcp_half_closed=120.0, tcp_closing=120.0, tcp_reset=10.0)  # fmt: skip


def tcp_state(state: str, kind: str, by_opener: bool, closer: bool | None) -> str:
    """The state of a connection in `state` after a segment of this `kind` (see nat_flow).

    `by_opener`: it came from the side that sent the first SYN.  `closer`: which side (as `by_opener` says it) sent the
    first FIN, or None.
    """
    if kind == "rst":
        return CLOSE
    if kind == "syn":
        if state in (TIME_WAIT, CLOSE) and by_opener:  # the same two ports once more
            return SYN_SENT
        return SYN_SENT2 if state == SYN_SENT and not by_opener else state
    if kind == "syn ack":
        return SYN_RECV if state == SYN_SENT2 or (state == SYN_SENT and not by_opener) else state
    if state == SYN_RECV and by_opener:
        state = ESTABLISHED
    if kind == "fin":
        if state in (SYN_RECV, ESTABLISHED, CLOSE):
            return FIN_WAIT
        return LAST_ACK if state in (FIN_WAIT, CLOSE_WAIT) and by_opener != closer else state
    if state == CLOSE:  # RFC 7857 section 2.2, by RFC 6146 3.5.2.2: whoever goes on talking was not reset
        return ESTABLISHED
    if state == FIN_WAIT and by_opener != closer:
        return CLOSE_WAIT
    return TIME_WAIT if state == LAST_ACK and by_opener == closer else state


class Timed(Protocol):
    """What has a timer: `used` is when it was last seen, `seconds` how long after that it ends."""

    used: float
    seconds: float


T = TypeVar("T", bound=Timed)


class Queues(Generic[T]):
    """One queue for each length of timer: whoever was just seen goes to its end, and whoever is due stands in front.

    So each packet costs the same however many sessions there are.
    """

    def __init__(self) -> None:
        self.queues: dict[float, OrderedDict[T, None]] = {}

    def touch(self, item: T, seconds: float, now: float) -> None:
        """Start the timer of `item`, which may be new here."""
        if item.seconds != seconds:
            self.remove(item)
        item.used, item.seconds = now, seconds
        queue = self.queues.setdefault(seconds, OrderedDict())
        queue[item] = None
        queue.move_to_end(item)

    def remove(self, item: T) -> None:
        if queue := self.queues.get(item.seconds):
            queue.pop(item, None)

    def expired(self, now: float) -> Iterator[T]:
        """Those whose timers have ended, each removed."""
        for seconds, queue in self.queues.items():
            while queue and (first := next(iter(queue))).used + seconds <= now:
                del queue[first]
                yield first

    def deadline(self) -> float | None:
        """When the first timer ends (seconds), or None."""
        return min((next(iter(q)).used + seconds for seconds, q in self.queues.items() if q), default=None)
