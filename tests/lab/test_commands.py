"""`netlib lab`, as a user runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.command_line import COMMAND, ROOT, Terminal, keeper, netlib, refused, run, start
from lab.processes import eventually

from netlib import read_pcap
from netlib.lab import Lab
from netlib.lab.commands import app

NETLIB = [*COMMAND, "lab"]
PING = ["ping", "-n", "-c", "1", "-W", "5", "10.0.4.2"]


@pytest.fixture(autouse=True, scope="module")
def runtime(labs_work: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A runtime folder of this file's own, with lab 06 up in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        said = netlib("lab", "up", "06")
        assert re.fullmatch(r"06-icmp is up \(live: netns, Linux .*\): h1 r1 r2 r3 h2\n", said)
        yield
        netlib("lab", "down", "--all")


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_terminal(*argv: str) -> Terminal:
        opened.append(Terminal(*argv))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A folder with a lab of its own: two hosts, a wan between them, and a tour of which one claim is wrong."""
    folder = tmp_path / "labs" / "01-pair"
    folder.mkdir(parents=True)
    folder.joinpath("topology.clab.yml").write_text(OTHER)
    folder.joinpath("tour.py").write_text(TOUR)
    return tmp_path


OTHER = """\
# Two hosts and a wan.
#
#   a ---- wan ---- b
#
name: 01-pair
topology:
  kinds:
    linux: {image: none, network-mode: none}
  nodes:
    a: {kind: linux, exec: [ip addr add 10.1.0.1/24 dev eth1]}
    b: {kind: linux, exec: [ip addr add 10.1.0.2/24 dev eth1]}
    wan: {kind: linux, exec: [netlib-wan eth1 eth2 delay=1ms]}
  links:
    - {endpoints: ["a:eth1", "wan:eth1"], mtu: 1500}
    - {endpoints: ["b:eth1", "wan:eth2"], mtu: 1500}
"""
TOUR = """\
from netlib.lab.tour import claim, skip

@claim("a reaches b")
def one(lab):
    lab["a"].run("ping -c 1 -W 5 10.1.0.2", check=True)
    return "it answers"

@claim("pigs fly")
def two(lab):
    assert lab["a"].run("false"), "they do not"

@claim("this needs the moon")
def three(lab):
    skip("there is none")
"""


def test_list_shows_every_lab_and_what_runs() -> None:
    rows = netlib("lab", "list").splitlines()
    shelf = sorted(path.parent.name for path in ROOT.glob("labs/*/topology.clab.yml"))
    assert [row.split()[0] for row in rows] == ["LAB", *shelf]
    [row] = [row for row in rows if row.startswith("06-icmp")]
    assert re.search(
        r"5 nodes +up since \d\d:\d\d, netns +(not recorded|recorded 20\d\d-\d\d-\d\d) +Two hosts with", row
    )
    assert sum("up since" in row for row in rows) == 1


def test_list_tells_of_a_lab_that_cannot_be_read(other: Path) -> None:
    (other / "labs/01-pair/topology.clab.yml").write_text("name: 1")
    [row] = [row for row in netlib("lab", "list", cwd=other).splitlines() if row.startswith("01-pair")]
    assert "labs/01-pair/topology.clab.yml:1: name must be text" in row
    assert "06-icmp" in netlib("lab", "list", cwd=other)


def test_list_at_a_terminal_fits_into_it(terminal: Callable[..., Terminal]) -> None:
    there = terminal(*NETLIB, "list")
    assert there.end() == 0
    lines = there.shown.splitlines()
    assert max(map(len, lines)) <= 80 and any(line.startswith("    Two hosts with three routers") for line in lines)


