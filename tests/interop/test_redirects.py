"""Redirects between netlib and the Linux kernel, on one link with three machines.

    10.0.1.2   the host: it knows one router, 10.0.1.1
    10.0.1.1   that router, whose way to 10.0.2.0/24 leads back to the link, to 10.0.1.3
    10.0.1.3   the better router; 10.0.2.1 is its own too

The host or the first router is netlib's, and the other one the kernel's.
"""

import re
import shutil
from collections.abc import Iterator
from random import Random

import pytest

from netlib.apps.ping import ping
from netlib.host import Host
from netlib.wire.address import IPv4Address, MACAddress
from netlib.worlds.live import Live, PacketDevice

from .namespaces import Kernel, cable, ip, missing, namespace, packet_socket, run

reason = missing()
pytestmark = [
    pytest.mark.skipif(reason is not None, reason=reason or ""),
    pytest.mark.skipif(shutil.which("ethtool") is None, reason="needs ethtool"),
]
MAC = MACAddress("02:00:00:00:00:aa")
HOST, ROUTER, BETTER, TARGET = "10.0.1.2", "10.0.1.1", "10.0.1.3", "10.0.2.1"


@pytest.fixture
def kernels() -> Iterator[list[Kernel]]:
    kernels: list[Kernel] = []
    with namespace():
        ip("link set lo up")
        if run("ip link add br0 type bridge").returncode:
            pytest.skip("this kernel has no bridge")
        ip("link set br0 up", "link add mine type veth peer name port0")
        ip("link set port0 master br0", "link set mine up", "link set port0 up")
        yield kernels
        for kernel in kernels:
            kernel.close()


def on_the_link(kernels: list[Kernel], address: str, forwarding: int) -> Kernel:
    """One more kernel on the link."""
    kernels.append(kernel := Kernel())
    cable(f"port{len(kernels)}", kernel, "eth1", f"{address}/24")
    ip(f"link set port{len(kernels)} master br0")
    kernel.sysctl("net.ipv4.ip_forward", forwarding)  # this sets the others to what suits a router or a host
    for name in ("all", "eth1"):
        kernel.sysctl(f"net.ipv4.conf.{name}.accept_redirects", 1 - forwarding)
        kernel.sysctl(f"net.ipv4.conf.{name}.send_redirects", forwarding)
        kernel.sysctl(f"net.ipv4.conf.{name}.rp_filter", 0)
    return kernel


def better_router(kernels: list[Kernel]) -> None:
    on_the_link(kernels, BETTER, forwarding=1).ip(f"addr add {TARGET}/32 dev lo")


def test_the_kernel_obeys_our_redirect(kernels: list[Kernel]) -> None:
    better_router(kernels)
    host = on_the_link(kernels, HOST, forwarding=0)
    host.ip(f"route add default via {ROUTER}")
    router = Host("r", Random(1), forwarding=True)
    router.attach(f"{ROUTER}/24", MAC)
    router.add_route("10.0.2.0/24", via=BETTER)
    assert f"via {ROUTER} " in host.run(f"ip route get {TARGET}").stdout
    with Live(router, PacketDevice(packet_socket("mine"))) as live:
        done = host.run(f"ping -n -c 3 -i 0.2 -W 3 {TARGET}")
        assert " 3 received" in done.stdout, done.stdout  # the packet that told is not lost
        assert re.search(rf"From {ROUTER}.* Redirect Host.*New nexthop: {BETTER}", done.stdout), done.stdout
        found = host.run(f"ip route get {TARGET}").stdout
        assert f"via {BETTER} " in found and "redirected" in found, found
        assert f"via {ROUTER} " in host.run("ip route get 10.0.2.2").stdout
        assert live.errors == []


def test_we_obey_the_kernels_redirect(kernels: list[Kernel]) -> None:
    better_router(kernels)
    on_the_link(kernels, ROUTER, forwarding=1).ip(f"route add 10.0.2.0/24 via {BETTER}")
    host = Host("h", Random(1))
    host.attach(f"{HOST}/24", MAC)
    host.add_route("0.0.0.0/0", via=ROUTER)
    with Live(host, PacketDevice(packet_socket("mine"))) as live:
        result = live.run(ping(host, TARGET, count=3, interval=0.2, timeout=3))
        assert result.received == 3
        target = IPv4Address(TARGET)
        assert [str(known) for known in host.internet.redirects.table] == [TARGET]
        route = host.internet.redirects.table[target].route
        assert route.via == IPv4Address(BETTER)
        assert not any("redirect" in dropped for dropped in host.dropped)
        assert live.errors == []
