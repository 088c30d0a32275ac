"""Who gets a segment, and what a listener does under load: the facts that were measured on Linux 6.18."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.wire import HERE, THERE, Cable, Wire, ack
from netlib.host import STREAM
from netlib.kernel.errors import SocketError
from netlib.transport.tcp.options import Options
from netlib.wire.address import IPv4Address
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import ICMP, TCP, IPv4Packet
from netlib.wire.tcp import TCPSegment


def told(wire: Wire) -> Counter[str]:
    """What its counters say besides the segments."""
    counters = wire.host.tcp.counters
    return Counter({name: n for name, n in counters.items() if name not in ("InSegs", "OutSegs", "OutRsts")})


# ---- for nobody ------------------------------------------------------------


def test_a_segment_for_nobody_is_answered_with_a_reset_that_its_sender_believes() -> None:
    """RFC 9293 section 3.10.7.1."""
    wire = Wire()
    [reset] = wire.syn(5000)
    assert (reset.rst, reset.ack, reset.sequence, reset.acknowledgment) == (True, True, 0, 1001)
    [reset] = wire.give(ack(5000, 80, 7, 12345, b"data"))
    assert (reset.rst, reset.ack, reset.sequence) == (True, False, 12345)
    assert wire.give(TCPSegment(5000, 80, 7, rst=True)) == []
    [reset] = wire.give(TCPSegment(5000, 80, 7, fin=True, payload=b"data"))
    assert (reset.sequence, reset.acknowledgment) == (0, 12)
    assert wire.host.tcp.table == {} and wire.host.tcp.counters == {"InSegs": 4, "OutSegs": 3, "OutRsts": 3}


def test_damaged_and_broadcast_segments_are_dropped_without_a_word() -> None:
    wire = Wire()
    wire.listener()
    segment = TCPSegment(5000, 80, 7, syn=True)
    packet = IPv4Packet(protocol=TCP, source=THERE, destination=HERE)
    packet.payload = bytearray(segment.build(packet))
    packet.payload[4] ^= 1
    packet.payload = bytes(packet.payload)
    assert wire.receive(packet) == []
    packet.payload = packet.payload[:12]
    assert wire.receive(packet) == []
    assert wire.give(segment, destination=IPv4Address("10.0.0.255")) == []
    assert wire.host.dropped == {"TCP bad checksum": 1, "TCP truncated": 1, "TCP to a broadcast address": 1}


def test_options_that_make_no_sense_do_not_matter() -> None:
    """MUST-7: "be prepared to handle an illegal option length (e.g., zero)"."""
    wire = Wire()
    wire.listener()
    [answer] = wire.give(TCPSegment(5000, 80, 7, syn=True, window=1000, options=bytes((2, 0, 3, 0))))
    assert answer.syn and answer.ack


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from([80, 81, 5000]), st.integers(0, 255), st.binary(max_size=40),
                          st.integers(-2, 2), st.integers(-2, 2), st.floats(0, 3)), max_size=12))  # fmt: skip
def test_no_segments_in_any_order_raise_anything(given: list[tuple[int, int, bytes, int, int, float]]) -> None:
    """Any flags, numbers near the right ones, garbage as options, to a listener, to its connections and to nobody."""
    wire = Wire()
    wire.host.tcp.settings.syncookies = 2 if given and given[0][1] & 1 else 1
    wire.listener(backlog=0)
    seq = number = 1000
    for port, flags, options, off, ack_off, pause in given:
        segment = TCPSegment(5000, port, (seq + off) % 2**32, (number + ack_off) % 2**32, window=100)
        for bit, name in enumerate(("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")):
            setattr(segment, name, bool(flags >> bit & 1))
        segment.options, segment.payload = options, options[:7]
        for answer in wire.give(segment):
            number, seq = answer.sequence + answer.syn, answer.acknowledgment
        wire.wait(pause)
    assert len(wire.host.tcp.table) <= 2


# ---- the queues ------------------------------------------------------------


def test_with_a_backlog_of_2_three_connect() -> None:
    """Measured: 3 connect, the others stay in SYN-SENT; `ss` shows Recv-Q 3, Send-Q 2."""
    wire = Wire()
    server = wire.listener(backlog=2)
    assert [len(wire.handshake(5000 + number)) for number in range(8)] == [0] * 8
    assert (server.info.recv_q, server.info.send_q) == (3, 2)
    assert told(wire) == {"PassiveOpens": 3, "ListenOverflows": 5, "ListenDrops": 5}
    assert server.readable and str(server.info) == "LISTEN      3      2"
    first = server.accept()
    assert first is not None and first.peer == (THERE, 5000)
    wire.handshake(5003)  # its SYN again, a second later: now there is room
    others = [socket.peer for _ in range(3) if (socket := server.accept())]
    assert others == [(THERE, 5001), (THERE, 5002), (THERE, 5003)]
    assert server.accept() is None and not server.readable


def flood(wire: Wire, syns: int) -> Counter[bool]:
    """SYNs from invented addresses; how many were answered."""
    sources = (IPv4Address(f"10.0.0.{100 + number % 100}") for number in range(syns))
    return Counter(bool(wire.syn(6000 + number, source=source)) for number, source in enumerate(sources))


def test_a_flood_of_syns_and_a_real_client_with_and_without_cookies() -> None:
    """Measured with listen(8): 9 in SYN-RECV; without cookies the real client times out, with them it connects."""
    wire = Wire()
    wire.host.tcp.settings.syncookies = 0
    server = wire.listener(backlog=8)
    assert flood(wire, 60) == {True: 9, False: 51}
    assert [str(state) for state, _ in wire.host.tcp.rows()] == ["LISTEN"] + ["SYN-RECEIVED"] * 9
    assert wire.syn(5000) == [] and not server.readable

    wire = Wire()
    server = wire.listener(backlog=8)
    assert flood(wire, 60) == {True: 60}
    assert len(wire.host.tcp.table) == 9 and wire.host.tcp.counters["SyncookiesSent"] == 51
    assert wire.handshake(5000) == []
    made = server.accept()
    assert made is not None and made.peer == (THERE, 5000) and len(wire.host.tcp.table) == 10
    assert wire.host.tcp.counters["SyncookiesRecv"] == 1


def test_a_flood_costs_bounded_memory_and_is_over_after_a_minute() -> None:
    wire = Wire()
    wire.listener(backlog=8)
    flood(wire, 3000)
    assert len(wire.host.tcp.table) == len(wire.host.tcp.opening) == 9 and len(wire.host.tcp.due) <= 20
    wire.wait(70)  # SYN,ACKs are repeated after 1, 3, 7, 15, 31 s; at 63 s we give up
    tcp = wire.host.tcp
    assert not (tcp.table or tcp.opening or tcp.planned) and wire.host.deadline() is None


def test_a_cookie_carries_the_options_where_the_client_has_timestamps() -> None:
    wire = Wire()
    wire.host.tcp.settings.syncookies = 2
    server = wire.listener()
    [answer] = wire.syn(5000, window_scale=7, sack_permitted=True, timestamps=(77, 0))
    assert wire.host.tcp.table == {}
    value, echo = Options.of(answer).timestamps or (0, 0)
    assert echo == 77
    wire.now += 0.1
    segment = ack(5000, 80, 1001, answer.sequence + 1, b"hello")
    segment.options = Options(timestamps=(78, value)).build()
    [acknowledgment] = wire.give(segment)
    assert acknowledgment.acknowledgment == 1006
    made = server.accept()
    assert made is not None and made.recv(100) == b"hello"
    assert (made.info.ts, made.info.sack, made.info.wscale[0], made.info.mss) == (True, True, 7, 1448)
    made.send(b"answer")
    [data] = wire.sent()
    assert (data.payload, data.sequence) == (b"answer", answer.sequence + 1)
    assert (Options.of(data).timestamps or (0, 0))[0] >= value  # never older than the one on the SYN,ACK


def test_without_timestamps_a_cookie_offers_what_it_can_keep() -> None:
    wire = Wire()
    wire.host.tcp.settings.syncookies = 2
    server = wire.listener()
    [answer] = wire.syn(5000, window_scale=7, sack_permitted=True)
    options = Options.of(answer)
    assert (options.window_scale, options.sack_permitted, options.mss) == (None, False, 1460)
    assert wire.give(ack(5000, 80, 1001, answer.sequence + 1)) == []
    made = server.accept()
    assert made is not None and (made.info.sack, made.info.wscale, made.info.mss) == (False, (0, 0), 1460)
    assert made.info.rtt is None  # nothing was remembered that could tell how long the answer took


def test_a_guessed_cookie_is_answered_with_a_reset() -> None:
    wire = Wire()
    wire.host.tcp.settings.syncookies = 2
    server = wire.listener()
    [answer] = wire.syn(5000)
    for number in (answer.sequence + 2, answer.sequence - 3, answer.sequence + 2**24 + 1):
        [reset] = wire.give(ack(5000, 80, 1001, number))
        assert reset.rst and reset.sequence == number % 2**32
    wire.now += 121
    assert wire.give(ack(5000, 80, 1001, answer.sequence + 1))[0].rst  # too old
    assert wire.host.tcp.counters["SyncookiesFailed"] == 4 and not server.readable and not wire.host.tcp.table


def test_a_final_ack_without_room_is_dropped_and_its_data_comes_again() -> None:
    """The client believes that it is connected, and sends; when there is room, it is."""
    wire = Wire()
    server = wire.listener(backlog=0)
    [kept], [cookie] = wire.syn(5000), wire.syn(5001)
    wire.give(ack(5000, 80, 1001, kept.sequence + 1))
    assert wire.give(ack(5001, 80, 1001, cookie.sequence + 1)) == []
    assert wire.host.tcp.counters["ListenOverflows"] == 1
    assert server.accept() is not None and server.accept() is None
    wire.give(ack(5001, 80, 1001, cookie.sequence + 1, b"hello"))  # the client repeats its data
    made = server.accept()
    assert made is not None and made.recv(10) == b"hello"


def test_half_open_without_room_its_syn_ack_is_repeated_until_there_is() -> None:
    wire = Wire()
    server = wire.listener(backlog=0)
    [answer] = wire.syn(5000)
    wire.host.tcp.listeners[server.endpoint].queues.ready.append("somebody")  # type: ignore[index, arg-type]
    assert wire.give(ack(5000, 80, 1001, answer.sequence + 1)) == []
    assert told(wire) == {"ListenOverflows": 1, "ListenDrops": 1}
    [again] = wire.wait(1.5)
    assert again.syn and again.sequence == answer.sequence
    assert server.listening is not None and server.listening.queues.accept() == "somebody"
    wire.give(ack(5000, 80, 1001, answer.sequence + 1))
    assert server.accept() is not None


def test_abort_on_overflow_says_so() -> None:
    wire = Wire()
    wire.host.tcp.settings.abort_on_overflow = True
    server = wire.listener(backlog=0)
    [answer] = wire.syn(5000)
    wire.host.tcp.listeners[server.endpoint].queues.ready.append("somebody")  # type: ignore[index, arg-type]
    [reset] = wire.give(ack(5000, 80, 1001, answer.sequence + 1))
    assert reset.rst and not wire.host.tcp.table


def test_a_syn_ack_is_repeated_five_times() -> None:
    wire = Wire()
    wire.listener()
    wire.syn(5000)
    repeated = []
    while wire.host.deadline() is not None:
        repeated += [(round(wire.now) - 1, segment.syn) for segment in wire.wait(1)]
    assert repeated == [(1, True), (3, True), (7, True), (15, True), (31, True)]


# ---- SO_REUSEPORT ------------------------------------------------------------


def test_reuse_port_spreads_connections_and_closing_one_resets_exactly_its_own() -> None:
    """Measured: 1000 connections over 4 listeners 227/253/270/250; closing one resets the 250 that it had."""
    wire = Wire()
    servers = [wire.listener(backlog=1000, reuse_port=True) for _ in range(4)]
    for number in range(1000):
        wire.handshake(10_000 + number)
    shares = [server.info.recv_q for server in servers]
    assert sum(shares) == 1000 and all(190 < share < 310 for share in shares)
    mine = {connection.remote[1] for connection in servers[1].listening.queues.ready}  # type: ignore[union-attr]
    servers[1].close()
    resets = wire.sent()
    assert all(segment.rst for segment in resets)
    assert {segment.destination_port for segment in resets} == mine and len(resets) == shares[1]
    assert wire.handshake(9999) == []
    assert sum(server.info.recv_q for server in (servers[0], *servers[2:])) == 1001 - shares[1]


def test_a_listener_that_closes_forgets_who_is_half_open() -> None:
    wire = Wire()
    server = wire.listener()
    [answer] = wire.syn(5000)
    server.close()
    assert wire.sent() == [] and not wire.host.tcp.table and wire.host.deadline() is None
    [reset] = wire.give(ack(5000, 80, 1001, answer.sequence + 1))
    assert reset.rst


def test_a_listener_at_the_address_goes_before_one_at_any() -> None:
    wire = Wire()
    other = wire.host.socket(STREAM)
    other.bind("10.0.0.1", 81)
    other.listen()
    any_address = wire.listener(80)
    wire.handshake(5000, 81)
    wire.handshake(5001, 80)
    assert other.readable and any_address.readable


# ---- after the end ------------------------------------------------------------


def test_a_newer_syn_takes_the_place_of_a_connection_in_time_wait() -> None:
    wire = Wire()
    server = wire.listener()
    [answer] = wire.syn(5000)
    nxt = answer.sequence + 1
    wire.give(ack(5000, 80, 1001, nxt))
    made = server.accept()
    assert made is not None
    made.close()
    [fin] = wire.sent()
    assert fin.fin
    wire.give(ack(5000, 80, 1001, nxt + 1, fin=True))
    assert [str(state) for state, _ in wire.host.tcp.rows()] == ["LISTEN", "TIME-WAIT"]
    assert not wire.syn(5000, seq=900)[0].syn  # an old SYN
    [again] = wire.syn(5000, seq=5000)
    assert again.syn and (again.sequence - nxt) % 2**32 > 0xFFFF and (again.sequence - nxt) % 2**32 < 2**31
    wire.give(ack(5000, 80, 5001, again.sequence + 1, b"new"))
    made = server.accept()
    assert made is not None and made.recv(10) == b"new"


def test_time_wait_ends_and_nothing_is_left() -> None:
    cable = Cable()
    client, server = cable.connect()
    client.close()
    cable.exchange()
    assert server.recv(10) == b""
    server.close()
    cable.exchange()
    assert [str(state) for state, _ in cable.a.tcp.rows()] == ["TIME-WAIT"] and cable.b.tcp.rows() == []
    cable.wait(61)
    for host in (cable.a, cable.b):
        tcp = host.tcp
        assert not (tcp.table or tcp.planned or tcp.opening or tcp.ports.taken or host.sockets)
        assert host.deadline() is None and tcp.due == []


# ---- ports towards a peer ------------------------------------------------------------


def test_connections_may_share_a_port_towards_different_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 6056: what has to be unique is the four, not the port."""
    monkeypatch.setattr("netlib.kernel.ports.EPHEMERAL", range(40_000, 40_002))
    wire = Wire()
    wire.listener(40_000)
    made = [wire.host.socket(STREAM) for _ in range(3)]
    made[0].connect("10.0.0.2", 80)
    made[1].connect("10.0.0.3", 80)
    assert [socket.address for socket in made[:2]] == [(HERE, 40_001)] * 2
    with pytest.raises(SocketError, match="EADDRNOTAVAIL"):
        made[2].connect("10.0.0.2", 80)


