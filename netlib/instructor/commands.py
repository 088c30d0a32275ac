"""The instructors' part of the `netlib` command.

    netlib grade 05-ip-packet [FROM]             grade a class: collect, examine, record, write feedback and tables
    netlib release [FILE] [--chapter 05]...      pack what students get into a zip file
    netlib doctor                                the students' command, and whether this machine can grade
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Make these commands part of `app`."""
    app.command()(grade)
    app.command()(release)
    app.command()(doctor)  # in place of the one that students have


def grade(
    assignment: Annotated[str, typer.Argument(help="a chapter's name or number: 05-ip-packet, 5")],
    source: Annotated[
        Path | None, typer.Argument(metavar="[FROM]", help="a folder or zip file to collect from first")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; all processors when left out")] = None,
    scheduler: Annotated[str, typer.Option(help="a dask.distributed scheduler whose workers grade: tcp://…")] = "",
    db: Annotated[str | None, typer.Option(help="the gradebook: sqlite:///… or postgresql://…")] = None,
    student: Annotated[list[str] | None, typer.Option(help="only this student; may be given again")] = None,
    force: Annotated[bool, typer.Option("--force", help="also what has been graded already")] = False,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="without a sandbox: students' code gets your rights; marks every grade")
    ] = False,
) -> None:
    """Grade what was handed in for an assignment. Ended at any moment, it goes on when given again."""
    from netlib.authoring.chapter import find_chapters, find_root
    from netlib.instructor import grade as whole

    if workers and scheduler:
        raise whole.GradeError("--workers is for this machine and --scheduler for a cluster; give one of them")
    root = find_root()
    [chapter] = find_chapters(root, assignment, "{name}.ipynb")
    if unsafe:
        print("netlib: without a sandbox: students' code runs with your rights", file=sys.stderr)
    options = whole.Options(workers, scheduler, unsafe, student or (), force)
    graded = whole.grade(root, chapter.name, source, db, options)
    print(graded.report())
    print(f"\nTable, picture and this report: {graded.folder.relative_to(root)}/scores.csv, scores.svg, report.txt")
    if graded.refused or (graded.missing and not student):
        sys.exit(1)


def release(
    out: Annotated[Path, typer.Argument(metavar="[FILE]")] = Path("dist/networking-course.zip"),
    chapter: Annotated[list[str] | None, typer.Option(help="only this chapter; may be given again")] = None,
) -> None:
    """Pack what students get into a zip file: no solutions, no hidden tests, nothing for instructors."""
    from netlib.authoring.chapter import find_root
    from netlib.instructor.bundle import TOP, bundle

    path = bundle(find_root(), out, chapter or ())
    size = path.stat().st_size / 1e6
    print(f"{path}: {size:.1f} MB; students unpack it and run make course in {TOP}/")


def doctor() -> None:
    """Say what labs and grading can do on this machine, what they can't, and the fix."""
    from netlib.instructor.bubblewrap import sandbox_report
    from netlib.lab import Lab

    print(Lab.doctor())
    print(sandbox_report())
