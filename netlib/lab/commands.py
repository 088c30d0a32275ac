"""`netlib lab`: labs from a terminal.

    netlib lab list                              all labs, and which of them run
    netlib lab up 06-icmp                        start one; it stays up until `netlib lab down`
    netlib lab sh h1                             a shell in a node
    netlib lab exec h1 ping -c 1 10.0.4.2        a command in a node; its exit status is the command's
    netlib lab capture r1:eth1                   packets, as they pass
    netlib lab set wan delay=25ms loss=1%        change what a wan does to packets
    netlib lab graph 06-icmp                     a drawing
    netlib lab tour 06-icmp                      try what the lab shows
    netlib lab record 06-icmp                    keep what the tour does, for where no lab can run
    netlib lab down                              end it
    netlib lab doctor                            what labs can do on this machine

A lab that `up` has started has a keeper (keeper.py); the other commands join it, as a notebook does with
Lab.join("06-icmp").
"""

from __future__ import annotations

import shutil
import sys
import textwrap
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netlib.lab.errors import LabError, NotLive, printable

if TYPE_CHECKING:
    from netlib.lab.kept import Kept
    from netlib.lab.lab import Lab
    from netlib.lab.shelf import OnShelf

LOOK = 100  # milliseconds between two looks at a capture
FEW = 8  # names in a row of the list

Which = Annotated[str | None, typer.Option("--lab", help="which of the running labs; left out where only one runs")]
Engine = Annotated[str | None, typer.Option(help="netns, docker, containerlab or replay; left out: what works here")]
Name = Annotated[str | None, typer.Argument(help="a lab's name or number: 06-icmp, 6; or a path")]
NodeName = Annotated[str | None, typer.Argument(metavar="NODE", help="such as h1")]
REST: dict[str, Any] = {
    "allow_interspersed_args": False,
    "ignore_unknown_options": True,
}  # options after it are not ours

app = typer.Typer(
    help="Start labs, look into them, end them. netlib lab list shows which there are.", no_args_is_help=True
)


def add_to(whole: typer.Typer) -> None:
    """Make these commands part of `whole`, and let `netlib lab doctor` be its `netlib doctor`."""

    @app.command()
    def doctor() -> None:
        """Say what labs can do on this machine, what they can't, and the fix: as netlib doctor."""
        [*_, last] = (each.callback for each in whole.registered_commands if each.callback and _name(each) == "doctor")
        last()

    whole.add_typer(app, name="lab")


def _name(command: Any) -> str:
    return str(command.name or command.callback.__name__)


@app.command(name="list")
def list_() -> None:
    """Show all labs: what they show, which run and since when, and when they were recorded."""
    from netlib.lab import shelf

    there, up = shelf.all_labs(), _running()
    by_path = {each.path: [k for k in up if Path(k.path) == each.path.resolve()] for each in there}
    rows: list[tuple[str, ...]] = [("LAB", "", "NOW", "", "SHOWS")]
    for each in there:
        rows += _rows(each, by_path[each.path])
    for other in up:
        if not any(other in found for found in by_path.values()):
            rows.append((other.name, "", other.state, "", other.path))
    if not there and not up:
        raise LabError("there is no folder labs/ here or above; start in the course's folder")
    _table(rows)


def _rows(lab: OnShelf, up: list[Kept]) -> Iterator[tuple[str, ...]]:
    nodes = "" if lab.trouble else f"{len(lab.nodes)} nodes"
    shows = lab.trouble or lab.shows
    recorded = f"recorded {lab.recorded}" if lab.recorded else "not recorded"
    if not up:
        yield lab.name, nodes, "-", recorded, shows
    for each in up:
        name = lab.name if each.name == lab.name else f"{lab.name} as {each.name}"
        yield name, nodes, each.state, recorded, shows


