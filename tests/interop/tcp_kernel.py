"""Many bytes between netlib's TCP and the kernel's: the bytes, programs for both ends, and a bad link between them."""

import json
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256, shake_128
from random import Random
from typing import Any

from netlib.host import STREAM, Host
from netlib.worlds.live import Live, Tun
from netlib.worlds.task import readable, writable

from .namespaces import ip, namespace, run

OURS, THEIRS = "10.9.0.2", "10.9.0.1"
PORT = 5001

# What the kernel's end runs, as a process of its own: `connections` of them, each in a thread, send `down` bytes and
# take what comes, both at once.  It tells a line for each connection: the length and the digest of what has come.
PROGRAM = """
import hashlib, json, socket, sys, threading
role, address, port, connections, down, options = json.loads(sys.argv[1])
page = hashlib.shake_128(b"down").digest(down)
def work(s):
    def send():
        s.sendall(page)
        s.shutdown(socket.SHUT_WR)
    sender = threading.Thread(target=send, daemon=True); sender.start()
    got, digest = 0, hashlib.sha256()
    while data := s.recv(1 << 18):
        got += len(data); digest.update(data)
    sender.join(); s.close()
    print(json.dumps([got, digest.hexdigest()]), flush=True)
def set_up(s):
    for level, name, value in options:
        s.setsockopt(level, name, value.encode() if isinstance(value, str) else value)
workers = []
if role == "server":
    server = socket.socket(); server.setsockopt(1, 2, 1); set_up(server)
    server.bind((address, port)); server.listen(512)
print("ready", flush=True)
for _ in range(connections):
    if role == "server":
        s = server.accept()[0]
    else:
        s = socket.socket(); set_up(s); s.connect((address, port))
    workers.append(threading.Thread(target=work, args=[s])); workers[-1].start()
"""
# So many at a time: connect all (or accept them), then send a little, read the answer, and close.
MANY = """
import json, socket, sys
role, address, port, rounds, at_once = json.loads(sys.argv[1])
if role == "server":
    server = socket.socket(); server.setsockopt(1, 2, 1); server.bind((address, port)); server.listen(512)
print("ready", flush=True)
for _ in range(rounds):
    if role == "server":
        made = [server.accept()[0] for _ in range(at_once)]
    else:
        made = [socket.create_connection((address, port), 30) for _ in range(at_once)]
    print(len(made), flush=True)
    for s in made:
        s.settimeout(30)
        if role == "client":
            s.sendall(b"ping")
    for s in made:
        came = s.recv(100)
        if role == "server":
            s.sendall(b"re: " + came)
        elif came != b"re: ping":
            print("a wrong answer", came, flush=True)
    for s in made:
        if s.recv(100) != b"":
            print("no end", flush=True)
        s.close()
"""
CUBIC = [[6, 13, "cubic"]]  # IPPROTO_TCP, TCP_CONGESTION


def bytes_of(name: str, count: int) -> bytes:
    """So many bytes in which no part is like another."""
    return shake_128(name.encode()).digest(count)


class Program:
    """The kernel's end, in a process in this network namespace: PROGRAM or MANY with its words."""

    def __init__(self, code: str, role: str, *words: Any, port: int = PORT) -> None:
        address = THEIRS if role == "server" else OURS
        command = [sys.executable, "-c", code, json.dumps([role, address, port, *words])]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout and self.process.stdout.readline() == "ready\n"

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.communicate()

    def line(self) -> Any:
        """What it tells next."""
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def told(self, timeout: float = 60) -> list[Any]:
        """What else it tells, a value a line, until it is done."""
        return [json.loads(line) for line in self.process.communicate(timeout=timeout)[0].splitlines()]


def digest(data: bytes) -> list[Any]:
    """What a `Program` says of a connection on which these bytes have come."""
    return [len(data), sha256(data).hexdigest()]


def eventually(condition: Callable[[], Any], patience: float = 20.0) -> Any:
    """The first value that is true; what it was at last, if none comes."""
    end = time.monotonic() + patience
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return value


# ---- netlib's end ------------------------------------------------------------------------------------------------


async def send_all(made: Any, data: bytes, patience: float = 60.0) -> None:
    at = 0
    while at < len(data):
        assert await writable(made, patience), f"no room for {patience} s: {made.info}"
        at += made.send(data[at : at + 65_536])
    made.shutdown()


