"""Asks a server for things, in one of four ways, and says how long it took.

    client.py reconnect ADDRESS PORT CALLS [SIZE]    a new connection for each call
    client.py chatty ADDRESS PORT CALLS [SIZE]       one connection, one call after the other
    client.py pipelined ADDRESS PORT CALLS [SIZE]    one connection, all calls sent before the first answer is read
    client.py batched ADDRESS PORT CALLS [SIZE]      one connection, all calls in one message

It asks for prices, or, with a SIZE, for an echo of so many bytes.  It prints JSON: how many answers were right, how
many connections it made, and the seconds from the first connect to the last answer.
"""

import json
import socket
import sys
import time

design, address, port, calls = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
size = int(sys.argv[5]) if len(sys.argv) > 5 else 0
connections = 0


def connect() -> socket.socket:
    global connections
    connections += 1
    made = socket.create_connection((address, port), timeout=30)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def request(number: int) -> dict:
    asked = {"method": "echo", "params": ["x" * size]} if size else {"method": "price", "params": [number]}
    return {"jsonrpc": "2.0", "id": number} | asked


def framed(message: object) -> bytes:
    data = json.dumps(message).encode()
    return len(data).to_bytes(4, "big") + data


def read(connection: socket.socket) -> object:
    length = int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big")
    return json.loads(connection.recv(length, socket.MSG_WAITALL))


answers = []
start = time.monotonic()
if design == "reconnect":
    for number in range(calls):
        with connect() as connection:
            connection.sendall(framed(request(number)))
            answers.append(read(connection))
else:
    with connect() as connection:
        if design == "chatty":
            for number in range(calls):
                connection.sendall(framed(request(number)))
                answers.append(read(connection))
        elif design == "pipelined":
            connection.sendall(b"".join(framed(request(number)) for number in range(calls)))
            answers += [read(connection) for _ in range(calls)]
        elif design == "batched":
            connection.sendall(framed([request(number) for number in range(calls)]))
            answers += read(connection)
        else:
            sys.exit(f"no design {design!r}: reconnect, chatty, pipelined, batched")
seconds = time.monotonic() - start
expected = ["x" * size if size else 100 + 7 * number % 900 for number in range(calls)]
right = sum(answer["id"] == number and answer["result"] == expected[number] for number, answer in enumerate(answers))
print(json.dumps({"right": right, "connections": connections, "seconds": round(seconds, 6)}))
