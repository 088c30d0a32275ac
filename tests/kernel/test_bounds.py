"""What peers make a host keep is bounded: timers, events, connections that linger; and it ends without an exception."""

import pytest

from kernel.wire import HERE, THERE, Cable, Wire, ack
from netlib.host import STREAM, StreamSocket
from netlib.kernel import connections
from netlib.transport.tcp import variables
from netlib.transport.tcp.options import Options
from netlib.transport.tcp.states import TIME_WAIT
from netlib.wire.tcp import TCPSegment


def test_connections_that_have_ended_leave_no_timers_behind() -> None:
    wire = Wire()
    server = wire.listener()
    server.set_option("keepalive", True)  # each then has a timer hours ahead
    for port in range(2000, 2600):
        server.set_option("keepalive_idle", 10_000 - port if port < 2300 else 6000 + port)
        wire.handshake(port)
        if port % 100 == 0:  # some stay
            wire.wait(2)
            continue
        wire.give(TCPSegment(port, 80, 1001, rst=True))
        made = server.accept()
        assert made is not None
        made.close()
    tcp = wire.host.tcp
    assert len(tcp.table) == 6 and len(tcp.due) <= 2 * 6 + connections.SPARE
    assert tcp.deadline() == min(tcp.planned.values())
    assert {segment.destination_port for segment in wire.wait(9500)} == set(range(2000, 2600, 100))


def test_a_timer_that_is_always_put_off_is_one_entry() -> None:
    cable = Cable()
    client, server = cable.connect()
    server.set_option("keepalive", True)
    server.set_option("quick_acks", 0)
    for _ in range(400):
        client.send(b"a")
        cable.wait(0.1)  # the delayed acknowledgment is due in this time, and the keep-alive is not
    assert len(cable.b.tcp.due) <= 2 * 1 + connections.SPARE
    assert cable.b.deadline() is not None and server.recv(1000) == b"a" * 400


def test_events_that_nobody_looks_at_are_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variables, "KEPT", 50)
    cable = Cable()
    client, server = cable.connect()
    server.set_option("delayed_ack", 0)
    for _ in range(100):
        client.send(b"a")
        cable.exchange()
        assert client.connection is not None and len(client.connection.events) <= 50
    assert len(client.connection.events) == 50 and server.recv(1000) == b"a" * 100


def close_from_here(wire: Wire, server: StreamSocket, port: int) -> None:
    """A connection that the host closes first, so that TIME-WAIT is its own."""
    answer = wire.syn(port)[0]
    number = answer.sequence + 1
    wire.give(ack(port, 80, 1001, number))
    made = server.accept()
    assert made is not None
    made.close()
    wire.sent()
    wire.give(ack(port, 80, 1001, number + 1, fin=True))


def test_connections_in_time_wait_are_bounded() -> None:
    wire = Wire()
    server = wire.listener()
    wire.host.tcp.settings.max_tw_buckets = 5
    for port in range(2000, 2020):
        close_from_here(wire, server, port)
    tcp = wire.host.tcp
    assert [connection.state for connection in tcp.table.values()] == [TIME_WAIT] * 5
    assert tcp.counters["TCPTimeWaitOverflow"] == 15
    wire.wait(61)
    assert not tcp.table and not tcp.waiting and not tcp.orphans
    close_from_here(wire, server, 2000)
    assert len(tcp.waiting) == 1  # there is room again


def test_connections_without_a_socket_are_bounded() -> None:
    """Each would keep what it has not been able to send for a quarter of an hour."""
    wire = Wire()
    server = wire.listener()
    wire.host.tcp.settings.max_orphans = 3
    for port in range(2000, 2010):
        wire.handshake(port)
        made = server.accept()
        assert made is not None
        made.send(bytes(100_000))
        wire.sent()
        made.close()
        assert [segment.rst for segment in wire.sent()] == ([] if port < 2003 else [True])
    tcp = wire.host.tcp
    assert len(tcp.table) == len(tcp.orphans) == 3 and tcp.counters["TCPAbortOnMemory"] == 7
    wire.wait(3600)
    assert not tcp.table and not tcp.orphans


def test_a_segment_outside_of_the_window_does_not_set_the_clock_for_all_others() -> None:
    """RFC 7323 section 5.3: R3 comes after R2, the test of the sequence number."""
    wire = Wire()
    server = wire.listener()
    answer = wire.syn(5000, timestamps=(100, 0))[0]

    def give(seq: int, value: int, data: bytes = b"") -> list[TCPSegment]:
        segment = ack(5000, 80, seq, answer.sequence + 1, data)
        segment.options = Options(timestamps=(value, 1000)).build()
        return wire.give(segment)

    give(1001, 101)
    made = server.accept()
    assert made is not None
    for forged in (1001 - 500_000, 1001 + 2**30):
        give(forged, 1_000_000_000)
    give(1001, 102, b"hello")
    assert made.recv(100) == b"hello"
    assert give(1006, 101, b"old") and made.recv(100) is None  # PAWS is at work


def test_data_for_a_syn_to_a_server_whose_mss_was_tiny() -> None:
    for mss in (1, 39, 40, 41, 100):
        wire = Wire()
        wire.host.tcp.fast_open.learn(THERE, b"a cookie", mss)
        client = wire.host.socket(STREAM)
        client.connect("10.0.0.2", 80, bytes(100_000))
        [syn] = wire.sent()
        assert syn.syn and len(syn.payload) == max(0, mss - 40)
        assert client.address is not None and client.address[0] == HERE
