"""Messages between the processes of a lab: one JSON object a datagram, with file descriptors beside it."""

from __future__ import annotations

import array
import errno
import json
import os
import socket
from collections.abc import Sequence
from typing import Any

MESSAGE_LIMIT = 1 << 17  # bytes; below the kernel's smallest default for a socket's buffer
FDS_LIMIT = 16

Message = dict[str, Any]


def pair() -> tuple[socket.socket, socket.socket]:
    """The two ends of a channel. Datagrams keep their borders and order; an empty one means the other end is gone."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(channel: socket.socket, message: Message, fds: Sequence[int] = ()) -> None:
    """OSError (EMSGSIZE) for a message that the other end would get only in part."""
    data = json.dumps(message).encode()
    if len(data) > MESSAGE_LIMIT:
        raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    channel.sendmsg([data], ancillary)


def receive(channel: socket.socket) -> tuple[Message | None, list[int]]:
    """The next message and its descriptors (close-on-exec); None when the other end has closed.

    OSError (EBADMSG) for what is no message.
    """
    data, ancillary, _, _ = channel.recvmsg(MESSAGE_LIMIT, socket.CMSG_SPACE(FDS_LIMIT * 4), socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    try:
        message = json.loads(data) if data else None
        if not isinstance(message, dict | None):
            raise ValueError
    except (ValueError, RecursionError):
        for fd in fds:
            os.close(fd)
        raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG)) from None
    return message, list(fds)


def write_file(message: Message) -> int:
    """A descriptor to send beside a message, of a file in memory that holds what may be too large for one."""
    file = os.memfd_create("lab")
    with open(file, "w", encoding="utf-8", closefd=False) as writer:
        json.dump(message, writer)
    os.lseek(file, 0, os.SEEK_SET)
    return file


def read_file(fd: int) -> Message:
    """What was written there. Closes it."""
    with open(fd, "rb") as file:
        message: Message = json.load(file)
    return message
