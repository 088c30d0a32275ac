"""Many submissions at once on this machine: a pool of processes, each with one submission at a time.

    for record in examine_all(tasks, workers=2): ...

Every task gets its record.  A worker that dies or takes too long is replaced.  The submission of one that died is tried
once more; then, or when its time is up, it gets no points and a line for the instructor.  The students' code does not
run in a worker but in a sandbox that the worker starts; a worker that ends takes its sandbox along.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, TimeoutError, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_all_start_methods, get_context, parent_process
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from netlib.instructor.bubblewrap import NoSandbox
from netlib.instructor.digest import digest
from netlib.instructor.record import Record, Task
from netlib.instructor.zero import zero

Examine = Callable[[Task], Record]

DEADLINE = 400.0  # seconds for one submission, whatever its exercises' own limits add up to
MEMORY = 4 * 2**30  # bytes of address space for a worker: a notebook of 256 MB is read within this
TRIES = 2
OUT_OF_MEMORY = "grading it needs more memory than a worker has"
GRACE = 60.0  # seconds beyond the deadline in which a working pool would have said something
BREAKS = 3  # pools in a row whose workers don't live long enough to say so


class WorkersError(Exception):
    """The processes that grade can't be kept running. One line: why."""


def cpus() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def examine_all(
    tasks: Iterable[Task],
    workers: int | None = None,
    examine: Examine | None = None,
    deadline: float = DEADLINE,
    memory: int = MEMORY,
) -> Iterator[Record]:
    """A record for each task, in the order in which they come to be ready.

    `tasks` is read as workers get free, so not all submissions are in memory at once.  `examine` is a function of a
    module (netlib.instructor.examiner's if left out).  Raises NoSandbox and WorkersError.  However it ends, it leaves
    no process.
    """
    workers = workers or cpus()
    todo = iter(tasks)
    waiting: deque[Task] = deque()
    failures: Counter[str] = Counter()
    more, alone = True, False
    while more or waiting:
        running: dict[Future[str], Task] = {}
        pool = working_pool(workers, memory) if alone else new_pool(workers, memory)
        try:
            while True:
                # After the pool broke, one at a time: the next break then has one possible cause.
                alone = alone and bool(waiting or running)
                most = 1 if alone else 2 * workers
                while more and not alone and len(running) + len(waiting) < most:
                    task = next(todo, None)
                    more = task is not None
                    waiting.extend([task] if task else [])
                while waiting and len(running) < most:
                    running[schedule(pool, waiting[0], examine, deadline)] = waiting[0]
                    waiting.popleft()
                if not running:
                    break
                done, _ = wait(running, deadline + GRACE, FIRST_COMPLETED)
                if not done:
                    raise BrokenProcessPool("nothing comes from the workers any more")
                for future in done:
                    record = outcome(future, running[future], failures, deadline)
                    task = running.pop(future)
                    if record is None:
                        waiting.append(task)
                    else:
                        yield record
        except BrokenProcessPool:
            alone = True
            waiting.extendleft(running.values())
            if len(running) == 1:
                failures[waiting[0].student] += 1
        finally:
            end(pool)
        if waiting and failures[waiting[0].student] >= TRIES:
            yield zero(waiting.popleft(), f"the workers that graded it ended {TRIES} times")


def schedule(pool: ProcessPool, task: Task, examine: Examine | None, deadline: float) -> Future[str]:
    try:
        future: Future[str] = pool.schedule(examined, (task, examine), timeout=deadline)
    except RuntimeError as error:  # pebble's word for a pool that has broken in the meantime
        raise BrokenProcessPool(str(error)) from None
    return future


def new_pool(workers: int, memory: int) -> ProcessPool:
    """Workers that are started from a process of their own, not forked from this one with its threads and files."""
    context: Any = get_context("forkserver" if "forkserver" in get_all_start_methods() else "spawn")
    if hasattr(context, "set_forkserver_preload"):
        context.set_forkserver_preload(["netlib.instructor.workers", "netlib.instructor.examiner"])
    return ProcessPool(workers, initializer=begin, initargs=(memory,), context=context)


def working_pool(workers: int, memory: int) -> ProcessPool:
    """A pool of which it is known that its workers live, so what breaks it then is a submission's fault.

    Raises WorkersError.
    """
    why = ""
    for _ in range(BREAKS):
        pool = new_pool(workers, memory)
        try:
            pool.schedule(os.getpid).result(GRACE)
            return pool
        except (BrokenProcessPool, ProcessExpired, TimeoutError) as error:
            why = str(error) or type(error).__name__
            end(pool)
    raise WorkersError(f"the processes that grade end as soon as they begin ({why}); is there enough memory?")


def end(pool: ProcessPool) -> None:
    """End all workers, also those at work."""
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


def begin(memory: int) -> None:
    """What a worker does first: limits, and an end together with the process that has started it.

    Its own session keeps a Ctrl-C in the terminal from the sandboxes: a student's process that is interrupted would
    look like one that died of itself.
    """
    if hasattr(os, "setsid"):
        if os.getpgrp() != os.getpid():
            os.setsid()
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    threading.Thread(target=follow, daemon=True).start()


def follow() -> None:
    """End this process when the one that has started it is gone, killed perhaps."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def outcome(future: Future[str], task: Task, failures: Counter[str], deadline: float) -> Record | None:
    """The record that a worker made; None if it shall be tried again.  Raises what ends the whole batch."""
    try:
        return named(future.result(), task)
    except TimeoutError:  # a second try would hold up the class as long again
        return zero(task, f"grading it took longer than {deadline:g} s")
    except ProcessExpired as error:
        why = f"the workers that graded it ended {TRIES} times (exit status {error.exitcode})"
    except MemoryError:
        why = OUT_OF_MEMORY
        failures[task.student] = TRIES
    failures[task.student] += 1
    return None if failures[task.student] < TRIES else zero(task, why)


def examined(task: Task, examine: Examine | None) -> str:
    """A task's record as JSON, still without its digest: what a worker does, here or on another machine.

    An error in the checker itself is no points and a line, and not the end of the class.  Raises NoSandbox, which is.
    """
    started = time.monotonic()
    try:
        record = (examine or the_examiner())(task)
    except (NoSandbox, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the checker's own signals among them: none ends the class
        record = zero(task, OUT_OF_MEMORY if isinstance(error, MemoryError) else f"the checker failed: {where(error)}")
    record.seconds = record.seconds or time.monotonic() - started
    return record.to_json()


def named(text: str, task: Task) -> Record:
    """The record that a worker made, with its digest: this process's, whose netlib the workers have."""
    record = Record.from_json(text)
    record.digest = digest(task)
    return record


def the_examiner() -> Examine:
    """netlib's own, imported where it is needed: it brings hypothesis along."""
    from netlib.instructor.examiner import examine

    return examine


def where(error: BaseException) -> str:
    """An error in one line, with the place that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" ({Path(frame.filename).name}:{frame.lineno})" for frame in last)
    return f"{type(error).__name__}: {error}"[:200] + place
