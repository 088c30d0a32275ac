"""Building, releasing, and telling what has drifted, on a small course with a real kernel and nbgrader's own steps."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from authoring import demo

from netlib.authoring.chapter import AuthoringError, Chapter
from netlib.authoring.notebooks import build, drift, load, strays

exercises = demo.EXERCISES.__getitem__


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Chapter:
    """The demonstration, built once; tests that change it take a copy."""
    chapter = demo.course(tmp_path_factory.mktemp("course"))
    build(chapter, exercises)
    return chapter


@pytest.fixture
def chapter(built: Chapter, tmp_path: Path) -> Chapter:
    root = tmp_path / "copy"
    shutil.copytree(built.root, root)
    return Chapter(root, built.name)


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def released(chapter: Chapter) -> nbformat.NotebookNode:
    return nbformat.read(chapter.released / f"{chapter.name}.ipynb", as_version=4)


def edit(chapter: Chapter, old: str, new: str) -> None:
    text = chapter.source.read_text()
    assert old in text
    chapter.source.write_text(text.replace(old, new))


def test_the_solved_notebook_has_outputs_and_no_trace_of_the_run(built: Chapter) -> None:
    solved = load(built.solved)
    assert solved is not None
    outputs = [output for cell in solved.cells[:-1] for output in cell.get("outputs", [])]
    said = [output["text"] if "text" in output else output["data"]["text/plain"] for output in outputs]
    for words, start in zip(said, ("✓ 1.1 double: passed", "twice 21 is 42\n", "✓ 1.2 Counter: passed"), strict=True):
        assert words.startswith(start)
    text = built.solved.read_text()
    assert "jupytext" not in text and "iopub" not in text and str(built.root) not in text


def test_the_release_holds_nothing_that_it_should_not(built: Chapter) -> None:
    assert sorted(files(built.released)) == ["01-demo.ipynb", "data.txt"]
    text = (built.released / "01-demo.ipynb").read_text()
    for secret in ("secret_answer", "SOLUTION", "HIDDEN", "import grade\\n", "zoo"):
        assert secret not in text
    for cell in released(built).cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None


def test_stubs_wait_for_their_exercise(built: Chapter) -> None:
    cells = {cell.id: cell for cell in released(built).cells}
    assert cells["exercise-1-1"].source.splitlines()[-1] == '    raise NotImplementedYet("1.1 double")'
    assert cells["exercise-1-2"].source.count('        raise NotImplementedYet("1.2 Counter")') == 2
    assert cells["check-1-1"].source == 'check("1.1", double)'
    assert cells["check-1-1"].metadata.nbgrader.points == 3
    needing = [cell for cell in released(built).cells if "raises-exception" in cell.metadata.get("tags", [])]
    assert [cell.source.splitlines()[-1] for cell in needing] == [
        'print("twice 21 is", double(21))',
        "Counter().count(), time.time()",
    ]
    assert all("netlib" not in cell.metadata for cell in released(built).cells)


def test_a_rebuild_changes_nothing(chapter: Chapter) -> None:
    before = files(chapter.root)
    assert drift(chapter, exercises) == []
    assert build(chapter, exercises) == []
    assert files(chapter.root) == before


def test_executing_again_changes_nothing_but_stale_outputs(chapter: Chapter) -> None:
    before = files(chapter.root)
    assert build(chapter, exercises, force=True) == []  # though the live cell shows another time
    assert files(chapter.root) == before
    chapter.solved.write_text(chapter.solved.read_text().replace("twice 21 is 42", "twice 21 is 41"))
    assert drift(chapter, exercises) == []  # nbval sees that
    assert build(chapter, exercises, force=True) == [chapter.solved]
    assert "twice 21 is 42" in chapter.solved.read_text()


def test_a_changed_text_is_drift_until_it_is_built(chapter: Chapter) -> None:
    edit(chapter, "# Two exercises.", "# A pair of exercises.")
    release = chapter.released / "01-demo.ipynb"
    assert drift(chapter, exercises) == [chapter.solved, release]
    assert build(chapter, exercises) == [chapter.solved, release]
    assert drift(chapter, exercises) == []


@pytest.mark.parametrize(
    "amiss", ["solved edited", "solved gone", "not run", "release edited", "release gone", "extra"]
)
def test_whatever_was_touched_is_drift(chapter: Chapter, amiss: str) -> None:
    release = chapter.released / "01-demo.ipynb"
    extra = chapter.released / "answers.txt"
    wrong = {"solved": chapter.solved, "not": chapter.solved, "release": release, "extra": extra}[amiss.split()[0]]
    match amiss.split()[1:]:
        case ["edited"]:
            wrong.write_text(wrong.read_text().replace("A demonstration", "A demo"))
        case ["gone"]:
            wrong.unlink()
        case ["run"]:
            wrong.write_text(wrong.read_text().replace('"execution_count": 3', '"execution_count": null'))
        case _:
            wrong.write_text("42")
    assert wrong in drift(chapter, exercises)
    if amiss != "not run":
        assert build(chapter, exercises)
        assert drift(chapter, exercises) == []


def test_a_chapter_that_is_no_more_leaves_a_stray(chapter: Chapter) -> None:
    assert strays(chapter.root, [chapter]) == []
    assert strays(chapter.root, []) == [chapter.released]


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("1 / 0", "this cell raised ZeroDivisionError: division by zero"),
        ("print(object())", "different in each run"),
        ("import os\nprint(os.getcwd() + '/x')", "different in each run"),
        ("import os\nos._exit(3)", "the kernel died in this cell"),
    ],
)
def test_a_cell_that_fails_is_named_by_its_line(tmp_path: Path, cell: str, what: str) -> None:
    chapter = demo.course(tmp_path, f"# %% [markdown]\n# Title\n\n# %%\n{cell}\n\n# %%\n2\n")
    with pytest.raises(AuthoringError) as caught:
        build(chapter, exercises)
    assert str(caught.value).startswith("solutions/01-demo/01-demo.py:4: ")
    assert what in str(caught.value) and "\n" not in str(caught.value)
    assert not chapter.solved.exists()


def test_nbgraders_own_command_writes_the_same_release(chapter: Chapter) -> None:
    before = files(chapter.released)
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", "--force", chapter.name]
    done = subprocess.run(command, cwd=chapter.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert files(chapter.released) == before
