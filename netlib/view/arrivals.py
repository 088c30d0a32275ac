"""A sequence diagram of two columns, true to scale, whose words stand outside, where each arrow arrives.

Segments that leave together arrive apart, since links take time for each: so there is room for most words there.  Where
there is none, the list has them, and the picture says for how many.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from netlib.view.arrows import Arrow, Axis, draw_arrow, draw_axis, ends_of
from netlib.view.html import BAD, INK, LINE, PAPER, SVG, shorten, text_width

if TYPE_CHECKING:
    from netlib.view.sequence import Message, Note

BETWEEN = 370  # pixels from one column to the other
WORDS = 330  # at most, for what stands outside
TIMES = 100  # for the axis
APART, LOST_APART = 14, 26
TOP = 72
SHORTEST, LONGEST = 420, 1500  # of the axis


def draw(participants: Sequence[str], messages: Sequence["Message"], notes: Sequence["Note"],
         ms: Callable[[float], float], more: str) -> tuple[str, int]:  # fmt: skip
    """The SVG document of a diagram, and its width in pixels."""
    arrows = [
        Arrow(m, (participants.index(m.source), participants.index(m.destination)), ms(m.sent),
              None if m.received is None else ms(m.received)) for m in messages
    ]  # fmt: skip
    told: dict[tuple[int, float], list[str]] = {}
    for note in notes:
        told.setdefault((participants.index(note.participant), ms(note.time)), []).append(note.label)
    times = sorted({t for a in arrows for t in a.times} | {time for _, time in told})
    axis = Axis([(time, 0) for time in times], scale_of(arrows, times))
    room = [min(WORDS, max([60.0, *(text_width(a.message.label, 11) + 14 for a in arrows if towards(a) == side)]))
            for side in (0, 1)]  # fmt: skip
    xs = [TIMES + room[0], TIMES + room[0] + BETWEEN]
    labelled = with_room(arrows, axis)
    below = [f"… {more}, not drawn"] if more else []
    if len(labelled) < len(arrows):
        left = len(arrows) - len(labelled)
        below.append(f"{left} arrow{'s' * (left > 1)} without words, which the list has: a shorter time has room")
    svg = SVG(max(xs[1] + room[1] + 8, 520), axis.bottom + 22 * len(below))
    for x, name in zip(xs, participants, strict=True):
        svg.line(x, TOP - 22, x, axis.bottom, colour=LINE, width=1.5)
        words = shorten(name, 240, 13)
        half = text_width(words, 13) / 2 + 8
        svg.box(x - half, TOP - 46, 2 * half, 24, radius=4)
        svg.text(x, TOP - 29, words, size=13, anchor="middle", bold=True)
    draw_axis(svg, axis, [xs[0]], TIMES)
    for arrow in arrows:
        draw_arrow(svg, arrow, axis, xs)
    for arrow in labelled:
        draw_words(svg, arrow, axis, xs)
    before = [-99.0, -99.0]
    for (side, time), words_here in told.items():
        y = max(axis.at[time, 0], before[side] + 20)
        draw_note(svg, "; ".join(dict.fromkeys(words_here)), xs[side], axis.at[time, 0], y, 1 - 2 * side)
        before[side] = y
    for n, line in enumerate(below):
        svg.text(TIMES, axis.bottom + 14 + 22 * n, line, size=12, bold=True)
    return str(svg), svg.width


def scale_of(arrows: list[Arrow], times: list[float]) -> float:
    """Pixels per ms: enough for most words, on not more than a page or two."""
    length = (times[-1] - times[0] if times else 0.0) or 1.0
    ends = sorted(a.times[1] for a in arrows)
    gaps = sorted(b - a for a, b in pairwise(ends))
    wanted = APART / gaps[len(gaps) // 3] if gaps and gaps[len(gaps) // 3] else 0.0
    return min(max(wanted * length, SHORTEST, 24 * len(arrows)), LONGEST) / length


def towards(arrow: Arrow) -> int:
    """At which column its words stand: where it arrives."""
    return arrow.columns[1]


def with_room(arrows: list[Arrow], axis: Axis) -> list[Arrow]:
    """The arrows whose words cover no others': those of what was lost or is heavy first."""
    kept: list[Arrow] = []
    taken: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for arrow in sorted(arrows, key=lambda a: (not a.lost, not a.message.heavy)):  # else in their order
        where, apart = (2, LOST_APART) if arrow.lost else (towards(arrow), APART)
        y = axis.at[arrow.end]
        if all(abs(y - other) >= apart for other in taken[where]):
            kept.append(arrow)
            taken[where].append(y)
    return [arrow for arrow in arrows if any(arrow is other for other in kept)]


def draw_words(svg: SVG, arrow: Arrow, axis: Axis, xs: list[float]) -> None:
    _, _, x2, y2 = ends_of(arrow, axis, xs)
    message, right = arrow.message, towards(arrow) == 1
    if arrow.lost:
        x, anchor = x2 + (10 if right else -10), "start" if right else "end"
        svg.text(x, y2 - 2, "lost", size=11, bold=True, colour=BAD, anchor=anchor, halo=True)
        svg.text(x, y2 + 11, shorten(message.label, 0.64 * BETWEEN, 11), size=11, anchor=anchor, halo=True)
        return
    svg.text(xs[1] + 8 if right else xs[0] - 8, y2 + 4, shorten(message.label, WORDS, 11), size=11,
             anchor="start" if right else "end", bold=message.heavy, halo=True)  # fmt: skip


def draw_note(svg: SVG, label: str, x: float, at: float, y: float, inwards: int) -> None:
    """What an end has done, in a box on the inner side of its column."""
    words = shorten(label, BETWEEN / 2 - 26, 11)
    wide = text_width(words, 11) + 12
    left = x + 10 if inwards > 0 else x - 10 - wide
    if y != at:
        svg.line(x, at, x + 10 * inwards, y, colour=LINE)
    svg.add(f'<circle cx="{x:.1f}" cy="{at:.1f}" r="4" fill="{INK}"/>')
    svg.box(left, y - 9, wide, 18, fill=PAPER, colour=LINE, dash="3 2", radius=3)
    svg.text(left + 6, y + 4, words, size=11)
