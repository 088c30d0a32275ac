"""Recording a lab: its tour, run live with a recorder in between, kept when every claim held.

The recording is played before it is kept, and the tour has to hold there too: what a recording cannot repeat, such as a
time that the tour takes by its own clock, is found when it is made and not when somebody needs it.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import platform
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from netlib.lab import engines
from netlib.lab.errors import LabError
from netlib.lab.lab import Lab
from netlib.lab.node import Node
from netlib.lab.replay.recorder import Recorder
from netlib.lab.replay.recording import AIM, FILE_NAME, About, Recording, digest, write_recording
from netlib.lab.replay.session import ReplaySession
from netlib.lab.topology import Topology
from netlib.lab.tour import Claim, load_tour, run_tour

Say = Callable[[str], None]

# How a program is asked for its version, where that is quick; the first line with a digit in it is kept
_VERSIONS = {
    **dict.fromkeys(("ip", "ss", "tc", "bridge", "nstat", "ping", "tracepath", "socat", "ssh", "sshd"), "-V"),
    **dict.fromkeys(("nginx", "haproxy", "named", "nsd", "dig", "delv", "ab"), "-v"),
    **dict.fromkeys(("traceroute", "tcpdump", "curl", "nft", "iperf3", "conntrack", "python3", "sysctl"), "--version"),
    **dict.fromkeys(("gnutls-cli", "gnutls-serv", "nghttp", "h2load", "ethtool", "arping"), "--version"),
    **dict.fromkeys(("unbound",), "-V"),
    **dict.fromkeys(("openssl",), "version"),
}
_WORD = re.compile(r"[\w.-]+")


def record(name: str, engine: str | None = None, *, say: Say = print) -> Path:
    """Run the tour of a lab live and keep what it gave beside the topology; the path of the file.

    LabError, and the recording that was there stays, when a claim does not hold, live or in the recording.
    """
    if engine == "replay":
        raise LabError("a recording is made of a live lab; choose another engine, or none")
    lab = Lab(name, engine=engine)
    claims = load_tour(name)
    say(f"{lab.name}: recording {len(claims)} claims")
    recording = _record(lab, claims, engine, say)
    played = Lab(lab.topology)
    with played:
        played.adopt(ReplaySession(lab.topology, recording))
        _run(played, claims, "the recording of ", say=lambda line: None)
    path = lab.topology.folder / FILE_NAME
    size = write_recording(recording, path)
    large = f"; aim for less than {AIM // 1000} kB" if size > AIM else ""
    count = f"{len(recording.commands)} commands and {len(recording.captures)} captures"
    say(f"{lab.name}: {count} in {size / 1000:.1f} kB{large}")
    return path


def record_all(names: Iterable[str] = (), engine: str | None = None, *, say: Say = print) -> list[str]:
    """Record these labs anew, or every lab that has a tour; the names of those that could not be."""
    failed = []
    for name in names or labs_with_tour():
        try:
            record(name, engine, say=say)
        except LabError as error:
            say(f"{name}: NOT RECORDED: {error}")
            failed.append(name)
    return failed


def labs_with_tour() -> list[str]:
    """The course's labs that have a tour."""
    shelf = Path(__file__).resolve().parents[3] / "labs"
    return sorted(path.parent.name for path in shelf.glob("*/tour.py"))


def _record(lab: Lab, claims: Sequence[Claim], engine: str | None, say: Say) -> Recording:
    recorder = Recorder(engines.start(lab.topology, engine, live=True))
    with contextlib.ExitStack() as stack:
        stack.callback(recorder.close)
        lab.adopt(recorder)
        stack.callback(lab.down)
        _run(lab, claims, "", recorder, say)
        with recorder.paused():
            versions = _versions(lab, [(each.node, each.argv) for each in recorder.commands])
        about = About(
            lab=lab.name,
            topology=digest(lab.topology),
            date=datetime.date.today().isoformat(),
            kernel="Linux " + ".".join(platform.release().split(".")[:2]),
            engine=recorder.engine,
            netlib=importlib.metadata.version("netlib"),
            versions=versions,
        )
    return Recording(about, recorder.commands, recorder.captures, recorder.asked)


def _run(lab: Lab, claims: Sequence[Claim], what: str, recorder: Recorder | None = None, say: Say = print) -> None:
    """Run the claims. Those that need a live lab are left out of a recording, so that what follows finds its turn."""
    for each in claims:
        with recorder.paused() if recorder and each.live else contextlib.nullcontext():
            began = time.monotonic()
            outcome = next(iter(run_tour(lab, [replace(each, tries=1)])))  # a try that was spoiled is not recorded
        if outcome.holds is False:
            advice = "; what the tour measures itself needs live=True" if what else ""
            raise LabError(f"{what}{lab.name}: {each.sentence!r} does not hold: {_line(outcome.said)}{advice}")
        say(f"  {time.monotonic() - began:5.1f} s  {outcome}")


def _line(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())[:300]


def _versions(lab: Lab, commands: Sequence[tuple[str, Sequence[str]]]) -> dict[str, str]:
    """What the programs that ran in the lab say of themselves."""
    used: dict[str, str] = {}  # program -> a node that ran it
    for node, argv in (*_setup(lab.topology), *commands):
        for word in _WORD.findall(" ".join(argv)):
            if word in _VERSIONS:
                used.setdefault(word, node)
    versions = {program: _version(lab[node], program) for program, node in sorted(used.items())}
    return {program: version for program, version in versions.items() if version}


def _setup(topology: Topology) -> list[tuple[str, Sequence[str]]]:
    return [(spec.name, command.argv) for spec in topology.nodes.values() for command in spec.commands]


def _version(node: Node, program: str) -> str:
    try:
        done = node.run([program, _VERSIONS[program]], timeout=10)
    except LabError:
        return ""
    lines = (done.stdout + "\n" + done.stderr).splitlines()
    return next((line.strip()[:100] for line in lines if re.search(r"\d", line)), "")
