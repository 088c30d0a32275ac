"""What an exercise is, declared once: its text, its reference, its inputs, and how a failure is explained.

Three kinds.  `Exercise`: a function is called with arguments.  `StatefulExercise`: a class is made and a list of
steps (method calls) is carried out on it.  `Scenario`: the author's `run(student, *args)` puts the student's
function into a larger thing, such as a Host in a simulation, and returns what came of it.

What a right answer is, is said by a `reference` (whatever it returns, or rejects by raising `rejects`, is
expected), or by `judge` and `properties`, which accept any correct answer.  Everything that takes "args" takes the
tuple of arguments of one case. `docs/exercises.md` shows each kind in full.  How cases are run and searched is left
to `sandbox` and `search`.
"""

import ast
import inspect
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from netlib.grading.carry import Kind, take_step, take_steps
from netlib.grading.guard import Guard
from netlib.grading.outcome import UNREADABLE, Outcome, Raised, raised_part, read_raised
from netlib.grading.plain import Opaque, clean, plain

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Args = tuple[Any, ...]


class Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = Missing()
REJECTED = "what has to be rejected is rejected"
"""The name by which an exercise's `credit` gives points for that."""


@dataclass(frozen=True)
class Mistake:
    """A known mistake.  `cause` speaks to the student: "It looks as if the carry is dropped, not added back".

    It is recognised by a `wrong` function (or class) that behaves as the student's does, or by `when(args,
    expected, got)`.
    """

    cause: str
    wrong: Callable[..., Any] | None = None
    when: Callable[[Args, Any, Any], bool] | None = None


@dataclass
class Problem:
    """What is wrong with one outcome.

    `kind`: "value", "raised", "accepted", "rejection", "property", "hung", "flood", "died", "too large" or "slow".
    `detail` is a sentence; `expected` and `got` are values or MISSING; `step` is the index of the failing step.
    """

    kind: str
    detail: str
    expected: Any = MISSING
    got: Any = MISSING
    expected_rejection: str = ""
    raised: Raised | None = None
    step: int | None = None


