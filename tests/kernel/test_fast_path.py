"""The option `fast_path`: with it and without it all is the same, and without it each segment goes the long way."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from netlib.host import STREAM
from netlib.internet.input import Internet
from netlib.transport.tcp import steady
from netlib.transport.tcp.connection import Connection
from netlib.view.recording import record
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import readable, sleep, writable

SIZE = 400_000  # bytes, each way
LOSSY = {3, 40, 41, 90, 200}  # numbers of frames


class Transfer:
    """Bytes both ways over one link; what both hosts and the link know of it afterwards."""

    def __init__(self, fast: list[bool], drop: set[int], recorded: bool = False) -> None:
        self.recorded, self.recordings = recorded, list[Any]()
        self.fast = fast  # the option at the start, and then after each piece that was sent, in turns
        self.sim = Simulation()
        self.hosts = self.sim.host("a"), self.sim.host("b")
        link = self.sim.link((self.hosts[0], "10.0.0.1/24"), (self.hosts[1], "10.0.0.2/24"), rate=50e6, delay=0.005,
                             queue=500_000, drop=drop)  # fmt: skip
        self.capture = self.sim.capture(link)
        self.sockets: list[Any] = []
        self.got: Counter[str] = Counter()
        self.sim.run(self.serve(), self.call())

    async def serve(self) -> None:
        listener = self.hosts[1].socket(STREAM)
        listener.set_option("fast_path", self.fast[0])
        listener.bind("10.0.0.2", 80)
        listener.listen()
        await readable(listener)
        await self.talk("b", listener.accept())

    async def call(self) -> None:
        socket = self.hosts[0].socket(STREAM)
        socket.set_option("fast_path", self.fast[0])
        socket.connect("10.0.0.2", 80)
        await writable(socket)
        await self.talk("a", socket)

    async def talk(self, name: str, socket: Any) -> None:
        self.sockets.append(socket)
        if self.recorded:
            self.recordings.append(record(socket))
        body, sent, turn = Random(name).randbytes(SIZE), 0, 0
        while sent < SIZE or self.got[name] < SIZE:
            sent += socket.send(body[sent : sent + 6_000]) if sent < SIZE else 0
            self.got[name] += len(socket.recv(1 << 20) or b"")
            turn += 1
            socket.set_option("fast_path", self.fast[turn % len(self.fast)])
            await sleep(0.002)

    def known(self) -> dict[str, Any]:
        known: dict[str, Any] = {"frames": [(c.time, c.arrival, c.packet.data) for c in self.capture.crossings]}
        for host in self.hosts:
            known[host.name] = host.tcp.nstat(), host.dropped, host.neighbours(), host.deadline()
        for socket in self.sockets:
            connection = socket.connection
            known[f"{connection.local}"] = (
                list(socket.events), connection.info, dict(connection.timers), repr((connection.snd, connection.rcv))
            )  # fmt: skip
        return known


@pytest.mark.parametrize("drop", [set(), LOSSY], ids=["all arrives", "some is lost"])
def test_with_it_and_without_it_all_is_the_same(drop: set[int]) -> None:
    known = Transfer([True], drop).known()
    assert len(known["frames"]) > 2 * SIZE / 1448
    for fast in ([False], [True, False], [False, False, True]):
        other = Transfer(fast, drop).known()
        assert [name for name in known if known[name] != other[name]] == [], fast


def test_without_it_each_segment_goes_through_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[str] = Counter()

    def count(kind: Any, name: str) -> None:
        method = getattr(kind, name)

        def counting(*args: Any, **more: Any) -> Any:
            seen[name] += 1
            return method(*args, **more)

        monkeypatch.setattr(kind, name, counting)

    for kind, name in ((Internet, "receive"), (Internet, "send"), (Connection, "in_other_states")):
        count(kind, name)
    count(steady, "send_full")
    for fast in (False, True):
        seen.clear()
        transfer = Transfer([fast], set())
        frames = sum(host.tcp.nstat()["InSegs"] for host in transfer.hosts)
        if fast:
            assert seen.pop("send_full") > 10 and max(seen.values()) < frames / 10, seen
        else:
            assert seen["receive"] == frames == seen["in_other_states"] + 2, seen  # SYN and SYN,ACK are other states'
            assert not seen["send_full"]
            assert seen["send"] == sum(host.tcp.nstat()["OutSegs"] for host in transfer.hosts), seen


def test_a_recording_finds_at_each_event_what_the_long_way_has_then() -> None:
    moments = [
        [recording.moments for recording in Transfer([fast], LOSSY, recorded=True).recordings] for fast in (True, False)
    ]
    assert moments[0] == moments[1] and len(moments[0][0]) > 100
