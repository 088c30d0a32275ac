"""A class for tests and benchmarks: a course folder of its own, and students who hand in notebooks of all kinds."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat

from netlib.authoring.chapter import Chapter
from netlib.grading.zoo import load_zoo

ROOT = Path(__file__).parents[2]


def course(root: Path, name: str = "05-ip-packet") -> Chapter:
    """A course folder at `root` that has this one chapter, its release and nothing handed in."""
    chapter = Chapter(root, name)
    for folder in (f"solutions/{name}", f"course/{name}", f"labs/{name}"):
        if (ROOT / folder).is_dir():
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(ROOT / "nbgrader_config.py", root)
    return chapter


def released(chapter: Chapter) -> nbformat.NotebookNode:
    return nbformat.read(chapter.released / f"{chapter.name}.ipynb", as_version=4)


def solutions(chapter: Chapter) -> dict[str, str]:
    """The solved notebook's answer to each exercise, by the id of its cell."""
    cells = nbformat.read(chapter.solved, as_version=4).cells
    return {cell.id: cell.source for cell in cells if cell.id.startswith("exercise-")}


def from_zoo(chapter: Chapter, number: str, wrong: bool, index: int, name: str) -> str:
    """A cell with one of the zoo's answers, the whole zoo before it, as a student might paste it."""
    table = "WRONG" if wrong else "RIGHT"
    return f"{(chapter.folder / 'zoo.py').read_text('utf-8')}\n\n{name} = {table}[{number!r}][{index}]\n"


def hand_in(chapter: Chapter, student: str, answers: dict[str, str], folder: Path | None = None) -> Path:
    """Write the notebook of a student whose solution cells are these, by the cells' ids; others stay as released."""
    notebook = released(chapter)
    for cell in notebook.cells:
        if cell.id in answers:
            cell.source = answers[cell.id]
    path = (folder or chapter.root / "submitted") / student / chapter.name / f"{chapter.name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def mixed_class(chapter: Chapter, students: int, seed: int = 5) -> Iterator[tuple[str, dict[str, str]]]:
    """(student, answers by cell id): a third have it all, a sixth nothing, the others right and wrong ones mixed."""
    from netlib.grading import exercise

    chance = random.Random(seed)
    solved = solutions(chapter)
    wrong, right = load_zoo(chapter.folder)
    for number in range(students):
        answers = dict(solved)
        if number % 6 == 5:
            answers = {}
        elif number % 3 != 0:
            for cell in solved:
                which = cell.removeprefix("exercise-").replace("-", ".")
                throw, name = chance.random(), exercise(which).name
                if throw < 0.25:
                    index = chance.randrange(len(wrong[which]))
                    answers[cell] = from_zoo(chapter, which, True, index, name)
                elif throw < 0.4:
                    answers[cell] = from_zoo(chapter, which, False, chance.randrange(len(right[which])), name)
                elif throw < 0.55:
                    del answers[cell]
        yield f"student{number:03}", answers
