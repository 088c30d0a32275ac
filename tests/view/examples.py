"""Packets to draw, and one of every picture."""

from netlib.internet.fragments import fragment
from netlib.internet.parts import decrement_ttl
from netlib.internet.routes import Route
from netlib.view import (
    Flow,
    Line,
    Passage,
    SequenceDiagram,
    address_bits,
    bars,
    byte_strip,
    claims,
    compare_bytes,
    header_picture,
    hops,
    nat_sides,
    nesting,
    network,
    number_line,
    owners,
    pieces,
    prefix_tree,
    ruler,
    segments,
    show,
    stacked,
    staircase,
    state_line,
    state_path,
    switching,
    table,
    waiting,
    windows,
    zoom,
)
from netlib.view.html import View
from netlib.wire.address import IPv4Address, IPv4Network, MACAddress
from netlib.wire.arp import ARPPacket
from netlib.wire.ethernet import EthernetFrame
from netlib.wire.icmp import ICMPEcho, ICMPTimeExceeded
from netlib.wire.ipv4 import ICMP, TCP, UDP, IPv4Packet
from netlib.wire.packet import Packet, decode, stack
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

from .tcp import nat_run, transfer

H1, R1, R2, H2 = (IPv4Address(a) for a in ("10.0.1.2", "10.0.1.1", "10.0.2.2", "10.0.3.2"))
MAC1, MAC2 = MACAddress("02:00:00:00:00:01"), MACAddress("02:00:00:00:00:02")


def ethernet() -> EthernetFrame:
    return EthernetFrame(MAC2, MAC1)


def echo(sequence: int = 1, ttl: int = 64, payload: bytes = b"0123456789") -> bytes:
    ip = IPv4Packet(ttl=ttl, protocol=ICMP, source=H1, destination=H2, identification=sequence)
    return stack(ethernet(), ip, ICMPEcho(identifier=1, sequence=sequence, payload=payload))


def reply(sequence: int = 1, ttl: int = 64) -> bytes:
    ip = IPv4Packet(ttl=ttl, protocol=ICMP, source=H2, destination=H1, identification=sequence)
    return stack(ethernet(), ip, ICMPEcho(type=0, identifier=1, sequence=sequence, payload=b"0123456789"))


def probe(port: int = 33434, ttl: int = 1) -> bytes:
    ip = IPv4Packet(ttl=ttl, protocol=UDP, source=H1, destination=H2, identification=port)
    return stack(ip, UDPDatagram(40000, port, payload=b"probe"))


def time_exceeded(about: bytes, source: IPv4Address = R1) -> bytes:
    ip = IPv4Packet(protocol=ICMP, source=source, destination=H1, identification=about[5])
    return stack(ethernet(), ip, ICMPTimeExceeded(payload=about[:28]))


def syn() -> bytes:
    segment = TCPSegment(40000, 80, 1, syn=True, options=bytes.fromhex("020405b40402080a0000000100000000010303 07"))
    return stack(IPv4Packet(protocol=TCP, source=H1, destination=H2), segment)


def packet(data: bytes) -> Packet:
    return decode(data, "ip" if data[0] == 0x45 else "ethernet")


HOSTILE = "</table><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;\x1b[31m\u202e$x$"


