"""Exercises 3.1 and 3.3: what a network card passes up, and which address of a frame stops it.

Bytes in, a verdict out.  The frames are made to look almost right: a neighbour's MAC address, a second IP address of
the same host, the port of a program that speaks the other protocol, options in front of the ports.
"""

from functools import partial
from typing import Any

from hypothesis import strategies as st

from netlib.grading import Exercise, Mistake
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, EthernetFrame
from netlib.wire.icmp import ICMPEcho
from netlib.wire.ipv4 import ICMP, TCP, UDP, IPv4Packet
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

HEADER, BROADCAST = 14, b"\xff" * 6
CUT_OFF, NOT_MY_MAC, NOT_IPV4, NOT_MY_IP = "cut off", "not my MAC", "not IPv4", "not my IP"
NO_PORTS, NOBODY_LISTENS = "no ports", "nobody listens"


def mac(number: int) -> bytes:
    return bytes(MACAddress(b"\x02\0\0\0\0" + bytes((number,))))


ME, OTHER, STRANGER = mac(10), mac(11), b"\x02\0\0\0\x01\x0a"  # the last one differs from ME in the middle
ALL_HOSTS, MDNS = bytes.fromhex("01005e000001"), bytes.fromhex("01005e0000fb")


def in_words(value: Any) -> str | None:
    """A MAC address, or a set of them, as people write it."""
    if isinstance(value, bytes) and len(value) == 6:
        return str(MACAddress(value))
    if isinstance(value, set | frozenset) and value and all(isinstance(v, bytes) and len(v) == 6 for v in value):
        return "{" + ", ".join(sorted(str(MACAddress(v)) for v in value)) + "}"
    return None


# ---- 3.1 ------------------------------------------------------------------------------------------------------


def accepts(frame: bytes, mac: bytes, groups: set[bytes], promiscuous: bool = False) -> bool:
    if len(frame) < HEADER:
        return False
    destination = frame[:6]
    return promiscuous or destination in (mac, BROADCAST) or destination in groups


def accepts_wrongly(frame: bytes, mac: bytes, groups: set[bytes], promiscuous: bool = False, *, at: int = 0,
                    broadcast: bool = True, every_group: bool = False, joined: bool = True, size: int = 6,
                    short: bool = False, deaf: bool = False) -> bool:  # fmt: skip
    """The ways to get it wrong, by keyword."""
    if len(frame) < HEADER and not (short and promiscuous):
        return False
    destination = frame[at : at + 6]
    return bool(
        (promiscuous and not deaf)
        or destination[:size] == mac[:size]
        or (broadcast and destination == BROADCAST)
        or (joined and destination in groups)
        or (every_group and destination[:1] and destination[0] & 1)
    )


def why_accepts(args: Any) -> str:
    frame, mac, groups, *more = args
    if len(frame) < HEADER:
        return f"An Ethernet header has {HEADER} bytes, and only {len(frame)} are there: this is no frame."
    to = MACAddress(frame[:6])
    if more and more[0]:
        return "A promiscuous card passes every frame up, whoever it is for."
    if frame[:6] == mac:
        return f"It is for {to}, which is this card's own address."
    if frame[:6] == BROADCAST:
        return "ff:ff:ff:ff:ff:ff is everybody."
    if to.is_group:
        joined = "joined" if frame[:6] in groups else "not joined"
        return f"{to} is a group ({frame[0]:#04x} is odd), and this card has {joined} it."
    return f"It is for {to}, and this card is {MACAddress(mac)}."


def ethernet(destination: bytes, source: bytes, ethertype: int = ETHERTYPE_IPV4, payload: bytes = b"hello") -> bytes:
    return EthernetFrame(MACAddress(destination), MACAddress(source), ethertype, payload).build()


macs = st.sampled_from([ME, ME, OTHER, STRANGER, BROADCAST, ALL_HOSTS, MDNS, bytes.fromhex("333300000001"),
                        bytes.fromhex("03000000000a")])  # fmt: skip
cards = st.tuples(
    st.one_of(
        st.builds(ethernet, macs, st.sampled_from([ME, OTHER]), st.just(ETHERTYPE_IPV4), st.binary(max_size=4)),
        st.sampled_from([ethernet(ME, OTHER)[:13], ME, b""]),
    ),
    st.just(ME), st.sets(st.sampled_from([ALL_HOSTS, MDNS])), st.booleans(),
)  # fmt: skip

