"""Remote procedure calls in the simulated world: lost, repeated and late calls, errors as values, framing."""

from contextlib import suppress
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds.networks import pair

from netlib.apps.rpc import DATAGRAM, Answer, AtMostOnce, Client, RPCError, Served, serve
from netlib.apps.rpc_messages import (
    CALL,
    ERROR,
    LONGEST,
    RESULT,
    Frames,
    Message,
    call_message,
    error_message,
    frame,
    result_message,
)
from netlib.host import Host
from netlib.wire.errors import FieldOverflow, Malformed, Truncated, WireError
from netlib.wire.udp import UDPDatagram
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import now, readable, sleep


class Counter:
    """A procedure that must not run twice."""

    def __init__(self) -> None:
        self.ran: list[Any] = []

    def __call__(self, what: Any = None) -> int:
        self.ran.append(what)
        return len(self.ran)


async def slow(seconds: float) -> str:
    await sleep(seconds)
    return "done"


def broken() -> None:
    raise LookupError("no such page")


PROCEDURES = {"add": lambda a, b: a + b, "slow": slow, "broken": broken, "set": lambda: {1}, "long": lambda n: "x" * n}


def world(procedures: Any = PROCEDURES, **link: Any) -> tuple[Simulation, Host, Host, Any, Served]:
    sim, a, b, cable = pair(**link)
    served = Served()
    sim.spawn(serve(b, procedures, port=7000, served=served))
    return sim, a, b, cable, served


async def call(host: Host, *calls: tuple[Any, ...], port: int = 7000, **options: Any) -> list[Answer]:
    with Client(host, "10.0.0.2", port, **options) as client:
        return [await client.call(*each) for each in calls]


def test_calls_and_their_errors_are_values() -> None:
    sim, a, _, _, served = world(delay=0.025)
    answers = sim.run(
        call(a, ("add", 2, 3), ("add", "a", 1), ("add", 1), ("broken",), ("set",), ("nothing",), ("long", 10**6))
    )
    assert [answer.error for answer in answers] == [
        None, "FAILED", "BAD_ARGUMENTS", "FAILED", "FAILED", "NO_SUCH_PROCEDURE", "TOO_LONG",
    ]  # fmt: skip
    assert (answers[0].value, str(answers[0]), answers[0].insist()) == (5, "5", 5)
    assert str(answers[3]) == "FAILED: LookupError: no such page"
    assert str(answers[5]) == "NO_SUCH_PROCEDURE: 'nothing': here are add, broken, long, set, slow"
    with pytest.raises(RPCError, match=r"^BAD_ARGUMENTS: add: missing a required argument: 'b'$"):
        answers[2].insist()
    assert [round(answer.time, 6) for answer in answers] == [0.1] + [0.05] * 6  # the first waits for ARP as well
    assert (served.executed, served.repeated) == (7, 0)


def test_the_answer_takes_a_round_trip_and_the_work_whatever_the_size() -> None:
    sim, a, _, _, _ = world(delay=0.025)
    _, small, large, long = sim.run(call(a, ("add", 1, 2), ("add", "x", "y"), ("add", "x" * 1000, ""), ("slow", 0.2)))
    assert [round(answer.time, 6) for answer in (small, large, long)] == [0.05, 0.05, 0.25]
    assert long.value == "done"


def test_a_result_of_many_fragments_arrives() -> None:
    sim, a, _, _, _ = world()
    [answer] = sim.run(call(a, ("long", 60_000)))
    assert len(answer.value) == 60_000


def test_nobody_there_is_refused_silence_is_a_timeout() -> None:
    sim, a, _, cable, _ = world()
    [answer] = sim.run(call(a, ("add", 1, 2), port=7001))
    assert (answer.error, answer.attempts) == ("REFUSED", 1)
    start = sim.now
    cable.loss = 1.0
    [answer] = sim.run(call(a, ("add", 1, 2), timeout=0.5, retries=2, backoff=3.0))
    assert (answer.error, answer.attempts, answer.time, sim.now - start) == ("TIMEOUT", 3, 6.5, 6.5)  # 0.5 + 1.5 + 4.5
    [answer] = sim.run(call(a, ("add", "x" * LONGEST, "")))
    assert (answer.error, answer.attempts) == ("TOO_LONG", 0)


