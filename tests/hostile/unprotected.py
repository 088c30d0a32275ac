"""Runs attacks as stock nbgrader would: student's cells and hidden tests in one shell, with the user's rights.

A script of its own: jobs come as JSON lines, each runs in a fork of this process, and a JSON line says what came of it.
It imports the slow things once. Each job has limits on time, memory, files and processes, and whoever starts this
script puts it into a process namespace of its own, which ends with it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

import matplotlib
import numpy  # noqa: F401
from IPython.core.displayhook import DisplayHook
from IPython.core.interactiveshell import InteractiveShell

import netlib.exercises.ip_packet
import netlib.exercises.ip_packet_fragments
import netlib.grading
import netlib.lab
import netlib.view  # noqa: F401

matplotlib.use("agg")
PATIENCE = 300.0  # seconds until a job counts as hanging
HANGING = 3.0  # of a job that is to hang
BEATING = 15.0  # in which a process that has outlived its job has to show twice that it lives


class Hook(DisplayHook):
    def __call__(self, result: Any = None) -> None:
        if result is not None:
            Shell.outputs.append(("execute_result", repr(result)[:100]))


class Shell(InteractiveShell):
    """A kernel without sockets: outputs are kept in order, as nbgrader reads them."""

    outputs: list[tuple[str, str]] = []  # noqa: RUF012
    displayhook_class = Hook

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        self.outputs.append(("error", f"{getattr(etype, '__name__', '')}: {evalue}"[:300]))


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Points by exercise, as nbgrader's `determine_grade` gives them, and the errors."""
    shell = Shell.instance()
    shell.history_manager.enabled = False
    scores: dict[str, float] = {}
    errors = []
    for source, test, points in job["cells"]:
        Shell.outputs.clear()
        shell.run_cell(source, store_history=True)
        if test:
            time.sleep(0.01)
            scores[test] = score(Shell.outputs, points)
        errors += [said for kind, said in Shell.outputs if kind == "error"]
        if sum(scores.values()) > job["enough"] and job["sign"] == "gained":
            break  # that is proof
    return {"scores": scores, "errors": errors[:40]}


def score(outputs: list[tuple[str, str]], points: float) -> float:
    for kind, said in outputs:
        if kind == "error":
            return 0.0
        try:
            return float(said)
        except ValueError:
            continue
    return points


def limits() -> None:
    for what, limit in (
        (resource.RLIMIT_AS, 6 << 30), (resource.RLIMIT_CPU, 20), (resource.RLIMIT_FSIZE, 400 << 20),
        (resource.RLIMIT_CORE, 0),
    ):  # fmt: skip
        resource.setrlimit(what, (limit, limit))


def grader(job: dict[str, Any], result: str) -> None:
    """The process that an attack may kill: it starts the job in another and waits."""
    os.setsid()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        limits()
        os.chdir(job["cwd"])
        with open(job["output"], "w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        for name in ("stdout", "stderr"):
            setattr(sys, name, os.fdopen(1, "w", closefd=False))
        text = json.dumps(run(job))
        Path(result + ".new").write_text(text)
        os.rename(result + ".new", result)
        sys.stdout.flush()
        import atexit

        atexit._run_exitfuncs()
        os._exit(0)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)


def beats(job: dict[str, Any]) -> int:
    try:
        return os.path.getsize(job["beat"])
    except OSError:
        return 0


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        result = job["output"] + ".result"
        pid = os.fork()
        if pid == 0:
            try:
                grader(job, result)
            finally:
                os._exit(99)
        end = time.monotonic() + (HANGING if job["sign"] == "hung" else PATIENCE)
        while not (ended := os.waitpid(pid, os.WNOHANG)[0]) and time.monotonic() < end:
            time.sleep(0.01)
        said: dict[str, Any] = {"name": job["name"], "ended": "ended" if os.path.exists(result) else "died"}
        if os.path.exists(result):
            said |= json.loads(Path(result).read_text())
        if not ended:
            said["ended"] = "hung"
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        if job["sign"] == "outlived":
            before, end = beats(job), time.monotonic() + BEATING
            while not (before and beats(job) > before) and time.monotonic() < end:
                time.sleep(0.1)
                before = before or beats(job)
            said["beats"] = beats(job) - before
        print(json.dumps(said), flush=True)


main()
