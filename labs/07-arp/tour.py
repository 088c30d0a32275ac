"""What the lab of chapter 7 shows: who asks whom for a MAC address, what is kept, and that anybody may answer."""

from netlib.lab.tour import claim, until
from netlib.link.suspicion import Watcher
from netlib.wire.arp import REPLY, REQUEST, ARPPacket
from netlib.wire.ethernet import EthernetFrame
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import IPv4Packet

GATEWAY, H1, H2, NOBODY = "10.7.1.1", "10.7.1.2", "10.7.2.2", "10.7.1.99"
BROADCAST = "ff:ff:ff:ff:ff:ff"
NEW_MAC = "02:00:00:00:77:77"  # of the router's new card


def mac(node):
    return node.run("cat /sys/class/net/eth1/address", check=True).stdout.strip()


def entry(node, address):
    """What the node's ARP cache says of an address: (MAC address, state); ("", "") where there is no entry."""
    words = node.run(["ip", "neigh", "show", address, "dev", "eth1"], check=True).stdout.split()
    return (words[words.index("lladdr") + 1] if "lladdr" in words else "", words[-1]) if words else ("", "")


def forget(node):
    node.run("ip neigh flush dev eth1", check=True)


def ping(node, address, *, wait="5", check=True):
    return node.run(["ping", "-n", "-c", "1", "-W", wait, address], check=check)


def arps(capture):
    """The ARP packets of a capture: (frame, packet)."""
    packets = [packet for _, packet in capture.packets if ARPPacket in packet]
    return [(packet[EthernetFrame], packet[ARPPacket]) for packet in packets]


def forge(lab, *times):
    """mallory tells h1, unasked, that the gateway is at mallory's MAC address."""
    argv = ["/usr/bin/python3", "/srv/lab/arp.py", "claim", GATEWAY, H1, mac(lab["h1"]), *times]
    lab["mallory"].run(argv, check=True)


def poison(lab):
    """Forge until h1 has to believe it, and return where h1 has its gateway then."""
    forge(lab, "5")
    said = lab["h1"].run(["ip", "neigh", "show", "to", GATEWAY, "dev", "eth1"], check=True).stdout.split()
    assert mac(lab["mallory"]) in said, said
    return mac(lab["mallory"])


@claim("The question for a MAC address goes to everyone, the answer to the one who asked, and is kept")
def resolution(lab):
    forget(lab["h1"])
    with lab.capture("h1:eth1") as capture:
        ping(lab["h1"], GATEWAY)
    (asked, question), (answered, answer) = arps(capture)[:2]
    assert (question.operation, str(asked.destination)) == (REQUEST, BROADCAST), capture
    assert (answer.operation, str(answered.destination)) == (REPLY, mac(lab["h1"])), capture
    assert entry(lab["h1"], GATEWAY) == (mac(lab["r1"]), "REACHABLE"), entry(lab["h1"], GATEWAY)
    return f"{question}; {answer}; h1 keeps it"


@claim("Who answers has learned from the question: r1 need not ask for h1")
def learned_from_question(lab):
    forget(lab["r1"])
    forget(lab["h1"])
    with lab.capture("r1:eth1") as capture:
        ping(lab["h1"], GATEWAY)
    asked = [packet for _, packet in arps(capture) if packet.operation == REQUEST and str(packet.sender_ip) == GATEWAY]
    assert not asked, capture
    assert entry(lab["r1"], H1)[0] == mac(lab["h1"])
    return "two ARP packets were enough for both ends"


@claim("For another network a host asks for its gateway's MAC address, never for the destination's")
def gateway(lab):
    forget(lab["h1"])
    with lab.capture("h1:eth1") as capture:
        ping(lab["h1"], H2)
    wanted = {str(packet.target_ip) for _, packet in arps(capture) if str(packet.sender_ip) == H1}
    assert wanted == {GATEWAY}, capture
    pings = [packet for _, packet in capture.packets if ICMPMessage in packet]
    frame, packet = pings[0][EthernetFrame], pings[0][IPv4Packet]
    assert (str(packet.destination), str(frame.destination)) == (H2, mac(lab["r1"])), capture
    return f"the packet is for {packet.destination}, in a frame to {frame.destination}, which is r1"


