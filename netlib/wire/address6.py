"""IPv6 addresses: sixteen bytes, read as RFC 4291 section 2.2 says, printed as RFC 5952 does.

One address has many spellings (2001:db8:0:0:0:0:0:1, 2001:DB8::1), and RFC 5952 picks the one that programs
print: lower case, no leading zeroes, the longest run of zero groups as "::".  All of them are read.
An interface has several addresses: a link-local one, made from its MAC address, and those it was given.

    IPv6Address.link_local(mac)     fe80::/64, for this link only (RFC 4291 section 2.5.6)
    address.solicited_node          the multicast address of the few who might be asked for it (section 2.7.1)
    ip_address("10.0.0.1")          an address of the version that the text is of
    address.multicast_mac           where Ethernet carries a multicast address to (RFC 2464 section 7)
"""

from string import hexdigits
from typing import ClassVar

from netlib.wire.address import Address, IPv4Address, MACAddress
from netlib.wire.errors import Malformed

LONGEST = 45  # characters: eight groups of four, the last two as an IPv4 address
MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, an IPv4 address in sixteen bytes (RFC 4291 section 2.5.5.2)
EXAMPLE = "eight groups in hex with colons between them, one run of zeroes left out, as 2001:db8::1"


class IPv6Address(Address):
    """Sixteen bytes, written as groups of four hex digits (RFC 4291 section 2.2)."""

    __slots__ = ()
    SIZE = 16
    ANY: ClassVar["IPv6Address"]
    LOOPBACK: ClassVar["IPv6Address"]
    ALL_NODES: ClassVar["IPv6Address"]
    ALL_ROUTERS: ClassVar["IPv6Address"]

    @classmethod
    def from_text(cls, text: str) -> bytes:
        shown = f"{text[:80]!r} is not an IPv6 address"
        if "%" in text:
            raise Malformed(f"{shown}: without the interface behind '%', which is no part of the 16 bytes")
        if len(text) > LONGEST or ":" not in text:
            raise Malformed(f"{shown}: {EXAMPLE}")
        head, gap, tail = text.partition("::")
        if "::" in tail or (gap and tail.startswith(":")):
            raise Malformed(f"{shown}: '::' may stand for zeroes in one place only")
        front, back = groups(head, shown, last=not gap), groups(tail, shown, last=True)
        missing = 16 - len(front) - len(back)
        if missing < 0 or (missing and not gap):
            raise Malformed(f"{shown}: {(len(front) + len(back)) // 2} groups instead of 8")
        # "The use of '::' indicates one or more groups of 16 bits of zeros": not none
        if gap and not missing:
            raise Malformed(f"{shown}: 8 groups, and '::' stands for one more at least")
        return front + bytes(missing) + back

    def __str__(self) -> str:
        if self[:12] == MAPPED:  # the one form that shows four decimal numbers (RFC 5952 section 5)
            return f"::ffff:{IPv4Address(self[12:])}"
        words = [f"{self[i] << 8 | self[i + 1]:x}" for i in range(0, 16, 2)]
        start, length = longest_zeroes(words)
        if length < 2:  # 'The symbol "::" MUST NOT be used to shorten just one 16-bit 0 field' (section 4.2.2)
            return ":".join(words)
        return ":".join(words[:start]) + "::" + ":".join(words[start + length :])

    @property
    def is_multicast(self) -> bool:
        """ff00::/8 (RFC 4291 section 2.7)."""
        return self[0] == 0xFF

    @property
    def is_loopback(self) -> bool:
        """::1, one address where IPv4 has 127.0.0.0/8 (RFC 4291 section 2.5.3)."""
        return self == IPv6Address.LOOPBACK

    @property
    def is_link_local(self) -> bool:
        """fe80::/10: no router forwards it (RFC 4291 section 2.5.6)."""
        return self[0] == 0xFE and self[1] >> 6 == 2

    @property
    def scope(self) -> int:
        """How far it reaches, as the scope of a multicast address says it: 1 this host, 2 this link, 14 everywhere."""
        if self.is_multicast:
            return self[1] & 15
        return 1 if self.is_loopback else 2 if self.is_link_local else 14

    @property
    def solicited_node(self) -> "IPv6Address":
        """ff02::1:ff and the last 24 bits: whoever has this address listens there (RFC 4291 section 2.7.1)."""
        return IPv6Address(SOLICITED_NODE + self[13:])

    @property
    def multicast_mac(self) -> MACAddress:
        """33:33 and the last 32 bits (RFC 2464 section 7)."""
        return MACAddress(b"\x33\x33" + self[12:])

    @classmethod
    def link_local(cls, mac: MACAddress) -> "IPv6Address":
        """The address that an interface gives itself: "modified EUI-64", with the universal/local bit turned round
        (RFC 4291 appendix A)."""
        return cls(b"\xfe\x80" + bytes(6) + bytes((mac[0] ^ 2,)) + mac[1:3] + b"\xff\xfe" + mac[3:])


