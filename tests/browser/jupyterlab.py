"""JupyterLab as a student sees it: started by `make course`, driven in headless Chromium.

The menus are not clicked: JupyterLab drops "Run All" without a word before its kernel is connected.  Its own
commands are executed instead, once the session says that it is ready, and results are read from the notebook's model.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
TOKEN = "student"
START = 600  # seconds that the server may take to answer

RUN_ALL = """async (path) => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = await app.commands.execute('docmanager:open', {path: path, factory: 'Notebook'});
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
    await app.commands.execute('notebook:run-all-cells');
    // That is over at the first error, even where the cell's tag lets the kernel go on: wait for the kernel itself.
    const kernel = panel.sessionContext.session.kernel;
    const waits = () => panel.content.model.sharedModel.cells.some(
        cell => cell.cell_type === 'code' && cell.source.trim() && cell.execution_count === null
    );
    for (let quiet = 0; quiet < (waits() ? 600 : 20); ) {
        await new Promise(resolve => setTimeout(resolve, 100));
        quiet = kernel.status === 'idle' ? quiet + 1 : 0;
    }
    return panel.content.model.sharedModel.cells.map(cell => cell.toJSON());
}"""


def copy_of_the_course(target: Path) -> Path:
    """What `make course` needs, in a folder of its own: a browser test must not save into the real notebooks."""
    for name in ("course", "labs"):
        shutil.copytree(REPOSITORY / name, target / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copytree(REPOSITORY / "scripts", target / "scripts", copy_function=shutil.copy2)
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "environment.yml"):
        shutil.copy2(REPOSITORY / name, target / name)  # with its time, or make would set everything up anew
    (target / ".venv").symlink_to(REPOSITORY / ".venv")
    return target


@contextmanager
def make_course(folder: Path) -> Iterator[str]:
    """Run `make course` in `folder`; yields the server's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = f"--no-browser --ServerApp.port={port} --IdentityProvider.token={TOKEN}"
    arguments += " --LabApp.expose_app_in_browser=True"
    log = (folder / "server.log").open("w")
    server = subprocess.Popen(
        ["make", "course", f"ARGS={arguments}"], cwd=folder, stdout=log, stderr=log, start_new_session=True
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START
        while True:
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5).close()
                break
            except OSError:
                said = (folder / "server.log").read_text()
                assert server.poll() is None, f"make course ended: {said}"
                assert time.monotonic() < deadline, f"make course does not answer: {said}"
                time.sleep(0.2)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        log.close()


def text_of(cell: dict[str, Any]) -> str:
    """All that a cell has printed, shown or raised, as text."""
    said = []
    for output in cell.get("outputs", []):
        said.append(output.get("text", ""))
        said.append(output.get("data", {}).get("text/plain", ""))
        said += output.get("traceback", [])
    return "\n".join("".join(part) if isinstance(part, list) else part for part in said)