ACCEPTS = Exercise(
    number="3.1",
    name="accepts",
    points=2,
    summary="Whether a network card passes a frame up to its host.",
    signature="accepts(frame: bytes, mac: bytes, groups: set[bytes], promiscuous: bool = False) -> bool",
    rfc="IEEE 802.3 clause 3.2.3; RFC 1112 section 6.4",
    reference=accepts,
    inputs=cards,
    pinned={
        "for this card": (ethernet(ME, OTHER), ME, set()),
        "for another card": (ethernet(OTHER, ME), ME, set()),
        "for everybody": (ethernet(BROADCAST, OTHER), ME, set()),
        "a group that was joined": (ethernet(MDNS, OTHER), ME, {MDNS, ALL_HOSTS}),
        "a group that was not joined": (ethernet(MDNS, OTHER), ME, {ALL_HOSTS}),
        "an address that differs in its fifth byte": (ethernet(STRANGER, OTHER), ME, set()),
        "promiscuous, for another card": (ethernet(OTHER, ME), ME, set(), True),
        "promiscuous, a group that was not joined": (ethernet(MDNS, OTHER), ME, set(), True),
        "the header alone": (ethernet(ME, OTHER, payload=b""), ME, set()),
        "one byte short of a header": (ethernet(ME, OTHER)[:13], ME, set()),
        "promiscuous, one byte short of a header": (ethernet(ME, OTHER)[:13], ME, set(), True),
        "nothing": (b"", ME, set(), True),
    },
    mistakes=[
        Mistake("It looks as if the sender's address is compared: the first six bytes say who it is for.",
                partial(accepts_wrongly, at=6)),
        Mistake("It looks as if a broadcast is refused: ff:ff:ff:ff:ff:ff is for everybody.",
                partial(accepts_wrongly, broadcast=False)),
        Mistake("It looks as if every group is accepted: only those in `groups` were joined.",
                partial(accepts_wrongly, every_group=True)),
        Mistake("It looks as if groups are refused that were joined: look into `groups`.",
                partial(accepts_wrongly, joined=False)),
        Mistake("It looks as if only the first bytes are compared: all six make the address.",
                partial(accepts_wrongly, size=3)),
        Mistake("It looks as if `promiscuous` makes no difference: with it, all frames are passed up.",
                partial(accepts_wrongly, deaf=True)),
        Mistake("It looks as if a promiscuous card takes what is no frame: look at the length first.",
                partial(accepts_wrongly, short=True)),
    ],
    why=why_accepts,
    show=in_words,
)  # fmt: skip


# ---- 3.3 ------------------------------------------------------------------------------------------------------

Programs = dict[tuple[int, int], str]


def deliver(frame: bytes, mac: bytes, addresses: set[bytes], programs: Programs) -> str:
    return deliver_wrongly(frame, mac, addresses, programs)


def deliver_wrongly(frame: bytes, mac: bytes, addresses: set[bytes], programs: Programs, *, check_mac: bool = True,
                    broadcast: bool = True, check_type: bool = True, check_ip: bool = True, fixed: bool = False,
                    port_at: int = 2, any_protocol: bool = False, order: Any = "big",
                    ip_at: int = 16, first: int = HEADER, second: int = 20) -> str:  # fmt: skip
    """Right as it stands, and the ways to get it wrong, by keyword."""
    if len(frame) < first:
        return CUT_OFF
    if check_mac and frame[:6] != mac and not (broadcast and frame[:6] == BROADCAST):
        return NOT_MY_MAC
    if check_type and frame[12:14] != b"\x08\x00":
        return NOT_IPV4
    packet = frame[HEADER:]
    if len(packet) < second:
        return CUT_OFF
    if check_ip and packet[ip_at : ip_at + 4] not in addresses:
        return NOT_MY_IP
    protocol = packet[9]
    if protocol not in (TCP, UDP):
        return NO_PORTS
    start = 20 if fixed else 4 * (packet[0] & 15)
    field = packet[start + port_at : start + port_at + 2]
    if len(packet) < start + 4:
        return CUT_OFF
    port = int.from_bytes(field, order)
    if any_protocol:
        return next((name for (_, number), name in programs.items() if number == port), NOBODY_LISTENS)
    return programs.get((protocol, port), NOBODY_LISTENS)


