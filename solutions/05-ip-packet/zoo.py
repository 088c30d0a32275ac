"""The bug zoo of chapter 05: answers as students write them. The wrong ones must fail, the right ones must pass.

Nothing here uses netlib, as no student's answer may.
"""

import struct

# ---- 5.1 internet_checksum ---------------------------------------------------------------------------------------


def by_struct(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return total ^ 0xFFFF


def carry_as_it_comes(data):
    total = 0
    for i in range(0, len(data), 2):
        total += data[i] * 256 + (data[i + 1] if i + 1 < len(data) else 0)
        if total >= 65536:
            total -= 65535
    return 65535 - total


def by_remainder(data):
    number = int.from_bytes(data + b"\0" * (len(data) % 2), "big")
    if number == 0:
        return 0xFFFF
    return 0xFFFE - (number - 1) % 0xFFFF


def end_around_carry_forgotten(data):
    return ~sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2))) & 0xFFFF


def carried_once(data):
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def complement_forgotten(data):
    return by_struct(data) ^ 0xFFFF


def little_endian(data):
    value = by_struct(data)
    return (value & 0xFF) << 8 | value >> 8


def odd_byte_dropped(data):
    return by_struct(data[: len(data) & ~1])


def odd_byte_as_low_half(data):
    return by_struct(data[:-1] + b"\0" + data[-1:]) if len(data) % 2 else by_struct(data)


def crashes_on_odd(data):
    return by_struct(data[:0] + data) if len(data) % 2 == 0 else struct.unpack(">H", data[-1:])


def summed_bytes(data):
    return ~sum(data) & 0xFFFF


def remainder_with_one_zero(data):
    return 0xFFFF - int.from_bytes(data + b"\0" * (len(data) % 2), "big") % 0xFFFF


def no_mask(data):
    return ~(by_struct(data) ^ 0xFFFF)


def only_the_header(data):
    return by_struct(data[:20])


# ---- 5.2 build_header --------------------------------------------------------------------------------------------

DEFAULTS = {"dscp": 0, "ecn": 0, "identification": 0, "dont_fragment": False, "more_fragments": False,
            "fragment_offset": 0, "ttl": 64, "options": b""}  # fmt: skip
LIMITS = {"dscp": 64, "ecn": 4, "identification": 1 << 16, "fragment_offset": 1 << 13, "ttl": 256, "protocol": 256}


