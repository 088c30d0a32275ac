"""The exercises of chapter 05: the IPv4 packet, from its checksum to its fragments.

    5.1 internet_checksum   RFC 1071
    5.2 build_header        RFC 791 section 3.1
    5.3 parse_header        RFC 791 section 3.1, RFC 1122 section 3.2.1
    5.4 decrement_ttl       RFC 1624
    5.5 fragment            RFC 791 section 3.2
    5.6 Reassembler         RFC 791 section 3.2, RFC 5722

All of them speak bytes, dicts and numbers, so that a student's answers need nothing of netlib and fit into its host
as `Parts`.  The inputs are in `ip_packet_inputs`, the mistakes that
are recognised in `ip_packet_mistakes`, and 5.5 and 5.6 in `ip_packet_fragments`.
"""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from netlib.exercises import ip_packet_mistakes as mistakes
from netlib.exercises.ip_packet_fragments import FRAGMENT, REASSEMBLER
from netlib.exercises.ip_packet_inputs import (
    DAMAGES,
    EXAMPLE,
    H1,
    H2,
    PING,
    damaged,
    good_fields,
    packet,
    pattern,
    resealed,
    whole_packets,
    with_bytes,
)
from netlib.grading import Exercise, Mistake
from netlib.internet.parts import decrement_ttl
from netlib.wire.checksum import internet_checksum
from netlib.wire.errors import BadChecksum, Truncated, WireError
from netlib.wire.ipv4 import IPv4Packet

NOT_NETLIB = ("netlib.wire", "netlib.internet", "netlib.host", "netlib.layers")
ADDRESSES = ("netlib.wire.address",)
FIELDS = (
    *("header_length", "dscp", "ecn", "total_length", "identification", "dont_fragment", "more_fragments"),
    *("fragment_offset", "ttl", "protocol", "checksum", "source", "destination", "options", "payload"),
)
BUILT_FROM = tuple(name for name in FIELDS if name not in ("header_length", "total_length", "checksum", "payload"))

# ---- 5.1 ---------------------------------------------------------------------------------------------------------


CHECKSUM = Exercise(
    number="5.1",
    name="internet_checksum",
    points=2,
    summary="The one's complement of the one's complement sum of all 16-bit words.",
    signature="internet_checksum(data: bytes) -> int",
    rfc="RFC 1071 section 1",
    reference=lambda data: internet_checksum(data),
    inputs=st.tuples(st.binary(max_size=64)),
    pinned={
        "nothing at all": (b"",),
        "one word": (b"\x12\x34",),
        "an odd length": (b"\x12\x34\x56",),
        "a carry": (b"\xff\xff\x00\x02",),
        "a carry that carries again": (b"\xff\xff\xff\xff\x00\x01",),
        "a sum of all ones": (b"\xff\xff",),
        "a header with its checksum in place": (resealed(EXAMPLE),),
        "a long message": (pattern(1479),),
    },
    mistakes=[
        Mistake("It looks as if the carries are cut off. Add what lies above 16 bits back in at the bottom.",
                mistakes.carry_cut),
        Mistake("It looks as if the carry is brought round once only: that addition can carry again.",
                mistakes.carry_once),
        Mistake("It looks as if the sum itself comes back: the checksum is its complement, ~sum & 0xFFFF.",
                mistakes.not_complemented),
        Mistake("It looks as if the words are read little-endian: the first byte of each is the high one.",
                mistakes.little_endian),
        Mistake("It looks as if an odd last byte is left out. Pad it with a zero byte behind it.",
                mistakes.odd_left_out),
        Mistake("It looks as if an odd last byte is the low half of its word: the padding goes behind it.",
                mistakes.odd_in_front),
        Mistake("It looks as if single bytes are added, not 16-bit words.", mistakes.bytes_added),
        Mistake("It looks as if ~ gives you a negative number: cut it to 16 bits with & 0xFFFF.",
                mistakes.negative),
    ],
    without=NOT_NETLIB,
    allowing=ADDRESSES,
    why=lambda args: "All 16-bit words added, an odd last byte padded with a zero byte behind it, carries brought "
    "round, the sum complemented.",
)  # fmt: skip

