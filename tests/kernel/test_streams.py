"""Stream sockets: the calls of a program, in the kernel's words, on a cable and in the simulation."""

import errno
from random import Random
from typing import Any

import pytest

from kernel.wire import HERE, THERE, Cable, Wire, ack
from netlib.apps.rpc import Client, serve
from netlib.host import STREAM, Host, Parts, StreamSocket
from netlib.kernel.errors import SocketError
from netlib.transport.tcp.congestion.cubic import Cubic
from netlib.transport.tcp.options import Options
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.reassembler import Reassembler
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import now, readable, sleep, writable


def name(call: Any, *args: Any) -> str:
    with pytest.raises(SocketError) as raised:
        call(*args)
    return str(raised.value.name)


# ---- a page --------------------------------------------------------------------------------------------------------


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


def two(loss: float, seed: int = 1, parts: Parts | None = None) -> tuple[Simulation, Host, Host]:
    sim = Simulation(seed=seed)
    client, server = sim.host("client", parts), sim.host("server", parts)
    sim.link((client, "10.0.0.1/24"), (server, "10.0.0.2/24"), rate=20e6, delay=0.01, loss=loss)
    return sim, client, server


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


# ---- how connections begin and end ---------------------------------------------------------------------------------


def test_a_connect_that_nobody_answers_and_one_that_is_refused() -> None:
    async def attempt(host: Host, address: str) -> tuple[str, float]:
        socket = host.socket(STREAM)
        start = await now()
        socket.connect(address, 80)
        assert name(socket.connect, address, 80) == "EALREADY" and socket.send(b"x") == 0
        await writable(socket)
        assert socket.readable
        error = name(socket.send, b"x")
        assert socket.error is None and socket.recv(10) == b"" and name(socket.send, b"x") == "EPIPE"
        return error, await now() - start

    sim, client, _ = two(0.0)
    error, took = sim.run(attempt(client, "10.0.0.2"))
    assert error == "ECONNREFUSED" and took < 0.05
    # a next hop that does not answer ARP is a soft error, which "MUST NOT abort the connection" (MUST-56)
    error, took = sim.run(attempt(client, "10.0.0.77"))
    assert error == "ETIMEDOUT" and 182 < took < 184


def test_no_answer_is_given_up_after_seven_repetitions() -> None:
    wire = Wire()
    client = wire.host.socket(STREAM)
    client.connect("10.0.0.2", 80)
    assert len(wire.sent()) == 1
    times = []
    while not client.writable:
        times += [int(wire.now + 0.5) - 1 for _ in wire.wait(1.0)]
    assert times == [1, 2, 6, 14, 30, 62, 122]  # 1 + 2 + 4 + ... s after the first, which was at 1 s
    assert client.error == "ETIMEDOUT" and client.readable and wire.host.tcp.table == {}


def test_half_close() -> None:
    """RFC 1122 section 4.2.2.13: one side is done, the other may go on."""
    cable = Cable()
    client, server = cable.connect()
    client.send(b"question")
    client.shutdown()
    cable.exchange()
    assert (server.recv(100), server.recv(100)) == (b"question", b"")
    assert name(client.send, b"more") == "EPIPE"
    server.send(b"long answer")
    cable.wait(1)
    assert client.recv(100) == b"long answer" and client.recv(100) is None
    server.close()
    cable.wait(1)
    assert client.recv(100) == b""
    assert (client.info.state, len(cable.b.tcp.table)) == ("TIME-WAIT", 0)


def test_closing_with_unread_data_resets() -> None:
    """Measured: 20 of 20 times a RST.  What had not been read on the other side is lost with it."""
    cable = Cable()
    client, server = cable.connect()
    client.send(b"unread")
    cable.exchange()
    server.close()
    cable.exchange()
    assert client.readable and client.writable and client.error == "ECONNRESET"
    assert name(client.recv, 10) == "ECONNRESET" and client.recv(10) == b"" and name(client.send, b"x") == "EPIPE"
    assert client.peer is None


