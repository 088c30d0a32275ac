"""netlib's answers to the exercises of chapter 4: text and numbers in, text and numbers out.

    parse(text)                                    "10.4.0.10/24" -> (its number, 24)
    subnet(address, prefix)                        what follows from an address and a prefix length
    next_hop(destination, interfaces, gateway)     what a host does with each packet (RFC 1122 section 3.3.1.1)
    aggregate(networks)                            the fewest networks with the same addresses
    special(address)                               what an address is set apart for (RFC 6890)
    carve(network, holes)                          the fewest networks with what is left of one

What they are made of is in netlib/wire/address.py and netlib/internet/addressing.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netlib.internet import addressing
from netlib.wire.address import IPv4Address, IPv4Interface, IPv4Network, prefix_of, split_prefix


def parse(text: str) -> tuple[int, int]:
    """The number and the prefix length of an address, with a length, a mask or nothing behind it; else ValueError."""
    address, slash, mask = text.partition("/")
    if not slash:
        return int(IPv4Address(address)), 32
    if "." in mask:
        return int(IPv4Address(address)), prefix_of(mask)
    whole, prefix = split_prefix(text)
    return int(whole), prefix


def subnet(address: str, prefix: int) -> dict[str, Any]:
    """The network that an address is in: its mask, its edges, and what hosts can have of it."""
    network = IPv4Network.around(address, prefix)
    spared = int(prefix < 31)
    return {
        "network": str(network.first),
        "mask": str(network.netmask),
        "broadcast": str(network.broadcast) if spared else None,
        "first": str(IPv4Address.from_int(network.bits + spared)),
        "last": str(IPv4Address.from_int(network.bits + network.size - 1 - spared)),
        "count": network.usable,
    }


def next_hop(destination: str, interfaces: Mapping[str, str], gateway: str | None) -> tuple[str, str] | None:
    """The interface that a packet leaves by, and the address on that link that it goes to; None: no way."""
    own = {name: IPv4Interface(text) for name, text in interfaces.items()}

    def link(address: IPv4Address) -> str | None:
        """The interface in whose network an address is: of several, the longest prefix, then the first."""
        there = [name for name, interface in own.items() if address in interface.network]
        return max(there, key=lambda name: own[name].network.prefix, default=None)

    way = None
    if gateway is not None:
        by = link(IPv4Address(gateway))
        if by is None:
            raise ValueError(f"the gateway {gateway} is no neighbour: it is in none of our networks")
        way = by, gateway
    address = IPv4Address(destination)
    if address.is_loopback or address in {interface.address for interface in own.values()}:
        return "lo", destination
    direct = link(address)
    return way if direct is None else (direct, destination)


def aggregate(networks: Sequence[str]) -> list[str]:
    """The fewest networks that hold exactly the addresses of these, in order."""
    return [str(network) for network in addressing.aggregate(map(IPv4Network, networks))]


RANGES = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.2.0/24": "documentation",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "255.255.255.255/32": "broadcast",
}


def special(address: str) -> str:
    """What an address is set apart for, in a word; "global" for those of the Internet."""
    found = [IPv4Network(text) for text in RANGES if IPv4Address(address) in IPv4Network(text)]
    return RANGES[str(max(found, key=lambda network: network.prefix))] if found else "global"


def carve(network: str, holes: Sequence[str]) -> list[str]:
    """The fewest networks that hold the addresses of one which are in none of the holes, in order."""
    out = [IPv4Network(hole) for hole in holes]

    def left(whole: IPv4Network) -> Iterator[IPv4Network]:
        if any(hole.covers(whole) for hole in out):
            return
        if any(whole.covers(hole) for hole in out):
            for half in whole.halves:
                yield from left(half)
        else:
            yield whole

    return [str(kept) for kept in left(IPv4Network(network))]
