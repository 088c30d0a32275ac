"""Wrong answers to the exercises of chapter 6, each a mistake that somebody makes, and right ones of other shapes.

Every answer in WRONG has to be killed by a counterexample, every one in RIGHT has to pass: `netlib zoo 06`.
"""

import struct


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def sealed(message):
    return message[:2] + checksum(message[:2] + bytes(2) + message[4:]).to_bytes(2, "big") + message[4:]


# ---- 6.1 echo_reply -------------------------------------------------------------------------------------------


def right_reply(request):
    if len(request) < 8 or request[0] != 8 or checksum(request) != 0:
        return None
    return sealed(b"\0" + request[1:])


def right_reply_incremental(request):
    """RFC 1624: the first word goes from 0x0800 to 0, so the checksum grows by 0x0800."""
    if len(request) < 8 or request[0] != 8 or checksum(request):
        return None
    total = int.from_bytes(request[2:4], "big") + 0x0800
    total = (total & 0xFFFF) + (total >> 16)
    if not any(request[4:]):
        total = 0xFFFF
    return bytes(2) + total.to_bytes(2, "big") + request[4:]


def right_reply_struct(request):
    try:
        kind, code, _, identifier, sequence = struct.unpack_from("!BBHHH", request)
    except struct.error:
        return None
    if kind != 8 or checksum(request):
        return None
    zero = struct.pack("!BBHHH", 0, code, 0, identifier, sequence) + request[8:]
    return struct.pack("!BBHHH", 0, code, checksum(zero), identifier, sequence) + request[8:]


def reply_old_checksum(request):
    return b"\0" + request[1:] if right_reply(request) else None


def reply_checksum_over_checksum(request):
    if not right_reply(request):
        return None
    reply = b"\0" + request[1:]
    return reply[:2] + checksum(reply).to_bytes(2, "big") + reply[4:]


def reply_without_data(request):
    return sealed(b"\0" + request[1:8]) if right_reply(request) else None


def reply_header_checksum(request):
    return sealed(b"\0" + request[1:8]) + request[8:] if right_reply(request) else None


def reply_little_endian(request):
    good = right_reply(request)
    return good and good[:2] + good[2:4][::-1] + good[4:]


def reply_to_every_type(request):
    return sealed(b"\0" + request[1:]) if len(request) >= 8 and not checksum(request) else None


def reply_without_verifying(request):
    return sealed(b"\0" + request[1:]) if len(request) >= 8 and request[0] == 8 else None


def reply_sequence_plus_one(request):
    if not right_reply(request):
        return None
    sequence = (int.from_bytes(request[6:8], "big") + 1) & 0xFFFF
    return sealed(b"\0" + request[1:6] + sequence.to_bytes(2, "big") + request[8:])


def reply_dies_on_short(request):
    kind, _code, _, _identifier, _sequence = struct.unpack_from("!BBHHH", request)
    return sealed(b"\0" + request[1:]) if kind == 8 and not checksum(request) else None


def reply_ignores_odd_byte(request):
    good = right_reply(request)
    return good and (sealed(good[:-1]) + good[-1:] if len(good) % 2 else good)


def reply_no_fold(request):
    good = right_reply(request)
    if not good:
        return None
    total = int.from_bytes(request[2:4], "big") + 0x0800
    return good[:2] + (total & 0xFFFF).to_bytes(2, "big") + good[4:]


def right_reply_in_place(request):
    """A bytearray, changed in place, will do for bytes."""
    if len(request) < 8 or request[0] != 8 or checksum(request):
        return None
    reply = bytearray(request)
    reply[0] = 0
    reply[2:4] = bytes(2)
    reply[2:4] = checksum(bytes(reply)).to_bytes(2, "big")
    return reply


def reply_overflows(request):
    """The first word grows less, so the checksum grows; and where it carries?"""
    good = right_reply(request)
    return good and good[:2] + (int.from_bytes(request[2:4], "big") + 0x0800).to_bytes(2, "big") + good[4:]


# ---- 6.2 icmp_error -------------------------------------------------------------------------------------------


