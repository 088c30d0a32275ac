"""Exercises 4.2, 4.4 and 4.6: one network, the fewest networks for many, and what is left of one."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.ip_addressing_reference import aggregate, carve, subnet
from netlib.grading import Exercise, Mistake
from netlib.wire.address import ALL_ONES, IPv4Address, IPv4Network

NOT_THESE = ("netlib.wire.address", "netlib.wire.address6", "netlib.internet.addressing", "netlib.internet.routes",
             "netlib.internet.trie", "netlib.exercises.ip_addressing_reference", "ipaddress")  # fmt: skip

# A counterexample is made short: so that it looks like what one meets, the shortest are left to the pinned cases.
addresses = st.one_of(
    st.sampled_from([0x0A04000A, 0xAC110309, 0xC0A80101, 0x0A0400FF, 0x0A040100, 0x7FFFFFFF, 0x80000000, ALL_ONES]),
    st.integers(10 << 24, ALL_ONES),
).map(lambda number: str(IPv4Address.from_int(number)))
prefixes = st.one_of(st.sampled_from([24, 20, 28, 30, 31, 32, 22, 26]), st.integers(16, 32))

# ---- 4.2 ---------------------------------------------------------------------------------------------------------


def changed(**how: Callable[[dict[str, Any], IPv4Network], Any]) -> Callable[[str, int], dict[str, Any]]:
    """A wrong subnet: the right one, with some values worked out otherwise."""

    def wrong(address: str, prefix: int) -> dict[str, Any]:
        right = subnet(address, prefix)
        network = IPv4Network.around(address, prefix)
        return right | {name: change(right, network) for name, change in how.items()}

    return wrong


def at(network: IPv4Network, offset: int) -> str:
    return str(IPv4Address.from_int(network.bits + offset & ALL_ONES))


two_spared_always = changed(
    broadcast=lambda right, net: str(net.broadcast), first=lambda right, net: at(net, 1),
    last=lambda right, net: at(net, net.size - 2), count=lambda right, net: net.size - 2,
)  # fmt: skip


def whole_bytes(address: str, prefix: int) -> dict[str, Any]:
    coarse = subnet(address, prefix // 8 * 8)
    return subnet(address, prefix) | {name: coarse[name] for name in ("network", "broadcast")}


two_spared_at_all = changed(count=lambda right, net: net.size - 2)


def mask_too_long(right: dict[str, Any], net: IPv4Network) -> str:
    """With the ones that stand above bit 31, as the chapter's `dotted` writes it."""
    mask = ALL_ONES << (32 - net.prefix)
    return f"{mask >> 24}.{mask >> 16 & 255}.{mask >> 8 & 255}.{mask & 255}"


def why_subnet(args: Any) -> str:
    _, prefix = args
    if prefix == 32:
        return "A /32 is one address: it is first and last, and there is nobody to broadcast to."
    if prefix == 31:
        return "A /31 is a link with two ends: both addresses are hosts', and none means all of them (RFC 3021)."
    return f"{32 - prefix} host bits: all 0 is the network, all 1 the broadcast address, and the rest is for hosts."


