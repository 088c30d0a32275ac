"""Exercise 1.5: what a server must remember, so that no call is carried out twice.

Cases are made by letting the reference run while calls come, come again and are carried out.  Times are multiples of
a quarter of a second, which floats hold exactly.
"""

from typing import Any

from hypothesis import strategies as st

from netlib.exercises.client_server_peers import AtMostOnce
from netlib.grading import Mistake, StatefulExercise

Step = tuple[Any, ...]


def reply(client: str, number: int) -> bytes:
    return f"{client}:{number} done".encode()


def story(replies: int, keep: float, events: list[tuple[str, str, int]]) -> list[Step]:
    """The steps in which these events happen: a call comes, a call that is under way is done, time passes."""
    steps: list[Step] = [("new", replies, keep)]
    memory, now = AtMostOnce(replies, keep), 0.0
    under_way: list[tuple[str, int]] = []
    for what, client, number in events:
        if what == "wait":
            now += {1: 0.25, 2: keep / 2, 3: keep, 4: keep + 0.25}.get(number, 0.0)
        elif what == "done" and under_way:
            done = under_way.pop((number - 1) % len(under_way))
            steps.append(("remember", *done, reply(*done)))
            memory.remember(*done, reply(*done))
        elif what == "call":
            steps.append(("admit", client, number, now))
            if memory.admit(client, number, now) is True:
                under_way.append((client, number))
        elif what == "call and done":
            steps.append(("admit", client, number, now))
            if memory.admit(client, number, now) is True:
                steps.append(("remember", client, number, reply(client, number)))
                memory.remember(client, number, reply(client, number))
    return steps


events = st.lists(
    st.tuples(st.sampled_from(["call", "call and done", "call and done", "done", "wait"]),
              st.sampled_from(["ada", "ada", "bob"]), st.integers(1, 4)),
    min_size=1, max_size=14,
)  # fmt: skip


def many(*pairs: tuple[str, int], what: str = "call and done") -> list[tuple[str, str, int]]:
    return [(what, client, number) for client, number in pairs]


