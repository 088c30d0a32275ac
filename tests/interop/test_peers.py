"""scapy and dpkt agree with netlib, field by field and bit by bit.

Random layers are built by netlib, by scapy and by dpkt from the same values: the same bytes must come out. Then
each reads those bytes, and what they say about every field is compared.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from wire.packets import ERRORS, arp_packets, headers, payloads

from netlib.wire.address import IPv4Address
from netlib.wire.arp import ARPPacket
from netlib.wire.checksum import internet_checksum
from netlib.wire.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV4, EthernetFrame
from netlib.wire.header import Header
from netlib.wire.icmp import ICMPEcho, ICMPMessage, ICMPTimestamp, ICMPUnknown
from netlib.wire.ipv4 import ICMP, TCP, UDP, IPv4Packet
from netlib.wire.options import build_options, parse_options
from netlib.wire.packet import decode, stack
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

dpkt = pytest.importorskip("dpkt")
scapy = pytest.importorskip("scapy.layers.inet")
l2 = pytest.importorskip("scapy.layers.l2")
Raw, Padding = pytest.importorskip("scapy.packet").Raw, pytest.importorskip("scapy.packet").Padding

# Nothing is made smaller when it fails: scapy is too slow for that.
some = settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)

Layers = list[Header]
Said = dict[str, dict[str, Any]]  # layer -> field -> value, in words that all three can be put into


# Random layers, of what all three know


def option_list(kinds: dict[int, st.SearchStrategy[bytes]]) -> st.SearchStrategy[list[tuple[int, bytes]]]:
    one = st.sampled_from(sorted(kinds)).flatmap(lambda kind: st.tuples(st.just(kind), kinds[kind]))
    return st.lists(one, max_size=5).filter(
        lambda found: sum(1 if kind < 2 else 2 + len(value) for kind, value in found) <= 40
    )


def of_size(*sizes: int) -> st.SearchStrategy[bytes]:
    return st.sampled_from(sizes).flatmap(lambda size: st.binary(min_size=size, max_size=size))


route = of_size(4, 8, 16).map(lambda hops: b"\4" + hops)
# Not the two source routes: scapy takes the last hop for the pseudo header, dpkt and netlib the destination field.
IP_OPTIONS = {1: of_size(0), 7: route, 136: of_size(2), 148: of_size(2), 130: of_size(9)}
TCP_OPTIONS = {1: of_size(0), 2: of_size(2), 3: of_size(1), 4: of_size(0), 5: of_size(8, 16), 8: of_size(8)}
TCP_OPTION_NAMES = {1: "NOP", 2: "MSS", 3: "WScale", 4: "SAckOK", 5: "SAck", 8: "Timestamp"}

ports = st.integers(40_000, 65_535)  # where scapy expects no application's protocol


def ip_headers(protocol: int) -> st.SearchStrategy[IPv4Packet]:
    return headers(
        IPv4Packet, version=st.just(4), protocol=st.just(protocol), fragment_offset=st.just(0),
        more_fragments=st.just(False), options=option_list(IP_OPTIONS).map(build_options),
    )  # fmt: skip


@st.composite
def icmp_messages(draw: Callable[..., Any], kind: int) -> ICMPMessage:
    cls = ICMPMessage.of_type.get(kind, ICMPUnknown)
    payload = draw(payloads)
    if cls.is_error:
        quoted = draw(ip_headers(TCP))
        payload = stack(quoted, TCPSegment(payload=payload))[: quoted.header_length + 8 + len(payload)]
    # `length` says that there are extensions (RFC 4884), which scapy would read
    fixed = {"length": st.just(0)} if any(field.name == "length" for field in cls.fields) else {}
    return draw(headers(cls, type=st.just(kind), payload=st.just(payload), **fixed))


ethernet = headers(EthernetFrame, ethertype=st.just(ETHERTYPE_IPV4))
udp_datagrams = headers(UDPDatagram, source_port=ports, destination_port=ports, payload=payloads)
tcp_segments = headers(TCPSegment, source_port=ports, destination_port=ports, reserved=st.just(0),
                       options=option_list(TCP_OPTIONS).map(build_options), payload=payloads)  # fmt: skip


@st.composite
def bare(draw: Callable[..., Any], fragment: bool) -> Layers:
    ip = draw(ip_headers(253))
    if fragment:
        ip.more_fragments, ip.fragment_offset = draw(st.booleans()), draw(st.integers(1, 8191))
    ip.payload = draw(payloads)
    return [draw(ethernet), ip]


KINDS: dict[str, st.SearchStrategy[Layers]] = {
    "ARP": st.tuples(headers(EthernetFrame, ethertype=st.just(ETHERTYPE_ARP)), arp_packets).map(list),
    "IPv4": bare(fragment=False),
    "fragment": bare(fragment=True),
    "UDP": st.tuples(ethernet, ip_headers(UDP), udp_datagrams).map(list),
    "TCP": st.tuples(ethernet, ip_headers(TCP), tcp_segments).map(list),
} | {
    f"ICMP type {kind}": st.tuples(ethernet, ip_headers(ICMP), icmp_messages(kind)).map(list)
    for kind in [*sorted(ICMPMessage.of_type), 1, 2, 7, 9, 10, 255]
}  # fmt: skip


# The same values, in the hands of scapy


def listed(options: bytes) -> list[tuple[int, bytes]]:
    """The options with their NOPs, up to the padding with END."""
    found, at = [], 0
    while at < len(options) and options[at] != 0:
        length = 1 if options[at] == 1 else options[at + 1]
        found.append((options[at], options[at + 2 : at + length]))
        at += length
    return found


def scapy_ip_option(kind: int, value: bytes) -> Any:
    option = scapy.IPOption(bytes((kind,)) if kind == 1 else bytes((kind, 2 + len(value))) + value)
    option.clear_cache()  # so that scapy builds it from its fields
    return option


def numbers(value: bytes, size: int) -> tuple[int, ...]:
    return tuple(int.from_bytes(value[at : at + size], "big") for at in range(0, len(value), size))


def scapy_tcp_option(kind: int, value: bytes) -> tuple[str, Any]:
    match kind:
        case 1:
            known: Any = None
        case 2 | 3:
            known = int.from_bytes(value, "big")
        case 4:
            known = b""
        case _:
            known = numbers(value, 4)
    return TCP_OPTION_NAMES[kind], known


def scapy_layer(layer: Any) -> Any:
    match layer:
        case EthernetFrame():
            return l2.Ether(dst=str(layer.destination), src=str(layer.source), type=layer.ethertype)
        case ARPPacket():
            return l2.ARP(op=layer.operation, hwsrc=str(layer.sender_mac), psrc=str(layer.sender_ip),
                          hwdst=str(layer.target_mac), pdst=str(layer.target_ip))  # fmt: skip
        case IPv4Packet():
            flags = layer.reserved << 2 | layer.dont_fragment << 1 | layer.more_fragments
            return scapy.IP(
                tos=layer.dscp << 2 | layer.ecn, id=layer.identification, flags=flags, frag=layer.fragment_offset,
                ttl=layer.ttl, proto=layer.protocol, src=str(layer.source), dst=str(layer.destination),
                options=[scapy_ip_option(*option) for option in listed(layer.options)],
            )  # fmt: skip
        case UDPDatagram():
            checksum = {} if layer.checksummed else {"chksum": 0}
            return scapy.UDP(sport=layer.source_port, dport=layer.destination_port, **checksum)
        case TCPSegment():
            flags = [layer.fin, layer.syn, layer.rst, layer.psh, layer.ack, layer.urg, layer.ece, layer.cwr]
            return scapy.TCP(
                sport=layer.source_port, dport=layer.destination_port, seq=layer.sequence, ack=layer.acknowledgment,
                flags=sum(flag << bit for bit, flag in enumerate(flags)), window=layer.window,
                urgptr=layer.urgent_pointer, options=[scapy_tcp_option(*option) for option in listed(layer.options)],
            )  # fmt: skip
        case ICMPMessage():
            return scapy.ICMP(type=layer.type, code=layer.code, **icmp_rest(layer))
    raise AssertionError(layer)


def icmp_rest(layer: Any) -> dict[str, Any]:
    """The last four bytes of an ICMP header, and what follows in a timestamp, in scapy's words."""
    if isinstance(layer, ICMPEcho):
        return {"id": layer.identifier, "seq": layer.sequence}
    if isinstance(layer, ICMPTimestamp):
        times = {"ts_ori": layer.originate, "ts_rx": layer.receive, "ts_tx": layer.transmit}
        return {"id": layer.identifier, "seq": layer.sequence, **times}
    match layer.type:
        case 3:
            return {"reserved": layer.unused, "length": 0, "nexthopmtu": layer.next_hop_mtu}
        case 4:
            return {"unused": layer.unused}
        case 5:
            return {"gw": str(layer.gateway)}
        case 11:
            return {"reserved": layer.unused, "length": 0, "unused": layer.unused2}
        case 12:
            return {"ptr": layer.pointer, "length": 0, "unused": layer.unused}
    return {"unused": layer.rest}


