"""Which engine runs a lab: what is asked for, or the first of these that works here.

`netns` needs nothing but a Linux kernel, `docker` and `containerlab` run real containers, `replay` shows what was
recorded where nothing can run. An engine is a module with a function `start(topology)` that returns a `Session`, and
raises EngineMissing where this machine cannot have it (any other LabError is about the lab, and is final).
"""

from __future__ import annotations

import importlib
import os
import sys

from netlib.lab.document import suggest
from netlib.lab.errors import EngineMissing, LabError
from netlib.lab.session import Session
from netlib.lab.topology import Topology

ENGINES = {
    "netns": "netlib.lab.netns.session",
    "docker": "netlib.lab.docker.session",
    "containerlab": "netlib.lab.containerlab.session",
    "replay": "netlib.lab.replay.session",
}
VARIABLE = "NETLIB_LAB_ENGINE"  # in the environment: the engine for labs that do not ask for one


def asked_for(engine: str | None) -> str | None:
    """The engine that is wanted, by argument or environment; None for whichever works. LabError for an unknown one."""
    where = "" if engine else f" (in the environment's {VARIABLE})"
    engine = engine or os.environ.get(VARIABLE) or None
    if engine is not None and engine not in ENGINES:
        raise LabError(f"no engine {engine!r}{where}; {suggest(engine, ENGINES)}")
    return engine


def prepare(engine: str | None) -> None:
    """Begin what a start of a lab will need, and do not wait for it: meanwhile its topology is read."""
    if engine in (None, "netns") and sys.platform.startswith("linux"):
        importlib.import_module(ENGINES["netns"]).prepare()


_told: set[str] = set()  # the labs whose reader knows that they are recordings


def start(topology: Topology, engine: str | None = None, *, live: bool = False) -> Session:
    """Start a lab. EngineMissing, with the first engine's reason, when no engine can be had.

    Where that leaves a recording, which nobody has asked for, a line on stderr says so, once for each lab.
    `live` takes no recording.
    """
    reasons: list[EngineMissing] = []
    names = [engine] if engine else [name for name in ENGINES if not live or name != "replay"]
    for name in names:
        try:
            session: Session = importlib.import_module(ENGINES[name]).start(topology)
        except EngineMissing as reason:
            reasons.append(reason)
        else:
            if reasons and not session.live and topology.name not in _told:
                _told.add(topology.name)
                why = f"Live labs do not work here: {reasons[0]}. `netlib lab doctor` says more."
                print(f"lab {topology.name}: {session.badge}. {why}", file=sys.stderr, flush=True)
            return session
    raise reasons[0]