def forbidden(packet):
    start = (packet[0] & 15) * 4
    return (
        (packet[9] == 1 and packet[start] in (3, 4, 5, 11, 12))
        or bool(((packet[6] << 8) + packet[7]) & 0x1FFF)
        or 224 <= packet[16] <= 239
        or packet[16:20] == b"\xff" * 4
        or packet[12:16] == bytes(4)
        or packet[12] == 127
        or packet[12] >= 224
    )


def message(type, code, rest, quote):
    return sealed(bytes([type, code, 0, 0]) + rest.to_bytes(4, "big") + quote)


def right_error(packet, type, code, rest=0):
    return None if forbidden(packet) else message(type, code, rest, packet[:548])


def right_error_shortest(packet, type, code, rest=0):
    """RFC 792's own: the header and eight bytes."""
    start = (packet[0] & 0x0F) * 4
    return None if forbidden(packet) else message(type, code, rest, packet[: start + 8])


def right_error_struct(packet, type, code, rest=0):
    if forbidden(packet):
        return None
    quote = packet[:128]
    total = checksum(struct.pack("!BBHI", type, code, 0, rest) + quote)
    return struct.pack("!BBHI", type, code, total, rest) + quote


def error_about_anything(packet, type, code, rest=0):
    return message(type, code, rest, packet[:548])


def error_about_errors(packet, type, code, rest=0):
    about_error = packet[9] == 1 and packet[(packet[0] & 15) * 4] in (3, 4, 5, 11, 12)
    return message(type, code, rest, packet[:548]) if about_error or not forbidden(packet) else None


def error_never_about_icmp(packet, type, code, rest=0):
    """A ping may be reported about: traceroute -I would see nothing."""
    return None if forbidden(packet) or packet[9] == 1 else message(type, code, rest, packet[:548])


def error_type_at_20(packet, type, code, rest=0):
    """The ICMP type is looked for behind a header of 20 bytes."""
    moved = packet[:20] + packet[20:] if packet[0] == 0x45 else b"\x45" + packet[1:]
    return None if forbidden(moved + bytes(9)) else message(type, code, rest, packet[:548])


def error_about_fragments(packet, type, code, rest=0):
    whole = packet[:6] + bytes(2) + packet[8:]
    return None if forbidden(whole) else message(type, code, rest, packet[:548])


def error_not_about_first_fragment(packet, type, code, rest=0):
    return None if forbidden(packet) or packet[6] & 0x20 else message(type, code, rest, packet[:548])


def error_to_groups(packet, type, code, rest=0):
    return None if forbidden(packet[:16] + b"\x0a\0\0\1" + packet[20:]) else message(type, code, rest, packet[:548])


def error_to_nobody(packet, type, code, rest=0):
    return None if forbidden(packet[:12] + b"\x0a\0\0\1" + packet[16:]) else message(type, code, rest, packet[:548])


def error_quote_28(packet, type, code, rest=0):
    return None if forbidden(packet) else message(type, code, rest, packet[:28])


def error_quote_everything(packet, type, code, rest=0):
    return None if forbidden(packet) else message(type, code, rest, packet)


def error_quote_payload(packet, type, code, rest=0):
    start = (packet[0] & 15) * 4
    return None if forbidden(packet) else message(type, code, rest, packet[start : start + 8])


def error_rest_left_out(packet, type, code, rest=0):
    return None if forbidden(packet) else message(type, code, 0, packet[:548])


def error_checksum_of_header(packet, type, code, rest=0):
    return None if forbidden(packet) else message(type, code, rest, b"") + packet[:548]


def error_pads_quote(packet, type, code, rest=0):
    return None if forbidden(packet) else message(type, code, rest, packet[:548].ljust(28, b"\0"))


def error_576_of_quote(packet, type, code, rest=0):
    return None if forbidden(packet) else message(type, code, rest, packet[:576])


# ---- 6.3 match ------------------------------------------------------------------------------------------------


def marks_of(packet):
    start = (packet[0] & 15) * 4
    first = packet[start : start + 8]
    return packet[9], packet[12:16], packet[16:20], first[:4] if packet[9] != 1 else first[:1] + first[4:8]