@claim("What is in the cache is not asked for again")
def cache(lab):
    ping(lab["h1"], H2)
    with lab.capture("h1:eth1") as capture:
        ping(lab["h1"], H2)
    asked = [frame for frame, _ in arps(capture) if str(frame.destination) == BROADCAST]
    assert not asked and len(capture.packets) >= 2, capture
    return "the second ping: a request and its answer, no question to everyone"


@claim("Who only hears a question learns nothing from it, nor from an announcement: mallory has no entry for either")
def overheard(lab):
    forget(lab["mallory"])
    forget(lab["h1"])
    ping(lab["h1"], GATEWAY)
    lab["r1"].run(["/usr/bin/python3", "/srv/lab/arp.py", "announce", GATEWAY], check=True)
    assert entry(lab["mallory"], H1) == entry(lab["mallory"], GATEWAY) == ("", ""), lab["mallory"].run("ip neigh")
    return "mallory heard h1 ask everyone, and r1 announce itself, and noted neither"


# shorter times than 30 s, 5 s and 1 s, so that it can be watched; in ms
QUICK = "ip ntable change name arp_cache dev eth1 base_reachable 2000 delay_probe 800 retrans 300"
USUAL = "ip ntable change name arp_cache dev eth1 base_reachable 30000 delay_probe 5000 retrans 1000"
WATCH = "/usr/bin/python3 /srv/lab/neigh.py 10.7.1.1 "


def states(done):
    return [line.split()[1] for line in done.stdout.splitlines()]


@claim("What is known grows old, is used as it is, and is checked by asking the neighbour itself", tries=3)
def checked(lab):
    lab["h1"].run(QUICK, check=True)
    forget(lab["h1"])
    with lab.capture("h1:eth1") as capture:
        done = lab["h1"].run(WATCH + "ping STALE ping REACHABLE STALE", check=True)
    seen = [state for state in states(done) if state != "PROBE"]  # that one lasts as long as the answer takes
    assert seen == ["REACHABLE", "STALE", "DELAY", "REACHABLE", "STALE"], done
    asked = [str(frame.destination) for frame, packet in arps(capture) if str(packet.sender_ip) == H1
             and packet.operation == REQUEST]  # fmt: skip
    assert asked == [BROADCAST, mac(lab["r1"])], capture
    return " > ".join(states(done)) + "; the first question went to everyone, the second to r1 alone"


@claim("A neighbour that is gone is used until the check has failed")
def gone(lab):
    lab["r1"].run("ip link set eth1 down", check=True)
    try:
        done = lab["h1"].run(WATCH + "ping FAILED", check=True)
    finally:
        lab["r1"].run("ip link set eth1 up", check=True)
        lab["h1"].run(USUAL, check=True)
    assert states(done) == ["DELAY", "PROBE", "FAILED"], done
    return " > ".join(states(done))


@claim("Nobody answers for an address that nobody has: three questions, then the host is told so")
def nobody(lab):
    with lab.capture("h1:eth1") as capture:
        done = lab["h1"].run(["ping", "-n", "-c", "1", "-W", "6", NOBODY])
    questions = [packet for _, packet in arps(capture) if str(packet.target_ip) == NOBODY]
    assert len(questions) == 3 and not any(ICMPMessage in packet for _, packet in capture.packets), capture
    assert done.returncode and "Destination Host Unreachable" in done.stdout, done
    assert entry(lab["h1"], NOBODY)[1] == "FAILED", entry(lab["h1"], NOBODY)
    return "3 questions, none answered; the ping itself was never sent"


@claim("An answer that nobody has asked for is believed: h1's entry for its gateway moves to mallory")
def poisoning(lab):
    ping(lab["h1"], H2)
    before = entry(lab["h1"], GATEWAY)[0]
    assert before == mac(lab["r1"])
    after = poison(lab)
    return f"{GATEWAY} was at {before}, and is at {after} now"


@claim("A watcher at h1's cable names what is forged, and nothing else")
def watched(lab):
    forget(lab["h1"])
    with lab.capture("sw:eth1") as capture:
        ping(lab["h1"], GATEWAY)
        for _ in range(3):
            forge(lab)
        ping(lab["h1"], GATEWAY)
        forget(lab["h1"])
        ping(lab["h1"], GATEWAY)
    watcher = Watcher()
    heard = [(when, packet) for when, packet in capture.packets if ARPPacket in packet]
    named = [bool(watcher.hear(packet[EthernetFrame], packet[ARPPacket], when)) for when, packet in heard]
    forged = [str(packet[EthernetFrame].source) == mac(lab["mallory"]) for _, packet in heard]
    assert sum(forged) == 3 and named == forged, capture
    return f"{len(heard)} ARP packets, 3 of them forged: those three were named"


