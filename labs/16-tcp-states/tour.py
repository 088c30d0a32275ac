"""What the lab of chapter 16 shows: the states after the last byte, and what TIME_WAIT costs whom."""

import time

from netlib.lab.tour import claim, counters, skip, until
from netlib.wire.tcp import TCPSegment

PORTS = 20  # that each client has: net.ipv4.ip_local_port_range is 40000 40019 (Linux searches an even number of them)
C1_SRV, C2_SRV = "10.16.1.1", "10.16.2.1"  # the server, as each client sees it


def client(node, way, address, port, count):
    """What the client program says in the end."""
    argv = ["/usr/bin/python3", "/srv/lab/client.py", way, address, str(port), str(count)]
    return node.run(argv, check=True).stdout.strip()


def in_state(node, state, port, side="dport"):
    """How many of the node's sockets are in a state; `port` is the server's."""
    argv = ["ss", "-Htan", "state", state, f"( {side} = :{port} )"]
    return len(node.run(argv, check=True).stdout.splitlines())


def needs_ports(lab, port, count):
    """Skip where an earlier run has left too few of c1's ports for `count` connections."""
    if in_state(lab["c1"], "time-wait", port) + count > PORTS:
        skip("c1's ports are in TIME_WAIT from an earlier run; try again in a minute")


def segments(capture):
    return [packet[TCPSegment] for _, packet in capture.packets if TCPSegment in packet]


@claim("Who closes first is left with TIME_WAIT; at the other end nothing remains")
def active_closer(lab):
    needs_ports(lab, 7002, 3)
    with lab.capture("c1:eth1") as capture:
        assert client(lab["c1"], "first", C1_SRV, 7002, 3) == "3 connections"
    first = next(each for each in segments(capture) if each.fin)
    assert first.destination_port == 7002, capture
    at_c1 = until(lambda: in_state(lab["c1"], "time-wait", 7002), what="TIME_WAIT at c1")
    at_srv = in_state(lab["srv"], "time-wait", 7002, "sport")
    assert at_c1 >= 3 and at_srv == 0, (at_c1, at_srv)
    return f"c1 has closed first: {at_c1} in TIME_WAIT at c1, {at_srv} at the server"


@claim("A client that closes first runs out of ports: after 20 connections connect fails with EADDRNOTAVAIL")
def exhaustion(lab):
    needs_ports(lab, 7001, PORTS)
    said = client(lab["c1"], "first", C1_SRV, 7001, 50)
    assert said == f"{PORTS} connections, then EADDRNOTAVAIL", said
    waiting = in_state(lab["c1"], "time-wait", 7001)
    assert waiting == PORTS, waiting
    again = client(lab["c1"], "first", C1_SRV, 7001, 50)
    assert again == "0 connections, then EADDRNOTAVAIL", again
    return f"{said}; all {waiting} ports are in TIME_WAIT"


@claim("Only this address and port of the server are used up: to another port of it the same 20 ports are free")
def per_destination(lab):
    needs_ports(lab, 7002, 15)
    said = client(lab["c1"], "first", C1_SRV, 7002, 15)
    assert said == "15 connections", said
    assert in_state(lab["c1"], "time-wait", 7001) == PORTS
    return f"to port 7002: {said}, while 7001 has {PORTS} in TIME_WAIT; a connection is all four numbers"


@claim("With tcp_tw_reuse a client takes a port in TIME_WAIT again once it is a second old")
def reuse(lab):
    before = counters(lab["c2"], "TcpExtTWRecycled")
    client(lab["c2"], "first", C2_SRV, 7001, PORTS)
    if lab.live:
        time.sleep(2.1)  # once: a try before all are old enough would make those young again that it takes
    said = client(lab["c2"], "first", C2_SRV, 7001, PORTS)
    assert said == f"{PORTS} connections", said
    after = counters(lab["c2"], "TcpExtTWRecycled")
    recycled = after["TcpExtTWRecycled"] - before["TcpExtTWRecycled"]
    assert recycled >= PORTS, (said, recycled)
    refused = client(lab["c1"], "first", C1_SRV, 7001, 1)
    assert "EADDRNOTAVAIL" in refused, refused
    return f"c2 has used {recycled} ports anew (TcpExtTWRecycled); c1, without it, still cannot connect"


@claim("When the server closes first, the TIME_WAITs are the server's, and the client never runs out")
def server_closes(lab):
    said = client(lab["c1"], "second", C1_SRV, 7003, 3 * PORTS)
    assert said == f"{3 * PORTS} connections", said
    at_srv = in_state(lab["srv"], "time-wait", 7003, "sport")
    at_c1 = in_state(lab["c1"], "time-wait", 7003)
    assert at_srv and not at_c1, (at_srv, at_c1)
    return f"{said} from {PORTS} ports; {at_srv} in TIME_WAIT at the server, {at_c1} at c1"


@claim("A server that closed first cannot listen again for a minute, unless it says SO_REUSEADDR")
def listen_again(lab):
    lab["srv"].run("/usr/bin/python3 /srv/lab/server.py once 7010", check=True)
    assert client(lab["c2"], "second", C2_SRV, 7010, 1) == "1 connections"
    until(lambda: not in_state(lab["srv"], "listening", 7010, "sport"), what="the end of the server")
    assert in_state(lab["srv"], "time-wait", 7010, "sport")
    without = lab["srv"].run("/usr/bin/python3 /srv/lab/bind.py 7010", check=True).stdout.strip()
    with_it = lab["srv"].run("/usr/bin/python3 /srv/lab/bind.py 7010 reuse", check=True).stdout.strip()
    assert (without, with_it) == ("EADDRINUSE", "listening"), (without, with_it)
    return f"one TIME_WAIT at port 7010: without the option {without}, with it {with_it}"


@claim("A program that never closes leaves CLOSE_WAIT at its own end, and FIN_WAIT_2 at the other")
def close_wait(lab):
    assert client(lab["c2"], "leave", C2_SRV, 7004, 1) == "1 connections"
    until(lambda: in_state(lab["srv"], "close-wait", 7004, "sport"), what="CLOSE_WAIT at the server")
    until(lambda: in_state(lab["c2"], "fin-wait-2", 7004), what="FIN_WAIT_2 at c2")
    return "c2 is gone, and waits for a FIN in FIN_WAIT_2; the server's leak is in CLOSE_WAIT until its process ends"


@claim("Who closes with data unread sends RST: the other end gets ECONNRESET, and nobody waits")
def unread(lab):
    with lab.capture("c2:eth1") as capture:
        said = client(lab["c2"], "send", C2_SRV, 7005, 1)
    resets = [each for each in segments(capture) if each.rst]
    assert said == "0 connections, then ECONNRESET", said
    assert resets and resets[0].source_port == 7005, capture
    assert not in_state(lab["c2"], "time-wait", 7005) and not in_state(lab["srv"], "time-wait", 7005, "sport")
    return f"{said}; no FIN, no TIME_WAIT"
