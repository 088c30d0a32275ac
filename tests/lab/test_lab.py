"""A running lab: commands, captures, sockets, hosts; and what it says when it is asked for what it does not have."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from netlib.lab import Capture, Lab, LabError, LabTimeout
from netlib.lab.agent.baseline import BASELINE
from netlib.lab.capture import CaptureIncomplete
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.icmp import ICMPEcho, ICMPMessage
from netlib.wire.ipv4 import IPv4Packet

ROOT = Path(__file__).resolve().parents[2]


def test_h1_reaches_h2_across_three_routers(lab: Lab) -> None:
    done = lab["h1"].run("ping -c 1 -W 5 10.0.4.2", check=True)
    assert "ttl=61 " in done.stdout


def test_traceroute_shows_every_router_in_every_probe(lab: Lab) -> None:
    done = lab["h1"].run("traceroute -n -q 3 -w 2 10.0.4.2", check=True)
    hops = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [hop[1] for hop in hops] == ["10.0.1.1", "10.0.2.2", "10.0.3.3", "10.0.4.2"]
    assert "*" not in done.stdout


def test_icmp_errors_are_not_rate_limited(lab: Lab) -> None:
    """60 expired packets in a burst give 60 errors: the kernel's default would send one a second to each target."""
    with lab.capture("h1:eth1") as capture:
        lab["h1"].run("ping -c 60 -i 0.002 -t 1 -W 1 10.0.4.2")
    errors = [packet for _, packet in capture.packets if ICMPMessage in packet and packet[ICMPMessage].type == 11]
    assert len(errors) == 60


def test_each_node_starts_from_the_same_settings(lab: Lab) -> None:
    def setting(node: str, name: str) -> str:
        return lab[node].run(["cat", "/proc/sys/" + name.replace(".", "/")], check=True).stdout.strip()

    assert [setting(node, "net.ipv4.ip_forward") for node in lab.nodes] == ["0", "1", "1", "1", "0"]
    script = 'for name; do file=/proc/sys/$(echo $name | tr . /); [ -e $file ] && echo "$name=$(cat $file)"; done; true'
    lines = lab["h1"].run(["sh", "-c", script, "sh", *BASELINE], check=True).stdout.splitlines()
    values = dict(line.split("=") for line in lines)
    assert len(values) > 0.8 * len(BASELINE)  # kernels differ in what they have
    assert values == {name: BASELINE[name] for name in values}
    assert setting("h1", "net.ipv6.conf.eth1.disable_ipv6") == "1"
    assert setting("h1", "net.ipv4.conf.eth1.rp_filter") == "0"
    assert lab.missing == {}


def test_a_capture_shows_both_ways_from_its_start_to_its_stop(lab: Lab) -> None:
    for _ in range(5):  # a start that came late, or a stop that left something behind, would show in one of them
        with lab.capture("r2:eth2") as capture:
            lab["h1"].run("ping -c 3 -i 0.01 -W 5 10.0.4.2", check=True)
        echoes = [packet[ICMPEcho] for _, packet in capture.packets if ICMPEcho in packet]
        assert [(echo.type, echo.sequence) for echo in echoes] == [(8, 1), (0, 1), (8, 2), (0, 2), (8, 3), (0, 3)]
    assert (capture.frames, capture.lost) == (len(capture.packets), 0)
    times = [time for time, _ in capture.packets]
    assert times == sorted(times)


def test_a_capture_can_be_looked_at_while_it_runs_and_after_the_lab(labs_work: None, tmp_path: Path) -> None:
    with Lab("06-icmp") as lab:
        capture = lab.capture("h1:eth1", tmp_path / "h1.pcap")
        lab["h1"].run("ping -c 1 -W 5 10.0.1.1", check=True)
        seen = [packet for _, packet in capture.packets if ICMPEcho in packet]
        assert len(seen) == 2 and capture.running
        lab["h1"].run("ping -c 1 -W 5 10.0.1.1", check=True)
    assert not capture.running
    assert len([packet for _, packet in capture.packets if ICMPEcho in packet]) == 4
    assert (tmp_path / "h1.pcap").read_bytes()[:4] == bytes.fromhex("4d3cb2a1")
    assert "10.0.1.2 > 10.0.1.1" in repr(capture)