ADA, BOB = ("ada", 1), ("bob", 1)
ADA_1_TO_3 = many(ADA, ("ada", 2), ("ada", 3))
AGAIN = many(ADA, what="call")
PINNED: dict[str, list[Step]] = {
    "a call": story(10, 300.0, many(ADA, what="call")),
    "a copy, once the call has been carried out": story(10, 300.0, many(ADA) + AGAIN),
    "and another": story(10, 300.0, many(ADA) + AGAIN + AGAIN),
    "a copy while the call is being carried out": story(10, 300.0, AGAIN + AGAIN),
    "another client's call of the same number": story(10, 300.0, [*many(ADA), *many(BOB, what="call")]),
    "numbers that come out of order": story(10, 300.0, many(("ada", 2), ADA) + many(("ada", 2), what="call")),
    "an empty reply": [("new", 10, 300.0), ("admit", *ADA, 0.0), ("remember", *ADA, b""), ("admit", *ADA, 1.0)],
    "room for two replies: the third drives out the first": story(2, 300.0, ADA_1_TO_3 + AGAIN),
    "and the other two are there still": story(2, 300.0, ADA_1_TO_3 + many(("ada", 2), ("ada", 3), what="call")),
    "the room is for all clients together": story(1, 300.0, many(ADA, BOB) + AGAIN),
    "asked for again, it is not younger": story(2, 300.0, many(ADA, ("ada", 2)) + AGAIN + many(("ada", 3)) + AGAIN),
    "room for no reply": story(0, 300.0, many(ADA) + AGAIN + many(("ada", 2), what="call")),
    "below a number that was driven out": story(1, 300.0, many(("ada", 4), BOB) + many(("ada", 2), what="call")),
    "a number driven out, and a higher one": story(1, 300.0, many(ADA, BOB) + many(("ada", 2), what="call")),
    "the number that is driven out is not the highest so far": story(
        1, 300.0, many(("ada", 3), ("ada", 2), BOB) + many(("ada", 3), what="call")),
    "driven out in any order: the highest counts": [
        ("new", 1, 300.0), ("admit", "ada", 1, 0.0), ("admit", "ada", 3, 0.0), ("remember", "ada", 3, b"three"),
        ("remember", "ada", 1, b"one"), ("admit", "bob", 1, 0.0), ("remember", "bob", 1, b"bob's"),
        ("admit", "ada", 2, 1.0), ("admit", "ada", 3, 1.0)],
    "done after a higher one was driven out": [
        ("new", 1, 300.0), ("admit", "ada", 1, 0.0), ("admit", "ada", 2, 0.0), ("remember", "ada", 2, b"two"),
        ("admit", "bob", 1, 0.0), ("remember", "bob", 1, b"bob's"), ("remember", "ada", 1, b"one"),
        ("admit", "ada", 1, 1.0)],
    "silent for just as long as may be": story(10, 10.0, [*many(ADA), ("wait", "", 3), *AGAIN]),
    "silent for too long": story(10, 10.0, [*many(ADA), ("wait", "", 4), *AGAIN]),
    "heard of in between": story(10, 10.0, [*many(ADA), ("wait", "", 2), *AGAIN, ("wait", "", 3), *AGAIN]),
    "forgotten, with its floor": story(0, 10.0, [*many(("ada", 4)), ("wait", "", 4), *AGAIN]),
    "forgotten, with what was under way": story(10, 10.0, [*AGAIN, ("wait", "", 4), *AGAIN]),
    "a client that is forgotten makes room": story(
        1, 10.0, [*many(ADA), ("wait", "", 4), *many(BOB), *many(BOB, what="call")]),
    "only the silent one is forgotten": story(
        10, 10.0, [*many(ADA), ("wait", "", 3), *many(BOB), ("wait", "", 1), *AGAIN, *many(BOB, what="call")]),
    "done, but forgotten meanwhile": [
        ("new", 10, 10.0), ("admit", "ada", 1, 0.0), ("admit", "bob", 1, 20.0), ("remember", "ada", 1, b"one"),
        ("admit", "ada", 1, 20.0)],
}  # fmt: skip


class Twice(AtMostOnce):
    """Keeps nothing."""

    def remember(self, client: str, number: int, reply: bytes) -> None:
        self.under_way.discard((client, number))


class NotUnderWay(AtMostOnce):
    def admit(self, client: str, number: int, now: float) -> bool | bytes | None:
        said = super().admit(client, number, now)
        return True if (client, number) in self.under_way else said


class AllOneClient(AtMostOnce):
    def admit(self, client: str, number: int, now: float) -> bool | bytes | None:
        return super().admit("all", number, now)

    def remember(self, client: str, number: int, reply: bytes) -> None:
        super().remember("all", number, reply)


class ForgetsThatItWasDone(AtMostOnce):
    def remember(self, client: str, number: int, reply: bytes) -> None:
        super().remember(client, number, reply)
        self.floor.clear()


class FloorSinks(AtMostOnce):
    """Takes the number that was driven out last for the floor, be it higher or lower."""

    def remember(self, client: str, number: int, reply: bytes) -> None:
        out = next(iter([*self.kept, (client, number)])) if (client, number) in self.under_way else None
        before = len(self.kept)
        super().remember(client, number, reply)
        if out and len(self.kept) == before:
            self.floor[out[0]] = out[1]


class EmptyIsNone(AtMostOnce):
    """Takes an empty reply for none."""

    def admit(self, client: str, number: int, now: float) -> bool | bytes | None:
        said = super().admit(client, number, now)
        return True if said == b"" else said


class Unbounded(AtMostOnce):
    def __init__(self, replies: int = 1000, keep: float = 300.0) -> None:
        super().__init__(10**9, keep)


class NeverForgets(AtMostOnce):
    def __init__(self, replies: int = 1000, keep: float = 300.0) -> None:
        super().__init__(replies, float("inf"))


