"""The kinds of samples: which command gives them, which columns are a row's name, and which are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from netlib.lab.document import suggest
from netlib.lab.errors import LabError
from netlib.lab.samples import conntrack, fdb, neigh, nstat, route, ss
from netlib.lab.samples.rows import Row

SEGMENTS, SECONDS, BYTES, RATE = "segments", "s", "bytes", "bytes/s"
UNITS = {
    **dict.fromkeys(("cwnd", "ssthresh", "unacked", "lost", "sacked", "retrans", "retrans_now", "delivered"), SEGMENTS),
    **dict.fromkeys(("rtt", "rttvar", "minrtt", "rto", "ato", "rcv_rtt", "busy", "rwnd_limited", "expires"), SECONDS),
    **dict.fromkeys(("sndbuf_limited", "timer_expires", "lastsnd", "lastrcv", "lastack", "timeout"), SECONDS),
    **dict.fromkeys(("mss", "pmtu", "mtu", "snd_wnd", "rcv_wnd", "rcv_space", "notsent"), BYTES),
    **dict.fromkeys(("rmem", "rcvbuf", "wmem", "wmem_queued", "sndbuf"), BYTES),
    **dict.fromkeys(("bytes_sent", "bytes_acked", "bytes_received"), BYTES),
    **dict.fromkeys(("rcv_ssthresh", "bytes_retrans", "bytes", "advmss", "rcvmss"), BYTES),
    **dict.fromkeys(("send_rate", "pacing_rate", "delivery_rate"), RATE),
}


@dataclass(frozen=True)
class Kind:
    """`command` and further words of the reader run in the node; `parse` makes rows of what it prints."""

    name: str
    command: tuple[str, ...]
    parse: Callable[[str], list[Row]]
    key: tuple[str, ...] = ()  # the columns that say whose row it is
    columns: tuple[str, ...] = ()  # what a table shows; () for all that there is
    needs: str = ""  # what the reader has to add
    failure: Callable[[tuple[str, ...], str], Row | None] = lambda words, errors: None  # a failure that is an answer
    check: Callable[[tuple[str, ...], Row], None] = lambda words, row: None
    hidden: Callable[[Row], bool] = lambda row: False  # rows that a table leaves out, and says so


SS_COLUMNS = ("state", "cwnd", "ssthresh", "rtt", "rto", "unacked", "retrans", "recv_q", "send_q")
CONNTRACK_KEY = ("protocol", "source", "source_port", "destination", "destination_port", "id")
CONNTRACK_COLUMNS = ("state", "reply_source", "reply_source_port", "reply_destination", "reply_destination_port")

KINDS = {
    kind.name: kind
    for kind in (
        Kind("ss", ("ss", "-tinmoOH"), ss.parse, ("local", "peer"), SS_COLUMNS),
        Kind("nstat", ("nstat", "-asz"), nstat.parse, check=nstat.check),
        Kind("neigh", ("ip", "-j", "neigh", "show"), neigh.parse, ("address", "interface"), ("mac", "state")),
        Kind("route", ("ip", "-j", "route", "get"), route.parse, ("destination",),
             ("gateway", "interface", "source", "mtu", "expires", "error"), 'an address, as in "10.0.4.2"',
             route.unreachable),
        Kind("conntrack", ("conntrack", "-L"), conntrack.parse, CONNTRACK_KEY,
             (*CONNTRACK_COLUMNS, "unreplied", "assured", "timeout")),
        Kind("fdb", ("bridge", "-j", "fdb", "show"), fdb.parse, ("mac", "interface"), ("bridge", "state"),
             hidden=lambda row: not row["learned"]),
    )
}  # fmt: skip


def kind_of(name: str, words: tuple[str, ...]) -> Kind:
    """The kind of that name. LabError for one that there is not, or that needs more words."""
    if name not in KINDS:
        raise LabError(f"no samples of {name!r}; {suggest(str(name), KINDS)}")
    kind = KINDS[name]
    if kind.needs and not words:
        raise LabError(f"samples of {name} need {kind.needs}")
    return kind
