"""netlib's TCP and the kernel's over TUN: many bytes, a bad link, many connections; we as client and as server.

In a hurry:  NETLIB_MEGABYTES=5 python -m pytest tests/interop/test_tcp_transfers_kernel.py
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from netlib.host import STREAM
from netlib.lab.samples.nstat import parse as parse_nstat
from netlib.transport.tcp.states import State
from netlib.worlds.live import Live
from netlib.worlds.task import readable, writable

from .namespaces import missing, run
from .tcp_kernel import (
    CUBIC,
    MANY,
    PORT,
    PROGRAM,
    THEIRS,
    Impaired,
    Program,
    accepted,
    bytes_of,
    connected,
    digest,
    eventually,
    listening,
    neighbours,
    receive_all,
    send_all,
)

reason = missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")
MEGABYTES = int(os.environ.get("NETLIB_MEGABYTES", "100"))  # each way
AT_ONCE, ROUNDS = 200, 5


def exchange(live: Live, role: str, count: int) -> tuple[Any, list[Any]]:
    """We, as the `role`, and the kernel send each other so many bytes at once; our socket, and who got what."""
    up, down = bytes_of("up", count), bytes_of("down", count)
    other = "server" if role == "client" else "client"
    listener = live.run(listening(live.host)) if role == "server" else None
    with Program(PROGRAM, other, 1, count, CUBIC) as program:
        made = live.run(accepted(listener) if listener else connected(live.host))
        live.spawn(send_all(made, up))
        got = live.run(receive_all(made))
        assert got == down
        assert program.told() == [digest(up)]
    return made, [up, down]


@pytest.mark.parametrize("role", ["client", "server"])
def test_so_many_megabytes_go_each_way_at_once_and_are_the_same(role: str) -> None:
    with neighbours() as (live, _):
        made, _ = exchange(live, role, MEGABYTES * 1_000_000)
        assert eventually(lambda: made.info.bytes_acked == made.info.bytes_received == MEGABYTES * 1_000_000)


def test_ten_megabytes_each_way_over_a_link_that_loses_reorders_and_duplicates() -> None:
    """As client and as server at once, since most of the time both wait for a timer."""
    with neighbours(Impaired, 0.05, 0.03, 0.03) as (live, link), ThreadPoolExecutor(2) as pool:
        for made, _ in pool.map(lambda role: exchange(live, role, 10_000_000), ("client", "server")):
            assert made.info.bytes_retrans > 0
        for way in ("in", "out"):
            for what in ("lost", "reordered", "duplicated"):
                assert link.counts[f"{way} {what}"] > 200


def established() -> int:
    return len(run(f"ss -Htn state established sport = {PORT} or dport = {PORT}").stdout.splitlines())


async def end(open_ones: list[Any]) -> None:
    """Close our halves, see the peer's end, and close."""
    for made in open_ones:
        made.shutdown()
    for made in open_ones:
        assert await readable(made, 30) and made.recv(100) == b""
        made.close()


def test_a_thousand_connections_to_the_kernel_200_at_once() -> None:
    async def connect_all() -> list[Any]:
        open_ones = [live.host.socket(STREAM) for _ in range(AT_ONCE)]
        for made in open_ones:
            made.connect(THEIRS, PORT)
        for made in open_ones:
            assert await writable(made, 30)
        return open_ones

    async def ask_all(open_ones: list[Any]) -> set[bytes]:
        assert all(made.send(b"ping") == 4 for made in open_ones)
        return {made.recv(100) for made in open_ones if await readable(made, 30)}

    with neighbours() as (live, _), Program(MANY, "server", ROUNDS, AT_ONCE) as program:
        for _ in range(ROUNDS):
            open_ones = live.run(connect_all())
            assert program.line() == established() == AT_ONCE
            assert live.run(ask_all(open_ones)) == {b"re: ping"}
            live.run(end(open_ones))
        assert program.told() == []
        tcp = live.host.tcp
        assert tcp.counters["ActiveOpens"] == ROUNDS * AT_ONCE
        assert {connection.state for connection in tcp.table.values()} == {State.TIME_WAIT}
        # A busy kernel's FIN may come twice, and it answers our second ACK with RST, which ends TIME-WAIT (RFC 1337).
        [kernel] = parse_nstat(run("nstat -asz").stdout)
        assert ROUNDS * AT_ONCE - kernel["TcpOutRsts"] <= len(tcp.table) <= ROUNDS * AT_ONCE
        assert established() == 0 and not tcp.opening and not live.host.sockets


def test_a_thousand_connections_from_the_kernel_200_at_once() -> None:
    async def accept_all() -> list[Any]:
        return [await accepted(server) for _ in range(AT_ONCE)]

    async def answer_all(open_ones: list[Any]) -> None:
        for made in open_ones:
            assert await readable(made, 30)
            made.send(b"re: " + made.recv(100))

    with neighbours() as (live, _):
        server = live.run(listening(live.host))
        with Program(MANY, "client", ROUNDS, AT_ONCE) as program:
            for _ in range(ROUNDS):
                open_ones = live.run(accept_all())
                assert len({made.peer for made in open_ones}) == program.line() == established() == AT_ONCE
                live.run(answer_all(open_ones))
                live.run(end(open_ones))
            assert program.told() == []
        tcp = live.host.tcp
        assert tcp.counters["PassiveOpens"] == ROUNDS * AT_ONCE and live.host.sockets == [server]
        assert tcp.counters["ListenOverflows"] == tcp.counters["ListenDrops"] == 0
