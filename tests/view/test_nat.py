"""Both sides of a NAT: which packets are the same, what has changed in them, and which row they used."""

from netlib.view import nat_sides
from netlib.view.nat import MOST
from netlib.wire.address import IPv4Address
from netlib.wire.icmp import ICMPTimeExceeded
from netlib.wire.ipv4 import ICMP, UDP, IPv4Packet
from netlib.wire.packet import Packet, decode, stack
from netlib.wire.udp import UDPDatagram

from .tcp import nat_run

INSIDE, OURS, THERE, ROUTER = map(IPv4Address, ("10.0.0.2", "203.0.113.1", "198.51.100.7", "192.0.2.1"))


def datagram(source: IPv4Address, port: int, destination: IPv4Address, to: int, number: int = 1, ttl: int = 64,
             payload: bytes = b"hello") -> bytes:  # fmt: skip
    ip = IPv4Packet(protocol=UDP, source=source, destination=destination, identification=number, ttl=ttl)
    return stack(ip, UDPDatagram(port, to, payload=payload))


def at(time: float, data: bytes) -> tuple[float, Packet]:
    return time, decode(data, "ip")


def test_every_packet_has_its_other_side_and_its_row() -> None:
    inside, outside, history, _ = nat_run()
    sides = nat_sides(inside, outside, history)
    assert sides.passings and all(p.inside and p.outside for p in sides.passings)
    syns = [line for line in str(sides).splitlines() if line.endswith("TCP SYN")]
    assert "[10.0.0.2]:5000 > 203.0.113.9:80 [TTL 64]" in syns[0] and "[203.0.113.1]:5000" in syns[0]
    assert "[10.0.0.3:5000]" in syns[1], "the second one gets another port"
    assert "→ row 1 SYN_SENT →" in syns[0] and "→ row 2 SYN_SENT →" in syns[1]
    back = [line for line in str(sides).splitlines() if line.endswith("TCP SYN ACK")]
    assert "← row 1 SYN_RECV ←" in back[0] and "> [10.0.0.2]:5000" in back[0]
    assert [row[1:4] for row in sides.table_rows()][::2] == [
        ("TCP", "10.0.0.2:5000", "203.0.113.1:5000"), sides.table_rows()[2][1:4]]  # fmt: skip
    assert sides.table_rows()[2][1] == "ICMP" and "echo reply" in str(sides)


def test_what_changed_is_highlighted_and_not_by_colour_alone() -> None:
    inside, outside, history, _ = nat_run()
    html = nat_sides(inside, outside, history)._repr_html_()
    assert ';font-weight:bold;white-space:nowrap">[10.0.0.2]</span>:5000' in html
    assert "IP checksum" in html and "TCP checksum" in html


def test_without_history_the_row_has_no_state_and_without_a_nat_there_is_none() -> None:
    inside, outside, _, nat = nat_run()
    assert "→ row 1 →" in str(nat_sides(inside, outside, nat))
    assert "→ row 1 →" in str(nat_sides(inside, outside, nat.table()))
    plain = str(nat_sides(inside, outside))
    assert "row 1" not in plain and "[10.0.0.2]:5000" in plain


def test_what_was_seen_on_one_side_alone_says_so() -> None:
    sides = nat_sides([at(0.0, datagram(INSIDE, 7, THERE, 53))], [at(0.5, datagram(THERE, 9, OURS, 9, 2))])
    words = [line.split("  ") for line in str(sides).splitlines()[3:5]]
    assert "not seen" in words[0][-2] or "not seen" in " ".join(words[0])
    assert all("not seen" in " ".join(line) and "[" not in " ".join(line) for line in words)


def test_packets_alike_are_paired_by_their_times_and_a_lost_one_has_no_other_side() -> None:
    inside = [at(0.0, datagram(INSIDE, 7, THERE, 53)), at(1.0, datagram(INSIDE, 7, THERE, 53))]
    outside = [at(1.001, datagram(OURS, 1024, THERE, 53, ttl=63))]
    first, second = nat_sides(inside, outside).passings
    assert (first.time, first.outside) == (0.0, None) and second.outside is not None and second.outward


def test_strangers_that_look_alike_are_not_paired() -> None:
    sides = nat_sides([at(0.0, datagram(INSIDE, 7, THERE, 53))], [at(0.0, datagram(ROUTER, 7, OURS, 53))])
    assert [p.outward for p in sides.passings] == [None, None]


def test_an_icmp_error_uses_the_row_of_the_packet_that_it_quotes() -> None:
    sent_in, sent_out = datagram(INSIDE, 7, THERE, 53), datagram(OURS, 1024, THERE, 53, ttl=63)

    def error(to: IPv4Address, about: bytes) -> bytes:
        return stack(IPv4Packet(protocol=ICMP, source=ROUTER, destination=to), ICMPTimeExceeded(payload=about[:28]))

    row = {"protocol": "UDP", "inside": f"{INSIDE}:7", "outside": f"{OURS}:1024", "remote": f"{THERE}:53"}
    sides = nat_sides([at(0.0, sent_in), at(0.2, error(INSIDE, sent_in))],
                      [at(0.0, sent_out), at(0.2, error(OURS, sent_out))], [row])  # fmt: skip
    assert [sides.row_at(p) for p in sides.passings] == ["row 1", "row 1"]
    assert [p.outward for p in sides.passings] == [True, False]


def test_many_packets_are_cut_and_counted() -> None:
    packets = [at(i / 10, datagram(INSIDE, 7, THERE, 53, i)) for i in range(3000)]
    same = [at(i / 10, datagram(OURS, 7, THERE, 53, 1, 63)) for i in range(3000)]
    sides = nat_sides(packets, same)
    assert len(sides.passings) == MOST and "packets, not shown" in str(sides)
    assert len(sides._repr_html_()) < 100_000
