"""The sandbox that a student's code is graded in: bubblewrap, with nothing in it but Python.

    Sandboxed(exercise, program).start()    a fresh process that holds the student's answer: see `grading.sandbox`
    available()                             why this machine can't make a sandbox, with the fix; "" when it can

Inside there is no network, no other process, no place to write to, no /proc, no environment, and of the machine's files
only Python's own, the C libraries' and numpy's, read-only.  Neither netlib nor the course is a file in there (see
`cut`).  A seccomp filter forbids new processes and most of the kernel (see `seccomp`); limits on memory, CPU time and
open files are set before the student's code runs; and all of it dies with the process that started it.

bubblewrap is Debian's and most distributions' `bubblewrap`, what Flatpak uses.  It needs no root and no daemon, but
the right to make user namespaces, which containers often withhold.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import marshal
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from netlib.grading.agent import BOOTED
from netlib.grading.exercise import Exercise
from netlib.grading.sandbox import Started
from netlib.instructor import cut, seccomp
from netlib.instructor.program import Program
from netlib.lab.doctor import Finding
from netlib.lab.netns import diagnosis

PACKAGES = ("numpy", "numpy.libs", "simpy", "tqdm")  # what students' code may import besides Python's own
LIBRARIES = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")
BOOT_LIMIT = 40.0  # seconds from the start until the student's cells begin
CELLS_LIMIT = 20.0  # seconds for these cells: longer than the process gives them itself
FILTER = 9  # the descriptor on which bubblewrap reads the seccomp filter
HIGH = 30  # descriptors from here on are in nobody's way
BOOTSTRAP = """\
import marshal, os, sys
def failed(kind, error, trace):
    os.write(1, f"{kind.__name__}: {error}".encode("utf-8", "replace")[:500])
    os._exit(72)
sys.excepthook = failed
def read(length):
    data = bytearray()
    while len(data) < length:
        data += os.read(0, min(length - len(data), 1 << 20)) or os._exit(71)
    return bytes(data)
package = marshal.loads(read(int(read(16))))
modules = package.pop("modules")
own = sys.modules["netlib.grading.importer"] = type(os)("netlib.grading.importer")
exec(marshal.loads(modules.pop(own.__name__)[1]), vars(own))
importer = own.Importer(modules)
importer.install()
sys.path += package["path"]
del own, modules, read, marshal
from netlib.grading.agent import main
main(importer, package)
"""


class NoSandbox(Exception):
    """No sandbox can be made on this machine, or none can start; the message says why, and what to do."""


class Sandboxed:
    """Starts processes that hold the answer of one student's program to one exercise, each in a sandbox of its own.

    With `unsafe`, they are ordinary processes, which can do whatever the user can who grades.  The program's cells
    have `cells_limit` seconds.
    """

    def __init__(
        self, exercise: Exercise, program: Program, unsafe: bool = False, cells_limit: float = CELLS_LIMIT
    ) -> None:
        self.exercise = exercise
        self.program = program
        self.unsafe = unsafe
        self.cells_limit = cells_limit

    def start(self) -> Started:
        """A new process.  Raises NoSandbox; what becomes of the student's code is said by the process itself."""
        why = "" if self.unsafe else available()
        if why:
            raise NoSandbox(why)
        boot = cut.boot_package(self.exercise)
        started = launch([] if self.unsafe else wrapping(), package(boot, self.exercise, self.program))
        started.boot_limit = self.cells_limit
        return started


def package(boot: bytes, exercise: Exercise, program: Program) -> bytes:
    """All that a process is told, in one piece."""
    about = {"cells": [tuple(cell) for cell in program.cells], "answer": program.answer, "path": site_folders()}
    return marshal.dumps(marshal.loads(boot) | cut.about(exercise) | about)


# ---- starting ------------------------------------------------------------------------------------------------------