def built_by_scapy(layers: Layers) -> bytes:
    whole = scapy_layer(layers[0])
    for layer in layers[1:]:
        whole /= scapy_layer(layer)
    return bytes(whole / Raw(layers[-1].payload))


# ... and in those of dpkt


def dpkt_layer(layer: Any, data: Any) -> Any:
    match layer:
        case EthernetFrame():
            return dpkt.ethernet.Ethernet(dst=bytes(layer.destination), src=bytes(layer.source),
                                          type=layer.ethertype, data=data)  # fmt: skip
        case ARPPacket():
            return dpkt.arp.ARP(op=layer.operation, sha=bytes(layer.sender_mac), spa=bytes(layer.sender_ip),
                                tha=bytes(layer.target_mac), tpa=bytes(layer.target_ip))  # fmt: skip
        case IPv4Packet():
            return dpkt.ip.IP(
                hl=5 + len(layer.options) // 4, tos=layer.dscp << 2 | layer.ecn, id=layer.identification,
                rf=layer.reserved, df=layer.dont_fragment, mf=layer.more_fragments, offset=layer.fragment_offset,
                ttl=layer.ttl, p=layer.protocol, src=bytes(layer.source), dst=bytes(layer.destination),
                opts=layer.options, data=data,
            )  # fmt: skip
        case UDPDatagram():
            return dpkt.udp.UDP(sport=layer.source_port, dport=layer.destination_port, ulen=8 + len(data), data=data)
        case TCPSegment():
            flags = [layer.fin, layer.syn, layer.rst, layer.psh, layer.ack, layer.urg, layer.ece, layer.cwr]
            return dpkt.tcp.TCP(
                sport=layer.source_port, dport=layer.destination_port, seq=layer.sequence, ack=layer.acknowledgment,
                off=5 + len(layer.options) // 4, flags=sum(flag << bit for bit, flag in enumerate(flags)),
                win=layer.window, urp=layer.urgent_pointer, opts=layer.options, data=data,
            )  # fmt: skip
        case ICMPMessage():
            rest = layer.build_header()[4:]  # dpkt has no names for most of it
            return dpkt.icmp.ICMP(type=layer.type, code=layer.code, data=rest + data)
    raise AssertionError(layer)


