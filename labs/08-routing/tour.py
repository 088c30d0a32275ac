"""What the lab of chapter 8 shows: what changes at a hop, which route wins, and that each router decides alone."""

import json
from contextlib import ExitStack, contextmanager
from random import Random

from netlib.host import Host, Parts
from netlib.internet.trie import Trie
from netlib.lab.tour import claim
from netlib.wire.address import MACAddress
from netlib.wire.ethernet import EthernetFrame
from netlib.wire.icmp import ICMPEcho, ICMPMessage
from netlib.wire.ipv4 import IPv4Packet
from netlib.worlds.live import Live, PacketDevice

POINTS = ["h1:eth1", "s1:eth1", "s1:eth2", "r1:eth1", "r1:eth2", "r2:eth1", "r2:eth2", "h2:eth1", "r2:eth3", "h3:eth1"]
WAYS = {  # who has to get packets to these addresses, by r2's table
    "203.0.113.5": "h2",
    "203.0.113.127": "h2",
    "203.0.113.128": "h3",
    "203.0.113.199": "h3",
    "203.0.113.200": "h2",
    "203.0.113.201": "h3",
    "203.0.113.202": "h3",
}
ADDRESSES = ["10.8.2.2/24", "10.8.3.2/24", "10.8.4.2/24"]  # r2's, by interface
ROUTES = {
    "0.0.0.0/0": "10.8.2.1",
    "203.0.113.0/24": "10.8.3.3",
    "203.0.113.128/25": "10.8.4.4",
    "203.0.113.200/31": "10.8.3.3",
    "203.0.113.201/32": "10.8.4.4",
}


def requests(capture):
    """The echo requests that a capture saw."""
    return [packet for _, packet in capture.packets if ICMPEcho in packet and packet[ICMPEcho].type == 8]


def ping(lab, destination, *, check=True):
    return lab["h1"].run(f"ping -n -c 1 -W 2 {destination}", check=check)


@contextmanager
def netlib_router(lab, parts):
    """A netlib host in r2's place: r2's kernel gives up its addresses, and the host has them, and the routes."""
    kernel, router = lab["r2"], Host("r2", Random(8), parts, forwarding=True)
    kernel.run(["sh", "-c", "for n in 1 2 3; do ip addr flush dev eth$n; done"], check=True)
    devices = {}
    for number, address in enumerate(ADDRESSES, 1):
        interface = router.attach(address, MACAddress(f"02:00:00:00:aa:0{number}"))
        devices[interface] = PacketDevice(kernel.packet_socket(f"eth{number}"))
    for network, via in ROUTES.items():
        router.add_route(network, via=via)
    with ExitStack() as after:
        after.callback(back_to_the_kernel, lab)
        forget(lab)
        yield after.enter_context(Live(router, devices))


def back_to_the_kernel(lab):
    lines = [f"addr add {address} dev eth{number}" for number, address in enumerate(ADDRESSES, 1)]
    lines += [f"route add {network} via {via}" for network, via in ROUTES.items()]
    lab["r2"].run("ip -batch -", input="\n".join(lines) + "\n", check=True)
    forget(lab)


def forget(lab):
    """r2's neighbours forget its MAC addresses."""
    for name in ("r1", "h2", "h3"):
        lab[name].run("ip neigh flush all", check=True)


def who_gets(lab, destinations):
    """Who gets a ping to each of these: {destination: name}."""
    found = {}
    for destination in destinations:
        with lab.captures("h2:eth1", "h3:eth1") as seen:
            ping(lab, destination)
        got = [name for name in ("h2", "h3") if requests(seen[f"{name}:eth1"])]
        found[destination] = " ".join(got) or "nobody"
    return found


@claim("At a router the MAC addresses, the TTL and the header checksum change; at a switch nothing does")
def hop(lab):
    captures = {point: lab.capture(point) for point in POINTS}
    ping(lab, "203.0.113.5")
    for capture in captures.values():
        capture.stop()
    [at_h1], [at_r1], [at_r2], [at_h2] = (requests(captures[f"{name}:eth1"]) for name in ("h1", "r1", "r2", "h2"))
    assert at_h1.data == at_r1.data, "s1 changed something"
    for before, after in ((at_r1, at_r2), (at_r2, at_h2)):
        changed = {i for i, (a, b) in enumerate(zip(before.data, after.data, strict=True)) if a != b}
        assert changed <= {*range(12), 22, 24, 25}, changed
        assert before[IPv4Packet].ttl - after[IPv4Packet].ttl == 1
        assert before[EthernetFrame].source != after[EthernetFrame].source
    assert not requests(captures["h3:eth1"])
    return "bytes 0-11 (MAC addresses), 22 (TTL) and 24-25 (header checksum) of the frame; all others stay"


