"""Exercise 9.4: a request over UDP that is sent again until it is answered.

The answer is a coroutine that gets a connected socket.  The server here does to each datagram what a script says:

    answer      the id, and the data in capitals
    lose        nothing: the datagram, or its answer, was lost
    late        the answer, 1.25 times the first wait later
    later       the answer, 5.25 times the first wait later: when another request is under way
    twice       the answer, twice
    other       first something with another id, then the answer
    other late  something with another id after half the first wait, and no answer
    short       first three bytes, then the answer
    empty       an answer that is the id alone
    refuse      nobody has bound the port just now: an ICMP port unreachable comes back
"""

from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from netlib.grading import Mistake, Scenario
from netlib.host import DATAGRAM, RAW
from netlib.kernel.errors import SocketError
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import UDP
from netlib.wire.udp import UDPDatagram
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import now, readable, sleep

DELAY = 0.005  # seconds each way
PORT = 7
ENOUGH = 120.0  # simulated seconds, after which a request that has not come back is left
Requests = list[tuple[bytes, float]]  # data, and how long to rest before it is sent
ids = iter(range(1, 1 << 31))


async def reliable_request(socket: Any, data: bytes, timeout: float = 1.0, tries: int = 4) -> bytes | None:
    """Send `data` until it is answered; the answer, or None."""
    name = next(ids).to_bytes(4, "big")
    for attempt in range(tries):
        try:
            socket.send(name + data)
        except SocketError:  # the error of an earlier one: this one did not go out
            socket.send(name + data)
        end = await now() + timeout * 2**attempt
        while (left := end - await now()) > 0 and await readable(socket, left):
            try:
                received = socket.receive()
            except SocketError:  # nobody is there; perhaps soon
                continue
            if received and received[0][:4] == name:
                answer: bytes = received[0][4:]
                return answer
    return None


class Servant:
    """The server, and what it sees."""

    def __init__(self, host: Any, script: list[str], timeout: float) -> None:
        self.host, self.script, self.timeout = host, list(script), timeout
        self.seen: list[bytes] = []
        self.wire = host.socket(RAW, protocol=UDP)  # a copy of everything, also where nobody has the port
        self.socket: Any = None
        self.prepare()

    def action(self, number: int) -> str:
        return self.script[number] if number < len(self.script) else "answer"

    def prepare(self) -> None:
        """Have the port, or not, when the next datagram comes."""
        wanted = self.action(len(self.seen)) != "refuse"
        if wanted and self.socket is None:
            self.socket = self.host.socket(DATAGRAM)
            self.socket.bind("0.0.0.0", PORT)
        elif not wanted and self.socket is not None:
            self.socket.close()
            self.socket = None

    async def serve(self, spawn: Callable[[Coroutine[Any, Any, Any]], None]) -> None:
        while await readable(self.wire):
            packet = self.wire.receive()[1]
            datagram = UDPDatagram.parse(packet.payload)
            action, data = self.action(len(self.seen)), datagram.payload
            self.seen.append(data)
            if self.socket is not None:
                to = (packet.source, datagram.source_port)
                for wait, answer in replies(action, data, self.timeout):
                    spawn(self.reply(wait, answer, to))
            self.prepare()

    async def reply(self, wait: float, data: bytes, to: Any) -> None:
        await sleep(wait)
        if self.socket is not None:
            self.socket.send_to(data, to)


def replies(action: str, data: bytes, timeout: float) -> list[tuple[float, bytes]]:
    """What a server sends for a datagram: (seconds from now, bytes)."""
    name, text = data[:4], data[4:].upper()
    other = bytes(byte ^ 0x5A for byte in name)
    return {
        "answer": [(0.0, name + text)],
        "late": [(1.25 * timeout, name + text)],
        "later": [(5.25 * timeout, name + text)],
        "twice": [(0.0, name + text), (0.0, name + text)],
        "other": [(0.0, other + b"not yours"), (0.1 * timeout, name + text)],
        "other late": [(0.5 * timeout, other + b"not yours")],
        "short": [(0.0, name[:3]), (0.1 * timeout, name + text)],
        "empty": [(0.0, name)],
    }.get(action, [])


