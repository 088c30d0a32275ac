"""The world around a class that is graded: what could be read, changed, reached or killed, and whether it was.

Everything here is the test's own and lies in one temporary folder: a course, an instructor's secret file and home,
another student's submission, a folder where attacks leave marks, listeners on TCP, UDP and unix sockets, and a process
to kill.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from hostile.desk import ROOT

import netlib

MARK = "g0t-"
"""What `tell` begins a line with: put together at run time, so that it does not stand in any source."""


class Listeners:
    """Sockets that hear whoever connects, until `close`. `heard` is all that they have heard."""

    def __init__(self, folder: Path, token: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.path, self.abstract = str(folder / "s"), f"hostile-{token}"
        self.sockets: list[socket.socket] = []
        tcp = self.listen(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0), "tcp")
        self.port: int = tcp.getsockname()[1]
        self.listen(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", self.port), "udp")
        self.listen(socket.AF_UNIX, socket.SOCK_STREAM, self.path, "unix")
        self.listen(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.abstract}", "abstract")

    def listen(self, family: int, kind: int, address: object, name: str) -> socket.socket:
        made = socket.socket(family, kind)
        made.bind(address)  # type: ignore[arg-type]
        if kind == socket.SOCK_STREAM:
            made.listen(64)
        made.settimeout(0.2)
        self.sockets.append(made)
        threading.Thread(target=self.hear, args=(made, name, kind), daemon=True).start()
        return made

    def hear(self, made: socket.socket, name: str, kind: int) -> None:
        while made.fileno() >= 0:
            try:
                if kind == socket.SOCK_DGRAM:
                    self.heard.append((name, made.recv(4096)))
                    continue
                caller, _ = made.accept()
                with caller:
                    caller.settimeout(1.0)
                    data = b""
                    with contextlib.suppress(OSError):
                        data = caller.recv(4096)
                    self.heard.append((name, data))
            except TimeoutError:
                continue
            except OSError:
                return

    def close(self) -> None:
        for made in self.sockets:
            made.close()


class World:
    """A course with canaries in `folder`. `places` are the names that attacks use (`@SECRET@` and others)."""

    def __init__(self, folder: Path, chapter: str = "05-ip-packet", listeners: Listeners | None = None) -> None:
        self.folder, self.chapter = folder, chapter
        self.token = secrets.token_hex(6)
        self.canary = f"canary-{self.token}"
        self.course, self.home, self.drop = folder / "course", folder / "home", folder / "drop"
        for place in (self.course, self.home, self.drop, folder / "secrets"):
            place.mkdir(parents=True)
        self.secret = folder / "secrets" / "exam.txt"
        self.secret.write_text(f"exam {self.canary}\n")
        (self.home / ".netrc").write_text(f"password {self.canary}\n")
        for top in ("course", "solutions", "labs"):
            source = ROOT / top / chapter
            if source.is_dir():
                shutil.copytree(source, self.course / top / chapter, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        shutil.copy(ROOT / "nbgrader_config.py", self.course)
        self.listeners = listeners or Listeners(folder, self.token)
        # by a name that cannot be taken for another's: the process that attacks may kill
        self.victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)", self.token])
        other = self.course / "submitted" / "other_one" / chapter / f"{chapter}.ipynb"
        self.places = {
            "SECRET": str(self.secret), "COURSE": str(self.course), "HOME": str(self.home), "DROP": str(self.drop),
            "OTHER": str(other), "PORT": str(self.listeners.port), "UNIX": self.listeners.path,
            "ABSTRACT": self.listeners.abstract, "VICTIM": str(self.victim.pid), "TOKEN": self.token,
            "EVIL": f"evil{self.token}", "NETLIB": str(Path(netlib.__file__).parent),
        }  # fmt: skip

    def hand_in_for_other(self) -> None:
        """Another student's submission, with a canary in it."""
        other = Path(self.places["OTHER"])
        other.parent.mkdir(parents=True)
        notebook = json.loads((ROOT / "course" / self.chapter / f"{self.chapter}.ipynb").read_text())
        notebook["cells"][1]["source"] = f"# {self.canary}\n" + "".join(notebook["cells"][1]["source"])
        other.write_text(json.dumps(notebook))

    def fake_gradebook(self) -> None:
        """A gradebook in whose tables stand what nbgrader has there: for unprotected runs."""
        with sqlite3.connect(self.course / "gradebook.db") as book:
            for table, column in (("source_cell", "source"), ("grade", "manual_score"), ("student", "id")):
                book.execute(f"create table {table} ({column} text)")
                book.execute(f"insert into {table} values (?)", (f"### BEGIN HIDDEN TESTS {self.canary}",))

    def environment(self) -> dict[str, str]:
        """The instructor's environment, secrets in it."""
        inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR")}
        return inherited | {"HOME": str(self.home), "SECRET_KEY": self.canary, "DATABASE_URL": f"pg://{self.canary}"}

    def told(self, name: str) -> list[str]:
        """The marks that this attack left, and what of it was heard."""
        marks = [f"drop: {path.name}" for path in self.drop.glob(f"{name}*")]
        mark = f"{MARK}{name}".encode()
        return marks + [f"{where}: {data[:80]!r}" for where, data in self.listeners.heard if mark in data]

    def heard(self) -> list[tuple[str, bytes]]:
        return list(self.listeners.heard)

    def close(self) -> None:
        self.victim.kill()
        self.victim.wait()
        self.listeners.close()


def fingerprints(*folders: Path) -> dict[str, str]:
    """Every file, link and folder below: what it holds, where it leads, and its rights."""
    found: dict[str, str] = {}
    for folder in folders:
        for path in [folder, *sorted(folder.rglob("*"))]:
            if path.is_symlink():
                found[str(path)] = f"-> {os.readlink(path)}"
            elif path.is_file():
                found[str(path)] = f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
            else:
                found[str(path)] = f"{path.stat().st_mode:o}"
    return found


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


def processes() -> dict[int, str]:
    """The command line of each process that lives, by number."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if ") Z " not in (entry / "stat").read_text():
                    found[int(entry.name)] = (
                        (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                    )
    return found


def left_behind(world: World, before: dict[int, str], patience: float = 30.0) -> dict[int, str]:
    """Processes of this world's that live although what started them has ended."""

    def now() -> dict[int, str]:
        mine = (world.token, str(world.folder))
        return {
            pid: line
            for pid, line in processes().items()
            if pid not in before and pid != world.victim.pid and any(word in line + of_world(pid) for word in mine)
        }

    end = time.monotonic() + patience
    while (found := now()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def of_world(pid: int) -> str:
    """A process's environment and working directory, where it can be seen."""
    text = ""
    with contextlib.suppress(OSError):
        text += Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace")
    with contextlib.suppress(OSError):
        text += os.readlink(f"/proc/{pid}/cwd")
    return text


@contextlib.contextmanager
def opened(folder: Path, chapter: str = "05-ip-packet", listeners: Listeners | None = None) -> Iterator[World]:
    world = World(folder, chapter, listeners)
    try:
        yield world
    finally:
        world.close()
