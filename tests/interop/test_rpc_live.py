"""Our live host and the kernel's sockets call each other's procedures, and refuse each other's datagrams."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from worlds.networks import pair

from netlib.apps.rpc import DATAGRAM, STREAM, Client, serve
from netlib.apps.rpc_messages import Frames, Message, call_message, frame
from netlib.host import Host
from netlib.kernel.errors import SocketError
from netlib.wire.address import MACAddress
from netlib.worlds.live import Live, Tap, Tun
from netlib.worlds.sockets import System
from netlib.worlds.task import readable, sleep

from .namespaces import ip, missing, namespace

MAC = MACAddress("02:00:00:00:00:aa")
reason = missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")
PROCEDURES = {"add": lambda a, b: a + b, "echo": lambda value: value}


@pytest.fixture(autouse=True)
def own_namespace() -> Iterator[None]:
    with namespace():
        ip("link set lo up")
        yield


@pytest.fixture(params=["tun", "tap"])
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    """A host at 10.9.0.2 whose neighbour is the kernel, at 10.9.0.1."""
    host = Host("h", Random(1))
    host.attach("10.9.0.2/24", MAC if request.param == "tap" else None)
    with Live(host, (Tap if request.param == "tap" else Tun)("netlib0", "10.9.0.1/24")) as live:
        yield live
        assert live.errors == []


async def calls(host: Any, address: str, kind: str = DATAGRAM) -> list[Any]:
    with Client(host, address, 7000, kind=kind) as client:
        answers = [await client.call("add", 2, 3), await client.call("echo", "x" * 9000), await client.call("nothing")]
    return [str(answer)[:20] for answer in answers]


async def refused(host: Any, address: str) -> str:
    socket = host.socket(DATAGRAM)
    socket.connect(address, 7999)
    socket.send(b"anybody there?")
    assert await readable(socket, 3.0), "no error came"
    with pytest.raises(SocketError) as error:
        socket.receive()
    socket.close()
    return error.value.name


EXPECTED = ["5", "x" * 20, "NO_SUCH_PROCEDURE: 'nothing'"[:20]]


def test_the_kernels_sockets_call_our_host(live: Live) -> None:
    live.spawn(serve(live.host, PROCEDURES, port=7000))
    with System() as system:
        assert system.run(calls(system, "10.9.0.2")) == EXPECTED
        assert system.run(refused(system, "10.9.0.2")) == "ECONNREFUSED"


def test_our_host_calls_the_kernels_sockets(live: Live) -> None:
    with System() as system:
        system.spawn(serve(system, PROCEDURES, port=7000))
        result: list[Any] = []
        # our host works in a thread of its own, while this world serves
        thread = threading.Thread(target=lambda: result.append(live.run(calls(live.host, "10.9.0.1"))))

        async def until_done() -> None:
            while thread.is_alive():
                await sleep(0.01)

        thread.start()
        system.run(until_done())
        assert result == [EXPECTED]
    assert live.run(refused(live.host, "10.9.0.1")) == "ECONNREFUSED"


@pytest.mark.parametrize("kind", [DATAGRAM, STREAM])
def test_over_loopback_and_over_ipv6(kind: str) -> None:
    with System() as system:
        system.spawn(serve(system, PROCEDURES, port=7000, kind=kind))
        assert system.run(calls(system, "127.0.0.1", kind)) == EXPECTED
        system.spawn(serve(system, PROCEDURES, address="::1", port=7000, kind=kind))
        assert system.run(calls(system, "::1", kind)) == EXPECTED


def test_a_neighbour_that_does_not_answer_is_no_error_to_a_connected_socket() -> None:
    """Host unreachable is a soft error (RFC 1122 section 4.2.3.9): kernel and netlib both keep it to themselves."""

    async def ask(host: Any, address: str) -> tuple[bool, str | None]:
        socket = host.socket(DATAGRAM)
        socket.connect(address, 7)
        socket.send(b"x")
        try:
            return await readable(socket, 4.0), socket.error
        finally:
            socket.close()

    ip("link add v0 type veth peer name v1", "addr add 10.0.0.1/24 dev v0", "link set v0 up", "link set v1 up")
    with System() as system:
        theirs = system.run(ask(system, "10.0.0.77"))
    sim, host, _, _ = pair()
    assert sim.run(ask(host, "10.0.0.77")) == theirs == (False, None)


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 1000])
def test_a_stream_server_takes_its_frames_in_any_pieces(pieces: int) -> None:
    """A plain TCP client that sends two calls cut into pieces of a few bytes, and one that talks nonsense."""
    with System() as system:
        system.spawn(serve(system, PROCEDURES, port=7000, kind=STREAM))
        system.run(sleep(0))
        plain, nonsense = (socket.create_connection(("127.0.0.1", 7000)) for _ in range(2))
        nonsense.sendall(b"GET / HTTP/1.1\r\n\r\n")
        data = b"".join(frame(call_message(9, i, 1, "add", (i, 1)).build()) for i in (1, 2))

        async def talk() -> list[Any]:
            plain.setblocking(False)
            for at in range(0, len(data), pieces):
                plain.send(data[at : at + pieces])
                await sleep(0.0005)
            frames, messages = Frames(), []
            while len(messages) < 2:
                await sleep(0.01)
                with suppress(BlockingIOError):
                    messages += frames.feed(plain.recv(pieces))
            return [Message.parse(message).content for message in messages]

        assert system.run(talk()) == [2, 3]
        nonsense.settimeout(1)
        assert nonsense.recv(100) == b""  # cut off: "GET " is a length that nobody takes
        plain.close()
        nonsense.close()
