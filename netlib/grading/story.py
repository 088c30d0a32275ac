"""Turns a counterexample into a story: what went in, what should have come out and why, what came, and the cause.

A story is a list of parts, each a heading and its text, so that text and HTML are two ways to write the same thing.
"""

import contextlib
import pickle
import tempfile
from dataclasses import dataclass
from importlib import import_module
from inspect import getattr_static
from pathlib import Path
from typing import Any

from netlib.grading.exercise import MISSING, Args, Exercise, Mistake, Problem, Scenario, StatefulExercise, entry_value
from netlib.grading.outcome import Outcome, Raised
from netlib.grading.pickling import dumps
from netlib.grading.sandbox import Fork, Sandbox
from netlib.grading.search import Counterexample
from netlib.grading.words import brief, bytes_side_by_side, differences, indent, source, words
from netlib.wire.pcap import write_pcap

LONGEST = 20_000  # characters of a part


@dataclass
class Part:
    """One part of a story.  `style`: "text", or "code" for what keeps its columns.  `rich` has a `_repr_html_`."""

    heading: str
    text: str
    style: str = "text"
    rich: Any = None


def tell(exercise: Exercise, found: Counterexample, observed: dict[bytes, Outcome]) -> list[Part]:
    """The parts of the story of a counterexample."""
    problem, outcome = found.problem, found.outcome
    if problem.kind == "slow":
        return [Part("What went wrong", problem.detail)]
    told = Teller(exercise)
    parts = [told.input(found)]
    if problem.detail and problem.kind != "raised":
        parts.append(Part("What went wrong", problem.detail))
    expected, got = told.expected(found), told.got(problem)
    parts += [part for part in (expected, got, told.difference(problem)) if part]
    if isinstance(exercise, Scenario):
        parts += told.pictures(outcome)
    if found.remembers:
        text = "Alone, this input is answered right. Something of an earlier call is still there (a global?)."
        parts.append(Part("It depends on earlier calls", text))
    cause = guess(exercise, found, observed)
    if cause:
        parts.append(Part("A guess at the cause", cause))
    if outcome.printed:
        more = "\n... and more" if outcome.printed_more else ""
        parts.append(Part(f"Your {exercise.noun} printed", outcome.printed + more, "code"))
    parts.append(Part("To see it again", told.reproduce(found.case), "code"))
    for part in parts:
        if len(part.text) > LONGEST:  # lists in lists in lists: each is short
            part.text = f"{part.text[:LONGEST]}\n... and more"
    return parts


class Teller:
    """Writes the parts, in the exercise's own words where it has them."""

    def __init__(self, exercise: Exercise) -> None:
        self.exercise = exercise

    def words(self, value: Any) -> str:
        if self.exercise.show and not isinstance(value, Raised):
            with contextlib.suppress(Exception):  # it is written for values of the right type
                shown = self.exercise.show(value)
                return words(value) if shown is None else shown
        return words(value)

    def input(self, found: Counterexample) -> Part:
        if isinstance(self.exercise, StatefulExercise):
            return self.log(self.exercise, found)
        names = self.exercise.argument_names()
        if isinstance(self.exercise, Scenario):
            names = run_names(self.exercise)
        lines = []
        for index, value in enumerate(found.case):
            name = names[index] if index < len(names) else f"argument {index + 1}"
            lines.append(f"{name} = {indent(self.words(value))}")
        about = f" ({found.label})" if found.label else ""
        return Part(f"The smallest input that shows it{about}", "\n".join(lines) or "(no arguments)", "code")

    def log(self, exercise: StatefulExercise, found: Counterexample) -> Part:
        """The steps, what each returned, and the one that went wrong."""
        results = found.outcome.value if found.outcome.kind == "returned" else []
        lines = []
        for index, step in enumerate(found.case):
            arrow = f"  ->  {brief(entry_value(results[index]))}" if index < len(results) and step[0] != "new" else ""
            here = index == found.problem.step
            lines.append(f"{'!' if here else ' '} {index + 1}. {self.call(step)}{arrow}{'   <- here' if here else ''}")
            gloss = exercise.gloss(step) if exercise.gloss else ""
            if gloss:
                lines.append(f"     ({gloss})")
            if here:
                break
        about = f" ({found.label})" if found.label else ""
        return Part(f"The fewest steps that show it{about}", "\n".join(lines), "code")

    def expected(self, found: Counterexample) -> Part | None:
        problem = found.problem
        section = f"({self.exercise.rfc})" if self.exercise.rfc else ""
        because = f"{self.why(found)} {section}".strip()
        if problem.expected_rejection:
            text = f"raises {problem.expected_rejection}"
        elif problem.expected is not MISSING:
            text = self.words(problem.expected)
        elif because:
            return Part("Why", because)
        else:
            return None
        heading = "Expected, for example" if problem.kind == "property" else "Expected"
        return Part(heading, f"{text}\n{because}".rstrip(), "code" if not because else "text")

    def why(self, found: Counterexample) -> str:
        if self.exercise.why is None:
            return ""
        args: Args = pickle.loads(dumps(found.case))
        return self.exercise.why(args)

    def got(self, problem: Problem) -> Part | None:
        if problem.raised is not None:
            return Part(f"Your {self.exercise.noun} raised", with_line(problem.raised), "code")
        if problem.got is MISSING:
            return None
        heading = "What came of it" if isinstance(self.exercise, Scenario) else f"Your {self.exercise.noun} returned"
        value = problem.got
        if isinstance(self.exercise, Scenario) and isinstance(value, dict) and "captures" in value:
            value = {key: item for key, item in value.items() if key not in ("captures", "link")}
        return Part(heading, self.words(value), "code")

    def difference(self, problem: Problem) -> Part | None:
        expected, got = problem.expected, problem.got
        if problem.kind == "property" and self.exercise.reference is None:
            return None
        if isinstance(expected, bytes) and isinstance(got, bytes):
            return Part("Side by side", *compare(expected, got, self.exercise.like))
        if expected is MISSING or got is MISSING or problem.kind == "property":
            return None
        found = differences(expected, got)
        return Part("They differ in", "\n".join(found), "code") if found else None

    def pictures(self, outcome: Outcome) -> list[Part]:
        """The exchange as a sequence diagram, where the outcome has captures."""
        value = outcome.value
        if not isinstance(value, dict) or not isinstance(value.get("captures"), dict):
            return []
        try:
            view, decode = import_module("netlib.view"), import_module("netlib.wire.packet").decode
            link = value.get("link", "ethernet")
            captures = {
                str(host): [(float(when), decode(bytes(data), link)) for when, data in packets]
                for host, packets in value["captures"].items()
            }
            diagram = view.SequenceDiagram.from_captures(captures)
            return [Part("The exchange", str(diagram), "code", diagram)]
        except Exception as error:  # a picture is never worth a report
            return [Part("The exchange", f"(can't be drawn: {error})")]

    def call(self, step: Any) -> str:
        """A step as Python; one that reads an attribute has no brackets."""
        name = self.exercise.name if step[0] == "new" else step[0]
        is_attribute = len(step) == 1 and isinstance(getattr_static(self.exercise.reference, step[0], None), property)
        return step[0] if is_attribute else f"{name}({arguments(step)})"

    def reproduce(self, case: Any) -> str:
        exercise = self.exercise
        if exercise.reproduce:
            return exercise.reproduce(case)
        if isinstance(exercise, Scenario):
            return f'check("{exercise.number}", {exercise.name})'
        if isinstance(exercise, StatefulExercise):
            first, rest = (case[0], case[1:]) if case and case[0][0] == "new" else (("new",), case)
            calls = [f"answer = {exercise.name}({arguments(first)})", *(f"answer.{self.call(step)}" for step in rest)]
            return "; ".join(calls)
        return f"{exercise.name}({', '.join(map(source, case))})"