def asked(student: Any, requests: Requests, script: list[str], timeout: float = 1.0, tries: int = 4) -> Any:
    """What becomes of these requests, one after the other on one socket, and what was on the cable."""
    sim = Simulation(seed=9)
    client, server = sim.host("client"), sim.host("server")
    cable = sim.link((client, "10.0.0.1/24"), (server, "10.0.0.2/24"), delay=DELAY)
    sim.run(meet(client))
    capture = sim.capture(cable)
    servant = Servant(server, script, timeout)
    sim.spawn(servant.serve(sim.spawn))
    socket = client.socket(DATAGRAM)
    socket.connect("10.0.0.2", PORT)
    outcome: dict[str, Any] = {"results": [], "began": [], "ended": []}

    async def all_of_them() -> None:
        for data, rest in requests:
            await sleep(rest)
            outcome["began"].append(await clock())
            result = await student(socket, data, timeout, tries)
            outcome["ended"].append(await clock())
            outcome["results"].append(result)

    sim.run(all_of_them(), until=ENOUGH)
    outcome["ended"] += [None] * (len(outcome["began"]) - len(outcome["ended"]))
    talk = [c for c in capture.crossings if UDPDatagram in c.packet or ICMPMessage in c.packet]
    outcome["sent"] = [(round(c.time, 6), c.packet[UDPDatagram].payload) for c in talk
                       if c.sender == "client" and UDPDatagram in c.packet]  # fmt: skip
    outcome["captures"] = {
        "client": [(c.time if c.sender == "client" else c.arrival, c.packet.data) for c in talk],
        "server": [(c.time if c.sender == "server" else c.arrival, c.packet.data) for c in talk],
    }
    return outcome


async def clock() -> float:
    return round(await now(), 6)


async def meet(client: Any) -> None:
    """Have the MAC addresses known, so that no datagram has to wait for them."""
    socket = client.socket(DATAGRAM)
    socket.send_to(b"", ("10.0.0.2", 9))
    await sleep(0.1)
    socket.close()


# ---- what has to hold ----------------------------------------------------------------------------------------------


def ours(args: Any, outcome: Any) -> Any:
    """What netlib's own request does in the same place."""
    return asked(reliable_request, *args)


def split(args: Any, outcome: Any) -> list[list[tuple[float, bytes]]]:
    """The datagrams of each request."""
    ends = [*outcome["began"][1:], float("inf")]
    return [[(time - began, data) for time, data in outcome["sent"] if began <= time < end]
            for began, end in zip(outcome["began"], ends, strict=True)]  # fmt: skip


def comes_back(args: Any, outcome: Any) -> bool | str:
    if None in outcome["ended"]:
        return f"Request {outcome['ended'].index(None)} had not returned after {ENOUGH:g} simulated seconds."
    return True


def well_formed(args: Any, outcome: Any) -> bool | str:
    for number, (sent, (data, _)) in enumerate(zip(split(args, outcome), args[0], strict=False)):
        for time, payload in sent:
            if payload[4:] != data or len(payload) < 4:
                return (f"After {1000 * time:.0f} ms of request {number} went {payload!r}: it has to be an id of "
                        f"4 bytes, and then {data!r}.")  # fmt: skip
    return True


def one_id(args: Any, outcome: Any) -> bool | str:
    for number, sent in enumerate(split(args, outcome)):
        names = list(dict.fromkeys(payload[:4].hex() for _, payload in sent))
        if len(names) > 1:
            return f"Request {number} went out under the ids {' and '.join(names)}: all its tries have one."
    return True


def ids_differ(args: Any, outcome: Any) -> bool | str:
    seen: dict[bytes, int] = {}
    for number, sent in enumerate(split(args, outcome)):
        for name in {payload[:4] for _, payload in sent}:
            if seen.setdefault(name, number) != number:
                return f"The requests {seen[name]} and {number} have the same id {name.hex()}."
    return True


