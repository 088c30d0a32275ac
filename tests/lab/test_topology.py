"""The topology reader: what it takes, and that each mistake is one line with file, line and fix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from netlib.lab import Lab, LabError, read_topology
from netlib.lab.topology import End, parse_topology

ROOT = Path(__file__).resolve().parents[2]
LABS = sorted(ROOT.glob("labs/*/topology.clab.yml"))
SCHEMA = ROOT.parent / "shared" / "data" / "clab.schema.json"

GOOD = """\
name: good
topology:
  kinds:
    linux: {image: netcourse:latest, network-mode: none, restart-policy: "no"}
  nodes:
    a:
      kind: linux
      binds:
        - files/motd:/etc/motd
      exec:
        - ip addr add 10.0.0.1/24 dev eth1
        - sh -c 'echo $$HOME'
    b:
      kind: linux
      exec:
        - ip -4 address add 10.0.0.2/24 brd + dev eth1
        - ip route add default via 10.0.0.1
  links:
    - endpoints: ["a:eth1", "b:eth1"]
      mtu: 1500
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "motd").write_text("hello\n")
    return tmp_path


def test_reads_nodes_links_commands_and_binds(folder: Path) -> None:
    topology = parse_topology(GOOD, "good.yml", folder)
    assert list(topology.nodes) == ["a", "b"]
    assert topology.interfaces("a") == ["eth1"]
    assert topology.peers[End("a", "eth1")] == End("b", "eth1")
    assert topology.links[0].mtu == 1500
    a = topology.nodes["a"]
    assert a.commands[1].argv == ("sh", "-c", "echo $HOME")
    assert a.commands[0].line == 11
    assert (a.binds[0].source, a.binds[0].target) == (folder / "files" / "motd", "/etc/motd")
    assert topology.nodes["b"].commands[1].batch == "route add default via 10.0.0.1"
    assert a.commands[1].batch is None


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        (
            "exec:\n        - ip addr",
            "exce:\n        - ip addr",
            10,
            "unknown key 'exce' in node a; did you mean 'exec'?",
        ),
        ("mtu: 1500", "mtu: 1500\n      colour: red", 21, "unknown key 'colour' in a link"),
        ("name: good", "name: good\nversion: 1", 2, "unknown key 'version' in the file"),
        ("name: good\n", "", 1, "no 'name'"),
        ("name: good", "name: 06 icmp", 1, "must be letters, digits and '-'"),
        ("name: good", "name: 6", 1, 'write it as "6"'),
        ("files/motd:", "files/mtd:", 9, "create it or remove the line"),
        ("files/motd:/etc/motd", "files/motd:etc/motd", 9, "/absolute/place"),
        ("files/motd:/etc/motd", "files/motd:/etc/../motd", 9, "/absolute/place"),
        ("10.0.0.2/24 brd", "10.0.0.1/24 brd", 16, "10.0.0.1 is a's address already (line 11)"),
        ("10.0.0.2/24 brd", "10.0.0.1/16 brd", 16, "10.0.0.1 is a's address already (line 11)"),
        ("10.0.0.2/24 brd", "10.0.0.300/24 brd", 16, "'10.0.0.300/24' is no address"),
        ("10.0.0.2/24 brd", "10.0.0.2 brd", 16, "has no prefix length"),
        ("via 10.0.0.1", "via 10.0.0", 17, "next hop '10.0.0' is no address"),
        ("10.0.0.1/24 dev eth1", "10.0.0.1/24 dev eth2", 11, "no link gives it 'eth2'; it has eth1"),
        ('"b:eth1"', '"c:eth1"', 19, "unknown node 'c'; known here: a, b"),
        ('"b:eth1"', '"a:eth1"', 19, "a:eth1 is already linked on line 19"),
        ('"b:eth1"', '"b"', 19, "must be node:interface"),
        ('"b:eth1"', '"b:averyverylongname"', 19, "must be node:interface"),
        ('["a:eth1", "b:eth1"]', '["a:eth1"]', 19, "a link has two endpoints, not 1"),
        ("      mtu: 1500", "", 19, "add `mtu: 1500`"),
        ("mtu: 1500", "mtu: 67", 20, "must be from 68 to 65535"),
        ("mtu: 1500", "mtu: big", 20, "must be a whole number"),
        ("    b:\n", "    a:\n", 13, "'a' is already in nodes, on line 7"),
        ("kind: linux\n      binds", "kind: nokia_srlinux\n      binds", 7, "kind 'nokia_srlinux' is not supported"),
        ("      kind: linux\n      binds", "      binds", 8, "no 'kind'"),
        ("image: netcourse:latest, ", "", 7, "no 'image'"),
        ("network-mode: none, ", "", 7, "add `network-mode: none`"),
        ("network-mode: none", "network-mode: host", 4, "must be none"),
        ('"no"', "no", 4, 'write it as "no"'),
        ("echo $$HOME", "echo $HOME", 12, "write $$"),
        ("echo $$HOME", "echo {{x", 12, "starts a template"),
        ("echo $$HOME'", "echo", 12, "check the quotes"),
        ("kind: linux\n      binds:", "kind: linux\n      env: [A=1]\n      binds:", 9, "env must be a mapping"),
        ("        - ip addr add 10.0.0.1/24 dev eth1\n        - sh", "        one: sh", 11, "must be a list"),
        ("links:", "links: [", 18, "not valid YAML"),
        ("    b:\n", "   b:\n", 13, "indented as those that it belongs to"),
        ("    b:\n", "\tb:\n", 13, "not with tabs"),
        ("echo $$HOME'", "echo' > /tmp/said", 12, "without a shell, so '>' does nothing"),
        ("    a:\n", "    a_:\n", 8, "host name"),
    ],
)
def test_a_mistake_is_one_line_with_file_line_and_fix(folder: Path, old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    with pytest.raises(LabError) as caught:
        parse_topology(GOOD.replace(old, new, 1), "lab.yml", folder)
    message = str(caught.value)
    assert says in message
    assert "\n" not in message
    number = int(message.split(":")[1])
    # YAML's own errors are found where the parser gives up, and a mapping starts with its first key
    assert message.startswith("lab.yml:")
    assert number >= line if "not valid YAML" in says else abs(number - line) <= 1, message


def test_a_service_address_on_many_loopbacks_is_no_mistake(folder: Path) -> None:
    text = GOOD.replace("ip route add default via 10.0.0.1", "ip addr add 10.9.9.9/32 dev lo")
    text = text.replace("sh -c 'echo $$HOME'", "ip addr add 10.9.9.9/32 dev lo")
    assert parse_topology(text, "lab.yml", folder)


@pytest.mark.parametrize("text", ["", "[", "a", "- a", "{}", "name: x\ntopology: 3", "&a [*a]", "\0", "[" * 50_000])
def test_what_is_no_topology_is_one_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(LabError) as caught:
        parse_topology(text, "lab.yml", tmp_path)
    assert str(caught.value).startswith("lab.yml") and "\n" not in str(caught.value)


LINES = GOOD.splitlines()


@given(
    st.lists(st.tuples(st.integers(0, len(LINES) - 1), st.sampled_from(["", "- x", "  a: [b", "nodes:", "\t", "*a"])))
)
def test_a_damaged_file_is_read_or_refused_in_one_line(changes: list[tuple[int, str]]) -> None:
    lines = list(LINES)
    for number, text in changes:
        lines[number] = text
    try:
        parse_topology("\n".join(lines), "lab.yml", Path("/nowhere"))
    except LabError as error:
        assert "\n" not in str(error)


def test_a_file_that_is_not_text_or_not_there_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "topology.clab.yml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(LabError, match="not UTF-8"):
        read_topology(path)
    with pytest.raises(LabError, match="there is no topology file"):
        Lab(tmp_path / "other.yml")


def test_a_lab_is_found_by_name_from_a_folder_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "labs" / "mine"
    here.mkdir(parents=True)
    (here / "topology.clab.yml").write_text(
        GOOD.replace("      binds:\n        - files/motd:/etc/motd\n", "").replace("good", "mine")
    )
    below = tmp_path / "course" / "01"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert Lab("mine").name == "mine"
    assert Lab("06-icmp").name == "06-icmp"  # the ones that came with netlib are there too
    with pytest.raises(LabError, match=r"no lab '06-icpm'; did you mean '06-icmp'\?"):
        Lab("06-icpm")


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.parent.name)
def test_every_lab_is_a_valid_containerlab_file(path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    if not SCHEMA.exists():
        pytest.skip(f"containerlab's schema is not there ({SCHEMA.name} from containerlab's sources)")
    topology = read_topology(path)
    assert topology.name == path.parent.name
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft7Validator(schema).validate(yaml.safe_load(path.read_text()))
