"""Who is woken when a socket changes, and who is not even looked at."""

from collections.abc import Iterator
from random import Random

import pytest

from netlib.host import STREAM, Host
from netlib.transport.tcp.variables import KEPT, Event, Events
from netlib.worlds.live import SPARE, Live
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import AnyOf, readable, sleep, writable
from netlib.worlds.waiting import Waiters


class Door:
    """Something to wait for; counts how often it was looked at."""

    def __init__(self, *sources: object) -> None:
        self.readable_now, self.looks = False, 0
        if sources:
            self.sources = sources

    @property
    def readable(self) -> bool:
        self.looks += 1
        return self.readable_now


def test_only_who_waits_for_what_was_touched_is_looked_at() -> None:
    waiters: Waiters[str] = Waiters()
    first, second, other = Door("a"), Door("b", "a"), Door("c")
    for door, name in ((other, "other"), (second, "second"), (first, "first")):
        waiters.add(door, name)
    assert waiters.ready(["a"]) == [] and other.looks == 0 and first.looks == second.looks == 1
    first.readable_now = second.readable_now = other.readable_now = True
    # who waits for several is woken once; the order is that in which they began to wait
    assert waiters.ready(["a", "b"]) == ["second", "first"] and other.looks == 0
    assert waiters.ready(["a", "b"]) == [] and waiters.ready(["c"]) == ["other"]
    assert not waiters.by_source


def test_who_does_not_tell_what_it_waits_for_is_always_looked_at() -> None:
    waiters: Waiters[str] = Waiters()
    door = Door()
    waiter = waiters.add(door, "anybody")
    assert waiters.ready([]) == [] and door.looks == 1
    waiters.remove(waiter)
    waiters.remove(waiter)
    door.readable_now = True
    assert waiters.ready([]) == [] and door.looks == 1


@pytest.fixture
def sim() -> Iterator[Simulation]:
    sim = Simulation()
    sim.link((sim.host("a"), "10.0.0.1/24"), (sim.host("b"), "10.0.0.2/24"))
    yield sim


def test_whoever_waits_for_a_stream_is_woken_by_all_that_can_happen_to_it(sim: Simulation) -> None:
    told: list[str] = []

    async def serve() -> None:
        listener = sim["b"].socket(STREAM)
        listener.bind("0.0.0.0", 80)
        listener.listen()
        assert await readable(listener, 5)
        told.append("connected")
        socket = listener.accept()
        assert await readable(AnyOf([listener, socket]), 5) and socket.recv(10) == b"hello"
        told.append("data")
        assert await readable(socket, 5) and socket.recv(10) == b""
        told.append("end")

    async def ask() -> None:
        socket = sim["a"].socket(STREAM)
        socket.connect("10.0.0.2", 80)
        assert await writable(socket, 5)
        socket.send(b"hello")
        await sleep(1)
        socket.shutdown()

    async def read(socket: object) -> None:
        assert await readable(socket, 5)  # type: ignore[arg-type]
        told.append("nothing more is read")

    async def stop_reading() -> None:
        socket = sim["a"].socket(STREAM)
        socket.connect("10.0.0.2", 80)
        await writable(socket, 5)
        sim.spawn(read(socket))
        await sleep(1)
        socket.shutdown("read")
        await sleep(1)

    sim.run(serve(), ask())
    assert told == ["connected", "data", "end"] and sim.now < 5
    sim.run(stop_reading())
    assert told[-1] == "nothing more is read"


def test_what_happened_is_kept_as_long_as_there_is_room() -> None:
    events = Events()
    for i in range(KEPT + 5):
        events.append(("sent", "because", float(i)))
    kept = list(events)
    assert len(kept) == KEPT and kept[0] == Event("sent", "because", 5.0) and kept[-1].kind == "sent"


def test_tasks_of_a_live_host_wake_each_other_and_leave_no_alarms_behind() -> None:
    host = Host("me", Random(1))
    rounds = 300

    async def answer() -> None:
        listener = host.socket(STREAM)
        listener.bind("127.0.0.1", 80)
        listener.listen()
        assert await readable(listener, 60)
        socket = listener.accept()
        assert socket
        while await readable(socket, 60) and (data := socket.recv(100)):
            socket.send(data.upper())

    async def ask() -> bytes:
        socket = host.socket(STREAM)
        socket.connect("127.0.0.1", 80)
        assert await writable(socket, 60)
        said = b""
        for _ in range(rounds):
            socket.send(b"a")
            assert await readable(socket, 60)
            said += socket.recv(100) or b""
        return said

    async def look_in_vain() -> bool:
        return await readable(Door(), 0.05)

    with Live(host, {}) as live:
        live.spawn(answer())
        assert live.run(ask()) == b"A" * rounds
        assert live.run(look_in_vain()) is False
        assert len(live.alarms) <= 2 * 2 + SPARE + 1 and not live.errors
