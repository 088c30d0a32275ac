"""Run a solved notebook from top to bottom and keep its outputs.

The kernel is `python3` of this environment and works in the chapter's folder. What would make two runs differ is taken
out (times, split prints) or refused with the cell's line (an object's address, a path of this machine), because nbval
compares the outputs on other machines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from netlib.authoring.chapter import AuthoringError, Chapter
from netlib.authoring.source import LIVE, METADATA, Source

CELL_TIMEOUT = 300  # seconds
STRAY = re.compile(r"<[^<>]{1,80} at 0x[0-9a-f]{6,}>|/tmp/ipykernel_\d+")


def execute(chapter: Chapter, source: Source, progress: Callable[[int, int], None] = lambda done, of: None) -> None:
    """Fill in the notebook's outputs, in place. `progress(done, of)` is told before each code cell.

    Raises AuthoringError naming the cell's source line when a cell fails, hangs or prints what no two runs share.
    """
    notebook = source.notebook
    code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    at = 0

    def before(cell: NotebookNode, cell_index: int) -> None:
        nonlocal at
        at = cell_index
        if cell.cell_type == "code":
            progress(code.index(cell_index), len(code))

    def here() -> str:
        return chapter.where(source.lines[at])

    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        iopub_timeout=CELL_TIMEOUT,  # after nbclient's own 4 s a busy machine's outputs would be left out
        kernel_name="python3",
        resources={"metadata": {"path": str(chapter.folder)}},
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        on_cell_start=before,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        said = f"{error.ename}: {error.evalue}".strip().splitlines()[0]
        raise AuthoringError(f"{here()}: this cell raised {said}; mend it and run make notebooks") from None
    except CellTimeoutError:
        raise AuthoringError(f"{here()}: this cell ran for over {CELL_TIMEOUT} s; make it shorter") from None
    except DeadKernelError:
        raise AuthoringError(f"{here()}: the kernel died in this cell; run it by itself to see why") from None
    notebook.metadata = type(notebook.metadata)(METADATA)
    for index in code:
        cell = notebook.cells[index]
        cell.metadata.pop("execution", None)
        if LIVE in cell.metadata.get("tags", []):
            continue
        text = json.dumps(cell.outputs)
        stray = STRAY.search(text)
        found = stray.group() if stray else str(chapter.root) if f"{chapter.root}/" in text else None
        if found:
            at = index
            raise AuthoringError(f"{here()}: the output holds {found!r}, different in each run; print something else")
    progress(len(code), len(code))
