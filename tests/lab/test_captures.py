"""Captures at several points: one time axis, addresses that are known, and links that light up in the drawing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from netlib.lab import Lab, LabError
from netlib.lab.captures import homes
from netlib.wire.address import MACAddress
from netlib.wire.icmp import ICMPEcho

WAY = ("h1:eth1", "r1:eth1", "r1:eth2", "r2:eth1", "r2:eth2", "r3:eth1", "r3:eth2", "h2:eth1")


def test_one_ping_is_one_line_of_arrows_from_h1_to_h2_and_back(lab: Lab) -> None:
    lab["h1"].run("ping -c 1 -W 5 10.0.4.2", check=True)  # so that nobody asks for MAC addresses below
    with lab.captures(*WAY) as captures:
        lab["h1"].run("ping -c 1 -W 5 10.0.4.2", check=True)
    diagram = captures.sequence(title="One ping")
    arrows = [(m.source, m.destination, m.lost) for m in sorted(diagram.messages, key=lambda m: m.sent)]
    there = [("h1", "r1", False), ("r1", "r2", False), ("r2", "r3", False), ("r3", "h2", False)]
    assert arrows == there + [(b, a, False) for a, b, _ in reversed(there)]
    assert diagram.participants == ["h1", "r1", "r2", "r3", "h2"] and diagram.title == "One ping"
    assert len(captures["r2:eth1"].packets) == 2 and len(captures.packets) == 16
    times = [time for time, _ in captures.packets]
    assert times == sorted(times) and times[-1] - times[0] < 60
    assert not captures.running and captures.lost == 0


def test_what_a_router_drops_is_lost_there(lab: Lab) -> None:
    lab["h1"].run("ping -c 1 -W 5 10.0.4.2", check=True)
    lab["r2"].sh("ip route replace blackhole 10.0.4.0/24", check=True)
    try:
        with lab.captures(*WAY) as captures:
            lab["h1"].run("ping -c 1 -W 0.1 10.0.4.2")
    finally:
        lab["r2"].run("ip route replace 10.0.4.0/24 via 10.0.3.3", check=True)
    lost = [(m.source, m.destination) for m in captures.sequence().messages if m.lost]
    assert lost == [("r2", "r3")]


def test_a_packet_to_an_interface_that_nobody_watches_is_not_called_lost(lab: Lab) -> None:
    lab["h1"].run("ip neigh flush all", check=True)
    with lab.captures("h1:eth1", "r1:eth2", "h2:eth1") as captures:
        lab["h1"].run("ping -c 1 -W 5 10.0.1.1", check=True)
        lab["h1"].run("traceroute -n -q 1 -N 1 -w 2 10.0.4.2", check=True)
    diagram = captures.sequence(most=1000)
    assert not [m for m in diagram.messages if m.lost and "UDP" not in m.label]  # probes do end on the way
    notes = [note.label for note in diagram.notes if note.participant == "h1"]
    assert any("echo request" in label and "seen only here" in label for label in notes)
    assert any("echo reply" in label and "arrives from 10.0.1.1" in label for label in notes)
    assert any("exceeded" in label and "arrives from 10.0.1.1" in label for label in notes)  # r1's; those of r2 and r3:
    assert any("exceeded" in m.label and (m.source, m.destination) == ("r1", "h1") for m in diagram.messages)


def test_an_arrow_says_the_ttl_on_its_link_and_no_unwatched_interface_loses_anything(lab: Lab) -> None:
    """One end of each link but the third: what died in r3 came in where nobody looked."""
    with lab.captures("h1:eth1", "r1:eth1", "r2:eth1", "r3:eth2", "h2:eth1") as captures:
        for ttl in (3, 64):
            lab["h1"].run(f"ping -c 1 -W 1 -t {ttl} 10.0.4.2")
    diagram = captures.sequence(most=1000)
    assert not [m for m in diagram.messages if m.lost]
    assert any(note.participant == "r2" and "nobody watches r3:eth1" in note.label for note in diagram.notes)
    there = {(m.source, m.destination): m.words for m in diagram.messages if "request" in m.label and m.sent > 0}
    assert there["h1", "r1"].endswith("TTL 64") and there["r1", "r2"].endswith("TTL 63")
    assert there["r3", "h2"].endswith("TTL 61")


def test_one_point_alone_shows_who_speaks_there(lab: Lab) -> None:
    with lab.capture("r1:eth1") as capture:
        lab["h1"].run("ping -c 1 -W 5 10.0.4.2", check=True)
    echoes = [m for m in capture.sequence().messages if "echo" in m.label]
    assert [(m.source, m.destination) for m in echoes] == [("h1", "h2"), ("h2", "h1")]
    assert set(capture.sequence().participants) <= {"h1", "h2", "r1"}


def test_addresses_that_two_nodes_share_are_nobodys(lab: Lab) -> None:
    assert homes(lab.topology)["10.0.3.3"] == "r3"
    assert homes(lab.topology, {"r3:eth2"})["10.0.3.3"] == "r3:eth1"
    assert len(homes(lab.topology)) == 8


def test_mistakes_in_points_are_one_line_and_nothing_is_left_running(lab: Lab) -> None:
    with pytest.raises(LabError, match="h1 has no interface 'eth7'"):
        lab.captures("h1:eth1", "h1:eth7")
    assert lab["h1"].sh("while pgrep -x capture; do sleep 0.01; done", timeout=60)
    with pytest.raises(LabError, match="h1:eth1 is named twice"):
        lab.captures("h1:eth1", "h1:eth1")
    with pytest.raises(LabError, match="say where to capture"):
        lab.captures()
    with lab.captures("h1:eth1") as captures, pytest.raises(LabError, match=r"'h2:eth1' is not captured.*h1:eth1"):
        captures["h2:eth1"]


def test_the_drawing_lights_up_what_was_captured_and_counts_it(lab: Lab) -> None:
    lab["h1"].run("ping -c 1 -W 5 10.0.4.2", check=True)
    with lab.captures("h1:eth1", "r2:eth1") as captures, lab.capture("r3:eth2") as quiet:
        lab["h1"].run("ping -c 3 -i 0.01 -W 5 10.0.3.2", check=True)  # r2
    drawing = lab.drawing(captures, quiet)
    flows = {(line.a, line.b): line.flow for line in drawing.lines}
    for ends in (("h1", "r1"), ("r1", "r2")):
        flow = flows[ends]
        assert flow and flow.forward[0] >= 3 and flow.backward[0] >= 3
        whole = captures["h1:eth1" if "h1" in ends else "r2:eth1"].packets
        assert flow.frames == len(whole)
        assert flow.forward[1] + flow.backward[1] == sum(len(packet.data) for _, packet in whole)
    assert flows["r2", "r3"] is None and flows["r3", "h2"] is not None and flows["r3", "h2"].frames == 0
    text = str(drawing)
    assert "h1:eth1 10.0.1.2/24  --  r1:eth1 10.0.1.1/24  > " in text and "not captured" in drawing.table()
    assert "r2 (router)" in text and lab.badge in text


def test_directions_are_told_by_who_owns_the_source_address(lab: Lab) -> None:
    lab["h1"].run("ping -c 1 -W 5 10.0.4.2", check=True)
    with lab.capture("r3:eth2") as capture:
        lab["h1"].run("ping -c 2 -i 0.01 -W 5 -s 1000 10.0.4.2", check=True)
        lab["h2"].sh("ping -c 1 -W 0.1 -s 10 10.0.1.99")  # nobody: more one way than the other
    flow = lab.drawing(capture).lines[-1].flow
    assert flow
    requests = [p for _, p in capture.packets if ICMPEcho in p and p[ICMPEcho].type == 8 and len(p.data) > 1000]
    assert len(requests) == 2
    assert flow.forward[1] >= 2 * 1042 and flow.backward[1] >= 2 * 1042 + 52
    assert flow.forward[1] + flow.backward[1] == sum(len(packet.data) for _, packet in capture.packets)


def test_a_host_that_was_attached_is_on_the_side_where_it_was(lab: Lab) -> None:
    from netlib.host import Host

    host = Host("me", Random(1))
    host.attach("10.0.1.9/24", MACAddress("02:00:00:00:aa:09"))
    host.add_route("0.0.0.0/0", via="10.0.1.1")
    with lab.capture("h1:eth1") as capture, lab["h1"].attach(host, "eth1"):
        lab["r1"].run("ping -c 3 -i 0.01 -s 1000 -W 5 10.0.1.9", check=True)
    flow = lab.drawing(capture).lines[0].flow
    assert flow and min(flow.forward[1], flow.backward[1]) >= 3 * 1042


SWITCHES = """
nodes:
  h1: {kind: linux, exec: [ip addr add 10.0.0.1/24 dev eth1]}
  s1: {kind: linux, exec: [ip link add br0 up type bridge, ip link set eth1 master br0, ip link set eth2 master br0]}
  s2: {kind: linux, exec: [ip link add br0 up type bridge, ip link set eth1 master br0, ip link set eth2 master br0]}
  h2: {kind: linux, exec: [ip addr add 10.0.0.2/24 dev eth1]}
