"""Bytes to named pieces: the one walk over a packet that all byte pictures are drawn from.

A `Section` is one layer (or a payload, or the bytes behind a packet), a `Span` one field of it: which bits of
the data it is, what it is called, its value and what that means.  Together the spans cover every byte of the data.

An ICMP error's payload becomes sections too: the packet it quotes, as far as it was quoted.  And where
a header was refused (a wrong version, a length that cannot be), the fields that are there are shown all
the same, because that is when you want to see them.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from netlib.wire.arp import ARPPacket
from netlib.wire.errors import WireError
from netlib.wire.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, EthernetFrame
from netlib.wire.header import Header
from netlib.wire.icmp import ICMPError, ICMPMessage, ICMPUnknown
from netlib.wire.icmpv6 import ICMPv6Error, ICMPv6Message, ICMPv6Unknown
from netlib.wire.ipv4 import ICMP, TCP, UDP, IPv4Packet
from netlib.wire.ipv6 import EXTENSIONS, ICMPV6, NEXT_HEADER_NAMES, IPv6Packet
from netlib.wire.options import END, NOP
from netlib.wire.packet import Packet, decode
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

LABELS = {"EthernetFrame": "Ethernet", "ARPPacket": "ARP", "IPv4Packet": "IPv4", "UDPDatagram": "UDP",
          "TCPSegment": "TCP", "IPv6Packet": "IPv6"}  # fmt: skip
IN_HEX = {"checksum", "ethertype", "protocol_type", "rest"}
OPTION_NAMES = {
    IPv4Packet: {7: "record route", 68: "timestamp", 131: "loose source route", 137: "strict source route",
                 148: "router alert"},  # RFC 791 section 3.1, RFC 2113
    TCPSegment: {2: "maximum segment size", 3: "window scale", 4: "SACK permitted", 5: "SACK", 8: "timestamps"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """One field.  `start` and `width` in bits, `start` from the beginning of the data."""

    name: str
    start: int
    width: int
    value: str
    meaning: str = ""
    type: type = bytes

    @property
    def bytes(self) -> range:
        """The offsets of the bytes that hold it."""
        return range(self.start // 8, (self.start + self.width + 7) // 8)


@dataclass(slots=True)
class Section:
    """One layer, with its header's fields; or bytes that belong to no header."""

    label: str  # "IPv4", "quoted IPv4", "payload"
    start: int  # in bytes
    kind: type[Header] | None = None
    spans: list[Span] = field(default_factory=list)
    quoted: bool = False
    broken: bool = False  # the parser refused it

    @property
    def stop(self) -> int:
        return self.spans[-1].bytes.stop if self.spans else self.start


def label_of(kind: type[Header]) -> str:
    """What people call this layer."""
    if issubclass(kind, ICMPv6Message):
        return "ICMPv6"
    return "ICMP" if issubclass(kind, ICMPMessage) else LABELS.get(kind.__name__, kind.__name__)


def shown(name: str, kind: type, value: Any, width: int) -> str:
    """The value of a field, as people write it."""
    if kind is bool:
        return "1" if value else "0"
    if kind is int and (name in IN_HEX or name.startswith("unused")):
        return f"0x{value:0{(width + 3) // 4}x}" if value or name in IN_HEX else "0"
    return str(value)


