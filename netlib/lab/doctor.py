"""`Lab.doctor()`: what labs need on this machine, tried, with the fix for what is not there.

It does not guess from version numbers: it starts a lab of two nodes and uses it, and tries there what the kernel has
for some lessons (features.py). The other engines are looked at, not started. What is only wanted by some lessons is
marked so.
"""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from netlib.lab.capture import Capture
from netlib.lab.docker import program as docker
from netlib.lab.engines import ENGINES
from netlib.lab.errors import LabError
from netlib.lab.features import try_features
from netlib.lab.lab import Lab, shelves
from netlib.lab.netns import diagnosis
from netlib.lab.shelf import RECORDING
from netlib.lab.topology import parse_topology

TRIAL = """
name: doctor
topology:
  kinds:
    linux: {image: none, network-mode: none}
  nodes:
    a: {kind: linux}
    b: {kind: linux}
  links:
    - {endpoints: ["a:eth1", "b:eth1"], mtu: 1500}
"""
TOOLS = {"ip": "iproute2", "sysctl": "procps", "ping": "iputils-ping", "traceroute": "traceroute"}
WANTED_TOOLS = {"tcpdump": "tcpdump", "nsenter": "util-linux"}


@dataclass(frozen=True)
class Finding:
    """One thing that was tried. `needed` is False for what only some lessons want."""

    name: str
    works: bool
    detail: str = ""
    fix: str = ""
    needed: bool = True

    def __str__(self) -> str:
        mark = "yes" if self.works else "NO " if self.needed else "no "
        text = f"  {mark}  {self.name}" + (f": {self.detail}" if self.detail else "")
        return text if self.works or not self.fix else f"{text}\n       fix: {self.fix}"


@dataclass(frozen=True)
class Doctor:
    """The findings. True when labs work here."""

    findings: tuple[Finding, ...]

    def __bool__(self) -> bool:
        return all(finding.works for finding in self.findings if finding.needed)

    @property
    def problems(self) -> list[Finding]:
        """What does not work, the needed first."""
        return sorted((each for each in self.findings if not each.works), key=lambda each: not each.needed)

    def __getitem__(self, name: str) -> Finding:
        return next(finding for finding in self.findings if finding.name == name)

    def __str__(self) -> str:
        head = "Labs work on this machine." if self else "Labs do not work on this machine yet."
        return "\n".join([head, *map(str, self.findings)])

    __repr__ = __str__


def examine() -> Doctor:
    """Try everything. Takes about a second, and leaves nothing behind."""
    findings = [_kernel()]
    if findings[0].works:
        findings += [*_trial(), *_tools(), _tun(), *_engines()]
    return Doctor(tuple(findings))


def _kernel() -> Finding:
    system, release = platform.system(), platform.release()
    if system != "Linux":
        fix = "work in the course's container or a Linux virtual machine (docs/labs.md)"
        return Finding("Linux 5.12 or newer", False, f"this is {system}", fix)
    parts = [int(digits) if digits.isdigit() else 0 for digits in release.split("-")[0].split(".")[:2]]
    works = parts >= [5, 12]
    return Finding("Linux 5.12 or newer", works, release, "" if works else "install a newer kernel")


def _trial() -> list[Finding]:
    """Start a lab and use it: namespaces, links, settings, capture."""
    who = "as root" if os.geteuid() == 0 else "as an ordinary user"
    lab = Lab(parse_topology(TRIAL, "the doctor's own topology", Path()), engine="netns")
    try:
        lab.up()
    except LabError as error:
        reason, _, fix = str(error).partition("; ")
        return [Finding("namespaces", False, reason, fix.removeprefix("do: ") or "see docs/labs.md")]
    findings = [Finding("namespaces", True, f"a lab of two nodes came up {who}")]
    with lab:
        missing = sorted({thing for things in lab.missing.values() for thing in things})
        fix = diagnosis.CONTAINER_FIX
        detail = f"missing: {', '.join(missing)}" if missing else ""
        findings.append(Finding("a /proc and settings of each node's own", not missing, detail, fix if missing else ""))
        findings.append(_attempt("captures", lambda: Capture(lab["a"], "eth1").stop()))
        findings.append(_attempt("sockets in a node", lambda: lab["a"].packet_socket("eth1").close()))
        findings += _features(lab)
    return findings


def _features(lab: Lab) -> list[Finding]:
    """What the kernel has for some lessons. Nothing where even the tools are missing: those are found below."""
    try:
        trials = list(try_features(lab["a"]))
    except LabError:
        return []
    return [Finding(each.feature.name, each.works, each.reason, each.fix, needed=False) for each in trials]


def _engines() -> list[Finding]:
    """The engines beside netns, each with what stands in its way: its module's `check()` says it, or one of CHECKS."""
    findings = []
    for name, home in ENGINES.items():
        if name == "netns":
            continue  # tried in full above
        check = getattr(importlib.import_module(home), "check", None) or CHECKS.get(name)
        if check is None:
            continue
        try:
            findings.append(Finding(f"engine {name}", True, check(), needed=False))
        except LabError as error:
            reason, _, fix = str(error).partition("; ")
            findings.append(Finding(f"engine {name}", False, reason, fix.removeprefix("do: "), needed=False))
    return findings


def _check_docker() -> str:
    """Is there a program, does its daemon answer, has it the course image? LabError with the fix."""
    name = docker.find()
    look = [name, "image", "inspect", "--format", "ok", docker.COURSE_IMAGE]
    try:
        done = subprocess.run(look, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        raise LabError(f"{name} does not answer; see `{name} info`") from None
    if done.returncode:
        raise docker.explain(name, docker.COURSE_IMAGE, done.stderr)
    return f"{name}, with the image {docker.COURSE_IMAGE}"


def _check_replay() -> str:
    """What could be replayed where nothing else works."""
    recorded = {path.parent.name for shelf in shelves() for path in shelf.glob(f"*/{RECORDING}")}
    if not recorded:
        raise LabError("no lab here has a recording; netlib lab record, on a machine where labs work")
    return f"labs that have a recording: {len(recorded)}"


CHECKS = {"docker": _check_docker, "replay": _check_replay}


def _attempt(name: str, action: object) -> Finding:
    assert callable(action)
    try:
        action()
    except (LabError, OSError) as error:
        return Finding(name, False, str(error), "see docs/labs.md")
    return Finding(name, True)


def _tools() -> list[Finding]:
    """The programs that topologies and lessons run."""
    places = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    findings = []
    for tools, needed in ((TOOLS, True), (WANTED_TOOLS, False)):
        for tool, package in tools.items():
            path = shutil.which(tool, path=places)
            fix = "" if path else f"sudo apt install {package}"
            findings.append(Finding(tool, path is not None, path or "not installed", fix, needed))
    return findings


def _tun() -> Finding:
    name, path = "TUN devices", "/dev/net/tun"
    if os.access(path, os.R_OK | os.W_OK):
        return Finding(name, True, path, needed=False)
    if os.path.exists(path):
        return Finding(name, False, f"{path} may not be opened", f"sudo chmod 0666 {path}", needed=False)
    return Finding(name, False, f"no {path}", "sudo modprobe tun (in a container: --device /dev/net/tun)", needed=False)
