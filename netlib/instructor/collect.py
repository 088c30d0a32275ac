"""Collect a class's submissions from a folder or a zip file into submitted/<student>/<assignment>/.

Of each student one notebook is kept: the newest of what was handed in for this assignment that can be read.  It is
copied byte for byte, not opened; beside it stands `timestamp.txt`, which nbgrader reads to count late days.  A student
who handed in nothing that can be graded gets `not-collected.txt` in its place, with the reason.

`layouts` knows whose a file is, `roster` gives out ids, `archive` reads without following or trusting anything.  What
is odd in one submission is a line in the result and stops no other.
"""

from __future__ import annotations

import io
import os
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO

from netlib.instructor.archive import (
    CHUNK,
    LEADS_OUT,
    MOST_BYTES,
    Member,
    Refused,
    members,
    open_regular,
    shown,
    why_not,
)
from netlib.instructor.layouts import Owner, is_handed_in, is_notebook, names, owners, stem
from netlib.instructor.roster import Roster, bounded, student_id

NOT_COLLECTED = "not-collected.txt"
TIMESTAMP = "timestamp.txt"
STAMP = "%Y-%m-%d %H:%M:%S.%f UTC"  # as nbgrader's exchange writes it
SPARE = 256 * 1024 * 1024  # bytes of the disk that stay free
FEW = 5  # lines about one student's odd files


@dataclass(slots=True)
class Collected:
    """What came of collecting.

    `students`: each student's notebook in submitted/.  `names`: each student's name as the platform has it.
    `notes` say what was chosen or put right; `look` says what the instructor should look at.  Lines begin with the
    student's id where they are about one.
    """

    students: dict[str, Path] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    look: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One file of a student's."""

    member: Member
    owner: Owner
    rank: int  # 0: has the assignment's name; 1: has it in its name; 2: another notebook; 3: another assignment's
    place: int  # in the source

    @property
    def when(self) -> datetime | None:
        """When it was handed in: as the platform says it, else when the file was last changed."""
        return self.owner.when or self.member.when

    def key(self) -> tuple[datetime, int, datetime, int]:
        """The best has the greatest: the newest attempt, in it the one named best, of these the newest."""
        never = datetime.min.replace(tzinfo=UTC)
        return self.owner.when or never, -self.rank, self.member.when or never, self.place


def collect(source: Path, root: Path, assignment: str, into: Path | None = None) -> Collected:
    """Collect `assignment` from a folder or zip file as a learning platform gives it.

    `root` is the course's top folder; the notebooks go to `into`, or submitted/ in `root`.  Raises Refused when there
    is no such source.
    """
    found = Collected()
    others = {folder.name for place in ("course", "solutions") for folder in root.glob(f"{place}/*/")} - {assignment}
    roster = Roster(root)
    with members(source) as listed:
        files = []
        for member in listed:
            if member.trouble == LEADS_OUT:  # no name on such a path is a student's
                nobodys(member, found)
            elif not set(member.parts[:-1]) & others:
                files.append(member)
        if not files:
            found.look.append(f"{shown(source.name)}: empty; nothing was collected")
        by_student: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
        for place, (member, owner) in enumerate(zip(files, owners(files, assignment), strict=True)):
            if owner is None or (owner.identity == stem(member.name) and not is_handed_in(member.name)):
                nobodys(member, found)
            else:
                candidate = Candidate(member, owner, rank(owner.rest, assignment, others), place)
                by_student[owner.identity, owner.number].append(candidate)
        for student, candidates in enrolled(by_student, roster, found):
            keep_best(Place(student, into or root / "submitted", assignment), candidates, found)
    roster.save()
    return found


def nobodys(member: Member, found: Collected) -> None:
    """Say why a file that belongs to no student is left out."""
    if member.trouble:
        found.look.append(f"{member.shown}: {member.trouble}")
    elif is_handed_in(member.name):
        fix = "put it into a folder with the student's name"
        found.look.append(f"{member.shown}: nothing says whose it is; {fix}, and collect again")
    else:
        found.notes.append(f"{member.shown}: not a notebook; left out")


def rank(name: str, assignment: str, others: set[str]) -> int:
    """How much a file's name speaks for its being this assignment's; 0 is best."""
    if names(name, assignment):
        return 0
    if any(names(name, other) for other in others):
        return 3
    return 1 if assignment.casefold() in name.casefold() else 2


