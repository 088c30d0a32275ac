"""A lab of the command line has a keeper: it lives between two commands, and nothing lives longer than it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.command_line import COMMAND, Terminal, footprint, keeper, netlib, refused, start
from lab.processes import Footprint, children, eventually, is_zombie, pids

from netlib.lab import Lab, LabError, kept

USER = 5005


@pytest.fixture(autouse=True)
def folder(labs_work: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder of the test's own; at its end, its labs are ended."""
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    yield runtime / "netlib"
    (runtime / "netlib").exists() and (runtime / "netlib").chmod(0o700)
    netlib("lab", "down", "--all")


def sockets(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_a_lab_stays_up_between_commands_and_a_notebook_joins_it(folder: Path) -> None:
    netlib("lab", "up", "06")
    lab = Lab.join("6")
    assert lab.running and lab.live and lab.engine == "netns" and lab.nodes == ["h1", "r1", "r2", "r3", "h2"]
    with lab.capture("r1:eth1") as capture:
        assert lab["h1"].run("ping -c 1 -W 5 10.0.4.2")
    assert sum("echo" in str(packet) for _, packet in capture.packets) == 2
    listener = lab["h2"].socket()
    listener.bind(("10.0.4.2", 7))
    listener.listen()
    with lab["h1"].socket() as client:
        client.connect(("10.0.4.2", 7))
        assert listener.accept()[1][0] == "10.0.1.2"
    with pytest.raises(LabError, match="lab 06-icmp has no node 'h9'"):
        lab["h9"]
    with pytest.raises(OSError, match="No such device"):
        lab.request("h1", "packet_socket", interface="eth9")

    lab.down()
    assert not lab.running
    with pytest.raises(LabError, match="is down"):
        lab["h1"].run("true")
    assert "up since" in netlib("lab", "list")
    with Lab("06-icmp", join=True) as again:
        assert again["h1"].run("true")
    assert netlib("lab", "exec", "h1", "hostname") == "h1\n"
    assert lab.up().running  # joined anew


def test_a_notebooks_lab_is_told_when_its_keeper_has_gone() -> None:
    netlib("lab", "up", "06")
    lab = Lab.join("06")
    running = lab["h1"].popen("sleep 4700")
    assert lab.running
    assert netlib("lab", "down") == "06-icmp is down\n"
    assert not lab.running and running.wait(20) == -9
    with pytest.raises(LabError, match="is down"):
        lab["h1"].run("true")
    with pytest.raises(LabError, match="lab 06-icmp does not run; start it: netlib lab up 06-icmp"):
        lab.up()
    with pytest.raises(LabError, match="lab 06-icmp does not run; start it: netlib lab up 06-icmp"):
        Lab.join("06-icmp")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_when_the_keeper_is_killed(folder: Path, number: signal.Signals) -> None:
    netlib("lab", "up", "06")
    netlib("lab", "exec", "h1", "sh", "-c", "setsid sleep 4701 >/dev/null 2>&1 &")
    there = footprint()
    assert len(there.inhabitants()) >= 9
    os.kill(keeper(), number)
    assert eventually(lambda: not there.left()), there.left()
    if number == signal.SIGTERM:
        assert eventually(lambda: not sockets(folder))
    else:
        assert sockets(folder) == ["06-icmp.sock"]  # stale; the next look removes it
    assert "up since" not in netlib("lab", "list")
    assert sockets(folder) == []
    netlib("lab", "up", "06")
    assert netlib("lab", "exec", "h1", "hostname") == "h1\n"


def test_down_waits_until_all_is_gone(folder: Path) -> None:
    netlib("lab", "up", "06")
    there, process = footprint(), keeper()
    kept.end("06-icmp")  # what `down` does; here no end of a command's process hides that it did not wait
    assert is_zombie(process) and sockets(folder) == []
    assert eventually(lambda: not there.left()), there.left()


def test_a_lab_that_dies_by_itself_takes_its_keeper_along(folder: Path) -> None:
    netlib("lab", "up", "06")
    process = keeper()
    for child in children(process):
        with contextlib.suppress(ProcessLookupError):  # its parent's end was its own
            os.kill(child, signal.SIGKILL)
    assert eventually(lambda: is_zombie(process))
    assert sockets(folder) == []


def test_a_stale_socket_is_no_lab(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for name in ("06-icmp", "gone"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(folder / f"{name}.sock"))
            listener.listen()
    assert refused("lab", "exec", "--lab", "gone", "h1", "true").startswith("lab gone does not run")
    assert sockets(folder) == []
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(folder / "06-icmp.sock"))
    netlib("lab", "up", "06")
    assert netlib("lab", "exec", "h1", "hostname") == "h1\n"


def test_of_two_starts_at_once_one_wins(folder: Path) -> None:
    starts = [start("lab", "up", "06") for _ in range(3)]
    ends = [(each.communicate(timeout=60), each.returncode) for each in starts]
    assert sorted(status for _, status in ends) == [0, 1, 1]
    for (output, errors), status in ends:
        assert output if status == 0 else errors.startswith("netlib: a lab 06-icmp runs already; ")
    assert sockets(folder) == ["06-icmp.sock"]
    assert netlib("lab", "exec", "h1", "hostname") == "h1\n"


def test_two_labs_of_the_same_name(folder: Path) -> None:
    netlib("lab", "up", "06")
    said = refused("lab", "up", "06")
    assert said.startswith("a lab 06-icmp runs already; ") and "--as NAME" in said
    netlib("lab", "up", "06", "--as", "second")
    assert sockets(folder) == ["06-icmp.sock", "second.sock"]
    netlib("lab", "exec", "--lab", "second", "h1", "touch", "/tmp/mark")
    assert netlib("lab", "exec", "--lab", "second", "h1", "ls", "/tmp") == "mark\n"
    assert netlib("lab", "exec", "--lab", "06", "h1", "ls", "/tmp") == ""
    assert refused("lab", "exec", "h1", "true") == "2 labs run: 06-icmp, second; say which one with --lab NAME"
    assert Lab.join("second").nodes == Lab.join("06").nodes
    netlib("lab", "down", "06")
    assert sockets(folder) == ["second.sock"]
    assert refused("lab", "up", "06", "--as", "../evil").startswith("--as '../evil': a lab's name is letters")


def test_clients_at_once_get_their_own_answers() -> None:
    netlib("lab", "up", "06")
    said: dict[int, list[str]] = {}

    def use(number: int) -> None:
        lab = Lab.join("06")
        node = lab[lab.nodes[number]]
        said[number] = [node.sh(f"hostname; echo {number}.{turn}").stdout for turn in range(20)]

    threads = [threading.Thread(target=use, args=[number]) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    names = Lab.join("06").nodes
    assert said == {n: [f"{names[n]}\n{n}.{turn}\n" for turn in range(20)] for n in range(5)}


def test_what_a_client_started_ends_with_it_and_what_it_left_running_stays() -> None:
    netlib("lab", "up", "06")
    netlib("lab", "exec", "h1", "sh", "-c", "sleep 4702 >/dev/null 2>&1 &")
    client = start("lab", "exec", "h1", "--", "sh", "-c", "sleep 4703 & wait")
    lab = Lab.join("06")

    def sleepers() -> list[str]:
        return sorted(lab["h1"].sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 47[0-9]*'").stdout.split())

    assert eventually(lambda: "4703" in sleepers()), sleepers()
    client.kill()
    client.communicate(timeout=20)
    assert eventually(lambda: "4703" not in sleepers()), sleepers()
    assert "4702" in sleepers()


def test_a_lab_outlives_the_terminal_that_it_was_started_in() -> None:
    terminal = Terminal("/bin/sh", "-c", " ".join([*COMMAND, "lab up 06; sleep 4704"]))
    terminal.wait_for("06-icmp is up")
    terminal.close()
    assert netlib("lab", "exec", "h1", "hostname") == "h1\n"
    assert os.readlink(f"/proc/{keeper()}/cwd") == "/"


SLOW = """
    nodes:
      a:
        kind: linux
        exec: [sleep 25]
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_start_that_is_given_up_leaves_nothing(folder: Path, write: Callable[..., Path], how: signal.Signals) -> None:
    path = write(SLOW, name="slow")
    up = start("lab", "up", str(path))
    assert eventually(lambda: sockets(folder) == ["slow.sock"])
    [found] = kept.running()
    assert found.state == "is starting"
    assert "slow" in netlib("lab", "list") and "is starting" in netlib("lab", "list")
    there = Footprint(found.pid)
    up.send_signal(how)
    up.communicate(timeout=60)
    if how == signal.SIGKILL:  # nobody can tell the keeper yet
        netlib("lab", "down", "slow")
    assert eventually(lambda: not sockets(folder) and is_zombie(found.pid))
    assert eventually(lambda: not there.left()), there.left()


def test_a_lab_that_fails_to_start_says_why_and_leaves_nothing(folder: Path, write: Callable[..., Path]) -> None:
    path = write("nodes: {a: {kind: linux, exec: ['ip route add default via 10.9.9.9']}}", name="bad")
    before = set(pids())
    assert refused("lab", "up", str(path)).startswith(f"{path}:5: node a: ")
    assert sockets(folder) == []
    left = [pid for pid in set(pids()) - before if "netlib.lab" in _words(pid) and str(folder.parent) in _environ(pid)]
    assert left == []
    assert refused("lab", "up", "nowhere").startswith("no lab 'nowhere'; ")
    assert refused("lab", "up", "06", "--engine", "mininet").startswith("no engine 'mininet'; ")


def test_a_changed_topology_does_not_change_a_lab_that_runs(write: Callable[..., Path]) -> None:
    path = write("nodes: {a: {kind: linux}, b: {kind: linux}}", name="pair")
    netlib("lab", "up", str(path))
    path.write_text("this is no topology")
    assert Lab.join("pair").nodes == ["a", "b"]
    assert netlib("lab", "exec", "b", "hostname") == "b\n"
    assert Lab.join(path.parent).nodes == ["a", "b"] and Lab.join(str(path)).nodes == ["a", "b"]


def test_a_command_that_is_too_long_is_refused_and_the_node_lives_on() -> None:
    netlib("lab", "up", "06")
    for lab in (Lab.join("06"), Lab("06", engine="netns").up()):
        with pytest.raises(LabError, match="node h1: the command is too long"):
            lab["h1"].run(["echo", "x" * 150_000])
        assert lab["h1"].run("echo yes").stdout == "yes\n"
        lab.down()


def test_a_fork_may_not_ask(folder: Path) -> None:
    netlib("lab", "up", "06")
    lab = Lab.join("06")
    child = os.fork()
    if child == 0:
        try:
            lab["h1"].run("true")
        except LabError as error:
            lab.down()
            os._exit(0 if "fork" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert lab["h1"].run("true")


def test_the_folder_is_private(folder: Path) -> None:
    netlib("lab", "up", "06")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    assert refused("lab", "list") == f"{folder} is open to other users; do: chmod 700 {folder}"
    assert refused("lab", "up", "05") == f"{folder} is open to other users; do: chmod 700 {folder}"


def test_a_folder_that_is_none_or_anothers_is_not_used(folder: Path) -> None:
    folder.symlink_to("/tmp")
    fix = "set XDG_RUNTIME_DIR to a folder of your own"
    assert refused("lab", "up", "06").startswith(f"{folder} cannot be used: ")
    folder.unlink()
    if os.geteuid() == 0:
        folder.mkdir(mode=0o700)
        os.chown(folder, USER, USER)
        assert refused("lab", "up", "06") == f"{folder} belongs to user {USER}; {fix}"
        os.chown(folder.parent, USER, USER)  # XDG_RUNTIME_DIR itself is another's, as after sudo: the temporary folder
        assert kept.runtime_folder().name == "netlib-0"
        os.chown(folder.parent, 0, 0)
        folder.rmdir()


KNOCK = """
import os, socket, sys
os.setresgid(5005, 5005, 5005); os.setresuid(5005, 5005, 5005)
made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
made.settimeout(20)
made.connect(sys.argv[1])
try:
    made.send(b'{"id": 1, "node": null, "op": "about", "arguments": {"wait": false}}')
    print(len(made.recv(1 << 16)))
except OSError:  # it has hung up already
    print(0)
"""


def test_another_user_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the folder and the socket would let him in."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as runtime:  # pytest's own folders may be entered by their owner only
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        netlib("lab", "up", "06")
        try:
            path = Path(runtime, "netlib", "06-icmp.sock")
            path.chmod(0o777)
            for folder in (path.parent, path.parent.parent):
                folder.chmod(0o755)
            for who, answered in ((KNOCK, False), (KNOCK.replace("5005", "0"), True)):
                done = subprocess.run([sys.executable, "-c", who, path], capture_output=True, text=True, timeout=60)
                assert done.returncode == 0, done.stderr
                assert (int(done.stdout) > 0) == answered
            path.parent.chmod(0o700)
        finally:
            netlib("lab", "down")


def test_a_client_that_talks_nonsense_harms_nobody(folder: Path) -> None:
    netlib("lab", "up", "06")
    for nonsense in (b"{", b"[]", b"{}", b'{"id": 1, "node": "h9", "op": "exec", "arguments": {}}', b"\xff" * 1000):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as made:
            made.settimeout(20)
            made.connect(str(folder / "06-icmp.sock"))
            made.send(nonsense)
            made.recv(1 << 16)
    assert netlib("lab", "exec", "h1", "hostname") == "h1\n"


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _environ(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text()
    except OSError:
        return ""


def test_the_folder_without_a_runtime_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/somewhere")
    assert kept.runtime_folder() == Path(f"/somewhere/netlib-{os.geteuid()}")
