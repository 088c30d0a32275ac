"""nbgrader's gradebook, as `netlib grade` uses it: prepare an assignment, record a class, read the points.

    book = Gradebook(root, "05-ip-packet")            # or with db="postgresql:///course"
    book.prepare()
    not_recorded = book.record(records)
    for score in book.scores(): ...

All is nbgrader's own book-keeping, so its commands and formgrader show, change, export and return the same grades:
points and comments given by hand stay, late days count as nbgrader has them.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import OperationalError
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from netlib.instructor.execute import Recorder
from netlib.instructor.feedback import Pages
from netlib.instructor.ledger import Ledger, LedgerError, Score, open_ledger, unusable
from netlib.instructor.record import Record
from netlib.instructor.shared import Told


class GradebookError(Exception):
    """The gradebook can't do what it is asked for. One line: what, where, and the fix."""


class Gradebook:
    """One assignment in the gradebook of the course whose top folder is `root`.

    `db` is the gradebook's address as SQLAlchemy writes it; nbgrader_config.py's if left out, or `gradebook.db`.
    Methods raise GradebookError, or LedgerError when the database can't be used.
    """

    def __init__(self, root: Path, assignment: str, db: str | None = None) -> None:
        self.root, self.assignment = root.absolute(), assignment
        self.config = settings(self.root, assignment, db)
        self.coursedir = CourseDirectory(config=self.config)

    @property
    def url(self) -> str:
        return str(self.coursedir.db_url)

    @cached_property
    def ledger(self) -> Ledger:
        return open_ledger(self.url, self.coursedir.course_id)

    def close(self) -> None:
        """Close the connections to the database; they open again when they are needed."""
        self.ledger.engine.dispose()

    def prepare(self) -> None:
        """Have nbgrader note the assignment's cells and points, if they aren't noted or have changed since.

        `course/` stays as it is.
        """
        now = self.source_digest()
        if self.ledger.prepared(self.assignment) == now:
            return
        told = Told()
        with tempfile.TemporaryDirectory() as scratch:
            config = Config(CourseDirectory={"release_directory": scratch}, GenerateAssignment={"force": True})
            config = merged(self.config, config)
            try:
                GenerateAssignment(coursedir=CourseDirectory(config=config), config=config, log=told.log).start()
            except NbGraderException as error:
                why = told.raised() or str(error)
                if told.has("Cannot add or remove cells"):
                    anew = f"nbgrader db assignment remove --force {self.assignment}"
                    why = f"it has other exercises than when it was first graded; to begin anew: {anew}"
                raise GradebookError(f"{self.assignment}: nbgrader can't prepare it: {why}") from None
        self.ledger.set_prepared(self.assignment, now)

    def source_digest(self) -> str:
        """A name for the solved notebook as it is now."""
        path = self.root / "solutions" / self.assignment / f"{self.assignment}.ipynb"
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise GradebookError(f"{path}: can't be read ({error.strerror}); make notebooks writes it") from None

    def recorded(self, student: str) -> str | None:
        """The digest of the record that a student's grades and page come from; None where they are to be made."""
        page = Path(self.coursedir.format_path(self.coursedir.feedback_directory, student, self.assignment))
        there = (page / f"{self.assignment}.html").exists()
        return self.recorder().recorded(self.assignment, student) if there else None

    def record(self, records: Iterable[Record]) -> dict[str, str]:
        """Record submissions, in place of what was recorded of them before; their pages go.

        Returns why a student's record could not be taken, in one line each; the others are recorded.  Each is recorded
        whole or not at all, so that this can be ended at any moment and done again.
        """
        recorder = self.recorder()
        recorder.source = records
        return self.run(recorder)

    def feedback(self, students: Iterable[str]) -> dict[str, str]:
        """Write the pages of these students, from what is recorded: feedback/<student>/<assignment>/<assignment>.html.

        Returns why a student's page could not be written, in one line each; the others are written.
        """
        log = Told().log
        return self.run(Pages(students, self.ledger, coursedir=self.coursedir, config=self.config, log=log))

    def run(self, converter: Recorder | Pages) -> dict[str, str]:
        try:
            converter.start()
        except NbGraderException:
            pass  # the reasons are in `why`
        except OperationalError as error:
            raise LedgerError(unusable(self.url, error)) from None
        return converter.why

    def recorder(self) -> Recorder:
        recorder = Recorder(coursedir=self.coursedir, config=self.config, log=Told().log)
        recorder.ledger = self.ledger
        return recorder

    def scores(self) -> list[Score]:
        """What the gradebook holds for each student, in order of their names."""
        return self.ledger.scores(self.assignment)

    def totals(self) -> dict[str, dict[str, object]]:
        """For each student what only the gradebook knows, by column: what being late costs, points as they count."""
        return {
            score.student: {"late penalty": score.late_penalty, "in gradebook": score.total} for score in self.scores()
        }


def settings(root: Path, assignment: str, db: str | None = None) -> Config:
    """What nbgrader_config.py says, for one assignment."""
    if not (root / "nbgrader_config.py").is_file():
        raise GradebookError(f"{root}: no nbgrader_config.py; go to the course's top folder")
    config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    course: dict[str, Any] = {"root": str(root), "assignment_id": assignment}
    return merged(config, Config(CourseDirectory=course | ({"db_url": db} if db else {})))


def merged(config: Config, more: Config) -> Config:
    together = Config(config)
    together.merge(more)
    return together
