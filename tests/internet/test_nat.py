"""NAPT by RFC 4787 (UDP), 5382 (TCP) and 5508 (ICMP): each requirement that concerns the table or the bytes."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.internet.fragments import fragment
from netlib.internet.nat import HELD, HOLD, NAT, Refused
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

from .nat_machines import INSIDE, OTHER, OURS, OURS2, REMOTE, SECOND, echo, ends, error, nat, quote_in, tcp, udp

# ---- addresses, ports and checksums ------------------------------------------------------------------------


def test_a_datagram_leaves_with_our_address_and_its_answer_finds_back() -> None:
    n = nat()
    assert ends(n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)) == ("203.0.113.1:5000", "198.51.100.7:53")
    assert ends(n.inbound(udp((REMOTE, 53), (OURS, 5000)), 1)) == ("198.51.100.7:53", "10.0.0.2:5000")


def test_a_connection_likewise() -> None:
    n = nat()
    assert ends(n.outbound(tcp((INSIDE, 5000), (REMOTE, 80), "syn"), 0)) == ("203.0.113.1:5000", "198.51.100.7:80")
    assert ends(n.inbound(tcp((REMOTE, 80), (OURS, 5000), "syn ack"), 1)) == ("198.51.100.7:80", "10.0.0.2:5000")


def test_an_echo_likewise_by_its_identifier() -> None:
    n = nat()
    assert ends(n.outbound(echo(INSIDE, REMOTE, 9), 0)) == ("203.0.113.1", "198.51.100.7:9")
    second = n.outbound(echo(SECOND, REMOTE, 9), 0)
    identifier = int(ends(second)[1].split(":")[1])
    assert identifier != 9
    assert ends(n.inbound(echo(REMOTE, OURS, 9, reply=True), 1)) == ("198.51.100.7", "10.0.0.2:9")
    assert ends(n.inbound(echo(REMOTE, OURS, identifier, reply=True), 1)) == ("198.51.100.7", "10.0.0.3:9")


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


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_how_far_the_outside_end_depends_on_the_other_side(behaviour: str) -> None:
    n = nat(mapping=behaviour)
    outside = [ends(n.outbound(udp((INSIDE, 5000), end), 0))[0] for end in ((REMOTE, 1), (REMOTE, 2), (OTHER, 1))]
    same = {ENDPOINT_INDEPENDENT: 1, ADDRESS_DEPENDENT: 2, ADDRESS_AND_PORT_DEPENDENT: 3}[behaviour]
    assert len(set(outside)) == same
    assert (outside[0] == outside[1]) == (behaviour != ADDRESS_AND_PORT_DEPENDENT)


def test_two_that_want_one_port_get_two_alike() -> None:
    n = nat()
    assert ends(n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0))[0] == "203.0.113.1:5000"
    port = int(ends(n.outbound(udp((SECOND, 5000), (REMOTE, 53)), 0))[0].split(":")[1])
    assert port != 5000 and port % 2 == 0 and port >= 1024  # REQ-3 a) and REQ-4
    low = [int(ends(n.outbound(udp((host, 123), (REMOTE, 123)), 0))[0].split(":")[1]) for host in (INSIDE, SECOND)]
    assert low[0] == 123 and low[1] < 1024 and low[1] % 2 == 1
    assert ends(n.outbound(tcp((SECOND, 5000), (REMOTE, 53), "syn"), 0))[0] == "203.0.113.1:5000"  # TCP has its own


def test_one_outside_end_for_two_is_told_apart_by_whom_they_speak_with() -> None:
    n = NAT([OURS], Random(1), LIKE_LINUX)
    first = [ends(n.outbound(udp((host, 5000), (to, 53)), 0))[0] for host, to in ((INSIDE, REMOTE), (SECOND, OTHER))]
    assert first == ["203.0.113.1:5000"] * 2
    assert ends(n.inbound(udp((REMOTE, 53), (OURS, 5000)), 1))[1] == "10.0.0.2:5000"
    assert ends(n.inbound(udp((OTHER, 53), (OURS, 5000)), 1))[1] == "10.0.0.3:5000"
    assert ends(n.outbound(udp((SECOND, 5000), (REMOTE, 53)), 0))[0] != "203.0.113.1:5000"  # here nothing else does


def test_one_host_has_one_of_several_addresses() -> None:
    n = nat(addresses=(OURS, OURS2))
    seen = {
        host: {ends(n.outbound(udp((host, port), (REMOTE, 53)), 0))[0].split(":")[0] for port in range(2000, 2010)}
        for host in (INSIDE, SECOND)
    }
    assert [len(each) for each in seen.values()] == [1, 1] and seen[INSIDE] != seen[SECOND]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([True, False]))
def test_every_port_is_handed_out_once_and_then_the_answer_is_no(seed: int, parity: bool) -> None:
    n = nat(seed, ports=range(2000, 2040), preserve_parity=parity)
    outside = [n.outbound(udp((INSIDE, port), (REMOTE, 53)), 0) for port in range(10000, 10050)]
    assert len({ends(each)[0] for each in outside if each}) == len([each for each in outside if each]) == 40
    assert n.dropped == {"NAT exhausted": 10} and [code for _, code in n.refused] == [13] * 10
    n.tick(300.0)
    assert n.outbound(udp((INSIDE, 10000), (REMOTE, 53)), 300) is not None  # the ports are free again


# ---- filtering: RFC 4787 section 5 -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "let_in"),
    [(ENDPOINT_INDEPENDENT, [1, 1, 1]), (ADDRESS_DEPENDENT, [1, 1, 0]), (ADDRESS_AND_PORT_DEPENDENT, [1, 0, 0])],
)
def test_who_may_come_in(behaviour: str, let_in: list[int]) -> None:
    n = nat(filtering=behaviour)
    n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    came = [n.inbound(udp(end, (OURS, 5000)), 1) for end in ((REMOTE, 53), (REMOTE, 54), (OTHER, 53))]
    assert [each is not None for each in came] == [bool(each) for each in let_in]
    assert n.dropped["NAT filtered"] == 3 - sum(let_in)


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


# ---- errors: RFC 5508 --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [28, 33, 60, 200])
@pytest.mark.parametrize("make", [udp, tcp])
def test_an_error_about_what_left_quotes_what_was_sent(make: object, size: int) -> None:
    n, ends_of_it = nat(), ((INSIDE, 5000), (REMOTE, 53))
    sent = udp(*ends_of_it, data=b"x" * 41) if make is udp else tcp(*ends_of_it, "syn", b"x" * 41)
    n.outbound(udp((SECOND, 5000), (OTHER, 53)), 0)
    n.outbound(tcp((SECOND, 5000), (OTHER, 53), "syn"), 0)  # so it gets another port
    out = n.outbound(sent, 0)
    assert out is not None
    came = n.inbound(error(OTHER, out, size), 1)
    assert quote_in(came)[:2] == ("198.51.100.8", "10.0.0.2")
    assert came is not None and came[28:][: len(sent)] == sent[:size]  # every byte as its sender had it


def test_an_error_about_an_echo_too() -> None:
    n = nat()
    n.outbound(echo(SECOND, REMOTE, 9), 0)
    sent = echo(INSIDE, REMOTE, 9)
    out = n.outbound(sent, 0)
    assert out is not None and out != sent
    came = n.inbound(error(OTHER, out, 200), 1)
    assert came is not None and came[28:] == sent


@pytest.mark.parametrize("source", [INSIDE, SECOND])
def test_an_error_about_what_came_in_quotes_what_was_sent(source: IPv4Address) -> None:
    """By the host itself, or by another router inside, whose address nobody outside may see."""
    n = nat()
    n.outbound(udp((SECOND, 5000), (REMOTE, 53)), 0)
    out = n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    port = int(ends(out)[0].split(":")[1])
    answer = udp((REMOTE, 53), (OURS, port), b"answer")
    came = n.inbound(answer, 1)
    assert came is not None
    told = n.outbound(error(source, came, 200), 1)
    assert quote_in(told)[:2] == ("203.0.113.1", "198.51.100.7")
    assert told is not None and told[28:] == answer


def test_errors_that_nobody_has_caused_go_nowhere() -> None:
    n = nat()
    out = n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    assert out is not None
    assert n.inbound(error(OTHER, udp((OURS, 5000), (OTHER, 53))), 1) is None
    assert n.outbound(error(INSIDE, udp((OTHER, 53), (INSIDE, 5000))), 1) is None
    assert n.dropped == {"NAT error about no session": 2}
    for at in (22, 28 + 10):  # the checksum of the error; that of the quote, under a right one of the error
        broken = bytearray(error(OTHER, out))
        broken[at] ^= 1
        if at > 28:
            broken[22:24] = b"\0\0"
            broken[22:24] = internet_checksum(bytes(broken[20:])).to_bytes(2, "big")
        assert n.inbound(bytes(broken), 1) is None
    assert n.dropped["NAT malformed"] == 2
    # what stands where the ports would be in a later fragment is data, whatever it looks like
    assert n.inbound(error(OTHER, udp((OURS, 5000), (REMOTE, 53), fragment_offset=1)), 1) is None
    assert n.dropped["NAT malformed"] == 3
    assert len(n.known.sessions) == 1 and n.deadline() == 300.0  # an error changes nothing: REQ-6


# ---- hairpinning, forwards, fragments, the router itself ---------------------------------------------------


@pytest.mark.parametrize("filtering", BEHAVIOURS)
def test_two_inside_speak_by_their_outside_ends(filtering: str) -> None:
    n = nat(filtering=filtering)
    for host, port in ((INSIDE, 5000), (SECOND, 6000)):
        n.outbound(udp((host, port), (REMOTE, 53)), 0)
    n.outbound(udp((SECOND, 6000), (OURS, 5000)), 0)  # it opens its side, as whoever wants to be called does
    across = n.hairpin(udp((INSIDE, 5000), (OURS, 6000)), 1)
    assert ends(across) == ("203.0.113.1:5000", "10.0.0.3:6000")
    back = n.hairpin(udp((SECOND, 6000), (OURS, 5000)), 2)
    assert ends(back) == ("203.0.113.1:6000", "10.0.0.2:5000")
    assert across is not None
    told = n.hairpin(error(SECOND, across, 200), 2)
    assert quote_in(told)[:2] == ("203.0.113.1", "10.0.0.2")
    assert told is not None and told[28:] == udp((INSIDE, 5000), (OURS, 6000))
    question = udp((INSIDE, 5000), (OURS, 53))
    assert n.hairpin(question, 3) == question  # for the router's own port


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


# ---- timers and bounds -------------------------------------------------------------------------------------


def test_a_session_lives_as_long_as_it_is_used() -> None:
    n = nat()
    n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    n.inbound(udp((REMOTE, 53), (OURS, 5000)), 200)
    n.tick(499.9)
    assert len(n.table()) == 1 and n.deadline() == 500
    n.tick(500)
    assert n.table() == [] and n.deadline() is None and not n.known.outside and not n.known.inside
    strict = nat(inbound_refresh=False)
    strict.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    strict.inbound(udp((REMOTE, 53), (OURS, 5000)), 200)
    assert strict.deadline() == 300


def test_each_session_has_a_timer_of_its_own() -> None:
    n = nat()
    for now, port in ((0, 5000), (10, 5001), (20, 5000)):
        n.outbound(udp((INSIDE, port), (REMOTE, 53)), now)
    n.tick(310)
    assert [row["inside"] for row in n.table(310)] == ["10.0.0.2:5000"] and n.table(310)[0]["expires"] == 10
    assert n.deadline() == 320


HANDSHAKE = [("> syn", "SYN_SENT"), ("< syn ack", "SYN_RECV"), ("> ack", "ESTABLISHED")]
CLOSED = [*HANDSHAKE, ("> fin ack", "FIN_WAIT"), ("< fin ack", "LAST_ACK"), ("> ack", "TIME_WAIT")]


@pytest.mark.parametrize(
    ("segments", "seconds"),
    [
        (HANDSHAKE, 7440),
        ([("> syn", "SYN_SENT"), ("< syn", "SYN_SENT2"), ("> syn ack", "SYN_RECV")], 240),
        ([*HANDSHAKE, ("> fin ack", "FIN_WAIT"), ("> ack", "FIN_WAIT"), ("< ack", "CLOSE_WAIT")], 7440),
        ([*HANDSHAKE, ("> fin ack", "FIN_WAIT"), ("> fin ack", "FIN_WAIT"), ("< fin ack", "LAST_ACK"),
          ("< ack", "LAST_ACK"), ("> ack", "TIME_WAIT"), ("> syn", "SYN_SENT")], 240),
        ([*HANDSHAKE, ("< fin ack", "FIN_WAIT"), ("> ack", "CLOSE_WAIT"), ("> fin ack", "LAST_ACK"),
          ("< ack", "TIME_WAIT")], 240),
        ([*CLOSED, *HANDSHAKE, ("< fin ack", "FIN_WAIT"), ("> fin ack", "LAST_ACK"), ("< ack", "TIME_WAIT")], 240),
        ([*HANDSHAKE, ("< rst", "CLOSE")], 240),
        ([*HANDSHAKE, ("< rst", "CLOSE"), ("> ack", "ESTABLISHED")], 7440),  # forged
        ([("> syn", "SYN_SENT"), ("< rst ack", "CLOSE"), ("> syn", "SYN_SENT")], 240),
        ([("> ack", "ESTABLISHED")], 7440),  # met under way
    ],
)  # fmt: skip
def test_a_connections_state_and_timer(segments: list[tuple[str, str]], seconds: float) -> None:
    n = nat()
    for now, (segment, state) in enumerate(segments):
        flags = segment[2:]
        if segment[0] == ">":
            assert n.outbound(tcp((INSIDE, 5000), (REMOTE, 80), flags), now) is not None
        else:
            assert n.inbound(tcp((REMOTE, 80), (OURS, 5000), flags), now) is not None
        assert [row["state"] for row in n.table()] == [state], segment
    assert n.deadline() == len(segments) - 1 + seconds


def test_a_flood_from_inside_and_one_from_outside_are_bounded() -> None:
    n = nat(sessions=100, per_host=60)
    for port in range(2000, 2100):
        n.outbound(udp((INSIDE, port), (REMOTE, 53)), 0)
    assert len(n.known.sessions) == len(n.known.outside) == 60
    for port in range(2000, 2100):
        n.outbound(udp((SECOND, port), (REMOTE, 53)), 0)
    assert len(n.known.sessions) == 100 and n.dropped["NAT exhausted"] == 100 and len(n.refused) <= 64
    question = udp((OURS, 5000), (REMOTE, 53))
    assert n.outbound(question, 0) == question  # the router itself can always speak
    open_to_all = nat(sessions=100, filtering=ENDPOINT_INDEPENDENT)
    open_to_all.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    for port in range(1, 1000):
        assert open_to_all.inbound(udp((OTHER, port), (OURS, 5000)), 1) is not None
    assert len(open_to_all.known.sessions) == 26  # the oldest guests made room
    for port in range(1, 1000):
        open_to_all.inbound(tcp((OTHER, port), (OURS, 5000), "syn"), 1)
    assert len(open_to_all.held) == HELD
    open_to_all.tick(1000)
    assert not open_to_all.known.sessions and not open_to_all.known.used and not open_to_all.known.per_host


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3), st.integers(0, 400)), max_size=60),
       st.sampled_from(BEHAVIOURS), st.sampled_from(BEHAVIOURS))  # fmt: skip
def test_the_table_agrees_with_itself(steps: list[tuple[bool, int, int, int]], mapping: str, filtering: str) -> None:
    n, now = nat(mapping=mapping, filtering=filtering, sessions=8, per_host=6, ports=range(3000, 3004)), 0.0
    for outward, here, there, wait in steps:
        now += wait
        n.tick(now)
        if outward:
            n.outbound(udp((INSIDE if here < 2 else SECOND, 5000 + here), (REMOTE, 50 + there)), now)
        else:
            n.inbound(udp((REMOTE, 50 + there), (OURS, 3000 + here)), now)
        known = n.known
        assert sorted(map(id, known.inside.values())) == sorted(map(id, known.outside.values()))
        assert {id(s.mapping) for s in known.sessions.values()} == {id(m) for m in known.outside.values()}
        assert sum(known.used.values()) == len(known.outside) <= 4 and len(known.sessions) <= 8
        assert sum(known.per_host.values()) + len(known.guests) == len(known.sessions)
        assert sum(len(q) for q in known.queues.queues.values()) == len(known.sessions)


# ---- bad input ---------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.data())
def test_no_packet_makes_it_raise(data: st.DataObject) -> None:
    n = nat()
    n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    good = data.draw(st.sampled_from([
        udp((INSIDE, 5000), (REMOTE, 53)), tcp((REMOTE, 53), (OURS, 5000), "syn"), echo(REMOTE, OURS, 5),
        error(OTHER, udp((OURS, 5000), (REMOTE, 53))), error(INSIDE, udp((REMOTE, 53), (INSIDE, 5000))),
    ]))  # fmt: skip
    payload = bytearray(good[20:])
    for _ in range(data.draw(st.integers(0, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(payload[: data.draw(st.integers(0, len(payload)))])
    packet = IPv4Packet.parse(good)
    packet.payload, packet.protocol = cut, data.draw(st.sampled_from([packet.protocol, 1, 6, 17, 47]))
    if packet.protocol == 1 and len(cut) >= 4 and data.draw(st.booleans()):  # so that it gets past the checksum
        packet.payload = cut[:2] + b"\0\0" + cut[4:]
        packet.payload = cut[:2] + internet_checksum(packet.payload).to_bytes(2, "big") + cut[4:]
    for translate in (n.outbound, n.inbound, n.hairpin):
        out = translate(packet.build(), 1)
        assert out is None or len(out) == 20 + len(cut)


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
