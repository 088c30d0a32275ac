"""What the lab of chapter 13 shows: how fast a sender dares to send, and what makes it slower."""

import re
from itertools import pairwise

from netlib.lab.tour import claim, counters, until
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.tcp import TCPSegment

PORT = 7001
H2, H2_OF_H3 = "10.13.1.1", "10.13.2.1"  # the receiver, as h1 and as h3 see it
SEGMENT = 1448  # bytes of data
ECT, CE = 2, 3  # RFC 3168 section 5: the codepoints ECT(0) and congestion experienced
# a slow link with a queue of 100 packets, which marks from the twentieth on where the sender can ECN
BOTTLENECK = {"delay": "10ms", "rate": "10mbit", "queue": "150kB", "ecn": "30kB"}
FREE = {"delay": "25ms", "rate": None, "queue": None, "ecn": None, "mark": None}


def argv(address, segments):
    return ["/usr/bin/python3", "/srv/lab/send.py", address, str(PORT), str(segments)]


def send(node, address, segments):
    """What the sender says: its line, and the numbers in it by name (None for no threshold)."""
    said = node.run(argv(address, segments), check=True).stdout.strip()
    numbers = {
        name: int(value) if value.isdigit() else None for name, value in re.findall(r"(cwnd|ssthresh) (\w+)", said)
    }
    return said, numbers


def segments(capture):
    """(IP packet, segment) of each TCP packet of the connection that begins in the capture."""
    packets = [packet for _, packet in capture.packets if TCPSegment in packet]
    found = [(packet[IPv4Packet], packet[TCPSegment]) for packet in packets]
    port = next(segment.source_port for _, segment in found if segment.syn)
    return [each for each in found if port in (each[1].source_port, each[1].destination_port)]


def rounds(capture):
    """How many data segments the sender sent in each round trip.

    The first round is what it sent before any was acknowledged. What it sends when the newest acknowledged byte is of
    round n belongs to round n + 1. No clock is needed for that.
    """
    sizes = [0]
    ends = []  # for each segment sent: the first sequence number behind it, its round
    acked, current, start = 0, 0, None
    for _, segment in segments(capture):
        if segment.destination_port == PORT:
            if segment.syn:
                start = segment.sequence + 1
            elif segment.payload:
                end = (segment.sequence - start + len(segment.payload)) % 2**32
                sizes += [0] * (current + 1 - len(sizes))
                sizes[current] += 1
                ends.append((end, current))
        elif start is not None and not segment.syn:
            number = (segment.acknowledgment - start) % 2**32
            if acked < number < 2**31:
                acked = number
                reached = [which for end, which in ends if end <= acked]
                current = max(reached) + 1 if reached else 0
    return sizes


@claim("A connection starts with 10 segments, and each round trip doubles them: slow start", tries=3)
def slow_start(lab):
    lab["wan1"].set(**FREE)
    with lab.capture("h1:eth1") as capture:
        said, numbers = send(lab["h1"], H2, 400)
    sizes = rounds(capture)[:4]
    assert sizes[0] == 10, sizes
    assert all(1.6 < later / earlier < 2.1 for earlier, later in pairwise(sizes)), sizes
    assert numbers["ssthresh"] is None, said
    return f"segments in each round trip: {', '.join(map(str, sizes))}; {said}"


@claim("`ss -ti` shows it while it happens: cwnd doubles with each round trip, and ssthresh is not set", tries=3)
def seen_with_ss(lab):
    lab["wan1"].set(**{**FREE, "delay": "100ms"})  # slow enough to watch
    seen = []

    def grown():
        line = " ".join(lab["h1"].run(["ss", "-Htin", "dst", H2], check=True).stdout.split())
        found = re.search(r"\bcwnd:(\d+)", line)
        if found and "ESTAB" in line:
            assert " ssthresh:" not in line, line
            if not seen or seen[-1] != int(found[1]):
                seen.append(int(found[1]))
        return seen and seen[-1] >= 100

    with lab["h1"].popen(argv(H2, 600)) as sender:
        until(grown, what="a cwnd of 100")
        sender.wait(30)
    lab["wan1"].set(**FREE)
    assert seen == sorted(seen) and seen[0] <= 20, seen
    assert len({10, 20, 40, 80} & set(seen)) >= 2, seen
    return f"cwnd, each new value that ss showed: {', '.join(map(str, seen))}"


