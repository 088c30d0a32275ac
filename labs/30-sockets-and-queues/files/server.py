"""Listens on a port with a backlog, and is of a kind.

    server.py accepts PORT BACKLOG        accepts, and answers what it reads in upper case
    server.py sleeps PORT BACKLOG         listens, and accepts nothing until SIGUSR1 comes: then as `accepts`
    server.py reads-nothing PORT BACKLOG  accepts, and reads nothing

It goes into the background once it listens. Its process id is in /run/server-PORT.
"""

import contextlib
import os
import signal
import socket
import sys
import threading

kind, port, backlog = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", port))
listener.listen(backlog)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
child = os.fork()
if child:  # whoever started us goes on now, as we listen
    with open(f"/run/server-{port}", "w", encoding="ascii") as file:
        file.write(str(child))
    os._exit(0)
os.setsid()
null = os.open(os.devnull, os.O_RDWR)
for stream in (0, 1, 2):
    os.dup2(null, stream)
if kind == "sleeps":
    signal.sigwait([signal.SIGUSR1])


def answer(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(connection.recv(1000).upper())


kept = []
while True:
    connection, _ = listener.accept()
    kept.append(connection)
    if kind != "reads-nothing":
        threading.Thread(target=answer, args=(connection,), daemon=True).start()
