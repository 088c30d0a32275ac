"""NAPT by RFC 4787 (UDP) and 5382 (TCP): addresses, ports and checksums; who may come in; hairpins and fragments."""

from functools import partial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.internet.fragments import fragment
from netlib.internet.nat import HOLD, NAT, Refused
from netlib.internet.nat_flow import Endpoint, read, rewrite
from netlib.internet.nat_table import (
    ADDRESS_AND_PORT_DEPENDENT,
    ADDRESS_DEPENDENT,
    BEHAVIOURS,
    ENDPOINT_INDEPENDENT,
    LIKE_LINUX,
    Choices,
)
from netlib.wire.address import IPv4Address
from netlib.wire.checksum import internet_checksum
from netlib.wire.ipv4 import TCP, UDP, IPv4Packet

from .nat_machines import (
    INSIDE,
    NEXT,
    OTHER,
    OURS,
    OURS2,
    REMOTE,
    SECOND,
    End,
    Make,
    echo,
    ends,
    error,
    nat,
    quote_in,
    tcp,
    udp,
)

# ---- addresses, ports and checksums ------------------------------------------------------------------------


def test_a_datagram_leaves_with_our_address_and_its_answer_finds_back() -> None:
    n = nat()
    assert ends(n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)) == ("203.0.113.1:5000", "198.51.100.7:53")
    assert ends(n.inbound(udp((REMOTE, 53), (OURS, 5000)), 1)) == ("198.51.100.7:53", "10.0.0.2:5000")


def test_a_connection_likewise() -> None:
    n = nat()
    assert ends(n.outbound(tcp((INSIDE, 5000), (REMOTE, 80), "syn"), 0)) == ("203.0.113.1:5000", "198.51.100.7:80")
    assert ends(n.inbound(tcp((REMOTE, 80), (OURS, 5000), "syn ack"), 1)) == ("198.51.100.7:80", "10.0.0.2:5000")


@pytest.mark.shows("RFC 4787 REQ-10", "RFC 5382 REQ-6")
@settings(deadline=None)
@given(st.binary(max_size=41), st.integers(1, 0xFFFF), st.integers(0, 2**32 - 1), st.sampled_from([UDP, TCP]))
def test_updated_checksums_are_those_worked_out_anew(data: bytes, port: int, bits: int, protocol: int) -> None:
    source = IPv4Address(bits.to_bytes(4, "big"))
    make = udp if protocol == UDP else tcp
    before = make((INSIDE, 5000), (REMOTE, 53), data=data)
    flow = read(before)
    assert flow is not None
    assert rewrite(before, flow._replace(source=Endpoint(source, port))) == make(
        (source, port), (REMOTE, 53), data=data
    )


def test_a_datagram_whose_new_checksum_is_zero_says_all_ones() -> None:
    for last in range(0x10000):  # find the data by which it happens
        after = udp((OURS, 5000), (REMOTE, 53), data=last.to_bytes(2, "big"))
        if after[26:28] == b"\xff\xff":
            break
    assert nat().outbound(udp((INSIDE, 5000), (REMOTE, 53), data=last.to_bytes(2, "big")), 0) == after


def test_a_checksum_left_out_stays_left_out_and_a_wrong_one_wrong() -> None:
    n = nat()
    assert n.outbound(udp((INSIDE, 5000), (REMOTE, 53), checksummed=False), 0)[26:28] == b"\0\0"  # type: ignore[index]
    broken = bytearray(tcp((INSIDE, 5000), (REMOTE, 80), "syn", b"data"))
    broken[-1] ^= 1
    out = n.outbound(bytes(broken), 0)
    assert out is not None
    packet = IPv4Packet.parse(out)
    assert internet_checksum(packet.payload, packet.pseudo_header(len(packet.payload))) != 0


# ---- mapping and ports: RFC 4787 section 4 -----------------------------------------------------------------


