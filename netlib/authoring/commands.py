"""The authors' part of the `netlib` command.

    netlib notebooks [05] [--check] [--force]    write the chapters' notebooks, or compare them with their sources
    netlib zoo [05]                              run the wrong and the right solutions of each exercise
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

Which = Annotated[str | None, typer.Argument(metavar="[CHAPTER]", help="a chapter's number or name; all when left out")]


def add_to(app: typer.Typer) -> None:
    """Make these commands part of `app`."""
    app.command()(notebooks)
    app.command()(zoo)


def notebooks(
    which: Which = None,
    check: Annotated[bool, typer.Option("--check", help="only compare; fail when a file has drifted")] = False,
    force: Annotated[bool, typer.Option("--force", help="execute every notebook, changed or not")] = False,
) -> None:
    """Write the solved notebooks (executed) and the students' notebooks from the sources."""
    from netlib.authoring.chapter import AuthoringError, find_chapters, find_root
    from netlib.authoring.notebooks import build, drift, strays
    from netlib.grading import exercise

    root = find_root()
    chapters = find_chapters(root, which)
    amiss = 0
    for chapter in chapters:
        try:
            if check:
                for path in drift(chapter, exercise):
                    print(f"{path.relative_to(root)}: not what {chapter.source.name} produces; run make notebooks")
                    amiss += 1
            else:
                for path in build(chapter, exercise, force=force, progress=show_progress):
                    print(f"{path.relative_to(root)}: {'written' if path.exists() else 'removed'}")
        except AuthoringError as error:
            print(error, file=sys.stderr)
            amiss += 1
    if which is None:
        for path in strays(root, chapters):
            print(f"{path.relative_to(root)}: belongs to no chapter of solutions/; remove it")
            amiss += 1
    if amiss:
        sys.exit(1)


def show_progress(chapter: str, done: int, of: int) -> None:
    """One line that counts a chapter's cells, on a terminal; elsewhere one line when it begins."""
    if sys.stderr.isatty():
        print(f"\r{chapter}: cell {done} of {of}", end="\n" if done == of else "", file=sys.stderr, flush=True)
    elif done == 0:
        print(f"{chapter}: executing {of} cells", file=sys.stderr, flush=True)


def zoo(which: Which = None) -> None:
    """Run each exercise's zoo: every wrong solution must fail its check, every right one pass."""
    from netlib.authoring.chapter import find_chapters, find_root
    from netlib.grading.zoo import kill_table, run_zoo

    chapters = find_chapters(find_root(), which, "zoo.py")
    verdicts = [verdict for chapter in chapters for verdict in run_zoo(chapter.folder)]
    print(kill_table(verdicts))
    if not all(verdict.ok for verdict in verdicts):
        sys.exit(1)
