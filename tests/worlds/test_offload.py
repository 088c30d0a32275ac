"""Packets that are joined: cut again, as a kernel cuts them, they are what they were, bit for bit."""

from dataclasses import replace
from random import Random

import pytest

from netlib.wire.address import IPv4Address
from netlib.wire.address6 import IPv6Address
from netlib.wire.checksum import internet_checksum
from netlib.wire.ipv4 import TCP, UDP, IPv4Packet
from netlib.wire.ipv6 import IPv6Packet
from netlib.wire.tcp import TCPSegment
from netlib.worlds.offload import GSO_TCPV4, GSO_TCPV6, HEADER, NEEDS_CSUM, PLAIN, Joiner, complete

STAMPS = bytes((1, 1, 8, 10)) + bytes(range(8))
SEGMENT = TCPSegment(5001, 40000, 2**32 - 3000, 77, ack=True, window=500, options=STAMPS)


def packed(segment: TCPSegment, version: int = 4, **fields: object) -> bytes:
    packet: IPv4Packet | IPv6Packet
    if version == 4:
        packet = IPv4Packet(protocol=TCP, source=IPv4Address("10.9.0.2"), destination=IPv4Address("10.9.0.1"))
        packet.dont_fragment, packet.identification = True, 7
    else:
        packet = IPv6Packet(next_header=TCP, source=IPv6Address("fd00::2"), destination=IPv6Address("fd00::1"))
    for name, value in fields.items():
        setattr(packet, name, value)
    packet.payload = segment.build(packet)
    return packet.build()


def flow(*texts: bytes, version: int = 4, **fields: object) -> list[bytes]:
    """Segments with these texts, one behind the other."""
    packets, sequence = [], SEGMENT.sequence
    for text in texts:
        segment = replace(SEGMENT, sequence=sequence, payload=text)
        packets.append(packed(segment, version, **fields))
        sequence = (sequence + len(text)) % 2**32
    return packets


def joined(packets: list[bytes], link: int = 0) -> list[bytes]:
    written: list[bytes] = []
    joiner = Joiner(written.append, link)
    for packet in packets:
        joiner.add(packet)
    joiner.flush()
    return written


def cut(data: bytes, link: int = 0) -> list[bytes]:
    """What a kernel's TCP makes of it (tcp_gso_segment), with wire's own classes; the identification stays 7."""
    _, kind, head, size, _, _ = HEADER.unpack_from(data)
    frame = data[HEADER.size :]
    if not kind:
        return [frame]
    above, below = frame[:link], frame[link:]
    packet: IPv4Packet | IPv6Packet = (IPv4Packet if kind == GSO_TCPV4 else IPv6Packet).parse(below)
    whole = TCPSegment.parse(packet.payload, packet)  # its checksum is right
    assert head == len(frame) - len(whole.payload) and len(below) <= 65_535
    pieces = []
    for at in range(0, len(whole.payload), size):
        last = at + size >= len(whole.payload)
        text, sequence = whole.payload[at : at + size], (whole.sequence + at) % 2**32
        piece = replace(whole, payload=text, sequence=sequence, psh=whole.psh and last)
        packet.payload = piece.build(packet)
        pieces.append(above + packet.build())
    return pieces


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("link", [b"", b"\x02" * 12 + b"\x08\0"])
def test_a_flow_becomes_one_packet(version: int, link: bytes) -> None:
    texts = [Random(i).randbytes(1448) for i in range(40)] + [b"an end"]
    packets = [link + packet for packet in flow(*texts, version=version)]
    [whole] = joined(packets, len(link))
    assert HEADER.unpack_from(whole)[1] == (GSO_TCPV4 if version == 4 else GSO_TCPV6)
    assert cut(whole, len(link)) == packets


def test_what_says_that_it_is_the_last_is_joined_too() -> None:
    first, second = flow(bytes(1000), bytes(1000))
    last = packed(replace(SEGMENT, sequence=SEGMENT.sequence + 1000, payload=bytes(1000), psh=True))
    [whole, after] = joined([first, last, second])
    assert cut(whole) == [first, last] and after == PLAIN + second


def test_none_is_longer_than_a_packet_can_be() -> None:
    packets = flow(*[bytes(1448)] * 100)
    written = joined(packets)
    assert [len(each) for each in written] == [10 + 52 + 45 * 1448] * 2 + [10 + 52 + 10 * 1448]
    assert [piece for each in written for piece in cut(each)] == packets


def test_what_is_drawn_comes_out_as_it_went_in() -> None:
    """Flows with gaps, odd and uneven texts, and fields of all kinds that change in the middle."""
    changes = (
        {"window": 501}, {"acknowledgment": 78}, {"psh": True}, {"fin": True}, {"urg": True, "urgent_pointer": 3},
        {"options": b""}, {"options": STAMPS[:-1] + b"x"}, {"source_port": 5002}, {"cwr": True}, {"ece": True},
        {"rst": True}, {"ack": False}, {"payload": b""}, {"sequence": 5}, {},
    )  # fmt: skip
    below = {4: ({"ttl": 63}, {"ecn": 3}, {"dscp": 8}), 6: ({"hop_limit": 63}, {"flow_label": 9}, {"ecn": 3})}
    seen = set()
    for seed in range(300):
        random = Random(seed)
        version, size = random.choice((4, 6)), random.choice((1448, 1447, 100, 2))
        packets, sequence = [], random.getrandbits(32)
        for _ in range(random.randint(1, 30)):
            text = random.randbytes(size if random.random() < 0.9 else random.randint(0, size + 1))
            segment = replace(SEGMENT, sequence=sequence, payload=text)
            if random.random() < 0.15:
                segment = replace(segment, **random.choice(changes))  # type: ignore[arg-type]
            fields = random.choice(below[version]) if random.random() < 0.05 else {}
            packets.append(packed(segment, version, **fields))
            sequence = (sequence + len(segment.payload)) % 2**32
        written = joined(packets)
        assert [piece for each in written for piece in cut(each)] == packets, seed
        seen.add(len(written) < len(packets))
    assert seen == {True, False}


