"""What goes to a worker and what comes back: a submission, and the record of how it was graded.

Both are plain data.  A record is written by the trusted side alone; what a student's code said appears in it as text,
bounded and without control characters, or as HTML that the report has escaped.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["passed", "partial", "failed", "waiting"]


@dataclass(frozen=True, slots=True)
class Task:
    """One submission to grade.

    `submission` is the notebook's bytes as handed in, None where there is none to read (`trouble` says why).
    `released` is the instructor's own copy of the student's notebook: cells and points come from it.
    `seed` makes the inputs that are graded; it is the instructor's secret.  `unsafe`: without a sandbox.
    """

    assignment: str
    student: str
    submission: bytes | None
    released: bytes
    seed: int
    unsafe: bool = False
    trouble: str = ""


@dataclass(slots=True)
class Verdict:
    """How one exercise was graded.

    `points` were earned `of` so many.  `message` is one line of plain text.  `text` and `html` are the story that
    the student gets; `pcap` is the exchange it tells of, if there is one.  `look` is why an instructor should look
    at it, or nothing.
    """

    number: str
    name: str
    grade_id: str
    points: float
    of: float
    status: Status
    message: str
    text: str = ""
    html: str = ""
    pcap: bytes | None = None
    look: str = ""


@dataclass(slots=True)
class Record:
    """How one submission was graded.

    `digest` names all that it depends on.  `notes` tell the student what was put right in the notebook; `look` tells
    the instructor what to look at.  `notebook` is the notebook as repaired, as JSON data: cells and points of the
    release, the student's code, outputs as handed in (filtered), and the verdicts as the graded cells' outputs.
    """

    assignment: str
    student: str
    digest: str
    verdicts: list[Verdict]
    notes: list[str] = field(default_factory=list)
    look: list[str] = field(default_factory=list)
    unsafe: bool = False
    seconds: float = 0.0
    notebook: dict[str, Any] = field(default_factory=dict)

    @property
    def points(self) -> float:
        return sum(verdict.points for verdict in self.verdicts)

    def to_json(self) -> str:
        data = dataclasses.asdict(self)
        for verdict in data["verdicts"]:
            verdict["pcap"] = None if verdict["pcap"] is None else verdict["pcap"].hex()
        return json.dumps(data)

    @classmethod
    def from_json(cls, text: str) -> Record:
        """The record in a text that `to_json` wrote.  Raises ValueError, KeyError or TypeError for any other text."""
        data = json.loads(text)
        for verdict in data["verdicts"]:
            verdict["pcap"] = None if verdict["pcap"] is None else bytes.fromhex(verdict["pcap"])
        return cls(**data | {"verdicts": [Verdict(**verdict) for verdict in data["verdicts"]]})
