"""Whose a file is: how learning platforms name the folders and files of a class's submissions.

    Moodle       Ada Lovelace_4711_assignsubmission_file_/work.ipynb, or ..._assignsubmission_file_work.ipynb
    Canvas       lovelaceada_340934_208490284_work.ipynb, lovelaceada_LATE_340934_208490284_work.ipynb
    Blackboard   Homework 5_ada_attempt_2026-03-29-12-05-00_work.ipynb
    Brightspace  13394-80551 - Ada Lovelace - Mar 29, 2026 1205 PM/work.ipynb, or ... PM - work.ipynb
    ILIAS        Lovelace_Ada_ada_4711/work.ipynb
    nbgrader     ada+05-ip-packet+2026-03-29 12:05:00.000000 UTC/work.ipynb (an exchange's inbound folder)
    plain        ada/work.ipynb, ada/05-ip-packet/work.ipynb, 05-ip-packet/ada/work.ipynb, ada.ipynb

Only one name on a file's way says whose it is: the one where the files of a class part, at the same depth for all of
them.  What stands further in was named by the student, and must not make him somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from netlib.instructor.archive import Member

MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+(?:_(?P<rest>.*))?", re.S)
CANVAS = re.compile(r"(?P<name>.+?)(?:_LATE)?_(?P<number>\d+)_\d+_(?P<rest>.+)", re.S | re.I)
CANVAS_ANONYMOUS = re.compile(r"(?:LATE_)?(?P<name>anon_[0-9A-Za-z]+)_\d+_(?P<rest>.+)", re.S)
BLACKBOARD = re.compile(r"(?P<name>.+?)_attempt_(?P<stamp>\d{4}(?:-\d\d){5})(?:_(?P<rest>.*)|\.txt)?", re.S)
BRIGHTSPACE = re.compile(
    r"(?P<number>\d+)-\d+ - (?P<name>.+?) - (?P<stamp>\w+\.? \d{1,2}, \d{4} \d{1,4}(?: [AP]M)?)(?: - (?P<rest>.+))?",
    re.S | re.I,
)
ILIAS = re.compile(r"(?P<last>[^_]+)_(?P<first>[^_]+)_(?P<login>.+)_\d+", re.S)
EXCHANGE = re.compile(r"(?P<name>[^+]+)\+(?P<assignment>[^+]+)\+(?P<stamp>[^+]+ UTC)(?:\+.*)?", re.S)

PLATFORMS = [EXCHANGE, MOODLE, BRIGHTSPACE, BLACKBOARD]


@dataclass(frozen=True, slots=True)
class Owner:
    """Who handed a file in.

    `identity` is the text by which the platform knows the student; `number` tells two of the same identity apart, for
    this assignment.  `name` is for people.  `when` it was handed in, if the name says so.  `rest` is the file's name
    as the student gave it.
    """

    identity: str
    name: str
    rest: str
    number: str = ""
    when: datetime | None = None


def owners(files: Sequence[Member], assignment: str) -> list[Owner | None]:
    """Whose each file is; None where nothing tells."""
    depth = depth_of_names([file.parts for file in files], assignment)
    here = {(file.parts[depth], len(file.parts) == depth + 1) for file in files if len(file.parts) > depth}
    folders = {name for name, is_file in here if not is_file}
    alone = {name for name, is_file in here if is_file and is_handed_in(name)}
    # these two look like many another name, so all of the class have to agree
    canvas = bool(alone) and not folders and all(CANVAS_ANONYMOUS.fullmatch(n) or CANVAS.fullmatch(n) for n in alone)
    ilias = bool(folders) and not alone and all(ILIAS.fullmatch(name) for name in folders)
    # what a student has called his file, behind the platform's name for him, may look like another platform's
    agreed = [pattern for pattern in PLATFORMS if all(map(pattern.fullmatch, folders | alone))] or PLATFORMS
    platforms = [] if canvas and agreed is PLATFORMS else agreed
    title = common_title(name for name, _ in here)
    return [
        owner(file, depth, assignment, platforms, canvas, ilias, title) if len(file.parts) > depth else None
        for file in files
    ]


def depth_of_names(paths: Sequence[tuple[str, ...]], assignment: str) -> int:
    """How many folders stand around the students' names: those that all notebooks share, and that name no student."""
    known = [path for path in paths if path and is_handed_in(path[-1])] or [path for path in paths if path]
    if not known:
        return 0
    depth = shared_start([path[:-1] for path in known])

    def names_nobody(depth: int) -> bool:
        """Would most of what stands at this depth not be a student's name, or the name above be one?"""
        if distinctive(known[0][depth - 1]):
            return True
        if len(known) == 1 and len(known[0]) == depth + 1:
            return True
        below = [path[depth:] for path in known]
        nameless = [path[0] == assignment or (len(path) == 1 and names(path[0], assignment)) for path in below]
        return 2 * sum(nameless) >= len(nameless)

    while depth and names_nobody(depth):
        depth -= 1
    if depth == 0 and all(len(path) > 1 and path[0] == assignment for path in known):
        return 1  # <assignment>/<student>.ipynb of a single student
    return depth


