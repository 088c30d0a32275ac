"""Attacks from inside a node, as root there, and by files of a stranger. Each of these has worked once."""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netlib.lab import Lab
from netlib.lab.agent.channel import pair, receive, send
from netlib.lab.docker import session as docker_session
from netlib.lab.docker.owner import read_owner
from netlib.lab.errors import LabError
from netlib.lab.netns.launcher import PROCESSES
from netlib.lab.node import Node
from netlib.lab.replay.recording import read_recording
from netlib.lab.session import Connection
from netlib.lab.shelf import first_comments, recording_date
from netlib.lab.topology import read_topology

ROOT = Path(__file__).resolve().parents[2]
HELPERS = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)

def call(*arguments):
    result = libc.syscall(*map(ctypes.c_long, arguments))
    return result if result >= 0 else os.strerror(ctypes.get_errno())

def attempt(function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        return error.strerror
"""
KEYCTL = {"x86_64": 250, "aarch64": 219}.get(platform.machine())  # the system call


@pytest.fixture(scope="module")
def node(labs_work: None) -> Iterator[Node]:
    with Lab("06-icmp", engine="netns") as lab:
        yield lab["h1"]


@pytest.fixture
def visible() -> Iterator[Path]:
    """A folder of this machine that everybody may write to, where nodes see it."""
    for place in (ROOT, Path("/opt"), Path("/home"), Path("/usr/local")):
        if os.access(place, os.W_OK):
            with tempfile.TemporaryDirectory(dir=place, prefix=".lab-test-") as name:
                os.chmod(name, 0o777)
                yield Path(name)
                return
    pytest.skip("there is no place that both this test can write to and a node can see")


def python(node: Node, code: str) -> str:
    """What a program in the node prints."""
    return node.run(["python3", "-c", HELPERS + textwrap.dedent(code)], check=True).stdout


def test_netlibs_own_processes_cannot_be_seen_through_or_changed(node: Node) -> None:
    """With the agent's memory, its environment (the notebook's!) and its socket, a node's root was the agent."""
    said = python(
        node,
        """
        print(attempt(open, "/proc/1/environ"), attempt(open, "/proc/1/mem", "r+b"), attempt(os.listdir, "/proc/1/fd"))
        print(call(438, os.pidfd_open(1), 3, 0))  # pidfd_getfd
        os.system("umount -l /proc")
        print([pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) != int(os.readlink("/proc/self"))
               and not isinstance(attempt(open, f"/proc/{pid}/mem", "r+b"), str)])
        """,
    )
    assert said == "Permission denied Permission denied Permission denied\nOperation not permitted\n[]\n"