def pcap_of(outcome: Outcome) -> bytes | None:
    """The packets that were seen at the first host of an outcome's captures, as a pcap file; None without any."""
    value = outcome.value
    if not isinstance(value, dict) or not isinstance(value.get("captures"), dict):
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "exchange.pcap")
        try:
            packets = next(iter(value["captures"].values()))
            write_pcap(path, [(float(when), bytes(data)) for when, data in packets], value.get("link", "ethernet"))
        except Exception:  # what the scenario says was captured is nothing that a file can hold
            return None
        return path.read_bytes()


def arguments(step: Any) -> str:
    return ", ".join(map(source, step[1:]))


def run_names(exercise: Scenario) -> list[str]:
    """The names of the scenario's own arguments, after the student's."""
    code = getattr(exercise.run, "__code__", None)
    return list(code.co_varnames[1 : code.co_argcount]) if code else []


def with_line(raised: Raised) -> str:
    where = f"\nin line {raised.line}: {raised.source}" if raised.line else ""
    return f"{raised}{where}"


def compare(expected: bytes, got: bytes, like: type | None) -> tuple[str, str, Any]:
    """Text, style, and the drawing of netlib.view where there is one."""
    text = bytes_side_by_side(expected, got, like)
    try:
        return text, "code", import_module("netlib.view").compare_bytes(expected, got, like=like)
    except Exception:  # also a header class that can't draw such bytes
        return text, "code", None


def guess(exercise: Exercise, found: Counterexample, observed: dict[bytes, Outcome]) -> str:
    """The cause of the known mistake that behaves as the answer does: on all that was seen, or else on this case."""
    perhaps = ""
    for mistake in exercise.mistakes:
        if mistake.wrong is not None:
            alike_here, alike_always = behaves_alike(exercise, mistake, found, observed)
        else:
            alike_here, alike_always = recognised(mistake, found), False
        if alike_always:
            return mistake.cause
        if alike_here and not perhaps:
            perhaps = mistake.cause
    return perhaps


def recognised(mistake: Mistake, found: Counterexample) -> bool:
    got: Any = found.problem.raised if found.problem.raised is not None else found.problem.got
    try:
        return bool(mistake.when and mistake.when(found.case, found.problem.expected, got))
    except Exception:  # written for other values than these
        return False


def behaves_alike(
    exercise: Exercise, mistake: Mistake, found: Counterexample, observed: dict[bytes, Outcome]
) -> tuple[bool, bool]:
    """Whether the wrong function does as the answer did: on this case, and on all that were observed."""
    wrong = mistake.wrong
    assert wrong is not None
    with Sandbox(Fork(lambda case: exercise.attempt(wrong, case)), call_limit=0.5) as sandbox:
        if not alike(found.outcome, sandbox.call(dumps(found.case))):
            return False, False
        return True, all(alike(outcome, sandbox.call(key)) for key, outcome in observed.items())


def alike(one: Outcome, other: Outcome) -> bool:
    if one.kind != other.kind:
        return False
    if one.raised and other.raised:
        return one.raised.names == other.raised.names
    return bool(blur(one.value) == blur(other.value))


def blur(value: Any) -> Any:
    """A step log without the lines and messages of its exceptions."""
    if isinstance(value, list):
        return [item[1]["names"] if is_raised_entry(item) else item for item in value]
    return value


def is_raised_entry(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and item[0] == "raised" and isinstance(item[1], dict)
