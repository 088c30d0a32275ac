"""Exercise 8.1: what a router makes of a frame.

All packets have a header checksum that is right, so that working it out anew and bringing it up to date (RFC 1624)
come to the same.  Frames are as a network card hands them over: no preamble, no FCS, and maybe padded to 60 bytes.
"""

from typing import Any

from hypothesis import strategies as st

from netlib.grading import Exercise, Mistake
from netlib.internet.parts import decrement_ttl
from netlib.wire.address import MACAddress
from netlib.wire.checksum import internet_checksum
from netlib.wire.ethernet import EthernetFrame
from netlib.wire.ipv4 import ICMP, TCP, UDP, IPv4Packet

H1, R1, R1_FAR, R2 = (bytes.fromhex(f"0200000000{n:02x}") for n in (0x11, 0x21, 0x22, 0x31))
LEAST = 60  # bytes of a frame without its FCS: shorter ones are padded


def forwarded(frame: bytes, own: bytes, next_hop: bytes) -> bytes:
    packet = frame[14 : 14 + int.from_bytes(frame[16:18], "big")]
    if packet[8] <= 1:
        raise ValueError(f"TTL {packet[8]}: it must not be sent on")
    return next_hop + own + frame[12:14] + decrement_ttl(packet)


# ---- the ways to get it wrong -----------------------------------------------------------------------------------


def parts_of(frame: bytes) -> tuple[bytes, bytes, bytes]:
    """Ethernet header, packet, padding."""
    end = 14 + int.from_bytes(frame[16:18], "big")
    if frame[22] <= 1:
        raise ValueError("TTL")
    return frame[:14], frame[14:end], frame[end:]


def as_a_switch(frame: bytes, own: bytes, next_hop: bytes) -> bytes:
    head, packet, _ = parts_of(frame)
    return head + decrement_ttl(packet)


def macs_swapped(frame: bytes, own: bytes, next_hop: bytes) -> bytes:
    head, packet, _ = parts_of(frame)
    return own + next_hop + head[12:] + decrement_ttl(packet)


def source_left(frame: bytes, own: bytes, next_hop: bytes) -> bytes:
    head, packet, _ = parts_of(frame)
    return next_hop + head[6:] + decrement_ttl(packet)


def came_by_as_source(frame: bytes, own: bytes, next_hop: bytes) -> bytes:
    head, packet, _ = parts_of(frame)
    return next_hop + head[:6] + head[12:] + decrement_ttl(packet)


def ttl_left(frame: bytes, own: bytes, next_hop: bytes) -> bytes:
    head, packet, _ = parts_of(frame)
    return next_hop + own + head[12:] + packet


def checksum_left(frame: bytes, own: bytes, next_hop: bytes) -> bytes:
    head, packet, _ = parts_of(frame)
    return next_hop + own + head[12:] + packet[:8] + bytes([packet[8] - 1]) + packet[9:]


def checksum_falls(frame: bytes, own: bytes, next_hop: bytes) -> bytes:
    head, packet, _ = parts_of(frame)
    checksum = (int.from_bytes(packet[10:12], "big") - 0x100) & 0xFFFF
    packet = packet[:8] + bytes([packet[8] - 1, packet[9]]) + checksum.to_bytes(2, "big") + packet[12:]
    return next_hop + own + head[12:] + packet


def carry_lost(frame: bytes, own: bytes, next_hop: bytes) -> bytes:
    head, packet, _ = parts_of(frame)
    checksum = (int.from_bytes(packet[10:12], "big") + 0x100) & 0xFFFF
    packet = packet[:8] + bytes([packet[8] - 1, packet[9]]) + checksum.to_bytes(2, "big") + packet[12:]
    return next_hop + own + head[12:] + packet


def twenty_bytes(frame: bytes, own: bytes, next_hop: bytes) -> bytes:
    head, packet, _ = parts_of(frame)
    packet = packet[:8] + bytes([packet[8] - 1, packet[9], 0, 0]) + packet[12:]
    checksum = internet_checksum(packet[:20])
    return next_hop + own + head[12:] + packet[:10] + checksum.to_bytes(2, "big") + packet[12:]


def padding_kept(frame: bytes, own: bytes, next_hop: bytes) -> bytes:
    head, packet, padding = parts_of(frame)
    return next_hop + own + head[12:] + decrement_ttl(packet) + padding


def dies_too_late(frame: bytes, own: bytes, next_hop: bytes) -> bytes:
    end = 14 + int.from_bytes(frame[16:18], "big")
    if frame[22] == 0:
        raise ValueError("TTL")
    return next_hop + own + frame[12:14] + decrement_ttl(frame[14:end])


def why(args: Any) -> str:
    frame, own, next_hop = args
    ttl, length = frame[22], int.from_bytes(frame[16:18], "big")
    if ttl <= 1:
        return f"It came with TTL {ttl}. What would leave with 0, or less, is dropped (RFC 1812 section 5.3.1)."
    said = f"To {next_hop.hex(':')}, from {own.hex(':')}; TTL {ttl - 1} (byte 22 of the frame), and the header "
    said += "checksum to match (bytes 24-25). All else stays."
    if len(frame) > 14 + length:
        said += f" The packet has {length} bytes (total length); what follows it in the frame is padding."
    return said


