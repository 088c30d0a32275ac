"""Exercise 6.4: a traceroute that decides and does not wait.

The cases are lists of steps with times that are multiples of 1/64 s, which floats hold exactly, so that "just
in time" and "too late" are what they say.  Most are made by letting the reference run while somebody answers,
is silent, answers twice, or too late.  The step `walk` puts the machine into a simulation with routers.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.icmp_path import Hops, Traceroute, walk
from netlib.grading import Mistake, StatefulExercise
from netlib.internet.icmp import RateLimit
from netlib.worlds.simulation import Simulation

TICK = 1 / 64  # seconds
STUCK = "the machine was asked 500 times and is still not done"
Step = tuple[Any, ...]


class Impatient:
    """Counts how often a machine is asked, so that one that is never done ends all the same."""

    def __init__(self, machine: Any) -> None:
        self.machine, self.asked = machine, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.machine, name)

    def poll(self, now: float) -> Any:
        self.asked += 1
        if self.asked > 500:
            raise RuntimeError(STUCK)
        return self.machine.poll(now)


def in_simulation(machine: Any, routers: int, silent: list[int], lost: list[int], cut: int | None) -> list[Any]:
    """The addresses that `machine` finds behind so many routers; a star for silence.

    The routers in `silent` send no reports; the frames with the numbers in `lost` (and one more, for ARP)
    are lost on the first link, each way; the router `cut` has no route to the destination.
    """
    sim = Simulation(seed=1)
    hosts = [sim.host("h1"), *(sim.router(f"r{n}") for n in range(1, routers + 1)), sim.host("h2")]
    for n, (left, right) in enumerate(pairwise(hosts), 1):
        drop = {number + 1 for number in lost} if n == 1 else set()  # the first frame asks for the MAC address
        sim.link((left, f"10.0.{n}.1/24"), (right, f"10.0.{n}.2/24"), delay=0.01, drop=drop)
    for n, host in enumerate(hosts, 1):
        if n - 1 in silent:
            host.internet.reports = RateLimit(0, 0)
        if n <= routers and n - 1 != cut:
            host.add_route(f"10.0.{routers + 1}.0/24", via=f"10.0.{n}.2")
        if n > 2:
            host.add_route("10.0.1.0/24", via=f"10.0.{n - 1}.1")
    sim.run(walk(hosts[0], f"10.0.{routers + 1}.2", Impatient(machine)))
    return [[answer[0] if answer else "*" for answer in hop] for hop in machine.hops]


class StepsAndWalks(StatefulExercise):
    """Steps as ever; what `reply` returns does not matter, and ("walk", ...) puts the machine into a simulation."""

    def take_step(self, made: Any, method: str, args: list[Any]) -> Any:
        if method == "walk":
            return in_simulation(made, *args)
        if method in ("done", "hops") and callable(getattr(made, method)):
            raise TypeError(f"{method} is a method here; it has to be an attribute or a property")
        value = super().take_step(made, method, args)
        return None if method == "reply" else value


def loose(value: Any) -> Any:
    """Lists and tuples alike."""
    return [loose(item) for item in value] if isinstance(value, list | tuple) else value


def same_but_for_brackets(expected: Any, got: Any) -> bool:
    if isinstance(expected, bool) or expected is None:
        return expected is got
    return bool(loose(expected) == loose(got))


ROUTER, TARGET = "10.0.2.2", "10.0.4.2"
# What happens to the probe that is out, and when, counted in ticks; "edge" is its deadline
answers = st.tuples(
    st.sampled_from(["answer", "answer", "answer", "end", "end", "noise", "previous", "unknown", "twice", "silence"]),
    st.sampled_from([1, 16, 63]),
    st.sampled_from(["soon", "soon", "soon", "last tick", "edge", "late"]),
)
KINDS = {"answer": (ROUTER, 11, 0), "end": (TARGET, 3, 3), "noise": (ROUTER, 5, 1)}


def story(max_hops: int, tries: int, timeout: float, events: list[tuple[str, int, str]]) -> list[Step]:
    """The steps of one traceroute: the reference runs, `events` happen to its probes, silence is what is left."""
    steps: list[Step] = [("new", max_hops, tries, timeout)]
    machine, now, number = Traceroute(max_hops, tries, timeout), 0.0, -1

    def poll() -> None:
        nonlocal number
        steps.append(("poll", now))
        probe = machine.poll(now)
        number = probe[0] if probe else number
        if machine.done:
            steps.append(("done",))

    def answered(which: int, kind: tuple[str, int, int]) -> None:
        steps.append(("reply", which, *kind, now))
        machine.reply(which, *kind, now)

    poll()
    for event, ticks, when in [*events, *[("silence", 1, "edge")] * (max_hops * tries)]:
        due = machine.deadline()
        if machine.done or due is None:
            break
        now = {"soon": min(now + ticks * TICK, due), "last tick": due - TICK, "edge": due, "late": due + TICK}[when]
        now = max(now, steps[-1][-1] if steps[-1][0] in ("poll", "reply") else now)
        if event == "previous":
            answered(max(0, number - 1), KINDS["end"])
        elif event == "unknown":
            answered(number + 7, KINDS["end"])
        elif event == "twice":
            answered(number, KINDS["answer"])
            answered(number, KINDS["end"])
        elif event != "silence":
            answered(number, KINDS[event])
        poll()
        if machine.sent is not None and event in ("noise", "unknown", "silence"):
            steps.append(("deadline",))
    return [*steps, ("deadline",), ("poll", now + 10 * timeout), ("done",), ("hops",)] if machine.done else steps


stories = st.builds(story, st.integers(1, 4), st.integers(1, 3), st.sampled_from([1.0, 0.5, 3.0]),
                    st.lists(answers, max_size=8))  # fmt: skip


def ended(kind: tuple[str, int, int]) -> list[Step]:
    return [("new", 4, 1, 1.0), ("poll", 0.0), ("reply", 0, *kind, 0.25), ("poll", 0.25), ("done",), ("hops",)]


PASSED, ENDED, LOST = ("answer", 16, "soon"), ("end", 16, "soon"), ("silence", 1, "edge")
FIRST = [("new", 3, 1, 1.0), ("poll", 0.0)]
PINNED: dict[str, list[Step]] = {
    "the first probe": FIRST,
    "one probe at a time": [*FIRST, ("poll", 0.0), ("poll", 0.5)],
    "a tick before its time is over": [*FIRST, ("deadline",), ("poll", 1 - TICK)],
    "its time is over": [*FIRST, ("poll", 1.0), ("deadline",)],
    "the next one, as soon as there is an answer": [
        *FIRST, ("reply", 0, ROUTER, 11, 0, 0.25), ("poll", 0.25), ("deadline",)],
    "an echo reply is the end": ended((TARGET, 0, 0)),
    "port unreachable is the end": ended((TARGET, 3, 3)),
    "host unreachable is the end, whoever says so": ended((ROUTER, 3, 1)),
    "three probes for each TTL": story(2, 3, 1.0, [PASSED] * 6),
    "all the tries, also at the end": story(4, 3, 1.0, [ENDED] * 3),
    "one of the last three was lost": story(4, 3, 1.0, [LOST, ENDED, LOST]),
    "a hop that never answers": story(3, 2, 1.0, [LOST] * 2 + [PASSED] * 2 + [ENDED] * 2),
    "nobody ever answers": story(3, 2, 1.0, []),
    "an answer a tick before the end": story(2, 1, 1.0, [("answer", 1, "last tick"), ("end", 1, "soon")]),
    "an answer at the end is too late": story(2, 1, 1.0, [("answer", 1, "edge"), ("end", 1, "soon")]),
    "an answer after the end": story(2, 1, 1.0, [("answer", 1, "late"), ("end", 1, "soon")]),
    "the same answer twice": story(2, 2, 1.0, [("twice", 16, "soon"), ("previous", 1, "soon"), PASSED]),
    "the answer to a probe that was given up": story(3, 1, 1.0, [LOST, ("previous", 16, "soon")]),
    "an answer to a probe that was never sent": story(2, 1, 1.0, [("unknown", 16, "soon"), PASSED]),
    "a redirect is no answer": story(2, 1, 1.0, [("noise", 16, "soon"), PASSED]),
    "in a simulation": [("new", 8, 3, 1.0), ("walk", 3, [], [], None)],
    "in a simulation, with a silent router": [("new", 8, 2, 1.0), ("walk", 3, [2], [], None)],
    "in a simulation, with losses": [("new", 8, 3, 1.0), ("walk", 2, [], [2, 5, 7], None)],
    "in a simulation, with no route at the second router": [("new", 8, 2, 1.0), ("walk", 3, [], [], 2)],
    "in a simulation, too far away": [("new", 2, 1, 0.5), ("walk", 4, [], [1], None)],
}  # fmt: skip


class StopsAtFirstAnswer(Traceroute):
    """The final answer ends it at once, whatever probes the TTL has left."""

    @property
    def done(self) -> bool:
        last = self.answers[-1] if self.answers else None
        return super().done or bool(last and last[1] in (0, 3))


class TakesLateAnswers(Traceroute):
    def reply(self, number: int, source: str, type: int, code: int, now: float) -> None:
        if self.sent is not None and number == len(self.answers) and type not in (4, 5):
            self.close((source, type, code, now - self.sent))


class TakesAnyNumber(Traceroute):
    def reply(self, number: int, source: str, type: int, code: int, now: float) -> None:
        super().reply(len(self.answers), source, type, code, now)


class WaitsATickTooLong(Traceroute):
    def poll(self, now: float) -> tuple[int, int] | None:
        due = self.deadline()
        return None if due is not None and now == due else super().poll(now)


class EndsOnlyAtPort(Traceroute):
    @property
    def done(self) -> bool:
        whole = bool(self.answers) and not len(self.answers) % self.tries
        ends = whole and any(answer and answer[1] == 3 and answer[2] == 3 for answer in self.hops[-1])
        return whole and (len(self.hops) >= self.max_hops or ends)


class SilenceIsNoEntry(Traceroute):
    @property
    def hops(self) -> Hops:
        return [[answer for answer in hop if answer] for hop in super().hops]


def why_steps(case: Any) -> str:
    if case[-1][0] == "walk":
        _, routers, silent, lost, cut = case[-1]
        told = [f"{routers} routers and the destination behind them"]
        told += [f"router {n} sends no reports" for n in silent]
        told += [f"on the first link, packet {n} is lost each way" for n in lost]
        told += [f"router {cut} has no route to the destination"] if cut else []
        return f"In this simulation there are {'; '.join(told)}."
    return " ".join(dict.fromkeys(rules_for(case))) or "Probes are numbered from 0 over the whole run, TTLs from 1."


def rules_for(case: Any) -> Iterator[str]:
    """The rules of the text that these steps come across."""
    machine = Traceroute(*case[0][1:])
    for method, *args in case[1:]:
        due, over = machine.deadline(), len(machine.answers)
        if method == "poll":
            machine.poll(*args)
            if len(machine.answers) > over:
                yield "At its deadline a probe is given up, and the same poll returns the next one (rule 1)."
            elif due is not None:
                yield "One probe is out at a time: poll returns None until it is over (rule 1)."
        elif method == "reply":
            number, _, kind, _, time = args
            machine.reply(*args)
            if len(machine.answers) > over and kind in (0, 3):
                yield "Type 0 and type 3 are final: done when all the tries of this TTL are over (rule 4)."
            elif due is not None and time >= due:
                yield "An answer at the deadline or after it is too late (rule 2)."
            elif due is None or number != over:
                yield "Only the probe that is out can be answered (rule 2)."
            elif len(machine.answers) == over:
                yield "A redirect (5) or a source quench (4) is no answer (rule 3)."


def reproduce(case: Any) -> str:
    """The line that shows the counterexample again; a walk needs netlib's network."""
    (_, *made), *rest = case
    new = f"Traceroute({', '.join(map(repr, made))})"
    if rest[-1][0] == "walk":
        arguments = ", ".join(map(repr, rest[-1][1:]))
        return f"from netlib.exercises.icmp_traceroute import in_simulation; in_simulation({new}, {arguments})"
    calls = (name if name in ("done", "hops") else f"{name}({', '.join(map(repr, args))})" for name, *args in rest)
    return "; ".join([f"answer = {new}", *(f"answer.{call}" for call in calls)])


