"""In a real Jupyter kernel: whatever the student's code does, the notebook goes on."""

import re
from pathlib import Path

import nbformat
import pytest

nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

CELLS = [
    f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
    "import os, time\nfrom grading import toys\nfrom netlib.grading import NotImplementedYet, check",
    "def word_sum(data):\n    raise NotImplementedYet('0.1 word_sum')",
    "word_sum(b'')",
    "check('0.1', word_sum)",
    "def word_sum(data):\n    while True:\n        print('x' * 100_000)",
    "check('0.1', word_sum)",
    "def word_sum(data):\n    total = 0\n    while True:\n        total += 1",
    "check('0.1', word_sum)",
    "def word_sum(data):\n    os._exit(1)",
    "check('0.1', word_sum)",
    "def word_sum(data):\n    display('shown')\n    return input('length? ')",
    "check('0.1', word_sum)",
    "def word_sum(data):\n    total = int.from_bytes(data + bytes(len(data) % 2), 'big')\n"
    "    return -total % 0xFFFF if total else 0xFFFF",
    "check('0.1', word_sum)",
    "print('goes on'); 6 * 7",
]


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    folder = tmp_path_factory.mktemp("notebook")
    client = nbclient.NotebookClient(
        notebook, timeout=600, iopub_timeout=60, kernel_name="python3", allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    )  # fmt: skip
    client.execute()
    assert list(folder.iterdir()) == []
    return notebook.cells


def shown(cell):
    (output,) = cell.outputs
    assert output.output_type == "execute_result"
    assert "<div" in output.data["text/html"]
    return output.data["text/plain"]


def test_a_starter_is_one_line_and_no_traceback(cells):
    (output,) = cells[2].outputs
    assert output.traceback == ["waiting for exercise 0.1 word_sum"]
    assert shown(cells[3]) == "… waiting for exercise 0.1 word_sum"


def test_a_gigabyte_of_printing_is_one_message(cells):
    assert "printed more than 4 MB and was stopped" in shown(cells[5])
    assert len(shown(cells[5])) < 4000


def test_an_endless_loop_is_one_message_with_its_line(cells):
    assert re.search(r"did not finish within 1 s; it was in line [34]: (while True:|total \+= 1)", shown(cells[7]))


def test_ending_the_process_ends_only_the_copy(cells):
    assert "ended the whole process (exit status 1)" in shown(cells[9])


def test_nothing_speaks_on_the_kernels_sockets(cells):
    assert "input() has nobody to ask here" in shown(cells[11])


def test_the_notebook_goes_on(cells):
    assert shown(cells[13]) == "✓ 0.1 word_sum: passed: 2 pinned and 200 random inputs (4 points)"
    stream, result = cells[14].outputs
    assert stream.text == "goes on\n"
    assert result.data["text/plain"] == "42"
