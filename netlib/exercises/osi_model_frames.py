"""Exercises 2.2 and 2.3: every byte of a frame to its layer, and from a message to a frame.

The frames carry a VLAN tag or none, options in IP and in TCP or none, IPv4 and IPv6, TLS records that are whole, cut,
or several in a row, and padding, so that nothing stands where a fixed offset would find it.
"""

from itertools import pairwise
from textwrap import wrap
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.osi_model_layers import ARP, ICMP, ICMPV6, IPV4, IPV6, TCP, UDP, VLAN, encapsulate, owners
from netlib.exercises.osi_model_mistakes import encapsulate_by, owners_by
from netlib.grading import REJECTED, Exercise, Mistake
from netlib.grading.words import source
from netlib.wire.address import IPv4Address
from netlib.wire.arp import ARPPacket
from netlib.wire.ethernet import EthernetFrame
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.ipv6 import IPv6Packet
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

CLIENT, SERVER = IPv4Address("10.0.1.2"), IPv4Address("10.0.2.80")
CLIENT_MAC, ROUTER_MAC = bytes.fromhex("020000000002"), bytes.fromhex("020000000001")
MACS = ROUTER_MAC + CLIENT_MAC
POST = b'POST /orders HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 18\r\n\r\n{"book":7,"qty":1}'
TIMESTAMPS = bytes.fromhex("0101080a0000000100000000")
MSS = bytes.fromhex("020405b4")
NOPS = b"\1" * 4


def record(kind: int, content: bytes) -> bytes:
    return bytes((kind, 3, 3)) + len(content).to_bytes(2, "big") + content


def pattern(size: int) -> bytes:
    return bytes((7 * i + 129) & 0xFF for i in range(size))


def framed(packet: bytes, kind: int = IPV4, tag: int | None = None, padded: bool = True) -> bytes:
    tagged = b"" if tag is None else VLAN.to_bytes(2, "big") + tag.to_bytes(2, "big")
    frame = MACS + tagged + kind.to_bytes(2, "big") + packet
    return frame.ljust(60, b"\0") if padded else frame


def ip(protocol: int, payload: bytes, options: bytes = b"", version: int = 4, ttl: int = 64) -> bytes:
    if version == 6:
        return IPv6Packet(next_header=protocol, payload=payload).build()
    packet = IPv4Packet(source=CLIENT, destination=SERVER, protocol=protocol, options=options, payload=payload, ttl=ttl)
    return packet.build()


def tcp(payload: bytes, options: bytes = b"", ports: tuple[int, int] = (40000, 443), **flags: Any) -> bytes:
    segment = TCPSegment(*ports, sequence=1, ack=True, window=500, options=options, payload=payload, **flags)
    return segment.build()


def carried(protocol: int, payload: bytes, options: bytes) -> bytes:
    """What an IP packet of this protocol carries."""
    if protocol == TCP:
        return tcp(payload, options)
    if protocol == UDP:
        return UDPDatagram(40000, 53, checksummed=False, payload=payload).build()
    return payload


# ---- 2.2 ------------------------------------------------------------------------------------------------------