def test_captured_bytes_are_those_of_a_wire(lab: Lab) -> None:
    """No offloads: each frame fits the link, each checksum is right, and IPv6 keeps quiet."""
    server = lab["h2"].popen(["python3", "-c", SERVE])
    assert server.stdout and server.stdout.readline() == "ready\n"
    with lab.capture("r1:eth1") as capture, lab["h1"].socket() as client:
        client.settimeout(10)
        client.connect(("10.0.4.2", 7))
        client.sendall(b"x" * 100_000)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(10) == b"100000"
    packets = [packet for _, packet in capture.packets]
    assert sum(len(packet.data) > 1000 for packet in packets) >= 60
    assert max(len(packet.data) for packet in packets) == 14 + 1500
    assert not [packet.problems for packet in packets if packet.problems]
    assert not [packet for packet in packets if packet.data[12:14] == bytes.fromhex("86dd")]
    assert all(packet.build() == packet.data for packet in packets)


SERVE = """
import socket
server = socket.create_server(("10.0.4.2", 7))
print("ready", flush=True)
connection, _ = server.accept()
size = 0
while data := connection.recv(65536):
    size += len(data)
connection.sendall(str(size).encode())
"""


def test_a_netlib_host_answers_beside_the_kernel(lab: Lab) -> None:
    from netlib.host import Host

    host = Host("me", Random(1))
    host.attach("10.0.4.9/24", MACAddress("02:00:00:00:aa:09"))
    host.add_route("0.0.0.0/0", via="10.0.4.1")
    with lab.capture("h2:eth1") as capture, lab["h2"].attach(host, "eth1"):
        assert "ttl=61 " in lab["h1"].run("ping -c 1 -W 5 10.0.4.9", check=True).stdout
        assert lab["h1"].run("ping -c 1 -W 5 10.0.4.2")
    sources = {packet[IPv4Packet].source for _, packet in capture.packets if IPv4Packet in packet}
    assert sources == {IPv4Address("10.0.1.2"), IPv4Address("10.0.4.9"), IPv4Address("10.0.4.2")}


def test_a_netlib_host_takes_the_place_of_the_kernel_and_gives_it_back(lab: Lab) -> None:
    from netlib.host import Host

    before = lab["h2"].sh("ip -4 addr show eth1; ip route").stdout
    host = Host("me", Random(1))
    mac = MACAddress("02:00:00:00:aa:02")
    host.attach("10.0.4.2/24", mac)
    host.add_route("0.0.0.0/0", via="10.0.4.1")
    assert lab["h1"].run("ping -c 1 -W 5 10.0.4.2")
    with lab.capture("h2:eth1") as capture, lab["h2"].attach(host, "eth1"):
        assert lab["h1"].run("ping -c 2 -i 0.1 -W 5 10.0.4.2")
    replies = [packet for _, packet in capture.packets if ICMPEcho in packet and packet[ICMPEcho].type == 0]
    assert [packet.data[6:12] for packet in replies] == [mac, mac]
    assert lab["h2"].sh("ip -4 addr show eth1; ip route").stdout == before
    assert lab["h1"].run("ping -c 1 -W 5 10.0.4.2")


def test_a_host_without_a_mac_address_is_told_so(lab: Lab) -> None:
    from netlib.host import Host

    with pytest.raises(LabError, match="me needs one interface with a MAC address"):
        lab["h2"].attach(Host("me", Random(1)), "eth1")


