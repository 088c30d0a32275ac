"""Fragments on a ruler: which bytes of the original payload each of them carries.

    ruler(fragments, "What the router made of it")      whole IPv4 packets, as bytes or decoded

One row for each, in the order given: a bar from its first byte to its last, an arrow head where MF says that more
follow, a thick end where it is the last.  Its offset field and MF stand at the end of the row.
"""

from collections.abc import Iterable
from typing import Any

from netlib.view.html import (
    FAINT,
    INK,
    LINE,
    SVG,
    View,
    escape,
    framed,
    html_table,
    text_table,
    text_width,
    visible,
)  # fmt: skip
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.packet import Packet

SCALE = 520  # pixels for all bytes
BESIDE = 90  # for the words of a bar that is too short for them
FIELDS = 120  # for offset field and MF
ROW = 26


def ruler(packets: Iterable[Any], caption: str = "") -> "Ruler":
    """Fragments (bytes, `IPv4Packet`s or decoded `Packet`s) on a ruler of the original packet's payload.

    Raises `WireError` for bytes that are no IPv4 packet.
    """
    return Ruler([as_ipv4(packet) for packet in packets], caption)


def as_ipv4(packet: Any) -> IPv4Packet:
    if isinstance(packet, Packet):
        return packet[IPv4Packet]
    return packet if isinstance(packet, IPv4Packet) else IPv4Packet.parse(bytes(packet))


class Ruler(View):
    """What `ruler` returns."""

    def __init__(self, packets: list[IPv4Packet], caption: str) -> None:
        self.packets, self.caption = packets, caption
        self.end = max((self.stop(packet) for packet in packets), default=0) or 1

    def start(self, packet: IPv4Packet) -> int:
        return 8 * packet.fragment_offset

    def stop(self, packet: IPv4Packet) -> int:
        return self.start(packet) + len(packet.payload)

    def rows(self) -> list[tuple[str, ...]]:
        """Number, bytes of the payload, offset field, MF, length of the packet."""
        found: list[tuple[str, ...]] = []
        for number, packet in enumerate(self.packets, 1):
            span = f"{self.start(packet)}-{self.stop(packet) - 1}" if packet.payload else "none"
            more = "1, more follow" if packet.more_fragments else "0, the last"
            offset = f"{packet.fragment_offset} (x 8 = {self.start(packet)})"
            found.append((str(number), span, offset, more, f"{packet.header_length + len(packet.payload)} bytes"))
        return found

    def __str__(self) -> str:
        columns = ("fragment", "bytes", "offset field", "MF", "whole packet")
        lines = []
        for packet in self.packets:
            first, last = (round(40 * at / self.end) for at in (self.start(packet), self.stop(packet)))
            lines.append(" " * first + "=" * max(1, last - first) + (">" if packet.more_fragments else "|"))
        rows = [(*row, line) for row, line in zip(self.rows(), lines, strict=True)]
        title = [visible(self.caption)] if self.caption else []
        return "\n".join([*title, text_table(rows, (*columns, f"0 to {self.end - 1}"))])

    def svg(self) -> str:
        """The picture as an SVG document."""
        left, top = 40.0, 30
        svg = SVG(left + SCALE + BESIDE + FIELDS, top + ROW * len(self.packets) + 10)
        offset, more_fragments = left + SCALE + BESIDE + 65, left + SCALE + BESIDE + 105
        svg.text(offset, 16, "offset field", size=11, anchor="end")
        svg.text(more_fragments, 16, "MF", size=11, anchor="end")
        svg.text(left - 8, 16, "byte", size=11, anchor="end")
        edges = sorted({0, self.end, *map(self.start, self.packets)})
        free = -100.0
        for at in edges:
            x = left + SCALE * at / self.end
            svg.line(x, top - 6, x, top + ROW * len(self.packets), colour=FAINT, dash="2 3")
            if x - free > text_width(str(at), 11) + 6 or at == 0:
                svg.text(x, 16, at, size=11, anchor="middle")
                free = x
        for number, packet in enumerate(self.packets):
            y = top + ROW * number
            x, width = left + SCALE * self.start(packet) / self.end, SCALE * len(packet.payload) / self.end
            svg.text(left - 8, y + 16, number + 1, size=12, anchor="end")
            svg.text(offset, y + 16, packet.fragment_offset, anchor="end")
            svg.text(more_fragments, y + 16, int(packet.more_fragments), anchor="end")
            svg.box(x, y + 3, max(width - 2, 2), ROW - 8, fill="#eef3fc", colour=INK)
            words = f"{len(packet.payload)} bytes"
            inside = text_width(words, 12) < width - 24
            more = packet.more_fragments
            if inside:
                svg.text(x + width / 2 - 1, y + 16, words, anchor="middle")
            if more and width > 16:
                svg.line(x + width - 14, y + 12, x + width - 4, y + 12, colour=INK, arrow=True)
            elif not more:
                svg.line(x + width - 3, y + 3, x + width - 3, y + ROW - 5, colour=INK, width=4)
            if not inside:
                svg.text(x + width + 6, y + 16, words, colour=INK)
        svg.line(left, top - 6, left + SCALE, top - 6, colour=LINE)
        return str(svg)

    def _repr_html_(self) -> str:
        alt = f"{self.caption or 'Fragments on a ruler'}: {len(self.packets)} packets over {self.end} bytes. "
        columns = ("Fragment", "Bytes of the payload", "Offset field", "MF", "Whole packet")
        body = html_table(self.caption, columns, [[escape(cell) for cell in row] for row in self.rows()])
        width = round(40 + SCALE + BESIDE + FIELDS)
        return framed(self.caption, self.svg(), alt + "The table below says the same.", width, body)
