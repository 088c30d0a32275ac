"""Stream sockets in the simulation: whole pages, both ways, through loss, many at once, into a closed window."""

from random import Random
from typing import Any

import pytest

from kernel.wire import two
from netlib.apps.rpc import Client, serve
from netlib.host import STREAM, Host, Parts, StreamSocket
from netlib.transport.tcp.congestion.cubic import Cubic
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.reassembler import Reassembler
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import now, readable, sleep, writable


async def give_out(host: Host, page: bytes, port: int = 80) -> None:
    """Serve one page to whoever asks, for ever."""
    server = host.socket(STREAM)
    server.bind("::" if host.internet6.addresses else "0.0.0.0", port)
    server.listen(5)
    while await readable(server):
        socket = server.accept()
        assert socket is not None
        request = b""
        while b"\r\n\r\n" not in request:
            await readable(socket)
            request += socket.recv(4096) or b""
        sent = 0
        while sent < len(page):
            await writable(socket)
            sent += socket.send(page[sent:])
        socket.shutdown()
        await readable(socket)
        assert socket.recv(1) == b""
        socket.close()


async def fetch(host: Host, address: str, port: int = 80, **options: Any) -> tuple[bytes, StreamSocket]:
    socket = host.socket(STREAM)
    for option, value in options.items():
        socket.set_option(option, value)
    socket.connect(address, port)
    await writable(socket)
    assert socket.send(b"GET / HTTP/1.0\r\n\r\n") == 18
    page = bytearray()
    while True:
        await readable(socket)
        data = socket.recv(65_536)
        if data == b"":
            break
        page += data or b""
    socket.close()
    return bytes(page), socket


@pytest.mark.parametrize("seed", range(4))
def test_a_page_of_1_mb_through_2_percent_loss(seed: int) -> None:
    page = Random(seed).randbytes(1_000_000)
    sim, client, server = two(0.02, seed)
    sim.spawn(give_out(server, page))
    got, _ = sim.run(fetch(client, "10.0.0.2"), until=120)
    assert got == page
    assert sim.links[0].lost > 5
    sim.run(until=sim.now + 120)
    assert [str(state) for host in (client, server) for state, _ in host.tcp.rows()] == ["LISTEN"]
    assert client.deadline() is None and not client.sockets


def test_a_page_with_each_congestion_control_and_a_part_of_ones_own() -> None:
    class Counting(Reassembler):
        made = 0

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            Counting.made += 1

    page = Random(7).randbytes(200_000)
    sim, client, server = two(0.02, parts=Parts(tcp=TCPParts(reassembler=Counting, congestion=Cubic)))
    sim.spawn(give_out(server, page))
    for congestion in ("tahoe", "reno", "cubic", Cubic):
        got, _ = sim.run(fetch(client, "10.0.0.2", congestion=congestion), until=sim.now + 120)
        assert got == page
    assert Counting.made >= 8


def test_a_page_over_ipv6_and_by_loopback() -> None:
    page = Random(8).randbytes(300_000)
    sim = Simulation()
    client, server = sim.host("client"), sim.host("server")
    sim.link((client, "2001:db8::1/64"), (server, "2001:db8::2/64"), delay=0.01, loss=0.02)
    sim.spawn(give_out(server, page))
    got, socket = sim.run(fetch(client, "2001:db8::2"), until=60)
    assert got == page and socket.info.mss == 1428
    got, socket = sim.run(fetch(server, "2001:db8::2"), until=60)
    assert got == page and socket.info.mss == 65_463
    sim, client, server = two(0.0)
    sim.spawn(give_out(server, page))
    got, socket = sim.run(fetch(server, "127.0.0.1"), until=60)
    assert got == page and socket.info.mss == 65_483


