"""Exercises 9.1 and 9.5: the bytes of a datagram, written and read.

Addresses are raw bytes, 4 for IPv4 and 16 for IPv6: the checksum covers them, though the datagram does not carry them.
"""

from functools import partial
from typing import Any

from hypothesis import strategies as st

from netlib.grading import Exercise, Mistake
from netlib.wire.address import IPv4Address
from netlib.wire.address6 import IPv6Address
from netlib.wire.checksum import internet_checksum
from netlib.wire.ipv4 import UDP, IPv4Packet
from netlib.wire.ipv6 import IPv6Packet
from netlib.wire.udp import UDPDatagram

A = bytes.fromhex
H1, H2 = A("0a000001"), A("0a000002")
G1, G2 = A("20010db8000000000000000000000001"), A("20010db8000000000000000000000002")
PSEUDO = ("netlib.wire.ipv4.IPv4Packet.pseudo_header", "netlib.wire.ipv6.IPv6Packet.pseudo_header")
MOST = {4: 65_535 - 20 - 8, 16: 65_535 - 8}  # bytes of data, by the length of an address


def below(source: bytes, destination: bytes) -> Any:
    """The packet that carries a datagram between these."""
    if len(source) == 16:
        return IPv6Packet(source=IPv6Address(source), destination=IPv6Address(destination), next_header=UDP)
    return IPv4Packet(source=IPv4Address(source), destination=IPv4Address(destination), protocol=UDP)


def pseudo(source: bytes, destination: bytes, length: int) -> bytes:
    """What the checksum covers before the datagram: RFC 768, and RFC 8200 section 8.1."""
    if len(source) == 16:
        return source + destination + length.to_bytes(4, "big") + bytes((0, 0, 0, UDP))
    return source + destination + bytes((0, UDP)) + length.to_bytes(2, "big")


def build_udp(source: bytes, destination: bytes, source_port: int, destination_port: int, data: bytes) -> bytes:
    """The bytes of a datagram, with its checksum."""
    if len(data) > MOST[len(source)]:
        raise ValueError(f"{len(data)} bytes of data: there is room for {MOST[len(source)]}")
    datagram = UDPDatagram(source_port, destination_port, payload=data)
    return datagram.build(below(source, destination))


def parse_udp(source: bytes, destination: bytes, datagram: bytes) -> tuple[int, int, bytes]:
    """Source port, destination port and data of a datagram; ValueError where it has to be dropped."""
    read = UDPDatagram.parse(datagram, below(source, destination))
    return read.source_port, read.destination_port, read.payload


# ---- 9.1 ---------------------------------------------------------------------------------------------------------


def wrong_build(source: bytes, destination: bytes, source_port: int, destination_port: int, data: bytes, *,
                cover: str = "pseudo", zero: bool = True, length: int = 8, little: bool = False) -> bytes:  # fmt: skip
    """The ways to get it wrong, by keyword."""
    if len(data) > MOST[len(source)] or not 0 <= source_port <= 0xFFFF or not 0 <= destination_port <= 0xFFFF:
        raise ValueError("out of range")
    ports = (source_port, destination_port)
    head = b"".join(value.to_bytes(2, "little" if little else "big") for value in (*ports, length + len(data)))
    before = {"pseudo": pseudo(source, destination, 8 + len(data)), "nothing": b"", "header": b"",
              "no protocol": source + destination + bytes(2) + (8 + len(data)).to_bytes(2, "big"),
              "no length": source + destination + bytes((0, UDP)), "as IPv4": source + destination + bytes((0, UDP))
              + (8 + len(data)).to_bytes(2, "big"),
              "data length": pseudo(source, destination, len(data))}[cover]  # fmt: skip
    checksum = internet_checksum(before + head + bytes(2) + (b"" if cover == "header" else data))
    return head + (checksum or (0xFFFF if zero else 0)).to_bytes(2, "big") + data


def why_build(args: Any) -> str:
    source, _, source_port, destination_port, data = args
    if len(data) > MOST[len(source)]:
        version = 4 if len(source) == 4 else 6
        return f"{len(data)} bytes: over IPv{version} there is room for {MOST[len(source)]}, so ValueError."
    if not 0 <= source_port <= 0xFFFF or not 0 <= destination_port <= 0xFFFF:
        return "A port is a number of 16 bits, from 0 to 65535: anything else is a ValueError."
    made = build_udp(*args)
    said = f"The length is {8 + len(data)}, header and data. The checksum covers the pseudo header, the header and data"
    if made[6:8] == b"\xff\xff":
        return f'{said}; it comes out as 0, which would mean "left out", so it is sent as ffff.'
    return f"{said}."


def zero_sum(source: bytes, destination: bytes, port: int = 7) -> tuple[Any, ...]:
    """A call whose checksum comes out as 0."""
    plain = build_udp(source, destination, 40000, port, bytes(2))
    return source, destination, 40000, port, plain[6:8]