@claim("ECN is agreed on in the handshake, and then each data packet says that it may be marked")
def negotiated(lab):
    with lab.capture("h1:eth1") as capture:
        send(lab["h1"], H2, 20)
    (_, syn), (_, syn_ack), *rest = segments(capture)
    assert syn.syn and syn.ece and syn.cwr and syn_ack.ece and not syn_ack.cwr, (syn, syn_ack)
    data = [packet for packet, segment in rest if segment.payload]
    assert len(data) == 20 and all(packet.ecn == ECT for packet in data), capture
    with lab.capture("h3:eth1") as capture:
        send(lab["h3"], H2_OF_H3, 20)
    (_, syn), (_, syn_ack), *rest = segments(capture)
    assert not (syn.ece or syn.cwr or syn_ack.ece), (syn, syn_ack)
    assert all(packet.ecn == 0 for packet, _ in rest), capture
    return "h1: SYN with ECE and CWR, SYN-ACK with ECE, all data ECT(0); h3 asks for nothing, and gets nothing"


@claim(
    "One marked packet halves the window, once, though nothing is lost; from then on it grows by one a round trip",
    tries=3,
)
def one_mark(lab):
    names = "TcpRetransSegs", "TcpExtTCPDeliveredCE"
    before = counters(lab["h1"], *names)
    lab["wan1"].set("eth1", mark=[42])  # a frame of the third round: 1 SYN, 1 ACK, 30 segments, then 40
    with lab.capture("h1:eth1") as capture:
        said, numbers = send(lab["h1"], H2, 400)
    lab["wan1"].set(**FREE)
    after = counters(lab["h1"], *names)
    assert after["TcpRetransSegs"] == before["TcpRetransSegs"], said
    answers = [segment for _, segment in segments(capture) if segment.source_port == PORT and not segment.syn]
    told = [segment for segment in answers if segment.ece]
    reduced = [segment for _, segment in segments(capture) if segment.destination_port == PORT and segment.cwr]
    reduced = [segment for segment in reduced if not segment.syn]
    assert told and len(reduced) == 1, (len(told), len(reduced))
    sizes = rounds(capture)
    peak = max(sizes[:4])
    assert numbers["ssthresh"] and peak * 0.3 < numbers["ssthresh"] < peak * 0.7, (said, sizes)
    later = sizes[5:9]
    assert len(later) == 4 and all(-1 <= two - one <= 3 for one, two in pairwise(later)), sizes
    return f"rounds of {', '.join(map(str, sizes[:9]))} segments; {len(told)} ACKs say ECE, 1 segment says CWR; {said}"


@claim("A router that marks when its queue grows makes the sender slow down before anything is lost", tries=3)
def marks_instead_of_loss(lab):
    lab["wan1"].set(**BOTTLENECK)
    before = counters(lab["h1"], "TcpRetransSegs"), counters(lab["h2"], "IpExtInCEPkts")
    with lab.capture("h2:eth1") as capture:
        said, numbers = send(lab["h1"], H2, 600)
    after = counters(lab["h1"], "TcpRetransSegs"), counters(lab["h2"], "IpExtInCEPkts")
    lab["wan1"].set(**FREE)
    marked = after[1]["IpExtInCEPkts"] - before[1]["IpExtInCEPkts"]
    seen = sum(packet.ecn == CE for packet, _ in segments(capture))
    assert marked == seen > 0 and after[0] == before[0] and numbers["ssthresh"], (marked, seen, said)
    return f"{marked} packets came with CE (IpExtInCEPkts), none was lost; {said}"


@claim("Without ECN the same queue tells by dropping: packets are lost, and sent again")
def loss(lab):
    lab["wan2"].set(**BOTTLENECK)
    before = counters(lab["h3"], "TcpRetransSegs"), counters(lab["h2"], "IpExtInCEPkts")
    said, numbers = send(lab["h3"], H2_OF_H3, 600)
    after = counters(lab["h3"], "TcpRetransSegs"), counters(lab["h2"], "IpExtInCEPkts")
    dropped = lab["wan2"].wan["eth1"].counters["overflowed"]
    lab["wan2"].set(**FREE)
    again = after[0]["TcpRetransSegs"] - before[0]["TcpRetransSegs"]
    assert again > 0 and after[1] == before[1] and numbers["ssthresh"], said
    return f"{dropped} packets found the queue full and {again} were sent again; {said}"
