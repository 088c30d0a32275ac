"""The option lists of IPv4 (RFC 791 section 3.1) and TCP (RFC 9293 section 3.1): both have the same form.

Kind 0 ends the list and kind 1 is one byte of padding.  Every other option is a kind, a length that
counts the kind and itself, and the rest.
"""

from netlib.wire.errors import FieldOverflow, Malformed

END, NOP = 0, 1
LIMIT = 40  # bytes: the header's length field counts up to 60, of which 20 are fixed


def parse_options(options: bytes, where: str = "options") -> list[tuple[int, bytes]]:
    """The options as (kind, value), without END and NOP; `Malformed` where a length is impossible."""
    found = []
    at, size = 0, len(options)
    while at < size:
        kind = options[at]
        if kind == END:
            break
        if kind == NOP:
            at += 1
            continue
        length = options[at + 1] if at + 1 < size else 0
        if length < 2 or at + length > size:
            raise Malformed(f"{where} (offset {20 + at}): option {kind} of length {length}, {size - at} bytes are left")
        found.append((kind, options[at + 2 : at + length]))
        at += length
    return found


def build_options(options: list[tuple[int, bytes]]) -> bytes:
    """The bytes of these options, padded with END to a multiple of 4; kinds 0 and 1 stand alone."""
    data = b""
    for kind, value in options:
        if not 0 <= kind <= 255:
            raise FieldOverflow(f"options (offset {20 + len(data)}): kind {kind} does not fit into 8 bits")
        if len(value) > LIMIT - 2:
            raise FieldOverflow(f"options (offset {20 + len(data)}): option {kind} has {len(value)} bytes, "
                                f"there is room for {LIMIT - 2}")  # fmt: skip
        data += bytes((kind,)) if kind <= NOP else bytes((kind, 2 + len(value))) + value
    return padded(data)


def padded(options: bytes, where: str = "options") -> bytes:
    """`options` filled up with END to whole 32-bit words; `FieldOverflow` beyond the 40 bytes there are."""
    if len(options) > LIMIT:
        raise FieldOverflow(f"{where} (offset 20): {len(options)} bytes of options, a header has room for {LIMIT}")
    return options + bytes(-len(options) % 4)