@claim("h1's packets then pass mallory, who reads and forwards them; h1's ping works as before")
def in_the_middle(lab):
    poison(lab)
    with lab.capture("mallory:eth1") as capture, lab.capture("h2:eth1") as at_h2:
        done = ping(lab["h1"], H2)
    seen = [packet for _, packet in capture.packets if ICMPMessage in packet and str(packet[IPv4Packet].source) == H1]
    assert len(seen) == 2, capture  # in, and out again
    came, left = seen
    assert str(came[EthernetFrame].destination) == mac(lab["mallory"]), capture
    assert str(left[EthernetFrame].destination) == mac(lab["r1"]), capture
    ttls = [packet[IPv4Packet].ttl for _, packet in at_h2.packets if ICMPMessage in packet]
    assert ttls[0] == 62, at_h2  # r1 alone would leave 63
    return f"answered as ever ({done.stdout.splitlines()[1]}), but h2 got it with TTL 62, one router too many"


@claim("The switch has no part in it: each MAC address is still at its own port")
def switch(lab):
    rows = [line.split() for line in lab["sw"].run("bridge fdb show br br0", check=True).stdout.splitlines()]
    table = {row[0]: row[2] for row in rows if "permanent" not in row}
    for name, port in (("h1", "eth1"), ("r1", "eth2"), ("mallory", "eth3")):
        assert table.get(mac(lab[name])) == port, table
    return "bridge fdb: h1 at eth1, r1 at eth2, mallory at eth3; the lie is in h1's cache alone"


@claim("An entry that is fixed by hand does not move")
def fixed(lab):
    true = mac(lab["r1"])
    lab["h1"].run(["ip", "neigh", "replace", GATEWAY, "lladdr", true, "dev", "eth1", "nud", "permanent"], check=True)
    with lab.capture("h1:eth1") as capture:
        for _ in range(3):
            forge(lab)
    forged = [packet for _, packet in arps(capture) if str(packet.sender_mac) == mac(lab["mallory"])]
    fixed = lab["h1"].run("ip neigh show nud permanent dev eth1", check=True).stdout
    assert len(forged) == 3 and f"{GATEWAY} lladdr {true}" in fixed, (capture, fixed)
    lab["h1"].run(["ip", "neigh", "del", GATEWAY, "dev", "eth1"], check=True)
    return f"three forged answers came, and h1 still has {true}"


@claim("With a new card a router is lost to its neighbours until it announces itself: gratuitous ARP")
def gratuitous(lab):
    ping(lab["h1"], GATEWAY)
    old = mac(lab["r1"])
    try:
        lab["r1"].run(["ip", "link", "set", "eth1", "address", NEW_MAC], check=True)
        lost = ping(lab["h1"], GATEWAY, wait="0.5", check=False)
        assert lost.returncode, lost
        with lab.capture("h1:eth1") as capture:
            lab["r1"].run(["/usr/bin/python3", "/srv/lab/arp.py", "announce", GATEWAY], check=True)
            until(lambda: entry(lab["h1"], GATEWAY)[0] == NEW_MAC, what="the announced address in h1's cache")
            ping(lab["h1"], GATEWAY)
        frames = [frame for frame, packet in arps(capture) if packet.sender_ip == packet.target_ip]
        assert [str(frame.destination) for frame in frames] == [BROADCAST], capture
        own = [packet for _, packet in arps(capture) if str(packet.sender_ip) == H1 and packet.operation == REQUEST]
        assert not [each for each in own if str(each.target_mac) == "00:00:00:00:00:00"], capture
    finally:
        lab["r1"].run(["ip", "link", "set", "eth1", "address", old], check=True)
        lab["r1"].run(["/usr/bin/python3", "/srv/lab/arp.py", "announce", GATEWAY], check=True)
    return f"one packet to everyone, and h1 has {NEW_MAC} without a question"
