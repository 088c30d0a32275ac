"""A command in a node, at the user's own terminal or with the user's own streams: `netlib lab sh`, `netlib lab exec`.

`interact` makes a pseudo-terminal: the node's command has the one end as its controlling terminal, and this process
copies between the other end and the user's. The user's terminal is raw meanwhile, so that Ctrl-C and all other keys are
the node's, and is put back whatever happens. `run_through` gives the command this process's streams: nothing is copied.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import termios
import tty
from collections.abc import Iterator, Mapping
from typing import NoReturn

from netlib.lab.node import Node
from netlib.lab.process import Process

CHUNK = 1 << 16  # bytes
WAITING = 1 << 12  # bytes of keys that the node has not read, after which no more are taken


def status_of(returncode: int) -> int:
    """An exit status as shells give it: 128 and the signal's number for a command that a signal ended."""
    return 128 - returncode if returncode < 0 else returncode


def at_terminal() -> bool:
    """Is there a user to talk with: do keys come from a terminal, and does output go to one?"""
    return os.isatty(0) and os.isatty(1)


def run_through(node: Node, argv: list[str]) -> int:
    """Run a command with this process's standard streams; its exit status. A recording reads nothing.

    Ctrl-C is passed on; the second one ends the command politely, the third at once.
    """
    numbers = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
    with open(os.devnull, "rb") as nothing, _interrupts() as interrupts:
        process = start(node, argv, [0 if node.lab.live else nothing.fileno(), 1, 2], {})
        while True:
            ready, _, _ = select.select([process.fileno(), interrupts], [], [])
            if process.fileno() in ready:
                return status_of(process.wait())
            os.read(interrupts, 1)
            process.kill(numbers.pop() if numbers else signal.SIGKILL)


@contextlib.contextmanager
def _interrupts() -> Iterator[int]:
    """A descriptor that gives a byte for each Ctrl-C; none is lost, and none breaks off what is being done."""
    read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.signal(signal.SIGINT, lambda *_: None), signal.set_wakeup_fd(write)
    try:
        yield read
    finally:
        signal.set_wakeup_fd(before[1])
        signal.signal(signal.SIGINT, before[0])
        os.close(read)
        os.close(write)


def start(node: Node, argv: list[str], streams: list[int], env: Mapping[str, str], tty: bool = False) -> Process:
    """Start a command with descriptors of this process as its standard streams."""
    status_read, status_write = os.pipe()
    try:
        pid = node._start(argv, [*streams, status_write], dict(env), **({"tty": True} if tty else {}))
    except BaseException:
        os.close(status_read)
        raise
    finally:
        os.close(status_write)
    return Process(node, argv, pid, status_read, [None, None, None])


def interact(node: Node, argv: list[str], env: Mapping[str, str] | None = None) -> int:
    """Run a command at the user's terminal (descriptors 0 and 1); its exit status."""
    env = {"TERM": os.environ.get("TERM", "dumb"), **(env or {})}
    ours, theirs = os.openpty()
    try:
        try:
            termios.tcsetattr(theirs, termios.TCSANOW, termios.tcgetattr(0))  # the user's own erase key, and so on
            _copy_size(ours)
            errors = theirs if os.isatty(2) else 2
            process = start(node, argv, [theirs, theirs, errors], env, tty=True)
        finally:
            os.close(theirs)
        with _raw(ours):
            _exchange(process, ours)
        return status_of(process.wait())
    finally:
        os.close(ours)


@contextlib.contextmanager
def _raw(ours: int) -> Iterator[None]:
    """The user's terminal is raw, and the size of its window that of the node's; then all is as it was."""
    attributes = termios.tcgetattr(0)
    actions = {
        signal.SIGWINCH: lambda *_: _copy_size(ours),
        signal.SIGTERM: _ended,
        signal.SIGHUP: _ended,
    }
    before = {number: signal.signal(number, action) for number, action in actions.items()}
    try:
        tty.setraw(0, termios.TCSADRAIN)
        _copy_size(ours)  # it may have changed since
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(0, termios.TCSADRAIN, attributes)


def _ended(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


def _copy_size(ours: int) -> None:
    """The window's rows and columns, to the other end: the kernel tells the command there (SIGWINCH)."""
    with contextlib.suppress(OSError):
        fcntl.ioctl(ours, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))


def _exchange(process: Process, ours: int) -> None:
    """Keys to the node and output from it, until the command has ended."""
    os.set_blocking(ours, False)
    keys = b""
    poll = select.poll()
    poll.register(process.fileno(), select.POLLIN)
    poll.register(0, select.POLLIN)
    poll.register(ours, select.POLLIN)
    talks = hears = True  # is there somebody at the node's end, and at the user's?
    while True:
        if talks:
            poll.register(ours, select.POLLIN | (select.POLLOUT if keys else 0))
        if hears:
            poll.register(0, select.POLLIN if len(keys) < WAITING else 0)
        ready = dict(poll.poll())
        if 0 in ready:
            new = _read(0)
            keys += new
            if not new:  # the window was closed
                hears = False
                poll.unregister(0)
                process.kill(signal.SIGHUP)
        if keys and ready.get(ours, 0) & select.POLLOUT:
            with contextlib.suppress(OSError):
                keys = keys[os.write(ours, keys) :]
        if ours in ready and not _show(ours) and ready[ours] & select.POLLHUP:
            talks = False
            poll.unregister(ours)
        if process.fileno() in ready:
            while _show(ours):  # what it wrote before it ended
                pass
            return


def _show(ours: int) -> bool:
    """Write what the node's command has written; was there anything?"""
    data = _read(ours)
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]
    return bool(data)


def _read(fd: int) -> bytes:
    """What is there to read; nothing at the end, and where nothing is."""
    try:
        return os.read(fd, CHUNK)
    except OSError:  # EIO: no process has the other end any more
        return b""
