"""The references of exercises 6.3 to 6.5, and the world that a traceroute machine is run in.

    match(message, probes)          which of our probes an ICMP message is about (RFC 792, RFC 1122 section 3.2.2)
    Traceroute(...)                 when to send which probe, when to give one up, when to stop: no clock, no socket
    read_path(hops, destination)    what the answers say about the path
    walk(host, destination, ...)    a coroutine that carries out what such a machine decides, in any world
    reasons_to_be_silent(packet)    why no ICMP error may be sent about a packet (RFC 1122 section 3.2.2)

`netlib.apps.traceroute` does all of this in one coroutine.  Here it is taken apart, because each part is an
exercise of its own: bytes and plain values in, plain values out.
"""

from collections.abc import Callable
from typing import Any

from netlib.host import RAW, Host
from netlib.wire.address import IPv4Address
from netlib.wire.icmp import ECHO_REPLY, ECHO_REQUEST, REDIRECT, SOURCE_QUENCH
from netlib.wire.ipv4 import ICMP, TCP, UDP, IPv4Packet
from netlib.wire.udp import UDPDatagram
from netlib.worlds.task import now, readable

ERRORS = (3, 4, 5, 11, 12)  # the types that quote a packet
PROHIBITED = (9, 10, 13)  # codes of type 3: an administrator does not want it (RFC 1812 section 5.2.7.1)
FIRST_PORT = 33434

Answer = tuple[str, int, int, float]  # source, type, code, round-trip time in seconds
Hops = list[list[Answer | None]]


