"""`check` for students and `grade` for hidden tests: one engine, two seeds.

`check` never raises for what an answer does.  `grade` first checks with the student's seed, so that whatever it
shows can be seen in the notebook too, and then with its own: an answer that fits only the inputs seen before fails
there, with no hidden input shown.
"""

from pathlib import Path
from typing import Any

from netlib.grading.exercise import Exercise
from netlib.grading.outcome import Outcome
from netlib.grading.registry import exercise as find_exercise
from netlib.grading.report import Report, points
from netlib.grading.sandbox import Sandbox, Starter
from netlib.grading.search import Counterexample, Decided, Search
from netlib.grading.signals import CheckFailed
from netlib.grading.story import Part, Teller, pcap_of, tell

CHECK_SEED = 1071
GRADE_SEED = 791
PUBLIC_SEEDS = 5  # that are tried where only a secret one shows a mistake, for a story that can be told
HOLDS = "What holds already, on all inputs"
ELSEWHERE = "not right yet: right on the inputs that check tries, wrong on others of the same kind"


def check(number: str, answer: Any, *, seed: int = CHECK_SEED) -> Report:
    """Try `answer` on pinned and random inputs.  The Report displays itself.

    KeyError when there is no exercise of that number; nothing that `answer` does raises here.
    """
    report = examine(find_exercise(number), answer, seed)
    if report.pcap:
        save(report)
    return report


def save(report: Report) -> None:
    """Put the exchange of a counterexample beside the notebook, where Wireshark can open it."""
    path = Path(f"counterexample-{report.number}.pcap")
    try:
        path.write_bytes(report.pcap or b"")
    except OSError:
        return
    report.story.insert(-1, Part("Its packets, for Wireshark", path.name))


def grade(number: str, answer: Any) -> int | None:
    """None if `answer` is right, the points that it has earned if it is right in part; else CheckFailed, with one line.

    Prints nothing.
    """
    exercise = find_exercise(number)
    report = examine(exercise, answer, CHECK_SEED)
    if report.earned:
        report = with_others(report, exercise, examine(exercise, answer, GRADE_SEED, shrink=False))
    if report.ok:
        return None
    if report.earned:
        return report.points
    raise CheckFailed(report.message)


def examine(
    exercise: Exercise, answer: Any, seed: int, shrink: bool = True, starter: Starter | Sandbox | None = None
) -> Report:
    """The report on an answer.  Without `shrink`, the first counterexample is good enough, and no story is told.

    With a `starter`, or a sandbox that it has filled, the answer is there, and `answer` is not looked at.
    """
    objection = exercise.objection(answer) if starter is None else ""
    if objection:
        return failed(exercise, "no answer", objection)
    search = Search(exercise, answer, seed, shrink, starter)
    try:
        found = search.run()
    except Decided as decided:
        return without_counterexample(exercise, decided.outcome)
    if found is None:
        inputs = " and ".join(f"{n} {word}" for n, word in ((search.pinned, "pinned"), (search.random, "random")) if n)
        noun = "input" if search.pinned + search.random == 1 else "inputs"
        message = f"{exercise.title}: passed: {inputs} {noun} ({points(exercise.points)})"
        counts = exercise.points, exercise.points, search.pinned, search.random
        return Report(exercise.number, exercise.name, "passed", message, *counts)
    if found.problem.got is None and all(outcome.value is None for outcome in search.observed.values()):
        found.problem.detail += " Is a return missing?"
    report = failed(exercise, found.problem.kind, in_short(exercise, found))
    report.pinned, report.random = search.pinned, search.random
    if shrink:
        report.story = tell(exercise, found, search.observed)
        report.pcap = pcap_of(found.outcome)
    return credited(report, exercise, search.credit_left)


