"""nbgrader's whole loop, by the commands that docs/instructors.md gives, with three submissions of each chapter.

Ada's answers are the solved notebook's, Bob hands in what he was given, and Cid has solved exercises worth half of the
points: generate, release, submit, collect, autograde, feedback, export. They get full marks, none, and half.
"""

from __future__ import annotations

import csv
import shutil
from itertools import combinations
from pathlib import Path

import nbformat
import pytest
from instructor.commands import nbgrader

from netlib.authoring.chapter import Chapter, find_chapters
from netlib.instructor.bubblewrap import available

ROOT = Path(__file__).parents[2]
# nbgrader's own use of its database
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
CHAPTERS = [chapter.name for chapter in find_chapters(ROOT) if chapter.solved.exists()]


@pytest.fixture
def chapter(request: pytest.FixtureRequest, tmp_path: Path) -> Chapter:
    """A course in a temporary folder, with an exchange beside it, that has this one chapter, built."""
    root = tmp_path / "course"
    root.mkdir()
    chapter = Chapter(root, request.param)
    shutil.copytree(ROOT / "solutions" / chapter.name, chapter.folder)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    if (ROOT / "labs").is_dir():
        shutil.copytree(ROOT / "labs", root / "labs")
    exchange = tmp_path / "exchange"
    exchange.mkdir(mode=0o777)
    with (root / "nbgrader_config.py").open("a") as config:
        config.write(f"\nc.Exchange.root = {str(exchange)!r}\nc.Exchange.cache = {str(tmp_path / 'cache')!r}\n")
        config.write("c.ExchangeCollect.check_owner = False  # all students are this user here\n")
    return chapter


def by_id(path: Path) -> tuple[nbformat.NotebookNode, dict[str, nbformat.NotebookNode]]:
    notebook = nbformat.read(path, as_version=4)
    return notebook, {cell.id: cell for cell in notebook.cells}


def half_of(points: dict[str, int]) -> tuple[str, ...]:
    """Exercises worth exactly half of the points; the first ones if that can be, for later ones may build on them."""
    numbers = list(points)
    ways = [tuple(numbers[:count]) for count in range(len(numbers))]
    ways += [way for count in range(len(numbers)) for way in combinations(numbers, count)]
    for way in ways:
        if 2 * sum(points[number] for number in way) == sum(points.values()):
            return way
    raise AssertionError(f"no exercises are worth exactly half of the points: {points}; see docs/authors.md")


def hand_in(chapter: Chapter, folder: Path, solved: set[str] | None) -> None:
    """What a student hands in: the released folder, with these solution cells (None: all) of the solved notebook."""
    shutil.copytree(chapter.released, folder)
    path = folder / f"{chapter.name}.ipynb"
    notebook, cells = by_id(path)
    for cell in by_id(chapter.solved)[1].values():
        if cell.id.startswith("exercise-") and (solved is None or cell.id in solved):
            cells[cell.id].source = cell.source
    nbformat.write(notebook, path)


def run(command: str, cwd: Path) -> None:
    assert nbgrader(command, cwd) == 0, f"nbgrader {command} failed"


@pytest.mark.parametrize("chapter", CHAPTERS, indirect=True)
def test_three_submissions_get_full_none_and_half(chapter: Chapter, tmp_path: Path) -> None:
    if not_here := available():
        pytest.skip(not_here)
    root, name = chapter.root, chapter.name
    run(f"generate_assignment --force {name}", root)
    run(f"release_assignment {name}", root)

    points = {
        cell.id.replace("check", "exercise"): cell.metadata.nbgrader.points
        for cell in by_id(chapter.solved)[1].values()
        if cell.metadata.get("nbgrader", {}).get("grade")
    }
    assert points
    students = {"ada": None, "bob": set(), "cid": set(half_of(points))}
    for student, solved in students.items():
        desk = tmp_path / student
        hand_in(chapter, desk / name, solved)
        shutil.copy(root / "nbgrader_config.py", desk)  # for the exchange's place
        run(f"submit --student {student} {name}", desk)

    run(f"collect {name}", root)
    run(f"autograde {name}", root)
    run(f"generate_feedback {name}", root)
    run(f"release_feedback {name}", root)
    run("export --to grades.csv", root)

    with (root / "grades.csv").open() as file:
        grades = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file) if row["assignment"] == name}
    full = sum(points.values())
    assert grades == {"ada": full, "bob": 0, "cid": full / 2}
    for student in students:
        page = (root / "feedback" / student / name / f"{name}.html").read_text("utf-8")
        assert "HIDDEN TESTS" not in page and f"(Score: {grades[student]:.1f} / {full:.1f})" in page
    assert len(list((tmp_path / "exchange" / "networking" / "feedback").rglob("*.html"))) == 3
