"""The words of a wan: what they mean, and that each wrong one is a line that names it and the fix."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.lab import LabError, read_topology
from netlib.lab.wan.settings import (
    BOTH,
    KEYS,
    LARGEST_QUEUE,
    Settings,
    WanError,
    apply,
    read_line,
    read_values,
    read_words,
)
from netlib.lab.wan.state import Wan, Way, from_message, to_message

ROOT = Path(__file__).resolve().parents[2]
WAYS = {"eth1": Settings(), "eth2": Settings()}


def read(line: str) -> dict[str, Settings]:
    """The settings of each direction after an exec line."""
    interfaces, change = read_line(line.split())
    return apply(dict.fromkeys(interfaces, Settings()), change)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("delay=25ms", 0.025),
        ("delay=1s", 1.0),
        ("delay=150us", 150e-6),
        ("delay=0.5ms", 0.0005),
        ("delay=0", 0.0),
        ("loss=1%", 0.01),
        ("loss=0.01", 0.01),
        ("loss=100%", 1.0),
        ("loss=0", 0.0),
        ("drop=20,23,24", (20, 23, 24)),
        ("drop=24,20-22,20", (20, 21, 22, 24)),
        ("drop=none", ()),
        ("drop=", ()),
        ("reorder=5%", 0.05),
        ("reorder=5", (5,)),
        ("behind=3", 3),
        ("duplicate=0.5", 0.5),
        ("corrupt=7,9", (7, 9)),
        ("corrupt=0", 0.0),
        ("rate=20mbit", 20e6),
        ("rate=512kbit/s", 512e3),
        ("rate=1Gbit", 1e9),
        ("rate=none", None),
        ("mark=100%", 1.0),
        ("mark=1.0", 1.0),
        ("mark=none", 0.0),
        ("seed=7", 7),
    ],
)
def test_words_mean_what_they_say(word: str, value: object) -> None:
    settings = read(f"eth1 eth2 {word}")
    for each in settings.values():
        found = getattr(each, word.partition("=")[0])
        assert found == pytest.approx(value) if isinstance(value, float) else found == value


@pytest.mark.parametrize(
    ("word", "value"),
    [("queue=125kB", 125_000), ("queue=1500B", 1500), ("queue=64KiB", 65_536), ("queue=1mb", 1e6), ("ecn=3kB", 3000)],
)
def test_queues_are_in_bytes(word: str, value: float) -> None:
    assert getattr(read(f"eth1 eth2 rate=1mbit {word}")["eth1"], word.partition("=")[0]) == value


def test_a_word_with_an_interface_is_for_what_comes_in_there() -> None:
    settings = read("eth1 eth2 delay=25ms eth1:drop=20,23 eth2:delay=5ms")
    assert settings["eth1"] == Settings(delay=0.025, drop=(20, 23))
    assert settings["eth2"] == Settings(delay=0.005)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("eth1 eth2 delay=25", "'delay=25': a unit is missing; write it like 25ms"),
        ("eth1 eth2 delay=25sec", "'delay=25sec': 'sec' is no unit here; write it like 25ms"),
        ("eth1 eth2 delay=-5ms", "'delay=-5ms': write it like 25ms"),
        ("eth1 eth2 delay=2000000s", "from 0 to 3600s"),
        ("eth1 eth2 delay=", "'delay=': write it like 25ms"),
        ("eth1 eth2 loss=5", "'loss=5': a share is from 0 to 1, or from 0% to 100%; write 5% if that is meant"),
        ("eth1 eth2 loss=101%", "a share is from 0 to 1, or from 0% to 100%"),
        ("eth1 eth2 loss=half", "'loss=half': write a share of the frames like 1%"),
        ("eth1 eth2 drop=0", "'drop=0': write numbers of frames, counted from 1"),
        ("eth1 eth2 drop=5-3", "counted from 1"),
        ("eth1 eth2 drop=1%", "write numbers of frames"),
        ("eth1 eth2 drop=1-999999", "at most 10000 frames"),
        ("eth1 eth2 mark=a", "'mark=a': write a share like 1% or 0.01, or numbers of frames like 20,23"),
        ("eth1 eth2 rate=20", "'rate=20': a unit is missing; write it like 20mbit"),
        ("eth1 eth2 rate=20mb", "'mb' is no unit here; write it like 20mbit"),
        ("eth1 eth2 rate=0", "from 1bit to 100gbit; none for any rate"),
        ("eth1 eth2 rate=1mbit queue=125kbit", "'kbit' is no unit here; write it like 125kB"),
        ("eth1 eth2 rate=1mbit queue=0", "from 1B to 64MiB; none for no bound"),
        ("eth1 eth2 queue=125kB", "queue=... is about what waits for a rate, and there is none; add rate=20mbit"),
        ("eth1 eth2 ecn=5kB", "add rate=20mbit, or ecn=none"),
        ("eth1 eth2 rate=1mbit queue=5kB ecn=6kB", "ecn=6kB is more than the queue holds; write less than its 5kB"),
        ("eth1 eth2 jitter=5ms delay=1ms", "jitter=5ms is more than delay=1ms"),
        ("eth1 eth2 eth1:jitter=5ms", "jitter=5ms is more than delay=0ms"),
        ("eth1 eth2 seed=-1", "'seed=-1': write a whole number from 0"),
        ("eth1 eth2 behind=0", "write a whole number from 1 to 1000"),
        ("eth1 eth2 dely=25ms", "'dely=25ms': unknown key 'dely'; a wan knows delay, jitter, loss"),
        ("eth1 eth2 eth3:delay=1ms", "eth3: this wan has no such interface; it has eth1 and eth2"),
        ("eth1 eth2 :delay=1ms", "':delay=1ms' is no setting"),
        ("eth1 eth2 delay=1ms delay=2ms", "'delay=2ms': delay is there twice; remove one"),
        ("eth1 delay=25ms", "a wan has two interfaces, not eth1: write netlib-wan eth1 eth2 delay=25ms"),
        ("eth1 eth1", "a wan has two interfaces, not eth1 eth1"),
        ("", "a wan has two interfaces, not none"),
        ("eth1 eth2 eth3", "a wan has two interfaces"),
    ],
)
def test_a_wrong_word_is_one_line_with_the_fix(line: str, says: str) -> None:
    with pytest.raises(WanError) as caught:
        read(line)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pythons_numbers_are_seconds_shares_bits_and_bytes() -> None:
    change = read_values([], {"delay": 0.025, "loss": 0.01, "rate": 20e6, "queue": 125_000, "drop": [20, 23]})
    assert change == {BOTH: {"delay": 0.025, "loss": 0.01, "rate": 20e6, "queue": 125_000, "drop": (20, 23)}}
    assert read_values(["eth1"], {"mark": 1, "corrupt": 1.0, "drop": range(1, 3), "reorder": {4}, "delay": "25ms"}) == {
        "eth1": {"mark": (1,), "corrupt": 1.0, "drop": (1, 2), "reorder": (4,), "delay": 0.025}
    }
    assert read_values([], {"rate": None, "queue": None, "mark": None, "drop": []})[BOTH] == {
        "rate": None, "queue": None, "mark": 0.0, "drop": ()
    }  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [
        {"delay": "25"}, {"delay": True}, {"delay": math.nan}, {"delay": math.inf}, {"delay": None}, {"delay": [1]},
        {"loss": 2}, {"loss": None}, {"loss": b"1%"}, {"drop": [0]}, {"drop": [1.5]}, {"drop": [True]}, {"drop": 1.5},
        {"drop": {"a": 1}}, {"mark": 1.5}, {"mark": -1}, {"rate": 0}, {"rate": 10**400}, {"seed": 1.0}, {"seed": "x"},
        {"loss": math.nan}, {"queue": LARGEST_QUEUE + 1}, {"dealy": 1},
    ],
)  # fmt: skip
def test_wrong_python_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(WanError, match=next(iter(values))):
        read_values([], values)


def test_a_change_is_for_all_or_for_nothing() -> None:
    ways = {"eth1": Settings(delay=0.01), "eth2": Settings()}
    with pytest.raises(WanError, match="more than delay"):
        apply(ways, {"eth1": {"jitter": 0.005}, "eth2": {"jitter": 0.005}})
    changed = apply(ways, {BOTH: {"loss": 0.5}, "eth2": {"loss": 0.1}})
    assert (changed["eth1"], changed["eth2"]) == (Settings(delay=0.01, loss=0.5), Settings(loss=0.1))
    assert ways == {"eth1": Settings(delay=0.01), "eth2": Settings()}


def test_what_came_over_a_socket_is_checked_again() -> None:
    for change in ({BOTH: {"delay": "x"}}, {BOTH: {"nothing": 1}}, {"eth9": {}}):
        with pytest.raises(WanError):
            apply(WAYS, change)


@given(st.text(max_size=40))
def test_no_word_does_anything_else_than_being_read_or_refused(text: str) -> None:
    for word in (text, f"delay={text}", f"rate={text}", f"drop={text}", f"mark={text}", f"queue={text}"):
        try:
            read_line(["eth1", "eth2", word])
        except WanError as error:
            assert "\n" not in str(error) or "\n" in text


SHARES = st.floats(0, 1)
NUMBERS = st.sets(st.integers(1, 10**9), max_size=5).map(lambda numbers: tuple(sorted(numbers)))
WHICH = SHARES | NUMBERS.filter(bool)


@st.composite
def all_settings(draw: st.DrawFn) -> Settings:
    delay = draw(st.floats(0, 3600))
    rate = draw(st.none() | st.floats(1, 1e11))
    queue = draw(st.none() | st.floats(1, LARGEST_QUEUE)) if rate else None
    return Settings(
        delay=delay, jitter=draw(st.floats(0, delay)), loss=draw(SHARES), drop=draw(NUMBERS), reorder=draw(WHICH),
        behind=draw(st.integers(1, 1000)), duplicate=draw(WHICH), corrupt=draw(WHICH), rate=rate, queue=queue,
        ecn=draw(st.none() | st.floats(1, queue or LARGEST_QUEUE)) if rate else None, mark=draw(WHICH),
        seed=draw(st.integers(0, 1 << 62)),
    )  # fmt: skip


@given(all_settings())
def test_settings_travel_unchanged(settings: Settings) -> None:
    wan = Wan([Way("eth1", "eth2", settings, {"frames": 1})])
    assert from_message(json.loads(json.dumps(to_message(wan)))).settings == {"eth1": settings}
    assert apply({"eth1": Settings()}, {"eth1": settings._asdict()}) == {"eth1": settings}


@given(all_settings())
def test_settings_are_shown_as_words_that_can_be_typed(settings: Settings) -> None:
    words = settings.words()
    shown = {**Settings()._asdict(), **read_words(words).get(BOTH, {})}
    for key, value in settings._asdict().items():
        assert shown[key] == (pytest.approx(value, rel=1e-6, abs=1e-9) if isinstance(value, float) else value), key


def test_every_key_is_described() -> None:
    assert Settings._fields == KEYS


WAN = """\
nodes:
  h1:
    kind: linux
  wan:
    kind: linux
    exec:
      - netlib-wan eth1 eth2 delay=25ms
  h2:
    kind: linux
