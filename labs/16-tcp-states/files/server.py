"""A server for one port, of a kind that ends its connections in a way of its own.

    server.py closes-second PORT   waits until the client has closed, then closes
    server.py closes-first PORT    closes at once; the client second
    server.py never-closes PORT    reads to the end and then forgets to close, as programs with a leak do
    server.py closes-unread PORT   closes while data that it has not read waits
    server.py once PORT            as closes-first, for a single connection; then it ends

It goes into the background once it listens.
"""

import os
import select
import socket
import sys


def serve(kind: str, listener: socket.socket) -> None:
    forgotten = []
    while True:
        connection, _ = listener.accept()
        if kind in ("closes-second", "never-closes"):
            while connection.recv(65536):
                pass
        elif kind == "closes-unread":
            select.select([connection], [], [])  # there is data now, and it stays where it is
        if kind == "never-closes":
            forgotten.append(connection)
            continue
        if kind in ("closes-first", "once"):
            connection.shutdown(socket.SHUT_WR)  # our FIN; then wait for theirs, so that ours is the first
            while connection.recv(65536):
                pass
        connection.close()
        if kind == "once":
            return


kind, port = sys.argv[1], int(sys.argv[2])
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", port))
listener.listen(128)
if os.fork() == 0:  # whoever started us goes on now, as we listen
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    serve(kind, listener)
