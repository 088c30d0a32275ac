"""Every lab shows what it claims on the docker engine."""

from __future__ import annotations

import pytest
from lab import tours

pytestmark = pytest.mark.serial  # a container for each node: one lab at a time is enough for a machine


@pytest.mark.parametrize("lab", tours.LABS)
def test_every_claim_holds(lab: str) -> None:
    tours.check_tour(lab, "docker")
