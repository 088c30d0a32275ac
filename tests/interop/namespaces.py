"""Network namespaces for the live tests: the test's own thread moves into a new one, and back at the end.

What a test makes there (devices, routes, routers in further namespaces) is gone with it.  Root only.
"""

import ctypes
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
IDLE = "printf x && exec sleep infinity"


def missing() -> str | None:
    """Why the live tests can't run here, or None."""
    if not sys.platform.startswith("linux"):
        return "needs Linux"
    if os.geteuid() != 0:
        return "needs root, for a network namespace of its own"
    if not os.path.exists("/dev/net/tun"):
        return "needs /dev/net/tun"
    try:
        with namespace():
            return None
    except OSError as error:
        return f"no network namespaces here: {error.strerror}"


def libc(name: str, *arguments: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        raise OSError(ctypes.get_errno(), name)


@contextmanager
def namespace() -> Iterator[None]:
    """Move this thread, and what it starts, into a new network namespace."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    libc("unshare", CLONE_NEWNET)
    try:
        yield
    finally:
        libc("setns", before, CLONE_NEWNET)
        os.close(before)


def ip(*lines: str) -> None:
    """Run `ip` commands in this namespace."""
    for line in lines:
        subprocess.run(["ip", *line.split()], check=True)


def run(command: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command.split(), capture_output=True, text=True, timeout=timeout)


class Kernel:
    """One more kernel's network stack: a namespace that lives as long as a process in it that does nothing."""

    def __init__(self) -> None:
        with namespace():
            self.process = subprocess.Popen(["sh", "-c", IDLE], stdout=subprocess.PIPE)
            assert self.process.stdout and self.process.stdout.read(1) == b"x"
        self.ip("link set lo up")

    def run(self, command: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        return run(f"nsenter -t {self.process.pid} -n {command}", timeout)

    def ip(self, *lines: str) -> None:
        for line in lines:
            done = self.run(f"ip {line}")
            assert done.returncode == 0, f"ip {line}: {done.stderr}"

    def sysctl(self, name: str, value: int) -> None:
        done = self.run(f"sysctl -qw {name}={value}")
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def cable(here: str, kernel: Kernel, there: str, address: str) -> None:
    """A veth from this namespace to another, whose end gets an address."""
    ip(f"link add {here} type veth peer name {there} netns {kernel.process.pid}", f"link set {here} up")
    for name, run_it in ((here, run), (there, kernel.run)):
        # what leaves a kernel's end with its checksum still to be worked out is for a card that does that: here is none
        run_it(f"ethtool -K {name} tx off")
    kernel.ip(f"addr add {address} dev {there}", f"link set {there} up")


def packet_socket(interface: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind((interface, ETH_P_ALL))
    return sock
