"""Wrong answers to the exercises of chapter 2, each a mistake that somebody makes, and right ones of other shapes.

Every answer in WRONG has to be killed by a counterexample, every one in RIGHT has to pass: `netlib zoo 02`.
"""

import struct
from math import ceil

from netlib import ARPPacket, ICMPMessage, IPv4Packet, TCPSegment, decode, internet_checksum


def named(name, function):
    function.__name__ = name
    return function


# ---- 2.1 goodput ----------------------------------------------------------------------------------------------


def right_goodput(size, mtu=1500, tls=True, timestamps=False):
    if size < 0 or mtu < 68:
        raise ValueError("no such size or MTU")
    if size == 0:
        return 0.0
    stream = size + 22 * ceil(size / 16384) * tls
    room = mtu - 40 - 12 * timestamps
    whole, rest = divmod(stream, room)
    last = max(mtu - room + rest, 46) + 38 if rest else 0
    return size / (whole * (mtu + 38) + last)


def right_goodput_as_lists(size, mtu=1500, tls=True, timestamps=False):
    if size < 0 or mtu < 68:
        raise ValueError
    records = [min(16384, size - at) for at in range(0, size, 16384)]
    stream = sum(length + 22 for length in records) if tls else size
    header = 52 if timestamps else 40
    packets = [header + min(mtu - header, stream - at) for at in range(0, stream, mtu - header)]
    cable = sum(8 + 14 + max(46, packet) + 4 + 12 for packet in packets)
    return size / cable if cable else 0.0


def goodput_variant(around=38, least=46, mtu_of_frame=False, record_each=False, one_record=False, options=12,
                    headers=40, tls_counts=False, always_tls=False, check=True, limit=16384):  # fmt: skip
    def goodput(size, mtu=1500, tls=True, timestamps=False):
        if check and (size < 0 or mtu < 68):
            raise ValueError
        if size <= 0:
            return 0.0
        room = mtu - headers - options * timestamps - 14 * mtu_of_frame
        records = ceil(size / (room - 22)) if record_each else 1 if one_record else ceil(size / limit)
        stream = size + 22 * records * (tls or always_tls)
        whole, rest = divmod(stream, room)
        header = headers + options * timestamps
        cable = whole * (max(header + room, least) + around) + (max(header + rest, least) + around if rest else 0)
        return (stream if tls_counts else size) / cable

    return goodput


def goodput_one_segment_too_many(size, mtu=1500, tls=True, timestamps=False):
    """`// room + 1` in place of rounding up."""
    right_goodput(size, mtu, tls, timestamps)
    if size == 0:
        return 0.0
    stream = size + 22 * ceil(size / 16384) * tls
    header = 40 + 12 * timestamps
    segments = stream // (mtu - header) + 1
    return size / max(segments * (header + 38) + stream, 84)


def goodput_divides_by_zero(size, mtu=1500, tls=True, timestamps=False):
    return right_goodput(size, mtu, tls, timestamps) if size else size / size


def goodput_in_percent(size, mtu=1500, tls=True, timestamps=False):
    return 100 * right_goodput(size, mtu, tls, timestamps)


# ---- 2.2 owners -----------------------------------------------------------------------------------------------


def right_owners(frame):
    """A list that grows, and an index that moves on."""
    parts, at = [], 0

    def add(name, count):
        nonlocal at
        if at + count > len(frame):
            raise ValueError(f"{name} is cut short")
        if count and parts and parts[-1][0] == name:
            parts[-1] = (name, parts[-1][1] + count)
        elif count:
            parts.append((name, count))
        at += count

    add("ethernet", 14)
    if frame[12:14].hex() == "8100":
        add("ethernet", 4)
    kind = frame[at - 2 : at].hex()
    if kind == "0806":
        add("arp", 28)
    elif kind in ("0800", "86dd"):
        start = at
        if kind == "0800":
            if len(frame) < at + 20 or frame[at] >> 4 != 4:
                raise ValueError("not IPv4")
            header, total, protocol = (frame[at] & 15) * 4, int.from_bytes(frame[at + 2 : at + 4], "big"), frame[at + 9]
        else:
            if len(frame) < at + 40 or frame[at] >> 4 != 6:
                raise ValueError("not IPv6")
            header, total, protocol = 40, 40 + int.from_bytes(frame[at + 4 : at + 6], "big"), frame[at + 6]
        end = start + total
        if header < 20 or total < header or end > len(frame):
            raise ValueError("impossible lengths")
        add("ip", header)
        if protocol == 6:
            if end - at < 20:
                raise ValueError("no room for TCP")
            header = (frame[at + 12] >> 4) * 4
            if header < 20 or header > end - at:
                raise ValueError("impossible data offset")
            add("tcp", header)
            if end - at >= 5 and 20 <= frame[at] <= 23 and frame[at + 1] == 3:
                while at < end:
                    kind, size = frame[at], int.from_bytes(frame[at + 3 : at + 5], "big")
                    add("tls", min(5, end - at))
                    add("sealed" if kind == 23 else "tls", min(size, end - at))
            add("application", end - at)
        elif protocol == 17:
            if end - at < 8:
                raise ValueError("no room for UDP")
            add("udp", 8)
            add("application", end - at)
        else:
            add("icmp" if protocol in (1, 58) else "unknown", end - at)
    else:
        add("unknown", len(frame) - at)
    add("padding", len(frame) - at)
    return parts


