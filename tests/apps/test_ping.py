"""ping in the simulated world: replies, loss, silence, and errors that count as answers."""

import pytest
from worlds.networks import chain, detour, pair

from netlib.apps.ping import match, ping
from netlib.host import Parts
from netlib.wire.address6 import IPv6Address
from netlib.wire.icmp import ICMPEcho, ICMPTimeExceeded
from netlib.wire.icmpv6 import (
    ICMPv6Echo,
    ICMPv6Message,
    ICMPv6ParameterProblem,
    ICMPv6TimeExceeded,
    NeighbourSolicitation,
)
from netlib.wire.ipv4 import ICMP, IPv4Packet
from netlib.wire.ipv6 import ICMPV6, IPv6Packet
from netlib.worlds.simulation import Simulation


def test_each_request_has_its_reply() -> None:
    sim, a, _, _, links = chain(2, delay=0.01)
    capture = sim.capture(links[0])
    result = sim.run(ping(a, "10.0.2.2", count=3, interval=0.5, size=100))
    assert (result.received, len(result.answers)) == (3, 3)
    assert result.rtts[1:] == pytest.approx([0.06, 0.06])
    assert [answer.ttl for answer in result.answers] == [62, 62, 62]
    requests = [(time, packet[ICMPEcho]) for time, packet in capture if ICMPEcho in packet and packet[ICMPEcho].type]
    assert [echo.sequence for _, echo in requests] == [1, 2, 3]
    assert [len(echo.payload) for _, echo in requests] == [100] * 3
    assert [time for time, _ in requests][1:] == pytest.approx([0.5, 1.0])
    assert str(result).endswith("3 sent to 10.0.2.2, 3 received")
    assert "reply from 10.0.2.2: seq=2 ttl=62 time=60.000 ms" in str(result)


def test_what_is_lost_has_no_answer() -> None:
    sim, a, _, _ = pair(drop={3})  # both ways: the ARP packet is the first, so request 2 and, of the replies, another
    result = sim.run(ping(a, "10.0.0.2", count=5, interval=0.1))
    assert [answer is not None for answer in result.answers] == [True, False, False, True, True]
    assert "seq=2 no answer" in str(result)


def test_a_late_reply_still_counts_for_its_own_request() -> None:
    sim, a, _, _ = pair(delay=0.3)
    result = sim.run(ping(a, "10.0.0.2", count=3, interval=0.1, timeout=2))
    assert [answer.sequence for answer in result.answers] == [1, 2, 3]
    assert result.rtts == pytest.approx([1.2, 1.1, 1.0])  # ARP took 0.6 of the first


def test_it_waits_for_the_last_as_long_as_asked_and_no_longer() -> None:
    sim, a, _, link = pair()
    link.loss = 1.0
    assert sim.run(ping(a, "10.0.0.2", count=2, interval=0.5, timeout=0.25)).received == 0
    assert sim.now == 0.75


@pytest.mark.parametrize("size", [0, 1, 1472, 1473, 4000, 65507])
def test_any_size_comes_back(size: int) -> None:
    sim, a, _, _ = pair()
    assert sim.run(ping(a, "10.0.0.2", count=2, size=size)).received == 2


def test_errors_are_answers_but_no_replies() -> None:
    sim, a, routers, _, _ = chain(2)
    result = sim.run(ping(a, "10.0.2.2", count=1, ttl=1))
    [answer] = result.answers
    assert (answer.is_reply, str(answer.source), answer.message.name) == (False, "10.0.0.2", "time to live exceeded")
    assert result.received == 0 and result.rtts == []
    result = sim.run(ping(a, "10.0.2.77", count=1, timeout=5))
    assert result.answers[0].message.name == "host unreachable"
    assert "host unreachable" in str(result)
    assert routers[1].dropped["ARP no answer"] == 1


def test_an_address_that_nobody_has_on_the_own_link() -> None:
    sim, a, _, _ = pair()
    result = sim.run(ping(a, "10.0.0.77", count=1, timeout=5))
    [answer] = result.answers
    assert (str(answer.source), answer.message.name) == ("10.0.0.1", "host unreachable")
    assert answer.rtt == pytest.approx(3.0)


def test_what_this_host_can_not_send_is_said() -> None:
    sim, a, _, _ = pair()
    assert "seq=1 not sent: ENETUNREACH: no route to 192.0.2.1" in str(sim.run(ping(a, "192.0.2.1", count=1)))
    result = sim.run(ping(a, "10.0.0.2", count=2, size=1473, dont_fragment=True))
    assert result.unsent == {i: "EMSGSIZE: 1501 bytes, the link takes 1500 and DF is set" for i in (1, 2)}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_to_itself(address: str) -> None:
    sim = Simulation()
    a = sim.host("a")
    assert sim.run(ping(a, address, count=2)).received == 2


def test_two_at_a_time_do_not_take_each_others_replies() -> None:
    sim, a, _, _, _ = chain(1)
    first = sim.run(both(a))
    assert [result.received for result in first] == [3, 3]
    assert {str(answer.source) for answer in first[0].answers} == {"10.0.1.2"}
    assert {str(answer.source) for answer in first[1].answers} == {"10.0.0.2"}


