"""IPv6, ICMPv6 and UDP over IPv6 on the wire: right packets, wrong ones, and scapy as a peer."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.wire.address import MACAddress
from netlib.wire.address6 import IPv6Address
from netlib.wire.checksum import internet_checksum
from netlib.wire.errors import BadChecksum, FieldOverflow, Malformed, Truncated, WireError
from netlib.wire.ethernet import ETHERTYPE_IPV6, EthernetFrame
from netlib.wire.header import Header
from netlib.wire.icmpv6 import Discovery as DiscoveryMessage
from netlib.wire.icmpv6 import (
    ICMPv6DestinationUnreachable,
    ICMPv6Echo,
    ICMPv6Message,
    ICMPv6PacketTooBig,
    ICMPv6Unknown,
    NeighbourAdvertisement,
    NeighbourSolicitation,
    build_option,
    parse_options,
)
from netlib.wire.ipv4 import TCP, UDP
from netlib.wire.ipv6 import FRAGMENT, HOP_BY_HOP, ICMPV6, LIMIT, ROUTING, IPv6Packet, walk
from netlib.wire.packet import decode, stack
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

from .packets import changed, few, headers, many, payloads, tcp_segments, udp_datagrams
from .test_decode import steps_of, survives

A, B = IPv6Address("2001:db8::1"), IPv6Address("2001:db8::2")
MAC_A, MAC_B = MACAddress("02:00:00:00:00:01"), MACAddress("02:00:00:00:00:02")


def ether() -> EthernetFrame:
    return EthernetFrame(MAC_B, MAC_A, ETHERTYPE_IPV6)


def ip(next_header: int, **fields: Any) -> IPv6Packet:
    return IPv6Packet(next_header=next_header, source=A, destination=B, **fields)


PING = stack(ether(), ip(ICMPV6), ICMPv6Echo(identifier=1, sequence=2, payload=b"hello"))
DATAGRAM = stack(ether(), ip(UDP), UDPDatagram(1000, 53, payload=b"query"))
SEGMENT = stack(ether(), ip(TCP), TCPSegment(1, 2, 3, syn=True, payload=b"data"))
ASK = stack(ether(), ip(ICMPV6, hop_limit=255), NeighbourSolicitation(target=B, payload=build_option(1, MAC_A)))
ANSWER = stack(ether(), ip(ICMPV6, hop_limit=255),
               NeighbourAdvertisement(solicited=True, target=A, payload=build_option(2, MAC_B)))  # fmt: skip

CLASSES: list[type[Header]] = [IPv6Packet, ICMPv6Unknown, *dict.fromkeys(ICMPv6Message.of_type.values())]

# ---- random packets


@st.composite
def option_lists(draw: Callable[..., Any]) -> bytes:
    options = draw(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=20)), max_size=4))
    return b"".join(build_option(kind, value) for kind, value in options)


@st.composite
def chains(draw: Callable[..., Any], last: int, fragments: bool) -> tuple[int, bytes]:
    """Extension headers with this protocol behind them, and the next header that leads to the first."""
    kinds = draw(st.lists(st.sampled_from([ROUTING, 60]), max_size=3))
    kinds = [HOP_BY_HOP] * draw(st.booleans()) + kinds + [FRAGMENT] * fragments
    data = b""
    for kind, following in zip(kinds, [*kinds, last][1:], strict=True):
        if kind == FRAGMENT:
            data += bytes((following, 0)) + draw(st.integers(0, 0xFFFF)).to_bytes(2, "big") + draw(st.binary(
                min_size=4, max_size=4))  # fmt: skip
            continue
        units = draw(st.integers(0, 2))
        body = draw(st.binary(min_size=6 + 8 * units, max_size=6 + 8 * units))
        data += bytes((following, units)) + (changed(body, 1, b"\0") if kind == ROUTING else body)
    return (kinds[0] if kinds else last), data


@st.composite
def ipv6_packets(draw: Callable[..., Any]) -> bytes:
    """The bytes of a well-formed IPv6 packet of any kind."""
    kind = draw(st.sampled_from(["tcp", "udp", "icmp", "discovery", "fragment", "other"]))
    last = {"tcp": TCP, "udp": UDP, "icmp": ICMPV6, "discovery": ICMPV6}.get(kind)
    if last is None:
        last = draw(st.integers(61, 255))
    first, extensions = draw(chains(last, kind == "fragment"))
    packet = draw(headers(IPv6Packet, version=st.just(6), next_header=st.just(first), extensions=st.just(extensions)))
    if kind == "tcp":
        packet.payload = draw(tcp_segments).build(packet)
    elif kind == "udp":
        packet.payload = draw(udp_datagrams).build(packet) + draw(st.one_of(st.just(b""), payloads))
    elif kind in ("icmp", "discovery"):
        number = draw(st.one_of(st.sampled_from(sorted(ICMPv6Message.of_type)), st.integers(0, 255)))
        cls = ICMPv6Message.of_type.get(number, ICMPv6Unknown)
        inside = option_lists() if issubclass(cls, DiscoveryMessage) else payloads
        packet.payload = draw(headers(cls, type=st.just(number), payload=inside)).build(packet)
    else:
        packet.payload = draw(payloads)
    return packet.build()


@st.composite
def frames(draw: Callable[..., Any]) -> bytes:
    frame = draw(headers(EthernetFrame, ethertype=st.just(ETHERTYPE_IPV6)))
    frame.payload = draw(ipv6_packets())
    return frame.build() + draw(st.one_of(st.just(b""), payloads))


@many
@given(frames())
def test_a_well_formed_frame_has_no_problems_and_is_rebuilt_bit_for_bit(frame: bytes) -> None:
    packet = decode(frame)
    assert packet.problems == [] and packet.build() == frame
    assert decode(packet.build()).layers == packet.layers
    bare = decode(frame[14:], "ip")
    assert bare.problems == [] and bare.build() == frame[14:] and bare.summary() == packet.summary()
    for layer, offset in zip(packet.layers, packet.offsets, strict=True):
        same = type(layer).parse_header(frame, offset)
        assert [getattr(same, field.name) for field in layer.fields] == [getattr(layer, f.name) for f in layer.fields]


@many
@given(st.binary(max_size=200), st.sampled_from([b"", PING[:14], PING[:20] + bytes((60,)), PING[:54], ASK[:54]]))
def test_no_bytes_make_decode_raise(data: bytes, start: bytes) -> None:
    survives(start + data)
    survives(b"\x60" + data)


@many
@given(st.data(), frames())
def test_no_damage_makes_decode_raise(data: st.DataObject, frame: bytes) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        frame = changed(frame, data.draw(st.integers(0, len(frame) - 1)), data.draw(st.binary(min_size=1, max_size=2)))
    survives(frame)


def test_a_checksum_behind_a_routing_header_is_kept() -> None:
    """It is over the last address of the route, which is not the header's: it can be neither verified nor made."""
    routing = bytes((58, 0, 3, 1, 0, 0, 0, 0))  # type 3, one segment left
    message = bytes.fromhex("8000 beef 0001 0001")
    header = bytes.fromhex("60000000") + bytes((0, 16, 43, 64)) + bytes(32)
    survives(bytes(12) + bytes.fromhex("86dd") + header + routing + message)
    packet = decode(header + routing + message, "ip")
    assert not packet.problems and packet.build() == header + routing + message