def ip_address(value: str | bytes) -> IPv4Address | IPv6Address:
    """An address of the IP version that this text, or so many bytes, are of; `Malformed` for what is none."""
    six = ":" in value if isinstance(value, str) else isinstance(value, bytes) and len(value) == IPv6Address.SIZE
    return IPv6Address(value) if six else IPv4Address(value)


SOLICITED_NODE = b"\xff\x02" + bytes(9) + b"\x01\xff"  # ff02::1:ff00:0/104
IPv6Address.ANY = IPv6Address(bytes(16))
IPv6Address.LOOPBACK = IPv6Address(bytes(15) + b"\x01")
IPv6Address.ALL_NODES = IPv6Address(b"\xff\x02" + bytes(13) + b"\x01")
IPv6Address.ALL_ROUTERS = IPv6Address(b"\xff\x02" + bytes(13) + b"\x02")


def groups(text: str, shown: str, last: bool) -> bytes:
    """The bytes of "2001:db8"; the last group of all may be an IPv4 address (RFC 4291 section 2.2, form 3)."""
    found = b""
    parts = text.split(":") if text else []
    for number, part in enumerate(parts):
        if "." in part and last and number == len(parts) - 1:
            found += IPv4Address(part)
        elif not (1 <= len(part) <= 4 and set(part) <= set(hexdigits)):
            raise Malformed(f"{shown}: {part[:20]!r} is not a group of 1 to 4 hex digits")
        else:
            found += int(part, 16).to_bytes(2, "big")
    return found


def longest_zeroes(words: list[str]) -> tuple[int, int]:
    """Where the longest run of "0" starts, and its length; of two as long, the first (RFC 5952 section 4.2.3)."""
    best, start = (0, 0), 0
    for i, word in enumerate([*words, "end"]):
        if word != "0":
            best = max(best, (start, i - start), key=lambda run: run[1])
            start = i + 1
    return best


PREFIX_LENGTHS = {str(length) for length in range(129)}
ALL_ONES = (1 << 128) - 1


def split_prefix(text: str) -> tuple[IPv6Address, int]:
    """ "2001:db8::1/64" -> (2001:db8::1, 64)."""
    address, slash, length = text.partition("/")
    if not slash or length not in PREFIX_LENGTHS:
        raise Malformed(f"{text[:80]!r} needs a prefix length from 0 to 128, as in 2001:db8::/64")
    return IPv6Address(address), int(length)


class IPv6Network:
    """All addresses that share their first `prefix` bits (RFC 4291 section 2.3).  None of them is a broadcast."""

    __slots__ = ("address", "bits", "mask", "prefix")

    def __init__(self, text: str) -> None:
        self.address, self.prefix = split_prefix(text)
        self.mask = ALL_ONES << (128 - self.prefix) & ALL_ONES
        self.bits = int(self.address)
        if self.bits & ~self.mask:
            network = IPv6Address((self.bits & self.mask).to_bytes(16, "big"))
            raise Malformed(f"{text!r} has bits set behind its prefix: the network is {network}/{self.prefix}")

    def is_broadcast(self, address: bytes) -> bool:
        """Never: in IPv6 multicast groups do what broadcast did (RFC 4291 section 2)."""
        return False

    def __contains__(self, address: bytes) -> bool:
        return len(address) == 16 and int.from_bytes(address, "big") & self.mask == self.bits

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IPv6Network) and (self.bits, self.prefix) == (other.bits, other.prefix)

    def __hash__(self) -> int:
        return hash((self.bits, self.prefix, 6))

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix}"

    def __repr__(self) -> str:
        return f"IPv6Network({str(self)!r})"


class IPv6Interface:
    """An address and the network it is in: what `ip address add 2001:db8::1/64` says."""

    __slots__ = ("address", "network")

    def __init__(self, text: str) -> None:
        self.address, prefix = split_prefix(text)
        bits = int(self.address) >> (128 - prefix) << (128 - prefix)
        self.network = IPv6Network(f"{IPv6Address(bits.to_bytes(16, 'big'))}/{prefix}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IPv6Interface) and (self.address, self.network) == (other.address, other.network)

    def __hash__(self) -> int:
        return hash((self.address, self.network))

    def __str__(self) -> str:
        return f"{self.address}/{self.network.prefix}"

    def __repr__(self) -> str:
        return f"IPv6Interface({str(self)!r})"