@pytest.mark.parametrize(
    ("words", "status", "output"),
    [
        (["h1", "--", "echo", "-n", "yes"], 0, "yes"),
        (["h1", "echo", "--lab", "x"], 0, "--lab x\n"),
        (["--lab", "6", "h1", "hostname"], 0, "h1\n"),
        (["h1", "echo one  two"], 0, "one two\n"),
        (["h1", "--", "sh", "-c", "cat; exit 7"], 7, "typed\n"),
        (["h1", "--", "sh", "-c", "kill -9 $$"], 137, ""),
        (["h1", "--", "false"], 1, ""),
    ],
)
def test_exec_gives_a_commands_output_and_its_status(words: list[str], status: int, output: str) -> None:
    assert netlib("lab", "exec", *words, status=status, input="typed\n") == output


def test_exec_streams() -> None:
    """What is written is there at once; errors are apart; nobody reads any more: SIGPIPE, as in a shell."""
    there = start(
        "lab", "exec", "h1", "--", "sh", "-c", "echo one; read line; echo $line >&2; yes", stdin=subprocess.PIPE
    )
    assert there.stdout and there.stdin and there.stderr
    assert there.stdout.readline() == "one\n"
    there.stdin.write("two\n")
    there.stdin.flush()
    assert there.stderr.readline() == "two\n"
    assert there.stdout.readline() == "y\n"
    there.stdout.close()
    assert there.wait(60) in (128 + signal.SIGPIPE, 1)  # `yes` itself, or the shell that tells of it


def test_ctrl_c_is_the_commands() -> None:
    there = start("lab", "exec", "h1", "--", "ping", "-n", "10.0.4.2")
    assert there.stdout
    while "seq=1" not in there.stdout.readline():
        pass
    there.send_signal(signal.SIGINT)
    output, errors = there.communicate(timeout=60)
    assert "ping statistics" in output and errors == "" and there.returncode == 0


def test_a_command_that_does_not_want_to_end_is_ended_by_the_third_ctrl_c() -> None:
    there = start(
        "lab", "exec", "h1", "--", "sh", "-c", "trap 'echo no' INT TERM; echo ready; while :; do sleep 0.05; done"
    )
    assert there.stdout and there.stdout.readline() == "ready\n"
    for number in range(3):
        there.send_signal(signal.SIGINT)
        if number < 2:
            assert there.stdout.readline() == "no\n"
    assert there.wait(60) == 137


def test_a_shell_in_a_node(terminal: Callable[..., Terminal]) -> None:
    there = terminal(*NETLIB, "sh", "h1")
    there.wait_for("[06-icmp] h1:/# ")
    assert there.is_raw()
    there.type("stty size; stty size </dev/tty; hostname\n")  # it has no name in the node: /dev there is the node's
    there.wait_for("24 80\r\n24 80\r\n")
    there.wait_for("h1\r\n")
    there.wait_for("# ")
    there.type("trap 'echo size $(stty size)' WINCH\n")
    there.wait_for("# ")
    there.resize(40, 132)
    os.kill(there.pid, signal.SIGWINCH)  # a terminal's own would go to its foreground processes
    there.wait_for("size 40 132\r\n")
    there.type("sleep 4600\n")
    there.wait_for("sleep 4600\r\n")
    assert eventually(lambda: Lab.join("06")["h1"].sh("grep -l '[4]600' /proc/[0-9]*/cmdline").stdout)
    there.type("\x03")
    there.wait_for("# ")
    there.type("echo status $?\n")
    there.wait_for("status 130\r\n")
    there.type("sleep 4601 & jobs\n")
    there.wait_for("[1]+  Running")
    there.type("exit 5\n")
    assert there.end() == 5


SURROUNDED = "stty -a > {folder}/before; {command}; echo status $?; stty -a > {folder}/after"


