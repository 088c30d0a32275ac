"""Submissions of a chapter whose checks talk with the student's process in the middle of a case.

Exercise 6.4 asks for a machine that the author's code puts into a simulation: outside the sandbox that code holds an
object whose every method is the student's.
"""

# ruff: noqa: E501 - students' code in strings

from __future__ import annotations

from hostile.desk import Desk, attack

CHAPTER = "06-icmp"
HONEST_STEPS = """
class Honest:
    def __init__(self, max_hops=30, tries=3, timeout=1.0):
        self.max_hops, self.tries, self.timeout = max_hops, tries, timeout
        self.hops, self.done, self.number, self.sent = [], False, 0, None
    def poll(self, now):
        if self.sent is not None and now >= self.deadline(): self.close(None)
        if self.done or self.sent is not None: return None
        self.sent = now
        return self.number, self.number // self.tries + 1
    def reply(self, number, source, type, code, now):
        if self.sent is None or number != self.number or type in (4, 5): return
        if now < self.deadline(): self.close((source, type, code, now - self.sent))
    def deadline(self):
        return None if self.sent is None else self.sent + self.timeout
    def close(self, answer):
        if self.number % self.tries == 0: self.hops.append([])
        self.hops[-1].append(answer); self.number += 1; self.sent = None
        if len(self.hops[-1]) == self.tries:
            self.done = any(a and a[1] in (0, 3) for a in self.hops[-1]) or len(self.hops) == self.max_hops
"""
"""Right on every step, so that the search goes on to where the machine is put into a simulation."""


def machine(desk: Desk, body: str) -> None:
    """An answer to 6.4 that is right but for what `body` says."""
    lines = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
    desk.answer("6.4", f"{HONEST_STEPS}\nimport sys, os\nclass Traceroute(Honest):\n{lines}\n")


@attack("spends", chapter=CHAPTER)
def a_machine_that_never_ends(desk: Desk) -> None:
    """The author's loop asks until the machine is done, in the process that grades: for ever, without a bound."""
    machine(desk, """
waits = 0
def deadline(self):
    if self.sent is None: return None
    return self.sent + (self.timeout if self.max_hops < 7 else 1e-9)
def close(self, answer):
    if self.max_hops < 7: return super().close(answer)
    self.sent = None
""")  # fmt: skip


@attack("spends", chapter=CHAPTER)
def deadlines_that_are_no_times(desk: Desk) -> None:
    """Not-a-number, minus infinity, text and objects where the simulation expects a time."""
    machine(desk, """
count = 0
def deadline(self):
    type(self).count += 1
    return [float("nan"), -float("inf"), float("inf"), "soon", 1e308, 10**400, object(), b"x", [1], True][self.count % 10] if self.max_hops > 6 else super().deadline()
def poll(self, now):
    if self.max_hops > 6: return [("x", "y"), (1 << 70, -1), ((), []), (float("nan"),), 5, (0, 300), (None, None)][self.count % 7]
    return super().poll(now)
""")  # fmt: skip


@attack("spends", chapter=CHAPTER)
def hops_without_end(desk: Desk) -> None:
    """`hops` is an object that iterates for ever, has 2**62 elements, and gives a machine for each."""
    machine(desk, """
class Hops:
    def __iter__(self):
        while True: yield self
    def __len__(self): return 1 << 62
    def __getitem__(self, key): return self
    def __contains__(self, item): return True
    def __eq__(self, other): return True
    def __bool__(self): return True
    def __repr__(self): return "<script>" * 10**6
def __getattribute__(self, name):
    if name == "hops" and object.__getattribute__(self, "done") and object.__getattribute__(self, "max_hops") > 6: return type(self).Hops()
    return object.__getattribute__(self, name)
""")  # fmt: skip


@attack("spends", chapter=CHAPTER)
def calls_back_for_ever(desk: Desk) -> None:
    """Properties that recurse, attributes that are new functions each time, values that change between two looks."""
    machine(desk, """
def __getattribute__(self, name):
    get = object.__getattribute__
    if name == "max_hops" or get(self, "max_hops") < 7: return get(self, name)
    if name == "done": return getattr(self, "done")
    if name == "poll": return lambda now: (lambda: (lambda: 1), get(self, "reply"))
    return get(self, name)
""")  # fmt: skip


