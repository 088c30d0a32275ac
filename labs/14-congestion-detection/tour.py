"""What the lab of chapter 14 shows: how a sender finds out that something was lost, and what it takes it for."""

import re
from itertools import pairwise

from netlib.lab.tour import claim, counters, until
from netlib.wire.options import parse_options
from netlib.wire.tcp import SACK, TCPSegment

PORT = 7001
H2, H2_OF_H3 = "10.14.1.1", "10.14.2.1"  # the receiver, as h1 and as h3 see it
SEGMENT = 1448  # bytes of data
BEFORE = 2  # frames of a connection before its first data segment: SYN and ACK
COUNTED = {
    "fast": "TcpExtTCPFastRetrans",
    "sack": "TcpExtTCPSackRecovery",
    "reno": "TcpExtTCPRenoRecovery",
    "timeouts": "TcpExtTCPTimeouts",
    "probes": "TcpExtTCPLossProbes",
    "probed": "TcpExtTCPLossProbeRecovery",
    "again": "TcpRetransSegs",
}


class Transfer:
    """One transfer, captured at the sender: what was said, what was counted, and the segments in their order.

    Data segments are known by their number, from 1; an ACK by how many it acknowledges in a row.
    """

    def __init__(self, said, capture, counted):
        self.said, self.counted = said, counted
        threshold = re.search(r"ssthresh (\d+)", said)
        self.threshold = int(threshold[1]) if threshold else None
        packets = [(time, packet[TCPSegment]) for time, packet in capture.packets if TCPSegment in packet]
        syn = next(segment for _, segment in packets if segment.syn)
        answer = next(segment for _, segment in packets if segment.syn and segment.ack)
        self.start = syn.sequence + 1
        self.sent, self.acks = [], []  # (place in the capture, time, number), (place, number, SACK blocks)
        for place, (time, segment) in enumerate(packets):
            if segment.syn or syn.source_port not in (segment.source_port, segment.destination_port):
                continue
            if segment.payload:
                self.sent.append((place, time, self.number(segment.sequence) + 1))
            elif segment.source_port == answer.source_port:
                self.acks.append((place, self.number(segment.acknowledgment), self.blocks(segment)))

    def number(self, sequence):
        return (sequence - self.start) % 2**32 // SEGMENT

    def blocks(self, segment):
        """What the ACK says has come beyond its number: (first, last) of the segments in each block."""
        value = dict(parse_options(segment.options)).get(SACK, b"")
        edges = [int.from_bytes(value[at : at + 4], "big") for at in range(0, len(value), 4)]
        return [(self.number(one) + 1, self.number(two)) for one, two in zip(edges[::2], edges[1::2], strict=True)]

    def times(self, number):
        """When a segment was sent, each time, in seconds."""
        return [time for _, time, each in self.sent if each == number]

    def repeated(self):
        """(place, number) of each retransmission."""
        seen, found = set(), []
        for place, _, number in self.sent:
            if number in seen:
                found.append((place, number))
            seen.add(number)
        return found

    def duplicates(self, number, before):
        """How often the ACK `number` was repeated before this place."""
        return sum(each == number for place, each, _ in self.acks if place < before) - 1


def argv(address, segments):
    return ["/usr/bin/python3", "/srv/lab/send.py", address, str(PORT), str(segments)]


def transfer(lab, segments, *, drop=(), sender="h1", reorder=None, behind=1):
    """Send segments, of which the wan loses some: `drop` counts the data segments that come by, from 1."""
    wan, address = ("wan1", H2) if sender == "h1" else ("wan2", H2_OF_H3)
    lab[sender].run(["ping", "-n", "-c", "1", "-W", "5", address], check=True)  # no ARP among what is counted
    before = counters(lab[sender], *COUNTED.values())
    numbers = [BEFORE + number for number in drop]
    lab[wan].set("eth1", drop=numbers, reorder=[BEFORE + reorder] if reorder else None, behind=behind)
    with lab.capture(f"{sender}:eth1") as capture:
        said = lab[sender].run(argv(address, segments), check=True).stdout.strip()
    lab[wan].set("eth1", drop=None, reorder=None)
    after = counters(lab[sender], *COUNTED.values())
    assert "not acknowledged" not in said, said
    return Transfer(said, capture, {name: after[key] - before[key] for name, key in COUNTED.items()})


@claim("Duplicate ACKs tell of a loss: the segment is sent again at once, without waiting for a timeout", tries=3)
def fast_retransmit(lab):
    seen = transfer(lab, 100, drop=[21])
    ((place, number),) = seen.repeated()
    before, all_of_them = seen.duplicates(20, place), seen.duplicates(20, float("inf"))
    assert number == 21 and before >= 1 and all_of_them >= 3, (number, before, all_of_them)
    assert seen.counted["fast"] == 1 and seen.counted["timeouts"] == 0, seen.counted
    return f"segment 21 was lost; ACK 20 came {before} times more, and 21 was sent again; no timeout"


