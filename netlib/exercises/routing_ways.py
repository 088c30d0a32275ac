"""Exercise 8.5: the way of a ping through everybody's tables, and the way of what comes back.

A network is three dicts and sets of plain things: whose address is whose, who has which routes, and who forwards.
`tables_of` reads them off a simulation, where `ping` has to see what the answer predicts; the
tests compare.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.routing_tables import in_words, longest_match
from netlib.grading import Exercise, Mistake
from netlib.host import Host
from netlib.internet.routes import Route
from netlib.wire.address import IPv4Address, IPv4Network

Tables = Mapping[str, list[Route]]
Homes = Mapping[IPv4Address, str]
SILENCE = ("silence", None)


def tables_of(hosts: Iterable[Host]) -> tuple[dict[str, list[Route]], dict[IPv4Address, str], set[str]]:
    """The tables of these hosts and routers, whose addresses are whose, and who of them forwards."""
    tables: dict[str, list[Route]] = {}
    homes: dict[IPv4Address, str] = {}
    routers: set[str] = set()
    for host in hosts:
        tables[host.name] = list(host.internet.routes)  # type: ignore[call-overload]
        homes |= dict.fromkeys(host.internet.addresses, host.name)
        if host.internet.forwarding:
            routers.add(host.name)
    return tables, homes, routers


def round_trip(
    tables: Tables, homes: Homes, routers: set[str], source: IPv4Address, destination: IPv4Address, ttl: int = 64
) -> dict[str, Any]:
    return traced(tables, homes, routers, source, destination, ttl)


def way(tables: Tables, homes: Homes, routers: set[str], start: str, to: IPv4Address, ttl: int, *, last_ttl: int = 1,
        from_start: bool = False, ttl_first: bool = False, all_forward: bool = False, direct: bool = False,
        by_name: bool = False, nobody: str = "host unreachable",
        match: Any = longest_match) -> tuple[list[str], str]:  # fmt: skip
    """Who has the packet, one after the other, and how it ends."""
    path = [start]
    while homes.get(to) != path[-1]:
        came_in = path[-1] != start if by_name else len(path) > 1
        on_its_way = came_in or from_start
        if (came_in and path[-1] not in routers and not all_forward) or len(path) > 600:
            return path, "dropped"
        if ttl_first and on_its_way and ttl <= last_ttl:
            return path, "time exceeded"
        route = match(tables[path[-1]], to)
        if route is None:
            return path, "no route"
        if on_its_way:
            if ttl <= last_ttl:
                return path, "time exceeded"
            ttl -= 1
        following = homes.get(to if route.via is None or direct else route.via)
        if following is None:
            return path, nobody
        path.append(following)
    return path, "reply"


def traced(tables: Tables, homes: Homes, routers: set[str], source: IPv4Address, destination: IPv4Address,
           ttl: int = 64, *, back_ttl: int = 64, same_way_back: bool = False, only_there: bool = False,
           always_told: bool = False, errors_lost: bool = False, **how: Any) -> dict[str, Any]:  # fmt: skip
    """The right answer; by keyword, the ways to get it wrong."""
    there, end = way(tables, homes, routers, homes[source], destination, ttl, **how)
    if end == "dropped":
        return {"there": there, "back": [], "sees": SILENCE}
    if same_way_back:
        return {"there": there, "back": there[::-1], "sees": (end, there[-1])}
    back, how_it_ends = way(tables, homes, routers, there[-1], source, back_ttl or ttl, **how)
    if only_there:
        how_it_ends = "reply"
    if errors_lost and end != "reply":
        return {"there": there, "back": [], "sees": SILENCE}
    if how_it_ends != "reply" and always_told:
        return {"there": there, "back": back, "sees": (how_it_ends, back[-1])}
    return {"there": there, "back": back, "sees": (end, there[-1]) if how_it_ends == "reply" else SILENCE}


def wrong(cause: str, **how: Any) -> Mistake:
    def answer(tables: Tables, homes: Homes, routers: set[str], source: IPv4Address, destination: IPv4Address,
               ttl: int = 64) -> dict[str, Any]:  # fmt: skip
        return traced(tables, homes, routers, source, destination, ttl, **how)

    return Mistake(f"It looks as if {cause}", answer)


def first_match(routes: list[Route], destination: bytes) -> Route | None:
    return next((route for route in routes if destination in route.network), None)


def loosely(value: Any) -> Any:
    return [loosely(item) for item in value] if isinstance(value, list | tuple) else value


def same_story(expected: Any, got: Any) -> bool:
    if not isinstance(got, dict) or set(got) != set(expected):
        return False
    return all(loosely(expected[key]) == loosely(got[key]) for key in expected)


def why(args: Any) -> str:
    tables, homes, routers, source, destination, *more = args
    there, end = way(tables, homes, routers, homes[source], destination, more[0] if more else 64)
    last = there[-1]
    said = {
        "reply": f"{last} has the address {destination}, and replies to {source}.",
        "no route": f"{last} has no route to {destination}, and says so.",
        "time exceeded": f"At {last} the TTL is used up, and it says so.",
        "host unreachable": f"{last} finds nobody on its link who has the next hop's address, and says so.",
        "dropped": f"{last} is no router: what is not for it, it drops without a word.",
    }[end]
    if end == "dropped":
        return said
    back, how_it_ends = way(tables, homes, routers, last, source, 64)
    if how_it_ends == "reply":
        return f"{said} That finds its way back."
    return f"{said} That gets as far as {back[-1]}, and no further: nobody reports to {source} about it."


def show(value: Any) -> str | None:
    """Tables as `ip route` writes them; owners by their addresses."""
    match value:
        case dict() if value and all(isinstance(item, list) for item in value.values()) and "there" not in value:
            lines = [f"{name}: {', '.join(in_words(route) or '' for route in table) or 'no routes'}"
                     for name, table in value.items()]  # fmt: skip
            return "\n".join(["", *lines])
        case dict() if value and all(isinstance(key, IPv4Address) for key in value):
            return ", ".join(f"{address}: {name}" for address, name in value.items())
        case set():
            return names(value)
    return None


def names(several: set[str]) -> str:
    """A set of names as Python has it, in an order that is the same each time."""
    return "{" + ", ".join(map(repr, sorted(several))) + "}" if several else "set()"


def reproduce(args: Any) -> str:
    """The call with short words for routes: r(network, next hop, interface)."""
    tables, _, routers, source, destination, *ttl = args

    def written(route: Route) -> str:
        return f"r({str(route.network)!r}, {None if route.via is None else str(route.via)!r}, {route.interface})"

    lists = (f"{name!r}: [{', '.join(map(written, routes))}]" for name, routes in tables.items())
    rest = [names(routers), repr(source), repr(destination), *map(str, ttl)]
    return (
        "from netlib.exercises.routing_tables import r; from netlib.exercises.routing_ways import HOMES; "
        f"round_trip({{{', '.join(lists)}}}, HOMES, {', '.join(rest)})"
    )


# ---- inputs: h1 -- r1 -- r2 -- r3 -- h2, with a host h3 at r2's left link, and routes as chance has it --------------

NAMES = ["h1", "r1", "r2", "r3", "h2"]
HOMES = {IPv4Address(f"10.8.{n}.{side}"): NAMES[n - 2 + side] for n in (1, 2, 3, 4) for side in (1, 2)}
HOMES[IPv4Address("10.8.2.9")] = "h3"
NODES = [*NAMES, "h3"]
LINKS = {name: [IPv4Network.around(address, 24) for address, who in HOMES.items() if who == name] for name in NODES}
TARGETS = ["0.0.0.0/0", "0.0.0.0/0", "10.8.0.0/16", "10.8.1.0/24", "10.8.4.0/24", "10.8.4.2/32", "10.8.1.1/32"]
ROUTERS = {"r1", "r2", "r3"}


def neighbours(name: str) -> list[IPv4Address]:
    """Next hops on the links of a node, and one on each that nobody has."""
    on_links = [address for address, who in HOMES.items()
                if who != name and any(address in network for network in LINKS[name])]  # fmt: skip
    return on_links + [IPv4Address.from_int(network.bits + 77) for network in LINKS[name]]


def interface_to(name: str, address: IPv4Address) -> int:
    return next(i for i, network in enumerate(LINKS[name]) if address in network)


def table(name: str, *more: tuple[str, str]) -> list[Route]:
    """The routes of a node: its links, and (network, next hop) for other networks."""
    own = [Route(network, None, number) for number, network in enumerate(LINKS[name])]
    return own + [Route(IPv4Network(network), IPv4Address(via), interface_to(name, IPv4Address(via)))
                  for network, via in more if IPv4Network(network) not in LINKS[name]]  # fmt: skip


def network_of(**more: list[tuple[str, str]]) -> dict[str, list[Route]]:
    """All is well, but for the routes of those who are named."""
    usual: dict[str, list[tuple[str, str]]] = {
        "h1": [("0.0.0.0/0", "10.8.1.2")],
        "r1": [("10.8.0.0/16", "10.8.2.2")],
        "r2": [("10.8.4.0/24", "10.8.3.2"), ("10.8.1.0/24", "10.8.2.1")],
        "r3": [("10.8.0.0/16", "10.8.3.1")],
        "h2": [("0.0.0.0/0", "10.8.4.1")],
        "h3": [("0.0.0.0/0", "10.8.2.1")],
    }
    return {name: table(name, *(usual | more)[name]) for name in NODES}


@st.composite
def networks(draw: Any) -> dict[str, list[Route]]:
    """Most nodes as they should be; one or two as chance has it."""
    known = network_of()
    for name in draw(st.lists(st.sampled_from(NODES), max_size=3, unique=True)):
        via = st.sampled_from(neighbours(name))
        chosen = draw(st.lists(st.tuples(st.sampled_from(TARGETS), via), max_size=3, unique_by=lambda pair: pair[0]))
        known[name] = draw(st.permutations(table(name, *((network, str(hop)) for network, hop in chosen))))
    return known


ADDRESSES = list(HOMES)
H1, H2, H3, NOBODY = (IPv4Address(text) for text in ("10.8.1.1", "10.8.4.2", "10.8.2.9", "10.8.4.77"))
ABROAD = IPv4Address("198.51.100.1")
trips = st.tuples(
    networks(),
    st.just(HOMES),
    st.sampled_from([ROUTERS, ROUTERS, ROUTERS, {"r1", "r3"}, {"r1", "r2"}]),
    st.sampled_from([H1, H1, H2, H3]),
    st.sampled_from([H1, H2, H2, H2, H3, NOBODY, ABROAD, *ADDRESSES]),
    st.sampled_from([64, 64, 64, 1, 2, 3, 4, 255]),
)
GOOD = network_of()
LOOP = network_of(r1=[("0.0.0.0/0", "10.8.2.2")], r2=[("0.0.0.0/0", "10.8.2.1")])

ROUND_TRIP = Exercise(
    number="8.5",
    name="round_trip",
    points=5,
    summary="Who has a ping on its way, how it ends, and what its sender sees of that.",
    signature="round_trip(tables: dict, homes: dict, routers: set, source: IPv4Address, destination: IPv4Address, "
    "ttl: int = 64) -> dict",
    rfc="RFC 1122 section 3.3.1; RFC 1812 section 5.2",
    reference=round_trip,
    equal=same_story,
    show=show,
    inputs=trips,
    pinned={
        "all is well": (GOOD, HOMES, ROUTERS, H1, H2, 64),
        "a TTL of 64, where none is said": (GOOD, HOMES, ROUTERS, H2, H1),
        "to a neighbour on the link": (GOOD, HOMES, ROUTERS, H3, IPv4Address("10.8.2.2"), 64),
        "to itself": (GOOD, HOMES, ROUTERS, H1, H1, 1),
        "to its router": (GOOD, HOMES, ROUTERS, H1, IPv4Address("10.8.1.2"), 1),
        "TTL 1": (GOOD, HOMES, ROUTERS, H1, H2, 1),
        "TTL 3: one too few": (GOOD, HOMES, ROUTERS, H1, H2, 3),
        "TTL 4: just enough": (GOOD, HOMES, ROUTERS, H1, H2, 4),
        "no route at its own host": (network_of(h1=[]), HOMES, ROUTERS, H1, H2, 64),
        "no route on the way": (GOOD, HOMES, ROUTERS, H1, ABROAD, 64),
        "no route, and no TTL left": (GOOD, HOMES, ROUTERS, H1, ABROAD, 1),
        "the way back is missing at h2": (network_of(h2=[]), HOMES, ROUTERS, H1, H2, 64),
        "the way back is missing at r2": (
            network_of(r2=[("10.8.4.0/24", "10.8.3.2")]), HOMES, ROUTERS, H1, H2, 64),
        "a report that finds no way back": (network_of(r2=[]), HOMES, ROUTERS, H1, H2, 64),
        "nobody there": (GOOD, HOMES, ROUTERS, H1, NOBODY, 64),
        "a gateway that does not exist": (network_of(r1=[("0.0.0.0/0", "10.8.2.77")]), HOMES, ROUTERS, H1, H2, 64),
        "a loop": (LOOP, HOMES, ROUTERS, H1, ABROAD, 64),
        "a loop, with TTL 5": (LOOP, HOMES, ROUTERS, H1, ABROAD, 5),
        "r2 does not forward": (GOOD, HOMES, {"r1", "r3"}, H1, H2, 64),
        "r2 does not forward, and is asked itself": (GOOD, HOMES, {"r1", "r3"}, H1, IPv4Address("10.8.2.2"), 64),
        "a longer prefix leads astray": (
            network_of(r1=[("10.8.0.0/16", "10.8.2.2"), ("10.8.4.2/32", "10.8.2.9")]), HOMES, ROUTERS, H1, H2, 64),
        "the way back is the longer one, and has a TTL of its own": (
            network_of(h3=[("0.0.0.0/0", "10.8.2.2")],
                       r2=[("10.8.4.0/24", "10.8.3.2"), ("10.8.1.0/24", "10.8.2.1"), ("10.8.2.9/32", "10.8.2.1")]),
            HOMES, ROUTERS, H3, H2, 3),
        "there and back by different ways": (
            network_of(r2=[("0.0.0.0/0", "10.8.3.2"), ("10.8.1.0/24", "10.8.2.1")]), HOMES, ROUTERS, H3, H2, 64),
    },
    mistakes=[
        wrong("the way back is taken to be the way there, turned round: each router asks its own table again.",
              same_way_back=True),
        wrong("what is sent back always arrives: it needs routes as well.", only_there=True),
        wrong("reports never arrive. They are packets like others, and find their way if there are routes.",
              errors_lost=True),
        wrong("a reply or a report that gets lost is reported about to the one who pings: that is silence.",
              always_told=True),
        wrong("a packet with TTL 1 is sent on by a router.", last_ttl=0),
        wrong("the sender itself takes one off the TTL: only those do who forward.", from_start=True),
        wrong("a packet that comes back to its sender counts as being sent there: it has come in, as at any other node "
              "(rules 2 and 4).", by_name=True),
        wrong("the TTL is looked at before the route: without one it is no route, whatever the TTL.",
              ttl_first=True),
        wrong("everybody forwards: who is not in `routers` drops what is not for it.", all_forward=True),
        wrong("the answer starts with the TTL of the question: it is a packet of its own, with 64.", back_ttl=0),
        wrong("the first route that matches wins: the longest prefix does.", match=first_match),
        wrong("the packet goes straight to its destination: where a route has a `via`, that is who has it next.",
              direct=True),
        wrong("a next hop that nobody has counts as no route. There is one, and ARP gets no answer: host unreachable.",
              nobody="no route"),
    ],
    without=("netlib.exercises.routing_ways", "netlib.worlds", "netlib.host", "netlib.layers",
             "netlib.internet.routes"),
    why=why,
    reproduce=reproduce,
    examples=300,
)  # fmt: skip
