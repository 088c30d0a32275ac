"""The IPv6 packet (RFC 8200 section 3): 40 bytes of header, always.

Against IPv4: no checksum (the layers above have theirs, so that routers change the hop limit and nothing else),
no header length, no options and no fragmentation fields.  What is seldom needed follows in extension headers,
each of which says what comes next; the last one says which protocol the payload is.  Only the sender
fragments, in an extension header: a router that can't send a packet on reports it as too big.

Here the chain of extension headers is one byte string, `extensions`, which `build` sends as it is.
"""

from struct import error as struct_error
from struct import pack
from typing import NamedTuple, Self

from netlib.wire.address6 import IPv6Address
from netlib.wire.errors import FieldOverflow, Malformed, Truncated, WireError, wrong
from netlib.wire.header import Header, header, overflow, u2, u4, u6, u8, u16, u20
from netlib.wire.ipv4 import ECN_NAMES, TCP, UDP

ICMPV6 = 58
HOP_BY_HOP, ROUTING, FRAGMENT, NO_NEXT_HEADER, DESTINATION_OPTIONS = 0, 43, 44, 59, 60
NEXT_HEADER_NAMES = {
    TCP: "TCP", UDP: "UDP", ICMPV6: "ICMPv6", HOP_BY_HOP: "hop-by-hop options", ROUTING: "routing header",
    FRAGMENT: "fragment header", NO_NEXT_HEADER: "nothing", DESTINATION_OPTIONS: "destination options",
}  # fmt: skip
EXTENSIONS = {HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS}
LIMIT = 8  # extension headers: RFC 8200 section 4.1 names five, of which one may stand twice
LARGEST = 0xFFFF  # bytes of payload; jumbograms (RFC 2675) are not known here


class Extension(NamedTuple):
    """One extension header."""

    kind: int  # such as HOP_BY_HOP
    next_header: int  # what follows it
    offset: int  # in the packet, in bytes
    data: bytes  # all of it

    def __str__(self) -> str:
        return NEXT_HEADER_NAMES[self.kind]


class Fragment(NamedTuple):
    """What a fragment header says (RFC 8200 section 4.5)."""

    offset: int  # in bytes, a multiple of 8
    more: bool
    identification: int


