"""Two programs on one host, told apart by their port.

say.py serve PORT NAME      answers each datagram to PORT with NAME; goes into the background once it listens
say.py ask ADDRESS PORT     sends one datagram and prints who answers
"""

import os
import socket
import sys

TIMEOUT = 5.0  # seconds


def serve(port: int, name: str) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", port))
    if os.fork():  # whoever started us goes on now: from here on we answer
        return
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    while True:
        _, sender = server.recvfrom(2048)
        server.sendto(name.encode(), sender)


def ask(address: str, port: int) -> None:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(TIMEOUT)
    client.sendto(b"who are you?", (address, port))
    answer, (host, number) = client.recvfrom(2048)
    print(f"{host} port {number}: {answer.decode()}")


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]), sys.argv[3])
else:
    ask(sys.argv[2], int(sys.argv[3]))
