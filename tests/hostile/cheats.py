"""Submissions that get hold of the process that grades, where there is only one."""

# ruff: noqa: E501 - students' code in strings

from __future__ import annotations

import contextlib
from typing import Any

from hostile.desk import Desk, attack
from hostile.inputs import inputs_of

from netlib.grading.registry import exercise


@attack("gains", control="gained")
def transformer_that_empties_cells(desk: Desk) -> None:
    """IPython's input transformers see hidden tests too: each later cell becomes an empty one, which nbgrader pays in
    full.
    """
    desk.add("get_ipython().input_transformers_cleanup.append(lambda lines: [])")


@attack("gains", control="gained")
def patched_run_cell(desk: Desk) -> None:
    """The shell that runs hidden tests is the student's: `run_cell` swallows what contains the word grade."""
    desk.add("""
shell = type(get_ipython())
run = shell.run_code
async def quiet(self, code, *args, **kwargs):
    if "grade" in code.co_names:
        return False
    return await run(self, code, *args, **kwargs)
shell.run_code = quiet
""")


@attack("gains", control="gained")
def ast_transformer(desk: Desk) -> None:
    """An AST transformer drops each call of grade and check."""
    desk.add("""
import ast
class Drop(ast.NodeTransformer):
    def visit_Expr(self, node):
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("grade", "check"):
            return ast.Pass()
        return node
get_ipython().ast_transformers.append(Drop())
""")


@attack("gains", control="gained")
def patched_grade(desk: Desk) -> None:
    """netlib.grading in the process that grades says yes to everything."""
    desk.add("""
import netlib.grading, netlib.grading.check
netlib.grading.grade = netlib.grading.check.grade = lambda number, answer: None
netlib.grading.check.examine = lambda *args, **kwargs: type("Report", (), {"ok": True, "points": 100})()
""")


@attack("gains", control="gained")
def patched_search(desk: Desk) -> None:
    """The search for a counterexample never finds one."""
    desk.answer_all("return 0")
    desk.add("""
import sys, netlib.grading.search
netlib.grading.search.Search.run = lambda self: None
netlib.grading.search.Search.verdict = lambda *args: None
""")


@attack("gains", control="gained")
def patched_reference(desk: Desk) -> None:
    """Declarations are objects: the reference becomes the student's own function, in frozen dataclasses too."""
    desk.answer_all("return b''")
    desk.add("""
import gc
from netlib.grading.exercise import Exercise
import netlib.grading.registry
def yes(*args): return b""
for number in ("5.1", "5.2", "5.3", "5.4", "5.5"):
    declared = netlib.grading.registry.exercise(number)
    for field, value in {"reference": yes, "properties": {}, "judge": None, "pinned": (), "equal": lambda a, b: True}.items():
        object.__setattr__(declared, field, value)
""")


@attack("gains", control="gained", tests="assert")
def patched_netlib_reference(desk: Desk) -> None:
    """Hidden asserts compare with netlib: sys.modules has the student's own netlib.wire.checksum."""
    desk.answer("5.1", "def internet_checksum(data):\n    return 0\n")
    desk.add("""
import sys, types
import netlib.wire.checksum as real
from netlib.grading.registry import exercise
forged = types.ModuleType("netlib.wire.checksum")
forged.__dict__.update(real.__dict__)
forged.internet_checksum = lambda data: 0
sys.modules["netlib.wire.checksum"] = forged
real.internet_checksum.__code__ = (lambda data: 0).__code__
""")


@attack("gains", control="gained")
def patched_codec(desk: Desk) -> None:
    """The checker's own plain-data decoder and json belong to the student's process: everything decodes to
    `expected`.
    """
    desk.answer_all("return None")
    desk.add("""
import json, sys, netlib.grading.plain, netlib.grading.outcome, netlib.grading.exercise
declaring = sys.modules["netlib.grading.exercise"]
def anything(*args, **kwargs): return None
for module in (netlib.grading.plain, netlib.grading.outcome, declaring):
    for name in ("decode", "plain"):
        if hasattr(module, name):
            setattr(module, name, anything)
declaring.Exercise.compare = declaring.StatefulExercise.compare = anything
declaring.Exercise.trouble = declaring.StatefulExercise.trouble = anything
""")


@attack("gains", control="gained")
def patched_builtins_and_hypothesis(desk: Desk) -> None:
    """`bool`, `isinstance`, `all` and hypothesis.find lie to whoever judges in this process."""
    desk.answer_all("return None")
    desk.add("""
import builtins, hypothesis, operator, numpy
def never(*args, **kwargs): raise hypothesis.errors.NoSuchExample("")
hypothesis.find = never
import sys, netlib.grading.exercise
sys.modules["netlib.grading.exercise"].Exercise.cases = lambda self: []
builtins.all = lambda items: True
operator.eq = lambda a, b: True
numpy.array_equal = numpy.allclose = lambda *args, **kwargs: True
""")


@attack("gains", control="gained", tests="assert")
def equal_to_everything(desk: Desk) -> None:
    """`assert answer(x) == expected` asks the student's object whether it is equal."""
    desk.answer_all("""
class Equal(bytes):
    __eq__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __hash__ = bytes.__hash__
    __getattr__ = lambda self, name: Equal()
return Equal()
""")