@header
class IPv6Packet(Header):
    """RFC 8200 section 3.  `build` works out the payload length."""

    version: u4 = 6
    dscp: u6 = 0  # with `ecn` the RFC's Traffic Class (RFC 2474)
    ecn: u2 = 0  # RFC 3168
    flow_label: u20 = 0  # which packets belong together, for routers that spread load (RFC 6437)
    payload_length: u16 = 0  # of everything behind these 40 bytes, extension headers too
    next_header: u8 = NO_NEXT_HEADER  # the first extension header, or the protocol of the payload
    hop_limit: u8 = 64  # routers this packet may still pass
    source: IPv6Address = IPv6Address.ANY
    destination: IPv6Address = IPv6Address.ANY
    extensions: bytes = b""
    payload: bytes = b""

    @classmethod
    def parse(cls, data: bytes, problems: list[WireError] | None = None) -> Self:
        """Read a packet.  What lies behind its payload length (a frame's padding) is left alone.

        Raises `Truncated` or `Malformed`.  With a list `problems`, a payload cut short is added to it instead.
        """
        packet = cls.parse_header(data)
        if packet.version != 6:
            raise Malformed(f"IPv6Packet.version (offset 0): {packet.version} is not 6")
        end = 40 + packet.payload_length
        if end > len(data):
            wrong(Truncated(f"IPv6Packet.payload_length (offset 4): says {packet.payload_length} bytes, "
                            f"only {len(data) - 40} are there"), problems)  # fmt: skip
        packet.payload = data[40:end]
        if packet.next_header in EXTENSIONS:
            chain = walk(packet.next_header, packet.payload)
            length = sum(len(extension.data) for extension in chain)
            packet.extensions, packet.payload = packet.payload[:length], packet.payload[length:]
        return packet

    def build(self, below: object = None) -> bytes:
        """The bytes of this packet; sets `payload_length` first."""
        length = len(self.extensions) + len(self.payload)
        if length > LARGEST:
            raise FieldOverflow(f"IPv6Packet.payload_length (offset 4): {length} bytes, a packet has {LARGEST} at most")
        self.payload_length = length
        return self.build_header() + self.extensions + self.payload

    def pseudo_header(self, length: int) -> bytes:
        """What UDP, TCP and ICMPv6 of this packet put before their checksum (RFC 8200 section 8.1);
        `length` in bytes is theirs."""
        # "The Next Header value in the pseudo-header identifies the upper-layer protocol": not an extension header
        try:
            return pack(">16s16sII", self.source, self.destination, length, self.protocol)
        except (struct_error, TypeError):
            raise overflow(self) from None

    @property
    def chain(self) -> list[Extension]:
        """The extension headers, one by one; `WireError` for what is no such chain."""
        return walk(self.next_header, self.extensions)

    @property
    def protocol(self) -> int:
        """What the payload is: the next header of the last header."""
        if not self.extensions:
            return self.next_header
        chain = self.chain
        return chain[-1].next_header if chain else self.next_header

    @property
    def fragment(self) -> Fragment | None:
        """What its fragment header says, if it has one."""
        for extension in self.chain if self.extensions else ():
            if extension.kind == FRAGMENT:
                word = int.from_bytes(extension.data[2:4], "big")
                return Fragment(word & 0xFFF8, bool(word & 1), int.from_bytes(extension.data[4:8], "big"))
        return None

    @property
    def fragment_offset(self) -> int:
        """Where this fragment belongs, in units of 8 bytes, as IPv4's field says it; 0 for a whole packet."""
        fragment = self.fragment
        return fragment.offset // 8 if fragment else 0

    @property
    def is_fragment(self) -> bool:
        """Whether there is more of it elsewhere.  A fragment header may also stand on a whole packet (RFC 6946)."""
        fragment = self.fragment
        return fragment is not None and (fragment.more or fragment.offset > 0)

    @property
    def is_routed(self) -> bool:
        """Whether a routing header leads on from `destination` to others: its checksum is over the last of them."""
        return bool(self.extensions) and any(e.kind == ROUTING and e.data[3] for e in self.chain)

    @property
    def header_length(self) -> int:
        return 40 + len(self.extensions)

    def meaning(self, name: str) -> str:
        match name:
            case "payload_length":
                extensions = f", {len(self.extensions)} of them extension headers" if self.extensions else ""
                return f"{40 + self.payload_length} bytes with this header{extensions}"
            case "ecn":
                return ECN_NAMES[self.ecn & 3]
            case "hop_limit":
                return "hops left"
            case "next_header":
                return NEXT_HEADER_NAMES.get(self.next_header, "")
            case "source" | "destination":
                return kind_of(getattr(self, name))
        return ""

    def __str__(self) -> str:
        try:
            protocol, fragment = self.protocol, self.fragment
        except WireError:  # of a packet put together by hand
            protocol, fragment = self.next_header, None
        name = NEXT_HEADER_NAMES.get(protocol, f"protocol {protocol}")
        if fragment is None or not (fragment.more or fragment.offset):
            return f"{self.source} > {self.destination} {name}"
        more = ", more follow" if fragment.more else ", the last"
        return (
            f"{self.source} > {self.destination} {name} fragment id {fragment.identification} "
            f"bytes {fragment.offset}-{fragment.offset + len(self.payload) - 1}{more}"
        )


def kind_of(address: IPv6Address) -> str:
    """What kind of address this is, where its first bits say so."""
    if address.is_multicast:
        known = {IPv6Address.ALL_NODES: "all hosts on this link", IPv6Address.ALL_ROUTERS: "all routers on this link"}
        return known.get(address, "solicited-node" if address[:13] == address.solicited_node[:13] else "multicast")
    if address == IPv6Address.ANY:
        return "no address yet"
    return "this host itself" if address.is_loopback else "link-local" if address.is_link_local else ""


def walk(kind: int, data: bytes) -> list[Extension]:
    """The extension headers that `data` starts with, the first of them of this kind (RFC 8200 section 4).

    It ends at the payload, or at a fragment that is not the first: behind that there is a piece of something.
    """
    chain: list[Extension] = []
    at = 0
    while kind in EXTENSIONS:
        here = f"IPv6Packet.extensions (offset {40 + at})"
        # "a Hop-by-Hop Options header ... is restricted to appear immediately after an IPv6 header only" (section 4.1)
        if kind == HOP_BY_HOP and chain:
            raise Malformed(f"{here}: hop-by-hop options behind another extension header")
        if len(chain) == LIMIT:
            raise Malformed(f"{here}: more than {LIMIT} extension headers")
        if len(data) - at < 8:
            raise Truncated(f"{here}: {NEXT_HEADER_NAMES[kind]} needs 8 bytes, only {len(data) - at} are there")
        # "Length ... in 8-octet units, not including the first 8 octets"; a fragment header is 8 bytes and has none
        size = 8 if kind == FRAGMENT else 8 + 8 * data[at + 1]
        if size > len(data) - at:
            raise Truncated(f"{here}: {NEXT_HEADER_NAMES[kind]} says {size} bytes, only {len(data) - at} are there")
        extension = Extension(kind, data[at], 40 + at, data[at : at + size])
        chain.append(extension)
        kind, at = extension.next_header, at + size
        if extension.kind == FRAGMENT and int.from_bytes(extension.data[2:4], "big") & 0xFFF8:
            break
    return chain
