"""What students and editors do to a notebook, and what is graded of it."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instructor import editors as edit
from instructor.editors import Notebook

from netlib.instructor.program import grade_id_of, is_solution, text_of
from netlib.instructor.repair import ADDED, LONGEST, Repaired, repair
from netlib.instructor.submission import Unreadable, read

CHAPTERS = ["05-ip-packet", "06-icmp"]
SOLUTIONS = edit.solutions()


def repaired(notebook: Notebook, chapter: str = "05-ip-packet") -> Repaired:
    release = edit.released(chapter)
    made = repair(release, edit.handed_in(notebook))
    assert release == edit.released(chapter), "the release was changed"
    check_invariants(made, chapter)
    return made


def check_invariants(made: Repaired, chapter: str = "05-ip-packet") -> None:
    """What holds for every repaired notebook: graded cells are the release's, and a second repair changes nothing."""
    release = edit.released(chapter)
    nbformat.validate(nbformat.from_dict(copy.deepcopy(made.notebook)))
    ours = {cell["id"]: cell for cell in release["cells"]}
    assert [cell["id"] for cell in made.notebook["cells"] if cell["id"] in ours] == list(ours)
    for cell in made.notebook["cells"]:
        original = ours.get(cell["id"])
        if original is None:
            assert cell["metadata"] == {}
        else:
            assert cell["metadata"] == original["metadata"]
            if grade_id_of(original):
                assert cell["cell_type"] == original["cell_type"]
            if grade_id_of(original) and not is_solution(original):
                assert cell["source"] == text_of(original)
                assert cell["outputs"] == []
    assert made.notebook["metadata"] == release["metadata"]
    assert all("\n" not in note and len(note) < 300 for note in made.notes)
    again = repair(release, json.loads(json.dumps(made.notebook)))
    assert again.notebook == made.notebook
    json.dumps(made.notebook).encode()


def answers(made: Repaired) -> dict[str, str]:
    return {cell["id"]: cell["source"] for cell in made.notebook["cells"] if cell["id"].startswith("exercise-")}


def names(made: Repaired, first: str, last: str) -> list[str]:
    """The cells from one to another, those of the student's by their text."""
    ours = {cell["id"] for cell in edit.released()["cells"]}
    listed = [cell["id"] if cell["id"] in ours else cell["source"] for cell in made.notebook["cells"]]
    return listed[listed.index(first) : listed.index(last) + 1]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_was_not_touched_stays(chapter: str) -> None:
    for notebook in (edit.released(chapter), edit.solved(chapter)):
        made = repaired(notebook, chapter)
        assert made.notes == []
        assert [text_of(cell) for cell in made.notebook["cells"]] == [text_of(cell) for cell in notebook["cells"]]


EDITORS: list[Callable[[Notebook], Notebook]] = [
    edit.saved_by_colab,
    edit.saved_by_vscode,
    edit.without_ids,
    edit.stripped,
]


@pytest.mark.parametrize("editor", EDITORS, ids=lambda editor: editor.__name__)
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_other_editors(editor: Callable[[Notebook], Notebook], chapter: str) -> None:
    notebook = edit.solved(chapter)
    demonstration = next(
        cell for cell in notebook["cells"] if "def in_hex" in text_of(cell) or "def chain" in text_of(cell)
    )
    demonstration["source"] = text_of(demonstration) + "\nprint('and what do I see?')"
    made = repaired(editor(notebook), chapter)
    assert [text_of(cell) for cell in made.notebook["cells"]] == [text_of(cell) for cell in notebook["cells"]]
    expected = len(edit.solutions(chapter)) if editor is edit.stripped else 0
    assert len(made.notes) == expected and all("found by what it defines" in note for note in made.notes)


def test_a_missing_cell_gets_its_starter() -> None:
    notebook = edit.solved()
    edit.delete(notebook, "exercise-5-2")
    made = repaired(notebook)
    assert made.notes == ["The cell of exercise 5.2 was missing; the starter was put back, so 5.2 gets no points."]
    assert answers(made) == SOLUTIONS | {"exercise-5-2": text_of(edit.cell(edit.released(), "exercise-5-2"))}


def test_a_missing_cell_is_found_by_what_it_defines() -> None:
    notebook = edit.solved()
    edit.delete(notebook, "exercise-5-6")
    edit.insert(notebook, SOLUTIONS["exercise-5-6"], before="check-5-6")
    made = repaired(notebook)
    assert made.notes == ["The cell of exercise 5.6 had lost its name; it was found by what it defines."]
    assert answers(made) == SOLUTIONS
    assert names(made, "exercise-5-6", "check-5-6") == ["exercise-5-6", "check-5-6"]


