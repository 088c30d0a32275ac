"""Many submissions at once on many machines: a dask.distributed cluster, of which each worker examines for us.

    for record in examine_all(tasks, "tcp://10.0.0.1:8786"): ...

A task's bytes go out, a record's JSON text comes back; what was handed in is executed in a sandbox on the worker's
machine, and nothing is written there.  Each worker must have this very netlib and the same versions under it: that is
compared, so a grade doesn't depend on the machine.  A worker that is lost loses nothing: the scheduler gives its tasks
to others.  A submission with which several workers were lost gets no points and a line for the instructor.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import distributed
from pebble import ProcessPool

from netlib.instructor.digest import versions
from netlib.instructor.record import Record, Task
from netlib.instructor.workers import (
    DEADLINE,
    MEMORY,
    TRIES,
    Examine,
    end,
    named,
    outcome,
    schedule,
    working_pool,
)
from netlib.instructor.zero import zero

dask: Any = distributed  # which has no types

CONNECT = 10.0  # seconds in which a scheduler has to answer
ALONE = 60.0  # seconds without any worker, after which nobody waits any longer


class ClusterError(Exception):
    """A cluster that can't be used (any longer). One line: why, and the fix."""


def examine_all(
    tasks: Iterable[Task],
    scheduler: str,
    examine: Examine | None = None,
    deadline: float = DEADLINE,
    alone: float = ALONE,
) -> Iterator[Record]:
    """A record for each task, in the order in which they come to be ready.

    `tasks` is read as workers get free.  Raises ClusterError, and NoSandbox when a worker's machine can't make one.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what went wrong is said here, in one line
    try:
        client: Any = dask.Client(scheduler, timeout=CONNECT)
    except (OSError, TimeoutError, ValueError) as error:
        why = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise ClusterError(f"{scheduler}: no scheduler answers ({why}); start one: dask scheduler") from None
    running: dict[Any, Task] = {}
    try:
        compare(client, scheduler)
        todo = iter(tasks)
        suspects: list[Task] = []  # a worker was lost while it had them; which one was the cause shows when it is alone
        suspect: Task | None = None
        more, silent = True, 0.0
        while more or running or suspects:
            most = 2 * sum(client.nthreads().values())
            while more and len(running) < most:
                task = next(todo, None)
                more = task is not None
                if task is not None:
                    running[submit(client, task, examine, deadline)] = task
            if suspects and not more and not running:
                suspect = suspects.pop()
                running[submit(client, suspect, examine, deadline)] = suspect
            ready = finished(running)
            if not (ready or running or most):
                time.sleep(1)
            silent = 0.0 if ready or most else silent + 1
            if silent >= alone:
                raise ClusterError(f"{scheduler}: has no workers any more; start some, and the same command goes on")
            for future in ready:
                task = running.pop(future)
                record = result(future, task)
                if record is not None:
                    yield record
                elif task is suspect:
                    yield zero(task, "workers of the cluster were lost each time that it was examined")
                else:
                    suspects.append(task)
    except (OSError, TimeoutError) as error:
        raise ClusterError(f"{scheduler}: lost ({error}); the same command goes on where it was") from None
    finally:
        with contextlib.suppress(OSError, TimeoutError):  # of a cluster that is gone nothing need be taken back
            client.cancel(list(running))
            client.close(timeout=CONNECT)


def compare(client: Any, scheduler: str) -> None:
    """Has every worker what is here?  Raises ClusterError, which names the first that has not, and what differs."""
    found = client.run(versions, on_error="return")
    if not found:
        raise ClusterError(f"{scheduler}: has no workers; start some: dask worker {scheduler}")
    for worker, theirs in found.items():
        check(worker, theirs, versions())


def check(worker: str, theirs: Any, ours: dict[str, str]) -> None:
    if not isinstance(theirs, dict):
        raise ClusterError(f"{worker}: netlib can't be used there ({type(theirs).__name__}); install this course there")
    for name, here in ours.items():
        if theirs.get(name) != here:
            there = f"has {name} {theirs.get(name)}, and here it is {here}"
            raise ClusterError(f"{worker}: {there}; install the same course with the same constraints.txt there")


def submit(client: Any, task: Task, examine: Examine | None, deadline: float) -> Any:
    """Send a task to the cluster.  Its bytes stay with the scheduler, so they are not lost with a worker."""
    data = pickle.dumps((task, versions(), examine, deadline))
    return client.submit(examine_here, data, pure=False, retries=0)


def finished(running: dict[Any, Task]) -> list[Any]:
    """The futures that have ended, after waiting a second at most for one."""
    try:
        return list(dask.wait(list(running), timeout=1, return_when="FIRST_COMPLETED").done) if running else []
    except TimeoutError:
        return []


def result(future: Any, task: Task) -> Record | None:
    """The record that came back; None where the scheduler gave up, too many workers having been lost meanwhile.

    Raises what ends the whole batch.
    """
    if future.status == "finished":
        return named(future.result(), task)
    error = future.exception() if future.status == "error" else None
    if error is not None and not isinstance(error, dask.KilledWorker):
        raise error
    return None


# What follows runs on a cluster's worker.

pools: dict[str, ProcessPool] = {}
pools_lock = threading.Lock()


def examine_here(data: bytes) -> str:
    """Examine a task on this worker, in a process of its own with a deadline and a limit of memory."""
    task, wanted, examine, deadline = pickle.loads(data)
    check(dask.get_worker().address, versions(), wanted)  # it may be a worker that came later
    failures: Counter[str] = Counter()
    for _ in range(TRIES):
        pool = the_pool()
        try:
            record = outcome(schedule(pool, task, examine, deadline), task, failures, deadline)
        except BrokenProcessPool:
            give_up(pool)
            continue
        if record is not None:
            return record.to_json()
    return zero(task, f"the workers that graded it ended {TRIES} times").to_json()


def the_pool() -> ProcessPool:
    """This worker's processes, one for each of its threads; they stay, with what they have prepared."""
    with pools_lock:
        if "pool" not in pools:
            from multiprocessing import current_process

            # A worker is a daemon to its nanny and may have no children, which could outlive it; ours follow it.
            current_process()._config["daemon"] = False  # type: ignore[attr-defined]
            pools["pool"] = working_pool(dask.get_worker().state.nthreads, MEMORY)
        return pools["pool"]


def give_up(pool: ProcessPool) -> None:
    """Leave a pool that broke; the next task gets a new one."""
    with pools_lock:
        if pools.get("pool") is pool:
            del pools["pool"]
    end(pool)