def right_match(message, probes):
    if len(message) < 8:
        return None
    for index, probe in enumerate(probes):
        protocol, _, _, marks = marks_of(probe)
        if message[0] == 0 and protocol == 1 and marks[1:] == message[4:8]:
            return index
        if message[0] in (3, 4, 5, 11, 12):
            quote = message[8:]
            if len(quote) < 28 or len(quote) < (quote[0] & 15) * 4 + 8:
                continue
            if marks_of(quote) == marks_of(probe):
                return index
    return None


def right_match_by_key(message, probes):
    """A dictionary of what is known, and one look-up."""
    known = {}
    for index, probe in enumerate(probes):
        body = probe[(probe[0] & 15) * 4 :]
        if probe[9] == 1:
            known[bytes([0]) + body[4:8]] = index
        key = probe[9:10] + probe[12:20] + (body[:2] + body[4:8] if probe[9] == 1 else body[:4])
        known[key] = index
    if len(message) >= 8 and message[0] == 0:
        return known.get(bytes([0]) + message[4:8])
    if len(message) < 36 or message[0] not in (3, 4, 5, 11, 12):
        return None
    quote = message[8:]
    body = quote[(quote[0] & 15) * 4 :]
    if len(body) < 8:
        return None
    return known.get(quote[9:10] + quote[12:20] + (body[:2] + body[4:8] if quote[9] == 1 else body[:4]))


def match_variant(
    fixed=False,
    protocol=True,
    source=True,
    destination=True,
    ports=(0, 4),
    echo=True,
    kinds=(3, 4, 5, 11, 12),
    request=True,
    least=8,
    reply_kind=0,
):
    """`right_match` with one thing left out."""

    def marks(packet):
        start = 20 if fixed else (packet[0] & 15) * 4
        body = packet[start : start + 8]
        mark = (body[:1] if request else b"") + body[4:8] if packet[9] == 1 else body[slice(*ports)]
        return packet[9] if protocol else 0, packet[12:16] if source else 0, packet[16:20] if destination else 0, mark

    def match(message, probes):
        if len(message) < 8:
            return None
        for index, probe in enumerate(probes):
            start = (probe[0] & 15) * 4
            if echo and message[0] == reply_kind and probe[9] == 1 and probe[start + 4 : start + 8] == message[4:8]:
                return index
            quote = message[8:]
            whole = len(quote) >= 20 and len(quote) >= (quote[0] & 15) * 4 + least
            if message[0] in kinds and whole and marks(quote) == marks(probe):
                return index
        return None

    return match


def named(name, function):
    function.__name__ = name
    return function


def match_number_of_last(message, probes):
    """Only one probe is ever out, so it has to be the last one."""
    found = right_match(message, probes)
    return None if found is None else len(probes) - 1


def match_whole_quote(message, probes):
    """The quote compared byte by byte with what was sent: the TTL has changed on the way."""
    quote = message[8:]
    if len(message) >= 8 and message[0] == 0:
        return right_match(message, probes)
    if len(quote) < 28 or message[0] not in (3, 4, 5, 11, 12):
        return None
    return next((i for i, probe in enumerate(probes) if probe.startswith(quote[: len(probe)])), None)


def match_false_for_zero(message, probes):
    return right_match(message, probes) or None


def match_dies_on_short(message, probes):
    quote = message[8:]
    if message[0] == 0:
        return right_match(message, probes)
    start = (quote[0] & 15) * 4
    struct.unpack_from("!HH", quote, start)
    return right_match(message, probes)


def match_reply_of_any(message, probes):
    """An echo reply compared with the ports of UDP probes too."""
    if len(message) >= 8 and message[0] == 0:
        for index, probe in enumerate(probes):
            start = (probe[0] & 15) * 4
            body = probe[start:]
            if message[4:8] == (body[4:8] if probe[9] == 1 else body[:4]):
                return index
        return None
    return right_match(message, probes)


def match_reply_of_udp(message, probes):
    """The bytes at which an echo request has its identifier, whatever the protocol."""
    if len(message) >= 8 and message[0] == 0:
        bodies = [probe[(probe[0] & 15) * 4 :] for probe in probes]
        return next((index for index, body in enumerate(bodies) if body[4:8] == message[4:8]), None)
    return right_match(message, probes)


