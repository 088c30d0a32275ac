"""One packet, seen at several points: finding out that it is the same, and where it got lost.

A router changes a packet's TTL, its header checksum, perhaps its DSCP and ECN bits and its options, and the link
layer around it.  What it leaves alone, `identity`, tells which sightings belong together; RFC 6864 is about
how far the identification field alone can be trusted (not far, hence the payload).  Sightings that belong
together make a journey: from point to point in the order of time, or of TTL where the times are equal.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from netlib.wire.arp import ARPPacket
from netlib.wire.ethernet import EthernetFrame
from netlib.wire.icmp import ICMPEcho, ICMPMessage
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.ipv6 import IPv6Packet
from netlib.wire.packet import Packet
from netlib.wire.tcp import FLAGS, TCPSegment
from netlib.wire.udp import UDPDatagram

Identity = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A packet at one point, at one time (seconds)."""

    time: float
    point: str
    packet: Packet
    ttl: int


@dataclass(frozen=True, slots=True)
class Hop:
    """From one point to the next; `received` None: lost on the way; `destination` None: seen here and nowhere else."""

    packet: Packet
    source: str
    sent: float
    destination: str | None
    received: float | None
    remark: str = ""


def identity(packet: Packet) -> Identity:
    """What stays the same on a packet's whole way."""
    if IPv4Packet in packet:
        ip = packet[IPv4Packet]
        fragment = ip.identification, ip.fragment_offset, ip.more_fragments
        return ip.source, ip.destination, ip.protocol, *fragment, ip.payload
    if IPv6Packet in packet:
        six = packet[IPv6Packet]
        return six.source, six.destination, six.next_header, six.flow_label, six.extensions, six.payload
    if ARPPacket in packet:
        return "ARP", packet[ARPPacket].build_header()
    return "frame", packet.data


def ends(packet: Packet) -> tuple[str, str]:
    """The addresses that a packet goes from and to: IP, the IP addresses in ARP, or else MAC."""
    if IPv4Packet in packet:
        return str(packet[IPv4Packet].source), str(packet[IPv4Packet].destination)
    if IPv6Packet in packet:
        return str(packet[IPv6Packet].source), str(packet[IPv6Packet].destination)
    if ARPPacket in packet:
        return str(packet[ARPPacket].sender_ip), str(packet[ARPPacket].target_ip)
    if EthernetFrame in packet:
        return str(packet[EthernetFrame].source), str(packet[EthernetFrame].destination)
    return "unreadable", "unreadable"


def describe(packet: Packet) -> str:
    """A packet in a few words, for an arrow: the columns say already between whom."""
    if ARPPacket in packet:
        return str(packet[ARPPacket])
    if IPv6Packet in packet and len(packet.layers) > 1 and packet.layers[-1] is not packet[IPv6Packet]:
        return f"{packet.layers[-1]}, hop limit {packet[IPv6Packet].hop_limit}"
    if IPv4Packet not in packet:
        return packet.summary()
    ip, last = packet[IPv4Packet], packet.layers[-1]
    if isinstance(last, ICMPEcho):
        words = f"{last.name} seq {last.sequence}"
    elif isinstance(last, ICMPMessage):
        words = last.name
    elif isinstance(last, UDPDatagram):
        words = f"UDP {last.source_port} > {last.destination_port}"
    elif isinstance(last, TCPSegment):
        flags = " ".join(name.upper() for name in FLAGS if getattr(last, name))
        words = f"TCP {flags} seq {last.sequence}" + (f", {len(last.payload)} bytes" if last.payload else "")
    elif ip.is_fragment:
        first = 8 * ip.fragment_offset
        words = f"fragment, bytes {first}-{first + len(ip.payload) - 1}"
    else:
        words = f"protocol {ip.protocol}, {len(ip.payload)} bytes"
    return f"{words}, TTL {ip.ttl}"


def in_full(packet: Packet) -> str:
    """A packet in a line, for a list, with its TTL and what is wrong with it."""
    ttl = f", TTL {packet[IPv4Packet].ttl}" if IPv4Packet in packet else ""
    return packet.summary() + ttl + "".join(f" [{problem}]" for problem in packet.problems)


def journeys(points: Mapping[str, Iterable[tuple[float, Packet]]]) -> list[list[Sighting]]:
    """The sightings at all points, those of one packet together and in order."""
    same: defaultdict[Identity, list[Sighting]] = defaultdict(list)
    for point, capture in points.items():
        for time, packet in capture:
            ttl = packet[IPv4Packet].ttl if IPv4Packet in packet else 0
            ttl = packet[IPv6Packet].hop_limit if IPv6Packet in packet else ttl
            same[identity(packet)].append(Sighting(time, point, packet, ttl))
    found = [journey for sightings in same.values() for journey in apart(sightings)]
    return sorted(found, key=lambda journey: journey[0].time)


