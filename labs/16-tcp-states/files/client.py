"""Open connections one after the other, and close each.

    client.py first ADDRESS PORT COUNT    close at once, then wait for the server's end
    client.py second ADDRESS PORT COUNT   wait for the server's end, then close
    client.py send ADDRESS PORT COUNT     send a line and wait for an answer
    client.py leave ADDRESS PORT COUNT    close at once, and wait for nothing

It prints how many connections were opened, and what ended it before COUNT.
"""

import errno
import socket
import sys


def use(way: str, address: tuple[str, int]) -> None:
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(5.0)  # seconds
    with connection:
        connection.connect(address)
        if way == "first":
            connection.shutdown(socket.SHUT_WR)
        if way == "send":
            connection.sendall(b"is anybody there?\n")
        if way != "leave":
            while connection.recv(65536):
                pass


way, host, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
opened, ended = 0, ""
try:
    while opened < count:
        use(way, (host, port))
        opened += 1
except OSError as error:
    ended = f", then {errno.errorcode[error.errno] if error.errno else error}"
print(f"{opened} connections{ended}")
