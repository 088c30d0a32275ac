"""`conntrack -L`: the connections that netfilter follows, each with its addresses both ways.

A line is a protocol and its number, seconds until it is forgotten, for TCP a state, then `key=value` for the packets of
the first direction and again for the answers that are awaited. What NAT changed is where the two do not mirror.
"""

from __future__ import annotations

from netlib.lab.samples.rows import Row, Unreadable

KEYS = {
    **{"src": "source", "dst": "destination", "sport": "source_port", "dport": "destination_port"},
    **{"type": "type", "code": "code", "id": "id", "packets": "packets", "bytes": "bytes"},
}
WHOLE = {"mark", "use", "zone", "secctx", "delta-time"}  # of the connection, not of a direction
IGNORED = {"use", "zone", "secctx", "delta-time"}
MARKS = {"[ASSURED]": "assured", "[UNREPLIED]": "unreplied", "[OFFLOAD]": "offload", "[HW_OFFLOAD]": "offload"}
FAMILIES = {"ipv4", "ipv6"}


def parse(text: str) -> list[Row]:
    """A row for each connection; the answers' columns begin with reply_."""
    return [_read(line) for line in text.splitlines() if line.strip()]


def _read(line: str) -> Row:
    words = line.split()
    if words[0] in FAMILIES:  # -o extended
        words = words[2:]
    if len(words) < 3 or not words[1].isdigit() or "src=" not in line:
        raise Unreadable("conntrack", line)
    row: Row = {"protocol": words[0], "assured": False, "unreplied": False}
    rest = words[2:]
    if rest[0].isdigit():  # a connection in hardware has no timeout
        row["timeout"] = int(rest.pop(0))
    if "=" not in rest[0] and not rest[0].startswith("["):
        row["state"] = rest.pop(0)
    unread = []
    for word in rest:
        key, equals, value = word.partition("=")
        if word in MARKS:
            row[MARKS[word]] = True
        elif equals and key in WHOLE:
            row |= {} if key in IGNORED else {key: int(value)}
        elif equals and key in KEYS:
            name = KEYS[key]
            row["reply_" + name if name in row else name] = int(value) if value.isdigit() else value
        else:
            unread.append(word)
    if unread:
        row["unread"] = " ".join(unread)
    return row