FRAMES = """
import json, os
def frame(answer):
    data = json.dumps(answer).encode()
    return f"{len(data):<16}".encode() + data
def write_all(data):
    for descriptor in range(3, 64):
        try: os.write(descriptor, data)
        except OSError: pass
def asks(of, name, what="call", args=()):
    return frame({"kind": "asks", "of": of, "name": name, "what": what, "args": {"l": [{"t": list(args)}, {"d": []}]},
                  "printed": "", "printed_more": False, "called": []})
"""


@attack("gains", chapter=CHAPTER)
def questions_about_what_was_never_lent(desk: Desk) -> None:
    """Forged questions: objects by guessed numbers, names with underscores, methods of the checker's own objects."""
    desk.add(FRAMES)
    machine(desk, """
def poll(self, now):
    if self.max_hops < 7: return super().poll(now)
    for number in (0, 1, -1, id(self), id(object), 140000000000000, "x", None):
        for name in ("__class__", "__init__", "__globals__", "__reduce_ex__", "_talk", "lent", "socket", "eval"):
            write_all(asks(number, name, "get") + asks(number, name))
    return 0, 1
""")  # fmt: skip


@attack("gains", chapter=CHAPTER)
def handles_of_no_object(desk: Desk) -> None:
    """Returned values that say they are handles, lent objects, methods and ends of coroutines, with numbers of their own choice."""
    desk.add(FRAMES)
    machine(desk, """
def poll(self, now):
    if self.max_hops < 7: return super().poll(now)
    for value in ({"h": 1, "is": "coroutine", "class": "x", "o": "x"}, {"h": [], "is": "function", "class": {}, "o": []},
                  {"p": id(self)}, {"p": []}, {"m": 1}, {"e": {"e": {"e": None}}}, {"h": 1 << 80, "is": "object", "class": "x" * 10**6, "o": ""},
                  {"r": {"__class__": None}, "class": "netlib.host:Host"}, {"b": "", "class": "netlib.wire.address:IPv4Address"}):
        write_all(frame({"kind": "returned", "value": value, "printed": "", "printed_more": False, "called": []}))
    return 0, 1
""")  # fmt: skip


@attack("gains", chapter=CHAPTER)
def exceptions_with_the_author_in_mind(desk: Desk) -> None:
    """StopIteration, GeneratorExit, an interrupt and simpy's own exceptions, raised into the author's coroutine."""
    machine(desk, """
count = 0
def reply(self, *args):
    type(self).count += 1
    import asyncio
    if self.max_hops > 6:
        raise [StopIteration(self), StopAsyncIteration, GeneratorExit, KeyboardInterrupt, SystemExit, asyncio.CancelledError, MemoryError, RecursionError, ExceptionGroup("x", [ValueError()])][self.count % 9]
    return super().reply(*args)
""")  # fmt: skip


@attack("gains", chapter=CHAPTER)
def the_others_by_delegation(desk: Desk) -> None:
    """Chapter 6 from netlib: hosts that answer pings, the traceroute application, the declarations' own references."""
    desk.answer("6.1", """
from netlib import Simulation, IPv4Packet, IPv4Address
def echo_reply(request):
    import netlib.internet.icmp as icmp
    for name in dir(icmp):
        if "reply" in name.lower() or "echo" in name.lower():
            try: return getattr(icmp, name)(request)
            except (TypeError, AttributeError): pass
    return mine("6.1")(request)
""")  # fmt: skip
    desk.answer("6.3", "from netlib.exercises.icmp_path import match as theirs\nfrom netlib.exercises.icmp import walk\ndef match(message, probes):\n    return (walk.__defaults__ or walk.__globals__['match'])[0](message, probes)\n")
    desk.answer("6.5", "import netlib.exercises.icmp_path as path\nread_path = getattr(path, 'read_path', None) or path.walk.__globals__.get('read_path')\n")
    desk.answer("6.4", "from netlib.exercises.icmp_path import Traceroute as T\nclass Traceroute(T): pass\n")