def _table(rows: list[tuple[str, ...]]) -> None:
    """Columns as wide as they need be. On a terminal, what a lab shows stands below its line."""
    rows = [tuple(map(printable, row)) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for row in rows[1 if width else 0 :]:
        *cells, shows = row
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        print(line.rstrip() if width else f"{line}  {shows}")
        if width:
            print(textwrap.fill(shows, width, initial_indent="    ", subsequent_indent="    "))


@app.command()
def up(
    name: Name = None,
    engine: Engine = None,
    alias: Annotated[
        str | None, typer.Option("--as", metavar="NAME2", help="call it so: a lab may run several times")
    ] = None,
) -> None:
    """Start a lab. It stays up until netlib lab down."""
    from netlib.lab import keeper
    from netlib.lab.lab import Lab

    progress = Progress("netlib: starting the lab")
    try:
        kept = keeper.start(_wanted(name, "up"), engine, alias, progress)
    finally:
        progress.end()
    lab = Lab.join(kept.name)
    print(f"{kept.name} is up ({kept.badge}): {' '.join(lab.nodes)}")
    for node, missing in lab.missing.items():
        print(f"  {node} is without {', '.join(missing)}; netlib lab doctor says why")


def _wanted(name: str | None, command: str) -> str:
    if name is None:
        raise LabError(f"say which lab, as in netlib lab {command} 06-icmp; netlib lab list shows them")
    return name


class Progress:
    """One line on a terminal that counts seconds, once it takes more than one."""

    def __init__(self, what: str):
        self.what, self.shown = what, False

    def __call__(self, seconds: float) -> None:
        if sys.stderr.isatty():
            print(f"\r{self.what}: {seconds:.0f} s", end="", file=sys.stderr, flush=True)
            self.shown = True

    def end(self) -> None:
        if self.shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


@app.command()
def down(
    name: Name = None, every: Annotated[bool, typer.Option("--all", help="all labs of yours that run")] = False
) -> None:
    """End a lab and all that runs in it."""
    from netlib.lab import kept

    there = kept.running()
    if every and name is not None:
        raise LabError("down takes a lab's name or --all, not both")
    if not there and name is None:
        print("no lab runs")
        return
    for each in there if every else [kept.find(name)]:
        kept.end(each.name)
        print(f"{each.name} is down")


@app.command(context_settings=REST)
def sh(node: NodeName = None, which: Which = None) -> None:
    """Open a shell in a node; exit or Ctrl-D leaves it."""
    from netlib.lab import terminal
    from netlib.lab.process import CommandMissing

    lab, label = _join(which)
    there = _node(lab, node, "sh")
    if not lab.live:
        raise NotLive(f"a shell needs a live lab, and {label} is a recording; try netlib lab exec with what it shows")
    if not terminal.at_terminal():
        raise LabError(f"sh needs a terminal; for commands from a file: netlib lab exec {there.name} sh < FILE")
    try:
        status = terminal.interact(
            there, ["bash", "--norc", "--noprofile"], {"PS1": rf"[{label}] {there.name}:\w\$ ", "HISTFILE": ""}
        )
    except CommandMissing:
        status = terminal.interact(there, ["sh"], {"PS1": f"[{label}] {there.name}# "})
    sys.exit(status)


@app.command(name="exec", context_settings=REST)
def exec_(
    node: NodeName = None,
    words: Annotated[list[str] | None, typer.Argument(metavar="CMD...", help="with its options")] = None,
    which: Which = None,
) -> None:
    """Run a command in a node. What it reads and writes is yours, and so is its exit status."""
    from netlib.lab import terminal
    from netlib.lab.process import CommandMissing, split

    lab, label = _join(which)
    there = _node(lab, node, "exec")
    words = words or []
    words = words[1:] if words[:1] == ["--"] else words
    if not words:
        raise LabError(f"say which command, as in netlib lab exec {there.name} ip route")
    if words[0].startswith("-"):
        raise LabError(
            f"{words[0]}: options of netlib stand before the node: netlib lab exec {words[0]} ... {node} CMD"
        )
    argv = split(words[0] if len(words) == 1 else words)
    _tell_recorded(lab)
    try:
        if lab.live and terminal.at_terminal():
            status = terminal.interact(there, argv)
        else:
            status = terminal.run_through(there, argv)
    except CommandMissing as missing:
        print(f"netlib: {missing}", file=sys.stderr)
        status = 127
    if not lab.running:
        raise LabError(f"lab {label} has ended meanwhile")
    sys.exit(status)


@app.command()
def capture(
    where: Annotated[str | None, typer.Argument(metavar="NODE:IF", help="such as r1:eth1")] = None,
    write: Annotated[
        str | None, typer.Option("-w", "--write", metavar="FILE", help="a pcap file in place of text; - for stdout")
    ] = None,
    count: Annotated[int, typer.Option("-c", "--count", min=0, help="end after so many packets; 0: with Ctrl-C")] = 0,
    which: Which = None,
) -> None:
    """Show the packets that pass an interface, as they pass, until Ctrl-C.

    For Wireshark: netlib lab capture r1:eth1 -w - | wireshark -k -i -
    """
    from netlib.lab.follow import Ended, Output, Tail

    lab, label = _join(which)
    if where is None:
        raise LabError(f"say where, as in netlib lab capture {lab.nodes[0]}:{lab[lab.nodes[0]].interfaces[0]}")
    if write == "-" and sys.stdout.isatty():
        raise LabError("a pcap file is nothing for a terminal; write it to a file, or add | wireshark -k -i -")
    warnings.simplefilter("ignore")  # what is lost is said at the end
    ended = Ended()
    out = Output(write)
    taken = lab.capture(where)
    tail = Tail(taken)
    _tell_recorded(lab)
    print(f"netlib: capturing {where} of {label}; Ctrl-C ends it", file=sys.stderr, flush=True)
    while not ended and not out.full(count) and not out.closed(LOOK):
        taken._flush()
        out.take(tail, count)
        if not lab.running:
            break
    gone = not lab.running
    taken.stop()
    out.take(tail, count)
    out.end()
    print(f"netlib: {_count(out.packets)}" + (f" in {write}" if write and write != "-" else ""), file=sys.stderr)
    if taken.trouble:
        raise LabError(taken.trouble)
    if gone:
        raise LabError(f"lab {label} has ended")


def _count(packets: int) -> str:
    return "1 packet" if packets == 1 else f"{packets} packets"


@app.command(name="set")
def set_(
    node: NodeName = None,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="delay=25ms loss=1% eth1:drop=20,23")
    ] = None,
    which: Which = None,
) -> None:
    """Change what a wan does to packets; without KEY=VALUE, show what it does, and has done."""
    lab, _ = _join(which)
    there = _node(lab, node, "set")
    print(there.set(*words) if words else there.wan)


