"""The kernel's UDP sockets and netlib's, asked the same: random calls on both, and what comes of each.

Both hosts have the loopback interface only.  The kernel's sockets live in a namespace of the test's own.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netlib.host import DATAGRAM, Host
from netlib.kernel.errors import SocketError
from netlib.worlds.sockets import System
from netlib.worlds.task import readable

from .namespaces import ip, missing, namespace, run

reason = missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")

ADDRESSES = ["0.0.0.0", "127.0.0.1", "127.0.0.2", "127.0.0.3"]
PORTS = [7001, 7002]
names = st.integers(0, 3)  # of sockets
addresses, ports = st.sampled_from(ADDRESSES), st.sampled_from(PORTS)
calls = st.one_of(
    st.tuples(st.just("bind"), names, addresses, ports, st.booleans()),
    st.tuples(st.just("connect"), names, addresses, ports),
    st.tuples(st.just("send"), names),
    st.tuples(st.just("send_to"), names, addresses, ports),
    st.tuples(st.just("receive"), names),
    st.tuples(st.just("close"), names),
    st.tuples(st.just("bind"), names, st.just("10.1.2.3"), ports, st.booleans()),
)


@pytest.fixture(autouse=True, scope="module")
def own_namespace() -> Iterator[None]:
    with namespace():
        ip("link set lo up")
        run("sysctl -qw net.ipv4.icmp_ratemask=0")
        yield


def netlib_host() -> Host:
    host = Host("h", Random(1))
    host.internet.reports.burst = host.internet.reports.tokens = 10**9
    return host


def outcome(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    try:
        return call(*arguments, **options)
    except SocketError as error:
        return error.name


class Bench:
    """Four sockets of one host, and what comes of calls on them."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.sockets: dict[int, Any] = {}
        self.sent = 0
        self.known: dict[int, str] = {}  # ephemeral ports by the socket that has them

    def do(self, call: tuple[Any, ...]) -> Any:
        name, number, *rest = call
        if number not in self.sockets:
            self.sockets[number] = self.host.socket(DATAGRAM)
        socket = self.sockets[number]
        if name == "bind":
            address, port, reuse = rest
            result = outcome(socket.bind, address, port, reuse_port=reuse)
        elif name == "connect":
            result = outcome(socket.connect, *rest)
        elif name == "close":
            socket.close()
            del self.sockets[number]
            result = None
        elif name == "receive":
            result = outcome(socket.receive)
            if isinstance(result, tuple):
                result = result[0], self.named(result[1])
        else:
            self.sent += 1
            data = b"%d" % self.sent
            result = outcome(socket.send, data) if name == "send" else outcome(socket.send_to, data, tuple(rest))
        if socket.address and socket.address[1] not in PORTS:
            self.known[socket.address[1]] = f"port of {number}"
        names = self.named(socket.address), self.named(socket.peer)
        return call, result, names, [(key, self.sockets[key].readable) for key in sorted(self.sockets)]

    def named(self, address: Any) -> Any:
        return address and (str(address[0]), self.known.get(address[1], address[1]))

    def drain(self) -> list[Any]:
        """Everything that still waits in the sockets."""
        return [self.do(("receive", number)) for number in sorted(self.sockets) for _ in range(3)]

    def close(self) -> None:
        for socket in self.sockets.values():
            socket.close()


def reuse_is_a_lottery(steps: list[tuple[Any, ...]]) -> bool:
    """Which of several sockets of one port gets a datagram depends on a secret: left to a test of its own."""
    return sum(step[0] == "bind" and step[-1] for step in steps) > 1


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(calls, min_size=3, max_size=25))
def test_random_calls_end_as_on_the_kernel(steps: list[tuple[Any, ...]]) -> None:
    if reuse_is_a_lottery(steps):
        steps = [(*step[:-1], False) if step[0] == "bind" else step for step in steps]
    with System() as system:
        ours, theirs = Bench(netlib_host()), Bench(system)
        for step in steps:
            assert ours.do(step) == theirs.do(step)
        assert ours.drain() == theirs.drain()


HOSTS = pytest.mark.parametrize("make", [netlib_host, System], ids=["netlib", "kernel"])


@HOSTS
def test_a_connected_socket_comes_before_a_wildcard_and_reuse_port_keeps_to_the_sender(make: Callable[[], Any]) -> None:
    """One test for both: four workers share a port, and a fifth socket takes over one client by connecting to it."""
    host = make()
    workers = [host.socket(DATAGRAM) for _ in range(4)]
    for worker in workers:
        worker.bind("0.0.0.0", 7001, reuse_port=True)
    alone = host.socket(DATAGRAM)
    assert outcome(alone.bind, "127.0.0.1", 7001) == "EADDRINUSE"  # it does not say reuse_port
    clients = [host.socket(DATAGRAM) for _ in range(64)]
    for client in clients:
        client.connect("127.0.0.1", 7001)
        for data in (b"one", b"two", b"three"):
            client.send(data)
    met: dict[Any, set[int]] = {}
    for number, worker in enumerate(workers):
        got = []
        while received := worker.receive():
            got.append(received[0])
            met.setdefault(received[1], set()).add(number)
        assert len(got) % 3 == 0
    assert len(met) == 64 and all(len(numbers) == 1 for numbers in met.values())
    assert {number for numbers in met.values() for number in numbers} == {0, 1, 2, 3}
    special = host.socket(DATAGRAM)
    special.bind("127.0.0.1", 7001, reuse_port=True)
    special.connect(*clients[5].address)
    for client in clients:
        client.send(b"again")
    assert special.receive() == (b"again", clients[5].address) and special.receive() is None
    for socket in [*workers, *clients, special, alone]:
        socket.close()


