"""netlib: the reference implementation behind Fundamentals of Networking Engineering.

    netlib.decode(frame)            bytes -> Packet
    netlib.read_pcap(path)          a capture file, packet by packet
    netlib.Host                     one machine made of the layers; Parts are what you may replace

Each folder is a layer: wire, link, internet, then `host.py`.  Around them, worlds drive hosts, view draws
what they do, lab brings up real kernels, and grading checks your own code against all this.
"""

from importlib import import_module
from typing import Any

# Loaded when first used, so that `import netlib` costs nothing.
HOME = {
    "decode": "netlib.wire.packet",
    "stack": "netlib.wire.packet",
    "Packet": "netlib.wire.packet",
    "read_pcap": "netlib.wire.pcap",
    "write_pcap": "netlib.wire.pcap",
    "EthernetFrame": "netlib.wire.ethernet",
    "ARPPacket": "netlib.wire.arp",
    "IPv4Packet": "netlib.wire.ipv4",
    "IPv6Packet": "netlib.wire.ipv6",
    "ICMPv6Message": "netlib.wire.icmpv6",
    "ICMPMessage": "netlib.wire.icmp",
    "ICMPEcho": "netlib.wire.icmp",
    "UDPDatagram": "netlib.wire.udp",
    "TCPSegment": "netlib.wire.tcp",
    "IPv4Address": "netlib.wire.address",
    "IPv4Interface": "netlib.wire.address",
    "IPv4Network": "netlib.wire.address",
    "IPv6Address": "netlib.wire.address6",
    "MACAddress": "netlib.wire.address",
    "internet_checksum": "netlib.wire.checksum",
    "WireError": "netlib.wire.errors",
    "Host": "netlib.host",
    "Parts": "netlib.host",
    "Simulation": "netlib.worlds.simulation",
    "Switch": "netlib.link.switch",
    "Lab": "netlib.lab",
}
__all__ = sorted(HOME)


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"module 'netlib' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *HOME])