@pytest.mark.shows("RFC 4787 REQ-1", "RFC 5382 REQ-1")
@pytest.mark.parametrize("make", [udp, tcp])
def test_one_outside_end_whoever_it_speaks_with(make: Make) -> None:
    n = nat()
    for remote in ((REMOTE, 53), (REMOTE, 54), (OTHER, 53)):
        assert ends(n.outbound(make((INSIDE, 5000), remote), 0))[0] == "203.0.113.1:5000"
    assert len(n.known.outside) == 1


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_how_far_the_outside_end_depends_on_the_other_side(behaviour: str) -> None:
    n = nat(mapping=behaviour)
    outside = [ends(n.outbound(udp((INSIDE, 5000), end), 0))[0] for end in ((REMOTE, 1), (REMOTE, 2), (OTHER, 1))]
    same = {ENDPOINT_INDEPENDENT: 1, ADDRESS_DEPENDENT: 2, ADDRESS_AND_PORT_DEPENDENT: 3}[behaviour]
    assert len(set(outside)) == same
    assert (outside[0] == outside[1]) == (behaviour != ADDRESS_AND_PORT_DEPENDENT)


@pytest.mark.shows("RFC 4787 REQ-3", "RFC 4787 REQ-3a", "RFC 4787 REQ-4", "RFC 5382 REQ-7")
@pytest.mark.parametrize(("make", "other"), [(udp, tcp), (tcp, udp)])
def test_two_that_want_one_port_get_two_alike(make: Make, other: Make) -> None:
    n = nat()
    assert ends(n.outbound(make((INSIDE, 5000), (REMOTE, 53)), 0))[0] == "203.0.113.1:5000"
    port = int(ends(n.outbound(make((SECOND, 5000), (REMOTE, 53)), 0))[0].split(":")[1])
    assert port != 5000 and port % 2 == 0 and port >= 1024  # REQ-3 a) and REQ-4
    low = [int(ends(n.outbound(make((host, 123), (REMOTE, 123)), 0))[0].split(":")[1]) for host in (INSIDE, SECOND)]
    assert low[0] == 123 and low[1] < 1024 and low[1] % 2 == 1
    assert ends(n.outbound(other((SECOND, 5000), (REMOTE, 53)), 0))[0] == "203.0.113.1:5000"  # they share none


def test_one_outside_end_for_two_is_told_apart_by_whom_they_speak_with() -> None:
    n = NAT([OURS], Random(1), LIKE_LINUX)
    first = [ends(n.outbound(udp((host, 5000), (to, 53)), 0))[0] for host, to in ((INSIDE, REMOTE), (SECOND, OTHER))]
    assert first == ["203.0.113.1:5000"] * 2
    assert ends(n.inbound(udp((REMOTE, 53), (OURS, 5000)), 1))[1] == "10.0.0.2:5000"
    assert ends(n.inbound(udp((OTHER, 53), (OURS, 5000)), 1))[1] == "10.0.0.3:5000"
    assert ends(n.outbound(udp((SECOND, 5000), (REMOTE, 53)), 0))[0] != "203.0.113.1:5000"  # here nothing else does


@pytest.mark.shows("RFC 4787 REQ-2")
def test_one_host_has_one_of_several_addresses() -> None:
    n = nat(addresses=(OURS, OURS2))
    seen = {
        host: {ends(n.outbound(udp((host, port), (REMOTE, 53)), 0))[0].split(":")[0] for port in range(2000, 2010)}
        for host in (INSIDE, SECOND)
    }
    assert [len(each) for each in seen.values()] == [1, 1] and seen[INSIDE] != seen[SECOND]