def test_a_found_cell_need_not_be_python() -> None:
    notebook = edit.solved()
    edit.cell(notebook, "exercise-5-2").update(
        source="def build_header(fields, payload_length):\n    return (", metadata={}
    )
    edit.cell(notebook, "exercise-5-2")["id"] = "mine"
    assert answers(repaired(notebook))["exercise-5-2"].endswith("return (")


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_a_converted_cell_is_code_again(kind: str) -> None:
    notebook = edit.solved()
    edit.convert(notebook, "exercise-5-1", kind)
    made = repaired(notebook)
    assert answers(made) == SOLUTIONS
    assert [note.split(";")[0].rsplit(" ", 1)[0] for note in made.notes] == [
        {"markdown": "The cell of exercise 5.1 had become text", "raw": "The cell of exercise 5.1 had become raw"}[kind]
    ]


def test_a_cell_split_inside_a_function_is_joined() -> None:
    notebook = edit.solved()
    edit.split(notebook, "exercise-5-1", "    while total")
    made = repaired(notebook)
    assert made.notes == ["The cell of exercise 5.1 had been split; its 2 parts were joined."]
    assert answers(made) == SOLUTIONS


def test_a_class_split_between_methods_is_joined() -> None:
    notebook = edit.solved()
    edit.split(notebook, "exercise-5-6", "    def add")
    edit.split(notebook, "exercise-5-6", "    def expire")
    notebook["cells"].insert(edit.at(notebook, "exercise-5-6"), {"cell_type": "markdown", "source": "now expire"})
    made = repaired(notebook)
    assert made.notes == ["The cell of exercise 5.6 had been split; its 3 parts were joined."]
    scope: dict[str, Any] = {}
    exec(answers(made)["exercise-5-6"], scope)
    assert {"add", "expire", "deadline"} <= vars(scope["Reassembler"]).keys()


def test_a_cell_split_between_functions_stays_two() -> None:
    notebook = edit.solved()
    edit.split(notebook, "exercise-5-2", "def build_header")
    made = repaired(notebook)
    below = [cell for cell in made.notebook["cells"] if cell["id"].startswith("exercise-5-2")]
    assert below[0]["source"].startswith("DEFAULTS") and "def" not in below[0]["source"]
    assert [text.split("(")[0] for text in names(made, "exercise-5-2", "check-5-2")] == [
        "exercise-5-2",
        "def build_header",
        "check-5-2",
    ]


def test_a_copied_cell_is_kept_in_its_place() -> None:
    notebook = edit.solved()
    edit.paste(notebook, "exercise-5-1", "exercise-5-1", "def internet_checksum(data): return 7")
    edit.paste(notebook, "exercise-5-1", "check-5-1", "def internet_checksum(data): return 8")
    made = repaired(notebook)
    assert names(made, "exercise-5-1", "682aa0bc9a7e") == [
        "exercise-5-1",
        "def internet_checksum(data): return 7",
        "check-5-1",
        "def internet_checksum(data): return 8",
        "682aa0bc9a7e",
    ]
    said = "The cell of exercise 5.1 was there 3 times; all were kept, and the last one above the check counts."
    assert made.notes == [said]


def test_a_moved_cell_is_put_back() -> None:
    notebook = edit.solved()
    edit.move(notebook, "exercise-5-2", "check-5-5")
    made = repaired(notebook)
    assert made.notes == ["The cell of exercise 5.2 had been moved; it was put back to its place."]
    assert answers(made) == SOLUTIONS


def test_a_merged_cell() -> None:
    notebook = edit.solved()
    above = notebook["cells"][edit.at(notebook, "exercise-5-3") - 1]
    above.update(edit.code("LIMIT = 60", "mine"))
    edit.merge(notebook, "mine", "exercise-5-3")
    made = repaired(notebook)
    assert answers(made)["exercise-5-3"] == "LIMIT = 60\n\n" + SOLUTIONS["exercise-5-3"]
    assert made.notes == ["The cell of exercise 5.3 had lost its name; it was found by what it defines."]


def test_two_solutions_merged_into_one_cell() -> None:
    """Colab lets one edit and delete every cell."""
    notebook = edit.solved()
    edit.merge(notebook, "exercise-5-2", "exercise-5-1")
    made = repaired(notebook)
    both = SOLUTIONS["exercise-5-1"] + "\n\n" + SOLUTIONS["exercise-5-2"]
    assert answers(made) == SOLUTIONS | {"exercise-5-1": both, "exercise-5-2": both}
    assert "The cell of exercise 5.1 had been merged with another one; its code was found there." in made.notes


