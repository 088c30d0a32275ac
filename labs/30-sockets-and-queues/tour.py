"""What the lab of chapter 30 shows: the queues of a listening socket, what fills them, and what happens then."""

import re

from netlib.lab.tour import claim, counters, skip, until
from netlib.wire.tcp import TCPSegment

SRV1, SRV2 = "10.30.1.1", "10.30.2.1"
ACCEPTS, SLEEPS, WAKES, READS_NOTHING = 7001, 7002, 7003, 7004  # ports
SLEEPS_BACKLOG, ACCEPTS_BACKLOG = 3, 8
FORGED = 60


def client(lab, way, address, port, number):
    argv = ["/usr/bin/python3", "/srv/lab/client.py", way, address, str(port), str(number)]
    return lab["client"].run(argv, check=True).stdout.strip()


def queues(node, port, state="listening", side="sport"):
    """Recv-Q and Send-Q of the sockets in a state, as `ss` shows them."""
    done = node.run(["ss", "-Htn", "state", state, f"( {side} = :{port} )"], check=True)
    return [tuple(map(int, line.split()[:2])) for line in done.stdout.splitlines()]


def count(node, state, port, side="sport"):
    return len(queues(node, port, state, side))


@claim("A listening socket has a queue of connections for accept: `ss` shows how many wait, and how many may")
def accept_queue(lab):
    if queues(lab["srv1"], SLEEPS)[0][0]:
        skip("connections of an earlier run wait there already")
    client(lab, "open", SRV1, SLEEPS, 2)
    waiting, limit = until(lambda: [row for row in queues(lab["srv1"], SLEEPS) if row[0] == 2], what="the queue")[0]
    assert limit == SLEEPS_BACKLOG, limit
    assert count(lab["srv1"], "established", SLEEPS) == 2
    return f"nobody has called accept, and 2 connections are established: Recv-Q {waiting}, Send-Q {limit}"


@claim("It holds one more than the backlog; SYNs that come after that are dropped, and the client tries again")
def overflow(lab):
    before = counters(lab["srv1"], "TcpExtListenOverflows")["TcpExtListenOverflows"]
    missing = SLEEPS_BACKLOG + 1 - queues(lab["srv1"], SLEEPS)[0][0]
    if missing:
        client(lab, "open", SRV1, SLEEPS, missing)
    until(lambda: queues(lab["srv1"], SLEEPS)[0][0] == SLEEPS_BACKLOG + 1, what="the full queue")
    client(lab, "burst", SRV1, SLEEPS, 3)

    def dropped():
        return counters(lab["srv1"], "TcpExtListenOverflows")["TcpExtListenOverflows"] >= before + 3

    until(dropped, what="three overflows")
    ((waiting, limit),) = queues(lab["srv1"], SLEEPS)
    hoping = count(lab["client"], "syn-sent", SLEEPS, "dport")
    assert waiting == limit + 1 and hoping >= 3, (waiting, limit, hoping)
    return f"Recv-Q {waiting} of {limit}; {hoping} clients are still in SYN-SENT, ListenOverflows counts"


@claim("A client may believe that it is connected when the server has no room for it: its last ACK was dropped")
def believes(lab):
    if queues(lab["srv1"], WAKES)[0][0]:
        skip("connections of an earlier run wait there already")
    client(lab, "open", SRV1, WAKES, 3)
    until(lambda: queues(lab["srv1"], WAKES)[0][0] == 3, what="three connections in the queue")
    before = counters(lab["srv1"], "TcpExtListenOverflows")["TcpExtListenOverflows"]
    client(lab, "burst", SRV1, WAKES, 3)  # three SYNs find room for one, and their ACKs come a round trip later

    def differ():
        here, there, half = (
            count(lab["client"], "established", WAKES, "dport"),
            count(lab["srv1"], "established", WAKES),
            count(lab["srv1"], "syn-recv", WAKES),
        )
        full = there == SLEEPS_BACKLOG + 1
        return (here, there, half) if full and half and here == there + half else None

    here, there, half = until(differ, what="clients that believe it")
    until(lambda: counters(lab["srv1"], "TcpExtListenOverflows")["TcpExtListenOverflows"] > before, what="an overflow")
    return f"the client has {here} in ESTAB; the server {there}, and {half} in SYN-RECV that its program cannot see"


