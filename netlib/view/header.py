"""A header as the RFCs draw it, 32 bits to a row, from its declaration.

    header_picture(IPv4Packet)             names and widths
    header_picture(packet[IPv4Packet])     ... and the values of this one

The picture is made from the same `fields` that the parser was compiled from, so it can't be wrong about it.
A field too narrow for its name shows an abbreviation, explained below the picture.  As text it is the
ASCII art of the RFCs.
"""

from dataclasses import dataclass

from netlib.view.html import (
    CARD,
    INK,
    LINE,
    PAPER,
    SVG,
    View,
    code,
    details,
    escape,
    html_table,
    image,
    text_table,
    text_width,
)  # fmt: skip
from netlib.view.sections import label_of, need_header, shown
from netlib.wire.header import Field, Header

BIT = 23  # pixels
ROW_HEIGHT = 40
SIZE = 12  # of the type


def header_picture(kind: type[Header] | Header, values: Header | None = None) -> "HeaderPicture":
    """A picture of a header class; with an instance (as `values`, or instead of the class) its values too."""
    if isinstance(kind, Header):
        values = values or kind
        kind = type(values)
    need_header(kind)
    if not hasattr(kind, "fields"):
        raise TypeError(f"{kind.__name__} has no header of its own: give one of its kinds, such as ICMPEcho")
    return HeaderPicture(kind, values)


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a field that lies in one row."""

    field: Field
    row: int
    column: int  # its first bit in the row
    width: int  # in bits
    first: bool
    last: bool


def pieces_of(fields: tuple[Field, ...]) -> list[Piece]:
    found = []
    for field in fields:
        at, left = field.offset, field.width
        while left:
            width = min(left, 32 - at % 32)
            found.append(Piece(field, at // 32, at % 32, width, at == field.offset, left == width))
            at, left = at + width, left - width
    return found


def initials(name: str) -> str:
    """dont_fragment -> DF, syn -> S."""
    return "".join(word[0] for word in name.split("_")).upper()


def fits(text: str, room: float) -> bool:
    return text_width(text, SIZE) <= room - 4


class HeaderPicture(View):
    """What `header_picture` returns."""

    def __init__(self, kind: type[Header], values: Header | None = None) -> None:
        self.kind, self.values = kind, values
        self.fields = kind.fields
        self.pieces = pieces_of(self.fields)
        self.rows = self.pieces[-1].row + 1
        self.short = self.abbreviations()

    def abbreviations(self) -> dict[str, str]:
        """Field -> what stands in its place where its name does not fit, each of them once."""
        taken: dict[str, str] = {}
        for piece in self.pieces:
            name = piece.field.name
            if not piece.first or fits(max(self.label_lines(name), key=len), piece.width * BIT):
                continue
            longest = int((piece.width * BIT - 4) / (0.6 * SIZE))
            letters = initials(name)
            options = [name.upper(), letters, name.upper()[: len(letters) + 1], name.upper()[:2]]
            taken[name] = next((o for o in options if len(o) <= longest and o not in taken.values()), letters[:longest])
        return taken

    def label_lines(self, name: str) -> list[str]:
        """The name of a field in one line, or in two where it has two words and needs them."""
        words = name.split("_")
        width = next(f.width for f in self.fields if f.name == name)
        if len(words) == 1 or width > 31 or fits(" ".join(words), width * BIT) or self.values is not None:
            return [" ".join(words)]
        return [" ".join(words[:-1]), words[-1]]

    def value(self, field: Field) -> str:
        return shown(field.name, field.type, getattr(self.values, field.name), field.width) if self.values else ""

    @property
    def title(self) -> str:
        return f"{label_of(self.kind)} header ({self.kind.__name__}), {self.kind.SIZE} bytes"

    def __str__(self) -> str:
        lines = [self.title, self.kind.diagram()]
        cut = [
            (next(p for p in self.pieces if p.field is f).width * 2 - 1, f.name) for f in self.fields
        ]
        legend = [f"{name[:room].strip()} = {name}" for room, name in cut if len(name) > room]
        if legend:
            lines.append("where " + ", ".join(legend))
        if self.values is not None:
            rows = [(f.name, self.value(f), self.values.meaning(f.name)) for f in self.fields]
            lines += ["", text_table(rows, ("field", "value", "meaning"))]
        return "\n".join(lines)

    def svg(self) -> str:
        """The picture as an SVG document."""
        left, top = 44, 42
        legend = [f"{short} = {name.replace('_', ' ')}" for name, short in self.short.items()]
        height = top + self.rows * ROW_HEIGHT + 10 + 20 * ((len(legend) + 3) // 4)
        svg = SVG(left + 32 * BIT + 12, height)
        svg.text(4, 14, "byte", size=11)
        for bit in range(32):
            svg.text(left + (bit + 0.5) * BIT, top - 6, bit, size=10, anchor="middle", bold=bit % 8 == 0)
            if bit % 8 == 0:
                svg.text(left + bit * BIT + 2, 14, f"byte {bit // 8}", size=11)
        for row in range(self.rows):
            svg.text(left - 8, top + (row + 0.5) * ROW_HEIGHT + 4, 4 * row, size=11, anchor="end")
        for piece in self.pieces:
            x, y, width = left + piece.column * BIT, top + piece.row * ROW_HEIGHT, piece.width * BIT
            svg.box(x, y, width, ROW_HEIGHT, fill=PAPER)
            if not piece.first:  # a field that goes on in the next row: a dashed line where it does
                svg.line(x + 1, y, x + width - 1, y, colour=PAPER, width=3)
                svg.line(x, y, x + width, y, colour=LINE, dash="3 4")
            self.label(svg, piece, x + width / 2, y, width)
        for i, words in enumerate(legend):
            svg.text(left + i % 4 * 8 * BIT, top + self.rows * ROW_HEIGHT + 22 + 20 * (i // 4), words, size=12)
        return str(svg)

    def label(self, svg: SVG, piece: Piece, x: float, y: float, width: float) -> None:
        name, wide = piece.field.name, piece.width > 1
        if not piece.first:
            biggest = max((p for p in self.pieces if p.field is piece.field), key=lambda p: p.width)
            words = f"({name.replace('_', ' ')}, continued)"
            if fits(words, width):
                svg.text(x, y + 24, words, size=SIZE, anchor="middle", colour="#595959")
            elif piece is biggest:
                svg.text(x, y + 24, name.replace("_", " "), size=SIZE, anchor="middle")
            return
        lines = [self.short[name]] if name in self.short else self.label_lines(name)
        value = self.value(piece.field)
        if value and not fits(value, width) and wide:
            value = ""  # the table has it
        lines = [*lines, value] if value else lines
        for i, line in enumerate(lines):
            bold = bool(value) and i == len(lines) - 1
            at = y + 24 if len(lines) == 1 else y + 17 + 16 * i
            svg.text(x, at, line, size=SIZE, anchor="middle", mono=bold, bold=bold)

    def _repr_html_(self) -> str:
        alt = f"{self.title}: its {len(self.fields)} fields in rows of 32 bits. The table below lists them."
        columns, rows = ["Field", "Bits", "Width"], []
        columns += ["Value", "Meaning"] if self.values is not None else []
        for field in self.fields:
            last = field.offset + field.width - 1
            where = str(field.offset) if field.width == 1 else f"{field.offset}-{last}"
            short = f" ({escape(self.short[field.name])})" if field.name in self.short else ""
            row = [escape(field.name) + short, where, f"{field.width} bit{'s' * (field.width != 1)}"]
            if self.values is not None:
                row += [code(self.value(field)), escape(self.values.meaning(field.name))]
            rows.append(row)
        table = html_table(f"Fields of {self.kind.__name__}", columns, rows)
        width = 44 + 32 * BIT + 12
        return (
            f'<div style="{CARD}"><div style="font-weight:bold;color:{INK}">{escape(self.title)}</div>'
            f"{image(self.svg(), alt, width)}{details('The same as a table', table)}</div>"
        )
