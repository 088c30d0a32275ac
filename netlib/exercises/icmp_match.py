"""Exercise 6.3: which of our probes an ICMP message is about.

The probes are whole IP packets as they were sent.  Messages are made to look almost right: one port, one address
or the protocol is another, the quote is cut, options stand in its header.
"""

from functools import partial
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.icmp_messages import H1, H2, A, a, ip, option_lists, sealed
from netlib.exercises.icmp_path import ERRORS, identity, match
from netlib.grading import Exercise, Mistake
from netlib.internet.icmp import QUOTE
from netlib.wire.icmp import NAMES
from netlib.wire.ipv4 import ICMP, TCP, UDP
from netlib.wire.udp import UDPDatagram

ERROR_TYPES = frozenset(ERRORS)


def match_by(message: bytes, probes: list[bytes], *, fixed: bool = False, ports: slice = slice(0, 4),
             addresses: slice = slice(12, 20), protocol: bool = True, types: frozenset[int] = ERROR_TYPES,
             reply: bool = True, quoted_reply: bool = False) -> int | None:  # fmt: skip
    """The ways to get it wrong, by keyword."""

    def mark(packet: bytes) -> tuple[bytes, ...] | None:
        start = 20 if fixed else 4 * (packet[0] & 15) if packet else 0
        if len(packet) < max(start, 20) + 8 or packet[0] >> 4 != 4 or start < 20:
            return None
        first = packet[start : start + 8]
        if packet[9] == ICMP and first[0] != 8 and not quoted_reply:
            return None
        if packet[9] not in (ICMP, TCP, UDP):
            return None
        which = first[4:8] if packet[9] == ICMP else first[ports]
        return packet[addresses], which, packet[9:10] if protocol else b""

    if len(message) < 8:
        return None
    if message[0] == 0 and reply:
        return match(message, probes)
    marks = [mark(probe) for probe in probes]
    quoted = mark(message[8:]) if message[0] in types else None
    return marks.index(quoted) if quoted and quoted in marks else None


def make_probe(protocol: int, one: int, two: int, source: bytes = H1, destination: bytes = H2, kind: int = 8,
               options: bytes = b"", ttl: int = 1) -> bytes:  # fmt: skip
    marks = one.to_bytes(2, "big") + two.to_bytes(2, "big")
    if protocol == ICMP:
        payload = sealed(bytes((kind, 0, 0, 0)) + marks + b"probe")
    elif protocol == UDP:
        payload = UDPDatagram(one, two, checksummed=False, payload=b"probe").build()
    else:
        payload = marks + bytes(8) + A("5002 faf0 0000 0000")
    return ip(source, destination, protocol, payload, options=options, ttl=ttl)


def report(packet: bytes, kind: int = 11, code: int = 0, size: int = QUOTE) -> bytes:
    """An error message, of any kind and with a quote of any size."""
    return sealed(bytes((kind, code, 0, 0, 0, 0, 0, 0)) + packet[:size])


small = st.sampled_from([1, 2, 33434, 33435, 40000])
probes_of = st.tuples(st.sampled_from([UDP, UDP, ICMP, ICMP, TCP]), small, small, st.just(H1),
                      st.sampled_from([H2, H2, H2, a("10.0.9.9")]))  # fmt: skip
probe_lists = st.lists(probes_of, min_size=1, max_size=4, unique=True)
# what may be different in a packet that looks like a probe and is none
CHANGES = ("protocol", "one", "two", "source", "destination", "kind", "swapped", "both")
changes = st.sampled_from(["", "", "", "", *CHANGES])


def look_alike(probe: tuple[Any, ...], change: str, options: bytes, ttl: int) -> bytes:
    protocol, one, two, source, destination = probe
    kind = 8
    match change:
        case "protocol":
            protocol = {UDP: TCP, TCP: UDP, ICMP: UDP}[protocol]
        case "one":
            one ^= 1
        case "two":
            two ^= 1
        case "swapped":
            one, two = two, one
        case "source":
            source = a("10.0.1.77")
        case "destination":
            destination = a("10.0.4.77")
        case "both":
            source, destination = destination, source
        case "kind":
            kind = 0
    return make_probe(protocol, one, two, source, destination, kind, options, ttl)


def make_case(probes: list[Any], index: int, change: str, kind: int, options: bytes, size: int) -> tuple[Any, ...]:
    sent = [make_probe(*probe) for probe in probes]
    one = probes[index % len(probes)]
    if kind in ERROR_TYPES:
        quoted = look_alike(one, change, options, 1)
        start = 4 * (quoted[0] & 15)
        return report(quoted, kind, 0, max(0, start + size)), sent
    _, first, second, *_ = one
    second ^= change == "two"
    return sealed(bytes((kind, 0, 0, 0)) + first.to_bytes(2, "big") + second.to_bytes(2, "big") + b"probe"), sent


match_cases = st.builds(
    make_case, probe_lists, st.integers(0, 3), changes,
    st.sampled_from([11, 11, 11, 3, 3, 12, 4, 5, 0, 0, 8, 13]), option_lists,
    st.sampled_from([8, 8, 8, 13, 100, 7, 4, 0, -1, -20]),
)  # fmt: skip
garbage = st.tuples(st.binary(max_size=12), st.just([make_probe(UDP, 40000, 33434)]))
UDP_PROBES = [make_probe(UDP, 40000, 33434 + n, ttl=1 + n) for n in range(3)]
ECHO_PROBES = [make_probe(ICMP, 77, n, ttl=1 + n) for n in range(3)]


