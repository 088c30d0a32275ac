"""Exercise 1.4: a client that asks until somebody answers, or until it gives up.

Client and server are 50 ms apart in a simulation.  The server does what a list of events says with the copies of the
request that reach it, one event for each; when the list is over it is silent.
"""

import json
from typing import Any

from hypothesis import strategies as st

from netlib.apps.ping import ping
from netlib.exercises.client_server_methods import METHODS
from netlib.exercises.client_server_peers import TIMED_OUT, call, dispatch
from netlib.grading import Mistake, Scenario
from netlib.grading.exercise import MISSING, describe_type
from netlib.host import Host
from netlib.kernel.sockets import DATAGRAM
from netlib.wire.udp import UDPDatagram
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import now, readable, sleep

ONE_WAY = 0.025  # seconds
PATIENCE = 60.0  # seconds of simulated time for one call
NEAR = 0.02  # seconds: as exact as a client has to be
SERVER, PORT = "10.0.0.2", 7000

EVENTS = {
    "reply": "it answers copy {}",
    "silence": "copy {} is lost",
    "late": "it answers copy {} 3 s late",
    "other": "to copy {} it sends the answer to another call, and no more",
    "other first": "to copy {} it sends the answer to another call first, and then this one's",
    "junk": "to copy {} it sends a datagram that is no JSON, and then the answer",
    "not a reply": "to copy {} it sends JSON that is no reply, and then the answer",
    "twice": "it answers copy {} twice",
}
LATE = 3.0


def one_call(
    student: Any, events: list[str], id: str, method: str, params: list[Any], timeout: float, tries: int
) -> dict[str, Any]:
    """What came of one call, when its requests were sent, and what was on the link."""
    sim = Simulation(seed=1)
    client, server = sim.host("client"), sim.host("server")
    link = sim.link((client, "10.0.0.1/24"), (server, f"{SERVER}/24"), delay=ONE_WAY)
    sim.run(ping(client, SERVER, count=1))  # ARP is over by now
    capture = sim.capture(link)
    came: list[tuple[float, bytes]] = []
    start = sim.now
    sim.spawn(scripted(server, sim, list(events), came))
    socket = client.socket(DATAGRAM)
    socket.connect(SERVER, PORT)
    done: list[float] = []

    async def timed() -> Any:
        answer = await student(socket, id, method, params, timeout, tries)
        done.append(await now() - start)
        return answer

    answer = sim.run(timed(), until=start + PATIENCE)
    return {
        "answer": answer,
        "took": round(done[0], 6) if done else None,
        "sent": [(max(0.0, round(time - start - ONE_WAY, 6)), in_words(message)) for time, message in came],
        "captures": {"link": [(time - start, packet.data) for time, packet in capture if UDPDatagram in packet]},
    }


def in_words(message: bytes) -> str:
    return message.decode(errors="backslashreplace")


async def scripted(host: Host, sim: Simulation, events: list[str], came: list[tuple[float, bytes]]) -> None:
    """The server: notes what comes, and does what the next event says."""
    socket = host.socket(DATAGRAM)
    socket.bind("0.0.0.0", PORT)
    while await readable(socket):
        received = socket.receive()
        if received is None:
            continue
        message, source = received
        came.append((await now(), message))
        event = events.pop(0) if events else "silence"
        if event != "silence":
            sim.spawn(answer(socket, source, event, message))


async def answer(socket: Any, source: Any, event: str, message: bytes) -> None:
    reply = dispatch(METHODS, message)
    if event == "late":
        await sleep(LATE)
    if event.startswith("other"):
        socket.send_to(b'{"jsonrpc": "2.0", "id": "ada:999", "result": "of another call"}', source)
    if event == "junk":
        socket.send_to(b"\xff{hello", source)
    if event == "not a reply":
        socket.send_to(message, source)  # its own request, reflected: the id is right
        socket.send_to(b"[1, 2]", source)
    for _ in range(2 if event == "twice" else event != "other"):
        if reply is not None:
            socket.send_to(reply, source)


def read(message: bytes | str) -> Any:
    try:
        return json.loads(message)
    except ValueError:
        return None


def judge(args: Any, outcome: Any) -> str | None:
    """What is wrong with an outcome, beside the reference's."""
    _, number, method, params, *_ = args
    expected = one_call(call, *args)
    said, want = outcome["answer"], expected["answer"]
    times = [time for time, _ in outcome["sent"]]
    for time, message in outcome["sent"]:
        request = read(message)
        wanted = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        if request != wanted:
            return f"At {time:.3f} s this was sent: {message[:200]}. The request has to be {json.dumps(wanted)}."
    if outcome["took"] is None:
        return f"After {PATIENCE:g} s of simulated time it still waits."
    if not times:
        return "Nothing was sent."
    planned = [time for time, _ in expected["sent"]]
    if len(times) != len(planned) or any(abs(a - b) > NEAR for a, b in zip(times, planned, strict=True)):
        return f"The request was sent {at(times)}; it has to be sent {at(planned)}."
    if not isinstance(said, dict):
        return f"What comes back has to be a dict, and {describe_type(said)} came."
    if "error" in want and want["error"]["code"] == TIMED_OUT:
        error = said.get("error")
        if not isinstance(error, dict) or error.get("code") != TIMED_OUT:
            return f"Nobody answered: the error's code has to be {TIMED_OUT}, and {said!r} came back."
    elif {k: said.get(k) for k in ("result", "error")} != {k: want.get(k) for k in ("result", "error")}:
        return f"The reply was {json.dumps(want)}, and {said!r} came back."
    if abs(outcome["took"] - expected["took"]) > NEAR:
        return f"It returned after {outcome['took']:.3f} s; it has to return after {expected['took']:.3f} s."
    return None


