"""NAPT by RFC 5508 (ICMP): queries, and errors about what has crossed."""

import pytest

from netlib.wire.address import IPv4Address
from netlib.wire.checksum import internet_checksum

from .nat_machines import INSIDE, OTHER, OURS, REMOTE, SECOND, echo, ends, error, nat, quote_in, tcp, udp


def test_an_echo_likewise_by_its_identifier() -> None:
    n = nat()
    assert ends(n.outbound(echo(INSIDE, REMOTE, 9), 0)) == ("203.0.113.1", "198.51.100.7:9")
    second = n.outbound(echo(SECOND, REMOTE, 9), 0)
    identifier = int(ends(second)[1].split(":")[1])
    assert identifier != 9
    assert ends(n.inbound(echo(REMOTE, OURS, 9, reply=True), 1)) == ("198.51.100.7", "10.0.0.2:9")
    assert ends(n.inbound(echo(REMOTE, OURS, identifier, reply=True), 1)) == ("198.51.100.7", "10.0.0.3:9")


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
