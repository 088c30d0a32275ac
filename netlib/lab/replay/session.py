"""The `replay` engine: a session that answers from a recording.

Nothing runs. A command that was recorded prints what it printed then, and ends as it ended then, at once; a capture
holds the frames of then. The same command a second time gives what its second run gave, and after the last run, the
first again. A capture is the one that saw these commands. What was not recorded, or needs a live lab, is NotLive.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import shlex
import socket
import stat
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from netlib.lab.agent.channel import Message
from netlib.lab.agent.recorder import STATISTICS
from netlib.lab.errors import EngineMissing, NotLive
from netlib.lab.process import STATUS_LIMIT
from netlib.lab.replay.recording import (
    FILE_NAME,
    RecordedCapture,
    RecordedCommand,
    Recording,
    digest,
    read_recording,
)
from netlib.lab.replay.streams import Flow, Pump
from netlib.lab.session import check_owner
from netlib.lab.topology import Topology

WORDS_LIMIT = 120  # characters of a command in a message
PCAP_HEADER = 24  # bytes: a capture that has just begun
_NEEDS = {
    "socket": "a socket in a node",
    "packet_socket": "an attached host, or a socket for frames",
    "exec": "a terminal",
}


def start(topology: Topology) -> ReplaySession:
    """Begin to play the lab's recording. EngineMissing where there is none, LabError for one that cannot be read."""
    path = topology.folder / FILE_NAME
    if not path.is_file():
        raise EngineMissing(
            f"lab {topology.name} was not recorded: there is no {FILE_NAME} beside {topology.path}; "
            f"where labs run, do: netlib lab record {topology.name}"
        )
    recording = read_recording(path)
    if recording.about.lab != topology.name:
        raise EngineMissing(f"{path} is a recording of lab {recording.about.lab}, not of {topology.name}")
    return ReplaySession(topology, recording, digest(topology) != recording.about.topology)