@claim("They get their answer as soon as the server accepts again: what was dropped is sent again")
def recovers(lab):
    lab["srv1"].sh(f"kill -USR1 $(cat /run/server-{WAKES})", check=True)
    until(lambda: count(lab["srv1"], "established", WAKES) == 6, timeout=60, what="the rest of the clients")
    half = count(lab["srv1"], "syn-recv", WAKES)
    assert not half and queues(lab["srv1"], WAKES)[0][0] == 0, half
    return "all 6 are established at the server too, and its queues are empty"


@claim(
    "SYNs without an end fill the SYN queue, bounded by the backlog too; without cookies a real client gets no answer"
)
def syn_flood(lab):
    names = "TcpExtTCPReqQFullDrop", "TcpExtSyncookiesSent"
    before = counters(lab["srv1"], *names)
    lab["client"].run(["/usr/bin/python3", "/srv/lab/flood.py", SRV1, str(ACCEPTS), str(FORGED)], check=True)

    def dropped():
        return counters(lab["srv1"], names[0])[names[0]] - before[names[0]]

    until(lambda: dropped() >= FORGED - ACCEPTS_BACKLOG - 1, what="the dropped SYNs")
    half = count(lab["srv1"], "syn-recv", ACCEPTS)
    first = dropped()
    client(lab, "burst", SRV1, ACCEPTS, 1)
    until(lambda: dropped() > first, what="the client's SYN, dropped")
    hoping = count(lab["client"], "syn-sent", ACCEPTS, "dport")
    assert half in (ACCEPTS_BACKLOG, ACCEPTS_BACKLOG + 1) and hoping, (half, hoping)
    assert counters(lab["srv1"], names[1])[names[1]] == 0
    return f"{FORGED} forged SYNs: {half} in SYN-RECV, {first} dropped; then the client's own SYN too"


@claim("With SYN cookies the server answers all of them and keeps nothing: a real client is served through the flood")
def cookies(lab):
    names = "TcpExtSyncookiesSent", "TcpExtSyncookiesRecv"
    before = counters(lab["srv2"], *names)
    lab["client"].run(["/usr/bin/python3", "/srv/lab/flood.py", SRV2, str(ACCEPTS), str(FORGED)], check=True)
    until(lambda: counters(lab["srv2"], names[0])[names[0]] > before[names[0]] + FORGED // 2, what="cookies")
    with lab.capture("client:eth2") as capture:
        said = client(lab, "ask", SRV2, ACCEPTS, 1)
    after = counters(lab["srv2"], *names)
    sent, came = (after[name] - before[name] for name in names)
    half = count(lab["srv2"], "syn-recv", ACCEPTS)
    assert said == "HELLO" and came == 1 and half <= ACCEPTS_BACKLOG + 2, (said, sent, came, half)
    answer = next(packet[TCPSegment] for _, packet in capture.packets
                  if TCPSegment in packet and packet[TCPSegment].syn and packet[TCPSegment].ack)  # fmt: skip
    return f"{sent} cookies sent, {came} came back: {said}; the cookie is the sequence number {answer.sequence}"


@claim("A connection has a receive and a send queue: who does not read fills the first, and then the sender's")
def data_queues(lab):
    said = client(lab, "send", SRV1, READS_NOTHING, 64 << 20)
    assert said.endswith("and no more"), said
    taken = int(re.match(r"\d+", said)[0])

    def settled():  # what was on its way has come
        received = max(row[0] for row in queues(lab["srv1"], READS_NOTHING, "established"))
        unsent = max(row[1] for row in queues(lab["client"], READS_NOTHING, "established", "dport"))
        return (received, unsent) if received and unsent and abs(taken - received - unsent) < 65536 else None

    received, unsent = until(settled, what=f"an account of {taken} bytes in both queues")
    return f"{taken} bytes taken: {received} wait in the server's Recv-Q, {unsent} in the client's Send-Q"
