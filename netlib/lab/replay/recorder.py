"""The recorder: a session that passes everything on to a live one, and keeps what commands and captures gave.

It stands between the notebook and the engine. A command gets pipes of the recorder's in place of the notebook's, and
every byte is passed on; a capture's orders go through it, so that it knows how far the file was at each look. What
needs sockets or frames of a live lab is passed on unseen: a recording cannot repeat it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from netlib.lab.agent.channel import Message
from netlib.lab.agent.recorder import STATISTICS
from netlib.lab.errors import LabError
from netlib.lab.replay.recording import RecordedAnswer, RecordedCapture, RecordedCommand
from netlib.lab.replay.streams import Flow, Pump
from netlib.lab.session import Session

ANSWERED = {"wan"}  # the requests whose answer is plain data, and the same again in a replay
CLOSE_TIMEOUT = 5.0  # seconds for the last bytes of a lab that has ended


class Recorder:
    """A `Session` around another. `commands`, `captures` and `asked` are complete when it is closed."""

    def __init__(self, session: Session):
        self._session = session
        self._paused = False
        self._commands: list[_Command] = []
        self._captures: list[_Capture] = []
        self._asked: list[RecordedAnswer] = []

    @property
    def engine(self) -> str:
        return self._session.engine

    @property
    def badge(self) -> str:
        return self._session.badge

    @property
    def live(self) -> bool:
        return self._session.live

    @property
    def owner(self) -> int:
        return self._session.owner

    @property
    def missing(self) -> Mapping[str, list[str]]:
        return self._session.missing

    @property
    def running(self) -> bool:
        return self._session.running

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """What is asked in this block is not recorded."""
        before, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = before

    def request(self, node: str, op: str, fds: Sequence[int] = (), **arguments: Any) -> tuple[Message, list[int]]:
        if op == "kill":
            for command in self._commands:
                command.note_kill(node, arguments["pid"])
        if self._paused:
            return self._session.request(node, op, fds, **arguments)
        if op == "exec" and not arguments.get("tty"):  # what is typed at a terminal is for nobody to repeat
            return self._exec(node, fds, arguments["argv"], arguments["env"]), []
        if op == "capture":
            return self._capture(node, fds, arguments), []
        answer, given = self._session.request(node, op, fds, **arguments)
        if op in ANSWERED and not given:
            plain = {name: value for name, value in answer.items() if name != "id"}
            asked = (json.loads(json.dumps(each)) for each in (arguments, plain))  # as they will be read again
            self._asked.append(RecordedAnswer(node, op, *asked))
        return answer, given

    def _exec(self, node: str, fds: Sequence[int], argv: Sequence[str], env: Mapping[str, str]) -> Message:
        command = _Command(node, argv, env)
        self._commands.append(command)
        try:
            return command.start(lambda theirs: self._session.request(node, "exec", theirs, argv=argv, env=env)[0], fds)
        except LabError:  # the lab's failure, not the command's
            self._commands.remove(command)
            raise

    def _capture(self, node: str, fds: Sequence[int], arguments: Mapping[str, Any]) -> Message:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                answer, _ = self._session.request(node, "capture", [fds[0], theirs.fileno(), *fds[2:]], **arguments)
            except BaseException:
                ours.close()
                raise
        count = self._commands.__len__
        self._captures.append(_Capture(node, arguments["interface"], os.dup(fds[0]), os.dup(fds[1]), ours, count))
        return answer

    def close(self) -> None:
        """End the lab, and wait for the last of what it gave."""
        self._session.close()
        deadline = time.monotonic() + CLOSE_TIMEOUT
        for thread in [each.thread for each in self._commands] + [each.thread for each in self._captures]:
            if thread is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    @property
    def commands(self) -> tuple[RecordedCommand, ...]:
        return tuple(each.recorded() for each in self._commands)

    @property
    def captures(self) -> tuple[RecordedCapture, ...]:
        return tuple(each.recorded() for each in self._captures)

    @property
    def asked(self) -> tuple[RecordedAnswer, ...]:
        return tuple(self._asked)


class _Command:
    """A command that is being recorded."""

    def __init__(self, node: str, argv: Sequence[str], env: Mapping[str, str]):
        self.node, self.argv, self.env = node, tuple(argv), dict(env)
        self.pid = 0
        self.errno: int | None = None
        self.status: int | None = None
        self.killed = self.ended = False
        self.seconds = 0.0
        self.thread: threading.Thread | None = None
        self._stdin: Flow | None = None
        self._outputs: list[Flow] = []

    def start(self, start: Callable[[list[int]], Message], fds: Sequence[int]) -> Message:
        """Start it by `start`, with pipes of ours in place of the notebook's descriptors `fds`."""
        began = time.monotonic()
        theirs: list[int] = []
        try:
            if stat.S_ISFIFO(os.fstat(fds[0]).st_mode):
                source, sink = os.pipe()
                self._stdin = Flow(os.dup(fds[0]), sink)
                theirs.append(source)
            else:
                theirs.append(os.dup(fds[0]))
            for number in (1, 2):
                if number == 2 and os.path.sameopenfile(fds[1], fds[2]):  # one file for both: their order matters
                    theirs.append(os.dup(theirs[1]))
                    continue
                source, sink = os.pipe()
                os.fchmod(sink, 0o666)  # as the notebook's own: /dev/stdout in the node opens it again
                self._outputs.append(Flow(source, os.dup(fds[number])))
                theirs.append(sink)
            status, sink = os.pipe()
            theirs.append(sink)
            try:
                answer = start(theirs)
            except BaseException as error:
                self.errno = error.errno if isinstance(error, OSError) else None
                os.close(status)
                for flow in (*self._outputs, *([self._stdin] if self._stdin else [])):
                    flow.close()
                raise
        finally:
            for fd in theirs:
                os.close(fd)
        self.pid = int(answer["pid"])
        report = os.dup(fds[3])

        def tell(text: bytes) -> None:
            self.seconds = time.monotonic() - began
            self.status = int(text) if text else None
            self.ended = True
            with contextlib.suppress(OSError):
                os.write(report, text)
            os.close(report)

        pump = Pump(self._outputs, [self._stdin] if self._stdin else [], status, tell)
        self.thread = threading.Thread(target=pump.run, name=f"recorder of {self.argv[0]}", daemon=True)
        self.thread.start()
        return answer

    def note_kill(self, node: str, pid: int) -> None:
        if (node, pid) == (self.node, self.pid) and not self.ended:
            self.killed = True

    def recorded(self) -> RecordedCommand:
        stdout, stderr = (*(bytes(flow.kept) for flow in self._outputs), b"", b"")[:2]
        return RecordedCommand(
            self.node,
            self.argv,
            self.env,
            stdin=bytes(self._stdin.kept) if self._stdin else None,
            stdin_whole=self._stdin.whole if self._stdin else True,
            stdout=stdout,
            stderr=stderr,
            status=self.status,
            killed=self.killed,
            pid=self.pid,
            errno=self.errno,
            seconds=round(self.seconds, 3),
        )


