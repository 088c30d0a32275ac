"""What the lab of chapter 3 shows: a switch learns from source addresses, and a port says which program."""

from netlib.lab.tour import claim, counters
from netlib.wire.ethernet import EthernetFrame
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import IPv4Packet

H2 = "10.3.0.2"


def mac(node):
    return node.run("cat /sys/class/net/eth1/address", check=True).stdout.strip()


def learned(lab):
    """What the switch has learned: MAC address -> its port."""
    rows = [line.split() for line in lab["sw"].run("bridge fdb show br br0", check=True).stdout.splitlines()]
    return {row[0]: row[row.index("dev") + 1] for row in rows if "permanent" not in row and "self" not in row}


def ping(node, address=H2):
    node.run(["ping", "-n", "-c", "1", "-W", "5", address], check=True)


def echoes(capture):
    """The pings in a capture, both ways: (frame, packet)."""
    packets = [packet for _, packet in capture.packets]
    return [(packet[EthernetFrame], packet[IPv4Packet]) for packet in packets if ICMPMessage in packet]


@claim("A switch with an empty table learns each sender's port from its frames")
def learns(lab):
    for port in ("eth1", "eth2", "eth3"):
        lab["sw"].run(["ip", "link", "set", port, "type", "bridge_slave", "fdb_flush"], check=True)
    assert not learned(lab), learned(lab)
    ping(lab["h1"])
    after = learned(lab)
    assert after.get(mac(lab["h1"])) == "eth1" and after.get(mac(lab["h2"])) == "eth2", after
    return f"after one ping: {', '.join(f'{address} at {port}' for address, port in sorted(after.items()))}"


@claim("A host that has sent nothing is not in the table, though the switch is plugged to it")
def silent(lab):
    assert mac(lab["h3"]) not in learned(lab)
    return f"{mac(lab['h3'])} (h3) is not there"


@claim("A frame to an address that is not in the table goes out of every other port; the next one does not")
def flooding(lab):
    ping(lab["h1"])  # h1 knows the MAC address now and need not ask everyone for it
    lab["sw"].run(["bridge", "fdb", "del", mac(lab["h2"]), "dev", "eth2", "master"], check=True)
    with lab.capture("h3:eth1") as first:
        ping(lab["h1"])
    with lab.capture("h3:eth1") as second:
        ping(lab["h1"])
    flooded = echoes(first)
    assert len(flooded) == 1, first
    assert str(flooded[0][0].destination) == mac(lab["h2"]), first
    assert not echoes(second), second
    return "h3 sees the first ping's request, and neither its answer nor anything of the second ping"


@claim("A host throws away what is for another MAC address: its IP layer never hears of it")
def not_mine(lab):
    lab["sw"].run(["bridge", "fdb", "del", mac(lab["h2"]), "dev", "eth2", "master"], check=True)
    before = counters(lab["h3"], "IpInReceives")
    with lab.capture("h3:eth1") as capture:
        ping(lab["h1"])
    after = counters(lab["h3"], "IpInReceives")
    assert len(echoes(capture)) == 1 and before == after, (before, after)
    return f"one frame came to h3's card; IpInReceives stays at {after['IpInReceives']}"


@claim("A broadcast reaches every host")
def broadcast(lab):
    with lab.capture("h2:eth1") as at_h2, lab.capture("h3:eth1") as at_h3:
        lab["h1"].run("ip neigh flush dev eth1", check=True)
        ping(lab["h1"])
    for capture in (at_h2, at_h3):
        frames = [packet[EthernetFrame] for _, packet in capture.packets]
        assert any(str(frame.destination) == "ff:ff:ff:ff:ff:ff" for frame in frames), capture
    return "h1's question for h2's MAC address came to h2 and to h3"


@claim("A switch passes frames on as they are: MAC addresses and TTL at h2 are those that h1 sent")
def unchanged(lab):
    with lab.capture("h1:eth1") as sent, lab.capture("h2:eth1") as came:
        ping(lab["h1"])
    (frame, packet), (other, same) = echoes(sent)[0], echoes(came)[0]
    assert frame.build() == other.build() and packet.ttl == same.ttl == 64, (sent, came)
    return f"{frame.source} > {frame.destination}, TTL {same.ttl}, byte for byte the same"


@claim("The MAC and the IP address lead to a host; the port says which of its programs")
def ports(lab):
    answers = []
    for port in (7001, 7002):
        argv = ["/usr/bin/python3", "/srv/lab/say.py", "ask", H2, str(port)]
        answers.append(lab["h1"].run(argv, check=True).stdout.strip())
    assert "time" in answers[0] and "weather" in answers[1], answers
    return "; ".join(answers)