def right_owners_peeled(frame):
    """Each layer peels itself off and hands the rest on."""

    def cut(data, size):
        if size > len(data):
            raise ValueError("cut short")
        return data[:size], data[size:]

    def ethernet(data):
        header, rest = cut(data, 14)
        if header[12:] == b"\x81\x00":
            tag, rest = cut(rest, 4)
            header += tag
        yield "ethernet", len(header)
        layer = {b"\x08\x06": arp, b"\x08\x00": ipv4, b"\x86\xdd": ipv6}.get(header[-2:])
        yield from layer(rest) if layer else [("unknown", len(rest))]

    def arp(data):
        _, rest = cut(data, 28)
        yield "arp", 28
        yield "padding", len(rest)

    def ipv4(data):
        first, _ = cut(data, 20)
        total = struct.unpack(">H", first[2:4])[0]
        packet, padding = cut(data, total)
        header, payload = cut(packet, 4 * (first[0] & 15))
        if first[0] >> 4 != 4 or len(header) < 20:
            raise ValueError("no IPv4 header")
        yield "ip", len(header)
        yield from inside(first[9], payload)
        yield "padding", len(padding)

    def ipv6(data):
        header, rest = cut(data, 40)
        if header[0] >> 4 != 6:
            raise ValueError("no IPv6 header")
        payload, padding = cut(rest, struct.unpack(">H", header[4:6])[0])
        yield "ip", 40
        yield from inside(header[6], payload)
        yield "padding", len(padding)

    def inside(protocol, data):
        if protocol == 6:
            first, _ = cut(data, 20)
            header, data = cut(data, first[12] >> 4 << 2)
            if len(header) < 20:
                raise ValueError("no TCP header")
            yield "tcp", len(header)
            yield from (
                records(data)
                if data[:1] in (b"\x14", b"\x15", b"\x16", b"\x17") and data[1:2] == b"\3" and len(data) > 4
                else [("application", len(data))]
            )
        elif protocol == 17:
            _, data = cut(data, 8)
            yield "udp", 8
            yield "application", len(data)
        else:
            yield {1: "icmp", 58: "icmp"}.get(protocol, "unknown"), len(data)

    def records(data):
        while data:
            header, data = data[:5], data[5:]
            size = int.from_bytes(header[3:], "big")
            yield "tls", len(header)
            yield ("sealed" if header[0] == 23 else "tls"), len(data[:size])
            data = data[size:]

    merged = []
    for owner, size in ethernet(frame):
        if size and merged and merged[-1][0] == owner:
            merged[-1][1] += size
        elif size:
            merged.append([owner, size])
    return merged


def owners_changed(change):
    """Right, but for what `change` makes of the list of parts."""

    def owners(frame):
        return change(right_owners(frame), frame)

    return owners


def without_padding_known(parts, frame):
    if len(parts) > 1 and parts[-1][0] == "padding":
        (_, size), (name, before) = parts.pop(), parts[-1]
        parts[-1] = (name, before + size)
    return parts


def all_headers_are_20(parts, frame):
    found = []
    for name, size in parts:
        if name == "tcp" and size > 20:
            found += [("tcp", 20), ("application", size - 20)]
        else:
            found.append((name, size))
    return found


def renamed(old, new):
    def change(parts, frame):
        found = []
        for name, size in parts:
            name = new if name == old else name
            if found and found[-1][0] == name:
                found[-1] = (name, found[-1][1] + size)
            else:
                found.append((name, size))
        return found

    return change


def owners_fixed_offsets(frame):
    """14, 20, 20, and the rest."""
    right_owners(frame)
    rest = len(frame) - 54
    if rest < 5 or frame[54] not in range(20, 24):
        return [("ethernet", 14), ("ip", 20), ("tcp", 20), ("application", rest)]
    return [("ethernet", 14), ("ip", 20), ("tcp", 20), ("tls", 5), ("sealed", rest - 5)]


def owners_no_tag(frame):
    if frame[12:14] == b"\x81\0":
        return [("ethernet", 14), ("unknown", len(frame) - 14)]
    return right_owners(frame)


def owners_never_rejects(frame):
    try:
        return right_owners(frame)
    except ValueError:
        return [("ethernet", min(14, len(frame)))] + [("unknown", len(frame) - 14)] * (len(frame) > 14)


