"""What the lab of chapter 1 shows: the same calls near and far, and what each way of making them costs."""

import json

from netlib.lab.tour import claim
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.tcp import TCPSegment

CLIENT, SERVER, LOOPBACK = "10.1.0.2", "10.1.0.1", "127.0.0.1"
CALLS, RTT = 20, 0.050  # seconds
DESIGNS = {"reconnect": 2 * CALLS, "chatty": 1 + CALLS, "pipelined": 2, "batched": 2}  # and their round trips


def ask(lab, design, address=SERVER, *more):
    argv = ["/usr/bin/python3", "/srv/lab/client.py", design, address, "7000", str(CALLS), *more]
    said = json.loads(lab["client"].run(argv, check=True, timeout=60).stdout)
    assert said["right"] == CALLS, said
    return said


def round_trips(capture):
    """How often the client had to wait for the server: each time it spoke after the server, or first."""
    turns, last = 0, "server"
    for _, packet in capture.packets:
        if TCPSegment not in packet:
            continue
        segment = packet[TCPSegment]
        if not (segment.syn or segment.payload):
            continue
        sender = "client" if str(packet[IPv4Packet].source) == CLIENT else "server"
        turns += sender == "client" and last == "server"
        last = sender
    return turns


def told(lab, design, *more):
    """The round trips of a design, and its seconds, each of which is at least what the link takes."""
    with lab.capture("server:eth1") as far, lab.capture("client:eth1") as capture:
        said = ask(lab, design, SERVER, *more)
    trips = round_trips(capture)
    assert round_trips(far) == trips, (capture, far)
    assert trips == DESIGNS[design], (design, trips)
    assert trips * RTT <= said["seconds"] < trips * RTT * 1.6 + 0.5, said
    return trips, said


@claim("On loopback every way of asking is fast: there is nothing to wait for", tries=3)
def loopback(lab):
    seconds = {design: ask(lab, design, LOOPBACK)["seconds"] for design in DESIGNS}
    assert sum(seconds.values()) < (2 * CALLS + 2) * RTT / 2, seconds
    return f"{len(seconds)} times {CALLS} calls in less than half of what the slowest takes over the link"


@claim("Over the link, 20 calls one after the other take 21 round trips: one to connect and one for each", tries=3)
def chatty(lab):
    trips, _ = told(lab, "chatty")
    return f"{trips} round trips, and the time of {trips}"


@claim("A new connection for each call doubles that", tries=3)
def reconnect(lab):
    trips, said = told(lab, "reconnect")
    assert said["connections"] == CALLS
    return f"{said['connections']} connections, {trips} round trips"


@claim("Sent together they take two: whether as 20 messages or as one", tries=3)
def together(lab):
    trips = [told(lab, design)[0] for design in ("pipelined", "batched")]
    return f"pipelined {trips[0]}, batched {trips[1]} round trips"


@claim("Calls of 1000 bytes take as many round trips as small ones", tries=3)
def large(lab):
    _, small = told(lab, "chatty")
    trips, said = told(lab, "chatty", "1000")
    assert said["seconds"] < 1.3 * small["seconds"] + 0.3, (small, said)
    return f"{trips} round trips with 1000 bytes there and back, and hardly more time"


@claim("On a link of a thousandth of the rate they take hardly longer: it is the distance that costs", tries=3)
def slow(lab):
    lab["wan"].set(rate="1gbit")
    _, fast = told(lab, "chatty")
    lab["wan"].set(rate="1mbit")
    _, slower = told(lab, "chatty")
    lab["wan"].set(rate="none")
    assert slower["seconds"] < 1.3 * fast["seconds"] + 0.3, (fast, slower)
    return "with 1 Mbit/s in place of 1 Gbit/s, less than a third more"
