"""Exercise 6.5: what the answers of a traceroute say about the path, and how it ends.

Paths are made of a few routers, so that an address comes back often: twice in a row, as a loop, or beside another.
"""

from typing import Any

from hypothesis import strategies as st

from netlib.exercises.icmp_path import PROHIBITED, Hops, read_path
from netlib.exercises.icmp_traceroute import TARGET
from netlib.grading import Exercise, Mistake

ROUTERS = [f"10.0.{n}.1" for n in range(1, 6)]


def answer_from(source: str, type: int = 11, code: int = 0) -> tuple[str, int, int, float]:
    return source, type, code, 0.25


one_answer = st.one_of(
    st.none(),
    st.builds(answer_from, st.sampled_from(ROUTERS)),
    st.builds(answer_from, st.sampled_from(ROUTERS)),
)
last_answer = st.one_of(
    st.none(),
    st.builds(answer_from, st.sampled_from(ROUTERS)),
    st.builds(answer_from, st.just(TARGET), st.sampled_from([0]), st.just(0)),
    st.builds(answer_from, st.just(TARGET), st.just(3), st.sampled_from([3, 3, 2, 13])),
    st.builds(answer_from, st.sampled_from(ROUTERS), st.just(3), st.sampled_from([0, 1, 3, 4, 9, 10, 13])),
)
hop_lists = st.builds(
    lambda middle, last: [*middle, last],
    st.lists(st.one_of(st.lists(one_answer, min_size=1, max_size=3), st.just([None, None])), max_size=5),
    st.lists(last_answer, min_size=1, max_size=3),
)


def along(*words: str) -> Hops:
    """A path in short: "r1", "*", "r2 r3" for several, "r2!1" for unreachable 1, "end" for the destination."""

    def one(word: str) -> tuple[str, int, int, float] | None:
        if word == "*":
            return None
        name, _, code = word.partition("!")
        source = TARGET if name == "end" else ROUTERS[int(name[1:]) - 1]
        if code:
            return answer_from(source, 3, int(code))
        return answer_from(source, 3, 3) if name == "end" else answer_from(source)

    return [[one(word) for word in hop.split()] for hop in words]


def why_path(args: Any) -> str:
    hops, destination = args
    right = read_path(hops, destination)
    end, ttl = right["end"], right["ttl"]
    return {
        "reached": f"The destination itself answers, first at TTL {ttl}.",
        "unreachable": f"At TTL {ttl} somebody on the way says unreachable, code {right['code']}.",
        "filtered": f"At TTL {ttl} somebody says prohibited: code {right['code']}.",
        "loop": f"At TTL {ttl} an address answers that has answered two or more hops before.",
        "silent": f"The last TTL got no answer at all; TTL {ttl} was the last that did." if ttl else "Nobody answered.",
        "unfinished": f"A router still answers at TTL {ttl}, the last that was tried.",
    }[str(end)]


def wrong_path(hops: Hops, destination: str, *, far: int = 2, any_unreachable: bool = True, prohibited: bool = True,
               only_first: bool = False, source: bool = True, late: bool = False, prohibited_first: bool = False,
               last_seen: bool = False) -> dict[str, Any]:  # fmt: skip
    """The ways to get it wrong, by keyword."""
    path = [list(dict.fromkeys(answer[0] for answer in hop if answer)) for hop in hops]
    if only_first:
        path = [known[:1] for known in path]
    answers = [(ttl, answer) for ttl, hop in enumerate(hops, 1) for answer in hop if answer]
    result: dict[str, Any] = {"path": path, "end": "unfinished", "ttl": len(hops), "code": None}
    reached = [ttl for ttl, answer in answers if (answer[0] == destination if source else answer[1:3] == (3, 3))]
    refused = [(ttl, answer[2]) for ttl, answer in answers if answer[1] == 3]
    first: dict[str, int] = {}
    loops = []
    for ttl, (address, *_) in answers:
        if ttl - first.setdefault(address, ttl) >= far:
            loops.append(ttl)
        if last_seen:
            first[address] = ttl
    if prohibited_first:
        refused.sort(key=lambda one: one[1] not in PROHIBITED)
    if reached:
        return result | {"end": "reached", "ttl": len(hops) if late else reached[0]}
    if refused and any_unreachable:
        ttl, code = refused[0]
        end = "filtered" if prohibited and code in PROHIBITED else "unreachable"
        return result | {"end": end, "ttl": ttl, "code": code}
    if loops:
        return result | {"end": "loop", "ttl": loops[0]}
    if not path[-1]:
        return result | {"end": "silent", "ttl": max((ttl for ttl, _ in answers), default=0)}
    return result


