"""What the lab of chapter 6 shows: TTL, and how traceroute uses it."""

from netlib.lab.tour import claim
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import IPv4Packet

ROUTERS = ["10.0.1.1", "10.0.2.2", "10.0.3.3"]


@claim("A packet from h1 to h2 loses one of its TTL at each of three routers")
def ttl(lab):
    done = lab["h1"].run("ping -c 1 10.0.4.2", check=True)  # as docs/labs.md begins, so that a recording plays it
    assert "ttl=61" in done.stdout, done
    return "h1's ping was answered with TTL 61 of 64"


@claim("traceroute meets every router on the way")
def path(lab):
    with lab.captures("h1:eth1", "r1:eth1"):  # for those who play the recording
        done = lab["h1"].run("traceroute -n 10.0.4.2", check=True)
    hops = [line.split()[1] for line in done.stdout.splitlines()[1:]]
    assert hops == [*ROUTERS, "10.0.4.2"], done
    return " > ".join(hops)


@claim("Whose TTL ends at a router is reported by that router: time exceeded (11/0)")
def expired(lab):
    points = ["h1:eth1", "r1:eth1", "r1:eth2", "r2:eth1", "r2:eth2", "r3:eth1", "r3:eth2", "h2:eth1"]
    captures = {point: lab.capture(point) for point in points}
    for ttl in (1, 2, 3, 4):
        lab["h1"].run(f"ping -n -c 1 -W 1 -t {ttl} 10.0.4.2")
    for capture in captures.values():
        capture.stop()
    back = [packet for _, packet in captures["h1:eth1"].packets if is_to(packet, "10.0.1.2")]
    said = [(str(packet[IPv4Packet].source), packet[ICMPMessage].type, packet[ICMPMessage].code) for packet in back]
    assert said == [*((router, 11, 0) for router in ROUTERS), ("10.0.4.2", 0, 0)], said
    arrived = [packet for _, packet in captures["h2:eth1"].packets if is_to(packet, "10.0.4.2")]
    assert len(arrived) == 1, "the other three died on their way"
    return "TTL 1, 2 and 3: 11/0 from r1, r2 and r3; TTL 4: the echo reply"


def is_to(packet, destination):
    return IPv4Packet in packet and str(packet[IPv4Packet].destination) == destination