def built(fields, payload_length, *, limits=LIMITS, words=None, order=">", pad=b"\0", mf=0x2000, df=0x4000,
          seal=lambda head: by_struct(head), total=lambda head, payload: head + payload, dscp=2,
          most=65535, addresses=True, most_options=40):  # fmt: skip
    fields = DEFAULTS | fields
    for name, limit in limits.items():
        if not 0 <= fields[name] < limit:
            raise ValueError(name)
    if addresses and not len(fields["source"]) == len(fields["destination"]) == 4:
        raise ValueError("an address")
    options = fields["options"]
    if len(options) > most_options:
        raise ValueError("options")
    options += pad * (-len(options) % 4)
    length = 20 + len(options)
    if length + payload_length > most:
        raise ValueError("too long")
    word = fields["fragment_offset"] | (df if fields["dont_fragment"] else 0) | (mf if fields["more_fragments"] else 0)
    head = struct.pack(
        order + "BBHHHBBH",
        0x40 | (words or length // 4),
        (fields["dscp"] << dscp | fields["ecn"]) & 0xFF,
        total(length, payload_length) & 0xFFFF,
        fields["identification"],
        word & 0xFFFF,
        fields["ttl"],
        fields["protocol"],
        0,
    )
    head += fields["source"] + fields["destination"] + options
    return head[:10] + struct.pack(order + "H", seal(head)) + head[12:]


def from_parts(fields, payload_length):
    return built(fields, payload_length)


def in_one_number(fields, payload_length):
    get = lambda name: fields.get(name, DEFAULTS.get(name))  # noqa: E731
    options = get("options") + b"\0" * (-len(get("options")) % 4)
    number = 0
    for value, bits in [
        (4, 4), (5 + len(options) // 4, 4), (get("dscp"), 6), (get("ecn"), 2),
        (20 + len(options) + payload_length, 16), (get("identification"), 16), (0, 1), (int(get("dont_fragment")), 1),
        (int(get("more_fragments")), 1), (get("fragment_offset"), 13), (get("ttl"), 8), (get("protocol"), 8), (0, 16),
    ]:  # fmt: skip
        if value < 0 or value >> bits:
            raise ValueError(f"{value} does not fit into {bits} bits")
        number = number << bits | value
    if [len(get("source")), len(get("destination"))] != [4, 4]:
        raise ValueError("an address has 4 bytes")
    head = bytearray(number.to_bytes(12, "big") + get("source") + get("destination") + options)
    head[10:12] = carry_as_it_comes(bytes(head)).to_bytes(2, "big")
    return bytes(head)


def total_of_payload_only(fields, payload_length):
    return built(fields, payload_length, total=lambda head, payload: payload)


def total_with_20(fields, payload_length):
    return built(fields, payload_length, total=lambda head, payload: 20 + payload)


def always_0x45(fields, payload_length):
    return built(fields, payload_length, words=5)


def length_in_bytes(fields, payload_length):
    return built(fields, payload_length, words=20 & 15)


def host_byte_order(fields, payload_length):
    return built(fields, payload_length, order="<")


def padded_with_nop(fields, payload_length):
    return built(fields, payload_length, pad=b"\1")


def flags_swapped(fields, payload_length):
    return built(fields, payload_length, df=0x2000, mf=0x4000)


def flags_in_the_low_bits(fields, payload_length):
    return built(fields, payload_length, df=2, mf=1)


def checksum_of_20_bytes(fields, payload_length):
    return built(fields, payload_length, seal=lambda head: by_struct(head[:20]))


def checksum_left_zero(fields, payload_length):
    return built(fields, payload_length, seal=lambda head: 0)


def tos_byte_shifted_wrong(fields, payload_length):
    return built(fields, payload_length, dscp=0)


def no_limits(fields, payload_length):
    try:
        return built(fields, payload_length, limits={})
    except struct.error:
        raise ValueError("too large") from None


def struct_error_let_through(fields, payload_length):
    return built(fields, payload_length, limits={"dscp": 64, "ecn": 4, "fragment_offset": 1 << 13})


def payload_up_to_65535(fields, payload_length):
    return built(fields, payload_length, most=65535 + 20)


def short_address_taken(fields, payload_length):
    return built(fields, payload_length, addresses=False)


def ecn_forgotten(fields, payload_length):
    return built(fields | {"ecn": 0}, payload_length)


# ---- 5.3 parse_header --------------------------------------------------------------------------------------------


def parsed(data, *, version=True, least=5, header=lambda head: 4 * head, end=None, seal=by_struct, mask=0x1FFF,
           total_check=True, total_in_header=True, options=True, unit=1, ecn=3):  # fmt: skip
    if len(data) < 20:
        raise ValueError("too short")
    first, tos, total, number, word, ttl, protocol, checksum = struct.unpack(">BBHHHBBH", data[:12])
    if version and first >> 4 != 4:
        raise ValueError("version")
    length = header(first & 15)
    if first & 15 < least or length > len(data):
        raise ValueError("header length")
    if (total_in_header and total < length) or (total_check and total > len(data)):
        raise ValueError("total length")
    if seal and seal(data[:length]) != 0:
        raise ValueError("checksum")
    return {
        "header_length": length, "dscp": tos >> 2, "ecn": tos & ecn, "total_length": total, "identification": number,
        "dont_fragment": bool(word & 0x4000), "more_fragments": bool(word & 0x2000),
        "fragment_offset": (word & mask) * unit, "ttl": ttl, "protocol": protocol, "checksum": checksum,
        "source": data[12:16], "destination": data[16:20], "options": data[20:length] if options else b"",
        "payload": data[length : end(data) if end else total],
    }  # fmt: skip


def by_unpacking(data):
    return parsed(data)


def by_bits(data):
    if len(data) < 20 or data[0] >> 4 != 4:
        raise ValueError("no IPv4 header")
    length = (data[0] & 15) * 4
    total = data[2] << 8 | data[3]
    if not 20 <= length <= total <= len(data) or carry_as_it_comes(data[:length]):
        raise ValueError("malformed")
    bits = int.from_bytes(data[:12], "big")

    def take(start, width):
        return bits >> (96 - start - width) & (1 << width) - 1

    named = {"dscp": (8, 6), "ecn": (14, 2), "total_length": (16, 16), "identification": (32, 16),
             "dont_fragment": (49, 1), "more_fragments": (50, 1), "fragment_offset": (51, 13), "ttl": (64, 8),
             "protocol": (72, 8), "checksum": (80, 16)}  # fmt: skip
    found = {name: take(*where) for name, where in named.items()}
    return found | {"version": 4, "header_length": length, "source": bytes(data[12:16]),
                    "destination": bytes(data[16:20]), "options": bytes(data[20:length]),
                    "payload": bytes(data[length:total])}  # fmt: skip


def ihl_in_bytes(data):
    return parsed(data, header=lambda words: words)


def header_always_20(data):
    return parsed(data, header=lambda words: 20)


def payload_with_frame_padding(data):
    return parsed(data, end=len)


def version_not_looked_at(data):
    return parsed(data, version=False)


def small_ihl_taken(data):
    return parsed(data, least=0)


def checksum_not_checked(data):
    return parsed(data, seal=None)


def checksum_over_all(data):
    found = parsed(data, seal=None)
    if by_struct(data) != 0:
        raise ValueError("checksum")
    return found


def checksum_compared_in_place(data):
    """Works the checksum out with the old one still in its place, and compares the two."""
    found = parsed(data, seal=None)
    if by_struct(data[: found["header_length"]]) != found["checksum"]:
        raise ValueError("checksum")
    return found


def offset_with_the_flags(data):
    return parsed(data, mask=0xFFFF)


def offset_with_the_reserved_bit(data):
    return parsed(data, mask=0x9FFF)


def offset_of_12_bits(data):
    return parsed(data, mask=0x0FFF)


def offset_in_bytes(data):
    return parsed(data, unit=8)


def long_total_taken(data):
    return parsed(data, total_check=False)


def short_total_taken(data):
    return parsed(data, total_in_header=False)


def no_length_check(data):
    found = parsed(data + bytes(60), total_check=False) if len(data) < 20 else parsed(data)
    return found


def crashes_on_short_data(data):
    data[19]
    return parsed(data)


def options_dropped(data):
    return parsed(data, options=False)


def ecn_as_one_bit(data):
    return parsed(data, ecn=1)


def exact_length_asked(data):
    found = parsed(data)
    if found["total_length"] != len(data):
        raise ValueError("there is something behind the packet")
    return found


# ---- 5.4 decrement_ttl -------------------------------------------------------------------------------------------


def equation_3(packet):
    if packet[8] == 0:
        raise ValueError("TTL is 0")
    old, new = packet[8] << 8 | packet[9], packet[8] - 1 << 8 | packet[9]
    total = (~(packet[10] << 8 | packet[11]) & 0xFFFF) + (~old & 0xFFFF) + new
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return packet[:8] + new.to_bytes(2, "big") + (~total & 0xFFFF).to_bytes(2, "big") + packet[12:]


def as_linux_does(packet):
    data = bytearray(packet)
    if not data[8]:
        raise ValueError("no hop is left")
    data[8] -= 1
    check = int.from_bytes(data[10:12], "big") + 0x0100
    data[10:12] = (check + (check >= 0xFFFF) & 0xFFFF).to_bytes(2, "big")
    return bytes(data)


def hop(packet, update):
    if packet[8] == 0:
        raise ValueError("TTL is 0")
    less = packet[:8] + bytes([packet[8] - 1]) + packet[9:]
    return less[:10] + (update(less, int.from_bytes(packet[10:12], "big")) & 0xFFFF).to_bytes(2, "big") + less[12:]


def sealed_anew(packet):
    return hop(packet, lambda less, old: by_struct(less[:10] + b"\0\0" + less[12 : 4 * (less[0] & 15)]))


def sealed_anew_if_right(packet):
    """Sees to damage, but drops what it finds, which is not its to decide here."""
    if by_struct(packet[: 4 * (packet[0] & 15)]):
        raise ValueError("damaged")
    return sealed_anew(packet)


def checksum_as_it_was(packet):
    return hop(packet, lambda less, old: old)


def carry_lost(packet):
    return hop(packet, lambda less, old: old + 0x0100)


def rfc_1141_with_one_zero(packet):
    return hop(packet, lambda less, old: old + 0x0100 + (old + 0x0100 >> 16))


def low_byte_of_the_word(packet):
    return hop(packet, lambda less, old: old + 1 + (old + 1 >> 16))


def falls_with_the_ttl(packet):
    return hop(packet, lambda less, old: old - 0x0100 - (old < 0x0100))


def ttl_goes_round(packet):
    if packet[8] == 0:
        packet = packet[:8] + b"\0" + packet[9:]
        return packet[:8] + b"\xff" + packet[9:]
    return equation_3(packet)


def refuses_the_last_hop(packet):
    if packet[8] <= 1:
        raise ValueError("expired")
    return equation_3(packet)


def payload_lost(packet):
    return equation_3(packet)[: 4 * (packet[0] & 15)]


def rfc_1624_equation_2(packet):
    """HC' = HC + ~m... as RFC 1071 had it: wrong where the result is zero."""
    old, new = packet[8] << 8, (packet[8] - 1) << 8 if packet[8] else -1
    if new < 0:
        raise ValueError("TTL is 0")
    total = int.from_bytes(packet[10:12], "big") + old + (~new & 0xFFFF)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return packet[:8] + bytes([packet[8] - 1, packet[9]]) + total.to_bytes(2, "big") + packet[12:]


# ---- 5.5 fragment ------------------------------------------------------------------------------------------------


def copied_options(options):
    kept, at = b"", 0
    while at < len(options) and options[at]:
        length = 1 if options[at] == 1 else options[at + 1]
        if options[at] >= 128:
            kept += options[at : at + length]
        at += length
    return kept + bytes(-len(kept) % 4)


def cut(packet, mtu, *, unit=8, room=None, more=lambda last, own: own or not last, offset=lambda own, at: own + at // 8,
        df=True, seal=by_struct, copy=copied_options, total=True, fits=lambda packet, mtu: len(packet) <= mtu,
        keep_df=True):  # fmt: skip
    if fits(packet, mtu):
        return [packet]
    word = packet[6] << 8 | packet[7]
    if df and word & 0x4000:
        raise ValueError("DF is set")
    length = 4 * (packet[0] & 15)
    size = room(mtu, length) if room else (mtu - length) // unit * unit
    if size < 8:
        raise ValueError("no room")
    data, pieces = packet[length:], []
    for at in range(0, len(data), size):
        options = packet[20:length] if at == 0 else copy(packet[20:length])
        last = at + size >= len(data)
        bits = offset(word & 0x1FFF, at) & 0x1FFF | (0x2000 if more(last, bool(word & 0x2000)) else 0)
        piece = data[at : at + size]
        whole = 20 + len(options) + len(piece) if total else len(packet)
        head = bytes([0x45 + len(options) // 4, packet[1]]) + whole.to_bytes(2, "big") + packet[4:6]
        head += bits.to_bytes(2, "big") + packet[8:10] + b"\0\0" + packet[12:20] + options
        head = head[:10] + seal(head).to_bytes(2, "big") + head[12:]
        pieces.append(head + piece)
    return pieces


def first_to_last(packet, mtu):
    return cut(packet, mtu)


def halved(packet, mtu):
    """Cuts off one piece and does the same with the rest, as RFC 791 tells it; later headers may be shorter."""
    if len(packet) <= mtu:
        return [packet]
    length = 4 * (packet[0] & 15)
    blocks = (mtu - length) // 8
    if packet[6] & 0x40 or blocks < 1:
        raise ValueError("it can't be cut")
    word = int.from_bytes(packet[6:8], "big")

    def sealed(head, payload, bits):
        head = bytearray(head)
        head[0] = 0x40 | len(head) // 4
        head[2:4] = (len(head) + len(payload)).to_bytes(2, "big")
        head[6:8] = bits.to_bytes(2, "big")
        head[10:12] = b"\0\0"
        head[10:12] = carry_as_it_comes(bytes(head)).to_bytes(2, "big")
        return bytes(head) + payload

    data = packet[length:]
    first = sealed(packet[:length], data[: 8 * blocks], word | 0x2000)
    rest = sealed(packet[:20] + copied_options(packet[20:length]), data[8 * blocks :], word + blocks)
    return [first, *halved(rest, mtu)]


def more_on_the_last_too(packet, mtu):
    return cut(packet, mtu, more=lambda last, own: True)


def more_on_none(packet, mtu):
    return cut(packet, mtu, more=lambda last, own: False)


def offsets_in_bytes(packet, mtu):
    return cut(packet, mtu, offset=lambda own, at: own + at)


def not_a_multiple_of_8(packet, mtu):
    return cut(packet, mtu, unit=1)


def mtu_without_the_header(packet, mtu):
    return cut(packet, mtu, room=lambda mtu, length: mtu // 8 * 8)


def header_of_20_bytes(packet, mtu):
    return cut(packet, mtu, room=lambda mtu, length: (mtu - 20) // 8 * 8)


def offset_from_zero_again(packet, mtu):
    return cut(packet, mtu, offset=lambda own, at: at // 8)


def more_of_a_fragment_lost(packet, mtu):
    return cut(packet, mtu, more=lambda last, own: not last)


def dont_fragment_ignored(packet, mtu):
    return cut(packet, mtu, df=False)


def dont_fragment_even_if_it_fits(packet, mtu):
    if packet[6] & 0x40:
        raise ValueError("DF is set")
    return cut(packet, mtu)


def checksum_of_the_whole(packet, mtu):
    return cut(packet, mtu, seal=lambda head: int.from_bytes(packet[10:12], "big"))


def total_length_of_the_whole(packet, mtu):
    return cut(packet, mtu, total=False)


def all_options_everywhere(packet, mtu):
    return cut(packet, mtu, copy=lambda options: options)


def options_in_the_first_only(packet, mtu):
    return cut(packet, mtu, copy=lambda options: b"")


def cuts_what_fits_exactly(packet, mtu):
    return cut(packet, mtu, fits=lambda packet, mtu: len(packet) < mtu)


def eight_bytes_each(packet, mtu):
    return cut(packet, mtu, room=lambda mtu, length: 8 if mtu - length >= 8 else 0)


# ---- 5.6 Reassembler ---------------------------------------------------------------------------------------------


class Books:
    """The right way, with switches for the wrong ones."""

    timeout = 60.0
    renew = late_after = report_all = merge = one_key = last_header = no_limit = forget_bad = in_order = False
    ends_it = repeats_count = old_checksum = more_left = new_first_goes = huge_taken = repeats_bad = False

    def __init__(self, packets=64):
        self.packets, self.books = packets, {}

    def add(self, packet, now):
        length = 4 * (packet[0] & 15)
        word = packet[6] << 8 | packet[7]
        data, start, more = packet[length:], (word & 0x1FFF) * 8, bool(word & 0x2000)
        key = packet[4:6] if self.one_key else (packet[12:20], packet[9], packet[4:6])
        if key not in self.books:
            while len(self.books) >= self.packets and not self.no_limit:
                gone = list(self.books)[-1 if self.new_first_goes else 0]
                del self.books[gone]
            self.books[key] = {"until": now + self.timeout, "pieces": {}, "first": None, "end": None, "bad": False,
                               "count": 0, "last": packet}  # fmt: skip
        book = self.books[key]
        book["last"] = packet
        if self.renew:
            book["until"] = now + self.timeout
        if book["bad"]:
            return None
        if book["pieces"].get(start) == data and not self.repeats_count and not self.repeats_bad:
            return None
        if self.in_order and start != sum(map(len, book["pieces"].values())):
            return None
        if self.wrong(book, data, start, more, length):
            if self.forget_bad:
                del self.books[key]
            else:
                book.update(bad=True, pieces={}, first=None)
            return None
        book["pieces"][start] = data
        book["count"] += len(data)
        if start == 0:
            book["first"] = packet
        if not more:
            book["end"] = start + len(data)
        if not self.complete(book, more):
            return None
        del self.books[key]
        head = bytearray(packet[:length] if self.last_header else book["first"][: 4 * (book["first"][0] & 15)])
        body = bytearray(book["end"] or 0)
        for at, piece in book["pieces"].items():
            body[at : at + len(piece)] = piece
        head[2:4] = (len(head) + len(body)).to_bytes(2, "big")
        head[6:8] = (word & 0x4000 | (0x2000 if self.more_left else 0)).to_bytes(2, "big")
        if not self.old_checksum:
            head[10:12] = b"\0\0"
            head[10:12] = by_struct(bytes(head)).to_bytes(2, "big")
        return bytes(head + body)

    def wrong(self, book, data, start, more, length):
        end = start + len(data)
        if end + length > 65535 and not self.huge_taken:
            return True
        if self.repeats_count and book["pieces"].get(start) == data:
            return False
        if self.merge:
            return False
        if any(start < at + len(piece) and at < end for at, piece in book["pieces"].items()):
            return True
        if book["end"] is not None and (end > book["end"] or not more):
            return True
        return not more and any(at >= end for at in book["pieces"])

    def complete(self, book, more):
        if self.ends_it:
            return not more
        if self.repeats_count:
            return book["count"] == book["end"]
        return book["end"] is not None and sum(map(len, book["pieces"].values())) >= book["end"]

    def expire(self, now):
        gone = []
        for key, book in list(self.books.items()):
            if book["until"] < now or (book["until"] == now and not self.late_after):
                gone.append(book["last"] if self.report_all else book["first"])
                del self.books[key]
        return [packet for packet in gone if packet is not None]

    def deadline(self):
        return min((book["until"] for book in self.books.values()), default=None)


def wrong(name, **switches):
    return type(name, (Books,), switches)


class Buffer:
    """The right way, differently: one buffer and one map of the bytes that are there."""

    def __init__(self, packets=64):
        self.limit, self.order, self.state = packets, [], {}

    def add(self, packet, now):
        head, word = 4 * (packet[0] & 15), int.from_bytes(packet[6:8], "big")
        body, start, key = packet[head:], 8 * (word & 0x1FFF), packet[4:6] + packet[9:10] + packet[12:20]
        end = start + len(body)
        if key not in self.state:
            if len(self.order) == self.limit:
                self.state.pop(self.order.pop(0))
            self.order.append(key)
            self.state[key] = [now + 60, bytearray(65536), bytearray(65536), None, None]  # until, data, map, head, end
        _, data, have, first, last = state = self.state[key]
        if data is None:
            return None
        exact = have[start] == 2 and have[start + 1 : end].count(1) == len(body) - 1 and have[end] != 1
        if exact and data[start:end] == body:
            return None
        more = word & 0x2000
        bad = end + head > 65535 or any(have[start:end])
        bad = bad or (last is not None and (end > last or not more)) or (not more and any(have[end:]))
        if bad:
            state[1:] = None, None, None, None
            return None
        data[start:end] = body
        have[start:end] = b"\2" + b"\1" * (len(body) - 1)
        if start == 0:
            first = state[3] = packet
        if not more:
            last = state[4] = end
        if last is None or 0 in have[:last]:
            return None
        self.order.remove(key)
        del self.state[key]
        size = 4 * (first[0] & 15)
        header = first[:2] + (size + last).to_bytes(2, "big") + first[4:6] + bytes([first[6] & 0x40, 0]) + first[8:10]
        header += b"\0\0" + first[12:size]
        return header[:10] + carry_as_it_comes(header).to_bytes(2, "big") + header[12:] + bytes(data[:last])

    def expire(self, now):
        late = [key for key in self.order if self.state[key][0] <= now]
        self.order = [key for key in self.order if key not in late]
        return [state[3] for state in map(self.state.pop, late) if state[3]]

    def deadline(self):
        return self.state[self.order[0]][0] if self.order else None


WRONG = {
    "5.1": [
        end_around_carry_forgotten, carried_once, complement_forgotten, little_endian, odd_byte_dropped,
        odd_byte_as_low_half, crashes_on_odd, summed_bytes, remainder_with_one_zero, no_mask, only_the_header,
    ],
    "5.2": [
        total_of_payload_only, total_with_20, always_0x45, length_in_bytes, host_byte_order, padded_with_nop,
        flags_swapped, flags_in_the_low_bits, checksum_of_20_bytes, checksum_left_zero, tos_byte_shifted_wrong,
        no_limits, struct_error_let_through, payload_up_to_65535, short_address_taken, ecn_forgotten,
    ],
    "5.3": [
        ihl_in_bytes, header_always_20, payload_with_frame_padding, version_not_looked_at, small_ihl_taken,
        checksum_not_checked, checksum_over_all, checksum_compared_in_place, offset_with_the_flags,
        offset_with_the_reserved_bit, offset_of_12_bits, offset_in_bytes, long_total_taken, short_total_taken,
        no_length_check, crashes_on_short_data, options_dropped, ecn_as_one_bit, exact_length_asked,
    ],
    "5.4": [
        sealed_anew, sealed_anew_if_right, checksum_as_it_was, carry_lost, rfc_1141_with_one_zero,
        low_byte_of_the_word, falls_with_the_ttl, ttl_goes_round, refuses_the_last_hop, payload_lost,
        rfc_1624_equation_2,
    ],
    "5.5": [
        more_on_the_last_too, more_on_none, offsets_in_bytes, not_a_multiple_of_8, mtu_without_the_header,
        header_of_20_bytes, offset_from_zero_again, more_of_a_fragment_lost, dont_fragment_ignored,
        dont_fragment_even_if_it_fits, checksum_of_the_whole, total_length_of_the_whole, all_options_everywhere,
        options_in_the_first_only, cuts_what_fits_exactly, eight_bytes_each,
    ],
    "5.6": [
        wrong("in_order_only", in_order=True),
        wrong("last_one_ends_it", ends_it=True),
        wrong("repetitions_counted", repeats_count=True),
        wrong("repetitions_are_overlaps", repeats_bad=True),
        wrong("overlaps_merged", merge=True),
        wrong("identification_is_the_key", one_key=True),
        wrong("timer_renewed", renew=True),
        wrong("one_moment_too_late", late_after=True),
        wrong("thirty_seconds", timeout=30.0),
        wrong("reports_whatever_came_last", report_all=True),
        wrong("header_of_the_last_arrival", last_header=True),
        wrong("checksum_of_the_fragment", old_checksum=True),
        wrong("more_fragments_left_set", more_left=True),
        wrong("keeps_everything", no_limit=True),
        wrong("forgets_the_newest", new_first_goes=True),
        wrong("begins_anew_after_an_overlap", forget_bad=True),
        wrong("ping_of_death", huge_taken=True),
    ],
}  # fmt: skip
RIGHT = {
    "5.1": [by_struct, carry_as_it_comes, by_remainder],
    "5.2": [from_parts, in_one_number],
    "5.3": [by_unpacking, by_bits],
    "5.4": [equation_3, as_linux_does],
    "5.5": [first_to_last, halved],
    "5.6": [Books, Buffer],
}
