"""A node of a running lab, and the commands that run in it.

`run` waits and gives the result; `popen` starts and lets you watch; `sh` is `run` for a line with pipes. A command's
standard streams are pipes of this process, so its output arrives as it is written.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import signal as signals
import socket
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from netlib.lab.errors import LabError, LabTimeout

if TYPE_CHECKING:
    from netlib.lab.lab import Lab
    from netlib.worlds.live import Live

OUTPUT_LIMIT = 16 << 20  # bytes that `run` keeps of what a command prints
Command = str | Sequence[str]


@dataclass(frozen=True)
class Done:
    """A command that has ended. A negative `returncode` is the signal that ended it, as in `subprocess`."""

    argv: list[str]
    returncode: int
    stdout: str
    stderr: str
    node: str = ""

    def __bool__(self) -> bool:
        """Did it succeed?"""
        return self.returncode == 0

    def check(self) -> Done:
        """This result, if the command succeeded; LabError with its last words if not."""
        if self.returncode:
            said = (self.stderr or self.stdout).strip().splitlines()
            reason = f": {said[-1]}" if said else ""
            raise LabError(f"{self.node}: {shlex.join(self.argv)} failed with status {self.returncode}{reason}")
        return self

    def __str__(self) -> str:
        lines = [f"{self.node}$ {shlex.join(self.argv)}", (self.stdout + self.stderr).rstrip("\n")]
        if self.returncode:
            lines.append(f"[exit status {self.returncode}]")
        return "\n".join(line for line in lines if line)

    __repr__ = __str__


class Process:
    """A running command. `stdout` and `stderr` are text files; None for a stream that you gave away."""

    def __init__(self, node: Node, argv: list[str], pid: int, status: int, streams: list[TextIO | None]):
        self.node, self.argv = node, argv
        self.pid = pid  # in the node
        self.stdin, self.stdout, self.stderr = streams
        self.returncode: int | None = None
        self._status = status
        self._close_status = weakref.finalize(self, os.close, status)

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        with contextlib.suppress(LabTimeout):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status. LabTimeout when the command still runs after `timeout` seconds."""
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._status, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise LabTimeout(f"{self.node.name}: {shlex.join(self.argv)} still runs after {timeout} s")
            self._collect()
        assert self.returncode is not None
        return self.returncode

    def _collect(self) -> None:
        text = os.read(self._status, 16)
        self._close_status()
        self.returncode = int(text) if text else -signals.SIGKILL  # no word: the node went down, and all with it

    def kill(self, signal: int = signals.SIGKILL) -> None:
        """Send a signal to the command and what it has started."""
        if self.poll() is None:
            with contextlib.suppress(LabError):
                self.node._request("kill", pid=self.pid, signal=int(signal))

    def terminate(self) -> None:
        self.kill(signals.SIGTERM)

    def communicate(self, timeout: float | None = None, input: str = "") -> tuple[str, str]:
        """Feed `input`, read all that the command prints, wait for its end: (stdout, stderr).

        LabTimeout after `timeout` seconds, LabError beyond 16 MiB of output; the command is then killed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            output = self._exchange(input.encode(), deadline, timeout)
        except BaseException:
            self.kill()
            raise
        finally:
            for stream in (self.stdin, self.stdout, self.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()
        first, second = (output.get(stream, b"").decode(errors="replace") for stream in (self.stdout, self.stderr))
        return first, second

    def _exchange(self, data: bytes, deadline: float | None, timeout: float | None) -> dict[TextIO | None, bytearray]:
        output: dict[TextIO | None, bytearray] = {stream: bytearray() for stream in (self.stdout, self.stderr) if stream}
        with selectors.DefaultSelector() as selector:
            for stream in output:
                assert stream
                os.set_blocking(stream.fileno(), False)
                selector.register(stream.fileno(), selectors.EVENT_READ, stream)
            if self.stdin and data:
                os.set_blocking(self.stdin.fileno(), False)
                selector.register(self.stdin.fileno(), selectors.EVENT_WRITE, self.stdin)
            elif self.stdin:
                self.stdin.close()
            if self.returncode is None:
                selector.register(self._status, selectors.EVENT_READ, None)
            while self.returncode is None:
                wait = None if deadline is None else max(0.0, deadline - time.monotonic())
                events = selector.select(wait)
                if not events:
                    raise LabTimeout(
                        f"{self.node.name}: {shlex.join(self.argv)} was killed: it still ran after {timeout} s "
                        "(give it more with timeout=...)"
                    )
                for key, _ in events:
                    if key.data is None:
                        selector.unregister(key.fd)
                        self._collect()
                    elif key.data is self.stdin:
                        data = self._feed(selector, data)
                    elif not self._read(key.data, output):
                        selector.unregister(key.fd)
            # What it wrote is in the pipes now. A daemon that it left behind may hold them open: do not wait for that.
            for stream in output:
                while self._read(stream, output):
                    pass
        return output

    def _feed(self, selector: selectors.BaseSelector, data: bytes) -> bytes:
        assert self.stdin
        try:
            data = data[os.write(self.stdin.fileno(), data[:65536]) :]
        except OSError:  # it does not want to read on
            data = b""
        if not data:
            selector.unregister(self.stdin.fileno())
            self.stdin.close()
        return data

    def _read(self, stream: Any, output: dict[TextIO | None, bytearray]) -> bool:
        """Take what is there; False at the end, and when there is nothing."""
        try:
            data = os.read(stream.fileno(), 65536)
        except BlockingIOError:
            return False
        output[stream] += data
        if len(output[stream]) > OUTPUT_LIMIT:
            raise LabError(
                f"{self.node.name}: {shlex.join(self.argv)} was killed: it printed more than "
                f"{OUTPUT_LIMIT >> 20} MiB (send it to a file, or read it with popen)"
            )
        return bool(data)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()

    def __repr__(self) -> str:
        status = self.poll()
        state = "running" if status is None else f"ended with status {status}"
        return f"{self.node.name}$ {shlex.join(self.argv)} [{state}]"


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

    def _start(self, argv: list[str], fds: list[int], env: dict[str, str]) -> int:
        try:
            answer, _ = self._request("exec", fds, argv=argv, env=env)
        except FileNotFoundError:
            raise CommandMissing(f"{self.name}: {argv[0]}: command not found{_install(argv[0])}") from None
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
            done = Done(argv, 127, "", f"{error}\n", self.name)
        else:
            output, errors = process.communicate(timeout, input or "")
            done = Done(argv, process.wait(), output, errors, self.name)
        return done.check() if check else done

    def sh(self, script: str, timeout: float | None = 60.0, **options: Any) -> Done:
        """Run a line of shell: pipes, redirections, `&`. Otherwise as `run`."""
        return self.run(["sh", "-c", script], timeout, **options)

    def socket(
        self,
        family: int = socket.AF_INET,
        type: int = socket.SOCK_STREAM,
        proto: int = 0,
        *,
        bind: tuple[Any, ...] | None = None,
    ) -> socket.socket:
        """A socket made in the node and handed to this process: it sends and receives as the node does.

        It is closed when the lab goes down.
        """
        _, fds = self._request("socket", family=int(family), type=int(type), proto=int(proto), bind=bind)
        return self._own(socket.socket(fileno=fds[0]))

    def packet_socket(self, interface: str) -> socket.socket:
        """An AF_PACKET socket on an interface, promiscuous: each `recv` is a frame, each `send` one."""
        self.check_interface(interface)
        _, fds = self._request("packet_socket", interface=interface)
        return self._own(socket.socket(fileno=fds[0]))

    def _own(self, made: socket.socket) -> socket.socket:
        self.lab._sockets.add(made)
        return made

    @contextmanager
    def attach(self, host: Any, interface: str = "eth1") -> Iterator[Live]:
        """Put a netlib `Host` on an interface, in real time, beside the node's kernel or in its place.

            with lab["h2"].attach(host, "eth1") as live: ...

        The host needs an interface of its own with a MAC address (`host.attach("10.0.4.9/24", mac)`). Where it takes
        an address of the node's kernel, the kernel gives that address up for as long.
        """
        from netlib.worlds.live import Live, PacketDevice

        addresses = [str(each.address.address) for each in host.interfaces if each.mac is not None]
        if not addresses:
            raise LabError(f'give the host an address and a MAC first: host.attach("10.0.4.9/24", MACAddress(...))')
        self.check_interface(interface)
        given_up = self._give_up(interface, addresses)
        made = self.packet_socket(interface)
        try:
            with Live(host, PacketDevice(made)) as live:
                yield live
        finally:
            made.close()
            if given_up and self.lab.running:
                self._take_back(given_up)

    def _give_up(self, interface: str, addresses: list[str]) -> list[str]:
        """Remove the host's addresses from the node's kernel and from what its neighbours have learnt."""
        mine = [
            word
            for line in self.run(["ip", "-o", "-4", "addr", "show", "dev", interface], check=True).stdout.splitlines()
            for word in line.split()[3:4]
            if word.split("/")[0] in addresses
        ]
        if not mine:
            return []
        routes = self.run(["ip", "-4", "route", "show", "dev", interface], check=True).stdout.splitlines()
        back = [f"addr add {address} dev {interface}" for address in mine]
        back += [f"route add {route} dev {interface}" for route in routes if "proto kernel" not in route]
        for address in mine:
            self.run(["ip", "addr", "del", address, "dev", interface], check=True)
        self._forget(addresses)
        return back

    def _take_back(self, commands: list[str]) -> None:
        self.run("ip -batch -", input="\n".join(commands) + "\n", check=True)
        self._forget([command.split()[2].split("/")[0] for command in commands if command.startswith("addr")])

    def _forget(self, addresses: list[str]) -> None:
        """Empty the neighbours' ARP entries for these addresses: their owner has another MAC address now."""
        for node in self.lab:
            for address in addresses:
                node.run(["ip", "neigh", "flush", "to", address])

    def check_interface(self, interface: str) -> None:
        """LabError unless the node's links give it this interface."""
        if interface not in (*self.interfaces, "lo"):
            known = ", ".join(self.interfaces) or "none"
            raise LabError(f"{self.name} has no interface {interface!r}; it has {known}")

    def _request(self, op: str, fds: Sequence[int] = (), **arguments: Any) -> tuple[dict[str, Any], list[int]]:
        return self.lab._channel(self.name).request(op, fds, **arguments)

    def __repr__(self) -> str:
        return f"{self.name} of lab {self.lab.name} ({', '.join(self.interfaces) or 'no interfaces'})"


class CommandMissing(LabError):
    """A command that the node does not have."""


def split(command: Command) -> list[str]:
    """The words of a command. LabError for one that has none, or open quotes."""
    try:
        argv = shlex.split(command) if isinstance(command, str) else [os.fspath(word) for word in command]
    except ValueError as error:
        raise LabError(f"{command!r}: {str(error).lower()}; check the quotes, or use .sh(...)") from None
    except TypeError as error:
        raise LabError(f"a command is a string or a list of strings: {error}") from None
    if not argv or any("\0" in word for word in argv):
        raise LabError(f"{command!r} is not a command")
    return argv


_PACKAGES = {
    "ping": "iputils-ping",
    "arping": "iputils-arping",
    "ip": "iproute2",
    "ss": "iproute2",
    "nc": "netcat-openbsd",
    "dig": "bind9-dnsutils",
    "nft": "nftables",
    "sysctl": "procps",
    "iperf3": "iperf3",
}


def _install(tool: str) -> str:
    return f" (Debian: apt install {_PACKAGES.get(tool, tool)})" if tool.isalnum() else ""