@pytest.mark.parametrize("how", ["exit", "terminate", "the lab ends", "a wrong node"])
def test_the_terminal_is_as_before(terminal: Callable[..., Terminal], tmp_path: Path, how: str) -> None:
    netlib("lab", "up", "06", "--as", "other")
    node = "h9" if how == "a wrong node" else "h1"
    command = SURROUNDED.format(folder=tmp_path, command=" ".join([*NETLIB, "sh", "--lab", "other", node]))
    there = terminal("/bin/sh", "-c", command)
    try:
        if how != "a wrong node":
            there.wait_for("[other] h1:/# ")
            assert there.is_raw()
        if how == "exit":
            there.type("\x04")
        elif how == "terminate":
            [client] = [int(each) for each in _children(there.pid)]
            os.kill(client, signal.SIGTERM)
        elif how == "the lab ends":
            os.kill(keeper("other"), signal.SIGKILL)
        status = {"exit": "0", "terminate": "143", "the lab ends": "137", "a wrong node": "1"}[how]
        there.wait_for(f"status {status}\r\n")
        there.end()
        assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()
    finally:
        run("lab", "down", "other")


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_command_at_a_terminal_has_one_too(terminal: Callable[..., Terminal]) -> None:
    there = terminal(
        *NETLIB, "exec", "h1", "--", "sh", "-c", "test -t 0 && echo $TERM; read line; echo got $line; exit 3"
    )
    there.wait_for("dumb\r\n")
    there.type("this\n")
    there.wait_for("got this\r\n")
    assert there.end() == 3
    there = terminal(*NETLIB, "exec", "h1", "--", "sh", "-c", "echo out; echo late >&2; seq 20000")
    assert there.end() == 0
    assert there.shown.endswith("19999\r\n20000\r\n") and "out\r\nlate\r\n" in there.shown


def test_a_window_that_is_closed_ends_the_shell(terminal: Callable[..., Terminal]) -> None:
    there = terminal(*NETLIB, "sh", "h1")
    there.wait_for("# ")
    there.type("sleep 4602\n")
    lab = Lab.join("06")
    assert eventually(lambda: "4602" in lab["h1"].sh("cat /proc/[0-9]*/cmdline").stdout)
    os.close(there.fd)
    there.fd = -1
    assert eventually(lambda: "4602" not in lab["h1"].sh("cat /proc/[0-9]*/cmdline").stdout)


def capturing(*words: str, **options: object) -> subprocess.Popen[str]:
    """A capture that has begun."""
    there = start("lab", "capture", *words, **options)
    assert there.stderr and there.stderr.readline().startswith(f"netlib: capturing {words[0]} of 06-icmp; ")
    return there


def test_capture_shows_packets_as_they_come_until_ctrl_c() -> None:
    there = capturing("r1:eth1")
    netlib("lab", "exec", "h1", *PING)
    assert there.stdout
    lines = []
    while len([line for line in lines if "echo" in line]) < 2:
        lines.append(there.stdout.readline())
    assert re.fullmatch(r" +\d+\.\d{3} ms  10\.0\.1\.2 > 10\.0\.4\.2 ICMP echo request id \d+ seq 1\n", lines[-2])
    there.send_signal(signal.SIGINT)
    output, errors = there.communicate(timeout=60)
    assert there.returncode == 0 and errors == f"netlib: {len(lines) + len(output.splitlines())} packets\n"


def test_capture_writes_a_pcap_file(tmp_path: Path) -> None:
    there = capturing("r1:eth1", "-w", str(tmp_path / "my.pcap"))
    netlib("lab", "exec", "h1", *PING)
    there.send_signal(signal.SIGINT)
    assert there.communicate(timeout=60)[0] == "" and there.returncode == 0
    assert sum("ICMP echo" in str(packet) for _, packet in read_pcap(tmp_path / "my.pcap")) == 2


def test_capture_into_a_pipe_and_of_a_number_of_packets(tmp_path: Path) -> None:
    with open(tmp_path / "out.pcap", "wb") as file:
        there = capturing("h1:lo", "--count", "3", "-w", "-", stdout=file)
        netlib("lab", "exec", "h1", "ping", "-c", "2", "-i", "0.01", "127.0.0.1")
        assert there.wait(60) == 0
    assert len(list(read_pcap(tmp_path / "out.pcap"))) == 3


