"""What a wan does to frames, and how it is written: `delay=25ms loss=1% eth1:drop=20,23`.

    start, change = read_line(["eth1", "eth2", "delay=25ms", "eth1:drop=20,23"])
    ways = apply({name: Settings() for name in start}, change)
    ways["eth1"].drop                                   # (20, 23)

Each direction has its own settings, named after the interface where its frames come in; a word without an interface is
for both. Words say their units. Python's numbers are seconds, shares from 0 to 1, bit/s and bytes, as in
`netlib.worlds.simulation`. A wrong word is a WanError: one line that names the word and the fix.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

BOTH = ""  # in a change: the settings for every direction
Which = float | tuple[int, ...]  # frames by share (0.01) or by number (20, 23)
Change = dict[str, dict[str, Any]]  # interface or BOTH -> key -> value, as JSON keeps it

LONGEST_DELAY = 3600.0  # seconds; light needs 1300 to Mars at its farthest
HIGHEST_RATE = 1e11  # bit/s
LARGEST_QUEUE = 64 << 20  # bytes: what the relay holds of a direction at most
MOST_NUMBERS = 10_000
HIGHEST_NUMBER = 10**9


class WanError(ValueError):
    """A word, or a value, that a wan does not take. One line."""


class Settings(NamedTuple):
    """One direction's. Without any, frames pass at once and untouched."""

    delay: float = 0.0  # seconds
    jitter: float = 0.0  # seconds: each frame's delay is off by up to this much, either way; frames stay in order
    loss: float = 0.0  # share of frames
    drop: tuple[int, ...] = ()  # the numbers of frames to lose, from 1
    reorder: Which = 0.0  # frames that the next `behind` frames overtake
    behind: int = 1
    duplicate: Which = 0.0  # frames that arrive twice
    corrupt: Which = 0.0  # frames with one wrong bit
    rate: float | None = None  # bit/s; None: any
    queue: float | None = None  # bytes that may wait before a frame; None: any number
    ecn: float | None = None  # bytes: frames that find as many waiting are marked CE, if they are ECT (RFC 3168)
    mark: Which = 0.0  # frames to mark CE at once, if they are ECT
    seed: int = 1

    def words(self) -> list[str]:
        """As the words of a line, those that are not the default."""
        default = Settings()
        return [
            f"{key}={_UNITS[key](value)}" for key, value in self._asdict().items() if value != getattr(default, key)
        ]

    def __str__(self) -> str:
        return " ".join(self.words()) or "nothing is changed"


def read_line(words: Sequence[str]) -> tuple[tuple[str, str], Change]:
    """The two interfaces and the settings of `netlib-wan eth1 eth2 key=value ...`, checked as far as words can be."""
    interfaces = [word for word in words if "=" not in word]
    if len(interfaces) != 2 or interfaces[0] == interfaces[1]:
        there = " ".join(interfaces) or "none"
        raise WanError(f"a wan has two interfaces, not {there}: write netlib-wan eth1 eth2 delay=25ms")
    first, second = interfaces
    change = read_words([word for word in words if "=" in word])
    apply({first: Settings(), second: Settings()}, change)
    return (first, second), change


def read_words(words: Iterable[str]) -> Change:
    """The change that words like `delay=25ms` and `eth1:drop=20,23` ask for."""
    change: Change = {}
    for word in words:
        name, equals, text = word.partition("=")
        interface, colon, key = name.rpartition(":")
        if not equals or (colon and not interface):
            raise WanError(f"{word!r} is no setting; write one like delay=25ms, or eth1:drop=20,23")
        values = change.setdefault(interface, {})
        if key in values:
            raise WanError(f"{word!r}: {name} is there twice; remove one of the two")
        values[key] = _read(key, text, word)
    return change


def read_values(interfaces: Iterable[str], values: Mapping[str, Any]) -> Change:
    """The same from Python: `read_values(["eth1"], {"drop": [20, 23]})`. No interface: both directions."""
    read = {key: _read(key, value, f"{key}={value}") for key, value in values.items()}
    return {interface: dict(read) for interface in interfaces} or {BOTH: read}


