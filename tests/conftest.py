"""How the tests share two workers: a file, or a notebook, stays on one worker; what is marked `serial` takes turns.

`make test` runs pytest with `--dist loadgroup`, which keeps a group together. nbval's cells belong to one kernel, so
their notebook is the group.
"""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = "serial" if item.get_closest_marker("serial") else item.nodeid.split("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))
