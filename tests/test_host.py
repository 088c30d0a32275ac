"""The host as one machine: its interface, its parts, and that nothing that arrives can upset it."""

import inspect
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from internet.machines import ELSEWHERE, PEER, ROUTER, Machine, echo, icmp, udp, what
from wire.packets import frames, ip_packets

from netlib.host import RAW, Host, Interface, Parts
from netlib.internet import fragments
from netlib.internet import icmp as netlib_icmp
from netlib.internet.fragments import Reassembler
from netlib.internet.parts import decrement_ttl
from netlib.internet.routes import Route, Routes
from netlib.kernel.raw import INBOX
from netlib.link import neighbours
from netlib.wire.address import IPv4Address, IPv4Interface, IPv4Network, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket
from netlib.wire.checksum import internet_checksum, internet_checksum_by_words
from netlib.wire.ethernet import ETHERTYPE_ARP, ETHERTYPE_IPV4, EthernetFrame
from netlib.wire.ipv4 import ICMP, IPv4Packet
from netlib.wire.packet import decode

OURS, THEIRS = MACAddress("02:00:00:00:00:01"), MACAddress("02:00:00:00:00:02")


def on_ethernet(**options: Any) -> tuple[Host, Interface]:
    host = Host("h", Random(1), **options)
    return host, host.attach("10.0.0.1/24", OURS)


def give(host: Host, frame: EthernetFrame, now: float = 0.0) -> list[str]:
    host.receive(host.interfaces[0], frame.build(), now)
    return sent(host)


def sent(host: Host) -> list[str]:
    """What the host puts out, in one line each."""
    frames, host.outbox = host.outbox, []
    return [str(decode(frame, "ethernet" if interface.mac else "ip")) for interface, frame in frames]


def arp(operation: int, target: str = "10.0.0.1", to: MACAddress = MACAddress.BROADCAST) -> EthernetFrame:
    packet = ARPPacket(operation=operation, sender_mac=THEIRS, sender_ip=PEER, target_ip=IPv4Address(target))
    return EthernetFrame(to, THEIRS, ETHERTYPE_ARP, packet.build())


def ping(to: MACAddress = OURS, packet: IPv4Packet | None = None) -> EthernetFrame:
    return EthernetFrame(to, THEIRS, ETHERTYPE_IPV4, (packet or echo()).build())


# ---- the interface that reference code relies on ----------------------------------------------------------------


def test_the_interface_of_a_host() -> None:
    assert list(inspect.signature(Host).parameters) == ["name", "random", "parts", "forwarding"]
    assert inspect.signature(Host).parameters["forwarding"].kind is inspect.Parameter.KEYWORD_ONLY
    for method, parameters in {
        "attach": ["self", "address", "mac", "mtu"],
        "receive": ["self", "interface", "frame", "now"],
        "tick": ["self", "now"],
        "deadline": ["self"],
    }.items():
        assert list(inspect.signature(getattr(Host, method)).parameters) == parameters
    host = Host("h", Random(1), Parts())
    assert (host.outbox, host.deadline(), isinstance(host.dropped, Counter)) == ([], None, True)
    interface = host.attach(IPv4Interface("10.0.0.1/24"), mtu=1400)
    assert (interface.mac, interface.mtu, str(interface.address)) == (None, 1400, "10.0.0.1/24")
    assert host.attach("10.0.1.1/24", OURS).mtu == 1500
    assert repr(host) == "<host h 10.0.0.1/24, 10.0.1.1/24>"
    host.tick(5.0)
    assert host.outbox == []


def test_an_mtu_below_68_is_refused() -> None:
    with pytest.raises(ValueError, match="IPv4 needs 68"):
        Host("h", Random(1)).attach("10.0.0.1/24", mtu=67)


def test_a_checksum_that_is_wrong_is_counted_as_the_reference_says() -> None:
    host, interface = on_ethernet()
    frame = bytearray(ping().build())
    frame[14 + 8] ^= 1
    host.receive(interface, bytes(frame), 0.0)
    assert host.dropped["IPv4 bad checksum"] == 1


# ---- Ethernet and ARP --------------------------------------------------------------------------------------------


