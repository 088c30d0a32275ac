"""`bridge -j fdb show`: which MAC address a switch has learned behind which of its ports."""

from __future__ import annotations

from netlib.lab.samples.rows import Row, pick, read_json

NAMES = {
    **{"mac": "mac", "ifname": "interface", "master": "bridge", "state": "state", "flags": "flags", "vlan": "vlan"},
    **{"dst": "remote"},
}


def parse(text: str) -> list[Row]:
    """A row for each entry; "learned" is true for what the bridge has seen, and false for its own fixed entries."""
    rows = [pick("bridge fdb", entry, NAMES, set()) for entry in read_json("bridge fdb", text)]
    for row in rows:
        row["learned"] = "bridge" in row and row.get("state", "") in ("", "stale") and "self" not in str(row["flags"])
    return [{name: value for name, value in row.items() if value != ""} for row in rows]
