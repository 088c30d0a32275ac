"""Cut the student's notebooks from the solved ones, with nbgrader's own generate_assignment.

nbgrader locks and clears cells, removes hidden tests and computes checksums. Two steps are ours, and nbgrader_config.py
puts them into nbgrader's list, so its command line writes the very same files:

- `Stubs`: a solution region becomes `raise NotImplementedYet("5.1 internet_checksum")`, so that a fresh notebook reads
  as waiting for an exercise, not as broken;
- `Finish`: a cell that needs an exercise is tagged raises-exception, so that Run All goes on behind it; the builder's
  notes go.
"""

from __future__ import annotations

import logging
from pathlib import Path

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
    NbGraderPreprocessor,
    SaveCells,
)
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from netlib.authoring.chapter import AuthoringError, Chapter


class Stubs(ClearSolutions):  # type: ignore[misc]
    """Replace each solution region by the line that names the exercise it waits for."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, cell_index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        exercise = cell.metadata.get("netlib", {}).get("exercise")
        if exercise:
            self.code_stub = {"python": f'raise NotImplementedYet("{exercise}")'}
        return super().preprocess_cell(cell, resources, cell_index)  # type: ignore[no-any-return]


class Finish(NbGraderPreprocessor):  # type: ignore[misc]
    """Let Run All go on behind a cell that needs an exercise, and take out the builder's notes."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, cell_index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        notes = cell.metadata.pop("netlib", {})
        if "needs" in notes:
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "raises-exception"]
        return cell, resources


STEPS = [
    LockCells,
    Stubs,
    ClearOutput,
    CheckCellMetadata,
    ComputeChecksums,
    SaveCells,  # the gradebook keeps the hidden tests from here
    ClearHiddenTests,
    ClearMarkScheme,
    Finish,
    ComputeChecksums,
    CheckCellMetadata,
]
"""generate_assignment's steps: nbgrader's own, in its order, with ours."""

NOT_RELEASED = ["*.py", "zoo", ".ipynb_checkpoints", "*.pyc", "__pycache__", ".pytest_cache", ".*"]
"""What lies beside a solved notebook and never reaches a student."""


def release(chapter: Chapter, into: Path) -> None:
    """Write the student's folder of a chapter, from its solved notebook on disk, to `into`/<chapter's name>.

    Uses nbgrader_config.py as the command line does, but no gradebook. Raises AuthoringError when nbgrader refuses.
    """
    config = PyFileConfigLoader("nbgrader_config.py", path=str(chapter.root)).load_config()
    config.merge(
        Config(
            CourseDirectory={
                "root": str(chapter.root),
                "release_directory": str(into),
                "assignment_id": chapter.name,
                "db_url": "sqlite://",
            },
            GenerateAssignment={"no_database": True, "force": True},
            SaveCells={"enabled": False},
        )
    )
    log = logging.getLogger("netlib.authoring")
    log.setLevel(logging.CRITICAL)
    converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config, log=log)
    try:
        converter.start()
    except (NbGraderException, RuntimeError) as error:
        raise AuthoringError(f"solutions/{chapter.name}: nbgrader can't release it: {error}; mend the source") from None
