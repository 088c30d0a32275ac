"""Sequence diagrams: what they say, and which sightings they take for one packet."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from netlib.apps.traceroute import traceroute
from netlib.view import Message, SequenceDiagram, sequence
from netlib.view.arrows import Axis, in_two
from netlib.wire.arp import ARPPacket
from netlib.wire.ethernet import EthernetFrame
from netlib.wire.packet import Packet, stack
from netlib.worlds.simulation import Simulation

from .examples import H1, MAC1, R1, echo, packet, probe, reply, time_exceeded

SVG = "{http://www.w3.org/2000/svg}"
Points = dict[str, list[tuple[float, Packet]]]


def seen(diagram: SequenceDiagram) -> list[tuple[str, str, float, float | None]]:
    return [(m.source, m.destination, round(1000 * m.sent, 6), m.received and round(1000 * m.received, 6))
            for m in sorted(diagram.messages, key=lambda m: (m.sent, m.source))]  # fmt: skip


def handshake() -> SequenceDiagram:
    diagram = SequenceDiagram(["client", "server"], title="Opening a connection")
    diagram.message("client", "server", "SYN", sent=5.0, received=5.01)
    diagram.message("server", "client", "SYN ACK", sent=5.01, received=None)
    return diagram.note("client", 6.0, "timeout")


def test_text_exactly() -> None:
    assert str(handshake()) == """\
