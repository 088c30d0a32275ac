"""Wrong answers to the exercises of chapter 9, each a mistake that somebody makes, and right ones of other shapes.

Every answer in WRONG has to be killed by a counterexample, every one in RIGHT has to pass: `netlib zoo 09`.
"""

import itertools
import random
import struct
from contextlib import suppress

from netlib.kernel.errors import SocketError
from netlib.worlds.task import now, readable, sleep


def named(name, function):
    function.__name__ = name
    return function


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(source, destination, length):
    if len(source) == 16:
        return source + destination + struct.pack(">II", length, 17)
    return source + destination + struct.pack(">HH", 17, length)


# ---- 9.1 build_udp ---------------------------------------------------------------------------------------------


def right_build(source, destination, source_port, destination_port, data):
    if len(data) > (65507 if len(source) == 4 else 65527):
        raise ValueError("too much")
    try:
        header = struct.pack(">HHHH", source_port, destination_port, 8 + len(data), 0)
    except struct.error:
        raise ValueError("no port") from None
    sum_ = checksum(pseudo(source, destination, 8 + len(data)) + header + data)
    return header[:6] + (sum_ or 0xFFFF).to_bytes(2, "big") + data


def right_build_in_place(source, destination, source_port, destination_port, data):
    """A bytearray; and the ports checked one by one."""
    for port in (source_port, destination_port):
        if port < 0 or port > 65535:
            raise ValueError(port)
    datagram = bytearray(8) + data
    if len(datagram) + (20 if len(source) == 4 else 0) > 65535:
        raise ValueError("too much")
    datagram[0:2], datagram[2:4] = source_port.to_bytes(2, "big"), destination_port.to_bytes(2, "big")
    datagram[4:6] = len(datagram).to_bytes(2, "big")
    datagram[6:8] = checksum(pseudo(source, destination, len(datagram)) + bytes(datagram)).to_bytes(2, "big")
    if datagram[6:8] == b"\0\0":
        datagram[6:8] = b"\xff\xff"
    return bytes(datagram)


def build_variant(before=pseudo, zero=True, data_in_sum=True, size=8, limits=(65507, 65527), order=">", ports=True,
                  swapped=False):  # fmt: skip
    def build(source, destination, source_port, destination_port, data):
        if len(data) > limits[len(source) == 16] or (
            ports and not (0 <= source_port <= 65535 and 0 <= destination_port <= 65535)
        ):
            raise ValueError("no")
        if swapped:
            source_port, destination_port = destination_port, source_port
        header = struct.pack(
            f"{order}HHHH", source_port & 0xFFFF, destination_port & 0xFFFF, (size + len(data)) & 0xFFFF, 0
        )
        covered = before(source, destination, 8 + len(data)) + header + (data if data_in_sum else b"")
        return header[:6] + (checksum(covered) or (0xFFFF if zero else 0)).to_bytes(2, "big") + data

    return build


def build_without_checksum(source, destination, source_port, destination_port, data):
    return right_build(source, destination, source_port, destination_port, data)[:6] + bytes(2) + data


def build_dies_on_ports(source, destination, source_port, destination_port, data):
    """struct.error is no ValueError."""
    if len(data) > (65507 if len(source) == 4 else 65527):
        raise ValueError("too much")
    header = struct.pack(">HHHH", source_port, destination_port, 8 + len(data), 0)
    sum_ = checksum(pseudo(source, destination, 8 + len(data)) + header + data)
    return header[:6] + (sum_ or 0xFFFF).to_bytes(2, "big") + data


def build_pads(source, destination, source_port, destination_port, data):
    return right_build(source, destination, source_port, destination_port, data + bytes(len(data) % 2))


def as_ipv4(source, destination, length):
    return source + destination + struct.pack(">HH", 17, length)


# ---- 9.2 UdpTable ----------------------------------------------------------------------------------------------


