"""Listens on an address and tells each client whom it sees.

    listen.py ADDRESS PORT             IPv4, or IPv6 where ADDRESS has a colon; `::` takes IPv4 too
    listen.py ADDRESS PORT only-ipv6   with IPV6_V6ONLY

It goes into the background once it listens.
"""

import contextlib
import os
import socket
import sys

address, port = sys.argv[1], int(sys.argv[2])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
listener = socket.socket(family, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if family == socket.AF_INET6:
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, sys.argv[3:] == ["only-ipv6"])
listener.bind((address, port))
listener.listen(16)
if os.fork() == 0:  # whoever started us goes on now, as we listen
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    while True:
        connection, peer = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(f"you are {peer[0]}".encode())
