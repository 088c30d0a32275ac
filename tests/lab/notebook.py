"""A notebook that a test may kill: a Python process of its own, and a child that it has forked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]


class Notebook:
    """Runs `code`, which prints the number of its child, and more numbers if it likes, and then waits for `go_on`."""

    def __init__(self, code: str, *arguments: str):
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout and self.process.stderr
        line = self.process.stdout.readline()
        self.child, *self.numbers = map(int, (line or self.process.stderr.read()).split())

    def go_on(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("go on\n")
        self.process.stdin.flush()

    def close(self) -> None:
        for pid in (self.process.pid, self.child):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.communicate(timeout=20)


Kind = TypeVar("Kind", bound=Notebook)


@contextmanager
def starting(make: Callable[..., Kind]) -> Iterator[Callable[..., Kind]]:
    """A function that starts notebooks; at the end, all of them are closed."""
    started: list[Kind] = []

    def start(*arguments: str) -> Kind:
        started.append(make(*arguments))
        return started[-1]

    try:
        yield start
    finally:
        for notebook in started:
            notebook.close()