# ---- 6.4 Traceroute -------------------------------------------------------------------------------------------


class RightPlain:
    """Lists and counters."""

    def __init__(self, max_hops=30, tries=3, timeout=1.0):
        self.max_hops = max_hops
        self.tries = tries
        self.timeout = timeout
        self.hops = []
        self.done = False
        self.number = 0
        self.sent_at = None

    def poll(self, now):
        if self.sent_at is not None and now >= self.sent_at + self.timeout:
            self.finish(None)
        if self.done or self.sent_at is not None:
            return None
        ttl = self.number // self.tries + 1
        if len(self.hops) < ttl:
            self.hops.append([])
        self.sent_at = now
        return self.number, ttl

    def finish(self, answer):
        hop = self.hops[-1]
        hop.append(answer)
        self.number += 1
        self.sent_at = None
        if len(hop) == self.tries:
            final = any(a is not None and a[1] in (0, 3) for a in hop)
            self.done = final or len(self.hops) == self.max_hops

    def reply(self, number, source, type, code, now):
        if self.sent_at is None or number != self.number or type not in (0, 3, 11, 12):
            return
        if now - self.sent_at >= self.timeout:
            return
        self.finish((source, type, code, now - self.sent_at))

    def deadline(self):
        if self.sent_at is None:
            return None
        return self.sent_at + self.timeout


class RightGenerator:
    """The order of the probes as a generator; late answers give the probe up at once."""

    def __init__(self, max_hops=30, tries=3, timeout=1.0):
        self.timeout = timeout
        self.out = None
        self.results = []
        self.order = self.probes(max_hops, tries)

    def probes(self, max_hops, tries):
        number = 0
        for ttl in range(1, max_hops + 1):
            self.results.append([])
            for _ in range(tries):
                yield number, ttl
                number += 1
            if any(answer and answer[1] in {0, 3} for answer in self.results[-1]):
                return

    def poll(self, now):
        self.give_up(now)
        if self.out is not None or self.order is None:
            return None
        probe = next(self.order, None)
        if probe is None:
            self.order = None
            return None
        self.out = (*probe, now)
        return probe

    def give_up(self, now):
        if self.out is not None and now >= self.out[2] + self.timeout:
            self.results[-1].append(None)
            self.out = None

    def reply(self, number, source, type, code, now):
        self.give_up(now)
        if self.out is not None and self.out[0] == number and type != 4 and type != 5:
            self.results[-1].append([source, type, code, now - self.out[2]])
            self.out = None

    def deadline(self):
        return self.out and self.out[2] + self.timeout

    @property
    def hops(self):
        return self.results

    @property
    def done(self):
        return self.order is None and self.out is None


class StopsAtOnce(RightPlain):
    def finish(self, answer):
        super().finish(answer)
        self.done = self.done or (answer is not None and answer[1] in (0, 3))


class NeverStops(RightPlain):
    """Only max_hops ends it."""

    def finish(self, answer):
        super().finish(answer)
        self.done = len(self.hops) == self.max_hops and len(self.hops[-1]) == self.tries


class OnlyPortUnreachable(RightPlain):
    def finish(self, answer):
        super().finish(answer)
        whole = len(self.hops[-1]) == self.tries
        self.done = whole and (any(a and a[1:3] == (3, 3) for a in self.hops[-1]) or len(self.hops) == self.max_hops)


class EchoReplyForgotten(RightPlain):
    def finish(self, answer):
        super().finish(answer)
        whole = len(self.hops[-1]) == self.tries
        self.done = whole and (any(a and a[1] == 3 for a in self.hops[-1]) or len(self.hops) == self.max_hops)


class OneHopTooMany(RightPlain):
    def finish(self, answer):
        super().finish(answer)
        if self.done and len(self.hops) == self.max_hops and not any(a and a[1] in (0, 3) for a in self.hops[-1]):
            self.done = False
            self.max_hops += 0.5