READ_PATH = Exercise(
    number="6.5",
    name="read_path",
    points=4,
    summary="What the answers say about the path, and how it ends.",
    signature="read_path(hops: list, destination: str) -> dict",
    rfc="RFC 792; RFC 1812 section 5.2.7.1",
    reference=read_path,
    inputs=st.tuples(hop_lists, st.just(TARGET)),
    pinned={
        "all is well": (along("r1", "r2", "end"), TARGET),
        "three stars in the middle": (along("r1 r1", "* *", "end end"), TARGET),
        "two routers share the load": (along("r1 r1 r1", "r2 r3 r2", "end * end"), TARGET),
        "a star among answers": (along("* r1", "end *"), TARGET),
        "a traceroute that sent ahead": (along("r1", "end", "end"), TARGET),
        "silence to the end": (along("r1", "r2", "*", "*"), TARGET),
        "nobody at all": (along("*", "*"), TARGET),
        "a router knows no way": (along("r1", "r2!0"), TARGET),
        "a host that is not there": (along("r1", "* r2!1"), TARGET),
        "a firewall that says so": (along("r1", "r2!13"), TARGET),
        "a firewall that pretends to be the destination's port": (along("r1", "r2!3"), TARGET),
        "the destination's own firewall": (along("r1", "end!13"), TARGET),
        "an echo reply": ([[answer_from(ROUTERS[0])], [answer_from(TARGET, 0, 0)]], TARGET),
        "a loop": (along("r1", "r2", "r3", "r2", "r3"), TARGET),
        "a loop, then silence": (along("r1", "r2", "r1", "*"), TARGET),
        "twice in a row is no loop": (along("r1", "r1", "r2"), TARGET),
        "three in a row are a loop: two hops after the first": (along("r1", "r1", "r1", "r2"), TARGET),
        "refused twice: the first counts": (along("r1", "r2!1 r3!13", "r4!10"), TARGET),
        "prohibited first": (along("r1", "r2!9 r3!0"), TARGET),
        "once more, and the destination": (along("r1", "r2", "r1", "end"), TARGET),
        "a hop refuses, another goes on": (along("r1", "r2!1 r3", "end"), TARGET),
        "max_hops was too small": (along("r1", "r2"), TARGET),
    },
    mistakes=[
        Mistake("It looks as if the first answer alone stands for its hop: load balancing gives several.",
                lambda hops, destination: wrong_path(hops, destination, only_first=True)),
        Mistake("It looks as if port unreachable means reached, whoever sent it: a firewall can send it too.",
                lambda hops, destination: wrong_path(hops, destination, source=False)),
        Mistake("It looks as if the prohibited codes (9, 10, 13) are read as plain unreachable.",
                lambda hops, destination: wrong_path(hops, destination, prohibited=False)),
        Mistake("It looks as if the same address twice in a row is read as a loop.",
                lambda hops, destination: wrong_path(hops, destination, far=1)),
        Mistake("It looks as if a prohibited one (9, 10, 13) is looked for first: it is the first type 3 that counts.",
                lambda hops, destination: wrong_path(hops, destination, prohibited_first=True)),
        Mistake("It looks as if the distance is taken from where an address was last seen: the first time counts.",
                lambda hops, destination: wrong_path(hops, destination, last_seen=True)),
        Mistake("It looks as if type 3 from a router is not looked for.",
                lambda hops, destination: wrong_path(hops, destination, any_unreachable=False)),
    ],
    without=("netlib.apps", "netlib.exercises.icmp_path"),
    why=why_path,
)  # fmt: skip
