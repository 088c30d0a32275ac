"""The variables of a connection: RFC 9293 section 3.3.1, by its names; what the user may set; and an event.

Sequence numbers here never wrap: the wire's 32 bits are unwrapped when a segment comes in, and cut off again when one
goes out.  So `snd.una < ack <= snd.max` is the RFC's SND.UNA < SEG.ACK =< SND.NXT, whose SND.NXT never goes back.

          snd.una         snd.nxt         snd.una + snd.wnd
    ---------|---------------|---------------|----------
       acked    in flight       may be sent     not allowed
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

DEFAULT_MSS = 536  # bytes: "If an MSS Option is not received at connection setup, ... a default" (MUST-15), for IPv4
DEFAULT_MSS6 = 1220  # ... and for IPv6
LEAST_MTU, LEAST_MTU6 = 552, 1280  # bytes: whoever says less of a path is not believed (Linux's min_pmtu; RFC 8200)
SMALLEST_MSS = 48  # bytes: Linux's TCP_MIN_SND_MSS.  A peer that says less would have us send headers only
KEPT = 10_000  # events of a connection, the latest, for whoever looks at them later


class CallError(Exception):
    """A user call that is impossible in this state; `name` is the kernel's errno name, the text is the RFC's."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name


class Event(NamedTuple):
    """Something that the connection did or decided."""

    kind: str  # "state", "sent", "held", "resent", "acknowledged", "timer", "dropped", "readable", "writable", "error"
    because: str
    at: float  # seconds


class Events(deque[Any]):
    """A connection's latest events.

    There are several for each segment, which nobody looks at as a rule: a plain tuple is put in, an `Event` comes out.
    """

    def __init__(self) -> None:
        super().__init__(maxlen=KEPT)

    def __iter__(self) -> Iterator[Event]:
        return map(Event._make, super().__iter__())


@dataclass(slots=True)
class Send:
    """The send sequence variables."""

    iss: int = 0  # initial send sequence number: our SYN's
    una: int = 0  # oldest byte that is not acknowledged
    nxt: int = 0  # next byte to send; a timeout moves it back
    max: int = 0  # the byte after the highest that was ever sent
    wnd: int = 0  # bytes that the peer allows from `una` on
    wl1: int = 0  # sequence number of the segment that brought `wnd`
    wl2: int = 0  # acknowledgment number of that segment
    up: int = 0  # urgent pointer: the byte after the last urgent one
    largest: int = 0  # bytes: the largest `wnd` so far, RFC 9293's Max(SND.WND) and MAX.SND.WND
    shift: int = 0  # the peer's windows are to be shifted left by this many bits
    mss: int = DEFAULT_MSS  # bytes: the largest payload to send, RFC 9293's Eff.snd.MSS


@dataclass(slots=True)
class Receive:
    """The receive sequence variables."""

    irs: int = 0  # initial receive sequence number: the peer's SYN's
    nxt: int = 0  # next byte expected
    edge: int = 0  # the byte after the last that there is room for
    said: int = 0  # the byte after the last that the peer may think it may send: never taken back
    up: int = 0  # urgent pointer
    shift: int = 0  # our windows are shifted right by this many bits
    mss: int = DEFAULT_MSS  # bytes: the MSS that we announce
    acked: int = 0  # RFC 7323's Last.ACK.sent

    @property
    def wnd(self) -> int:
        """RFC 9293's RCV.WND, in bytes."""
        return max(0, self.said - self.nxt)


@dataclass(slots=True)
class Settings:
    """What a user may set, as socket options do; times in seconds, sizes in bytes."""

    nodelay: bool = False  # TCP_NODELAY: no Nagle
    cork: bool = False  # TCP_CORK: full segments only
    nagle: str = "minshall"  # or "classic": RFC 9293 section 3.7.4
    delayed_ack: float = 0.04  # "MUST be less than 0.5 seconds" (MUST-40); 0: no delay.  Linux's minimum
    quick_acks: int = 16  # segments at the start whose acknowledgment is not delayed (Linux: TCP_MAX_QUICKACKS)
    send_buffer: int = 1 << 18
    receive_buffer: int = 1 << 20
    window_scaling: bool = True
    timestamps: bool = True
    sack: bool = True
    ecn: bool = False
    mtu_probing: bool = False  # smaller segments after timeouts in a row, and larger ones to try (RFC 4821)
    msl: float = 30.0  # TIME-WAIT lasts twice as long: Linux's 60 s (RFC 9293 says 2 minutes for one)
    fin_timeout: float = 60.0  # in FIN-WAIT-2, when nobody reads any more: Linux's tcp_fin_timeout
    syn_retries: int = 7  # R2 of a SYN: "at least 3 minutes" (MUST-23); Linux's tcp_syn_retries, 6, makes 2 of it
    retries: int = 15  # R2 of anything else: "at least 100 seconds" (SHLD-11)
    ttl: int = 64  # "MUST be configurable" (MUST-49)
    dscp: int = 0  # "MUST be able to specify the Differentiated Services field" (MUST-48)
    keepalive: bool = False  # "MUST default to off" (MUST-25)
    keepalive_idle: float = 7200.0  # "MUST default to no less than two hours" (MUST-28)
    keepalive_interval: float = 75.0
    keepalive_count: int = 9

    def set(self, name: str, value: Any) -> None:
        """Set one; `CallError` for a name that there is not."""
        if name not in {field.name for field in fields(self)}:
            raise CallError("ENOPROTOOPT", f"no option {name!r}")
        setattr(self, name, value)

    @property
    def shift(self) -> int:
        """The window scale that makes the whole receive buffer sayable in 16 bits."""
        return next(shift for shift in range(15) if self.receive_buffer >> shift <= 0xFFFF or shift == 14)
