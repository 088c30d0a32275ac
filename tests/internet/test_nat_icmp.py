"""NAPT by RFC 5508 (ICMP): queries, and errors about what has crossed."""

from functools import partial

import pytest

from netlib.wire.address import IPv4Address
from netlib.wire.checksum import internet_checksum
from netlib.wire.icmp import (
    ECHO_REQUEST,
    ICMPDestinationUnreachable,
    ICMPEcho,
    ICMPError,
    ICMPMessage,
    ICMPParameterProblem,
    ICMPRedirect,
    ICMPSourceQuench,
    ICMPTimeExceeded,
    ICMPUnknown,
)

from .nat_machines import (
    INSIDE,
    OTHER,
    OURS,
    REMOTE,
    SECOND,
    Make,
    Router,
    echo,
    ends,
    error,
    icmp,
    nat,
    quote_in,
    tcp,
    timestamp,
    udp,
)


@pytest.mark.shows("RFC 5508 REQ-1")
@pytest.mark.parametrize("query", [echo, timestamp])
def test_a_query_leaves_with_our_address_and_its_answer_finds_back_by_its_identifier(query: Make) -> None:
    n = nat()
    assert ends(n.outbound(query(INSIDE, REMOTE, 9), 0)) == ("203.0.113.1", "198.51.100.7:9")
    second = n.outbound(query(SECOND, REMOTE, 9), 0)
    identifier = int(ends(second)[1].split(":")[1])
    assert identifier != 9
    assert ends(n.inbound(query(REMOTE, OURS, 9, reply=True), 1)) == ("198.51.100.7", "10.0.0.2:9")
    assert ends(n.inbound(query(REMOTE, OURS, identifier, reply=True), 1)) == ("198.51.100.7", "10.0.0.3:9")


@pytest.mark.shows("RFC 5508 REQ-1a")
def test_an_identifier_is_the_same_outside_whoever_is_asked() -> None:
    n = nat()
    n.outbound(echo(SECOND, REMOTE, 9), 0)
    asked = [ends(n.outbound(echo(INSIDE, remote, 9), 0))[1].split(":")[1] for remote in (REMOTE, OTHER)]
    assert asked[0] == asked[1] != "9"


@pytest.mark.shows("RFC 4787 REQ-12a", "RFC 4787 REQ-12b", "RFC 5382 REQ-9", "RFC 5508 REQ-4a", "RFC 5508 REQ-4c")
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


@pytest.mark.shows("RFC 5508 REQ-4a", "RFC 5508 REQ-4c")
def test_an_error_about_an_echo_too() -> None:
    n = nat()
    n.outbound(echo(SECOND, REMOTE, 9), 0)
    sent = echo(INSIDE, REMOTE, 9)
    out = n.outbound(sent, 0)
    assert out is not None and out != sent
    came = n.inbound(error(OTHER, out, 200), 1)
    assert came is not None and came[28:] == sent


@pytest.mark.shows("RFC 5508 REQ-5a", "RFC 5508 REQ-5b", "RFC 5508 REQ-5c", "RFC 5508 REQ-6")
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
    due = n.deadline()
    told = n.outbound(error(source, came, 200), 2)
    assert quote_in(told)[:2] == ("203.0.113.1", "198.51.100.7")
    assert told is not None and told[20:22] == b"\3\3" and told[28:] == answer
    assert n.deadline() == due and len(n.table()) == 2


@pytest.mark.shows("RFC 5508 REQ-3", "RFC 5508 REQ-3a", "RFC 5508 REQ-4", "RFC 5508 REQ-5")
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
    assert len(n.known.sessions) == 1 and n.deadline() == 300.0


@pytest.mark.shows(
    "RFC 4787 REQ-12",
    "RFC 4787 REQ-12b",
    "RFC 5382 REQ-9",
    "RFC 5382 REQ-10",
    "RFC 5508 REQ-4b",
    "RFC 5508 REQ-6",
    "RFC 5508 REQ-10a",
)
@pytest.mark.parametrize(
    "problem",
    [
        *(ICMPDestinationUnreachable(code=code, next_hop_mtu=600 * (code == 4)) for code in (0, 1, 3, 4, 13)),
        ICMPTimeExceeded(),
        ICMPParameterProblem(pointer=1),
    ],
    ids=str,
)
@pytest.mark.parametrize("make", [udp, partial(tcp, flags="syn"), lambda near, far: echo(near[0], far[0], near[1])])
def test_an_error_crosses_and_neither_ends_its_session_nor_keeps_it(make: Make, problem: ICMPError) -> None:
    n = nat()
    out = n.outbound(make((INSIDE, 5000), (REMOTE, 53)), 0)
    assert out is not None
    before, due = n.table(), n.deadline()
    problem.payload = out
    came = n.inbound(icmp(OTHER, OURS, problem), 1)
    assert came is not None and came[20:22] == bytes((problem.type, problem.code))
    assert came[24:28] == problem.build()[4:8]
    assert n.table() == before and n.deadline() == due
    assert n.outbound(make((INSIDE, 5000), (REMOTE, 53)), 2) == out


