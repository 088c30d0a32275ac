"""Where the lines of a sequence diagram go.

Time runs downwards.  If all labels can be read on an axis that is true to scale and no longer than a page or
so, it is that.  If not, moments are spread: in order, at least a line of text apart, and idle times are cut
short.  The pieces of the axis that are not to scale are dashed then, and the head of the axis says so.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import atan, degrees
from statistics import median
from typing import TYPE_CHECKING

from netlib.view.html import BAD, FAINT, INK, LINE, PAPER, SVG, shorten, text_width

if TYPE_CHECKING:
    from netlib.view.sequence import Message, Note

SIZE = 12  # of the type, in pixels
APART = 26  # between two labels
LINE_APART = 28  # between two moments on a stretched axis
BELOW = 13  # from an arrow's line to the second line of its label, below it
LONGEST = 960  # of an axis that is true to scale
LONGEST_TRUE = 1500  # of one that was asked for
LONGEST_STEP = 70  # between two moments on a stretched axis, however long the time
TOP, LEFT = 72, 110
Moment = tuple[float, int]  # ms, and a number that keeps apart what happens in the same ms


class Axis:
    """Moments to heights."""

    def __init__(self, moments: Sequence[Moment], scale: float | None, apart: float = LINE_APART) -> None:
        """`scale` in pixels per ms, or None for an axis that is stretched until moments are `apart`."""
        self.moments = sorted(set(moments))
        self.true = scale is not None
        self.at: dict[Moment, float] = {}
        self.stretched: list[tuple[float, float]] = []  # pieces that are not to scale
        gaps = [b[0] - a[0] for a, b in zip(self.moments, self.moments[1:], strict=False)]
        usual = 1.4 * apart / median([gap for gap in gaps if gap > 0] or [1.0])
        y = TOP + 14.0
        for i, moment in enumerate(self.moments):
            if i:
                true = gaps[i - 1] * (usual if scale is None else scale)
                step = true if scale is not None else min(max(true, apart), LONGEST_STEP)
                if abs(step - true) > 0.5:
                    self.stretched.append((y, y + step))
                y += step
            self.at[moment] = y
        self.bottom = y + 26


def overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two spans of columns share more than a point."""
    return max(min(a), min(b)) < min(max(a), max(b))


class Arrow:
    """A message with its columns and moments."""

    def __init__(self, message: "Message", columns: tuple[int, int], sent: float, received: float | None) -> None:
        self.message, self.columns, self.lost = message, columns, received is None
        self.times = sent, sent if received is None else received
        self.levels = [0, 0]

    @property
    def start(self) -> Moment:
        return self.times[0], self.levels[0]

    @property
    def end(self) -> Moment:
        return self.times[1], self.levels[1]

    @property
    def middle(self) -> float:
        return sum(self.times) / 2


def scale_for(arrows: list[Arrow], notes: list[tuple[int, float]], apart: float = APART) -> float | None:
    """Pixels per ms at which all labels can be read, or None if that makes too long an axis."""
    labels = [(a.columns, a.middle) for a in arrows] + [((c, c + 1), time) for c, time in notes]
    times = [t for a in arrows for t in a.times] + [t for _, t in notes]
    length = max(times) - min(times)
    close = [
        abs(labels[i][1] - labels[j][1])
        for i in range(len(labels)) for j in range(i) if overlap(labels[i][0], labels[j][0])
    ]  # fmt: skip
    if not length or (close and not min(close)):
        return None
    wanted = max(min(360, 40 * len(labels)) / length, apart / min(close, default=length))
    return wanted if wanted * length <= LONGEST else None