def owners_ipv4_only(frame):
    parts = right_owners(frame)
    return [parts[0], ("unknown", len(frame) - parts[0][1])] if b"\x86\xdd" in frame[12:18] else parts


def owners_any_version(frame):
    """The EtherType has said which IP it is, so why look again?"""
    at = 18 if frame[12:14] == b"\x81\0" else 14
    want = {b"\x08\0": 4, b"\x86\xdd": 6}.get(frame[at - 2 : at])
    if want and len(frame) > at:
        frame = frame[:at] + bytes([want << 4 | frame[at] & 15]) + frame[at + 1 :]
    return right_owners(frame)


def owners_tls_by_type(frame):
    """The first byte alone: 20 to 23."""
    parts = right_owners(frame)
    at = sum(size for _, size in parts[:3])
    if len(parts) > 3 and parts[2][0] == "tcp" and parts[3][0] == "application" and frame[at] in range(20, 24):
        return [*parts[:3], ("tls", min(5, parts[3][1])), *parts[4:]]
    return parts


def owners_record_lengths_of_one_byte(frame):
    """The low byte of a record's length alone."""
    parts = right_owners(frame)
    if not any(name == "tls" for name, _ in parts):
        return parts
    at = sum(size for _, size in parts[:3])
    end = len(frame) - (parts[-1][1] if parts[-1][0] == "padding" else 0)
    found = []
    while at < end:
        size = frame[at + 4] if at + 4 < end else 0
        found += [("tls", min(5, end - at)), ("sealed" if frame[at] == 23 else "tls", min(size, max(0, end - at - 5)))]
        at += 5 + size
    merged = parts[:3]
    for name, size in [*found, ("padding", len(frame) - end)]:
        if size and merged[-1][0] == name:
            merged[-1] = (name, merged[-1][1] + size)
        elif size:
            merged.append((name, size))
    return merged


def owners_tls_3_3_only(frame):
    """Both bytes of the version: but a ClientHello's record says 3.1."""
    parts = right_owners(frame)
    if len(parts) > 3 and parts[2][0] == "tcp" and parts[3][0] == "tls":
        at = sum(size for _, size in parts[:3])
        if frame[at + 2] != 3:
            rest = [part for part in parts[3:] if part[0] == "padding"]
            return [*parts[:3], ("application", len(frame) - at - sum(size for _, size in rest)), *rest]
    return parts


def owners_total_unchecked(frame):
    """A packet shorter than its own header passes."""
    try:
        return right_owners(frame)
    except ValueError:
        at = 18 if frame[12:14] == b"\x81\0" else 14
        total = int.from_bytes(frame[at + 2 : at + 4], "big")
        if frame[at - 2 : at] == b"\x08\0" and frame[at] == 0x45 and total < 20 <= len(frame) - at:
            return [("ethernet", at), ("ip", 20), ("padding", len(frame) - at - 20)]
        raise


def owners_one_record(frame):
    parts = right_owners(frame)
    names = [name for name, _ in parts]
    if "tls" in names:
        at = names.index("tls")
        end = names.index("padding") if "padding" in names else len(parts)
        total = sum(size for _, size in parts[at:end])
        return parts[:at] + [("tls", min(5, total)), ("sealed", total - 5)] * (total > 0) + parts[end:]
    return parts


def owners_record_with_its_header(frame):
    """The length of a record taken to count the record's own header."""
    parts = right_owners(frame)
    if len(parts) > 4 and parts[3][0] == "tls" and parts[4][0] == "sealed":
        return [*parts[:3], ("tls", 5), ("sealed", parts[4][1] - 5), ("application", 5), *parts[5:]]
    return parts


def owners_tls_by_port(frame):
    """Port 443 is TLS, whatever the bytes say."""
    parts = right_owners(frame)
    if dict(parts).get("tcp") and b"\x01\xbb" in frame[34:38]:
        return [("tls", size) if name == "application" else (name, size) for name, size in parts]
    return parts


def owners_empty_parts(frame):
    parts = right_owners(frame)
    return parts if parts[-1][0] == "padding" else [*parts, ("padding", 0)]


def owners_index_error(frame):
    """Reads before it looks how much is there: IndexError, where ValueError is asked for."""
    frame[13], frame[14]
    return right_owners(frame)


def owners_data_offset_unchecked(frame):
    try:
        return right_owners(frame)
    except ValueError as error:
        if "offset" in str(error):
            return [("ethernet", 14), ("ip", 20), ("tcp", len(frame) - 34)]
        raise


# ---- 2.3 encapsulate ------------------------------------------------------------------------------------------