def built_by_dpkt(layers: Layers) -> bytes:
    whole: Any = layers[-1].payload
    for layer in reversed(layers):
        whole = dpkt_layer(layer, whole)
    return bytes(whole)


# What each of them reads


def said_by_netlib(frame: bytes) -> Said:
    said: Said = {}
    packet = decode(frame)
    assert packet.problems == []
    for layer in packet.layers:
        match layer:
            case EthernetFrame():
                said["ethernet"] = {"dst": str(layer.destination), "src": str(layer.source), "type": layer.ethertype}
            case ARPPacket():
                said["arp"] = {
                    "hw": (layer.hardware_type, layer.hardware_length), "op": layer.operation,
                    "proto": (layer.protocol_type, layer.protocol_length),
                    "sender": (str(layer.sender_mac), str(layer.sender_ip)),
                    "target": (str(layer.target_mac), str(layer.target_ip)),
                }  # fmt: skip
            case IPv4Packet():
                said["ip"] = {
                    "version": layer.version, "ihl": layer.header_words, "tos": layer.dscp << 2 | layer.ecn,
                    "len": layer.total_length, "id": layer.identification, "frag": layer.fragment_offset,
                    "flags": (layer.reserved, layer.dont_fragment, layer.more_fragments),
                    "ttl": layer.ttl, "proto": layer.protocol, "sum": layer.checksum,
                    "src": str(layer.source), "dst": str(layer.destination), "options": listed(layer.options),
                    "payload": layer.payload,
                }  # fmt: skip
            case UDPDatagram():
                said["udp"] = {
                    "ports": (layer.source_port, layer.destination_port), "len": layer.length, "sum": layer.checksum,
                    "payload": layer.payload,
                }  # fmt: skip
            case TCPSegment():
                said["tcp"] = {
                    "ports": (layer.source_port, layer.destination_port), "seq": layer.sequence,
                    "ack": layer.acknowledgment, "off": layer.header_words, "sum": layer.checksum,
                    "flags": "".join(letter for letter, flag in zip("FSRPAUEC", [
                        layer.fin, layer.syn, layer.rst, layer.psh, layer.ack, layer.urg, layer.ece, layer.cwr,
                    ], strict=True) if flag),
                    "win": layer.window, "urg": layer.urgent_pointer, "options": parse_options(layer.options),
                    "payload": layer.payload,
                }  # fmt: skip
            case ICMPMessage():
                said["icmp"] = {
                    "type": layer.type, "code": layer.code, "sum": layer.checksum, "rest": icmp_rest(layer),
                    "payload": layer.payload,
                }  # fmt: skip
    return said


