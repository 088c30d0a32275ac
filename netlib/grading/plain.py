"""Values that cross from the student's process, as plain data and never as pickle.

A pickle runs code where it is opened, so what a student's function returned is written as JSON: None, bool, int,
float, str, bytes, list, tuple, set, dict, and dataclasses by the names of their fields.  netlib's own classes come
back as themselves, without running their constructors; any other dataclass comes back as a `Record`; everything
else is `Opaque`, which knows its class name and equals nothing.  Size and depth are bounded.  Base-class methods
(`bytes.hex`, `list.__iter__`) read the value, because a student's subclass may have changed its own.
"""

import dataclasses
import re
import sys
from collections.abc import Iterable
from typing import Any

MAX_DEPTH = 20
MAX_NODES = 200_000
MAX_BYTES = 4_000_000  # of all strings in one value


class TooLarge(ValueError):
    """A value with more depth, elements or bytes than a check accepts."""


class Record:
    """A dataclass instance of a class that the checking side does not know: its class name and its fields."""

    def __init__(self, class_name: str, fields: dict[str, Any]) -> None:
        self.__dict__.update(fields)
        self._class_name = class_name

    def _fields(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_class_name"}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(self._class_name)

    def __repr__(self) -> str:
        return f"{self._class_name}({', '.join(f'{name}={value!r}' for name, value in self._fields().items())})"


class Opaque:
    """An object that is not plain data.  It equals nothing, itself included."""

    def __init__(self, class_name: str, text: str) -> None:
        self.class_name = class_name
        self.text = text

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return self.text


class Encoder:
    """Writes one value as data that `json` takes.  Raises `TooLarge`."""

    def __init__(self) -> None:
        self.nodes = 0
        self.bytes = 0

    def encode(self, value: Any, depth: int = 0) -> Any:
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise TooLarge(f"is nested more than {MAX_DEPTH} deep")
        if self.nodes > MAX_NODES:
            raise TooLarge(f"has more than {MAX_NODES:,} elements")
        if value is None or value is True or value is False:
            return value
        kind = type(value)
        if issubclass(kind, int):
            if int.bit_length(value) > 10_000:
                raise TooLarge(f"is an integer of {int.bit_length(value):,} bits")
            return {"i": format(int.__index__(value), "x")}
        if issubclass(kind, float):
            return {"f": float.hex(value)}
        if issubclass(kind, str):
            self.count(str.__len__(value))
            return {"s": str.encode(value, "utf-8", "surrogatepass").hex()}
        if issubclass(kind, (bytes, bytearray)):
            self.count(memoryview(value).nbytes)
            raw = bytes(memoryview(value)).hex()
            return {"b": raw} if kind in (bytes, bytearray) else {"b": raw, "class": class_path(kind)}
        if issubclass(kind, memoryview):
            self.count(value.nbytes)
            return {"b": value.tobytes().hex()}
        if issubclass(kind, list):
            return {"l": self.all(list.__iter__(value), depth)}
        if issubclass(kind, tuple):
            return {"t": self.all(tuple.__iter__(value), depth)}
        if issubclass(kind, set):
            return {"S": self.all(set.__iter__(value), depth)}
        if issubclass(kind, frozenset):
            return {"F": self.all(frozenset.__iter__(value), depth)}
        if issubclass(kind, dict):
            return {"d": [self.all(pair, depth) for pair in dict.items(value)]}
        if dataclasses.is_dataclass(kind):
            names = [field.name for field in dataclasses.fields(kind)]
            values = self.all((object.__getattribute__(value, name) for name in names), depth)
            return {"r": dict(zip(names, values, strict=True)), "class": class_path(kind)}
        if kind.__module__ == "numpy" and hasattr(value, "tolist"):
            return self.encode(value.tolist(), depth + 1)
        return {"o": describe(value), "class": kind.__qualname__[-80:]}

    def all(self, values: Iterable[Any], depth: int) -> list[Any]:
        return [self.encode(value, depth + 1) for value in values]

    def count(self, length: int) -> None:
        self.bytes += length
        if self.bytes > MAX_BYTES:
            raise TooLarge(f"holds more than {MAX_BYTES // 1_000_000} MB")


def encode(value: Any) -> Any:
    """`value` as data that `json` takes; raises `TooLarge`."""
    return Encoder().encode(value)


def decode(data: Any) -> Any:
    """The value that `encode` wrote.  Runs no code of the student's; ValueError when `data` is not from `encode`."""
    if data is None or data is True or data is False:
        return data
    if not isinstance(data, dict):
        raise ValueError("not an encoded value")
    if "i" in data:
        return int(data["i"], 16)
    if "f" in data:
        return float.fromhex(data["f"])
    if "s" in data:
        return bytes.fromhex(data["s"]).decode("utf-8", "surrogatepass")
    if "b" in data:
        raw = bytes.fromhex(data["b"])
        known = known_class(data.get("class", ""), bytes)
        return raw if known is None else bytes.__new__(known, raw)
    for key, kind in (("l", list), ("t", tuple), ("S", set), ("F", frozenset)):
        if key in data:
            return kind(decode(item) for item in data[key])
    if "d" in data:
        return {decode(key): decode(value) for key, value in data["d"]}
    if "r" in data:
        fields = {str(name): decode(value) for name, value in data["r"].items()}
        return instance(str(data["class"]), fields)
    if "o" in data:
        return Opaque(str(data["class"]), str(data["o"]))
    raise ValueError("not an encoded value")


def plain(value: Any) -> Any:
    """`value` as it would arrive from the student's process, so that both sides compare alike."""
    return decode(encode(value))


def class_path(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def known_class(path: str, base: type) -> type | None:
    """netlib's class of that path, if netlib has it and it is a `base`."""
    module, _, name = path.partition(":")
    if module.partition(".")[0] != "netlib":
        return None
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) and issubclass(found, base) and class_path(found) == path else None


def instance(path: str, fields: dict[str, Any]) -> Any:
    kind = known_class(path, object)
    if kind is None or not dataclasses.is_dataclass(kind) or {f.name for f in dataclasses.fields(kind)} != set(fields):
        return Record(path.rpartition(":")[2].rpartition(".")[2], fields)
    made = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


def describe(value: Any) -> str:
    """A bounded `repr` without memory addresses, whatever `value.__repr__` does."""
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text[:400])
