"""Labs that containerlab deploys: the same results as elsewhere, and nothing left however they end.

With the containerlab program where it is installed, and with a stand-in for it (standin_containerlab.py) where docker
and the course image are.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.processes import eventually

from netlib.lab import Lab, LabError
from netlib.lab.agent.baseline import BASELINE
from netlib.lab.containerlab import remains, session, tools
from netlib.lab.containerlab.furnish import settings_for
from netlib.lab.description import describe
from netlib.lab.errors import EngineMissing
from netlib.lab.tour import load_tour, run_tour
from netlib.wire.ipv4 import IPv4Packet

pytestmark = pytest.mark.serial

ROOT = Path(__file__).resolve().parents[2]
LABS = ("05-ip-packet", "06-icmp", "07-arp")
STANDIN = Path(__file__).with_name("standin_containerlab.py")
HEAD = """\
name: small
mgmt: {skip-when-unused: true}
topology:
  kinds:
    linux:
      {image: "netcourse:latest", network-mode: none, restart-policy: "no", privileged: false, cap-add: [NET_ADMIN]}
  nodes:
    a:
      kind: linux
      exec:
        - ip addr add 10.0.0.1/24 dev eth1
        - ip link add br0 type bridge
    b: {kind: linux, sysctls: {net.ipv6.conf.all.disable_ipv6: 0, net.ipv4.conf.default.rp_filter: 1}}
  links:
    - {endpoints: ["a:eth1", "b:eth1"], mtu: 1400}
"""


@pytest.fixture
def standin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in in place of containerlab."""
    path = tmp_path / "containerlab"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {STANDIN} "$@"\n')
    path.chmod(0o755)
    monkeypatch.setenv(tools.VARIABLE, str(path))
    return path


