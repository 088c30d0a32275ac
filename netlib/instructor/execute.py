"""nbgrader's autograde, with nothing of a student's executed by it.

nbgrader's own converter opens what was handed in, copies what lies beside it, runs the notebook with the instructor's
rights, and reads the points from its outputs.  The two converters here keep its book-keeping and replace the rest:

- `Recorder` writes repaired notebooks, made from records, and takes nbgrader's steps on these;
- `TrustedAutograde` is what `nbgrader autograde` and formgrader's button run: it looks for submissions, has them
  examined in the sandbox where there is no record yet, and records them.

`take_over` puts them in nbgrader's place.  Grading fails closed: nbgrader's own converter, however it is started, meets
`TrustedExecute` in its list of steps, which refuses what comes without a verdict; and no flag switches a step off.
"""

from __future__ import annotations

import base64
import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.apps import api as formgrader
from nbgrader.apps import autogradeapp
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import (
    AssignLatePenalties,
    LimitOutput,
    NbGraderPreprocessor,
    SaveAutoGrades,
)
from sqlalchemy.exc import OperationalError, SAWarning
from traitlets.config import Config

from netlib.instructor.collect import submitted_notebooks
from netlib.instructor.digest import digest
from netlib.instructor.ledger import Ledger, open_ledger, remember
from netlib.instructor.outputs import verdict_outputs
from netlib.instructor.record import Record, Task, Verdict
from netlib.instructor.shared import Shared, in_a_line, opened
from netlib.instructor.store import Store, read_plain
from netlib.instructor.workers import examine_all

PCAP = "application/vnd.tcpdump.pcap"
"""The media type under which an exchange is kept in the autograded notebook, in base64."""

UNSAFE = "Graded without a sandbox (`--unsafe`)."
KEPT = {"timestamp.txt": re.compile(r"[\w:.+ -]{1,80}\s?"), "submission_secret.txt": re.compile(r"[\w+/=-]{1,200}\s?")}
"""nbgrader's own files beside a submission, and what may be in them: no path, by which it would look up a time zone."""
STUDENT = re.compile(r"[\w@+][\w.@+ -]{0,127}")
"""What a student may be called: formgrader writes it into its pages as it is."""


class NotExamined(Exception):
    """A notebook that no verdict has been given on.  It gets no grade."""


