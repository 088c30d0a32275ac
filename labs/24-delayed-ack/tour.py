"""What the lab of chapter 24 shows: Nagle's algorithm waits for an ACK that the other end delays."""

import re

from netlib.lab.tour import claim, counters
from netlib.wire.tcp import TCPSegment

SRV, COUNT = "10.24.0.1", 20
PLAIN, QUICK_ONCE, QUICK = 7001, 7002, 7003  # the servers' ports
HEADER, BODY, ANSWER = 20, 80, 10  # bytes
DELAYED = "TcpExtDelayedACKs"


def requests(lab, way, port=PLAIN):
    """What the client says, its median in microseconds, and how many ACKs the server delayed to the end."""
    before = counters(lab["srv"], DELAYED)[DELAYED]
    argv = ["/usr/bin/python3", "/srv/lab/client.py", way, SRV, str(port), str(COUNT)]
    said = lab["client"].run(argv, check=True).stdout.strip()
    delayed = counters(lab["srv"], DELAYED)[DELAYED] - before
    return said, int(re.search(r"median (\d+)", said)[1]), delayed


def story(capture, port=PLAIN):
    """The segments at the client: the bytes of each that the client sent, and -bytes (0 for an ACK) of the server's."""
    segments = [packet[TCPSegment] for _, packet in capture.packets if TCPSegment in packet]
    return [
        ("client" if each.destination_port == port else "server", len(each.payload))
        for each in segments
        if not (each.syn or each.fin or each.rst)
    ]


def waited(told):
    """How many of the client's bodies came right behind an ACK without data: the client has waited for it."""
    return sum(
        told[at - 1] == ("server", 0) and told[at] == ("client", BODY) and told[at - 2] == ("client", HEADER)
        for at in range(2, len(told))
    )


@claim("Two small writes and then a read: the second write waits until the first is acknowledged (Nagle)", tries=3)
def nagle(lab):
    with lab.capture("client:eth1") as capture:
        said, _, delayed = requests(lab, "two")
    told = story(capture)
    # on a busy machine a few ACKs come so late that the client's loss probe has sent the body before
    assert waited(told) >= COUNT - 4 and delayed >= COUNT - 4, (waited(told), delayed, said)
    return f"{said}; {waited(told)} of {COUNT} bodies left only after an ACK, {delayed} ACKs were delayed to the end"


@claim("With TCP_NODELAY the second write goes out at once; the answer carries the ACK", tries=3)
def nodelay(lab):
    with lab.capture("client:eth1") as capture:
        said, _, delayed = requests(lab, "nodelay")
    told = story(capture)
    pairs = sum(told[at : at + 2] == [("client", HEADER), ("client", BODY)] for at in range(len(told)))
    assert pairs >= COUNT - 4 and delayed <= 4, (pairs, delayed, said)
    return f"{said}; {pairs} of {COUNT} bodies right behind their headers, {delayed} delayed ACKs"


@claim("One write needs neither: the request is one segment", tries=3)
def one_write(lab):
    with lab.capture("client:eth1") as capture:
        said, _, delayed = requests(lab, "one")
    sizes = {size for sender, size in story(capture) if sender == "client" and size}
    assert sizes == {HEADER + BODY} and delayed <= 4, (sizes, delayed)
    return f"{said}; segments of {HEADER + BODY} bytes, {delayed} delayed ACKs"


@claim("TCP_CORK makes one segment of several writes", tries=3)
def cork(lab):
    with lab.capture("client:eth1") as capture:
        said, _, delayed = requests(lab, "cork")
    sizes = {size for sender, size in story(capture) if sender == "client" and size}
    assert sizes == {HEADER + BODY} and delayed <= 4, (sizes, delayed)
    return f"{said}; segments of {HEADER + BODY} bytes, {delayed} delayed ACKs"


@claim("The server can cure it too: TCP_QUICKACK after each recv sends the ACK at once", tries=3)
def quickack(lab):
    with lab.capture("client:eth1") as capture:
        said, _, delayed = requests(lab, "two", QUICK)
    told = story(capture, QUICK)
    assert waited(told) >= COUNT - 4 and delayed <= 4, (waited(told), delayed, said)
    return f"{said}; {waited(told)} bodies still waited for an ACK (Nagle is on), {delayed} of the ACKs were delayed"


@claim("TCP_QUICKACK does not last: set once, it helps the first request and no more", tries=3)
def not_sticky(lab):
    said, _, delayed = requests(lab, "two", QUICK_ONCE)
    assert delayed >= COUNT - 4, (delayed, said)
    return f"{said}; {delayed} of {COUNT} requests waited for a delayed ACK"


@claim("The stall is not network time: the same two writes take many times as long as with either cure", tries=3)
def ratio(lab):
    stalled = requests(lab, "two")[1]
    cures = {way: requests(lab, way)[1] for way in ("nodelay", "one")}
    cures["quickack"] = requests(lab, "two", QUICK)[1]
    slowest = max(cures.values())
    assert stalled > 4 * slowest, (stalled, cures)
    return f"{stalled} us against {', '.join(f'{time} us ({way})' for way, time in cures.items())}"
