"""What editors do to a notebook, as data: JupyterLab 4 (read from its source), Colab, VS Code, nbstripout and git."""

from __future__ import annotations

import copy
import json
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from netlib.instructor.program import text_of
from netlib.instructor.submission import read

ROOT = Path(__file__).parents[2]
Notebook = dict[str, Any]
new_ids = (f"new{number:05}" for number in count())


@cache
def stored(folder: str, chapter: str) -> str:
    return (ROOT / folder / chapter / f"{chapter}.ipynb").read_text("utf-8")


def released(chapter: str = "05-ip-packet") -> Notebook:
    return json.loads(stored("course", chapter))  # type: ignore[no-any-return]


def solutions(chapter: str = "05-ip-packet") -> dict[str, str]:
    """What the solved notebook has in each solution cell, by the cell's id."""
    cells = json.loads(stored("solutions", chapter))["cells"]
    return {cell["id"]: text_of(cell) for cell in cells if cell["id"].startswith("exercise-")}


def solved(chapter: str = "05-ip-packet", *numbers: str) -> Notebook:
    """A student's notebook: these exercises are solved; all of them if none is given."""
    notebook = released(chapter)
    answers = solutions(chapter)
    for cell in notebook["cells"]:
        if cell["id"] in answers and (not numbers or cell["id"].removeprefix("exercise-").replace("-", ".") in numbers):
            cell["source"] = answers[cell["id"]]
    return notebook


def handed_in(notebook: Notebook) -> Notebook:
    """As the grader gets it."""
    return read(json.dumps(notebook).encode())


def at(notebook: Notebook, name: str) -> int:
    return next(index for index, cell in enumerate(notebook["cells"]) if cell.get("id") == name)


def cell(notebook: Notebook, name: str) -> Any:
    return notebook["cells"][at(notebook, name)]


def code(source: str, name: str = "") -> dict[str, Any]:
    name = name or next(new_ids)
    return {"cell_type": "code", "id": name, "metadata": {}, "source": source, "outputs": [], "execution_count": 3}


def insert(notebook: Notebook, source: str, *, before: str = "", after: str = "") -> None:
    """A new cell of the student's."""
    notebook["cells"].insert(at(notebook, before or after) + bool(after), code(source))


def delete(notebook: Notebook, name: str) -> None:
    del notebook["cells"][at(notebook, name)]


def split(notebook: Notebook, name: str, before: str) -> None:
    """JupyterLab: both halves have the metadata, the second keeps the id; blank lines at the edge go."""
    index = at(notebook, name)
    whole = notebook["cells"][index]
    text = text_of(whole)
    first = copy.deepcopy(whole) | {"id": next(new_ids), "source": text[: text.index(before)].strip("\n")}
    whole["source"] = text[text.index(before) :].strip("\n")
    notebook["cells"].insert(index, first)


def merge(notebook: Notebook, active: str, other: str) -> None:
    """JupyterLab: the active cell's metadata, a new id, both texts; locked cells can't be merged, solutions can."""
    one, two = sorted([at(notebook, active), at(notebook, other)])
    kept = copy.deepcopy(cell(notebook, active))
    kept["id"] = next(new_ids)
    kept["source"] = "\n\n".join(text_of(notebook["cells"][index]) for index in (one, two))
    del notebook["cells"][two]
    notebook["cells"][one] = kept


def paste(notebook: Notebook, name: str, after: str, source: str | None = None) -> str:
    """JupyterLab: a copy has nbgrader's name, may be deleted, and gets a new id."""
    copied = copy.deepcopy(cell(notebook, name))
    copied["metadata"].pop("deletable", None)
    copied["id"] = next(new_ids)
    if source is not None:
        copied["source"] = source
    notebook["cells"].insert(at(notebook, after) + 1, copied)
    return str(copied["id"])


def move(notebook: Notebook, name: str, after: str) -> None:
    moved = notebook["cells"].pop(at(notebook, name))
    notebook["cells"].insert(at(notebook, after) + 1, moved)


def convert(notebook: Notebook, name: str, kind: str) -> None:
    changed = cell(notebook, name)
    changed["cell_type"] = kind
    changed.pop("outputs", None)
    changed.pop("execution_count", None)


def saved_by_colab(notebook: Notebook) -> Notebook:
    """nbformat 4.0; ids of its own in the metadata; other metadata stay."""
    made = copy.deepcopy(notebook) | {"nbformat_minor": 0}
    made["metadata"]["colab"] = {"provenance": []}
    for number, each in enumerate(made["cells"]):
        del each["id"]
        each["metadata"]["id"] = f"xG{number:09}q"
        each["source"] = text_of(each).splitlines(keepends=True)
    return made


def saved_by_vscode(notebook: Notebook) -> Notebook:
    made = copy.deepcopy(notebook)
    for each in made["cells"]:
        if each["cell_type"] == "code":
            each["metadata"]["vscode"] = {"languageId": "python"}
    return made


def without_ids(notebook: Notebook) -> Notebook:
    """An old editor: nbformat 4.4 has no ids."""
    made = copy.deepcopy(notebook) | {"nbformat_minor": 4}
    for each in made["cells"]:
        del each["id"]
    return made


def stripped(notebook: Notebook) -> Notebook:
    """A tool that keeps neither ids nor metadata."""
    made = without_ids(notebook)
    for each in made["cells"]:
        each["metadata"] = {}
    return made
