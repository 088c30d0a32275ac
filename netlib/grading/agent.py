"""What runs in a process that grades, before the student's code and around it.

The process begins with nothing but Python.  Through a pipe come netlib's modules and the names of what the exercise
asks for; the modules are imported from memory, and every function that these names stand for gets a body that only
says that it isn't there.  Then the student's cells are run, as `netlib.instructor.program` has chosen them, and the
loop of `child` begins.  What is right is not known in here: neither inputs nor expected results nor other exercises.

A cell is run statement by statement.  In the notebook an exception ends its cell; so it does here, unless something was
missing that the notebook has (what is cut, scapy, a file, a lab): then only that statement is left out, and from
there on every statement that fails.
"""

import ast
import builtins
import contextlib
import functools
import gc
import linecache
import os
import resource
import signal
import sys
import types
from collections.abc import Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any, NoReturn

from netlib.grading.carry import carrier
from netlib.grading.child import CPU, Child, quiet_jupyter
from netlib.grading.guard import Guard, resolve
from netlib.grading.importer import Importer, NotHere, Nothing
from netlib.grading.outcome import own_line, raised_part
from netlib.grading.signals import NotImplementedYet, NotWhileGraded

BOOTED = b"+"  # the first byte that the other side reads: all is well so far
ADDRESS_SPACE = 1 << 30  # bytes
FILES = 64
THREADS = 512
CELL_CPU, CELL_WALL = 4.0, 8.0  # seconds for one cell
CELLS_WALL = 12.0  # seconds for all cells ...
CELL_LEAST = 0.3  # ... and what the others have when these are used up: to define something takes no time
MISSING_HERE = (NotWhileGraded, NotHere, ImportError, OSError, MemoryError)
OF_THE_NOTEBOOK = ("get_ipython", "display", "help", "exit", "quit", "In", "Out", "_", "__", "___", "_i", "_ih", "_oh")
"""Names that every notebook has.  A cell that uses one must not end there: what is below it may be the answer."""
NO_THREADS, NO_HOME = ("can't start new thread",), ("Could not determine home directory.",)
NAME = "the name goes here"
called: list[str] = []
"""Names of what was called and isn't here, since the list was last emptied."""


class TooLong(BaseException):
    """A cell has used up its time."""


class Cut(Guard):
    """What `child` takes for a guard: `called` holds what the stand-ins of cut functions have noticed."""

    def __init__(self) -> None:
        super().__init__()
        self.called = called

    def __enter__(self) -> "Cut":
        return self

    def __exit__(self, *error: object) -> None: ...

    def stop(self) -> None: ...


def main(importer: Importer, about: dict[str, Any]) -> None:
    """Never returns.  `about` is what `cut.boot_package` and `bubblewrap` have said of the exercise and the program."""
    requests, replies = settle_in()
    child = Child(lambda case: None, Cut(), requests, replies)
    sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = child.printed  # type: ignore[misc,assignment]
    quiet_jupyter()
    try:
        cut(about["without"], about["allowing"])
    except BaseException as error:
        os.write(replies, one_line(error).encode("utf-8", "replace"))
        os._exit(72)
    sys.modules["netlib.grading"].REFERENCES = about["references"]  # type: ignore[attr-defined]
    os.write(replies, BOOTED)
    Cells(child, about).run()


def settle_in() -> tuple[int, int]:
    """Take the pipes away from stdin and stdout, which then lead nowhere, and set the limits."""
    requests, replies = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    before = 2
    for descriptor in (*sorted((requests, replies)), 1 << 16):  # what was left open in the process that started this
        os.closerange(before + 1, descriptor)
        before = descriptor
    limits = {
        "RLIMIT_AS": ADDRESS_SPACE, "RLIMIT_CPU": CPU, "RLIMIT_FSIZE": 0, "RLIMIT_NOFILE": FILES, "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": THREADS, "RLIMIT_MSGQUEUE": 0, "RLIMIT_MEMLOCK": 0,
    }  # fmt: skip
    for name, limit in limits.items():
        if hasattr(resource, name):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(getattr(resource, name), (limit, limit))
    return requests, replies


# ---- netlib without what the exercise asks for ---------------------------------------------------------------------


