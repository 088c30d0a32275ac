"""Stream sockets: the calls of a program, in the kernel's words, on a cable and in the simulation."""

import errno
from random import Random
from typing import Any

import pytest

from kernel.wire import HERE, THERE, Cable, Wire, ack, two
from netlib.host import STREAM, Host
from netlib.kernel.errors import SocketError
from netlib.transport.tcp.options import Options
from netlib.worlds.task import now, writable


def name(call: Any, *args: Any) -> str:
    with pytest.raises(SocketError) as raised:
        call(*args)
    return str(raised.value.name)


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


# ---- figures -------------------------------------------------------------------------------------------------------


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
