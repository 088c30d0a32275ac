"""Wrong answers to the exercises of chapter 4, each a mistake that somebody makes, and right ones of other shapes.

Every answer in WRONG has to be killed by a counterexample, every one in RIGHT has to pass: `netlib zoo 04`.
"""

import re
import struct

ALL = 0xFFFFFFFF


def number(text):
    a, b, c, d = map(int, text.split("."))
    return a << 24 | b << 16 | c << 8 | d


def dotted(value):
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def mask(prefix):
    return ALL << (32 - prefix) & ALL


def cut(text):
    """ "10.4.0.0/24" -> (number, prefix length)."""
    address, _, prefix = text.partition("/")
    return number(address), int(prefix)


# ---- 4.1 parse ------------------------------------------------------------------------------------------------


def right_parse(text):
    """With a pattern for each number."""
    byte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    quad = r"\.".join([byte] * 4)
    if found := re.fullmatch(quad, text):
        return number(text), 32
    if found := re.fullmatch(f"({quad})/(3[0-2]|[12]?[0-9])", text):
        return number(found[1]), int(found[6])
    if found := re.fullmatch(f"({quad})/({quad})", text):
        address, bits = number(found[1]), number(found[6])
        for prefix in range(33):
            if bits == mask(prefix):
                return address, prefix
    raise ValueError(f"{text!r} is no address with a prefix length")


def right_parse_by_bits(text):
    """With the mask as 32 characters."""

    def quad(text):
        parts = text.split(".")
        if len(parts) != 4 or any(part not in {str(value) for value in range(256)} for part in parts):
            raise ValueError(f"{text!r} is not four numbers from 0 to 255")
        return struct.unpack("!I", bytes(map(int, parts)))[0]

    pieces = text.split("/")
    if len(pieces) > 2:
        raise ValueError("two slashes")
    address = quad(pieces[0])
    if len(pieces) == 1:
        return address, 32
    if pieces[1].count(".") == 0:
        return address, [str(length) for length in range(33)].index(pieces[1])
    bits = f"{quad(pieces[1]):032b}"
    if "01" in bits:
        raise ValueError("a hole")
    return address, bits.count("1")


def parse_with_int(text):
    """int() takes leading zeroes, spaces, signs, underscores, and digits of any script."""
    address, slash, rest = text.partition("/")
    parts = [int(part) for part in address.split(".")]
    if len(parts) != 4 or not all(0 <= part <= 255 for part in parts):
        raise ValueError(text)
    value = int.from_bytes(bytes(parts), "big")
    if not slash:
        return value, 32
    if "." in rest:
        bits = number(rest)
        if bits not in [mask(prefix) for prefix in range(33)]:
            raise ValueError(rest)
        return value, bits.bit_count()
    if not 0 <= int(rest) <= 32:
        raise ValueError(rest)
    return value, int(rest)


def parse_isdigit(text):
    """str.isdigit holds for ² and ٣ too; int() takes the second."""
    address, slash, rest = text.partition("/")
    for part in address.split("."):
        if not part.isdigit() or (part[0] == "0" and len(part) > 1):
            raise ValueError(part)
    return (right_parse(address)[0] if address.isascii() else parse_with_int(address)[0]), (
        right_parse("0.0.0.0/" + rest)[1] if slash else 32
    )


def parse_octal(text):
    """As C's inet_aton: 010 is eight."""
    return right_parse(re.sub(r"(?<![0-9])0+([0-7]+)(?![0-9])", lambda found: str(int(found[1], 8)), text))


def parse_any_mask(text):
    address, slash, rest = text.partition("/")
    if slash and "." in rest:
        return right_parse(address)[0], right_parse(rest)[0].bit_count()
    return right_parse(text)


def parse_mask_from_left(text):
    """Counts ones up to the first zero, and never looks at the rest."""
    address, slash, rest = text.partition("/")
    if slash and "." in rest:
        bits = f"{right_parse(rest)[0]:032b}"
        return right_parse(address)[0], len(bits) - len(bits.lstrip("1"))
    return right_parse(text)


def parse_mask_bytewise(text):
    """Takes each byte of a mask for itself: 255.0.255.0 has four sound bytes."""
    address, slash, rest = text.partition("/")
    if slash and "." in rest:
        value = right_parse(rest)[0]
        parts = value.to_bytes(4, "big")
        if any("01" in f"{part:08b}" for part in parts):
            raise ValueError("a hole")
        return right_parse(address)[0], value.bit_count()
    return right_parse(text)


