"""A cluster of real processes on this machine: what is lost with a worker is examined elsewhere, once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from instructor.fakes import RELEASED, FakeGradebook, examine, task

from netlib.instructor import cluster
from netlib.instructor.bubblewrap import NoSandbox
from netlib.instructor.cluster import ClusterError, examine_all
from netlib.instructor.digest import digest, engine, versions
from netlib.instructor.grade import Graded, Options, grade_class
from netlib.instructor.record import Record

TESTS = Path(__file__).parents[1]


@dataclass
class Cluster:
    """A scheduler and workers, on the loopback address, each a process that ends with the fixture."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return (self.folder / "address").read_text().strip()

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        env = os.environ | {"PYTHONPATH": str(TESTS), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        with open(self.folder / f"log{len(self.processes)}", "wb") as log:
            process = subprocess.Popen([sys.executable, "-c", CODE, *words], stdout=log, stderr=log, env=env)
        self.processes.append(process)
        return process

    def scheduler(self) -> subprocess.Popen[bytes]:
        process = self.start("scheduler", str(self.folder / "address"))
        until((self.folder / "address").exists)
        return process

    def worker(self, *more: str) -> subprocess.Popen[bytes]:
        return self.start("worker", self.address, *more)

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


CODE = """
import asyncio, os, sys
from pathlib import Path
from distributed import Nanny, Scheduler, Worker

async def main():
    what, where, *more = sys.argv[1:]
    if what == "scheduler":
        server = await Scheduler(host="127.0.0.1", port=0, dashboard_address=None, dashboard=False)
        Path(where + ".part").write_text(server.address)
        os.replace(where + ".part", where)
    else:
        kind = Nanny if "nanny" in more else Worker
        server = await kind(where, nthreads=1, host="127.0.0.1", dashboard_address=None, death_timeout=300)
    await server.finished()

if __name__ == "__main__":
    asyncio.run(main())
"""


def until(condition: object, seconds: float = 300.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def wait_for(running: Cluster, workers: int) -> None:
    """Until so many workers have found the scheduler."""
    from distributed import Client

    with Client(running.address, set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=300)


@pytest.fixture(autouse=True)
def sources_as_they_are_now() -> None:
    """Workers that start now have them too, even if somebody edits netlib while the tests run."""
    versions.cache_clear()
    engine.cache_clear()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that runs has to answer, however busy this machine is."""
    monkeypatch.setattr(cluster, "CONNECT", 120.0)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    try:
        made.scheduler()
        yield made
    finally:
        made.stop()


def test_a_worker_is_killed_in_the_middle(running: Cluster, tmp_path: Path) -> None:
    victim = running.worker()
    running.worker()
    running.worker("nanny")
    wait_for(running, 3)
    log = tmp_path / "examined"
    lines = {f"s{i:02}": f"append {log}\nwait 0.3\n{i % 5}" for i in range(15)}
    lines |= {"killer": "die", "bug": "raise"}
    tasks = [task(student, said.encode()) for student, said in lines.items()]
    records: list[Record] = []
    for record in examine_all(tasks, running.address, examine):
        records.append(record)
        if len(records) == 4:
            victim.send_signal(signal.SIGKILL)
    assert sorted(record.student for record in records) == sorted(lines), "nothing lost, nothing twice"
    found = {record.student: record for record in records}
    assert [found[f"s{i:02}"].points for i in range(15)] == [i % 5 for i in range(15)]
    assert all(found[each.student].digest == digest(each) for each in tasks)
    assert found["killer"].look == ["the workers that graded it ended 2 times (exit status -9)"]
    assert found["bug"].look[0].startswith("the checker failed: ValueError")
    assert victim.wait(60) == -signal.SIGKILL
    examined = log.read_text().split()
    # again only what was at work on the worker that was killed, or done there and not yet fetched
    assert 15 <= len(examined) <= 21


def test_a_submission_that_workers_are_lost_with_fails_closed(running: Cluster) -> None:
    running.worker("nanny")
    wait_for(running, 1)
    records = {r.student: r for r in examine_all([task("a", b"kill"), task("b", b"4")], running.address, examine)}
    assert records["b"].points == 4
    assert records["a"].points == 0
    assert records["a"].look == ["workers of the cluster were lost each time that it was examined"]


def test_what_cannot_be_used_is_said_in_one_line(running: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        monkeypatch.context() as soon,
        pytest.raises(ClusterError, match=r"^tcp://127.0.0.1:1: no scheduler answers .*start one: dask scheduler$"),
    ):
        soon.setattr(cluster, "CONNECT", 1.0)
        list(examine_all([task("a")], "tcp://127.0.0.1:1", examine))
    with pytest.raises(ClusterError, match=r": has no workers; start some: dask worker tcp://"):
        list(examine_all([task("a")], running.address, examine))
    running.worker()
    wait_for(running, 1)
    with pytest.raises(NoSandbox, match="allow user namespaces"):
        list(examine_all([task("a", b"sandbox")], running.address, examine))
    assert [record.points for record in examine_all([task("a", b"3")], running.address, examine)] == [3]
    here = cluster.versions()
    with pytest.raises(ClusterError, match=r"^a: has Python 3.1, and here it is 3.2; install"):
        cluster.check("a", {"Python": "3.1"}, {"Python": "3.2"})
    with pytest.raises(ClusterError, match=r"^a: netlib can't be used there \(ModuleNotFoundError\); install"):
        cluster.check("a", ModuleNotFoundError("netlib"), here)
    monkeypatch.setattr(cluster, "versions", lambda: here | {"hypothesis": "0.1"})
    with pytest.raises(ClusterError, match=r"^tcp://127.0.0.1:\d+: has hypothesis [\d.]+, and here it is 0.1; install"):
        list(examine_all([task("a")], running.address, examine))


def test_a_cluster_that_goes_away_is_told(running: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = running.worker()
    wait_for(running, 1)
    tasks = [task("a", b"4"), *(task(f"s{i}", b"wait 600") for i in range(3))]
    records = examine_all(tasks, running.address, examine, alone=2)
    assert next(records).points == 4
    worker.kill()
    with pytest.raises(ClusterError, match="has no workers any more; start some, and the same command goes on"):
        next(records)
    worker = running.worker()
    wait_for(running, 1)
    records = examine_all(tasks, running.address, examine)
    assert next(records).points == 4
    monkeypatch.setattr(cluster, "CONNECT", 1.0)
    running.processes[0].kill()
    with pytest.raises(ClusterError, match="the same command goes on where it was"):
        next(records)


def test_a_class_is_graded_by_a_cluster(running: Cluster, tmp_path: Path) -> None:
    released = tmp_path / "course" / "05-demo" / "05-demo.ipynb"
    released.parent.mkdir(parents=True)
    released.write_text(json.dumps(RELEASED))
    listing = []
    for points in range(4):
        path = tmp_path / f"s{points}.ipynb"
        path.write_text(str(points))
        listing.append((f"s{points}", path, ""))
    running.worker()
    wait_for(running, 1)
    graded, book = Graded("05-demo", tmp_path / "grading" / "05-demo"), FakeGradebook(tmp_path / "book")
    options = Options(scheduler=running.address, examine=examine)
    grade_class(graded, tmp_path, listing, book, options)
    assert [record.points for record in graded.records] == [0, 1, 2, 3]
    grade_class(graded, tmp_path, listing, book, options)
    assert graded.examined == 0
    assert book.said("log") == ["s0", "s1", "s2", "s3"]
