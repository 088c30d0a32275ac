"""Redirects: what makes a router send one, whom a host believes, and for how long."""

from random import Random

import pytest

from netlib.host import RAW, Host
from netlib.internet.redirects import LIFETIME, LIMIT, Redirects
from netlib.internet.routes import Route
from netlib.wire.address import IPv4Address, IPv4Network
from netlib.wire.icmp import ICMPRedirect, ICMPTimeExceeded
from netlib.wire.ipv4 import ICMP, IPv4Packet

from .machines import ELSEWHERE, PEER, ROUTER, Machine, echo, icmp, udp, what

BETTER = IPv4Address("10.0.0.3")  # the other router on the first link


def router() -> Machine:
    """A router whose way to 198.51.100.0/24 leads back to the link that packets come from."""
    machine = Machine(forwarding=True)
    machine.host.add_route("198.51.100.0/24", via=BETTER)
    return machine


TARGET = IPv4Address("198.51.100.7")


def test_a_packet_that_goes_back_to_its_link_is_sent_on_and_its_sender_is_told() -> None:
    packet = udp(TARGET)
    redirect, sent_on = router().give(packet)
    assert (redirect.source, redirect.destination, what(redirect)) == (ROUTER, PEER, (5, 1))
    message = icmp(redirect)
    assert isinstance(message, ICMPRedirect)
    assert (message.gateway, message.payload) == (BETTER, packet.build())
    assert (sent_on.destination, sent_on.ttl, sent_on.payload) == (TARGET, 63, packet.payload)


def test_a_neighbour_is_its_own_better_hop() -> None:
    """The sender takes somebody on its link for far away: its prefix is too long."""
    redirect, _ = router().give(udp(IPv4Address("10.0.0.9")))
    message = icmp(redirect)
    assert isinstance(message, ICMPRedirect) and message.gateway == IPv4Address("10.0.0.9")


NO_REDIRECT = {
    "leaves by another interface": udp(ELSEWHERE),
    "its sender is not on the link": udp(TARGET, source=ELSEWHERE),
    "a loose source route": udp(TARGET, options=bytes((131, 7, 4, 10, 0, 0, 9, 0))),
    "a strict source route": udp(TARGET, options=bytes((1, 137, 7, 4, 10, 0, 0, 9))),
    "a fragment that is not the first": udp(TARGET, fragment_offset=10),
    "an ICMP error": IPv4Packet(source=PEER, destination=TARGET, protocol=ICMP, payload=ICMPTimeExceeded().build()),
}


@pytest.mark.parametrize("name", NO_REDIRECT)
def test_no_redirect(name: str) -> None:
    [sent_on] = router().give(NO_REDIRECT[name])
    assert sent_on.destination == NO_REDIRECT[name].destination


def test_other_options_and_questions_do_not_keep_it_from_telling() -> None:
    assert len(router().give(udp(TARGET, options=bytes((7, 7, 4, 0, 0, 0, 0, 0))))) == 2
    assert len(router().give(echo(TARGET))) == 2


def test_no_redirect_by_another_interface_to_the_same_network() -> None:
    machine = router()
    machine.host.attach("10.0.0.129/25")  # half of the first link's network is behind this one
    [sent_on] = machine.give(udp(IPv4Address("10.0.0.200")))
    assert (sent_on.destination, machine.by) == (IPv4Address("10.0.0.200"), ["eth2"])


def test_no_redirect_to_a_router_that_the_sender_can_not_have_as_its_neighbour() -> None:
    machine = router()
    machine.host.internet.routes.add(Route(IPv4Network("203.0.113.0/24"), ELSEWHERE, 0))
    [sent_on] = machine.give(udp(IPv4Address("203.0.113.1")))
    assert machine.by == ["eth0"] and sent_on.ttl == 63


def test_a_packet_that_is_not_sent_on_makes_no_redirect() -> None:
    [report] = router().give(udp(TARGET, ttl=1))
    assert what(report) == (11, 0)


def test_redirects_have_the_rate_of_all_errors() -> None:
    machine = router()
    machine.host.internet.reports.burst = machine.host.internet.reports.tokens = 3
    assert sum(len(machine.give(udp(TARGET))) for _ in range(10)) == 13
    assert machine.dropped == {"ICMP rate limit": 7}


# ---- the host that is told -------------------------------------------------------------------------------------


class Told:
    """A host at 10.0.0.2 with the default router 10.0.0.1; `hears` a redirect, and `first_hop` is what comes of it."""

    def __init__(self, forwarding: bool = False) -> None:
        self.host = Host("h", Random(1), forwarding=forwarding)
        self.link = self.host.attach("10.0.0.2/24")
        self.host.attach("10.0.9.2/24")
        self.host.add_route("0.0.0.0/0", via=ROUTER)

    def hears(
        self,
        sender: IPv4Address = ROUTER,
        gateway: IPv4Address = BETTER,
        about: IPv4Packet | None = None,
        code: int = 1,
        number: int = 0,
        now: float = 0.0,
    ) -> dict[str, int]:
        message = ICMPRedirect(code=code, gateway=gateway, payload=(about or udp(TARGET)).build()[:28])
        packet = IPv4Packet(source=sender, destination=PEER, protocol=ICMP, payload=message.build())
        self.host.receive(self.host.interfaces[number], packet.build(), now)
        return dict(self.host.dropped)

    def first_hop(self, destination: IPv4Address = TARGET, now: float = 1.0) -> IPv4Address:
        self.host.internet.send(IPv4Packet(destination=destination, protocol=200), now)
        [out], self.host.internet.outbox = self.host.internet.outbox, []
        assert out.port == 0
        return out.next_hop


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_a_host_goes_to_the_better_router_for_this_destination_only(code: int) -> None:
    told = Told()
    assert told.first_hop(now=0.0) == ROUTER
    assert told.hears(code=code) == {}
    assert told.first_hop() == BETTER
    assert told.first_hop(IPv4Address("198.51.100.8")) == ROUTER