def bits(data: bytes, start: int, width: int) -> int | None:
    """The number in these bits, or None where the data ends before them."""
    stop = start + width
    if stop > 8 * len(data):
        return None
    whole = int.from_bytes(data[start // 8 : (stop + 7) // 8], "big")
    return whole >> (-stop % 8) & ((1 << width) - 1)


def value_at(data: bytes, span: Span) -> str:
    """What `data` says in the place of this field."""
    number = bits(data, span.start, span.width)
    if number is None:
        return "not there"
    if span.type in (int, bool):
        return shown(span.name, span.type, number, span.width)
    part = data[span.start // 8 : (span.start + span.width) // 8]
    return part.hex(" ") if span.type is bytes else str(span.type(part))


def header_spans(layer: Header, start: int, there: int) -> list[Span]:
    """The fixed fields of a layer that starts at byte `start`, as many as lie in its first `there` bytes."""
    return [
        Span(f.name, 8 * start + f.offset, f.width, shown(f.name, f.type, getattr(layer, f.name), f.width),
             layer.meaning(f.name), f.type)
        for f in layer.fields if f.offset + f.width <= 8 * there
    ]  # fmt: skip


def option_spans(kind: type[Header], options: bytes, start: int) -> Iterator[Span]:
    """One span for each option, for a run of padding, and for what can't be read."""
    names, at = OPTION_NAMES.get(kind, {}), 0
    while at < len(options):
        number, size, meaning = options[at], len(options) - at, ""
        name = f"option {number}"
        if number == END:
            name = "end of options"
        elif number == NOP:
            name, size = "no-operation", 1
        else:
            claimed = options[at + 1] if at + 1 < size + at else 0
            if 2 <= claimed <= size:
                size, meaning = claimed, names.get(number, "")
            else:
                meaning = f"impossible length {claimed}"
        value = options[at + 2 : at + size] if number > NOP else b""
        if kind is TCPSegment and number in (2, 3) and value:
            written = str(int.from_bytes(value, "big"))
        else:
            written = value.hex(" ") or "-"
        yield Span(name, 8 * (start + at), 8 * size, written, meaning)
        at += size


def extension_spans(kind: int, data: bytes, start: int) -> Iterator[Span]:
    """One span for each extension header of IPv6 (RFC 8200 section 4), and for what can't be read."""
    at = 0
    while at < len(data):
        size = 8 if kind == 44 else 8 + 8 * data[at + 1] if at + 1 < len(data) else 0
        name, following = NEXT_HEADER_NAMES.get(kind, "extension"), data[at]
        if kind not in EXTENSIONS or not 0 < size <= len(data) - at:
            name, size = "extension", len(data) - at
        meaning = f"then {NEXT_HEADER_NAMES.get(following, f'protocol {following}')}"
        yield Span(name, 8 * (start + at), 8 * size, data[at : at + size].hex(" "), meaning)
        kind, at = following, at + size


def bytes_span(name: str, data: bytes, start: int, stop: int, meaning: str = "") -> Span:
    size = stop - start
    text = "".join(chr(b) if 32 <= b < 127 else "." for b in data[start:stop][:18]) + "…" * (size > 18)
    return Span(name, 8 * start, 8 * size, f"{size} byte{'s' * (size != 1)}", meaning or f"as text: {text}")


def leftover(name: str, data: bytes, start: int, stop: int, quoted: bool = False, meaning: str = "") -> Section:
    """A section for bytes that no header claims."""
    return Section(name, start, None, [bytes_span("bytes", data, start, stop, meaning)], quoted)


def of_header(layer: Header, data: bytes, start: int, stop: int, *, quoted: bool = False) -> Section:
    """The section of a layer whose header starts at byte `start` of `data`, which ends at `stop`."""
    there = min(layer.SIZE, stop - start)
    kind = type(layer)
    section = Section("quoted " * quoted + label_of(kind), start, kind, header_spans(layer, start, there), quoted)
    end = min(start + max(layer.header_length, layer.SIZE), stop)
    if end > start + layer.SIZE:
        rest = data[start + layer.SIZE : end]
        if isinstance(layer, IPv6Packet):
            section.spans += extension_spans(layer.next_header, rest, start + layer.SIZE)
        else:
            section.spans += option_spans(kind, rest, start + layer.SIZE)
    if section.stop < min(start + there, end):  # a field that was cut in two
        section.spans.append(bytes_span("cut short", data, section.stop, start + there))
    return section


def read_anyway(kind: type[Header], data: bytes) -> Header:
    """A header from what there is of it, the rest zero: nothing is checked."""
    if issubclass(kind, ICMPMessage):
        kind = ICMPMessage.of_type.get(data[0], ICMPUnknown) if data else ICMPUnknown
    if issubclass(kind, ICMPv6Message):
        kind = ICMPv6Message.of_type.get(data[0], ICMPv6Unknown) if data else ICMPv6Unknown
    return kind.parse_header(data[: kind.SIZE].ljust(kind.SIZE, b"\0"))


def inside(layer: Header | None, link: str) -> type[Header] | None:
    """The class that a layer says its payload is, if it is one that netlib knows."""
    if layer is None:
        return {"ip": IPv4Packet, "ethernet": EthernetFrame}.get(link)
    if isinstance(layer, EthernetFrame):
        known = {ETHERTYPE_IPV4: IPv4Packet, ETHERTYPE_IPV6: IPv6Packet, ETHERTYPE_ARP: ARPPacket}
        return known.get(layer.ethertype)
    if isinstance(layer, IPv4Packet) and not layer.is_fragment:
        return {ICMP: ICMPMessage, UDP: UDPDatagram, TCP: TCPSegment}.get(layer.protocol)
    if isinstance(layer, IPv6Packet) and layer.next_header not in EXTENSIONS:
        return {ICMPV6: ICMPv6Message, UDP: UDPDatagram, TCP: TCPSegment}.get(layer.next_header)
    return None


def rest_of(layer: Header | None, data: bytes, start: int, stop: int, link: str = "", quoted: bool = False,
            ) -> list[Section]:  # fmt: skip
    """The sections for `data[start:stop]`, the payload of `layer`, of which no parser made layers."""
    if start >= stop:
        return []
    kind = IPv4Packet if isinstance(layer, ICMPError) else inside(layer, link)
    if isinstance(layer, ICMPv6Error) or (link == "ip" and layer is None and data[start] >> 4 == 6):
        kind = IPv6Packet
    quoted = quoted or isinstance(layer, ICMPError | ICMPv6Error)
    if kind is None:
        return [leftover("quoted payload" if quoted else "payload", data, start, stop, quoted)]
    header = read_anyway(kind, data[start:stop])
    section = of_header(header, data, start, stop, quoted=quoted)
    section.broken = not quoted  # a quote may well be cut short; anything else the parser refused
    sections = [section]
    if section.broken or (isinstance(header, IPv4Packet) and header.version != 4):
        if section.stop < stop:
            sections.append(leftover("payload", data, section.stop, stop, quoted))
        return sections
    if isinstance(layer, ICMPError) and isinstance(header, IPv4Packet):
        end = min(stop, start + max(header.total_length, header.header_length))
        sections += rest_of(header, data, section.stop, end, quoted=True)
        if end < stop:  # RFC 4884: padding and extensions behind the quote
            sections.append(leftover("behind the quote", data, end, stop, True))
        return sections
    following = None if isinstance(header, ICMPError | ICMPv6Error) else header
    return sections + rest_of(following, data, section.stop, stop, quoted=True)


def of_layer(layer: Header) -> tuple[bytes, list[Section]]:
    """The bytes of one layer as it stands (nothing is filled in), and their sections.  May raise `FieldOverflow`."""
    layer = copy(layer)
    rest = layer.extensions if isinstance(layer, IPv6Packet) else getattr(layer, "options", b"")
    data = layer.build_header() + rest + layer.payload
    section = of_header(layer, data, 0, len(data) - len(layer.payload))
    if section.stop < len(data) - len(layer.payload):  # options that the length field does not count
        section.spans.append(bytes_span("options", data, section.stop, len(data) - len(layer.payload)))
    if isinstance(layer, ICMPError | ICMPv6Error):
        return data, [section, *rest_of(layer, data, section.stop, len(data))]
    if len(data) > section.stop:
        return data, [section, leftover("payload", data, section.stop, len(data))]
    return data, [section]


def of_packet(packet: Packet) -> list[Section]:
    """The sections of a decoded packet: its layers, what they could not read, and trailing bytes."""
    data, sections, stop = packet.data, list[Section](), len(packet.data)
    trailers: list[Section] = []
    for number, layer in sorted((packet.trailers or {}).items()):  # the outermost lies at the very end
        size = len(layer)
        inner = label_of(type(packet.layers[number + 1]))
        name = "trailer" if number < 0 or isinstance(packet.layers[number], EthernetFrame) else f"behind {inner}"
        trailers.insert(0, leftover(name, data, stop - size, stop, meaning="padding" if not any(layer) else ""))
        stop -= size
    last: Header | None = None
    for last, offset in zip(packet.layers, packet.offsets, strict=True):
        sections.append(of_header(last, data, offset, stop))
    sections += rest_of(last, data, sections[-1].stop if sections else 0, stop, packet.link)
    return sections + trailers


def of_bytes(data: bytes, like: type[Header]) -> list[Section]:
    """The sections of bytes that start with a header of this class."""
    if issubclass(like, EthernetFrame):
        return of_packet(decode(data, "ethernet"))
    if issubclass(like, IPv4Packet | IPv6Packet):
        return of_packet(decode(data, "ip"))
    if not data:
        return []
    header = read_anyway(like, data)
    section = of_header(header, data, 0, len(data))
    if isinstance(header, ICMPError | ICMPv6Error):
        return [section, *rest_of(header, data, section.stop, len(data))]
    if section.stop < len(data):
        return [section, leftover("payload", data, section.stop, len(data))]
    return [section]


def problems_of(data: bytes, like: type[Header]) -> list[WireError]:
    """What is wrong with bytes that should start with a header of this class."""
    if issubclass(like, EthernetFrame | IPv4Packet | IPv6Packet):
        return decode(data, "ip" if issubclass(like, IPv4Packet | IPv6Packet) else "ethernet").problems
    parse: Any = getattr(like, "parse", like.parse_header)
    try:
        parse(data)
    except WireError as problem:
        return [problem]
    return []


def need_header(kind: type[Header]) -> None:
    """A clear error where `kind` is no header class."""
    if not (isinstance(kind, type) and issubclass(kind, Header)):
        raise TypeError(f"{kind!r:.80} is not a header class: give one such as IPv4Packet")
