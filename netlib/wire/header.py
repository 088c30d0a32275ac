"""Declare a header once; get a parser, a builder and a picture of it.

    @header
    class UDPDatagram(Header):
        source_port:      u16 = 0
        destination_port: u16 = 0
        length:           u16 = 8
        checksum:         u16 = 0
        payload:          bytes = b""

A header is a dataclass whose annotations also say how many bits each field takes on the wire.  The
decorator writes the two functions that you would have written by hand with `struct`, compiles them
and adds them to the class, with a description of the fields:

    UDPDatagram.parse_header(data, offset=0)    raises Truncated
    datagram.build_header() -> bytes            raises FieldOverflow
    UDPDatagram.fields                          name, first bit, width, type of each field
    print(UDPDatagram.source_code)              what was compiled
    print(UDPDatagram.diagram())                the header as the RFCs draw it

Fields annotated `bytes` (options, payload) are the variable part.  They belong to the dataclass and
not to the fixed header: each protocol's `parse` and `build` treat them in plain Python.
"""

import struct
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from dataclasses import fields as dataclass_fields
from functools import cache
from typing import Annotated, Any, ClassVar, Self, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

from netlib.wire.address import Address
from netlib.wire.errors import FieldOverflow, Truncated


@dataclass(frozen=True)
class Bits:
    """Marks an annotated type as taking up this many bits on the wire."""

    width: int


flag = Annotated[bool, Bits(1)]
u1 = Annotated[int, Bits(1)]
u2 = Annotated[int, Bits(2)]
u3 = Annotated[int, Bits(3)]
u4 = Annotated[int, Bits(4)]
u6 = Annotated[int, Bits(6)]
u8 = Annotated[int, Bits(8)]
u13 = Annotated[int, Bits(13)]
u16 = Annotated[int, Bits(16)]
u20 = Annotated[int, Bits(20)]
u29 = Annotated[int, Bits(29)]
u32 = Annotated[int, Bits(32)]

