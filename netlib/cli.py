"""The `netlib` command. Errors are one line, and the exit status is 1.

    netlib doctor                                what labs can do on this machine, and what to do where they can't

The commands of authors and instructors stand in the commands.py of their own packages, and are there when these are;
`netlib --help` lists all. Each command imports what it uses when it runs, so the command itself starts at once and
works without the extras that others need.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import typer

app = typer.Typer(
    help=__doc__.split("\n")[0] if __doc__ else None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
MORE = sorted(path.parent.name for path in Path(__file__).parent.glob("*/commands.py"))
SETUP = "make instructor adds what authors and instructors need" if MORE else "run make course again"


def main() -> None:
    """Run the command; what went wrong is said in one line."""
    for package in MORE:
        importlib.import_module(f"netlib.{package}.commands").add_to(app)
    try:
        app()
    except KeyboardInterrupt:
        fail("interrupted")
    except ModuleNotFoundError as missing:
        fail(f"{missing.name} is not installed; {SETUP}")
    except Exception as error:
        if not type(error).__module__.startswith("netlib."):
            raise
        fail(str(error))


def fail(what: str) -> None:
    print(f"netlib: {what}", file=sys.stderr)
    sys.exit(1)


@app.callback()
def callback() -> None:
    """Without this, typer would take a single command for the whole."""


@app.command()
def doctor() -> None:
    """Say what labs can do on this machine, what they can't, and the fix."""
    lab = importlib.import_module("netlib.lab")

    print(lab.Lab.doctor())


if __name__ == "__main__":
    main()
