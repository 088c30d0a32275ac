"""What the lab of chapter 3 shows: a switch learns from source addresses, and a port says which program."""

import json
import time

from netlib.lab.tour import claim, counters
from netlib.link.switch import Switch
from netlib.view.switching import passed
from netlib.wire.ethernet import EthernetFrame
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.udp import UDPDatagram

H2 = "10.3.0.2"
PORTS = ("eth1", "eth2", "eth3")


def mac(node):
    return node.run("cat /sys/class/net/eth1/address", check=True).stdout.strip()


def learned(lab):
    """What the switch has learned: MAC address -> its port."""
    rows = [line.split() for line in lab["sw"].run("bridge fdb show br br0", check=True).stdout.splitlines()]
    return {row[0]: row[row.index("dev") + 1] for row in rows if "permanent" not in row and "self" not in row}


def forget(lab):
    for port in PORTS:
        lab["sw"].run(["ip", "link", "set", port, "type", "bridge_slave", "fdb_flush"], check=True)


def table(lab, when):
    """The same, MAC address -> interface. A recording tells the looks apart by `when`, a remark to the shell."""
    rows = json.loads(lab["sw"].sh(f"bridge -j fdb show br br0  # {when}", check=True).stdout)
    return {row["mac"]: row["ifname"] for row in rows if row.get("state", "") == "" and "self" not in row["flags"]}


def ping(node, address=H2):
    node.run(["ping", "-n", "-c", "1", "-W", "5", address], check=True)


def echoes(capture):
    """The pings in a capture, both ways: (frame, packet)."""
    packets = [packet for _, packet in capture.packets]
    return [(packet[EthernetFrame], packet[IPv4Packet]) for packet in packets if ICMPMessage in packet]


@claim("A switch with an empty table learns each sender's port from its frames")
def learns(lab):
    forget(lab)
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


@claim("netlib's switch, shown the frames that came to the bridge, sends each where the bridge did, and knows the same")
def beside(lab):
    lab["h1"].run(f"ping -n -c 1 -W 5 -s 30 {H2}", check=True)  # h1 knows h2's MAC address now
    lab["h1"].run("ip neigh flush to 10.3.0.3", check=True)  # and not h3's
    forget(lab)
    with lab.captures("sw:eth1", "sw:eth2", "sw:eth3") as captures:
        lab["h1"].run(f"ping -n -c 1 -W 5 -s 31 {H2}", check=True)
        lab["h1"].run(f"ping -n -c 1 -W 5 -s 32 {H2}", check=True)
        lab["h1"].run("ping -n -c 1 -W 5 -s 33 10.3.0.3", check=True)
    seen = passed({number: captures[f"sw:{port}"].packets for number, port in enumerate(PORTS)})
    switch = Switch("s", 3)
    for frame in seen:
        switch.receive(frame.came, frame.frame, frame.time)
        sent, switch.outbox = switch.outbox, []
        assert sorted(port for port, _ in sent) == frame.left, frame
    pings = [frame.left for frame in seen if frame.frame[12:14] == b"\x08\x00"]
    assert pings == [[1, 2], [0], [1], [0], [2], [0]], seen
    known = {str(mac): PORTS[port] for mac, port in switch.known(seen[-1].time).items()}
    assert known == table(lab, "after three pings"), known
    return f"{len(seen)} frames, of which {switch.flooded} were flooded; {len(known)} addresses in both tables"


@claim("A bridge forgets whom it has not heard for its ageing time", tries=3)
def ageing(lab):
    lab["sw"].run("ip link set br0 type bridge ageing_time 100", check=True)  # hundredths of a second
    lab["h1"].run(f"ping -n -c 1 -W 5 -s 41 {H2}", check=True)
    before = table(lab, "at once")
    if lab.live:
        time.sleep(2.5)
    after = table(lab, "2.5 seconds later")
    lab["sw"].run("ip link set br0 type bridge ageing_time 30000", check=True)
    assert before.get(mac(lab["h1"])) == "eth1" and not after, (before, after)
    return f"with an ageing time of 1 s: {len(before)} addresses at once, none 2.5 s later"


