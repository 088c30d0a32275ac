"""Read a chapter's source: py:percent text with a short notation in the cells' header lines.

    # %% [markdown]          text, as comment lines
    # %%                     code
    # %% solution="5.2"      the student's cell: they write what stands between ### BEGIN SOLUTION and ### END SOLUTION
    # %% check="5.2"         check("5.2", their_function): graded and locked; points and a hidden test are added
    # %% needs="5.2 5.3"     uses what the student writes in 5.2 and 5.3: until then it may fail, and Run All goes on
    # %% live                its output differs between runs: nbval does not compare it
    # %% tags=["hide"]       a cell's tags, as notebooks know them

An exercise has one solution cell and, below it, one check cell. A region to be solved stands inside a function, so that
the released cell still defines the name and only calling it says which exercise it waits for.

Cell ids come from the cells themselves, so that the same source gives the same notebook. What is wrong in a source is
an `AuthoringError` that names file, line and fix. Executing and releasing are left to the neighbours.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

import jupytext
import nbformat
from nbformat import NotebookNode

from netlib.authoring.chapter import AuthoringError, Chapter

WORDS = ("solution", "check", "needs", "live", "tags")
LIVE = "nbval-ignore-output"  # the tag of a live cell
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
HIDDEN_TEST = """\
### BEGIN HIDDEN TESTS
from netlib.grading import grade
{graded}
### END HIDDEN TESTS
{shown}"""
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}


class ExerciseLike(Protocol):
    """What the builder wants to know of an exercise (see netlib.grading)."""

    @property
    def name(self) -> str: ...
    @property
    def points(self) -> int: ...
    @property
    def credit(self) -> Mapping[str, int]: ...


Exercises = Callable[[str], ExerciseLike]
"""The declared exercise of a number such as "5.2"; raises KeyError when there is none."""


@dataclass(slots=True)
class Source:
    """A chapter's source, read: the notebook without outputs, and the source line on which each cell begins."""

    notebook: NotebookNode
    lines: list[int]


def read(chapter: Chapter, exercises: Exercises) -> Source:
    """The solved notebook that the source describes, not executed. Raises AuthoringError for what is wrong in it."""
    return _Reader(chapter, exercises).read()