@pytest.fixture(params=["the program", "the stand-in"])
def program(request: pytest.FixtureRequest) -> str:
    """What deploys. Skips the test, with the reason, where it can't."""
    if request.param == "the stand-in":
        request.getfixturevalue("standin")
    try:
        session.check()
    except EngineMissing as reason:
        pytest.skip(str(reason))
    return str(request.param)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "topology.clab.yml"
    path.write_text(HEAD)
    return path


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Containers of these labs, names of namespaces, files, interfaces: as before."""
    before = remains_here()
    yield
    assert eventually(lambda: remains_here() <= before), remains_here() - before


def remains_here() -> set[str]:
    """What labs of this engine could leave on this machine."""
    left = {str(path) for path in Path(tempfile.gettempdir()).glob(f"{remains.PREFIX}*")}
    left |= {str(path) for place in (remains.NAMESPACES, remains.SSH) if place.is_dir() for path in place.iterdir()}
    left = {path for path in left if not path.startswith("/run/netns/netlib-")}  # of tests/interop, at the same time
    left |= {f"interface {name}" for name in os.listdir("/sys/class/net") if name.startswith(("clab", "veth", "br-"))}
    listing = ["docker", "ps", "--all", "--format", '{{.ID}} {{.Label "containerlab"}}']
    try:
        lines = subprocess.run(listing, capture_output=True, text=True, timeout=30).stdout.splitlines()
    except OSError:
        lines = []
    left |= {line for line in lines if line.partition(" ")[2]}
    return left | {line for line in Path("/etc/hosts").read_text().splitlines() if "CLAB-" in line}


@pytest.mark.parametrize("name", LABS)
def test_every_claim_of_a_lab_holds(program: str, name: str) -> None:
    with Lab(ROOT / "labs" / name, engine="containerlab") as lab:
        assert lab.engine == "containerlab" and lab.badge.startswith("live: containerlab ")
        outcomes = list(run_tour(lab, load_tour(str(ROOT / "labs" / name))))
    assert outcomes and not [each for each in outcomes if each.holds is False], "\n".join(map(str, outcomes))
    assert any(each.holds for each in outcomes)


def test_nodes_have_the_settings_and_addresses_of_every_engine(program: str, small: Path) -> None:
    with Lab(small, engine="containerlab") as lab:
        assert lab.missing == {}
        for number, spec in enumerate(describe(lab.topology)["nodes"], 1):
            settings = settings_for(spec)
            script = (
                "for name; do file=/proc/sys/$(echo $name | tr . /); [ -e $file ] && echo $name=$(cat $file); done; :"
            )
            lines = lab[spec["name"]].run(["sh", "-c", script, "sh", *settings], check=True).stdout.splitlines()
            found = dict(line.split("=") for line in lines)
            assert len(found) > 0.8 * len(settings)
            assert found == {name: " ".join(settings[name].split()) for name in found}
            link = lab[spec["name"]].run("ip -br link show eth1", check=True).stdout
            assert f"02:00:00:00:{number:02x}:01" in link
        assert settings_for(describe(lab.topology)["nodes"][1])["net.ipv4.conf.eth1.rp_filter"] == "1"
        # IPv6 is off but in b, whose link-local address comes from its MAC address
        assert "inet6" not in lab["a"].run("ip addr", check=True).stdout
        assert "fe80::ff:fe00:201/64" in lab["b"].run("ip -6 addr show eth1", check=True).stdout
        assert lab["a"].run("cat /etc/hosts", check=True).stdout == "127.0.0.1\tlocalhost\n127.0.1.1\ta\n"
        assert "nameserver" not in lab["a"].run("cat /etc/resolv.conf", check=True).stdout
        lab["b"].run("ip addr add 10.0.0.2/24 dev eth1", check=True)
        with lab.capture("a:eth1") as capture:
            lab["b"].run("ping -c 1 -W 5 -M do -s 1372 10.0.0.1", check=True)
        assert max(packet[IPv4Packet].total_length for _, packet in capture.packets if IPv4Packet in packet) == 1400
        assert not lab["a"].run("sysctl -w net.ipv4.ip_forward=1")  # it cannot write its settings itself


def test_two_labs_of_one_name_stand_side_by_side(program: str, small: Path) -> None:
    with Lab(small, engine="containerlab") as one, Lab(small, engine="containerlab") as other:
        one["a"].sh("echo one >/tmp/who", check=True)
        assert not other["a"].run("cat /tmp/who")
        other.down()
        assert one["a"].run("cat /tmp/who", check=True).stdout == "one\n"


def test_a_line_that_fails_ends_the_lab_and_is_named(program: str, small: Path) -> None:
    small.write_text(HEAD.replace("type bridge", "type nosuchkind"))
    with pytest.raises(LabError) as caught:
        Lab(small, engine="containerlab").up()
    assert f"{small}:12: node a: " in str(caught.value)
    assert "Unknown device type" in str(caught.value) and "this kernel lacks" in str(caught.value)
    assert "\n" not in str(caught.value)


NOTEBOOK = """
import os, signal, sys
from netlib.lab import Lab
lab = Lab(sys.argv[1], engine="containerlab").up()
if sys.argv[2] == "fork" and os.fork() == 0:
    signal.pause()