class RightSorted:
    """All that can, sorted; Python's sort keeps the order of what is alike."""

    def __init__(self):
        self.known = []

    def add(self, endpoint):
        self.known.append(endpoint)

    def remove(self, endpoint):
        self.known = [other for other in self.known if other is not endpoint]

    def can(self, e, source, source_port, destination, destination_port):
        if e.port != destination_port or len(e.address) != len(destination):
            return False
        if any(e.address) and e.address != destination:
            return False
        return e.peer is None or (e.peer == source and e.peer_port == source_port)

    def rank(self, e):
        return (e.peer is not None, any(e.address))

    def lookup(self, *ends):
        found = sorted((e for e in self.known if self.can(e, *ends)), key=self.rank)
        return found[-1] if found else None


class RightDictionary:
    """Three questions to a dictionary, as the kernel's hash tables do it."""

    def __init__(self):
        self.groups = {}

    def key(self, e):
        return bytes(e.address), e.port, e.peer and bytes(e.peer), e.peer_port if e.peer else 0

    def add(self, endpoint):
        self.groups.setdefault(self.key(endpoint), []).append(endpoint)

    def remove(self, endpoint):
        self.groups[self.key(endpoint)].remove(endpoint)

    def lookup(self, source, source_port, destination, destination_port):
        source, destination = bytes(source), bytes(destination)
        for key in (
            (destination, destination_port, source, source_port),
            (destination, destination_port, None, 0),
            (bytes(len(destination)), destination_port, None, 0),
        ):
            if self.groups.get(key):
                return self.groups[key][-1]
        return None


class TableByPort(RightSorted):
    """One socket for each port: the last one."""

    def __init__(self):
        self.ports = {}

    def add(self, endpoint):
        self.ports[endpoint.port] = endpoint

    def remove(self, endpoint):
        self.ports.pop(endpoint.port, None)

    def lookup(self, source, source_port, destination, destination_port):
        return self.ports.get(destination_port)


class TableWildcardFirst(RightSorted):
    def rank(self, e):
        return (e.peer is not None, not any(e.address))


class TableNewestOnly(RightSorted):
    def rank(self, e):
        return ()


class TableOldest(RightSorted):
    def lookup(self, *ends):
        found = [e for e in self.known if self.can(e, *ends)]
        return max(found, key=self.rank) if found else None  # max takes the first of several


class TableFirstThatCan(RightSorted):
    def lookup(self, *ends):
        return next((e for e in self.known if self.can(e, *ends)), None)


class TableNoPeer(RightSorted):
    def can(self, e, source, source_port, destination, destination_port):
        return (
            e.port == destination_port
            and len(e.address) == len(destination)
            and (not any(e.address) or e.address == destination)
        )


class TablePeerAddressOnly(RightSorted):
    def can(self, e, source, source_port, destination, destination_port):
        return super().can(e, source, e.peer_port, destination, destination_port)


class TablePeerPortOnly(RightSorted):
    def can(self, e, source, source_port, destination, destination_port):
        return super().can(e, e.peer, source_port, destination, destination_port)


class TableAnyAddress(RightSorted):
    def can(self, e, source, source_port, destination, destination_port):
        return super().can(e, source, source_port, e.address, destination_port)


class TableBothVersions(RightSorted):
    """The wildcard of one version takes the other's datagrams."""

    def can(self, e, source, source_port, destination, destination_port):
        if not any(e.address) and e.peer is None:
            return e.port == destination_port
        return super().can(e, source, source_port, destination, destination_port)


class TableKeepsClosed(RightSorted):
    def remove(self, endpoint):
        pass


class TableRemovesOldest(RightSorted):
    def remove(self, endpoint):
        alike = [
            e for e in self.known if (e.address, e.port, e.peer) == (endpoint.address, endpoint.port, endpoint.peer)
        ]
        self.known = [e for e in self.known if e is not alike[0]]


class TableRemovesPort(RightSorted):
    def remove(self, endpoint):
        self.known = [e for e in self.known if e.port != endpoint.port]


class TableMissesWildcardIPv6(RightSorted):
    """Four zero bytes are taken for the wildcard, whatever the version."""

    def can(self, e, source, source_port, destination, destination_port):
        if e.address != bytes(4) and e.address != destination:
            return False
        return super().can(e, source, source_port, destination, destination_port)