# ---- ICMP ------------------------------------------------------------


def icmp(wire: Wire, about: TCPSegment, code: int, mtu: int = 0) -> list[TCPSegment]:
    """The router 10.0.0.9 reports about a segment that the host has sent to 10.0.0.2."""
    original = IPv4Packet(protocol=TCP, source=HERE, destination=THERE)
    original.payload = about.build(original)
    message = ICMPMessage.of_type[3](3, code, payload=original.build()[:28])
    if mtu:
        message.next_hop_mtu = mtu
    packet = IPv4Packet(protocol=ICMP, source=IPv4Address("10.0.0.9"), destination=HERE, payload=message.build())
    return wire.receive(packet)


def test_a_hard_error_ends_a_connect_a_soft_one_does_not() -> None:
    for code, error in ((3, "ECONNREFUSED"), (1, None)):
        wire = Wire()
        client = wire.host.socket(STREAM)
        client.connect("10.0.0.2", 80)
        [syn] = wire.sent()
        icmp(wire, syn, code)
        assert client.error == error


def test_an_error_with_a_sequence_number_that_was_not_sent_is_made_up() -> None:
    wire = Wire()
    client = wire.host.socket(STREAM)
    client.connect("10.0.0.2", 80)
    [syn] = wire.sent()
    syn.sequence += 1
    icmp(wire, syn, 3)
    assert client.error is None and wire.host.tcp.counters["OutOfWindowIcmps"] == 1


def test_the_path_mtu_is_learnt_and_what_was_too_large_is_sent_again() -> None:
    wire = Wire()
    server = wire.listener()
    wire.handshake(5000)
    made = server.accept()
    assert made is not None
    data = Random(1).randbytes(2920)
    made.send(data)
    packets = wire.packets()
    assert [(packet.dont_fragment, len(packet.payload)) for packet in packets] == [(True, 1480)] * 2
    first = TCPSegment.parse(packets[0].payload)
    again = icmp(wire, first, 4, mtu=1000)
    assert max(len(segment.payload) for segment in again) == 960 and again[0].sequence == first.sequence
    got = b""
    while again:
        got += b"".join(segment.payload for segment in again)
        again = wire.give(ack(5000, 80, 1001, first.sequence + len(got)))
    assert got == data
