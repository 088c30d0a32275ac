"""A live host and the Linux kernel: they ping each other, trace each other, and forward for each other."""

import re
import shutil
import socket
from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random

import pytest

from netlib.apps.ping import ping
from netlib.apps.traceroute import Method, traceroute
from netlib.host import Host, Parts
from netlib.internet.parts import RoutesPart
from netlib.internet.routes import Routes
from netlib.internet.trie import Trie
from netlib.wire.address import IPv4Address, MACAddress
from netlib.worlds.live import Live, PacketDevice, Tap, Tun

from .namespaces import Kernel, cable, ip, missing, namespace, packet_socket, run

MAC = MACAddress("02:00:00:00:00:aa")
KINDS = ["tun", "tap"]
reason = missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"needs {tool}")


@pytest.fixture(autouse=True)
def own_namespace() -> Iterator[None]:
    with namespace():
        ip("link set lo up")
        yield


@pytest.fixture(params=KINDS)
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    """A host at 10.9.0.2 whose neighbour is the kernel, at 10.9.0.1."""
    host = Host("h", Random(1))
    host.attach("10.9.0.2/24", MAC if request.param == "tap" else None)
    device = (Tap if request.param == "tap" else Tun)("netlib0", "10.9.0.1/24")
    with Live(host, device) as live:
        yield live
        assert live.errors == []


@needs("ping")
@pytest.mark.parametrize("options", ["", "-s 0", "-s 1472 -M do", "-s 1473", "-s 4000", "-s 60000 -i 0.2", "-p ff"])
def test_the_kernels_ping_is_answered(live: Live, options: str) -> None:
    done = run(f"ping -n -c 2 -i 0.1 -W 3 {options} 10.9.0.2")
    assert "2 packets transmitted, 2 received, 0% packet loss" in done.stdout, done.stdout + done.stderr
    assert "wrong data" not in done.stdout


@needs("ping")
def test_a_flood_is_answered(live: Live) -> None:
    done = run("ping -n -q -f -c 500 -s 2000 10.9.0.2")
    assert " 500 received" in done.stdout, done.stdout


@pytest.mark.parametrize("size", [0, 56, 1472, 1473, 20000])
def test_the_kernel_answers_our_ping(live: Live, size: int) -> None:
    result = live.run(ping(live.host, "10.9.0.1", count=2, interval=0.05, timeout=3, size=size))
    assert result.received == 2
    assert all(answer and answer.ttl == 64 for answer in result.answers)


@needs("traceroute")
@pytest.mark.parametrize("method", ["", "-I"])
def test_the_kernels_traceroute_ends_at_us(live: Live, method: str) -> None:
    done = run(f"traceroute -n {method} -w 3 10.9.0.2")
    assert re.search(r"^ 1  10\.9\.0\.2  [\d.]+ ms  [\d.]+ ms  [\d.]+ ms$", done.stdout, re.M), done.stdout
    assert len(done.stdout.splitlines()) == 2


@needs("tracepath")
def test_the_kernels_tracepath_ends_at_us(live: Live) -> None:
    assert "10.9.0.2" in run("tracepath -n 10.9.0.2").stdout


@pytest.mark.parametrize("method", ["udp", "icmp"])
def test_our_traceroute_ends_at_the_kernel(live: Live, method: Method) -> None:
    result = live.run(traceroute(live.host, "10.9.0.1", method=method, timeout=3))
    assert (result.path, result.reached) == ([IPv4Address("10.9.0.1")], True)


def test_host_unreachable_where_nobody_answers_the_kernels_arp() -> None:
    host = Host("h", Random(1))
    host.attach("10.9.0.2/24", MAC)
    with Live(host, Tap("netlib0", "10.9.0.1/24")):
        done = run("ping -n -c 1 -W 5 10.9.0.77")
        assert "Destination Host Unreachable" in done.stdout


# ---- on a link beside a kernel, and between kernels ----------------------------------------------------------------


@pytest.fixture
def kernels() -> Iterator[list[Kernel]]:
    kernels: list[Kernel] = []
    yield kernels
    for kernel in kernels:
        kernel.close()


@needs("ping")
def test_a_host_on_a_packet_socket_beside_a_kernel(kernels: list[Kernel]) -> None:
    kernels.append(peer := Kernel())
    cable("v0", peer, "eth1", "10.0.1.1/24")
    host = Host("h", Random(1))
    host.attach("10.0.1.2/24", MAC)
    with Live(host, PacketDevice(packet_socket("v0"))) as live:
        done = peer.run("ping -n -c 2 -i 0.1 -s 4000 10.0.1.2")
        assert " 2 received" in done.stdout, done.stdout
        assert str(MAC) in peer.run("ip neigh show 10.0.1.2").stdout
        assert live.run(ping(host, "10.0.1.1", count=2, interval=0.1, size=4000)).received == 2
        assert live.errors == []