records = st.builds(record, st.sampled_from([23, 23, 22, 21, 20]), st.integers(0, 40).map(pattern))
tls_payloads = st.builds(
    lambda some, cut: b"".join(some)[: -cut or None], st.lists(records, min_size=1, max_size=3),
    st.sampled_from([0, 0, 0, 1, 4, 7]),
)  # fmt: skip
payloads = st.one_of(
    tls_payloads, tls_payloads, st.just(b""), st.sampled_from([POST, b"\x17", b"\x17\x03\x03", b"\x18\x03\x03\0\1a"]),
    st.integers(0, 30).map(pattern),
)  # fmt: skip
tags = st.sampled_from([None, None, None, 5, 0x6005])
packets = st.builds(
    lambda version, protocol, payload, options, tcp_options, tag, padded: framed(
        ip(protocol, carried(protocol, payload, tcp_options), options if version == 4 else b"", version),
        IPV4 if version == 4 else IPV6, tag, padded),
    st.sampled_from([4, 4, 4, 6]), st.sampled_from([TCP, TCP, TCP, TCP, UDP, ICMP, ICMPV6, 47]), payloads,
    st.sampled_from([b"", b"", NOPS]), st.sampled_from([b"", TIMESTAMPS, MSS]), tags, st.booleans(),
)  # fmt: skip
arp_packet = ARPPacket(sender_ip=CLIENT, target_ip=SERVER).build()
frames = st.one_of(
    packets, packets, packets,
    st.builds(lambda tag, padded: framed(arp_packet, ARP, tag, padded), tags, st.booleans()),
    st.builds(lambda payload: framed(payload, 0x88CC), st.integers(0, 60).map(pattern)),
)  # fmt: skip
SEALED = record(23, pattern(101))
SEALED_FRAME = framed(ip(TCP, tcp(SEALED)))


def broken(frame: bytes, where: int, how: int) -> bytes:
    """A frame that ends too early, or with one byte of its headers wrong."""
    at = where % len(frame)
    return frame[:at] if how < 0 else frame[: at % 50] + bytes((how,)) + frame[at % 50 + 1 :]


CLIENT_HELLO = b"\x16\3\1" + record(22, pattern(30))[3:]
SHORTER_THAN_ITS_HEADER = framed(ip(47, b"")[:3] + b"\x13" + ip(47, b"")[4:])
broken_frames = st.builds(
    broken, packets, st.integers(0, 200), st.sampled_from([-1, -1, -1, 0, 0x41, 0x44, 0x4F, 0x10, 0xF0, 0xFF])
)


def why_owners(args: Any) -> str:
    (frame,) = args
    try:
        names = dict(owners(frame))
    except ValueError as error:
        return f"Lengths that can't be: {error}."
    said = ["Each header says what is inside the next, and how long it is."]
    if frame[12:14] == b"\x81\0":
        said.append("0x8100 is a VLAN tag: its 4 bytes are Ethernet's, and the real EtherType is the last two of them.")
    if "padding" in names:
        said.append("What lies behind the packet's own length is padding.")
    if names.get("ip", 20) == 24:
        said.append("The low half of the IP header's first byte is its length in words: 6, so 24 bytes.")
    if "tls" in names:
        said.append("Records follow each other; the content of a record of type 23 is sealed, that of others is TLS's.")
    return " ".join(said)


def same_parts(expected: Any, got: Any) -> bool:
    """Lists do for tuples."""
    return isinstance(got, list | tuple) and [tuple(part) for part in got] == [tuple(part) for part in expected]


def show_parts(value: Any) -> str | None:
    """A list of (owner, bytes) in one line; anything else as usual."""
    if not isinstance(value, list) or not value or not all(isinstance(part, list | tuple) for part in value):
        return None
    return "  ".join(" ".join(map(str, part)) for part in value)


