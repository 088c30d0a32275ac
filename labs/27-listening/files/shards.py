"""Several listening sockets on one port, with SO_REUSEPORT.

    shards.py answer PORT COUNT         COUNT processes; each answers its connections with its number
    shards.py keep-waiting PORT COUNT   COUNT sockets of one process that accepts nothing. Whoever connects to port + 1
                                        has it close the socket where most are waiting, and is told how many those were

It goes into the background once all listen.
"""

import contextlib
import os
import socket
import struct
import sys

UNACKED = struct.Struct("=24xI")  # in tcp_info; of a listening socket: how many wait to be accepted


def listener(port: int, shared: bool = True) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT if shared else socket.SO_REUSEADDR, 1)
    made.bind(("0.0.0.0", port))
    made.listen(128)
    return made


def background() -> bool:
    """Go on in a process of its own; True there."""
    if os.fork():
        return False
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    return True


def answer(mine: socket.socket, number: int) -> None:
    while True:
        connection, _ = mine.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(str(number).encode())


def waiting(each: socket.socket) -> int:
    return UNACKED.unpack(each.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, UNACKED.size))[0]


def close_one(port: int, sockets: list[socket.socket], control: socket.socket) -> None:
    while True:
        connection, _ = control.accept()
        fullest = max(sockets, key=waiting)
        number = waiting(fullest)
        fullest.close()
        with connection, contextlib.suppress(OSError):
            connection.sendall(str(number).encode())
            connection.recv(1)  # the client has seen what it wanted to see: begin anew
        for each in sockets:
            each.close()
        sockets = [listener(port) for _ in sockets]


kind, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sockets = [listener(port) for _ in range(count)]
if kind == "keep-waiting":
    control = listener(port + 1, shared=False)
    if background():
        close_one(port, sockets, control)
else:
    for number, mine in enumerate(sockets, 1):
        if background():
            for other in sockets:
                if other is not mine:
                    other.close()
            answer(mine, number)