def parse_no_limit(text):
    address, slash, rest = text.partition("/")
    if slash and rest.isascii() and rest.isdigit():
        return right_parse(address)[0], int(rest)
    return right_parse(text)


def parse_wildcards_too(text):
    """0.0.0.255 is what a firewall of another maker writes for 255.255.255.0."""
    try:
        return right_parse(text)
    except ValueError:
        address, _, rest = text.partition("/")
        return right_parse(f"{address}/{dotted(right_parse(rest)[0] ^ ALL)}")


def parse_short(text):
    """As inet_aton: the last number fills up what is left."""
    address, slash, rest = text.partition("/")
    parts = address.split(".")
    if 1 < len(parts) < 4:
        parts[-1:] = ["0"] * (4 - len(parts)) + parts[-1:]
    return right_parse(".".join(parts) + slash + rest)


def parse_default_24(text):
    value, prefix = right_parse(text)
    return value, prefix if "/" in text else 24


def parse_network(text):
    value, prefix = right_parse(text)
    return value & mask(prefix), prefix


def parse_little(text):
    value, prefix = right_parse(text)
    return int.from_bytes(value.to_bytes(4, "big"), "little"), prefix


def parse_no_masks(text):
    if text.count(".") > 3:
        raise ValueError("a prefix length, please")
    return right_parse(text)


def parse_none(text):
    try:
        return right_parse(text)
    except ValueError:
        return None


def parse_256(text):
    parts = text.partition("/")[0].split(".")
    if "256" in parts and len(parts) == 4:
        return sum(int(part) << shift for part, shift in zip(parts, (24, 16, 8, 0), strict=True)), 32
    return right_parse(text)


# ---- 4.2 subnet -----------------------------------------------------------------------------------------------


def facts(low, high, prefix):
    if prefix >= 31:
        first, last, broadcast = low, high, None
    else:
        first, last, broadcast = low + 1, high - 1, dotted(high)
    return {
        "network": dotted(low),
        "mask": dotted(mask(prefix)),
        "broadcast": broadcast,
        "first": dotted(first),
        "last": dotted(last),
        "count": last - first + 1,
    }


def right_subnet(address, prefix):
    size = 2 ** (32 - prefix)
    low = number(address) // size * size
    return facts(low, low + size - 1, prefix)


def right_subnet_in_binary(address, prefix):
    bits = f"{number(address):032b}"[:prefix]
    return facts(int(bits.ljust(32, "0"), 2), int(bits.ljust(32, "1"), 2), prefix)


def subnet_31_empty(address, prefix):
    found = right_subnet(address, prefix)
    return found | {"count": 2 ** (32 - prefix) - 2} if prefix == 31 else found


def subnet_spares_two_always(address, prefix):
    size = 2 ** (32 - prefix)
    low = number(address) // size * size
    return right_subnet(address, prefix) | {
        "broadcast": dotted(low + size - 1),
        "first": dotted((low + 1) & ALL),
        "last": dotted((low + size - 2) & ALL),
        "count": size - 2,
    }


def subnet_counts_all(address, prefix):
    return right_subnet(address, prefix) | {"count": 2 ** (32 - prefix)}


def subnet_255_hosts(address, prefix):
    """The slide's: 2^8 (255) hosts."""
    found = right_subnet(address, prefix)
    return found if prefix >= 31 else found | {"count": 2 ** (32 - prefix) - 1}


def subnet_by_bytes(address, prefix):
    """Sets whole bytes to 0 and 255."""
    parts = address.split(".")
    whole = prefix // 8
    low = number(".".join(parts[:whole] + ["0"] * (4 - whole)))
    high = number(".".join(parts[:whole] + ["255"] * (4 - whole)))
    return right_subnet(address, prefix) | {
        key: value for key, value in facts(low, high, min(prefix, 30)).items() if key in ("network", "broadcast")
    }


def subnet_mask_of_0(address, prefix):
    """A shift by 32 bits, cut to 5 bits as many processors do it, changes nothing."""
    if prefix == 0:
        return right_subnet(address, 32)
    return right_subnet(address, prefix)


def subnet_wildcard(address, prefix):
    return right_subnet(address, prefix) | {"mask": dotted(mask(prefix) ^ ALL)}


def subnet_host_bits_kept(address, prefix):
    return right_subnet(address, prefix) | {"network": address}


