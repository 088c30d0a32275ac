"""The topology of a lab: what `topology.clab.yml` says, checked.

The file is containerlab's (https://containerlab.dev/manual/topo-def-file/), so that whoever has containerlab runs the
same lab in containers. Of its many keys this reader takes those that mean the same in every engine, and refuses the
rest by name: a key that is accepted and then ignored is a bug hunt for the student.

Rules that keep one file true for all engines:
- nodes are `kind: linux` with `network-mode: none` (no management network, no way out) and an `image` for containers;
- addresses and routes are `exec` lines, because containerlab applies no others to Linux nodes;
- settings are `sysctls`, of all interfaces, not of one: a container gets them before it has links, and none later;
- containers are not privileged; `cap-add: [NET_ADMIN]` is all that they need, and all that they get;
- a link says its `mtu`, because containerlab's default is 9500;
- containerlab passes the file through a template and envsubst, so `$` is written `$$`, and `{{` is not written.

What the `exec` lines say about addresses is checked in exec_lines.py; running them is the engine's part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from netlib.lab.document import Element, read_document, suggest
from netlib.lab.errors import LabError
from netlib.lab.exec_lines import Command, check_addresses, check_wans, read_command, wan_line

NODE_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]{0,62}")  # a host name too (RFC 1123 section 2.1)
INTERFACE_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]{0,14}")  # the kernel's IFNAMSIZ is 16, with the final zero

TOP_KEYS = {"name", "prefix", "mgmt", "topology"}
TOPOLOGY_KEYS = {"nodes", "links", "defaults", "kinds"}
SHARED_KEYS = {
    *("image", "network-mode", "restart-policy", "image-pull-policy", "env", "sysctls", "labels"),
    *("privileged", "cap-add"),
}
NODE_KEYS = SHARED_KEYS | {"kind", "exec", "binds"}
LINK_KEYS = {"endpoints", "mtu", "vars"}
CHOICES = {
    "restart-policy": ("no", "on-failure", "always", "unless-stopped"),
    "image-pull-policy": ("always", "never", "ifnotpresent", "Always", "Never", "IfNotPresent"),
}


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of the lab that a node sees, read-only, at `target`."""

    source: Path
    target: str
    line: int
    says_read_only: bool = False  # `:ro`: without it, containerlab would let the node write to the file


