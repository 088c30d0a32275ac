"""Whatever happens to the notebook, nothing of its lab stays: no process, no namespace, no mount, no file.

A notebook is played by a Python process of its own, with a lab in it that does not want to go: a shell that ignores
SIGTERM, an orphan in a session of its own, a capture, and a forked child that holds copies of the lab's sockets.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel
from lab.notebook import ROOT, Notebook, starting
from lab.processes import Footprint, children, eventually, is_zombie, names_below, pids, subtree

from netlib.lab import Lab, LabError

CODE = """
import os, signal, sys, time
from netlib.lab import Lab

lab = Lab("06-icmp").up()
lab["h1"].sh("setsid sleep 4800 >/dev/null 2>&1 &")
stubborn = lab["h2"].popen(["sh", "-c", "trap '' TERM INT HUP; while :; do sleep 4801; done"])
capture = lab.capture("r1:eth1")
child = os.fork()
if child == 0:
    os.closerange(0, 3)  # else who reads what the notebook says would not see it end
    time.sleep(4802)
print(child, lab._session.pid, flush=True)
sys.stdin.readline()
"""


class LabNotebook(Notebook):
    def __init__(self, ending: str = "time.sleep(4803)"):
        super().__init__(CODE + ending)
        [self.launcher] = self.numbers
        self.forkserver = next(pid for pid in children(self.process.pid) if self.launcher in children(pid))
        self.footprint = Footprint(self.launcher)
        self.go_on()


Start = Callable[..., LabNotebook]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The notebooks' own folder for temporary files: in this machine's, other tests have theirs at the same time."""
    tempfile.gettempdir()  # ours stays what it is
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


@pytest.fixture
def start(labs_work: None, temporary: Path) -> Iterator[Start]:
    with starting(LabNotebook) as start:
        yield start


def test_the_count_counts(start: Start) -> None:
    """Ten processes and more, and the namespaces of a lab and five nodes: else the tests below prove nothing."""
    notebook = start()
    assert len(notebook.footprint.inhabitants()) >= 12  # launcher and two, five nodes, what runs in them
    assert sum(each.startswith("net:") for each in notebook.footprint.namespaces) == 6
    assert sum(each.startswith("mnt:") for each in notebook.footprint.namespaces) >= 7
    assert sum(each.startswith("user:") for each in notebook.footprint.namespaces) == 2


@pytest.mark.parametrize("how", [[signal.SIGKILL], [signal.SIGTERM], [signal.SIGINT], [signal.SIGSTOP, signal.SIGKILL]])
def test_nothing_is_left_when_the_notebook_is_killed(
    start: Start, temporary: Path, how: list[signal.Signals]
) -> None:
    notebook = start()
    for number in how:
        os.kill(notebook.process.pid, number)
    assert eventually(lambda: not notebook.footprint.left()), notebook.footprint.left()
    assert notebook.child in pids()  # the fork lives, with its copies of the sockets
    assert eventually(lambda: is_zombie(notebook.forkserver))
    assert os.listdir(temporary) == []


ENDINGS = [
    "",
    "sys.exit(3)",
    "raise RuntimeError('no')",
    "lab.down(); time.sleep(4803)",
    "del lab, stubborn, capture; time.sleep(4803)",
]


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_left_when_the_lab_ends(start: Start, ending: str) -> None:
    notebook = start(ending)
    assert eventually(lambda: not notebook.footprint.left()), notebook.footprint.left()


def test_nothing_is_left_when_the_launcher_or_the_supervisor_is_killed(start: Start) -> None:
    for depth in (0, 1, 2):
        notebook = start()
        chain = [notebook.launcher]
        while len(chain) < 3:
            chain.append(children(chain[-1])[0])
        os.kill(chain[depth], signal.SIGKILL)
        assert eventually(lambda notebook=notebook: not notebook.footprint.left()), notebook.footprint.left()
        assert notebook.process.poll() is None


def test_labs_go_on_without_the_process_that_started_them(start: Start) -> None:
    again = "\n".join(
        [
            "assert lab['h1'].run('true'), 'the lab of before'",
            "with Lab('06-icmp') as other:",
            "    print(other['h1'].run('hostname').stdout, flush=True)",
            "time.sleep(4803)",
        ]
    )
    notebook = start(f"import netlib.lab.netns.forkserver\nsys.stdin.readline()\n{again}")
    os.kill(notebook.forkserver, signal.SIGKILL)
    assert eventually(lambda: is_zombie(notebook.forkserver))
    notebook.go_on()
    assert notebook.process.stdout
    assert notebook.process.stdout.readline() == "h1\n"