@claim("The window is halved, not reduced to one", tries=3)
def halved(lab):
    seen = transfer(lab, 100, drop=[21])
    window = 10 + 20  # slow start: the initial window, and one more for each segment that was acknowledged
    assert seen.threshold and 0.35 * window < seen.threshold < 0.65 * window, seen.said
    assert seen.counted["timeouts"] == 0, seen.counted
    return f"cwnd was {window} when segment 21 was found to be lost; {seen.said}"


@claim("SACK says which segments have come: the duplicate ACKs name what lies beyond the hole", tries=3)
def sack_blocks(lab):
    seen = transfer(lab, 100, drop=[21])
    blocks = [blocks for _, number, blocks in seen.acks if number == 20 and blocks]
    assert len(blocks) >= 3 and all(each[0][0] == 22 for each in blocks), blocks
    assert seen.counted["sack"] == 1 and seen.counted["reno"] == 0, seen.counted
    return (
        f"{len(blocks)} ACKs say 20, and that 22 to {', '.join(str(each[0][1]) for each in blocks[:5])} ... are there"
    )


@claim("So several holes are filled in one recovery, and nothing is sent twice that has come", tries=3)
def several_holes(lab):
    seen = transfer(lab, 100, drop=[21, 24, 25])
    again = seen.repeated()
    assert [number for _, number in again] == [21, 24, 25], again
    partial = [place for place, number, _ in seen.acks if 21 <= number < 25]
    assert seen.counted["sack"] == 1 and seen.counted["timeouts"] == 0, seen.counted
    assert not partial or again[-1][0] < partial[0], (again, partial)  # before any news of the first
    return "21, 24 and 25 were lost and sent again within one round trip, all others once"


@claim(
    "Without SACK a recovery fills one hole in a round trip: the next one is known from a partial ACK (NewReno)",
    tries=3,
)
def new_reno(lab):
    seen = transfer(lab, 100, drop=[21, 24, 25], sender="h3")
    first = {}
    for place, number in seen.repeated():
        first.setdefault(number, place)
    assert {21, 24, 25} <= set(first), first
    partial = [next(place for place, number, _ in seen.acks if number >= hole) for hole in (21, 24)]
    assert first[21] < partial[0] < first[24] < partial[1] < first[25], (first, partial)
    assert not any(blocks for _, _, blocks in seen.acks)
    assert seen.counted["reno"] and not seen.counted["sack"] and not seen.counted["timeouts"], seen.counted
    return "21 was sent again, and after its ACK 24, and after that one's 25; no ACK has a SACK block"


@claim("A segment that is only late is not taken for lost: two others overtake it, and nothing is sent again", tries=3)
def reordering(lab):
    seen = transfer(lab, 100, reorder=21, behind=2)
    late = [blocks for _, number, blocks in seen.acks if number == 20 and blocks]
    assert late and not seen.repeated() and seen.counted["again"] == 0, (late, seen.counted)
    assert seen.threshold is None, seen.said
    return f"{len(late)} duplicate ACKs, fewer than three; {seen.said}"


@claim("When the last segment is lost no duplicate ACK can come: a probe is sent before the timer (TLP)", tries=3)
def tail_loss(lab):
    before = counters(lab["h1"], COUNTED["probed"])[COUNTED["probed"]]
    seen = transfer(lab, 20, drop=[20])
    ((_, number),) = seen.repeated()
    assert number == 20 and seen.counted["probes"] == 1 and seen.counted["timeouts"] == 0, seen.counted
    # the next ACK, that of the FIN, settles that the probe was needed
    until(lambda: counters(lab["h1"], COUNTED["probed"])[COUNTED["probed"]] > before, what="the probe's success")
    return "the last of 20 was lost, and a probe has brought it: TCPLossProbeRecovery counts, no timeout"


@claim(
    "When the probe is lost too, only the timer is left: cwnd falls to 1, and each timeout doubles the next",
    tries=3,
)
def timeout(lab):
    lab["h1"].run(["ping", "-n", "-c", "1", "-W", "5", H2], check=True)
    before = counters(lab["h1"], *COUNTED.values())
    # segment 20, its probe, and what two timeouts send; the third gets through
    lab["wan1"].set("eth1", drop=[BEFORE + number for number in (20, 21, 22, 23)])
    with lab.capture("h1:eth1") as capture, lab["h1"].popen(argv(H2, 20)) as sender:

        def backed_off():
            line = " ".join(lab["h1"].run(["ss", "-Htin", "dst", H2], check=True).stdout.split())
            return line if "ESTAB" in line and re.search(r"backoff:[12]", line) else ""

        line = until(backed_off, what="a timeout")
        said = sender.communicate(30)[0].strip()
    lab["wan1"].set("eth1", drop=None)
    after = counters(lab["h1"], *COUNTED.values())
    counted = {name: after[key] - before[key] for name, key in COUNTED.items()}
    assert " cwnd:1 " in line and counted["timeouts"] == 3 and counted["probes"] == 1, (line, counted)
    times = Transfer(said, capture, counted).times(20)
    assert len(times) == 5, times
    waits = [two - one for one, two in pairwise(times[2:])]
    assert 1.5 < waits[1] / waits[0] < 2.6, waits
    return f"{counted['timeouts']} timeouts, cwnd 1; the second wait was {waits[1] / waits[0]:.1f} times the first"
