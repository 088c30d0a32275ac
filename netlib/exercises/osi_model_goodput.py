"""Exercise 2.1: how much of what is on the cable is the application's own."""

import math
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.osi_model_layers import ON_THE_CABLE, RECORD, SEALING, SMALLEST, goodput
from netlib.grading import Exercise, Mistake


def goodput_by(size: int, mtu: int = 1500, tls: bool = True, timestamps: bool = False, *, around: int = ON_THE_CABLE,
               padded: int = SMALLEST, once: bool = False, each: bool = False, options: int = 12,
               within: int = 0, top: bool = True, inverse: bool = False) -> float:  # fmt: skip
    """The ways to get it wrong, by keyword."""
    if size < 0 or mtu < 68:
        raise ValueError
    headers = 40 + (options if timestamps else 0) + within
    room: int = mtu - headers - (SEALING if each and tls else 0)
    records = min(size, 1) if once else -(-size // RECORD)
    stream = size + SEALING * records if tls and not each else size
    total = 0
    while stream > 0:
        segment = min(stream, room)
        packet = headers - within + segment + (SEALING if each and tls else 0)
        total += max(packet, padded) + around
        stream -= segment
    if not total:
        return 0.0
    return total / size if inverse else (size if top else size + SEALING) / total


def why(args: Any) -> str:
    given: tuple[Any, ...] = args
    size, mtu, tls, timestamps = given + (1500, True, False)[len(given) - 1 :]
    if size < 0 or mtu < 68:
        return "A size can't be below 0, and no link carries less than 68 bytes (RFC 791 section 3.2)."
    if not size:
        return "Nothing is sent, so nothing of it is yours: 0.0."
    stream = size + SEALING * -(-size // RECORD) if tls else size
    room = mtu - (52 if timestamps else 40)
    number = -(-stream // room)
    records = f"{-(-size // RECORD)} record(s) of TLS, so {stream} bytes for TCP; " if tls else ""
    return f"{records}{number} segment(s) of at most {room} bytes; {size / goodput(*args):.0f} bytes on the cable."


def close(expected: Any, got: Any) -> bool:
    return isinstance(got, int | float) and not isinstance(got, bool) and math.isclose(expected, got, rel_tol=1e-9)


sizes = st.one_of(
    st.integers(0, 60), st.integers(0, 5000), st.integers(16300, 16500), st.integers(30000, 70000),
    st.sampled_from([1416, 1426, 1438, 1448, 1460, 2920]),
)  # fmt: skip

GOODPUT = Exercise(
    number="2.1",
    name="goodput",
    points=2,
    summary="The share of the bytes on the cable that is the application's own.",
    signature="goodput(size: int, mtu: int = 1500, tls: bool = True, timestamps: bool = False) -> float",
    rfc="RFC 8446 section 5.2; RFC 9293 section 3.1; IEEE 802.3",
    reference=goodput,
    equal=close,
    inputs=st.one_of(
        st.tuples(sizes, st.sampled_from([1500, 1500, 1500, 1280, 9000, 576, 68]), st.booleans(), st.booleans()),
        st.tuples(st.integers(-3, 3), st.sampled_from([1500, 68, 67, 0]), st.booleans(), st.booleans()),
    ),
    pinned={
        "one letter": (1,),
        "nothing": (0,),
        "one letter, without TLS: the frame is padded": (1, 1500, False),
        "a full segment": (1460, 1500, False),
        "one byte more than a full segment": (1461, 1500, False),
        "a full segment with timestamps": (1448, 1500, False, True),
        "a record that just fits one segment": (1438,),
        "a record that just does not": (1439,),
        "one full record": (16384,),
        "one byte more than a record": (16385,),
        "jumbo frames": (100_000, 9000, False),
        "a size below 0": (-1,),
        "an MTU that no link has": (100, 67),
    },
    mistakes=[
        Mistake("It looks as if the MTU is taken for the size of the whole frame: it is that of the IP packet in it.",
                lambda *args: goodput_by(*args, within=14)),
        Mistake("It looks as if only the 14 bytes of the Ethernet header are added: a frame takes 38 on the cable.",
                lambda *args: goodput_by(*args, around=14)),
        Mistake("It looks as if preamble and gap are left out: 8 and 12 bytes in which nothing else can be sent.",
                lambda *args: goodput_by(*args, around=18)),
        Mistake("It looks as if the padding is missing: a packet of less than 46 bytes is filled up to 46.",
                lambda *args: goodput_by(*args, padded=0)),
        Mistake("It looks as if every segment got a TLS record of its own: a record may lie in a dozen segments.",
                lambda *args: goodput_by(*args, each=True)),
        Mistake("It looks as if there is one TLS record however much there is: it holds 16384 bytes of data at most.",
                lambda *args: goodput_by(*args, once=True)),
        Mistake("It looks as if the timestamps are left out: 12 bytes more of TCP header in each segment.",
                lambda *args: goodput_by(*args, options=0)),
        Mistake("It looks as if TLS's own bytes count as the application's.",
                lambda *args: goodput_by(*args, top=False)),
        Mistake("It looks as if the fraction stands on its head: your bytes by all bytes.",
                lambda *args: goodput_by(*args, inverse=True)),
        Mistake("It looks as if nothing to send is divided by nothing: for a size of 0 return 0.0.",
                when=lambda args, expected, got: getattr(got, "name", "") == "ZeroDivisionError"),
    ],
    without=("netlib.exercises.osi_model_layers",),
    why=why,
)  # fmt: skip
