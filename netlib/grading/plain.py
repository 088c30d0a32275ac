"""Values that cross from the student's process, as plain data and never as pickle.

A pickle runs code where it is opened, so what a student's function returned is written as JSON: None, bool, int,
float, str, bytes, list, tuple, set, dict, and dataclasses by the names of their fields.  netlib's own classes come
back as themselves, without running their constructors; any other dataclass comes back as a `Record`; everything
else is `Opaque`, which knows its class name and equals nothing.  Size and depth are bounded.  Base-class methods
(`bytes.hex`, `list.__iter__`) read the value, because a student's subclass may have changed its own.
"""

import dataclasses
import json
import re
import sys
from collections.abc import Iterable
from typing import Any

MAX_DEPTH = 20
MAX_NODES = 200_000
MAX_BYTES = 4_000_000  # of all strings in one value
MAX_BITS = 10_000  # of an integer
MAX_NAME = 80  # characters of the name of a class or field that are kept
SHOWN = 400  # characters of a text that are kept
SAME_HASH = 64  # elements of a set, or keys of a dict, that may have the same hash
# where the dataclasses are that exercises ask for: of those that check and grade, none is ever made from outside
PACKAGES = ("wire", "link", "internet", "host", "apps", "worlds", "exercises")


class TooLarge(ValueError):
    """A value with more depth, elements or bytes than a check accepts."""


class Record:
    """A dataclass instance of a class that the checking side does not know: its class name and its fields."""

    __slots__ = ("_class_name", "_values")

    def __init__(self, class_name: str, fields: dict[str, Any]) -> None:
        self._class_name = class_name
        self._values = fields

    def __getattr__(self, name: str) -> Any:
        # nothing of Python's own is asked of a value that is not this side's
        if name in Record.__slots__ or name.startswith("__") or name not in self._values:
            raise AttributeError(f"this record has no field {name!r}")
        return self._values[name]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Record) and self._class_name == other._class_name and fields_of(self) == fields_of(other)
        )

    def __hash__(self) -> int:
        return hash(self._class_name)

    def __repr__(self) -> str:
        return f"{self._class_name}({', '.join(f'{name}={value!r}' for name, value in fields_of(self).items())})"


def fields_of(record: Record) -> dict[str, Any]:
    """The fields of a Record, whatever they are called."""
    return record._values


class Opaque:
    """An object that is not plain data.  It equals nothing, itself included."""

    __slots__ = ("_class_name", "_text")

    def __init__(self, class_name: str, text: str) -> None:
        self._class_name = class_name
        self._text = text

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return self._text


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
            if int.bit_length(value) > MAX_BITS:
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
        return self.other(value)

    def other(self, value: Any) -> Any:
        """What is no plain data."""
        if isinstance(value, Opaque):
            return {"o": value._text, "class": value._class_name}
        return {"o": describe(value), "class": type(value).__qualname__[-MAX_NAME:]}

    def all(self, values: Iterable[Any], depth: int) -> list[Any]:
        return [self.encode(value, depth + 1) for value in values]

    def count(self, length: int) -> None:
        self.bytes += length
        if self.bytes > MAX_BYTES:
            raise TooLarge(f"holds more than {MAX_BYTES // 1_000_000} MB")


def encode(value: Any) -> Any:
    """`value` as data that `json` takes; raises `TooLarge`."""
    return Encoder().encode(value)