class TableOneOfAKind(RightSorted):
    """A dictionary with one socket for each key: what was there before is overwritten."""

    def __init__(self):
        self.at = {}

    def add(self, endpoint):
        self.at[endpoint.address, endpoint.port, endpoint.peer, endpoint.peer_port] = endpoint

    def remove(self, endpoint):
        self.at.pop((endpoint.address, endpoint.port, endpoint.peer, endpoint.peer_port), None)

    def lookup(self, *ends):
        self.known = list(self.at.values())
        return super().lookup(*ends)


class TableSwapped(RightSorted):
    def lookup(self, source, source_port, destination, destination_port):
        return super().lookup(destination, destination_port, source, source_port)


# ---- 9.3 receive_error -----------------------------------------------------------------------------------------

NAMES = {2: "ENOPROTOOPT", 3: "ECONNREFUSED", 6: "ENETUNREACH", 7: "EHOSTDOWN", 8: "ENONET", 9: "ENETUNREACH",
         10: "EHOSTUNREACH", 13: "EHOSTUNREACH", 14: "EHOSTUNREACH", 15: "EHOSTUNREACH"}  # fmt: skip


def right_error(message, sockets):
    if len(message) < 8:
        return None
    name = {3: NAMES.get(message[1]), 12: "EPROTO"}.get(message[0])
    quote = message[8:]
    if not name or len(quote) < 20 or quote[0] >> 4 != 4 or (quote[0] & 15) < 5:
        return None
    header, udp = quote[: 4 * (quote[0] & 15)], quote[4 * (quote[0] & 15) :]
    if len(udp) < 8 or header[9] != 17 or (header[6] & 0x1F) or header[7]:
        return None
    ports = struct.unpack(">HH", udp[:4])
    for index, (address, port, peer, peer_port) in enumerate(sockets):
        if peer is None:
            continue
        if (address, port) == (header[12:16], ports[0]) and (peer, peer_port) == (header[16:20], ports[1]):
            return index, name
    return None


def right_error_by_bytes(message, sockets):
    """Compares the bytes as they stand in the quote."""
    try:
        kind, code, first = message[0], message[1], message[8]
        start = 8 + 4 * (first & 15)
        if (
            first >> 4 != 4
            or start < 28
            or message[17] != 17
            or message[14] & 31
            or message[15]
            or len(message) < start + 8
        ):
            return None
        if kind == 3 and code in NAMES:
            name = NAMES[code]
        elif kind == 12:
            name = "EPROTO"
        else:
            return None
    except IndexError:
        return None
    keys = [
        None if peer is None else address + peer + port.to_bytes(2, "big") + peer_port.to_bytes(2, "big")
        for address, port, peer, peer_port in sockets
    ]
    key = message[20:28] + message[start : start + 4]
    return (keys.index(key), name) if key in keys else None


def error_variant(names=NAMES, twelve="EPROTO", plain=False, swapped=False, fixed=False, protocol=True, fragment=True,
                  least=8, peer_port=True, own_port=True, peer=True, version=True):  # fmt: skip
    def receive(message, sockets):
        if len(message) < 8:
            return None
        name = {3: names.get(message[1]), 12: twelve}.get(message[0])
        quote = message[8:]
        if not name or len(quote) < 20 or (version and (quote[0] >> 4 != 4 or (quote[0] & 15) < 5)):
            return None
        start = 20 if fixed else 4 * (quote[0] & 15)
        udp = quote[start:]
        if len(udp) < least or (protocol and quote[9] != 17):
            return None
        if fragment and int.from_bytes(quote[6:8], "big") & 0x1FFF:
            return None
        one, two = int.from_bytes(udp[:2], "big"), int.from_bytes(udp[2:4], "big")
        source, destination = quote[12:16], quote[16:20]
        if swapped:
            source, destination, one, two = destination, source, two, one
        for index, known in enumerate(sockets):
            if known[2] is None:
                if plain and known[1] == one and known[0] in (bytes(4), source):
                    return index, name
                continue
            same = known[0] == source and (known[1] == one or not own_port)
            if same and (known[2] == destination or not peer) and (known[3] == two or not peer_port):
                return index, name
        return None

    return receive


def error_dies_on_short(message, sockets):
    name = {3: NAMES.get(message[1]), 12: "EPROTO"}.get(message[0])
    return right_error(message, sockets) if name else None


