"""netlib as a student's process gets it: its modules as compiled code, without what the exercise asks for.

    boot_package(exercise)     what such a process starts from, as bytes: see `netlib.grading.importer` and `agent`

No file of netlib can be seen in there, so its modules travel through a pipe.  Some stay behind: this package, what
authors use, labs, and the exercises.  Of the exercises' modules only a part goes along, cut out of the source: what
chapters offer to students (`walk`), and netlib's own answers to exercises of other chapters, for `mine`.

Which functions lose their bodies is decided in there, with the modules loaded, by the same `Guard` that notices in
the notebook: only so functions that are made at import can be told too.  Here the list is only made ready.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import marshal
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from netlib import exercises, grading
from netlib.grading.exercise import Exercise
from netlib.grading.importer import file_of

NETLIB = Path(exercises.__file__).parents[1]
EXERCISES = "netlib.exercises"
# what no student's process needs, or what has another one's place taken in there
STAY_BEHIND = ("instructor", "authoring", "cli", "lab", "view", "exercises", "grading")
# of netlib.grading, what is for the other side: declarations, search, stories, verdicts
OTHER_SIDE = frozenset(
    ["check", "corpus", "inside", "mine", "registry", "remote", "report", "sandbox", "search", "story", "words", "zoo"]
)
LAB = '''\
"""Labs don't run while an exercise is graded."""

class LabError(Exception):
    not_while_graded = True

class LabTimeout(LabError):
    pass

class Lab:
    def __init__(self, *args, **kwargs):
        raise LabError("a lab does not run while an exercise is graded")

    @staticmethod
    def doctor():
        return False

