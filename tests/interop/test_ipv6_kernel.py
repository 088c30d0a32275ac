"""IPv6 and the Linux kernel: a live host and the kernel resolve, ping and fragment for each other, and what the
kernel sends is read without a problem and rebuilt bit for bit."""

import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from netlib.apps.ping import ping
from netlib.host import DATAGRAM, Host
from netlib.kernel.errors import SocketError
from netlib.lab import Lab
from netlib.wire.address import MACAddress
from netlib.wire.address6 import IPv6Address
from netlib.wire.icmpv6 import NeighbourSolicitation
from netlib.wire.packet import decode
from netlib.worlds.live import Live, PacketDevice, Tap, Tun
from netlib.worlds.task import readable, sleep

from .namespaces import Kernel, cable, ip, missing, namespace, packet_socket, run

MAC = MACAddress("02:00:00:00:00:aa")
reason = missing() or (None if Path("/proc/net/if_inet6").exists() else "this kernel has no IPv6")
pytestmark = [
    pytest.mark.skipif(reason is not None, reason=reason or ""),
    pytest.mark.skipif(shutil.which("ping") is None, reason="needs ping"),
]


def with_ipv6(kernel: Kernel | None = None) -> None:
    """IPv6 as it is where nobody has switched it off, and addresses that are of use at once."""
    for name in ("all", "default", "lo"):
        command = (f"sysctl -qw net.ipv6.conf.{name}.disable_ipv6=0 net.ipv6.conf.{name}.accept_dad=0 "
                   f"net.ipv6.conf.{name}.accept_ra=0")  # fmt: skip
        (kernel.run if kernel else run)(command)


@pytest.fixture(autouse=True)
def own_namespace() -> Iterator[None]:
    with namespace():
        ip("link set lo up")
        with_ipv6()
        yield


@pytest.fixture
def peer() -> Iterator[Kernel]:
    kernel = Kernel()
    with_ipv6(kernel)
    yield kernel
    kernel.close()


@pytest.fixture(params=["tun", "tap"])
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    """A host at fd00::2 whose neighbour is the kernel, at fd00::1."""
    host = Host("h", Random(1))
    host.attach("fd00::2/64", MAC if request.param == "tap" else None)
    device = (Tap if request.param == "tap" else Tun)("netlib0", "fd00::1/64")
    with Live(host, device) as live:
        yield live
        assert live.errors == []


@pytest.mark.parametrize("kind", [Tun, Tap])
def test_the_kernels_address_is_of_use_at_once(kind: type[Tun]) -> None:
    """Also where the kernel takes a second for duplicate address detection, as it usually does."""
    run("sysctl -qw net.ipv6.conf.all.accept_dad=1 net.ipv6.conf.default.accept_dad=1")
    for _ in range(3):
        device = kind("netlib0", "fd00::1/64")
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as bound:
            bound.bind(("fd00::1", 0))
            bound.sendto(b"to myself", bound.getsockname())
            bound.settimeout(5)
            assert bound.recv(100) == b"to myself"
        device.close()


@pytest.mark.parametrize("options", ["", "-s 0", "-s 1452", "-s 1453", "-s 4000", "-s 60000 -i 0.2", "-p ff", "-t 1"])
def test_the_kernels_ping_is_answered(live: Live, options: str) -> None:
    done = run(f"ping -6 -n -c 2 -i 0.1 -W 3 {options} fd00::2")
    assert "2 packets transmitted, 2 received, 0% packet loss" in done.stdout, f"{done.stdout}{live.host.dropped}"
    assert "wrong data" not in done.stdout


@pytest.mark.parametrize("size", [0, 56, 1452, 1453, 20_000])
def test_the_kernel_answers_our_ping(live: Live, size: int) -> None:
    result = live.run(ping(live.host, "fd00::1", count=2, interval=0.05, timeout=3, size=size))
    assert result.received == 2, result
    assert all(answer and answer.ttl == 64 for answer in result.answers)


def test_nobody_answers_for_an_address_that_is_nobodys(live: Live) -> None:
    if live.host.interfaces[0].mac:
        result = live.run(ping(live.host, "fd00::77", count=1, timeout=5))
        assert "address unreachable" in str(result), result


