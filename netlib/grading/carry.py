"""How a case is carried out where the student's code is: nothing here knows what is right.

    "call"      the answer is a function, the case a tuple of arguments
    "steps"     the answer is a class, the case a list of steps; the result says of each what it returned or raised
    "remote"    the author's code on the other side uses the answer (see `serve`)
    "remote objects"    the same, for an answer that is called to make an object

`carrier(kind, guard, answer)` makes the function that takes a case and gives its result.  It is used in a fork of the
notebook's kernel and in the grader's sandbox alike; there, the kind is all that is known of the exercise.
"""

from collections.abc import Callable
from typing import Any, Literal

from netlib.grading.guard import Guard
from netlib.grading.outcome import raised_part
from netlib.grading.serve import Server
from netlib.grading.signals import NotImplementedYet

Kind = Literal["call", "steps", "remote", "remote objects"]
TakeStep = Callable[[Any, str, list[Any]], Any]


def carrier(kind: Kind, guard: Guard, answer: Any) -> Callable[[Any], Any]:
    """What carries out a case on `answer`, with calls noticed while it is active."""
    if kind == "steps":
        make = guard.factory(answer)
        return lambda steps: take_steps(make, steps)
    if kind.startswith("remote"):
        return Server(guard, answer, objects=kind == "remote objects")
    function = guard.wrap(answer)
    return lambda args: function(*args)


def take_step(made: Any, method: str, args: list[Any]) -> Any:
    """What one step gives: a method called, or an attribute read."""
    thing = getattr(made, method)
    return thing(*args) if callable(thing) else thing


def take_steps(make: Callable[..., Any], steps: Any, take: TakeStep = take_step) -> list[list[Any]]:
    """One entry for each step: ["returned", value], or ["raised", description]."""
    log: list[list[Any]] = []
    made: Any = None
    for number, (method, *args) in enumerate(steps):
        try:
            if number == 0:
                made = make(*args) if method == "new" else make()
            if method == "new":
                log.append(["returned", None])
                continue
            log.append(["returned", take(made, method, args)])
        except NotImplementedYet:
            raise
        except Exception as error:
            log.append(["raised", raised_part(error)])
            if made is None:
                break
    return log
