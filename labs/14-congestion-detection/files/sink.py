"""A server that reads all that comes, on every connection, and throws it away.

sink.py PORT      it goes into the background once it listens
"""

import contextlib
import os
import socket
import sys
import threading


def swallow(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        while connection.recv(1 << 20):
            pass


listener = socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=16)
if os.fork() == 0:  # whoever started us goes on now, as we listen
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=swallow, args=(connection,), daemon=True).start()