def test_run_gives_streams_and_status(lab: Lab) -> None:
    done = lab["r1"].sh("echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert not done and done.argv[0] == "sh" and "[exit status 3]" in repr(done)
    assert lab["r1"].run("cat", input="x" * 300_000).stdout == "x" * 300_000
    assert lab["r1"].run(["printenv", "WHO"], env={"WHO": "me"}).stdout == "me\n"
    assert lab["r1"].run("hostname").stdout == "r1\n"
    assert lab["r1"].sh("kill -9 $$").returncode == -9
    with pytest.raises(LabError, match="r1: false failed with status 1"):
        lab["r1"].run("false", check=True)


def test_a_missing_tool_is_status_127_and_says_so(lab: Lab) -> None:
    done = lab["h1"].run("no-such-tool --help")
    assert done.returncode == 127
    assert "h1: no-such-tool: command not found" in done.stderr
    with pytest.raises(LabError, match="command not found"):
        lab["h1"].popen("no-such-tool")


def test_a_command_that_takes_too_long_is_killed_with_what_it_started(lab: Lab) -> None:
    with pytest.raises(LabTimeout, match=r"h1: sh -c .* was killed: it still ran after 0.2 s"):
        lab["h1"].sh("sleep 4711 | sleep 4711", timeout=0.2)
    lab["h1"].sh("while pgrep -f 'sleep [4]711'; do sleep 0.01; done", timeout=20)


def test_a_command_that_prints_without_end_is_stopped(lab: Lab) -> None:
    with pytest.raises(LabError, match="printed more than 16 MiB"):
        lab["h1"].run("yes", timeout=60)


def test_a_daemon_left_behind_does_not_hold_run_up(lab: Lab) -> None:
    assert lab["h1"].sh("sleep 4712 & echo done", timeout=30).stdout == "done\n"


def test_popen_streams_line_by_line(lab: Lab) -> None:
    with lab["h1"].popen("ping -i 0.05 10.0.1.1") as ping:
        assert ping.stdout
        lines = [ping.stdout.readline() for _ in range(3)]
        assert "icmp_seq=2" in lines[2]
        assert ping.poll() is None and "[running]" in repr(ping)
    assert ping.returncode == -9


def test_pkill_in_one_node_does_not_reach_another(lab: Lab) -> None:
    with lab["h2"].popen("sleep 4713") as other:
        with lab["h1"].popen("sleep 4713") as mine:
            assert lab["h1"].run("pkill -KILL sleep")
            assert mine.wait(10) == -9
        assert lab["h1"].sh("pkill -9 . ; kill -9 -1; echo alive").returncode in (0, -9)
        assert lab["h1"].run("true")  # a node's own init does not die of it
        assert other.poll() is None


def test_unknown_names_are_answered_with_the_known_ones(lab: Lab) -> None:
    with pytest.raises(KeyError):
        lab["h3"]
    with pytest.raises(LabError, match="has no node 'h3'; known here: h1, h2, r1, r2, r3"):
        lab["h3"]
    with pytest.raises(LabError, match="h1 has no interface 'eth7'; it has eth1"):
        lab.capture("h1:eth7")
    with pytest.raises(LabError, match="say which interface"):
        lab.capture("h1")
    with pytest.raises(LabError, match="check the quotes"):
        lab["h1"].run("echo 'a")
    with pytest.raises(LabError, match="no engine 'kubernetes'"):
        Lab("06-icmp", engine="kubernetes")


def test_two_labs_of_one_name_stand_side_by_side(lab: Lab) -> None:
    with Lab("06-icmp") as other:
        other["h1"].run("ip link set eth1 down", check=True)
        assert not other["h1"].run("ping -c 1 -W 1 10.0.4.2")
        assert lab["h1"].run("ping -c 1 -W 5 10.0.4.2")


def test_up_and_down_without_with(labs_work: None) -> None:
    lab = Lab("06-icmp")
    assert "down" in repr(lab)
    with pytest.raises(LabError, match=r"is down; start it with lab.up\(\)"):
        lab["h1"].run("true")
    assert lab.up() is lab and lab.running and "(netns, up)" in repr(lab)
    assert lab.up().running  # a second time does nothing
    given = lab["h1"].socket(socket.AF_INET, socket.SOCK_DGRAM)
    lab.down()
    assert not lab.running and given.fileno() == -1
    lab.down()
    with pytest.raises(LabError, match="is down"):
        lab["h1"].run("true")
    with lab:  # and again
        assert lab["h1"].run("true")


def test_ipv6_speaks_where_the_topology_wants_it(labs_work: None, write: Callable[[str], Path]) -> None:
    path = write("""
        nodes:
          a:
            kind: linux
            sysctls: {net.ipv6.conf.all.disable_ipv6: 0}
            exec: [ip addr add 2001:db8::1/64 dev eth1 nodad]
          b:
            kind: linux
            sysctls: {net.ipv6.conf.all.disable_ipv6: 0}
            exec: [ip addr add 2001:db8::2/64 dev eth1 nodad]
        links:
          - {endpoints: ["a:eth1", "b:eth1"], mtu: 1280}
    """)
    with Lab(path) as lab:
        assert lab["a"].run("ping -c 1 -W 5 2001:db8::2")
        assert "mtu 1280" in lab["a"].run("ip link show eth1").stdout


def test_a_bound_file_is_there_and_cannot_be_written(labs_work: None, write: Callable[[str], Path]) -> None:
    path = write("""
        nodes:
          a:
            kind: linux
            binds: ["hosts:/etc/hosts", "site:/etc/nginx/site:ro", "site:/srv/www", "hosts:/opt/lab/hosts"]
            env: {GREETING: hello}
    """)
    (path.parent / "hosts").write_text("10.1.2.3 example\n")
    (path.parent / "site").mkdir()
    (path.parent / "site" / "index.html").write_text("page\n")
    for each in (path.parent / "hosts", path.parent / "site", path.parent / "site" / "index.html"):
        each.chmod(0o755 if each.is_dir() else 0o644)
    with Lab(path) as lab:
        assert lab["a"].run("cat /etc/hosts /etc/nginx/site/index.html /srv/www/index.html").stdout == (
            "10.1.2.3 example\npage\npage\n"
        )
        assert lab["a"].run("cat /opt/lab/hosts").stdout == "10.1.2.3 example\n"
        assert "Read-only" in lab["a"].sh("echo x > /etc/hosts; touch /srv/www/new").stderr
        assert lab["a"].run("printenv GREETING").stdout == "hello\n"
        assert lab["a"].sh("echo own > /etc/own && cat /etc/own && ls /etc/passwd").stdout == "own\n/etc/passwd\n"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("ip route add default via 10.0.0.99", "Network is unreachable|Nexthop has invalid gateway"),
        ("sh -c 'exit 1'", "exit status 1"),
        ("sh -c 'echo oops >&2; exit 2'", "oops"),
        ("no-such-tool", "no-such-tool: command not found"),
        ("sh -c 'sysctl -w net.ipv4.no_such=1'", "no_such"),
    ],
)
def test_an_exec_line_that_fails_is_named_with_its_line(
    labs_work: None, write: Callable[[str], Path], line: str, says: str
) -> None:
    path = write(f"""
        nodes:
          a:
            kind: linux
            exec:
              - ip addr add 10.0.1.1/24 dev eth1
              - {line}
              - ip addr add 10.0.2.1/24 dev eth1
          b: {{kind: linux}}
        links:
          - {{endpoints: ["a:eth1", "b:eth1"], mtu: 1500}}
    """)
    number = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if line in text)
    with pytest.raises(LabError, match=rf"topology.clab.yml:{number}: node a: .*({says})") as caught:
        Lab(path).up()
    assert "\n" not in str(caught.value)


