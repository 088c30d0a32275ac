"""The path of a connection through the state figure of RFC 9293, drawn from the table that the code itself goes by.

    state_path(socket)                     or a recording, a bare connection, its events, or a capture
    state_path([(0.0, "SYN-SENT", "active OPEN"), (0.02, "ESTABLISHED", "receive SYN,ACK")])
    state_path()                           the figure alone

The arrows and what stands at them are `ARROWS` in netlib/transport/tcp/states.py, and the boxes stand where the RFC's
figure 5 has them.  An arrow that was taken is thick and has the number of its step; one that the figure leaves out, to
CLOSED by a RST, an ABORT or a time-out, is drawn dashed where it was taken.  The table has the steps with their causes.
"""

from collections.abc import Iterable
from itertools import pairwise
from math import hypot
from typing import Any

from netlib.transport.tcp.states import ABORTED, ARROWS, State
from netlib.transport.tcp.variables import Event
from netlib.view.html import (
    INK,
    LINE,
    MARK,
    PAPER,
    SVG,
    View,
    escape,
    framed,
    html_table,
    text_table,
    text_width,
    visible,
)
from netlib.view.recording import states_in

S = State
# column and row of each state, as in the RFC's figure; CLOSED is there twice, as the beginning and as the end
PLACES: dict[State, tuple[float, float]] = {
    S.CLOSED: (1, 0), S.LISTEN: (1, 1), S.SYN_RECEIVED: (0, 2.3), S.SYN_SENT: (2, 2.3), S.ESTABLISHED: (1, 3.2),
    S.FIN_WAIT_1: (0, 4.1), S.CLOSE_WAIT: (2, 4.1), S.FIN_WAIT_2: (0, 5.1), S.CLOSING: (1, 5.1),
    S.LAST_ACK: (2, 5.1), S.TIME_WAIT: (1, 6.1),
}  # fmt: skip
END = (2.0, 6.1)  # of CLOSED, as the end
COLUMN, ROW = 320, 104  # pixels from one to the next
WIDE, HIGH = 132, 34  # a box
LEFT, TOP = 100, 34
PAIR = 8  # that two arrows between the same boxes lie beside the middle
PICTURE = LEFT + 2 * COLUMN + 176
STEPS = 100  # that are shown
Step = tuple[State, State]


