"""What the lab of chapter 29 shows: who gets which request, and whom the servers see, behind three load balancers."""

import contextlib
import re

from netlib.lab.tour import claim, until
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.tcp import TCPSegment

CLIENT, BALANCER = "10.29.1.2", "10.29.1.1"
NAT, TCP, PROXIED, HTTP, LEAST, STICKY = 80, 8001, 8002, 8003, 8004, 8005
SERVERS = {"s1": "10.29.11.2", "s2": "10.29.12.2", "s3": "10.29.13.2"}


def url(port, path="/"):
    return f"http://{BALANCER}:{port}{path}"


def ask(lab, port, times=1, *words):
    """So many requests on one connection. What the servers said, each as a dict: server, peer, forwarded."""
    done = lab["client"].run(["curl", "-s", *words, *[url(port)] * times], timeout=20, check=True)
    return [dict(word.split("=", 1) for word in line.split()) for line in done.stdout.splitlines()]


def names(answers):
    return [answer["server"] for answer in answers]


def order(lab, text):
    """Tell the running HAProxy something on its admin socket; what it answers."""
    return lab["lb"].run("socat -t 5 - /run/haproxy.sock", input=text + "\n", timeout=20, check=True).stdout


def statistics(lab, section):
    """What HAProxy says of the servers of a section: name -> (state, requests that it works on now)."""
    head, *rows = (line.split(",") for line in order(lab, "show stat").splitlines() if line)
    columns = {name: number for number, name in enumerate(head)}
    mine = [row for row in rows if row[0] == section and row[1] in SERVERS]
    return {row[1]: (row[columns["status"]].split()[0], int(row[columns["scur"]])) for row in mine}


def all_up(lab):
    def look():
        return all(state == "UP" for state, _ in statistics(lab, "http").values())

    until(look, what="all servers up")


def opening(capture, destination):
    """The SYNs to an address: (source, source port, sequence number)."""
    for _, packet in capture.packets:
        if TCPSegment in packet and packet[TCPSegment].syn and not packet[TCPSegment].ack:
            segment = packet[TCPSegment]
            if str(packet[IPv4Packet].destination) == destination and segment.destination_port in (80, TCP):
                yield str(packet[IPv4Packet].source), segment.source_port, segment.sequence


@claim("In TCP mode four requests on one connection all go to one server: the balancer sees connections")
def tcp_mode(lab):
    all_up(lab)
    one_connection = names(ask(lab, TCP, 4))
    assert len(one_connection) == 4 and len(set(one_connection)) == 1, one_connection
    several = [names(ask(lab, TCP))[0] for _ in range(3)]
    assert sorted(several) == sorted(SERVERS), several
    return f"4 requests on 1 connection: {' '.join(one_connection)}; on 3 connections: {' '.join(several)}"


@claim("In HTTP mode the same four requests go from server to server: the balancer sees requests")
def http_mode(lab):
    all_up(lab)
    seen = names(ask(lab, HTTP, 4))
    assert sorted(seen[:3]) == sorted(SERVERS) and seen[3] == seen[0], seen
    return " ".join(seen)


@claim("With NAT each connection has its server too, and no program is in the way")
def nat(lab):
    one_connection = names(ask(lab, NAT, 4))
    assert len(set(one_connection)) == 1, one_connection
    several = [names(ask(lab, NAT))[0] for _ in range(3)]
    assert sorted(several) == sorted(SERVERS), several
    return f"4 requests on 1 connection: {' '.join(one_connection)}; on 3 connections: {' '.join(several)}"


@claim("conntrack remembers for each connection which server it was given, and how the way back is to be rewritten")
def conntrack(lab):
    lab["lb"].run("conntrack -F", check=True)
    (answer,) = ask(lab, NAT)
    table = lab["lb"].run(f"conntrack -L -p tcp --orig-src {CLIENT}", check=True).stdout
    server = SERVERS[answer["server"]]
    entry = f"src={CLIENT} dst={BALANCER} sport=(\\d+) dport=80 src={server} dst={CLIENT} sport=80 dport=(\\d+)"
    found = re.search(entry, table)
    assert found and found[1] == found[2], table
    return found[0]