@pytest.mark.shows("RFC 4787 REQ-3", "RFC 5382 REQ-7")
@pytest.mark.parametrize("make", [udp, tcp])
@settings(deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([True, False]))
def test_every_port_is_handed_out_once_and_then_the_answer_is_no(make: Make, seed: int, parity: bool) -> None:
    n = nat(seed, ports=range(2000, 2040), preserve_parity=parity)
    outside = [n.outbound(make((INSIDE, port), (REMOTE, 53)), 0) for port in range(10000, 10050)]
    assert len({ends(each)[0] for each in outside if each}) == len([each for each in outside if each]) == 40
    assert n.dropped == {"NAT exhausted": 10} and [code for _, code in n.refused] == [13] * 10
    n.tick(7440.0)
    assert n.outbound(make((INSIDE, 10000), (REMOTE, 53)), 7440) is not None  # the ports are free again


@pytest.mark.shows("RFC 4787 REQ-11")
@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([INSIDE, SECOND]), st.integers(2000, 2011)), unique=True, max_size=12))
def test_an_end_whose_port_was_taken_is_treated_like_any_other(inside: list[End]) -> None:
    n = nat(ports=range(2000, 2012))
    for end in inside:
        if (out := n.outbound(udp(end, (REMOTE, 53)), 0)) is None:  # six ports of each parity
            continue
        assert ends(n.outbound(udp(end, (OTHER, 53)), 0))[0] == ends(out)[0]
        external = OURS, int(ends(out)[0].split(":")[1])
        assert n.inbound(udp((OTHER, 54), external), 0) == udp((OTHER, 54), end)
        assert n.inbound(udp((NEXT, 53), external), 0) is None


# ---- filtering: RFC 4787 section 5 -------------------------------------------------------------------------


@pytest.mark.shows("RFC 4787 REQ-8", "RFC 4787 REQ-8a", "RFC 5382 REQ-3", "RFC 5382 REQ-3a")
@pytest.mark.parametrize(("make", "why"), [(udp, "NAT filtered"), (partial(tcp, flags="syn"), "NAT unsolicited SYN")])
@pytest.mark.parametrize(
    ("behaviour", "let_in"),
    [
        ({}, [1, 1, 0]),
        ({"filtering": ENDPOINT_INDEPENDENT}, [1, 1, 1]),
        ({"filtering": ADDRESS_DEPENDENT}, [1, 1, 0]),
        ({"filtering": ADDRESS_AND_PORT_DEPENDENT}, [1, 0, 0]),
    ],
)
def test_who_may_come_in(behaviour: dict[str, str], let_in: list[int], make: Make, why: str) -> None:
    n = nat(**behaviour)
    n.outbound(make((INSIDE, 5000), (REMOTE, 53)), 0)
    came = [n.inbound(make(end, (OURS, 5000)), 1) for end in ((REMOTE, 53), (REMOTE, 54), (OTHER, 53))]
    assert [each is not None for each in came] == [bool(each) for each in let_in]
    assert n.dropped[why] == 3 - sum(let_in)


def test_one_conversation_by_two_outside_ends_is_one_session() -> None:
    n = nat(mapping=ADDRESS_AND_PORT_DEPENDENT, filtering=ENDPOINT_INDEPENDENT)
    n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    n.outbound(udp((INSIDE, 5000), (REMOTE, 54)), 0)
    assert ends(n.inbound(udp((REMOTE, 54), (OURS, 5000)), 1))[1] == "10.0.0.2:5000"
    assert len(n.known.sessions) == len(n.known.outside) == 2
    n.tick(1000)
    assert not n.known.sessions and not n.known.outside


def test_what_no_one_has_opened_is_for_the_router_itself() -> None:
    n = nat()
    for data in (udp((REMOTE, 53), (OURS, 5000)), echo(REMOTE, OURS, 9), echo(REMOTE, OURS, 9, reply=True)):
        assert n.inbound(data, 0) == data
    assert not n.known.sessions


