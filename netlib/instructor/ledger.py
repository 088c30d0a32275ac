"""What nbgrader's database has no place for, in the same database: what each grade came from, and indexes.

    netlib_recorded     for each submission: the record that its grades come from
    netlib_prepared     for each assignment: the solved notebook that its cells and points come from

nbgrader leaves tables that it doesn't know alone.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from nbgrader import api
from nbgrader.api import Assignment, BaseCell, Grade, GradeCell, Notebook, SubmittedAssignment, SubmittedNotebook
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    MetaData,
    Select,
    String,
    Table,
    create_engine,
    delete,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.dialects import registry
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from netlib.instructor.record import Record

if find_spec("psycopg") is None:  # SQLAlchemy's own choice since 2.1; this one is what netlib's extra installs
    registry.register("postgresql", "sqlalchemy.dialects.postgresql.psycopg2", "dialect")

TABLES = MetaData()
RECORDED = Table(
    "netlib_recorded",
    TABLES,
    Column("assignment", String(128), primary_key=True),
    Column("student", String(128), primary_key=True),
    Column("digest", String(128), nullable=False),
    Column("seconds_late", Float, nullable=False),
    Column("unsafe", Boolean, nullable=False),
)
PREPARED = Table(
    "netlib_prepared",
    TABLES,
    Column("assignment", String(128), primary_key=True),
    Column("digest", String(128), nullable=False),
)

INDEXED = [
    (table.name, column.name)
    for table in api.Base.metadata.sorted_tables
    for column in table.columns
    if column.foreign_keys and not column.primary_key
]
"""nbgrader's columns that name a row of another table.  It looks rows up by them, and makes no index for them."""


@dataclass(frozen=True, slots=True)
class Score:
    """What the gradebook holds for one submission.

    `points` are what counts in each exercise, by the graded cell's name: points given by hand go before the checker's,
    extra credit is added.  They were earned `of` so many.  `late_penalty` is taken off in `total`.  `flagged`: somebody
    should look at it, or points given by hand wait to be confirmed after a new grading.
    """

    student: str
    points: dict[str, float]
    of: dict[str, float]
    late_penalty: float
    timestamp: datetime.datetime | None
    flagged: bool
    unsafe: bool

    @property
    def total(self) -> float:
        return sum(self.points.values()) - self.late_penalty

    @property
    def total_of(self) -> float:
        return sum(self.of.values())


class Ledger:
    """The two tables, and questions to nbgrader's own that would take it long."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def set_up(self) -> None:
        """Make the tables and the indexes that aren't there yet."""
        TABLES.create_all(self.engine)
        inspector = inspect(self.engine)
        tables = {table for table, _ in INDEXED}
        there = {index["name"] for table in tables for index in inspector.get_indexes(table)}
        with self.engine.begin() as connection:
            for table, column in INDEXED:
                name = f"netlib_{table}_{column}"
                if name not in there:
                    connection.execute(text(f"CREATE INDEX IF NOT EXISTS {name} ON {table} ({column})"))

    def recorded(self, assignment: str, student: str) -> tuple[str, datetime.datetime | None] | None:
        """The digest of the record that a submission's grades come from, and when it was handed in.

        None where there are no grades, or a due date or an extension has been changed after the grading.
        """
        with self.engine.connect() as connection:
            row = get(connection, RECORDED, assignment=assignment, student=student)
            late = lateness(connection, assignment, student) if row else None
            return (row.digest, late[1]) if late and late[0] == row.seconds_late else None

    def prepared(self, assignment: str) -> str | None:
        """The digest of what the assignment's cells and points come from; None where nbgrader doesn't have it."""
        with self.engine.connect() as connection:
            row = get(connection, PREPARED, assignment=assignment)
            there = connection.execute(
                select(Notebook.id)
                .join(Assignment, Assignment.id == Notebook.assignment_id)
                .where(Assignment.name == assignment)
            ).first()
            return row.digest if row and there else None

    def set_prepared(self, assignment: str, digest: str) -> None:
        with self.engine.begin() as connection:
            take_out(connection, PREPARED, {"assignment": assignment})
            connection.execute(PREPARED.insert().values(assignment=assignment, digest=digest))

    def scores(self, assignment: str) -> list[Score]:
        """What the gradebook holds for an assignment, in order of the students' names."""
        scores: dict[str, Score] = {}
        with self.engine.connect() as connection:
            unsafe = {
                row.student
                for row in connection.execute(select(RECORDED).where(RECORDED.c.assignment == assignment))
                if row.unsafe
            }
            for row in connection.execute(graded(assignment).order_by(SubmittedAssignment.student_id)):
                score = scores.get(row.student)
                if score is None:
                    penalty, flagged = row.late_submission_penalty or 0.0, bool(row.flagged)
                    score = Score(row.student, {}, {}, penalty, row.timestamp, flagged, row.student in unsafe)
                    scores[row.student] = score
                counts = row.auto_score if row.manual_score is None else row.manual_score
                score.points[row.cell] = 0.0 if counts is None else counts + (row.extra_credit or 0.0)
                score.of[row.cell] = row.max_score
        return list(scores.values())


