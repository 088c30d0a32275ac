"""The live part of chapter 05, which nbval does not compare: its verdicts with a lab, and its words without one.

The exercises' own checks are left out here; the zoo and nbval run those.
"""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from netlib.lab import Lab, LabError

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "solutions" / "05-ip-packet"
NO_LAB = """
import netlib.lab.lab
def up(self):
    raise netlib.lab.LabError("namespaces are not allowed here")
netlib.lab.lab.Lab.up = up
"""
VERDICTS = [
    "h2 answered: b'hello, kernel'",
    "the request left with TTL 64 and arrived with TTL 63",
    "What changes: ttl and checksum. 18 of 20 bytes stay.",
    "total length beyond the data    refuses      refuses     IpExtInTruncatedPkts",
    "3 fragments left h1, 5 arrived at h2, and 4 came back to h1",
    "Frag needed and DF set (mtu = 1000)",
    "two that overlap   nothing was taken in",
    "5 fragments of the kernel made an echo request of 3008 bytes, its ICMP checksum right",
    "the kernel says: 3 packets transmitted, 3 received",
    "dropped by your host: nothing   raised in it: nothing",
]


def live_output(before: str = "pass") -> str:
    """All that the live cells print and show, when the solved notebook runs."""
    notebook = nbformat.read(FOLDER / "05-ip-packet.ipynb", as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not cell.id.startswith("check-")]
    notebook.cells.insert(0, nbformat.v4.new_code_cell(before))
    resources = {"metadata": {"path": str(FOLDER)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    live = [cell for cell in notebook.cells if "nbval-ignore-output" in cell.metadata.get("tags", [])]
    outputs = [output for cell in live for output in cell.outputs]
    return "\n".join(output.get("text") or output["data"]["text/plain"] for output in outputs)


@pytest.fixture
def lab_runs() -> None:
    try:
        Lab("05-ip-packet").up().down()
    except LabError as error:
        pytest.skip(f"no lab on this machine: {error}")


@pytest.mark.usefixtures("lab_runs")
def test_a_kernel_says_what_the_text_says() -> None:
    said = live_output()
    assert [verdict for verdict in VERDICTS if verdict not in said] == []
    assert sum(line.endswith("✗ does not hold  ✗ does not hold") for line in said.splitlines()) == 4
    assert sum(line.endswith("✓ holds          ✓ holds") for line in said.splitlines()) == 2


def test_without_a_lab_every_live_cell_says_so_and_tells_what_was_seen() -> None:
    said = live_output(NO_LAB)
    assert "no lab here: namespaces are not allowed here" in said
    assert said.count("no lab here. Seen on Linux 6.18, November 2026:") == 7
    assert said.count("not tried here") == 6