# ---- inputs -----------------------------------------------------------------------------------------------------


def frame_of(packet: bytes, *, padded: bool = False, ours: bytes = R1, theirs: bytes = H1) -> bytes:
    ends = MACAddress(ours), MACAddress(theirs)
    frame = EthernetFrame(*ends, ethertype=0x0800, payload=packet).build()
    return frame.ljust(LEAST, b"\0") if padded else frame


def packet(payload: bytes = b"", **fields: Any) -> bytes:
    known: dict[str, Any] = {
        "source": bytes((10, 8, 1, 2)),
        "destination": bytes((10, 8, 3, 3)),
        "protocol": ICMP,
    } | fields
    return IPv4Packet(**known, payload=payload).build()


PING = packet(bytes.fromhex("0800f7fd00010001"), identification=0x1C46)
any_mac = st.binary(min_size=6, max_size=6)
addresses = st.sampled_from([bytes((10, 8, 1, 2)), b"\x7f\xff\0\1", b"\xc0\0\2\1"]) | st.binary(min_size=4, max_size=4)
packets = st.builds(
    packet,
    st.binary(max_size=24),
    source=addresses,
    destination=addresses,
    protocol=st.sampled_from([ICMP, TCP, UDP]),
    identification=st.integers(0, 0xFFFF),
    ttl=st.sampled_from([64, 0, 1, 2, 255]) | st.integers(2, 255),
    dscp=st.sampled_from([0, 46]),
    ecn=st.integers(0, 3),
    dont_fragment=st.booleans(),
    options=st.sampled_from([b"", b"", b"\x94\x04\0\0", b"\x01\x01\x01\x00"]),
)


def arriving_with(checksum: int) -> bytes:
    """A packet that comes with this header checksum: identification counts as much as it changes."""
    return packet(identification=(int.from_bytes(packet()[10:12], "big") - checksum) % 0xFFFF)


FORWARDED = Exercise(
    number="8.1",
    name="forwarded",
    points=3,
    summary="What a router makes of a frame before it puts it out again.",
    signature="forwarded(frame: bytes, own: bytes, next_hop: bytes) -> bytes",
    rfc="RFC 1812 sections 5.2.1.2 and 5.3.1; RFC 1624",
    reference=forwarded,
    inputs=st.tuples(
        st.builds(frame_of, packets, padded=st.booleans(), ours=st.just(R1) | any_mac, theirs=st.just(H1) | any_mac),
        st.just(R1_FAR) | any_mac,
        st.just(R2) | any_mac,
    ),
    pinned={
        "the example of the text": (frame_of(PING), R1_FAR, R2),
        "the last hop that it may make": (frame_of(packet(ttl=2)), R1_FAR, R2),
        "its last hop is behind it": (frame_of(packet(ttl=1)), R1_FAR, R2),
        "it should never have come": (frame_of(packet(ttl=0)), R1_FAR, R2),
        "a frame that was padded": (frame_of(PING, padded=True), R1_FAR, R2),
        "a checksum that goes round": (frame_of(arriving_with(0xFF80)), R1_FAR, R2),
        "a checksum that becomes zero": (frame_of(arriving_with(0xFEFF)), R1_FAR, R2),
        "a header with options": (frame_of(packet(b"data", options=b"\x94\x04\0\0")), R1_FAR, R2),
        "a fragment, with ECN": (
            frame_of(packet(b"12345678", more_fragments=True, fragment_offset=3, ecn=1)), R1_FAR, R2),
        "back by the interface it came by": (frame_of(PING), R1, H1),
    },
    mistakes=[
        Mistake("It looks as if the MAC addresses stay. That is what a switch does: a router's frame is a new one.",
                as_a_switch),
        Mistake("It looks as if the two MAC addresses have changed places: the destination comes first.", macs_swapped),
        Mistake("It looks as if the sender's MAC address stays: who puts the frame on the next link is the router.",
                source_left),
        Mistake("It looks as if the source is the address that the frame came in by: on its way out it is `own`.",
                came_by_as_source),
        Mistake("The TTL falls by one at each router.", ttl_left),
        Mistake("The header checksum has to change with the TTL.", checksum_left),
        Mistake("It looks as if the checksum falls with the TTL: the sum falls, so its complement rises.",
                checksum_falls),
        Mistake("It looks as if the checksum's carry out of 16 bits is lost: bring it round.", carry_lost),
        Mistake("It looks as if the checksum is over 20 bytes: a header with options is longer.", twenty_bytes),
        Mistake("It looks as if the padding is sent on: the packet ends where its total length says.", padding_kept),
        Mistake("It looks as if the frame is padded again: leave that to the next network card.",
                when=lambda args, expected, got: len(got) == LEAST and got.startswith(expected)),
        Mistake("It looks as if the IP addresses change. They are those of the two ends, and stay.",
                when=lambda args, expected, got: got[26:34] != expected[26:34] and len(got) == len(expected)),
        Mistake("It looks as if a packet may leave with TTL 0: one that comes with 1 goes no further.", dies_too_late),
    ],
    without=("netlib.internet.input", "netlib.host", "netlib.layers", "netlib.worlds", "netlib.wire.ethernet",
             "netlib.wire.ipv4"),
    like=EthernetFrame,
    why=why,
)  # fmt: skip