STRUCT_LETTER = {8: "B", 16: "H", 32: "I", 64: "Q"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a header.

    `offset` and `width` are in bits, counted from the first bit of the header, the most significant
    bit first, as the RFCs draw it.
    """

    name: str
    offset: int
    width: int
    type: type  # int, bool, or a class of addresses

    @property
    def is_number(self) -> bool:
        return self.type in (int, bool)


class Header:
    """What every class decorated with `@header` can do."""

    __slots__ = ()
    SIZE: ClassVar[int]  # of the fixed part, in bytes
    fields: ClassVar[tuple[Field, ...]]
    source_code: ClassVar[str]
    payload: bytes

    @classmethod
    def parse_header(cls, data: bytes, offset: int = 0) -> Self:
        """Read the fixed part from `data`, starting at byte `offset`; `Truncated` where it is too short."""
        raise NotImplementedError(f"{cls.__name__} was not decorated with @header")

    def build_header(self) -> bytes:
        """The bytes of the fixed part; `FieldOverflow` where a value does not fit its field."""
        raise NotImplementedError(f"{type(self).__name__} was not decorated with @header")

    @property
    def header_length(self) -> int:
        """Length of this header with its options, in bytes: where the payload starts."""
        return self.SIZE

    def meaning(self, name: str) -> str:
        """What the value of the field `name` means in words, or "" where the number says it all."""
        return ""

    @classmethod
    def diagram(cls) -> str:
        """The header as the RFCs draw it: 32 bits to a row."""
        return draw(cls.fields)


def fields_of(cls: type) -> tuple[Field, ...]:
    """The fixed fields of a header class, in the order in which they are sent."""
    hints = get_type_hints(cls, include_extras=True)
    found: list[Field] = []
    offset = 0
    for name in (f.name for f in dataclass_fields(cls)):
        hint = hints[name]
        if get_origin(hint) is Annotated:  # u16, flag, ...
            base, bits = get_args(hint)
            field = Field(name, offset, bits.width, base)
        elif isinstance(hint, type) and issubclass(hint, Address):
            field = Field(name, offset, 8 * hint.SIZE, hint)
        else:  # the variable part, or what is not on the wire
            continue
        found.append(field)
        offset += field.width
    return tuple(found)


def words_of(fields: tuple[Field, ...]) -> list[list[Field]]:
    """Group neighbouring fields into the 8-, 16-, 32- or 64-bit words that hold them."""
    words: list[list[Field]] = []
    word: list[Field] = []
    for field in fields:
        word.append(field)
        if not field.is_number or sum(f.width for f in word) in STRUCT_LETTER:
            words.append(word)
            word = []
    if word:
        raise TypeError(f"{[field.name for field in word]} do not fill a whole word")
    return words


@cache
def flag_table(count: int) -> list[tuple[bool, ...]]:
    """For every value of `count` bits, those bits as a tuple of bools, the highest first."""
    return [tuple(bool(value >> bit & 1) for bit in reversed(range(count))) for value in range(1 << count)]


@cache
def flag_numbers(count: int) -> dict[tuple[bool, ...], int]:
    """The other way round: the value of each tuple of `count` flags."""
    return {flags: number for number, flags in enumerate(flag_table(count))}


def shifted(name: str, shift: int) -> str:
    return f"{name} >> {shift}" if shift else name


def write_source(fields: tuple[Field, ...], rest: dict[str, str]) -> tuple[str, str]:
    """The struct layout of these fields, and the text of `parse_header` and `build_header` for them.

    `rest` has what else belongs to the class, the variable part: name -> the expression for its default.
    """
    layout = ">"
    unpacked, values, packed, checks = [], [], [], []
    wide: dict[int, list[str]] = {}  # width -> the numbers that must not have more bits
    for number, word in enumerate(words_of(fields)):
        first = word[0]
        if len(word) == 1:  # a field that is a word of its own: struct checks its range
            layout += STRUCT_LETTER[first.width] if first.is_number else f"{first.width // 8}s"
            packed.append(f"self.{first.name}")
            if first.is_number:
                unpacked.append(f"self.{first.name}")
            else:
                unpacked.append(first.name)
                values.append(f"self.{first.name} = {first.type.__name__}_from[{first.name}]")
                # ... but cuts or pads a byte string without a word
                checks.append(f"len(self.{first.name}) != {first.width // 8}")
            continue
        name, left = f"word{number}", sum(field.width for field in word)
        layout += STRUCT_LETTER[left]
        unpacked.append(name)
        parts, run = [], []
        for position, field in enumerate(word):  # several fields share this word
            left -= field.width
            if field.type is not bool:
                value = shifted(name, left)
                masked = value if field is first else f"{value} & {(1 << field.width) - 1:#x}"
                values.append(f"self.{field.name} = {masked}")
                parts.append(f"self.{field.name} << {left}" if left else f"self.{field.name}")
                wide.setdefault(field.width, []).append(f"self.{field.name}")
                continue
            run.append(f"self.{field.name}")  # a run of flags is one look-up in a table, either way
            if field is word[-1] or word[position + 1].type is not bool:
                value, count = shifted(name, left), len(run)
                masked = value if run[0] == f"self.{first.name}" else f"{value} & {(1 << count) - 1:#x}"
                values.append(f"{', '.join(run)}, = flags{count}[{masked}]")
                number_of = f"number{count}[{', '.join(run)},]"
                parts.append(f"{number_of} << {left}" if left else number_of)
                run = []
        packed.append(" | ".join(parts))
    either = {width: names[0] if len(names) == 1 else f"({' | '.join(names)})" for width, names in wide.items()}
    checks = [f"{names} >> {width}" for width, names in either.items()] + checks
    values += [f"self.{name} = {default}" for name, default in rest.items()]
    comma, line = ",\n            ", "\n    "
    # Without this check a value too wide for its bits would leak into its neighbour.
    check = f"        if {' or '.join(checks)}:\n            raise overflow(self)\n" if checks else ""
    return layout, f'''\
def parse_header(cls, data, offset=0):
    self = new(cls)
    try:
        {", ".join(unpacked)}, = unpack(data, offset)
    except struct_error:
        raise truncated(cls, data, offset) from None
    {line.join(values)}
    return self

def build_header(self):
    try:
{check}        return pack(
            {comma.join(packed)})
    except (struct_error, TypeError, KeyError):
        raise overflow(self) from None
'''


def truncated(cls: type[Header], data: bytes, offset: int) -> Truncated:
    """The error for a header that the data is too short for."""
    there = max(0, len(data) - offset)
    return Truncated(f"{cls.__name__} (offset {offset}): needs {cls.SIZE} bytes, only {there} are there")


def overflow(values: Header) -> FieldOverflow:
    """The error for the first field whose value does not fit it."""
    for field in values.fields:
        value = getattr(values, field.name)
        where = f"{type(values).__name__}.{field.name} (offset {field.offset // 8})"
        if field.is_number:
            if not isinstance(value, int):
                return FieldOverflow(f"{where}: {value!r:.80} is not a number")
            if value >> field.width:
                shown = value if value.bit_length() < 128 else f"a number of {value.bit_length()} bits"
                return FieldOverflow(f"{where}: {shown} does not fit into {field.width} bits")
        elif not isinstance(value, bytes) or len(value) != field.width // 8:
            return FieldOverflow(f"{where}: {value!r:.80} is not {field.width // 8} bytes")
    return FieldOverflow(f"{type(values).__name__}: {values!r:.200} cannot be built")


H = TypeVar("H", bound=Header)


@dataclass_transform()
def header(cls: type[H]) -> type[H]:
    """Class decorator: make this class a slotted dataclass with a wire format."""
    made: Any = dataclass(slots=True)(cls)
    fields = fields_of(made)
    fixed = {field.name for field in fields}
    rest: dict[str, str] = {}
    scope: dict[str, Any] = {}
    for declared in dataclass_fields(made):
        name, default, factory = declared.name, declared.default, declared.default_factory
        if default is MISSING and factory is MISSING:
            raise TypeError(f"{made.__name__}.{name} needs a default value")
        if name not in fixed:
            literal = type(default) in (bytes, bool, int, str)
            rest[name] = repr(default) if literal else f"default_{name}" + "()" * (default is MISSING)
            scope[f"default_{name}"] = factory if default is MISSING else default
    layout, source = write_source(fields, rest)
    compiled = struct.Struct(layout)
    scope |= {
        "new": object.__new__,
        "unpack": compiled.unpack_from,
        "pack": compiled.pack,
        "struct_error": struct.error,
        "truncated": truncated,
        "overflow": overflow,
    }
    for count in range(1, 9):
        scope[f"flags{count}"] = flag_table(count)
        scope[f"number{count}"] = flag_numbers(count)
    scope |= {f"{field.type.__name__}_from": field.type.known for field in fields if issubclass(field.type, Address)}
    exec(compile(source, f"<{made.__name__}>", "exec"), scope)
    parse: Callable[..., Any] = scope["parse_header"]
    parse.__qualname__ = f"{made.__name__}.parse_header"
    scope["build_header"].__qualname__ = f"{made.__name__}.build_header"
    for function in (parse, scope["build_header"]):
        function.__module__ = made.__module__
    made.parse_header = classmethod(parse)
    made.build_header = scope["build_header"]
    made.SIZE, made.source_code, made.fields = compiled.size, source, fields
    return made  # type: ignore[no-any-return]


def draw(fields: tuple[Field, ...]) -> str:
    """Fields as RFCs draw them: 32 bits to a row, two characters to a bit."""
    line = "+-" * 32 + "+"
    tens = " " + " ".join(str(bit // 10) if bit % 10 == 0 else " " for bit in range(32))
    ones = " " + " ".join(str(bit % 10) for bit in range(32))
    rows, row, room = [], "|", 32
    for field in fields:
        left = field.width
        while left:
            piece = min(left, room)
            label = field.name if left == field.width else ""
            row += label[: 2 * piece - 1].center(2 * piece - 1) + "|"
            left, room = left - piece, room - piece
            if room == 0:
                rows += [row, line]
                row, room = "|", 32
    if room < 32:  # the last row is shorter than 32 bits
        rows += [row, line[: len(row)]]
    return "\n".join([tens.rstrip(), ones, line, *rows])