def test_a_call_that_is_lost_is_sent_again_with_the_same_number() -> None:
    sim, a, _, cable, _ = world(drop={2, 4})  # 1 is ARP, so: the call, then (the reply's direction) another
    capture = sim.capture(cable)
    [answer] = sim.run(call(a, ("add", 1, 2), timeout=0.1))
    calls = [p[UDPDatagram] for _, p in capture if UDPDatagram in p and p[UDPDatagram].destination_port == 7000]
    assert answer.value == 3 and answer.attempts == len(calls) >= 2
    assert len({bytes(datagram.payload) for datagram in calls}) == 1


def test_a_lost_reply_is_repeated_and_the_procedure_not() -> None:
    count = Counter()
    sim, a, b, _, served = world({"count": count})
    sim.run(call(a, ("count", 0)))
    received = b.udp.dropped  # b loses what it sends: its next three replies
    send, lost = b.internet.send, [3]

    def lossy(packet: Any, at: float) -> None:
        if lost[0] and packet.protocol == 17:
            lost[0] -= 1
        else:
            send(packet, at)

    b.internet.send = lossy  # type: ignore[method-assign]
    [answer] = sim.run(call(a, ("count", 1), timeout=0.1))
    assert (answer.value, answer.attempts, count.ran) == (2, 4, [0, 1])
    assert (served.executed, served.repeated, received) == (2, 3, {})


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.3, 0.5]), st.sampled_from([0.01, 0.06, 0.3]))
def test_whatever_is_lost_nothing_runs_twice(seed: int, loss: float, delay: float) -> None:
    """With a timeout below the round trip, every call is sent several times besides."""
    count = Counter()
    sim, a, _, _, served = world({"count": count}, seed=seed, loss=loss, delay=delay)
    answers = sim.run(call(a, *(("count", number) for number in range(12)), timeout=0.1, retries=5))
    assert len(set(count.ran)) == len(count.ran) == served.executed
    for number, answer in enumerate(answers):
        assert answer.error in (None, "TIMEOUT")
        if not answer.error:
            assert number in count.ran and answer.value == count.ran.index(number) + 1


def test_two_calls_at_a_time_of_one_client() -> None:
    sim, a, _, _, _ = world(delay=0.01)
    client = Client(a, "10.0.0.2", 7000, timeout=5.0)

    async def ask(first: float, name: str, *arguments: Any) -> tuple[Any, float]:
        await sleep(first)
        return (await client.call(name, *arguments)).value, round(await now(), 3)

    async def other() -> None:
        results.append(await ask(0.1, "add", 1, 2))

    results: list[Any] = []
    assert sim.run(ask(0.0, "slow", 1.0), other()) == ("done", 1.04)
    assert results == [(3, 1.04)]  # this server does one after the other


def test_a_later_call_that_comes_first_does_not_shut_out_an_earlier_one() -> None:
    sim, a, _, cable, _ = world()
    client = Client(a, "10.0.0.2", 7000, timeout=0.5)

    async def later() -> None:
        await sleep(0.2)
        cable.loss = 0.0
        assert (await client.call("add", 2, 2)).value == 4

    assert sim.run(client.call("add", 1, 1)).value == 2
    cable.loss = 1.0
    answer = sim.run(client.call("add", 3, 3), later())
    assert (answer.value, answer.attempts) == (6, 2)


def test_the_same_seed_gives_the_same_packets() -> None:
    def run() -> str:
        sim, a, _, cable, _ = world(seed=7, loss=0.3)
        capture = sim.capture(cable)
        sim.run(call(a, *[("add", i, i) for i in range(5)], timeout=0.1))
        return repr(capture) + repr([packet[UDPDatagram].payload for _, packet in capture if UDPDatagram in packet])

    assert run() == run()


