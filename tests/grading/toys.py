"""Small exercises with the number 0.x, one of each kind, and nothing of netlib needed to solve them."""

from hypothesis import strategies as st

from netlib.grading import Exercise, Mistake, Scenario, StatefulExercise, register, steps
from netlib.wire.checksum import internet_checksum
from netlib.wire.header import header, u8, u16


def word_sum(data: bytes) -> int:
    """The reference: 16-bit one's complement sum, complemented."""
    total = sum(data[i] << 8 | (data[i + 1] if i + 1 < len(data) else 0) for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def carry_dropped(data: bytes) -> int:
    total = sum(data[i] << 8 | (data[i + 1] if i + 1 < len(data) else 0) for i in range(0, len(data), 2))
    return ~total & 0xFFFF


def not_complemented(data: bytes) -> int:
    return ~word_sum(data) & 0xFFFF


CHECKSUM = Exercise(
    number="0.1",
    name="word_sum",
    points=4,
    summary="The Internet checksum of some bytes.",
    signature="word_sum(data: bytes) -> int",
    rfc="RFC 1071 section 1",
    reference=word_sum,
    inputs=st.tuples(st.binary(max_size=64)),
    pinned={"nothing": (b"",), "all ones": (b"\xff\xff",)},
    mistakes=[
        Mistake("It looks as if carries are dropped; add them back at the bottom.", carry_dropped),
        Mistake("It looks as if the sum is not complemented at the end.", not_complemented),
    ],
    without=("netlib.wire.checksum",),
    call_limit=1.0,
    why=lambda args: f"The {len(args[0])} bytes are summed as 16-bit words, and the sum is complemented.",
)


@header
class Toy:
    """A header of four bytes."""

    kind: u8 = 0
    code: u8 = 0
    checksum: u16 = 0


def build_toy(kind: int, code: int, payload: bytes) -> bytes:
    if len(payload) > 8:
        raise ValueError(f"payload: {len(payload)} bytes, 8 fit")
    head = bytes([kind, code, 0, 0]) + payload
    return bytes([kind, code]) + word_sum(head).to_bytes(2, "big") + payload


BUILD = Exercise(
    number="0.2",
    name="build_toy",
    points=1,
    signature="build_toy(kind: int, code: int, payload: bytes) -> bytes",
    reference=build_toy,
    inputs=st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=10)),
    pinned=[(8, 0, b"")],
    like=Toy,
)


class Counter:
    """The reference of the stateful toy: counts what it is given, at most `limit`."""

    def __init__(self, limit: int = 3) -> None:
        self.limit = limit
        self.held: dict[int, int] = {}

    def add(self, key: int) -> int:
        if key not in self.held and len(self.held) >= self.limit:
            raise ValueError("full")
        self.held[key] = self.held.get(key, 0) + 1
        return self.held[key]

    def expire(self) -> int:
        count = len(self.held)
        self.held.clear()
        return count

    @property
    def size(self) -> int:
        return len(self.held)


COUNTER = StatefulExercise(
    number="0.3",
    name="Counter",
    points=3,
    signature="Counter(limit: int)",
    reference=Counter,
    inputs=steps(
        new=st.tuples(st.integers(1, 3)), add=st.tuples(st.integers(0, 4)), expire=st.just(()), size=st.just(())
    ),
    pinned={"once": [("add", 1)]},
    gloss=lambda step: f"key {step[1]}" if step[0] == "add" else "",
)


def echo_exchange(student, losses):
    """Ask the student's function for replies; some are lost.  What came back, and what was on the wire."""
    captured, replies = [], []
    for number, lost in enumerate(losses):
        request = bytes([8, 0, number])
        reply = student(request)
        captured += [(number * 1.0, request), (number + 0.5, reply)]
        if not lost:
            replies.append(reply)
    return {"replies": replies, "captures": {"h1": captured}, "link": "ip"}


ECHO = Scenario(
    number="0.4",
    name="reply_to",
    points=2,
    run=echo_exchange,
    inputs=st.tuples(st.lists(st.booleans(), max_size=4)),
    pinned=[([False],)],
    properties={
        "there is a reply to each request that arrives": lambda args, out: len(out["replies"]) == args[0].count(False),
        "the reply has type 0": lambda args, out: all(reply[0] == 0 for reply in out["replies"]),
        "the reply keeps the number": lambda args, out: (
            [r[2] for r in out["replies"]] == [n for n, lost in enumerate(args[0]) if not lost]
        ),
    },
    without=("netlib.wire.icmp",),
)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def wrong_cut(args, result):
    data, size = args
    if b"".join(result) != data:
        return "put together, the pieces are not the data"
    too_long = [piece for piece in result if len(piece) > size]
    return f"a piece has {len(too_long[0])} bytes, {size} are allowed" if too_long else None


CUT = Exercise(
    number="0.5",
    name="cut",
    points=2,
    signature="cut(data: bytes, size: int) -> list[bytes]",
    judge=wrong_cut,
    inputs=st.tuples(st.binary(max_size=40), st.integers(1, 9)),
)

register(CHECKSUM, BUILD, COUNTER, ECHO, CUT)

__all__ = ["CHECKSUM", "Counter", "Toy", "build_toy", "carry_dropped", "cut", "internet_checksum", "word_sum"]
