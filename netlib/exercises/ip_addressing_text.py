"""Exercises 4.1 and 4.5: what an address says as text, and what it is set apart for."""

import re
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.ip_addressing_networks import NOT_THESE, addresses
from netlib.exercises.ip_addressing_reference import RANGES, parse, special
from netlib.grading import Exercise, Mistake
from netlib.wire.address import ALL_ONES, IPv4Address, IPv4Network, mask_of

TEXT_READERS = (*NOT_THESE, "socket.inet_aton", "socket.inet_pton")

# ---- 4.1 ---------------------------------------------------------------------------------------------------------


def plain(part: str) -> int:
    if not (part.isascii() and part.isdigit()):
        raise ValueError("digits")
    return int(part)


def lax(text: str, *, number: Callable[[str], int] = plain, zeroes: bool = False, most: int = 255, longest: int = 32,
        holes: bool = False, masks: bool = True, alone: int | None = 32, padded: bool = False,
        backwards: bool = False, ones: Callable[[int], int] = int.bit_count) -> tuple[int, int]:  # fmt: skip
    """A reader that is right but for what the keywords say."""

    def quad(text: str) -> int:
        parts = text.split(".")
        if padded and len(parts) < 4:
            parts = [*parts[:-1], *["0"] * (4 - len(parts)), parts[-1]]
        if len(parts) != 4:
            raise ValueError("four numbers")
        total = 0
        for part in reversed(parts) if backwards else parts:
            value = number(part)
            if not 0 <= value <= most or (not zeroes and part != str(value)):
                raise ValueError("a number from 0 to 255")
            total = total * 256 + value
        return total

    address, slash, mask = text.partition("/")
    if not slash:
        if alone is None:
            raise ValueError("a mask")
        return quad(address), alone
    if "." in mask:
        if not masks:
            raise ValueError("a length")
        bits = quad(mask)
        if not holes and bits != mask_of(ones(bits)):
            raise ValueError("a hole")
        return quad(address), ones(bits)
    length = number(mask)
    if not 0 <= length <= longest or (not zeroes and mask != str(length)):
        raise ValueError("a length")
    return quad(address), length


def masked(text: str) -> tuple[int, int]:
    number, prefix = parse(text)
    return number & mask_of(prefix), prefix


def octal(text: str) -> int:
    return int(text, 8) if re.fullmatch("0[0-7]+", text) else plain(text)


def why_parse(args: Any) -> str:
    (text,) = args
    try:
        number, prefix = parse(text)
    except ValueError:
        return "Whatever is no address, or could be read as another one by somebody else, is refused."
    return f"{IPv4Address.from_int(number)} is the number {number}, and {prefix} bits name its network."


def spoilt(text: str, how: str, where: int) -> str:
    """Something that looks almost like an address."""
    parts = text.split(".")
    where %= len(parts)
    match how:
        case "zero":
            parts[where] = "0" + parts[where]
        case "less":
            del parts[where]
        case "more":
            parts.insert(where, "1")
        case "empty":
            parts[where] = ""
        case "large":
            parts[where] = "256"
        case "hex":
            parts[where] = "0x1f"
        case "space":
            parts[where] = " " + parts[where]
        case "sign":
            parts[where] = "+" + parts[where]
        case "minus":
            parts[where] = "-1"
        case "other digits":
            parts[where] = "٣"
        case "underscore":
            parts[where] = "1_0"
    return ".".join(parts)


SPOILT = ("zero", "less", "more", "empty", "large", "hex", "space", "sign", "minus", "other digits", "underscore")
masks = st.one_of(
    st.sampled_from(["/255.255.255.0", "/255.0.255.0", "/255.255.255.1", "/0.0.0.255"]),
    st.integers(0, 32).map(lambda prefix: "/" + str(IPv4Address.from_int(mask_of(prefix)))),
    st.integers(0, ALL_ONES).map(lambda number: "/" + str(IPv4Address.from_int(number))),
    st.integers(0, 32).map(lambda prefix: "/" + str(IPv4Address.from_int(mask_of(prefix) ^ ALL_ONES))),
    st.sampled_from(["/255.255.255.1", "/255.0.255.0", "/255.255.253.0", "/254.255.0.0", "/255.255.255"]),
)  # fmt: skip
lengths = st.one_of(
    st.sampled_from(["/24", "/8", "/32", "/0"]),
    st.integers(0, 32).map("/{}".format),
    st.sampled_from(["/33", "/", "/-1", "/024", "/+8", "/ 8", "/8 ", "/1e1", "/24/24", "/2_4", "/٨", "/0x8", "/255"]),
)
parse_cases = st.builds(
    lambda address, how, where, mask: (spoilt(address, how, where) + mask,),
    addresses, st.sampled_from([*[""] * 12, *SPOILT]), st.integers(0, 3), st.one_of(lengths, masks, st.just("")),
)  # fmt: skip