OWNERS = Exercise(
    number="2.2",
    name="owners",
    points=4,
    summary="Which bytes of a frame are whose, from the first to the last.",
    signature="owners(frame: bytes) -> list[tuple[str, int]]",
    rfc="RFC 791 section 3.1; RFC 9293 section 3.1; RFC 8446 section 5.1",
    reference=owners,
    equal=same_parts,
    show=show_parts,
    inputs=st.tuples(st.one_of(frames, frames, frames, broken_frames)),
    pinned={
        "the POST, sealed": (SEALED_FRAME,),
        "the POST, in the clear": (framed(ip(TCP, tcp(POST, ports=(40000, 80)))),),
        "a SYN: nothing above TCP": (framed(ip(TCP, tcp(b"", MSS)), padded=False),),
        "a SYN with padding": (framed(ip(TCP, tcp(b""))),),
        "timestamps": (framed(ip(TCP, tcp(SEALED, TIMESTAMPS))),),
        "options in the IP header": (framed(ip(TCP, tcp(SEALED), NOPS)),),
        "a VLAN tag": (framed(ip(TCP, tcp(SEALED)), tag=5),),
        "IPv6": (framed(ip(TCP, tcp(SEALED), version=6), IPV6),),
        "IPv6 with more than 255 bytes": (framed(ip(UDP, carried(UDP, pattern(300), b""), version=6), IPV6),),
        "IPv6 with padding": (framed(ip(UDP, carried(UDP, b"", b""), version=6), IPV6),),
        "ARP": (framed(arp_packet, ARP),),
        "ARP without padding": (framed(arp_packet, ARP, padded=False),),
        "UDP": (framed(ip(UDP, carried(UDP, b"question", b""))),),
        "ICMP": (framed(ip(ICMP, pattern(40))),),
        "an EtherType that is not listed": (framed(pattern(50), 0x88CC),),
        "a protocol that is not listed": (framed(ip(47, pattern(40))),),
        "three records": (framed(ip(TCP, tcp(record(22, pattern(30)) + record(20, b"\1") + SEALED))),),
        "two sealed records": (framed(ip(TCP, tcp(SEALED + SEALED))),),
        "a record that goes on in the next segment": (framed(ip(TCP, tcp(SEALED[:60]))),),
        "a record header that goes on in the next segment": (framed(ip(TCP, tcp(SEALED + SEALED[:3]))),),
        "a record of more than 255 bytes, and another": (framed(ip(TCP, tcp(record(23, pattern(300)) + SEALED))),),
        "a ClientHello, whose record says 3.1": (framed(ip(TCP, tcp(CLIENT_HELLO))),),
        "type 19 is no record that TLS has": (framed(ip(TCP, tcp(b"\x13\x03\x03\0\1a"))),),
        "type 24 is no record that TLS 1.3 has": (framed(ip(TCP, tcp(b"\x18\x03\x03\0\1a"))),),
        "a type of TLS, and no version of it": (framed(ip(TCP, tcp(b"\x16\x02\0\0\1a"))),),
        "four bytes are too few to know TLS by": (framed(ip(TCP, tcp(b"\x17\3\3\0"))),),
        "an empty frame": (b"",),
        "a frame of 13 bytes": (SEALED_FRAME[:13],),
        "half a VLAN tag": (framed(b"", tag=5, padded=False)[:17],),
        "half an ARP packet": (framed(arp_packet, ARP, padded=False)[:30],),
        "a header, and nothing behind it": (framed(b"", 0x88CC, padded=False),),
        "a VLAN tag, and nothing behind it": (framed(b"", 0x88CC, tag=5, padded=False),),
        "the last byte of an ARP packet is missing": (framed(arp_packet, ARP, padded=False)[:-1],),
        "an IP packet shorter than its header": (SHORTER_THAN_ITS_HEADER,),
        "an IPv4 header without its last byte": (SEALED_FRAME[:33],),
        "an IPv6 header without its last byte": (framed(ip(TCP, tcp(SEALED), version=6), IPV6)[:53],),
        "the end is missing": (SEALED_FRAME[:-1],),
        "an IP header of 16 bytes": (SEALED_FRAME[:14] + b"\x44" + SEALED_FRAME[15:],),
        "IPv4 by its EtherType, IPv6 by its version": (framed(ip(TCP, tcp(SEALED), version=6), IPV4),),
        "IPv6 by its EtherType, IPv4 by its version": (framed(ip(TCP, tcp(SEALED)), IPV6),),
        "the end of an IPv6 packet is missing": (framed(ip(TCP, tcp(SEALED), version=6), IPV6)[:-1],),
        "no room for a UDP header": (framed(ip(UDP, b"abcd")),),
        "no room for a TCP header": (framed(ip(TCP, b"abcd")),),
        "room for all but a byte of a UDP header": (framed(ip(UDP, carried(UDP, b"", b"")[:7])),),
        "room for all but a byte of a TCP header": (framed(ip(TCP, tcp(b"")[:19])),),
        "version 5": (SEALED_FRAME[:14] + b"\x55" + SEALED_FRAME[15:],),
        "a TCP header of 16 bytes": (SEALED_FRAME[:46] + b"\x40" + SEALED_FRAME[47:],),
        "a TCP header longer than its packet": (framed(ip(TCP, tcp(b"")[:12] + b"\xf0" + tcp(b"")[13:])),),
    },
    mistakes=[
        Mistake("It looks as if the padding is taken for data: the packet's own length says where it ends.",
                lambda frame: owners_by(frame, padding=False)),
        Mistake("It looks as if the IP header is taken to have 20 bytes: the low half of its first byte is its length.",
                lambda frame: owners_by(frame, ihl=False)),
        Mistake("It looks as if the TCP header is taken to have 20 bytes: the high half of its byte 12 is its length.",
                lambda frame: owners_by(frame, offset=False)),
        Mistake("It looks as if the VLAN tag is not known: EtherType 0x8100 means that 4 bytes of tag follow.",
                lambda frame: owners_by(frame, tag=False)),
        Mistake("It looks as if one record is read and the rest of the segment taken for its content.",
                lambda frame: owners_by(frame, one_record=True)),
        Mistake("It looks as if only the first record of a segment is listed: others may follow it.",
                lambda frame: owners_by(frame, first_only=True)),
        Mistake("It looks as if the padding is left out: all bytes of the frame have an owner, to the last.",
                lambda frame: owners_by(frame, rest=False)),
        Mistake("It looks as if all of a record is taken for sealed: its 5 bytes of header are for all to read.",
                lambda frame: owners_by(frame, header=False)),
        Mistake("It looks as if the type of a record is not looked at: only the content of type 23 is sealed.",
                lambda frame: owners_by(frame, types=False)),
        Mistake("It looks as if TCP's data is taken for TLS whatever it is: it may as well be plain HTTP.",
                lambda frame: owners_by(frame, always=True)),
        Mistake("It looks as if lengths are not compared with what is there: a frame that ends too early is rejected.",
                lambda frame: owners_by(frame, checked=False)),
        Mistake("It looks as if parts of no bytes are listed: leave them out.",
                when=lambda args, expected, got: any(part[1] == 0 for part in got)),
        Mistake("It looks as if two neighbours of the same owner are listed one by one: make them one part.",
                when=lambda args, expected, got: any(a[0] == b[0] for a, b in pairwise(got))),
        Mistake("It looks as if bytes have no owner, or two of them: the numbers add up to the length of the frame.",
                when=lambda args, expected, got: sum(part[1] for part in got) != len(args[0])),
    ],
    without=("netlib.wire", "netlib.exercises.osi_model_layers"),
    why=why_owners,
)  # fmt: skip

