"""One packet at several places of its way: which bytes of its header have changed from one to the next.

    hops({"h1 to r1": packet, "r1 to r2": packet, ...}, IPv4Packet)

A row for each place and a column for each byte, under the names of the fields.  A byte that is not as in the row above
is in brackets, bold and on a coloured ground; below stands in words what changed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from netlib.view.html import CAPTION, CARD, CELL, INK, LINE, MARK, ROW, TABLE, View, code, escape, text_table, visible
from netlib.wire.header import Field, Header
from netlib.wire.packet import Packet


def hops(places: Mapping[str, Any], like: type[Header], caption: str = "") -> "Hops":
    """The header `like` of a packet (bytes that begin with it, or a decoded `Packet`) at several places, in order."""
    found = {}
    for place, packet in places.items():
        data = packet.data[packet.offsets[layer_of(packet, like)] :] if isinstance(packet, Packet) else bytes(packet)
        found[place] = data[: like.SIZE]
    return Hops(found, like, caption)


def layer_of(packet: Packet, like: type[Header]) -> int:
    return next(i for i, layer in enumerate(packet.layers) if isinstance(layer, like))


class Hops(View):
    """What `hops` returns."""

    def __init__(self, places: dict[str, bytes], like: type[Header], caption: str) -> None:
        self.places, self.like = places, like
        self.caption = caption or f"{like.__name__}: what changes on the way"
        self.groups = list(self.grouped(like.fields))

    def grouped(self, fields: tuple[Field, ...]) -> Iterator[tuple[list[Field], int, int]]:
        """(fields, first byte, bytes) for fields that share their bytes."""
        group: list[Field] = []
        for field in fields:
            group.append(field)
            end = field.offset + field.width
            if end % 8 == 0:
                yield group, group[0].offset // 8, (end - group[0].offset) // 8
                group = []

    def changed(self) -> dict[str, set[int]]:
        """For each place the bytes that differ from the place before."""
        found: dict[str, set[int]] = {}
        before: bytes | None = None
        for place, data in self.places.items():
            found[place] = {
                i for i, byte in enumerate(data) if before is not None and before[i : i + 1] != bytes([byte])
            }
            before = data
        return found

    def in_words(self) -> str:
        touched = set().union(*self.changed().values())
        names = [field.name for field in self.like.fields
                 if touched & set(range(field.offset // 8, (field.offset + field.width + 7) // 8))]  # fmt: skip
        same = self.like.SIZE - len(touched)
        if not touched:
            return f"Nothing changes: all {same} bytes stay."
        words = " and ".join(name.replace("_", " ") for name in names)
        return f"What changes: {words}. {same} of {self.like.SIZE} bytes stay."

    def __str__(self) -> str:
        marks = self.changed()
        rows = [
            (place, " ".join(f"[{byte:02x}]" if i in marks[place] else f" {byte:02x} " for i, byte in enumerate(data)))
            for place, data in self.places.items()
        ]
        numbers = " ".join(f" {i:>2} " for i in range(self.like.SIZE))
        return "\n".join([visible(self.caption), text_table(rows, ("place", numbers)), self.in_words()])

    def _repr_html_(self) -> str:
        marks = self.changed()
        slim = CELL.replace("2px 8px", "2px 5px")
        edge = f"border-left:1px solid {LINE}"
        starts = {first for _, first, _ in self.groups}
        head = "".join(
            f'<th scope="colgroup" colspan="{size}" style="{slim};{edge};font-weight:normal;font-size:11px">'
            f"{escape(', '.join(f.name.replace('_', ' ') for f in group))}</th>"
            for group, _, size in self.groups
        )
        rows = []
        for place, data in self.places.items():
            cells = []
            for i, byte in enumerate(data):
                look = f"{slim};{edge if i in starts else ''}"
                if i in marks[place]:
                    look += f";background:{MARK};font-weight:bold"
                cells.append(f'<td style="{look}">{code(f"[{byte:02x}]" if i in marks[place] else f"{byte:02x}")}</td>')
            heading = f'<th scope="row" style="{CELL};white-space:nowrap">{escape(place)}</th>'
            rows.append(f'<tr style="{ROW}">{heading}{"".join(cells)}</tr>')
        return (
            f'<div style="{CARD}"><table style="{TABLE}"><caption style="{CAPTION}">{escape(self.caption)}</caption>'
            f'<thead><tr style="{ROW}"><th scope="col" style="{CELL}">Place</th>{head}</tr></thead>'
            f'<tbody>{"".join(rows)}</tbody></table><div style="color:{INK}">{escape(self.in_words())}</div></div>'
        )
