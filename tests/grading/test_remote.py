"""The author's code is on this side, the answer on the other: it is used as if it were here."""

import contextlib
import os
import random

import pytest
from grading.test_starter import Announcing
from hypothesis import strategies as st

from netlib.apps.ping import ping
from netlib.grading import Exercise, NotImplementedYet, Scenario, check, exercise, register, remote
from netlib.grading.check import CHECK_SEED, examine
from netlib.grading.search import Search
from netlib.host import Parts
from netlib.wire.ipv4 import ICMP, IPv4Packet
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import Request, now, readable, sleep

HERE = os.getpid()
SMALL = (st.integers(0, 3),)


def scenario(number, run, *, inputs=SMALL, **more):
    more = {"judge": lambda args, out: None if out == "fine" else f"it was {out!r}"} | more
    made = Scenario(number=number, name="f", points=1, run=run, inputs=st.tuples(*inputs), examples=5, **more)
    register(made)
    return made


def both_ways(number, answer):
    """The report of a notebook's check, which has to be that of a process that was started otherwise."""
    forked = examine(exercise(number), answer, CHECK_SEED)
    started = examine(exercise(number), None, CHECK_SEED, starter=Announcing(number, answer))
    assert repr(forked) == repr(started)
    return forked


def where(student, n):
    return "fine" if os.getpid() == HERE and student() != HERE else "in one process"


scenario("0.70", where)


def test_the_authors_code_runs_here_and_the_students_there():
    assert both_ways("0.70", lambda: os.getpid()).ok


# ---- a part in a host, and an application that is a coroutine ------------------------------------------------------


def two_hosts(parts=None):
    sim = Simulation(seed=1)
    a, b = sim.host("a"), sim.host("b", parts=parts)
    link = sim.link((a, "10.0.0.1/24"), (b, "10.0.0.2/24"), delay=0.01)
    return sim, a, b, sim.capture(link)


def pinged(student, n):
    sim, a, _, seen = two_hosts(Parts(echo_reply=student))
    result = sim.run(ping(a, "10.0.0.2", count=1, size=n))
    return {"received": result.received, "captures": {"a": [(when, packet.data) for when, packet in seen]}}


scenario("0.71", pinged, judge=lambda args, out: None if out["received"] == 1 else "no answer came")


def internet_sum(data):
    total = int.from_bytes(data + bytes(len(data) % 2), "big")
    return -total % 0xFFFF if total else 0xFFFF


def echo(request):
    reply = b"\0" + request[1:2] + b"\0\0" + request[4:]
    return reply[:2] + internet_sum(reply).to_bytes(2, "big") + reply[4:]


def test_a_function_is_a_part_of_a_host():
    assert both_ways("0.71", echo).ok
    report = both_ways("0.71", lambda request: None)
    assert report.cause == "property"
    assert [part for part in report.story if part.heading == "The exchange"]


def test_what_a_part_raises_comes_with_its_own_line():
    def part(request):
        return request[9999]

    report = both_ways("0.71", part)
    assert report.cause == "raised"
    text = repr(report)
    assert "IndexError: index out of range" in text and "return request[9999]" in text


def test_what_a_part_returns_that_cannot_be_used_is_told_without_a_line():
    report = both_ways("0.71", lambda request: "pong")
    assert "the part echo_reply returned 'pong' (str): it has to return bytes or None" in repr(report)
    assert "in line" not in repr(report)


def listened(student, n):
    """The student's application counts the echo requests that reach b until one second has passed in silence."""
    sim, a, b, _ = two_hosts()
    counted, _ = sim.run(collect(student(b)), ping(a, "10.0.0.2", count=n, interval=0.1)), sim.now
    return "fine" if counted == [n, True] else counted


async def collect(coroutine):
    started = await now()
    count = await coroutine
    return [count, await now() - started > 0]


scenario("0.72", listened, inputs=(st.integers(1, 3),))


async def counts(host):
    socket = host.socket("raw", protocol=ICMP)
    count = 0
    while await readable(socket, 1.0):
        when, packet = socket.receive()
        assert isinstance(packet, IPv4Packet) and when <= await now()
        count += packet.payload[0] == 8
    socket.close()
    await sleep(0.5)
    return count


async def sends_itself(host):
    raw = host.socket("raw", protocol=99)
    raw.send(IPv4Packet(destination=packet_to("10.0.0.1")), await now())
    return await counts(host)


def packet_to(address):
    from netlib.wire.address import IPv4Address

    return IPv4Address(address)


async def peeks(host):
    return host.internet.routes


async def breaks_in(host):
    return host.socket.__globals__


async def waits_for_ever(host):
    while True:
        await sleep(0)


async def waits_for_nothing(host):
    await readable(7, 1.0)


async def waits_for_not_a_number(host):
    await Request(None, float("nan"))


def no_coroutine(host):
    return 3


