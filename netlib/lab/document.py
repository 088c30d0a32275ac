"""YAML that remembers its lines.

PyYAML's composer gives a tree of nodes, each with the line where it starts. `Element` wraps one of them and offers the
few questions that a strict reader asks: a mapping with these keys and no others, a list, a text, a whole number. Each
wrong answer is one `LabError` that names the file, the line and the fix. Nothing is expanded: an alias stays one node,
so a small file cannot become a large tree.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import yaml

from netlib.lab.errors import LabError

SIZE_LIMIT = 1 << 18  # characters: no topology comes near it


@dataclass(frozen=True, slots=True)
class Element:
    """One value of a YAML file. `path` is the file's name as errors show it."""

    path: str
    node: yaml.Node

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1

    def error(self, message: str) -> LabError:
        return LabError(f"{self.path}:{self.line}: {message}")

    def mapping(self, what: str, allowed: Collection[str] | None = None) -> dict[str, Element]:
        """The values by key, in the file's order. A key outside `allowed` or given twice is an error."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error(f"{what} must be a mapping (key: value), not {_kind(self.node)}")
        elements: dict[str, Element] = {}
        for key_node, value_node in self.node.value:
            key = Element(self.path, key_node)
            name = key.text(f"a key of {what}")
            if allowed is not None and name not in allowed:
                raise key.error(f"unknown key {name!r} in {what}; {suggest(name, allowed)}")
            if name in elements:
                raise key.error(f"{name!r} is already in {what}, on line {elements[name].line}; remove one of the two")
            elements[name] = Element(self.path, value_node)
        return elements

    def sequence(self, what: str) -> list[Element]:
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error(f"{what} must be a list (- item), not {_kind(self.node)}")
        return [Element(self.path, node) for node in self.node.value]

    def text(self, what: str) -> str:
        """A string. `no`, `1` and `null` are not strings in YAML: the error asks for quotes."""
        value = self.scalar(what)
        if self.node.tag == "tag:yaml.org,2002:str":
            return value
        if self.node.tag == "tag:yaml.org,2002:null":
            raise self.error(f"{what} is empty; write its value, or remove the line")
        raise self.error(f'{what} must be text, and YAML reads {value} as {_kind(self.node)}; write it as "{value}"')

    def scalar(self, what: str) -> str:
        """Any single value, as it is written in the file."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.error(f"{what} must be a single value, not {_kind(self.node)}")
        return str(self.node.value)

    def items(self, what: str) -> list[Element]:
        """A list that is not empty: containerlab's schema refuses an empty one."""
        items = self.sequence(what)
        if not items:
            raise self.error(f"{what} is an empty list; remove the line")
        return items

    def given(self, what: str) -> str:
        """A single value as it is written; an empty one must say so with quotes."""
        value = self.scalar(what)
        if self.node.tag == "tag:yaml.org,2002:null":
            raise self.error(f'{what} is empty; write its value, or "" for an empty one')
        return value

    def word_or_number(self, what: str) -> str:
        value = self.scalar(what)
        if self.node.tag.rpartition(":")[2] not in ("str", "int", "float"):
            raise self.error(f'{what} must be text or a number, and YAML reads {_kind(self.node)}; write it in quotes')
        return value

    def is_boolean(self, word: str) -> bool:
        """Is it the plain word `true` (or `false`)? Quoted, it would be text."""
        return self.node.tag == "tag:yaml.org,2002:bool" and self.scalar("it") == word

    def integer(self, what: str, low: int, high: int) -> int:
        value = self.scalar(what)
        if self.node.tag != "tag:yaml.org,2002:int" or not value.isascii() or not value.isdigit() or len(value) > 9:
            raise self.error(f"{what} must be a whole number, not {value!r}")
        if not low <= int(value) <= high:
            raise self.error(f"{what} must be from {low} to {high}, not {value}")
        return int(value)


def _plain(error: yaml.MarkedYAMLError) -> str:
    """What is wrong with the YAML, and for the two commonest mistakes, what to look at."""
    said = str(error.problem or error.context)
    if "\\t" in said:
        return f"{said}; indent with spaces, not with tabs"
    if "<block end>" in said or "mapping values" in said:
        return f"{said}; is this line indented as those that it belongs to?"
    return said


def read_document(text: str, path: str) -> Element:
    """The root of the YAML `text`. Raises LabError with file and line where it is not YAML."""
    if len(text) > SIZE_LIMIT:
        raise LabError(f"{path}: larger than {SIZE_LIMIT >> 10} KiB; is this a topology file?")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)  # libyaml's loader is faster, and crashes on deep nesting
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise LabError(f"{path}:{line}: not valid YAML: {_plain(error)}") from None
    except yaml.YAMLError as error:
        raise LabError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise LabError(f"{path}: nested too deeply to be a topology file") from None
    if node is None:
        raise LabError(f"{path}:1: the file is empty; it needs `name:` and `topology:`")
    return Element(path, node)


def suggest(name: str, known: Iterable[str]) -> str:
    """What to write instead of the unknown `name`."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(names)}"


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    kinds = {"int": "a number", "float": "a number", "bool": "true/false", "null": "nothing", "timestamp": "a date"}
    return kinds.get(node.tag.rpartition(":")[2], "text")