def is_probe(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2


def ignores_an_end(case: Any, expected: Any, got: Any) -> bool:
    return expected is None and is_probe(got) and any(step[0] == "reply" and step[3] in (0, 3) for step in case)


def takes_redirects(case: Any, expected: Any, got: Any) -> bool:
    redirected = any(step[0] == "reply" and step[3] in (4, 5) for step in case)
    return redirected and (isinstance(expected, float) or expected is None) and got != expected


TRACEROUTE = StepsAndWalks(
    number="6.4",
    name="Traceroute",
    points=6,
    summary="When to send which probe, when to give one up, and when to stop.",
    signature="Traceroute(max_hops: int = 30, tries: int = 3, timeout: float = 1.0)",
    rfc="RFC 792, time exceeded; RFC 1122 sections 3.2.2.1 and 3.2.2.4",
    reference=Traceroute,
    equal=same_but_for_brackets,
    inputs=stories,
    pinned=PINNED,
    mistakes=[
        Mistake("It looks as if the first final answer ends it: the TTL's other tries are still to be sent.",
                StopsAtFirstAnswer),
        Mistake("It looks as if an answer counts however late it comes: at the deadline its time is over.",
                TakesLateAnswers),
        Mistake("It looks as if any answer is taken for the probe that is out: compare its number.", TakesAnyNumber),
        Mistake("It looks as if the time is over after the deadline: it is over at the deadline (>=, not >).",
                WaitsATickTooLong),
        Mistake("It looks as if only port unreachable is an end: any 3 is one, and so is an echo reply (0).",
                EndsOnlyAtPort),
        Mistake("It looks as if the numbers start anew with each TTL: they go on over the whole run.",
                when=lambda case, expected, got: expected[1] == got[1] and expected[0] > got[0]),
        Mistake("It looks as if a redirect ends the wait: the packet was forwarded, and its answer is to come.",
                when=takes_redirects),
        Mistake("It looks as if it goes on behind the end: an echo reply (0) and any type 3 are final.",
                when=ignores_an_end),
        Mistake("It looks as if silence leaves no trace: a probe that was given up is a None in its hop.",
                SilenceIsNoEntry),
    ],
    without=("netlib.apps.traceroute", "netlib.exercises.icmp_path"),
    why=why_steps,
    reproduce=reproduce,
    examples=150,
)  # fmt: skip
