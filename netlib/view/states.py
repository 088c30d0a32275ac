"""What a machine's state was, and when: lanes for the states, a line that goes from one to the next.

    state_line([(0.0, "INCOMPLETE", "a packet for it"), (0.002, "REACHABLE", "its answer")], until=40.0)

A short stay is drawn wider than it lasted, so that it can be seen; the times are written beside it.
"""

from collections.abc import Iterable, Sequence

from netlib.view.html import (
    CARD,
    FAINT,
    INK,
    LINE,
    SVG,
    View,
    details,
    escape,
    html_table,
    image,
    text_table,
    text_width,
    visible,
)

LANE, TOP, ROOM = 30, 34, 560  # pixels: the height of a lane, what is above the first, for the time that passes
LEAST = 58  # pixels for the shortest stay: its time has to fit


class StateLine(View):
    """What `state_line` returns."""

    def __init__(self, changes: Iterable[Sequence[object]], lanes: Sequence[str], until: float, title: str) -> None:
        self.changes: list[tuple[float, str, str]] = []
        for time, state, *because in changes:
            self.changes.append((float(str(time)), str(state), str(because[0]) if because else ""))
        if not self.changes:
            raise ValueError("a line of states needs at least one change")
        if any(b[0] < a[0] for a, b in zip(self.changes, self.changes[1:], strict=False)):
            raise ValueError("the changes have to be in the order of time")
        found = dict.fromkeys(state for _, state, _ in self.changes)
        self.lanes = [lane for lane in lanes if lane in found] + [state for state in found if state not in lanes]
        self.until = max(until, self.changes[-1][0])
        self.title = title

    def stays(self) -> list[tuple[float, float, str, str]]:
        """From when to when in which state, and why."""
        ends = [time for time, _, _ in self.changes[1:]] + [self.until]
        return [(time, end, state, why) for (time, state, why), end in zip(self.changes, ends, strict=True)]

    def rows(self) -> list[tuple[str, str, str, str]]:
        return [(seconds(start), seconds(end - start), state, why) for start, end, state, why in self.stays()]

    def __str__(self) -> str:
        body = text_table(self.rows(), ("from", "for", "state", "because of"))
        return f"{visible(self.title)}\n{body}" if self.title else body

    @property
    def left(self) -> float:
        return 24 + max(text_width(lane, 12) for lane in self.lanes)

    @property
    def width(self) -> int:
        return round(self.left + ROOM + LEAST * len(self.changes) + 20)

    def svg(self) -> str:
        """The picture as an SVG document."""
        svg = SVG(self.width, TOP + LANE * len(self.lanes) + 16)
        total = (self.until - self.changes[0][0]) or 1.0
        for number, lane in enumerate(self.lanes):
            y = TOP + LANE * number + LANE / 2
            svg.line(self.left, y, self.width - 10, y, colour=FAINT)
            svg.text(8, y + 4, lane, size=12)
        x, before = self.left, None
        for start, end, state, _ in self.stays():
            y = TOP + LANE * self.lanes.index(state) + LANE / 2
            if before is not None:
                svg.line(x, before, x, y, colour=INK, width=1.5)
            svg.line(x, TOP - 8, x, TOP + LANE * len(self.lanes), colour=LINE, dash="1 3")
            svg.text(x + 3, TOP - 14, seconds(start), size=11)
            wide = LEAST + ROOM * (end - start) / total
            svg.line(x, y, x + wide, y, width=5)
            x, before = x + wide, y
        below = f"until {seconds(self.until)}; short stays are drawn wider than they are"
        svg.text(self.width - 10, TOP + LANE * len(self.lanes) + 8, below, size=11, anchor="end")
        return str(svg)

    def _repr_html_(self) -> str:
        states = ", then ".join(state for _, state, _ in self.changes)
        alt = f"States in time{': ' + self.title if self.title else ''}: {states}. The table below has the times."
        rows = [[escape(cell) for cell in row] for row in self.rows()]
        table = html_table(self.title or "States in time", ("From", "For", "State", "Because of"), rows)
        return (
            f'<div style="{CARD}"><div style="font-weight:bold;color:{INK}">{escape(self.title)}</div>'
            f"{image(self.svg(), alt, self.width)}{details('The same as a table', table)}</div>"
        )


def seconds(time: float) -> str:
    """A time, with as many digits as it needs."""
    return f"{1000 * time:.4g} ms" if 0 < time < 0.1 else f"{time:.4g} s"


def state_line(changes: Iterable[Sequence[object]], *, lanes: Sequence[str] = (), until: float = 0.0,
               title: str = "") -> StateLine:  # fmt: skip
    """Draw `changes`: (time in seconds, state) or (time, state, why), up to the time `until`.

    `lanes` names states from top to bottom, as far as they are to have an order.
    """
    return StateLine(changes, lanes, until, title)