def test_the_machines_processes_are_not_under_the_nodes_own(node: Node) -> None:
    with subprocess.Popen(["sleep", "4871"]) as outside:
        try:
            seen = node.sh("umount -l /proc; cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout
        finally:
            outside.kill()
    assert "netlib.lab.netns.launcher" in seen  # it could look
    assert "sleep 4871" not in seen


def test_the_machines_terminals_and_other_devices_are_out_of_reach(node: Node) -> None:
    ours, theirs = os.openpty()
    path = os.ttyname(theirs)
    os.chmod(path, 0o666)
    try:
        node.sh(f"echo evil > {path}")
        os.set_blocking(ours, False)
        with pytest.raises(BlockingIOError):
            os.read(ours, 10)
    finally:
        os.close(ours)
        os.close(theirs)
    allowed = {*("full", "null", "random", "tty", "urandom", "zero", "net", "fd", "stdin", "stdout", "stderr")}
    assert set(node.run("ls /dev").stdout.split()) <= allowed | {"ptmx", "pts", "shm"}
    assert python(node, "print(os.ttyname(os.openpty()[1]))") == "/dev/pts/0\n"  # a node has terminals of its own


def test_a_lab_has_a_keyring_of_its_own(labs_work: None) -> None:
    if not KEYCTL:
        pytest.skip(f"this test does not know the system calls of {platform.machine()}")
    code = f"""
    from netlib.lab import Lab
    print(call({KEYCTL}, 1, 0))  # a new session, as a login makes one
    with Lab("06-icmp", engine="netns") as lab:
        print(lab["h1"].run(["python3", "-c", {HELPERS!r} + "print(call({KEYCTL}, 0, -3, 0))"], check=True).stdout)
    """
    script = HELPERS + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    ours, theirs = done.stdout.split()
    if not ours.isdigit():
        pytest.skip("there are no keyrings here")
    assert theirs.isdigit() and ours != theirs


def test_sockets_that_know_no_namespaces_cannot_be_made(node: Node) -> None:
    """By AF_VSOCK, a node in a virtual machine could talk with what runs that machine."""
    said = python(
        node,
        """
        print(attempt(socket.socket, socket.AF_VSOCK, socket.SOCK_STREAM))
        print(call(425, 8, 0))  # io_uring_setup, which makes sockets too
        for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):
            socket.socket(family, socket.SOCK_DGRAM).close()
        """,
    )
    assert said == "Address family not supported by protocol\nFunction not implemented\n"


def test_a_nodes_root_cannot_reach_the_machines_unix_sockets(visible: Path, labs_work: None) -> None:
    """A socket on a read-only file system still connects: an ordinary user's Docker, or ssh-agent, was there."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(visible / "socket"))
        os.chmod(visible / "socket", 0o777)
        listener.listen()
        listener.settimeout(0)
        with Lab("06-icmp", engine="netns") as lab:
            code = f"print(attempt(socket.socket(socket.AF_UNIX).connect, {str(visible / 'socket')!r}))"
            said = python(lab["h1"], code)
        assert said in ("Connection refused\n", "Permission denied\n", "No such file or directory\n")
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_the_processes_of_a_lab_are_limited_together(node: Node) -> None:
    """Neither other nodes, nor other ids, nor root in the lab make more of them; each thread counts."""
    bomb = HELPERS + textwrap.dedent(
        """
        import _thread, resource, sys, time
        attempt(os.setuid, int(sys.argv[1]))
        _thread.stack_size(65536)
        gate, count = _thread.allocate_lock(), 0
        gate.acquire()
        while count < 700:
            try:
                _thread.start_new_thread(gate.acquire, (True, 30))
            except RuntimeError:
                break
            count += 1
        print(count, flush=True)
        sys.stdin.read()
        """
    )
    raised = python(
        node,
        """
        import resource
        try:
            resource.setrlimit(resource.RLIMIT_NPROC, (1 << 16, 1 << 16))
        except ValueError as error:
            print(error)
        """,
    )
    assert raised == "not allowed to raise maximum limit\n"
    counts, running = [], []
    with Lab("06-icmp", engine="netns") as lab:
        for number, each in enumerate(lab):
            try:
                running.append(each.popen(["python3", "-c", bomb, str(1000 + number)], stdin=True))
            except LabError:  # not even one more
                break
            output = running[-1].stdout
            assert output
            counts.append(int(output.readline() or 0))
    assert 700 < sum(counts) < PROCESSES


def test_a_lab_cannot_move_about_in_its_users_control_groups(node: Node) -> None:
    if os.statvfs("/proc/sys").f_flag & os.ST_RDONLY:
        pytest.skip("/proc/sys is read-only here")
    new_cgroup_namespace = 0x0200_0000
    assert python(node, f"print(libc.unshare({new_cgroup_namespace}))") == "-1\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("/etc/passwd", "leads out of the lab's folder"),
        ("../secret", "leads out of the lab's folder"),
        ("link", "leads out of the lab's folder"),
        ("inner/away/secret", "leads out of the lab's folder"),
        ("socket", "neither a file nor a folder"),
    ],
)
def test_a_topology_binds_only_what_is_its_own(
    write: Callable[[str], Path], tmp_path: Path, source: str, reason: str
) -> None:
    """A stranger's topology could show its nodes, in containers even as the machine's root, any file of this machine;
    and its Docker's socket."""
    outside = tmp_path.parent
    (outside / "secret").write_text("secret")
    (tmp_path / "link").symlink_to(outside / "secret")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "away").symlink_to(outside)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        path = write(f"nodes:\n  a:\n    kind: linux\n    binds: ['{source}:/opt/x:ro']\n")
        with pytest.raises(LabError, match=reason):
            read_topology(path)


