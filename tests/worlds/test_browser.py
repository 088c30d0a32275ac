"""What the simulation imports is fit for a browser: in Pyodide there are no sockets, threads and processes.

The imports are read in a fresh interpreter.  Where `node` and its package `pyodide` are there, as in a folder named by
NETLIB_PYODIDE, the same run is made in Pyodide too.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import simpy

ROOT = Path(__file__).parents[2]
# https://pyodide.org/en/stable/usage/wasm-constraints.html: what is not there, and what is there and does not work
MISSING = {"curses", "dbm", "fcntl", "grp", "msvcrt", "pty", "pwd", "resource", "syslog", "termios", "tkinter", "tty"}
IDLE = {"asyncio", "concurrent", "ctypes", "mmap", "multiprocessing", "os", "select", "selectors", "signal", "socket"}
IDLE |= {"ssl", "subprocess", "threading", "time"}  # and what a simulation does not need
RUN = '''
import zlib
from netlib.apps.ping import ping
from netlib.worlds.simulation import Simulation
sim = Simulation.topology("""
    h1 10.0.1.1/24 -- s1
    h2 10.0.1.2/24 -- s1
    s1 -- 10.0.1.254/24 r1 10.0.2.254/24 -- 10.0.2.1/24 h3    loss=20% delay=7ms rate=3mbit queue=4kB
""", seed=7)
capture = sim.capture()
sim.run(
    ping(sim["h1"], "10.0.2.1", count=20, size=2000, interval=0.013), ping(sim["h3"], "10.0.1.2", interval=0.017)
)
lines = [f"{c.time!r} {c.sender} {c.receiver} {c.arrival!r} {c.packet.data.hex()}" for c in capture.crossings]
lines += [str(sim.drawing()), sim.drawing()._repr_html_()]
digest = f"{len(lines)} {zlib.crc32(chr(10).join(lines).encode()):08x}"
'''
IN_PYODIDE = """
import { loadPyodide } from "pyodide";
const py = await loadPyodide();
py.mountNodeFS("/media", process.argv[2]);
py.runPython("import sys; sys.path.insert(0, '/media')");
console.log(py.runPython(process.argv[3] + "\\ndigest"));
"""


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def imported() -> dict[str, str | None]:
    """The modules that a run of the simulation loads: name -> file."""
    code = (
        "import sys, json; before = set(sys.modules)\n" + RUN + "import json\n"
        "print(json.dumps({n: getattr(m, '__file__', None) for n, m in sys.modules.items() if n not in before}))"
    )
    found: dict[str, str | None] = json.loads(python(code))
    return found


def test_the_simulation_imports_pure_python_only() -> None:
    modules = imported()
    assert "netlib.worlds.simulation" in modules and "netlib.view.network" in modules
    own = {name: file for name, file in modules.items() if name.split(".")[0] == "netlib"}
    others = {name.split(".")[0] for name in modules} - {"netlib", "simpy"}
    assert others <= set(sys.stdlib_module_names), "neither the standard library, nor netlib, nor simpy"
    assert not {name for name, file in own.items() if file is None or not file.endswith(".py")}
    for name, file in own.items():
        assert file and not asked_for(Path(file).read_text()) & (MISSING | IDLE), name


def asked_for(source: str) -> set[str]:
    """The packages that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).split(".")[0])
    return found


def test_simpy_is_pure_python() -> None:
    suffixes = {path.suffix for path in Path(simpy.__file__).parent.rglob("*") if path.is_file()}
    assert suffixes <= {".py", ".pyc", ".typed", ""}


def test_a_run_does_not_depend_on_the_seed_of_hashes() -> None:
    digests = {python(RUN + "print(digest)", PYTHONHASHSEED=seed) for seed in ("0", "1", "12345")}
    assert len(digests) == 1


def test_the_same_run_in_pyodide(tmp_path: Path) -> None:
    home = Path(os.environ.get("NETLIB_PYODIDE", ROOT))
    if not shutil.which("node") or not (home / "node_modules" / "pyodide").is_dir():
        pytest.skip("needs node, and its package pyodide in the folder NETLIB_PYODIDE")
    site = tmp_path / "site"
    shutil.copytree(ROOT / "netlib", site / "netlib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(Path(simpy.__file__).parent, site / "simpy", ignore=shutil.ignore_patterns("__pycache__"))
    script = tmp_path / "run.mjs"
    script.write_text(IN_PYODIDE.replace('"pyodide"', json.dumps(str(home / "node_modules/pyodide/pyodide.mjs"))))
    done = subprocess.run(["node", script, site, RUN], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == python(RUN + "print(digest)").split()