def test_data_for_a_closed_socket_resets() -> None:
    cable = Cable()
    client, server = cable.connect()
    server.close()
    cable.exchange()
    assert client.recv(10) == b""
    client.send(b"late")
    cable.exchange()
    assert name(client.send, b"later") == "ECONNRESET" and cable.b.tcp.table == {}


def test_abort_resets() -> None:
    cable = Cable()
    client, server = cable.connect()
    client.send(b"x" * 100_000)
    client.abort()
    cable.exchange()
    assert cable.a.tcp.table == {} and name(server.recv, 10) == "ECONNRESET"


def test_what_is_queued_is_sent_after_close() -> None:
    cable = Cable()
    client, server = cable.connect()
    data = Random(1).randbytes(200_000)
    taken = client.send(data)
    client.close()
    got = b""
    while len(got) < taken:
        cable.wait(0.01)
        got += server.recv(50_000) or b""
    assert got == data[:taken] and server.recv(10) in (None, b"")
    cable.wait(1)
    assert server.recv(10) == b"" and cable.a.sockets == []


def test_a_shutdown_of_reading_reads_no_more() -> None:
    cable = Cable()
    client, server = cable.connect()
    client.shutdown("read")
    server.send(b"hello")
    cable.exchange()
    assert client.readable and client.recv(10) == b""
    assert client.send(b"still") == 5
    assert name(client.shutdown, "sideways") == "EINVAL"
    client.shutdown("both")
    cable.exchange()
    assert (server.recv(10), server.recv(10)) == (b"still", b"")


def test_a_reader_that_stops_closes_the_window_and_opens_it_again() -> None:
    cable = Cable()
    client, server = cable.connect()
    data, sent = bytes(range(256)) * 8000, 0
    for _ in range(100):
        sent += client.send(data[sent:])
        cable.wait(0.05)
    assert not client.writable and client.send(b"x") == 0
    assert client.info.snd_wnd < client.info.mss and client.info.send_q > 200_000 and server.info.recv_q > 1_000_000
    cable.wait(300)  # probes keep the connection
    got = b""
    while len(got) < len(data):
        got += server.recv(100_000) or b""
        sent += client.send(data[sent:])
        cable.wait(0.05)
    assert got == data


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


# ---- ports ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        (("127.0.0.1", 80), ("127.0.0.2", 80), None), (("0.0.0.0", 80), ("127.0.0.1", 80), "EADDRINUSE"),
        (("10.0.0.1", 80), ("10.0.0.1", 80), "EADDRINUSE"), (("10.0.0.1", 80), ("10.0.0.1", 81), None),
        (("::", 80), ("0.0.0.0", 80), None), (("10.0.0.1", 80), ("0.0.0.0", 80), "EADDRINUSE"),
    ],
)  # fmt: skip
def test_what_may_be_bound_beside_what(first: Any, second: Any, result: str | None) -> None:
    """Measured on Linux; "::" beside "0.0.0.0" as with IPV6_V6ONLY, which netlib's sockets are."""
    wire = Wire()
    one, other = wire.host.socket(STREAM), wire.host.socket(STREAM)
    one.bind(*first)
    if result:
        assert name(other.bind, *second) == result
        one.close()
    other.bind(*second)
    other.listen()
    wire.host.socket("datagram").bind("0.0.0.0", 80)  # UDP's ports are others


def test_a_server_starts_again_while_old_connections_linger() -> None:
    cable = Cable()
    client, server = cable.connect()
    server.close()
    cable.exchange()
    client.close()
    cable.exchange()
    assert [str(state) for state, _ in cable.b.tcp.rows()] == ["TIME-WAIT"]
    again = cable.b.socket(STREAM)
    again.bind("0.0.0.0", 80)
    again.listen()


def test_a_port_is_chosen_where_none_is_named() -> None:
    wire = Wire()
    server = wire.host.socket(STREAM)
    server.listen()
    assert server.address is not None and 32_768 <= server.address[1] < 61_000
    assert name(server.connect, "10.0.0.2", 80) == "EISCONN"


