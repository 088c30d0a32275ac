"""Requests of 100 bytes, one after the other: each sent, and its answer of 10 bytes awaited.

    client.py two ADDRESS PORT COUNT       a write of 20 bytes and one of 80, as for a header and a body
    client.py nodelay ADDRESS PORT COUNT   the same two writes, with TCP_NODELAY
    client.py one ADDRESS PORT COUNT       one write
    client.py cork ADDRESS PORT COUNT      two writes under TCP_CORK

It prints the median time of a request, in microseconds.
"""

import socket
import statistics
import sys
import time

HEADER, BODY, ANSWER = bytes(20), bytes(80), 10


def request(way: str, connection: socket.socket) -> None:
    if way == "one":
        connection.sendall(HEADER + BODY)
    else:
        if way == "cork":
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        connection.sendall(HEADER)
        connection.sendall(BODY)
        if way == "cork":
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
    connection.recv(ANSWER, socket.MSG_WAITALL)


way, host, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
times = []
with socket.create_connection((host, port), timeout=10) as connection:
    if way == "nodelay":
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(count):
        start = time.monotonic()
        request(way, connection)
        times.append(time.monotonic() - start)
print(f"{count} requests, median {statistics.median(times) * 1e6:.0f} us")