def every_view() -> dict[str, View]:
    """One or more of each picture, with problems, marks, losses, and hostile text."""
    damaged = bytearray(time_exceeded(probe()))
    damaged[24] ^= 1
    sent = IPv4Packet(source=H1, destination=H2, payload=b"hello").build()
    got = sent[:10] + bytes(2) + sent[12:]
    diagram = SequenceDiagram(["client", "server"], title="A handshake " + HOSTILE)
    diagram.message("client", "server", "SYN", sent=0, received=0.05)
    diagram.message("server", "client", "SYN ACK " + HOSTILE, sent=0.05, received=None)
    diagram.note("client", 1.0, "timeout: again, " + HOSTILE)
    diagram.message("client", "server", "SYN", sent=1.0, received=1.05)
    run, sides = transfer(12_000, drop=(9,)), nat_run()
    many = SequenceDiagram(["a", "b"], most=3)
    for i in range(40):
        many.message("a", "b", f"burst {i}", sent=0.0, received=0.001)
    return {
        "packet": show(packet(echo() + bytes(4)), highlight={"ttl", "IPv4.checksum"}, payload=8),
        "damaged": show(bytes(damaged)),
        "tcp": show(packet(syn())),
        "arp": show(stack(EthernetFrame(MAC2, MAC1, 0x0806), ARPPacket(sender_ip=H1, target_ip=R1))),
        "hostile": show(packet(echo(payload=HOSTILE.encode())), title=HOSTILE, payload=1000),
        "header": header_picture(IPv4Packet),
        "values": header_picture(packet(syn())[TCPSegment]),
        "differ": compare_bytes(sent, got, like=IPv4Packet),
        "short": compare_bytes(sent, sent[:18], like=IPv4Packet),
        "same": compare_bytes(sent, sent),
        "sequence": diagram,
        "burst": many,
        "nothing": SequenceDiagram(["a", "b"]),
        "staircase": staircase([[(R1, 0.01), None], [(R2, 0.02), None], [(H2, 0.03), (H2, 0.031)]], destination=H2),
        "bars": bars([("r1", 1.5), (HOSTILE, 3)], "ms", "Round trips"),
        "ruler": ruler(fragment(IPv4Packet(payload=bytes(3008)).build(), 1000), "Cut " + HOSTILE),
        "hops": hops({"h1 to " + HOSTILE: sent, "r1 to h2": decrement_ttl(sent)}, IPv4Packet, HOSTILE),
        "stacked": stacked([("near", {"client": 4, HOSTILE: 1}), (HOSTILE, {"server": 20})], "ms", HOSTILE),
        "nesting": nesting([("ethernet", 14), (HOSTILE, 30), ("padding", 16)], HOSTILE),
        "table": table([("h1", HOSTILE)], ["seen at", "what"], HOSTILE),
        "network": network(
            ["h1", ("r1", "router"), HOSTILE, "alone"],
            [Line("h1", "r1", "eth1 10.0.1.2/24", "eth1", Flow((3, 294), (0, 0))), Line("r1", HOSTILE, HOSTILE)],
            HOSTILE,
        ),
        "address": address_bits("172.17.203.9/20", HOSTILE),
        "zoom": zoom(["0.0.0.0/0", "10.0.0.0/8", "10.4.0.0/24"], {HOSTILE: "10.4.0.10"}, HOSTILE),
        "line": number_line({HOSTILE: ["10.4.0.0/24", "10.4.0.64/26"], "none": []}, None, {"h1": "10.4.0.9"}, HOSTILE),
        "pieces": pieces({"sent": [3, 0, 900], HOSTILE: [903], "nothing": []}, caption=HOSTILE),
        "owners": owners([("from you", "a"), (HOSTILE, None), ("you", HOSTILE)], {"a": "*:53", HOSTILE: "x"}, HOSTILE),
        "switching": switching([Passage(HOSTILE, 0, [1, 2], {"h1": 0}), Passage("h2", 1, [0], {"h1": 0, HOSTILE: 1})],
                               ["h1", HOSTILE, "h3"], HOSTILE),
        "tree": prefix_tree([Route(IPv4Network("10.8.0.0/16"), None, 0), Route(IPv4Network("10.8.4.0/24"), R1, 1)],
                            "10.8.4.9", HOSTILE),
        "states": state_line([(0.0, "INCOMPLETE", HOSTILE), (0.002, "REACHABLE", "its answer")], until=40.0),
        "segments": segments(run.far, notes={"b": run.server}, title=HOSTILE),
        "segments at a point": segments(run.near.packets, hosts={"10.0.1.2": HOSTILE}, scale="auto"),
        "segments of three": segments(run.everywhere, most=30),
        "strip": byte_strip(run.client, title=HOSTILE),
        "strip of a capture": byte_strip(run.near.packets[4:]),
        "windows": windows(run.client, title=HOSTILE),
        "windows of a capture": windows(run.near),
        "figure": state_path(),
        "path": state_path(run.client, title=HOSTILE),
        "path that ends": state_path([(0.0, "SYN-SENT", HOSTILE), (1.0, "ESTABLISHED", ""), (2.0, "CLOSED", "RST")]),
        "nat": nat_sides(*sides[:3], title=HOSTILE),
        "nat without a table": nat_sides(*sides[:2], most=3),
        "waiting": waiting(HOSTILE, 7.5),
        "claims": claims([("Ping uses port 7", "RFC 792: no ports", False, None), ("TTL", "RFC 1812", True, "1 less")]),
    }
