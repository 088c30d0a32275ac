"""How the tests share the workers of `make test`.

A file's tests stay on one worker, and so do a notebook's cells, which share a kernel. The chapters' tests, which take
longest, come first and each on its own. Files with tests marked `serial` take turns on one worker.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# a machine that is busy is no reason to fail
settings.register_profile("netlib", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("netlib")

ROOT = Path(__file__).parents[1]
PATIENCE = 300  # seconds for a kernel of nbval's to start, and for an output: a busy machine is no reason to fail
LONG = ("tests/notebooks/", "tests/browser/", "solutions/")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "nbval_kernel_startup_timeout"):
        config.option.nbval_kernel_startup_timeout = PATIENCE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if hasattr(item, "output_timeout"):  # a cell
            item.output_timeout = PATIENCE
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))  # stable: the rest stays in order


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return share(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)


@cache
def share(nodeid: str) -> str:
    """What stays on one worker with this test: all tests with the same share."""
    file = nodeid.split("::")[0]
    if (ROOT / file).is_file() and "pytest.mark.serial" in (ROOT / file).read_text("utf-8"):
        return "serial"
    return nodeid if file.startswith("tests/notebooks/") else file
