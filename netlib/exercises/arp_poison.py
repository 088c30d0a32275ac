"""Exercise 7.4: a detector of ARP poisoning, judged by its precision and its recall on traces of a link.

There is no reference: any detector that is good enough will do.  netlib's own is `Watcher` (netlib/link/suspicion.py),
which gives reasons, and leaves it to others what to make of them.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from hypothesis import strategies as st

from netlib.exercises.arp_traces import Heard, several
from netlib.grading import Mistake, Scenario
from netlib.link.suspicion import Score, score
from netlib.wire.address import MACAddress
from netlib.wire.arp import REPLY
from netlib.wire.ethernet import EthernetFrame

USEFUL = "it finds 4 of 5 forged frames, and half of its alarms are right"
GOOD = "it finds 17 of 20 forged frames, and 9 of 10 of its alarms are right"
NEEDED = {USEFUL: Score(precision=0.5, recall=0.8), GOOD: Score(precision=0.9, recall=0.85)}


class Place(NamedTuple):
    """Where a detector was wrong."""

    trace: int
    number: int
    heard: Heard


def heard_by(make: Callable[[], Any], traces: Any) -> list[list[int]]:
    """For each trace, the numbers of the frames that a fresh detector takes for forged."""
    named = []
    for trace in traces:
        detector = make()
        answers = [detector.hear(heard.frame, heard.time) for heard in trace]
        for answer in answers:
            if not isinstance(answer, bool):
                raise TypeError(f"hear() returned {answer!r:.60}: it has to be True or False")
        named.append([number for number, answer in enumerate(answers) if answer])
    return named


def run(student: Any, seed: int) -> dict[str, Any]:
    return {"named": heard_by(student, several(seed))}


@lru_cache(maxsize=32)
def forged_in(seed: int) -> tuple[frozenset[int], ...]:
    return tuple(frozenset(i for i, heard in enumerate(trace) if heard.forged) for trace in several(seed))


def scored(seed: int, named: list[list[int]]) -> Score:
    """All traces together."""
    suspected = {1000 * trace + number for trace, numbers in enumerate(named) for number in numbers}
    forged = {1000 * trace + number for trace, numbers in enumerate(forged_in(seed)) for number in numbers}
    return score(suspected, forged)


def wrongs(seed: int, named: list[list[int]]) -> tuple[list[Place], list[Place]]:
    """What was missed, and what was named though it is honest."""
    missed, false = [], []
    for number, (trace, forged) in enumerate(zip(several(seed), forged_in(seed), strict=True)):
        missed += [Place(number, each, trace[each]) for each in sorted(forged - set(named[number]))]
        false += [Place(number, each, trace[each]) for each in sorted(set(named[number]) - forged)]
    return missed, false


def commonest(seed: int, places: list[Place]) -> str:
    """The kind that was got wrong most often, with its first example."""
    kinds: dict[str, list[Place]] = {}
    for place in places:
        kinds.setdefault(place.heard.about, []).append(place)
    kind, found = max(kinds.items(), key=lambda each: len(each[1]))
    first = found[0]
    trace = list(several(seed))[first.trace]
    frame, arp = EthernetFrame.parse(first.heard.frame), first.heard.packet
    said = (f"{arp.sender_ip} is at {arp.sender_mac}, to {arp.target_ip}" if arp.operation == REPLY
            else f"who has {arp.target_ip}? tell {arp.sender_ip} at {arp.sender_mac}")  # fmt: skip
    where = f"frame {first.number} of trace {first.trace}, at {first.heard.time:.1f} s"
    return (f"{len(found)} of {len(places)} are: {kind}. The first is {where}, "
            f"from {frame.source} to {frame.destination}: {said}. {history(trace, first)}")  # fmt: skip


def history(trace: tuple[Heard, ...], place: Place) -> str:
    """Where the address was heard of before, and from when to when."""
    address = place.heard.packet.sender_ip
    times: dict[MACAddress, list[float]] = {}
    for heard in trace[: place.number]:
        if heard.packet.sender_ip == address:
            times.setdefault(heard.packet.sender_mac, []).append(heard.time)
    if not times:
        return f"{address} had not been heard before"
    known = [f"{mac} ({len(when)} times, {when[0]:.1f} to {when[-1]:.1f} s)" for mac, when in times.items()]
    return f"Before, {address} was at {', '.join(known)}"


def reaches(name: str) -> Callable[[Any, Any], bool | str]:
    def test(args: Any, outcome: Any) -> bool | str:
        named = outcome["named"]
        got, needed = scored(args[0], named), NEEDED[name]
        if got.precision >= needed.precision and got.recall >= needed.recall:
            return True
        missed, false = wrongs(args[0], named)
        told = [f"Recall {got.recall:.2f} (needed: {needed.recall:.2f}), "
                f"precision {got.precision:.2f} (needed: {needed.precision:.2f})."]  # fmt: skip
        if got.recall < needed.recall:
            told.append(f"Forged and not found: {commonest(args[0], missed)}.")
        if got.precision < needed.precision and false:
            told.append(f"Honest and named: {commonest(args[0], false)}.")
        return "\n".join(told)

    return test


def show(value: Any) -> str | None:
    if isinstance(value, dict) and set(value) == {"named"}:
        return f"{sum(map(len, value['named']))} alarms in {len(value['named'])} traces"
    return None


def why(args: Any) -> str:
    return f"The same traces: `from netlib.exercises.arp import traces`, and list(traces({args[0]}))[0][0].about."


def marks(make: Callable[[], Any], seed: int = 1) -> Score:
    """Precision and recall of a detector on fourteen traces: `marks(PoisonDetector)`."""
    return scored(seed, heard_by(make, several(seed)))


POISON = Scenario(
    number="7.4",
    name="PoisonDetector",
    points=6,
    summary="Which ARP packets on a link are forged.",
    signature="PoisonDetector()",
    rfc="RFC 5227 section 5",
    run=run,
    inputs=st.tuples(st.integers(0, 10**6)),
    pinned={f"fourteen traces, seed {seed}": (seed,) for seed in (1, 2)},
    properties={USEFUL: reaches(USEFUL), GOOD: reaches(GOOD)},
    credit={USEFUL: 3, GOOD: 3},
    mistakes=[
        Mistake("It looks as if it never gives an alarm.", when=lambda args, e, got: not any(got["named"])),
        Mistake("It looks as if every change of a MAC address is an alarm: after a lie, the truth is a change as well.",
                when=lambda args, e, got: names_truth(args, got)),
        Mistake("It looks as if an address belongs for ever to the machine that was heard with it first: machines are "
                "replaced, and the old one is silent from then on.",
                when=lambda args, e, got: names(args, got, ("takes over", "long unused"), 0.9)),
        Mistake("It looks as if only answers that nobody asked for are found: a forged announcement, or a forged "
                "question, is believed as well.",
                when=lambda args, e, got: misses(args, got, ("attacker announces", "question in the router's"), 0.95)),
    ],
    without=("netlib.link.suspicion",),
    show=show,
    why=why,
    reproduce=lambda args: f"from netlib.exercises.arp import marks; marks(PoisonDetector, seed={args[0]})",
    examples=1,
    call_limit=8.0,
    budget=40.0,
)  # fmt: skip


def share(args: Any, got: Any, abouts: tuple[str, ...]) -> float:
    """How much of what is about these was named."""
    seen = [(heard, number in set(named)) for trace, named in zip(several(args[0]), got["named"], strict=True)
            for number, heard in enumerate(trace) if any(about in heard.about for about in abouts)]  # fmt: skip
    return sum(named for _, named in seen) / len(seen) if seen else 0.0


def names(args: Any, got: Any, abouts: tuple[str, ...], least: float) -> bool:
    return share(args, got, abouts) >= least


def misses(args: Any, got: Any, abouts: tuple[str, ...], least: float) -> bool:
    return share(args, got, abouts) <= 1 - least


def names_truth(args: Any, got: Any) -> bool:
    """Whether the router's own words are named after a lie about it, many times."""
    false = [place for place in wrongs(args[0], got["named"])[1] if place.heard.about in ("an answer", "a question")]
    return len(false) > 0.25 * sum(map(len, got["named"]))