class TrustedExecute(NbGraderPreprocessor):  # type: ignore[misc]
    """In place of running the notebook: fill in the verdicts, as the graded cells' outputs.

    Raises NotExamined unless each graded cell has its verdict, each verdict its cell, and nbgrader reads exactly the
    verdict's points from what was filled in.
    """

    def __call__(self, notebook: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        return self.preprocess(notebook, resources)  # also when a flag has set `enabled` to False

    def preprocess(self, notebook: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        if "netlib_verdicts" not in resources:
            raise NotExamined(
                "nbgrader was about to run students' code without a sandbox; run it where nbgrader_config.py is"
            )
        verdicts: dict[str, Verdict] = dict(resources["netlib_verdicts"])
        for cell in notebook.cells:
            if is_judged(cell):
                self.fill_in(cell, verdicts.pop(cell.metadata.nbgrader.grade_id, None))
        if verdicts:
            raise NotExamined(f"no cell for the verdict on {', '.join(verdicts)}")
        return notebook, resources

    def fill_in(self, cell: NotebookNode, verdict: Verdict | None) -> None:
        grade_id = cell.metadata.nbgrader.grade_id
        if verdict is None:
            raise NotExamined(f"no verdict on {grade_id}")
        outputs = list(verdict_outputs(verdict))
        if verdict.pcap:
            outputs.append(exchange(verdict))
        cell.outputs, cell.execution_count = [nbformat.from_dict(output) for output in outputs], None
        if utils.determine_grade(cell, self.log) != (verdict.points, verdict.of):
            raise NotExamined(f"{grade_id} would not get its {verdict.points:g} points of {verdict.of:g}")


def is_judged(cell: NotebookNode) -> bool:
    """Does the checker give the points for this cell?  (Tasks and written answers get theirs by hand.)"""
    return bool(utils.is_grade(cell)) and not utils.is_solution(cell) and cell.cell_type == "code"


def exchange(verdict: Verdict) -> dict[str, Any]:
    """The verdict's pcap as an output; feedback makes a link of it."""
    name = f"{verdict.number}-{verdict.name}.pcap"
    data = {PCAP: base64.b64encode(verdict.pcap or b"").decode("ascii"), "text/plain": f"The exchange: {name}"}
    return {"output_type": "display_data", "data": data, "metadata": {PCAP: {"name": name}}}


STEPS = (TrustedExecute, LimitOutput, SaveAutoGrades, AssignLatePenalties)
"""Autograde's steps: nbgrader's own, in its order, without those that put a notebook right.

A repaired notebook has the released cells and metadata already; nbgrader's OverwriteCells would put the hidden tests
into it, and so into the feedback.
"""

REFUSE = ["netlib.instructor.execute.TrustedExecute"]
"""What nbgrader's own converter gets as its steps."""


class Recorder(Autograde):  # type: ignore[misc]
    """Takes records into the gradebook by nbgrader's own steps.  Never opens anything of what was handed in.

    `source` gives the records.  `why` says, after `start`, which students could not be recorded and why, in one line.
    """

    source: Iterable[Record] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.submitted = self.coursedir.submitted_directory
        self.records: dict[str, Record] = {}
        self.update_config(Config(Exporter={"optimistic_validation": True}))  # once, not after each step
        self.why: dict[str, str] = {}

    @cached_property
    def ledger(self) -> Ledger:
        return open_ledger(self.coursedir.db_url, self.coursedir.course_id)

    def init_notebooks(self) -> None:
        """`source` says which."""

    def _init_preprocessors(self) -> None:
        self.exporter._preprocessors = []
        for step in STEPS:
            self.exporter.register_preprocessor(step)

    def convert_single_notebook(self, notebook_filename: str) -> None:
        # nbgrader's own takes two rounds, for it runs the notebook that the first has written
        self._init_preprocessors()
        super(Autograde, self).convert_single_notebook(notebook_filename)

    def init_single_notebook_resources(self, notebook_filename: str) -> dict[str, Any]:
        resources: dict[str, Any] = super().init_single_notebook_resources(notebook_filename)
        record = self.records[resources["nbgrader"]["student"]]
        return resources | {"netlib_verdicts": {verdict.grade_id: verdict for verdict in record.verdicts}}

    def convert_notebooks(self) -> None:
        with (
            self.from_repaired(),
            warnings.catch_warnings(),
            opened(self.ledger.engine, self.coursedir.course_id) as gradebook,
        ):
            warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own use of its database
            for record in self.source:
                try:
                    self.record(record, gradebook)
                except OperationalError:
                    raise
                except Exception as error:
                    self.why[record.student] = in_a_line(error)
                    self.log.error("%s: not recorded: %s", record.student, self.why[record.student])
        if self.why:
            raise NbGraderException(f"not recorded: {', '.join(self.why)}")

    @contextmanager
    def from_repaired(self) -> Iterator[None]:
        """Have nbgrader find repaired notebooks where it looks for submissions."""
        self.coursedir.submitted_directory = f"grading/{self.coursedir.assignment_id}/repaired"
        try:
            yield
        finally:
            self.coursedir.submitted_directory = self.submitted

    def record(self, record: Record, gradebook: Shared) -> None:
        """What nbgrader does for one submission."""
        assignment, student = record.assignment, record.student
        if not STUDENT.fullmatch(student):
            raise ValueError("this can't be a student's id; rename the folder in submitted/")
        self.records = {student: record}
        folder = Path(self._format_source(assignment, student))
        self.write_repaired(record, folder)
        self.notebooks = [str(folder / f"{assignment}.ipynb")]
        destination = Path(self._format_dest(assignment, student))
        page = Path(self.coursedir.format_path(self.coursedir.feedback_directory, student, assignment))
        try:
            for stale in (page, destination):
                if stale.exists():
                    utils.rmtree(str(stale))
            self.run_pre_convert_hook()
            self.init_assignment(assignment, student)
            self.convert_single_notebook(self.notebooks[0])
            self.set_permissions(assignment, student)
            self.run_post_convert_hook()
            remember(gradebook.connection, record)
            gradebook.keep()
        except BaseException:
            gradebook.drop()
            if destination.exists():
                utils.rmtree(str(destination))
            raise

    def recorded(self, assignment: str, student: str) -> str | None:
        """The digest of the record that the submission's grades come from.

        None where there are no grades or no autograded notebook, or where the time of handing in, the due date or an
        extension has changed since.
        """
        held = self.ledger.recorded(assignment, student)
        written = Path(self.coursedir.format_path(self.coursedir.autograded_directory, student, assignment))
        if held is None or not (written / f"{assignment}.ipynb").exists():
            return None
        timestamp = self.kept(assignment, student, "timestamp.txt")
        return held[0] if not timestamp or utils.parse_utc(timestamp.strip()) == held[1] else None

    def kept(self, assignment: str, student: str, name: str) -> str:
        """The text of one of nbgrader's own files beside a submission; empty where it isn't what it should be."""
        folder = Path(self.coursedir.format_path(self.submitted, student, assignment))
        try:
            text = read_plain(folder / name).decode("ascii")
            if KEPT[name].fullmatch(text) is None:
                return ""
            if name == "timestamp.txt":
                utils.parse_utc(text.strip())
        except (OSError, ValueError, ArithmeticError):
            return ""
        return text

    def write_repaired(self, record: Record, folder: Path) -> None:
        """Write the repaired notebook, with its notes, and nbgrader's own files that lie beside the submission."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in KEPT:
            (folder / name).unlink(missing_ok=True)
            text = self.kept(record.assignment, record.student, name)
            if text:
                (folder / name).write_text(text, "ascii")
        path = folder / f"{record.assignment}.ipynb"
        path.write_text(json.dumps(with_notes(record)), "ascii")


def with_notes(record: Record) -> dict[str, Any]:
    """A record's notebook with a cell on top that says what was put right, and that grades are unsafe if they are."""
    notebook = record.notebook | {"cells": list(record.notebook["cells"])}
    lines = [f"**{UNSAFE}**"] if record.unsafe else []
    lines += [f"- {plain(note)}" for note in record.notes]
    if lines:
        source = "**Notes on what was handed in**\n\n" + "\n".join(lines)
        notebook["cells"].insert(0, {"cell_type": "markdown", "id": "netlib-notes", "metadata": {}, "source": source})
    return notebook


def plain(text: str) -> str:
    """A line of text as Markdown that shows just that."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|&$~:@-])", r"\\\1", " ".join(text.split()))


class TrustedAutograde(Recorder):
    """`nbgrader autograde`: finds submissions, has them examined where there is no valid record, and records them.

    Unlike nbgrader's own it notices by itself that a submission, its exercises or the checker have changed; `--force`
    has everything examined anew.
    """

    examine_all: Callable[[Iterable[Task]], Iterator[Record]] | None = None
    """In place of netlib.instructor.workers.examine_all, in tests."""

    def start(self) -> None:
        try:
            self.source = self.examined()
            super().start()
        except Exception as error:
            if not type(error).__module__.startswith("netlib."):
                raise
            self.log.error("%s", error)  # NoSandbox, StoreError: one line, and no grade
            raise NbGraderException(str(error)) from None

    def examined(self) -> Iterator[Record]:
        """The records of what has to be recorded.  Raises NbGraderException where nothing is handed in."""
        store = Store(Path(self.coursedir.root), self.coursedir.assignment_id)
        fresh = []
        for student, path, trouble in self.found(store):
            task = digest(store.task(student, path, trouble))
            if self.force or self.recorded(store.assignment, student) != task:
                record = None if self.force else store.load(student)
                if record is not None and record.digest == task:
                    yield record
                else:
                    fresh.append((student, path, trouble))
        if fresh:
            self.log.info("Examining %d submissions", len(fresh))
            for record in (self.examine_all or examine_all)(store.task(*one) for one in fresh):
                store.save(record)
                for line in record.look:
                    self.log.warning("%s: %s", record.student, line)
                yield record

    def found(self, store: Store) -> list[tuple[str, Path, str]]:
        """The submissions that are asked for: student, notebook, and what is wrong with it."""
        chosen, without = self.coursedir.student_id, self.coursedir.student_id_exclude.split(",")
        found = [
            (student, path, trouble)
            for student, path, trouble in submitted_notebooks(store.root, store.assignment)
            if fnmatchcase(student, chosen) and student not in without
        ]
        if not found:
            raise NbGraderException(f"nothing is handed in at submitted/{chosen}/{store.assignment}")
        return found


def take_over() -> None:
    """Put the converter above in the place of nbgrader's, which has no setting for that."""
    autogradeapp.Autograde = formgrader.Autograde = TrustedAutograde
