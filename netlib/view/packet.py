"""A packet's bytes beside its fields: point at either, and the other lights up.

    show(packet)                                    a decoded packet, a single header, or bytes
    show(packet, highlight={"ttl", "IPv4.checksum"})   mark fields by name, or bytes by offset
    show(after, before=packet)                      mark the bytes in which two packets differ
    show(packet, layers=[IPv4Packet, "ICMP"])       only these layers

Each layer has its own border style and its name; what is marked has a thick frame, bold type and an arrow,
and says "marked" in the table.  Linking works by the mouse, and by Tab, which goes through the table's rows.
It is done with CSS `:has` alone; where a notebook is not trusted, bytes and table are still there.
"""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from netlib.view import sections as walk
from netlib.view.html import (
    BAD,
    CAPTION,
    CARD,
    CELL,
    FAINT,
    INK,
    LINE,
    MARK,
    PAPER,
    ROW,
    TABLE,
    View,
    class_name,
    code,
    escape,
    text_table,
    visible,
)  # fmt: skip
from netlib.view.sections import Section, Span
from netlib.wire.errors import WireError
from netlib.wire.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6
from netlib.wire.header import Header
from netlib.wire.packet import Packet, decode

BORDERS = ("solid", "dashed", "dotted", "double")
TINTS = ("#eef3fc", "#fdf4e3", "#eaf6ec", "#f8edf8")
KEY = "display:inline-block;box-sizing:border-box;width:20px;height:12px;margin-right:6px"
COLUMNS = ("Field", "Value", "Meaning", "Bytes (hex)", "Bits")
WHERE = re.compile(r"(\w+)(?:\.(\w+))? \(offset")  # how a WireError names a field


def show(
    packet: Packet | Header | bytes,
    *,
    highlight: Collection[str | int] = (),
    before: Packet | bytes | None = None,
    layers: Iterable[str | type[Header]] | None = None,
    like: type[Header] | None = None,
    payload: int = 64,
    title: str = "",
) -> "PacketView":
    """A picture of every byte of `packet` and every field.

    `highlight`: names of fields ("ttl" in every layer, "IPv4.ttl" in one), or offsets of bytes.
    `before`: the same packet earlier; the bytes that have changed since are highlighted.
    `layers`: only these, by class or by label ("IPv4", "quoted UDP", "payload").
    `like`: for bytes, the header that they start with; otherwise Ethernet or IPv4, whichever it looks like.
    `payload`: how many bytes to show of a payload (or of anything that is no header); how many more there are is said.

    A single header is shown as it stands: lengths and checksum are what `build()` has last made them.
    Raises `ValueError` for a field or layer that is not there, `FieldOverflow` for a header that fits into no bytes.
    """
    if isinstance(packet, Packet):
        data, found, problems = packet.data, walk.of_packet(packet), list(packet.problems)
        title = title or packet.summary()
    elif isinstance(packet, Header):
        (data, found), problems = walk.of_layer(packet), []
        title = title or str(packet)
    elif isinstance(packet, bytes | bytearray | memoryview):
        data = bytes(packet)
        if like is None:
            decoded = decode(data, "ip" if looks_like_ip(data) else "ethernet")
            found, problems = walk.of_packet(decoded), list(decoded.problems)
            title = title or decoded.summary()
        else:
            walk.need_header(like)
            found, problems = walk.of_bytes(data, like), walk.problems_of(data, like)
            title = title or f"{walk.label_of(like)} in bytes"
    else:
        raise TypeError(f"show: a Packet, a header or bytes is needed, not {type(packet).__name__}")
    marks = set(marked_bytes(found, highlight, len(data)))
    if before is not None:
        old = before.data if isinstance(before, Packet) else bytes(before)
        marks |= {i for i in range(len(data)) if data[i : i + 1] != old[i : i + 1]}
    if layers is not None:
        found = restricted(found, layers)
    return PacketView(title, data, found, problems, frozenset(marks), names_of(found, highlight), max(payload, 1))


