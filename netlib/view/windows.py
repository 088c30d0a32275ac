"""The congestion window, ssthresh and flight of a connection over time, above the queue of its bottleneck.

    recording = record(socket, bottleneck=far)       before the run: netlib/view/recording.py
    windows(recording)
    windows(recording, since=1.0, until=2.5)         a part of it: seconds from its beginning
    windows("page.pcap", port=8080)                  from a capture only the flight and the peer's window are known

Two panels share one axis of time.  The windows: cwnd a thick line, ssthresh dashed, the flight a filled step, the
peer's window dotted.  Below them ticks where something was sent again, and a line where the retransmission timer has
run out.  The queue: bytes that wait at the link, its limit dashed, a cross for each packet that was lost there.
"""

from collections.abc import Sequence
from math import floor, log10
from typing import Any

from netlib.view.html import BAD, FAINT, INK, LINE, SVG, View, escape, framed, html_table, text_table, visible
from netlib.view.moments import Track, thinned, track_of

WIDE, RIGHT = 640, 172  # pixels for the time, and for the names of the lines
LEFT, TOP = 66, 24
HIGH, TICKS, QUEUE = 230, 44, 110  # the panel of the windows, what stands between, the panel of the queue
ROWS = 30  # of the table
FILL, BLUE = "#cfe0f7", "#1f4e8c"
Points = list[tuple[float, float]]


