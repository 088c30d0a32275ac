"""The `netlib` command: what authors and students run from a shell. Errors are one line, and the exit status is 1.

    netlib notebooks [05] [--check] [--force]    write the chapters' notebooks, or compare them with their sources
    netlib zoo [05]                              run the wrong and the right solutions of each exercise
    netlib doctor                                what labs can do on this machine, and what to do where they can't

Each command imports what it uses when it runs, so the command itself starts at once and works without the extras that
others need.
"""

from __future__ import annotations

import importlib
import sys
from typing import Annotated

import typer

app = typer.Typer(
    help=__doc__.split("\n")[0] if __doc__ else None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Which = Annotated[str | None, typer.Argument(metavar="[CHAPTER]", help="a chapter's number or name; all when left out")]


def main() -> None:
    """Run the command; what went wrong is said in one line."""
    try:
        app()
    except KeyboardInterrupt:
        fail("interrupted")
    except ModuleNotFoundError as missing:
        fail(f"{missing.name} is not installed; make instructor adds what authors and instructors need")
    except Exception as error:
        if not type(error).__module__.startswith("netlib."):
            raise
        fail(str(error))


def fail(what: str) -> None:
    print(f"netlib: {what}", file=sys.stderr)
    sys.exit(1)


@app.command()
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


@app.command()
def zoo(which: Which = None) -> None:
    """Run each exercise's zoo: every wrong solution must fail its check, every right one pass."""
    from netlib.authoring.chapter import find_chapters, find_root
    from netlib.grading.zoo import kill_table, run_zoo

    chapters = find_chapters(find_root(), which, "zoo.py")
    verdicts = [verdict for chapter in chapters for verdict in run_zoo(chapter.folder)]
    print(kill_table(verdicts))
    if not all(verdict.ok for verdict in verdicts):
        sys.exit(1)


@app.command()
def doctor() -> None:
    """Say what labs can do on this machine, what they can't, and the fix."""
    lab = importlib.import_module("netlib.lab")

    print(lab.Lab.doctor())


if __name__ == "__main__":
    main()