def cut(without: list[str], allowing: list[str]) -> None:
    """Replace the body of every function that these names stand for.  All their modules are imported by this."""
    guard = Guard(list(filter(is_there, without)), list(filter(is_there, allowing)))
    guard.forget_caches()
    gone = set()
    for function in [item for item in gc.get_objects() if type(item) is FunctionType]:
        name = guard.name_of(function.__code__, str(function.__globals__.get("__name__", "")))
        if name:
            function.__code__ = stand_in(name, function.__code__)
            gone.add(function)
    for kind in [item for item in gc.get_objects() if isinstance(item, type) and "source_code" in vars(item)]:
        if any(getattr(member, "__func__", member) in gone for member in vars(kind).values() if is_function(member)):
            kind.source_code = ""  # type: ignore[attr-defined]
    for builtin, name in list(guard.builtins.values()):
        if builtin is not sys.setprofile:
            replace(builtin, stand_in_for(name))
    for one in (guard, guard.permitted):
        if one is not None:  # it is in a cycle, so it would stay for a while, with the code that was cut
            vars(one).clear()


def is_there(name: str) -> bool:
    """Not all of netlib.exercises is in here."""
    if name.startswith("netlib.exercises"):
        with contextlib.suppress(ValueError, ImportError):
            return resolve(name) is not None
        return False
    return True


def is_function(member: Any) -> bool:
    return isinstance(member, (FunctionType, classmethod, staticmethod))


def stand_in(name: str, code: CodeType) -> CodeType:
    """The code of a function that only says that `name` isn't here, and fits where `code` was."""
    pattern = stand_in_with(len(code.co_freevars))
    constants = tuple(name if constant == NAME else constant for constant in pattern.co_consts)
    return pattern.replace(
        co_name=code.co_name, co_qualname=code.co_qualname, co_consts=constants, co_freevars=code.co_freevars
    )


@functools.cache
def stand_in_with(variables: int) -> CodeType:
    """The pattern of such code, for a function that uses so many variables of those around it."""
    free = ", ".join(f"_{number}" for number in range(variables))
    source = (
        f"def around({free}):\n"
        "    def stub(*args, **kwargs):\n"
        f"        {f'nonlocal {free}' if free else 'pass'}\n"
        "        from netlib.grading.agent import refuse\n"
        f"        refuse({NAME!r})\n"
        "    return stub\n"
    )
    scope: dict[str, Any] = {}
    exec(compile(source, "/netlib/grading/agent.py", "exec"), scope)
    code: CodeType = scope["around"](*range(variables)).__code__
    return code


def stand_in_for(name: str) -> Any:
    return lambda *args, **kwargs: refuse(name)


def replace(old: Any, new: Any) -> None:
    """Put `new` wherever a module has `old`, a function written in C."""
    for module in list(sys.modules.values()):
        for name, member in list(getattr(module, "__dict__", {}).items()):
            if member is old:
                setattr(module, name, new)


def refuse(name: str) -> NoReturn:
    if name not in called and len(called) < 8:
        called.append(name)
    raise NotWhileGraded(name)


# ---- the student's cells -------------------------------------------------------------------------------------------