@pytest.mark.parametrize("text", [
    {"psh": True}, {"window": 501}, {"acknowledgment": 78}, {"options": STAMPS[:-1] + b"x"}, {"cwr": True},
    {"fin": True}, {"ece": True}, {"source_port": 5002}, {"sequence": SEGMENT.sequence}, {"urgent_pointer": 3},
])  # fmt: skip
def test_what_says_something_new_stays_a_packet_of_its_own(text: dict[str, object]) -> None:
    first, second = flow(bytes(1000), bytes(1000))
    if "psh" in text:  # the first has it: it ends what a program has sent
        first = packed(replace(SEGMENT, payload=bytes(1000), psh=True))
    else:
        second = packed(replace(SEGMENT, **{"sequence": SEGMENT.sequence + 1000, "payload": bytes(1000), **text}))  # type: ignore[arg-type]
    assert joined([first, second]) == [PLAIN + first, PLAIN + second]


def test_nor_is_anything_joined_that_is_no_plain_segment() -> None:
    short = bytes(3)
    one, two = flow(bytes(1000), bytes(1000), dont_fragment=False)
    fragments = flow(bytes(1000), bytes(1000), more_fragments=True)
    datagrams = flow(bytes(1000), bytes(1000), protocol=UDP)
    optional = flow(bytes(1000), bytes(1000), options=b"\x94\x04\0\0")
    datagrams += flow(bytes(1000), bytes(1000), next_header=UDP, version=6)
    no_header = flow(bytes(1000), version=6)[0][:50]
    packets = [b"", short, no_header, one, two, *fragments, *datagrams, *optional]
    for version in (4, 6):  # these end before or after their length says, and these have no room for their header
        first, _, third = flow(bytes(1000), b"xx", bytes(1000), version=version)
        packets += [first + b"xx", third, first + b"xx", third + b"xx"]
        packets += [packet[:-2] for packet in flow(bytes(1000), b"", bytes(1000), version=version)]
        good, cut_off = flow(bytes(1000), bytes(1000), version=version)
        packets += [good, cut_off[:-2]]
        at = len(first) - 1000 - 32 + 12
        packets += [
            each[:at] + b"\x40" + each[at + 1 :]
            for each in flow(bytes(1000), bytes(16), bytes(1000), version=version)[::2]
        ]
    assert joined(packets) == [PLAIN + packet for packet in packets]


def test_nor_what_comes_in_other_frames() -> None:
    first, second = flow(bytes(1000), bytes(1000))
    frames = [b"\x02" * 12 + b"\x08\0" + first, b"\x04" * 12 + b"\x08\0" + second]
    assert joined(frames, 14) == [PLAIN + frame for frame in frames]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_wrong_checksum_is_not_made_right(which: int, version: int) -> None:
    packets = flow(*[Random(i).randbytes(1000) for i in range(3)], version=version)
    wrong = bytearray(packets[which])
    wrong[500] ^= 0x10
    packets[which] = bytes(wrong)
    [whole] = joined(packets)
    packet = (IPv4Packet if version == 4 else IPv6Packet).parse(whole[HEADER.size :])
    assert internet_checksum(packet.payload, packet.pseudo_header(len(packet.payload))) != 0


def test_an_ip_header_with_a_wrong_checksum_stays_as_it_is() -> None:
    good = flow(bytes(1000), bytes(1000))
    wrong = [packet[:10] + bytes((packet[10] ^ 1,)) + packet[11:] for packet in good]
    for packets in (wrong, [good[0], wrong[1]], [wrong[0], good[1]]):
        assert joined(packets) == [PLAIN + packet for packet in packets]


@pytest.mark.parametrize("size", [0, 1, 1000, 60_000])
def test_a_checksum_that_the_kernel_has_left_out_is_worked_out(size: int) -> None:
    packet = packed(replace(SEGMENT, payload=Random(1).randbytes(size)))
    start = 20
    pseudo = IPv4Packet.parse(packet).pseudo_header(len(packet) - start)
    partial = internet_checksum(pseudo) ^ 0xFFFF
    left_out = packet[: start + 16] + partial.to_bytes(2, "big") + packet[start + 18 :]
    assert complete(HEADER.pack(NEEDS_CSUM, 1, 52, 1448, start, 16) + left_out) == packet
    assert complete(PLAIN + left_out) == left_out


def test_a_checksum_is_never_0_which_would_mean_that_there_is_none() -> None:
    assert complete(HEADER.pack(NEEDS_CSUM, 0, 0, 0, 0, 2) + b"\xff\xfe\0\1") == b"\xff\xfe\xff\xff"


def test_a_header_that_makes_no_sense_does_no_harm() -> None:
    assert complete(HEADER.pack(NEEDS_CSUM, 0, 0, 0, 60_000, 16) + b"packet") == b"packet"