def error_any_type(message, sockets):
    if len(message) < 8 or message[0] in (3, 12):
        return right_error(message, sockets)
    return right_error(bytes((3, 3)) + message[2:], sockets)


def error_index_only(message, sockets):
    found = right_error(message, sockets)
    return found and found[0]


def error_always_refused(message, sockets):
    found = right_error(message, sockets)
    return found and (found[0], "ECONNREFUSED")


SOFT = NAMES | {
    0: "ENETUNREACH",
    1: "EHOSTUNREACH",
    4: "EMSGSIZE",
    5: "EOPNOTSUPP",
    11: "ENETUNREACH",
    12: "EHOSTUNREACH",
}

# ---- 9.4 reliable_request --------------------------------------------------------------------------------------

counter = itertools.count(1)


async def right_request(socket, data, timeout=1.0, tries=4):
    name = random.getrandbits(32).to_bytes(4, "big")
    wait = timeout
    for _ in range(tries):
        sent = False
        while not sent:
            try:
                socket.send(name + data)
                sent = True
            except SocketError:
                pass
        answer = await right_answer(socket, name, await now() + wait)
        if answer is not None:
            return answer
        wait *= 2
    return None


async def right_answer(socket, name, end):
    while True:
        left = end - await now()
        if left <= 0 or not await readable(socket, left):
            return None
        try:
            data, _ = socket.receive() or (b"", None)
        except SocketError:
            continue
        if data[:4] == name and len(data) >= 4:
            return data[4:]


async def right_request_by_deadlines(socket, data, timeout=1.0, tries=4):
    """All times worked out beforehand; an error is read before anything is sent."""
    name = next(counter).to_bytes(4, "big")
    start = await now()
    for number in range(tries):
        if socket.error:
            with suppress(SocketError):
                socket.receive()
        socket.send(name + data)
        end = start + timeout * (2 ** (number + 1) - 1)
        while await now() < end:
            if await readable(socket, end - await now()):
                try:
                    got = socket.receive()[0]
                except SocketError:
                    got = b""
                if got.startswith(name):
                    return got[4:]
    return None


def request_variant(factor=2, new_id=False, one_id=False, any_id=False, restart=False, catch=True, resend=True,
                    last_wait=True, with_id=False, gives_up=False, closes=False, first=1.0, shorten=False,
                    send_once_more=False):  # fmt: skip
    async def request(socket, data, timeout=1.0, tries=4):
        name = (7 if one_id else next(counter)).to_bytes(4, "big")
        for number in range(tries):
            if new_id:
                name = next(counter).to_bytes(4, "big")
            try:
                socket.send(name + data)
            except SocketError:
                if not catch:
                    raise
                if resend:
                    socket.send(name + data)
            wait = timeout * first * factor**number
            end = await now() + wait
            if not last_wait and number == tries - 1:
                break
            while True:
                left = wait if restart else end - await now()
                if left <= 0 or not await readable(socket, left):
                    break
                try:
                    got = socket.receive()
                except SocketError:
                    if not catch:
                        raise
                    if gives_up:
                        return None
                    continue
                if got and (any_id or got[0][:4] == name):
                    if closes:
                        socket.close()
                    return got[0] if with_id else got[0][4:]
                if shorten:
                    break
        return None

    return request


async def request_ignores_empty(socket, data, timeout=1.0, tries=4):
    """An answer without data is taken for none."""
    name = next(counter).to_bytes(4, "big")
    for number in range(tries):
        try:
            socket.send(name + data)
        except SocketError:
            socket.send(name + data)
        answer = await right_answer(socket, name, await now() + timeout * 2**number)
        if answer:
            return answer
    return None


async def request_sleeps(socket, data, timeout=1.0, tries=4):
    """Waits for the whole time, and looks then."""
    name = next(counter).to_bytes(4, "big")
    for number in range(tries):
        try:
            socket.send(name + data)
        except SocketError:
            socket.send(name + data)
        await sleep(timeout * 2**number)
        answer = await right_answer(socket, name, await now() + 1e-9)
        if answer is not None:
            return answer
    return None


async def request_without_id(socket, data, timeout=1.0, tries=4):
    for number in range(tries):
        try:
            socket.send(data)
        except SocketError:
            socket.send(data)
        if await readable(socket, timeout * 2**number):
            try:
                return socket.receive()[0]
            except SocketError:
                continue
    return None


