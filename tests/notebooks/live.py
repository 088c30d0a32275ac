"""Running a solved notebook for its live cells, which nbval does not compare: with a lab, its recording, or nothing."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from netlib.lab import Lab, LabError

ROOT = Path(__file__).parents[2]
NO_LAB = """
import netlib.lab.lab
def up(self):
    raise netlib.lab.LabError("namespaces are not allowed here")
netlib.lab.lab.Lab.up = up
"""
REPLAY = """
import os
os.environ["NETLIB_LAB_ENGINE"] = "replay"
"""


def live_output(chapter: str, before: str = "pass") -> str:
    """All that the live cells of a chapter print and show.  Its checks are left out: the zoo and nbval run those."""
    folder = ROOT / "solutions" / chapter
    notebook = nbformat.read(folder / f"{chapter}.ipynb", as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not cell.id.startswith("check-")]
    notebook.cells.insert(0, nbformat.v4.new_code_cell(before))
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, iopub_timeout=60, kernel_name="python3", resources=resources).execute()
    live = [cell for cell in notebook.cells if "nbval-ignore-output" in cell.metadata.get("tags", [])]
    return "\n".join(text for cell in live for text in texts(cell.outputs))


def texts(outputs: list[nbformat.NotebookNode]) -> list[str]:
    """What each output says as text.  What was printed in one go is one, also where it arrived in pieces."""
    said: list[str] = []
    for output, before in zip(outputs, [None, *outputs], strict=False):
        if output.output_type == "stream" and before and before.output_type == "stream":
            said[-1] += output.text
        else:
            said.append(output.get("text") or output["data"]["text/plain"])
    return said


def skip_without_lab(chapter: str) -> None:
    try:
        with Lab(chapter) as lab:
            if not lab.live:
                pytest.skip(f"no live lab on this machine: {lab.badge}")
    except LabError as error:
        pytest.skip(f"no lab on this machine: {error}")