class StatePath(View):
    """What `state_path` returns."""

    def __init__(self, entered: Iterable[tuple[float, str, str]], title: str) -> None:
        self.entered = [(time, State(state), because) for time, state, because in entered]
        self.title = title or "The states of a connection"
        self.start = self.entered[0][0] if self.entered else 0.0
        states = [state for _, state, _ in self.entered]
        first = [S.CLOSED] if states and (S.CLOSED, states[0]) in ARROWS else []
        self.steps: list[Step] = list(pairwise([*first, *states]))
        self.causes = self.entered[len(self.entered) - len(self.steps) :][:STEPS]
        self.left_out = max(0, len(self.steps) - STEPS)
        self.steps = self.steps[:STEPS]

    def rows(self) -> list[tuple[str, ...]]:
        """Step, time, from, to, why, and the figure's words for that arrow."""
        found: list[tuple[str, ...]] = []
        for number, ((a, b), (time, _, because)) in enumerate(zip(self.steps, self.causes, strict=True), 1):
            figure = ARROWS.get((a, b)) or ABORTED.get((a, b)) or "no arrow of the figure"
            found.append((str(number), f"{1000 * (time - self.start):.3f} ms", str(a), str(b), because, figure))
        return found

    def __str__(self) -> str:
        if not self.steps:
            arrows = [(str(a), str(b), words) for (a, b), words in ARROWS.items()]
            return f"{visible(self.title)}\n{text_table(arrows, ('from', 'to', 'when'))}"
        body = text_table(self.rows(), ("step", "time", "from", "to", "because", "figure"))
        return "\n".join([visible(self.title), body, *([self.more] if self.more else [])])

    @property
    def more(self) -> str:
        return f"… and {self.left_out} more steps, not shown" if self.left_out else ""

    def svg(self) -> str:
        """The picture as an SVG document."""
        svg = SVG(PICTURE, TOP + END[1] * ROW + HIGH + 20)
        taken: dict[Step, list[int]] = {}
        for number, step in enumerate(self.steps, 1):
            taken.setdefault(step, []).append(number)
        arrows = list(ARROWS) + [step for step in taken if step not in ARROWS]
        for step in sorted(arrows, key=lambda step: step in taken):  # what was taken lies above the others
            self.draw_arrow(svg, step, step in taken)
        if any(step not in ARROWS for step in taken):
            svg.text(8, svg.height - 8, "dashed: a RST, an ABORT or a time-out, which the figure leaves out", size=11)
        for state in State:
            for at in [PLACES[state]] + [END] * (state is S.CLOSED):
                self.draw_box(svg, state, at)
        for step in arrows:
            self.draw_words(svg, step, taken.get(step, []))
        return str(svg)

    def draw_box(self, svg: SVG, state: State, at: tuple[float, float]) -> None:
        met = any(state in step and at in line_of(step, grid=True) for step in self.steps)
        x, y = pixel(at)
        svg.box(x - WIDE / 2, y - HIGH / 2, WIDE, HIGH, fill=MARK if met else PAPER, radius=4)
        if met:
            svg.box(x - WIDE / 2 + 2, y - HIGH / 2 + 2, WIDE - 4, HIGH - 4, fill="none", radius=3)
        svg.text(x, y + 4, state, size=13, anchor="middle", bold=met)

    def draw_arrow(self, svg: SVG, step: Step, taken: bool) -> None:
        width, colour, dash = (3, INK, "") if taken else (1.2, LINE, "")
        if step not in ARROWS:
            dash = "7 4"
        x1, y1, x2, y2 = trimmed(step)
        if (bend := bend_of(step)) is not None:
            x, y = bend
            more = f' stroke-dasharray="{dash}"' if dash else ""
            svg.add(f'<path d="M{x1:.1f} {y1:.1f}Q{x:.1f} {y:.1f} {x2:.1f} {y2:.1f}" fill="none" stroke="{colour}" '
                    f'stroke-width="{width}"{more} marker-end="url(#tip)"/>')  # fmt: skip
        else:
            svg.line(x1, y1, x2, y2, colour=colour, width=width, dash=dash, arrow=True)

    def draw_words(self, svg: SVG, step: Step, numbers: list[int]) -> None:
        x, y, anchor = words_at(step)
        lines = ARROWS.get(step, "").replace(" (after", "|(after").replace(", send", ",|send").split("|")
        if anchor == "start" and len(lines) == 1:  # beside a steep arrow, where others' words are near
            lines = lines[0].replace(" of ", "|of ").split("|")
        if anchor == "middle" and step in ARROWS:  # on the line
            wide = max(text_width(line, 11) for line in lines)
            svg.box(x - wide / 2, y - 7 * len(lines) - 1, wide, 14 * len(lines) + 2, colour=PAPER)
        for n, line in enumerate(lines):
            svg.text(x, y + 13 * n - 6.5 * (len(lines) - 1) + 4, line, size=11, anchor=anchor, bold=bool(numbers))
        if numbers:
            x, y = badge_at(step)
            shown = ",".join(str(number) for number in numbers[:3]) + ("…" if len(numbers) > 3 else "")
            wide = max(20, 8 * len(shown) + 10)
            svg.box(x - wide / 2, y - 10, wide, 20, fill=INK, radius=10)
            svg.text(x, y + 4, shown, size=12, anchor="middle", bold=True, colour=PAPER)

    def _repr_html_(self) -> str:
        path = ", then ".join(str(b) for _, b in self.steps[:12]) or "no step taken"
        alt = f"The state figure of TCP with the path of a connection: {path}. The table below has the causes."
        columns: tuple[str, ...] = ("Step", "Time", "From", "To", "Because of", "In the figure")
        rows = [[escape(cell) for cell in row] for row in self.rows()]
        if not rows:
            columns = ("From", "To", "When")
            rows = [[escape(str(a)), escape(str(b)), escape(words)] for (a, b), words in ARROWS.items()]
        table = html_table(f"The path {self.more}".strip() if self.steps else "The arrows", columns, rows)
        return framed(self.title, self.svg(), alt, PICTURE, table)


# ---- where things stand ----------------------------------------------------------------------------------------


def pixel(at: tuple[float, float]) -> tuple[float, float]:
    return LEFT + COLUMN * at[0], TOP + ROW * at[1]


def line_of(step: Step, grid: bool = False) -> list[tuple[float, float]]:
    """From where to where an arrow goes: to CLOSED above from the first three rows, else to that below."""
    a, b = (PLACES[state] for state in step)
    if step[1] is S.CLOSED and a[1] > 3:
        b = END
    return [a, b] if grid else [pixel(a), pixel(b)]


