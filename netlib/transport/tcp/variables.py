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
from math import inf
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
    Whoever wants to hear of each puts an object of a class made from this in its place (view/recording.py).
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
    """What a user may set: `socket.set_option("nodelay", True)`.  Times in seconds, sizes in bytes.

        sending      nodelay cork nagle mss initial_window slow_start_after_idle limited_transmit send_buffer
        receiving    delayed_ack quick_acks receive_buffer
        agreed on    window_scaling timestamps sack dsack ecn: by both SYNs, so to be set before there is a connection
        the path     path_mtu_discovery mtu_probing ttl dscp
        giving up    syn_retries retries fin_timeout msl keepalive, _idle, _interval, _count
        watching     fast_path: False, and each segment goes through every layer and every step of the RFC

    Some more belong to a socket and not to its connection: "congestion", "recovery" and "TCP_FASTOPEN" in
    kernel/streams.py, SO_REUSEPORT as `bind(..., reuse_port=True)`.  SYN cookies, queues and who may use Fast Open are
    the whole host's: `host.tcp.settings`, in kernel/listener.py.
    """

    nodelay: bool = False  # TCP_NODELAY: no Nagle
    cork: bool = False  # TCP_CORK: full segments only
    nagle: str = "minshall"  # or "classic": RFC 9293 section 3.7.4
    delayed_ack: float = 0.04  # "MUST be less than 0.5 seconds" (MUST-40); 0: no delay.  Linux's minimum
    quick_acks: int = 16  # segments at the start whose acknowledgment is not delayed (Linux: TCP_MAX_QUICKACKS)
    mss: int = 0  # TCP_MAXSEG: the largest payload to announce and to send; 0: what the interface takes
    initial_window: int = 0  # segments sent at first, as `ip route ... initcwnd`; 0: RFC 6928's ten
    slow_start_after_idle: bool = True  # "RW", RFC 5681 section 4.1
    limited_transmit: bool = True  # new data on the first two duplicate acknowledgments (RFC 3042)
    send_buffer: int = 1 << 18
    receive_buffer: int = 1 << 20
    window_scaling: bool = True
    timestamps: bool = True  # RTT and PAWS (RFC 7323)
    sack: bool = True
    dsack: bool = True  # what has come twice is told too (RFC 2883)
    ecn: bool = False
    path_mtu_discovery: bool = True  # IP packets with DF, so that routers tell what is too large (RFC 1191)
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
    fast_path: bool = True  # prediction.py, and the short ways of kernel/: the same, in a third of the time

    def set(self, name: str, value: Any) -> None:
        """Set one; `CallError` for a name that there is not, and for a value that makes no sense."""
        default = DEFAULTS.get(name)
        if default is None:
            raise CallError("ENOPROTOOPT", f"no option {name!r}: there are {', '.join(DEFAULTS)}")
        least, most = LIMITS.get(name, (0, inf))
        if isinstance(default, str):
            fits, expected = value in NAGLE, " or ".join(NAGLE)
        elif isinstance(default, bool):
            fits, expected = value in (False, True), "True or False"
        else:
            kind = (int, float) if isinstance(default, float) else int
            fits = isinstance(value, kind) and not isinstance(value, bool) and least <= value <= most
            expected = f"{'a number' if isinstance(default, float) else 'a whole number'} from {least} to {most}"
        if not fits:
            raise CallError("EINVAL", f"{name}={value!r:.40}: it has to be {expected}")
        setattr(self, name, bool(value) if isinstance(default, bool) else value)

    @property
    def shift(self) -> int:
        """The window scale that makes the whole receive buffer sayable in 16 bits."""
        return next(shift for shift in range(15) if self.receive_buffer >> shift <= 0xFFFF or shift == 14)


DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Settings)}
LIMITS = {"ttl": (1, 255), "dscp": (0, 63), "mss": (0, 65_535), "initial_window": (0, 1 << 16),
          "delayed_ack": (0, 0.499)}  # fmt: skip
NAGLE = ("minshall", "classic")