class _Capture:
    """A capture that is being recorded: the notebook's orders, and the answers to them, go through here."""

    def __init__(
        self, node: str, interface: str, file: int, notebook: int, agent: socket.socket, commands: Callable[[], int]
    ):
        self.node, self.interface, self._commands = node, interface, commands
        self._first = self._last = commands()
        self._file, self._notebook, self._agent = file, socket.socket(fileno=notebook), agent
        self._looks: list[tuple[int, int, int]] = []
        self._pcap: bytes | None = None
        self.thread = threading.Thread(target=self._run, name=f"recorder of {node}:{interface}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        """Until the lab ends, which closes the agent's end; or the notebook has stopped the capture and was told."""
        poll = select.poll()
        poll.register(self._notebook, select.POLLIN)
        poll.register(self._agent, select.POLLIN)
        with self._notebook, self._agent, contextlib.suppress(OSError):
            while True:
                events = dict(poll.poll())
                if self._agent.fileno() in events:
                    answer = self._agent.recv(STATISTICS.size)
                    if not answer:
                        break  # the capture has ended, or the lab
                    frames, lost = STATISTICS.unpack(answer)
                    self._looks.append((os.fstat(self._file).st_size, frames, lost))
                    self._last = self._commands()  # before the notebook hears of it, and goes on
                    with contextlib.suppress(OSError):  # the notebook may have let go of it
                        self._notebook.sendall(answer)
                elif self._notebook.fileno() in events:
                    order = self._notebook.recv(1)
                    if order:
                        self._agent.sendall(order)
                    else:
                        poll.unregister(self._notebook)
                        self._agent.shutdown(socket.SHUT_WR)
        self._read()

    def _read(self) -> None:
        if self._pcap is None:
            if not self._looks:
                self._last = self._commands()
            self._pcap = os.pread(self._file, os.fstat(self._file).st_size, 0)
            os.close(self._file)

    def recorded(self) -> RecordedCapture:
        looks = tuple(self._looks)
        return RecordedCapture(self.node, self.interface, self._pcap or b"", looks, self._first, self._last)
