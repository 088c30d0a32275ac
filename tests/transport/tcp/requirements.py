"""The requirements of RFC 9293 (its appendix B), and which script shows each: docs/rfc9293.md is made of this.

    python -m tests.transport.tcp.requirements        writes the page anew

What a script shows it says in its first line: "# MUST-14 SHLD-5: The MSS option ...".
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

SCRIPTS = Path(__file__).parent / "scripts"
FILES = sorted(SCRIPTS.rglob("*.pkt"))
PAGE = Path(__file__).parents[3] / "docs" / "rfc9293.md"
HEADER = re.compile(r"# ((?:(?:MUST|SHLD|MAY|REC)-\d+ ?)+): (.*)")


class Requirement(NamedTuple):
    """One of the RFC's numbers."""

    number: str
    section: str
    text: str  # in our words
    reason: str = ""  # why there is no script; or, where there is one, what is different in netlib


def read() -> dict[str, list[Requirement]]:
    """scripts/requirements.txt: topic -> its requirements."""
    topics: dict[str, list[Requirement]] = {}
    for line in (SCRIPTS / "requirements.txt").read_text().splitlines():
        if found := re.match(r"((?:MUST|SHLD|MAY|REC)-\d+) +([\d.]+) +(.*)", line):
            topics[list(topics)[-1]].append(Requirement(found[1], found[2], found[3]))
        elif line.startswith(" "):
            last = topics[list(topics)[-1]]
            last[-1] = last[-1]._replace(reason=line.strip())
        elif line and not line.startswith("#"):
            topics[line] = []
    return topics


TOPICS = read()
REQUIREMENTS = [requirement for topic in TOPICS.values() for requirement in topic]

TITLE = """# RFC 9293, requirement by requirement

<!-- written by python -m tests.transport.tcp.requirements: do not edit -->

What appendix B of RFC 9293 asks of TCP, and the packet scripts that show that netlib does so. A script drives one
host in simulated time: what its program calls, what comes from the network, and what it must answer, and when. How to
write one: `help(netlib.worlds.script)`. In a notebook:

```python
from netlib.worlds.script import run_script
print(run_script(open("tests/transport/tcp/scripts/close/MUST-13-TIME-WAIT.pkt").read()))
```

`segments(run.packets)` (netlib.view.segments) draws what a run has sent and got, and
`run_script(text, parts=Parts(tcp=TCPParts(rtt=MyRTT)))` runs it with a part of yours.

All of them run with `python -m pytest tests/transport/tcp/test_scripts.py`, each twice: from different first sequence
numbers of the peer. Together they take every arrow of the state figure. MUST, SHLD (SHOULD), MAY and REC
(RECOMMENDED) are the RFC's numbers; the words are ours.

"""


def numbers(file: Path) -> list[str]:
    """The requirements that a script shows."""
    found = HEADER.match(file.read_text())
    return found[1].split() if found else []


def scripts_by_number() -> dict[str, list[Path]]:
    """Which scripts show which requirement."""
    by_number: dict[str, list[Path]] = {}
    for file in FILES:
        for number in numbers(file):
            by_number.setdefault(number, []).append(file)
    return by_number


def linked(file: Path) -> str:
    return f"[{file.relative_to(SCRIPTS).with_suffix('')}](../{file.relative_to(PAGE.parents[1])})"


def page() -> str:
    """docs/rfc9293.md."""
    by_number = scripts_by_number()
    shown = sum(requirement.number in by_number for requirement in REQUIREMENTS)
    text = TITLE + f"Of {len(REQUIREMENTS)} requirements {shown} have scripts, {len(FILES)} in all; the others have "
    text += "the reason why not.\n"
    for topic, requirements in TOPICS.items():
        text += f"\n## {topic}\n\n| number | section | what | scripts |\n|---|---|---|---|\n"
        for number, section, what, reason in requirements:
            cell = "<br>".join(linked(file) for file in by_number.get(number, []))
            cell += ("<br>" if cell and reason else "") + (f"*{reason}*" if reason else "")
            text += f"| {number} | {section} | {what} | {cell} |\n"
    text += "\n## What has no number: the figures, section 3.10, and other RFCs\n\n"
    for file in FILES:
        if not numbers(file):
            text += f"- {linked(file)}: {file.read_text().splitlines()[0].removeprefix('# ')}\n"
    return text


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE}: {len(REQUIREMENTS)} requirements, {len(FILES)} scripts")