def test_a_fork_of_the_notebook_cannot_use_or_end_the_lab(lab: Lab) -> None:
    read, write = os.pipe()
    capture = lab.capture("h1:eth1")
    child = os.fork()
    if child == 0:
        try:
            lab["h1"].run("true")
            os.write(write, b"it ran")
        except LabError as error:
            os.write(write, str(error).encode())
        finally:
            lab.down()
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    assert b"is a fork" in os.read(read, 200)
    os.close(read)
    assert lab["h1"].run("ping -c 1 -W 5 10.0.1.1")
    assert sum(ICMPEcho in packet for _, packet in capture.stop().packets) == 2


def test_a_fork_that_ends_as_python_does_leaves_the_lab_alone(labs_work: None) -> None:
    code = """
import os, sys
from netlib.lab import Lab
with Lab("06-icmp") as lab:
    child = os.fork()
    if child == 0:
        sys.exit()  # runs the with block's end, and what is registered for the end of the interpreter
    os.waitpid(child, 0)
    print(lab["h1"].run("true").returncode)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout == "0\n", done.stderr


def test_the_package_needs_only_the_standard_library_and_yaml() -> None:
    code = """
import sys
before = set(sys.modules)
import netlib.lab
netlib.lab.Lab("06-icmp")
import netlib.lab.netns.session, netlib.lab.netns.launcher
new = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(sorted(name for name in new if not name.startswith(("_", "cython"))))
print(sorted(name for name in sys.modules if name.startswith("netlib.") and not name.startswith("netlib.lab")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines() == ["['netlib', 'yaml']", "[]"]


def test_a_capture_of_a_flood_is_bounded(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlib.lab.capture.SIZE_LIMIT", 5000)
    with pytest.warns(CaptureIncomplete, match="lost"), Capture(lab["h1"], "eth1") as capture:
        lab["h1"].run("ping -c 30 -i 0.002 -s 1000 -W 5 10.0.1.1", check=True)
    assert os.path.getsize(capture.path) < 5100
    assert capture.lost >= 50 and capture.frames >= 4