class Windows(View):
    """What `windows` returns."""

    def __init__(self, track: Track, since: float | None, until: float | None, title: str) -> None:
        if not track.moments:
            raise ValueError(f"{track.name}: nothing was sent")
        self.track, self.title = track, title or f"Windows of {track.name}"
        self.since = track.start + (since or 0.0)
        self.until = max(last_change(track) if until is None else track.start + until, self.since + 1e-6)
        self.moments = [m for m in track.moments if self.since <= m.time <= self.until] or [track.at(self.since)]
        highest = max(max(m.flight, m.cwnd or 0) for m in self.moments)
        self.most = 1.12 * max(highest, 1)

    # ---- in words ------------------------------------------------------------------------------------------

    COLUMNS = ("time", "cwnd", "ssthresh", "in flight", "peer's window", "what happened")

    def rows(self) -> list[tuple[str, ...]]:
        """Some moments, those among them at which a loss was noticed or the timer ran out; all in bytes."""
        told = [t for t in (*self.track.losses, *self.track.timeouts) if self.since <= t[0] <= self.until]
        remarkable = {time: words for time, words in told[: ROWS // 2]}
        some = {m.time: m for m in thinned(self.moments, ROWS - len(remarkable))}
        some |= {time: self.track.at(time) for time in remarkable}
        return [
            (self.clock(time), number(m.cwnd), number(m.ssthresh), str(m.flight),
             number(None if m.edge is None else m.edge - m.una), remarkable.get(time, ""))
            for time, m in sorted(some.items())
        ]  # fmt: skip

    def clock(self, time: float) -> str:
        return f"{1000 * (time - self.track.start):.3f} ms"

    def summary(self) -> str:
        """One sentence."""
        resent, lost = (sum(self.since <= time <= self.until for time in times) for times in
                        ([time for time, _ in self.track.resent], self.track.lost))  # fmt: skip
        most = max(m.flight for m in self.moments)
        words = f"{1000 * (self.until - self.since):.4g} ms, at most {most} bytes in flight, {resent} sent again"
        return words + (f", {lost} packets lost" if lost or self.track.queue else "")

    def __str__(self) -> str:
        few = [self.moments[0], *thinned(self.moments, 24)[1:]]
        unit = self.most / 48
        lines = []
        for m in few:
            bar = "#" * min(48, round(m.flight / unit))
            if m.cwnd is not None:
                at = min(48, round(m.cwnd / unit))
                bar = f"{bar:<{at}}"[:at] + "|" + bar[at + 1 :]
            lines.append((self.clock(m.time), bar))
        known = any(m.cwnd is not None for m in self.moments)
        key = "# in flight" + "   | cwnd" * known
        table = text_table(self.rows(), self.COLUMNS)
        return "\n".join([visible(self.title), self.summary(), text_table(lines), key, table, *self.remarks()])

    def remarks(self) -> list[str]:
        return [self.track.known] if self.track.known else []

    # ---- as a picture --------------------------------------------------------------------------------------

    def x(self, time: float) -> float:
        return LEFT + WIDE * (time - self.since) / (self.until - self.since)

    def svg(self) -> str:
        """The picture as an SVG document."""
        queued = bool(self.track.queue)
        bottom = TOP + HIGH + (TICKS + QUEUE if queued else 18)
        svg = SVG(LEFT + WIDE + RIGHT, bottom + 40 + 16 * len(self.remarks()))
        self.draw_windows(svg)
        self.draw_ticks(svg, TOP + HIGH)
        if queued:
            self.draw_queue(svg, TOP + HIGH + TICKS)
        unit, per = ("ms", 1000) if self.until - self.since < 5 else ("s", 1)
        start = self.track.start
        for at in steps(per * (self.since - start), per * (self.until - start), 8):
            x = self.x(start + at / per)
            svg.line(x, bottom, x, bottom + 4)
            svg.text(x, bottom + 16, f"{at:g}", size=11, anchor="middle")
        svg.text(LEFT + WIDE + 24, bottom + 16, unit, size=11)
        for n, line in enumerate(self.remarks()):
            svg.text(8, bottom + 36 + 16 * n, line, size=11)
        return str(svg)

    def scale(self, svg: SVG, top: float, high: float, most: float, name: str) -> None:
        """The frame of a panel, with lines at round numbers of bytes."""
        for value in steps(0, most, 5):
            y = top + high - high * value / most
            svg.line(LEFT, y, LEFT + WIDE, y, colour=FAINT)
            svg.text(LEFT - 6, y + 4, f"{value / 1000:g}", size=11, anchor="end")
        svg.text(LEFT, top - 8, f"{name}, in kB (1000 bytes)", size=11, bold=True)
        svg.line(LEFT, top, LEFT, top + high)
        svg.line(LEFT, top + high, LEFT + WIDE, top + high)

    def draw_windows(self, svg: SVG) -> None:
        self.scale(svg, TOP, HIGH, self.most, "windows")
        flight = [(m.time, float(m.flight)) for m in self.moments]
        self.curve(svg, flight, TOP, HIGH, self.most, f'fill="{FILL}" stroke="{BLUE}" stroke-width="1"', closed=True)
        windows = [(m.time, float(m.edge - m.una)) for m in self.moments if m.edge is not None]
        names = [(last(flight), "in flight", BLUE)]
        if windows and min(size for _, size in windows) <= self.most:
            self.curve(svg, windows, TOP, HIGH, self.most, f'fill="none" stroke="{INK}" stroke-dasharray="1 4" '
                                                           'stroke-width="2" stroke-linecap="round"')  # fmt: skip
            names.append((last(windows), "peer's window", INK))
        thresholds = [(m.time, float(m.ssthresh)) for m in self.moments if m.ssthresh is not None]
        if thresholds and min(size for _, size in thresholds) <= self.most:
            self.curve(svg, thresholds, TOP, HIGH, self.most,
                       f'fill="none" stroke="{INK}" stroke-width="1.5" stroke-dasharray="7 4"')  # fmt: skip
            names.append((last(thresholds), "ssthresh", INK))
        cwnd = [(m.time, float(m.cwnd)) for m in self.moments if m.cwnd is not None]
        if cwnd:
            self.curve(svg, cwnd, TOP, HIGH, self.most, f'fill="none" stroke="{INK}" stroke-width="2.5"')
            names.append((last(cwnd), "cwnd", INK))
        self.name_lines(svg, names)

    def name_lines(self, svg: SVG, names: list[tuple[float, str, str]]) -> None:
        """The name of each line where it ends; apart from each other."""
        y = TOP + HIGH + 10.0
        for value, name, colour in sorted(names):
            at = TOP + HIGH - HIGH * min(1.0, value / self.most)
            y = min(at + 4, y - 15)
            svg.line(LEFT + WIDE + 2, at, LEFT + WIDE + 12, y - 4, colour=LINE)
            above = " (above)" if value > self.most else ""
            svg.text(LEFT + WIDE + 15, y, name + above, size=12, colour=colour, bold=name == "cwnd")

    def curve(self, svg: SVG, points: Points, top: float, high: float, most: float, look: str, *,
              closed: bool = False, stepped: bool = True) -> None:  # fmt: skip
        """A line through points; stepped, for what holds until it changes.  At most four points a pixel are drawn."""
        places = [(self.x(time), top + high - high * min(1.0, value / most)) for time, value in points]
        places = by_pixel(places)
        path, before = f"M{places[0][0]:.1f} {places[0][1]:.1f}", places[0][1]
        for x, y in places[1:]:
            path += f"L{x:.1f} {before:.1f}L{x:.1f} {y:.1f}" if stepped and y != before else f"L{x:.1f} {y:.1f}"
            before = y
        if stepped:
            path += f"L{LEFT + WIDE} {before:.1f}"
        if closed:
            path += f"L{LEFT + WIDE if stepped else places[-1][0]:.1f} {top + high}L{places[0][0]:.1f} {top + high}Z"
        svg.add(f'<path d="{path}" {look}/>')

    def draw_ticks(self, svg: SVG, y: float) -> None:
        shown = {round(self.x(time)) for time, _ in self.track.resent if self.since <= time <= self.until}
        for x in sorted(shown):
            svg.line(x, y + 4, x, y + 12, colour=INK, width=1.5)
        svg.text(LEFT + WIDE + 15, y + 12, "sent again" if shown else "none sent again", size=11)
        free = 0
        for x in sorted({round(self.x(time)) for time, _ in self.track.timeouts if self.since <= time <= self.until}):
            svg.line(x, TOP, x, y + 16, colour=BAD, dash="4 3")
            if x > free:
                svg.text(x + 3, TOP + 10, "timeout", size=11, colour=BAD, bold=True, halo=True)
                free = x + 50

    def draw_queue(self, svg: SVG, top: float) -> None:
        track = self.track
        points = [(time, size) for time, size in track.queue if self.since <= time <= self.until] or [(self.since, 0.0)]
        limit = track.queue_limit
        most = 1.15 * max([size for _, size in points] + [limit or 1.0])
        self.scale(svg, top, QUEUE, most, f"queue {track.queue_name}")
        self.curve(svg, points, top, QUEUE, most, f'fill="{FILL}" stroke="{BLUE}" stroke-width="1"', closed=True,
                   stepped=False)  # fmt: skip
        if limit:
            y = top + QUEUE - QUEUE * limit / most
            svg.line(LEFT, y, LEFT + WIDE, y, width=1.5, dash="7 4")
            svg.text(LEFT + WIDE + 15, y + 4, "its limit", size=12)
        lost = sorted({round(self.x(time)) for time in track.lost if self.since <= time <= self.until})
        for x in lost:
            for sign in (1, -1):
                svg.line(x - 4, top + 8 - 4 * sign, x + 4, top + 8 + 4 * sign, colour=BAD, width=2)
        if lost:
            svg.text(LEFT + WIDE + 15, top + 12 - 16 * bool(limit), "x: lost here", size=12, colour=BAD, bold=True)

    def _repr_html_(self) -> str:
        alt = f"{self.title}: {self.summary()}. The table below has numbers."
        rows = [[escape(cell) for cell in row] for row in self.rows()]
        more = len(self.moments) - len(rows)
        caption = "The windows in bytes" + (f", at {len(rows)} of {len(self.moments)} moments" if more > 0 else "")
        table = html_table(caption, self.COLUMNS, rows)
        return framed(self.title, self.svg(), alt, LEFT + WIDE + RIGHT, table)


def last_change(track: Track) -> float:
    """When the last byte was acknowledged: a connection lives on for long after that."""
    found = track.moments[0].time
    for before, after in zip(track.moments, track.moments[1:], strict=False):
        if (before.una, before.nxt, before.cwnd) != (after.una, after.nxt, after.cwnd):
            found = after.time
    return found


def number(value: int | None) -> str:
    return "not known" if value is None else "no limit" if value >= 2**30 else str(value)


def last(points: Points) -> float:
    return points[-1][1]


def by_pixel(places: Sequence[tuple[float, float]]) -> Points:
    """Of what falls into one pixel the first, the highest, the lowest and the last."""
    found: Points = []
    column: Points = []
    for x, y in [*places, (float("inf"), 0.0)]:
        if column and round(x if x != float("inf") else -1) != round(column[0][0]):
            keep = {0, len(column) - 1, *(column.index(f(column, key=lambda p: p[1])) for f in (min, max))}
            found += [column[i] for i in sorted(keep)]
            column = []
        column.append((x, y))
    return found


def steps(low: float, high: float, about: int) -> list[float]:
    """Round numbers from `low` to `high`, about so many."""
    rough = (high - low) / about or 1.0
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = -int(-low // step)
    return [round(i * step, 9) for i in range(first, int(high / step) + 1)]


def windows(what: Any, *, port: int | None = None, sender: int | None = None, since: float | None = None,
            until: float | None = None, title: str = "") -> Windows:  # fmt: skip
    """Draw the windows of a recording, or what a capture of any kind shows of them.

    `since` and `until` are in seconds from the beginning of the connection; `port` and `sender` pick a connection and a
    direction of a capture, as in `byte_strip`.
    """
    if port is not None:
        from netlib.view.conversation import conversation

        what = conversation(what, port)
    return Windows(track_of(what, sender), since, until, title)
