"""Samples of a node: taken again and again in a thread while a `with` block runs, or once.

Each sample is a command in the node (`Node.run`), which says its own time first. So a recording that holds the commands
holds their times too: what is replayed has the time axis of then.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from netlib.lab.errors import LabError, NotLive
from netlib.lab.samples.kinds import UNITS, Kind, kind_of
from netlib.lab.samples.rows import Row, Unreadable, Value
from netlib.view.html import View
from netlib.view.tables import Table

if TYPE_CHECKING:
    from netlib.lab.node import Node
    from netlib.lab.samples.chart import Chart

TIMED = 'date +%s.%N; exec "$@"'  # a line of shell: the time, then the command
TIMEOUT = 10.0  # seconds for one sample
MOST = 20_000  # samples
SHOWN = 40  # rows of a table


class Samples(View):
    """What was seen: `rows` are dicts with "time" in seconds since `start`, which is in seconds since 1970."""

    def __init__(self, node: Node, kind: Kind, words: tuple[str, ...]):
        self.node, self.kind, self.words = node, kind, words
        self.command = [*kind.command, *words]
        self.mark = node.lab.mark
        self.rows: list[Row] = []
        self.start: float | None = None
        self.times: list[float] = []  # of each sample, also of one without a row
        self._last = 0.0

    def _take(self, which: str) -> None:
        """Take one sample. LabError where the command fails."""
        done = self.node.run(["sh", "-c", TIMED, which, *self.command], TIMEOUT)
        stamp, _, text = done.stdout.partition("\n")
        try:
            at = float(stamp)
        except ValueError:
            raise Unreadable("date", done.stdout or done.stderr) from None
        if not done:
            row = self.kind.failure(self.words, done.stderr)
            if row is None:
                reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
                raise LabError(f"{self.node.name}: {shlex.join(self.command)} failed: {reason}")
            rows = [row]
        else:
            rows = self.kind.parse(text)
            for each in rows:
                self.kind.check(self.words, each)
        if self.start is None:
            self.start = at
        self._last = at
        time = round(at - self.start, 6)
        self.times.append(time)
        self.rows += [{"time": time, **row} for row in rows]

    def key(self, row: Row) -> str:
        """Whose row it is: a socket's addresses, a neighbour's."""
        return " ".join(str(row[name]) for name in self.kind.key if name in row)

    @property
    def keys(self) -> list[str]:
        return list(dict.fromkeys(map(self.key, self.rows)))

    @property
    def unread(self) -> list[str]:
        """Words that the parser does not know."""
        return list(dict.fromkeys(str(row["unread"]) for row in self.rows if "unread" in row))

    def series(self, field: str) -> dict[str, list[tuple[float, Value | None]]]:
        """(time, value) of a field for each key, None where a sample has it not. LabError for one that none has."""
        known = dict.fromkeys(name for row in self.rows for name in row if name not in ("time", *self.kind.key))
        if field not in known:
            raise LabError(f"no sample has {field!r}; known here: {', '.join(known) or 'nothing, as there is no row'}")
        found: dict[str, list[tuple[float, Value | None]]] = {}
        for row in self.rows:
            found.setdefault(self.key(row), []).append((float(row["time"]), row.get(field)))
        return found

    def table(self, *columns: str) -> Table:
        """The rows as a table, without those that say the same as the one before, for each key; what is no more is
        "gone". `columns`: which."""
        wanted = list(columns) or self.columns()
        for column in columns:
            self.series(column)
        units = [f"{column} ({UNITS[column]})" if column in UNITS else column for column in wanted]
        heads = ["time", *self.kind.key, *units]
        if not self.kind.key and len(self.rows) == 1 and not columns:  # many counters, once
            pairs = [[column, _shown(self.rows[0].get(column))] for column in wanted]
            return Table(pairs, ["counter", "value"], self._caption([]))
        rows: list[list[str]] = []
        before: dict[tuple[str, ...], list[str]] = {}
        hidden = same = 0
        samples = groupby(self.rows, key=lambda row: row["time"])
        by_time = {float(time): list(group) for time, group in samples}
        for time in self.times:
            now: dict[tuple[str, ...], list[str]] = {}
            for row in by_time.get(time, []):
                cells = [_shown(row.get(column)) for column in wanted]
                names = tuple(str(row.get(name, "")) for name in self.kind.key)
                if self.kind.hidden(row):
                    hidden += 1
                    continue
                now[names] = cells
                if before.get(names) == cells:
                    same += 1
                else:
                    rows.append([f"{time:.3f} s", *names, *cells])
            for key in before:
                if key not in now:
                    rows.append([f"{time:.3f} s", *key, "gone", *[""] * (len(wanted) - 1)][: len(heads)])
            before = now
        notes = []
        if same:
            notes.append(f"{same} row{'s' * (same != 1)} without a change left out")
        if hidden:
            notes.append(f"{hidden} fixed entr{'ies' if hidden != 1 else 'y'} left out")
        if len(rows) > SHOWN:
            notes.append(f"the first {SHOWN} of {len(rows)} rows")
        return Table(rows[:SHOWN], heads, self._caption(notes))

    def _caption(self, notes: list[str]) -> str:
        said = [f"{len(self.times)} sample{'s' * (len(self.times) != 1)}", *notes]
        if self.unread:
            said.append(f"not read: {'; '.join(self.unread)[:100]}")
        if self.mark:
            said.append(self.mark)
        return f"{self.node.name}: {shlex.join(self.command)} ({', '.join(said)})"

    def columns(self) -> list[str]:
        """What a table shows: the kind's columns that are there, or, of counters, those that changed or are not 0."""
        there = dict.fromkeys(name for row in self.rows for name in row)
        if self.kind.columns:
            return [name for name in self.kind.columns if name in there]
        fields = [name for name in there if name not in ("time", *self.kind.key)]
        changed = [name for name in fields if len({row.get(name) for row in self.rows}) > 1]
        return changed or [name for name in fields if self.rows[0].get(name)] or fields

    def plot(self, *fields: str, keys: Iterable[str] | None = None) -> Chart:
        """A chart of fields over time, by matplotlib; a line for each key, or for those that `keys` are parts of.

        Without fields: those of the table that are numbers.
        LabError for a field that no sample has, or that is no number.
        """
        from netlib.lab.samples.chart import chart

        return chart(self, fields, keys)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