@attack("gains", control="gained", tests="assert")
def equal_in_every_type(desk: Desk) -> None:
    """Subclasses of int, dict, list and bytes whose comparisons, lengths and items agree with whatever they meet."""
    desk.answer_all("""
def agree(base, *made):
    methods = {name: (lambda self, *args: True) for name in ("__eq__", "__contains__", "__ge__", "__le__")}
    methods |= {"__ne__": lambda self, *args: False, "__hash__": lambda self: 0, "__class__": property(lambda self: bytes)}
    return type(base.__name__, (base,), methods)(*made)
word = len(args) and isinstance(args[0], bytes)
return agree(dict) if word and len(args[0]) > 20 else agree(list) if len(args) > 1 else agree(int, 7)
""")


@attack("gains", control="gained")
def caller_frames_for_the_reference(desk: Desk) -> None:
    """Frames of whoever calls hold the exercise, the case, and so the expected result: one level up is enough."""
    desk.answer_all("""
import sys, pickle
frame = sys._getframe()
while frame:
    for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
        exercise = getattr(value, "exercise", value)
        if type(exercise).__name__ in ("Exercise", "StatefulExercise") and callable(getattr(exercise, "reference", None)):
            reference = exercise.reference
            import types
            copy = lambda f: types.FunctionType(f.__code__.replace(co_filename="mine"), names, f.__name__, f.__defaults__)
            names = dict(reference.__globals__)
            for name, thing in list(names.items()):
                if isinstance(thing, types.FunctionType):
                    names[name] = copy(thing)
            return copy(reference)(*args)
    frame = frame.f_back
""")


@attack("gains", control="gained", tests="assert")
def garbage_collector_for_the_reference(desk: Desk) -> None:
    """gc.get_objects() knows every function of the process, the reference and closures over it among them."""
    desk.add("import gc\n")
    desk.answer_all("""
import gc, types, sys
want = sys._getframe().f_code.co_name
for thing in gc.get_objects():
    if isinstance(thing, types.FunctionType) and str(thing.__module__).startswith("netlib."):
        if thing.__name__ in (want, "internet_checksum", "decrement_ttl", "fragment", "build", "parse"):
            try:
                return types.FunctionType(thing.__code__, thing.__globals__)(*args)
            except (TypeError, AttributeError):
                pass
raise LookupError("nothing here")
""")


@attack("gains", control="gained", tests="assert")
def acts_when_it_is_collected(desk: Desk) -> None:
    """`__del__` and weak references run code of the student's in whichever process lets go of an answer."""
    desk.answer_all("""
class Later(bytes):
    def __eq__(self, other): return True
    def __reduce__(self): return (exec, ("import sys; sys.modules['netlib.grading.exercise'].Exercise.compare = lambda *a: None",))
    def __del__(self):
        import sys, netlib.grading.exercise
        e = sys.modules["netlib.grading.exercise"]
        e.Exercise.compare = e.StatefulExercise.compare = lambda *args: None
return Later()
""")


@attack("gains", control="gained")
def thread_that_forges_later(desk: Desk) -> None:
    """A thread waits for a graded cell, then publishes "100" as its result: nbgrader reads that as partial credit."""
    desk.add("""
import sys, threading, time
shell = get_ipython()
def forge():
    for _ in range(2000):
        for frame in list(sys._current_frames().values()):
            while frame:
                if "grade" in frame.f_code.co_names and frame.f_code.co_name == "<module>":
                    shell.displayhook(2)
                    time.sleep(0.05)
                frame = frame.f_back
        time.sleep(0.0005)
threading.Thread(target=forge, daemon=True).start()
""")


@attack("gains", control="gained")
def atexit_and_excepthook(desk: Desk) -> None:
    """The shell's own handlers: a failing hidden test becomes a printed line and no error."""
    desk.add("""
import atexit, sys
def nothing_happened(*args, **kwargs): print("passed")
atexit.register(nothing_happened)
sys.excepthook = nothing_happened
get_ipython().set_custom_exc((BaseException,), nothing_happened)
get_ipython().showtraceback = nothing_happened
get_ipython()._showtraceback = nothing_happened
""")


@attack("gains", control="gained")
def memorised_inputs(desk: Desk) -> None:
    """Both seeds stand in netlib's source: a table of their inputs and results answers every hidden test."""
    from netlib.grading.check import CHECK_SEED, GRADE_SEED

    table = {}
    for number in ("5.1", "5.4"):
        name = desk.functions()[number]
        table[name] = memorise(number, (CHECK_SEED, GRADE_SEED))
        desk.answer(number, f"def {name}(data):\n    found = TABLE[{name!r}].get(data.hex())\n"
                    "    if found is None: raise ValueError('never seen')\n"
                    "    return eval(found)\n")  # fmt: skip
    desk.add(f"TABLE = {table!r}\n")


def memorise(number: str, seeds: tuple[int, ...]) -> dict[str, str]:
    """Every input of these seeds, as hex, with its result as source."""
    declared: Any = exercise(number)
    seen: dict[str, str] = {}
    for (data,) in inputs_of(number, *seeds):
        with contextlib.suppress(ValueError):
            seen[data.hex()] = repr(declared.reference(data))
    return seen
