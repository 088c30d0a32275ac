"""Exercises 6.1 and 6.2: answer an echo, and report about a packet, or keep silent about it.

Bytes in, bytes out, so that an answer fits into netlib's host as a part: `Parts(echo_reply=..., icmp_error=...)`.
"""

from functools import partial
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.icmp_path import ERRORS, reasons_to_be_silent
from netlib.grading import Exercise, Mistake
from netlib.internet.icmp import QUOTE
from netlib.internet.icmp import echo_reply as netlib_echo_reply
from netlib.internet.icmp import error as netlib_error
from netlib.wire.address import IPv4Address
from netlib.wire.checksum import internet_checksum
from netlib.wire.icmp import ICMPDestinationUnreachable, ICMPEcho
from netlib.wire.ipv4 import ICMP, TCP, UDP, IPv4Packet
from netlib.wire.udp import UDPDatagram

A = bytes.fromhex


def sealed(message: bytes) -> bytes:
    """An ICMP message with its checksum put right."""
    blank = message[:2] + b"\0\0" + message[4:]
    return blank[:2] + internet_checksum(blank).to_bytes(2, "big") + blank[4:]


def with_checksum_added(message: bytes, checksum: int) -> bytes:
    return message[:2] + (checksum & 0xFFFF).to_bytes(2, "big") + message[4:]


# ---- 6.1 ------------------------------------------------------------------------------------------------------


def echo_reply(request: bytes) -> bytes | None:
    return netlib_echo_reply(request)


def same_message(expected: Any, got: Any) -> bool:
    """Equal, or equal but for a checksum that is right as well: +0 and -0 in one's complement."""
    if not isinstance(expected, bytes) or not isinstance(got, bytes):
        return expected is None and got is None
    return expected[:2] + expected[4:] == got[:2] + got[4:] and not internet_checksum(got)


def reply_keeps_checksum(request: bytes) -> bytes | None:
    return None if netlib_echo_reply(request) is None else b"\0" + request[1:]


def reply_sums_old_checksum(request: bytes) -> bytes | None:
    if netlib_echo_reply(request) is None:
        return None
    return with_checksum_added(b"\0" + request[1:], internet_checksum(b"\0" + request[1:]))


def reply_loses_data(request: bytes) -> bytes | None:
    return None if netlib_echo_reply(request) is None else sealed(b"\0" + request[1:8])


def reply_sums_header_only(request: bytes) -> bytes | None:
    reply = netlib_echo_reply(request)
    return reply and sealed(reply[:8]) + reply[8:]


def reply_swaps_checksum(request: bytes) -> bytes | None:
    reply = netlib_echo_reply(request)
    return reply and reply[:2] + reply[3:1:-1] + reply[4:]


def reply_to_anything(request: bytes) -> bytes | None:
    return sealed(b"\0" + request[1:]) if len(request) >= 8 and not internet_checksum(request) else None


def reply_unchecked(request: bytes) -> bytes | None:
    return sealed(b"\0" + request[1:]) if len(request) >= 8 and request[0] == 8 else None


def why_reply(args: Any) -> str:
    (request,) = args
    if len(request) < 8:
        return f"An ICMP header has 8 bytes, and only {len(request)} are there: no answer."
    if internet_checksum(request):
        return "The checksum of the request is wrong: no answer, because who knows what was asked."
    if request[0] != 8:
        return f"Type {request[0]} is no echo request: no answer."
    return "Type 0, the same identifier, sequence and data, and the checksum that fits."


echoes = st.builds(
    lambda identifier, sequence, data: ICMPEcho(identifier=identifier, sequence=sequence, payload=data).build(),
    st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=24),
)  # fmt: skip
others = st.builds(
    lambda kind, rest: sealed(bytes((kind, 0, 0, 0)) + rest),
    st.sampled_from([0, 3, 5, 11, 13, 14, 17]), st.binary(min_size=4, max_size=12),
)  # fmt: skip


