"""What a host and a router do with a packet, step by step: RFC 1122 section 3.2.1, RFC 1812 section 5.2."""

from random import Random

import pytest

from netlib.host import RAW, Host, SendError
from netlib.internet.fragments import fragment
from netlib.internet.icmp import QUOTE
from netlib.wire.address import IPv4Address
from netlib.wire.checksum import internet_checksum
from netlib.wire.icmp import ICMPEcho, ICMPTimeExceeded
from netlib.wire.ipv4 import ICMP, UDP, IPv4Packet

from .machines import ELSEWHERE, FAR_SIDE, GATEWAY, PEER, ROUTER, Machine, echo, icmp, udp, what

LAN_BROADCAST, FAR_BROADCAST = IPv4Address("10.0.0.255"), IPv4Address("10.0.9.255")


def corrupt(packet: IPv4Packet, at: int, value: int) -> bytes:
    data = bytearray(packet.build())
    data[at] = value
    return bytes(data)


def with_checksum(data: bytes) -> bytes:
    length = 4 * (data[0] & 15)
    checksum = internet_checksum(data[:10] + b"\0\0" + data[12:length])
    return data[:10] + checksum.to_bytes(2, "big") + data[12:]


# ---- is it well-formed, is it for us ---------------------------------------------------------------------------

ILL_FORMED = {
    "nothing": (b"", "IPv4 truncated"),
    "half a header": (echo().build()[:19], "IPv4 truncated"),
    "shorter than it says": (echo().build()[:-1], "IPv4 truncated"),
    "version 6": (with_checksum(corrupt(echo(), 0, 0x65)), "IPv4 malformed"),
    "a header of 16 bytes": (with_checksum(corrupt(echo(), 0, 0x44)), "IPv4 malformed"),
    "a total length within the header": (with_checksum(corrupt(echo(), 3, 19)), "IPv4 malformed"),
    "a wrong checksum": (corrupt(echo(), 8, 63), "IPv4 bad checksum"),
    "options that reach beyond the header": (
        with_checksum(b"\x46\0\0\x18" + echo().build()[4:20] + b"\x07\x09\x04\0"), "IPv4 malformed"),
}  # fmt: skip


@pytest.mark.parametrize("name", ILL_FORMED)
def test_what_is_ill_formed_is_dropped_in_silence(name: str) -> None:
    data, reason = ILL_FORMED[name]
    machine = Machine(forwarding=True)
    assert machine.give(data) == []
    assert machine.dropped == {reason: 1}


def test_padding_behind_the_packet_is_no_part_of_it() -> None:
    machine = Machine()
    [reply] = machine.give(echo(size=3).build() + bytes(18))
    assert icmp(reply).payload == bytes(range(3))


MARTIAN_SOURCES = ["255.255.255.255", "224.0.0.1", "240.0.0.1", "127.0.0.1", "10.0.0.255", "10.0.9.255"]


@pytest.mark.parametrize("source", MARTIAN_SOURCES)
@pytest.mark.parametrize("forwarding", [False, True])
@pytest.mark.parametrize("destination", [ROUTER, ELSEWHERE])
def test_a_source_that_is_no_single_host_is_dropped(source: str, forwarding: bool, destination: IPv4Address) -> None:
    machine = Machine(forwarding=forwarding)
    assert machine.give(echo(destination, source=IPv4Address(source))) == []
    assert machine.dropped == {"IPv4 invalid source": 1}


def test_a_source_of_zero_is_heard_but_not_answered_and_not_forwarded() -> None:
    machine = Machine(forwarding=True)
    zero = IPv4Address.ANY
    assert machine.give(echo(source=zero)) == []
    assert machine.dropped == {"ICMP reply without a route": 1}
    assert machine.give(echo(ELSEWHERE, source=zero)) == []
    assert machine.dropped["IPv4 invalid source"] == 1