def remember(connection: Connection, record: Record) -> None:
    """Write down that a submission's grades come from this record.

    Raises ValueError when the gradebook holds other points than the record.
    """
    points = {verdict.grade_id: verdict.points for verdict in record.verdicts}
    question = graded(record.assignment).where(SubmittedAssignment.student_id == record.student)
    held = {row.cell: row.auto_score for row in connection.execute(question) if row.cell in points}
    if held != points:
        raise ValueError(f"the gradebook holds the points {held} in place of {points}; prepare the assignment anew")
    late = lateness(connection, record.assignment, record.student)
    key = {"assignment": record.assignment, "student": record.student}
    take_out(connection, RECORDED, key)
    rest = {"digest": record.digest, "seconds_late": late[0] if late else 0.0, "unsafe": record.unsafe}
    connection.execute(RECORDED.insert().values(key | rest))
    if record.unsafe or record.look:
        flag(connection, record.assignment, record.student)


def flag(connection: Connection, assignment: str, student: str) -> None:
    """Set formgrader's flag on a submission."""
    of_student = (
        select(SubmittedAssignment.id)
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .where(Assignment.name == assignment, SubmittedAssignment.student_id == student)
    )
    flagged = update(SubmittedNotebook.__table__).values(flagged=True)
    connection.execute(flagged.where(SubmittedNotebook.assignment_id.in_(of_student)))


def lateness(connection: Connection, assignment: str, student: str) -> tuple[float, datetime.datetime | None] | None:
    """How many seconds late a submission is by now, and when it was handed in; None if there is none."""
    row = connection.execute(
        select(Assignment.duedate, SubmittedAssignment.extension, SubmittedAssignment.timestamp)
        .join(SubmittedAssignment, SubmittedAssignment.assignment_id == Assignment.id)
        .where(Assignment.name == assignment, SubmittedAssignment.student_id == student)
    ).first()
    if row is None:
        return None
    if row.timestamp is None or row.duedate is None:
        return 0.0, row.timestamp
    due = row.duedate + (row.extension or datetime.timedelta())
    return max(0.0, (row.timestamp - due).total_seconds()), row.timestamp


class LedgerError(Exception):
    """The gradebook can't be used. One line: which, why, and the fix."""


def open_ledger(url: str, course: str) -> Ledger:
    """The ledger of a gradebook, which is made if it isn't there.  Raises LedgerError."""
    try:
        api.Gradebook(url, course).close()  # makes nbgrader's tables
        ledger = Ledger(create_engine(url))
        ledger.set_up()
    except (SQLAlchemyError, ImportError) as error:
        raise LedgerError(unusable(url, error)) from None
    return ledger


def unusable(url: str, error: Exception) -> str:
    """One line about a gradebook that can't be opened, without its password."""
    try:
        shown = make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return f"{url}: no address of a gradebook; sqlite:////home/me/gradebook.db and postgresql://host/name are"
    if isinstance(error, ImportError):
        return f"{shown}: {error.name} is not installed; for PostgreSQL: pip install psycopg2-binary"
    why = str(getattr(error, "orig", error)).strip().split("\n")[0]
    return f"{shown}: the gradebook can't be used: {why}"


def graded(assignment: str) -> Select[Any]:
    """One row for each graded cell of each submission of an assignment."""
    cell, grade_cell = BaseCell.__table__, GradeCell.__table__
    return (
        select(
            SubmittedAssignment.student_id.label("student"),
            SubmittedAssignment.timestamp,
            SubmittedNotebook.late_submission_penalty,
            SubmittedNotebook.flagged,
            cell.c.name.label("cell"),
            grade_cell.c.max_score,
            Grade.auto_score,
            Grade.manual_score,
            Grade.extra_credit,
        )
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
        .join(cell, cell.c.id == Grade.cell_id)
        .join(grade_cell, grade_cell.c.id == cell.c.id)
        .where(Assignment.name == assignment)
    )


def get(connection: Connection, table: Table, **key: str) -> Any:
    """The row with this key, or None."""
    return connection.execute(select(table).where(*[table.c[name] == value for name, value in key.items()])).first()


def take_out(connection: Connection, table: Table, key: dict[str, str]) -> None:
    connection.execute(delete(table).where(*[table.c[name] == value for name, value in key.items()]))
