"""What students get: opened, searched for what must not be in it, set up and used as they do."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from netlib.instructor.bundle import TOP, BundleError, bundle, students_project

ROOT = Path(__file__).parents[2]
OFFLINE = re.compile(r"dns error|failed to fetch|error sending request|connection|timed out|no cached|resolve", re.I)
WHOLE = ("course", "docs", "labs", "netlib", "scripts", "solutions")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(ROOT, tmp_path_factory.mktemp("bundle") / "course.zip")


@pytest.fixture(scope="module")
def files(packed: Path) -> dict[str, str]:
    """The bundle's files by name below its top folder, and their text; a notebook's is that of its cells."""
    found = {}
    with zipfile.ZipFile(packed) as archive:
        for name in archive.namelist():
            assert name.startswith(f"{TOP}/")
            text = archive.read(name).decode("latin-1" if name.endswith((".png", ".zip")) else "utf-8")
            found[name.removeprefix(f"{TOP}/")] = cells(text) if name.endswith(".ipynb") else text
    return found


def cells(notebook: str) -> str:
    return "\n".join("".join(cell["source"]) for cell in json.loads(notebook)["cells"])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what the bundle is made from, to spoil."""
    root = tmp_path / "copy"
    for name in WHOLE:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.glob("*"):
        if path.is_file():
            shutil.copy(path, root)
    return root


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_nothing_that_is_the_instructors(files: dict[str, str]) -> None:
    assert {name.split("/")[0] for name in files} == {
        "Makefile", "README.md", "constraints.txt", "course", "docs", "environment.yml", "labs", "netlib",
        "pyproject.toml", "scripts",
    }  # fmt: skip
    for name in files:
        assert not re.search(r"(^|/)(\.|__pycache__|tests?/|solutions|instructor|authoring|zoo|test_)", name), name
        assert not re.search(r"grading/(agent|importer|inside)\.py|docs/(authors|exercises)", name), name
    assert {name for name in files if name.startswith("course/")} == {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "course").glob("*/*.ipynb")
    }