@pytest.mark.parametrize("destination", ["127.0.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "240.0.0.1", "255.0.0.1"])
def test_a_destination_that_nobody_on_a_link_has_is_dropped(destination: str) -> None:
    machine = Machine(forwarding=True)
    assert machine.give(echo(IPv4Address(destination))) == []
    assert machine.dropped == {"IPv4 invalid destination": 1}


def test_an_address_that_may_not_be_on_a_link_is_none_even_if_it_is_ours() -> None:
    host = Host("h", Random(1))
    interface = host.attach("10.0.0.1/24")
    host.add_address(interface, "240.0.0.1/24")
    packet = IPv4Packet(source=IPv4Address("10.0.0.2"), destination=IPv4Address("240.0.0.1"), protocol=200)
    host.internet.receive(packet.build(), interface.number, 0.0)
    assert host.dropped == {"IPv4 invalid destination": 1} and not host.internet.delivered
    packet.destination = IPv4Address("10.0.0.1")
    host.internet.receive(packet.build(), interface.number, 0.0)
    assert len(host.internet.delivered) == 1


def test_a_host_does_not_forward() -> None:
    machine = Machine()
    assert machine.give(echo(ELSEWHERE)) == []
    assert machine.dropped == {"IPv4 not for us": 1}


def test_any_of_its_addresses_is_for_it() -> None:
    [reply] = Machine().give(echo(FAR_SIDE))
    assert (reply.source, reply.destination) == (FAR_SIDE, PEER)


@pytest.mark.parametrize("ttl", [0, 1])
def test_a_packet_that_has_arrived_needs_no_ttl(ttl: int) -> None:
    """A host MUST NOT discard a datagram just because it was received with TTL less than 2 (section 3.2.1.7)."""
    [reply] = Machine(forwarding=True).give(echo(ttl=ttl))
    assert what(reply) == (0, 0)


# ---- broadcast -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("destination", [LAN_BROADCAST, IPv4Address.BROADCAST])
@pytest.mark.parametrize("forwarding", [False, True])
def test_a_broadcast_is_received_and_neither_answered_nor_forwarded(
    destination: IPv4Address, forwarding: bool
) -> None:
    machine = Machine(forwarding=forwarding)
    raw, raw_udp = machine.host.socket(RAW, ICMP), machine.host.socket(RAW, UDP)
    assert machine.give(echo(destination)) == []
    assert machine.give(udp(destination)) == []
    assert raw.readable and raw_udp.readable
    assert machine.dropped == {}


@pytest.mark.parametrize("destination", [FAR_BROADCAST, IPv4Address("224.0.0.1")])
@pytest.mark.parametrize("forwarding", [False, True])
def test_another_links_broadcast_and_multicast_are_not_for_it_and_not_forwarded(
    destination: IPv4Address, forwarding: bool
) -> None:
    machine = Machine(forwarding=forwarding)
    assert machine.give(echo(destination)) == []
    assert machine.dropped == {"IPv4 not for us": 1}


@pytest.mark.parametrize("destination", [ROUTER, ELSEWHERE])
def test_a_unicast_packet_in_a_link_broadcast_is_dropped(destination: IPv4Address) -> None:
    machine = Machine(forwarding=True)
    machine.host.internet.receive(echo(destination).build(), 0, 0.0, link_broadcast=True)
    assert machine.dropped == {"IPv4 unicast in a link broadcast": 1}
    machine.host.internet.receive(echo(LAN_BROADCAST).build(), 0, 0.0, link_broadcast=True)
    assert len(machine.host.internet.delivered) == 1


def test_on_a_link_of_two_addresses_none_is_a_broadcast() -> None:
    """RFC 3021: a /31 has no broadcast address; neither has a /32."""
    machine = Machine()
    machine.host.attach("10.1.0.1/31")
    machine.host.attach("10.2.0.1/32")
    for address in ("10.1.0.1", "10.2.0.1"):
        [reply] = machine.give(echo(IPv4Address(address)))
        assert what(reply) == (0, 0)


# ---- forwarding ------------------------------------------------------------------------------------------------


def test_forwarding_changes_ttl_and_checksum_and_nothing_else() -> None:
    machine = Machine(forwarding=True)
    packet = echo(ELSEWHERE, ttl=9, dscp=5, options=b"\x82\4\1\2")
    before = packet.build()
    machine.host.receive(machine.lan, before, 0.0)
    [(interface, after)] = machine.host.outbox
    assert interface is machine.far
    assert [i for i in range(len(before)) if before[i] != after[i]] in ([8, 10], [8, 10, 11])
    assert IPv4Packet.parse(after).ttl == 8
    assert machine.dropped == {}


def test_a_packet_for_a_neighbour_goes_straight_to_it() -> None:
    machine = Machine(forwarding=True)
    neighbour = IPv4Address("10.0.9.77")
    assert machine.give(echo(neighbour)) != []
    machine.host.internet.receive(echo(neighbour).build(), 0, 0.0)
    assert machine.host.internet.outbox[0].next_hop == neighbour
    machine.host.internet.receive(echo(ELSEWHERE).build(), 0, 0.0)
    assert machine.host.internet.outbox[1].next_hop == GATEWAY


@pytest.mark.parametrize("ttl", [0, 1])
def test_a_ttl_that_runs_out_is_reported(ttl: int) -> None:
    machine = Machine(forwarding=True)
    packet = udp(ELSEWHERE, ttl=ttl)
    [report] = machine.give(packet)
    assert machine.dropped == {"IPv4 TTL exceeded": 1}
    assert (what(report), report.source, report.destination) == ((11, 0), ROUTER, PEER)
    assert icmp(report).payload == packet.build()  # with the TTL that it came with
    assert (report.dscp, report.ttl) == (48, 64)
    assert len(machine.give(udp(ELSEWHERE, ttl=2))) == 1
    assert machine.dropped == {"IPv4 TTL exceeded": 1}


def test_no_route_is_reported() -> None:
    machine = Machine(forwarding=True, default=False)
    [report] = machine.give(udp(ELSEWHERE, ttl=1))  # the next hop is looked up first (RFC 1812 section 5.2.1.2)
    assert (what(report), machine.dropped) == ((3, 0), {"IPv4 no route": 1})


@pytest.mark.parametrize("size, passes", [(600 - 28, True), (600 - 27, False)])
def test_what_does_not_fit_and_may_not_be_cut_is_reported_with_the_mtu(size: int, passes: bool) -> None:
    machine = Machine(forwarding=True)
    [out] = machine.give(udp(ELSEWHERE, size=size, dont_fragment=True))
    if passes:
        assert (out.destination, out.total_length) == (ELSEWHERE, 600)
        return
    assert machine.dropped == {"IPv4 fragmentation needed": 1}
    assert (what(out), icmp(out).next_hop_mtu) == ((3, 4), 600)


def test_what_does_not_fit_is_cut() -> None:
    machine = Machine(forwarding=True)
    packet = udp(ELSEWHERE, size=1400, ttl=5)
    pieces = machine.give(packet)
    assert [(piece.total_length <= 600, piece.ttl) for piece in pieces] == [(True, 4)] * 3
    assert b"".join(piece.payload for piece in pieces) == packet.payload


def test_a_router_does_not_put_together_what_it_forwards() -> None:
    machine = Machine(forwarding=True)
    [out] = machine.give(udp(ELSEWHERE, more_fragments=True))
    assert out.more_fragments
    assert machine.host.internet.reassembler.incomplete == {}


# ---- errors ----------------------------------------------------------------------------------------------------


def about(**fields: object) -> IPv4Packet:
    """A packet whose TTL runs out at the router; bent."""
    return udp(ELSEWHERE, ttl=1, **fields)


time_exceeded = ICMPTimeExceeded(payload=udp(PEER).build()).build()
NOT_REPORTED = {
    "an ICMP error": about(protocol=ICMP, payload=time_exceeded),
    "an ICMP message of unknown type": about(protocol=ICMP, payload=b"\x63" + bytes(9)),
    "an empty ICMP message": about(protocol=ICMP, payload=b""),
    "a later fragment": about(fragment_offset=1),
}


@pytest.mark.shows("RFC 5508 REQ-10e")
@pytest.mark.parametrize("name", NOT_REPORTED)
def test_no_error_about(name: str) -> None:
    packet = NOT_REPORTED[name]
    if packet.protocol == ICMP:
        packet.payload = {"an ICMP error": time_exceeded}.get(name, b"\x63" + bytes(9) if "unknown" in name else b"")
    machine = Machine(forwarding=True)
    assert machine.give(packet) == []
    assert machine.dropped == {"IPv4 TTL exceeded": 1}


def test_an_error_about_an_echo_and_about_a_first_fragment() -> None:
    machine = Machine(forwarding=True)
    assert [what(p) for p in machine.give(echo(ELSEWHERE, ttl=1))] == [(11, 0)]
    assert [what(p) for p in machine.give(about(more_fragments=True))] == [(11, 0)]


@pytest.mark.parametrize("size, quoted", [(0, 28), (520, 548), (521, 548), (1400, 548)])
def test_an_error_quotes_as_much_as_fits_into_576_bytes(size: int, quoted: int) -> None:
    packet = about(size=size)
    packet.payload = packet.payload[: 8 + size]
    data = packet.build()
    [report] = Machine(forwarding=True).give(packet)
    assert QUOTE == 548
    assert icmp(report).payload == data[:548]
    assert len(icmp(report).payload) == quoted
    assert report.total_length <= 576


@pytest.mark.shows("RFC 5508 REQ-10f")
def test_errors_have_a_rate_in_the_long_run_and_a_burst_at_once() -> None:
    machine = Machine(forwarding=True)
    limit = machine.host.internet.reports
    limit.rate, limit.burst = 10.0, 5

    def reports(count: int, now: float) -> int:
        machine.now = now
        return sum(len(machine.give(about())) for _ in range(count))

    assert reports(100, now=100.0) == 5
    assert machine.dropped["ICMP rate limit"] == 95
    assert reports(100, now=100.0 + 0.099) == 0
    assert reports(100, now=100.0 + 0.101) == 1
    assert reports(100, now=101.0) == 5  # not more than the burst, however long it was quiet
    assert sum(reports(1, now=200 + i / 100) for i in range(1000)) == pytest.approx(100, abs=6)


def test_an_error_without_a_way_back_is_counted() -> None:
    machine = Machine(forwarding=True, default=False)
    assert machine.give(udp(ELSEWHERE, source=IPv4Address("203.0.113.5"))) == []
    assert machine.dropped == {"IPv4 no route": 1, "ICMP error without a route": 1}


def test_reassembly_that_takes_too_long_is_reported_if_the_first_fragment_was_there() -> None:
    machine = Machine()
    first = udp(size=64, more_fragments=True)
    machine.give(first)
    machine.give(udp(fragment_offset=100, more_fragments=True, identification=2))
    assert machine.host.deadline() == 60.0
    machine.host.tick(59.999)
    assert machine.out() == []
    machine.host.tick(60.0)
    [report] = machine.out()
    assert (what(report), icmp(report).payload) == ((11, 1), first.build())
    assert machine.dropped == {"IPv4 reassembly timeout": 2}
    assert machine.host.deadline() is None


def test_overlapping_fragments_are_counted_and_not_reported() -> None:
    machine = Machine()
    machine.give(udp(size=64, more_fragments=True))
    machine.give(udp(size=56, fragment_offset=1, more_fragments=True))
    machine.host.tick(100.0)
    assert (machine.out(), machine.dropped) == ([], {"IPv4 impossible fragment": 1})


# ---- what is for this host -------------------------------------------------------------------------------------


def test_ports_and_protocols_that_nobody_listens_to_are_reported() -> None:
    machine = Machine()
    assert [what(p) for p in machine.give(udp())] == [(3, 3)]
    other, sctp = udp(), 132
    other.protocol = sctp
    assert [what(p) for p in machine.give(other)] == [(3, 2)]
    machine.host.socket(RAW, sctp)
    assert machine.give(other) == []


def test_a_datagram_with_a_wrong_checksum_is_dropped_in_silence() -> None:
    machine = Machine()
    packet = udp()
    packet.payload = packet.payload[:-1] + b"x"
    assert machine.give(packet) == []
    assert machine.dropped == {"UDP bad checksum": 1}


ECHOES = {
    "a wrong checksum": (ICMPEcho().build()[:-1] + b"x", {"ICMP bad checksum": 1}),
    "seven bytes": (b"\x08\0\xf7\xff\0\0\0", {"ICMP truncated": 1}),
    "an echo reply": (ICMPEcho(type=0).build(), {}),
    "a code that is not 0": (ICMPEcho(code=1).build(), {}),
    "an error": (time_exceeded, {}),
    "an unknown type": (ICMPEcho(type=77).build(), {}),
}


@pytest.mark.parametrize("name", ECHOES)
def test_what_is_no_echo_request_gets_no_reply(name: str) -> None:
    payload, dropped = ECHOES[name]
    machine = Machine()
    packet = echo()
    packet.payload = payload
    assert machine.give(packet) == []
    assert machine.dropped == dropped


@pytest.mark.parametrize("size", [0, 1, 56, 1400])
def test_an_echo_comes_back_with_its_data(size: int) -> None:
    request = echo(size=size, dscp=11)
    [reply] = Machine().give(request)
    assert (reply.source, reply.destination, reply.dscp) == (ROUTER, PEER, 11)
    assert what(reply) == (0, 0)
    assert reply.payload[4:] == request.payload[4:]


def test_an_echo_in_fragments_is_answered_in_fragments() -> None:
    request = echo(size=255 * 8)
    machine = Machine()
    answers = [out for one in fragment(request.build(), 576)[::-1] for out in machine.give(one)]
    assert len(answers) == 2
    assert sum(len(answer.payload) for answer in answers) == len(request.payload)


# ---- out -------------------------------------------------------------------------------------------------------


def send(machine: Machine, destination: str, size: int = 0, **fields: object) -> list[IPv4Packet]:
    packet = IPv4Packet(destination=IPv4Address(destination), payload=bytes(size))
    for name, value in fields.items():
        setattr(packet, name, value)
    machine.host.socket(RAW, 200).send(packet, 0.0)
    return machine.out()


def test_sending_fills_in_source_identification_and_protocol() -> None:
    machine = Machine()
    [first], [second] = send(machine, "10.0.0.2"), send(machine, "192.0.2.7")
    assert (first.source, first.protocol) == (ROUTER, 200)
    assert second.source == FAR_SIDE
    assert 0 != first.identification != second.identification != 0
    [own] = send(machine, "10.0.0.2", source=ELSEWHERE, identification=77)
    assert (own.source, own.identification) == (ELSEWHERE, 77)


REFUSED = {
    "no route": ("192.0.2.7", {}, "ENETUNREACH.*192.0.2.7"),
    "nobody's address": ("0.0.0.0", {}, "ENETUNREACH"),
    "class E": ("250.1.1.1", {}, "ENETUNREACH"),
    "multicast, which this host does not do": ("224.0.0.5", {}, "ENETUNREACH"),
    "too long for DF": ("10.0.9.2", {"size": 581, "dont_fragment": True}, "EMSGSIZE: 601 bytes, the link takes 600"),
    "too long for IP": ("10.0.9.2", {"size": 65516}, "EMSGSIZE"),
    "too long with options": ("10.0.9.2", {"size": 65512, "options": b"\1"}, "EMSGSIZE"),
    "TTL 0": ("10.0.9.2", {"ttl": 0}, "EINVAL"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_sent(name: str) -> None:
    destination, fields, message = REFUSED[name]
    machine = Machine(default=name != "no route")
    with pytest.raises(SendError, match=message):
        send(machine, destination, **fields)
    assert machine.host.outbox == []


def test_the_longest_packet_is_sent() -> None:
    assert sum(len(piece.payload) for piece in send(Machine(), "10.0.9.2", size=65515)) == 65515


def test_the_limited_broadcast_goes_to_the_link_and_not_to_the_default_router() -> None:
    machine = Machine()
    send(machine, "255.255.255.255")
    assert machine.by == ["eth0"]
    machine.host.internet.send(IPv4Packet(destination=IPv4Address.BROADCAST), 0.0)
    assert machine.host.internet.outbox[0].next_hop == IPv4Address.BROADCAST


def test_a_host_without_interfaces_says_so() -> None:
    with pytest.raises(SendError, match="ENETUNREACH"):
        Host("bare", Random(1)).socket(RAW, ICMP).send(IPv4Packet(destination=IPv4Address.BROADCAST), 0.0)


@pytest.mark.parametrize("destination", ["127.0.0.1", "10.0.0.1", "10.0.9.1"])
def test_what_a_host_sends_to_itself_stays_inside(destination: str) -> None:
    machine = Machine()
    socket = machine.host.socket(RAW, ICMP)
    address = IPv4Address(destination)
    socket.send(IPv4Packet(destination=address, payload=ICMPEcho(sequence=3).build()), 1.0)
    assert machine.host.outbox == []
    received = [socket.receive(), socket.receive()]
    assert [what(packet) for _, packet in received] == [(8, 0), (0, 0)]
    assert {(packet.source, packet.destination) for _, packet in received} == {(address, address)}
    assert socket.receive() is None


def test_all_of_127_is_this_host_and_127_0_0_1_is_who_speaks_to_it() -> None:
    machine = Machine()
    socket = machine.host.socket(RAW, ICMP)
    one, five = IPv4Address("127.0.0.1"), IPv4Address("127.0.0.5")
    socket.send(IPv4Packet(destination=five, payload=ICMPEcho().build()), 1.0)
    received = [socket.receive(), socket.receive()]
    assert [(packet.source, packet.destination) for _, packet in received] == [(one, five), (five, one)]


def test_a_next_hop_has_to_be_on_a_link() -> None:
    with pytest.raises(SendError, match=r"next hop 10\.7\.0\.1 is on none"):
        Machine().host.add_route("10.8.0.0/16", via="10.7.0.1")
