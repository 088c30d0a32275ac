"""What the exercises of chapter 05 are tried with: fields, packets, damage, and stories told in fragments."""

from typing import Any

from hypothesis import strategies as st

from netlib.wire.checksum import internet_checksum
from netlib.wire.ipv4 import ICMP, TCP, UDP, IPv4Packet

H1, H2 = bytes((10, 5, 1, 2)), bytes((10, 5, 2, 2))
EXAMPLE = bytes.fromhex("4500001c 1c460000 40010000 0a050102 0a050202")  # its checksum still to be worked out

addresses = st.sampled_from([H1, H2, b"\x7f\0\0\1", b"\xff\xfe\xfd\xfc"]) | st.binary(min_size=4, max_size=4)
# router alert, record route, timestamp, no operation: the first is to be copied into every fragment
an_option = st.sampled_from([b"\x94\x04\0\0", b"\x07\x07\x04\0\0\0\0", b"\x44\x08\x05\0\0\0\0\0", b"\x01"])
options = st.lists(an_option, max_size=3).map(b"".join)
optional_fields: dict[Any, st.SearchStrategy[Any]] = {
    "dscp": st.sampled_from([0, 46, 63]),
    "ecn": st.integers(0, 3),
    "identification": st.sampled_from([0, 1, 0x1234, 0xFFFF]) | st.integers(0, 0xFFFF),
    "dont_fragment": st.booleans(),
    "more_fragments": st.booleans(),
    "fragment_offset": st.sampled_from([0, 1, 185, 0x1FFF]) | st.integers(0, 0x1FFF),
    "ttl": st.integers(1, 255),
    "options": options,
}
good_fields = st.fixed_dictionaries(
    {"source": addresses, "destination": addresses, "protocol": st.sampled_from([ICMP, TCP, UDP, 255])},
    optional=optional_fields,
)


def pattern(size: int) -> bytes:
    """Bytes of which no eight are like eight others near by, so that what is put in a wrong place shows."""
    return bytes((i // 8 * 8 + i) % 251 for i in range(size))


def packet(payload: bytes = b"", **fields: Any) -> bytes:
    """A whole packet, from h1 to h2 if nothing else is said."""
    known: dict[str, Any] = {"source": H1, "destination": H2, "protocol": ICMP} | fields
    return IPv4Packet(**known, payload=payload).build()


def resealed(data: bytes) -> bytes:
    """The packet with a checksum that is right for as many bytes as it says its header has."""
    start = 4 * (data[0] & 15) if data[0] & 15 > 2 else 20
    checksum = internet_checksum(data[:10] + b"\0\0" + data[12:start])
    return data[:10] + checksum.to_bytes(2, "big") + data[12:]


def with_bytes(data: bytes, at: int, new: bytes, reseal: bool = True) -> bytes:
    changed = data[:at] + new + data[at + len(new) :]
    return resealed(changed) if reseal else changed


def damaged(data: bytes, kind: str, number: int) -> bytes:
    """A packet, changed in one of the ways that a receiver has to know about."""
    size = len(data)
    match kind:
        case "frame padding":
            return data + bytes(number % 46)
        case "one bit":
            at = number % (8 * size)
            return with_bytes(data, at // 8, bytes([data[at // 8] ^ 1 << at % 8]), reseal=False)
        case "cut short":
            return data[: number % size]
        case "version":
            return with_bytes(data, 0, bytes([number % 16 << 4 | data[0] & 15]))
        case "header length":
            return with_bytes(data, 0, bytes([0x40 | number % 16]))
        case "total length":
            return with_bytes(data, 2, (number % (size + 40)).to_bytes(2, "big"))
        case "reserved bit":
            return with_bytes(data, 6, bytes([data[6] | 0x80]))
    return data


DAMAGES = ["none", "frame padding", "one bit", "cut short", "version", "header length", "total length", "reserved bit"]
whole_packets = st.builds(lambda fields, payload: packet(payload, **fields), good_fields, st.binary(max_size=24))
PING = packet(bytes.fromhex("0800f7fd00010001"), identification=0x1C46)


def cuttable(size: int, more: bool, **fields: Any) -> bytes:
    """A packet of `size` bytes of payload; one that has more behind it has a multiple of 8."""
    return packet(pattern(size // 8 * 8 if more else size), more_fragments=more, **fields)


cuttable_packets = st.builds(
    cuttable,
    st.integers(0, 120) | st.integers(0, 3000),
    st.booleans(),
    fragment_offset=st.sampled_from([0, 0, 1, 185, 4000]),
    identification=st.integers(0, 0xFFFF),
    dont_fragment=st.sampled_from([False, False, False, False, True]),
    ttl=st.integers(1, 255),
    ecn=st.integers(0, 3),
    dscp=st.sampled_from([0, 46]),
    options=st.just(b"") | options,
)

Step = tuple[Any, ...]


def piece_of(number: int, first: int, last: int, of: int, *, ttl: int = 64, protocol: int = UDP) -> bytes:
    """One fragment of a packet of `of` units of 8 bytes and 3 bytes: the units from `first` to before `last`.

    A different identification gives different data, so that pieces of two packets can't be taken for each other.
    """
    data = bytes(byte ^ number & 0xFF for byte in pattern(8 * of + 3))
    return packet(
        data[8 * first : 8 * last if last < of else None],
        identification=number, more_fragments=last < of, fragment_offset=first, ttl=ttl, protocol=protocol,
    )  # fmt: skip


A1, A2, A3 = piece_of(1, 0, 1, 3), piece_of(1, 1, 2, 3), piece_of(1, 2, 3, 3)
B1, B2 = piece_of(2, 0, 1, 2), piece_of(2, 1, 2, 2)
A_LONG = piece_of(1, 0, 2, 3)  # overlaps A2
A_OTHER = A2[:-8] + bytes(8)  # A2's place, other data
A_SHORT = packet(bytes(4), identification=1, fragment_offset=1, protocol=UDP)  # says that the packet ends before A3
A_HUGE = packet(bytes(64), identification=1, more_fragments=True, fragment_offset=0x1FFF, protocol=UDP)
STRANGE = [A_LONG, A_OTHER, A_SHORT, A_HUGE]


@st.composite
def stories(draw: Any) -> list[Step]:
    """Fragments of up to three packets in any order, some twice, some that can't be true, and time that goes by."""
    pool = [A1, A2, A3, B1, B2, piece_of(1, 0, 1, 3, ttl=9), piece_of(1, 0, 1, 2, protocol=ICMP),
            piece_of(1, 1, 2, 2, protocol=ICMP)]  # fmt: skip
    if draw(st.integers(0, 2)) == 2:
        pool += STRANGE
    done: list[Step] = [("new", draw(st.sampled_from([64, 64, 2, 1])))]
    now = 0.0
    for _ in range(draw(st.integers(1, 10))):
        later = draw(st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.5, 29.5, 59.5, 60.0]))
        if later:
            now += later
            done.append(("expire", now))
        done.append(draw(st.sampled_from([("add", piece, now) for piece in pool] + [("deadline",)] * 2)))
    return [*done, ("expire", now + 59.5), ("deadline",), ("expire", now + 60.0)]
