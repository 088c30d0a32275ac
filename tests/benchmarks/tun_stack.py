"""One transfer between a TCP in Python and the kernel's: `python -m tests.benchmarks.tun_stack STACK WAY BYTES`.

In a network namespace of its own, which it fills as it likes.  STACK is the server: netlib, offload, which is netlib
with offloads, or pytcp; the kernel connects to it.  WAY is send or take.  Prints how many bytes it has moved per second
of its own processor time.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any

OURS, THEIRS, PORT = "10.9.0.2", "10.9.0.1", 5001
# The kernel's end: it takes or sends the bytes, and checks them.
CLIENT = """
import socket, sys
from random import Random
way, size = sys.argv[1], int(sys.argv[2])
body = Random(1).randbytes(size)
peer = socket.create_connection(("10.9.0.2", 5001), 30)
if way == "take":
    peer.sendall(body)
    assert peer.recv(10) == b"thanks"
else:
    got = bytearray()
    while len(got) < size:
        got += peer.recv(1 << 18)
    assert got == body
peer.close()
"""


def main(stack: str, way: str, size: int) -> None:
    body = Random(1).randbytes(size)
    run(["ip", "link", "set", "lo", "up"])

    def client() -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "-c", CLIENT, way, str(size)])

    if stack == "pytcp":
        seconds = with_pytcp(way, body, client)
    else:
        seconds = with_netlib(way, body, client, offload=stack == "offload")
    print(size / seconds, flush=True)
    os._exit(0)  # PyTCP's threads have no end


def run(command: list[str]) -> None:
    subprocess.run(command, check=True)


def with_netlib(way: str, body: bytes, client: Callable[[], "subprocess.Popen[bytes]"], offload: bool) -> float:
    """Seconds of processor that netlib takes."""
    from netlib.host import STREAM, Host
    from netlib.worlds.live import Live, Tun
    from netlib.worlds.task import readable, writable

    host = Host("me", Random(1))
    host.attach(f"{OURS}/24")

    async def serve() -> float:
        listener = host.socket(STREAM)
        listener.bind(OURS, PORT)
        listener.listen()
        await readable(listener)
        peer, started = listener.accept(), time.process_time()
        assert peer
        if way == "send":
            at = 0
            while at < len(body):
                at += peer.send(body[at : at + (1 << 18)])
                await writable(peer)
        else:
            got = bytearray()
            while len(got) < len(body):
                await readable(peer)
                got += peer.recv(1 << 18) or b""
            check(got, body)
            peer.send(b"thanks")
        await readable(peer)
        return time.process_time() - started

    with Live(host, Tun("netlib0", f"{THEIRS}/24", offload=offload)) as live:
        started = client()
        seconds = live.run(serve())
        check(started.wait(60), 0)
    return seconds


def with_pytcp(way: str, body: bytes, client: Callable[[], "subprocess.Popen[bytes]"]) -> float:
    """Seconds of processor that PyTCP takes, at its fastest: without a log, and without IPv6."""
    from pytcp import TcpIpStack, config
    from pytcp.lib import socket

    config.LOG_CHANEL = set()
    stack = TcpIpStack(interface="tap0", ip4_address=f"{OURS}/24", ip6_address="fe80::9/64")
    config.IP6_SUPPORT = False
    run(["ip", "addr", "add", f"{THEIRS}/24", "dev", "tap0"])
    run(["ip", "link", "set", "tap0", "mtu", "1500", "up"])
    stack.start()
    listener: Any = socket.socket(family=socket.AF_INET4, type=socket.SOCK_STREAM)
    listener.bind((OURS, PORT))
    listener.listen()
    started = client()
    peer, _ = listener.accept()
    before = time.process_time()
    if way == "send":
        peer.send(body)
    else:
        got = bytearray()
        while len(got) < len(body):
            got += peer.recv()
        check(got, body)
        peer.send(b"thanks")
    check(started.wait(100), 0)
    return time.process_time() - before


def check(got: Any, wanted: Any) -> None:
    """An assertion that -O leaves in place."""
    if got != wanted:
        raise RuntimeError("not what was sent has come")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