def test_a_solution_merged_into_its_check() -> None:
    notebook = edit.solved()
    edit.merge(notebook, "check-5-1", "exercise-5-1")
    made = repaired(notebook)
    assert answers(made)["exercise-5-1"] == SOLUTIONS["exercise-5-1"] + '\n\ncheck("5.1", internet_checksum)'
    assert len(made.notebook["cells"]) == len(edit.released()["cells"])


def test_a_changed_check_is_put_back_and_what_it_defines_is_kept() -> None:
    notebook = edit.solved()
    edit.cell(notebook, "check-5-1")["source"] = "def helper(): pass\ncheck('5.1', helper)"
    edit.cell(notebook, "check-5-2")["source"] = "check('5.2', mine)"
    made = repaired(notebook)
    assert names(made, "exercise-5-1", "check-5-1") == [
        "exercise-5-1",
        "def helper(): pass\ncheck('5.1', helper)",
        "check-5-1",
    ]
    assert names(made, "exercise-5-2", "check-5-2") == ["exercise-5-2", "check-5-2"]
    changed = "The check of exercise {} had been changed; the released one was put back."
    assert made.notes == [changed.format("5.1"), changed.format("5.2")]


def test_a_missing_check_is_put_back_below_what_was_added() -> None:
    notebook = edit.solved()
    edit.insert(notebook, "more = 1", after="exercise-5-1")
    edit.delete(notebook, "check-5-1")
    made = repaired(notebook)
    assert made.notes == ["The check of exercise 5.1 was missing; it was put back."]
    assert names(made, "exercise-5-1", "check-5-1") == ["exercise-5-1", "more = 1", "check-5-1"]


def test_the_chapters_own_cells_are_the_students_to_change() -> None:
    notebook = edit.solved()
    edit.cell(notebook, "94fa6becf980")["source"] = "header = b'my own'"
    edit.convert(notebook, "d00e75a844f4", "markdown")
    edit.delete(notebook, "01191d4864bd")
    edit.delete(notebook, "6ce4efeb2457")
    made = repaired(notebook)
    cells = {cell["id"]: cell for cell in made.notebook["cells"]}
    assert cells["94fa6becf980"]["source"] == "header = b'my own'"
    assert cells["d00e75a844f4"]["cell_type"] == "markdown"
    assert "01191d4864bd" in cells and "6ce4efeb2457" in cells
    assert made.notes == ["1 of the chapter's code cells was missing; what was missing was put back."]


def test_cells_added_at_both_ends_stay_there() -> None:
    notebook = edit.solved()
    notebook["cells"].insert(0, edit.code("first"))
    notebook["cells"].append(edit.code("last"))
    made = repaired(notebook)
    assert [made.notebook["cells"][at]["source"] for at in (0, -1)] == ["first", "last"]
    assert made.notes == []


def test_a_renamed_function_is_told() -> None:
    notebook = edit.solved()
    edit.cell(notebook, "exercise-5-2")["source"] = SOLUTIONS["exercise-5-2"].replace("build_header", "build_headers")
    said = "The cell of exercise 5.2 defines build_headers, but no build_header, which is what is checked."
    assert repaired(notebook).notes == [said]


def test_an_empty_cell_is_told() -> None:
    notebook = edit.solved()
    edit.cell(notebook, "exercise-5-2")["source"] = ""
    assert repaired(notebook).notes == ["The cell of exercise 5.2 defines no build_header, which is what is checked."]


def test_an_answer_below_its_check_is_told() -> None:
    notebook = edit.solved("05-ip-packet", "5.1")
    edit.insert(notebook, SOLUTIONS["exercise-5-2"], after="check-5-2")
    said = "Exercise 5.2 is answered below its check: run from top to bottom, the check meets the starter."
    assert repaired(notebook).notes == [said]


def test_an_answer_in_a_cell_below_the_starter_is_nothing_to_tell() -> None:
    notebook = edit.solved("05-ip-packet", "5.1")
    edit.insert(notebook, SOLUTIONS["exercise-5-2"], after="exercise-5-2")
    assert repaired(notebook).notes == []


def test_another_kernel_is_told() -> None:
    notebook = edit.solved()
    notebook["metadata"] = {"kernelspec": {"name": "ir", "language": "R"}}
    assert repaired(notebook).notes == ["The notebook was saved with another kernel (R); it is graded as Python."]


