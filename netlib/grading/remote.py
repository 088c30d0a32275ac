"""The trusted side of a conversation: the author's code runs here, with a student's answer that is elsewhere.

`Scenario.run`, or a step that a `StatefulExercise` takes in its own way, gets a function or a maker of objects that
behaves as the answer does, and each call of which is carried out in the student's process (see `serve`).  Plain data
is copied.  The student's own objects stay where they are: here is a `RemoteObject`, whose methods are called there.
Coroutines run there up to what they wait for, and that is awaited here.

What the author's code lends to the answer stays here.  A class is lent by the names of what may be used of it:
`netlib.host.Host` and its sockets always, others by the exercise's `lends`; functions may be called.  Everything else
is copied, so it has to be data.

The student's process may ask for nothing but that, has a bounded number of questions and calls in a case, and the time
of one case in all.  When it breaks a rule, the case is over, whatever the author's code makes of it.
"""

import builtins
import functools
import importlib
import io
import math
import pickle
import random
import sys
import time
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from netlib.grading.child import ANSWER, BEGIN, GO_ON, WALL
from netlib.grading.outcome import (
    MAX_CALLED,
    PRINTED_SHOWN,
    UNREADABLE,
    Outcome,
    Raised,
    RemoteRaised,
    outcome_of,
    raised_part,
    read_raised,
)
from netlib.grading.pickling import Pickler, dumps
from netlib.grading.plain import MAX_NAME, SHOWN, Decoder, Opaque, TooLarge, clean, plain
from netlib.grading.sandbox import Broken, Sandbox
from netlib.worlds.task import Request

if TYPE_CHECKING:
    from netlib.grading.exercise import Exercise

EXCHANGES = 20_000  # calls and questions in one case
RECEIVED = 32_000_000  # bytes from the student's process in one case
DEPTH = 10  # calls inside questions inside calls
LENDS: Mapping[str, Sequence[str]] = {
    "netlib.host.Host": ("name", "socket"),
    "netlib.host.RawSocket": ("protocol", "readable", "send", "receive", "close"),
    "netlib.kernel.sockets.DatagramSocket": (
        *("bind", "connect", "send", "send_to", "receive", "readable", "error", "address", "peer", "close"),
    ),
}
PRIVATE = (StopIteration, StopAsyncIteration, GeneratorExit, BaseExceptionGroup)


class Over(BaseException):
    """The case is over; its outcome is in the conversation.  Goes through the author's code."""


def carry_out(exercise: "Exercise", sandbox: Sandbox, case: bytes) -> Outcome:
    """The outcome of a pickled case, with the author's code on this side."""
    talk = Conversation(sandbox, exercise.lends)
    dice = random.getstate()
    random.seed(0)  # as in the student's process
    try:
        talk.exchange(BEGIN, ("begin",))
        outcome = Outcome("returned", plain(exercise.attempt(talk.answer, pickle.loads(case))))
    except Over:
        outcome = Outcome("died", message=UNREADABLE)  # replaced by what it was
    except RemoteRaised as error:
        outcome = Outcome("raised", raised=error.raised)
    except TooLarge as error:
        outcome = Outcome("too large", message=f"led to a value that {error}")
    except Exception as error:  # the author's code trips over what it was given
        outcome = Outcome("raised", raised=without_place(error))
    finally:
        random.setstate(dice)
    outcome = talk.over or outcome
    outcome.printed, outcome.printed_more = talk.printed[:PRINTED_SHOWN], talk.printed_more
    outcome.called = tuple(talk.called[:MAX_CALLED])
    return outcome


def without_place(error: Exception) -> Raised:
    """An exception of this side: its line is none of the student's."""
    return read_raised(raised_part(error) | {"line": None, "source": ""})


