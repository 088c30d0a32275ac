"""A chapter's files, and the one error that authoring raises.

A chapter is a folder below `solutions/` whose name begins with its number: `05-ip-packet`. Its files have the folder's
name. Everything else that lies in the folder, except Python files, goes to the students too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

NAME = re.compile(r"\d\d-[a-z0-9-]+")


class AuthoringError(Exception):
    """Something in a chapter's source must be put right. The message is one line: where, what, and the fix."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter of the course whose top folder is `root`."""

    root: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.root / "solutions" / self.name

    @property
    def source(self) -> Path:
        """What the author writes."""
        return self.folder / f"{self.name}.py"

    @property
    def solved(self) -> Path:
        """The executed notebook with the solutions."""
        return self.folder / f"{self.name}.ipynb"

    @property
    def released(self) -> Path:
        """The folder that students get."""
        return self.root / "course" / self.name

    def where(self, line: int) -> str:
        """`line` of the source, as messages name it: `solutions/05-ip-packet/05-ip-packet.py:12`."""
        return f"{self.source.relative_to(self.root)}:{line}"


def find_root(start: Path | None = None) -> Path:
    """The course's top folder: the nearest one, from `start` upwards, that holds nbgrader_config.py and solutions/."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "nbgrader_config.py").is_file() and (folder / "solutions").is_dir():
            return folder
    raise AuthoringError(f"{start}: not inside the course; go to the folder that holds nbgrader_config.py")


def find_chapters(root: Path, which: str | None = None, file: str = "{name}.py") -> list[Chapter]:
    """All chapters that have a source (or another `file`), in order; or the one that `which` names: "5", "05-topic"."""
    chapters = [
        Chapter(root, folder.name)
        for folder in sorted((root / "solutions").glob("*"))
        if NAME.fullmatch(folder.name) and (folder / file.format(name=folder.name)).is_file()
    ]
    if which is None:
        return chapters
    wanted = which.zfill(2) if which.isdigit() else which
    found = [chapter for chapter in chapters if wanted in (chapter.name, chapter.name[:2])]
    if not found:
        there = ", ".join(chapter.name for chapter in chapters) or "none"
        missing = file.format(name=which)
        raise AuthoringError(f"no chapter {which!r} with a {missing} in solutions/; there are: {there}")
    return found
