"""UDP on a host: what is dropped, what is answered, and which ICMP error reaches which socket."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.host import DATAGRAM, DatagramSocket, Host, Parts
from netlib.kernel.errors import SocketError
from netlib.kernel.table import UDPTable
from netlib.transport.udp import Endpoint
from netlib.wire.address import IPv4Address
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import ICMP, UDP, IPv4Packet
from netlib.wire.udp import UDPDatagram

HERE, THERE = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")


def host(parts: Parts | None = None) -> Host:
    """A host without frames: what it sends is in its outbox as IP packets."""
    host = Host("h", Random(1), parts)
    host.attach("10.0.0.1/24")
    return host


def socket(host: Host, port: int = 7) -> DatagramSocket:
    made = host.socket(DATAGRAM)
    made.bind("0.0.0.0", port)
    return made


def sent(host: Host) -> list[IPv4Packet]:
    packets = [IPv4Packet.parse(data) for _, data in host.outbox]
    host.outbox.clear()
    return packets


def give(host: Host, datagram: bytes, source: IPv4Address = THERE, destination: IPv4Address = HERE) -> None:
    packet = IPv4Packet(protocol=UDP, source=source, destination=destination, payload=datagram)
    host.receive(host.interfaces[0], packet.build(), 1.0)


def datagram(data: bytes = b"data", port: int = 7, destination: IPv4Address = HERE, checksummed: bool = True) -> bytes:
    below = IPv4Packet(protocol=UDP, source=THERE, destination=destination)
    return UDPDatagram(9, port, checksummed=checksummed, payload=data).build(below)


def icmp(about: IPv4Packet, type: int, code: int, source: IPv4Address = THERE) -> IPv4Packet:
    message = ICMPMessage.of_type[type](type, code, payload=about.build()[:28])
    return IPv4Packet(protocol=ICMP, source=source, destination=HERE, payload=message.build())


def test_what_is_sent_has_a_checksum_over_its_addresses() -> None:
    h = host()
    s = socket(h, 4000)
    assert s.send_to(b"hello", ("10.0.0.2", 7)) == 5
    [packet] = sent(h)
    assert (packet.source, packet.destination, packet.ttl) == (HERE, THERE, 64)
    assert str(UDPDatagram.parse(packet.payload, packet)) == "UDP 4000 > 7 5 bytes"
    s.set_option("SO_NO_CHECK", 1)
    s.set_option("IP_TTL", 3)
    s.send_to(b"hello", (THERE, 7))
    [packet] = sent(h)
    assert (UDPDatagram.parse(packet.payload).checksum, packet.ttl) == (0, 3)


def test_a_checksum_that_comes_out_as_zero_is_sent_as_ffff() -> None:
    h = host()
    s = socket(h, 4000)
    s.send_to(bytes(2), ("10.0.0.2", 7))
    checksum = UDPDatagram.parse(sent(h)[0].payload).checksum
    s.send_to(checksum.to_bytes(2, "big"), ("10.0.0.2", 7))  # makes the sum come out as all ones, its complement 0
    [packet] = sent(h)
    assert packet.payload[6:8] == b"\xff\xff"
    assert UDPDatagram.parse(packet.payload, packet).payload == checksum.to_bytes(2, "big")


def test_what_is_damaged_is_dropped_without_a_word() -> None:
    h = host()
    s = socket(h)
    good = datagram()
    give(h, good)
    give(h, datagram(checksummed=False))
    assert [s.receive(), s.receive(), s.receive()] == [(b"data", (THERE, 9))] * 2 + [None]
    give(h, good[:-1] + b"!")
    give(h, good, source=IPv4Address("10.0.0.3"))  # the pseudo header tells that it is not from there
    give(h, good[:7])
    give(h, good[:4] + b"\0\x07" + good[6:])
    give(h, good[:4] + b"\0\x20" + good[6:])
    give(h, datagram(port=8)[:-1] + b"!")  # not even port unreachable: the port may be wrong, too
    assert (s.receive(), h.outbox) == (None, [])
    assert h.dropped == {"UDP bad checksum": 3, "UDP truncated": 2, "UDP malformed": 1}


def test_what_lies_behind_the_datagram_is_not_data() -> None:
    h = host()
    s = socket(h)
    give(h, datagram() + b"padding")
    assert s.receive() == (b"data", (THERE, 9))


def test_a_socket_that_is_read_never_fills() -> None:
    h = host()
    s = socket(h)
    s.set_option("SO_RCVBUF", 2000)
    for _ in range(100):
        give(h, datagram())
        assert s.receive() == (b"data", (THERE, 9))
    for _ in range(5):
        give(h, datagram())
    assert (len(s.inbox), s.dropped, h.dropped) == (3, 2, {"socket full": 2})


def test_a_closed_port_is_unreachable_but_not_for_a_broadcast() -> None:
    h = host()
    give(h, datagram(port=8))
    [packet] = sent(h)
    message = ICMPMessage.parse(packet.payload)
    assert (message.name, message.original.payload[:8]) == ("port unreachable", datagram(port=8)[:8])
    for destination in (IPv4Address("10.0.0.255"), IPv4Address("255.255.255.255")):
        give(h, datagram(port=8, destination=destination), destination=destination)
    assert sent(h) == []


def test_a_broadcast_reaches_every_socket_that_would_take_it() -> None:
    h = host()
    one, two = h.socket(DATAGRAM), h.socket(DATAGRAM)
    for each in (one, two):
        each.bind("0.0.0.0", 7, reuse_port=True)
    bound, connected = h.socket(DATAGRAM), h.socket(DATAGRAM)
    bound.bind("10.0.0.1", 7, reuse_port=True)
    connected.bind("0.0.0.0", 7, reuse_port=True)
    connected.connect("10.0.0.3", 9)
    everyone = IPv4Address("10.0.0.255")
    give(h, datagram(destination=everyone), destination=everyone)
    assert [s.receive() is not None for s in (one, two, bound, connected)] == [True, True, False, False]
    with pytest.raises(SocketError, match=r"^EACCES: "):
        one.send_to(b"x", ("10.0.0.255", 7))
    one.set_option("SO_BROADCAST", 1)
    assert one.send_to(b"x", ("10.0.0.255", 7)) == 1


ERRORS = {
    (3, 0): None, (3, 1): None, (3, 2): "ENOPROTOOPT", (3, 3): "ECONNREFUSED", (3, 4): None, (3, 5): None,
    (3, 9): "ENETUNREACH", (3, 10): "EHOSTUNREACH", (3, 13): "EHOSTUNREACH", (3, 77): None, (11, 0): None,
    (12, 0): "EPROTO",
}  # fmt: skip


@pytest.mark.parametrize("type, code", ERRORS)
def test_hard_errors_reach_the_connected_socket_that_is_meant(type: int, code: int) -> None:
    h = host()
    plain, connected, other = socket(h, 5000), socket(h, 5001), socket(h, 5002)
    connected.connect("10.0.0.2", 7)
    other.connect("10.0.0.2", 8)
    connected.send(b"from the connected")
    plain.send_to(b"from another", ("10.0.0.2", 7))
    for packet in sent(h):
        h.receive(h.interfaces[0], icmp(packet, type, code).build(), 1.0)
    assert (plain.error, connected.error, other.error) == (None, ERRORS[type, code], None)
    assert (plain.readable, connected.readable) == (False, ERRORS[type, code] is not None)


def test_an_error_about_what_we_never_sent_reaches_nobody() -> None:
    h = host()
    connected = socket(h, 5001)
    connected.connect("10.0.0.2", 7)
    connected.send(b"x")
    [packet] = sent(h)
    for field, value in (("destination", IPv4Address("10.0.0.9")), ("protocol", ICMP), ("fragment_offset", 1)):
        forged = IPv4Packet.parse(packet.build())
        setattr(forged, field, value)
        h.receive(h.interfaces[0], icmp(forged, 3, 3).build(), 1.0)
    for ports in (b"\x13\x89\0\x08", b"\x13\x8a\0\x07"):
        forged = IPv4Packet.parse(packet.build())
        forged.payload = ports + forged.payload[4:]
        h.receive(h.interfaces[0], icmp(forged, 3, 3).build(), 1.0)
    short = icmp(packet, 3, 3)
    short.payload = ICMPMessage.of_type[3](3, 3, payload=packet.build()[:24]).build()
    h.receive(h.interfaces[0], short.build(), 1.0)
    assert connected.error is None and h.dropped["UDP ICMP error malformed"] == 1
    h.receive(h.interfaces[0], icmp(packet, 3, 3).build(), 1.0)
    assert connected.error == "ECONNREFUSED"


@given(st.binary(max_size=60), st.integers(0, 255), st.integers(0, 255))
def test_nothing_that_arrives_raises(data: bytes, type: int, code: int) -> None:
    h = host()
    connected = socket(h, 5001)
    connected.connect("10.0.0.2", 7)
    give(h, data)
    body = bytes((type, code)) + data
    h.receive(h.interfaces[0], IPv4Packet(protocol=ICMP, source=THERE, destination=HERE, payload=body).build(), 1.0)


# ---- a table of one's own ------------------------------------------------------------------------------------------


class MyTable:
    """A student's: a list, the last one that takes it."""

    def __init__(self) -> None:
        self.list: list[Endpoint] = []

    def add(self, endpoint: Endpoint) -> None:
        self.list.append(endpoint)

    def remove(self, endpoint: Endpoint) -> None:
        self.list.remove(endpoint)

    def lookup(self, source: bytes, source_port: int, destination: bytes, destination_port: int) -> Endpoint | None:
        found = [e for e in self.list if e.takes(source, source_port, destination, destination_port)]
        return max(found, key=lambda e: (e.is_connected, not e.is_wildcard), default=None)


@pytest.mark.parametrize("table", [MyTable, UDPTable])
def test_a_students_table_runs_in_a_host(table: type) -> None:
    h = host(Parts(udp_table=table))
    s = socket(h)
    give(h, datagram())
    assert s.receive() == (b"data", (THERE, 9))
    s.connect(THERE, 10)
    give(h, datagram())
    assert s.receive() is None and len(sent(h)) == 1  # port unreachable: it is connected to another port
    s.close()
    assert not getattr(h.udp.table, "list", None) and h.udp.endpoints == {}


def test_a_table_that_returns_nonsense_is_named() -> None:
    class Wrong(MyTable):
        def lookup(self, *ends: object) -> Endpoint | None:
            return answer  # type: ignore[return-value]

    h = host(Parts(udp_table=Wrong))
    socket(h)
    answer: object = 7
    with pytest.raises(
        TypeError, match=r"^the part udp_table.lookup returned 7 \(int\): it has to return Endpoint or None$"
    ):
        give(h, datagram())
    answer = Endpoint(HERE, 7)
    with pytest.raises(
        LookupError, match=r"^the part udp_table.lookup returned 10\.0\.0\.1:7, which is not in the table$"
    ):
        give(h, datagram())