SUBNET = Exercise(
    number="4.2",
    name="subnet",
    points=3,
    summary="What follows from an address and a prefix length.",
    signature="subnet(address: str, prefix: int) -> dict",
    rfc="RFC 4632 section 3.1; RFC 1122 section 3.2.1.3; RFC 3021",
    reference=subnet,
    inputs=st.tuples(addresses, prefixes),
    pinned={
        "an office": ("10.4.0.10", 24),
        "a boundary inside a byte": ("172.17.203.9", 20),
        "a larger network than a byte holds": ("10.4.9.7", 22),
        "the last bits": ("192.0.2.77", 30),
        "a link with two ends": ("10.4.9.1", 31),
        "the other end of it": ("10.4.9.0", 31),
        "one host": ("10.4.0.10", 32),
        "all addresses": ("203.0.113.5", 0),
        "half of them": ("203.0.113.5", 1),
        "the lower half of them": ("10.4.0.10", 1),
        "a whole byte": ("10.4.0.10", 8),
        "less than a byte": ("172.17.3.9", 3),
        "the longest boundary in the first byte": ("172.17.3.9", 7),
        "the first boundary in the second byte": ("172.17.203.9", 9),
        "a provider's": ("100.64.3.9", 10),
        "one bit less than two bytes": ("198.19.3.9", 15),
        "the lowest address": ("0.0.0.0", 8),
        "the highest address": ("255.255.255.255", 13),
        "the address is the network's own": ("10.4.0.0", 24),
        "the address is the broadcast address": ("10.4.0.255", 24),
    },
    mistakes=[
        Mistake("It looks as if a /31 and a /32 spare two addresses as well: they have none to spare (RFC 3021).",
                two_spared_always),
        Mistake("It looks as if the count of a /31 or /32 leaves two out: nothing is spared there.",
                two_spared_at_all),
        Mistake("It looks as if a /31 and a /32 have a broadcast address: here it is None.",
                changed(broadcast=lambda right, net: str(net.broadcast))),
        Mistake("It looks as if count is the number of all addresses: network and broadcast address are no hosts'.",
                changed(count=lambda right, net: net.size)),
        Mistake("It looks as if the broadcast address is left out, and the network's own counted: take off both.",
                changed(count=lambda right, net: net.size - 1)),
        Mistake("It looks as if the boundary is moved to a whole byte: /20 lies in the middle of the third.",
                lambda address, prefix: subnet(address, prefix // 8 * 8)),
        Mistake("It looks as if network and broadcast address are cut between two bytes: /20 ends inside the third.",
                whole_bytes),
        Mistake("It looks as if the network is the address as it was given: its host bits have to become 0.",
                lambda address, prefix: subnet(address, prefix) | {"network": address}),
        Mistake("It looks as if the mask has ones above bit 31: & 0xFFFFFFFF takes them off.",
                changed(mask=mask_too_long)),
        Mistake("It looks as if the mask is turned round: ones stand at the left, for the network's bits.",
                changed(mask=lambda right, net: str(IPv4Address.from_int(net.mask ^ ALL_ONES)))),
    ],
    without=NOT_THESE,
    why=why_subnet,
)  # fmt: skip

# ---- 4.4 ---------------------------------------------------------------------------------------------------------


def networks_of(texts: Sequence[str]) -> list[IPv4Network]:
    return sorted(set(map(IPv4Network, texts)))


def without_covered(texts: Sequence[str]) -> list[str]:
    kept: list[IPv4Network] = []
    for network in networks_of(texts):
        if not any(known.covers(network) for known in kept):
            kept.append(network)
    return list(map(str, kept))


def one_round(texts: Sequence[str]) -> list[str]:
    """Neighbours are joined once, and what they make is not looked at again."""
    waiting, found = networks_of(without_covered(texts)), []
    while waiting:
        network = waiting.pop(0)
        if waiting and network.prefix and waiting[0] == network.parent.halves[1]:
            waiting.pop(0)
            network = network.parent
        found.append(network)
    return list(map(str, found))


def any_neighbours(texts: Sequence[str]) -> list[str]:
    """Joins any two of one length that lie side by side, whether or not they are halves of one network."""
    found: list[IPv4Network] = []
    for network in networks_of(without_covered(texts)):
        found.append(network)
        while len(found) > 1 and found[-2].prefix == found[-1].prefix and found[-1].prefix:
            left, right = found[-2:]
            if left.bits + left.size != right.bits:
                break
            found[-2:] = [left.parent]
    return list(map(str, found))


def one_span(texts: Sequence[str]) -> list[str]:
    """The one network that holds them all."""
    known = networks_of(texts)
    while len(known) > 1:
        known = sorted({network.parent if network.prefix == max(n.prefix for n in known) else network
                        for network in known})  # fmt: skip
    return list(map(str, known))


def joined_but_nested(texts: Sequence[str]) -> list[str]:
    known = set(map(IPv4Network, texts))
    while pair := next((n for n in sorted(known) if n.prefix and set(n.parent.halves) <= known), None):
        known = known - set(pair.parent.halves) | {pair.parent}
    return list(map(str, sorted(known)))


def by_text(texts: Sequence[str]) -> list[str]:
    return sorted(aggregate(texts))


def joined_by_text(texts: Sequence[str]) -> list[str]:
    """One pass from left to right, as it would be right if the texts' order were that of the numbers."""
    found: list[IPv4Network] = []
    for network in map(IPv4Network, sorted(set(texts))):
        if found and network.bits < found[-1].bits + found[-1].size:
            continue
        found.append(network)
        while len(found) > 1 and found[-1].prefix and list(found[-1].parent.halves) == found[-2:]:
            found[-2:] = [found[-1].parent]
    return list(map(str, found))


def why_aggregate(args: Any) -> str:
    if not args[0]:
        return "No networks, no addresses, no cover."
    return ("Two networks become one only as the two halves of it: the same length, and equal but for their last bit. "
            "What lies inside another adds nothing.")  # fmt: skip


def near(number: int, prefix: int) -> str:
    return str(IPv4Network.around(0x0A040000 | number, prefix))


crowded = st.lists(st.builds(near, st.integers(0, 1023), st.sampled_from([22, 23, 24, 24, 25, 25, 26])), max_size=8)
tiny = st.lists(st.builds(near, st.integers(0, 15), st.integers(28, 32)), max_size=12)
halves_of_all = st.lists(
    st.builds(lambda number, prefix: str(IPv4Network.around(number, prefix)), st.integers(0, ALL_ONES),
              st.integers(0, 3)), max_size=6)  # fmt: skip

AGGREGATE = Exercise(
    number="4.4",
    name="aggregate",
    points=4,
    summary="The fewest networks that hold exactly the same addresses.",
    signature="aggregate(networks: list[str]) -> list[str]",
    rfc="RFC 4632 section 3.1",
    reference=aggregate,
    inputs=st.tuples(st.one_of(crowded, tiny, halves_of_all)),
    pinned={
        "two halves": (["10.4.0.0/25", "10.4.0.128/25"],),
        "neighbours that are no halves": (["10.4.1.0/24", "10.4.2.0/24"],),
        "one inside another": (["10.4.0.0/16", "10.4.7.0/24"],),
        "joined, and joined again": (["10.4.0.0/24", "10.4.1.0/24", "10.4.2.0/23"],),
        "in any order, and twice": (["10.4.3.0/24", "10.4.0.0/24", "10.4.2.0/24", "10.4.1.0/24", "10.4.2.0/24"],),
        "inside, and half": (["10.4.0.0/25", "10.4.0.64/26", "10.4.0.128/25"],),
        "10 comes after 9": (["10.4.0.0/24", "9.4.0.0/24", "10.4.9.0/24", "10.4.10.0/24"],),
        "everything": (["128.0.0.0/1", "0.0.0.0/1"],),
        "and more than everything": (["0.0.0.0/0", "10.0.0.0/8"],),
        "single hosts": (["10.4.0.7/32", "10.4.0.6/32", "10.4.0.5/32"],),
        "nothing": ([],),
    },
    mistakes=[
        Mistake("It looks as if neighbours are joined that are not the two halves of one network: 10.4.1.0/24 and "
                "10.4.2.0/24 lie side by side, but 10.4.1.0/23 is no network.", any_neighbours),
        Mistake("It looks as if what comes of joining is not joined again: two /25 make a /24, two of those a /23.",
                one_round),
        Mistake("It looks as if networks inside others are taken out, and nothing is joined.", without_covered),
        Mistake("It looks as if a network inside another one stays.", joined_but_nested),
        Mistake("It looks as if the cover holds addresses that were not asked for: it has to be exact.", one_span),
        Mistake("It looks as if networks are sorted as text: as numbers, 9 comes before 10.", by_text),
        Mistake("It looks as if networks are sorted as text before they are joined: as numbers, 9 comes before 10.",
                joined_by_text),
    ],
    without=NOT_THESE,
    why=why_aggregate,
)  # fmt: skip

# ---- 4.6 ---------------------------------------------------------------------------------------------------------


def at_one_level(network: str, holes: Sequence[str]) -> list[str]:
    """All pieces as small as the smallest hole."""
    whole, out = IPv4Network(network), list(map(IPv4Network, holes))
    smallest = max([hole.prefix for hole in out if whole.covers(hole)], default=whole.prefix)
    if smallest - whole.prefix > 12:
        return carve(network, holes)
    return [str(part) for part in whole.subnets(smallest) if not any(hole.covers(part) for hole in out)]


def first_hole_only(network: str, holes: Sequence[str]) -> list[str]:
    return carve(network, holes[:1])


def hole_around_forgotten(network: str, holes: Sequence[str]) -> list[str]:
    inside = [hole for hole in holes if IPv4Network(network).covers(IPv4Network(hole))]
    return carve(network, inside)


def in_reverse(network: str, holes: Sequence[str]) -> list[str]:
    return carve(network, holes)[::-1]


def why_carve(args: Any) -> str:
    whole, holes = IPv4Network(args[0]), list(map(IPv4Network, args[1]))
    if any(hole.covers(whole) for hole in holes):
        return "A hole holds the whole network: nothing is left."
    if not any(whole.covers(hole) for hole in holes):
        return "No hole touches the network: it stays whole."
    return "Halve, and halve again: a half that no hole touches stays as it is, one that lies in a hole goes."


carve_cases = st.tuples(
    st.sampled_from(["10.4.0.0/24", "10.4.0.0/22", "10.4.1.0/25", "10.4.0.0/20"]),
    st.lists(st.builds(near, st.integers(0, 1023), st.sampled_from([24, 25, 26, 28, 32, 21, 16])), max_size=4),
)

CARVE = Exercise(
    number="4.6",
    name="carve",
    points=4,
    summary="What is left of a network, in the fewest networks.",
    signature="carve(network: str, holes: list[str]) -> list[str]",
    rfc="RFC 4632 section 3.1",
    reference=carve,
    inputs=carve_cases,
    pinned={
        "one half goes": ("10.4.0.0/24", ["10.4.0.128/25"]),
        "a quarter goes": ("10.4.0.0/24", ["10.4.0.64/26"]),
        "nothing goes": ("10.4.0.0/24", []),
        "a hole somewhere else": ("10.4.0.0/24", ["10.4.1.0/24"]),
        "it is a hole itself": ("10.4.0.0/24", ["10.4.0.0/24"]),
        "a hole around it": ("10.4.0.0/24", ["10.0.0.0/8"]),
        "two holes": ("10.4.0.0/22", ["10.4.3.0/24", "10.4.0.0/26"]),
        "a hole in a hole": ("10.4.0.0/22", ["10.4.1.128/25", "10.4.1.0/24"]),
        "two halves, so nothing is left": ("10.4.0.0/24", ["10.4.0.0/25", "10.4.0.128/25"]),
        "one host": ("10.4.0.0/28", ["10.4.0.9/32"]),
        "everything but the private addresses": (
            "0.0.0.0/0", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]),
    },
    mistakes=[
        Mistake("It looks as if all is cut as small as the smallest hole: a half that no hole touches stays whole.",
                at_one_level),
        Mistake("It looks as if only the first hole is cut out.", first_hole_only),
        Mistake("It looks as if a hole that is larger than the network is overlooked: nothing is left then.",
                hole_around_forgotten),
        Mistake("It looks as if the result is not in the order of its addresses, the lowest first.", in_reverse),
        Mistake("It looks as if holes are looked for with `in` as whole parts: a half with a hole *inside* has to be "
                "halved again.", lambda network, holes: [network] if network not in holes else []),
    ],
    without=NOT_THESE,
    why=why_carve,
)  # fmt: skip