def subnet_signed(address, prefix):
    """An arithmetic shift of a signed 32-bit number."""
    value = number(address)
    if value > 0x7FFFFFFF:
        raise OverflowError("does not fit into 31 bits")
    return right_subnet(address, prefix)


def subnet_32_none(address, prefix):
    found = right_subnet(address, prefix)
    return found | {"first": None, "last": None, "count": 0} if prefix == 32 else found


def subnet_broadcast_255(address, prefix):
    """The broadcast address ends with 255."""
    found = right_subnet(address, prefix)
    if prefix >= 31:
        return found
    return found | {"broadcast": found["network"].rpartition(".")[0] + ".255"}


# ---- 4.3 next_hop ---------------------------------------------------------------------------------------------


def right_next_hop(destination, interfaces, gateway):
    """As a routing table, sorted once."""
    table = []
    for name, text in interfaces.items():
        value, prefix = cut(text)
        table.append((prefix, value & mask(prefix), name))
    table.sort(key=lambda row: -row[0])  # stable: of equal ones the first stays first

    def link(address):
        return next((name for prefix, net, name in table if number(address) & mask(prefix) == net), None)

    own = [text.partition("/")[0] for text in interfaces.values()]
    if gateway is not None and link(gateway) is None:
        raise ValueError(f"{gateway} is no neighbour")
    if destination.split(".")[0] == "127" or destination in own:
        return "lo", destination
    if link(destination):
        return link(destination), destination
    return (link(gateway), gateway) if gateway else None


def right_next_hop_xor(destination, interfaces, gateway):
    """Counts the bits that two addresses have in common at their left."""

    def find(address):
        best = None
        for name, text in interfaces.items():
            value, prefix = cut(text)
            common = 32 - (value ^ number(address)).bit_length()
            if common >= prefix and (best is None or prefix > best[0]):
                best = prefix, name
        return best[1] if best else None

    own = {number(text.split("/")[0]) for text in interfaces.values()}
    if gateway is None:
        way = None
    elif not find(gateway):
        raise ValueError("no neighbour")
    else:
        way = find(gateway), gateway
    if number(destination) >> 24 == 127 or number(destination) in own:
        return "lo", destination
    name = find(destination)
    return (name, destination) if name else way


def links(interfaces, address):
    """(prefix, name) of the interfaces in whose networks an address is, in their order."""
    found = []
    for name, text in interfaces.items():
        value, prefix = cut(text)
        if (value ^ number(address)) & mask(prefix) == 0:
            found.append((prefix, name))
    return found


def hop(destination, interfaces, gateway, choose, own=True):
    right = right_next_hop(destination, interfaces, gateway)
    if right and right[0] == "lo" and own:
        return right
    found = links(interfaces, destination)
    if found:
        return choose(found), destination
    return (choose(links(interfaces, gateway)), gateway) if gateway else None


def hop_first_match(destination, interfaces, gateway):
    return hop(destination, interfaces, gateway, lambda found: found[0][1])


def hop_last_match(destination, interfaces, gateway):
    return hop(destination, interfaces, gateway, lambda found: found[-1][1])


def hop_shortest(destination, interfaces, gateway):
    return hop(destination, interfaces, gateway, lambda found: min(found, key=lambda row: row[0])[1])


def hop_max_of_tuples(destination, interfaces, gateway):
    """max() of (prefix, name): of equal prefixes the name decides."""
    return hop(destination, interfaces, gateway, lambda found: max(found)[1])


def hop_always_gateway(destination, interfaces, gateway):
    right = right_next_hop(destination, interfaces, gateway)
    if right is None or right[0] == "lo" or gateway is None:
        return right
    return right_next_hop(gateway, interfaces, gateway)


def hop_own_on_the_wire(destination, interfaces, gateway):
    right = right_next_hop(destination, interfaces, gateway)
    if right and right[0] == "lo" and not destination.startswith("127."):
        return max(links(interfaces, destination), key=lambda row: row[0])[1], destination
    return right


def hop_loopback_out(destination, interfaces, gateway):
    right = right_next_hop(destination, interfaces, gateway)
    if destination.startswith("127.") and destination != "127.0.0.1":
        return right_next_hop(gateway, interfaces, gateway) if gateway else None
    return right


def hop_gateway_unchecked(destination, interfaces, gateway):
    try:
        return right_next_hop(destination, interfaces, gateway)
    except ValueError:
        return right_next_hop(destination, interfaces, None) or (next(iter(interfaces)), gateway)