def apply(ways: Mapping[str, Settings], change: Change) -> dict[str, Settings]:
    """The settings after a change, by interface. WanError when they cannot be had together; nothing is changed then."""
    for interface in change:
        if interface != BOTH and interface not in ways:
            raise WanError(f"{interface}: this wan has no such interface; it has {' and '.join(ways)}")
    changed: dict[str, Settings] = {}
    for interface, settings in ways.items():
        values = {**change.get(BOTH, {}), **change.get(interface, {})}
        checked = {key: _read(key, value, f"{key}={value}") for key, value in values.items()}
        changed[interface] = settings._replace(**checked)
        _check_together(changed[interface])
    return changed


def _check_together(settings: Settings) -> None:
    if settings.jitter > settings.delay:
        delay, jitter = _seconds_text(settings.delay), _seconds_text(settings.jitter)
        raise WanError(f"jitter={jitter} is more than delay={delay}, and no frame arrives before it was sent")
    for key in ("queue", "ecn"):
        if getattr(settings, key) is not None and settings.rate is None:
            raise WanError(
                f"{key}=... is about what waits for a rate, and there is none; add rate=20mbit, or {key}=none"
            )
    if settings.ecn is not None and settings.queue is not None and settings.ecn > settings.queue:
        raise WanError(f"ecn={_bytes_text(settings.ecn)} is more than the queue holds; write less than its "
                       f"{_bytes_text(settings.queue)}")  # fmt: skip


def _read(key: str, value: object, word: str) -> Any:
    """The value of a key, from a word's text or from Python."""
    if key not in _READERS:
        raise WanError(f"{word!r}: unknown key {key!r}; a wan knows {', '.join(_READERS)}")
    try:
        return _READERS[key](value.strip() if isinstance(value, str) else value)
    except WanError as error:
        raise WanError(f"{word!r}: {error}") from None


def _number(value: object) -> float | None:
    """A Python number that is one (True is not, nor is NaN)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return math.inf
    return None if math.isnan(number) else number


def _measure(value: object, units: Mapping[str, float], examples: str) -> float:
    """A number, or a text with one of these units."""
    number = _number(value)
    if number is not None:
        return number
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,15})?)\s?([A-Za-z]*(?:/s)?)", value) if isinstance(value, str) else None
    if not match:
        raise WanError(f"write {examples}")
    size, unit = match.groups()
    if unit.lower() not in units:
        if not unit and not float(size):
            return 0.0
        raise WanError(
            f"{unit!r} is no unit here; write {examples}" if unit else f"a unit is missing; write {examples}"
        )
    return float(size) * units[unit.lower()]


_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_BITS = {
    f"{prefix}bit{per}": size for prefix, size in (("", 1.0), ("k", 1e3), ("m", 1e6), ("g", 1e9)) for per in ("", "/s")
}
_BYTES = {"b": 1.0, "kb": 1e3, "mb": 1e6, "kib": 1024.0, "mib": float(1 << 20)}


def _seconds(value: object) -> float:
    seconds = _measure(value, _SECONDS, "it like 25ms or 1s")
    if not 0 <= seconds <= LONGEST_DELAY:
        raise WanError(f"it must be from 0 to {LONGEST_DELAY:.0f}s")
    return seconds


def _rate(value: object) -> float | None:
    if value in (None, "none"):
        return None
    rate = _measure(value, _BITS, "it like 20mbit or 512kbit; none for any rate")
    if not 1 <= rate <= HIGHEST_RATE:
        raise WanError("it must be from 1bit to 100gbit; none for any rate")
    return rate


def _bytes(value: object) -> float | None:
    if value in (None, "none"):
        return None
    size = _measure(value, _BYTES, "it like 125kB or 1500B; none for no bound")
    if not 1 <= size <= LARGEST_QUEUE:
        raise WanError(f"it must be from 1B to {LARGEST_QUEUE >> 20}MiB; none for no bound")
    return size


def _share(value: object) -> float:
    share = _number(value)
    if share is None and isinstance(value, str):
        match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,15})?)(\s?%)?", value)
        share = float(match[1]) / (100 if match[2] else 1) if match else None
    if share is None:
        raise WanError("write a share of the frames like 1% or 0.01")
    if not 0 <= share <= 1:
        percent = f"; write {share:g}% if that is meant" if 1 < share <= 100 and "%" not in str(value) else ""
        raise WanError(f"a share is from 0 to 1, or from 0% to 100%{percent}")
    return share


def _numbers(value: object) -> tuple[int, ...]:
    """Numbers of frames, in order: "20,23", [20, 23], "20-25"; none: ()."""
    if value in (None, "none", ""):
        return ()
    if isinstance(value, str):
        numbers: list[int] = []
        for part in value.split(","):
            match = re.fullmatch(r"(\d{1,10})(?:-(\d{1,10}))?", part.strip())
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
            if not 0 < first <= last:
                raise WanError("write numbers of frames, counted from 1, like 20,23,24 or 20-24")
            if last - first >= MOST_NUMBERS:
                raise WanError(f"at most {MOST_NUMBERS} frames can be named")
            numbers += range(first, last + 1)
    else:
        given = [value] if isinstance(value, int) else list(value) if isinstance(value, Iterable) else [value]
        numbers = [number for number in given if isinstance(number, int) and not isinstance(number, bool)]
        if len(numbers) != len(given):
            raise WanError("write numbers of frames, counted from 1, like [20, 23, 24]")
    if len(numbers) > MOST_NUMBERS:
        raise WanError(f"at most {MOST_NUMBERS} frames can be named")
    if any(not 1 <= number <= HIGHEST_NUMBER for number in numbers):
        raise WanError("frames are counted from 1")
    return tuple(sorted(set(numbers)))


def _which(value: object) -> Which:
    """Frames by share or by number. 0 is none of them; a whole number otherwise is a frame's."""
    if value in (None, "none", "", 0, "0"):
        return 0.0
    if isinstance(value, float) or (isinstance(value, str) and ("%" in value or "." in value)):
        return _share(value)
    try:
        return _numbers(value) or 0.0
    except WanError:
        raise WanError("write a share like 1% or 0.01, or numbers of frames like 20,23") from None