def test_a_bound_client_keeps_its_port() -> None:
    wire = Wire()
    client = wire.host.socket(STREAM)
    client.bind("10.0.0.1", 4000)
    client.connect("10.0.0.2", 80)
    [syn] = wire.sent()
    assert (syn.source_port, client.address, client.peer) == (4000, (HERE, 4000), (THERE, 80))


# ---- options and what there is to see ------------------------------------------------------------------------------


def test_settings_by_their_names_and_by_the_kernels() -> None:
    cable = Cable()
    client, _ = cable.connect()
    client.set_option("TCP_NODELAY", True)
    assert client.connection is not None and client.connection.settings.nodelay
    client.set_option("nodelay", False)
    assert not client.connection.settings.nodelay
    assert name(client.set_option, "TCP_MOOD", 1) == "ENOPROTOOPT"
    assert name(client.set_option, "congestion", "reno") == "EISCONN"
    assert name(client.set_option, "IP_TTL", 0) == "EINVAL"
    client.set_option("IP_TTL", 9)
    client.send(b"x")
    cable.exchange()
    assert [packet.ttl for sender, packet in cable.seen if sender == "a"][-1] == 9
    assert name(cable.a.socket(STREAM).set_option, "congestion", "vegas") == "ENOENT"


def test_accepted_sockets_have_the_listeners_options() -> None:
    wire = Wire()
    server = wire.host.socket(STREAM)
    server.set_option("window_scaling", False)
    server.set_option("TCP_NODELAY", True)
    server.set_option("IP_TTL", 7)
    server.bind("0.0.0.0", 80)
    server.listen()
    [answer] = wire.syn(5000, window_scale=3)
    assert Options.of(answer).window_scale is None
    wire.give(ack(5000, 80, 1001, answer.sequence + 1))
    made = server.accept()
    assert made is not None and made.connection is not None and made.connection.settings.nodelay
    made.send(b"x")
    assert [packet.ttl for packet in wire.packets()] == [7]


def test_nagle_is_seen_in_the_events_and_switched_off() -> None:
    """Header and body as two writes: the second waits for the acknowledgment of the first, or not."""
    cable = Cable()
    client, _ = cable.connect()
    client.send(b"header")
    client.send(b"body")
    assert any(event.kind == "held" and "Nagle" in event.because for event in client.events)
    client.set_option("nodelay", True)
    assert [event.kind for event in client.events][-1] == "sent" and client.events[-1].because
    cable.exchange()
    states = [event.because for event in client.events if event.kind == "state"]
    assert states[0].startswith("SYN-SENT") and states[1].startswith("ESTABLISHED")


def test_info_reads_as_ss_shows_it() -> None:
    cable = Cable()
    client, server = cable.connect()
    client.send(b"x" * 5000)
    cable.exchange()
    info = server.info
    assert info["recv_q"] == info.recv_q == 5000 and info.bytes_received == 5000 and info.state == "ESTABLISHED"
    assert "ESTABLISHED 5000   0      ts sack" in str(info) and " mss:1448 cwnd:10 " in str(info)
    assert str(cable.a.socket(STREAM).info) == "UNCONN      0      0"
    with pytest.raises(AttributeError, match="mood"):
        _ = info.mood


def test_ecn_marks_data_and_a_mark_comes_back() -> None:
    cable = Cable()
    server = cable.b.socket(STREAM)
    server.set_option("ecn", True)
    server.bind("0.0.0.0", 80)
    server.listen()
    client = cable.a.socket(STREAM)
    client.set_option("ecn", True)
    client.connect("10.0.0.2", 80)
    cable.exchange()
    assert client.info.ecn
    client.send(b"x" * 1000)
    cable.exchange()
    marked = [(sender, packet.ecn) for sender, packet in cable.seen]
    assert marked[:3] == [("a", 0), ("b", 0), ("a", 0)]  # the handshake is not ECN-capable
    assert ("a", 2) in marked[3:] and ("b", 2) not in marked


# ---- Fast Open -----------------------------------------------------------------------------------------------------


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


# ---- mistakes ------------------------------------------------------------------------------------------------------


