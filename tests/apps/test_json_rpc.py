"""The servers that chapter 1 talks to, and what it compares answers with, where no exercise does."""

import json
import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds.networks import pair

from netlib.apps.rpc import Client, serve
from netlib.apps.rpc_messages import Frames, frame
from netlib.exercises.client_server_methods import METHODS
from netlib.exercises.client_server_peers import AtMostOnce, InServe, Listening, Server, call, dispatch
from netlib.kernel.sockets import DATAGRAM
from netlib.worlds.sockets import System

ADD = b'{"jsonrpc": "2.0", "id": 1, "method": "add", "params": [2, 3]}'


def talk(address: Any, data: bytes) -> bytes:
    with socket.create_connection(address, timeout=5) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        found = b""
        while piece := client.recv(1000):
            found += piece
    return found


def test_a_listener_answers_frames_and_hangs_up_on_anything_else() -> None:
    with Listening() as address:
        [reply] = Frames().feed(talk(address, frame(ADD)))
        assert json.loads(reply) == {"jsonrpc": "2.0", "id": 1, "result": 5}
        assert talk(address, b"GET / HTTP/1.1\r\n\r\n") == b""
        assert len(Frames().feed(talk(address, frame(ADD) * 3))) == 3


def test_what_goes_wrong_in_the_code_that_was_given_is_told() -> None:
    def broken(methods: Any, message: bytes) -> bytes:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"), Listening(broken) as address:
        assert talk(address, frame(ADD)) == b""


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["jsonrpc", "id", "method", "params"]), inner, max_size=4)))
def test_dispatch_answers_whatever_comes(said: Any) -> None:
    reply = dispatch(METHODS, json.dumps(said).encode())
    assert reply is None or json.loads(reply)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.2, 0.5]), st.sampled_from([0, 1, 1000]))
def test_the_memory_does_its_work_in_netlibs_own_server(seed: int, loss: float, replies: int) -> None:
    ran: list[int] = []
    sim, a, b, _ = pair(seed=seed, loss=loss, delay=0.02)
    sim.spawn(serve(b, {"count": ran.append}, port=7000, memory=InServe(AtMostOnce(replies))))  # type: ignore[arg-type]

    async def calls() -> list[Any]:
        with Client(a, "10.0.0.2", 7000, timeout=0.1) as client:
            return [await client.call("count", number) for number in range(10)]

    answers = sim.run(calls())
    assert len(ran) == len(set(ran))
    assert all(number in ran for number, answer in enumerate(answers) if not answer.error)


def test_the_same_client_and_server_on_the_kernels_sockets() -> None:
    server = Server(METHODS, memory=AtMostOnce(), work=0.001)
    with System() as system:
        system.spawn(server.udp(system, port=0, address="127.0.0.1"))
        client = system.socket(DATAGRAM)
        client.connect("127.0.0.1", server.port)

        async def twice() -> list[Any]:
            return [(await call(client, "ada:1", "add", [number, 3]))["result"] for number in (2, 99)]

        assert system.run(twice()) == [5, 5]  # the second is taken for a copy of the first
    assert (server.received, round(server.busy, 6)) == (2, 0.001)
