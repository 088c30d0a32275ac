"""The bytes of one direction of a connection as a strip: acknowledged, in flight, allowed by the windows, and not yet.

    byte_strip(socket)                            as it is now
    byte_strip(recording, at=[0.1, 0.2])          at these times (seconds from its beginning), one below the other
    byte_strip(recording)                         at eight moments, evenly chosen
    byte_strip("page.pcap", port=8080)            from a capture of any kind

            acknowledged          in flight         may be sent      not allowed
    ...=====================|######%%%%%####|..................|
                          SND.UNA       SND.NXT      SND.UNA + the smaller window

SACKed bytes, which the peer holds beyond a gap, are hatched (% in text), so the holes are what stands between them.
Sequence numbers are relative: the SYN is 0.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from netlib.view.html import INK, LINE, PAPER, SVG, View, escape, framed, html_table, text_table, visible
from netlib.view.moments import Moment, Track, thinned, track_of

WIDE = 700  # pixels for the bytes
LEFT, TOP, ROW, BAR = 92, 44, 58, 20
CHARACTERS = 64
EVENLY, MOST = 8, 24  # strips
FLIGHT, DONE = "#a9c4ea", "#e4e4e4"


class ByteStrip(View):
    """What `byte_strip` returns."""

    def __init__(self, track: Track, moments: Sequence[Moment], title: str) -> None:
        self.track, self.title = track, title or f"Bytes from {track.name}"
        self.moments, self.left_out = list(moments)[:MOST], max(0, len(moments) - MOST)
        self.start = track.start if len(track.moments) > 1 else 0.0
        first, last = min(m.una for m in self.moments), max(m.nxt for m in self.moments)
        # of what may be sent, as much as is shown of what was: a window may be a thousand times the flight
        most = last + max(last - first, 3000)
        last = max([last, *(min(m.limit, most) for m in self.moments if m.limit is not None)])
        margin = max(1, (last - first) // 12)
        self.low, self.high = max(0, first - margin), last + margin

    def x(self, number: float) -> float:
        """Where a byte begins, from 0 to 1."""
        return min(1.0, max(0.0, (number - self.low) / (self.high - self.low)))

    def time(self, moment: Moment) -> str:
        return f"{1000 * (moment.time - self.start):.3f} ms"

    def rows(self) -> list[tuple[str, ...]]:
        """Time, una, nxt, in flight, allowed up to, SACKed, holes."""
        found: list[tuple[str, ...]] = []
        for m in self.moments:
            window = "not known" if m.edge is None else str(m.edge)
            cwnd = "not known" if m.cwnd is None else str(m.una + m.cwnd)
            found.append((self.time(m), str(m.una), str(m.nxt), str(m.flight), window, cwnd, spans(m.sacked),
                          spans(m.holes)))  # fmt: skip
        return found

    COLUMNS = ("time", "SND.UNA", "SND.NXT", "in flight", "window ends at", "cwnd ends at", "SACKed", "holes")

    def drawn(self, m: Moment) -> str:
        """One strip in characters."""
        limit = m.nxt if m.limit is None else m.limit
        cells = []
        for i in range(CHARACTERS):
            at = self.low + (i + 0.5) * (self.high - self.low) / CHARACTERS
            sacked = any(start <= at < end for start, end in m.sacked)
            cells.append("=" if at < m.una else "%" if sacked else "#" if at < m.nxt else "." if at < limit else " ")
        return "".join(cells)

    @property
    def key(self) -> str:
        return "= acknowledged   # in flight   % SACKed   . may be sent   blank: not allowed yet"

    def __str__(self) -> str:
        lines = [visible(self.title)]
        lines += [f"{self.time(m):>14} |{self.drawn(m)}|" for m in self.moments]
        lines += [f"{'':>14}  {self.low:<{CHARACTERS // 2}}{self.high:>{CHARACTERS // 2}}", self.key]
        return "\n".join([*lines, text_table(self.rows(), self.COLUMNS), *self.remarks()])

    def remarks(self) -> list[str]:
        more = [f"{self.left_out} more moments are not shown."] if self.left_out else []
        return more + ([self.track.known] if self.track.known else [])

    def svg(self) -> str:
        """The picture as an SVG document."""
        remarks = self.remarks()
        svg = SVG(LEFT + WIDE + 24, TOP + ROW * len(self.moments) + 52 + 16 * len(remarks))
        svg.add('<defs><pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" '
                f'patternTransform="rotate(45)"><rect width="5" height="5" fill="{PAPER}"/>'
                f'<rect width="2.4" height="5" fill="{INK}"/></pattern></defs>')  # fmt: skip
        svg.text(8, 16, f"bytes, counted from the SYN: {self.low} to {self.high}; "
                        "one scale for all strips" * (len(self.moments) > 1) if len(self.moments) > 1 else
                 f"bytes, counted from the SYN: {self.low} to {self.high}", size=11)  # fmt: skip
        for n, moment in enumerate(self.moments):
            self.draw(svg, moment, TOP + ROW * n)
        self.draw_key(svg, TOP + ROW * len(self.moments) + 14)
        for n, line in enumerate(remarks):
            svg.text(8, TOP + ROW * len(self.moments) + 50 + 16 * n, line, size=11)
        return str(svg)

    def draw(self, svg: SVG, m: Moment, y: float) -> None:
        def bar(start: float, end: float, fill: str, inset: float = 0) -> None:
            if self.x(end) > self.x(start):
                svg.box(LEFT + WIDE * self.x(start), y + inset, WIDE * (self.x(end) - self.x(start)), BAR - 2 * inset,
                        fill=fill, colour=INK)  # fmt: skip

        svg.text(LEFT - 8, y + 14, self.time(m), size=11, anchor="end")
        svg.line(LEFT, y + BAR / 2, LEFT + WIDE, y + BAR / 2, colour=LINE, dash="1 4")
        bar(self.low, m.una, DONE)
        if m.limit is not None:
            bar(m.nxt, m.limit, PAPER)
        bar(m.una, m.nxt, FLIGHT)
        for start, end in m.sacked:
            bar(start, end, "url(#hatch)")
        ends = [("UNA", m.una), ("NXT", m.nxt)] if m.nxt > m.una else [("UNA = NXT", m.una)]
        above: list[tuple[str, int]] = []
        room = m.edge is None or m.edge <= self.high or all(self.x(number) < 0.62 for _, number in ends)
        if m.cwnd is not None and m.una + m.cwnd <= self.high:
            above.append(("cwnd", m.una + m.cwnd))
        if m.edge is not None and m.edge <= self.high:
            above.append(("window", m.edge))
        self.words(svg, ends, y + BAR + 4, y + BAR + 14)
        self.words(svg, [mark for mark in above if self.x(mark[1]) < 0.68 or room], y - 4, y - 6)
        if m.edge is not None and m.edge > self.high:
            svg.text(LEFT + WIDE, y + BAR + 14 if room else y - 6, f"the window goes on to {m.edge}", size=10,
                     anchor="end")  # fmt: skip

    def words(self, svg: SVG, marks: Iterable[tuple[str, int]], tip: float, y: float) -> None:
        """Names with their numbers at places of the strip; side by side where these are close."""
        marks = list(marks)
        xs = [LEFT + WIDE * self.x(number) for _, number in marks]
        close = len(xs) == 2 and abs(xs[1] - xs[0]) < 100
        for n, ((name, number), x) in enumerate(zip(marks, xs, strict=True)):
            svg.line(x, tip, x, tip + (-6 if tip < y else 6), width=2)
            first = x <= xs[1 - n] if close and xs[0] != xs[1] else n == 0
            anchor = ("end" if first else "start") if close else "middle"
            if x < LEFT + 40:
                anchor = "start" if not close or not first else anchor
            svg.text(x + (-3 if anchor == "end" else 3 if anchor == "start" else 0), y, f"{name} {number}", size=10,
                     anchor=anchor)  # fmt: skip

    def draw_key(self, svg: SVG, y: float) -> None:
        x = LEFT
        key = [(DONE, "acknowledged"), (FLIGHT, "in flight"), ("url(#hatch)", "SACKed: the peer holds it"),
               (PAPER, "may be sent"), ("", "not allowed yet")]  # fmt: skip
        for fill, words in key:
            if fill:
                svg.box(x, y, 22, 12, fill=fill, colour=INK)
            else:
                svg.line(x, y + 6, x + 22, y + 6, colour=LINE, dash="1 4")
            svg.text(x + 28, y + 10, words, size=11)
            x += 44 + round(6.4 * len(words))

    def _repr_html_(self) -> str:
        alt = f"Byte strips: {self.title}, {len(self.moments)} moments, bytes {self.low} to {self.high}. "
        table = html_table("The strips in numbers", self.COLUMNS, [[escape(c) for c in row] for row in self.rows()])
        return framed(self.title, self.svg(), alt + "The table below says the same.", LEFT + WIDE + 24, table)


def spans(ranges: Iterable[tuple[int, int]]) -> str:
    """Ranges of bytes, as first-last."""
    shown = [f"{start}-{end - 1}" for start, end in ranges]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "") or "none"


def byte_strip(what: Any, at: float | Iterable[float] | None = None, *, port: int | None = None,
               sender: int | None = None, title: str = "") -> ByteStrip:  # fmt: skip
    """The strips of a recording, a socket or a capture at the times `at`, in seconds from its beginning.

    Of a capture, `port` picks the connection, and `sender` the direction: 0 for what the end has sent that opened the
    connection, 1 for the other's; unless given, that with more bytes.
    """
    if port is not None:
        from netlib.view.conversation import conversation

        what = conversation(what, port)
    track = track_of(what, sender)
    if at is None:
        return ByteStrip(track, thinned(track.moments, EVENLY), title)
    times = [at] if isinstance(at, int | float) else list(at)
    return ByteStrip(track, [track.at(track.start + time) for time in times], title)