links:
  - {endpoints: ["h1:eth1", "wan:eth1"], mtu: 1500}
  - {endpoints: ["wan:eth2", "h2:eth1"], mtu: 1500}
"""


def test_a_topology_knows_its_wans(write: Callable[[str], Path]) -> None:
    assert read_topology(write(WAN)).wans == ["wan"]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("delay=25ms", "dealy=25ms", 11, "node wan: 'dealy=25ms': unknown key"),
        ("delay=25ms", "loss=5", 11, "node wan: 'loss=5': a share"),
        ("eth1 eth2 delay", "eth1 eth3 delay", 11, "node wan: no link gives it 'eth3'; it has eth1, eth2"),
        ("eth1 eth2 delay", "eth1 delay", 11, "node wan: a wan has two interfaces"),
        ("eth2 delay=25ms", "eth2 eth3:delay=25ms", 11, "this wan has no such interface"),
        ("25ms\n", "25ms\n      - netlib-wan eth1 eth2\n", 12, "has a netlib-wan line already (line 11)"),
        ("25ms\n", "25ms\n      - ip addr add 10.0.0.9/24 dev eth2\n", 12, "eth2 belongs to netlib-wan (line 11)"),
    ],
)
def test_a_wrong_wan_line_is_told_when_the_file_is_read(
    write: Callable[[str], Path], old: str, new: str, line: int, says: str
) -> None:
    assert old in WAN
    path = write(WAN.replace(old, new, 1))
    with pytest.raises(LabError, match=re.escape(f"topology.clab.yml:{line}: ")) as caught:
        read_topology(path)
    assert says in str(caught.value)


def test_the_nodes_part_needs_the_standard_library_only() -> None:
    """In a container there is nothing else, and -S leaves out what is installed here."""
    code = "import sys; sys.path.append(sys.argv[1]); import netlib.lab.wan.program as p; sys.exit(p.main(['help']))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "netlib-wan eth1 eth2" in done.stdout and all(key in done.stdout for key in KEYS)