class LateCounts(RightPlain):
    def reply(self, number, source, type, code, now):
        if self.sent_at is not None and number == self.number and type in (0, 3, 11):
            self.finish((source, type, code, now - self.sent_at))


class AnyNumber(RightPlain):
    def reply(self, number, source, type, code, now):
        super().reply(self.number, source, type, code, now)


class DeadlineNotIncluded(RightPlain):
    def poll(self, now):
        if self.sent_at is not None and now == self.sent_at + self.timeout:
            return None
        return super().poll(now)


class ForgetsSilence(RightPlain):
    def finish(self, answer):
        if answer is not None:
            super().finish(answer)
            return
        self.number += 1
        self.sent_at = None
        if self.number % self.tries == 0:
            final = any(a[1] in (0, 3) for a in self.hops[-1])
            self.done = final or len(self.hops) == self.max_hops


class StopsAtSilence(RightPlain):
    """A hop that never answers is taken for the end of the path."""

    def finish(self, answer):
        super().finish(answer)
        if len(self.hops[-1]) == self.tries and not any(self.hops[-1]):
            self.done = True


class SendsAgainWhileOut(RightPlain):
    """A probe for each poll, whether one is out or not."""

    def poll(self, now):
        if self.sent_at is not None:
            self.finish(None)
        return super().poll(now)


class TtlFromZero(RightPlain):
    def poll(self, now):
        probe = super().poll(now)
        return probe and (probe[0], probe[1] - 1)


class NumbersPerHop(RightPlain):
    def poll(self, now):
        probe = super().poll(now)
        return probe and (probe[0] % self.tries, probe[1])


class RedirectIsAnswer(RightPlain):
    def reply(self, number, source, type, code, now):
        super().reply(number, source, 11 if type == 5 else type, code, now)


class SharedHops(RightPlain):
    """A list as the class's own: the second traceroute starts with the first one's hops."""

    kept: list = []  # noqa: RUF012

    def __init__(self, max_hops=30, tries=3, timeout=1.0):
        super().__init__(max_hops, tries, timeout)
        self.hops = self.kept


class LostTime(RightPlain):
    """The round-trip time counted from the start."""

    def reply(self, number, source, type, code, now):
        before = self.hops and len(self.hops[-1])
        super().reply(number, source, type, code, now)
        if self.hops and len(self.hops[-1]) != before:
            self.hops[-1][-1] = (source, type, code, now)


class DoneIsMethod(RightPlain):
    """`while not machine.done` is over at once."""

    def __init__(self, max_hops=30, tries=3, timeout=1.0):
        super().__init__(max_hops, tries, timeout)
        over = self.done
        self.done = lambda: over


class OldDeadline(RightPlain):
    """The deadline of the last probe stays when all is done."""

    def deadline(self):
        now_or_then = self.sent_at if self.sent_at is not None else getattr(self, "then", None)
        return None if now_or_then is None else now_or_then + self.timeout

    def finish(self, answer):
        self.then = self.sent_at
        super().finish(answer)


# ---- 6.5 read_path --------------------------------------------------------------------------------------------


def right_path(hops, destination):
    path = []
    for hop in hops:
        seen = []
        for answer in hop:
            if answer is not None and answer[0] not in seen:
                seen.append(answer[0])
        path.append(seen)
    for ttl, seen in enumerate(path, 1):
        if destination in seen:
            return {"path": path, "end": "reached", "ttl": ttl, "code": None}
    for ttl, hop in enumerate(hops, 1):
        for answer in hop:
            if answer and answer[1] == 3:
                end = "filtered" if answer[2] in (9, 10, 13) else "unreachable"
                return {"path": path, "end": end, "ttl": ttl, "code": answer[2]}
    for ttl in range(3, len(path) + 1):
        earlier = {address for seen in path[: ttl - 2] for address in seen}
        if earlier & set(path[ttl - 1]):
            return {"path": path, "end": "loop", "ttl": ttl, "code": None}
    if path[-1]:
        return {"path": path, "end": "unfinished", "ttl": len(path), "code": None}
    return {
        "path": path,
        "end": "silent",
        "ttl": max([n for n, seen in enumerate(path, 1) if seen] or [0]),
        "code": None,
    }