def same(expected: Any, got: Any) -> bool:
    """Equal, and of a type that does the same job: 3.0 is not 3, and a list is not a tuple."""
    if isinstance(expected, float) is not isinstance(got, float) and isinstance(expected, (int, float)):
        return False
    if isinstance(expected, (list, tuple)) and type(expected) is type(got):
        return len(expected) == len(got) and all(same(a, b) for a, b in zip(expected, got, strict=True))
    return bool(expected == got)


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """An exercise whose answer is a function.

    number, name, points, summary    "5.2", "internet_checksum", 4, one sentence
    signature   "internet_checksum(data: bytes) -> int": names the arguments in reports
    rfc         "RFC 1071 section 1"
    reference   the right function; not called where the student's code is
    inputs      a hypothesis strategy of argument tuples
    pinned      argument tuples that are always tried, or a mapping from what each is about to the tuple
    judge       judge(args, result) -> what is wrong with a result, or None
    properties  name -> test(args, result) -> True if it holds; False, or a sentence on how it does not
    credit      name of a property (or REJECTED) -> points of its own for an answer of which it holds on all inputs.
                Together they are `points`.  A property that is not named here has to hold for any of them
    rejects     the exception with which input has to be rejected
    equal       equal(expected, got)
    mistakes    known mistakes, for the guess at the cause
    without     dotted names that the answer must not call, directly or not; the reference is always among them
    allowing    dotted names that are taken off that list
    why         why(args) -> one or two sentences on why the expected result is right
    show        how to write a value, if not as usual: show(value) -> text, or None for as usual
    like        the header class that bytes are drawn by when they differ
    reproduce   reproduce(args) -> a line of Python that repeats the call
    examples    how many random inputs
    call_limit, budget   CPU seconds for one case, and for all cases together
    lends       what an author's code may give to the answer, beside data, functions, hosts and their sockets: dotted
                name of a class -> the names of its methods and attributes that the answer may use
    """

    number: str
    name: str
    points: int
    summary: str = ""
    signature: str = ""
    rfc: str = ""
    reference: Callable[..., Any] | None = None
    inputs: "SearchStrategy[Any] | None" = None
    pinned: Sequence[Any] | Mapping[str, Any] = ()
    judge: Callable[[Any, Any], str | None] | None = None
    properties: Mapping[str, Callable[[Any, Any], bool | str | None]] = field(default_factory=dict)
    rejects: type[Exception] = ValueError
    equal: Callable[[Any, Any], bool] = same
    mistakes: Sequence[Mistake] = ()
    without: Sequence[str] = ()
    allowing: Sequence[str] = ()
    why: Callable[[Any], str] | None = None
    show: Callable[[Any], str | None] | None = None
    like: type | None = None
    reproduce: Callable[[Any], str] | None = None
    examples: int = 200
    call_limit: float = 2.0
    budget: float = 10.0
    lends: Mapping[str, Sequence[str]] = field(default_factory=dict)
    credit: Mapping[str, int] = field(default_factory=dict)

    noun: ClassVar[str] = "function"

    def __post_init__(self) -> None:
        if self.reference is None and self.judge is None and not self.properties:
            raise ValueError(f"exercise {self.number}: give it a reference, a judge or properties")
        if self.inputs is None and not self.pinned:
            raise ValueError(f"exercise {self.number}: give it inputs, pinned cases, or both")
        for name in self.credit.keys() - {*self.properties, REJECTED}:
            raise ValueError(f"exercise {self.number}: credit for {name!r}, which is none of its properties")
        total = sum(self.credit.values())
        if self.credit and total != self.points:
            raise ValueError(f"exercise {self.number}: {self.points} points, but credit for {total}: make them equal")

    @property
    def carried(self) -> Kind:
        """How the student's process carries out a case; "remote" where an author's `attempt` does, on this side."""
        return "call" if type(self).attempt is Exercise.attempt else "remote"

    @property
    def title(self) -> str:
        return f"{self.number} {self.name}"

    def cases(self) -> list[tuple[str, Any]]:
        """The pinned cases, each with what it is about (or an empty string)."""
        if isinstance(self.pinned, Mapping):
            return list(self.pinned.items())
        return [("", case) for case in self.pinned]

    def argument_names(self) -> list[str]:
        """From the signature's text, else from the reference."""
        text = self.signature.strip()
        if text:
            text = text.removeprefix("async ").removeprefix("def ").removeprefix("class ").rstrip(":")
            try:
                parsed = ast.parse(f"def {text}: ...").body[0]
            except SyntaxError:
                raise ValueError(f"exercise {self.number}: the signature {self.signature!r} is not Python") from None
            assert isinstance(parsed, ast.FunctionDef)
            return [item.arg for item in [*parsed.args.posonlyargs, *parsed.args.args]]
        try:
            return list(inspect.signature(self.reference).parameters) if self.reference else []
        except (TypeError, ValueError):
            return []

    def guard(self) -> Guard:
        """A fresh guard against calling what is to be built."""
        return Guard(self.without, self.allowing, also=[self.reference] if self.reference else [])

    def objection(self, student: Any) -> str:
        """Why `student` can't be an answer at all, or an empty string."""
        if callable(student):
            return ""
        return f"check needs your {self.noun} {self.name}, and was given {describe_type(student)}"

    def attempt(self, student: Callable[..., Any], case: Any) -> Any:
        """Carry out one case on an answer.  Where a subclass does it in its own way, `student` may be a remote one."""
        return student(*case)

    def wrap(self, guard: Guard, student: Any) -> Any:
        """`student`, with calls noticed while it is active."""
        return guard.wrap(student)

    def expected(self, case: bytes) -> Any:
        """What the reference returns for a pickled case, MISSING without a reference, or Raised for a rejection."""
        if self.reference is None:
            return MISSING
        try:
            return plain(self.attempt(self.reference, pickle.loads(case)))
        except self.rejects as error:
            return read_raised(raised_part(error))

    def read(self, case: Any, outcome: Outcome) -> Outcome:
        """The outcome, if it is one that this case can have, else that of a process that talks nonsense."""
        return outcome

    def problem(self, case: bytes, outcome: Outcome, expected: Any) -> Problem | None:
        """What is wrong with the outcome of a pickled case, or None.  `expected` is what `self.expected` gives."""
        trouble = self.trouble(outcome)
        if trouble:
            return trouble
        got: Any = outcome.raised if outcome.kind == "raised" else outcome.value
        return self.compare(pickle.loads(case), expected, got)

    def broken(self, args: Any, outcome: Outcome, problem: Problem) -> set[str]:
        """The credited properties that do not hold where there is this problem.

        That is all of them, unless each could be looked at: a value came that only misses some properties, or what
        has to be rejected was not, which is a credit of its own.
        """
        every = set(self.credit)
        if problem.kind in ("accepted", "rejection") and REJECTED in every:
            return {REJECTED}
        if problem.kind != "property" or problem.step is not None:
            return every
        if self.judge and not holds(self.judge, args, outcome.value):
            return every
        missed = {name for name, test in self.properties.items() if not holds(test, args, outcome.value)}
        return missed if missed <= every else every

    def trouble(self, outcome: Outcome) -> Problem | None:
        """A problem that does not depend on the expected value."""
        match outcome.kind:
            case "hung":
                where = f"; it was in line {outcome.line}: {outcome.source}" if outcome.line else ""
                said = outcome.message or f"did not finish within {self.call_limit:g} s"
                return Problem("hung", f"Your {self.noun} {said}{where}.")
            case "flood":
                return Problem("flood", f"Your {self.noun} printed more than 4 MB and was stopped.")
            case "died" | "too large":
                return Problem(outcome.kind, f"Your {self.noun} {outcome.message}.")
        return None

    def compare(self, args: Any, expected: Any, got: Any) -> Problem | None:
        """The problem with `got` (a value, or Raised), or None.  `expected` is a value, MISSING or Raised."""
        if isinstance(expected, Raised):
            wanted = f"{self.rejects.__name__} ({expected.message})" if expected.message else self.rejects.__name__
            if isinstance(got, Raised):
                if got.is_a(self.rejects):
                    return None
                detail = f"This has to be rejected with {self.rejects.__name__}; your {self.noun} raised {got.name}."
                return Problem("rejection", detail, expected_rejection=wanted, raised=got)
            detail = f"This has to be rejected: raise {self.rejects.__name__}. "
            detail += f"Your {self.noun} returned something instead."
            return Problem("accepted", detail, got=got, expected_rejection=wanted)
        if isinstance(got, Raised):
            return Problem("raised", f"Your {self.noun} raised {got.name}.", expected=expected, raised=got)
        if self.judge or self.properties:
            complaint = clean(self.complaint(args, got), 1000)
            return Problem("property", complaint, expected=expected, got=got) if complaint else None
        try:
            if not isinstance(got, Opaque) and self.equal(expected, got):
                return None
        except Exception as error:  # written for other values than this one
            return Problem("value", unjudged(error), expected=expected, got=got)
        return Problem("value", wrong_type(expected, got), expected=expected, got=got)

    def complaint(self, args: Any, got: Any) -> str:
        """What judge and properties have to say against a value.  If they trip over it, that is a complaint too."""
        try:
            said = self.judge(args, got) if self.judge else None
            if said:
                return said
            name = ""
            for name, test in self.properties.items():
                holds = test(args, got)
                if isinstance(holds, str) and holds:
                    return f"This does not hold: {name}. {holds}"
                if holds is False:
                    return f"This does not hold: {name}."
        except Exception as error:
            return unjudged(error)
        return ""


