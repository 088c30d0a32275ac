"""A router with a NAT: what it does in which order, and whom it tells of what."""

from pathlib import Path
from random import Random
from runpy import run_path

import pytest

from netlib.host import DATAGRAM, STREAM, Host, Parts
from netlib.internet.fragments import fragment
from netlib.internet.nat import HOLD, Refused
from netlib.internet.nat_table import Choices
from netlib.wire.address import IPv4Address
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import TCP, IPv4Packet

from .nat_machines import INSIDE, OTHER, OURS, REMOTE, SECOND, Router, echo, ends, error, quote_in, tcp, udp


def what(data: bytes) -> tuple[int, int]:
    message = ICMPMessage.parse(IPv4Packet.parse(data).payload)
    return message.type, message.code


def test_a_packet_goes_out_and_its_answer_in_with_one_hop_less() -> None:
    r = Router()
    [(name, out)] = r.inside(udp((INSIDE, 5000), (REMOTE, 53)))
    assert name == "eth1" and out == udp((OURS, 5000), (REMOTE, 53), ttl=63)
    [(name, back)] = r.outside(udp((REMOTE, 53), (OURS, 5000)))
    assert name == "eth0" and back == udp((REMOTE, 53), (INSIDE, 5000), ttl=63)


@pytest.mark.shows("RFC 4787 REQ-13", "RFC 5508 REQ-10a")
def test_who_sent_a_packet_is_told_of_it_as_they_know_it() -> None:
    r = Router()
    late = udp((INSIDE, 5000), (REMOTE, 53), ttl=1)
    [(name, told)] = r.inside(late)
    assert (name, what(told)) == ("eth0", (11, 0)) and quote_in(told)[:2] == ("10.0.0.1", "10.0.0.2")
    assert told[28:] == late and not r.nat.known.sessions
    r.inside(udp((INSIDE, 5000), (REMOTE, 53)))
    late = udp((REMOTE, 53), (OURS, 5000), ttl=1)
    [(name, told)] = r.outside(late)
    assert (name, what(told)) == ("eth1", (11, 0)) and quote_in(told)[:2] == ("203.0.113.1", "198.51.100.7")
    assert told[28:] == late  # as it was outside: nobody there knows 10.0.0.2
    big = udp((INSIDE, 5000), (REMOTE, 53), bytes(700), dont_fragment=True)
    [(name, told)] = r.inside(big)
    assert (name, what(told)) == ("eth0", (3, 4)) and big.startswith(told[28:])
    assert told[26:28] == (600).to_bytes(2, "big")  # what fits through the next link


def test_an_error_from_outside_reaches_its_host_and_one_from_inside_leaves() -> None:
    r = Router()
    sent = udp((INSIDE, 5000), (REMOTE, 53))
    [(_, out)] = r.inside(sent)
    [(name, told)] = r.outside(error(OTHER, out))
    assert name == "eth0" and quote_in(told)[:2] == ("198.51.100.8", "10.0.0.2")
    [(_, came)] = r.outside(udp((REMOTE, 53), (OURS, 5000)))
    [(name, told)] = r.inside(error(INSIDE, came))
    assert name == "eth1" and quote_in(told)[:2] == ("203.0.113.1", "198.51.100.7")
    assert not r.host.dropped


@pytest.mark.shows("RFC 5508 REQ-10a")
def test_the_router_itself_answers_at_its_address_and_has_sockets_there() -> None:
    r = Router()
    [(name, answer)] = r.outside(echo(REMOTE, OURS, 9))
    assert name == "eth1" and ends(answer) == ("203.0.113.1", "198.51.100.7:9")
    [(name, answer)] = r.inside(echo(INSIDE, OURS, 9))
    assert name == "eth0" and ends(answer) == ("203.0.113.1", "10.0.0.2:9")
    assert what(r.outside(udp((REMOTE, 53), (OURS, 5000)))[0][1]) == (3, 3)
    socket = r.host.socket(DATAGRAM)
    socket.bind("0.0.0.0", 5000)
    socket.send_to(b"?", (str(REMOTE), 53))
    [(_, out)] = r.out()
    assert ends(out)[0] == "203.0.113.1:5000"
    [(_, other)] = r.inside(udp((INSIDE, 5000), (REMOTE, 53)))
    assert ends(other)[0] != "203.0.113.1:5000"
    assert r.outside(udp((REMOTE, 53), (OURS, 5000), b"!")) == [] and socket.readable


def test_the_router_has_connections_of_its_own() -> None:
    r = Router()
    server = r.host.socket(STREAM)
    server.bind("0.0.0.0", 22)
    server.listen(1)
    [(name, answer)] = r.outside(tcp((REMOTE, 4000), (OURS, 22), "syn"))
    assert name == "eth1" and ends(answer) == ("203.0.113.1:22", "198.51.100.7:4000")
    client = r.host.socket(STREAM)
    client.connect(str(REMOTE), 80)
    [(_, syn)] = r.out()
    port = int(ends(syn)[0].split(":")[1])
    [(_, other)] = r.inside(tcp((INSIDE, port), (REMOTE, 80), "syn"))
    assert ends(other)[0] != f"203.0.113.1:{port}"
    assert r.outside(tcp((REMOTE, 80), (OURS, port), "rst ack")) == []
    assert [row["state"] for row in r.nat.table() if row["inside"] == f"203.0.113.1:{port}"] == ["CLOSE"]


def test_two_hosts_fetch_through_it_and_through_one_of_your_own() -> None:
    example = run_path(str(Path(__file__).parents[2] / "examples/nat.py"))
    for parts in (None, Parts(nat=example["MyNAT"])):
        assert example["try_it"](parts) == ([100_000] * 2, ["203.0.113.1"] * 2)