def test_datagrams_both_ways_and_a_closed_port(live: Live) -> None:
    async def conversation() -> tuple[object, str]:
        assert await readable(ours, 5)
        data, sender = ours.receive() or (b"", ("", 0))
        ours.send_to(data.upper(), sender)
        caller = live.host.socket(DATAGRAM)
        caller.connect("fd00::1", 9)
        caller.send(b"anybody?")
        for _ in range(50):
            await sleep(0.1)
            try:
                caller.send(b"really nobody?")
            except SocketError as error:
                return sender, str(error)
        return sender, ""

    ours = live.host.socket(DATAGRAM)
    ours.bind("::", 7000)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as theirs:
        theirs.settimeout(5)
        theirs.connect(("fd00::2", 7001))
        theirs.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            theirs.recv(10)
        theirs.connect(("fd00::2", 7000))
        theirs.send(b"over version six")
        sender, error = live.run(conversation())
        assert theirs.recv(100) == b"OVER VERSION SIX"
        assert sender == (IPv6Address("fd00::1"), theirs.getsockname()[1])
    assert "ECONNREFUSED" in error


def test_beside_a_kernel_the_neighbour_tables_agree(peer: Kernel) -> None:
    cable("v0", peer, "eth1", "fd01::1/64")
    host = Host("h", Random(1))
    host.attach("fd01::2/64", MAC)
    with Live(host, PacketDevice(packet_socket("v0"))) as live:
        done = peer.run("ping -6 -n -c 2 -i 0.1 -W 3 -s 4000 fd01::2")
        assert " 2 received" in done.stdout, done.stdout + done.stderr
        assert re.search(f"lladdr {MAC} (REACHABLE|STALE|DELAY)", peer.run("ip -6 neigh show fd01::2").stdout)
        theirs = re.search("link/ether (\\S+)", peer.run("ip link show eth1").stdout)
        rows = {row["address"]: row for row in host.neighbours()}
        assert theirs and rows["fd01::1"]["mac"] == theirs[1]
        # its link-local address, which it has made from its MAC address as we make ours from it
        local = IPv6Address.link_local(MACAddress(theirs[1]))
        assert str(local) in peer.run("ip -6 addr show dev eth1 scope link").stdout
        assert live.run(ping(host, local, count=1, timeout=3)).received == 1
        ours = IPv6Address.link_local(MAC)
        assert " 1 received" in peer.run(f"ping -6 -n -c 1 -W 3 {ours}%eth1").stdout
        assert live.run(ping(host, "ff02::1", count=1, timeout=3)).answers[0] is not None
        # somebody with our address: the kernel asks before it uses it, and is told
        peer.run("sysctl -qw net.ipv6.conf.eth1.accept_dad=1 net.ipv6.conf.eth1.dad_transmits=1")
        peer.ip("addr add fd01::2/64 dev eth1")
        for _ in range(50):
            shown = peer.run("ip -6 addr show dev eth1 to fd01::2").stdout
            if "dadfailed" in shown:
                break
            time.sleep(0.1)
        assert "dadfailed" in shown
        assert live.errors == []


def test_a_router_of_ours_between_two_kernels_never_fragments(peer: Kernel) -> None:
    other = Kernel()
    try:
        with_ipv6(other)
        cable("v0", peer, "eth1", "fd01::2/64")
        cable("v1", other, "eth1", "fd02::2/64")
        peer.ip("route add default via fd01::1")
        other.ip("route add default via fd02::1")
        router = Host("r", Random(1), forwarding=True)
        one = router.attach("fd01::1/64", MAC)
        two = router.attach("fd02::1/64", MACAddress("02:00:00:00:00:bb"), mtu=1300)
        with Live(router, {one: PacketDevice(packet_socket("v0")), two: PacketDevice(packet_socket("v1"))}) as live:
            done = peer.run("ping -6 -n -c 2 -i 0.1 -W 3 fd02::2")
            assert " 2 received" in done.stdout and "ttl=63" in done.stdout, done.stdout + done.stderr
            done = peer.run("ping -6 -n -c 1 -W 2 -s 1400 -M do fd02::2")
            assert re.search("From fd01::1 .*Packet too big: mtu=1300", done.stdout), done.stdout
            assert "mtu 1300" in peer.run("ip route get fd02::2").stdout
            assert router.dropped["IPv6 packet too big"] == 1
            done = peer.run("ping -6 -n -c 1 -W 2 -t 1 fd02::2")
            assert re.search("From fd01::1 .*Time exceeded: Hop limit", done.stdout), done.stdout
            done = peer.run("ping -6 -n -c 1 -W 2 2001:db8::1")
            assert re.search("From fd01::1 .*Destination unreachable: No route", done.stdout), done.stdout
            assert live.errors == []
    finally:
        other.close()