addresses = st.one_of(
    st.tuples(st.sampled_from([H1, A("c0a80105")]), st.sampled_from([H2, A("08080808")])),
    st.tuples(st.sampled_from([H1, A("c0a80105")]), st.sampled_from([H2, A("08080808")])),
    st.tuples(st.just(G1), st.sampled_from([G2, A("ff020000000000000000000000000001")])),
)
ports = st.one_of(st.sampled_from([7, 53, 40000, 0, 65535]), st.integers(0, 0xFFFF))

BUILD = Exercise(
    number="9.1",
    name="build_udp",
    points=3,
    summary="The bytes of a datagram, with the checksum that also covers the two addresses.",
    signature="build_udp(source: bytes, destination: bytes, source_port: int, destination_port: int, data: bytes)"
              " -> bytes",
    rfc="RFC 768; RFC 8200 section 8.1",
    reference=build_udp,
    inputs=st.builds(lambda ends, one, two, data: (*ends, one, two, data), addresses, ports, ports,
                     st.binary(max_size=24)),
    pinned={
        "two letters": (H1, H2, 40000, 7, b"hi"),
        "no data at all": (H1, H2, 40000, 7, b""),
        "an odd number of bytes": (H1, H2, 40000, 53, b"abc"),
        "over IPv6": (G1, G2, 40000, 7, b"hi"),
        "a checksum that comes out as 0": zero_sum(H1, H2),
        "a checksum that comes out as 0, over IPv6": zero_sum(G1, G2),
        "port 0 says: do not answer": (H1, H2, 0, 514, b"log"),
        "a port that is none": (H1, H2, 65536, 7, b"hi"),
        "a port below zero": (H1, H2, 40000, -1, b"hi"),
        "as much as fits into an IPv4 packet": (H1, H2, 1, 2, bytes(65_507)),
        "one byte more": (H1, H2, 1, 2, bytes(65_508)),
        "as much as fits into an IPv6 packet": (G1, G2, 1, 2, bytes(65_527)),
        "one byte too many over IPv6": (G1, G2, 1, 2, bytes(65_528)),
    },
    mistakes=[
        Mistake("It looks as if the pseudo header is left out: the checksum covers the addresses, too.",
                partial(wrong_build, cover="nothing")),
        Mistake("It looks as if the data is not summed: UDP's checksum covers header and data.",
                partial(wrong_build, cover="header")),
        Mistake("It looks as if a checksum of 0 is sent as it is. That means \"left out\": send ffff instead.",
                partial(wrong_build, zero=False)),
        Mistake("It looks as if the length counts the data alone: it counts the header's 8 bytes, too.",
                partial(wrong_build, length=0)),
        Mistake("It looks as if the protocol is missing from the pseudo header: a byte 0, then 17.",
                partial(wrong_build, cover="no protocol")),
        Mistake("It looks as if the length is missing from the pseudo header.",
                partial(wrong_build, cover="no length")),
        Mistake("It looks as if the pseudo header has the data's length: it has the datagram's, header included.",
                partial(wrong_build, cover="data length")),
        Mistake("It looks as if the numbers have their low byte first: the network sends the high byte first.",
                partial(wrong_build, little=True)),
    ],
    without=("netlib.wire.udp", "netlib.transport.udp", *PSEUDO),
    why=why_build,
    like=UDPDatagram,
)  # fmt: skip


# ---- 9.5 ---------------------------------------------------------------------------------------------------------


def wrong_parse(source: bytes, destination: bytes, datagram: bytes, *, verify: bool = True, padding: bool = False,
                zero: str = "v4", most: bool = True, least: bool = True) -> tuple[int, int, bytes]:  # fmt: skip
    """The ways to get it wrong, by keyword."""
    if len(datagram) < 8:
        raise ValueError("truncated")
    one, two, length, checksum = (int.from_bytes(datagram[at : at + 2], "big") for at in (0, 2, 4, 6))
    if (least and length < 8) or (most and length > len(datagram)):
        raise ValueError("length")
    covered = datagram if padding else datagram[:length]
    left_out = checksum == 0 and {"v4": len(source) == 4, "always": True, "never": False}[zero]
    if verify and not left_out:
        if checksum == 0 and len(source) == 16:
            raise ValueError("no checksum")
        if internet_checksum(pseudo(source, destination, length) + covered):
            raise ValueError("checksum")
    return one, two, covered[8:]


