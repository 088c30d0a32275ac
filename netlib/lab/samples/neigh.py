"""`ip -j neigh`: the neighbour table, ARP's and IPv6's: which MAC address is whose, and how sure the kernel is."""

from __future__ import annotations

from netlib.lab.samples.rows import Row, pick, read_json

NAMES = {"dst": "address", "dev": "interface", "lladdr": "mac", "state": "state", "router": "router", "proxy": "proxy"}


def parse(text: str) -> list[Row]:
    """A row for each neighbour: address, interface, mac (none while INCOMPLETE or FAILED), state."""
    return [pick("ip neigh", entry, NAMES, set()) for entry in read_json("ip neigh", text)]
