"""The ways to get exercises 2.2 and 2.3 wrong, by keyword: known mistakes, recognised by what they do."""

from collections.abc import Mapping
from typing import Any

from netlib.exercises.osi_model_layers import Parts
from netlib.wire.checksum import internet_checksum


def owners_by(frame: bytes, *, padding: bool = True, ihl: bool = True, offset: bool = True, tag: bool = True,
              one_record: bool = False, header: bool = True, types: bool = True, always: bool = False,
              checked: bool = True, rest: bool = True, first_only: bool = False) -> Parts:  # fmt: skip
    found: Parts = []

    def need(fits: bool) -> None:
        if checked and not fits:
            raise ValueError

    def take(owner: str, size: int) -> None:
        if found and found[-1][0] == owner:
            size += found.pop()[1]
        if size > 0:
            found.append((owner, size))

    at, kind = 14, frame[12:14]
    if tag and kind == b"\x81\0":
        at, kind = 18, frame[16:18]
    need(len(frame) >= at)
    take("ethernet", at)
    if kind == b"\x08\x06":
        need(len(frame) >= at + 28)
        take("arp", 28)
        take("padding", len(frame) - at - 28 if rest else 0)
        return found
    if kind not in (b"\x08\0", b"\x86\xdd"):
        take("unknown", len(frame) - at)
        return found
    four = kind == b"\x08\0"
    if len(frame) < at + (20 if four else 40):
        need(False)
        take("ip", len(frame) - at)
        return found
    size = 4 * (frame[at] & 15) if four and ihl else 20 if four else 40
    length = (
        int.from_bytes(frame[at + 2 : at + 4], "big") if four else 40 + int.from_bytes(frame[at + 4 : at + 6], "big")
    )
    need(frame[at] >> 4 == (4 if four else 6) and length >= size >= 20 and at + length <= len(frame))
    end = min(at + length, len(frame)) if padding else len(frame)
    protocol = frame[at + 9] if four else frame[at + 6]
    take("ip", size)
    at += size
    if protocol == 6:
        need(at + 20 <= end)
        size = 4 * (frame[at + 12] >> 4) if offset and at + 12 < len(frame) else 20
        need(20 <= size <= end - at)
        take("tcp", size)
        at += size
        data = frame[at:end]
        if always or (len(data) >= 5 and 20 <= data[0] <= 23 and data[1] == 3):
            while at < end:
                kind_, content = frame[at], int.from_bytes(frame[at + 3 : at + 5], "big")
                sealed = "sealed" if kind_ == 23 or not types else "tls"
                take("tls" if header else sealed, min(5, end - at))
                content = max(0, min(content if not one_record else end, end - at - 5))
                take(sealed, content)
                at = end if first_only else at + 5 + content
            at = end
        else:
            take("application", end - at)
    elif protocol == 17:
        need(at + 8 <= end)
        take("udp", 8)
        take("application", end - at - 8)
    else:
        take("icmp" if protocol in (1, 58) else "unknown", end - at)
    take("padding", len(frame) - end if rest else 0)
    return found


def encapsulate_by(data: bytes, fields: Mapping[str, Any], *, macs: bool = False, pseudo: bool = True,
                   pseudo_length: int = 0, data_summed: bool = True, ip_over_all: bool = False, total: int = 0,
                   fixed_offset: bool = False, record_length: int = 0, version: int = 3, dont_fragment: bool = True,
                   always_record: bool = False, limit: int = 1500) -> bytes:  # fmt: skip
    options, kind = fields["options"], fields["record"]
    if len(options) % 4 or len(options) > 40:
        raise ValueError
    if kind is not None or always_record:
        data = bytes((kind or 23, 3, version)) + (len(data) + record_length).to_bytes(2, "big") + data
    length = 40 + len(options) + len(data)
    if length > limit:
        raise ValueError

    def number(name: str, size: int) -> bytes:
        return int(fields[name]).to_bytes(size, "big")

    words = 5 if fixed_offset else 5 + len(options) // 4
    head = number("source_port", 2) + number("destination_port", 2) + number("sequence", 4)
    head += number("acknowledgment", 4) + bytes((words << 4,)) + number("flags", 1) + number("window", 2)
    segment = head + bytes(4) + options + data
    summed = segment if data_summed else head + bytes(4) + options
    before = fields["source_ip"] + fields["destination_ip"] + b"\0\6"
    before += (len(segment) + pseudo_length).to_bytes(2, "big", signed=True)
    checksum = internet_checksum((before if pseudo else b"") + summed)
    segment = segment[:16] + checksum.to_bytes(2, "big") + segment[18:]
    header = b"\x45\0" + (length + total).to_bytes(2, "big") + number("identification", 2)
    header += (b"\x40\0" if dont_fragment else bytes(2)) + number("ttl", 1) + b"\x06\0\0"
    header += fields["source_ip"] + fields["destination_ip"]
    over = internet_checksum(header + segment if ip_over_all else header)
    header = header[:10] + over.to_bytes(2, "big") + header[12:]
    addresses = (fields["source_mac"], fields["destination_mac"])
    return bytes(b"".join(addresses if macs else addresses[::-1]) + b"\x08\0" + header + segment)
