"""`ss -tinmoOH`: TCP sockets, one on each line, with what the kernel knows of each (struct tcp_info).

A line is the state, two queues, two addresses, then words: `name:value`, `name value`, or a bare word. Times are in
milliseconds there and in seconds here, rates in bit/s there and in bytes/s here. cwnd and ssthresh count segments.
"""

from __future__ import annotations

import re

from netlib.lab.samples.rows import Row, Unreadable

MILLISECONDS = {"rto", "ato", "lastsnd", "lastrcv", "lastack", "rcv_rtt", "minrtt"}
NUMBERS = {
    *("mss", "pmtu", "rcvmss", "advmss", "cwnd", "ssthresh", "backoff", "unacked", "lost", "sacked", "reordering"),
    *("bytes_sent", "bytes_retrans", "bytes_acked", "bytes_received", "segs_out", "segs_in", "data_segs_out"),
    *("data_segs_in", "delivered", "delivered_ce", "rcv_space", "rcv_ssthresh", "snd_wnd", "rcv_wnd", "notsent"),
    *("dsack_dups", "reord_seen", "rcv_ooopack", "rehash", "fackets"),
}
RATES = {"send", "pacing_rate", "delivery_rate"}  # stand as `name 123bps`
LIMITED = {"busy", "rwnd_limited", "sndbuf_limited"}  # stand as `name:12ms` or `name:12ms(3.4%)`
FLAGS = {"ts", "sack", "ecn", "ecnseen", "fastopen", "app_limited"}
ALGORITHMS = {"reno", "cubic", "bbr", "vegas", "dctcp", "westwood", "htcp", "bic", "highspeed", "illinois", "cdg", "nv"}
STATES = {
    *("ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK"),
    *("LISTEN", "CLOSING", "UNKNOWN"),
}
MEMORY = ("r", "rb", "t", "tb", "f", "w", "o", "bl", "d")  # sock_diag(7), SK_MEMINFO
MEMORY_NAMES = {"r": "rmem", "rb": "rcvbuf", "t": "wmem", "w": "wmem_queued", "tb": "sndbuf", "d": "drops"}
_WORD = re.compile(r"[^\s(]+(?:\([^)]*\)+)?")
_DURATION = re.compile(r"(?:(\d+)min)?(?:(\d+)sec|(\d+)\.(\d{3})ms|(\d+)ms)?")


def parse(text: str) -> list[Row]:
    """A row for each socket. Unreadable for a line that is none."""
    return [read_socket(line) for line in text.splitlines() if line.strip()]


def read_socket(line: str) -> Row:
    """The row of one line of ss."""
    words = _WORD.findall(line)
    row: Row = {"state": words.pop(0)} if words and words[0] in STATES else {}  # not there when a filter asks for one
    if len(words) < 4 or not words[0].isdigit() or not words[1].isdigit():
        raise Unreadable("ss", line)
    row |= {"recv_q": int(words[0]), "send_q": int(words[1]), "local": words[2], "peer": words[3]}
    unread = []
    rest = iter(words[4:])
    for word in rest:
        name, colon, value = word.partition(":")
        try:
            if word in FLAGS:
                row[word] = True
            elif word in ALGORITHMS or name in ALGORITHMS:
                row["algorithm"] = name
            elif word in RATES:
                row[word + "_rate" if word == "send" else word] = _rate(next(rest, ""))
            elif colon:
                row |= _read(name, value)
            else:
                unread.append(word)
        except (ValueError, KeyError):
            unread.append(word)
    if unread:
        row["unread"] = " ".join(unread)
    return row


def _read(name: str, value: str) -> Row:
    """The columns of a word `name:value`. KeyError for a name that is not known, ValueError for a value that is odd."""
    if name in NUMBERS:
        return {name: int(value)}
    if name in MILLISECONDS:
        return {name: _seconds(value)}
    if name == "rtt":
        mean, _, deviation = value.partition("/")
        return {"rtt": _seconds(mean), "rttvar": _seconds(deviation)}
    if name == "retrans":
        now, _, total = value.partition("/")
        return {"retrans_now": int(now), "retrans": int(total)}
    if name == "wscale":
        theirs, _, ours = value.partition(",")
        return {"wscale_peer": int(theirs), "wscale": int(ours)}
    if name in LIMITED:
        time, _, _ = value.partition("(")
        return {name: _seconds(time.removesuffix("ms"))}
    if name == "timer":
        kind, expires, number = value.strip("()").split(",")
        return {"timer": kind, "timer_expires": _duration(expires), "timer_retrans": int(number)}
    if name == "skmem":
        found = dict(re.findall(r"([a-z]+)(\d+)", value))
        if set(found) != set(MEMORY):
            raise ValueError(value)
        return {name: int(found[key]) for key, name in MEMORY_NAMES.items()}
    raise KeyError(name)


def _seconds(milliseconds: str) -> float:
    return round(float(milliseconds) / 1000, 9)


def _rate(text: str) -> int:
    """`12345bps`, or with a maximum behind a slash, in bytes/s."""
    return int(text.partition("/")[0].removesuffix("bps")) // 8


def _duration(text: str) -> float:
    """A timer of ss in seconds: `200ms`, `59sec`, `1min5sec`, and `1.200ms`, which is 1.2 s."""
    found = _DURATION.fullmatch(text)
    if not found or not text:
        raise ValueError(text)
    minutes, seconds, whole, parts, milliseconds = (int(part or 0) for part in found.groups())
    return 60 * minutes + seconds + whole + (parts + milliseconds) / 1000
