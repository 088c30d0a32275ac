"""Each protocol's own parse and build: bytes from the RFCs and from captures, and what is refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.wire import icmp
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket
from netlib.wire.errors import BadChecksum, FieldOverflow, Malformed, Truncated, WireError
from netlib.wire.ethernet import ETHERTYPE_ARP, EthernetFrame
from netlib.wire.icmp import ICMPDestinationUnreachable, ICMPEcho, ICMPMessage, ICMPRedirect, ICMPTimestamp, ICMPUnknown
from netlib.wire.ipv4 import TCP, UDP, IPv4Packet
from netlib.wire.options import build_options, parse_options
from netlib.wire.packet import stack
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

from .packets import HEADERS, changed, few, icmp_messages, ipv4_packets, many, option_lists, tcp_segments, udp_datagrams

A, B = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")


# Ethernet and ARP


def test_an_ethernet_frame() -> None:
    data = bytes.fromhex("ffffffffffff 020000000001 0806") + b"rest"
    frame = EthernetFrame.parse(data)
    assert frame == EthernetFrame(MACAddress.BROADCAST, MACAddress("02:00:00:00:00:01"), ETHERTYPE_ARP, b"rest")
    assert frame.build() == data
    assert str(frame) == "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff ARP"
    assert frame.meaning("ethertype") == "ARP" and frame.meaning("destination") == "broadcast"
    assert EthernetFrame(ethertype=1000).meaning("ethertype") == "length"


def test_an_arp_request_and_its_reply() -> None:
    data = bytes.fromhex("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002")
    request = ARPPacket.parse(data + bytes(18))
    assert request.operation == REQUEST and request.sender_ip == A and request.target_ip == B
    assert request.build() == data and request.payload == b""
    reply = ARPPacket(operation=REPLY, sender_mac=MACAddress("02:00:00:00:00:02"), sender_ip=B,
                      target_mac=request.sender_mac, target_ip=A)  # fmt: skip
    assert str(request) == "ARP who has 10.0.0.2? tell 10.0.0.1"
    assert str(reply) == "ARP 10.0.0.2 is at 02:00:00:00:00:02"
    assert str(ARPPacket(operation=3)) == "ARP operation 3"


# IPv4


def test_an_ipv4_header_from_the_wire() -> None:
    header = bytes.fromhex("4500 003c 1c46 4000 4006 b1e6 ac10 0a63 ac10 0a0c")
    packet = IPv4Packet.parse(header + bytes(40) + b"padding")
    assert packet == IPv4Packet(
        total_length=60, identification=0x1C46, dont_fragment=True, ttl=64, protocol=TCP, checksum=0xB1E6,
        source=IPv4Address("172.16.10.99"), destination=IPv4Address("172.16.10.12"), payload=bytes(40),
    )  # fmt: skip
    assert packet.build() == header + bytes(40)
    assert packet.header_length == 20 and not packet.is_fragment


@many
@given(ipv4_packets(st.integers(0, 255), fragments=True))
def test_an_ipv4_packet_is_read_as_it_was_built(packet: IPv4Packet) -> None:
    data = packet.build()
    assert packet.header_words == 5 + len(packet.options) // 4 and packet.total_length == len(data)
    assert IPv4Packet.parse(data) == packet
    assert IPv4Packet.parse(data).build() == data
    assert packet.is_fragment == (packet.more_fragments or packet.fragment_offset > 0)


def test_options_are_padded_to_whole_words() -> None:
    data = IPv4Packet(options=b"\x94\4\0\0\1").build()
    packet = IPv4Packet.parse(data)
    assert packet.header_words == 7 and packet.options == b"\x94\4\0\0\1\0\0\0"
    with pytest.raises(FieldOverflow, match=r"IPv4Packet\.options \(offset 20\): 41 bytes of options"):
        IPv4Packet(options=bytes(41)).build()
    with pytest.raises(FieldOverflow, match=r"TCPSegment\.options \(offset 20\): 41 bytes of options"):
        TCPSegment(options=bytes(41)).build()


def test_a_packet_has_65535_bytes_at_most() -> None:
    assert len(IPv4Packet(payload=bytes(65515)).build()) == 65535
    with pytest.raises(FieldOverflow, match=r"IPv4Packet\.total_length \(offset 2\): 65536 bytes"):
        IPv4Packet(payload=bytes(65516)).build()
    with pytest.raises(FieldOverflow, match=r"IPv4Packet\.total_length"):
        IPv4Packet(payload=bytes(65512), options=bytes(4)).build()
    with pytest.raises(FieldOverflow, match=r"UDPDatagram\.length \(offset 4\): 65536 bytes"):
        UDPDatagram(payload=bytes(65528)).build()
    for size in (65520, 70_000):
        with pytest.raises(FieldOverflow, match=r"IPv4Packet\.total_length \(offset 2\): "):
            stack(IPv4Packet(protocol=TCP), TCPSegment(payload=bytes(size)))


def test_a_value_that_does_not_fit_is_named_also_from_the_layer_inside() -> None:
    for inner in (UDPDatagram(), TCPSegment(), ICMPEcho()):
        with pytest.raises(FieldOverflow, match=r"IPv4Packet\.source \(offset 12\): '10\.0\.0\.1' is not 4 bytes"):
            stack(IPv4Packet(source="10.0.0.1"), inner)  # type: ignore[arg-type]
        with pytest.raises(FieldOverflow, match=r"IPv4Packet\.protocol \(offset 9\): 70000 does not fit into 8 bits"):
            stack(IPv4Packet(protocol=70_000), inner)
        with pytest.raises(FieldOverflow, match=r"IPv4Packet\.destination \(offset 16\): .* is not 4 bytes"):
            stack(IPv4Packet(destination=b"abc"), inner)  # type: ignore[arg-type]


# ICMP


@many
@given(icmp_messages)
def test_an_icmp_message_of_any_type_is_read_as_it_was_built(message: ICMPMessage) -> None:
    data = message.build()
    again = ICMPMessage.parse(data)
    assert again == message and type(again) is type(message)
    assert again.build() == data
    assert str(again).startswith("ICMP ") and again.name


def test_every_type_has_its_class() -> None:
    for kind in range(256):
        message = ICMPMessage.parse(type(ICMPMessage.of_type.get(kind, ICMPUnknown)())(kind).build())
        assert message.type == kind
        assert message.is_error == (kind in (3, 4, 5, 11, 12))
        assert isinstance(message, ICMPUnknown) == (kind not in (0, 3, 4, 5, 8, 11, 12, 13, 14))


def test_an_echo_and_its_reply() -> None:
    request = ICMPMessage.parse(bytes.fromhex("0800 b42a 0001 0002") + b"hello")
    assert request == ICMPEcho(8, 0, 0xB42A, 1, 2, b"hello")
    reply = request.reply()
    assert reply.build() == bytes.fromhex("0000 bc2a 0001 0002") + b"hello"
    assert (str(request), str(reply)) == ("ICMP echo request id 1 seq 2", "ICMP echo reply id 1 seq 2")


def test_an_error_quotes_the_packet_that_it_is_about() -> None:
    sent = stack(IPv4Packet(protocol=UDP, source=A, destination=B, ttl=1), UDPDatagram(1000, 33434, payload=bytes(100)))
    error = ICMPMessage.parse(ICMPDestinationUnreachable(code=4, next_hop_mtu=1400, payload=sent[:28]).build())
    assert isinstance(error, ICMPDestinationUnreachable) and error.is_error
    assert error.next_hop_mtu == 1400 and error.name == "fragmentation needed"
    quoted = error.original
    assert (quoted.source, quoted.destination, quoted.total_length) == (A, B, 128)
    assert UDPDatagram.parse_header(quoted.payload).destination_port == 33434
    assert UDPDatagram.parse(quoted.payload, problems=[]).source_port == 1000


def test_a_quote_that_is_no_packet() -> None:
    for payload in (b"", bytes(19), bytes(40)):
        error = ICMPMessage.parse(ICMPRedirect(gateway=A, payload=payload).build())
        assert str(error) == "ICMP redirect for the host"
        with pytest.raises(WireError):
            _ = error.original


def test_icmp_refuses_by_name() -> None:
    data = ICMPTimestamp(identifier=1, originate=2).build()
    for length in range(20):
        with pytest.raises(Truncated, match="ICMPMessage" if length < 8 else "ICMPTimestamp"):
            ICMPMessage.parse(data[:length])
    with pytest.raises(BadChecksum, match=r"ICMPMessage\.checksum \(offset 2\): 0x\w{4} does not match"):
        ICMPMessage.parse(changed(data, 9, b"\7"))
    problems: list[WireError] = []
    assert ICMPMessage.parse(changed(data, 9, b"\7"), problems).originate == 0x00070000 + 2
    assert [type(problem) for problem in problems] == [BadChecksum]


def test_a_message_of_zeroes_has_the_checksum_ffff() -> None:
    # the only sum that is +0: an echo reply of nothing
    data = ICMPEcho(icmp.ECHO_REPLY).build()
    assert data == bytes.fromhex("0000 ffff 0000 0000")
    assert ICMPMessage.parse(data).build() == data
    with pytest.raises(BadChecksum):
        ICMPMessage.parse(bytes(8))


# UDP


@many
@given(udp_datagrams, ipv4_packets(st.just(UDP)))
def test_a_datagram_is_read_as_it_was_built(datagram: UDPDatagram, below: IPv4Packet) -> None:
    data = datagram.build(below)
    assert datagram.length == len(data)
    assert (datagram.checksum != 0) == datagram.checksummed
    again = UDPDatagram.parse(data + b"behind", below)
    assert again == datagram
    assert again.build(below) == data


def test_a_datagram_without_a_checksum() -> None:
    data = bytes.fromhex("0035 1000 000a 0000") + b"hi"
    datagram = UDPDatagram.parse(data, IPv4Packet(source=A, destination=B, protocol=UDP))
    assert datagram.checksummed is False and datagram.build() == data
    assert datagram.meaning("checksum") == "left out by the sender"


def test_a_udp_checksum_of_zero_is_sent_as_ffff() -> None:
    below = IPv4Packet(source=A, destination=B, protocol=UDP)
    open_end = UDPDatagram(1, 2, payload=bytes(2))
    open_end.payload = int.from_bytes(open_end.build(below)[6:8], "big").to_bytes(2, "big")
    data = open_end.build(below)
    assert data[6:8] == b"\xff\xff"
    assert UDPDatagram.parse(data, below).checksummed


def test_udp_refuses_by_name() -> None:
    below = IPv4Packet(source=A, destination=B, protocol=UDP)
    data = UDPDatagram(1, 2, payload=b"hello").build(below)
    for length in range(8):
        with pytest.raises(Truncated, match=r"UDPDatagram \(offset 0\): needs 8 bytes"):
            UDPDatagram.parse(data[:length], below)
    for length in range(8, 13):
        with pytest.raises(
            Truncated, match=rf"UDPDatagram\.length \(offset 4\): says 13 bytes, only {length} are there"
        ):
            UDPDatagram.parse(data[:length], below)
    for said in range(8):
        with pytest.raises(Malformed, match=rf"UDPDatagram\.length \(offset 4\): {said} is less than the header's 8"):
            UDPDatagram.parse(changed(data, 5, bytes((said,))), below)
    with pytest.raises(BadChecksum, match=r"UDPDatagram\.checksum \(offset 6\)"):
        UDPDatagram.parse(data, IPv4Packet(source=A, destination=A, protocol=UDP))  # reached the wrong host
    assert UDPDatagram.parse(data).payload == b"hello"  # unverified, without the packet below


# TCP


@many
@given(tcp_segments, ipv4_packets(st.just(TCP)))
def test_a_segment_is_read_as_it_was_built(segment: TCPSegment, below: IPv4Packet) -> None:
    data = segment.build(below)
    assert segment.header_length == 4 * segment.header_words == 20 + len(segment.options)
    again = TCPSegment.parse(data, below)
    assert again == segment
    assert again.build(below) == data


def test_the_flags_are_in_rfc_9293_s_order() -> None:
    for bit, name in enumerate(("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")):
        assert TCPSegment(**{name: True}).build()[13] == 1 << bit
        assert str(TCPSegment(1, 2, **{name: True})) == f"TCP 1 > 2 {name.upper()} seq 0 0 bytes"
    assert str(TCPSegment(1, 2)) == "TCP 1 > 2 no flags seq 0 0 bytes"


def test_tcp_refuses_by_name() -> None:
    below = IPv4Packet(source=A, destination=B, protocol=TCP)
    data = TCPSegment(1, 2, options=b"\2\4\5\xb4", payload=b"hello").build(below)
    for length in range(24):
        with pytest.raises(Truncated, match="TCPSegment"):
            TCPSegment.parse(data[:length], below)
    for words in range(5):
        with pytest.raises(Malformed, match=rf"TCPSegment\.header_words \(offset 12\): {words} is less than 5"):
            TCPSegment.parse(changed(data, 12, bytes((words << 4,))), below)
    with pytest.raises(BadChecksum, match=r"TCPSegment\.checksum \(offset 16\)"):
        TCPSegment.parse(data[:-1], below)
    bad = TCPSegment(options=b"\2\1\0\0").build(below)
    with pytest.raises(Malformed, match=r"TCPSegment\.options \(offset 20\): option 2 of length 1, 4 bytes are left"):
        TCPSegment.parse(bad, below)
    problems: list[WireError] = []
    assert TCPSegment.parse(bad, below, problems).options == b"\2\1\0\0"
    assert [type(problem) for problem in problems] == [Malformed]


# Options


def test_the_options_of_a_syn() -> None:
    data = bytes.fromhex("020405b4 0402 080a 00000001 00000000 01 030307")
    assert parse_options(data) == [(2, b"\5\xb4"), (4, b""), (8, b"\0\0\0\1\0\0\0\0"), (3, b"\7")]
    assert build_options([(2, b"\5\xb4"), (4, b""), (8, b"\0\0\0\1\0\0\0\0"), (1, b""), (3, b"\7")]) == data
    assert parse_options(b"\1\1\0\xff\xff") == []  # nothing behind END is read
    assert build_options([(1, b""), (0, b"")]) == b"\1\0\0\0"


@many
@given(option_lists())
def test_options_are_read_as_they_were_built(data: bytes) -> None:
    found = parse_options(data)
    assert parse_options(build_options(found)) == found


@many
@given(st.binary(max_size=60))
def test_no_options_raise_anything_but_malformed(data: bytes) -> None:
    try:
        found = parse_options(data, "here")
    except Malformed as error:
        assert str(error).startswith("here (offset ")
    else:
        assert sum(2 + len(value) for _, value in found) <= len(data)


class Counted(bytes):
    """Bytes that count how often they are looked at."""

    looks = 0

    def __getitem__(self, index):
        self.looks += 1
        return super().__getitem__(index)


@many
@given(st.one_of(option_lists(), st.binary(max_size=60), st.integers(0, 60).map(lambda count: b"\1" * count)))
def test_options_are_looked_at_a_few_times_per_byte(data: bytes) -> None:
    counted = Counted(data)
    with suppress(Malformed):
        parse_options(counted)
    assert counted.looks <= 2 * len(data)


@pytest.mark.parametrize(
    "options", [[(256, b"")], [(-1, b"")], [(7, bytes(39))], [(7, bytes(300))], [(7, bytes(20))] * 2]
)
def test_options_that_do_not_fit_are_refused(options: list[tuple[int, bytes]]) -> None:
    with pytest.raises(FieldOverflow, match=r"options \(offset 20\): "):
        build_options(options)


# What the view asks of a header


@pytest.mark.parametrize("cls", HEADERS, ids=lambda cls: cls.__name__)
def test_a_meaning_is_a_short_text(cls) -> None:
    @few
    @given(st.binary(min_size=cls.SIZE, max_size=cls.SIZE))
    def short_text(data: bytes) -> None:
        values = cls.parse_header(data)
        for field in cls.fields:
            assert len(values.meaning(field.name)) < 60

    short_text()
