"""What can be wrong with bytes, or with values that should become bytes.

Parsers and builders raise only `WireError` and its four kinds.  The message names the field and its
offset, so that whoever reads it can put a finger on the byte:

    IPv4Packet.total_length (offset 2): says 1500 bytes, only 60 are there
"""


class WireError(ValueError):
    """These bytes are not a well-formed message, or this message fits into no bytes."""


class Truncated(WireError):
    """The data ends before the message does."""


class Malformed(WireError):
    """A field has a value that it must not have."""


class BadChecksum(WireError):
    """The message was damaged on its way: its checksum does not match."""


class FieldOverflow(WireError):
    """A value does not fit into the bits that its field has."""


def wrong(error: WireError, problems: list[WireError] | None) -> None:
    """Raise `error`, or note it where the caller collects problems and reads on."""
    if problems is None:
        raise error
    problems.append(error)