def why_match(args: Any) -> str:
    message, probes = args
    found = match(message, probes)
    if len(message) < 8:
        return "An ICMP header has 8 bytes: this is no message."
    name = NAMES.get((message[0], message[1]), f"type {message[0]}")
    if found is not None:
        return f"The message ({name}) is about probe {found}: the same addresses, protocol and marks."
    if message[0] == 0:
        return "An echo reply, but no probe has its identifier and sequence number."
    if message[0] not in ERRORS:
        return f"Type {message[0]} ({name}) is neither an error nor an echo reply."
    if identity(message[8:]) is None:
        return "The quote has no whole header and 8 bytes behind it, or is not of a kind that we send."
    return "The quoted packet is none of ours: an address, the protocol, a port, or identifier and sequence differ."


MATCH = Exercise(
    number="6.3",
    name="match",
    points=3,
    summary="Which of our probes an ICMP message is about.",
    signature="match(message: bytes, probes: list[bytes]) -> int | None",
    rfc="RFC 792; RFC 1122 section 3.2.2",
    reference=match,
    inputs=st.one_of(match_cases, match_cases, match_cases, garbage),
    pinned={
        "the TTL ran out": (report(UDP_PROBES[1], size=28), UDP_PROBES),
        "port unreachable, with a long quote": (report(UDP_PROBES[2], 3, 3), UDP_PROBES),
        "about an echo request": (report(ECHO_PROBES[1], size=28), ECHO_PROBES),
        "an echo reply": (sealed(A("0000 0000 004d 0002") + b"probe"), ECHO_PROBES),
        "an echo reply to somebody else": (sealed(A("0000 0000 004e 0002") + b"probe"), ECHO_PROBES),
        "an echo reply, and UDP probes with such ports": (
            sealed(A("0000 0000 9c40 829a") + b"probe"), UDP_PROBES),
        "an echo reply, and UDP probes of such a length": (
            sealed(A("0000 0000 000d 0000") + b"probe"), UDP_PROBES),
        "somebody pings us with our own numbers": (sealed(A("0800 0000 004d 0002") + b"probe"), ECHO_PROBES),
        "a ping that carries one of our probes as its data": (report(UDP_PROBES[1], 8, 0), UDP_PROBES),
        "options in the quoted header": (
            report(make_probe(UDP, 40000, 33435, options=b"\x94\x04\0\0"), size=32), UDP_PROBES),
        "options in the probes": (
            report(make_probe(UDP, 40000, 33435, options=b"\x94\x04\0\0"), size=32),
            [make_probe(UDP, 40000, port, options=b"\x94\x04\0\0") for port in (33434, 33435)]),
        "the quote is cut off": (report(UDP_PROBES[1], size=27), UDP_PROBES),
        "no quote": (sealed(A("0b00 0000 0000 0000")), UDP_PROBES),
        "TCP with the same ports": (report(make_probe(TCP, 40000, 33435), size=28), UDP_PROBES),
        "from another source port": (report(make_probe(UDP, 40001, 33435), size=28), UDP_PROBES),
        "to another destination": (report(make_probe(UDP, 40000, 33435, H1, a("10.0.9.9")), size=28), UDP_PROBES),
        "from another source": (report(make_probe(UDP, 40000, 33435, a("10.0.1.77")), size=28), UDP_PROBES),
        "about an echo reply of ours": (report(make_probe(ICMP, 77, 1, kind=0), size=28), ECHO_PROBES),
        "the router has changed the header": (
            report(make_probe(UDP, 40000, 33435, ttl=0), size=28), UDP_PROBES),
        "the UDP checksum was filled in on the way": (report(UDP_PROBES[1][:26] + A("be11")), UDP_PROBES),
    },
    mistakes=[
        Mistake("It looks as if the quoted header is taken to have 20 bytes: its own first byte says how many.",
                partial(match_by, fixed=True)),
        Mistake("It looks as if only the ports are compared: two destinations can be probed at the same port.",
                partial(match_by, addresses=slice(0, 0))),
        Mistake("It looks as if the protocol is not compared: TCP and UDP keep their ports at the same place.",
                partial(match_by, protocol=False)),
        Mistake("It looks as if only the destination port is compared.", partial(match_by, ports=slice(2, 4))),
        Mistake("It looks as if all 8 bytes are compared: of UDP and TCP only the ports, the first 4, count.",
                partial(match_by, ports=slice(0, 8))),
        Mistake("It looks as if the echo reply is missing: it quotes nothing, and brings identifier and sequence back.",
                partial(match_by, reply=False)),
        Mistake("It looks as if time exceeded (11) alone is read: an unreachable (3) quotes the probe too.",
                partial(match_by, types=frozenset({11}))),
        Mistake("It looks as if a quoted echo reply passes for one of our requests: look at the quoted type.",
                partial(match_by, quoted_reply=True)),
        Mistake("It looks as if a cut-off quote raises: look at the lengths first.",
                when=lambda args, expected, got: getattr(got, "name", "") in ("IndexError", "error")),
    ],
    without=("netlib.wire.icmp", "netlib.apps", "netlib.exercises.icmp_path"),
    why=why_match,
)  # fmt: skip
