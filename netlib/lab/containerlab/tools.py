"""The two programs: where they are, which version, what their complaints mean."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from netlib.lab.errors import EngineMissing

VARIABLE = "NETLIB_CONTAINERLAB"  # in the environment: the binary, if it is not on the PATH
OLDEST = (0, 78)  # the first that knows `privileged: false`
UNKNOWN = (0, 0)  # what a containerlab says that was built without its version, by `go install`
INSTALL = "https://containerlab.dev/install"


def find_containerlab() -> str:
    """The binary's path. EngineMissing where there is none."""
    path = shutil.which(os.environ.get(VARIABLE) or "containerlab")
    if path is None:
        raise EngineMissing(f"containerlab is not installed; do: install it ({INSTALL})")
    return path


def check_machine() -> tuple[str, str]:
    """The binary and its version, where it can run. EngineMissing, one line, where it can't."""
    if platform.system() != "Linux":
        raise EngineMissing(f"containerlab needs Linux, and this is {platform.system()}; do: use a Linux machine")
    binary = find_containerlab()
    if os.geteuid() != 0:
        raise EngineMissing("the containerlab engine needs root; do: start JupyterLab, or netlib, with sudo")
    version = read_version(_output([binary, "version", "--short"], {"CLAB_VERSION_CHECK": "disable"}))
    if _output(["docker", "version", "--format", "{{.Server.Version}}"]) is None:
        raise EngineMissing(
            "containerlab needs docker, which does not answer; do: install it, or sudo service docker start"
        )
    return binary, version


def read_version(said: str | None) -> str:
    """The version in what `containerlab version --short` said; EngineMissing for one that is too old."""
    found = re.search(r"(\d+)\.(\d+)\.\d+", said or "")
    if not found:
        raise EngineMissing(f"containerlab does not say its version; do: install it anew ({INSTALL})")
    if UNKNOWN != (int(found[1]), int(found[2])) < OLDEST:
        newer = ".".join(map(str, OLDEST))
        raise EngineMissing(f"containerlab {found[0]} refuses `privileged: false`; do: install {newer} or newer")
    return found[0]


def check_images(images: Iterable[str]) -> None:
    """EngineMissing for an image that is not there: a lab pulls nothing."""
    for image in sorted(set(images)):
        if _output(["docker", "image", "inspect", "--format", "ok", image]) is None:
            raise EngineMissing(f"docker has no image {image}; do: make labs")


def _output(command: list[str], environment: Mapping[str, str] | None = None) -> str | None:
    """What a program prints; None when it fails or is not there."""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


@dataclass(frozen=True, slots=True)
class FailedLine:
    """An exec line that failed. containerlab only writes that to its log, and the lab comes up all the same."""

    node: str
    command: str
    said: str


def failed_lines(log: str) -> Iterator[FailedLine]:
    """The exec lines that a log of `containerlab deploy` says have failed."""
    for entry in re.split(r"(?m)^(?=\d\d:\d\d:\d\d )", log):
        if "Failed to execute command" not in entry:
            continue
        node = re.search(r"\bnode=(\S+)", entry)
        command = re.search(r'\bcommand=("(?:[^"\\]|\\.)*"|\S+)', entry)
        said = re.search(r'\bstd(?:err|out)=(?:"((?:[^"\\]|\\.)+)"|\s*\n((?:\s*│ .*\n?)+)|(?!")(\S+))', entry)
        text = next((group for group in said.groups() if group), "") if said else ""
        lines = [line.strip(" │") for line in text.replace("\\n", "\n").splitlines()]
        yield FailedLine(
            node[1] if node else "?",
            _unquoted(command[1]) if command else "?",
            "; ".join(line for line in lines if line)[-300:] or "it failed",
        )


def _unquoted(value: str) -> str:
    return value[1:-1].replace('\\"', '"') if value.startswith('"') else value


def last_words(log: str) -> str:
    """What a failed deployment says about why: its last error, in one line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\bERRO\b|\bFATA\b|^Error:", line)]
    line = (errors or lines or ["it said nothing"])[-1]
    return re.sub(r"^(\d\d:\d\d:\d\d )?(ERRO |FATA |Error: )?", "", line)[-400:]