def why_deliver(args: Any) -> str:
    frame, mac, addresses, _ = args
    verdict = deliver(*args)
    if verdict == CUT_OFF:
        missing = "of the Ethernet header, which has 14" if len(frame) < HEADER else "that the next step needs"
        return f"The frame ends after {len(frame)} bytes, before the bytes {missing}."
    if verdict == NOT_MY_MAC:
        return f"It is for {MACAddress(frame[:6])}; this card is {MACAddress(mac)}. Nothing behind that is looked at."
    if verdict == NOT_IPV4:
        return f"The ethertype is 0x{frame[12:14].hex()}; IPv4 has 0x0800."
    to, protocol, start = IPv4Address(frame[30:34]), frame[23], HEADER + 4 * (frame[14] & 15)
    if verdict == NOT_MY_IP:
        own = ", ".join(sorted(str(IPv4Address(a)) for a in addresses)) or "none"
        return f"The card takes it, but it is for {to}, and this host's addresses are: {own}."
    if verdict == NO_PORTS:
        return f"The protocol is {protocol}: only TCP (6) and UDP (17) have ports."
    port = int.from_bytes(frame[start + 2 : start + 4], "big")
    kind = "TCP" if protocol == TCP else "UDP"
    if verdict == NOBODY_LISTENS:
        return f"It is for {kind} port {port}, and no program has ({protocol}, {port})."
    options = f", behind an IP header of {start - HEADER} bytes" if start > HEADER + 20 else ""
    return f"MAC and IP address are this host's, and {kind} port {port}{options} belongs to {verdict!r}."


def words_of_deliver(value: Any) -> str | None:
    if isinstance(value, set) and all(isinstance(v, bytes) and len(v) == 4 for v in value):
        return "{" + ", ".join(sorted(str(IPv4Address(v)) for v in value)) + "}"
    return in_words(value)


def a(text: str) -> bytes:
    return bytes(IPv4Address(text))


MINE, SECOND, ELSEWHERE = a("10.3.0.2"), a("10.3.0.20"), a("10.3.0.3")
DNS, WEB, GAME = "the name server", "the web server", "the game"
PROGRAMS: Programs = {(UDP, 53): DNS, (TCP, 443): WEB, (UDP, 443): GAME}


def message(to: bytes = ME, address: bytes = MINE, protocol: int = UDP, port: int = 53, *, sender: int = 40000,
            options: bytes = b"", ethertype: int = ETHERTYPE_IPV4, keep: int | None = None) -> bytes:  # fmt: skip
    """A frame for a program; `keep`: only so many of its bytes."""
    source, destination = IPv4Address("10.3.0.1"), IPv4Address(address)
    if protocol == UDP:
        payload = UDPDatagram(sender, port, checksummed=False, payload=b"hello").build()
    elif protocol == TCP:
        payload = TCPSegment(source_port=sender, destination_port=port).build()
    else:
        payload = ICMPEcho(identifier=sender, sequence=port).build()
    packet = IPv4Packet(source=source, destination=destination, protocol=protocol, options=options, payload=payload)
    return ethernet(to, OTHER, ethertype, packet.build())[:keep]


OPTIONS = b"\x94\x04\0\0"  # the router alert: 4 bytes (RFC 2113)
LOOKS_LIKE_PORTS = b"\x44\x04\0\x35"  # a timestamp option (RFC 791) whose bytes read as port 53
messages = st.builds(
    message,
    st.sampled_from([ME, ME, ME, ME, BROADCAST, OTHER, ALL_HOSTS]),
    st.sampled_from([MINE, MINE, MINE, SECOND, ELSEWHERE, a("255.255.255.255")]),
    st.sampled_from([UDP, UDP, TCP, TCP, ICMP, 47]),
    st.sampled_from([53, 443, 443, 80, 0x3500]),
    sender=st.sampled_from([40000, 53, 443]),
    options=st.sampled_from([b"", b"", b"", OPTIONS, LOOKS_LIKE_PORTS, OPTIONS * 3]),
    ethertype=st.sampled_from([ETHERTYPE_IPV4] * 5 + [ETHERTYPE_ARP, ETHERTYPE_IPV6]),
    keep=st.sampled_from([None, None, None, None, 13, 14, 20, 33, 34, 37, 38, 41]),
)
hosts = st.sampled_from([{MINE}, {MINE, SECOND}, {MINE, SECOND, a("255.255.255.255")}])
tables = st.sampled_from([PROGRAMS, PROGRAMS, PROGRAMS, {(TCP, 53): DNS, (UDP, 443): GAME}, {}])