Opening a connection
     0.000 ms  client -> server  SYN        (arrives 10.000 ms)
    10.000 ms  server -x client  SYN ACK    LOST
  1000.000 ms  client            * timeout"""
    assert str(SequenceDiagram(["a", "b"])) == "between a, b\n  nothing was sent"


def test_the_picture_says_lost_in_words_and_the_alt_text_counts() -> None:
    texts = [node.text for node in ET.fromstring(handshake().svg()).iter(f"{SVG}text")]
    assert {"lost", "SYN", "SYN ACK", "timeout", "client", "server"} <= set(texts)
    html = handshake()._repr_html_()
    assert 'alt="Sequence diagram of client, server: 2 messages over 1000.000 ms, 1 lost. The list' in html
    assert "<td" in html and "10.000 ms" in html


def test_impossible_messages_are_refused() -> None:
    with pytest.raises(ValueError, match="before it was sent"):
        SequenceDiagram(["a"]).message("a", "b", "x", sent=1, received=0.5)
    with pytest.raises(ValueError, match="to itself"):
        SequenceDiagram(["a"]).message("a", "a", "x", sent=1, received=2)


def test_too_many_are_cut_and_counted() -> None:
    diagram = sequence([(i / 1000, "a", "b", f"m{i}", i / 1000 + 0.01) for i in range(42)], most=5)
    assert "and 37 more messages" in str(diagram) and "and 37 more messages" in diagram._repr_html_()
    assert str(diagram).count("->") == 5 and ">m6<" not in diagram.svg()


def heights(diagram: SequenceDiagram) -> list[tuple[float, float]]:
    lines = ET.fromstring(diagram.svg()).iter(f"{SVG}line")
    return [(float(line.get("y1")), float(line.get("y2"))) for line in lines if line.get("marker-end")]


def test_a_true_axis_is_true() -> None:
    diagram = sequence([(0, "a", "b", "one", 0.010), (0.02, "b", "a", "two", 0.050), (0.1, "a", "b", "three", 0.14)])
    assert "time in ms, to scale" in diagram.svg()
    (a, b), (c, d), (e, f) = heights(diagram)
    scale = (f - a) / 140
    assert [(y - a) / scale for y in (b, c, d, e)] == pytest.approx([10, 20, 50, 100], abs=0.3)


@pytest.mark.parametrize("scale", ["auto", "order"])
def test_messages_of_one_moment_are_kept_apart_in_their_order_and_the_axis_says_so(scale: str) -> None:
    burst = [(0.0, "a", "b", f"segment {i}", 0.05) for i in range(5)]
    diagram = sequence([*burst, (0.05, "b", "a", "ack", 0.1), (30.0, "a", "b", "much later", 30.05)], scale=scale)
    assert "not to scale where it is dashed" in diagram.svg()
    starts = [start for start, _ in heights(diagram)]
    assert starts == sorted(starts)
    assert min(b - a for a, b in pairwise(starts)) >= 20
    assert all(end > start for start, end in heights(diagram))
    assert starts[-1] < 700  # half a minute of silence is cut short


def test_a_note_stands_before_what_it_causes_and_behind_what_arrives() -> None:
    diagram = SequenceDiagram(["a", "b"], scale="order").message("a", "b", "one", sent=0.0, received=0.0)
    diagram.message("a", "b", "again", sent=1.0, received=1.1).note("a", 1.0, "timeout").note("b", 0.0, "seen")
    circles = [float(c.get("cy")) for c in ET.fromstring(diagram.svg()).iter(f"{SVG}circle")]
    (_, arrived), (again, _) = heights(diagram)
    assert arrived < circles[0] and circles[1] < again


def test_axis_pieces_know_whether_they_are_to_scale() -> None:
    assert Axis([(0.0, 0), (10.0, 0), (20.0, 0)], 3.0).stretched == []
    assert len(Axis([(0.0, 0), (10.0, 0), (20.0, 0), (9000.0, 0)], None).stretched) == 1


def test_one_packet_at_three_points_becomes_two_arrows() -> None:
    points = {
        "h1": [(0.0, packet(echo(ttl=64))), (0.04, packet(reply(ttl=63)))],
        "r1": [(0.01, packet(echo(ttl=64))), (0.03, packet(reply(ttl=63)))],
        "h2": [(0.02, packet(echo(ttl=63))), (0.02, packet(reply(ttl=64)))],
    }
    diagram = SequenceDiagram.from_captures(points)
    assert seen(diagram) == [("h1", "r1", 0, 10), ("r1", "h2", 10, 20), ("h2", "r1", 20, 30), ("r1", "h1", 30, 40)]
    assert not diagram.notes
    assert diagram.messages[0].label == "echo request seq 1, TTL 64"


def test_what_was_lost_is_drawn_where_it_was_lost() -> None:
    points: Points = {"h1": [], "r1": [], "h2": []}
    for number in (1, 2, 3):
        start = float(number)
        points["h1"].append((start, packet(echo(number))))
        if number == 2:
            continue
        points["r1"].append((start + 0.01, packet(echo(number))))
        if number == 3:
            continue
        points["h2"].append((start + 0.02, packet(echo(number, ttl=63))))
    assert [(m.source, m.destination, m.lost) for m in SequenceDiagram.from_captures(points).messages] == [
        ("h1", "r1", False), ("r1", "h2", False), ("h1", "r1", True), ("h1", "r1", False), ("r1", "h2", True),
    ]  # fmt: skip


def test_a_retransmission_is_another_packet() -> None:
    same = packet(probe(ttl=9))
    points = {"h1": [(0.0, same), (1.0, same)], "h2": [(1.01, same)]}
    assert seen(SequenceDiagram.from_captures(points)) == [("h1", "h2", 0, None), ("h1", "h2", 1000, 1010)]
    pipelined = {"h1": [(0.0, same), (0.001, same)], "h2": [(0.1, same), (0.101, same)]}
    assert seen(SequenceDiagram.from_captures(pipelined)) == [("h1", "h2", 0, 100), ("h1", "h2", 1, 101)]


def test_an_expired_packet_is_not_called_lost() -> None:
    dying, passing = packet(probe(ttl=1)), packet(probe(33435, ttl=2))
    points = {
        "h1": [(0.0, dying), (0.02, packet(time_exceeded(probe()))), (0.03, passing)],
        "r1": [(0.01, dying), (0.01, packet(time_exceeded(probe()))), (0.04, passing)],
        "r2": [(0.05, packet(probe(33435, ttl=1)))],
    }
    diagram = SequenceDiagram.from_captures(points)
    assert not any(m.lost for m in diagram.messages)
    assert [(n.participant, n.label) for n in diagram.notes] == [("r1", "TTL 1: goes no further")]
    assert ("r1", "h1", 10, 20) in seen(diagram)


def test_two_interfaces_of_a_router_are_one_participant() -> None:
    points = {
        "h1:eth1": [(0.0, packet(echo()))],
        "r1:eth1": [(0.01, packet(echo()))],
        "r1:eth2": [(0.011, packet(echo(ttl=63)))],
        "h2:eth1": [(0.02, packet(echo(ttl=63)))],
    }
    diagram = SequenceDiagram.from_captures(points)
    assert diagram.participants == ["h1", "r1", "h2"]
    assert seen(diagram) == [("h1", "r1", 0, 10), ("r1", "h2", 11, 20)]


def test_one_point_gives_level_arrows_between_addresses() -> None:
    request = stack(EthernetFrame(source=MAC1, ethertype=0x0806), ARPPacket(sender_ip=H1, target_ip=R1))
    capture = [(0.0, packet(request)), (0.01, packet(probe())), (0.02, packet(time_exceeded(probe())))]
    diagram = SequenceDiagram.from_capture(capture, {"10.0.1.2": "h1", "10.0.3.2": "h2"})
    assert diagram.participants == ["h1", "10.0.1.1", "h2"]
    assert seen(diagram) == [("h1", "10.0.1.1", 0, 0), ("h1", "h2", 10, 10), ("10.0.1.1", "h1", 20, 20)]
    assert all(start == end for start, end in heights(diagram))
    assert seen(SequenceDiagram.from_captures({"h1": capture}, hosts={"10.0.1.2": "h1", "10.0.3.2": "h2"})) == seen(
        diagram
    )


def test_matching_captures_finds_what_the_simulation_knows() -> None:
    """Links record who sent what to whom; from what each host saw alone, the same diagram comes out."""
    sim = Simulation(seed=1)
    h1, r1, r2, h2 = sim.host("h1"), sim.router("r1"), sim.router("r2"), sim.host("h2")
    links = [
        sim.link((h1, "10.0.1.2/24"), (r1, "10.0.1.1/24"), delay=0.005),
        sim.link((r1, "10.0.2.1/24"), (r2, "10.0.2.2/24"), delay=0.010, drop={5, 6}),
        sim.link((r2, "10.0.3.1/24"), (h2, "10.0.3.2/24"), delay=0.002),
    ]
    h1.add_route("0.0.0.0/0", via="10.0.1.1")
    h2.add_route("0.0.0.0/0", via="10.0.3.1")
    r1.add_route("10.0.3.0/24", via="10.0.2.2")
    r2.add_route("10.0.1.0/24", via="10.0.2.1")
    captures = [sim.capture(link) for link in links]
    sim.run(traceroute(h1, "10.0.3.2", probes=3))
    known = SequenceDiagram.from_crossings(*captures)
    assert known.participants == ["h1", "r1", "r2", "h2"]
    points: Points = {name: [] for name in known.participants}
    for capture in captures:
        for crossing in capture.crossings:
            points[crossing.sender].append((crossing.time, crossing.packet))
            if crossing.arrival is not None:
                points[crossing.receiver].append((crossing.arrival, crossing.packet))
    matched = SequenceDiagram.from_captures(points)
    as_set = lambda d: {(m.source, m.destination, m.sent, m.received, m.words) for m in d.messages}  # noqa: E731
    assert as_set(matched) == as_set(known)
    assert sum(m.lost for m in known.messages) >= 2


def test_a_diagram_can_be_made_of_messages() -> None:
    message = Message("a", "b", "hello", 0.0, 0.1)
    assert SequenceDiagram(["a", "b"], [message]).messages == [message]
    assert re.search("hello", SequenceDiagram([], [message]).svg())


def test_the_list_has_a_note_behind_what_arrives_there_then_and_before_what_leaves() -> None:
    diagram = SequenceDiagram(["a", "b"]).message("a", "b", "too long", sent=0, received=0).note("b", 0, "dropped")
    diagram.note("a", 1, "again").message("a", "b", "short", sent=1, received=1)
    assert [row[3] for row in diagram.rows()] == ["too long", "dropped", "again", "short"]


def test_a_long_label_is_broken_into_two_lines_and_not_cut() -> None:
    names = ["h1", "r1", "r2", "r3", "h2"]
    label = "time to live exceeded, TTL 64"
    for received in (0.005, None):
        diagram = SequenceDiagram(names).message("r2", "r1", label, sent=0, received=received)
        diagram.message("r1", "h1", label, sent=0.005, received=0.010)
        texts = [node.text or "" for node in ET.fromstring(diagram.svg()).iter(f"{SVG}text")]
        assert "TTL 64" in texts and not [text for text in texts if "…" in text]
        assert " ".join(texts).count("exceeded, TTL 64") == 2


def test_what_two_lines_cannot_hold_is_cut() -> None:
    assert in_two("one two three", 60, 12) == ["one two", "three"]
    assert in_two("x" * 50, 72, 12) == ["x" * 9 + "…"]
