"""Addresses are byte strings that know how to print themselves.

`IPv4Address("10.0.0.1")` and `IPv4Address(b"\\x0a\\0\\0\\1")` are equal; either joins, compares and hashes
as its four bytes do, and prints as people write it.  `IPv4Network` is a prefix of RFC 4632, and
`IPv4Interface` an address together with the network that it is in.

Text is read strictly: "010.0.0.1" is refused, because some programs take 010 for eight.
What can be done with many networks, and which are special: netlib/internet/addressing.py.
"""

from collections.abc import Iterator
from string import hexdigits
from typing import ClassVar, Self

from netlib.wire.errors import FieldOverflow, Malformed

ALL_ONES = 0xFFFFFFFF  # 32 of them


class Known(dict[bytes, "Address"]):
    """Raw bytes -> the address object for them, made once, and forgotten when there are too many."""

    LIMIT = 65_536  # so that a flood of forged addresses costs a bounded amount of memory

    def __init__(self, kind: type["Address"]) -> None:
        super().__init__()
        self.kind = kind

    def __missing__(self, raw: bytes) -> "Address":
        if len(self) >= self.LIMIT:
            self.clear()
        address = self[raw] = bytes.__new__(self.kind, raw)
        return address


class Address(bytes):
    """A byte string of a fixed SIZE (bytes).  Equal to its raw bytes, and hashes as they do."""

    __slots__ = ()
    SIZE: ClassVar[int] = 0
    known: ClassVar[Known]

    def __init_subclass__(cls) -> None:
        cls.known = Known(cls)

    def __new__(cls, value: "str | bytes") -> Self:
        """From text as people write it, or from SIZE raw bytes; `Malformed` for anything else."""
        if isinstance(value, str):
            value = cls.from_text(value)
        elif not isinstance(value, (bytes, bytearray, memoryview)):  # bytes(4) would be four zeroes
            raise Malformed(f"{cls.__name__}: {value!r:.80} is neither text nor {cls.SIZE} bytes")
        raw = bytes(value)
        if len(raw) != cls.SIZE:
            raise Malformed(f"{cls.__name__}: {len(raw)} bytes instead of {cls.SIZE}")
        return super().__new__(cls, raw)

    @classmethod
    def from_text(cls, text: str) -> bytes:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (bytes(self),)

    def __int__(self) -> int:
        return int.from_bytes(self, "big")


class IPv4Address(Address):
    """Four bytes, written as four decimal numbers (RFC 791 section 3.2)."""

    __slots__ = ()
    SIZE = 4
    ANY: ClassVar["IPv4Address"]
    BROADCAST: ClassVar["IPv4Address"]

    @classmethod
    def from_text(cls, text: str) -> bytes:
        parts = text.split(".")
        if len(parts) != 4:
            raise Malformed(f"{text[:80]!r} is not an IPv4 address: four numbers with dots between them, as 10.0.0.1")
        for part in parts:
            if not (part.isascii() and part.isdigit() and len(part) <= 3 and int(part) <= 255):
                raise Malformed(f"{text[:80]!r} is not an IPv4 address: {part[:20]!r} is not a number from 0 to 255")
            if part[0] == "0" and part != "0":
                raise Malformed(f"{text[:80]!r} is not an IPv4 address: write {int(part)} instead of {part!r}")
        return bytes(map(int, parts))

    @classmethod
    def from_int(cls, number: int) -> Self:
        """The address with this number: 0 is 0.0.0.0, 2**32 - 1 is 255.255.255.255; `FieldOverflow` beyond."""
        if not 0 <= number <= ALL_ONES:
            raise FieldOverflow(f"{number} is no IPv4 address: they have the numbers from 0 to 2**32 - 1")
        return cls(number.to_bytes(4, "big"))

    def __str__(self) -> str:
        return ".".join(map(str, self))

    @property
    def is_multicast(self) -> bool:
        """Class D, 224.0.0.0/4 (RFC 1112 section 4)."""
        return self[0] >> 4 == 14

    @property
    def is_loopback(self) -> bool:
        """127.0.0.0/8 (RFC 1122 section 3.2.1.3)."""
        return self[0] == 127


