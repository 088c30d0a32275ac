"""What the lab of chapter 22 shows: how a sender finds the path's MTU, and what happens when nobody tells it."""

import re

from netlib.lab.tour import claim, counters, until
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.options import parse_options
from netlib.wire.tcp import MAXIMUM_SEGMENT_SIZE, TCPSegment

SRV, PORT = "10.22.9.2", "7000"
SIZE = "40000"  # bytes: some thirty segments
SMALL = 1280  # the MTU in the middle
HEADERS = 20 + 20 + 12  # IPv4, TCP, and its timestamps


def upload(node, size=SIZE, way="send"):
    argv = ["/usr/bin/python3", "/srv/lab/upload.py", way, SRV, PORT, str(size)]
    return node.run(argv, check=True).stdout.strip()


def forget(node):
    """What is known of paths goes with their route; `ip route flush cache` would need a writable /proc/sys."""
    gateway = node.run("ip route show default", check=True).stdout.split()[2]
    node.run("ip route del default", check=True)
    node.run(["ip", "route", "add", "default", "via", gateway], check=True)


def known_mtu(node):
    """What the node's kernel has learned of the path to the server; None where it knows no more than its link."""
    found = re.search(r"mtu (\d+)", node.run(["ip", "route", "get", SRV], check=True).stdout)
    return int(found[1]) if found else None


def socket_of(node):
    """`ss -tin` of the node's connection to the server, on one line; empty when there is none."""
    return " ".join(node.run(["ss", "-Htin", "dst", SRV], check=True).stdout.split())


def largest(capture):
    """The largest TCP packet that came to the server, in bytes of IP."""
    packets = [packet for _, packet in capture.packets if TCPSegment in packet]
    return max(packet[IPv4Packet].total_length for packet in packets if str(packet[IPv4Packet].destination) == SRV)


@claim("The router before the small link drops what does not fit, and says which size would (ICMP 3/4)")
def told(lab):
    forget(lab["h1"])
    fits = lab["h1"].run(["ping", "-n", "-c", "1", "-W", "5", "-M", "do", "-s", str(SMALL - 28), SRV])
    assert fits, fits
    assert known_mtu(lab["h1"]) is None
    with lab.capture("h1:eth1") as capture:
        lab["h1"].run(["ping", "-n", "-c", "1", "-W", "5", "-M", "do", "-s", str(SMALL - 27), SRV])
    errors = [packet for _, packet in capture.packets if ICMPMessage in packet and packet[ICMPMessage].type == 3]
    assert errors and str(errors[0][IPv4Packet].source) == "10.22.1.1" and errors[0][ICMPMessage].code == 4, capture
    assert known_mtu(lab["h1"]) == SMALL, known_mtu(lab["h1"])
    return f"1280 bytes pass; of 1281, r1 says that {known_mtu(lab['h1'])} would fit, and h1 remembers it"


@claim("TCP learns from it: after one error all segments fit, and the transfer hardly notices")
def discovery(lab):
    forget(lab["h1"])
    with lab.capture("h1:eth1") as near, lab.capture("srv:eth1") as far:
        said = upload(lab["h1"])
    assert said.startswith(f"{SIZE} of {SIZE}"), said
    assert known_mtu(lab["h1"]) == SMALL and largest(far) == SMALL, far
    announced = [packet[TCPSegment] for _, packet in near.packets if TCPSegment in packet and packet[TCPSegment].syn]
    sizes = {int.from_bytes(dict(parse_options(syn.options))[MAXIMUM_SEGMENT_SIZE], "big") for syn in announced}
    assert sizes == {1460}, sizes  # neither end knows of the middle
    first = max(packet[IPv4Packet].total_length for _, packet in near.packets if IPv4Packet in packet)
    assert first == 1500
    return f"both ends announced an MSS of 1460, h1 began with packets of {first} bytes; {said}"