def examine_graded(exercise: Exercise, starter: Starter, seed: int) -> Report:
    """The report on an answer that the starter's processes have; the grade depends on the inputs of `seed` too.

    Whatever it shows comes from the seed that `check` uses in the notebook, or from others that are no secret.
    """
    with Sandbox(starter, exercise.call_limit) as sandbox:  # one for all of it: to start a process takes time
        report = examine(exercise, None, CHECK_SEED, starter=sandbox)
        if not report.earned:
            return report
        graded = examine(exercise, None, seed, shrink=False, starter=sandbox)
        if report.ok and not graded.ok:
            for public in range(CHECK_SEED + 1, CHECK_SEED + 1 + PUBLIC_SEEDS):
                # in a process of its own: the one before has seen inputs of which nothing is to be told
                told = examine(exercise, None, public, starter=starter)
                if not told.ok:
                    return with_others(told, exercise, graded)
        return with_others(report, exercise, graded)


def with_others(report: Report, exercise: Exercise, graded: Report) -> Report:
    """`report` with no more points than an answer has earned on other inputs, of which nothing is said."""
    if graded.ok:
        return report
    # what its process says of these inputs, it may have said to tell them: nothing of that is shown
    if graded.cause == "delegated":
        return failed(exercise, "delegated", "your answer called what it should build; write it yourself")
    if graded.status == "waiting":
        return Report(exercise.number, exercise.name, "waiting", waiting_message(exercise, ""))
    if report.ok:
        report = failed(exercise, "value", ELSEWHERE)
        return credited(report, exercise, set(graded.holds))
    return credited(report, exercise, set(report.holds) & set(graded.holds))


def credited(report: Report, exercise: Exercise, holds: set[str]) -> Report:
    """A report on an answer that is not right, with the points for the properties that hold all the same."""
    before = report.verdict
    report.holds = tuple(name for name in exercise.credit if name in holds)
    report.points = sum(exercise.credit[name] for name in report.holds)
    report.of = exercise.points
    report.status = "partial" if report.points else "failed"
    report.message = report.message.replace(f"{exercise.title}: {before}", f"{exercise.title}: {report.verdict}", 1)
    report.story = [part for part in report.story if part.heading != HOLDS]
    if report.story and report.holds:
        lines = [f"{name} ({points(exercise.credit[name])})" for name in report.holds]
        report.story.append(Part(HOLDS, "\n".join(lines)))
    return report


def without_counterexample(exercise: Exercise, outcome: Outcome) -> Report:
    """The report where no input is needed to tell: unsolved, delegated, or nothing there to call."""
    if outcome.called:
        return failed(exercise, "delegated", f"your answer called {outcome.called[0]}; write it yourself")
    if outcome.kind == "waiting":
        return Report(exercise.number, exercise.name, "waiting", waiting_message(exercise, outcome.message))
    if outcome.kind == "no answer":
        return failed(exercise, "no answer", outcome.message)
    if outcome.raised:
        where = f" It came from line {outcome.raised.line}: {outcome.raised.source}" if outcome.raised.line else ""
        return failed(exercise, "raised", f"the cells that define it raised {outcome.raised}.{where}")
    what = "did not finish in time" if outcome.kind == "hung" else outcome.message or outcome.kind
    return failed(exercise, outcome.kind, f"the cells that define it {what}")


def failed(exercise: Exercise, cause: str, short: str) -> Report:
    return Report(exercise.number, exercise.name, "failed", f"{exercise.title}: {short}", cause=cause)


def waiting_message(exercise: Exercise, text: str) -> str:
    """The line of the exercise that is waited for, which may be an earlier one that the answer uses."""
    own = f"waiting for exercise {exercise.title}"
    if not text.startswith("waiting for exercise ") or text == own or text == f"waiting for exercise {exercise.number}":
        return own
    return f"{exercise.title}: {text}"


def in_short(exercise: Exercise, found: Counterexample) -> str:
    """What is wrong, as one line."""
    problem = found.problem
    teller = Teller(exercise)
    said = problem.detail
    if not said:
        said = f"Expected {shorten(teller.words(problem.expected))}, and {shorten(teller.words(problem.got))} came."
    if problem.raised and problem.raised.line:
        said += f" It came from line {problem.raised.line}: {shorten(problem.raised.source)}"
    where = "" if problem.kind == "slow" else f" Try {shorten(teller.reproduce(found.case))}"
    return f"not right yet. {said}{where}"


def shorten(text: str, limit: int = 120) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
