"""Reading packet scripts: what a line may say, and errors that name line and column.  Running them: run.py.

    read(text)      the settings and the events of a script
    Segment         what a line says of a segment; the same for one that netlib has sent, so that both can be compared

The segments are written as packetdrill and tcpdump write them: flags, first number, the one after the last, length.
"""

import ast
import re
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from netlib.wire import icmp, icmpv6

FLAGS = {"S": "syn", "F": "fin", "R": "rst", "P": "psh", "U": "urg", "E": "ece", "W": "cwr", ".": "ack"}
# ICMP's errors and ICMPv6's, by their names: type and code
ERRORS = {name: numbers for numbers, name in icmp.NAMES.items() if numbers[0] in (3, 4, 11, 12)}
ERRORS6 = {name: numbers for numbers, name in icmpv6.NAMES.items()} | {"packet too big": (icmpv6.PACKET_TOO_BIG, 0)}
ANY = "..."  # options that may be any
USUAL = {"ttl": 64, "dscp": 0, "ecn": "none"}  # around a segment, and not worth a word

# what a call or an assertion may be made of
ALLOWED = (
    ast.Expression, ast.Module, ast.Expr, ast.Assign, ast.Name, ast.Load, ast.Store, ast.Attribute, ast.Constant,
    ast.Call, ast.keyword, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Subscript, ast.Tuple, ast.List,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip


class ScriptError(AssertionError):
    """A script that can't be read, or that something else happened than it says."""


@dataclass(slots=True)
class Segment:
    """A segment as a script sees it; numbers count from the first of their sender, which is 0.  None: not said."""

    flags: str = ""
    first: int = 0
    length: int = 0
    ack: int | None = None
    window: int | None = None
    urgent: int | None = None
    options: list[str] = field(default_factory=list)  # each as it is written, "..." for any
    around: dict[str, Any] = field(default_factory=dict)  # of its packet: from, to, ttl, dscp, ecn, ...
    ends: tuple[Any, int, Any, int] | None = None  # address and port that it comes from, and that it goes to

    def __str__(self) -> str:
        unusual = {key: value for key, value in self.around.items() if value != USUAL.get(key)}
        around = ", ".join(key if value is True else f"{key} {value}" for key, value in unusual.items())
        text = f"[{around}] " if around else ""
        text += f"{self.flags or '-'} {self.first}:{self.first + self.length}({self.length})"
        for name, value in (("ack", self.ack), ("win", self.window), ("urg", self.urgent)):
            text += f" {name} {value}" if value is not None else ""
        return text + (f" <{','.join(self.options)}>" if self.options else "")

    def differences(self, other: "Segment") -> list[str]:
        """What another does not have as this one says."""
        found = []
        if set(self.flags) != set(other.flags):
            found.append(f"flags {other.flags}, not {self.flags}")
        if (self.first, self.length) != (other.first, other.length):
            theirs, ours = (f"{s.first}:{s.first + s.length}({s.length})" for s in (other, self))
            found.append(f"bytes {theirs}, not {ours}")
        for name in ("ack", "window", "urgent"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs and (mine is not None or name == "urgent"):
                found.append(f"{name} {theirs}, not {mine}")
        padding = ("nop", "eol") if not {"nop", "eol"} & set(self.options) else ()
        got = [option for option in other.options if option not in padding]
        if self.options != [ANY] and self.options != got:
            found.append(f"options <{','.join(got)}>, not <{','.join(self.options)}>")
        for key, mine in self.around.items():
            if key in other.around and other.around[key] != mine:
                found.append(f"{key} {other.around[key]}, not {mine}")
        if self.ends != other.ends and self.ends and other.ends:
            theirs, ours = (f"{s[0]}:{s[1]} to {s[2]}:{s[3]}" for s in (other.ends, self.ends))
            found.append(f"from {theirs}, not from {ours}")
        return found


@dataclass(slots=True)
class Event:
    """One line of a script."""

    line: int
    text: str
    earliest: float  # seconds
    latest: float  # inf for "*"
    relative: bool  # ... after the event before it; else since the start
    kind: str  # "<", ">", "icmp", "call"
    segment: Segment | None = None  # in or out; of an ICMP error the one that it quotes
    icmp: str = ""  # the error's name
    mtu: int = 0
    target: str = ""  # what an assignment assigns to
    code: CodeType | None = None  # of what is called or must be true
    sides: tuple[CodeType, CodeType] | None = None  # of a comparison, to show what it compares
    raises: str = ""  # the errno name that a call must raise


class Line:
    """What is left to read of one line."""

    def __init__(self, name: str, number: int, text: str) -> None:
        self.name, self.number, self.text, self.at = name, number, text, 0

    def wrong(self, expected: str) -> ScriptError:
        there = self.text[self.at :].strip()
        got = f"{there[:20]!r}" if there else "the end of the line"
        return ScriptError(f"{self.name}, line {self.number}, column {self.at + 1}: expected {expected}, not {got}")

    def take(self, pattern: str) -> re.Match[str] | None:
        """The pattern, if it is what comes next, and the blanks behind it."""
        found = re.compile(pattern).match(self.text, self.at)
        if found:
            self.at = found.end()
            while self.text[self.at : self.at + 1].isspace():
                self.at += 1
        return found

    def need(self, pattern: str, what: str) -> re.Match[str]:
        found = self.take(pattern)
        if not found:
            raise self.wrong(what)
        return found

    def end(self) -> None:
        if self.at < len(self.text):
            raise self.wrong("nothing more")


def read(text: str, name: str) -> tuple[dict[str, int], list[Event]]:
    """The settings and the events of a script; `name` is for the errors."""
    settings: dict[str, int] = {}
    events: list[Event] = []
    for number, whole in enumerate(text.splitlines(), 1):
        line = Line(name, number, re.sub(r"(^|\s)#.*", "", whole).rstrip())
        line.take(r"\s*")
        if line.at == len(line.text):
            continue
        if not events and (setting := line.take(r"(mtu|ipv6)\b\s*(\d*)")):
            settings[setting[1]] = int(setting[2] or 1)
            line.end()
        elif not events and line.take(r"connected\b"):
            events = [read_event(Line(name, number, opening)) for opening in connected(line)]
        else:
            events.append(read_event(line))
    return settings, events


def connected(line: Line) -> list[str]:
    """The lines that stand for "connected": a peer connects, and is accepted as `c`; round trips take 0.1 s."""
    said = read_tail(line, Segment())
    window = 65535 if said.window is None else said.window
    options = []
    if line.take(r"with\b"):
        while option := line.take(r"(\w+) ([\w.\"]+),?"):
            options.append(f"+0 s.set_option({option[1]!r}, {option[2]})")
    line.end()
    return ["0 s = socket()", "+0 s.bind(80)", *options, "+0 s.listen(1)",
            f"+0 < S 0:0(0) win {window} <{','.join(said.options or ['mss 1460'])}>", "+0 > S. 0:0(0) ack 1 <...>",
            f"+.1 < . 1:1(0) ack 1 win {window}", "+0 c = s.accept()"]  # fmt: skip


NUMBER = r"\d+\.?\d*|\.\d+"


def read_event(line: Line) -> Event:
    when = line.need(rf"(\*)|(\+?)({NUMBER})(?:~\+?({NUMBER}))?", "a time, as +.1 or 2.5 or +.1~+.3 or *")
    relative = bool(when[1] or when[2])
    earliest = float(when[3] or 0)
    latest = float("inf") if when[1] else float(when[4] or earliest)
    event = Event(line.number, line.text.strip(), earliest, latest, relative, "call")
    if side := line.take("[<>]"):
        event.kind = side[0]
        if event.kind == "<" and line.take(r"icmp\b"):
            read_icmp(line, event)
        else:
            event.segment = read_segment(line)
        line.end()
    else:
        read_call(line, event)
    return event


def read_icmp(line: Line, event: Event) -> None:
    event.kind = "icmp"
    names = list(ERRORS | ERRORS6)
    pattern = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    event.icmp = line.need(pattern, f"an ICMP error: {', '.join(names)}")[0]
    if mtu := line.take(r"mtu (\d+)"):
        event.mtu = int(mtu[1])
    line.need(r"of\b", "'of' and the segment that the error quotes")
    event.segment = read_segment(line)


def read_segment(line: Line) -> Segment:
    segment = Segment()
    if line.take(r"\["):
        while not line.take(r"\]"):
            key, value = read_around(line)
            segment.around[key] = value
            line.take(",")
    segment.flags = line.need(r"[SFRPUEW.]+(?=\s|$)|-(?=\s)", "flags, such as S, . or P.")[0].strip("-")
    numbers = line.need(r"(\d+):(\d+)\((\d+)\)", "numbers, such as 1:1001(1000)")
    segment.first, segment.length = int(numbers[1]), int(numbers[3])
    if int(numbers[2]) != segment.first + segment.length:
        line.at = numbers.start(2)
        raise line.wrong(f"{segment.first + segment.length}, since the length is {segment.length}")
    if "." in segment.flags:
        segment.ack = int(line.need(r"ack (\d+)", "ack and a number, since the flags have a '.'")[1])
    return read_tail(line, segment)


def read_tail(line: Line, segment: Segment) -> Segment:
    if window := line.take(r"win (\d+)"):
        segment.window = int(window[1])
    if "U" in segment.flags:
        segment.urgent = int(line.need(r"urg (\d+)", "urg and a number, since the flags have a U")[1])
    if line.take("<"):
        while not line.take(">"):
            segment.options.append(read_option(line))
            line.take(",")
    return segment


AROUND = {
    r"(from|to) (\[[0-9a-f:.]+\]|[\d.]+|[0-9a-f:]*::[0-9a-f:]*)?(:?\d+)?": "from 192.0.2.3:80 or from :80",
    r"(ttl|dscp) (\d+)": "ttl 9",
    r"(ip options) ([0-9a-f]+)": "ip options 01010100",
    r"(bad checksum)()": "bad checksum",
    r"(ecn) (none|ect0|ect1|ce)": "ecn ce",
}


def read_around(line: Line) -> tuple[str, Any]:
    for pattern in AROUND:
        if found := line.take(pattern):
            if found[1] in ("from", "to"):
                port = (found[3] or "").lstrip(":")
                return found[1], ((found[2] or "").strip("[]"), int(port or 0))
            return found[1], int(found[2]) if found[2].isdigit() and found[1] != "ip options" else found[2] or True
    raise line.wrong(f"one of: {'; '.join(AROUND.values())}")


OPTIONS = (r"\.\.\.|nop|eol|sackOK|mss \d+|wscale \d+|TS val \d+ ecr \d+|sack(?: \d+:\d+)+|"
           r"FO(?: [0-9a-f]+)?|raw [0-9a-f]+")  # fmt: skip


def read_option(line: Line) -> str:
    return line.need(OPTIONS, "an option: mss 1460; wscale 7; sackOK; TS val 1 ecr 2; sack 1:2; FO; nop; eol; "
                              "raw and hex; or ... for any")[0]  # fmt: skip


def read_call(line: Line, event: Event) -> None:
    """A call, an assignment, or something that must be true: Python, of the simple kind."""
    start, text = line.at, line.text[line.at :]
    if raised := re.search(r"\s+raises\s+([A-Z0-9]+)$", text):
        event.raises, text = raised[1], text[: raised.start()]
    try:
        (statement,) = ast.parse(text).body
    except (SyntaxError, ValueError) as error:
        line.at = start + max(0, (getattr(error, "offset", 1) or 1) - 1)
        raise line.wrong("< or > and a segment, or a call such as c.send(1000), or what must be true") from None
    for node in ast.walk(statement):
        bad = not isinstance(node, ALLOWED) or (isinstance(node, ast.Attribute) and node.attr.startswith("_")) \
            or (isinstance(node, ast.Name) and node.id.startswith("_"))  # fmt: skip
        if bad:
            line.at = start + getattr(node, "col_offset", 0)
            raise line.wrong("calls, comparisons and arithmetic alone")
    value = statement.value if isinstance(statement, ast.Assign | ast.Expr) else None
    assert value is not None
    if isinstance(statement, ast.Assign):
        if len(statement.targets) > 1 or not isinstance(statement.targets[0], ast.Name | ast.Attribute):
            line.at = start
            raise line.wrong("a name or an attribute before the '='")
        event.target = ast.unparse(statement.targets[0])
    elif not isinstance(value, ast.Call):
        event.target = "?"  # it has to be true
        if isinstance(value, ast.Compare) and len(value.ops) == 1:
            event.sides = compiled(value.left), compiled(value.comparators[0])
            left, right = (ast.Name(id, ast.Load()) for id in ("left", "right"))
            value = ast.Compare(left, value.ops, [right])
    event.code = compiled(value)


def compiled(value: ast.expr) -> CodeType:
    return compile(ast.fix_missing_locations(ast.Expression(value)), "<script>", "eval")
