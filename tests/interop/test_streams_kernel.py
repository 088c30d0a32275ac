"""netlib's stream sockets and the kernel's, over TUN: each serves the other, and both queue, refuse and open alike."""

import shutil
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from netlib.host import STREAM, Host
from netlib.kernel.errors import SocketError
from netlib.lab.samples.nstat import parse as parse_nstat
from netlib.worlds.live import Live, Tun
from netlib.worlds.task import sleep, writable

from .namespaces import ip, missing, namespace, run
from .tcp_kernel import receive_all, serve_page

reason = missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")
PAGE = Random(1).randbytes(1_000_000)


@pytest.fixture(autouse=True)
def own_namespace() -> Iterator[None]:
    with namespace():
        ip("link set lo up")
        yield


@pytest.fixture
def live() -> Iterator[Live]:
    """A host at 10.9.0.2 whose neighbour is the kernel, at 10.9.0.1."""
    host = Host("h", Random(1))
    host.attach("10.9.0.2/24")
    with Live(host, Tun("netlib0", "10.9.0.1/24")) as live:
        yield live
        assert live.errors == []


async def fetch(host: Host, port: int, request: bytes = b"hello", early: bool = False) -> bytes:
    made = host.socket(STREAM)
    made.connect("10.9.0.1", port, *((request,) if early else ()))
    assert await writable(made, 5)
    if not early:
        assert made.send(request) == len(request)
    made.shutdown()
    got = await receive_all(made, 10)
    made.close()
    return got


def kernel_server(page: bytes, connections: int, fast_open: bool = False) -> tuple[int, list[bytes], threading.Thread]:
    """A server on the kernel's sockets: reads to the end, then answers."""
    server = socket.create_server(("10.9.0.1", 0))
    if fast_open:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
    asked: list[bytes] = []

    def work() -> None:
        for _ in range(connections):
            made, _ = server.accept()
            with made:
                asked.append(b"".join(iter(lambda made=made: made.recv(65_536), b"")))  # type: ignore[misc]
                made.sendall(page)
        server.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return server.getsockname()[1], asked, thread


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("syncookies", [1, 2])
def test_curl_gets_a_page(live: Live, tmp_path: Path, syncookies: int) -> None:
    """With cookies for everybody too: the window scale comes back in curl's timestamps."""
    live.host.tcp.settings.syncookies = syncookies
    live.spawn(serve_page(live.host, PAGE))
    for number in range(3):
        done = run(f"curl -sS --max-time 20 -o {tmp_path / str(number)} http://10.9.0.2/")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / str(number)).read_bytes() == PAGE
    assert live.host.tcp.counters["SyncookiesRecv"] == (3 if syncookies == 2 else 0)


def test_we_get_a_page_from_the_kernel_and_close_our_half_first(live: Live) -> None:
    port, asked, thread = kernel_server(PAGE, 1)
    assert live.run(fetch(live.host, port, PAGE[:200_000])) == PAGE
    thread.join(5)
    assert asked == [PAGE[:200_000]]


def test_backlog_2_lets_3_connect_on_both_sides(live: Live) -> None:
    """The fact that was measured, once with the kernel as the listener, once with netlib."""

    async def listen() -> Any:
        server = live.host.socket(STREAM)
        server.bind("0.0.0.0", 81)
        server.listen(2)
        return server

    async def attempts(port: int) -> int:
        clients = []
        for _ in range(8):
            clients.append(live.host.socket(STREAM))
            clients[-1].connect("10.9.0.1", port)
            await sleep(0.05)
        connected = sum(client.writable for client in clients)
        for client in clients:
            client.abort()
        return connected

    server = live.run(listen())
    clients = []
    for _ in range(8):
        clients.append(socket.socket())
        clients[-1].setblocking(False)
        clients[-1].connect_ex(("10.9.0.2", 81))
        live.run(sleep(0.05))
    states = run("ss -Htan dst 10.9.0.2").stdout.split("\n")
    assert sum(line.startswith("ESTAB") for line in states) == 3
    assert (server.info.recv_q, server.info.send_q) == (3, 2)
    assert live.host.tcp.counters["ListenOverflows"] >= 5
    for client in clients:
        client.close()

    with socket.socket() as theirs:
        theirs.bind(("10.9.0.1", 0))
        theirs.listen(2)
        assert live.run(attempts(theirs.getsockname()[1])) == 3


def test_a_closed_port_refuses_both_ways(live: Live) -> None:
    async def attempt() -> str:
        made = live.host.socket(STREAM)
        made.connect("10.9.0.1", 9)
        assert await writable(made, 3)
        with pytest.raises(SocketError) as raised:
            made.send(b"x")
        return raised.value.name

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("10.9.0.2", 9), timeout=3)
    assert live.run(attempt()) == "ECONNREFUSED"


def test_fast_open_with_the_kernel_as_server_and_as_client(live: Live) -> None:
    """Three connections each way: the first asks for a cookie, two carry their request on the SYN."""
    live.host.tcp.settings.fastopen = 3
    assert run("sysctl -qw net.ipv4.tcp_fastopen=3").returncode == 0
    port, asked, thread = kernel_server(b"an answer", 3, fast_open=True)
    for _ in range(3):
        assert live.run(fetch(live.host, port, b"a request", early=True)) == b"an answer"
    thread.join(5)
    assert asked == [b"a request"] * 3 and live.host.tcp.counters["TCPFastOpenActive"] == 2

    live.spawn(serve_page(live.host, PAGE, TCP_FASTOPEN=5))
    for _ in range(3):
        with socket.socket() as client:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # it blocks: with no cookie it connects first
                client.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", 10, 0))
            client.sendto(b"GET / HTTP/1.0\r\n\r\n", socket.MSG_FASTOPEN, ("10.9.0.2", 80))
            got = b"".join(iter(lambda client=client: client.recv(65_536), b""))  # type: ignore[misc]
        assert got.endswith(PAGE)
    counters = live.host.tcp.counters
    assert (counters["TCPFastOpenCookieReqd"], counters["TCPFastOpenPassive"]) == (1, 2)
    # the kernel counts the same of the other end
    [theirs] = parse_nstat(run("nstat -asz").stdout)
    assert (theirs["TcpExtTCPFastOpenPassive"], theirs["TcpExtTCPFastOpenActive"]) == (2, 2)
    assert theirs["TcpExtTCPFastOpenCookieReqd"] == 1