def enrolled(
    by_student: dict[tuple[str, str], list[Candidate]], roster: Roster, found: Collected
) -> Iterator[tuple[str, list[Candidate]]]:
    """Each student's id and files, in order of the ids."""
    known_as = Counter(identity for identity, _ in by_student)
    namesakes = sorted(identity for identity, count in known_as.items() if count > 1)
    for identity in namesakes:
        found.look.append(
            f"{known_as[identity]} students are called {shown(identity)}: their ids end in the platform's numbers, "
            "which may differ from one assignment to the next"
        )

    def identify(identity: str, number: str) -> str:
        return bounded(f"{identity} {number}" if known_as[identity] > 1 else identity)

    people = [(identify(*key), bounded(candidates[0].owner.name)) for key, candidates in by_student.items()]
    changed = roster.enroll(people)
    for student in sorted(changed):
        found.look.append(f"{student}: {shown(roster.names[student])} has this id because another student's is so near")
    students = {roster.ids[identify(*key)]: candidates for key, candidates in by_student.items()}
    for student in sorted(students):
        found.names[student] = roster.names[student]
        yield student, students[student]


def keep_best(place: Place, candidates: list[Candidate], found: Collected) -> None:
    """Put the notebook that counts into its place, or say why there is none."""
    student = place.student
    odd = [candidate.member for candidate in candidates if candidate.member.trouble]
    found.look += [f"{student}: {member.shown}: {member.trouble}" for member in odd[:FEW]]
    if len(odd) > FEW:
        found.look.append(f"{student}: {len(odd) - FEW} more files that can't be read")
    notebooks = sorted((c for c in candidates if is_notebook(c.owner.rest)), key=Candidate.key, reverse=True)
    right = [candidate for candidate in notebooks if candidate.rank < 3]
    why = ""
    for tried, candidate in enumerate(right or notebooks):
        shown_name = candidate.member.shown
        try:
            done = place.put(candidate.member, candidate.when)
        except Refused as refused:
            why = why or f"{shown_name}: {refused}"
            if not candidate.member.trouble:
                found.look.append(f"{student}: {shown_name}: {refused}")
            continue
        found.students[student] = place.notebook
        if tried:
            found.look.append(f"{student}: {shown_name} counts, because what is newer can't be read")
        elif len(right) > 1:
            found.notes.append(f"{student}: {len(right)} notebooks were handed in; {shown_name} counts{of(candidate)}")
        twins = [other for other in right if other.member.shown == shown_name]
        if len(twins) > 1:
            found.look.append(f"{student}: {len(twins)} files are called {shown_name}; the newest counts")
        if candidate.rank == 3:
            found.look.append(f"{student}: {shown_name} has another assignment's name, and there is no other notebook")
        elif not names(candidate.owner.rest, place.assignment):
            found.notes.append(f"{student}: {shown_name} taken for {place.assignment}.ipynb")
        if candidate.when and candidate.when > datetime.now(UTC) + timedelta(days=1):
            found.look.append(f"{student}: {shown_name} is dated in the future{of(candidate)}")
        if done:
            (found.look if done.startswith("kept") else found.notes).append(f"{student}: {done}")
        return
    if not notebooks:
        files = ", ".join(sorted({shown(candidate.member.name, 40) for candidate in candidates})[:FEW])
        why = f"{odd[0].shown}: {odd[0].trouble}" if odd else f"no notebook among what was handed in: {files}"
        if not odd:
            found.look.append(f"{student}: {why}")
    try:
        if place.excuse(why, max((c.when for c in candidates if c.when), default=None)):
            found.look.append(f"{student}: what was collected before stays")
    except Refused as refused:
        found.look.append(f"{student}: {refused}")


