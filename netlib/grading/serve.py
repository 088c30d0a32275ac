"""The child's side of a conversation: author's code on the other side uses the student's answer as if it were there.

    other side   ("call", args, kwargs), ("method", number, name, args, kwargs), ("resume", number, value), ...
    this side    what that returned: plain data is copied, anything else stays here and is known by its number

What the author's code lends to the answer (a Host, a socket, a function) is there only in name: a `Lent`, whose
methods are asked of the other side.  Messages from there are pickles; what goes there is JSON (see `plain`).
"""

import inspect
import io
import pickle
import sys
from collections.abc import Callable
from typing import Any

from netlib.grading.guard import Guard, GuardedObject
from netlib.grading.plain import MAX_NAME, Encoder, describe

KEPT = 10_000  # objects of the student's that the other side may know


class Lent:
    """Stands for an object of the other side's: its public methods and attributes, as far as they are lent."""

    __slots__ = ("_ask", "_methods", "_number")

    def __init__(self, ask: Callable[..., Any], number: int, methods: tuple[str, ...]) -> None:
        self._ask = ask
        self._number = number
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._methods:
            return lambda *args, **kwargs: self._ask(self._number, name, "call", args, kwargs)
        return self._ask(self._number, name, "get", (), {})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(self._number, "__call__", "call", args, kwargs)


class Server:
    """Carries out messages of the other side; `objects`: the answer makes objects (a class does so anyway)."""

    def __init__(self, guard: Guard, answer: Any, objects: bool) -> None:
        self.guard = guard
        makes = objects or inspect.isclass(answer)
        self.answer = guard.factory(answer) if makes else guard.wrap(answer)
        self.ask: Callable[[dict[str, Any]], bytes] | None = None
        self.begin()

    def connect(self, ask: Callable[[dict[str, Any]], bytes]) -> None:
        self.ask = ask

    def begin(self) -> None:
        """A new case: forget the objects of the last one."""
        self.objects: dict[int, Any] = {}
        self.lent: dict[int, Lent] = {}

    # ---- values ----------------------------------------------------------------------------------------------------

    def read(self, message: bytes) -> Any:
        if message[:1] == b"<":
            self.begin()
        return Unpickler(self, message[1:]).load()

    def write(self, value: Any) -> Any:
        return Writer(self).encode(value)

    def keep(self, value: Any) -> int:
        """The number by which the other side knows an object of this side."""
        number = id(value)
        if number not in self.objects and len(self.objects) >= KEPT:
            raise MemoryError(f"more than {KEPT:,} objects")
        self.objects[number] = value
        return number

    def question(self, number: int, name: str, what: str, args: Any, kwargs: Any) -> Any:
        assert self.ask is not None
        data = self.ask({"of": number, "name": name, "what": what, "args": self.write([args, kwargs])})
        fine, value = Unpickler(self, data).load()
        if fine:
            return value
        raise value

    # ---- what the other side asks for ------------------------------------------------------------------------------

    def __call__(self, message: tuple[Any, ...]) -> Any:
        what, *rest = message
        return getattr(self, f"do_{what}")(*rest)

    def do_begin(self) -> None: ...

    def do_call(self, args: Any, kwargs: Any) -> Any:
        return self.answer(*args, **kwargs)

    def do_object(self, number: int, args: Any, kwargs: Any) -> Any:
        return self.guard.wrap(self.objects[number])(*args, **kwargs)

    def do_method(self, number: int, name: str, args: Any, kwargs: Any) -> Any:
        return getattr(self.guarded(number), name)(*args, **kwargs)

    def do_get(self, number: int, name: str) -> Any:
        value = getattr(self.guarded(number), name)
        return Method() if callable(value) and not isinstance(value, Lent) else value

    def do_set(self, number: int, name: str, value: Any) -> None:
        setattr(self.guarded(number), name, value)

    def do_len(self, number: int) -> int:
        return len(self.guarded(number))

    def do_list(self, number: int) -> list[Any]:
        with self.guard:
            return list(iter(self.guarded(number)))

    def do_item(self, number: int, key: Any) -> Any:
        return self.guarded(number)[key]

    def do_contains(self, number: int, key: Any) -> bool:
        return key in self.guarded(number)

    def do_resume(self, number: int, value: Any) -> Any:
        """Let a coroutine go on up to its next request; `Ended` with its result at its end."""
        coroutine = self.objects[number]
        try:
            return self.request(coroutine.send(value))
        except StopIteration as stop:
            return Ended(stop.value)

    def do_close(self, number: int) -> None:
        self.objects[number].close()

    def guarded(self, number: int) -> Any:
        value = self.objects[number]
        return value if isinstance(value, GuardedObject) else GuardedObject(self.guard, value)

    def request(self, wanted: Any) -> Any:
        """What a coroutine waits for: the socket or None, and the time-out; or None, for a bare pause."""
        task = sys.modules.get("netlib.worlds.task")
        if wanted is None or (task is not None and isinstance(wanted, task.Request)):
            return wanted and (wanted.socket, wanted.timeout)
        raise TypeError(f"awaited {describe(wanted):.80}: here only now(), sleep() and readable() work")


class Method:
    """Stands for a method that the other side has asked for by its name."""


class Ended:
    """The result of a coroutine that has come to its end."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Writer(Encoder):
    """Encodes what is no plain data as the number by which it is known."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server

    def other(self, value: Any) -> Any:
        kind = type(value)
        if kind is Method:
            return {"m": 1}
        if kind is Ended:
            return {"e": self.encode(value.value)}
        if kind is Lent:
            return {"p": value._number}
        inner = object.__getattribute__(value, "_object") if kind is GuardedObject else value
        return {
            "h": self.server.keep(value),
            "o": describe(inner),
            "class": type(inner).__qualname__[-MAX_NAME:],
            "is": "coroutine" if inspect.iscoroutine(value) else "function" if callable(inner) else "object",
        }


class Unpickler(pickle.Unpickler):
    """Reads messages; what is lent arrives as a `Lent`, what is the student's own as itself."""

    def __init__(self, server: Server, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.server = server

    def persistent_load(self, known: Any) -> Any:
        whose, number, methods = known
        if whose == "yours":
            value = self.server.objects[number]
            return object.__getattribute__(value, "_object") if isinstance(value, GuardedObject) else value
        if number not in self.server.lent:
            self.server.lent[number] = Lent(self.server.question, number, methods)
        return self.server.lent[number]
