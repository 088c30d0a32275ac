"""Whatever ends first, the notebook, the lab or the daemon: no process, container, interface or file of a lab stays.

A notebook is played by a Python process of its own, with a lab that does not want to go: a shell that ignores SIGTERM,
an orphan in a session of its own, a capture, and a forked child that holds copies of the lab's sockets. A daemon that
dies is one of our own, on a socket of its own.
"""

from __future__ import annotations

import glob
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from lab.containers import PAIR, containers, docker, footprints, need_docker, pair, unique
from lab.notebook import ROOT, Notebook, starting
from lab.processes import eventually, pids

from netlib.lab import Lab, LabError
from netlib.lab.docker import owner
from netlib.lab.errors import EngineMissing

pytestmark = pytest.mark.serial

CODE = """
import os, signal, sys, time
from netlib.lab import Lab

lab = Lab(sys.argv[1], engine="docker").up()
lab["a"].sh("setsid sleep 4820 >/dev/null 2>&1 &")
stubborn = lab["b"].popen(["sh", "-c", "trap '' TERM INT HUP; while :; do sleep 4821; done"])
capture = lab.capture("a:eth1")
child = os.fork()
if child == 0:
    time.sleep(4822)
print(child, flush=True)
sys.stdin.readline()
"""


class DockerNotebook(Notebook):
    def __init__(self, folder: Path, ending: str = "time.sleep(4823)"):
        self.lab = unique()
        path = folder / f"{self.lab}.clab.yml"
        path.write_text(PAIR.format(name=self.lab, a="env: {}", b="env: {}"))
        super().__init__(CODE + ending, str(path))


Start = Callable[..., DockerNotebook]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    need_docker()
    with starting(partial(DockerNotebook, tmp_path)) as start:
        yield start


def folders() -> list[str]:
    """Of labs of this process, and of processes that are dead: other tests may have labs up at the same time."""
    found = []
    for folder in glob.glob(os.path.join(tempfile.gettempdir(), "netlib-lab-*")):
        of = owner.read_owner(os.path.basename(folder).removeprefix("netlib-lab-").rpartition("-")[0])
        if of is None or of.gone or of.pid == os.getpid():
            found.append(folder)
    return found


@pytest.mark.parametrize("how", [[signal.SIGKILL], [signal.SIGTERM], [signal.SIGSTOP, signal.SIGKILL]])
def test_nothing_is_left_when_the_notebook_is_killed(start: Start, how: list[signal.Signals]) -> None:
    notebook = start()
    prints = footprints(notebook.lab)
    assert sum(len(each.inhabitants()) for each in prints) >= 5  # two agents, an orphan, a shell, a recorder
    for number in how:
        os.kill(notebook.process.pid, number)
    assert eventually(lambda: not any(each.inhabitants() for each in prints))
    assert eventually(lambda: not containers(notebook.lab))
    assert eventually(lambda: not any(each.left() for each in prints)), [each.left() for each in prints]
    assert notebook.child in pids()  # the fork lives, with its copies of the sockets
    assert not folders()


@pytest.mark.parametrize("ending", ["", "raise RuntimeError('no')", "lab.down(); time.sleep(4823)"])
def test_nothing_is_left_when_the_lab_ends(start: Start, ending: str) -> None:
    notebook = start(ending)
    prints = footprints(notebook.lab)
    notebook.go_on()
    assert eventually(lambda: not containers(notebook.lab) and not any(each.left() for each in prints))


def test_a_notebook_that_dies_while_its_lab_starts(tmp_path: Path) -> None:
    """Killed when the first container is there: whatever Docker still starts finds nobody, and ends."""
    need_docker()
    name = unique()
    path = tmp_path / "pair.clab.yml"
    path.write_text(PAIR.format(name=name, a="env: {}", b="env: {}"))
    code = f"from netlib.lab import Lab; Lab({str(path)!r}, engine='docker').up(); print('up', flush=True)"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert eventually(lambda: containers(name))
    process.kill()
    process.communicate(timeout=20)
    assert eventually(lambda: not containers(name))
    Lab(pair(unique()), engine="docker").up().down()  # the folder of its sockets goes with the next start
    assert not folders()


def test_leftovers_of_a_dead_owner_go_at_the_next_start_and_those_of_a_living_one_stay() -> None:
    need_docker()
    name = unique()
    ended = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(4824)"])
    dead = str(owner.Owner(owner._boot(), owner._namespace(), ended.pid, owner.start_time(ended.pid) or 0))
    ended.kill()
    ended.wait()
    living = owner.this_process()
    owners = {
        "dead": dead,
        "reused": str(owner.Owner(living.boot, living.namespace, living.pid, living.start - 1)),  # the number is ours
        "before": str(owner.Owner("00000000-0000", living.namespace, living.pid, living.start)),  # another boot
        "living": str(living),
        "elsewhere": str(owner.Owner(living.boot, 1, ended.pid, 1)),  # its number means nothing to us
        "garbled": "somebody",
    }
    for who, text in owners.items():
        labels = ["--label", f"netlib.owner={text}", "--label", f"netlib.lab={name}", "--label", f"netlib.node={who}"]
        docker("create", "--network", "none", "--name", f"netlib-{name}-{who}", *labels, "netcourse:latest", "true")
    empty = Path(tempfile.mkdtemp(prefix=f"netlib-lab-{dead}-"))
    mine = Path(tempfile.mkdtemp(prefix=f"netlib-lab-{living}-"))
    try:
        Lab(pair(unique()), engine="docker").up().down()
        left = docker("ps", "--all", "--filter", f"label=netlib.lab={name}", "--format", '{{.Label "netlib.node"}}')
        assert set(left.split()) == {"living", "elsewhere", "garbled"}
        assert mine.exists() and not empty.exists()
    finally:
        docker("rm", "--force", *containers(name))
        mine.rmdir()