def right_encapsulate(data, fields):
    if fields["record"] is not None:
        data = struct.pack(">BHH", fields["record"], 0x0303, len(data)) + data
    options = fields["options"]
    offset, odd = divmod(20 + len(options), 4)
    total = 20 + 20 + len(options) + len(data)
    if odd or offset > 15 or total > 1500:
        raise ValueError("does not fit")
    numbers = [fields[name] for name in ("source_port", "destination_port", "sequence", "acknowledgment")]
    tcp = bytearray(struct.pack(">HHIIBBHHH", *numbers, offset << 4, fields["flags"], fields["window"], 0, 0))
    tcp += options + data
    addresses = fields["source_ip"] + fields["destination_ip"]
    struct.pack_into(">H", tcp, 16, internet_checksum(addresses + struct.pack(">HH", 6, len(tcp)) + bytes(tcp)))
    ip = bytearray(struct.pack(">BBHHHBBH", 0x45, 0, total, fields["identification"], 0x4000, fields["ttl"], 6, 0))
    ip += addresses
    struct.pack_into(">H", ip, 10, internet_checksum(bytes(ip)))
    return fields["destination_mac"] + fields["source_mac"] + b"\x08\x00" + bytes(ip + tcp)


def encapsulate_variant(swap_macs=False, pseudo=True, pseudo_protocol=6, sum_data=True, ip_all=False, total_off=0,
                        offset=None, length_off=0, version=0x0303, fragment=0x4000, limit=1500, tcp_sum=True,
                        ip_sum=True, record_always=False, ethertype=0x0800, little=False, check=True):  # fmt: skip
    """`right_encapsulate` with one thing changed."""

    def encapsulate(data, fields):
        kind = fields["record"]
        if kind is not None or record_always:
            data = struct.pack(">BHH", 23 if kind is None else kind, version, len(data) + length_off) + data
        options = fields["options"]
        words = (20 + len(options)) // 4 if offset is None else offset
        total = 40 + len(options) + len(data)
        if check and (len(options) % 4 or len(options) > 40 or total > limit):
            raise ValueError("does not fit")
        numbers = [fields[name] for name in ("source_port", "destination_port", "sequence", "acknowledgment")]
        tcp = struct.pack(">HHIIBBHHH", *numbers, (words << 4) & 255, fields["flags"], fields["window"], 0, 0) + options
        length = len(tcp) + len(data)
        before = fields["source_ip"] + fields["destination_ip"] + struct.pack(">HH", pseudo_protocol, length)
        summed = (before if pseudo else b"") + tcp + (data if sum_data else b"")
        checksum = internet_checksum(summed) if tcp_sum else 0
        tcp = tcp[:16] + checksum.to_bytes(2, "little" if little else "big") + tcp[18:] + data
        ip = struct.pack(">BBHHHBBH", 0x45, 0, (total + total_off) & 0xFFFF, fields["identification"], fragment,
                         fields["ttl"], 6, 0) + fields["source_ip"] + fields["destination_ip"]  # fmt: skip
        checksum = internet_checksum(ip + tcp if ip_all else ip) if ip_sum else 0
        ip = ip[:10] + checksum.to_bytes(2, "big") + ip[12:]
        macs = [fields["destination_mac"], fields["source_mac"]]
        return b"".join(macs[::-1] if swap_macs else macs) + ethertype.to_bytes(2, "big") + ip + tcp

    return encapsulate


def encapsulate_outside_in(data, fields):
    """The headers in the order in which they were made: the innermost first."""
    frame = right_encapsulate(data, fields)
    return frame[34 : 54 + len(fields["options"])] + frame[14:34] + frame[:14] + frame[54 + len(fields["options"]) :]


def encapsulate_padded(data, fields):
    return right_encapsulate(data, fields).ljust(60, b"\0")


def encapsulate_with_fcs(data, fields):
    return right_encapsulate(data, fields) + bytes(4)


right_encapsulate_inside_out = named("right_encapsulate_inside_out", encapsulate_variant())

# ---- 2.4 looks_at ---------------------------------------------------------------------------------------------


def right_looks_at(device, frame):
    ip = frame[14:]
    is_ip = frame[12:14] == b"\x08\x00"
    if device == "hub":
        return ()
    if device == "switch":
        return (frame[:6],)
    if device == "router":
        return (ip[16:20],) if is_ip and ip[8] > 1 else None
    if device not in ("l4", "l7"):
        raise ValueError(device)
    if not is_ip or ip[9] not in (6, 17):
        return None
    inner = ip[(ip[0] % 16) * 4 : int.from_bytes(ip[2:4], "big")]
    source, destination = struct.unpack(">HH", inner[:4])
    if device == "l4":
        return (ip[9], ip[12:16], source, ip[16:20], destination)
    if ip[9] != 6:
        return None
    text = inner[(inner[12] >> 4) * 4 :].decode("latin-1")
    if "\r\n\r\n" not in text:
        return None
    first, *rest = text.split("\r\n\r\n")[0].split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in reversed(rest))}
    try:
        method, target, version = first.split()
    except ValueError:
        return None
    return (method, fields["host"], target) if version.startswith("HTTP/1.") and "host" in fields else None


