"""What one call of the student's code came to, and how it is told as JSON.

The child writes `raised_part` and friends; the parent reads them with `outcome_of`, and trusts no more than that
they are text and numbers.  An exception crosses as the names of its classes, its message, and the student's own
line: never as an object.
"""

import linecache
import os
import sysconfig
import traceback
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from netlib.grading.plain import Decoder, clean, describe

MAX_BASES = 20  # classes of an exception that are told
MAX_CALLED = 8  # names of what an answer called
PRINTED_SHOWN = 2_000  # characters of printed output that a report shows
UNREADABLE = "answered with something that the check cannot read"
Kind = Literal["returned", "raised", "waiting", "hung", "flood", "died", "too large", "no answer"]
NETLIB = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})


@dataclass(slots=True)
class Raised:
    """An exception of the student's code: its class and base classes ("builtins.ValueError"), and where it left."""

    names: tuple[str, ...]
    message: str = ""
    line: int | None = None
    source: str = ""

    @property
    def name(self) -> str:
        module, _, name = self.names[0].rpartition(".") if self.names else ("", "", "an exception")
        return f"{module}.{name}" if name == "error" else name  # struct.error, socket.error

    def is_a(self, kind: type[BaseException]) -> bool:
        return f"{kind.__module__}.{kind.__qualname__}" in self.names

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name


@dataclass(slots=True)
class Outcome:
    """What one call came to.  `value` is plain data; `line` is one of the student's code, for what hung.

    `before`: no call was made, because this was found while the answer was being prepared.
    """

    kind: Kind
    value: Any = None
    raised: Raised | None = None
    message: str = ""
    line: int | None = None
    source: str = ""
    printed: str = ""
    printed_more: bool = False
    called: tuple[str, ...] = field(default=())
    busy: bool = True  # of what hung: it computed; if not, it waited, or the machine had no time for it
    before: bool = False


class RemoteRaised(Exception):
    """An exception of the student's code, on the side that does not run it (see `remote`)."""

    def __init__(self, raised: Raised) -> None:
        self.args = (raised,)  # of BaseException, whatever class this is derived from: what copies it needs no more
        self.raised = raised

    def __str__(self) -> str:
        return self.raised.message


def raised_part(error: BaseException) -> dict[str, Any]:
    """An exception as JSON data: class names, message, and the student's own line."""
    if isinstance(error, RemoteRaised):
        told = error.raised
        return {"names": list(told.names), "message": told.message, "line": told.line, "source": told.source}
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__ if kind is not object]
    try:
        message = str(error)
    except Exception:
        message = ""
    message = describe(PlainText(message))
    frames = [(item.f_code.co_filename, line) for item, line in traceback.walk_tb(error.__traceback__)]
    line, source = own_line(frames[::-1])
    return {"names": names[:MAX_BASES], "message": message, "line": line, "source": source}


class PlainText(str):
    """Text whose repr is itself, so that `describe` bounds and cleans it."""

    def __repr__(self) -> str:
        return str.__str__(self)


def own_line(frames: list[tuple[str, int]]) -> tuple[int | None, str]:
    """The innermost line, of (file, line) pairs from the inside out, that is neither netlib's nor Python's."""
    for file, line in frames:
        if not file.startswith((NETLIB, *LIBRARIES, "<frozen")):
            return line, linecache.getline(file, line).strip()[:200]
    return None, ""


def outcome_of(answer: dict[str, Any], decoder: Decoder | None = None) -> Outcome:
    """The Outcome that an answer describes; ValueError and the like when it is not one."""
    raised = answer.get("raised")
    kind = answer["kind"]
    if kind not in get_args(Kind) or (kind == "returned") != ("value" in answer) or (kind == "raised" and not raised):
        raise ValueError("no outcome")
    called = [clean(str(name), 200) for name in answer.get("called", ())[:MAX_CALLED]]
    line, source = own_place(answer)
    return Outcome(
        kind=kind,
        value=(decoder or Decoder()).decode(answer["value"]) if "value" in answer else None,
        raised=read_raised(raised) if raised else None,
        message=clean(str(answer.get("message", ""))),
        line=line,
        source=source,
        printed=clean(str(answer.get("printed", "")), PRINTED_SHOWN),
        printed_more=bool(answer.get("printed_more")),
        called=tuple(called),
        busy=bool(answer.get("busy", True)),
    )


def read_raised(data: dict[str, Any]) -> Raised:
    line, source = own_place(data)
    names = tuple(clean(str(name), 200) for name in data["names"][:MAX_BASES])
    return Raised(names, clean(str(data["message"])), line, source)


def own_place(data: dict[str, Any]) -> tuple[int | None, str]:
    """The line of the student's code that an answer names, and its text."""
    line = data.get("line")
    return (line if type(line) is int else None), clean(str(data.get("source", "")), 200)
