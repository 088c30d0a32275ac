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


@pytest.fixture(autouse=True)
def desk(tmp_path_factory, monkeypatch):
    """A folder to work in: `check` saves the packets of a counterexample in the one where it is."""
    monkeypatch.chdir(tmp_path_factory.mktemp("desk"))