def chain(kernels: list[Kernel], count: int) -> None:
    """v0 here -- kernel 1 -- kernel 2 -- ...: behind kernel i is 10.0.i.0/24, its left end .1, its right .2."""
    for _ in range(count):
        kernels.append(Kernel())
        kernels[-1].sysctl("net.ipv4.ip_forward", 1)
        kernels[-1].sysctl("net.ipv4.icmp_ratelimit", 0)
    cable("v0", kernels[0], "left", "10.0.0.2/24")
    for i, (kernel, following) in enumerate(pairwise(kernels), 1):
        kernel.ip(
            f"link add right type veth peer name left netns {following.process.pid}",
            f"addr add 10.0.{i}.1/24 dev right",
            "link set right up",
        )
        following.ip(f"addr add 10.0.{i}.2/24 dev left", "link set left up", f"route add default via 10.0.{i}.1")
        for j in range(i + 1, count):
            kernel.ip(f"route add 10.0.{j}.0/24 via 10.0.{i}.2")


@pytest.mark.parametrize("method", ["udp", "icmp"])
def test_our_traceroute_finds_the_routers_of_a_chain_in_order(kernels: list[Kernel], method: Method) -> None:
    chain(kernels, 4)
    host = Host("h", Random(1))
    host.attach("10.0.0.1/24", MAC)
    host.add_route("0.0.0.0/0", via="10.0.0.2")
    with Live(host, PacketDevice(packet_socket("v0"))) as live:
        result = live.run(traceroute(host, "10.0.3.2", method=method, timeout=3))
        assert [str(hop) for hop in result.path] == ["10.0.0.2", "10.0.1.2", "10.0.2.2", "10.0.3.2"]
        assert result.reached
        assert all(reply for hop in result.hops for reply in hop)
        beyond = live.run(traceroute(host, "192.0.2.1", method=method, max_hops=3, timeout=3))
        assert not beyond.reached and str(beyond.path[0]) == "10.0.0.2"


@pytest.mark.parametrize("routes", [Routes, Trie])
def test_a_router_of_ours_between_two_kernels(kernels: list[Kernel], routes: Callable[[], RoutesPart]) -> None:
    """The kernels ping and trace through netlib, which answers as a router: TTL, MTU, no route."""
    left, right = Kernel(), Kernel()
    kernels += [left, right]
    cable("v0", left, "eth1", "10.0.1.2/24")
    cable("v1", right, "eth1", "10.0.2.2/24")
    left.ip("route add default via 10.0.1.1")
    right.ip("route add default via 10.0.2.1", "link set eth1 mtu 1000")
    ip("link set v1 mtu 1000")
    router = Host("r", Random(1), Parts(routes=routes), forwarding=True)
    one = router.attach("10.0.1.1/24", MAC)
    two = router.attach("10.0.2.1/24", MACAddress("02:00:00:00:00:bb"), mtu=1000)
    devices = {one: PacketDevice(packet_socket("v0")), two: PacketDevice(packet_socket("v1"))}
    with Live(router, devices) as live:
        done = left.run("ping -n -c 2 -i 0.1 10.0.2.2")
        assert " 2 received" in done.stdout and "ttl=63" in done.stdout, done.stdout
        done = left.run("ping -n -c 1 -s 4000 -M dont 10.0.2.2")
        assert " 1 received" in done.stdout, done.stdout
        done = left.run("ping -n -c 1 -W 2 -s 1200 -M do 10.0.2.2")
        assert re.search("From 10.0.1.1 .*Frag needed and DF set.*mtu = 1000", done.stdout), done.stdout
        assert "mtu 1000" in left.run("ip route get 10.0.2.2").stdout
        done = left.run("ping -n -c 1 -W 2 192.0.2.1")
        assert re.search("From 10.0.1.1 .*Destination Net Unreachable", done.stdout), done.stdout
        if shutil.which("traceroute"):
            hops = left.run("traceroute -n -w 3 10.0.2.2").stdout.splitlines()[1:]
            assert [hop.split()[1] for hop in hops] == ["10.0.1.1", "10.0.2.2"]
        if shutil.which("tracepath"):
            assert "pmtu 1000" in left.run("tracepath -n 10.0.2.2").stdout
        assert live.errors == []


def test_a_whole_window_waits_in_a_tun_device_until_it_is_read() -> None:
    with namespace():
        device = Tun("netlib0", "10.9.0.1/24")
        senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(12)]  # each may have some under way
        for number in range(720):
            senders[number % 12].sendto(bytes(1000), socket.MSG_DONTWAIT, ("10.9.0.2", 9))
        assert sum(packet[0] == 0x45 for packet in iter(device.read, None)) == 720
        for sender in senders:
            sender.close()
        device.close()


def test_a_burst_waits_on_a_link_until_it_is_read() -> None:
    """As much as a window of TCP that a kernel sends at once, while the host does something else."""
    with namespace():
        ip("link add v0 type veth peer name v1", "link set v0 up", "link set v1 up")
        device, other = PacketDevice(packet_socket("v0")), packet_socket("v1")
        if device.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < 4_000_000:
            pytest.skip("not permitted to have a larger buffer")
        frame = bytes(MACAddress("02:00:00:00:00:01")) * 2 + b"\x88\xb5" + bytes(1500)
        for _ in range(1000):
            other.send(frame)
        came = iter(device.read, None)
        assert sum(each == frame for each in came) == 1000
        device.close()
        other.close()
