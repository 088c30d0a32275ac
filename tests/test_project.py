"""The project agrees with itself: what it depends on, which file may import what, and where its pages point."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OFFLINE = re.compile(r"dns error|failed to fetch|error sending request|connection|timed out|no cached", re.I)


def pins() -> dict[str, list[Requirement]]:
    """constraints.txt: the pins of each package, one for each kind of machine or Python that needs its own."""
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def asked() -> Iterator[tuple[str, Requirement]]:
    """Every package that pyproject.toml asks for, with the extra that does."""
    groups = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    for extra, lines in groups.items():
        for line in lines:
            requirement = Requirement(line)
            if requirement.name != PROJECT["name"]:
                yield extra, requirement


@pytest.mark.parametrize(("extra", "requirement"), list(asked()), ids=str)
def test_what_pyproject_asks_for_is_pinned_and_fits(extra: str, requirement: Requirement) -> None:
    there = pins().get(canonicalize_name(requirement.name))
    assert there, f"constraints.txt has no {requirement.name}; run make lock"
    for pin in there:
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        assert requirement.specifier.contains(Version(specifier.version)), f"{pin} is not {requirement}; run make lock"


def run_or_skip(*command: str) -> subprocess.CompletedProcess[str]:
    """Run what asks the package index; skip the test when there is none to ask."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode and OFFLINE.search(done.stderr):
        pytest.skip(f"no package index within reach: {done.stderr.strip().splitlines()[0]}")
    return done


def test_lock_is_what_pyproject_produces(tmp_path: Path) -> None:
    shutil.copy(ROOT / "constraints.txt", tmp_path)
    done = run_or_skip(str(ROOT / "scripts/lock"), str(tmp_path / "constraints.txt"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "constraints.txt").read_text() == (ROOT / "constraints.txt").read_text(), "run make lock"


def test_environment_yml_installs_the_same(tmp_path: Path) -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, lines = environment["dependencies"]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert pip == "pip"
    assert lines == {"pip": ["-c constraints.txt", "-e .[course]"]}
    # conda hands these lines to pip in a file that lies beside environment.yml; uv tells what pip would do
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("\n".join(lines["pip"]).replace("-c ", f"-c {ROOT}/").replace("-e .", f"-e {ROOT}"))
    uv = Path(sys.executable).with_name("uv")
    done = run_or_skip(str(uv), "pip", "install", "--dry-run", "--python", sys.executable, "-r", str(requirements))
    assert done.returncode == 0, done.stderr


def test_a_student_gets_no_instructors_tools() -> None:
    names = {requirement.name for extra, requirement in asked() if extra in ("", "course")}
    assert "jupyterlab" in names
    assert not names & {"nbgrader", "jupytext", "pytest"}


# -- who may import what (the layers themselves are import-linter's: see pyproject.toml) --

WORLDLY = {"time", "os", "socket", "threading", "select", "asyncio", "selectors", "subprocess", "multiprocessing"}
MAY = ("worlds", "lab", "apps", "grading", "authoring", "instructor", "exercises", "cli.py")


def pure_files() -> list[Path]:
    """The files of netlib that know no clock, no descriptor and no chance but what they are given."""
    return [path for path in (ROOT / "netlib").rglob("*.py") if path.relative_to(ROOT / "netlib").parts[0] not in MAY]


def worldly(source: str) -> list[str]:
    """What a pure file must not do, as `line: what`."""
    found = []
    tree = ast.parse(source)
    module = any(isinstance(node, ast.Import) and node.names[0].name == "random" for node in ast.walk(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                imported = [alias.name for alias in names]
            case ast.ImportFrom(module=str(origin), level=0, names=names):
                imported = [f"{origin}.{alias.name}" for alias in names]
            case ast.Attribute(value=ast.Name(id="random"), attr=attr) if module:
                imported = [f"random.{attr}"]
            case _:
                continue
        for name in imported:
            if name.split(".")[0] in WORLDLY or (name.startswith("random.") and name != "random.Random"):
                found.append(f"{node.lineno}: {name}")
    return found


@pytest.mark.parametrize("path", pure_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_protocols_and_pictures_reach_for_no_clock_socket_or_chance(path: Path) -> None:
    assert worldly(path.read_text()) == []


def test_worldly_sees_what_it_is_there_for() -> None:
    assert worldly("import time\nfrom os import path\nimport random\nrandom.random()\nfrom random import choice") == [
        "1: time",
        "2: os.path",
        "5: random.choice",
        "4: random.random",
    ]
    assert worldly("from random import Random\nimport random\nrandom.Random(1)\nimport html\nfrom . import time") == []
    assert worldly("def toss(random): return random.random()") == []


def test_import_netlib_is_light() -> None:
    heavy = "simpy scapy yaml hypothesis matplotlib IPython numpy typer rich asyncio"
    code = f"import sys, netlib; print([name for name in {heavy!r}.split() if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- sharing the tests among workers --


def test_a_notebook_stays_on_one_worker_and_serial_files_take_turns(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"x{n} = 1") for n in range(6)])
    for name in ("solutions/a.ipynb", "solutions/b.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        nbformat.write(notebook, tmp_path / name)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = serial\n")
    for name, mark in {"one": "import pytest\npytestmark = pytest.mark.serial", "two": "# pytest.mark.serial"}.items():
        (tmp_path / f"tests/test_{name}.py").write_text(f"{mark}\ndef test_a(): pass\ndef test_b(): pass\n")
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadscope", "--nbval", "tests", "solutions"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    ran = re.findall(r"^\[(gw\d)\] .* PASSED (\S+?)(?:::| )", done.stdout, re.M)
    workers = {file: {gw for gw, where in ran if where == file} for _, file in ran}
    assert len(ran) == 16, done.stdout
    assert all(len(used) == 1 for used in workers.values()), workers
    assert workers["tests/test_one.py"] == workers["tests/test_two.py"]


# -- the pages --


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
