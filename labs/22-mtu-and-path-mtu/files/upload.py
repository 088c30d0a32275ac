"""Send a number of bytes to a server, which says how many came.

upload.py serve PORT                     answers each upload with its size; goes into the background once it listens
upload.py send ADDRESS PORT BYTES        prints what the server says, or what went wrong
upload.py start ADDRESS PORT BYTES       sends in the background, and leaves it at that
"""

import errno
import os
import socket
import struct
import sys

TIMEOUT = 20.0  # seconds without any progress
SIZE = struct.Struct("!I")


def background() -> bool:
    """Go on in a process of its own; True there."""
    if os.fork():
        return False
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    return True


def receive(connection: socket.socket, size: int) -> int:
    got = 0
    while got < size and (data := connection.recv(65536)):
        got += len(data)
    return got


def answer(connection: socket.socket) -> None:
    with connection:
        (size,) = SIZE.unpack(connection.recv(SIZE.size, socket.MSG_WAITALL))
        connection.sendall(SIZE.pack(receive(connection, size)))


def serve(port: int) -> None:
    listener = socket.create_server(("0.0.0.0", port), backlog=16)
    if not background():
        return
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            answer(connection)
            os._exit(0)
        connection.close()


def send(address: str, port: int, size: int) -> None:
    with socket.create_connection((address, port), timeout=TIMEOUT) as connection:
        connection.sendall(SIZE.pack(size))
        connection.sendall(bytes(size))
        (came,) = SIZE.unpack(connection.recv(SIZE.size, socket.MSG_WAITALL))
        mss = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        print(f"{came} of {size} bytes came, in segments of up to {mss} bytes")


def main() -> None:
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
        return
    if sys.argv[1] == "start" and not background():
        return
    try:
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    except OSError as error:
        print(errno.errorcode[error.errno] if error.errno else error)


main()