class Daemon:
    """A Docker daemon of our own: no network, and an image with little more than Python and the agent."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.host = f"unix://{folder}/docker.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        for name in ("pid", "exec/containerd/containerd.pid"):  # of processes that may be zombies still
            (self.folder / name).unlink(missing_ok=True)
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [
                    *("dockerd", "--host", self.host, "--pidfile", f"{self.folder}/pid"),
                    *("--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec"),
                    *("--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        assert eventually(self.answers), (self.folder / "log").read_text()[-2000:]

    def answers(self) -> bool:
        return subprocess.run(["docker", "--host", self.host, "version"], capture_output=True).returncode == 0

    def make_image(self) -> None:
        """A small image out of what the course image has; to load all of that would take long."""
        script = (
            "tar -ch /usr/bin/python3 /usr/lib/python3.11 /opt/netlib /usr/local/bin/netlib-agent /bin/sleep $(ldd "
            "/usr/bin/python3 /bin/sleep /usr/lib/python3.11/lib-dynload/_ctypes.* | grep -o '/lib[^ ]*' | sort -u)"
        )
        run = [*("docker", "run", "--rm", "--network", "none", "netcourse:latest"), "sh", "-c", script]
        with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as archive:
            make = ["docker", "--host", self.host, "import", "--change", "ENV NETLIB_IMAGE=1", "-", "netcourse:latest"]
            subprocess.run(make, stdin=archive.stdout, check=True, capture_output=True, timeout=60)

    def end(self, how: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(how)
        self.process.wait(30)

    def containers(self) -> list[str]:
        done = subprocess.run(["docker", "--host", self.host, "ps", "-aq"], capture_output=True, text=True, timeout=30)
        return done.stdout.split()


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    need_docker()
    if os.geteuid() != 0 or not any(os.access(f"{place}/dockerd", os.X_OK) for place in ("/usr/sbin", "/usr/bin")):
        pytest.skip("a Docker daemon of the test's own needs root, and dockerd")
    with tempfile.TemporaryDirectory(prefix="netlib-test-docker-") as folder:
        daemon = Daemon(Path(folder))
        try:
            daemon.start()
            daemon.make_image()
            yield daemon
        finally:
            if daemon.process:
                daemon.process.terminate()
                daemon.process.wait(30)
            for place in ("data", "exec/netns/default"):  # a daemon that was killed leaves its own mounts
                while subprocess.run(["umount", f"{folder}/{place}"], capture_output=True).returncode == 0:
                    pass


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, daemon: Daemon) -> Path:
    monkeypatch.setenv("DOCKER_HOST", daemon.host)
    if not daemon.answers():
        daemon.start()
    path = tmp_path / "bare.clab.yml"
    text = PAIR.format(name="bare", a="env: {}", b="env: {}")
    path.write_text("".join(line for line in text.splitlines(True) if "exec:" not in line and "ip addr" not in line))
    return path


def test_a_lab_outlives_the_daemon_but_not_its_notebook(daemon: Daemon, bare: Path) -> None:
    with Lab(bare, engine="docker") as lab:
        prints = footprints("bare")
        daemon.end(signal.SIGKILL)
        assert lab.running and lab["a"].run(["sleep", "0"]).returncode == 0
    assert eventually(lambda: not any(each.inhabitants() for each in prints))
    with pytest.raises(EngineMissing, match="the Docker daemon does not run; start it"):
        Lab(bare, engine="docker").up()
    daemon.start()
    assert eventually(lambda: not daemon.containers())
    assert eventually(lambda: not any(each.left() for each in prints)), [each.left() for each in prints]


def test_a_daemon_that_is_restarted_takes_the_lab_along_and_the_notebook_is_told(daemon: Daemon, bare: Path) -> None:
    with Lab(bare, engine="docker") as lab:
        prints = footprints("bare")
        daemon.end(signal.SIGTERM)
        assert eventually(lambda: not lab.running)
        with pytest.raises(LabError, match=r"lab bare is down; start it again with lab.up\(\)"):
            lab["a"].run(["sleep", "0"])
        assert eventually(lambda: not any(each.inhabitants() for each in prints))
        daemon.start()
        assert eventually(lambda: not daemon.containers())
        lab.up()
        assert lab["a"].run(["sleep", "0"]).returncode == 0
    assert not daemon.containers()
    assert eventually(lambda: not any(each.left() for each in prints)), [each.left() for each in prints]