@dataclass(frozen=True, slots=True)
class NodeSpec:
    name: str
    line: int
    image: str
    commands: tuple[Command, ...] = ()
    binds: tuple[Bind, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """One end of a link, written `node:interface`."""

    node: str
    interface: str

    def __str__(self) -> str:
        return f"{self.node}:{self.interface}"


@dataclass(frozen=True, slots=True)
class Link:
    a: End
    b: End
    mtu: int
    line: int


@dataclass(frozen=True)
class Topology:
    """A checked topology. `path` is the file as errors name it, `folder` where it lies."""

    name: str
    path: str
    nodes: dict[str, NodeSpec]
    links: tuple[Link, ...]
    folder: Path = Path()

    @cached_property
    def peers(self) -> dict[End, End]:
        """The other end of the link at each interface."""
        return {end: other for link in self.links for end, other in ((link.a, link.b), (link.b, link.a))}

    def interfaces(self, node: str) -> list[str]:
        """The node's interfaces in the file's order."""
        return [end.interface for link in self.links for end in (link.a, link.b) if end.node == node]

    @property
    def wans(self) -> list[str]:
        """The nodes that are wans: netlib's relay between two interfaces."""
        return [name for name, node in self.nodes.items() if wan_line(node.commands)]

    def error(self, line: int, message: str) -> LabError:
        return LabError(f"{self.path}:{line}: {message}")


def read_topology(path: Path) -> Topology:
    """The topology in the file `path`. Raises LabError: one line with file, line and fix."""
    shown = _shown(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise LabError(f"{shown}: cannot be read: {reason}") from None
    return parse_topology(text, shown, path.parent)


def parse_topology(text: str, path: str, folder: Path) -> Topology:
    """The topology in `text`; `path` names it in errors, `folder` is where its `binds` start."""
    line = next((number for number, row in enumerate(text.splitlines(), 1) if "{{" in row), None)
    if line:
        raise LabError(f"{path}:{line}: '{{{{' starts a template in containerlab; write the line without it")
    document = read_document(text, path)
    top = document.mapping("the file", TOP_KEYS)
    name = _required(top, "name", document, "the file").text("name")
    if not NODE_NAME.fullmatch(name):
        raise top["name"].error(f"name {name!r} must be letters, digits and '-' (at most 63)")
    _check_top(top)
    root = _required(top, "topology", document, "the file")
    topology = root.mapping("topology", TOPOLOGY_KEYS)
    shared = _levels(topology)
    node_elements = _required(topology, "nodes", root, "topology").mapping("nodes")
    if not node_elements:
        raise topology["nodes"].error("a lab needs at least one node")
    nodes = {name: _node(name, element, shared, folder) for name, element in node_elements.items()}
    links = _links(topology.get("links"), nodes)
    result = Topology(name, path, nodes, links, folder.resolve())
    commands = {name: node.commands for name, node in nodes.items()}
    interfaces = {name: result.interfaces(name) for name in nodes}
    check_addresses(path, commands, interfaces)
    check_wans(path, commands, interfaces)
    _check_choices(result, node_elements, shared)
    return result


def _check_top(top: dict[str, Element]) -> None:
    """The keys that are containerlab's own business: they change nothing here, and have to be right there."""
    if "prefix" in top and not re.fullmatch(r"([a-zA-Z0-9][a-zA-Z0-9._-]*)?|__lab-name", top["prefix"].text("prefix")):
        raise top["prefix"].error("prefix must be letters, digits, '.', '_' and '-'; write prefix: \"\" for none")
    if "mgmt" in top:
        management = top["mgmt"].mapping("mgmt", {"skip-when-unused"})
        if not management or not management["skip-when-unused"].is_boolean("true"):
            raise top["mgmt"].error("write mgmt: {skip-when-unused: true}: no node of a lab is on that network")


def _levels(topology: dict[str, Element]) -> tuple[dict[str, Element], ...]:
    """What `defaults` and `kinds: linux` give every node, the nearer one last: it wins, and mappings add up."""
    levels = []
    if "defaults" in topology:
        levels.append(_checked(topology["defaults"].mapping("defaults", SHARED_KEYS | {"kind"})))
    for kind, element in topology["kinds"].mapping("kinds").items() if "kinds" in topology else ():
        _check_kind(kind, element)
        levels.append(_checked(element.mapping(f"kind {kind}", SHARED_KEYS)))
    return tuple(levels)


def _nearest(levels: Iterable[dict[str, Element]]) -> dict[str, Element]:
    return {key: element for level in levels for key, element in level.items()}


def _checked(keys: dict[str, Element]) -> dict[str, Element]:
    """The keys, after a look at the values that are only containerlab's: one that it refuses is refused here too."""
    for key, choices in CHOICES.items():
        if key in keys and keys[key].text(key) not in choices:
            raise keys[key].error(f"{key} must be one of {', '.join(choices)}")
    if "image" in keys:
        keys["image"].text("image")
    if "kind" in keys:
        _check_kind(keys["kind"].text("kind"), keys["kind"])
    _environment(keys)
    _sysctls(keys)
    for key, label in keys["labels"].mapping("labels").items() if "labels" in keys else ():
        if not label.text(f"label {key}"):
            raise label.error(f"label {key} is empty; write its value, or remove the line")
    return keys


def _node(name: str, element: Element, shared: tuple[dict[str, Element], ...], folder: Path) -> NodeSpec:
    what = f"node {name}"
    if not NODE_NAME.fullmatch(name):
        raise element.error(f"node name {name!r} must be letters, digits and '-', as it is a host name too")
    own = _checked(element.mapping(what, NODE_KEYS))
    keys = _nearest((*shared, own))
    _required(keys, "kind", element, what)
    image = _required(keys, "image", element, what).text("image")
    env: dict[str, str] = {}
    sysctls: dict[str, str] = {}
    for level in (*shared, own):
        env |= _environment(level)
        sysctls |= _sysctls(level)
    commands = tuple(read_command(item, name) for item in own["exec"].items("exec")) if "exec" in own else ()
    binds = tuple(_bind(item, name, folder) for item in own["binds"].items("binds")) if "binds" in own else ()
    for number, bind in enumerate(binds):
        if bind.target in (other.target for other in binds[:number]):
            raise LabError(f"{element.path}:{bind.line}: node {name} has something at {bind.target} already")
    return NodeSpec(name, element.line, image, commands, binds, env, sysctls)


def _environment(keys: dict[str, Element]) -> dict[str, str]:
    entries = keys["env"].mapping("env") if "env" in keys else {}
    return {name: value.given(f"env {name}") for name, value in entries.items()}


def _sysctls(keys: dict[str, Element]) -> dict[str, str]:
    entries = keys["sysctls"].mapping("sysctls") if "sysctls" in keys else {}
    for name, value in entries.items():
        if not re.fullmatch(r"net\.[a-z0-9_.-]+", name):
            raise value.error(f"sysctl {name!r}: a node has only its own net.* settings")
        interface = re.match(r"net\.ipv[46]\.(?:conf|neigh)\.([^.]+)", name)
        if interface and interface[1] not in ("all", "default", "lo"):
            fix = name.replace(f".{interface[1]}.", ".default.")
            raise value.error(f"sysctl {name!r}: a container has no {interface[1]} yet; write {fix}")
    return {name: value.word_or_number(f"sysctl {name}") for name, value in entries.items()}


def _check_kind(kind: str, element: Element) -> None:
    if kind != "linux":
        raise element.error(f"kind {kind!r} is not supported; write `kind: linux` (a switch is one with a bridge)")


def _bind(element: Element, node: str, folder: Path) -> Bind:
    text = element.text("a bind")
    source, _, rest = text.partition(":")
    target, _, options = rest.partition(":")
    if not source or not target.startswith("/") or ".." in target.split("/") or options not in ("", "ro"):
        raise element.error(f"bind {text!r} of node {node} must be file:/absolute/place or file:/absolute/place:ro")
    path = folder / source
    if not path.exists():
        raise element.error(f"node {node} binds {source!r}, and there is no {path}; create it or remove the line")
    real = path.resolve()
    if not real.is_relative_to(folder.resolve()):
        raise element.error(f"node {node} binds {source!r}, which leads out of the lab's folder; copy it to files/")
    if not (real.is_file() or real.is_dir()):
        raise element.error(f"node {node} binds {source!r}, which is neither a file nor a folder")
    return Bind(real, target.rstrip("/"), element.line, options == "ro")


def _links(element: Element | None, nodes: dict[str, NodeSpec]) -> tuple[Link, ...]:
    links: list[Link] = []
    taken: dict[End, int] = {}
    for item in element.items("links") if element else []:
        keys = item.mapping("a link", LINK_KEYS)
        if "vars" in keys:
            keys["vars"].mapping("vars")
        ends_element = _required(keys, "endpoints", item, "the link")
        ends = ends_element.sequence("endpoints")
        if len(ends) != 2:
            raise ends_element.error(f"a link has two endpoints, not {len(ends)}")
        a, b = (_end(end, nodes, taken) for end in ends)
        mtu = keys["mtu"].integer("mtu", 68, 65535) if "mtu" in keys else 0  # 68: RFC 791 section 3.2
        links.append(Link(a, b, mtu, item.line))
    return tuple(links)


def _check_choices(result: Topology, nodes: dict[str, Element], shared: tuple[dict[str, Element], ...]) -> None:
    """What the format leaves open, and a lesson does not. Last, so that plain mistakes are told first."""
    for name, element in nodes.items():
        what = f"node {name}"
        levels = (*shared, element.mapping(what, NODE_KEYS))
        _required(_nearest(levels), "network-mode", element, what, " (add `network-mode: none`: a lab has no way out)")
        for keys in levels:
            _check_isolation(keys, what)
    for link in result.links:
        if not link.mtu:
            raise result.error(link.line, "the link has no 'mtu' (add `mtu: 1500`: containerlab's default is 9500)")


def _check_isolation(keys: dict[str, Element], what: str) -> None:
    if "privileged" in keys and not keys["privileged"].is_boolean("false"):
        raise keys["privileged"].error(f"privileged of {what} must be false: a lab needs no more than NET_ADMIN")
    for number, capability in enumerate(keys["cap-add"].sequence("cap-add") if "cap-add" in keys else []):
        if number or capability.text("a capability") != "NET_ADMIN":
            raise capability.error(f"cap-add of {what} may only be [NET_ADMIN]: no lesson needs more")
    if "network-mode" in keys and keys["network-mode"].text("network-mode") != "none":
        mode = keys["network-mode"]
        raise mode.error(f"network-mode of {what} must be none: a lab has no way out, and eth0 is free for links")


def _end(element: Element, nodes: dict[str, NodeSpec], taken: dict[End, int]) -> End:
    text = element.text("an endpoint")
    node, _, interface = text.partition(":")
    if node not in nodes:
        raise element.error(f"link to unknown node {node!r}; {suggest(node, nodes)}")
    if not INTERFACE_NAME.fullmatch(interface) or interface == "lo":
        raise element.error(f"endpoint {text!r} must be node:interface with an interface name such as eth1")
    end = End(node, interface)
    if end in taken:
        raise element.error(f"{end} is already linked on line {taken[end]}; use another interface")
    taken[end] = element.line
    return end


def _required(keys: dict[str, Element], key: str, where: Element, what: str, fix: str = "") -> Element:
    if key not in keys:
        raise where.error(f"{what} has no {key!r}" + (fix or f"; add `{key}:`"))
    return keys[key]


def _shown(path: Path) -> str:
    """The path as a reader would type it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
