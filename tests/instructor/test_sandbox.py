"""The sandbox: what an answer in it can't do, what becomes of it, and that nothing of it is left."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from instructor import attacks
from instructor.attacks import call, sandboxed

from netlib.grading import agent, exercise
from netlib.grading.outcome import Outcome
from netlib.grading.sandbox import Sandbox
from netlib.instructor import bubblewrap, seccomp
from netlib.instructor.bubblewrap import NoSandbox, Sandboxed
from netlib.instructor.program import Program

ROOT = Path(__file__).resolve().parents[2]
USER = 5005
PYTHON = Path("/usr/bin/python3")
needs_sandbox = pytest.mark.skipif(bool(bubblewrap.available()), reason=bubblewrap.available())


def processes() -> set[int]:
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def eventually(what: object, seconds: float = 100.0) -> bool:
    assert callable(what)
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@needs_sandbox
def test_what_must_not_be_done_is_refused() -> None:
    assert attacks.not_refused() == {}


@needs_sandbox
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_same_for_an_ordinary_user(folder: Path) -> None:
    # what runs on such a small stack may end its process before it has told how far it came
    threads = "next(filter(None, (call(MANY_THREADS).value for _ in range(5))))"
    code = f"from instructor.attacks import *\nprint(json.dumps([not_refused(), {threads}]))"
    done = subprocess.run(
        ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", "--no-new-privs", PYTHON, "-c", code],
        cwd=folder, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, capture_output=True, text=True,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    not_refused, (threads, refused) = json.loads(done.stdout)
    assert not_refused == {} and refused and 0 < threads <= agent.THREADS


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """netlib, and what it needs, where everybody may read it."""
    if not PYTHON.exists() or not shutil.which("setpriv"):
        pytest.skip("needs /usr/bin/python3 and setpriv (Debian: apt install python3 util-linux)")
    probe = f"import sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    if subprocess.run([PYTHON, "-c", probe]).returncode:
        pytest.skip(f"needs {PYTHON} to be the same version as this one")
    with tempfile.TemporaryDirectory() as name:
        for module in ("netlib", "hypothesis", "_hypothesis_globals", "sortedcontainers", "yaml", "simpy", "numpy"):
            spec = find_spec(module)
            assert spec and spec.origin
            source = Path(spec.origin)
            if source.name == "__init__.py":
                shutil.copytree(source.parent, Path(name, module), ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, name)
        shutil.copytree(Path(__file__).parent, Path(name, "instructor"))
        subprocess.run(["chmod", "-R", "a+rX", name], check=True)
        yield Path(name)


@needs_sandbox
def test_what_can_be_seen_in_there() -> None:
    body = """
    import os, sys
    def all_files(top):
        return [os.path.join(at, name) for at, _, names in os.walk(top) for name in names]
    return {"environment": sorted(os.environ), "home": all_files("/root") + all_files("/home"),
            "etc": all_files("/etc"), "dev": os.listdir("/dev"), "cwd": os.getcwd(), "pid": os.getpid(),
            "netlib": [p for p in all_files("/") if "/netlib" in p or "scapy" in p], "argv": sys.argv}
    """
    seen = call(body).value
    prefix = sys.base_prefix
    assert seen["etc"] == ["/etc/ld.so.cache"]
    assert seen["dev"] == ["null"]
    assert [path for path in seen["home"] if not path.startswith(prefix)] == []
    assert set(seen["environment"]) <= {"HOME", "LC_ALL", "LC_CTYPE", "PWD", "OPENBLAS_NUM_THREADS"}
    assert seen["cwd"] == "/" and seen["pid"] == 2 and seen["argv"] == ["-c"]
    assert seen["netlib"] == []


@needs_sandbox
@pytest.mark.parametrize("unsafe", [False, True])
def test_no_open_file_of_the_instructors_goes_along(unsafe: bool) -> None:
    body = """
    import os
    there = []
    for descriptor in range(200):
        try: there.append(os.fstat(descriptor) and descriptor)
        except OSError: pass
    return len(there)
    """
    with open(__file__) as secret:
        os.set_inheritable(secret.fileno(), True)
        with Sandbox(sandboxed(body, unsafe=unsafe), 5.0) as sandbox:
            assert sandbox.call(pickle.dumps(())).value == 5  # three that lead nowhere, and the two pipes


@needs_sandbox
@pytest.mark.parametrize(
    ("body", "gives"),
    [
        ("import numpy; return int(numpy.arange(4).sum())", 6),
        ("import asyncio\nasync def a(): return 3\nreturn asyncio.run(a())", 3),
        ("import random, struct, hashlib, ipaddress, socket; return socket.inet_aton('1.2.3.4')", b"\1\2\3\4"),
        ("import matplotlib.pyplot as p\nfig, ax = p.subplots()\nax.plot([1])\nreturn display(fig) and 1", 1),
    ],
)
def test_what_an_answer_may_use(body: str, gives: object) -> None:
    assert call(body).value == gives


@needs_sandbox
@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        ("import os; os._exit(0)", "died", "exit status 0"),
        ("import os\nfor fd in range(200):\n    try: os.close(fd)\n    except OSError: pass", "died", "exit status"),
        ("import ctypes; ctypes.string_at(0)", "died", "SIGSEGV"),
        ("import signal; signal.raise_signal(9)", "died", "SIGKILL"),
        ("import signal; signal.raise_signal(signal.SIGSTOP)", "hung", "2 s"),
        ("import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass", "hung", ""),
        ("while True:\n    try:\n        while True: x = len([])\n    except BaseException: pass", "hung", ""),
        ("10 ** 10 ** 8", "hung", ""),
        ("while True: print('x' * 10000)", "flood", ""),
        ("def g(): g()\ng()", "raised", "RecursionError"),
        ("import sys; sys.setrecursionlimit(10**9)\ndef g(): str.format_map('{x}', M())\nclass M(dict):\n"
         "    def __missing__(self, key): return g()\ng()", "died", "SIGSEGV"),
        ("x = bytearray(4 << 30)", "raised", "MemoryError"),
        ("x = []\nwhile True: x.append(bytearray(1 << 20))", "raised", "MemoryError"),
        ("return bytes(100_000_000)", "too large", ""),
        ("x = []\nfor _ in range(10 ** 6): x = [x]\nreturn x", "too large", ""),
        ("import scapy.all", "raised", "No module named 'scapy' here: while an exercise is graded"),
        ("import sys; sys.exit(0)", "raised", "SystemExit"),
        ("input()", "raised", "RuntimeError"),
    ],
)  # fmt: skip
def test_what_becomes_of_it(body: str, kind: str, says: str) -> None:
    outcome = call(body, limit=2.0 if kind == "hung" else 20.0)  # to fill the memory takes a while
    assert outcome.kind == kind, outcome
    assert says in f"{outcome.message} {outcome.raised}"


@needs_sandbox
def test_threads_do_not_go_on_for_ever() -> None:
    """Started past Python, with hardly any memory each: there must be some left on this machine."""
    got, refused = call(attacks.MANY_THREADS).value
    assert refused and got <= agent.THREADS
    assert (got == 0) == (os.geteuid() == 0)


@needs_sandbox
def test_nothing_is_left_and_nothing_goes_on() -> None:
    before = processes()
    body = """
    import threading, time, os
    def on():
        while True: time.sleep(0.01)
    try:
        for _ in range(20):
            threading.Thread(target=on).start()
    except RuntimeError: pass
    try: os.setsid()
    except OSError: pass
    return 1
    """
    with Sandbox(sandboxed(body), 5.0) as sandbox:
        assert sandbox.call(pickle.dumps(())).value == 1
        assert sandbox.process is not None
        assert processes() - before
        started = processes() - before
    assert eventually(lambda: not any(is_bwrap(pid) for pid in started & processes()))


def is_bwrap(pid: int) -> bool:
    try:
        return b"bwrap" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@needs_sandbox
def test_it_dies_with_the_process_that_started_it() -> None:
    code = "import os, pickle, sys, time\nfrom instructor.attacks import *\ns = Sandbox(sandboxed('return 1'), 5.0)\n"
    code += "print(s.call(pickle.dumps(())).value, s.process.pid, flush=True)\ntime.sleep(600)"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout
    value, pid = parent.stdout.readline().split()
    assert value == "1" and is_bwrap(int(pid))
    family = {int(pid), *descendants(int(pid))}
    assert len(family) >= 3  # bubblewrap, its process 1, and Python
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert eventually(lambda: not any(is_bwrap(each) or is_python(each) for each in family))


def descendants(pid: int) -> set[int]:
    found = set()
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found |= {int(child), *descendants(int(child))}
    return found


def is_python(pid: int) -> bool:
    try:
        return b"marshal.loads" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@needs_sandbox
def test_forged_frames_are_answers_like_others() -> None:
    """What is written to the pipe comes in place of the answer: wrong values, or nonsense, and no more."""
    forge = """
    import os
    frame = %r
    for fd in range(3, 64):
        try: os.write(fd, b"%%-16d" %% len(frame) + frame)
        except OSError: pass
    return 1
    """
    for frame, kind in ((b'{"kind": "ready"}', "died"), (b"[]", "died"), (b"\xff" * 10, "died")):
        with Sandbox(sandboxed(forge % frame), 5.0) as sandbox:
            assert sandbox.call(pickle.dumps(())).kind == kind


@needs_sandbox
def test_cells_that_do_harm_before_the_answer() -> None:
    assert call("return 1", cells="import os; os._exit(3)").before
    deaf = (
        "def work():\n    for _ in range(10**6): len([])\ndef deaf():\n    try: work()\n    except BaseException: pass"
    )
    deaf += "\nwhile True: deaf()"
    endless = call("return 1", cells=deaf)
    assert endless.kind == "hung" and endless.before
    assert call("return 2", cells="while True: pass").value == 2
    assert call("return 2", cells="1 / 0").value == 2
    assert call("return 2", cells="raise SystemExit").value == 2
    assert call("return 2", cells="x = (").value == 2
    assert call("return 2", cells="import sys\nsys.modules.clear()").kind in ("returned", "died", "raised", "no answer")


@needs_sandbox
def test_each_process_is_new() -> None:
    count = "import builtins\nbuiltins.n = getattr(builtins, 'n', 0) + 1\nreturn builtins.n"
    starter = sandboxed(count)
    for _ in range(2):
        with Sandbox(starter, 5.0) as sandbox:
            assert [sandbox.call(pickle.dumps(())).value for _ in range(2)] == [1, 2]


# ---- the notebook's cells in there ---------------------------------------------------------------------------------


def outcome_of(*cells: str, number: str = "5.1", answer: str = "f") -> Outcome:
    program = Program(number, answer, [(f"cell {at}", cell) for at, cell in enumerate(cells, 1)])
    with Sandbox(Sandboxed(exercise(number), program), 5.0) as sandbox:
        return sandbox.call(pickle.dumps((b"abc",)))


@needs_sandbox
def test_what_is_missing_in_there_takes_only_its_own_statement_along() -> None:
    for missing in (
        "import scapy.all as scapy\nscapy.conf.verb = 0",
        "from netlib import IPv4Packet\nx = IPv4Packet().build()\nprint(x[0])",
        "data = open('capture.pcap').read()\nlen(data)",
        "from netlib import Lab\nwith Lab('x') as lab: pass",
        "import socket\ns = socket.socket()",
    ):
        assert outcome_of(f"{missing}\ndef f(data): return 5").value == 5, missing


@needs_sandbox
def test_an_exception_ends_its_cell_as_in_the_notebook() -> None:
    assert outcome_of("def f(data): return 1\n1 / 0\ndef f(data): return 2", "g = f").value == 1


@needs_sandbox
def test_there_is_no_answer_and_why() -> None:
    none = outcome_of("x = 1")
    assert (none.kind, none.message) == ("no answer", "there is no internet_checksum in this notebook")
    raised = outcome_of("1 / 0\ndef f(data): pass")
    assert "cell 1 ended with ZeroDivisionError" in raised.message
    number = outcome_of("f = 5")
    assert "was given an int" in number.message
    waiting = outcome_of("from netlib.grading import NotImplementedYet\nraise NotImplementedYet('5.1 checksum')")
    assert waiting.kind == "waiting" and "5.1" in waiting.message


@needs_sandbox
def test_lines_are_those_of_the_notebook() -> None:
    outcome = outcome_of("import sys", "from __future__ import annotations\n\ndef f(data: Nowhere):\n    return 1 / 0")
    assert outcome.raised.line == 4 and outcome.raised.source == "return 1 / 0"


@needs_sandbox
def test_check_and_mine_do_nothing_slow() -> None:
    cells = "from netlib.grading import check\nfrom netlib.grading.mine import mine\nfrom netlib.view import show\n"
    cells += "report = check('5.1', len)\nassert report\nchecksum = mine('5.1')\nshow(1)\ndisplay(report)\n"
    assert outcome_of(f"{cells}def f(data): return checksum(data)", number="6.1").value == 15261


@needs_sandbox
def test_await_in_a_cell() -> None:
    assert outcome_of("async def g(): return 4\nx = await g()\ndef f(data): return x").value == 4


# ---- the machine ---------------------------------------------------------------------------------------------------


def test_a_machine_that_cannot_refuses_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "available", lambda: "bubblewrap is not installed; do: sudo apt install bubblewrap")
    with pytest.raises(NoSandbox, match="sudo apt install bubblewrap"):
        sandboxed("return 1").start()
    with Sandbox(sandboxed("return 1", unsafe=True), 5.0) as sandbox:
        assert sandbox.call(pickle.dumps(())).value == 1


NO_NAMESPACES = """
import sys
open("/proc/sys/user/max_user_namespaces", "w").write("0")
from netlib.instructor.bubblewrap import available, sandbox_report
print(available())
print(sandbox_report().works)
"""


@needs_sandbox
def test_a_machine_without_user_namespaces_says_so_and_how_to_allow_them() -> None:
    """A real one: in a user namespace that allows no further ones."""
    done = subprocess.run(["unshare", "-Urm", sys.executable, "-c", NO_NAMESPACES], capture_output=True, text=True)
    if "unshare failed" in done.stderr or "Errno" in done.stderr:
        pytest.skip("unshare(1) may not make a user namespace here")
    why, works = done.stdout.splitlines()
    assert "sudo sysctl user.max_user_namespaces=" in why and "bubblewrap" in why and works == "False"


@needs_sandbox
def test_the_doctor_knows() -> None:
    found = bubblewrap.sandbox_report()
    assert found.works and "grade" in str(found)


def test_a_process_that_cannot_start_is_no_fault_of_the_students() -> None:
    with pytest.raises(NoSandbox, match="can't start"):
        bubblewrap.launch([], b"nonsense")
    with pytest.raises(NoSandbox, match="can't start"):
        bubblewrap.launch(["/bin/false"], b"")


def test_why_there_is_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = bubblewrap.available.__wrapped__
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    assert "apt install bubblewrap" in ask()
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: "/usr/bin/bwrap")
    monkeypatch.setattr(bubblewrap, "trial", lambda: "bwrap: No permissions to create new namespace")
    monkeypatch.setattr(bubblewrap.diagnosis, "forbidden_by", lambda: "AppArmor forbids them; do: something")
    assert ask().count("\n") == 0 and "No permissions" in ask() and "do: something" in ask()
    monkeypatch.setattr(bubblewrap.seccomp, "known", lambda: False)
    assert "x86_64 and aarch64" in ask()


HEADERS = {"x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "/usr/include/asm-generic/unistd.h"}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_system_calls_have_their_numbers(machine: str) -> None:
    header = Path(HEADERS[machine])
    if not header.exists():
        pytest.skip(f"needs {header} (Debian: linux-libc-dev)")
    words = dict(re.findall(r"#define (__NR\w+)\s+(\w+)", header.read_text()))
    for name, number in seccomp.MACHINES[machine].numbers.items():
        known = words.get(f"__NR_{name}") or words.get(f"__NR3264_{name}")
        known = words.get("__NR3264_fstatat") if known is None and name == "newfstatat" else known
        while known in words:
            known = words[known]
        assert known == str(number), name
    assert 0 < len(seccomp.program(machine)) < 8 * 4096
