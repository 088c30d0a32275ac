import os

import pytest


@pytest.fixture
def forked(monkeypatch):
    """The process ids of all children that are forked meanwhile."""
    pids, fork = [], os.fork

    def recording():
        pid = fork()
        pids.append(pid)
        return pid

    monkeypatch.setattr(os, "fork", recording)
    return pids