def same_schedule(args: Any, outcome: Any) -> bool | str:
    expected = ours(args, outcome)
    for number, (sent, wanted) in enumerate(zip(split(args, outcome), split(args, expected), strict=False)):
        times, right = ([round(1000 * time) for time, _ in some] for some in (sent, wanted))
        if times != right:
            said = f"was sent after {in_ms(times)}" if times else "was never sent"
            return f"Request {number} {said}; it has to be sent after {in_ms(right)}."
    return True


def in_ms(times: list[int]) -> str:
    return f"{', '.join(map(str, times))} ms"


def right_results(args: Any, outcome: Any) -> bool | str:
    expected = ours(args, outcome)
    for number, (got, wanted) in enumerate(zip(outcome["results"], expected["results"], strict=False)):
        if got != wanted or (got is not None and not isinstance(got, bytes)):
            return f"Request {number} returned {got!r:.60}; it has to return {wanted!r}."
    return True


def right_times(args: Any, outcome: Any) -> bool | str:
    expected = ours(args, outcome)
    for number, (end, wanted) in enumerate(zip(outcome["ended"], expected["ended"], strict=True)):
        if round(1000 * end) != round(1000 * wanted):
            began = expected["began"][number]
            return (f"Request {number} returned after {1000 * (end - began):.0f} ms; "
                    f"it has to return after {1000 * (wanted - began):.0f} ms.")  # fmt: skip
    return True


def why_asked(args: Any) -> str:
    _, script, *more = args
    timeout, tries = more or (1.0, 4)
    meant = "; ".join(f"{each}: {MEANING[each]}" for each in dict.fromkeys(script or ["answer"]))
    waits = ", ".join(f"{1000 * timeout * 2**number:.0f}" for number in range(tries))
    return f"The waits are {waits} ms; a round trip takes {2000 * DELAY:.0f} ms. The server's script: {meant}."


MEANING = {
    "answer": "it answers at once",
    "lose": "the datagram is lost",
    "late": "its answer comes 1.25 first waits later",
    "later": "its answer comes 5.25 first waits later",
    "twice": "its answer comes twice",
    "other": "a datagram with another id comes, and then the answer",
    "other late": "after half the first wait a datagram with another id comes, and no answer",
    "short": "3 bytes come, and then the answer",
    "empty": "its answer is the id alone",
    "refuse": "nobody has bound the port: ICMP port unreachable",
}


def waits(args: Any, got: Any) -> list[float]:
    """How long the only request waited after each datagram, in first waits; the last one may have been cut short."""
    times = [time for time, _ in got["sent"]] + got["ended"]
    timeout = args[2] if len(args) > 2 else 1.0
    return [round((later - time) / timeout, 3) for time, later in pairwise(times)] if len(args[0]) == 1 else []


def no_back_off(args: Any, expected: Any, got: Any) -> bool:
    found = waits(args, got)[: None if got["results"] == [None] else -1]
    return len(found) > 1 and len(set(found)) == 1 and found[0] > 0.1


def other_factor(args: Any, expected: Any, got: Any) -> bool:
    found = waits(args, got)[: None if got["results"] == [None] else -1]
    return not strays(args) and found[:1] == [1.0] and found != [2.0**number for number in range(len(found))]


def first_wait_too_long(args: Any, expected: Any, got: Any) -> bool:
    return not strays(args) and bool(found := waits(args, got)) and found[0] > 1


def sleeps_on(args: Any, expected: Any, got: Any) -> bool:
    right = ours(args, got)
    alike = len(got["sent"]) == len(right["sent"]) and got["results"] == right["results"]
    return alike and not strays(args) and max(out_of_step(args, got), default=0) > 0


def empty_is_none(args: Any, expected: Any, got: Any) -> bool:
    return (None, b"") in zip(got["results"], ours(args, got)["results"], strict=False)


def no_id(args: Any, expected: Any, got: Any) -> bool:
    return bool(got["sent"]) and {payload for _, payload in got["sent"]} <= {data for data, _ in args[0]}


def out_of_step(args: Any, got: Any) -> list[float]:
    """How much later than it should each datagram was sent, and each request came back (seconds)."""
    right = ours(args, got)
    pairs = zip([time for time, _ in got["sent"]], [time for time, _ in right["sent"]], strict=False)
    ends = [(end, wanted) for end, wanted in zip(got["ended"], right["ended"], strict=True) if end is not None]
    return [time - wanted for time, wanted in [*pairs, *ends] if abs(time - wanted) > 0.001]


