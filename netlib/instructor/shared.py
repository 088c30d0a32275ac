"""nbgrader's gradebook, opened once for many steps and written in one go.

nbgrader opens the database anew for every step it takes and commits after every cell, some thirty times for one
submission.  Inside `opened` its steps share a session, and what they write is kept when `keep` is called: all of it, or
nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from nbgrader import api
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

STEPS = (
    "nbgrader.converters.autograde",
    "nbgrader.preprocessors.saveautogrades",
    "nbgrader.preprocessors.latesubmissions",
    "nbgrader.preprocessors.getgrades",
)
"""nbgrader's modules that open the gradebook by its name."""


class Patient(Session):
    """A session whose commits wait; what was written can be read at once."""

    def commit(self) -> None:
        self.flush()
        self.expire_all()  # sums that the database makes are read anew

    def commit_now(self) -> None:
        super().commit()


class Shared(api.Gradebook):  # type: ignore[misc]
    """A gradebook on a given engine, whose tables are there."""

    def __init__(self, engine: Engine, course: str) -> None:
        self.engine, self.course_id, self.authenticator = engine, course, None
        self.db = scoped_session(sessionmaker(engine, class_=Patient))

    def close(self) -> None:
        """Closed by nbgrader after each step: it stays open."""

    @property
    def connection(self) -> Connection:
        return self.db.connection()

    def keep(self) -> None:
        """Commit what was written."""
        self.db().commit_now()

    def drop(self) -> None:
        """Forget what was written since the last `keep`."""
        self.db.rollback()


@contextmanager
def opened(engine: Engine, course: str) -> Iterator[Shared]:
    """Have nbgrader's steps use this gradebook, until the end of the block."""
    shared = Shared(engine, course)

    def gradebook(*_: Any, **__: Any) -> Shared:
        return shared

    try:
        with ExitStack() as stack:
            for module in STEPS:
                stack.enter_context(patch(f"{module}.Gradebook", gradebook))
            yield shared
    finally:
        shared.db.remove()


class Told(logging.Handler):
    """Keeps the errors that nbgrader logs on `log`, and shows them nowhere."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []
        self.log = logging.Logger("nbgrader", logging.ERROR)
        self.log.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += record.getMessage().splitlines()

    def has(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def raised(self) -> str:
        """The last line of the first traceback."""
        return next((line.strip() for line in self.lines if re.match(r"[\w.]+(Error|Exception)\b", line)), "")


def in_a_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