def right_looks_at_by_table(device, frame):
    """One function for each device."""
    import re

    def ip():
        return frame[12:14] == b"\x08\x00"

    def flow():
        if not ip() or frame[23] not in {6, 17}:
            return None
        at = 14 + (frame[14] & 15) * 4
        return frame[23], frame[26:30], frame[at] << 8 | frame[at + 1], frame[30:34], frame[at + 2] << 8 | frame[at + 3]

    def request():
        if not ip() or frame[23] != 6:
            return None
        at = 14 + (frame[14] & 15) * 4
        data = frame[at + (frame[at + 12] >> 4) * 4 : 14 + (frame[16] << 8 | frame[17])]
        found = re.match(rb"([!-~]+) ([!-~]+) HTTP/1\.[01]\r\n((?:.+\r\n)*)\r\n", data)
        host = found and re.search(rb"(?im)^host:[ \t]*(.*?)[ \t]*\r$", found[3])
        return tuple(part.decode() for part in (found[1], host[1], found[2])) if host else None

    table = {
        "hub": lambda: (),
        "switch": lambda: (frame[0:6],),
        "router": lambda: (frame[30:34],) if ip() and frame[22] >= 2 else None,
        "l4": flow,
        "l7": request,
    }
    if device not in table:
        raise ValueError("not a device")
    return table[device]()


def looks_changed(wanted, change):
    """Right, but for one device."""

    def looks_at(device, frame):
        return change(frame) if device == wanted else right_looks_at(device, frame)

    return looks_at


def l4_ports_at_34(frame):
    found = right_looks_at("l4", frame)
    return found and (
        found[0],
        found[1],
        *struct.unpack(">H", frame[34:36]),
        found[3],
        *struct.unpack(">H", frame[36:38]),
    )


def l7_request_at_54(frame):
    return right_looks_at("l7", frame[:14] + b"\x45" + frame[15:34] + frame[34:46] + b"\x50" + frame[47:])


def l7_case(frame):
    return right_looks_at("l7", frame) if b"\r\nHost:" in frame else None


def l7_first_host_anywhere(frame):
    found = right_looks_at("l7", frame)
    if found or b"Host:" not in frame or b"HTTP/1.1\r\n" not in frame:
        return found
    words = frame[54:].split(b" ")
    return (
        words[0].decode("latin-1"),
        frame.split(b"Host:")[1].split(b"\r\n")[0].strip().decode(),
        words[1].decode("latin-1"),
    )


def l7_half_a_head(frame):
    return right_looks_at("l7", frame[:16] + (len(frame) - 14 + 4).to_bytes(2, "big") + frame[18:] + b"\r\n\r\n")


def l7_reads_what_is_sealed(frame):
    return right_looks_at("l7", frame) or ("POST", "shop.example", "/orders")


def l7_path_without_query(frame):
    found = right_looks_at("l7", frame)
    return found and (found[0], found[1], found[2].partition("?")[0])


def l7_host_without_port(frame):
    found = right_looks_at("l7", frame)
    return found and (found[0], found[1].partition(":")[0], found[2])


def l7_any_version(frame):
    """Three words and a Host will do: and so will the first bytes of HTTP/2."""
    return right_looks_at("l7", frame.replace(b" HTTP/2.0\r\n", b" HTTP/1.1\r\n"))


def l7_keeps_spaces(frame):
    found = right_looks_at("l7", frame)
    return found and (found[0], " " + found[1], found[2])


def looks_none_for_unknown(device, frame):
    return right_looks_at(device, frame) if device in ("hub", "switch", "router", "l4", "l7") else None


# ---- 2.5 which_layer ------------------------------------------------------------------------------------------


def records_of(data):
    while len(data) >= 5 and data[0] in range(20, 24) and data[1] == 3:
        size = int.from_bytes(data[3:5], "big")
        yield data[0], size, data[5 : 5 + size]
        data = data[5 + size :]


def right_which_layer(packets, me, carrier=True):
    if not carrier:
        return "physical"
    theirs = [packet for packet in packets if IPv4Packet in packet and packet[IPv4Packet].destination == me]
    tcp = [packet[TCPSegment] for packet in theirs if TCPSegment in packet]
    icmp = [(packet[ICMPMessage].type, packet[ICMPMessage].code) for packet in theirs if ICMPMessage in packet]
    statuses = [int(segment.payload.split(b" ")[1]) for segment in tcp if segment.payload[:7] == b"HTTP/1."]
    records = [record for segment in tcp for record in records_of(segment.payload)]
    if statuses:
        return "none" if statuses[-1] < 400 else "application"
    if any(kind == 21 and size == 2 and content[1] != 0 for kind, size, content in records):
        return "tls"
    if any(kind == 23 for kind, _, _ in records):
        return "sealed"
    if (3, 2) in icmp or (3, 3) in icmp:
        return "transport"
    if any(segment.rst for segment in tcp) and not any(segment.syn for segment in tcp):
        return "transport"
    if (3, 1) in icmp:
        return "link"
    if any(kind in {3, 11, 12} for kind, _ in icmp):
        return "internet"
    arps = [packet[ARPPacket] for packet in packets if ARPPacket in packet]
    asked = any(arp.operation == 1 and arp.sender_ip == me for arp in arps)
    answered = any(arp.operation == 2 and arp.sender_ip != me for arp in arps)
    return "link" if asked and not answered and not theirs else "unknown"


