"""The labs' tours as tests: which labs there are, and one running lab in which all its claims have to hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netlib.lab import Lab
from netlib.lab.engines import ENGINES
from netlib.lab.errors import EngineMissing
from netlib.lab.tour import load_tour, run_tour

ROOT = Path(__file__).resolve().parents[2]
LABS = sorted(path.parent.name for path in (ROOT / "labs").glob("*/topology.clab.yml"))
# Why a claim may be left out. Anything else that a tour says when it skips is a failure: a claim that nobody tries.
ALLOWED = (
    r"needs a live lab, and this is a recording",
    r"this kernel (lacks|has no) .+",
    r"an ordinary user's lab has a single (user )?id.*",
)


def running(lab: str, engine: str) -> Lab:
    """The lab on this engine, up. Skips the test, with the reason, where this machine cannot have the engine."""
    if engine not in ENGINES:
        pytest.skip(f"netlib has no engine {engine}")
    try:
        return Lab(ROOT / "labs" / lab, engine=engine).up()
    except EngineMissing as reason:
        if engine == "replay":  # it can be had everywhere
            pytest.fail(str(reason))
        pytest.skip(str(reason))


def check_tour(lab: str, engine: str) -> None:
    """Start the lab once; every claim holds, or is left out for a reason that is allowed."""
    claims = load_tour(str(ROOT / "labs" / lab))
    assert claims, f"{lab} has a tour without claims"
    with running(lab, engine) as live:
        assert live.engine == engine
        outcomes = list(run_tour(live, claims))
    allowed = re.compile("|".join(ALLOWED))
    bad = [
        each for each in outcomes if each.holds is False or (each.holds is None and not allowed.fullmatch(each.said))
    ]
    assert not bad, "\n".join([f"{lab} on {engine}:", *map(str, outcomes)])
    assert any(each.holds for each in outcomes) or all(each.claim.live for each in outcomes)