TOO_EARLY = "It looks as if more is asked for than the next step needs: 14 bytes before 1, 20 more before 3."
DELIVER = Exercise(
    number="3.3",
    name="deliver",
    points=4,
    summary="Which program gets what is in a frame, or which address stops it.",
    signature="deliver(frame: bytes, mac: bytes, addresses: set[bytes], programs: dict[tuple[int, int], str]) -> str",
    rfc="RFC 894; RFC 791 section 3.1; RFC 768; RFC 9293 section 3.1; RFC 1122 section 3.2.1.3",
    reference=deliver,
    inputs=st.tuples(messages, st.just(ME), hosts, tables),
    pinned={
        "everything fits": (message(), ME, {MINE}, PROGRAMS),
        "the same port, the other protocol": (message(protocol=TCP, port=443), ME, {MINE}, PROGRAMS),
        "the same port over UDP": (message(port=443), ME, {MINE}, PROGRAMS),
        "TCP to a port that only UDP has": (message(protocol=TCP, port=53), ME, {MINE}, PROGRAMS),
        "my IP address, another MAC address": (message(to=OTHER), ME, {MINE}, PROGRAMS),
        "my MAC address, another IP address": (message(address=ELSEWHERE), ME, {MINE}, PROGRAMS),
        "my second IP address": (message(address=SECOND), ME, {MINE, SECOND}, PROGRAMS),
        "a broadcast frame": (message(to=BROADCAST), ME, {MINE}, PROGRAMS),
        "a port that nobody has": (message(port=80), ME, {MINE}, PROGRAMS),
        "from port 53 to a port that nobody has": (message(port=40000, sender=53), ME, {MINE}, PROGRAMS),
        "a ping": (message(protocol=ICMP), ME, {MINE}, PROGRAMS),
        "ARP": (message(ethertype=ETHERTYPE_ARP), ME, {MINE}, PROGRAMS),
        "options before the ports": (message(options=OPTIONS), ME, {MINE}, PROGRAMS),
        "options that read as port 53": (message(port=80, options=LOOKS_LIKE_PORTS), ME, {MINE}, PROGRAMS),
        "cut off in the Ethernet header": (message(keep=13), ME, {MINE}, PROGRAMS),
        "cut off in the IP header": (message(keep=33), ME, {MINE}, PROGRAMS),
        "cut off in the ports": (message(keep=37), ME, {MINE}, PROGRAMS),
        "cut off before the ports, behind options": (message(options=OPTIONS, keep=38), ME, {MINE}, PROGRAMS),
        "the ports, and no more": (message(keep=38), ME, {MINE}, PROGRAMS),
        "for another card, and cut off": (message(to=OTHER, keep=20), ME, {MINE}, PROGRAMS),
        "a ping, cut off behind its IP header": (message(protocol=ICMP, keep=34), ME, {MINE}, PROGRAMS),
    },
    mistakes=[
        Mistake(TOO_EARLY, partial(deliver_wrongly, second=24)),
        Mistake(TOO_EARLY, partial(deliver_wrongly, first=34)),
        Mistake(TOO_EARLY, partial(deliver_wrongly, first=38)),
        Mistake("It looks as if the MAC address is not compared: the card would drop this frame.",
                partial(deliver_wrongly, check_mac=False)),
        Mistake("It looks as if a broadcast frame is refused: ff:ff:ff:ff:ff:ff is for this card too.",
                partial(deliver_wrongly, broadcast=False)),
        Mistake("It looks as if the ethertype is not looked at: ARP's bytes are no IP header.",
                partial(deliver_wrongly, check_type=False)),
        Mistake("It looks as if the IP address is not compared: the MAC address alone does not make it ours.",
                partial(deliver_wrongly, check_ip=False)),
        Mistake("It looks as if the source address is compared: the destination is at 16 to 20 of the IP header.",
                partial(deliver_wrongly, ip_at=12)),
        Mistake("It looks as if the IP header is taken to have 20 bytes: its first byte says how many.",
                partial(deliver_wrongly, fixed=True)),
        Mistake("It looks as if the sender's port is looked up: the destination port comes second.",
                partial(deliver_wrongly, port_at=0)),
        Mistake("It looks as if the protocol is left out: TCP and UDP each have ports of their own.",
                partial(deliver_wrongly, any_protocol=True)),
        Mistake("It looks as if the port is read with its low byte first.", partial(deliver_wrongly, order="little")),
        Mistake("It looks as if a cut-off frame raises: look at the length before each step.",
                when=lambda args, expected, got: getattr(got, "name", "") in ("IndexError", "struct.error")),
    ],
    without=("netlib.wire", "netlib.host", "netlib.layers", "netlib.internet"),
    allowing=("netlib.wire.address",),
    why=why_deliver,
    show=words_of_deliver,
)  # fmt: skip