def strays(args: Any) -> bool:
    """Whether something comes that is no answer to what was asked last."""
    names = ["other", "other late", "short", "refuse", *(["twice", "late", "later"] if len(args[0]) > 1 else [])]
    return any(action in names for action in args[1])


def wait_begins_anew(args: Any, expected: Any, got: Any) -> bool:
    return strays(args) and min(out_of_step(args, got), default=0) > 0


def wait_breaks_off(args: Any, expected: Any, got: Any) -> bool:
    return strays(args) and max(out_of_step(args, got), default=0) < 0


def takes_anything(args: Any, expected: Any, got: Any) -> bool:
    return any(result is not None and (b"not yours" in result or
                                       (len(result) < len(data) and result != data.upper()))
               for result, (data, _) in zip(got["results"], args[0], strict=False))  # fmt: skip


def keeps_the_id(args: Any, expected: Any, got: Any) -> bool:
    pairs = zip(got["results"], ours(args, got)["results"], strict=False)
    return any(result and result[4:] == wanted and len(result) == 4 + len(wanted) for result, wanted in pairs)


def takes_short(args: Any, expected: Any, got: Any) -> bool:
    late = out_of_step(args, got)
    return "short" in args[1] and None not in got["results"] and bool(late) and max(late) < 0


def takes_earlier(args: Any, expected: Any, got: Any) -> bool:
    texts = [data.upper() for data, _ in args[0]]
    results = enumerate(got["results"])
    return ids_differ(args, got) is not True or any(
        result in texts[:number] and result != texts[number] for number, result in results)  # fmt: skip


def stops_after_last(args: Any, expected: Any, got: Any) -> bool:
    right = ours(args, got)
    return [time for time, _ in got["sent"]] == [time for time, _ in right["sent"]] and any(
        end is not None and end < wanted and result is None and end == got["sent"][-1][0]
        for end, wanted, result in zip(got["ended"], right["ended"], got["results"], strict=False)
    )


# ---- what is tried ---------------------------------------------------------------------------------------------


def plan(timeout: float, tries: int, requests: list[tuple[bytes, float]], script: list[str]) -> tuple[Any, ...]:
    return [(data, rest * timeout) for data, rest in requests], script, timeout, tries


ACTIONS = ["answer", "answer", "lose", "lose", "late", "later", "twice", "other", "other late", "short", "empty",
           "refuse"]  # fmt: skip
ONE: Requests = [(b"what time is it?", 0.0)]
TWO: Requests = [(b"one", 0.0), (b"two", 0.03)]

PINNED: dict[str, Any] = {
    "it is answered": (ONE, [], 1.0, 4),
    "with the times of its own": (ONE, ["lose"]),
    "the first is lost": (ONE, ["lose"], 1.0, 4),
    "two are lost": (ONE, ["lose", "lose"], 1.0, 4),
    "nobody answers": (ONE, ["lose"] * 4, 0.5, 4),
    "one try": (ONE, ["lose"], 0.5, 1),
    "the answer to the first try comes after the second was sent": (ONE, ["late", "lose"], 1.0, 4),
    "an answer twice, and another request": (TWO, ["twice", "answer"], 1.0, 4),
    "a late answer comes to the next request": (
        [(b"one", 0.0), (b"two", 1.5)],
        ["later", "lose", "lose", "answer"],
        1.0,
        2,
    ),
    "somebody else's answer": (ONE, ["other"], 1.0, 4),
    "somebody else's answers do not make the wait longer": (ONE, ["other late"] * 3 + ["answer"], 1.0, 4),
    "three bytes": (ONE, ["short"], 1.0, 4),
    "an answer without data": (ONE, ["empty"], 1.0, 4),
    "a request without data": ([(b"", 0.0)], ["lose"], 1.0, 4),
    "nobody has the port, and then somebody has": (ONE, ["refuse", "answer"], 1.0, 4),
    "nobody has the port": (ONE, ["refuse"] * 3, 0.5, 3),
    "the error of the request before": ([(b"one", 0.0), (b"two", 1.0)], ["refuse", "answer"], 0.008, 1),
}