def test_what_is_no_call_is_ignored() -> None:
    sim, a, b, _, served = world()
    good = call_message(1, 1, 1, "add", (1, 2)).build()
    bad = [
        b"", b"\0", b"\0\0\0\5hello", frame(good)[:-1], frame(good) + b"x", frame(result_message(Message(), 5).build()),
        frame(good[:16]), frame(b"\7" + good[1:]), frame(good[:13] + b"\0\0\0\2" + good[17:]), b"\xff" * 100,
    ]  # fmt: skip
    nonsense = [
        good[:17] + payload for payload in (b"", b"{", b"[]", b"5", b"[5]", b"[" * 60_000, b"[" + b"9" * 9999 + b"]")
    ]

    async def pelt() -> list[Any]:
        socket = a.socket(DATAGRAM)
        for data in bad:
            socket.send_to(data, ("10.0.0.2", 7000))
        for number, message in enumerate(nonsense, 1):
            numbered = message[:9] + number.to_bytes(4, "big") + number.to_bytes(4, "big") + message[17:]
            socket.send_to(frame(numbered), ("10.0.0.2", 7000))
        await sleep(1)
        got = []
        while received := socket.receive():
            got.append(Message.parse(received[0][4:]))
        return [(message.kind, message.content[0]) for message in got]

    assert sim.run(pelt()) == [(ERROR, "BAD_ARGUMENTS")] * len(nonsense)
    assert (served.executed, b.dropped) == (len(nonsense), {})
    [answer] = sim.run(call(a, ("add", 1, 2)))
    assert answer.value == 3


def test_a_server_that_talks_nonsense_does_not_upset_a_client() -> None:
    sim, a, b, _ = pair()
    replies = [b"", b"x" * 9, frame(b"\1"), frame(Message(RESULT, 1, 1, payload=b"5").build())]

    async def liar() -> None:
        socket = b.socket(DATAGRAM)
        socket.bind(port=7000)
        while await readable(socket):
            data, source = socket.receive()
            call = Message.parse(data[4:])
            for reply in [*replies, frame(Message(RESULT, call.client, call.number, payload=b"{").build())]:
                socket.send_to(reply, source)

    sim.spawn(liar())
    [answer] = sim.run(call(a, ("add", 1, 2), timeout=0.1))
    assert str(answer).startswith("FAILED: the server's answer makes no sense: Message.payload (offset 17): no JSON")


# ---- framing -------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=300)), st.data())
def test_frames_come_back_however_the_stream_is_cut(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(frame, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    frames = Frames()
    got = [
        m for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True) for m in frames.feed(stream[start:end])
    ]
    assert got == messages
    frames.end()


def test_frames_one_byte_at_a_time_and_their_limits() -> None:
    frames = Frames()
    stream = frame(b"one") + frame(b"") + frame(b"three")
    assert [m for at in range(len(stream)) for m in frames.feed(stream[at : at + 1])] == [b"one", b"", b"three"]
    assert frames.feed(b"\0\0\0\2x") == []
    with pytest.raises(Truncated, match="ended with 5 bytes of a message"):
        frames.end()
    assert Frames(limit=4).feed(b"\0\0\0\4four") == [b"four"]
    with pytest.raises(Malformed, match=r"^frame.length \(offset 0\): 5 bytes, 4 at most$"):
        Frames(limit=4).feed(b"\0\0\0\5")
    with pytest.raises(FieldOverflow):
        frame(bytes(LONGEST + 1))


@given(st.integers(0, 2), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=50))
def test_messages_come_back(kind: int, client: int, number: int, payload: bytes) -> None:
    message = Message(kind, client, number, 0, payload)
    assert Message.parse(message.build()) == message


@given(st.binary(max_size=60))
def test_a_message_is_read_or_is_a_wire_error(data: bytes) -> None:
    with suppress(WireError):
        assert Message.parse(data).build() == data


# ---- at most once --------------------------------------------------------------------------------------------------


