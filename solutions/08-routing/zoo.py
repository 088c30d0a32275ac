"""Wrong answers to the exercises of chapter 8, each a mistake that somebody makes, and right ones of other shapes.

Every answer in WRONG has to be killed by a counterexample, every one in RIGHT has to pass: `netlib zoo 08`.
"""

import struct

# ---- 8.1 forwarded --------------------------------------------------------------------------------------------------


def summed(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def right_from_scratch(frame, own, next_hop):
    end = 14 + int.from_bytes(frame[16:18], "big")
    packet = bytearray(frame[14:end])
    if packet[8] < 2:
        raise ValueError("dead")
    packet[8] -= 1
    packet[10:12] = bytes(2)
    packet[10:12] = summed(bytes(packet[: 4 * (packet[0] & 15)])).to_bytes(2, "big")
    return next_hop + own + b"\x08\x00" + bytes(packet)


def right_as_linux(frame, own, next_hop):
    """What ip_decrease_ttl does: 0x0100 more, and a carry comes round; 0xffff becomes 0."""
    (length,) = struct.unpack_from("!H", frame, 16)
    out = bytearray(frame[: 14 + length])
    if out[22] <= 1:
        raise ValueError(f"TTL {out[22]}")
    out[0:6], out[6:12] = next_hop, own
    out[22] -= 1
    check = int.from_bytes(out[24:26], "big") + 0x0100
    check += check >= 0xFFFF
    out[24:26] = (check & 0xFFFF).to_bytes(2, "big")
    return bytes(out)


def taken_apart(frame):
    end = 14 + int.from_bytes(frame[16:18], "big")
    good = right_as_linux(frame, frame[:6], frame[6:12])
    return frame[14:end], good[14:end]


def as_a_switch(frame, own, next_hop):
    return frame[:14] + taken_apart(frame)[1]


def all_as_it_came(frame, own, next_hop):
    return next_hop + own + frame[12:14] + taken_apart(frame)[0]


def macs_swapped(frame, own, next_hop):
    return own + next_hop + frame[12:14] + taken_apart(frame)[1]


def only_the_destination(frame, own, next_hop):
    return next_hop + frame[6:14] + taken_apart(frame)[1]


def new_source_is_where_it_came(frame, own, next_hop):
    return next_hop + frame[:6] + frame[12:14] + taken_apart(frame)[1]


def checksum_forgotten(frame, own, next_hop):
    before, _ = taken_apart(frame)
    return next_hop + own + frame[12:14] + before[:8] + bytes([before[8] - 1]) + before[9:]


def checksum_less(frame, own, next_hop):
    before, after = taken_apart(frame)
    check = (int.from_bytes(before[10:12], "big") - 0x100) % 0xFFFF
    return next_hop + own + frame[12:14] + after[:10] + check.to_bytes(2, "big") + after[12:]


def checksum_low_byte(frame, own, next_hop):
    before, after = taken_apart(frame)
    check = int.from_bytes(before[10:12], "big") + 1
    check = (check & 0xFFFF) + (check >> 16)
    return next_hop + own + frame[12:14] + after[:10] + check.to_bytes(2, "big") + after[12:]


def checksum_without_carry(frame, own, next_hop):
    before, after = taken_apart(frame)
    check = int.from_bytes(before[10:12], "big") + 0x100 & 0xFFFF
    return next_hop + own + frame[12:14] + after[:10] + check.to_bytes(2, "big") + after[12:]


def checksum_other_zero(frame, own, next_hop):
    _, after = taken_apart(frame)
    check = int.from_bytes(after[10:12], "big") or 0xFFFF
    return next_hop + own + frame[12:14] + after[:10] + check.to_bytes(2, "big") + after[12:]


def checksum_of_twenty(frame, own, next_hop):
    _, after = taken_apart(frame)
    check = summed(after[:10] + bytes(2) + after[12:20])
    return next_hop + own + frame[12:14] + after[:10] + check.to_bytes(2, "big") + after[12:]


def addresses_as_well(frame, own, next_hop):
    """The IP addresses are taken to change like the MAC addresses."""
    _, after = taken_apart(frame)
    return next_hop + own + frame[12:14] + after[:12] + after[16:20] + after[12:16] + after[20:]


def padding_as_well(frame, own, next_hop):
    _, after = taken_apart(frame)
    return next_hop + own + frame[12:14] + after + frame[14 + len(after) :]


def padded_anew(frame, own, next_hop):
    return (next_hop + own + frame[12:14] + taken_apart(frame)[1]).ljust(60, b"\0")


def one_hop_too_many(frame, own, next_hop):
    if frame[22] == 1:
        dead = bytearray(right_from_scratch(frame[:22] + b"\x02" + frame[23:], own, next_hop))
        dead[22], dead[24:26] = 0, bytes(2)
        dead[24:26] = summed(bytes(dead[14 : 14 + 4 * (dead[14] & 15)])).to_bytes(2, "big")
        return bytes(dead)
    return right_from_scratch(frame, own, next_hop)


def none_for_the_dead(frame, own, next_hop):
    return right_as_linux(frame, own, next_hop) if frame[22] > 1 else None


def ttl_below_zero(frame, own, next_hop):
    """TTL 0 becomes 255."""
    if frame[22] == 0:
        return next_hop + own + frame[12:22] + b"\xff" + frame[23:]
    return right_as_linux(frame, own, next_hop)


# ---- 8.2 longest_match ----------------------------------------------------------------------------------------------


def matches(network, destination):
    return (int.from_bytes(destination, "big") ^ network.bits) >> (32 - network.prefix) == 0


def right_loop(routes, destination):
    best = None
    for route in routes:
        if matches(route.network, destination) and (best is None or route.network.prefix > best.network.prefix):
            best = route
    return best


def right_by_length(routes, destination):
    """From 32 bits down to none, as hash tables for each length do it."""
    known = {(route.network.prefix, route.network.bits): route for route in routes}
    number = int.from_bytes(destination, "big")
    for prefix in range(32, -1, -1):
        found = known.get((prefix, number >> (32 - prefix) << (32 - prefix)))
        if found:
            return found
    return None


def right_with_text(routes, destination):
    bits = "".join(f"{byte:08b}" for byte in destination)
    fitting = [route for route in routes if bits.startswith(f"{route.network.bits:032b}"[: route.network.prefix])]
    fitting.sort(key=lambda route: route.network.prefix)
    return fitting[-1] if fitting else None


def first_that_matches(routes, destination):
    for route in routes:
        if matches(route.network, destination):
            return route
    return None


def last_that_matches(routes, destination):
    best = None
    for route in routes:
        if matches(route.network, destination):
            best = route
    return best


def shortest_that_matches(routes, destination):
    fitting = [route for route in routes if matches(route.network, destination)]
    return min(fitting, key=lambda route: route.network.prefix, default=None)


def zero_is_false(routes, destination):
    fitting = [route for route in routes if route.network.prefix and matches(route.network, destination)]
    return max(fitting, key=lambda route: route.network.prefix, default=None)


def shift_by_32_less(routes, destination):
    """A mask by shifting to the left, cut to 32 bits at the wrong place: /0 becomes /32."""
    number = int.from_bytes(destination, "big")

    def fits(network):
        mask = (0xFFFFFFFF << ((32 - network.prefix) % 32)) & 0xFFFFFFFF
        return number & mask == network.bits

    fitting = [route for route in routes if fits(route.network)]
    return max(fitting, key=lambda route: route.network.prefix, default=None)


def whole_bytes_only(routes, destination):
    fitting = []
    for route in routes:
        count = route.network.prefix // 8
        if destination[:count] == route.network.bits.to_bytes(4, "big")[:count]:
            fitting.append(route)
    return max(fitting, key=lambda route: route.network.prefix, default=None)


def wildcard_for_mask(routes, destination):
    number = int.from_bytes(destination, "big")
    fitting = [r for r in routes if number & ((1 << 32 - r.network.prefix) - 1) == r.network.bits]
    return max(fitting, key=lambda route: route.network.prefix, default=None)


def little_endian(routes, destination):
    return right_loop(routes, destination[::-1])


def raises_for_none(routes, destination):
    fitting = [route for route in routes if matches(route.network, destination)]
    return max(fitting, key=lambda route: route.network.prefix)


def always_some_route(routes, destination):
    return right_loop(routes, destination) or (routes[-1] if routes else None)


def not_the_ends(routes, destination):
    """The first and the last address are taken to be nobody's."""
    number = int.from_bytes(destination, "big")
    inside = [r for r in routes if r.network.bits < number < r.network.bits + (1 << 32 - r.network.prefix) - 1]
    return max(inside, key=lambda route: route.network.prefix, default=None)


def smallest_interface(routes, destination):
    fitting = [route for route in routes if matches(route.network, destination)]
    return min(fitting, key=lambda route: (route.interface, -route.network.prefix), default=None)


def the_network_alone(routes, destination):
    found = right_loop(routes, destination)
    return found and found.network


# ---- 8.3 Trie -------------------------------------------------------------------------------------------------------


def bits_of(number, count=32):
    return [number >> (31 - place) & 1 for place in range(count)]


class RightNodes:
    """Nodes with two children, as the text has them; nodes that lead nowhere stay."""

    def __init__(self):
        self.route, self.children = None, [None, None]

    def node(self, network, make):
        node = self
        for bit in bits_of(network.bits, network.prefix):
            if node.children[bit] is None:
                if not make:
                    return None
                node.children[bit] = type(self)()
            node = node.children[bit]
        return node

    def add(self, route):
        self.node(route.network, True).route = route

    def remove(self, network):
        node = self.node(network, False)
        if node:
            node.route = None

    def lookup(self, destination):
        node, best = self, self.route
        for bit in bits_of(int.from_bytes(destination, "big")):
            node = node.children[bit]
            if node is None:
                break
            best = node.route or best
        return best


class RightPrefixes:
    """Dictionaries for each length, the longest first: no tree, and the same answers in 33 steps."""

    def __init__(self):
        self.tables = [{} for _ in range(33)]

    def add(self, route):
        self.tables[route.network.prefix][route.network.bits] = route

    def remove(self, network):
        self.tables[network.prefix].pop(network.bits, None)

    def lookup(self, destination):
        number = int.from_bytes(destination, "big")
        for prefix in range(32, -1, -1):
            found = self.tables[prefix].get(number & ~((1 << 32 - prefix) - 1))
            if found is not None:
                return found
        return None


class RightTree:
    """Nested dictionaries, recursive, pruned."""

    def __init__(self):
        self.tree = {}

    def add(self, route):
        tree = self.tree
        for bit in f"{route.network.bits:032b}"[: route.network.prefix]:
            tree = tree.setdefault(bit, {})
        tree["route"] = route

    def remove(self, network):
        def without(tree, bits):
            if not bits:
                tree.pop("route", None)
            elif bits[0] in tree and not without(tree[bits[0]], bits[1:]):
                del tree[bits[0]]
            return tree

        without(self.tree, f"{network.bits:032b}"[: network.prefix])

    def lookup(self, destination):
        def best(tree, bits):
            deeper = best(tree[bits[0]], bits[1:]) if bits and bits[0] in tree else None
            return deeper or tree.get("route")

        return best(self.tree, "".join(f"{byte:08b}" for byte in destination))


class EndOfTheWalk(RightNodes):
    def lookup(self, destination):
        node = self
        for bit in bits_of(int.from_bytes(destination, "big")):
            if node.children[bit] is None:
                break
            node = node.children[bit]
        return node.route


class WholeWalkOrNothing(RightNodes):
    def lookup(self, destination):
        node, best = self, self.route
        for bit in bits_of(int.from_bytes(destination, "big")):
            node = node.children[bit]
            if node is None:
                return None
            best = node.route or best
        return best


class FirstComes(RightNodes):
    def lookup(self, destination):
        node = self
        for bit in [*bits_of(int.from_bytes(destination, "big")), 0]:
            if node is None or node.route:
                return node and node.route
            node = node.children[bit]
        return None


class NoDefault(RightNodes):
    def lookup(self, destination):
        node, best = self, None
        for bit in bits_of(int.from_bytes(destination, "big")):
            node = node.children[bit]
            if node is None:
                break
            best = node.route or best
        return best


class ThirtyOneSteps(RightNodes):
    def lookup(self, destination):
        node, best = self, self.route
        for bit in bits_of(int.from_bytes(destination, "big"))[:31]:
            node = node.children[bit]
            if node is None:
                break
            best = node.route or best
        return best


class LowBitsFirst(RightNodes):
    """Consistent in itself, and wrong: the last bits are not the prefix."""

    def node(self, network, make):
        node = self
        for place in range(network.prefix):
            bit = network.bits >> place & 1
            if node.children[bit] is None:
                if not make:
                    return None
                node.children[bit] = type(self)()
            node = node.children[bit]
        return node

    def lookup(self, destination):
        node, best = self, self.route
        number = int.from_bytes(destination, "big")
        for place in range(32):
            node = node.children[number >> place & 1]
            if node is None:
                break
            best = node.route or best
        return best


class StaysWithTheFirst(RightNodes):
    def add(self, route):
        node = self.node(route.network, True)
        node.route = node.route or route


class CutsTheBranch(RightNodes):
    def remove(self, network):
        node = self.node(network, False)
        if node:
            node.route, node.children = None, [None, None]


class RemoveRaises(RightNodes):
    def remove(self, network):
        self.node(network, False).route = None


class RemoveMakesNodesAndForgets(RightNodes):
    """Whatever lookup finds for the network's address goes."""

    def remove(self, network):
        found = self.lookup(network.address)
        if found:
            self.node(found.network, True).route = None


class RemovesNothing(RightNodes):
    def remove(self, network):
        pass


class SharedChildren(RightNodes):
    """A mutable default: all tries are one."""

    shared = [None, None]  # noqa: RUF012

    def __init__(self):
        self.route, self.children = None, self.shared


class KeyWithoutLength:
    def __init__(self):
        self.known = {}

    def add(self, route):
        self.known[route.network.bits] = route

    def remove(self, network):
        self.known.pop(network.bits, None)

    def lookup(self, destination):
        return right_loop(self.known.values(), destination)


class ListInOrder:
    def __init__(self):
        self.table = []

    def add(self, route):
        self.table.append(route)

    def remove(self, network):
        self.table = [route for route in self.table if route.network != network]

    def lookup(self, destination):
        return first_that_matches(self.table, destination)


class OnlyAddresses(RightNodes):
    """Works for addresses, and not for their four bytes."""

    def lookup(self, destination):
        if type(destination) is bytes:
            return super().lookup(str(destination).encode()[:4])
        return super().lookup(destination)


class InterfaceOnly(RightNodes):
    def lookup(self, destination):
        found = super().lookup(destination)
        return found and found.interface


# ---- 8.4 route ------------------------------------------------------------------------------------------------------


def right_steps(packet, came_by, ports, routes):
    source, destination = packet[12:16], packet[16:20]
    here = ports[came_by][1]
    if source[0] == 127 or source[0] >= 224:
        return []
    if destination in [address for address, _, _ in ports] or destination == b"\xff\xff\xff\xff":
        return [("deliver",)]
    if here.is_broadcast(destination):
        return [("deliver",)]
    if source[0] == 0 or destination[0] in (0, 127) or destination[0] >= 224:
        return []
    if any(network.is_broadcast(destination) for _, network, _ in ports):
        return []
    route = routes.lookup(destination)
    if route is None:
        return [("report", 3, 0, 0)]
    if packet[8] <= 1:
        return [("report", 11, 0, 0)]
    mtu = ports[route.interface][2]
    if int.from_bytes(packet[2:4], "big") > mtu and packet[6] & 0x40:
        return [("report", 3, 4, mtu)]
    next_hop = destination if route.via is None else route.via
    actions = [("forward", route.interface, next_hop)]
    if route.interface == came_by and source in here and next_hop in here:
        actions.append(("report", 5, 1, int.from_bytes(next_hop, "big")))
    return actions


def right_numbers(packet, came_by, ports, routes):
    """With numbers and masks, as tuples."""
    length, flags, ttl = struct.unpack_from("!2xH2xHB", packet)
    source, destination = struct.unpack_from("!12xII", packet)
    top, bottom = source >> 24, destination >> 24

    def broadcast(network):
        return network.prefix < 31 and destination == network.bits | (1 << 32 - network.prefix) - 1

    def inside(number, network):
        return number >> 32 - network.prefix == network.bits >> 32 - network.prefix

    if top == 127 or top > 223:
        return ()
    own = {int.from_bytes(address, "big") for address, _, _ in ports}
    if destination in own or destination == 2**32 - 1 or broadcast(ports[came_by][1]):
        return (("deliver",),)
    if not top or bottom in {0, 127} or bottom > 223 or any(broadcast(network) for _, network, _ in ports):
        return ()
    taken = routes.lookup(destination.to_bytes(4, "big"))
    if not taken:
        return (("report", 3, 0, 0),)
    if ttl < 2:
        return (("report", 11, 0, 0),)
    if flags & 0x4000 and length > ports[taken.interface][2]:
        return (("report", 3, 4, ports[taken.interface][2]),)
    hop = int.from_bytes(taken.via or destination.to_bytes(4, "big"), "big")
    near = taken.interface == came_by and inside(source, ports[came_by][1]) and inside(hop, ports[came_by][1])
    told = (("report", 5, 1, hop),) if near else ()
    return (*told, ("forward", taken.interface, hop.to_bytes(4, "big")))


def altered(packet, **changes):
    """`packet` with other fields: to ask the right answer another question."""
    made = bytearray(packet)
    for at, value in changes.items():
        place = {"ttl": 8, "source": 12, "destination": 16, "flags": 6, "length": 2}[at]
        value = bytes([value]) if isinstance(value, int) else value
        made[place : place + len(value)] = value
    return bytes(made)


def ttl_one_goes_on(packet, came_by, ports, routes):
    return right_steps(altered(packet, ttl=max(2, packet[8]) if packet[8] == 1 else packet[8]), came_by, ports, routes)


def ttl_before_all(packet, came_by, ports, routes):
    if packet[8] <= 1:
        return [("report", 11, 0, 0)]
    return right_steps(packet, came_by, ports, routes)


def ttl_before_lookup(packet, came_by, ports, routes):
    found = right_steps(packet, came_by, ports, routes)
    return [("report", 11, 0, 0)] if packet[8] <= 1 and found == [("report", 3, 0, 0)] else found


def ttl_after_mtu(packet, came_by, ports, routes):
    found = right_steps(altered(packet, ttl=9), came_by, ports, routes)
    return right_steps(packet, came_by, ports, routes) if found[:1] and found[0][0] == "forward" else found


def own_on_this_link_only(packet, came_by, ports, routes):
    for address, _, _ in ports:
        if packet[16:20] == address != ports[came_by][0]:
            return [("forward", [a for a, _, _ in ports].index(address), address)]
    return right_steps(packet, came_by, ports, routes)


def broadcast_forgotten(packet, came_by, ports, routes):
    found = right_steps(packet, came_by, ports, routes)
    own = [address for address, _, _ in ports]
    return [] if found == [("deliver",)] and packet[16:20] not in own else found


def broadcasts_of_all_links(packet, came_by, ports, routes):
    if any(network.is_broadcast(packet[16:20]) for _, network, _ in ports) and right_steps(
        altered(packet, destination=b"\xff\xff\xff\xff"), came_by, ports, routes
    ):
        return [("deliver",)]
    return right_steps(packet, came_by, ports, routes)


def directed_broadcasts(packet, came_by, ports, routes):
    """Another link's broadcast is a packet as any other."""
    for number, (_, network, _) in enumerate(ports):
        if number != came_by and network.is_broadcast(packet[16:20]):
            neighbour = (int.from_bytes(packet[16:20], "big") - 1).to_bytes(4, "big")
            found = right_steps(altered(packet, destination=neighbour), came_by, ports, routes)
            return [("forward", number, packet[16:20]) if a[0] == "forward" else a for a in found]
    return right_steps(packet, came_by, ports, routes)


def every_network_has_a_broadcast(packet, came_by, ports, routes):
    """The last address of a /31 as well."""
    for number, (address, network, _) in enumerate(ports):
        if packet[16:20] == network.last and packet[16:20] != address:
            return [("deliver",)] if number == came_by else []
    return right_steps(packet, came_by, ports, routes)


def groups_go_on(packet, came_by, ports, routes):
    if (packet[16] >= 224 and packet[16:20] != b"\xff\xff\xff\xff") or packet[16] in (0, 127):
        found = routes.lookup(packet[16:20])
        return [("forward", found.interface, found.via)] if found and found.via else [("report", 3, 0, 0)]
    return right_steps(packet, came_by, ports, routes)


def any_source_will_do(packet, came_by, ports, routes):
    odd = packet[12] in (0, 127) or packet[12] >= 224
    return right_steps(altered(packet, source=b"\x09\x09\x09\x09") if odd else packet, came_by, ports, routes)


def source_zero_never(packet, came_by, ports, routes):
    return [] if packet[12] == 0 else right_steps(packet, came_by, ports, routes)


def silent_about_no_route(packet, came_by, ports, routes):
    found = right_steps(packet, came_by, ports, routes)
    return [] if found == [("report", 3, 0, 0)] else found


def host_unreachable(packet, came_by, ports, routes):
    found = right_steps(packet, came_by, ports, routes)
    return [("report", 3, 1, 0)] if found == [("report", 3, 0, 0)] else found


def reports_too_long_without_df(packet, came_by, ports, routes):
    return right_steps(altered(packet, flags=packet[6] | 0x40), came_by, ports, routes)


def cuts_in_spite_of_df(packet, came_by, ports, routes):
    return right_steps(altered(packet, flags=0), came_by, ports, routes)


def mtu_without_header(packet, came_by, ports, routes):
    found = right_steps(altered(packet, length=(len(packet) - 20).to_bytes(2, "big")), came_by, ports, routes)
    return found


def mtu_exactly_is_too_long(packet, came_by, ports, routes):
    return right_steps(altered(packet, length=(len(packet) + 1).to_bytes(2, "big")), came_by, ports, routes)


def mtu_left_out(packet, came_by, ports, routes):
    found = right_steps(packet, came_by, ports, routes)
    return [("report", 3, 4, 0)] if found[:1] and found[0][:3] == ("report", 3, 4) else found


def mtu_where_it_came(packet, came_by, ports, routes):
    found = right_steps(altered(packet, flags=0), came_by, ports, routes)
    if found and found[0][0] == "forward" and packet[6] & 0x40 and len(packet) > ports[came_by][2]:
        return [("report", 3, 4, ports[came_by][2])]
    return found


def none_as_next_hop(packet, came_by, ports, routes):
    found = routes.lookup(packet[16:20])
    return [
        ("forward", a[1], found.via) if a[0] == "forward" else a for a in right_steps(packet, came_by, ports, routes)
    ]


def no_redirects(packet, came_by, ports, routes):
    return [a for a in right_steps(packet, came_by, ports, routes) if a[:2] != ("report", 5)]


def redirect_and_drop(packet, came_by, ports, routes):
    found = right_steps(packet, came_by, ports, routes)
    return found[1:] if len(found) == 2 else found


def redirects_strangers(packet, came_by, ports, routes):
    found = right_steps(packet, came_by, ports, routes)
    if len(found) == 1 and found[0][0] == "forward" and found[0][1] == came_by:
        return [*found, ("report", 5, 1, int.from_bytes(found[0][2], "big"))]
    return found


def redirect_to_itself(packet, came_by, ports, routes):
    own = int.from_bytes(ports[came_by][0], "big")
    found = right_steps(packet, came_by, ports, routes)
    return [("report", 5, 1, own) if a[:2] == ("report", 5) else a for a in found]


def drops_everything(packet, came_by, ports, routes):
    return []


# ---- 8.5 round_trip -------------------------------------------------------------------------------------------------


def right_trip(tables, homes, routers, source, destination, ttl=64):
    def follow(start, to, ttl):
        path = [start]
        while True:
            node = path[-1]
            if homes.get(to) == node:
                return path, "reply"
            if len(path) > 1 and node not in routers:
                return path, "dropped"
            route = right_loop(tables[node], to)
            if route is None:
                return path, "no route"
            if len(path) > 1:
                if ttl <= 1:
                    return path, "time exceeded"
                ttl -= 1
            following = homes.get(route.via if route.via is not None else to)
            if following is None:
                return path, "host unreachable"
            path.append(following)

    there, end = follow(homes[source], destination, ttl)
    if end == "dropped":
        return {"there": there, "back": [], "sees": ("silence", None)}
    back, arrived = follow(there[-1], source, 64)
    return {"there": there, "back": back, "sees": (end, there[-1]) if arrived == "reply" else ("silence", None)}


def right_recursive(tables, homes, routers, source, destination, ttl=64):
    def walk(node, to, ttl, first):
        if homes.get(to) == node:
            return [node], "reply"
        if not first and node not in routers:
            return [node], ""
        route = right_by_length(tables[node], to)
        if not route:
            return [node], "no route"
        if not first and ttl < 2:
            return [node], "time exceeded"
        hop = homes.get(route.via or to)
        if hop is None:
            return [node], "host unreachable"
        rest, end = walk(hop, to, ttl - (not first), False)
        return [node, *rest], end

    there, end = walk(homes[source], destination, ttl, True)
    back, found = walk(there[-1], source, 64, True) if end else ([], "")
    seen = [end, there[-1]] if found == "reply" else ["silence", None]
    return dict(there=tuple(there), back=tuple(back), sees=seen)


def trip(**how):
    """`right_trip` with one thing wrong."""
    last_ttl, usual_ttl = how.get("last_ttl", 1), how.get("default", 64)

    def follow(tables, homes, routers, start, to, ttl):
        path = [start]
        while homes.get(to) != path[-1] or how.get("past_the_end"):
            node, moved = path[-1], len(path) > 1 or how.get("start_counts", False)
            if len(path) > 1 and node not in routers and not how.get("all_forward"):
                return path, "dropped"
            if how.get("ttl_first") and moved and ttl <= last_ttl:
                return path, "time exceeded"
            route = how.get("match", right_loop)(tables[node], to)
            if route is None:
                return path, "no route"
            if moved:
                if ttl <= last_ttl:
                    return path, "time exceeded"
                ttl -= 1
            hop = homes.get(to if route.via is None or how.get("direct") else route.via)
            if hop is None:
                return path, how.get("nobody", "host unreachable")
            path.append(hop)
            if how.get("loops_end") and path.count(hop) > 1:
                return path, "time exceeded"
        return path, "reply"

    def round_trip(tables, homes, routers, source, destination, ttl=usual_ttl):
        there, end = follow(tables, homes, routers, homes[source], destination, ttl)
        silence = {"there": there, "back": [], "sees": ("silence", None)}
        if end == "dropped" and not how.get("reports_drops"):
            return silence
        if how.get("mirror"):
            return {"there": there, "back": there[::-1], "sees": (end, there[-1])}
        if how.get("only_replies") and end != "reply":
            return {"there": there, "back": [], "sees": (end, there[-1])}
        back, arrived = follow(tables, homes, routers, there[-1], source, ttl if how.get("same_ttl") else 64)
        if how.get("trusting"):
            arrived = "reply"
        if how.get("told") and arrived != "reply":
            return {"there": there, "back": back, "sees": (arrived, back[-1])}
        if how.get("short_back") and arrived != "reply":
            return silence
        return {"there": there, "back": back, "sees": (end, there[-1]) if arrived == "reply" else ("silence", None)}

    return round_trip


def named(name, function):
    function.__name__ = name
    return function


WRONG = {
    "8.1": [
        as_a_switch, all_as_it_came, macs_swapped, only_the_destination, new_source_is_where_it_came,
        checksum_forgotten, checksum_less, checksum_low_byte, checksum_without_carry, checksum_other_zero,
        checksum_of_twenty, addresses_as_well, padding_as_well, padded_anew, one_hop_too_many, none_for_the_dead,
        ttl_below_zero,
    ],
    "8.2": [
        first_that_matches, last_that_matches, shortest_that_matches, zero_is_false, shift_by_32_less,
        whole_bytes_only, wildcard_for_mask, little_endian, raises_for_none, always_some_route, not_the_ends,
        smallest_interface, the_network_alone,
    ],
    "8.3": [
        EndOfTheWalk, WholeWalkOrNothing, FirstComes, NoDefault, ThirtyOneSteps, LowBitsFirst, StaysWithTheFirst,
        CutsTheBranch, RemoveRaises, RemoveMakesNodesAndForgets, RemovesNothing, SharedChildren, KeyWithoutLength,
        ListInOrder, OnlyAddresses, InterfaceOnly,
    ],
    "8.4": [
        ttl_one_goes_on, ttl_before_all, ttl_before_lookup, ttl_after_mtu, own_on_this_link_only, broadcast_forgotten,
        broadcasts_of_all_links, directed_broadcasts, every_network_has_a_broadcast, groups_go_on, any_source_will_do,
        source_zero_never, silent_about_no_route, host_unreachable, reports_too_long_without_df, cuts_in_spite_of_df,
        mtu_without_header, mtu_exactly_is_too_long, mtu_left_out, mtu_where_it_came, none_as_next_hop, no_redirects,
        redirect_and_drop, redirects_strangers, redirect_to_itself, drops_everything,
    ],
    "8.5": [
        named("trip_same_way_back", trip(mirror=True)),
        named("trip_back_always_arrives", trip(trusting=True)),
        named("trip_reports_have_no_way", trip(only_replies=True)),
        named("trip_told_of_lost_answers", trip(told=True)),
        named("trip_last_hop_too_many", trip(last_ttl=0)),
        named("trip_sender_counts", trip(start_counts=True)),
        named("trip_ttl_before_route", trip(ttl_first=True)),
        named("trip_everybody_forwards", trip(all_forward=True)),
        named("trip_drops_are_reported", trip(reports_drops=True)),
        named("trip_first_match", trip(match=first_that_matches)),
        named("trip_gateway_ignored", trip(direct=True)),
        named("trip_nobody_is_no_route", trip(nobody="no route")),
        named("trip_same_ttl_back", trip(same_ttl=True)),
        named("trip_loop_ends_at_once", trip(loops_end=True)),
        named("trip_default_ttl_3", trip(default=3)),
        named("trip_forgets_the_way_back", trip(short_back=True)),
    ],
}  # fmt: skip

RIGHT = {
    "8.1": [right_from_scratch, right_as_linux],
    "8.2": [right_loop, right_by_length, right_with_text],
    "8.3": [RightNodes, RightPrefixes, RightTree],
    "8.4": [right_steps, right_numbers],
    "8.5": [right_trip, right_recursive],
}