def damage(message: bytes, at: int, by: int) -> bytes:
    at %= len(message)
    if at in (0, 1):  # the type and the code stay: what is wrong here is the checksum alone
        at = 2
    return message[:at] + bytes((message[at] ^ by,)) + message[at + 1 :]


ECHO_REPLY = Exercise(
    number="6.1",
    name="echo_reply",
    points=3,
    summary="The answer to a ping.",
    signature="echo_reply(request: bytes) -> bytes | None",
    rfc="RFC 792, echo or echo reply message; RFC 1122 section 3.2.2.6",
    reference=echo_reply,
    equal=same_message,
    inputs=st.tuples(
        st.one_of(echoes, echoes, others, st.builds(damage, echoes, st.integers(2, 40), st.integers(1, 255)),
                  st.binary(max_size=7)),
    ),
    pinned={
        "a request with data": (A("0800 6e72 0001 0002 6869 2121"),),
        "an odd number of bytes": (ICMPEcho(identifier=0x1234, sequence=1, payload=b"abc").build(),),
        "no data": (ICMPEcho(identifier=7, sequence=65535).build(),),
        "nothing but zeros": (ICMPEcho().build(),),
        "the checksum's carry": (ICMPEcho(identifier=0xF7FF, sequence=0x0801).build(),),
        "a new checksum that carries": (ICMPEcho(identifier=0xFFF0).build(),),
        "an echo reply": (sealed(A("0000 0000 0001 0002")),),
        "a timestamp request": (sealed(A("0d00 0000 0001 0002") + bytes(12)),),
        "a wrong checksum": (A("0800 0000 0001 0002"),),
        "cut off": (A("0800 f7ff 0000"),),
        "nothing": (b"",),
    },
    mistakes=[
        Mistake("It looks as if the request's checksum is still there: the type changed, so the sum changed.",
                reply_keeps_checksum),
        Mistake("It looks as if the old checksum is summed too: set its two bytes to zero first.",
                reply_sums_old_checksum),
        Mistake("It looks as if the data is missing: the reply carries back what the request brought.",
                reply_loses_data),
        Mistake("It looks as if the checksum covers the header alone. IP's does; ICMP's covers the data too.",
                reply_sums_header_only),
        Mistake("It looks as if the checksum's two bytes are swapped: the network sends the high one first.",
                reply_swaps_checksum),
        Mistake("It looks as if every type is answered: only type 8, echo request, asks for an echo.",
                reply_to_anything),
        Mistake("It looks as if the request's checksum is not verified: over a good message it comes out as 0.",
                reply_unchecked),
    ],
    without=("netlib.internet.icmp", "netlib.wire.icmp"),
    why=why_reply,
    like=ICMPEcho,
)  # fmt: skip


# ---- 6.2 ------------------------------------------------------------------------------------------------------


def icmp_error(packet: bytes, type: int, code: int, rest: int = 0) -> bytes | None:
    return None if reasons_to_be_silent(packet) else netlib_error(packet, type, code, rest)


def judge_error(args: Any, result: Any) -> str | None:
    packet, type, code, *more = args
    rest = more[0] if more else 0
    silent = reasons_to_be_silent(packet)
    if silent:
        return None if result is None else f"No report may be sent about this packet: {silent[0]}. Return None."
    if result is None:
        return "A report is allowed here, and None came back."
    if not isinstance(result, bytes):
        return f"The message has to be bytes; a {result.__class__.__name__} came back."
    header = 4 * (packet[0] & 15)
    least, most = min(header + 8, len(packet)), min(QUOTE, len(packet))
    if len(result) < 8:
        return f"An ICMP header has 8 bytes; only {len(result)} came back."
    if result[:2] != bytes((type, code)):
        return f"Type and code have to be {type} and {code}; they are {result[0]} and {result[1]}."
    if result[4:8] != rest.to_bytes(4, "big"):
        return f"The last four bytes of the header have to be {rest:#010x}; they are 0x{result[4:8].hex()}."
    quote = result[8:]
    if quote != packet[: len(quote)]:
        return "What follows the ICMP header has to be the packet's own first bytes, unchanged."
    if len(quote) < least:
        return f"The quote needs the header of {header} bytes and the 8 behind it; it has {len(quote)} bytes."
    if len(quote) > most:
        return f"With its IP header of 20 bytes the report would have {20 + len(result)} bytes; 576 is the most."
    if internet_checksum(result):
        return "The checksum is wrong. It covers the whole message, the quote included."
    return None


