"""Connections that stay open: this goes into the background with them.

client.py open ADDRESS PORT COUNT    COUNT connections, one after the other
client.py burst ADDRESS PORT COUNT   COUNT at once: each sends "hello" when it believes that it is connected
client.py ask ADDRESS PORT COUNT     COUNT connections, each with a request and its answer, which is printed;
                                     closed again
client.py send ADDRESS PORT BYTES    one connection; send until nothing more is taken, BYTES at most
"""

import os
import select
import socket
import sys
import time

TIMEOUT = 20.0  # seconds
QUIET = 300  # milliseconds in which nothing more is taken


def background() -> None:
    """Go on in a process of its own, while whoever started us continues; end there after a minute or so."""
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)


def connect(address: tuple[str, int], count: int) -> list[socket.socket]:
    return [socket.create_connection(address, timeout=TIMEOUT) for _ in range(count)]


def burst(address: tuple[str, int], count: int) -> None:
    waiting = {}
    poll = select.poll()
    for _ in range(count):
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        waiting[connection.fileno()] = connection
    for connection in waiting.values():  # as close to one another as can be
        connection.connect_ex(address)
    for connection in waiting.values():
        poll.register(connection, select.POLLOUT)
    print(f"{count} started", flush=True)
    background()
    deadline = time.monotonic() + 4 * TIMEOUT
    writable = set(waiting)
    while writable and time.monotonic() < deadline:
        for descriptor, _ in poll.poll(1000):
            poll.unregister(descriptor)
            writable.discard(descriptor)
            try:
                waiting[descriptor].send(b"hello")
            except OSError:
                continue
    time.sleep(max(0.0, deadline - time.monotonic()))


def ask(address: tuple[str, int], count: int) -> None:
    for _ in range(count):
        with socket.create_connection(address, timeout=TIMEOUT) as connection:
            connection.sendall(b"hello")
            print(connection.recv(1000).decode())


def send(address: tuple[str, int], most: int) -> None:
    (connection,) = connect(address, 1)
    connection.setblocking(False)
    poll = select.poll()
    poll.register(connection, select.POLLOUT)
    sent = 0
    while sent < most and poll.poll(QUIET):
        sent += connection.send(bytes(min(65536, most - sent)))
    print(f"{sent} bytes taken" + (", and no more" if sent < most else ""), flush=True)
    background()
    time.sleep(4 * TIMEOUT)
    connection.close()


way, address, number = sys.argv[1], (sys.argv[2], int(sys.argv[3])), int(sys.argv[4])
if way == "open":
    held = connect(address, number)
    print(f"{number} connections", flush=True)
    background()
    time.sleep(4 * TIMEOUT)
elif way == "burst":
    burst(address, number)
elif way == "ask":
    ask(address, number)
else:
    send(address, number)