class MACAddress(Address):
    """Six bytes, written in hexadecimal with colons (IEEE 802)."""

    __slots__ = ()
    SIZE = 6
    ANY: ClassVar["MACAddress"]
    BROADCAST: ClassVar["MACAddress"]

    @classmethod
    def from_text(cls, text: str) -> bytes:
        parts = text.split(":")
        if len(parts) == 6 and all(len(part) == 2 and set(part) <= set(hexdigits) for part in parts):
            return bytes(int(part, 16) for part in parts)
        raise Malformed(f"{text[:80]!r} is not a MAC address: six bytes in hex, as 02:00:00:00:00:01")

    def __str__(self) -> str:
        return self.hex(":")

    @property
    def is_group(self) -> bool:
        """Multicast or broadcast: the lowest bit of the first byte is set."""
        return bool(self[0] & 1)


IPv4Address.ANY = IPv4Address(bytes(4))
IPv4Address.BROADCAST = IPv4Address(b"\xff" * 4)
MACAddress.ANY = MACAddress(bytes(6))
MACAddress.BROADCAST = MACAddress(b"\xff" * 6)


PREFIX_LENGTHS = {str(length) for length in range(33)}


def split_prefix(text: str) -> tuple[IPv4Address, int]:
    """ "10.0.0.1/24" -> (10.0.0.1, 24)."""
    if not isinstance(text, str):
        raise Malformed(f"{text!r:.80} is no text with an address and a prefix length, as 10.0.0.0/24")
    address, slash, length = text.partition("/")
    if "." in length:
        raise Malformed(f"{text[:80]!r}: write the mask as its prefix length, /{prefix_of(length)}")
    if not slash or length not in PREFIX_LENGTHS:
        raise Malformed(f"{text[:80]!r} needs a prefix length from 0 to 32, as in 10.0.0.0/24")
    return IPv4Address(address), int(length)


def mask_of(prefix: int) -> int:
    """The number whose first `prefix` bits of 32 are ones: mask_of(24) is 255.255.255.0."""
    return ALL_ONES << (32 - prefix) & ALL_ONES


def prefix_of(mask: str | bytes) -> int:
    """The prefix length that a mask stands for: 24 for 255.255.255.0; `Malformed` for a mask with holes.

    RFC 950 let the ones lie anywhere; since RFC 4632 they stand together at the left (section 5.1).
    """
    address = IPv4Address(mask)
    number = int(address)
    prefix = 32 - (number ^ ALL_ONES).bit_length()
    if number == mask_of(prefix):
        return prefix
    if number & (number + 1) == 0:  # ones at the right only
        netmask = IPv4Address.from_int(number ^ ALL_ONES)
        raise Malformed(f"{address} is no mask but one turned round (a wildcard): the mask is {netmask}")
    again = 32 - (number & ALL_ONES >> prefix).bit_length()
    raise Malformed(f"{address} is a mask with a hole: bit {prefix} is 0 and bit {again} is 1 again, counted from 0")