def trimmed(step: Step) -> tuple[float, float, float, float]:
    """The ends of an arrow at the edges of its boxes; a little to its right, where one comes back the other way."""
    (x1, y1), (x2, y2) = line_of(step)
    length = hypot(x2 - x1, y2 - y1) or 1.0
    bend = bend_of(step)
    side = PAIR if paired(step) and bend is None else 0
    shift = -side * (y2 - y1) / length, side * (x2 - x1) / length
    return *edge_of((x1, y1), bend or (x2, y2), shift), *edge_of((x2, y2), bend or (x1, y1), shift)


def paired(step: Step) -> bool:
    """Whether another arrow goes the other way between the same boxes."""
    back = step[1], step[0]
    return back in ARROWS and line_of(back) == line_of(step)[::-1]


def edge_of(box: tuple[float, float], to: tuple[float, float], shift: tuple[float, float]) -> tuple[float, float]:
    """Where the line from the middle of a box to another point, moved by `shift`, leaves the box."""
    dx, dy = to[0] - box[0], to[1] - box[1]
    parts = []
    for way, moved, half in ((dx, shift[0], WIDE / 2), (dy, shift[1], HIGH / 2)):
        if way:
            parts.append((half - moved if way > 0 else half + moved) / abs(way))
    part = min(parts, default=0.0)
    return box[0] + shift[0] + part * dx, box[1] + shift[1] + part * dy


def bend_of(step: Step) -> tuple[float, float] | None:
    """The point that a line bends towards, where a straight one would run through a box or the words of others."""
    (x1, y1), (x2, y2) = line_of(step)
    if paired(step) and abs(y2 - y1) > 2 * ROW:  # around the corner, one inside the other
        down = y2 > y1
        return max(x1, x2) + (-45 if down else 45), min(y1, y2) + (12 if down else -8)
    for state, at in PLACES.items():
        x, y = pixel(at)
        far = abs((x2 - x1) * (y1 - y) - (x1 - x) * (y2 - y1)) / (hypot(x2 - x1, y2 - y1) or 1.0)
        inside = min(x1, x2) - 1 <= x <= max(x1, x2) + 1 and min(y1, y2) < y < max(y1, y2)
        if state not in step and inside and far < 40:
            out = 1 if x1 >= x2 else -1
            return (x1 + x2) / 2 + out * (190 if x1 == x2 else 90), (y1 + y2) / 2 + (40 if x1 == x2 else 75)
    return None


def words_at(step: Step) -> tuple[float, float, str]:
    """The middle of the words of an arrow: beside a steep one, on a level one, on the outer side of one of two."""
    x1, y1, x2, y2 = trimmed(step)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    if bend := bend_of(step):
        x, y = (x + bend[0]) / 2, (y + bend[1]) / 2
        return (x - 8, y + 14, "end") if y2 > y1 else (x + 10, y - 6, "start")
    if abs(x2 - x1) < 20:
        right = not paired(step) or y2 < y1
        return x + (13 if right else -13), y, "start" if right else "end"
    if paired(step):
        length = hypot(x2 - x1, y2 - y1)
        x, y = x + 0.05 * (x2 - x1), y + 0.05 * (y2 - y1)
        return x - 17 * (y2 - y1) / length, y + 17 * (x2 - x1) / length, "start" if y2 < y1 else "end"
    return x, y, "middle"


def badge_at(step: Step) -> tuple[float, float]:
    """The number of a step stands near the head of its arrow; on a level one near its tail."""
    x1, y1, x2, y2 = trimmed(step)
    if bend := bend_of(step):
        return 0.09 * x1 + 0.42 * bend[0] + 0.49 * x2, 0.09 * y1 + 0.42 * bend[1] + 0.49 * y2
    part = 0.13 if y1 == y2 else 0.84 if hypot(x2 - x1, y2 - y1) > 120 else 0.4
    return x1 + part * (x2 - x1), y1 + part * (y2 - y1)


def state_path(what: Any = (), title: str = "", side: int = 0) -> StatePath:
    """The figure with the path that a connection took.

    `what`: a recording, a stream socket, a connection or its events; a capture of any kind, and then `side` is 0 for
    the end that opened the connection and 1 for the other; or (time in seconds, state, because) for each state entered.
    """
    if callable(getattr(what, "states", None)):
        found = what.states() if hasattr(what, "told") else what.states(side)
        return StatePath(found, title)
    if hasattr(what, "events"):
        return StatePath(states_in(what.events), title)
    if isinstance(what, list | tuple) and all(isinstance(change, tuple) and len(change) == 3 for change in what):
        if all(isinstance(change, Event) for change in what):
            return StatePath(states_in(what), title)
        return StatePath([(float(time), str(state), str(because)) for time, state, because in what], title)
    from netlib.view.conversation import conversation

    return StatePath(conversation(what).states(side), title)