def test_a_ping_over_ethernet_asks_for_the_address_and_then_answers() -> None:
    host, _ = on_ethernet()
    assert give(host, ping()) == ["ARP who has 10.0.0.2? tell 10.0.0.1"]
    assert give(host, arp(REPLY, to=OURS)) == ["10.0.0.1 > 10.0.0.2 ICMP echo reply id 5 seq 6"]
    assert host.deadline() == 30.0


def test_frames_for_others_of_other_kinds_and_cut_short_are_dropped() -> None:
    host, interface = on_ethernet()
    assert give(host, ping(to=THEIRS)) == []
    assert give(host, EthernetFrame(OURS, THEIRS, 0x86DD, bytes(60))) == []
    assert give(host, EthernetFrame(OURS, THEIRS, ETHERTYPE_ARP, bytes(28))) == []
    assert give(host, EthernetFrame(OURS, THEIRS, ETHERTYPE_ARP, bytes(27))) == []
    host.receive(interface, bytes(13), 0.0)
    assert host.dropped == {
        "Ethernet not for us": 1, "Ethernet unknown ethertype": 1, "ARP malformed": 1, "ARP truncated": 1,
        "Ethernet truncated": 1,
    }  # fmt: skip


def test_unicast_in_a_broadcast_frame_is_dropped_and_broadcast_goes_out_as_one() -> None:
    host, _ = on_ethernet()
    assert give(host, ping(to=MACAddress.BROADCAST)) == []
    assert host.dropped == {"IPv4 unicast in a link broadcast": 1}
    for destination in ("255.255.255.255", "10.0.0.255"):
        host.socket(RAW, 99).send(IPv4Packet(destination=IPv4Address(destination)), 0.0)
        [(_, frame)] = host.outbox
        host.outbox = []
        assert EthernetFrame.parse(frame).destination == MACAddress.BROADCAST


def test_arp_for_anothers_address_is_not_answered() -> None:
    host, _ = on_ethernet(forwarding=True)
    assert give(host, arp(REQUEST, target="10.0.0.77")) == []
    assert give(host, arp(REQUEST)) == ["ARP 10.0.0.1 is at 02:00:00:00:00:01"]


def test_a_neighbour_that_does_not_answer_is_reported_to_the_sender() -> None:
    """A router that can't reach the destination says "host unreachable", to a host and to itself."""
    router = Host("r", Random(1), forwarding=True)
    lan, _ = router.attach("10.0.0.1/24"), router.attach("10.0.9.1/24", OURS)
    raw = router.socket(RAW, ICMP)
    silent = IPv4Address("10.0.9.5")
    router.receive(lan, udp(silent).build(), 0.0)
    raw.send(IPv4Packet(destination=silent, payload=icmp(echo()).build()), 0.5)
    for due in (1.0, 2.0):
        router.tick(due)
    assert sent(router) == ["ARP who has 10.0.9.5? tell 10.0.9.1"] * 3
    router.tick(2.999)
    assert sent(router) == []
    router.tick(3.0)
    assert [line.partition(" (")[0] for line in sent(router)] == ["10.0.0.1 > 10.0.0.2 ICMP host unreachable"]
    assert router.dropped == {"ARP no answer": 2}
    received = raw.receive()
    assert received and (received[0], what(received[1])) == (3.0, (3, 1))


# ---- sockets -----------------------------------------------------------------------------------------------------


def test_each_socket_gets_a_packet_of_its_own_with_the_time() -> None:
    machine = Machine()
    one, two, other = (machine.host.socket(RAW, protocol) for protocol in (ICMP, ICMP, 17))
    machine.now = 4.5
    machine.give(echo())
    first, second = one.receive(), two.receive()
    assert first and second and (first[0], first[1]) == (4.5, second[1])
    first[1].ttl = 1
    assert second[1].ttl == 64
    assert (one.receive(), other.receive(), one.readable) == (None, None, False)
    one.close()
    one.close()
    machine.give(echo())
    assert (one.readable, two.readable) == (False, True)


def test_a_socket_that_nobody_reads_is_bounded() -> None:
    machine = Machine()
    socket = machine.host.socket(RAW)
    for _ in range(INBOX + 10):
        machine.give(echo())
    assert (len(socket.inbox), machine.dropped) == (INBOX, {"socket full": 10})


