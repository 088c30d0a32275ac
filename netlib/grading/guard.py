"""Notices when an answer calls what it is meant to build.

While the student's code is active, a profile function (`sys.setprofile`) sees each call that it makes, directly or
not, and writes down those that are on the list.  It looks at the code that runs, not at names, so an alias,
`functools.partial`, `getattr`, `importlib`, a subclass or a reference taken long before are all noticed; and because it
records instead of raising, catching exceptions hides nothing.

A listed module stands for every function written in its file, a package for all its modules.  Construction and
comparison of objects (`__init__`, `__eq__` and the like) are never counted: an exercise asks for what they do not
do.  Copied source text is a new function: no guard can tell it from the student's own.
"""

import contextlib
import functools
import importlib
import inspect
import pkgutil
import sys
import threading
from collections.abc import Callable, Sequence
from types import CodeType, FrameType, ModuleType
from typing import Any

HARMLESS = frozenset(
    f"__{word}__"
    for word in [
        *["init", "post_init", "new", "eq", "ne", "lt", "le", "gt", "ge", "hash", "repr", "str", "format", "len"],
        *["setattr", "getattr", "getattribute", "missing", "reduce", "init_subclass", "class_getitem"],
    ]
)
MAX_RECORDED = 8


class Guard:
    """A context manager: inside it, a call to anything in `without` is added to `called`.

    `without` and `allowing` are dotted names of packages, modules, classes, methods or functions; what is in
    `allowing` is taken off the list.  `also` are objects to list, such as the exercise's reference.  Raises ValueError
    when a name does not exist.
    """

    def __init__(self, without: Sequence[str] = (), allowing: Sequence[str] = (), also: Sequence[Any] = ()) -> None:
        self.called: list[str] = []
        self.folders: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.codes: dict[int, tuple[CodeType, str]] = {}
        self.builtins: dict[int, tuple[Any, str]] = {
            id(sys.setprofile): (sys.setprofile, "sys.setprofile, which the check itself uses")
        }
        self.names: dict[int, tuple[CodeType, str]] = {}  # what `name_of` has found out, by identity of the code
        self.caches: list[Any] = []
        self.depth = 0
        self.hook = self.notice
        self.permitted = Guard(allowing) if allowing else None
        for name in without:
            self.add(resolve(name), name)
        for thing in also:
            self.add(thing, f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}")

    def add(self, thing: Any, name: str) -> None:
        """List `thing`, whose full dotted name is `name`."""
        if inspect.ismodule(thing):
            for folder in getattr(thing, "__path__", ()):
                self.folders[folder.rstrip("/\\") + "/"] = name
                for inner in inner_modules(name, folder):
                    self.add(inner, inner.__name__)
            if thing.__dict__.get("__file__") and not hasattr(thing, "__path__"):
                self.files[thing.__dict__["__file__"]] = name
            for member_name, member in list(vars(thing).items()):
                if getattr(member, "__module__", None) == thing.__name__ or is_own_builtin(thing, member):
                    self.add(member, f"{name}.{member_name}")
        elif inspect.isclass(thing):
            for member_name, member in list(vars(thing).items()):
                if member_name in HARMLESS:
                    continue
                if not inspect.isclass(member) or member.__qualname__.startswith(thing.__qualname__ + "."):
                    self.add(member, f"{name}.{member_name}")
        else:
            if hasattr(thing, "cache_clear"):
                self.caches.append(thing)
            for code in codes_of(thing):
                self.codes[id(code)] = code, name
            if inspect.isbuiltin(thing):
                self.builtins[id(thing)] = thing, name

    def forget_caches(self) -> None:
        """Empty the caches of listed functions: a cached answer is given without a call.  For the child process."""
        for cached in self.caches:
            cached.cache_clear()

    def __enter__(self) -> "Guard":
        self.depth += 1
        if self.depth == 1:
            threading.setprofile(self.hook)
            sys.setprofile(self.hook)
        return self

    def __exit__(self, *error: object) -> None:
        self.depth -= 1
        if self.depth == 0:
            self.stop()

    def stop(self) -> None:
        """Notice nothing any more: what follows is not the student's doing."""
        self.depth = 0
        sys.setprofile(None)
        threading.setprofile(None)

    def notice(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            code = frame.f_code
            known = self.names.get(id(code))
            if known is None:
                known = self.names[id(code)] = code, self.name_of(code, str(frame.f_globals.get("__name__", "")))
            if known[1]:
                self.record(known[1])
        elif event == "c_call":
            listed = self.builtins.get(id(argument))
            if listed and self.depth:  # at depth 0 the guard itself stops
                self.record(listed[1])

    def name_of(self, code: CodeType, module: str) -> str:
        """The dotted name of a listed function that `module` defines, else an empty string."""
        if self.permitted is not None and self.permitted.name_of(code, module):
            return ""
        if id(code) in self.codes:
            return self.codes[id(code)][1]
        if code.co_name in HARMLESS or not code.co_flags & inspect.CO_OPTIMIZED:  # bodies of modules and classes
            return ""
        if code.co_filename in self.files:
            return f"{self.files[code.co_filename]}.{code.co_qualname}"
        listed = any(code.co_filename.startswith(folder) for folder in self.folders)
        return f"{module}.{code.co_qualname}" if listed else ""

    def record(self, name: str) -> None:
        if name not in self.called and len(self.called) < MAX_RECORDED:
            self.called.append(name)

    def wrap(self, student: Any) -> Any:
        """`student`, guarded while it is active: a function, a coroutine function, or a class (see `factory`)."""
        if inspect.isclass(student):
            return self.factory(student)

        def guarded(*args: Any, **kwargs: Any) -> Any:
            with self:
                result = student(*args, **kwargs)
            return drive(GuardedAwaitable(self, result)) if inspect.isawaitable(result) else result

        return guarded

    def factory(self, student: Callable[..., Any]) -> Callable[..., Any]:
        """A maker of objects like `student`'s, whose methods are guarded while they are active."""

        def make(*args: Any, **kwargs: Any) -> Any:
            with self:
                made = student(*args, **kwargs)
            return GuardedObject(self, made)

        return make


class GuardedAwaitable:
    """A student's coroutine: guarded while it runs, not while it waits."""

    def __init__(self, guard: Guard, awaitable: Any) -> None:
        self.guard = guard
        self.awaitable = awaitable

    def __await__(self) -> Any:
        with self.guard:
            inner = self.awaitable.__await__()
        step, argument = inner.send, None
        while True:
            try:
                with self.guard:
                    yielded = step(argument)
            except StopIteration as stop:
                return stop.value
            try:
                argument = yield yielded
                step = inner.send
            except BaseException as error:
                if not hasattr(inner, "throw"):
                    raise
                argument, step = error, inner.throw


async def drive(awaitable: GuardedAwaitable) -> Any:
    """A native coroutine, which is what the worlds run."""
    return await awaitable


class GuardedObject:
    """Stands for a student's object: same attributes, methods guarded while they are active."""

    __slots__ = ("_guard", "_object")

    def __init__(self, guard: Guard, made: Any) -> None:
        object.__setattr__(self, "_guard", guard)
        object.__setattr__(self, "_object", made)

    def __getattr__(self, name: str) -> Any:
        guard: Guard = object.__getattribute__(self, "_guard")
        with guard:
            value = getattr(object.__getattribute__(self, "_object"), name)
        return guard.wrap(value) if callable(value) and not inspect.isclass(value) else value

    def __setattr__(self, name: str, value: Any) -> None:
        with object.__getattribute__(self, "_guard"):
            setattr(object.__getattribute__(self, "_object"), name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__getattr__("__call__")(*args, **kwargs)

    def __len__(self) -> int:
        return int(self.__getattr__("__len__")())

    def __iter__(self) -> Any:
        return self.__getattr__("__iter__")()

    def __contains__(self, item: Any) -> bool:
        return bool(self.__getattr__("__contains__")(item))

    def __getitem__(self, key: Any) -> Any:
        return self.__getattr__("__getitem__")(key)


def codes_of(thing: Any) -> list[CodeType]:
    """The code that runs when `thing` is called or read: through methods, partials, properties and decorators."""
    found: list[CodeType] = []
    todo = [thing]
    seen: set[int] = set()
    while todo and len(seen) < 50:
        item = todo.pop()
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        code = getattr(item, "__code__", None)
        if isinstance(code, CodeType):
            found.append(code)
        todo += [getattr(item, name, None) for name in ("__func__", "__wrapped__", "fget", "fset", "func")]
    return found


def is_own_builtin(module: ModuleType, member: Any) -> bool:
    """Whether a function written in C is this module's own (struct.pack is _struct's), not imported from elsewhere."""
    home = str(getattr(member, "__module__", "")).lstrip("_")
    return inspect.isbuiltin(member) and home.split(".")[0] == module.__name__.split(".")[0]


@functools.cache
def inner_modules(package: str, folder: str) -> list[ModuleType]:
    """The modules in a package's folder, and its packages that are loaded."""
    found = []
    for item in pkgutil.iter_modules([folder], f"{package}."):
        if not item.ispkg or item.name in sys.modules:
            with contextlib.suppress(ImportError):
                found.append(importlib.import_module(item.name))
    return found


@functools.cache
def resolve(name: str) -> Any:
    """The module, class or function of a dotted name.  ValueError when there is none."""
    parts = name.split(".")
    for split in range(len(parts), 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError as error:
            if error.name and name.startswith(error.name):
                continue
            raise
        try:
            for index, part in enumerate(parts[split:], split):
                last_of_class = inspect.isclass(thing) and index == len(parts) - 1
                thing = inspect.getattr_static(thing, part) if last_of_class else getattr(thing, part)
        except AttributeError:
            break
        return thing
    raise ValueError(f"without={name!r}: there is no such module, class or function")