def test_no_solution_hidden_test_or_wrong_answer_of_the_zoo(files: dict[str, str]) -> None:
    everything = squeezed("\n".join(files.values()))
    regions = []
    for path in (ROOT / "solutions").glob("*/*.py"):
        text = path.read_text("utf-8")
        regions += re.findall(r"### BEGIN SOLUTION\n(.*?)\n *### END SOLUTION", text, re.S)
    assert len(regions) > 10
    assert [region for region in regions if squeezed(region).strip() in everything] == []
    assert "BEGIN SOLUTION" not in everything and "BEGIN HIDDEN" not in everything and "grade(" not in cells_of(files)
    answers = [
        squeezed(ast.get_source_segment(text, node) or "")
        for text in (path.read_text("utf-8") for path in (ROOT / "solutions").glob("*/zoo.py"))
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
    assert len(answers) > 50
    assert [answer for answer in answers if answer in everything] == []


def cells_of(files: dict[str, str]) -> str:
    return "\n".join(text for name, text in files.items() if name.endswith(".ipynb"))


def test_all_that_netlib_imports_is_there(files: dict[str, str]) -> None:
    def there(module: str) -> bool:
        path = module.replace(".", "/")
        return f"{path}.py" in files or f"{path}/__init__.py" in files

    for name, text in files.items():
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("netlib"):
                assert there(str(node.module)), f"{name} imports {node.module}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    assert not alias.name.startswith("netlib") or there(alias.name), f"{name} imports {alias.name}"


def test_nothing_names_a_file_that_is_not_there(files: dict[str, str]) -> None:
    missing = []
    for name, text in files.items():
        if name.endswith((".png", ".zip", ".ipynb", ".json")) or name == "constraints.txt":
            continue
        named = set(re.findall(r"(?<![\w./-])(?:docs|scripts|solutions|tests|course|labs|netlib)/[\w./-]+\w", text))
        named = {path for path in named if "/NN-" not in path}
        named |= {name.replace(".", "/") for name in re.findall(r"netlib\.(?:instructor|authoring)[\w.]*", text)}
        if name.endswith(".md"):
            targets = {target for target in re.findall(r"\]\(([^)#\s]+)\)", text) if ":" not in target}
            named |= {os.path.normpath(os.path.join(os.path.dirname(name), target)) for target in targets}
        for path in named:
            if not any(file == path or file.startswith(f"{path}/") or file.startswith(f"{path}.") for file in files):
                missing.append(f"{name}: {path}")
    assert set(missing) <= {"netlib/grading/exercise.py: docs/exercises.md"}, "a word to authors"


def test_the_makefile_promises_what_it_can_do(files: dict[str, str]) -> None:
    rules = set(re.findall(r"^([a-z-]+):", files["Makefile"], re.M))
    named = "\n".join(text for name, text in files.items() if name.endswith((".md", ".py")) or name == "Makefile")
    targets = set(re.findall(r"`make ([a-z-]+)|^    make ([a-z-]+)", named, re.M))
    assert {a or b for a, b in targets} <= rules


def test_pyproject_is_the_courses_less_what_students_do_not_need(files: dict[str, str]) -> None:
    whole, students = tomllib.loads((ROOT / "pyproject.toml").read_text()), tomllib.loads(files["pyproject.toml"])
    extras = students["project"].pop("optional-dependencies")
    assert extras == {"course": whole["project"].pop("optional-dependencies")["course"]}
    assert students.keys() == {"build-system", "project", "tool"} and students["tool"].keys() == {"hatch"}
    assert students["project"] == whole["project"]
    shared = whole["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared.pop("scripts/jupyter/nbgrader_config.json")
    assert students["tool"]["hatch"] == whole["tool"]["hatch"]
    assert "nbgrader" not in files["pyproject.toml"] and "pytest" not in files["pyproject.toml"]


def test_a_section_that_is_new_stays_out() -> None:
    text = '[project]\nname = "x"\n\n# of pytest\n[tool.pytest]\nx = 1\n# of hatch\n[tool.hatch.y]\nz = 2\n'
    assert students_project(text) == '[project]\nname = "x"\n\n# of hatch\n[tool.hatch.y]\nz = 2\n'


def test_the_same_files_give_the_same_bytes(copy: Path, packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1774785900")
    one = bundle(ROOT, copy / "dist/one.zip")
    for path in copy.rglob("*.py"):
        os.utime(path, (1, 1))
    two = bundle(copy, copy / "dist/two.zip")
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert {info.date_time for info in archive.infolist()} == {(2026, 3, 29, 12, 5, 0)}
        assert archive.getinfo(f"{TOP}/scripts/setup").external_attr >> 16 == 0o100755


def test_the_date_is_the_commits_or_of_the_newest_change(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def date() -> tuple[int, ...]:
        with zipfile.ZipFile(bundle(copy, copy / "dist/x.zip")) as archive:
            return archive.infolist()[0].date_time

    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert date() == (2001, 9, 9, 1, 46, 40), "no repository: the newest file's"
    env = os.environ | {"GIT_AUTHOR_DATE": "2026-03-29T12:05:00Z", "GIT_COMMITTER_DATE": "2026-03-29T12:05:00Z"}
    for command in ("init -q", "add .", "-c user.name=a -c user.email=a@b commit -qm x"):
        subprocess.run(["git", *command.split()], cwd=copy, env=env, check=True)
    assert date() == (2026, 3, 29, 12, 5, 0), "the commit's"
    (copy / "docs/students.md").write_text("changed")
    os.utime(copy / "docs/students.md", (1_800_000_000, 1_800_000_000))
    assert date() == (2027, 1, 15, 8, 0, 0), "a change that is not committed"


def test_chapters_can_be_chosen(tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle(ROOT, tmp_path / "x.zip", ["6"])) as archive:
        assert [name for name in archive.namelist() if "/course/" in name] == [f"{TOP}/course/06-icmp/06-icmp.ipynb"]
    with pytest.raises(BundleError, match=r"no chapter 77 in course/; there are: 01-.*05-ip-packet, 06-icmp"):
        bundle(ROOT, tmp_path / "y.zip", ["77"])
    assert not (tmp_path / "y.zip").exists()


def solve(root: Path) -> None:
    path = root / "course/05-ip-packet/05-ip-packet.ipynb"
    notebook = json.loads(path.read_text())
    cell = next(cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("solution"))
    cell["source"] = ["def mine(): pass"]
    path.write_text(json.dumps(notebook))


def run_a_cell(root: Path) -> None:
    path = root / "course/06-icmp/06-icmp.ipynb"
    notebook = json.loads(path.read_text())
    next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")["execution_count"] = 1
    path.write_text(json.dumps(notebook))


def a_solution_in_a_page(root: Path) -> None:
    text = (root / "solutions/06-icmp/06-icmp.py").read_text()
    region = re.findall(r"### BEGIN SOLUTION\n(.*?)\n *### END SOLUTION", text, re.S)[0]
    (root / "docs/labs.md").write_text(f"Look:\n\n{region.replace('    ', '')}\n")


def a_link(root: Path) -> None:
    (root / "labs/gradebook").symlink_to(root / "solutions")


def no_setup(root: Path) -> None:
    (root / "scripts/setup").unlink()


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (solve, "course/05-ip-packet/05-ip-packet.ipynb: exercise-5-1 is solved already; "),
        (run_a_cell, "course/06-icmp/06-icmp.ipynb: a cell has been run; "),
        (a_solution_in_a_page, "docs/labs.md: holds what solutions/06-icmp/06-icmp"),
        (a_link, "labs/gradebook: a link, "),
        (no_setup, "scripts/setup: missing; "),
    ],
)
def test_what_must_not_get_out_stops_it(spoil: object, line: str, copy: Path) -> None:
    assert callable(spoil)
    spoil(copy)
    with pytest.raises(BundleError, match=re.escape(line)) as caught:
        bundle(copy, copy / "dist/x.zip")
    assert "\n" not in str(caught.value)
    assert not (copy / "dist/x.zip").exists()


def test_the_command(tmp_path: Path) -> None:
    def netlib(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "netlib.cli", "release", *arguments]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=900)

    out = tmp_path / "new" / "x.zip"
    done = netlib(str(out), "--chapter", "05")
    assert (done.returncode, done.stderr) == (0, "") and zipfile.is_zipfile(out)
    assert done.stdout.startswith(f"{out}: ") and TOP in done.stdout
    for amiss in (netlib(str(out), "--chapter", "77"), netlib(str(out), cwd=tmp_path)):
        assert amiss.returncode == 1 and amiss.stderr.startswith("netlib: ") and amiss.stderr.count("\n") == 1


CHECKS = """
from netlib import IPv4Packet
from netlib.grading import check
def internet_checksum(data):
    data += bytes(len(data) % 2)
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return total ^ 0xFFFF
number = next(number for number in ("5.1", "5.2", "5.3") if "checksum" in check(number, len).name)
print(check(number, internet_checksum).ok, check(number, lambda data: sum(data)).ok)
"""


def test_it_is_set_up_and_checks_as_students_use_it(packed: Path, tmp_path: Path) -> None:
    """`make course` on what was unpacked, in a folder of its own, with nothing of this environment in reach."""
    home = tmp_path / "home"
    home.mkdir()
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(home)
    course = home / TOP
    here = Path(sys.executable).parent.resolve()
    path = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if Path(p).resolve() != here)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "MAKE"))}
    cache = os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache/uv"))  # what has been fetched once is enough
    env |= {"PATH": path, "HOME": str(home), "UV_CACHE_DIR": cache}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=course, env=env, capture_output=True, text=True, timeout=1800)
        if done.returncode and OFFLINE.search(done.stderr):
            pytest.skip(f"no package index within reach: {done.stderr.strip().splitlines()[-1]}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert re.search(r"^\d+\.\d+\.\d+$", run("make", "course", "ARGS=--version"), re.M), "JupyterLab's version"
    assert "scripts/setup" not in run("make", "-n", "course"), "nothing is set up twice"
    python = str(course / ".venv/bin/python")
    assert run(python, "-c", "import netlib; print(netlib.__file__)").startswith(str(course))
    assert run(python, "-c", CHECKS).split() == ["True", "False"]
    commands = run(str(course / ".venv/bin/netlib"), "--help")
    assert "doctor" in commands and not re.search("notebooks|zoo|release|grade", commands)
    assert "make" in run("make", "help")
