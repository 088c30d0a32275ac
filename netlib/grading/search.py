"""Finds the smallest case on which an answer is wrong.

Pinned cases come first, then random ones (see `corpus`); hypothesis then makes the first that fails smaller.  The same
seed gives the same cases and the same counterexample, in every process.  Cases are made here and carried out in the
sandbox; after so many calls, the smallest counterexample so far is the one that is shown.
"""

import contextlib
import pickle
from dataclasses import dataclass
from typing import Any

from netlib.grading.carry import carrier
from netlib.grading.child import WALL
from netlib.grading.corpus import by_weight, corpus, expected, find, weight
from netlib.grading.exercise import Exercise, Problem
from netlib.grading.outcome import Outcome
from netlib.grading.pickling import dumps
from netlib.grading.remote import carry_out
from netlib.grading.sandbox import Fork, Sandbox, Starter

SHRINKING = 4  # calls at most for each random input there is, to make a counterexample smaller
HANGS = 12  # calls that do not come to an end, in one search: after each a new process is needed
ENDINGS = ("hung", "died", "flood")
HANG_LIMIT = 0.3  # CPU seconds a call, once one has hung
ROUNDS = 8
OBSERVED = 60  # right outcomes kept, beside all wrong ones, for the guess at the cause


@dataclass
class Counterexample:
    """A case, what came of it and what is wrong with that; `label` says what a pinned case is about."""

    case: Any
    outcome: Outcome
    problem: Problem
    label: str = ""
    remembers: bool = False  # it only fails after earlier calls


