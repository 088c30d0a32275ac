"""Answers that do harm: one clear message each, and this process is as it was."""

import contextlib
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from grading import toys
from hypothesis import strategies as st

from netlib.grading import Exercise, check, register, sandbox

EXERCISE = Exercise(
    number="0.10",
    name="length",
    points=1,
    signature="length(data: bytes) -> int",
    reference=len,
    inputs=st.tuples(st.binary(max_size=8)),
    pinned=[(b"abc",)],
    call_limit=0.4,
    examples=30,
)
register(EXERCISE)


@pytest.fixture(autouse=True)
def short_grace(monkeypatch):
    monkeypatch.setattr(sandbox, "GRACE", 0.4)


def raises(data):
    raise ZeroDivisionError("divided\nby <b>zero</b>")


def raises_base(data):
    raise BaseException("no Exception at all")


def raises_unprintable(data):
    class Unprintable(Exception):
        def __str__(self):
            raise RuntimeError

    raise Unprintable


def loops(data):
    while True:
        pass


def loops_and_swallows(data):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


def loops_without_timer(data):
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True:
        pass


def loops_in_c(data):
    return pow(7, 10**8, 10**200_000)


def sleeps(data):
    time.sleep(3600)


def waits_for_a_lock(data):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def prints_a_gigabyte(data):
    line = "x" * 1_000_000
    for _ in range(1000):
        print(line)


def prints_a_gigabyte_to_stderr(data):
    for _ in range(10**7):
        sys.stderr.write("y" * 100)


def builds_a_gigabyte(data):
    print("x" * (2 << 30))


def eats_memory(data):
    hoard = []
    while True:
        hoard.append(bytearray(1 << 28))


def exits(data):
    sys.exit(7)


def exits_at_once(data):
    os._exit(7)


def kills_itself(data):
    os.kill(os.getpid(), signal.SIGKILL)


def recurses(data):
    return recurses(data)


def recurses_deeply(data):
    sys.setrecursionlimit(10**9)

    class Deep:
        def __repr__(self):
            return repr(self)

    return repr(Deep())


def closes_stdout(data):
    sys.stdout.close()
    os.close(1)
    return -1


def closes_everything(data):
    os.closerange(0, 1000)
    return 3


def writes_into_every_pipe(data):
    for descriptor in range(3, 100):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"12              \xff\xfe nonsense")
    return len(data)


def asks_for_input(data):
    return input("how long? ")


def returns_a_giant(data):
    return b"x" * 10_000_000


def returns_itself_for_ever(data):
    knot = []
    knot.append(knot)
    return knot


def returns_a_huge_number(data):
    return 1 << 1_000_000


def returns_a_chameleon(data):
    class Chameleon:
        def __eq__(self, other):
            return True

        def __hash__(self):
            return 0

        def __repr__(self):
            raise SystemExit

    return Chameleon()