@app.command()
def graph(
    name: Name = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE.svg", help="an SVG file")] = None,
) -> None:
    """Draw a lab: as text here, or into an SVG file."""
    from netlib.lab import kept, shelf
    from netlib.lab.lab import Lab, find_topology

    path = find_topology(name) if name is not None else Path(kept.find().path)
    runs = [each.name for each in _running() if Path(each.path) == path.resolve()]
    lab = Lab.join(runs[0]) if runs else Lab(path)
    drawing = lab.drawing()
    if out is None:
        print("\n".join([*shelf.first_comments(path), "", str(drawing)]))
        return
    try:
        out.write_text(drawing.svg(), encoding="utf-8")
    except OSError as error:
        raise LabError(f"{out} cannot be written: {error.strerror}") from None
    print(f"{out}: the drawing of {lab.name}")


def _running() -> list[Kept]:
    """The labs that have a keeper; none where keepers cannot be."""
    from netlib.lab import kept

    return kept.running() if sys.platform.startswith("linux") else []


@app.command()
def tour(name: Name = None, engine: Engine = None) -> None:
    """Try what a lab shows, claim by claim, in a lab of its own. The exit status is 1 when one does not hold."""
    from netlib.lab.lab import Lab
    from netlib.lab.tour import load_tour, run_tour

    wanted = _wanted(name, "tour")
    claims = load_tour(wanted)
    outcomes = []
    with Lab(wanted, engine=engine) as lab:
        print(f"{lab.name} ({lab.badge})\n", flush=True)
        for outcome in run_tour(lab, claims):
            print(_wrapped(str(outcome)), flush=True)
            outcomes.append(outcome.holds)
    failed, skipped = outcomes.count(False), outcomes.count(None)
    said = f"{len(outcomes) - failed - skipped} of {len(outcomes)} hold" + (f", {skipped} skipped" if skipped else "")
    print(f"\n{said}")
    if failed:
        raise LabError(f"{lab.name}: {failed} of {len(outcomes)} claims do not hold here")


@app.command()
def record(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="labs; all when left out")] = None,
    engine: Engine = None,
) -> None:
    """Record what a lab's tour does, for where no lab can run. For authors; the file stands beside the topology."""
    from netlib.lab.lab import find_topology
    from netlib.lab.replay.record import record_all

    for name in names or ():
        find_topology(name)  # a name with a mistake is told before anything is recorded
    failed = record_all(names or (), engine, say=lambda line: print(line, flush=True))
    if failed:
        raise LabError(f"not recorded: {', '.join(failed)}; the lines above say why")


def _wrapped(text: str) -> str:
    """`text` for a terminal: lines that are too long for it go on below, under their words. A file has them whole."""
    if not sys.stdout.isatty():
        return text
    width, indent = shutil.get_terminal_size().columns, " " * 5
    return "\n".join(
        textwrap.fill(line, width, subsequent_indent=indent, break_on_hyphens=False) if len(line) > width else line
        for line in text.splitlines()
    )


def _join(which: str | None) -> tuple[Lab, str]:
    """The running lab that is meant, and the name that it was started under."""
    from netlib.lab import kept
    from netlib.lab.lab import Lab

    try:
        found = kept.find(which)
    except LabError as error:
        raise LabError(str(error).replace("say which one", "say which one with --lab NAME")) from None
    return Lab(found.name, join=True), found.name


def _tell_recorded(lab: Lab) -> None:
    """What follows did not happen now; said where the output itself cannot say it."""
    if lab.mark:
        print(f"netlib: {lab.badge}", file=sys.stderr)


def _node(lab: Lab, name: str | None, command: str) -> Any:
    if name is None:
        raise LabError(f"say which node, as in netlib lab {command} {lab.nodes[0]}; there are {_few(lab.nodes)}")
    return lab[name]


def _few(names: Iterable[str]) -> str:
    first = list(names)
    return ", ".join(first[:FEW]) + (", ..." if len(first) > FEW else "")