def launch(wrapping: Sequence[str], data: bytes) -> Started:
    """Start Python, wrapped or not, and give it `data`.  stdin and stdout are the pipes; stderr leads nowhere."""
    mine: list[int] = []  # to be closed here when the process has been started
    try:
        requests_end, requests = pipe(mine, 0)
        replies, replies_end = pipe(mine, 1)
        nowhere = high(os.open(os.devnull, os.O_RDWR))
        mine.append(nowhere)
        actions: list[Any] = [(os.POSIX_SPAWN_DUP2, requests_end, 0), (os.POSIX_SPAWN_DUP2, replies_end, 1)]
        actions.append((os.POSIX_SPAWN_DUP2, nowhere, 2))
        if wrapping:
            rules, rules_in = pipe(mine, 0)
            os.write(rules_in, rules_here())
            os.close(rules_in)
            actions.append((os.POSIX_SPAWN_DUP2, rules, FILTER))
        command = [*wrapping, python(), "-I", "-S", "-c", BOOTSTRAP]
        pid = os.posix_spawn(
            command[0], command, {"PATH": os.defpath, "HOME": "/", "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
            file_actions=actions, setpgroup=0, setsigmask=[], setsigdef=[signal.SIGPIPE, signal.SIGINT],
        )  # fmt: skip
    finally:
        for descriptor in mine:
            os.close(descriptor)
    started = Started(pid, requests, replies, announces=True)
    try:
        with contextlib.suppress(BrokenPipeError):  # it has ended: what it has said tells why
            send(requests, f"{len(data):<16}".encode() + data)
        first = first_byte(replies)
        if first != BOOTED:
            said = (first + os.read(replies, 500)).decode("utf-8", "replace") if first else "it ended, or hangs"
            raise NoSandbox(f"the process that is to run an answer can't start: {' '.join(said.split())}")
    except BaseException:
        end(started)
        raise
    return started


def first_byte(replies: int) -> bytes:
    """What a process says before any of the student's code is run in it; nothing if it ends or takes too long."""
    poll = select.poll()
    poll.register(replies, select.POLLIN)
    return os.read(replies, 1) if poll.poll(BOOT_LIMIT * 1000) else b""


def end(started: Started) -> None:
    with contextlib.suppress(OSError):
        os.killpg(started.pid, signal.SIGKILL)
    os.waitpid(started.pid, 0)
    os.close(started.requests)
    os.close(started.replies)


def pipe(mine: list[int], end: int) -> tuple[int, int]:
    """A pipe, one end of which is only for the process to be started."""
    both = [high(descriptor) for descriptor in os.pipe()]
    mine.append(both[end])
    return both[0], both[1]


def high(descriptor: int) -> int:
    """The same open file under a number that is in nobody's way."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH)
    os.close(descriptor)
    return moved


def send(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


# ---- the command line ----------------------------------------------------------------------------------------------


@cache
def wrapping() -> list[str]:
    """bubblewrap's command line, up to the command in it."""
    return [
        bwrap(),
        *("--unshare-all", "--unshare-user", "--cap-drop", "ALL"),
        *no_more_namespaces(),
        *("--die-with-parent", "--new-session", "--clearenv", "--hostname", "grading"),
        *("--setenv", "HOME", "/", "--setenv", "LC_ALL", "C.UTF-8", "--setenv", "OPENBLAS_NUM_THREADS", "1"),
        *files(),
        *("--dev-bind", "/dev/null", "/dev/null", "--remount-ro", "/", "--chdir", "/"),
        *("--seccomp", str(FILTER), "--"),
    ]


@cache
def rules_here() -> bytes:
    """The filter.  Without threads for root, whose number nothing limits: they could use up the machine's."""
    return seccomp.program(threads=os.geteuid() != 0)


def no_more_namespaces() -> list[str]:
    """bubblewrap has this since 0.8; the filter refuses the same calls."""
    said = subprocess.run([bwrap(), "--help"], capture_output=True, timeout=30, check=False).stdout
    return ["--disable-userns"] if b"--disable-userns" in said else []


def files() -> Iterator[str]:
    """Mounts: Python's own files, the C libraries, and a few packages; all read-only."""
    for place in LIBRARIES:
        if os.path.islink(place):
            yield from ("--symlink", os.readlink(place), place)
        elif os.path.exists(place):
            yield from ("--ro-bind", place, place)
    prefix = sys.base_prefix
    for place in (python(), f"{prefix}/lib", f"{prefix}/lib64"):
        if not place.startswith(("/usr/lib/", "/lib/")) and place not in LIBRARIES and os.path.exists(place):
            yield from ("--ro-bind", place, place)
    sites = {str(Path(found).parent) for found in packages()}
    for site in sorted({*hidden(), *sites}):
        yield from ("--tmpfs", site)
    for found in packages():
        yield from ("--ro-bind", found, found)
    for site in sorted({*hidden(), *sites}):
        yield from ("--remount-ro", site)


def hidden() -> Iterator[str]:
    """Where Python's installer, or the distribution's, may have put anything: scapy, or even netlib."""
    for prefix in {"/usr", "/usr/local", sys.base_prefix}:
        for library in ("lib", "lib64"):
            for folder in Path(prefix, library).glob("python3*"):
                for name in ("site-packages", "dist-packages"):
                    if (folder / name).is_dir() and visible(folder / name):
                        yield str(folder / name)


def visible(place: Path) -> bool:
    inside = ("/usr/lib/", "/usr/lib64/", f"{sys.base_prefix}/lib/", f"{sys.base_prefix}/lib64/")
    return str(place).startswith(inside) and not any(part.is_symlink() for part in (place, *place.parents))


def bwrap() -> str:
    return shutil.which("bwrap") or "/usr/bin/bwrap"


@cache
def python() -> str:
    """The interpreter itself, without the virtual environment around it."""
    return os.path.realpath(sys.executable)


@cache
def packages() -> list[str]:
    """The folders of the packages that may be imported, as far as they are installed."""
    found = []
    for name in PACKAGES:
        base, _, beside = name.partition(".")
        spec = importlib.util.find_spec(base)
        for folder in spec.submodule_search_locations or () if spec else ():
            place = Path(folder).with_name(name) if beside else Path(folder)
            if place.is_dir():
                found.append(str(place))
    return found


@cache
def site_folders() -> list[str]:
    return sorted({str(Path(found).parent) for found in packages()})


# ---- can this machine? ---------------------------------------------------------------------------------------------


@cache
def available() -> str:
    """An empty string when a sandbox can be made here; else one line that says why not and what allows it.

    It makes one to find out; the answer is kept for this process.
    """
    if sys.platform != "linux":
        return "grading needs Linux for its sandbox: use a Linux machine, or --unsafe, which marks every grade"
    if not seccomp.known():
        return f"the sandbox knows x86_64 and aarch64, not {os.uname().machine}: use such a machine, or --unsafe"
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed; do: sudo apt install bubblewrap (or --unsafe, which marks every grade)"
    said = trial()
    if not said:
        return ""
    forbidden = any(word in said.lower() for word in ("permission", "permitted", "namespace", "space left"))
    reason = (diagnosis.forbidden_by() if forbidden else None) or "see docs/jupyterhub.md, The sandbox here"
    return f"bubblewrap can't make a sandbox here ({said}): {reason}"


def sandbox_report() -> Finding:
    """For `netlib doctor`: can this machine grade?"""
    why, name = available(), "a sandbox to grade in"
    if not why:
        return Finding(name, True, "bubblewrap", needed=False)
    detail, _, fix = why.partition("; do: ")
    return Finding(name, False, detail, fix, needed=False)


def trial() -> str:
    """What bubblewrap says when it is to run Python and nothing else; "" when all is well."""
    rules, rules_in = os.pipe()
    try:
        os.write(rules_in, rules_here())
        os.close(rules_in)
        done = subprocess.run(
            [*wrapping()[:-2], str(rules), "--", python(), "-I", "-S", "-c", "import os; os.write(1, b'works')"],
            stdin=subprocess.DEVNULL, capture_output=True, pass_fds=[rules], timeout=30, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        os.close(rules)
    if done.stdout == b"works":
        return ""
    said = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit status {done.returncode}"]
    return said[-1][:200]
