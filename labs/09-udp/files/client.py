"""A client of the lab's server.

client.py sizes ADDRESS PORT SIZE...       sends datagrams of these sizes over UDP, asks what came, and does the
                                           same over TCP
client.py ask ADDRESS PORT TEXT [FROM]     one datagram, from the port FROM if given; prints what comes back
client.py knock ADDRESS PORT HOW COUNT     sends COUNT datagrams, 0.2 s apart, and prints what each call said;
                                           HOW is connected or plain. Connected, it waits for each one's ICMP error
client.py flood ADDRESS PORT COUNT SIZE    sends COUNT datagrams of SIZE bytes, and prints how many calls failed
"""

import errno
import select
import socket
import sys
import time

TIMEOUT = 5.0  # seconds
APART = 0.2  # seconds


def udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(TIMEOUT)
    return made


def sizes(server: tuple[str, int], wanted: list[int]) -> None:
    with udp() as client:
        for size in wanted:
            client.sendto(bytes(size), server)
        client.sendto(b"?", server)
        print(f"UDP: sent {' '.join(map(str, wanted))}; each read gave {client.recv(1000).decode()}")
    with socket.create_connection(server, timeout=TIMEOUT) as stream:
        for size in wanted:
            stream.sendall(bytes(size))
        stream.shutdown(socket.SHUT_WR)
        print(f"TCP: sent {' '.join(map(str, wanted))}; each read gave {stream.recv(1000).decode()}")


def ask(server: tuple[str, int], text: str, port: int) -> None:
    with udp() as client:
        client.bind(("0.0.0.0", port))
        client.sendto(text.encode(), server)
        try:
            print(client.recv(1000).decode())
        except TimeoutError:
            print("nothing")


def knock(server: tuple[str, int], how: str, count: int) -> None:
    with udp() as client:
        if how == "connected":
            client.connect(server)
        refused = select.poll()
        refused.register(client, 0)  # errors alone
        for number in range(1, count + 1):
            try:
                sent = client.send(b"hello") if how == "connected" else client.sendto(b"hello", server)
                print(f"send {number}: {sent} bytes")
            except OSError as error:
                print(f"send {number}: {errno.errorcode[error.errno or 0]}")
            else:
                if how == "connected":
                    refused.poll(TIMEOUT * 1000)  # until its ICMP error has come back, which the next call tells
            time.sleep(APART)
        client.setblocking(False)
        try:
            client.recv(1000)
        except BlockingIOError:
            print("receive: nothing")
        except OSError as error:
            print(f"receive: {errno.errorcode[error.errno or 0]}")


def flood(server: tuple[str, int], count: int, size: int) -> None:
    failed = 0
    with udp() as client:
        for _ in range(count):
            try:
                client.sendto(bytes(size), server)
            except OSError:
                failed += 1
            time.sleep(0.001)
    print(f"{count} datagrams sent, {failed} calls failed")


way, server, rest = sys.argv[1], (sys.argv[2], int(sys.argv[3])), sys.argv[4:]
if way == "sizes":
    sizes(server, [int(size) for size in rest])
elif way == "ask":
    ask(server, rest[0], int(rest[1]) if rest[1:] else 0)
elif way == "knock":
    knock(server, rest[0], int(rest[1]))
else:
    flood(server, int(rest[0]), int(rest[1]))
