"""Exercise 4.3: to whom a host hands a packet, and by which interface.

The decision of RFC 1122 section 3.3.1.1, for a host with one or several networks and a default gateway.  The kernel's
answer to the same question is `ip route get`: `asked` writes the questions, `answered` reads what it says.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from random import Random
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.ip_addressing_networks import NOT_THESE
from netlib.exercises.ip_addressing_reference import next_hop
from netlib.grading import Exercise, Mistake
from netlib.wire.address import IPv4Address, IPv4Interface, IPv4Network

Way = tuple[str, str] | None


def wrong_next_hop(destination: str, interfaces: Mapping[str, str], gateway: str | None, *,
                   choose: Callable[[list[tuple[int, str]]], str] | None = None, own: bool = True,
                   direct: bool = True, loopback: bool = True, checked: bool = True,
                   length: int | None = None, straight: bool = False) -> Way:  # fmt: skip
    """The right answer, but for what the keywords say."""
    links = {name: IPv4Interface(text) for name, text in interfaces.items()}

    def link(text: str) -> str | None:
        there = []
        for name, interface in links.items():
            prefix = interface.network.prefix if length is None else length
            if IPv4Address(text) in IPv4Network.around(interface.address, prefix):
                there.append((prefix, name))
        if choose is not None:
            return choose(there) if there else None
        return max(there, key=lambda found: found[0])[1] if there else None

    ours = {str(interface.address) for interface in links.values()}
    if gateway is not None and checked and link(gateway) is None:
        raise ValueError("the gateway is no neighbour")
    if (loopback and destination.startswith("127.")) or (own and destination in ours):
        return "lo", destination
    name = link(destination) if direct else None
    if name is not None:
        return name, destination
    if gateway is None:
        return None
    return link(gateway) or next(iter(interfaces)), destination if straight else gateway


def why_next_hop(args: Any) -> str:
    destination, interfaces, gateway = args
    try:
        way = next_hop(destination, interfaces, gateway)
    except ValueError:
        return f"The gateway {gateway} is in none of the networks: who on the link would answer for it?"
    if way is None:
        return "The destination is in none of the networks, and there is no gateway."
    if way[0] == "lo":
        return f"{destination} is this host: the packet does not leave it."
    network = IPv4Interface(interfaces[way[0]]).network
    if way[1] == destination:
        others = [text for text in interfaces.values() if IPv4Address(destination) in IPv4Interface(text).network]
        more = ", the longest prefix of those that hold it" if len(others) > 1 else ""
        return f"{destination} is in {network} ({way[0]}){more}: it is a neighbour."
    return f"{destination} is in none of the networks, so it goes to the gateway, a neighbour in {network} ({way[0]})."


NAMES = ("eth0", "eth1", "docker0", "wg0")
BASES = ("10.4.0.10", "10.4.1.20", "10.4.8.10", "172.17.0.1", "172.17.3.1", "192.168.1.7", "10.4.0.129")
interface_addresses = st.builds(
    lambda base, prefix: f"{base}/{prefix}",
    st.sampled_from(BASES), st.sampled_from([8, 16, 20, 22, 23, 24, 24, 24, 25, 28, 30, 31, 32]),
)  # fmt: skip


@st.composite
def next_hop_cases(draw: Any) -> tuple[str, dict[str, str], str | None]:
    count = draw(st.integers(1, 4))
    texts = draw(st.lists(interface_addresses, min_size=count, max_size=count,
                          unique_by=lambda text: text.partition("/")[0]))  # fmt: skip
    interfaces = dict(zip(NAMES, texts, strict=False))
    known = [IPv4Interface(text) for text in interfaces.values()]

    def someone(network: IPv4Network) -> str:
        spared = int(network.prefix < 31)
        return str(IPv4Address.from_int(draw(st.integers(network.bits + spared,
                                                         network.bits + network.size - 1 - spared))))  # fmt: skip

    def around(network: IPv4Network) -> str:
        edge = draw(st.sampled_from([network.bits - 1, network.bits, network.bits + network.size - 1,
                                     network.bits + network.size]))  # fmt: skip
        return str(IPv4Address.from_int(edge))

    which = draw(st.sampled_from(known))
    kind = draw(st.sampled_from(["inside", "inside", "edge", "far", "far", "own", "loopback"]))
    if kind == "inside":
        destination = someone(which.network)
    elif kind == "edge":
        destination = around(which.network)
    elif kind == "own":
        destination = str(which.address)
    elif kind == "loopback":
        destination = draw(st.sampled_from(["127.0.0.1", "127.8.9.10"]))
    else:
        destination = draw(st.sampled_from(["8.8.8.8", "10.5.0.1", "172.18.0.9", "192.168.2.7", "10.4.1.77"]))
    how = draw(st.sampled_from(["", "", "", "", "none", "far"]))
    near = someone(draw(st.sampled_from(known)).network)
    if near in {str(interface.address) for interface in known}:  # no host is its own gateway
        how = "none"
    return destination, interfaces, {"none": None, "far": "203.0.113.1"}.get(how, near)


OFFICE = {"eth0": "10.4.0.10/24"}
LAPTOP = {"eth0": "10.4.0.10/24", "docker0": "172.17.0.1/16"}

NEXT_HOP = Exercise(
    number="4.3",
    name="next_hop",
    points=4,
    summary="To whom a host hands a packet, and by which interface.",
    signature="next_hop(destination: str, interfaces: dict[str, str], gateway: str | None) -> tuple[str, str] | None",
    rfc="RFC 1122 section 3.3.1.1",
    reference=next_hop,
    inputs=next_hop_cases(),
    pinned={
        "a neighbour": ("10.4.0.20", OFFICE, "10.4.0.1"),
        "somebody far away": ("172.17.3.9", OFFICE, "10.4.0.1"),
        "the next network": ("10.4.1.20", OFFICE, "10.4.0.1"),
        "the gateway itself": ("10.4.0.1", OFFICE, "10.4.0.1"),
        "without a gateway, a neighbour": ("10.4.0.20", OFFICE, None),
        "without a gateway, somebody far away": ("172.17.3.9", OFFICE, None),
        "this host": ("10.4.0.10", OFFICE, "10.4.0.1"),
        "this host, on its other interface": ("172.17.0.1", LAPTOP, "10.4.0.1"),
        "loopback": ("127.0.0.53", OFFICE, None),
        "everybody on the link": ("10.4.0.255", OFFICE, "10.4.0.1"),
        "the wiki, with Docker": ("172.17.3.9", LAPTOP, "10.4.0.1"),
        "two networks hold it, the longer one second": (
            "10.4.0.77", {"eth0": "10.4.0.10/16", "eth1": "10.4.0.66/24"}, None),
        "two networks hold it, the longer one first": (
            "10.4.0.77", {"eth0": "10.4.0.66/24", "eth1": "10.4.0.10/16"}, None),
        "two networks as long": ("10.4.0.77", {"eth0": "10.4.0.10/24", "eth1": "10.4.0.66/24"}, None),
        "a gateway in two networks": (
            "8.8.8.8", {"eth0": "10.4.0.10/16", "eth1": "10.4.0.66/24"}, "10.4.0.1"),
        "a gateway of the second network": (
            "8.8.8.8", {"eth0": "10.4.0.10/24", "eth1": "192.168.1.7/24"}, "192.168.1.1"),
        "the other end of a /31": ("10.4.9.1", {"eth0": "10.4.9.0/31"}, None),
        "an interface with one address": (
            "10.4.0.11", {"eth0": "10.4.0.10/32", "eth1": "192.168.1.7/24"}, "192.168.1.1"),
        "a network of everything": ("8.8.8.8", {"eth0": "10.4.0.10/0"}, "10.4.0.1"),
        "a gateway that is no neighbour": ("8.8.8.8", OFFICE, "192.168.1.1"),
        "no neighbour, though not needed": ("10.4.0.20", OFFICE, "192.168.1.1"),
    },
    mistakes=[
        Mistake("It looks as if a neighbour is not recognised. It gets its packets itself: compare the network's bits "
                "of both addresses, without the host's bits of your own.", partial(wrong_next_hop, direct=False)),
        Mistake("It looks as if the first network that holds the destination wins. Of several it is the one with the "
                "longest prefix.", partial(wrong_next_hop, choose=lambda there: there[0][1])),
        Mistake("It looks as if the last network that holds the destination wins. Of several it is the one with the "
                "longest prefix.", partial(wrong_next_hop, choose=lambda there: there[-1][1])),
        Mistake("It looks as if the shortest prefix wins. The longest one says most about the address.",
                partial(wrong_next_hop, choose=lambda there: min(there)[1])),
        Mistake("It looks as if of two prefixes of the same length the last one wins, or the name decides: it is the "
                "first.", partial(wrong_next_hop, choose=lambda there: max(reversed(there), key=lambda f: f[0])[1])),
        Mistake("It looks as if the mask is always /24.", partial(wrong_next_hop, length=24)),
        Mistake("It looks as if the host's own addresses are sent out on the link: they are this host, \"lo\".",
                partial(wrong_next_hop, own=False)),
        Mistake("It looks as if loopback addresses leave the host: all of 127.0.0.0/8 is \"lo\".",
                partial(wrong_next_hop, loopback=False)),
        Mistake("It looks as if a gateway that is no neighbour is let through: who would answer for it on the link?",
                partial(wrong_next_hop, checked=False)),
        Mistake("It looks as if the destination comes back where its packets go to the gateway: the next hop is the "
                "gateway.", partial(wrong_next_hop, straight=True)),
        Mistake("It looks as if no way is an error here: it is an answer like others, None.",
                when=lambda args, expected, got: expected is None and hasattr(got, "name")),
    ],
    without=NOT_THESE,
    why=why_next_hop,
)  # fmt: skip

# ---- the kernel's answer -----------------------------------------------------------------------------------------


def destinations(networks: Iterable[str], count: int, seed: int) -> list[str]:
    """So many different unicast addresses: half from anywhere, half in these networks and just beyond their edges."""
    random = Random(seed)
    known = list(map(IPv4Network, networks))
    found: dict[str, None] = {}

    def one() -> IPv4Address:
        if random.random() < 0.5:
            return IPv4Address.from_int(random.randrange(1 << 24, 224 << 24))
        network = random.choice(known)
        return IPv4Address.from_int(random.randrange(network.bits - 4, network.bits + network.size + 4))

    while len(found) < count:
        found[str(one())] = None
    return list(found)


def asked(addresses: Iterable[str]) -> str:
    """The questions, as `ip -j -force -batch -` reads them."""
    return "".join(f"route get {address}\n" for address in addresses)


def answered(text: str) -> Iterator[tuple[str, Way]]:
    """The kernel's answers, one line of JSON each: (destination, (interface, next hop)).

    A destination that it has no way to has no line.
    """
    for line in text.splitlines():
        for entry in json.loads(line):
            destination = entry["dst"]
            yield destination, (entry["dev"], entry.get("gateway", destination))
