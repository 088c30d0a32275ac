"""Ending containers, and removing what dead owners have left: containers, and the folders of their sockets."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
import time
from collections.abc import Sequence

from netlib.lab.docker.owner import read_owner
from netlib.lab.docker.program import Call

OWNER = "netlib.owner"  # the label
FOLDER = "netlib-lab-"  # how the folders of sockets begin; then comes the owner, "-", and a random end
CALL_TIMEOUT = 30.0  # seconds


def look(program: str) -> Call:
    """Start to list what labs have left; it need not be waited for until `remove`."""
    return Call(
        program, "ps", "--all", "--filter", f"label={OWNER}", "--format", f'{{{{.ID}}}} {{{{.Label "{OWNER}"}}}}'
    )


def remove(program: str, listing: Call) -> None:
    """Remove the containers of the listing, and the folders, whose owner is dead."""
    dead = []
    for line in listing.finish(CALL_TIMEOUT)[1].splitlines():
        container, _, label = line.partition(" ")
        owner = read_owner(label)
        if owner and owner.gone:
            dead.append(container)
    if dead:
        Call(program, "rm", "--force", "--volumes", *dead).finish(CALL_TIMEOUT)
    for folder in glob.glob(os.path.join(tempfile.gettempdir(), FOLDER + "*")):
        owner = read_owner(os.path.basename(folder)[len(FOLDER) :].rpartition("-")[0])
        if owner and owner.gone:
            shutil.rmtree(folder, ignore_errors=True)


def end(program: str, containers: Sequence[str]) -> None:
    """Remove these containers, and return when they are gone. What does not obey in time is the next start's work."""
    deadline = time.monotonic() + CALL_TIMEOUT
    while time.monotonic() < deadline:
        status, _, errors = Call(program, "rm", "--force", "--volumes", *containers).finish(CALL_TIMEOUT)
        if not status or "in progress" not in errors:
            return
        time.sleep(0.02)
