"""The operating system's sockets as a world: waiting, ending, errors, and TCP streams."""

import os
import threading
import time
from typing import Any

import pytest

from netlib.apps.rpc import DATAGRAM, STREAM, Client, serve
from netlib.apps.rpc_messages import call_message, frame
from netlib.kernel.errors import SocketError
from netlib.wire.address import IPv4Address
from netlib.worlds.sockets import System
from netlib.worlds.task import AnyOf, now, readable, sleep, writable


def on_loopback(system: System, kind: str = DATAGRAM) -> tuple[Any, int]:
    """A socket of 127.0.0.1 with a port that was free."""
    socket = system.socket(kind)
    socket.bind("127.0.0.1")
    return socket, socket.address[1]


def test_time_passes_and_waiting_ends() -> None:
    with System() as system:
        socket, port = on_loopback(system)

        async def wait() -> list[Any]:
            start = await now()
            await sleep(0.05)
            silent = await readable(socket, 0.05)
            passed = await now() - start
            socket.send_to(b"to myself", ("127.0.0.1", port))
            return [0.1 <= passed < 1.0, silent, await readable(socket, 5.0), socket.receive(), socket.receive()]

        assert system.run(wait()) == [True, False, True, (b"to myself", (IPv4Address("127.0.0.1"), port)), None]


def test_waiting_costs_no_processor_time() -> None:
    with System() as system:
        sockets = [on_loopback(system)[0] for _ in range(3)]

        async def wait() -> bool:
            return await readable(AnyOf(sockets), 0.5)

        used = time.process_time()
        assert system.run(wait(), wait()) is False
        assert time.process_time() - used < 0.2


def test_applications_run_beside_each_other_and_the_first_ones_result_counts() -> None:
    with System() as system:
        socket, port = on_loopback(system)

        async def receive(number: int) -> tuple[int, bytes]:
            await readable(socket)
            return number, socket.receive()[0]

        async def send() -> None:
            await sleep(0.02)
            socket.send_to(b"x", ("127.0.0.1", port))

        assert system.run(receive(1), send()) == (1, b"x")
        assert system.run(receive(2), until=system.now + 0.05) is None
        system.spawn(send())
        assert system.run(receive(3)) in ((3, b"x"), None)


def test_errors_of_any_application_come_out_of_run_and_of_spawn() -> None:
    async def fail() -> None:
        await sleep(0.01)
        raise ZeroDivisionError("mine")

    with System() as system:
        with pytest.raises(ZeroDivisionError, match="mine"):
            system.run(fail())
        system.spawn(fail())
        with pytest.raises(ZeroDivisionError, match="mine"):
            system.run(sleep(0.2))
        taken = on_loopback(system)
        with pytest.raises(SocketError, match=r"^EADDRINUSE: "):
            system.spawn(serve(system, {}, port=taken[1]))
        with pytest.raises(TypeError, match="is no coroutine"):
            system.run(7)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="is no socket of the operating system"):
            system.run(readable(type("Silent", (), {"readable": False})(), 1.0))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda s: s.bind("010.1.1.1"), "EINVAL: '010.1.1.1' is not an IPv4 address: write 10 instead of '010'"),
        (lambda s: s.send_to(b"", ("127.0.0.1", 70_000)), "EINVAL: port 70000: a port is a number from 0 to 65535"),
        (lambda s: s.connect("localhost", 7), "EINVAL: 'localhost' is not an IPv4 address"),
        (lambda s: s.set_option("SO_DEBUG", 1), "ENOPROTOOPT: 'SO_DEBUG': this socket has"),
        (lambda s: s.send(b""), "EDESTADDRREQ: "),
    ],
)
def test_bad_input_is_one_line(call: Any, message: str) -> None:
    with System() as system:
        socket = system.socket(DATAGRAM)
        with pytest.raises(SocketError) as error:
            call(socket)
        assert str(error.value).startswith(message) and "\n" not in str(error.value)
        with pytest.raises(ValueError, match="socket kind 'raw'"):
            system.socket("raw")


def test_nothing_stays_open() -> None:
    before = os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd") else []
    with System() as system:
        on_loopback(system)
        free, other = on_loopback(system)
        free.close()
        system.spawn(serve(system, {"add": lambda a, b: a + b}, port=other, kind=STREAM))

        async def call() -> Any:
            return (await Client(system, "127.0.0.1", other, kind=STREAM).call("add", 1, 2)).value

        assert system.run(call()) == 3
    if before:
        assert len(os.listdir("/proc/self/fd")) == len(before)