def identity(packet: bytes) -> tuple[bytes, bytes, int, bytes] | None:
    """What tells one of our packets from all others, also when only its header and 8 bytes are left of it."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    start = 4 * (packet[0] & 15)
    if start < 20 or len(packet) < start + 8:
        return None
    protocol, first = packet[9], packet[start : start + 8]
    if protocol == ICMP and first[0] == ECHO_REQUEST:
        mark = first[4:8]  # identifier and sequence number
    elif protocol in (TCP, UDP):
        mark = first[:4]  # both ports
    else:
        return None
    return packet[12:16], packet[16:20], protocol, mark


def match(message: bytes, probes: list[bytes]) -> int | None:
    """The index of the probe that an ICMP message is about, or None."""
    if len(message) < 8:
        return None
    if message[0] == ECHO_REPLY:
        marks = [known[3] if (known := identity(probe)) and known[2] == ICMP else None for probe in probes]
        return marks.index(message[4:8]) if message[4:8] in marks else None
    if message[0] not in ERRORS:
        return None
    quoted = identity(message[8:])
    known_probes = [identity(probe) for probe in probes]
    return known_probes.index(quoted) if quoted is not None and quoted in known_probes else None


class Traceroute:
    """One probe at a time: `tries` probes for each TTL, until one is answered for good or `max_hops` is reached."""

    def __init__(self, max_hops: int = 30, tries: int = 3, timeout: float = 1.0) -> None:
        self.max_hops, self.tries, self.timeout = max_hops, tries, timeout
        self.answers: list[Answer | None] = []  # one for each probe that is over
        self.sent: float | None = None  # when the probe that is out was sent

    def poll(self, now: float) -> tuple[int, int] | None:
        """The probe to send now as (number, ttl), or None.  Gives up a probe whose time is over."""
        due = self.deadline()
        if due is not None and now >= due:
            self.close(None)
        if self.done or self.sent is not None:
            return None
        self.sent = now
        return len(self.answers), len(self.answers) // self.tries + 1

    def reply(self, number: int, source: str, type: int, code: int, now: float) -> None:
        """Take in an answer to the probe of this number; one that comes too late, or twice, changes nothing."""
        if self.sent is None or number != len(self.answers) or type in (SOURCE_QUENCH, REDIRECT):
            return
        if now < self.sent + self.timeout:
            self.close((source, type, code, now - self.sent))

    def close(self, answer: Answer | None) -> None:
        self.answers.append(answer)
        self.sent = None

    def deadline(self) -> float | None:
        """When the probe that is out will be given up, or None."""
        return None if self.sent is None else self.sent + self.timeout

    @property
    def hops(self) -> Hops:
        """For each TTL from 1, what each probe got back."""
        return [self.answers[i : i + self.tries] for i in range(0, len(self.answers), self.tries)]

    @property
    def done(self) -> bool:
        """Whether no more probes are needed."""
        if not self.answers or len(self.answers) % self.tries:
            return False
        return len(self.hops) >= self.max_hops or any(answer and answer[1] in (0, 3) for answer in self.hops[-1])


def read_path(hops: Hops, destination: str) -> dict[str, Any]:
    """Who answered at each TTL, and how the path ends."""
    path = [list(dict.fromkeys(answer[0] for answer in hop if answer)) for hop in hops]
    answers = [(ttl, answer) for ttl, hop in enumerate(hops, 1) for answer in hop if answer]

    def ends(end: str, ttl: int, code: int | None = None) -> dict[str, Any]:
        return {"path": path, "end": end, "ttl": ttl, "code": code}

    for ttl, (source, *_) in answers:
        if source == destination:
            return ends("reached", ttl)
    for ttl, (_, type, code, _) in answers:
        if type == 3:
            return ends("filtered" if code in PROHIBITED else "unreachable", ttl, code)
    first: dict[str, int] = {}
    for ttl, (source, *_) in answers:
        if ttl - first.setdefault(source, ttl) >= 2:
            return ends("loop", ttl)
    if path[-1]:
        return ends("unfinished", len(hops))
    return ends("silent", max((ttl for ttl, _ in answers), default=0))


async def walk(
    host: Host, destination: str, machine: Any, which: Callable[[bytes, list[bytes]], int | None] = match
) -> Any:
    """Send the probes that `machine` asks for, as UDP, and hand it the answers; returns the machine when it is done.

    `which` finds the probe that an ICMP message is about, as `match` does.
    """
    icmp, udp = host.socket(RAW, protocol=ICMP), host.socket(RAW, protocol=UDP)
    sent: list[bytes] = []
    try:
        while True:
            probe = machine.poll(await now())
            if probe is not None:
                number, ttl = probe
                packet = IPv4Packet(destination=IPv4Address(destination), ttl=ttl)
                packet.payload = UDPDatagram(40000, FIRST_PORT + number, checksummed=False, payload=bytes(32)).build()
                udp.send(packet, await now())
                sent.append(packet.build())
            if machine.done:
                return machine
            due = machine.deadline()
            if probe is None and due is None:
                raise RuntimeError("the machine is not done, but no probe is out, and poll returned none to send")
            # a microsecond more: a sum of floats may fall short of the deadline by a hair
            wait = 1.0 if due is None else max(0.0, due - await now()) + 1e-6
            if not await readable(icmp, wait):
                continue
            time, answer = icmp.receive() or (0.0, IPv4Packet())
            found = which(answer.payload, sent)
            if found is not None:
                machine.reply(found, str(answer.source), answer.payload[0], answer.payload[1], time)
    finally:
        icmp.close()
        udp.close()


def reasons_to_be_silent(packet: bytes) -> list[str]:
    """Why no ICMP error may be sent about a packet; an empty list where one may (RFC 1122 section 3.2.2)."""
    source, destination = packet[12:16], packet[16:20]
    start = 4 * (packet[0] & 15)
    reasons = []
    if packet[9] == ICMP and packet[start] in ERRORS:
        reasons.append("it is an ICMP error itself")
    if int.from_bytes(packet[6:8], "big") & 0x1FFF:
        reasons.append("it is a fragment, and not the first one")
    if destination[0] >> 4 == 14 or destination == b"\xff\xff\xff\xff":
        reasons.append("its destination is more than one host")
    if source == bytes(4) or source[0] == 127 or source[0] >= 224:
        reasons.append("its source is no single host that a report could be sent to")
    return reasons