def test_all_that_two_kernels_say_is_read_and_rebuilt(peer: Kernel) -> None:
    """Neighbour Discovery, multicast reports with extension headers, fragments, UDP, TCP and errors."""
    cable("v0", peer, "eth1", "fd01::1/64")
    listener = packet_socket("v0")
    ip("addr add fd01::2/64 dev v0")
    run("ping -6 -n -c 1 -W 3 fd01::1")
    run("ping -6 -n -c 1 -W 3 -s 3000 fd01::1")
    run("ping -6 -n -c 1 -W 1 -t 1 fd09::1")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"odd", ("fd01::1", 9))
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tcp:
        assert tcp.connect_ex(("fd01::1", 9)) != 0
    frames = []
    listener.settimeout(0.5)
    try:
        while True:
            frames.append(listener.recv(65_535))
    except TimeoutError:
        listener.close()
    packets = [decode(frame) for frame in frames if frame[12:14] == b"\x86\xdd"]
    for packet in packets:
        assert packet.problems == [] and packet.build() == packet.data, packet
    said = "\n".join(map(str, packets))
    for words in ("neighbour solicitation: who has fd01::1?", "neighbour advertisement: fd01::1 is at", "echo reply",
                  "fragment id", "port unreachable (about fd01::2 > fd01::1 UDP)", "TCP", "RST"):  # fmt: skip
        assert words in said, said
    asked = [packet[NeighbourSolicitation] for packet in packets if NeighbourSolicitation in packet]
    assert all(question.option_list for question in asked)


TOPOLOGY = """
name: six
topology:
  nodes:
    h1: {kind: linux, image: "netcourse:latest", network-mode: none, sysctls: {net.ipv6.conf.all.disable_ipv6: 0},
         exec: ["ip addr add 2001:db8::1/64 dev eth1 nodad"]}
    h2: {kind: linux, image: "netcourse:latest", network-mode: none, sysctls: {net.ipv6.conf.all.disable_ipv6: 0},
         exec: ["ip addr add 2001:db8::2/64 dev eth1 nodad"]}
  links:
    - {endpoints: ["h1:eth1", "h2:eth1"], mtu: 1500}
"""


def test_a_lab_of_two_hosts_with_ipv6(tmp_path: Path) -> None:
    """The kernels ping each other; then netlib is a third host on their link."""
    (tmp_path / "topology.clab.yml").write_text(TOPOLOGY)
    lab = Lab(tmp_path)
    lab.up()
    try:
        done = lab["h1"].run("ping -6 -n -c 2 -i 0.2 -W 3 2001:db8::2", check=True)
        assert " 2 received" in done.stdout
        assert " 1 received" in lab["h1"].run("ping -6 -n -c 1 -W 3 ::1", check=True).stdout
        host = Host("h", Random(1))
        host.attach("2001:db8::3/64", MAC)
        with lab["h1"].attach(host, "eth1") as live:
            result = live.run(ping(host, "2001:db8::2", count=2, interval=0.1, timeout=3))
            assert result.received == 2, result
            done = lab["h2"].run("ping -6 -n -c 1 -W 3 2001:db8::3")
            assert " 1 received" in done.stdout, done.stdout
            assert live.errors == []
        instead = Host("i", Random(1))  # in the kernel's place: that gives its address up, and has it again
        instead.attach("2001:db8::1/64", MAC)
        with lab["h1"].attach(instead, "eth1") as live:
            assert "2001:db8::1" not in lab["h1"].run("ip -6 addr show dev eth1").stdout
            assert " 1 received" in lab["h2"].run("ping -6 -n -c 1 -W 3 2001:db8::1").stdout
            assert live.errors == []
        assert "2001:db8::1/64" in lab["h1"].run("ip -6 addr show dev eth1").stdout
    finally:
        lab.down()
