"""Taking a lab away, all of it: containers, names of namespaces, what containerlab wrote on this machine.

`containerlab destroy` does most of that, when it gets to it. What it leaves, or never got to know as it was killed
while it deployed, is looked for by the lab's name, which is used once. A lab's folder is locked by its caretaker: a
folder that is not locked is of one that was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PREFIX = "netlib-containerlab-"
LOCK = "caretaker"  # in the lab's folder: locked as long as the caretaker lives; it has the lab's name
TIMEOUT = 60.0  # seconds for each program
YOUNG = 10.0  # seconds: a folder without a lock may still be getting it
NAMESPACES, SSH, HOSTS, HOSTS_LOCK = (
    Path("/run/netns"),
    Path("/etc/ssh/ssh_config.d"),
    Path("/etc/hosts"),
    Path("/run/lock/clab-hosts.lock"),
)


def make_folder(name: str) -> tuple[Path, int]:
    """A folder for the lab `name`, and the descriptor that locks it: for the caretaker to inherit."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    new = folder / "new"
    lock = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.write(lock, name.encode())
    new.rename(folder / LOCK)  # so that it is never seen without being locked
    return folder, lock


def environment(folder: Path) -> dict[str, str]:
    """For containerlab: its files go to the lab's folder, and it asks nobody for a newer version."""
    return {
        **os.environ,
        "CLAB_LABDIR_BASE": str(folder),
        "CLAB_VERSION_CHECK": "disable",
        "TMPDIR": str(folder),  # it keeps a copy of each topology there
        "NO_COLOR": "1",
    }


def sweep(binary: str) -> None:
    """Take away what labs have left whose caretaker was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if folder.stat().st_uid != os.geteuid():
                continue
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            with contextlib.suppress(OSError):
                if time.time() - folder.stat().st_mtime > YOUNG:
                    shutil.rmtree(folder, ignore_errors=True)
            continue
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # somebody cares for it
        else:
            remove(binary, os.read(lock, 256).decode(errors="replace"), folder)
        finally:
            os.close(lock)


def remove(binary: str, name: str, folder: Path) -> None:
    """Take away the lab `name`. A second time does nothing."""
    if re.fullmatch(r"[A-Za-z0-9-]+", name):
        containers = find_containers(name)
        if containers:
            _run([binary, "destroy", "--name", name, "--cleanup"], folder)
            containers = find_containers(name)
        if containers:
            _run(["docker", "rm", "--force", "--volumes", *containers], folder)
        for place, pattern in ((NAMESPACES, f"*-{name}-*"), (SSH, f"*-{name}.conf")):
            for path in place.glob(pattern):
                with contextlib.suppress(OSError):
                    path.unlink()
        _forget_hosts(name)
    shutil.rmtree(folder, ignore_errors=True)


def find_containers(name: str) -> list[str]:
    """The ids of the lab's containers, running or not."""
    done = _run(["docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", f"label=containerlab={name}"], None)
    return done.split() if done else []


def _run(command: list[str], folder: Path | None) -> str:
    try:
        done = subprocess.run(
            command,
            env=environment(folder) if folder else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _forget_hosts(name: str) -> None:
    """The lab's block in /etc/hosts: containerlab writes it, unless the file says `mgmt: {skip-when-unused: true}`."""
    start, end = (f"###### CLAB-{name}-{what} ######\n" for what in ("START", "END"))
    with contextlib.suppress(OSError):
        if start not in HOSTS.read_text(encoding="utf-8"):
            return
        with open(HOSTS_LOCK, "a", encoding="utf-8") as lock:  # containerlab's own, for the same purpose
            fcntl.flock(lock, fcntl.LOCK_EX)
            before, _, rest = HOSTS.read_text(encoding="utf-8").partition(start)
            _, found, after = rest.partition(end)
            if found:
                HOSTS.write_text(before + after, encoding="utf-8")
