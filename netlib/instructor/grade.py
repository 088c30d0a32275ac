"""Grade a whole class: what `netlib grade` does.

    collect     a folder or zip file, if one is named                  submitted/<student>/<assignment>/
    examine     every submission that has no valid record yet          grading/<assignment>/records/
    record      what the gradebook doesn't hold yet                    gradebook.db, autograded/
    feedback    a page for each student                                feedback/
    report      the table, a picture, and who needs a look             grading/<assignment>/

Each record is on disk before the next step, and is valid as long as nothing that it depends on has changed.  So the
command can be ended at any moment and given again: it goes on where it was, and grades nothing twice.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from netlib.instructor.digest import digest
from netlib.instructor.progress import Progress
from netlib.instructor.record import Record, Task
from netlib.instructor.store import Store, write
from netlib.instructor.table import line, looks, scores_csv, scores_svg, summary
from netlib.instructor.workers import Examine

Listing = Sequence[tuple[str, Path | None, str]]
"""What there is to grade: student, the notebook's path, and what is wrong with it if it can't be read."""


class GradeError(Exception):
    """Grading can't begin, or was ended. One line: why, and what to do."""


class Gradebook(Protocol):
    """What grading needs of nbgrader's gradebook."""

    def prepare(self) -> None: ...
    def recorded(self, student: str) -> str | None: ...
    def record(self, records: Iterable[Record]) -> Mapping[str, str]: ...
    def feedback(self, students: Iterable[str]) -> Mapping[str, str]: ...
    def totals(self) -> Mapping[str, Mapping[str, object]]: ...


@dataclass
class Options:
    """How to grade: with so many `workers` here, or on the cluster of `scheduler`; see `netlib grade --help`."""

    workers: int | None = None
    scheduler: str = ""
    unsafe: bool = False
    students: Sequence[str] = ()
    force: bool = False
    examine: Examine | None = None
    """In place of netlib's own; for tests."""


@dataclass
class Graded:
    """What came of it: the class's records (without their notebooks), how many are new, and in which folder it is.

    `missing`: students that were not asked for this time and have no record yet.  `refused`: why a record or a page
    is not where it belongs, by student.  `notes` and `look`: what collecting has to say, the latter for a person to
    look at; a line about one student begins with the student's id.
    """

    assignment: str
    folder: Path
    records: list[Record] = field(default_factory=list)
    examined: int = 0
    seconds: float = 0.0
    missing: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    look: list[str] = field(default_factory=list)

    def report(self) -> str:
        """The closing report: figures, what was collected, and who needs a look and why."""
        rate = f" ({self.examined / self.seconds:.2g} a second)" if self.examined and self.seconds else ""
        head = f"{self.assignment}: {self.examined} graded in {self.seconds:.0f} s{rate}"
        before = len(self.records) - self.examined
        head += f", {before} graded before" if before else ""
        head += f", {self.missing} not yet graded" if self.missing else ""
        need = self.need_a_look()
        who = "Nobody needs a look."
        if need:
            who = "\n  ".join(["1 needs a look:" if len(need) == 1 else f"{len(need)} need a look:", *need])
        blocks = [head, summary(self.records), "\n".join(line(note) for note in self.notes), who]
        return "\n\n".join(block for block in blocks if block)

    def need_a_look(self) -> list[str]:
        """A line for each student that needs a look, and why; and for each odd file that is no student's."""
        reasons: dict[str, list[str]] = {student: [why] for student, why in self.refused.items()}
        students = {record.student for record in self.records}
        others = []
        for said in self.look:
            student, _, why = said.partition(": ")
            if student in students:
                reasons.setdefault(student, []).append(why)
            else:
                others.append(line(said))
        return [*others, *looks(self.records, reasons)]


def grade(
    root: Path, assignment: str, source: Path | None = None, db: str | None = None, options: Options | None = None
) -> Graded:
    """Grade an assignment of the course whose top folder is `root`, and record it in nbgrader's gradebook.

    `source`: a folder or zip file to collect from first.  `db`: the gradebook's address, if not nbgrader_config.py's.
    Errors of one submission are lines in the result.  Raises what ends all, each in one line: NoSandbox, GradeError,
    StoreError, GradebookError, LedgerError, ClusterError, WorkersError, and Refused for a source that isn't one.
    """
    from netlib.instructor.bubblewrap import NoSandbox, available
    from netlib.instructor.collect import collect, submitted_notebooks
    from netlib.instructor.gradebook import Gradebook as NbgraderGradebook

    options = options or Options()
    here = not (options.unsafe or options.scheduler)
    if here and available():
        raise NoSandbox(available())
    store = Store(root, assignment)
    assert store.released
    graded = Graded(assignment, store.folder)
    with alone(store):
        if source is not None:
            collected = collect(source, root, assignment)
            graded.notes, graded.look = collected.notes, collected.look
        book = NbgraderGradebook(root, assignment, db)
        try:
            grade_class(graded, root, submitted_notebooks(root, assignment), book, options)
        finally:
            book.close()
    return graded


