"""The agent: PID 1 of a node. It configures the node, then starts what the notebook asks for.

It is the same for every live engine. How its namespaces were made is the engine's part, which calls `configure`, then
`serve`. As it lives in the node's namespaces, whatever it makes is the node's: processes, sockets, captures. A command
gets the notebook's own pipe ends as its standard streams, so nothing is copied; when it ends, its status is written to
a pipe that came with the request. Orphans become this process's children, as those of any init, and are reaped.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import select
import signal
import socket
import struct
import sys
import termios
import time
from typing import Any

from netlib.lab.agent import baseline, iproute, recorder
from netlib.lab.agent.channel import Message, receive, send
from netlib.lab.agent.netlink import Netlink, switch_offloads_off
from netlib.lab.wan import program as wan
from netlib.lab.wan.relay import ask
from netlib.lab.wan.settings import WanError

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": SEARCH_PATH, "HOME": "/root", "TERM": "dumb", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
COMMAND_TIMEOUT = 30.0  # seconds for one exec line
LINK_TIMEOUT = 2.0  # seconds until both ends of a link have seen each other
_RESET_SIGNALS = [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM]
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_MR_PROMISC = 263, 1, 1
_ETH_P_ALL = 3


class SetupFailed(Exception):
    """An exec line that failed, with its line number."""

    def __init__(self, line: int, message: str):
        super().__init__(message)
        self.line = line


def keep_only(keep: set[int]) -> None:
    """Close every descriptor but these."""
    start = 0
    for fd in sorted(keep):
        if start < fd:  # closerange(0, 0) would close everything
            os.closerange(start, fd)
        start = fd + 1
    os.closerange(start, 1 << 16)


class Agent:
    """The requests of the notebook, each a method."""

    def __init__(self, channel: socket.socket, node: dict[str, Any]):
        self.channel = channel
        self.environment = {**ENVIRONMENT, "HOSTNAME": node["name"], **node["env"]}
        self.children: dict[int, int] = {}  # process id -> the pipe that awaits its status
        os.environ.update(self.environment)

    def write_settings(self, node: dict[str, Any], folder: str = "/proc/sys/net") -> None:
        """The node's own `sysctls`, before there are links: these take over what `default` says."""
        for name, reason in baseline.write_sysctls(node["sysctls"], folder).items():
            raise SetupFailed(node["line"], f"sysctl {name}: {reason}")

    def configure(self, node: dict[str, Any]) -> None:
        """The interfaces, then the exec lines in their order."""
        netlink = Netlink()
        netlink.set_up("lo")
        for interface in node["interfaces"]:
            switch_offloads_off(interface)
            netlink.set_up(interface)
        deadline = time.monotonic() + LINK_TIMEOUT
        while not all(map(netlink.is_operational, node["interfaces"])) and time.monotonic() < deadline:
            time.sleep(0.001)
        for group in _batches(node["commands"]):
            while group and group[0]["batch"] is not None and iproute.done(netlink, group[0]["batch"]):
                group.pop(0)
            if group:
                self._run_setup(group)
        netlink.close()

    def _run_setup(self, group: list[dict[str, Any]]) -> None:
        """Run exec lines: one that is not plain `ip`, or several `ip` lines as one `ip -batch`."""
        batch = group[0]["batch"] is not None
        argv = ["ip", "-batch", "-"] if batch else group[0]["argv"]
        source = os.memfd_create("stdin")
        if batch:
            os.write(source, "".join(command["batch"] + "\n" for command in group).encode())
            os.lseek(source, 0, os.SEEK_SET)
        output = os.memfd_create("output")
        try:
            pid = self._spawn(argv, [source, output, output], self.environment)
        except OSError as error:
            raise SetupFailed(group[0]["line"], f"{argv[0]}: {_why_not_started(error)}") from None
        status = _wait(pid, COMMAND_TIMEOUT)
        text = os.pread(output, 1 << 16, 0).decode(errors="replace")
        os.close(source)
        os.close(output)
        if status is None:
            raise SetupFailed(group[0]["line"], f"has not ended after {COMMAND_TIMEOUT:.0f} s; start it as a daemon")
        if status:
            failed = re.search(r"^Command failed -:(\d+)", text, re.MULTILINE) if batch else None
            number = int(failed[1]) - 1 if failed else 0
            lines = dict.fromkeys(text.strip().splitlines())  # nginx says five times that its port is taken
            reason = [line for line in lines if not line.startswith("Command failed")]
            raise SetupFailed(group[number]["line"], "; ".join(reason[-3:]) or f"exit status {status}")

    def _spawn(self, argv: list[str], streams: list[int], environment: dict[str, str]) -> int:
        """Start a command as a session of its own. posix_spawn, so that a command that is not there is an error."""
        if argv[0] == wan.NAME:
            return self._fork_wan(argv[1:], streams)
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(streams)]
        return os.posix_spawnp(
            argv[0], argv, environment, file_actions=actions, setsid=True, setsigmask=[], setsigdef=_RESET_SIGNALS
        )

    def _fork_wan(self, words: list[str], streams: list[int]) -> int:
        """As `_spawn`, for a program of ours: a copy of this process runs it, as there may be no Python to start."""
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.setsid()
                signal.set_wakeup_fd(-1)
                for reset in _RESET_SIGNALS:
                    signal.signal(reset, signal.SIG_DFL)
                for number, fd in enumerate(streams):
                    os.dup2(fd, number)
                keep_only({0, 1, 2})
                status = wan.main(words)
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(status)
        return pid

    def _spawn_on_terminal(self, argv: list[str], streams: list[int], environment: dict[str, str]) -> int:
        """As `_spawn`, and streams[0], a terminal, becomes the one that the new session is controlled by: Ctrl-C, job
        control, the size of its window. posix_spawn cannot do that."""
        failed_read, failed_write = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                for number in _RESET_SIGNALS:
                    signal.signal(number, signal.SIG_DFL)
                os.setsid()
                fcntl.ioctl(streams[0], termios.TIOCSCTTY, 0)
                for stream, fd in enumerate(streams):
                    os.dup2(fd, stream)
                os.execvpe(argv[0], argv, environment)
            except OSError as error:
                os.write(failed_write, b"%d" % (error.errno or 0))
            finally:
                os._exit(127)
        os.close(failed_write)
        failed = os.read(failed_read, 16)
        os.close(failed_read)
        if failed:
            os.waitpid(pid, 0)
            raise OSError(int(failed), os.strerror(int(failed)))
        return pid

    def serve(self, notebook: int | None = None) -> None:
        """Answer requests until the process behind the pidfd `notebook` is gone, or has let go of this node.

        Without one, for ever: the supervisor's end is ours.
        """
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        poll = select.poll()
        poll.register(self.channel, select.POLLIN)
        poll.register(wake_read, select.POLLIN)
        if notebook is not None:
            poll.register(notebook, select.POLLIN)
        self._reap()
        while True:
            for fd, _ in poll.poll():
                if fd == wake_read:
                    os.read(wake_read, 4096)
                    self._reap()
                elif fd == notebook or not self._answer():
                    if notebook is not None:
                        return
                    poll.unregister(fd)  # the notebook has let go of this node; the supervisor will end us

    def _answer(self) -> bool:
        request, fds = receive(self.channel)
        if request is None:
            return False
        give: list[int] = []
        reply: Message
        try:
            reply = getattr(self, "do_" + request["op"])(request, fds, give) or {}
        except OSError as error:
            reply = {"errno": error.errno, "message": error.strerror or str(error)}
        except Exception as error:  # no such request, or not of this form: the node lives on
            reply = {"errno": errno.EINVAL, "message": f"{type(error).__name__}: {error}"}
        try:
            send(self.channel, {**reply, "id": request["id"]}, give)
        except OSError:
            return False
        finally:
            for fd in (*fds, *give):
                os.close(fd)
        return True

    def do_exec(self, request: Message, fds: list[int], give: list[int]) -> Message:
        """Start argv with the streams fds[0:3]; its exit status will be written to fds[3]. With `tty`, fds[0] is a
        terminal and controls it."""
        spawn = self._spawn_on_terminal if request.get("tty") else self._spawn
        pid = spawn(request["argv"], fds[:3], {**self.environment, **request["env"]})
        self.children[pid] = os.dup(fds[3])
        return {"pid": pid}

    def do_kill(self, request: Message, fds: list[int], give: list[int]) -> None:
        """Signal a command and what it has started, if it still runs."""
        if request["pid"] in self.children:
            os.killpg(request["pid"], request["signal"])

    def do_socket(self, request: Message, fds: list[int], give: list[int]) -> None:
        made = socket.socket(request["family"], request["type"], request["proto"])
        if request["bind"] is not None:
            made.bind(tuple(request["bind"]))
        give.append(made.detach())

    def do_packet_socket(self, request: Message, fds: list[int], give: list[int]) -> None:
        """A socket that sends and receives whole frames on an interface, whoever they are for."""
        with _packet_socket(request["interface"]) as made:
            membership = struct.pack("=iHH8x", socket.if_nametoindex(request["interface"]), _PACKET_MR_PROMISC, 0)
            made.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, membership)
            give.append(made.detach())

    def do_capture(self, request: Message, fds: list[int], give: list[int]) -> Message:
        """Record an interface into the file fds[0], under the command of fds[1]. It listens before we answer."""
        packets = recorder.listen(request["interface"])
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            keep_only({0, 1, 2, packets.fileno(), *fds})
            recorder.run(packets, fds[0], fds[1], request["limit"])
        packets.close()
        return {"pid": pid}

    def do_wan(self, request: Message, fds: list[int], give: list[int]) -> Message:
        """Change the relay of this node (`netlib.lab.wan`); its settings and counters after that."""
        try:
            return ask(request["change"])
        except WanError as error:
            return {"error": str(error)}

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            pipe = self.children.pop(pid, None)
            if pipe is not None:
                with contextlib.suppress(OSError):  # the notebook may not care any more
                    os.write(pipe, b"%d" % os.waitstatus_to_exitcode(status))
                os.close(pipe)


def _packet_socket(interface: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    try:
        made.bind((interface, _ETH_P_ALL))
    except OSError:
        made.close()
        raise
    return made


def _batches(commands: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The commands in order, neighbouring plain `ip` lines together."""
    groups: list[list[dict[str, Any]]] = []
    for command in commands:
        if command["batch"] is not None and groups and groups[-1][-1]["batch"] is not None:
            groups[-1].append(command)
        else:
            groups.append([command])
    return groups


def _wait(pid: int, timeout: float) -> int | None:
    """The exit status of a child; None, and the child dead, when it takes longer than `timeout` seconds."""
    watch = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    ended = poll.poll(timeout * 1000)
    os.close(watch)
    if not ended:
        os.killpg(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    return os.waitstatus_to_exitcode(status) if ended else None


def _why_not_started(error: OSError) -> str:
    return "command not found" if isinstance(error, FileNotFoundError) else str(error.strerror)