def right_which_layer_ranked(packets, me, carrier=True):
    """One look at each packet; the strongest evidence wins, the last of its kind."""
    best = (0, "unknown")
    heard = asked = accepted = reset = False

    def seen(rank, verdict):
        nonlocal best
        if rank >= best[0]:
            best = (rank, verdict)

    for packet in packets:
        if ARPPacket in packet:
            if packet[ARPPacket].sender_ip == me:
                asked |= packet[ARPPacket].operation == 1
            elif packet[ARPPacket].operation == 2:
                heard = True
            continue
        if packet[IPv4Packet].destination != me:
            continue
        heard = True
        if ICMPMessage in packet:
            kind, code = packet[ICMPMessage].type, packet[ICMPMessage].code
            if kind == 3 and code in (2, 3):
                seen(4, "transport")
            elif kind == 3 and code == 1:
                seen(3, "link")
            elif kind in (3, 11, 12):
                seen(2, "internet")
        elif TCPSegment in packet:
            segment = packet[TCPSegment]
            accepted |= segment.syn
            reset |= segment.rst
            if segment.payload.startswith(b"HTTP/1."):
                seen(7, "none" if segment.payload[9:10] in b"123" else "application")
            for kind, size, content in records_of(segment.payload):
                if kind == 21 and size == 2 and content[1]:
                    seen(6, "tls")
                elif kind == 23:
                    seen(5, "sealed")
    if not carrier:
        return "physical"
    if reset and not accepted:
        seen(4, "transport")
    return "link" if best[0] == 0 and asked and not heard else best[1]


def which_without(drop):
    """Right, but blind for packets that `drop` names."""

    def which_layer(packets, me, carrier=True):
        return right_which_layer([packet for packet in packets if not drop(packet, me)], me, carrier)

    return which_layer


def which_replaced(old, new):
    def which_layer(packets, me, carrier=True):
        found = right_which_layer(packets, me, carrier)
        return new if found == old else found

    return which_layer


def which_any_reset(packets, me, carrier=True):
    found = right_which_layer(packets, me, carrier)
    reset = any(TCPSegment in p and p[TCPSegment].rst and p[IPv4Packet].source != me for p in packets)
    return "transport" if reset and found == "unknown" else found


def which_reset_first(packets, me, carrier=True):
    reset = any(TCPSegment in p and p[TCPSegment].rst and p[IPv4Packet].source != me for p in packets)
    return "transport" if reset and carrier else right_which_layer(packets, me, carrier)


def which_counts_own(packets, me, carrier=True):
    """What we have sent ourselves counts as well, but for ARP."""
    from netlib import stack

    turned = []
    for packet in packets:
        if IPv4Packet in packet and packet[IPv4Packet].source == me:
            layers = decode(packet.data).layers
            layers[1].destination = me
            packet = decode(stack(*layers))
        turned.append(packet)
    return right_which_layer(turned, me, carrier)


def which_hears_groups(packets, me, carrier=True):
    """Whatever others send is taken for an answer."""
    found = right_which_layer(packets, me, carrier)
    others = any(IPv4Packet in p and p[IPv4Packet].source != me for p in packets)
    return "unknown" if found == "link" and others and not any(ICMPMessage in p for p in packets) else found


def which_last_packet(packets, me, carrier=True):
    """Only how it ended."""
    return right_which_layer(packets[-1:], me, carrier)


def which_first_status(packets, me, carrier=True):
    for packet in packets:
        if TCPSegment in packet and packet[TCPSegment].payload.startswith(b"HTTP") and packet[IPv4Packet].source != me:
            return right_which_layer([packet], me, carrier)
    return right_which_layer(packets, me, carrier)


def which_5xx_only(packets, me, carrier=True):
    found = right_which_layer(packets, me, carrier)
    said = [p[TCPSegment].payload[9:10] for p in packets if TCPSegment in p and p[TCPSegment].payload[:4] == b"HTTP"]
    return "none" if found == "application" and said[-1] == b"4" else found


