"""TCP Fast Open (RFC 7413) as programs see it: what a cookie saves, when it is worth nothing, and its bounds."""

from random import Random

import pytest

from kernel.wire import THERE, Wire, ack, two
from netlib.host import STREAM, Host
from netlib.transport.tcp.options import Options
from netlib.worlds.task import now, readable, sleep


async def answer_requests(host: Host, served: list[bytes]) -> None:
    server = host.socket(STREAM)
    server.set_option("TCP_FASTOPEN", 5)
    server.bind("0.0.0.0", 80)
    server.listen(5)
    while await readable(server):
        socket = server.accept()
        assert socket is not None
        await readable(socket)
        served.append(socket.recv(10_000) or b"")
        socket.send(b"answer to " + served[-1][:20])
        socket.close()


async def ask(host: Host, data: bytes) -> tuple[bytes, float]:
    """An answer, and how many round trips (of 20 ms) it took."""
    start, socket = await now(), host.socket(STREAM)
    socket.connect("10.0.0.2", 80, data)
    await readable(socket)
    answer = socket.recv(1000) or b""
    took = await now() - start
    socket.close()
    await sleep(1)
    return answer, took / 0.02


@pytest.mark.parametrize(("sysctl", "active"), [(3, 2), (1, 0)])
def test_fast_open_saves_a_round_trip_from_the_second_connection_on(sysctl: int, active: int) -> None:
    """Measured on Linux: of 3 connections 2 are active and 2 passive opens, with its default sysctl of 1 none."""
    sim, client, server = two(0.0)
    client.tcp.settings.fastopen = server.tcp.settings.fastopen = sysctl
    served: list[bytes] = []
    sim.spawn(answer_requests(server, served))
    sim.run(ask(client, b"warm up ARP"))
    client.tcp.fast_open.servers.clear()
    client.tcp.counters.clear()
    server.tcp.counters.clear()
    trips = []
    for number in range(3):
        answer, took = sim.run(ask(client, b"request %d" % number))
        assert answer == b"answer to request %d" % number
        trips.append(round(took))
    assert trips == ([2, 1, 1] if active else [2, 2, 2])
    assert client.tcp.counters["TCPFastOpenActive"] == server.tcp.counters["TCPFastOpenPassive"] == active
    assert server.tcp.counters["TCPFastOpenCookieReqd"] == (1 if active else 0)
    assert served[1:] == [b"request 0", b"request 1", b"request 2"]


def test_fast_open_after_the_servers_keys_have_changed_and_with_more_data_than_fits() -> None:
    sim, client, server = two(0.0)
    client.tcp.settings.fastopen = server.tcp.settings.fastopen = 3
    served: list[bytes] = []
    sim.spawn(answer_requests(server, served))
    data = Random(1).randbytes(8000)
    sim.run(ask(client, b"a"))
    server.tcp.secrets.fast_open.rotate(bytes(16))
    sim.run(ask(client, b"b"))  # the old cookie still opens, and a new one comes back
    server.tcp.secrets.fast_open.rotate(bytes(range(16)))
    server.tcp.secrets.fast_open.rotate(b"k" * 16)
    answer, _ = sim.run(ask(client, b"c"))  # now it is worth nothing: an ordinary handshake, and a new one
    assert answer == b"answer to c" and client.tcp.counters["TCPFastOpenActiveFail"] == 1
    sim.run(ask(client, b"d"))
    assert client.tcp.counters["TCPFastOpenActive"] == 2
    sim.run(ask(client, data))
    assert data.startswith(served.pop()) and served == [b"a", b"b", b"c", b"d"]


def test_where_syns_with_the_option_vanish_the_client_does_without() -> None:
    wire = Wire()
    wire.host.tcp.fast_open.learn(THERE, b"c" * 8, 1460)
    client = wire.host.socket(STREAM)
    client.connect("10.0.0.2", 80, b"hello")
    [syn] = wire.sent()
    assert (syn.payload, Options.of(syn).fast_open) == (b"hello", b"c" * 8)
    [again] = wire.wait(1.5)
    assert (again.syn, again.payload, Options.of(again).fast_open) == (True, b"", None)
    answer = ack(80, client.address[1], 5000, again.sequence + 1, syn=True)  # type: ignore[index]
    sent = wire.give(answer)
    assert b"".join(segment.payload for segment in sent) == b"hello"
    other = wire.host.socket(STREAM)
    other.connect("10.0.0.2", 81, b"hello")
    [syn] = wire.sent()
    assert syn.payload == b"" and Options.of(syn).fast_open is None
    wire.now += 3601
    wire.host.tick(wire.now)
    wire.sent()
    late = wire.host.socket(STREAM)
    late.connect("10.0.0.2", 82, b"hello")
    assert wire.sent()[-1].payload == b"hello"


def test_a_cookie_that_was_of_no_use_is_forgotten() -> None:
    wire = Wire()
    wire.host.tcp.fast_open.learn(THERE, b"c" * 8, 1460)
    client = wire.host.socket(STREAM)
    client.connect("10.0.0.2", 80, b"hello")
    [syn] = wire.sent()
    sent = wire.give(ack(80, syn.source_port, 5000, syn.sequence + 1, syn=True))
    assert b"".join(segment.payload for segment in sent) == b"hello"  # only the SYN was acknowledged: again, at once
    assert wire.host.tcp.fast_open.option(THERE, wire.now) == b""
    assert wire.host.tcp.counters["TCPFastOpenActiveFail"] == 1


def test_a_server_may_answer_early_until_its_buffer_is_full() -> None:
    wire = Wire()
    wire.host.tcp.settings.fastopen = 3
    server = wire.host.socket(STREAM)
    server.set_option("TCP_FASTOPEN", 3)
    server.set_option("SO_SNDBUF", 10_000)
    server.set_option("TCP_NODELAY", True)
    server.bind("0.0.0.0", 80)
    server.listen()
    [answer] = wire.syn(4999, fast_open=b"")
    wire.syn(5000, fast_open=Options.of(answer).fast_open)
    made = server.accept()
    assert made is not None and made.info.state == "SYN-RECEIVED"
    taken = 0
    while made.writable:
        taken += made.send(bytes(3000))
    assert taken == 10_000 and made.send(b"more") == 0
    assert sum(len(segment.payload) for segment in wire.sent()) == 10_000


def test_a_flood_with_one_right_cookie_is_bounded() -> None:
    wire = Wire()
    wire.host.tcp.settings.fastopen = 3
    server = wire.host.socket(STREAM)
    server.set_option("TCP_FASTOPEN", 3)
    server.bind("0.0.0.0", 80)
    server.listen(100)
    [answer] = wire.syn(4999, fast_open=b"")
    cookie = Options.of(answer).fast_open
    for port in range(5000, 5020):
        wire.syn(port, fast_open=cookie)
    assert server.info.recv_q == 3 and len(wire.host.tcp.opening) == 21
    assert wire.host.tcp.counters["TCPFastOpenListenOverflow"] == 17
