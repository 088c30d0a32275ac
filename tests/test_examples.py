"""Each example runs, as its first lines say, and shows what it is there to show."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def numbers(pattern: str, text: str) -> list[int]:
    """What the one group of a pattern finds, each as a number."""
    return [int(found.replace(",", "")) for found in re.findall(pattern, text)]


def sequence(out: str) -> bool:
    mine, netlibs, naive = out.splitlines()
    there = numbers(r"([+-][\d,]+) bytes from 2\^32", out)
    return "NOT all" in naive and "NOT" not in mine + netlibs and there[0] == there[1] > 100_000 and there[2] < 0


def rtt(out: str) -> bool:
    mine, netlibs, hasty = numbers(r"(\d+) timeouts", out)
    return out.count(" all bytes there") == 3 and mine < 3 and netlibs < 3 and hasty > 20


def congestion(out: str) -> bool:
    mine, reno = numbers(r"(\d+) frames lost", out)
    return out.count(": all bytes there") == 2 and mine == 0 and reno > 20


def output(out: str) -> bool:
    mine, nagle, nodelay = numbers(r"200 bytes in (\d+) segments", out)
    return nagle < mine < 20 and nodelay == 200 and "held: less than a word" in out and "held: Nagle" in out


def nat(out: str) -> bool:
    mine, netlibs = [line.split(":", 1)[1].strip() for line in out.splitlines()]
    return mine == netlibs == "([100000, 100000], ['203.0.113.1', '203.0.113.1'])"


SHOWS: dict[str, Callable[[str], bool]] = {
    "sequence": sequence,
    "reassembler": lambda out: "b'hello world'" in out and out.count(" all bytes there") == 2 and "NOT" not in out,
    "rtt": rtt,
    "congestion": congestion,
    "recovery": lambda out: out.count(" all bytes there") == 6 and "NOT" not in out,
    "output": output,
    "connection": lambda out: out.count(" all bytes there") == 4 and "NOT" not in out,
    "nat": nat,
    "nat_table": lambda out: nat("\n".join(out.splitlines()[:2])) and "10.0.0.3:5000 is port 4000" in out,
}


@pytest.mark.parametrize("name", SHOWS)
def test_an_example_runs_and_shows_what_it_is_for(name: str) -> None:
    command = [sys.executable, str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert SHOWS[name](done.stdout), done.stdout


@pytest.mark.parametrize("name", SHOWS)
def test_the_part_has_a_hundred_lines_of_code_at_most(name: str) -> None:
    source = (EXAMPLES / f"{name}.py").read_text()
    parts = [node for node in ast.parse(source).body if re.match("(My|my_)", getattr(node, "name", ""))]
    inside = [line.strip() for node in parts for line in source.splitlines()[node.lineno : node.end_lineno]]
    assert 1 < len([line for line in inside if line and not line.startswith(("#", '"""'))]) <= 100


def test_the_readme_names_each_of_them() -> None:
    readme = (EXAMPLES / "README.md").read_text()
    assert sorted(re.findall(r"^\| \[(\w+)\.py\]", readme, re.M)) == sorted(SHOWS)
    assert all(path.name in readme for path in EXAMPLES.glob("*.py"))
