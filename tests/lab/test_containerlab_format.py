"""What our reader takes, containerlab takes: each lab, and files of every key that the reader knows with odd values.

Two things refuse a file there: its JSON schema (in editors, and here), and its parser, strict YAML into fixed types
after two replacements, `{{ }}` and `$NAME`. What the parser refuses and the schema can't say is in the last tests.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.lab import LabError, read_topology
from netlib.lab.topology import LINK_KEYS, NODE_KEYS, SHARED_KEYS, parse_topology

ROOT = Path(__file__).resolve().parents[2]
LABS = sorted(ROOT.glob("labs/*/topology.clab.yml"))
SCHEMA = ROOT.parent / "shared" / "data" / "clab.schema.json"  # of v0.79.0

Keys = dict[str, str]
Change = tuple[int, str, str]

# Values as they may stand in a file, good and odd ones; what is not listed gets ODD alone
ODD = ["", "null", "true", "yes", "3", "-1", "1.5", "[]", "{}", '""', '"x"', "x", "[x]", "{a: b}", "2024-01-01"]
GOOD = {
    "prefix": ["clab", "__lab-name", "a.b_c", '"a b"', "-x"],
    "mgmt": ["{skip-when-unused: true}", "{skip-when-unused: false}", '{skip-when-unused: "true"}', "{network: x}"],
    "image": ["netcourse:latest"],
    "network-mode": ["none", "host", "bridge"],
    "restart-policy": ['"no"', "no", "No", '"No"', "always", "Always", "unless-stopped"],
    "image-pull-policy": ["never", "Never", "IfNotPresent", "ifNotPresent"],
    "privileged": ["false", '"false"', "no", "False"],
    "cap-add": ["[NET_ADMIN]", "[NET_ADMIN, NET_ADMIN]", "[SYS_ADMIN]", "NET_ADMIN"],
    "env": ["{A: b}", "{A: 1}", "{A: true}", "{A: null}", "{A: [b]}", "{A: }", '{A: ""}'],
    "sysctls": [
        *('{net.ipv4.ip_forward: "1"}', "{net.ipv4.ip_forward: 1}", "{net.ipv4.ip_forward: true}"),
        *("{net.ipv4.ip_forward: }", "{kernel.x: 1}", "{net.ipv4.tcp_rmem: 4096 1 2}"),
    ],
    "labels": ["{a: b}", "{a: 1}", "{a: -1}", '{a: ""}', "{a: {b: c}}", "{a: true}"],
    "kind": ["linux", "bridge"],
    "exec": ['["true"]', "[true]", "[[a]]", "[echo $$x]", "[3]"],
    "binds": ["[a:/a:ro]", "[a:/a]", "[a:/a:ro, a:/a]", "[a:/a, a:/a]", "[a:/a:rw]", "[a]"],
    "endpoints": ['["a:eth1", "b:eth1"]', '["a:eth1", "a:eth1"]', '["a:eth1"]', '["a", "b"]', '["a:lo", "b:eth1"]'],
    "mtu": ["1500", "1500.0", '"1500"', "0", "68", "65535", "65536", "1_500", "0x5dc"],
    "vars": ["{a: {b: [1]}}", "{}"],
}


PLACES = [{"prefix", "mgmt"}, SHARED_KEYS | {"kind"}, SHARED_KEYS, NODE_KEYS, LINK_KEYS]
CHANGES = [(at, key, value) for at, keys in enumerate(PLACES) for key in sorted(keys) for value in GOOD[key] + ODD]


@functools.cache
def schema() -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    if not SCHEMA.exists():
        pytest.skip(f"containerlab's schema is not there ({SCHEMA.name} of its sources)")
    return jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))


def written(top: Keys, defaults: Keys, kind: Keys, node: Keys, link: Keys) -> str:
    """The file: what is needed is there unless the keys say otherwise."""
    base = {"image": "netcourse:latest", "network-mode": "none"}
    lines = ["name: odd", *(f"{key}: {value}" for key, value in top.items()), "topology:", "  defaults:"]
    lines += [f"    {key}: {value}" for key, value in (defaults or {"image": "x"}).items()]
    lines += ["  kinds:", "    linux:"]
    lines += [f"      {key}: {value}" for key, value in (base | kind).items()]
    lines += ["  nodes:", "    a:", *(f"      {key}: {value}" for key, value in ({"kind": "linux"} | node).items())]
    lines += ["    b: {kind: linux}", "  links:"]
    link = {"endpoints": GOOD["endpoints"][0], "mtu": "1500"} | link
    lines += [f"    {'  ' if at else '- '}{key}: {value}" for at, (key, value) in enumerate(link.items())]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "a").write_text("")
    return folder


def accepted(text: str, folder: Path) -> bool:
    try:
        parse_topology(text, "odd.yml", folder)
    except LabError:
        return False
    return True


def check(folder: Path, changes: list[Change]) -> None:
    parts: list[Keys] = [{}, {}, {}, {}, {}]
    for at, key, value in changes:
        parts[at][key] = value
    text = written(*parts)
    if accepted(text, folder):
        errors = [f"{list(each.absolute_path)}: {each.message}" for each in schema().iter_errors(yaml.safe_load(text))]
        assert not errors, text


def test_with_any_one_value_what_our_reader_takes_the_schema_takes(folder: Path) -> None:
    for change in CHANGES:
        check(folder, [change])


@given(st.lists(st.sampled_from(CHANGES), min_size=2, max_size=5))
@settings(max_examples=200, deadline=None)
def test_with_several_what_our_reader_takes_the_schema_takes(folder: Path, changes: list[Change]) -> None:
    check(folder, changes)


@pytest.mark.parametrize(("where", "key"), [(at, key) for at, keys in enumerate(PLACES) for key in sorted(keys)])
def test_every_key_of_our_reader_is_one_of_containerlabs(folder: Path, where: int, key: str) -> None:
    """With a good value each: the test above would say nothing of a reader that refuses everything."""
    parts: list[Keys] = [{}, {}, {}, {}, {}]
    parts[where] = {key: GOOD[key][0]}
    text = written(*parts)
    assert accepted(text, folder), text
    schema().validate(yaml.safe_load(text))


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.parent.name)
def test_each_lab_is_one_that_containerlab_deploys(path: Path) -> None:
    topology = read_topology(path)
    schema().validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    for node in topology.nodes.values():
        for bind in node.binds:  # without it, a container's root could write to the lab's own file
            assert bind.says_read_only, f"{path}:{bind.line}: end the bind of {node.name} with :ro"


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.parent.name)
def test_the_two_replacements_change_nothing_in_a_lab(path: Path) -> None:
    """containerlab's parser runs the text through a template and the environment first, comments too."""
    text = path.read_text(encoding="utf-8")
    assert "{{" not in text
    assert not re.search(r"\$(?!\$)", text.replace("$$", ""))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: x\nname: y\n", "already"),  # two of a key: the strict parser, not the schema, refuses it
        ("name: x\ntopology:\n  nodes: {a: {kind: linux}, a: {kind: linux}}\n", "already"),
        ("name: x\ntopology:\n  nodes: {a: {kind: linux, settings: {}}}\n", "unknown key 'settings'"),
        ("name: x\n# {{ .Name }}\ntopology: {}\n", "starts a template"),
    ],
)
def test_what_only_the_strict_parser_refuses_is_refused(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=re.escape(says)):
        parse_topology(text, "lab.yml", tmp_path)