PARSE = Exercise(
    number="4.1",
    name="parse",
    points=3,
    summary="The number and the prefix length that a text stands for.",
    signature="parse(text: str) -> tuple[int, int]",
    rfc="RFC 4632 section 3.1; RFC 6943 section 3.1.1",
    reference=parse,
    inputs=parse_cases,
    pinned={
        "an address and its prefix length": ("10.4.0.10/24",),
        "with a mask": ("10.4.0.10/255.255.255.0",),
        "alone": ("10.4.0.10",),
        "the lowest": ("0.0.0.0/0",),
        "the highest": ("255.255.255.255/32",),
        "a mask of nothing": ("10.4.0.10/0.0.0.0",),
        "a mask of everything": ("10.4.0.10/255.255.255.255",),
        "a mask that ends inside a byte": ("172.17.3.9/255.255.240.0",),
        "a leading zero": ("010.1.1.1",),
        "a leading zero that changes nothing, to some": ("10.04.0.10/24",),
        "three numbers": ("1.2.3",),
        "five numbers": ("1.2.3.4.5/8",),
        "a prefix of 33 bits": ("1.2.3.4/33",),
        "no length behind the slash": ("1.2.3.4/",),
        "a leading zero in the length": ("10.4.0.10/08",),
        "a mask with a hole": ("10.4.0.10/255.0.255.0",),
        "a mask with a small hole": ("10.4.0.10/255.255.255.1",),
        "a mask turned round": ("10.4.0.10/0.0.0.255",),
        "a mask that is too short": ("10.4.0.10/255.255",),
        "a mask with a leading zero": ("10.4.0.10/255.255.255.00",),
        "256": ("10.4.0.256/24",),
        "a sign": ("10.4.+0.10/24",),
        "a space": ("10.4.0. 10/24",),
        "a space at the end": ("10.4.0.10/24 ",),
        "a line's end": ("10.4.0.10\n",),
        "digits of another script": ("10.4.0.٣/24",),
        "an exponent above": ("10.4.0.2²",),
        "an underscore": ("10.4.0.1_0/24",),
        "hex": ("0x0a.4.0.10",),
        "nothing": ("",),
        "no address": ("/24",),
        "two slashes": ("10.4.0.10/24/24",),
        "IPv6": ("::1/128",),
    },
    mistakes=[
        Mistake("It looks as if leading zeroes are taken as decimal. Others read 010 as octal, 8: refuse what is "
                "ambiguous.", partial(lax, zeroes=True)),
        Mistake("It looks as if a leading zero means octal. Some programs read it so, others don't: refuse it.",
                partial(lax, zeroes=True, number=octal)),
        Mistake("It looks as if a leading zero is refused in addresses and let through in prefix lengths.",
                lambda text: lax(re.sub(r"/0+(?=\d+$)", "/", text))),
        Mistake("It looks as if a short address is filled up with zeroes: 1.2.3 is no address.",
                partial(lax, padded=True)),
        Mistake("It looks as if numbers up to 256 pass: a byte ends at 255.", partial(lax, most=256)),
        Mistake("It looks as if prefix lengths above 32 pass.", partial(lax, longest=255)),
        Mistake("It looks as if a mask's ones are counted, wherever they are. They have to stand together at the left.",
                partial(lax, holes=True)),
        Mistake("It looks as if a mask is read up to its first 0: behind that, no 1 may come any more.",
                partial(lax, holes=True, ones=lambda mask: 32 - (mask ^ ALL_ONES).bit_length())),
        Mistake("It looks as if a mask in dots is refused: 255.255.255.0 says the same as 24.",
                partial(lax, masks=False)),
        Mistake("It looks as if an address alone is refused: it is one host, /32.", partial(lax, alone=None)),
        Mistake("It looks as if an address alone gets another prefix length: it is one host, /32.",
                partial(lax, alone=24)),
        Mistake("It looks as if the number is read from the right: the first of the four is the highest byte.",
                partial(lax, backwards=True)),
        Mistake("It looks as if the host's bits are cut off: the number is that of the address as it stands.", masked),
        Mistake("It looks as if `int` decides what a number is. It takes spaces, signs, underscores and the digits of "
                "other scripts: look at the characters yourself.",
                when=lambda args, expected, got: isinstance(got, tuple) and bool(re.search(r"[^0-9./]", args[0]))),
    ],
    without=TEXT_READERS,
    why=why_parse,
)  # fmt: skip