def why_parse(args: Any) -> str:
    source, destination, datagram = args
    if len(datagram) < 8:
        return f"The header has 8 bytes, and only {len(datagram)} are there."
    length, checksum = int.from_bytes(datagram[4:6], "big"), datagram[6:8]
    if length < 8:
        return f"The length says {length}, and the header alone has 8 bytes."
    if length > len(datagram):
        return f"The length says {length}, and {len(datagram)} bytes are there: something was cut off."
    if checksum == bytes(2):
        if len(source) == 16:
            return "The checksum is 0, left out, and IPv6 does not allow that: nothing else guards its addresses."
        return "The checksum is 0, left out, which IPv4 allows: nothing can be verified."
    if internet_checksum(pseudo(source, destination, length) + datagram[:length]):
        return "The checksum does not match: over pseudo header, header and data it has to come out as 0."
    more = len(datagram) - length
    behind = f" The {more} byte{'s' * (more != 1)} behind it are not part of it." if more else ""
    return f"The checksum matches, and the length says that the datagram has {length} bytes.{behind}"


def spoiled(ends: Any, one: int, two: int, data: bytes, how: str, at: int, by: int) -> tuple[Any, ...]:
    """A call with a datagram that is all right, or not."""
    source, destination = ends
    good = build_udp(source, destination, one, two, data)
    match how:
        case "damaged":
            at %= len(good)
            good = good[:at] + bytes((good[at] ^ by,)) + good[at + 1 :]
        case "left out":
            good = good[:6] + bytes(2) + good[8:]
        case "padded":
            good += bytes(by % 7 + 1)
        case "padded with something":
            good += bytes((by, at))
        case "cut":
            good = good[: at % len(good)]
        case "misled":
            destination = destination[:-1] + bytes((destination[-1] ^ by,))
        case "short length":
            good = good[:4] + bytes((0, by % 8)) + good[6:]
    return source, destination, good


HOWS = ("fine", "fine", "damaged", "left out", "padded", "padded with something", "cut", "misled", "short length")
HI = build_udp(H1, H2, 40000, 7, b"hi")
HI6 = build_udp(G1, G2, 40000, 7, b"hi")


def bare(length: int, data: bytes = b"") -> bytes:
    """A datagram without a checksum whose length field says this."""
    return A("9c400007") + length.to_bytes(2, "big") + bytes(2) + data


PARSE = Exercise(
    number="9.5",
    name="parse_udp",
    points=4,
    summary="What a host reads out of a datagram, and which datagrams it drops.",
    signature="parse_udp(source: bytes, destination: bytes, datagram: bytes) -> tuple[int, int, bytes]",
    rfc="RFC 768; RFC 1122 section 4.1.3.4; RFC 8200 section 8.1",
    reference=parse_udp,
    inputs=st.builds(spoiled, addresses, ports, ports, st.binary(max_size=24), st.sampled_from(HOWS),
                     st.integers(0, 255), st.integers(1, 255)),
    pinned={
        "two letters": (H1, H2, HI),
        "no data at all": (H1, H2, build_udp(H1, H2, 1, 2, b"")),
        "an odd number of bytes": (H1, H2, build_udp(H1, H2, 1, 2, b"abc")),
        "over IPv6": (G1, G2, HI6),
        "a checksum sent as ffff": (H1, H2, build_udp(*zero_sum(H1, H2))),
        "without a checksum": (H1, H2, HI[:6] + bytes(2) + HI[8:]),
        "without a checksum, over IPv6": (G1, G2, HI6[:6] + bytes(2) + HI6[8:]),
        "one bit is wrong": (H1, H2, HI[:-1] + b"h"),
        "it is for another host": (H1, H2[:3] + b"\x03", HI),
        "bytes behind it that are not zero": (H1, H2, HI + b"\x0f\x0f"),
        "without a checksum, and with bytes behind it": (H1, H2, bare(10, b"hi....")),
        "a length of 7": (H1, H2, bare(7, b"hi")),
        "a length of 0": (H1, H2, bare(0, b"hi")),
        "a length above what is there": (H1, H2, bare(11, b"hi")),
        "seven bytes": (H1, H2, HI[:7]),
        "nothing": (H1, H2, b""),
    },
    mistakes=[
        Mistake("It looks as if the checksum is not verified.", partial(wrong_parse, verify=False)),
        Mistake("It looks as if a checksum of 0 is verified. Over IPv4 it says: left out, nothing to verify.",
                partial(wrong_parse, zero="never")),
        Mistake("It looks as if IPv6 may leave the checksum out, too. It may not (RFC 8200 section 8.1).",
                partial(wrong_parse, zero="always")),
        Mistake("It looks as if what stands behind the datagram counts. It ends where its length says.",
                partial(wrong_parse, padding=True)),
        Mistake("It looks as if a length above what is there passes.", partial(wrong_parse, most=False)),
        Mistake("It looks as if a length below 8 passes: the header alone has 8 bytes.",
                partial(wrong_parse, least=False)),
    ],
    without=("netlib.wire.udp", "netlib.wire.packet", "netlib.transport.udp", *PSEUDO),
    why=why_parse,
)  # fmt: skip