def draw(participants: Sequence[str], messages: Sequence["Message"], notes: Sequence["Note"],
         ms: Callable[[float], float], scale: str, more: str) -> tuple[str, int]:  # fmt: skip
    """The SVG document of a diagram, and its width in pixels."""
    column = {name: i for i, name in enumerate(participants)}
    arrows = [
        Arrow(m, (column[m.source], column[m.destination]), ms(m.sent), None if m.received is None else ms(m.received))
        for m in messages
    ]
    marks = [(column[n.participant], ms(n.time)) for n in notes]
    gap = spacing(participants, arrows)
    more_lines = BELOW if any(len(lines(a, gap)) > 1 for a in arrows) else 0
    pixels = scale_for(arrows, marks, APART + more_lines) if (arrows or marks) and scale != "order" else None
    if scale == "true" and pixels is None:
        times = [t for a in arrows for t in a.times] + [t for _, t in marks]
        room = min(LONGEST_TRUE, max(LONGEST, 40 * len(arrows)))
        pixels = room / ((max(times, default=0.0) - min(times, default=0.0)) or 1.0)
    levels = [0] * len(marks)
    if pixels is None:
        spread(arrows)
        for i, (where, time) in enumerate(marks):  # behind what arrives there at that moment, before what leaves
            arrives = any(not a.lost and a.columns[1] == where and a.times[1] == time for a in arrows)
            leaves = any(a.columns[0] == where and a.times[0] == time for a in arrows)
            before = [levels[j] for j in range(i) if marks[j] == (where, time)]
            step = 1 if arrives or not leaves else -1
            levels[i] = max(before) + 1 if before and step > 0 else min(before) - 1 if before else step
    moments = [m for a in arrows for m in (a.start, a.end)]
    note_moments = [(time, level) for (_, time), level in zip(marks, levels, strict=True)]
    axis = Axis(moments + note_moments, pixels, LINE_APART + more_lines)
    right = max([60.0, *(text_width(n.label, SIZE) + 40 for n in notes if column[n.participant] == len(column) - 1)])
    width = round(LEFT + gap * max(0, len(participants) - 1) + min(right, 360))
    if more:
        width = max(width, LEFT + 340)
    labelled = with_room(arrows, axis, APART + more_lines) if scale == "true" else arrows
    below = [f"… {more}, not drawn"] if more else []
    if len(labelled) < len(arrows):
        below.append(f"{len(arrows) - len(labelled)} arrows have their words in the list alone: no room here")
        width = max(width, LEFT + 420)
    svg = SVG(width, axis.bottom + 24 * len(below))
    xs = [LEFT + gap * i for i in range(len(participants))]
    for x, name in zip(xs, participants, strict=True):
        svg.line(x, TOP - 22, x, axis.bottom, colour=LINE, width=1.5)
        words = shorten(name, gap - 20, 13)
        half = text_width(words, 13) / 2 + 8
        svg.box(x - half, TOP - 46, 2 * half, 24, radius=4)
        svg.text(x, TOP - 29, words, size=13, anchor="middle", bold=True)
    draw_axis(svg, axis, xs)
    for arrow in arrows:
        draw_arrow(svg, arrow, axis, xs)
    for arrow in labelled:  # behind all lines, so that none crosses a label
        draw_label(svg, arrow, axis, xs, gap)
    for note, (where, _), moment in zip(notes, marks, note_moments, strict=True):
        draw_note(svg, note.label, xs[where], axis.at[moment], gap if where < len(xs) - 1 else 360)
    for n, line in enumerate(below):
        svg.text(LEFT, axis.bottom + 16 + 24 * n, line, size=SIZE, bold=True)
    return str(svg), svg.width


def with_room(arrows: list[Arrow], axis: Axis, apart: float) -> list[Arrow]:
    """The arrows whose labels do not cover each other: those of what was lost or is heavy first."""
    kept: list[tuple[Arrow, float]] = []
    for arrow in sorted(arrows, key=lambda a: (not a.lost, not a.message.heavy)):  # else in their order
        y = (axis.at[arrow.start] + axis.at[arrow.end]) / 2
        if all(abs(y - other) >= apart or not overlap(arrow.columns, before.columns) for before, other in kept):
            kept.append((arrow, y))
    return [arrow for arrow in arrows if any(arrow is other for other, _ in kept)]


def spread(arrows: list[Arrow]) -> None:
    """Give messages of the same moment and place levels, so that each has a line of its own."""
    for i, arrow in enumerate(arrows):
        for end in (0, 1):  # what is lost counts as ending where it starts, so it stands below what arrives then
            same = [
                a.levels[end] for a in arrows[:i]
                if a.times[end] == arrow.times[end] and overlap(a.columns, arrow.columns)
            ]  # fmt: skip
            arrow.levels[end] = max(same) + 1 if same else 0
        if arrow.times[0] == arrow.times[1]:
            arrow.levels = [max(arrow.levels)] * 2


def spacing(participants: Sequence[str], arrows: list[Arrow]) -> float:
    """Pixels between two columns: enough for most labels, and for a page."""
    needs = [(text_width(a.message.label, SIZE) + 40) / abs(a.columns[0] - a.columns[1]) for a in arrows]
    names = [text_width(name, 13) + 36 for name in participants]
    room = max(170.0, 860 / max(1, len(participants) - 1))
    return max(170.0, min(max(needs, default=0), room), max(names, default=0) if len(participants) < 8 else 0)


def lines(arrow: Arrow, gap: float) -> list[str]:
    """The label of an arrow in one line or two, where columns are `gap` pixels apart."""
    room = abs(arrow.columns[1] - arrow.columns[0]) * gap - 24
    if arrow.lost:
        return in_two(arrow.message.label, 0.7 * room, 11)
    return in_two(arrow.message.label, room, 11.5)


