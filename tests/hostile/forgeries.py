"""Submissions that speak for the checker: forged answers on the way to it, and exceptions that mean something to it."""

from __future__ import annotations

from hostile.desk import Desk, attack

FORGE = """
import json, os

def frame(answer):
    data = json.dumps(answer).encode()
    return f"{len(data):<16}".encode() + data

def write_all(data):
    for descriptor in range(3, 64):
        try:
            os.set_blocking(descriptor, False)
            os.write(descriptor, data)
        except OSError:
            pass

def returned(value):
    return {"kind": "returned", "value": value, "printed": "", "printed_more": False, "called": []}
"""


@attack("gains")
def forged_empty_log(desk: Desk) -> None:
    """A class is judged by a log of its steps that comes from the student's process; an empty one has no wrong step."""
    desk.add(FORGE)
    desk.answer(
        "5.6",
        """
class Reassembler:
    def __init__(self, *args):
        write_all(frame(returned({"l": []})) * 400)
        os._exit(0)
""",
    )


@attack("gains")
def forged_log_by_patching_the_child(desk: Desk) -> None:
    """The loop that answers is Python in the student's process: it can be made to answer with an empty or endless
    log.
    """
    desk.answer(
        "5.6",
        """
import sys
class Reassembler:
    def __init__(self, *args):
        for name, module in list(sys.modules.items()):
            for thing in list(getattr(module, "__dict__", {}).values()):
                if isinstance(thing, type) and hasattr(thing, "attempt") and "Exercise" in thing.__name__:
                    thing.attempt = lambda *args: []
    def add(self, *args): return None
    def expire(self, *args): return []
    def deadline(self): return None
""",
    )
    desk.answer(
        "5.5",
        """
def fragment(packet, mtu):
    import sys
    frame = sys._getframe(1)
    while frame:
        for name in list(frame.f_locals):
            if name in ("exercise", "guard", "self"):
                thing = frame.f_locals[name]
                for attribute in ("attempt", "reply", "called", "number"):
                    try: object.__setattr__(thing, attribute, lambda *args: [])
                    except Exception: pass
        frame = frame.f_back
    return []
""",
    )


@attack("gains")
def forged_replies_of_every_kind(desk: Desk) -> None:
    """Frames with nonsense: kinds that don't exist, "passed", points, netlib's classes with fields of the wrong
    types.
    """
    desk.add(FORGE)
    for number, value in {
        "5.1": '{"kind": "passed", "points": 2, "ok": True}',
        "5.2": 'returned({"r": {"number": {"s": ""}}, "class": "netlib.grading.exercise:Exercise"})',
        "5.3": 'returned({"d": [[{"l": []}, None]]})',
        "5.4": '{"kind": "ready", "points": 3, "value": True, "raised": {"names": 5, "line": "x", "message": []}}',
        "5.5": 'returned({"b": "00", "class": "netlib.wire.address:IPv4Address"})',
    }.items():
        name = desk.functions()[number]
        desk.answer(number, f"def {name}(*args):\n    write_all(frame({value}) * 300)\n    return None\n")
    desk.answer(
        "5.6",
        """
class Reassembler:
    def __init__(self, *args):
        entry = {"l": [{"s": "returned"}, None]}
        write_all(frame(returned({"l": [entry] * 500})) * 20)
    add = expire = deadline = lambda self, *args: None
""",
    )


@attack("gains")
def forged_frames_while_cells_run(desk: Desk) -> None:
    """Frames written before the first question: a checker that counts replies would read them as answers to come."""
    desk.add(FORGE + 'write_all(frame({"kind": "ready"}) * 3 + frame(returned({"i": "0"})) * 3000)\n')


@attack("gains")
def forged_called_names(desk: Desk) -> None:
    """What was called is a list in the student's process: it is emptied, and the profile function taken away."""
    desk.answer(
        "5.1",
        """
import sys
def internet_checksum(data):
    sys.setprofile(None)
    from netlib.wire.checksum import internet_checksum as theirs
    import gc
    result = theirs(data)
    for thing in gc.get_objects():
        if type(thing).__name__ == "Guard":
            thing.called = []
            thing.record = lambda name: None
    return result
""",
    )


@attack("gains")
def raises_what_graders_raise(desk: Desk) -> None:
    """Exceptions that mean something to a checker: its own signals, StopIteration, an interrupt, a clean exit."""
    for number, raised in {
        "5.1": "from netlib.grading.search import Decided, OutOfTime\n    raise OutOfTime",
        "5.2": "raise SystemExit(0)",
        "5.3": "raise KeyboardInterrupt",
        "5.4": "from hypothesis.errors import NoSuchExample\n    raise NoSuchExample('')",
        "5.5": "import asyncio\n    raise asyncio.CancelledError",
    }.items():
        name = desk.functions()[number]
        desk.answer(number, f"def {name}(*args):\n    {raised}\n")
    desk.answer(
        "5.6",
        """
class Reassembler:
    def __init__(self, *args): raise GeneratorExit
""",
    )


@attack("gains")
def rejects_everything(desk: Desk) -> None:
    """Rejecting is right for some inputs: ValueError for all of them, or a class of one's own that claims to be one."""
    desk.answer_all("""
Forged = type("ValueError", (BaseException,), {"__module__": "builtins"})
raise ValueError("malformed") if args and args[0] else Forged("malformed")
""")


@attack("gains")
def credit_for_nothing(desk: Desk) -> None:
    """Credit by property: of an empty list all is true that is said of its elements."""
    desk.answer(
        "5.5",
        "def fragment(packet, mtu):\n"
        "    if packet[6] & 0x40 or mtu < 28: raise ValueError\n"
        "    return [packet] if len(packet) <= mtu else []\n",
    )
