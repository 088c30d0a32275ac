"""A page goes to curl on a live kernel, through 2 % loss, with every part of TCP and the NAT's table somebody's own.

    curl 10.9.0.1 -- TUN -- 10.9.0.2 router 203.0.113.1 -- wire, 2 % lost each way -- 203.0.113.9 server

Two netlib hosts, each live in a thread of its own: the router has the NAT table of examples/nat_table.py, or all of the
NAT of examples/nat.py; the server the other parts of examples/.  The wire between them is a pair of sockets.  The
server knows no way to 10.9.0.0/24: what it sends back to curl goes to the address that the NAT gave it.
"""

from __future__ import annotations

import shutil
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from runpy import run_path
from typing import Any

import pytest

from netlib.host import Host, Parts
from netlib.transport.tcp.parts import TCPParts
from netlib.worlds.live import Live, Tun

from .namespaces import ip, missing, namespace, run
from .tcp_kernel import serve_page

reason = missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")
EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = Random(1).randbytes(1_000_000)
SERVER = "203.0.113.9"


class Wire:
    """One end of a cable between two live hosts, that loses some of what is put in."""

    def __init__(self, end: socket.socket, loss: float, seed: int) -> None:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 21)
        self.end, self.loss, self.random = end, loss, Random(seed)
        self.sent = self.lost = 0

    def fileno(self) -> int:
        return self.end.fileno()

    def read(self) -> bytes | None:
        try:
            return self.end.recv(65_536)
        except BlockingIOError:
            return None

    def write(self, frame: bytes) -> None:
        self.sent += 1
        if self.random.random() < self.loss:
            self.lost += 1
            return
        try:
            self.end.send(frame)
        except (BlockingIOError, ConnectionError):  # a queue that is full, or the other end has gone
            self.lost += 1

    def close(self) -> None:
        self.end.close()


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Any]:
    """`example("rtt", "MyRTT")` is what the file of examples/ calls so."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return lambda file, name: run_path(str(EXAMPLES / f"{file}.py"))[name]


def counted(calls: Counter[str], part: str, kind: Any) -> Any:
    """The same class or function, whose calls are counted by the part's name and the method's."""
    if not isinstance(kind, type):

        def called(*arguments: Any) -> Any:
            calls[part] += 1
            return kind(*arguments)

        return called

    def count(name: str, method: Any) -> Any:
        def called(self: Any, *arguments: Any) -> Any:
            calls[part] += 1
            calls[f"{part}.{name}"] += 1
            return method(self, *arguments)

        return called

    methods = {name: count(name, value) for name, value in vars(kind).items() if callable(value) and name[0] != "_"}
    return type(kind.__name__, (kind,), methods)


@contextmanager
def network(parts: TCPParts, nat: Parts, loss: float = 0.02) -> Iterator[tuple[Live, Live, list[Wire]]]:
    """Server and router, live, and the wire between them."""
    server = Host("server", Random(1), Parts(tcp=parts))
    server.attach(f"{SERVER}/24")
    router = Host("router", Random(2), nat, forwarding=True)
    inside, outside = router.attach("10.9.0.2/24"), router.attach("203.0.113.1/24")
    router.add_nat(outside)
    wires = [Wire(end, loss, seed) for seed, end in enumerate(socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))]
    with namespace():
        ip("link set lo up")
        with (
            Live(router, {inside: Tun("netlib0", "10.9.0.1/24"), outside: wires[0]}) as first,
            Live(server, wires[1]) as second,
        ):
            ip("route add 203.0.113.0/24 via 10.9.0.2")
            yield first, second, wires


# each part: where the example is, and which of its methods must have been asked at least so often
MINE: dict[str, tuple[str, str, dict[str, int]]] = {
    "unwrap": ("sequence", "my_unwrap", {"unwrap": 10}),
    "before": ("sequence", "my_before", {}),  # asked where there are timestamps, which the example's connection has not
    "reassembler": ("reassembler", "MyReassembler", {"reassembler.insert": 1}),
    "rtt": ("rtt", "MyRTT", {"rtt.sample": 10}),
    "congestion": ("congestion", "MyWindow", {"congestion.on_ack": 10, "congestion.on_loss": 1}),
    "recovery": ("recovery", "MyRecovery", {"recovery.on_ack": 10, "recovery.next_segment": 1}),
    "output": ("output", "MyOutput", {"output.decide": 10}),
    "connection": ("connection", "MyConnection", {"connection.segment_arrives": 10}),
    "nat_table": ("nat_table", "MyTable", {"nat_table.outside": 10, "nat_table.inside": 10}),
    "nat": ("nat", "MyNAT", {"nat.outbound": 10, "nat.inbound": 10}),
}
TCP_PARTS = [part for part in MINE if not part.startswith("nat")]


def page_to_curl(names: list[str], example: Callable[[str, str], Any], folder: Path) -> None:
    """With these parts replaced, and the others netlib's own: the page arrives, and each of them was asked."""
    calls: Counter[str] = Counter()
    mine = {name: counted(calls, name, example(*MINE[name][:2])) for name in names}
    tcp = TCPParts(**{name: part for name, part in mine.items() if name in TCP_PARTS})
    nat = Parts(**{name: part for name, part in mine.items() if name not in TCP_PARTS})
    with network(tcp, nat) as (router, server, wires):
        server.spawn(serve_page(server.host, PAGE))
        done = run(f"curl -sS --max-time 60 -D {folder / 'head'} -o {folder / 'page'} http://{SERVER}/", 90)
        assert done.returncode == 0, done.stderr
        assert (folder / "page").read_bytes() == PAGE
        assert "X-Peer: 203.0.113.1" in (folder / "head").read_text()  # who curl seems to be, by the NAT
        assert not router.errors and not server.errors, router.trouble() + server.trouble()
    assert sum(wire.lost for wire in wires) > len(PAGE) / 1460 / 100
    for name in names:
        for method, least in MINE[name][2].items():
            assert calls[method] >= least, (method, calls)
    if names == ["before"]:
        assert calls["before"] >= 10


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


@needs_curl
@pytest.mark.parametrize("nat", ["nat_table", "nat"])
def test_a_page_goes_to_curl_through_loss_with_every_part_replaced_at_once(
    nat: str, example: Callable[[str, str], Any], tmp_path: Path
) -> None:
    page_to_curl([*TCP_PARTS, nat], example, tmp_path)


@needs_curl
@pytest.mark.parametrize("part", MINE)
def test_and_with_each_of_them_alone(part: str, example: Callable[[str, str], Any], tmp_path: Path) -> None:
    page_to_curl([part], example, tmp_path)
