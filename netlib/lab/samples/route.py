"""`ip -j route get ADDRESS`: the way that a packet to an address would take, with the path MTU that was learned."""

from __future__ import annotations

from typing import Any

from netlib.lab.samples.rows import Row, Unreadable, pick, read_json

NAMES = {
    **{"dst": "destination", "gateway": "gateway", "dev": "interface", "prefsrc": "source", "type": "type"},
    **{"table": "table", "cache": "cache", "flags": "flags", "expires": "expires"},
}
METRICS = {
    *("mtu", "advmss", "hoplimit", "window", "cwnd", "initcwnd", "initrwnd", "congestion", "quickack", "rtt", "rttvar"),
    *("ssthresh", "reordering", "rto_min", "features", "fastopen_no_cookie"),
}
ANSWER = "RTNETLINK answers: "


def parse(text: str) -> list[Row]:
    """One row: destination, gateway, interface, source; mtu (bytes) and expires (seconds) where a path MTU is known."""
    rows = []
    for entry in read_json("ip route get", text):
        metrics: dict[str, Any] = {}
        for part in entry.pop("metrics", []):
            metrics |= part
        via = entry.pop("via", None)  # a next hop of another family: {"family": "inet6", "host": "fe80::1"}
        if isinstance(via, dict) and "host" in via:
            entry["gateway"] = via["host"]
        row = pick("ip route get", entry | metrics, NAMES | {name: name for name in METRICS}, {"uid"})
        rows.append({name: value for name, value in row.items() if value != ""})
    if len(rows) != 1:
        raise Unreadable("ip route get", text)
    return rows


def unreachable(words: tuple[str, ...], errors: str) -> Row | None:
    """That there is no way is an answer too: a row with the kernel's words in "error"."""
    said = [line.removeprefix(ANSWER) for line in errors.splitlines() if line.startswith(ANSWER)]
    return {"destination": words[-1] if words else "", "error": said[0]} if said else None