def wrong_error(packet: bytes, type: int, code: int, rest: int = 0, *, size: int = QUOTE, header: int = 0,
                blind: bool = False, fixed: bool = False, reverse: bool = False) -> bytes | None:  # fmt: skip
    """The ways to get it wrong, by keyword."""
    if not blind and reasons_to_be_silent(packet):
        return None
    start = 20 if fixed else 4 * (packet[0] & 15)
    quote = packet[header and start : start + size]
    if not reverse:
        return sealed(bytes((type, code, 0, 0)) + rest.to_bytes(4, "big") + quote)
    return sealed(bytes((type, code, 0, 0)) + rest.to_bytes(4, "little") + quote)


def checksum_without_quote(packet: bytes, type: int, code: int, rest: int = 0) -> bytes | None:
    message = icmp_error(packet, type, code, rest)
    return message and sealed(message[:8]) + message[8:]


def why_error(args: Any) -> str:
    packet = args[0]
    silent = reasons_to_be_silent(packet)
    if silent:
        return f"No report may be sent about it: {'; '.join(silent)}."
    header = 4 * (packet[0] & 15)
    return f"A report quotes at least the header ({header} bytes) and 8 more; with its IP header it has 576 at most."


def ip(source: bytes, destination: bytes, protocol: int, payload: bytes, *, options: bytes = b"", offset: int = 0,
       more: bool = False, ttl: int = 1) -> bytes:  # fmt: skip
    packet = IPv4Packet(source=IPv4Address(source), destination=IPv4Address(destination), protocol=protocol, ttl=ttl,
                        options=options, fragment_offset=offset, more_fragments=more, payload=payload)  # fmt: skip
    return packet.build()


def a(text: str) -> bytes:
    return bytes(IPv4Address(text))


H1, H2 = a("10.0.1.2"), a("10.0.4.2")
NOBODY = ("0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255", "240.0.0.1")
GROUPS = ("224.0.0.1", "239.255.255.250", "255.255.255.255")
sources = st.sampled_from([H1, H1, H1, H1, a("192.0.2.7"), *map(a, NOBODY)])
destinations = st.sampled_from([H2, H2, H2, H2, a("198.51.100.9"), *map(a, GROUPS)])
option_lists = st.sampled_from([b"", b"", b"\x94\x04\0\0", b"\x01\x01\x01\x00", b"\x07\x07\x04\0\0\0\0\0"])
icmp_payloads = st.builds(
    lambda kind, data: sealed(bytes((kind, 0, 0, 0)) + data),
    st.sampled_from([0, 8, 8, 13, *ERRORS]), st.binary(min_size=4, max_size=40),
)  # fmt: skip
payloads = st.one_of(
    st.tuples(st.sampled_from([UDP, TCP]), st.binary(max_size=40)),
    st.tuples(st.just(UDP), st.integers(500, 600).map(lambda n: bytes(i & 0xFF for i in range(n)))),
    st.tuples(st.just(ICMP), icmp_payloads),
)
fragments = st.sampled_from([(0, False), (0, False), (0, False), (0, True), (1, False), (185, True), (4096, False)])
bad_packets = st.builds(
    lambda source, destination, body, options, fragment: ip(source, destination, *body, options=options,
                                                            offset=fragment[0], more=fragment[1]),
    sources, destinations, payloads, option_lists, fragments,
)  # fmt: skip
kinds = st.sampled_from([(3, 0, 0), (3, 3, 0), (3, 4, 1400), (3, 4, 576), (11, 0, 0), (11, 1, 0), (12, 0, 20 << 24)])
probe_packet = ip(H1, H2, UDP, UDPDatagram(40000, 33434, checksummed=False, payload=bytes(32)).build())
echo_packet = ip(H1, H2, ICMP, ICMPEcho(identifier=1, sequence=1, payload=bytes(8)).build())
long_packet = ip(H1, H2, UDP, bytes(i & 0xFF for i in range(1480)))
error_packet = ip(a("10.0.2.2"), H2, ICMP, netlib_error(probe_packet, 11, 0))

