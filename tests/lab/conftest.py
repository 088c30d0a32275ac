"""What the tests of labs share: a running lab, and topologies written for a test."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netlib.lab import Doctor, Lab

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "labs" / "06-icmp" / "topology.clab.yml"

HEAD = """\
name: {name}
topology:
  kinds:
    linux: {{image: none, network-mode: none}}
"""


@functools.cache
def examined() -> Doctor:
    return Lab.doctor()


@pytest.fixture(scope="session")
def labs_work() -> None:
    """Skips the test, with the reason, where labs cannot run."""
    doctor = examined()
    if not doctor:
        problem = doctor.problems[0]
        pytest.skip(f"labs do not work here: {problem.name}: {problem.detail}")


@pytest.fixture(scope="module")
def lab(labs_work: None) -> Iterator[Lab]:
    with Lab(LAB) as lab:
        yield lab


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a topology file: the text stands below `nodes:` and the like, after the head that all share."""

    def write(body: str, name: str = "test") -> Path:
        path = tmp_path / "topology.clab.yml"
        path.write_text(HEAD.format(name=name) + textwrap.indent(textwrap.dedent(body), "  "))
        return path

    return write
