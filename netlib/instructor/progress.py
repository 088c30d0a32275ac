"""How far a long command is: a bar on a terminal; elsewhere a line now and then, on standard error."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from netlib.view.html import visible

EVERY = 15.0  # seconds between two lines


class Progress:
    """Counts `of` steps; a context manager.

    with Progress("05-ip-packet", 30) as progress:
        progress.step("alice")
    """

    def __init__(self, what: str, of: int) -> None:
        self.what, self.of, self.done, self.said = what, of, 0, time.monotonic()
        self.bar = None
        if sys.stderr.isatty():
            from tqdm import tqdm  # type: ignore[import-untyped]

            self.bar = tqdm(total=of, desc=what, unit="submission", file=sys.stderr, dynamic_ncols=True, smoothing=0.1)

    def step(self, name: str = "") -> None:
        """One more is done; `name` is shown beside the bar."""
        self.done += 1
        if self.bar is not None:
            self.bar.set_postfix_str(visible(name)[:30], refresh=False)
            self.bar.update()
        elif time.monotonic() - self.said >= EVERY:
            self.said = time.monotonic()
            self.say()

    def say(self) -> None:
        print(f"{self.what}: {self.done} of {self.of}", file=sys.stderr, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        elif self.of:
            self.say()