def original(layer: Any) -> bytes:
    """The bytes that scapy saw behind this layer's header, its padding left away."""
    return b"" if isinstance(layer.payload, Padding) else bytes(getattr(layer.payload, "original", b""))


def said_by_scapy(frame: bytes) -> Said:
    said: Said = {}
    for layer in l2.Ether(frame).iterpayloads():
        match layer:
            case l2.Ether():
                said["ethernet"] = {"dst": layer.dst, "src": layer.src, "type": layer.type}
            case l2.ARP():
                said["arp"] = {
                    "hw": (layer.hwtype, layer.hwlen), "op": layer.op, "proto": (layer.ptype, layer.plen),
                    "sender": (layer.hwsrc, layer.psrc), "target": (layer.hwdst, layer.pdst),
                }  # fmt: skip
            case scapy.IPerror() | scapy.TCPerror():
                break  # what an ICMP error quotes
            case scapy.IP():
                flags = int(layer.flags)
                options = [bytes(option) for option in layer.options if option.option != 0]
                said["ip"] = {
                    "version": layer.version, "ihl": layer.ihl, "tos": layer.tos, "len": layer.len, "id": layer.id,
                    "frag": layer.frag, "flags": (flags >> 2 & 1, flags >> 1 & 1, flags & 1), "ttl": layer.ttl,
                    "proto": layer.proto, "sum": layer.chksum, "src": layer.src, "dst": layer.dst,
                    "options": [(option[0], option[2:]) for option in options], "payload": original(layer),
                }  # fmt: skip
            case scapy.UDP():
                said["udp"] = {"ports": (layer.sport, layer.dport), "len": layer.len, "sum": layer.chksum,
                               "payload": original(layer)}  # fmt: skip
            case scapy.TCP():
                numbers_of = {name: kind for kind, name in TCP_OPTION_NAMES.items()}
                options = []
                for name, value in layer.options:
                    if name not in ("NOP", "EOL"):
                        kind = numbers_of[name]
                        size = {2: 2, 3: 1}.get(kind, 4)
                        value = (value,) if isinstance(value, int) else value or ()
                        options.append((kind, b"".join(number.to_bytes(size, "big") for number in value)))
                said["tcp"] = {
                    "ports": (layer.sport, layer.dport), "seq": layer.seq, "ack": layer.ack, "off": layer.dataofs,
                    "sum": layer.chksum, "flags": str(layer.flags), "win": layer.window, "urg": layer.urgptr,
                    "options": options, "payload": original(layer),
                }  # fmt: skip
            case scapy.ICMP():
                here = decode(frame)[ICMPMessage]
                said["icmp"] = {
                    "type": layer.type, "code": layer.code, "sum": layer.chksum,
                    "rest": {name: layer.getfieldval(name) for name in icmp_rest(here)}, "payload": original(layer),
                }  # fmt: skip
    return said


def text_of(mac: bytes) -> str:
    return mac.hex(":")