@claim("Of all routes that match, the longest prefix wins, in whatever order they stand")
def longest(lab):
    found = who_gets(lab, WAYS)
    assert found == WAYS, found
    for destination, name in WAYS.items():
        [route] = json.loads(lab["r2"].run(f"ip -j route get {destination}", check=True).stdout)
        assert route["gateway"] == {"h2": "10.8.3.3", "h3": "10.8.4.4"}[name], route
    return ", ".join(f"{destination}: {name}" for destination, name in found.items())


QUESTIONS = {  # ping's words -> what r1 does, as exercise 8.4 writes it
    "203.0.113.5": "forward",
    "-t 1 203.0.113.5": "report 11/0",
    "-t 1 10.8.2.1": "deliver",
    "-M do -s 1472 203.0.113.6": "report 3/4",
    "10.8.2.255": "drop",
    "198.51.100.1": "report 3/0",
}


def done_by(name, address, seen):
    """What a router did with the one request that came by its eth1; `address` is its own there."""
    actions = []
    for _, packet in seen[f"{name}:eth1"].packets:
        if ICMPMessage in packet and str(packet[IPv4Packet].destination) == "10.8.1.2":
            message, source = packet[ICMPMessage], str(packet[IPv4Packet].source)
            if message.is_error and source == address:
                actions.append(f"report {message.type}/{message.code}")
            elif not message.is_error and packet[IPv4Packet].ttl == 64:
                actions.append("deliver")
    return " and ".join(actions + ["forward"] * bool(requests(seen[f"{name}:eth2"]))) or "drop"


@claim("r1 forwards, delivers, reports and drops, each at its place in RFC 1812's order", tries=3)
def verdicts(lab):
    lab["r1"].run("ip link set eth2 mtu 1400", check=True)
    lab["r1"].run("ip route del default", check=True)
    lab["r1"].run("ip route add 203.0.113.0/24 via 10.8.2.2", check=True)
    found = {}
    for words in QUESTIONS:
        with lab.captures("r1:eth1", "r1:eth2") as seen:
            lab["h1"].run(f"ping -n -c 1 -W 1 {words}")
        found[words] = done_by("r1", "10.8.1.1", seen)
    lab["r1"].run("ip route del 203.0.113.0/24", check=True)
    lab["r1"].run("ip route add default via 10.8.2.2", check=True)
    lab["r1"].run("ip link set eth2 mtu 1500", check=True)
    lab["h1"].run("ip route flush cache", check=True)
    assert found == QUESTIONS, found
    return ", ".join(f"ping {words}: {what}" for words, what in found.items())


@claim("The way back is a matter of other tables: the request arrives, and its sender sees nothing")
def way_back(lab):
    lab["r2"].run("ip route del default", check=True)
    with lab.captures("h1:eth1", "h2:eth1") as seen:
        done = ping(lab, "203.0.113.5", check=False)
    lab["r2"].run("ip route add default via 10.8.2.1", check=True)
    assert " 0 received" in done.stdout, done
    kinds = [packet[ICMPMessage].name for _, packet in seen["h2:eth1"].packets if ICMPMessage in packet]
    assert kinds == ["echo request", "echo reply", "network unreachable"], kinds
    return "h2 got the request and answered; r2 had no route for the answer, and told h2, not h1"


@claim("Two routers that send to each other keep a packet until its TTL ends it")
def loop(lab):
    with lab.capture("r2:eth1") as capture:
        done = ping(lab, "198.51.100.1", check=False)
    crossings = [packet[IPv4Packet].ttl for packet in requests(capture)]
    assert crossings == list(range(63, 0, -1)), crossings
    assert "10.8.2.2" in done.stdout and "Time to live exceeded" in done.stdout, done
    return f"one ping, {len(crossings)} times over the cable between r1 and r2; then 11/0 from 10.8.2.2"


@claim(
    "A netlib host with a trie for its routes forwards between the kernels, and each packet takes the same way",
    live=True,
    tries=3,
)
def trie(lab):
    with netlib_router(lab, Parts(routes=Trie)):
        found = who_gets(lab, WAYS)
    assert found == WAYS, found
    assert who_gets(lab, ["203.0.113.5"]) == {"203.0.113.5": "h2"}  # the kernel again
    return f"{len(found)} of {len(WAYS)} as the kernel had it, and all of them were answered"