def test_conflict_markers_are_told() -> None:
    notebook = edit.solved()
    conflict = "<<<<<<< HEAD\ndef internet_checksum(data): return 1\n=======\nx\n>>>>>>> theirs\n"
    edit.cell(notebook, "exercise-5-1")["source"] = conflict
    assert repaired(notebook).notes == ["The cell of exercise 5.1 holds a merge conflict of git, which is not Python."]


def test_points_and_locks_of_a_submission_do_not_count() -> None:
    notebook = edit.solved()
    for cell in notebook["cells"]:
        notes = cell["metadata"].get("nbgrader", {})
        notes.update(points=1000, grade=not notes.get("grade"), locked=False, solution=True, cell_type="markdown")
        cell["metadata"]["tags"] = ["hide"]
    made = repaired(notebook)
    assert made.notes == [] and answers(made) == SOLUTIONS


def test_a_submission_is_bounded() -> None:
    notebook = edit.solved()
    edit.cell(notebook, "exercise-5-1")["source"] = "#" * (LONGEST + 1)
    notebook["cells"] += [edit.code(f"x = {number}") for number in range(ADDED + 50)]
    notebook["cells"].append(edit.code("#" * (LONGEST + 1)))
    made = repaired(notebook)
    assert len(made.notebook["cells"]) == len(edit.released()["cells"]) + ADDED
    assert made.notes[0].startswith(f"The cell of exercise 5.1 has {LONGEST + 1} characters")
    assert made.notes[-1] == "51 added cells were left out: the notebook is too long."
    assert answers(made)["exercise-5-1"].endswith('raise NotImplementedYet("5.1 internet_checksum")')


def test_outputs_are_bounded_and_filtered() -> None:
    notebook = edit.solved()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "\x1b[31m" + "x" * 15_000}] * 50
    made = json.dumps(repaired(notebook).notebook)
    assert len(made) < 10_000_000 and "\\u001b" not in made


OPERATIONS = ["delete", "paste", "move", "convert", "split", "merge", "edit", "insert", "rename"]


def shaken(seed: int, steps: int, editor: Callable[[Notebook], Notebook]) -> Notebook:
    """A notebook after so many random actions."""
    chance = random.Random(seed)
    notebook = edit.solved(chance.choice(CHAPTERS))
    for _ in range(steps):
        ids = [cell["id"] for cell in notebook["cells"]]
        one, other = chance.choice(ids), chance.choice(ids)
        match chance.choice(OPERATIONS):
            case "delete":
                edit.delete(notebook, one)
            case "paste":
                edit.paste(notebook, one, other)
            case "move" if one != other:
                edit.move(notebook, one, other)
            case "convert":
                edit.convert(notebook, one, chance.choice(["markdown", "raw"]))
            case "split" if text_of(edit.cell(notebook, one)):
                text = text_of(edit.cell(notebook, one))
                edit.split(notebook, one, text[chance.randrange(len(text)) :])
            case "merge" if one != other:
                edit.merge(notebook, one, other)
            case "edit":
                edit.cell(notebook, one)["source"] = chance.choice(["", "x = (", "import os", "def fragment(): pass"])
            case "insert":
                edit.insert(notebook, "y = 1", after=one)
            case "rename":
                edit.cell(notebook, one)["metadata"]["nbgrader"] = {"grade_id": other}
    return editor(notebook)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 10_000), st.integers(0, 40), st.sampled_from([*EDITORS, copy.deepcopy]), st.sampled_from(CHAPTERS)
)
def test_whatever_is_done_to_a_notebook(seed: int, steps: int, editor: Any, chapter: str) -> None:
    made = repair(edit.released(chapter), edit.handed_in(shaken(seed, steps, editor)))
    check_invariants(made, chapter)


IDS = st.sampled_from(["exercise-5-1", "check-5-1", "94fa6becf980", "a", "", "x y", "added-80"])
SOURCES = st.sampled_from(["", "x=1", "def fragment(): 0", "  x", "\f", "%%time\nx", "!ls", "\ud800", "a\0b", "'''"])
CELLS = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "markdown", "raw", "x"]), "source": SOURCES, "id": IDS},
    optional={"metadata": IDS.map(lambda name: {"nbgrader": {"grade_id": name}}), "outputs": st.just([{}, 5])},
)


@settings(deadline=None, max_examples=60)
@given(st.lists(CELLS | st.none(), max_size=8))
def test_any_notebook_is_repaired(cells: list[Any]) -> None:
    try:
        found = read(json.dumps({"cells": cells}).encode())
    except Unreadable:
        return
    check_invariants(repair(edit.released(), found))
