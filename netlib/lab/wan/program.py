"""The command `netlib-wan`: in a node's exec line, in a container, or typed by a student.

It returns when the relay forwards frames, which is then a process of the node's own, and ends with the node.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from netlib.lab.wan.relay import SOCKET, ask, serve
from netlib.lab.wan.settings import KEYS, Change, WanError, read_line, read_words
from netlib.lab.wan.state import from_message

NAME = "netlib-wan"
USAGE = f"""\
usage: {NAME} eth1 eth2 [delay=25ms ...]   start the relay between two interfaces
       {NAME} set delay=40ms eth1:drop=20,23   change it while it runs
       {NAME} show   its settings and what it has counted
keys: {", ".join(KEYS)}"""
LOG = os.path.join(os.path.dirname(SOCKET), "wan.log")


def main(words: Sequence[str]) -> int:
    """Run the command with these words after its name. The exit status; errors are one line on stderr."""
    try:
        if not words or words[0] in ("help", "-h", "--help"):
            print(USAGE, flush=True)
        elif words[0] == "show" and len(words) == 1:
            print(from_message(_ask({})), flush=True)
        elif words[0] == "set":
            print(from_message(_ask(read_words(words[1:]))), flush=True)
        else:
            interfaces, change = read_line(words)
            _start(interfaces, change)
    except WanError as error:
        print(f"{NAME}: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _ask(change: Change) -> dict[str, object]:
    try:
        return ask(change)
    except (FileNotFoundError, ConnectionRefusedError):
        raise WanError("no relay runs in this node; start it with netlib-wan eth1 eth2 delay=25ms") from None
    except OSError as error:
        raise WanError(f"the relay of this node does not answer: {error.strerror or error}") from None


def _start(interfaces: tuple[str, str], change: Change) -> None:
    try:
        ask({})
    except OSError:
        pass
    else:
        raise WanError("a relay runs in this node already; change it with netlib-wan set delay=25ms")
    read, write = os.pipe()
    if os.fork() == 0:
        _become_relay(interfaces, change, write)
    os.close(write)
    said = b""
    while part := os.read(read, 4096):
        said += part
    os.close(read)
    if said != b"forwards":
        raise WanError(said.decode() or f"the relay has ended; {LOG} says why")


def _become_relay(interfaces: tuple[str, str], change: Change, ready: int) -> NoReturn:
    """In the child: let go of everything of the parent's, but for the pipe on which it waits."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for reset in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(reset, signal.SIG_DFL)
        os.makedirs(os.path.dirname(LOG), exist_ok=True)
        null = os.open(os.devnull, os.O_RDWR)
        log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 16) for fd in (null, null, log, ready)]
        for number, fd in enumerate(high):
            os.dup2(fd, number)
        os.closerange(4, 1 << 16)
        serve(interfaces, change, 3)
    except BaseException:  # this is a copy of the agent: nothing may go back into its code
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)