def test_it_is_forgotten_after_a_while() -> None:
    told = Told()
    told.hears(now=10.0)
    assert told.first_hop(now=10.0 + LIFETIME - 0.001) == BETTER
    assert told.first_hop(now=10.0 + LIFETIME) == ROUTER
    assert told.host.internet.redirects.table == {}


def test_the_better_router_may_know_one_that_is_better_still() -> None:
    told, third = Told(), IPv4Address("10.0.0.4")
    told.hears()
    assert told.hears(ROUTER, third) == {"ICMP redirect not believed": 1}  # it is not the first hop any more
    assert told.first_hop() == BETTER
    told.hears(BETTER, third)
    assert told.first_hop() == third


def test_the_destination_itself_may_be_the_better_hop() -> None:
    told = Told()
    told.hears(gateway=IPv4Address("10.0.0.9"), about=udp(IPv4Address("10.0.0.9")))  # on the link anyway
    assert told.first_hop(IPv4Address("10.0.0.9")) == IPv4Address("10.0.0.9")


REFUSED = {
    "from another router": ({"sender": IPv4Address("10.0.0.66")}, "not believed"),
    "from the better router itself": ({"sender": BETTER}, "not believed"),
    "by another link": ({"number": 1}, "not believed"),
    "by another link, to a gateway there": ({"number": 1, "gateway": IPv4Address("10.0.9.9")}, "not believed"),
    "to a gateway off the link": ({"gateway": IPv4Address("192.0.2.1")}, "not believed"),
    "to a gateway on another link": ({"gateway": IPv4Address("10.0.9.9")}, "not believed"),
    "to the broadcast address": ({"gateway": IPv4Address("10.0.0.255")}, "not believed"),
    "to nobody": ({"gateway": IPv4Address.ANY}, "not believed"),
    "to ourselves": ({"gateway": PEER}, "not about us"),
    "about another's packet": ({"about": udp(TARGET, source=BETTER)}, "not about us"),
    "about a neighbour": ({"about": udp(IPv4Address("10.0.0.9"))}, "not believed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_host_does_not_believe_a_redirect(name: str) -> None:
    what_it_hears, why = REFUSED[name]
    told = Told()
    assert told.hears(**what_it_hears) == {f"ICMP redirect {why}": 1}  # type: ignore[arg-type]
    assert told.first_hop() == ROUTER and not told.host.internet.redirects.table


def test_a_redirect_without_a_packet_in_it_is_counted() -> None:
    told = Told()
    packet = IPv4Packet(source=ROUTER, destination=PEER, protocol=ICMP)
    for payload, why in ((b"", "truncated"), (b"\x45" * 19, "truncated"), (b"\x65" * 20, "malformed")):
        told.host.dropped.clear()
        packet.payload = ICMPRedirect(gateway=BETTER, payload=payload).build()
        told.host.receive(told.link, packet.build(), 0.0)
        assert told.host.dropped[f"ICMP redirect {why}"] == 1
    assert told.first_hop() == ROUTER


def test_a_router_does_not_listen_and_a_host_does_not_tell() -> None:
    told = Told(forwarding=True)
    assert told.hears() == {"ICMP redirect to a router": 1}
    assert told.first_hop() == ROUTER
    machine = Machine()
    machine.host.add_route("198.51.100.0/24", via=BETTER)
    assert machine.give(udp(TARGET)) == []


def test_a_redirect_from_ourselves_changes_nothing() -> None:
    told = Told()
    message = ICMPRedirect(gateway=BETTER, payload=udp(TARGET).build())
    told.host.socket(RAW, ICMP).send(IPv4Packet(destination=PEER, payload=message.build()), 0.0)
    assert told.host.dropped == {"ICMP redirect not believed": 1}
    bare = Host("bare", Random(1))
    bare.socket(RAW, ICMP).send(IPv4Packet(destination=IPv4Address("127.0.0.1"), payload=message.build()), 0.0)
    assert bare.dropped == {"ICMP redirect not believed": 1}


def test_a_redirected_host_forwards_nothing_differently() -> None:
    """What it has been told is for its own packets: `forward` asks the routing table alone."""
    told = Told()
    told.hears()
    told.host.internet.forwarding = True
    told.host.internet.receive(udp(TARGET, source=ELSEWHERE).build(), 0, 1.0)
    [out] = told.host.internet.outbox
    assert out.next_hop == ROUTER


def test_redirects_are_bounded() -> None:
    redirects = Redirects()
    for number in range(LIMIT + 10):
        redirects.learn(IPv4Address.from_int(number), BETTER, 0, now=float(number))
    assert len(redirects.table) == LIMIT
    assert redirects.lookup(IPv4Address.from_int(9), 10.0) is None  # the oldest have made room
    assert redirects.lookup(IPv4Address.from_int(10), 10.0) is not None
    redirects.learn(IPv4Address.from_int(500), BETTER, 0, now=5000.0)  # one that is known needs no room
    assert len(redirects.table) == LIMIT
    assert redirects.lookup(IPv4Address.from_int(10), 10.0) is not None