# ---- 5.2 ---------------------------------------------------------------------------------------------------------


def build_header(fields: Mapping[str, Any], payload_length: int) -> bytes:
    if not 0 <= payload_length <= 0xFFFF:
        raise ValueError(f"payload_length: {payload_length} bytes, a packet has 65535 with its header")
    known = {name: value for name, value in fields.items() if name in BUILT_FROM}
    return IPv4Packet(**known, payload=bytes(payload_length)).build()[: -payload_length or None]


too_much: st.SearchStrategy[dict[str, Any]] = st.sampled_from([
    {"dscp": 64}, {"ecn": 4}, {"identification": 0x10000}, {"fragment_offset": 0x2000}, {"ttl": 256}, {"ttl": -1},
    {"protocol": 256}, {"source": b"\x0a\0\1"}, {"destination": b"\x0a\0\0\0\1"}, {"options": b"\1" * 41},
    {"identification": -1}, {"protocol": -1}, {"dscp": -1},
])  # fmt: skip
plain_fields: dict[str, Any] = {"source": H1, "destination": H2, "protocol": 1}

BUILD = Exercise(
    number="5.2",
    name="build_header",
    points=3,
    summary="From named fields to the bytes of an IPv4 header, lengths and checksum worked out.",
    signature="build_header(fields: dict, payload_length: int) -> bytes",
    rfc="RFC 791 section 3.1",
    reference=build_header,
    inputs=st.tuples(good_fields, st.sampled_from([0, 8, 64, 1480, 65515]) | st.integers(0, 65600))
    | st.tuples(st.builds(lambda good, bad: good | bad, good_fields, too_much), st.just(8)),
    pinned={
        "the example of the text": ({**plain_fields, "identification": 0x1C46}, 8),
        "nothing behind the header": (plain_fields, 0),
        "what parse_header gives may come back whole": (
            {**plain_fields, "header_length": 24, "total_length": 99, "checksum": 7, "payload": b"", "options": b"\1"},
            8,
        ),
        "DSCP and ECN": ({**plain_fields, "dscp": 46, "ecn": 1}, 8),
        "DF": ({**plain_fields, "dont_fragment": True}, 8),
        "a later fragment": ({**plain_fields, "more_fragments": True, "fragment_offset": 185}, 1480),
        "options that need padding": ({**plain_fields, "options": b"\x07\x07\x04\0\0\0\0"}, 8),
        "40 bytes of options": ({**plain_fields, "options": b"\1" * 40}, 8),
        "41 bytes of options": ({**plain_fields, "options": b"\1" * 41}, 8),
        "the largest payload": (plain_fields, 65515),
        "one byte more": (plain_fields, 65516),
        "an address of three bytes": ({**plain_fields, "source": b"\x0a\0\1"}, 8),
        "an offset of 14 bits": ({**plain_fields, "fragment_offset": 0x2000}, 8),
        "an ECN of 3 bits": ({**plain_fields, "ecn": 4}, 8),
        "a TTL below zero": ({**plain_fields, "ttl": -1}, 8),
    },
    mistakes=[
        Mistake("Total length counts the header too.", when=mistakes.total_without_header),
        Mistake("The low half of byte 0 counts the header in 32-bit words: 5 for 20 bytes.", mistakes.words_fixed),
        Mistake("A number of two bytes looks turned round. The network sends the high byte first: "
                'to_bytes(2, "big").', when=mistakes.turned_round),
        Mistake("The checksum is of the whole header, options included, with zero in its own place.",
                when=mistakes.only_checksum_differs),
        Mistake("The fragment offset takes the low 13 bits of bytes 6 and 7. DF is 0x4000 there, MF 0x2000.",
                when=mistakes.flags_differ),
        Mistake("DSCP is the high 6 bits of byte 1 and ECN the low 2: dscp << 2 | ecn.", when=mistakes.dscp_differs),
        Mistake("Options are filled up with zero bytes until the header is a multiple of 4 bytes long.",
                when=mistakes.length_differs),
    ],
    without=NOT_NETLIB,
    allowing=ADDRESSES,
    like=IPv4Packet,
)  # fmt: skip

