"""Imports netlib from memory, where there is no file of it: in a process that grades.

The modules come as compiled code through a pipe (`netlib.instructor.cut` packs them).  What is not among them is not
there: an import of it says that it isn't there while an exercise is graded.  Pictures and IPython are there in name
only: everything in them does nothing.

Only the standard library is needed here, and little of it: this is what such a process starts with.
"""

import importlib.machinery
import marshal
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

ROOT = "/netlib"  # the file names that modules have; there is nothing at this place
NOTHING = ("IPython", "ipywidgets", "matplotlib", "mpl_toolkits", "netlib.view")


class NotHere(ModuleNotFoundError):
    """Something that a notebook has and a process that grades has not."""


class Importer:
    """A finder and loader of modules: name -> (is a package, marshalled code).

    A module's code is let go of when it is imported, so that none can be loaded twice, nor looked at.
    """

    def __init__(self, modules: dict[str, tuple[bool, bytes]]) -> None:
        self.modules = modules

    def install(self) -> None:
        sys.meta_path.insert(0, self)
        sys.meta_path.append(Absent())
        sys.path_hooks.insert(0, self.folder)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name in self.modules:
            is_package, _ = self.modules[name]
            spec = importlib.machinery.ModuleSpec(name, self, origin=file_of(name, is_package))  # type: ignore[arg-type]
            if is_package:
                spec.submodule_search_locations = [file_of(name, True).rpartition("/")[0]]
            return spec
        if any(name == known or name.startswith(f"{known}.") for known in NOTHING):
            return importlib.machinery.ModuleSpec(name, Nothings(), is_package=True)  # type: ignore[arg-type]
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        is_package, data = self.modules.pop(module.__name__)
        module.__file__ = file_of(module.__name__, is_package)
        exec(marshal.loads(data), vars(module))

    def folder(self, path: str) -> "Folder":
        """For sys.path_hooks: what is in one of netlib's packages, so that pkgutil can list it."""
        if path != ROOT and not path.startswith(f"{ROOT}/"):
            raise ImportError(path)
        return Folder(self, path.strip("/").replace("/", "."))


class Folder:
    """The modules of one package, for `pkgutil.iter_modules`."""

    def __init__(self, importer: Importer, package: str) -> None:
        self.importer = importer
        self.package = package

    def find_spec(self, name: str, target: Any = None) -> None:
        return None

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        there = {name: is_package for name, (is_package, _) in self.importer.modules.items()}
        there |= {name: hasattr(module, "__path__") for name, module in sys.modules.items() if module is not None}
        for name, is_package in sorted(there.items()):
            package, _, last = name.rpartition(".")
            if package == self.package:
                yield prefix + last, is_package


class Absent:
    """The last finder: says of what nobody has found why it isn't there."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        raise NotHere(
            f"No module named {name!r} here: while an exercise is graded there are Python's own modules, numpy, and"
            " netlib without what the exercise asks for",
            name=name,
        )


class Nothings:
    """Loads modules in which everything does nothing."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return NothingModule(spec.name)

    def exec_module(self, module: ModuleType) -> None: ...


class NothingModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing


class NothingType(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __iter__(cls) -> Iterator[Any]:
        return iter((cls, cls))  # figure, axes = plt.subplots()

    def __len__(cls) -> int:
        return 2


class Nothing(metaclass=NothingType):
    """Stands for whatever draws: it can be called, indexed, entered and derived from, and does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self

    def __getitem__(self, key: Any) -> Any:
        return self

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def __class_getitem__(cls, key: Any) -> Any:
        return cls

    def __iter__(self) -> Iterator[Any]:
        return iter((self, self))

    def __len__(self) -> int:
        return 2

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None: ...


def file_of(name: str, is_package: bool) -> str:
    """The file name that a module of netlib has in there."""
    return "/" + name.replace(".", "/") + ("/__init__.py" if is_package else ".py")
