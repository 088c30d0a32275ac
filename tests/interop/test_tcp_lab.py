"""netlib's TCP in a lab, in the place of a kernel: through a wan to another kernel, many bytes both ways and marks.

h1 (netlib) ---- wan ---- h2 (Linux)      10 ms each way, and what a test asks of the wan
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from netlib.host import STREAM, Host, Parts
from netlib.lab import Lab
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.rtt import RTT
from netlib.wire.address import MACAddress
from netlib.worlds.live import Live
from netlib.worlds.task import readable, writable

from .tcp_kernel import bytes_of, eventually, receive_all, send_all

TOPOLOGY = """\
name: tcp-through-a-wan
topology:
  kinds:
    linux: {image: netcourse:latest, network-mode: none}
  nodes:
    h1:
      kind: linux
      exec: [ip addr add 10.0.0.1/24 dev eth1]
    wan:
      kind: linux
      exec: [netlib-wan eth1 eth2 delay=10ms]
    h2:
      kind: linux
      sysctls: {net.ipv4.tcp_ecn: "1"}
      exec: [ip addr add 10.0.0.2/24 dev eth1]
  links:
    - {endpoints: ["h1:eth1", "wan:eth1"], mtu: 1500}
    - {endpoints: ["wan:eth2", "h2:eth1"], mtu: 1500}
"""
PORT, COUNT = 7000, 3_000_000
MEGABYTES = int(os.environ.get("NETLIB_MEGABYTES", "5"))  # each way: CI has little time


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    doctor = Lab.doctor()
    if not doctor:
        pytest.skip(f"labs do not work here: {doctor.problems[0].detail}")
    path = tmp_path_factory.mktemp("tcp") / "topology.clab.yml"
    path.write_text(TOPOLOGY)
    with Lab(Path(path), engine="netns") as lab:
        yield lab


def netlib_in(lab: Lab) -> Live:
    parts = TCPParts(rtt=partial(RTT, more=0.2))  # waits as long as Linux
    host = Host("h1", Random(1), Parts(tcp=parts))
    host.attach("10.0.0.1/24", MACAddress("02:00:00:00:01:01"))
    return lab["h1"].attach(host)


async def connect(host: Host, **options: Any) -> Any:
    made = host.socket(STREAM)
    for name, value in options.items():
        made.set_option(name, value)
    made.connect("10.0.0.2", PORT)
    assert await writable(made, 20)
    return made


async def accept(host: Host, started: threading.Event, **options: Any) -> Any:
    server = host.socket(STREAM)
    for name, value in options.items():
        server.set_option(name, value)
    server.bind("0.0.0.0", PORT)
    server.listen(5)
    started.set()
    assert await readable(server, 20)
    made = server.accept()
    server.close()
    return made


def both_ends(lab: Lab, live: Live, role: str, **options: Any) -> tuple[Any, socket.socket]:
    """A connection in which we have the `role`: our socket and h2's."""
    theirs = lab["h2"].socket()
    theirs.settimeout(60)
    if role == "client":
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        theirs.bind(("0.0.0.0", PORT))
        theirs.listen()
        made = live.run(connect(live.host, **options))
        accepted, _ = theirs.accept()
        theirs.close()
        accepted.settimeout(60)
        return made, accepted
    started = threading.Event()

    def go() -> None:
        started.wait(10)
        theirs.connect(("10.0.0.1", PORT))

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    made = live.run(accept(live.host, started, **options))
    thread.join(10)
    return made, theirs


def exchange(live: Live, made: Any, theirs: socket.socket, count: int = COUNT) -> None:
    """So many bytes each way at once, and the ends of both."""
    up, down = bytes_of("up", count), bytes_of("down", count)
    got = bytearray()

    def send() -> None:
        theirs.sendall(down)
        theirs.shutdown(socket.SHUT_WR)

    def read() -> None:
        while data := theirs.recv(1 << 16):
            got.extend(data)

    threads = [threading.Thread(target=work, daemon=True) for work in (send, read)]
    for thread in threads:
        thread.start()
    live.spawn(send_all(made, up))
    assert live.run(receive_all(made)) == down
    for thread in threads:
        thread.join(600)
    assert got == up


@pytest.mark.parametrize("role", ["client", "server"])
def test_so_many_megabytes_go_each_way_at_once_and_are_the_same(lab: Lab, role: str) -> None:
    with netlib_in(lab) as live:
        made, theirs = both_ends(lab, live, role)
        with theirs:
            exchange(live, made, theirs, MEGABYTES * 1_000_000)
        assert live.errors == []


@pytest.mark.parametrize("role", ["client", "server"])
def test_through_loss_reordering_and_duplication(lab: Lab, role: str) -> None:
    with netlib_in(lab) as live:
        made, theirs = both_ends(lab, live, role)
        lab["wan"].set(loss="1%", reorder="1%", duplicate="1%", behind=5)
        with theirs:
            exchange(live, made, theirs)
            assert eventually(lambda: made.info.bytes_acked == COUNT)
        counters = lab["wan"].wan["eth1"].counters
        lab["wan"].set(loss=0, reorder=0, duplicate=0)
        assert counters["lost"] > 0 and made.info.retrans > 0 and live.errors == []


@pytest.mark.parametrize("role", ["client", "server"])
def test_the_wan_marks_and_both_go_slower_without_a_loss(lab: Lab, role: str) -> None:
    with netlib_in(lab) as live:
        made, theirs = both_ends(lab, live, role, ecn=True)
        lab["wan"].set(mark="1%")
        with theirs:
            exchange(live, made, theirs)
            kernel = theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            assert kernel[5] & 8 and made.info.ecn  # TCPI_OPT_ECN
        marked = sum(lab["wan"].wan[interface].counters["marked"] for interface in ("eth1", "eth2"))
        lab["wan"].set(mark=0)
        assert marked > 0 and made.info.ssthresh is not None
        assert any(event.because.startswith("ECE") for event in made.events) and live.errors == []


@pytest.mark.parametrize("role", ["client", "server"])
def test_both_measure_the_same_way_and_wait_as_long(lab: Lab, role: str) -> None:
    """The way takes 20 ms there and back: no less, and how much more is the machines' doing."""
    with netlib_in(lab) as live:
        made, theirs = both_ends(lab, live, role)
        with theirs:

            async def ask() -> None:
                for _ in range(30):
                    made.send(b"ping")
                    assert await readable(made, 20)
                    assert made.recv(100) == b"ping"

            def answer() -> None:
                with suppress(OSError):
                    while data := theirs.recv(100):
                        theirs.sendall(data)

            threading.Thread(target=answer, daemon=True).start()
            live.run(ask())
            [kernel] = lab["h2"].look("ss").rows
            ours = made.info
            live.run(send_all(made, b""))
        assert kernel["rtt"] >= 0.02 and ours["rtt"] >= 20
        assert kernel["rto"] >= kernel["rtt"] + 0.2
        assert ours["rto"] == pytest.approx(ours["rtt"] + max(200, 4 * ours["rttvar"]), abs=0.01)
        made.abort()
