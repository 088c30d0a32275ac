"""What was expected and what came back, byte by byte, with the differences marked and named.

    compare_bytes(expected, got)                        which bytes differ
    compare_bytes(expected, got, like=IPv4Packet)       ... and in which field

A differing byte is in brackets in text, and has a thick frame, bold type and an underline in HTML; a mark under
it says so too.  `like` is the header that `expected` starts with.
"""

from dataclasses import dataclass

from netlib.view import sections as walk
from netlib.view.html import (
    BAD,
    CAPTION,
    CARD,
    INK,
    LINE,
    MARK,
    PAPER,
    ROW,
    TABLE,
    View,
    class_name,
    code,
    html_table,
)  # fmt: skip
from netlib.view.sections import Section, Span
from netlib.wire.header import Header

MOST_LINES = 12  # lines of 16 bytes that are shown; how many more differ is said
MOST_DIFFERENCES = 24


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, or one run of bytes, that is not as expected."""

    bytes: range  # those of its bytes that differ
    field: str  # "IPv4.checksum", or "" where the bytes have no name
    expected: str
    got: str

    @property
    def where(self) -> str:
        first, last = self.bytes[0], self.bytes[-1]
        place = f"byte {first}" if first == last else f"bytes {first}-{last}"
        return f"{place}, {self.field}" if self.field else place

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, got {self.got}"


def compare_bytes(expected: bytes, got: bytes, like: type[Header] | None = None) -> "BytesComparison":
    """Compare two byte strings; `like` names the fields (the header that `expected` starts with).

    Raises `TypeError` for what are no bytes.  The result has `.differences` and `.equal`.
    """
    for name, value in (("expected", expected), ("got", got)):
        if not isinstance(value, bytes | bytearray | memoryview):
            raise TypeError(f"compare_bytes: {name} is {type(value).__name__}, not bytes")
    if like is not None:
        walk.need_header(like)
    return BytesComparison(bytes(expected), bytes(got), like)


def runs(numbers: list[int]) -> list[range]:
    """Neighbouring numbers, together."""
    found: list[range] = []
    for number in numbers:
        if found and found[-1].stop == number:
            found[-1] = range(found[-1].start, number + 1)
        else:
            found.append(range(number, number + 1))
    return found


class BytesComparison(View):
    """What `compare_bytes` returns."""

    def __init__(self, expected: bytes, got: bytes, like: type[Header] | None) -> None:
        self.expected, self.got, self.like = expected, got, like
        self.size = max(len(expected), len(got))
        # indices of bytes that differ, or that only one of the two has
        self.differing = [i for i in range(self.size) if expected[i : i + 1] != got[i : i + 1]]
        self.sections = self.named()
        self.differences = list(self.explained())

    @property
    def equal(self) -> bool:
        return not self.differing

    def named(self) -> list[Section]:
        if self.like is None:
            return []
        try:
            return walk.of_bytes(self.expected or self.got, self.like)
        except ValueError:
            return []

    def explained(self) -> list[Difference]:
        """The differing fields in order, then the differing bytes that belong to none."""
        left, found = set(self.differing), list[Difference]()
        for section in self.sections:
            for span in section.spans:
                wrong = [i for i in span.bytes if i in left]
                if not wrong or not self.differs(span):
                    continue
                name = f"{section.label}.{span.name}" if section.kind else section.label
                if span.type is bytes:  # options and payloads: the bytes themselves
                    found += [self.raw(run, name) for run in runs(wrong)]
                else:
                    run = range(wrong[0], wrong[-1] + 1)
                    found.append(Difference(run, name, self.valued(self.expected, span), self.valued(self.got, span)))
        covered = {i for difference in found for i in difference.bytes}
        found += [self.raw(run, "") for run in runs([i for i in self.differing if i not in covered])]
        return sorted(found, key=lambda difference: difference.bytes.start)

    def differs(self, span: Span) -> bool:
        if span.type is bytes:
            return True
        return walk.bits(self.expected, span.start, span.width) != walk.bits(self.got, span.start, span.width)

    def valued(self, data: bytes, span: Span) -> str:
        value, raw = walk.value_at(data, span), data[span.bytes.start : span.bytes.stop].hex(" ")
        return value if value == "not there" or span.width % 8 else f"{value} ({raw})"

    def raw(self, run: range, name: str) -> Difference:
        return Difference(run, name, *(self.piece(data, run) for data in (self.expected, self.got)))

    @staticmethod
    def piece(data: bytes, run: range) -> str:
        part = data[run.start : run.stop]
        if not part:
            return "nothing"
        return part[:8].hex(" ") + (f" … ({len(part)} bytes)" if len(part) > 8 else "")

    @property
    def verdict(self) -> str:
        if self.equal:
            return f"the same {self.size} byte{'s' * (self.size != 1)}"
        size = f"{len(self.differing)} of {self.size} bytes differ"
        if len(self.expected) != len(self.got):
            size += f"; {len(self.expected)} bytes expected, {len(self.got)} came back"
        return size

    def lines(self) -> tuple[list[int], int]:
        """The offsets of the lines to show, and how many lines with differences are left out."""
        wanted = [start for start in range(0, self.size, 16) if any(i in self.marked for i in range(start, start + 16))]
        if self.equal:
            wanted = list(range(0, self.size, 16))
        return wanted[:MOST_LINES], max(0, len(wanted) - MOST_LINES)

    @property
    def marked(self) -> set[int]:
        return set(self.differing)

    def cell(self, data: bytes, i: int) -> str:
        return f"{data[i]:02x}" if i < len(data) else "--"

    def name_at(self, i: int) -> str:
        names = [d.field.partition(".")[2] or d.field for d in self.differences if i in d.bytes and d.field]
        return "/".join(dict.fromkeys(names))

    def __str__(self) -> str:
        lines, marked = [self.verdict], self.marked
        wanted, more = self.lines()
        width = len(str(wanted[-1])) if wanted else 1
        for start in wanted:
            row = range(start, min(start + 16, self.size))
            for name, data in (("expected", self.expected), ("got", self.got)):
                cells = (f"[{self.cell(data, i)}]" if i in marked else f" {self.cell(data, i)} " for i in row)
                lines.append(f"{start:{width}d}  {name:8}  {''.join(cells)}".rstrip())
        if more:
            lines.append(f"... and {more} more lines of 16 bytes that differ")
        for difference in self.differences[:MOST_DIFFERENCES]:
            lines.append(str(difference))
        if len(self.differences) > MOST_DIFFERENCES:
            lines.append(f"... and {len(self.differences) - MOST_DIFFERENCES} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        label = class_name(self.expected, self.got, self.like and self.like.__name__)
        wanted, more = self.lines()
        rows = "".join(self.html_line(start) for start in wanted)
        skipped = not self.equal and len(wanted) * 16 < self.size and not more
        shown = "Lines of 16 bytes that are the same are left out. " if skipped else ""
        shown += f"{more} more lines differ." if more else ""
        legend = "" if self.equal else "▲ and a thick frame mark the bytes that differ. "
        picture = (
            f'<table style="{TABLE};font-family:monospace" class="{label}">'
            f'<caption style="{CAPTION};white-space:nowrap;font-family:sans-serif">'
            f"Expected and got, byte by byte: {self.verdict}</caption><tbody>{rows}</tbody></table>"
            if rows else f"<p>{self.verdict}</p>"
        )  # fmt: skip
        note = f'<p style="margin:2px 0;color:{INK}">{legend}{shown}</p>' if legend + shown else ""
        return f'<div style="{CARD}">{picture}{note}{self.html_list()}</div>'

    def html_line(self, start: int) -> str:
        marked = self.marked
        row = range(start, min(start + 16, self.size))
        head = f"text-align:left;padding:2px 8px 2px 0;font-weight:normal;white-space:nowrap;color:{INK}"
        out = []
        for name, data in (("expected", self.expected), ("got", self.got)):
            cells = []
            for i in row:
                look = f"text-align:center;padding:2px 4px;border:1px solid {LINE};color:{INK}"
                if i in marked:
                    colour = BAD if name == "got" else INK
                    look += f";background:{MARK if name == 'got' else PAPER};border:3px solid {colour};font-weight:bold"
                    look += ";text-decoration:underline" if name == "got" else ""
                title = f"byte {i}" + (f", {self.name_at(i)}" if self.name_at(i) else "")
                cells.append(f'<td style="{look}" title="{title}">{self.cell(data, i)}</td>')
            where = f"byte {start}, {name}"
            out.append(f'<tr style="{ROW}"><th scope="row" style="{head}">{where}</th>{"".join(cells)}</tr>')
        if not self.equal:
            out.append(f'<tr style="{ROW}"><th scope="row" style="{head}">differs</th>{self.marks_under(row)}</tr>')
        return "".join(out)

    def marks_under(self, row: range) -> str:
        """The line under two lines of bytes: an arrow and the field's name under each run that differs."""
        cells, i, marked = [], row.start, self.marked
        look = f"text-align:center;padding:0 2px 8px;color:{INK};font-size:12px;border:none"
        while i < row.stop:
            name, stop = self.name_at(i), i + 1
            while stop < row.stop and (stop in marked) == (i in marked) and self.name_at(stop) == name:
                stop += 1
            if i in marked and len(name) + 2 <= 3 * (stop - i):
                cells.append(f'<td colspan="{stop - i}" style="{look}">▲ {name}</td>')
            else:
                cells += [f'<td style="{look}">{"▲" * (i in marked)}</td>'] * (stop - i)
            i = stop
        return "".join(cells)

    def html_list(self) -> str:
        if self.equal:
            return ""
        rows = [(code(d.where), code(d.expected), code(d.got)) for d in self.differences[:MOST_DIFFERENCES]]
        left = len(self.differences) - MOST_DIFFERENCES
        more = f"<p>… and {left} more differences.</p>" if left > 0 else ""
        return html_table("What differs", ("Where", "Expected", "Got"), rows) + more


