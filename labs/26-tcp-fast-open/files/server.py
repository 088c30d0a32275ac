"""Answers each connection's request in upper case, and takes TCP Fast Open (RFC 7413) where the kernel lets it.

    server.py PORT               with the kernel's own key for cookies
    server.py PORT another-key   with a key of its own: a cookie of port 7001 is none here

It goes into the background once it listens.
"""

import contextlib
import os
import socket
import sys

TCP_FASTOPEN_KEY = 33  # include/uapi/linux/tcp.h
WAITING = 16  # connections that may wait with data before their handshake is over

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", int(sys.argv[1])))
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, WAITING)
if sys.argv[2:] == ["another-key"]:
    listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_KEY, bytes(range(16)))
listener.listen(WAITING)
if os.fork() == 0:  # whoever started us goes on now, as we listen
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(connection.recv(1000).upper())