class ForgetsTooSoon(AtMostOnce):
    def __init__(self, replies: int = 1000, keep: float = 300.0) -> None:
        super().__init__(replies, keep - 0.125)


class HighestOnly(AtMostOnce):
    """Takes every number below the highest for a copy."""

    def admit(self, client: str, number: int, now: float) -> bool | bytes | None:
        said = super().admit(client, number, now)
        if said is True:
            self.floor[client] = max(number, self.floor.get(client, 0))
        return said


class LeastRecentlyUsed(AtMostOnce):
    def admit(self, client: str, number: int, now: float) -> bool | bytes | None:
        said = super().admit(client, number, now)
        if (client, number) in self.kept:
            self.kept[client, number] = self.kept.pop((client, number))
        return said


def why(case: Any) -> str:
    """Which of the text's rules decides the last step."""
    method, *args = case[-1]
    if method != "admit":
        return "What remember returns does not matter."
    memory = AtMostOnce(*case[0][1:])
    for name, *rest in case[1:-1]:
        getattr(memory, name)(*rest)
    client, number, now = args
    silent = client in memory.heard and now - memory.heard[client] > memory.keep
    told = ""
    if silent:
        pause = now - memory.heard[client]
        told = f"{client} was silent for {pause:g} s, more than {memory.keep:g} s, and is forgotten (rule 1). "
    memory.admit("", 0, now)  # so that whoever was silent is forgotten
    call = client, number
    if call in memory.kept:
        return f"{told}Call {number} of {client} has been carried out, and its reply is kept: send that again (rule 2)."
    if call in memory.under_way:
        return f"{told}Call {number} of {client} is being carried out: say nothing yet (rule 3)."
    if number <= memory.floor.get(client, 0):
        floor = memory.floor[client]
        return f"{told}A reply of {client} up to number {floor} was driven out: nothing up to {floor} is run (rule 4)."
    return f"{told}Nothing is known of call {number} of {client}: carry it out (rule 5)."


AT_MOST_ONCE = StatefulExercise(
    number="1.5",
    name="AtMostOnce",
    points=6,
    summary="What a server remembers, so that nothing is carried out twice.",
    signature="AtMostOnce(replies: int = 1000, keep: float = 300.0)",
    rfc="RFC 5531 section 5; Birrell and Nelson (1984) section 3",
    reference=AtMostOnce,
    inputs=st.builds(story, st.sampled_from([0, 1, 2, 2, 3, 10]), st.sampled_from([10.0, 300.0]), events),
    pinned=PINNED,
    mistakes=[
        Mistake("It looks as if an empty reply counts as none: ask whether a reply is kept, not whether it is true.",
                EmptyIsNone),
        Mistake("It looks as if the floor sinks when a lower number is driven out: it only rises.", FloorSinks),
        Mistake("It looks as if nothing is remembered: a copy is carried out again.", Twice),
        Mistake("It looks as if a call is known only when it is done: a copy may come while it is under way.",
                NotUnderWay),
        Mistake("It looks as if all clients share their numbers: call 1 of ada is not call 1 of bob.", AllOneClient),
        Mistake("It looks as if a call is forgotten with its reply: forget the reply, but not that it was carried out.",
                ForgetsThatItWasDone),
        Mistake("It looks as if there is room for any number of replies: `replies` is the most.", Unbounded),
        Mistake("It looks as if nobody is ever forgotten: after more than `keep` seconds of silence a client is.",
                NeverForgets),
        Mistake("It looks as if a client is forgotten at `keep` seconds: it has to be more than that.",
                ForgetsTooSoon),
        Mistake("It looks as if a number below the highest so far is taken for a copy: calls may overtake each other.",
                HighestOnly),
        Mistake("It looks as if a reply that is asked for again counts as young: the one that was *remembered* first "
                "goes first.", LeastRecentlyUsed),
    ],
    without=("netlib.exercises.client_server_peers", "netlib.apps.rpc", "netlib.apps.rpc_messages"),
    why=why,
)  # fmt: skip