@pytest.mark.parametrize("words", [[], ["-w", "-"]])
def test_capture_ends_when_nobody_reads_it(words: list[str]) -> None:
    there = capturing("r1:eth1", *words)
    assert there.stdout and there.stderr
    there.stdout.close()
    assert there.wait(60) == 0 and there.stderr.read() == "netlib: 0 packets\n"


def test_capture_when_the_lab_ends() -> None:
    netlib("lab", "up", "06", "--as", "brief")
    there = start("lab", "capture", "--lab", "brief", "r1:eth1")
    assert there.stderr and "capturing" in there.stderr.readline()
    netlib("lab", "down", "brief")
    assert there.stderr.read() == "netlib: 0 packets\nnetlib: lab brief has ended\n"
    assert there.wait(60) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["exec", "h9", "true"], "lab 06-icmp has no node 'h9'; known here: h1, h2, r1, r2, r3"),
        (["exec"], "say which node, as in netlib lab exec h1; there are h1, r1, r2, r3, h2"),
        (["exec", "h1"], "say which command, as in netlib lab exec h1 ip route"),
        (["exec", "h1", "--lab", "06", "true"], "--lab: options of netlib stand before the node: "),
        (["exec", "--lab", "07", "h1", "true"], "lab 07 does not run; start it with netlib lab up, or use one that"),
        (["sh", "h1"], "sh needs a terminal; "),
        (["capture"], "say where, as in netlib lab capture h1:eth1"),
        (["capture", "h1"], "'h1': say which interface, "),
        (["capture", "h1:eth7"], "h1 has no interface 'eth7'; it has eth1"),
        (["capture", "h1:eth1", "-w", "/nowhere/x"], "/nowhere/x cannot be written: No such file"),
        (["set", "h1", "delay=1ms"], "h1 is no wan; "),
        (["up"], "say which lab, as in netlib lab up 06-icmp; netlib lab list shows them"),
        (["tour", "nowhere"], "no lab 'nowhere'; "),
        (["graph", "06", "-o", "/nowhere/x.svg"], "/nowhere/x.svg cannot be written: No such file"),
        (["down", "05"], "lab 05 does not run; "),
        (["down", "06", "--all"], "down takes a lab's name or --all, not both"),
        (["record", "nowhere"], "no lab 'nowhere'; "),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(words: list[str], said: str) -> None:
    assert refused("lab", *words).startswith(said)


def test_a_missing_command_is_127_and_says_how_to_get_it() -> None:
    done = run("lab", "exec", "h1", "nothing-of-that-name")
    assert done.returncode == 127 and done.stderr.startswith("netlib: h1: nothing-of-that-name: command not found; ")


def test_without_a_lab_the_error_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert refused("lab", "exec", "h1", "true") == "no lab runs; start one: netlib lab up 06-icmp"
    assert refused("lab", "down", "06-icmp") == "lab 06-icmp does not run; start it: netlib lab up 06-icmp"
    assert netlib("lab", "down") == "no lab runs\n"
    assert list(tmp_path.iterdir()) == []  # looking makes nothing


def test_a_wan_is_changed_while_it_runs(other: Path) -> None:
    netlib("lab", "up", "1", cwd=other)
    try:
        ping = ["lab", "exec", "--lab", "1", "a", "--", "ping", "-n", "-c", "1", "-W", "5", "10.1.0.2"]
        assert "time=" in netlib(*ping)
        said = netlib("lab", "set", "--lab", "1", "wan", "delay=50ms", "eth1:drop=9999")
        assert "delay=50ms" in said and "drop=9999" in said
        assert float(re.search(r"time=([\d.]+) ms", netlib(*ping))[1]) >= 100
        assert "delay=50ms" in netlib("lab", "set", "--lab", "1", "wan")
        assert "delay" in refused("lab", "set", "--lab", "1", "wan", "delay=much")
        assert "delay=50ms" in netlib("lab", "set", "--lab", "1", "wan")
    finally:
        netlib("lab", "down", "1")


