"""decode: whole packets, right ones and wrong ones."""

import gc
import sys
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netlib
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import ARPPacket
from netlib.wire.errors import BadChecksum, Malformed, Truncated, WireError
from netlib.wire.ethernet import ETHERTYPE_ARP, EthernetFrame
from netlib.wire.icmp import ICMPDestinationUnreachable, ICMPEcho
from netlib.wire.ipv4 import ICMP, TCP, UDP, IPv4Packet
from netlib.wire.packet import Packet, decode, stack
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

from .packets import changed, few, frames, ip_packets, many, payloads

A, B = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
MAC_A, MAC_B = MACAddress("02:00:00:00:00:01"), MACAddress("02:00:00:00:00:02")


def ether() -> EthernetFrame:
    return EthernetFrame(MAC_B, MAC_A)


def ip(protocol: int, **fields: object) -> IPv4Packet:
    return IPv4Packet(protocol=protocol, source=A, destination=B, **fields)


PING = stack(ether(), ip(ICMP), ICMPEcho(identifier=1, sequence=2, payload=b"hello"))
SEGMENT = stack(ether(), ip(TCP), TCPSegment(1, 2, 3, syn=True, options=b"\2\4\5\xb4", payload=b"data"))
DATAGRAM = stack(ether(), ip(UDP), UDPDatagram(1000, 53, payload=b"query"))
ARP = stack(EthernetFrame(ethertype=ETHERTYPE_ARP), ARPPacket(sender_ip=A, target_ip=B))


# Right packets


@many
@given(frames())
def test_a_well_formed_frame_has_no_problems_and_is_rebuilt_bit_for_bit(frame: bytes) -> None:
    packet = decode(frame)
    assert packet.problems == []
    assert packet.build() == frame
    assert packet.data == frame
    assert decode(packet.build()).layers == packet.layers


@many
@given(ip_packets(), st.one_of(st.just(b""), payloads))
def test_an_ip_packet_without_a_frame_is_rebuilt_bit_for_bit(data: bytes, behind: bytes) -> None:
    packet = decode(data + behind, link="ip")
    assert packet.problems == []
    assert packet.build() == data + behind
    assert isinstance(packet.layers[0], IPv4Packet)


@many
@given(frames())
def test_offsets_say_where_each_layer_starts(frame: bytes) -> None:
    packet = decode(frame)
    for layer, offset in zip(packet.layers, packet.offsets, strict=True):
        same = type(layer).parse_header(frame, offset)
        assert [getattr(same, field.name) for field in layer.fields] == [getattr(layer, f.name) for f in layer.fields]


def test_the_layers_of_a_ping() -> None:
    packet = decode(PING)
    assert [type(layer) for layer in packet] == [EthernetFrame, IPv4Packet, ICMPEcho]
    assert packet[IPv4Packet].source == A and packet[ICMPEcho].sequence == 2
    assert IPv4Packet in packet and TCPSegment not in packet
    assert packet.payload == b"hello"
    assert packet.offsets == [0, 14, 34]
    assert packet.link == "ethernet" and decode(PING[14:], "ip").link == "ip"
    assert packet.summary() == str(packet) == "10.0.0.1 > 10.0.0.2 ICMP echo request id 1 seq 2"
    assert decode(PING[14:], "ip").summary() == packet.summary()
    with pytest.raises(KeyError, match=r"no TCPSegment in this packet: 10\.0\.0\.1 > 10\.0\.0\.2 ICMP"):
        packet[TCPSegment]