class Cells:
    """The student's cells, in one namespace; then the answer, and the loop that calls it."""

    def __init__(self, child: Child, about: dict[str, Any]) -> None:
        self.child = child
        self.about = about
        self.future = 0  # compiler flags of from __future__ import
        self.lenient = False  # something was missing: leave out what fails
        self.waiting: NotImplementedYet | None = None
        self.failed: tuple[str, BaseException] | None = None  # the first cell that ended with an exception
        self.alarms = 0

    def run(self) -> NoReturn:
        main = types.ModuleType("__main__")
        sys.modules["__main__"] = main
        namespace = vars(main)
        namespace |= dict.fromkeys(OF_THE_NOTEBOOK, Nothing) | {"__builtins__": builtins, "__builtin__": builtins}
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, self.too_long)
        before = os.times().elapsed
        for label, source in self.about["cells"]:
            left = min(CELL_WALL, CELLS_WALL - (os.times().elapsed - before))
            self.run_cell(f"<{label}>", source, namespace, max(left, CELL_LEAST))
        answer = self.find(namespace)
        gc.collect()
        gc.freeze()
        called.clear()
        self.child.target = carrier(self.about["carried"], self.child.guard, answer)
        self.child.reply({"kind": "ready"})
        self.child.run(settled=True)
        os._exit(0)

    def run_cell(self, file: str, source: str, namespace: dict[str, Any], seconds: float) -> None:
        linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
        slow = False
        self.allow(min(CELL_CPU, seconds), seconds)
        try:
            for code in self.compiled(file, source):
                called.clear()
                try:
                    self.execute(code, namespace)
                except TooLong as error:
                    self.note(file, error)
                    if slow:
                        break
                    slow = self.lenient = True
                    self.allow(CELL_LEAST, CELL_LEAST)  # an experiment above the answer, say, in the same cell
                except MISSING_HERE as error:
                    self.note(file, error)
                    self.lenient = True
                except Exception as error:
                    self.note(file, error)
                    self.lenient |= bool(called) or is_our_own(error)
                    if not self.lenient:
                        break
        except BaseException as error:  # SystemExit, code that does not compile, a late alarm: the end of this cell
            self.note(file, error)
        finally:
            self.allow(0, 0)

    def allow(self, cpu: float, wall: float) -> None:
        """Set the alarms for what is run next; 0 takes them back."""
        self.alarms = 0
        signal.setitimer(signal.ITIMER_PROF, cpu, 1.0 if cpu else 0)
        signal.setitimer(signal.ITIMER_REAL, wall, 1.0 if wall else 0)

    def compiled(self, file: str, source: str) -> Iterator[CodeType]:
        """The cell's statements, one by one.  All are parsed before the first is run."""
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree = compile(source, file, "exec", flags | ast.PyCF_ONLY_AST | self.future, dont_inherit=True)
        for statement in tree.body:
            if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                import __future__

                for alias in statement.names:
                    self.future |= getattr(__future__, alias.name).compiler_flag
            yield compile(ast.Module([statement], []), file, "exec", flags | self.future, dont_inherit=True)

    def execute(self, code: CodeType, namespace: dict[str, Any]) -> None:
        result = eval(code, namespace)
        if code.co_flags & 0x80:  # await outside a function
            import asyncio

            asyncio.run(result)

    def note(self, file: str, error: BaseException) -> None:
        if isinstance(error, NotImplementedYet):
            self.waiting = self.waiting or error
        elif self.failed is None:
            self.failed = file.strip("<>"), error

    def find(self, namespace: dict[str, Any]) -> Any:
        """The answer; when there is none, the process says why and ends."""
        try:
            answer = eval(compile(self.about["answer"], "<answer>", "eval"), namespace)
        except NotImplementedYet as waiting:
            self.leave(kind="waiting", message=str(waiting)[:200])
        except BaseException as error:
            if self.waiting:
                self.leave(kind="waiting", message=str(self.waiting)[:200])
            if isinstance(error, NameError):
                because = f": {self.failed[0]} ended with {one_line(self.failed[1])}" if self.failed else ""
                self.leave(kind="no answer", message=f"there is no {self.about['name']} in this notebook{because}")
            self.leave(kind="raised", raised=raised_part(error), called=called)
        if not callable(answer):
            from netlib.grading.exercise import describe_type

            what = f"check needs your {self.about['noun']} {self.about['name']}, and was given {describe_type(answer)}"
            self.leave(kind="no answer", message=what)
        return answer

    def leave(self, **answer: Any) -> NoReturn:
        try:
            self.child.reply(answer)
        finally:
            os._exit(0)

    def too_long(self, number: int, frame: FrameType | None) -> None:
        self.alarms += 1
        if self.alarms > 2:  # it catches what is meant to stop it
            self.leave(kind="hung", **where(frame))
        raise TooLong


def where(frame: FrameType | None) -> dict[str, Any]:
    """The student's line that is being run."""
    frames = []
    while frame is not None:
        frames.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    line, source = own_line(frames)
    return {"line": line, "source": source}


def is_our_own(error: BaseException) -> bool:
    """Raised by a lab, say: an exception of netlib's for something that isn't there while an exercise is graded.

    Or by Python, where there are no threads or no home.
    """
    told = error.args[:1] if isinstance(error, RuntimeError) else ()
    return bool(getattr(error, "not_while_graded", False)) or told in (NO_THREADS, NO_HOME)


def one_line(error: BaseException) -> str:
    if isinstance(error, TooLong):
        return "too much time"
    try:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"[:160]
    except Exception:
        return type(error).__name__