class ReplaySession:
    """A recording that plays. `changed` says that the topology is no longer the one that was recorded."""

    engine, live = "replay", False

    def __init__(self, topology: Topology, recording: Recording, changed: bool = False):
        about = recording.about
        self.recording, self.owner = recording, os.getpid()
        self.missing: Mapping[str, list[str]] = {}
        since = "; its topology has changed since" if changed else ""
        self.badge = f"RECORDED on {about.day}, {about.engine}, {about.kernel}: nothing runs here{since}"
        self._lab = topology.name
        self._closed = False
        self._lock = threading.Lock()
        self._turns: Counter[Any] = Counter()  # how often each was asked for
        self._played: list[RecordedCommand] = []
        self._running: dict[tuple[str, int], list[_Running]] = {}  # by node and process id, oldest first

    @property
    def running(self) -> bool:
        return not self._closed and os.getpid() == self.owner

    def close(self) -> None:
        """Let go of the commands that would still run. A second time, and in a fork, does nothing."""
        if self._closed or os.getpid() != self.owner:
            return
        self._closed = True
        with self._lock:
            for each in [running for several in self._running.values() for running in several]:
                each.end(b"", hasty=True)

    def request(self, node: str, op: str, fds: Sequence[int] = (), **arguments: Any) -> tuple[Message, list[int]]:
        check_owner(self, self._lab)
        if op == "exec" and not arguments.get("tty"):
            return {"pid": self._exec(node, fds, tuple(arguments["argv"]), arguments["env"])}, []
        if op == "kill":
            self._kill(node, arguments["pid"], arguments["signal"])
            return {}, []
        if op == "capture":
            self._capture(node, arguments["interface"], fds)
            return {"pid": 0}, []
        return self._ask(node, op, arguments), []

    def _turn(self, key: Any, count: int) -> int:
        """Which of `count` recorded ones comes now."""
        with self._lock:
            self._turns[key] += 1
            return (self._turns[key] - 1) % count

    def _not_recorded(self, node: str, what: str, like: Sequence[str] = ()) -> NotLive:
        close = difflib.get_close_matches(what, like, 1, 0.7)
        hint = f" (but `{_short(close[0])}` was)" if close else ""
        date = self.recording.about.date
        return NotLive(
            f"{node}: `{_short(what)}` was not recorded on {date}{hint}; live labs run it: netlib lab doctor"
        )

    def _exec(self, node: str, fds: Sequence[int], argv: tuple[str, ...], env: Mapping[str, str]) -> int:
        mine = [each for each in self.recording.commands if each.node == node]
        runs = [each for each in mine if each.argv == argv and each.env == env]
        with_input = stat.S_ISFIFO(os.fstat(fds[0]).st_mode)
        fitting = [each for each in runs if (each.stdin is not None) == with_input]
        if not fitting:
            words = shlex.join(argv)
            if runs:
                words += " without input" if runs[0].stdin is not None else " with input"
            raise self._not_recorded(node, words, [shlex.join(each.argv) for each in mine if each.argv != argv])
        if with_input:
            running = self._hold(fitting[0], fds)
            arguments = (running, [os.dup(fd) for fd in fds[:3]], fitting)
            threading.Thread(target=self._listen, args=arguments, name=f"replay of {argv[0]}", daemon=True).start()
            return fitting[0].pid
        command = self._next(fitting)
        if command.errno is not None:
            raise OSError(command.errno, os.strerror(command.errno))
        running = self._hold(command, fds)
        if not command.killed and command.status is not None:
            running.end(b"%d" % command.status, fds, command)
        else:
            running.play(fds, command)
        return command.pid

    def _next(self, runs: list[RecordedCommand]) -> RecordedCommand:
        """Whose turn it is among the runs of one command."""
        first = runs[0]
        chosen = runs[self._turn((first.node, first.argv, tuple(sorted(first.env.items())), first.stdin), len(runs))]
        self._played.append(chosen)
        return chosen

    def _hold(self, command: RecordedCommand, fds: Sequence[int]) -> _Running:
        running = _Running(os.dup(fds[3]))
        with self._lock:
            self._running.setdefault((command.node, command.pid), []).append(running)
        return running

    def _listen(self, running: _Running, fds: list[int], runs: list[RecordedCommand]) -> None:
        """Play the run that had this input: at once if all had the same, else when it is clear which that is."""
        chosen: RecordedCommand | None = None
        data, ended = b"", False
        try:
            while True:
                fitting = [each for each in ([chosen] if chosen else runs) if _takes(each, data, ended)]
                if not fitting:
                    words = f"{shlex.join(runs[0].argv)} with this input"
                    running.end(b"!" + str(self._not_recorded(runs[0].node, words)).encode()[:STATUS_LIMIT], hasty=True)
                    return
                if chosen is None and len({each.stdin for each in fitting}) == 1:
                    chosen = self._next(fitting)
                    running.play(fds, chosen)
                whole = ended if chosen is None or chosen.stdin_whole else len(data) >= len(chosen.stdin or b"")
                if chosen is not None and (ended or whole):
                    if not chosen.killed and chosen.status is not None:
                        running.end(b"%d" % chosen.status)
                    return
                received = os.read(fds[0], 1 << 16)
                data += received
                ended = not received
        finally:
            for fd in fds:
                os.close(fd)

    def _kill(self, node: str, pid: int, signal: int) -> None:
        """The oldest that still runs under this id ends: as it did when it was killed then, or by this signal."""
        with self._lock:
            for running in self._running.get((node, pid), []):
                if not running.ended:
                    running.kill(signal)
                    return

    def _capture(self, node: str, interface: str, fds: Sequence[int]) -> None:
        runs = [each for each in self.recording.captures if (each.node, each.interface) == (node, interface)]
        if not runs:
            known = ", ".join(sorted({f"{each.node}:{each.interface}" for each in self.recording.captures}))
            hint = f" ({known} was)" if known else ""
            raise NotLive(
                f"{node}:{interface} was not captured on {self.recording.about.date}{hint}; "
                "live labs capture it: netlib lab doctor"
            )
        turn, begun = self._turn((node, interface), len(runs)), len(self._played)
        runs = runs[turn:] + runs[:turn]

        def choose() -> RecordedCapture:
            """Whichever saw most of what was played since it began; of several, the one whose turn it is."""
            played = {id(each) for each in self._played[begun:]}
            commands = self.recording.commands
            return max(runs, key=lambda run: sum(id(each) in played for each in commands[run.first : run.last]))

        os.pwrite(fds[0], runs[0].pcap[:PCAP_HEADER], 0)
        arguments = (choose, os.dup(fds[0]), socket.socket(fileno=os.dup(fds[1])))
        name = f"replay of {node}:{interface}"
        threading.Thread(target=_show_capture, args=arguments, name=name, daemon=True).start()

    def _ask(self, node: str, op: str, arguments: Mapping[str, Any]) -> Message:
        if op in _NEEDS:
            raise NotLive(
                f"{node}: {_NEEDS[op]} needs a live lab, and this was recorded on "
                f"{self.recording.about.date}; netlib lab doctor says what is missing here"
            )
        plain = json.dumps(arguments, sort_keys=True)
        runs = [
            each
            for each in self.recording.asked
            if (each.node, each.op, json.dumps(each.arguments, sort_keys=True)) == (node, op, plain)
        ]
        if not runs:
            raise self._not_recorded(node, f"{op} {plain}")
        return dict(runs[self._turn((node, op, plain), len(runs))].answer)