RELIABLE = Scenario(
    number="9.4",
    name="reliable_request",
    points=6,
    summary="A request over UDP that is sent again until it is answered, or given up.",
    signature="reliable_request(socket, data: bytes, timeout: float = 1.0, tries: int = 4) -> bytes | None",
    rfc="RFC 8085 section 3.1.3; RFC 1122 section 4.1.3.3",
    run=asked,
    inputs=st.builds(
        plan, st.sampled_from([1.0, 0.5, 2.0]), st.integers(1, 4),
        st.lists(st.tuples(st.sampled_from([b"one", b"two", b""]), st.sampled_from([0.0, 0.03, 1.5])), min_size=1,
                 max_size=3),
        st.lists(st.sampled_from(ACTIONS), max_size=8),
    ),
    pinned=PINNED,
    properties={
        "each datagram is an id of 4 bytes, and then the data": well_formed,
        "all tries of a request have the same id": one_id,
        "each request has an id of its own": ids_differ,
        "it is sent again when it should be": same_schedule,
        "each request comes back": comes_back,
        "it returns the answer, or None": right_results,
        "it returns when it should": right_times,
    },
    mistakes=[
        Mistake("It looks as if the socket is closed: it is not yours, and the next request needs it.",
                when=lambda args, expected, got: "EBADF" in getattr(got, "message", "")),
        Mistake("It looks as if the data go without an id: 4 bytes before them tell whose answer it is.", when=no_id),
        Mistake("It looks as if each try has a new id: a late answer to an earlier try is as good. Draw the id once.",
                when=lambda args, expected, got: one_id(args, got) is not True),
        Mistake("It looks as if fewer than 4 bytes are taken for an answer: an answer begins with the whole id.",
                when=takes_short),
        Mistake("It looks as if an error that has come in ends the request: catch SocketError, from send and from "
                "receive. Nobody was there then; perhaps somebody is, the next time.",
                when=lambda args, expected, got: getattr(got, "name", "") == "SocketError"),
        Mistake("It looks as if a datagram is lost where send raises: it raised the error of an earlier one, and sent "
                "nothing. Send again.",
                when=lambda args, expected, got: "refuse" in args[1] and len(got["sent"]) < len(ours(args, got)["sent"])
                and None not in got["ended"]),
        Mistake("It looks as if anything is taken for the answer: it has to begin with this request's id.",
                when=takes_anything),
        Mistake("It looks as if each wait is as long as the first: let it double.", when=no_back_off),
        Mistake("It looks as if the waits grow otherwise: each is twice the one before.", when=other_factor),
        Mistake("It looks as if the first wait is too long: that one is `timeout`.", when=first_wait_too_long),
        Mistake("It looks as if the wait begins anew with whatever comes: work out its end once, when you have sent.",
                when=wait_begins_anew),
        Mistake("It looks as if whatever comes ends the wait: go on waiting, until its end, for this request's answer.",
                when=wait_breaks_off),
        Mistake("It looks as if the answer to an earlier request is taken: each request needs an id of its own.",
                when=takes_earlier),
        Mistake("It looks as if the id is left on the answer: return what stands behind it.", when=keeps_the_id),
        Mistake("It looks as if it gives up when it has sent the last try: that one can be answered, too.",
                when=stops_after_last),
        Mistake("It looks as if an answer without data is none: b'' is false, yet an answer.", when=empty_is_none),
        Mistake("It looks as if it sleeps to the end of the wait: return when the answer is there.", when=sleeps_on),
    ],
    without=("netlib.apps.rpc", "netlib.exercises.udp_reliable"),
    lends={"netlib.kernel.sockets.DatagramSocket":
           ("bind", "connect", "send", "send_to", "receive", "readable", "error", "address", "peer", "close")},
    why=why_asked,
    reproduce=lambda args: f"from netlib.exercises.udp_reliable import asked; asked(reliable_request, *{args})",
    show=lambda value: repr(value) if isinstance(value, list | bytes) else None,
    examples=25,
)  # fmt: skip