def test_other_kinds_of_socket_are_refused() -> None:
    with pytest.raises(ValueError, match="socket kind 'sequenced'"):
        Machine().host.socket("sequenced")


# ---- parts -------------------------------------------------------------------------------------------------------


def test_your_checksum_is_used_on_the_way_in_and_on_the_way_out() -> None:
    seen: list[bytes] = []

    def mine(data: bytes) -> int:
        seen.append(data)
        return internet_checksum_by_words(data)

    machine = Machine(Parts(checksum=mine))
    request = echo().build()
    [reply] = machine.give(request)
    assert seen[0] == request[:20]
    assert seen[1] == reply.build()[:10] + b"\0\0" + reply.build()[12:20]
    assert len(seen) == 2


def test_a_wrong_checksum_of_yours_refuses_all_that_comes_in_and_is_on_all_that_goes_out() -> None:
    machine = Machine(Parts(checksum=lambda data: 0x1234))
    assert machine.give(echo()) == []
    assert machine.dropped == {"IPv4 bad checksum": 1}
    machine.host.socket(RAW, 99).send(IPv4Packet(destination=PEER, payload=bytes(3000)), 0.0)
    assert len(machine.host.outbox) == 3  # its fragments too
    assert {data[10:12] for _, data in machine.host.outbox} == {b"\x12\x34"}


def test_your_echo_reply_answers() -> None:
    machine = Machine(Parts(echo_reply=lambda request: b"\0\0" + request[2:]))
    [reply] = machine.give(echo())
    assert reply.payload == b"\0\0" + echo().payload[2:]
    assert Machine(Parts(echo_reply=lambda request: None)).give(echo()) == []


def test_your_icmp_error_reports() -> None:
    asked: list[Any] = []

    def mine(packet: bytes, type: int, code: int, rest: int) -> bytes:
        asked.append((packet, type, code, rest))
        return b"mine" + bytes(4)

    machine = Machine(Parts(icmp_error=mine), forwarding=True)
    packet = udp(ELSEWHERE, size=1000, dont_fragment=True).build()
    [report] = machine.give(packet)
    assert (report.payload, asked) == (b"mine" + bytes(4), [(packet, 3, 4, 600)])


def test_your_icmp_error_may_decide_to_say_nothing() -> None:
    assert len(Machine().give(udp())) == 1  # port unreachable
    assert Machine(Parts(icmp_error=lambda *_: None)).give(udp()) == []


def test_your_decrement_ttl_and_your_fragment_forward() -> None:
    def cut(packet: bytes, mtu: int) -> list[bytes]:
        return fragments.fragment(packet, 100)

    machine = Machine(Parts(decrement_ttl=lambda packet: decrement_ttl(decrement_ttl(packet)), fragment=cut), True)
    pieces = machine.give(udp(ELSEWHERE, size=1000, ttl=9))
    assert {piece.ttl for piece in pieces} == {7}
    assert max(piece.total_length for piece in pieces) == 100


def test_your_reassembler_puts_together_and_is_asked_about_time() -> None:
    class Mine:
        def __init__(self) -> None:
            self.steps: list[Any] = []

        def add(self, packet: bytes, now: float) -> bytes | None:
            self.steps.append(("add", now))
            return echo().build() if len(self.steps) == 2 else None

        def expire(self, now: float) -> list[bytes]:
            self.steps.append(("expire", now))
            return [udp(more_fragments=True).build()]

        def deadline(self) -> float | None:
            return 7.0

    machine = Machine(Parts(reassembler=Mine))
    assert machine.give(udp(more_fragments=True)) == []
    assert [what(reply) for reply in machine.give(udp(more_fragments=True))] == [(0, 0)]
    assert machine.host.deadline() == 7.0
    machine.host.tick(7.0)
    assert [what(report) for report in machine.out()] == [(11, 1)]
    assert machine.host.internet.reassembler.steps == [("add", 0.0), ("add", 0.0), ("expire", 7.0)]  # type: ignore


def test_your_routes_decide() -> None:
    class Mine(Routes):
        def lookup(self, destination: bytes) -> Route | None:
            return Route(IPv4Network("0.0.0.0/0"), None, 0)

    machine = Machine(Parts(routes=Mine), forwarding=True)
    machine.give(udp(ELSEWHERE))
    assert machine.by == ["eth0"]


