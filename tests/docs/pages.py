"""Follow a page of docs/ literally: write the files that it shows, run its commands, compare what they print.

What a page may say, besides what nobody carries out:

    Write `FILE`:                           and a block: the file is written
    Add to the end of `FILE`:               and a block
    In `FILE`, below `LINE`, add:           and a block: it goes below that line
    In `FILE`, in place of `LINE`, put:     and a block: it replaces the line
    a block ```sh                           is run, by one shell that lives as long as the page
    a block ```text right after it          is what it prints; `...` stands for anything, on a line of its own for lines

A block of another kind that no such words introduce is a mistake of the page, unless its kind is in `SHOWN`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copy2, copytree, ignore_patterns

ROOT = Path(__file__).parents[2]
SHOWN = ("console",)
ORDERS = [
    ("write", re.compile(r"[Ww]rite `([^`]+)`:\s*\Z")),
    ("append", re.compile(r"[Aa]dd to the end of `([^`]+)`:\s*\Z")),
    ("below", re.compile(r"[Ii]n `([^`]+)`, below\s+`([^`]+)`, add:\s*\Z")),
    ("replace", re.compile(r"[Ii]n `([^`]+)`, in place of\s+`([^`]+)`, put:\s*\Z")),
]


@dataclass(frozen=True)
class Step:
    """One thing that a page tells its reader to do. `line` is where the block begins."""

    line: int
    kind: str  # write, append, below, replace, run
    words: tuple[str, ...]  # the file, and perhaps the line in it
    block: str
    prints: str | None = None


def read(page: Path) -> list[Step]:
    """The steps of a page, in order."""
    steps: list[Step] = []
    after_run = False  # is the text so far, since a sh block, empty?
    for kind, line, before, block in blocks(page.read_text("utf-8")):
        if kind == "sh":
            steps.append(Step(line, "run", (), block))
        elif kind == "text":
            assert after_run and not before.strip(), f"{page.name}:{line}: what prints this? Put it below a sh block"
            last = steps.pop()
            steps.append(Step(last.line, "run", (), last.block, block))
        elif kind not in SHOWN:
            found = [(name, match) for name, order in ORDERS if (match := order.search(before))]
            assert found, f"{page.name}:{line}: where does this block go? Say: Write `FILE`:"
            name, match = found[0]
            steps.append(Step(line, name, match.groups(), block))
        after_run = kind == "sh"
    return steps


def blocks(text: str) -> Iterator[tuple[str, int, str, str]]:
    """Each fenced block: its kind, its line, the text between the block before and this one, and its lines."""
    at = 0
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
        yield match[1], text[: match.start()].count("\n") + 1, text[at : match.start()], match[2]
        at = match.end()


def block(page: Path, order: str) -> str:
    """The block that a page introduces with these words, for tests that take only one."""
    (found,) = [step.block for step in read(page) if step.words and step.words[0] == order]
    return found


def follow(page: Path, folder: Path, environment: dict[str, str], limit: float = 1800) -> None:
    """Do in `folder` all that the page says, and compare. `limit`: seconds for one block of commands."""
    state = folder.parent / "shell-state"  # what a shell's block leaves to the next: folder and variables
    state.write_text(f"cd {shlex.quote(str(folder))}\n")
    for step in read(page):
        where = f"{page.name}:{step.line}"
        if step.kind == "run":
            script = f". {shlex.quote(str(state))}\n{step.block}\nstatus=$?\n"
            script += f'{{ export -p; echo "cd \'$PWD\'"; }} > {shlex.quote(str(state))}\nexit $status\n'
            done = subprocess.run(
                ["bash", "-e", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment,
                timeout=limit,
            )
            said = done.stdout
            assert done.returncode == 0, f"{where}: status {done.returncode} of\n{step.block}\n{said}"
            if step.prints is not None:
                assert prints(step.prints, said), f"{where}: it should print\n{step.prints}\nand it printed\n{said}"
        else:
            change(step, folder, where)


def change(step: Step, folder: Path, where: str) -> None:
    """Write or change the file that a step names."""
    path = folder / step.words[0]
    match step.kind:
        case "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.block, "utf-8")
        case "append":
            path.write_text(path.read_text("utf-8") + step.block, "utf-8")
        case kind:
            lines = path.read_text("utf-8").splitlines(keepends=True)
            there = [number for number, line in enumerate(lines) if line.rstrip("\n") == step.words[1]]
            assert len(there) == 1, f"{where}: {step.words[0]} has {len(there)} lines {step.words[1]!r}"
            keep = there[0] + 1 if kind == "below" else there[0]
            path.write_text("".join([*lines[:keep], step.block, *lines[there[0] + 1 :]]), "utf-8")


def prints(wanted: str, said: str) -> bool:
    """Is this what was printed? `...` stands for anything within a line; alone, for any lines."""
    pattern = ""
    for line in wanted.splitlines():
        if line == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in re.split(r"\.\.\.", line)) + r"[ \t]*\n"
    return re.fullmatch(pattern, said if said.endswith("\n") or not said else f"{said}\n") is not None


PROGRAMS = ("python", "netlib", "nbgrader", "jupyter", "ruff", "mypy", "lint-imports", "dask")
PARTS = ("course", "docs", "labs", "netlib", "scripts", "solutions")
FILES = ("Makefile", "README.md", "constraints.txt", "environment.yml", "nbgrader_config.py", "pyproject.toml")


def course(root: Path) -> dict[str, str]:
    """A copy of the course at `root`, as a reader has it; returns the environment in which its commands run.

    Its .venv runs the programs of the one that runs the tests, on the copy's netlib.
    """
    root.mkdir(parents=True)
    for part in PARTS:
        copytree(ROOT / part, root / part, ignore=ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for file in FILES:
        copy2(ROOT / file, root)
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    here = Path(sys.executable).parent
    for name in PROGRAMS:
        (programs / name).write_text(f'#!/bin/sh\nexec "{here / name}" "$@"\n')
        (programs / name).chmod(0o755)
    (programs / "activate").write_text(f'export PATH="{programs}:$PATH"\n')
    for extra in ("course", "instructor", "dev"):
        (root / ".venv" / f"{extra}.stamp").touch()
    kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "TMPDIR", "USER")}
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != here)
    return kept | {"PATH": path, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
