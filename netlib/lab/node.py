"""A node of a running lab.

`run` waits for a command and gives the result; `popen` starts one and lets you watch; `sh` is `run` for a line with
pipes. `socket` hands out a socket that is the node's; `attach` puts a netlib host on one of its interfaces. A wan node
is changed with `set`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from socket import AF_INET, SOCK_STREAM
from socket import socket as Socket
from typing import TYPE_CHECKING, Any, TextIO

from netlib.lab.errors import LabError
from netlib.lab.process import Command, CommandMissing, Done, Process, how_to_install, split
from netlib.lab.wan.settings import Change, WanError, read_values, read_words
from netlib.lab.wan.state import Wan, from_message

if TYPE_CHECKING:
    from netlib.host import Host, Interface
    from netlib.lab.lab import Lab
    from netlib.lab.samples import Samples, Sampling
    from netlib.worlds.live import Live


class Node:
    """One node of a running lab: `lab["h1"]`."""

    def __init__(self, lab: Lab, name: str):
        self.lab, self.name = lab, name

    @property
    def interfaces(self) -> list[str]:
        """The interfaces that the topology's links give it."""
        return self.lab.topology.interfaces(self.name)

    def popen(
        self,
        command: Command,
        *,
        env: Mapping[str, str] | None = None,
        stdin: bool = False,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> Process:
        """Start a command (a string is split as a shell would, without running one) and return at once.

        `stdin=True` gives you its standard input to write to; `stdout` and `stderr` may be descriptors of open files.
        LabError when the command cannot be started.
        """
        argv = split(command)
        streams: list[TextIO | None] = [None, None, None]
        theirs: list[int] = []
        with contextlib.ExitStack() as failure, contextlib.ExitStack() as always:

            def pipe(number: int) -> int:
                """A pipe for stream `number`: our end becomes a text file, theirs is returned."""
                read, write = os.pipe()
                ours, other = (write, read) if number == 0 else (read, write)
                always.callback(os.close, other)
                os.fchmod(other, 0o666)  # /dev/stdout in the node opens the pipe again, as the lab's user
                file = os.fdopen(ours, "w" if number == 0 else "r", encoding="utf-8", errors="replace")
                failure.callback(file.close)
                streams[number] = file
                return other

            null = os.open(os.devnull, os.O_RDWR)
            always.callback(os.close, null)
            theirs.append(pipe(0) if stdin else null)
            theirs.append(pipe(1) if stdout is None else stdout)
            theirs.append(pipe(2) if stderr is None else stderr)
            status_read, status_write = os.pipe()
            always.callback(os.close, status_write)
            failure.callback(os.close, status_read)
            pid = self._start(argv, [*theirs, status_write], dict(env or {}))
            failure.pop_all()
        return Process(self, argv, pid, status_read, streams)

    def _start(self, argv: list[str], fds: list[int], env: dict[str, str], **options: Any) -> int:
        try:
            answer, _ = self._request("exec", fds, argv=argv, env=env, **options)
        except FileNotFoundError:
            raise CommandMissing(f"{self.name}: {argv[0]}: command not found{how_to_install(argv[0])}") from None
        except OSError as error:
            raise LabError(f"{self.name}: {argv[0]} cannot be started: {error.strerror}") from None
        return int(answer["pid"])

    def run(
        self,
        command: Command,
        timeout: float | None = 60.0,
        *,
        check: bool = False,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
    ) -> Done:
        """Run a command to its end and return what it printed. `timeout` in seconds; None waits for ever.

        `check=True` raises LabError when it fails. LabTimeout when it takes too long: it is killed then. A command that
        does not exist ends with status 127, as in a shell.
        """
        argv = split(command)
        try:
            process = self.popen(argv, env=env, stdin=input is not None)
        except CommandMissing as error:
            done = Done(argv, 127, "", f"{error}\n", self.name, self.lab.mark)
        else:
            output, errors = process.communicate(timeout, input or "")
            done = Done(argv, process.wait(), output, errors, self.name, self.lab.mark)
        return done.check() if check else done

    def sh(self, script: str, timeout: float | None = 60.0, **options: Any) -> Done:
        """Run a line of shell: pipes, redirections, `&`. Otherwise as `run`."""
        return self.run(["sh", "-c", script], timeout, **options)

    def socket(
        self,
        family: int = AF_INET,
        type: int = SOCK_STREAM,
        proto: int = 0,
        *,
        bind: tuple[Any, ...] | None = None,
    ) -> Socket:
        """A socket made in the node and handed to this process: it sends and receives as the node does.

        It is closed when the lab goes down.
        """
        _, fds = self._request("socket", family=int(family), type=int(type), proto=int(proto), bind=bind)
        return self._own(Socket(fileno=fds[0]))

    def packet_socket(self, interface: str) -> Socket:
        """An AF_PACKET socket on an interface, promiscuous: each `recv` is a frame, each `send` one."""
        self.check_interface(interface)
        _, fds = self._request("packet_socket", interface=interface)
        return self._own(Socket(fileno=fds[0]))

    def _own(self, made: Socket) -> Socket:
        self.lab._sockets.add(made)
        return made

    def attach(self, host: Host, interface: str = "eth1", *, at: Interface | None = None) -> Live:
        """Put a netlib `Host` on an interface, in real time, beside the node's kernel or in its place.

            with lab["h2"].attach(host, "eth1") as live: ...

        The host needs an interface with a MAC address, `host.attach("10.0.4.9/24", MACAddress(...))`; `at` says which,
        if it has several. Where it has an address of the node's kernel, the kernel does without it for as long.
        """
        from netlib.lab.attachment import Attachment

        return Attachment(self, interface, host, at)

    @property
    def wan(self) -> Wan:
        """What the relay of a wan node does, and what it has counted: `lab["wan"].wan["eth1"].counters["lost"]`."""
        return self._change_wan({})

    def set(self, *where: str, **settings: Any) -> Wan:
        """Change a wan node while it runs; the answer is as `wan`.

            lab["wan"].set(delay="25ms", loss=0.01)
            lab["wan"].set("eth1", drop=[20, 23])       # what comes in at eth1; counted from now on
            lab["wan"].set("delay=25ms eth1:loss=1%")   # the words of an exec line

        It counts for the frames that come in from now on. LabError, and nothing is changed, where a value is wrong.
        """
        words = " ".join(where).split()
        interfaces = [word for word in words if "=" not in word]
        change: Change = {}
        for interface in interfaces:
            self.check_interface(interface)
        try:
            if settings or interfaces:
                change = read_values(interfaces, settings)
            for name, values in read_words(word for word in words if "=" in word).items():
                change[name] = {**change.get(name, {}), **values}
        except WanError as error:
            raise LabError(f"{self.name}: {error}") from None
        if not any(change.values()):
            raise LabError(f'{self.name}: say what to change, as in lab["{self.name}"].set(delay="25ms", loss="1%")')
        return self._change_wan(change)

    def _change_wan(self, change: Change) -> Wan:
        try:
            answer, _ = self._request("wan", change=change)
        except OSError as error:
            wans = self.lab.topology.wans
            if self.name in wans:
                raise LabError(f"{self.name}: its relay does not answer ({error}); take the lab down and up") from None
            others = f"the wans here: {', '.join(wans)}" if wans else "no node here is one; docs/labs.md says how to"
            raise LabError(f"{self.name} is no wan; {others}") from None
        if "error" in answer:
            raise LabError(f"{self.name}: {answer['error']}")
        return from_message(answer)

    def sample(self, kind: str, *words: str, every: float = 0.05) -> Sampling:
        """Look at what the kernel knows every so many seconds, in a thread, while a `with` block runs.

            with lab["h1"].sample("ss", "dst 10.0.4.2") as samples: ...
            samples.plot("cwnd")

        `kind`: ss, nstat, neigh, route, conntrack, fdb; `words` go to its command: a filter, counters, an address.
        """
        from netlib.lab.samples.sampling import sample

        return sample(self, kind, words, every)

    def look(self, kind: str, *words: str) -> Samples:
        """Look once, now, at what `sample` looks at again and again."""
        from netlib.lab.samples.sampling import look

        return look(self, kind, words)

    def check_interface(self, interface: str) -> None:
        """LabError unless the node's links give it this interface."""
        if interface not in (*self.interfaces, "lo"):
            known = ", ".join(self.interfaces) or "none"
            raise LabError(f"{self.name} has no interface {interface!r}; it has {known}")

    def _request(self, op: str, fds: Sequence[int] = (), **arguments: Any) -> tuple[dict[str, Any], list[int]]:
        return self.lab.request(self.name, op, fds, **arguments)

    def __repr__(self) -> str:
        return f"{self.name} of lab {self.lab.name} ({', '.join(self.interfaces) or 'no interfaces'})"