@claim("With an ageing time of 0 the bridge is a hub: every host gets every frame, and only one takes it")
def hub(lab):
    lab["sw"].run("ip link set br0 type bridge ageing_time 0", check=True)
    before = lab["h3"].sh("nstat -asz IpInReceives  # before", check=True).stdout
    with lab.capture("h3:eth1") as capture:
        lab["h1"].run(f"ping -n -c 2 -i 0.2 -W 5 -s 51 {H2}", check=True)
    after = lab["h3"].sh("nstat -asz IpInReceives  # after", check=True).stdout
    lab["sw"].run("ip link set br0 type bridge ageing_time 30000", check=True)
    assert len(echoes(capture)) == 4, capture
    assert before.split()[-2:] == after.split()[-2:], (before, after)
    return "two pings of h1 to h2: h3's card gets all four packets, its IP layer none"


@claim("The right IP address in a frame for another MAC address: nobody answers")
def other_mac(lab):
    lab["h1"].run("ip neigh replace 10.3.0.2 lladdr 02:00:00:00:99:99 dev eth1 nud permanent", check=True)
    with lab.capture("h2:eth1") as capture:
        done = lab["h1"].run(f"ping -n -c 1 -W 1 -s 61 {H2}")
    lab["h1"].run("ip neigh del 10.3.0.2 dev eth1", check=True)
    found = echoes(capture)
    assert not done and len(found) == 1 and str(found[0][1].destination) == H2, capture
    return "h2's card gets the frame with h2's IP address, and no answer comes"


@claim("Two hosts with one MAC address: whoever spoke last gets what is for both, and the wrong one drops it")
def clone(lab):
    known = (("h1", H2, 3), ("h1", "10.3.0.3", 3), ("h2", "10.3.0.1", 2), ("h3", "10.3.0.1", 2))
    lab["h3"].run("ip link set eth1 address 02:00:00:00:03:01", check=True)  # h2's
    for name, address, number in known:  # nobody has to ask, nor asks again
        entry = f"{address} lladdr 02:00:00:00:0{number}:01 dev eth1 nud permanent"
        lab[name].run(f"ip neigh replace {entry}", check=True)
    before = lab["h3"].sh("nstat -asz IpInAddrErrors  # before", check=True).stdout.split()
    seen = []
    for name, address, size in (("h3", "10.3.0.1", 71), ("h1", H2, 72), ("h2", "10.3.0.1", 73), ("h1", H2, 74)):
        done = lab[name].run(f"ping -n -c 1 -W 1 -s {size} {address}")
        seen.append((bool(done), table(lab, f"after -s {size}")["02:00:00:00:03:01"]))
    after = lab["h3"].sh("nstat -asz IpInAddrErrors  # after", check=True).stdout.split()
    for name, address, _ in known:
        lab[name].run(f"ip neigh del {address} dev eth1", check=True)
    lab["h3"].run("ip link set eth1 address 02:00:00:00:04:01", check=True)
    assert seen == [(True, "eth3"), (False, "eth3"), (True, "eth2"), (True, "eth2")], seen
    refused = int(after[after.index("IpInAddrErrors") + 1]) - int(before[before.index("IpInAddrErrors") + 1])
    assert refused == 1, (before, after)
    return "after a word of h3, h1's ping to h2 goes to h3, whose IP layer refuses it; after a word of h2, to h2"


@claim("The MAC and the IP address lead to a host; the port says which of its programs")
def ports(lab):
    answers = []
    with lab.capture("h2:eth1") as capture:
        for port in (7001, 7002):
            argv = ["/usr/bin/python3", "/srv/lab/say.py", "ask", H2, str(port)]
            answers.append(lab["h1"].run(argv, check=True).stdout.strip())
    asked = [packet[UDPDatagram] for _, packet in capture.packets if UDPDatagram in packet]
    assert [d.destination_port for d in asked if d.payload == b"who are you?"] == [7001, 7002], capture
    assert "time" in answers[0] and "weather" in answers[1], answers
    return "; ".join(answers)
