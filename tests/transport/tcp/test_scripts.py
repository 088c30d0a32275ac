"""Every requirement of RFC 9293 in a script of its own: scripts/, by topic, named by their numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlib.transport.tcp.states import strays
from netlib.worlds.script import run_script

SCRIPTS = Path(__file__).parent / "scripts"
FILES = sorted(SCRIPTS.rglob("*.pkt"))


@pytest.mark.parametrize("peer_isn", [1_000_000, 2**32 - 1500])  # the latter passes zero in the middle
@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SCRIPTS)))
def test_script(file: Path, peer_isn: int) -> None:
    run = run_script(file.read_text(), file.name, peer_isn=peer_isn)
    for path in run.paths():
        assert strays(path) == []
