"""Pack what students get into one zip file: the course, its labs, netlib, and what sets them up.

Only what `SHIPPED` names goes in, from the working folder as it is; nothing is there by default.  Some files are the
students' own version (scripts/bundle/), and pyproject.toml loses what only instructors and contributors need.  What
goes in is looked through before it is written: no solution, no hidden test, nothing solved or executed.

The same files give the same bytes, on every machine: sorted, with one date, not compressed.  The date is that of the
last commit, or of the newest file where something is not committed.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

TOP = "networking-course"
# what goes in: a file, or a folder with all that is in it
SHIPPED = (
    "labs",
    "netlib",
    "docs/labs.md",
    "docs/picture.png",
    "docs/students.md",
    "scripts/jupyter",
    "scripts/setup",
    "constraints.txt",
    "environment.yml",
)
# where a student's file stands for one that instructors have
INSTEAD = {"Makefile": "scripts/bundle/Makefile", "README.md": "scripts/bundle/README.md"}
LEFT_OUT = (
    "netlib/instructor",
    "netlib/authoring",
    "scripts/jupyter/nbgrader_config.json",
    "netlib/grading/zoo.py",
    # what runs in the graders' sandbox
    "netlib/grading/agent.py",
    "netlib/grading/importer.py",
    "netlib/grading/inside.py",
)
JUNK = re.compile(r"\..*|__pycache__|.*\.pyc|.*~|.*\.swp")
CHAPTER = re.compile(r"\d\d-[a-z0-9-]+")
REGION = re.compile(r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)\n\s*### END (?:SOLUTION|HIDDEN TESTS)", re.S)
KEPT_SECTIONS = ("build-system", "project", "project.scripts", "project.optional-dependencies", "tool.hatch.")
STUDENTS_EXTRAS = ("course",)


class BundleError(Exception):
    """The bundle can't be made as things are. The message is one line: where, what, and the fix."""


def bundle(root: Path, out: Path, chapters: Iterable[str] = ()) -> Path:
    """Write the students' zip file of the course in `root` to `out`; returns its path.

    With `chapters` only these go in ("5", "05", "05-ip-packet").  Raises BundleError where something would get out
    that must not, or is missing.
    """
    files = {f"{TOP}/{name}": data for name, data in gather(root, chapters)}
    look_through(files, root)
    when = max(dated(root, files), datetime(1980, 1, 1, tzinfo=UTC)).timetuple()[:6]
    out.parent.mkdir(parents=True, exist_ok=True)
    new = out.with_name(out.name + ".new")
    with zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as packed:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, when)
            info.create_system = 3  # Unix, for the modes
            runs = files[name].startswith(b"#!")
            info.external_attr = (stat.S_IFREG | (0o755 if runs else 0o644)) << 16
            packed.writestr(info, files[name])
    os.replace(new, out)
    return out


