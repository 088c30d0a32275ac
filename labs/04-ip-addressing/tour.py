"""What the lab of chapter 4 shows: what a host does with a packet follows from its address, its mask and its gateway.

The commands are those of the chapter's notebook, in its order, so that it can play the recording.
"""

from netlib.exercises.ip_addressing import answered, asked, destinations
from netlib.exercises.ip_addressing_reference import next_hop
from netlib.lab.tour import claim
from netlib.wire.ethernet import EthernetFrame
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import IPv4Packet

H1, H2, R1, WIKI = "10.4.0.10", "10.4.0.20", "10.4.0.1", "172.17.3.9"
POINTS = ("h1:eth1", "h2:eth1", "r1:eth1", "r1:eth2", "wiki:eth1")
INTERFACES = {"eth1": f"{H1}/24", "eth2": "10.4.8.10/22"}
WITH_DOCKER = {**INTERFACES, "docker0": "172.17.0.1/16", "vpn0": "10.4.9.1/24"}
FIVE_HUNDRED = destinations(["10.4.0.0/24", "10.4.8.0/22", "172.17.0.0/16"], 500, seed=4)
# own addresses of all set-ups, the gateway, broadcast addresses: what chance seldom meets
CHOSEN = ["10.4.0.10", "10.4.8.10", "172.17.0.1", "10.4.9.1", "10.4.0.1", "10.4.0.255", "10.4.11.255", "127.0.0.1"]


def do(lab, *commands):
    for command in commands:
        lab["h1"].run(command, check=True)


def ping(lab, address):
    return lab["h1"].run(f"ping -n -c 1 -W 5 {address}")


def requests(capture):
    """The pings that h1 has sent: (frame, packet)."""
    packets = [packet for _, packet in capture.packets if ICMPMessage in packet and packet[ICMPMessage].type == 8]
    return [(packet[EthernetFrame], packet[IPv4Packet]) for packet in packets]


def agree(lab, interfaces, gateway):
    """Asks the kernel and `next_hop` for 500 destinations and the chosen ones; returns how many, if they agree."""
    done = lab["h1"].run("ip -j -force -batch -", input=asked(FIVE_HUNDRED + CHOSEN))
    kernel = dict(answered(done.stdout))
    ours = {address: next_hop(address, interfaces, gateway) for address in FIVE_HUNDRED + CHOSEN}
    differ = [(address, way, kernel.get(address)) for address, way in ours.items() if way != kernel.get(address)]
    assert not differ, f"{len(differ)} differ, such as {differ[0]}"
    return len(ours)


@claim("A neighbour's packets carry its own MAC address, all others the gateway's; the IP address is always the goal's")
def frames(lab):
    do(lab, "ip -4 -j addr show", "ip -4 route")
    with lab.captures(*POINTS) as captures:
        near = ping(lab, H2)
        far = ping(lab, WIKI)
    assert near and "ttl=64" in near.stdout, near
    assert far and "ttl=63" in far.stdout, far
    macs = {name: lab[name].run("cat /sys/class/net/eth1/address", check=True).stdout.strip() for name in ("h2", "r1")}
    seen = [(str(frame.destination), str(packet.destination)) for frame, packet in requests(captures["h1:eth1"])]
    assert seen == [(macs["h2"], H2), (macs["r1"], WIKI)], seen
    return f"to {H2}: the frame goes to h2; to {WIKI}: the frame goes to r1"


@claim("`ip route get` and the course's next_hop agree on 500 random destinations, and on the corners")
def five_hundred(lab):
    count = agree(lab, INTERFACES, R1)
    return f"{count} of {count} destinations: the same interface and the same next hop"


@claim("An address may end with 255: which one means everybody follows from the mask")
def ends_with_255(lab):
    said = [lab["h1"].run(f"ip -j route get {address}", check=True).stdout
            for address in ("10.4.0.255", "10.4.8.255", "10.4.11.255")]  # fmt: skip
    assert ["broadcast" in answer for answer in said] == [True, False, True], said
    assert ping(lab, "10.4.8.255"), "the store answers"
    return "10.4.0.255/24 and 10.4.11.255/22 are broadcast addresses; 10.4.8.255/22 is a host, and answers"


@claim("A /31 has two hosts, and no broadcast address")
def two_ends(lab):
    do(lab, "ip addr add 10.4.16.0/31 dev eth2")
    lab["store"].run("ip addr add 10.4.16.1/31 dev eth1", check=True)
    assert "broadcast" not in lab["h1"].run("ip -j route get 10.4.16.1", check=True).stdout
    assert ping(lab, "10.4.16.1"), "10.4.16.1 answers 10.4.16.0"
    do(lab, "ip addr del 10.4.16.0/31 dev eth2")
    lab["store"].run("ip addr del 10.4.16.1/31 dev eth1", check=True)
    return "10.4.16.0 pings 10.4.16.1"