def bad_reassembler(**methods: Callable[..., Any]) -> type:
    return type("Bad", (Reassembler,), methods)


WRONG_TYPES = {
    "checksum": (Parts(checksum=lambda data: None), echo()),  # type: ignore
    "checksum returned 65536": (Parts(checksum=lambda data: 65536), echo()),
    "echo_reply": (Parts(echo_reply=lambda request: "reply"), echo()),  # type: ignore
    "icmp_error": (Parts(icmp_error=lambda *_: "report"), udp()),  # type: ignore
    "decrement_ttl": (Parts(decrement_ttl=lambda packet: packet[8] - 1), udp(ELSEWHERE)),  # type: ignore
    "fragment": (Parts(fragment=lambda packet, mtu: packet), udp(ELSEWHERE, size=900)),  # type: ignore
    "fragment, in its list,": (Parts(fragment=lambda *_: [1]), udp(ELSEWHERE, size=900)),  # type: ignore
    "reassembler.add": (Parts(reassembler=bad_reassembler(add=lambda *_: 5)), udp(more_fragments=True)),
}


@pytest.mark.parametrize("part", WRONG_TYPES)
def test_a_part_that_returns_the_wrong_thing_is_named_and_the_host_goes_on(part: str) -> None:
    parts, packet = WRONG_TYPES[part]
    machine = Machine(parts, forwarding=True)
    for _ in range(2):
        with pytest.raises((TypeError, ValueError), match=f"the part {part}"):
            machine.give(packet)
    if "checksum" not in part and "echo" not in part:
        assert [what(reply) for reply in machine.give(echo())] == [(0, 0)]


def test_a_part_that_raises_costs_one_packet() -> None:
    def raises(request: bytes) -> bytes:
        if request[-1] == 7:
            raise RuntimeError("mine")
        return b"ok"

    machine = Machine(Parts(echo_reply=raises))
    with pytest.raises(RuntimeError, match="mine"):
        machine.give(echo(size=8))
    assert [reply.payload for reply in machine.give(echo(size=7))] == [b"ok"]


# ---- parts by themselves -----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(ip_packets().filter(lambda data: data[8] > 0))
def test_decrementing_the_ttl_keeps_the_checksum_right(packet: bytes) -> None:
    after = decrement_ttl(packet)
    assert after[8] == packet[8] - 1
    assert internet_checksum(after[: 4 * (after[0] & 15)]) == 0
    assert after[:8] + after[9:10] + after[12:] == packet[:8] + packet[9:10] + packet[12:]


def test_the_longest_prefix_wins_and_the_last_route_for_a_network() -> None:
    routes = Routes()
    texts = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.1.1.1/32"]
    for number, text in enumerate(texts):
        routes.add(Route(IPv4Network(text), None, number))
    for number, address in enumerate(["11.0.0.1", "10.2.0.1", "10.1.2.1", "10.1.1.2", "10.1.1.1"]):
        assert routes.lookup(IPv4Address(address)) == Route(IPv4Network(texts[number]), None, number)
    routes.add(Route(IPv4Network("10.1.0.0/16"), None, 77))
    found = routes.lookup(IPv4Address("10.1.2.1"))
    assert found and found.interface == 77
    assert Routes().lookup(PEER) is None


def test_an_echo_reply_is_the_request_with_another_type_and_checksum() -> None:
    request = echo().payload
    reply = netlib_icmp.echo_reply(request)
    assert reply and reply[0] == 0 and reply[4:] == request[4:] and internet_checksum(reply) == 0
    assert netlib_icmp.echo_reply(request[:-1]) is None


# ---- nothing that arrives can upset a host -----------------------------------------------------------------------


