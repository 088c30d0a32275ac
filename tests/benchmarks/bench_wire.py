"""The wire layer: parse, build and checksum beside dpkt and scapy, and what `import netlib` costs.

netlib verifies both checksums of the frame that it parses; dpkt and scapy verify none.
"""

import subprocess
import sys
from collections.abc import Iterator
from random import Random

import dpkt
from scapy.layers.inet import IP
from scapy.layers.inet import TCP as ScapyTCP
from scapy.layers.l2 import Ether

from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.checksum import internet_checksum, internet_checksum_by_words
from netlib.wire.ethernet import EthernetFrame
from netlib.wire.ipv4 import TCP, IPv4Packet
from netlib.wire.packet import decode, stack
from netlib.wire.tcp import TCPSegment

from .measure import Result, seconds_per_call

PAYLOAD = Random(1).randbytes(1448)
HERE, THERE = MACAddress("02:00:00:00:00:01"), MACAddress("02:00:00:00:00:02")
SOURCE, DESTINATION = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")


def results() -> Iterator[Result]:
    yield from parse()
    yield from build()
    yield from checksum()
    yield from start()


def netlib_builds() -> bytes:
    return stack(
        EthernetFrame(THERE, HERE),
        IPv4Packet(protocol=TCP, source=SOURCE, destination=DESTINATION),
        TCPSegment(49152, 80, 1, 2, ack=True, window=512, payload=PAYLOAD),
    )


def dpkt_builds() -> bytes:
    segment = dpkt.tcp.TCP(sport=49152, dport=80, seq=1, ack=2, flags=dpkt.tcp.TH_ACK, win=512, data=PAYLOAD)
    packet = dpkt.ip.IP(src=b"\x0a\0\0\1", dst=b"\x0a\0\0\2", p=dpkt.ip.IP_PROTO_TCP, data=segment)
    return bytes(dpkt.ethernet.Ethernet(dst=bytes(THERE), src=bytes(HERE), data=packet))


def scapy_builds() -> bytes:
    segment = ScapyTCP(sport=49152, dport=80, seq=1, ack=2, flags="A", window=512)
    return bytes(Ether(dst=str(THERE), src=str(HERE)) / IP(src="10.0.0.1", dst="10.0.0.2", id=0) / segment / PAYLOAD)


def parse() -> Iterator[Result]:
    frame = netlib_builds()
    assert not decode(frame).problems
    best = seconds_per_call({
        "netlib": lambda: decode(frame),
        "dpkt": lambda: dpkt.ethernet.Ethernet(frame),
        "scapy": lambda: Ether(frame),
    })  # fmt: skip
    yield Result("parse Ethernet/IPv4/TCP, 1448 B, both checksums verified", best["netlib"] * 1e6, "us")
    yield Result("  times as fast as dpkt, which verifies none", best["dpkt"] / best["netlib"], "x", 1)
    yield Result("  times as fast as scapy, which verifies none", best["scapy"] / best["netlib"], "x", 15)


def build() -> Iterator[Result]:
    assert netlib_builds() == scapy_builds() == dpkt_builds()
    best = seconds_per_call({"netlib": netlib_builds, "dpkt": dpkt_builds, "scapy": scapy_builds})
    yield Result("build the same frame from values", best["netlib"] * 1e6, "us")
    yield Result("  times as fast as dpkt", best["dpkt"] / best["netlib"], "x", 4)
    yield Result("  times as fast as scapy", best["scapy"] / best["netlib"], "x", 15)


def checksum() -> Iterator[Result]:
    data = Random(2).randbytes(1460)
    assert internet_checksum(data) == internet_checksum_by_words(data) == dpkt.dpkt.in_cksum(data)
    best = seconds_per_call({
        "netlib": lambda: internet_checksum(data),
        "dpkt": lambda: dpkt.dpkt.in_cksum(data),
        "the loop of RFC 1071": lambda: internet_checksum_by_words(data),
    })  # fmt: skip
    yield Result("checksum of 1460 B", best["netlib"] * 1e6, "us", 6, "<")
    yield Result("  times as fast as dpkt", best["dpkt"] / best["netlib"], "x")
    yield Result("  times as fast as the loop of RFC 1071", best["the loop of RFC 1071"] / best["netlib"], "x")


def start() -> Iterator[Result]:
    yield Result("import netlib, in a fresh process", fresh("import netlib"), "ms", 100, "<")
    yield Result("  and its first decode", fresh("import netlib; netlib.decode(bytes(60))"), "ms")


def fresh(code: str, processes: int = 7) -> float:
    """Milliseconds that `code` takes in a new Python, its own start not counted; the best of some processes."""
    program = f"from time import perf_counter as now; start = now()\n{code}\nprint((now() - start) * 1000)"
    return min(float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(processes))
