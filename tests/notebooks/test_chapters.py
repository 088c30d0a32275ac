"""Every chapter: its notebooks are what its source produces, its release keeps the secrets, its starter waits.

The solved notebooks themselves are run by nbval (`make test` gives it solutions/).
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from netlib.authoring.chapter import Chapter, find_chapters
from netlib.authoring.notebooks import drift, strays
from netlib.grading import exercise

ROOT = Path(__file__).parents[2]
each_chapter = pytest.mark.parametrize("chapter", find_chapters(ROOT), ids=lambda chapter: chapter.name)


def released(chapter: Chapter) -> nbformat.NotebookNode:
    return nbformat.read(chapter.released / f"{chapter.name}.ipynb", as_version=4)


@each_chapter
def test_what_is_committed_is_what_the_source_produces(chapter: Chapter) -> None:
    changed = [str(path.relative_to(ROOT)) for path in drift(chapter, exercise)]
    assert changed == [], "run make notebooks"


def test_course_holds_nothing_else() -> None:
    assert strays(ROOT, find_chapters(ROOT)) == []


@each_chapter
def test_release_keeps_the_secrets(chapter: Chapter) -> None:
    assert [path.name for path in chapter.released.rglob("*.py")] == []
    assert not any("zoo" in path.name for path in chapter.released.rglob("*"))
    cells = released(chapter).cells
    text = "\n".join(cell.source for cell in cells)
    for secret in ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "import grade"):
        assert secret not in text
    answered = "\n".join(cell.source for cell in cells if cell.id.startswith("exercise-"))
    regions = re.findall(r"### BEGIN SOLUTION\n(.*?)\s*### END SOLUTION", chapter.source.read_text(), re.S)
    assert answered.count("raise NotImplementedYet(") == len(regions)
    for region in regions:
        assert region not in answered
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


@each_chapter
def test_an_untouched_notebook_runs_to_its_end_and_waits(chapter: Chapter) -> None:
    notebook = released(chapter)
    client = NotebookClient(
        notebook,
        timeout=900,
        iopub_timeout=60,
        kernel_name="python3",
        resources={"metadata": {"path": str(chapter.released)}},
        extra_arguments=["--log-level=ERROR"],
    )
    said = ""
    try:
        client.execute()
    except CellExecutionError as error:
        said = f"{error.ename}: {error.evalue}; this cell lacks needs=..., or builds on one that has it"
    if said:
        ran = [cell for cell in notebook.cells if cell.get("execution_count")]
        last = max(ran, key=lambda cell: cell.execution_count)
        pytest.fail(f"{said}:\n{last.source}", pytrace=False)
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        if cell.metadata.get("nbgrader", {}).get("grade"):
            said = "".join(output.get("data", {}).get("text/plain", "") for output in outputs)
            assert "waiting for exercise" in said, f"{cell.id} says {said!r}"
        for output in outputs:
            if output.output_type == "error":
                assert output.ename == "NotImplementedYet", f"{cell.source}\nraised {output.ename}: {output.evalue}"