def which_any_alert(packets, me, carrier=True):
    found = right_which_layer(packets, me, carrier)
    theirs = [p[TCPSegment] for p in packets if TCPSegment in p and p[IPv4Packet].source != me]
    alert = any(segment.payload[:1] == b"\x15" for segment in theirs)
    return "tls" if alert and found not in ("none", "application", "physical") else found


def which_first_record(packets, me, carrier=True):
    """Looks at the first record of a segment, and not at those behind it."""
    found = right_which_layer(packets, me, carrier)
    theirs = [p[TCPSegment].payload for p in packets if TCPSegment in p and p[IPv4Packet].source != me]
    if found == "sealed" and not any(data[:1] == b"\x17" for data in theirs):
        return "unknown"
    return found


def which_ignores_carrier(packets, me, carrier=True):
    return right_which_layer(packets, me)


def which_arp_means_link(packets, me, carrier=True):
    """No ARP reply in the capture: the link. But the answer may have been known already."""
    found = right_which_layer(packets, me, carrier)
    replied = any(ARPPacket in p and p[ARPPacket].operation == 2 for p in packets)
    return "link" if found == "unknown" and not replied else found


def which_any_arp_will_do(packets, me, carrier=True):
    found = right_which_layer(packets, me, carrier)
    others = any(ARPPacket in p and p[ARPPacket].sender_ip != me for p in packets)
    return "unknown" if found == "link" and others else found


def which_own_reply(packets, me, carrier=True):
    """An ARP reply of our own, taken for an answer."""
    found = right_which_layer(packets, me, carrier)
    replied = any(ARPPacket in p and p[ARPPacket].operation == 2 for p in packets)
    told = any(ICMPMessage in p for p in packets)
    return "unknown" if found == "link" and replied and not told else found


def which_own_reply_asks(packets, me, carrier=True):
    """Any ARP of ours, taken for a question."""
    found = right_which_layer(packets, me, carrier)
    arps = [p[ARPPacket] for p in packets if ARPPacket in p]
    got = any(IPv4Packet in p and p[IPv4Packet].destination == me for p in packets)
    told = any(arp.operation == 2 and arp.sender_ip != me for arp in arps)
    ours = any(arp.sender_ip == me for arp in arps)
    return "link" if found == "unknown" and ours and not told and not got else found


def which_any_icmp(packets, me, carrier=True):
    """Whatever ICMP says, it is trouble."""
    found = right_which_layer(packets, me, carrier)
    told = any(ICMPMessage in p and p[IPv4Packet].destination == me for p in packets)
    return "internet" if found == "unknown" and told else found


def is_icmp(kind, code=None):
    def drop(packet, me):
        if ICMPMessage not in packet:
            return False
        message = packet[ICMPMessage]
        return message.type == kind and code in (None, message.code)

    return drop


