"""The `exec` lines of a node, read before they run.

containerlab splits an exec line like a shell would, and runs it without one. So do we. Of lines that say
`ip addr add` and `ip route add` the addresses are checked here, where the line is known: an address that is none, one
without its prefix length, one that two interfaces have, an interface that no link makes. What only the kernel can know
(is that gateway reachable?) the kernel says when the line runs, and the engine adds the line number.

A `netlib-wan` line is read here too, all of it.

Lines with a shell of their own (`sh -c '...'`) are not looked into.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netlib.lab.document import Element
from netlib.lab.errors import LabError
from netlib.lab.wan.settings import WanError, read_line

WAN = "netlib-wan"  # the command that makes a node a wan
PLAIN_WORD = re.compile(r"[A-Za-z0-9_.:/@+%=,-]+")
SHELL_WORDS = {"|", "||", "&", "&&", ">", ">>", "2>&1", "<"}  # as words of their own
ADDRESS_KEYWORDS = {"dev", "brd", "broadcast", "scope", "label", "peer", "metric", "valid_lft", "preferred_lft"}


@dataclass(frozen=True, slots=True)
class Command:
    """One exec line: its words, and the line of the file that it stands on."""

    argv: tuple[str, ...]
    line: int

    @property
    def batch(self) -> str | None:
        """What `ip -batch` would read for this line; None where it is anything but plain `ip object ...`."""
        if len(self.argv) < 2 or self.argv[0] != "ip" or self.argv[1].startswith("-"):
            return None
        return " ".join(self.argv[1:]) if all(map(PLAIN_WORD.fullmatch, self.argv)) else None


def read_command(element: Element, node: str) -> Command:
    """The command of one exec line of `node`, as containerlab would run it."""
    text = element.text(f"an exec line of node {node}")
    if "$" in text.replace("$$", ""):
        raise element.error("containerlab replaces $NAME by the environment's value; write $$ for a dollar sign")
    try:
        argv = tuple(shlex.split(text.replace("$$", "$")))
    except ValueError as error:
        raise element.error(f"exec line of node {node}: {str(error).lower()}; check the quotes") from None
    if not argv:
        raise element.error(f"exec line of node {node} is empty; remove it")
    if shell := next((word for word in argv if word in SHELL_WORDS), None):
        raise element.error(f"node {node}: exec lines run without a shell, so {shell!r} does nothing: use sh -c '...'")
    if argv[0].rpartition("/")[2] == "sysctl":
        raise element.error(f"node {node}: in a container, /proc/sys is read-only; write the setting under `sysctls:`")
    if "\0" in text:
        raise element.error(f"exec line of node {node} has a zero byte; remove it")
    return Command(argv, element.line)


@dataclass(frozen=True, slots=True)
class AddressLine:
    address: str
    device: str
    line: int


def addresses(commands: Sequence[Command]) -> Iterator[AddressLine]:
    """The addresses that `ip addr add` lines give, as they are written."""
    for command in commands:
        words = _ip_words(command)
        if len(words) < 3 or not _is_object(words[0], "address") or words[1] not in ("add", "replace", "change"):
            continue
        rest = list(words[2:])
        device = rest[rest.index("dev") + 1] if "dev" in rest[:-1] else ""
        local = rest[rest.index("local") + 1] if "local" in rest[:-1] else rest[0]
        if local not in ADDRESS_KEYWORDS:
            yield AddressLine(local, device, command.line)


def gateways(commands: Sequence[Command]) -> Iterator[tuple[str, int]]:
    """The next hops that `ip route add ... via` lines name, each with its line."""
    for command in commands:
        words = _ip_words(command)
        if len(words) >= 3 and _is_object(words[0], "route") and "via" in words[:-1]:
            via = [word for word in words[words.index("via") + 1 :] if word not in ("inet", "inet6")]
            if via:
                yield via[0], command.line


def check_addresses(path: str, commands: Mapping[str, Sequence[Command]], interfaces: Mapping[str, list[str]]) -> None:
    """Raise LabError for the first address that is wrong, twice there, or on an interface that does not exist."""
    seen: dict[object, tuple[str, int]] = {}
    for node, lines in commands.items():
        makes_links = any(
            _is_object(words[0], "link") and "add" in words[1:2] for words in map(_ip_words, lines) if words
        )
        for entry in addresses(lines):
            where = f"{path}:{entry.line}: node {node}: "
            try:
                interface = ipaddress.ip_interface(entry.address)
            except ValueError:
                raise LabError(f"{where}{entry.address!r} is no address; write one like 10.0.1.2/24") from None
            if "/" not in entry.address:
                raise LabError(f"{where}{entry.address} has no prefix length; write {entry.address}/24 (or its own)")
            known = interfaces[node]
            if entry.device and entry.device != "lo" and entry.device not in known and not makes_links:
                raise LabError(f"{where}no link gives it {entry.device!r}; it has {', '.join(known) or 'no interface'}")
            if entry.device == "lo" or interface.ip.is_link_local:
                continue  # one service address on the loopback of many servers is how load balancers share it
            if interface.ip in seen:
                other, line = seen[interface.ip]
                raise LabError(f"{where}{interface.ip} is {other}'s address already (line {line}); choose another")
            seen[interface.ip] = (node, entry.line)
        for gateway, line in gateways(lines):
            try:
                ipaddress.ip_address(gateway)
            except ValueError:
                message = f"{path}:{line}: node {node}: next hop {gateway!r} is no address; write one like 10.0.1.1"
                raise LabError(message) from None


def wan_line(commands: Sequence[Command]) -> Command | None:
    """The line that makes a node a wan."""
    return next((command for command in commands if command.argv[0] == WAN), None)


def check_wans(path: str, commands: Mapping[str, Sequence[Command]], interfaces: Mapping[str, list[str]]) -> None:
    """Raise LabError for the first `netlib-wan` line that would not start, or whose interfaces have addresses."""
    for node, lines in commands.items():
        line = wan_line(lines)
        if line is None:
            continue
        where = f"{path}:{line.line}: node {node}: "
        try:
            ends, _ = read_line(line.argv[1:])
        except WanError as error:
            raise LabError(f"{where}{error}") from None
        for end in ends:
            if end not in interfaces[node]:
                known = ", ".join(interfaces[node]) or "no interface"
                raise LabError(f"{where}no link gives it {end!r}; it has {known}")
        for other in lines:
            if other.argv[0] == WAN and other is not line:
                raise LabError(
                    f"{path}:{other.line}: node {node}: it has a {WAN} line already (line {line.line}); "
                    "make a second node for a second path"
                )
        for address in addresses(lines):
            if address.device in ends:
                raise LabError(
                    f"{path}:{address.line}: node {node}: {address.device} belongs to {WAN} (line {line.line}), which "
                    "is a cable and has no address; remove the line"
                )


def _ip_words(command: Command) -> tuple[str, ...]:
    """The words after `ip` and its flags; nothing for other commands."""
    if command.argv[0].rpartition("/")[2] != "ip":
        return ()
    words = list(command.argv[1:])
    while words and words[0].startswith("-"):
        words.pop(0)
    return tuple(words)


def _is_object(word: str, name: str) -> bool:
    """Does iproute2 take `word` for the object `name`? It accepts any prefix: a, addr, address."""
    return bool(word) and name.startswith(word)