def of(candidate: Candidate) -> str:
    return f" (of {candidate.when:%Y-%m-%d %H:%M} UTC)" if candidate.when else ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a student's notebook goes."""

    student: str
    top: Path  # submitted/
    assignment: str

    @property
    def folder(self) -> Path:
        return self.top / self.student / self.assignment

    @property
    def notebook(self) -> Path:
        return self.folder / f"{self.assignment}.ipynb"

    def put(self, member: Member, when: datetime | None) -> str:
        """Copy a notebook here, unless a newer one is here; returns what is worth a line.  Raises Refused."""
        new = self.folder / ".collected"
        with self.writing():
            try:
                with self.create(new) as file:
                    member.copy(file, min(MOST_BYTES, room(self.folder)))
                done, keep = self.compare(new, when)
                if not keep:
                    os.replace(new, self.notebook)
                    self.stamp(when)
                    (self.folder / NOT_COLLECTED).unlink(missing_ok=True)
                return done
            finally:
                new.unlink(missing_ok=True)

    def excuse(self, why: str, when: datetime | None) -> bool:
        """Leave a line in the place of a notebook; returns whether there is one already, which stays."""
        with self.writing():
            if os.path.lexists(self.notebook):
                return True
            with self.create(self.folder / NOT_COLLECTED) as file:
                file.write(f"{why}\n".encode())
            self.stamp(when)
            return False

    def compare(self, new: Path, when: datetime | None) -> tuple[str, bool]:
        """What to say about the notebook that is here already, and whether it stays."""
        try:
            with open_regular(self.notebook) as old, new.open("rb") as file:
                if same(old, file):
                    return "", True  # with the date it has: handing in the same again makes nobody late
        except Refused:
            return "", False  # none, or a link: replaced
        before = self.when()
        if when is None:
            return "kept what was collected before: nothing says when the other was handed in", True
        if before and before > when:
            return f"a newer notebook (of {before:%Y-%m-%d %H:%M} UTC) is here already and stays", True
        return "replaces the notebook collected before", False

    def when(self) -> datetime | None:
        """When the notebook that is here was handed in."""
        with suppress(Refused, OSError, ValueError), open_regular(self.folder / TIMESTAMP) as file:
            text = file.read(100).decode().strip()
            return datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC)
        return datetime.fromtimestamp(self.notebook.stat().st_mtime, UTC)

    def stamp(self, when: datetime | None) -> None:
        path = self.folder / TIMESTAMP
        path.unlink(missing_ok=True)
        if when:
            with self.create(path) as file:
                file.write(when.strftime(STAMP).encode())

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The folder is there in this block; Refused where something else has its name, or it can't be written."""
        try:
            for folder in (self.folder.parent, self.folder):
                if not folder.is_symlink():
                    folder.mkdir(parents=True, exist_ok=True)
                if folder.is_symlink() or not folder.is_dir():
                    raise FileExistsError
            yield
        except FileExistsError:
            raise Refused(f"{shown(str(self.folder))} or what it is in is a link or a file; remove it") from None
        except OSError as error:
            raise Refused(f"can't be written to {shown(str(self.folder))}: {error.strerror}") from None

    @staticmethod
    def create(path: Path) -> IO[bytes]:
        """A new file, in place of whatever has its name."""
        path.unlink(missing_ok=True)
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666), "wb")


def same(one: IO[bytes], other: IO[bytes]) -> bool:
    while True:
        a, b = one.read(CHUNK), other.read(CHUNK)
        if a != b:
            return False
        if not a:
            return True


def room(folder: Path) -> int:
    """How many bytes may still be written to the disk; Refused when it is full."""
    left = shutil.disk_usage(folder).free - SPARE
    if left <= 0:
        raise Refused("the disk is nearly full; make room and collect again")
    return left


def submitted_notebooks(root: Path, assignment: str) -> list[tuple[str, Path, str]]:
    """What there is to grade: student, notebook, and why it can't be read or nothing; in order of the ids.

    Nothing is opened and no link is followed.  `read` reads a notebook with the same care.
    """
    top = root / "submitted"
    found = []
    for folder in sorted(top.iterdir()) if top.is_dir() else []:
        place = Place(folder.name, top, assignment)
        if folder.name.startswith(".") or not folder.is_dir() or not os.path.lexists(place.folder):
            continue
        found.append((folder.name, place.notebook, amiss(place)))
    return found


def amiss(place: Place) -> str:
    """Why a student's notebook can't be read, in one line, or nothing."""
    if student_id(place.student) != place.student and not re.fullmatch(r"[\w.@+ -]{1,128}", place.student):
        return f"{shown(place.student)} can't be a student's id; rename the folder to {student_id(place.student)}"
    for folder in (place.folder.parent, place.folder):
        if folder.is_symlink() or not folder.is_dir():
            return f"{shown(folder.name)} is a link or a file, not a folder"
    try:
        status = place.notebook.lstat()
    except OSError:
        with suppress(Refused), open_regular(place.folder / NOT_COLLECTED) as file:
            return shown(file.read(1000).decode("utf-8", "replace").strip(), 300)
        return f"no {place.notebook.name} was handed in"
    return why_not(status)


def read(notebook: Path) -> bytes:
    """The bytes of a notebook in submitted/.  Raises Refused for a link, a pipe, or more than MOST_BYTES."""
    file = io.BytesIO()
    Member((notebook.name,), None, open=partial(open_regular, notebook)).copy(file)
    return file.getvalue()