def apart(sightings: list[Sighting]) -> list[list[Sighting]]:
    """Tell packets apart that look alike, such as a retransmission: each is seen at one point, with one TTL, once."""
    sightings = sorted(sightings, key=lambda s: (s.time, -s.ttl))
    seen = Counter((s.point, s.ttl) for s in sightings)
    most = max(seen.values())
    made: list[list[Sighting]] = []
    for s in sightings:
        open_ones = [j for j in made if all((o.point, o.ttl) != (s.point, s.ttl) and o.ttl >= s.ttl for o in j)]
        if not open_ones:
            made.append([s])
        elif seen[s.point, s.ttl] == most:
            open_ones[0].append(s)  # none is missing here: they come in the order in which they were sent
        else:
            open_ones[-1].append(s)  # some were lost, most likely the earlier ones: this is why there are later ones
    return made


def homes(found: list[list[Sighting]], known: Mapping[str, str]) -> dict[str, str]:
    """Where each address lives: as `known` says, or where packets from it are first seen, most of the time."""
    first: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for journey in found:
        first[ends(journey[0].packet)[0]][journey[0].point] += 1
    return {address: counts.most_common(1)[0][0] for address, counts in first.items()} | dict(known)


def route(journey: list[Sighting]) -> list[Sighting]:
    """The first sighting at each point."""
    return list({s.point: s for s in reversed(journey)}.values())[::-1]


def hops(points: Mapping[str, Iterable[tuple[float, Packet]]], known: Mapping[str, str]) -> list[Hop]:
    """From point to point, for every packet that was seen; with what was lost between two of them."""
    found = journeys(points)
    lives, columns = homes(found, known), list(points)
    longest: dict[tuple[str, str], list[str]] = {}  # between two addresses, the farthest that a packet came
    for journey in found:
        names, pair = [s.point for s in route(journey)], ends(journey[0].packet)
        if len(names) > len(longest.get(pair, [])):
            longest[pair] = names
    made: list[Hop] = []
    for journey in found:
        way, pair = route(journey), ends(journey[0].packet)
        left = {s.point: s for s in journey}  # the last sighting at each point: when it went on
        flood = ARPPacket in journey[0].packet
        for here, there in pairwise(way):
            start = left[way[0].point] if flood else left[here.point]
            # Seen once at a router: as it came in, and it went on with a smaller TTL, that of the next sighting.
            came_in = start is here and not flood and lives.get(pair[0]) != here.point
            packet = there.packet if came_in else start.packet
            made.append(Hop(packet, start.point, min(start.time, there.time), there.point, there.time))
        made += ending(way, left, longest[pair], lives.get(pair[1]), columns)
        if len(way) == 1 and lives.get(pair[1]) == way[0].point != lives.get(pair[0]):  # nobody watched its sender
            words = f"{describe(journey[0].packet)} (arrives from {pair[0]})"
            made.append(Hop(journey[0].packet, way[0].point, way[0].time, None, None, words))
    return sorted(made, key=lambda hop: hop.sent)


def ending(way: list[Sighting], left: dict[str, Sighting], longest: list[str], home: str | None,
           columns: list[str]) -> list[Hop]:  # fmt: skip
    """What became of a packet after it was last seen, where that was not the end of its way."""
    last = way[-1]
    after, goal = left[last.point], home if home in columns else None
    if last.point == goal:
        return []
    goes_on = last.point in longest[:-1]
    if last.ttl == 1 and len(way) > 1 and (goes_on or goal):
        return [Hop(last.packet, last.point, last.time, None, None, "TTL 1: goes no further")]
    if goes_on:
        following = longest[longest.index(last.point) + 1]
    elif goal:
        here, there = columns.index(last.point), columns.index(goal)
        following = columns[here + (1 if there > here else -1)]
    else:
        return [] if len(way) > 1 else [Hop(last.packet, last.point, last.time, None, None)]
    return [Hop(after.packet, last.point, after.time, following, None)]


def along_the_path(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Names in the order of the path that their links make, the first sender's end first; else as they appear."""
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    beside: dict[str, list[str]] = {name: [] for name in names}
    for a, b in pairs:
        if b not in beside[a]:
            beside[a].append(b)
            beside[b].append(a)
    tips = [name for name in names if len(beside[name]) == 1]
    if len(tips) != 2 or any(len(others) > 2 for others in beside.values()):
        return names
    order: list[str] = [tips[0]]
    while following := [name for name in beside[order[-1]] if name not in order]:
        order.append(following[0])
    return order if len(order) == len(names) else names