async def both(host):  # type: ignore[no-untyped-def]
    return [await ping(host, "10.0.1.2", count=3, interval=0.1), await ping(host, "10.0.0.2", count=3, interval=0.1)]


def forged(request: bytes, kind: str) -> bytes:
    """What somebody sends who does not answer this request: bent in one place."""
    echo = ICMPEcho.parse(request)
    assert isinstance(echo, ICMPEcho)
    if kind == "other identifier":
        return ICMPEcho(0, 0, 0, echo.identifier ^ 1, echo.sequence, payload=echo.payload).build()
    if kind == "sequence never sent":
        return ICMPEcho(0, 0, 0, echo.identifier, 99, payload=echo.payload).build()
    quoted = IPv4Packet(protocol=ICMP, source=b"\x0a\0\0\1", destination=b"\x0a\0\0\2", payload=request)
    if kind == "error about another destination":
        quoted.destination = b"\x0a\0\0\3"
    elif kind == "error about another protocol":
        quoted.protocol = 17
    elif kind == "error about a reply":
        quoted.payload = ICMPEcho(0, 0, 0, echo.identifier, echo.sequence).build()
    elif kind == "error that quotes nothing":
        return ICMPTimeExceeded().build()
    return ICMPTimeExceeded(payload=quoted.build()).build()


FORGED = [
    "other identifier", "sequence never sent", "error about another destination", "error about another protocol",
    "error about a reply", "error that quotes nothing",
]  # fmt: skip


@pytest.mark.parametrize("kind", [*FORGED, "right"])
def test_only_what_answers_a_request_counts(kind: str) -> None:
    sim = Simulation()
    a, b = sim.host("a"), sim.host("b", Parts(echo_reply=lambda request: forged(request, kind)))
    sim.link((a, "10.0.0.1/24"), (b, "10.0.0.2/24"))
    [answer] = sim.run(ping(a, "10.0.0.2", count=1)).answers
    assert (answer is not None) == (kind == "right")


def quoting(kind: type[ICMPv6Message], request: IPv6Packet) -> bytes:
    return kind(payload=request.build()[:60]).build()


def test_what_answers_a_request_over_ipv6() -> None:
    you, other = IPv6Address("fd00::2"), IPv6Address("fd00::3")
    request = IPv6Packet(next_header=ICMPV6, destination=you, payload=ICMPv6Echo(128, 0, 0, 7, 1).build())
    elsewhere = IPv6Packet(next_header=ICMPV6, destination=other, payload=request.payload)
    reply = IPv6Packet(next_header=ICMPV6, destination=you, payload=ICMPv6Echo(129, 0, 0, 7, 1).build())
    right = [
        (reply.payload, True), (quoting(ICMPv6TimeExceeded, request), False),
        (quoting(ICMPv6ParameterProblem, request), False),  # type 4, which is source quench in IPv4
    ]  # fmt: skip
    wrong = [
        request.payload, ICMPv6Echo(129, 0, 0, 8, 1).build(), ICMPv6Echo(129, 0, 0, 7, 2).build(), b"short",
        ICMPEcho(0, 0, 0, 7, 1).build(), quoting(ICMPv6TimeExceeded, elsewhere), quoting(ICMPv6TimeExceeded, reply),
        quoting(NeighbourSolicitation, request), ICMPv6TimeExceeded().build(),
    ]  # fmt: skip
    for payload, is_reply in right:
        answer = match((2.0, IPv6Packet(next_header=ICMPV6, hop_limit=9, payload=payload)), you, 7, [0.5])
        assert answer is not None and (answer.rtt, answer.ttl, answer.is_reply) == (1.5, 9, is_reply)
    for payload in wrong:
        assert match((2.0, IPv6Packet(next_header=ICMPV6, payload=payload)), you, 7, [0.5]) is None


def test_the_socket_is_closed_also_when_it_goes_wrong() -> None:
    sim, a, _, _ = pair()
    sim.run(ping(a, "10.0.0.2", count=1))
    with pytest.raises(ValueError):
        sim.run(ping(a, "10.0.0.300", count=1))
    assert a.sockets == []


def test_a_redirect_is_no_answer_and_no_loss() -> None:
    sim, host, first, _, _, links = detour()
    capture = sim.capture(links[1])  # between the switch and the first router
    result = sim.run(ping(host, "10.0.9.1", count=3, interval=0.5))
    assert (result.received, list(result.redirects)) == (3, [1])
    assert str(result).splitlines()[0] == "from 10.0.0.2: seq=1 redirect for the host: 10.0.0.3 is nearer"
    asked = [packet[ICMPEcho].sequence for _, packet in capture if ICMPEcho in packet and packet[ICMPEcho].type]
    assert asked == [1, 1]  # in and out again; the others never came by here
    assert host.internet.redirects.table and not first.internet.redirects.table


def test_a_better_router_that_falls_silent_is_forgotten() -> None:
    sim, host, _, _, _, links = detour()
    assert sim.run(ping(host, "10.0.9.1", count=2)).received == 2
    links[2].loss = 1.0
    lost = sim.run(ping(host, "10.0.9.1", count=100, interval=1.0))
    assert lost.received == 0 and "host unreachable" in str(lost)
    assert lost.redirects  # it went back to the first router, which told it again
    links[2].loss = 0.0
    assert sim.run(ping(host, "10.0.9.1", count=2)).received == 2