@dataclass(slots=True)
class _Reader:
    chapter: Chapter
    exercises: Exercises
    solutions: dict[str, int] = field(default_factory=dict)  # exercise -> line of its solution cell
    checks: dict[str, int] = field(default_factory=dict)
    imported: set[str] = field(default_factory=set)
    ids: Counter[str] = field(default_factory=Counter)

    def fail(self, line: int, what: str, fix: str) -> NoReturn:
        raise AuthoringError(f"{self.chapter.where(line)}: {what}; {fix}")

    def read(self) -> Source:
        try:
            text = self.chapter.source.read_text("utf-8")
        except UnicodeDecodeError as error:
            self.fail(1, f"not UTF-8 text (byte {error.start})", "save it as UTF-8")
        lines = [number for number, line in enumerate(text.splitlines(), 1) if line.startswith("# %%")]
        if not lines or "".join(text.splitlines()[: lines[0] - 1]).strip():
            self.fail(1, "text before the first cell", "begin the file with a line `# %% [markdown]`")
        try:
            notebook = jupytext.reads(text, fmt="py:percent")
        except Exception as error:
            self.fail(1, f"jupytext can't read it ({type(error).__name__}: {error})", "mend the cell headers")
        if len(notebook.cells) != len(lines):
            differ = f"{len(lines)} cell headers but {len(notebook.cells)} cells"
            self.fail(lines[0], differ, "let every line that starts with `# %%` begin a cell")
        for cell, line in zip(notebook.cells, lines, strict=True):
            self.expand(cell, line)
        for number, line in self.solutions.items():
            if number not in self.checks:
                self.fail(line, f"exercise {number} has no check", f'add a cell `# %% check="{number}"` below it')
        for name in ("NotImplementedYet", "check"):
            if self.solutions and not self.imported & {name, "*"}:
                self.fail(lines[0], f"{name} is never imported", "import it from netlib.grading, at the top")
        notebook.metadata = nbformat.from_dict(METADATA)
        notebook.nbformat, notebook.nbformat_minor = 4, 5
        nbformat.validate(notebook)
        return Source(notebook, lines)

    def expand(self, cell: NotebookNode, line: int) -> None:
        """Turn the words of a cell's header into what nbgrader, nbval and the release know it by."""
        words = {word: value for word, value in cell.metadata.items() if word != "lines_to_next_cell"}
        if words.get("title") == "live":
            words["live"] = words.pop("title")
        for word in words:
            if word not in WORDS:
                shown = words[word] if word == "title" else word
                self.fail(line, f"unknown word {shown!r} in the cell's header", f"the words are {', '.join(WORDS)}")
        if cell.cell_type != "code" and words.keys() - {"tags"}:
            self.fail(line, "only code cells have a solution, a check, needs or live", "remove [markdown], or the word")
        if "solution" not in words and (BEGIN in cell.source or END in cell.source):
            self.fail(line, "a solution region outside a solution cell", 'write `# %% solution="<exercise>"`')

        cell.metadata = NotebookNode()
        tags = list(words.get("tags", []))
        notes: dict[str, Any] = {}
        if cell.cell_type == "code":
            self.imported |= imported_names(cell.source)
        if "live" in words:
            tags.append(LIVE)
        if "needs" in words:
            notes["needs"] = self.needs(str(words["needs"]).split(), line)
        if "solution" in words:
            number = str(words["solution"])
            notes["exercise"] = self.solution(cell, number, line)
            cell.metadata["nbgrader"] = nbgrader_cell("exercise", number, solution=True)
        if "check" in words:
            number = str(words["check"])
            cell.source = self.check(cell.source, number, line)
            cell.metadata["nbgrader"] = nbgrader_cell("check", number, points=self.exercise(number, line).points)
        if tags:
            cell.metadata["tags"] = tags
        if notes:
            cell.metadata["netlib"] = nbformat.from_dict(notes)
        cell.id = self.identify(cell)

    def exercise(self, number: str, line: int) -> ExerciseLike:
        try:
            return self.exercises(number)
        except KeyError:
            self.fail(line, f"no exercise {number} is declared", "declare it in netlib/exercises/, or mend the number")

    def solution(self, cell: NotebookNode, number: str, line: int) -> str:
        """Check a solution cell; returns what its stub says it waits for: "5.1 internet_checksum"."""
        if number in self.solutions:
            first = self.solutions[number]
            self.fail(line, f"exercise {number} has a solution on line {first}, too", "keep one, or mend the number")
        self.solutions[number] = line
        inside = False
        for at, text in enumerate(cell.source.splitlines(), line + 1):
            marker = text.strip()
            if marker in (BEGIN, END):
                if inside == (marker == BEGIN):
                    amiss = "inside another region" if inside else "without a BEGIN"
                    self.fail(at, f"{marker} {amiss}", "pair every BEGIN with one END")
                inside = marker == BEGIN
                if inside and not text[0].isspace():
                    self.fail(at, "a solution region outside a function", "put it into the body, below the def")
            elif "BEGIN SOLUTION" in text or "END SOLUTION" in text:
                self.fail(at, "a solution's marker with something beside it", f"write `{BEGIN}` or `{END}` alone")
        if inside:
            self.fail(line, "a solution region without an END", f"write `{END}` below it")
        if BEGIN not in cell.source:
            self.fail(line, f"exercise {number} has no solution region", f"add `{BEGIN}` and `{END}`")
        return f"{number} {self.exercise(number, line).name}"

    def check(self, source: str, number: str, line: int) -> str:
        """Check a check cell; returns its source below the hidden test, which asks the same with other inputs.

        The check stays last, so that the notebook shows its report.
        """
        if number in self.checks:
            first = self.checks[number]
            self.fail(line, f"exercise {number} is checked on line {first}, too", "keep one, or mend the number")
        if number not in self.solutions:
            self.fail(line, f"exercise {number} has no solution above", f'add a cell `# %% solution="{number}"`')
        self.checks[number] = line
        calls = list(check_calls(source, number))
        if len(calls) != 1:
            self.fail(
                line, f"{len(calls)} calls of check({number!r}, ...)", f'write one: `check("{number}", function)`'
            )
        asked = ast.get_source_segment(source, calls[0]) or ""
        graded = asked.replace("check", "grade", 1)
        if self.exercise(number, line).credit:
            # nbgrader takes the first result of the cell for the points, if it is a number; None is not shown
            graded = f"get_ipython().displayhook({graded})"
        return HIDDEN_TEST.format(shown=source.rstrip(), graded=graded)

    def needs(self, numbers: list[str], line: int) -> list[str]:
        for number in numbers:
            self.exercise(number, line)
            if number not in self.solutions and number.split(".")[0] == str(int(self.chapter.name[:2])):
                self.fail(line, f"needs exercise {number}, which is not above", "move the cell below that exercise")
        return numbers

    def identify(self, cell: NotebookNode) -> str:
        """An id that says the same whenever the cell does: an exercise's number, else a hash of type and text."""
        if "nbgrader" in cell.metadata:
            return str(cell.metadata.nbgrader.grade_id)
        digest = hashlib.sha256(f"{cell.cell_type}\0{cell.source}".encode()).hexdigest()[:12]
        self.ids[digest] += 1
        return digest if self.ids[digest] == 1 else f"{digest}-{self.ids[digest]}"


def nbgrader_cell(kind: str, number: str, *, solution: bool = False, points: int | None = None) -> NotebookNode:
    """nbgrader's metadata for the student's cell of an exercise, or for its graded cell."""
    graded: dict[str, Any] = {} if points is None else {"points": points}
    node: NotebookNode = nbformat.from_dict(
        {
            "schema_version": 3,
            "grade_id": f"{kind}-{re.sub(r'[^0-9a-zA-Z]', '-', number)}",
            "grade": points is not None,
            "solution": solution,
            "locked": not solution,
            "task": False,
            "cell_type": "code",
            **graded,
        }
    )
    return node


def check_calls(source: str, number: str) -> Iterator[ast.Call]:
    """The calls check("5.2", ...) in a cell, for the exercise of that number."""
    for node in ast.walk(parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="check"), args=[ast.Constant(value=value), *_]) if value == number:
                yield node


def imported_names(source: str) -> set[str]:
    """The names that a cell imports one by one."""
    return {
        alias.asname or alias.name
        for node in ast.walk(parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def parse(source: str) -> ast.Module:
    """The cell's syntax tree; empty when it isn't plain Python (a magic, say: running it will tell)."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])