@pytest.mark.shows("RFC 5382 REQ-2")
def test_nothing_begins_in_the_middle_from_outside_nor_with_an_end_from_inside() -> None:
    n = nat(filtering=ENDPOINT_INDEPENDENT)
    n.outbound(tcp((INSIDE, 5000), (REMOTE, 80), "syn"), 0)
    n.outbound(echo(INSIDE, REMOTE, 9), 0)
    for flags in ("ack", "syn ack", "fin ack", "rst"):
        assert n.inbound(tcp((OTHER, 80), (OURS, 5000), flags), 1) is None
    assert n.inbound(echo(OTHER, OURS, 9, reply=True), 1) is None
    assert n.outbound(tcp((SECOND, 5000), (REMOTE, 80), "rst"), 1) is None
    assert n.outbound(echo(SECOND, REMOTE, 9, reply=True), 1) is None
    assert n.dropped == {"NAT no session": 7} and len(n.known.sessions) == 2
    assert n.inbound(tcp((OTHER, 80), (OURS, 5000), "syn"), 1) is not None  # a beginning, which this NAT lets in


@pytest.mark.shows("RFC 5382 REQ-2a", "RFC 5382 REQ-4")
def test_a_syn_that_no_one_asked_for_is_answered_after_six_seconds_and_not_at_all_if_one_does() -> None:
    n, asked, unasked = nat(), tcp((REMOTE, 80), (OURS, 5000), "syn"), tcp((REMOTE, 81), (OURS, 5000), "syn")
    assert n.inbound(asked, 0) is None and n.inbound(unasked, 0.5) is None
    assert n.deadline() == HOLD
    n.tick(5.9)
    assert not n.refused
    assert n.outbound(tcp((INSIDE, 5000), (REMOTE, 80), "syn"), 5.9) is not None  # simultaneous open
    n.tick(6.6)
    assert n.refused == [Refused(unasked, 3)]
    n.listens = lambda port: port == 22  # a server on the router
    assert n.inbound(tcp((REMOTE, 80), (OURS, 22), "syn"), 7) is not None


# ---- hairpinning, forwards, fragments, the router itself ---------------------------------------------------


@pytest.mark.shows(
    "RFC 4787 REQ-9", "RFC 4787 REQ-9a", "RFC 5382 REQ-8", "RFC 5382 REQ-8a", "RFC 5508 REQ-7", "RFC 5508 REQ-7a"
)
@pytest.mark.parametrize("make", [udp, partial(tcp, flags="syn")])
@pytest.mark.parametrize("filtering", BEHAVIOURS)
def test_two_inside_speak_by_their_outside_ends(filtering: str, make: Make) -> None:
    n = nat(filtering=filtering)
    for host, port in ((INSIDE, 5000), (SECOND, 6000)):
        n.outbound(make((host, port), (REMOTE, 53)), 0)
    n.outbound(make((SECOND, 6000), (OURS, 5000)), 0)  # it opens its side, as whoever wants to be called does
    across = n.hairpin(make((INSIDE, 5000), (OURS, 6000)), 1)
    assert ends(across) == ("203.0.113.1:5000", "10.0.0.3:6000")
    back = n.hairpin(make((SECOND, 6000), (OURS, 5000)), 2)
    assert ends(back) == ("203.0.113.1:6000", "10.0.0.2:5000")
    assert across is not None
    told = n.hairpin(error(SECOND, across, 200), 2)
    assert quote_in(told)[:2] == ("203.0.113.1", "10.0.0.2")
    assert told is not None and told[28:] == make((INSIDE, 5000), (OURS, 6000))
    question = make((INSIDE, 5000), (OURS, 53))
    assert n.hairpin(question, 3) == question  # for the router's own port


@pytest.mark.shows("RFC 5382 REQ-2")
def test_a_port_that_leads_inside_by_hand() -> None:
    n = nat(filtering=ADDRESS_AND_PORT_DEPENDENT)
    n.forward(TCP, 80, "10.0.0.2", 8080)
    assert ends(n.inbound(tcp((REMOTE, 4000), (OURS, 80), "syn"), 0)) == ("198.51.100.7:4000", "10.0.0.2:8080")
    assert ends(n.outbound(tcp((INSIDE, 8080), (REMOTE, 4000), "syn ack"), 0))[0] == "203.0.113.1:80"
    n.tick(10_000.0)
    assert not n.known.sessions
    assert ends(n.inbound(tcp((OTHER, 4000), (OURS, 80), "syn"), 10_000))[1] == "10.0.0.2:8080"
    assert ends(n.outbound(tcp((SECOND, 80), (REMOTE, 1), "syn"), 0))[0] != "203.0.113.1:80"
    for wrong in ((TCP, 80, "10.0.0.3"), (TCP, 81, INSIDE, 8080), (TCP, 0, INSIDE), (UDP, 9, OURS), (1, 9, INSIDE)):
        with pytest.raises(ValueError):
            n.forward(*wrong)