links:
  - {endpoints: ["s2:eth1", "s1:eth2"], mtu: 1500}
  - {endpoints: ["h1:eth1", "s1:eth1"], mtu: 1500}
  - {endpoints: ["h2:eth1", "s2:eth2"], mtu: 1500}
"""


@pytest.mark.parametrize("own_macs", [True, False])
def test_between_switches_frames_go_the_way_of_their_senders(
    labs_work: None, write: Callable[[str], Path], own_macs: bool
) -> None:
    with Lab(write(SWITCHES)) as lab:
        if not own_macs:  # as containerlab chooses them
            lab["h1"].run("ip link set eth1 address aa:c1:ab:00:00:01", check=True)
            lab["h2"].run("ip link set eth1 address aa:c1:ab:00:00:02", check=True)
        with lab.captures("s1:eth2", "h1:eth1") as captures:
            lab["h1"].sh(
                "ping -c 1 -W 5 10.0.0.2 && ip neigh add 10.0.0.9 lladdr 02:00:00:00:99:99 dev eth1", check=True
            )
            lab["h1"].run("ping -c 4 -s 1000 -i 0.01 -W 0.1 10.0.0.9")  # nobody
        drawing = lab.drawing(captures)
        assert "s1 (switch)" in str(drawing)
        lines = {(line.a, line.b): line.flow for line in drawing.lines}
        for flow in (lines["s1", "s2"], lines["h1", "s1"]):
            assert flow and flow.forward[1] >= 4 * 1042 > flow.backward[1] >= 42 + 98  # ARP's answer and the ping's


def test_a_lab_shows_itself_with_its_badge(lab: Lab) -> None:
    html = lab._repr_html_()
    assert lab.badge in html and "base64," in html and "10.0.4.2/24" in html
    assert "border:3px" not in html  # as a recording's banner has
    assert "(down)" in str(Lab("06-icmp").drawing())