def test_a_lab_starts_when_what_was_made_ahead_is_dead(start: Start) -> None:
    """After a start, the next lab's first processes are there already: they are not the only way."""
    code = """
import subprocess
from netlib.lab.netns.forkserver import forkserver
def ahead():
    while True:
        below = subprocess.run(["pgrep", "--parent", str(forkserver()._process.pid)], capture_output=True, text=True)
        found = {int(pid) for pid in below.stdout.split()} - {lab._session.pid}
        if found:
            return found.pop()
        time.sleep(0.01)
def name():
    with Lab("06-icmp") as other:
        return other["h1"].run("hostname").stdout.strip(), other._session.pid
for _ in range(20):  # it is not, where another program has mounted something or begun to listen meanwhile
    first = ahead()
    one, pid = name()
    if pid == first:
        break
assert pid == first, "what was made ahead is used"
second = ahead()
os.kill(second, signal.SIGKILL)
while os.path.exists(f"/proc/{second}"):
    time.sleep(0.01)
two, pid = name()
assert pid != second
print(one, two, flush=True)
time.sleep(4803)
"""
    notebook = start(code)
    assert notebook.process.stdout and notebook.process.stderr
    line = notebook.process.stdout.readline()
    assert line == "h1 h1\n", notebook.process.stderr.read()


def test_a_node_that_waited_unnamed_and_was_not_needed_is_gone(labs_work: None, write: Callable[[str], Path]) -> None:
    lab = Lab(write("""
        nodes: {a: {kind: linux}}
    """))
    for _ in range(2):
        with lab:
            assert lab._session
            assert eventually(lambda: list(subtree(lab._session.pid).values()).count("init") == 1)


def test_a_folder_that_was_made_meanwhile_is_in_the_next_lab(labs_work: None) -> None:
    """What is made ahead has looked into /etc, /opt, /srv and /var already, perhaps before nginx was installed."""
    if not os.access("/srv", os.W_OK):
        pytest.skip("only root may make a folder in /srv")
    with Lab("06-icmp"):
        assert eventually(lambda: _ahead() is not None)
    with tempfile.TemporaryDirectory(dir="/srv", prefix=".lab-test-") as folder:
        os.chmod(folder, 0o755)
        with Lab("06-icmp") as lab:
            assert lab["h1"].run(["ls", folder])
        assert eventually(lambda: _ahead() is not None)
        with Lab("06-icmp") as lab:
            assert lab["h1"].run(["ls", folder])


def _ahead() -> int | None:
    """The launcher that waits for the next lab, if it has its first node."""
    for pid in children(os.getpid()):
        names = list(subtree(pid).values())
        if names[0] == "lab-launcher" and "lab-supervisor" not in names and "init" in names:
            return pid
    return None


def test_an_exception_in_the_with_block_ends_the_lab(labs_work: None) -> None:
    with pytest.raises(ZeroDivisionError), Lab("06-icmp") as lab:
        assert lab._session
        footprint = Footprint(lab._session.pid)
        assert footprint.inhabitants()
        raise ZeroDivisionError
    assert eventually(lambda: not footprint.left())
    assert not lab.running


def test_a_lab_that_fails_to_start_leaves_nothing(labs_work: None, write: Callable[[str], Path]) -> None:
    path = write("""
        nodes:
          a:
            kind: linux
            exec: [sh -c 'setsid sleep 4804 & exit 1']
          b: {kind: linux}
    """)
    before = names_below()
    with pytest.raises(LabError, match="exit status 1"):
        Lab(path).up()
    assert eventually(lambda: names_below() <= before)
    assert not [pid for pid in pids() if b"sleep\x004804" in _command_line(pid)]


def test_a_lab_that_lost_its_supervisor_says_so(labs_work: None) -> None:
    with Lab("06-icmp") as lab:
        assert lab._session
        running = lab["h1"].popen("sleep 4805")
        os.kill(children(lab._session.pid)[0], signal.SIGKILL)
        assert eventually(lambda: not lab.running)
        with pytest.raises(LabError, match=r"is down; start it again with lab.up\(\)"):
            lab["h1"].run("true")
        assert running.wait(10) == -9


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("now", [False, True], ids=["asked to end", "killed"])
def test_nothing_is_left_when_a_notebooks_kernel_is_restarted(labs_work: None, now: bool) -> None:
    """A real Jupyter kernel, as "Restart Kernel" in JupyterLab treats it."""
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(ROOT))
    try:
        client.execute_interactive(
            "from netlib import Lab\nlab = Lab('06-icmp', engine='netns').up()\n"
            "lab['h1'].sh('setsid sleep 4806 >/dev/null 2>&1 &')\ncapture = lab.capture('h1:eth1')",
            timeout=60,
        )
        footprint = Footprint(manager.provisioner.pid)
        assert len(footprint.inhabitants()) >= 8
        manager.restart_kernel(now=now)
        assert eventually(lambda: not footprint.left()), footprint.left()
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
