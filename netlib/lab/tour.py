"""Tours: what a lab shows, as code that runs on every engine.

`labs/NN-topic/tour.py` stands beside the topology:

    from netlib.lab.tour import claim

    @claim("A packet from h1 to h2 loses one of its TTL at each of three routers")
    def ttl(lab):
        done = lab["h1"].run("ping -c 1 10.0.4.2", check=True)
        assert "ttl=61" in done.stdout, done
        return "h1's ping was answered with TTL 61"

Each claim is a sentence that a chapter will state, and a function that asserts it and returns what was seen, in a line.
They run in their order, in one running lab. The tests run every tour on every engine, `netlib lab tour` shows it, and
`netlib lab record` records it. A claim that needs more than commands and captures (sockets, attached hosts) says
`live=True`: a recording cannot repeat it. One that meets a kernel without what it needs calls `skip`. One that counts
on nobody being late by much (a delayed ACK, a round trip in its time) says `tries=3`: a busy machine spoils it now and
then, and never makes it true.
"""

from __future__ import annotations

import importlib.util
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from netlib.lab.errors import LabError
from netlib.lab.lab import Lab, find_topology
from netlib.lab.node import Node

Check = Callable[[Lab], str]
FILE_NAME = "tour.py"
STEP = 0.02  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence, and the function that asserts it and says what it saw."""

    sentence: str
    check: Check
    live: bool
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a claim: `holds` is None where it was skipped; `said` is what was seen, or why not."""

    claim: Claim
    holds: bool | None
    said: str

    def __str__(self) -> str:
        mark = {True: "yes", False: "NO ", None: "-- "}[self.holds]
        return f"{mark}  {self.claim.sentence}\n     " + self.said.replace("\n", "\n     ")


class Skipped(Exception):
    """The claim cannot be tried here; the message says why."""


def claim(sentence: str, *, live: bool = False, tries: int = 1) -> Callable[[Check], Claim]:
    """Mark a function of a tour as the proof of `sentence`. In a live lab it is tried up to `tries` times."""
    return lambda check: Claim(sentence, check, live, tries)


def skip(reason: str) -> NoReturn:
    """End this claim without a verdict: this kernel, or this engine, lacks what it needs."""
    raise Skipped(reason)


def until(condition: Callable[[], object], timeout: float = 30.0, what: str = "what the tour waits for") -> object:
    """Look again and again until `condition` gives something true; return that. AssertionError after `timeout` s."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} has not come after {timeout} s"
        time.sleep(STEP)
    return found


def counters(node: Node, *names: str) -> dict[str, int]:
    """The kernel's counters of these names in a node, as `nstat` shows them: `{"TcpRetransSegs": 3}`.

    They count from the node's start, so take the difference of two looks. A counter this kernel lacks is not there.
    """
    done = node.run(["nstat", "-asz", *names], check=True)
    rows = (line.split() for line in done.stdout.splitlines() if not line.startswith("#"))
    return {name: int(value) for name, value, *_ in rows}


def load_tour(lab: str) -> list[Claim]:
    """The claims of a lab, in their order. LabError where it has no tour."""
    path = find_topology(lab).with_name(FILE_NAME)
    if not path.is_file():
        raise LabError(f"lab {lab} has no tour: there is no {path}")
    return list(_claims(path))


def _claims(path: Path) -> Iterator[Claim]:
    name = "netlib_lab_tour_" + path.parent.name.replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise LabError(f"{error.filename}:{error.lineno}: not valid Python: {error.msg}") from None
    except Exception as error:
        raise LabError(f"{where(error, path)}: {type(error).__name__}: {error}") from None
    yield from (each for each in vars(module).values() if isinstance(each, Claim))


def code_of(each: Claim) -> Path:
    """The file that a claim stands in."""
    return Path(each.check.__code__.co_filename)


def where(error: BaseException, path: Path) -> str:
    """The innermost line of `path` that an exception came through: `tour.py:27: assert reply`."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return f"{path.name}:{frames[-1].lineno}: {frames[-1].line}".removesuffix(": ") if frames else path.name


def run_tour(lab: Lab, claims: list[Claim]) -> Iterator[Outcome]:
    """Try the claims in a running lab, one after the other; each outcome as it is there."""
    for each in claims:
        if each.live and not lab.live:
            yield Outcome(each, None, "needs a live lab, and this is a recording")
            continue
        outcome = _tried(lab, each)
        for _ in range(1, each.tries):
            if outcome.holds is not False or not lab.live:
                break
            outcome = _tried(lab, each)
        yield outcome


def _tried(lab: Lab, each: Claim) -> Outcome:
    try:
        said = each.check(lab)
    except Skipped as reason:
        return Outcome(each, None, str(reason))
    except LabError as error:
        return Outcome(each, False, str(error))
    except AssertionError as error:
        return Outcome(each, False, str(error) or f"{where(error, code_of(each))} does not hold")
    except Exception as error:  # a mistake in the claim: the others can be tried all the same
        return Outcome(each, False, f"{where(error, code_of(each))}: {type(error).__name__}: {error}")
    return Outcome(each, True, said)
