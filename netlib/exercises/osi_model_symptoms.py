"""Exercise 2.5: which layer failed, from what the client's own capture holds.

A capture is told as a story, of words that each stand for a packet: story("arp?", "arp!", "syn", "rst").
The packets are built when a story is told, not on import: the sandbox imports this without those parts of netlib that
the graded exercise asks for.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.osi_model_frames import (
    CLIENT,
    CLIENT_MAC,
    POST,
    ROUTER_MAC,
    SERVER,
    TIMESTAMPS,
    pattern,
    record,
)
from netlib.exercises.osi_model_layers import ALERT, is_tls, owners, which_layer
from netlib.grading import Exercise, Mistake
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket
from netlib.wire.ethernet import ETHERTYPE_ARP, EthernetFrame
from netlib.wire.icmp import ICMPEcho, ICMPMessage
from netlib.wire.ipv4 import ICMP, TCP, IPv4Packet
from netlib.wire.packet import Packet, decode, stack
from netlib.wire.tcp import TCPSegment

ROUTER = IPv4Address("10.0.1.1")
HELLO = record(22, b"\1" + pattern(60))
SERVER_HELLO = record(22, b"\2" + pattern(50))
SERVER_HELLO_AND_MORE = SERVER_HELLO + record(20, b"\1") + record(23, pattern(90))


def from_me(payload: bytes = b"", **flags: Any) -> bytes:
    ip = IPv4Packet(source=CLIENT, destination=SERVER, protocol=TCP)
    segment = TCPSegment(40000, 443, sequence=1000, window=500, payload=payload, **flags)
    return stack(EthernetFrame(MACAddress(ROUTER_MAC), MACAddress(CLIENT_MAC)), ip, segment)


def to_me(payload: bytes = b"", options: bytes = b"", **flags: Any) -> bytes:
    ip = IPv4Packet(source=SERVER, destination=CLIENT, protocol=TCP)
    segment = TCPSegment(443, 40000, sequence=9000, window=500, options=options, payload=payload, **flags)
    return stack(EthernetFrame(MACAddress(CLIENT_MAC), MACAddress(ROUTER_MAC)), ip, segment)


def arp(operation: int, sender: IPv4Address, target: IPv4Address) -> bytes:
    mac, other = map(MACAddress, (CLIENT_MAC, ROUTER_MAC) if sender == CLIENT else (ROUTER_MAC, CLIENT_MAC))
    there = MACAddress.BROADCAST if operation == REQUEST else other
    packet = ARPPacket(operation=operation, sender_mac=mac, sender_ip=sender, target_ip=target)
    return stack(EthernetFrame(there, mac, ETHERTYPE_ARP), packet)


def icmp(kind: int, code: int, source: IPv4Address = ROUTER) -> bytes:
    quote = from_me(syn=True)[14:]
    message: Any = ICMPMessage.of_type[kind]
    ip = IPv4Packet(source=source, destination=CLIENT, protocol=ICMP)
    return stack(EthernetFrame(MACAddress(CLIENT_MAC), MACAddress(ROUTER_MAC)), ip, message(code=code, payload=quote))


def answer(status: int) -> bytes:
    return to_me(f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n".encode(), TIMESTAMPS, ack=True, psh=True)


def to_a_group() -> bytes:
    """What a switch of some makes says to all: IGMP, to a group of hosts."""
    ip = IPv4Packet(source=ROUTER, destination=IPv4Address("224.0.0.1"), protocol=2, payload=bytes(8))
    return stack(EthernetFrame(MACAddress("01:00:5e:00:00:01"), MACAddress(ROUTER_MAC)), ip)


def echoed() -> bytes:
    ip = IPv4Packet(source=SERVER, destination=CLIENT, protocol=ICMP)
    return stack(EthernetFrame(MACAddress(CLIENT_MAC), MACAddress(ROUTER_MAC)), ip, ICMPEcho(type=0, payload=b"ping"))


@cache
def words() -> dict[str, bytes]:
    """The frame that each word stands for."""
    return {
        "arp?": arp(REQUEST, CLIENT, ROUTER),
        "arp!": arp(REPLY, ROUTER, CLIENT),
        "arp from others": arp(REQUEST, ROUTER, CLIENT),
        "our arp!": arp(REPLY, CLIENT, ROUTER),
        "syn": from_me(syn=True),
        "syn+ack": to_me(syn=True, ack=True),
        "ack": from_me(ack=True),
        "their ack": to_me(ack=True),
        "rst": to_me(rst=True, ack=True),
        "our rst": from_me(rst=True),
        "fin": to_me(fin=True, ack=True),
        "hello": from_me(HELLO, ack=True),
        "server hello": to_me(SERVER_HELLO, ack=True),
        "server hello and more": to_me(SERVER_HELLO_AND_MORE, TIMESTAMPS, ack=True),
        "alert 0": to_me(record(21, b"\1\0"), ack=True),
        "alert 40": to_me(record(21, b"\2\x28"), ack=True),
        "alert 70": to_me(record(21, b"\2\x46"), TIMESTAMPS, ack=True),
        "our alert 48": from_me(record(21, b"\2\x30"), ack=True),
        "an alert that is encrypted": to_me(record(21, pattern(26)), ack=True),
        "sealed": to_me(record(23, pattern(60)), ack=True),
        "our sealed": from_me(record(23, pattern(80)), ack=True),
        "post": from_me(POST, ack=True, psh=True),
        "banner": to_me(b"SSH-2.0-OpenSSH_9.2\r\n", ack=True),
        **{f"http {status}": answer(status) for status in (200, 302, 399, 400, 404, 502, 503)},
        **{f"icmp 3/{code}": icmp(3, code, SERVER if code in (2, 3) else ROUTER) for code in (0, 1, 2, 3, 4, 13)},
        "icmp 5/1": icmp(5, 1),
        "icmp 11/0": icmp(11, 0),
        "icmp 12/0": icmp(12, 0),
        "pong": echoed(),
        "to a group": to_a_group(),
    }


def story(*told: str) -> list[Packet]:
    """The packets of a capture, in order; `words()` has what each word stands for."""
    return [decode(words()[word]) for word in told]


def word_of(packet: Packet) -> str:
    return next((word for word, frame in words().items() if frame == packet.data), "")


def described(packet: Packet) -> str:
    """The packet, and what TCP carries in it."""
    data = packet[TCPSegment].payload if TCPSegment in packet else b""
    if not data:
        return str(packet)
    if not is_tls(data):
        first = data.split(b"\r\n")[0].decode("latin-1")
        return f"{packet}: {first!r}"
    kinds = []
    while len(data) >= 5:
        end = 5 + int.from_bytes(data[3:5], "big")
        kinds.append(
            f"type {data[0]} with {end - 5} bytes" + (f" ({data[5:end].hex(' ')})" if data[0] == ALERT else "")
        )
        data = data[end:]
    return f"{packet}: TLS records of {', '.join(kinds)}"


def show(value: Any) -> str | None:
    """A capture as a list of lines; anything else as usual."""
    if not isinstance(value, list) or not all(isinstance(packet, Packet) for packet in value):
        return None
    lines = [f"{number}. {described(packet)}" for number, packet in enumerate(value, 1)]
    return "\n".join([f"{len(value)} packet{'s' * (len(value) != 1)}:", *lines]) if lines else "no packets"


def reproduce(args: Any) -> str:
    packets, _, *rest = args
    told = ", ".join(f'"{word_of(packet)}"' for packet in packets)
    more = f", {rest[0]}" if rest else ""
    return f"from netlib.exercises.osi_model import story; which_layer(story({told}), IPv4Address('{CLIENT}'){more})"


REASONS = {
    "physical": "Without a carrier there is no signal on the cable: nothing above it can work.",
    "none": "An HTTP answer below 400 came, and it stands on all the layers below.",
    "application": "An HTTP answer of 400 or more came: every layer below has carried it, so they all work.",
    "tls": "A fatal alert came in the clear: TCP works, and TLS says why it can't go on.",
    "sealed": "The server sent a record of type 23: up to TLS all works, and what is inside only the program can tell.",
    "transport": "Packets get there and back, but nobody takes this port: a RST to the SYN, or ICMP 3/2 or 3/3.",
    "internet": "A router says that it can't bring the packet there.",
    "unknown": "It stops, and nobody says why: several layers can be the reason.",
}


def why(args: Any) -> str:
    right = which_layer(*args)
    segments = [p[TCPSegment] for p in args[0] if TCPSegment in p and p[IPv4Packet].destination == args[1]]
    if right == "unknown" and any(one.rst for one in segments) and any(one.syn for one in segments):
        return "A SYN+ACK came, so somebody does listen; the RST broke off what had begun, and does not say why."
    if right == "link":
        far = any(ICMPMessage in p and (p[ICMPMessage].type, p[ICMPMessage].code) == (3, 1) for p in args[0])
        return (
            "ICMP 3/1 comes from the last router: it asked for the host's MAC address on its link, and nobody answered."
            if far
            else "We asked who has the next hop's address, and nothing at all came back: not even our own link works."
        )
    return REASONS[right]


# ---- the ways to get it wrong --------------------------------------------------------------------------------


def which_by(packets: list[Packet], me: IPv4Address, carrier: bool = True, *, whose: bool = True, last: bool = True,
             close: bool = True, clear: bool = True, inside: bool = True, syn: bool = True, far: str = "link",
             silence: str = "unknown", top: bool = True, looks: bool = True, redirect: bool = False,
             limit: int = 400, bad: str = "application", own: bool = False,
             any_arp: bool = False) -> str:  # fmt: skip
    if not carrier and looks:
        return "physical"
    arps = [p[ARPPacket] for p in packets if ARPPacket in p]
    asked = any(arp.sender_ip == me and (arp.operation == REQUEST or any_arp) for arp in arps)
    answered = any(arp.operation == REPLY and (arp.sender_ip != me or own) for arp in arps)
    got = [p for p in packets if IPv4Packet in p and (p[IPv4Packet].destination == me or not whose)]
    segments = [p for p in got if TCPSegment in p]
    said = [p[TCPSegment].payload for p in segments]
    errors = {(p[ICMPMessage].type, p[ICMPMessage].code) for p in got if ICMPMessage in p}

    def of_tcp() -> str:
        reset = any(p[TCPSegment].rst for p in segments)
        accepted = syn and any(p[TCPSegment].syn for p in segments if p[IPv4Packet].destination == me)
        return "transport" if errors & {(3, 2), (3, 3)} or (reset and not accepted) else ""

    if not top and (found := of_tcp()):
        return found
    statuses = [int(data[9:12]) for data in said if data.startswith(b"HTTP/1.")]
    if statuses:
        return bad if (statuses[-1] if last else statuses[0]) >= limit else "none"
    for data in said:
        if data[:1] == b"\x15" and (not clear or data[3:5] == b"\0\2") and (data[6] or not close):
            return "tls"
    sealed = (dict(owners(p.data)).get("sealed") if inside else p[TCPSegment].payload[:1] == b"\x17" for p in segments)
    if any(sealed):
        return "sealed"
    if found := of_tcp():
        return found
    if (3, 1) in errors:
        return far
    if any(kind in (3, 11, 12) or (redirect and kind in (0, 5)) for kind, _ in errors):
        return "internet"
    return "link" if asked and not answered and not got else silence


def variant(**keywords: Any) -> Callable[..., str]:
    return lambda *args: which_by(*args, **keywords)


Case = tuple[Any, ...]
REACHED = ("arp?", "arp!", "syn", "syn+ack", "ack")
stories = st.builds(
    lambda start, rest, noise: story(*start, *rest, *noise),
    st.sampled_from([(), ("arp?",), ("arp?", "arp!", "syn"), REACHED, REACHED, (*REACHED, "hello")]),
    st.lists(st.sampled_from(sorted(words())), max_size=4),
    st.sampled_from([(), (), ("pong",), ("arp from others",), ("to a group",), ("our rst",)]),
)


def case(*told: str, carrier: bool | None = None) -> Case:
    return (story(*told), CLIENT) if carrier is None else (story(*told), CLIENT, carrier)


WHICH_LAYER = Exercise(
    number="2.5",
    name="which_layer",
    points=6,
    summary="Which layer failed, from what the client captured.",
    signature="which_layer(packets: list[Packet], me: IPv4Address, carrier: bool = True) -> str",
    rfc="RFC 826; RFC 792; RFC 9293 section 3.10.7; RFC 8446 section 6; RFC 9110 section 15",
    reference=which_layer,
    show=show,
    inputs=st.builds(lambda packets, carrier: (packets, CLIENT, carrier), stories,
                     st.sampled_from([True] * 9 + [False])),
    pinned={
        "all is well": case(*REACHED, "post", "their ack", "http 200", "fin"),
        "no carrier": case(carrier=False),
        "no carrier, after it has worked": case(*REACHED, "post", "http 200", carrier=False),
        "nobody answers ARP": case("arp?", "arp?", "arp?"),
        "nobody answers ARP, but others ask": case("arp?", "arp from others", "arp?"),
        "nobody answers ARP, but we do": case("arp?", "arp from others", "our arp!", "arp?"),
        "we answer ARP, and ask nothing": case("arp from others", "our arp!", "syn"),
        "nobody answers ARP, but a group is spoken to": case("arp?", "to a group", "arp?"),
        "the SYN needs no ARP, and is not answered": case("syn", "syn", "syn"),
        "ARP is answered, the SYN is not": case("arp?", "arp!", "syn", "syn"),
        "a router knows no way": case("arp?", "arp!", "syn", "icmp 3/0"),
        "a filter says no": case("arp?", "arp!", "syn", "icmp 3/13"),
        "a loop": case("syn", "icmp 11/0"),
        "a header that a router does not like": case("syn", "icmp 12/0"),
        "a redirect is no failure: the packet went on": case("arp?", "arp!", "syn", "icmp 5/1"),
        "the last router finds nobody": case("arp?", "arp!", "syn", "syn", "icmp 3/1"),
        "nobody listens": case("arp?", "arp!", "syn", "rst"),
        "a port that is closed by ICMP": case("syn", "icmp 3/3"),
        "the second try works": case("syn", "rst", "syn", "syn+ack", "post", "http 200"),
        "we give up ourselves": case(*REACHED, "our rst"),
        "connected, and then a reset": case(*REACHED, "post", "rst"),
        "connected, and then nothing": case(*REACHED, "post"),
        "a large packet gets nowhere": case(*REACHED, "post", "icmp 3/4"),
        "a large packet gets through after all": case(*REACHED, "post", "icmp 3/4", "post", "http 302"),
        "TLS has no version in common": case(*REACHED, "hello", "alert 70"),
        "TLS has no cipher in common, and the server resets": case(*REACHED, "hello", "alert 40", "rst"),
        "a goodbye is no failure": case(*REACHED, "hello", "alert 0"),
        "our own alert": case(*REACHED, "hello", "our alert 48"),
        "an alert that nobody can read": case(*REACHED, "hello", "an alert that is encrypted"),
        "the handshake goes on in the dark": case(*REACHED, "hello", "server hello and more"),
        "the handshake stops": case(*REACHED, "hello", "server hello"),
        "what we seal proves nothing": case(*REACHED, "our sealed"),
        "sealed, and then a reset": case(*REACHED, "hello", "server hello and more", "sealed", "rst"),
        "a page that is not there": case(*REACHED, "post", "http 404"),
        "the balancer has no server": case(*REACHED, "post", "http 503"),
        "the first answer is bad, the second good": case(*REACHED, "http 503", "http 200"),
        "the first answer is good, the second bad": case(*REACHED, "http 200", "http 400"),
        "399 is still good": case(*REACHED, "http 399"),
        "ping works, the port does not": case("pong", "syn", "rst"),
        "ping works, the SYN vanishes": case("pong", "syn", "syn"),
        "another protocol answers": case(*REACHED, "post", "banner"),
    },
    mistakes=[
        Mistake("It looks as if packets count that are not for us: our own, or what others tell a group.",
                variant(whose=False)),
        Mistake("It looks as if the first answer decides: the last one does.", variant(last=False)),
        Mistake("It looks as if every alert is a failure: description 0, close_notify, is a goodbye.",
                variant(close=False)),
        Mistake("It looks as if encrypted alerts are read: only one with a length of 2 is in the clear.",
                variant(clear=False)),
        Mistake("It looks as if only the first record of a segment is looked at: others may follow it.",
                variant(inside=False)),
        Mistake("It looks as if any RST says that nobody listens: behind a SYN+ACK somebody did.", variant(syn=False)),
        Mistake("It looks as if ICMP 3/1 is read as a matter of routing: the last router's ARP got no answer.",
                variant(far="internet")),
        Mistake("It looks as if our own ARP reply counts as an answer: only one from somebody else does.",
                variant(own=True)),
        Mistake("It looks as if our own ARP reply counts as a question: only a request, operation 1, asks.",
                variant(any_arp=True)),
        Mistake("It looks as if silence is blamed on one layer: it fits several.", variant(silence="internet")),
        Mistake("It looks as if silence is blamed on one layer: it fits several.", variant(silence="transport")),
        Mistake("It looks as if silence is blamed on one layer: it fits several.", variant(silence="link")),
        Mistake("It looks as if a RST outweighs an answer from above: go from the top row of the table downwards.",
                variant(top=False)),
        Mistake("It looks as if `carrier` is not looked at.", variant(looks=False)),
        Mistake("It looks as if any ICMP is taken for a report of trouble: an echo reply or a redirect is none.",
                variant(redirect=True)),
        Mistake("It looks as if only 5xx is a failure: 400 and above are.", variant(limit=500)),
        Mistake("It looks as if an HTTP error is blamed on a layer below: those have carried it.",
                variant(bad="transport")),
    ],
    without=("netlib.exercises.osi_model_layers",),
    why=why,
    reproduce=reproduce,
)  # fmt: skip