# ---- 5.3 ---------------------------------------------------------------------------------------------------------


def parse_header(data: bytes) -> dict[str, Any]:
    problems: list[WireError] = []
    found = IPv4Packet.parse(data, problems)
    for problem in problems:
        if isinstance(problem, BadChecksum | Truncated):  # what the options say is not looked at here
            raise problem
    found.options = data[20 : found.header_length]
    return {name: getattr(found, name) for name in FIELDS} | {
        "source": bytes(found.source),
        "destination": bytes(found.destination),
    }


def why_parsed(args: tuple[Any, ...]) -> str:
    try:
        parse_header(args[0])
    except WireError:
        return "What is malformed is refused."
    return "A well-formed packet: each field from its bits, and the payload ends where the total length says."


def same_fields(expected: Any, got: Any) -> bool:
    """Every field that is asked for has its value; more fields do no harm."""
    return isinstance(got, dict) and all(name in got and got[name] == value for name, value in expected.items())


def flag_is_a_number(args: tuple[Any, ...], expected: Any, got: Any) -> bool:
    flags = ("dont_fragment", "more_fragments")
    return any(got[name] != expected[name] and bool(got[name]) == expected[name] for name in flags)


PARSE = Exercise(
    number="5.3",
    name="parse_header",
    points=4,
    summary="From bytes that came in to named fields; what is malformed is refused.",
    signature="parse_header(data: bytes) -> dict",
    rfc="RFC 791 section 3.1, RFC 1122 section 3.2.1.1",
    reference=parse_header,
    equal=same_fields,
    inputs=st.tuples(st.builds(damaged, whole_packets, st.sampled_from(DAMAGES), st.integers(0, 1 << 12)))
    | st.tuples(st.binary(max_size=24)),
    pinned={
        "the example of the text": (PING,),
        "padding of a short frame": (PING + bytes(18),),
        "all fields": (
            packet(b"data", dscp=46, ecn=3, identification=0xBEEF, more_fragments=True, fragment_offset=0x1ABC,
                   ttl=255, protocol=17, options=b"\x94\x04\0\0\1"),
        ),
        "DF": (packet(b"", dont_fragment=True),),
        "the reserved bit set": (with_bytes(PING, 6, b"\x80\0"),),
        "a bit of the payload changed": (PING[:-1] + b"\xff",),
        "a bit of the header changed": (with_bytes(PING, 8, b"\x3f", reseal=False),),
        "version 6": (with_bytes(PING, 0, b"\x65"),),
        "a header of 4 words": (with_bytes(PING, 0, b"\x44"),),
        "a header longer than the data": (with_bytes(PING, 0, b"\x4f"),),
        "a total length inside the header": (with_bytes(PING, 2, b"\0\x13"),),
        "a total length inside the options": (with_bytes(packet(b"", options=b"\1" * 4), 2, b"\0\x14"),),
        "a total length beyond the data": (with_bytes(PING, 2, b"\0\x1d"),),
        "19 bytes": (PING[:19],),
        "19 bytes, and a zero byte was to follow": (packet(destination=bytes((10, 5, 2, 0)))[:19],),
        "nothing at all": (b"",),
    },
    mistakes=[
        Mistake("IHL counts 32-bit words: the header ends at byte 4 * IHL.", mistakes.header_in_bytes),
        Mistake("It looks as if the header is always taken to be 20 bytes: options make it longer.",
                mistakes.header_of_20),
        Mistake("It looks as if the payload goes to the end of the data. It ends at total length: an Ethernet "
                "frame is padded to 64 bytes.", mistakes.payload_to_the_end),
        Mistake("The fragment offset has 13 bits: the top three of bytes 6 and 7 are the flags.",
                mistakes.offset_with_flags),
        Mistake("A flag is True or False: bool(word & 0x2000), where word & 0x2000 is 8192.", when=flag_is_a_number),
        Mistake("It looks as if a wrong checksum is not noticed. Of a header with its checksum in place, the "
                "checksum is 0.", mistakes.checksum_not_looked_at),
        Mistake("It looks as if the checksum is taken over more than the header. The payload is not part of it.",
                when=lambda args, expected, got: got.names[0] == "ValueError" and len(args[0]) > 20),
        Mistake("Data that ends too early must be a ValueError, not an IndexError or struct.error: look at len(data) "
                "first.", when=lambda args, expected, got: bool({"IndexError", "error"} & set(got.names))),
    ],
    without=NOT_NETLIB,
    allowing=ADDRESSES,
    why=why_parsed,
)  # fmt: skip