def right_path_flat(hops, destination):
    """All answers in one list, and `next` for each question."""
    path = [list(dict.fromkeys(a[0] for a in hop if a)) for hop in hops]
    flat = [(ttl, *a) for ttl, hop in enumerate(hops, 1) for a in hop if a]
    result = dict(path=path, end="", ttl=0, code=None)
    if hit := next((a for a in flat if a[1] == destination), None):
        return result | dict(end="reached", ttl=hit[0])
    if hit := next((a for a in flat if a[2] == 3), None):
        return result | dict(end=("unreachable", "filtered")[hit[3] in {9, 10, 13}], ttl=hit[0], code=hit[3])
    if hit := next((a for a in flat if any(b[1] == a[1] and b[0] <= a[0] - 2 for b in flat)), None):
        return result | dict(end="loop", ttl=hit[0])
    if not path[-1]:
        return result | dict(end="silent", ttl=flat[-1][0] if flat else 0)
    return result | dict(end="unfinished", ttl=len(hops))


def without_code(function):
    def changed(hops, destination):
        return function(hops, destination) | {"code": None}

    return changed


def path_first_only(hops, destination):
    result = right_path(hops, destination)
    return result | {"path": [seen[:1] for seen in result["path"]]}


def path_duplicates(hops, destination):
    return right_path(hops, destination) | {"path": [[a[0] for a in hop if a] for hop in hops]}


def path_sorted(hops, destination):
    result = right_path(hops, destination)
    return result | {"path": [sorted(seen) for seen in result["path"]]}


def path_stars(hops, destination):
    result = right_path(hops, destination)
    return result | {"path": [seen or ["*"] for seen in result["path"]]}


def path_silence_in_the_middle(hops, destination):
    """Three stars anywhere are taken for the end."""
    result = right_path(hops, destination)
    for ttl, seen in enumerate(result["path"], 1):
        if not seen:
            return result | {"end": "silent", "ttl": ttl - 1, "code": None}
    return result


def path_port_is_reached(hops, destination):
    result = right_path(hops, destination)
    if result["end"] == "unreachable" and result["code"] == 3:
        return result | {"end": "reached", "code": None}
    return result


def path_only_13(hops, destination):
    result = right_path(hops, destination)
    return result | {"end": "unreachable"} if result["code"] in (9, 10) else result


def path_refused_wins(hops, destination):
    """An unreachable anywhere beats the destination's own answer."""
    refused = [(t, a[2]) for t, hop in enumerate(hops, 1) for a in hop if a and a[1] == 3 and a[0] != destination]
    result = right_path(hops, destination)
    if refused:
        ttl, code = refused[0]
        return result | {"end": "filtered" if code in (9, 10, 13) else "unreachable", "ttl": ttl, "code": code}
    return result


def path_neighbours_loop(hops, destination):
    result = right_path(hops, destination)
    if result["end"] in ("unfinished", "silent", "loop"):
        for ttl in range(2, len(hops) + 1):
            if {x for seen in result["path"][: ttl - 1] for x in seen} & set(result["path"][ttl - 1]):
                return result | {"end": "loop", "ttl": ttl}
    return result


def path_loop_first(hops, destination):
    """A repeated address beats the destination's answer."""
    path = right_path(hops, destination)["path"]
    for ttl in range(3, len(path) + 1):
        if {x for seen in path[: ttl - 2] for x in seen} & set(path[ttl - 1]):
            return {"path": path, "end": "loop", "ttl": ttl, "code": None}
    return right_path(hops, destination)


def path_loop_since_last_seen(hops, destination):
    """Three answers in a row, and each but one hop after the one before."""
    result = right_path(hops, destination)
    if result["end"] == "loop":
        last = {}
        for ttl, seen in enumerate(result["path"], 1):
            if any(ttl - last.get(address, ttl) >= 2 for address in seen):
                return result | {"ttl": ttl}
            last |= dict.fromkeys(seen, ttl)
        return result | {"end": "unfinished", "ttl": len(hops)}
    return result


