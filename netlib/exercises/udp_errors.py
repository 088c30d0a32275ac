"""Exercise 9.3: an ICMP error comes in; which socket is told, and under which name.

Sockets are tuples (address, port, peer, peer port), as `ss -un` lists them; the peer is None where there is none.
"""

from functools import partial
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.icmp_messages import ip, option_lists, sealed
from netlib.grading import Exercise, Mistake
from netlib.transport.udp import UNREACHABLE
from netlib.wire.ipv4 import TCP, UDP
from netlib.wire.udp import UDPDatagram

HARD = {code: name for code, (name, hard) in UNREACHABLE.items() if hard}
Socket = tuple[bytes, int, bytes | None, int]


def a(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


HERE, THERE, OTHER = a("10.0.0.1"), a("10.0.0.2"), a("10.0.0.9")


def receive_error(message: bytes, sockets: list[Socket]) -> tuple[int, str] | None:
    """Which socket an ICMP message is about, by its index, and the errno name that it gets; or None."""
    if len(message) < 8:
        return None
    name = HARD.get(message[1]) if message[0] == 3 else {12: "EPROTO"}.get(message[0])
    ends = conversation(message[8:])
    if name is None or ends is None:
        return None
    for index, known in enumerate(sockets):
        if known == ends:
            return index, name
    return None


def conversation(packet: bytes) -> Socket | None:
    """Source, source port, destination and destination port of a UDP packet of which the beginning is there."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    start = 4 * (packet[0] & 15)
    if start < 20 or len(packet) < start + 8 or packet[9] != UDP or int.from_bytes(packet[6:8], "big") & 0x1FFF:
        return None
    one, two = (int.from_bytes(packet[at : at + 2], "big") for at in (start, start + 2))
    return packet[12:16], one, packet[16:20], two


# ---- wrong answers ---------------------------------------------------------------------------------------------


def error_by(message: bytes, sockets: list[Socket], *, fixed: bool = False, swapped: bool = False, plain: bool = False,
             names: dict[int, str] = HARD, kinds: tuple[int, ...] = (3, 12), protocol: bool = True,
             fragments: bool = False, compared: slice = slice(0, 4), peer: bool = True,
             behind: int = 8) -> Any:  # fmt: skip
    """The ways to get it wrong, by keyword."""
    if len(message) < 8 or message[0] not in kinds:
        return None
    name = names.get(message[1]) if message[0] == 3 else {12: "EPROTO"}.get(message[0], "EHOSTUNREACH")
    packet = message[8:]
    start = 20 if fixed else 4 * (packet[0] & 15) if packet else 0
    if name is None or len(packet) < max(start, 20) + behind or packet[0] >> 4 != 4 or start < 20:
        return None
    if (protocol and packet[9] != UDP) or (not fragments and int.from_bytes(packet[6:8], "big") & 0x1FFF):
        return None
    one, two = (int.from_bytes(packet[at : at + 2], "big") for at in (start, start + 2))
    ends = (packet[12:16], one, packet[16:20], two)
    if swapped:
        ends = (packet[16:20], two, packet[12:16], one)
    for index, known in enumerate(sockets):
        if known[compared] == ends[compared] and (peer or known[2] is not None):
            return index, name
        if plain and known[2] is None and known[1] == one and known[0] in (bytes(4), packet[12:16]):
            return index, name
    return None


SOFT = {code: name for code, (name, _) in UNREACHABLE.items()}


def why_error(args: Any) -> str:
    message, sockets = args
    if len(message) < 8:
        return "An ICMP header has 8 bytes: this is no message."
    kind, code = message[0], message[1]
    if kind not in (3, 12):
        return f"Type {kind} is nothing that a UDP socket is told of."
    if kind == 3 and code not in HARD:
        return f"Destination unreachable with code {code} is a soft error, which may pass: no socket is told."
    ends = conversation(message[8:])
    if ends is None:
        return f"{why_no_ports(message[8:])} No socket is told."
    told = f"The quoted datagram went from {shown(ends[0])} port {ends[1]} to {shown(ends[2])} port {ends[3]}"
    if ends in sockets:
        return f"{told}: that is the connected socket number {sockets.index(ends)}."
    return f"{told}: no socket here is connected just so, and one that is not connected is not told."


def why_no_ports(packet: bytes) -> str:
    """What keeps a quote from saying whose datagram it was; the first thing that does."""
    if len(packet) < 20:
        return f"The quote has {len(packet)} bytes, fewer than an IP header."
    start = 4 * (packet[0] & 15)
    if packet[0] >> 4 != 4 or start < 20:
        return "The quote is not of an IPv4 packet."
    if packet[9] != UDP:
        return f"The quoted packet's protocol is {packet[9]}, and UDP's is 17."
    if int.from_bytes(packet[6:8], "big") & 0x1FFF:
        return "The quote is of a later fragment, where no ports are."
    return f"Behind the quoted header of {start} bytes stand {len(packet) - start} bytes: UDP's header would be 8."


def shown(address: bytes | None) -> str:
    return ".".join(map(str, address or ()))


# ---- what is tried -------------------------------------------------------------------------------------------------


def quoting(kind: int, code: int, packet: bytes, size: int = 548) -> bytes:
    return sealed(bytes((kind, code, 0, 0, 0, 0, 0, 0)) + packet[:size])


def sent(source: bytes, one: int, destination: bytes, two: int, *, protocol: int = UDP, options: bytes = b"",
         offset: int = 0, data: bytes = b"data") -> bytes:  # fmt: skip
    payload = UDPDatagram(one, two, checksummed=False, payload=data).build()
    return ip(source, destination, protocol, payload, options=options, offset=offset, ttl=64)


small = st.sampled_from([53, 7000, 40000])
connected_sockets = st.tuples(st.just(HERE), small, st.sampled_from([THERE, OTHER]), small)
plain_sockets = st.tuples(st.sampled_from([bytes(4), HERE]), small, st.none(), st.just(0))
socket_lists = st.lists(st.one_of(connected_sockets, connected_sockets, plain_sockets), max_size=4, unique=True)
kinds = st.one_of(
    st.just((3, 3)), st.just((3, 3)), st.tuples(st.just(3), st.integers(0, 16)),
    st.sampled_from([(11, 0), (11, 1), (12, 0), (12, 1), (4, 0), (5, 1), (0, 0), (8, 0)]),
)  # fmt: skip


def case(sockets: list[Socket], pick: int, ends: Socket, kind: tuple[int, int], options: bytes, odd: str,
         size: int) -> tuple[Any, ...]:  # fmt: skip
    """A message about a packet of one of the sockets, or of none, or about something that only looks like one."""
    if sockets and pick < 6:
        known = sockets[pick % len(sockets)]
        ends = known if known[2] is not None else (HERE, known[1], ends[2], ends[3])
    source, one, destination, two = ends
    assert destination is not None
    packet = sent(source, one, destination, two, options=options, protocol=TCP if odd == "tcp" else UDP,
                  offset=3 if odd == "later fragment" else 0)  # fmt: skip
    if odd == "other way round":
        packet = sent(destination, two, source, one, options=options)
    start = 20 + len(options)
    cut = {"cut": start + size % 8, "short": size % 20, "eight bytes": start + 8}.get(odd, 548)
    return quoting(*kind, packet, cut), sockets


odds = st.sampled_from(["", "", "", "", "tcp", "later fragment", "cut", "short", "eight bytes", "other way round"])
FIRST: Socket = (HERE, 40000, THERE, 7)
ASKED = sent(*FIRST)  # type: ignore[arg-type]
PLAIN: Socket = (bytes(4), 40000, None, 0)

RECEIVE_ERROR = Exercise(
    number="9.3",
    name="receive_error",
    points=3,
    summary="Which socket is told of an ICMP error, and by which name.",
    signature="receive_error(message: bytes, sockets: list[tuple]) -> tuple[int, str] | None",
    rfc="RFC 1122 sections 3.2.2.1 and 4.1.3.3",
    reference=receive_error,
    inputs=st.builds(case, socket_lists, st.integers(0, 8), connected_sockets, kinds, option_lists, odds,
                     st.integers(0, 40)),
    pinned={
        "port unreachable": (quoting(3, 3, ASKED), [FIRST]),
        "the second of two": (quoting(3, 3, ASKED), [(HERE, 40001, THERE, 7), FIRST]),
        "a socket that is not connected": (quoting(3, 3, ASKED), [PLAIN]),
        "one that is connected, and one that is not": (quoting(3, 3, ASKED), [PLAIN, FIRST]),
        "connected to another port": (quoting(3, 3, ASKED), [(HERE, 40000, THERE, 8)]),
        "connected to another host": (quoting(3, 3, ASKED), [(HERE, 40000, OTHER, 7)]),
        "host unreachable may pass": (quoting(3, 1, ASKED), [FIRST]),
        "fragmentation needed is not for the program": (quoting(3, 4, ASKED), [FIRST]),
        "prohibited": (quoting(3, 13, ASKED), [FIRST]),
        "a parameter problem": (quoting(12, 0, ASKED), [FIRST]),
        "time exceeded": (quoting(11, 0, ASKED), [FIRST]),
        "an echo reply": (sealed(bytes((0, 0, 0, 0, 0, 1, 0, 1)) + ASKED), [FIRST]),
        "IP options before the ports": (quoting(3, 3, sent(*FIRST, options=b"\x94\x04\0\0")), [FIRST]),  # type: ignore
        "just eight bytes behind the header": (quoting(3, 3, ASKED, 28), [FIRST]),
        "seven bytes are too few": (quoting(3, 3, ASKED, 27), [FIRST]),
        "a TCP segment with the same ports": (quoting(3, 3, sent(*FIRST, protocol=TCP)), [FIRST]),  # type: ignore
        "a later fragment has no ports": (quoting(3, 3, sent(*FIRST, offset=2)), [FIRST]),  # type: ignore
        "nothing is quoted": (quoting(3, 3, b""), [FIRST]),
        "no message at all": (b"\x03", [FIRST]),
    },
    mistakes=[
        Mistake("It looks as if sockets that are not connected are told, too. They talk to many: which datagram was "
                "it?", partial(error_by, plain=True)),
        Mistake("It looks as if source and destination are turned round. The quote is a packet of ours: its source "
                "is our own address.", partial(error_by, swapped=True)),
        Mistake("It looks as if soft errors are told, too: only the codes in HARD are.",
                partial(error_by, names=SOFT)),
        Mistake("It looks as if the quoted header is taken to have 20 bytes: options make it longer.",
                partial(error_by, fixed=True)),
        Mistake("It looks as if the quote's protocol is not looked at: TCP has ports of its own.",
                partial(error_by, protocol=False)),
        Mistake("It looks as if a later fragment is read: only the first one has the ports.",
                partial(error_by, fragments=True)),
        Mistake("It looks as if only our own address and port are compared: the peer's count, too.",
                partial(error_by, compared=slice(0, 2))),
        Mistake("It looks as if a quote that is cut short is read: it needs 8 bytes behind its header.",
                partial(error_by, behind=4)),
        Mistake("It looks as if type 12, parameter problem, is left out.", partial(error_by, kinds=(3,))),
    ],
    without=("netlib.transport.udp", "netlib.wire.icmp", "netlib.exercises.udp_errors",
             "netlib.exercises.icmp_path"),
    why=why_error,
)  # fmt: skip