def test_one_line_for_each_kind_of_packet() -> None:
    assert str(decode(SEGMENT)) == "10.0.0.1 > 10.0.0.2 TCP 1 > 2 SYN seq 3 4 bytes"
    assert str(decode(DATAGRAM)) == "10.0.0.1 > 10.0.0.2 UDP 1000 > 53 5 bytes"
    assert str(decode(ARP)) == "ARP who has 10.0.0.2? tell 10.0.0.1"
    fragment = stack(ip(UDP, identification=7, fragment_offset=3, more_fragments=True, payload=bytes(16)))
    assert str(decode(fragment, "ip")) == "10.0.0.1 > 10.0.0.2 UDP fragment id 7 bytes 24-39, more follow"
    report = stack(ip(ICMP), ICMPDestinationUnreachable(code=3, payload=DATAGRAM[14:]))
    assert str(decode(report, "ip")) == "10.0.0.1 > 10.0.0.2 ICMP port unreachable (about 10.0.0.1 > 10.0.0.2 UDP)"
    assert str(decode(b"short")).startswith("5 bytes that nothing here can read [EthernetFrame")


def test_a_changed_packet_is_built_with_new_lengths_and_checksums() -> None:
    packet = decode(SEGMENT)
    packet[TCPSegment].payload = b"something longer"
    packet[IPv4Packet].ttl = 3
    again = decode(packet.build())
    assert again.problems == []
    assert again.payload == b"something longer" and again[IPv4Packet].total_length == 60


def test_bytes_behind_a_datagram_and_padding_behind_its_packet_are_both_kept() -> None:
    packet = ip(UDP)
    data = stack(ether(), ip(UDP, payload=UDPDatagram(1, 2, payload=b"query").build(packet) + b"behind")) + b"padding"
    assert decode(data).problems == [] and decode(data).payload == b"query"
    assert decode(data).build() == data
    assert decode(data[14:], "ip").build() == data[14:]
    padded = ARP + bytes(18)
    assert decode(padded).build() == padded and decode(padded).payload == b""


def test_a_fragment_is_not_read_beyond_its_ip_header() -> None:
    for fields in ({"more_fragments": True}, {"fragment_offset": 1}):
        packet = decode(stack(ip(UDP, payload=bytes(8), **fields)), "ip")
        assert len(packet.layers) == 1 and packet.problems == [] and packet.payload == bytes(8)


def test_decode_takes_what_recv_into_fills() -> None:
    buffer = bytearray(PING)
    assert decode(buffer).build() == decode(memoryview(buffer)).build() == PING
    assert buffer == PING


def test_the_package_offers_decode_and_stack() -> None:
    assert netlib.decode is decode and netlib.stack is stack and netlib.Packet is Packet
    assert "decode" in dir(netlib)
    with pytest.raises(AttributeError, match="decoed"):
        _ = netlib.decoed


def test_an_unknown_link_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="'ethernet' and 'ip' are known"):
        decode(PING, link="token ring")  # type: ignore[arg-type]


# Wrong packets


def survives(data: bytes) -> None:
    """Nothing that can be asked of the decoded bytes raises, and what is wrong is only WireErrors with a message."""
    for link in ("ethernet", "ip"):
        packet = decode(data, link)  # type: ignore[arg-type]
        assert packet.data == data
        for problem in packet.problems:
            assert isinstance(problem, WireError) and "offset" in str(problem)
        assert str(packet) and repr(packet) and packet.payload is not None
        assert len(packet.offsets) == len(packet.layers)
        for layer in packet:
            for field in layer.fields:
                assert isinstance(layer.meaning(field.name), str)
        built = packet.build()
        if not packet.problems:
            assert built == data


@many
@given(st.binary(max_size=200))
def test_no_bytes_make_decode_raise(data: bytes) -> None:
    survives(data)


@many
@given(st.data(), frames())
def test_no_damage_makes_decode_raise(data: st.DataObject, frame: bytes) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        frame = changed(frame, data.draw(st.integers(0, len(frame) - 1)), data.draw(st.binary(min_size=1, max_size=2)))
    survives(frame)


@few
@given(frames())
def test_a_frame_may_end_anywhere(frame: bytes) -> None:
    for length in range(len(frame)):
        survives(frame[:length])


