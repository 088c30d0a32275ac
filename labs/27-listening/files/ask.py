"""Clients.

ask.py once ADDRESS PORT           connect and print what comes; or what went wrong
ask.py count ADDRESS PORT COUNT    COUNT connections one after the other; print how often each answer came
ask.py wait ADDRESS PORT COUNT     open COUNT connections that nobody accepts; have the server close a listener
                                   (port + 1 does it, and says how many waited there); print how many are reset
"""

import collections
import errno
import select
import socket
import sys
import time

TIMEOUT = 5.0  # seconds
QUIET = 0.2  # seconds without a reset: there will be no more


def once(address: tuple[str, int]) -> str:
    try:
        with socket.create_connection(address, timeout=TIMEOUT) as connection:
            return connection.recv(1000).decode()
    except OSError as error:
        return errno.errorcode[error.errno] if error.errno else str(error)


def wait(address: tuple[str, int], count: int) -> str:
    waiting = [socket.create_connection(address, timeout=TIMEOUT) for _ in range(count)]
    with socket.create_connection((address[0], address[1] + 1), timeout=TIMEOUT) as control:
        closed = int(control.recv(100))
        poll = select.poll()
        for connection in waiting:
            poll.register(connection, select.POLLIN)
        reset = 0
        deadline = time.monotonic() + TIMEOUT
        while (happened := poll.poll(QUIET * 1000)) or (reset < closed and time.monotonic() < deadline):
            for descriptor, events in happened:
                reset += bool(events & select.POLLERR)
                poll.unregister(descriptor)
    return f"{count} connections, {closed} waited at the closed listener, {reset} were reset"


way, address = sys.argv[1], (sys.argv[2], int(sys.argv[3]))
if way == "once":
    print(once(address))
elif way == "count":
    answers = collections.Counter(once(address) for _ in range(int(sys.argv[4])))
    print(*(f"{answer}:{number}" for answer, number in sorted(answers.items())))
else:
    print(wait(address, int(sys.argv[4])))