print("up", os.getpid(), flush=True)
signal.pause()
"""


@pytest.mark.parametrize("way", ["kill", "term", "fork"])
def test_a_lab_does_not_outlive_its_notebook(program: str, small: Path, way: str) -> None:
    """Its end is the fixture's to see."""
    before = remains_here()
    notebook = subprocess.Popen(
        [sys.executable, "-c", NOTEBOOK, str(small), way], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert notebook.stdout
    try:
        assert notebook.stdout.readline().startswith("up")
        assert len(remains_here() - before) >= 5  # two containers, two names, a folder
        notebook.send_signal(signal.SIGTERM if way == "term" else signal.SIGKILL)
        assert eventually(lambda: remains_here() <= before)  # for "fork": while the copy lives on
    finally:
        os.killpg(notebook.pid, signal.SIGKILL)
        notebook.wait()
        notebook.stdout.close()


def test_a_notebook_killed_while_containerlab_deploys_leaves_nothing(program: str, small: Path) -> None:
    before = remains_here()
    notebook = subprocess.Popen([sys.executable, "-c", NOTEBOOK, str(small), "kill"], stdout=subprocess.DEVNULL)
    assert eventually(lambda: any(" small-" in line for line in remains_here() - before))  # a container
    notebook.kill()
    notebook.wait()
    assert eventually(lambda: remains_here() <= before)


def test_what_a_killed_caretaker_leaves_goes_at_the_next_start(program: str, small: Path) -> None:
    lab = Lab(small, engine="containerlab").up()
    live = lab._session
    assert isinstance(live, session.ContainerlabSession)
    live._caretaker.kill()
    live._caretaker.wait()
    assert not lab.running and remains.find_containers(live.name)
    with Lab(small, engine="containerlab"):
        assert not remains.find_containers(live.name)


def test_what_containerlab_does_not_remove_is_removed(
    standin: Path, program: str, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN_DESTROY", "nothing")
    Lab(small, engine="containerlab").up().down()


def test_a_file_that_a_node_could_write_to_is_refused(program: str, small: Path) -> None:
    small.with_name("motd").write_text("hello\n")
    small.write_text(HEAD.replace("b: {kind: linux, ", "b: {kind: linux, binds: ['motd:/etc/motd'], "))
    with pytest.raises(
        LabError, match=r"topology\.clab\.yml:\d+: node b could write to motd .*; end the bind with :ro"
    ):
        Lab(small, engine="containerlab").up()
    small.write_text(small.read_text().replace("/etc/motd", "/etc/motd:ro"))
    with Lab(small, engine="containerlab") as lab:
        assert lab["b"].run("cat /etc/motd", check=True).stdout == "hello\n"
        assert not lab["b"].sh("echo changed >/etc/motd")
    assert small.with_name("motd").read_text() == "hello\n"


def test_what_is_missing_is_one_line_with_its_fix(standin: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def reason() -> str:
        with pytest.raises(EngineMissing) as caught:
            Lab(small, engine="containerlab").up()
        return str(caught.value)

    monkeypatch.setattr(session.tools.os, "geteuid", lambda: 1000)
    assert reason().startswith("the containerlab engine needs root; do: ")
    monkeypatch.setattr(session.tools.os, "geteuid", lambda: 0)
    monkeypatch.setenv("STANDIN_VERSION", "0.77.1")
    assert reason() == "containerlab 0.77.1 refuses `privileged: false`; do: install 0.78 or newer"
    monkeypatch.delenv("STANDIN_VERSION")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert reason().startswith("containerlab needs docker, which does not answer; do: ")
    monkeypatch.setenv(tools.VARIABLE, "/nowhere/containerlab")
    assert reason().startswith("containerlab is not installed; do: install it (https://")


def test_an_image_that_is_not_there_is_not_pulled(program: str, small: Path) -> None:
    small.write_text(HEAD.replace("netcourse:latest", "netcourse:nosuch"))
    with pytest.raises(EngineMissing, match="docker has no image netcourse:nosuch; do: make labs"):
        Lab(small, engine="containerlab").up()


@pytest.mark.parametrize(
    ("said", "version"), [("0.79.0\n", "0.79.0"), ("v1.0.3", "1.0.3"), ("0.78.0", "0.78.0"), ("0.0.0\n", "0.0.0")]
)
def test_versions_that_will_do(said: str, version: str) -> None:
    """0.0.0 is what one says that `go install` has built: whatever its age, it is tried."""
    assert tools.read_version(said) == version


@pytest.mark.parametrize("said", ["0.77.9", "0.9.0", "", None, "containerlab"])
def test_versions_that_will_not_do(said: str | None) -> None:
    with pytest.raises(EngineMissing, match="; do: install"):
        tools.read_version(said)


LOG = """\
10:11:11 INFO Executed command node=h1 command="ip addr" stdout=""
10:11:12 ERRO Failed to execute command command="ip route add default via 10.0.0.9" node=h1 rc=2 stdout=""
  stderr=
  │ RTNETLINK answers: Network is unreachable
  │ second line
10:11:12 ERRO Failed to execute command command="sh -c \\"false\\"" node=h2 rc=1 stdout="" stderr="no \\"way\\""
10:11:13 INFO Adding SSH config for nodes
"""


def test_failed_lines_are_found_in_the_log() -> None:
    first, second = tools.failed_lines(LOG)
    assert (first.node, first.command) == ("h1", "ip route add default via 10.0.0.9")
    assert first.said == "RTNETLINK answers: Network is unreachable; second line"
    assert (second.node, second.command) == ("h2", 'sh -c "false"')
    assert "no" in second.said and "way" in second.said
    assert list(tools.failed_lines(LOG.splitlines()[0])) == []
    assert tools.last_words("x\n10:11:12 ERRO boom\nusage") == "boom"
    assert tools.last_words("") == "it said nothing"


def test_a_labs_block_in_etc_hosts_goes_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = tmp_path / "hosts"
    monkeypatch.setattr(remains, "HOSTS", hosts)
    monkeypatch.setattr(remains, "HOSTS_LOCK", tmp_path / "lock")
    mine = "###### CLAB-mine-START ######\n10.0.0.1\tx\n###### CLAB-mine-END ######\n"
    other = mine.replace("mine", "other")
    hosts.write_text(f"127.0.0.1\tlocalhost\n{other}{mine}::1\tme\n")
    remains._forget_hosts("mine")
    assert hosts.read_text() == f"127.0.0.1\tlocalhost\n{other}::1\tme\n"
    cut = f"127.0.0.1\tlocalhost\n{mine.partition('10.0')[0]}"
    hosts.write_text(cut)  # its end is missing: who knows what is the lab's
    remains._forget_hosts("mine")
    assert hosts.read_text() == cut


def test_a_link_in_a_container_leads_nowhere_outside_it(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "root"
    outside.write_text("of this machine")
    (inside / "run").mkdir(parents=True)
    (inside / "run" / "agent.sock").symlink_to(outside)
    (inside / "run" / "up.sock").symlink_to("../../outside")
    root = os.open(inside, os.O_PATH)
    try:
        for name in ("agent.sock", "up.sock"):
            with pytest.raises(FileNotFoundError):
                session._open_below(root, f"run/{name}")
        (inside / "outside").write_text("of the container")
        fd = session._open_below(root, "run/up.sock")
        assert os.path.samefile(f"/proc/self/fd/{fd}", inside / "outside")
        os.close(fd)
    finally:
        os.close(root)


def test_a_nodes_own_setting_wins_and_holds_for_its_interfaces() -> None:
    node = {
        "interfaces": ["eth1", "eth2"],
        "sysctls": {"net.ipv4.ip_forward": "1", "net.ipv4.conf.default.rp_filter": "2"},
    }
    settings = settings_for(node)
    assert (settings["net.ipv4.ip_forward"], settings["net.ipv4.tcp_congestion_control"]) == ("1", "reno")
    assert [settings[f"net.ipv4.conf.{name}.rp_filter"] for name in ("all", "default", "eth1", "eth2")] == [
        "0",
        "2",
        "2",
        "2",
    ]
    assert settings["net.ipv6.conf.eth1.disable_ipv6"] == "1"
    node["sysctls"] = {"net.ipv6.conf.all.disable_ipv6": "0"}
    with_ipv6 = settings_for(node)
    assert [name for name in with_ipv6 if name.endswith("disable_ipv6")] == ["net.ipv6.conf.all.disable_ipv6"]
    assert set(BASELINE) - set(with_ipv6) == {f"net.ipv6.conf.{name}.disable_ipv6" for name in ("default", "lo")}