@pytest.mark.parametrize("frame", [PING, SEGMENT, DATAGRAM], ids=["ping", "segment", "datagram"])
def test_every_flipped_bit_of_an_ip_packet_is_noticed_or_kept(frame: bytes) -> None:
    for bit in range(14 * 8, len(frame) * 8):
        damaged = changed(frame, bit // 8, bytes((frame[bit // 8] ^ 0x80 >> bit % 8,)))
        packet = decode(damaged)
        assert packet.problems, f"bit {bit} was flipped and nothing noticed"


def test_a_cut_packet_is_called_truncated_and_not_damaged_as_well() -> None:
    for frame in (PING, SEGMENT, DATAGRAM):
        for length in range(34, len(frame)):
            problems = decode(frame[:length]).problems
            assert problems and all(isinstance(problem, Truncated) for problem in problems), (length, problems)


WRONG: list[tuple[str, bytes, type[WireError], str]] = [
    ("nothing", b"", Truncated, "EthernetFrame (offset 0): needs 14 bytes, only 0 are there"),
    ("half a frame", PING[:13], Truncated, "EthernetFrame (offset 0): needs 14 bytes, only 13 are there"),
    ("no IP header", PING[:33], Truncated, "IPv4Packet (offset 0): needs 20 bytes, only 19 are there"),
    ("version 6", changed(PING, 14, b"\x65"), Malformed, "IPv4Packet.version (offset 0): 6 is not 4"),
    ("IHL 4", changed(PING, 14, b"\x44"), Malformed, "IPv4Packet.header_words (offset 0): 4 is less than 5"),
    ("IHL 15", changed(PING, 14, b"\x4f"), Malformed, "IPv4Packet.total_length (offset 2): 33 ends in the header"),
    ("IHL beyond the end", changed(PING, 14, b"\x4f\0\xff\xff"), Truncated,
     "IPv4Packet.header_words (offset 0): says 60 bytes, only 33 are there"),
    ("cut short", PING[:-1], Truncated, "IPv4Packet.total_length (offset 2): says 33 bytes, only 32 are there"),
    ("IP checksum", changed(PING, 22, b"\1"), BadChecksum, "IPv4Packet.checksum (offset 10): 0x66da does not match"),
    ("ICMP checksum", changed(PING, 42, b"H"), BadChecksum, "ICMPMessage.checksum (offset 2): "),
    ("TCP checksum", changed(SEGMENT, -1, b"!"), BadChecksum, "TCPSegment.checksum (offset 16): "),
    ("TCP data offset 4", changed(SEGMENT, 46, b"\x40"), Malformed, "TCPSegment.header_words (offset 12): 4 is less"),
    ("TCP data offset 15", changed(SEGMENT, 46, b"\xf0"), Truncated,
     "TCPSegment.header_words (offset 12): says 60 bytes, only 28 are there"),
    ("UDP checksum", changed(DATAGRAM, -1, b"!"), BadChecksum, "UDPDatagram.checksum (offset 6): "),
    ("UDP length 7", changed(DATAGRAM, 38, b"\0\7"), Malformed, "UDPDatagram.length (offset 4): 7 is less than"),
    ("UDP length too long", changed(DATAGRAM, 38, b"\0\x20"), Truncated,
     "UDPDatagram.length (offset 4): says 32 bytes, only 13 are there"),
    ("IP option of length 0", stack(ether(), ip(99, options=b"\x07\0\0\0")), Malformed,
     "IPv4Packet.options (offset 20): option 7 of length 0"),
    ("TCP option beyond the header", stack(ether(), ip(TCP), TCPSegment(options=b"\1\1\x08\x0a")), Malformed,
     "TCPSegment.options (offset 22): option 8 of length 10, 2 bytes are left"),
    ("half a TCP header", stack(ether(), ip(TCP, payload=bytes(19))), Truncated,
     "TCPSegment (offset 0): needs 20 bytes, only 19 are there"),
    ("half a UDP header", stack(ether(), ip(UDP, payload=bytes(7))), Truncated, "UDPDatagram (offset 0): needs 8"),
    ("half an ICMP header", stack(ether(), ip(ICMP, payload=bytes(7))), Truncated, "ICMPMessage (offset 0): needs 8"),
    ("half a timestamp", stack(ether(), ip(ICMP, payload=b"\x0d" + bytes(18))), Truncated,
     "ICMPTimestamp (offset 0): needs 20 bytes, only 19 are there"),
    ("half an ARP packet", ARP[:41], Truncated, "ARPPacket (offset 0): needs 28 bytes, only 27 are there"),
    ("ARP of token ring", changed(ARP, 15, b"\6"), Malformed, "ARPPacket.hardware_type (offset 0): 0x6 is not 0x1"),
    ("ARP of IPv6", changed(ARP, 16, b"\x86\xdd"), Malformed, "ARPPacket.protocol_type (offset 2): 0x86dd is not 0x8"),
    ("ARP of EUI-64", changed(ARP, 18, b"\x08"), Malformed, "ARPPacket.hardware_length (offset 4): 0x8 is not 0x6"),
    ("ARP of long addresses", changed(ARP, 19, b"\x10"), Malformed, "ARPPacket.protocol_length (offset 5): 0x10 is"),
]  # fmt: skip


@pytest.mark.parametrize(("frame", "kind", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_problem_names_its_field_and_offset(frame: bytes, kind: type[WireError], message: str) -> None:
    problems = decode(frame).problems
    assert [type(problem) for problem in problems] == [kind]
    assert str(problems[0]).startswith(message)


def test_what_can_be_read_is_read_in_spite_of_a_problem() -> None:
    packet = decode(changed(changed(PING, 24, b"\0\0"), 36, b"\0\0"))
    assert [type(problem) for problem in packet.problems] == [BadChecksum, BadChecksum]
    assert packet[ICMPEcho].payload == b"hello"
    assert packet.build() == PING  # with the right checksums


# Cost: in steps and bytes, not in seconds


def steps_of(action: Callable[[], object]) -> int:
    """How many lines of Python `action` runs."""
    lines = 0

    def count(frame: object, event: str, argument: object) -> object:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    gc.disable()  # hypothesis listens to the garbage collector, and that would be counted too
    sys.settrace(count)
    try:
        action()
    finally:
        sys.settrace(before)
        gc.enable()
    return lines


def test_a_long_payload_takes_no_more_steps_than_a_short_one() -> None:
    for protocol, inner in ((TCP, TCPSegment), (UDP, UDPDatagram), (ICMP, ICMPEcho)):
        frames = [stack(ether(), ip(protocol), inner(payload=bytes(size))) for size in (1000, 2000, 60_000)]
        decode(frames[0])
        steps = [steps_of(lambda frame=frame: decode(frame)) for frame in frames]
        assert steps[0] == steps[1] == steps[2] > 10


def test_each_byte_of_options_costs_a_few_steps() -> None:
    def steps(count: int, option: bytes = b"\1") -> int:
        frame = stack(ether(), ip(TCP, options=option * count), TCPSegment(options=option * count))
        decode(frame)
        return steps_of(lambda: decode(frame))

    assert 0 < (steps(40) - steps(20)) * 16 == (steps(20) - steps(4)) * 20 <= 2 * 20 * 6 * 16
    assert steps(20, b"\7\2") <= steps(40) + 100  # the shortest options that there are


@many
@given(st.binary(max_size=120))
def test_no_bytes_take_many_steps(data: bytes) -> None:
    assert steps_of(lambda: decode(changed(PING, 20, data))) < 800


def test_memory_is_a_small_multiple_of_the_input() -> None:
    for frame in (
        stack(ether(), ip(TCP), TCPSegment(payload=bytes(65_000))),
        stack(ether(), ip(UDP), UDPDatagram(payload=bytes(65_000))),
        PING + bytes(65_000),
        changed(PING, 16, b"\xff\xff"),  # claims 65,535 bytes
        bytes(65_000),
    ):
        decode(frame)
        tracemalloc.start()
        decode(frame)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 7 * len(frame) + 10_000


def test_forged_addresses_are_forgotten() -> None:
    limit = MACAddress.known.LIMIT
    for number in range(limit + 1000):
        decode(number.to_bytes(6, "big") + b"\2\0\0\0\0\0\0\0")
        assert len(MACAddress.known) <= limit