class Conversation:
    """The messages of one case.  `answer` is what stands for the student's."""

    def __init__(self, sandbox: Sandbox, lends: Mapping[str, Sequence[str]]) -> None:
        self.sandbox = sandbox
        self.lends = {named(path): tuple(names) for path, names in {**LENDS, **lends}.items()}
        self.lent: dict[int, Any] = {}
        self.over: Outcome | None = None
        self.exchanges = self.depth = 0
        self.received_before = sandbox.received
        self.waited = 0.0  # seconds for the student's process
        self.printed, self.printed_more = "", False
        self.called: list[str] = []

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        return self.do("call", args, kwargs)

    def do(self, *message: Any) -> Any:
        """What the student's process returned; RemoteRaised for what it raised; Over when that was its last word."""
        outcome = self.exchange(GO_ON, message)
        if outcome.kind == "returned":
            return outcome.value
        if outcome.kind == "raised" and outcome.raised and "builtins.Exception" in outcome.raised.names:
            raise error_like(outcome.raised)
        raise self.ended(outcome)

    def ended(self, outcome: Outcome) -> Over:
        self.over = self.over or outcome
        return Over()

    def exchange(self, kind: bytes, message: Any) -> Outcome:
        """Send one message, answer what the other side asks meanwhile, and give the outcome.  Raises Over."""
        data = kind + self.pickled(message)
        while True:
            if self.over:
                raise Over
            self.exchanges += 1
            if self.exchanges > EXCHANGES:
                raise self.ended(Outcome("hung", message=f"was called {EXCHANGES:,} times without coming to an end"))
            answer = self.one_exchange(data)
            if self.sandbox.received - self.received_before > RECEIVED:
                raise self.ended(Outcome("too large", message=f"returned more than {RECEIVED // 1_000_000} MB in all"))
            if answer.get("kind") != "asks":
                outcome: Outcome = self.read(self.outcome, answer)
                if outcome.kind == "waiting" or self.called:
                    raise self.ended(outcome)
                return outcome
            question = self.read(self.question, answer)
            if self.depth >= DEPTH:
                raise self.ended(Outcome("hung", message="called itself again and again, through what it was given"))
            self.depth += 1
            data = ANSWER + self.reply(*question)
            self.depth -= 1

    def one_exchange(self, data: bytes) -> dict[str, Any]:
        started = time.monotonic()
        left = WALL * self.sandbox.call_limit - self.waited
        if left <= 0:  # each of its answers came within the grace for one
            self.sandbox.close()
            raise self.ended(self.sandbox.overdue())
        try:
            return self.sandbox.exchange(data, patience=left)
        except Broken as broken:
            raise self.ended(broken.outcome) from None
        finally:
            self.waited += time.monotonic() - started

    def read(self, read: Callable[..., Any], *message: Any) -> Any:
        """What `read` makes of a message of the other side's; nonsense is its last word."""
        try:
            return read(*message)
        except Exception:
            self.sandbox.close()
            raise self.ended(Outcome("died", message=UNREADABLE)) from None

    def outcome(self, answer: dict[str, Any]) -> Outcome:
        outcome = outcome_of(answer, Reader(self))
        self.hear(outcome)
        return outcome

    def hear(self, outcome: Outcome) -> None:
        """Collect what was printed and what was called that the exercise asks for."""
        self.printed_more |= outcome.printed_more or len(self.printed) + len(outcome.printed) > PRINTED_SHOWN
        self.printed = (self.printed + outcome.printed)[:PRINTED_SHOWN]
        self.called += outcome.called

    # ---- what the student's process asks ---------------------------------------------------------------------------

    def question(self, asked: dict[str, Any]) -> tuple[Any, str, str, list[Any]]:
        """The object, the name, "get" or "call", and the arguments.  Raises for what is no question."""
        self.hear(
            outcome_of({"kind": "too large"} | {key: asked[key] for key in ("printed", "printed_more", "called")})
        )
        args, kwargs = Reader(self).decode(asked["args"])
        if asked["what"] not in ("get", "call") or not isinstance(args, tuple) or not isinstance(kwargs, dict):
            raise ValueError("no question")
        return self.lent[asked["of"]], str(asked["name"]), asked["what"], [args, kwargs]

    def reply(self, thing: Any, name: str, what: str, arguments: list[Any]) -> bytes:
        """The pickled reply: (True, value), or (False, exception)."""
        args, kwargs = arguments
        if self.called:
            raise self.ended(Outcome("returned"))
        try:
            if name == "__call__":
                if not isinstance(thing, (FunctionType, MethodType, functools.partial)):
                    raise TypeError(f"a {type(thing).__name__} can't be called")
                return self.pickled((True, thing(*args, **kwargs)))
            if name not in self.names(thing):
                raise AttributeError(f"{type(thing).__name__} has no {name!r:.80} for an exercise's answer")
            value = getattr(thing, name)
            return self.pickled((True, value(*args, **kwargs) if what == "call" else value))
        except RemoteRaised as error:
            return dumps((False, RuntimeError(str(error))))
        except Exception as error:
            return pickled_error(error)

    def names(self, thing: Any) -> tuple[str, ...]:
        return next((self.lends[kind] for kind in type(thing).__mro__ if kind in self.lends), ())

    def pickled(self, value: Any) -> bytes:
        stream = io.BytesIO()
        Writer(self, stream).dump(value)
        return stream.getvalue()


def pickled_error(error: Exception) -> bytes:
    """An exception for the student's code, as itself if it can be copied."""
    try:
        data = dumps((False, error))
        pickle.loads(data)
        return data
    except Exception:
        return dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))


class Writer(Pickler):
    """Writes messages: what is lent, and the student's own objects, by their numbers."""

    def __init__(self, talk: Conversation, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.talk = talk

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, RemoteObject):
            return "yours", object.__getattribute__(value, "_number"), ()
        names = self.talk.names(value)
        if not names and not isinstance(value, (FunctionType, MethodType)):
            return None
        self.talk.lent[id(value)] = value
        methods = tuple(name for name in names if callable(getattr(type(value), name, None)))
        return "lent", id(value), methods


