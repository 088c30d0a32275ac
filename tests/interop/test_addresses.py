"""Several addresses on one interface: which of them netlib's host and the Linux kernel send from, and ask by."""

import contextlib
import json
import socket
from collections.abc import Iterator
from random import Random

import pytest

from netlib.host import DATAGRAM, Host, SendError
from netlib.wire.address import IPv4Address, IPv4Network, MACAddress
from netlib.wire.address6 import IPv6Address
from netlib.wire.arp import ARPPacket
from netlib.wire.ethernet import ETHERTYPE_IPV4, EthernetFrame
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.packet import decode

from .namespaces import ip, missing, namespace, packet_socket, run

reason = missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")
OURS, OTHER = MACAddress("02:00:00:00:00:01"), MACAddress("02:00:00:00:00:02")


@pytest.fixture(autouse=True)
def own_namespace() -> Iterator[None]:
    with namespace():
        ip("link set lo up")
        for number in (0, 1):
            ip(f"link add eth{number} type veth peer name peer{number}", f"link set eth{number} up",
               f"link set peer{number} up")  # fmt: skip
            run(f"sysctl -qw net.ipv6.conf.peer{number}.disable_ipv6=1")
        yield


def source_of(destination: object) -> str:
    """The source that the kernel would send from, or "" where it has no route."""
    done = run(f"ip -j route get {destination}")
    if done.returncode:
        return ""
    [found] = json.loads(done.stdout)
    return str(found["prefsrc"])


def some_addresses(random: Random, count: int) -> list[str]:
    """Few networks, of all lengths, inside one another; and in each of them, several addresses."""
    found: dict[str, str] = {}  # address -> how it is given
    while len(found) < count:
        prefix = random.choice([12, 16, 20, 24, 24, 26, 30])
        number = random.getrandbits(8) << random.choice([0, 8, 12]) | random.getrandbits(2) | 10 << 24
        network = IPv4Network.around(number, prefix)
        address = IPv4Address.from_int(number)
        if not network.is_broadcast(address) and address != network.address:
            found.setdefault(str(address), f"{address}/{prefix}")
    return list(found.values())


@pytest.mark.parametrize("seed", range(6))
def test_the_source_of_a_packet_is_the_one_that_the_kernel_takes(seed: int) -> None:
    random = Random(seed)
    given = some_addresses(random, 9)
    host = Host("h", Random(1))
    interface = host.attach(given[0])
    for address in given[1:]:
        host.add_address(interface, address)
    for address in given:
        ip(f"addr add {address} brd + dev eth0")
    networks = [own.network for own in host.internet.ports[0].addresses]
    for number in range(40):  # routers that are neighbours by any of the networks
        network = random.choice(networks)
        router = IPv4Address.from_int(network.bits + 1 + random.randrange(network.size - 2))
        route = f"198.51.{number}.0/24"
        if router not in host.internet.addresses and not run(f"ip route add {route} via {router}").returncode:
            host.add_route(route, via=str(router))
    destinations = [IPv4Address(f"198.51.{number}.7") for number in range(40)]
    destinations += [IPv4Address.from_int(n.bits + random.randrange(n.size)) for n in networks for _ in range(20)]
    # to itself the kernel speaks from the first address in the same network, and netlib from the one that it speaks to
    destinations = [destination for destination in destinations if destination not in host.internet.addresses]
    differ = []
    for destination in destinations:
        try:
            ours = str(host.internet.source(destination))
        except SendError:
            ours = ""
        if ours != (theirs := source_of(destination)):
            differ.append((str(destination), ours, theirs))
    assert not differ, (given, differ[:3])
    assert len({source_of(destination) for destination in destinations}) > 3


SIX = [
    "2001:db8::1/64", "2001:db8::5/64", "2001:db8:1::1/64", "2001:db8:1::9/48", "2001:db8::8000:0:0:1/96", "fd00::1/48",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_the_source_of_an_ipv6_packet_is_the_one_that_the_kernel_takes(seed: int) -> None:
    random = Random(seed)
    given = random.sample(SIX, len(SIX))
    host = Host("h", Random(1))
    interface = host.attach(given[0])
    for address in given[1:]:
        host.add_address(interface, address)
    host.attach("2001:db8:9::1/64")
    ip(*(f"addr add {address} dev eth0 nodad" for address in given), "addr add 2001:db8:9::1/64 dev eth1 nodad")
    ip("route add default via 2001:db8::77", "route add 2001:db8:5::/48 via 2001:db8:1::77")
    host.add_route("::/0", via="2001:db8::77")
    host.add_route("2001:db8:5::/48", via="2001:db8:1::77")
    for text in ("2001:db8::4", "2001:db8::2", "2001:db8:1::5", "2001:db8:1:7::5", "2001:db8::8000:0:0:9",
                 "2001:db8:9:5::1", "2001:db8:9::7", "2001:db8:5::5", "fd00::5", "fd00:0:0:7::9"):  # fmt: skip
        assert str(host.internet6.source(IPv6Address(text))) == source_of(text), (given, text)


def questions(link: socket.socket) -> set[tuple[str, str]]:
    """Who is asked for on this link, and by which address."""
    found = set()
    link.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while True:
            packet = decode(link.recv(2000))
            if ARPPacket in packet:
                found.add((str(packet[ARPPacket].target_ip), str(packet[ARPPacket].sender_ip)))
    return found


def test_both_ask_by_the_sender_of_the_packet_or_by_the_address_that_is_in_the_network() -> None:
    given = ["10.0.0.1/24", "10.0.0.7/24", "10.1.0.1/24", "10.1.0.9/16"]
    host = Host("h", Random(1), forwarding=True)
    interface, other = host.attach(given[0], OURS), host.attach("192.0.2.1/24", OTHER)
    for address in given[1:]:
        host.add_address(interface, address)
    run("sysctl -qw net.ipv4.ip_forward=1")
    ip(*(f"addr add {address} dev eth0" for address in given), "addr add 192.0.2.1/24 dev eth1",
       f"link set eth1 address {OTHER}")  # fmt: skip
    link, far = packet_socket("peer0"), packet_socket("peer1")
    expected = set()
    for source, target in (("", "10.0.0.5"), ("10.0.0.7", "10.0.0.6"), ("10.0.0.1", "10.1.0.5"), ("", "10.1.7.5")):
        expected.add((target, source or str(host.internet.source(IPv4Address(target)))))
        ours = host.socket(DATAGRAM)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs:
            if source:
                ours.bind(source)
                theirs.bind((source, 0))
            ours.send_to(b"", (target, 9))
            theirs.sendto(b"", (target, 9))
    for target, by in (("10.0.0.77", "10.0.0.1"), ("10.1.0.77", "10.1.0.1"), ("10.1.77.7", "10.1.0.9")):  # forwarded
        expected.add((target, by))
        packet = IPv4Packet(source=IPv4Address("192.0.2.9"), destination=IPv4Address(target), protocol=200)
        frame = EthernetFrame(OTHER, MACAddress("02:00:00:00:00:09"), ETHERTYPE_IPV4, packet.build()).build()
        host.receive(other, frame, 0.0)
        far.send(frame)
    asked = {(str(arp.target_ip), str(arp.sender_ip)) for arp in (decode(frame)[ARPPacket] for _, frame in host.outbox)}
    assert questions(link) == asked == expected
    link.close()
    far.close()