def path_prohibited_wins(hops, destination):
    """A prohibited one anywhere beats an earlier unreachable."""
    result = right_path(hops, destination)
    if result["end"] == "unreachable":
        for ttl, hop in enumerate(hops, 1):
            for answer in hop:
                if answer and answer[1] == 3 and answer[2] in (9, 10, 13):
                    return result | {"end": "filtered", "ttl": ttl, "code": answer[2]}
    return result


def path_loop_where_it_began(hops, destination):
    result = right_path(hops, destination)
    if result["end"] == "loop":
        again = set(result["path"][result["ttl"] - 1])
        return result | {"ttl": next(t for t, seen in enumerate(result["path"], 1) if again & set(seen))}
    return result


def path_reached_at_the_end(hops, destination):
    result = right_path(hops, destination)
    return result | {"ttl": len(hops)} if result["end"] == "reached" else result


def path_last_hop_only(hops, destination):
    """Looks at the first answer of the last hop and nowhere else."""
    result = right_path(hops, destination)
    answer = hops[-1][0]
    if answer is None:
        return result | {"end": "silent", "ttl": len(hops), "code": None}
    return result


WRONG = {
    "6.1": [
        reply_old_checksum, reply_checksum_over_checksum, reply_without_data, reply_header_checksum, reply_little_endian,
        reply_to_every_type, reply_without_verifying, reply_sequence_plus_one, reply_dies_on_short, reply_ignores_odd_byte,
        reply_no_fold, reply_overflows,
    ],
    "6.2": [
        error_about_anything, error_about_errors, error_never_about_icmp, error_type_at_20, error_about_fragments,
        error_not_about_first_fragment, error_to_groups, error_to_nobody, error_quote_28, error_quote_everything,
        error_quote_payload, error_rest_left_out, error_checksum_of_header, error_pads_quote, error_576_of_quote,
    ],
    "6.3": [
        named("match_header_of_20", match_variant(fixed=True)),
        named("match_no_protocol", match_variant(protocol=False)),
        named("match_no_source", match_variant(source=False)),
        named("match_no_destination", match_variant(destination=False)),
        named("match_destination_port", match_variant(ports=(2, 4))),
        named("match_all_eight_bytes", match_variant(ports=(0, 8))),
        named("match_source_port", match_variant(ports=(0, 2))),
        named("match_no_echo_reply", match_variant(echo=False)),
        named("match_echo_request_as_reply", match_variant(reply_kind=8)),
        named("match_only_time_exceeded", match_variant(kinds=(11,))),
        named("match_any_type_quotes", match_variant(kinds=range(1, 256))),
        named("match_quoted_reply", match_variant(request=False)),
        named("match_four_bytes_do", match_variant(least=4)),
        match_number_of_last, match_whole_quote, match_false_for_zero, match_dies_on_short, match_reply_of_any,
        match_reply_of_udp,
    ],
    "6.4": [
        StopsAtOnce, NeverStops, OnlyPortUnreachable, EchoReplyForgotten, OneHopTooMany, LateCounts, AnyNumber,
        DeadlineNotIncluded, ForgetsSilence, StopsAtSilence, SendsAgainWhileOut, TtlFromZero, NumbersPerHop,
        RedirectIsAnswer, SharedHops, LostTime, DoneIsMethod, OldDeadline,
    ],
    "6.5": [
        named("path_without_code", without_code(right_path)), path_first_only, path_duplicates, path_sorted, path_stars,
        path_silence_in_the_middle, path_port_is_reached, path_only_13, path_refused_wins, path_neighbours_loop,
        path_loop_first, path_loop_where_it_began, path_reached_at_the_end, path_last_hop_only,
        path_loop_since_last_seen, path_prohibited_wins,
    ],
}  # fmt: skip

RIGHT = {
    "6.1": [right_reply, right_reply_incremental, right_reply_struct, right_reply_in_place],
    "6.2": [right_error, right_error_shortest, right_error_struct],
    "6.3": [right_match, right_match_by_key],
    "6.4": [RightPlain, RightGenerator],
    "6.5": [right_path, right_path_flat],
}
