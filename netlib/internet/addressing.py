"""What can be done with many IPv4 networks at once, and which addresses are not like the others.

    aggregate(networks)         the fewest networks with exactly the same addresses (RFC 4632 section 5.2)
    summarize(first, last)      the fewest networks with all the addresses from `first` to `last`
    special(address)            what IANA has set it apart for, or None for an ordinary address (RFC 6890)

Both covers are minimal because of what networks are: two of them are either apart, or one is inside the other,
and two halves of one network can always be written as that network.
"""

from collections.abc import Iterable
from typing import NamedTuple

from netlib.wire.address import IPv4Address, IPv4Network
from netlib.wire.errors import Malformed


def aggregate(networks: Iterable[IPv4Network]) -> list[IPv4Network]:
    """The fewest networks that hold exactly the addresses of these, in order.

    10.0.0.0/25 and 10.0.0.128/25 become 10.0.0.0/24.  Nothing is said of where the addresses lead: routes may be
    joined like that only where their next hops are the same.
    """
    cover: list[IPv4Network] = []  # minimal for all the networks so far, which come in order, wider ones first
    for network in sorted(networks):
        if cover and cover[-1].covers(network):
            continue
        cover.append(network)
        while len(cover) > 1 and are_halves(cover[-2], cover[-1]):
            cover[-2:] = [cover[-1].parent]
    return cover


def are_halves(left: IPv4Network, right: IPv4Network) -> bool:
    """Whether these two are the halves of one network, in this order: neighbours alone need not be."""
    return 0 < left.prefix == right.prefix and left != right and left.parent == right.parent


def summarize(first: str | bytes, last: str | bytes) -> list[IPv4Network]:
    """The fewest networks that hold all addresses from `first` to `last`, these two included; `Malformed` if
    they are the wrong way round."""
    low, high = int(IPv4Address(first)), int(IPv4Address(last))
    if low > high:
        raise Malformed(f"a range from {IPv4Address(first)} to {IPv4Address(last)}: the first address is the lower one")
    networks = []
    while low <= high:
        # The largest network that begins here: as far as `low` has zeroes at its end, and as fits before `high`.
        zeroes = (low & -low).bit_length() - 1 if low else 32
        bits = min(zeroes, (high - low + 1).bit_length() - 1)
        networks.append(IPv4Network.around(low, 32 - bits))
        low += 1 << bits
    return networks


class Special(NamedTuple):
    """An entry of IANA's registry, with the columns that RFC 6890 section 2.2.1 gives it.

    They are about packets that leave the host and cross a router: an address whose `source` is False must not be
    a packet's source there.  None: the registry doesn't say, because the purpose has ended.
    """

    network: IPv4Network
    name: str
    rfc: str
    source: bool | None
    destination: bool | None
    forwardable: bool | None  # by a router, between networks of different owners
    globally_reachable: bool | None  # beyond one administrative domain (RFC 8190 section 2)
    reserved_by_protocol: bool | None  # the protocol itself treats it differently: nobody can change that

    def __str__(self) -> str:
        return f"{self.network} {self.name} ({self.rfc})"


def entry(network: str, name: str, rfc: str, flags: str) -> Special:
    """One row; `flags` are the five columns, y, n or - each."""
    return Special(IPv4Network(network), name, rfc, *({"y": True, "n": False, "-": None}[flag] for flag in flags))


# The IANA IPv4 Special-Purpose Address Registry: RFC 6890 section 2.2.2, changed by RFC 8190, and by the RFCs in it.
REGISTRY = [
    #                                                                                     source
    #                                                                                     |destination
    #                                                                                     ||forwardable
    #                                                                                     |||globally reachable
    #                                                                                     ||||reserved by protocol
    entry("0.0.0.0/8", "This network", "RFC 791 section 3.2",                            "ynnny"),
    entry("0.0.0.0/32", "This host on this network", "RFC 1122 section 3.2.1.3",         "ynnny"),
    entry("10.0.0.0/8", "Private-Use", "RFC 1918",                                       "yyynn"),
    entry("100.64.0.0/10", "Shared Address Space", "RFC 6598",                           "yyynn"),
    entry("127.0.0.0/8", "Loopback", "RFC 1122 section 3.2.1.3",                         "nnnny"),
    entry("169.254.0.0/16", "Link Local", "RFC 3927",                                    "yynny"),
    entry("172.16.0.0/12", "Private-Use", "RFC 1918",                                    "yyynn"),
    entry("192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890 section 2.1",           "nnnnn"),
    entry("192.0.0.0/29", "IPv4 Service Continuity Prefix", "RFC 7335",                  "yyynn"),
    entry("192.0.0.8/32", "IPv4 dummy address", "RFC 7600",                              "ynnnn"),
    entry("192.0.0.9/32", "Port Control Protocol Anycast", "RFC 7723",                   "yyyyn"),
    entry("192.0.0.10/32", "Traversal Using Relays around NAT Anycast", "RFC 8155",      "yyyyn"),
    entry("192.0.0.170/32", "NAT64/DNS64 Discovery", "RFC 8880, RFC 7050 section 2.2",   "nnnny"),
    entry("192.0.0.171/32", "NAT64/DNS64 Discovery", "RFC 8880, RFC 7050 section 2.2",   "nnnny"),
    entry("192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737",                      "nnnnn"),
    entry("192.31.196.0/24", "AS112-v4", "RFC 7535",                                     "yyyyn"),
    entry("192.52.193.0/24", "AMT", "RFC 7450",                                          "yyyyn"),
    entry("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526",               "-----"),
    entry("192.88.99.2/32", "6a44-relay anycast address", "RFC 6751",                    "yyynn"),
    entry("192.168.0.0/16", "Private-Use", "RFC 1918",                                   "yyynn"),
    entry("192.175.48.0/24", "Direct Delegation AS112 Service", "RFC 7534",              "yyyyn"),
    entry("198.18.0.0/15", "Benchmarking", "RFC 2544",                                   "yyynn"),
    entry("198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737",                   "nnnnn"),
    entry("203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737",                    "nnnnn"),
    entry("240.0.0.0/4", "Reserved", "RFC 1112 section 4",                               "nnnny"),
    entry("255.255.255.255/32", "Limited Broadcast", "RFC 8190, RFC 919 section 7",      "nynny"),
]  # fmt: skip

# Not in that registry, which has unicast addresses and the one broadcast address; multicast has its own (RFC 5771).
# "The IP source address MUST be one of its own IP addresses (but not a broadcast or multicast address)" (RFC 1122
# section 3.2.1.3).  How far a packet to a group goes depends on the group: 224.0.0.0/24 stays on its link.
MULTICAST = entry("224.0.0.0/4", "Multicast", "RFC 5771, RFC 1112", "nyyyn")

LONGEST_FIRST = sorted([*REGISTRY, MULTICAST], key=lambda known: -known.network.prefix)


def special(address: str | bytes) -> Special | None:
    """The most specific entry that an address is in, or None for an ordinary address of the Internet."""
    address = IPv4Address(address)
    return next((known for known in LONGEST_FIRST if address in known.network), None)