# ---- 5.4 ---------------------------------------------------------------------------------------------------------


def with_checksum(data: bytes, checksum: int) -> bytes:
    return data[:10] + checksum.to_bytes(2, "big") + data[12:]


def one_hop(data: bytes) -> bytes:
    if data[8] == 0:
        raise ValueError("TTL 0: nothing can be taken off")
    return decrement_ttl(data)


def why_updated(args: tuple[Any, ...]) -> str:
    rule = "Only what changed is taken out of the sum and put in anew: HC' = ~(~HC + ~m + m')."
    data = args[0]
    if data[8] and internet_checksum(data[: 4 * (data[0] & 15)]):
        return f"{rule} This packet's checksum was wrong when it came, and has to stay as wrong."
    return f"{rule} All other bytes stay."


DECREMENT = Exercise(
    number="5.4",
    name="decrement_ttl",
    points=3,
    summary="What a router does to each packet: one off the TTL, and the checksum brought up to date.",
    signature="decrement_ttl(packet: bytes) -> bytes",
    rfc="RFC 1624 section 3, equation 3",
    reference=one_hop,
    inputs=st.tuples(
        whole_packets
        | st.builds(with_checksum, whole_packets, st.sampled_from([0, 0xFEFF, 0xFF00, 0xFFFF]) | st.integers(0, 0xFFFF))
        | st.builds(lambda data: with_bytes(data, 8, b"\0"), whole_packets)
    ),
    pinned={
        "the example of the text": (PING,),
        "the last hop": (packet(ttl=1),),
        "no hop left": (with_bytes(PING, 8, b"\0"),),
        "a damaged header stays damaged": (with_bytes(PING, 15, b"\x63", reseal=False),),
        "a checksum that becomes zero": (packet(identification=0x64DC),),
        "a checksum that goes round": (with_checksum(PING, 0xFF80),),
        "a checksum of all ones": (with_checksum(PING, 0xFFFF),),
        "a header with options": (packet(b"payload", options=b"\x94\x04\0\0"),),
    },
    mistakes=[
        Mistake("It looks as if the checksum is worked out from scratch. That hides damage which the next host should "
                "notice: change the old checksum only by what has changed.", mistakes.from_scratch),
        Mistake("The checksum has to change with the TTL.", mistakes.checksum_left),
        Mistake("It looks as if the carry out of 16 bits is lost: bring it round.", mistakes.update_carry_lost),
        Mistake("There are two zeroes. Equation 3, ~(~HC + ~m + m'), gives 0x0000 here, where adding 0x0100 to the "
                "old checksum gives 0xFFFF.", mistakes.rfc_1141),
        Mistake("When the TTL falls by one the sum falls by 0x0100, for it is the high byte of its word.",
                mistakes.low_byte),
        Mistake("The sum falls, so its complement, the checksum, rises.", mistakes.wrong_way),
    ],
    without=NOT_NETLIB,
    allowing=ADDRESSES,
    like=IPv4Packet,
    why=why_updated,
)  # fmt: skip

EXERCISES = (CHECKSUM, BUILD, PARSE, DECREMENT, FRAGMENT, REASSEMBLER)