def mutate(data: bytes, random: Random) -> bytes:
    """A few bytes changed, cut off or added; often with the header checksum mended, so that it gets further."""
    mutant = bytearray(data)
    for _ in range(random.randrange(4)):
        if mutant:
            mutant[random.randrange(len(mutant))] = random.choice((0, 1, 0x45, 0x7F, 0xFF, random.randrange(256)))
    if random.random() < 0.2:
        del mutant[random.randrange(len(mutant) + 1) :]
    start = 14 if random.random() < 0.5 else 0
    if random.random() < 0.7 and len(mutant) >= start + 20:
        end = start + 4 * (mutant[start] & 15)
        mutant[start + 10 : start + 12] = b"\0\0"
        mutant[start + 10 : start + 12] = internet_checksum(bytes(mutant[start:end])).to_bytes(2, "big")
    return bytes(mutant)


def aimed(data: bytes, random: Random, offset: int) -> bytes:
    """The packet with an address of ours, or one that matters, as its destination and often as its source."""
    addresses = [ROUTER, PEER, ELSEWHERE, IPv4Address("10.0.0.255"), IPv4Address.BROADCAST, IPv4Address("127.0.0.1")]
    if len(data) < offset + 20:
        return data
    data = data[: offset + 16] + random.choice(addresses) + data[offset + 20 :]
    return data[: offset + 12] + random.choice(addresses) + data[offset + 16 :] if random.random() < 0.7 else data


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.one_of(st.binary(max_size=80), frames(), ip_packets()), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_receive_never_raises(data: list[bytes], random: Random, forwarding: bool) -> None:
    host = Host("h", Random(1), forwarding=forwarding)
    cable, tun = host.attach("10.0.0.1/24", OURS, mtu=100), host.attach("10.0.9.1/24", mtu=68)
    host.add_route("0.0.0.0/0", via="10.0.9.9")
    host.socket(RAW, ICMP)
    now = 0.0
    for original in data:
        for interface, offset in ((cable, 14), (tun, 0)):
            for one in (original, mutate(aimed(original, random, offset), random)):
                if offset:
                    target = random.choice((OURS, MACAddress.BROADCAST))
                    one = random.choice((one, target + one[6:], target + THEIRS + b"\x08\0" + one, target + THEIRS
                                         + b"\x08\x06" + one))  # fmt: skip
                host.receive(interface, one, now)
                now += random.choice((0.0, 0.5, 30.0))
                host.tick(now)
    assert all(isinstance(frame, bytes) for _, frame in host.outbox)
    for interface, frame in host.outbox:  # and what it puts out is well-formed and fits the link
        problems = decode(frame, "ethernet" if interface.mac else "ip").problems
        assert not [problem for problem in problems if "IPv4Packet" in str(problem)]
        assert len(frame) - (14 if interface.mac else 0) <= interface.mtu


def test_what_strangers_can_fill_is_bounded() -> None:
    """A mixed flood, forged in every field: all that a host keeps stays within its limits."""
    random = Random(7)
    host = Host("h", Random(1), forwarding=True)
    cable = host.attach("10.0.0.1/8", OURS)
    host.socket(RAW, ICMP)
    table, internet = host.interfaces[0].neighbours, host.internet
    assert table
    for i in range(8000):
        forged = IPv4Address(b"\x0a" + random.randbytes(3))
        packet = random.choice((udp, echo))(random.choice((ROUTER, forged)), source=forged, ttl=random.choice((1, 9)))
        packet.identification = random.getrandbits(16)
        packet.more_fragments, packet.fragment_offset = random.random() < 0.3, random.choice((0, 0, 1, 5))
        frame = EthernetFrame(OURS, THEIRS, ETHERTYPE_IPV4, packet.build())
        if i % 3 == 0:
            question = ARPPacket(operation=REQUEST, sender_ip=forged, sender_mac=THEIRS, target_ip=ROUTER)
            frame = EthernetFrame(OURS, THEIRS, ETHERTYPE_ARP, question.build())
        host.receive(cable, frame.build(), i * 1e-4)
        host.outbox.clear()
        assert len(table.table) <= neighbours.LIMIT
        assert table.waiting <= neighbours.WAITING + neighbours.LIMIT
        assert len(internet.reassembler.incomplete) <= fragments.PACKETS  # type: ignore
    assert internet.reassembler.held <= fragments.BYTES  # type: ignore
    assert not (internet.delivered or internet.outbox or table.outbox or table.resolved or table.failed)
    assert len(host.dropped) < 30
    assert len(host.raw[0].inbox) <= INBOX