def test_each_wrong_call_has_the_kernels_error() -> None:
    wire = Wire()
    socket = wire.host.socket(STREAM)
    assert name(socket.accept) == "EINVAL"
    assert name(socket.send, b"x") == "EPIPE"
    assert name(socket.recv, 1) == name(socket.shutdown) == "ENOTCONN"
    assert name(socket.bind, "10.9.9.9", 80) == "EADDRNOTAVAIL"
    assert name(socket.bind, "10.0.0.1", 70_000) == name(socket.bind, "nobody", 80) == "EINVAL"
    assert name(socket.connect, "192.0.2.1", 80) == "ENETUNREACH"
    assert name(socket.connect, "10.0.0.255", 80) == name(socket.connect, "224.0.0.1", 80) == "ENETUNREACH"
    assert name(socket.connect, "10.0.0.2", 0) == "ECONNREFUSED"
    socket.bind("0.0.0.0", 80)
    assert name(socket.bind, "0.0.0.0", 81) == "EINVAL"
    assert name(socket.connect, "2001:db8::1", 80) == "EAFNOSUPPORT"
    socket.close()
    socket.close()
    for call in (socket.listen, socket.accept, socket.shutdown):
        assert name(call) == "EBADF"
    assert not wire.host.tcp.ports.taken and not wire.host.sockets and not socket.readable and not socket.writable
    with pytest.raises(OSError) as raised:
        socket.recv(1)
    assert raised.value.errno == errno.EBADF


def test_two_listeners_on_one_port_need_reuse_port() -> None:
    wire = Wire()
    wire.listener(reuse_port=True)
    wire.listener(reuse_port=True)
    other = wire.host.socket(STREAM)
    assert name(other.bind, "0.0.0.0", 80) == "EADDRINUSE"


# ---- many ----------------------------------------------------------------------------------------------------------


def test_idle_connections_are_not_looked_at() -> None:
    """The heap: what an event costs does not grow with the number of connections."""
    wire = Wire()
    server = wire.listener(backlog=2000)
    for number in range(1000):
        wire.handshake(10_000 + number)
        accepted = server.accept()
        assert accepted is not None
        accepted.set_option("keepalive", True)
    tcp = wire.host.tcp
    assert len(tcp.table) == 1000
    looked_at = [0]
    for connection in tcp.table.values():
        plain = connection.deadline
        connection.deadline = lambda plain=plain: (looked_at.__setitem__(0, looked_at[0] + 1), plain())[1]  # type: ignore
    made = next(iter(tcp.table.values()))
    for _ in range(100):
        wire.give(ack(10_000, 80, made.rcv.nxt, made.snd.nxt, b"x"))
        assert wire.host.deadline() is not None
    assert looked_at[0] < 400


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


def test_the_figures_of_a_host_count_what_went_by_also_when_the_connection_is_gone() -> None:
    """RFC 4022: what is sent again counts as RetransSegs and not as OutSegs."""
    cable = Cable()
    client, made = cable.connect()
    client.send(b"lost")
    cable.a.outbox.clear()
    cable.wait(1.0)
    assert made.recv(10) == b"lost"
    for seen in (cable.a.tcp.nstat(), cable.b.tcp.nstat()):
        assert seen["CurrEstab"] == 1
    client.abort()
    cable.exchange()
    ours, theirs = cable.a.tcp.nstat(), cable.b.tcp.nstat()
    sent = [len([name for name, _ in cable.seen if name == who]) for who in "ab"]
    assert (ours["CurrEstab"], theirs["CurrEstab"]) == (0, 0) and cable.a.tcp.table == {}
    assert (ours["RetransSegs"], theirs["RetransSegs"]) == (1, 0)
    assert (ours["OutSegs"], theirs["OutSegs"]) == (sent[0], sent[1])  # what was lost, but not what was sent again
    assert (ours["InSegs"], theirs["InSegs"]) == (sent[1], sent[0]) and (ours["OutRsts"], theirs["OutRsts"]) == (1, 0)
    assert client.info.bytes_sent == 8 and client.info.bytes_retrans == 4