class _Running:
    """A command that plays. Its status, when there is one, goes through a pipe to the pump that writes its outputs."""

    def __init__(self, status: int):
        self.ended = False
        self._status = status
        self._command: RecordedCommand | None = None
        self._pump: Pump | None = None
        self._control = -1
        self._lock = threading.RLock()

    def play(self, fds: Sequence[int], command: RecordedCommand) -> None:
        """Write what it wrote. What does not go into the pipes at once is written by a thread."""
        if self._begin(fds, command):
            self._write(command)

    def end(
        self, word: bytes, fds: Sequence[int] = (), command: RecordedCommand | None = None, hasty: bool = False
    ) -> None:
        """It ends with this word on its status pipe; after having played `command`, if it does not play already.

        `hasty` drops what of its output nobody has read yet.
        """
        begun = command is not None and self._begin(fds, command)
        with self._lock:
            if self.ended:
                return
            self.ended = True
            if self._pump is not None:
                self._pump.hasty = hasty
            target = self._status if self._pump is None else self._control
            with contextlib.suppress(OSError):
                os.write(target, word)
            os.close(target)
        if begun and command is not None:
            self._write(command)

    def kill(self, signal: int) -> None:
        command = self._command
        status = command.status if command is not None and command.killed else -signal
        self.end(b"" if status is None else b"%d" % status, hasty=True)

    def _begin(self, fds: Sequence[int], command: RecordedCommand) -> bool:
        with self._lock:
            if self.ended:
                return False
            control, self._control = os.pipe()
            outputs = [Flow(None, os.dup(fds[1]), command.stdout), Flow(None, os.dup(fds[2]), command.stderr)]
            self._command = command
            self._pump = Pump(outputs, status=control, tell=self._tell)
            return True

    def _write(self, command: RecordedCommand) -> None:
        assert self._pump is not None
        while self._pump.step(0):
            pass
        if not self._pump.finished:
            name = f"replay of {command.argv[0]}"
            threading.Thread(target=self._pump.run, name=name, daemon=True).start()

    def _tell(self, word: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._status, word)
        os.close(self._status)


def _takes(run: RecordedCommand, data: bytes, ended: bool) -> bool:
    """Can `data`, of which this is all if it has `ended`, be the input of that run?"""
    recorded = run.stdin or b""
    if not run.stdin_whole:
        return data.startswith(recorded) or recorded.startswith(data)
    return data == recorded if ended else recorded.startswith(data)


def _show_capture(choose: Callable[[], RecordedCapture], file: int, orders: socket.socket) -> None:
    """Answer the notebook's looks with what the capture had at each; at its end, with all. The first look decides which
    capture it is, since then it is known what was done while it ran."""
    with orders, contextlib.suppress(OSError):
        order = orders.recv(1)
        capture = choose()
        looks = capture.looks or ((len(capture.pcap), 0, 0),)
        waiting = list(looks[:-1])  # the last was when it ended
        written = 0

        def show(size: int) -> None:
            nonlocal written
            while written < size:
                written += os.pwrite(file, capture.pcap[written:size], written)

        while order:
            size, frames, lost = waiting.pop(0) if waiting else looks[-1]
            show(size)
            orders.send(STATISTICS.pack(frames, lost))
            order = orders.recv(1)
        show(len(capture.pcap))
        orders.send(STATISTICS.pack(*looks[-1][1:]))
    os.close(file)


def _short(words: str) -> str:
    return words if len(words) <= WORDS_LIMIT else words[: WORDS_LIMIT - 3] + "..."