# ---- 2.3 ------------------------------------------------------------------------------------------------------

EXAMPLE: dict[str, Any] = {
    "source_mac": CLIENT_MAC, "destination_mac": ROUTER_MAC,
    "source_ip": bytes(CLIENT), "destination_ip": bytes(SERVER), "identification": 1, "ttl": 64,
    "source_port": 40000, "destination_port": 443, "sequence": 1000, "acknowledgment": 2000, "flags": 0x18,
    "window": 502, "options": b"", "record": 23,
}  # fmt: skip
HELLO = b"24 bytes, sealed by TLS."
fields = st.fixed_dictionaries({
    "source_mac": st.sampled_from([CLIENT_MAC, ROUTER_MAC]),
    "destination_mac": st.sampled_from([ROUTER_MAC, CLIENT_MAC]),
    "source_ip": st.sampled_from([bytes(CLIENT), b"\xc0\0\2\7"]),
    "destination_ip": st.sampled_from([bytes(SERVER), b"\xcb\0\x71\x09"]),
    "identification": st.integers(0, 0xFFFF), "ttl": st.integers(1, 255),
    "source_port": st.integers(1, 0xFFFF), "destination_port": st.sampled_from([80, 443, 8443]),
    "sequence": st.integers(0, 0xFFFFFFFF), "acknowledgment": st.integers(0, 0xFFFFFFFF),
    "flags": st.sampled_from([0x02, 0x10, 0x12, 0x18, 0x11, 0x04]), "window": st.integers(0, 0xFFFF),
    "options": st.sampled_from([b"", b"", MSS, TIMESTAMPS, NOPS * 10]), "record": st.sampled_from([None, 23, 23, 22]),
})  # fmt: skip
contents = st.one_of(st.binary(max_size=20), st.integers(0, 300).map(pattern), st.integers(1380, 1470).map(pattern))


