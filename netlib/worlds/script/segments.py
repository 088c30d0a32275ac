"""Segments as a script says them, and as they are on the wire: numbers from 0 here, from anywhere there."""

from typing import Any

from netlib.transport.tcp.options import Options
from netlib.transport.tcp.sequence import SEQUENCE_SPACE
from netlib.wire.errors import WireError
from netlib.wire.ipv4 import TCP, IPv4Packet
from netlib.wire.ipv6 import IPv6Packet
from netlib.wire.tcp import TCPSegment
from netlib.worlds.script.language import ANY, FLAGS, ScriptError, Segment

ECN = {"none": 0, "ect1": 1, "ect0": 2, "ce": 3}


def pattern(start: int, length: int) -> bytes:
    """The bytes of either direction: the same at the same place in each script, whoever sends them."""
    return bytes((at * 7 + (at >> 8)) % 251 for at in range(max(0, start), max(0, start) + length))


def data_of(said: Segment) -> bytes:
    """What a segment carries: the first byte of the stream has number 1, after the SYN's 0."""
    return pattern(said.first - 1 + ("S" in said.flags), said.length)


def build(said: Segment, ports: tuple[int, int], own: int, other: int) -> TCPSegment:
    """A segment for the wire; `own` and `other` are the first numbers of who sends it, and of whom it is sent to."""
    segment = TCPSegment(*ports, (own + said.first) % SEQUENCE_SPACE)
    segment.acknowledgment = (other + said.ack) % SEQUENCE_SPACE if said.ack is not None else 0
    for letter, name in FLAGS.items():
        setattr(segment, name, letter in said.flags)
    segment.window = 65535 if said.window is None else said.window
    segment.urgent_pointer = said.urgent or 0
    segment.options = b"".join(option_bytes(option, other) for option in said.options)
    segment.payload = data_of(said)
    return segment


def unwrap(data: bytes) -> tuple[Any, TCPSegment]:
    """A packet that netlib has sent, and its segment; `ScriptError` if it has none, or is wrong in anything."""
    try:
        six = data[0] >> 4 == 6
        packet: Any = IPv6Packet.parse(data) if six else IPv4Packet.parse(data)
        if (packet.next_header if six else packet.protocol) != TCP:
            raise ScriptError(f"netlib has sent a packet without TCP: {packet}")
        return packet, TCPSegment.parse(packet.payload, packet)
    except WireError as error:
        raise ScriptError(f"netlib has sent what can't be read: {error}") from None


def understand(packet: Any, segment: TCPSegment, own: int, other: int) -> Segment:
    """A segment of the wire, as a script says it; the numbers are those of `build`."""
    said = Segment("".join(letter for letter, name in FLAGS.items() if getattr(segment, name)))
    said.first, said.length = (segment.sequence - own) % SEQUENCE_SPACE, len(segment.payload)
    said.window, said.urgent = segment.window, segment.urgent_pointer if segment.urg else None
    if segment.ack:
        said.ack = (segment.acknowledgment - other) % SEQUENCE_SPACE
    said.options = option_texts(segment.options, other)
    ttl = packet.hop_limit if isinstance(packet, IPv6Packet) else packet.ttl
    ecn = next(name for name, bits in ECN.items() if bits == packet.ecn)
    said.around = {"ttl": ttl, "dscp": packet.dscp, "ecn": ecn}
    said.ends = packet.source, segment.source_port, packet.destination, segment.destination_port
    if segment.payload != data_of(said):
        raise ScriptError(f"{said} has other bytes than were given to send")
    return said


def option_bytes(text: str, other: int) -> bytes:
    """One option as a script writes it; `other` is the first number of who gets it, from which SACK blocks count."""
    name, *words = text.replace(":", " ").split()
    numbers = [int(word) for word in words if word.isdigit()]
    match name:
        case "nop" | "eol":
            return bytes([name == "nop"])
        case "raw":
            return bytes.fromhex(words[0])
        case "mss":
            return Options(mss=numbers[0]).build()
        case "wscale":
            return bytes((3, 3, numbers[0]))
        case "sackOK":
            return bytes((4, 2))
        case "TS":
            return bytes((8, 10)) + b"".join(number.to_bytes(4, "big") for number in numbers)
        case "FO":
            cookie = bytes.fromhex("".join(words))
            return bytes((34, 2 + len(cookie))) + cookie
        case "sack":
            edges = [(other + number) % SEQUENCE_SPACE for number in numbers]
            return bytes((5, 2 + 4 * len(edges))) + b"".join(edge.to_bytes(4, "big") for edge in edges)
    raise ScriptError(f"<{ANY}> is for what netlib sends")


def option_texts(data: bytes, other: int) -> list[str]:
    """The options of a segment, each as a script writes it."""
    at, found = 0, []
    while at < len(data):
        kind = data[at]
        if kind < 2:
            found.append("nop" if kind else "eol")
            at += 1
            continue
        whole = data[at : at + data[at + 1]]
        words = [int.from_bytes(whole[i : i + 4], "big") for i in range(2, len(whole), 4)]
        match kind:
            case 2:
                text = f"mss {words[0]}"
            case 3:
                text = f"wscale {words[0]}"
            case 4:
                text = "sackOK"
            case 5:
                edges = [(word - other) % SEQUENCE_SPACE for word in words]
                text = "sack " + " ".join(f"{a}:{b}" for a, b in zip(edges[::2], edges[1::2], strict=True))
            case 8:
                text = f"TS val {words[0]} ecr {words[1]}"
            case 34:
                text = f"FO {whole[2:].hex()}".strip()
            case _:
                text = f"raw {whole.hex()}"
        found.append(text)
        at += len(whole)
    return found
