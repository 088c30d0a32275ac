"""What you wrote in an earlier chapter, for use in a later one.

    internet_checksum = mine("5.1")     prints "using your internet_checksum from chapter 05"

The answer is read from the earlier chapter's notebook, beside the folder that this one is in: the solution cell of
the exercise, together with the imports, functions and classes above it.  Nothing else in that notebook is run.
It is then checked as `check` would.  Where there is no notebook, no answer, or none that passes, netlib's own is
used, and the line says so and why: a gap in one chapter does not close the next.
"""

import ast
import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from netlib.grading.check import CHECK_SEED, examine
from netlib.grading.exercise import Exercise
from netlib.grading.registry import exercise as find_exercise
from netlib.grading.signals import NotImplementedYet

DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class NoAnswer(Exception):
    """There is nothing of yours to use; the message says why."""


def mine(number: str, *, folder: str | Path | None = None) -> Any:
    """Your answer to exercise `number` of an earlier chapter, or netlib's own; prints one line that says which.

    `folder` is where this chapter's notebook is: the working directory, if not given.  KeyError for a number that
    no exercise has; LookupError where netlib has no answer of its own to fall back on.
    """
    exercise = find_exercise(number)
    chapter = number.partition(".")[0].zfill(2)
    try:
        answer = find_answer(exercise, chapter, Path(folder) if folder else Path.cwd())
    except NoAnswer as why:
        if exercise.reference is None:
            raise LookupError(f"exercise {exercise.title}: {why}, and netlib has none to use instead") from None
        print(f"using netlib's {exercise.name}: {why}")
        return exercise.reference
    print(f"using your {exercise.name} from chapter {chapter}")
    return answer


def find_answer(exercise: Exercise, chapter: str, folder: Path) -> Any:
    """The student's answer, if it passes its check.  Raises NoAnswer."""
    notebook = find_notebook(chapter, folder)
    answer = load(read_cells(notebook), exercise, chapter)
    with redirect_stdout(io.StringIO()):
        report = examine(exercise, answer, CHECK_SEED, shrink=False)
    if report.status == "waiting":
        raise NoAnswer(f"exercise {exercise.number} in chapter {chapter} is not solved yet")
    if not report.ok:
        raise NoAnswer(f"yours is not right yet; chapter {chapter}'s check({exercise.number!r}, ...) says why")
    return answer


def find_notebook(chapter: str, folder: Path) -> Path:
    """The chapter's notebook: in a folder beside `folder`, or below it."""
    for place in (folder.resolve().parent, folder.resolve()):
        for home in sorted(place.glob(f"{chapter}-*")):
            notebook = home / f"{home.name}.ipynb"
            if notebook.is_file():
                return notebook
    raise NoAnswer(f"there is no notebook of chapter {chapter} beside this one")


def read_cells(notebook: Path) -> list[dict[str, Any]]:
    """The code cells of a notebook."""
    try:
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        return [cell for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError):
        raise NoAnswer(f"{notebook.name} can't be read as a notebook") from None


def load(cells: list[dict[str, Any]], exercise: Exercise, chapter: str) -> Any:
    """Run what the answer consists of in a namespace of its own, and return the answer."""
    wanted = f"exercise-{exercise.number.replace('.', '-')}"
    ids = [cell.get("metadata", {}).get("nbgrader", {}).get("grade_id") for cell in cells]
    if wanted not in ids:
        raise NoAnswer(f"chapter {chapter}'s notebook has no cell for exercise {exercise.number}")
    last = ids.index(wanted)
    namespace: dict[str, Any] = {"__name__": f"chapter_{chapter}"}
    silence = io.StringIO()
    with redirect_stdout(silence), redirect_stderr(silence):
        for index, cell in enumerate(cells[: last + 1]):
            for statement in statements("".join(cell.get("source", "")), whole=index == last):
                try:
                    exec(compile(statement, f"<chapter {chapter}>", "exec"), namespace)
                except NotImplementedYet:
                    raise NoAnswer(f"exercise {exercise.number} in chapter {chapter} is not solved yet") from None
                except Exception as error:
                    if index == last:
                        raise NoAnswer(f"yours in chapter {chapter} can't be used: {one_line(error)}") from None
    if exercise.name not in namespace:
        raise NoAnswer(f"chapter {chapter}'s cell for exercise {exercise.number} defines no {exercise.name}")
    return namespace[exercise.name]


def statements(source: str, *, whole: bool) -> Iterator[ast.Module]:
    """The statements of a cell, one by one: all, or those that only define something."""
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        if whole:
            raise NoAnswer(f"your cell is not Python: {error.msg}, line {error.lineno}") from None
        return
    for statement in body:
        if whole or isinstance(statement, DEFINITIONS) or is_constant(statement) or is_mine(statement):
            yield ast.Module([statement], [])


def is_constant(statement: ast.stmt) -> bool:
    """LIMIT = 60, or a tuple, list or dict of such."""
    if not isinstance(statement, ast.Assign):
        return False
    try:
        ast.literal_eval(statement.value)
    except ValueError:
        return False
    return True


def is_mine(statement: ast.stmt) -> bool:
    """internet_checksum = mine("5.1"): what a chapter itself has from an earlier one."""
    match statement:
        case ast.Assign(value=ast.Call(func=ast.Name(id="mine"))):
            return True
    return False


def one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:120]