async def request_one_receive(socket, data, timeout=1.0, tries=4):
    """Whatever comes ends the wait: when it is not the answer, send again at once."""
    name = next(counter).to_bytes(4, "big")
    for number in range(tries):
        try:
            socket.send(name + data)
        except SocketError:
            socket.send(name + data)
        if await readable(socket, timeout * 2**number):
            try:
                got = socket.receive()[0]
            except SocketError:
                continue
            if got[:4] == name:
                return got[4:]
    return None


# ---- 9.5 parse_udp ---------------------------------------------------------------------------------------------


def right_parse(source, destination, datagram):
    if len(datagram) < 8:
        raise ValueError("short")
    one, two, length, given = struct.unpack(">HHHH", datagram[:8])
    if length < 8 or length > len(datagram):
        raise ValueError("length")
    whole = datagram[:length]
    if given == 0:
        if len(source) == 16:
            raise ValueError("no checksum")
    elif checksum(pseudo(source, destination, length) + whole) != 0:
        raise ValueError("checksum")
    return one, two, whole[8:]


def right_parse_by_computing(source, destination, datagram):
    """Works the checksum out anew, and compares."""
    try:
        one, two, length, given = struct.unpack_from(">HHHH", datagram)
    except struct.error:
        raise ValueError("short") from None
    data = datagram[8:length]
    if len(data) != length - 8 or (given == 0 and len(source) == 16):
        raise ValueError("length, or no checksum")
    computed = checksum(pseudo(source, destination, length) + datagram[:6] + b"\0\0" + data) or 0xFFFF
    if given not in (0, computed):
        raise ValueError("checksum")
    return one, two, data


def parse_variant(verify=True, least=True, most=True, padding=False, zero4=True, zero6=False, pseudo=pseudo,
                  minimum=8, sum_padding=False):  # fmt: skip
    def parse(source, destination, datagram):
        if len(datagram) < minimum:
            raise ValueError("short")
        one, two, length, given = struct.unpack(">HHHH", datagram[:8])
        if (least and length < 8) or (most and length > len(datagram)):
            raise ValueError("length")
        six = len(source) == 16
        skip = given == 0 and (zero6 if six else zero4)
        if given == 0 and six and not zero6:
            raise ValueError("no checksum")
        summed = datagram if sum_padding else datagram[:length]
        if verify and not skip and checksum(pseudo(source, destination, length) + summed):
            raise ValueError("checksum")
        return one, two, datagram[8:] if padding else datagram[8:length]

    return parse


def parse_compares_zero(source, destination, datagram):
    """A computed 0 is not the ffff that was sent."""
    one, two, data = right_parse(source, destination, datagram)
    given = datagram[6:8]
    computed = checksum(pseudo(source, destination, 8 + len(data)) + datagram[:6] + b"\0\0" + data)
    if given != b"\0\0" and computed.to_bytes(2, "big") != given:
        raise ValueError("checksum")
    return one, two, data


def parse_dies_on_short(source, destination, datagram):
    struct.unpack_from(">HHHH", datagram)
    return right_parse(source, destination, datagram)


def parse_swaps_ports(source, destination, datagram):
    one, two, data = right_parse(source, destination, datagram)
    return two, one, data


def parse_returns_none(source, destination, datagram):
    try:
        return right_parse(source, destination, datagram)
    except ValueError:
        return None


def nothing_before(source, destination, length):
    return b""


def no_protocol(source, destination, length):
    return source + destination + bytes(2) + length.to_bytes(2, "big")


def data_length(source, destination, length):
    return pseudo(source, destination, length - 8)


def swapped_addresses(source, destination, length):
    """A sum does not mind the order: this one is right after all."""
    return pseudo(destination, source, length)