@dataclass(frozen=True, kw_only=True)
class StatefulExercise(Exercise):
    """An exercise whose answer is a class with state.

    A case is a list of steps; a step is a tuple ("method", *args), or ("attribute",) to read one.  A first step
    ("new", *args) gives the constructor's arguments.  `inputs` is a strategy of such lists (see `steps`); the
    reference is a class, and each step has to return what the reference returns, or reject what it rejects.
    `judge(steps, results)` and `properties` look at the results so far, after each step.  The counterexample is the
    shortest list, printed as a log; `gloss(step)` says beside a step what its arguments mean, or nothing.
    """

    gloss: Callable[[Any], str] | None = None
    noun: ClassVar[str] = "class"

    @property
    def carried(self) -> Kind:
        as_ever = type(self).attempt is StatefulExercise.attempt and type(self).take_step is StatefulExercise.take_step
        return "steps" if as_ever else "remote objects"

    def wrap(self, guard: Guard, student: Any) -> Any:
        return guard.factory(student)

    def attempt(self, student: Callable[..., Any], case: Any) -> list[list[Any]]:
        return take_steps(student, case, self.take_step)

    def take_step(self, made: Any, method: str, args: list[Any]) -> Any:
        """What one step gives: a method called, or an attribute read."""
        return take_step(made, method, args)

    def read(self, case: Any, outcome: Outcome) -> Outcome:
        """A log has an entry for each step; it ends early only where there was no object to go on with."""
        if outcome.kind != "returned" or is_log_of(case, outcome.value):
            return outcome
        return Outcome("died", message=UNREADABLE)

    def expected(self, case: bytes) -> Any:
        return plain(self.attempt(self.reference, pickle.loads(case))) if self.reference else MISSING

    def compare(self, args: Any, expected: Any, got: Any) -> Problem | None:
        if isinstance(got, Raised):  # not from a step: the class itself, or a BaseException
            return Problem("raised", f"Your class raised {got.name}.", raised=got)
        theirs = [entry_value(entry) for entry in got]
        ours = [MISSING] * len(theirs) if expected is MISSING else [entry_value(entry) for entry in expected]
        for step, value in enumerate(theirs):
            if isinstance(ours[step], Raised) and not ours[step].is_a(self.rejects):
                raise RuntimeError(f"exercise {self.title}: the reference failed in step {args[step]}: {ours[step]}")
            so_far = list(args[: step + 1]), theirs[: step + 1]
            if (self.judge or self.properties) and not isinstance(value, Raised):
                complaint = self.complaint(*so_far)
                found = (
                    Problem("property", clean(complaint, 1000), expected=ours[step], got=value) if complaint else None
                )
            else:
                found = super().compare(args, ours[step], value)
            if found:
                found.step = step
                return found
        return None