class Network:
    """Clients and a server's memory, with a network between them that repeats and reorders as it likes."""

    def __init__(self, seed: int, **limits: Any) -> None:
        self.random = Random(seed)
        self.memory = AtMostOnce(**limits)
        self.under_way: list[Message] = []  # every call ever sent: any may come (again) at any time
        self.ran: list[tuple[int, int]] = []
        self.waiting: dict[int, set[int]] = {}
        self.numbers: dict[int, int] = {}

    def call(self, client: int) -> None:
        number = self.numbers[client] = self.numbers.get(client, 0) + 1
        waiting = self.waiting.setdefault(client, set())
        waiting.add(number)
        self.under_way.append(call_message(client, number, min(waiting), "f", ()))

    def arrive(self, now: float) -> None:
        call = self.random.choice(self.under_way)
        admitted = self.memory.admit(call, now)
        if admitted is True:
            self.ran.append((call.client, call.number))
            admitted = result_message(call, [call.client, call.number, "x" * self.random.randrange(200)])
            self.memory.remember(call, admitted)
        if admitted and admitted.kind == RESULT:
            assert admitted.content[:2] == [call.client, call.number]
            self.waiting[call.client].discard(call.number)
        if self.random.random() < 0.1:
            self.waiting[call.client].discard(call.number)  # the client gives up


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 10**9), st.sampled_from([{}, {"replies": 300}, {"outstanding": 2}, {"clients": 2}, {"replies": 0}])
)
def test_no_order_of_arrival_makes_anything_run_twice(seed: int, limits: dict[str, int]) -> None:
    network = Network(seed, **limits)
    for step in range(150):
        if not network.under_way or network.random.random() < 0.3:
            network.call(network.random.randrange(4))
        network.arrive(step * 0.1)
        memory = network.memory
        assert len(set(network.ran)) == len(network.ran)
        assert memory.size == sum(memory.kept.values()) <= memory.replies
        assert len(memory.callers) <= memory.clients
        assert all(len(caller.done) <= memory.outstanding for caller in memory.callers.values())
    assert network.ran


def test_what_a_server_says_to_a_copy() -> None:
    memory = AtMostOnce(outstanding=2, replies=10, clients=2, keep=100.0)
    one, two, three = (call_message(5, number, 1, "f", ()) for number in (1, 2, 3))
    assert memory.admit(one, 0.0) is True
    assert memory.admit(one, 0.0) is False  # under way
    reply = result_message(one, "abc")
    memory.remember(one, reply)
    assert memory.admit(one, 1.0) is reply
    assert memory.admit(two, 1.0) is True
    memory.remember(two, result_message(two, "abcdef"))  # the two do not fit into 10 bytes
    lost = memory.admit(one, 1.0)
    assert isinstance(lost, Message) and lost.content[0] == "LOST"
    busy = memory.admit(three, 1.0)
    assert isinstance(busy, Message) and busy.content == ["BUSY", "2 calls at a time"]
    assert memory.admit(call_message(5, 3, 3, "f", ()), 1.0) is True  # it has its answers to 1 and 2
    assert memory.admit(one, 1.0) is False and memory.size == 0
    assert memory.admit(call_message(6, 1, 1, "f", ()), 2.0) is True
    full = memory.admit(call_message(7, 1, 1, "f", ()), 2.0)
    assert isinstance(full, Message) and full.content[0] == "BUSY"
    assert memory.admit(call_message(7, 1, 1, "f", ()), 101.5) is True  # client 5 was silent for 100 s
    assert list(memory.callers) == [6, 7]
    assert memory.admit(call_message(6, 2, 1, "f", ()), 101.9) is True
    assert memory.admit(call_message(8, 1, 1, "f", ()), 201.7) is True  # 7 was silent the longest
    assert list(memory.callers) == [6, 8]
    assert error_message(one, "FAILED", "x" * 999).content[1] == "x" * 300
    assert str(one) == 'RPC call 1 ["f"]' and one.kind == CALL