RECORD_ROUTE, LOOSE_ROUTE = (bytes((kind, 7, 4, 0, 0, 0, 0, 0)) for kind in (7, 131))  # with room for one address


@pytest.mark.shows("RFC 5508 REQ-3b")
def test_a_quote_with_options_has_its_ports_behind_them() -> None:
    n, sent = nat(), udp((INSIDE, 5000), (REMOTE, 53), options=RECORD_ROUTE)
    n.outbound(udp((SECOND, 5000), (REMOTE, 53)), 0)
    out = n.outbound(sent, 0)
    assert out is not None and ends(out)[0] != "203.0.113.1:5000"
    assert [row["inside"] for row in n.table()] == ["10.0.0.3:5000", "10.0.0.2:5000"]
    came = n.inbound(error(OTHER, out, 200), 1)
    assert came is not None and came[28:] == sent


@pytest.mark.shows("RFC 5508 REQ-3c")
@pytest.mark.parametrize("make", [udp, tcp])
def test_a_quote_whose_own_checksum_is_wrong_crosses_and_stays_wrong(make: Make) -> None:
    n = nat()
    sent = make((INSIDE, 5000), (REMOTE, 53), data=b"data")
    sent = sent[:-1] + bytes((sent[-1] ^ 1,))
    out = n.outbound(sent, 0)
    assert out is not None
    came = n.inbound(error(OTHER, out, 200), 1)
    assert came is not None and came[28:] == sent


@pytest.mark.shows("RFC 5508 REQ-3d")
def test_what_stands_behind_the_quote_crosses_as_it_is() -> None:
    """ICMP extensions (RFC 4884): the quote is filled up to 128 bytes, and `length` counts its words of 32 bits."""
    n, sent = nat(), udp((INSIDE, 5000), (REMOTE, 53))
    n.outbound(udp((SECOND, 5000), (REMOTE, 53)), 0)
    out = n.outbound(sent, 0)
    assert out is not None
    extension = bytes.fromhex("2000 dfff 0008 0101 0000 2140")  # a header of version 2, and an MPLS label
    filled = bytes(128 - len(sent))
    problem = ICMPTimeExceeded(length=32, payload=out + filled + extension)
    came = n.inbound(icmp(OTHER, OURS, problem), 1)
    assert came is not None and internet_checksum(came[20:]) == 0
    assert came[25] == 32 and came[28:] == sent + filled + extension


@pytest.mark.shows("RFC 5508 REQ-10c", "RFC 5508 REQ-11")
@pytest.mark.parametrize("message", [ICMPSourceQuench(), ICMPRedirect(gateway=OTHER), ICMPUnknown(type=9)], ids=str)
def test_what_is_neither_query_nor_report_does_not_cross(message: ICMPMessage) -> None:
    r = Router()
    [(_, out)] = r.inside(udp((INSIDE, 5000), (REMOTE, 53)))
    [(_, back)] = r.outside(udp((REMOTE, 53), (OURS, 5000)))
    message.payload = out
    assert r.outside(icmp(OTHER, OURS, message)) == []
    message.payload = back
    assert r.inside(icmp(INSIDE, REMOTE, message)) == []
    assert r.nat.dropped["NAT unknown protocol"] == 1 and len(r.nat.known.sessions) == 1


@pytest.mark.shows("RFC 5508 REQ-4", "RFC 5508 REQ-5")
def test_an_error_about_what_was_never_sent_reaches_nobody() -> None:
    r = Router()
    assert r.outside(error(OTHER, udp((OURS, 5000), (REMOTE, 53)))) == []
    assert r.inside(error(INSIDE, udp((REMOTE, 53), (INSIDE, 5000)))) == []


@pytest.mark.shows("RFC 5508 REQ-10b")
def test_no_icmp_message_leaves_with_a_source_route() -> None:
    """It names routers inside."""
    n, ping = nat(), ICMPEcho(ECHO_REQUEST, 0, 0, 9)
    assert n.outbound(icmp(INSIDE, REMOTE, ping, options=LOOSE_ROUTE), 0) is None
    n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    came = n.inbound(udp((REMOTE, 53), (OURS, 5000), options=LOOSE_ROUTE), 0)
    assert came is not None
    assert n.outbound(error(INSIDE, came, 200), 0) is None
    assert n.dropped == {"NAT source route": 2}
    assert n.outbound(icmp(INSIDE, REMOTE, ping, options=RECORD_ROUTE), 0) is not None
    assert n.outbound(udp((INSIDE, 5000), (REMOTE, 53), options=LOOSE_ROUTE), 0) is not None
