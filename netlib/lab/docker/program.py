"""The program that runs containers, `docker` or `podman`, and what its errors mean: one sentence with the fix."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence

from netlib.lab.errors import EngineMissing, LabError

PROGRAMS = ("docker", "podman")
COURSE_IMAGE = "netcourse:latest"
ELSEWHERE = (
    "the Docker daemon does not run on this machine but on another one or in a virtual machine (DOCKER_HOST, Docker "
    "Desktop), where it cannot see this process; run the notebook there, or use another engine"
)


def find() -> str:
    """The program's name. EngineMissing when there is none, or it is set to a daemon on another machine."""
    host = os.environ.get("DOCKER_HOST", "")
    if re.match("(tcp|ssh|https?)://", host):
        raise EngineMissing(f"labs cannot run in containers here: DOCKER_HOST is {host}: {ELSEWHERE}")
    for program in PROGRAMS:
        if shutil.which(program):
            return program
    raise EngineMissing("there is no Docker here; install it (Debian, Ubuntu: sudo apt install docker.io), or Podman")


_OUTPUT_LIMIT = 1 << 20  # bytes


class Call:
    """A running call of the program. It is a session of its own, so that Ctrl-C in a terminal does not reach it."""

    def __init__(self, program: str, *arguments: str):
        self.output, self.errors = os.memfd_create("output"), os.memfd_create("errors")
        self.process = subprocess.Popen(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.errors,
            start_new_session=True,
        )
        self.pidfd = os.pidfd_open(self.process.pid)
        self._done: tuple[int, str, str] | None = None

    def finish(self, timeout: float) -> tuple[int, str, str]:
        """Its exit status, output and errors. Killed, with status -9, when it takes more than `timeout` seconds."""
        if self._done is None:
            try:
                status = self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                status = self.process.wait()
            texts = [os.pread(fd, _OUTPUT_LIMIT, 0).decode(errors="replace") for fd in (self.output, self.errors)]
            for fd in (self.output, self.errors, self.pidfd):
                os.close(fd)
            self._done = (status, texts[0], texts[1])
        return self._done


def mount(source: str | os.PathLike[str], target: str) -> list[str]:
    """The arguments that mount a file or folder read-only. They are fields of CSV, where quotes are doubled."""
    fields = ("type=bind", f"source={os.fspath(source)}", f"target={target}", "readonly")
    return ["--mount", ",".join('"' + field.replace('"', '""') + '"' for field in fields)]


def explain(program: str, image: str, errors: str) -> LabError:
    """What a `run` that failed says, as one line with what, and the fix. EngineMissing when no lab could start."""
    words = " ".join(line for line in errors.strip().splitlines() if not line.startswith(("See '", "Run '", "time=")))
    words = (
        re.sub(r"^docker: |Error response from daemon: |^Error: ", "", words).strip().rstrip(".") or "no reason given"
    )
    build = "; `make labs` builds it" if image == COURSE_IMAGE else f"; {program} pull {image}, or build it"
    known: Sequence[tuple[str, type[LabError], str]] = (
        (r"permission denied .*(socket|daemon)", EngineMissing, "you may not use the Docker daemon; "
         "do: sudo usermod -aG docker $USER, and log in again"),
        (r"(Cannot connect to the Docker daemon|error during connect|docker daemon .*running)", EngineMissing,
         "the Docker daemon does not run; start it: sudo systemctl start docker"),
        (r"no space left on device", LabError, f"the disk that {program} keeps containers on is full; make room: "
         f"{program} system prune"),
        (r"(No such image|Unable to find image|image not known|does not resolve)", EngineMissing,
         f"the image {image} is not there{build}"),
        (r"(bind source path does not exist|[Mm]ounts denied|statfs .* no such file)", EngineMissing, ELSEWHERE),
        (r"netlib-agent.*(not found|no such file)", LabError,
         f"the image {image} has no netlib-agent; build it FROM {COURSE_IMAGE}"),
        (r"unknown flag|unknown server OS|client version", EngineMissing,
         f"this {program} is too old for labs ({words}); install a newer one, 20.10 or later"),
    )  # fmt: skip
    for pattern, kind, sentence in known:
        if re.search(pattern, words, re.DOTALL):
            return kind(sentence)
    return LabError(f"{program} does not start the container: {words[-300:]}")