Capture = Done = Node = Process = Topology = read_topology = Lab
'''
# simpy asks for its own version; Python's module for that takes a third of the time that a process needs to start
METADATA = """\
class PackageNotFoundError(ModuleNotFoundError):
    pass

def version(name):
    raise PackageNotFoundError(name)

distribution = metadata = requires = files = version
"""
SMALL = (
    ("importlib.metadata", False, METADATA),
    ("netlib.lab", True, LAB),
    ("netlib.lab.errors", False, "from netlib.lab import LabError, LabTimeout"),
    ("netlib.grading.mine", False, "from netlib.grading import mine"),
    ("netlib.grading.check", False, "from netlib.grading import check, grade"),
)
Modules = dict[str, tuple[bool, bytes]]


def boot_package(exercise: Exercise) -> bytes:
    """What a process starts from that is to run an answer to `exercise`; the same for all students."""
    chapter = exercise.number.partition(".")[0]
    return packed(tuple(without(exercise)), tuple(exercise.allowing), chapter)


def about(exercise: Exercise) -> dict[str, Any]:
    """What such a process is told of the exercise besides."""
    return {"name": exercise.name, "noun": exercise.noun, "carried": exercise.carried}


def without(exercise: Exercise) -> Iterator[str]:
    """The dotted names of what the exercise asks for.  Its reference is among them, unless it stays behind anyway."""
    yield from exercise.without
    home = str(getattr(exercise.reference, "__module__", ""))
    name = str(getattr(exercise.reference, "__qualname__", "<none>"))
    if home.partition(".")[0] == "netlib" and not home.startswith(EXERCISES) and "<" not in name:
        yield f"{home}.{name}"


@cache
def packed(without: Sequence[str], allowing: Sequence[str], chapter: str) -> bytes:
    pieces, references = exercise_pieces(chapter)
    package = {
        "modules": common_modules() | pieces,
        "without": list(without),
        "allowing": list(allowing),
        "references": references,
    }
    return marshal.dumps(package)


@cache
def common_modules() -> Modules:
    """netlib's own modules, without its exercises."""
    found: Modules = {}
    for path in sorted(NETLIB.rglob("*.py")):
        parts = path.relative_to(NETLIB).with_suffix("").parts
        if parts[0] not in STAY_BEHIND:
            add(found, ".".join(("netlib", *parts)).removesuffix(".__init__"))
    for path in sorted((NETLIB / "grading").glob("*.py")):
        if path.stem != "__init__" and path.stem not in OTHER_SIDE:
            add(found, f"{grading.__name__}.{path.stem}")
    add(found, EXERCISES)
    inside = code_of(f"{grading.__name__}.inside")
    found[grading.__name__] = True, marshal.dumps(moved(inside, grading.__name__, True))
    for name, is_package, source in SMALL:
        found[name] = is_package, marshal.dumps(compile(source, file_of(name, is_package), "exec"))
    return found


def add(modules: Modules, name: str) -> None:
    is_package = (NETLIB.parent / name.replace(".", "/")).is_dir()
    modules[name] = is_package, marshal.dumps(moved(code_of(name), name, is_package))


def code_of(name: str) -> CodeType:
    """A module's code, from Python's cache of it where there is one."""
    spec = importlib.util.find_spec(name)
    get_code = getattr(spec.loader, "get_code", None) if spec else None
    if get_code is None:
        raise ImportError(f"{name} has no code to send: install netlib as files, not from an archive")
    code: CodeType = get_code(name)
    return code


def moved(code: CodeType, name: str, is_package: bool) -> CodeType:
    """The code as if it came from the file that the module has in there: no path of this machine goes along."""
    file = file_of(name, is_package)

    def move(one: CodeType) -> CodeType:
        constants = tuple(move(each) if inspect.iscode(each) else each for each in one.co_consts)
        return one.replace(co_filename=file, co_consts=constants)

    return move(code)


# ---- the exercises' modules, in part -------------------------------------------------------------------------------


@cache
def exercise_pieces(chapter: str) -> tuple[Modules, dict[str, tuple[str, str]]]:
    """Parts of the exercises' modules, and where in them netlib's answers to other chapters' exercises are."""
    wanted: dict[str, set[str]] = {}
    references: dict[str, tuple[str, str]] = {}
    for module in exercises.MODULES.values():
        home = f"{EXERCISES}.{module}"
        need(home, set(offered(home)) - {"EXERCISES"}, wanted)
    for number, home in declared().items():
        if number.partition(".")[0] != chapter:
            name = reference_name(number)
            if need(home, {name}, wanted):
                references[number] = home, name
    pieces = {
        home: (False, marshal.dumps(compile(part_of(home, names), file_of(home, False), "exec")))
        for home, names in wanted.items()
    }
    return pieces, references


def need(home: str, names: set[str], wanted: dict[str, set[str]]) -> bool:
    """Add to `wanted` what these names of a module need.  False, and nothing added, if that can't be in there."""
    todo, found = [(home, names)], {module: set(known) for module, known in wanted.items()}
    while todo:
        module, more = todo.pop()
        there = found.setdefault(module, set())
        if module in found and more <= there and there:
            continue
        there |= more
        for statement in part_of(module, there).body:
            if isinstance(statement, ast.ImportFrom) and str(statement.module).startswith(f"{EXERCISES}."):
                todo.append((str(statement.module), {alias.name for alias in statement.names}))
            elif any(name.partition(".")[0] == "hypothesis" for name in imported(statement)):
                return False
    wanted.update(found)
    return True


def part_of(module: str, names: set[str]) -> ast.Module:
    """The statements of a module that these names need."""
    todo, needed = set(names), set(names)
    chosen: dict[int, ast.stmt] = {}
    statements = parsed(module)
    while todo:
        name = todo.pop()
        for place, statement in enumerate(statements):
            if name in bound(statement):
                chosen[place] = statement
                more = used(statement) - needed
                needed |= more
                todo |= more
    body = [only(statement, needed) for _, statement in sorted(chosen.items())]
    return ast.fix_missing_locations(ast.Module(body, []))


@cache
def parsed(module: str) -> list[ast.stmt]:
    """A module's statements, and before each that declares an exercise, its reference under a name of its own."""
    tree = ast.parse((NETLIB.parent / (module.replace(".", "/") + ".py")).read_text("utf-8"))
    found: list[ast.stmt] = []
    for statement in tree.body:
        for number, reference in references_in(statement):
            target = ast.Name(reference_name(number), ast.Store())
            found.append(ast.copy_location(ast.Assign([target], reference), statement))
        found.append(statement)
    return found


@cache
def declared() -> dict[str, str]:
    """The module that declares each exercise that has a reference, by its number."""
    found: dict[str, str] = {}
    for path in sorted((NETLIB / "exercises").glob("*.py")):
        home = f"{EXERCISES}.{path.stem}"
        for statement in parsed(home):
            found |= {number: home for number, _ in references_in(statement)}
    return found


def references_in(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Exercise(number="5.1", reference=...): the number and the expression."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Call):
            words = {word.arg: word.value for word in node.keywords}
            number, reference = words.get("number"), words.get("reference")
            if isinstance(number, ast.Constant) and reference is not None:
                yield str(number.value), reference


def reference_name(number: str) -> str:
    return f"reference_{number.replace('.', '_')}"


def offered(home: str) -> Iterator[str]:
    """What a chapter's exercises offer to students: their module's __all__."""
    for statement in parsed(home):
        match statement:
            case ast.Assign([ast.Name("__all__")], ast.List(names)):
                yield from (str(ast.literal_eval(name)) for name in names)


@cache
def bound(statement: ast.stmt) -> set[str]:
    """The names that a statement binds at the top level of its module."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


@cache
def used(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def imported(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.ImportFrom):
        return [str(statement.module)]
    return [alias.name for alias in statement.names] if isinstance(statement, ast.Import) else []


def only(statement: ast.stmt, names: set[str]) -> ast.stmt:
    """An import, of these names alone; anything else as it is."""
    if isinstance(statement, ast.ImportFrom):
        aliases = [alias for alias in statement.names if (alias.asname or alias.name) in names]
        return ast.ImportFrom(statement.module, aliases, statement.level)
    return statement
