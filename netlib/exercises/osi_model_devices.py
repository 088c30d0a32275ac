"""Exercise 2.4: what a hub, a switch, a router, an L4 and an L7 balancer look at in a frame."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.osi_model_frames import (
    NOPS,
    POST,
    SEALED_FRAME,
    TIMESTAMPS,
    arp_packet,
    carried,
    framed,
    ip,
    pattern,
    tcp,
)
from netlib.exercises.osi_model_layers import ARP, ICMP, IPV6, TCP, UDP, looks_at, owners, request_of
from netlib.grading import Exercise, Mistake

DEVICES = ("hub", "switch", "router", "l4", "l7")
GET = b"GET /images/cat.png?size=2 HTTP/1.1\r\nhost:shop.example:8080\r\nAccept: */*\r\n\r\n"
Answer = tuple[Any, ...] | None

methods = st.sampled_from(["GET", "POST", "DELETE"])
targets = st.sampled_from(["/", "/orders", "/images/cat.png?size=2", "*"])
hosts = st.sampled_from(["shop.example", "shop.example:8080", "10.0.2.80"])
names = st.sampled_from(["Host", "host", "HOST"])
spaces = st.sampled_from([": ", ":", ":  "])
more_lines = st.lists(st.sampled_from(["Accept: */*", "X-Host: other.example", "Content-Length: 4"]), max_size=2)


def request(method: str, target: str, name: str, space: str, host: str, before: list[str], after: list[str],
            cut: int, body: bytes, version: str = "HTTP/1.1") -> bytes:  # fmt: skip
    lines = [f"{method} {target} {version}", *before, f"{name}{space}{host}", *after]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head[:-cut] if cut else head + body


requests = st.builds(
    request, methods, targets, names, spaces, hosts, more_lines, more_lines, st.sampled_from([0, 0, 0, 0, 2, 9]),
    st.sampled_from([b"", b"", b"a=1\r\n\r\nHost: body.example\r\n\r\n"]),
)  # fmt: skip
others = st.sampled_from([
    b"", b"HTTP/1.1 200 OK\r\nHost: shop.example\r\n\r\n", SEALED_FRAME[54:], b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"hello\r\nHost: shop.example\r\n\r\n",
])  # fmt: skip
ports = st.tuples(st.sampled_from([40000, 40001]), st.sampled_from([80, 443]))
frames = st.builds(
    lambda protocol, payload, options, tcp_options, both, ttl: framed(
        ip(protocol, tcp(payload, tcp_options, both) if protocol == TCP else carried(protocol, payload, b""), options,
           ttl=ttl)),
    st.sampled_from([TCP, TCP, TCP, TCP, UDP, ICMP]), st.one_of(requests, requests, others),
    st.sampled_from([b"", b"", NOPS]), st.sampled_from([b"", TIMESTAMPS]), ports,
    st.sampled_from([64, 64, 64, 2, 1, 0]),
)  # fmt: skip
other_frames = st.sampled_from([
    framed(arp_packet, ARP), framed(ip(TCP, tcp(POST), version=6), IPV6), framed(pattern(50), 0x88CC),
])  # fmt: skip


def looks_at_by(device: str, frame: bytes, *, ihl: bool = True, offset: bool = True, ttl: bool = True,
                case: bool = False, whole: bool = True, kinds: tuple[int, ...] = (6, 17), source: bool = False,
                end: bool = True, ports: bool = True, four: tuple[int, ...] = (0, 1, 2, 3, 4)) -> Answer:  # fmt: skip
    """The ways to get it wrong, by keyword."""
    if device == "switch" and source:
        return (frame[6:12],)
    if device in ("hub", "switch") or device not in DEVICES:
        return looks_at(device, frame)
    if frame[12:14] != b"\x08\0":
        return None
    transport = 14 + (4 * (frame[14] & 15) if ihl else 20)
    if device == "router":
        return None if ttl and frame[22] <= 1 else (frame[26:30] if source else frame[30:34],)
    if frame[23] not in kinds:
        return None
    numbers = [int.from_bytes(frame[at : at + 2], "big") for at in (transport, transport + 2)]
    key = (frame[23], frame[26:30], numbers[0] if ports else 0, frame[30:34], numbers[1])
    if device == "l4":
        return tuple(key[i] for i in four)
    if frame[23] != 6:
        return None
    start = transport + (4 * (frame[transport + 12] >> 4) if offset else 20)
    data = frame[start : 14 + int.from_bytes(frame[16:18], "big") if end else len(frame)]
    if case and b"\r\nHost:" not in data:
        return None
    return request_of(data if whole else data + b"\r\n\r\n")


def variant(**keywords: Any) -> Callable[..., Answer]:
    return lambda device, frame: looks_at_by(device, frame, **keywords)


def why(args: Any) -> str:
    device, frame = args
    if device not in DEVICES:
        return f"There is no device called {device!r} here."
    found, is_ip = looks_at(device, frame), frame[12:14] == b"\x08\0"
    if device == "hub":
        return "A hub repeats bits. It looks at nothing: ()."
    if device == "switch":
        return "A switch goes by the frame's first 6 bytes, the destination MAC address, whatever is inside."
    if not is_ip:
        return f"EtherType {frame[12:14].hex()} is not IPv4 (0800): this device has nothing to go by."
    if device == "router":
        return f"A router goes by the destination address, and its TTL is {frame[22]}" + (
            "." if found else ": it may go no further."
        )
    if found is None:
        said = "no TCP or UDP, so there are no ports" if device == "l4" else "no whole head of an HTTP request to read"
        return f"In this frame there is {said}."
    longer = f" The IP header has {4 * (frame[14] & 15)} bytes." if frame[14] != 0x45 else ""
    if device == "l4":
        return f"Protocol, source, its port, destination, its port: the five say which conversation it is.{longer}"
    return f"The request's first line, and the field Host (in any case, spaces around the value left out).{longer}"


def show(value: Any) -> str | None:
    """A frame layer by layer; anything else as usual."""
    if not isinstance(value, bytes) or len(value) < 60:
        return None
    lines, at = [f"{len(value)} bytes"], 0
    for owner, size in owners(value):
        part = value[at : at + size]
        text = part.decode("latin-1") if owner == "application" else ""
        shown = repr(text) if text else part[:40].hex(" ") + " ..." * (size > 40)
        lines.append(f"{owner} ({size}): {shown}")
        at += size
    return "\n".join(lines)


def same_key(expected: Any, got: Any) -> bool:
    return got is None if expected is None else isinstance(got, tuple) and got == expected


LOOKS_AT = Exercise(
    number="2.4",
    name="looks_at",
    points=4,
    summary="What a device decides by, from a frame that it receives.",
    signature="looks_at(device: str, frame: bytes) -> tuple | None",
    rfc="IEEE 802.1Q; RFC 1812 section 5.2.1; RFC 9293 section 3.1; RFC 9112 section 3",
    reference=looks_at,
    equal=same_key,
    show=show,
    inputs=st.one_of(
        st.tuples(st.sampled_from(["l4", "l7", "l7", "l7", "router"]), frames),
        st.tuples(st.sampled_from(DEVICES), frames),
        st.tuples(st.sampled_from(DEVICES), other_frames),
    ),
    pinned={
        "a hub": ("hub", SEALED_FRAME),
        "a switch": ("switch", SEALED_FRAME),
        "a switch, and ARP": ("switch", framed(arp_packet, ARP)),
        "a router": ("router", SEALED_FRAME),
        "a router, and the TTL is 1": ("router", framed(ip(TCP, tcp(POST), ttl=1))),
        "a router, and the TTL is 2": ("router", framed(ip(TCP, tcp(POST), ttl=2))),
        "a router, and ARP": ("router", framed(arp_packet, ARP)),
        "an L4 balancer": ("l4", SEALED_FRAME),
        "an L4 balancer, and UDP": ("l4", framed(ip(UDP, carried(UDP, b"question", b"")))),
        "an L4 balancer, and a ping": ("l4", framed(ip(ICMP, pattern(40)))),
        "an L4 balancer, behind IP options": ("l4", framed(ip(TCP, tcp(POST), NOPS))),
        "an L7 balancer, and a sealed request": ("l7", SEALED_FRAME),
        "an L7 balancer": ("l7", framed(ip(TCP, tcp(POST, ports=(40000, 80))))),
        "an L7 balancer, and a request in other clothes": ("l7", framed(ip(TCP, tcp(GET, TIMESTAMPS), NOPS))),
        "an L7 balancer, for itself: it forwards nothing": ("l7", framed(ip(TCP, tcp(GET), ttl=1))),
        "an L7 balancer, and half a head": ("l7", framed(ip(TCP, tcp(POST[:40])))),
        "an L7 balancer, and a head that lacks its end": ("l7", framed(ip(TCP, tcp(GET[:-2])))),
        "an L7 balancer, and an answer": ("l7", framed(ip(TCP, tcp(b"HTTP/1.1 200 OK\r\nHost: a\r\n\r\n")))),
        "an L7 balancer, and no Host": ("l7", framed(ip(TCP, tcp(b"GET / HTTP/1.1\r\n\r\n")))),
        "an L7 balancer, and a Host in the body": (
            "l7", framed(ip(TCP, tcp(b"POST / HTTP/1.1\r\nX-Host: a\r\n\r\nHost: b\r\n\r\n")))),
        "an L7 balancer, and HTTP/1.0": ("l7", framed(ip(TCP, tcp(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")))),
        "an L7 balancer, and the start of HTTP/2": (
            "l7", framed(ip(TCP, tcp(b"PRI * HTTP/2.0\r\nHost: a\r\n\r\nSM\r\n\r\n")))),
        "an L7 balancer, and UDP": ("l7", framed(ip(UDP, carried(UDP, POST, b"")))),
        "an L7 balancer, and padding": ("l7", framed(ip(TCP, tcp(b"\r\n")))),
        "a device that is not listed": ("toaster", SEALED_FRAME),
    },
    mistakes=[
        Mistake("It looks as if the IP header is taken to have 20 bytes: options in it move the ports.",
                variant(ihl=False)),
        Mistake("It looks as if the TCP header is taken to have 20 bytes: options in it move the request.",
                variant(offset=False)),
        Mistake("It looks as if source and destination are mixed up.", variant(source=True)),
        Mistake("It looks as if the TTL is not looked at: with 1 left, a router has to drop the packet.",
                variant(ttl=False)),
        Mistake("It looks as if the name of the field is compared with its case: Host, host and HOST are the same.",
                variant(case=True)),
        Mistake("It looks as if a head is read before it is whole: it ends with an empty line.", variant(whole=False)),
        Mistake("It looks as if ports are read from any protocol: only TCP and UDP have them.",
                variant(kinds=tuple(range(256)))),
        Mistake("It looks as if UDP has no ports.", variant(kinds=(6,))),
        Mistake("It looks as if the L4 key has addresses and ports but no protocol.", variant(four=(1, 2, 3, 4))),
        Mistake("It looks as if the L4 key is in another order: protocol, source, its port, destination, its port.",
                variant(four=(0, 1, 3, 2, 4))),
        Mistake("It looks as if other requests, or none at all, raise: return None for what can't be read.",
                when=lambda args, expected, got: expected is None and hasattr(got, "names")),
    ],
    without=("netlib.wire", "netlib.exercises.osi_model_layers"),
    why=why,
)  # fmt: skip