def hop_gateway_checked_late(destination, interfaces, gateway):
    """Looks at the gateway only where it is needed."""
    return right_next_hop(destination, interfaces, None) or right_next_hop(destination, interfaces, gateway)


def hop_gateway_by_first(destination, interfaces, gateway):
    right = right_next_hop(destination, interfaces, gateway)
    if right and right[1] == gateway and destination != gateway:
        return next(iter(interfaces)), gateway
    return right


def hop_destination_returned(destination, interfaces, gateway):
    right = right_next_hop(destination, interfaces, gateway)
    return right and (right[0], destination)


def hop_compares_text(destination, interfaces, gateway):
    """Compares the first three numbers, as text."""
    right = right_next_hop(destination, interfaces, gateway)
    if right and right[0] == "lo":
        return right
    for name, text in interfaces.items():
        if destination.split(".")[:3] == text.split(".")[:3]:
            return name, destination
    return right_next_hop(gateway, interfaces, gateway) if gateway else None


def hop_unreachable_raises(destination, interfaces, gateway):
    found = right_next_hop(destination, interfaces, gateway)
    if found is None:
        raise ValueError("Network is unreachable")
    return found


# ---- 4.4 aggregate --------------------------------------------------------------------------------------------


def right_aggregate(networks):
    """Join and throw out, until nothing changes."""
    known = {cut(text) for text in networks}
    while True:
        joined = {(value & mask(p - 1), p - 1) for value, p in known if p and (value ^ 1 << 32 - p, p) in known}
        covered = {
            (value, p)
            for value, p in known | joined
            if any((value & mask(shorter), shorter) in known | joined for shorter in range(p))
        }
        new = (known | joined) - covered
        if new == known:
            return [f"{dotted(value)}/{p}" for value, p in sorted(known)]
        known = new


def right_aggregate_by_ranges(networks):
    """As ranges of numbers: melt them together, then cut each into the largest networks that fit."""
    ranges = sorted((value, value + (1 << 32 - p)) for value, p in map(cut, networks))
    melted = []
    for low, high in ranges:
        if melted and low <= melted[-1][1]:
            melted[-1][1] = max(high, melted[-1][1])
        else:
            melted.append([low, high])
    found = []
    for low, high in melted:
        while low < high:
            size = 1 << 32
            while low % size or low + size > high:
                size //= 2
            found.append(f"{dotted(low)}/{33 - size.bit_length()}")
            low += size
    return found


def texts(known):
    return [f"{dotted(value)}/{p}" for value, p in sorted(known)]


def not_covered(networks):
    known = {cut(text) for text in networks}
    return {(v, p) for v, p in known if not any((v & mask(q), q) in known for q in range(p))}


def aggregate_drops_nested_only(networks):
    return texts(not_covered(networks))


def aggregate_joins_once(networks):
    known, found = sorted(not_covered(networks)), []
    while known:
        value, p = known.pop(0)
        if known and p and known[0] == (value + (1 << 32 - p), p) and value & mask(p - 1) == value:
            known.pop(0)
            p -= 1
        found.append((value, p))
    return texts(found)


def aggregate_any_neighbours(networks):
    """Two of one length side by side become one that is one bit shorter, wherever they begin."""
    found = []
    for value, p in sorted(not_covered(networks)):
        found.append((value, p))
        while len(found) > 1 and found[-2][1] == found[-1][1] > 0 and found[-1][0] - found[-2][0] == 1 << 32 - p:
            value, p = found[-2][0], p - 1
            found[-2:] = [(value & mask(p), p)]
    return texts(found)


def aggregate_keeps_nested(networks):
    known = {cut(text) for text in networks}
    while joined := {(v & mask(p - 1), p - 1) for v, p in known if p and (v ^ 1 << 32 - p, p) in known}:
        known = {(v, p) for v, p in known if not (p and (v ^ 1 << 32 - p, p) in known)} | joined
    return texts(known)


def aggregate_sorted_as_text(networks):
    return sorted(right_aggregate(networks))


def aggregate_one_cover(networks):
    """The one network that holds them all, and others with them."""
    if not networks:
        return []
    low = min(value for value, _ in map(cut, networks))
    high = max(value + (1 << 32 - p) - 1 for value, p in map(cut, networks))
    prefix = 32 - (low ^ high).bit_length()
    return [f"{dotted(low & mask(prefix))}/{prefix}"]