def part_is_right(start: int, stop: int, what: str) -> Any:
    """A property: these bytes of the frame are as they have to be.  From the end of it where `start` is negative."""

    def test(args: Any, result: Any) -> bool | str:
        data, given = args
        right = encapsulate(data, given)
        first, last = (start, stop)
        if start < 0:  # TCP's header and what it carries: how long they are, the options and the record say
            end = 54 + len(given["options"])
            first, last = (34, end) if start == -1 else (end, len(right))
        wrong = [i for i in range(first, last) if right[i : i + 1] != result[i : i + 1]]
        if not wrong:
            return True
        many = "" if len(wrong) == 1 else f", the first of {len(wrong)} that differ"
        there = result[wrong[0] : wrong[0] + 1].hex() or "nothing"
        return f"Byte {wrong[0]} of the frame ({what}{many}) has to be {right[wrong[0]]:02x}, and is {there}."

    return test


def long_enough(args: Any, result: Any) -> bool | str:
    if not isinstance(result, bytes):
        return f"A frame is bytes; a {type(result).__name__} came back."
    expected = len(encapsulate(*args))
    return len(result) == expected or f"It has to have {expected} bytes, and has {len(result)}."


def why_encapsulate(args: Any) -> str:
    data, given = args
    record_header = 5 if given["record"] is not None else 0
    sizes = f"{len(data)} of data, {record_header} of record header, {20 + len(given['options'])} of TCP, 20 of IP"
    packet = len(data) + record_header + 40 + len(given["options"])
    if len(given["options"]) % 4 or len(given["options"]) > 40:
        return "The TCP header's length is counted in words of 4 bytes, and 15 of them are the most: 40 of options."
    if packet > 1500:
        return f"{sizes}: a packet of {packet} bytes, and 1500 is the most. TCP would have cut the data before."
    return (
        f"{sizes} and 14 of Ethernet. IP's checksum covers its header; TCP's a pseudo header, its header and all data."
    )


def in_short(given: Any, name: str) -> str:
    """The fields of the text, and where these are others."""
    changed = ", ".join(f"{key!r}: {source(value)}" for key, value in given.items() if EXAMPLE[key] != value)
    return f"{name} | {{{changed}}}" if changed else name


def show_fields(value: Any) -> str | None:
    if not isinstance(value, dict) or value.keys() != EXAMPLE.keys():
        return None
    text = in_short(value, "those of the text")
    return "\n    ".join(wrap(text, 100, break_long_words=False))


def reproduce(args: Any) -> str:
    data, given = args
    before = "from netlib.exercises.osi_model_frames import pattern; " if len(data) > 64 else ""
    made = f"pattern({len(data)})" if data == pattern(len(data)) and before else source(data)
    return f"{before}encapsulate({made}, {in_short(given, 'fields')})"