@claim("Programs read 010.4.0.20 and 1.2.3 as other addresses, and not all as the same ones")
def loose_readers(lab):
    said = [lab["h1"].run(f"ping -n -c 1 -W 1 {text}").stdout for text in ("010.4.0.20", "10.4.20", "1.2.3")]
    assert ["(8.4.0.20)" in said[0], "(10.4.0.20)" in said[1], "(1.2.0.3)" in said[2]] == [True] * 3, said
    do(lab, "ip link add test type bridge", "ip addr add 010.1.1.1/24 dev test", "ip addr add 1.2.3/24 dev test")
    shown = lab["h1"].run("ip -4 -br addr show dev test", check=True).stdout
    assert "8.1.1.1/24" in shown and "1.2.3.0/24" in shown, shown
    for text in ("1.2.3.4/33", "1.2.3.4/255.0.255.0"):
        assert not lab["h1"].run(f"ip addr add {text} dev test"), text
    do(lab, "ip link del test")
    return "ping: 8.4.0.20 and 1.2.0.3; ip: 8.1.1.1 and 1.2.3.0"


@claim("A gateway has to be a neighbour")
def gateway(lab):
    refused = lab["h1"].run("ip route replace default via 10.9.9.9")
    assert not refused and "invalid gateway" in refused.stderr, refused
    return refused.stderr.strip()


@claim("Another network with the wiki's addresses, and the wiki is gone; a route with a longer prefix brings it back")
def docker(lab):
    do(lab, "ip link add docker0 address 02:42:0a:04:00:0a type bridge", "ip addr add 172.17.0.1/16 dev docker0",
       "ip link set docker0 up")  # fmt: skip
    with lab.capture("h1:eth1") as capture:
        lost = ping(lab, WIKI)
    assert not lost and "From 172.17.0.1 icmp_seq=1 Destination Host Unreachable" in lost.stdout, lost
    assert not requests(capture), "nothing for the wiki has left by eth1"
    do(lab, "ip link add vpn0 type bridge", "ip addr add 10.4.9.1/24 dev vpn0", "ip link set vpn0 up")
    count = agree(lab, WITH_DOCKER, R1)
    do(lab, f"ip route add 172.17.3.0/24 via {R1}")
    assert ping(lab, WIKI), "the wiki answers again"
    do(lab, "ip route del 172.17.3.0/24", "ip link del vpn0", "ip link del docker0")
    return f"the kernel asks for {WIKI} on docker0, where nobody is; next_hop says the same, and on {count} others"


@claim("Without a gateway the rest of the world is unreachable, and the neighbours are not")
def no_gateway(lab):
    do(lab, "ip route del default")
    agree(lab, INTERFACES, None)
    assert ping(lab, H2)
    refused = ping(lab, WIKI)
    assert not refused and "Network is unreachable" in refused.stderr, refused
    do(lab, f"ip route add default via {R1}")
    return "next_hop says None where the kernel says: Network is unreachable"


@claim("A mask that is too long takes a neighbour for a stranger: its packets make a detour, and the gateway says so")
def detour(lab):
    do(lab, "ip addr flush dev eth1", f"ip addr add {H1}/28 dev eth1", f"ip route add default via {R1}")
    with lab.captures("h1:eth1", "h2:eth1", "r1:eth1") as captures:
        done = lab["h1"].run(f"ping -n -c 4 -i 0.2 -W 5 {H2}")  # ping counts each redirect as an error, and as one of 4
    do(lab, "ip addr flush dev eth1", f"ip addr add {H1}/24 dev eth1", f"ip route add default via {R1}")
    assert "bytes from 10.4.0.20" in done.stdout and "Redirect Host(New nexthop: 10.4.0.20)" in done.stdout, done
    assert {packet.ttl for _, packet in requests(captures["h2:eth1"])} == {63}, captures
    return "h2 gets the request with TTL 63 and answers; r1 sends a redirect"


@claim("A mask that is too short takes strangers for neighbours: nobody answers for them")
def alone(lab):
    do(lab, "ip addr flush dev eth1", f"ip addr add {H1}/5 dev eth1", f"ip route add default via {R1}")
    with lab.capture("h1:eth1") as capture:
        done = ping(lab, "8.8.8.8")
    do(lab, "ip addr flush dev eth1", f"ip addr add {H1}/24 dev eth1", f"ip route add default via {R1}")
    assert not done and "From 10.4.0.10 icmp_seq=1 Destination Host Unreachable" in done.stdout, done
    assert not requests(capture), capture
    return "h1 asks for the MAC address of 8.8.8.8, and gives up"
