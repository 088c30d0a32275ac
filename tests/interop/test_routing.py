"""Which way a packet goes: netlib's tables and the Linux kernel's, asked about the same routes and destinations."""

import json
import subprocess
from collections.abc import Iterator
from random import Random

import pytest

from netlib.host import Host, Parts
from netlib.internet.routes import Routes, next_hop
from netlib.internet.trie import Trie
from netlib.wire.address import IPv4Address, IPv4Network

from .namespaces import ip, missing, namespace, run

reason = missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")

LINKS = ["10.1.0.1/24", "10.1.1.9/30", "172.16.4.1/22", "192.0.2.6/31", "203.0.113.200/26"]
NEIGHBOURS = ["10.1.0.7", "10.1.1.10", "172.16.7.200", "192.0.2.7", "203.0.113.254"]  # one on each link
DESTINATIONS = 500


@pytest.fixture(autouse=True)
def own_namespace() -> Iterator[None]:
    with namespace():
        ip("link set lo up")
        yield


def batch(lines: list[str]) -> subprocess.CompletedProcess[str]:
    """Many `ip` commands at once; those that fail say so, and the others are done all the same."""
    return subprocess.run(["ip", "-force", "-batch", "-"], input="\n".join(lines), capture_output=True, text=True)


def asked(destinations: list[IPv4Address]) -> list[tuple[str, str | None, str | None, str | None]]:
    """What the kernel would do with a packet to each of these: the kind of route, the interface, next hop, source."""
    answers = []
    for destination in destinations:
        done = run(f"ip -j route get {destination}")
        if done.returncode:
            assert "Network is unreachable" in done.stderr, f"{destination}: {done.stderr}"
            answers.append(("unreachable", None, None, None))
        else:
            [found] = json.loads(done.stdout)
            kind = found.get("type", "unicast")
            answers.append((kind, found["dev"], found.get("gateway", found["dst"]), found["prefsrc"]))
    return answers


def ours(host: Host, destination: IPv4Address) -> tuple[str, str | None, str | None, str | None]:
    """What netlib would do, in the kernel's words."""
    internet = host.internet
    if destination in internet.addresses:
        return "local", "lo", str(destination), str(destination)
    hop = next_hop(internet.routes, destination)
    if hop is None:
        return "unreachable", None, None, None
    interface = host.interfaces[hop[0]]
    kind = "broadcast" if interface.address.network.is_broadcast(destination) else "unicast"
    return kind, interface.name, str(hop[1]), str(interface.address.address)


def random_routes(random: Random, count: int, default: bool) -> dict[IPv4Network, int]:
    """Network -> the link it leads over: of all lengths, and many of them inside another."""
    routes = {IPv4Network("0.0.0.0/0"): random.randrange(len(LINKS))} if default else {}
    while len(routes) < count:
        prefix = random.choice([*range(1, 33), 31, 31, 32, 32])
        inside = random.choice(list(routes)) if routes and random.random() < 0.6 else IPv4Network("0.0.0.0/0")
        network = IPv4Network.around(inside.bits | random.getrandbits(32) & ~inside.mask, max(prefix, inside.prefix))
        if 1 <= network.address[0] <= 223 and not (network.covers(LOOPBACK) or LOOPBACK.covers(network)):
            routes[network] = random.randrange(len(LINKS))
    return routes


LOOPBACK = IPv4Network("127.0.0.0/8")


def random_destinations(random: Random, networks: list[IPv4Network], count: int) -> list[IPv4Address]:
    """Anywhere, in a random network, or at the edges of one, where mistakes are made; unicast addresses all."""
    found: list[IPv4Address] = []
    while len(found) < count:
        network = random.choice(networks)
        edge = random.choice([-1, 0, 1, network.size - 2, network.size - 1, network.size])
        number = random.choice([random.getrandbits(32), network.bits + random.randrange(network.size),
                                network.bits + edge, network.bits + edge])  # fmt: skip
        address = IPv4Address.from_int(number % 2**32)
        if 1 <= address[0] <= 223 and not address.is_loopback:
            found.append(address)
    return found


@pytest.mark.parametrize(("seed", "default"), [(1, True), (2, False)])
def test_500_random_destinations_go_where_the_kernel_sends_them(seed: int, default: bool) -> None:
    random = Random(seed)
    hosts = [Host("list", Random(1), Parts(routes=Routes)), Host("trie", Random(1), Parts(routes=Trie))]
    for number, address in enumerate(LINKS):
        ip(f"link add eth{number} type veth peer name peer{number}",
           f"addr add {address} {'' if address.endswith('/31') else 'brd +'} dev eth{number}",
           f"link set peer{number} up", f"link set eth{number} up")  # fmt: skip
        for host in hosts:
            assert host.attach(address).name == f"eth{number}"
    connected = [interface.address.network for interface in hosts[0].interfaces]
    routes = {n: link for n, link in random_routes(random, 300, default).items() if n not in connected}
    done = batch([f"route add {n} via {NEIGHBOURS[link]} dev eth{link} onlink" for n, link in routes.items()])
    assert done.returncode == 0, done.stderr
    for network, link in routes.items():
        for host in hosts:
            host.add_route(network, via=NEIGHBOURS[link])
    lengths = {network.prefix for network in routes}
    assert {31, 32} <= lengths and (0 in lengths) == default

    destinations = random_destinations(random, [*routes, *connected, *connected], DESTINATIONS)
    kernels = asked(destinations)
    for host in hosts:
        differ = [(str(d), mine, theirs) for d, theirs in zip(destinations, kernels, strict=True)
                  if (mine := ours(host, d)) != theirs]  # fmt: skip
        assert not differ, f"{host.name}: {len(differ)} of {DESTINATIONS} differ, as {differ[:3]}"
    kinds = [kind for kind, *_ in kernels]
    assert kinds.count("unicast") > 200 and kinds.count("broadcast") and kinds.count("local")  # all were asked about
    assert default or kinds.count("unreachable") > 20
    if default:
        return
    # half of the routes go: the same again
    gone = random.sample(list(routes), len(routes) // 2)
    assert batch([f"route del {network}" for network in gone]).returncode == 0
    for network in gone:
        for host in hosts:
            host.remove_route(network)
    kernels = asked(destinations)
    for host in hosts:
        assert [ours(host, destination) for destination in destinations] == kernels
