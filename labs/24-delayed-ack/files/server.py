"""Answers requests of 100 bytes with 10 bytes, once a request is whole.

    server.py plain PORT        leaves acknowledgments to the kernel
    server.py quick-once PORT   sets TCP_QUICKACK on each connection, when it is accepted
    server.py quick PORT        sets it again after each recv

It goes into the background once it listens, and serves one connection after the other.
"""

import os
import socket
import sys

REQUEST, ANSWER = 100, b"0123456789"  # bytes


def be_quick(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def serve(kind: str, connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # our answers are not what is studied here
    if kind != "plain":
        be_quick(connection)
    got = 0
    while data := connection.recv(REQUEST - got):
        if kind == "quick":
            be_quick(connection)
        got += len(data)
        if got == REQUEST:
            connection.sendall(ANSWER)
            got = 0


kind = sys.argv[1]
listener = socket.create_server(("0.0.0.0", int(sys.argv[2])), backlog=16)
if os.fork() == 0:  # whoever started us goes on now, as we listen
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    while True:
        connection, _ = listener.accept()
        with connection:
            serve(kind, connection)
