"""The few system calls that Python 3.11 does not offer: namespaces, mounts, prctl. All raise OSError."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Collection

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 1 << 12, 1 << 13, 1 << 14, 1 << 18

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NAME, _PR_SET_SECCOMP, _PR_SET_TIMERSLACK = 1, 4, 15, 22, 29
_SECCOMP_FILTER = 2
_EACH_ARCHITECTURE = {  # its number (linux/audit.h), and its system calls socket and keyctl
    "x86_64": (0xC000_003E, 41, 250),
    "aarch64": (0xC000_00B7, 198, 219),
    "riscv64": (0xC000_00F3, 198, 219),
}
_SYS_IO_URING_SETUP, _SYS_OPEN_TREE = 425, 428  # the same numbers on every architecture
_OPEN_TREE_CLONE = 1

FAMILIES = (  # of sockets: those that see a network namespace, or no network
    *(socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, socket.AF_ALG),
    44,  # AF_XDP
)
_SYS_MOUNT_SETATTR = 442  # the same number on every architecture
_AT_FDCWD, _AT_RECURSIVE, _MOUNT_ATTR_RDONLY = -100, 0x8000, 1


def _check(result: int, what: str) -> None:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def unshare(flags: int) -> None:
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(fd: int, kind: int) -> None:
    _check(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")


def mount(source: str | None, target: str, kind: str | None = None, flags: int = 0, options: str | None = None) -> None:
    def encoded(text: str | None) -> bytes | None:
        return None if text is None else os.fsencode(text)

    _check(
        _libc.mount(encoded(source), encoded(target), encoded(kind), ctypes.c_ulong(flags), encoded(options)),
        f"mount {kind or source} on {target}",
    )


def set_read_only(path: str, read_only: bool = True, recursive: bool = True) -> None:
    """Make the mount at `path` (and all below it) read-only, or writable again."""
    attributes = struct.pack("=QQQQ", *((_MOUNT_ATTR_RDONLY, 0) if read_only else (0, _MOUNT_ATTR_RDONLY)), 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        os.fsencode(path),
        ctypes.c_uint(_AT_RECURSIVE if recursive else 0),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )
    _check(result, f"mount_setattr {path}")


def open_alone(path: str) -> int:
    """A descriptor of the folder at `path` as a mount of its own, out of which no `..` leads. Needs CAP_SYS_ADMIN."""
    flags = ctypes.c_uint(_OPEN_TREE_CLONE | os.O_CLOEXEC)
    opened = _libc.syscall(ctypes.c_long(_SYS_OPEN_TREE), ctypes.c_int(_AT_FDCWD), os.fsencode(path), flags)
    _check(opened, f"open_tree {path}")
    return int(opened)


def set_host_name(name: str) -> None:
    encoded = name.encode()
    _check(_libc.sethostname(encoded, ctypes.c_size_t(len(encoded))), "sethostname")


def _prctl(option: int, argument: int | bytes) -> None:
    value = argument if isinstance(argument, bytes) else ctypes.c_ulong(argument)
    _check(_libc.prctl(ctypes.c_int(option), value, 0, 0, 0), "prctl")


def die_with_parent(signal: int = 9) -> None:
    _prctl(_PR_SET_PDEATHSIG, signal)


def set_dumpable(dumpable: bool = True) -> None:
    """True: own this process's /proc entries again after a change of ids, so that its parent can write its id maps.

    False, for it and its forks: nobody but root of the namespace in which the program was started may trace it, or see
    its memory, environment and descriptors. Root in a node may not. A program that it starts is dumpable again.
    """
    _prctl(_PR_SET_DUMPABLE, int(dumpable))


def leave_keyring() -> None:
    """Have a new, empty session keyring, and no longer the one that the user's whole login shares (keyrings(7))."""
    architecture = _EACH_ARCHITECTURE.get(os.uname().machine)
    if architecture:
        _check(_libc.syscall(ctypes.c_long(architecture[2]), ctypes.c_long(1), None), "keyctl")


def allow_sockets(families: Collection[int]) -> None:
    """From now on, no socket of another family can be made by this process and those that it starts.

    Some families know no network namespaces: by AF_VSOCK, one reaches the machine that this one is a guest of. The
    filter (seccomp(2)) also refuses what would get around it: io_uring, and the calls of 32-bit programs.
    """
    architecture = _EACH_ARCHITECTURE.get(os.uname().machine)
    if not architecture:
        return
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06  # BPF: ld [k], jeq, jge, ret
    number, arch, first_argument = 0, 4, 16  # where struct seccomp_data has them
    allow, refuse, unknown = 0x7FFF_0000, 0x5_0000 + errno.EAFNOSUPPORT, 0x5_0000 + errno.ENOSYS
    count = len(families)
    lines = [
        (load, 0, 0, arch),
        (equal, 0, count + 7, architecture[0]),
        (load, 0, 0, number),
        (at_least, count + 5, 0, 0x4000_0000),  # x32
        (equal, count + 4, 0, _SYS_IO_URING_SETUP),
        (equal, 0, count + 2, architecture[1]),
        (load, 0, 0, first_argument),
        *((equal, count - done, 0, family) for done, family in enumerate(families)),
        (answer, 0, 0, refuse),
        (answer, 0, 0, allow),
        (answer, 0, 0, unknown),
    ]
    code = b"".join(struct.pack("=HBBI", *line) for line in lines)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(lines), ctypes.addressof(buffer))
    _check(_libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_FILTER), program, 0, 0), "seccomp")


def set_process_name(name: str) -> None:
    _prctl(_PR_SET_NAME, name.encode()[:15])


def set_timer_slack(nanoseconds: int) -> None:
    """How late the kernel may wake this process, to save wake-ups; 50 µs if not said."""
    _prctl(_PR_SET_TIMERSLACK, nanoseconds)
