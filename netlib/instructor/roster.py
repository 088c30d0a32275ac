"""The students' ids, and which student each stands for: grading/names.csv.

An id names folders, database rows and web pages, so it is plain (`student_id`).  A platform's names are anything at
all, and two of them may come to the same id: the first keeps it, and the file remembers who that was, so that an id
stands for the same student in every assignment.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from netlib.instructor.archive import is_odd

LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "œ": "oe", "Œ": "Oe"}
)
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.I)  # no file name on Windows
LONGEST = 60
IDENTITY = 200  # characters of a platform's name for a student
HEAD = ["student", "handed in as", "name"]
FORMULA = tuple("=+-@\t\r'")  # what a spreadsheet would take for the beginning of a formula


class Roster:
    """Who is who.  `names` gives each id the name for people."""

    def __init__(self, root: Path) -> None:
        self.path = root / "grading" / "names.csv"
        self.ids: dict[str, str] = {}  # by what was handed in as
        self.names: dict[str, str] = {}
        self.saved = ""
        if self.path.is_file():
            self.saved = self.path.read_text("utf-8")
            for row in csv.reader(io.StringIO(self.saved)):
                if len(row) == len(HEAD) and row != HEAD:
                    student, identity, name = map(unquoted, row)
                    self.ids[identity], self.names[student] = student, name
        self.taken = {student.casefold() for student in self.ids.values()}

    def enroll(self, students: Sequence[tuple[str, str]]) -> list[str]:
        """Give ids to the students of these identities and names; returns the ids that are not what they'd be alone."""
        # who is spelt as the id is has the first claim on it
        for identity, name in sorted(students, key=lambda student: (student_id(student[0]) != student[0], student)):
            if identity not in self.ids:
                self.ids[identity] = self.free(student_id(identity))
            self.names[self.ids[identity]] = name
        return [self.ids[identity] for identity, _ in students if self.ids[identity] != student_id(identity)]

    def free(self, wanted: str) -> str:
        """This id, or with a number if another student has it, be it in other letters: "ada-2" beside "Ada"."""
        student, number = wanted, 1
        while student.casefold() in self.taken:
            number += 1
            student = f"{wanted}-{number}"
        self.taken.add(student.casefold())
        return student

    def save(self) -> None:
        """Write the file if it would change."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEAD)
        for identity, student in sorted(self.ids.items(), key=lambda pair: pair[1]):
            writer.writerow(map(quoted, (student, identity, self.names.get(student, identity))))
        if text.getvalue() != self.saved:
            self.path.parent.mkdir(exist_ok=True)
            new = self.path.with_suffix(".new")
            new.write_text(text.getvalue(), "utf-8")
            os.replace(new, self.path)


def bounded(identity: str) -> str:
    """An identity that fits in a table: a name in an archive may have 65,535 characters, which no table reads."""
    if len(identity) <= IDENTITY:
        return identity
    return f"{identity[:IDENTITY]} {hashlib.sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def quoted(text: str) -> str:
    """`text` for a table that is opened in a spreadsheet: no formula, no control character."""
    text = "".join(c.encode("unicode_escape").decode() if is_odd(c) or c == "\\" else c for c in text)
    return f"'{text}" if text.startswith(FORMULA) else text


def unquoted(text: str) -> str:
    """What `quoted` was given."""
    escape = re.compile(r"\\\\|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8}|\\[tnr]")
    text = text[1:] if text.startswith("'") else text
    return escape.sub(lambda found: found[0].encode().decode("unicode_escape"), text)


def student_id(identity: str) -> str:
    """A name that is one everywhere: ASCII letters, digits and ._@- only, neither long nor reserved.

    >>> student_id("Zoë Núñez-Groß"), student_id("../../etc"), student_id("李明")
    ('Zoe-Nunez-Gross', 'etc', 'student')
    """
    plain = unicodedata.normalize("NFKD", identity.translate(LETTERS)).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._@-]+", "-", plain)
    plain = re.sub(r"\.{2,}", ".", plain)[:LONGEST].strip("-._@ ")
    if RESERVED.fullmatch(plain):
        plain = f"student-{plain}"
    return plain or "student"