@claim("Every one of these packets says DF: a router must not cut it")
def dont_fragment(lab):
    with lab.capture("srv:eth1") as capture:
        upload(lab["h1"])
    packets = [packet[IPv4Packet] for _, packet in capture.packets if TCPSegment in packet]
    assert packets and all(packet.dont_fragment and not packet.is_fragment for packet in packets), capture
    return f"{len(packets)} packets, all with DF, none in fragments"


@claim("Where the ICMP error is thrown away, the path is a black hole: it connects, small data passes, large never")
def black_hole(lab):
    small = upload(lab["h2"], 100)
    assert small.startswith("100 of 100"), small
    before = counters(lab["h2"], "TcpExtTCPTimeouts")["TcpExtTCPTimeouts"]
    upload(lab["h2"], SIZE, "start")

    def stuck():
        return counters(lab["h2"], "TcpExtTCPTimeouts")["TcpExtTCPTimeouts"] >= before + 2

    until(stuck, what="the second timeout")
    seen = socket_of(lab["h2"])
    found = re.search(r"ESTAB.* backoff:(\d+) .*bytes_acked:(\d+) .*unacked:", seen)
    assert found, seen
    backoff, acked = map(int, found.groups())
    assert acked <= 5, seen  # the size, four bytes, and the SYN
    assert known_mtu(lab["h2"]) is None
    return f"of {SIZE} bytes not one has arrived after {backoff} timeouts; ss still says ESTAB"


@claim("The firewall counts what it does: the errors were sent, and dropped at r1 itself")
def firewall(lab):
    done = lab["r1"].run("nft list chain ip firewall output", check=True)
    found = re.search(r"counter packets (\d+)", done.stdout)
    assert found, done
    dropped = int(found[1])
    assert dropped >= 2, done
    return f"{dropped} ICMP errors dropped"


@claim("A sender that probes (tcp_mtu_probing) gets through without being told: it tries smaller segments")
def probing(lab):
    with lab.capture("srv:eth1") as capture:
        said = upload(lab["h3"])
    assert said.startswith(f"{SIZE} of {SIZE}"), said
    assert known_mtu(lab["h3"]) is None and largest(capture) <= SMALL, capture
    timeouts = counters(lab["h3"], "TcpExtTCPTimeouts")["TcpExtTCPTimeouts"]
    assert timeouts >= 2
    return f"{said}, after {timeouts} timeouts; packets of at most {largest(capture)} bytes, and no ICMP"


@claim("A route that knows the MTU cures it at the sender")
def route(lab):
    lab["h2"].run(["ip", "route", "add", SRV, "via", "10.22.2.1", "mtu", str(SMALL)], check=True)
    before = counters(lab["h2"], "TcpRetransSegs")
    said = upload(lab["h2"])
    after = counters(lab["h2"], "TcpRetransSegs")
    lab["h2"].run(["ip", "route", "del", SRV], check=True)
    assert said.startswith(f"{SIZE} of {SIZE}") and f"up to {SMALL - HEADERS} " in said, said
    return f"{said}; {after['TcpRetransSegs'] - before['TcpRetransSegs']} retransmitted"


@claim("A router that clamps the MSS in passing SYNs cures it for all behind it")
def clamping(lab):
    lab["r1"].run(["nft", "add chain ip firewall forward { type filter hook forward priority 0 ; }"], check=True)
    rule = "add rule ip firewall forward tcp flags syn tcp option maxseg size set rt mtu"
    lab["r1"].run(["nft", rule], check=True)
    with lab.capture("h2:eth1") as capture:
        said = upload(lab["h2"])
    lab["r1"].run("nft flush chain ip firewall forward", check=True)
    answer = next(packet[TCPSegment] for _, packet in capture.packets if TCPSegment in packet
                  and packet[TCPSegment].syn and packet[TCPSegment].ack)  # fmt: skip
    mss = int.from_bytes(dict(parse_options(answer.options))[MAXIMUM_SEGMENT_SIZE], "big")
    assert said.startswith(f"{SIZE} of {SIZE}") and mss == SMALL - 40, (said, mss)
    return f"the server's MSS of 1460 came to h2 as {mss}; {said}"