def grade_class(graded: Graded, root: Path, listing: Listing, gradebook: Gradebook, options: Options) -> None:
    """Grade everything in `listing`, and write into `graded` what came of it.

    Raises GradeError when ended by Ctrl-C, with how far it is, and for a student who has handed in nothing.
    """
    started = time.monotonic()
    store = Store(root, graded.assignment)
    wanted = chosen(listing, options.students)
    try:
        gradebook.prepare()
        graded.examined = examine_missing(store, wanted, options)
        graded.refused = record_missing(store, wanted, gradebook)
    except KeyboardInterrupt:
        there = sum(store.path(student).exists() for student, _, _ in wanted)
        done = f"interrupted: {there} of {len(wanted)} submissions have their record"
        raise GradeError(f"{done}; the same command goes on from there") from None
    graded.records = [record for student, _, _ in listing if (record := store.load(student, notebook=False))]
    graded.missing = len(listing) - len(graded.records)
    graded.seconds = time.monotonic() - started
    write_tables(graded, gradebook.totals())


@contextlib.contextmanager
def alone(store: Store) -> Iterator[None]:
    """Nobody else grades this assignment meanwhile.  Raises GradeError where somebody does."""
    store.folder.mkdir(parents=True, exist_ok=True)
    with open(store.folder / "lock", "w") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # Windows has no such locks
            pass
        except OSError:
            raise GradeError(f"{store.assignment}: another netlib grade is at it; wait for its end") from None
        yield


def chosen(listing: Listing, students: Sequence[str]) -> Listing:
    """Those of these students; everybody without.  Raises GradeError for one that has handed in nothing."""
    there = {student for student, _, _ in listing}
    for student in students:
        if student not in there:
            raise GradeError(f"{line(student)}: no such student in submitted/; there are {len(there)} others")
    return [each for each in listing if each[0] in students] if students else listing


def examine_missing(store: Store, listing: Listing, options: Options) -> int:
    """Make a record of each submission that has no valid one.  Returns how many were made."""
    made = 0
    with Progress(store.assignment, len(listing)) as progress:

        def tasks() -> Iterator[Task]:
            for student, path, trouble in listing:
                task = store.task(student, path, trouble, options.unsafe)
                if options.force or not is_valid(store.load(student, notebook=False), task):
                    yield task
                else:
                    progress.step(student)

        with contextlib.closing(examiners(tasks(), options)) as records:
            for record in records:
                store.save(record)
                made += 1
                progress.step(record.student)
    return made


def is_valid(record: Record | None, task: Task) -> bool:
    """Is this the record that examining the task would make again?"""
    return record is not None and record.digest == digest(task)


def examiners(tasks: Iterator[Task], options: Options) -> Any:
    """The records of tasks, from workers here or from a cluster; a generator."""
    if options.scheduler:
        from netlib.instructor import cluster

        return cluster.examine_all(tasks, options.scheduler, options.examine)
    from netlib.instructor import workers

    return workers.examine_all(tasks, options.workers, options.examine)


def record_missing(store: Store, listing: Listing, gradebook: Gradebook) -> dict[str, str]:
    """Give the gradebook the records that it doesn't hold, and write these students' feedback.

    Returns why the gradebook would not take a record, or no page could be written, by student.
    """
    missing = []
    for student, _, _ in listing:
        record = store.load(student, notebook=False)
        if record is not None and gradebook.recorded(student) != record.digest:
            missing.append(student)
    if not missing:
        return {}
    refused = gradebook.record(record for student in missing if (record := store.load(student)) is not None)
    unwritten = gradebook.feedback([student for student in missing if student not in refused])
    why = {student: f"has no feedback page: {why}" for student, why in unwritten.items()}
    return why | {student: f"is not in the gradebook: {why}" for student, why in refused.items()}


def write_tables(graded: Graded, totals: Mapping[str, Mapping[str, object]]) -> None:
    """scores.csv, scores.svg and report.txt."""
    graded.folder.mkdir(parents=True, exist_ok=True)
    write(graded.folder / "scores.csv", scores_csv(graded.records, totals).encode())
    write(graded.folder / "scores.svg", scores_svg(graded.records, f"Scores of {graded.assignment}").encode())
    write(graded.folder / "report.txt", f"{graded.report()}\n".encode())