class Sampling(Samples):
    """Samples every so often, from the `with` block's begin to its end; the first and the last are at these two.

    A mistake in the command is told at the begin. What goes wrong later ends the sampling, and is told at the end.
    """

    def __init__(self, node: Node, kind: Kind, words: tuple[str, ...], every: float):
        if not every > 0:
            raise LabError(f"every={every!r}: give the seconds between two samples, more than 0")
        super().__init__(node, kind, words)
        self.every = every
        self.error: LabError | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start_sampling(self) -> Sampling:
        """Take the first sample, and go on in a thread until `stop`."""
        self._take("first")
        if self.node.lab.live:
            name = f"samples of {self.node.name}"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()
        return self

    def _run(self) -> None:
        while not self._stop.wait(self.every) and len(self.times) < MOST:
            try:
                self._take("next")
            except (LabError, OSError) as error:
                self.error = error if isinstance(error, LabError) else LabError(f"{self.node.name}: {error}")
                return

    def stop(self) -> Sampling:
        """Take the last sample, and end. LabError where one of them failed. A second stop does nothing."""
        if self._stop.is_set():
            return self
        self._stop.set()
        if self._thread is not None:
            self._thread.join(TIMEOUT + 5)
        if self.error:
            raise self.error
        if self.node.lab.live:
            self._take("last")
        elif self.node.lab.running:
            self._replay()
        return self

    def _replay(self) -> None:
        """Take what was recorded between the first and the last sample; a recording starts again after its end."""
        last = Samples(self.node, self.kind, self.words)
        last._take("last")
        end = last._last
        while len(self.times) < MOST:
            rows, times, before = len(self.rows), len(self.times), self._last
            try:
                self._take("next")
            except NotLive:  # the block was so short that there is none in between
                break
            if not before < self._last < end:
                del self.rows[rows:], self.times[times:]
                break
        assert self.start is not None
        time = round(end - self.start, 6)
        self.times.append(time)
        self.rows += [{**row, "time": time} for row in last.rows]

    def __enter__(self) -> Sampling:
        return self.start_sampling()

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        try:
            self.stop()
        except LabError:
            if error is None:  # else the block's own error is the one to be told
                raise


def look(node: Node, name: str, words: tuple[str, ...]) -> Samples:
    """One sample, now."""
    kind, words = kind_of(name, _split(words)), _split(words)
    samples = Samples(node, kind, words)
    samples._take("once")
    return samples


def sample(node: Node, name: str, words: tuple[str, ...], every: float) -> Sampling:
    """Samples that a `with` block takes every so many seconds."""
    return Sampling(node, kind_of(name, _split(words)), _split(words), every)


def _split(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part for word in words for part in shlex.split(word))


def _shown(value: Value | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
