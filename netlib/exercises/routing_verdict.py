"""Exercise 8.4: what a router does with a packet that has come in. The order of the questions is what counts.

An answer is a list of actions, so that "send it on, and tell its sender of a shorter way" is one answer, and "drop it
without a word" is an empty list.  netlib's own routers decide alike, and the tests compare.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.routing_tables import in_words
from netlib.grading import Exercise, Mistake
from netlib.internet.routes import Route, Routes
from netlib.wire.address import IPv4Address, IPv4Network
from netlib.wire.ipv4 import UDP, IPv4Packet

Port = tuple[IPv4Address, IPv4Network, int]  # address, its network, MTU in bytes
Action = tuple[Any, ...]
NOBODY = (0, 127)  # first bytes of addresses that no packet on a link has: RFC 1122 section 3.2.1.3
TOO_HIGH = 224  # from here on: groups, what is reserved, and the broadcast


def route(packet: bytes, came_by: int, ports: list[Port], routes: Any) -> list[Action]:
    return decide(packet, came_by, ports, routes)


def decide(
    packet: bytes,
    came_by: int,
    ports: list[Port],
    routes: Any,
    *,
    ours: Callable[[bytes, int, list[Port]], bool] | None = None,
    last_ttl: int = 1,
    ttl_before: str = "",
    directed: bool = True,
    sources: bool = True,
    martians: bool = True,
    fragments: bool = True,
    room: int = 0,
    which_mtu: str = "out",
    via_always: bool = False,
    redirects: str = "both",
) -> list[Action]:
    """The right answer; by keyword, the ways to get it wrong."""
    source, destination = packet[12:16], IPv4Address(packet[16:20])
    ttl, length, dont_fragment = packet[8], int.from_bytes(packet[2:4], "big"), bool(packet[6] & 0x40)
    expired: list[Action] = [("report", 11, 0, 0)]
    if sources and (source[0] == 127 or source[0] >= TOO_HIGH):
        return []
    if ttl_before == "all" and ttl <= last_ttl:
        return expired
    if (ours or is_ours)(destination, came_by, ports):
        return [("deliver",)]
    if ttl_before == "lookup" and ttl <= last_ttl:
        return expired
    if sources and source[0] == 0:
        return []
    if martians and (destination[0] in NOBODY or destination[0] >= TOO_HIGH):
        return []
    if directed and any(network.is_broadcast(destination) for _, network, _ in ports):
        return []
    found = routes.lookup(destination)
    if found is None:
        return [("report", 3, 0, 0)]
    if not ttl_before and ttl <= last_ttl:
        return expired
    mtu = ports[came_by if which_mtu == "in" else found.interface][2]
    if length + room > mtu and (dont_fragment or not fragments):
        return [("report", 3, 4, mtu)]
    next_hop = found.via if via_always else found.via or destination
    here = ports[came_by][1]
    near = found.interface == came_by and (redirects == "source ignored" or source in here) and next_hop in here
    told: list[Action] = [("report", 5, 1, int(next_hop))] if near and redirects != "none" else []
    if told and redirects == "instead":
        return told
    return [*told, ("forward", found.interface, next_hop)]


def is_ours(destination: bytes, came_by: int, ports: list[Port]) -> bool:
    here = ports[came_by][1]
    own = any(destination == address for address, _, _ in ports)
    return own or destination == b"\xff" * 4 or here.is_broadcast(destination)


def only_this_port(destination: bytes, came_by: int, ports: list[Port]) -> bool:
    return destination == ports[came_by][0] or destination == b"\xff" * 4 or ports[came_by][1].is_broadcast(destination)


def without_broadcasts(destination: bytes, came_by: int, ports: list[Port]) -> bool:
    return any(destination == address for address, _, _ in ports)


def any_broadcast(destination: bytes, came_by: int, ports: list[Port]) -> bool:
    return is_ours(destination, came_by, ports) or any(network.is_broadcast(destination) for _, network, _ in ports)


def wrong(cause: str, **how: Any) -> Mistake:
    """A mistake that is recognised by its actions, in whatever order they come."""
    return Mistake(f"It looks as if {cause}",
                   when=lambda args, expected, got: actions(decide(*args, **how)) == actions(got))  # fmt: skip


# ---- what holds of an answer ----------------------------------------------------------------------------------------


def actions(value: Any) -> list[Action]:
    """An answer in one shape, in an order of its own; next hops as bytes."""
    if not isinstance(value, list | tuple):
        raise TypeError(f"a list of actions is expected, not {value!r:.60}")
    return sorted(tuple(action) for action in value)


def judged(args: Any, result: Any, kinds: Callable[[list[Action]], bool]) -> bool | str | None:
    """Whether the answer is right, where the right one is of this kind."""
    expected = route(*args)
    return not kinds(expected) or actions(result) == actions(expected) or story(expected, result)


def story(expected: list[Action], result: Any) -> str:
    return f"Right is: {sentence(expected)}. Your answer: {sentence(actions(result))}."


def sentence(found: list[Action]) -> str:
    """ "report 11/0", and so on."""
    return " and ".join(map(phrase, found)) or "drop it without a word ([])"


def phrase(action: Action) -> str:
    match action:
        case ("deliver",):
            return "deliver it"
        case ("report", int() as type, int() as code, int() as rest):
            more = f" with {IPv4Address.from_int(rest)}" if type == 5 and 0 <= rest < 2**32 else f" with {rest}"
            return f"report {type}/{code}{more if rest else ''}"
        case ("forward", interface, bytes() as next_hop):
            to = IPv4Address(next_hop) if len(next_hop) == 4 else next_hop.hex()
            return f"forward it by interface {interface} to {to}"
    return repr(action)


def is_plain(found: list[Action]) -> bool:
    return [action[0] for action in found] in (["forward"], ["deliver"])


def is_report(*kind: int) -> Callable[[list[Action]], bool]:
    return lambda found: bool(found) and found[0][:3] == ("report", *kind)


def why(args: Any) -> str:
    packet, _, _, routes = args
    source, destination = IPv4Address(packet[12:16]), IPv4Address(packet[16:20])
    found = route(*args)
    match found:
        case []:
            if source[0] in NOBODY or source[0] >= TOO_HIGH:
                return f"{source} is nobody's address, so nobody could be told: dropped (rules 1 and 3)."
            if destination[0] in NOBODY or destination[0] >= TOO_HIGH:
                return f"Packets to {destination} are never forwarded (rule 4)."
            return f"{destination} is the broadcast address of another of its networks (rule 5)."
        case [("deliver",)]:
            return f"{destination} means the router itself (rule 2), whatever the TTL."
        case [("report", 3, 0, _)]:
            return f"No route matches {destination} (rule 6)."
        case [("report", 11, *_)]:
            return f"It came with TTL {packet[8]}, and would leave with 0 (rule 7)."
        case [("report", 3, 4, mtu)]:
            return f"It has {int.from_bytes(packet[2:4], 'big')} bytes, DF is set, and the link takes {mtu} (rule 8)."
        case [("report", 5, *_), _]:
            return "It goes back to the link it came from, and its sender is on that link: it is told (rule 9)."
    taken = routes.lookup(destination)
    return f"The route is {in_words(taken)}; nothing is against it (rule 9)."


def show(value: Any) -> str | None:
    """What a packet says, ports and routes as `ip` writes them, actions as Python has them."""
    match value:
        case bytes() if len(value) >= 28:
            source, destination = IPv4Address(value[12:16]), IPv4Address(value[16:20])
            flag = "set" if value[6] & 0x40 else "not set"
            said = f"from {source} to {destination}, TTL {value[8]}, {len(value)} bytes, DF {flag}"
            return f"{value[:20].hex(' ')} ...\n({said})"
        case Routes():
            return "\n".join(["", *(in_words(each) or "" for each in value)])
        case [(IPv4Address(), IPv4Network(), int()), *_]:
            lines = [f"[{number}] {address}/{network.prefix}, MTU {mtu} bytes"
                     for number, (address, network, mtu) in enumerate(value)]  # fmt: skip
            return "\n".join(["", *lines])
        case [(str(), *_), *_]:
            return repr(value)
    return None


def reproduce(args: Any) -> str:
    packet, came_by, _, routes = args
    table = "TABLE" if any(not each.network.prefix for each in routes) else "NO_DEFAULT"
    data = f'bytes.fromhex("{packet[:20].hex()}") + bytes({len(packet) - 20})'
    return f"from netlib.exercises.routing_verdict import PORTS, {table}; route({data}, {came_by}, PORTS, {table})"


# ---- inputs ---------------------------------------------------------------------------------------------------------


def a(text: str) -> IPv4Address:
    return IPv4Address(text)


def port(text: str, mtu: int = 1500) -> Port:
    address, _, prefix = text.partition("/")
    return a(address), IPv4Network.around(address, int(prefix)), mtu


def table_of(ports: list[Port], *more: Route) -> Routes:
    table = Routes()
    for number, (_, network, _) in enumerate(ports):
        table.add(Route(network, None, number))
    for each in more:
        table.add(each)
    return table


def packet(source: str | bytes, destination: str | bytes, size: int = 0, **fields: Any) -> bytes:
    made = IPv4Packet(source=a(source) if isinstance(source, str) else IPv4Address(source), protocol=UDP,
                      destination=a(destination) if isinstance(destination, str) else IPv4Address(destination),
                      payload=bytes(max(8, size - 20)), **fields)  # fmt: skip
    return made.build()


PORTS = [port("10.8.1.1/24"), port("10.8.2.1/24", 1400), port("192.0.2.6/31")]
NEAR, FAR = a("10.8.1.254"), a("10.8.2.2")
NETS = Route(IPv4Network("203.0.113.0/24"), FAR, 1)
HALF = Route(IPv4Network("203.0.113.128/25"), NEAR, 0)
DEFAULT = Route(IPv4Network("0.0.0.0/0"), a("192.0.2.7"), 2)
TABLE, NO_DEFAULT = table_of(PORTS, NETS, HALF, DEFAULT), table_of(PORTS, NETS, HALF)

sources = st.sampled_from(
    ["10.8.1.2"] * 5 + ["10.8.2.9", "198.51.100.1", "0.0.0.0", "127.0.0.1", "224.0.0.5", "240.0.0.1"]
)
destinations = st.sampled_from(
    ["203.0.113.5", "10.8.1.1", "10.8.2.1", "192.0.2.6", "192.0.2.7", "10.8.1.255", "10.8.2.255", "255.255.255.255",
     "10.8.1.7", "10.8.2.2", "203.0.113.127", "203.0.113.128", "203.0.113.255", "198.51.100.7", "8.8.8.8",
     "224.0.0.9", "239.1.2.3", "240.0.0.1", "127.0.0.1", "0.0.0.0"]
)  # fmt: skip
packets = st.builds(
    packet, sources, destinations, st.sampled_from([28, 28, 28, 1399, 1400, 1401, 1500]),
    ttl=st.sampled_from([64, 64, 64, 1, 2, 255]), dont_fragment=st.booleans(),
)  # fmt: skip
H1 = "10.8.1.2"

ROUTE = Exercise(
    number="8.4",
    name="route",
    points=6,
    summary="What a router does with a packet: send it on, take it, report about it, or drop it.",
    signature="route(packet: bytes, came_by: int, ports: list[tuple], routes) -> list[tuple]",
    rfc="RFC 1812 sections 5.2.1, 5.2.7.2 and 5.3",
    reference=route,
    inputs=st.tuples(packets, st.sampled_from([0, 0, 0, 1, 2]), st.just(PORTS), st.sampled_from([TABLE, NO_DEFAULT])),
    pinned={
        "sent on to the next router": (packet(H1, "203.0.113.5"), 0, PORTS, TABLE),
        "straight to its destination": (packet(H1, "10.8.2.9"), 0, PORTS, TABLE),
        "the default route": (packet(H1, "8.8.8.8"), 0, PORTS, TABLE),
        "no route": (packet(H1, "8.8.8.8"), 0, PORTS, NO_DEFAULT),
        "the router's own address": (packet(H1, "10.8.1.1"), 0, PORTS, TABLE),
        "its address on another link": (packet(H1, "10.8.2.1"), 0, PORTS, TABLE),
        "its own, with TTL 1": (packet(H1, "10.8.2.1", ttl=1), 0, PORTS, TABLE),
        "the broadcast of the link it came from": (packet(H1, "10.8.1.255", ttl=1), 0, PORTS, TABLE),
        "everybody's broadcast": (packet("0.0.0.0", "255.255.255.255"), 0, PORTS, TABLE),
        "another link's broadcast": (packet(H1, "10.8.2.255"), 0, PORTS, TABLE),
        "the upper address of a /31 is no broadcast": (packet(H1, "192.0.2.7"), 0, PORTS, TABLE),
        "TTL 1": (packet(H1, "203.0.113.5", ttl=1), 0, PORTS, TABLE),
        "TTL 2": (packet(H1, "203.0.113.5", ttl=2), 0, PORTS, TABLE),
        "TTL 1, and no route": (packet(H1, "8.8.8.8", ttl=1), 0, PORTS, NO_DEFAULT),
        "TTL 1, and too long": (packet(H1, "203.0.113.5", 1500, ttl=1, dont_fragment=True), 0, PORTS, TABLE),
        "just short enough": (packet(H1, "203.0.113.5", 1400, dont_fragment=True), 0, PORTS, TABLE),
        "one byte too long": (packet(H1, "203.0.113.5", 1401, dont_fragment=True), 0, PORTS, TABLE),
        "too long, and may be cut": (packet(H1, "203.0.113.5", 1500), 0, PORTS, TABLE),
        "came by a link with a small MTU": (packet("10.8.2.9", "8.8.8.8", 1500, dont_fragment=True), 1, PORTS, TABLE),
        "back to where it came from": (packet(H1, "203.0.113.200"), 0, PORTS, TABLE),
        "back, straight to a neighbour": (packet(H1, "10.8.1.7"), 0, PORTS, TABLE),
        "back, from somebody far away": (packet("198.51.100.1", "203.0.113.200"), 0, PORTS, TABLE),
        "back, with TTL 1": (packet(H1, "203.0.113.200", ttl=1), 0, PORTS, TABLE),
        "a multicast": (packet(H1, "224.0.0.9"), 0, PORTS, TABLE),
        "loopback from outside": (packet(H1, "127.0.0.1"), 0, PORTS, TABLE),
        "from loopback": (packet("127.0.0.1", "203.0.113.5"), 0, PORTS, TABLE),
        "from loopback, to the router": (packet("127.0.0.1", "10.8.1.1"), 0, PORTS, TABLE),
        "from no address": (packet("0.0.0.0", "203.0.113.5"), 0, PORTS, TABLE),
        "from a group": (packet("224.0.0.5", "203.0.113.5"), 0, PORTS, TABLE),
    },
    properties={
        "what can go on goes on, and what is the router's own is delivered": partial(judged, kinds=is_plain),
        "what would leave with TTL 0 is reported (11/0)": partial(judged, kinds=is_report(11, 0)),
        "what has no route is reported (3/0)": partial(judged, kinds=is_report(3, 0)),
        "what is too long and may not be cut is reported (3/4)": partial(judged, kinds=is_report(3, 4)),
        "a sender on the same link is told of the shorter way (5/1)": partial(judged, kinds=is_report(5, 1)),
        "what must not be forwarded is dropped": partial(judged, kinds=lambda found: not found),
    },
    credit={
        "what would leave with TTL 0 is reported (11/0)": 2,
        "what has no route is reported (3/0)": 1,
        "what is too long and may not be cut is reported (3/4)": 1,
        "a sender on the same link is told of the shorter way (5/1)": 1,
        "what must not be forwarded is dropped": 1,
    },
    mistakes=[
        wrong("a packet with TTL 1 is sent on: it would leave with 0 (rule 7).", last_ttl=0),
        wrong("the TTL is looked at too early: what is for the router itself may have any (rule 2).",
              ttl_before="all"),
        wrong("the TTL is looked at before the route: without one it is 3/0, whatever the TTL (rule 6).",
              ttl_before="lookup"),
        wrong("only one of its addresses is the router's: all are, whichever link the packet came by (rule 2).",
              ours=only_this_port),
        wrong("broadcasts are not for the router: those of the link that they came by are (rule 2).",
              ours=without_broadcasts),
        wrong("every link's broadcast is delivered: only that of the link it came by (rules 2 and 5).",
              ours=any_broadcast),
        wrong("another link's broadcast is sent on: a thousand hosts would answer one packet (rule 5).",
              directed=False),
        wrong("groups, loopback and reserved addresses are sent on like all others (rule 4).", martians=False),
        wrong("nobody looks at the source address: 0.x, 127.x and 224.x or above are nobody's (rules 1 and 3).",
              sources=False),
        wrong("what is too long is always reported: without DF the router cuts it, and sends it on (rule 8).",
              fragments=False),
        wrong("a packet as long as the MTU is too long: only a longer one is (rule 8).", room=1),
        wrong("the MTU of the wrong link is compared: that of the link it leaves by counts (rule 8).",
              which_mtu="in"),
        wrong("the next hop is None where the route has no gateway: then it is the destination (rule 9).",
              via_always=True),
        wrong("nobody is told of the shorter way (rule 9).", redirects="none"),
        wrong("a redirected packet is not sent on: it is, the report is a hint for the next one (rule 9).",
              redirects="instead"),
        wrong("a sender that is not on the link is told as well: it can't reach that router (rule 9).",
              redirects="source ignored"),
    ],
    without=("netlib.internet.input", "netlib.internet.redirects", "netlib.host", "netlib.layers", "netlib.worlds"),
    why=why,
    show=show,
    reproduce=reproduce,
)  # fmt: skip