def shared_start(sequences: Sequence[Sequence[str]]) -> int:
    """How many items the sequences begin with in common."""
    first, last = min(map(tuple, sequences)), max(map(tuple, sequences))
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))


def owner(
    file: Member,
    depth: int,
    assignment: str,
    platforms: Sequence[re.Pattern[str]],
    canvas: bool,
    ilias: bool,
    title: int,
) -> Owner | None:
    """Whose a file is, by the name at this depth."""
    name, last = file.parts[depth], file.name
    is_file = len(file.parts) == depth + 1 and not file.inner
    if EXCHANGE in platforms and (found := EXCHANGE.fullmatch(name)):
        return Owner(found["name"], found["name"], last, when=parse(found["stamp"], "%Y-%m-%d %H:%M:%S.%f UTC"))
    if MOODLE in platforms and (found := MOODLE.fullmatch(name)):
        return Owner(found["name"], found["name"], (is_file and found["rest"]) or last, found["number"])
    if BRIGHTSPACE in platforms and (found := BRIGHTSPACE.fullmatch(name)):
        when = parse_brightspace(found["stamp"])
        return Owner(found["name"], found["name"], (is_file and found["rest"]) or last, found["number"], when)
    if BLACKBOARD in platforms and (found := BLACKBOARD.fullmatch(name)):
        user = "_".join(found["name"].split("_")[title:])
        when = parse(found["stamp"], "%Y-%m-%d-%H-%M-%S")
        return Owner(user, user, (is_file and found["rest"]) or last, when=when)
    if canvas and (found := CANVAS_ANONYMOUS.fullmatch(name)):
        return Owner(found["name"], found["name"], found["rest"] if is_file else last)
    if canvas and (found := CANVAS.fullmatch(name)):
        user = f"{found['name']}_{found['number']}"  # this number is the same in all assignments
        return Owner(user, found["name"], found["rest"] if is_file else last)
    if ilias and (found := ILIAS.fullmatch(name)):
        return Owner(found["login"], f"{found['first']} {found['last']}", last)
    if len(file.parts) > depth + 1:
        return Owner(name, name, last)
    plain = without_assignment(stem(name), assignment)
    return Owner(plain, plain, last) if plain else None


def common_title(names: Iterable[str]) -> int:
    """How many words, parted by underscores, are the assignment's title in front of Blackboard's user names."""
    titles = [found["name"].split("_") for name in names if (found := BLACKBOARD.fullmatch(name))]
    if not titles:
        return 0
    if len({tuple(title) for title in titles}) == 1:
        return len(titles[0]) - 1  # one student: the last word
    return min(shared_start(titles), min(map(len, titles)) - 1)


def distinctive(name: str) -> bool:
    """Does a platform name a student's folder or file like this, and nobody else?"""
    return any(pattern.fullmatch(name) for pattern in PLATFORMS)


def is_handed_in(name: str) -> bool:
    """Is it what a student hands in, rather than a list or a page that the platform adds?"""
    return is_notebook(name) or name.lower().endswith(".zip")


def is_notebook(name: str) -> bool:
    """Browsers add an ending of their own to a file that they take for text."""
    return name.lower().endswith((".ipynb", ".ipynb.txt", ".ipynb.json"))


def stem(name: str) -> str:
    """The name without endings: "ada" of "ada.ipynb.txt"."""
    return re.sub(r"(?:\.ipynb)?(?:\.ipynb|\.txt|\.json|\.zip)$", "", name, flags=re.I) or name


def names(name: str, assignment: str) -> bool:
    """Is it the assignment's notebook, or a copy as browsers and Jupyter name them: "05-ip-packet (1).ipynb"?"""
    copy = r"(?:[ _-]*(?:copy|kopie|copie|copia)?[ _-]*(?:\(\d{1,3}\)|\d{1,3})?)"
    return bool(re.fullmatch(re.escape(assignment) + copy, stem(name), re.I))


def without_assignment(name: str, assignment: str) -> str:
    """A file's name less the assignment's, which some put before or after their own: "ada" of "ada_05-ip-packet"."""
    if names(name, assignment):
        return ""
    apart = r"[\s._-]+"
    return re.sub(f"^{re.escape(assignment)}{apart}|{apart}{re.escape(assignment)}$", "", name, flags=re.I)


def parse(stamp: str, form: str) -> datetime | None:
    """A time in UTC from one that says so, or from this machine's local time."""
    try:
        found = datetime.strptime(stamp, form)
        return found.replace(tzinfo=UTC) if form.endswith("UTC") else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def parse_brightspace(stamp: str) -> datetime | None:
    """"Mar 29, 2026 926 PM": the hour has no colon after it, and no zero before it."""
    day, _, clock = stamp.replace(".", "").partition(", ")
    year, time, *half = clock.split()
    text = f"{day} {year} {time.zfill(4)} {' '.join(half)}".strip()
    for month in "%b", "%B":
        found = parse(text, f"{month} %d %Y " + ("%I%M %p" if half else "%H%M"))
        if found:
            return found
    return None
