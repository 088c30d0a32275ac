"""Exercise 1.2: messages out of a stream of bytes, each behind its length.  The reference is netlib's own `Frames`."""

from typing import Any

from hypothesis import strategies as st

from netlib.apps.rpc_messages import Frames, frame
from netlib.grading import Mistake, StatefulExercise

LIMIT = 1000
Step = tuple[Any, ...]


def fed(stream: bytes, cuts: list[int], limit: int = LIMIT, end: bool = True) -> list[Step]:
    """The steps that feed a stream, cut at these places.  After what has to be refused, nothing is fed any more."""
    places = sorted({min(cut, len(stream)) for cut in cuts} | {len(stream)})
    steps: list[Step] = [("new", limit)]
    reference = Frames(limit)
    start = 0
    for place in places:
        steps.append(("feed", stream[start:place]))
        start = place
        try:
            reference.feed(steps[-1][1])
        except ValueError:
            return steps
    return [*steps, ("end",)] if end else steps


messages = st.lists(st.one_of(st.binary(max_size=6), st.binary(max_size=6), st.binary(min_size=250, max_size=300)),
                    max_size=4)  # fmt: skip
cuts = st.lists(st.integers(0, 40), max_size=6)
streams = st.builds(lambda parts: b"".join(map(frame, parts)), messages)
spoiled = st.one_of(
    st.builds(lambda stream, rest: stream + rest, streams,
              st.sampled_from([b"\0", b"\0\0\0", b"\0\0\0\1", b"\0\0\0\5ab"])),
    st.builds(lambda stream, length: stream + length.to_bytes(4, "big"), streams,
              st.sampled_from([LIMIT + 1, 65_536, 2**31, 2**32 - 1])),
    st.builds(lambda stream: stream + b"GET / HTTP/1.1\r\n", streams),
)  # fmt: skip

PINNED: dict[str, list[Step]] = {
    "one message in one piece": fed(frame(b"hello"), []),
    "nothing": [("new", LIMIT), ("feed", b""), ("end",)],
    "two messages in one piece": fed(frame(b"one") + frame(b"two"), []),
    "a message in two pieces": fed(frame(b"hello"), [6]),
    "cut inside the length": fed(frame(b"hello"), [2]),
    "cut right behind the length": fed(frame(b"hello"), [4]),
    "one byte at a time": fed(frame(b"ab") + frame(b"c"), list(range(12))),
    "the end of one and the beginning of the next": fed(frame(b"one") + frame(b"two"), [5, 9]),
    "an empty message": fed(frame(b"") + frame(b"x"), []),
    "an empty message at the end": fed(frame(b"x") + frame(b""), []),
    "a length of more than one byte": fed(frame(bytes(range(256)) + b"!"), [100]),
    "as long as may be": fed(frame(b"four"), [], limit=4),
    "one byte too long": fed(b"\0\0\0\5", [], limit=4),
    "too long, told by the length alone": fed(b"\xff\xff\xff\xff", []),
    "good ones before one that is too long": fed(frame(b"one") + b"\0\0\4\0", []),
    "the stream ends inside a message": fed(frame(b"hello")[:-1], []),
    "the stream ends inside a length": fed(b"\0\0", []),
    "the stream ends behind a length": fed(b"\0\0\0\1", []),
}


class OneAtATime(Frames):
    """Gives the first whole message of a piece only, and keeps the rest for the next piece."""

    def feed(self, data: bytes) -> list[bytes]:
        self.rest += data
        length = int.from_bytes(self.rest[:4], "big")
        if len(self.rest) >= 4 and length > self.limit:
            raise ValueError("too long")
        if len(self.rest) < max(4, 4 + length):
            return []
        message = bytes(self.rest[4 : 4 + length])
        del self.rest[: 4 + length]
        return [message]


class Forgetful:
    """Takes each piece for itself."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        return Frames(self.limit).feed(data)

    def end(self) -> None:
        return None


class NoLimit(Frames):
    def __init__(self, limit: int = LIMIT) -> None:
        super().__init__(2**32)


class LimitReached(Frames):
    def __init__(self, limit: int = LIMIT) -> None:
        super().__init__(limit - 1)


class EndsAnyhow(Frames):
    def end(self) -> None:
        return None


class LittleEndian(Frames):
    def feed(self, data: bytes) -> list[bytes]:
        self.rest += data
        found = []
        while len(self.rest) >= 4:
            length = int.from_bytes(self.rest[:4], "little")
            if length > self.limit:
                raise ValueError("too long")
            if len(self.rest) < 4 + length:
                break
            found.append(bytes(self.rest[4 : 4 + length]))
            del self.rest[: 4 + length]
        return found


class NoEmpty(Frames):
    def feed(self, data: bytes) -> list[bytes]:
        return [message for message in super().feed(data) if message]


def why(case: Any) -> str:
    method, *args = case[-1]
    limit = case[0][1]
    whole = b"".join(step[1] for step in case if step[0] == "feed")
    reference = Frames(limit)
    try:
        for step in case[:-1]:
            if step[0] == "feed":
                reference.feed(step[1])
        if method == "end":
            left = len(reference.rest)
            if not left:
                return "No byte is left over."
            place = "a length" if left < 4 else "a message, behind its length,"
            return f"The stream broke off inside {place} with {left} byte{'' if left == 1 else 's'} of the frame there."
        if method == "new":
            return f"No message may be longer than {limit} bytes."
        found = reference.feed(args[0])
    except ValueError:
        return f"A length above the limit of {limit} bytes is refused at once: behind it nothing can be read any more."
    left = len(reference.rest)
    rest = f"; {left} bytes of the next one wait for more" if left else ""
    have = f"Of this stream {len(whole)} byte{'' if len(whole) == 1 else 's'} have come by now."
    return f"{have} This piece completes {len(found) or 'no'} message{'' if len(found) == 1 else 's'}{rest}."


FRAMES = StatefulExercise(
    number="1.2",
    name="Frames",
    points=4,
    summary="Messages out of a stream, however it is cut.",
    signature="Frames(limit: int = 65536)",
    rfc="RFC 5531 section 11",
    reference=Frames,
    inputs=st.one_of(
        st.builds(fed, streams, cuts), st.builds(fed, streams, cuts),
        st.builds(fed, streams, cuts, st.sampled_from([4, 260])), st.builds(fed, spoiled, cuts),
    ),
    pinned=PINNED,
    mistakes=[
        Mistake("It looks as if the stream may end anywhere: inside a frame, be it in its length or in its message, "
                "end() raises ValueError.", EndsAnyhow),
        Mistake("It looks as if each piece is taken for itself: keep what is left over for the next one.", Forgetful),
        Mistake("It looks as if one message is returned at a time: a piece may complete several.", OneAtATime),
        Mistake("It looks as if the length is read with its low byte first: the network sends the high one first.",
                LittleEndian),
        Mistake("It looks as if any length is believed: above `limit`, raise ValueError at once.", NoLimit),
        Mistake("It looks as if a message of exactly `limit` bytes is refused: it may be that long.", LimitReached),
        Mistake("It looks as if empty messages get lost: a length of 0 is a message, too.", NoEmpty),
    ],
    without=("netlib.apps.rpc", "netlib.apps.rpc_messages", "netlib.exercises.client_server_peers"),
    why=why,
)  # fmt: skip
