"""Exercise 1.1: how long a page of many calls takes, from its round trips and its bytes."""

import math
from typing import Any

from hypothesis import strategies as st

from netlib.grading import Exercise, Mistake

DESIGNS = ("reconnect", "chatty", "pipelined", "batched")


def round_trips(design: str, calls: int, handshake: int) -> int:
    if design not in DESIGNS:
        raise ValueError(f"{design!r} is none of {', '.join(DESIGNS)}")
    if calls == 0:
        return 0
    if design == "reconnect":
        return calls * (handshake + 1)
    return handshake + (calls if design == "chatty" else 1)


def round_trip_cost(design: str, calls: int, rtt: float, handshake: int, size: int, rate: float) -> float:
    return round_trips(design, calls, handshake) * rtt + 8 * calls * size / rate


def close(expected: Any, got: Any) -> bool:
    return isinstance(got, int | float) and not isinstance(got, bool) and math.isclose(expected, got, rel_tol=1e-6)


def variant(trips: Any = None, bits: int = 8, all_calls: bool = True) -> Any:
    """A wrong answer that counts round trips, or bits, in its own way."""

    def wrong(design: str, calls: int, rtt: float, handshake: int, size: int, rate: float) -> float:
        number = (trips or round_trips)(design, calls, handshake)
        return float(number * rtt + bits * (calls if all_calls else bool(calls)) * size / rate)

    return wrong


def no_handshake(design: str, calls: int, handshake: int) -> int:
    return round_trips(design, calls, 0)


def one_connection(design: str, calls: int, handshake: int) -> int:
    return round_trips("chatty" if design == "reconnect" else design, calls, handshake)


def eager(design: str, calls: int, handshake: int) -> int:
    return round_trips(design, calls, handshake) if calls else round_trips(design, 1, handshake) - 1


def handshake_alone(design: str, calls: int, handshake: int) -> int:
    return round_trips(design, calls, handshake) if design != "reconnect" else calls * handshake


def pipelined_waits(design: str, calls: int, handshake: int) -> int:
    return round_trips("chatty" if design == "pipelined" else design, calls, handshake)


def half_trips(design: str, calls: int, handshake: int) -> float:
    return round_trips(design, calls, handshake) / 2


def why(args: Any) -> str:
    design, calls, rtt, handshake, size, rate = args
    if design not in DESIGNS:
        return f"{design!r} is no design that this function knows: ValueError."
    if not calls:
        return "No calls: nobody connects, and nothing is sent."
    trips, plural = round_trips(design, calls, handshake), "" if calls == 1 else "s"
    told = {
        "reconnect": f"{calls} times {handshake} to connect and 1 to ask",
        "chatty": f"{handshake} to connect, then 1 for each of {calls} call{plural}",
        "pipelined": f"{handshake} to connect, then 1 for all {calls} call{plural} together",
        "batched": f"{handshake} to connect, then 1 for all {calls} call{plural} together",
    }[design]
    waits = f"{trips} round trip{'' if trips == 1 else 's'} of {rtt:g} s ({told}), so {trips * rtt:g} s"
    bytes_ = f"{calls} x {size} bytes of 8 bits at {rate / 1e6:g} Mbit/s, so {8 * calls * size / rate:g} s"
    return f"Waiting: {waits}. Bytes: {bytes_}."


ROUND_TRIP_COST = Exercise(
    number="1.1",
    name="round_trip_cost",
    points=2,
    summary="How long a page of many calls takes.",
    signature="round_trip_cost(design: str, calls: int, rtt: float, handshake: int, size: int, rate: float) -> float",
    rfc="RFC 9293 section 3.5 for TCP's handshake",
    reference=round_trip_cost,
    equal=close,
    inputs=st.tuples(
        st.sampled_from(DESIGNS),
        st.one_of(st.integers(0, 9), st.integers(0, 60)),
        st.sampled_from([0.05, 0.08, 0.0001, 0.25]),
        st.integers(0, 3),
        st.integers(0, 20_000),
        st.sampled_from([1e6, 1e7, 1e9]),
    ),
    pinned={
        "two calls, one after the other": ("chatty", 2, 0.05, 1, 0, 1e7),
        "twenty of them": ("chatty", 20, 0.05, 1, 0, 1e7),
        "a new connection for each call": ("reconnect", 20, 0.05, 1, 0, 1e7),
        "all sent before the first answer": ("pipelined", 20, 0.05, 1, 0, 1e7),
        "all in one message": ("batched", 20, 0.05, 1, 0, 1e7),
        "no connection to set up: UDP": ("chatty", 20, 0.05, 0, 0, 1e7),
        "TCP and TLS 1.3: two round trips to connect": ("reconnect", 3, 0.05, 2, 0, 1e7),
        "nothing but bytes": ("batched", 20, 0.0, 1, 1250, 1e7),
        "one call": ("pipelined", 1, 0.08, 1, 500, 1e6),
        "no calls": ("chatty", 0, 0.05, 1, 500, 1e7),
        "no calls, each on a connection of its own": ("reconnect", 0, 0.05, 1, 500, 1e7),
        "a design that nobody knows": ("magic", 20, 0.05, 1, 500, 1e7),
        "nearly the name of one": ("Chatty", 20, 0.05, 1, 500, 1e7),
    },
    mistakes=[
        Mistake("It looks as if bytes are divided by bits per second: a byte has 8 bits.", variant(bits=1)),
        Mistake("It looks as if connecting costs nothing: it takes `handshake` round trips.", variant(no_handshake)),
        Mistake("It looks as if there is one connection only: \"reconnect\" connects for each call.",
                variant(one_connection)),
        Mistake("It looks as if a call on a new connection costs the handshake only: the call is a round trip, too.",
                variant(handshake_alone)),
        Mistake("It looks as if a pipelined call waits for the answer to the one before: it does not.",
                variant(pipelined_waits)),
        Mistake("It looks as if a connection is made although there are no calls.", variant(eager)),
        Mistake("It looks as if a round trip is counted as half of `rtt`: rtt is there and back.",
                variant(half_trips)),
        Mistake("It looks as if the bytes of one call only are counted: `size` is for each call.",
                variant(all_calls=False)),
    ],
    why=why,
)  # fmt: skip