class Decided(BaseException):
    """No more cases are needed: the exercise is unsolved, or the answer is delegated.  Goes through hypothesis."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class OutOfTime(BaseException):
    """The calls or the time for this search are used up."""


class Search:
    """One search: `run` gives the smallest counterexample, or None; `pinned` and `random` count the cases tried.

    Raises `Decided`.  Without `shrink` the first counterexample is good enough.  With a `starter`, its processes have
    the answer, and `student` is not looked at; a sandbox that has started one is used and left open.  Without either,
    this process is forked.
    """

    def __init__(
        self, exercise: Exercise, student: Any, seed: int, shrink: bool = True, starter: Starter | Sandbox | None = None
    ) -> None:
        self.exercise = exercise
        self.shared = starter if isinstance(starter, Sandbox) else None
        self.starter = starter.starter if isinstance(starter, Sandbox) else starter or forked(exercise, student)
        self.seed = seed
        self.shrink = shrink
        self.pinned = 0
        self.random = 0
        self.observed: dict[bytes, Outcome] = {}
        self.verdicts: dict[bytes, Problem | None] = {}
        self.best: Counterexample | None = None
        self.shrinking = False  # a counterexample is there, and is made smaller
        self.credit_left = set(exercise.credit)  # the properties that have held so far
        self.calls_left = SHRINKING * exercise.examples
        self.hangs_left = HANGS
        self.slow: Problem | None = None
        self.hung: Counterexample | None = None  # the first that hung, with the full time

    def sandbox(self) -> Sandbox:
        return Sandbox(self.starter, self.exercise.call_limit)

    def run(self) -> Counterexample | None:
        if self.shared:
            self.shared.begin(self.exercise.call_limit)
        with contextlib.nullcontext(self.shared) if self.shared else self.sandbox() as sandbox:
            pinned = self.try_pinned(sandbox)
            if pinned is None or self.shrink or self.credit_left:
                with contextlib.suppress(OutOfTime):
                    self.try_random(sandbox)
            if pinned and (self.best is None or weight(pinned.case) <= weight(self.best.case)):
                self.best = pinned
            if self.slow:
                self.credit_left.clear()
            if self.best is None and self.slow:
                return Counterexample(None, Outcome("hung"), self.slow)
        return self.confirm(self.best) if self.best and self.shrink else self.best

    def try_pinned(self, sandbox: Sandbox) -> Counterexample | None:
        """The first pinned case that fails; where there is credit left to lose, the others are tried as well."""
        found = None
        for label, case in self.exercise.cases():
            key = dumps(case)
            if found is None:
                self.pinned += 1
            try:
                problem = self.verdict(sandbox, key)
            except OutOfTime:
                break
            if problem and found is None:
                found = Counterexample(case, self.observed[key], problem, label)
            if found and not self.credit_left:
                break
        return found

    def try_random(self, sandbox: Sandbox) -> None:
        from hypothesis.errors import HypothesisException, NoSuchExample

        for key in corpus(self.exercise, self.seed):
            if self.best is None:
                self.random += 1
            problem = self.verdict(sandbox, key)
            if problem and self.best is None:
                self.best = Counterexample(pickle.loads(key), self.observed[key], problem)
            if problem and not self.credit_left:
                break
        if self.best is None or not self.shrink:
            return
        self.shrinking = True
        bar: tuple[int, str] | None = None

        def fails(case: Any) -> bool:
            if bar is not None and weight(case) >= bar:
                return False
            key = dumps(case)
            problem = self.verdict(sandbox, key)
            if problem is None:
                return False
            assert self.best is not None
            if weight(case) <= weight(self.best.case):
                self.best = Counterexample(pickle.loads(key), self.observed[key], problem)
            return True

        # Shrinking takes one step at a time, and stops where no single step helps (an odd length stays odd).
        # So look whether a smaller one of the random inputs fails too, and go on from there, until none does.
        for turn in range(ROUNDS):
            with contextlib.suppress(NoSuchExample, HypothesisException):  # the latter: it does not do the same twice
                find(self.exercise, fails, self.seed + turn)
            bar = weight(self.best.case)
            if not self.smaller(sandbox, bar):
                return

    def smaller(self, sandbox: Sandbox, bar: tuple[int, str]) -> bool:
        """Whether one of the random inputs fails that is smaller than `bar`; the smallest is the best then."""
        for size, key in by_weight(self.exercise, self.seed):
            if size >= bar:
                return False
            problem = self.verdict(sandbox, key)
            if problem:
                self.best = Counterexample(pickle.loads(key), self.observed[key], problem)
                return True
        return False

    def verdict(self, sandbox: Sandbox, key: bytes) -> Problem | None:
        """What is wrong on this case; each case is carried out once."""
        if key in self.verdicts:
            return self.verdicts[key]
        if self.calls_left <= 0 or self.hangs_left <= 0:
            raise OutOfTime
        budget = self.exercise.budget
        if sandbox.spent > budget or sandbox.waited > WALL * budget:
            tried = len(self.verdicts)
            detail = f"Your {self.exercise.noun} is too slow: {tried} inputs took over {budget:g} s."
            self.slow = Problem("slow", detail)
            raise OutOfTime
        outcome = self.outcome(sandbox, key)
        if outcome.kind == "hung" and not outcome.busy and self.hung is None:
            outcome = self.outcome(sandbox, key)  # perhaps the machine was asleep, and not the answer
        if outcome.kind == "waiting" or outcome.called or outcome.before:
            raise Decided(outcome)
        known = expected(self.exercise, key)
        problem = self.verdicts[key] = self.exercise.problem(key, outcome, known)
        if self.shrinking:
            self.calls_left -= 1
        elif problem:
            self.credit_left -= self.exercise.broken(pickle.loads(key), outcome, problem)
        if outcome.kind in ENDINGS and problem:
            self.hangs_left -= 1 if outcome.busy else 4  # one that only waits takes far longer by the clock
            if outcome.kind == "hung" and self.hung is None:
                self.hung = Counterexample(pickle.loads(key), outcome, problem)
                sandbox.call_limit = min(sandbox.call_limit, HANG_LIMIT)
        if problem or len(self.observed) < OBSERVED:
            self.observed[key] = outcome
        return problem

    def outcome(self, sandbox: Sandbox, key: bytes) -> Outcome:
        """What comes of a case, on whichever side it is carried out."""
        if self.exercise.carried.startswith("remote") and not sandbox.here:
            return carry_out(self.exercise, sandbox, key)
        return self.exercise.read(pickle.loads(key), sandbox.call(key))

    def confirm(self, found: Counterexample) -> Counterexample:
        """The counterexample once more, in a fresh process and with the full time."""
        key = dumps(found.case)
        with self.sandbox() as sandbox:
            outcome = self.outcome(sandbox, key)
        if outcome.called or outcome.kind == "waiting":
            return found
        problem = self.exercise.problem(key, outcome, expected(self.exercise, key))
        if problem is None and found.problem.kind == "hung":
            return self.hung or found  # slow, but not endless: the one that had the full time is the one to show
        if problem is None:
            found.remembers = True
            return found
        return Counterexample(found.case, outcome, problem, found.label)


def forked(exercise: Exercise, student: Any) -> Fork:
    """A fork of this process with the student's answer in it."""
    guard = exercise.guard()

    def here(case: Any) -> Any:
        return exercise.attempt(exercise.wrap(guard, student), case)

    return Fork(carrier(exercise.carried, guard, student), guard, here)
