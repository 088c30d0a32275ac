"""The pool of workers: every task gets its record, whatever happens to the worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from instructor.fakes import examine, task

from netlib.instructor.bubblewrap import NoSandbox
from netlib.instructor.digest import digest
from netlib.instructor.record import Record, Task
from netlib.instructor.workers import WorkersError, examine_all, examined, named
from netlib.instructor.zero import zero

TESTS = Path(__file__).parents[1]


def graded(*tasks: Task, deadline: float = 60.0, workers: int = 2) -> dict[str, Record]:
    records = list(examine_all(tasks, workers, examine, deadline=deadline))
    assert len(records) == len(tasks), "a record for each task, and one only"
    return {record.student: record for record in records}


def test_every_task_gets_its_record() -> None:
    tasks = [task(f"s{i}", str(i % 5).encode()) for i in range(20)]
    records = graded(*tasks)
    assert {name: record.points for name, record in records.items()} == {f"s{i}": i % 5 for i in range(20)}
    assert all(records[each.student].digest == digest(each) for each in tasks)


def test_no_tasks_no_records() -> None:
    assert graded() == {}


def test_a_worker_that_dies_takes_no_other_submission_along() -> None:
    records = graded(task("a", b"4"), task("killer", b"die"), task("b", b"3"), task("c", b"2"))
    assert [records[name].points for name in ("a", "b", "c")] == [4, 3, 2]
    assert records["killer"].points == 0
    assert records["killer"].look == ["the workers that graded it ended 2 times (exit status -9)"]
    assert [verdict.of for verdict in records["killer"].verdicts] == [4, 2]


def test_a_worker_that_was_killed_by_chance_costs_nobody_anything(tmp_path: Path) -> None:
    records = graded(task("a", b"4"), task("unlucky", f"once {tmp_path / 'mark'}\n1".encode()))
    assert records["unlucky"].points == 1
    assert records["unlucky"].look == []


def test_a_submission_that_takes_too_long_is_ended() -> None:
    records = graded(task("slow", b"hang"), task("a", b"4"), task("b", b"4"), deadline=4.0)
    assert records["slow"].look == ["grading it took longer than 4 s"]
    assert records["a"].points == records["b"].points == 4


def test_an_error_in_the_checker_is_told_and_gives_nothing() -> None:
    records = graded(task("a", b"4"), task("b", b"raise"))
    assert records["a"].points == 4
    assert records["b"].points == 0
    [line] = records["b"].look
    assert line.startswith("the checker failed: ValueError: the checker has a bug (fakes.py:")


def test_a_worker_has_a_limit_of_memory() -> None:
    records = graded(task("a", b"4"), task("b", b"memory"))
    assert records["a"].points == 4
    assert records["b"].look == ["grading it needs more memory than a worker has"]


def test_a_terminals_ctrl_c_does_not_reach_the_sandboxes() -> None:
    """A student's process that it ended would look like one that died of itself."""
    assert graded(task("a", b"group"))["a"].points == 4


def test_without_a_sandbox_nothing_is_graded() -> None:
    with pytest.raises(NoSandbox, match="allow user namespaces"):
        graded(task("a", b"sandbox"), task("b", b"4"))


def test_tasks_are_read_only_as_workers_get_free() -> None:
    read = []

    def tasks():
        for i in range(100):
            read.append(i)
            yield task(f"s{i}", b"1")

    records = examine_all(tasks(), 2, examine)
    next(records)
    assert len(read) < 10
    records.close()


def test_an_idle_worker_that_is_killed_does_not_end_the_class() -> None:
    """Pebble gives up when a worker dies while none has a task."""

    def tasks():
        yield task("a", b"4")
        yield task("killed", b"wait 0\n1")
        pids = workers_of(os.getpid())
        assert pids
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
        yield from (task(f"s{i}", b"2") for i in range(6))

    records = {record.student: record for record in examine_all(tasks(), 1, examine)}
    assert len(records) == 8
    assert [records[f"s{i}"].points for i in range(6)] == [2] * 6


def test_workers_that_cannot_live_are_told_and_nobody_gets_zero_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlib.instructor.workers.begin", unable)
    with pytest.raises(WorkersError, match=r"^the processes that grade end as soon as they begin"):
        list(examine_all([task("a", b"4"), task("b", b"4")], 1, examine))


def unable(memory: int) -> None:
    os._exit(1)


def workers_of(pid: int) -> list[int]:
    """The processes that this process's fork server has started."""
    return [grandchild for child in children(pid) for grandchild in children(child)]


def children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
        except (OSError, ValueError):
            continue
    return found


SCRIPT = """
from instructor.fakes import examine, task
from netlib.instructor.workers import examine_all

if __name__ == "__main__":
    tasks = [task("first", b"1"), *(task(f"s{i}", b"wait 600") for i in range(4))]
    for record in examine_all(tasks, 2, examine):
        print("ready", flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left(tmp_path: Path, how: signal.Signals) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        below = children(process.pid)
        all_of_them = [*below, *(pid for child in below for pid in children(child))]
        assert len(all_of_them) >= 3
    finally:
        process.send_signal(how)
    process.wait(300)
    process.stdout.close()
    left = all_of_them
    for _ in range(1000):
        left = [pid for pid in left if Path(f"/proc/{pid}").exists()]
        if not left:
            break
        time.sleep(0.1)
    assert not left


def test_a_digest_names_all_that_a_grade_depends_on() -> None:
    one = task("a")
    others = [
        replace(one, assignment="06-demo"),
        replace(one, student="b"),
        replace(one, submission=b"2"),
        replace(one, submission=None),
        replace(one, submission=b""),
        replace(one, submission=None, trouble="too large"),
        replace(one, released=b"{}"),
        replace(one, seed=8),
        replace(one, unsafe=True),
    ]
    assert digest(one) == digest(task("a"))
    assert len({digest(other) for other in [one, *others]}) == len(others) + 1


def test_a_digest_takes_any_name() -> None:
    assert digest(task("\udcff\u202e")) != digest(task("\udcfe\u202e"))


def test_a_zero_record_has_every_exercise_of_the_release() -> None:
    record = zero(task("a"), "why")
    assert [(v.number, v.name, v.grade_id, v.points, v.of, v.status) for v in record.verdicts] == [
        ("5.1", "internet_checksum", "check-5-1", 0, 4, "failed"),
        ("5.2", "build_header", "check-5-2", 0, 2, "failed"),
    ]
    assert Record.from_json(record.to_json()) == record
    assert [len(cell.get("outputs", [])) > 0 for cell in record.notebook["cells"]] == [False, True, True]
    assert "why" not in str(record.verdicts) + str(record.notes), "why is the instructor's to know"


def test_what_a_worker_does_is_the_same_everywhere() -> None:
    record = named(examined(task("a", b"3"), examine), task("a", b"3"))
    assert (record.points, record.digest) == (3, digest(task("a", b"3")))
