"""The Ethernet frame (IEEE 802.3; carrying IP: RFC 894).

What a network card hands over starts at the destination address and ends before the frame check
sequence.  A frame is at least 60 bytes then, so behind a short packet there is padding: only the
packet's own length field says where it ends.
"""

from typing import Self

from netlib.wire.address import MACAddress
from netlib.wire.header import Header, header, u16

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_ARP = 0x0806
ETHERTYPE_IPV6 = 0x86DD
IPV4_INSIDE = ETHERTYPE_IPV4.to_bytes(2, "big")  # as the frame has it
ETHERTYPE_NAMES = {ETHERTYPE_IPV4: "IPv4", ETHERTYPE_ARP: "ARP", ETHERTYPE_IPV6: "IPv6", 0x8100: "VLAN tag"}


@header
class EthernetFrame(Header):
    """Destination, source, what is inside, and that."""

    destination: MACAddress = MACAddress.BROADCAST
    source: MACAddress = MACAddress.ANY
    ethertype: u16 = ETHERTYPE_IPV4  # up to 1500 it is a length instead (IEEE 802.3)
    payload: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a frame; everything behind the 14 bytes of header is payload, padding included."""
        frame = cls.parse_header(data)
        frame.payload = data[14:]
        return frame

    def build(self, below: object = None) -> bytes:
        """The bytes of this frame, without padding."""
        return self.build_header() + self.payload

    @staticmethod
    def around(payload: bytes, destination: MACAddress, source: MACAddress, ethertype: int) -> bytes:
        """The bytes of a frame with this payload: what `build` gives, for who makes many."""
        return destination + source + ethertype.to_bytes(2, "big") + payload

    def meaning(self, name: str) -> str:
        if name == "ethertype":
            return ETHERTYPE_NAMES.get(self.ethertype, "length" if self.ethertype <= 1500 else "")
        if name == "destination" and self.destination == MACAddress.BROADCAST:
            return "broadcast"
        return ""

    def __str__(self) -> str:
        kind = ETHERTYPE_NAMES.get(self.ethertype, f"ethertype {self.ethertype:#06x}")
        return f"{self.source} > {self.destination} {kind}"