def test_both_ways_at_once_through_loss() -> None:
    there, back = Random(1).randbytes(300_000), Random(2).randbytes(300_000)

    async def talk(socket: StreamSocket, data: bytes) -> bytes:
        got, sent = bytearray(), 0
        await writable(socket)
        while True:
            if sent < len(data):
                sent += socket.send(data[sent : sent + 10_000])
                if sent == len(data):
                    socket.shutdown()
            piece = socket.recv(10_000)
            if piece == b"" and sent == len(data):
                return bytes(got)
            got += piece or b""
            if not piece:
                await sleep(0.001)

    async def passive(host: Host) -> bytes:
        server = host.socket(STREAM)
        server.bind("0.0.0.0", 80)
        server.listen()
        await readable(server)
        made = server.accept()
        assert made is not None
        result = await talk(made, back)
        results.append(result)
        return result

    async def active(host: Host) -> bytes:
        client = host.socket(STREAM)
        client.connect("10.0.0.2", 80)
        return await talk(client, there)

    results: list[bytes] = []
    sim, client, server = two(0.03)
    sim.spawn(passive(server))
    assert sim.run(active(client), until=120) == back
    sim.run(until=sim.now + 60)
    assert results == [there]


def test_remote_procedure_calls_over_it() -> None:
    """An application that was written for the kernel's sockets runs on these."""
    sim, client, server = two(0.05)

    async def calls() -> list[Any]:
        await sleep(0.01)
        with Client(client, "10.0.0.2", 7000, kind=STREAM, timeout=30) as remote:
            return [(await remote.call("add", number, "x" * 1000)).value for number in range(20)]

    sim.spawn(serve(server, {"add": lambda a, b: [a, len(b)]}, port=7000, kind=STREAM))
    assert sim.run(calls(), until=300) == [[number, 1000] for number in range(20)]


def test_what_is_written_into_a_closed_window_comes_out_when_it_opens_though_the_update_is_lost() -> None:
    """The timer of the probes is set by a call that sends nothing: the world has to ask for it all the same."""
    sim = Simulation()
    client, server = sim.host("client"), sim.host("server")
    link = sim.link((client, "10.0.0.1/24"), (server, "10.0.0.2/24"))

    async def write(host: Host) -> None:
        socket = host.socket(STREAM)
        socket.connect("10.0.0.2", 80)
        await writable(socket)
        sent = 0
        while sent < 4096:
            sent += socket.send(bytes(4096 - sent))
            await sleep(1)
        assert socket.info.send_q == 0 and socket.info.snd_wnd == 0
        await sleep(5)
        link.loss = 0.0
        start.append(await now())
        socket.send(b"after that")
        socket.close()

    async def read(host: Host) -> bytes:
        listener = host.socket(STREAM)
        listener.set_option("SO_RCVBUF", 4096)
        listener.bind("0.0.0.0", 80)
        listener.listen()
        await readable(listener)
        socket = listener.accept()
        assert socket is not None
        await sleep(5)
        link.loss = 1.0  # nobody hears of the room that this makes
        got = b""
        while True:
            await readable(socket)
            data = socket.recv(10_000)
            if data == b"":
                return got
            got += data or b""

    start: list[float] = []
    sim.spawn(write(client))
    assert sim.run(read(server), until=100) == bytes(4096) + b"after that"
    assert sim.now - start[0] < 1


def test_200_connections_at_once_through_loss_all_end() -> None:
    sim, client, server = two(0.05)
    pages = []

    async def one(number: int) -> None:
        await sleep(number * 0.001)
        page, _ = await fetch(client, "10.0.0.2")
        pages.append(page)

    async def serve_all(host: Host) -> None:
        listener = host.socket(STREAM)
        listener.bind("0.0.0.0", 80)
        listener.listen(300)
        while await readable(listener):
            while (socket := listener.accept()) is not None:
                sim.spawn(answer(socket))

    async def answer(socket: StreamSocket) -> None:
        await readable(socket)
        socket.recv(100)
        socket.send(b"page" * 1000)
        socket.close()

    sim.spawn(serve_all(server))
    sim.run(*(one(number) for number in range(200)), until=200)
    assert pages == [b"page" * 1000] * 200
    sim.run(until=sim.now + 300)
    assert client.tcp.table == server.tcp.table == {}