def _whole(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,20}", value) else value
        if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
            raise WanError(f"write a whole number from {low} to {high}")
        return number

    return read


_READERS: dict[str, Callable[[object], Any]] = {
    "delay": _seconds,
    "jitter": _seconds,
    "loss": _share,
    "drop": _numbers,
    "reorder": _which,
    "behind": _whole(1, 1000),
    "duplicate": _which,
    "corrupt": _which,
    "rate": _rate,
    "queue": _bytes,
    "ecn": _bytes,
    "mark": _which,
    "seed": _whole(0, (1 << 63) - 1),
}
KEYS = tuple(_READERS)


def _plain(value: float) -> str:
    """A number as people write it, without an exponent."""
    text = f"{value:.9f}"
    return text.rstrip("0").rstrip(".")


def _seconds_text(value: float) -> str:
    return f"{_plain(value)}s" if value >= 1 else f"{_plain(value * 1e3)}ms"


def _share_text(value: float) -> str:
    return f"{_plain(value * 100)}%"


def _numbers_text(value: Sequence[int]) -> str:
    return ",".join(map(str, value)) or "none"


def _which_text(value: Which) -> str:
    return _numbers_text(value) if isinstance(value, tuple) else _share_text(value)


def _rate_text(value: float | None) -> str:
    if value is None:
        return "none"
    for size, prefix in ((1e9, "g"), (1e6, "m"), (1e3, "k")):
        if value >= size:
            return f"{_plain(value / size)}{prefix}bit"
    return f"{_plain(value)}bit"


def _bytes_text(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{_plain(value / 1000)}kB" if value >= 1000 else f"{_plain(value)}B"


_UNITS: dict[str, Callable[[Any], str]] = {
    "delay": _seconds_text,
    "jitter": _seconds_text,
    "loss": _share_text,
    "drop": _numbers_text,
    "reorder": _which_text,
    "behind": str,
    "duplicate": _which_text,
    "corrupt": _which_text,
    "rate": _rate_text,
    "queue": _bytes_text,
    "ecn": _bytes_text,
    "mark": _which_text,
    "seed": str,
}
