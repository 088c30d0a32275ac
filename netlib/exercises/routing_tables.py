"""Exercises 8.2 and 8.3: the longest prefix that matches, from a list and from a trie.

Tables are made of a few roots, so that their networks lie inside each other; all prefix lengths, and /0, /31 and /32
more often.  Destinations are the first and last addresses of these networks, and those just outside.

A `Route` comes back from the answer as three values, of which the network is no plain data: it is known by how it is
written.
"""

import re
from typing import Any

from hypothesis import strategies as st

from netlib.grading import Exercise, Mistake, StatefulExercise
from netlib.internet.routes import Route, Routes
from netlib.internet.trie import Trie as NetlibTrie
from netlib.wire.address import IPv4Address, IPv4Network


def longest_match(routes: list[Route], destination: bytes) -> Route | None:
    matching = [route for route in routes if destination in route.network]
    return max(matching, key=lambda route: route.network.prefix, default=None)


class Trie(NetlibTrie):
    """The reference of 8.3: what `mine("8.3")` gives to those who have none of their own."""


def in_words(value: Any) -> str | None:
    """A route as `ip route` writes it; None for what is none."""
    match value:
        case (network, None | bytes() as via, int() as interface):
            return f"{network_text(network)} {'' if via is None else f'via {IPv4Address(via)} '}dev eth{interface}"
    return None


def network_text(network: Any) -> str:
    found = re.fullmatch(r"IPv4Network\('(.{0,20})'\)", repr(network))
    return found[1] if found else repr(network)


def show(value: Any) -> str | None:
    """A route, or a table with a line for each."""
    if isinstance(value, str):  # a step's result
        return value
    if isinstance(value, list) and value:
        return "\n".join(["", *(in_words(route) or repr(route) for route in value)])
    return in_words(value)


def same_route(expected: Any, got: Any) -> bool:
    return expected is got if expected is None or got is None else in_words(expected) == in_words(got)


# ---- inputs -----------------------------------------------------------------------------------------------------

