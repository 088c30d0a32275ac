"""The bar while a cell waits: there from the start, gone with what is shown next, also after an error."""

import contextlib

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from netlib.view import waiting


def test_without_a_kernel_it_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting("for h1's kernel", 7.5):
        assert capsys.readouterr().out == "waiting for h1's kernel: about 7.5 s\n"
    assert capsys.readouterr().out == ""


def outputs_of(source: str) -> str:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("from netlib.view import waiting\n" + source)])
    with contextlib.suppress(CellExecutionError):
        NotebookClient(notebook, timeout=600, iopub_timeout=60, kernel_name="python3").execute()
    return str(notebook.cells[0].outputs)


def test_a_notebook_keeps_nothing_of_it() -> None:
    outputs = outputs_of('with waiting("for the lab", 3):\n    pass\nprint("done")')
    assert "done" in outputs and "waiting" not in outputs


def test_an_error_takes_its_place() -> None:
    outputs = outputs_of('with waiting("for the lab", 3):\n    raise OSError("no lab")')
    assert "no lab" in outputs and "about 3 s" not in outputs
