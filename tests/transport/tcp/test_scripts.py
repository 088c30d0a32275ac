"""Every requirement of RFC 9293 in a script of its own: scripts/, by topic, named by their numbers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from netlib.transport.tcp.states import ARROWS, State, strays
from netlib.worlds.script import run_script

from .requirements import FILES, PAGE, REQUIREMENTS, SCRIPTS, page, scripts_by_number

ISNS = 1_000_000, 2**32 - 1500  # the peer's first number: with the latter, most scripts pass zero on their way


@pytest.mark.parametrize("peer_isn", ISNS)
@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SCRIPTS)))
def test_script(file: Path, peer_isn: int) -> None:
    run = run_script(file.read_text(), str(file.relative_to(SCRIPTS)), peer_isn=peer_isn)
    for path in run.paths():
        assert strays(path) == []


def test_every_arrow_of_the_figure_is_taken() -> None:
    taken: set[tuple[State, State]] = set()
    for file in FILES:
        for path in run_script(file.read_text(), file.name).paths():
            taken |= set(pairwise(path))
    assert set(ARROWS) <= taken, f"never taken: {[f'{a} -> {b}' for a, b in set(ARROWS) - taken]}"


def test_the_page_is_what_the_scripts_say() -> None:
    assert PAGE.read_text() == page(), "docs/rfc9293.md is old: python -m tests.transport.tcp.requirements"


def test_the_requirements_are_those_of_appendix_b() -> None:
    numbers = [requirement.number for requirement in REQUIREMENTS]
    assert len(numbers) == len(set(numbers))
    for kind, last in (("MUST", 69), ("SHLD", 31), ("MAY", 18), ("REC", 1)):
        found = sorted(int(number.split("-")[1]) for number in numbers if number.startswith(f"{kind}-"))
        assert found == list(range(1, last + 1)), kind


def test_each_has_a_script_or_a_reason() -> None:
    by_number = scripts_by_number()
    unknown = set(by_number) - {requirement.number for requirement in REQUIREMENTS}
    assert not unknown, f"a script names what RFC 9293 has not: {unknown}"
    for requirement in REQUIREMENTS:
        assert by_number.get(requirement.number) or requirement.reason, f"{requirement.number}: no script, no reason"


def test_a_script_is_named_by_what_it_shows() -> None:
    for number, files in scripts_by_number().items():
        kind, digits = number.split("-")
        for file in files:
            name = file.name.replace(kind, "", 1) if file.name.startswith(kind) else file.name
            assert f"{int(digits):02}" in name, f"{file.name} does not name {number}"
