"""What a lab and its nodes see of the file system.

`seal` runs once, in the outer user namespace: everything becomes read-only, and the folders where programs leave
sockets and scratch files are covered with empty ones. The kernel then locks all of it for the namespaces inside, root
there or not.

`furnish` runs in each node, and `own` and `bind` once it knows which node it is: its own /tmp, /run, /root, and its own
/etc, /opt, /srv and /var made of symbolic links to the machine's files, so that a node can have its own hosts,
resolv.conf or nginx.conf by just writing them. A write through one of the links fails, as what it leads to is
read-only.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence

from netlib.lab.agent.system import (
    MS_BIND,
    MS_MOVE,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REC,
    mount,
    set_read_only,
)

STAGE = "/run/netlib-lab"  # inside the lab only: the files of `binds`, where nodes pick them up
SCRATCH = {"/run": "mode=755", "/tmp": "mode=1777", "/root": "mode=700", "/dev/shm": "mode=1777"}
FARMS = ("/etc", "/opt", "/srv", "/var")
IMAGE = ".image"  # in each farm: the machine's own folder, read-only
# folders that programs write to, so a node has them for itself
OWN = {"/var": ("cache", "lib", "log", "spool", "tmp")}
DEVICES = ("full", "null", "random", "tty", "urandom", "zero", "net/tun")  # the others are this machine's
STREAMS = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}  # names in /dev for a process's own descriptors
SIZE = "size=64m"  # bytes a node may keep in each of its folders


def seal(binds: Sequence[int]) -> None:
    """Make the whole file system read-only, with `binds` (open descriptors) staged in it."""
    sockets = listeners()
    _cover_devices()
    for place, mode in SCRATCH.items():
        if os.path.isdir(place) and place != "/root":
            _tmpfs(place, mode)
    for path in sockets:
        with contextlib.suppress(OSError):  # it is under a cover, or not ours to see
            if stat.S_ISSOCK(os.stat(path).st_mode):
                mount("/dev/null", path, None, MS_BIND)
    os.mkdir(STAGE)
    for number, fd in enumerate(binds):
        _bind_fd(fd, f"{STAGE}/{number}")
    set_read_only("/")
    # a node mounts its own /proc and /sys, which the kernel allows only if these are not locked
    for writable in ("/proc", "/sys", "/dev/pts"):
        try:
            set_read_only(writable, False, recursive=False)
        except OSError:
            continue


def listeners() -> list[str]:
    """The unix sockets that this machine's programs listen on: one may connect to a socket on a read-only mount, and
    an ordinary user's may be there for the asking: a Docker's, an ssh-agent's."""
    try:
        with open("/proc/self/net/unix", encoding="utf-8", errors="surrogateescape") as file:
            names = (line.rstrip("\n").split(" ", 7)[-1] for line in file)
            return sorted({name for name in names if name.startswith("/")})
    except OSError:
        return []


def _cover_devices() -> None:
    """An own /dev, without this machine's terminals and disks: a device can be written to on a read-only mount."""
    found = {}
    for name in DEVICES:
        with contextlib.suppress(OSError):
            found[name] = os.open(f"/dev/{name}", os.O_PATH | os.O_CLOEXEC)
    mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k")
    for folder in ("net", "pts", "shm"):
        os.mkdir(f"/dev/{folder}")
    for name, fd in found.items():
        _bind_fd(fd, f"/dev/{name}")
        os.close(fd)
    for name, number in STREAMS.items():
        os.symlink(f"/proc/self/fd{number}", f"/dev/{name}")
    os.symlink("pts/ptmx", "/dev/ptmx")
    with contextlib.suppress(OSError):  # without it, nodes have no terminals of their own
        mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")


def changes() -> list[int]:
    """When the folders that a node's links lead into got or lost an entry, by this machine's clock in nanoseconds."""
    folders = [*FARMS, *(f"{folder}/{name}" for folder, names in OWN.items() for name in names if name != "tmp")]
    found = []
    for folder in folders:
        with contextlib.suppress(OSError):
            found.append(os.stat(folder).st_mtime_ns)
    return found


def staged() -> list[int]:
    """Descriptors of the lab's `binds`, by their numbers: in a node, the stage will be covered."""
    return [os.open(f"{STAGE}/{number}", os.O_PATH | os.O_CLOEXEC) for number in range(len(os.listdir(STAGE)))]


def furnish() -> list[str]:
    """Give this node (a fresh mount namespace) its own places. What could not be had is named in the answer."""
    for place, mode in SCRATCH.items():
        if os.path.isdir(place):
            _tmpfs(place, mode)
    for folder in FARMS:
        if os.path.isdir(folder):
            _farm(folder)
    missing = []
    quiet = MS_NOSUID | MS_NODEV | MS_NOEXEC
    for kind, place in (("proc", "/proc"), ("sysfs", "/sys")):
        try:
            mount(kind, place, kind, quiet)
        except OSError:
            try:
                mount(kind, place, kind, quiet | MS_RDONLY)
                missing.append(f"a writable {place}")
            except OSError:
                missing.append(f"its own {place}")
    return missing


def own(files: Mapping[str, str]) -> None:
    """Give this node files of its own, each a path with its text."""
    for path, text in files.items():
        _own_file(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def bind(files: Iterable[tuple[int, str]]) -> None:
    """Mount what each descriptor stands for at its place in this node."""
    for fd, target in files:
        _own_file(target)
        _bind_fd(fd, target)


def _tmpfs(place: str, mode: str) -> None:
    mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, f"{mode},{SIZE}")


def _bind_fd(fd: int, target: str) -> None:
    """Mount what `fd` stands for on `target`, which is made if need be."""
    source = f"/proc/self/fd/{fd}"
    if not os.path.lexists(target):
        if os.path.isdir(source):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    mount(source, target, None, MS_BIND | MS_REC)


def _farm(folder: str) -> None:
    """Cover `folder` with one of symbolic links to its entries, and empty folders where the node writes."""
    aside = "/tmp/aside"
    os.mkdir(aside)
    mount(folder, aside, None, MS_BIND | MS_REC)
    _tmpfs(folder, "mode=755")
    os.mkdir(f"{folder}/{IMAGE}")
    mount(aside, f"{folder}/{IMAGE}", None, MS_MOVE)
    os.rmdir(aside)
    for name in os.listdir(f"{folder}/{IMAGE}"):
        if name in OWN.get(folder, ()):
            _own_folder(f"{folder}/{name}", f"{folder}/{IMAGE}/{name}")
        else:
            os.symlink(f"{IMAGE}/{name}", f"{folder}/{name}")


def _own_folder(path: str, original: str) -> None:
    """An own folder with the original's folders in it, empty: programs expect /var/log/nginx to be there."""
    os.mkdir(path)
    os.chmod(path, 0o1777 if path.endswith("/tmp") else 0o755)
    if path.endswith("/tmp"):
        return
    try:
        entries = list(os.scandir(original))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            os.mkdir(f"{path}/{entry.name}")


def _own_file(path: str) -> None:
    """Make `path` a place of the node: parents that are links into the image become folders of links."""
    current = ""
    for part in path.split("/")[1:-1]:
        current += "/" + part
        if os.path.islink(current) and f"{IMAGE}/" in os.readlink(current):
            original = os.path.join(os.path.dirname(current), os.readlink(current))
            os.unlink(current)
            os.mkdir(current)
            for name in os.listdir(original):
                os.symlink(f"{original}/{name}", f"{current}/{name}")
        elif not os.path.exists(current):
            os.mkdir(current)
    if os.path.islink(path):
        os.unlink(path)
