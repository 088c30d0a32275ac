"""The requirements of RFC 4787, 5382 and 5508, and which tests show each: docs/nat.md is made of this.

    python -m tests.internet.nat_requirements        writes the page anew

A test says what it shows: `@pytest.mark.shows("RFC 4787 REQ-3a", "RFC 5382 REQ-7")`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parents[1]
LIST = Path(__file__).with_suffix(".txt")
PAGE = TESTS.parent / "docs" / "nat.md"


class Requirement(NamedTuple):
    """One of an RFC's numbers."""

    number: str  # "REQ-3a"
    level: str  # MUST, SHOULD (or RECOMMENDED, which is the same) or MAY
    text: str  # in our words
    reason: str = ""  # why there is no test; or, where there is one, what is different in netlib


class Shower(NamedTuple):
    """A test and what it shows."""

    file: Path
    name: str
    shows: list[str]  # "RFC 4787 REQ-3a"


def read() -> dict[str, list[Requirement]]:
    """nat_requirements.txt: "RFC 4787  UDP" -> its requirements."""
    documents: dict[str, list[Requirement]] = {}
    for line in LIST.read_text().splitlines():
        if found := re.fullmatch(r"(REQ-\d+[a-f]?) +(MUST|SHOULD|MAY) +(.+)", line):
            documents[list(documents)[-1]].append(Requirement(*found.groups()))
        elif line.startswith(" "):
            last = documents[list(documents)[-1]]
            last[-1] = last[-1]._replace(reason=line.strip())
        elif line and not line.startswith("#"):
            documents[line] = []
    return documents


def showing() -> list[Shower]:
    """All tests that say what they show, in the order of their files."""
    found = []
    for file in sorted(TESTS.rglob("test_*.py")):
        if "mark.shows(" not in (text := file.read_text()):
            continue
        for node in ast.parse(text).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.shows":
                    found.append(Shower(file, node.name, [ast.literal_eval(argument) for argument in mark.args]))
    return found


DOCUMENTS = read()

TITLE = """# NAT, requirement by requirement

<!-- written by python -m tests.internet.nat_requirements: do not edit -->

What RFC 4787 (UDP), RFC 5382 (TCP) and RFC 5508 (ICMP) ask of a NAT, and the tests that show that netlib's does so
(`netlib/internet/nat*.py`). The numbers are the RFCs'; the words are ours. SHOULD stands for RECOMMENDED too. What can
be chosen is in `netlib.internet.nat_table.Choices`, whose defaults keep to the RFCs; `LIKE_LINUX` are those of the
kernel. Each test runs by its name: `python -m pytest tests/internet -k who_may_come_in`.

Beside them stands `tests/interop/test_nat_lab.py`: netlib's NAT between two kernels, and the same capture explained by
the kernel's `conntrack` and by netlib's table.

"""


def page() -> str:
    """docs/nat.md."""
    by_number: dict[str, list[Shower]] = {}
    for test in showing():
        for number in test.shows:
            by_number.setdefault(number, []).append(test)
    requirements = [(document, each) for document, listed in DOCUMENTS.items() for each in listed]
    shown = sum(f"{document[:8]} {each.number}" in by_number for document, each in requirements)
    text = TITLE + f"Of {len(requirements)} requirements {shown} have tests; the others have the reason why not.\n"
    for document, listed in DOCUMENTS.items():
        rfc, protocol = document.split("  ")
        text += f"\n## {rfc}: {protocol}\n\n| number | | what | tests |\n|---|---|---|---|\n"
        for number, level, what, reason in listed:
            cells = [
                f"[{test.name.removeprefix('test_')}](../{test.file.relative_to(TESTS.parent)})"
                for test in by_number.get(f"{rfc} {number}", [])
            ]
            text += f"| {number} | {level} | {what} | {'<br>'.join([*cells, *([f'*{reason}*'] if reason else [])])} |\n"
    return text


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE}: {sum(map(len, DOCUMENTS.values()))} requirements, {len(showing())} tests")