ICMP_ERROR = Exercise(
    number="6.2",
    name="icmp_error",
    points=4,
    summary="The report that a router or host sends about a packet it has to drop.",
    signature="icmp_error(packet: bytes, type: int, code: int, rest: int = 0) -> bytes | None",
    rfc="RFC 792; RFC 1122 section 3.2.2; RFC 1812 section 4.3.2",
    reference=icmp_error,
    judge=judge_error,
    inputs=st.builds(lambda packet, kind: (packet, *kind), bad_packets, kinds),
    pinned={
        "the TTL ran out": (probe_packet, 11, 0, 0),
        "without the last argument": (probe_packet, 3, 3),
        "too long for the next link": (long_packet, 3, 4, 1400),
        "a ping may be reported about": (echo_packet, 11, 0, 0),
        "about an error": (error_packet, 11, 0, 0),
        "about an error, behind IP options": (
            ip(H1, H2, ICMP, sealed(A("0300 0000 0000 0000") + probe_packet[:28]), options=b"\x94\x04\0\0"), 11, 0, 0),
        "about a ping, behind IP options": (
            ip(H1, H2, ICMP, sealed(A("0800 0000 0001 0001")), options=b"\x94\x04\0\0"), 11, 0, 0),
        "IP options are part of the header": (ip(H1, H2, UDP, bytes(600), options=b"\x94\x04\0\0"), 3, 3, 0),
        "the first fragment": (ip(H1, H2, UDP, bytes(16), more=True), 11, 0, 0),
        "a later fragment": (ip(H1, H2, UDP, bytes(16), offset=2, more=True), 11, 0, 0),
        "the last fragment": (ip(H1, H2, UDP, bytes(16), offset=2), 11, 0, 0),
        "a broadcast": (ip(H1, b"\xff\xff\xff\xff", UDP, bytes(8)), 3, 3, 0),
        "a multicast": (ip(H1, a("224.0.0.251"), UDP, bytes(8)), 3, 3, 0),
        "from nobody": (ip(bytes(4), H2, UDP, bytes(8)), 3, 3, 0),
        "from loopback": (ip(a("127.0.0.1"), H2, UDP, bytes(8)), 3, 3, 0),
        "shorter than header and 8 bytes": (ip(H1, H2, UDP, b"abc"), 11, 0, 0),
    },
    mistakes=[
        Mistake("It looks as if the rules of silence are missing: about which packets may nobody report?",
                partial(wrong_error, size=QUOTE - 20, blind=True)),
        Mistake("It looks as if the quote starts behind the IP header. It starts with the packet's first byte.",
                partial(wrong_error, size=8, header=1)),
        Mistake("It looks as if the header is taken to have 20 bytes. Its length is in the packet: options count.",
                partial(wrong_error, size=8, fixed=True)),
        Mistake("It looks as if no ICMP packet is reported about: only errors are left out; a ping is reported about.",
                lambda packet, *more: None if packet[9] == ICMP else wrong_error(packet, *more)),
        Mistake("It looks as if the quote alone may have 576 bytes: the headers before it, 20 and 8 bytes, count too.",
                partial(wrong_error, size=576)),
        Mistake("It looks as if the whole packet is quoted, however long.",
                lambda packet, type, code, rest=0: wrong_error(packet, type, code, rest, size=len(packet))),
        Mistake("It looks as if the checksum is worked out before the quote is there.", checksum_without_quote),
        Mistake("It looks as if `rest` is written with its low byte first.",
                partial(wrong_error, size=8, reverse=True)),
    ],
    without=("netlib.internet.icmp", "netlib.wire.icmp", "netlib.exercises.icmp_path"),
    why=why_error,
    like=ICMPDestinationUnreachable,
)  # fmt: skip