@dataclass(frozen=True, kw_only=True)
class Scenario(Exercise):
    """An exercise whose answer takes part in something larger.

    `run(student, *args)` puts it there (a Host in a simulation, say) and returns what came of it, as plain data.
    The case is the tuple of args; the outcome is judged by `judge(args, outcome)`, `properties`, or by what
    `run(reference, *args)` returns. If the outcome is a dict with an entry "captures" = {"h1": [(seconds, bytes),
    ...], ...}, and perhaps "link" = "ethernet" or "ip", the report draws the exchange.  `makes_objects`: the answer
    is called to make an object (a class is recognised without that) whose methods are then called.
    """

    run: Callable[..., Any]
    makes_objects: bool = False

    def wrap(self, guard: Guard, student: Any) -> Any:
        return guard.factory(student) if self.makes_objects else guard.wrap(student)

    @property
    def carried(self) -> Kind:
        return "remote objects" if self.makes_objects else "remote"

    def attempt(self, student: Callable[..., Any], case: Any) -> Any:
        return self.run(student, *case)


def is_log_of(steps: Any, log: Any) -> bool:
    """Whether `log` can be what `take_steps` says of these steps."""
    if not isinstance(log, list):
        return False
    for entry in log:
        match entry:
            case ["returned", _]:
                continue
            case ["raised", {"names": list(), "message": _} as data]:
                read_raised(data)
            case _:
                return False
    return len(log) == len(steps) or (len(log) == 1 and log[0][0] == "raised")


def entry_value(entry: list[Any]) -> Any:
    return read_raised(entry[1]) if entry[0] == "raised" else entry[1]


def describe_type(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, Opaque):
        return f"an object of class {value._class_name}"
    name = type(value).__name__
    if name in ("bytes", "str"):
        return {"bytes": "bytes", "str": "text (a str)"}[name]
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def holds(test: Callable[[Any, Any], bool | str | None], args: Any, got: Any) -> bool:
    """Whether a property holds; one that trips over the value does not."""
    try:
        said = test(args, got)
    except Exception:
        return False
    return said is not False and not (isinstance(said, str) and said)


def unjudged(error: Exception) -> str:
    return clean(f"What came back can't be judged: {type(error).__name__}: {error}")


def wrong_type(expected: Any, got: Any) -> str:
    """A sentence when the type alone is wrong, else an empty string."""
    if got is None and expected is not None:
        return f"It returned None where {describe_type(expected)} is expected."
    alike = type(expected) is type(got) or (isinstance(expected, bytes) and isinstance(got, bytes))
    alike = alike or (isinstance(expected, int) and isinstance(got, int))
    return "" if alike else f"It returned {describe_type(got)} where {describe_type(expected)} is expected."


def steps(*, new: Any = None, max_size: int = 12, **methods: Any) -> Any:
    """A strategy of step lists for a StatefulExercise: each method's name with a strategy of its argument tuple.

    `new` is a strategy of the constructor's arguments.
    """
    from hypothesis import strategies as st

    def named(name: str, arguments: Any) -> Any:
        return arguments.map(lambda args: (name, *args))

    one = st.one_of([named(name, arguments) for name, arguments in methods.items()])
    several = st.lists(one, min_size=1, max_size=max_size)
    if new is None:
        return several
    return st.tuples(named("new", new), several).map(lambda both: [both[0], *both[1]])
