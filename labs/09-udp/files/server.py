"""All that listens on the server; goes into the background once everything does.

7001 UDP    says how many bytes each datagram had that came since it was asked last; b"?" asks
7001 TCP    says how many bytes each read gave, when the client has ended its side
7002 UDP    reads 4 bytes of each datagram, and answers with them
7007 UDP    answers with the first 4 bytes as they are, and the others in capitals
7100 UDP    four sockets: each answers with its letter
7200 UDP    is never read; its buffer is small
"""

import os
import select
import socket

HERE, CLIENT = "10.9.2.1", ("10.9.1.1", 40000)
EVERYWHERE = "0.0.0.0"
BUFFER = 8192  # bytes; the kernel doubles it, for what it keeps besides the data


def datagrams(address: str, port: int, peer: tuple[str, int] | None = None) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # so that several may be bound alike
    made.bind((address, port))
    if peer:
        made.connect(peer)
    return made


def tcp_reads(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        poll = select.poll()
        poll.register(connection, select.POLLRDHUP)
        poll.poll(5000)  # all has come when the client has ended its side
        reads = []
        while data := connection.recv(65536):
            reads.append(str(len(data)))
        connection.sendall(" ".join(reads).encode())


sizes, short, capitals = (datagrams(EVERYWHERE, port) for port in (7001, 7002, 7007))
unread = datagrams(EVERYWHERE, 7200)
unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
letters = {
    datagrams(EVERYWHERE, 7100): b"a",
    datagrams(EVERYWHERE, 7100): b"b",
    datagrams(HERE, 7100): b"c",
    datagrams(HERE, 7100, CLIENT): b"d",
}
stream = socket.create_server((EVERYWHERE, 7001))

if os.fork() == 0:  # whoever started us goes on now, as everything listens
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    seen: list[str] = []
    while True:
        for ready in select.select([sizes, short, capitals, stream, *letters], [], [])[0]:
            if ready is stream:
                tcp_reads(stream)
                continue
            if ready is short:
                data, _, flags, sender = ready.recvmsg(4)
                cut = b", the rest is gone" if flags & socket.MSG_TRUNC else b""
                ready.sendto(data + cut, sender)
                continue
            data, sender = ready.recvfrom(65536)
            if ready is capitals:
                ready.sendto(data[:4] + data[4:].upper(), sender)
            elif ready is not sizes:
                ready.sendto(letters[ready], sender)
            elif data == b"?":
                ready.sendto(" ".join(seen).encode(), sender)
                seen.clear()
            else:
                seen.append(str(len(data)))