class Reader(Decoder):
    """Reads values of the other side's; its objects become RemoteObjects, what is lent becomes itself again."""

    def __init__(self, talk: Conversation) -> None:
        super().__init__()
        self.talk = talk

    def other(self, data: dict[str, Any]) -> Any:
        if "p" in data:
            return self.talk.lent[data["p"]]
        if "m" in data:
            return METHOD
        if "e" in data:
            return Ended(self.decode(data["e"]))
        if "h" in data:
            kind = {"coroutine": RemoteCoroutine, "function": RemoteFunction, "object": RemoteObject}[data["is"]]
            if type(data["h"]) is not int:
                raise ValueError("not an encoded value")
            told = clean(str(data["class"]), MAX_NAME), clean(str(data["o"]), SHOWN)
            return kind(self.talk, data["h"], *told)
        return super().other(data)


METHOD = object()


class Ended:
    """The result of a coroutine of the student's."""

    def __init__(self, value: Any) -> None:
        self.value = value


class RemoteObject(Opaque):
    """An object of the student's.  What it is to be used for happens in the student's process."""

    __slots__ = ("_methods", "_number", "_talk")

    def __init__(self, talk: Conversation, number: int, class_name: str, text: str) -> None:
        for name, value in (
            ("_talk", talk), ("_number", number), ("_methods", {}), ("_class_name", class_name), ("_text", text)
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in RemoteObject.__slots__:
            raise AttributeError(name)
        if name not in self._methods:
            value = self._talk.do("get", self._number, name)
            if value is not METHOD:
                return value
            self._methods[name] = functools.partial(self._call, name)
        return self._methods[name]

    def _call(self, method: str, /, *args: Any, **kwargs: Any) -> Any:
        return self._talk.do("method", self._number, method, args, kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        self._talk.do("set", self._number, name, value)

    def __len__(self) -> int:
        length = self._talk.do("len", self._number)
        return length if type(length) is int and 0 <= length < sys.maxsize else 0

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        items = self._talk.do("list", self._number)
        return iter(items if isinstance(items, list) else [])

    def __contains__(self, item: Any) -> bool:
        return self._talk.do("contains", self._number, item) is True

    def __getitem__(self, key: Any) -> Any:
        return self._talk.do("item", self._number, key)


class RemoteFunction(RemoteObject):
    """An object of the student's that can be called."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._talk.do("object", self._number, args, kwargs)


class RemoteCoroutine(RemoteObject, Coroutine[Any, Any, Any]):
    """A coroutine of the student's: what it waits for is awaited here."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)  # asyncio looks for cr_code and the like

    def send(self, value: Any) -> Any:
        wanted = self._talk.do("resume", self._number, value)
        if isinstance(wanted, Ended):
            raise StopIteration(wanted.value)
        if wanted is None:  # a bare pause
            return None
        return self._talk.read(request, *wanted)

    def throw(self, kind: Any, value: Any = None, trace: Any = None) -> Any:
        self.close()
        raise kind if value is None else value

    def close(self) -> None:
        if not self._talk.over:
            self._talk.do("close", self._number)

    def __await__(self) -> Generator[Any, Any, Any]:
        answer = None
        while True:
            try:
                wanted = self.send(answer)
            except StopIteration as stop:
                return stop.value
            answer = yield wanted


def request(socket: Any, timeout: Any) -> Request:
    """What a coroutine waits for, if it is something that can be waited for."""
    if timeout is not None and not (type(timeout) in (int, float) and math.isfinite(timeout) and timeout >= 0):
        raise ValueError("no time-out")
    if socket is not None and not hasattr(type(socket), "readable"):
        raise ValueError("no socket")
    return Request(socket, timeout)


@functools.cache
def known_error(name: str) -> type[Exception] | None:
    """Python's own exception of that name, or netlib's if it is loaded."""
    module, _, kind = name.rpartition(".")
    home = builtins if module == "builtins" else sys.modules.get(module) if module.startswith("netlib.") else None
    found = getattr(home, kind, None)
    if not isinstance(found, type) or not issubclass(found, Exception) or issubclass(found, PRIVATE):
        return None
    return found


LIKE: dict[type[Exception], type[RemoteRaised]] = {Exception: RemoteRaised}


def error_like(raised: Raised) -> RemoteRaised:
    """The student's exception as one of this side's, which is caught by the same names."""
    known = next((kind for name in raised.names if (kind := known_error(name))), Exception)
    if known not in LIKE:
        LIKE[known] = type(known.__name__, (RemoteRaised, known), {})
    return LIKE[known](raised)


@functools.cache
def named(path: str) -> type:
    module, _, name = path.rpartition(".")
    found: type = getattr(importlib.import_module(module), name)
    return found