def test_a_coroutine_waits_in_the_simulation():
    assert both_ways("0.72", counts).ok
    assert both_ways("0.72", sends_itself).ok


@pytest.mark.parametrize(
    "answer, said",
    [
        (peeks, "AttributeError: Host has no 'internet' for an exercise's answer"),
        (breaks_in, "AttributeError"),
        (waits_for_nothing, "answered with something that the check cannot read"),
        (waits_for_not_a_number, "answered with something that the check cannot read"),
        (no_coroutine, "TypeError"),
    ],
)
def test_a_coroutine_gets_no_more_than_was_lent(answer, said):
    report = check("0.72", answer)
    assert report.status == "failed" and said in repr(report)


def test_an_endless_conversation_comes_to_an_end(monkeypatch):
    monkeypatch.setattr(remote, "EXCHANGES", 500)
    report = check("0.72", waits_for_ever)
    assert report.cause == "hung"
    assert "was called 500 times without coming to an end" in report.message


# ---- objects, functions that are lent, what is caught --------------------------------------------------------------


def used(student, n):
    made = student(n)
    made.limit = n + 1
    added = [made.add(item) for item in range(n)]
    assert callable(made.add) and not callable(made.limit)
    try:
        made.fail()
    except ValueError as error:
        added.append(str(error))
    inner = made.inner()
    return [added, made.limit, len(made), list(made), inner.double(n), made.calls(lambda x: x + 1), made.give(inner)]


class Right:
    def __init__(self, n):
        self.items = []

    def add(self, item):
        self.items.append(item)
        return len(self.items)

    def fail(self):
        class Own(ValueError):
            pass

        raise Own("as asked")

    def inner(self):
        class Inner:
            def double(self, n):
                return 2 * n

        self.made = Inner()
        return self.made

    def calls(self, function):
        return [function(1), function(x=2)]

    def give(self, inner):
        return inner is self.made

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        return iter(self.items)


scenario("0.73", used, reference=Right, judge=None)


class AsRight(Right):
    pass


class Offended(Right):
    def fail(self):
        raise KeyError("something else")


class NotYet(Right):
    def inner(self):
        raise NotImplementedYet("0.73 f")


def test_an_object_is_used_as_if_it_were_here():
    report = examine(exercise("0.73"), None, CHECK_SEED, starter=Announcing("0.73", AsRight))
    assert report.ok, report


@pytest.mark.parametrize("answer, status, said", [(Offended, "failed", "KeyError"), (NotYet, "waiting", "waiting")])
def test_exceptions_are_what_they_were(answer, status, said):
    report = examine(exercise("0.73"), None, CHECK_SEED, starter=Announcing("0.73", answer))
    assert report.status == status and said in report.message


def swallows(student, n):
    with contextlib.suppress(BaseException):
        student()
    return "fine"


scenario("0.74", swallows)


@pytest.mark.parametrize(
    "answer, cause",
    [
        (lambda: os._exit(3), "died"),
        (lambda: [0] * 300_000, "too large"),
        (lambda: exec("while True: pass"), "hung"),
        (lambda: exec("raise SystemExit"), "raised"),
    ],
)
def test_an_answer_that_ends_the_case_is_not_saved_by_a_scenario_that_catches_everything(answer, cause):
    exercise("0.74").__dict__["call_limit"] = 1.0
    assert check("0.74", answer).cause == cause


def test_the_dice_are_the_same_each_time_and_the_notebooks_are_left_alone():
    def thrown(student, n):
        return [student(), random.random(), student()]

    made = scenario("0.75", thrown, judge=lambda args, out: None if out[0] != out[2] else "the same twice")
    random.seed(5)
    expected = random.random()
    random.seed(5)
    searches = [Search(made, random.random, CHECK_SEED, shrink=False) for _ in range(2)]
    outcomes = []
    for search in searches:
        search.run()
        outcomes.append([outcome.value for outcome in search.observed.values()])
    assert outcomes[0] == outcomes[1]
    assert random.random() == expected


class OwnWay(Exercise):
    def attempt(self, student, case):
        assert os.getpid() == HERE
        return student(*case) + 1


def test_an_exercise_that_carries_out_cases_in_its_own_way_does_so_here():
    register(OwnWay(number="0.76", name="f", points=1, judge=lambda a, out: None if out == 1 else "no", pinned=[()]))
    assert both_ways("0.76", lambda: 0).ok
    assert not both_ways("0.76", lambda: 7).ok


def test_printed_output_of_all_calls_is_shown():
    def talkative(request):
        print("asked", len(request))
        return None

    assert "asked 8" in repr(both_ways("0.71", talkative))


def test_without_fork_a_scenario_runs_in_this_process(monkeypatch):
    monkeypatch.delattr(os, "fork")
    assert check("0.71", echo).ok
    assert not check("0.71", lambda request: None).ok