WRONG = {
    "9.1": [
        named("build_no_pseudo_header", build_variant(nothing_before)),
        named("build_no_protocol", build_variant(no_protocol)),
        named("build_data_length_in_pseudo_header", build_variant(data_length)),
        named("build_ipv4_pseudo_header_with_17_as_word", build_variant(
            lambda s, d, n: s + d + struct.pack(">HBB", n, 17, 0))),
        named("build_zero_as_it_is", build_variant(zero=False)),
        named("build_header_sum", build_variant(data_in_sum=False)),
        named("build_length_of_data", build_variant(size=0)),
        named("build_little_endian", build_variant(order="<")),
        named("build_ports_swapped", build_variant(swapped=True)),
        named("build_any_port", build_variant(ports=False)),
        named("build_limit_65535", build_variant(limits=(65527, 65527))),
        named("build_limit_of_ipv4_for_both", build_variant(limits=(65507, 65507))),
        build_without_checksum, build_dies_on_ports, build_pads,
    ],
    "9.2": [
        TableByPort, TableWildcardFirst, TableNewestOnly, TableOldest, TableFirstThatCan, TableNoPeer,
        TablePeerAddressOnly, TablePeerPortOnly, TableAnyAddress, TableBothVersions, TableKeepsClosed,
        TableRemovesOldest, TableRemovesPort, TableMissesWildcardIPv6, TableOneOfAKind, TableSwapped,
    ],
    "9.3": [
        named("error_to_plain_sockets", error_variant(plain=True)),
        named("error_soft_ones_too", error_variant(names=SOFT)),
        named("error_refused_only", error_variant(names={3: "ECONNREFUSED"})),
        named("error_no_parameter_problem", error_variant(twelve=None)),
        named("error_ends_swapped", error_variant(swapped=True)),
        named("error_header_of_20", error_variant(fixed=True)),
        named("error_any_protocol", error_variant(protocol=False)),
        named("error_later_fragments", error_variant(fragment=False)),
        named("error_four_bytes_do", error_variant(least=4)),
        named("error_any_peer_port", error_variant(peer_port=False)),
        named("error_any_own_port", error_variant(own_port=False)),
        named("error_any_peer", error_variant(peer=False)),
        error_dies_on_short, error_any_type, error_index_only, error_always_refused,
    ],
    "9.4": [
        named("request_no_back_off", request_variant(factor=1)),
        named("request_triples", request_variant(factor=3)),
        named("request_waits_double_at_once", request_variant(first=2.0)),
        named("request_new_id_each_try", request_variant(new_id=True)),
        named("request_one_id_for_all", request_variant(one_id=True)),
        named("request_takes_any_id", request_variant(any_id=True)),
        named("request_wait_begins_anew", request_variant(restart=True)),
        named("request_error_ends_it", request_variant(catch=False)),
        named("request_gives_up_when_refused", request_variant(gives_up=True)),
        named("request_send_lost_to_an_error", request_variant(resend=False)),
        named("request_no_last_wait", request_variant(last_wait=False)),
        named("request_returns_the_id_too", request_variant(with_id=True)),
        named("request_closes_the_socket", request_variant(closes=True)),
        named("request_stray_ends_the_wait", request_variant(shorten=True)),
        request_ignores_empty, request_sleeps, request_without_id, request_one_receive,
    ],
    "9.5": [
        named("parse_unverified", parse_variant(verify=False)),
        named("parse_any_short_length", parse_variant(least=False)),
        named("parse_any_long_length", parse_variant(most=False)),
        named("parse_padding_is_data", parse_variant(padding=True)),
        named("parse_sums_padding", parse_variant(sum_padding=True)),
        named("parse_verifies_zero", parse_variant(zero4=False)),
        named("parse_zero_over_ipv6", parse_variant(zero6=True)),
        named("parse_no_pseudo_header", parse_variant(pseudo=nothing_before)),
        named("parse_data_length", parse_variant(pseudo=data_length)),
        parse_compares_zero, parse_dies_on_short, parse_swaps_ports, parse_returns_none,
    ],
}  # fmt: skip

RIGHT = {
    "9.1": [right_build, right_build_in_place, named("right_build_ipv6_in_words", build_variant())],
    "9.2": [RightSorted, RightDictionary],
    "9.3": [right_error, right_error_by_bytes],
    "9.4": [right_request, right_request_by_deadlines],
    "9.5": [
        right_parse,
        right_parse_by_computing,
        named("right_parse_swapped_sum", parse_variant(pseudo=swapped_addresses)),
    ],
}