def at(times: list[float]) -> str:
    return "at " + ", ".join(f"{time:.3f} s" for time in times)


def why(args: Any) -> str:
    events, _, _, _, timeout, tries = args
    expected = one_call(call, *args)
    count = len(expected["sent"])
    told = [EVENTS[events[i - 1] if i <= len(events) else "silence"].format(i) for i in range(1, count + 1)]
    waits = ", ".join(f"{timeout * 2**i:g} s" for i in range(tries))
    return f"The server is 25 ms away: {'; '.join(told)}. The waits are {waits}."


class Impatient:
    """Ways to get the waiting wrong, by keyword."""

    def __init__(self, **ways: Any) -> None:
        self.ways = ways

    async def __call__(self, socket: Any, id: str, method: str, params: Any, timeout: float = 1.0,
                       tries: int = 3) -> Any:  # fmt: skip
        request = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
        factor = self.ways.get("factor", 2)
        for attempt in range(tries + self.ways.get("more", 0)):
            sent = request | ({"id": f"{id}-{attempt}"} if self.ways.get("new_id") and attempt else {})
            socket.send(json.dumps(sent).encode())
            deadline = await now() + timeout * factor**attempt
            while True:
                left = timeout * factor**attempt if self.ways.get("anew") else deadline - await now()
                if left <= 0 or not await readable(socket, left):
                    break
                reply = read(socket.receive()[0])
                if self.ways.get("any") or (isinstance(reply, dict) and reply.get("id") == id):
                    return reply
                if self.ways.get("gives_in"):
                    break
        return {"error": {"code": TIMED_OUT, "message": "no reply"}}


def once_only(args: Any, expected: Any, got: Any) -> bool:
    return len(got["sent"]) == 1 and len(one_call(call, *args)["sent"]) > 1


def sent_at(**ways: Any) -> Any:
    """Recognises an answer that sends when this wrong one does."""

    def when(args: Any, expected: Any, got: Any) -> bool:
        try:
            wrong = one_call(Impatient(**ways), *args)
        except Exception:
            return False
        right = one_call(call, *args)
        times, theirs, ours = ([round(time, 1) for time, _ in each["sent"]] for each in (got, wrong, right))
        return times == theirs and (times != ours or (wrong["took"] == got["took"] != right["took"]))

    return when


events = st.lists(st.sampled_from([*EVENTS, "silence", "silence", "reply", "late"]), max_size=4)

class Judged(Scenario):
    """The judge says what is right; the reference is there for whoever has no answer yet (`mine`)."""

    def expected(self, case: bytes) -> Any:
        return MISSING


CALL = Judged(
    number="1.4",
    name="call",
    points=4,
    summary="A client that asks again while nobody answers.",
    signature="call(socket, id: str, method: str, params: list, timeout: float = 1.0, tries: int = 3) -> dict",
    rfc="RFC 5531 section 5; RFC 8085 section 3.1.3 on backing off",
    reference=call,
    run=one_call,
    judge=judge,
    inputs=st.tuples(
        events, st.sampled_from(["ada:1", "ada:7"]), st.just("add"),
        st.tuples(st.integers(0, 9), st.integers(0, 9)).map(list), st.sampled_from([0.25, 1.0]), st.integers(1, 4),
    ),
    pinned={
        "an answer": (["reply"], "ada:1", "add", [2, 3], 1.0, 3),
        "an answer that is an error": (["reply"], "ada:1", "divide", [1, 0], 1.0, 3),
        "a result of null": (["reply"], "ada:2", "echo", [None], 1.0, 3),
        "the first copy is lost": (["silence", "reply"], "ada:1", "add", [2, 3], 1.0, 3),
        "two copies are lost": (["silence", "silence", "reply"], "ada:1", "add", [2, 3], 0.25, 4),
        "nobody answers": ([], "ada:1", "add", [2, 3], 1.0, 3),
        "one try only": ([], "ada:1", "add", [2, 3], 1.0, 1),
        "the answer to the first copy comes while the second waits": (["late"], "ada:1", "add", [2, 3], 1.25, 3),
        "the answer to another call": (["other first"], "ada:1", "add", [2, 3], 1.0, 3),
        "nothing but the answer to another call": (["other", "other", "other"], "ada:1", "add", [2, 3], 0.25, 3),
        "no JSON": (["junk"], "ada:1", "add", [2, 3], 1.0, 3),
        "JSON that is no reply": (["not a reply"], "ada:1", "add", [2, 3], 1.0, 3),
    },
    mistakes=[
        Mistake("It looks as if the first datagram that comes is taken for the answer: look at its id.",
                when=lambda args, expected, got: isinstance(got["answer"], dict)
                and got["answer"].get("result") == "of another call"),
        Mistake("It looks as if a request that comes back is taken for a reply: a reply has a result or an error.",
                when=lambda args, expected, got: isinstance(got["answer"], dict) and "method" in got["answer"]),
        Mistake("It looks as if nothing is sent again.", when=once_only),
        Mistake("It looks as if every wait is as long as the first: each is twice as long as the one before.",
                when=sent_at(factor=1)),
        Mistake("It looks as if `tries` counts the repetitions: it counts the first one, too.",
                when=sent_at(more=1)),
        Mistake("It looks as if each datagram starts the wait anew: the deadline stays, whatever comes.",
                when=sent_at(anew=True)),
        Mistake("It looks as if a datagram that is not the answer ends the wait: go on waiting for the rest of it.",
                when=sent_at(gives_in=True)),
    ],
    lends={"netlib.kernel.sockets.DatagramSocket": ("readable", "send", "receive")},
    without=("netlib.exercises.client_server_peers", "netlib.apps.rpc", "netlib.apps.rpc_messages"),
    why=why,
    examples=40,
)  # fmt: skip
