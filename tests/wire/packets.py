"""Random packets for the tests of the wire layer: hypothesis strategies, and helpers to bend a packet.

`headers(cls)` draws any values that fit the declared fields; `frames()` draws the bytes of well-formed
packets, with all that a capture may hold: options, padding, bytes behind a datagram, both zeroes of a checksum.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import ARPPacket
from netlib.wire.checksum import internet_checksum
from netlib.wire.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV4, EthernetFrame
from netlib.wire.header import Header
from netlib.wire.icmp import ICMPEcho, ICMPMessage, ICMPTimestamp, ICMPUnknown
from netlib.wire.ipv4 import ICMP, TCP, UDP, IPv4Packet
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

# No deadline: a busy machine is no error.
few, many = settings(deadline=None, max_examples=50), settings(deadline=None, max_examples=200)

ERRORS = [cls for cls in dict.fromkeys(ICMPMessage.of_type.values()) if cls.is_error]
HEADERS: list[type[Header]] = [
    EthernetFrame, ARPPacket, IPv4Packet, UDPDatagram, TCPSegment, ICMPEcho, ICMPTimestamp, ICMPUnknown, *ERRORS,
]  # fmt: skip

payloads = st.binary(max_size=80)
ipv4_addresses = st.binary(min_size=4, max_size=4).map(IPv4Address)
mac_addresses = st.binary(min_size=6, max_size=6).map(MACAddress)
# What a caller may get wrong; none of these is a number or a byte string.
not_values = st.sampled_from([None, "1", 1.5, [], {}, (), object(), "10.0.0.1", 1j])


def values_of(field: Any) -> st.SearchStrategy[Any]:
    """Every value that fits this field."""
    if field.type is bool:
        return st.booleans()
    if field.type is int:
        return st.integers(0, (1 << field.width) - 1)
    return st.binary(min_size=field.width // 8, max_size=field.width // 8).map(field.type)


def headers(cls: type[Header], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Instances of `cls` with random values in all fixed fields but those given."""
    return st.builds(cls, **{field.name: values_of(field) for field in cls.fields} | fixed)


@st.composite
def option_lists(draw: Callable[..., Any]) -> bytes:
    """Well-formed options, up to 40 bytes: NOPs in between, and perhaps an END with rubbish behind it."""
    data = b""
    for kind, value in draw(st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=12)), max_size=8)):
        piece = b"\1" if kind == 1 else bytes((kind, 2 + len(value))) + value
        if len(data + piece) <= 40:
            data += piece
    if len(data) % 4 and draw(st.booleans()):
        rubbish = -len(data) % 4 - 1
        return data + b"\0" + draw(st.binary(min_size=rubbish, max_size=rubbish))
    return data + b"\1" * (-len(data) % 4)


options = st.one_of(st.just(b""), option_lists())

ports = st.integers(0, 0xFFFF)
tcp_segments = headers(TCPSegment, options=options, payload=payloads)
udp_datagrams = headers(UDPDatagram, payload=payloads, checksummed=st.booleans())
arp_packets = st.builds(
    ARPPacket,
    operation=st.one_of(st.integers(1, 2), st.integers(0, 0xFFFF)),
    sender_mac=mac_addresses, sender_ip=ipv4_addresses, target_mac=mac_addresses, target_ip=ipv4_addresses,
)  # fmt: skip


def icmp_of_type(kind: int) -> st.SearchStrategy[Any]:
    """Messages of one type, of any code and with anything in the rest of the header."""
    payload = payloads
    cls = ICMPMessage.of_type.get(kind, ICMPUnknown)
    if cls.is_error:
        payload = st.one_of(payloads, ipv4_packets(st.integers(0, 255)).map(lambda packet: packet.build()))
    return headers(cls, type=st.just(kind), payload=payload)