@HOSTS
def test_a_bound_address_comes_before_the_wildcard(make: Callable[[], Any]) -> None:
    host = make()
    everywhere, here, client = (host.socket(DATAGRAM) for _ in range(3))
    everywhere.bind("0.0.0.0", 7001, reuse_port=True)
    here.bind("127.0.0.1", 7001, reuse_port=True)
    for address in ("127.0.0.1", "127.0.0.2"):
        client.send_to(address.encode(), (address, 7001))
    assert (here.receive()[0], here.receive()) == (b"127.0.0.1", None)
    assert (everywhere.receive()[0], everywhere.receive()) == (b"127.0.0.2", None)
    for socket in (everywhere, here, client):
        socket.close()


@HOSTS
def test_econnrefused_comes_once_before_what_waits_and_only_to_the_connected(make: Callable[[], Any]) -> None:
    host = make()
    plain, connected, friend = (host.socket(DATAGRAM) for _ in range(3))
    plain.send_to(b"x", ("127.0.0.1", 7002))
    assert (plain.error, plain.readable, outcome(plain.receive)) == (None, False, None)
    friend.bind("127.0.0.1", 7001)
    connected.connect("127.0.0.1", 7001)
    connected.send(b"hello")
    friend.send_to(b"waits", friend.receive()[1])
    friend.close()
    assert connected.send(b"into the void") == 13  # goes out: what comes back is told later
    assert (connected.error, connected.readable) == ("ECONNREFUSED", True)
    assert outcome(connected.send, b"not sent") == "ECONNREFUSED"
    assert connected.error is None
    assert connected.receive()[0] == b"waits"
    assert connected.send(b"again") == 5
    assert outcome(connected.receive) == "ECONNREFUSED"
    assert connected.receive() is None
    for socket in (plain, connected):
        socket.close()


@HOSTS
def test_sizes_that_fit_and_sizes_that_do_not(make: Callable[[], Any]) -> None:
    host = make()
    one, other = host.socket(DATAGRAM), host.socket(DATAGRAM)
    other.bind("127.0.0.1", 7001)
    for size in (0, 1, 65_507):
        assert one.send_to(bytes(size), ("127.0.0.1", 7001)) == size
        assert other.receive()[0] == bytes(size)  # boundaries are kept, the empty datagram is one too
    for size in (65_508, 65_535, 70_000):
        assert outcome(one.send_to, bytes(size), ("127.0.0.1", 7001)) == "EMSGSIZE"
    assert outcome(one.send, b"") == "EDESTADDRREQ"
    assert outcome(one.send_to, b"", ("192.0.2.1", 7)) == "ENETUNREACH"
    assert outcome(one.send_to, b"", ("255.255.255.255", 7)) in ("EACCES", "ENETUNREACH")
    assert outcome(one.connect, "192.0.2.1", 7) == "ENETUNREACH"
    assert outcome(one.bind, "127.0.0.1", 7003) == "EINVAL"  # it has a port since it has sent
    other.close()
    assert outcome(other.receive) == outcome(other.send, b"") == "EBADF"
    one.close()


@HOSTS
def test_a_full_buffer_drops_the_newest(make: Callable[[], Any]) -> None:
    host = make()
    one, other = host.socket(DATAGRAM), host.socket(DATAGRAM)
    other.bind("127.0.0.1", 7001)
    for number in range(2000):
        one.send_to(b"%d" % number, ("127.0.0.1", 7001))
    got = []
    while received := other.receive():
        got.append(int(received[0]))
    assert got == list(range(len(got))) and 200 < len(got) < 400
    one.close()
    other.close()


def test_what_ss_shows_is_what_we_say() -> None:
    with System() as system:
        bound, connected = system.socket(DATAGRAM), system.socket(DATAGRAM)
        bound.bind("127.0.0.1", 7001)
        connected.connect("127.0.0.1", 7001)
        connected.send(b"x")
        shown = run("ss -uanH").stdout.split()
        ours = Bench(netlib_host())
        assert ours.do(("bind", 0, "127.0.0.1", 7001, False))[1] is None
        ours.do(("connect", 1, "127.0.0.1", 7001))
        for socket, mine in ((bound, ours.sockets[0]), (connected, ours.sockets[1])):
            assert f"{socket.address[0]}:{socket.address[1]}" in shown
            assert str(socket.address[0]) == str(mine.address[0])
        assert f"{connected.peer[0]}:{connected.peer[1]}" in shown

        async def wait() -> bool:
            return await readable(bound, 1.0)

        assert system.run(wait())