WRONG = {
    "2.1": [
        named("goodput_mtu_is_the_frame", goodput_variant(mtu_of_frame=True)),
        named("goodput_header_of_14", goodput_variant(around=14)),
        named("goodput_header_and_fcs", goodput_variant(around=18)),
        named("goodput_no_padding", goodput_variant(least=0)),
        named("goodput_frame_of_64_padded_twice", goodput_variant(least=64)),
        named("goodput_record_in_each_segment", goodput_variant(record_each=True)),
        named("goodput_one_record", goodput_variant(one_record=True)),
        named("goodput_records_of_16000", goodput_variant(limit=16000)),
        named("goodput_no_timestamps", goodput_variant(options=0)),
        named("goodput_no_tcp_header", goodput_variant(headers=20)),
        named("goodput_counts_tls", goodput_variant(tls_counts=True)),
        named("goodput_always_tls", goodput_variant(always_tls=True)),
        named("goodput_takes_anything", goodput_variant(check=False)),
        goodput_one_segment_too_many, goodput_divides_by_zero, goodput_in_percent,
    ],
    "2.2": [
        named("owners_padding_is_data", owners_changed(without_padding_known)),
        named("owners_tcp_header_of_20", owners_changed(all_headers_are_20)),
        named("owners_records_are_sealed_whole", owners_changed(renamed("tls", "sealed"))),
        named("owners_nothing_is_sealed", owners_changed(renamed("sealed", "tls"))),
        named("owners_padding_is_ethernet", owners_changed(renamed("padding", "ethernet"))),
        named("owners_unknown_is_data", owners_changed(renamed("unknown", "application"))),
        owners_fixed_offsets, owners_no_tag, owners_never_rejects, owners_ipv4_only, owners_one_record,
        owners_record_with_its_header, owners_tls_by_port, owners_empty_parts, owners_index_error, owners_any_version,
        owners_tls_by_type,
        owners_data_offset_unchecked, owners_record_lengths_of_one_byte, owners_tls_3_3_only, owners_total_unchecked,
    ],
    "2.3": [
        named("encapsulate_macs_swapped", encapsulate_variant(swap_macs=True)),
        named("encapsulate_no_pseudo_header", encapsulate_variant(pseudo=False)),
        named("encapsulate_pseudo_protocol_17", encapsulate_variant(pseudo_protocol=17)),
        named("encapsulate_tcp_sums_its_header", encapsulate_variant(sum_data=False)),
        named("encapsulate_ip_sums_everything", encapsulate_variant(ip_all=True)),
        named("encapsulate_total_without_header", encapsulate_variant(total_off=-20)),
        named("encapsulate_total_with_frame", encapsulate_variant(total_off=14)),
        named("encapsulate_offset_of_5", encapsulate_variant(offset=5)),
        named("encapsulate_record_counts_itself", encapsulate_variant(length_off=5)),
        named("encapsulate_version_3_4", encapsulate_variant(version=0x0304)),
        named("encapsulate_may_fragment", encapsulate_variant(fragment=0)),
        named("encapsulate_more_fragments", encapsulate_variant(fragment=0x2000)),
        named("encapsulate_frame_of_1500", encapsulate_variant(limit=1486)),
        named("encapsulate_any_length", encapsulate_variant(limit=65535)),
        named("encapsulate_no_tcp_checksum", encapsulate_variant(tcp_sum=False)),
        named("encapsulate_no_ip_checksum", encapsulate_variant(ip_sum=False)),
        named("encapsulate_record_always", encapsulate_variant(record_always=True)),
        named("encapsulate_ethertype_of_arp", encapsulate_variant(ethertype=0x0806)),
        named("encapsulate_checksum_little_endian", encapsulate_variant(little=True)),
        named("encapsulate_unchecked", encapsulate_variant(check=False)),
        encapsulate_outside_in, encapsulate_padded, encapsulate_with_fcs,
    ],
    "2.4": [
        named("looks_switch_by_source", looks_changed("switch", lambda frame: (frame[6:12],))),
        named("looks_switch_by_both", looks_changed("switch", lambda frame: (frame[:6], frame[6:12]))),
        named("looks_router_by_source", looks_changed("router", lambda frame: (frame[26:30],))),
        named("looks_router_without_ttl", looks_changed(
            "router", lambda frame: (frame[30:34],) if frame[12:14] == b"\x08\0" else None)),
        named("looks_router_ttl_0_only", looks_changed(
            "router", lambda frame: (frame[30:34],) if frame[12:14] == b"\x08\0" and frame[22] else None)),
        named("looks_l4_at_34", looks_changed("l4", l4_ports_at_34)),
        named("looks_l4_without_protocol", looks_changed("l4", lambda frame: (right_looks_at("l4", frame) or [None])[1:])),
        named("looks_l4_not_udp", looks_changed(
            "l4", lambda frame: right_looks_at("l4", frame) if frame[23] == 6 else None)),
        named("looks_l7_at_54", looks_changed("l7", l7_request_at_54)),
        named("looks_l7_with_case", looks_changed("l7", l7_case)),
        named("looks_l7_host_anywhere", looks_changed("l7", l7_first_host_anywhere)),
        named("looks_l7_half_a_head", looks_changed("l7", l7_half_a_head)),
        named("looks_l7_through_tls", looks_changed("l7", l7_reads_what_is_sealed)),
        named("looks_l7_without_query", looks_changed("l7", l7_path_without_query)),
        named("looks_l7_without_port", looks_changed("l7", l7_host_without_port)),
        named("looks_l7_with_spaces", looks_changed("l7", l7_keeps_spaces)),
        named("looks_l7_any_version", looks_changed("l7", l7_any_version)),
        looks_none_for_unknown,
    ],
    "2.5": [
        named("which_silence_is_internet", which_replaced("unknown", "internet")),
        named("which_silence_is_transport", which_replaced("unknown", "transport")),
        named("which_sealed_is_fine", which_replaced("sealed", "none")),
        named("which_tls_is_application", which_replaced("tls", "application")),
        named("which_no_port_unreachable", which_without(is_icmp(3, 3))),
        named("which_no_time_exceeded", which_without(is_icmp(11))),
        named("which_no_host_unreachable", which_without(is_icmp(3, 1))),
        named("which_no_prohibited", which_without(is_icmp(3, 13))),
        which_any_reset, which_reset_first, which_counts_own, which_last_packet, which_first_status, which_5xx_only,
        which_any_alert, which_first_record, which_ignores_carrier, which_arp_means_link, which_any_arp_will_do,
        which_hears_groups, which_own_reply, which_own_reply_asks,
        which_any_icmp,
    ],
}  # fmt: skip

RIGHT = {
    "2.1": [right_goodput, right_goodput_as_lists],
    "2.2": [right_owners, right_owners_peeled],
    "2.3": [right_encapsulate, right_encapsulate_inside_out],
    "2.4": [right_looks_at, right_looks_at_by_table],
    "2.5": [right_which_layer, right_which_layer_ranked],
}
