"""Answers calls over TCP: JSON-RPC 2.0, each message behind its length in four bytes.

    server.py PORT

It knows `price` (of an item, in cents) and `echo`.  It goes into the background once it listens, and serves each
connection in a thread.  What has come in one piece is answered in one piece.
"""

import json
import os
import socket
import sys
import threading

METHODS = {"price": lambda item: 100 + 7 * item % 900, "echo": lambda value: value}


def answer(request: dict) -> dict:
    return {"jsonrpc": "2.0", "id": request["id"], "result": METHODS[request["method"]](*request["params"])}


def reply_to(message: bytes) -> bytes:
    asked = json.loads(message)
    reply = [answer(each) for each in asked] if isinstance(asked, list) else answer(asked)
    data = json.dumps(reply).encode()
    return len(data).to_bytes(4, "big") + data


def serve(connection: socket.socket) -> None:
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        rest = b""
        while data := connection.recv(65_536):
            rest += data
            replies = b""
            while len(rest) >= 4 and len(rest) >= (end := 4 + int.from_bytes(rest[:4], "big")):
                replies += reply_to(rest[4:end])
                rest = rest[end:]
            connection.sendall(replies)


listener = socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=64)
if os.fork() == 0:  # whoever started us goes on now, as we listen
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