@claim("NAT carries one TCP connection through; TCP mode makes two, with sequence numbers of their own")
def one_or_two(lab):
    carried = {}
    for port in (NAT, TCP):
        with contextlib.ExitStack() as stack:
            outside = stack.enter_context(lab.capture("client:eth1"))
            inside = {name: stack.enter_context(lab.capture(f"{name}:eth1")) for name in SERVERS}
            (answer,) = ask(lab, port)
        (own,) = opening(outside, BALANCER)
        # in TCP mode there are the balancer's health checks too: whose connections are they all?
        arrived = list(opening(inside[answer["server"]], SERVERS[answer["server"]]))
        carried[port] = own in arrived
        assert (CLIENT in {source for source, _, _ in arrived}) is carried[port], arrived
    assert carried == {NAT: True, TCP: False}, carried
    return "NAT: the server sees the client's own SYN; TCP mode: one of the balancer's"


@claim("The server sees the client's address with NAT only; a proxy tells it, in a header or by the PROXY protocol")
def who_asks(lab):
    all_up(lab)
    direct, bytes_, told, request = (ask(lab, port)[0] for port in (NAT, TCP, PROXIED, HTTP))
    assert direct["peer"] == CLIENT, direct
    for answer in (bytes_, told, request):
        assert answer["peer"].endswith(".1") and answer["peer"] != CLIENT, answer
    assert bytes_["forwarded"] == "" and request["forwarded"] == CLIENT and told["proxied"] == CLIENT
    return f"NAT: {CLIENT}; TCP mode: {bytes_['peer']} and no word; HTTP mode: X-Forwarded-For; PROXY protocol: told"


@claim("What a client writes into X-Forwarded-For itself arrives too, in front: only the last word is the balancer's")
def forged_header(lab):
    all_up(lab)
    done = lab["client"].run(["curl", "-s", "-H", "X-Forwarded-For: 192.0.2.1", url(HTTP)], check=True)
    assert f"forwarded=192.0.2.1, {CLIENT}\n" in done.stdout, done
    return done.stdout.strip()


@claim("Round robin goes on sending to a server that is busy; leastconn does not")
def least_connections(lab):
    all_up(lab)
    busy = {}
    for section, port in (("least", LEAST), ("http", HTTP)):
        lab["client"].sh(f"curl -s -o /dev/null {url(port, '/slow')} &", check=True)

        def working(section=section):
            return [name for name, (_, now) in statistics(lab, section).items() if now]

        (server,) = until(working, what="a server that works on the slow download")
        busy[section] = (server, names(ask(lab, port, 6)))
        order(lab, f"shutdown sessions server {section}/{server}")
        until(lambda working=working: not working(), what="the end of the slow download")
    server, least = busy["least"]
    assert server not in least and len(set(least)) == 2, busy
    server, robin = busy["http"]
    assert robin.count(server) == 2, busy
    return f"{busy['least'][0]} was busy: leastconn {' '.join(least)}; {server} was busy: round robin {' '.join(robin)}"


@claim("A cookie brings a client back to its server, on whatever connection; a client without goes round")
def sticky(lab):
    all_up(lab)
    jar = ["-c", "/tmp/jar", "-b", "/tmp/jar"]
    lab["client"].run("rm -f /tmp/jar")
    same = [names(ask(lab, STICKY, 1, *jar))[0] for _ in range(4)]
    others = [names(ask(lab, STICKY))[0] for _ in range(3)]
    assert len(set(same)) == 1 and sorted(others) == sorted(SERVERS), (same, others)
    return f"with the cookie {' '.join(same)}, without {' '.join(others)}"


@claim("A server that dies is taken out by its health check, and taken back when it lives again; NAT never notices")
def health_check(lab):
    all_up(lab)
    lab["s3"].run("nginx -c /opt/lab/nginx.conf -s stop", check=True)
    until(lambda: statistics(lab, "http")["s3"][0] == "DOWN", what="s3 taken out")
    without = names(ask(lab, HTTP, 6))
    assert without.count("s1") == without.count("s2") == 3, without
    outcomes = [lab["client"].run(["curl", "-s", "-m", "5", url(NAT)]).returncode for _ in range(3)]
    assert sorted(outcomes) == [0, 0, 7], outcomes  # 7: curl's connection was refused
    # nginx -s stop returns at once, and the old one may hold its port a little longer: the new one waits for it
    lab["s3"].sh("while ss -Hltn sport = :80 | grep -q .; do sleep 0.02; done; nginx -c /opt/lab/nginx.conf").check()
    all_up(lab)
    back = names(ask(lab, HTTP, 6))
    assert sorted(set(back)) == sorted(SERVERS), back
    return f"without s3: {' '.join(without)}; NAT: 1 of 3 connections refused; then {' '.join(back)}"