@pytest.mark.parametrize(
    ("op", "arguments"),
    [
        ("nothing", {}),
        ("exec", {"argv": 5, "env": {}}),
        ("exec", {}),
        ("socket", {"family": "x"}),
        ("wan", {"change": 5}),
    ],
)
def test_a_request_of_no_known_form_does_not_end_the_node(node: Node, op: str, arguments: dict[str, object]) -> None:
    with pytest.raises((OSError, LabError)):
        node._request(op, **arguments)
    assert node.run("true")


def test_what_is_lent_to_containers_leads_nowhere_else() -> None:
    """By a descriptor of /proc/sys, and `..`, an image could have the whole file system of this machine."""
    if os.geteuid() != 0:
        pytest.skip("only root can cut a folder off")
    lent = docker_session._network_settings()
    try:
        here, above = (os.open(name, os.O_RDONLY, dir_fd=lent) for name in (".", "../.."))
        assert "ipv4" in os.listdir(here) and os.listdir(here) == os.listdir(above)
        os.close(here)
        os.close(above)
    finally:
        os.close(lent)


@pytest.mark.parametrize("label", ["b.².1.1", "b.1.٣.1", "b.1.1", "..."])
def test_a_folder_that_another_user_has_named_stops_no_lab(label: str) -> None:
    assert read_owner(label) is None


@pytest.mark.parametrize("answer", [b"nonsense", b"[" * 100_000, b"[]", b"1", b"\xff"])
def test_an_agent_that_answers_nonsense_is_an_error_and_leaves_no_descriptor(answer: bytes) -> None:
    ours, theirs = pair()
    connection = Connection("lab", "h1", ours)
    before = len(os.listdir("/proc/self/fd"))
    socket.send_fds(theirs, [answer], [0, 1, 2])
    with pytest.raises(LabError, match="h1 has died"):
        connection.request("exec")
    assert len(os.listdir("/proc/self/fd")) == before
    connection.close()
    theirs.close()


def test_an_agent_that_never_comes_to_the_point_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlib.lab.session.REQUEST_TIMEOUT", 0.0)
    ours, theirs = pair()
    connection = Connection("lab", "h1", ours)
    ours.settimeout(5)
    for _ in range(3):
        send(theirs, {"id": -1}, [0])
    with pytest.raises(LabError, match="does not answer"):
        connection.request("exec")
    assert receive(ours)[0] == {"id": -1}  # it did not listen on and on
    connection.close()
    theirs.close()


def test_a_strangers_words_do_not_move_the_terminal(write: Callable[[str], Path]) -> None:
    evil = "\x1b]0;evil\x07\x1b[2J"
    path = write("nodes:\n  a:\n    kind: linux\n")
    path.write_text(f"# shows {evil}\n" + path.read_text())
    assert first_comments(path)[0] == r"shows \x1b]0;evil\x07\x1b[2J"
    assert str(LabError(f"it says {evil}")).isprintable()


def packed(path: Path, about: bytes) -> Path:
    """A recording that says this of itself."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.json", about)
        for name in ("commands", "captures", "asked"):
            archive.writestr(f"{name}.json", "[]")
    return path


ABOUT = {
    **{"format": 1, "lab": "test", "topology": "", "date": "2026-11-23", "kernel": "Linux", "engine": "netns"},
    **{"netlib": "1", "versions": {}},
}


def test_a_recording_that_is_hostile_is_one_line(tmp_path: Path) -> None:
    place = tmp_path / "recording.zip"
    assert read_recording(packed(place, json.dumps(ABOUT).encode())).about.lab == "test"
    for about in (
        json.dumps({**ABOUT, "engine": "\x1b[2Jnetns"}).encode(),
        json.dumps({**ABOUT, "versions": {"ip": "\x1b[2J"}}).encode(),
        json.dumps({**ABOUT, "date": ["2026-11-23"]}).encode(),
        json.dumps({**ABOUT, "date": "\x1b[2J"}).encode(),
        b'["date"]',
        b"[" * 200_000,
        b" " * (80 << 20),  # a bomb: 80 kB packed
    ):
        with pytest.raises(LabError, match="no recording that can be read"):
            read_recording(packed(place, about))
        recorded = recording_date(place)
        assert recorded in ("", "2026-11-23")
    place.write_bytes(b"PK" * 1_000_000)
    with pytest.raises(LabError, match="larger than 1 MB"):
        read_recording(place)