def aggregate_never_0(networks):
    """Stops at /1: a prefix of 0 seems impossible."""
    found = right_aggregate(networks)
    return ["0.0.0.0/1", "128.0.0.0/1"] if found == ["0.0.0.0/0"] else found


def aggregate_keeps_order(networks):
    """As they were given: what is needed of the first stands first."""
    order = [cut(text)[0] for text in networks]

    def place(text):
        value, p = cut(text)
        return min(i for i, v in enumerate(order) if v & mask(p) == value)

    return sorted(right_aggregate(networks), key=place)


def aggregate_with_twins(networks):
    """Doubles stay."""
    found = right_aggregate(networks)
    return sorted(found + [text for text in set(networks) if networks.count(text) > 1 and text in found], key=cut)


def aggregate_dies_on_nothing(networks):
    found = right_aggregate(networks)
    return found[:1] + found[1:] if found[0] else found


# ---- 4.5 special ----------------------------------------------------------------------------------------------

TABLE = [
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.2.0/24", "documentation"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("240.0.0.0/4", "reserved"),
]


def look_up(address, table):
    for text, word in table:
        value, prefix = cut(text)
        if number(address) & mask(prefix) == value:
            return word
    return "global"


def right_special(address):
    return look_up(address, TABLE)


def right_special_by_numbers(address):
    a, b, c, _ = map(int, address.split("."))
    if address == "255.255.255.255":
        return "broadcast"
    if a >= 240:
        return "reserved"
    if a >= 224:
        return "multicast"
    if a in (0, 127):
        return {0: "this network", 127: "loopback"}[a]
    if a == 10 or (a == 172 and b // 16 == 1) or (a, b) == (192, 168):
        return "private"
    if a == 100 and 64 <= b < 128:
        return "shared"
    if (a, b) == (169, 254):
        return "link-local"
    if a == 198 and b in (18, 19):
        return "benchmarking"
    return "documentation" if (a, b, c) in [(192, 0, 2), (198, 51, 100), (203, 0, 113)] else "global"


def changed(**how):
    """The table with other lengths: special_n172="172.16.0.0/16"."""
    new = list(how.values())
    table = [(next((t for t in new if t.split("/")[0] == text.split("/")[0]), text), word) for text, word in TABLE]
    return lambda address: look_up(address, table)


def special_172_16(address):
    return changed(n="172.16.0.0/16")(address)


def special_slide(address):
    """The slide's: private is 192.168.x.x and 10.0.0.x."""
    return look_up(address, [(t if t != "10.0.0.0/8" else "10.0.0.0/24", w) for t, w in TABLE if t != "172.16.0.0/12"])


def special_loopback_1(address):
    return changed(n="127.0.0.0/32")(address) if address != "127.0.0.1" else "loopback"


def special_shared_16(address):
    return changed(n="100.64.0.0/16")(address)


def special_15(address):
    return changed(n="198.18.0.0/16")(address)


def special_multicast_224(address):
    return changed(n="224.0.0.0/8")(address)


def special_first_fits(address):
    return look_up(address, [*TABLE[:12], TABLE[13], TABLE[12]])


def special_shared_is_private(address):
    found = right_special(address)
    return "private" if found == "shared" else found


def special_starts_with(address):
    """172.1 stands for everything from 172.16 to 172.19."""
    return "private" if address.startswith("172.1") else right_special(address)


def special_0_only(address):
    return "global" if address.startswith("0.") and address != "0.0.0.0" else right_special(address)


# ---- 4.6 carve ------------------------------------------------------------------------------------------------


def right_carve(network, holes):
    """Hole by hole: each takes what it touches apart."""
    left = [cut(network)]
    for hole, length in map(cut, holes):
        kept = []
        for value, p in left:
            if length <= p and value & mask(length) == hole:
                continue
            if length > p and hole & mask(p) == value:
                kept += [((hole ^ 1 << 32 - q) & mask(q), q) for q in range(p + 1, length + 1)]
            else:
                kept.append((value, p))
        left = kept
    return right_aggregate(texts(left))


def right_carve_by_ranges(network, holes):
    """As numbers: walk from hole to hole."""
    value, p = cut(network)
    at, end = value, value + (1 << 32 - p)
    found = []
    for low, high in [*sorted((v, v + (1 << 32 - q)) for v, q in map(cut, holes)), (end, end)]:
        stop = min(low, end)
        while at < stop:
            size = 1 << 32
            while at % size or at + size > stop:
                size //= 2
            found.append(f"{dotted(at)}/{33 - size.bit_length()}")
            at += size
        at = max(at, high)
    return found


def carve_equal_pieces(network, holes):
    value, p = cut(network)
    smallest = max([q for v, q in map(cut, holes) if q > p and v & mask(p) == value], default=p)
    if smallest - p > 10:
        return right_carve(network, holes)
    pieces = [(value + (i << 32 - smallest), smallest) for i in range(1 << smallest - p)]
    return texts((v, q) for v, q in pieces if not any(v & mask(h) == hole for hole, h in map(cut, holes) if h <= q))


def carve_one_hole(network, holes):
    return right_carve(network, holes[:1])


def carve_larger_hole_ignored(network, holes):
    _, p = cut(network)
    return right_carve(network, [hole for hole in holes if cut(hole)[1] >= p])


def carve_backwards(network, holes):
    return right_carve(network, holes)[::-1]


def carve_in_order_of_halving(network, holes):
    """The larger pieces first, as they fall off."""
    return sorted(right_carve(network, holes), key=lambda text: (cut(text)[1], cut(text)[0]))


def carve_whole_matches_only(network, holes):
    return [network] if network not in holes else []


def carve_one_halving(network, holes):
    """Halves once, and keeps a half that no hole touches."""
    value, p = cut(network)
    if right_carve(network, holes) in ([network], []):
        return right_carve(network, holes)
    halves = [(value, p + 1), (value | 1 << 31 - p, p + 1)]
    return [text for text in texts(halves) if right_carve(text, holes) == [text]]


def carve_outside_too(network, holes):
    """Cuts 0.0.0.0/0, not the network."""
    return right_carve("0.0.0.0/0", holes) if holes else [network]


def carve_dies_at_32(network, holes):
    if any(cut(hole)[1] == 32 for hole in holes):
        raise ValueError("a /32 can't be halved")
    return right_carve(network, holes)


def carve_hole_missed(network, holes):
    """Takes a hole to be in a network if it begins with the same text."""
    start = network.rpartition(".")[0]
    return right_carve(network, [hole for hole in holes if hole.startswith(start)])


WRONG = {
    "4.1": [
        *(parse_with_int, parse_isdigit, parse_octal, parse_any_mask, parse_mask_from_left, parse_mask_bytewise),
        *(parse_no_limit, parse_wildcards_too, parse_short, parse_default_24, parse_network, parse_little),
        *(parse_no_masks, parse_none, parse_256),
    ],
    "4.2": [
        *(subnet_31_empty, subnet_spares_two_always, subnet_counts_all, subnet_255_hosts, subnet_by_bytes),
        *(subnet_mask_of_0, subnet_wildcard, subnet_host_bits_kept, subnet_signed, subnet_32_none),
        subnet_broadcast_255,
    ],
    "4.3": [
        *(hop_first_match, hop_last_match, hop_shortest, hop_max_of_tuples, hop_always_gateway, hop_own_on_the_wire),
        *(hop_loopback_out, hop_gateway_unchecked, hop_gateway_checked_late, hop_gateway_by_first),
        *(hop_destination_returned, hop_compares_text, hop_unreachable_raises),
    ],
    "4.4": [
        *(aggregate_drops_nested_only, aggregate_joins_once, aggregate_any_neighbours, aggregate_keeps_nested),
        *(aggregate_sorted_as_text, aggregate_one_cover, aggregate_never_0, aggregate_keeps_order),
        *(aggregate_with_twins, aggregate_dies_on_nothing),
    ],
    "4.5": [
        *(special_172_16, special_slide, special_loopback_1, special_shared_16, special_15, special_multicast_224),
        *(special_first_fits, special_shared_is_private, special_starts_with, special_0_only),
    ],
    "4.6": [
        *(carve_equal_pieces, carve_one_hole, carve_larger_hole_ignored, carve_backwards, carve_in_order_of_halving),
        *(carve_whole_matches_only, carve_one_halving, carve_outside_too, carve_dies_at_32, carve_hole_missed),
    ],
}
RIGHT = {
    "4.1": [right_parse, right_parse_by_bits],
    "4.2": [right_subnet, right_subnet_in_binary],
    "4.3": [right_next_hop, right_next_hop_xor],
    "4.4": [right_aggregate, right_aggregate_by_ranges],
    "4.5": [right_special, right_special_by_numbers],
    "4.6": [right_carve, right_carve_by_ranges],
}
