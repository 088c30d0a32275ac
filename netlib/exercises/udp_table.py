"""Exercise 9.2: which socket gets a datagram.

A case is a list of steps on sockets with letters for names; the endpoints themselves stay on this side and are lent to
the answer, so that two sockets that look alike are two, as in a host.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from netlib.grading import Mistake, StatefulExercise
from netlib.grading.carry import take_steps
from netlib.kernel.table import UDPTable, score
from netlib.transport.udp import Endpoint
from netlib.wire.address import IPv4Address
from netlib.wire.address6 import IPv6Address

ANY, HERE, ALSO, LOOP = "0.0.0.0", "10.0.0.2", "10.0.0.3", "127.0.0.1"
THERE, ELSEWHERE = "10.0.0.1", "10.0.0.9"
SIX, SIX_ANY, SIX_THERE = "2001:db8::2", "::", "2001:db8::1"
Steps = list[tuple[Any, ...]]


def number(text: str) -> Any:
    return IPv6Address(text) if ":" in text else IPv4Address(text)


def add(name: str, address: str, port: int, peer: str | None = None, peer_port: int = 0) -> tuple[Any, ...]:
    return ("add", name, address, port) if peer is None else ("add", name, address, port, peer, peer_port)


def come(source: str, source_port: int, destination: str, destination_port: int) -> tuple[Any, ...]:
    return ("lookup", source, source_port, destination, destination_port)


def taking(endpoints: dict[str, Endpoint]) -> Callable[[Any, str, list[Any]], Any]:
    """How a step is taken on a table; `endpoints` are those that it has, by name."""
    gone: dict[str, Endpoint] = {}

    def take(table: Any, method: str, args: list[Any]) -> Any:
        if method == "lookup":
            source, source_port, destination, destination_port = args
            found = table.lookup(number(source), source_port, number(destination), destination_port)
            if found is None:
                return "nobody"
            known = {**{f"{name}, which is closed": each for name, each in gone.items()}, **endpoints}
            names = [name for name, endpoint in known.items() if endpoint is found]
            return f"socket {names[0]}" if names else ["no endpoint at all", found]
        name, *ends = args
        if method == "add":
            address, port, *peer = ends
            endpoint = Endpoint(number(address), port, *([number(peer[0]), peer[1]] if peer else []))
            endpoints[name] = endpoint
            table.add(endpoint)
        else:
            gone[name] = endpoints.pop(name)
            table.remove(gone[name])
        return None

    return take


def play(table: Callable[[], Any], steps: Steps) -> list[Any]:
    """What each step gives on a table of this class: the line that shows a counterexample again."""
    take, made = taking({}), table()
    return [take(made, method, list(args)) for method, *args in steps]


class OnEndpoints(StatefulExercise):
    """Steps name sockets; their endpoints are lent."""

    def attempt(self, student: Callable[..., Any], case: Any) -> list[list[Any]]:
        return take_steps(student, case, taking({}))


# ---- what is tried -------------------------------------------------------------------------------------------------

bound = st.tuples(st.sampled_from([ANY, ANY, HERE, ALSO, LOOP]), st.sampled_from([53, 7000]))
connected = st.tuples(st.sampled_from([HERE, ALSO]), st.sampled_from([53, 7000]),
                      st.sampled_from([THERE, ELSEWHERE]), st.sampled_from([40000, 40001]))  # fmt: skip
bound6 = st.tuples(st.sampled_from([SIX_ANY, SIX]), st.sampled_from([53, 7000]))
sockets = st.one_of(bound, bound, connected, connected, bound6)
datagrams = st.one_of(
    *[st.tuples(st.sampled_from([THERE, THERE, ELSEWHERE]), st.sampled_from([40000, 40000, 40001]),
                st.sampled_from([HERE, HERE, ALSO, LOOP]), st.sampled_from([53, 53, 7000, 9]))] * 4,
    st.tuples(st.just(SIX_THERE), st.just(40000), st.just(SIX), st.sampled_from([53, 7000])),
)  # fmt: skip
actions = st.one_of(
    st.tuples(st.just("add"), sockets), st.tuples(st.just("add"), sockets),
    st.tuples(st.just("remove"), st.integers(0, 5)),
    *[st.tuples(st.just("lookup"), datagrams)] * 3,
)  # fmt: skip


def made_steps(plan: list[tuple[str, Any]]) -> Steps:
    """Steps out of a plan: each socket gets a letter, only those that are there are removed."""
    steps: Steps = []
    there: list[str] = []
    for what, value in plan:
        if what == "add" and len(there) < 20:
            name = chr(ord("a") + sum(step[0] == "add" for step in steps))
            there.append(name)
            steps.append(add(name, *value))
        elif what == "remove" and there:
            steps.append(("remove", there.pop(value % len(there))))
        elif what == "lookup":
            steps.append(come(*value))
    return steps or [come(THERE, 40000, HERE, 53)]


FROM_THERE = come(THERE, 40000, HERE, 53)
PINNED: dict[str, Steps] = {
    "no socket at all": [FROM_THERE],
    "a socket on the port": [add("a", ANY, 53), FROM_THERE],
    "a socket on another port": [add("a", ANY, 7000), FROM_THERE],
    "an address before the wildcard": [add("a", HERE, 53), add("b", ANY, 53), FROM_THERE],
    "the wildcard takes the rest": [add("a", ANY, 53), add("b", HERE, 53), come(THERE, 40000, ALSO, 53)],
    "another address of the host is another address": [add("a", ALSO, 53), FROM_THERE],
    "a connected socket before all": [
        add("a", HERE, 53, THERE, 40000), add("b", HERE, 53), add("c", ANY, 53), FROM_THERE],
    "a connected socket takes nobody else's": [add("a", HERE, 53, THERE, 40000), come(ELSEWHERE, 40000, HERE, 53)],
    "nor what comes from another port of its peer": [
        add("a", HERE, 53, THERE, 40000), come(THERE, 40001, HERE, 53)],
    "nor what is for another address": [add("a", HERE, 53, THERE, 40000), come(THERE, 40000, ALSO, 53)],
    "two clients, a socket for each": [
        add("a", HERE, 53, THERE, 40000), add("b", HERE, 53, THERE, 40001), FROM_THERE, come(THERE, 40001, HERE, 53)],
    "the newest of several": [add("a", ANY, 53), add("b", ANY, 53), FROM_THERE],
    "the newest is closed": [add("a", ANY, 53), add("b", ANY, 53), ("remove", "b"), FROM_THERE],
    "an older one is closed": [add("a", ANY, 53), add("b", ANY, 53), add("c", ANY, 53), ("remove", "a"), FROM_THERE],
    "the connected one is closed": [add("a", ANY, 53), add("b", HERE, 53, THERE, 40000), ("remove", "b"), FROM_THERE],
    "all are closed": [add("a", ANY, 53), ("remove", "a"), FROM_THERE],
    "IPv6 is no business of an IPv4 socket": [add("a", ANY, 53), come(SIX_THERE, 40000, SIX, 53)],
    "and the other way round": [add("a", SIX_ANY, 53), FROM_THERE],
    "both versions": [add("a", ANY, 53), add("b", SIX_ANY, 53), FROM_THERE, come(SIX_THERE, 40000, SIX, 53)],
}  # fmt: skip


class Listed:
    """The rules one after the other, so that wrong answers can leave one out."""

    def __init__(self) -> None:
        self.bound: list[Endpoint] = []

    def add(self, endpoint: Endpoint) -> None:
        self.bound.append(endpoint)

    def remove(self, endpoint: Endpoint) -> None:
        self.bound = [known for known in self.bound if known is not endpoint]

    def rank(self, endpoint: Endpoint) -> tuple[bool, ...]:
        return endpoint.peer is not None, any(endpoint.address)

    def takes(self, e: Endpoint, source: bytes, source_port: int, destination: bytes, destination_port: int) -> bool:
        return e.takes(source, source_port, destination, destination_port)

    def lookup(self, *ends: Any) -> Endpoint | None:
        best = None
        for endpoint in self.bound:
            if self.takes(endpoint, *ends) and (best is None or self.rank(endpoint) >= self.rank(best)):
                best = endpoint
        return best


class OldestFirst(Listed):
    def lookup(self, *ends: Any) -> Endpoint | None:
        self.bound.reverse()
        found = super().lookup(*ends)
        self.bound.reverse()
        return found


class NewestWhatever(Listed):
    def rank(self, endpoint: Endpoint) -> tuple[bool, ...]:
        return ()


class PortAlone(Listed):
    def takes(self, e: Endpoint, source: bytes, source_port: int, destination: bytes, destination_port: int) -> bool:
        return e.port == destination_port


class AnyPeer(Listed):
    def takes(self, e: Endpoint, source: bytes, source_port: int, destination: bytes, destination_port: int) -> bool:
        if e.peer is not None:
            return e.port == destination_port and e.address == destination
        return e.takes(source, source_port, destination, destination_port)


class PeerAddressAlone(Listed):
    def takes(self, e: Endpoint, source: bytes, source_port: int, destination: bytes, destination_port: int) -> bool:
        return e.takes(source, e.peer_port if e.peer else source_port, destination, destination_port)


class AnyVersion(Listed):
    def takes(self, e: Endpoint, source: bytes, source_port: int, destination: bytes, destination_port: int) -> bool:
        wildcard = not any(e.address) and e.port == destination_port and e.peer is None
        return wildcard or e.takes(source, source_port, destination, destination_port)


class NeverForgets(Listed):
    def remove(self, endpoint: Endpoint) -> None:
        pass


class ForgetsAlike(Listed):
    def remove(self, endpoint: Endpoint) -> None:
        alike = (endpoint.address, endpoint.port, endpoint.peer, endpoint.peer_port)
        self.bound = [e for e in self.bound if (e.address, e.port, e.peer, e.peer_port) != alike]


def why_steps(case: Any) -> str:
    """Which sockets would take the last datagram, and which rule chose."""
    step = case[-1]
    if step[0] != "lookup":
        return "add and remove return nothing."
    endpoints: dict[str, Endpoint] = {}
    take = taking(endpoints)
    for method, *args in case[:-1]:
        if method != "lookup":
            take(Listed(), method, args)
    ends = number(step[1]), step[2], number(step[3]), step[4]
    scores = {name: score(endpoint, *ends) for name, endpoint in endpoints.items()}
    suited = {name: points for name, points in scores.items() if points is not None}
    if not suited:
        return "No socket takes this datagram."
    best = max(suited.values())
    first = [name for name, points in suited.items() if points == best]
    names = ", ".join(f"{name} ({endpoints[name]})" for name in suited)
    if len(suited) == 1:
        return f"The only socket that takes it is {names}."
    rule = {0: "both are wildcards", 1: "one bound to this address comes before a wildcard",
            2: "a connected one comes first", 3: "a connected one comes first"}[best]  # fmt: skip
    newest = f", and of {' and '.join(first)} the newest" if len(first) > 1 else ""
    return f"It would suit {names}: {rule}{newest}."


def reproduce(case: Any) -> str:
    return f"from netlib.exercises.udp_table import play; play(UdpTable, {list(case)!r})"


def gloss(step: Any) -> str:
    if step[0] == "lookup":
        return f"a datagram from {step[1]} port {step[2]} to {step[3]} port {step[4]}"
    if step[0] == "remove":
        return f"socket {step[1]} is closed"
    _, name, address, port, *peer = step
    told = f"socket {name}, bound to {address} port {port}"
    return f"{told}, connected to {peer[0]} port {peer[1]}" if peer else told


TABLE = OnEndpoints(
    number="9.2",
    name="UdpTable",
    points=4,
    summary="Which of a host's sockets gets a datagram.",
    signature="UdpTable()",
    rfc="RFC 768; Linux, net/ipv4/udp.c: compute_score",
    reference=UDPTable,
    inputs=st.lists(actions, min_size=1, max_size=10).map(made_steps),
    pinned=PINNED,
    gloss=gloss,
    mistakes=[
        Mistake("It looks as if the port alone decides: addresses, and the peer of a connected socket, count too.",
                PortAlone),
        Mistake("It looks as if the oldest wins where several suit equally: it is the newest.", OldestFirst),
        Mistake("It looks as if the newest wins whatever it is: first counts how well a socket suits.",
                NewestWhatever),
        Mistake("It looks as if a connected socket takes anybody's datagrams: it takes its peer's, from its peer's "
                "port.", AnyPeer),
        Mistake("It looks as if the peer's port is not looked at: two programs on one host are two peers.",
                PeerAddressAlone),
        Mistake("It looks as if a wildcard takes both IP versions: addresses have to be of the same length.",
                AnyVersion),
        Mistake("It looks as if sockets are never removed.", NeverForgets),
        Mistake("It looks as if remove takes out all that look alike: it takes out this one endpoint.", ForgetsAlike),
    ],
    without=("netlib.kernel.table", "netlib.transport.udp", "netlib.exercises.udp_table"),
    lends={"netlib.transport.udp.Endpoint":
           ("address", "port", "peer", "peer_port", "reuse_port", "is_wildcard", "is_connected")},
    allowing=("netlib.transport.udp.Endpoint.is_wildcard", "netlib.transport.udp.Endpoint.is_connected"),
    why=why_steps,
    reproduce=reproduce,
    examples=120,
)  # fmt: skip