async def receive_all(made: Any, patience: float = 60.0) -> bytes:
    got = bytearray()
    while True:
        assert await readable(made, patience), f"nothing for {patience} s: {made.info}"
        data = made.recv(1 << 18)
        if data == b"":
            return bytes(got)
        got += data or b""


async def serve_page(host: Host, page: bytes, **options: Any) -> None:
    """A page by HTTP for whoever asks, for ever; a header tells who that seems to be."""
    server = await listening(host, 80, **options)
    while await readable(server):
        made, request = server.accept(), b""
        while b"\r\n\r\n" not in request and await readable(made):
            request += made.recv(4096) or b""
        head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(page)}\r\nX-Peer: {made.peer[0]}\r\n\r\n"
        await send_all(made, head.encode() + page)
        await readable(made, 30)
        made.close()


async def listening(host: Host, port: int = PORT, **options: Any) -> Any:
    server = host.socket(STREAM)
    for name, value in options.items():
        server.set_option(name, value)
    server.bind("0.0.0.0", port)
    server.listen(256)
    return server


async def accepted(server: Any) -> Any:
    assert await readable(server, 20)
    return server.accept()


async def connected(host: Host, port: int = PORT, **options: Any) -> Any:
    made = host.socket(STREAM)
    for name, value in options.items():
        made.set_option(name, value)
    made.connect(THEIRS, port)
    assert await writable(made, 20)
    return made


# ---- the link ----------------------------------------------------------------------------------------------------


class Impaired(Tun):
    """A TUN device that loses, duplicates and reorders TCP that passes, either way; the same for the same seed.

    `loss`, `duplicate` and `reorder` are shares of packets.  One that is reordered waits until `behind` more have
    come in its direction.
    """

    def __init__(self, name: str, address: str, loss: float, reorder: float, duplicate: float, seed: int = 1) -> None:
        super().__init__(name, address)
        self.loss, self.reorder, self.duplicate = loss, reorder, duplicate
        self.random = Random(seed)
        self.behind = 4
        self.ready: deque[bytes] = deque()  # for the host
        self.waiting: dict[str, list[list[Any]]] = {"in": [], "out": []}  # how many are to pass before, packet
        self.counts: Counter[str] = Counter()

    def passed(self, way: str, packet: bytes) -> list[bytes]:
        """What comes out when a packet goes in."""
        if packet[0] != 0x45 or packet[9] != 6:
            return [packet]  # no TCP: the kernel also looks for IPv6 neighbours
        out: list[bytes] = []
        self.counts[f"{way} packets"] += 1
        self.counts[f"{way} bytes"] += len(packet) - 20 - (packet[32] >> 4) * 4  # of data
        if self.random.random() < self.loss:
            self.counts[f"{way} lost"] += 1
        elif self.random.random() < self.reorder:
            self.counts[f"{way} reordered"] += 1
            self.waiting[way].append([self.behind + 1, packet])
        else:
            out.append(packet)
            if self.random.random() < self.duplicate:
                self.counts[f"{way} duplicated"] += 1
                out.append(packet)
        for held in self.waiting[way]:
            held[0] -= 1
        out += [held[1] for held in self.waiting[way] if held[0] <= 0]
        self.waiting[way] = [held for held in self.waiting[way] if held[0] > 0]
        self.counts[f"{way} passed"] += len(out)
        return out

    def read(self) -> bytes | None:
        while not self.ready:
            packet = super().read()
            if packet is None:
                return None
            self.ready += self.passed("in", packet)
        return self.ready.popleft()

    def write(self, frame: bytes) -> None:
        for packet in self.passed("out", frame):
            super().write(packet)


@contextmanager
def neighbours(device: type[Tun] = Tun, *words: Any) -> Iterator[tuple[Live, Any]]:
    """A host of ours, and the kernel, with Reno if nothing else is said, at the other end of a device."""
    with namespace():
        ip("link set lo up")
        assert run("sysctl -qw net.ipv4.tcp_congestion_control=reno").returncode == 0
        host = Host("h", Random(1))
        host.attach(f"{OURS}/24")
        made = device("netlib0", f"{THEIRS}/24", *words)
        with Live(host, made) as live:
            yield live, made
            assert live.errors == []
