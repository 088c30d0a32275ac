"""How values are written in reports: for people (`words`), and as Python that makes them again (`source`).

Bytes are hex in groups with their length; addresses are written as people write them; a dataclass shows the fields
that are not at their default.  Everything is bounded, and differs never between two runs.
"""

import dataclasses
from typing import Any

from netlib.grading.outcome import Raised
from netlib.grading.plain import Opaque, Record, clean, describe
from netlib.grading.plain import fields_of as record_fields

LINE = 16  # bytes on a line of hex
LONG = 128  # bytes that are shown of a long string
ITEMS = 12  # elements that are shown of a long list


def words(value: Any) -> str:
    """`value` for a reader; may have several lines."""
    if isinstance(value, bytes) and type(value).__str__ is not bytes.__str__:
        try:
            return clean(str(value))
        except Exception:  # an address of three bytes, say
            return hex_words(bytes(value))
    if isinstance(value, (bytes, bytearray)):
        return hex_words(bytes(value))
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, int):
        return f"{value} = {value:#x}" if abs(value) > 9 else str(value)
    if isinstance(value, Raised):
        return f"raises {value}"
    if isinstance(value, Opaque):
        return f"an object of class {value._class_name}: {value._text}"
    if isinstance(value, (list, tuple)) and value and any(has_parts(item) for item in value):
        shown = [f"[{index}] {indent(words(item))}" for index, item in enumerate(value[:ITEMS])]
        if len(value) > ITEMS:
            shown.append(f"... {len(value) - ITEMS} more")
        return f"{type(value).__name__} of {len(value)}:\n" + "\n".join(shown)
    return source(value)


def has_parts(value: Any) -> bool:
    return isinstance(value, (bytes, list, tuple, dict, Record)) or dataclasses.is_dataclass(value)


def indent(text: str) -> str:
    return text.replace("\n", "\n    ")


def hex_words(data: bytes) -> str:
    count = f"{len(data)} byte{'' if len(data) == 1 else 's'}"
    if not data:
        return "b'' (0 bytes)"
    if len(data) > LINE and len(set(data)) == 1:
        return f"{len(data)} times {data[0]:02x} ({count})"
    lines = [data[start : start + LINE].hex(" ") for start in range(0, min(len(data), LONG), LINE)]
    if len(data) > LONG:
        lines.append(f"... {len(data) - LONG} more")
    return (" " if len(lines) == 1 else "\n").join([*lines, f"({count})"])


def source(value: Any, limit: int = 20_000) -> str:
    """Python that makes `value` again."""
    text = python(value)
    return text if len(text) <= limit else f"{text[:limit]}..."


def python(value: Any) -> str:
    if type(value) in (bytes, bytearray):
        if not value:
            return "b''"
        if len(value) > 8 and len(set(value)) == 1:
            return f"bytes({len(value)})" if value[0] == 0 else f"bytes([{value[0]:#04x}]) * {len(value)}"
        return f'bytes.fromhex("{value.hex()}")'
    if type(value) is list:
        return f"[{', '.join(map(python, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(python, value))}{',' if len(value) == 1 else ''})"
    if type(value) is dict:
        return "{" + ", ".join(f"{python(key)}: {python(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Record):
        fields = ", ".join(f"{name}={python(item)}" for name, item in record_fields(value).items())
        return f"{value._class_name}({fields})"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__name__}({', '.join(fields_of(value))})"
    return describe(value) if not isinstance(value, str) else repr(value)


def fields_of(value: Any) -> list[str]:
    """name=source of each field that is not at its default."""
    shown = []
    for field in dataclasses.fields(value):
        item = getattr(value, field.name, None)
        if not field.init or (type(item) is type(field.default) and item == field.default):
            continue
        shown.append(f"{field.name}={python(item)}")
    return shown


def differences(expected: Any, got: Any, path: str = "", limit: int = 8) -> list[str]:
    """Where two values differ, in words: "[1].payload: 8 bytes expected, 16 came"."""
    found: list[str] = []
    if isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)):
        if len(expected) != len(got):
            found.append(f"{path or 'length'}: {len(expected)} elements expected, {len(got)} came")
        for index, (one, other) in enumerate(zip(expected, got, strict=False)):
            found += differences(one, other, f"{path}[{index}]")
    elif isinstance(expected, dict) and isinstance(got, dict):
        for key in [*expected, *(key for key in got if key not in expected)]:
            if key not in got or key not in expected:
                found.append(f"{path}[{key!r}]: {'missing' if key in expected else 'not expected'}")
            else:
                found += differences(expected[key], got[key], f"{path}[{key!r}]")
    elif type(expected) is type(got) and (names := field_names(expected)):
        for name in names:
            found += differences(getattr(expected, name, None), getattr(got, name, None), f"{path}.{name}")
    elif path and (expected != got or isinstance(got, Opaque)):
        found.append(f"{path.lstrip('.')}: {brief(expected)} expected, {brief(got)} came")
    return found[:limit]


def field_names(value: Any) -> list[str]:
    if isinstance(value, Record):
        return list(record_fields(value))
    return [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []


def brief(value: Any) -> str:
    """`value` on one short line."""
    text = words(value).replace("\n", " ")
    return text if len(text) <= 80 else f"{text[:77]}..."


def bytes_side_by_side(expected: bytes, got: bytes, like: type | None = None) -> str:
    """The rows that differ, with a mark below each byte that does; and its field, if `like` is a header."""
    rows: list[str] = []
    wrong = [i for i in range(max(len(expected), len(got))) if expected[i : i + 1] != got[i : i + 1]]
    shown = sorted({index // LINE for index in wrong})
    for row in shown[:6]:
        span = range(row * LINE, (row + 1) * LINE)
        rows.append(f"byte {row * LINE:>4}  " + " ".join(f"{i % LINE:>2}" for i in span).rstrip())
        rows.append("expected   " + " ".join(expected[i : i + 1].hex() or "--" for i in span).rstrip(" -"))
        rows.append("got        " + " ".join(got[i : i + 1].hex() or "--" for i in span).rstrip(" -"))
        rows.append("           " + " ".join("^^" if i in wrong else "  " for i in span).rstrip())
    if len(shown) > 6:
        rows.append(f"... {len(shown) - 6} more rows differ")
    fields = [field for field in getattr(like, "fields", ()) if any(touches(field, index) for index in wrong)]
    rows += [f"differs in: {field.name} (offset {field.offset // 8})" for field in fields]
    return "\n".join(rows)


def touches(field: Any, index: int) -> bool:
    return bool(field.offset < index * 8 + 8 and field.offset + field.width > index * 8)