ROOTS = [IPv4Address(text) for text in ("10.0.0.0", "10.0.0.1", "10.0.0.3", "10.128.3.4", "0.0.0.0", "255.255.255.255")]
lengths = st.sampled_from([0, 1, 8, 31, 32]) | st.integers(0, 32)
any_address = st.integers(0, 2**32 - 1).map(IPv4Address.from_int)
roots = st.sampled_from(ROOTS)
networks = st.builds(IPv4Network.around, roots | any_address, lengths)
GATEWAYS = [None, IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")]
routes = st.builds(Route, networks, st.sampled_from(GATEWAYS), st.integers(0, 3))
tables = st.lists(routes, max_size=8, unique_by=lambda route: route.network)


def at_the_edge(network: IPv4Network, where: int) -> IPv4Address:
    """0: its first address, 1: its last, 2 and 3: those just outside."""
    number = [network.bits, network.bits + network.size - 1, network.bits - 1, network.bits + network.size][where]
    return IPv4Address.from_int(number % 2**32)


def destinations_for(table: list[Route]) -> st.SearchStrategy[IPv4Address]:
    if not table:
        return roots
    inside = st.sampled_from([route.network for route in table])
    return st.builds(at_the_edge, inside, st.sampled_from([0, 0, 1, 1, 2, 3])) | roots


questions = tables.flatmap(lambda table: st.tuples(st.just(table), destinations_for(table)))


def r(network: str, via: str | None = None, interface: int = 0) -> Route:
    return Route(IPv4Network(network), IPv4Address(via) if via else None, interface)


def a(text: str) -> IPv4Address:
    return IPv4Address(text)


DEFAULT, EIGHT = r("0.0.0.0/0", "192.0.2.1", 1), r("10.0.0.0/8", "192.0.2.2", 2)
PAIR, ONE = r("10.0.0.2/31", None, 3), r("10.0.0.3/32", "192.0.2.1", 0)
ALL = [DEFAULT, EIGHT, PAIR, ONE]


def why_route(args: Any) -> str:
    table, destination = args
    return said_of(table, destination)


def said_of(table: list[Route], destination: bytes) -> str:
    matching = sorted((route for route in table if destination in route.network), key=lambda one: one.network.prefix)
    if not matching:
        return "No prefix matches this destination."
    names = ", ".join(f"{route.network}" for route in matching)
    if len(matching) == 1:
        return f"One prefix matches {IPv4Address(destination)}: {names}."
    return f"These match {IPv4Address(destination)}: {names}. The last has the longest prefix, so it wins."


# ---- 8.2: the ways to get it wrong --------------------------------------------------------------------------------


def first_match(table: list[Route], destination: bytes) -> Route | None:
    return next((route for route in table if destination in route.network), None)


def last_match(table: list[Route], destination: bytes) -> Route | None:
    return first_match(table[::-1], destination)


def shortest_match(table: list[Route], destination: bytes) -> Route | None:
    return min((route for route in table if destination in route.network), key=lambda one: one.network.prefix,
               default=None)  # fmt: skip


def default_only_last(table: list[Route], destination: bytes) -> Route | None:
    """The first match, but for the default route, which is taken when nothing else is."""
    return first_match(sorted(table, key=lambda route: not route.network.prefix), destination)


def without_default(table: list[Route], destination: bytes) -> Route | None:
    return longest_match([route for route in table if route.network.prefix], destination)


def most_bits_alike(table: list[Route], destination: bytes) -> Route | None:
    def alike(route: Route) -> int:
        return 32 - (route.network.bits ^ int.from_bytes(destination, "big")).bit_length()

    return max(table, key=alike, default=None)


def whole_bytes(table: list[Route], destination: bytes) -> Route | None:
    def fits(route: Route) -> bool:
        count = route.network.prefix // 8
        return destination[:count] == route.network.address[:count]

    return max((route for route in table if fits(route)), key=lambda route: route.network.prefix, default=None)


def like(cause: str, wrong: Any) -> Mistake:
    """A mistake that is recognised by the route that comes back."""
    return Mistake(f"It looks as if {cause}",
                   when=lambda args, expected, got: same_route(wrong(*args), got))  # fmt: skip


LONGEST_MATCH = Exercise(
    number="8.2",
    name="longest_match",
    points=3,
    summary="The route that a router takes for a destination.",
    signature="longest_match(routes: list[Route], destination: bytes) -> Route | None",
    rfc="RFC 1812 section 5.2.4.3",
    reference=longest_match,
    equal=same_route,
    show=show,
    inputs=questions,
    pinned={
        "one route that matches": ([EIGHT], a("10.1.2.3")),
        "one that does not": ([EIGHT], a("11.0.0.0")),
        "no route at all": ([], a("10.0.0.1")),
        "the default route matches everything": ([DEFAULT], a("255.255.255.255")),
        "the longer prefix comes first": ([EIGHT, DEFAULT], a("10.0.0.1")),
        "the longer prefix comes last": ([DEFAULT, EIGHT], a("10.0.0.1")),
        "the longer one lies beside": ([EIGHT, PAIR, DEFAULT], a("10.0.0.4")),
        "a /31": ([DEFAULT, PAIR, EIGHT], a("10.0.0.2")),
        "a /32 in a /31": (ALL, a("10.0.0.3")),
        "in the middle of the list": ([EIGHT, PAIR, DEFAULT], a("10.0.0.3")),
        "the last address": ([DEFAULT, r("255.255.255.255/32", None, 2)], a("255.255.255.255")),
        "the first address": ([r("0.0.0.0/32", None, 2), DEFAULT], a("0.0.0.0")),
        "the upper half of all addresses": ([r("128.0.0.0/1", "192.0.2.2", 2), DEFAULT], a("128.0.0.0")),
    },
    mistakes=[
        like("the first route that matches wins. The order of the list means nothing: the longest prefix wins.",
             first_match),
        like("the last route that matches wins. The order of the list means nothing: the longest prefix wins.",
             last_match),
        like("the shortest prefix wins: the longer one says more, so it goes before.", shortest_match),
        like("a /0 never matches. It asks for no bits at all, so every address matches it: mind 0 as a truth value, "
             "and shifts by 32.", without_default),
        like("the order counts, but for the default route. All others have to be compared, too.", default_only_last),
        like("whole bytes are compared: a prefix of 9 bits ends in the middle of one.", whole_bytes),
        like("the route wins that has the most bits in common. All bits of the prefix have to be the same, and no "
             "others count.", most_bits_alike),
        Mistake("It looks as if a route is taken although it does not match: without one, the answer is None.",
                when=lambda args, expected, got: expected is None and in_words(got) is not None),
    ],
    without=("netlib.internet.routes", "netlib.internet.trie", "netlib.wire.address.IPv4Network"),
    why=why_route,
)  # fmt: skip


# ---- 8.3 ----------------------------------------------------------------------------------------------------------


class Listed(Routes):
    """A table from whose wrong relatives the mistakes are made."""


class NoWayBack(NetlibTrie):
    """Where the bits end is the answer, whether there is a route or not."""

    def lookup(self, destination: bytes) -> Route | None:
        *_, last = self.walk(destination)
        return last.route


class FirstOnTheWay(NetlibTrie):
    def lookup(self, destination: bytes) -> Route | None:
        return next(iter(self.matches(destination)), None)


class ForgetsTheRoot(NetlibTrie):
    def lookup(self, destination: bytes) -> Route | None:
        found = super().lookup(destination)
        return found if found and found.network.prefix else None


class StopsBefore32(NetlibTrie):
    def lookup(self, destination: bytes) -> Route | None:
        return next((found for found in self.matches(destination)[::-1] if found.network.prefix < 32), None)


class KeepsTheFirst(Listed):
    def add(self, route: Route) -> None:
        if all(route.network != known.network for known in self.table):
            super().add(route)


class RemovesWhatIsInside(Listed):
    def remove(self, network: IPv4Network) -> None:
        self.table = [known for known in self.table if not network.covers(known.network)]

    def add(self, route: Route) -> None:
        super().remove(route.network)
        self.table.append(route)
        self.table.sort(key=lambda known: -known.network.prefix)


class RemovesTheMatch(Listed):
    """What the network's first address would take is removed."""

    def remove(self, network: IPv4Network) -> None:
        found = self.lookup(network.address)
        self.table = [known for known in self.table if known != found]

    def add(self, route: Route) -> None:
        super().remove(route.network)
        self.table.append(route)
        self.table.sort(key=lambda known: -known.network.prefix)


class NeverRemoves(NetlibTrie):
    def remove(self, network: IPv4Network) -> None:
        return None


class ByAddressOnly(Listed):
    """10.0.0.0/8 and 10.0.0.0/31 have the same address: one key for both."""

    def add(self, route: Route) -> None:
        self.table = [known for known in self.table if known.network.bits != route.network.bits]
        super().add(route)


def why_steps(case: Any) -> str:
    """What each lookup has to find, and in which step."""
    table, said = Routes(), []
    for number, (method, argument) in enumerate(case, 1):
        if method == "lookup":
            said.append((number, said_of(list(table), argument)))
        else:
            getattr(table, method)(argument)
    if not said:
        return "add and remove return nothing; removing what is not there does nothing."
    return said[0][1] if len(said) == 1 else " ".join(f"Step {number}: {words}" for number, words in said)


def gloss(step: Any) -> str:
    method, argument = step
    if method == "add":
        return in_words(argument) or ""
    return f"{argument}"


class RoutesInWords(StatefulExercise):
    """What a step returns is taken as text, as `ip route` would write it: a `Route` is no plain data."""

    def take_step(self, made: Any, method: str, args: list[Any]) -> Any:
        value = super().take_step(made, method, args)
        if method != "lookup":
            return None
        return "no route (None)" if value is None else in_words(value) or f"{value!r:.200}, which is no route"


@st.composite
def changes_and_questions(draw: Any) -> list[Any]:
    """Routes that come and go, and lookups of addresses that they are about."""
    pool = draw(st.lists(networks, min_size=1, max_size=6, unique=True))
    one_network = st.sampled_from(pool)
    one_route = st.builds(Route, one_network, st.sampled_from(GATEWAYS), st.integers(0, 3))
    where = st.builds(at_the_edge, one_network, st.sampled_from([0, 0, 1, 1, 2, 3])) | roots
    step = st.one_of(
        one_route.map(lambda route: ("add", route)),
        one_route.map(lambda route: ("add", route)),
        where.map(lambda address: ("lookup", address)),
        where.map(lambda address: ("lookup", bytes(address))),
        one_network.map(lambda network: ("remove", network)),
    )
    steps = draw(st.lists(step, max_size=12))
    return [*steps, ("lookup", draw(where))]


def adds(*table: Route) -> list[Any]:
    return [("add", route) for route in table]


TRIE = RoutesInWords(
    number="8.3",
    name="Trie",
    points=5,
    summary="A routing table that finds the longest prefix in 32 steps, however many routes it has.",
    signature="Trie()",
    rfc="RFC 1812 section 5.2.4.3",
    reference=Trie,
    show=show,
    inputs=changes_and_questions(),
    pinned={
        "an empty table": [("lookup", a("10.0.0.1"))],
        "one route": [*adds(EIGHT), ("lookup", a("10.1.2.3")), ("lookup", a("11.0.0.0"))],
        "destinations are four bytes": [*adds(EIGHT), ("lookup", bytes((10, 1, 2, 3)))],
        "the default route": [*adds(DEFAULT), ("lookup", a("0.0.0.0")), ("lookup", a("255.255.255.255"))],
        "/0, /8, /31 and /32": [*adds(*ALL), *(("lookup", a(text)) for text in
                                ("11.0.0.0", "10.0.0.4", "10.0.0.2", "10.0.0.3", "10.0.0.1"))],
        "the same, in the opposite order": [*adds(*ALL[::-1]), *(("lookup", a(text)) for text in
                                            ("11.0.0.0", "10.0.0.4", "10.0.0.2", "10.0.0.3"))],
        "the bits go on, the routes do not": [*adds(EIGHT, ONE), ("lookup", a("10.0.0.2"))],
        "the same network again": [*adds(EIGHT, r("10.0.0.0/8", None, 3)), ("lookup", a("10.0.0.1"))],
        "the same first address, other lengths": [
            *adds(EIGHT, r("10.0.0.0/31", None, 3)), ("lookup", a("10.0.0.1")), ("lookup", a("10.0.0.2"))],
        "removed: the wider one is back": [
            *adds(*ALL), ("remove", ONE.network), ("lookup", a("10.0.0.3")), ("remove", PAIR.network),
            ("lookup", a("10.0.0.3")), ("remove", EIGHT.network), ("lookup", a("10.0.0.3")),
            ("remove", DEFAULT.network), ("lookup", a("10.0.0.3"))],
        "removed: what is inside stays": [
            *adds(*ALL), ("remove", EIGHT.network), ("lookup", a("10.0.0.3")), ("lookup", a("10.0.0.4"))],
        "removing what is not there": [("remove", EIGHT.network), *adds(PAIR), ("remove", EIGHT.network),
                                       ("remove", ONE.network), ("lookup", a("10.0.0.3"))],
        "removing twice": [*adds(DEFAULT, EIGHT), ("remove", EIGHT.network), ("remove", EIGHT.network),
                           ("lookup", a("10.0.0.3"))],
        "removed, and added again": [*adds(EIGHT), ("remove", EIGHT.network), *adds(EIGHT), ("lookup", a("10.0.0.3"))],
        "the two ends of all addresses": [
            *adds(r("0.0.0.0/32", None, 1), r("255.255.255.255/32", None, 2)), ("lookup", a("0.0.0.0")),
            ("lookup", a("255.255.255.255")), ("lookup", a("255.255.255.254"))],
    },
    mistakes=[
        Mistake("It looks as if the end of the walk is the answer. The bits may lead further than the routes do: "
                "remember the last route that you came past.", NoWayBack),
        Mistake("It looks as if the first route on the way wins: the walk goes on, and a longer prefix may come.",
                FirstOnTheWay),
        Mistake("It looks as if the default route is lost. Its prefix has no bits, so it is the root's own.",
                ForgetsTheRoot),
        Mistake("It looks as if the walk is one step short: a /32 has 32 bits, and 33 nodes on its way.",
                StopsBefore32),
        Mistake("It looks as if the first route for a network stays: a new one for the same network replaces it.",
                KeepsTheFirst),
        Mistake("It looks as if everything below goes with a network that is removed: the routes inside stay.",
                RemovesWhatIsInside),
        Mistake("It looks as if something is removed that only matches: remove is for exactly this network.",
                RemovesTheMatch),
        Mistake("It looks as if nothing is ever removed.", NeverRemoves),
        Mistake("It looks as if 10.0.0.0/8 and 10.0.0.0/31 are the same network to you: the length belongs to it.",
                ByAddressOnly),
    ],
    without=("netlib.internet.routes", "netlib.internet.trie", "netlib.wire.address.IPv4Network"),
    why=why_steps,
    gloss=gloss,
)  # fmt: skip