def returns_an_equal_number(data):
    class Equal(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    return Equal(-1)


def returns_unprintable(data):
    class Unprintable:
        def __repr__(self):
            while True:
                pass

    return Unprintable()


def is_a_generator(data):
    yield len(data)


async def is_a_coroutine(data):
    return len(data)


def leaves_a_process(data):
    if os.fork() == 0:
        time.sleep(3600)
        os._exit(0)
    return -1


def leaves_a_thread(data):
    threading.Thread(target=time.sleep, args=(3600,)).start()
    return -1


def rewrites_the_reference(data):
    toys.word_sum.__code__ = (lambda data: 0).__code__
    EXERCISE.__dict__["reference"] = lambda data: 0
    sys.modules.clear()
    return -1


HOSTILE = {
    raises: ("raised", "ZeroDivisionError: divided"),
    raises_base: ("raised", "BaseException: no Exception at all"),
    raises_unprintable: ("raised", "Unprintable"),
    loops: ("hung", r"did not finish within 0.4 s; it was in line \d+: "),
    loops_and_swallows: ("hung", "did not finish within 0.4 s"),
    loops_without_timer: ("hung", "did not finish within 0.4 s"),
    loops_in_c: ("hung", "did not finish within 0.4 s"),
    sleeps: ("hung", r"did not finish within 0.4 s; it was in line \d+: time.sleep\(3600\)"),
    waits_for_a_lock: ("hung", "did not finish within 0.4 s"),
    prints_a_gigabyte: ("flood", "printed more than 4 MB and was stopped"),
    prints_a_gigabyte_to_stderr: ("flood", "printed more than 4 MB and was stopped"),
    builds_a_gigabyte: ("raised", "MemoryError"),
    eats_memory: ("raised|hung", "MemoryError|did not finish"),  # whichever limit it meets first
    exits: ("raised", "SystemExit: 7"),
    exits_at_once: ("died", "ended the whole process .exit status 7., as os._exit does"),
    kills_itself: ("died", "crashed Python with SIGKILL"),
    recurses: ("raised", "RecursionError"),
    recurses_deeply: ("died|raised", "SIGSEGV|MemoryError|RecursionError"),
    closes_stdout: ("value", "-1"),
    closes_everything: ("died", "closed the checker's own files|ended the whole process"),
    writes_into_every_pipe: ("died|hung", "answered with something that the check cannot read|did not finish"),
    asks_for_input: ("raised", "RuntimeError: an exercise's function gets its input from its arguments"),
    returns_a_giant: ("too large", "returned a value that holds more than 4 MB"),
    returns_itself_for_ever: ("too large", "returned a value that is nested more than 20 deep"),
    returns_a_huge_number: ("too large", "returned a value that is an integer of 1,000,001 bits"),
    returns_a_chameleon: ("value|raised", "object of class|SystemExit"),
    returns_an_equal_number: ("value", "-1"),
    returns_unprintable: ("hung", "did not finish within 0.4 s"),
    is_a_generator: ("value", "returned an object of class generator where an int is expected"),
    is_a_coroutine: ("value", "returned an object of class coroutine where an int is expected"),
    leaves_a_process: ("value", "-1"),
    leaves_a_thread: ("value", "-1"),
    rewrites_the_reference: ("value", "-1"),
}


@pytest.mark.parametrize("answer", HOSTILE, ids=lambda answer: answer.__name__)
def test_a_hostile_answer_gets_one_clear_message(answer, capfd):
    cause, said = HOSTILE[answer]
    before = sys.stdout, sys.getrecursionlimit(), signal.getsignal(signal.SIGALRM), len(sys.modules)
    descriptors = set(os.listdir("/proc/self/fd"))
    report = check("0.10", answer)
    assert report.status == "failed"
    assert report.cause in cause.split("|")
    assert re.search(said, repr(report))
    assert len(repr(report)) < 10_000 and len(report._repr_html_()) < 20_000
    assert (sys.stdout, sys.getrecursionlimit(), signal.getsignal(signal.SIGALRM), len(sys.modules)) == before
    assert set(os.listdir("/proc/self/fd")) == descriptors
    assert capfd.readouterr() == ("", "")


def test_the_next_check_works_after_all_that():
    assert check("0.10", lambda data: sum(1 for _ in data)).ok


def test_printed_output_is_shown_up_to_a_bound():
    def length(data):
        print("data is", data)
        print("z" * 3000)
        return -1

    text = repr(check("0.10", length))
    assert "Your function printed\n    data is b''" in text
    assert "... and more" in text
    assert "z" * 1900 in text and "z" * 2001 not in text


def test_a_process_that_an_answer_leaves_is_ended(tmp_path):
    def length(data):
        if os.fork() == 0:
            (tmp_path / "new").write_text(str(os.getpid()))
            (tmp_path / "new").rename(tmp_path / "pid")
            time.sleep(3600)
        while not (tmp_path / "pid").exists():
            time.sleep(0.001)
        return -1

    check("0.10", length)
    pid = int((tmp_path / "pid").read_text())
    for _ in range(200):  # it is ended at once; whoever adopts it may need a moment to notice
        if not running(pid):
            return
        time.sleep(0.01)
    pytest.fail(f"process {pid} still runs")


def running(pid):
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_slow_answer_is_told_so():
    register(Exercise(number="0.11", name="slow", points=1, reference=len, inputs=st.tuples(st.binary()), budget=0.2))
    report = check("0.11", lambda data: (time.sleep(0.05), sum(1 for _ in data))[1])
    assert report.cause == "slow"
    assert "is too slow" in report.message


def test_the_stop_button_stops_the_check_and_leaves_nothing_behind(forked):
    def stop():
        while not forked:  # an interrupt before the check, or after it, would end pytest
            time.sleep(0.001)
        time.sleep(0.15)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        check("0.10", loops)
    thread.join()
    for pid in forked:
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def test_an_answer_that_the_machine_held_up_is_asked_again(tmp_path):
    def length(data):
        if not (tmp_path / "asked").exists():
            (tmp_path / "asked").write_text("once")
            time.sleep(1)  # as if the machine had slept
        return sum(1 for _ in data)

    assert check("0.10", length).ok


def test_an_answer_that_is_slow_on_large_inputs_is_shown_one_that_is_truly_slow():
    def length(data):
        size = sum(1 for _ in data)
        end = time.process_time() + (0.2 * size if size > 3 else 0)
        while time.process_time() < end:
            pass
        return size

    register(
        Exercise(
            number="0.12",
            name="n",
            points=1,
            reference=len,
            call_limit=1.0,
            budget=20,
            inputs=st.tuples(st.binary(max_size=9)),
        )
    )
    report = check("0.12", length)
    assert report.cause == "hung"
    shown = eval(report.story[-1].text, {"n": len, "bytes": bytes})
    assert shown > 4  # 1 s and more; 4 bytes take 0.8 s, which is over the limit for shrinking only


@pytest.mark.parametrize(
    ("answer", "cause", "said"),
    [
        (lambda data: sum(1 for _ in data), "", "passed"),
        (raises, "raised", "ZeroDivisionError"),
        (exits, "raised", "SystemExit"),
        (prints_a_gigabyte, "flood", "printed more than 4 MB"),
        (returns_itself_for_ever, "too large", "nested"),
    ],
)
def test_without_fork_the_check_does_its_best_in_this_process(answer, cause, said, monkeypatch, capfd):
    monkeypatch.delattr(os, "fork")
    before = sys.stdout
    report = check("0.10", answer)
    assert report.cause == cause
    assert said in repr(report)
    assert sys.stdout is before
    assert capfd.readouterr() == ("", "")