# ---- 4.5 ---------------------------------------------------------------------------------------------------------


def special_by(address: str, **ranges: str | None) -> str:
    """`special` with some ranges changed: a key like n10_0_0_0_8; None takes it out, "/16" makes it that long."""
    known: dict[IPv4Network, str] = {}
    for text, word in RANGES.items():
        change = ranges.get("n" + re.sub("[./]", "_", text), "")
        if change is None:
            continue
        start = text.partition("/")[0]
        known[IPv4Network.around(start, int(change[1:])) if change else IPv4Network(text)] = word
    found = [network for network in known if IPv4Address(address) in network]
    return known[max(found, key=lambda network: network.prefix)] if found else "global"


def widest(address: str) -> str:
    return next((word for text, word in RANGES.items() if IPv4Address(address) in IPv4Network(text)), "global")


def why_special(args: Any) -> str:
    found = [IPv4Network(text) for text in RANGES if IPv4Address(args[0]) in IPv4Network(text)]
    if not found:
        return "It is in none of the ranges."
    network = max(found, key=lambda network: network.prefix)
    return f"It is in {network}, {network.first} to {network.last}."


edges = sorted({str(IPv4Address.from_int(number)) for text in RANGES for network in [IPv4Network(text)]
                for number in (network.bits - 1, network.bits, network.bits + network.size - 1,
                               network.bits + network.size) if 0 <= number <= ALL_ONES})  # fmt: skip

SPECIAL = Exercise(
    number="4.5",
    name="special",
    points=2,
    summary="What an address is set apart for.",
    signature="special(address: str) -> str",
    rfc="RFC 6890 section 2.2.2",
    reference=special,
    inputs=st.tuples(
        st.one_of(addresses, st.sampled_from(edges), st.sampled_from(edges),
                  st.integers(0, ALL_ONES).map(lambda number: str(IPv4Address.from_int(number))))),
    pinned={
        "an address of the Internet": ("93.184.216.34",),
        "this machine": ("127.0.0.1",),
        "also this machine": ("127.255.0.3",),
        "the last private one of 172.16.0.0/12": ("172.31.255.255",),
        "no private one any more": ("172.32.0.0",),
        "what Docker takes first": ("172.17.0.1",),
        "not only 192.168.0": ("192.168.77.1",),
        "not only 10.0.0": ("10.255.1.1",),
        "a provider's, shared": ("100.127.255.255",),
        "beside the shared ones": ("100.128.0.0",),
        "a cloud's metadata": ("169.254.169.254",),
        "for examples": ("203.0.113.9",),
        "the other half of the /15": ("198.19.0.1",),
        "a group": ("239.255.255.250",),
        "all hosts of a link": ("255.255.255.255",),
        "one below it": ("255.255.255.254",),
        "not yet an address": ("0.0.0.0",),
    },
    mistakes=[
        Mistake("It looks as if 172.16.0.0/12 is taken for a /16: it reaches from 172.16.0.0 to 172.31.255.255.",
                partial(special_by, n172_16_0_0_12="/16")),
        Mistake("It looks as if 172.16.0.0/12 is missing among the private ones.",
                partial(special_by, n172_16_0_0_12=None)),
        Mistake("It looks as if 10.0.0.0/8 is taken for a /24.", partial(special_by, n10_0_0_0_8="/24")),
        Mistake("It looks as if 100.64.0.0/10 is taken for a /16: it reaches to 100.127.255.255.",
                partial(special_by, n100_64_0_0_10="/16")),
        Mistake("It looks as if loopback is 127.0.0.1 only: all of 127.0.0.0/8 is.",
                partial(special_by, n127_0_0_0_8="/32")),
        Mistake("It looks as if 198.18.0.0/15 is taken for a /16: 198.19 belongs to it.",
                partial(special_by, n198_18_0_0_15="/16")),
        Mistake("It looks as if multicast is 224 only: /4 reaches from 224 to 239.",
                partial(special_by, n224_0_0_0_4="/8")),
        Mistake("It looks as if the first range that fits wins: of 240.0.0.0/4 and 255.255.255.255/32 it is the longer "
                "prefix.", widest),
    ],
    without=TEXT_READERS,
    why=why_special,
)  # fmt: skip


def inet_aton(text: str) -> str:
    """The address that C's inet_aton, and with it many programs, reads in a text: "010.1.1.1" is 8.1.1.1 for it."""
    return str(IPv4Address(socket.inet_aton(text)))
