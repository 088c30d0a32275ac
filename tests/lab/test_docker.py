"""The docker engine: a lab in containers is the lab that the netns engine shows, and its walls hold."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from lab.containers import PAIR, containers, docker, footprints, inspect, need_docker, pair, unique
from lab.processes import eventually
from lab.test_attacks import python

from netlib import Host
from netlib.lab import Lab, LabError
from netlib.lab.agent.container import IMAGE
from netlib.lab.docker import program
from netlib.lab.errors import EngineMissing
from netlib.lab.topology import parse_topology
from netlib.wire.address import MACAddress
from netlib.wire.icmp import ICMPEcho

pytestmark = pytest.mark.serial
ROOT = Path(__file__).resolve().parents[2]
# chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_admin, net_raw, sys_chroot
CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 8, 10, 12, 13, 18}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    need_docker()
    with Lab("06-icmp", engine="docker") as lab:
        yield lab


def test_it_says_what_it_is(lab: Lab) -> None:
    assert (lab.engine, lab.live, lab.running, dict(lab.missing)) == ("docker", True, True, {})
    assert lab.badge == f"live: docker, Linux {os.uname().release}"
    assert len(containers("06-icmp")) >= len(lab)


def test_links_are_those_of_the_topology(lab: Lab) -> None:
    for number, node in enumerate(lab, 1):
        shown = node.run("ip -o link", check=True).stdout.splitlines()
        names = {line.split()[1].split("@")[0].rstrip(":") for line in shown}
        assert names == {"lo", *node.interfaces}
        for line in shown[1:]:
            assert re.search(rf"mtu 1500 .* link/ether 02:00:00:00:0{number}:0\d", line), line
    offloads = lab["h1"].run("ethtool -k eth1", check=True).stdout
    for name in ("tx-checksumming", "generic-segmentation-offload", "generic-receive-offload"):
        assert f"{name}: off" in offloads


def test_commands_sockets_and_captures(lab: Lab) -> None:
    assert lab["h1"].run("hostname").stdout == "h1\n"
    assert lab["h1"].run("getent hosts h1").stdout.split()[0] == "127.0.1.1"
    assert lab["h1"].run("cat", input="in and out").stdout == "in and out"
    assert lab["h1"].sh("exit 3").returncode == 3
    assert "command not found" in lab["h1"].run("no-such-program").stderr
    with lab.capture("r2:eth1") as capture, lab["h2"].socket() as server, lab["h1"].socket() as client:
        server.bind(("10.0.4.2", 7000))
        server.listen()
        client.settimeout(10)
        client.connect(("10.0.4.2", 7000))
        assert server.accept()[1][0] == "10.0.1.2"
    flags = [str(packet) for _, packet in capture.packets if "TCP" in str(packet)]
    assert any("SYN" in text and "7000" in text for text in flags), capture
    frames = lab["h2"].packet_socket("eth1")
    frames.settimeout(10)
    lab["r3"].run("ping -c 1 -W 5 10.0.4.2", check=True)
    assert any(b"\x08\x00\x45\x00" in frames.recv(2048)[12:16] for _ in range(5))


def test_a_netlib_host_stands_on_a_link(lab: Lab) -> None:
    host = Host("newcomer", Random(1))
    host.attach("10.0.4.9/24", MACAddress("02:00:00:00:00:99"))
    with lab["h2"].attach(host, "eth1"), lab.capture("h2:eth1") as capture:
        assert lab["r3"].run("ping -c 1 -W 5 10.0.4.9").returncode == 0
    assert [packet for _, packet in capture.packets if ICMPEcho in packet]


def test_settings_are_the_nodes_own_and_come_before_its_links() -> None:
    need_docker()
    host = Path("/proc/sys/net/ipv4/ip_default_ttl")
    before = host.read_text()
    settings = (
        "sysctls: {net.ipv4.ip_default_ttl: 77, net.ipv4.conf.default.rp_filter: 2, net.ipv4.tcp_rmem: 4096 8192 16384}"
    )
    with Lab(pair(a=settings), engine="docker") as lab:
        read = (
            "sysctl -n net.ipv4.ip_default_ttl net.ipv4.conf.eth1.rp_filter net.ipv4.icmp_ratelimit net.ipv4.tcp_rmem"
        )
        assert lab["a"].run(read).stdout.split() == ["77", "2", "0", "4096", "8192", "16384"]
        assert lab["b"].run(read).stdout.split()[:3] == ["64", "0", "0"]
        assert "ttl=77" in lab["b"].run("ping -c 1 -W 5 10.0.0.1").stdout
    assert host.read_text() == before


def test_twins_run_side_by_side() -> None:
    need_docker()
    name = unique()
    with Lab(pair(name), engine="docker") as one, Lab(pair(name), engine="docker") as other:
        assert len(set(containers(name))) == 4
        one["a"].sh("echo one > /root/mark")
        with other.capture("b:eth1") as quiet:
            assert one["a"].run("ping -c 1 -W 5 10.0.0.2").returncode == 0
        assert not [packet for _, packet in quiet.packets if ICMPEcho in packet]
        assert other["a"].run("cat /root/mark").returncode
        one.down()
        assert len(containers(name)) == 2 and other["a"].run("ping -c 1 -W 5 10.0.0.2").returncode == 0
    assert not containers(name)


def test_files_and_variables_of_the_topology(tmp_path: Path) -> None:
    need_docker()
    (tmp_path / 'a, "b"').mkdir()
    (tmp_path / 'a, "b"' / "hosts").write_text("10.0.0.2 friend\n")
    keys = """env: {COLOUR: "green, blue"}
      binds: ['a, "b"/hosts:/etc/hosts', 'a, "b":/srv/deep/folder:ro']"""
    with Lab(pair(a=keys, folder=tmp_path), engine="docker") as lab:
        assert lab["a"].run("getent hosts friend").stdout.split() == ["10.0.0.2", "friend"]
        assert lab["a"].sh("echo $COLOUR; ls /srv/deep/folder").stdout == "green, blue\nhosts\n"
        assert "Read-only" in lab["a"].sh("echo evil > /etc/hosts").stderr
        assert "Read-only" in lab["a"].sh("echo evil > /srv/deep/folder/new").stderr
    assert (tmp_path / 'a, "b"' / "hosts").read_text() == "10.0.0.2 friend\n"


def test_a_container_has_no_privilege_beyond_the_list(lab: Lab) -> None:
    status = dict(
        line.split(":\t", 1) for line in lab["h1"].run("cat /proc/self/status").stdout.splitlines() if ":\t" in line
    )
    for kind in ("CapBnd", "CapEff", "CapPrm"):
        bits = int(status[kind], 16)
        assert {bit for bit in range(64) if bits >> bit & 1} <= CAPABILITIES
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    container = containers("06-icmp")[0]
    assert inspect(container, ".HostConfig.Privileged") == "false"
    assert inspect(container, ".HostConfig.NetworkMode") == "none"
    assert inspect(container, ".HostConfig.AutoRemove") == "true"
    assert inspect(container, ".HostConfig.RestartPolicy.Name") in ("no", "")
    assert 0 < int(inspect(container, ".HostConfig.Memory")) <= 1 << 30
    assert 0 < int(inspect(container, ".HostConfig.PidsLimit")) <= 4096


def test_nothing_of_this_machine_can_be_written(lab: Lab) -> None:
    """Every mount that is a folder or file of ours is read-only; Docker's own three are the container's."""
    container = containers("06-icmp")[0]
    assert set(inspect(container, "range .Mounts}}{{.RW}} {{end").split()) == {"false"}
    package = Path("/opt/netlib/netlib/lab/errors.py")
    own = (ROOT / "netlib/lab/errors.py").read_text()
    tries = (
        f"echo evil >> {package}; rm -f {package}; mount -o remount,rw /opt/netlib/netlib/lab;"
        f"mount -o remount,bind,rw /opt/netlib/netlib/lab; echo evil >> {package}; rm -rf /opt/netlib/netlib/lab;"
        "rm -f /run/netlib/notebook.sock; echo evil > /run/netlib/notebook.sock"
    )
    lab["h1"].sh(tries)
    assert (ROOT / "netlib/lab/errors.py").read_text() == own
    assert lab["h1"].run(["cat", str(package)]).stdout == own
    connect = "import socket; socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect('/run/netlib/notebook.sock')"
    assert "ConnectionRefusedError" in lab["h1"].run(["python3", "-c", connect]).stderr  # nobody listens any more
    disk = "mknod /tmp/disk b 8 0 || mknod /tmp/disk b 253 0; head -c 1 /tmp/disk /dev/vda /dev/sda"
    assert lab["h1"].sh(disk).stdout == ""


def test_settings_of_this_machine_stay(lab: Lab) -> None:
    """Neither by /proc, nor by a descriptor that the agent might have kept."""
    own = Path("/proc/sys/net/ipv4/ip_default_ttl").read_text()
    files = ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/swappiness", "/proc/sys/net/ipv4/ip_default_ttl"]
    for file in files:
        assert "Read-only" in lab["h1"].sh(f": >> {file}").stderr, file
    kept = lab["h1"].sh("ls -l /proc/1/fd /proc/*/fd; for fd in /proc/1/fd/*; do ls $fd/net/ipv4; done 2>/dev/null")
    assert "/proc/sys" not in kept.stdout.replace("/proc/sys:", "") and "ip_forward" not in kept.stdout
    assert Path("/proc/sys/net/ipv4/ip_default_ttl").read_text() == own


def test_there_is_no_way_out(lab: Lab) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        for node in lab:
            for address in ("127.0.0.1", "192.0.2.1", "172.17.0.1"):
                with node.socket() as client:
                    client.settimeout(10)
                    assert client.connect_ex((address, port)) in (101, 111, 113)  # unreachable, refused
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
    assert str(os.getpid()) not in lab["h1"].sh("ls /proc").stdout.split() or os.getpid() < 50


FAILURES = {
    "exec: [ip link set lo up, sh -c 'sleep 4811 & exit 7']": r"pair\.clab\.yml:\d+: node c: exit status 7",
    "exec: [no-such-program]": r"node c: no-such-program: command not found; the image netcourse:latest does not have",
    "sysctls: {net.ipv4.no_such_setting: 1}": r"node c: sysctl net\.ipv4\.no_such_setting: this kernel has no such",
    "sysctls: {net.ipv4.ip_default_ttl: many}": r"node c: .*ip_default_ttl.* [Ii]nvalid argument",
    "image: debian:bookworm-slim": r"node c: the image debian:bookworm-slim has no netlib-agent; build it FROM",
    "image: nobody/has-this:1": r"node c: the image nobody/has-this:1 is not there; docker pull nobody/has-this:1",
}


@pytest.mark.parametrize("keys", FAILURES)
def test_what_does_not_start_is_told_in_a_line_and_leaves_nothing(keys: str) -> None:
    need_docker()
    name = unique()
    text = PAIR.format(name=name, a="env: {}", b="env: {}").replace(
        "  links:\n", f"    c:\n      kind: linux\n      {keys}\n  links:\n"
    )
    with pytest.raises(LabError, match=FAILURES[keys]) as failure:
        Lab(parse_topology(text, "pair.clab.yml", Path()), engine="docker").up()
    assert "\n" not in str(failure.value)
    assert not containers(name)


def test_an_image_of_another_version_is_refused(tmp_path: Path) -> None:
    need_docker()
    (tmp_path / "Dockerfile").write_text("FROM netcourse:latest\nENV NETLIB_IMAGE=0\n")
    tag = f"netlib-test:{unique()}"
    docker("build", "--quiet", "--tag", tag, str(tmp_path))
    try:
        with pytest.raises(EngineMissing, match="is not of this netlib's version; build it FROM netcourse:latest"):
            Lab(pair(a=f"image: {tag}"), engine="docker").up()
    finally:
        docker("rmi", tag)


def test_the_image_says_the_version_that_the_agent_knows() -> None:
    text = (ROOT / "labs" / "Dockerfile").read_text()
    assert re.search(r"^ENV NETLIB_IMAGE=(\d+)$", text, re.MULTILINE)[1] == str(IMAGE)  # type: ignore[index]


def _stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `docker` that is not Docker."""
    path = folder / "docker"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