class Decoder:
    """Makes one value from what says that it is from `encode`, and may not be.  Runs no code of the student's.

    Raises ValueError or TypeError.  It holds `encode`'s bounds itself, and one more: among the elements of sets and the
    keys of dicts only a few may have the same hash, because n of them take n * n comparisons to put in.
    """

    def __init__(self) -> None:
        self.nodes = 0
        self.bytes = 0

    def decode(self, data: Any, depth: int = 0) -> Any:
        if data is None or data is True or data is False:
            return data
        self.nodes += 1
        if not isinstance(data, dict) or depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise ValueError("not an encoded value")
        if "i" in data:
            return int(self.text(data["i"], MAX_BITS // 4 + 2), 16)
        if "f" in data:
            return float.fromhex(self.text(data["f"], 60))
        if "s" in data:
            return self.raw(data["s"]).decode("utf-8", "surrogatepass")
        if "b" in data:
            raw = self.raw(data["b"])
            known = known_class(data.get("class", ""), bytes)
            return raw if known is None else bytes.__new__(known, raw)
        if "l" in data:
            return self.all(data["l"], depth)
        if "t" in data:
            return tuple(self.all(data["t"], depth))
        if "S" in data:
            return set(well_spread(self.all(data["S"], depth)))
        if "F" in data:
            return frozenset(well_spread(self.all(data["F"], depth)))
        if "d" in data:
            pairs = [(self.decode(key, depth + 1), self.decode(value, depth + 1)) for key, value in data["d"]]
            well_spread([key for key, _ in pairs])
            return dict(pairs)
        if "r" in data:
            fields = {
                clean(self.text(name, MAX_NAME)): self.decode(value, depth + 1) for name, value in data["r"].items()
            }
            return instance(str(data["class"]), fields)
        return self.other(data)

    def other(self, data: dict[str, Any]) -> Any:
        """What is no plain data."""
        if "o" in data:
            return Opaque(clean(str(data["class"]), MAX_NAME), clean(str(data["o"]), SHOWN))
        raise ValueError("not an encoded value")

    def all(self, items: Any, depth: int) -> list[Any]:
        if not isinstance(items, list):
            raise ValueError("not an encoded value")
        return [self.decode(item, depth + 1) for item in items]

    def text(self, text: Any, limit: int) -> str:
        if not isinstance(text, str) or len(text) > limit:
            raise ValueError("not an encoded value")
        return text

    def raw(self, text: Any) -> bytes:
        raw = bytes.fromhex(self.text(text, 2 * (MAX_BYTES - self.bytes)))
        self.bytes += len(raw)
        return raw


def decode(data: Any) -> Any:
    """The value that `encode` wrote.  Runs no code of the student's; ValueError or TypeError for any other `data`."""
    return Decoder().decode(data)


def well_spread(items: list[Any]) -> list[Any]:
    """The same items, if only a few have the same hash."""
    hashes = sorted(map(hash, items))
    if any(one == other for one, other in zip(hashes, hashes[SAME_HASH:], strict=False)):
        raise ValueError("too many elements with the same hash")
    return items


def read_json(data: bytes) -> dict[str, Any]:
    """An object from JSON text of a process that is not to be trusted: ValueError for what is no such thing.

    A few bytes of JSON can become a hundred in memory, so its parts are counted before it is read.
    """
    if data.count(b"{") + data.count(b"[") + data.count(b",") > 4 * MAX_NODES:
        raise ValueError("too many parts")
    try:
        found = json.loads(data, parse_int=small_number, parse_constant=no_number)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def small_number(text: str) -> int:
    if len(text) > 15:
        raise ValueError("a long number")
    return int(text)


def no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def clean(text: str, limit: int = SHOWN) -> str:
    """At most `limit` characters of text that does nothing to a terminal or page: line ends and tabs stay, every
    other control character, and what changes the direction of writing, is shown as its escape."""
    text = text[:limit]
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else letter.encode("unicode_escape").decode()
        for letter in text
    )


def plain(value: Any) -> Any:
    """`value` as it would arrive from the student's process, so that both sides compare alike."""
    return decode(encode(value))


def class_path(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def known_class(path: str, base: type) -> type | None:
    """netlib's class of that path, if netlib has it and it is a `base`."""
    module, _, name = path.partition(":")
    if module.split(".")[:1] != ["netlib"] or module.split(".")[1:2] not in ([name] for name in PACKAGES):
        return None
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) and issubclass(found, base) and class_path(found) == path else None


def instance(path: str, fields: dict[str, Any]) -> Any:
    kind = known_class(path, object)
    if kind is None or not dataclasses.is_dataclass(kind) or {f.name for f in dataclasses.fields(kind)} != set(fields):
        return Record(clean(path.rpartition(":")[2].rpartition(".")[2], MAX_NAME), fields)
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
    return clean(re.sub(r" at 0x[0-9a-fA-F]+", "", text[:SHOWN]))