@pytest.mark.shows("RFC 4787 REQ-14")
@settings(deadline=None)
@given(st.permutations(range(4)))
def test_fragments_in_any_order_leave_as_one(order: list[int]) -> None:
    n = nat()
    pieces = fragment(udp((INSIDE, 5000), (REMOTE, 53), bytes(1500)), 500)
    assert len(pieces) == 4
    out = [n.outbound(pieces[i], 0) for i in order]
    assert out[:3] == [None] * 3 and out[3] == udp((OURS, 5000), (REMOTE, 53), bytes(1500))
    pieces = fragment(udp((REMOTE, 53), (OURS, 5000), bytes(1500)), 500)
    assert [n.inbound(pieces[i], 0) for i in order][3] == udp((REMOTE, 53), (INSIDE, 5000), bytes(1500))
    assert n.deadline() == 300.0
    assert n.outbound(pieces[0], 100) is None and n.deadline() == 160.0
    n.tick(160)
    assert n.deadline() == 300.0 and n.reassembler.held == 0


def test_the_router_and_the_hosts_inside_share_the_ports() -> None:
    n = nat()
    assert ends(n.outbound(udp((OURS, 5000), (REMOTE, 53)), 0))[0] == "203.0.113.1:5000"
    assert ends(n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0))[0] != "203.0.113.1:5000"
    answer = udp((REMOTE, 53), (OURS, 5000))
    assert n.inbound(answer, 0) == answer
    asked = udp((SECOND, 7), (OURS, 5000))
    assert n.hairpin(asked, 0) == asked  # nor do they seem to be somebody else to it
    stranger = udp((OTHER, 1), (OURS, 5000))
    assert n.inbound(stranger, 0) == stranger  # nobody filters for the router's own servers
    broadcast = udp((OURS, 68), (IPv4Address.BROADCAST, 67))
    for data in (echo(OURS, REMOTE, 9, reply=True), broadcast, error(OURS, stranger)):
        assert n.outbound(data, 0) == data


def test_what_has_no_ports_does_not_leave() -> None:
    n = nat()
    gre = IPv4Packet(protocol=47, source=INSIDE, destination=REMOTE, payload=bytes(20)).build()
    assert n.outbound(gre, 0) is None and n.dropped == {"NAT unknown protocol": 1}
    assert n.outbound(udp((INSIDE, 5), (IPv4Address("239.1.1.1"), 5)), 0) is None
    with pytest.raises(ValueError):
        NAT([], Random(1))
    for wrong in ({"mapping": "cone"}, {"filtering": ""}, {"overload": True}):
        with pytest.raises(ValueError):
            Choices(**wrong)


def test_it_prints_what_conntrack_would() -> None:
    n = nat()
    n.outbound(tcp((INSIDE, 5000), (REMOTE, 80), "syn"), 0)
    n.outbound(echo(INSIDE, REMOTE, 9), 0)
    assert str(n).splitlines() == [
        "tcp SYN_SENT src=10.0.0.2 dst=198.51.100.7 sport=5000 dport=80 "
        "[UNREPLIED] src=198.51.100.7 dst=203.0.113.1 sport=80 dport=5000",
        "icmp src=10.0.0.2 dst=198.51.100.7 id=9 [UNREPLIED] src=198.51.100.7 dst=203.0.113.1 id=9",
    ]