def looks_like_ip(data: bytes) -> bool:
    """Whether these bytes start with an IPv4 or IPv6 header rather than an Ethernet header."""
    ethertype = int.from_bytes(data[12:14], "big")
    version = {ETHERTYPE_IPV4: 4, ETHERTYPE_IPV6: 6}.get(ethertype)
    framed = ethertype == ETHERTYPE_ARP or (version and data[14:15] and data[14] >> 4 == version)
    if framed or not data:
        return False
    # an IPv6 header tells its length too, and a MAC address may well begin with a 6
    return data[0] >> 4 == 4 or (data[0] >> 4 == 6 and len(data) == 40 + int.from_bytes(data[4:6], "big"))


def names_of(found: list[Section], highlight: Collection[str | int]) -> frozenset[tuple[str, str]]:
    """The (layer, field) pairs that are highlighted by name."""
    wanted = {name for name in highlight if isinstance(name, str)}
    return frozenset(
        (section.label, span.name)
        for section in found
        for span in section.spans
        if wanted & {span.name, f"{section.label}.{span.name}", f"{section.kind and section.kind.__name__}.{span.name}"}
    )


def marked_bytes(found: list[Section], highlight: Collection[str | int], size: int) -> Iterable[int]:
    """The offsets that are highlighted; `ValueError` for names and offsets that are not there."""
    known = {name for s in found for span in s.spans for name in (span.name, f"{s.label}.{span.name}")}
    for item in sorted(highlight, key=str):
        if isinstance(item, int):
            if not 0 <= item < size:
                raise ValueError(f"highlight: there is no byte {item}, the packet has {size}")
            yield item
            continue
        names = names_of(found, [item])
        if not names:
            close = get_close_matches(item, known, 1)
            hint = f": did you mean {close[0]!r}?" if close else f"; there are {', '.join(sorted(known))[:200]}"
            raise ValueError(f"highlight: this packet has no field {item!r}{hint}")
        for section in found:
            for span in section.spans:
                if (section.label, span.name) in names:
                    yield from span.bytes


def restricted(found: list[Section], layers: Iterable[str | type[Header]]) -> list[Section]:
    """Only the sections of these layers."""
    kept: list[Section] = []
    wanted = list(layers)
    for want in wanted:
        if isinstance(want, str):
            some = [s for s in found if want in (s.label, s.kind and s.kind.__name__)]
        else:
            some = [s for s in found if s.kind is not None and issubclass(s.kind, want) and not s.quoted]
        if not some:
            name = want if isinstance(want, str) else want.__name__
            raise ValueError(f"layers: this packet has no {name!r:.60}, only {', '.join(s.label for s in found)}")
        kept += some
    return [section for section in found if section in kept]