def said_by_dpkt(frame: bytes, said_before: Said) -> Said:
    said: Said = {}
    ethernet = dpkt.ethernet.Ethernet(frame)
    said["ethernet"] = {"dst": text_of(ethernet.dst), "src": text_of(ethernet.src), "type": ethernet.type}
    if isinstance(ethernet.data, dpkt.arp.ARP):
        arp = ethernet.data
        said["arp"] = {
            "hw": (arp.hrd, arp.hln), "op": arp.op, "proto": (arp.pro, arp.pln),
            "sender": (text_of(arp.sha), dpkt.utils.inet_to_str(arp.spa)),
            "target": (text_of(arp.tha), dpkt.utils.inet_to_str(arp.tpa)),
        }  # fmt: skip
        return said
    ip = ethernet.data
    said["ip"] = {
        "version": ip.v, "ihl": ip.hl, "tos": ip.tos, "len": ip.len, "id": ip.id, "frag": ip.offset,
        "flags": (ip.rf, ip.df, ip.mf), "ttl": ip.ttl, "proto": ip.p, "sum": ip.sum,
        "src": dpkt.utils.inet_to_str(ip.src), "dst": dpkt.utils.inet_to_str(ip.dst), "options": listed(ip.opts),
        "payload": bytes(ip.data),
    }  # fmt: skip
    inner = ip.data
    match inner:
        case dpkt.udp.UDP():
            said["udp"] = {"ports": (inner.sport, inner.dport), "len": inner.ulen, "sum": inner.sum,
                           "payload": bytes(inner.data)}  # fmt: skip
        case dpkt.tcp.TCP():
            said["tcp"] = {
                "ports": (inner.sport, inner.dport), "seq": inner.seq, "ack": inner.ack, "off": inner.off,
                "sum": inner.sum, "flags": "".join(c for bit, c in enumerate("FSRPAUEC") if inner.flags >> bit & 1),
                "win": inner.win, "urg": inner.urp,
                "options": [option for option in dpkt.tcp.parse_opts(inner.opts) if option[0] > 1],
                "payload": bytes(inner.data),
            }  # fmt: skip
        case dpkt.icmp.ICMP():
            # dpkt has no names for the rest: here it says only where it lies
            rest = said_before["icmp"]["rest"], said_before["icmp"]["payload"]
            said["icmp"] = {"type": inner.type, "code": inner.code, "sum": inner.sum,
                            "rest": rest[0], "payload": rest[1]}  # fmt: skip
            assert bytes(inner.data).endswith(rest[1])
    return said


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_values_give_the_same_bytes(kind: str) -> None:
    @some
    @given(KINDS[kind])
    def same(layers: Layers) -> None:
        ours = stack(*layers)
        assert ours.hex() == built_by_scapy(layers).hex()
        if not (isinstance(layers[-1], UDPDatagram) and not layers[-1].checksummed):  # dpkt always adds one
            assert ours.hex() == built_by_dpkt(layers).hex()

    same()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_are_read_as_the_same_values(kind: str) -> None:
    @some
    @given(KINDS[kind], st.sampled_from([0, 1, 18, 46]))
    def same(layers: Layers, padding: int) -> None:
        frame = stack(*layers) + bytes(padding)
        ours = said_by_netlib(frame)
        assert said_by_scapy(frame) == ours
        assert said_by_dpkt(frame, ours) == ours
        assert decode(frame).layers[1:] == layers[1:]
        assert decode(frame).build() == frame
        if type(layers[-1]) in ERRORS:  # scapy reads the quote too
            theirs, quoted = l2.Ether(frame)[scapy.IPerror], decode(frame)[ICMPMessage].original
            assert (str(quoted.source), str(quoted.destination)) == (theirs.src, theirs.dst)
            assert (quoted.ttl, quoted.checksum) == (theirs.ttl, theirs.chksum)

    same()


@pytest.mark.parametrize("name", ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"])
def test_each_tcp_flag_alone(name: str) -> None:
    layers = [EthernetFrame(), IPv4Packet(protocol=TCP), TCPSegment(40_000, 40_001, **{name: True})]
    assert stack(*layers) == built_by_scapy(layers) == built_by_dpkt(layers)
    frame = stack(*layers)
    assert said_by_netlib(frame) == said_by_scapy(frame) == said_by_dpkt(frame, said_by_netlib(frame))


@settings(some, max_examples=100)
@given(st.binary(max_size=1500))
def test_checksums_agree(data: bytes) -> None:
    utils = pytest.importorskip("scapy.utils")
    assert internet_checksum(data) == utils.checksum(data) == dpkt.dpkt.in_cksum(data)


def test_a_udp_checksum_that_scapy_sends_as_ffff() -> None:
    source, destination = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
    layers = [EthernetFrame(), IPv4Packet(protocol=UDP, source=source, destination=destination),
              UDPDatagram(40_000, 40_001, payload=bytes(2))]  # fmt: skip
    checksum = decode(stack(*layers))[UDPDatagram].checksum
    layers[-1].payload = checksum.to_bytes(2, "big")
    assert stack(*layers) == built_by_scapy(layers) == built_by_dpkt(layers)
    assert decode(stack(*layers))[UDPDatagram].checksum == 0xFFFF