@few
@given(frames())
def test_a_frame_may_end_anywhere(frame: bytes) -> None:
    for length in range(len(frame)):
        survives(frame[:length])


@many
@given(st.binary(max_size=120), st.sampled_from(sorted({0, 43, 44, 60})))
def test_no_chain_of_extension_headers_takes_many_steps(data: bytes, kind: int) -> None:
    frame = ip(kind, payload=data).build()
    assert steps_of(lambda: decode(frame, "ip")) < 1500
    try:
        chain = walk(kind, data)
    except WireError as error:
        assert "offset" in str(error)
    else:
        assert len(chain) <= LIMIT and b"".join(extension.data for extension in chain) == data[
            : sum(len(extension.data) for extension in chain)
        ]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_each_header_keeps_every_value_that_fits(cls: type[Header]) -> None:
    @many
    @given(headers(cls))
    def kept(header: Header) -> None:
        assert len(header.build_header()) == cls.SIZE
        assert cls.parse_header(header.build_header()) == header

    kept()
    assert "+-+-" in cls.diagram()


@pytest.mark.parametrize("frame", [PING, DATAGRAM, SEGMENT, ASK], ids=["ping", "datagram", "segment", "ask"])
def test_every_flipped_bit_that_a_checksum_covers_is_noticed(frame: bytes) -> None:
    """All but the first 8 bytes of the header, which IPv6 leaves unguarded: version, next header and length show."""
    for bit in range(22 * 8, len(frame) * 8):
        damaged = changed(frame, bit // 8, bytes((frame[bit // 8] ^ 0x80 >> bit % 8,)))
        assert decode(damaged).problems, f"bit {bit} was flipped and nothing noticed"


def test_one_line_for_each_kind_of_packet() -> None:
    assert str(decode(PING)) == "2001:db8::1 > 2001:db8::2 ICMPv6 echo request id 1 seq 2"
    assert str(decode(DATAGRAM)) == "2001:db8::1 > 2001:db8::2 UDP 1000 > 53 5 bytes"
    assert str(decode(ASK)).endswith("ICMPv6 neighbour solicitation: who has 2001:db8::2?")
    assert str(decode(ANSWER)).endswith("ICMPv6 neighbour advertisement: 2001:db8::1 is at 02:00:00:00:00:02")
    report = stack(ip(ICMPV6), ICMPv6DestinationUnreachable(code=4, payload=DATAGRAM[14:]))
    assert str(decode(report, "ip")).endswith("ICMPv6 port unreachable (about 2001:db8::1 > 2001:db8::2 UDP)")
    piece = ip(FRAGMENT, extensions=b"\x11\0\0\x19\0\0\0\x07", payload=bytes(16))
    assert str(decode(piece.build(), "ip")).endswith("UDP fragment id 7 bytes 24-39, more follow")


def test_a_udp_checksum_can_be_left_out_over_ipv4_only() -> None:
    """RFC 8200 section 8.1."""
    without = changed(DATAGRAM, 60, b"\0\0")
    assert [str(p) for p in decode(without).problems] == [
        "UDPDatagram.checksum (offset 6): left out, which IPv6 does not allow"
    ]
    assert decode(without).build() == DATAGRAM
    assert stack(ether(), ip(UDP), UDPDatagram(1000, 53, payload=b"query", checksummed=False)) == DATAGRAM
    zero = UDPDatagram(1, 2, payload=bytes(2)).build(ip(UDP))
    summed = changed(zero, 8, zero[6:8])  # now the sum is the other zero
    assert UDPDatagram(1, 2, payload=summed[8:]).build(ip(UDP))[6:8] == b"\xff\xff"


def test_the_checksum_is_over_the_upper_layer_protocol_not_the_next_header() -> None:
    options = ip(HOP_BY_HOP, extensions=bytes((UDP, 0, 1, 4, 0, 0, 0, 0)))
    assert options.protocol == UDP
    datagram = UDPDatagram(1, 2, payload=b"x").build(options)
    pseudo = A + B + len(datagram).to_bytes(4, "big") + bytes((0, 0, 0, UDP))
    assert internet_checksum(pseudo + datagram) == 0


WRONG: list[tuple[str, bytes, type[WireError], str]] = [
    ("no IP header", PING[:53], Truncated, "IPv6Packet (offset 0): needs 40 bytes, only 39 are there"),
    ("version 4", changed(PING, 14, b"\x45"), Malformed, "IPv6Packet.version (offset 0): 4 is not 6"),
    ("cut short", PING[:-1], Truncated, "IPv6Packet.payload_length (offset 4): says 13 bytes, only 12 are there"),
    ("ICMPv6 checksum", changed(PING, 62, b"H"), BadChecksum, "ICMPv6Message.checksum (offset 2): "),
    ("UDP checksum", changed(DATAGRAM, -1, b"!"), BadChecksum, "UDPDatagram.checksum (offset 6): "),
    ("half an ICMPv6 header", stack(ether(), ip(ICMPV6, payload=bytes(7))), Truncated, "ICMPv6Message (offset 0): "),
    ("half a solicitation", stack(ether(), ip(ICMPV6, payload=b"\x87" + bytes(20))), Truncated,
     "NeighbourSolicitation (offset 0): needs 24 bytes, only 21 are there"),
    ("an option of length 0", stack(ether(), ip(ICMPV6), NeighbourSolicitation(payload=bytes(8))), Malformed,
     "ICMPv6Message.options (offset 24): option 0 of length 0, 8 bytes are left"),
    ("an option too long", stack(ether(), ip(ICMPV6), NeighbourSolicitation(payload=b"\1\2" + bytes(6))), Malformed,
     "ICMPv6Message.options (offset 24): option 1 of length 16, 8 bytes are left"),
    ("too many options", stack(ether(), ip(ICMPV6), NeighbourSolicitation(payload=b"\1\1\0\0\0\0\0\0" * 17)), Malformed,
     "ICMPv6Message.options (offset 152): more than 16 options"),
    ("half an extension", ip(60, payload=bytes(7)).build(), Truncated,
     "IPv6Packet.extensions (offset 40): destination options needs 8 bytes, only 7 are there"),
    ("an extension too long", ip(60, payload=b"\x11\1" + bytes(6)).build(), Truncated,
     "IPv6Packet.extensions (offset 40): destination options says 16 bytes, only 8 are there"),
    ("hop-by-hop second", ip(60, payload=bytes(16)).build(), Malformed,
     "IPv6Packet.extensions (offset 48): hop-by-hop options behind another"),
    ("nine extensions", ip(60, payload=b"\x3c\0\0\0\0\0\0\0" * 9).build(), Malformed,
     "IPv6Packet.extensions (offset 104): more than 8 extension headers"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "kind", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_problem_names_its_field_and_offset(data: bytes, kind: type[WireError], message: str) -> None:
    problems = decode(data, "ethernet" if data[12:14] == b"\x86\xdd" else "ip").problems
    assert [type(problem) for problem in problems] == [kind]
    assert str(problems[0]).startswith(message)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(FieldOverflow, match="flow_label"):
        ip(UDP, flow_label=1 << 20).build()
    with pytest.raises(FieldOverflow, match="65535 at most"):
        ip(UDP, payload=bytes(65_536)).build()
    with pytest.raises(FieldOverflow, match="option"):
        build_option(1, bytes(3000))
    assert parse_options(build_option(3, bytes(30)), 0) == [(3, bytes(30))]


# ---- scapy


def test_the_same_values_give_scapys_bytes_and_scapy_reads_ours() -> None:
    inet6 = pytest.importorskip("scapy.layers.inet6")
    ether_of = pytest.importorskip("scapy.layers.l2").Ether
    inet = pytest.importorskip("scapy.layers.inet")
    addresses = st.binary(min_size=16, max_size=16).map(IPv6Address)

    @few
    @given(addresses, addresses, addresses, st.integers(0, (1 << 20) - 1), st.integers(0, 255), payloads)
    def same(source: IPv6Address, destination: IPv6Address, target: IPv6Address, flow: int, hops: int,
             data: bytes) -> None:  # fmt: skip
        def ours(number: int) -> IPv6Packet:
            return IPv6Packet(source=source, destination=destination, flow_label=flow, hop_limit=hops, dscp=flow & 63,
                              ecn=hops & 3, next_header=number)  # fmt: skip

        theirs = ether_of(src=str(MAC_A), dst=str(MAC_B)) / inet6.IPv6(
            src=str(source), dst=str(destination), fl=flow, hlim=hops, tc=(flow & 63) << 2 | hops & 3)  # fmt: skip
        mac, option = str(MAC_A), build_option(1, MAC_A)
        quote = ours(UDP).build() + data
        pairs: list[tuple[Any, Any]] = [
            ((ours(UDP), UDPDatagram(1, 2, payload=data)), inet.UDP(sport=1, dport=2) / data),
            ((ours(TCP), TCPSegment(1, 2, 3, 4, payload=data)),
             inet.TCP(sport=1, dport=2, seq=3, ack=4, flags=0, window=0) / data),
            ((ours(ICMPV6), ICMPv6Echo(128, 0, 0, 7, 9, data)), inet6.ICMPv6EchoRequest(id=7, seq=9, data=data)),
            ((ours(ICMPV6), ICMPv6Echo(129, 0, 0, 7, 9, data)), inet6.ICMPv6EchoReply(id=7, seq=9, data=data)),
            ((ours(ICMPV6), NeighbourSolicitation(target=target, payload=option)),
             inet6.ICMPv6ND_NS(tgt=str(target)) / inet6.ICMPv6NDOptSrcLLAddr(lladdr=mac)),
            ((ours(ICMPV6), NeighbourAdvertisement(router=True, override=True, target=target,
                                                   payload=build_option(2, MAC_A))),
             inet6.ICMPv6ND_NA(tgt=str(target), R=1, S=0, O=1) / inet6.ICMPv6NDOptDstLLAddr(lladdr=mac)),
            ((ours(ICMPV6), ICMPv6DestinationUnreachable(code=4, payload=quote)), inet6.ICMPv6DestUnreach(code=4)
             / quote),
            ((ours(ICMPV6), ICMPv6PacketTooBig(mtu=1280, payload=quote)), inet6.ICMPv6PacketTooBig(mtu=1280) / quote),
        ]  # fmt: skip
        for layers, inner in pairs:
            frame = stack(ether(), *layers)
            assert frame.hex() == bytes(theirs / inner).hex()
            read = ether_of(frame)[inet6.IPv6]
            assert (read.src, read.dst, read.fl, read.hlim, read.plen) == (
                str(source), str(destination), flow, hops, layers[0].payload_length,
            )  # fmt: skip

    same()