class IPv4Network:
    """All addresses that share their first `prefix` bits (RFC 4632).  Networks sort by address, wider ones first."""

    __slots__ = ("address", "bits", "mask", "prefix")

    def __init__(self, text: str) -> None:
        self.address, self.prefix = split_prefix(text)
        self.mask = mask_of(self.prefix)
        self.bits = int(self.address)
        if self.bits & ~self.mask:
            network = IPv4Network.around(self.bits, self.prefix)
            raise Malformed(f"{text!r} has bits set behind its prefix: the network is {network}")

    @classmethod
    def around(cls, address: int | str | bytes, prefix: int) -> Self:
        """The network with this prefix length that an address (or its number) is in."""
        if not 0 <= prefix <= 32:
            raise Malformed(f"a prefix length of {prefix}: it is from 0 to 32")
        number = address if isinstance(address, int) else int(IPv4Address(address))
        network = cls.__new__(cls)
        network.prefix, network.mask = prefix, mask_of(prefix)
        network.bits = number & network.mask
        network.address = IPv4Address.from_int(network.bits)
        return network

    @classmethod
    def from_mask(cls, address: str, mask: str) -> Self:
        """From an address and a mask: `from_mask("10.0.0.0", "255.255.255.0")` is 10.0.0.0/24."""
        return cls(f"{IPv4Address(address)}/{prefix_of(mask)}")

    @property
    def netmask(self) -> IPv4Address:
        return IPv4Address(self.mask.to_bytes(4, "big"))

    @property
    def broadcast(self) -> IPv4Address:
        """The address with all host bits set (RFC 919)."""
        return IPv4Address((self.bits | ~self.mask & ALL_ONES).to_bytes(4, "big"))

    def is_broadcast(self, address: bytes) -> bool:
        """Whether `address` means all hosts of this network.  One of two addresses, or of one, has none (RFC 3021)."""
        return self.prefix < 31 and int.from_bytes(address, "big") == self.bits | ~self.mask & ALL_ONES

    # ---- what is in it -------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How many addresses are in it: 256 for a /24."""
        return 1 << 32 - self.prefix

    @property
    def first(self) -> IPv4Address:
        """The lowest address, all host bits 0: it names the network."""
        return self.address

    @property
    def last(self) -> IPv4Address:
        """The highest address, all host bits 1: the broadcast address, where there is one."""
        return self.broadcast

    @property
    def usable(self) -> int:
        """How many hosts can have an address of it: all but the first and the last, 254 for a /24.

        The first would mean the network itself, the last all hosts of it.  A /31 spares neither: its two addresses
        are the two ends of a link (RFC 3021).  A /32 is one host.
        """
        return self.size if self.prefix >= 31 else self.size - 2

    @property
    def hosts(self) -> Iterator[IPv4Address]:
        """The addresses that hosts can have, in order.  A /8 has millions: take them one by one."""
        spared = int(self.prefix < 31)
        return map(IPv4Address.from_int, range(self.bits + spared, self.bits + self.size - spared))

    def __contains__(self, address: bytes) -> bool:
        return int.from_bytes(address, "big") & self.mask == self.bits

    # ---- among other networks ------------------------------------------------------------------------------

    def covers(self, other: "IPv4Network") -> bool:
        """Whether all of `other` is in this network.  Two networks overlap only if one covers the other."""
        return self.prefix <= other.prefix and other.bits & self.mask == self.bits

    @property
    def halves(self) -> tuple[Self, Self]:
        """The two networks that this one consists of, with one bit more."""
        longer = self.prefix + 1
        if longer > 32:
            raise Malformed(f"{self} is one address: it has no halves")
        return self.around(self.bits, longer), self.around(self.bits | 1 << 32 - longer, longer)

    @property
    def parent(self) -> Self:
        """The network with one bit less, of which this one is a half."""
        if not self.prefix:
            raise Malformed("0.0.0.0/0 is everything: nothing is wider")
        return self.around(self.bits, self.prefix - 1)

    def subnets(self, prefix: int) -> Iterator[Self]:
        """The networks with this longer prefix that this one consists of, in order."""
        if not self.prefix <= prefix <= 32:
            raise Malformed(f"{self} has no subnets of /{prefix}: choose from /{self.prefix} to /32")
        return (self.around(bits, prefix) for bits in range(self.bits, self.bits + self.size, 1 << 32 - prefix))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IPv4Network) and (self.bits, self.prefix) == (other.bits, other.prefix)

    def __lt__(self, other: "IPv4Network") -> bool:
        return (self.bits, self.prefix) < (other.bits, other.prefix)

    def __hash__(self) -> int:
        return hash((self.bits, self.prefix))

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix}"

    def __repr__(self) -> str:
        return f"IPv4Network({str(self)!r})"


class IPv4Interface:
    """An address and the network it is in: what `ip address add 10.0.0.1/24` says."""

    __slots__ = ("address", "network")

    def __init__(self, text: str) -> None:
        self.address, prefix = split_prefix(text)
        self.network = IPv4Network.around(self.address, prefix)

    @classmethod
    def from_mask(cls, address: str, mask: str) -> Self:
        """From an address and a mask: `from_mask("10.0.0.1", "255.255.255.0")` is 10.0.0.1/24."""
        return cls(f"{IPv4Address(address)}/{prefix_of(mask)}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IPv4Interface) and (self.address, self.network) == (other.address, other.network)

    def __hash__(self) -> int:
        return hash((self.address, self.network))

    def __str__(self) -> str:
        return f"{self.address}/{self.network.prefix}"

    def __repr__(self) -> str:
        return f"IPv4Interface({str(self)!r})"
