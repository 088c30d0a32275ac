"""Two small charts: the staircase of a traceroute, and bars.

    staircase(traceroute_result)            which hop each probe reached, and how long its answer took
    bars([("10.0.1.1", 0.8), ...], "ms")    lengths to compare

A staircase has a column for each hop and a line for each probe: TTL 1 reaches the first column, TTL 2 the
second.  Where a probe died stands a circle (a router said "time exceeded"), a square (the destination
answered) or a question mark (silence).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from netlib.view.html import (
    BAD,
    CARD,
    FAINT,
    INK,
    LINE,
    PAPER,
    SVG,
    View,
    details,
    escape,
    framed,
    html_table,
    image,
    shorten,
    text_table,
    text_width,
    visible,
)

TIME_EXCEEDED = 11  # the ICMP type that routers answer with
LEFT, TOP, STEP = 150, 64, 24


class Probe:
    """One probe of a traceroute: its TTL, and what came back."""

    def __init__(self, ttl: int, number: int, reply: Any, destination: str) -> None:
        self.ttl, self.number = ttl, number
        if isinstance(reply, tuple):  # (address, rtt)
            self.address, self.rtt = str(reply[0]), float(reply[1])
            self.final = self.address == destination
        else:
            self.address = "" if reply is None else str(reply.address)
            self.rtt = 0.0 if reply is None else float(reply.rtt)
            kind = getattr(reply, "type", None)
            self.final = self.address == destination if kind is None else kind != TIME_EXCEEDED
        self.silent = reply is None
        self.refused = self.final and destination not in ("", self.address)  # someone else says: unreachable

    @property
    def words(self) -> str:
        if self.silent:
            return "no answer"
        if self.refused:
            return "no way on from here: unreachable"
        return "reached: the destination answered" if self.final else "time exceeded"


class Staircase(View):
    """What `staircase` returns."""

    def __init__(self, hops: Sequence[Sequence[Any]], destination: str, title: str) -> None:
        self.title = title or (f"traceroute to {destination}" if destination else "traceroute")
        self.hops = [[Probe(ttl, i, reply, destination) for i, reply in enumerate(hop, 1)]
                     for ttl, hop in enumerate(hops, 1)]  # fmt: skip
        self.probes = [probe for hop in self.hops for probe in hop]
        self.column = max(44, min(120, 960 // max(1, len(self.hops))))  # pixels

    @property
    def width(self) -> int:
        return LEFT + self.column * len(self.hops) + 150

    def name(self, hop: list[Probe]) -> str:
        """The addresses that answered at this hop."""
        return " ".join(dict.fromkeys(probe.address for probe in hop if probe.address)) or "*"

    def rows(self) -> list[tuple[str, ...]]:
        return [
            (f"TTL {p.ttl}, probe {p.number}", p.address or "*", "*" if p.silent else f"{1000 * p.rtt:.3f} ms", p.words)
            for p in self.probes
        ]

    def __str__(self) -> str:
        last = max((len(hop) for hop in self.hops), default=0)
        rows = []
        for ttl, hop in enumerate(self.hops, 1):
            end = "o" if any(not p.silent for p in hop) else "?"
            end = "!" if any(p.refused for p in hop) else "#" if any(p.final and not p.silent for p in hop) else end
            times = ["*" if p.silent else f"{1000 * p.rtt:.3f} ms" for p in hop] + [""] * (last - len(hop))
            rows.append((f"{ttl:2d}", "-" * (4 * ttl - 1) + end, self.name(hop), *times))
        key = "o time exceeded   # the destination answered   ! unreachable from here   ? no answer"
        return "\n".join([visible(self.title), text_table(rows, indent=" "), key])

    def svg(self) -> str:
        """The picture as an SVG document."""
        svg = SVG(self.width, TOP + STEP * len(self.probes) + 40)
        for ttl, hop in enumerate(self.hops, 1):
            x = LEFT + self.column * ttl
            svg.line(x, TOP - 8, x, TOP + STEP * len(self.probes), colour=LINE, dash="1 3")
            svg.text(x, TOP - 36, f"hop {ttl}" if self.column >= 60 else ttl, size=11, anchor="middle", bold=True)
            if self.column >= 80:  # else the table has the addresses
                svg.text(x, TOP - 20, shorten(self.name(hop), self.column - 6, 11), size=11, anchor="middle")
        svg.line(LEFT, TOP - 8, LEFT, TOP + STEP * len(self.probes), colour=LINE, width=2)
        svg.text(LEFT, TOP - 20, "source", size=11, anchor="middle", bold=True)
        for i, probe in enumerate(self.probes):
            y, x = TOP + STEP * i + STEP / 2, LEFT + self.column * probe.ttl
            svg.text(8, y + 4, f"TTL {probe.ttl}, probe {probe.number}", size=11)
            svg.line(LEFT, y, x, y, width=2, dash="4 4" if probe.silent else "")
            if probe.silent:
                svg.box(x - 8, y - 9, 16, 18, colour=PAPER)
                svg.text(x, y + 5, "?", size=15, anchor="middle", bold=True, colour=BAD)
                svg.text(x + 12, y + 4, "no answer", size=11, halo=True)
                continue
            if probe.refused:
                for sign in (1, -1):
                    svg.line(x - 6, y - 6 * sign, x + 6, y + 6 * sign, colour=BAD, width=3)
            elif probe.final:
                svg.box(x - 6, y - 6, 12, 12, fill=INK)
            else:
                svg.add(f'<circle cx="{x}" cy="{y:.1f}" r="6" fill="{PAPER}" stroke="{INK}" stroke-width="2"/>')
            svg.text(x + 12, y + 4, f"{1000 * probe.rtt:.3f} ms" + ", unreachable" * probe.refused, size=11,
                     halo=True)  # fmt: skip
        y = TOP + STEP * len(self.probes) + 24
        key = "circle: time exceeded; square: the destination answered; cross: unreachable; ?: no answer"
        svg.text(8, y, key, size=11)
        return str(svg)

    def _repr_html_(self) -> str:
        silent = sum(probe.silent for probe in self.probes)
        alt = (
            f"Staircase of {self.title}: {len(self.probes)} probes over {len(self.hops)} hops, "
            f"{silent or 'none'} without an answer. The table below says the same."
        )
        rows = [[escape(cell) for cell in row] for row in self.rows()]
        table = html_table(self.title, ("Probe", "Answer from", "Round trip", "What it said"), rows)
        return (
            f'<div style="{CARD}"><div style="font-weight:bold;color:{INK}">{escape(self.title)}</div>'
            f"{image(self.svg(), alt, self.width)}{details('The same as a table', table)}</div>"
        )


def staircase(result: Any, *, destination: object = None, title: str = "") -> Staircase:
    """The picture of a traceroute.

    `result`: a `TracerouteResult`, or its hops: for each TTL from 1 a list with each probe's reply, an object with
    `.address` and `.rtt` (seconds), or (address, rtt), or None for silence.
    """
    hops = getattr(result, "hops", result)
    goal = destination if destination is not None else getattr(result, "destination", "")
    return Staircase([list(hop) for hop in hops], str(goal or ""), title)


class Bars(View):
    """What `bars` returns."""

    def __init__(self, rows: Sequence[tuple[str, float]], unit: str, caption: str) -> None:
        self.rows, self.unit, self.caption = rows, unit, caption
        self.width = round(min(240.0, max([text_width(name, 12) for name, _ in rows], default=0) + 20)) + 480
        self.most = max([value for _, value in rows if value > 0], default=1.0)

    def value(self, value: float) -> str:
        return f"{value:.6g} {self.unit}".rstrip()

    def __str__(self) -> str:
        rows = [(name, "#" * round(32 * max(0.0, value) / self.most), self.value(value)) for name, value in self.rows]
        return "\n".join(([visible(self.caption)] if self.caption else []) + [text_table(rows)])

    def svg(self) -> str:
        """The picture as an SVG document."""
        left = self.width - 480.0
        svg = SVG(self.width, 22 * len(self.rows) + 12)
        for i, (name, value) in enumerate(self.rows):
            y, length = 6 + 22 * i, 360 * max(0.0, value) / self.most
            svg.text(left - 8, y + 15, shorten(name, left - 12), anchor="end")
            svg.box(left, y + 2, max(length, 1), 16, fill=FAINT, colour=INK)
            svg.text(left + length + 8, y + 15, self.value(value))
        return str(svg)

    def _repr_html_(self) -> str:
        alt = f"Bar chart: {self.caption or 'values'}, {len(self.rows)} bars. The table below says the same."
        table = html_table(self.caption, ("What", "Value"), [(escape(n), escape(self.value(v))) for n, v in self.rows])
        return framed(self.caption, self.svg(), alt, self.width, table)


def bars(rows: Iterable[tuple[object, float]], unit: str = "", caption: str = "") -> Bars:
    """Horizontal bars for (name, value) pairs, each with its value and `unit` beside it."""
    return Bars([(str(name), float(value)) for name, value in rows], unit, caption)
