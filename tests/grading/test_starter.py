"""A starter's process says first whether it has an answer at all; what it says is told without any input."""

import os
import pickle
import sys
import time

import pytest
from grading import toys
from grading.test_check import carry_dropped, right

from netlib.grading import exercise
from netlib.grading.carry import carrier
from netlib.grading.check import CHECK_SEED, GRADE_SEED, examine, examine_graded
from netlib.grading.child import Child
from netlib.grading.guard import Guard
from netlib.grading.outcome import raised_part
from netlib.grading.sandbox import Sandbox, Started
from netlib.grading.search import Search
from netlib.grading.signals import NotWhileGraded


class Announcing:
    """Forks a process that knows the kind of an exercise and the answer, as a grader's does; `boot` is run first."""

    def __init__(self, number, answer, boot=lambda: {"kind": "ready"}, boot_limit=30.0):
        self.kind, self.answer, self.boot, self.boot_limit = exercise(number).carried, answer, boot, boot_limit

    def start(self):
        from_parent, requests = os.pipe()
        replies, to_parent = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                os.close(requests)
                os.close(replies)
                child = Child(carrier(self.kind, Guard(), self.answer), Guard(), from_parent, to_parent)
                sys.stdout = child.printed
                child.reply(self.boot())
                child.run(settled=True)
            finally:
                os._exit(70)
        os.close(from_parent)
        os.close(to_parent)
        return Started(pid, requests, replies, announces=True, boot_limit=self.boot_limit)


@pytest.mark.parametrize("number, answer", [("0.1", right), ("0.1", carry_dropped), ("0.3", toys.Counter)])
def test_a_starter_gives_the_report_that_a_fork_gives(number, answer):
    ours = examine(exercise(number), None, CHECK_SEED, starter=Announcing(number, answer))
    if answer is not toys.Counter:  # the fork notices that this is the reference; the grader's netlib is without it
        assert repr(ours) == repr(examine(exercise(number), answer, CHECK_SEED))
    assert ours.ok == (answer is not carry_dropped)


def a_name_error():
    try:
        word_sum  # noqa: B018
    except NameError as error:
        return {"kind": "raised", "raised": raised_part(error)}


def exit_at_once():
    os._exit(3)


BOOTS = {
    "waiting": (lambda: {"kind": "waiting", "message": "waiting for exercise 0.1 word_sum"}, "waiting", "waiting for"),
    "missing": (lambda: {"kind": "no answer", "message": "there is no word_sum"}, "failed", "there is no word_sum"),
    "raised": (a_name_error, "failed", "the cells that define it raised NameError: name 'word_sum' is not defined"),
    "died": (exit_at_once, "failed", "the cells that define it ended the whole process (exit status 3)"),
    "slow": (lambda: time.sleep(3600), "failed", "the cells that define it did not finish"),
    "nonsense": (lambda: [1], "failed", "answered with something that the check cannot read"),
    "a wrong kind": (lambda: {"kind": "passed"}, "failed", "answered with something that the check cannot read"),
}


@pytest.mark.parametrize("boot", BOOTS)
def test_what_went_wrong_before_any_call_is_one_line(boot):
    first, status, said = BOOTS[boot]
    starter = Announcing("0.1", right, first, boot_limit=0.5)
    report = examine(exercise("0.1"), None, CHECK_SEED, starter=starter)
    assert report.status == status
    assert said in report.message
    assert not report.story


def test_a_process_that_could_not_begin_is_not_started_again():
    starts = []

    class Counting(Announcing):
        def start(self):
            starts.append(1)
            return super().start()

    with Sandbox(Counting("0.1", right, exit_at_once)) as sandbox:
        kinds = [sandbox.call(pickle.dumps((b"",))).kind for _ in range(3)]
    assert kinds == ["died"] * 3 and len(starts) == 1


def test_netlib_without_what_is_asked_for_means_delegated():
    def word_sum(data):
        try:
            raise NotWhileGraded("netlib.wire.checksum.internet_checksum")
        except Exception:
            return right(data)

    report = examine_graded(exercise("0.1"), Announcing("0.1", word_sum), GRADE_SEED)
    assert report.cause == "delegated"
    assert report.message.endswith("your answer called netlib.wire.checksum.internet_checksum; write it yourself")


def hidden_from(seed):
    """The inputs that a seed tries and the public one does not."""
    tried = {}
    for each in (seed, CHECK_SEED):
        search = Search(exercise("0.1"), right, each, shrink=False)
        assert search.run() is None
        tried[each] = {pickle.loads(key) for key in search.verdicts}
    return tried[seed] - tried[CHECK_SEED]


def test_an_answer_that_fits_the_public_inputs_only_is_found_and_nothing_hidden_is_shown():
    hidden = hidden_from(99)
    fitted = Announcing("0.1", lambda data: 0 if (data,) in hidden else right(data))
    report = examine_graded(exercise("0.1"), fitted, 99)
    assert report.status == "failed"
    assert not any(data.hex() in repr(report) for (data,) in hidden if len(data) > 2)


def test_an_answer_that_only_a_secret_seed_shows_to_be_wrong_is_told_by_a_public_one():
    known = {pickle.loads(key) for key in tried_with(CHECK_SEED)}
    fitted = Announcing("0.1", lambda data: right(data) if (data,) in known else 0)
    report = examine_graded(exercise("0.1"), fitted, GRADE_SEED)
    assert report.status == "failed" and report.story
    assert examine(exercise("0.1"), None, CHECK_SEED, starter=fitted).ok


def tried_with(seed):
    search = Search(exercise("0.1"), right, seed, shrink=False)
    assert search.run() is None
    return search.verdicts