def in_two(label: str, room: float, size: float) -> list[str]:
    """A label that is too long for one line, broken behind a comma, or else between words; cut if two won't do."""
    for between in (", ", " "):
        parts = label.split(between)
        for n in range(len(parts) - 1, 0, -1):
            head, rest = between.join(parts[:n]) + between.rstrip(), between.join(parts[n:])
            if text_width(label, size) > room and max(text_width(head, size), text_width(rest, size)) <= room:
                return [shorten(head, room, size), shorten(rest, room, size)]
    return [shorten(label, room, size)]


def draw_axis(svg: SVG, axis: Axis, xs: list[float], left: float = LEFT) -> None:
    x = 22.0
    svg.text(4, 14, "time in ms, to scale" if axis.true or not axis.stretched else
             "time in ms; the axis is not to scale where it is dashed", size=11)  # fmt: skip
    if not axis.moments:
        return
    top, bottom = axis.at[axis.moments[0]], axis.at[axis.moments[-1]]
    pieces = dict(axis.stretched)
    if axis.true:
        svg.line(x, top, x, bottom)
    else:
        heights = [axis.at[m] for m in axis.moments]
        for a, b in pairwise(heights):
            svg.line(x, a, x, b, dash="2 4" if a in pieces else "")
    before = -99.0
    for moment in axis.moments:
        y = axis.at[moment]
        if moment[1] and (moment[0], 0) in axis.at:
            continue  # the same time as the line above
        svg.line(x - 3, y, x + 3, y)
        if y - before >= 13:
            svg.line(left - 12, y, xs[-1] if xs else left, y, colour=FAINT, dash="1 3")
            svg.text(left - 16, y + 4, f"{moment[0]:.3f}", size=10, anchor="end", mono=True)
            before = y


def ends_of(arrow: Arrow, axis: Axis, xs: list[float]) -> tuple[float, float, float, float]:
    """x and y of an arrow's start, and of its end or of where it got lost: a third of the way."""
    (a, b), y = arrow.columns, axis.at[arrow.start]
    if arrow.lost:
        return xs[a], y, xs[a] + 0.3 * (xs[b] - xs[a]), y + 8
    return xs[a], y, xs[b], axis.at[arrow.end]


def draw_arrow(svg: SVG, arrow: Arrow, axis: Axis, xs: list[float]) -> None:
    x1, y1, x2, y2 = ends_of(arrow, axis, xs)
    width = 3 if arrow.message.heavy else 1.5
    svg.line(x1, y1, x2, y2, width=width, arrow=not arrow.lost, dash="6 3" if arrow.lost else "")
    if arrow.lost:
        for sign in (1, -1):
            svg.line(x2 - 5, y2 - 5 * sign, x2 + 5, y2 + 5 * sign, colour=BAD, width=2.5)


def draw_label(svg: SVG, arrow: Arrow, axis: Axis, xs: list[float], gap: float) -> None:
    x1, y1, x2, y2 = ends_of(arrow, axis, xs)
    words = lines(arrow, gap)
    if arrow.lost:  # the words stand where the rest of the arrow would be
        towards = 1 if x2 > x1 else -1
        x, anchor = x2 + 10 * towards, "start" if towards > 0 else "end"
        svg.text(x, y2 - 2, "lost", size=SIZE, bold=True, colour=BAD, anchor=anchor, halo=True)
        for n, line in enumerate(words):
            svg.text(x, y2 + 11 + BELOW * n, line, size=11, anchor=anchor, halo=True)
        return
    # a little behind the middle: where an arrow starts, the one that caused it arrives
    room = abs(x2 - x1) - 24
    part = 0.5 if y1 == y2 else 0.5 + max(0.0, min(0.06, (1 - text_width(words[0], 11.5) / room) / 2))
    x, y, slope = x1 + part * (x2 - x1), y1 + part * (y2 - y1), degrees(atan((y2 - y1) / (x2 - x1)))
    for line, off in zip(words, (-5, BELOW), strict=False):
        svg.text(x, y + off, line, size=SIZE, anchor="middle", angle=slope, halo=True, bold=arrow.message.heavy)


def draw_note(svg: SVG, label: str, x: float, y: float, room: float) -> None:
    words = shorten(label, room - 34, 11)
    svg.add(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{INK}"/>')
    svg.box(x + 8, y - 9, text_width(words, 11) + 12, 18, fill=PAPER, colour=LINE, dash="3 2", radius=3)
    svg.text(x + 14, y + 4, words, size=11)