def ipv4_packets(protocols: st.SearchStrategy[int], fragments: bool = False) -> st.SearchStrategy[Any]:
    """IPv4 packets with options and payload; none of them fragments, or any."""
    return headers(
        IPv4Packet,
        version=st.just(4),
        protocol=protocols,
        more_fragments=st.booleans() if fragments else st.just(False),
        fragment_offset=st.integers(0, 8191) if fragments else st.just(0),
        options=options,
        payload=payloads,
    )


icmp_messages = st.one_of(st.sampled_from(sorted(ICMPMessage.of_type)), st.integers(0, 255)).flatmap(icmp_of_type)


def with_checksum_zero(data: bytes, at: int, pseudo_header: bytes, form: int, place: int | None = None) -> bytes:
    """`data` changed so that its checksum, at offset `at`, comes out as zero, and is written as `form`.

    What changes is the word at `place`, or two bytes that are added at the end.
    """
    if place is None:
        data += bytes(len(data) % 2 + 2)
        place = len(data) - 2
    data = changed(changed(data, at, bytes(2)), place, bytes(2))
    data = changed(data, place, internet_checksum(data, pseudo_header).to_bytes(2, "big"))
    return changed(data, at, form.to_bytes(2, "big"))


def changed(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


@st.composite
def ip_packets(draw: Callable[..., Any]) -> bytes:
    """The bytes of a well-formed IPv4 packet of any kind."""
    kind = draw(st.sampled_from(["tcp", "udp", "icmp", "fragment", "other"]))
    protocols = {"tcp": st.just(TCP), "udp": st.just(UDP), "icmp": st.just(ICMP), "fragment": st.integers(0, 255)}
    others = st.integers(0, 255).filter(lambda number: number not in (ICMP, TCP, UDP))
    ip = draw(ipv4_packets(protocols.get(kind, others), fragments=kind == "fragment"))
    zero = draw(st.sampled_from([None, None, 0, 0xFFFF]))
    if kind == "fragment":
        ip.more_fragments = ip.more_fragments or ip.fragment_offset == 0
    if kind == "tcp":
        segment = draw(tcp_segments)
        ip.payload = segment.build(ip)
        if zero is not None:
            length = len(ip.payload) + len(ip.payload) % 2 + 2
            ip.payload = with_checksum_zero(ip.payload, 16, ip.pseudo_header(length), zero)
    elif kind == "udp":
        datagram = draw(udp_datagrams)
        if zero is not None:
            datagram.payload += bytes(len(datagram.payload) % 2 + 2)
        data = datagram.build(ip)
        if zero is not None:  # never 0 on the wire: that would say that there is no checksum
            data = with_checksum_zero(data, 6, ip.pseudo_header(datagram.length), 0xFFFF, place=datagram.length - 2)
        ip.payload = data + draw(st.one_of(st.just(b""), payloads))  # bytes behind the datagram
    elif kind == "icmp":
        ip.payload = draw(icmp_messages).build()
        if zero is not None:
            ip.payload = with_checksum_zero(ip.payload, 2, b"", zero)
    data = ip.build()
    zero = draw(st.sampled_from([None, None, 0, 0xFFFF]))
    if zero is not None:
        data = with_checksum_zero(data[: ip.header_length], 10, b"", zero, place=4) + ip.payload
    return data


@st.composite
def frames(draw: Callable[..., Any]) -> bytes:
    """The bytes of a well-formed Ethernet frame: IPv4, ARP or something else, with or without padding."""
    frame = draw(headers(EthernetFrame))
    kind = draw(st.sampled_from(["ip", "ip", "ip", "arp", "other"]))
    if kind == "ip":
        frame.ethertype, frame.payload = ETHERTYPE_IPV4, draw(ip_packets())
    elif kind == "arp":
        frame.ethertype, frame.payload = ETHERTYPE_ARP, draw(arp_packets).build()
    else:
        frame.payload = draw(payloads)
        if frame.ethertype in (ETHERTYPE_IPV4, ETHERTYPE_ARP):
            frame.ethertype = 0x86DD
    data = frame.build()
    if draw(st.booleans()):
        data += bytes(max(0, 60 - len(data)))
    return data + draw(st.one_of(st.just(b""), payloads))