def test_nobody_speaks_for_the_router() -> None:
    r = Router()
    assert r.inside(udp((OURS, 5000), (REMOTE, 53))) == [] and r.host.dropped == {"IPv4 invalid source": 1}


@pytest.mark.shows("RFC 5382 REQ-8", "RFC 5382 REQ-8a")
def test_a_forward_and_a_hairpin_go_through_the_router() -> None:
    r = Router()
    r.nat.forward(TCP, 80, "10.0.0.3", 8080)
    [(name, into)] = r.outside(tcp((REMOTE, 4000), (OURS, 80), "syn"))
    assert name == "eth0" and ends(into)[1] == "10.0.0.3:8080"
    [(name, across)] = r.inside(tcp((INSIDE, 5000), (OURS, 80), "syn"))
    assert name == "eth0" and ends(across) == ("203.0.113.1:5000", "10.0.0.3:8080")
    late = tcp((INSIDE, 5000), (OURS, 80), ttl=1)
    [(name, told)] = r.inside(late)
    assert (name, what(told)) == ("eth0", (11, 0)) and told[28:] == late
    [(name, back)] = r.inside(tcp((SECOND, 8080), (OURS, 5000), "syn ack"))
    assert name == "eth0" and ends(back) == ("203.0.113.1:80", "10.0.0.2:5000")


@pytest.mark.shows("RFC 4787 REQ-13a", "RFC 5508 REQ-10a")
def test_fragments_leave_whole_and_are_cut_again() -> None:
    r = Router()
    sent = udp((INSIDE, 5000), (REMOTE, 53), bytes(range(256)) * 6)
    *first, last = fragment(sent, 1500)
    assert all(r.inside(piece) == [] for piece in first)
    out = r.inside(last)
    assert [name for name, _ in out] == ["eth1"] * 3 and max(len(data) for _, data in out) <= 600
    r2 = Router()
    assert [r2.outside(data) for _, data in out] != []
    assert b"".join(IPv4Packet.parse(data).payload for _, data in out)[8:] == sent[28:]


@pytest.mark.shows("RFC 5508 REQ-8")
def test_a_full_table_is_an_answer() -> None:
    r = Router(Choices(sessions=2))
    for port in (1000, 1001):
        assert [name for name, _ in r.inside(udp((INSIDE, port), (REMOTE, 53)))] == ["eth1"]
    [(name, told)] = r.inside(udp((INSIDE, 1002), (REMOTE, 53)))
    assert (name, what(told)) == ("eth0", (3, 13)) and r.host.dropped["NAT exhausted"] == 1
    assert r.tick(r.host.deadline() or 0) == []
    assert [name for name, _ in r.inside(udp((INSIDE, 1002), (REMOTE, 53)))] == ["eth1"]


@pytest.mark.shows("RFC 5382 REQ-4")
def test_a_syn_that_no_one_asked_for_is_reported_late() -> None:
    r = Router()
    assert r.outside(tcp((REMOTE, 80), (OURS, 5000), "syn")) == []
    assert r.host.deadline() == HOLD
    [(name, told)] = r.tick(HOLD)
    assert (name, what(told)) == ("eth1", (3, 3)) and quote_in(told)[:2] == ("203.0.113.1", "198.51.100.7")


def test_a_next_hop_that_does_not_answer_is_told_to_the_host_inside() -> None:
    r = Router()
    sent = udp((INSIDE, 5000), (REMOTE, 53))
    [(_, out)] = r.inside(sent)
    r.host.internet.report(out, IPv4Packet.parse(out), 3, 1, 0.0)  # what the host does when ARP fails
    r.host.settle(0.0)
    [(name, told)] = r.out()
    assert (name, what(told)) == ("eth0", (3, 1)) and quote_in(told)[1] == "10.0.0.2"
    [(_, came)] = r.outside(udp((REMOTE, 53), (OURS, 5000)))
    r.host.internet.report(came, IPv4Packet.parse(came), 3, 1, 0.0)
    r.host.settle(0.0)
    [(name, told)] = r.out()
    assert (name, what(told)) == ("eth1", (3, 1)) and told[28:][12:20] == REMOTE + OURS


def test_another_nat_is_a_part_of_ten_lines() -> None:
    class OneHost:
        """Address translation without ports, for one host inside (RFC 2663 section 4.1: basic NAT)."""

        def __init__(self, addresses: list[IPv4Address], random: Random) -> None:
            self.addresses, self.refused = addresses, list[Refused]()

        def outbound(self, packet: bytes, now: float) -> bytes | None:
            fields = IPv4Packet.parse(packet)
            fields.source = self.addresses[0]
            return fields.build()

        def inbound(self, packet: bytes, now: float) -> bytes | None:
            fields = IPv4Packet.parse(packet)
            fields.destination = INSIDE
            return fields.build()

        hairpin = inbound

        def tick(self, now: float) -> None:
            pass

        def deadline(self) -> float | None:
            return None

    host = Host("r", Random(1), Parts(nat=OneHost), forwarding=True)
    inside, outside = host.attach("10.0.0.1/24"), host.attach("203.0.113.1/24")
    host.add_route("0.0.0.0/0", via="203.0.113.254")
    host.add_nat(outside)
    host.receive(inside, echo(INSIDE, REMOTE, 9), 0.0)
    host.receive(outside, echo(REMOTE, OURS, 9, reply=True), 0.0)
    assert [(i.name, ends(d)) for i, d in host.outbox] == [
        ("eth1", ("203.0.113.1", "198.51.100.7:9")), ("eth0", ("198.51.100.7", "10.0.0.2:9"))]  # fmt: skip
    host.parts.nat.outbound = lambda self, packet, now: "no bytes"  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=r"nat\.outbound"):
        host.receive(inside, echo(INSIDE, REMOTE, 9), 0.0)
