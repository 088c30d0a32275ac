"""What a hostile answer may try from inside: each is the body of a function that tells what it has got.

Run by test_sandbox as root, and as an ordinary user.  REFUSED: the names of exceptions that are a refusal.
"""

from __future__ import annotations

import json
import pickle
import sys
import textwrap
from typing import Any

from netlib.grading import Exercise, exercise
from netlib.grading.outcome import Outcome
from netlib.grading.sandbox import Sandbox
from netlib.instructor.bubblewrap import Sandboxed
from netlib.instructor.program import Program

# each has to end with an OSError (or the exception named), or to return what is said
REFUSED = {
    "connect": "import socket; socket.create_connection(('127.0.0.1', 1), 1)",
    "listen": "import socket; socket.socket().bind(('127.0.0.1', 0))",
    "unix socket": "import socket; socket.socket(socket.AF_UNIX)",
    "packet socket": "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "netlink socket": "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "vsock": "import socket; socket.socket(40, socket.SOCK_STREAM)",
    "socket pair of another family": "import socket; socket.socketpair(socket.AF_INET)",
    "fork": "import os; os.fork()",
    "subprocess": "import subprocess; subprocess.run(['/usr/bin/python3', '-c', ''])",
    "posix_spawn": "import os, sys; os.posix_spawn(sys.executable, [sys.executable, '-c', ''], {})",
    "multiprocessing": "import multiprocessing as m; m.get_context('spawn').Process(target=print).start()",
    "own namespaces": "import ctypes; check(ctypes.CDLL(None, use_errno=True).unshare(0x10000000))",
    "mount": "import ctypes; check(ctypes.CDLL(None, use_errno=True).mount(b'a', b'/', b'tmpfs', 0, None))",
    "ptrace": "import ctypes; check(ctypes.CDLL(None, use_errno=True).ptrace(16, 1, 0, 0))",
    "memory of another": "import ctypes; check(ctypes.CDLL(None, use_errno=True).process_vm_readv(1, 0, 0, 0, 0, 0))",
    "memory in a file": "import os; os.memfd_create('x')",
    "kill the parent": "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
    "kill all": "import os, signal; os.kill(-1, signal.SIGKILL)",
    "stop itself": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "write /": "open('/x', 'w')",
    "write /tmp": "open('/tmp/x', 'w')",
    "write /dev/shm": "open('/dev/shm/x', 'w')",
    "write Python": "import os; open(os.__file__, 'a')",
    "make a folder": "import os; os.mkdir('/tmp')",
    "make a device": "import os; os.mknod('/dev/x')",
    "rename": "import os; os.rename('/usr', '/rsu')",
    "temporary file": "import tempfile; tempfile.TemporaryFile()",
    "passwords": "open('/etc/passwd')",
    "kernel settings": "open('/proc/sys/kernel/core_pattern', 'w')",
    "environment of another": "open('/proc/1/environ')",
    "memory": "open('/proc/self/mem')",
    "terminal": "open('/dev/tty')",
    "disk": "open('/dev/sda', 'rb')",
    "home": "import os; os.listdir(os.path.expanduser('~/.ssh'))",
    "more open files": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))",
    "many files": "x = [open('/dev/null') for _ in range(200)]",
    "more memory": "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "keys": "import ctypes; check(ctypes.CDLL(None, use_errno=True).syscall(250, 0, -3, 1))",
    "io_uring": "import ctypes; check(ctypes.CDLL(None, use_errno=True).syscall(425, 1, None))",
    "bpf": "import ctypes; check(ctypes.CDLL(None, use_errno=True).syscall(321, 0, None, 0))",
}
MANY_THREADS = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.clone.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
sleep, flags, size = ctypes.cast(libc.sleep, ctypes.c_void_p), 0x50F00, 4096
stacks = ctypes.create_string_buffer(2000 * size)
top = ctypes.addressof(stacks) // 16 * 16
for number in range(1, 2000):
    if libc.clone(sleep, top + number * size, flags, 30) < 0:
        return number - 1, True
return number, False
"""
REFUSALS = ("OSError", "PermissionError", "FileNotFoundError", "ValueError", "MemoryError", "NotADirectoryError")
PREAMBLE = """
def check(result):
    import ctypes
    if result == -1:
        raise OSError(ctypes.get_errno())
"""


def sandboxed(body: str, number: str = "5.1", cells: str = "", unsafe: bool = False) -> Sandboxed:
    """A starter of sandboxes with an answer f(data) of this body."""
    it = exercise(number)
    item = Exercise(  # whatever is asked for, it is called as a function here
        number=number, name=it.name, points=1, reference=it.reference, pinned=[()], without=it.without,
        allowing=it.allowing,
    )  # fmt: skip
    source = f"{PREAMBLE}\ndef f(*args):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
    return Sandboxed(item, Program(number, "f", [("cell 1", cells), ("cell 2", source)]), unsafe)


def call(body: str, *args: Any, number: str = "5.1", cells: str = "", limit: float = 10.0) -> Outcome:
    """What becomes of one call of a function with this body, in a sandbox."""
    with Sandbox(sandboxed(body, number, cells), limit) as sandbox:
        return sandbox.call(pickle.dumps(args))


def not_refused() -> dict[str, str]:
    """The attacks that were not refused, with what came of them."""
    found = {}
    body = "import json\nout = {}\n"
    for name, attack in REFUSED.items():
        body += f"try:\n    {attack}\n    out[{name!r}] = 'done'\nexcept Exception as error:\n"
        body += f"    out[{name!r}] = type(error).__name__\n"
    outcome = call(body + "return out")
    if outcome.kind != "returned":
        return {"all": str(outcome)}
    for name, got in outcome.value.items():
        if got not in REFUSALS:
            found[name] = got
    return found


if __name__ == "__main__":
    json.dump(not_refused(), sys.stdout)