class PacketView(View):
    """What `show` returns: HTML with bytes and fields linked; as text, tables and a hex dump."""

    def __init__(self, title: str, data: bytes, found: list[Section], problems: list[WireError],
                 marks: frozenset[int], names: frozenset[tuple[str, str]], payload: int) -> None:  # fmt: skip
        self.title, self.data, self.sections, self.problems = title, data, found, problems
        self.marks, self.names, self.payload = marks, names, payload

    def is_marked(self, section: Section, span: Span) -> bool:
        if (section.label, span.name) in self.names:
            return True
        # bytes marked by their offset mark every field that has a part in them, unless a field's name did it
        named = {i for s in self.sections for p in s.spans if (s.label, p.name) in self.names for i in p.bytes}
        return any(i in self.marks and i not in named for i in span.bytes)

    def is_wrong(self, section: Section, span: Span) -> bool:
        """Whether one of the problems is about this field."""
        for problem in self.problems:
            match = WHERE.match(str(problem))
            kinds = {kind.__name__ for kind in section.kind.__mro__} if section.kind and not section.quoted else set()
            if match and match[1] in kinds and match[2] == span.name:
                return True
        return False

    def kept(self, section: Section, span: Span) -> range:
        """The bytes to show of this field: all, or the first of a long payload."""
        return span.bytes if section.kind else span.bytes[: self.payload]

    def rows(self) -> list[tuple[Section, list[tuple[str, ...]]]]:
        """For each section its rows: field, value, meaning, bytes, bits."""
        table = []
        for section in self.sections:
            rows = list[tuple[str, ...]]()
            for span in section.spans:
                meaning = span.meaning
                if self.is_wrong(section, span):
                    meaning += f"{'; ' * bool(meaning)}wrong, see above"
                if self.is_marked(section, span):
                    meaning += f"{', ' * bool(meaning)}marked"
                shown = span.bytes[: min(8, self.payload) if section.kind else 6]
                raw = self.data[shown.start : shown.stop].hex(" ") + " …" * (len(shown) < len(span.bytes))
                first = span.start - 8 * section.start  # counted from the header's first bit, as the RFCs do
                where = f"{first}" if span.width == 1 else f"{first}-{first + span.width - 1}"
                rows.append((span.name, span.value, meaning, raw, where))
            table.append((section, rows))
        return table

    def heading(self, section: Section) -> str:
        size = section.stop - section.start
        return f"{section.label}: {size} byte{'s' * (size != 1)} from byte {section.start}" + (
            ", which could not be read as such" if section.broken else ""
        )

    def __str__(self) -> str:
        lines = [f"{visible(self.title)} ({len(self.data)} bytes)"]
        lines += [f"problem: {visible(problem)}" for problem in self.problems]
        table = self.rows()
        flat = [row for _, rows in table for row in rows]
        block = text_table(flat, [c.lower() for c in COLUMNS]).split("\n")
        if not flat:
            return "\n".join(lines)
        lines += ["", *("  " + line for line in block[:2])]
        at = 2
        for section, rows in table:
            lines.append(self.heading(section))
            for span, line in zip(section.spans, block[at : at + len(rows)], strict=True):
                lines.append(("* " if self.is_marked(section, span) else "  ") + line)
            at += len(rows)
        return "\n".join([*lines, "", *self.dump()])

    def dump(self) -> list[str]:
        """The bytes that are shown, 16 to a line, marked ones in brackets."""
        keep = sorted({i for s in self.sections for span in s.spans for i in self.kept(s, span)})
        whole = {i for s in self.sections for span in s.spans for i in span.bytes}
        lines = []
        for start in sorted({i - i % 16 for i in keep}):
            line, text = f"{start:6d} ", ""
            for i in range(start, min(start + 16, len(self.data))):
                pair = f"{self.data[i]:02x}" if i in keep else "  "
                line += (f"[{pair}]" if i in keep and i in self.marks else f" {pair} ") if self.marks else f" {pair}"
                text += (chr(self.data[i]) if 32 <= self.data[i] < 127 else ".") if i in keep else " "
            lines.append(f"{line.ljust(71 if self.marks else 55)}  {text}".rstrip())
        if len(keep) < len(whole):
            lines.append(f"       ... {len(whole) - len(keep)} more bytes are not shown")
        return lines

    def _repr_html_(self) -> str:
        label = class_name(self.title, self.data, [s.label for s in self.sections], sorted(self.marks),
                           sorted(self.names), self.payload)  # fmt: skip
        number, rows = 0, []
        owners: dict[int, list[str]] = {}
        look: dict[int, tuple[str, str]] = {}
        for index, (section, cells) in enumerate(self.rows()):
            border, tint = BORDERS[index % 4], TINTS[index % 4]
            head = f"{CELL};background:{tint};border-top:1px solid {LINE}"
            box = f"{3 if border == 'double' else 1}px {border} {LINE}"
            key = f'<span style="{KEY};border:{box}"> </span>'
            rows.append(
                f'<tr style="{ROW}"><th colspan="5" scope="rowgroup" style="{head}">'
                f"{key}{escape(self.heading(section))}</th></tr>"
            )
            for span, (name, value, meaning, raw, where) in zip(section.spans, cells, strict=True):
                for i in self.kept(section, span):
                    owners.setdefault(i, []).append(f"f{number}")
                    look[i] = (border, tint)
                rows.append(self.row(section, span, f"f{number}", (name, value, meaning, raw, where)))
                number += 1
            rows.append("</tbody><tbody>")
        lit = ",".join(f".{label}:has(.f{k}:is(:hover,:focus-visible)) .f{k}" for k in range(number))
        style = (
            f"<style>{lit or '.' + label}{{background:{MARK}!important;color:#000!important;"
            f"outline:2px solid #7a4f00}}</style>"
        )
        columns = "".join(f'<th scope="col" style="{CELL};border-bottom:2px solid {LINE}">{c}</th>' for c in COLUMNS)
        body = "".join(rows).removesuffix("</tbody><tbody>")
        return (
            f'{style if number else ""}<div class="{label}" style="{CARD}">{self.problem_list()}'
            '<div style="display:flex;gap:20px;flex-wrap:wrap;align-items:flex-start">'
            f'<div aria-hidden="true">{self.grid(owners, look)}</div>'
            f'<table style="{TABLE}"><caption style="{CAPTION}">{escape(self.title)} ({len(self.data)} bytes)</caption>'
            f'<thead><tr style="{ROW}">{columns}</tr></thead><tbody>{body}</tbody></table></div></div>'
        )

    def row(self, section: Section, span: Span, name: str, cells: tuple[str, ...]) -> str:
        marked, wrong = self.is_marked(section, span), self.is_wrong(section, span)
        look = f"background:{MARK if marked else PAPER};color:{INK}"
        weight = "bold" if marked else "normal"
        tight = CELL.replace("2px 8px", "1px 8px")
        field, value, meaning, raw, where = cells
        arrow = "▶ " * marked
        said = f'<b style="color:{BAD if not marked else INK}">{escape(meaning)}</b>' if wrong else escape(meaning)
        return (
            f'<tr class="{name}" tabindex="0" style="{look}">'
            f'<th scope="row" style="{tight};padding-left:16px;font-weight:{weight}">'
            f"{arrow}{escape(field)}</th>"
            f'<td style="{tight};font-weight:{weight}">{code(value)}</td><td style="{tight}">{said}</td>'
            f'<td style="{tight};white-space:nowrap">{code(raw)}</td>'
            f'<td style="{tight};white-space:nowrap">{where}</td></tr>'
        )

    def problem_list(self) -> str:
        if not self.problems:
            return ""
        items = "".join(f"<li>{code(problem)}</li>" for problem in self.problems)
        return (
            f'<div style="color:{BAD};border-left:4px double {BAD};padding-left:8px"><b>Wrong with it:</b>'
            f'<ul style="margin:0 0 4px;color:{INK}">{items}</ul></div>'
        )

    def grid(self, owners: dict[int, list[str]], look: dict[int, tuple[str, str]]) -> str:
        """The bytes, eight to a line, each with the classes of the fields that it belongs to."""
        lines, starts = [], sorted({i - i % 8 for i in owners})
        for start, before in zip(starts, [-8, *starts], strict=False):
            if start != before + 8:
                lines.append('<div style="padding-left:40px">…</div>')
            cells = [f'<span style="display:inline-block;width:40px;color:#595959">{start}</span>']
            for i in range(start, min(start + 8, len(self.data))):
                if i not in owners:
                    cells.append('<span style="display:inline-block;width:26px"> </span>')
                    continue
                border, tint = look[i]
                box = f"{3 if border == 'double' else 1}px {border} {LINE}"
                mark = f";background:{MARK};font-weight:bold;text-decoration:underline;border:3px solid {INK}"
                cells.append(
                    f'<span class="{" ".join(owners[i])}" title="byte {i}" style="display:inline-block;width:26px;'
                    f"box-sizing:border-box;text-align:center;color:{INK};background:{tint};border:{box}"
                    f'{mark if i in self.marks else ""}">{self.data[i]:02x}</span>'
                )
            lines.append(f'<div style="white-space:nowrap">{"".join(cells)}</div>')
        whole = {i for s in self.sections for span in s.spans for i in span.bytes}
        skipped = len(whole) - len(owners)
        if skipped:
            lines.append(f"<div>… {skipped} more bytes are not shown</div>")
        return (
            f'<div style="font-family:monospace;font-size:13px;line-height:24px;border-top:1px solid {FAINT};'
            f'padding-top:4px">{"".join(lines)}</div>'
        )
