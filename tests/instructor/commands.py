"""nbgrader's commands in this process: a start of its own costs seconds."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from jupyter_core.application import NoStart
from nbgrader.apps import NbGraderApp


def nbgrader(command: str, cwd: Path) -> int:
    """Run a command in a folder; returns its exit status."""
    with contextlib.chdir(cwd):
        NbGraderApp.clear_instance()
        app = NbGraderApp.instance()
        try:
            app.initialize([*command.split(), "--log-level=WARN"])
            app.start()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        except NoStart:  # the subcommand has done it all
            pass
        finally:
            if app.subapp:
                type(app.subapp).clear_instance()
            NbGraderApp.clear_instance()
            os.environ.pop("NBGRADER_EXECUTION", None)
    return 0
