"""The ARP packet (RFC 826), for IPv4 over Ethernet.

"Who has 10.0.0.1?  Tell 10.0.0.2", broadcast, and the answer "10.0.0.1 is at 02:00:00:00:00:01".
RFC 826 allows for other hardware and other protocols; those are `Malformed` here.
"""

from typing import Self

from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.errors import Malformed
from netlib.wire.ethernet import ETHERTYPE_IPV4
from netlib.wire.header import Header, header, u8, u16

ETHERNET = 1
REQUEST = 1
REPLY = 2

# Field, its offset in bytes, the value that it has for IPv4 over Ethernet
IPV4_OVER_ETHERNET = (
    ("hardware_type", 0, ETHERNET),
    ("protocol_type", 2, ETHERTYPE_IPV4),
    ("hardware_length", 4, MACAddress.SIZE),
    ("protocol_length", 5, IPv4Address.SIZE),
)


@header
class ARPPacket(Header):
    """RFC 826, "Packet format"; the RFC's ar$sha, ar$spa, ar$tha, ar$tpa are the four addresses."""

    hardware_type: u16 = ETHERNET
    protocol_type: u16 = ETHERTYPE_IPV4
    hardware_length: u8 = 6  # in bytes
    protocol_length: u8 = 4  # in bytes
    operation: u16 = REQUEST
    sender_mac: MACAddress = MACAddress.ANY
    sender_ip: IPv4Address = IPv4Address.ANY
    target_mac: MACAddress = MACAddress.ANY
    target_ip: IPv4Address = IPv4Address.ANY
    payload: bytes = b""  # always empty: the frame's padding is not part of the packet

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the 28 bytes of an ARP packet; `Malformed` where it is not about IPv4 over Ethernet."""
        packet = cls.parse_header(data)
        for name, offset, expected in IPV4_OVER_ETHERNET:
            value = getattr(packet, name)
            if value != expected:
                raise Malformed(f"ARPPacket.{name} (offset {offset}): {value:#x} is not {expected:#x}: "
                                "not IPv4 over Ethernet")  # fmt: skip
        return packet

    def build(self, below: object = None) -> bytes:
        """The 28 bytes of this packet."""
        return self.build_header()

    def meaning(self, name: str) -> str:
        match name:
            case "hardware_type":
                return "Ethernet" if self.hardware_type == ETHERNET else ""
            case "protocol_type":
                return "IPv4" if self.protocol_type == ETHERTYPE_IPV4 else ""
            case "operation":
                return {REQUEST: "request", REPLY: "reply"}.get(self.operation, "")
            case "hardware_length" | "protocol_length":
                return "bytes in an address"
        return ""

    def __str__(self) -> str:
        match self.operation:
            case 1:
                return f"ARP who has {self.target_ip}? tell {self.sender_ip}"
            case 2:
                return f"ARP {self.sender_ip} is at {self.sender_mac}"
        return f"ARP operation {self.operation}"