def test_a_tour_prints_each_claim_and_fails_when_one_does_not_hold(other: Path) -> None:
    done = run("lab", "tour", "01", cwd=other)
    assert done.returncode == 1
    assert done.stderr == "netlib: 01-pair: 1 of 3 claims do not hold here\n"
    head, _, *lines = done.stdout.splitlines()
    assert head.startswith("01-pair (live: netns, ")
    assert lines == [
        *("yes  a reaches b", "     it answers"),
        *("NO   pigs fly", "     they do not"),
        *("--   this needs the moon", "     there is none"),
        *("", "1 of 3 hold, 1 skipped"),
    ]
    assert re.search(r"\n\n(\d+) of \1 hold\n$", netlib("lab", "tour", "06"))


def test_a_tour_on_a_terminal_is_not_wider_than_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from netlib.lab.commands import _wrapped

    text = "yes  " + "words " * 20 + "\n     " + "seen " * 20
    assert _wrapped(text) == text  # a file has the lines whole
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    first, *others = _wrapped(text).splitlines()
    assert first.startswith("yes  words") and len(others) > 4
    assert all(len(line) <= 40 and line.startswith("     ") for line in others)


def test_a_recording_is_made_listed_and_replayed(other: Path, terminal: Callable[..., Terminal]) -> None:
    tour = other / "labs/01-pair/tour.py"
    assert "NOT RECORDED" in run("lab", "record", "1", cwd=other).stdout
    assert not (tour.parent / "recording.zip").exists()
    tour.write_text(TOUR[: TOUR.index('@claim("pigs')])
    netlib("lab", "record", "1", cwd=other)
    (tour.parent / "recording.zip").unlink()
    elsewhere = other.with_name("elsewhere")  # and a lab of one's own, by its path
    tour.parent.rename(elsewhere)
    netlib("lab", "record", ".", cwd=elsewhere)
    elsewhere.rename(tour.parent)
    assert re.search(r"01-pair .* recorded 20\d\d-\d\d-\d\d", netlib("lab", "list", cwd=other))
    assert "RECORDED" in netlib("lab", "up", "1", "--engine", "replay", cwd=other)
    try:
        done = run("lab", "exec", "--lab", "1", "a", "--", "ping", "-c", "1", "-W", "5", "10.1.0.2")
        assert done.returncode == 0 and "1 received" in done.stdout and done.stderr.startswith("netlib: RECORDED")
        assert "was not recorded" in run("lab", "exec", "--lab", "1", "a", "ls").stderr
        there = terminal(*NETLIB, "sh", "--lab", "1", "a")
        there.wait_for("a shell needs a live lab, and 01-pair is a recording")
        assert there.end() == 1
    finally:
        netlib("lab", "down", "1")


def test_a_drawing_as_text_and_as_a_file(tmp_path: Path) -> None:
    text = netlib("lab", "graph", "05")
    assert text.startswith("Two hosts and a router") and "h1 ---- 10.5.1.0/24" in text
    assert "06-icmp" in netlib("lab", "graph")  # the one that runs
    out = tmp_path / "lab.svg"
    assert netlib("lab", "graph", "06", "-o", str(out)) == f"{out}: the drawing of 06-icmp\n"
    drawing = ElementTree.parse(out).getroot()
    assert drawing.tag.endswith("svg") and "10.0.4.2/24" in out.read_text()


def test_the_doctor_is_the_same_from_both_doors() -> None:
    def shown(*words: str) -> str:
        return re.sub(r"[\d.]+ (m?s|MB)", "", netlib(*words))

    assert shown("lab", "doctor") == shown("doctor")


def test_a_command_says_what_it_is_for_and_starts_at_once() -> None:
    names = [str(each.name or (each.callback and each.callback.__name__)) for each in app.registered_commands]
    text = netlib("lab", "--help")
    assert all(f" {name.rstrip('_')} " in text for name in names)
    code = "import sys, netlib.lab.commands; print(*sorted(m for m in sys.modules if m.startswith('netlib')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["netlib", "netlib.lab", "netlib.lab.commands", "netlib.lab.errors"]