# ---- streams -------------------------------------------------------------------------------------------------------


def streams(system: System) -> tuple[Any, Any]:
    """Both ends of a connection."""
    listener, port = on_loopback(system, STREAM)
    listener.listen(1)
    client = system.socket(STREAM)
    assert listener.accept() is None
    client.connect("127.0.0.1", port)

    async def made() -> Any:
        assert await readable(listener, 5.0) and await writable(client, 5.0)
        return listener.accept()

    return client, system.run(made())


def test_a_stream_carries_bytes_and_no_boundaries_and_ends() -> None:
    with System() as system:
        client, server = streams(system)
        assert server.recv(10) is None
        client.send(b"one")
        client.send(b"two")
        client.shutdown()

        async def read() -> bytes:
            got = b""
            while await readable(server, 5.0) and (data := server.recv(4)) != b"":
                got += data or b""
            return got

        assert system.run(read()) == b"onetwo"
        assert (server.peer, client.peer) == (client.address, server.address)
        server.send(b"last")
        server.close()
        assert system.run(readable(client, 5.0)) and client.recv(9) == b"last"


def test_a_stream_takes_no_more_than_there_is_room_for() -> None:
    with System() as system:
        client, server = streams(system)
        sent = 0
        while (took := client.send(bytes(1 << 16))) > 0:
            sent += took
        assert not client.writable and sent > 0
        got = 0
        while got < sent and system.run(readable(server, 5.0)):
            got += len(server.recv(1 << 20) or b"")
        assert got == sent and system.run(writable(client, 5.0))


def test_a_refused_connection_is_an_error_of_the_call() -> None:
    with System() as system:
        free, port = on_loopback(system, STREAM)
        free.close()
        for kind in (STREAM, DATAGRAM):
            client = Client(system, "127.0.0.1", port, kind=kind)
            answer = system.run(client.call("add", 1, 2))
            assert answer.error == "REFUSED" and "\n" not in str(answer)


def test_a_stream_that_ends_in_the_middle_of_a_call_is_closed_and_silence_a_timeout() -> None:
    with System() as system:
        listener, port = on_loopback(system, STREAM)
        listener.listen(5)

        async def hang_up(after: bytes) -> None:
            await readable(listener)
            connection = listener.accept()
            await readable(connection)
            connection.recv(1000)
            if after:
                connection.send(after)
                connection.close()

        async def call() -> Any:
            return await Client(system, "127.0.0.1", port, kind=STREAM, timeout=0.3).call("add", 1, 2)

        for after, expected in ((b"\0\0", "CLOSED"), (b"\xff\xff\xff\xff", "CLOSED"), (b"", "TIMEOUT")):
            system.spawn(hang_up(after))
            assert system.run(call()).error == expected


def test_many_clients_at_a_time_and_one_that_does_not_read() -> None:
    with System() as system:
        free, port = on_loopback(system, STREAM)
        free.close()
        system.spawn(serve(system, {"add": lambda a, b: a + b, "long": lambda: "x" * 60_000}, port=port, kind=STREAM))
        deaf = system.socket(STREAM)
        deaf.connect("127.0.0.1", port)

        async def pelt() -> str:
            await writable(deaf)
            try:
                for number in range(1, 400):
                    call = frame(call_message(1, number, number, "long", ()).build())
                    while call and await writable(deaf, 1.0):
                        call = call[deaf.send(call) :]
            except SocketError as error:
                return error.name
            return "still there"

        async def calls(number: int) -> list[Any]:
            with Client(system, "127.0.0.1", port, kind=STREAM, timeout=20) as client:
                return [(await client.call("add", number, i)).value for i in range(5)]

        async def check(number: int) -> None:
            results.append(await calls(number) == [number + i for i in range(5)])

        results: list[bool] = []
        outcome = system.run(pelt(), *(check(number) for number in range(20)))
        assert results == [True] * 20
        assert outcome in ("ECONNRESET", "EPIPE")  # cut off: its answers were not to be kept for ever


def test_it_works_in_any_thread() -> None:
    results: list[Any] = []

    def work() -> None:
        with System() as system:
            socket, port = on_loopback(system)
            socket.connect("127.0.0.1", port)
            socket.send(b"x")
            results.append(system.run(readable(socket, 5.0)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert results == [True]
