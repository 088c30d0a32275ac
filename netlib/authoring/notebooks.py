"""Build the notebooks of the chapters, or tell which of them are not what their source produces.

A solved notebook whose cells are what the source says keeps its outputs; only a changed one is executed, for
outputs are nbval's business. The student's notebook is cut anew each time, and written only when its bytes differ. So a
rebuild changes nothing that has not changed; nor does executing all again, when only live outputs came out differently.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from netlib.authoring.chapter import Chapter
from netlib.authoring.execute import execute
from netlib.authoring.release import release
from netlib.authoring.source import LIVE, Exercises, read

Progress = Callable[[str, int, int], None]
"""Told (chapter, code cells done, code cells in all) as a notebook executes."""


def build(
    chapter: Chapter,
    exercises: Exercises,
    *,
    force: bool = False,
    progress: Progress = lambda chapter, done, of: None,
) -> list[Path]:
    """Bring a chapter's solved and released notebooks up to date; returns the files that were written.

    `force` executes the solved notebook though its cells have not changed. Raises AuthoringError.
    """
    source = read(chapter, exercises)
    written = []
    there = load(chapter.solved)
    if force or cells(there) != cells(source.notebook):
        execute(chapter, source, lambda done, of: progress(chapter.name, done, of))
        if there is None or settled(there) != settled(source.notebook):
            chapter.solved.write_text(text(source.notebook), "utf-8")
            written.append(chapter.solved)
    with tempfile.TemporaryDirectory() as folder:
        release(chapter, Path(folder))
        for path, changed in differences(Path(folder) / chapter.name, chapter.released):
            if changed is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(changed, path)
            written.append(path)
    return written


def drift(chapter: Chapter, exercises: Exercises) -> list[Path]:
    """The files of a chapter that are not what its source produces, outputs of the solved notebook left aside."""
    source = read(chapter, exercises)
    solved = load(chapter.solved)
    if solved is None or cells(solved) != cells(source.notebook) or not executed(solved):
        return [chapter.solved, *sorted(chapter.released.glob("*.ipynb"))]
    with tempfile.TemporaryDirectory() as folder:
        release(chapter, Path(folder))
        return [path for path, _ in differences(Path(folder) / chapter.name, chapter.released)]


def strays(root: Path, chapters: list[Chapter]) -> list[Path]:
    """What lies in course/ and belongs to no chapter."""
    names = {chapter.name for chapter in chapters}
    return sorted(path for path in root.glob("course/*") if path.name not in names and not path.name.startswith("."))


def text(notebook: NotebookNode) -> str:
    """The notebook as its file holds it."""
    return str(nbformat.writes(notebook)) + "\n"


def cells(notebook: NotebookNode | None) -> str:
    """Everything of a notebook but what executing it adds."""
    if notebook is None:
        return ""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return text(notebook)


def settled(notebook: NotebookNode) -> str:
    """Everything of an executed notebook but the outputs of its live cells, which differ at each run."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if LIVE in cell.metadata.get("tags", []):
            cell.outputs = []
    return text(notebook)


def executed(notebook: NotebookNode) -> bool:
    """Whether every code cell has been run, in order."""
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    return counts == list(range(1, len(counts) + 1))


def load(path: Path) -> NotebookNode | None:
    """The notebook in a file; None when there is none that can be read."""
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=nbformat.NO_CONVERT)
        return notebook
    except (OSError, ValueError, nbformat.reader.NotJSONError):
        return None


def differences(wanted: Path, there: Path) -> Iterator[tuple[Path, Path | None]]:
    """Each file below `there` that is not as below `wanted`, with what it should be (None: it should not be)."""
    for path in sorted(wanted.rglob("*")):
        if path.is_file():
            target = there / path.relative_to(wanted)
            if not target.is_file() or target.read_bytes() != path.read_bytes():
                yield target, path
    for path in sorted(there.rglob("*")):
        inside = path.relative_to(there)
        if path.is_file() and not any(part.startswith(".") for part in inside.parts) and not (wanted / inside).exists():
            yield path, None