ENCAPSULATE = Exercise(
    number="2.3",
    name="encapsulate",
    points=4,
    summary="From a message to the frame that carries it: four headers, two checksums, one inside the other.",
    signature="encapsulate(data: bytes, fields: dict) -> bytes",
    rfc="RFC 8446 section 5.1; RFC 9293 section 3.1; RFC 791 section 3.1; RFC 894",
    reference=encapsulate,
    inputs=st.tuples(contents, fields),
    pinned={
        "the example of the text": (HELLO, EXAMPLE),
        "no TLS: no record header": (POST, EXAMPLE | {"record": None, "destination_port": 80}),
        "a SYN: no data at all": (b"", EXAMPLE | {"record": None, "flags": 0x02, "acknowledgment": 0, "options": MSS}),
        "an odd number of bytes": (HELLO[:-1], EXAMPLE),
        "timestamps": (HELLO, EXAMPLE | {"options": TIMESTAMPS}),
        "40 bytes of options": (HELLO, EXAMPLE | {"options": NOPS * 10}),
        "a handshake record": (HELLO, EXAMPLE | {"record": 22}),
        "the longest that fits": (pattern(1455), EXAMPLE),
        "one byte too long": (pattern(1456), EXAMPLE),
        "too long with its options": (pattern(1455), EXAMPLE | {"options": MSS}),
        "options that fill no words": (HELLO, EXAMPLE | {"options": b"\1\1\1"}),
        "44 bytes of options": (HELLO, EXAMPLE | {"options": NOPS * 11}),
    },
    properties={
        "the frame is as long as its layers together": long_enough,
        "the Ethernet header is right": part_is_right(0, 14, "Ethernet header"),
        "the IP header is right": part_is_right(14, 34, "IP header"),
        "the TCP header is right": part_is_right(-1, 0, "TCP header"),
        "what TCP carries is right": part_is_right(-2, 0, "what TCP carries"),
    },
    credit={"the IP header is right": 1, "the TCP header is right": 1, "what TCP carries is right": 1, REJECTED: 1},
    mistakes=[
        Mistake("It looks as if the addresses of the frame are the wrong way round: the destination comes first.",
                lambda data, given: encapsulate_by(data, given, macs=True)),
        Mistake("It looks as if the pseudo header is missing in TCP's checksum.",
                lambda data, given: encapsulate_by(data, given, pseudo=False)),
        Mistake("It looks as if the length in the pseudo header is another than that of header and data of TCP.",
                lambda data, given: encapsulate_by(data, given, pseudo_length=-20)),
        Mistake("It looks as if the length in the pseudo header counts IP's header as well: it is that of the segment.",
                lambda data, given: encapsulate_by(data, given, pseudo_length=20)),
        Mistake("It looks as if TCP's checksum covers its header only: the data belongs to it.",
                lambda data, given: encapsulate_by(data, given, data_summed=False)),
        Mistake("It looks as if IP's checksum covers the whole packet: it is over the header alone.",
                lambda data, given: encapsulate_by(data, given, ip_over_all=True)),
        Mistake("It looks as if the total length leaves the IP header out.",
                lambda data, given: encapsulate_by(data, given, total=-20)),
        Mistake("It looks as if the data offset is always 5: options make the TCP header longer.",
                lambda data, given: encapsulate_by(data, given, fixed_offset=True)),
        Mistake("It looks as if the record's length counts its own header: only what follows counts.",
                lambda data, given: encapsulate_by(data, given, record_length=5)),
        Mistake("It looks as if the record says version 3.4: in TLS 1.3 it still says 3.3, as in 1.2.",
                lambda data, given: encapsulate_by(data, given, version=4)),
        Mistake("It looks as if Don't Fragment is not set: the two bytes behind the identification are 40 00.",
                lambda data, given: encapsulate_by(data, given, dont_fragment=False)),
        Mistake("It looks as if there is a record header even where `record` is None.",
                lambda data, given: encapsulate_by(data, given, always_record=True)),
        Mistake("It looks as if the MTU of 1500 is compared with the frame: it limits the packet, without those 14.",
                lambda data, given: encapsulate_by(data, given, limit=1486)),
    ],
    without=("netlib.wire", "netlib.exercises.osi_model_layers"),
    allowing=("netlib.wire.checksum", "netlib.wire.address"),
    why=why_encapsulate,
    like=EthernetFrame,
    show=show_fields,
    reproduce=reproduce,
)  # fmt: skip
