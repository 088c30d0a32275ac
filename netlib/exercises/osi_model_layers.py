"""netlib's own answers to the exercises of chapter 2, and what they share."""

from collections.abc import Mapping
from typing import Any

from netlib.wire.address import IPv4Address
from netlib.wire.arp import REPLY, REQUEST, ARPPacket
from netlib.wire.checksum import internet_checksum, pseudo_header
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.packet import Packet
from netlib.wire.tcp import TCPSegment

# What one frame takes on the cable beside the packet in it, in bytes: preamble and start, header, FCS, gap (IEEE 802.3)
ON_THE_CABLE = 8 + 14 + 4 + 12
SMALLEST = 46  # bytes of packet and padding in a frame
RECORD, SEALING = 16384, 5 + 1 + 16  # TLS 1.3: data in a record at most; header, content type and tag (RFC 8446 5.2)

VLAN, ARP, IPV4, IPV6 = 0x8100, 0x0806, 0x0800, 0x86DD
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
ALERT, APPLICATION_DATA = 21, 23
Parts = list[tuple[str, int]]

# ---- 2.1 ------------------------------------------------------------------------------------------------------


def goodput(size: int, mtu: int = 1500, tls: bool = True, timestamps: bool = False) -> float:
    if size < 0 or mtu < 68:
        raise ValueError(f"size {size}, mtu {mtu}: a size is not below 0, and every link carries 68 bytes (RFC 791)")
    stream = size + SEALING * -(-size // RECORD) if tls else size
    headers = 20 + (32 if timestamps else 20)
    total = 0
    while stream > 0:
        segment = min(stream, mtu - headers)
        total += max(headers + segment, SMALLEST) + ON_THE_CABLE
        stream -= segment
    return size / total if total else 0.0


# ---- 2.2 ------------------------------------------------------------------------------------------------------


def owners(frame: bytes) -> Parts:
    found: Parts = []

    def take(owner: str, start: int, stop: int, limit: int = len(frame)) -> int:
        """The bytes from start to stop are this owner's; `limit` is where what lies around them ends."""
        if stop > limit:
            raise ValueError(f"{owner}: {stop - start} bytes from byte {start} on, but only {limit - start} are there")
        if found and found[-1][0] == owner:
            found[-1] = owner, found[-1][1] + stop - start
        elif stop > start:
            found.append((owner, stop - start))
        return stop

    at = take("ethernet", 0, 14)
    kind = frame[12:14]
    if kind == VLAN.to_bytes(2, "big"):
        at = take("ethernet", at, at + 4)
        kind = frame[16:18]
    match int.from_bytes(kind, "big"):
        case 0x0806:
            at = take("arp", at, at + 28)
        case 0x0800:
            at = network(frame, at, 20, take)
        case 0x86DD:
            at = network(frame, at, 40, take)
        case _:
            return [*found, ("unknown", len(frame) - at)] if len(frame) > at else found
    take("padding", at, len(frame))
    return found


def network(frame: bytes, at: int, least: int, take: Any) -> int:
    """An IP packet, of version 4 or 6; where it ends."""
    if len(frame) < at + least:
        raise ValueError(f"ip: a header has {least} bytes at least, but only {len(frame) - at} are there")
    if least == 20:
        version, header, protocol = frame[at] >> 4, 4 * (frame[at] & 15), frame[at + 9]
        length = int.from_bytes(frame[at + 2 : at + 4], "big")
    else:
        version, header, protocol = frame[at] >> 4, 40, frame[at + 6]
        length = 40 + int.from_bytes(frame[at + 4 : at + 6], "big")
    if version != (4 if least == 20 else 6) or header < least or length < header:
        raise ValueError(f"ip: version {version}, a header of {header} bytes and a packet of {length} can't be")
    end = at + length
    if end > len(frame):
        raise ValueError(f"ip: the packet has {length} bytes, but only {len(frame) - at} are there")
    at = take("ip", at, at + header, end)
    match protocol:
        case 6:
            if end - at < 20 or 4 * (frame[at + 12] >> 4) < 20:
                raise ValueError("tcp: a header has 20 bytes at least")
            at = take("tcp", at, at + 4 * (frame[at + 12] >> 4), end)
            return stream(frame, at, end, take)
        case 17:
            at = take("udp", at, at + 8, end)
            return int(take("application", at, end))
        case 1 | 58:
            return int(take("icmp", at, end))
    return int(take("unknown", at, end))


def stream(frame: bytes, at: int, end: int, take: Any) -> int:
    """What TCP carries: TLS records, or what is the application's own."""
    if not is_tls(frame[at:end]):
        return int(take("application", at, end))
    while at < end:
        kind, length = frame[at], int.from_bytes(frame[at + 3 : at + 5], "big")
        at = take("tls", at, min(at + 5, end))
        at = take("sealed" if kind == APPLICATION_DATA else "tls", at, min(at + length, end))
    return at


def is_tls(data: bytes) -> bool:
    """Whether what TCP carries begins with the header of a TLS record."""
    return len(data) >= 5 and data[0] in range(20, 24) and data[1] == 3


# ---- 2.3 ------------------------------------------------------------------------------------------------------


def encapsulate(data: bytes, fields: Mapping[str, Any]) -> bytes:
    options, record = fields["options"], fields["record"]
    if len(options) % 4 or len(options) > 40:
        raise ValueError(f"options: {len(options)} bytes, TCP has room for 0 to 40 in steps of 4")
    if record is not None:
        data = bytes((record, 3, 3)) + (len(data) & 0xFFFF).to_bytes(2, "big") + data
    length = 20 + 20 + len(options) + len(data)
    if length > 1500:
        raise ValueError(f"data: the packet would have {length} bytes, and 1500 is the most")

    def number(name: str, size: int) -> bytes:
        return int(fields[name]).to_bytes(size, "big")

    segment = number("source_port", 2) + number("destination_port", 2)
    segment += number("sequence", 4) + number("acknowledgment", 4)
    segment += bytes(((20 + len(options)) // 4 << 4,)) + number("flags", 1) + number("window", 2)
    segment += bytes(4) + options + data
    pseudo = pseudo_header(fields["source_ip"], fields["destination_ip"], TCP, len(segment))
    segment = segment[:16] + internet_checksum(segment, pseudo).to_bytes(2, "big") + segment[18:]

    header = b"\x45\0" + length.to_bytes(2, "big") + number("identification", 2) + b"\x40\0"
    header += number("ttl", 1) + b"\x06\0\0" + fields["source_ip"] + fields["destination_ip"]
    header = header[:10] + internet_checksum(header).to_bytes(2, "big") + header[12:]
    return bytes(fields["destination_mac"] + fields["source_mac"] + b"\x08\0" + header + segment)


# ---- 2.4 ------------------------------------------------------------------------------------------------------


def looks_at(device: str, frame: bytes) -> tuple[Any, ...] | None:
    if device not in ("hub", "switch", "router", "l4", "l7"):
        raise ValueError(f"{device!r} is no device that we know")
    if device == "hub":
        return ()
    if device == "switch":
        return (frame[0:6],)
    if frame[12:14] != b"\x08\0":
        return None
    destination, transport = frame[30:34], 14 + 4 * (frame[14] & 15)
    if device == "router":
        return (destination,) if frame[22] > 1 else None
    if frame[23] not in (TCP, UDP):
        return None
    ports = [int.from_bytes(frame[at : at + 2], "big") for at in (transport, transport + 2)]
    if device == "l4":
        return frame[23], frame[26:30], ports[0], destination, ports[1]
    if frame[23] != TCP:
        return None
    start, end = transport + 4 * (frame[transport + 12] >> 4), 14 + int.from_bytes(frame[16:18], "big")
    return request_of(frame[start:end])


def request_of(data: bytes) -> tuple[str, str, str] | None:
    """Method, host and target of an HTTP/1.1 request whose head is whole (RFC 9112 section 3)."""
    head, blank, _ = data.partition(b"\r\n\r\n")
    if not blank:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name.lower() == "host":
            return words[0], value.strip(" \t"), words[1]
    return None


# ---- 2.5 ------------------------------------------------------------------------------------------------------


def which_layer(packets: list[Packet], me: IPv4Address, carrier: bool = True) -> str:
    if not carrier:
        return "physical"
    arps = [packet[ARPPacket] for packet in packets if ARPPacket in packet]
    asked = any(arp.operation == REQUEST and arp.sender_ip == me for arp in arps)
    told = any(arp.operation == REPLY and arp.sender_ip != me for arp in arps)
    received = [p for p in packets if IPv4Packet in p and p[IPv4Packet].destination == me]
    segments = [packet for packet in received if TCPSegment in packet]
    said = [packet[TCPSegment].payload for packet in segments]

    answers = [int(data[9:12]) for data in said if data.startswith(b"HTTP/1.")]
    if answers:
        return "application" if answers[-1] >= 400 else "none"
    if any(is_tls(data) and data[0] == ALERT and data[3:5] == b"\0\2" and data[6] for data in said):
        return "tls"
    if any(owner == "sealed" for packet in segments for owner, _ in owners(packet.data)):
        return "sealed"
    errors = {(p[ICMPMessage].type, p[ICMPMessage].code) for p in received if ICMPMessage in p}
    refused = any(packet[TCPSegment].rst for packet in segments)
    if errors & {(3, 2), (3, 3)} or (refused and not any(packet[TCPSegment].syn for packet in segments)):
        return "transport"
    if (3, 1) in errors:
        return "link"
    if any(kind in (3, 11, 12) for kind, _ in errors):
        return "internet"
    return "link" if asked and not told and not received else "unknown"