def gather(root: Path, chapters: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of what goes in."""
    for name in (*SHIPPED, *(f"course/{chapter}" for chapter in released(root, chapters))):
        if not (root / name).exists():
            raise BundleError(f"{name}: missing; the students' copy needs it")
        for path in below(root / name):
            relative = path.relative_to(root).as_posix()
            if not any(PurePosixPath(relative).is_relative_to(out) for out in LEFT_OUT):
                yield relative, path.read_bytes()
    for name, source in INSTEAD.items():
        yield name, (root / source).read_bytes()
    yield "pyproject.toml", students_project((root / "pyproject.toml").read_text("utf-8")).encode()


def released(root: Path, chapters: Iterable[str]) -> list[str]:
    """The names of the chapters that go in, in order."""
    there = sorted(path.name for path in (root / "course").glob("*/") if CHAPTER.fullmatch(path.name))
    wanted = {chapter.zfill(2) if chapter.isdigit() else chapter for chapter in chapters}
    unknown = wanted - {known for name in there for known in (name, name[:2])}
    if unknown or not there:
        names = ", ".join(there) or "none; run make notebooks"
        raise BundleError(f"no chapter {', '.join(sorted(unknown))} in course/; there are: {names}")
    return [name for name in there if not wanted or wanted & {name, name[:2]}]


def below(path: Path) -> Iterator[Path]:
    """The file itself, or the files in a folder; no junk, and no links."""
    if path.is_symlink():
        raise BundleError(f"{path}: a link, which the students' copy can't have; put a file in its place")
    if path.is_dir():
        for inner in sorted(path.iterdir()):
            if not JUNK.fullmatch(inner.name):
                yield from below(inner)
    else:
        yield path


def students_project(text: str) -> str:
    """pyproject.toml for students: the package and the extra that they install.

    Works on lines, so that what stays keeps its comments; a comment belongs to what follows it.
    """
    kept: list[str] = []
    pending: list[str] = []  # comments and blank lines, until it is clear what follows
    keeping, section = False, ""
    for line in text.splitlines():
        if heading := re.fullmatch(r"\[+([^\]]+)\]+.*", line):
            section = heading[1]
            keeping = section in KEPT_SECTIONS or section.startswith(KEPT_SECTIONS[-1])
        elif section.endswith("shared-data") and line.startswith('"'):
            keeping = not line.startswith('"scripts/jupyter/nbgrader')
        elif section == "project.optional-dependencies" and (key := re.match(r"([\w-]+)\s*=", line)):
            keeping = key[1] in STUDENTS_EXTRAS
        elif not line.strip() or line.startswith("#"):
            pending.append(line)
            continue
        kept += [*pending, line] if keeping else [""] if pending and not pending[0].strip() else []
        pending = []
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"


def look_through(files: dict[str, bytes], root: Path) -> None:
    """Raise BundleError where a student could read what must not get out."""
    secrets = dict(regions(root))
    for name, data in files.items():
        if name.endswith(".png"):
            continue
        text = data.decode("utf-8", "replace")
        if name.endswith(".ipynb"):
            cells = notebook_cells(name, text)
            for cell in cells:
                untouched(name, cell)
            text = "\n".join("".join(cell.get("source", "")) for cell in cells)
        plain = squeezed(text)
        for secret, where in secrets.items():
            if secret in plain:
                raise BundleError(f"{name}: holds what {where} solves; run make notebooks, or take it out")


def regions(root: Path) -> Iterator[tuple[str, str]]:
    """Each solution and hidden test, squeezed, and the file that it stands in."""
    for path in sorted((root / "solutions").glob("*/*")):
        if path.suffix == ".ipynb":
            sources = ["".join(cell.get("source", "")) for cell in notebook_cells(path.name, path.read_text("utf-8"))]
        elif path.suffix == ".py":
            sources = [path.read_text("utf-8")]
        else:
            continue
        for region in REGION.findall("\n".join(sources)):
            yield squeezed(region), path.relative_to(root).as_posix()


def squeezed(text: str) -> str:
    """The text without empty lines and without the spaces around lines: indentation hides nothing."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def notebook_cells(name: str, text: str) -> list[dict[str, Any]]:
    try:
        return list(json.loads(text)["cells"])
    except (ValueError, KeyError, TypeError):
        raise BundleError(f"{name}: not a notebook; run make notebooks") from None


def untouched(name: str, cell: dict[str, Any]) -> None:
    """Raise BundleError when somebody has worked in this released notebook."""
    about = cell.get("metadata", {}).get("nbgrader", {})
    solved = about.get("solution") and "NotImplementedYet" not in "".join(cell.get("source", ""))
    if solved or cell.get("outputs") or cell.get("execution_count"):
        what = f"{about['grade_id']} is solved already" if solved else "a cell has been run"
        raise BundleError(f"{name}: {what}; move your copy elsewhere and run make notebooks")


def dated(root: Path, files: dict[str, bytes]) -> datetime:
    """The date that all files get: SOURCE_DATE_EPOCH, or the last commit's, or the newest file's."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdigit():
        return datetime.fromtimestamp(int(epoch), UTC)
    sources = [*SHIPPED, "course", "pyproject.toml", *INSTEAD.values()]
    if git(root, "status", "--porcelain", "--", *sources) == "":
        seconds = git(root, "log", "-1", "--format=%ct", "--", *sources)
    else:
        paths = [root / INSTEAD.get(name.removeprefix(f"{TOP}/"), name.removeprefix(f"{TOP}/")) for name in files]
        seconds = str(int(max(path.stat().st_mtime for path in paths)))
    return datetime.fromtimestamp(int(seconds or 0), UTC)


def git(root: Path, *arguments: str) -> str | None:
    """What git says, or None where there is no repository or no git."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