SAYINGS = {
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?": (
        r"the Docker daemon does not run; start it: sudo systemctl start docker"
    ),
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock": (
        r"you may not use the Docker daemon; do: sudo usermod -aG docker"
    ),
    "docker: Error response from daemon: mkdir /var/lib/docker/x: no space left on device.": r"is full; make room",
    "docker: Error response from daemon: No such image: netcourse:latest.": r"is not there; `make labs` builds",
    'docker: Error response from daemon: invalid mount config for type "bind": bind source path does not exist: '
    "/tmp/netlib.": r"on another one or in a virtual machine \(DOCKER_HOST, Docker Desktop\)",
    "docker: Error response from daemon: something new.": r"docker does not start the container: something new$",
}


@pytest.mark.parametrize("saying", SAYINGS)
def test_what_docker_says_becomes_a_line(saying: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stand_in(tmp_path, f"echo '{saying}' >&2; echo \"See 'docker run --help'.\" >&2; exit 125", monkeypatch)
    with pytest.raises(LabError, match=SAYINGS[saying]) as failure:
        Lab(pair(), engine="docker").up()
    assert "\n" not in str(failure.value)


def test_a_start_that_fails_waits_for_what_it_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's client hangs, and leaves its container, when a socket to be mounted goes between making and start."""
    script = f"""
        case "$*" in
            run*no-such-image*) echo "docker: No such image: no-such-image." >&2; exit 125 ;;
            run*) sleep 1
                path=$(echo "$*" | sed -n 's/.*source=\\([^"]*\\)""*,"*target=.run.netlib.notebook.sock.*/\\1/p')
                test -S "$path" && echo there >>{tmp_path}/log || echo gone >>{tmp_path}/log ;;
            rm*) echo "$*" >>{tmp_path}/log ;;
        esac"""
    _stand_in(tmp_path, script, monkeypatch)
    with pytest.raises(EngineMissing, match="node b: the image no-such-image is not there"):
        Lab(pair(b="image: no-such-image"), engine="docker").up()
    sockets, removed = (tmp_path / "log").read_text().splitlines()
    assert sockets == "there"
    assert re.fullmatch(r"rm --force --volumes netlib-pair-\w+-a netlib-pair-\w+-b", removed)


def test_a_full_disk_of_our_own_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stand_in(tmp_path, "exit 0", monkeypatch)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(
        LabError, match=r"lab pair cannot start: No such file or directory: .*; make room, or set TMPDIR"
    ):
        Lab(pair(), engine="docker").up()


def test_containers_that_cannot_see_us_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon in a virtual machine that has our folders, but not our sockets: the containers start and end."""
    _stand_in(tmp_path, "exit 0", monkeypatch)
    with pytest.raises(EngineMissing, match=r"cannot reach this process.*Docker Desktop"):
        Lab(pair(), engine="docker").up()


def test_no_docker_and_docker_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    with pytest.raises(
        EngineMissing, match=r"DOCKER_HOST is tcp://192\.0\.2\.1:2375: the Docker daemon does not run on"
    ):
        Lab(pair(), engine="docker").up()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    if program.find() == "docker":
        with pytest.raises(EngineMissing, match="the Docker daemon does not run; start it"):
            Lab(pair(), engine="docker").up()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineMissing, match="there is no Docker here; install it"):
        Lab(pair(), engine="docker").up()


def test_a_node_that_has_died_is_told() -> None:
    need_docker()
    name = unique()
    with Lab(pair(name), engine="docker") as lab:
        victim = docker("ps", "--quiet", "--filter", f"label=netlib.lab={name}", "--filter", "label=netlib.node=a")
        docker("kill", victim)
        assert eventually(lambda: len(containers(name)) == 1)
        with pytest.raises(LabError, match="node a has died; take the lab down and up again"):
            lab["a"].run("true")
        assert lab["b"].run("true") and lab.running
        docker("kill", *containers(name))
        assert eventually(lambda: not lab.running)
        lab.up()
        assert lab["a"].run("ping -c 1 -W 5 10.0.0.2").returncode == 0
    assert not containers(name)


def test_a_fork_cannot_use_or_end_the_lab() -> None:
    need_docker()
    name = unique()
    with Lab(pair(name), engine="docker") as lab:
        pid = os.fork()
        if pid == 0:
            try:
                lab["a"].run("true")
                os._exit(1)
            except LabError:
                lab.down()
                assert lab._session
                lab._session.close()  # as its finalizer would
                os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert len(footprints(name)) == 2 and lab["a"].run("true")


def test_the_course_image_has_what_lessons_run() -> None:
    need_docker()
    programs = (
        "arping bird conntrack curl dig ethtool gnutls-cli haproxy ip iperf3 nc netlib-wan nft nghttp nginx nsd "
        "openssl ping ss ssh sshd socat tcpdump tracepath traceroute unbound"
    )
    imports = "python3 -c 'import netlib.lab.wan, netlib.wire.packet, yaml'"
    check = f"for each in {programs}; do command -v $each >/dev/null || echo $each; done; {imports}"
    done = subprocess.run(
        [program.find(), "run", "--rm", "--network", "none", "netcourse:latest", "sh", "-c", check],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")


def test_a_containers_root_cannot_become_the_agent() -> None:
    """The agent has a descriptor of the notebook's process, by which its network can be had."""
    need_docker()
    with Lab("06-icmp", engine="docker") as lab:
        said = python(
            lab["h1"],
            """
            print(attempt(open, "/proc/1/environ"), attempt(open, "/proc/1/mem", "r+b"))
            print(attempt(os.readlink, "/proc/1/fd/0"))
            print(attempt(socket.socket, socket.AF_VSOCK, socket.SOCK_STREAM))
            """,
        )
    assert said == "Permission denied Permission denied\nPermission denied\nAddress family not supported by protocol\n"
